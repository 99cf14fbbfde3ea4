"""The ledger: events that last, merge and are undone; and what they mean for records that moved or were saved anew."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shutil
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from conftest import draw
from hypothesis import given, settings
from hypothesis import strategies as st

import lookalike
from lookalike.core.collection import Collection
from lookalike.core.decisions.effective import Pairs, verdicts_of
from lookalike.core.decisions.ledger import Event, Ledger, effective_of, event_form, event_from, fresh_id
from lookalike.core.features.fingerprints import (
    ANYWHERE,
    AT_PLACE,
    Fingerprint,
    agree,
    fingerprint_form,
    fingerprint_from,
)
from lookalike.errors import ConflictError, InputError, NotFoundError, RecordNotFoundError, StoreDamagedError

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def picture(name: str, **more: Any) -> Fingerprint:
    return Fingerprint(content_hash=f"hash of {name}", id=name, source=f"/photos/{name}", size_px=(320, 240), **more)


def event(kind: Any, *names: str, beside: tuple[str, ...] = (), batch: str = "b", **more: Any) -> Event:
    pictures, others = (tuple(map(picture, one)) for one in (names, beside))
    return Event(fresh_id(), "", kind, "default", batch, pictures, others, **more)


# ---- events in a file


def test_events_are_there_after_opening_again_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    written = Ledger(tmp_path).append([event("keep", "a"), event("delete", "b", beside=("a",))])
    more = Ledger(tmp_path).append([event("later", "c")])
    assert Ledger(tmp_path).events() == written + more
    assert [one.at for one in written + more] == sorted({one.at for one in written + more})


def test_a_clock_that_was_set_back_does_not_change_the_order(tmp_path: Path) -> None:
    clock = Clock()
    ledger = Ledger(tmp_path, clock)
    [first] = ledger.append([event("keep", "a")])
    clock.now -= timedelta(days=3)
    [second] = ledger.append([event("delete", "a")])
    assert ledger.events() == (first, second)


def test_a_ledger_sees_what_another_process_appends(tmp_path: Path) -> None:
    ours, theirs = Ledger(tmp_path), Ledger(tmp_path)
    assert ours.events() == ()
    theirs.append([event("keep", "a")])
    assert len(ours.events()) == 1
    ours.append([event("keep", "b")])
    assert ours.events() == theirs.events()
    assert len(theirs.events()) == 2


def test_a_line_that_a_crash_tore_is_dropped_and_the_next_event_is_whole(tmp_path: Path) -> None:
    Ledger(tmp_path).append([event("keep", "a"), event("keep", "b")])
    file = tmp_path / "decisions.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    ledger = Ledger(tmp_path)
    assert [one.pictures[0].id for one in ledger.events()] == ["a"]
    ledger.append([event("keep", "c")])
    assert [one.pictures[0].id for one in Ledger(tmp_path).events()] == ["a", "c"]


def test_a_damaged_line_is_told_with_its_place(tmp_path: Path) -> None:
    Ledger(tmp_path).append([event("keep", "a")])
    file = tmp_path / "decisions.jsonl"
    file.write_bytes(b'{"id": 3}\n' + file.read_bytes())
    with pytest.raises(StoreDamagedError, match="byte 0"):
        Ledger(tmp_path).events()


def _append_many(home: str, name: str) -> None:
    ledger = Ledger(Path(home))
    for number in range(40):
        ledger.append([event("keep", f"{name}{number}")])


def test_processes_that_append_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_append_many, args=(str(tmp_path), name)) for name in "xy"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    names = [one.pictures[0].id for one in Ledger(tmp_path).events()]
    assert sorted(names) == sorted(f"{name}{number}" for name in "xy" for number in range(40))


texts = st.text('aé"\\ 7', min_size=1, max_size=4)
fingerprints = st.builds(
    Fingerprint,
    content_hash=texts,
    id=texts,
    source=st.none() | texts,
    size_px=st.tuples(st.integers(0, 9999), st.integers(0, 9999)),
    hash=st.just(b"") | st.binary(min_size=8, max_size=8),
    hues=st.just(b"") | st.binary(min_size=24, max_size=24),
    before=st.lists(texts, max_size=2).map(tuple),
)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=UTC).isoformat(timespec="microseconds")
)
events = st.builds(
    Event,
    id=texts,
    at=moments,
    kind=st.sampled_from(["keep", "delete", "not_a_duplicate", "later"]),
    collection=texts,
    batch=texts,
    pictures=st.lists(fingerprints, max_size=3).map(tuple),
    beside=st.lists(fingerprints, max_size=3).map(tuple),
)


@given(one=events)
def test_an_event_is_read_as_it_was_written(one: Event) -> None:
    assert event_from(json.loads(json.dumps(event_form(one)))) == one


@settings(max_examples=25)  # each forces six files to disk
@given(given=st.lists(events, max_size=8, unique_by=lambda one: one.id), cut=st.integers(0, 8))
def test_ledgers_merge_to_the_same_whichever_way_round(
    tmp_path_factory: pytest.TempPathFactory, given: list[Event], cut: int
) -> None:
    lines = [event_form(one) for one in given]
    a, b = Ledger(tmp_path_factory.mktemp("a")), Ledger(tmp_path_factory.mktemp("b"))
    a.merge(lines[:cut])
    a.merge(lines)
    b.merge(reversed(lines))
    assert a.events() == b.events()
    assert a.merge(b.lines()) == 0


def test_the_ledger_of_another_machine_is_merged(tmp_path: Path) -> None:
    ours, theirs = Ledger(tmp_path / "ours", Clock()), Ledger(tmp_path / "theirs", Clock(NOON + timedelta(hours=1)))
    (tmp_path / "ours").mkdir()
    (tmp_path / "theirs").mkdir()
    ours.append([event("keep", "a")])
    theirs.append([event("delete", "a")])
    assert ours.merge(theirs.lines()) == 1
    assert [one.kind for one in ours.events()] == ["keep", "delete"]
    assert ours.merge(theirs.lines()) == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kind": "burn"}, "burn"),
        ({"at": "yesterday"}, "yesterday"),
        ({"pictures": [{}]}, "size_px"),
        ({"id": ""}, "empty"),
        ({"id": 7}, "text"),
        ({"at": (NOON + timedelta(days=2)).isoformat()}, "clock"),
    ],
)
def test_a_broken_event_is_refused_and_nothing_is_merged(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    ledger = Ledger(tmp_path, Clock())
    good = event_form(replace(event("keep", "a"), at=NOON.isoformat()))
    with pytest.raises(InputError, match=told):
        ledger.merge([good, {**good, "id": "other", **change}])
    assert ledger.events() == ()


def test_a_merged_event_cannot_say_where_files_of_this_machine_lie(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, Clock())
    ledger.merge([event_form(replace(event("applied", "a", moved_to="/etc/passwd"), at=NOON.isoformat()))])
    assert ledger.events()[0].moved_to is None


# ---- undo


def test_an_undo_takes_one_event_or_a_batch_back_and_can_be_undone_itself(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    one, two, three = ledger.append([event("keep", "a", batch="x"), event("keep", "b"), event("keep", "c")])
    assert ledger.undo([one.id]) == (one,)
    assert ledger.undo([one.id]) == ()
    assert ledger.undo(["b"]) == (two, three)
    assert [e.kind for e in ledger.effective()] == ["undo"] * 3
    ledger.take_back([ledger.events()[3]])
    assert one in ledger.effective()
    assert two not in ledger.effective()


def test_an_unknown_decision_is_not_undone(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="decisions list"):
        Ledger(tmp_path).undo(["nothing"])


def test_a_deletion_that_was_carried_out_is_not_simply_taken_back(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    [deletion] = ledger.append([event("delete", "a")])
    ledger.append([event("applied", "a", about=(deletion.id,), batch="run")])
    for name in (deletion.id, "run"):
        with pytest.raises(ConflictError, match="carried out"):
            ledger.undo([name])


@given(order=st.permutations(range(6)))
def test_what_stands_does_not_depend_on_the_order_in_which_events_are_read(order: list[int]) -> None:
    ids = [f"e{place}" for place in range(6)]
    chain = [
        replace(event("keep" if place == 0 else "undo", about=() if place == 0 else (ids[place - 1],)), id=ids[place])
        for place in range(6)
    ]
    dated = [replace(one, at=f"2026-11-21T12:00:0{place}.000000+00:00") for place, one in enumerate(chain)]
    assert [one.id for one in effective_of([dated[place] for place in order])] == ["e1", "e3", "e5"]


# ---- fingerprints


@given(known=fingerprints)
def test_a_fingerprint_is_read_as_it_was_written(known: Fingerprint) -> None:
    assert fingerprint_from(json.loads(json.dumps(fingerprint_form(known)))) == known


def test_signs_agree_within_their_bounds_only() -> None:
    base = picture("a", hash=bytes(8))
    assert agree(base, replace(base, hash=b"\x07" + bytes(7)), ANYWHERE)
    assert not agree(base, replace(base, hash=b"\x0f" + bytes(7)), ANYWHERE)
    assert agree(base, replace(base, hash=b"\xff" + bytes(7)), AT_PLACE)
    assert not agree(base, replace(base, hash=b"\xff\x01" + bytes(6)), AT_PLACE)
    assert not agree(base, replace(base, hash=b""), AT_PLACE)
    assert agree(base, replace(base, size_px=(40, 30)), ANYWHERE)
    assert agree(base, replace(base, size_px=(43, 32)), ANYWHERE)  # 320 x 240 rounded to whole pixels
    assert not agree(base, replace(base, size_px=(240, 320)), AT_PLACE)


# ---- decisions that last


class Shelf:
    """A folder of pictures with copies, its collection, and what a person decided."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder, self.home = folder, home
        self.library = lookalike.open(home)
        for seed in range(6):
            draw(seed).save(folder / f"{seed}.jpg", quality=92)
            draw(seed).save(folder / f"{seed}-low.jpg", quality=60)
        shutil.copy(folder / "5.jpg", folder / "5-same.jpg")

    def close(self) -> None:
        self.library.close()

    @property
    def photos(self) -> Collection:
        return self.library.collection("photos", create=True)

    def rescan(self, folder: Path | None = None) -> None:
        self.photos.add(folder or self.folder, prune=True)

    def pairs(self) -> set[tuple[str, str]]:
        """Give all pairs that are shown as duplicates, by the names of their files without suffix."""
        shown = set()
        for group in self.photos.duplicates():
            names = sorted(Path(member.id).stem for member in group.members)
            shown.update(combinations(names, 2))
        return shown

    def decide_all(self) -> None:
        """Decide something of each kind."""
        decide = self.photos.decisions.decide
        decide("keep", ["0.jpg", "0-low.jpg"])
        decide("delete", ["1-low.jpg"], beside=["1.jpg"])
        decide("not_a_duplicate", ["2.jpg", "2-low.jpg"])
        decide("keep", ["3.jpg"], beside=["3-low.jpg"])
        decide("keep", ["3-low.jpg"], beside=["3.jpg"])
        decide("delete", ["5-same.jpg"], beside=["5.jpg"])
        decide("keep", ["5.jpg", "5-low.jpg"])


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    folder = tmp_path / "photos"
    folder.mkdir()
    made = Shelf(folder, tmp_path / "home")
    made.rescan()
    yield made
    made.close()


OPEN = {("4", "4-low")}  # what nobody decided on


def test_no_decided_pair_comes_back_whatever_happens_to_files_and_collections(shelf: Shelf) -> None:
    everything = shelf.pairs()
    assert {("0", "0-low"), ("1", "1-low"), ("5", "5-same"), ("5-low", "5-same"), *OPEN} <= everything
    shelf.decide_all()
    assert shelf.pairs() == OPEN

    shelf.rescan()  # nothing changed
    assert shelf.pairs() == OPEN

    for name, quality in (("0-low", 45), ("1-low", 50), ("2", 75), ("3", 70), ("5-same", 80)):  # saved anew in place
        path = shelf.folder / f"{name}.jpg"
        PIL.Image.open(path).convert("RGB").save(path, quality=quality)
    shelf.rescan()
    assert shelf.pairs() == OPEN

    small = PIL.Image.open(shelf.folder / "2-low.jpg").convert("RGB")
    small.resize((200, 150)).save(shelf.folder / "2-low.jpg", quality=85)  # resized in place
    shelf.rescan()
    assert shelf.pairs() == OPEN

    (shelf.folder / "old").mkdir()
    for name in ("0", "1-low", "2-low", "3", "5-same"):  # moved, one by one
        os.rename(shelf.folder / f"{name}.jpg", shelf.folder / "old" / f"{name}.jpg")
    shelf.rescan()
    assert shelf.pairs() == OPEN

    elsewhere = shelf.folder.parent / "archive"  # the whole folder moved, and imported anew
    os.rename(shelf.folder, elsewhere)
    shelf.library.delete_collection("photos")
    shelf.rescan(elsewhere)
    assert shelf.pairs() == OPEN

    shelf.library.close()  # another process, another encoder, another name
    shelf.library = lookalike.open(shelf.home)
    other = shelf.library.collection("accurate", create=True, encoder="builtin-accurate")
    other.add(elsewhere)
    assert other.spec.encoder_digest != shelf.photos.spec.encoder_digest
    pairs = {tuple(sorted(Path(one.id).stem for one in group.members)) for group in other.duplicates()}
    assert pairs == OPEN

    assert {("0", "0-low"), ("1", "1-low")} <= {
        pair
        for group in other.duplicates(include_decided=True)
        for pair in combinations(sorted(Path(one.id).stem for one in group.members), 2)
    }


def test_a_picture_moved_and_saved_anew_at_once_is_known_by_its_signs(shelf: Shelf) -> None:
    shelf.photos.decisions.decide("not_a_duplicate", ["2.jpg", "2-low.jpg"])
    PIL.Image.open(shelf.folder / "2-low.jpg").convert("RGB").save(shelf.folder / "elsewhere.jpg", quality=50)
    os.unlink(shelf.folder / "2-low.jpg")
    shelf.rescan()
    assert not {pair for pair in shelf.pairs() if "2" in pair}


def test_a_third_copy_is_shown_while_both_decided_ones_are_there(shelf: Shelf) -> None:
    shelf.photos.decisions.decide("keep", ["0.jpg", "0-low.jpg"])
    draw(0).save(shelf.folder / "third.jpg", quality=70)
    shelf.rescan()
    assert len({("0", "third"), ("0-low", "third")} & shelf.pairs()) == 1
    assert ("0", "0-low") not in shelf.pairs()


def test_a_decision_taken_back_shows_the_pair_again(shelf: Shelf) -> None:
    decisions = shelf.photos.decisions
    made = decisions.decide("delete", ["1-low.jpg"], beside=["1.jpg"])
    assert ("1", "1-low") not in shelf.pairs()
    assert decisions.undo([made.id]) == (made,)
    assert ("1", "1-low") in shelf.pairs()


def test_the_last_decision_on_a_picture_counts(shelf: Shelf) -> None:
    decide = shelf.photos.decisions.decide
    decide("delete", ["1-low.jpg"], beside=["1.jpg"])
    assert shelf.photos.decisions.kinds(["1.jpg", "1-low.jpg"]) == {"1-low.jpg": "delete"}
    decide("keep", ["1-low.jpg"], beside=["1.jpg"])
    assert shelf.photos.decisions.kinds(["1.jpg", "1-low.jpg"]) == {"1-low.jpg": "keep"}
    assert ("1", "1-low") in shelf.pairs()  # one of the two is still open


def test_two_pictures_that_were_kept_apart_from_each_other_are_still_a_question(shelf: Shelf) -> None:
    decide = shelf.photos.decisions.decide
    decide("keep", ["0.jpg"])
    decide("keep", ["0-low.jpg"])
    assert ("0", "0-low") in shelf.pairs()
    decide("not_a_duplicate", ["1.jpg", "2.jpg"])
    assert ("1", "1-low") in shelf.pairs()


def test_of_two_equal_files_only_the_one_that_was_named_is_to_go(shelf: Shelf) -> None:
    shelf.photos.decisions.decide("delete", ["5-same.jpg"], beside=["5.jpg"])
    assert shelf.photos.decisions.kinds(["5.jpg", "5-same.jpg"]) == {"5-same.jpg": "delete"}
    shutil.copy(shelf.folder / "5.jpg", shelf.folder / "5-third.jpg")
    shelf.rescan()
    assert shelf.photos.decisions.kinds(["5.jpg", "5-same.jpg", "5-third.jpg"]) == {"5-same.jpg": "delete"}
    os.unlink(shelf.folder / "5-third.jpg")
    os.rename(shelf.folder / "5.jpg", shelf.folder / "best.jpg")  # the kept one moves
    os.rename(shelf.folder / "5-same.jpg", shelf.folder / "worst.jpg")
    shelf.rescan()
    kinds = shelf.photos.decisions.kinds(["best.jpg", "worst.jpg"])
    assert list(kinds.values()) == ["delete"]  # which of the two equal files is no matter, but never both


def test_a_decision_on_a_picture_that_was_saved_anew_knows_what_it_was(shelf: Shelf) -> None:
    decide = shelf.photos.decisions.decide
    decide("not_a_duplicate", ["2.jpg", "2-low.jpg"])
    path = shelf.folder / "2-low.jpg"
    PIL.Image.open(path).convert("RGB").save(path, quality=50)
    shelf.rescan()
    made = decide("keep", ["2-low.jpg"], beside=["4.jpg"])  # now its new bytes are decided on as well
    assert made.pictures[0].before
    assert ("2", "2-low") not in shelf.pairs()


def test_a_decision_names_records_that_are_there(shelf: Shelf) -> None:
    decide = shelf.photos.decisions.decide
    with pytest.raises(RecordNotFoundError, match="nowhere"):
        decide("keep", ["0.jpg", "nowhere.jpg"])
    with pytest.raises(InputError, match="2 or more"):
        decide("not_a_duplicate", ["0.jpg"])
    with pytest.raises(InputError, match="not a decision"):
        decide("burn", ["0.jpg"])  # type: ignore[arg-type]
    assert shelf.library.ledger.events() == ()


def test_a_deletion_means_nothing_where_what_was_kept_is_not(shelf: Shelf) -> None:
    shelf.photos.decisions.decide("delete", ["5-low.jpg"], beside=["0.jpg"])
    assert ("5", "5-low") not in shelf.pairs()
    shelf.photos.delete(["0.jpg"])
    assert ("5", "5-low") in shelf.pairs()


def test_decisions_of_another_collection_are_not_undone_here(shelf: Shelf) -> None:
    made = shelf.photos.decisions.decide("keep", ["0.jpg"])
    other = shelf.library.collection("other", create=True)
    with pytest.raises(NotFoundError, match="other"):
        other.decisions.undo([made.id])


def test_decisions_hold_on_another_machine_where_the_files_lie_elsewhere(shelf: Shelf, tmp_path: Path) -> None:
    shelf.decide_all()
    shutil.copytree(shelf.folder, tmp_path / "nas")
    with lookalike.open(tmp_path / "second-home") as library:
        assert library.ledger.merge(shelf.library.ledger.lines()) == 7
        photos = library.collection("pictures", create=True)
        photos.add(tmp_path / "nas")
        assert [{Path(one.id).stem for one in group.members} for group in photos.duplicates()] == [{"4", "4-low"}]


# ---- whose decisions hold where


class Tenants:
    """One home with two collections of the same pictures; who speaks for `mine` only decides through `bound`."""

    def __init__(self, folder: Path) -> None:
        self.library = lookalike.open(folder / "home")
        self.mine, self.theirs = (self.library.collection(name, create=True) for name in ("mine", "theirs"))
        for seed in range(3):
            draw(seed).save(folder / f"{seed}.jpg", quality=92)
            draw(seed).save(folder / f"{seed}-low.jpg", quality=60)
        for collection in (self.mine, self.theirs):
            collection.add(folder)
        self.bound = self.mine.within(["mine"])


@pytest.fixture(scope="module")
def folder_of_both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenants]:
    made = Tenants(tmp_path_factory.mktemp("tenants"))
    yield made
    made.library.close()


@pytest.fixture
def both(folder_of_both: Tenants) -> Iterator[Tenants]:
    yield folder_of_both
    (folder_of_both.library.settings.home / "decisions.jsonl").unlink(missing_ok=True)


def test_what_one_tenant_decides_changes_nothing_in_the_collection_of_another(both: Tenants) -> None:
    pair = ["0.jpg", "0-low.jpg"]
    both.bound.decisions.decide("delete", ["0-low.jpg"], beside=["0.jpg"])
    both.bound.decisions.decide("not_a_duplicate", ["1.jpg", "1-low.jpg"])
    both.bound.decisions.decide("later", ["2.jpg"])
    assert both.mine.decisions.kinds([*pair, "2.jpg"]) == {"0-low.jpg": "delete", "2.jpg": "later"}
    assert both.theirs.decisions.kinds([*pair, "2.jpg"]) == {}
    assert both.theirs.decisions.different_from("1.jpg", ["1-low.jpg"]) == set()
    assert both.theirs.decisions.ids_of("delete") == set()


def test_a_tenant_takes_a_decision_of_the_whole_home_back_for_itself_alone(both: Tenants) -> None:
    made = both.mine.decisions.decide("delete", ["0-low.jpg"], beside=["0.jpg"])
    assert both.bound.decisions.undo([made.id]) == (made,)
    assert both.mine.decisions.kinds(["0-low.jpg"]) == {}
    assert both.theirs.decisions.kinds(["0-low.jpg"]) == {"0-low.jpg": "delete"}
    assert made in both.library.ledger.effective()
    assert both.library.ledger.undo([made.id]) == (made,)
    assert both.theirs.decisions.kinds(["0-low.jpg"]) == {}


def test_the_best_of_each_group_is_kept_for_ones_own_collection(both: Tenants) -> None:
    both.mine.review.keep_best(within=["mine"])
    assert both.mine.decisions.ids_of("delete")
    assert both.theirs.decisions.ids_of("delete") == both.theirs.decisions.ids_of("keep") == set()


def test_a_picture_that_a_tenant_saves_anew_is_another_one_elsewhere(both: Tenants, tmp_path: Path) -> None:
    both.theirs.decisions.decide("delete", ["2-low.jpg"], beside=["2.jpg"])
    draw(2).save(tmp_path / "again.jpg", quality=55)
    both.theirs.add(tmp_path / "again.jpg", id="again.jpg")
    both.bound.update("2-low.jpg", source=str(tmp_path / "again.jpg"))  # noted: it is what 2-low.jpg was
    assert both.mine.decisions.kinds(["2-low.jpg"]) == {"2-low.jpg": "delete"}
    assert both.theirs.decisions.kinds(["2-low.jpg", "again.jpg"]) == {"2-low.jpg": "delete"}
    both.theirs.delete("again.jpg")
    both.mine.delete("2-low.jpg")


@pytest.mark.parametrize("kind", ["delete", "keep", "later", "not_a_duplicate", "applied", "saved_anew", "undo"])
def test_events_that_a_tenant_brings_hold_in_its_own_collection(both: Tenants, kind: Any) -> None:
    ours = both.theirs.decisions.decide("keep", ["1.jpg"], beside=["1-low.jpg"])
    low, other = both.theirs.decisions.decide("later", ["1-low.jpg", "2.jpg"]).pictures
    brought = Event(
        id=fresh_id(),
        at=(datetime.now(UTC) + timedelta(hours=1)).isoformat(),  # the last word, if it had any
        kind=kind,
        collection="mine",
        batch="b",
        pictures=(replace(low, before=(other.content_hash,)), other),
        beside=ours.pictures,
        about=(ours.id,),
        record={"_id": "x", "_file": "/etc/hostname"},
        within=("theirs", "mine"),
    )
    before = both.theirs.decisions.kinds(["1.jpg", "1-low.jpg", "2.jpg"])
    assert both.library.ledger.merge([event_form(brought)], within=("mine",)) == 1
    assert both.library.ledger.events()[-1].within == ("mine",)
    assert both.theirs.decisions.kinds(["1.jpg", "1-low.jpg", "2.jpg"]) == before
    assert both.theirs.decisions.different_from("1-low.jpg", ["2.jpg"]) == set()
    assert both.library.ledger.merge([event_form(brought)], within=("mine",)) == 0


def test_a_tenant_cannot_take_the_name_of_an_event_that_is_still_to_come(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, Clock())
    real = event_form(replace(event("delete", "a"), at=NOON.isoformat()))
    forged = {**real, "kind": "keep", "collection": "mine"}
    assert ledger.merge([forged], within=("mine",)) == 1
    assert ledger.merge([real]) == 1
    assert [one.kind for one in ledger.effective("default")] == ["delete"]
    assert ledger.merge([real], within=("default",)) == 0  # it says nothing new there


@given(
    groups=st.lists(st.tuples(st.lists(st.sampled_from("abcd"), max_size=4), st.lists(st.sampled_from("abcd")))),
)
def test_pairs_are_those_of_their_groups(groups: list[tuple[list[str], list[str]]]) -> None:
    found, wanted = Pairs(), set()
    for ours, others in groups:
        found.add(ours, others)
        wanted.update(frozenset(pair) for pair in combinations(ours, 2))
        wanted.update(frozenset((a, b)) for a in ours for b in others)
    every = {frozenset((a, b)) for a in "abcde" for b in "abcde"}
    assert {pair for pair in every if pair in found} == wanted


# ---- events no larger than decisions


def test_decisions_on_a_thousand_pictures_take_room_for_each_picture_and_not_for_each_pair() -> None:
    pictures = tuple(picture(f"{place}") for place in range(1000))
    events = [replace(event("not_a_duplicate"), pictures=pictures, id=str(place)) for place in range(5)]
    tracemalloc.start()
    verdicts = verdicts_of(events)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000
    assert frozenset(("hash of 0", "hash of 999")) in verdicts.different


def too_large() -> dict[str, dict[str, Any]]:
    known = fingerprint_form(picture("a"))
    return {
        "pictures": {"pictures": [known] * 1001},
        "pictures and beside": {"pictures": [known] * 600, "beside": [known] * 600},
        "about": {"about": [f"e{place}" for place in range(1001)]},
        "within": {"within": ["default", *(f"c{place}" for place in range(1001))]},
        "an id": {"pictures": [{**known, "id": "x" * 1025}]},
        "a source": {"pictures": [{**known, "source": "x" * 9000}]},
        "a hash": {"pictures": [{**known, "content_hash": "x" * 1000}]},
        "hashes before": {"pictures": [{**known, "before": [f"h{place}" for place in range(1001)]}]},
        "hues": {"pictures": [{**known, "hues": "00" * 5000}]},
        "the name of the event": {"id": "x" * 1025},
        "a batch": {"batch": "x" * 1025},
        "the name of a collection": {"collection": "x" * 200},
        "a record": {"record": {"_id": "a", "text": "x" * 1_100_000}},
        "what no database holds": {"pictures": [{**known, "id": "\ud800"}]},
        "pictures that are no list": {"pictures": {"a": 1}},
        "within that is not a list": {"within": 7},
        "elsewhere only": {"within": ["another"]},
    }


@pytest.mark.parametrize("what", list(too_large()))
def test_an_event_that_no_decision_could_be_is_not_merged(tmp_path: Path, what: str) -> None:
    ledger = Ledger(tmp_path, Clock())
    good = event_form(replace(event("keep", "a"), at=NOON.isoformat()))
    with pytest.raises(InputError):
        ledger.merge([{**good, **too_large()[what]}])
    assert ledger.events() == ()
    assert ledger.merge([good]) == 1


def test_what_was_forgotten_is_not_taken_for_what_came_since(both: Tenants) -> None:
    made = both.mine.decisions.decide("delete", ["0-low.jpg"], beside=["0.jpg"])
    assert both.mine.decisions.ids_of("delete") == {"0-low.jpg"}
    both.library.ledger.forget([made.id])
    both.mine.decisions.decide("keep", ["1.jpg"])  # as many events as before
    assert both.mine.decisions.ids_of("delete") == set()
    assert both.mine.decisions.ids_of("keep") == {"1.jpg"}


def test_what_a_tenant_dates_ahead_makes_nothing_of_others_later_than_it_is(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, Clock())
    ahead = [NOON + timedelta(hours=hours) for hours in (23, 22)]
    told = [event_form(replace(event(kind, "a"), at=at.isoformat(), collection="mine"))
            for kind, at in zip(("keep", "delete"), ahead, strict=True)]  # fmt: skip
    assert ledger.merge(told, within=("mine",)) == 2
    assert [one.kind for one in ledger.events()] == ["delete", "keep"]  # in the order that they had
    [made] = ledger.append([event("later", "b")])
    assert made.at < (NOON + timedelta(seconds=1)).isoformat()
    assert ledger.merge(told, within=("mine",)) == 0
    assert ledger.merge(told) == 2  # who speaks for all of the home may have a clock that is ahead


@pytest.mark.parametrize("name", ["id", "at", "kind", "collection", "batch", "pictures", "about", "record", "within"])
@pytest.mark.parametrize("wrong", [None, 3, [None], {"a": 1}, "x", True, 1e300])
def test_a_wrong_part_of_an_event_is_told_in_words(name: str, wrong: Any) -> None:
    whole = event_form(replace(event("keep", "a", within=("photos",)), at=NOON.isoformat()))
    told = json.loads(json.dumps(whole)) | {name: wrong}
    try:
        event_from(told)
    except InputError as error:
        check_words(error)
    else:
        assert isinstance(wrong, str | dict)


@pytest.mark.parametrize("name", ["content_hash", "id", "source", "size_px", "hash", "hues", "before"])
@pytest.mark.parametrize("wrong", [None, 3, [None], {"a": 1}, [1, 1e400], "x"])
def test_a_wrong_part_of_a_picture_is_told_in_words(name: str, wrong: Any) -> None:
    told = fingerprint_form(picture("a")) | {name: wrong}
    try:
        fingerprint_from(told)
    except InputError as error:
        check_words(error)
    else:
        assert (name, wrong) in (("source", None), ("source", "x"), ("id", "x"), ("content_hash", "x"))


def check_words(error: InputError) -> None:
    pythons = "NoneType|object is not|iterable|argument|attribute|dict|unpack|isoformat|'int'"
    assert re.search(pythons, str(error)) is None


def test_what_is_no_event_at_all_is_told_in_words() -> None:
    for told in ([1], None, "x", {}):
        with pytest.raises(InputError, match="not a line of") as refused:
            event_from(told)  # type: ignore[arg-type]
        check_words(refused.value)
