"""The Turi Create facade: the user guide's script, every call of the reference page, and every row of its errors."""

from __future__ import annotations

import array
import datetime
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from conftest import ROOT, draw
from PIL import Image as PILImage

from lookalike import turi as tc
from lookalike.samples import write_samples
from lookalike.turi.extraction import open_extractor

ANSWER = ["query_label", "reference_label", "distance", "rank"]
INNER = {"data", "format", "from_file", "from_parts", "source", "to_pillow", "mask"}  # for the modules themselves
FIELDS = [
    "feature", "feature_extractor", "input_image_shape", "label", "model", "num_examples", "num_features",
    "similarity_model", "training_time",
]  # fmt: skip


@pytest.fixture(autouse=True)
def no_windows():
    tc.visualization.set_target("none")
    yield
    tc.visualization.set_target("auto")


@pytest.fixture(scope="module")
def images(pictures: Path) -> tc.SFrame:
    """Ten images with row numbers; row 1 holds the pixels of row 0 before compression, row 9 a small copy."""
    frame = tc.image_analysis.load_images(str(pictures))
    order = ["0.jpg", "0-again.png", *(f"{n}.jpg" for n in range(1, 8)), "0-small.jpg"]
    names = [path.rsplit("/", 1)[1] for path in frame["path"]]
    frame["place"] = [order.index(name) for name in names]
    return frame.sort("place").remove_column("place").add_row_number()


@pytest.fixture(scope="module")
def model(images: tc.SFrame) -> tc.image_similarity.ImageSimilarityModel:
    return tc.image_similarity.create(images, verbose=False)


@pytest.fixture(scope="module")
def features(images: tc.SFrame) -> tc.SArray:
    return tc.image_analysis.get_deep_features(images["image"], "resnet-50", verbose=False)


def without_display() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}


def rows(frame: tc.SFrame) -> list[dict[str, object]]:
    return list(frame)


# --- the user guide ------------------------------------------------------------------------------------------------


def user_guide(folder: Path, desk: Path) -> tuple[tc.SFrame, tc.SFrame]:
    """Do what the user guide does, step by step; give the images and the neighbors of all of them."""
    reference_data = tc.image_analysis.load_images(str(folder))
    reference_data = reference_data.add_row_number()
    reference_data.save(str(desk / "caltech-101.sframe"))
    reference_data.explore()

    reference_data = tc.load_sframe(str(desk / "caltech-101.sframe"))
    model = tc.image_similarity.create(reference_data)
    query_results = model.query(reference_data[0:10], k=10)
    query_results.head()
    similar_rows = query_results[query_results["query_label"] == 9]["reference_label"]
    reference_data.filter_by(similar_rows, "id").explore()
    assert set(reference_data.filter_by(similar_rows, "id")["id"]) == set(similar_rows)
    assert len(query_results) == 100
    assert [row["reference_label"] for row in query_results if row["rank"] == 1] == list(range(10))
    assert {row["distance"] for row in query_results if row["rank"] == 1} == {0.0}

    similarity_graph = model.similarity_graph(k=10)
    similar_images = similarity_graph.edges
    assert len(similar_images) == 10 * len(reference_data)
    assert similar_images.column_names() == ["__src_id", "__dst_id", "distance", "rank"]
    assert len(similarity_graph.vertices) == len(reference_data)

    model.save(str(desk / "my_model.model"))
    loaded_model = tc.load_model(str(desk / "my_model.model"))
    assert rows(loaded_model.query(reference_data[0:10], k=10)) == rows(query_results)
    return reference_data, similar_images


def share_of_same_folder(images: tc.SFrame, edges: tc.SFrame) -> float:
    """Say how often the nearest image lies in the same folder."""
    folders = list(images["path"].apply(lambda path: path.split("/")[-2]))
    nearest = edges[edges["rank"] == 1]
    same = [folders[edge["__src_id"]] == folders[edge["__dst_id"]] for edge in nearest]
    return sum(same) / len(same)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("turi")
    write_samples(folder / "101_ObjectCategories")
    return folder


def test_the_user_guide_runs_on_the_samples(samples: Path, tmp_path: Path, capsys) -> None:
    images, _ = user_guide(samples / "101_ObjectCategories", tmp_path)
    assert f"Completed {len(images)}/{len(images)}" in capsys.readouterr().out


def test_the_page_on_moving_is_true(samples: Path) -> None:
    page = (ROOT / "docs" / "turi.md").read_text()
    [code] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=samples, capture_output=True, text=True, timeout=120,
        env=without_display(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "[100 rows x 4 columns]" in done.stdout
    for kind in (tc.SFrame, tc.SArray, tc.SGraph, tc.Image):
        for name in (name for name in vars(kind) if not name.startswith("_")):
            assert f"`{name}`" in page or name in INNER, (kind, name)


def test_the_user_guide_runs_on_real_pictures(data: Path, tmp_path: Path) -> None:
    """Caltech-101: an image's nearest neighbor shows the same kind of object."""
    folders = sorted(folder for folder in (data / "general").iterdir() if folder.is_dir())[:12]
    for folder in folders:
        shutil.copytree(folder, tmp_path / "photos" / folder.name)
    images, edges = user_guide(tmp_path / "photos", tmp_path)
    assert share_of_same_folder(images, edges) > 0.85


# --- create --------------------------------------------------------------------------------------------------------


def test_a_model_tells_its_fields(model) -> None:
    assert model._list_fields() == FIELDS
    wanted = {
        "feature": "image", "label": None, "model": "resnet-50", "num_examples": 10, "num_features": 1,
        "input_image_shape": (3, 224, 224),
    }  # fmt: skip
    for name, value in wanted.items():
        assert model[name] == getattr(model, name) == value
    assert isinstance(model.training_time, float)
    assert set(FIELDS) <= set(dir(model))


def test_squeezenet_has_its_own_shapes(images) -> None:
    model = tc.image_similarity.create(images, model="squeezenet_v1.1", verbose=False)
    assert (model.model, model.input_image_shape) == ("squeezenet_v1.1", (3, 227, 227))
    found = tc.image_analysis.get_deep_features(images["image"].head(1), "squeezenet_v1.1", verbose=False)
    assert len(found[0]) == 1000


def test_apples_network_is_offered_on_macos_alone(capsys) -> None:
    extractor = open_extractor("VisionFeaturePrint_Screen", platform="darwin")
    assert (extractor.name, extractor.network.input_image_shape) == ("VisionFeaturePrint_Scene", (3, 299, 299))
    assert "VisionFeaturePrint_Scene" in capsys.readouterr().out
    with pytest.raises(tc.ToolkitError, match=r"^VisionFeaturePrint_Scene is not a valid option for model\. "):
        open_extractor("VisionFeaturePrint_Scene", platform="linux")


def test_a_model_tells_its_summary(model, capsys) -> None:
    summary = model.summary("dict")
    assert summary["section_titles"] == ["Schema", "Training summary"]
    assert summary["sections"][0] == [
        ("Number of examples", 10), ("Number of feature columns", 1), ("Input image shape", (3, 224, 224))
    ]  # fmt: skip
    assert [text for text, _ in summary["sections"][1]] == ["Training time (sec)"]
    text = model.summary("str")
    assert model.summary() is None
    assert model.summary("stdout") is None
    assert capsys.readouterr().out == f"{text}\n" * 2
    assert text == str(model) == repr(model)
    assert text.splitlines()[0] == f"{'Class'.ljust(40)} : ImageSimilarityModel"
    assert f"{'Number of examples'.ljust(40)} : 10" in text.splitlines()


def test_name_still_answers_with_a_warning(model) -> None:
    with pytest.warns(DeprecationWarning, match="name"):
        assert model.name() == "ImageSimilarityModel"


def test_labels_may_be_numbers_or_text(images) -> None:
    for values in ([100 + n for n in range(10)], [f"p{n}" for n in range(10)]):
        named = images.add_column(values, "sku")
        model = tc.image_similarity.create(named, label="sku", verbose=False)
        found = model.query(named[:2], k=1, verbose=False)
        assert found.column_types() == [int, type(values[0]), float, int]
        assert list(found["reference_label"]) == values[:2]
        assert list(found["query_label"]) == [0, 1]
        found = model.query(named[:2], label="sku", k=1, verbose=False)
        assert list(found["query_label"]) == values[:2]
        assert set(model.similarity_graph(k=2, verbose=False).vertices["__id"]) == set(values)


def test_features_take_the_place_of_images(images, features, model) -> None:
    """A table of features alone answers as its images do, and no image is touched."""
    assert features.dtype is array.array
    assert {len(row) for row in features} == {2048}
    table = tc.SFrame({"vector": features})
    by_features = tc.image_similarity.create(table, verbose=False)
    assert by_features.feature == "vector"
    wanted = rows(model.query(images, verbose=False))
    assert rows(by_features.query(table, verbose=False)) == wanted
    assert rows(by_features.query(features, verbose=False)) == wanted
    assert rows(by_features.query(features[3], verbose=False)) == rows(model.query(images["image"][3], verbose=False))
    assert rows(by_features.query(images["image"], verbose=False)) == wanted
    both = tc.image_similarity.create(tc.SFrame({"image": images["image"], "vector": features}), verbose=False)
    assert both.feature == "vector"
    broken = tc.SFrame({"image": [tc.Image()] * 10, "vector": features})
    assert tc.image_similarity.create(broken, feature="vector", verbose=False).num_examples == 10


def test_features_of_ones_own_are_compared_as_they_are() -> None:
    vectors = [array.array("d", [0.0] * 2045 + [x, 0.0, 4.0]) for x in (0.0, 3.0, 10.0)]
    model = tc.image_similarity.create(tc.SFrame({"f": vectors}), verbose=False)
    found = model.query(array.array("d", [0.0] * 2048), k=None, verbose=False)
    assert list(found["distance"]) == [4.0, 5.0, (100 + 16) ** 0.5]
    assert rows(model.query(np.zeros(2048), k=None, verbose=False)) == rows(found)


# --- query ---------------------------------------------------------------------------------------------------------


def test_an_answer_has_its_columns_types_and_order(images, model) -> None:
    found = model.query(images, verbose=False)
    assert found.column_names() == ANSWER
    assert found.column_types() == [int, int, float, int]
    assert list(found["query_label"]) == [n for n in range(10) for _ in range(5)]
    assert list(found["rank"]) == [1, 2, 3, 4, 5] * 10
    for query in range(10):
        distances = list(found[found["query_label"] == query]["distance"])
        assert distances == sorted(distances)
        assert distances[0] == 0.0


def test_a_copy_is_nearest_but_for_the_image_itself(images, model) -> None:
    [first, *_, last] = rows(model.query(images[9:10], k=3, verbose=False))
    assert (first["reference_label"], first["distance"]) == (9, 0.0)
    assert last["reference_label"] in (0, 1)


def test_k_and_radius_bound_the_answer(images, model) -> None:
    one = images["image"][0]
    assert len(model.query(one, k=50, verbose=False)) == 10
    everything = model.query(one, k=None, verbose=False)
    assert len(everything) == 10
    distances = list(everything["distance"])
    assert list(model.query(one, k=None, radius=distances[4], verbose=False)["distance"]) == distances[:5]
    assert len(model.query(one, k=2, radius=distances[4], verbose=False)) == 2
    assert list(model.query(one, radius=0, verbose=False)["distance"]) == [0.0]
    assert len(model.query(one, k=None, radius=0.0, verbose=False)) == 1
    far = model.query(images, k=None, radius=float(distances[1]) / 2, verbose=False)
    assert set(far["rank"]) == {1}


def test_a_query_is_a_table_a_column_or_an_image(images, model) -> None:
    wanted = rows(model.query(images[:1], verbose=False))
    assert rows(model.query(images["image"][:1], verbose=False)) == wanted
    assert rows(model.query(images["image"][0], verbose=False)) == wanted
    assert rows(model.query(images[:1], verbose=False, batch_size=1)) == wanted


# --- the graph -----------------------------------------------------------------------------------------------------


def test_the_graph_leaves_out_the_image_itself(images, model) -> None:
    graph = model.similarity_graph(k=3, verbose=False)
    assert isinstance(graph, tc.SGraph)
    assert graph.edges.column_types() == [int, int, float, int]
    assert not any(edge["__src_id"] == edge["__dst_id"] for edge in graph.edges)
    assert list(graph.edges["rank"]) == [1, 2, 3] * 10
    assert sorted(graph.vertices["__id"]) == list(range(10))
    assert graph.summary() == {"num_vertices": 10, "num_edges": 30}
    assert len(graph.get_edges(src_ids=4)) == 3
    assert rows(graph.get_vertices([4])) == [{"__id": 4}]
    assert "num_edges" in str(graph)
    with_itself = model.similarity_graph(k=3, include_self_edges=True, output_type="SFrame", verbose=False)
    assert rows(with_itself) == rows(model.query(images, k=3, verbose=False))


def test_a_graph_is_given_for_any_other_output(model) -> None:
    frame = model.similarity_graph(output_type="SFrame", verbose=False)
    assert isinstance(frame, tc.SFrame)
    assert frame.column_names() == ANSWER
    assert len(frame) == 50
    assert isinstance(model.similarity_graph(output_type="sframe", verbose=False), tc.SGraph)
    assert len(model.similarity_graph(k=None, verbose=False).edges) == 90


def test_equal_images_are_each_others_neighbors(images) -> None:
    twice = tc.image_similarity.create(images[:1].append(images[:1]), verbose=False)
    edges = rows(twice.similarity_graph(verbose=False).edges)
    assert edges == [
        {"__src_id": 0, "__dst_id": 1, "distance": 0.0, "rank": 1},
        {"__src_id": 1, "__dst_id": 0, "distance": 0.0, "rank": 1},
    ]


def test_a_graph_without_edges_is_empty(images) -> None:
    alone = tc.image_similarity.create(images[:1], verbose=False).similarity_graph(verbose=False)
    assert alone.summary() == {"num_vertices": 0, "num_edges": 0}
    assert tc.SGraph().summary() == {"num_vertices": 0, "num_edges": 0}


# --- saving --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [None, "sku"])
def test_a_loaded_model_is_the_same(images, tmp_path: Path, label) -> None:
    named = images.add_column([f"ä{n}" for n in range(10)], "sku")
    model = tc.image_similarity.create(named, label=label, verbose=False)
    model.save(tmp_path / "m.model")
    loaded = tc.load_model(str(tmp_path / "m.model"))
    assert type(loaded) is type(model)
    for name in FIELDS:
        if name not in ("feature_extractor", "similarity_model"):
            assert loaded[name] == model[name]
    assert loaded.feature_extractor.name == model.feature_extractor.name
    assert rows(loaded.query(named, verbose=False)) == rows(model.query(named, verbose=False))
    assert rows(loaded.similarity_graph(verbose=False).edges) == rows(model.similarity_graph(verbose=False).edges)


def test_saving_again_replaces_the_whole(images, model, tmp_path: Path) -> None:
    place = tmp_path / "m"
    tc.image_similarity.create(images[:3], verbose=False).save(place)
    loaded = tc.load_model(place)
    model.save(place)
    assert tc.load_model(place).num_examples == 10
    assert loaded.num_examples == len(loaded.query(images[:1], k=None, verbose=False)) == 3
    loaded.save(place)
    assert len(list(place.iterdir())) == 2
    assert tc.load_model(place).num_examples == 3


def test_what_is_no_saved_model_is_refused(images, model, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nothing"):
        tc.load_model("nothing")
    with pytest.raises(OSError, match="nothing"):
        tc.load_sframe(str(tmp_path))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(FileExistsError, match="other files"):
        model.save(tmp_path / "mine")
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
    with pytest.raises(FileExistsError, match="is a file"):
        model.save(tmp_path / "mine" / "letter.txt")
    images.save(tmp_path / "s")
    with pytest.raises(tc.ToolkitError, match="sframe"):
        tc.load_model(tmp_path / "s")


@pytest.mark.parametrize(
    "harm", ["not json", '{"kind": "image_similarity"}', '{"kind": "image_similarity", "version": 99}', "[]"]
)
def test_a_damaged_or_later_model_is_told(model, tmp_path: Path, harm: str) -> None:
    model.save(tmp_path / "m")
    (tmp_path / "m" / "archive.json").write_text(harm)
    with pytest.raises(tc.ToolkitError, match="later lookalike" if "99" in harm else "damaged"):
        tc.load_model(tmp_path / "m")


def test_a_model_with_damaged_numbers_is_told(model, tmp_path: Path) -> None:
    model.save(tmp_path / "m")
    [table] = (tmp_path / "m").glob("*.arrow")
    whole = table.read_bytes()
    table.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(tc.ToolkitError, match="damaged"):
        tc.load_model(tmp_path / "m")
    table.unlink()
    with pytest.raises(tc.ToolkitError, match="damaged"):
        tc.load_model(tmp_path / "m")


def test_a_model_of_another_encoder_takes_no_new_images(images, features, model, tmp_path: Path) -> None:
    model.save(tmp_path / "m")
    description = tmp_path / "m" / "archive.json"
    described = json.loads(description.read_text())
    described["fields"]["encoder_digest"] = "0" * 64
    description.write_text(json.dumps(described))
    older = tc.load_model(tmp_path / "m")
    with pytest.raises(tc.ToolkitError, match="another version of the encoder"):
        older.query(images, verbose=False)
    assert len(older.similarity_graph(verbose=False).edges) == 50


def test_core_ml_says_that_it_is_not_offered(model, tmp_path: Path) -> None:
    with pytest.raises(tc.ToolkitError, match="coremltools"):
        model.export_coreml(tmp_path / "m.mlmodel")


# --- errors --------------------------------------------------------------------------------------------------------


def test_toolkit_errors_are_where_they_were() -> None:
    assert tc.toolkits._main.ToolkitError is tc.ToolkitError
    assert importlib.import_module("lookalike.turi.toolkits._main").ToolkitError is tc.ToolkitError
    assert issubclass(tc.ToolkitError, RuntimeError)


def create(images, **options):
    return tc.image_similarity.create(images, verbose=False, **options)


CREATE_ERRORS = [
    (lambda f: create(f["image"]), TypeError, "'dataset' must be of type SFrame."),
    (lambda f: create(f[:0]), tc.ToolkitError, "Unable to train on empty dataset"),
    (lambda f: create(f, label="x"), tc.ToolkitError, "Row label column 'x' does not exist"),
    (lambda f: create(f, feature="x"), tc.ToolkitError, "Image feature column 'x' does not exist"),
    (lambda f: create(f, feature="id"), tc.ToolkitError, 'The "id" column of the sFrame neither has '),
    (lambda f: create(f[["id"]]), tc.ToolkitError, "No feature column specified and no column with expected type "),
    (
        lambda f: create(f.add_column(f["image"], "other")),
        tc.ToolkitError,
        "No feature column specified and no column with expected type ",
    ),
    (lambda f: create(f, model="x"), tc.ToolkitError, "x is not a valid option for model. "),
    (lambda f: create(f, batch_size=0), ValueError, "'batch_size' must be greater than or equal to 1"),
    (
        lambda f: create(tc.SFrame({"image": [f["image"][0], None]})),
        tc.ToolkitError,
        "Missing value (None) encountered in column ",
    ),
    (
        lambda f: create(f.add_column([n / 2 for n in range(10)], "half"), label="half"),
        TypeError,
        "Row labels must be integers or strings.",
    ),
    (lambda f: create(tc.SFrame({"f": [[1.0, 2.0]]}), feature="f"), tc.ToolkitError, 'column "f" holds arrays of 2 '),
    (
        lambda f: create(tc.SFrame({"f": [[float("nan")] * 2048]})),
        tc.ToolkitError,
        'column "f" holds numbers that are not finite',
    ),
    (lambda f: create(tc.SFrame({"i": [tc.Image()]})), tc.ToolkitError, 'row 0 of column "i": '),
]

QUERY_ERRORS = [
    (lambda m, f: m.query([1]), TypeError, "dataset must be either an SFrame, SArray or turicreate.Image"),
    (lambda m, f: m.query("a.jpg"), TypeError, "dataset must be either an SFrame, SArray or turicreate.Image"),
    (lambda m, f: m.query(f, batch_size=0), ValueError, "'batch_size' must be greater than or equal to 1"),
    (lambda m, f: m.query(f, k="5"), ValueError, "Input 'k' must be an integer."),
    (lambda m, f: m.query(f, k=2.0), ValueError, "Input 'k' must be an integer."),
    (lambda m, f: m.query(f, k=0), ValueError, "Input 'k' must be larger than 0."),
    (lambda m, f: m.query(f, radius="1"), ValueError, "Input 'radius' must be an integer or float."),
    (lambda m, f: m.query(f, radius=-1), ValueError, "Input 'radius' must be non-negative."),
    (lambda m, f: m.query(f, radius=float("nan")), ValueError, "Input 'radius' must be non-negative."),
    (lambda m, f: m.query(f, label="x"), RuntimeError, "Column name x does not exist."),
    (lambda m, f: m.query(f[["id"]]), RuntimeError, "Column name image does not exist."),
    (lambda m, f: m.query(f[:0]), tc.ToolkitError, "Input dataset either has no rows "),
    (lambda m, f: m.query(f["id"]), tc.ToolkitError, 'The "image" column of the sFrame neither has '),
    (lambda m, f: m.similarity_graph(k=1.5), ValueError, "Input 'k' must be an integer."),
    (lambda m, f: m.similarity_graph(k=-1), ValueError, "Input 'k' must be larger than 0."),
    (lambda m, f: m.similarity_graph(radius=[]), ValueError, "Input 'radius' must be an integer or float."),
    (lambda m, f: m.similarity_graph(radius=-0.5), ValueError, "Input 'radius' must be non-negative."),
    (lambda m, f: m["x"], ValueError, "There is no model field called x"),
    (lambda m, f: m.x, AttributeError, ""),
    (lambda m, f: m.summary("x"), tc.ToolkitError, 'Unsupported argument x for "summary" parameter.'),
    (lambda m, f: tc.config.set_num_gpus(-2), ValueError, "'num_gpus' must be either 0 or 1."),
    (lambda m, f: tc.image_analysis.load_images("/no/such"), tc.ToolkitError, "/no/such not found"),
    (lambda m, f: tc.Image("/no/such.jpg"), tc.ToolkitError, 'no such file: "/no/such.jpg"'),
    (lambda m, f: tc.Image(format="tiff"), tc.ToolkitError, '"tiff" is not an image format'),
    (lambda m, f: f["x"], RuntimeError, "Column name x does not exist."),
]


@pytest.mark.parametrize(("call", "kind", "begins"), CREATE_ERRORS, ids=[text[:40] for _, _, text in CREATE_ERRORS])
def test_what_create_refuses(images, call, kind, begins: str) -> None:
    with pytest.raises(kind) as raised:
        call(images)
    assert type(raised.value) is kind
    assert str(raised.value).startswith(begins)


@pytest.mark.parametrize(("call", "kind", "begins"), QUERY_ERRORS, ids=[text[:40] for _, _, text in QUERY_ERRORS])
def test_what_a_model_refuses(images, model, call, kind, begins: str) -> None:
    with pytest.raises(kind) as raised:
        call(model, images)
    assert type(raised.value) is kind
    assert str(raised.value).startswith(begins)


# --- image_analysis and Image --------------------------------------------------------------------------------------


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A folder with three good pictures, one broken, one of another suffix, and a folder below."""
    folder = tmp_path / "mixed"
    (folder / "below").mkdir(parents=True)
    draw(1).save(folder / "b.JPG")
    draw(2).save(folder / "below" / "a.png")
    draw(3).convert("L").save(folder / "gray.jpeg")
    draw(4).save(folder / "c.webp")
    (folder / "a.jpg").write_bytes((folder / "b.JPG").read_bytes()[:3000])
    return folder


def test_images_come_sorted_by_path_and_broken_ones_are_reported(mixed: Path, capsys) -> None:
    frame = tc.image_analysis.load_images(str(mixed))
    assert frame.column_names() == ["path", "image"]
    assert frame.column_types() == [str, tc.Image]
    assert list(frame["path"]) == [str(mixed / name) for name in ("b.JPG", "below/a.png", "gray.jpeg")]
    assert "a.jpg" in capsys.readouterr().out
    assert tc.image_analysis.load_images(str(mixed), with_path=False).column_names() == ["image"]
    assert len(tc.image_analysis.load_images(str(mixed), recursive=False)) == 2
    assert sorted(tc.image_analysis.load_images(str(mixed), random_order=True)["path"]) == list(frame["path"])
    assert rows(tc.image_analysis.load_images(mixed / "b.JPG")) == rows(frame[:1])
    with pytest.raises(tc.ToolkitError, match=r"a\.jpg"):
        tc.image_analysis.load_images(str(mixed), ignore_failure=False)


def test_a_folder_without_images_gives_an_empty_table(tmp_path: Path) -> None:
    frame = tc.image_analysis.load_images(str(tmp_path))
    assert frame.shape == (0, 2)
    assert frame.column_types() == [str, tc.Image]


def test_an_image_tells_its_size_and_pixels(mixed: Path, tmp_path: Path) -> None:
    image = tc.Image(str(mixed / "below" / "a.png"))
    assert (image.height, image.width, image.channels) == (240, 320, 3)
    assert np.array_equal(image.pixel_data, np.asarray(draw(2)))
    gray = tc.Image(mixed / "gray.jpeg", format="JPG")
    assert (gray.channels, gray.pixel_data.shape) == (1, (240, 320))
    clear = draw(5)
    clear.putalpha(90)
    clear.save(tmp_path / "clear.png")
    transparent = tc.Image(tmp_path / "clear.png")
    assert (transparent.channels, transparent.pixel_data.shape) == (4, (240, 320, 4))
    assert set(transparent.pixel_data[:, :, 3].ravel()) == {90}
    assert repr(image) == str(image) == "Height: 240px\nWidth: 320px\nChannels: 3\n"
    assert image == tc.Image(mixed / "below" / "a.png")
    assert image != gray
    assert len({image, tc.Image(mixed / "below" / "a.png")}) == 1
    assert image._repr_png_().startswith(b"\x89PNG")
    for name in ("copy.png", "copy.jpg", "copy.bmp"):
        image.save(tmp_path / name)
        with PILImage.open(tmp_path / name) as saved:
            assert saved.size == (320, 240)
    transparent.save(tmp_path / "flat.jpg")
    assert tc.Image(tmp_path / "flat.jpg").channels == 3
    empty = tc.Image()
    assert (empty.height, empty.width, empty.channels, empty.pixel_data.size) == (0, 0, 0, 0)


@pytest.mark.parametrize("decode", [False, True])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_resizing_gives_the_size_and_channels_asked_for(images, decode: bool, channels: int) -> None:
    small = tc.image_analysis.resize(images["image"][0], 32, 20, channels, decode=decode, resample="bilinear")
    assert (small.width, small.height, small.channels) == (32, 20, channels)
    assert small.pixel_data.shape == ((20, 32) if channels == 1 else (20, 32, channels))
    column = tc.image_analysis.resize(images["image"], 16, 16, channels, decode=decode)
    assert column.dtype is tc.Image
    model = tc.image_similarity.create(tc.SFrame({"image": column}), verbose=False)
    assert list(model.query(column, k=1, verbose=False)["distance"]) == [0.0] * 10


def test_resizing_keeps_the_channels_and_missing_images(images) -> None:
    assert tc.image_analysis.resize(images["image"][0], 8, 8).channels == 3
    column = tc.image_analysis.resize(tc.SArray([images["image"][0], None]), 8, 8)
    assert column[1] is None
    for wrong in ({"width": 0}, {"height": -1}, {"channels": 2}, {"resample": "cubic"}):
        with pytest.raises(ValueError, match=r"resi|resample"):
            tc.image_analysis.resize(images["image"][0], **{"width": 8, "height": 8, **wrong})
    with pytest.raises(TypeError, match="resize"):
        tc.image_analysis.resize("a.jpg", 8, 8)


def test_deep_features_want_images_and_a_known_model(images) -> None:
    with pytest.raises(TypeError, match="SArray"):
        tc.image_analysis.get_deep_features(images, "resnet-50")
    with pytest.raises(TypeError, match="SArray"):
        tc.image_analysis.get_deep_features(images["id"], "resnet-50")
    with pytest.raises(tc.ToolkitError, match=r"^x is not a valid option for model_name\. "):
        tc.image_analysis.get_deep_features(images["image"], "x")
    with pytest.raises(ValueError, match="batch_size"):
        tc.image_analysis.get_deep_features(images["image"], "resnet-50", batch_size=0)
    assert len(tc.image_analysis.get_deep_features(images["image"][:0], "resnet-50")) == 0


def test_gpus_are_remembered(capsys) -> None:
    assert tc.config.get_num_gpus() == 1
    for given, kept, says in ((0, 0, False), (1, 1, False), (-1, 1, True), (3, 1, True)):
        tc.config.set_num_gpus(given)
        assert tc.config.get_num_gpus() == kept
        assert bool(capsys.readouterr().out) is says


# --- SFrame --------------------------------------------------------------------------------------------------------


@pytest.fixture
def table() -> tc.SFrame:
    return tc.SFrame({"n": [3, 1, 2, None], "t": ["c", "a", None, "d"], "x": [0.5, 1.5, 2.5, 3.5]})


def test_a_table_gives_columns_rows_and_parts(table) -> None:
    assert (table.shape, len(table), table.num_rows(), table.num_columns()) == ((4, 3), 4, 4, 3)
    assert (table.column_names(), table.column_types()) == (["n", "t", "x"], [int, str, float])
    assert "n" in table
    assert "m" not in table
    assert table[0] == {"n": 3, "t": "c", "x": 0.5}
    assert table[-1] == {"n": None, "t": "d", "x": 3.5}
    assert rows(table[1:3]) == rows(table)[1:3]
    assert rows(table[-2:]) == rows(table)[-2:]
    assert rows(table[::2]) == rows(table)[::2]
    assert list(table["x"]) == [0.5, 1.5, 2.5, 3.5]
    assert table[["x", "n"]].column_names() == table.select_columns(["x", "n"]).column_names() == ["x", "n"]
    assert rows(table.head(2)) + rows(table.tail(2)) == rows(table)
    assert rows(table[table["x"] > 2]) == rows(table)[2:]
    assert rows(table[(table["x"] > 1) & (table["n"] == 1)]) == [table[1]]
    assert rows(table[(table["x"] > 3) | (table["n"] == 1)]) == [table[1], table[3]]
    with pytest.raises(IndexError, match="out of range"):
        table[4]
    with pytest.raises(TypeError, match="names no row"):
        table[1.5]
    with pytest.raises(IndexError, match="as many"):
        table[tc.SArray([1, 0])]


def test_a_table_is_made_of_many_things(table, tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": [1, 2], "t": ["a", "b"], "x": [0.5, np.nan]})
    assert rows(tc.SFrame(frame)) == [{"n": 1, "t": "a", "x": 0.5}, {"n": 2, "t": "b", "x": None}]
    assert rows(tc.SFrame(table)) == rows(table)
    assert rows(tc.SFrame([1, 2])) == rows(tc.SFrame(tc.SArray([1, 2]))) == [{"X1": 1}, {"X1": 2}]
    assert tc.SFrame({"v": np.arange(6.0).reshape(2, 3)})[1] == {"v": array.array("d", [3, 4, 5])}
    assert tc.SFrame().shape == (0, 0)
    assert str(tc.SFrame()) == "[]"
    table.save(tmp_path / "s")
    assert rows(tc.SFrame(str(tmp_path / "s"))) == rows(table)
    with pytest.raises(RuntimeError, match="equally long"):
        tc.SFrame({"a": [1], "b": [1, 2]})


def test_columns_are_set_added_renamed_and_removed(table) -> None:
    table["y"] = table["x"] * 2
    table["one"] = 1
    table["n"] = ["p", "q", "r", "s"]
    assert table.column_names() == ["n", "t", "x", "y", "one"]
    assert table[1] == {"n": "q", "t": "a", "x": 1.5, "y": 3.0, "one": 1}
    del table["one"]
    assert table.remove_column("y").column_names() == ["n", "t", "x"]
    assert "y" in table
    table.remove_column("y", inplace=True)
    assert "y" not in table
    assert table.rename({"n": "m"}).column_names() == ["m", "t", "x"]
    copy = table.copy()
    copy["z"] = 0
    assert "z" not in table
    empty = tc.SFrame()
    empty["a"] = [1, 2]
    assert rows(empty) == [{"a": 1}, {"a": 2}]
    empty["a"] = ["only", "other", "column"]
    assert len(empty) == 3
    with pytest.raises(RuntimeError, match='"w" has 1'):
        table["w"] = [1]
    with pytest.raises(RuntimeError, match="does not exist"):
        table.remove_column("w")


def test_row_numbers_come_first(table) -> None:
    numbered = table.add_row_number()
    assert numbered.column_names() == ["id", "n", "t", "x"]
    assert list(numbered["id"]) == [0, 1, 2, 3]
    assert list(table.add_row_number("row", start=5)["row"]) == [5, 6, 7, 8]
    assert "id" not in table
    table.add_row_number(inplace=True)
    assert "id" in table
    with pytest.raises(RuntimeError, match="already"):
        table.add_row_number()


def test_rows_are_filtered_by_values(table) -> None:
    assert list(table.filter_by([1, 2], "n")["t"]) == ["a", None]
    assert list(table.filter_by(tc.SArray(["c", "a"]), "t")["n"]) == [3, 1]
    assert list(table.filter_by("c", "t")["n"]) == [3]
    assert list(table.filter_by([1, 2], "n", exclude=True)["x"]) == [0.5, 3.5]
    assert len(table.filter_by([], "n")) == 0
    with pytest.raises(TypeError, match="str and int"):
        table.filter_by([1], "t")
    with pytest.raises(RuntimeError, match="does not exist"):
        table.filter_by([1], "m")


def test_rows_are_sorted_with_missing_values_as_the_smallest(table) -> None:
    assert list(table.sort("n")["n"]) == [None, 1, 2, 3]
    assert list(table.sort("n", ascending=False)["n"]) == [3, 2, 1, None]
    two = tc.SFrame({"a": [1, 0, 1, 0], "b": [1, 2, 3, 4]})
    assert list(two.sort("a")["b"]) == [2, 4, 1, 3]
    assert list(two.sort(["a", "b"], ascending=False)["b"]) == [3, 1, 4, 2]
    assert list(two.sort([("a", True), ("b", False)])["b"]) == [4, 2, 3, 1]
    assert list(table.topk("x", 2)["x"]) == [3.5, 2.5]
    assert list(table.topk("x", 1, reverse=True)["x"]) == [0.5]


def test_rows_with_missing_values_are_dropped(table) -> None:
    assert list(table.dropna()["x"]) == [0.5, 1.5]
    assert list(table.dropna("n")["x"]) == [0.5, 1.5, 2.5]
    assert len(table.dropna(["n", "t"], how="all")) == 4
    assert len(tc.SFrame({"a": [None, 1], "b": [None, None]}).dropna(how="all")) == 1
    assert tc.SFrame().dropna().shape == (0, 0)
    with pytest.raises(ValueError, match="how"):
        table.dropna(how="some")


def test_tables_are_appended_joined_grouped_and_split(table, images) -> None:
    assert rows(table.append(table[:1])) == [*rows(table), table[0]]
    assert rows(tc.SFrame().append(table)) == rows(table)
    with pytest.raises(RuntimeError, match="differ"):
        table.append(table[["n"]])
    assert len(table.append(table).unique()) == 4
    prices = tc.SFrame({"n": [1, 3, 9], "price": [10, 30, 90]})
    assert rows(table[["n", "x"]].join(prices)) == [
        {"n": 3, "x": 0.5, "price": 30}, {"n": 1, "x": 1.5, "price": 10}
    ]  # fmt: skip
    assert list(table.join(prices, on="n", how="left")["price"]) == [30, 10, None, None]
    assert 9 in list(table.join(prices, on="n", how="outer")["n"])
    shown = tc.SFrame({"reference_label": [2, 0]}).join(images, on={"reference_label": "id"})
    assert list(shown["image"]) == [images["image"][2], images["image"][0]]
    sums = tc.SFrame({"k": ["a", "b", "a"], "v": [1, 2, 4]}).groupby(
        "k", {"n": tc.aggregate.COUNT(), "sum": tc.aggregate.SUM("v"), "mean": tc.aggregate.MEAN("v")}
    )
    assert rows(sums) == [{"k": "a", "n": 2, "sum": 5, "mean": 2.5}, {"k": "b", "n": 1, "sum": 2, "mean": 2.0}]
    unnamed = sums.groupby("k", [tc.aggregate.MAX("n"), tc.aggregate.MIN("n"), tc.aggregate.COUNT_DISTINCT("n")])
    assert unnamed.column_names() == ["k", "Max of n", "Min of n", "Count Distinct of n"]
    first, second = images.random_split(0.5, seed=1)
    assert sorted([*first["id"], *second["id"]]) == list(range(10))


def test_a_function_sees_rows(table) -> None:
    assert list(table.apply(lambda row: row["x"] + 1)) == [1.5, 2.5, 3.5, 4.5]
    assert list(table.apply(lambda row: row["x"], dtype=str)) == ["0.5", "1.5", "2.5", "3.5"]


def test_a_table_becomes_a_dataframe(table, images) -> None:
    frame = table.to_dataframe()
    assert list(frame.columns) == ["n", "t", "x"]
    assert frame["x"].tolist() == [0.5, 1.5, 2.5, 3.5]
    assert images.to_dataframe()["image"][0] == images["image"][0]
    assert images.to_dataframe()["id"].dtype == np.int64


VALUES = {
    "i": [1, None], "f": [0.5, None], "s": ["ä,\n\"", None], "v": [array.array("d", [1, 2]), None],
    "l": [["a"], None], "d": [{"a": 1}, None], "t": [datetime.datetime(2026, 1, 2, 3, 4), None],
}  # fmt: skip


def test_a_saved_table_comes_back_with_all_types(images, tmp_path: Path) -> None:
    kinds = tc.SFrame({**VALUES, "image": [images["image"][0], None]})
    assert kinds.column_types() == [int, float, str, array.array, list, dict, datetime.datetime, tc.Image]
    kinds.save(str(tmp_path / "all.sframe"))
    loaded = tc.load_sframe(str(tmp_path / "all.sframe"))
    assert loaded.column_types() == kinds.column_types()
    assert rows(loaded) == rows(kinds)
    loaded.save(str(tmp_path / "all.sframe"))
    assert rows(loaded) == rows(tc.load_sframe(str(tmp_path / "all.sframe"))) == rows(kinds)


def test_csv_and_json_hold_numbers_and_text(table, images, tmp_path: Path) -> None:
    table["t"] = ['c,"', "a\nb", None, "d"]
    for name, format in (("a.csv", None), ("b.json", None), ("c.csv", "csv"), ("d.json", "json")):
        table.save(str(tmp_path / name), format=format)
        assert rows(tc.load_sframe(str(tmp_path / name))) == rows(table)
    assert rows(tc.SFrame.read_csv(tmp_path / "a.csv")) == rows(tc.SFrame.read_json(tmp_path / "b.json")) == rows(table)
    table.save(tmp_path / "named.csv", format="binary")
    assert (tmp_path / "named.csv").is_dir()
    with pytest.raises(tc.ToolkitError, match='remove_column\\("image"\\)'):
        images.save(str(tmp_path / "i.csv"))
    with pytest.raises(ValueError, match="format"):
        table.save(str(tmp_path / "x"), format="xml")
    with pytest.raises(OSError, match="none"):
        tc.load_sframe(str(tmp_path / "none.csv"))
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(tc.ToolkitError, match="JSON"):
        tc.load_sframe(str(tmp_path / "bad.json"))


def test_a_table_prints_its_first_ten_rows() -> None:
    answer = tc.SFrame({"query_label": list(range(100)), "distance": [0.0] * 100, "rank": [1] * 100, "t": ["ab"] * 100})
    wanted = """\
+-------------+----------+------+----+
| query_label | distance | rank | t  |
+-------------+----------+------+----+
|      0      |   0.0    |  1   | ab |
"""
    assert str(answer).startswith(wanted)
    assert str(answer).splitlines()[14] == "[100 rows x 4 columns]"
    assert str(answer[:2]).splitlines()[-1] == "[2 rows x 4 columns]"
    assert repr(answer).startswith("Columns:\n\tquery_label\tint\n\tdistance\tfloat\n")
    assert "\nRows: 100\n" in repr(answer)
    assert "<table" in answer._repr_html_()


def test_wide_tables_are_printed_one_below_the_other(capsys) -> None:
    wide = tc.SFrame({f"column_{n}": ["x" * 50] for n in range(4)})
    wide.print_rows(num_rows=1)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert sum("column_" in line for line in lines) == 2
    assert lines[-1] == "[1 rows x 4 columns]"
    wide.print_rows(num_columns=1, max_column_width=60)
    assert "x" * 50 in capsys.readouterr().out


def test_nothing_breaks_without_a_display(pictures: Path) -> None:
    """In a process of its own, with the targets as they are at first: a page is written, no window asked for."""
    code = (
        "from lookalike import turi as tc; import sys\n"
        "sf = tc.image_analysis.load_images(sys.argv[1])\n"
        "sf.explore(title='Pictures'); sf.show(); sf['image'].show(); sf['image'].explore(); sf['image'][0].show()\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, pictures],
        capture_output=True,
        text=True,
        env=without_display(),
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    pages = [Path(line.rsplit(" ", 1)[1]) for line in done.stdout.splitlines()]
    assert len(pages) == 5
    assert done.stdout.startswith("Pictures: see ")
    assert pages[0].read_text().count("data:image/jpeg;base64") == 10
    assert "path" in pages[1].read_text()
    for page in pages:
        page.unlink()


def test_targets_are_known_words() -> None:
    with pytest.raises(ValueError, match="target"):
        tc.visualization.set_target("printer")


# --- SArray --------------------------------------------------------------------------------------------------------


def test_a_column_compares_row_by_row() -> None:
    column = tc.SArray([1, 2, None, 4])
    for flags, wanted in (
        (column == 2, [0, 1, None, 0]),
        (column != 2, [1, 0, None, 1]),
        (column < 2, [1, 0, None, 0]),
        (column <= 2, [1, 1, None, 0]),
        (column > 1.5, [0, 1, None, 1]),
        (column >= tc.SArray([1, 3, 0, 4]), [1, 0, None, 1]),
        (column == None, [0, 0, 1, 0]),  # noqa: E711
        (column != None, [1, 1, 0, 1]),  # noqa: E711
        (column == "a", [0, 0, 0, 0]),
        (column != "a", [1, 1, 1, 1]),
    ):
        assert flags.dtype is int
        assert list(flags) == wanted
    assert list(tc.SArray(["a", "b"]) == "a") == [1, 0]
    assert list(column[column > 1]) == [2, 4]
    with pytest.raises(TypeError, match="do not go together"):
        column < "a"  # noqa: B015
    with pytest.raises(IndexError, match="row by row"):
        column == tc.SArray([1])  # noqa: B015


def test_a_column_computes_and_summarizes() -> None:
    column = tc.SArray([3, 1, None, 2])
    assert list(column + 1) == [4, 2, None, 3]
    assert list(column - column) == [0, 0, None, 0]
    assert list(column * 0.5) == [1.5, 0.5, None, 1.0]
    assert list(column / 2) == [1.5, 0.5, None, 1.0]
    assert list(tc.SArray(["a"]) + "b") == ["ab"]
    assert (column.sum(), column.mean(), column.min(), column.max(), column.nnz()) == (6, 2.0, 1, 3, 3)
    assert column.std() == pytest.approx((2 / 3) ** 0.5)
    assert (list(column.sort()), list(column.sort(ascending=False))) == ([None, 1, 2, 3], [3, 2, 1, None])
    assert (list(column.dropna()), column.countna(), list(column.fillna(0))) == ([3, 1, 2], 1, [3, 1, 0, 2])
    assert (list(column.head(2)), list(column.tail(1)), list(column.append(tc.SArray([9])))) == (
        [3, 1], [2], [3, 1, None, 2, 9]
    )  # fmt: skip
    assert list(column.is_in([1, 2])) == [0, 1, 0, 1]
    assert list(column.apply(lambda n: n * 2)) == [6, 2, None, 4]
    assert list(column.apply(lambda n: n is None, skip_na=False)) == [0, 0, 1, 0]
    assert list(column.astype(str)) == ["3", "1", None, "2"]
    assert column.astype(float).dtype is tc.SArray(column, float).dtype is float
    with pytest.raises(ValueError, match="invalid literal"):
        tc.SArray(["x"]).astype(int)
    with pytest.raises(TypeError, match="do not go together"):
        tc.SArray(["x"]) * 2


def test_a_column_gives_values_and_arrays(images) -> None:
    column = tc.SArray([3, 1, 3])
    assert (column[0], column[-1], list(column[1:]), list(column[::-1]), len(column), column.shape) == (
        3, 3, [1, 3], [3, 1, 3], 3, (3,)
    )  # fmt: skip
    assert list(column.unique()) == [3, 1]
    assert column.to_numpy().dtype == np.int64
    assert tc.SArray([0.5]).to_numpy().dtype == np.float64
    assert tc.SArray([1, None]).to_numpy().tolist() == [1, None]
    assert tc.SArray([[1, 2], [3, 4]]).to_numpy().tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert tc.SArray(["a", "bc"]).to_numpy().tolist() == ["a", "bc"]
    assert images["image"].to_numpy()[0] == images["image"][0]
    assert repr(column) == "dtype: int\nRows: 3\n[3, 1, 3]"
    assert str(tc.SArray(range(200))).endswith("98, 99, ... ]")
    with pytest.raises(TypeError, match="unique"):
        images["image"].unique()
    with pytest.raises(IndexError, match="out of range"):
        column[3]
    with pytest.raises(TypeError, match="unhashable"):
        hash(column)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2], int), ([True, False], int), ([1, 0.5], float), (["a"], str), ([[1, 2.5]], array.array),
        ([np.zeros(3)], array.array), ([["a"]], list), ([[]], list), ([{"a": 1}], dict), ([], float), ([None], float),
        (np.arange(3, dtype=np.uint8), int), (np.zeros(2, np.float32), float), (pd.Series([1, 2]), int),
        (pd.Series(["a", None]), str), (range(3), int), ([np.float32(1)], float), ([datetime.datetime.now()],
        datetime.datetime), ([tc.Image()], tc.Image),
    ],
)  # fmt: skip
def test_a_column_finds_out_its_type(values, dtype: type) -> None:
    column = tc.SArray(values)
    assert column.dtype is dtype
    assert len(column) == len(values)


@pytest.mark.parametrize("values", [[1, "a"], [object()], "abc", 5, [2**70], {"a": 1}, [["a", 1]]])
def test_what_is_no_column_is_refused(values) -> None:
    with pytest.raises(TypeError):
        tc.SArray(values)


def test_a_large_column_of_features_stays_compact() -> None:
    """Arrays are kept as numbers, not as objects: 8 bytes each."""
    frame = tc.SFrame({"f": np.ones((2000, 2048))})
    assert isinstance(frame.table, pa.Table)
    assert frame.table.nbytes < 2000 * 2048 * 8 * 1.01
    assert tc.image_similarity.create(frame, verbose=False).query(frame[:1], k=2, verbose=False)["distance"][1] == 0.0


def test_importing_lookalike_imports_no_table() -> None:
    code = "import lookalike, sys; assert not {'pyarrow', 'pandas', 'lookalike.turi'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    code = "from lookalike import turi as tc; tc.SFrame; import lookalike.turi as other; assert other is tc"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    code = "import lookalike.turi, sys; assert 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
