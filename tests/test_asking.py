"""What cannot be undone is asked for on a terminal, and what a collection is, is not changed by the way."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import draw

import lookalike
from lookalike.errors import ConflictError


def png(seed: int) -> bytes:
    stream = io.BytesIO()
    draw(seed, (32, 24)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with lookalike.open(tmp_path / "home") as library:
        shop = library.collection("shop", create=True, type="products", keep="thumbnail")
        for seed in range(3):
            shop.add(png(seed), id=str(seed))
    return tmp_path / "home"


def names(home: Path) -> list[str]:
    with lookalike.open(home) as library:
        return library.collections()


def ids(home: Path) -> list[str]:
    with lookalike.open(home) as library:
        return [record.id for record in library.collection("shop")]


def command(home: Path, *arguments: object) -> list[str]:
    return [sys.executable, "-m", "lookalike", *map(str, arguments), "--home", str(home)]


def typed(home: Path, answer: str, *arguments: object) -> tuple[int, str]:
    """Run a command on a terminal, where someone types an answer, and give its exit code and what was shown."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command(home, *arguments), stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        os.write(ours, answer.encode())
        shown = b""
        try:
            while block := os.read(ours, 1024):
                shown += block
        except OSError:  # the terminal's other end was closed
            pass
    os.close(ours)
    return process.returncode, shown.decode()


def test_a_collection_is_deleted_on_a_terminal_only_when_someone_says_yes(home: Path) -> None:
    code, shown = typed(home, "n\n", "delete", "shop")
    assert (code, names(home)) == (1, ["shop"])
    assert "3 records" in shown
    assert "Traceback" not in shown
    assert (typed(home, "y\n", "delete", "shop")[0], names(home)) == (0, [])


def test_yes_spares_the_question_and_a_script_is_not_asked(home: Path) -> None:
    assert typed(home, "", "remove", "0", "1", "--yes", "-c", "shop")[0] == 0
    assert ids(home) == ["2"]
    done = subprocess.run(command(home, "delete", "shop"), stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert (done.returncode, done.stdout, names(home)) == (0, 'deleted "shop"\n', [])


def test_several_records_and_keys_are_asked_for_and_one_record_is_not(home: Path) -> None:
    assert (typed(home, "n\n", "remove", "0", "1", "-c", "shop")[0], ids(home)) == (1, ["0", "1", "2"])
    assert (typed(home, "", "remove", "2", "-c", "shop")[0], ids(home)) == (0, ["0", "1"])
    subprocess.run(command(home, "decide", "keep", "0", "-c", "shop"), check=True, capture_output=True)
    with lookalike.open(home) as library:
        [decided] = library.ledger.effective()
    assert typed(home, "n\n", "decisions", "forget", decided.id)[0] == 1
    assert typed(home, "y\n", "decisions", "forget", decided.id)[0] == 0
    subprocess.run(command(home, "keys", "create", "--name", "till"), check=True, capture_output=True)
    assert typed(home, "n\n", "keys", "revoke", "till")[0] == 1
    listed = subprocess.run(command(home, "keys", "list"), check=True, capture_output=True, text=True).stdout
    assert "revoked" not in listed


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"type": "matching"}, "type products"),
        ({"keep": "none"}, "keep thumbnail"),
        ({"encoder": "builtin-accurate"}, "encoder builtin"),
        ({"type": "photos"}, "type products"),
    ],
)
def test_a_collection_that_is_something_else_is_refused_and_told(home: Path, asked: dict, told: str) -> None:
    with lookalike.open(home) as library:
        for _ in range(2):  # opened now, and open already
            with pytest.raises(ConflictError, match=told):
                library.collection("shop", create=True, **asked)
        assert len(library.collection("shop", create=True)) == 3
        assert len(library.collection("shop", create=True, type="products", keep="thumbnail")) == 3
        assert len(library.collection("shop", **asked)) == 3  # says how it would be made, and nothing is


def test_indexing_as_another_type_says_what_the_collection_is(home: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "9.png").write_bytes(png(9))
    (tmp_path / "more.jsonl").write_text('{"_id": "9", "_file": "more/9.png"}')
    for arguments in (
        ("index", tmp_path / "more", "--type", "matching"),
        ("index", tmp_path / "more", "--keep", "original"),
        ("index", tmp_path / "more", "--encoder", "builtin-accurate"),
        ("import", tmp_path / "more.jsonl", "--type", "photos"),
    ):
        done = subprocess.run(command(home, *arguments, "--collection", "shop"), capture_output=True, text=True)
        assert (done.returncode, "type products" in done.stderr) == (2, True)
    done = subprocess.run(command(home, "index", tmp_path / "more", "-c", "shop"), capture_output=True, text=True)
    assert done.returncode == 0
    assert ids(home) == ["0", "1", "2", "9.png"]
