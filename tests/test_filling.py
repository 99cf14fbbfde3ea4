"""What index and import leave behind, and say, when there was nothing to add or all of it failed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import draw

import lookalike
from lookalike.doors.cli import program

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process, and return what it printed."""
    monkeypatch.setenv("LOOKALIKE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def call(*words: str, code: int = 0) -> str:
        assert program.run([*words]) == code
        told = capsys.readouterr()
        return told.out + told.err

    return call


def names() -> list[str]:
    with lookalike.open() as library:
        return library.collections()


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A folder with a file that is called a picture and is none."""
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    (tmp_path / "lines.jsonl").write_text('{"_id": "1", "_file": "nowhere.jpg"}\n')
    return folder


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["index", "broken"], 3),
        (["index", "broken", "http://127.0.0.1:9/a.jpg"], 3),
        (["import", "lines.jsonl"], 3),
        (["index", "broken", "--prefix", "\x01"], 2),
        (["index", "broken", "--prune", "--type", "colors"], 3),
    ],
)
def test_what_failed_wholly_leaves_no_collection_that_it_made(
    run: Run, broken: Path, words: list[str], code: int
) -> None:
    said = run(*words, "--collection", "fresh", code=code)
    assert names() == []
    assert ('no collection "fresh" was made' in said) == (code == 3)
    run("create", "fresh")  # what was there before stays, empty or not
    run(*words[:2], "--collection", "fresh", code=3)
    assert names() == ["fresh"]


def test_what_failed_in_part_leaves_what_was_added(run: Run, broken: Path) -> None:
    draw(1).save(broken / "good.jpg")
    run("index", "broken", "--collection", "fresh", code=3)
    assert json.loads(run("info", "fresh", "--json"))["records"] == 1


def test_a_folder_without_pictures_is_told_with_the_files_looked_at(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    assert "nothing was there to add" in run("index", "notes")
    for number in range(2):
        (folder / f"{number}.txt").write_text("words")
        files = "1 file" if number == 0 else "2 files"
        assert f"no pictures found: {files} looked at, none of which is a picture" in run("index", "notes")
    draw(1).save(folder / "a.jpg")
    assert "no pictures" not in run("index", "notes")
    assert "no pictures" not in run("index", "notes")  # unchanged
