"""The ranking: the records that match a query as columns, exact from the first row as far as it goes.

The store finds near vectors, and with them the signs of the very same picture. A score is not only distance: it is
raised for equal bytes, and for difference hashes that agree where the distance says at least AGREEING_SCORE; it is
lowered to OTHER_COLORS_SCORE for another color; and with tags it is mixed with their overlap. So the candidates come
in streams, each by rising distance:

    nearest   all records that pass the filter
    tags      those that share a tag with the query, where it has tags
    signs     those with equal bytes or agreeing hashes, which come with the nearest: over the whole collection, hence
              without an end

What a stream has not given yet is at least as far as its last row, and no sign raises it (it would be among the
signs), so its score has a ceiling. Rows above every ceiling are settled: nothing unseen can come before them. When too
few are settled, the stream with the highest ceiling is asked for more.

Records come along where a page or the tags need them; ids are read only where score and distance tie.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...answers import Step
from ...distances import (
    AGREEING_SCORE,
    OTHER_COLORS_DISTANCE,
    OTHER_COLORS_SCORE,
    SAME_HASH_BITS,
    SAME_HASH_MOST,
    ScoreCurve,
    distance_at,
    scores_of,
)
from ...filters import Filter, parse_filter
from ...neighbors import NearestAnswer, NearestQuery
from ..features.spaces import HASH_SPACE, HUE_SPACE

if TYPE_CHECKING:
    from ...arrays import F32, F64, I64, Bools
    from ...query import Query
    from ...records import Record
    from ...stores import Store
    from .query_vectors import QueryVector

_GROWTH = 4
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
        records: Those that came along, by key.
        left_out: How many damaged records of the collection were known by then.
    """

    keys: I64
    scores: F64
    distances: F32
    visual: F64
    overlaps: F64
    same: frozenset[int]
    is_complete: bool
    records: Mapping[int, Record]
    left_out: int

    def down_to(self, threshold: float) -> Ranking:
        """Return the rows that reach a score; below it nothing follows."""
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
        answer: What the store gave; its signs are those of the first stream alone.
        ceiling: The highest score that one still to come can have; -inf when none is.
    """

    filter: Filter | None
    overlap: float
    answer: NearestAnswer
    ceiling: float


_NOTHING = NearestAnswer(
    np.empty(0, np.int64), np.empty(0, np.float32), 0, 0.0, True, {}, False, frozenset(), None, {}, (), 0
)


class Ranker:
    """Ranks the records of a store for one query, as far down as is asked.

    Attributes:
        steps: What the store was asked.
        candidates: Records that were scored; of those, `by_hash` were not among the nearest.
    """

    def __init__(
        self, store: Store, query_vector: QueryVector, query: Query, *, space: str, points: ScoreCurve
    ) -> None:
        self._store, self._query_vector, self._query = store, query_vector, query
        self._space, self._points = space, points
        self._known: dict[float, NearestAnswer] = {}  # of each stream, as the store gave it last
        self.steps: list[Step] = []
        self.candidates = self.by_hash = 0

    def first(self, wanted: int, *, records: int = 0) -> Ranking:
        """Return the first `wanted` rows of the full ranking or more, fewer only when no more match.

        Args:
            records: Of about so many of the first rows the records come along.

        Cost: one call of the store; one more for each time that so many rows are not settled, or with tags.
        """
        streams = [self._ask(condition, overlap, wanted, records) for condition, overlap in self._conditions()]
        while True:
            ranking = self._joined(streams)
            if ranking.is_complete or len(ranking.keys) >= wanted:
                return ranking
            highest = max(stream.ceiling for stream in streams)
            streams = [
                stream
                if stream.ceiling < highest
                else self._ask(stream.filter, stream.overlap, _GROWTH * stream.answer.nearest, records)
                for stream in streams
            ]

    def _conditions(self) -> list[tuple[Filter | None, float]]:
        """Return the filter of each stream, with the most that tags can add to what it has not given yet."""
        asked = self._query
        if not asked.tags:
            return [(asked.filter, 0.0)]
        sharing = parse_filter({"tags": {"$in": sorted(asked.tags)}})
        return [(asked.filter, 0.0), (both(asked.filter, sharing), 1.0)]

    def _ask(self, condition: Filter | None, overlap: float, k: int, records: int) -> _Stream:
        """Ask the store for the k nearest within the distance that the query allows; in the first stream, for signs."""
        radius = self._radius(overlap)
        wanted = self._asked(condition, overlap, k, radius, records)
        if wanted.k or wanted.hash is not None or wanted.content_hash:
            answer = self._known[overlap] = self._store.search(wanted, self._known.get(overlap))
        else:
            answer = _NOTHING
        for one in answer.asked:
            asked_for = "tags" if overlap and one.asked_for == "nearest" else one.asked_for
            self.steps.append(Step(asked_for, one.space, one.k, one.found, one.plan))
        if wanted.k == 0 or answer.is_complete:  # no distance reaches the threshold, or nothing follows
            return _Stream(condition, overlap, answer, -np.inf)
        last = answer.distances[answer.nearest - 1 : answer.nearest].astype(np.float64)
        highest = self._mixed(scores_of(last, self._points), np.array([overlap]))
        return _Stream(condition, overlap, answer, float(highest[0]))

    def _asked(self, condition: Filter | None, overlap: float, k: int, radius: float, records: int) -> NearestQuery:
        query_vector, is_first = self._query_vector, overlap == 0
        floor = self._visual_floor(1.0 if self._query.tags else 0.0)
        hash = query_vector.hash if is_first and floor <= SAME_HASH_MOST else None
        return NearestQuery(
            self._space,
            query_vector.vector,
            0 if radius < 0 else k,
            filter=condition,
            max_distance=None if radius == np.inf else radius,
            exact=self._query.exact,
            content_hash=query_vector.content_hash if is_first else "",
            hash_space=HASH_SPACE,
            hash=hash,
            hash_bits=SAME_HASH_BITS,
            hash_reach=min(distance_at(AGREEING_SCORE, self._points) + _SLACK, self._farthest),
            hue_space=HUE_SPACE,
            hues=query_vector.hues,
            hue_reach=distance_at(OTHER_COLORS_SCORE, self._points) + _SLACK,
            hue_most=OTHER_COLORS_DISTANCE,
            records=max(records, k) if self._query.tags else records,
        )

    def _radius(self, overlap: float) -> float:
        """Return the distance beyond which nothing matches whose tags add `overlap`; below 0 where nothing does."""
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
        """Return the score that a picture needs to reach the threshold when its tags add `overlap`."""
        floor, weight = self._query.threshold or 0.0, self._query.tag_weight
        missing = floor - weight * overlap
        if weight == 1:
            return 0.0 if missing <= 0 else np.inf
        return missing / (1 - weight)

    def _mixed(self, visual: F64, overlaps: F64) -> F64:
        return mixed_scores(visual, overlaps, self._query.tag_weight)

    def _joined(self, streams: Sequence[_Stream]) -> Ranking:
        """Join the streams with the signs, score every row, and cut to what is settled."""
        first = streams[0].answer
        keys, distances, hues = _columns([stream.answer for stream in streams])
        records = dict(first.records) if len(streams) == 1 else _all_records(stream.answer for stream in streams)
        self.candidates, self.by_hash = len(keys), len(keys) - _count_nearest(streams)
        overlaps = self._overlaps(keys, records)
        visual = self._visual(keys, distances, first, hues)
        scores = self._mixed(visual, overlaps)
        is_single = len(streams) == 1  # its keys come first then
        nearest = first.keys[: first.nearest]
        are_nearest = np.arange(len(keys)) < first.nearest if is_single else np.isin(keys, nearest)
        chosen = self._matching(scores, distances) & _are_settled(scores, are_nearest, streams)
        rows = self._in_order(np.flatnonzero(chosen), keys, scores, distances, records)
        return Ranking(
            keys[rows],
            scores[rows],
            distances[rows],
            visual[rows],
            overlaps[rows],
            first.same,
            is_complete=all(stream.ceiling == -np.inf for stream in streams),
            records=records,
            left_out=max(stream.answer.left_out for stream in streams),
        )

    def _matching(self, scores: F64, distances: F32) -> Bools:
        """Return which rows meet threshold and ceiling; the filter was met before."""
        matching = np.ones(len(scores), bool)
        if self._query.threshold is not None:
            matching &= scores >= self._query.threshold
        if self._query.max_distance is not None:
            matching &= shown(distances) <= self._query.max_distance
        return matching

    def _visual(self, keys: I64, distances: F32, first: NearestAnswer, hues: F64 | None) -> F64:
        """Score the pictures alone."""
        columns: dict[str, Any] = {}
        if first.bits:
            columns["hash_bits"] = np.array([first.bits.get(key, np.nan) for key in keys.tolist()])
        if first.same:
            columns["same_bytes"] = np.array([key in first.same for key in keys.tolist()])
        if hues is not None:
            columns["hue_distances"] = hues
        return scores_of(distances, self._points, **columns)

    def _overlaps(self, keys: I64, records: dict[int, Record]) -> F64:
        """Return the Jaccard index of each record's tags with those of the query."""
        wanted = self._query.tags
        if not wanted:
            return np.zeros(len(keys))
        missing = [key for key in keys.tolist() if key not in records]
        records |= self._store.records(missing) if missing else {}
        held = [frozenset(records[key].tags) if key in records else frozenset() for key in keys.tolist()]
        return np.array([len(tags & wanted) / len(tags | wanted) for tags in held], np.float64)

    def _in_order(self, rows: I64, keys: I64, scores: F64, distances: F32, records: Mapping[int, Record]) -> I64:
        """Put rows in order; ids are looked up only where score and distance tie."""
        rows = rows[np.lexsort((distances[rows], -scores[rows]))]
        s, d = scores[rows], distances[rows]
        ties = np.flatnonzero((s[1:] == s[:-1]) & (d[1:] == d[:-1]))
        if len(ties):
            places = np.union1d(ties, ties + 1)
            held = keys[rows[places]].tolist()
            ids = {key: records[key].id for key in held if key in records}
            if missing := [key for key in held if key not in ids]:
                ids |= self._store.ids(missing)
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
    """Return distances as they are told: six decimals are what float16 vectors can say. They rank unrounded."""
    exact: F64 = distances.astype(np.float64)
    return exact.round(_SHOWN_DIGITS)


def both(a: Filter | None, b: Filter) -> Filter:
    """Return the filter that accepts what two accept."""
    return b if a is None else parse_filter(f'{{"$and": [{a.text}, {b.text}]}}')


def _columns(answers: Sequence[NearestAnswer]) -> tuple[I64, F32, F64 | None]:
    """Return keys, distances and hue distances of all answers: each key once, as the first answer has it."""
    first = answers[0]
    if len(answers) == 1:
        return first.keys, first.distances, first.hue_distances
    keys, places = np.unique(np.concatenate([one.keys[: one.nearest] for one in answers]), return_index=True)
    distances = np.concatenate([one.distances[: one.nearest] for one in answers])[places]
    signs = np.flatnonzero(~np.isin(first.keys, keys))  # what came by a sign alone
    keys, distances = np.append(keys, first.keys[signs]), np.append(distances, first.distances[signs])
    hues: dict[int, float] = {}
    for one in reversed(answers):
        if one.hue_distances is not None:
            hues |= dict(zip(one.keys.tolist(), one.hue_distances.tolist(), strict=True))
    if not hues:
        return keys, distances, None
    return keys, distances, np.array([hues[key] for key in keys.tolist()])


def _count_nearest(streams: Sequence[_Stream]) -> int:
    """Count the records that came as nearest of any stream."""
    if len(streams) == 1:
        return streams[0].answer.nearest
    return len(np.unique(np.concatenate([one.answer.keys[: one.answer.nearest] for one in streams])))


def _all_records(answers: Iterable[NearestAnswer]) -> dict[int, Record]:
    return {key: record for one in answers for key, record in one.records.items()}


def _are_settled(scores: F64, are_nearest: Bools, streams: Sequence[_Stream]) -> Bools:
    """Return which rows nothing unseen can come before.

    At the very ceiling of the nearest, its own rows are settled: what follows them there is farther, or has a greater
    id. Of the other streams only what is above.
    """
    ceilings = [stream.ceiling for stream in streams]
    highest = max(ceilings)
    settled: Bools = scores > highest
    if all(other < highest for other in ceilings[1:]):
        settled |= (scores == highest) & are_nearest
    return settled
