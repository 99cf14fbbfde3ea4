"""Duplicate groups: each member scores at least the threshold against the group's representative.

`pairs` finds the pairs, `greedy_groups` makes groups of them, and `representatives` says which represents
a group better. The outcome depends on the records alone, not on the order in which they came. One whose file is gone is
in no group.

By scores alone, the most preferred record is the center of a group. Where geometry looks at the pictures, the center is
the record with the most and the nearest candidates, which is the original far more often than the largest of its copies
is; the representative is then the most preferred of those that all others are copies of.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ... import disk
from ...answers import DuplicateGroup, Member
from ...records import Progress, Record
from ..features.spaces import HUE_SPACE
from ..ingest.local_files import has_lost_file
from ..relations.copy_judge import ScoredMember
from ..scores.pairs import ScoredPairs, ScoredSpace, likely, scored_pairs, scores_between
from .greedy_groups import GreedyGroups, Judge, ScoresOf
from .representatives import DEFAULT_RULE, Chooser, sort_key_by, weighs_evidence, weighs_pixels

if TYPE_CHECKING:
    from ...arrays import I64
    from ...stores import Store
    from ..ingest.pipeline import OnProgress
    from .representatives import TraitsOf

_JOIN_SHARE, _STAR_SHARE = 0.2, 0.6  # of the work, where a judge looks at pictures
_READ = 1000  # records read at once
_FIRST_BLOCK, _BLOCK = 256, 2048  # records compared at once with all that represent
_NEAREST = 2  # candidates of each record, however little they score
_MOST_WITH_NEAREST = 20_000  # records; among more, pairs that score 0.5 are too many to be held
MOST_PAIRS = 3_000_000  # held at once: 72 MB, and twice as much to put them in order


def find_duplicates(
    scored: ScoredSpace,
    threshold: float,
    *,
    best: str = DEFAULT_RULE,
    judge: Judge | None = None,
    likely_from: float | None = None,
    traits_of: TraitsOf | None = None,
    most_pairs: int = MOST_PAIRS,
    on_progress: OnProgress | None = None,
) -> tuple[DuplicateGroup, ...]:
    """Return the groups, largest first, then by representative.

    Args:
        best: What makes a record the representative; see `representatives`.
        judge: Asked before a member joins; whom it keeps out is free for another group. Without it, equal bytes are
            "identical" and nothing is said of others.
        likely_from: Given when the judge looks at pictures: the score from which every pair is a candidate. Below it,
            down to the threshold, only the nearest of each record are, and among more than 20,000 records none.
        traits_of: Tells what of some pictures says when each was made, where the rule asks for that.
        most_pairs: How many pairs to hold. Thousands of pictures that are all alike have more: then each record is
            compared only with those that represent, in the order of preference, and nothing is kept for later.

    Cost: that of `scored_pairs`; memory for the pairs, and for a sort key of each record that has one.
    """
    store, space, points = scored.store, scored.name, scored.points
    sort_key, ask = sort_key_by(best), partial(scored_pairs, store, space=space, points=points)
    total, looks = store.count(), judge is not None and likely_from is not None
    sure = max(threshold, likely_from or 0.0) if looks else threshold
    tell = _rising(on_progress, total)

    def by_preference(records: Iterable[tuple[int, Record]]) -> I64:
        there = ((key, record) for key, record in records if not has_lost_file(record))
        return np.array([key for _, key in sorted((sort_key(record), key) for key, record in there)], np.int64)

    joins = _JOIN_SHARE if looks else 1.0
    floors = sorted({threshold, sure}) if total <= _MOST_WITH_NEAREST else [sure]
    held = (
        _held(ask(floor, on_progress=lambda one: tell(joins * one.done / max(1, total))), most_pairs)
        for floor in floors
    )
    pairs = next((found for found in held if found is not None), None)
    if pairs is None:
        order = by_preference(_all_records(store, space))
        return _groups(store, _in_blocks(GreedyGroups(order, judge), partial(ask, sure), tell).members)
    preference = by_preference(_records(store, np.union1d(pairs.ours, pairs.theirs)))
    pairs = _among(pairs, preference)
    if judge is None or not looks:
        greedy = GreedyGroups(preference, judge)
        greedy.take(pairs, tell)
        return _groups(store, greedy.members)
    pairs = likely(pairs, sure, _NEAREST)
    scores_of = partial(scores_between, store, points, space)
    gray = set(preference.tolist()).difference(store.vectors(HUE_SPACE, preference.tolist()))
    greedy = GreedyGroups(_by_weight(preference, pairs, gray), judge, scores_of=scores_of, floor=threshold)
    greedy.take(pairs, lambda share: tell(_JOIN_SHARE + _STAR_SHARE * share))
    chooser = Chooser(
        judge,
        scores_of,
        preference,
        floor=threshold,
        wants_original=weighs_pixels(best),
        traits_of=traits_of if weighs_evidence(best) else None,
    )
    left = 1 - _JOIN_SHARE - _STAR_SHARE
    chosen = chooser.represented(greedy.members, lambda share: tell(1 - left + left * share))
    _bring_more(judge, scores_of, chosen, pairs, floor=threshold, centers=greedy.members)
    tell(1.0)
    return _groups(store, chosen)


def _bring_more(
    judge: Judge,
    scores_of: ScoresOf,
    chosen: dict[int, list[ScoredMember]],
    pairs: ScoredPairs,
    *,
    floor: float,
    centers: Container[int],
) -> None:
    """Bring records that are in no group before representatives that were not the centers of their groups."""
    best_of = {key: best for best, members in chosen.items() for key in (best, *(copy.key for copy in members))}
    ends = zip(pairs.ours.tolist(), pairs.theirs.tolist(), strict=True)
    both_ways = (side for pair in ends for side in (pair, pair[::-1]))
    asked = sorted({(best_of[a], b) for a, b in both_ways if b not in best_of and a in best_of})
    asked = [(best, key) for best, key in asked if best not in centers]
    judge.prepare(asked)
    for best, key in asked:
        score = float(scores_of(best, [key])[0])
        copy = judge.member_of(best, key, score) if key not in best_of and score >= floor else None
        if copy is not None and not judge.are_apart(key, [best, *(one.key for one in chosen[best])]):
            chosen[best].append(copy)
            best_of[key] = best


def _rising(on_progress: OnProgress | None, total: int) -> Callable[[float], None]:
    """Make what tells the share that is done, and never less than before."""
    reached = 0

    def tell(share: float) -> None:
        nonlocal reached
        reached = max(reached, int(share * total))
        if on_progress is not None:
            on_progress(Progress(reached, total))

    return tell


def _in_blocks(
    greedy: GreedyGroups, ask: Callable[..., Iterable[ScoredPairs]], tell: Callable[[float], None]
) -> GreedyGroups:
    """Fill the groups block by block, where there are too many pairs to be held."""
    count = len(greedy.order)
    for start, stop in _blocks(count):
        greedy.take(_joined(ask(between=(greedy.order[start:stop], greedy.centers(0, start)))))
        left = greedy.centers(start, stop)  # of these, few are alike: they are compared with each other
        greedy.take(_joined(ask(between=(left, left))))
        tell(stop / count)
    return greedy


def _by_weight(preference: I64, pairs: ScoredPairs, last: Container[int]) -> I64:
    """Put keys in the order of how much their candidates score, ties by preference.

    The fourth power of a score is about how likely the pair is a copy, in sets of photos with copies among them. Gray
    pictures come last: one is a copy of each color that a thing comes in.
    """
    places = np.argsort(preference)
    ends = places[np.searchsorted(preference, np.concatenate([pairs.ours, pairs.theirs]), sorter=places)]
    weights = np.zeros(len(preference), np.int64)  # whole numbers: their sum does not depend on the order
    np.add.at(weights, ends, np.tile(np.rint(pairs.scores**4 * 1e6).astype(np.int64), 2))
    is_last = np.array([key in last for key in preference.tolist()], bool)
    ordered: I64 = preference[np.lexsort((-weights, is_last))]
    return ordered


def _blocks(count: int) -> Iterator[tuple[int, int]]:
    """Cut so many records into blocks: small ones first, as all of the first may be alike."""
    start, size = 0, _FIRST_BLOCK
    while start < count:
        yield start, min(start + size, count)
        start, size = start + size, min(2 * size, _BLOCK)


def _held(blocks: Iterable[ScoredPairs], most: int) -> ScoredPairs | None:
    """Return all pairs as columns; None when there are more than that."""
    held, count = [], 0
    for block in blocks:
        held.append(block)
        count += len(block.ours)
        if count > most:
            return None
    return _joined(held)


def _among(pairs: ScoredPairs, keys: I64) -> ScoredPairs:
    """Return the pairs of which both are among some keys."""
    both = np.isin(pairs.ours, keys) & np.isin(pairs.theirs, keys)
    return pairs if both.all() else ScoredPairs(pairs.ours[both], pairs.theirs[both], pairs.scores[both])


def _joined(blocks: Iterable[ScoredPairs]) -> ScoredPairs:
    none = ScoredPairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    held = [none, *blocks]
    return ScoredPairs(
        *(np.concatenate([getattr(each, name) for each in held]) for name in ("ours", "theirs", "scores"))
    )


def _groups(store: Store, greedy: Mapping[int, list[ScoredMember]]) -> tuple[DuplicateGroup, ...]:
    return tuple(sorted(_made(store, greedy), key=lambda group: (-len(group.members), group.representative)))


def _made(store: Store, greedy: Mapping[int, list[ScoredMember]]) -> Iterator[DuplicateGroup]:
    """Make duplicate groups of greedy groups; a record that was deleted meanwhile is left out."""
    listed = list(greedy.items())
    for start in range(0, len(listed), _READ):
        batch = listed[start : start + _READ]
        records = dict(
            _records(store, [key for best, members in batch for key in (best, *(copy.key for copy in members))])
        )
        for best, members in batch:
            there = [copy for copy in members if copy.key in records]
            if best in records and there:
                group = _by_file(records[best], [(copy, records[copy.key]) for copy in there])
                if group[1]:
                    yield _group(*group)


def _by_file(
    best: Record, others: list[tuple[ScoredMember, Record]]
) -> tuple[Record, list[tuple[ScoredMember, Record]]]:
    """Leave one record of each file, the one that is not a link: two paths of one file are one picture."""
    records = sorted([best, *(record for _, record in others)], key=lambda record: record.id)
    files = {record.id: disk.identity(record.source) for record in records}
    shared = {file for file, count in Counter(files.values()).items() if file is not None and count > 1}
    chosen: dict[tuple[int, int] | None, Record] = {}
    for record in records:
        file = files[record.id]
        if file in shared and (file not in chosen or _is_link(chosen[file]) > _is_link(record)):
            chosen[file] = record
    speaker = chosen.get(files[best.id], best)
    left = [
        (copy, chosen.get(files[record.id], record))
        for copy, record in others
        if files[record.id] is None or files[record.id] != files[best.id]
    ]
    return speaker, list({record.id: (copy, record) for copy, record in left}.values())


def _is_link(record: Record) -> bool:
    return os.path.realpath(record.source or "") != record.source


def _group(best: Record, others: list[tuple[ScoredMember, Record]]) -> DuplicateGroup:
    others.sort(key=lambda other: (-other[0].score, other[1].id))
    members = [_member(best, ScoredMember(0, 1.0))]
    for copy, record in others:
        is_same = copy.relation is None and record.content_hash == best.content_hash != ""
        members.append(_member(record, replace(copy, relation="identical", confidence=1.0) if is_same else copy))
    return DuplicateGroup(best.id, min(member.score for member in members), tuple(members))


def _member(record: Record, copy: ScoredMember) -> Member:
    return Member(
        record.id,
        copy.score,
        copy.relation,
        record.source,
        record.size_px,
        record.byte_size,
        record.format,
        confidence=copy.confidence,
    )


def _records(store: Store, keys: Iterable[int]) -> Iterator[tuple[int, Record]]:
    listed = list(keys)
    for start in range(0, len(listed), _READ):
        yield from store.records(listed[start : start + _READ]).items()


def _all_records(store: Store, space: str) -> Iterator[tuple[int, Record]]:
    """Return the records that have a vector in a space."""
    for keys, _ in store.scan_vectors(space, batch=_READ):
        yield from store.records(keys.tolist()).items()
