"""What a store of an earlier lookalike becomes, and the checksums that show damage."""

import hashlib
import json
import logging
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest

from lookalike.pictures import Facts
from lookalike.records import CollectionSpec, Entry, Record, Space
from lookalike.stores import open_stores
from lookalike.stores.embedded import checksums, migration

SPACES = (Space("look", 4, "cosine"), Space("hash", 12, "hamming"))


def entry(id, look=(1, 0, 0, 0), *, thumbnail=None, original=None, facts=None, **metadata):
    vector = np.array(look, np.float32)
    vectors = {"look": vector / np.linalg.norm(vector), "hash": np.array([len(id), 7], np.uint8)}
    record = Record(id=id, content_hash=f"hash of {id}", format="png", metadata=metadata, tags=("a", "ß"))
    if facts is not None:
        record = Record(**{**vars(record), "facts": facts})
    return Entry(record, vectors, thumbnail, original)


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def file_of(home):
    [file] = (home / "collections").glob("*/records.sqlite")
    return file


def make_old(home):
    """Take from a collection what lookalike 0.1.0 did not write."""
    with closing(sqlite3.connect(file_of(home), isolation_level=None)) as conn:
        conn.execute("DROP TABLE checksums")
        conn.execute("ALTER TABLE records DROP COLUMN facts")
        conn.execute("UPDATE meta SET value = '0.1' WHERE name = 'needs'")
        conn.execute("PRAGMA user_version = 1")
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def shelf(home, *, records=3, old=True):
    store = open_stores(home).create(CollectionSpec(name="shelf", spaces=SPACES))
    entries = [entry(f"{n}", (1, n, 0, 0), thumbnail=b"t%d" % n, original=b"o%d" % n, n=n) for n in range(records)]
    store.upsert(entries)
    held = list(store.scan()), {n: store.original(f"{n}") for n in range(records)}
    store.close()
    if old:
        make_old(home)
    return held


def rows(home, sql):
    with closing(sqlite3.connect(file_of(home))) as conn:
        return conn.execute(sql).fetchall()


def test_a_home_of_the_first_version_is_read_without_being_written(home):
    held, originals = shelf(home)
    before = hashlib.sha256(file_of(home).read_bytes()).hexdigest()
    store = open_stores(home).open("shelf")
    assert list(store.scan()) == held
    assert store.get(["1"])["1"] == held[1]
    assert store.entry("2")[1].record == held[2]
    assert {n: store.original(f"{n}") for n in range(3)} == originals
    assert store.neighbors("look", np.array([[1, 0, 0, 0]], np.float32), 3).counts.tolist() == [3]
    store.close()
    assert hashlib.sha256(file_of(home).read_bytes()).hexdigest() == before
    assert rows(home, "PRAGMA user_version") == [(1,)]


def test_the_first_write_gives_an_old_home_its_checksums_and_says_so(home, caplog):
    held, originals = shelf(home)
    store = open_stores(home).open("shelf")
    with caplog.at_level(logging.WARNING):
        store.delete(["nobody"])
    assert '"shelf"' in caplog.text
    assert "3 records get checksums" in caplog.text
    assert list(store.scan()) == held
    assert {n: store.original(f"{n}") for n in range(3)} == originals
    store.close()
    summed = rows(home, "SELECT * FROM checksums")
    shutil.rmtree(home)
    shelf(home, old=False)
    afresh = rows(home, "SELECT * FROM checksums")
    assert [row[2:] for row in afresh] == [row[2:] for row in summed]  # the records' times differ


def test_an_interrupted_migration_goes_on_at_the_next_write(home, monkeypatch):
    shelf(home, records=5)
    monkeypatch.setattr(migration, "_AT_ONCE", 2)
    summed = migration.checksums.fill

    def ends(conn, places, keys):
        if keys[0] > 1:
            raise KeyboardInterrupt
        summed(conn, places, keys)

    monkeypatch.setattr(migration.checksums, "fill", ends)
    store = open_stores(home).open("shelf")
    with pytest.raises(KeyboardInterrupt):
        store.delete(["0"])
    assert rows(home, "SELECT count(*) FROM checksums") == [(2,)]
    store.close()
    monkeypatch.setattr(migration.checksums, "fill", summed)
    store = open_stores(home).open("shelf")
    store.upsert([entry("new")])
    store.close()
    assert rows(home, "SELECT count(*) FROM checksums") == rows(home, "SELECT count(*) FROM records") == [(6,)]
    assert rows(home, "SELECT * FROM meta WHERE name = 'unsummed'") == []


def test_what_a_camera_says_of_a_picture_is_kept(home):
    facts = Facts(frames=12, taken="2021-05-03T10:11:12", camera="Kamera Ä 5", has_place=True)
    stores = open_stores(home)
    store = stores.create(CollectionSpec(name="shelf", spaces=SPACES))
    store.upsert([entry("a", facts=facts), entry("b")])
    assert [record.facts for record in store.scan()] == [facts, Facts()]
    store.upsert([entry("b", facts=facts)])  # the same vectors: the record is written again
    assert store.get(["b"])["b"].facts == facts
    store.revise("b", metadata={"x": 1})
    assert store.get(["b"])["b"].facts == facts
    store.close()
    assert rows(home, "SELECT facts FROM records")[0] == (
        '{"frames": 12, "taken": "2021-05-03T10:11:12", "camera": "Kamera Ä 5", "has_place": true}',
    )


def test_a_fact_of_a_later_lookalike_is_passed_over(home):
    shelf(home, old=False)
    with closing(sqlite3.connect(file_of(home), isolation_level=None)) as conn:
        conn.execute("""UPDATE records SET facts = '{"frames": 2, "moon": "full"}'""")
        checksums.renew_records(conn, [row[0] for row in conn.execute("SELECT key FROM records").fetchall()])
    store = open_stores(home).open("shelf")
    assert store.get(["1"])["1"].facts == Facts(frames=2)
    store.close()


def test_what_is_damaged_stays_damaged_when_a_vector_is_put_and_its_space_dropped(home):
    shelf(home, records=4, old=False)
    store = open_stores(home).open("shelf")
    keys = store.keys(["0", "1", "2", "3"])
    with closing(sqlite3.connect(file_of(home), isolation_level=None)) as conn:
        conn.execute("UPDATE vector_1 SET vector = x'0000' WHERE key = ?", (keys["1"],))
        conn.execute("UPDATE pictures SET original = x'00', thumbnail = NULL WHERE key = ?", (keys["2"],))
        conn.execute("UPDATE records SET format = 'gif' WHERE key = ?", (keys["3"],))
    before = store.examine().damaged
    assert {id: [harm.part for harm in harms] for id, harms in before.items()} == {
        "1": ["vector"],
        "2": ["thumbnail", "original"],
        "3": ["record"],
    }
    store.add_space(Space("shape", 2, "cosine"))
    shape = np.array([[0, 1]] * 4, np.float32)
    now = store.put_vectors("shape", list(keys.values()), shape)
    assert store.examine().damaged == before
    assert len(store.vectors("shape", list(now.values()))) == 4
    assert store.original("0") == b"o0"
    store.drop_space("shape")
    assert store.examine().damaged == before
    store.close()


def test_an_old_home_gets_a_space_and_its_checksums(home):
    held, originals = shelf(home)
    store = open_stores(home).open("shelf")
    store.add_space(Space("shape", 2, "cosine"))
    store.put_vectors("shape", list(store.keys(["0", "2"]).values()), np.array([[0, 1], [1, 0]], np.float32))
    assert list(store.scan()) == held
    assert {n: store.original(f"{n}") for n in originals} == originals
    assert store.check() == []
    assert rows(home, "SELECT count(*) FROM checksums WHERE vector_2 IS NOT NULL") == [(2,)]
    store.close()


def test_the_doctor_tells_an_old_home_and_gives_it_its_checksums(home):
    held, _ = shelf(home)
    run = [sys.executable, "-m", "lookalike", "doctor", "--json", "--home", str(home)]
    told = json.loads(subprocess.run(run, capture_output=True, text=True, check=True).stdout)
    assert told["problems"] == []
    assert "an earlier lookalike made it" in told["collections"][0]["note"]
    assert rows(home, "PRAGMA user_version") == [(1,)]
    repaired = subprocess.run([*run, "--repair"], capture_output=True, text=True, check=True)
    assert json.loads(repaired.stdout)["repaired"] == ['"shelf": every row has its checksum now']
    assert "3 records get checksums" in repaired.stderr
    assert rows(home, "SELECT count(*) FROM checksums") == [(3,)]
    assert (
        json.loads(subprocess.run(run, capture_output=True, text=True, check=True).stdout)["collections"][0]["note"]
        is None
    )
    store = open_stores(home).open("shelf")
    assert list(store.scan()) == held
    store.close()


def test_rows_that_lost_their_checksum_are_told_and_get_one_again(home):
    shelf(home, old=False)
    with closing(sqlite3.connect(file_of(home), isolation_level=None)) as conn:
        conn.execute("DELETE FROM checksums WHERE key = 2")
    store = open_stores(home).open("shelf")
    assert store.check() == ['no checksums of 1 record: "1"']
    store.repair()
    assert store.check() == []
    store.close()


def test_two_processes_that_write_first_migrate_once(home):
    shelf(home, records=40)
    code = (
        "import sys; from pathlib import Path; from lookalike.stores import open_stores\n"
        "store = open_stores(Path(sys.argv[1])).open('shelf')\n"
        "store.revise(sys.argv[2], metadata={'by': sys.argv[2]})\nstore.close()"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(home), id]) for id in ("1", "2", "3")]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    store = open_stores(home).open("shelf")
    assert [store.get([id])[id].metadata["by"] for id in ("1", "2", "3")] == ["1", "2", "3"]
    assert store.check() == []
    assert rows(home, "SELECT count(*) FROM checksums") == [(40,)]
    store.close()
