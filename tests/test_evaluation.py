"""The evaluation against plain searches, its labels and their mistakes, and the command."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import xml.etree.ElementTree
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

import lookalike
from lookalike.core.evaluation.evaluation import evaluate
from lookalike.core.evaluation.labels import labels_of_field
from lookalike.core.scores.pairs import ScoredSpace
from lookalike.distances import score_curve
from lookalike.doors.cli.tables import read_pairs
from lookalike.errors import InputError
from lookalike.records import Entry, Record
from lookalike.stores import open_stores

COUNT, GROUPS = 240, 12


def entries(count: int = COUNT) -> list[Entry]:
    """Make records in groups that overlap, four of them without a group, and a copy of every tenth."""
    rng = np.random.default_rng(3)
    dims = {"semantic": 512, "copy": 256}
    centers = {name: rng.normal(size=dim) + rng.normal(size=(GROUPS, dim)) for name, dim in dims.items()}
    made = []
    for place in range(count):
        group, spread = place % GROUPS, {"semantic": rng.choice([0.3, 2.0, 3.0]), "copy": 2.5}
        vectors: Any = {
            name: unit(rows[group] + spread[name] * rng.normal(size=rows.shape[1])) for name, rows in centers.items()
        }
        metadata: dict[str, Any] = {} if place >= count - 4 else {"group": f"g{group}", "all": "one", "own": place}
        made.append(Entry(Record(id=f"{place:03}", content_hash=f"{place:064}", metadata=metadata), vectors))
    for place in range(0, count, 10):
        source = made[place]
        vectors = {name: unit(row + 0.008 * rng.normal(size=row.shape)) for name, row in source.vectors.items()}
        metadata = {"made_of": source.record.id if place % 20 else ""}
        made.append(Entry(Record(id=f"copy {place:03}", content_hash=f"c{place:063}", metadata=metadata), vectors))
    return made


def unit(vector: Any) -> Any:
    return (vector / np.linalg.norm(vector)).astype(np.float16).astype(np.float32)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[lookalike.Collection]:
    with lookalike.open(tmp_path_factory.mktemp("home")) as library:
        spec = replace(library.create("empty").spec, name="shop")
        with_records = open_stores(library.settings.home).create(spec)
        with_records.upsert(entries())
        with_records.close()
        yield library.collection("shop")


def test_figures_are_those_of_plain_searches(shop: lookalike.Collection) -> None:
    found = shop.evaluate(label="group")
    groups = {record.id: record.metadata.get("group") for record in shop}
    asked = sorted(id for id, group in groups.items() if group)
    assert list(found.asked) == asked
    first, precise, average = [], [], []
    for id in asked:
        matches = [match.id for match in shop.search(f"id:{id}", limit=1000) if match.id != id]
        right = np.array([groups[match] == groups[id] for match in matches])
        first.append(right[0])
        precise.append(right[:10].mean())
        average.append(((np.cumsum(right) / np.arange(1, len(right) + 1)) * right).sum() / right.sum())
    values = {measure.name: measure.value for measure in found.measures}
    assert values["R@1"] == pytest.approx(np.mean(first))
    assert values["P@10"] == pytest.approx(np.mean(precise))
    assert values["mAP"] == pytest.approx(np.mean(average))
    assert 0.3 < values["mAP"] < 0.95, "the groups overlap, so that nothing is trivial"
    for measure in found.measures:
        assert measure.low <= measure.value <= measure.high


def test_thresholds_say_what_a_search_with_them_keeps(shop: lookalike.Collection) -> None:
    found = shop.evaluate(label="group")
    best = found.thresholds[0]
    groups = {record.id: record.metadata.get("group") for record in shop}
    kept = [
        groups[match.id] == groups[id]
        for id in found.asked
        for match in shop.search(f"id:{id}", limit=1000, threshold=best.score)
        if match.id != id
    ]
    assert best.precision == pytest.approx(np.mean(kept))
    assert best.recall == pytest.approx(sum(kept) / found.right.sum())


def test_the_same_queries_are_drawn_every_time(shop: lookalike.Collection) -> None:
    some = shop.evaluate(label="group", queries=20)
    assert len(some.asked) == 20
    assert some.asked == shop.evaluate(label="group", queries=20).asked
    assert shop.evaluate(label="group", queries=some.asked[:3]).asked == some.asked[:3]


def test_copies_are_judged_by_the_field_that_names_their_original(shop: lookalike.Collection) -> None:
    found = shop.evaluate(match="made_of")
    values = {measure.name: measure.value for measure in found.measures}
    assert len(found.asked) == 24
    assert values["R@1"] == 1.0, "half of the copies have their original named, and find it first"
    assert 0.3 < values["µAP"] < 0.8, "the others say that theirs is not here, though it is: as many wrong as right"
    assert found.calibration_error is not None


def test_pairs_of_both_kinds_alone_are_judged(shop: lookalike.Collection) -> None:
    pairs = [("copy 000", "000", True), ("copy 010", "010", True), ("copy 000", "001", False), ("005", "006", 0)]
    found = shop.evaluate(pairs=pairs)
    assert (found.right.sum(), found.wrong.sum()) == (2, 2)
    assert [measure.name for measure in found.measures] == ["µAP"]
    assert found.measures[0].value == 1.0
    scores = {match.id: match.score for match in shop.search("id:copy 000", limit=1000)}
    assert sorted(found.trials.scores)[-1] == max(scores["000"], found.trials.scores.max())
    searched = shop.evaluate(pairs=[pair[:2] for pair in pairs[:2]])
    assert searched.wrong.sum() == 2 * (len(shop) - 2), "pairs that are the same alone: all the rest is different"


def test_pairs_that_say_nothing_fail_alone_and_are_named(shop: lookalike.Collection, tmp_path: Path) -> None:
    table = tmp_path / "pairs.csv"
    table.write_text(
        "a,b,same\ncopy 000,000,1\nnobody,000,1\n000,000,1\ncopy 010,,1\n001,002,maybe\ncopy 000,000,0\n003,004,0\n"
    )
    found = shop.evaluate(pairs=read_pairs(table))
    assert sorted(failure.source for failure in found.failed) == [f"pairs.csv:{line}" for line in (3, 4, 5, 6, 7)]
    told = " ".join(failure.message for failure in found.failed)
    for part in ('no record "nobody"', "itself", "an id is missing", '"maybe" is neither', "the opposite"):
        assert part in told
    assert (found.right.sum(), found.wrong.sum()) == (1, 1)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, "name one thing"),
        ({"label": "group", "match": "made_of"}, "name one thing"),
        ({"label": "gruop"}, "There are: all, group, own"),
        ({"label": "all"}, "hold the same there"),
        ({"label": "own"}, "no two records"),
        ({"match": "group"}, "has to name"),
        ({"pairs": []}, "no pair that is the same"),
        ({"pairs": [("nobody", "000")]}, 'no record "nobody"'),
        ({"pairs": ["000"]}, "is not a pair"),
        ({"label": "group", "queries": 0}, "queries=0"),
        ({"label": "group", "queries": ["copy 000"]}, "has no label"),
        ({"label": "group", "space": "hues"}, "There are: semantic, copy"),
    ],
)
def test_what_cannot_be_judged_is_refused(shop: lookalike.Collection, asked: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        shop.evaluate(**asked)


def test_a_worse_descriptor_is_told_with_its_interval(shop: lookalike.Collection) -> None:
    ours = shop.evaluate(label="group")
    theirs = shop.evaluate(label="group", space="copy", queries=ours.asked)
    beside = {measure.name: measure for measure in ours.against(theirs).differences}
    assert beside["mAP"].high < 0, "its groups are spread wider"
    assert "first is better" in str(ours.against(theirs))
    itself = ours.against(shop.evaluate(label="group"))
    assert all((one.value, one.low, one.high) == (0, 0, 0) for one in itself.differences)
    with pytest.raises(InputError, match=r"queries=first\.asked"):
        ours.against(shop.evaluate(label="group", queries=5))


def test_an_approximate_index_is_held_against_an_exact_scan(shop: lookalike.Collection, tmp_path: Path) -> None:
    with lookalike.open(tmp_path) as library:
        spec = replace(library.create("empty").spec, name="large", recall_target=0.9)
    store = open_stores(tmp_path, approximate_from=1_000).create(spec)
    store.upsert(entries(2_000))
    store.flush()
    scored = ScoredSpace(store, "semantic", score_curve("semantic"))
    found = evaluate(scored, labels_of_field(store, "group"), queries=100)
    store.close()
    assert found.index_method == "approximate"
    assert 0.8 < found.index_recall <= 1
    assert shop.evaluate(label="group", queries=20).index_recall == 1.0


def test_an_evaluation_reads_as_tables_and_shows_charts(shop: lookalike.Collection) -> None:
    found = shop.evaluate(label="group", queries=50)
    assert "R@1" in str(found)
    assert "precision 0.95" in str(found)
    charts = found.charts()
    assert set(charts) == {"precision-recall", "thresholds", "reliability"}
    for drawn in charts.values():
        assert xml.etree.ElementTree.fromstring(drawn).tag.endswith("svg")
    assert found._repr_html_().count("<svg") == 3
    assert next(band.name for band in found.bands) == "identical"
    assert sum(band.right for band in found.bands) == pytest.approx(1)


def run(shop: lookalike.Collection, home: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lookalike", "evaluate", "--home", str(home), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=dict(os.environ),
        timeout=120,
    )


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Iterator[lookalike.Collection]:
    """Shelf photos of one product, and a turned half of every fourth."""
    with lookalike.open(tmp_path_factory.mktemp("copies")) as library:
        made = library.create("copies", type="matching", keep="thumbnail")
        for place, path in enumerate(sorted((data / "products" / "arla_lactose_medium_fat_milk").glob("0*.jpg"))[:24]):
            with PIL.Image.open(path) as photo:
                made.add(path, id=path.name)
                if place % 4 == 0:
                    part = photo.crop((0, photo.height // 4, photo.width, photo.height)).rotate(25, expand=True)
                    made.add(part, id=f"part {path.name}", metadata={"made_of": path.name})
        yield made


def test_where_geometry_scores_the_answers_it_is_measured(copies: lookalike.Collection) -> None:
    found, alone = copies.evaluate(match="made_of"), copies.evaluate(match="made_of", verify=0)
    assert found.setting == "first 100 verified"
    assert (found.measures[0].name, found.measures[0].value) == ("R@1", 1.0)
    assert found.against(alone).differences[-1].value < -0.1, "the descriptors take the shelf's next photo for it"
    itself, best = copies.search(f"id:{found.asked[0]}", limit=2)
    assert (itself.id, best.score) == (found.asked[0], found.trials.scores[0]), "as a search says"
    pairs = [("part 001.jpg", "001.jpg", True), ("part 001.jpg", "002.jpg", False)]
    judged = copies.evaluate(pairs=pairs)
    assert judged.trials.scores[0] >= 0.9 > 0.8 > judged.trials.scores[1]


def test_the_command_measures_compares_and_plots(shop: lookalike.Collection, tmp_path: Path) -> None:
    home = shop._describer.settings.home
    done = run(shop, home, "-c", "shop", "--label", "group", "--queries", 30, "--plots", tmp_path / "plots", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["queries"] == 30
    assert told["figures"]["R@1"]["value"] == shop.evaluate(label="group", queries=30).measures[0].value
    assert not any(isinstance(value, float) and math.isnan(value) for value in told["curve"]["precision"])
    assert {path.name for path in (tmp_path / "plots").iterdir()} == {
        "precision-recall.svg",
        "thresholds.svg",
        "reliability.svg",
    }
    beside = run(shop, home, "-c", "shop", "--label", "group", "--queries", 30, "--against-space", "copy", "--json")
    assert json.loads(beside.stdout)["differences"]["mAP"]["value"] < 0
    table = tmp_path / "pairs.csv"
    table.write_text("a,b\ncopy 000,000\ncopy 000,nobody\n")
    some = run(shop, home, "-c", "shop", "--pairs", table)
    assert some.returncode == 3
    assert 'pairs.csv:3: no record "nobody"' in some.stdout
    assert run(shop, home, "-c", "shop", "--label", "gruop").returncode == 2
    assert run(shop, home, "-c", "shop", "--label", "group", "--calibrate", "--space", "copy").returncode == 2
