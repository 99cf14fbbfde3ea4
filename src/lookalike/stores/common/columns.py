"""The columns of an answer of neighbors, which every store fills alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...neighbors import Neighbors, Plan

if TYPE_CHECKING:
    from ...arrays import F32, I64


class Columns:
    """The keys and distances of the neighbors of q queries, padded to k each.

    Args:
        q: How many queries.
        k: How many neighbors each may have.
    """

    def __init__(self, q: int, k: int) -> None:
        self._keys = np.full((q, k), -1, np.int64)
        self._distances = np.full((q, k), np.inf, np.float32)
        self._counts = np.zeros(q, np.int64)

    def take(self, start: int, found: Sequence[tuple[I64, F32]]) -> None:
        """Write the keys and distances that were found for the queries from `start` on."""
        for row, (keys, distances) in enumerate(found, start):
            self._counts[row] = len(keys)
            self._keys[row, : len(keys)], self._distances[row, : len(keys)] = keys, distances

    def neighbors(self, plan: Plan) -> Neighbors:
        """Return the answer."""
        return Neighbors(self._keys, self._distances, self._counts, plan)
