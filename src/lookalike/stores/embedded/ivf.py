"""The approximate index of a segment: an inverted file (IVF) of 8-bit codes, tuned on the collection's own vectors.

The idea. k-means puts the rows into about 4 sqrt(n) lists, each with a centroid. A question looks only into the lists
whose centroids are nearest, by codes of one byte a number, takes a few times k candidates, and leaves them to the
definition of the distance (metric.py): what it answers is right, only a true neighbor may be missed. How many lists are
looked into (*probes*) is found by trying: the fewest with which a sample of the stored vectors finds the wanted share
of its true neighbors (*recall*). Another sample, held out, then gives the figure that is stated.

    0.centroids   (lists, d) float32
    0.assigned    (n,) int32: the list of each row, in the order of the rows
    0.lists       list by list: its codes (size, d) uint8, then its rows' numbers (size,) int64

A code is round(x * scale) + 128, with one scale for all numbers; faiss takes products of whole numbers, so a query is
rounded likewise. Queries and candidates are ranked by it, never answered by it.

Under a filter, lists are looked into until they have held as many rows that pass as a question without a filter looks
at, three times over. Which shares of the rows may pass by chance without a loss of recall is tried as well. A filter
that goes against the picture (hats only, when a shoe is asked for) empties the nearest lists, and then what is nearest
of the rest may be in any list: that shows in the nearest lists before they are read, and such a question is not
answered here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faiss as _faiss
import numpy as np

from .exact import OneThread

if TYPE_CHECKING:
    import numpy.typing as npt

    from ...arrays import F32, I64
    from .exact import Selection

    I32 = npt.NDArray[np.int32]

faiss: Any = _faiss  # its type stubs know neither views nor selectors

_LEAST_CANDIDATES = 32  # codes err most where few are asked for
_FEW_LISTS = 1024  # to put all in order takes twice as long
_FILTERED = 3  # how many times the rows of a question without a filter are looked at
_AGAINST = 0.7  # of the rows that would pass by chance; with 0.5 recall was 0.98 at its worst, without 0.9


@dataclass(frozen=True)
class Probing:
    """How many lists a question for up to `k` neighbors looks into.

    Attributes:
        recall: What the held-out sample had.
        least_share: The least share of rows that may pass a filter: of fewer, passing by chance, the sample did not
            find enough. 1 for questions without a filter alone.
    """

    k: int
    probes: int
    recall: float
    least_share: float


@dataclass(frozen=True)
class Tuning:
    """What is known of the lists beside the files.

    Attributes:
        scale: What a number is multiplied by before it is rounded to a code.
        trained_on: How many rows there were when the centroids were learned.
        target: The recall that was wanted.
        probings: By rising k; a k with which the target cannot be had cheaply is left out.
    """

    lists: int
    scale: float
    trained_on: int
    target: float
    probings: tuple[Probing, ...] = ()

    def probing(self, k: int) -> Probing | None:
        """Return what serves for k neighbors; None: only an exact search does."""
        return next((probing for probing in self.probings if probing.k >= k), None)


class Lists:
    """The lists of one segment, mapped from their files."""

    def __init__(self, tuning: Tuning, centroids: F32, assigned: I32, file: Path) -> None:
        self.tuning, self.centroids, self.assigned = tuning, centroids, assigned
        n, d = len(assigned), centroids.shape[1]
        self._coarse = coarse = faiss.IndexFlatIP(d)  # held, as the lists are: faiss does not
        coarse.add(centroids)
        index = faiss.IndexIVFScalarQuantizer(
            coarse, d, tuning.lists, faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_INNER_PRODUCT, False
        )
        lists = faiss.OnDiskInvertedLists(tuning.lists, d, str(file))
        self.sizes = sizes = np.bincount(assigned, minlength=tuning.lists).astype(np.uint64)
        lists.set_all_lists_sizes(faiss.swig_ptr(sizes))
        lists.totsize, lists.read_only, lists.prefetch_nthread = n * (d + 8), True, 0
        lists.do_mmap()
        index.replace_invlists(lists)
        index.ntotal, index.is_trained = n, True
        self._lists, self._index = lists, index

    def candidates(self, unit: F32, k: int, probes: int, selection: Selection | None) -> I64:
        """Return, for each query (q, d) of unit length about 4 k rows (q, m), -1 behind the end of a row."""
        index, m = self._index, _wanted(k)
        bits = None if selection is None else selection.bits
        chosen = {} if bits is None else {"sel": faiss.IDSelectorBitmap(bits)}
        params = faiss.SearchParametersIVF(nprobe=min(probes, self.tuning.lists), **chosen)
        with OneThread():
            found: I64 = index.search(_whole(unit), m, params=params)[1]
        return found

    def candidates_among(self, unit: F32, k: int, probes: int, selection: Selection) -> tuple[I64, int] | None:
        """Return, for one query (1, d) about 4 k rows of a selection, and how many were looked at.

        None where what is selected goes against the query: lists do not find it.
        """
        m, query = _wanted(k), _whole(unit)
        enough = self._enough(unit, probes, max(m, self.budget(probes)), selection)
        if enough is None:
            return None
        near, order, seen = enough
        found, far = np.empty((1, m), np.int64), np.empty((1, m), np.float32)
        params = faiss.SearchParametersIVF(nprobe=len(order), sel=faiss.IDSelectorBitmap(selection.bits))
        arrays = [faiss.swig_ptr(array) for array in (order, near, far, found)]
        with OneThread():
            self._index.search_preassigned_c(1, faiss.swig_ptr(query), m, *arrays, False, params)
        return found[0], seen

    def _enough(self, unit: F32, probes: int, rows: int, selection: Selection) -> tuple[F32, I64, int] | None:
        """Return the nearest lists that hold so many rows of a selection: nearness, numbers, and how many they hold."""
        held = selection.counts(self.assigned, self.tuning.lists)
        share = selection.count / len(self.assigned)
        for many in (_FEW_LISTS, self.tuning.lists):
            with OneThread():
                near, order = self._coarse.search(unit, min(many, self.tuning.lists))
            seen = np.cumsum(held[order[0]])
            nearest = order[0, :probes]
            if seen[len(nearest) - 1] < _AGAINST * share * self.sizes[nearest].sum():
                return None
            if seen[-1] >= rows or len(seen) == self.tuning.lists:
                break
        end = max(probes, int(np.searchsorted(seen, rows)) + 1)
        near, order = np.ascontiguousarray(near[0, :end]), np.ascontiguousarray(order[0, :end])
        return near, order, int(seen[len(order) - 1])

    def looked_at(self, probes: int) -> int:
        """Count how many rows so many lists hold, on average."""
        return probes * len(self.assigned) // self.tuning.lists

    def budget(self, probes: int) -> int:
        """Count how many rows that pass a filter are looked at."""
        return _FILTERED * self.looked_at(probes)


def _wanted(k: int) -> int:
    """Count how many candidates the codes give: with four times as many as asked for they lose next to nothing."""
    return max(_LEAST_CANDIDATES, 4 * k)


def _whole(unit: F32) -> F32:
    """Scale queries to whole numbers of -127 to 127."""
    most = np.abs(unit).max(axis=1, keepdims=True)
    return np.ascontiguousarray(np.rint(unit * (127.0 / most)), np.float32)


def paths(folder: Path, place: int) -> dict[str, Path]:
    """Name the files of the lists of one space."""
    return {kind: folder / f"{place}.{kind}" for kind in ("centroids", "assigned", "lists")}


def sizes(rows: int, dim: int, tuning: Tuning) -> dict[str, int]:
    """Count how many bytes each file of the lists has."""
    return {"centroids": 4 * dim * tuning.lists, "assigned": 4 * rows, "lists": (dim + 8) * rows}


def is_mappable() -> bool:
    """Whether this faiss can map lists; where it cannot (Windows), searches stay exact."""
    return hasattr(faiss, "OnDiskInvertedLists")
