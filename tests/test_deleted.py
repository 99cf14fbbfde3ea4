"""Deleted is gone: no byte on disk tells of it; and what is remembered of a picture was made from that picture."""

import json
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import numpy as np
import PIL.Image
import pytest
from serving import API, served

import lookalike
from lookalike.core.relations import verdicts
from lookalike.records import CollectionSpec, Entry, Record, Space
from lookalike.stores import open_stores

MARKER = "the marker that stands in one record alone"


def photo(path, seed, *, mode="RGB", size=(240, 180), **saved):
    noise = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    picture = PIL.Image.fromarray(noise).resize((480, 360), PIL.Image.Resampling.BICUBIC).resize(size)
    picture.convert(mode).save(path, **saved)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n in range(4):
        photo(folder / f"{n}.jpg", n, quality=90)
        photo(folder / f"{n}-small.jpg", n, size=(160, 120), quality=80)
    return folder


def bytes_below(home):
    return {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}


def holding(home, *patterns):
    """Name the files that hold one of some patterns."""
    return sorted(
        str(path.relative_to(home))
        for path, raw in bytes_below(home).items()
        if any(pattern in raw for pattern in patterns)
    )


def traces(shelf, id):
    """Give the byte patterns that a record leaves: its vectors in every form, its pictures, its metadata."""
    vectors = [shelf.vector(id, space.name) for space in shelf.spec.spaces]
    found = [vector.astype(kind).tobytes() for vector in vectors for kind in ("<f2", "<f4") if vector is not None]
    pictures = [shelf.kept_thumbnail(id), shelf.original(id)]
    found += [bytes(picture[-100:-20]) for picture in pictures if picture]
    return [pattern for pattern in found if len(pattern) > 16 and any(pattern)] + [MARKER.encode()]


@pytest.mark.parametrize("keep", ["none", "thumbnail", "original", "auto"])
def test_no_byte_of_a_deleted_record_is_left_after_compacting(tmp_path, folder, keep):
    home = tmp_path / "home"
    with lookalike.open(home) as library:
        shelf = library.collection("shelf", create=True, keep=keep)
        shelf.add(folder)
        shelf.update("2.jpg", {"note": MARKER}, tags=[MARKER])
        shelf.flush()
        assert len(shelf.duplicates()) == 4
        gone = traces(shelf, "2.jpg")
        assert holding(home, *gone)
        assert shelf.delete("2.jpg") == 1
        steps = []
        compacted = shelf.compact(lambda progress: steps.append(progress.done))
        assert holding(home, *gone) == []
        assert (steps[0], steps[-1]) == (0, 100)
        assert compacted.decisions == ()
        assert not list(home.rglob("remembered.sqlite*"))
        assert shelf.check() == []
        assert len(shelf.duplicates()) == 3
    assert holding(home, *gone) == []


def test_an_approximate_index_tells_nothing_of_what_was_deleted(tmp_path):
    spec = CollectionSpec(name="shelf", spaces=(Space("look", 8, "cosine"),))
    store = open_stores(tmp_path, approximate_from=300).create(spec)
    rows = np.random.default_rng(0).normal(size=(400, 8)).astype(np.float32)
    rows[7] = [9, -9, 9, -9, 9, -9, 9, -9]  # in a list of its own, whose center it is
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    store.upsert([Entry(Record(id=f"{n}", content_hash=f"{n}"), {"look": row}) for n, row in enumerate(rows)])
    store.compact()  # writes the index
    assert list(tmp_path.rglob("0.lists"))
    store.delete(["7"])
    store.compact()
    center = rows[7].astype(np.float32)
    [file] = tmp_path.rglob("0.centroids")
    held = np.frombuffer(file.read_bytes(), "<f4").reshape(-1, 8)
    assert (held @ center).max() < 0.999
    assert holding(tmp_path, rows[7].astype("<f2").tobytes(), center.tobytes()) == []
    store.close()


@pytest.mark.parametrize("keep", ["none", "auto"])
def test_a_collection_that_keeps_nothing_holds_nothing_that_a_picture_can_be_drawn_from(tmp_path, folder, keep):
    home = tmp_path / "home"
    with lookalike.open(home) as library:
        shelf = library.collection("shelf", create=True, keep=keep)
        shelf.add(folder)
        assert len(shelf.duplicates()) == 4
        assert len(shelf.search(folder / "1.jpg", verify=3)) == 8
        library.collection("other", create=True, type="matching", keep=keep).add(folder)
        library.collection("other").search("id:1.jpg")
    jpegs = holding(home, b"\xff\xd8\xff")
    assert bool(jpegs) == (keep == "auto")
    for file in home.rglob("remembered.sqlite"):
        with closing(sqlite3.connect(file)) as conn:
            [(most,)] = conn.execute("SELECT max(length(data)) FROM remembered").fetchall()
        assert (most < 64) == (keep == "none")


def test_what_an_earlier_version_drew_of_a_collection_that_keeps_nothing_goes_when_it_is_opened(tmp_path, folder):
    home = tmp_path / "home"
    with lookalike.open(home) as library:
        library.collection("shelf", create=True, keep="none").add(folder)
    [index] = (path / "index" for path in home.glob("collections/*"))
    index.mkdir(exist_ok=True)
    with closing(sqlite3.connect(index / "remembered.sqlite", isolation_level=None)) as conn:
        conn.execute(
            "CREATE TABLE remembered (kind TEXT, hash TEXT, data BLOB, PRIMARY KEY (kind, hash)) WITHOUT ROWID"
        )
        conn.execute("INSERT INTO remembered VALUES ('small', 'x', ?)", (b"\xff\xd8\xff" + bytes(9000),))
    with lookalike.open(home) as library:
        library.collection("shelf")
    assert holding(home, b"\xff\xd8\xff") == []


def test_what_is_remembered_of_a_picture_goes_with_its_last_record(tmp_path, folder):
    home = tmp_path / "home"
    with lookalike.open(home) as library:
        shelf = library.collection("shelf", create=True)
        shelf.add(folder)
        shelf.add(folder / "2.jpg", id="again")
        shelf.duplicates()
        content_hash = shelf["2.jpg"].content_hash
        [file] = home.rglob("remembered.sqlite")

        def names():
            with closing(sqlite3.connect(file)) as conn:
                return {
                    kind.split()[0]
                    for kind, hash in conn.execute("SELECT kind, hash FROM remembered")
                    if content_hash in hash
                }

        assert names() == {"small", "features", "kind", "traces"}
        shelf.delete("2.jpg")
        assert names() == {"small", "features", "kind", "traces"}  # there is another of that content
        shelf.update("again", source=folder / "0.jpg")
        assert names() == set()


def test_what_is_found_out_of_a_record_while_it_is_deleted_is_not_kept(tmp_path):
    store = open_stores(tmp_path).create(CollectionSpec(name="shelf", spaces=(Space("look", 2, "cosine"),)))
    store.upsert([Entry(Record(id="a", content_hash="aa"), {"look": np.array([1, 0], np.float32)})])
    store.remember("features 2", {"aa": b"x" * 100, "bb": b"y" * 100})
    store.remember("kind 11", {"aa:bb": b"resized", "aa:aa": b"identical"})
    assert store.remembered("features 2", ["aa", "bb"]) == {"aa": b"x" * 100}
    assert store.remembered("kind 11", ["aa:bb", "aa:aa"]) == {"aa:aa": b"identical"}
    store.close()


def test_decisions_about_deleted_pictures_are_named_and_can_be_forgotten(tmp_path, folder):
    home = tmp_path / "home"
    with lookalike.open(home) as library:
        shelf = library.collection("shelf", create=True)
        shelf.add(folder)
        event = shelf.decisions.decide("keep", ["2.jpg"])
        kept = shelf.decisions.decide("later", ["1.jpg"])
        library.ledger.undo([shelf.decisions.decide("delete", ["2.jpg"]).id])
        assert shelf.compact().decisions == ()
        shelf.delete("2.jpg")
        told = shelf.compact()
        assert len(told.decisions) == 2
        assert event.id in told.decisions
        assert "decisions forget --gone" in str(told)
        content_hash = event.pictures[0].content_hash
        assert holding(home, content_hash.encode()) == ["decisions.jsonl"]
        other = lookalike.open(home)  # has read the file as it was
        assert len(other.ledger.events()) == 4
        done = subprocess.run(
            [sys.executable, "-m", "lookalike", "decisions", "forget", "--gone", "--json", "--home", str(home)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert json.loads(done.stdout) == {"forgotten": 3}
        assert holding(home, content_hash.encode()) == []
        assert library.ledger.events() == other.ledger.events() == (kept,)
        assert shelf.compact().decisions == ()
        other.close()


def test_compacting_by_command_and_over_http(tmp_path, folder):
    home = tmp_path / "home"
    with lookalike.open(home) as library:
        shelf = library.collection("shelf", create=True)
        shelf.add(folder)
        shelf.delete("2.jpg")
    done = subprocess.run(
        [sys.executable, "-m", "lookalike", "compact", "shelf", "--json", "--home", str(home)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert set(json.loads(done.stdout)) == {"bytes_before", "bytes_after", "decisions_left"}
    with served(home) as server:
        answer = server.post(f"{API}/collections/shelf/compact")
        assert answer.status_code == 200
        assert answer.json()["decisions_left"] == []
        assert server.post(f"{API}/collections/none/compact").status_code == 404


def test_a_painted_over_file_teaches_nothing_about_the_picture_that_it_was(tmp_path, folder):
    home, file = tmp_path / "home", folder / "2.jpg"
    was, times = file.read_bytes(), os.stat(file)
    with lookalike.open(home) as library:
        shelf = library.collection("shelf", create=True)
        shelf.add(folder)
        photo(file, 99, quality=90)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
        shelf.duplicates()
        shelf.search("id:2-small.jpg", verify=8)
    file.write_bytes(was)
    with lookalike.open(home) as library:
        shelf = library.collection("shelf")
        shelf.add(folder)
        told = {match.id: match.relation for match in shelf.search("id:2-small.jpg", verify=8)}
        assert told["2.jpg"] == "resized"
        groups = [{member.id for member in group.members} for group in shelf.duplicates()]
        assert {"2.jpg", "2-small.jpg"} in groups


def test_a_picture_that_comes_back_is_looked_at_again(tmp_path, folder):
    with lookalike.open(tmp_path / "home") as library:
        shelf = library.collection("shelf", create=True)
        shelf.add(folder)
        os.rename(folder, tmp_path / "away")
        shelf.duplicates()
        os.rename(tmp_path / "away", folder)
        relations = {member.relation for group in shelf.duplicates() for member in group.members[1:]}
        assert relations == {"resized"}


def test_no_old_state_is_held_while_pictures_are_laid_over_each_other(tmp_path, folder, monkeypatch):
    home = tmp_path / "home"
    relate, free = verdicts.relate, []

    def looked(*looks):
        [file] = home.glob("collections/*/records.sqlite")
        with closing(sqlite3.connect(file, isolation_level=None, timeout=0)) as conn:
            conn.execute("UPDATE state SET version = version")
            free.append(conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
        return relate(*looks)

    with lookalike.open(home) as library:
        shelf = library.collection("shelf", create=True)
        shelf.add(folder)
        lock = threading.Lock()

        def alone(*looks):
            with lock:
                return looked(*looks)

        monkeypatch.setattr(verdicts, "relate", alone)
        shelf.search("id:1.jpg", verify=4)
        shelf.search(folder / "1.jpg", verify=4)
    assert free
    assert all(free)
