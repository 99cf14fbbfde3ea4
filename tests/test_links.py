"""Links among pictures: one file by two paths is one picture, and what is kept is never moved from under a link."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import draw

import lookalike
from lookalike.core.collection import Collection
from lookalike.core.removal import applying
from lookalike.core.removal import script as scripts
from lookalike.core.removal.plan import freed_by, removals
from lookalike.errors import InputError

Link = Callable[[Path], None]


def _symbolic(root: Path) -> None:
    (root / "album").mkdir()
    (root / "album/a.jpg").symlink_to("../photos/a.jpg")


def _absolute(root: Path) -> None:
    (root / "album").mkdir()
    (root / "album/a.jpg").symlink_to(root / "photos/a.jpg")


def _hard(root: Path) -> None:
    (root / "album").mkdir()
    os.link(root / "photos/a.jpg", root / "album/a.jpg")


def _folder(root: Path) -> None:
    (root / "album").symlink_to("photos")


def _chain(root: Path) -> None:
    (root / "album").mkdir()
    (root / "between").mkdir()
    (root / "between/x.jpg").symlink_to("../photos/a.jpg")
    (root / "album/a.jpg").symlink_to("../between/x.jpg")


def _folder_in_the_middle(root: Path) -> None:
    (root / "real").mkdir()
    (root / "real/deep").mkdir()
    (root / "real/deep/a.jpg").symlink_to("../../photos/a.jpg")
    (root / "album").symlink_to("real/deep")


KINDS = (_symbolic, _absolute, _hard, _folder, _chain, _folder_in_the_middle)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__.strip("_"))
def linked(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with photos/a.jpg, and album/a.jpg that is the same file in one of many ways."""
    root = tmp_path / "root"
    (root / "photos").mkdir(parents=True)
    draw(0).save(root / "photos/a.jpg", quality=92)
    make: Link = request.param
    make(root)
    return root


def _added(library: lookalike.Library, root: Path, *paths: str) -> Collection:
    collection = library.collection(create=True)
    records = [{"_id": path, "_file": str(root / path)} for path in paths]
    assert collection.add(records).failed == ()
    return collection


def test_a_file_by_two_paths_is_no_duplicate_of_itself(library: lookalike.Library, linked: Path) -> None:
    collection = _added(library, linked, "photos/a.jpg", "album/a.jpg")
    assert len(collection.duplicates()) == 0
    assert collection.review.best_of_each() == ()
    assert collection.review.page().groups == ()


def test_a_copy_beside_a_link_is_still_found_and_frees_its_own_bytes_only(
    library: lookalike.Library, linked: Path
) -> None:
    draw(0).save(linked / "photos/copy.jpg", quality=40)
    collection = _added(library, linked, "album/a.jpg", "photos/a.jpg", "photos/copy.jpg")
    [group] = collection.duplicates()
    assert len(group.members) == 2
    assert "photos/copy.jpg" in {member.id for member in group.members}
    [best] = collection.review.best_of_each()
    assert best.deleted == ("photos/copy.jpg",)
    assert best.freed_bytes == (linked / "photos/copy.jpg").stat().st_size


@pytest.mark.parametrize(("gone", "kept"), [("photos/a.jpg", "album/a.jpg"), ("album/a.jpg", "photos/a.jpg")])
def test_what_is_kept_through_a_link_is_never_moved(
    library: lookalike.Library, linked: Path, tmp_path: Path, gone: str, kept: str
) -> None:
    collection = _added(library, linked, "photos/a.jpg", "album/a.jpg")
    collection.decisions.decide("delete", [gone], beside=[kept])
    [removal] = removals(collection)
    assert removal.obstacle is not None
    assert removal.obstacle.code == "same_file"
    applied = applying.apply(collection, [removal], applying.to_folder(tmp_path / "trash"))
    assert (applied.moved, applied.bytes) == ((), 0)
    assert {collection.original(one) or (linked / one).read_bytes() for one in (gone, kept)} == {
        (linked / kept).read_bytes()
    }


def test_a_third_picture_beside_does_not_lift_the_guard(
    library: lookalike.Library, linked: Path, tmp_path: Path
) -> None:
    """`photos/a.jpg` gives way to a better copy, but `album/a.jpg`, which is to be kept, leads to it."""
    draw(0, (640, 480)).save(linked / "photos/large.jpg", quality=92)
    collection = _added(library, linked, "album/a.jpg", "photos/a.jpg", "photos/large.jpg")
    collection.decisions.decide("keep", ["album/a.jpg"], beside=["photos/a.jpg"])
    collection.decisions.decide("delete", ["photos/a.jpg"], beside=["photos/large.jpg", "album/a.jpg"])
    applied = applying.apply(collection, removals(collection), applying.to_folder(tmp_path / "trash"))
    assert [failure.code for failure in applied.failed] == ["conflict"]
    assert (linked / "album/a.jpg").read_bytes() == (linked / "photos/a.jpg").read_bytes()

    collection.decisions.decide("delete", ["album/a.jpg"], beside=["photos/large.jpg"])
    applied = applying.apply(collection, removals(collection), applying.to_folder(tmp_path / "trash"))
    assert applied.failed == ()
    assert not os.path.lexists(linked / "photos/a.jpg")
    assert not os.path.lexists(linked / "album/a.jpg")
    assert [record.id for record in collection] == ["photos/large.jpg"]

    _, restored = applying.undo(library.ledger, library.collection, [applied.batch])
    assert restored.failed == ()
    assert (linked / "album/a.jpg").read_bytes() == (linked / "photos/a.jpg").read_bytes()
    assert len(collection) == 3


def test_a_copy_that_has_another_name_elsewhere_frees_nothing(library: lookalike.Library, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    draw(0).save(root / "good.jpg", quality=92)
    draw(0).save(root / "poor.jpg", quality=40)
    os.link(root / "poor.jpg", tmp_path / "elsewhere.jpg")
    collection = _added(library, root, "good.jpg", "poor.jpg")
    [best] = collection.review.best_of_each()
    assert (best.deleted, best.freed_bytes) == (("poor.jpg",), 0)
    collection.review.keep_best()
    applied = applying.apply(collection, removals(collection), applying.to_folder(tmp_path / "trash"))
    assert (len(applied.moved), applied.bytes) == (1, 0)


def test_the_script_looks_for_links_that_came_later(library: lookalike.Library, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    draw(0).save(root / "good.jpg", quality=95)
    draw(0).save(root / "poor.jpg", quality=50)
    collection = _added(library, root, "good.jpg", "poor.jpg")
    collection.decisions.decide("delete", ["poor.jpg"], beside=["good.jpg"])
    script = tmp_path / "move.sh"
    script.write_text(scripts.script(removals(collection)))

    (root / "good.jpg").unlink()
    (root / "good.jpg").symlink_to("poor.jpg")
    told = subprocess.run(["sh", str(script), str(tmp_path / "out")], capture_output=True, text=True, check=True)
    assert "very file" in told.stderr
    assert (root / "good.jpg").exists()

    (root / "good.jpg").unlink()
    draw(0).save(root / "good.jpg", quality=95)
    subprocess.run(["sh", str(script), str(tmp_path / "out")], check=True)
    assert not (root / "poor.jpg").exists()
    assert (tmp_path / f"out{root}/poor.jpg").is_file()


def test_the_script_moves_across_disks_and_brings_links_as_links(library: lookalike.Library, tmp_path: Path) -> None:
    other = Path("/dev/shm") / f"lookalike-{os.getpid()}"
    if not other.parent.is_dir() or other.parent.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs /dev/shm as another disk")
    root = tmp_path / "root"
    root.mkdir()
    draw(0).save(root / "a.jpg")
    (root / "link.jpg").symlink_to("a.jpg")
    collection = _added(library, root, "a.jpg", "link.jpg")
    collection.decisions.decide("delete", ["a.jpg", "link.jpg"])
    held = (root / "a.jpg").read_bytes()
    try:
        script = scripts.script(removals(collection))
        subprocess.run(["sh", "-s", str(other)], input=script, text=True, check=True)
        assert os.listdir(root) == []
        assert Path(f"{other}{root}/a.jpg").read_bytes() == held
        assert os.readlink(f"{other}{root}/link.jpg") == "a.jpg"
    finally:
        subprocess.run(["rm", "-rf", str(other)], check=True)


def test_a_file_that_is_there_by_two_paths_counts_once(library: lookalike.Library, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "view").symlink_to(folder)
    draw(0).save(folder / "a.jpg", quality=92)
    draw(0).save(folder / "copy.jpg", quality=40)
    collection = _added(library, tmp_path, "data/a.jpg", "data/copy.jpg", "view/copy.jpg")
    collection.decisions.decide("delete", ["data/copy.jpg"], beside=["data/a.jpg"])
    size = (folder / "copy.jpg").stat().st_size
    chosen = [one for one in removals(collection) if one.obstacle is None]
    assert {one.record.id for one in chosen} == {"data/copy.jpg", "view/copy.jpg"}
    assert freed_by(chosen) == size
    applied = applying.apply(collection, chosen, applying.to_folder(tmp_path / "trash"))
    assert (applied.bytes, applied.failed, len(list((tmp_path / "trash").rglob("*.jpg")))) == (size, (), 1)
    _, restored = applying.undo(library.ledger, library.collection, [applied.batch])
    assert (restored.bytes, restored.failed) == (size, ())
    assert len(collection) == 3


def test_the_root_of_a_disk_is_no_folder_to_move_pictures_to() -> None:
    with pytest.raises(InputError, match="root of a disk"):
        applying.to_folder("/")


def test_the_script_moves_nothing_whose_kept_picture_changed(library: lookalike.Library, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 1), ("c", 2)):
        draw(seed).save(tmp_path / f"{name}.jpg", quality=92)
        draw(seed).save(tmp_path / f"{name} copy.jpg", quality=40)
    names = [f"{name}{rest}.jpg" for name in "abc" for rest in ("", " copy")]
    collection = _added(library, tmp_path, *names)
    for name in "abc":
        collection.decisions.decide("delete", [f"{name} copy.jpg"], beside=[f"{name}.jpg"])
    script = scripts.script(removals(collection))
    (tmp_path / "a.jpg").write_bytes(b"")  # emptied, replaced by another picture, and the copy itself painted over
    draw(5).save(tmp_path / "b.jpg")
    draw(6).save(tmp_path / "c copy.jpg")
    told = subprocess.run(["sh", "-s", str(tmp_path / "out")], input=script, text=True, check=True, capture_output=True)
    assert told.stderr.count("stays, for") == 3
    assert not (tmp_path / "out").exists()
    assert all((tmp_path / name).exists() for name in names)
