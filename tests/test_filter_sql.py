"""Filters in SQL against their referee: whatever the documents hold, a store finds what `accepts` accepts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike.filters import parse_filter
from lookalike.stores import open_stores
from lookalike.values import CollectionSpec, Entry, Record, Space

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
