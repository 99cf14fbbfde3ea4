"""The review as the core has it: groups sorted, filtered and counted, and pictures whose mark is taken off again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import draw

import lookalike
from lookalike.core.collection import Collection
from lookalike.core.review.group_traits import folders_of
from lookalike.errors import ConflictError, InputError

BEST = {0: "2019/june/0.jpg", 4: "2019/4.jpg", 6: "2020/6.jpg"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three groups: one of three, a large one that frees most, and one whose copy is the same file."""
    made = tmp_path / "photos"
    for seed, name in BEST.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        draw(seed, (960, 720) if seed == 4 else (320, 240)).save(made / name, quality=92)
    draw(0).save(made / "2019" / "june" / "0-low.jpg", quality=50)
    draw(0).resize((200, 150)).save(made / "0-small.jpg", quality=80)
    draw(4, (960, 720)).save(made / "2020" / "4-low.jpg", quality=60)
    (made / "2020" / "6-same.jpg").write_bytes((made / BEST[6]).read_bytes())
    return made


@pytest.fixture
def photos(folder: Path, tmp_path: Path) -> Iterator[Collection]:
    with lookalike.open(tmp_path / "home") as library:
        opened = library.collection(create=True)
        opened.add(folder)
        yield opened


def bests(photos: Collection, **wanted: str) -> list[str]:
    return [group.members[0].record.id for group in photos.review.page(**wanted).groups]  # type: ignore[arg-type]


def test_groups_come_in_the_order_that_people_choose(photos: Collection) -> None:
    assert bests(photos) == [BEST[0], BEST[4], BEST[6]]
    assert bests(photos, sort="gain")[0] == BEST[4]
    assert bests(photos, sort="likeness")[0] == BEST[6]
    page = photos.review.page(sort="gain")
    gains = [group.gain_bytes for group in page.groups]
    assert gains == sorted(gains, reverse=True)
    for group in page.groups:
        assert group.gain_bytes == sum(one.record.byte_size for one in group.members[1:])
    assert page.gain_bytes == sum(gains)


@pytest.mark.parametrize("sort", ["size", "gain", "likeness"])
def test_pages_of_every_order_hold_each_group_once(photos: Collection, sort: str) -> None:
    found, cursor = [], None
    while True:
        page = photos.review.page(sort=sort, limit=1, cursor=cursor)  # type: ignore[arg-type]
        found += [group.members[0].record.id for group in page.groups]
        cursor = page.next
        if cursor is None:
            break
    assert found == bests(photos, sort=sort)
    assert sorted(found) == sorted(BEST.values())


def test_groups_are_narrowed_by_relation_and_by_folder(photos: Collection, folder: Path) -> None:
    assert bests(photos, relation="identical") == [BEST[6]]
    assert bests(photos, relation="mirrored") == []
    assert bests(photos, folder="2019") == [BEST[0], BEST[4]]
    assert bests(photos, folder="2019/june/") == [BEST[0]]
    assert bests(photos, folder="2020") == [BEST[4], BEST[6]]  # one member there is enough
    assert bests(photos, folder="201") == []  # no part of a name
    assert bests(photos, folder=str(folder / "2020")) == [BEST[4], BEST[6]]
    page = photos.review.page(relation="identical", folder="2020")
    assert (page.matching_count, page.open_count) == (1, 3)
    assert page.relations["identical"] == 1
    assert dict(page.folders) == {"2019": 2, "2019/june": 1, "2020": 2}


def test_the_best_is_kept_only_in_the_groups_that_are_shown(photos: Collection) -> None:
    found, _ = photos.review.keep_best(relation="identical")
    assert [one.kept for one in found] == [(BEST[6],)]
    assert bests(photos) == [BEST[0], BEST[4]]


@pytest.mark.parametrize("wrong", [{"sort": "age"}, {"relation": "alike"}, {"folder": "/"}, {"folder": ""}])
def test_what_is_no_order_and_no_filter_is_refused(photos: Collection, wrong: dict[str, str]) -> None:
    with pytest.raises(InputError):
        photos.review.page(**wrong)  # type: ignore[arg-type]


def test_a_cursor_of_another_order_is_refused(photos: Collection) -> None:
    cursor = photos.review.page(limit=1).next
    with pytest.raises(InputError, match="another order"):
        photos.review.page(sort="gain", cursor=cursor)


def test_groups_that_are_decided_on_are_counted_beside_the_open_ones(photos: Collection) -> None:
    decide = photos.decisions.decide
    assert photos.review.page().decided_count == 0
    decide("keep", [BEST[6]], beside=["2020/6-same.jpg"])
    assert photos.review.page().decided_count == 0  # its copy is still open
    decide("delete", ["2020/6-same.jpg"], beside=[BEST[6]])
    decide("not_a_duplicate", [BEST[4], "2020/4-low.jpg"])
    decide("later", [BEST[0], "2019/june/0-low.jpg", "0-small.jpg"])
    page = photos.review.page()
    assert (page.decided_count, page.open_count, page.later_count) == (2, 0, 1)
    photos.decisions.undo([photos.decisions.events()[-1].id])
    decide("delete", ["2019/june/0-low.jpg"], beside=[BEST[0], "0-small.jpg"])
    page = photos.review.page()
    assert (page.decided_count, page.open_count) == (2, 1)  # a group in work is not decided on


def test_a_mark_is_taken_off_one_picture_and_stays_on_the_others(photos: Collection) -> None:
    ids = [BEST[0], "2019/june/0-low.jpg", "0-small.jpg"]
    made = photos.decisions.decide("delete", ids[1:], beside=ids[:1])
    [undone] = photos.decisions.reopen(["0-small.jpg"])
    assert undone.id == made.id
    assert photos.decisions.ids_of("delete") == {"2019/june/0-low.jpg"}
    again = photos.decisions.events()[-1]
    assert (again.batch, again.beside) == (made.batch, made.beside)
    assert len(photos.decisions.undo([made.batch])) == 1
    assert photos.decisions.ids_of("delete") == set()
    assert photos.decisions.reopen(["0-small.jpg"]) == ()


def test_of_two_equal_files_only_the_named_one_loses_its_mark(photos: Collection, folder: Path) -> None:
    (folder / "2020" / "6-third.jpg").write_bytes((folder / BEST[6]).read_bytes())
    photos.add(folder)
    copies = ["2020/6-same.jpg", "2020/6-third.jpg"]
    photos.decisions.decide("delete", copies, beside=[BEST[6]])
    photos.decisions.reopen(copies[:1])
    assert photos.decisions.ids_of("delete") == {copies[1]}


def test_a_mark_that_was_carried_out_is_not_taken_off(photos: Collection, tmp_path: Path) -> None:
    made = photos.decisions.decide("delete", ["2020/4-low.jpg"], beside=[BEST[4]])
    [(record, event)] = photos.decisions.records_of("delete")
    photos.decisions.note_applied(event, record, tmp_path / "trash" / "x.jpg", "a batch")
    with pytest.raises(ConflictError, match=made.id):
        photos.decisions.reopen(["2020/4-low.jpg"])


def test_folders_are_read_from_ids() -> None:
    assert folders_of("a/b/c.jpg") == ["a", "a/b"]
    assert folders_of("c.jpg") == []
    assert folders_of("https://shop.example/a/b.jpg") == []
