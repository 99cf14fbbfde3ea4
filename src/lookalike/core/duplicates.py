"""Duplicate groups: each member scores at least the threshold against the group's representative.

`pairs` finds the pairs, `representatives` says whose claim to represent is the better. Groups are stars, not chains:
records are taken in the order of their claims, and each takes what is still free among its own neighbors. The outcome
depends on the records alone, not on the order in which they came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..distances import Map
from ..errors import InputError
from ..values import DuplicateGroup, Member, Record
from .pairs import ScoredPairs, scored_pairs
from .representatives import DEFAULT_RULE, Claim, claim_by

if TYPE_CHECKING:
    from ..stores import Store
    from ..values import F64, I64
    from .ingest import OnProgress

Verify = Callable[[int, int], str | None]  # keys of a representative and a member: their relation, None for no copy

_READ = 1000  # records read at once
_MOST_PAIRS = 10_000_000  # 240 MB; the order of the claims takes as much again


@dataclass(frozen=True)
class _Star:
    """A group by keys: the best, and the others with score and relation."""

    best: int
    others: list[tuple[int, float, str | None]]


def find_duplicates(
    store: Store,
    threshold: float,
    *,
    space: str,
    points: Map,
    best: str = DEFAULT_RULE,
    verify: Verify | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[DuplicateGroup, ...]:
    """Give the groups, largest first, then by representative.

    Args:
        best: What makes a record the representative; see `representatives`.
        verify: Asked before a member joins: its relation to the representative, or None to keep it out, free for
            another group. Without it, equal bytes are "identical" and nothing is said of others.

    Cost: that of `scored_pairs`; memory for the pairs (24 bytes each), and for a claim of each record that has one.

    Raises:
        InputError: when more pairs reach the threshold than memory is kept for.
    """
    claim = claim_by(best)
    ours, theirs, scores = _gathered(
        scored_pairs(store, threshold, space=space, points=points, on_progress=on_progress), threshold
    )
    order = _by_claim(store, np.union1d(ours, theirs), claim)
    stars = [*_stars(order, ours, theirs, scores, verify)]
    return tuple(sorted(_groups(store, stars), key=lambda group: (-len(group.members), group.representative)))


def _gathered(blocks: Iterable[ScoredPairs], threshold: float) -> tuple[I64, I64, F64]:
    """Give all pairs as three columns."""
    columns: list[tuple[I64, I64, F64]] = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    count = 0
    for block in blocks:
        columns.append((block.ours, block.theirs, block.scores))
        count += len(block.ours)
        if count > _MOST_PAIRS:
            raise InputError(
                f"threshold={threshold:g} joins more than {_MOST_PAIRS:,} pairs of records: so many are no copies of "
                f"each other. Pass a higher threshold."
            )
    ours, theirs, scores = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    return ours, theirs, scores


def _by_claim(store: Store, keys: I64, claim: Callable[[Record], Claim]) -> I64:
    """Give the keys that are still there, by rising claim."""
    claims = [(claim(record), key) for key, record in _records(store, keys)]
    return np.array([key for _, key in sorted(claims)], np.int64)


def _stars(order: I64, ours: I64, theirs: I64, scores: F64, verify: Verify | None) -> Iterator[_Star]:
    """Give the groups by falling claim of their best.

    Args:
        order: Keys by falling claim; the pairs of others are passed over.
    """
    by_key = np.argsort(order)
    a, b = (_places(order, by_key, keys) for keys in (ours, theirs))
    known = (a >= 0) & (b >= 0)
    better, worse, scores = np.minimum(a, b)[known], np.maximum(a, b)[known], scores[known]
    sorting = np.lexsort((worse, better))
    better, worse, scores = better[sorting], worse[sorting], scores[sorting]
    is_free = np.ones(len(order), bool)
    heads, starts = np.unique(better, return_index=True)
    for head, start, stop in zip(heads.tolist(), starts.tolist(), [*starts[1:].tolist(), len(better)], strict=True):
        if not is_free[head]:
            continue
        near = start + np.flatnonzero(is_free[worse[start:stop]])
        star = _Star(int(order[head]), [])
        for place, score in zip(worse[near].tolist(), scores[near].tolist(), strict=True):
            relation = verify(star.best, int(order[place])) if verify else None
            if verify is None or relation is not None:
                star.others.append((int(order[place]), score, relation))
                is_free[place] = False
        if star.others:
            yield star


def _places(order: I64, by_key: I64, keys: I64) -> I64:
    """Give the place of each key in the order; -1 for those that are not there."""
    if not len(order):
        return np.full(len(keys), -1)
    found = by_key[np.minimum(np.searchsorted(order, keys, sorter=by_key), len(order) - 1)]
    return np.where(order[found] == keys, found, -1)


def _groups(store: Store, stars: list[_Star]) -> Iterator[DuplicateGroup]:
    """Make groups of stars; a record that was deleted meanwhile is left out."""
    for start in range(0, len(stars), _READ):
        batch = stars[start : start + _READ]
        keys = [key for star in batch for key in (star.best, *(other for other, *_ in star.others))]
        records = dict(_records(store, keys))
        yield from (_group(star, records) for star in batch if _is_whole(star, records))


def _is_whole(star: _Star, records: dict[int, Record]) -> bool:
    return star.best in records and any(key in records for key, *_ in star.others)


def _group(star: _Star, records: dict[int, Record]) -> DuplicateGroup:
    best = records[star.best]
    others = [(score, records[key], relation) for key, score, relation in star.others if key in records]
    others.sort(key=lambda other: (-other[0], other[1].id))
    members = [_member(best, 1.0, None)]
    for score, record, relation in others:
        is_same = record.content_hash == best.content_hash != ""
        members.append(_member(record, score, relation or ("identical" if is_same else None)))
    return DuplicateGroup(best.id, min(member.score for member in members), tuple(members))


def _member(record: Record, score: float, relation: str | None) -> Member:
    return Member(record.id, score, relation, record.source, record.size_px, record.byte_size, record.format)


def _records(store: Store, keys: Iterable[int]) -> Iterator[tuple[int, Record]]:
    listed = list(keys)
    for start in range(0, len(listed), _READ):
        yield from store.records(listed[start : start + _READ]).items()
