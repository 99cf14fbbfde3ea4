"""Two vector engines over the same made-up vectors (`vector_peers.py NAME FOLDER COUNT QUERIES`); prints JSON."""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import faiss
import numpy as np

PEERS = ("LanceDB", "Chroma")
_PACKAGES = {"LanceDB": "lancedb", "Chroma": "chromadb"}
_K = 10
_BATCH = 5000
_WIDTHS = {"50 %": 500, "5 %": 50, "0.5 %": 5}


class Engine(Protocol):
    """What is asked of a peer."""

    note: str

    def search(self, query: Any, low: int | None, high: int | None) -> list[int]:
        """Give the nearest rows, of those whose `n` is in a range where one is given."""
        ...


class LanceDB:
    """LanceDB with its default index from 100,000 rows on, where its documents advise one; a scan below."""

    def __init__(self, folder: Path, vectors: Any) -> None:
        import lancedb
        import pyarrow as pa

        def batches() -> Iterator[Any]:
            for start in range(0, len(vectors), _BATCH):
                part = vectors[start : start + _BATCH]
                rows = pa.FixedSizeListArray.from_arrays(pa.array(part.ravel()), part.shape[1])
                numbers = np.arange(start, start + len(part))
                yield pa.RecordBatch.from_arrays(
                    [pa.array(numbers), pa.array(numbers % 1000), rows], names=["id", "n", "vector"]
                )

        table = lancedb.connect(folder).create_table("t", pa.Table.from_batches(batches()))
        table.create_scalar_index("n")
        self.note = "LanceDB: exact scan."
        if len(vectors) >= 100_000:
            table.create_index(metric="cosine", vector_column_name="vector")
            self.note = "LanceDB: its default index (IVF_PQ), default settings."
        self._table = table

    def search(self, query: Any, low: int | None, high: int | None) -> list[int]:
        asked = self._table.search(query).distance_type("cosine").select(["id", "_distance"]).limit(_K)
        if low is not None:
            asked = asked.where(f"n >= {low} AND n < {high}", prefilter=True)
        return [int(i) for i in asked.to_arrow()["id"].to_pylist()]


class Chroma:
    """Chroma with its default index (HNSW)."""

    note = "Chroma: its default index (HNSW), default settings."

    def __init__(self, folder: Path, vectors: Any) -> None:
        import chromadb

        client = chromadb.PersistentClient(str(folder), chromadb.Settings(anonymized_telemetry=False))
        self._held = client.create_collection("made-up", metadata={"hnsw:space": "cosine"}, embedding_function=None)
        for start in range(0, len(vectors), _BATCH):
            rows = range(start, min(start + _BATCH, len(vectors)))
            self._held.add(
                ids=[str(row) for row in rows],
                embeddings=vectors[rows.start : rows.stop],
                metadatas=[{"n": row % 1000} for row in rows],
            )

    def search(self, query: Any, low: int | None, high: int | None) -> list[int]:
        where = None if low is None else {"$and": [{"n": {"$gte": low}}, {"n": {"$lt": high}}]}
        found = self._held.query(query_embeddings=query[None], n_results=_K, where=where, include=[])
        return [int(id) for id in found["ids"][0]]


_ENGINES: dict[str, Callable[[Path, Any], Engine]] = {"LanceDB": LanceDB, "Chroma": Chroma}


def is_installed(peer: str) -> bool:
    """Say whether a peer's package is there: only `make bench` installs it."""
    return importlib.util.find_spec(_PACKAGES[peer]) is not None


def main() -> None:
    import questions
    import synthetic

    from lookalike.encoders import open_encoder
    from lookalike.records import Space

    name, folder, count, many = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    dims = open_encoder().card.spaces
    vectors = synthetic.vectors([Space(space, dim, "cosine") for space, dim in dims.items()], "semantic", count)
    _, queries = questions.queries_of(vectors, many)
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    truth = flat.search(queries, _K)[1]
    began = time.perf_counter()
    engine = _ENGINES[name](folder, vectors)
    told: dict[str, Any] = {"build_s": time.perf_counter() - began, "note": engine.note}
    engine.search(queries[0], None, None)
    times, found = _ask(engine, queries, None)
    told["p50"], told["p99"] = (float(np.percentile(times, percent)) for percent in (50, 99))
    told["recall"] = float(np.mean([len(set(a) & set(b)) / _K for a, b in zip(found, truth.tolist(), strict=True)]))
    told["filtered"] = {}
    for kind, width in _WIDTHS.items():
        times, found = _ask(engine, queries[:40], width)
        given = float(np.mean([len(one) for one in found]))
        told["filtered"][kind] = {"p50": float(np.percentile(times, 50)), "given": given, "wanted": _K}
    print(json.dumps(told))


def _ask(engine: Engine, queries: Any, width: int | None) -> tuple[list[float], list[list[int]]]:
    times, found = [], []
    for turn, query in enumerate(queries):
        low = None if width is None else turn * 7 % (1000 - width)
        began = time.perf_counter()
        found.append(engine.search(query, low, None if low is None or width is None else low + width))
        times.append(1000 * (time.perf_counter() - began))
    return times, found


if __name__ == "__main__":
    main()
