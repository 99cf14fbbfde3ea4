"""The ranking: the records that match a query as columns, exact from the first row as far as it goes.

The store finds near vectors; a score is not only distance. It is raised for equal bytes, and for difference hashes that
agree where the distance says at least AGREEING_SCORE; it is lowered to OTHER_COLORS_SCORE for another color; and with
tags it is mixed with their overlap. So the candidates come in streams, each by rising distance:

    nearest   all records that pass the filter
    tags      those that share a tag with the query, where it has tags
    signs     those with equal bytes or agreeing hashes: looked up over the whole collection, hence without an end

What a stream has not given yet is at least as far as its last row, and no sign raises it (it would be among the
signs), so its score has a ceiling. Rows above every ceiling are settled: nothing unseen can come before them. When too
few are settled, the stream with the highest ceiling is asked for more.

Records are read only where tags must be compared; ids only where score and distance tie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...answers import Step
from ...distances import (
    AGREEING_SCORE,
    OTHER_COLORS_SCORE,
    SAME_HASH_BITS,
    SAME_HASH_MOST,
    Map,
    cosine_distances,
    distance_at,
    scores_of,
)
from ...filters import Filter, parse_filter
from ..features.spaces import HASH_SPACE, HUE_SPACE

if TYPE_CHECKING:
    from ...arrays import F32, F64, I64, Bools
    from ...query import Query
    from ...stores import Store
    from .probes import Probe

_GROWTH = 4
_HASHES_READ = 256  # up to so many near records have their hashes read; for more, all hashes are scanned
_FIRST_HASHES = 256  # agreeing hashes asked for at first
_SHOWN_DIGITS = 6
HALF_DIGIT = 0.5e-6  # a shown distance used as ceiling includes its own match
_SLACK = 1e-6  # of score and distance, where one is turned into the other: candidates may pass, the score decides


@dataclass(frozen=True, eq=False)
class Ranking:
    """The first rows of a full ranking: by falling score, then rising distance, then id.

    Where geometry scored the first rows, what was not looked at stands behind them; see `Verified`.

    Attributes:
        keys: (n,) int64.
        scores: (n,) float64, what counts.
        distances: (n,) float32.
        visual: (n,) float64, the score of the picture alone.
        overlaps: (n,) float64, of the tags; zeros where the query has none.
        same: Keys of records with the very bytes of the example.
        is_complete: Whether nothing follows.
    """

    keys: I64
    scores: F64
    distances: F32
    visual: F64
    overlaps: F64
    same: frozenset[int]
    is_complete: bool

    def down_to(self, threshold: float) -> Ranking:
        """Give the rows that reach a score; below it nothing follows."""
        count = int((self.scores >= threshold).sum())
        if count == len(self.keys):
            return self
        columns = ("keys", "scores", "distances", "visual", "overlaps")
        return replace(self, is_complete=True, **{name: getattr(self, name)[:count] for name in columns})

    @cached_property
    def shown(self) -> F64:
        """The distances as they are told."""
        return shown(self.distances)


@dataclass(frozen=True, eq=False)
class _Stream:
    """Some records by rising distance, as far as they were asked for.

    Attributes:
        overlap: The most that tags can add to a record that is still to come.
        reach: Distance within which every record of the stream has been seen.
        ceiling: The highest score that one still to come can have; -inf when none is.
    """

    filter: Filter | None
    overlap: float
    k: int
    keys: I64
    distances: F32
    reach: float
    ceiling: float


class Ranker:
    """Ranks the records of a store for one query, as far down as is asked.

    Attributes:
        steps: What the store was asked.
        candidates: Records that were scored; of those, `by_hash` were not among the nearest.
    """

    def __init__(self, store: Store, probe: Probe, query: Query, *, space: str, points: Map) -> None:
        self._store, self._probe, self._query = store, probe, query
        self._space, self._points = space, points
        self._scanned: dict[int, int] | None = None
        self.steps: list[Step] = []
        self.candidates = self.by_hash = 0

    def first(self, wanted: int) -> Ranking:
        """Give the first `wanted` rows of the full ranking or more, fewer only when no more match."""
        streams = [self._ask(condition, overlap, wanted) for condition, overlap in self._conditions()]
        while True:
            ranking = self._joined(streams)
            if ranking.is_complete or len(ranking.keys) >= wanted:
                return ranking
            highest = max(stream.ceiling for stream in streams)
            streams = [
                stream if stream.ceiling < highest else self._ask(stream.filter, stream.overlap, _GROWTH * stream.k)
                for stream in streams
            ]

    def _conditions(self) -> list[tuple[Filter | None, float]]:
        """Give the filter of each stream, with the most that tags can add to what it has not given yet."""
        asked = self._query
        if not asked.tags:
            return [(asked.filter, 0.0)]
        sharing = parse_filter({"tags": {"$in": sorted(asked.tags)}})
        return [(asked.filter, 0.0), (both(asked.filter, sharing), 1.0)]

    def _ask(self, condition: Filter | None, overlap: float, k: int) -> _Stream:
        """Ask the store for the k nearest within the distance that the query allows."""
        radius = self._radius(overlap)
        if radius < 0:  # no distance reaches the threshold
            return _Stream(condition, overlap, k, np.empty(0, np.int64), np.empty(0, np.float32), 0.0, -np.inf)
        ceiling = None if radius == np.inf else radius
        found = self._store.neighbors(
            self._space,
            self._probe.vector[None, :],
            k,
            max_distance=ceiling,
            filter=condition,
            exact=self._query.exact,
        )
        count = int(found.counts[0])
        self.steps.append(Step("tags" if overlap else "nearest", self._space, k, count, found.plan))
        keys, distances = found.keys[0, :count], found.distances[0, :count]
        if count < k:
            return _Stream(condition, overlap, k, keys, distances, radius, -np.inf)
        last = distances[-1:].astype(np.float64)
        highest = self._mixed(scores_of(last, self._points), np.array([overlap]))
        return _Stream(condition, overlap, k, keys, distances, float(np.nextafter(last[0], 0)), float(highest[0]))

    def _radius(self, overlap: float) -> float:
        """Give the distance beyond which nothing matches whose tags add `overlap`; below 0 where nothing does."""
        radius = self._farthest
        if self._query.threshold is None:
            return radius
        floor = self._visual_floor(overlap) - _SLACK
        if floor <= 0:
            return radius
        far = distance_at(floor, self._points)
        return min(radius, far + _SLACK) if far >= 0 else -1.0

    @property
    def _farthest(self) -> float:
        """The distance that the query allows; a shown distance, which is rounded, includes its own match."""
        ceiling = self._query.max_distance
        return np.inf if ceiling is None else ceiling + HALF_DIGIT

    def _visual_floor(self, overlap: float) -> float:
        """Give the score that a picture needs to reach the threshold when its tags add `overlap`."""
        floor, weight = self._query.threshold or 0.0, self._query.tag_weight
        missing = floor - weight * overlap
        if weight == 1:
            return 0.0 if missing <= 0 else np.inf
        return missing / (1 - weight)

    def _mixed(self, visual: F64, overlaps: F64) -> F64:
        return mixed_scores(visual, overlaps, self._query.tag_weight)

    def _joined(self, streams: Sequence[_Stream]) -> Ranking:
        """Join the streams with the signs, score every row, and cut to what is settled."""
        nearest = streams[0]
        bits, same = self._bits(nearest), self._same_bytes
        keys, distances = _distinct(streams)
        keys, distances = self._with_signs(keys, distances, [*bits, *same])
        overlaps = self._overlaps(keys)
        visual = self._visual(keys, distances, bits, same)
        scores = self._mixed(visual, overlaps)
        is_single = len(streams) == 1  # its keys come first then
        are_nearest = np.arange(len(keys)) < len(nearest.keys) if is_single else np.isin(keys, nearest.keys)
        chosen = self._matching(scores, distances) & _are_settled(scores, are_nearest, streams)
        rows = self._in_order(np.flatnonzero(chosen), keys, scores, distances)
        is_complete = all(stream.ceiling == -np.inf for stream in streams)
        return Ranking(keys[rows], scores[rows], distances[rows], visual[rows], overlaps[rows], same, is_complete)

    def _matching(self, scores: F64, distances: F32) -> Bools:
        """Say which rows meet threshold and ceiling; the filter was met before."""
        matching = np.ones(len(scores), bool)
        if self._query.threshold is not None:
            matching &= scores >= self._query.threshold
        if self._query.max_distance is not None:
            matching &= shown(distances) <= self._query.max_distance
        return matching

    def _with_signs(self, keys: I64, distances: F32, signs: Sequence[int]) -> tuple[I64, F32]:
        """Add the records that came by hash or equal bytes alone."""
        known = set(keys.tolist())
        vectors: Mapping[int, Any] = {}
        if missing := [key for key in dict.fromkeys(signs) if key not in known]:
            vectors = self._store.vectors(self._space, missing)
        self.candidates, self.by_hash = len(keys) + len(vectors), len(vectors)
        if not vectors:
            return keys, distances
        further = cosine_distances(self._probe.vector, np.stack(list(vectors.values())))
        return np.append(keys, np.fromiter(vectors, np.int64)), np.append(distances, further)

    def _visual(self, keys: I64, distances: F32, bits: Mapping[int, int], same: frozenset[int]) -> F64:
        """Score the pictures alone."""
        columns: dict[str, Any] = {}
        if bits:
            columns["hash_bits"] = np.array([bits.get(key, np.nan) for key in keys.tolist()])
        if same:
            columns["same_bytes"] = np.array([key in same for key in keys.tolist()])
        if self._probe.hues is not None:
            columns["hue_distances"] = self._hue_distances(keys, distances, bits)
        return scores_of(distances, self._points, **columns)

    def _hue_distances(self, keys: I64, distances: F32, bits: Mapping[int, int]) -> F64:
        """Give the hue distances of the rows whose score another color could lower; NaN for the others."""
        assert self._probe.hues is not None
        high = distances <= distance_at(OTHER_COLORS_SCORE, self._points) + _SLACK
        places = {
            key: place
            for place, (key, is_high) in enumerate(zip(keys.tolist(), high.tolist(), strict=True))
            if (is_high or bits.get(key, np.inf) <= SAME_HASH_BITS) and key not in self._same_bytes
        }
        hues: Mapping[int, Any] = self._store.vectors(HUE_SPACE, list(places)) if places else {}
        apart = np.full(len(keys), np.nan)
        if hues:
            far = cosine_distances(self._probe.hues, np.stack(list(hues.values())))
            apart[[places[key] for key in hues]] = far
        return apart

    def _overlaps(self, keys: I64) -> F64:
        """Give the Jaccard index of each record's tags with those of the query."""
        wanted = self._query.tags
        if not wanted:
            return np.zeros(len(keys))
        records = self._store.records(keys.tolist())
        held = [frozenset(records[key].tags) if key in records else frozenset() for key in keys.tolist()]
        return np.array([len(tags & wanted) / len(tags | wanted) for tags in held], np.float64)

    @cached_property
    def _same_bytes(self) -> frozenset[int]:
        """Give the keys of the records with the example's very bytes that pass the filter."""
        if not self._probe.content_hash:
            return frozenset()
        keys = self._store.keys_of_hash(self._probe.content_hash)
        condition = self._query.filter
        if condition is None or not keys:
            return frozenset(keys)
        return frozenset(k for k, record in self._store.records(keys).items() if condition.accepts(record.document()))

    def _bits(self, nearest: _Stream) -> dict[int, int]:
        """Give key to differing bits, for every record at least whose hash agrees and could raise its score."""
        hash = self._probe.hash
        most_overlap = 1.0 if self._query.tags else 0.0
        if hash is None or self._visual_floor(most_overlap) > SAME_HASH_MOST:
            return {}
        if self._scanned is not None:
            return self._scanned
        far = min(distance_at(AGREEING_SCORE, self._points) + _SLACK, self._farthest)
        inside = nearest.keys[nearest.distances <= far]
        if self._same_bytes:  # their score is the highest whatever their hashes say
            inside = inside[~np.isin(inside, list(self._same_bytes))]
        if nearest.reach < far or len(inside) > _HASHES_READ:
            self._scanned = self._scan_hashes()
            return self._scanned
        hashes: Mapping[int, Any] = self._store.vectors(HASH_SPACE, inside.tolist()) if len(inside) else {}
        return {key: int(np.unpackbits(hash ^ other).sum()) for key, other in hashes.items()}

    def _scan_hashes(self) -> dict[int, int]:
        """Look for agreeing hashes among all records that pass the filter."""
        assert self._probe.hash is not None
        k = _FIRST_HASHES
        while True:
            found = self._store.neighbors(
                HASH_SPACE,
                self._probe.hash[None, :],
                k,
                max_distance=SAME_HASH_BITS,
                filter=self._query.filter,
                exact=True,
            )
            count = int(found.counts[0])
            self.steps.append(Step("hashes", HASH_SPACE, k, count, found.plan))
            if count < k:
                keys, bits = found.keys[0, :count].tolist(), found.distances[0, :count].tolist()
                return {key: int(value) for key, value in zip(keys, bits, strict=True)}
            k *= 8

    def _in_order(self, rows: I64, keys: I64, scores: F64, distances: F32) -> I64:
        """Put rows in order; ids are looked up only where score and distance tie."""
        rows = rows[np.lexsort((distances[rows], -scores[rows]))]
        s, d = scores[rows], distances[rows]
        ties = np.flatnonzero((s[1:] == s[:-1]) & (d[1:] == d[:-1]))
        if len(ties):
            places = np.union1d(ties, ties + 1)
            ids = self._store.ids(keys[rows[places]].tolist())
            tied = rows[places].tolist()
            tied.sort(key=lambda row: (-scores[row], distances[row], ids.get(int(keys[row]), "")))
            rows[places] = tied
        return rows


def mixed_scores(visual: F64, overlaps: F64, tag_weight: float) -> F64:
    """Mix the scores of pictures with the overlaps of tags, by the share of the tags."""
    if not tag_weight:
        return visual
    mixed: F64 = np.round((1 - tag_weight) * visual + tag_weight * overlaps, 6)
    return mixed


def score_counts(scores: F64, bins: int) -> list[int]:
    """Count scores in equal parts of 0 to 1; a bound belongs to the part above it, and 1 to the last."""
    places = np.minimum((scores * bins + _SLACK).astype(np.int64), bins - 1)
    return [int(count) for count in np.bincount(places, minlength=bins)]


def shown(distances: F32) -> F64:
    """Give distances as they are told: six decimals are what float16 vectors can say. They rank unrounded."""
    exact: F64 = distances.astype(np.float64)
    return exact.round(_SHOWN_DIGITS)


def both(a: Filter | None, b: Filter) -> Filter:
    """Give the filter that accepts what two accept."""
    return b if a is None else parse_filter(f'{{"$and": [{a.text}, {b.text}]}}')


def _distinct(streams: Sequence[_Stream]) -> tuple[I64, F32]:
    """Give the keys of all streams once each, with their distances."""
    if len(streams) == 1:
        return streams[0].keys, streams[0].distances
    keys, places = np.unique(np.concatenate([stream.keys for stream in streams]), return_index=True)
    return keys, np.concatenate([stream.distances for stream in streams])[places]


def _are_settled(scores: F64, are_nearest: Bools, streams: Sequence[_Stream]) -> Bools:
    """Say which rows nothing unseen can come before.

    At the very ceiling of the nearest, its own rows are settled: what follows them there is farther, or has a greater
    id. Of the other streams only what is above.
    """
    ceilings = [stream.ceiling for stream in streams]
    highest = max(ceilings)
    settled: Bools = scores > highest
    if all(other < highest for other in ceilings[1:]):
        settled |= (scores == highest) & are_nearest
    return settled
