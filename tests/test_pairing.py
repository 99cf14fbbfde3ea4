"""The file of near pairs beside the index: it is used, it may go or be damaged at any time, and it is never trusted."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from lookalike.neighbors import Pairs
from lookalike.records import CollectionSpec, Entry, Record, Space
from lookalike.stores import Store, Stores, open_stores

SPACES = (Space("look", 8, "cosine"), Space("hash", 16, "hamming"))
NEAR = 0.02

Found = dict[tuple[int, int], float]


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return open_stores(tmp_path / "home")


@pytest.fixture
def store(stores: Stores) -> Iterator[Store]:
    store = stores.create(CollectionSpec(name="shelf", spaces=SPACES))
    add(store, 0, 3000)
    yield store
    store.close()


def add(store: Store, first: int, count: int) -> None:
    """Add made-up records, each a little beside one of a hundred directions."""
    rng = np.random.default_rng(first)
    rows = np.random.default_rng(5).standard_normal((100, 8))[rng.integers(0, 100, count)]
    rows = rows + 0.1 * rng.standard_normal((count, 8))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    hashes = rng.integers(0, 256, (count, 2), dtype=np.uint8)
    store.upsert(
        [Entry(Record(f"{first + n}"), {"look": rows[n].astype(np.float32), "hash": hashes[n]}) for n in range(count)]
    )


def listed(blocks: Iterable[Pairs]) -> Found:
    """Give blocks of pairs as a dictionary."""
    columns = [(block.ours.tolist(), block.theirs.tolist(), block.distances.tolist()) for block in blocks]
    return {(ours, theirs): far for each in columns for ours, theirs, far in zip(*each, strict=True)}


def found(store: Store, max_distance: float = NEAR) -> Found:
    return listed(store.pairs("look", max_distance))


def tiles(store: Store, max_distance: float = NEAR) -> int:
    """Say how many tiles of rows are compared."""
    return sum(block.share > 0 for block in store.pairs("look", max_distance))


def anew(store: Store) -> Found:
    """Give the pairs without what is kept."""
    keys = np.concatenate([keys for keys, _ in store.scan_vectors("look")])
    both = listed(store.pairs("look", NEAR, between=(keys, keys)))
    return {(ours, theirs): far for (ours, theirs), far in both.items() if ours > theirs}


def files(home: Path, pattern: str = "0-*.pairs") -> list[Path]:
    return sorted(home.glob(f"home/collections/*/index/{pattern}"))


def test_what_is_known_is_not_compared_again(store: Store, tmp_path: Path) -> None:
    first = anew(store)
    assert len(first) > 1000
    assert tiles(store) == 2  # two blocks of rows
    assert found(store) == first
    assert tiles(store) == tiles(store, NEAR / 2) == 0
    add(store, 3000, 10)
    store.delete([str(n) for n in range(0, 3000, 100)])
    assert tiles(store) == 1
    assert found(store) == anew(store)
    assert found(store, NEAR / 2) == {pair: far for pair, far in anew(store).items() if far <= np.float32(NEAR / 2)}
    assert len(files(tmp_path)) == 1


def test_a_larger_distance_begins_anew_and_then_serves_for_less(store: Store, tmp_path: Path) -> None:
    assert tiles(store, NEAR / 2) == 2
    assert tiles(store, NEAR) == 2
    assert tiles(store, NEAR / 2) == 0
    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize("harm", ["deleted", "cut", "changed", "all"])
def test_a_file_that_is_not_what_was_written_is_made_again(store: Store, tmp_path: Path, harm: str) -> None:
    first = found(store)
    [path] = files(tmp_path)
    if harm == "all":
        shutil.rmtree(path.parent)
    elif harm == "deleted":
        path.unlink()
    else:
        raw = bytearray(path.read_bytes())
        raw[100] ^= 1
        path.write_bytes(raw if harm == "changed" else raw[:-1])
    assert found(store) == first
    assert tiles(store) == 0
    assert store.check() == []


def test_an_older_truth_takes_no_pairs_of_a_later_one(stores: Stores, store: Store, tmp_path: Path) -> None:
    """Keys are given again after a truth was put back; the pairs of the keys that were lost must not be taken."""
    found(store)
    store.close()
    [folder] = (tmp_path / "home" / "collections").iterdir()
    shutil.copytree(folder, tmp_path / "older")
    later = stores.open("shelf")
    add(later, 3000, 200)
    found(later)
    later.close()
    for name in ("records.sqlite", "records.sqlite-wal", "records.sqlite-shm"):
        (folder / name).unlink(missing_ok=True)
        if (tmp_path / "older" / name).exists():
            shutil.copy(tmp_path / "older" / name, folder / name)
    with_others = stores.open("shelf")
    add(with_others, 5000, 250)
    assert found(with_others) == anew(with_others)
    with_others.close()


def test_pairs_of_deleted_records_leave_the_disk(store: Store, tmp_path: Path) -> None:
    found(store)
    store.delete(["0"])
    store.compact()
    assert files(tmp_path) == []
    assert found(store) == anew(store)


def test_mostly_dead_pairs_are_written_anew_without_them(store: Store, tmp_path: Path) -> None:
    add(store, 3000, 3000)
    before = found(store, 0.2)
    assert len(before) > 20_000
    size = files(tmp_path)[0].stat().st_size
    store.delete([str(n) for n in range(4500)])
    alive = found(store, 0.2)
    assert set(alive) < set(before)
    assert files(tmp_path)[0].stat().st_size < size / 3
    assert tiles(store, 0.2) == 0
    assert found(store, 0.2) == alive


def test_too_many_pairs_are_given_and_not_kept(stores: Stores, tmp_path: Path) -> None:
    store = stores.create(CollectionSpec(name="blank", spaces=SPACES[1:]))
    blank = np.zeros(2, np.uint8)
    store.upsert([Entry(Record(str(n)), {"hash": blank}) for n in range(2500)])
    assert sum(map(len, store.pairs("hash", 0))) == 2500 * 2499 // 2
    assert files(tmp_path) == []
    store.close()


def test_where_no_file_can_be_made_pairs_are_found_all_the_same(store: Store, tmp_path: Path) -> None:
    [folder] = (tmp_path / "home" / "collections").iterdir()
    (folder / "index" / "0.pairs.lock").mkdir(parents=True)
    assert found(store) == anew(store)
    assert tiles(store) == 2
    assert files(tmp_path) == []


JOIN = """
import sys
from pathlib import Path
from lookalike.stores import open_stores
for block in open_stores(Path(sys.argv[1])).open("shelf").pairs("look", 0.02):
    print(block.share, flush=True)
    if block.covered is not None:
        sys.stdin.readline()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_join_that_was_killed_goes_on_behind_its_last_block(store: Store, tmp_path: Path) -> None:
    first = anew(store)
    command = [sys.executable, "-c", JOIN, str(tmp_path / "home")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert 0 < float(child.stdout.readline()) < 1
        child.send_signal(signal.SIGKILL)
        child.wait(60)
    assert tiles(store) == 1
    assert found(store) == first
