"""A collection from the caller's side: add, search, update, delete, duplicates, export."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import sqlite3
import sys
import threading
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from conftest import draw

import lookalike
from lookalike.errors import (
    CollectionExistsError,
    CollectionNotFoundError,
    EncoderMismatchError,
    FilterError,
    InputError,
    RecordNotFoundError,
    SourceError,
    SourceNotFoundError,
)
from lookalike.records import Entry
from lookalike.stores import open_stores


def jpeg(seed: int) -> bytes:
    stream = io.BytesIO()
    draw(seed).save(stream, "JPEG")
    return stream.getvalue()


@pytest.fixture
def photos(library: lookalike.Library, pictures: Path) -> lookalike.Collection:
    collection = library.collection("photos", create=True)
    assert collection.add(pictures).added == 10
    return collection


def test_a_picture_finds_itself_first_and_its_copies_next(photos: lookalike.Collection, pictures: Path) -> None:
    found = photos.search(pictures / "a" / "0.jpg", limit=3)
    assert [match.rank for match in found] == [1, 2, 3]
    assert (found[0].id, found[0].score, found[0].relation) == ("a/0.jpg", 1.0, "identical")
    assert {match.id for match in found[1:]} == {"a/0-again.png", "b/0-small.jpg"}
    assert all(0.9 <= match.score < 1.0 for match in found[1:])


def test_a_query_by_id_includes_the_record_and_equals_the_query_by_its_file(
    photos: lookalike.Collection, pictures: Path
) -> None:
    by_id = photos.search("id:b/5.jpg", limit=10)
    by_file = photos.search(pictures / "b" / "5.jpg", limit=10)
    assert by_id[0].id == "b/5.jpg"
    assert [(m.id, m.score) for m in by_id] == [(m.id, m.score) for m in by_file]


def test_the_same_picture_as_path_bytes_base64_image_and_array_is_found(
    photos: lookalike.Collection, pictures: Path
) -> None:
    path = pictures / "a" / "1.jpg"
    data = path.read_bytes()
    text = base64.b64encode(data).decode()
    with path.open("rb") as stream:
        for source in (path, str(path), data, text, f"data:image/jpeg;base64,{text}", stream):
            assert photos.search(source, limit=1)[0].score == 1.0
    with PIL.Image.open(path) as image:
        for source in (image, np.asarray(image)):
            match = photos.search(source, limit=1)[0]
            assert match.id == "a/1.jpg"
            assert match.score >= 0.99


def test_a_threshold_is_a_floor_that_includes_its_own_value(photos: lookalike.Collection) -> None:
    every = photos.search("id:a/0.jpg", limit=10)
    for match in every:
        kept = photos.search("id:a/0.jpg", limit=10, threshold=match.score)
        assert [m.id for m in kept] == [m.id for m in every if m.score >= match.score]


def test_max_distance_is_a_ceiling(photos: lookalike.Collection) -> None:
    found = photos.search("id:a/3.jpg", limit=10, max_distance=0.0)
    assert [match.id for match in found] == ["a/3.jpg"]


def test_a_filter_never_starves_the_answer(photos: lookalike.Collection) -> None:
    for number, record in enumerate(list(photos)):
        photos.update(record.id, {"n": number, "even": number % 2 == 0})
    found = photos.search("id:a/0.jpg", limit=10, filter={"even": True})
    assert len(found) == 5
    assert all(match.metadata["even"] for match in found)
    assert photos.search("id:a/0.jpg", filter={"n": 77}).matches == ()
    with pytest.raises(FilterError, match="n"):
        photos.search("id:a/0.jpg", filter={"n": {"$gtt": 3}})


def test_groups_count_against_the_limit_and_give_their_best_match(photos: lookalike.Collection) -> None:
    for record in list(photos):
        if record.id.startswith("a/"):
            photos.update(record.id, {"folder": "a"})
    found = photos.search("id:a/0.jpg", limit=3, group_by="folder")
    assert len(found) == 3
    assert found[0].id == "a/0.jpg"
    assert all(match.id.startswith("b/") for match in found[1:])


def test_examples_and_counter_examples_move_the_answer(photos: lookalike.Collection) -> None:
    both = photos.search(like=["id:a/1.jpg", "id:b/4.jpg"], limit=2)
    assert {match.id for match in both} == {"a/1.jpg", "b/4.jpg"}
    away = photos.search("id:a/0.jpg", unlike=["id:a/0-again.png"], limit=10)
    near = photos.search("id:a/0.jpg", limit=10)
    rank = {name: [m.id for m in found].index("a/0-again.png") for name, found in (("away", away), ("near", near))}
    assert rank["away"] >= rank["near"]


def test_a_crop_looks_at_a_part_of_the_query(photos: lookalike.Collection, tmp_path: Path) -> None:
    collage = PIL.Image.new("RGB", (640, 240), "white")
    collage.paste(draw(2), (0, 0))
    collage.paste(draw(6), (320, 0))
    collage.save(tmp_path / "collage.png")
    assert photos.search(tmp_path / "collage.png", crop=(0, 0, 320, 240), limit=1)[0].id == "a/2.jpg"
    assert photos.search(tmp_path / "collage.png", crop=(320, 0, 320, 240), limit=1)[0].id == "b/6.jpg"
    with pytest.raises(InputError, match="crop"):
        photos.search(tmp_path / "collage.png", crop=(600, 0, 320, 240))


@pytest.mark.parametrize(
    "wrong",
    [{"limit": 0}, {"limit": 2.5}, {"limit": True}, {"threshold": 90}, {"threshold": "x"}, {"max_distance": -1}],
)
def test_values_out_of_range_are_refused(photos: lookalike.Collection, wrong: dict) -> None:
    with pytest.raises(InputError):
        photos.search("id:a/0.jpg", **wrong)


def test_a_query_that_cannot_be_read_says_why(photos: lookalike.Collection, tmp_path: Path) -> None:
    text = tmp_path / "cat.jpg"
    text.write_text("<html>not found</html>")
    with pytest.raises(SourceError, match="web page"):
        photos.search(text)
    with pytest.raises(SourceNotFoundError):
        photos.search(tmp_path / "missing.jpg")
    with pytest.raises(RecordNotFoundError, match="nobody"):
        photos.search("id:nobody")
    with pytest.raises(InputError):
        photos.search(3.5)
    with pytest.raises(InputError, match="example"):
        photos.search()


def test_indexing_again_changes_nothing_and_a_changed_file_is_updated(
    library: lookalike.Library, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for seed in range(3):
        draw(seed).save(folder / f"{seed}.jpg")
    photos = library.collection("mine", create=True)
    assert (photos.add(folder).added, photos.add(folder).unchanged) == (3, 3)
    photos.update("1.jpg", {"price": 3}, tags=["kept"])
    draw(9).save(folder / "1.jpg")
    report = photos.add(folder)
    assert (report.added, report.updated, report.unchanged) == (0, 1, 2)
    assert photos.search(draw(9), limit=1)[0].id == "1.jpg"
    assert (photos["1.jpg"].metadata, photos["1.jpg"].tags) == ({"price": 3}, ("kept",))
    (folder / "0.jpg").touch()
    assert photos.add(folder).unchanged == 3


def test_a_moved_folder_keeps_its_records(library: lookalike.Library, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    draw(1).save(folder / "1.jpg")
    photos = library.collection("moving", create=True)
    photos.add(folder)
    photos.update("1.jpg", {"price": 3})
    folder.rename(tmp_path / "new")
    report = photos.add(tmp_path / "new")
    assert report.failed == ()
    assert photos["1.jpg"].source == str(tmp_path / "new" / "1.jpg")
    assert photos["1.jpg"].metadata == {"price": 3}


def test_two_sources_that_claim_one_id_fail_naming_both(library: lookalike.Library, tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("two", 2)):
        (tmp_path / name).mkdir()
        draw(seed).save(tmp_path / name / "x.jpg")
    photos = library.collection("taken", create=True)
    photos.add(tmp_path / "one" / "x.jpg")
    for source in (tmp_path / "two" / "x.jpg", tmp_path / "two"):
        [failure] = photos.add(source).failed
        assert failure.code == "id_taken"
        assert str(tmp_path / "one" / "x.jpg") in failure.message
        assert str(tmp_path / "two" / "x.jpg") in failure.message
    assert photos.search(draw(1), limit=1)[0].score >= 0.9
    assert photos.add(tmp_path / "two" / "x.jpg", replace=True).updated == 1
    assert photos["x.jpg"].source == str(tmp_path / "two" / "x.jpg")


def test_one_bad_image_fails_alone(library: lookalike.Library, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    draw(1).save(folder / "good.jpg")
    (folder / "text.jpg").write_text("hello")
    (folder / "cut.jpg").write_bytes((folder / "good.jpg").read_bytes()[:2000])
    (folder / "notes.txt").write_text("hello")
    report = library.collection("mixed", create=True).add(folder)
    assert (report.added, report.skipped) == (1, 1)
    assert {failure.code for failure in report.failed} == {"image_undecodable"}
    assert sorted(Path(failure.source).name for failure in report.failed) == ["cut.jpg", "text.jpg"]
    assert "text.jpg" in str(report)


def test_wrong_types_fail_alone_with_the_types_expected(library: lookalike.Library) -> None:
    photos = library.collection("types", create=True)
    report = photos.add([jpeg(1), 3.5, None, "missing.jpg", {"_id": "x"}, {"_file": "a", "_url": "b"}])
    assert report.added == 1
    assert [failure.code for failure in report.failed] == [
        "input_invalid",
        "input_invalid",
        "source_not_found",
        "input_invalid",
        "input_invalid",
    ]


def test_records_in_the_json_lines_form_carry_metadata_and_tags(library: lookalike.Library, pictures: Path) -> None:
    shop = library.collection("shop", create=True, type="products", fields=["price"], product_id_field="sku")
    records = [
        {"_id": "7", "_file": "a/1.jpg", "price": 3, "sku": "s1", "tags": ["red"]},
        {"_id": 8, "_base64": base64.b64encode(jpeg(12)).decode(), "price": 5},
        {"_file": "b/5.jpg"},
        {"_id": "9", "_file": "a/1.jpg", "_secret": 1},
    ]
    report = shop.add(records, base=pictures)
    assert report.added == 3
    assert [failure.code for failure in report.failed] == ["input_invalid"]
    assert (shop["7"].metadata, shop["7"].tags) == ({"price": 3, "sku": "s1"}, ("red",))
    assert "b/5.jpg" in shop
    assert shop.add(records[:3], base=pictures).unchanged == 3
    assert shop.add([{**records[0], "price": 4}], base=pictures).updated == 1
    assert shop["7"].metadata["price"] == 4


def test_export_reads_back_as_the_same_collection(photos: lookalike.Collection, library: lookalike.Library) -> None:
    photos.update("a/1.jpg", {"price": 3, "näme": ["ü"]}, tags=["x"])
    lines = [json.loads(json.dumps(line)) for line in photos.export()]
    again = library.collection("again", create=True)
    assert again.add(lines).added == 10
    assert list(again.export()) == list(photos.export())
    with_vectors = next(iter(photos.export(vectors=True)))
    assert len(with_vectors["_vectors"]["semantic"]) == 512


def test_update_sets_and_takes_away_fields_and_another_picture(photos: lookalike.Collection, pictures: Path) -> None:
    photos.update("a/1.jpg", {"a": 1, "b": 2})
    assert photos.update("a/1.jpg", {"b": 3}, unset=["a"]).metadata == {"b": 3}
    assert photos.update("a/1.jpg", {"c": 1}, replace=True).metadata == {"c": 1}
    photos.update("a/1.jpg", source=draw(20))
    assert photos.search(draw(20), limit=1)[0].id == "a/1.jpg"
    assert photos["a/1.jpg"].metadata == {"c": 1}
    with pytest.raises(RecordNotFoundError):
        photos.update("nobody", {"a": 1})
    for wrong in ({"_id": "x"}, {"$set": 1}, {"tags": []}, {"a": float("nan")}, {1: 2}):
        with pytest.raises(InputError):
            photos.update("a/1.jpg", wrong)


def test_a_deleted_record_is_never_found(photos: lookalike.Collection) -> None:
    assert photos.delete(["a/0.jpg", "nobody"]) == 1
    assert "a/0.jpg" not in photos
    assert "a/0.jpg" not in {match.id for match in photos.search(draw(0), limit=20)}
    with pytest.raises(RecordNotFoundError):
        photos.get("a/0.jpg")


def test_prune_removes_the_records_of_vanished_files_only(library: lookalike.Library, tmp_path: Path) -> None:
    folder = tmp_path / "shrinking"
    folder.mkdir()
    for seed in range(3):
        draw(seed).save(folder / f"{seed}.jpg")
    photos = library.collection("shrinking", create=True)
    photos.add(folder)
    photos.add(jpeg(5), id="upload")
    (folder / "1.jpg").unlink()
    assert photos.add(folder).removed == 0
    assert photos.add(folder, prune=True).removed == 1
    assert [record.id for record in photos] == ["0.jpg", "2.jpg", "upload"]


def test_duplicates_are_stars_around_the_largest_picture(photos: lookalike.Collection) -> None:
    [group] = photos.duplicates()
    assert {member.id for member in group.members} == {"a/0.jpg", "a/0-again.png", "b/0-small.jpg"}
    assert group.representative in ("a/0.jpg", "a/0-again.png")
    assert group.min_score >= 0.9
    assert photos.duplicates(threshold=1.0).groups == ()


def test_equal_bytes_are_identical_duplicates(library: lookalike.Library) -> None:
    photos = library.collection("twins", create=True)
    photos.add(jpeg(3), id="one")
    photos.add(jpeg(3), id="two")
    photos.add(jpeg(4), id="other")
    [group] = photos.duplicates(threshold=1.0)
    assert [(m.id, m.score) for m in group.members] == [("one", 1.0), ("two", 1.0)]
    assert group.members[1].relation == "identical"


def test_a_flat_picture_is_no_copy_of_another_flat_picture(library: lookalike.Library) -> None:
    first = np.full((200, 300, 3), (20, 40, 160), np.uint8)
    second = np.full((200, 300, 3), (240, 180, 60), np.uint8)
    assert lookalike.compare(first, second).score < 0.999
    photos = library.collection("flat", create=True)
    photos.add([first, second, np.zeros((1, 1, 3), np.uint8), np.zeros((3, 4000, 3), np.uint8)])
    assert len(photos) == 4
    assert photos.search(first, limit=1)[0].score == 1.0


def test_compare_is_symmetric_and_one_for_equal_bytes(pictures: Path) -> None:
    a, b = pictures / "a" / "0.jpg", pictures / "b" / "0-small.jpg"
    assert lookalike.compare(a, a).score == 1.0
    assert lookalike.compare(a, a).relation == "identical"
    assert lookalike.compare(a, b).score == lookalike.compare(b, a).score >= 0.9
    assert lookalike.compare(a, pictures / "b" / "7.jpg").score < 0.7


def test_what_is_kept_follows_the_collection(library: lookalike.Library, pictures: Path) -> None:
    for keep, has_thumbnail, has_original in (
        ("none", False, False),
        ("thumbnail", True, False),
        ("original", True, True),
        ("auto", True, False),
    ):
        photos = library.collection(keep, create=True, keep=keep)
        photos.add(jpeg(1), id="x")
        assert (photos.thumbnail("x") is not None) is has_thumbnail
        assert (photos.original("x") == jpeg(1)) is has_original
    auto = library.collection("auto")
    auto.add(pictures / "a" / "1.jpg")
    with PIL.Image.open(io.BytesIO(auto.thumbnail("1.jpg") or b"")) as shown:
        assert shown.format == "JPEG"


def test_collections_are_made_listed_and_deleted(library: lookalike.Library) -> None:
    library.create("Schuhe größe ☂")
    library.collection("b", create=True)
    assert library.collections() == ["Schuhe größe ☂", "b"]
    with pytest.raises(CollectionExistsError):
        library.create("b")
    library.delete_collection("b")
    with pytest.raises(CollectionNotFoundError, match="Schuhe"):
        library.collection("b")
    for wrong in ("", " ", "a\nb", "x" * 200):
        with pytest.raises(InputError):
            library.create(wrong)
    with pytest.raises(InputError, match="photos or products or matching"):
        library.create("c", type="pictures")


def test_results_read_as_tables_and_show_pictures(photos: lookalike.Collection) -> None:
    found = photos.search("id:a/0.jpg", limit=2)
    assert str(found).splitlines()[0].split() == ["rank", "score", "distance", "id", "relation"]
    assert found._repr_html_().count("data:image/jpeg;base64") == 3
    assert photos.duplicates()._repr_html_().count("<img") == 3
    assert "score" in str(lookalike.compare(draw(1), draw(1)))
    assert "photos" in repr(photos)


def test_many_threads_may_search_and_add_at_once(photos: lookalike.Collection) -> None:
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            photos.add(jpeg(100 + seed), id=f"thread-{seed}")
            assert photos.search(jpeg(100 + seed), limit=1)[0].id == f"thread-{seed}"
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(photos) == 18


def test_the_public_names_are_the_listed_ones() -> None:
    for name in lookalike.__all__:
        assert getattr(lookalike, name) is not None
    with pytest.raises(AttributeError):
        _ = lookalike.nothing_of_this_name


def test_a_collection_keeps_to_the_encoder_it_was_made_with(library: lookalike.Library, pictures: Path) -> None:
    accurate = library.collection("accurate", create=True, encoder="builtin-accurate")
    plain = library.collection("plain", create=True)
    for photos in (accurate, plain):
        photos.add(pictures)
        assert photos.search(pictures / "a" / "1.jpg", limit=1)[0].score == 1.0
    assert accurate.spec.encoder_digest != plain.spec.encoder_digest
    near = [photos.search("id:a/1.jpg", limit=2)[1].distance for photos in (accurate, plain)]
    assert near[0] != near[1]
    with pytest.raises(InputError, match="builtin or builtin-accurate"):
        library.create("c", encoder="resnet")


def test_vectors_of_two_encoders_never_meet(library: lookalike.Library, pictures: Path) -> None:
    """A collection of another model refuses to encode, and still answers by id."""
    made = library.create("new")
    made.add(pictures / "a" / "1.jpg")
    other = replace(made.spec, name="old", encoder_digest="0" * 64)
    store = open_stores(library.settings.home).create(other)
    vectors = {space.name: made.vector("1.jpg", space.name) for space in made.spec.spaces}
    store.upsert([Entry(made["1.jpg"], vectors)])
    store.close()
    old = library.collection("old")
    assert old.search("id:1.jpg", limit=1)[0].id == "1.jpg"
    for call in (old.search, old.add):
        with pytest.raises(EncoderMismatchError, match="index the pictures again"):
            call(pictures / "a" / "1.jpg")


def test_many_changes_take_one_transaction_and_one_that_fails_spoils_no_other(library, pictures):
    collection = library.create("many")
    collection.add(pictures)
    ids = [record.id for record in collection][:4]
    collection.update(ids[0], {"kept": 1}, tags=["old"])
    before = collection.version
    changes = [
        (ids[0], {"n": 0}, None),
        ("nobody", {"n": 1}, None),
        (ids[1], {"n": "x" * 2_000_000}, None),
        (ids[2], {"n": 2}, ["new"]),
        (ids[3], {"n": 3}, [""]),
        (ids[0], {"n": 4}, None),
    ]
    told = collection.update_all(changes)
    assert [getattr(one, "code", "") for one in told] == [
        *("", "record_not_found", "input_invalid", "", "input_invalid", "")
    ]
    assert collection.version == before + 1
    assert (told[5].metadata, told[5].tags) == ({"kept": 1, "n": 4}, ("old",))
    assert [collection.get(one).metadata.get("n") for one in ids] == [4, None, 2, None]
    assert collection.get(ids[2]).tags == ("new",)
    assert collection.update_all([]) == []


def test_a_collection_declares_so_many_fields_and_no_more(tmp_path):
    names = [f"f{n}" for n in range(100)]
    with lookalike.open(tmp_path) as library:
        with pytest.raises(InputError, match=r"101 declared fields.*100 at most"):
            library.create("c", fields=[*names, "more"])
        with pytest.raises(InputError, match="more than 1,000"):
            library.create("c", fields=(f"f{n}" for n in count()))
        assert library.collections() == []
        made = library.create("c", fields=names)
        for refused in (lambda: made.declare(["more"]), lambda: made.configure(fields=[*names, "more"])):
            with pytest.raises(InputError, match="100 at most"):
                refused()
        made.declare(["more", "f7"], drop=["f3"])
        assert set(made.spec.fields) == {*names, "more"} - {"f3"}
        with pytest.raises(InputError, match="256 characters"):
            made.declare(["x" * 257])


def test_a_collection_tells_when_it_last_changed(library, pictures, tmp_path):
    shop = library.collection("shop", create=True)
    made = shop.info()["created_at"]
    assert shop.info()["changed_at"] == made
    shop.add([pictures / "a" / "0.jpg", pictures / "a" / "1.jpg"])
    [first, second] = list(shop.scan())
    assert shop.info()["changed_at"] == max(first.updated_at, second.updated_at) > made
    changed = shop.update(first.id, {"price": 3})
    assert library.info("shop")["changed_at"] == changed.updated_at > second.updated_at
    [path] = (tmp_path / "home").rglob("records.sqlite")
    with contextlib.closing(sqlite3.connect(path)) as conn, conn:
        conn.execute("UPDATE records SET updated_at = X'FF00' WHERE id = ?", (first.id,))
    assert library.info("shop")["changed_at"] == made  # no time can be read
    shop.delete([first.id, second.id])
    assert shop.info()["changed_at"] == made


@pytest.mark.skipif(sys.platform == "darwin", reason="its disks take no such name")
def test_a_file_whose_name_is_not_utf_8_fails_alone(library: lookalike.Library, tmp_path: Path) -> None:
    folder = tmp_path / "named"
    folder.mkdir()
    draw(1).save(folder / "a.jpg")
    draw(2).save(folder / "z.jpg")
    (folder / os.fsdecode(b"bad\xff.jpg")).write_bytes((folder / "a.jpg").read_bytes())
    collection = library.collection("named", create=True)
    for added in (2, 0):
        report = collection.add(folder)
        assert (report.added, len(report.failed)) == (added, 1)
        assert report.failed[0].code == "input_invalid"
        assert r"bad\xff.jpg" in report.failed[0].message
    assert sorted(record.id for record in collection) == ["a.jpg", "z.jpg"]
