"""What one process changes while another one is at work stays: each test lets a second process write in between."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import draw

import lookalike
from lookalike.core.removal import applying
from lookalike.core.removal.plan import removals
from lookalike.errors import ConflictError


def elsewhere(library: lookalike.Library, work: str, name: str = "shared") -> None:
    """Run a statement about `photos`, the collection, in another process, and wait for it."""
    code = f"import lookalike\nwith lookalike.open({str(library.settings.home)!r}) as home:\n"
    code += f"    photos = home.collection({name!r})\n    {work}\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def once(work: Callable[[], None]) -> Callable[..., None]:
    """Make a callback that does something at its first call alone."""
    waiting = [work]

    def call(*_: Any) -> None:
        if waiting:
            waiting.pop()()

    return call


def before(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, work: Callable[[], None]) -> None:
    """Let something happen right before a method is first called."""
    method, act = getattr(owner, name), once(work)

    def acting(*given: Any, **named: Any) -> Any:
        act()
        return method(*given, **named)

    monkeypatch.setattr(owner, name, acting)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "shared"
    folder.mkdir()
    for seed in range(6):
        draw(seed, (64, 48)).save(folder / f"{seed}.jpg")
    return folder


@pytest.fixture
def photos(library: lookalike.Library, folder: Path) -> lookalike.Collection:
    photos = library.collection("shared", create=True)
    assert photos.add(folder).added == 6
    photos.update("5.jpg", {"title": "five"}, tags=["first"])
    return photos


def change(folder: Path) -> None:
    for seed in range(6):
        draw(seed + 10, (64, 48)).save(folder / f"{seed}.jpg")


def test_an_edit_while_changed_files_are_indexed_stays(
    library: lookalike.Library, photos: lookalike.Collection, folder: Path
) -> None:
    change(folder)
    edit = "photos.update('5.jpg', {'price': 9}, tags=['red'])"
    report = photos.add(folder, on_progress=once(lambda: elsewhere(library, edit)))
    assert report.updated == 6
    assert photos["5.jpg"].metadata == {"title": "five", "price": 9}
    assert photos["5.jpg"].tags == ("red",)


def test_a_record_that_another_process_adds_and_edits_first_keeps_its_fields(
    library: lookalike.Library, photos: lookalike.Collection, folder: Path
) -> None:
    draw(7, (64, 48)).save(folder / "7.jpg")
    change(folder)
    edit = f"photos.add({str(folder)!r}); photos.update('7.jpg', {{'price': 7}})"
    photos.add(folder, on_progress=once(lambda: elsewhere(library, edit)))
    assert photos["7.jpg"].metadata == {"price": 7}


def test_tags_that_come_while_a_list_gives_fields_alone_stay(
    library: lookalike.Library, photos: lookalike.Collection, folder: Path
) -> None:
    upload = {"_id": "5.jpg", "_bytes": (folder / "0.jpg").read_bytes(), "price": 2}
    first = {"_id": "new", "_bytes": (folder / "1.jpg").read_bytes()}
    edit = "photos.update('5.jpg', {'lost': 1}, tags=['kept'])"
    photos.add([first, upload], replace=True, on_progress=once(lambda: elsewhere(library, edit)))
    assert photos["5.jpg"].metadata == {"price": 2}  # what the list says holds whole
    assert photos["5.jpg"].tags == ("kept",)


def test_a_record_that_is_edited_while_its_file_is_pruned_stays(
    library: lookalike.Library, photos: lookalike.Collection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "4.jpg").unlink()
    (folder / "5.jpg").unlink()
    edit = "photos.update('5.jpg', {'price': 9})"
    before(monkeypatch, photos._store, "discard", lambda: elsewhere(library, edit))
    assert photos.add(folder, prune=True).removed == 1
    assert photos["5.jpg"].metadata == {"title": "five", "price": 9}
    assert "4.jpg" not in photos


def test_the_stamp_of_a_file_is_not_given_to_another_picture(
    library: lookalike.Library, photos: lookalike.Collection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "0.jpg").touch()
    other = folder.parent / "other.png"
    draw(9, (64, 48)).save(other)
    edit = f"photos.update('0.jpg', source={str(other)!r})"
    before(monkeypatch, photos._store, "restamp", lambda: elsewhere(library, edit))
    assert photos.add(folder).unchanged == 6
    assert (photos["0.jpg"].source, photos["0.jpg"].stamp[:3]) == (str(other), f"{other.stat().st_size}:"[:3])


def test_fields_that_two_processes_declare_are_both_declared(
    library: lookalike.Library, photos: lookalike.Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    before(monkeypatch, photos._store, "configure", lambda: elsewhere(library, "photos.declare(['color'])"))
    photos.declare(["price"])
    assert photos.spec.fields == ("color", "price")
    before(monkeypatch, photos._store, "configure", lambda: elsewhere(library, "photos.declare(['size'])"))
    photos.declare(drop=["price"])
    assert photos.spec.fields == ("color", "size")


def test_what_is_edited_while_decisions_are_applied_stays_and_comes_back(
    library: lookalike.Library, photos: lookalike.Collection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos.update("4.jpg", {"price": 4}, tags=["four"])
    photos.decisions.decide("delete", ["4.jpg"], beside=["5.jpg"])
    planned = removals(photos)
    edit = "photos.update('5.jpg', {'price': 9}, tags=['red']); photos.update('4.jpg', {'place': 'Rome'})"
    before(monkeypatch, photos, "update", lambda: elsewhere(library, edit))
    before(monkeypatch, photos, "delete", lambda: elsewhere(library, "photos.update('4.jpg', {'late': True})"))
    way = applying.to_folder(folder.parent / "gone")
    done = applying.apply(photos, planned, way, merge_metadata=True)
    assert (len(done.moved), done.failed) == (1, ())
    assert photos["5.jpg"].metadata == {"title": "five", "price": 9}  # its own price, as said meanwhile
    assert photos["5.jpg"].tags == ("red", "four")
    assert "4.jpg" not in photos
    applying.restore(lambda _: photos, [one for one in photos.decisions.events() if one.kind == "applied"])
    assert photos["4.jpg"].metadata == {"price": 4, "place": "Rome", "late": True}


def test_what_is_edited_while_a_record_moves_goes_along(
    library: lookalike.Library, photos: lookalike.Collection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "5.jpg").rename(folder / "beach.jpg")
    edit = "photos.update('5.jpg', {'price': 9}, tags=['red'])"
    before(monkeypatch, photos._store, "move", lambda: elsewhere(library, edit))
    assert photos.add(folder).moved == 1
    assert photos["beach.jpg"].metadata == {"title": "five", "price": 9}
    assert photos["beach.jpg"].tags == ("red",)


def test_a_record_that_gets_another_picture_while_its_file_moves_stays_where_it_is(
    library: lookalike.Library, photos: lookalike.Collection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = folder.parent / "other.png"
    draw(9, (64, 48)).save(other)
    (folder / "5.jpg").rename(folder / "beach.jpg")
    edit = f"photos.update('5.jpg', source={str(other)!r})"
    before(monkeypatch, photos._store, "move", lambda: elsewhere(library, edit))
    report = photos.add(folder)
    assert (report.moved, report.added) == (0, 1)
    assert (photos["5.jpg"].source, photos["5.jpg"].metadata) == (str(other), {"title": "five"})
    assert photos["beach.jpg"].metadata == {}


def test_two_processes_that_index_one_renamed_folder_move_each_record_once(
    library: lookalike.Library, photos: lookalike.Collection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "sub").mkdir()
    for seed in range(6):
        (folder / f"{seed}.jpg").rename(folder / "sub" / f"{seed}.jpg")
    before(monkeypatch, photos._store, "move", lambda: elsewhere(library, f"photos.add({str(folder)!r})"))
    report = photos.add(folder)
    assert (report.added, report.failed) == (0, ())
    assert [record.id for record in photos] == [f"sub/{seed}.jpg" for seed in range(6)]
    assert photos["sub/5.jpg"].metadata == {"title": "five"}


def test_what_is_edited_while_another_picture_is_encoded_stays(
    library: lookalike.Library, photos: lookalike.Collection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit = "photos.update('5.jpg', {'price': 9}, tags=['red'])"
    before(monkeypatch, photos._store, "revise", lambda: elsewhere(library, edit))
    photos.update("5.jpg", {"color": "blue"}, source=folder / "1.jpg")
    assert photos["5.jpg"].metadata == {"title": "five", "price": 9, "color": "blue"}
    assert photos["5.jpg"].tags == ("red",)


def test_a_collection_that_another_process_makes_first_is_opened(
    library: lookalike.Library, photos: lookalike.Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = "home.collection('new', create=True, type='products')"
    before(monkeypatch, library, "create", lambda: elsewhere(library, made))
    assert library.collection("new", create=True).spec.type == "products"
    before(monkeypatch, library, "create", lambda: elsewhere(library, made.replace("new", "other")))
    with pytest.raises(ConflictError, match="photos"):
        library.collection("other", create=True, type="photos")
