"""Exact neighbors among plain vectors: brute force is the referee, for ties, copies, widths and odd magnitudes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.core.scores.vectors import VectorTable

Answer = tuple[list[int], list[float]]


def brute_force(
    table: npt.NDArray[np.float64], query: npt.NDArray[np.float64], k: int | None, radius: float | None, own: int
) -> Answer:
    """Give the definition: all distances in float64, by rising (distance, row)."""
    width = max(table.shape[1], len(query))
    rows = np.pad(table, ((0, 0), (0, width - table.shape[1])))
    wide = np.pad(query, (0, width - len(query)))
    far = [float(np.sqrt(((row - wide) ** 2).sum())) for row in rows]
    near = sorted((d, i) for i, d in enumerate(far) if i != own and (radius is None or d <= radius))[:k]
    return [i for _, i in near], [d for d, _ in near]


def check(table, queries, *, k, radius=None, loops=True, workers=1) -> None:
    found = list(VectorTable(table).nearest(queries, k=k, radius=radius, loops=loops, workers=workers))
    assert len(found) == len(queries)
    for place, (rows, distances) in enumerate(found):
        wanted_rows, wanted = brute_force(table, queries[place], k, radius, -1 if loops else place)
        assert rows.tolist() == wanted_rows
        np.testing.assert_allclose(distances, wanted, rtol=1e-12, atol=0)


@given(
    st.integers(1, 90), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1),
    st.none() | st.integers(1, 100), st.none() | st.floats(0, 6), st.booleans(),
)  # fmt: skip
@settings(deadline=None, max_examples=150)
def test_answers_are_those_of_brute_force(n, d, width, seed, k, radius, loops) -> None:
    """Small whole numbers make many ties and many copies."""
    rng = np.random.default_rng(seed)
    table = rng.integers(-2, 3, (n, d)).astype(np.float64)
    queries = table if not loops else rng.integers(-2, 3, (7, width)).astype(np.float64)
    check(table, queries, k=k, radius=radius, loops=loops)


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (1e4, 1.0), (0.0, 1e-25), (0.0, 1e30), (1e9, 1e-3)], ids=str)
def test_candidates_of_float32_never_decide(shift: float, scale: float) -> None:
    """Far from zero, or beyond float32, the matrix product sees little or nothing; the answer stays exact."""
    rng = np.random.default_rng(7)
    table = shift + scale * rng.normal(size=(1500, 24))
    check(table, table[:40], k=5, workers=2)
    check(table, table[:40], k=5, loops=False)


def test_equal_vectors_are_at_zero_and_come_by_row() -> None:
    rng = np.random.default_rng(8)
    one = rng.normal(size=(1, 64)).astype(np.float32)
    table = np.concatenate([rng.normal(size=(300, 64)).astype(np.float32), np.repeat(one, 200, axis=0)])
    [(rows, distances)] = VectorTable(table).nearest(one, k=50)
    assert rows.tolist() == list(range(300, 350))
    assert distances.tolist() == [0.0] * 50


def test_a_radius_includes_its_own_value() -> None:
    table = np.array([[0.0], [3.0], [4.0], [5.0]])
    [(rows, _)] = VectorTable(table).nearest(np.zeros((1, 1)), k=None, radius=4)
    assert rows.tolist() == [0, 1, 2]


def test_zeros_at_the_end_change_nothing_and_cost_nothing() -> None:
    rng = np.random.default_rng(9)
    table = rng.normal(size=(400, 16)).astype(np.float32)
    padded = np.pad(table, ((0, 0), (0, 1000)))
    assert VectorTable(padded).vectors.shape == (400, 16)
    for (rows, far), (same_rows, same_far) in zip(
        VectorTable(table).nearest(table[:20], k=6), VectorTable(padded).nearest(padded[:20], k=6), strict=True
    ):
        assert rows.tolist() == same_rows.tolist()
        assert far.tolist() == same_far.tolist()
    assert VectorTable(np.zeros((3, 5))).vectors.shape == (3, 1)


def test_numbers_that_float32_cannot_hold_are_kept() -> None:
    table = np.array([[1.0], [1.0 + 1e-12]])
    [(rows, distances)] = VectorTable(table).nearest(np.array([[1.0 + 1e-12]]), k=2)
    assert rows.tolist() == [1, 0]
    assert distances[0] == 0.0 < distances[1]
