"""The filter language against its plain meaning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import FilterError
from lookalike.filters import parse_filter

SHOE = {
    "category": "shoes",
    "price": 40,
    "sizes": [38, 39, 42],
    "maker": {"name": "Anna", "year": 1999},
    "parts": [{"kind": "sole", "mm": 12}, {"kind": "lace", "mm": 3}],
    "sold": False,
    "note": None,
    "tags": ["red", "sale"],
    "_id": "a/1.jpg",
}


@pytest.mark.parametrize(
    ("condition", "accepted"),
    [
        ({}, True),
        ({"category": "shoes"}, True),
        ({"category": "hats"}, False),
        ({"_id": "a/1.jpg", "tags": "sale"}, True),
        ({"sizes": 39}, True),
        ({"sizes": [38, 39, 42]}, True),
        ({"sizes": [38, 39]}, False),
        ({"price": {"$gte": 40, "$lt": 41}}, True),
        ({"price": {"$gt": 40}}, False),
        ({"price": "40"}, False),
        ({"price": {"$gt": "3"}}, False),
        ({"price": 40.0}, True),
        ({"sold": 0}, False),
        ({"sold": False}, True),
        ({"note": None}, True),
        ({"missing": None}, True),
        ({"missing": {"$exists": False}}, True),
        ({"note": {"$exists": True}}, True),
        ({"missing": {"$ne": 3}}, True),
        ({"missing": {"$gt": 3}}, False),
        ({"sizes": {"$gt": 41}}, True),
        ({"sizes": {"$ne": 39}}, False),
        ({"maker.name": "Anna"}, True),
        ({"parts.kind": "lace"}, True),
        ({"parts.1.kind": "lace"}, True),
        ({"parts.0.kind": "lace"}, False),
        ({"parts": {"$elemMatch": {"kind": "sole", "mm": {"$lt": 5}}}}, False),
        ({"parts": {"$elemMatch": {"kind": "lace", "mm": {"$lt": 5}}}}, True),
        ({"sizes": {"$elemMatch": {"$gt": 38, "$lt": 40}}}, True),
        ({"sizes": {"$size": 3}}, True),
        ({"sizes": {"$all": [38, 42]}}, True),
        ({"sizes": {"$all": [38, 50]}}, False),
        ({"category": {"$in": ["hats", "shoes"]}}, True),
        ({"category": {"$nin": ["hats", "shoes"]}}, False),
        ({"category": {"$regex": "^SH", "$options": "i"}}, True),
        ({"price": {"$not": {"$gt": 100}}}, True),
        ({"$not": {"category": "shoes"}}, False),
        ({"$or": [{"price": 1}, {"tags": "red"}]}, True),
        ({"$and": [{"price": 40}, {"tags": "blue"}]}, False),
        ({"$nor": [{"price": 1}, {"tags": "blue"}]}, True),
    ],
)
def test_a_filter_means_what_mongo_says(condition: dict, accepted: bool) -> None:
    assert parse_filter(condition).accepts(SHOE) is accepted


@pytest.mark.parametrize(
    ("condition", "place"),
    [
        ({"a": {"$gtt": 1}}, "a"),
        ({"$orr": []}, "$orr"),
        ({"a": {"$in": 3}}, "a.$in"),
        ({"a": {"$regex": "("}}, "a.$regex"),
        ({"$or": [{"a": 1}, {"b": {"$size": -1}}]}, "$or[1].b.$size"),
        ({"a": {"$gt": None}}, "a.$gt"),
        ({"a": {"$gt": True}}, "a.$gt"),
        ({"a": {"$exists": 1}}, "a.$exists"),
        ({"a": {"$not": 3}}, "a.$not"),
        ({"a": {"$options": "i"}}, "a"),
    ],
)
def test_a_wrong_filter_names_the_place(condition: dict, place: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(condition)
    assert caught.value.details["place"] == place


@pytest.mark.parametrize(
    ("condition", "document", "accepted"),
    [
        # what lacks a name equals null; elements of a list that are no objects have no names to lack
        ({"a.b": None}, {}, True),
        ({"a.b": None}, {"a": 5}, True),
        ({"a.b": None}, {"a": None}, True),
        ({"a.b": None}, {"a": {"b": None}}, True),
        ({"a.b": None}, {"a": {"b": 1}}, False),
        ({"a.b": None}, {"a": [{"b": 1}, {}]}, True),
        ({"a.b": None}, {"a": [{"b": 1}, 5]}, False),
        ({"a.b": None}, {"a": []}, False),
        ({"a.b": None}, {"a": [None]}, False),
        ({"a.b": {"$ne": None}}, {"a": []}, True),
        ({"a.b": {"$exists": False}}, {"a": [{"b": 1}, {}]}, False),
        ({"a.b": {"$exists": False}}, {"a": []}, True),
        ({"a": {"$in": [None, 3]}}, {}, True),
        ({"a": {"$nin": [None]}}, {"a": [1, None]}, False),
        ({"a": {"$all": []}}, {"a": []}, False),
        # numbers in a path are places in a list and names in an object
        ({"a.0": 1}, {"a": [1, 2]}, True),
        ({"a.0": 1}, {"a": {"0": 1}}, True),
        ({"a.0": 1}, {"a": [2, {"0": 1}]}, True),
        ({"a.2": {"$exists": True}}, {"a": [1, 2]}, False),
        ({"a.0.b": 1}, {"a": [{"b": 1}, {"b": 2}]}, True),
        ({"a.1": 1}, {"a": [[0, 1], 0]}, False),
        ({f"a.{'9' * 5000}": 1}, {"a": [1]}, False),
        # a list matches as a whole or by one element, not by an element of an element
        ({"a": [1]}, {"a": [[1], 2]}, True),
        ({"a": 1}, {"a": [[1], 2]}, False),
        ({"a": {"$size": 0}}, {"a": []}, True),
        ({"a": {"$size": 1}}, {"a": [[]]}, True),
        ({"a": {"$elemMatch": {"$gt": 1, "$lt": 3}}}, {"a": [1, 3]}, False),
        ({"a": {"$elemMatch": {"$not": {"$gt": 1}}}}, {"a": [5, 1]}, True),
        ({"a": {"$elemMatch": {"$not": {"b": 1}}}}, {"a": [5, {"b": 1}]}, False),
        ({"a": {"$elemMatch": {"b": None}}}, {"a": [5, {}]}, True),
        # kinds are strict; whole numbers are compared as such, however large
        ({"a": 1}, {"a": True}, False),
        ({"a": {"$in": [0]}}, {"a": False}, False),
        ({"a": [True]}, {"a": [1]}, False),
        ({"a": {"b": 1.0}}, {"a": {"b": 1}}, True),
        ({"a": 2**64 + 1}, {"a": 2**64}, False),
        ({"a": {"$gt": 2**53}}, {"a": 2**53 + 1}, True),
        ({"a": 0}, {"a": -0.0}, True),
        ({"a": {"$gt": "z"}}, {"a": "ä"}, True),
        ({"a": "é"}, {"a": "e\u0301"}, False),
        # regexes
        ({"a": {"$regex": "^b.d$", "$options": "ms"}}, {"a": "x\nb\nd"}, True),
        ({"a": {"$regex": "^b"}}, {"a": "x\nb"}, False),
        ({"a": {"$regex": "GRÖSSE", "$options": "i"}}, {"a": "größse größe grösse"}, True),
        ({"a": {"$regex": "b"}}, {"a": [1, "abc"]}, True),
        ({"a": {"$regex": "b"}}, {"a": "\ud800b"}, True),
        ({"a": {"$regex": "1"}}, {"a": 1}, False),
        ({"a": {"$regex": "(a+)+$"}}, {"a": "a" * 5000 + "b"}, False),  # would hang where regexes backtrack
    ],
)
def test_an_edge_is_where_mongo_has_it(condition: dict, document: dict, accepted: bool) -> None:
    assert parse_filter(condition).accepts(document) is accepted


@pytest.mark.parametrize("regex", ["a(?=b)", "(?<!a)b", r"(a)\1", "(", "x{2000}", "\ud800", "a" * 501])
def test_a_regex_that_is_not_of_re2_is_refused(regex: str) -> None:
    with pytest.raises(FilterError, match=r"RE2|at most 500") as caught:
        parse_filter({"a": {"$not": {"$regex": regex}}})
    assert caught.value.details["place"] == "a.$not.$regex"


@pytest.mark.parametrize("text", ['{"a":' + "[" * 100_000, '{"$not":' * 500 + "{}" + "}" * 500])
def test_text_that_is_nested_without_end_is_refused(text: str) -> None:
    with pytest.raises(FilterError):
        parse_filter(text)


def test_a_filter_is_one_text_whatever_it_was_made_of() -> None:
    made = parse_filter({"b": [1, None], "a": {"$gt": 2.0, "$exists": True}})
    assert made.text == '{"a": {"$exists": true, "$gt": 2.0}, "b": [1, null]}'
    assert parse_filter(made.text) == made
    assert hash(parse_filter(made.text)) == hash(made)


@pytest.mark.parametrize("text", ["{", "[]", "3", '"a"', '{"a": NaN'])
def test_text_that_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(FilterError):
        parse_filter(text)


def test_a_filter_that_is_nested_too_deeply_is_refused() -> None:
    condition: dict = {"a": 1}
    for _ in range(50):
        condition = {"$not": condition}
    with pytest.raises(FilterError, match="nested"):
        parse_filter(condition)


def test_equal_filters_are_equal_whatever_the_order_of_their_members() -> None:
    assert parse_filter({"a": 1, "b": 2}) == parse_filter('{"b": 2, "a": 1}')


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xy"), inner, max_size=2),
    max_leaves=6,
)
DOCUMENTS = st.dictionaries(st.sampled_from("ab"), VALUES, max_size=2)


@given(document=DOCUMENTS, value=VALUES)
def test_ne_is_the_opposite_of_eq(document: dict, value: object) -> None:
    equal = parse_filter({"a": {"$eq": value}}).accepts(document)
    assert parse_filter({"a": {"$ne": value}}).accepts(document) is not equal
    assert parse_filter({"a": {"$in": [value]}}).accepts(document) is equal
    assert parse_filter({"a": {"$nin": [value]}}).accepts(document) is not equal
    assert parse_filter({"$not": {"a": {"$eq": value}}}).accepts(document) is not equal


@given(document=DOCUMENTS)
def test_a_document_equals_its_own_values(document: dict) -> None:
    for name, value in document.items():
        assert parse_filter({name: {"$eq": value}}).accepts(document)
