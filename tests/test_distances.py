"""Scores: one map, falling, with the promises that its docstring makes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.distances import SAME_HASH_BITS, cosine_distance, distance_at, score_map, score_of

SPACES = ["semantic", "copy"]
DISTANCES = st.floats(0, 2)


@pytest.mark.parametrize("space", SPACES)
@given(near=DISTANCES, far=DISTANCES)
def test_a_score_falls_as_the_distance_grows(space: str, near: float, far: float) -> None:
    near, far = sorted((near, far))
    assert 0 <= score_of(far, score_map(space)) <= score_of(near, score_map(space)) <= 0.999


@pytest.mark.parametrize("space", SPACES)
@given(distance=DISTANCES)
def test_a_printed_score_used_as_threshold_includes_its_own_match(space: str, distance: float) -> None:
    score = score_of(distance, score_map(space))
    assert distance <= distance_at(score, score_map(space)) + 1e-5


@pytest.mark.parametrize("space", SPACES)
def test_only_equal_bytes_score_one(space: str) -> None:
    assert score_of(0.0, score_map(space)) < 1.0
    assert score_of(0.7, score_map(space), same_bytes=True) == 1.0


@pytest.mark.parametrize("space", SPACES)
def test_no_distance_reaches_a_score_above_the_highest(space: str) -> None:
    assert distance_at(1.0, score_map(space)) < 0


def test_hashes_that_agree_lift_a_score_and_never_lower_it() -> None:
    points = score_map("semantic")
    assert score_of(0.25, points, hash_bits=SAME_HASH_BITS) == 0.90
    assert score_of(0.25, points, hash_bits=SAME_HASH_BITS + 1) < 0.90
    assert score_of(0.6, points, hash_bits=0) == score_of(0.6, points), "hashes alone are no proof"
    assert score_of(0.01, points, hash_bits=0) == score_of(0.01, points)


def test_cosine_distance_of_equal_opposite_and_zero_vectors() -> None:
    a = np.array([0.6, 0.8], np.float32)
    assert cosine_distance(a, a) == pytest.approx(0, abs=1e-7)
    assert cosine_distance(a, -a) == pytest.approx(2)
    assert cosine_distance(a, np.zeros(2, np.float32)) == 1.0
