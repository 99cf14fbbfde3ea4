"""The nearest-neighbor search that also looks up equal hashes and bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ...distances import cosine_distances
from ...neighbors import Asked, NearestAnswer, NearestQuery, Neighbors

if TYPE_CHECKING:
    from ...arrays import F32, F64, I64, Bools
    from ...filters import Filter
    from ...records import Record

_HASHES_READ = 256  # up to so many near records have their hashes read; for more, all hashes are scanned
_FIRST_HASHES = 256  # agreeing hashes asked for at first
_MORE_HASHES, _GROWTH = 8, 4


class Source(Protocol):
    """What the search reads of a store; see its seam."""

    def neighbors(
        self,
        space: str,
        vectors: Any,
        k: int,
        *,
        max_distance: float | None = None,
        filter: Filter | None = None,
        exact: bool = False,
    ) -> Neighbors:
        """Find near vectors."""
        ...

    def vectors(self, space: str, keys: Sequence[int]) -> Mapping[int, Any]:
        """Return vectors by key."""
        ...

    def records(self, keys: Sequence[int]) -> dict[int, Record]:
        """Return records by key."""
        ...

    def keys_of_hash(self, content_hash: str) -> list[int]:
        """Return the keys of the records with some bytes."""
        ...

    def damaged(self) -> Mapping[str, Any]:
        """Return the damaged records that are known."""
        ...


def search(source: Source, query: NearestQuery, known: NearestAnswer | None = None) -> NearestAnswer:
    """Find the candidates of a query with their signs; see `Nearest.search`. Call it within one snapshot."""
    asked: list[Asked] = []
    k, held = query.k, {} if known is None else known.records
    while True:
        answer = _look(source, query, k, known, asked)
        others = _are_others(query, answer)
        if others is None or k == 0 or answer.is_complete or answer.reach >= query.hue_reach:
            break
        if answer.nearest - np.count_nonzero(others) >= query.k:
            break
        k, known = _GROWTH * k, answer
    return replace(answer, records=_records(source, query, answer, others, held), left_out=len(source.damaged()))


def _look(
    source: Source, query: NearestQuery, k: int, known: NearestAnswer | None, asked: list[Asked]
) -> NearestAnswer:
    """Look for the k nearest and the signs; without records."""
    keys, distances, reach = _nearest(source, query, k, asked)
    nearest = len(keys)
    same = _same_bytes(source, query) if known is None else known.same
    bits, is_whole = _bits(source, query, known, keys[distances <= query.hash_reach], reach, same, asked)
    keys, distances = _with_signs(source, query, keys, distances, [*bits, *same])
    hues = _hue_distances(source, query, keys, distances, bits, same)
    return NearestAnswer(
        keys,
        distances,
        nearest,
        reach,
        is_complete=nearest < k,
        bits=bits,
        is_whole=is_whole,
        same=same,
        hue_distances=hues,
        records={},
        asked=tuple(asked),
        left_out=0,
    )


def _are_others(query: NearestQuery, answer: NearestAnswer) -> Bools | None:
    """Find the nearest that are near enough to tell and of other colors, (nearest,); None where there are none."""
    if answer.hue_distances is None:
        return None
    near = answer.nearest
    others: Bools = answer.hue_distances[:near] > query.hue_most
    if not others.any():
        return None
    others &= answer.distances[:near] <= query.hue_reach
    return others


def _nearest(source: Source, query: NearestQuery, k: int, asked: list[Asked]) -> tuple[I64, F32, float]:
    """Return the nearest, and the distance within which there are no others."""
    if k == 0:
        return np.empty(0, np.int64), np.empty(0, np.float32), 0.0
    found = source.neighbors(
        query.space,
        query.vector[None, :],
        k,
        max_distance=query.max_distance,
        filter=query.filter,
        exact=query.exact,
    )
    count = int(found.counts[0])
    asked.append(Asked("nearest", query.space, k, count, found.plan))
    keys, distances = found.keys[0, :count], found.distances[0, :count]
    if count < k:
        return keys, distances, np.inf if query.max_distance is None else query.max_distance
    return keys, distances, float(np.nextafter(distances[-1].astype(np.float64), 0))


def _same_bytes(source: Source, query: NearestQuery) -> frozenset[int]:
    if not query.content_hash:
        return frozenset()
    keys, condition = source.keys_of_hash(query.content_hash), query.filter
    if condition is None or not keys:
        return frozenset(keys)
    return frozenset(key for key, record in source.records(keys).items() if condition.accepts(record.document()))


def _bits(
    source: Source,
    query: NearestQuery,
    known: NearestAnswer | None,
    inside: I64,
    reach: float,
    same: frozenset[int],
    asked: list[Asked],
) -> tuple[Mapping[int, int], bool]:
    """Return key to differing bits, and whether all hashes were looked at.

    Args:
        inside: The nearest for which a hash counts.
    """
    if query.hash is None:
        return {}, False
    if known is not None and known.is_whole:
        return known.bits, True
    if same:  # they are known for what they are, whatever their hashes say
        inside = inside[np.fromiter((key not in same for key in inside.tolist()), bool, len(inside))]
    if reach < query.hash_reach or len(inside) > _HASHES_READ:
        return _agreeing(source, query, query.hash, asked), True
    hashes = source.vectors(query.hash_space, inside.tolist()) if len(inside) else {}
    return {key: int(np.unpackbits(query.hash ^ other).sum()) for key, other in hashes.items()}, False


def _agreeing(source: Source, query: NearestQuery, hash: Any, asked: list[Asked]) -> dict[int, int]:
    """Look for agreeing hashes among all records that pass the filter."""
    k = _FIRST_HASHES
    while True:
        found = source.neighbors(
            query.hash_space, hash[None, :], k, max_distance=query.hash_bits, filter=query.filter, exact=True
        )
        count = int(found.counts[0])
        asked.append(Asked("hashes", query.hash_space, k, count, found.plan))
        if count < k:
            keys, bits = found.keys[0, :count].tolist(), found.distances[0, :count].tolist()
            return {key: int(value) for key, value in zip(keys, bits, strict=True)}
        k *= _MORE_HASHES


def _with_signs(
    source: Source, query: NearestQuery, keys: I64, distances: F32, signs: Sequence[int]
) -> tuple[I64, F32]:
    """Add the records that came by a sign alone."""
    held = set(keys.tolist())
    missing = [key for key in dict.fromkeys(signs) if key not in held]
    vectors = source.vectors(query.space, missing) if missing else {}
    if not vectors:
        return keys, distances
    further = cosine_distances(query.vector, np.stack(list(vectors.values())))
    return np.append(keys, np.fromiter(vectors, np.int64)), np.append(distances, further)


def _hue_distances(
    source: Source, query: NearestQuery, keys: I64, distances: F32, bits: Mapping[int, int], same: frozenset[int]
) -> F64 | None:
    if query.hues is None:
        return None
    near = distances <= query.hue_reach
    places = {
        key: place
        for place, (key, is_near) in enumerate(zip(keys.tolist(), near.tolist(), strict=True))
        if (is_near or bits.get(key, np.inf) <= query.hash_bits) and key not in same
    }
    hues = source.vectors(query.hue_space, list(places)) if places else {}
    apart = np.full(len(keys), np.nan)
    if hues:
        apart[[places[key] for key in hues]] = cosine_distances(query.hues, np.stack(list(hues.values())))
    return apart


def _records(
    source: Source, query: NearestQuery, answer: NearestAnswer, others: Bools | None, known: Mapping[int, Record]
) -> Mapping[int, Record]:
    if not query.records:
        return known
    first = answer.keys[: answer.nearest]
    if others is not None:
        far = np.where(others, query.hue_reach, answer.distances[: answer.nearest])
        first = first[np.argsort(far, kind="stable")]
    wanted = dict.fromkeys(first[: query.records].tolist())
    if answer.bits or answer.same:
        wanted |= dict.fromkeys(_speaking(query, answer))
    missing = [key for key in wanted if key not in known]
    return {**known, **source.records(missing)} if missing else known


def _speaking(query: NearestQuery, answer: NearestAnswer) -> list[int]:
    """Return the keys that a sign speaks for, the likeliest first: of many only so many as are wanted."""
    agreeing = [key for key, bits in answer.bits.items() if bits <= query.hash_bits and key not in answer.same]
    if len(agreeing) > query.records:
        distances = dict(zip(answer.keys.tolist(), answer.distances.tolist(), strict=True))
        agreeing.sort(key=lambda key: (answer.bits[key], distances.get(key, np.inf)))
    return [*sorted(answer.same), *agreeing][: query.records]
