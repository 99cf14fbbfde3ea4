"""The similarity graph and its clusters: the same edges in every form, and in a file that a kill interrupted."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import draw

import lookalike
from lookalike.errors import InputError
from lookalike.records import Entry, Progress, Record
from lookalike.stores import open_stores

COUNT = 1040  # three blocks
FORMATS = ["csv", "jsonl", "parquet"]
ROW = ("source", "target", "score", "distance", "rank")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with the collection "numbers": clusters of near vectors, some equal, some in other colors."""
    folder = tmp_path_factory.mktemp("graph")
    rng = np.random.default_rng(3)
    centers = rng.normal(size=(COUNT // 13, 512))
    hashes = rng.integers(0, 256, (COUNT // 13, 8), dtype=np.uint8)
    with lookalike.open(folder) as library:
        spec = replace(library.create("shape").spec, name="numbers")
    store = open_stores(folder).create(spec)
    entries = []
    for place in range(COUNT):
        center = place % len(centers)
        vector = unit(centers[center] + rng.choice([0.0, 0.3, 0.7]) * rng.normal(size=512))
        vectors: dict[str, Any] = {"semantic": vector, "copy": unit(rng.normal(size=256))}
        if place % 5:
            vectors |= {"dhash": hashes[center], "hues": unit(np.eye(12)[rng.integers(3)] + 0.01)}
        if place == 77:
            del vectors["semantic"]
        record = Record(id=f'{place * 7919 % COUNT:05}, "a"', content_hash=f"{place // 2 if place % 2 else place:064}")
        entries.append(Entry(record, vectors))
    store.upsert(entries)
    store.close()
    return folder


def unit(vector: Any) -> Any:
    return (vector / np.linalg.norm(vector)).astype(np.float16).astype(np.float32)


@pytest.fixture(scope="module")
def made(home: Path) -> Iterator[lookalike.Collection]:
    with lookalike.open(home) as library:
        yield library.collection("numbers")


@pytest.fixture(scope="module")
def whole(made: lookalike.Collection) -> list[tuple[str, str, float, float, int]]:
    """All pairs, each record with itself as well."""
    return rows(made.graph(k=COUNT, include_self=True))


def rows(graph: lookalike.Graph) -> list[tuple[str, str, float, float, int]]:
    return [(edge.source, edge.target, edge.score, edge.distance, edge.rank) for edge in graph]


def test_each_record_has_an_edge_to_its_nearest_others_with_the_score_of_a_search(made: lookalike.Collection) -> None:
    edges = rows(made.graph(k=6))
    ids = [record.id for record in made if made.vector(record.id) is not None]
    assert len(ids) == COUNT - 1
    assert edges == sorted(edges, key=lambda edge: (edge[0], edge[4]))
    assert [edge[0] for edge in edges[::6]] == ids
    for place in range(0, len(ids), 40):
        mine = edges[6 * place : 6 * place + 6]
        found = {match.id: match for match in made.search(f"id:{ids[place]}", limit=COUNT)}
        nearest = sorted((m.distance, m.id) for m in found.values() if m.id != ids[place])
        assert [distance for distance, _ in nearest[:6]] == [edge[3] for edge in mine]
        assert [edge[4] for edge in mine] == [1, 2, 3, 4, 5, 6]
        assert [found[edge[1]].score for edge in mine] == [edge[2] for edge in mine]
        assert ids[place] not in {edge[1] for edge in mine}


def test_radius_threshold_and_self_choose_the_edges(
    made: lookalike.Collection, whole: list[tuple[str, str, float, float, int]]
) -> None:
    assert len(whole) == (COUNT - 1) ** 2
    radius = whole[40][3]
    within = rows(made.graph(k=None, radius=radius, include_self=True))
    assert within == [edge for edge in whole if edge[3] <= radius]
    assert rows(made.graph(k=3, radius=radius, include_self=True)) == [edge for edge in within if edge[4] <= 3]
    assert rows(made.graph(k=4, threshold=0.9, include_self=True)) == [
        edge for edge in whole if edge[4] <= 4 and edge[2] >= 0.9
    ]
    assert {edge[1] for edge in within if edge[0] == edge[1]} == {edge[0] for edge in whole}
    apart = rows(made.graph(k=None, radius=radius))
    assert [edge[:4] for edge in apart] == [edge[:4] for edge in within if edge[0] != edge[1]]


def test_every_form_holds_the_same_edges(made: lookalike.Collection, tmp_path: Path) -> None:
    graph = made.graph(k=3)
    edges = rows(graph)
    arrays = graph.arrays()
    columns = (arrays.scores, arrays.distances, arrays.ranks)
    named = [(arrays.ids[s], arrays.ids[t]) for s, t in zip(arrays.sources, arrays.targets, strict=True)]
    assert [(*pair, *rest) for pair, *rest in zip(named, *(c.tolist() for c in columns), strict=True)] == edges
    assert len(arrays.ids) == COUNT
    assert graph.to_csv(tmp_path / "e.csv") == graph.to_jsonl(tmp_path / "e.jsonl") == len(edges)
    assert graph.to_parquet(tmp_path / "e.parquet") == len(edges)
    assert [read(tmp_path / f"e.{format}") for format in FORMATS] == [edges] * 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e.csv", "e.jsonl", "e.parquet"]
    net = graph.to_networkx()
    assert (net.number_of_nodes(), net.number_of_edges()) == (COUNT, len(edges))
    source, target, score, distance, rank = edges[100]
    assert net.edges[source, target] == {"score": score, "distance": distance, "rank": rank}


def read(path: Path) -> list[tuple[Any, ...]]:
    if path.suffix == ".parquet":
        return [tuple(row[name] for name in ROW) for row in pq.read_table(path).to_pylist()]
    with path.open(newline="") as stream:
        if path.suffix == ".csv":
            lines = list(csv.reader(stream))
            assert tuple(lines[0]) == ROW
            return [(a, b, float(score), float(far), int(rank)) for a, b, score, far, rank in lines[1:]]
        return [tuple(json.loads(line)[name] for name in ROW) for line in stream]


@pytest.mark.parametrize("format", FORMATS)
def test_a_killed_writing_is_resumed_to_the_identical_file(
    made: lookalike.Collection, home: Path, tmp_path: Path, format: str
) -> None:
    whole, cut = tmp_path / f"whole.{format}", tmp_path / f"cut.{format}"
    made.graph(k=3).write(whole)
    script = (
        "import os, signal, sys, lookalike\n"
        "def tell(progress):\n"
        "    if progress.done > 600: os.kill(os.getpid(), signal.SIGKILL)\n"
        "with lookalike.open(sys.argv[1]) as library:\n"
        "    library.collection('numbers').graph(k=3, on_progress=tell).write(sys.argv[2])\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(home), str(cut)], timeout=120)
    assert killed.returncode == -signal.SIGKILL
    assert not cut.exists()
    partial = cut.with_name(cut.name + ".partial")
    assert partial.stat().st_size > 0
    with partial.open("ab") as stream:
        stream.write(b"half a li")  # what a kill within a block leaves
    told: list[Progress] = []
    made.graph(k=3, on_progress=told.append).write(cut, resume=True)
    assert told[0].done > 600, "the blocks that were written are not asked again"
    assert cut.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [cut.name, whole.name]


def test_resuming_another_graph_is_refused_and_without_a_partial_file_it_starts_anew(
    library: lookalike.Library, pictures: Path, tmp_path: Path
) -> None:
    photos = library.collection("photos", create=True)
    photos.add(pictures)
    path = tmp_path / "edges.csv"
    assert photos.graph(k=2).to_csv(path, resume=True) == 20

    def stop(_: Progress) -> None:
        raise KeyboardInterrupt

    for change in (lambda: None, lambda: photos.update("a/0.jpg", {"price": 3})):
        with pytest.raises(KeyboardInterrupt):
            photos.graph(k=2, on_progress=stop).to_csv(path)
        change()
        k = 2 if photos["a/0.jpg"].metadata else 3
        with pytest.raises(InputError, match="without `resume`"):
            photos.graph(k=k).to_csv(path, resume=True)
    assert photos.graph(k=2).to_csv(path) == 20
    assert os.listdir(tmp_path).count("edges.csv.partial") == 0


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"k": None}, "no end"),
        ({"k": 0}, "k=0"),
        ({"k": 2.5}, "k=2.5"),
        ({"radius": -1}, "radius=-1"),
        ({"radius": "x"}, "radius"),
        ({"threshold": 90}, "threshold=0.9"),
    ],
)
def test_rules_that_mean_nothing_are_refused(made: lookalike.Collection, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        made.graph(**wrong)


def test_an_unknown_format_is_refused(made: lookalike.Collection, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="jsonl"):
        made.graph().write(tmp_path / "edges.xlsx")


def test_a_collection_without_records_has_an_empty_graph(library: lookalike.Library, tmp_path: Path) -> None:
    empty = library.collection("empty", create=True)
    assert list(empty.graph()) == []
    assert empty.graph().arrays().sources.shape == (0,)
    assert empty.graph().to_parquet(tmp_path / "e.parquet") == 0
    assert read(tmp_path / "e.parquet") == []
    assert len(empty.clusters()) == 0


@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.9, 0.95, 1.0])
def test_clusters_are_the_components_of_all_pairs_at_the_threshold(
    made: lookalike.Collection, whole: list[tuple[str, str, float, float, int]], threshold: float
) -> None:
    parents: dict[str, str] = {}

    def root(id: str) -> str:
        while parents.setdefault(id, id) != id:
            id = parents[id]
        return id

    for source, target, score, _, _ in whole:
        if score >= threshold and source != target:
            parents[root(source)] = root(target)
    expected: dict[str, list[str]] = {}
    for id in parents:
        expected.setdefault(root(id), []).append(id)
    found = made.clusters(threshold=threshold)
    assert {frozenset(ids) for ids in found} == {frozenset(ids) for ids in expected.values() if len(ids) > 1}
    assert list(found) == sorted(found, key=lambda ids: (-len(ids), ids))
    assert all(list(ids) == sorted(ids) for ids in found)


def test_clusters_of_copies_read_as_a_table(library: lookalike.Library, pictures: Path) -> None:
    photos = library.collection("photos", create=True)
    photos.add(pictures)
    [cluster] = photos.clusters()
    assert cluster == ("a/0-again.png", "a/0.jpg", "b/0-small.jpg")
    assert str(photos.clusters()).splitlines()[1].split() == ["1", "3", "a/0-again.png"]
    photos.add(draw(50), id="other")
    assert "no clusters" in str(photos.clusters(threshold=1.0))
