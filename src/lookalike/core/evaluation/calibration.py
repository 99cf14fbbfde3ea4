"""The calibration: what scores mean, fitted on what belongs together and what does not.

Two curves are fitted. `fit_points` moves the lower bands of a map from distance to score, so that the pairs that do
not belong together stay below them. `fit_reliability` learns how often an answer of a score is right, by which a wanted
precision is turned into a threshold. Both rise or fall without exception, so that the order by distance stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...distances import ScoreCurve
from ...errors import InputError
from ...records import Calibration
from .measures import STEPS

if TYPE_CHECKING:
    from ...arrays import F64, Bools
    from .results import Evaluation

LEAST_TRIALS = 100  # below, a share of right answers is known to no better than 1 of 10
LEAST_WRONG = 2000  # pairs; the share above a band is then counted from ten on
_SIMILAR = (0.50, 1 / 200)  # a score, and the share of the pairs that do not belong together that may reach it: half
_SUBJECT = (0.70, 1 / 2000)  # of what is promised (1 of 100 at 0.50), as other pictures are never quite like these
_COPIES_FROM = 0.90  # from here on a score says "the same picture", which labels of another kind cannot move
_GROUPS = 20  # of trials, by score, each with a share that is known to about 1 of 10 ...
_LEAST_IN_GROUP = 25  # ... or to 2 of 10 where trials are few
_SURE = 0.999  # no finite number of trials says more; only equal bytes are certain


def calibrate(evaluated: Callable[[ScoreCurve], Evaluation], base: ScoreCurve) -> tuple[Calibration, Evaluation]:
    """Fit a collection's scores, and give them with the evaluation that they were fitted on.

    Args:
        evaluated: Evaluates the collection with a map; asked twice, as hashes and hues move some scores by themselves.
        base: The map that is built in: nothing is fitted to a calibration before.

    Raises:
        InputError: when there are too few pairs to learn from.
    """
    points = fit_points(evaluated(base).distances[0], base)
    fitted = evaluated(points)
    reliability = fit_reliability(fitted.trials.scores, fitted.trials.right)
    found = Calibration(fitted.space, points, reliability, fitted.labels, len(fitted.asked))
    return found, replace(fitted, reliability=reliability, setting="calibrated")


def fit_points(wrong: F64, base: ScoreCurve) -> tuple[tuple[float, float], ...]:
    """Fit the lower bands of a map: 0.50 where 1 of 200 wrong pairs is nearer, 0.70 where 1 of 2,000 is.

    Args:
        wrong: (2001,) counts of the distances of wrong pairs, by thousandths.
        base: The map whose part from 0.90 on is kept; drawn in where it would reach into the bands below.

    Raises:
        InputError: for fewer than 2,000 pairs.
    """
    if wrong.sum() < LEAST_WRONG:
        raise InputError(
            f"{int(wrong.sum()):,} pairs that do not belong together are too few to calibrate by: {LEAST_WRONG:,} are "
            "needed. Label more records, or ask more of them."
        )
    similar = max(_quantile(wrong, _SIMILAR[1]), 3 / STEPS)
    subject = max(min(_quantile(wrong, _SUBJECT[1]), similar - 1 / STEPS), 2 / STEPS)
    end = max(_quantile(wrong, 0.5), similar + 1 / STEPS)
    kept = [(distance, score) for distance, score in base if score >= _COPIES_FROM]
    drawn_in = min(1.0, subject / 2 / max(kept[-1][0], 1 / STEPS))
    return (
        *((far * drawn_in, score) for far, score in kept),
        (subject, _SUBJECT[0]),
        (similar, _SIMILAR[0]),
        (end, 0.0),
    )


def fit_reliability(
    scores: F64, right: Bools | F64, weights: F64 | None = None, *, groups: int = _GROUPS
) -> tuple[tuple[float, float], ...]:
    """Fit how often an answer of a score is right: shares of groups of neighboring scores, made to rise.

    Args:
        scores: (n,) 0..1.
        right: (n,) whether each was right.
        weights: (n,) what each counts; None: the same.

    Returns:
        (score, chance), both rising, from (0, .) to (1.0, 1.0): equal bytes are the same picture.

    Raises:
        InputError: for fewer than 100 answers.

    Source: Zadrozny and Elkan, "Transforming classifier scores into accurate multiclass probability estimates", KDD
        2002 (isotonic regression), over groups, so that the curve has few points and none of them hangs on one answer.
    """
    if len(scores) < LEAST_TRIALS:
        raise InputError(f"{len(scores)} answers are too few to calibrate by: {LEAST_TRIALS} are needed. Label more.")
    order = np.argsort(scores, kind="stable")
    weight = (np.ones(len(scores)) if weights is None else weights)[order]
    x, y = np.asarray(scores, np.float64)[order], np.asarray(right, np.float64)[order]
    parts = np.array_split(np.arange(len(x)), max(2, min(groups, len(x) // _LEAST_IN_GROUP)))
    centers = [float(np.average(x[part], weights=weight[part])) for part in parts]
    shares = _rising([_share(y[part], weight[part]) for part in parts], [float(weight[part].sum()) for part in parts])
    knots = [(0.0, shares[0]), *zip(centers, shares, strict=True), (0.9999, shares[-1])]
    rounded = [(round(score, 4), round(min(share, _SURE), 4)) for score, share in knots]
    return (*_distinct(rounded), (1.0, 1.0))


def _share(right: F64, weights: F64) -> float:
    """Return the share that is right, drawn to the middle as if one more of each had been seen."""
    mean = float(weights.mean()) if len(weights) else 1.0
    return float(((right * weights).sum() + mean) / (weights.sum() + 2 * mean))


def _rising(values: list[float], weights: list[float]) -> list[float]:
    """Return the nearest values, in the sense of least squares, that never fall: isotonic regression.

    Source: the pool-adjacent-violators algorithm (Ayer et al., 1955).
    """
    blocks: list[tuple[float, float, int]] = []  # value, weight, count
    for value, weight in zip(values, weights, strict=True):
        blocks.append((value, weight, 1))
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            (a, wa, na), (b, wb, nb) = blocks[-2:]
            blocks[-2:] = [((a * wa + b * wb) / (wa + wb), wa + wb, na + nb)]
    return [value for value, _, count in blocks for _ in range(count)]


def _distinct(knots: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Leave out points inside flat stretches, and all but the last of one score."""
    by_score = list(dict(knots).items())
    return [
        knot
        for place, knot in enumerate(by_score)
        if place in (0, len(by_score) - 1) or not by_score[place - 1][1] == knot[1] == by_score[place + 1][1]
    ]


def _quantile(counts: F64, share: float) -> float:
    """Return the distance that a share of counted distances is below."""
    return float(np.searchsorted(np.cumsum(counts), share * counts.sum()) / STEPS)
