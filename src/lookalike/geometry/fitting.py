"""Least squares with few unknowns, by the normal equations: without BLAS, whose idle threads wait busily."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..values import F64

_RANK = 1e-10  # directions that tell less than this share of the strongest are taken as unknown, and left at 0


def least_squares(rows: F64, goals: F64) -> F64:
    """Give the (k, m) numbers that bring `rows` (n, k), times them, nearest to `goals` (n, m).

    Where the rows do not tell all, the smallest of the solutions is given.
    """
    import numpy as np

    known = np.einsum("ni,nj->ij", rows, rows)
    wanted = np.einsum("ni,nj->ij", rows, goals)
    found: F64 = np.linalg.lstsq(known, wanted, rcond=_RANK)[0]
    return found
