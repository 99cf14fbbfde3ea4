"""Files that are moved, renamed, copied or gone: what becomes of their records."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from conftest import Mounts, draw

import lookalike
from lookalike.errors import InputError, PruneRefusedError
from lookalike.records import Outcome


def fill(folder: Path, seeds: range | list[int]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        draw(seed, (64, 48)).save(folder / f"{seed}.jpg")
    return folder


@pytest.fixture
def lib(tmp_path: Path) -> Path:
    return fill(tmp_path / "lib" / "2019", range(4)).parent


@pytest.fixture
def photos(library: lookalike.Library, lib: Path) -> lookalike.Collection:
    photos = library.collection("lib", create=True)
    assert photos.add(lib).added == 4
    for record in photos:
        photos.update(record.id, {"title": f"title of {record.id}"}, tags=[record.id])
    return photos


def titles(photos: lookalike.Collection) -> dict[str, str]:
    """Give what is titled, by the place that it has now: the first path of each record by its id."""
    return {record.id: str(record.metadata.get("title", ""))[len("title of ") :] for record in photos}


def assert_settled(photos: lookalike.Collection, folder: Path) -> None:
    """Index again: nothing changes any more, and ids are those of the files."""
    before = list(photos)
    report = photos.add(folder)
    assert (report.added, report.updated, report.moved, report.failed) == (0, 0, 0, ())
    assert list(photos) == before
    assert {record.source for record in before} == {str(path) for path in folder.rglob("*.jpg")}
    assert photos.check() == []


def test_a_renamed_folder_keeps_its_titles_and_tells_moves(photos: lookalike.Collection, lib: Path) -> None:
    keys = photos._store.keys([record.id for record in photos])
    decided = photos.decisions.decide("keep", ["2019/1.jpg"], beside=["2019/2.jpg"])
    (lib / "2019").rename(lib / "2019-trip")
    outcomes: list[Outcome] = []
    report = photos.add(lib, on_outcome=outcomes.append)
    assert (report.moved, report.added, report.failed) == (4, 0, ())
    assert "4 moved" in str(report)
    assert {(one.kind, one.id) for one in outcomes} == {("moved", f"2019-trip/{n}.jpg") for n in range(4)}
    assert titles(photos) == {f"2019-trip/{n}.jpg": f"2019/{n}.jpg" for n in range(4)}
    assert photos["2019-trip/1.jpg"].tags == ("2019/1.jpg",)
    assert sorted(photos._store.keys(list(titles(photos))).values()) == sorted(keys.values())
    assert photos.decisions.kinds(["2019-trip/1.jpg"]) == {"2019-trip/1.jpg": "keep"}
    assert decided
    assert photos.search("id:2019-trip/1.jpg", limit=1)[0].id == "2019-trip/1.jpg"
    assert_settled(photos, lib)


def test_a_renamed_file_keeps_its_title_also_where_only_the_case_changes(
    photos: lookalike.Collection, lib: Path
) -> None:
    (lib / "2019" / "0.jpg").rename(lib / "2019" / "beach.jpg")
    (lib / "2019" / "1.jpg").rename(lib / "2019" / "1.JPG")
    assert photos.add(lib).moved == 2
    assert titles(photos)["2019/beach.jpg"] == "2019/0.jpg"
    assert titles(photos)["2019/1.JPG"] == "2019/1.jpg"


def test_a_file_that_is_copied_and_moved_leaves_one_record_with_each(photos: lookalike.Collection, lib: Path) -> None:
    shutil.copy2(lib / "2019" / "0.jpg", lib / "copy.jpg")
    report = photos.add(lib)
    assert (report.added, report.moved, report.unchanged) == (1, 0, 4)
    (lib / "2019" / "0.jpg").rename(lib / "moved.jpg")
    report = photos.add(lib)
    assert (report.added, report.moved) == (0, 1)
    assert (titles(photos)["moved.jpg"], titles(photos)["copy.jpg"]) == ("2019/0.jpg", "")
    assert_settled(photos, lib)


def test_two_equal_files_that_move_keep_a_title_each(photos: lookalike.Collection, lib: Path) -> None:
    shutil.copy2(lib / "2019" / "0.jpg", lib / "2019" / "twin.jpg")
    photos.add(lib)
    photos.update("2019/twin.jpg", {"title": "title of twin"})
    (lib / "2019").rename(lib / "2020")
    assert photos.add(lib).moved == 5
    assert (titles(photos)["2020/0.jpg"], titles(photos)["2020/twin.jpg"]) == ("2019/0.jpg", "twin")
    assert_settled(photos, lib)


@pytest.mark.parametrize(("kept", "gone"), [("a", "b"), ("b", "a")])
def test_equal_files_that_move_keep_their_decisions(
    library: lookalike.Library, tmp_path: Path, kept: str, gone: str
) -> None:
    photos = library.collection("twins", create=True)
    for name in "ab":
        fill(tmp_path / "twins" / name, [1])
    photos.add(tmp_path / "twins")
    photos.decisions.decide("keep", [f"{kept}/1.jpg"], beside=[f"{gone}/1.jpg"])
    photos.decisions.decide("delete", [f"{gone}/1.jpg"], beside=[f"{kept}/1.jpg"])
    now = {"a": "m", "b": "k"}
    for turn in ("", "2", "3"):  # also when they move on
        for old, new in now.items():
            before = old if not turn else new + {"2": "", "3": "2"}[turn]
            (tmp_path / "twins" / before).rename(tmp_path / "twins" / f"{new}{turn}")
            photos.add(tmp_path / "twins")
        kinds = {f"{now[kept]}{turn}/1.jpg": "keep", f"{now[gone]}{turn}/1.jpg": "delete"}
        assert photos.decisions.kinds(list(kinds)) == kinds


def test_many_equal_files_move_each_with_the_title_of_its_name(library: lookalike.Library, tmp_path: Path) -> None:
    folder = fill(tmp_path / "many" / "old", [1])
    for number in range(30):
        shutil.copy2(folder / "1.jpg", folder / f"twin{number:02}.jpg")
    photos = library.collection("many", create=True)
    photos.add(folder.parent)
    for record in photos:
        photos.update(record.id, {"title": f"title of {record.id}"})
    (folder / "twin07.jpg").unlink()
    folder.rename(tmp_path / "many" / "new")
    shutil.copy2(tmp_path / "many" / "new" / "1.jpg", tmp_path / "many" / "new" / "fresh.jpg")
    report = photos.add(tmp_path / "many")
    assert (report.moved, report.added) == (31, 0)  # the copy takes the title that is left over
    found = titles(photos)
    assert found.pop("new/fresh.jpg") == "old/twin07.jpg"
    assert all(new.rpartition("/")[2] == old.rpartition("/")[2] for new, old in found.items())
    assert_settled(photos, tmp_path / "many")


def test_files_that_change_places_take_their_titles_along(photos: lookalike.Collection, lib: Path) -> None:
    first, second, aside = (lib / "2019" / name for name in ("0.jpg", "1.jpg", "aside"))
    first.rename(aside)
    second.rename(first)
    aside.rename(second)
    report = photos.add(lib)
    assert (report.moved, report.updated) == (2, 0)
    assert (titles(photos)["2019/0.jpg"], titles(photos)["2019/1.jpg"]) == ("2019/1.jpg", "2019/0.jpg")
    assert_settled(photos, lib)


def test_files_that_are_numbered_anew_take_their_titles_along(photos: lookalike.Collection, lib: Path) -> None:
    for number in (3, 2, 1, 0):
        (lib / "2019" / f"{number}.jpg").rename(lib / "2019" / f"{number + 1}.jpg")
    draw(9, (64, 48)).save(lib / "2019" / "0.jpg")
    report = photos.add(lib)
    assert (report.moved, report.added, report.updated) == (4, 1, 0)
    assert titles(photos) == {
        "2019/0.jpg": "",
        **{f"2019/{number + 1}.jpg": f"2019/{number}.jpg" for number in range(4)},
    }
    assert_settled(photos, lib)


@pytest.mark.parametrize("archive", ["archive", "zarchive"])  # found before and after the changed file
def test_a_picture_moves_and_another_one_takes_its_old_name(
    photos: lookalike.Collection, lib: Path, archive: str
) -> None:
    (lib / archive).mkdir()
    (lib / "2019" / "0.jpg").rename(lib / archive / "0.jpg")
    draw(9, (64, 48)).save(lib / "2019" / "0.jpg")
    report = photos.add(lib)
    assert (report.moved, report.added, report.updated) == (1, 1, 0)
    assert (titles(photos)[f"{archive}/0.jpg"], titles(photos)["2019/0.jpg"]) == ("2019/0.jpg", "")
    assert_settled(photos, lib)


def test_a_file_that_is_overwritten_by_another_costs_no_record(photos: lookalike.Collection, lib: Path) -> None:
    (lib / "2019" / "0.jpg").replace(lib / "2019" / "1.jpg")
    report = photos.add(lib)
    assert (report.moved, report.updated) == (0, 1)
    assert titles(photos)["2019/1.jpg"] == "2019/1.jpg"  # what is said of a path stays there
    assert titles(photos)["2019/0.jpg"] == "2019/0.jpg"  # and its file is told to be gone
    report = photos.add(lib)
    assert (report.moved, report.updated) == (0, 0)


def test_a_file_that_leaves_the_folder_is_found_where_it_went(
    photos: lookalike.Collection, lib: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (lib / "2019" / "0.jpg").rename(other / "0.jpg")
    report = photos.add(lib)
    assert (report.moved, report.removed, len(photos)) == (0, 0, 4)
    assert photos.add(other).moved == 1
    assert titles(photos)["0.jpg"] == "2019/0.jpg"
    assert photos["0.jpg"].source == str(other / "0.jpg")


def test_a_record_under_an_id_of_its_owner_keeps_it_when_its_file_moves(library: lookalike.Library, lib: Path) -> None:
    shop = library.collection("shop", create=True)
    shop.add([{"_id": "sku-7", "_file": str(lib / "2019" / "0.jpg"), "price": 3}])
    (lib / "2019" / "0.jpg").rename(lib / "0.jpg")
    for moved in (1, 0):
        report = shop.add(lib)
        assert (report.moved, report.failed) == (moved, ())
    assert (shop["sku-7"].source, shop["sku-7"].metadata) == (str(lib / "0.jpg"), {"price": 3})
    assert "0.jpg" not in shop


def test_a_move_is_made_of_bytes_and_not_of_looks(photos: lookalike.Collection, lib: Path) -> None:
    (lib / "2019" / "0.jpg").unlink()
    draw(0, (64, 48)).save(lib / "2019" / "again.jpg", quality=80)
    report = photos.add(lib)
    assert (report.moved, report.added) == (0, 1)
    assert titles(photos)["2019/again.jpg"] == ""


def test_a_folder_that_cannot_be_looked_into_has_not_lost_its_files(
    photos: lookalike.Collection, lib: Path, tmp_path: Path
) -> None:
    loop = lib / "2019"
    shutil.copytree(loop, tmp_path / "copies")
    shutil.rmtree(loop)
    loop.symlink_to(loop)  # a link to itself: nobody can tell what lies there
    report = photos.add(tmp_path / "copies")
    assert (report.moved, report.added) == (0, 4)


def test_a_run_that_is_killed_while_it_moves_loses_nothing(library: lookalike.Library, tmp_path: Path) -> None:
    folder = tmp_path / "many" / "old"
    folder.mkdir(parents=True)
    photos = library.collection("many", create=True)
    for number in range(120):
        draw(number, (24, 16)).save(folder / f"{number:03}.png")
    photos.add(folder.parent)
    for number in range(0, 120, 7):
        photos.update(f"old/{number:03}.png", {"number": number})
    folder.rename(tmp_path / "many" / "new")
    code = "import lookalike, sys\nphotos = lookalike.open(sys.argv[1]).collection('many')\n"
    code += "photos.add(sys.argv[2], on_outcome=lambda outcome: print(outcome.kind, flush=True))\n"
    command = [sys.executable, "-c", code, str(library.settings.home), str(tmp_path / "many")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as told:
        assert told.stdout is not None
        told.stdout.readline()
        told.send_signal(signal.SIGKILL)
    assert len(photos) == 120
    photos.add(tmp_path / "many")
    assert {record.id for record in photos} == {f"new/{number:03}.png" for number in range(120)}
    assert {record.id: dict(record.metadata) for record in photos if record.metadata} == {
        f"new/{number:03}.png": {"number": number} for number in range(0, 120, 7)
    }
    assert photos.check() == []


def test_a_record_whose_file_is_gone_is_told_and_is_no_duplicate(photos: lookalike.Collection, lib: Path) -> None:
    for copy in ("copy.jpg", "second.jpg"):
        shutil.copy2(lib / "2019" / "0.jpg", lib / copy)
    photos.add(lib)
    photos.add((lib / "2019" / "0.jpg").read_bytes(), id="upload")
    [group] = photos.duplicates()
    assert len(group.members) == 4
    (lib / "copy.jpg").unlink()
    for verify in (True, False):
        [group] = photos.duplicates(verify=verify)
        assert {member.id for member in group.members} == {"2019/0.jpg", "second.jpg", "upload"}
    found = photos.search("id:copy.jpg", limit=4)
    assert {match.id for match in found if match.is_gone} == {"copy.jpg"}
    assert "gone" in str(found)
    assert photos.count_gone() == 1
    (lib / "2019" / "0.jpg").unlink()
    (lib / "second.jpg").unlink()
    assert len(photos.duplicates()) == 0


# ---- the same size and time


def test_a_file_changed_with_its_time_and_size_put_back_is_found_by_its_content(
    photos: lookalike.Collection, lib: Path
) -> None:
    path = lib / "2019" / "flat.bmp"
    draw(20, (64, 48)).save(path)
    photos.add(lib)
    photos.update("2019/flat.bmp", {"title": "flat"})
    before = path.stat()
    draw(21, (64, 48)).save(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert photos.add(lib).unchanged == 5
    report = photos.add(lib, check_content=True)
    assert (report.updated, report.unchanged) == (1, 4)
    assert photos["2019/flat.bmp"].metadata == {"title": "flat"}
    assert photos.search(draw(21, (64, 48)), limit=1)[0].id == "2019/flat.bmp"
    assert photos.add(lib, check_content=True).unchanged == 5


def test_files_that_changed_places_with_their_times_put_back_are_found_by_their_content(
    photos: lookalike.Collection, lib: Path
) -> None:
    first, second = lib / "2019" / "0.jpg", lib / "2019" / "1.jpg"
    pictures = [first.read_bytes(), second.read_bytes()]
    size = max(map(len, pictures))
    first.write_bytes(pictures[0].ljust(size, b"\0"))  # what follows its end is no part of a JPEG
    second.write_bytes(pictures[1].ljust(size, b"\0"))
    os.utime(first, ns=(10**18, 10**18))
    os.utime(second, ns=(10**18, 10**18))
    photos.add(lib)
    pictures = [first.read_bytes(), second.read_bytes()]
    first.write_bytes(pictures[1])
    second.write_bytes(pictures[0])
    os.utime(first, ns=(10**18, 10**18))
    os.utime(second, ns=(10**18, 10**18))
    assert photos.add(lib).unchanged == 4
    assert photos.add(lib, check_content=True).moved == 2
    assert (titles(photos)["2019/0.jpg"], titles(photos)["2019/1.jpg"]) == ("2019/1.jpg", "2019/0.jpg")


# ---- prune


def test_prune_after_a_rename_removes_nothing(photos: lookalike.Collection, lib: Path) -> None:
    (lib / "2019").rename(lib / "2019-trip")
    report = photos.add(lib, prune=True)
    assert (report.moved, report.removed, len(photos)) == (4, 0, 4)


def test_an_empty_mount_point_costs_no_record(photos: lookalike.Collection, lib: Path) -> None:
    before = list(photos)
    (lib / "2019").rename(lib.parent / "away")
    with pytest.raises(PruneRefusedError, match="prune_all=True") as told:
        photos.add(lib, prune=True)
    assert told.value.details["gone"] == 4
    assert list(photos) == before
    (lib / "placeholder").write_text("the disk is not mounted")
    draw(9, (64, 48)).save(lib / "new.jpg")
    # Another picture says nothing about those that are gone, and is added.
    with pytest.raises(PruneRefusedError, match="1 added"):
        photos.add(lib, prune=True)
    assert len(photos) == 5
    report = photos.add(lib, prune_all=True)
    assert (report.removed, [record.id for record in photos]) == (4, ["new.jpg"])


@pytest.mark.parametrize(
    ("count", "gone", "is_refused"),
    [
        (1, 1, True),
        (2, 1, False),
        (2, 2, True),
        (3, 2, False),
        (4, 3, False),
        (8, 4, True),
        (9, 4, False),
        (9, 9, True),
    ],
)
def test_so_many_may_vanish_at_once(
    library: lookalike.Library, tmp_path: Path, count: int, gone: int, is_refused: bool
) -> None:
    folder = fill(tmp_path / "some", range(count))
    photos = library.collection("some", create=True)
    photos.add(folder)
    for seed in range(gone):
        (folder / f"{seed}.jpg").unlink()
    if is_refused:
        with pytest.raises(PruneRefusedError):
            photos.add(folder, prune=True)
        assert len(photos) == count
    else:
        assert photos.add(folder, prune=True).removed == gone


@pytest.fixture
def disks(library: lookalike.Library, tmp_path: Path) -> tuple[lookalike.Collection, Path]:
    """Index 16 files in six folders, of which "all/2/deep" lies two below and "all/5" holds a single one."""
    root = tmp_path / "all"
    for disk in range(5):
        fill(root / str(disk) / ("deep" if disk == 2 else ""), range(4 * disk, 4 * disk + 3))
    fill(root / "5", [99])
    photos = library.collection("all", create=True)
    assert photos.add(root).added == 16
    return photos, root


def assert_refused(photos: lookalike.Collection, root: Path, named: Path, gone: int) -> None:
    before = list(photos)
    with pytest.raises(PruneRefusedError) as told:
        photos.add(root, prune=True)
    assert (told.value.details["folder"], told.value.details["gone"]) == (str(named), gone)
    assert [record for record in photos if record in before] == before


@pytest.mark.parametrize(("place", "gone"), [("1", 3), ("2", 3), ("2/deep", 3), ("5", 1)])
def test_a_disk_mounted_over_a_folder_below_costs_no_record(
    disks: tuple[lookalike.Collection, Path], mounts: Mounts, place: str, gone: int
) -> None:
    photos, root = disks
    mounts.disk(root / place, "256k")
    assert_refused(photos, root, root / place, gone)
    draw(77, (64, 48)).save(root / place / "another disk.jpg")
    assert_refused(photos, root, root / place, gone)
    assert photos.add(root, prune_all=True).removed == gone


def test_pictures_deleted_on_a_mounted_disk_are_pruned(
    disks: tuple[lookalike.Collection, Path], mounts: Mounts
) -> None:
    photos, root = disks
    (root / "6").mkdir()
    mounts.disk(root / "6", "256k")
    fill(root / "6", range(30, 33))
    assert photos.add(root).added == 3
    (root / "6" / "30.jpg").unlink()
    (root / "6" / "31.jpg").unlink()
    assert photos.add(root, prune=True).removed == 2


@pytest.mark.parametrize(
    ("what", "place", "gone"),
    [
        ("dangling", "1", 3),
        ("dangling", "2", 3),
        ("dangling", "2/deep", 3),
        ("dangling", "5", 1),
        ("empty", "5", 1),
        ("file", "5", 1),
    ],
)
def test_a_link_that_leads_nowhere_in_place_of_a_folder_below_costs_no_record(
    disks: tuple[lookalike.Collection, Path], tmp_path: Path, what: str, place: str, gone: int
) -> None:
    photos, root = disks
    (root / place).rename(tmp_path / "away")
    target = tmp_path / "disk"
    if what == "empty":
        target.mkdir()
    if what == "file":
        (root / place).write_text("../disk")  # as a link is written where there are none
    else:
        (root / place).symlink_to(target)
    assert_refused(photos, root, root / place, gone)
    (root / place).unlink()  # deleted by people
    if place == "2/deep":
        (root / "2").rmdir()
    assert photos.add(root, prune=True).removed == gone


@pytest.mark.parametrize("left", ["nothing", "an empty folder", "links that lead nowhere"])
def test_an_empty_folder_below_costs_no_record(
    disks: tuple[lookalike.Collection, Path], tmp_path: Path, left: str
) -> None:
    photos, root = disks
    for path in (root / "1").iterdir():
        path.unlink()
        if left == "links that lead nowhere":
            path.symlink_to(tmp_path / "nowhere" / path.name)
    if left == "an empty folder":
        (root / "1" / "lost").mkdir()
    assert_refused(photos, root, root / "1", 3)
    shutil.rmtree(root / "1")
    assert photos.add(root, prune=True).removed == 3


def test_the_only_picture_of_a_folder_and_some_of_others_are_pruned(disks: tuple[lookalike.Collection, Path]) -> None:
    photos, root = disks
    for name in ("5/99.jpg", "0/0.jpg", "0/1.jpg"):
        (root / name).unlink()
    assert photos.add(root, prune=True).removed == 3


def test_the_help_tells_how_many_records_prune_removes_unasked(tmp_path: Path) -> None:
    told = " ".join(run(tmp_path, "index", "--help").stdout.split())
    assert "all are, or at least half and more than 3, or all of a folder below" in told
    assert "2 records or more" in told


def test_prune_takes_several_folders_and_refuses_what_is_no_folder_before_any_work(
    library: lookalike.Library, tmp_path: Path
) -> None:
    roots = [fill(tmp_path / "a", range(3)), fill(tmp_path / "b", range(10, 13))]
    photos = library.collection("two", create=True)
    photos.add(roots)
    (roots[0] / "0.jpg").unlink()
    (roots[1] / "10.jpg").unlink()
    assert photos.add(roots, prune=True).removed == 2
    draw(9, (64, 48)).save(roots[0] / "9.jpg")
    with pytest.raises(InputError, match="folders"):
        photos.add([roots[0], roots[0] / "9.jpg"], prune=True)
    assert "9.jpg" not in photos


# ---- folders of equal names


@pytest.fixture
def cards(tmp_path: Path) -> list[Path]:
    return [fill(tmp_path / "cardA", [0, 1]), fill(tmp_path / "cardB", [1, 2])]


def test_two_folders_with_equal_names_are_both_indexed_and_again_nothing_changes(
    library: lookalike.Library, cards: list[Path]
) -> None:
    draw(7, (64, 48)).save(cards[1] / "1.jpg")
    photos = library.collection("cards", create=True)
    for added in (4, 0):
        report = photos.add(cards)
        assert (report.added, report.failed) == (added, ())
    assert [record.id for record in photos] == ["0.jpg", "2.jpg", "cardA/1.jpg", "cardB/1.jpg"]
    report = photos.add(cards[1])
    assert (report.unchanged, report.failed) == (2, ())
    draw(8, (64, 48)).save(cards[1] / "1.jpg")
    assert photos.add(cards).updated == 1
    assert photos["cardB/1.jpg"].source == str(cards[1] / "1.jpg")


def test_what_is_stored_keeps_its_id_when_a_second_folder_comes(library: lookalike.Library, cards: list[Path]) -> None:
    photos = library.collection("cards", create=True)
    photos.add(cards[0])
    assert photos.add(cards).added == 2
    assert [record.id for record in photos] == ["0.jpg", "1.jpg", "2.jpg", "cardB/1.jpg"]
    assert [len(group.members) for group in photos.duplicates()] == [2]  # the two of one name and content


def test_folders_of_one_name_are_told_apart_by_those_above(library: lookalike.Library, tmp_path: Path) -> None:
    roots = [fill(tmp_path / disk / "DCIM", [1]) for disk in ("one", "two")]
    photos = library.collection("cards", create=True)
    photos.add(roots)
    assert [record.id for record in photos] == ["one/DCIM/1.jpg", "two/DCIM/1.jpg"]
    files = library.collection("files", create=True)
    files.add([root / "1.jpg" for root in roots])
    assert [record.id for record in files] == ["one/DCIM/1.jpg", "two/DCIM/1.jpg"]


def test_a_folder_and_one_within_it_give_each_file_once(library: lookalike.Library, lib: Path) -> None:
    photos = library.collection("nested", create=True)
    report = photos.add([lib, lib / "2019", lib])
    assert (report.added, report.unchanged, len(photos)) == (4, 8, 4)
    assert photos.add(lib / "2019").unchanged == 4


def test_a_prefix_tells_two_disks_apart(library: lookalike.Library, cards: list[Path]) -> None:
    photos = library.collection("disks", create=True)
    for prefix, disk in zip(("disk 1", "disk2/"), cards, strict=True):
        assert photos.add(disk, prefix=prefix).added == 2
    assert [record.id for record in photos] == ["disk 1/0.jpg", "disk 1/1.jpg", "disk2/1.jpg", "disk2/2.jpg"]
    for options in ({"prefix": "disk2"}, {"prefix": "disk 3"}, {}):
        assert photos.add(cards[1], **options).unchanged == 2
    (cards[1] / "2.jpg").rename(cards[1] / "3.jpg")
    assert photos.add(cards[1], prefix="disk2").moved == 1
    assert "disk2/3.jpg" in photos
    with pytest.raises(InputError, match="prefix"):
        photos.add(cards[1], prefix=7)


def test_an_equal_file_under_a_taken_id_is_told_as_a_copy(library: lookalike.Library, cards: list[Path]) -> None:
    photos = library.collection("cards", create=True)
    photos.add(cards[0])
    draw(5, (64, 48)).save(cards[1] / "0.jpg")
    report = photos.add(cards[1])
    copy, other = sorted(report.failed, key=lambda failure: failure.source, reverse=True)
    assert (copy.code, other.code) == ("id_taken", "id_taken")
    assert str(cards[0] / "1.jpg") in copy.message
    assert ("copy" in copy.message, "copy" in other.message) == (True, False)


# ---- the command line


def run(tmp_path: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lookalike", *map(str, arguments), "--home", str(tmp_path / "home")]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_the_command_tells_moves_and_refuses_an_empty_disk(tmp_path: Path) -> None:
    disk = fill(tmp_path / "disk", range(2))
    assert run(tmp_path, "index", disk).returncode == 0
    (disk / "0.jpg").rename(disk / "beach.jpg")
    moved = run(tmp_path, "index", disk, "--check-content")
    assert (moved.returncode, "1 moved" in moved.stdout) == (0, True)
    for path in list(disk.iterdir()):
        path.unlink()
    refused = run(tmp_path, "index", disk, "--prune")
    assert (refused.returncode, "--prune-all" in refused.stderr) == (2, True)
    told = run(tmp_path, "index", disk, "--prune", "--json")
    error = json.loads(told.stderr or told.stdout)["error"]
    assert (told.returncode, error["code"]) == (2, "prune_refused")
    removed = run(tmp_path, "index", disk, "--prune-all", "--json")
    assert json.loads(removed.stdout)["removed"] == 2
    fill(tmp_path / "a", [1])
    fill(tmp_path / "b", [1])
    report = json.loads(run(tmp_path, "index", tmp_path / "a", tmp_path / "b", "--prefix", "new", "--json").stdout)
    assert (report["added"], report["moved"]) == (2, 0)
    ids = [json.loads(line)["_id"] for line in run(tmp_path, "export").stdout.splitlines()]
    assert ids == ["new/a/1.jpg", "new/b/1.jpg"]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF"])
def test_importing_a_picture_says_so_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "list.jsonl"
    draw(1, (64, 48)).save(path, kind)
    done = run(tmp_path, "import", path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "lookalike index" in done.stderr
    path.write_bytes(bytes(range(256)) * 4)
    done = run(tmp_path, "import", path)
    assert (done.returncode, done.stderr.count("\n"), "not text" in done.stderr) == (2, 1, True)


def test_numbers_stand_with_the_right_nouns_and_what_is_left_out_is_to_be_had(tmp_path: Path) -> None:
    fill(tmp_path / "one", [1])
    shown = run(tmp_path, "index", tmp_path / "one").stderr
    assert "1 record. Now" in shown
    shutil.copy(tmp_path / "one" / "1.jpg", tmp_path / "one" / "2.jpg")
    run(tmp_path, "index", tmp_path / "one")
    assert "1 group of 2 pictures" in run(tmp_path, "duplicates").stdout
    fill(tmp_path / "one", [3])
    run(tmp_path, "index", tmp_path / "one")
    run(tmp_path, "decide", "delete", "3.jpg")
    assert "1 file to go" in run(tmp_path, "decisions", "apply").stdout
    assert "moved 1 file (" in run(tmp_path, "decisions", "apply", "--trash", tmp_path / "trash").stdout
    for number in range(22):
        (tmp_path / "one" / f"bad{number}.jpg").write_text("no picture")
    assert "and 2 more; all are in `failed`, which --json shows" in run(tmp_path, "index", tmp_path / "one").stdout


# ---- ids in two Unicode forms

COMPOSED, PARTS = unicodedata.normalize("NFC", "Bücher/Müller.jpg"), unicodedata.normalize("NFD", "Bücher/Müller.jpg")
MIXED = unicodedata.normalize("NFC", "Bücher/") + unicodedata.normalize("NFD", "Müller.jpg")


@pytest.mark.parametrize("stored", [COMPOSED, PARTS, MIXED])
@pytest.mark.parametrize("asked", [COMPOSED, PARTS, MIXED])
def test_a_record_is_found_by_either_form_of_its_id(library: lookalike.Library, stored: str, asked: str) -> None:
    photos = library.collection("names", create=True, keep="original")
    pictures = [io.BytesIO(), io.BytesIO()]
    for seed, stream in enumerate(pictures):
        draw(seed, (64, 48)).save(stream, "PNG")
    photos.add(pictures[0].getvalue(), id=stored)
    photos.add(pictures[1].getvalue(), id="other")
    assert photos[asked].id == stored
    assert asked in photos
    assert photos.get_many([asked, "other", "nobody"])[asked].id == stored
    assert photos.search(f"id:{asked}", limit=1)[0].id == stored
    assert photos.compare(f"id:{asked}", f"id:{stored}").score == 1.0
    assert photos.update(asked, {"title": "Müller"}, source=pictures[0].getvalue()).id == stored
    assert photos.original(asked) == pictures[0].getvalue()
    assert photos.thumbnail(asked)
    assert photos.vector(asked) is not None
    photos.decisions.decide("delete", [asked], beside=["other"])
    assert photos.decisions.kinds([stored]) == {stored: "delete"}
    assert photos.delete([asked]) == 1
    assert [record.id for record in photos] == ["other"]


def test_two_ids_that_differ_only_in_form_are_each_reached_by_their_own(library: lookalike.Library) -> None:
    photos = library.collection("names", create=True)
    for seed, id in enumerate((COMPOSED, PARTS)):
        stream = io.BytesIO()
        draw(seed, (64, 48)).save(stream, "PNG")
        photos.add(stream.getvalue(), id=id, metadata={"seed": seed})
    assert [photos[id].metadata["seed"] for id in (COMPOSED, PARTS)] == [0, 1]
    photos.update(PARTS, {"title": "parts"})
    assert "title" not in photos[COMPOSED].metadata
    assert photos.delete(COMPOSED) == 1
    assert photos[COMPOSED].id == PARTS


def test_a_disk_that_writes_names_in_another_form_brings_no_record_twice(
    library: lookalike.Library, tmp_path: Path
) -> None:
    folder = fill(tmp_path / "disk", [1])
    (folder / "1.jpg").rename(folder / unicodedata.normalize("NFC", "Müller.jpg"))
    photos = library.collection("disk", create=True)
    photos.add(folder)
    [before] = photos
    (folder / before.id).rename(folder / unicodedata.normalize("NFD", before.id))
    for moved in (1, 0):
        report = photos.add(folder)
        assert (report.moved, report.added) == (moved, 0)
    assert [record.id for record in photos] == [before.id]  # what is stored keeps its form
