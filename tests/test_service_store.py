"""The contract of the service store, for every inhabitant of its seam; and what earlier releases left in a home."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from conftest import Mounts, fill_disk

import lookalike.service
from lookalike.doors.cli import program as cli
from lookalike.errors import ConflictError, StoreDamagedError, StoreFullError, StoreReadOnlyError
from lookalike.service import migration
from lookalike.service.file_usage import FileUsage
from lookalike.service.keys import Keys
from lookalike.service.sqlite import SQLiteStore
from lookalike.service.store import ServiceStore

STORES: dict[str, type[ServiceStore]] = {"sqlite": SQLiteStore}


@dataclasses.dataclass
class Inhabitant:
    """One inhabitant of the seam, opened as often as a test wants."""

    name: str
    home: Path

    def open(self) -> ServiceStore:
        return STORES[self.name](self.home)  # type: ignore[call-arg]

    def start(self, code: str) -> subprocess.Popen[str]:
        """Run code in a process of its own, where `store` is the store."""
        make = STORES[self.name]
        opening = (
            "import sys, time\nfrom pathlib import Path\n"
            f"from {make.__module__} import {make.__name__} as make\nstore = make(Path({str(self.home)!r}))\n"
        )
        command = [sys.executable, "-c", opening + code]
        _started.append(subprocess.Popen(command, text=True, stdout=subprocess.PIPE))
        return _started[-1]


_started: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    """Let no process outlive its test."""
    yield
    while _started:
        with _started.pop() as process:
            process.kill()


@pytest.fixture(params=STORES)
def inhabitant(request: pytest.FixtureRequest, tmp_path: Path) -> Inhabitant:
    return Inhabitant(request.param, tmp_path / "home")


@pytest.fixture
def store(inhabitant: Inhabitant) -> ServiceStore:
    return inhabitant.open()


def put(store: ServiceStore, name: str, value: dict[str, Any]) -> None:
    with store.writing() as rows:
        rows.put("key", name, value)


def held(store: ServiceStore) -> dict[str, Any]:
    with store.reading() as rows:
        return {row.name: row.value for row in rows.all("key")}


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_reading_makes_nothing(store: ServiceStore, inhabitant: Inhabitant) -> None:
    assert held(store) == {}
    with store.reading() as rows:
        assert rows.get("key", "a") is None
    store.version("key")
    assert not inhabitant.home.exists()


def test_a_row_is_found_by_kind_and_name_as_it_was_written(store: ServiceStore, inhabitant: Inhabitant) -> None:
    value = {"text": "Größe \0 \ud800", "list": [1, 2.5, None, True], "deep": {"a": {"b": []}}}
    with store.writing() as rows:
        assert rows.append("key", "ä/ 'name", value).value == value
        rows.append("session", "ä/ 'name", {"other": 1})
    for one in (store, inhabitant.open()):
        with one.reading() as rows:
            found = rows.get("key", "ä/ 'name")
            assert found is not None
            assert (found.kind, found.name, found.value) == ("key", "ä/ 'name", value)
            assert [row.value for row in rows.all("session")] == [{"other": 1}]
            assert rows.get("session", "nobody") is None


def test_rows_keep_the_order_in_which_they_were_appended(store: ServiceStore) -> None:
    for name in ("c", "a", "b"):
        with store.writing() as rows:
            rows.append("key", name, {})
    put(store, "a", {"changed": 1})
    assert list(held(store)) == ["c", "a", "b"]
    with store.writing() as rows:
        rows.remove("key", "c")
        rows.remove("key", "nobody")
        rows.append("key", "c", {})
    assert list(held(store)) == ["a", "b", "c"]


def test_a_name_is_appended_once(store: ServiceStore) -> None:
    put(store, "a", {"first": 1})
    with pytest.raises(ConflictError, match='"a"'), store.writing() as rows:
        rows.append("key", "a", {"second": 1})
    assert held(store) == {"a": {"first": 1}}


def test_a_row_is_replaced_only_as_it_was_read(store: ServiceStore, inhabitant: Inhabitant) -> None:
    put(store, "a", {"n": 0})
    with store.reading() as rows:
        (seen,) = rows.all("key")
    with inhabitant.open().writing() as rows:
        fresh = rows.replace(seen, {"n": 1})
    for stale in (seen, dataclasses.replace(seen, name="nobody")):
        with pytest.raises(ConflictError), store.writing() as rows:
            rows.replace(stale, {"n": 2})
    with store.writing() as rows:
        rows.replace(rows.replace(fresh, {"n": 3}), {"n": 4})
    assert held(store) == {"a": {"n": 4}}


def test_a_row_that_was_removed_and_made_anew_is_another_one(store: ServiceStore) -> None:
    put(store, "a", {"n": 0})
    with store.reading() as rows:
        seen = rows.get("key", "a")
    assert seen is not None
    with store.writing() as rows:
        rows.remove("key", "a")
    with pytest.raises(ConflictError), store.writing() as rows:
        rows.replace(seen, {"n": 1})
    put(store, "a", {"n": 0})
    with pytest.raises(ConflictError), store.writing() as rows:
        rows.replace(seen, {"n": 1})


def test_a_transaction_reads_what_it_wrote_and_is_undone_as_a_whole(store: ServiceStore) -> None:
    put(store, "a", {"n": 1})
    before = store.version("key")
    with suppress(RuntimeError), store.writing() as rows:
        rows.put("key", "a", {"n": 2})
        rows.append("key", "b", {})
        assert [(row.name, row.value) for row in rows.all("key")] == [("a", {"n": 2}), ("b", {})]
        raise RuntimeError
    assert held(store) == {"a": {"n": 1}}
    assert store.version("key") == before


def test_a_reading_is_of_one_moment(store: ServiceStore, inhabitant: Inhabitant) -> None:
    put(store, "a", {"n": 1})
    with store.reading() as rows:
        assert [row.value for row in rows.all("key")] == [{"n": 1}]
        put(inhabitant.open(), "a", {"n": 2})
        put(inhabitant.open(), "b", {})
        assert [row.value for row in rows.all("key")] == [{"n": 1}]
    assert held(store) == {"a": {"n": 2}, "b": {}}


def test_a_version_differs_after_every_change_of_its_kind_by_anybody(
    store: ServiceStore, inhabitant: Inhabitant
) -> None:
    seen = [store.version("key")]
    assert inhabitant.start("with store.writing() as rows: rows.append('key', 'a', {})").wait() == 0
    seen.append(store.version("key"))
    put(inhabitant.open(), "a", {})
    seen.append(store.version("key"))
    with store.writing() as rows:
        rows.remove("key", "a")
    seen.append(store.version("key"))
    assert len(set(seen)) == 4
    with store.writing() as rows:
        rows.put("session", "a", {})
    assert store.version("key") == seen[-1]


COUNTING = """
for _ in range(40):
    with store.writing() as rows:
        row = rows.get("key", "count")
        rows.put("key", "count", {"n": row.value["n"] + 1 if row else 1})
"""


def test_processes_that_read_and_write_at_once_lose_nothing(store: ServiceStore, inhabitant: Inhabitant) -> None:
    """The first of them makes the store."""
    processes = [inhabitant.start(COUNTING) for _ in range(2)]

    def count() -> None:
        exec(COUNTING, {"store": inhabitant.open()})

    threads = [threading.Thread(target=count) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait() for process in processes] == [0, 0]
    assert held(store) == {"count": {"n": 160}}


def test_what_is_acknowledged_outlives_a_kill_and_what_is_not_is_undone(inhabitant: Inhabitant) -> None:
    process = inhabitant.start(
        "for number in range(1000):\n"
        "    with store.writing() as rows:\n"
        "        rows.append('key', f'a{number}', {})\n"
        "        rows.append('key', f'b{number}', {})\n"
        "    print(number, flush=True)\n"
    )
    while said(process) != "20":
        pass
    process.send_signal(signal.SIGKILL)
    last = process.communicate()[0].split()
    told = int(last[-1]) if last else 20
    found = held(inhabitant.open())
    assert {f"{letter}{number}" for letter in "ab" for number in range(told + 1)} <= found.keys()
    assert len(found) % 2 == 0
    assert len(found) <= 2 * (told + 2)


def test_a_writer_that_is_killed_hinders_nobody(inhabitant: Inhabitant) -> None:
    store = inhabitant.open()
    put(store, "a", {"n": 1})
    process = inhabitant.start(
        "with store.writing() as rows:\n"
        "    rows.put('key', 'a', {'n': 2})\n"
        "    print('here', flush=True)\n"
        "    time.sleep(60)\n"
    )
    assert said(process) == "here"
    assert held(store) == {"a": {"n": 1}}  # nobody who reads waits for a writer
    process.kill()
    process.wait()
    put(store, "b", {})
    assert held(inhabitant.open()) == {"a": {"n": 1}, "b": {}}


def test_a_lease_is_held_by_one(store: ServiceStore, inhabitant: Inhabitant) -> None:
    with store.lease("job-1"):
        for other in (store, inhabitant.open()):
            with pytest.raises(ConflictError), other.lease("job-1"):
                pass
        with other.lease("job-2"):
            pass
        trial = "try:\n    with store.lease('job-1'): print('held')\nexcept Exception as error: print(error.code)\n"
        assert said(inhabitant.start(trial)) == "conflict"
    assert said(inhabitant.start(trial)) == "held"


def test_a_lease_ends_with_an_error_and_with_its_process(store: ServiceStore, inhabitant: Inhabitant) -> None:
    with pytest.raises(OSError, match="mine"), store.lease("job-1"):
        raise OSError("mine")
    process = inhabitant.start("with store.lease('job-1'):\n    print('held', flush=True)\n    time.sleep(60)\n")
    assert said(process) == "held"
    with pytest.raises(ConflictError), store.lease("job-1"):
        pass
    process.kill()
    process.wait()
    with store.lease("job-1"):
        pass


TURNS = """
for _ in range(300):
    try:
        with store.lease("job"):
            with open(PLACE, "x"): pass
            Path(PLACE).unlink()
    except FileExistsError: sys.exit("two at once")
    except Exception as error: assert error.code == "conflict", error
"""


def test_a_lease_that_goes_from_hand_to_hand_is_in_one(inhabitant: Inhabitant, tmp_path: Path) -> None:
    code = TURNS.replace("PLACE", repr(str(tmp_path / "mine")))
    assert [process.wait() for process in [inhabitant.start(code) for _ in range(3)]] == [0, 0, 0]


# ---- the file of SQLite


def test_one_module_of_the_service_speaks_to_a_database() -> None:
    room = Path(lookalike.service.__file__).parent
    assert [path.name for path in room.glob("*.py") if "sqlite3" in path.read_text()] == ["sqlite.py"]


def test_a_full_disk_refuses_what_it_cannot_take_and_keeps_what_is_there(small_disk: Path) -> None:
    home = small_disk / "home"
    store = SQLiteStore(home)
    put(store, "a", {"n": 1})
    filler = fill_disk(small_disk)
    for one in (store, SQLiteStore(home)):
        with pytest.raises(StoreFullError):
            put(one, "b", {"long": "x" * 100_000})
        assert held(one) == {"a": {"n": 1}}
    with pytest.raises(StoreFullError):
        put(SQLiteStore(small_disk / "other"), "a", {})
    filler.unlink()
    put(store, "b", {})
    assert held(SQLiteStore(home)) == {"a": {"n": 1}, "b": {}}


def leave(home: Path, *, is_killed: bool) -> None:
    """Let a process write to a home, and end by itself or be killed, which leaves a log."""
    process = Inhabitant("sqlite", home).start(
        "for number in range(2):\n"
        "    with store.writing() as rows: rows.put('key', 'a', {'n': number})\n"
        "    store.version('key')\n"
        "print('here', flush=True)\n" + "time.sleep(60)" * is_killed
    )
    assert said(process) == "here"
    if is_killed:
        process.kill()
        assert (home / "service.db-wal").stat().st_size
    process.wait()


@pytest.mark.parametrize("is_killed", [False, True], ids=["closed", "killed"])
def test_reading_needs_no_room(small_disk: Path, is_killed: bool) -> None:
    home = small_disk / "home"
    leave(home, is_killed=is_killed)
    (home / "service.db-shm").unlink(missing_ok=True)  # as on another machine
    fill_disk(small_disk)
    store = SQLiteStore(home)
    assert held(store) == {"a": {"n": 1}}
    assert store.version("key") == store.version("key")


@pytest.mark.parametrize("is_killed", [False, True], ids=["closed", "killed"])
def test_a_home_that_is_mounted_read_only_is_read(tmp_path: Path, mounts: Mounts, is_killed: bool) -> None:
    home = mounts.disk(tmp_path / "disk") / "home"
    leave(home, is_killed=is_killed)
    mounts.change(tmp_path / "disk", "ro")
    store = SQLiteStore(home)
    assert held(store) == {"a": {"n": 1}}
    assert store.version("key") == store.version("key")
    with pytest.raises(StoreReadOnlyError):
        put(store, "b", {})
    assert Keys(home.with_name("nobody")).all() == ()


def test_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "home")
    store.version("key")
    put(store, "a", {})
    store.version("key")
    assert {path.name for path in (tmp_path / "home").iterdir()} >= {"service.db", "service.db-wal"}
    assert not [path for path in (tmp_path / "home", *(tmp_path / "home").iterdir()) if path.stat().st_mode & 0o077]


# ---- what earlier releases left


JOBS = ["20260101-000000-00000000", "20260102-000000-00000000"]


def old_home(home: Path, count: int = 3) -> dict[str, Any]:
    """Write the keys of a home as 0.1.0 did; return them by name."""
    home.mkdir(parents=True, exist_ok=True)
    made = {}
    for number in range(count):
        key, _ = Keys(home.parent / "elsewhere").create(f"key {number}", scope="read")
        made[key.id] = dataclasses.asdict(key)
    text = json.dumps({"format": 1, "cookie_secret": "ab" * 32, "keys": list(made.values())}, indent=1)
    (home / "keys.json").write_text(text)
    for job_id in JOBS:
        (home / "jobs" / job_id).mkdir(parents=True)
        (home / "jobs" / job_id / "job.json").write_text(json.dumps({"id": job_id, "state": "done"}))
    return made


def jobs_of(home: Path) -> list[str]:
    with SQLiteStore(home).reading() as rows:
        return [row.name for row in rows.all("job")]


def test_old_keys_are_read_once_and_set_aside(tmp_path: Path) -> None:
    home = tmp_path / "home"
    made = old_home(home)
    before = (home / "keys.json").read_bytes()
    assert [key.id for key in Keys(home).all()] == list(made)
    assert (home / "keys.json.bak").read_bytes() == before
    assert json.loads((home / "keys.json").read_text())["format"] != 1  # an earlier server reads it, and stays closed
    Keys(home).revoke("key 1")
    assert [key.revoked_at is None for key in Keys(home).all()] == [True, False, True]


def test_processes_that_take_an_old_home_over_at_once_do_it_once(tmp_path: Path) -> None:
    home = tmp_path / "home"
    made = old_home(home)
    code = (
        "import secrets\nfrom lookalike.service.keys import Keys\n"
        f"Keys(Path({str(home)!r})).create(secrets.token_hex())\n"
    )
    processes = [Inhabitant("sqlite", home).start(code) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert [key.id for key in Keys(home).all()][:3] == list(made)
    assert len(Keys(home).all()) == 7
    assert jobs_of(home) == JOBS


@pytest.mark.parametrize("step", ["values_of", "set_aside", "disk.move_file"])
def test_a_crash_while_an_old_home_is_taken_over_loses_nothing(tmp_path: Path, step: str) -> None:
    home = tmp_path / "home"
    made = old_home(home)
    code = (
        "import os\nfrom lookalike.service import migration\n"
        f"migration.{step} = lambda *_: os.kill(os.getpid(), 9)\nstore.version('key')\n"
    )
    assert Inhabitant("sqlite", home).start(code).wait() == -signal.SIGKILL
    assert migration.due(home)
    assert [key.id for key in Keys(home).all()] == list(made)
    assert jobs_of(home) == JOBS
    assert not migration.due(home)


def test_old_keys_of_a_home_that_cannot_be_written_are_read(
    tmp_path: Path, mounts: Mounts, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = mounts.disk(tmp_path / "disk")
    made = old_home(disk / "home")
    shutil.rmtree(disk / "elsewhere")
    filler = fill_disk(disk)
    keys = Keys(disk / "home")
    assert [key.id for key in keys.all()] == list(made)
    with pytest.raises(StoreFullError):
        keys.revoke("key 1")
    filler.unlink()
    mounts.change(disk, "ro")
    assert cli.run(["keys", "list", "--json", "--home", str(disk / "home")]) == 0
    assert [key["id"] for key in json.loads(capsys.readouterr().out)["keys"]] == list(made)
    with pytest.raises(StoreReadOnlyError):
        keys.revoke("key 1")
    mounts.change(disk, "rw")
    keys.revoke("key 1")
    assert (disk / "home" / "keys.json.bak").exists()


def test_old_notes_of_who_wrote_a_file_are_read_once_and_set_aside(tmp_path: Path) -> None:
    lines = [{"path": "a", "key": "ours"}, {"path": "b", "key": "ours"}, {"path": "ä", "key": "theirs"}]
    lines += [{"path": "a", "key": "theirs"}, {"path": "b", "key": None}]
    text = "broken\n" + "".join(f"{json.dumps(line)}\n" for line in lines) + '{"path": "cut o'
    (tmp_path / "files-owners.jsonl").write_text(text)
    for path, size in (("a", 1), ("b", 10), ("ä", 100)):
        (tmp_path / "files").mkdir(exist_ok=True)
        (tmp_path / "files" / path).write_bytes(bytes(size))
    for _ in range(2):
        usage = FileUsage(tmp_path / "files", tmp_path)
        assert (usage.of("ours"), usage.of("theirs"), usage.owner_of("b")) == (0, 101, None)
    assert not (tmp_path / "files-owners.jsonl").exists()
    assert (tmp_path / "files-owners.jsonl.bak").read_text() == text


@pytest.mark.parametrize("damage", ["", "{", '{"format": 99, "keys": [], "cookie_secret": ""}', "[]"])
def test_damaged_old_keys_close_the_server(tmp_path: Path, damage: str) -> None:
    (tmp_path / "keys.json").write_text(damage)
    for _ in range(2):
        with pytest.raises(StoreDamagedError, match="backup"):
            Keys(tmp_path).is_needed()
    assert (tmp_path / "keys.json").read_text() == damage


def test_going_back_is_giving_the_old_files_their_names(tmp_path: Path) -> None:
    """By the command of docs/storage.md; and forth again."""
    home = tmp_path / "home"
    made = old_home(home)
    Keys(home).create("new")
    text = (Path(__file__).parent.parent / "docs" / "storage.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^cd HOME && (.*)$", text, re.MULTILINE)
    subprocess.run(["sh", "-c", command], cwd=home, check=True)
    assert {path.name for path in home.iterdir()} == {"jobs", "keys.json", "service.lock"}
    assert json.loads((home / "keys.json").read_text())["keys"] == json.loads(json.dumps(list(made.values())))
    assert [path.name for path in sorted(home.glob("jobs/*/*"))] == ["job.json"] * 2
    assert [key.id for key in Keys(home).all()] == list(made)
