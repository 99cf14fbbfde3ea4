"""How long a search takes: by vector through the store, by id and by picture through the collection."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

import faiss
import numpy as np
import synthetic
from pictures import originals
from plan import Plan, tell
from rows import Goal, Row

import lookalike

if TYPE_CHECKING:
    from lookalike.stores import Store

_K = 10
_LARGE = 100_000  # where the goal for a search by picture is set


def measure(plan: Plan) -> Iterator[Row]:
    """Give the rows of each size."""
    faiss.omp_set_num_threads(1)
    pictures = originals(plan, "general", "products")
    random.Random(7).shuffle(pictures)
    for count in plan.sizes.searches:
        tell(f"{count:,} records")
        with plan.folder("search") as home:
            store = synthetic.collection(home, "made-up", count)
            try:
                yield from _vector_rows(plan, home, store, count)
            finally:
                store.close()
            yield from _picture_rows(plan, home, count, pictures[: plan.sizes.queries])


def _vector_rows(plan: Plan, home: Path, store: Store, count: int) -> Iterator[Row]:
    """Ask the same questions by vector, by id, and of a bare scan, in turns."""
    rows = synthetic.vectors(store.spec.spaces, "semantic", count)  # (count, 512)
    flat = faiss.IndexFlatIP(rows.shape[1])
    flat.add(rows)
    asked = np.random.default_rng(3).integers(count, size=plan.sizes.queries)
    noise = np.random.default_rng(4).standard_normal((len(asked), rows.shape[1]), np.float32)
    queries = rows[asked] + np.float32(0.3) * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    with lookalike.open(home) as library:
        found = library.collection("made-up")
        times = _in_turns(
            len(asked),
            lambda i: flat.search(queries[i : i + 1], _K),
            lambda i: store.neighbors("semantic", queries[i : i + 1], _K),
            lambda i: found.search(f"id:{synthetic.record_id(asked[i])}", limit=_K),
        )
    bare, by_vector, by_id = times
    name = f"{count:,} records"
    yield Row("search", f"{name}: by vector, p50", *_against(by_vector, bare, 50))
    yield Row("search", f"{name}: by vector, p95", *_against(by_vector, bare, 95))
    goal = Goal("<=", 1.0, "excess")
    yield Row("search", f"{name}: by id, p50", *_against(by_id, bare, 50), goal, "The scan and at most 1 ms.")
    yield Row("search", f"{name}: by id, p95", *_against(by_id, bare, 95))
    recall, note = _recall(flat, store, queries), "The bare scan's answers are the truth; a tie may fall either way."
    yield Row("search", f"{name}: recall at {_K}", recall, "share", goal=Goal(">=", 0.99), note=note)


def _picture_rows(plan: Plan, home: Path, count: int, pictures: Sequence[Path]) -> Iterator[Row]:
    with lookalike.open(home) as library:
        found, describer = library.collection("made-up"), library.describer()
        bare, whole = _in_turns(
            len(pictures),
            lambda i: describer.vectors(describer.read(pictures[i])),
            lambda i: found.search(pictures[i], limit=_K),
        )
    goal = Goal("<=", 1.2, "ratio") if count == _LARGE else None
    label, name = "decode + encode", f"{count:,} records: by picture"
    yield Row("search", f"{name}, p50", 1000 * median(whole), "ms", label, 1000 * median(bare), goal)
    yield Row("search", f"{name}, p95", 1000 * _p95(whole), "ms", label, 1000 * _p95(bare))


def _in_turns(count: int, *calls: Callable[[int], Any]) -> list[list[float]]:
    """Time the calls one after another for each place, so that noise of the machine meets all of them."""
    for call in calls:  # opens and loads what is opened and loaded at first use
        call(0)
        call(count - 1)
    times: list[list[float]] = [[] for _ in calls]
    for place in range(count):
        for call, taken in zip(calls, times, strict=True):
            began = time.perf_counter()
            call(place)
            taken.append(time.perf_counter() - began)
    return times


def _against(times: Sequence[float], bare: Sequence[float], percent: int) -> tuple[float, str, str, float]:
    at = median if percent == 50 else _p95
    return 1000 * at(times), "ms", "FAISS IndexFlatIP, float32, one thread", 1000 * at(bare)


def _p95(times: Sequence[float]) -> float:
    return quantiles(times, n=20)[-1]


def _recall(flat: Any, store: Store, queries: Any) -> float:
    """Say which share of the bare scan's answers the store gives; keys count from 1 in the order of writing."""
    truth = flat.search(queries, _K)[1] + 1
    keys = store.neighbors("semantic", queries, _K).keys
    return float(np.mean([len(set(a) & set(b)) / _K for a, b in zip(truth.tolist(), keys.tolist(), strict=True)]))
