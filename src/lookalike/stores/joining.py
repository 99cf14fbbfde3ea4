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
exact.py); whatever may be within the ceiling is measured as defined. Bits are counted exactly at once.

Measured for 100,000 rows of 256 numbers: see bench/duplicates.py, which times the bare products beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import faiss as _faiss
import numpy as np

from ..distances import cosine_distances
from ..values import Metric, Pairs
from .exact import OneThread, Segment, Selection, decode, rounding, unit_of

if TYPE_CHECKING:
    from ..values import F32, I64
    from .exact import Rows

faiss: Any = _faiss

_OURS, _THEIRS = 2048, 4096  # rows of a tile: 32 MB of scores, and large enough for products at full speed
_MEASURED = 4096  # pairs whose distance is computed at once


class Table:
    """The chosen rows of some segments in a row, by rising key."""

    def __init__(self, selections: Sequence[Selection]) -> None:
        self._parts = [each for each in selections if each.count]
        held = [each.segment.keys[each.places] for each in self._parts]
        self.keys: I64 = np.concatenate([np.empty(0, np.int64), *held])
        self.slack = max((each.segment.slack for each in self._parts), default=0.0)

    def rows(self, start: int, stop: int) -> Rows:
        """Give the rows at some places, as they are stored."""
        pieces = []
        for part in self._parts:
            if start < part.count and stop > 0:
                pieces.append(_piece(part, max(0, start), min(stop, part.count)))
            start, stop = start - part.count, stop - part.count
        return np.concatenate(pieces)


def _piece(part: Selection, start: int, stop: int) -> Rows:
    segment: Segment = part.segment
    return segment.rows[start:stop] if part.mask is None else segment.rows[part.places[start:stop]]


def join(table: Table, metric: Metric, max_distance: float, *, after: int) -> Iterator[Pairs]:
    """Give the pairs within a distance whose greater key is behind `after`, tile by tile.

    Args:
        max_distance: A ceiling that includes its own value.

    Cost: memory for one tile and its pairs, of which there may be 8 million.
    """
    n = len(table.keys)
    first = int(np.searchsorted(table.keys, after, side="right"))
    blocks = [(start, min(start + _OURS, n)) for start in range(first, n, _OURS)]
    whole, work = sum((stop - start) * stop for start, stop in blocks), 0
    for start, stop in blocks:
        ours = _side(table, metric, start, stop)
        for left in range(0, stop, _THEIRS):
            right = min(left + _THEIRS, stop)
            a, b, distances = _tile(table, metric, max_distance, ours, left, right)
            lower = left + b < start + a
            work += (stop - start) * (right - left)
            is_last = right == stop
            yield Pairs(
                table.keys[start + a[lower]],
                table.keys[left + b[lower]],
                distances[lower],
                covered=int(table.keys[stop - 1]) if is_last else None,
                share=work / whole,
            )


def _side(table: Table, metric: Metric, start: int, stop: int) -> tuple[Rows, Any]:
    """Give the rows of a block, with their form for products."""
    rows = table.rows(start, stop)
    return rows, unit_of(decode(rows)) if metric == "cosine" else rows


def _tile(
    table: Table, metric: Metric, max_distance: float, ours: tuple[Rows, Any], left: int, right: int
) -> tuple[I64, I64, F32]:
    """Give (our row, their row, distance) of all pairs of a tile within the ceiling."""
    rows, form = ours
    theirs = table.rows(left, right)
    if metric == "hamming":
        return _bits_within(rows, theirs, max_distance)
    slack = rounding(rows.shape[1], table.slack) + 1e-6  # and the rounding of a distance to float32
    a, b = _reaching(form, decode(theirs), np.float32(1.0 - max_distance - slack))
    distances = np.empty(len(a), np.float32)
    for start in range(0, len(a), _MEASURED):
        chosen = slice(start, start + _MEASURED)
        distances[chosen] = cosine_distances(decode(rows[a[chosen]]), decode(theirs[b[chosen]]))
    near = distances <= np.float32(max_distance)
    return a[near], b[near], distances[near]


def _reaching(unit: F32, theirs: F32, floor: np.float32) -> tuple[I64, I64]:
    """Give the places (row, column) of the scores that reach a floor; most rows have none."""
    scores = unit @ theirs.T  # (a, b)
    rows = np.flatnonzero(scores.max(axis=1) >= floor)
    places, b = np.nonzero(scores[rows] >= floor)
    return rows[places], b


def _bits_within(ours: Rows, theirs: Rows, max_distance: float) -> tuple[I64, I64, F32]:
    index = faiss.IndexBinaryFlat(8 * ours.shape[1])
    index.add(np.ascontiguousarray(theirs))
    radius = int(min(max_distance, 8 * ours.shape[1])) + 1  # faiss leaves out what is at the radius
    with OneThread():
        ends, distances, found = index.range_search(np.ascontiguousarray(ours), radius)
    a = np.repeat(np.arange(len(ours)), np.diff(ends.astype(np.int64)))
    return a, found, distances.astype(np.float32)
