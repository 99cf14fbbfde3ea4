"""Operations of the Ximilar dialect on the records of a collection."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from ....errors import CollectionNotFoundError, LookalikeError, QuotaError, RecordNotFoundError
from ....records import Record
from ...http.bodies import JSON
from ...http.state import light, on_pictures, principal_of, request_id_of, room, state_of
from ...http.streams import streamed
from ..wire import store_all
from . import replies
from .requests import (
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

_RANDOM = 10

Named = Mapping[int, tuple[str, Any]]  # by place among the records that were sent: id and record

router = APIRouter()


@router.post("/ping")
async def ping(request: Request) -> Response:
    """Confirm that the collection can be used; one that is not there is not made."""
    name = collection_id(request)
    principal_of(request).check("read", name)

    def work() -> None:
        with suppress(CollectionNotFoundError):
            open_collection(request, "read")  # refuses one of another type

    await light(request, work)
    info = {"_name": "lookalike", "_info": f"collection {name}, type {type_of(request)}"}
    return replies.answer(request_id_of(request), [], _service_info=info)


@router.post("/insert")
async def insert(request: Request) -> Response:
    """Add records; one whose id is there already is left as it is."""
    asked, given, records = await read_records(request, replies.new_record)

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
                skipped.append(replies.already_there(record))
            elif failure is not None:
                skipped.append(replies.skipped(record, 400, failure.message))
        return answer(request, asked, done, skipped=skipped)

    return await on_pictures(request, [url_or_bytes(record) for record in given], work)


@router.post("/get")
async def get(request: Request) -> Response:
    """Return records by id."""
    return await _each(request, "read", _found)


@router.post("/update")
async def update(request: Request) -> Response:
    """Set metadata of records; their images stay."""

    def change(collection: Collection, named: Named) -> list[Record | LookalikeError]:
        changes = [(record_id, *replies.fields_of(record)) for record_id, record in named.values()]
        try:
            with room(request):
                return collection.update_all(changes)
        except QuotaError as error:
            return [error] * len(changes)

    return await _each(request, "write", change)


@router.post("/delete")
async def delete(request: Request) -> Response:
    """Delete records."""

    def remove(collection: Collection, named: Named) -> list[Record | LookalikeError]:
        gone: set[str] = set()
        told: list[Record | LookalikeError] = []
        for one in _found(collection, named):
            is_gone = isinstance(one, Record) and one.id in gone  # named twice
            told.append(_missing(one.id) if isinstance(one, Record) and is_gone else one)
            gone |= {one.id} if isinstance(one, Record) else set()
        collection.delete(list(gone))
        return told

    return await _each(request, "write", remove)


@router.post("/allRecords")
async def all_records(request: Request) -> Response:
    """List records, a page at a time where the query says so."""
    asked, _ = await read_asked(request, condition_of)
    size = whole_number(request.query_params.get("size"), "size", least=1)
    page = whole_number(request.query_params.get("page"), "page", least=1) or 1

    wanted = asked.get("fields_to_return") or ()

    def work() -> Iterator[bytes]:
        found = open_collection(request, "read").scan(filter=condition_of(asked))
        if size is not None:
            found = islice(found, (page - 1) * size, None)

        def following() -> dict[str, str]:
            is_last = size is None or next(found, None) is None
            return {} if is_last else {"next": f"allRecords?size={size}&page={page + 1}"}

        shown = (replies.record_form(record, wanted) for record in islice(found, size))
        return replies.answer_of_any_length(request_id_of(request), shown, following)

    return await streamed(state_of(request).limiters.scan, work, JSON)


@router.post("/allIDs")
async def all_ids(request: Request) -> Response:
    """List the ids of all records."""

    def work() -> Iterator[bytes]:
        found = open_collection(request, "read").scan()
        return replies.answer_of_any_length(request_id_of(request), ({"_id": record.id} for record in found))

    return await streamed(state_of(request).limiters.scan, work, JSON)


@router.post("/random")
async def random(request: Request) -> Response:
    """Draw records at random."""
    asked, _ = await read_asked(request, condition_of)
    count = asked.get("count", _RANDOM)

    def work() -> Response:
        drawn = open_collection(request, "read").sample(count, filter=condition_of(asked))
        return answer(request, asked, drawn)

    return await light(request, work)


def _found(collection: Collection, named: Named) -> list[Record | LookalikeError]:
    """Read the records that are named, all at once."""
    ids = [record_id for record_id, _ in named.values()]
    found = collection.get_many(ids)
    return [found[one] if one in found else _missing(one) for one in ids]


def _missing(record_id: str) -> RecordNotFoundError:
    return RecordNotFoundError(f'no record "{record_id[:80]}". Check the spelling.')


async def _each(
    request: Request, scope: Any, work: Callable[[Collection, Named], list[Record | LookalikeError]]
) -> Response:
    """Do something to the records that are named, all at once; one that fails is skipped.

    Args:
        work: Returns what became of each, in the order of the names.
    """
    asked, given = await read_asked(request, partial(records_in, request))

    def all_of_them() -> Response:
        collection = open_collection(request, scope)
        named: dict[int, tuple[str, Any]] = {}
        settled: dict[int, Record | LookalikeError] = {}
        for place, record in enumerate(given):
            try:
                named[place] = (replies.id_of(record), record)
            except LookalikeError as error:
                settled[place] = error
        settled |= dict(zip(named, work(collection, named), strict=True))
        in_order = [(given[place], settled[place]) for place in range(len(given))]
        done = [one for _, one in in_order if isinstance(one, Record)]
        skipped = [replies.skipped_for(record, one) for record, one in in_order if isinstance(one, LookalikeError)]
        return answer(request, asked, done, skipped=skipped)

    return await light(request, all_of_them)
