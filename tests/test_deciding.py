"""Deciding on the command line, and carrying out what was decided: files go to a trash folder and come back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click.testing
import PIL.Image
import pytest
from conftest import draw

import lookalike
from lookalike.core.collection import Collection
from lookalike.core.removal import applying
from lookalike.core.removal.plan import removals
from lookalike.doors.cli import program as cli
from lookalike.errors import ConflictError, InputError

AWKWARD = 'it\'s a $(touch pwned) `copy` "ünïcode" 写真.jpg'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder: two pictures with a poorer copy each, one of them under an awkward name."""
    made = tmp_path / "photos"
    (made / "sub").mkdir(parents=True)
    for seed, copy in ((0, "sub/0 low.jpg"), (4, AWKWARD)):
        draw(seed).save(made / f"{seed}.jpg", quality=92)
        draw(seed).save(made / copy, quality=50)
    return made


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def photos(folder: Path, home: Path) -> Iterator[Collection]:
    with lookalike.open(home) as library:
        opened = library.collection(create=True)
        opened.add(folder)
        yield opened


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Run a command in this process, and give its JSON, or its text without --json."""
    monkeypatch.setenv("LOOKALIKE_HOME", str(home))

    def call(*arguments: object, code: int = 0) -> Any:
        capsys.readouterr()
        assert cli.run([str(one) for one in arguments]) == code, capsys.readouterr().err
        told = capsys.readouterr()
        return json.loads(told.out) if "--json" in arguments else told.out + told.err

    return call


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


ALL = {"0.jpg", "sub/0 low.jpg", "4.jpg", AWKWARD}


# ---- deciding


def test_decisions_are_made_listed_and_taken_back(run: Callable[..., Any], photos: Collection) -> None:
    assert run("duplicates", "--json")["count"] == 2
    made = run("decide", "delete", "sub/0 low.jpg", "--beside", "0.jpg", "--json")
    assert (made["decision"], made["ids"], made["beside"]) == ("delete", ["sub/0 low.jpg"], ["0.jpg"])
    run("decide", "not-a-duplicate", "4.jpg", AWKWARD)
    run("decide", "later", "4.jpg")
    run("decide", "keep", "4.jpg", "--beside", AWKWARD)
    assert run("duplicates", "--json")["count"] == 0
    assert run("duplicates", "--include-decided", "--json")["count"] == 2
    listed = run("decisions", "list", "--json")
    assert [one["decision"] for one in listed["decisions"]] == ["keep", "later", "not_a_duplicate", "delete"]
    assert "not_a_duplicate" in run("decisions", "list")
    assert len(run("decisions", "undo", "--last", "--json")["undone"]) == 1
    assert run("decisions", "undo", made["id"], "--json")["undone"][0]["id"] == made["id"]
    assert run("duplicates", "--json")["count"] == 1
    run("decisions", "undo", made["id"], code=1)
    run("decisions", "undo", "nothing", code=2)
    run("decisions", "undo", code=2)
    run("decide", "keep", "nowhere.jpg", code=2)


def test_the_best_of_each_group_is_shown_first_and_decided_only_on_request(
    run: Callable[..., Any], photos: Collection
) -> None:
    shown = run("decide", "best-in-each-group", "--json")
    wanted = [
        {"keep": ["0.jpg"], "delete": ["sub/0 low.jpg"], "left": []},
        {"keep": ["4.jpg"], "delete": [AWKWARD], "left": []},
    ]
    assert shown["groups"] == wanted
    assert (shown["deleted"], shown["batch"]) == (2, None)
    assert shown["freed_bytes"] == sum(photos.get(one).byte_size for one in ("sub/0 low.jpg", AWKWARD))
    assert run("duplicates", "--json")["count"] == 2
    assert "--save" in run("decide", "best-in-each-group")

    saved = run("decide", "best-in-each-group", "--save", "--json")
    assert saved["groups"] == wanted
    assert run("duplicates", "--json")["count"] == 0
    run("decide", "best-in-each-group", code=1)
    assert len(run("decisions", "undo", saved["batch"], "--json")["undone"]) == 4
    assert run("duplicates", "--json")["count"] == 2


def test_the_rule_holds_only_for_the_groups_that_are_asked_for(run: Callable[..., Any], photos: Collection) -> None:
    shown = run("decide", "best-in-each-group", "--folder", "sub", "--json")
    assert [one["delete"] for one in shown["groups"]] == [["sub/0 low.jpg"]]
    run("decide", "best-in-each-group", "--relation", "mirrored", code=1)
    run("decide", "best-in-each-group", "--relation", "alike", code=2)
    run("decide", "best-in-each-group", "--folder", "sub", "--save")
    assert photos.decisions.ids_of("delete") == {"sub/0 low.jpg"}


def test_the_rule_leaves_alone_what_people_kept_or_put_off(run: Callable[..., Any], photos: Collection) -> None:
    run("decide", "keep", "sub/0 low.jpg", "--beside", "0.jpg")
    run("decide", "later", "4.jpg", AWKWARD)
    run("decide", "best-in-each-group", "--save", code=1)
    assert photos.decisions.ids_of("delete") == set()


def test_decisions_travel_by_a_file(run: Callable[..., Any], photos: Collection, tmp_path: Path) -> None:
    run("decide", "delete", AWKWARD, "--beside", "4.jpg")
    run("decisions", "export", tmp_path / "decisions.jsonl")
    there = tmp_path / "there"
    assert run("decisions", "merge", tmp_path / "decisions.jsonl", "--home", there, "--json") == {"added": 1, "read": 1}
    assert run("decisions", "merge", tmp_path / "decisions.jsonl", "--home", there, "--json")["added"] == 0
    assert run("decisions", "list", "--home", there, "--json")["decisions"][0]["ids"] == [AWKWARD]
    (tmp_path / "broken.jsonl").write_text('{"id": "1"}\n')
    run("decisions", "merge", tmp_path / "broken.jsonl", "--home", there, code=2)


# ---- carrying out


def test_nothing_is_moved_without_a_place_to_go(run: Callable[..., Any], photos: Collection, folder: Path) -> None:
    run("decide", "best-in-each-group", "--save")
    shown = run("decisions", "apply", "--json")
    assert [(one["id"], one["kept"]) for one in shown["removals"]] == [(AWKWARD, "4.jpg"), ("sub/0 low.jpg", "0.jpg")]
    assert "nothing was done" in run("decisions", "apply")
    assert files_in(folder) == ALL
    assert len(photos) == 4


def test_files_go_to_a_folder_and_come_back_with_their_records(
    run: Callable[..., Any], photos: Collection, folder: Path, tmp_path: Path
) -> None:
    photos.update("sub/0 low.jpg", {"price": 3}, tags=["low"])
    before = {path: (folder / path).read_bytes() for path in ALL}
    run("decide", "best-in-each-group", "--save")
    trash = tmp_path / "trash"
    moved = run("decisions", "apply", "--trash", trash, "--json")
    assert files_in(folder) == {"0.jpg", "4.jpg"}
    assert {one["to"] for one in moved["moved"]} == {f"{trash}{folder}/{name}" for name in (AWKWARD, "sub/0 low.jpg")}
    assert {Path(one["to"]).read_bytes() for one in moved["moved"]} == {before[AWKWARD], before["sub/0 low.jpg"]}
    assert set(photos.get_many(list(ALL))) == {"0.jpg", "4.jpg"}
    assert run("decisions", "apply", "--json")["removals"] == []

    restored = run("decisions", "undo", moved["batch"], "--json")["restored"]
    assert len(restored["moved"]) == 2
    assert {path: (folder / path).read_bytes() for path in ALL} == before
    assert files_in(trash) == set()
    back = photos.get("sub/0 low.jpg")
    assert (dict(back.metadata), back.tags) == ({"price": 3}, ("low",))
    assert run("decisions", "apply", "--json")["count"] == 2  # the decision itself stands


def test_taking_back_a_decision_brings_back_its_file(
    run: Callable[..., Any], photos: Collection, folder: Path, tmp_path: Path
) -> None:
    made = run("decide", "delete", AWKWARD, "--beside", "4.jpg", "--json")
    run("decisions", "apply", "--trash", tmp_path / "trash")
    undone = run("decisions", "undo", made["id"], "--json")
    assert (len(undone["undone"]), len(undone["restored"]["moved"])) == (1, 1)
    assert files_in(folder) == ALL
    assert run("duplicates", "--json")["count"] == 2


def test_a_file_that_came_back_by_itself_is_still_decided_on(
    run: Callable[..., Any], photos: Collection, folder: Path, tmp_path: Path
) -> None:
    copy = folder / "sub" / "0 low.jpg"
    data = copy.read_bytes()
    run("decide", "delete", "sub/0 low.jpg", "--beside", "0.jpg")
    run("decisions", "apply", "--trash", tmp_path / "trash")
    copy.write_bytes(data)
    photos.add(folder)
    assert {group.representative for group in photos.duplicates()} == {"4.jpg"}
    assert run("decisions", "apply", "--trash", tmp_path / "trash", "--json")["moved"][0]["to"].endswith(
        "0 low (2).jpg"
    )


def test_the_metadata_of_what_goes_is_merged_on_request(
    run: Callable[..., Any], photos: Collection, tmp_path: Path
) -> None:
    photos.update("0.jpg", {"year": 2024}, tags=["sea"])
    photos.update("sub/0 low.jpg", {"year": 1999, "place": "Rome"}, tags=["sun", "sea"])
    run("decide", "delete", "sub/0 low.jpg", "--beside", "0.jpg")
    shown = run("decisions", "apply", "--json")["removals"][0]
    assert shown["gained"] == {"metadata": {"place": "Rome"}, "tags": ["sun"]}
    assert "Rome" in run("decisions", "apply")
    run("decisions", "apply", "--merge-metadata", code=2)
    run("decisions", "apply", "--trash", tmp_path / "trash", "--merge-metadata")
    kept = photos.get("0.jpg")
    assert (dict(kept.metadata), kept.tags) == ({"year": 2024, "place": "Rome"}, ("sea", "sun"))


def test_a_trash_folder_may_lie_on_another_disk(photos: Collection, folder: Path, tmp_path: Path) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or os.stat(other).st_dev == os.stat(tmp_path).st_dev:
        pytest.skip("there is no second disk here")
    photos.decisions.decide("delete", [AWKWARD], beside=["4.jpg"])
    with tempfile.TemporaryDirectory(dir=other) as trash:
        applied = applying.apply(photos, removals(photos), applying.to_folder(trash))
        assert files_in(folder) == ALL - {AWKWARD}
        assert [Path(name).name for name in files_in(Path(trash))] == [AWKWARD]
        assert applying.restore(lambda _: photos, photos.decisions.events()[-1:]).failed == ()
    assert (applied.failed, files_in(folder)) == ((), ALL)


@pytest.mark.parametrize("trouble", ["changed", "kept gone", "kept changed", "missing", "saved anew", "in the way"])
def test_a_file_stays_when_something_is_wrong_and_the_rest_goes(
    run: Callable[..., Any], photos: Collection, folder: Path, tmp_path: Path, trouble: str
) -> None:
    run("decide", "best-in-each-group", "--save")
    copy, best = folder / "sub" / "0 low.jpg", folder / "0.jpg"
    if trouble == "changed":
        copy.write_bytes(copy.read_bytes() + b"x")
    elif trouble == "kept gone":
        best.unlink()
    elif trouble == "kept changed":
        draw(5).save(best)
    elif trouble == "missing":
        copy.unlink()
    elif trouble == "saved anew":
        PIL.Image.open(copy).convert("RGB").save(copy, quality=80)
        photos.add(folder)
    else:
        (tmp_path / "trash").mkdir()
        (tmp_path / "trash" / folder.parts[1]).write_bytes(b"a file where a folder should be")
    told = run("decisions", "apply", "--trash", tmp_path / "trash", "--json", code=3)
    if trouble == "in the way":
        assert (len(told["failed"]), files_in(folder)) == (2, ALL)
        (tmp_path / "trash" / folder.parts[1]).unlink()
        run("decisions", "apply", "--trash", tmp_path / "trash")
        assert files_in(folder) == {"0.jpg", "4.jpg"}
        return
    assert [Path(one["from"]).name for one in told["moved"]] == [AWKWARD]
    assert [Path(one["source"]).name for one in told["failed"]] == ["0 low.jpg"]
    assert copy.exists() == (trouble != "missing")


def test_a_run_that_was_killed_between_note_and_move_goes_on(
    photos: Collection, folder: Path, tmp_path: Path, home: Path
) -> None:
    """What is written first is undone or done again, and no file is lost, wherever the run ended."""
    photos.decisions.decide("delete", ["sub/0 low.jpg"], beside=["0.jpg"])
    [removal] = removals(photos)
    way = applying.to_folder(tmp_path / "trash")
    source = Path(removal.record.source or "")
    target = way.target(source)
    photos.decisions.note_applied(removal.event, removal.record, target, "killed before the move")
    applied = applying.apply(photos, removals(photos), way)
    assert (len(applied.moved), applied.failed) == (1, ())

    with lookalike.open(home) as library:
        undone, restored = applying.undo(library.ledger, library.collection, [removal.event.id])
        assert (len(undone), restored.failed) == (1, ())
    assert files_in(folder) == ALL


def test_a_run_that_was_killed_behind_the_move_drops_the_record(
    photos: Collection, folder: Path, tmp_path: Path
) -> None:
    photos.decisions.decide("delete", ["sub/0 low.jpg"], beside=["0.jpg"])
    [removal] = removals(photos)
    way = applying.to_folder(tmp_path / "trash")
    source = Path(removal.record.source or "")
    target = way.target(source)
    photos.decisions.note_applied(removal.event, removal.record, target, "killed behind the move")
    way.move(source, target)
    applied = applying.apply(photos, removals(photos), way)
    assert applied.moved == ((str(source), str(target)),)
    assert "sub/0 low.jpg" not in photos


def test_a_file_whose_place_is_taken_is_not_restored_over_it(
    run: Callable[..., Any], photos: Collection, folder: Path, tmp_path: Path
) -> None:
    run("decide", "best-in-each-group", "--save")
    moved = run("decisions", "apply", "--trash", tmp_path / "trash", "--json")
    draw(7).save(folder / "sub" / "0 low.jpg")
    told = run("decisions", "undo", moved["batch"], "--json", code=3)["restored"]
    assert len(told["moved"]) == 1
    assert "taken by another file" in told["failed"][0]["message"]
    (folder / "sub" / "0 low.jpg").unlink()
    assert len(run("decisions", "undo", moved["batch"], "--json")["restored"]["moved"]) == 1
    assert files_in(folder) == ALL


def test_both_of_two_equal_files_never_go(run: Callable[..., Any], photos: Collection, folder: Path) -> None:
    shutil.copy(folder / "0.jpg", folder / "0-same.jpg")
    photos.add(folder)
    run("decide", "delete", "0-same.jpg", "--beside", "0.jpg")
    run("decide", "delete", "0.jpg", "--beside", "0-same.jpg")
    told = run("decisions", "apply", "--json", code=3)
    assert {one["obstacle"]["code"] for one in told["removals"]} == {"nothing_kept"}


@pytest.mark.parametrize("choice", ["delete", "keep"])
@pytest.mark.parametrize(
    ("ids", "beside"),
    [
        (["0.jpg"], ["0.jpg"]),
        (["0.jpg", "4.jpg"], ["4.jpg", "4.jpg"]),
        (["0.jpg", "4.jpg"], ["4.jpg", "0.jpg"]),
        ([AWKWARD], [unicodedata.normalize("NFD", AWKWARD)]),  # the same id, as another system spells it
    ],
)
def test_no_picture_stands_beside_itself(
    run: Callable[..., Any], photos: Collection, choice: str, ids: list[str], beside: list[str]
) -> None:
    said = run("decide", choice, *ids, *(word for one in beside for word in ("--beside", one)), code=2)
    assert "cannot stand beside itself" in said
    assert "Name another record" in said
    with pytest.raises(InputError, match="beside itself"):
        photos.decisions.decide_all([("delete", ["sub/0 low.jpg"], ["0.jpg"]), ("delete", ids, beside)])
    assert photos.decisions.events() == ()  # none of a batch with one that is refused


def test_a_group_may_be_named_whole_beside_one_of_its_pictures(photos: Collection) -> None:
    made = photos.decisions.decide("delete", ["sub/0 low.jpg"], beside=["0.jpg", "sub/0 low.jpg"])
    assert [one.id for one in made.beside] == ["0.jpg"]


def test_an_upload_has_no_file_to_move(photos: Collection, folder: Path) -> None:
    photos.add((folder / "0.jpg").read_bytes(), id="upload")
    photos.decisions.decide("delete", ["upload"], beside=["0.jpg"])
    [removal] = removals(photos)
    assert removal.obstacle is not None
    assert removal.obstacle.code == "no_file"


def test_the_script_moves_what_it_names_whatever_the_names_hold(
    run: Callable[..., Any], photos: Collection, folder: Path, tmp_path: Path
) -> None:
    run("decide", "best-in-each-group", "--save")
    script = tmp_path / "go.sh"
    assert run("decisions", "apply", "--script", script, "--json")["script"] == str(script)
    assert files_in(folder) == ALL
    (folder / "0.jpg").unlink()  # what is kept has to be there
    done = subprocess.run(["sh", script, tmp_path / "trash"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "0 low.jpg" in done.stderr
    assert files_in(folder) == {"4.jpg", "sub/0 low.jpg"}
    assert (tmp_path / f"trash{folder}" / AWKWARD).exists()
    assert not (tmp_path / "pwned").exists()
    assert subprocess.run(["sh", script], capture_output=True, text=True).returncode != 0  # without a folder


@pytest.mark.skipif(os.name != "posix" or os.uname().sysname == "Darwin", reason="the trash of freedesktop.org")
@pytest.mark.parametrize(
    "place", ["/dev/null", "/dev/null/trash", "note.txt/trash", "fifo", "broken link", "broken link/a", "link/x"]
)
def test_a_place_where_no_folder_can_be_is_refused_once_before_anything(
    run: Callable[..., Any], photos: Collection, folder: Path, tmp_path: Path, place: str
) -> None:
    (tmp_path / "note.txt").write_text("a file")
    os.mkfifo(tmp_path / "fifo")
    os.symlink(tmp_path / "nowhere", tmp_path / "broken link")
    os.symlink(tmp_path / "note.txt", tmp_path / "link")
    run("decide", "best-in-each-group", "--save")
    said = run("decisions", "apply", "--trash", tmp_path / place, code=2)
    assert said.count("cannot be a folder to move pictures to") == 1
    assert "Name another one" in said
    assert files_in(folder) == ALL
    assert "moved" not in said


def test_files_go_to_the_trash_of_the_system(
    run: Callable[..., Any], photos: Collection, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    run("decide", "delete", AWKWARD, "--beside", "4.jpg")
    moved = run("decisions", "apply", "--system-trash", "--json")
    assert moved["moved"] == [{"from": str(folder / AWKWARD), "to": None}]
    assert files_in(folder) == ALL - {AWKWARD}
    told = run("decisions", "undo", moved["batch"], "--json", code=3)
    assert "trash of the system" in told["restored"]["failed"][0]["message"]


def test_every_command_has_help_with_an_example() -> None:
    for group in ("decide", "decisions"):
        command = cli.cli.commands[group]
        assert isinstance(command, click.Group)
        for one in (command, *command.commands.values()):
            assert "Example:\n" in (one.help or ""), one.name


def test_a_carried_out_deletion_is_not_undone_from_afar(photos: Collection, tmp_path: Path) -> None:
    made = photos.decisions.decide("delete", ["sub/0 low.jpg"], beside=["0.jpg"])
    applying.apply(photos, removals(photos), applying.to_folder(tmp_path / "trash"))
    with pytest.raises(ConflictError):
        photos.decisions.undo([made.id])


# ---- other collections with the same file


@pytest.fixture
def other(photos: Collection, folder: Path, home: Path) -> Iterator[Collection]:
    """Another collection of the home with the same folder, and one with none of it."""
    with lookalike.open(home) as library:
        library.create("empty")
        opened = library.create("album")
        opened.add(folder)
        yield opened


def test_before_a_file_goes_that_another_collection_has_too_that_is_told(
    run: Callable[..., Any], photos: Collection, other: Collection, folder: Path, tmp_path: Path
) -> None:
    run("decide", "delete", "sub/0 low.jpg", "--beside", "0.jpg")
    [told] = run("decisions", "apply", "--json")["removals"]
    assert (told["elsewhere"], told["obstacle"]) == (["album"], None)
    shown = run("decisions", "apply")
    assert "also  in album" in shown
    assert '1 file of these is in other collections, too: "album"' in shown
    assert "empty" not in shown
    assert '# also in "album"' in run("decisions", "apply", "--script", "-")
    moved = run("decisions", "apply", "--trash", tmp_path / "trash")
    assert "moved 1 file" in moved
    assert 'in other collections, too: "album"' in moved
    assert "sub/0 low.jpg" in other
    assert other.count_gone() == 1
    assert "`lookalike index --prune` takes the record away" in run("decisions", "apply", "-c", "album", code=3)
    assert len(run("decisions", "undo", "--last", "--json")["restored"]["moved"]) == 1
    assert files_in(folder) == ALL
    assert (photos.count_gone(), other.count_gone()) == (0, 0)


def test_what_another_collection_lacks_goes_without_a_word(
    run: Callable[..., Any], photos: Collection, other: Collection
) -> None:
    other.delete(["sub/0 low.jpg"])
    run("decide", "delete", "sub/0 low.jpg", "--beside", "0.jpg")
    assert "other collections" not in run("decisions", "apply")
    assert run("decisions", "apply", "--json")["removals"][0]["elsewhere"] == []


@pytest.mark.parametrize("link", [False, True])
def test_a_file_stays_while_a_record_of_another_collection_that_is_not_to_go_has_it(
    run: Callable[..., Any], photos: Collection, home: Path, folder: Path, tmp_path: Path, link: bool
) -> None:
    """A decision of a key that is bound to one collection is none in any other."""
    source = folder / "sub/0 low.jpg"
    if link:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere/b.jpg").symlink_to(source)
    with lookalike.open(home) as library:
        library.create("album").add(tmp_path / "elsewhere/b.jpg" if link else source, id="b")
    photos.within(["default"]).decisions.decide("delete", ["sub/0 low.jpg"], beside=["0.jpg"])
    shown = run("decisions", "apply", code=3)
    assert 'same_file: "' in shown
    assert 'record "b" of collection "album", which is not to go, is this very file' in shown
    assert "moved 0 files" in run("decisions", "apply", "--trash", tmp_path / "trash", code=3)
    assert run("decisions", "apply", "--script", "-", code=3).count("\nmove ") == 0
    assert files_in(folder) == ALL


def test_a_collection_that_cannot_be_asked_is_told_and_stops_nothing(
    run: Callable[..., Any], photos: Collection, other: Collection, home: Path
) -> None:
    run("decide", "delete", "sub/0 low.jpg", "--beside", "0.jpg")
    other.close()
    [file] = (home / "collections").glob("album-*/records.sqlite")
    file.write_bytes(b"no database at all" * 100)
    for log in file.parent.glob("records.sqlite-*"):
        log.unlink()
    shown = run("decisions", "apply")
    assert '"album" was not asked whether it has one of the files' in shown
    assert "1 file to go" in shown
