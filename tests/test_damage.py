"""Damage to what is stored: it is noticed, named, left out and counted, and never passed on as if it were whole."""

import copy
import dataclasses
import json
import os
import pickle
import sqlite3
import subprocess
import sys
from contextlib import closing

import numpy as np
import PIL.Image
import pytest
from serving import API, code_of, served

import lookalike
from lookalike.errors import StoreDamagedError
from lookalike.filters import parse_filter
from lookalike.records import CollectionSpec, Entry, Record, Space
from lookalike.stores import Harm, open_stores
from lookalike.stores.base import Move

SPACES = (Space("look", 4, "cosine"), Space("hash", 12, "hamming"))
QUERY = np.array([[1, 0, 0, 0]], np.float32)


def entry(id, look=(1, 0, 0, 0), *, thumbnail=None, original=None, **metadata):
    vector = np.array(look, np.float32)
    vectors = {"look": vector / np.linalg.norm(vector), "hash": np.array([3, 7], np.uint8)}
    record = Record(id=id, content_hash=f"hash of {id}", format="png", metadata=metadata)
    return Entry(record, vectors, thumbnail, original)


@pytest.fixture
def home(tmp_path):
    store = open_stores(tmp_path).create(CollectionSpec(name="shelf", spaces=SPACES, fields=("n",)))
    store.upsert([entry(f"{n}", (1, n, 0, 0), thumbnail=b"t%d" % n, original=b"o%d" % n, n=n) for n in range(6)])
    store.close()
    return tmp_path


@pytest.fixture
def opened(home):
    stores = []

    def open():
        stores.append(open_stores(home).open("shelf"))
        return stores[-1]

    yield open
    for store in stores:
        store.close()


def change(home, sql, *values):
    """Damage a store as a bad disk does: past the checksums, and past SQLite's indexes of fields."""
    [file] = (home / "collections").glob("*/records.sqlite")
    with closing(sqlite3.connect(file, isolation_level=None)) as conn:
        conn.execute("PRAGMA writable_schema = ON")
        held = conn.execute("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_master WHERE name GLOB 'field*'")
        rows = held.fetchall()
        conn.execute("DELETE FROM sqlite_master WHERE name GLOB 'field*'")
        conn.execute("PRAGMA writable_schema = RESET")
    with closing(sqlite3.connect(file, isolation_level=None)) as conn:
        conn.execute(sql, values)
        conn.execute("PRAGMA writable_schema = ON")
        conn.executemany("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", rows)


FLIPPED = "UPDATE {0} SET {1} = zeroblob(length({1})) WHERE key = 3"
BROKEN = [
    "'{\"n\": 2'",
    "'[1]'",
    "CAST(x'7b226e223a2022c3227d' AS TEXT)",  # half of a character
    "x'00'",
    "''",
]


def found(store, **conditions):
    neighbors = store.neighbors("look", QUERY, 10, **conditions)
    return sorted(record.id for record in store.records(neighbors.keys[0, : neighbors.counts[0]].tolist()).values())


@pytest.mark.parametrize("broken", BROKEN)
def test_a_record_that_cannot_be_read_is_left_out_named_and_counted(home, opened, broken):
    change(home, f"UPDATE records SET metadata = {broken} WHERE id = '2'")
    store, rest = opened(), ["0", "1", "3", "4", "5"]
    assert [record.id for record in store.scan()] == rest
    assert list(store.damaged()) == ["2"]
    assert [fields["n"] for fields, _ in store.scan_metadata()] == [0, 1, 3, 4, 5]
    assert found(store, filter=parse_filter('{"n": {"$gte": 0}}')) == rest
    assert found(opened(), filter=parse_filter('{"other": {"$exists": false}}')) == rest
    assert found(opened(), filter=parse_filter('{"n": {"$ne": 0}}')) == rest[1:]
    assert store.count(filter=parse_filter('{"other": {"$exists": false}}')) == 5
    assert "2" not in store.get(["2"])
    with pytest.raises(StoreDamagedError, match=r'"2".*its record'):
        opened().entry("2")
    with pytest.raises(StoreDamagedError, match=r'"2"'):
        store.revise("2", metadata={"n": 7})
    assert [problem for problem in opened().check() if "damaged" in problem] == ['record "2" is damaged: its record']
    assert dict(opened().backup(home / "backup")) == {"2": ("its record",)}


@pytest.mark.parametrize("change_of", [
    "width = 'wide'", "height = x'00'", "id = CAST(x'c3' AS TEXT)", "created_at = CAST(x'c3' AS TEXT)", "tags = '{}'",
    "facts = '['", "content_hash = CAST(x'c3' AS TEXT)",
])  # fmt: skip
def test_whatever_column_is_damaged_the_other_records_are_given(home, opened, tmp_path, change_of):
    change(home, f"UPDATE records SET {change_of} WHERE key = 3")
    store, rest = opened(), ["0", "1", "3", "4", "5"]
    assert [record.id for record in store.scan()] == rest
    assert found(opened()) == rest
    assert sorted(opened().ids([1, 2, 3, 4, 5, 6]).values()) == rest or not change_of.startswith("id")
    assert len(opened().examine().damaged) == 1
    assert len(opened().backup(tmp_path / "backup")) == 1


@pytest.mark.parametrize("broken", BROKEN)
def test_a_record_that_cannot_be_read_can_be_replaced_and_deleted(home, opened, broken):
    change(home, f"UPDATE records SET metadata = {broken} WHERE id IN ('2', '3')")
    store = opened()
    assert store.delete(["3"]) == 1
    store.upsert([entry("2", (1, 2, 0, 0), n=22)])
    assert store.get(["2"])["2"].metadata == {"n": 22}
    assert store.damaged() == {}
    assert store.check() == []
    assert found(store, filter=parse_filter('{"n": 22}')) == ["2"]


def test_a_damaged_vector_is_left_out_of_a_new_index_and_of_searches(home, opened):
    change(home, FLIPPED.format("vector_0", "vector"))
    store = opened()
    assert found(store) == ["0", "1", "3", "4", "5"]
    assert store.damaged() == {"2": 'its vector "look"'}
    assert store.vectors("look", [3]) == {}
    assert [keys.tolist() for keys, _ in store.scan_vectors("look")] == [[1, 2, 4, 5, 6]]
    with pytest.raises(StoreDamagedError, match=r'"2".*look'):
        store.entry("2")
    store.compact()  # writes the index anew
    assert found(store) == ["0", "1", "3", "4", "5"]
    again = opened()
    assert found(again) == ["0", "1", "3", "4", "5"]
    assert list(again.damaged()) == ["2"]
    assert again.check() == ['record "2" is damaged: its vector "look"']
    assert len(list(again.scan())) == 6
    again.upsert([entry("2", (1, 2, 0, 0))])
    assert found(again) == ["0", "1", "2", "3", "4", "5"]
    assert again.damaged() == {}


@pytest.mark.parametrize("sql", [
    "UPDATE vector_0 SET vector = x'0102' WHERE key = 3",
    "UPDATE vector_0 SET vector = (SELECT vector FROM vector_0 WHERE key = 4) WHERE key = 3",
    "DELETE FROM vector_1 WHERE key = 3",
    FLIPPED.format("vector_1", "vector"),
    FLIPPED.format("pictures", "thumbnail"),
    FLIPPED.format("pictures", "original"),
    "DELETE FROM pictures WHERE key = 3",
    "UPDATE records SET source = 'elsewhere' WHERE key = 3",
    "UPDATE records SET width = 9 WHERE key = 3",
    "UPDATE records SET facts = '{\"frames\": 2}' WHERE key = 3",
])  # fmt: skip
def test_the_doctor_names_the_record_whose_row_was_changed(home, opened, sql):
    assert opened().check() == []
    change(home, sql)
    findings = opened().examine()
    assert list(findings.damaged) == ["2"]
    assert any('record "2" is damaged' in problem for problem in findings.problems)


@pytest.fixture
def pictures(tmp_path):
    """A home of five pictures in one collection, without declared fields."""
    home, folder = tmp_path / "home", tmp_path / "pictures"
    folder.mkdir()
    for n in range(5):
        noise = np.random.default_rng(n).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        PIL.Image.fromarray(noise).resize((96, 96)).save(folder / f"{n}.png")
    with lookalike.open(home) as library:
        library.collection("shelf", create=True, keep="thumbnail").add(folder)
    return home


def command(home, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "lookalike", *arguments, "--home", str(home)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_find_and_export_go_on_without_a_broken_record_and_say_so(pictures):
    change(pictures, "UPDATE records SET metadata = '{broken' WHERE id = '2.png'")
    code, out, err = command(pictures, "find", "id:1.png", "--collection", "shelf", "--json")
    answer = json.loads(out)
    assert code == 0
    assert sorted(match["id"] for match in answer["matches"]) == ["0.png", "1.png", "3.png", "4.png"]
    assert answer["left_out"] == 1
    assert '1 damaged record was left out of "shelf"' in err
    code, out, err = command(pictures, "export", "--collection", "shelf", "--vectors")
    assert code == 0
    assert [json.loads(line)["_id"] for line in out.splitlines()] == ["0.png", "1.png", "3.png", "4.png"]
    assert "1 damaged record was left out" in err
    for told in (["get", "2.png"], ["find", "id:2.png"]):
        code, out, err = command(pictures, *told, "--collection", "shelf", "--json")
        assert code == 4
        assert json.loads(err or out)["error"]["code"] == "store_damaged"
        assert "2.png" in err + out


def test_find_and_export_go_on_without_a_damaged_vector(pictures):
    change(
        pictures,
        FLIPPED.format("vector_0", "vector").replace("key = 3", "key = (SELECT key FROM records WHERE id = '2.png')"),
    )
    with lookalike.open(pictures) as library:
        shelf = library.collection("shelf")
        matches = shelf.search("id:1.png")
        assert sorted(match.id for match in matches) == ["0.png", "1.png", "3.png", "4.png"]
        assert matches.left_out == 1
        assert [line["_id"] for line in shelf.export(vectors=True)] == ["0.png", "1.png", "3.png", "4.png"]
        assert len(list(shelf.export())) == 5
        assert list(shelf.examine().damaged) == ["2.png"]


def test_a_damaged_picture_is_not_shown(home, opened):
    change(home, FLIPPED.format("pictures", "thumbnail"))
    change(home, FLIPPED.format("pictures", "original"))
    store = opened()
    assert store.thumbnail("2") is None
    with pytest.raises(StoreDamagedError, match=r'"2".*original'):
        store.original("2")
    assert store.original("1") == b"o1"
    assert list(store.damaged()) == ["2"]


def test_the_doctor_mends_a_damaged_vector_from_the_picture_and_keeps_what_was_said_of_it(pictures):
    with lookalike.open(pictures) as library:
        library.collection("shelf").update("2.png", {"price": 3}, tags=["red"])
    for table in ("vector_0", "vector_1"):
        change(
            pictures, FLIPPED.format(table, "vector").replace("= 3", "= (SELECT key FROM records WHERE id = '2.png')")
        )
    assert command(pictures, "doctor")[0] == 4
    code, out, _ = command(pictures, "doctor", "--repair")
    assert code == 0
    assert 'record "2.png" was made anew from its picture' in out
    with lookalike.open(pictures) as library:
        shelf = library.collection("shelf")
        assert (shelf["2.png"].metadata, shelf["2.png"].tags) == ({"price": 3}, ("red",))
        assert shelf.search("id:2.png", limit=1)[0].id == "2.png"


def test_the_doctor_finds_a_lost_database_and_a_wrong_name(pictures):
    with lookalike.open(pictures) as library:
        library.collection("other", create=True)
        library.collection("third", create=True)
    other, shelf = ((pictures / "collections").glob(name).__next__() for name in ("other-*", "shelf-*"))
    (other / "records.sqlite").unlink()
    (shelf / "name.txt").write_text("third", encoding="utf-8")
    with lookalike.open(pictures) as library:
        assert library.collections() == ["shelf", "third"]
    code, out, _ = command(pictures, "doctor", "--repair", "--json")
    told = json.loads(out)
    assert code == 4
    assert len(told["problems"]) == 1
    assert 'has lost its records.sqlite: the collection "other" is gone' in told["problems"][0]
    assert len(told["repaired"]) == 1
    assert (shelf / "name.txt").read_text(encoding="utf-8") == "shelf"


def flip(file, found, n=30):
    """Change some bytes of a file in place, where they are."""
    raw = file.read_bytes()
    assert raw.count(found) == 1
    place = raw.index(found)
    file.write_bytes(raw[:place] + bytes(255 - byte for byte in raw[place : place + n]) + raw[place + n :])


@pytest.fixture
def backup(pictures, tmp_path):
    with lookalike.open(pictures) as library:
        shelf = library.collection("shelf")
        assert shelf.backup(tmp_path / "monday") == {}
        vector = shelf.vector("2.png", "copy").astype("<f2").tobytes()
    return tmp_path / "monday", vector


def test_a_damaged_backup_is_refused_and_its_damaged_record_named(pictures, backup):
    folder, vector = backup
    assert command(pictures, "restore", str(folder), "--name", "whole")[0] == 0
    flip(folder / "records.sqlite", vector)
    code, _, err = command(pictures, "restore", str(folder), "--name", "again")
    assert code == 4
    assert "is not what was written; damaged records: 2.png" in err
    with lookalike.open(pictures) as library:
        assert library.collections() == ["shelf", "whole"]
    code, _, err = command(pictures, "restore", str(folder), "--name", "again", "--despite-damage")
    assert code == 0
    with lookalike.open(pictures) as library:
        assert len(library.collection("again")) == 5
        assert list(library.collection("again").examine().damaged) == ["2.png"]


def test_a_backup_whose_digest_or_name_was_changed_is_refused(pictures, backup):
    folder, _ = backup
    (folder / "name.txt").write_text("other")
    with lookalike.open(pictures) as library:
        with pytest.raises(StoreDamagedError, match=r"name\.txt is not what was written"):
            library.restore(folder, "again")
        (folder / "name.txt").write_text("shelf")
        (folder / "digest.json").write_text("[]")
        with pytest.raises(StoreDamagedError, match=r"digest\.json cannot be read"):
            library.restore(folder, "again")


def test_a_backup_of_the_first_version_has_no_digest_and_is_restored_which_says_so(pictures, backup):
    folder, _ = backup
    (folder / "digest.json").unlink()
    with closing(sqlite3.connect(folder / "records.sqlite", isolation_level=None)) as conn:
        conn.execute("DROP TABLE checksums")
        conn.execute("ALTER TABLE records DROP COLUMN facts")
        conn.execute("PRAGMA user_version = 1")
    code, _, err = command(pictures, "restore", str(folder), "--name", "old")
    assert code == 0
    assert "has no digest" in err
    with lookalike.open(pictures) as library:
        assert library.collection("old").check() == []
        assert len(library.collection("old")) == 5


def test_a_backup_of_damaged_records_names_them(pictures, tmp_path):
    change(pictures, "UPDATE records SET metadata = '{broken' WHERE id = '2.png'")
    code, _, err = command(pictures, "backup", str(tmp_path / "tuesday"), "--collection", "shelf")
    assert code == 3
    assert 'record "2.png" is damaged, and was copied as it is: its record' in err
    assert command(pictures, "restore", str(tmp_path / "tuesday"), "--name", "again")[0] == 4


def test_restore_says_what_there_is_in_place_of_a_backup(pictures, backup, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    for place, told in (
        ("nowhere", "there is no folder"),
        ("empty", "is empty"),
        ("file", "is not a folder"),
        ("pictures", "holds no backup"),
        (".", "is not a backup, but holds some: monday"),
    ):
        code, _, err = command(pictures, "restore", str(tmp_path / place))
        assert code == 2
        assert told in err
        assert "permission" not in err
        assert "acknowledged" not in err


def test_broken_words_about_a_collection_are_told_as_damage(home, opened):
    change(home, "UPDATE meta SET value = '{' WHERE name IN ('spec', 'generation')")
    with pytest.raises(StoreDamagedError, match="backup"):
        opened()


def test_broken_words_about_an_index_cost_nothing_but_time(home, opened):
    change(home, "INSERT OR REPLACE INTO meta VALUES ('generation', '{'), ('pairs 0', '[]')")
    assert len(found(opened())) == 6
    assert sum(map(len, opened().pairs("look", 2.0))) == 15


def test_a_server_goes_on_without_damaged_records_and_says_how_many(pictures):
    change(pictures, "UPDATE records SET metadata = '{broken' WHERE id = '2.png'")
    with served(pictures) as server:
        found = server.post(f"{API}/collections/shelf/search", json={"source": "id:1.png"})
        assert found.json()["count"] == 4
        assert found.json()["left_out"] == 1
        listed = server.get(f"{API}/collections/shelf/records").json()
        assert (len(listed["records"]), listed["left_out"]) == (4, 1)
        assert code_of(server.get(f"{API}/collections/shelf/records/2.png"))[1] == "store_damaged"
        assert (
            code_of(server.post(f"{API}/collections/shelf/search", json={"source": "id:2.png"}))[1] == "store_damaged"
        )
        assert server.http.delete(f"{API}/collections/shelf/records/2.png").status_code == 204
        assert "left_out" not in server.get(f"{API}/collections/shelf/records").json()


@pytest.mark.parametrize("broken", ["'{broken'", "CAST(x'7b226e223a2022c3227d' AS TEXT)"])
def test_indexing_again_overwrites_a_record_that_cannot_be_read_only_when_told_to(pictures, tmp_path, broken):
    change(pictures, f"UPDATE records SET metadata = {broken} WHERE id = '2.png'")
    with lookalike.open(pictures) as library:
        report = library.collection("shelf").add(tmp_path / "pictures")
        assert [(one.code, "2.png" in one.message) for one in report.failed] == [("store_damaged", True)]
        assert report.unchanged == 4
        assert library.collection("shelf").add(tmp_path / "pictures", replace=True).failed == ()
        assert library.collection("shelf").check() == []
        assert library.collection("shelf")["2.png"].metadata == {}


def test_a_broken_page_is_told_by_backup_restore_and_doctor_and_nothing_is_copied(pictures, backup, tmp_path):
    folder, vector = backup
    [file] = (pictures / "collections").glob("*/records.sqlite")
    for broken in (file, folder / "records.sqlite"):
        raw = bytearray(broken.read_bytes())
        page = raw.index(vector) // 8192 * 8192
        raw[page : page + 64] = b"\xff" * 64
        broken.write_bytes(raw)
    code, _, err = command(pictures, "backup", str(tmp_path / "tuesday"), "--collection", "shelf")
    assert (code, (tmp_path / "tuesday").exists()) == (4, False)
    assert "damaged" in err or "cannot be read" in err
    code, _, err = command(pictures, "restore", str(folder), "--name", "again", "--despite-damage")
    assert code == 4
    assert "damaged" in err or "cannot be read" in err
    code, out, _ = command(pictures, "doctor")
    assert code == 4
    assert '"shelf":' in out
    assert "Traceback" not in out + err


def test_a_record_whose_thumbnail_was_met_first_is_not_exported_without_its_vector(home):
    change(home, "UPDATE pictures SET thumbnail = 'other' WHERE key = 3")
    change(home, "UPDATE vector_0 SET vector = zeroblob(8) WHERE key = 3")
    with closing(open_stores(home).open("shelf")) as store:
        assert store.thumbnail("2") is None
        assert [(harm.part, harm.space, str(harm)) for harm in store.damaged().values()] == [
            ("thumbnail", None, "its thumbnail")
        ]
        keys = store.keys(["2"])
        assert store.vectors("look", list(keys.values())) == {}
        assert [(harm.part, harm.space, str(harm)) for harm in store.damaged().values()] == [
            ("vector", "look", 'its vector "look"')
        ]
        assert {harm.part for harm in store.examine().damaged["2"]} == {"thumbnail", "vector"}


@pytest.mark.parametrize("other", ["CAST(x'61626364' AS TEXT)", "7", "1.5", "'other'"])
def test_bytes_that_became_a_text_or_a_number_are_damage_and_no_traceback(home, other):
    for table, column in (("pictures", "thumbnail"), ("pictures", "original"), ("vector_0", "vector")):
        change(home, f"UPDATE {table} SET {column} = {other} WHERE key = 3")
    with closing(open_stores(home).open("shelf")) as store:
        assert store.thumbnail("2") is None
        with pytest.raises(StoreDamagedError):
            store.original("2")
        assert store.vectors("look", list(store.keys(["2"]).values())) == {}
        assert len(store.neighbors("look", QUERY, 10).keys) <= 6
        assert {harm.part for harm in store.examine().damaged["2"]} == {"thumbnail", "original", "vector"}
        store.repair()
        assert list(store.examine().damaged) == ["2"]


@pytest.mark.parametrize("harm", [Harm("record"), Harm("vector", 'a "b"'), Harm("thumbnail")])
def test_what_is_damaged_of_a_record_outlasts_copies(harm):
    for again in (copy.copy(harm), copy.deepcopy(harm), pickle.loads(pickle.dumps(harm))):
        assert (again, again.part, again.space) == (harm, harm.part, harm.space)


def test_an_export_with_vectors_leaves_out_who_has_a_damaged_one_and_keeps_a_space_of_any_name(tmp_path):
    """The parts of a record are told apart by their kind: an id or a space may hold the words for another."""
    spaces = (Space("record", 4, "cosine"), Space("hash", 12, "hamming"))
    store = open_stores(tmp_path).create(CollectionSpec(name="shelf", spaces=spaces))
    vector = np.array([1, 0, 0, 0], np.float32)
    for id in ("a", "b"):
        entry = Entry(Record(id=id, content_hash=id), {"record": vector, "hash": np.array([3, 7], np.uint8)})
        store.upsert([entry])
    store.close()
    change(tmp_path, "UPDATE vector_0 SET vector = zeroblob(8) WHERE key = 1")
    with closing(open_stores(tmp_path).open("shelf")) as store:
        store.vectors("record", list(store.keys(["a", "b"]).values()))
        assert {id: harm.part for id, harm in store.damaged().items()} == {"a": "vector"}


def test_flipped_bytes_in_the_file_are_found_when_the_index_is_written_anew(pictures):
    with lookalike.open(pictures) as library:
        vector = library.collection("shelf").vector("2.png", "copy").astype("<f2").tobytes()
        library.collection("shelf").compact()
    [file] = (pictures / "collections").glob("*/records.sqlite")
    flip(file, vector)
    with lookalike.open(pictures) as library:
        shelf = library.collection("shelf")
        assert shelf.search("id:1.png", limit=5).left_out == 0  # the index was written before
        assert shelf.check() == ['record "2.png" is damaged: its vector "copy"']
        shelf.compact()
        assert len(shelf.search("id:1.png", limit=5)) == 5  # ranked by another descriptor, which is whole
        assert list(shelf.damaged()) == []
        shelf.duplicates()
        assert list(shelf.damaged()) == ["2.png"]
        assert "2.png" not in {member.id for group in shelf.duplicates() for member in group.members}
        assert shelf.repair() == ['record "2.png" was made anew from its picture']
        assert shelf.check() == []
        assert list(shelf.damaged()) == []


def damage(home, id, sql):
    """Damage what a statement names `key` of: the key of a record."""
    [file] = (home / "collections").glob("*/records.sqlite")
    with closing(sqlite3.connect(file)) as conn:
        [key] = conn.execute("SELECT key FROM records WHERE id = ?", (id,)).fetchone()
    change(home, f"{sql} WHERE key = {key}")


WRONG = ["width = -5", "content_hash = 'zz'", "id = 'other.png'", "source = CAST(x'fffe00' AS BLOB)", "format = 'gif'"]


@pytest.mark.parametrize("wrong", [*WRONG, "source = CAST('/some/where' AS BLOB)", "metadata = '{\"price\": 1}'"])
def test_a_record_that_is_not_what_was_written_is_told_by_no_command(pictures, wrong):
    damage(pictures, "2.png", f"UPDATE records SET {wrong}")
    id, whole = "other.png" if wrong.startswith("id") else "2.png", ["0.png", "1.png", "3.png", "4.png"]
    with lookalike.open(pictures) as library:
        shelf = library.collection("shelf")
        found = shelf.search("id:1.png")
        assert (sorted(match.id for match in found), found.left_out) == (whole, 1)
        assert shelf.damaged() == {id: "its record"}
    with lookalike.open(pictures) as library:
        shelf = library.collection("shelf")
        assert [line["_id"] for line in shelf.export()] == whole
        assert list(shelf.damaged()) == [id]
    for told in (["get", id], ["find", f"id:{id}"]):
        code, out, err = command(pictures, *told, "--collection", "shelf")
        assert code == 4
        assert "damaged" in err
        assert "Traceback" not in out + err


def test_every_command_counts_the_same_damaged_records(pictures):
    for n, wrong in enumerate(WRONG[:3]):
        damage(pictures, f"{n}.png", f"UPDATE records SET {wrong}")
    for asked in (["find", "id:3.png", "-n", "4"], ["export"], ["clusters", "-t", "0.0"], ["duplicates"]):
        code, out, err = command(pictures, *asked, "--collection", "shelf")
        assert code in (0, 1)
        assert '3 damaged records were left out of "shelf"' in err, asked
        assert "0.png" not in out


def test_a_record_without_its_checksum_is_given_only_while_its_columns_are_of_their_kind(pictures):
    damage(pictures, "1.png", "DELETE FROM checksums")
    damage(pictures, "2.png", "DELETE FROM checksums")
    damage(pictures, "2.png", "UPDATE records SET source = CAST(source AS BLOB)")
    code, _, err = command(pictures, "get", "2.png", "--collection", "shelf")
    assert (code, "Traceback" in err) == (4, False)
    assert command(pictures, "get", "1.png", "--collection", "shelf")[0] == 0
    code, out, err = command(pictures, "doctor", "--repair")
    assert "earlier lookalike" not in out + err
    assert 'record "1.png" had lost its checksum' in out
    assert 'record "2.png" had lost' not in out
    assert code == 4


def test_nothing_that_is_written_later_makes_a_damaged_record_look_whole(home, opened):
    seen = opened().get(["2"])["2"]
    change(home, "UPDATE records SET width = 9 WHERE key = 3")
    store = opened()
    store.restamp([dataclasses.replace(seen, stamp="later")])
    assert store.move([Move(seen, "new", "elsewhere", "later")]) == ()
    assert store.discard([seen]) == ()
    with pytest.raises(StoreDamagedError):
        store.revise("2", metadata={"n": 1})
    assert store.examine().damaged == {"2": ("its record",)}


@pytest.mark.parametrize("sql", [
    "DELETE FROM vector_1", "DELETE FROM vector_0", "UPDATE checksums SET vector_1 = 1 + vector_1",
    "UPDATE checksums SET thumbnail = 1 + thumbnail",
])  # fmt: skip
def test_the_doctor_mends_what_it_says_it_mended(pictures, sql):
    damage(pictures, "2.png", sql)
    code, out, _ = command(pictures, "doctor", "--repair")
    assert (code, 'record "2.png" was made anew' in out) == (0, True)
    code, out, _ = command(pictures, "doctor", "--repair")
    assert (code, "made anew" in out) == (0, False)


def test_a_damaged_backup_comes_back_without_its_damaged_records_and_names_them(pictures, tmp_path):
    damage(pictures, "1.png", "UPDATE records SET width = -5")
    damage(pictures, "2.png", "UPDATE records SET metadata = '{'")
    damage(pictures, "3.png", FLIPPED.format("pictures", "thumbnail").split(" WHERE")[0])
    assert command(pictures, "backup", str(tmp_path / "monday"), "--collection", "shelf")[0] == 3
    code, _, err = command(pictures, "restore", str(tmp_path / "monday"), "--name", "again", "--despite-damage")
    assert code == 0
    assert 'restored "again": 3 records' in err
    assert 'left out of "again", for their rows are damaged: 1.png, 2.png' in err
    assert "3.png (its thumbnail)" in err
    with lookalike.open(pictures) as library:
        again = library.collection("again")
        assert sorted(record.id for record in again) == ["0.png", "3.png", "4.png"]
        assert again.repair() == ['record "3.png" was made anew from its picture']
        assert again.check() == []


# ---- a database that is not there


EVERY_DOOR = [
    *(["find", "id:1.png"], ["index", "PICTURES"], ["create", "shelf"], ["info"], ["get", "1.png"], ["export"]),
    *(["remove", "1.png"], ["update", "1.png", "--tag", "a"], ["duplicates"], ["graph"], ["clusters"], ["compact"]),
    *(["backup", "BACKUP/again"], ["restore", "BACKUP"], ["decide", "keep", "1.png"], ["decisions", "apply"]),
    *(["configure", "shelf", "--title", "a"], ["evaluate", "--label", "price"], ["import", "LINES"], ["doctor"]),
]


def test_every_command_says_that_the_database_is_missing_and_how_it_comes_back(pictures, backup, tmp_path):
    folder, _ = backup
    [file] = (pictures / "collections").glob("*/records.sqlite")
    for path in file.parent.glob("records.sqlite*"):
        path.unlink()
    (tmp_path / "lines.jsonl").write_text('{"_id": "x", "_file": "pictures/1.png"}\n')
    given = {"PICTURES": tmp_path / "pictures", "BACKUP": folder, "LINES": tmp_path / "lines.jsonl"}
    for door in EVERY_DOOR:
        asked = [str(given.get(word, word)).replace("BACKUP", str(folder)) for word in door]
        named = {"info": ["shelf"], "compact": ["shelf"]}.get(door[0], ["--collection", "shelf"])
        code, out, err = command(pictures, *asked, *([] if door[0] in _BY_NAME else named))
        assert code == 4, (asked, err)
        assert 'has lost its records.sqlite: the collection "shelf" is gone' in out + err
        assert "restore a backup" in out + err
        assert not any(word in out + err for word in ("Create it", "already", "Traceback")), asked
    code, out, err = command(pictures, "collections")
    assert (code, 'the collection "shelf" is gone' in err) == (0, True)
    assert command(pictures, "delete", "nothing")[0] == 2
    assert command(pictures, "delete", "shelf")[0] == 0  # as it was told to
    assert command(pictures, "restore", str(folder))[0] == 0
    with lookalike.open(pictures) as library:
        assert len(library.collection("shelf")) == 5
        assert library.check() == []


_BY_NAME = ("create", "configure", "restore", "doctor")


def test_the_server_says_that_the_database_is_missing_to_who_may_see_the_collection(pictures):
    with lookalike.open(pictures) as library:
        library.collection("whole", create=True)
    [file] = (pictures / "collections").glob("shelf-*/records.sqlite")
    with served(pictures) as server:
        assert server.get(f"{API}/collections/shelf").status_code == 200  # it is open now
        for path in file.parent.glob("records.sqlite*"):
            path.unlink()
        picture = {"file": ("a.png", (pictures.parent / "pictures" / "1.png").read_bytes(), "image/png")}
        asked = [
            server.get(f"{API}/collections/shelf"),
            server.get(f"{API}/collections/shelf/records/1.png"),
            server.post(f"{API}/collections/shelf/search", files=picture),
            server.post(f"{API}/collections/shelf/records", files=picture),
            server.post(f"{API}/collections", json={"name": "shelf"}),
        ]
        for answer in asked:
            assert code_of(answer) == (500, "store_damaged")
            told = answer.json()["error"]["message"]
            assert 'the collection "shelf" has lost its database' in told
            assert str(pictures) not in told
        assert code_of(server.get(f"{API}/collections/nothing")) == (404, "collection_not_found")
        assert server.get(f"{API}/collections/whole").status_code == 200
        assert "restore a backup" in server.log.read_text()


# ---- backups that were cut short


CUT = {
    "half of it": lambda folder: os.truncate(
        folder / "records.sqlite", os.path.getsize(folder / "records.sqlite") // 2
    ),
    "its last page": lambda folder: os.truncate(
        folder / "records.sqlite", os.path.getsize(folder / "records.sqlite") - 8192
    ),
    "all but its first bytes": lambda folder: os.truncate(folder / "records.sqlite", 50),
    "all of it": lambda folder: os.truncate(folder / "records.sqlite", 0),
    "its database": lambda folder: (folder / "records.sqlite").unlink(),
}


@pytest.mark.parametrize("lacks", CUT)
@pytest.mark.parametrize("how", [(), ("--despite-damage",)])
def test_a_backup_that_was_cut_short_says_to_use_another_one(pictures, backup, lacks, how):
    folder, _ = backup
    CUT[lacks](folder)
    code, _, err = command(pictures, "restore", str(folder), "--name", "again", *how)
    assert code == 4
    assert f'the backup "{folder}" cannot be read' in err
    assert "Use another backup, or index the pictures again" in err
    assert "Restore a backup" not in err
    with lookalike.open(pictures) as library:
        assert library.collections() == ["shelf"]
        assert library.check() == []


def test_a_backup_that_lacks_a_small_file_says_which(pictures, backup):
    folder, _ = backup
    (folder / "name.txt").unlink()
    code, _, err = command(pictures, "restore", str(folder), "--name", "again")
    assert (code, "its name.txt is missing" in err) == (4, True)
    (folder / "digest.json").unlink()
    code, _, err = command(pictures, "restore", str(folder), "--name", "again")
    assert (code, "has no digest.json" in err) == (0, True)
