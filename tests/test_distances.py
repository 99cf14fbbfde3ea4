"""Scores: one map, falling, with the promises that its docstring makes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.distances import (
    OTHER_COLORS_SCORE,
    SAME_HASH_BITS,
    SAME_HASH_MOST,
    SAME_HASH_SCORE,
    cosine_distance,
    cosine_distances,
    distance_at,
    score_curve,
    score_of,
    scores_of,
)

SPACES = ["semantic", "copy"]
DISTANCES = st.floats(0, 2)


@pytest.mark.parametrize("space", SPACES)
@given(near=DISTANCES, far=DISTANCES)
def test_a_score_falls_as_the_distance_grows(space: str, near: float, far: float) -> None:
    near, far = sorted((near, far))
    assert 0 <= score_of(far, score_curve(space)) <= score_of(near, score_curve(space)) <= 0.999


@pytest.mark.parametrize("space", SPACES)
@given(distance=DISTANCES)
def test_a_printed_score_used_as_threshold_includes_its_own_match(space: str, distance: float) -> None:
    score = score_of(distance, score_curve(space))
    assert distance <= distance_at(score, score_curve(space)) + 1e-5


@pytest.mark.parametrize("space", SPACES)
def test_only_equal_bytes_score_one(space: str) -> None:
    assert score_of(0.0, score_curve(space)) < 1.0
    assert score_of(0.7, score_curve(space), same_bytes=True) == 1.0


@pytest.mark.parametrize("space", SPACES)
def test_no_distance_reaches_a_score_above_the_highest(space: str) -> None:
    assert distance_at(1.0, score_curve(space)) < 0


def test_hashes_that_agree_lift_a_score_and_never_lower_it() -> None:
    points = score_curve("semantic")
    assert score_of(0.25, points, hash_bits=SAME_HASH_BITS) == SAME_HASH_SCORE
    assert score_of(0.25, points, hash_bits=SAME_HASH_BITS + 1) < SAME_HASH_SCORE
    assert score_of(0.25, points, hash_bits=0) == SAME_HASH_MOST
    assert 0.97 <= score_of(0.25, points, hash_bits=4) < SAME_HASH_MOST, "re-encoded copies are within 4 bits"
    assert score_of(0.38, points, hash_bits=4) >= 0.97, "coarse JPEGs are somewhat farther"
    assert score_of(0.38, points, hash_bits=5) == score_of(0.38, points)
    assert score_of(0.6, points, hash_bits=0) == score_of(0.6, points), "hashes alone are no proof"
    assert score_of(0.01, points, hash_bits=0) == score_of(0.01, points)


def test_another_color_caps_a_score_and_no_hash_lifts_it() -> None:
    points = score_curve("semantic")
    assert score_of(0.01, points, hue_distance=0.31) == OTHER_COLORS_SCORE
    assert score_of(0.25, points, hash_bits=0, hue_distance=0.31) == score_of(0.25, points)
    assert score_of(0.25, points, hash_bits=0, hue_distance=0.3) == SAME_HASH_MOST
    assert score_of(0.25, points, hash_bits=0, hue_distance=1.0, same_bytes=True) == 1.0


@given(pairs=st.lists(st.tuples(DISTANCES, st.none() | st.integers(0, 64), st.none() | DISTANCES, st.booleans())))
def test_a_column_of_scores_is_the_score_of_each_pair(pairs: list[tuple]) -> None:
    points = score_curve("copy")
    bits, hues = (np.array([np.nan if p[i] is None else p[i] for p in pairs], np.float64) for i in (1, 2))
    column = scores_of(
        np.array([p[0] for p in pairs], np.float64),
        points,
        hash_bits=bits,
        hue_distances=hues,
        same_bytes=np.array([p[3] for p in pairs], bool),
    )
    assert column.tolist() == [
        score_of(distance, points, hash_bits=bits, hue_distance=hue, same_bytes=same)
        for distance, bits, hue, same in pairs
    ]


def test_a_pair_has_the_same_bits_in_any_company_and_from_either_side() -> None:
    rows = np.random.default_rng(1).normal(size=(50, 512)).astype(np.float32)
    far = cosine_distances(rows[0], rows)
    assert far.tolist() == [cosine_distance(row, rows[0]) for row in rows]
    assert far.tolist() == cosine_distances(np.tile(rows[0], (50, 1)), rows).tolist()


def test_cosine_distance_of_equal_opposite_and_zero_vectors() -> None:
    a = np.array([0.6, 0.8], np.float32)
    assert cosine_distance(a, a) == pytest.approx(0, abs=1e-7)
    assert cosine_distance(a, -a) == pytest.approx(2)
    assert cosine_distance(a, np.zeros(2, np.float32)) == 1.0
