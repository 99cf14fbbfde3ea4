"""Joins: all pairs of a table's rows within a distance, each with the distance that `exact` defines.

The idea. Rows stand by rising key. A block of them is joined with all rows up to its own end, tile by tile, so that
after each block every pair among the keys so far is known: a join can stop there, and go on later with what is new.

                  theirs
               ┌──┐
         ours  │  └──┐
               │     └──┐          one block of rows and its tiles
               ├──┬──┬──┤
               └──┴──┴──┘

A matrix product scores a tile in float32. Such a score differs from the true cosine by a known amount at most (see
metric.py); whatever may be within the ceiling is measured as defined. Bits are counted exactly at once.

bench/duplicates.py times the bare products beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import faiss as _faiss
import numpy as np

from ...neighbors import Pairs
from ...records import Metric
from ..common.metric import decode
from .exact import OneThread, Selection, rounding, unit_of

if TYPE_CHECKING:
    from ...arrays import F32, F64, I64
    from ..common.metric import Rows
    from .exact import Mask

faiss: Any = _faiss

_OURS, _THEIRS = 2048, 4096  # rows of a tile: 32 MB of scores, and large enough for products at full speed
_MEASURED = 512  # pairs whose distance is computed at once: their rows stay in the second-level cache


class Table:
    """The chosen rows of some segments, by rising key; a row's place counts from 0."""

    def __init__(self, selections: Sequence[Selection]) -> None:
        self._parts = [each for each in selections if each.count]
        held = [each.segment.keys[each.places] for each in self._parts]
        self.keys: I64 = np.concatenate([np.empty(0, np.int64), *held])
        self.slack = max((each.segment.slack for each in self._parts), default=0.0)

    def rows(self, places: I64) -> Rows:
        """Return the rows at some places, as they are stored."""
        shape = self._parts[0].segment.rows
        out: Rows = np.empty((len(places), shape.shape[1]), shape.dtype)
        for part in self._parts:
            here = (places >= 0) & (places < part.count)
            out[here] = part.segment.rows[part.places[places[here]]]
            places = places - part.count
        return out

    def holds(self, keys: I64) -> Mask:
        """Return, for each key, whether it has a row."""
        found: Mask = np.isin(keys, self.keys)
        return found

    def places(self, keys: I64) -> I64:
        """Return the places of the keys that have a row, in the order of the keys."""
        return np.searchsorted(self.keys, keys[self.holds(keys)])


def join(table: Table, metric: Metric, max_distance: float, *, after: int) -> Iterator[Pairs]:
    """Return the pairs within a distance whose greater key is behind `after`, tile by tile.

    Args:
        max_distance: A ceiling that includes its own value.

    Cost: memory for one tile and its pairs, of which there may be 8 million.
    """
    n = len(table.keys)
    first = int(np.searchsorted(table.keys, after, side="right"))
    blocks = [(start, min(start + _OURS, n)) for start in range(first, n, _OURS)]
    whole, work = sum((stop - start) * stop for start, stop in blocks), 0
    for start, stop in blocks:
        ours = _Side(table, metric, np.arange(start, stop))
        for left in range(0, stop, _THEIRS):
            a, b, distances = ours.near(np.arange(left, min(left + _THEIRS, stop)), max_distance)
            lower = b < a
            work += (stop - start) * (min(left + _THEIRS, stop) - left)
            covered = int(table.keys[stop - 1]) if left + _THEIRS >= stop else None
            yield Pairs(table.keys[a[lower]], table.keys[b[lower]], distances[lower], covered, work / whole)


def join_two(table: Table, metric: Metric, max_distance: float, ours: I64, theirs: I64) -> Iterator[Pairs]:
    """Return the pairs within a distance of one of our keys and one of theirs, tile by tile."""
    a_places, b_places = table.places(ours), table.places(theirs)
    whole, work = len(a_places) * len(b_places), 0
    for top in range(0, len(a_places), _OURS):
        side = _Side(table, metric, a_places[top : top + _OURS])
        for left in range(0, len(b_places), _THEIRS):
            others = b_places[left : left + _THEIRS]
            a, b, distances = side.near(others, max_distance)
            work += len(a_places[top : top + _OURS]) * len(others)
            yield Pairs(table.keys[a], table.keys[b], distances, None, work / whole)


class _Side:
    """A block of rows with their form for products."""

    def __init__(self, table: Table, metric: Metric, places: I64) -> None:
        self._table, self._metric, self._places = table, metric, places
        self._rows = table.rows(places)
        self._form = unit_of(decode(self._rows)) if metric == "cosine" else self._rows

    def near(self, places: I64, max_distance: float) -> tuple[I64, I64, F32]:
        """Return (place of ours, place of theirs, distance) of all pairs with other rows within a ceiling."""
        theirs = self._table.rows(places)
        if self._metric == "hamming":
            a, b, distances = _bits_within(self._rows, theirs, max_distance)
        else:
            slack = rounding(theirs.shape[1], self._table.slack) + 1e-6  # and the rounding of a distance to float32
            a, b = _reaching(self._form, decode(theirs), np.float32(1.0 - max_distance - slack))
            distances = _distances(self._rows, theirs, a, b)
            inside = distances <= np.float32(max_distance)
            a, b, distances = a[inside], b[inside], distances[inside]
        return self._places[a], places[b], distances


def _reaching(unit: F32, theirs: F32, floor: np.float32) -> tuple[I64, I64]:
    """Return the places (row, column) of the scores that reach a floor; most rows have none."""
    scores = unit @ theirs.T  # (a, b)
    rows = np.flatnonzero(scores.max(axis=1) >= floor)
    places, b = np.nonzero(scores[rows] >= floor)
    return rows[places], b


def _distances(ours: Rows, theirs: Rows, a: I64, b: I64) -> F32:
    """Return the distance of our row a and their row b for each of some pairs, to the bit that metric.py defines."""
    out = np.empty(len(a), np.float32)
    (x, x_lengths, a), (y, y_lengths, b) = _measurable(ours, a), _measurable(theirs, b)
    for start in range(0, len(a), _MEASURED):
        i, j = a[start : start + _MEASURED], b[start : start + _MEASURED]
        dots = np.add.reduce(x[i] * y[j], axis=1)
        out[start : start + _MEASURED] = np.maximum(0.0, 1.0 - dots / (x_lengths[i] * y_lengths[j]))
    return out


def _measurable(rows: Rows, chosen: I64) -> tuple[F64, F64, I64]:
    """Return the chosen rows, each once, in float64; their lengths; and where each choice is now."""
    held, places = np.unique(chosen, return_inverse=True)
    x = decode(rows[held]).astype(np.float64)
    return x, np.sqrt(np.add.reduce(x * x, axis=1)), places


def _bits_within(ours: Rows, theirs: Rows, max_distance: float) -> tuple[I64, I64, F32]:
    index = faiss.IndexBinaryFlat(8 * ours.shape[1])
    index.add(np.ascontiguousarray(theirs))
    radius = int(min(max_distance, 8 * ours.shape[1])) + 1  # faiss leaves out what is at the radius
    with OneThread():
        ends, distances, found = index.range_search(np.ascontiguousarray(ours), radius)
    a = np.repeat(np.arange(len(ours)), np.diff(ends.astype(np.int64)))
    return a, found, distances.astype(np.float32)
