"""Building and tuning the approximate index: centroids are learned, rows assigned, lists written, probes tried."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faiss as _faiss
import numpy as np

from ... import disk
from ..common.metric import decode
from .exact import OneThread, Segment, Selection
from .ivf import Lists, Probing, Tuning, paths

if TYPE_CHECKING:
    from ...arrays import F32, I64, U8
    from ..common.metric import Rows
    from .ivf import I32

faiss: Any = _faiss

DEPTHS = (16, 64, 128)  # the k that probes are tuned for; more neighbors are searched for exactly
_SHARES = (0.5, 0.25, 0.125)  # of the rows that pass a filter; fewer are scanned sooner than lists are read
_MOST_SHARE = 0.25  # of the lists: with more probes than that a scan is as quick, and exact
_LEAST_PROBES = 8  # queries from outside are less like the rows than the sample is
_MARGIN = 0.4  # of what may be missed: a sample may be luckier than the questions that come
_SAMPLE = 256  # queries to tune by, and as many to state the recall
_LISTS = 4  # times sqrt(n). With 2, a million rows in 10,000 clusters take 16 probes for what 1 does here
_TRAIN_PER_LIST, _ITERATIONS = 25, 8
_SEED = 20_261_121
_BLOCK = 16384


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
    """Return the list of each row (n,)."""
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
    """Return the scale with which one number of ten thousand is cut off at 127."""
    sample = np.abs(decode(rows[_choose(len(rows), 4096)]))
    return 127.0 / max(float(np.quantile(sample, 0.9999)), 1e-6)


def _write_lists(path: Path, rows: Rows, assigned: I32, tuning: Tuning) -> None:
    order = np.argsort(assigned, kind="stable")
    ends = np.cumsum(np.bincount(assigned, minlength=tuning.lists))
    with open(path, "wb", opener=disk.open_private) as file:
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
    database, tuned, held_out = _truth_of(base, Selection(base))
    floor = _floor(lists.tuning)
    probings = []
    for k in DEPTHS:
        for probes in _steps(lists.tuning.lists):
            if database.recall(lists, tuned, k, probes) < floor:
                continue
            if (recall := database.recall(lists, held_out, k, probes)) >= floor:
                probings.append(Probing(k, probes, recall, _least_share(lists, base, k, probes)))
                break
    return replace(lists.tuning, probings=tuple(probings))


def _least_share(lists: Lists, base: Segment, k: int, probes: int) -> float:
    """Return the least share of rows, passing by chance, of which the target is still reached; 1 when none is."""
    least = 1.0
    for share in _SHARES:
        passing = np.random.default_rng(_SEED).random(len(base.keys)) < share
        database, tuned, _ = _truth_of(base, Selection(base, passing))
        if database.recall(lists, tuned, k, probes) < _floor(lists.tuning):
            break
        least = share
    return least


def _truth_of(base: Segment, selection: Selection) -> tuple[_Truth, I64, I64]:
    """Return the true neighbors of two samples, and which are those of the first and of the second."""
    chosen = np.random.default_rng(_SEED).permutation(_choose(len(base.keys), 2 * _SAMPLE))
    tuned, held_out = np.array_split(np.arange(len(chosen)), 2)
    return _Truth(base, selection, chosen), tuned, held_out


def _floor(tuning: Tuning) -> float:
    return tuning.target + _MARGIN * (1 - tuning.target)


def _steps(lists: int) -> Sequence[int]:
    """Return the numbers of probes that are tried: 8, 12, 16, 24, 32 ... up to a share of the lists."""
    steps = [_LEAST_PROBES << n for n in range(20)]
    between = [step + step // 2 for step in steps]
    return [step for step in sorted(steps + between) if step <= _MOST_SHARE * lists]


class _Truth:
    """The true neighbors of some rows of a segment within a selection, the rows themselves left out."""

    def __init__(self, base: Segment, selection: Selection, chosen: I64) -> None:
        self._base, self._selection, self._chosen = base, selection, chosen
        self._queries = decode(base.rows[chosen])  # (q, d)
        k = min(max(DEPTHS) + 1, selection.count)
        scores = np.full((len(chosen), 0), -np.inf, np.float32)
        for start in range(0, selection.count, _BLOCK):
            places = selection.places[start : start + _BLOCK]
            block = decode(selection.segment.rows[places])
            with OneThread():
                best, where = faiss.knn(self._queries, block, min(k, len(block)), metric=faiss.METRIC_INNER_PRODUCT)
            best[places[where] == chosen[:, None]] = -np.inf
            scores = -np.sort(-np.concatenate([scores, best], axis=1), axis=1)[:, :k]
        self._scores = scores  # (q, k), falling

    def recall(self, lists: Lists, which: I64, k: int, probes: int) -> float:
        """Return which share of the true k neighbors of some of the rows is found with so many probes."""
        shares = []
        for query, places in zip(which, self._candidates(lists, which, k + 1, probes), strict=True):
            places = places[(places >= 0) & (places != self._chosen[query])]
            scores = np.einsum("ij,j->i", decode(self._base.rows[places]), self._queries[query])
            true = min(k, int(np.isfinite(self._scores[query]).sum()))
            floor = self._scores[query, true - 1] - 1e-5 if true else 0.0  # as near as the k-th, but for rounding
            shares.append(min(true, int((scores >= floor).sum())) / true if true else 1.0)
        return float(np.mean(shares)) if shares else 1.0

    def _candidates(self, lists: Lists, which: I64, k: int, probes: int) -> Iterable[I64]:
        if self._selection.mask is None:
            return lists.candidates(self._queries[which], k, probes, None)
        among = (lists.candidates_among(self._queries[n : n + 1], k, probes, self._selection) for n in which)
        return (np.empty(0, np.int64) if found is None else found[0] for found in among)


def _choose(n: int, most: int) -> I64:
    """Choose some of n rows by chance, the same at every time, rising."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(_SEED).choice(n, most, replace=False))
