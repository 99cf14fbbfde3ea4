"""Nearest neighbors of a reference set: what Turi Create answers, found by `core.scores.vectors`."""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..core.scores.vectors import VectorTable
from . import columns
from .extraction import Progress
from .image import pictures
from .sarray import SArray
from .sframe import SFrame

if TYPE_CHECKING:
    import numpy.typing as npt

QUERY, REFERENCE = "query_label", "reference_label"


class NearestNeighborsModel:
    """A reference set with its labels, asked for exact neighbors by Euclidean distance."""

    def __init__(self, vectors: npt.NDArray[Any], labels: SArray) -> None:
        self.references = VectorTable(vectors)
        self.labels = labels

    @property
    def num_examples(self) -> int:
        """The number of references."""
        return len(self.references)

    def query(
        self, vectors: npt.NDArray[Any], labels: SArray, k: int | None, radius: float | None, verbose: bool
    ) -> SFrame:
        """Return the neighbors of each vector: query_label, reference_label, distance, rank; by query, then rank.

        Args:
            vectors: (q, d).
            labels: (q,) what to call the queries.
            k, radius: Checked by `check_bounds`.
        """
        return self._answers(vectors, labels, k, radius, verbose, loops=True)

    def similarity_graph(self, k: int | None, radius: float | None, include_self_edges: bool, verbose: bool) -> SFrame:
        """Return the neighbors of each reference among the others, in the form of `query`."""
        return self._answers(self.references.vectors, self.labels, k, radius, verbose, loops=include_self_edges)

    def _answers(
        self,
        vectors: npt.NDArray[Any],
        labels: SArray,
        k: int | None,
        radius: float | None,
        verbose: bool,
        *,
        loops: bool,
    ) -> SFrame:
        rows, distances = [np.empty(0, np.int64)], [np.empty(0)]
        progress = Progress("Finding neighbors", len(vectors), verbose=verbose)
        neighbors = self.references.nearest(vectors, k=k, radius=radius, loops=loops, workers=pictures().workers)
        for found, far in neighbors:
            rows.append(found)
            distances.append(far)
            progress.tell(len(rows) - 1)
        counts = [len(found) for found in rows[1:]]
        ranks = [np.arange(1, count + 1) for count in counts]
        return SFrame(
            pa.table(
                {
                    QUERY: columns.take(labels.column, np.repeat(np.arange(len(counts)), counts)),
                    REFERENCE: columns.take(self.labels.column, np.concatenate(rows)),
                    "distance": np.concatenate(distances),
                    "rank": np.concatenate([np.empty(0, np.int64), *ranks]),
                }
            )
        )


def check_bounds(k: int | None, radius: float | None) -> None:
    """Refuse a k that is not a whole number above 0, and a radius that is not a number from 0; None means no bound.

    Raises:
        ValueError: naming the parameter.
    """
    if k is not None:
        if isinstance(k, bool) or not isinstance(k, numbers.Integral):
            raise ValueError(f"Input 'k' must be an integer. This is {k!r}; None gives all neighbors.")
        if k <= 0:
            raise ValueError(f"Input 'k' must be larger than 0. This is {k}; None gives all neighbors.")
    if radius is not None:
        if isinstance(radius, bool) or not isinstance(radius, numbers.Real):
            raise ValueError(f"Input 'radius' must be an integer or float. This is {radius!r}; None is any distance.")
        if not radius >= 0:
            raise ValueError(f"Input 'radius' must be non-negative. This is {radius}; None is any distance.")


def row_labels(dataset: SFrame, label: str | None) -> SArray:
    """Return what the rows of a table are called: the values of a column, or numbers from 0.

    Raises:
        RuntimeError: when the column is not there.
        TypeError: when it holds neither int nor str.
    """
    if label is None:
        return SArray(np.arange(len(dataset)))
    labels = SArray(dataset[label])
    if labels.dtype not in (int, str):
        raise TypeError(f'Row labels must be integers or strings. Column "{label}" holds {labels.dtype.__name__}.')
    return labels
