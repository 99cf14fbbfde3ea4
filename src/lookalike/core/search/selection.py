"""From a ranking to a page of matches: collapse, groups, diversity and cursor, in that order.

`lookalike.query` says how the conditions work together, `ranking` is exact from its first row; a `MatchSelection` walks
down it as far as a page needs, and may be kept for the page after.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...answers import Match, Step
from ...distances import AGREEING_SCORE, ScoreCurve, cosine_distances, distance_at
from ..ingest.local_files import has_lost_file
from ..relations.verdicts import Verdict
from ..scores.pairs import score_pairs
from . import groups
from .diversity import diverse, pool_size
from .pages import Position
from .ranking import Ranker, Ranking, both
from .verified import Verified

if TYPE_CHECKING:
    from ...arrays import F32, I64
    from ...query import Query
    from ...records import Record
    from ...stores import Store
    from .query_vectors import QueryVector

_GROWTH = 4
_WALKED_AT_ONCE = 256
_PAIRS_AT_ONCE = 4096  # whose exact distances are found together
_SLACK = 1e-4  # of a cosine in float32; the exact distance decides


@dataclass(frozen=True)
class Page:
    """A part of an answer.

    Attributes:
        last: Where the next one goes on, None when nothing follows.
        left_out: How many damaged records are known to be left out; None where the search did not say it.
    """

    matches: tuple[Match, ...]
    last: Position | None
    left_out: int | None


class MatchSelection:
    """What of the records that match one query is shown, in order. May be used from many threads."""

    def __init__(
        self,
        store: Store,
        query_vector: QueryVector,
        query: Query,
        *,
        space: str,
        copy_space: str,
        points: ScoreCurve,
        copy_points: ScoreCurve,
        judge: Callable[[Sequence[int]], Mapping[int, Verdict]] | None = None,
    ) -> None:
        self._store, self._query_vector, self._query = store, query_vector, query
        self._verified = None if judge is None else Verified(judge, query.verify)
        self._space, self._copy_space, self._points = space, copy_space, points
        self._lock = threading.Lock()
        self._ranking: Ranking | None = None
        self._left_out: int | None = None
        self._walk = _Walk(store, query, copy_space, copy_points)
        asked = query if self._verified is None else replace(query, threshold=None)
        self._ranker = Ranker(store, query_vector, asked, space=space, points=points)

    def page(
        self, query: Query, after: Position | None, release: Callable[[], None]
    ) -> tuple[Page, list[Step], Ranker]:
        """Return a page of the answer, behind a position.

        Args:
            query: The one that the selection was made for; its limit and members may differ.
            release: Called before geometry looks at pictures, for as long as which no snapshot is to be held.
        """
        with self._lock:
            self._ranker.steps.clear()
            self._left_out, self._release = None, release
            matches, last = self._diverse(query) if query.diversity else self._next(query, after)
            return Page(matches, last, self._left_out), [*self._ranker.steps], self._ranker

    @property
    def looked_at(self) -> tuple[int, float]:
        """How many records geometry has looked at so far, and the seconds that it took."""
        return (0, 0.0) if self._verified is None else (self._verified.looked_at, self._verified.spent_s)

    def _next(self, query: Query, after: Position | None) -> tuple[tuple[Match, ...], Position | None]:
        start = self._grown_to(after, query.limit + 1)
        rows = self._walk.rows[start : start + query.limit]
        has_more = len(self._walk.rows) > start + query.limit
        end = self._walk.rows[start + query.limit] if has_more else len(self._held.keys)
        matches = self._matches(query, rows, start + 1, int(end))
        return matches, self._position(int(rows[-1]), matches) if has_more else None

    def _diverse(self, query: Query) -> tuple[tuple[Match, ...], None]:
        size = pool_size(query.limit)
        self._grown_to(None, size + 1)
        rows, end = self._walk.rows[:size], [*self._walk.rows[size : size + 1], len(self._held.keys)][0]
        found: Any = self._store.vectors(self._space, self._held.keys[rows].tolist())
        pool = np.array([row for row in rows.tolist() if int(self._held.keys[row]) in found], np.int64)
        if not len(pool):
            return (), None
        vectors, scores = np.stack([found[key] for key in self._held.keys[pool].tolist()]), self._held.scores[pool]
        chosen = diverse(scores, vectors, self._points, limit=query.limit, diversity=query.diversity)
        return self._matches(query, pool[chosen], 1, int(end)), None

    @property
    def _held(self) -> Ranking:
        assert self._ranking is not None
        return self._ranking

    def _grown_to(self, after: Position | None, wanted: int) -> int:
        """Walk until `wanted` rows behind a position are chosen, or none is left; give the place of the first."""
        if self._ranking is None:
            records = 0 if self._query.diversity or after is not None else self._query.limit
            self._ranking = self._first(wanted * (_GROWTH if self._walk.is_selective else 1), records)
        while True:
            self._walk.go_on(self._ranking, wanted if after is None else None)
            start = 0 if after is None else self._place_behind(after)
            if self._ranking.is_complete or len(self._walk.rows) - start >= wanted:
                break
            least = start + wanted * (_GROWTH if self._walk.is_selective else 1)
            self._ranking = self._first(max(least, _GROWTH * len(self._ranking.keys)))
        if self._query.group_by is not None and not self._walk.met_group:
            groups.refuse_unknown(self._store, self._query.group_by)
        return start

    def _first(self, wanted: int, records: int = 0) -> Ranking:
        if self._verified is None:
            ranking = self._ranker.first(wanted, records=records * (_GROWTH if self._query.group_by else 1))
            self._left_out = None if self._walk.is_selective or self._query.diversity else ranking.left_out
            return ranking
        most = max(wanted, self._query.verify)
        ranking = self._ranker.first(most, records=most if records else 0)
        self._release()
        ranking = self._verified.scored(ranking, tag_weight=self._query.tag_weight)
        return ranking if self._query.threshold is None else ranking.down_to(self._query.threshold)

    def _place_behind(self, after: Position) -> int:
        """Count the chosen rows that rank at or before a position."""
        if self._verified is not None:  # of equal scores the descriptors decide, of which a position says nothing
            key = self._store.keys([after.id]).get(after.id, -1)
            places = np.flatnonzero(self._held.keys[self._walk.rows] == key)
            if len(places):
                return int(places[0]) + 1
        scores, distances = (column[self._walk.rows] for column in (self._held.scores, self._held.distances))
        before = (scores > after.score) | ((scores == after.score) & (distances < after.distance))
        tied = np.flatnonzero((scores == after.score) & (distances == after.distance))
        keys = self._held.keys[self._walk.rows[tied]].tolist()
        ids = self._store.ids(keys) if keys else {}
        return int(before.sum()) + sum(ids.get(key, after.id) <= after.id for key in keys)

    def _position(self, row: int, matches: Sequence[Match]) -> Position:
        """Return the place behind a row, the last of these matches unless it was deleted meanwhile."""
        id = matches[-1].id if matches else ""
        return Position(float(self._held.scores[row]), float(self._held.distances[row]), id)

    def _matches(self, query: Query, rows: I64, first_rank: int, end: int) -> tuple[Match, ...]:
        """Make matches of rows; a record that was deleted meanwhile is left out."""
        ranking = self._held
        keys = ranking.keys[rows].tolist()
        records = self._records(ranking, keys)
        there = [(row, records[key]) for row, key in zip(rows.tolist(), keys, strict=True) if key in records]
        matches = [self._match(record, ranking, row, rank) for rank, (row, record) in enumerate(there, first_rank)]
        if query.collapse is not None:
            hidden = [self._walk.hidden_by(row, end) for row, _ in there]
            matches = [replace(match, hidden=count) for match, count in zip(matches, hidden, strict=True)]
        if query.members:
            matches = self._with_members(query, matches, [record for _, record in there])
        return tuple(matches)

    def _records(self, ranking: Ranking, keys: Sequence[int]) -> Mapping[int, Record]:
        """Return the records that are there: those that came along with the ranking, the others from the store."""
        missing = [key for key in keys if key not in ranking.records]
        if not missing:
            return ranking.records
        self._left_out = None
        return {**ranking.records, **self._store.records(missing)}

    def _with_members(self, query: Query, matches: Sequence[Match], best: Sequence[Record]) -> list[Match]:
        def rank(condition: Any, wanted: int) -> Ranking:
            inside = replace(query, filter=both(query.filter, condition))
            ranker = Ranker(self._store, self._query_vector, inside, space=self._space, points=self._points)
            ranking = ranker.first(wanted, records=wanted)
            self._ranker.steps += [replace(step, asked_for="members") for step in ranker.steps]
            return ranking

        assert query.group_by is not None
        self._left_out = None
        found = groups.others_of(self._store, best, query.group_by, query.members, rank)
        return [
            replace(
                match,
                members=tuple(
                    self._match(record, ranking, row, place)
                    for place, (record, row, ranking) in enumerate(found[match.id], start=2)
                ),
            )
            for match in matches
        ]

    def _match(self, record: Record, ranking: Ranking, row: int, rank: int) -> Match:
        parts = None
        if self._query.tags:
            parts = {"visual": float(ranking.visual[row]), "tags": round(float(ranking.overlaps[row]), 6)}
        relation, confidence = self._relation(ranking, int(ranking.keys[row]))
        return Match(
            record,
            score=float(ranking.scores[row]),
            distance=float(ranking.shown[row]),
            rank=rank,
            relation=relation,
            confidence=confidence,
            parts=parts,
            is_gone=has_lost_file(record),
        )

    def _relation(self, ranking: Ranking, key: int) -> tuple[str | None, float | None]:
        """Return what a record is to the example, and the confidence that it is the same picture."""
        if key in ranking.same:
            return "identical", 1.0
        found = None if self._verified is None else self._verified.verdicts.get(key)
        if found is None or found.relation is None:
            return None, None
        return found.relation.kind, found.relation.confidence


class _Walk:
    """Walks down a ranking and chooses: not the near-duplicates of what was chosen, and one of each group.

    Attributes:
        rows: The rows that were chosen, rising.
        met_group: Whether a record with the group's field was met.
    """

    def __init__(self, store: Store, query: Query, copy_space: str, copy_points: ScoreCurve) -> None:
        self._store, self._query, self._copy_space, self._points = store, query, copy_space, copy_points
        self.is_selective = query.group_by is not None or query.collapse is not None
        self._begin()

    def _begin(self) -> None:
        self.rows = np.empty(0, np.int64)
        self.met_group = False
        self._walked = np.empty(0, np.int64)  # keys
        self._groups: set[Hashable] = set()
        self._kept: set[int] = set()  # rows with a vector that no better match hides; `rows` may be fewer: by groups
        self._blocks: list[_Block] = []  # the same, as they were walked
        self._hidden: list[tuple[int, int]] = []  # (row, the row that hides it)

    def go_on(self, ranking: Ranking, wanted: int | None) -> None:
        """Walk on in a ranking that may have grown, until `wanted` rows are chosen; None for all of it."""
        if not self.is_selective:
            self.rows = np.arange(len(ranking.keys))
            return
        if not np.array_equal(ranking.keys[: len(self._walked)], self._walked):  # written to meanwhile
            self._begin()
        while len(self._walked) < len(ranking.keys) and (wanted is None or len(self.rows) < wanted):
            start = len(self._walked)
            missing = _WALKED_AT_ONCE if wanted is None else _GROWTH * (wanted - len(self.rows))
            rows = np.arange(start, min(len(ranking.keys), start + min(missing, _WALKED_AT_ONCE)))
            kept = rows if self._query.collapse is None else self._without_copies(ranking, rows)
            chosen = kept if self._query.group_by is None else self._best_of_groups(ranking, kept)
            self.rows = np.append(self.rows, chosen)
            self._walked = ranking.keys[: start + len(rows)]

    def hidden_by(self, row: int, end: int) -> int:
        """Count the near-duplicates of a row that rank before another."""
        return sum(1 for hidden, by in self._hidden if by == row and hidden < end)

    def _best_of_groups(self, ranking: Ranking, rows: I64) -> I64:
        """Return the rows that are the first of their group."""
        field = self._query.group_by
        assert field is not None
        keys = ranking.keys[rows].tolist()
        records = {key: ranking.records[key] for key in keys if key in ranking.records}
        if missing := [key for key in keys if key not in records]:
            records |= self._store.records(missing)
        first = []
        for row, key in zip(rows.tolist(), keys, strict=True):
            if key not in records:  # deleted meanwhile
                continue
            self.met_group = self.met_group or groups.value_at(records[key], field) is not None
            group = groups.group_of(records[key], field)
            if group not in self._groups:
                self._groups.add(group)
                first.append(row)
        return np.array(first, np.int64)

    def _without_copies(self, ranking: Ranking, rows: I64) -> I64:
        """Return the rows that are not near-duplicates of a better one; note which hides the others."""
        keys = ranking.keys[rows].tolist()
        found: Any = self._store.vectors(self._copy_space, keys)
        fresh = {row: found[key] for row, key in zip(rows.tolist(), keys, strict=True) if key in found}
        copies = self._copies(ranking, fresh)
        kept = []
        for row in rows.tolist():
            by = next((better for better in copies.get(row, ()) if better in self._kept), None)
            if by is not None:
                self._hidden.append((row, by))
                continue
            kept.append(row)
            if row in fresh:
                self._kept.add(row)
        seen = [row for row in kept if row in fresh]
        if seen:
            self._blocks.append(_Block(np.array(seen, np.int64), np.stack([fresh[row] for row in seen])))
        return np.array(kept, np.int64)

    def _copies(self, ranking: Ranking, fresh: Mapping[int, F32]) -> dict[int, list[int]]:
        """Return, for each fresh row the better rows that it is a near-duplicate of, best first.

        Products of matrices leave a few pairs that may be near; only these get the exact distance, which decides.
        """
        if not fresh:
            return {}
        floor = self._query.collapse
        assert floor is not None
        points = self._points
        block = _Block(np.fromiter(fresh, np.int64), np.stack(list(fresh.values())))
        least = 1 - distance_at(min(floor, AGREEING_SCORE), points) - _SLACK  # of the cosine
        worse, better, far = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0, np.float32)]
        for held in [*self._blocks, block]:
            ours, theirs = np.nonzero(block.units @ held.units.T >= least)
            is_better = held.rows[theirs] < block.rows[ours]
            ours, theirs = ours[is_better], theirs[is_better]
            worse.append(block.rows[ours])
            better.append(held.rows[theirs])
            for start in range(0, len(ours), _PAIRS_AT_ONCE):
                some = slice(start, start + _PAIRS_AT_ONCE)
                far.append(cosine_distances(block.vectors[ours[some]], held.vectors[theirs[some]]))
        ours, best, distances = np.concatenate(worse), np.concatenate(better), np.concatenate(far)
        scores = score_pairs(self._store, points, ranking.keys[ours], ranking.keys[best], distances)
        copies: dict[int, list[int]] = {}
        for row, other in zip(ours[scores >= floor].tolist(), best[scores >= floor].tolist(), strict=True):
            copies.setdefault(row, []).append(other)
        return copies


class _Block:
    """Some rows (n,), their vectors (n, d), and these at length 1; a zero vector stays as it is."""

    def __init__(self, rows: I64, vectors: F32) -> None:
        self.rows, self.vectors = rows, vectors
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
        self.units = (vectors / np.where(lengths > 0, lengths, 1.0)[:, None]).astype(np.float32)
