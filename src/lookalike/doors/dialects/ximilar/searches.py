"""Operations of the Ximilar dialect that find and rank, in a collection or among the images that were sent."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from ....errors import LookalikeError
from ....pictures import Source
from ....query import VERIFIED
from ...http.state import on_pictures, request_id_of, state_of
from . import replies
from .requests import (
    answer,
    condition_of,
    open_collection,
    read_asked,
    read_query,
    read_records,
    records_in,
    source_or_error,
    url_or_bytes,
    whole_number,
)

if TYPE_CHECKING:
    from ....answers import Match
    from ....core.collection import Collection
    from ....core.search.candidates import Candidates

_K = 10
_COPY_RADIUS = 10.0  # of nearDuplicates: where "the same picture with minor variations" ends

router, stateless = APIRouter(), APIRouter()


@router.post("/visualKNN")
async def visual_knn(request: Request) -> Response:
    """Find the records that look most like one."""
    asked, source = await read_query(request)
    return await _search(request, asked, source, limit=whole_number(asked.get("k"), "k", least=1) or _K)


@router.post("/visualTagsKNN")
async def visual_tags_knn(request: Request) -> Response:
    """Find the records that look most like one and share its tags."""
    asked, source = await read_query(request)
    return await _search(request, asked, source, limit=whole_number(asked.get("k"), "k", least=1) or _K, with_tags=True)


@router.post("/nearDuplicates")
async def near_duplicates(request: Request) -> Response:
    """Find the records that are the same picture."""
    asked, source = await read_query(request)
    return await _search(request, asked, source, radius=asked.get("radius", _COPY_RADIUS), verify=VERIFIED)


@router.post("/visualRange")
async def visual_range(request: Request) -> Response:
    """Find the records within a radius."""
    asked, source = await read_query(request)
    return await _search(request, asked, source, radius=asked.get("radius"))


@router.post("/visualRankRecords")
async def visual_rank_records(request: Request) -> Response:
    """Rank records, stored ones and others, by how much they look like one."""
    asked, (given, sources, query) = await read_asked(request, partial(_to_rank, request, stored=True))

    def work() -> Response:
        collection = open_collection(request, "read")
        return _ranked(request, asked, given, collection.rank(query, sources), collection)

    return await on_pictures(request, [query, *sources], work)


@router.post("/descriptor")
async def descriptor(request: Request) -> Response:
    """Return the embeddings of records, stored ones and others."""
    _, given, sources = await read_records(request, source_or_error)

    def work() -> Response:
        collection, found, skipped = open_collection(request, "read"), [], []
        for record, source in zip(given, sources, strict=True):
            try:
                if isinstance(source, LookalikeError):
                    raise source
                found.append({"_id": record.get("_id"), "_descriptor": collection.embedding(source)})
            except LookalikeError as error:
                skipped.append(replies.skipped_for(record, error))
        return replies.answer(request_id_of(request), found, skipped=skipped)

    return await on_pictures(request, sources, work)


@stateless.post("/rank_images")
async def rank_images(request: Request) -> Response:
    """Rank images by how much each is a copy of one; nothing is stored."""
    asked, (given, sources, query) = await read_asked(request, partial(_to_rank, request, stored=False))
    library = state_of(request).library
    return await on_pictures(
        request, [query, *sources], lambda: _ranked(request, asked, given, library.rank(query, sources))
    )


@stateless.post("/remove_duplicates")
async def remove_duplicates(request: Request) -> Response:
    """Return the records whose image is not a copy of one before."""
    _, given, sources = await read_records(request, partial(source_or_error, stored=False))

    def work() -> Response:
        kept = state_of(request).library.distinct(sources)
        shown = [_echo(given[one.place]) for one in kept.ranked]
        return replies.answer(request_id_of(request), shown, skipped=_failures(given, kept))

    return await on_pictures(request, sources, work)


@stateless.post("/visual_hash")
async def visual_hash(request: Request) -> Response:
    """Return the difference hash of images, 64 bits in hex."""
    _, given, sources = await read_records(request, partial(source_or_error, stored=False))

    def work() -> Response:
        found, skipped = [], []
        for record, source in zip(given, sources, strict=True):
            try:
                if isinstance(source, LookalikeError):
                    raise source
                found.append({**_echo(record), "_visual_hash": state_of(request).library.difference_hash(source)})
            except LookalikeError as error:
                skipped.append(replies.skipped_for(record, error))
        return replies.answer(request_id_of(request), found, skipped=skipped)

    return await on_pictures(request, [url_or_bytes(record) for record in given], work)


def _to_rank(request: Request, asked: Mapping[str, Any], *, stored: bool) -> tuple[list[Any], list[Any], Source]:
    """Read the records that are to be ranked, their pictures, and the picture that ranks them."""
    given = records_in(request, asked, bring_images=True)
    sources = [source_or_error(record, stored=stored) for record in given]
    return given, sources, replies.source_of(asked.get("query_record"), stored=stored)


async def _search(
    request: Request,
    asked: Mapping[str, Any],
    source: Source,
    *,
    limit: int | None = None,
    radius: Any = None,
    with_tags: bool = False,
    verify: int = 0,
) -> Response:
    """Search by a picture or a stored record, and answer with distances.

    Of the k nearest a product counts once, where the collection has a product-id field; a radius holds all its photos.

    Args:
        verify: How many of the first geometry looks at: a copy is then within 10, and nothing else is.
    """
    query: Any = asked.get("query_record")
    start = whole_number(asked.get("from"), "from", least=0) or 0
    threshold = None if limit is not None else replies.score_at(radius)
    wanted = limit or whole_number(asked.get("k"), "k", least=1) or state_of(request).settings.limits.max_limit - start

    def work() -> Response:
        collection = open_collection(request, "read")
        product_id = collection.spec.product_id_field
        is_grouped = product_id and limit is not None and collection.count(filter={product_id: {"$exists": True}})
        found = collection.search(
            source,
            limit=start + wanted,
            threshold=threshold,
            filter=condition_of(asked),
            group_by=product_id if is_grouped else None,
            tags=_tags(collection, query) if with_tags else None,
            verify=verify,
        )
        return _matched(request, asked, list(found)[start:])

    return await on_pictures(request, [source], work)


def _tags(collection: Collection, query: Mapping[str, Any]) -> Any:
    """Return the tags of a query: those that it brings, else those of the record that it names."""
    if query.get("tags") is not None or "_id" not in query:
        return query.get("tags") or None
    record_id = replies.id_of(query)
    return (collection.get(record_id).tags if record_id in collection else None) or None


def _matched(request: Request, asked: Mapping[str, Any], found: list[Match]) -> Response:
    distances = [replies.distance_of(match.score) for match in found]
    return answer(request, asked, [match.record for match in found], answer_distances=distances)


def _ranked(
    request: Request,
    asked: Mapping[str, Any],
    given: list[Any],
    candidates: Candidates,
    collection: Collection | None = None,
) -> Response:
    """Answer with the records that came, in the order of their distances; a stored one shows what it holds."""
    named = [replies.id_of(given[one.place]) for one in candidates.ranked if "_id" in given[one.place]]
    stored = {} if collection is None else collection.get_many(named)
    shown = []
    for one in candidates.ranked:
        record = given[one.place]
        held = stored.get(replies.id_of(record)) if "_id" in record else None
        if held is not None:
            shown += replies.record_forms([held], asked.get("fields_to_return"))
        else:
            shown.append(_echo(record))
    distances = [replies.distance_of(one.score) for one in candidates.ranked]
    return replies.answer(
        request_id_of(request), shown, answer_distances=distances, skipped=_failures(given, candidates)
    )


def _failures(given: list[Any], candidates: Candidates) -> list[dict[str, Any]]:
    return [replies.skipped_for(given[place], error) for place, error in sorted(candidates.failures.items())]


def _echo(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record as it came, without its picture."""
    return {name: value for name, value in record.items() if name not in ("_base64", "_file")}
