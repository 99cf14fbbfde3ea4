"""Calibrated scores, and precision in place of a threshold: what they promise, and that they can be undone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_evaluation import COUNT, shop  # noqa: F401 - a fixture

import lookalike
from lookalike.core.evaluation.calibration import fit_points, fit_reliability
from lookalike.distances import chance_of, reliability_curve, score_at, score_curve, scores_of
from lookalike.errors import InputError

SHARES = st.floats(0.01, 0.999)


def similar_and_wrong(collection: lookalike.Collection) -> float:
    """Give the share of the pairs of two groups that score 0.50 or more."""
    return sum(band.wrong for band in collection.evaluate(label="group").bands if band.low >= 0.5)


@pytest.fixture
def fresh(shop: lookalike.Collection, tmp_path: Path) -> lookalike.Collection:  # noqa: F811
    """A copy of the shop that a test may calibrate."""
    shop.backup(tmp_path / "backup")
    with lookalike.open(tmp_path / "home") as library:
        yield library.restore(tmp_path / "backup", "fresh")


def test_a_calibrated_collection_holds_its_lower_bands(fresh: lookalike.Collection) -> None:
    query = f"id:{3:03}"
    before = fresh.search(query, limit=1000)
    assert similar_and_wrong(fresh) > 0.01
    told = fresh.calibrate(label="group")
    assert similar_and_wrong(fresh) < 0.01
    assert told.calibration_error is not None
    after = fresh.search(query, limit=1000)
    assert [(m.id, m.distance) for m in after] == [(m.id, m.distance) for m in before], "the order stays"
    assert [m.score for m in after] != [m.score for m in before]
    for match in after[:50]:
        kept = fresh.search(query, limit=1000, threshold=match.score)
        assert match.id in {one.id for one in kept}, "a score used as threshold includes its own match"
    assert fresh.info()["calibration"]["labels"] == 'field "group"'


def test_a_calibration_is_undone_and_survives_backup_and_reopening(fresh: lookalike.Collection, tmp_path: Path) -> None:
    query = f"id:{3:03}"
    built_in = [match.score for match in fresh.search(query)]
    fresh.calibrate(label="group")
    fitted = [match.score for match in fresh.search(query)]
    fresh.backup(tmp_path / "calibrated")
    with lookalike.open(tmp_path / "other") as other:
        kept = other.restore(tmp_path / "calibrated")
        assert [match.score for match in kept.search(query)] == fitted
        kept.configure(recall_target=1.0)
        assert kept.spec.calibration == fresh.spec.calibration, "other settings leave it"
    assert fresh.uncalibrate()
    assert not fresh.uncalibrate()
    assert [match.score for match in fresh.search(query)] == built_in
    assert fresh.info()["calibration"] is None


def test_another_process_sees_a_calibration_at_once(fresh: lookalike.Collection, tmp_path: Path) -> None:
    with lookalike.open(tmp_path / "home") as other:
        same = other.collection("fresh")
        before = [match.score for match in same.search("id:003")]
        fresh.calibrate(label="group")
        assert [match.score for match in same.search("id:003")] != before


def test_calibrating_twice_gives_what_calibrating_once_gives(fresh: lookalike.Collection) -> None:
    fresh.calibrate(label="group")
    once = fresh.spec.calibration
    fresh.calibrate(label="group")
    assert fresh.spec.calibration == once


def test_too_few_labels_are_refused_and_change_nothing(fresh: lookalike.Collection) -> None:
    with pytest.raises(InputError, match="too few to calibrate"):
        fresh.calibrate(label="group", queries=5)
    with pytest.raises(InputError, match="too few to calibrate"):
        fresh.calibrate(pairs=[("copy 000", "000", True), ("001", "002", False)])
    assert fresh.spec.calibration is None


def test_precision_says_what_score_it_takes(fresh: lookalike.Collection) -> None:
    fresh.calibrate(label="group")
    floors = []
    for precision in (0.5, 0.9, 0.99):
        found = fresh.search("id:003", limit=1000, precision=precision)
        floors.append(found.threshold)
        assert found.query["precision"] == precision
        assert found.query["threshold"] == found.threshold
        assert all(match.score >= found.threshold for match in found)
        again = fresh.search("id:003", limit=1000, threshold=found.threshold)
        assert [match.id for match in found] == [match.id for match in again]
    assert floors == sorted(floors)
    assert floors[0] < floors[2]
    assert fresh.search("id:003", limit=1000, precision=1.0)[0].id == "003", "only equal bytes are certain"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"precision": 0.9, "threshold": 0.9}, "pass one"),
        ({"precision": 95}, "share from 0 to 1"),
        ({"precision": 0.9, "tags": ["red"]}, "one example"),
        ({"precision": 0.9, "like": ["id:001"]}, "one example"),
    ],
)
def test_precision_that_means_nothing_is_refused(shop: lookalike.Collection, asked: dict, told: str) -> None:  # noqa: F811
    with pytest.raises(InputError, match=told):
        shop.search("id:003", **asked)


def test_duplicates_take_a_precision(shop: lookalike.Collection) -> None:  # noqa: F811
    curve = reliability_curve("copy")
    assert curve is not None
    found = shop.duplicates(precision=0.95)
    assert found.unseen, "these records have no pictures: their scores decided"
    assert all(group.min_score >= score_at(0.95, curve) for group in found)
    assert shop.duplicates(precision=0.95, verify=False).threshold == score_at(0.95, curve)
    assert {group.representative for group in found} == {f"{place:03}" for place in range(0, COUNT, 10)}
    with pytest.raises(InputError, match="pass one"):
        shop.duplicates(precision=0.95, threshold=0.9)


@pytest.mark.parametrize("space", ["semantic", "copy"])
@given(chance=SHARES)
def test_a_wanted_chance_is_reached_by_its_score(space: str, chance: float) -> None:
    curve = reliability_curve(space)
    assert curve is not None
    score = score_at(chance, curve)
    assert chance_of(np.array([score]), curve)[0] >= chance - 1e-9
    assert score == 0 or chance_of(np.array([score - 0.001]), curve)[0] < chance


@given(seed=st.integers(0, 1000), count=st.integers(100, 2000))
def test_a_fitted_curve_rises_and_is_certain_of_equal_bytes_alone(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    scores = np.round(rng.random(count), 3)
    curve = fit_reliability(scores, rng.random(count) < scores**2)
    heights, chances = zip(*curve, strict=True)
    assert (heights[0], heights[-1], chances[-1]) == (0.0, 1.0, 1.0)
    assert list(heights) == sorted(set(heights))
    assert list(chances) == sorted(chances)
    assert chances[-2] < 1


def test_a_fitted_curve_tells_the_chances_that_made_the_trials() -> None:
    rng = np.random.default_rng(5)
    scores = rng.random(20_000)
    curve = fit_reliability(scores, rng.random(20_000) < scores)
    told = chance_of(np.linspace(0.1, 0.9, 9), curve)
    assert np.abs(told - np.linspace(0.1, 0.9, 9)).max() < 0.04


@pytest.mark.parametrize("space", ["semantic", "copy", "palette"])
@given(near=st.floats(0.01, 1.0), spread=st.floats(0.001, 0.9))
def test_fitted_points_fall_and_keep_wrong_pairs_below(space: str, near: float, spread: float) -> None:
    wrong = np.zeros(2001)
    places = np.random.default_rng(0).uniform(near, near + spread, 5_000)
    np.add.at(wrong, (places * 1000).astype(int), 1)
    points = fit_points(wrong, score_curve(space))
    distances, scores = zip(*points, strict=True)
    assert list(distances) == sorted(set(distances))
    assert list(scores) == sorted(set(scores), reverse=True)
    assert (scores_of(places, points) > 0.5).mean() < 0.01


def test_precision_is_not_known_by_colors(library: lookalike.Library) -> None:
    with pytest.raises(InputError, match="scores of this collection"):
        library.create("bright", type="colors").search("id:any", precision=0.9)
