"""Operations of the Ximilar dialect on the records of a collection."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from ....errors import CollectionNotFoundError, LookalikeError
from ...server.desk import light, on_pictures, principal_of, request_id_of, room
from ..wire import store_all
from . import forms
from .asked import (
    answer,
    collection_id,
    condition_of,
    open_collection,
    open_or_make,
    read_asked,
    read_records,
    records_in,
    type_of,
    url_or_bytes,
    whole_number,
)

if TYPE_CHECKING:
    from ....core.collection import Collection
    from ....values import Record

_RANDOM = 10

router = APIRouter()


@router.post("/ping")
async def ping(request: Request) -> Response:
    """Say that the collection could be used; one that is not there is not made."""
    name = collection_id(request)
    principal_of(request).check("read", name)

    def work() -> None:
        with suppress(CollectionNotFoundError):
            open_collection(request, "read")  # refuses one of another type

    await light(request, work)
    info = {"_name": "lookalike", "_info": f"collection {name}, type {type_of(request)}"}
    return forms.answer(request_id_of(request), [], _service_info=info)


@router.post("/insert")
async def insert(request: Request) -> Response:
    """Add records; one whose id is there already is left as it is."""
    asked, given, records = await read_records(request, forms.new_record)

    def work() -> Response:
        collection = open_or_make(request)
        outcomes = store_all(request, collection, records, resume=True)
        stored = [one.id for one in outcomes if one.kind in ("added", "updated")]
        held = collection.get_many(stored)
        done = [held[one] for one in stored if one in held]
        skipped = []
        for outcome in outcomes:
            record, failure = given[outcome.place], outcome.failure
            if outcome.kind == "unchanged" or (failure is not None and failure.code == "id_taken"):
                skipped.append(forms.already_there(record))
            elif failure is not None:
                skipped.append(forms.skipped(record, 400, failure.message))
        return answer(request, asked, done, skipped=skipped)

    return await on_pictures(request, [url_or_bytes(record) for record in given], work)


@router.post("/get")
async def get(request: Request) -> Response:
    """Give records by id."""
    return await _each(request, "read", lambda collection, record: collection.get(forms.id_of(record)))


@router.post("/update")
async def update(request: Request) -> Response:
    """Set metadata of records; their images stay."""

    def change(collection: Collection, record: Any) -> Record:
        record_id = forms.id_of(record)
        fields, tags = forms.fields_of(record)
        with room(request):
            return collection.update(record_id, fields, tags=tags)

    return await _each(request, "write", change)


@router.post("/delete")
async def delete(request: Request) -> Response:
    """Delete records."""

    def remove(collection: Collection, record: Any) -> Record:
        gone = collection.get(forms.id_of(record))
        collection.delete(gone.id)
        return gone

    return await _each(request, "write", remove)


@router.post("/allRecords")
async def all_records(request: Request) -> Response:
    """List records, a page at a time where the query says so."""
    asked, _ = await read_asked(request, condition_of)
    size = whole_number(request.query_params.get("size"), "size", least=1)
    page = whole_number(request.query_params.get("page"), "page", least=1) or 1

    def work() -> Response:
        found = open_collection(request, "read").scan(filter=condition_of(asked))
        if size is None:
            return answer(request, asked, found)
        shown = list(islice(found, (page - 1) * size, page * size + 1))
        following = {"next": f"allRecords?size={size}&page={page + 1}"} if len(shown) > size else {}
        return answer(request, asked, shown[:size], **following)

    return await light(request, work)


@router.post("/allIDs")
async def all_ids(request: Request) -> Response:
    """List the ids of all records."""
    return await light(request, lambda: answer(request, {}, open_collection(request, "read").scan()))


@router.post("/random")
async def random(request: Request) -> Response:
    """Draw records at random."""
    asked, _ = await read_asked(request, condition_of)
    count = asked.get("count", _RANDOM)

    def work() -> Response:
        drawn = open_collection(request, "read").sample(count, filter=condition_of(asked))
        return answer(request, asked, drawn)

    return await light(request, work)


async def _each(request: Request, scope: Any, work: Callable[[Collection, Any], Record]) -> Response:
    """Do something to each record that is named; one that fails is skipped."""
    asked, given = await read_asked(request, partial(records_in, request))

    def all_of_them() -> Response:
        collection, done, skipped = open_collection(request, scope), [], []
        for record in given:
            try:
                done.append(work(collection, record))
            except LookalikeError as error:
                skipped.append(forms.skipped_for(record, error))
        return answer(request, asked, done, skipped=skipped)

    return await light(request, all_of_them)
