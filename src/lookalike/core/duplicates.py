"""Duplicate groups: each member scores at least the threshold against the group's representative.

`pairs` finds the pairs, `representatives` says whose claim to represent is the better, and `stars` makes groups of
them: stars, not chains. The outcome depends on the records alone, not on the order in which they came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..distances import Map
from ..values import DuplicateGroup, Member, Progress, Record
from .pairs import ScoredPairs, scored_pairs
from .representatives import DEFAULT_RULE, claim_by
from .stars import Judge, Ray, Stars

if TYPE_CHECKING:
    from ..stores import Store
    from ..values import I64
    from .ingest import OnProgress

_JOIN_SHARE = 0.3  # of the work, where a judge looks at pictures
_READ = 1000  # records read at once
_FIRST_BLOCK, _BLOCK = 256, 2048  # records compared at once with all that represent
MOST_PAIRS = 3_000_000  # held at once: 72 MB, and twice as much to put them in order


def find_duplicates(
    store: Store,
    threshold: float,
    *,
    space: str,
    points: Map,
    best: str = DEFAULT_RULE,
    judge: Judge | None = None,
    most_pairs: int = MOST_PAIRS,
    on_progress: OnProgress | None = None,
) -> tuple[DuplicateGroup, ...]:
    """Give the groups, largest first, then by representative.

    Args:
        best: What makes a record the representative; see `representatives`.
        judge: Asked before a member joins; whom it keeps out is free for another group. Without it, equal bytes are
            "identical" and nothing is said of others.
        most_pairs: How many pairs to hold. Thousands of pictures that are all alike have more: then each record is
            compared only with those that represent, in the order of the claims, and nothing is kept for later.

    Cost: that of `scored_pairs`; memory for the pairs, and for a claim of each record that has one.
    """
    claim, ask = claim_by(best), partial(scored_pairs, store, threshold, space=space, points=points)

    def in_order(records: Iterable[tuple[int, Record]]) -> I64:
        return np.array([key for _, key in sorted((claim(record), key) for key, record in records)], np.int64)

    total, joins = store.count(), 1.0 if judge is None else _JOIN_SHARE

    def tell(share: float) -> None:
        if on_progress is not None:
            on_progress(Progress(int(share * total), total))

    pairs = _held(ask(on_progress=lambda told: tell(joins * told.done / max(1, total))), most_pairs)
    if pairs is not None:
        stars = Stars(in_order(_records(store, np.union1d(pairs.ours, pairs.theirs))), judge)
        stars.take(pairs, lambda share: tell(joins + (1 - joins) * share))
        tell(1.0)
    else:
        stars = Stars(in_order(_all_records(store, space)), judge)
        for start, stop in _blocks(len(stars.order)):
            stars.take(_joined(ask(between=(stars.order[start:stop], stars.centers(0, start)))))
            left = stars.centers(start, stop)  # of these, few are alike: they are compared with each other
            stars.take(_joined(ask(between=(left, left))))
            if on_progress is not None:
                on_progress(Progress(stop, len(stars.order)))
    return tuple(sorted(_groups(store, stars), key=lambda group: (-len(group.members), group.representative)))


def _blocks(count: int) -> Iterator[tuple[int, int]]:
    """Cut so many records into blocks: small ones first, as all of the first may be alike."""
    start, size = 0, _FIRST_BLOCK
    while start < count:
        yield start, min(start + size, count)
        start, size = start + size, min(2 * size, _BLOCK)


def _held(blocks: Iterable[ScoredPairs], most: int) -> ScoredPairs | None:
    """Give all pairs as columns; None when there are more than that."""
    held, count = [], 0
    for block in blocks:
        held.append(block)
        count += len(block.ours)
        if count > most:
            return None
    return _joined(held)


def _joined(blocks: Iterable[ScoredPairs]) -> ScoredPairs:
    none = ScoredPairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    held = [none, *blocks]
    return ScoredPairs(
        *(np.concatenate([getattr(each, name) for each in held]) for name in ("ours", "theirs", "scores"))
    )


def _groups(store: Store, stars: Stars) -> Iterator[DuplicateGroup]:
    """Make groups of stars; a record that was deleted meanwhile is left out."""
    listed = list(stars.rays.items())
    for start in range(0, len(listed), _READ):
        batch = listed[start : start + _READ]
        records = dict(_records(store, [key for best, rays in batch for key in (best, *(ray.key for ray in rays))]))
        for best, rays in batch:
            there = [ray for ray in rays if ray.key in records]
            if best in records and there:
                yield _group(records[best], [(ray, records[ray.key]) for ray in there])


def _group(best: Record, others: list[tuple[Ray, Record]]) -> DuplicateGroup:
    others.sort(key=lambda other: (-other[0].score, other[1].id))
    members = [_member(best, 1.0, None)]
    for ray, record in others:
        is_same = record.content_hash == best.content_hash != ""
        members.append(_member(record, ray.score, ray.relation or ("identical" if is_same else None)))
    return DuplicateGroup(best.id, min(member.score for member in members), tuple(members))


def _member(record: Record, score: float, relation: str | None) -> Member:
    return Member(record.id, score, relation, record.source, record.size_px, record.byte_size, record.format)


def _records(store: Store, keys: Iterable[int]) -> Iterator[tuple[int, Record]]:
    listed = list(keys)
    for start in range(0, len(listed), _READ):
        yield from store.records(listed[start : start + _READ]).items()


def _all_records(store: Store, space: str) -> Iterator[tuple[int, Record]]:
    """Give the records that have a vector in a space."""
    for keys, _ in store.scan_vectors(space, batch=_READ):
        yield from store.records(keys.tolist()).items()
