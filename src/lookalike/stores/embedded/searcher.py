"""The search of an embedded store."""

# ruff: noqa: S608 - tables and columns are named by schema.py alone; values are bound
from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ...neighbors import NearestAnswer, NearestQuery, Neighbors, Pairs, Plan
from ..common import search
from ..common.checks import check_ceiling, check_queries
from ..common.columns import Columns
from . import failures
from .damage import ids_of
from .engine import IN
from .reader import Reader

if TYPE_CHECKING:
    from ...arrays import F32, I64, U8
    from ...filters import Filter

_QUERIES = 1024  # queries answered at once; bounds memory


class Searcher(Reader):
    """Finds what is near in one store; see the seam."""

    def search(self, query: NearestQuery, known: NearestAnswer | None = None) -> NearestAnswer:
        """Find the candidates of one query with all their signs, in one snapshot; see the seam."""
        with self.snapshot():
            return search.search(self, query, known)

    def neighbors(
        self,
        space: str,
        vectors: F32 | U8,
        k: int,
        *,
        max_distance: float | None = None,
        filter: Filter | None = None,
        exact: bool = False,
    ) -> Neighbors:
        """Find the k nearest records that pass the filter: exactly min(k, matching), nearest first, ties by id."""
        from . import plans

        began = time.perf_counter()
        place = self._place(space)
        check_queries(self._places[place], vectors, k, max_distance)
        answer = Columns(len(vectors), k)
        asked = plans.SearchRequest(self._places[place].metric, k, max_distance, filter is not None, exact)
        scanned, went = 0, set[plans.SearchPlan]()
        with self._viewing(place) as (conn, view):
            selections = self._index.selections(conn, view, filter)
            chosen = plans.plan(view, selections, asked)
            filtered = time.perf_counter()
            for start in range(0, len(vectors), _QUERIES):
                queries = vectors[start : start + _QUERIES]
                answered = plans.search(view, selections, queries, asked, chosen, lambda tied: _ids(conn, tied))
                answer.take(start, answered.found)
                scanned += answered.scanned
                went.add(answered.chosen)
        ended = time.perf_counter()
        chosen = went.pop() if len(went) == 1 else chosen  # where queries went different ways, what was planned
        plan = Plan(
            method=chosen.method,
            reason=chosen.reason,
            matching=sum(each.count for each in selections),
            scanned=scanned,
            recall=1.0 if chosen.probing is None else chosen.probing.recall,
            filter_ms=1000 * (filtered - began),
            search_ms=1000 * (ended - filtered),
        )
        return answer.neighbors(plan)

    def pairs(self, space: str, max_distance: float, *, between: tuple[I64, I64] | None = None) -> Iterator[Pairs]:
        """Return all pairs of records within a distance, each once, or those between two sets; see the seam.

        What was found without `between` is kept as a derived file: a later call for this distance or less joins new
        records alone, and a call that was interrupted, even killed, is gone on with.
        """
        from . import joins, pair_cache

        place = self._place(space)
        check_ceiling(max_distance)
        with self._viewing(place) as (conn, view):
            table = joins.Table(self._index.selections(conn, view, None))
        metric = self._places[place].metric
        if between is not None:
            return joins.join_two(table, metric, max_distance, *between)
        return pair_cache.find(self._database, self._index_folder, place, table, metric, max_distance)


def _ids(conn: sqlite3.Connection, keys: Sequence[int]) -> dict[int, str]:
    """Return the ids of records, also of those whose id is not text any more."""
    try:
        return dict(conn.execute(f"SELECT key, id FROM records WHERE key {IN}", (json.dumps(list(keys)),)))
    except sqlite3.OperationalError as exc:
        if not failures.is_about_a_row(exc):
            raise
        return ids_of(conn, keys)
