"""The trash of a home: only files below allowed folders go there, they come back whole, and a kill loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import ROOT, draw
from marked import COPIES, contents, mark_copies, pictures_with_copies

import lookalike
from lookalike.core.library import Library
from lookalike.core.removal import applying
from lookalike.core.removal.plan import removals
from lookalike.core.removal.trash import Trash
from lookalike.errors import NotFoundError

AT = datetime(2026, 1, 31, 9, 35, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return pictures_with_copies(tmp_path / "photos")


@pytest.fixture
def library(tmp_path: Path, folder: Path) -> Iterator[Library]:
    """A library whose collection `photos` has a copy of each picture marked to go."""
    with lookalike.open(tmp_path / "home") as opened:
        mark_copies(opened, folder)
        yield opened


def trash_of(library: Library, *folders: Path) -> Trash:
    return Trash(library.settings.home, folders)


def test_marked_files_go_to_a_folder_of_the_home_and_come_back(library: Library, folder: Path) -> None:
    photos, trash, before = library.collection("photos"), trash_of(library, folder), contents(folder)
    applied = trash.apply(photos, trash.removals(photos), AT)
    place = library.settings.home / "trash" / "2026-01-31T09.35.00Z"
    assert {to for _, to in applied.moved} == {f"{place}{folder}/{name}" for name in COPIES}
    assert set(contents(folder)) == {"0.jpg", "4.jpg"}
    assert COPIES[0] not in photos
    [run] = trash.runs(photos)
    assert (run.batch, run.files, run.folder) == (applied.batch, 2, place)
    assert run.bytes == sum(len(before[name]) for name in COPIES) == applied.bytes
    assert place.stat().st_mode & 0o077 == 0

    back = trash.restore(photos)
    assert (len(back.moved), back.failed) == (2, ())
    assert contents(folder) == before
    assert COPIES[0] in photos
    assert trash.runs(photos) == []
    assert list((library.settings.home / "trash").iterdir()) == []  # nothing of the run is left
    assert len(trash.removals(photos)) == 2  # what was decided stands


def test_a_file_outside_of_the_folders_stays(library: Library, folder: Path) -> None:
    photos, trash = library.collection("photos"), trash_of(library, folder / "sub")
    found = {one.record.id: one.obstacle for one in trash.removals(photos)}
    assert found[COPIES[1]] is None
    assert found[COPIES[0]] is not None
    assert found[COPIES[0]].code == "move_refused"
    applied = trash.apply(photos, trash.removals(photos), AT)
    assert [Path(one).name for one, _ in applied.moved] == ["4 low.jpg"]
    assert [one.code for one in applied.failed] == ["move_refused"]
    assert trash_of(library).apply(photos, trash.removals(photos), AT).moved == ()


def test_links_are_followed_before_a_file_is_said_to_be_inside(library: Library, folder: Path, tmp_path: Path) -> None:
    photos = library.collection("photos")
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    (allowed / "door").symlink_to(folder)  # a folder that leads out
    (allowed / "4.jpg").symlink_to(folder / "4.jpg")  # a file that does
    (allowed / "way").symlink_to(allowed)  # and one that stays inside
    draw(6).save(allowed / "6.jpg", quality=92)
    draw(6).save(allowed / "6-low.jpg", quality=50)
    paths = {"out": "door/0-low.jpg", "link": "4.jpg", "in": "way/6-low.jpg", "kept": "6.jpg"}
    for record_id, path in paths.items():
        photos.add(os.path.join(allowed, path), id=record_id)
    photos.decisions.decide("delete", ["in"], beside=["kept"])
    photos.decisions.decide("delete", ["out"], beside=["0.jpg"])
    photos.decisions.decide("delete", ["link"], beside=["4.jpg"])
    trash = trash_of(library, allowed)
    applied = trash.apply(photos, trash.removals(photos), AT)
    assert [Path(one).name for one, _ in applied.moved] == ["6-low.jpg"]
    assert (allowed / "4.jpg").is_symlink()
    assert set(contents(folder)) == {"0.jpg", "4.jpg", *COPIES}


def test_only_the_pictures_that_are_named_go(library: Library, folder: Path) -> None:
    photos, trash = library.collection("photos"), trash_of(library, folder)
    trash.apply(photos, trash.removals(photos, [COPIES[0], "4.jpg"]), AT)
    assert set(contents(folder)) == {"0.jpg", "4.jpg", COPIES[1]}


def test_what_took_the_place_of_a_file_is_not_overwritten_by_its_return(library: Library, folder: Path) -> None:
    photos, trash, before = library.collection("photos"), trash_of(library, folder), contents(folder)
    applied = trash.apply(photos, trash.removals(photos), AT)
    (folder / COPIES[0]).write_bytes(b"something else")
    back = trash.restore(photos, applied.batch)
    assert (len(back.moved), [one.code for one in back.failed]) == (1, ["conflict"])
    assert (folder / COPIES[0]).read_bytes() == b"something else"
    [run] = trash.runs(photos)
    assert run.files == 1
    (folder / COPIES[0]).unlink()
    assert len(trash.restore(photos).moved) == 1
    assert contents(folder) == before


def test_nothing_is_brought_back_to_a_folder_that_is_not_allowed_any_more(library: Library, folder: Path) -> None:
    photos, trash = library.collection("photos"), trash_of(library, folder)
    trash.apply(photos, trash.removals(photos), AT)
    back = trash_of(library, folder / "sub").restore(photos)
    assert ([Path(one[1] or "").name for one in back.moved], len(back.failed)) == (["4 low.jpg"], 1)


def test_what_the_command_moved_elsewhere_is_not_of_this_trash(library: Library, folder: Path, tmp_path: Path) -> None:
    photos, trash = library.collection("photos"), trash_of(library, folder)
    applied = applying.apply(photos, removals(photos), applying.to_folder(tmp_path / "elsewhere"))
    assert trash.runs(photos) == []
    for batch in (None, applied.batch, "nothing"):
        with pytest.raises(NotFoundError):
            trash.restore(photos, batch)


# ---- a process that is killed between two steps


STEPS = """
import os, sys
from datetime import UTC, datetime
import lookalike
from lookalike import disk
from lookalike.core.collection import Collection
from lookalike.core.decisions.decisions import Decisions
from lookalike.core.removal.trash import Trash

home, folder, verb, step = sys.argv[1:]

def dies_before(owner, name, when=1):
    plain, calls = getattr(owner, name), [0]
    def killed(*given, **named):
        calls[0] += 1
        if calls[0] == when:
            os.kill(os.getpid(), 9)
        return plain(*given, **named)
    setattr(owner, name, killed)

def to_another_disk(*given):
    raise OSError(18, "another disk")

with lookalike.open(home) as library:
    photos, trash = library.collection("photos"), Trash(home, [folder])
    if step == "move":
        dies_before(disk, "move_file", 2)
    elif step == "copied":
        os.rename = to_another_disk
        dies_before(os, "unlink")
    elif step == "record":
        dies_before(Collection, "delete" if verb == "apply" else "add")
    elif step == "note":
        dies_before(Decisions, "take_back")
    if verb == "apply":
        trash.apply(photos, trash.removals(photos), datetime.now(UTC))
    else:
        trash.restore(photos)
"""


def killed_at(library: Library, folder: Path, verb: str, step: str) -> None:
    home = library.settings.home
    command = [sys.executable, "-c", STEPS, str(home), str(folder), verb, step]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("step", ["move", "copied", "record"])
def test_a_move_that_was_killed_is_finished_or_undone_by_the_next_start(
    library: Library, folder: Path, step: str
) -> None:
    before = contents(folder)
    killed_at(library, folder, "apply", step)
    trash, photos = trash_of(library, folder), library.collection("photos")
    lying = contents(library.settings.home / "trash")
    assert set(before.values()) <= {*contents(folder).values(), *lying.values()}  # nothing is lost
    assert trash.settle(library) == 1
    assert trash.settle(library) == 0
    moved = 0 if step == "copied" else 1
    assert len(contents(library.settings.home / "trash")) == moved
    assert len(contents(folder)) == len(before) - moved
    assert {one for one in before if one in photos} == set(contents(folder))  # records follow their files
    assert sum(run.files for run in trash.runs(photos)) == moved
    trash.apply(photos, trash.removals(photos), AT)
    assert set(contents(folder)) == {"0.jpg", "4.jpg"}
    while trash.runs(photos):
        assert trash.restore(photos).failed == ()
    assert contents(folder) == before
    assert set(photos.get_many(list(before))) == set(before)


@pytest.mark.parametrize("step", ["move", "copied", "record", "note"])
def test_a_return_that_was_killed_is_finished_or_undone_by_the_next_start(
    library: Library, folder: Path, step: str
) -> None:
    trash, photos, before = trash_of(library, folder), library.collection("photos"), contents(folder)
    trash.apply(photos, trash.removals(photos), AT)
    killed_at(library, folder, "restore", step)
    lying = contents(library.settings.home / "trash")
    assert set(before.values()) <= {*contents(folder).values(), *lying.values()}
    trash.settle(library)
    assert {one for one in before if one in photos} >= {one for one in contents(folder) if one != COPIES[1]}
    back = trash.restore(photos)
    assert back.failed == ()
    assert contents(folder) == before
    assert set(photos.get_many(list(before))) == set(before)
    assert trash.runs(photos) == []
    assert contents(library.settings.home / "trash") == {}


def test_a_file_that_a_person_put_back_is_not_taken_for_a_move_in_work(library: Library, folder: Path) -> None:
    trash, photos, before = trash_of(library, folder), library.collection("photos"), contents(folder)
    trash.apply(photos, trash.removals(photos), AT)
    (folder / COPIES[0]).write_bytes(before[COPIES[0]])
    photos.add(folder)
    assert trash.settle(library) == 0
    assert len(contents(library.settings.home / "trash")) == 2
