"""How often a search calls its store, whatever it finds: each call is a round trip where the store is far away."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest
from conftest import saved

import lookalike
from lookalike.core.collection import Collection

PLAIN, MORE_FACETS, MORE_VERIFIED = 4, 1, 2
COUNT = 60


class Counting:
    """A store that counts what is asked of it: every method that is called, and every property that is read."""

    def __init__(self, store: Any) -> None:
        self._store, self.calls = store, Counter[str]()

    def __getattr__(self, name: str) -> Any:
        self.calls[name] += 1
        return getattr(self._store, name)


@contextmanager
def counted(collection: Collection) -> Iterator[Counter[str]]:
    """Count the calls of a collection's store inside."""
    counting = Counting(collection._store)
    holders = [collection, collection._searcher, collection._examples, collection._scales, collection._verifier]
    kept = [holder._store for holder in holders]
    try:
        for holder in holders:
            holder._store = counting  # type: ignore[assignment]
        yield counting.calls
    finally:
        for holder, store in zip(holders, kept, strict=True):
            holder._store = store


def picture(seed: int) -> PIL.Image.Image:
    """Draw many shapes in many colors; every seventh is a copy of the one before it, with another quality."""
    chance = random.Random(seed - (seed % 7 == 6))
    image = PIL.Image.new("RGB", (160, 120), f"hsl({chance.randrange(360)}, 40%, 80%)")
    pen = PIL.ImageDraw.Draw(image)
    for _ in range(25):
        x, y, size = chance.randrange(160), chance.randrange(120), chance.randrange(4, 40)
        pen.ellipse((x, y, x + size, y + size), fill=f"hsl({chance.randrange(360)}, 80%, 50%)")
    return image


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[lookalike.Library]:
    with lookalike.open(tmp_path_factory.mktemp("calls")) as library:
        yield library


@pytest.fixture(scope="module", params=["photos", "matching"])
def shelf(request: pytest.FixtureRequest, library: lookalike.Library) -> Collection:
    shelf = library.collection(request.param, create=True, type=request.param)
    shelf.add(
        {"_id": f"é{n:02}", "_bytes": saved(picture(n), quality=90 - 10 * (n % 7 == 6)), "shade": n % 5}
        for n in range(COUNT)
    )
    return shelf


def most(collection: Collection, **conditions: Any) -> int:
    """Return how many calls the dearest of many searches costs."""
    costs = []
    for n in range(0, COUNT, 3):
        with counted(collection) as calls:
            found = collection.search(f"id:é{n:02}", **conditions)
        assert found
        costs.append((calls.total(), dict(calls)))
    return max(costs, key=lambda cost: cost[0])[0]


@pytest.mark.parametrize("conditions", [{}, {"limit": 50}, {"filter": {"shade": 2}}, {"threshold": 0.5}], ids=str)
def test_a_search_by_id_calls_its_store_a_few_times(shelf: Collection, conditions: dict[str, Any]) -> None:
    assert most(shelf, verify=0, **conditions) <= PLAIN


def test_the_first_search_after_a_write_is_no_dearer(shelf: Collection) -> None:
    for n in range(3):
        shelf.update("é00", {"seen": n})
        with counted(shelf) as calls:
            shelf.search("id:é03", verify=0)
        assert calls.total() <= PLAIN, dict(calls)


def test_a_search_by_picture_calls_its_store_a_few_times(shelf: Collection) -> None:
    for n in range(0, COUNT, 6):
        with counted(shelf) as calls:
            shelf.search(saved(picture(n)), verify=0)
        assert calls.total() <= PLAIN, dict(calls)


def test_facets_cost_one_call_more(shelf: Collection) -> None:
    conditions: list[dict[str, Any]] = [{}, {"filter": {"shade": 1}}, {"field": "shade", "contains": "2"}]
    for given in conditions:
        with counted(shelf) as calls:
            assert shelf.facets(**given)
        assert calls.total() <= MORE_FACETS, dict(calls)


@pytest.mark.parametrize("verify", [1, 3, 25])
def test_verified_matches_cost_the_same_however_many(shelf: Collection, verify: int) -> None:
    shelf.search("id:é00", verify=25, limit=COUNT)
    for n in range(0, COUNT, 6):
        shelf.search(f"id:é{n:02}", verify=verify)  # what is found out of a picture for the first time is kept
        shelf._verifier._looks.clear()
        shelf._searcher._recent._kept.clear()
        with counted(shelf) as calls:
            shelf.search(f"id:é{n:02}", verify=verify)
        assert calls.total() <= PLAIN + MORE_VERIFIED, dict(calls)


def test_the_answers_are_those_of_a_store_that_nobody_counts(shelf: Collection) -> None:
    with counted(shelf) as calls:
        told = shelf.search("id:é12", limit=9)
    again = shelf.search("id:é12", limit=9)
    assert [(match.id, match.score) for match in told] == [(match.id, match.score) for match in again]
    assert calls["search"] >= 1
    assert np.all(np.diff([match.score for match in told]) <= 0)
