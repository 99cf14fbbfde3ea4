"""Least squares with few unknowns, by the normal equations.

In products so small that a BLAS takes no threads, which would wait busily beside ours for long after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..arrays import F64

_MOST_PRODUCTS = 200_000  # of one call; OpenBLAS takes threads from 262,144 on
_RANK = 1e-10  # directions that tell less than this share of the strongest are taken as unknown, and left at 0


def least_squares(rows: F64, goals: F64) -> F64:
    """Return the (k, m) numbers that bring `rows` (n, k), times them, nearest to `goals` (n, m).

    Where the rows do not tell all, the smallest of the solutions is given.
    """
    import numpy as np

    sides = np.concatenate([rows, goals], 1)  # one product for both: with itself BLAS takes another way, by threads
    unknown = rows.shape[1]
    step = max(1, _MOST_PRODUCTS // (unknown * sides.shape[1]))
    both: F64 = np.zeros((unknown, sides.shape[1]), np.float64)
    for start in range(0, len(rows), step):
        both = both + rows[start : start + step].T @ sides[start : start + step]
    strengths, ways = np.linalg.eigh(both[:, :unknown])
    is_known = strengths > _RANK * strengths[-1]
    shares = np.where(is_known, 1 / np.where(is_known, strengths, 1), 0)
    found: F64 = ways @ (shares[:, None] * (ways.T @ both[:, unknown:]))
    return found
