"""Facets and histograms against counting by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import draw

import lookalike
from lookalike.answers import Facet
from lookalike.core.search.ranking import score_counts
from lookalike.errors import InputError

FIELDS = [
    {"color": "red", "price": 3, "sizes": [36, 37, 36]},
    {"color": "red", "price": 4.5, "sold": True},
    {"color": "blue", "price": 1, "nested": {"a": 1}, "none": None},
    {},
]


@pytest.fixture
def shoes(library: lookalike.Library) -> lookalike.Collection:
    collection = library.collection("shoes", create=True)
    for place, fields in enumerate(FIELDS):
        collection.add(draw(place), id=str(place), metadata=fields, tags=["new"] if place < 1 else None)
    return collection


def by_field(facets: list[Facet]) -> dict[str, Facet]:
    return {facet.field: facet for facet in facets}


def test_values_are_counted_by_record_and_the_most_frequent_stand_first(shoes: lookalike.Collection) -> None:
    found = by_field(shoes.facets())
    assert list(found) == ["color", "price", "sizes", "sold", "tags"]
    assert found["color"].values == (("red", 2), ("blue", 1))
    assert found["sizes"].values == ((36, 1), (37, 1))  # a list counts by its elements, each once
    assert found["tags"].values == (("new", 1),)
    assert (found["price"].minimum, found["price"].maximum) == (1, 4.5)
    assert (found["sold"].values, found["sold"].minimum) == (((True, 1),), None)


def test_a_filter_and_a_limit_narrow_the_facets_and_a_write_renews_them(shoes: lookalike.Collection) -> None:
    found = by_field(shoes.facets(filter={"color": "red"}, limit=1))
    assert found["color"].values == (("red", 2),)
    assert (found["price"].values, found["price"].distinct) == (((4.5, 1),), 2)
    shoes.update("3", {"color": "red"})
    assert by_field(shoes.facets(filter={"color": "red"}, limit=1))["color"].values == (("red", 3),)


def test_one_true_and_the_text_are_three_values(library: lookalike.Library) -> None:
    collection = library.collection("odd", create=True)
    for place, value in enumerate([1, True, "1", 1]):
        collection.add(draw(place), id=str(place), metadata={"odd": value})
    [facet] = collection.facets()
    assert Counter({(type(value), value): count for value, count in facet.values}) == {
        (int, 1): 2,
        (bool, True): 1,
        (str, "1"): 1,
    }


def test_a_histogram_counts_what_a_search_scores(library: lookalike.Library, pictures: Path) -> None:
    collection = library.collection("all", create=True)
    collection.add(pictures)
    source, passing = "id:a/0.jpg", {"_id": {"$ne": "a/0.jpg"}}
    counts = collection.histogram(source, filter=passing, bins=100)
    scores = [match.score for match in collection.search(source, filter=passing, limit=100)]
    assert sum(counts) == len(scores) == 9
    for threshold in (0.0, 0.25, 0.5, 0.9, 1.0):
        above = sum(count for place, count in enumerate(counts) if place / 100 >= threshold)
        assert above == sum(score >= threshold or (threshold == 1.0 and score >= 0.99) for score in scores)


def test_a_histogram_obeys_what_decides_matches_and_scores_and_nothing_else(
    library: lookalike.Library, pictures: Path
) -> None:
    collection = library.collection("tagged", create=True)
    collection.add(pictures)
    collection.revise(["a/1.jpg", "a/2.jpg"], more_tags=["red"])

    def counted(**conditions: Any) -> list[int]:
        matches = collection.search("id:a/0.jpg", limit=100, **conditions)
        return score_counts(np.array([match.score for match in matches]), 100)

    near = sorted(match.distance for match in collection.search("id:a/0.jpg", limit=100))[4]
    narrowing: Any = {"max_distance": near, "tags": ["red"], "tag_weight": 0.5, "exact": True}
    others: Any = {"threshold": 0.9, "limit": 2, "diversity": 0.5, "collapse": True}
    counts = collection.histogram("id:a/0.jpg", bins=100, **narrowing, **others)
    assert counts == counted(**narrowing)
    assert 0 < sum(counts) < sum(counted())
    assert counts != counted(max_distance=near)  # since tags are mixed in


def test_bounds_of_a_histogram_belong_to_the_part_above() -> None:
    assert score_counts(np.array([0.0, 0.29, 0.57, 0.7, 0.999, 1.0]), 100)[29] == 1
    assert score_counts(np.array([0.07, 0.57, 1.0]), 100)[57] == 1
    assert score_counts(np.array([0.0, 1.0, 0.995]), 10) == [1, 0, 0, 0, 0, 0, 0, 0, 0, 2]


def test_a_histogram_needs_an_example(shoes: lookalike.Collection) -> None:
    with pytest.raises(InputError, match="needs an example"):
        shoes.histogram()
