"""The approximate index: the contract holds whatever it misses, and it misses no more than it says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike.errors import InputError
from lookalike.filters import Filter, parse_filter
from lookalike.neighbors import Neighbors
from lookalike.records import CollectionSpec, Entry, Record, Space
from lookalike.stores import Store, open_stores
from lookalike.stores.common.metric import distances_of

DIM = 32
FIELDS = {"half": 2, "twentieth": 20, "two_hundredth": 200}
SELECTIVITIES = {
    "half": {"half": 1}, "one in 20": {"twentieth": 3}, "one in 200": {"two_hundredth": 7},
    "one row": {"_id": "r17"}, "no row": {"half": "neither"},
}  # fmt: skip


def clustered(count: int, dim: int = DIM, seed: int = 0) -> np.ndarray:
    """Give unit vectors (count, dim) in clusters of about fifty, one in twenty a near-copy of the one before."""
    rng = np.random.default_rng(seed)
    centers = rng.standard_normal((max(4, count // 50), dim))
    rows = centers[rng.integers(len(centers), size=count)] + 0.5 * rng.standard_normal((count, dim))
    rows[19::20] = rows[18::20][: len(rows[19::20])] + 0.01 * rng.standard_normal((len(rows[19::20]), dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def entries(rows: np.ndarray, first: int = 0) -> list[Entry]:
    return [
        Entry(
            Record(id=f"r{n}", metadata={"half": n % 2, "twentieth": n % 20, "two_hundredth": n % 200}), {"look": row}
        )
        for n, row in enumerate(rows, first)
    ]


@contextmanager
def collection(home: Path, *, approximate_from: int = 50, dim: int = DIM, **given) -> Iterator[Store]:
    spec = CollectionSpec(name="shelf", spaces=(Space("look", dim, "cosine"),), fields=("half", "twentieth"), **given)
    store = open_stores(home, approximate_from=approximate_from).create(spec)
    try:
        yield store
    finally:
        store.close()


class Referee:
    """The full truth of a store, read once: all ids with their vectors and documents."""

    def __init__(self, store: Store) -> None:
        pairs = [
            (int(key), row) for keys, rows in store.scan_vectors("look") for key, row in zip(keys, rows, strict=True)
        ]
        self.rows = np.stack([row for _, row in pairs]).astype(np.float16)
        records = store.records([key for key, _ in pairs])
        self.ids = [records[key].id for key, _ in pairs]
        self.documents = [records[key].document() for key, _ in pairs]
        self.store = store

    def ranking(self, query: np.ndarray, filter: Filter | None) -> list[tuple[float, str]]:
        """Give (distance, id) of all that pass, nearest first."""
        distances = distances_of("cosine", query, self.rows)
        passing = [n for n, document in enumerate(self.documents) if filter is None or filter.accepts(document)]
        return sorted((float(distances[n]), self.ids[n]) for n in passing)

    def recall(self, query: np.ndarray, k: int, filter: Filter | None = None) -> tuple[float, Neighbors]:
        """Hold a search to the contract, and say which share of the true neighbors it found."""
        found = self.store.neighbors("look", query[None], k, filter=filter)
        truth = self.ranking(query, filter)
        names = self.store.ids([int(key) for key in found.keys[0, : found.counts[0]]])
        answer = [
            (float(distance), names[int(key)])
            for key, distance in zip(found.keys[0], found.distances[0], strict=True)
            if key >= 0
        ]
        assert found.counts[0] == len(answer) == min(k, len(truth)), "fewer than there are"
        assert len({id for _, id in answer}) == len(answer), "one record twice"
        assert set(answer) <= set(truth), "a record that does not pass, or a distance that is not its own"
        assert answer == sorted(answer), "out of order"
        assert found.plan.matching == len(truth)
        if found.plan.method != "approximate":
            assert found.plan.recall == 1.0
            assert answer == truth[:k], "called exact, and is not"
        true = truth[: len(answer)]
        return (sum(d <= true[-1][0] for d, _ in answer) / len(true) if true else 1.0), found


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(60, 300),
    later=st.integers(0, 40),
    gone=st.floats(0, 0.95),
    ks=st.lists(st.sampled_from([1, 3, 10, 40, 100, 101, 500]), min_size=1, max_size=3),
    condition=st.sampled_from(
        [None, {}, *SELECTIVITIES.values(), {"twentieth": {"$in": [1, 5, 9]}}, {"half": {"$ne": 1}}]
    ),
    target=st.sampled_from([0.01, 0.5, 0.99]),
)
def test_the_contract_holds_whatever_is_deleted_added_and_asked(
    tmp_path_factory, seed, count, later, gone, ks, condition, target
):
    home, rng = tmp_path_factory.mktemp("home"), np.random.default_rng(seed)
    rows = clustered(count + later, seed=seed)
    filter = None if condition is None else parse_filter(condition)
    with collection(home, recall_target=target) as store:
        store.upsert(entries(rows[:count]))
        store.compact()
        store.upsert(entries(rows[count:], first=count))
        store.delete([f"r{n}" for n in rng.choice(count + later, int(gone * count), replace=False)])
        referee = Referee(store)
        for query in (rows[0], rows[-1], -rows[1]):
            for k in ks:
                referee.recall(query, k, filter)
                ceiling = referee.ranking(query, None)[len(referee.ids) // 2][0]
                within = store.neighbors("look", query[None], k, filter=filter, max_distance=ceiling)
                assert within.counts[0] == min(k, sum(d <= ceiling for d, _ in referee.ranking(query, filter)))
        assert store.check() == []
    shutil.rmtree(home)


def assert_recall(store: Store, rows: np.ndarray, filter: Filter | None, *, least: float) -> set[str]:
    """Hold thirty searches to the contract and to a recall; give the methods that were taken."""
    referee = Referee(store)
    results = [referee.recall(row, 10, filter) for row in rows[:: max(1, len(rows) // 30)]]
    assert np.mean([recall for recall, _ in results]) >= least
    return {found.plan.method for _, found in results}


@pytest.mark.parametrize("count", [5_000, pytest.param(100_000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_every_selectivity_is_answered_in_full(tmp_path, count):
    rows = clustered(count)
    with collection(tmp_path, approximate_from=1_000) as store:
        for start in range(0, count, 5_000):
            store.upsert(entries(rows[start : start + 5_000], first=start))
        store.flush()
        told = store.statistics()
        assert told["search"] == "approximate"
        assert told["recall"] >= told["recall_target"] == 0.99
        assert assert_recall(store, rows, None, least=0.99) == {"approximate"}
        for name, condition in SELECTIVITIES.items():
            methods = assert_recall(store, rows, parse_filter(condition), least=0.99)
            assert methods == ({"approximate"} if name == "half" else {"exact_matching"}), name


def test_a_filter_that_empties_the_nearest_lists_loses_nothing(tmp_path):
    """Only the far half passes: what is nearest in it lies in lists that a question without a filter never reads."""
    rows = clustered(4_000)
    side = rows @ rows[0] > 0
    with collection(tmp_path, approximate_from=1_000) as store:
        store.upsert(
            [
                Entry(Record(id=f"r{n}", metadata={"side": bool(near)}), {"look": row})
                for n, (row, near) in enumerate(zip(rows, side, strict=True))
            ]
        )
        store.flush()
        methods = assert_recall(store, rows[side], parse_filter({"side": False}), least=0.98)
        assert "exact_matching" in methods, "lists were read that hold next to nothing"


def test_many_queries_at_once_answer_as_each_alone(tmp_path):
    rows = clustered(3_000)
    with collection(tmp_path, approximate_from=1_000) as store:
        store.upsert(entries(rows))
        store.flush()
        store.upsert(entries(clustered(50, seed=9), first=3_000))
        for filter in (None, parse_filter({"half": 1})):
            together = store.neighbors("look", rows[:40], 7, filter=filter)
            assert together.plan.method == "approximate"
            for n in range(40):
                alone = store.neighbors("look", rows[n : n + 1], 7, filter=filter)
                assert (alone.keys[0] == together.keys[n]).all()
                assert (alone.distances[0] == together.distances[n]).all()


def test_the_same_rows_give_the_same_index(tmp_path):
    rows = clustered(2_000)
    for name in ("one", "other"):
        with collection(tmp_path / name, approximate_from=1_000) as store:
            store.upsert(entries(rows))
            store.flush()
    for kind in ("centroids", "assigned", "lists"):
        one, other = (next((tmp_path / name).rglob(f"0.{kind}")).read_bytes() for name in ("one", "other"))
        assert one == other


def test_how_an_answer_was_found_is_told(tmp_path):
    rows = clustered(3_000)
    with collection(tmp_path, approximate_from=1_000) as store:
        store.upsert(entries(rows))
        plan = store.neighbors("look", rows[:1], 5).plan
        assert (plan.method, plan.matching, plan.scanned) == ("exact", 3_000, 3_000)
        assert "no approximate index" in plan.reason
        store.flush()
        plan = store.neighbors("look", rows[:1], 5).plan
        assert plan.method == "approximate"
        assert plan.scanned < 3_000
        assert plan.recall >= 0.99
        for asked, why in [({"exact": True}, "asked for"), ({"max_distance": 0.5}, "ceiling")]:
            plan = store.neighbors("look", rows[:1], 5, **asked).plan
            assert (plan.method, plan.recall) == ("exact", 1.0)
            assert why in plan.reason
        plan = store.neighbors("look", rows[:1], 5, filter=parse_filter({"two_hundredth": 3})).plan
        assert (plan.method, plan.matching, plan.scanned) == ("exact_matching", 15, 15)


def test_the_recall_target_is_a_setting(tmp_path):
    rows = clustered(3_000)
    with collection(tmp_path, approximate_from=1_000, recall_target=0.5) as store:
        store.upsert(entries(rows))
        store.flush()
        assert store.neighbors("look", rows[:1], 5).plan.method == "approximate"
        store.configure(recall_target=0.995)
        assert store.spec.recall_target == 0.995
        assert "tuned" in store.neighbors("look", rows[:1], 5).plan.reason
        assert store.statistics()["search"] == "exact"
        store.flush()
        assert store.neighbors("look", rows[:1], 5).plan.recall >= 0.995
        store.configure(recall_target=1.0)
        store.flush()
        assert store.neighbors("look", rows[:1], 5).plan.method == "exact"
        assert list(tmp_path.rglob("0.lists")) == []
        for wrong in (0, -1, 1.01, True, float("nan")):
            with pytest.raises(InputError, match="recall_target"):
                store.configure(recall_target=wrong)


def test_a_target_that_cannot_be_had_cheaply_leaves_the_search_exact(tmp_path):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((1_500, DIM)).astype(np.float32)  # no clusters: neighbors lie anywhere
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    with collection(tmp_path, approximate_from=1_000, recall_target=0.9999) as store:
        store.upsert(entries(rows))
        store.flush()
        plan = store.neighbors("look", rows[:1], 10).plan
        assert plan.method == "exact"
        assert "recall" in plan.reason
        assert store.statistics()["search"] == "exact"


# ---- a life of its own


def test_centroids_stay_until_the_rows_have_doubled(tmp_path):
    rows = clustered(5_000)

    def centroids() -> bytes:
        [file] = tmp_path.rglob("0.centroids")
        return file.read_bytes()

    with collection(tmp_path, approximate_from=1_000) as store:
        store.upsert(entries(rows[:2_000]))
        store.flush()
        first = centroids()
        store.upsert(entries(rows[2_000:3_500], first=2_000))
        store.flush()
        assert centroids() == first
        assert assert_recall(store, rows[:3_500], None, least=0.99) == {"approximate"}
        store.upsert(entries(rows[3_500:], first=3_500))
        store.compact()
        assert centroids() != first
        assert assert_recall(store, rows, None, least=0.99) == {"approximate"}


def test_after_deleting_nine_in_ten_and_compacting_a_collection_is_as_small_as_a_fresh_one(tmp_path):
    rows = clustered(6_000)
    with (
        collection(tmp_path / "old", approximate_from=200) as old,
        collection(tmp_path / "new", approximate_from=200) as new,
    ):
        old.upsert(entries(rows))
        old.flush()
        old.delete([f"r{n}" for n in range(600, 6_000)])
        old.compact()
        new.upsert(entries(rows[:600]))
        new.compact()
        assert old.statistics()["index_rows_on_disk"] == 600
        assert old.statistics()["bytes_on_disk"] <= 1.3 * new.statistics()["bytes_on_disk"]
        assert_recall(old, rows[:600], None, least=0.99)


def churn(store: Store, rows: np.ndarray, cycles: int) -> None:
    """Add and delete in turns: each cycle replaces one of the records by another of the rows."""
    rng = np.random.default_rng(1)
    for start in range(0, cycles, 100):
        store.delete([f"r{n}" for n in rng.integers(2_000, size=100)])
        store.upsert(entries(rows[rng.integers(len(rows), size=100)], first=int(rng.integers(1_900))), replace="any")
        if start % 1_000 == 0:
            store.flush()


@pytest.mark.parametrize("cycles", [1_000, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_recall_holds_while_records_come_and_go(tmp_path, cycles):
    rows = clustered(4_000)
    with collection(tmp_path, approximate_from=500) as store:
        store.upsert(entries(rows[:2_000]))
        store.flush()
        churn(store, rows, cycles)
        assert_recall(store, rows, None, least=0.99)
        store.compact()
        assert assert_recall(store, rows, None, least=0.99) == {"approximate"}
        assert store.check() == []


# ---- damage


@pytest.fixture
def home_with_lists(tmp_path):
    with collection(tmp_path, approximate_from=1_000) as store:
        store.upsert(entries(clustered(1_500)))
    assert list(tmp_path.rglob("0.lists"))
    return tmp_path


def _delete(path: Path) -> None:
    path.unlink()


def _flip_a_byte(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 0x40
    path.write_bytes(raw)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("kind", ["centroids", "assigned", "lists"])
@pytest.mark.parametrize("damage", [_delete, _flip_a_byte, _truncate, _empty])
def test_lists_may_be_damaged_at_any_time(home_with_lists, kind, damage):
    [path] = home_with_lists.rglob(f"0.{kind}")
    damage(path)
    store = open_stores(home_with_lists, approximate_from=1_000).open("shelf")
    assert assert_recall(store, clustered(1_500), None, least=1.0) == {"exact"}
    assert any("missing or damaged" in line for line in store.check())
    store.restamp([replace(store.get(["r1"])["r1"], stamp="1:1")])
    store.close()  # a writer mends it
    store = open_stores(home_with_lists, approximate_from=1_000).open("shelf")
    assert assert_recall(store, clustered(1_500), None, least=0.9) == {"approximate"}
    assert store.check() == []
    store.close()


def test_another_process_takes_up_new_lists(home_with_lists):
    reader, writer = (open_stores(home_with_lists, approximate_from=1_000).open("shelf") for _ in range(2))
    rows = clustered(1_500)
    assert assert_recall(reader, rows, None, least=0.95) == {"approximate"}
    writer.delete([f"r{n}" for n in range(200)])
    writer.upsert(entries(clustered(3_000, seed=4), first=2_000))
    assert "approximate" in assert_recall(reader, rows[300:], None, least=0.95)
    writer.compact()
    assert assert_recall(reader, rows[300:], None, least=0.95) == {"approximate"}
    assert reader.check() == []
    reader.close()
    writer.close()
