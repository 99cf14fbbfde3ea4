"""Exact nearest neighbors among plain vectors by Euclidean distance, without a store.

The distance of a row x to a query q is *defined* as sqrt(sum (q - x)^2), in float64: equal vectors are at 0.0. Rows are
found by matrix products in float32, whose squared distances err by at most

    eps = (d + 16) 2^-24 (|q| + max |x|)^2       rounding of q and x to float32, of |q|^2, |x|^2 and q.x, and of the sum

So the best m > k of them are scored by the definition; when the m-th, less eps, is farther than the k-th, no row
that was left out can be among the nearest. Else m grows, at last to all rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..features.threads import in_order

if TYPE_CHECKING:
    import numpy.typing as npt

    from ...arrays import F32, I64

    F64: TypeAlias = npt.NDArray[np.float64]
    Answer: TypeAlias = tuple[I64, F64]

_MARGIN = 32  # candidates beyond k at first; nearly always enough to prove the answer
_GROWTH = 8
_QUERIES = 256  # queries in one product
_CANDIDATES = 1 << 21  # candidates held at once by a thread: 25 MB
_EXACT = 512  # rows scored by the definition at once


class VectorTable:
    """Vectors that are asked for their nearest; immutable.

    Attributes:
        vectors: (n, d) float32 where that loses nothing, else float64; trailing columns of zeros, which add nothing
            to any distance, are dropped.
    """

    def __init__(self, vectors: npt.NDArray[Any]) -> None:
        self.vectors = _compact(vectors)
        with np.errstate(over="ignore"):
            self._scanned: F32 = np.ascontiguousarray(self.vectors, np.float32)
        self._longest = _longest(self.vectors)

    def __len__(self) -> int:
        return len(self.vectors)

    def nearest(
        self,
        queries: npt.NDArray[Any],
        *,
        k: int | None,
        radius: float | None = None,
        loops: bool = True,
        workers: int = 1,
    ) -> Iterator[Answer]:
        """Return, for each query the rows of its nearest vectors and their distances, by rising (distance, row).

        Args:
            queries: (q, any number of columns); missing columns count as zeros, in the table too.
            k: How many at most; None for all.
            radius: The largest distance, which still counts; None for any.
            loops: False when query i is row i of the table, which is then no neighbor of itself.
            workers: Threads; the answers do not depend on them.

        Cost: O(n d) a query, in blocks of matrix products; memory of a few blocks and their answers.
        """
        asked = _compact(queries)
        wanted = len(self) if k is None else min(k, len(self))
        search = _Search(self, asked.shape[1], wanted, np.inf if radius is None else float(radius))
        first = _MARGIN + (0 if k is None and radius is not None else wanted)
        size = max(1, min(_QUERIES, _CANDIDATES // first))

        def block(start: int) -> list[Answer]:
            some = asked[start : start + size]
            own = np.arange(start, start + len(some))
            return search.answers(some, np.full_like(own, -1) if loops else own, first)

        for answers in in_order(block, range(0, len(asked), size), workers=workers, initializer=_one_thread):
            yield from answers


class _Search:
    """One call of `nearest`: a table and queries brought to one width, and the bounds of the answers."""

    def __init__(self, table: VectorTable, dim: int, k: int, radius: float) -> None:
        self.dim = max(dim, table.vectors.shape[1])
        self.k, self.radius = k, radius
        self.rows = _widened(table.vectors, self.dim)
        self.scanned = _widened(table._scanned, self.dim)
        self.longest = table._longest

    def answers(self, queries: npt.NDArray[Any], own: I64, m: int) -> list[Answer]:
        """Answer queries from their best m candidates, and those that this does not prove from more."""
        m = min(m, len(self.rows))
        step = max(1, _CANDIDATES // m)
        found: list[Answer] = []
        for start in range(0, len(queries), step):
            found += self._block(queries[start : start + step], own[start : start + step], m)
        return found

    def _block(self, queries: npt.NDArray[Any], own: I64, m: int) -> list[Answer]:
        wide = _widened(queries, self.dim).astype(np.float64)
        candidates, floors = self._candidates(wide, m)
        found = [self._ranked(*each) for each in zip(wide, own, candidates, strict=True)]
        unproven = [place for place, answer in enumerate(found) if not self._is_proven(answer, floors[place])]
        for place, answer in zip(unproven, self.answers(queries[unproven], own[unproven], m * _GROWTH), strict=True):
            found[place] = answer
        return found

    def _candidates(self, queries: F64, m: int) -> tuple[I64, F64]:
        """Return the rows of the m best, (q, m), and a floor for the squared distance of all others, (q,)."""
        n = len(self.rows)
        if m == n:
            return np.broadcast_to(np.arange(n), (len(queries), n)), np.full(len(queries), np.inf)
        import faiss

        with np.errstate(over="ignore"):
            squared, rows = faiss.knn(queries.astype(np.float32), self.scanned, m)
        lengths = np.sqrt(np.einsum("ij,ij->i", queries, queries))
        eps = (self.dim + 16) * 2.0**-24 * (lengths + self.longest) ** 2
        floors = squared[:, -1].astype(np.float64) - eps
        return rows, np.where(np.isfinite(floors), floors, -np.inf)  # beyond float32: only scoring all is proof

    def _ranked(self, query: F64, own: int, rows: I64) -> Answer:
        distances = np.concatenate(
            [_distances(query, self.rows[rows[start : start + _EXACT]]) for start in range(0, len(rows), _EXACT)]
        )
        inside = (distances <= self.radius) & (rows != own)
        rows, distances = rows[inside], distances[inside]
        order = np.lexsort((rows, distances))[: self.k]
        return rows[order], distances[order]

    def _is_proven(self, answer: Answer, floor: float) -> bool:
        distances = answer[1]
        last = distances[-1] if len(distances) == self.k else np.inf
        return bool(floor > min(last, self.radius) ** 2 or floor == np.inf)


def _one_thread() -> None:
    """Let faiss use one thread on this one: with OpenMP's own, a block took up to five times as long under load."""
    import faiss

    faiss.omp_set_num_threads(1)


def _distances(query: F64, rows: npt.NDArray[Any]) -> F64:
    differences = rows - query  # (m, d) float64; each row is summed alone: the same bits in any company
    squares: F64 = np.add.reduce(differences * differences, axis=1)
    return np.sqrt(squares)


def _compact(vectors: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Drop trailing columns of zeros, and go to float32 where it holds every value."""
    used = np.flatnonzero(vectors.any(axis=0))
    kept = vectors[:, : int(used[-1]) + 1 if len(used) else 1]
    with np.errstate(over="ignore"):
        small = np.ascontiguousarray(kept, np.float32)
    return small if np.array_equal(small, kept) else np.ascontiguousarray(kept, np.float64)


def _longest(vectors: npt.NDArray[Any]) -> float:
    blocks = (vectors[start : start + _EXACT].astype(np.float64) for start in range(0, len(vectors), _EXACT))
    return max((float(np.sqrt((block * block).sum(axis=1).max())) for block in blocks), default=0.0)


def _widened(vectors: npt.NDArray[Any], dim: int) -> npt.NDArray[Any]:
    missing = dim - vectors.shape[1]
    return np.pad(vectors, ((0, 0), (0, missing))) if missing else vectors
