"""What ARCHITECTURE.md says of adding things, tried on a copy of the package: the files it takes, and that it works."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from serving import Served

PACKAGE = Path(__file__).parent.parent / "src" / "lookalike"


class Scratch:
    """A copy of the package that a test changes; `touched` names the files that it changed or added."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.touched = folder, set[str]()
        shutil.copytree(PACKAGE, folder / "lookalike", ignore=shutil.ignore_patterns("__pycache__"))

    def add(self, name: str, text: str) -> None:
        """Add a file of the package."""
        path = self.folder / "lookalike" / name
        assert not path.exists()
        path.write_text(text)
        self.touched.add(name)

    def change(self, name: str, before: str, after: str) -> None:
        """Replace what stands once in a file of the package."""
        path = self.folder / "lookalike" / name
        text = path.read_text()
        assert text.count(before) == 1, f"{before!r} stands {text.count(before)} times in {name}"
        path.write_text(text.replace(before, after))
        self.touched.add(name)

    def run(self, code: str, *arguments: object, **environment: str) -> str:
        """Run code with the copy, and return what it prints."""
        command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
        told = {**os.environ, **environment}
        done = subprocess.run(command, cwd=self.folder, env=told, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def command(self, *arguments: object, **environment: str) -> str:
        """Run a command of the copy, and return what it prints."""
        return self.run("from lookalike.doors.cli.program import main; main()", *arguments, **environment)


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    return Scratch(tmp_path)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, color in {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220)}.items():
        picture = PIL.Image.effect_noise((64, 48), 30).convert("RGB")
        PIL.Image.blend(picture, PIL.Image.new("RGB", (64, 48), color), 0.8).save(folder / f"{name}.png")
    return folder


ENCODER = '''
"""A toy: the mean color of a picture, and of the colors that a text names."""

import numpy as np

from lookalike.encoders.base import ModelCard

WORDS = {"red": (1.0, 0.1, 0.1), "green": (0.1, 1.0, 0.1), "blue": (0.1, 0.1, 1.0)}


class MeanColor:
    card = ModelCard("mean-color", "toy", "c0ffee" * 10, {"semantic": 3}, 8, 8, "CC0-1.0", "drawn here")

    def encode(self, image):
        return {"semantic": unit(image.pixels.reshape(-1, 3).mean(axis=0))}

    def encode_text(self, text):
        return {"semantic": unit(np.mean([WORDS[word] for word in text.split() if word in WORDS], axis=0))}

    def close(self):
        pass


def unit(row):
    return (row / np.linalg.norm(row)).astype(np.float32)

'''

ASK_IN_WORDS = """
import sys
from lookalike.core.library import open_library
with open_library(sys.argv[1]) as library:
    shelf = library.collection("colors")
    words = library.describer("mean-color").embed_text(sys.argv[2])["semantic"]
    keys = shelf._store.neighbors("semantic", words[None], 1).keys[0]
    print(shelf._store.records(keys.tolist())[int(keys[0])].id)
    spaces = {one.name: (one.encoder, one.digest) for one in shelf.spec.spaces}
    print(spaces["semantic"] == ("mean-color", "c0ffee" * 10), spaces["hues"][0] == "", "copy" in spaces)
"""


def test_an_encoder_is_one_file_and_its_line_in_the_registry(scratch, pictures):
    scratch.add("encoders/mean_color.py", ENCODER)
    scratch.change(
        "encoders/registry.py",
        "}\nENCODERS = tuple(REGISTERED)",
        '    "mean-color": Registered(_mean_color, "a toy"),\n}\nENCODERS = tuple(REGISTERED)',
    )
    scratch.change(
        "encoders/registry.py",
        '_SPACES = ("semantic", "copy")',
        "def _mean_color(variant):\n    from lookalike.encoders.mean_color import MeanColor\n\n"
        "    return MeanColor()\n\n\n"
        '_SPACES = ("semantic", "copy")',
    )
    home = scratch.folder / "home"
    scratch.command("index", pictures, "--home", home, "-c", "colors", "--encoder", "mean-color")
    found = scratch.command("find", pictures / "red.png", "--home", home, "-c", "colors", "--json")
    first, *others = json.loads(found)["matches"]
    assert first["id"].endswith("red.png"), found
    assert first["score"] == 1.0, "of equal bytes"
    assert others
    assert all(0 < one["score"] == pytest.approx(0.999 * (1 - one["distance"]), abs=1e-3) for one in others), (
        "nobody has measured its distances: a plain line, and no band of another encoder"
    )
    assert scratch.run(ASK_IN_WORDS, home, "the green one").split()[0].endswith("green.png")
    assert scratch.run(ASK_IN_WORDS, home, "the blue one").split()[1:] == ["True", "True", "False"]
    scratch.command("samples", scratch.folder / "samples")
    scenes = [
        scratch.folder / "samples" / "scenes" / f"{name}-1.jpg"
        for name in ("sea", "snow", "fields", "forest", "aurora")
    ]
    scratch.command("index", *scenes, "--home", home, "-c", "scenes", "--encoder", "mean-color", "--keep", "thumbnail")
    groups = json.loads(scratch.command("duplicates", "--home", home, "-c", "scenes", "--json"))["groups"]
    assert groups == [], "what geometry looks at is not reduced to what the encoder takes"
    assert scratch.touched == {"encoders/mean_color.py", "encoders/registry.py"}


def test_a_condition_of_a_search_is_two_files(scratch, pictures):
    scratch.change(
        "query.py",
        "    max_distance: float | None\n",
        "    max_distance: float | None\n    min_distance: float | None\n",
    )
    scratch.change(
        "query.py",
        "    filter: Filter | None = _condition(",
        '    min_distance: float | None = _condition("Floor on the distance, inclusive.", _distance)\n'
        "    filter: Filter | None = _condition(",
    )
    scratch.change(
        "core/search/ranking.py",
        "        if self._query.max_distance is not None:\n            matching &=",
        "        if self._query.min_distance is not None:\n"
        "            matching &= shown(distances) >= self._query.min_distance\n"
        "        if self._query.max_distance is not None:\n            matching &=",
    )
    home = scratch.folder / "home"
    scratch.command("index", pictures, "--home", home)
    asked = ("find", "id:red.png", "--home", home, "--json")
    every = json.loads(scratch.command(*asked))["matches"]
    floor = max(one["distance"] for one in every)
    assert floor > 0
    kept = json.loads(scratch.command(*asked, "--min-distance", floor))
    assert [one["id"] for one in kept["matches"]] == [one["id"] for one in every if one["distance"] >= floor]
    assert kept["query"]["min_distance"] == floor
    [schema] = [
        one
        for name, one in json.loads(scratch.command("openapi"))["components"]["schemas"].items()
        if name == "SearchQuery"
    ]
    assert "min_distance" in schema["properties"]
    assert scratch.touched == {"query.py", "core/search/ranking.py"}


DIALECT = '''
"""A toy: GET /counted/NAME answers with the number of records, as plain text; so do refusals."""

from fastapi import APIRouter, Request, Response

from ..http.state import state_of
from .wire import Dialect, below

router = APIRouter()


@router.get("/counted/{name}")
def count(request: Request, name: str) -> Response:
    return plain(len(state_of(request).collection(request, name, "read")))


def plain(value, status=200):
    return Response(str(value), status, media_type="text/plain")


DIALECT = Dialect(
    "counted",
    below("/counted"),
    router,
    lambda scope, headers: headers.get("x-counting-key", ""),
    lambda refusal, scope: plain(f"no: {refusal.code}", refusal.status),
)
'''


def test_a_dialect_is_a_file_and_its_name_in_the_list(scratch, pictures):
    scratch.add("doors/dialects/counted.py", DIALECT)
    scratch.change(
        "doors/dialects/__init__.py",
        "from . import aspose, imagecompare,",
        "from . import aspose, counted, imagecompare,",
    )
    scratch.change("doors/dialects/__init__.py", " = (aspose.DIALECT,", " = (counted.DIALECT, aspose.DIALECT,")
    home = scratch.folder / "home"
    scratch.command("index", pictures, "--home", home, "-c", "colors")
    made = scratch.command("keys", "create", "--name", "reader", "--scope", "read", "--home", home)
    [secret] = set(re.findall(r"lk_\S+", made))
    server = Served(home, PYTHONPATH=str(scratch.folder))
    try:
        assert server.get("/counted/colors", headers={"x-counting-key": secret}).text == "3"
        refused = server.get("/counted/colors")
        assert (refused.status_code, refused.text) == (401, "no: key_needed")
        missing = server.get("/counted/others", headers={"x-counting-key": secret})
        assert (missing.status_code, missing.text) == (404, "no: collection_not_found")
    finally:
        server.stop()
    assert scratch.touched == {"doors/dialects/counted.py", "doors/dialects/__init__.py"}


def answers_of(scratch: Scratch, pictures: Path, store: str) -> dict[str, object]:
    """Run each command in a process of its own over a home that one store keeps, and return what people are told."""
    home, backup = scratch.folder / f"home of {store}", scratch.folder / f"backup of {store}"

    def told(*words: object) -> Any:
        return json.loads(scratch.command(*words, "--home", home, "--json", LOOKALIKE_STORE=store))

    def matches(*words: object) -> list[tuple[str, float, float]]:
        found = told("find", *words)["matches"]
        return [(one["id"], one["score"], one["distance"]) for one in found]

    def described() -> dict[str, object]:
        about = told("info", "default")
        kept = ("name", "type", "encoder", "fields", "records", "vectors", "search", "recall_target", "recall")
        return {name: about[name] for name in kept}

    scratch.command("index", pictures, "--home", home, LOOKALIKE_STORE=store)
    answers: dict[str, object] = {
        "info": described(),
        "find": matches(pictures / "red.png"),
        "by id": matches("id:blue.png", "--limit", 2),
        "filtered": matches(pictures / "red.png", "--filter", '{"_id": {"$in": ["blue.png", "green.png"]}}'),
        "duplicates": [
            (group["representative"], [one["id"] for one in group["members"]]) for group in told("duplicates")["groups"]
        ],
    }
    scratch.command("backup", backup, "--home", home, LOOKALIKE_STORE=store)
    scratch.command("remove", "red.png", "--home", home, LOOKALIKE_STORE=store)
    answers["removed"] = matches(pictures / "red.png"), described()
    scratch.command("restore", backup, "--name", "again", "--home", home, LOOKALIKE_STORE=store)
    answers["restored"] = matches(pictures / "red.png", "-c", "again")
    return answers


def test_a_store_is_one_file_and_its_line_in_the_registry(scratch, pictures):
    scratch.add("stores/pickled_store.py", (Path(__file__).parent / "pickled_store.py").read_text())
    embedded = '    "embedded": "embedded.home:EmbeddedStores",\n'
    scratch.change("stores/registry.py", embedded, embedded + '    "pickled": "pickled_store:PickledStores",\n')
    shutil.copy(pictures / "red.png", pictures / "red again.png")
    expected = answers_of(scratch, pictures, "embedded")
    assert answers_of(scratch, pictures, "pickled") == expected
    [(_, members)] = expected["duplicates"]
    assert sorted(members) == ["red again.png", "red.png"]
    assert expected["removed"][0][0][0] == "red again.png"
    assert {one[0] for one in expected["filtered"]} == {"blue.png", "green.png"}
    assert list((scratch.folder / "home of pickled" / "pickled").glob("*.pickle"))
    assert not (scratch.folder / "home of pickled" / "collections").exists()
    assert scratch.touched == {"stores/pickled_store.py", "stores/registry.py"}
