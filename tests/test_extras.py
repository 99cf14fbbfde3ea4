"""The plain install works without what only the extras bring, and says which one is missing."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from serving import API, Served

from lookalike.errors import ExtraMissingError, LookalikeError

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OPTIONAL = ("pandas", "pyarrow", "networkx")


def without(folder: Path, *modules: str) -> dict[str, str]:
    """Give the environment of Python processes for which some modules are not installed."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(f"import sys\nsys.modules.update(dict.fromkeys({modules!r}))\n")
    known = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(folder), *([known] if known else [])])}


class Plain:
    """A home with a few pictures, for processes of an install without extras."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        self.environment = without(folder / "bare", *OPTIONAL)

    def python(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **self.environment, "LOOKALIKE_HOME": str(self.home)}
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(
            command, env=environment, cwd=self.folder, capture_output=True, text=True, timeout=120, check=False
        )

    def lookalike(self, *arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = self.python("-m", "lookalike", *arguments)
        assert done.returncode == code, done.stderr
        return done


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Plain:
    made = Plain(tmp_path_factory.mktemp("plain"))
    for module in OPTIONAL:
        assert made.python("-c", f"import {module}").returncode == 1
    made.lookalike("index", pictures)
    return made


def test_the_command_line_needs_no_extra(plain: Plain, pictures: Path) -> None:
    found = json.loads(plain.lookalike("find", pictures / "a" / "0.jpg", "--limit", 2, "--json").stdout)
    assert found["matches"][0]["id"] == "a/0.jpg"
    groups = json.loads(plain.lookalike("duplicates", "--json").stdout)["groups"]
    assert any(member["id"] == "a/0-again.png" for group in groups for member in group["members"])
    plain.lookalike("graph", "--k", 2, "--output", "e.csv")
    plain.lookalike("graph", "--k", 2, "--output", "e.jsonl")
    with open(plain.folder / "e.csv", newline="") as stream:
        rows = [(row["source"], row["target"]) for row in csv.DictReader(stream)]
    lines = (plain.folder / "e.jsonl").read_text().splitlines()
    assert rows == [(edge["source"], edge["target"]) for edge in map(json.loads, lines)]
    assert len(rows) == 20


def test_the_server_needs_no_extra(plain: Plain) -> None:
    assert "Usage" in plain.lookalike("serve", "--help").stdout
    server = Served(plain.home, **plain.environment)
    try:
        found = server.post(f"{API}/collections/default/search", json={"like": ["id:a/0.jpg"], "limit": 2})
        assert found.status_code == 200, found.text
        assert len(found.json()["matches"]) == 2
    finally:
        server.stop()


def test_a_parquet_graph_names_the_line_that_installs_it(plain: Plain) -> None:
    (plain.folder / "e.parquet.partial").write_bytes(b"of an interrupted run")
    told = plain.lookalike("graph", "--output", "e.parquet", "--json", code=4).stderr
    assert json.loads(told)["error"]["code"] == "extra_missing"
    assert "pip install 'lookalike[graph]'" in told
    assert (plain.folder / "e.parquet.partial").read_bytes() == b"of an interrupted run"
    assert not (plain.folder / "e.parquet").exists()


@pytest.mark.parametrize(
    ("code", "extra", "module"),
    [
        ("lookalike.open().collection('default').graph().to_networkx()", "graph", "networkx"),
        ("lookalike.open().collection('default').graph().to_parquet('e.parquet')", "graph", "pyarrow"),
        ("from lookalike import turi", "turi", "pyarrow"),
        ("import lookalike.turi.image_similarity", "turi", "pyarrow"),
    ],
)
def test_what_an_extra_brings_says_its_line_without_it(plain: Plain, code: str, extra: str, module: str) -> None:
    done = plain.python("-c", f"import lookalike\n{code}")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("lookalike.errors.ExtraMissingError: ")
    assert f"needs {module}, which is not installed" in last
    assert last.endswith(f"pip install 'lookalike[{extra}]'")


def test_turi_misses_pandas_when_it_is_imported(tmp_path: Path) -> None:
    environment = os.environ | without(tmp_path / "bare", "pandas")
    code = "try:\n    import lookalike.turi\nexcept ImportError as error:\n    print(error.code, error.details)"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "extra_missing {'extra': 'turi', 'module': 'pandas'}", done.stderr


def test_a_missing_extra_is_one_of_ours_and_an_import_error() -> None:
    assert issubclass(ExtraMissingError, LookalikeError)
    assert issubclass(ExtraMissingError, ImportError)
    assert str(ExtraMissingError("words", extra="turi")) == "words"


def names(requirements: list[str]) -> set[str]:
    """Give the packages of requirement lines, as package indexes spell them; extras of our own are no package."""
    found = (re.match(r"[\w.-]+", line) for line in requirements if not line.startswith(("#", "lookalike[")))
    return {re.sub(r"[-_.]+", "-", match.group()).lower() for match in found if match}


def locked(name: str) -> set[str]:
    return names((ROOT / "requirements" / f"{name}.lock").read_text().splitlines())


def test_the_locks_part_what_the_extras_bring() -> None:
    extras = PROJECT["optional-dependencies"]
    assert extras["all"] == ["lookalike[turi,graph]"]
    optional = names(extras["turi"]) | names(extras["graph"])
    assert optional == set(OPTIONAL)
    assert names(PROJECT["dependencies"]) <= locked("runtime")
    assert optional <= locked("extras")
    assert names(extras["test"]) <= locked("test")
    assert not locked("runtime") & locked("extras")
    assert not (locked("runtime") | locked("extras")) & locked("test")
