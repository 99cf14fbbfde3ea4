"""The store under kill -9 and under several processes at once: real processes, real files, real signals."""

import json
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from lookalike.errors import InputError, StoreBusyError
from lookalike.filters import parse_filter
from lookalike.records import CollectionSpec, Entry, Record, Space
from lookalike.stores import open_stores

SPACES = (Space("look", 16, "cosine"), Space("hash", 64, "hamming"))
BATCH = 20
LIMIT_S = 120


def vectors_of(number):
    """Give the vectors of a record by its number, so that any reader can tell a torn one."""
    rng = np.random.default_rng(number)
    look = rng.standard_normal(16).astype(np.float32)
    return {"look": look / np.linalg.norm(look), "hash": rng.integers(0, 256, 8, dtype=np.uint8)}


def batch_of(name, n):
    """Give a batch of records that all bear its name: half of one would show."""
    return [
        Entry(Record(id=f"{name}-{n}-{m}", metadata={"batch": f"{name}-{n}"}), vectors_of(n * BATCH + m))
        for m in range(BATCH)
    ]


def open_shelf(home):
    """Open it so that even the few records of these tests get an approximate index: kills fall into its making too."""
    return open_stores(Path(home), approximate_from=3 * BATCH).open("shelf")


def work(home, name):
    """Upsert, rewrite, delete, flush and compact for ever; print what was acknowledged, a line each."""
    store, n = open_shelf(home), 0
    with suppress(InputError):  # another has made it, or will have
        store.add_space(Space("shape", 16, "cosine"))
    say("ready")
    while True:
        n += 1
        store.upsert(batch_of(name, n))
        say(f"+ {name}-{n}")
        if n % 7 == 0:
            store.upsert([Entry(Record(id="hot", metadata={"n": n}), vectors_of(n))], replace="any")
            say(f"= {n}")
        if n % 5 == 0:
            if n % 2:
                store.delete([entry.record.id for entry in batch_of(name, n - 3)])
            else:
                store.delete(filter=parse_filter({"batch": f"{name}-{n - 3}"}))
            say(f"- {name}-{n - 3}")
        if n % 4 == 0:
            keys = store.keys([entry.record.id for entry in batch_of(name, n - 1)])
            store.put_vectors("shape", list(keys.values()), [vectors_of(n)["look"]] * len(keys))
            say(f"# {name}-{n - 1}")
        if n % 3 == 0:
            with suppress(StoreBusyError):  # promised where others compact without a pause
                store.compact()  # writes index files, vacuums, cuts the log
                say("compacted")
        if n % 11 == 0:
            store.neighbors("look", vectors_of(n)["look"][None], 5)
            store.close()
            store = open_shelf(home)


def write(home, name, count):
    """Upsert a number of batches, some rewritten, and end."""
    store = open_shelf(home)
    for n in range(int(count)):
        store.upsert(batch_of(name, n))
        store.upsert(batch_of(name, n), replace="any")
        if n % 4 == 3:
            store.flush()
    store.close()


def read(home):
    """Search until stdin closes; end with an error when half a batch shows."""
    store = open_shelf(home)
    say("ready")
    rounds = 0
    while not Path(home, "stop").exists():
        found = store.neighbors("look", vectors_of(rounds)["look"][None], 100_000)
        assert found.counts[0] % BATCH == 0, f"{found.counts[0]} neighbors: half a batch"
        rounds += 1
    found = store.neighbors("look", vectors_of(0)["look"][None], 100_000)
    say(json.dumps([rounds, int(found.counts[0])]))
    store.close()


def say(line):
    print(line, flush=True)


def start(verb, *arguments):
    return subprocess.Popen(
        [sys.executable, __file__, verb, *map(str, arguments)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def rest_of(child):
    """Give what an ended child still said; `communicate` would miss what `readline` has read ahead."""
    with child:
        child.stdin.close()
        return child.stdout.read(), child.stderr.read()


@pytest.fixture
def home(tmp_path):
    open_stores(tmp_path).create(CollectionSpec(name="shelf", spaces=SPACES)).close()
    return tmp_path


def acknowledged(lines):
    """Give the batches that must be there, those that must not, and the last acknowledged value of "hot"."""
    there, gone, hot = set(), set(), 0
    for line in lines:
        mark, _, what = line.partition(" ")
        if mark == "+":
            there.add(what)
        elif mark == "-":
            there.discard(what)
            gone.add(what)
        elif mark == "=":
            hot = int(what)
    return there, gone, hot


def assert_whole(home, there, gone, hot):
    store = open_shelf(home)
    assert store.check() == []
    records = {record.id: record for record in store.scan()}
    batches = {}
    for record in records.values():
        if record.id != "hot":
            batches.setdefault(record.metadata["batch"], set()).add(record.id)
    assert all(len(members) == BATCH for members in batches.values()), "half a batch"
    if any(space.name == "shape" for space in store.spec.spaces):
        keys = store.keys(list(records))
        put = store.vectors("shape", list(keys.values()))
        shaped = {batch: sum(keys[id] in put for id in members) for batch, members in batches.items()}
        assert set(shaped.values()) <= {0, BATCH}, "vectors were put to half a batch"
    # what was under way when the kill came may be there or not: at most one batch more, or one less
    assert not gone & set(batches), "a deleted batch is back"
    lost, extra = sorted(there - set(batches)), sorted(set(batches) - there)
    assert (len(lost) <= 1, len(extra) <= 1) == (True, True), f"lost {lost}, not acknowledged {extra}"
    if hot:
        assert records["hot"].metadata["n"] in (hot, hot + 7)
    for batch in sorted(batches)[:3]:
        name, n = batch.rsplit("-", 1)
        for entry in batch_of(name, int(n))[:2]:
            found = store.neighbors("look", entry.vectors["look"][None], 3)
            assert entry.record.id in {record.id for record in store.records(found.keys[0].tolist()).values()}
    store.close()
    return batches


def kill_and_look(home, rounds, seed):
    chance = random.Random(seed)
    there, gone, hot = set(), set(), 0
    for round in range(rounds):
        child = start("work", home, f"w{round}")
        assert child.stdout.readline() == "ready\n", child.stderr.read()
        time.sleep(chance.uniform(0, 0.25))  # the moment of death, not a wait for anything
        child.send_signal(signal.SIGKILL)
        output, errors = rest_of(child)
        assert errors == ""
        new, old, value = acknowledged(output.splitlines())
        # an acknowledged delete of this round is final; the one batch under way is settled by looking
        batches = assert_whole(home, there | new, gone | old, value or 0)
        missing = (there | new) - set(batches)
        assert all(batch in new for batch in missing), "an acknowledged batch of an earlier round is lost"
        if missing:  # only an unacknowledged delete may have taken it
            last = max((int(batch.rsplit("-", 1)[1]) for batch in new | old), default=0)
            assert {int(batch.rsplit("-", 1)[1]) for batch in missing} == {last - 3}
        there, gone, hot = set(batches), gone | old, value
    return hot


def test_kill_at_any_moment_loses_nothing(home):
    kill_and_look(home, 8, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_hundred_kills_lose_nothing(home):
    kill_and_look(home, 200, seed=2)


def test_two_writers_and_a_reader_get_along(home):
    reader = start("read", home)
    assert reader.stdout.readline() == "ready\n"
    writers = [start("write", home, name, 25) for name in ("one", "two")]
    for writer in writers:
        _, errors = writer.communicate(timeout=LIMIT_S)
        assert errors == ""
    (home / "stop").touch()
    output, errors = reader.communicate(timeout=LIMIT_S)
    assert errors == ""
    rounds, seen = json.loads(output)
    assert rounds > 0
    assert seen == 2 * 25 * BATCH
    store = open_shelf(home)
    assert store.count() == 2 * 25 * BATCH
    assert store.check() == []
    store.close()


def test_two_processes_may_write_index_files_at_once(home):
    writers = [start("work", home, name) for name in ("one", "two", "three")]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    outputs = [_lines_until(writer, "compacted", 3) for writer in writers]
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
        rest, errors = rest_of(writer)
        assert errors == ""
        outputs.append(rest.splitlines())
    there, gone, _ = acknowledged([line for lines in outputs for line in lines])
    store = open_shelf(home)
    held = {record.metadata.get("batch") for record in store.scan()} - {None}
    assert len(there - held) <= 3
    assert not gone & held
    assert store.check() == []
    store.close()


def _lines_until(child, line, times):
    lines = []
    while lines.count(line) < times:
        lines.append(child.stdout.readline().rstrip("\n"))
        assert lines[-1], child.stderr.read()
    return lines


def test_a_backup_while_others_write_is_of_one_moment(home, tmp_path_factory):
    child = start("work", home, "w")
    assert child.stdout.readline() == "ready\n"
    _lines_until(child, "compacted", 1)
    store, target = open_shelf(home), tmp_path_factory.mktemp("backups")
    for n in range(3):
        store.backup(target / str(n))
    child.kill()
    child.communicate(timeout=LIMIT_S)
    store.close()
    for n in range(3):
        copy = open_stores(tmp_path_factory.mktemp("other")).restore(target / str(n))
        assert (copy.count() - len(copy.get(["hot"]))) % BATCH == 0
        assert copy.count() >= BATCH
        assert copy.check() == []
        copy.close()


if __name__ == "__main__":
    {"work": work, "write": write, "read": read}[sys.argv[1]](*sys.argv[2:])
