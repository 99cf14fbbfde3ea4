"""The search: from examples to matches, exact for every limit, threshold, filter and grouping.

The store ranks by distance. A score may be higher than the distance says: for equal bytes, and for difference
hashes that agree. Such records are looked up over the whole collection and join the nearest ones. A score may also be
lower, never below OTHER_COLORS_SCORE for that reason: for another color. So the nearest are taken until none that
follows could score more; then the first `limit` of the joined ranking are the right ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..distances import OTHER_COLORS_SCORE, SAME_HASH_BITS, Map, cosine_distance, score_of
from ..errors import InputError
from ..values import Match, Record

if TYPE_CHECKING:
    from ..filters import Filter
    from ..stores import Store
    from ..values import F32, U8, Vectors

HASH_SPACE = "dhash"
HUE_SPACE = "hues"
_UNLIKE_WEIGHT = 0.5  # how far a counter-example pushes away, of what an example pulls (Rocchio's usual 1 : 0.5)


@dataclass(frozen=True, eq=False)
class Probe:
    """What the store is asked: a vector in the space that ranks, and the signs of the very same picture.

    Attributes:
        vector: (d,) float32 of unit length.
        hash: (8,) uint8, or None for several examples or a flat picture.
        hues: (12,) float32 of unit length, or None for several examples or a gray picture.
    """

    vector: F32
    hash: U8 | None = None
    hues: F32 | None = None
    content_hash: str = ""


@dataclass(frozen=True)
class Question:
    """The conditions of a search, checked.

    Attributes:
        limit: Matches (or groups) that are wanted.
        threshold: Floor on the score, inclusive.
        max_distance: Ceiling on the distance, inclusive.
        group_by: Metadata field; the best match of each value is given, and records without it stand alone.
    """

    limit: int
    threshold: float | None = None
    max_distance: float | None = None
    filter: Filter | None = None
    group_by: str | None = None


def probe_of(vectors: Vectors, space: str, content_hash: str) -> Probe:
    """Make the probe of one example from its vectors."""
    found: Mapping[str, Any] = vectors
    return Probe(found[space], found.get(HASH_SPACE), found.get(HUE_SPACE), content_hash)


def mix(like: Sequence[F32], unlike: Sequence[F32]) -> Probe:
    """Make the probe of several examples: their mean, pushed away from the mean of the counter-examples.

    Args:
        like: One or more (d,) float32 of unit length.
        unlike: Any number of the same.

    Raises:
        InputError: when the examples cancel each other out.

    Source: J. Rocchio, "Relevance feedback in information retrieval", 1971.
    """
    import numpy as np

    vector = np.mean(np.stack(like), axis=0)
    if unlike:
        vector = vector - _UNLIKE_WEIGHT * np.mean(np.stack(unlike), axis=0)
    norm = float(np.linalg.norm(vector))
    if norm < 1e-6:
        raise InputError("the examples cancel each other out: no direction is left to search in. Take one away.")
    return Probe((vector / norm).astype(np.float32))


def search(store: Store, probe: Probe, question: Question, *, space: str, points: Map) -> tuple[Match, ...]:
    """Give the best matches: by score, then distance, then id.

    Cost: one scan of the vectors; with `group_by`, one for each doubling until enough groups are met.
    """
    wanted = question.limit
    while True:
        ranking = _ranking(store, probe, question, wanted, space=space, points=points)
        chosen = _best_of_groups(ranking, question.group_by)
        if len(chosen) >= question.limit or len(ranking) < wanted:
            return tuple(replace(match, rank=i) for i, match in enumerate(chosen[: question.limit], start=1))
        wanted *= 4


def _ranking(store: Store, probe: Probe, question: Question, wanted: int, *, space: str, points: Map) -> list[Match]:
    """Give the first `wanted` of the whole ranking, fewer only when no more match."""
    distances = _nearest(store, probe, question, wanted, space=space, points=points)
    bits = _hash_neighbors(store, probe, question.filter)
    same = set(store.keys_of_hash(probe.content_hash)) if probe.content_hash else set()
    missing = [key for key in {*bits, *same} if key not in distances]
    records = store.records([*distances, *missing])
    for key, vector in store.vectors(space, missing).items():
        distances[key] = cosine_distance(probe.vector, vector)  # type: ignore[arg-type]
    hues = _hue_distances(store, probe, _high(distances, bits, points))
    matches = []
    for key, distance in distances.items():
        record = records.get(key)
        if record is None or not _wanted(record, distance, question):
            continue
        is_same = key in same
        score = score_of(distance, points, hash_bits=bits.get(key), hue_distance=hues.get(key), same_bytes=is_same)
        if question.threshold is None or score >= question.threshold:
            matches.append(_match(record, score, distance, is_same))
    matches.sort(key=lambda match: (-match.score, match.distance, match.id))
    return [_rounded(match) for match in matches[:wanted]]


def _nearest(
    store: Store, probe: Probe, question: Question, wanted: int, *, space: str, points: Map
) -> dict[int, float]:
    """Give key to distance of the nearest: as many as wanted, and more while the last could outscore the first."""
    while True:
        found = store.neighbors(
            space, probe.vector[None, :], wanted, max_distance=question.max_distance, filter=question.filter
        )
        count = int(found.counts[0])
        last = float(found.distances[0, count - 1]) if count else 0.0
        if count < wanted or probe.hues is None or score_of(last, points) <= OTHER_COLORS_SCORE:
            return dict(zip(found.keys[0, :count].tolist(), found.distances[0, :count].tolist(), strict=True))
        wanted *= 4


def _high(distances: Mapping[int, float], bits: Mapping[int, int], points: Map) -> list[int]:
    """Give the keys whose score another color would lower."""
    return [key for key, d in distances.items() if score_of(d, points, hash_bits=bits.get(key)) > OTHER_COLORS_SCORE]


def _hue_distances(store: Store, probe: Probe, keys: Sequence[int]) -> dict[int, float]:
    """Give key to hue distance; gray pictures are left out."""
    if probe.hues is None or not keys:
        return {}
    found: Mapping[int, Any] = store.vectors(HUE_SPACE, keys)
    return {key: cosine_distance(probe.hues, hues) for key, hues in found.items()}


def _hash_neighbors(store: Store, probe: Probe, filter: Filter | None) -> dict[int, int]:
    """Give key to bits of all records whose difference hash agrees with the probe's."""
    if probe.hash is None:
        return {}
    k = 256
    while True:
        found = store.neighbors(HASH_SPACE, probe.hash[None, :], k, max_distance=SAME_HASH_BITS, filter=filter)
        count = int(found.counts[0])
        if count < k:
            keys, bits = found.keys[0, :count].tolist(), found.distances[0, :count].tolist()
            return {key: int(value) for key, value in zip(keys, bits, strict=True)}
        k *= 8


def _wanted(record: Record, distance: float, question: Question) -> bool:
    """Hold the conditions for records that came by hash, and not through the store's own filter."""
    if question.max_distance is not None and distance > question.max_distance:
        return False
    return question.filter is None or question.filter.accepts(record.document())


def _match(record: Record, score: float, distance: float, is_same: bool) -> Match:
    return Match(
        id=record.id,
        score=score,
        distance=distance,
        rank=0,
        relation="identical" if is_same else None,
        source=record.source,
        metadata=record.metadata,
        tags=record.tags,
    )


def _rounded(match: Match) -> Match:
    """Six decimals are what float16 vectors can say; ties were broken before."""
    return replace(match, distance=round(match.distance, 6))


def _best_of_groups(ranking: Sequence[Match], group_by: str | None) -> list[Match]:
    if group_by is None:
        return list(ranking)
    seen: set[str] = set()
    best = []
    for match in ranking:
        group = _group_of(match, group_by)
        if group not in seen:
            seen.add(group)
            best.append(match)
    return best


def _group_of(match: Match, field: str) -> str:
    value: Any = match.metadata
    for name in field.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return f"id:{match.id}" if value is None else f"value:{value!r}"
