"""How many stores are open, and what happens when one is taken away while it is."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from serving import API, code_of, picture_file, served, wait_for

import lookalike
from lookalike.errors import CollectionNotFoundError, StoreDamagedError
from lookalike.limits import Limits
from lookalike.records import CollectionSpec, Entry, Record, Space
from lookalike.stores import open_stores
from lookalike.stores.embedded.home import folder_name

SPACES = (Space("look", 4, "cosine"), Space("hash", 12, "hamming"))
MANY = 300


def entry(id):
    return Entry(
        Record(id=id, content_hash=id),
        {"look": np.array([1, 0, 0, 0], np.float32), "hash": np.array([3, 7], np.uint8)},
    )


def handles_below(home):
    links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
    return [link for link in links if os.path.exists(link) and str(home) in os.readlink(link)]


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """A home of several hundred collections: one is made, the others are copies of it under other names."""
    home = tmp_path_factory.mktemp("crowd")
    with lookalike.open(home) as library:
        library.collection("c0", create=True).add(np.zeros((32, 32, 3), np.uint8), id="a")
    [first] = (home / "collections").iterdir()
    for n in range(1, MANY):
        folder = home / "collections" / folder_name(f"c{n}")
        shutil.copytree(first, folder)
        (folder / "name.txt").write_text(f"c{n}")
        with closing(sqlite3.connect(folder / "records.sqlite", isolation_level=None)) as conn:
            conn.execute("PRAGMA synchronous = OFF")
            conn.execute("UPDATE meta SET value = json_set(value, '$.name', ?) WHERE name = 'spec'", (f"c{n}",))
    return home


UNDER_FEW_HANDLES = """
import resource, sys, os
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
import lookalike
with lookalike.open(sys.argv[1]) as library:
    kept = [library.collection(name) for name in library.collections()]
    assert len(kept) > 250
    for collection in [*kept, *kept[:40]]:
        assert collection.search("id:a")[0].id == "a"
    assert sum(library.info(name)["records"] for name in library.collections()) == len(kept)
print(len(os.listdir("/proc/self/fd")))
"""


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts handles in /proc")
def test_hundreds_of_collections_are_used_with_few_handles(crowd):
    done = subprocess.run([sys.executable, "-c", UNDER_FEW_HANDLES, str(crowd)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    listed = subprocess.run(
        ["/bin/sh", "-c", f"ulimit -n 64; {sys.executable} -m lookalike collections --json --home {crowd}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert len(json.loads(listed.stdout)["collections"]) == MANY


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts handles in /proc")
def test_figures_keep_no_handle(crowd):
    with lookalike.open(crowd) as library:
        for name in library.collections()[:20]:
            assert library.info(name) == library.info(name) | {"name": name, "records": 1}
            assert handles_below(crowd) == []
        assert library.info("c5") == library.collection("c5").info()


def test_a_server_tells_of_hundreds_of_collections_with_few_handles(crowd):
    with served(crowd, LOOKALIKE_WORKERS="1", LOOKALIKE_MAX_OPEN_COLLECTIONS="8") as server:
        resource_of = Path(f"/proc/{server.process.pid}/fd")
        assert len(server.get(f"{API}/collections").json()["collections"]) == MANY
        for n in range(0, MANY, 10):
            found = server.post(f"{API}/collections/c{n}/search", json={"source": "id:a"})
            assert found.json()["count"] == 1, found.text
        assert server.get("/metrics").text.count("lookalike_records{") == MANY
        if resource_of.exists():
            held = [os.readlink(f"{resource_of}/{fd}") for fd in os.listdir(resource_of)]
            assert (
                len({name for name in held if "records.sqlite" in name and not name.endswith(("-wal", "-shm"))}) <= 12
            )


def test_a_store_in_use_is_never_closed(tmp_path):
    stores = open_stores(tmp_path, limits=Limits(max_open_collections=4))
    held = [stores.create(CollectionSpec(name=f"s{n}", spaces=SPACES)) for n in range(12)]
    for store in held:
        store.upsert([entry("a"), entry("b")])
    reading, go_on, found = threading.Event(), threading.Event(), []

    def read():
        with held[0].snapshot():
            found.append(held[0].version)
            reading.set()
            go_on.wait(10)
            found.append(held[0].version)
            found.append(len(list(held[0].scan())))

    thread = threading.Thread(target=read)
    thread.start()
    reading.wait(10)
    scan = held[1].scan()
    next(scan)
    for _ in range(2):
        for store in held[2:]:
            assert store.neighbors("look", np.array([[1, 0, 0, 0]], np.float32), 2).counts.tolist() == [2]
    held[0].upsert([entry("c")])
    go_on.set()
    thread.join(10)
    assert found[0] == found[1]
    assert found[2] == 2
    assert [record.id for record in scan] == ["b"]
    if Path("/proc/self/fd").exists():
        assert len({os.path.dirname(os.readlink(link)) for link in handles_below(tmp_path)}) <= 6
    for store in held:
        store.close()


# ---- taken away


@pytest.mark.parametrize("how", ["folder", "file", "replaced"])
def test_nothing_is_acknowledged_in_a_collection_that_was_removed_by_hand(tmp_path, how):
    stores = open_stores(tmp_path)
    store = stores.create(CollectionSpec(name="shelf", spaces=SPACES))
    store.upsert([entry("a")])
    [folder] = (tmp_path / "collections").iterdir()
    if how == "folder":
        shutil.rmtree(folder)
    elif how == "file":
        (folder / "records.sqlite").unlink()
    else:
        os.rename(folder, tmp_path / "away")
        shutil.copytree(tmp_path / "away", folder)
    for call in (
        lambda: store.upsert([entry("b")]),
        lambda: store.revise("a", metadata={"n": 1}),
        lambda: store.delete(["a"]),
        lambda: store.configure(title="x"),
        lambda: store.get(["a"]),
        lambda: list(store.scan()),
        lambda: store.neighbors("look", np.array([[1, 0, 0, 0]], np.float32), 1),
        store.compact,
    ):
        with pytest.raises(StoreDamagedError if how == "file" else CollectionNotFoundError):
            call()
    store.close()
    if how == "replaced":
        again = stores.open("shelf")
        assert [record.id for record in again.scan()] == ["a"]
        again.close()


def test_a_store_that_rests_is_woken_where_its_file_has_another_number_now(tmp_path):
    """Some file systems number a file anew when nobody has it open."""
    store = open_stores(tmp_path).create(CollectionSpec(name="shelf", spaces=SPACES))
    store.upsert([entry("a")])
    assert store.rest()
    [folder] = (tmp_path / "collections").iterdir()
    shutil.copytree(folder, tmp_path / "copy")
    shutil.rmtree(folder)
    with pytest.raises(CollectionNotFoundError):
        store.get(["a"])
    os.rename(tmp_path / "copy", folder)
    assert list(store.get(["a"])) == ["a"]
    store.upsert([entry("b")])
    assert len(list(store.scan())) == 2
    store.close()


def test_a_write_under_way_is_not_acknowledged_when_the_folder_goes(tmp_path, monkeypatch):
    from lookalike.stores.embedded import entry_rows

    store = open_stores(tmp_path).create(CollectionSpec(name="shelf", spaces=SPACES))
    write = entry_rows.write

    def slowly(*given, **named):
        done = write(*given, **named)
        shutil.rmtree(tmp_path / "collections")
        return done

    monkeypatch.setattr(entry_rows, "write", slowly)
    with pytest.raises(CollectionNotFoundError):
        store.upsert([entry("a")])
    store.close()


def test_a_server_refuses_writes_into_a_folder_that_is_gone(tmp_path):
    with served(tmp_path / "home", LOOKALIKE_WORKERS="1") as server:
        records = server.create("shelf")
        assert server.post(records, files=picture_file(1)).status_code == 201
        [folder] = (tmp_path / "home" / "collections").iterdir()
        shutil.rmtree(folder)
        assert code_of(server.post(records, files=picture_file(2))) == (404, "collection_not_found")
        assert code_of(server.get(f"{records}/1.jpg")) == (404, "collection_not_found")
        assert server.get(f"{API}/collections").json()["collections"] == []
        job = server.post(f"{records}?job=true", content=b'{"_url": "http://127.0.0.1:9/"}\n',
                          headers={"content-type": "application/x-ndjson"})  # fmt: skip
        assert job.status_code == 404
        assert server.post(server.create("shelf"), files=picture_file(3)).status_code == 201
        wait_for(lambda: server.get(f"{API}/collections/shelf").json()["records"] == 1)
