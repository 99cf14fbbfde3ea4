"""Routes that ask: search, compare, duplicates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from ...core.outside import outside_source
from ...errors import InputError
from ..forms import comparison_form, duplicates_form, matches_form
from . import openapi, schema
from .bodies import JSON, MULTIPART, as_model, files_of, media_type, parts_in, read, read_model
from .desk import desk_of, on_pictures, principal_of
from .multipart import Part, boundary_of
from .paths import Name
from .replies import reply

if TYPE_CHECKING:
    from collections.abc import Mapping

router = APIRouter(prefix="/api/v1", tags=["questions"])

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
    question = await read_question(request)

    def work() -> dict[str, Any]:
        collection = desk_of(request).collection(request, name, "read")
        return matches_form(collection.search(**question))

    return reply(await on_pictures(request, sources_of(question), work))


@router.post(
    "/compare",
    responses={200: {"model": schema.Comparison}, **openapi.errors(413, 415, 422)},
    openapi_extra=openapi.body({JSON: schema.Pair, MULTIPART: openapi.files("a", "b")}),
)
async def compare(request: Request) -> Response:
    """Compare two pictures and say how alike they are."""
    principal_of(request).check("read")
    pair: list[Any]
    if media_type(request) == MULTIPART:
        parts = await _parts(request)
        pair = files_of(parts, "a") + files_of(parts, "b")
        if len(pair) != 2:
            raise InputError('a comparison needs two files: send them as the parts "a" and "b".')
    else:
        told = await read_model(request, schema.Pair)
        pair = [outside_source(told.a, stored=False), outside_source(told.b, stored=False)]
    library = desk_of(request).library
    return reply(await on_pictures(request, pair, lambda: comparison_form(library.compare(*pair))))


@router.get(
    "/collections/{name}/duplicates", responses={200: {"model": schema.DuplicateGroups}, **openapi.errors(404, 422)}
)
async def get_duplicates(
    request: Request,
    name: Name,
    threshold: Annotated[float | None, Query(description="Floor on the score; 0.9 when not given.")] = None,
) -> Response:
    """Find groups of records that are the same picture."""
    return await _duplicates(request, name, threshold)


@router.post(
    "/collections/{name}/duplicates",
    responses={200: {"model": schema.DuplicateGroups}, **openapi.errors(404, 413, 415, 422)},
    openapi_extra=openapi.body({JSON: schema.DuplicatesQuery}),
)
async def find_duplicates(request: Request, name: Name) -> Response:
    """Find groups of records that are the same picture; the question comes as a body."""
    return await _duplicates(request, name, (await read_model(request, schema.DuplicatesQuery)).threshold)


async def _duplicates(request: Request, name: str, threshold: float | None) -> Response:
    def work() -> dict[str, Any]:
        collection = desk_of(request).collection(request, name, "read")
        return duplicates_form(collection.duplicates(threshold=threshold))

    return reply(await desk_of(request).lanes.long.run(work))


async def read_question(request: Request) -> dict[str, Any]:
    """Read the arguments of a search; those that were not given are left to their defaults."""
    if media_type(request) != MULTIPART:
        told = await read_model(request, schema.SearchQuery)
        return _arguments(told)
    parts = await _parts(request)
    query = next((part.data for part in parts if part.name == "query"), b"")
    question = _arguments(as_model(query, schema.SearchQuery))
    pictures = files_of(parts, "file")
    if pictures and "source" in question:
        raise InputError("the query names a source, and a file came with it: send one of them, or use `like`.")
    if pictures:
        question["source"], *more = pictures
        question["like"] = [*more, *question.get("like", [])]
    return question


def sources_of(question: Mapping[str, Any]) -> list[Any]:
    """Give the pictures that the arguments of a search name."""
    weighted = [*question.get("like", []), *question.get("unlike", [])]
    sources = [question.get("source"), *(one[0] if isinstance(one, tuple) else one for one in weighted)]
    return [source for source in sources if source is not None]


def _arguments(told: schema.SearchQuery) -> dict[str, Any]:
    given: Mapping[str, Any] = told.model_dump(exclude_unset=True)
    arguments = dict(given)
    for name in _EXAMPLES:
        if name in given:
            arguments[name] = [_example(one) for one in given[name]]
    if given.get("source") is not None:
        arguments["source"] = outside_source(given["source"])
    if given.get("crop") is not None:
        arguments["crop"] = tuple(given["crop"])
    return arguments


def _example(given: str | tuple[str, float]) -> Any:
    return outside_source(given) if isinstance(given, str) else (outside_source(given[0]), given[1])


async def _parts(request: Request) -> list[Part]:
    boundary = boundary_of(request.headers["content-type"])
    return parts_in(await read(request), boundary, desk_of(request).settings.limits)
