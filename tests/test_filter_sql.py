"""Filters in SQL against their referee: whatever the documents hold, a store finds what `accepts` accepts."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike.filters import parse_filter
from lookalike.records import CollectionSpec, Entry, Record, Space
from lookalike.stores import open_stores
from lookalike.stores.embedded.connections import connect
from lookalike.stores.embedded.sql import where

LOOK = {"look": np.array([1, 0], np.float32)}
SPEC = CollectionSpec(name="shelf", spaces=(Space("look", 2, "cosine"),), fields=("a", "a.b"), product_id_field="b")

# ---- nasty values: each is here because a database would read it otherwise than JSON means it

NAMES = st.sampled_from(["a", "b", "0", "1", "", "ä", 'q"', "b\\", "$x", "x y", "'", "[0]", "%", "\0", "_id", "tags"])
TEXTS = st.sampled_from(
    ["", "a", "b", "ab", "A", "%", "_", "ä", "\U0001f408", "a\0b", '"', "\\", "\\u00e4", "1", "\ud800", "\n"]
)
NUMBERS = st.sampled_from(
    [0, 1, -1, 2, 1.0, -0.0, 0.1, 0.30000000000000004, 0.3, 1e300, 5e-324, 1.7976931348623157e308, 2**53, 2**53 + 1,
     2**60, 2**63 - 1, 2**63, 2**64 + 1, -(2**63), float(2**53), 9007199254740993.0, 19.99, 1e16]
) | st.floats(allow_nan=False, allow_infinity=False)  # fmt: skip
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS | st.integers(-2, 2)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
DOCUMENTS = st.lists(
    st.tuples(st.dictionaries(NAMES, VALUES, max_size=4), st.lists(TEXTS, max_size=2)), min_size=1, max_size=8
)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(".".join).filter(lambda path: not path.startswith("$"))


def _operators(inner: st.SearchStrategy) -> st.SearchStrategy:
    ordered = NUMBERS | TEXTS
    return st.one_of(
        st.fixed_dictionaries({}, optional={"$gt": ordered, "$lte": ordered}).filter(len),
        st.fixed_dictionaries({}, optional={"$gte": ordered, "$lt": ordered}).filter(len),
        st.builds(lambda name, value: {name: value}, st.sampled_from(["$eq", "$ne"]), VALUES),
        st.builds(
            lambda name, values: {name: values}, st.sampled_from(["$in", "$nin", "$all"]), st.lists(VALUES, max_size=4)
        ),
        st.builds(lambda exists: {"$exists": exists}, st.booleans()),
        st.builds(lambda size: {"$size": size}, st.integers(0, 3) | st.just(2**70)),
        st.builds(lambda regex: {"$regex": regex, "$options": "i"}, st.sampled_from(["a", "^A", "b$", ".", "ä", "^$"])),
        st.builds(lambda condition: {"$not": condition}, inner),
        st.builds(lambda condition: {"$elemMatch": condition}, inner),
    )


OPERATORS = st.recursive(st.builds(lambda value: {"$eq": value}, SCALARS), _operators, max_leaves=4)
FIELDS = st.builds(
    lambda path, condition: {path: condition},
    PATHS,
    OPERATORS | SCALARS | VALUES.filter(lambda v: not isinstance(v, dict)),
)
JOINS = st.sampled_from(["$and", "$or", "$nor"])
FILTERS = st.recursive(
    FIELDS,
    lambda inner: st.one_of(
        st.builds(lambda name, parts: {name: parts}, JOINS, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"$not": part}, inner),
        st.builds(lambda one, other: {**one, **other}, inner, inner),
    ),
    max_leaves=4,
)  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = open_stores(tmp_path_factory.mktemp("home")).create(SPEC)
    yield store
    store.close()


def fill(store, documents):
    """Make a store hold these documents alone, and give them by id."""
    store.delete([record.id for record in store.scan()])
    records = [Record(id=f"r{n}", metadata=fields, tags=tuple(tags)) for n, (fields, tags) in enumerate(documents)]
    store.upsert([Entry(record, LOOK) for record in records])
    return {record.id: record.document() for record in records}


def assert_agrees(store, documents, condition):
    wanted = parse_filter(condition)
    expected = [id for id, document in documents.items() if wanted.accepts(document)]
    assert [record.id for record in store.scan(filter=wanted)] == expected
    assert store.count(filter=wanted) == len(expected)
    found = store.neighbors("look", LOOK["look"][None], len(documents), filter=wanted)
    assert found.counts[0] == len(expected)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents=DOCUMENTS, conditions=st.lists(FILTERS, min_size=1, max_size=8))
def test_a_store_finds_what_the_referee_accepts(store, documents, conditions):
    held = fill(store, documents)
    for condition in conditions:
        assert_agrees(store, held, condition)


BOUNDS = NUMBERS | TEXTS | st.integers(-2, 2)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    values=st.lists(SCALARS | st.lists(SCALARS, max_size=3), min_size=1, max_size=9),
    bounds=st.lists(st.tuples(st.sampled_from(["$gt", "$gte"]), BOUNDS, st.sampled_from(["$lt", "$lte"]), BOUNDS)),
)
def test_a_range_of_a_declared_field_holds_what_the_referee_accepts(store, values, bounds):
    held = fill(store, [({"a": value}, []) for value in values])
    for lower, low, upper, high in bounds:
        assert_agrees(store, held, {"a": {lower: low, upper: high}})
        assert_agrees(store, held, {"a": {lower: low, upper: high, "$ne": 1}, "b": None})


@pytest.mark.parametrize(
    ("documents", "condition"),
    [
        ([{"a": 5.000000000000001}, {"a": [5.000000000000001]}], {"a": 5}),
        ([{"a": "1"}, {"a": True}, {"a": 1}], {"a": 1}),
        ([{}, {}], {"_id": {"$lt": 5}}),
        ([{"a": [1, 2**64]}, {"a": 2**64}, {"a": float(2**64)}], {"a": {"$gt": 2**63}}),
        ([{"a": {"b": 1}}, {"a": [{"b": 1}, {}]}, {"a": []}, {"a": [5]}, {"a": 5}, {}], {"a.b": None}),
        ([{"a": n} for n in range(8)], {"$nor": [{"a": n} for n in range(1, 70)]}),
        ([{"a": "x"}, {"a": "\ud800"}, {"a": "a\0b"}], {"a": {"$in": ["\ud800", "a\0b", "a"]}}),
    ],
)
def test_what_a_database_would_mistake_is_asked_of_the_referee(store, documents, condition):
    assert_agrees(store, fill(store, [(fields, []) for fields in documents]), condition)


# ---- indexes of declared fields


def steps_of(home, condition, fields):
    """Give the steps in which SQLite answers a filter over the table of a home's only collection."""
    [file] = home.rglob("records.sqlite")
    conn = connect(file)
    told = where(parse_filter(condition), frozenset(fields))
    try:
        return [
            row[3]
            for each in told.alternatives or (told,)
            for row in conn.execute(f"EXPLAIN QUERY PLAN SELECT key FROM records WHERE {each.text}", each.values)
            if "records" in row[3]
        ]
    finally:
        conn.close()


INDEXED = [
    {"a.b": "x"}, {"a.b": 1}, {"a.b": 1.5}, {"a.b": True}, {"a.b": None}, {"a.b": {"$in": ["x", "y", 3, None]}},
    {"a.b": {"$gt": 3}}, {"a.b": {"$lte": 2.5}}, {"a.b": {"$gte": "x"}}, {"a.b": {"$lt": "x"}}, {"a.b": {"$size": 3}},
    {"a.b": {"$exists": True}}, {"a.b": [1, 2]},
]  # fmt: skip


@pytest.mark.parametrize("condition", INDEXED, ids=str)
def test_conditions_on_declared_fields_are_answered_by_their_index(tmp_path, condition):
    with closing(open_stores(tmp_path).create(replace(SPEC, fields=("a.b",)))):
        steps = steps_of(tmp_path, condition, ["a.b"])
        assert steps
        assert all("USING INDEX field 1: a.b" in step for step in steps), steps
        assert any("SCAN" in step for step in steps_of(tmp_path, {"other": 1}, ["a.b"]))


def test_declared_fields_may_change_while_the_collection_lives(tmp_path):
    with closing(open_stores(tmp_path).create(replace(SPEC, fields=(), product_id_field=None))) as store:
        held = fill(store, [({"a": n, "b": [n]}, []) for n in range(8)])
        assert indexes(tmp_path) == set()
        odd = ("_id", "tags", 'q"', "", "a.", "it's")
        for fields, product in [(("a", "b"), ""), (("b",), "sku"), ((), ""), (odd, "")]:
            store.configure(fields=fields, product_id_field=product)
            for condition in ({"a": {"$gt": 3}}, {"b": 2}, {"a": {"$not": {"$lt": 2}}, "b": {"$ne": 3}}, {'q"': 1}):
                assert_agrees(store, held, condition)
        assert indexes(tmp_path) == {"it's"}
        store.configure(fields=("a", "b"), product_id_field="sku")
        assert indexes(tmp_path) == {"a", "b", "sku"}


def test_a_store_of_an_earlier_lookalike_gets_its_indexes_when_it_is_written(tmp_path):
    with closing(open_stores(tmp_path).create(SPEC)) as store:
        held = fill(store, [({"a": n}, []) for n in range(8)])
    [file] = tmp_path.rglob("records.sqlite")
    with closing(sqlite3.connect(file)) as conn:
        for field in indexes(tmp_path):
            conn.execute(f'DROP INDEX "field 1: {field}"')
    with closing(open_stores(tmp_path).open("shelf")) as store:
        assert_agrees(store, held, {"a": {"$gte": 3}})
        store.upsert([Entry(Record(id="new"), LOOK)])
        assert indexes(tmp_path) == {"a", "a.b", "b"}


def indexes(home):
    [file] = home.rglob("records.sqlite")
    with closing(sqlite3.connect(file)) as conn:
        names = conn.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE 'field 1: %'")
        return {name.removeprefix("field 1: ") for (name,) in names}
