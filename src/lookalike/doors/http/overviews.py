"""Routes of facets, score histogram and export."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from ...core import exports
from . import openapi, schema
from .bodies import JSON, MULTIPART, read_model
from .paths import Name
from .queries import read_question, sources_of
from .replies import reply
from .state import on_pictures, principal_of, state_of
from .streams import streamed

if TYPE_CHECKING:
    from ...answers import Facet

router = APIRouter(prefix="/api/v1/collections/{name}", tags=["browsing"])

_BINS = 50
_SMALL = "How many pictures of a ZIP archive are thumbnails, as their originals are not kept."


@router.get("/facets", responses={200: {"model": schema.FacetList}, **openapi.errors(404, 422)})
async def get_facets(
    request: Request,
    name: Name,
    filter: Annotated[str | None, Query(description="Condition on metadata, as JSON.")] = None,
    limit: Annotated[int, Query(description="Values of each field at most.", ge=1, le=1000)] = 20,
    field: Annotated[str | None, Query(description='This field alone; "tags" for the tags.', max_length=1000)] = None,
    contains: Annotated[
        str | None, Query(description="Values whose text holds this, in whatever case.", max_length=1000)
    ] = None,
) -> Response:
    """Count the values of the metadata fields and of the tags; about a second for 100,000 records, once a change."""

    def work() -> dict[str, Any]:
        collection = state_of(request).collection(request, name, "read")
        facets = collection.facets(filter=filter, limit=limit, field=field, contains=contains)
        return {"count": collection.count(filter=filter), "facets": [_facet_form(facet) for facet in facets]}

    return reply(await state_of(request).limiters.scan.run(work))


@router.post(
    "/histogram",
    responses={200: {"model": schema.ScoreHistogram}, **openapi.errors(404, 409, 413, 415, 422)},
    openapi_extra=openapi.body(
        {JSON: schema.SearchQuery, MULTIPART: openapi.files("file", query=schema.SearchQuery, required=["file"])}
    ),
)
async def get_histogram(
    request: Request,
    name: Name,
    bins: Annotated[int, Query(description="Equal parts of 0 to 1.", ge=1, le=1000)] = _BINS,
) -> Response:
    """Count the records by their score; the threshold, and what chooses among the matches, change nothing here."""
    principal_of(request).check("read", name)
    question = await read_question(request)

    def work() -> dict[str, Any]:
        counts = state_of(request).collection(request, name, "read").histogram(**question, bins=bins)
        return {"counts": counts, "count": sum(counts)}

    return reply(await on_pictures(request, sources_of(question), work))


@router.post(
    "/export",
    responses={
        200: {
            "content": {media: {} for media in exports.MEDIA_TYPES.values()},
            "headers": {
                "X-Thumbnails": {"description": _SMALL, "schema": {"type": "integer"}},
            },
        },
        **openapi.errors(404, 413, 415, 422),
    },
    openapi_extra=openapi.body({JSON: schema.ExportQuery}),
)
async def export_records(request: Request, name: Name) -> Response:
    """Take records along: as a table, JSON lines, a contact sheet, or the pictures themselves in a ZIP archive."""
    principal_of(request).check("read", name)
    told = await read_model(request, schema.ExportQuery)
    small: list[str] = []

    def work() -> Iterator[bytes]:
        collection = state_of(request).collection(request, name, "read")
        records = exports.chosen(collection, ids=told.ids, filter=told.filter)
        return exports.exported(collection, records, told.format, small.append)

    answer = await streamed(state_of(request).limiters.scan, work, exports.MEDIA_TYPES[told.format])
    answer.headers["Content-Disposition"] = f'attachment; filename="pictures.{told.format}"'
    if told.format == "zip":
        answer.headers["X-Thumbnails"] = str(len(small))
    return answer


def _facet_form(facet: Facet) -> dict[str, Any]:
    return {**asdict(facet), "values": [{"value": value, "count": count} for value, count in facet.values]}
