"""How long the similarity graph takes; run as a program (`graph.py HOME FILE`), writes that of a collection."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator

import children
import faiss
import synthetic
from plan import Plan, tell
from rows import Row

import lookalike

_NAME, _K = "made-up", 10
_BLOCK = 1024


def measure(plan: Plan) -> Iterator[Row]:
    """Give the time and the peak memory, beside a bare batch search."""
    count = plan.sizes.graph
    tell(f"{count:,} records")
    with plan.folder("graph") as home:
        store = synthetic.collection(home, _NAME, count)
        vectors = synthetic.vectors(store.spec.spaces, "semantic", count)
        store.close()
        child = children.run(children.script("graph", home, home / "edges.csv"))
    told = child.json()
    faiss.omp_set_num_threads(len(os.sched_getaffinity(0)))
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    began = time.perf_counter()
    for start in range(0, count, _BLOCK):
        flat.search(vectors[start : start + _BLOCK], _K + 1)
    bare = time.perf_counter() - began
    what = f"{count:,} records, {_K} neighbors each"
    note = f"{told['edges']:,} edges, written as CSV; the bare search writes nothing."
    yield Row("graph", what, told["seconds"], "s", "FAISS flat in blocks, all cores", bare, None, note)
    yield Row("graph", f"{what}: peak", child.peak_bytes / 1e6, "MB")


def main() -> None:
    with lookalike.open(sys.argv[1]) as library:
        began = time.perf_counter()
        edges = library.collection(_NAME).graph(k=_K).to_csv(sys.argv[2])
        print(json.dumps({"seconds": time.perf_counter() - began, "edges": edges}))


if __name__ == "__main__":
    main()
