"""Figures of retrieval against their definitions, pair by pair."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.core.evaluation import measures

THOUSANDTHS = st.integers(0, 1000).map(lambda value: value / 1000)
ANSWERS = st.lists(st.tuples(THOUSANDTHS, st.booleans()), min_size=1, max_size=60)


def counts(answers: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    right, wrong = (np.array([score for score, is_right in answers if is_right == side]) for side in (True, False))
    return measures.counted(right), measures.counted(wrong)


@given(answers=ANSWERS, threshold=THOUSANDTHS)
def test_a_curve_counts_what_reaches_a_threshold(answers: list[tuple[float, bool]], threshold: float) -> None:
    curve = measures.curve_of(*counts(answers))
    kept = [is_right for score, is_right in answers if score >= threshold]
    place = round(threshold * 1000)
    assert curve.thresholds[place] == threshold
    if kept:
        assert curve.precision[place] == pytest.approx(sum(kept) / len(kept))
    else:
        assert np.isnan(curve.precision[place])
    if any(is_right for _, is_right in answers):
        assert curve.recall[place] == pytest.approx(sum(kept) / sum(is_right for _, is_right in answers))


@given(answers=ANSWERS)
def test_micro_average_precision_is_that_of_one_long_ranking(answers: list[tuple[float, bool]]) -> None:
    found = float(measures.micro_average_precision(*counts(answers)))
    total = sum(is_right for _, is_right in answers)
    if not total:
        assert np.isnan(found)
        return
    summed = 0.0
    for score in {score for score, _ in answers}:  # pairs of one score tie: all of them count at once
        kept = [is_right for other, is_right in answers if other >= score]
        summed += sum(is_right for other, is_right in answers if other == score) * sum(kept) / len(kept)
    assert found == pytest.approx(summed / total)


def test_average_precision_of_known_rankings() -> None:
    assert measures.average_precision(np.array([True, True, False])) == 1.0
    assert measures.average_precision(np.array([False, True, False, True])) == 0.5
    assert np.isnan(measures.average_precision(np.array([False, False])))


def test_the_best_threshold_has_the_highest_f1_and_precise_ones_stay_precise() -> None:
    answers = [(0.9, True), (0.8, True), (0.7, False), (0.6, True), (0.2, False), (0.1, False)]
    curve = measures.curve_of(*counts(answers))
    assert curve.thresholds[curve.best()] == 0.6
    assert curve.thresholds[curve.at_precision(1.0)] == 0.701
    assert curve.thresholds[curve.at_precision(0.75)] == 0.701, "at 0.6 three of four are right, at 0.7 two of three"
    assert curve.thresholds[curve.at_precision(0.6)] == 0.101
    never = measures.curve_of(*counts([(0.9, False), (0.8, True)]))
    assert never.at_precision(0.95) is None


def test_an_interval_holds_its_figure_and_narrows_with_more_queries() -> None:
    spans = []
    for queries in (50, 2000):
        values = (np.arange(queries) % 5 > 0).astype(float)
        low, high = measures.interval(measures.mean_in(values, measures.resamples(queries)))
        assert low < 0.8 < high
        spans.append(high - low)
    assert spans[0] == pytest.approx(2 * 1.96 * np.sqrt(0.8 * 0.2 / 50), rel=0.1)
    assert spans[1] < spans[0] / 5


def test_queries_without_a_value_do_not_count() -> None:
    assert measures.mean_in(np.array([1.0, np.nan, 0.0]), np.ones((1, 3))).tolist() == [0.5]


def test_the_calibration_error_is_the_mean_gap_of_what_was_told() -> None:
    right = np.arange(100) % 4 > 0
    assert measures.calibration_error(np.full(100, 0.75), right) == pytest.approx(0)
    assert measures.calibration_error(np.ones(100), right) == pytest.approx(0.25)
    told = np.where(np.arange(100) < 50, 0.05, 0.95)
    assert measures.calibration_error(told, np.arange(100) >= 50) == pytest.approx(0.05)
