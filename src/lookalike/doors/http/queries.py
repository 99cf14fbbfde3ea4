"""Routes that ask: search, compare, duplicates, clusters, the similarity graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from ...core.relations.comparison import Comparison
from ...errors import InputError
from ...service.outside import outside_picture, outside_source
from ..serialization import clusters_form, comparison_form, duplicates_form, matches_form
from . import openapi, schema
from .bodies import (
    JSON,
    JSON_LINES,
    MULTIPART,
    as_model,
    budget_of,
    files_of,
    media_type,
    read_json,
    read_model,
    read_parts,
)
from .json_budget import too_many_elements
from .paths import Name
from .replies import reply
from .state import on_pictures, principal_of, state_of
from .streams import streamed

if TYPE_CHECKING:
    from .json_budget import JsonBudget
    from .multipart import Part

router = APIRouter(prefix="/api/v1", tags=["questions"])

_EDGES_AT_ONCE = 500
_EXAMPLES = ("like", "unlike")


@router.post(
    "/collections/{name}/search",
    responses={200: {"model": schema.Matches}, **openapi.errors(404, 409, 413, 415, 422)},
    openapi_extra=openapi.body(
        {JSON: schema.SearchQuery, MULTIPART: openapi.files("file", query=schema.SearchQuery, required=["file"])}
    ),
)
async def search(request: Request, name: Name) -> Response:
    """Find what looks like a picture, or like several, best first."""
    principal_of(request).check("read", name)
    question = await read_question(request)

    def work() -> dict[str, Any]:
        collection = state_of(request).collection(request, name, "read")
        return matches_form(collection.search(**question))

    return reply(await on_pictures(request, sources_of(question), work))


Why = Annotated[bool, Query(description="Say why, too: where both agree, and what was changed.")]


@router.post(
    "/compare",
    responses={200: {"model": schema.Comparison}, **openapi.errors(413, 415, 422)},
    openapi_extra=openapi.body({JSON: schema.Pair, MULTIPART: openapi.files("a", "b")}),
)
async def compare(request: Request, explain: Why = False) -> Response:
    """Compare two pictures: how alike they are, and what they are to each other."""
    principal_of(request).check("read")
    pair = await _read_pair(request, stored=False)

    def work() -> dict[str, Any]:
        return _compared(state_of(request).library.compare(*pair), explain=explain)

    return reply(await on_pictures(request, pair, work))


@router.post(
    "/collections/{name}/compare",
    responses={200: {"model": schema.Comparison}, **openapi.errors(404, 409, 413, 415, 422)},
    openapi_extra=openapi.body({JSON: schema.StoredPair, MULTIPART: openapi.files("a", "b")}),
)
async def compare_stored(request: Request, name: Name, explain: Why = False) -> Response:
    """Compare two pictures, of which one or both are stored."""
    principal_of(request).check("read", name)
    pair = await _read_pair(request, stored=True)

    def work() -> dict[str, Any]:
        return _compared(state_of(request).collection(request, name, "read").compare(*pair), explain=explain)

    return reply(await on_pictures(request, pair, work))


@router.get(
    "/collections/{name}/duplicates", responses={200: {"model": schema.DuplicateGroups}, **openapi.errors(404, 422)}
)
async def get_duplicates(
    request: Request,
    name: Name,
    threshold: Annotated[float | None, Query(description=schema.THRESHOLD)] = None,
    precision: Annotated[float | None, Query(description="Instead: the chance that a member is right.")] = None,
    best: Annotated[str, Query(description=schema.BEST)] = "original",
    verify: Annotated[bool | None, Query(description=schema.VERIFY)] = None,
) -> Response:
    """Find groups of records that are the same picture."""
    told = schema.DuplicatesQuery(threshold=threshold, precision=precision, best=best, verify=verify)
    return await _duplicates(request, name, told)


@router.post(
    "/collections/{name}/duplicates",
    responses={200: {"model": schema.DuplicateGroups}, **openapi.errors(404, 413, 415, 422)},
    openapi_extra=openapi.body({JSON: schema.DuplicatesQuery}),
)
async def find_duplicates(request: Request, name: Name) -> Response:
    """Find groups of records that are the same picture; the question comes as a body."""
    principal_of(request).check("read", name)
    told = await read_model(request, schema.DuplicatesQuery)
    return await _duplicates(request, name, told)


@router.get("/collections/{name}/clusters", responses={200: {"model": schema.Clusters}, **openapi.errors(404, 422)})
async def get_clusters(
    request: Request,
    name: Name,
    threshold: Annotated[float, Query(description="Score from which two records are joined.")] = 0.9,
) -> Response:
    """Find clusters: records that a chain of similar pairs joins."""

    def work() -> dict[str, Any]:
        return clusters_form(state_of(request).collection(request, name, "read").clusters(threshold=threshold))

    return reply(await state_of(request).limiters.long.run(work))


@router.get(
    "/collections/{name}/graph",
    responses={200: {"content": {"application/x-ndjson": {}}}, **openapi.errors(404, 422)},
)
async def get_graph(
    request: Request,
    name: Name,
    k: Annotated[int | None, Query(description="Neighbors of each record; 10 when no radius is given either.")] = None,
    radius: Annotated[float | None, Query(description="Ceiling on an edge's distance, inclusive.")] = None,
    threshold: Annotated[float | None, Query(description="Floor on an edge's score, inclusive.")] = None,
    include_self: Annotated[bool, Query(description="Whether a record is a neighbor of itself.")] = False,
) -> Response:
    """Return the similarity graph as JSON lines: an edge a line, by rising id of the source."""

    def work() -> Iterator[bytes]:
        collection = state_of(request).collection(request, name, "read")
        count = 10 if k is None and radius is None else k
        graph = collection.graph(k=count, radius=radius, threshold=threshold, include_self=include_self)
        return _blocks(graph.lines())

    return await streamed(state_of(request).limiters.long, work, JSON_LINES[0])


def _blocks(lines: Iterator[str]) -> Iterator[bytes]:
    """Join lines, so that not each of them is written by itself."""
    while block := list(islice(lines, _EDGES_AT_ONCE)):
        yield ("\n".join(block) + "\n").encode()


async def _duplicates(request: Request, name: str, asked: schema.DuplicatesQuery) -> Response:
    def work() -> dict[str, Any]:
        collection = state_of(request).collection(request, name, "read")
        return duplicates_form(collection.duplicates(**asked.model_dump()))

    return reply(await state_of(request).limiters.long.run(work))


def _compared(compared: Comparison, *, explain: bool) -> dict[str, Any]:
    return comparison_form(compared, compared.explain() if explain else None)


async def _read_pair(request: Request, *, stored: bool) -> list[Any]:
    """Read two pictures that are to be compared.

    Args:
        stored: Whether "id:17" may name a stored one.
    """
    if media_type(request) == MULTIPART:
        pair: list[Any] = await read_parts(request, lambda parts: [*files_of(parts, "a"), *files_of(parts, "b")])
        if len(pair) != 2:
            raise InputError('a comparison needs two files: send them as the parts "a" and "b".')
        return pair
    budget = budget_of(request)

    def pair_in(body: bytes) -> list[Any]:
        told = as_model(body, schema.StoredPair if stored else schema.Pair, budget)
        read = outside_source if stored else outside_picture
        return [read(told.a), read(told.b)]

    return await read_json(request, pair_in, budget)


async def read_question(request: Request) -> dict[str, Any]:
    """Read the arguments of a search; those that were not given are left to their defaults."""
    budget, most = budget_of(request), state_of(request).settings.limits.max_images_per_request
    if media_type(request) == MULTIPART:
        question = await read_parts(request, lambda parts: _question_among(parts, budget), budget)
    else:
        question = await read_json(request, lambda body: _question_in(body, budget), budget)
    if len(sources_of(question)) > most:
        raise too_many_elements(most)
    return question


def _question_in(body: bytes, budget: JsonBudget) -> dict[str, Any]:
    return _arguments(as_model(body, schema.SearchQuery, budget))


def _question_among(parts: list[Part], budget: JsonBudget) -> dict[str, Any]:
    query = next((part.data for part in parts if part.name == "query"), b"")
    question = _question_in(query, budget) if query else {}
    pictures = files_of(parts, "file")
    if pictures and "source" in question:
        raise InputError("the query names a source, and a file came with it: send one of them, or use `like`.")
    if pictures:
        question["source"], *more = pictures
        question["like"] = [*more, *question.get("like", [])]
    return question


def sources_of(question: Mapping[str, Any]) -> list[Any]:
    """Return the pictures that the arguments of a search name."""
    examples = [question.get("source"), *question.get("like", []), *question.get("unlike", [])]
    return [one[0] if isinstance(one, tuple) else one for one in examples if one is not None]


def _arguments(told: schema.Asked) -> dict[str, Any]:
    given = told.model_dump(exclude_unset=True)
    for name in _EXAMPLES:
        if name in given:
            given[name] = [_example(one) for one in given[name]]
    if given.get("source") is not None:
        given["source"] = outside_source(given["source"])
    if given.get("crop") is not None:
        given["crop"] = tuple(given["crop"])
    return given


def _example(given: Any) -> Any:
    """Return an example, with its weight where it has one, as `Collection.search` takes it."""
    if isinstance(given, dict):
        return (outside_source(given["source"]), given.get("weight", 1.0))
    return outside_source(given)
