"""What the embedded store alone promises: its files may be damaged or go, its disk may be full or read-only."""

import os
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_stores import DIM, answer, assert_agrees, entry, spec, unit

from lookalike.errors import StoreDamagedError, StoreFullError, StoreTooNewError
from lookalike.stores import open_stores


def test_an_older_truth_does_not_take_up_a_newer_index(tmp_path):
    """Somebody copies yesterday's records.sqlite over today's and goes on from there."""
    stores = open_stores(tmp_path)
    store = stores.create(spec("shoes"))
    store.upsert([entry(f"old {n}", (n, 1, 0, 0)) for n in range(1500)])
    store.flush()
    store.close()
    [file] = tmp_path.rglob("records.sqlite")
    yesterday = file.read_bytes()
    store = stores.open("shoes")
    store.upsert([entry(f"new {n}", (0, n, 1, 0)) for n in range(2000)])
    store.close()
    file.write_bytes(yesterday)
    store = stores.open("shoes")
    store.upsert([entry(f"other {n}", (0, 0, n, 1)) for n in range(2000)])
    assert_agrees(store, unit((0, 1, 1, 0)), 20)
    store.close()
    store = stores.open("shoes")
    assert_agrees(store, unit((0, 1, 1, 0)), 20)
    assert store.check() == []
    store.close()


def test_a_home_is_a_folder_of_folders(tmp_path):
    stores = open_stores(tmp_path / "home")
    assert stores.names() == []
    assert not (tmp_path / "home").exists()
    for name in ("shoes", "Shoes", "größe/..", "日本語"):
        stores.create(spec(name)).close()
    stores.delete("größe/..")
    assert sorted(os.listdir(tmp_path / "home")) == ["collections"]
    assert len(os.listdir(tmp_path / "home" / "collections")) == 3


def test_a_moment_moves_on_when_another_thread_has_moved_the_index_on(tmp_path):
    with closing(open_stores(tmp_path).create(spec("shelf"))) as store, ThreadPoolExecutor(1) as pool:
        store.upsert([entry("a")])
        with store.snapshot():
            assert store.count() == 1
            pool.submit(store.upsert, [entry("b")]).result()
            pool.submit(store.neighbors, "look", unit((1, 0, 0, 0))[None], 5).result()
            assert store.neighbors("look", unit((1, 0, 0, 0))[None], 5).counts[0] == 2
            assert store.count() == 2


def test_index_files_are_written_and_hold_no_trace_after_compaction(tmp_path):
    mark = np.array([0.5, -0.5, 0.5, -0.5], np.float32)
    with closing(open_stores(tmp_path).create(spec("shelf"))) as store:
        store.upsert([entry(str(n), (n, 1, 0, 0)) for n in range(1200)])
        store.upsert([entry("secret", mark)])
        store.flush()
        rows = list(tmp_path.rglob("*.rows"))
        assert any(mark.astype("<f2").tobytes() in path.read_bytes() for path in rows)
        store.delete(["secret"])
        store.compact()
        rows = list(tmp_path.rglob("*.rows"))
        assert rows
        assert not any(mark.astype("<f2").tobytes() in path.read_bytes() for path in rows)


# ---- damage


@pytest.fixture
def full_home(tmp_path):
    """A home with one collection that has index files, closed."""
    stores = open_stores(tmp_path)
    store = stores.create(spec("shoes"))
    rng = np.random.default_rng(3)
    store.upsert([entry(f"r{n}", rng.standard_normal(DIM), hash=(n % 256, n % 16), n=n) for n in range(1500)])
    store.close()
    assert list(tmp_path.rglob("0.rows"))
    return tmp_path


def _delete_index(index):
    shutil.rmtree(index)


def _flip_a_byte(index):
    [rows] = index.rglob("0.rows")
    raw = bytearray(rows.read_bytes())
    raw[1000] ^= 0x40
    rows.write_bytes(raw)


def _truncate(index):
    [rows] = index.rglob("0.rows")
    rows.write_bytes(rows.read_bytes()[:-1])


def _zero_keys(index):
    [keys] = index.rglob("0.keys")
    keys.write_bytes(bytes(keys.stat().st_size))


def _empty_files(index):
    for path in index.rglob("*.*"):
        path.write_bytes(b"")


@pytest.mark.parametrize("damage", [_delete_index, _flip_a_byte, _truncate, _zero_keys, _empty_files])
def test_index_files_may_be_damaged_at_any_time(full_home, damage):
    query = unit((1, 2, -1, 0))[None]
    store = open_stores(full_home).open("shoes")
    before = answer(store, "look", query, 20), answer(store, "hash", np.zeros((1, 2), np.uint8), 20)
    store.close()
    [index] = full_home.rglob("index")
    damage(index)
    store = open_stores(full_home).open("shoes")
    assert (answer(store, "look", query, 20), answer(store, "hash", np.zeros((1, 2), np.uint8), 20)) == before
    assert any("missing or damaged" in line for line in store.check())
    store.compact()
    assert store.check() == []
    assert answer(store, "look", query, 20) == before[0]
    store.close()


def test_damaged_index_files_heal_at_the_next_close_of_a_writer(full_home):
    [index] = full_home.rglob("index")
    _truncate(index)
    store = open_stores(full_home).open("shoes")
    store.restamp([replace(store.get(["r1"])["r1"], stamp="1:1")])
    store.close()
    store = open_stores(full_home).open("shoes")
    assert store.check() == []
    store.close()


def test_an_index_that_is_behind_catches_up(full_home):
    store = open_stores(full_home).open("shoes")
    store.upsert([entry(f"late {n}", (n, -1, 0, 0)) for n in range(20)])
    store.upsert([entry("r7", (0, 0, 0, 1))])
    store.delete([f"r{n}" for n in range(100, 130)])
    store.close()  # too little for new files
    store = open_stores(full_home).open("shoes")
    assert_agrees(store, unit((0, 0, 0, 1)), 30)
    assert_agrees(store, unit((3, -1, 0, 0)), 30)
    assert store.check() == []
    store.close()


def test_compaction_by_one_process_is_seen_by_another(full_home):
    reader, writer = open_stores(full_home).open("shoes"), open_stores(full_home).open("shoes")
    assert_agrees(reader, unit((0, 0, 0, 1)), 10)
    writer.delete([f"r{n}" for n in range(0, 1400, 2)])
    writer.compact()
    writer.upsert([entry("more", (0, 0, 0, 1))])
    assert_agrees(reader, unit((0, 0, 0, 1)), 10)
    assert reader.check() == []
    reader.close()
    writer.close()


def test_a_later_schema_is_refused_with_the_way_on(full_home):
    [file] = full_home.rglob("records.sqlite")
    with sqlite3.connect(file) as conn:
        conn.execute("PRAGMA user_version = 99")
        conn.execute("UPDATE meta SET value = '7.3' WHERE name = 'needs'")
    conn.close()
    with pytest.raises(StoreTooNewError, match=r"lookalike 7\.3 or newer"):
        open_stores(full_home).open("shoes")


@pytest.mark.parametrize("raw", [b"", b"this is no database, but long enough to be read as one" * 100])
def test_a_file_that_is_no_store_is_named(full_home, raw):
    [file] = full_home.rglob("records.sqlite")
    file.write_bytes(raw)
    with pytest.raises(StoreDamagedError, match=r"records\.sqlite.*backup"):
        open_stores(full_home).open("shoes")
    assert open_stores(full_home).names() == ["shoes"]
    open_stores(full_home).delete("shoes")
    assert open_stores(full_home).names() == []


def test_check_finds_damage_in_the_truth(full_home):
    [file] = full_home.rglob("records.sqlite")
    with sqlite3.connect(file) as conn:
        conn.execute("DELETE FROM vector_0 WHERE key = 3")
        conn.execute("UPDATE vector_2 SET vector = x'00' WHERE key = 4")
    conn.close()
    store = open_stores(full_home).open("shoes")
    found = "\n".join(store.check())
    assert 'missing or too many: 1 vector of "look"' in found
    assert 'of a wrong length: 1 vector of "hash"' in found
    store.close()


# ---- read-only and full disks (real ones)


@pytest.mark.parametrize("how", ["mount", "user"])
def test_a_read_only_home_can_be_searched(full_home, how, mounts):
    code = (
        "import sys; sys.path.insert(0, 'tests'); from test_embedded_store import *\n"
        "from lookalike.errors import StoreReadOnlyError\n"
        "import fcntl, mmap, unicodedata  # while they may be read\n"
        "from lookalike.stores.embedded import damage_checks, home as homes\n"
        "home, uid, why = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]\n"
        "if uid: os.setgid(uid); os.setuid(uid)\n"
        "store = open_stores(home).open('shoes')\n"
        "assert_agrees(store, unit((1, 2, 3, 4)), 12, condition={'n': {'$gt': 5}})\n"
        "assert store.check() == [], store.check()\n"
        "for write in (lambda: store.upsert([entry('x')]), lambda: store.delete(['r1']), store.compact,\n"
        "              lambda: open_stores(home).create(spec('new')), lambda: open_stores(home).delete('shoes')):\n"
        "    try: write()\n"
        "    except StoreReadOnlyError as exc: assert why in str(exc)\n"
        "    else: raise SystemExit('was not refused')\n"
        "store.flush(); store.close()\n"
    )
    why = "is mounted read-only" if how == "mount" else "may not write"
    try:
        if how == "mount":
            mounts.bind(full_home, full_home)
            mounts.change(full_home, "ro,bind")
        elif os.geteuid() != 0:
            for path in [full_home, *full_home.rglob("*")]:
                path.chmod(0o555 if path.is_dir() else 0o444)
        else:
            for path in (full_home, *full_home.rglob("*")):  # somebody shares it on purpose
                path.chmod(0o755 if path.is_dir() else 0o644)
            for path in full_home.parents:
                if path != Path("/") and not os.stat(path).st_mode & 0o5:
                    path.chmod(path.stat().st_mode | 0o55)
        uid = "65534" if how == "user" and os.geteuid() == 0 else "0"
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_STORAGE_DIRECTORY": "/tmp/none"}
        done = subprocess.run(
            [sys.executable, "-c", code, str(full_home), uid, why],
            capture_output=True, text=True, check=False, env=environment, cwd=Path(__file__).parents[1],
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + done.stdout
    finally:
        if how == "user" and os.geteuid() != 0:
            for path in [full_home, *full_home.rglob("*")]:
                path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_full_disk_loses_nothing(tmp_path, mounts):
    mounts.disk(tmp_path, "6m")
    store = open_stores(tmp_path).create(spec("shoes"))
    written = 0
    with pytest.raises(StoreFullError, match="full"):  # noqa: PT012
        while True:
            store.upsert([entry(f"{written}-{m}", (written, m, 1, 0), thumbnail=NOISE) for m in range(50)])
            written += 50
    assert written > 100
    assert store.count() == written
    assert_agrees(store, unit((1, 1, 1, 0)), 10)
    with pytest.raises(StoreFullError):
        store.compact()
    _fill(tmp_path / "filler")
    with pytest.raises(StoreFullError):
        store.backup(tmp_path / "backup")
    assert not (tmp_path / "backup").exists()
    assert store.check() == []
    (tmp_path / "filler").unlink()
    store.close()
    store = open_stores(tmp_path).open("shoes")
    assert store.count() == written
    store.close()


NOISE = np.random.default_rng(0).bytes(2000)


def _fill(path):
    with suppress(OSError), open(path, "ab", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
