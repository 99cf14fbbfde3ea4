"""Retrieval metrics with confidence intervals: precision, recall, averages.

Scores are counted in thousandths: column i of a table of counts holds the scores from i / 1000 up to the next, and the
last one 1.0 alone. A threshold of i / 1000 thus includes the columns from i on, as thresholds do everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ...arrays import F64, I64, Bools

STEPS = 1000
_SLACK = 1e-6  # 0.29 * 1000 is a little less than 290
_RESAMPLES = 1000
_SIDES = (2.5, 97.5)  # percentiles: the middle 95 %
_SEED = 0


@dataclass(frozen=True)
class Measure:
    """A figure with the range that holds it in 95 of 100 samples of the queries."""

    name: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Curve:
    """Precision and recall of all that scores at least a threshold; each (1001,), by rising threshold.

    Attributes:
        precision: NaN where nothing scores as high.
    """

    thresholds: F64
    precision: F64
    recall: F64

    @property
    def f1(self) -> F64:
        """The harmonic mean of the two."""
        both = self.precision + self.recall
        return np.divide(2 * self.precision * self.recall, both, out=np.zeros_like(both), where=both > 0)

    def best(self) -> int:
        """Return the place of the highest F1; of equals the highest threshold."""
        f1 = self.f1
        return int(np.flatnonzero(f1 == np.nanmax(f1))[-1])

    def at_precision(self, precision: float) -> int | None:
        """Return the place of the lowest threshold from which on the precision is never below; None where it is."""
        known = np.flatnonzero(~np.isnan(self.precision))
        low = known[self.precision[known] < precision]
        first = known[known > low[-1]] if len(low) else known
        return int(first[0]) if len(first) else None


def columns_of(scores: F64) -> I64:
    """Return the column of each score."""
    places: I64 = (np.asarray(scores, np.float64) * STEPS + _SLACK).astype(np.int64)
    return places


def counted(scores: F64) -> F64:
    """Count scores by column: (1001,)."""
    return np.bincount(columns_of(scores), minlength=STEPS + 1).astype(np.float64)


def curve_of(right: F64, wrong: F64) -> Curve:
    """Make the curve of counts (1001,) of pairs that belong together and of pairs that do not."""
    hits, misses = (np.cumsum(counts[::-1])[::-1] for counts in (right, wrong))
    found = hits + misses
    precision = np.divide(hits, found, out=np.full_like(found, np.nan), where=found > 0)
    recall = hits / hits[0] if hits[0] else np.full_like(hits, np.nan)
    return Curve(np.arange(STEPS + 1) / STEPS, precision, recall)


def micro_average_precision(right: F64, wrong: F64) -> F64:
    """Return the average precision over all pairs of all queries, ranked together; pairs of one column tie.

    Args:
        right: (..., 1001) counts of pairs that belong together, `wrong` those of the others.

    Source: the measure of the image similarity challenge DISC21 (Douze et al., 2021).
    """
    right, wrong = right[..., ::-1], wrong[..., ::-1]
    hits = np.cumsum(right, axis=-1)
    found = hits + np.cumsum(wrong, axis=-1)
    precision = np.divide(hits, found, out=np.zeros_like(found), where=found > 0)
    total = hits[..., -1]
    summed = (right * precision).sum(axis=-1)
    average: F64 = np.divide(summed, total, out=np.full_like(summed, np.nan), where=total > 0)
    return average


def average_precision(relevant: Bools) -> float:
    """Return the average precision of one ranking, (n,) from the first on; NaN when nothing in it is relevant.

    Example:
        >>> average_precision(np.array([True, False, True]))
        0.8333333333333333
    """
    places = np.flatnonzero(relevant)
    return float((np.arange(1, len(places) + 1) / (places + 1)).mean()) if len(places) else float("nan")


def resamples(queries: int) -> F64:
    """Draw how often each query counts in samples with replacement: (1000, q), the same for the same q."""
    rng = np.random.default_rng(_SEED)
    return rng.multinomial(queries, np.full(queries, 1 / queries), size=_RESAMPLES).astype(np.float64)


def mean_in(values: F64, weights: F64) -> F64:
    """Return the mean of (q,) values in each sample; a query without a value (NaN) does not count."""
    known = ~np.isnan(values)
    total = weights[:, known].sum(axis=1)
    summed = weights[:, known] @ values[known]
    found: F64 = np.divide(summed, total, out=np.full_like(summed, np.nan), where=total > 0)
    return found


def interval(samples: F64) -> tuple[float, float]:
    """Return the range of the middle 95 % of samples."""
    known = samples[~np.isnan(samples)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.percentile(known, _SIDES)
    return float(low), float(high)


def calibration_error(chances: F64, right: Bools | F64, weights: F64 | None = None, *, bins: int = 10) -> float:
    """Return the expected calibration error: the mean gap between the chance that is told and the share that is right.

    Args:
        chances: (n,) told chances, 0..1; cut into `bins` equal parts.
        right: (n,) whether each came true.
        weights: (n,) what each counts; None: the same.

    Source: Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015.
    """
    weights = np.ones(len(chances)) if weights is None else weights
    places = np.minimum((chances * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(places, weights * (chances - right), minlength=bins)
    return float(np.abs(gaps).sum() / weights.sum())
