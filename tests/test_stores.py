"""The contract of the stores: one suite, run over every implementation."""

import dataclasses
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from pickled_store import PickledStores

from lookalike.errors import (
    ChangedMeanwhileError,
    CollectionExistsError,
    CollectionNotFoundError,
    InputError,
    RecordNotFoundError,
    StoreDamagedError,
    StoreError,
)
from lookalike.filters import parse_filter
from lookalike.limits import Limits
from lookalike.neighbors import NearestQuery
from lookalike.records import CollectionSpec, Entry, Record, Space
from lookalike.stores import Move, open_stores
from lookalike.stores.common.metric import distances_of
from lookalike.texts import text_query

DIM = 4
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # spares thousands of waits for a disk
SPACES = (Space("look", DIM, "cosine"), Space("copy", 3, "cosine"), Space("hash", 12, "hamming"))


def pickled(home, limits=None):
    """Open a home of the toy store."""
    return PickledStores(home, limits or Limits())


STORES = [open_stores, pickled]
NAMES = {open_stores: "embedded"}
over_homes = pytest.mark.parametrize("open_home", STORES, ids=lambda one: NAMES.get(one, one.__name__))


@contextmanager
def shelf_of(open_home, spaces=SPACES, home=None):
    """A fresh home with one collection in it."""
    place = home or Path(tempfile.mkdtemp(dir=MEMORY))
    stores = open_home(place)
    store = stores.create(CollectionSpec(name="shelf", spaces=spaces))
    try:
        yield stores, store
    finally:
        store.close()
        shutil.rmtree(place)


SHELVES = [partial(shelf_of, one) for one in STORES]
over_stores = pytest.mark.parametrize("make_store", SHELVES, ids=[NAMES.get(one, one.__name__) for one in STORES])


def size_for(make_store, rows):
    """How many records a test of size takes: fewer for the toy, which goes the same way at any size."""
    return rows if make_store.args[0] is open_stores else rows // 4


plenty = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


# ---- what goes in


def unit(numbers):
    vector = np.array(numbers, np.float32)
    return vector / np.linalg.norm(vector)


def entry(id, look=(1, 0, 0, 0), *, hash=None, source=None, thumbnail=None, original=None, **metadata):
    vectors = {"look": unit(look)}
    if hash is not None:
        vectors["hash"] = np.array(hash, np.uint8)
    record = Record(id=id, source=source, content_hash=f"hash of {id}", format="png", size_px=(7, 5), metadata=metadata)
    return Entry(record, vectors, thumbnail, original)


# few directions, so that ties and duplicates are common; and free ones beside them
corners = st.sampled_from([(1, 0, 0, 0), (0, 1, 0, 0), (1, 1, 0, 0), (1, 1, 1, 1), (-1, 0, 0, 0), (1, 0, 0, 0.001)])
free = st.tuples(*[st.floats(-1, 1, width=16) for _ in range(DIM)]).filter(lambda v: np.linalg.norm(v) > 0.1)
looks = st.one_of(corners, free)
hashes = st.one_of(st.none(), st.tuples(st.sampled_from([0, 1, 255]), st.integers(0, 15)))
ids = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6)
entries = st.lists(
    st.builds(
        lambda id, look, hash, shade: entry(id, look, hash=hash, shade=shade), ids, looks, hashes, st.integers(0, 3)
    ),
    max_size=30,
)
filters = st.sampled_from(
    [None, {}, {"shade": 1}, {"shade": {"$lt": 2}}, {"shade": 9}, {"$or": [{"shade": 0}, {"shade": 3}]}]
)


# ---- the referee


def brute_force(store, space, query, k, *, max_distance=None, accepts=lambda record: True):
    """Give [(id, distance)] by looking at every stored vector, with the definition of the distance alone."""
    metric = next(each.metric for each in store.spec.spaces if each.name == space)
    found = []
    for keys, vectors in store.scan_vectors(space):
        records = store.records([int(key) for key in keys])
        rows = vectors if metric == "hamming" else vectors.astype(np.float16)
        for key, distance in zip(keys, distances_of(metric, query, rows), strict=True):
            if accepts(records[int(key)]) and (max_distance is None or distance <= np.float32(max_distance)):
                found.append((float(distance), records[int(key)].id))
    return [(id, distance) for distance, id in sorted(found)][:k]


def answer(store, space, queries, k, **given):
    """Give [(id, distance)] for each query, having checked the padding."""
    found = store.neighbors(space, queries, k, **given)
    assert found.keys.shape == found.distances.shape == (len(queries), k)
    assert found.keys.dtype == found.counts.dtype == np.int64
    assert found.distances.dtype == np.float32
    rows = []
    for keys, distances, count in zip(found.keys, found.distances, found.counts, strict=True):
        assert (keys[count:] == -1).all()
        assert np.isinf(distances[count:]).all()
        records = store.records([int(key) for key in keys[:count]])
        rows.append([(records[int(k)].id, float(d)) for k, d in zip(keys[:count], distances[:count], strict=True)])
    return rows


def assert_agrees(store, query, k, *, space="look", max_distance=None, condition=None):
    wanted = None if condition is None else parse_filter(condition)
    accepts = (lambda record: True) if wanted is None else (lambda record: wanted.accepts(record.document()))
    [found] = answer(store, space, query[None, :], k, max_distance=max_distance, filter=wanted)
    assert found == brute_force(store, space, query, k, max_distance=max_distance, accepts=accepts)
    return found


def every_pair(store, space, max_distance):
    """Give {(key, key): distance} of all pairs within a distance, one vector against all others."""
    metric = next(each.metric for each in store.spec.spaces if each.name == space)
    blocks = list(store.scan_vectors(space))
    keys = [key for keys, _ in blocks for key in keys.tolist()]
    vectors = np.concatenate([vectors for _, vectors in blocks]) if blocks else []
    rows = vectors if metric == "hamming" or not keys else vectors.astype(np.float16)
    found = {}
    for place in range(1, len(keys)):
        distances = distances_of(metric, vectors[place], rows[:place])
        near = np.flatnonzero(distances <= np.float32(max_distance)).tolist()
        found |= {(keys[place], keys[other]): float(distances[other]) for other in near}
    return found


def joined(store, space, max_distance):
    """Give what `pairs` gives in the same form, having checked that no pair comes twice."""
    blocks = list(store.pairs(space, max_distance))
    found = {}
    for block in blocks:
        for ours, theirs, distance in zip(
            block.ours.tolist(), block.theirs.tolist(), block.distances.tolist(), strict=True
        ):
            assert ours > theirs
            assert (ours, theirs) not in found
            found[ours, theirs] = distance
    shares = [block.share for block in blocks]
    assert shares == sorted(shares)
    return found


# ---- near is what is near


@over_stores
@plenty
@given(rows=entries, more=entries, gone=st.sets(ids), query=looks, k=st.integers(1, 40), condition=filters)
def test_neighbors_are_those_of_brute_force(make_store, rows, more, gone, query, k, condition):
    with make_store() as (stores, store):
        store.upsert(rows, replace="any")
        assert_agrees(store, unit(query), k, condition=condition)
        store.upsert(more, replace="any")
        store.delete([*gone, *(row.record.id for row in rows[::3])])
        assert_agrees(store, unit(query), k, condition=condition)
        again = stores.open("shelf")
        assert_agrees(again, unit(query), k, condition=condition)
        assert store.check() == again.check() == []
        again.close()


@over_stores
@plenty
@given(
    rows=entries,
    more=entries,
    gone=st.sets(ids),
    first=st.sampled_from([0.0, 0.3, 2.0]),
    then=st.floats(0, 2, width=16),
)
def test_pairs_are_those_of_brute_force_however_they_came(make_store, rows, more, gone, first, then):
    with make_store() as (stores, store):
        store.upsert(rows, replace="any")
        assert joined(store, "look", first) == every_pair(store, "look", first)
        store.upsert(more, replace="any")
        store.delete([*gone, *(row.record.id for row in rows[::3])])
        again = stores.open("shelf")
        assert joined(again, "look", then) == every_pair(store, "look", then) == joined(store, "look", then)
        assert joined(store, "hash", 3) == every_pair(store, "hash", 3)
        again.close()


@over_stores
def test_pairs_on_the_ceiling_are_within_it(make_store):
    with make_store() as (_, store):
        store.upsert([entry("a", (1, 0, 0, 0), hash=(0, 0)), entry("b", (0.9, 0.1, 0.2, 0), hash=(7, 0))])
        [(pair, distance)] = every_pair(store, "look", 2).items()
        assert joined(store, "look", distance) == {pair: distance}
        assert joined(store, "look", np.nextafter(np.float32(distance), np.float32(0))) == {}
        assert joined(store, "hash", 3) == {pair: 3.0}
        assert joined(store, "hash", 2.9) == {}
        for wrong in (-0.1, float("nan")):
            with pytest.raises(InputError, match="max_distance"):
                list(store.pairs("look", wrong))


def block_of(rng, first, count):
    """Made-up records in eight directions each of which has many, with hashes."""
    centers = np.random.default_rng(8).standard_normal((8, DIM))
    rows = centers[rng.integers(0, 8, count)] + 0.1 * rng.standard_normal((count, DIM))
    bits = rng.integers(0, 256, (count, 2)) & (255, 15)
    return [entry(f"{first + n}", rows[n], hash=bits[n]) for n in range(count)]


@over_stores
def test_a_join_of_many_blocks_that_was_left_goes_on_where_it_stopped(make_store):
    """Enough records for several blocks and tiles, some deleted, one reader in the middle of the work."""
    rng, most = np.random.default_rng(3), size_for(make_store, 4700)
    first = most - most // 7
    with make_store() as (stores, store):
        store.upsert(block_of(rng, 0, first))
        store.flush()
        store.upsert(block_of(rng, first, most - first))
        store.delete([str(n) for n in range(0, most, 9)])
        expected = every_pair(store, "look", 1e-4)
        for left in range(1, 4):
            pairs = store.pairs("look", 1e-4)
            for _ in range(left):
                next(pairs)
            other = stores.open("shelf")
            assert joined(other, "look", 1e-4) == expected  # beside one that is at it
            other.close()
            pairs.close()
        assert joined(store, "look", 1e-4) == expected
        assert joined(store, "hash", 0) == every_pair(store, "hash", 0)
        store.upsert(block_of(rng, most, 60))
        fresh = set(store.keys([str(n) for n in range(most, most + 60)]).values())
        again = joined(store, "look", 1e-4)
        assert {pair: distance for pair, distance in again.items() if not fresh & set(pair)} == expected
        assert len(again) > len(expected)
        assert store.check() == []


@over_stores
@plenty
@given(rows=entries, query=st.tuples(st.integers(0, 255), st.integers(0, 15)), k=st.integers(1, 40), condition=filters)
def test_hamming_neighbors_are_those_of_brute_force(make_store, rows, query, k, condition):
    with make_store() as (_, store):
        store.upsert(rows, replace="any")
        bits = np.array(query, np.uint8)
        for key, distance in assert_agrees(store, bits, k, space="hash", condition=condition):
            held = store.vectors("hash", [store.keys([key])[key]]).popitem()[1]
            assert distance == sum(bin(a ^ b).count("1") for a, b in zip(bits.tolist(), held.tolist(), strict=True))


@over_stores
@plenty
@given(rows=entries.filter(len), query=looks, k=st.integers(1, 40), which=st.integers(0, 100))
def test_a_ceiling_includes_its_own_value(make_store, rows, query, k, which):
    with make_store() as (_, store):
        store.upsert(rows, replace="any")
        everything = brute_force(store, "look", unit(query), len(rows))
        ceiling = everything[which % len(everything)][1]
        found = assert_agrees(store, unit(query), k, max_distance=ceiling)
        assert len(found) == min(k, sum(distance <= ceiling for _, distance in everything))


@over_stores
@plenty
@given(rows=entries, queries=st.lists(looks, min_size=24, max_size=40), k=st.integers(1, 12), condition=filters)
def test_many_queries_at_once_answer_as_each_alone(make_store, rows, queries, k, condition):
    with make_store() as (_, store):
        store.upsert(rows, replace="any")
        wanted = None if condition is None else parse_filter(condition)
        table = np.stack([unit(query) for query in queries])
        together = answer(store, "look", table, k, filter=wanted)
        assert together == [answer(store, "look", row[None, :], k, filter=wanted)[0] for row in table]


@over_stores
@pytest.mark.parametrize("kind", ["random", "clustered", "tied"])
def test_a_larger_collection_agrees_too(make_store, kind):
    """Enough rows for the quick scans, their proof and its growth; ties in hundreds across the boundary."""
    rng, size = np.random.default_rng(7), size_for(make_store, 3000)
    step = size // 6
    rows = rng.standard_normal((size, 64)).astype(np.float32)
    if kind != "random":
        centers = rng.standard_normal((12, 64)).astype(np.float32)
        rows = centers[rng.integers(0, 12, size)] + (1e-3 if kind == "clustered" else 0) * rows
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    with make_store((Space("look", 64, "cosine"),)) as (_, store):
        for start in range(0, size, step):
            names = [f"r{rng.integers(1 << 40)}-{n}" for n in range(start, start + step)]
            store.upsert(
                [Entry(Record(id=id, metadata={"n": n % 50}), {"look": rows[start + n]}) for n, id in enumerate(names)]
            )
            if start == 3 * step:
                store.flush()
        store.delete([record.id for record in list(store.scan())[::7]])
        for place in (0, 17, size - 100):
            for k in (1, 10, 300):
                assert_agrees(store, rows[place], k)
                assert_agrees(store, rows[place], k, condition={"n": 3})
                assert_agrees(store, rows[place], k, condition={"n": {"$gte": 5}})
                assert_agrees(store, rows[place], k, max_distance=1e-6)
        many = np.repeat(rows[:30], 1, axis=0)
        assert answer(store, "look", many, 10) == [brute_force(store, "look", row, 10) for row in many]
        assert store.check() == []


@over_stores
@plenty
@given(rows=entries, query=looks, seed=st.randoms(use_true_random=False))
def test_the_order_of_insertion_does_not_show(make_store, rows, query, seed):
    rows = list({row.record.id: row for row in rows}.values())
    with make_store() as (_, one), make_store() as (_, other):
        one.upsert(rows)
        seed.shuffle(rows)
        for row in rows:
            other.upsert([row])
        assert answer(one, "look", unit(query)[None], 8) == answer(other, "look", unit(query)[None], 8)


@over_stores
def test_a_record_without_a_vector_has_no_place_in_that_space(make_store):
    with make_store() as (_, store):
        store.upsert([entry("a", hash=(1, 2)), entry("b")])
        assert [id for id, _ in answer(store, "hash", np.zeros((1, 2), np.uint8), 5)[0]] == ["a"]
        assert answer(store, "copy", unit((1, 0, 0))[None], 5) == [[]]
        assert store.check() == []


@over_stores
@plenty
@given(
    rows=entries, query=looks, k=st.integers(0, 12), bits=st.integers(0, 15), reach=st.floats(0, 2), condition=filters
)
def test_a_search_gives_the_nearest_with_all_their_signs(make_store, rows, query, k, bits, reach, condition):
    wanted = None if condition is None else parse_filter(condition)
    hash, named = np.array((255, bits), np.uint8), rows[0].record.content_hash if rows else "none"
    asked = NearestQuery(
        "look", unit(query), k, wanted, content_hash=named, hash_space="hash", hash=hash, hash_bits=3, hash_reach=reach
    )
    with make_store() as (_, store):
        store.upsert(rows, replace="any")
        found = store.search(asked)
        passing = {record.id: record for record in store.scan(filter=wanted)}
        keys = store.keys(list(passing))
        if k:
            nearest = store.neighbors("look", asked.vector[None], k, filter=wanted)
            assert found.keys[: found.nearest].tolist() == nearest.keys[0, : nearest.counts[0]].tolist()
        assert found.is_complete == (found.nearest < k)
        assert found.same == {keys[id] for id, record in passing.items() if record.content_hash == named}
        far = dict(zip(found.keys.tolist(), found.distances.tolist(), strict=True))
        assert len(far) == len(found.keys)
        everything = brute_force(store, "look", asked.vector, 99, accepts=lambda one: one.id in passing)
        assert all(far[keys[id]] == pytest.approx(distance, abs=1e-6) for id, distance in everything if keys[id] in far)
        hashes = store.vectors("hash", list(keys.values()))
        for id, distance in everything:
            if keys[id] in hashes and keys[id] not in found.same and np.float32(distance) <= reach:
                differing = int(np.unpackbits(hashes[keys[id]] ^ hash).sum())
                assert found.bits.get(keys[id], differing) == differing
                assert differing > 3 or keys[id] in found.bits
        assert {*found.bits, *found.same} <= set(far)
        more, known = replace(asked, k=4 * k, records=2), replace(asked, records=2)
        afresh, onward = store.search(more), store.search(more, store.search(known))
        assert afresh.keys.tolist() == onward.keys.tolist()
        assert {key: afresh.records[key] for key in afresh.records} == {k: onward.records[k] for k in afresh.records}


@over_stores
def test_a_search_goes_on_behind_what_has_other_colors(make_store):
    def colored(id, look, color):
        row = entry(id, look)
        return replace(row, vectors={**row.vectors, "copy": unit(color)})

    red, blue = (1, 0, 0), (0, 0, 1)
    rows = [colored(f"blue {n}", (1, 0.01 * n, 0, 0), blue) for n in range(9)]
    rows += [colored("red", (1, 0.2, 0, 0), red), colored("far", (0, 0, 1, 0), blue)]
    asked = NearestQuery("look", unit((1, 0, 0, 0)), 1, hue_space="copy", hues=unit(red), hue_reach=0.5, hue_most=0.3)
    with make_store() as (_, store):
        store.upsert(rows)
        found = store.search(replace(asked, records=1))
        names = store.ids(found.keys.tolist())
        told = dict(zip((names[key] for key in found.keys.tolist()), found.hue_distances.tolist(), strict=True))
        assert told["red"] == 0
        assert told["blue 0"] == 1
        assert np.isnan(told["far"])
        assert [record.id for record in found.records.values()] == ["red"]
        alone = store.search(replace(asked, hue_most=2.0))
        assert [names[key] for key in alone.keys.tolist()] == ["blue 0"]
        assert store.search(replace(asked, hues=None)).hue_distances is None


@over_stores
def test_a_wrong_search_is_refused(make_store):
    with make_store() as (_, store):
        for wrong, says in (
            ({"space": "sound"}, "look, copy, hash"),
            ({"vector": np.zeros(4, np.float32)}, "direction"),
            ({"vector": unit((1, 0, 0))}, "own encoder"),
            ({"max_distance": -1.0}, "max_distance"),
        ):
            with pytest.raises(InputError, match=says):
                store.search(replace(NearestQuery("look", unit((1, 0, 0, 0)), 3), **wrong))


@over_stores
def test_a_changed_record_changes_the_answer_of_a_known_filter(make_store):
    red = parse_filter({"color": "red"})
    with make_store() as (_, store):
        store.upsert([entry("a", color="red"), entry("b", color="blue")])
        query = unit((1, 0, 0, 0))[None]
        assert [id for id, _ in answer(store, "look", query, 5, filter=red)[0]] == ["a"]
        store.revise("b", metadata={"color": "red"})
        assert [id for id, _ in answer(store, "look", query, 5, filter=red)[0]] == ["a", "b"]
        store.revise("a", metadata={"color": "blue"})
        store.upsert([entry("c", (0, 1, 0, 0), color="red")])
        assert [id for id, _ in answer(store, "look", query, 5, filter=red)[0]] == ["b", "c"]
        assert store.count(filter=red) == 2


# ---- what goes in comes out


class AgainstADictionary(RuleBasedStateMachine):
    """Random work on a store and on a dict; both must hold the same, at every moment and for every reader."""

    make_store = None
    known = Bundle("known")

    @initialize()
    def begin(self):
        self.context = self.make_store()
        self.stores, self.store = self.context.__enter__()
        self.other = self.stores.open("shelf")
        self.model = {}

    @rule(target=known, rows=st.lists(entries.filter(len).map(lambda rows: rows[0]), min_size=1, max_size=4))
    def upsert(self, rows):
        written = self.store.upsert(rows, replace="any")
        assert set(written.added) == {row.record.id for row in rows} - set(self.model)
        self.model |= {row.record.id: row for row in rows}
        return rows[0].record.id

    @rule(id=known, look=looks)
    def rewrite(self, id, look):
        self.store.upsert([entry(id, look, shade=2)], replace="any")
        self.model[id] = entry(id, look, shade=2)

    @rule(id=known, shade=st.integers(0, 3))
    def revise(self, id, shade):
        if id in self.model:
            self.store.revise(id, metadata={"shade": shade})
            held = self.model[id]
            self.model[id] = replace(held, record=replace(held.record, metadata={"shade": shade}))

    @rule(id=consumes(known))
    def delete(self, id):
        assert self.store.delete([id, "never there"]) == (id in self.model)
        self.model.pop(id, None)

    @rule()
    def reopen(self):
        self.store.close()
        self.store = self.stores.open("shelf")

    @rule()
    def compact(self):
        self.store.compact()

    @rule()
    def swap(self):
        self.store, self.other = self.other, self.store

    @rule(query=looks, k=st.integers(1, 9), condition=filters)
    def search(self, query, k, condition):
        for store in (self.store, self.other):
            assert_agrees(store, unit(query), k, condition=condition)

    @rule(max_distance=st.sampled_from([0.0, 0.2, 1.0]))
    def join(self, max_distance):
        assert joined(self.store, "look", max_distance) == every_pair(self.store, "look", max_distance)

    @invariant()
    def holds_the_same(self):
        held = self.other.get(list(self.model))
        assert {id: record.metadata for id, record in held.items()} == {
            id: row.record.metadata for id, row in self.model.items()
        }
        assert self.other.count() == len(self.model)
        keys = self.other.keys(list(self.model))
        vectors = self.other.vectors("look", list(keys.values()))
        for id, row in self.model.items():
            assert np.abs(vectors[keys[id]] - row.vectors["look"]).max() < 1e-3

    def teardown(self):
        assert self.store.check() == []
        self.other.close()
        self.context.__exit__(None, None, None)


@over_stores
def test_random_work_is_that_of_a_dictionary(make_store):
    class OfThisStore(AgainstADictionary):
        pass

    OfThisStore.make_store = staticmethod(make_store)
    run_state_machine_as_test(OfThisStore, settings=settings(max_examples=20, stateful_step_count=20, deadline=None))


@over_stores
def test_all_of_a_record_comes_back(make_store):
    given = Entry(
        Record(
            id="ü/ñ 🐈.jpg", source="/p/ü.jpg", content_hash="ab", format="jpeg", size_px=(640, 480), byte_size=12345,
            stamp="12345:99", metadata={"a": [1, None, {"b": "ü\u0000"}], "c": 1.5}, tags=("x", "ü"),
        ),
        {"look": unit((1, 2, 3, 4)), "hash": np.array([3, 255], np.uint8)}, b"thumb", b"orig",
    )  # fmt: skip
    with make_store() as (_, store):
        store.upsert([given])
        held = store.get([given.record.id])[given.record.id]
        assert replace(held, created_at="", updated_at="") == given.record
        assert held.created_at == held.updated_at != ""
        [key] = store.keys_of_hash("ab")
        assert store.records([key, 99]) == {key: held}
        assert store.thumbnail(held.id) == b"thumb"
        assert store.original(held.id) == b"orig"
        assert store.thumbnail("not there") is None
        assert store.vectors("hash", [key, 99])[key].tolist() == [3, 255]
        [(keys, vectors)] = store.scan_vectors("look")
        assert keys.tolist() == [key]
        assert np.allclose(vectors, given.vectors["look"], atol=1e-3)


@over_stores
def test_the_version_rises_with_every_write_and_with_nothing_else(make_store):
    with make_store() as (stores, store):
        other, seen = stores.open("shelf"), [store.version]
        for write in (
            lambda: store.upsert([entry("a"), entry("b")]),
            lambda: store.revise("a", metadata={"n": 1}),
            lambda: store.move([Move(store.get(["b"])["b"], "b", "/b", "")]),
            lambda: store.discard([store.get(["b"])["b"]]),
            lambda: store.restamp([replace(store.get(["a"])["a"], stamp="1:1")]),
            lambda: store.configure(fields=["n"]),
            lambda: store.delete(["b"]),
        ):
            write()
            assert store.version == other.version > seen[-1]
            seen.append(store.version)
        answer(store, "look", unit((1, 0, 0, 0))[None], 1)
        store.flush()
        store.compact()
        other.close()
        assert store.version == seen[-1]


@over_stores
def test_within_a_moment_all_is_of_one_moment(make_store):
    with make_store() as (stores, store):
        other = stores.open("shelf")
        store.upsert([entry("a")])
        with store.snapshot() as version:
            assert version == store.version
            before = store.count()
            other.upsert([entry("b", look=(0, 1, 0, 0))])
            with store.snapshot():
                assert store.count() == before == 1
            assert "b" not in store.get(["a", "b"])
            found = store.neighbors("look", unit((0, 1, 0, 0))[None], 5)
            assert found.keys[0, : found.counts[0]].tolist() == [store.keys(["a"])["a"]]
        assert store.count() == 2


@over_stores
def test_a_moment_is_one_also_when_another_thread_writes(make_store):
    with make_store() as (_, store), ThreadPoolExecutor(1) as pool:
        store.upsert([entry("a")])
        with store.snapshot():
            assert store.count() == 1
            pool.submit(store.upsert, [entry("b")]).result()
            pool.submit(store.neighbors, "look", unit((1, 0, 0, 0))[None], 5).result()
            found = store.neighbors("look", unit((1, 0, 0, 0))[None], 5).counts[0]
            assert store.count() == found, "of one version, if of a later one"
        assert store.count() == 2


@over_stores
def test_ids_and_keys_lead_to_each_other(make_store):
    with make_store() as (_, store):
        store.upsert([entry("a"), entry("ü/ñ"), entry("gone")])
        keys = store.keys(["a", "ü/ñ", "gone", "never"])
        store.delete(["gone"])
        assert store.ids(list(keys.values())) == {keys["a"]: "a", keys["ü/ñ"]: "ü/ñ"}
        assert store.ids([]) == store.ids([10**6]) == {}


@over_stores
def test_an_entry_comes_with_all_its_vectors_and_its_key(make_store):
    with make_store() as (_, store):
        store.upsert([entry("a", (1, 2, 3, 4), hash=(3, 255), thumbnail=b"t", n=1), entry("b")])
        key, held = store.entry("a")
        assert key == store.keys(["a"])["a"]
        assert held.record == store.get(["a"])["a"]
        assert set(held.vectors) == {"look", "hash"}
        assert (held.vectors["look"] == store.vectors("look", [key])[key]).all()
        assert held.vectors["hash"].tolist() == [3, 255]
        assert (held.thumbnail, held.original) == (None, None)
        assert set(store.entry("b")[1].vectors) == {"look"}
        assert store.entry("never") is None


@over_stores
def test_entries_come_with_all_that_is_at_hand(make_store):
    with make_store() as (_, store):
        store.upsert([entry("a", (1, 2, 3, 4), hash=(3, 255), thumbnail=b"t", n=1), entry("b", original=b"o")])
        store.remember("shape", {"hash of a": b"round", "hash of b": b"flat"})
        keys = store.keys(["a", "b"])
        held = store.entries([*keys.values(), 10**6], remembered=["shape", "sound"])
        assert list(held) == list(keys.values())
        for id, key in keys.items():
            assert held[key].entry.record == store.get([id])[id]
            assert {name: row.tolist() for name, row in held[key].entry.vectors.items()} == {
                name: row.tolist() for name, row in store.entry(id)[1].vectors.items()
            }
        a, b = held.values()
        assert (a.has_thumbnail, a.has_original, a.remembered) == (True, False, {"shape": b"round"})
        assert (b.has_thumbnail, b.has_original, b.remembered) == (False, True, {"shape": b"flat"})
        assert store.entries([]) == {}
        assert store.entries([keys["a"]])[keys["a"]].remembered == {}


@over_stores
def test_a_rewrite_keeps_its_birth_and_changes_its_key_only_with_its_vectors(make_store):
    with make_store() as (_, store):
        store.upsert([entry("a", thumbnail=b"t", color="red")])
        born, key = store.get(["a"])["a"], store.keys(["a"])["a"]
        store.upsert([entry("a", color="blue")])
        assert store.keys(["a"]) == {"a": key}
        assert store.thumbnail("a") is None
        store.upsert([entry("a", (0, 1, 0, 0))])
        assert store.keys(["a"])["a"] > key
        now = store.get(["a"])["a"]
        assert (now.created_at, now.metadata) == (born.created_at, {})
        assert now.updated_at > born.updated_at


@over_stores
def test_a_stored_vector_is_stored_again_unchanged(make_store):
    rng = np.random.default_rng(0)
    with make_store() as (_, store):
        store.upsert([entry(str(n), rng.standard_normal(DIM)) for n in range(50)])
        keys = store.keys([str(n) for n in range(50)])
        held = store.vectors("look", list(keys.values()))
        store.upsert([Entry(Record(id=id), {"look": held[key]}) for id, key in keys.items()])
        assert store.keys([str(n) for n in range(50)]) == keys


@over_stores
def test_replace_says_what_may_be_overwritten(make_store):
    with make_store() as (_, store):
        store.upsert([entry("a", source="one")])
        written = store.upsert([entry("a", source="two"), entry("b", source="two")])
        assert (written.added, written.updated) == (("b",), ())
        [refused] = written.refused
        assert (refused.id, refused.source, refused.held_by) == ("a", "two", "one")
        assert store.upsert([entry("a", source="one", n=1)]).updated == ("a",)
        assert len(store.upsert([entry("a", source="one"), entry("c")], replace="none").refused) == 1
        assert store.upsert([entry("a", source="two")], replace="any").updated == ("a",)
        assert store.get(["a"])["a"].source == "two"
        with pytest.raises(InputError, match="same_source"):
            store.upsert([], replace="maybe")


@over_stores
def test_of_two_with_one_id_the_second_is_a_rewrite_of_the_first(make_store):
    with make_store() as (_, store):
        written = store.upsert([entry("a", n=1), entry("b"), entry("a", n=2)])
        assert written.added == ("a", "b")
        assert store.get(["a"])["a"].metadata == {"n": 2}
        written = store.upsert([entry("c", source="one"), entry("c", source="two")])
        assert [each.held_by for each in written.refused] == ["one"]


WRONG = {
    "no direction": (Entry(Record(id="x"), {"look": np.zeros(4, np.float32)}), "unit length"),
    "nan": (Entry(Record(id="x"), {"look": np.array([np.nan, 0, 0, 1], np.float32)}), "unit length"),
    "infinite": (Entry(Record(id="x"), {"look": np.array([np.inf, 0, 0, 1], np.float32)}), "unit length"),
    "not normalised": (Entry(Record(id="x"), {"look": np.array([3, 0, 0, 1], np.float32)}), "unit length"),
    "too long": (Entry(Record(id="x"), {"look": unit((1, 2, 3, 4, 5))}), "own encoder"),
    "wrong type": (Entry(Record(id="x"), {"look": np.array([1, 0, 0, 0], np.float64)}), "float64"),
    "a list": (Entry(Record(id="x"), {"look": [1, 0, 0, 0]}), "list"),
    "wrong bits": (Entry(Record(id="x"), {"hash": np.zeros(3, np.uint8)}), "uint8"),
    "other space": (Entry(Record(id="x"), {"sound": unit((1, 0))}), "look, copy, hash"),
    "no id": (entry(""), "record id"),
    "long id": (entry("x" * 2000), "1024"),
    "half a character": (entry("\ud800"), "surrogate"),
    "no json": (entry("x", what=object()), "plain JSON"),
    "nan in metadata": (entry("x", what=float("nan")), "plain JSON"),
    "too much": (entry("x", what="x" * 1_000_001), "too large"),
    "too much in bytes": (entry("x", what="ü" * 500_001), "too large"),
    "too deep": (entry("x", what=json.loads("[" * 200 + "]" * 200)), "deeper than 100"),
}


@over_stores
@pytest.mark.parametrize(("wrong", "says"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_entry_is_refused_and_nothing_of_its_batch_is_written(make_store, wrong, says):
    with make_store() as (_, store):
        with pytest.raises(InputError, match=says):
            store.upsert([entry("good"), wrong])
        assert store.count() == 0


@over_stores
def test_a_wrong_query_is_refused(make_store):
    with make_store() as (_, store):
        good = unit((1, 0, 0, 0))[None]
        for space, vectors, k, says in [
            ("sound", good, 1, "look, copy, hash"),
            ("look", good[0], 1, "own encoder"),
            ("look", good.astype(np.float64), 1, "float64"),
            ("look", np.zeros((1, 4), np.float32), 1, "direction"),
            ("look", np.full((1, 4), np.nan, np.float32), 1, "NaN"),
            ("look", good, 0, "k=0"),
        ]:
            with pytest.raises(InputError, match=says):
                store.neighbors(space, vectors, k)
        for ceiling in (-0.1, float("nan")):
            with pytest.raises(InputError, match="max_distance"):
                store.neighbors("look", good, 1, max_distance=ceiling)
        assert store.neighbors("look", good, 3).counts.tolist() == [0]
        assert store.neighbors("look", good[:0], 3).keys.shape == (0, 3)


@over_stores
def test_revise_sets_unsets_and_replaces(make_store):
    with make_store() as (_, store):
        store.upsert([entry("a", n=1, m=2)])
        assert store.revise("a", metadata={"n": 5}).metadata == {"n": 5, "m": 2}
        assert store.revise("a", unset=["m"], tags=["t"]).metadata == {"n": 5}
        assert store.revise("a", metadata={"z": 0}, replace=True) == store.get(["a"])["a"]
        assert store.get(["a"])["a"].metadata == {"z": 0}
        assert store.get(["a"])["a"].tags == ("t",)
        with pytest.raises(RecordNotFoundError, match='"b"'):
            store.revise("b", tags=[])
        assert store.revise("a", fill={"z": 1, "y": 2}, more_tags=["u", "t"]).metadata == {"z": 0, "y": 2}
        assert store.get(["a"])["a"].tags == ("t", "u")


@over_stores
def test_a_stamp_is_set_where_source_and_content_are_as_seen(make_store):
    with make_store() as (_, store):
        store.upsert([entry("a", source="one"), entry("b", source="two")])
        a, b = (replace(record, stamp="1:2") for record in store.get(["a", "b"]).values())
        store.restamp([a, replace(b, source="three"), replace(b, content_hash="other"), replace(a, id="c")])
        assert [record.stamp for record in store.get(["a", "b"]).values()] == ["1:2", ""]


@over_stores
def test_an_entry_keeps_what_is_stored_now(make_store):
    with make_store() as (_, store):
        store.upsert([entry("a", n=1), entry("b", n=1)])
        store.revise("a", metadata={"n": 2}, tags=["red"])
        keeping = [replace(entry(id, look, n=9), keeps=frozenset(["metadata", "tags"])) for id, look in LOOKS]
        assert store.upsert(keeping).updated == ("a", "b")
        held = store.get(["a", "b", "c"])
        assert [(held[id].metadata, held[id].tags) for id in "abc"] == [
            ({"n": 2}, ("red",)),
            ({"n": 1}, ()),
            ({"n": 9}, ()),
        ]
        half = replace(entry("a", n=3), keeps=frozenset(["tags"]))
        store.upsert([half, replace(entry("a", n=4), keeps=frozenset(["metadata"]))])
        assert (store.get(["a"])["a"].metadata, store.get(["a"])["a"].tags) == ({"n": 3}, ())


LOOKS = [("a", (0, 1, 0, 0)), ("b", (1, 0, 0, 0)), ("c", (1, 0, 0, 0))]


@over_stores
def test_of_records_that_were_seen_those_that_changed_are_not_discarded(make_store):
    with make_store() as (_, store):
        store.upsert([entry("a"), entry("b"), entry("c")])
        seen = list(store.get(["a", "b", "c"]).values())
        store.revise("b", tags=["new"])
        store.delete(["c"])
        assert store.discard(seen) == ("a",)
        assert [record.id for record in store.scan()] == ["b"]


@over_stores
def test_revise_gives_another_picture_in_the_same_transaction(make_store):
    with make_store() as (_, store):
        store.upsert([entry("a", n=1, thumbnail=b"old")])
        held, version = store.get(["a"])["a"], store.version
        revised = store.revise("a", metadata={"m": 2}, entry=entry("b", (0, 1, 0, 0), thumbnail=b"new", z=9))
        assert (revised.metadata, revised.content_hash) == ({"n": 1, "m": 2}, "hash of b")
        assert (revised.created_at, store.version, store.count()) == (held.created_at, version + 1, 1)
        assert (store.thumbnail("a"), store.ids(store.neighbors("look", unit((0, 1, 0, 0))[None], 1).keys[0])) == (
            b"new",
            {store.keys(["a"])["a"]: "a"},
        )


@over_stores
def test_what_is_not_as_it_was_seen_is_neither_changed_nor_deleted(make_store):
    with make_store() as (_, store):
        store.upsert([entry("a", n=1), entry("b")])
        seen = store.get(["a"])["a"]
        store.revise("a", metadata={"n": 2}, seen=seen)
        for change in (
            lambda: store.revise("a", metadata={"n": 3}, seen=seen),
            lambda: store.revise("a", entry=entry("x"), seen=seen),
            lambda: store.delete(["a", "b"], seen=seen),
        ):
            with pytest.raises(ChangedMeanwhileError, match='"a"'):
                change()
        assert (store.get(["a"])["a"].metadata, store.count()) == ({"n": 2}, 2)
        seen = store.get(["a"])["a"]
        assert store.delete(["a"], seen=seen) == 1
        with pytest.raises(RecordNotFoundError):
            store.delete(["a"], seen=seen)


@over_stores
def test_a_moved_record_keeps_all_but_id_source_and_stamp(make_store):
    with make_store() as (_, store):
        store.upsert([entry("old/a", source="/old/a", thumbnail=b"small", original=b"bytes", n=1), entry("b")])
        seen, key = store.get(["old/a"])["old/a"], store.keys(["old/a"])["old/a"]
        store.revise("old/a", tags=["meanwhile"])
        move = Move(seen, "new/a", "/new/a", "3:4")
        assert store.move([move]) == (move,)
        held = store.get(["old/a", "new/a"])
        assert list(held) == ["new/a"]
        wanted = replace(seen, id="new/a", source="/new/a", stamp="3:4", tags=("meanwhile",))
        assert held["new/a"].facts == replace(seen.facts, was_at=("/old/a",))
        assert replace(held["new/a"], updated_at=seen.updated_at, facts=seen.facts) == wanted
        assert (store.keys(["new/a"])["new/a"], store.thumbnail("new/a"), store.original("new/a")) == (
            key,
            b"small",
            b"bytes",
        )
        assert answer(store, "look", unit((1, 0, 0, 0))[None], 1, filter=parse_filter({"_id": "new/a"})) == [
            [("new/a", 0.0)]
        ]
        assert store.check() == []
        store.move([])


@over_stores
def test_records_change_places_and_shift_along_a_chain(make_store):
    with make_store() as (_, store):
        store.upsert([entry(id, source=f"/{id}") for id in "abcde"])
        seen = store.get(list("abcde"))
        ways = [("a", "b"), ("b", "a"), ("c", "d"), ("d", "e"), ("e", "f")]
        moves = [Move(seen[old], new, f"/{new}", "") for old, new in ways]
        assert store.move(moves) == tuple(moves)
        assert {r.id: r.content_hash[-1] for r in store.scan()} == {"a": "b", "b": "a", "d": "c", "e": "d", "f": "e"}
        assert [r.source for r in store.scan()] == ["/a", "/b", "/d", "/e", "/f"]


@over_stores
def test_a_move_to_a_held_id_or_of_a_record_that_changed_is_left_out(make_store):
    with make_store() as (_, store):
        store.upsert([entry(id, source=f"/{id}") for id in "abcdef"])
        seen = store.get(list("abcdef"))
        store.revise("e", entry=entry("x", source="/elsewhere"))
        store.delete(["f"])
        ways = [("a", "b"), ("b", "c"), ("d", "new"), ("d", "other"), ("c", "c"), ("e", "g"), ("f", "h")]
        done = store.move([Move(seen[old], new, "/moved", "") for old, new in ways])
        assert [(one.seen.id, one.id) for one in done] == [("c", "c"), ("d", "new")]
        assert [r.id for r in store.scan()] == ["a", "b", "c", "e", "new"]
        with pytest.raises(InputError, match="id"):
            store.move([Move(seen["a"], "", "/a", "")])
        twice = [Move(seen[old], "same", "/same", "") for old in "ab"]
        assert store.move(twice) == (twice[0],)


@over_stores
def test_records_are_found_by_their_source(make_store):
    with make_store() as (_, store):
        store.upsert([entry("b", source="/one"), entry("a", source="/one"), entry("c", source="/two"), entry("d")])
        found = store.from_sources(["/one", "/three", "/two"])
        assert {source: [r.id for r in records] for source, records in found.items()} == {
            "/one": ["a", "b"],
            "/two": ["c"],
        }
        assert store.from_sources([]) == {}


@over_stores
def test_a_scan_goes_by_rising_id_and_can_go_on(make_store):
    with make_store() as (_, store):
        names = sorted(f"{n:04}" for n in range(2500))
        store.upsert([entry(id, n=int(id)) for id in names])
        assert [record.id for record in store.scan()] == names
        assert [record.id for record in store.scan(after="2000")] == names[2001:]
        even = parse_filter({"n": {"$in": [2, 4, 2400]}})
        assert [record.id for record in store.scan(filter=even, after="0003")] == ["0004", "2400"]
        assert sum(len(keys) for keys, _ in store.scan_vectors("look", batch=999)) == 2500


@over_stores
def test_a_scan_of_metadata_gives_what_a_scan_gives(make_store):
    with make_store() as (_, store):
        store.upsert([entry(str(n), n=n) for n in range(2500)])
        store.revise("7", tags=["seven"])
        for filter in (None, parse_filter({"n": {"$lt": 10}}), parse_filter({"n": {"$in": []}})):
            told = sorted((metadata["n"], tuple(tags)) for metadata, tags in store.scan_metadata(filter=filter))
            assert told == sorted((record.metadata["n"], record.tags) for record in store.scan(filter=filter))


@over_stores
@plenty
@given(rows=entries, n=st.integers(1, 40), seed=st.integers(0, 99), condition=filters)
def test_a_sample_is_drawn_by_the_places_of_ids(make_store, rows, n, seed, condition):
    wanted = None if condition is None else parse_filter(condition)
    with make_store() as (_, store):
        store.upsert(rows, replace="any")
        held = list(store.scan(filter=wanted))
        places = random.Random(seed).sample(range(len(held)), min(n, len(held)))
        assert store.sample(n, filter=wanted, seed=seed) == [held[place] for place in sorted(places)]
        assert len(store.sample(n, filter=wanted)) == len(places)


WORDS = ["red", "Red Shoe", "reddish", "a-1", "STRASSE", "straße", "x", "東京", "ﬁne", "12", ""]
typed = st.lists(
    st.sampled_from([*WORDS, "re", "r", "sh", "ed", "京", "fi", "1", "2.5", "true"]), min_size=1, max_size=2
)
worded = st.lists(
    st.builds(
        lambda id, tags, metadata: dataclasses.replace(
            entry(id), record=dataclasses.replace(entry(id).record, tags=tuple(tags), metadata=metadata)
        ),
        st.one_of(ids, st.sampled_from(WORDS[:-1])),
        st.lists(st.sampled_from(WORDS[:-1]), max_size=2, unique=True),
        st.dictionaries(
            st.sampled_from(["name", "brand"]),
            st.one_of(st.sampled_from(WORDS), st.just({"deep": ["red", 2.5, True, None]}), st.integers(0, 30)),
        ),
    ),
    max_size=12,
    unique_by=lambda each: each.record.id,
)


@over_stores
@plenty
@given(rows=worded, words=typed, limit=st.integers(1, 8), condition=st.sampled_from([None, {"brand": "red"}]))
def test_words_find_what_the_reference_evaluator_finds(make_store, rows, words, limit, condition):
    if not " ".join(words).strip():
        return
    query = text_query(" ".join(words))
    with make_store() as (_, store):
        store.upsert(rows, replace="any")
        wanted = None if condition is None else parse_filter(condition)
        told = store.find_text(query, filter=wanted, limit=limit)
        held = [each.record for each in rows if wanted is None or wanted.accepts(each.record.document())]
        found = [(query.find(one.id, one.tags, one.metadata), one.id) for one in held]
        expected = sorted((place.order, id.encode(), place) for place, id in found if place is not None)
        assert [(match.record.id.encode(), match.field, match.is_whole) for match in told] == [
            (id, place.field, place.is_whole) for _, id, place in expected[:limit]
        ]


@over_stores
def test_facets_count_what_passes_as_it_is_now(make_store):
    with make_store() as (_, store):
        store.upsert([entry(str(n), shade=n % 3, name=f"No. {n}") for n in range(12)])
        store.revise("7", tags=["seven"])
        shade = {"shade": ((0, 4), (1, 4), (2, 4))}
        assert {facet.field: facet.values for facet in store.facets(field="shade")} == shade
        dark = parse_filter({"shade": {"$gt": 1}})
        [name] = store.facets(filter=dark, field="name", limit=2, contains="NO. 1")
        assert (name.values, name.records, name.distinct) == ((("No. 11", 1),), 4, 4)
        assert [(facet.field, facet.records) for facet in store.facets()] == [("name", 12), ("shade", 12), ("tags", 1)]
        store.delete(["7"])
        assert [(facet.field, facet.records) for facet in store.facets()] == [("name", 11), ("shade", 11)]


@over_stores
@plenty
@given(rows=entries, named=st.sets(ids), condition=filters)
def test_what_passes_a_filter_is_deleted_with_what_is_named(make_store, rows, named, condition):
    wanted = None if condition is None else parse_filter(condition)
    with make_store() as (_, store):
        store.upsert(rows, replace="any")
        held = {record.id: record for record in store.scan()}
        gone = {id for id in held if id in named or (wanted is not None and wanted.accepts(held[id].document()))}
        assert store.delete(named, filter=wanted) == len(gone)
        assert [record.id for record in store.scan()] == sorted(set(held) - gone, key=str.encode)
        assert store.delete(named, filter=wanted) == 0
        assert len(answer(store, "look", unit((1, 0, 0, 0))[None], 99)[0]) == len(held) - len(gone)
        assert store.check() == []


@over_stores
def test_a_deletion_by_filter_forgets_what_was_remembered(make_store):
    with make_store() as (_, store):
        store.upsert([entry("a", n=1), entry("b", n=2)])
        store.remember("shape", {"hash of a": b"round", "hash of b": b"flat"})
        seen = store.get(["b"])["b"]
        store.revise("b", tags=["new"])
        with pytest.raises(ChangedMeanwhileError):
            store.delete(filter=parse_filter({"n": 1}), seen=seen)
        assert store.delete(filter=parse_filter({"n": 1})) == 1
        assert store.remembered("shape", ["hash of a", "hash of b"]) == {"hash of b": b"flat"}
        assert store.delete() == 0
        assert store.delete(filter=parse_filter({})) == 1


# ---- spaces that come and go

MORE = Space("shape", 3, "cosine")


@over_stores
@plenty
@given(rows=entries, more=entries, which=st.sets(st.integers(0, 29)), query=st.sampled_from([(1, 0, 0), (0, 1, 1)]))
def test_a_space_added_later_holds_what_is_put_there(make_store, rows, more, which, query):
    with make_store() as (stores, store):
        store.upsert(rows, replace="any")
        assert_agrees(store, unit((1, 0, 0, 0)), 9)
        other = stores.open("shelf")
        store.add_space(MORE)
        assert store.spec.spaces == other.spec.spaces == (*SPACES, MORE)
        assert answer(other, "shape", unit(query)[None], 9) == [[]]
        held = {record.id: record for record in store.scan()}
        keys = store.keys(list(held))
        looks = store.vectors("look", list(keys.values()))
        wanted = [keys[id] for n, id in enumerate(sorted(keys)) if n in which]
        shapes = [unit((1, n % 3, n % 2)) for n in range(len(wanted))]
        now = store.put_vectors("shape", [*wanted, 10**6], [*shapes, unit((1, 1, 1))])
        assert set(now) == set(wanted)
        assert {record.id: record for record in other.scan()} == held
        fresh = other.keys(list(held))
        assert {id: now.get(key, key) for id, key in keys.items()} == fresh
        found = other.vectors("shape", list(fresh.values()))
        assert set(found) == set(now.values())
        assert all(np.abs(found[now[key]] - row).max() < 1e-3 for key, row in zip(wanted, shapes, strict=True))
        moved = other.vectors("look", list(fresh.values()))
        assert all((moved[fresh[id]] == looks[key]).all() for id, key in keys.items() if key in looks)
        for one in (store, other):
            assert_agrees(one, unit(query), 9, space="shape")
            assert_agrees(one, unit((1, 0, 0, 0)), 9)
            assert joined(one, "look", 0.3) == every_pair(one, "look", 0.3)
        store.upsert(more, replace="any")
        assert_agrees(other, unit(query), 9, space="shape")
        assert store.check() == other.check() == []
        other.close()


@over_stores
def test_a_space_keeps_the_name_and_the_digest_of_its_encoder(make_store):
    with make_store() as (stores, store):
        assert store.spec.spaces == SPACES, "named none"
        named = dataclasses.replace(MORE, encoder="shapes", digest="ab12")
        store.add_space(named)
        store.configure(title="Shelf")
        other = stores.open("shelf")
        assert other.spec.spaces == store.spec.spaces == (*SPACES, named)
        store.drop_space("shape")
        assert stores.open("shelf").spec.spaces == SPACES
        store.add_space(dataclasses.replace(named, digest="cd34"))
        assert stores.open("shelf").spec.spaces[-1].digest == "cd34"


@over_stores
def test_a_put_vector_leaves_all_else_of_its_record(make_store):
    with make_store() as (_, store):
        given = entry("a", (1, 2, 3, 4), hash=(3, 255), thumbnail=b"small", original=b"whole", source="/a", n=1)
        store.upsert([given, entry("b")])
        store.revise("a", tags=["t"])
        store.add_space(MORE)
        before, key, version = store.entry("a"), store.keys(["a"])["a"], store.version
        now = store.put_vectors("shape", [key], unit((1, 2, 2))[None])
        assert store.version > version
        assert now[key] > key
        after = store.entry("a")
        assert (after[0], after[1].record) == (now[key], before[1].record)
        assert {name: row.tolist() for name, row in after[1].vectors.items() if name != "shape"} == {
            name: row.tolist() for name, row in before[1].vectors.items()
        }
        assert np.allclose(after[1].vectors["shape"], unit((1, 2, 2)), atol=1e-3)
        assert (store.thumbnail("a"), store.original("a")) == (b"small", b"whole")
        assert store.put_vectors("shape", [now[key]], unit((1, 2, 2))[None]) == {now[key]: now[key]}
        changed = store.put_vectors("hash", [now[key]], np.array([[1, 2]], np.uint8))
        assert store.vectors("hash", [changed[now[key]]])[changed[now[key]]].tolist() == [1, 2]
        assert [
            id for id, _ in answer(store, "look", unit((1, 2, 3, 4))[None], 1, filter=parse_filter({"n": 1}))[0]
        ] == ["a"]
        assert store.put_vectors("shape", [], []) == {}
        store.compact()
        assert store.check() == []


@over_stores
def test_a_dropped_space_is_gone_for_all_who_have_the_store_open(make_store):
    with make_store() as (stores, store):
        store.upsert([entry(str(n), (n, 1, 0, 0), hash=(n % 250, 1)) for n in range(1200)])
        store.flush()
        other = stores.open("shelf")
        for one in (store, other):
            assert_agrees(one, unit((1, 0, 0, 0)), 5)
            assert_agrees(one, np.array((3, 0), np.uint8), 5, space="hash")
        store.add_space(MORE)
        store.put_vectors("shape", list(store.keys(["1", "2"]).values()), [unit((1, 0, 0)), unit((0, 1, 0))])
        store.drop_space("hash")
        for one in (store, other):
            assert [space.name for space in one.spec.spaces] == ["look", "copy", "shape"]
            with pytest.raises(InputError, match=r"hash.*look, copy, shape"):
                one.neighbors("hash", np.zeros((1, 2), np.uint8), 1)
            with pytest.raises(InputError, match="hash"):
                one.upsert([entry("x", hash=(1, 1))])
            assert set(one.entry("1")[1].vectors) == {"look", "shape"}
            assert_agrees(one, unit((1, 0, 0, 0)), 5)
            assert_agrees(one, unit((1, 0, 0)), 5, space="shape")
            assert one.check() == []
        store.add_space(Space("hash", 40, "hamming"))
        assert answer(other, "hash", np.zeros((1, 5), np.uint8), 5) == [[]]
        key = store.keys(["7"])["7"]
        store.put_vectors("hash", [key], np.full((1, 5), 3, np.uint8))
        store.flush()
        store.configure(title="another")
        other.close()
        again = stores.open("shelf")
        assert again.spec.spaces == (SPACES[0], SPACES[1], MORE, Space("hash", 40, "hamming"))
        assert [id for id, _ in answer(again, "hash", np.zeros((1, 5), np.uint8), 5)[0]] == ["7"]
        assert again.statistics()["vectors"] == {"look": 1200, "copy": 0, "shape": 2, "hash": 1}
        again.compact()
        assert again.check() == store.check() == []
        again.close()


@over_stores
def test_a_wrong_space_or_vector_for_it_is_refused(make_store):
    with make_store() as (_, store):
        store.upsert([entry("a")])
        key = store.keys(["a"])["a"]
        for wrong, says in (
            (MORE, "already"),
            (Space("", 3, "cosine"), "blanks"),
            (Space("x", 0, "cosine"), "dim"),
            (Space("x", 3, "euclidean"), "metric"),
        ):
            with pytest.raises(InputError, match=says):
                store.add_space(wrong) if wrong != MORE else (store.add_space(MORE), store.add_space(MORE))
        for space, rows, says in (
            ("sound", [unit((1, 0, 0))], "look, copy, hash, shape"),
            ("shape", [unit((1, 0))], "own encoder"),
            ("shape", [np.array((3, 0, 0), np.float32)], "unit length"),
            ("shape", [np.array((np.nan, 0, 0), np.float32)], "unit length"),
        ):
            with pytest.raises(InputError, match=says):
                store.put_vectors(space, [key], rows)
        for name, says in (("look", "ranks"), ("sound", "sound")):
            with pytest.raises(InputError, match=says):
                store.drop_space(name)
        assert store.keys(["a"]) == {"a": key}


@over_stores
def test_configure_changes_fields_product_id_and_title(make_store):
    with make_store() as (stores, store):
        store.configure(fields=["price"], product_id_field="sku", title="A shelf")
        assert (store.spec.fields, store.spec.product_id_field, store.spec.title) == (("price",), "sku", "A shelf")
        store.configure(more_fields=["color", "price"], fewer_fields=[])
        store.configure(more_fields=["size"], fewer_fields=["color"])
        assert store.spec.fields == ("price", "size")
        with pytest.raises(InputError, match="declared"):
            store.configure(fewer_fields=["color"])
        store.configure(fewer_fields=["size"])
        store.configure(product_id_field="", title="")
        again = stores.open("shelf")
        assert again.spec == replace(store.spec, fields=("price",), product_id_field=None, title="")
        again.close()


@over_stores
def test_a_deleted_vector_leaves_no_trace_after_compaction(make_store, tmp_path):
    mark = np.array([0.5, -0.5, 0.5, -0.5], np.float32)
    with make_store(home=tmp_path) as (_, store):
        store.upsert([entry(str(n), (n, 1, 0, 0)) for n in range(1200)])
        store.upsert([Entry(Record(id="secret", source="very secret"), {"look": mark}, b"secret thumbnail")])
        store.flush()
        store.delete(["secret"])
        shares = []
        store.compact(shares.append)
        assert shares == sorted(shares)
        assert shares[-1] == 1
        assert store.check() == []
        traces = (mark.astype("<f2").tobytes(), b"secret")
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert [path for path in files if any(trace in path.read_bytes() for trace in traces)] == []


# ---- many at once


@over_stores
def test_threads_read_their_own_writes(make_store):
    wrong = []

    def work(store, mine):
        rng = np.random.default_rng(mine)
        for n in range(15):
            look = rng.standard_normal(DIM)
            store.upsert([entry(f"{mine}-{n}", look)])
            # another thread's record may be as near, but ours must be within the first few
            found = {id for id, _ in answer(store, "look", unit(look)[None], 200)[0]}
            if f"{mine}-{n}" not in found:
                wrong.append((mine, n))

    with make_store() as (_, store):
        threads = [threading.Thread(target=work, args=(store, n)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert store.count() == 60
        assert store.check() == []


@over_stores
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_goes_on_with_the_same_store(make_store):
    with make_store() as (_, store):
        store.upsert([entry("parent")])
        answer(store, "look", unit((1, 0, 0, 0))[None], 1)
        child = os.fork()
        if child == 0:
            try:
                store.upsert([entry("child")])
                found = answer(store, "look", unit((1, 0, 0, 0))[None], 5)
                os._exit(0 if len(found[0]) == 2 else 1)
            except BaseException:
                os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
        assert [id for id, _ in answer(store, "look", unit((1, 0, 0, 0))[None], 5)[0]] == ["child", "parent"]
        assert store.check() == []


# ---- homes


def spec(name, **given):
    return CollectionSpec(name=name, spaces=SPACES, **given)


@over_homes
def test_collections_are_made_listed_opened_and_deleted(open_home, tmp_path):
    stores = open_home(tmp_path / "home")
    assert stores.names() == []
    assert not (tmp_path / "home").exists()
    for name in ("shoes", "Shoes", "größe/..", "日本語", " x "):
        stores.create(spec(name, type="matching", encoder="e", encoder_digest="d")).close()
    assert stores.names() == sorted(["shoes", "Shoes", "größe/..", "日本語", " x "])
    with pytest.raises(CollectionExistsError, match="shoes"):
        stores.create(spec("shoes"))
    store = stores.open("größe/..")
    assert (store.spec.name, store.spec.type, store.spec.encoder_digest) == ("größe/..", "matching", "d")
    assert store.spec.spaces == SPACES
    stores.delete("größe/..")
    with pytest.raises(CollectionNotFoundError, match="deleted"):
        store.upsert([entry("a")])
    store.close()
    with pytest.raises(CollectionNotFoundError, match="日本語"):
        stores.open("größe/..")
    with pytest.raises(CollectionNotFoundError):
        stores.delete("größe/..")
    assert stores.check() == stores.repair() == []


@pytest.mark.parametrize("name", ["", " ", "\t", "a\nb", "x" * 129, "\x7f", "\ud800"])
@over_homes
def test_a_name_that_cannot_be_is_refused(open_home, tmp_path, name):
    stores = open_home(tmp_path)
    with pytest.raises(InputError, match="1 to 128"):
        stores.create(spec(name))
    with pytest.raises(InputError, match="1 to 128"):
        stores.open(name)


@over_homes
def test_of_two_makers_at_once_one_wins(open_home, tmp_path):
    outcomes = []

    def make():
        try:
            open_home(tmp_path).create(spec("one")).close()
            outcomes.append("made")
        except CollectionExistsError:
            outcomes.append("exists")

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["exists"] * 5 + ["made"]
    assert open_home(tmp_path).names() == ["one"]


@over_homes
def test_a_backup_comes_back(open_home, tmp_path):
    stores = open_home(tmp_path / "home")
    store = stores.create(spec("shoes"))
    store.upsert([entry(str(n), (n, 1, 0, 0), thumbnail=b"t") for n in range(1500)])
    store.flush()
    store.backup(tmp_path / "backups" / "monday")
    store.delete(["3"])
    with pytest.raises(InputError, match="not empty"):
        store.backup(tmp_path / "backups" / "monday")
    with pytest.raises(CollectionExistsError):
        stores.restore(tmp_path / "backups" / "monday")
    again = stores.restore(tmp_path / "backups" / "monday", "old shoes")
    assert stores.names() == ["old shoes", "shoes"]
    assert (again.spec.name, again.count(), store.count()) == ("old shoes", 1500, 1499)
    assert again.check() == []
    assert answer(again, "look", unit((3, 1, 0, 0))[None], 3)[0][0][0] == "3"
    store.close()
    stores.delete("shoes")
    assert stores.restore(tmp_path / "backups" / "monday").spec.name == "shoes"
    again.close()


@over_homes
def test_a_backup_that_is_none_or_damaged_is_refused(open_home, tmp_path):
    stores = open_home(tmp_path / "home")
    with pytest.raises(InputError, match="nowhere"):
        stores.restore(tmp_path / "nowhere")
    with closing(stores.create(spec("shoes"))) as store:
        store.upsert([entry("a")])
        store.attach("note", b"of yesterday")
        store.backup(tmp_path / "backup")
        store.attach("note", b"of today")
    with closing(stores.restore(tmp_path / "backup", "old")) as store:
        assert store.attachment("note") == b"of yesterday"
    largest = max((path for path in (tmp_path / "backup").rglob("*") if path.is_file()), key=os.path.getsize)
    raw = bytearray(largest.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 64] = bytes(64)
    raw[-64:] = b"\xff" * 64
    largest.write_bytes(raw)
    with pytest.raises(StoreDamagedError, match=r"damaged|not what was written"):
        stores.restore(tmp_path / "backup", "other")
    assert stores.names() == ["old", "shoes"]


@over_homes
def test_figures_are_the_same_whether_it_is_open_or_not(open_home, tmp_path):
    stores = open_home(tmp_path / "home")
    with closing(stores.create(spec("shoes"))) as store:
        born = store.statistics()
        assert (born["records"], born["changed_at"]) == (0, store.spec.created_at)
        store.upsert([entry("a", hash=(1, 2)), entry("b")])
        told = store.statistics()
        assert told["vectors"] == {"look": 2, "copy": 0, "hash": 1}
        assert told["changed_at"] == max(one.updated_at for one in store.scan())
        assert (told["search"], told["recall_target"], told["recall"]) == ("exact", 0.99, 1.0)
        assert told["bytes_on_disk"] >= told["bytes_kept"] > 0
        assert {"index_rows_on_disk", "index_written_at"} <= set(told)
        found, figures = stores.figures("shoes")
        assert (found, figures["records"], figures["vectors"]) == (store.spec, 2, told["vectors"])
    with pytest.raises(CollectionNotFoundError, match="shoes"):
        stores.figures("hats")


@over_homes
def test_a_collection_that_was_deleted_or_made_anew_is_not_there(open_home, tmp_path):
    stores = open_home(tmp_path)
    with closing(stores.create(spec("shoes"))) as store:
        assert store.is_there
        stores.delete("shoes")
        assert not store.is_there
        stores.create(spec("shoes")).close()
        assert not store.is_there
        with pytest.raises(CollectionNotFoundError, match="deleted"):
            store.attach("note", b"lost")
        assert stores.open("shoes").is_there


@over_homes
def test_a_closed_store_says_so(open_home, tmp_path):
    store = open_home(tmp_path).create(spec("a"))
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.count()


# ---- the face


def test_the_face_is_cheap_to_import():
    code = "import lookalike.stores, sys; print(sorted({'numpy', 'faiss', 'sqlite3'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.replace("'", '"')) == []
