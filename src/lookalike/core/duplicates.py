"""Duplicate groups: each member scores at least the threshold against the group's representative.

The pairs are found by asking the store for the neighbors of every record, within the distance that the threshold
allows and within the bits that difference hashes may differ. Groups are stars, not chains: records are taken in
the order of their claim to represent (most pixels, then bytes, then lowest id), and each takes what is still free
among its own neighbors. The outcome depends on the records alone, not on the order in which they came.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..distances import SAME_HASH_BITS, SAME_HASH_SCORE, Map, cosine_distance, distance_at, score_of
from ..values import DuplicateGroup, Member, Progress, Record
from .search import HASH_SPACE, HUE_SPACE

if TYPE_CHECKING:
    from ..stores import Store
    from .ingest import OnProgress

_BLOCK = 256  # records whose neighbors are asked for at once
_FIRST_K = 32  # neighbors asked for at first; a record with more is asked again
_SLACK = 1e-6  # of distance: candidates may pass it, the score decides

Pairs = dict[int, dict[int, float]]  # key -> key -> score


def find_duplicates(
    store: Store, threshold: float, *, space: str, points: Map, on_progress: OnProgress | None = None
) -> tuple[DuplicateGroup, ...]:
    """Give the groups, largest first, then by representative.

    Cost: one search for each record; memory for all records' claims and all pairs.
    """
    pairs = _pairs(store, threshold, space=space, points=points, on_progress=on_progress)
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


def _pairs(store: Store, threshold: float, *, space: str, points: Map, on_progress: OnProgress | None) -> Pairs:
    """Score every pair that may reach the threshold, both ways round."""
    pairs: Pairs = defaultdict(dict)
    total, done = store.count(), 0
    reach = max(0.0, distance_at(threshold, points)) + _SLACK  # equal bytes lie at 0, and score 1.0 all the same
    for keys, vectors in store.scan_vectors(space, batch=_BLOCK):
        near = list(_grown(store, space, vectors, reach))
        alike = _alike(store, keys.tolist(), threshold)
        others = {other for row in near for other in row} | {other for row in alike.values() for other in row}
        hues: Mapping[int, Any] = store.vectors(HUE_SPACE, sorted(others | set(keys.tolist())))
        for row, key in enumerate(keys.tolist()):
            bits = alike.get(key, {})
            for other, distance in _with_distances(store, space, vectors[row], near[row], bits):
                if other == key:
                    continue
                same = distance < _SLACK and _same_bytes(store, key, other)
                hue = cosine_distance(hues[key], hues[other]) if key in hues and other in hues else None
                score = score_of(distance, points, hash_bits=bits.get(other), hue_distance=hue, same_bytes=same)
                if score >= threshold:
                    pairs[key][other] = pairs[other][key] = score
        done += len(keys)
        if on_progress is not None:
            on_progress(Progress(done, total))
    return pairs


def _alike(store: Store, keys: list[int], threshold: float) -> dict[int, dict[int, int]]:
    """Give key to (key to bits) of the records whose hashes agree, where that alone reaches the threshold."""
    if threshold > SAME_HASH_SCORE:
        return {}
    hashes = store.vectors(HASH_SPACE, keys)
    if not hashes:
        return {}
    import numpy as np

    rows = np.stack(list(hashes.values()))
    found = _grown(store, HASH_SPACE, rows, SAME_HASH_BITS)
    return {key: {other: int(bits) for other, bits in row.items()} for key, row in zip(hashes, found, strict=True)}


def _grown(store: Store, space: str, vectors: Any, max_distance: float) -> Iterator[dict[int, float]]:
    """Ask for few neighbors first, and again for the rows that have more: most records have no duplicates."""
    found = store.neighbors(space, vectors, _FIRST_K, max_distance=max_distance)
    for row, count in enumerate(found.counts.tolist()):
        keys, distances, k = found.keys[row], found.distances[row], _FIRST_K
        while count == k:
            k *= 8
            more = store.neighbors(space, vectors[row : row + 1], k, max_distance=max_distance)
            keys, distances, count = more.keys[0], more.distances[0], int(more.counts[0])
        yield dict(zip(keys[:count].tolist(), distances[:count].tolist(), strict=True))


def _with_distances(
    store: Store, space: str, vector: Any, near: dict[int, float], bits: dict[int, int]
) -> Iterator[tuple[int, float]]:
    yield from near.items()
    missing = [key for key in bits if key not in near]
    if missing:
        for key, other in store.vectors(space, missing).items():
            yield key, cosine_distance(vector, other)  # type: ignore[arg-type]


def _same_bytes(store: Store, key: int, other: int) -> bool:
    records = store.records([key, other])
    return len(records) == 2 and records[key].content_hash == records[other].content_hash
