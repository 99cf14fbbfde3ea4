"""How long questions take: by vector, by id, filtered, grouped, diverse; beside bare FAISS, LanceDB and Chroma.

Run as a program (`questions.py HOME`), opens a collection in a fresh process and tells time and memory.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import children
import faiss
import numpy as np
import numpy.typing as npt
import synthetic
import vector_peers
from plan import Plan, tell
from rows import Goal, Row

import lookalike
from lookalike.filters import parse_filter

if TYPE_CHECKING:
    from lookalike.stores import Store

F32 = npt.NDArray[np.float32]

_NAME = "made-up"
_K = 10
_AT_A_TURN = 25  # questions of one kind in a row, which find the caches as their own kind leaves them
_PEERS_UP_TO = 100_000  # Chroma takes an hour for a million on two cores
_EXCESS = Goal("<=", 1.0, "excess")


@dataclass(frozen=True)
class Selectivity:
    """A kind of filter: which rows of `count` pass the `turn`-th of its filters, and how it is told."""

    name: str
    filter: Callable[[str, int, int], dict[str, Any]]
    low_high: Callable[[int, int], tuple[str, int, int]]  # field, and the range that passes, for bare SQL


def _share(width: int) -> Selectivity:
    """Take records whose `n`, 0 to 999, is in a range; every turn takes another range."""

    def bounds(turn: int, _: int) -> tuple[str, int, int]:
        low = turn * 7 % (1000 - width)
        return "n", low, low + width

    def condition(field: str, turn: int, count: int) -> dict[str, Any]:
        _, low, high = bounds(turn, count)
        return {field: {"$gte": low, "$lt": high}}

    return Selectivity(f"{width / 10:g} %", condition, bounds)


def _row(name: str, *, exists: bool) -> Selectivity:
    """Take one record by its number, or none."""

    def number(turn: int, count: int) -> int:
        return turn * 7919 % count if exists else -1 - turn

    return Selectivity(
        name,
        lambda _, turn, count: {"serial": number(turn, count)},
        lambda turn, count: ("serial", number(turn, count), number(turn, count) + 1),
    )


SELECTIVITIES = (_share(500), _share(50), _share(5), _row("1 row", exists=True), _row("0 rows", exists=False))


def measure(plan: Plan) -> Iterator[Row]:
    """Give the rows of each size."""
    faiss.omp_set_num_threads(1)
    for count in plan.sizes.questions:
        tell(f"{count:,} records")
        with plan.folder("questions") as home:
            store = synthetic.collection(home, _NAME, count)
            began = time.perf_counter()
            store.flush()
            built = time.perf_counter() - began
            try:
                yield Row("questions", f"{count:,} records: index built", built, "s")
                yield from _Bench(plan, home, store, count).rows()
            finally:
                store.close()
            yield from _opening(home, count)
        if count <= _PEERS_UP_TO:
            yield from _peer_rows(plan, count)


class _Bench:
    """One collection, its vectors in memory, queries, and a bare index of the same kind."""

    def __init__(self, plan: Plan, home: Path, store: Store, count: int) -> None:
        self.plan, self.home, self.store, self.count = plan, home, store, count
        self.vectors = synthetic.vectors(store.spec.spaces, "semantic", count)
        self.asked, self.queries = queries_of(self.vectors, plan.sizes.queries)
        self.bare, self.label = _bare_index(home, self.vectors, store.statistics())

    def rows(self) -> Iterator[Row]:
        yield from self._unfiltered()
        for kind in SELECTIVITIES:
            yield from self._filtered(kind)
        yield from self._asked_by_id()

    def _unfiltered(self) -> Iterator[Row]:
        bare, ours = self._turns(
            lambda i: self.bare.search(self.queries[i : i + 1], _K), lambda i: self._neighbors(i, None)
        )
        yield self._row("by vector, p50", 50, ours, bare)
        yield self._row("by vector, p99", 99, ours, bare)
        truth = [self.store.neighbors("semantic", q[None], _K, exact=True).keys[0] for q in self.queries]
        found = [self._neighbors(i, None).keys[0] for i in range(len(self.queries))]
        recall = float(np.mean([len(set(a) & set(b)) / _K for a, b in zip(truth, found, strict=True)]))
        stated = self.store.statistics().get("recall")
        beside = self.bare.search(self.queries, _K)[1] + 1  # row to key
        theirs = float(np.mean([len(set(a) & set(b)) / _K for a, b in zip(truth, beside, strict=True)]))
        way = self.store.statistics()["search"]
        note = f"{self.count:,} records: {way}; stated recall {stated}; bare FAISS {theirs:g}."
        yield Row(
            "questions", f"{self.count:,} records: recall at {_K}", recall, "share", goal=Goal(">=", 0.99), note=note
        )

    def _filtered(self, kind: Selectivity) -> Iterator[Row]:
        """Ask with a filter that is new every time, and compare with what evaluating and scanning cost alone."""
        turns = min(40, len(self.queries))
        fresh, budget, again, undeclared = [], [], [], []
        unfiltered = median(_timed(lambda i: self.bare.search(self.queries[i : i + 1], _K), i) for i in range(20))
        with closing(_bare_table(self.count)) as conn:
            for turn in range(turns):
                field, low, high = kind.low_high(turn, self.count)
                keys, seconds = _bare_filter(conn, field, low, high)
                scan = _bare_scan(self.vectors[np.array(keys, np.int64) - 1], self.queries[turn])
                budget.append(3 * (seconds + min(scan, unfiltered)) + 0.002)
                condition = parse_filter(kind.filter("n", turn, self.count))
                fresh.append(self._filtered_s(turn, condition, len(keys)))
                again.append(self._filtered_s(turn, condition, len(keys)))
                if turn < 5 and field == "n":
                    other = parse_filter(kind.filter("m", turn, self.count))
                    undeclared.append(self._filtered_s(turn, other, len(keys)))
        name = f"{self.count:,} records: {kind.name} pass"
        label, goal = "3 x (bare filter + bare scan) + 2 ms", Goal("<=", 1.0, "ratio")
        yield Row("questions", f"{name}, p50", 1000 * median(fresh), "ms", label, 1000 * median(budget), goal)
        yield Row("questions", f"{name}, asked again, p50", 1000 * median(again), "ms")
        if undeclared:
            yield Row("questions", f"{name}, field not declared, p50", 1000 * median(undeclared), "ms")

    def _asked_by_id(self) -> Iterator[Row]:
        with lookalike.open(self.home) as library:
            found = library.collection(_NAME)

            def ask(**more: Any) -> Callable[[int], Any]:
                return lambda i: found.search(f"id:{synthetic.record_id(int(self.asked[i]))}", limit=_K, **more)

            def bare(i: int) -> Any:
                return self.bare.search(self.vectors[self.asked[i] : self.asked[i] + 1], _K)

            ways = {"grouped": {"group_by": "product"}, "diverse": {"diversity": 0.3}, "threshold": {"threshold": 0.7}}
            [first] = self._turns(ask())  # reads the records from disk, where nobody asked for them lately
            alone, plain = self._turns(bare, ask())  # apart from the others: a scan leaves nothing in the caches
            others = [self._turns(ask(), ask(**more))[1] for more in ways.values()]
        yield self._row("by id, never asked before, p50", 50, first, alone)
        yield self._row("by id, p50", 50, plain, alone, _EXCESS)
        yield self._row("by id, p99", 99, plain, alone)
        base = 1000 * median(plain)
        for name, times in zip(ways, others, strict=True):
            allowed = base + max(0.5 * base, 2.0)
            goal = Goal("<=", 1.0, "ratio") if name != "threshold" else None
            figure = 1000 * median(times)
            what = f"{self.count:,} records: {name}, p50"
            yield Row("questions", what, figure, "ms", "by id + max(50 %, 2 ms)", allowed, goal)

    def _neighbors(self, i: int, condition: Any) -> Any:
        return self.store.neighbors("semantic", self.queries[i : i + 1], _K, filter=condition)

    def _filtered_s(self, i: int, condition: Any, matching: int) -> float:
        """Time a filtered question, and hold that it has all the answers that there are."""
        began = time.perf_counter()
        found = self._neighbors(i, condition)
        seconds = time.perf_counter() - began
        assert found.counts[0] == min(_K, matching), (condition, found.plan)
        return seconds

    def _turns(self, *calls: Callable[[int], Any]) -> list[list[float]]:
        for call in calls:
            call(0)
        times: list[list[float]] = [[] for _ in calls]
        for start in range(0, len(self.queries), _AT_A_TURN):
            for call, taken in zip(calls, times, strict=True):
                taken += [_timed(call, i) for i in range(start, min(start + _AT_A_TURN, len(self.queries)))]
        return times

    def _row(self, what: str, percent: int, ours: list[float], bare: list[float], goal: Goal | None = None) -> Row:
        figure, beside = (1000 * float(np.percentile(times, percent)) for times in (ours, bare))
        return Row("questions", f"{self.count:,} records: {what}", figure, "ms", self.label, beside, goal)


def queries_of(vectors: F32, many: int) -> tuple[npt.NDArray[np.int64], F32]:
    """Give some rows' numbers, and queries of unit length near them."""
    asked = np.random.default_rng(3).integers(len(vectors), size=many)
    noise = np.random.default_rng(4).standard_normal((many, vectors.shape[1]), np.float32)
    queries = vectors[asked] + np.float32(0.3) * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    return asked, (queries / np.linalg.norm(queries, axis=1, keepdims=True)).astype(np.float32)


def _bare_index(home: Path, vectors: F32, held: Mapping[str, Any]) -> tuple[Any, str]:
    """Give FAISS alone: over the very lists that the store made, with as many probes, or flat where it has none."""
    files = next(iter(home.glob("collections/*/index/*/0.centroids")), None)
    if files is None:
        flat = faiss.IndexFlatIP(vectors.shape[1])
        flat.add(vectors)
        return flat, "FAISS flat, float32"
    centroids = np.fromfile(files, "<f4").reshape(-1, vectors.shape[1])
    assigned = np.fromfile(files.with_name("0.assigned"), "<i4").astype(np.int64)
    coarse = faiss.IndexFlatIP(vectors.shape[1])
    coarse.add(centroids)
    kind = faiss.ScalarQuantizer.QT_8bit_direct_signed
    index = faiss.IndexIVFScalarQuantizer(
        coarse, vectors.shape[1], len(centroids), kind, faiss.METRIC_INNER_PRODUCT, False
    )
    index.is_trained, index.own_fields = True, False
    scale = 127.0 / float(np.quantile(np.abs(vectors[:4096]), 0.9999))
    codes = np.clip(np.rint(vectors * scale), -127, 127).astype(np.float32)
    index.add_core(len(codes), faiss.swig_ptr(codes), None, faiss.swig_ptr(assigned), None)
    index.nprobe = int(held["probes"])
    exact = faiss.IndexScalarQuantizer(vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    exact.add(vectors)
    refined = faiss.IndexRefine(index, exact)
    refined.k_factor = 4  # without, codes alone rank: less recall, and no peer of ours
    return refined, f"FAISS IVF + fp16 re-ranking, the same {len(centroids):,} lists, {index.nprobe} probes"


def _bare_table(count: int) -> sqlite3.Connection:
    """Give a table of plain columns with an index each: the least that evaluating a filter can cost."""
    conn = sqlite3.connect(":memory:")
    conn.execute("CREATE TABLE bare (key INTEGER PRIMARY KEY, n INTEGER, serial INTEGER)")
    conn.executemany("INSERT INTO bare VALUES (?, ?, ?)", ((i + 1, i % 1000, i) for i in range(count)))
    conn.execute("CREATE INDEX by_n ON bare (n)")
    conn.execute("CREATE INDEX by_serial ON bare (serial)")
    return conn


def _bare_filter(conn: sqlite3.Connection, field: str, low: int, high: int) -> tuple[list[int], float]:
    sql = f"SELECT key FROM bare WHERE {field} >= ? AND {field} < ?"
    began = time.perf_counter()
    keys = [row[0] for row in conn.execute(sql, (low, high))]
    return keys, time.perf_counter() - began


def _bare_scan(matching: F32, query: F32) -> float:
    """Time the exact scan of the matching vectors, gathered before."""
    if not len(matching):
        return 0.0
    flat = faiss.IndexFlatIP(matching.shape[1])
    flat.add(matching)
    return _timed(lambda _: flat.search(query[None], _K), 0)


def _timed(call: Callable[[int], Any], i: int) -> float:
    began = time.perf_counter()
    call(i)
    return time.perf_counter() - began


def _opening(home: Path, count: int) -> Iterator[Row]:
    told = children.run(children.script("questions", home)).json()
    name = f"{count:,} records, fresh process"
    yield Row("questions", f"{name}: open and first search by id", told["seconds"], "s")
    goal = Goal("<=", 1200) if count >= 1_000_000 else None
    note = (
        "Private bytes are what is not a file; mapped bytes are the index files' pages in memory, which can be shared."
    )
    yield Row("questions", f"{name}: private bytes after 100 searches", told["private_mb"], "MB", goal=goal, note=note)
    yield Row("questions", f"{name}: mapped bytes", told["mapped_mb"], "MB")


def _peer_rows(plan: Plan, count: int) -> Iterator[Row]:
    for peer in vector_peers.PEERS:
        name = f"{count:,} records: {peer}"
        if not vector_peers.is_installed(peer):
            yield Row("questions", name, None, note="The peers are installed by `make bench`.")
            continue
        tell(f"{count:,} records: {peer}")
        with plan.folder("peer") as folder:
            script = children.script("vector_peers", peer, folder, str(count), str(plan.sizes.queries))
            told = children.run(script).json()
        yield Row("questions", f"{name}, build", told["build_s"], "s", note=told["note"])
        for what in ("p50", "p99"):
            yield Row("questions", f"{name}, {what}", told[what], "ms")
        yield Row("questions", f"{name}, recall at {_K}", told["recall"], "share")
        for kind, figures in told["filtered"].items():
            note = f"{peer}: of {figures['wanted']} wanted answers a question gave {figures['given']:.2f} on average."
            yield Row("questions", f"{name}, {kind} pass, p50", figures["p50"], "ms", note=note)


def main() -> None:
    began = time.perf_counter()
    with lookalike.open(sys.argv[1]) as library:
        found = library.collection(_NAME)
        found.search(f"id:{synthetic.record_id(7)}", limit=_K)
        seconds = time.perf_counter() - began
        for number in range(100):
            found.search(f"id:{synthetic.record_id(number)}", limit=_K)
        lines = [line.split() for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]]
    kilobytes = {line[0].rstrip(":"): int(line[1]) for line in lines}
    private, mapped = kilobytes["Anonymous"], kilobytes["Rss"] - kilobytes["Anonymous"]
    print(json.dumps({"seconds": seconds, "private_mb": private / 1000, "mapped_mb": mapped / 1000}))


if __name__ == "__main__":
    main()
