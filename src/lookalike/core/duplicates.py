"""Duplicate groups: each member scores at least the threshold against the group's representative.

`pairs` finds the pairs. Groups are stars, not chains: records are taken in
the order of their claim to represent (most pixels, then bytes, then lowest id), and each takes what is still free
among its own neighbors. The outcome depends on the records alone, not on the order in which they came.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..distances import Map
from ..values import DuplicateGroup, Member, Record
from .pairs import scored_pairs

if TYPE_CHECKING:
    from ..stores import Store
    from .ingest import OnProgress

Pairs = dict[int, dict[int, float]]  # key -> key -> score


def find_duplicates(
    store: Store,
    threshold: float,
    *,
    space: str,
    points: Map,
    is_decided: Callable[[int, int], bool] | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[DuplicateGroup, ...]:
    """Give the groups, largest first, then by representative.

    Args:
        is_decided: Says of two keys that nobody needs to be asked about them; such pairs are left out.

    Cost: one search for each record; memory for all records' claims and all pairs.
    """
    pairs: Pairs = defaultdict(dict)
    for key, other, score in scored_pairs(store, threshold, space=space, points=points, on_progress=on_progress):
        if is_decided is None or not is_decided(key, other):
            pairs[key][other] = pairs[other][key] = score
    records: dict[int, Record] = {}
    paired = sorted(pairs)
    for start in range(0, len(paired), 1000):
        records |= store.records(paired[start : start + 1000])
    return _stars(pairs, records)


def _stars(pairs: Pairs, records: dict[int, Record]) -> tuple[DuplicateGroup, ...]:
    free = set(records)
    groups = []
    for key in sorted(records, key=lambda key: _claim(records[key])):
        if key not in free:
            continue
        members = [(score, other) for other, score in pairs[key].items() if other in free and other != key]
        if not members:
            continue
        free -= {key, *(other for _, other in members)}
        groups.append(_group(records[key], [(score, records[other]) for score, other in members]))
    return tuple(sorted(groups, key=lambda group: (-len(group.members), group.representative)))


def _claim(record: Record) -> tuple[int, int, str]:
    width, height = record.size_px
    return (-width * height, -record.byte_size, record.id)


def _group(best: Record, others: list[tuple[float, Record]]) -> DuplicateGroup:
    others.sort(key=lambda pair: (-pair[0], pair[1].id))
    members = [Member(best.id, 1.0, None, best.source)]
    for score, record in others:
        relation = "identical" if record.content_hash == best.content_hash else None
        members.append(Member(record.id, score, relation, record.source))
    return DuplicateGroup(best.id, min(member.score for member in members), tuple(members))
