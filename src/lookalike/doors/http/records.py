"""Routes of records: add, list, look at, change, delete, and their pictures."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from ...core.exports import has_original, original_of
from ...core.ingest.report import Report
from ...errors import CollectionNotFoundError, InputError, LookalikeError, NotFoundError, StoreDamagedError
from ...pictures import Bytes, Url
from ...records import Outcome
from ...service.outside import outside_picture
from ..serialization import record_form, report_form
from . import openapi, schema
from .bodies import (
    JSON,
    JSON_LINES,
    MULTIPART,
    Sent,
    as_model,
    budget_of,
    media_type,
    read_json,
    read_model,
    read_parts,
    read_pictures,
)
from .jobs import accept_job
from .paths import Name, RecordId, etag_of, names, outcome_form, seen
from .replies import error_of, reply
from .state import held_of, light, on_pictures, principal_of, room, state_of

if TYPE_CHECKING:
    from ...records import Record
    from .additions import Added
    from .json_budget import JsonBudget
    from .multipart import Part

router = APIRouter(prefix="/api/v1/collections/{name}/records", tags=["records"])

_PAGE, _LONGEST_PAGE = 100, 1000
_PICTURE_BODY = openapi.body(
    {
        MULTIPART: openapi.files("file", record=schema.NewRecord, required=["file"]),
        "image/*": openapi.BINARY,
        JSON: schema.NewRecord,
        JSON_LINES[0]: {"type": "string", "description": "A record a line."},
    }
)


@router.post(
    "",
    responses={
        200: {
            "model": schema.AddedRecord | schema.Report,
            "description": "Updated or unchanged; for many pictures, a report.",
        },
        201: {"model": schema.AddedRecord, "description": "Added."},
        202: {"model": schema.JobForm, "description": "A job was made (job=true)."},
        **openapi.errors(404, 409, 413, 415, 422),
    },
    openapi_extra=_PICTURE_BODY,
)
async def add_records(
    request: Request,
    name: Name,
    id: Annotated[str | None, Query(description="Id of a picture that is sent alone.")] = None,
    replace: Annotated[bool, Query(description="Overwrite records of other pictures under the same id.")] = False,
    job: Annotated[bool, Query(description="Answer at once and work later; for JSON lines and multipart.")] = False,
) -> Response:
    """Add pictures: as multipart (`file`, and `record` with fields), an image itself, JSON, or JSON lines.

    A single picture answers with its record, and its failure with an error. Of many each has an outcome of its own,
    and one that fails does not stop the rest.
    """
    principal_of(request).check("write", name)
    if job:
        return await accept_job(request, name, replace=replace)
    sent = await read_pictures(request)
    if id is not None:
        if sent.is_list:
            raise InputError("the query names an id, and the body many pictures: give each its own _id.")
        if isinstance(sent.records[0], LookalikeError):
            raise sent.records[0]
        sent = Sent([{**sent.records[0], "_id": id}], is_list=False)
    began = time.perf_counter()
    added = await _add(request, name, sent, replace=replace)
    for outcome in added.outcomes:
        state_of(request).metrics.added(outcome)
    if sent.is_list:
        return reply(_report(added.outcomes, time.perf_counter() - began))
    [outcome] = added.outcomes
    if outcome.failure is not None or added.record is None:
        raise error_of(outcome.failure)
    form = {**record_form(added.record), "outcome": outcome.kind}
    return reply(form, 201 if outcome.kind == "added" else 200, {"ETag": etag_of(added.record)})


@router.get("", responses={200: {"model": schema.RecordList}, **openapi.errors(404, 422)})
async def list_records(
    request: Request,
    name: Name,
    limit: Annotated[int, Query(description="Records on a page.", ge=1, le=_LONGEST_PAGE)] = _PAGE,
    cursor: Annotated[str | None, Query(description="`next` of the page before.")] = None,
    filter: Annotated[str | None, Query(description="Condition on metadata, as JSON.")] = None,
    q: Annotated[
        str | None, Query(description="Words in ids, tags and fields, as one types; by field, then id.")
    ] = None,
    sample: Annotated[int | None, Query(description="So many records at random, in place of a page.")] = None,
    seed: Annotated[int | None, Query(description="With sample: the same seed draws the same.")] = None,
) -> Response:
    """List records by rising id, a page at a time; find those with some words; or draw some at random."""

    def work() -> dict[str, Any]:
        collection = state_of(request).collection(request, name, "read")
        if sample is not None:
            if cursor is not None or filter is not None or q is not None:
                raise InputError("sample draws from all records: leave cursor, filter and q out.")
            return {"records": [record_form(record) for record in collection.sample(sample, seed=seed)], "next": None}
        if q is not None:
            if cursor is not None:
                raise InputError("q gives one page, without a cursor: ask for more by a larger limit.")
            found = collection.find_text(q, filter=filter, limit=limit)
            return {"records": [record_form(record) for record in found], "next": None}
        after = None if cursor is None else _id_behind(cursor)
        found = list(islice(collection.scan(filter=filter, after=after), limit + 1))
        page, left_out = found[:limit], len(collection.damaged())
        return {
            "records": [record_form(record) for record in page],
            "next": _cursor(page[-1].id) if len(found) > limit else None,
            **({"left_out": left_out} if left_out else {}),
        }

    return reply(await (light(request, work) if q is None else state_of(request).limiters.scan.run(work)))


@router.patch(
    "",
    responses={200: {"model": schema.RecordsChanged}, **openapi.errors(404, 413, 415, 422)},
    openapi_extra=openapi.body({JSON: schema.RecordsChange}),
)
async def change_records(request: Request, name: Name) -> Response:
    """Make the same change to fields and tags of many records, in one transaction; one that fails stays as it was."""
    principal_of(request).check("write", name)
    told = await read_model(request, schema.RecordsChange)

    def work() -> dict[str, Any]:
        collection = state_of(request).collection(request, name, "write")
        with room(request):
            revised = collection.revise(
                told.ids, told.metadata, unset=told.unset, more_tags=told.more_tags, fewer_tags=told.fewer_tags
            )
        failed = [(id, one) for id, one in zip(told.ids, revised, strict=True) if isinstance(one, LookalikeError)]
        return {
            "changed": len(revised) - len(failed),
            "failed": [{"id": id, "code": error.code, "message": error.message} for id, error in failed],
        }

    return reply(await state_of(request).limiters.scan.run(work))


@router.get(
    "/{record_id:path}/thumbnail",
    responses={200: {"content": {"image/jpeg": {}}}, 304: {"description": "As before."}, **openapi.errors(404, 422)},
)
async def get_thumbnail(
    request: Request,
    name: Name,
    record_id: RecordId,
    side_px: Annotated[int, Query(description="Longer side, where no thumbnail is kept.", ge=16, le=2048)] = 320,
) -> Response:
    """Return a small JPEG of a record's picture."""
    return await _picture(request, name, record_id, "thumbnail", side_px)


@router.get(
    "/{record_id:path}/original",
    responses={200: {"content": {"image/*": {}}}, 304: {"description": "As before."}, **openapi.errors(404, 422)},
)
async def get_original(request: Request, name: Name, record_id: RecordId) -> Response:
    """Return a record's picture as it came: as the collection keeps it, or its file where that is still the same."""
    return await _picture(request, name, record_id, "original")


@router.get(
    "/{record_id:path}",
    responses={200: {"model": schema.FoundRecord}, 304: {"description": "As before."}, **openapi.errors(404, 422)},
)
async def get_record(request: Request, name: Name, record_id: RecordId) -> Response:
    """Return one record; its entity tag serves for conditional changes."""

    def work() -> tuple[Record, bool | None]:
        collection = state_of(request).collection(request, name, "read")
        record = collection.get(record_id)
        is_held = names(request.headers.get("if-none-match", ""), etag_of(record))
        return record, None if is_held else has_original(collection, record)

    record, is_there = await light(request, work)
    etag = etag_of(record)
    if is_there is None:
        return Response(status_code=304, headers={"ETag": etag})
    return reply({**record_form(record), "has_original": is_there}, 200, {"ETag": etag})


@router.patch(
    "/{record_id:path}",
    responses={200: {"model": schema.Record}, **openapi.errors(404, 412, 413, 415, 422)},
    openapi_extra=openapi.body(
        {
            JSON: schema.RecordChange,
            MULTIPART: openapi.files("file", record=schema.RecordChange, required=[]),
        }
    ),
)
async def change_record(request: Request, name: Name, record_id: RecordId) -> Response:
    """Change fields, tags or the picture of a record; with If-Match only if it is still as it was seen."""
    principal_of(request).check("write", name)
    change = await _change(request)
    source = change.source

    def work() -> Any:
        collection = state_of(request).collection(request, name, "write")
        with room(request):
            return collection.update(
                record_id,
                change.told.metadata,
                tags=change.told.tags,
                unset=change.told.unset,
                replace=change.told.replace,
                source=source,
                seen=seen(request, collection, record_id),
            )

    record = await (light(request, work) if source is None else on_pictures(request, [source], work))
    return reply(record_form(record), 200, {"ETag": etag_of(record)})


@router.delete("/{record_id:path}", status_code=204, responses={**openapi.errors(404, 412, 422)})
async def delete_record(request: Request, name: Name, record_id: RecordId) -> Response:
    """Delete a record for good; with If-Match only if it is still as it was seen."""

    def work() -> None:
        collection = state_of(request).collection(request, name, "write")
        with suppress(StoreDamagedError):  # it can go all the same
            collection.get(record_id)  # raises where there is none
        collection.delete([record_id], seen=seen(request, collection, record_id))

    await light(request, work)
    return Response(status_code=204)


@dataclass(frozen=True)
class _Change:
    told: schema.RecordChange
    source: Url | Bytes | None


async def _add(request: Request, name: str, sent: Sent, *, replace: bool) -> Added:
    """Add what was sent; a picture over the quota fails the whole request before any work."""
    server, principal = state_of(request), principal_of(request)
    room = server.meter.room_for(principal.key, len(sent.records), sent_bytes=held_of(request).bytes)
    needs_fetch = any(isinstance(one, Mapping) and "_url" in one for one in sent.records)
    additions = server.fetched_additions if needs_fetch else server.additions
    try:
        return await additions.add(name, sent.records, replace=replace, room=room, reach=principal.reach)
    except CollectionNotFoundError as error:
        raise server.no_collection(principal, name) from error


def _report(outcomes: Sequence[Outcome], seconds: float) -> dict[str, Any]:
    counts = Counter(outcome.kind for outcome in outcomes)
    failed = tuple(outcome.failure for outcome in outcomes if outcome.failure is not None)
    report = Report(
        counts["added"],
        counts["updated"],
        counts["unchanged"],
        moved=counts["moved"],
        failed=failed,
        seconds=seconds,
    )
    return {**report_form(report), "outcomes": [outcome_form(outcome) for outcome in outcomes]}


async def _change(request: Request) -> _Change:
    """Read what is to be changed, and the new picture if there is one."""
    budget = budget_of(request)
    if media_type(request) != MULTIPART:
        return await read_json(request, partial(_change_in, budget=budget), budget)
    return await read_parts(request, partial(_change_among, budget=budget), budget)


def _change_in(body: bytes, budget: JsonBudget) -> _Change:
    told = as_model(body, schema.RecordChange, budget)
    given = told.url if told.url is not None else told.base64
    return _Change(told, None if given is None else outside_picture(given))


def _change_among(parts: list[Part], budget: JsonBudget) -> _Change:
    fields = next((part.data for part in parts if part.name == "record"), b"")
    told = as_model(fields, schema.RecordChange, budget)
    return _Change(told, next((Bytes(part.data) for part in parts if part.name == "file"), None))


async def _picture(request: Request, name: str, record_id: str, kind: str, side_px: int = 0) -> Response:
    """Return a picture of a record: the one that is kept, or a thumbnail that a worker makes of its file."""
    server = state_of(request)

    def kept() -> tuple[str, str, bytes | None]:
        collection = server.collection(request, name, "read")
        record = collection.get(record_id)
        etag = f'"{record.content_hash[:32]}-{kind}{side_px or ""}"'
        if names(request.headers.get("if-none-match", ""), etag):
            return etag, "", b""
        if kind == "thumbnail":
            return etag, "image/jpeg", collection.kept_thumbnail(record_id)
        return etag, f"image/{record.format}", original_of(collection, record)

    def made() -> bytes | None:
        return server.collection(request, name, "read").thumbnail(record_id, side_px=side_px)

    etag, media, data = await light(request, kept)
    if data is None and kind == "thumbnail":
        data = await server.limiters.pictures.run(made)
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if not media:
        return Response(status_code=304, headers=headers)
    if data is None:
        raise NotFoundError(f'no {kind} of record "{record_id[:80]}" is kept. What is kept is said by `keep`.')
    return Response(data, headers=headers, media_type=media)


def _cursor(record_id: str) -> str:
    return base64.urlsafe_b64encode(json.dumps(record_id).encode()).decode()


def _id_behind(cursor: str) -> str:
    try:
        record_id = json.loads(base64.urlsafe_b64decode(cursor))
        if isinstance(record_id, str):
            return record_id
    except (binascii.Error, ValueError):
        pass
    raise InputError(f"cursor={cursor[:80]!r} is not one of ours: pass the `next` of a page, or leave it out.")
