"""Exact nearest neighbors over a table of vectors: a quick scan, then an exact measurement of the best.

The idea. A record's distance to a query is *defined* by `common/metric`, whatever scans for it, and answers come by
rising (distance, id). faiss scans fp16 rows at the speed of memory, in float32. Its score s of a
row differs from the true cosine by at most

    eps = (d + 16) 2^-24  +  1.02 max| |x| - 1 |
          rounding of a float32    how far the stored rows are from unit length (measured
          sum, in any order        when rows enter a segment, about 1e-4 for fp16)

So: take the best m > k by s, score those by the definition, and look at the k-th. Every row that was not fetched has
s <= s_m, so its true cosine is at most s_m + eps. When that cannot reach the k-th distance, the answer is proven; else
m grows. Hence neither thread count nor batch size nor the order of insertion can show in an answer.

A table is one or two segments (base: a map of the index file; tail: what came later, in memory), and a *selection* of
each says which of its rows may be answered:

    position      0 ....................... n0 | n0 .......... n0+n1
    keys   int64  rising                         rising on
    rows          (n0, d) fp16, or (n0, bytes)   same
    alive  bool   None, or False where deleted   same

Segments do not change; a write makes a new tuple of them, so searches need no lock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import faiss as _faiss
import numpy as np

from ...records import Metric
from ..common.metric import count_differing, decode, distances_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from ...arrays import F32, I64
    from ..common.metric import Queries, Rows

    Mask: TypeAlias = npt.NDArray[np.bool_]
    Found: TypeAlias = tuple[I64, F32]  # keys and their distances
    Ids: TypeAlias = Callable[[Sequence[int]], dict[int, str]]

faiss: Any = _faiss  # its type stubs know neither views nor selectors

_MARGIN = 32  # fetched beyond k at first; nearly always enough to prove the answer
_GROWTH = 8
_FEW = 256  # rows that are scored one by one: below about this a scan saves nothing
_THIN, _COPY = 16, 1 << 26  # of so many rows one passes, and in bytes: then those are copied together once
_MANY_QUERIES = 24  # from here a matrix product over decoded blocks beats a scan for each query
_BLOCK = 16384  # rows decoded at once: 32 MB at 512 numbers


def slack(rows: Rows) -> float:
    """Return how far the lengths of fp16 rows are from 1 at most; 0 for bit rows."""
    if rows.dtype == np.uint8:
        return 0.0
    most = 0.0
    for start in range(0, len(rows), 4096):
        block = decode(rows[start : start + 4096])  # (b, d)
        lengths = np.sqrt(np.einsum("ij,ij->i", block, block))
        most = max(most, float(np.abs(lengths - 1.0).max()) + 1e-6)  # 1e-6: the float32 sum of squares
    return most


def rounding(dim: int, slack: float) -> float:
    """Return how far a float32 product of a unit vector and a row may be from their cosine: eps, as above."""
    return (dim + 16) * 2.0**-24 + 1.02 * slack


class Segment:
    """Rows with their keys; what is deleted is masked, never moved."""

    def __init__(self, rows: Rows, keys: I64, alive: Mask | None, slack: float) -> None:
        self.rows, self.keys, self.alive, self.slack = rows, keys, alive, slack

    def without(self, gone: I64) -> Segment:
        """Return this segment with some keys masked; keys that are not here are skipped."""
        places = self.places_of(gone)
        if not len(places):
            return self
        alive = np.ones(len(self.keys), bool) if self.alive is None else self.alive.copy()
        alive[places] = False
        return Segment(self.rows, self.keys, alive, self.slack)

    def places_of(self, keys: I64) -> I64:
        """Return the places of those of some keys that are here and alive, rising."""
        wanted = np.unique(keys)
        places: I64 = np.searchsorted(self.keys, wanted)
        there = places < len(self.keys)
        places = places[there][self.keys[places[there]] == wanted[there]]
        return places if self.alive is None else places[self.alive[places]]

    def living(self) -> I64:
        """Return the keys that are not deleted."""
        return self.keys if self.alive is None else self.keys[self.alive]

    @cached_property
    def scanner(self) -> Any:
        """A faiss index over the very memory of the rows."""
        n, d = self.rows.shape
        index = faiss.IndexScalarQuantizer(d, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        self._codes = codes = np.ascontiguousarray(self.rows).reshape(-1).view(np.uint8)  # held: faiss does not
        if not hasattr(faiss, "MaybeOwnedVectorUInt8"):  # an older faiss cannot look at memory of ours: it copies
            index.add_sa_codes(codes.reshape(n, -1))
            return index
        index.codes = faiss.MaybeOwnedVectorUInt8.create_view(faiss.swig_ptr(codes), codes.size, index.codes.owner)
        index.ntotal = n
        return index


class Selection:
    """The rows of a segment that may be answered.

    Attributes:
        segment: Where the rows are; a copy of the chosen ones alone where they are few, as a scan of rows that lie
            apart is several times as slow.
        mask: (n,) which of its rows are chosen; None for all.
        count: How many.
    """

    def __init__(self, segment: Segment, passing: Mask | None = None) -> None:
        """Choose the rows that are alive and, where given, pass."""
        self._counts: I64 | None = None
        mask = segment.alive if passing is None else passing if segment.alive is None else passing & segment.alive
        self.segment, self.mask = segment, mask
        self.count = len(segment.keys) if mask is None else int(np.count_nonzero(mask))
        most = min(len(segment.keys) // _THIN, _COPY // (segment.rows.shape[1] * segment.rows.itemsize))
        if mask is not None and self.count <= max(_FEW, most):
            self.segment, self.mask = Segment(segment.rows[mask], segment.keys[mask], None, segment.slack), None
        self._is_copy = self.segment is not segment

    @cached_property
    def places(self) -> I64:
        """The chosen rows (count,), rising."""
        return np.arange(self.count) if self.mask is None else np.flatnonzero(self.mask)

    @property
    def copied_bytes(self) -> int:
        """How much memory the copy takes; 0 where there is none."""
        return self.segment.rows.nbytes if self._is_copy else 0

    def counts(self, groups: npt.NDArray[np.int32], many: int) -> I64:
        """Count how many chosen rows are in each of so many groups; (n,) groups, the same at every call."""
        if self._counts is None:
            self._counts = np.bincount(groups[self.places], minlength=many)
        return self._counts

    @cached_property
    def bits(self) -> Any:
        """The mask as a bitmap of faiss; None for all rows."""
        return None if self.mask is None else np.packbits(self.mask, bitorder="little")


def rank(
    selections: Sequence[Selection],
    metric: Metric,
    queries: Queries,
    k: int,
    *,
    max_distance: float | None,
    ids: Ids,
) -> list[Found]:
    """Return (keys, distances) of the k nearest for each query, by rising (distance, id).

    Args:
        ids: Gives the ids of keys; asked only where distances tie.
    """
    table = _Table(selections, metric)
    ceiling = np.float32(np.inf if max_distance is None else max_distance)
    if k < 1 or table.matching == 0:
        return [(np.empty(0, np.int64), np.empty(0, np.float32)) for _ in queries]
    if metric == "hamming":
        return [cut(*_within(table.selections, query, ceiling), k, ceiling, ids) for query in queries]
    if table.matching <= max(_FEW, k):
        return [cut(*table.nearest(query, k), k, ceiling, ids) for query in queries]
    return _search(table, queries, k, ceiling, ids)


def unit_of(queries: F32) -> F32:
    """Return queries (q, d) of length 1, as faiss likes them."""
    unit = queries / np.linalg.norm(queries.astype(np.float64), axis=1)[:, None]
    return np.ascontiguousarray(unit, np.float32)


def _search(table: _Table, queries: F32, k: int, ceiling: np.float32, ids: Ids) -> list[Found]:
    answers: list[Found] = [None] * len(queries)  # type: ignore[list-item]
    open_queries, m = np.arange(len(queries)), k + _MARGIN
    while len(open_queries):
        m = min(m, table.matching)
        unproven = []
        for place, (keys, distances, unseen) in zip(open_queries, table.best(queries[open_queries], m), strict=True):
            if m < table.matching and not _is_proven(distances, k, unseen, ceiling):
                unproven.append(place)
            else:
                answers[place] = cut(keys, distances, k, ceiling, ids)
        open_queries, m = np.array(unproven, np.int64), m * _GROWTH
    return answers


def _is_proven(distances: F32, k: int, unseen: float, ceiling: np.float32) -> bool:
    """Whether no row beyond the fetched ones, all at `unseen` or farther, can be among the k nearest."""
    nearest = np.float32(max(0.0, unseen))
    return bool(nearest > ceiling or (len(distances) >= k and nearest > np.partition(distances, k - 1)[k - 1]))


def cut(keys: I64, distances: F32, k: int, ceiling: np.float32, ids: Ids) -> Found:
    """Cut to k by (distance, id); ids are looked up only for distances that tie."""
    if len(distances) > k:
        ceiling = min(ceiling, np.partition(distances, k - 1)[k - 1])
    inside = distances <= ceiling
    keys, distances = keys[inside], distances[inside]
    order = np.argsort(distances, kind="stable")
    keys, distances = keys[order], distances[order]
    ties = np.flatnonzero(distances[1:] == distances[:-1])
    if len(ties):
        places = np.union1d(ties, ties + 1)
        names = ids([int(key) for key in keys[places]])
        by_name = sorted(places, key=lambda place: (distances[place], names[int(keys[place])]))
        keys[places] = keys[by_name]
    return keys[:k], distances[:k]


class _Table:
    """The selections that hold rows, for the time of one call."""

    def __init__(self, selections: Sequence[Selection], metric: Metric) -> None:
        self.metric = metric
        self.selections = [selection for selection in selections if selection.count]
        self.matching = sum(selection.count for selection in self.selections)

    def nearest(self, query: F32, k: int) -> Found:
        """Return the keys and distances of those rows that can be among the k nearest."""
        found = []
        for each in self.selections:
            for start in range(0, each.count, _BLOCK):
                found.append(nearest(each.segment, query, each.places[start : start + _BLOCK], k))
        keys, distances = zip(*found, strict=True)
        return np.concatenate(keys), np.concatenate(distances)

    def best(self, queries: F32, m: int) -> list[tuple[I64, F32, float]]:
        """Return, for each query keys and distances of about the m nearest, and a floor for all others' distances."""
        found: list[list[Found]] = [[] for _ in queries]
        unseen = np.full(len(queries), np.inf)
        unit = unit_of(queries)
        for each in self.selections:
            scores, rows = _scan(each, unit, min(m, each.count))  # (q, m) each
            if m < each.count:
                highest = scores[:, -1].astype(np.float64) + rounding(queries.shape[1], each.segment.slack)
                unseen = np.minimum(unseen, 1.0 - highest)
            for place, query in enumerate(queries):
                found[place].append(scored(each.segment, query, rows[place]))
        return [
            (np.concatenate([keys for keys, _ in each]), np.concatenate([d for _, d in each]), float(bound))
            for each, bound in zip(found, unseen, strict=True)
        ]


def scored(segment: Segment, query: F32, rows: I64) -> Found:
    """Return the keys of some rows with their distances, as defined."""
    return segment.keys[rows], distances_of("cosine", query, segment.rows[rows])


def nearest(segment: Segment, query: F32, rows: I64, k: int) -> Found:
    """Return the keys of those rows that can be among the k nearest of them, with their distances, as defined.

    The definition is dear: rows whose float32 score falls behind the k-th by more than both can err are left out.
    """
    if len(rows) > k:
        scores = decode(segment.rows[rows]) @ unit_of(query[None])[0]
        floor = np.partition(scores, -k)[-k] - 2 * rounding(len(query), segment.slack)
        rows = rows[scores >= floor]
    return scored(segment, query, rows)


def _scan(selection: Selection, unit: F32, m: int) -> tuple[F32, I64]:
    """Return float32 scores and rows of the best m for each query; every query finds m of them."""
    if len(unit) >= _MANY_QUERIES:
        return _scan_blocks(selection, unit, m)
    params = None
    if selection.bits is not None:
        params = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(selection.bits))
    with OneThread():
        scores, rows = selection.segment.scanner.search(unit, m, params=params)
    return scores, rows


def _scan_blocks(selection: Selection, unit: F32, m: int) -> tuple[F32, I64]:
    """Decode the rows block by block and let matrix products score them: quick for many queries."""
    scores, rows = np.empty((len(unit), 0), np.float32), np.empty((len(unit), 0), np.int64)
    for start in range(0, selection.count, _BLOCK):
        chosen = selection.places[start : start + _BLOCK]
        block = decode(selection.segment.rows[chosen])  # (b, d)
        with OneThread():
            best, where = faiss.knn(unit, block, min(m, len(block)), metric=faiss.METRIC_INNER_PRODUCT)
        scores = np.concatenate([scores, best], axis=1)
        rows = np.concatenate([rows, chosen[where]], axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :m]
        scores, rows = np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)
    return scores, rows


class OneThread:
    """Let faiss use one thread for calls of this thread, and put its setting back; the setting is this thread's own.

    Under load OpenMP's threads wait for each other in busy loops: with two on two shared cores a block took 262 ms
    instead of 48. Who has many queries calls from several threads: neither faiss nor SQLite holds the GIL.
    """

    def __enter__(self) -> None:
        self._before = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)

    def __exit__(self, *_: object) -> None:
        faiss.omp_set_num_threads(self._before)


def _within(selections: Sequence[Selection], query: Queries, ceiling: np.float32) -> Found:
    """Return the keys and distances of the rows of a Hamming space that are within the ceiling."""
    keys, distances = [], []
    for each in selections:
        most = int(min(ceiling, 8 * each.segment.rows.shape[1]))
        bits = _counts(each, query)
        near = np.flatnonzero(bits <= most)
        keys.append(each.segment.keys[near if each.mask is None else each.places[near]])
        distances.append(bits[near].astype(np.float32))
    return np.concatenate(keys), np.concatenate(distances)


def _counts(selection: Selection, query: Queries) -> npt.NDArray[Any]:
    """Count the differing bits of the chosen rows (count,), block by block: in the cache of a core."""
    rows = selection.segment.rows if selection.mask is None else selection.segment.rows[selection.mask]
    blocks = [count_differing(query, rows[start : start + _BLOCK]) for start in range(0, len(rows), _BLOCK)]
    return np.concatenate(blocks)
