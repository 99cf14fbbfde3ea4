"""The approximate index of a segment: an inverted file (IVF) of 8-bit codes, tuned on the collection's own vectors.

The idea. k-means puts the rows into about 4 sqrt(n) lists, each with a centroid. A question looks only into the lists
whose centroids are nearest, by codes of one byte a number, takes a few times k candidates, and leaves them to the
definition of the distance (exact.py): what it answers is right, only a true neighbor may be missed. How many lists are
looked into (*probes*) is found by trying: the fewest with which a sample of the stored vectors finds the wanted share
of its true neighbors (*recall*). Another sample, held out, then gives the figure that is stated.

    0.centroids   (lists, d) float32
    0.assigned    (n,) int32: the list of each row, in the order of the rows
    0.lists       list by list: its codes (size, d) uint8, then its rows' numbers (size,) int64

A code is round(x * scale) + 128, with one scale for all numbers; faiss takes products of whole numbers, so a query is
rounded likewise. Queries and candidates are ranked by it, never answered by it.

Under a filter, lists are looked into until they have held as many rows that pass as a question without a filter looks
at, twice over: a filter that goes with the picture (hats only, when a shoe is asked for) empties the nearest lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faiss as _faiss
import numpy as np

from .exact import OneThread, Segment, decode

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..values import F32, I64, U8
    from .exact import Rows, Selection

    I32 = npt.NDArray[np.int32]

faiss: Any = _faiss  # its type stubs know neither views nor selectors

DEPTHS = (10, 100)  # the k that probes are tuned for; more neighbors are searched for exactly
_MOST_SHARE = 0.25  # of the lists: with more probes than that a scan is as quick, and exact
_LEAST_PROBES = 4  # queries from outside are less like the rows than the sample is
_MARGIN = 0.4  # of what may be missed: a sample may be luckier than the questions that come
_SAMPLE = 256  # queries to tune by, and as many to state the recall
_LISTS = 4  # times sqrt(n). With 2, a million rows in 10,000 clusters take 16 probes for what 1 does here
_TRAIN_PER_LIST, _ITERATIONS = 25, 8
_SEED = 20_261_121
_BLOCK = 16384
_FEW_LISTS = 1024  # to put all in order takes twice as long
_FILTERED = 2  # how many times the rows of a question without a filter are looked at


@dataclass(frozen=True)
class Probing:
    """How many lists a question for up to `k` neighbors looks into, and the recall that the held-out sample had."""

    k: int
    probes: int
    recall: float


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
        """Give what serves for k neighbors; None: only an exact search does."""
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
        sizes = np.bincount(assigned, minlength=tuning.lists).astype(np.uint64)
        lists.set_all_lists_sizes(faiss.swig_ptr(sizes))
        lists.totsize, lists.read_only, lists.prefetch_nthread = n * (d + 8), True, 0
        lists.do_mmap()
        index.replace_invlists(lists)
        index.ntotal, index.is_trained = n, True
        self._lists, self._index = lists, index

    def candidates(self, unit: F32, k: int, probes: int, selection: Selection | None) -> I64:
        """Give for each query (q, d) of unit length about 4 k rows (q, m), -1 behind the end of a row."""
        index, m = self._index, _wanted(k)
        bits = None if selection is None else selection.bits
        chosen = {} if bits is None else {"sel": faiss.IDSelectorBitmap(bits)}
        params = faiss.SearchParametersIVF(nprobe=min(probes, self.tuning.lists), **chosen)
        with OneThread():
            found: I64 = index.search(_whole(unit), m, params=params)[1]
        return found

    def candidates_among(self, unit: F32, k: int, probes: int, selection: Selection) -> tuple[I64, int]:
        """Give for one query (1, d) about 4 k rows of a selection, and how many were looked at."""
        m, query = _wanted(k), _whole(unit)
        near, order, seen = self._enough(unit, probes, max(m, self.budget(probes)), selection)
        found, far = np.empty((1, m), np.int64), np.empty((1, m), np.float32)
        params = faiss.SearchParametersIVF(nprobe=len(order), sel=faiss.IDSelectorBitmap(selection.bits))
        arrays = [faiss.swig_ptr(array) for array in (order, near, far, found)]
        with OneThread():
            self._index.search_preassigned_c(1, faiss.swig_ptr(query), m, *arrays, False, params)
        return found[0], seen

    def _enough(self, unit: F32, probes: int, rows: int, selection: Selection) -> tuple[F32, I64, int]:
        """Give the nearest lists that hold so many rows of a selection: nearness, numbers, and how many they hold."""
        held = selection.counts(self.assigned, self.tuning.lists)
        for many in (_FEW_LISTS, self.tuning.lists):
            with OneThread():
                near, order = self._coarse.search(unit, min(many, self.tuning.lists))
            seen = np.cumsum(held[order[0]])
            if seen[-1] >= rows:
                break
        end = max(probes, int(np.searchsorted(seen, rows)) + 1)
        near, order = np.ascontiguousarray(near[0, :end]), np.ascontiguousarray(order[0, :end])
        return near, order, int(seen[len(order) - 1])

    def looked_at(self, probes: int) -> int:
        """Say how many rows so many lists hold, on average."""
        return probes * len(self.assigned) // self.tuning.lists

    def budget(self, probes: int) -> int:
        """Say how many rows that pass a filter are looked at."""
        return _FILTERED * self.looked_at(probes)


def _wanted(k: int) -> int:
    return 4 * k + 24


def _whole(unit: F32) -> F32:
    """Scale queries to whole numbers of -127 to 127."""
    most = np.abs(unit).max(axis=1, keepdims=True)
    return np.ascontiguousarray(np.rint(unit * (127.0 / most)), np.float32)


# ---- building


def build(folder: Path, place: int, base: Segment, *, target: float, before: tuple[I64, Lists] | None) -> Tuning:
    """Write the lists of a segment to a folder and tune them.

    Args:
        before: Keys and lists of an earlier state: its centroids stay until the rows have doubled or the target is
            missed, and rows that it knows are not assigned again.

    Cost: for 1,000,000 rows of 512 numbers about 100 s of one core when centroids are learned.
    """
    if before is not None and len(base.keys) < 2 * before[1].tuning.trained_on:
        tuning = _build(folder, place, base, target, before)
        if tuning.probings:
            return tuning
    return _build(folder, place, base, target, None)


def _build(folder: Path, place: int, base: Segment, target: float, before: tuple[I64, Lists] | None) -> Tuning:
    n = len(base.keys)
    centroids = _learn(base.rows) if before is None else before[1].centroids
    trained_on = n if before is None else before[1].tuning.trained_on
    assigned = _assign(base, centroids, before)
    scale = _scale(base.rows)
    tuning = Tuning(len(centroids), scale, trained_on, target)
    files = paths(folder, place)
    centroids.astype("<f4").tofile(files["centroids"])
    assigned.astype("<i4").tofile(files["assigned"])
    _write_lists(files["lists"], base.rows, assigned, tuning)
    return _tune(Lists(tuning, centroids, assigned, files["lists"]), base)


def paths(folder: Path, place: int) -> dict[str, Path]:
    """Name the files of the lists of one space."""
    return {kind: folder / f"{place}.{kind}" for kind in ("centroids", "assigned", "lists")}


def sizes(rows: int, dim: int, tuning: Tuning) -> dict[str, int]:
    """Say how many bytes each file of the lists has."""
    return {"centroids": 4 * dim * tuning.lists, "assigned": 4 * rows, "lists": (dim + 8) * rows}


def is_mappable() -> bool:
    """Whether this faiss can map lists; where it cannot (Windows), searches stay exact."""
    return hasattr(faiss, "OnDiskInvertedLists")


def _learn(rows: Rows) -> F32:
    """Learn centroids (lists, d) of unit length from a sample, the same at every time."""
    lists = max(1, int(_LISTS * np.sqrt(len(rows))))
    chosen = _choose(len(rows), _TRAIN_PER_LIST * lists)
    sample = decode(rows[chosen])  # (s, d)
    means = faiss.Kmeans(
        rows.shape[1], lists, niter=_ITERATIONS, seed=_SEED, spherical=True,
        min_points_per_centroid=1, max_points_per_centroid=_TRAIN_PER_LIST,
    )  # fmt: skip
    with OneThread():  # with several, sums would depend on their number
        means.train(sample)
    centroids: F32 = means.centroids
    return centroids


def _assign(base: Segment, centroids: F32, before: tuple[I64, Lists] | None) -> I32:
    """Give the list of each row (n,)."""
    assigned = np.full(len(base.keys), -1, np.int32)
    if before is not None:
        keys, lists = before
        places = np.minimum(np.searchsorted(keys, base.keys), len(keys) - 1)
        known = keys[places] == base.keys
        assigned[known] = lists.assigned[places[known]]
    new = np.flatnonzero(assigned < 0)
    for start in range(0, len(new), _BLOCK):
        block = new[start : start + _BLOCK]
        with OneThread():
            _, nearest = faiss.knn(decode(base.rows[block]), centroids, 1, metric=faiss.METRIC_INNER_PRODUCT)
        assigned[block] = nearest[:, 0]
    return assigned


def _scale(rows: Rows) -> float:
    """Give the scale with which one number of ten thousand is cut off at 127."""
    sample = np.abs(decode(rows[_choose(len(rows), 4096)]))
    return 127.0 / max(float(np.quantile(sample, 0.9999)), 1e-6)


def _write_lists(path: Path, rows: Rows, assigned: I32, tuning: Tuning) -> None:
    order = np.argsort(assigned, kind="stable")
    ends = np.cumsum(np.bincount(assigned, minlength=tuning.lists))
    with open(path, "wb") as file:
        for start, end in zip([0, *ends[:-1]], ends, strict=True):
            places = order[start:end]
            file.write(_codes(rows[places], tuning.scale).tobytes())
            file.write(places.astype("<i8").tobytes())


def _codes(rows: Rows, scale: float) -> U8:
    codes: U8 = (np.clip(np.rint(decode(rows) * scale), -127, 127) + 128).astype(np.uint8)
    return codes


# ---- tuning


def _tune(lists: Lists, base: Segment) -> Tuning:
    """Find the fewest probes for each depth that reach the target on one sample; state what another one finds."""
    chosen = np.random.default_rng(_SEED).permutation(_choose(len(base.keys), 2 * _SAMPLE))
    truth = _Truth(base, chosen)
    half = len(chosen) // 2
    tuned, held_out = np.arange(half), np.arange(half, len(chosen))
    target, probings = lists.tuning.target, []
    floor = target + _MARGIN * (1 - target)
    for k in DEPTHS:
        for probes in _steps(lists.tuning.lists):
            if truth.recall(lists, tuned, k, probes) < floor:
                continue
            if (recall := truth.recall(lists, held_out, k, probes)) >= floor:
                probings.append(Probing(k, probes, recall))
                break
    return replace(lists.tuning, probings=tuple(probings))


def _steps(lists: int) -> Sequence[int]:
    """Give the numbers of probes that are tried: 4, 6, 8, 12, 16 ... up to a share of the lists."""
    steps = [_LEAST_PROBES << n for n in range(20)]
    between = [step + step // 2 for step in steps]
    return [step for step in sorted(steps + between) if step <= _MOST_SHARE * lists]


class _Truth:
    """The true neighbors of some rows of a segment, the rows themselves left out."""

    def __init__(self, base: Segment, chosen: I64) -> None:
        self._base, self._chosen = base, chosen
        self._queries = decode(base.rows[chosen])  # (q, d)
        k = min(max(DEPTHS) + 1, len(base.keys))
        scores = np.full((len(chosen), 0), -np.inf, np.float32)
        for start in range(0, len(base.keys), _BLOCK):
            block = decode(base.rows[start : start + _BLOCK])
            with OneThread():
                best, where = faiss.knn(self._queries, block, min(k, len(block)), metric=faiss.METRIC_INNER_PRODUCT)
            best[where + start == chosen[:, None]] = -np.inf
            scores = -np.sort(-np.concatenate([scores, best], axis=1), axis=1)[:, :k]
        self._scores = scores  # (q, k), falling

    def recall(self, lists: Lists, which: I64, k: int, probes: int) -> float:
        """Say which share of the true k neighbors of some of the rows is found with so many probes."""
        found = lists.candidates(self._queries[which], k + 1, probes, None)  # (q, m)
        shares = []
        for query, places in zip(which, found, strict=True):
            places = places[(places >= 0) & (places != self._chosen[query])]
            scores = np.einsum("ij,j->i", decode(self._base.rows[places]), self._queries[query])
            true = min(k, int(np.isfinite(self._scores[query]).sum()))
            floor = self._scores[query, true - 1] - 1e-5  # as near as the k-th, but for rounding: as good
            shares.append(min(true, int((scores >= floor).sum())) / max(true, 1))
        return float(np.mean(shares)) if shares else 1.0


def _choose(n: int, most: int) -> I64:
    """Choose some of n rows by chance, the same at every time, rising."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(_SEED).choice(n, most, replace=False))
