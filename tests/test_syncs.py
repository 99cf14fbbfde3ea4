"""Forced before acknowledged: what every command, method and route writes is on disk before it says so.

One process runs every operation once (operations.py) under strace, and `syncs.Disk` follows its calls. An
acknowledgement is the first word on stdout, else the last on stderr, for a command, the return for a method, and the
first byte of the answer for a route. No file is named here: whatever an operation writes below its folders has to last,
but for what syncs.py says counts for nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import operations
import pytest
from syncs import CALLS, Call, Disk, calls

Findings = dict[str, list[str]]
BESIDE = (  # operations beside which the server goes on to write
    "submission of a job",
    "POST http.folders.index_folder",
    "POST http.folders.add_samples",
)


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Findings]:
    """What is wrong with each operation, by its name; nothing for those that are well."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("needs strace, which records the order of writes and syncs (Linux; apt-get install strace)")
    root = tmp_path_factory.mktemp("syncs")
    other = _another_disk(root)
    trace = root / "trace"
    try:
        done = subprocess.run(
            [
                *(strace, "-f", "--seccomp-bpf", "-y", "-s", "120", "-e", f"trace={CALLS}", "-o", str(trace)),
                *(sys.executable, str(Path(operations.__file__)), str(root / "stage"), str(other)),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
            env={**os.environ, "LOOKALIKE_WORKERS": "1"},
        )
        if "PTRACE" in done.stderr:
            pytest.skip("needs the right to trace a process")
        assert done.returncode == 0, done.stderr[-3000:]
        stage = root / "stage"
        log = str(stage / "server" / "home.log")  # what the test keeps of the server's words
        yield follow((call for call in calls(trace) if call.handle[1] != log), (str(stage), str(other)))
    finally:
        shutil.rmtree(other, ignore_errors=True)


def _another_disk(root: Path) -> Path:
    """Name a folder of another disk, where there is one: a move to there copies, and unlinks."""
    memory = Path("/dev/shm")
    is_other = memory.is_dir() and os.access(memory, os.W_OK) and memory.stat().st_dev != root.stat().st_dev
    return (memory if is_other else root) / f"lookalike-syncs-{os.getpid()}"


def follow(trace: Iterator[Call], roots: tuple[str, ...]) -> Findings:
    """Follow a trace, and return what was wrong with each operation that is marked in it."""
    disk, found, name = Disk(roots, set()), dict[str, list[list[str]]](), ""
    told: list[str] | None = None  # what was pending when it was acknowledged
    talked: list[str] | None = None  # and when something was said on stderr, which counts where that is all
    for call in trace:
        kind = _mark(call)
        if kind.startswith("begin "):
            name, told, talked = kind.removeprefix("begin "), None, None
            disk.begin()
        elif kind.startswith("end "):
            lost = next((one for one in (told, talked) if one is not None), disk.pending())
            found.setdefault(name, []).append([*disk.wrong, *(f"{one} was not forced" for one in lost)])
            name = ""
        elif name and _acknowledges(call, name, is_first=told is None):
            told = disk.pending()
        elif name.startswith("command ") and call.name == "write" and call.handle[0] == "2":
            talked = disk.pending()
        disk.take(call)
    return {
        name: _of_all(runs) if name in BESIDE else [one for run in runs for one in run] for name, runs in found.items()
    }


def _of_all(runs: list[list[str]]) -> list[str]:
    """Return what is wrong in every run: beside it another thread may be at work by then, but not always as far."""
    told = [{re.sub("[0-9a-f-]{8,}", "*", one) for one in run} for run in runs]
    return sorted(set.intersection(*told))


def _mark(call: Call) -> str:
    return call.text if call.name == "write" and call.handle[1] == os.devnull else ""


def _acknowledges(call: Call, name: str, *, is_first: bool) -> bool:
    """Say whether a call acknowledges an operation; of many questions for a state, the last answer does."""
    if name.startswith("command "):
        return is_first and call.name == "write" and call.handle[0] == "1"
    is_answer = call.name in ("write", "writev", "sendto", "sendmsg") and call.text.startswith("HTTP/1.1 ")
    return is_answer and (is_first or name.startswith("GET "))


def test_all_that_is_acknowledged_was_forced_to_disk_before(traced: Findings) -> None:
    wrong = {name: found for name, found in traced.items() if found}
    assert not wrong, "\n".join(f"{name}: {one}" for name, found in wrong.items() for one in found)


def test_no_command_method_or_route_goes_unrecorded(traced: Findings) -> None:
    """A new one stands in operations.py: run, or with the reason why nothing of it has to last."""
    there = operations.commands() | operations.methods() | operations.routes()
    excused = {name for names in operations.NOTHING.values() for name in names}
    assert sorted(there - set(traced) - excused) == [], "add them to tests/operations.py"
    assert sorted(excused - there) == [], "these are gone: take them out of NOTHING"
    assert sorted(excused & set(traced)) == [], "these are run: take them out of NOTHING"


# ---- the follower itself: each way to lose something is seen


def _calls(*lines: str) -> Iterator[Call]:
    for number, line in enumerate(lines):
        name, _, arguments = line.partition("(")
        yield Call(name, arguments, number, number)


OPEN = 'openat(AT_FDCWD</r>, "/r/new", O_WRONLY|O_CREAT|O_EXCL, 0666'
WRITE, SYNC, SYNC_FOLDER = 'write(3</r/new>, "x", 1', "fsync(3</r/new>", "fsync(4</r>"
RENAME = 'rename("/r/new", "/r/old"'


@pytest.mark.parametrize(
    ("lines", "lost"),
    [
        ((OPEN, WRITE, SYNC, SYNC_FOLDER), []),
        ((OPEN, WRITE, SYNC), ["the name of /r/new"]),
        ((OPEN, WRITE, SYNC_FOLDER), ["the bytes of /r/new"]),
        ((OPEN, WRITE, SYNC, WRITE, SYNC_FOLDER), ["the bytes of /r/new"]),
        ((SYNC_FOLDER, OPEN, WRITE, SYNC), ["the name of /r/new"]),
        ((OPEN, WRITE, SYNC, RENAME, SYNC_FOLDER), []),
        ((OPEN, WRITE, SYNC, RENAME), ["the name of /r/old"]),
        ((OPEN, WRITE, 'unlink("/r/new"'), []),
        (('unlink("/r/old"',), ["the removal of /r/old"]),
        (('unlink("/r/old"', SYNC_FOLDER), []),
        (('mkdir("/r/made", 0777', 'mkdir("/r/made/in", 0777', "fsync(3</r/made>"), ["the name of /r/made"]),
        (('mkdir("/r/made", 0777', 'rename("/r/made", "/r/put"', SYNC_FOLDER), []),
        (('rename("/r/old", "/r/other"', "fsync(3</elsewhere>"), ["the name of /r/other", "the removal of /r/old"]),
        (('write(3</r/records.sqlite-shm>, "x", 1', 'write(3</r/index/x>, "x", 1'), []),
        (('pwrite64(3</r/records.sqlite-wal>, "x", 1',), ["the bytes of /r/records.sqlite-wal"]),
    ],
)
def test_the_follower_sees_what_would_be_lost(lines: tuple[str, ...], lost: list[str]) -> None:
    disk = Disk(("/r",), {"/r/old"})
    for call in _calls(*lines):
        disk.take(call)
    assert sorted(disk.pending()) == sorted(lost)


@pytest.mark.parametrize(
    "lines",
    [
        (OPEN, WRITE, RENAME),
        (OPEN, WRITE, 'unlink("/r/old"'),
        (OPEN, WRITE, SYNC, 'unlink("/r/old"'),
        ('rename("/r/old", "/r/sub/old"', SYNC_FOLDER),
    ],
    ids=["renamed before forced", "copied and unlinked", "unlinked before its name was forced", "moved, source first"],
)
def test_the_follower_sees_a_wrong_order(lines: tuple[str, ...]) -> None:
    disk = Disk(("/r",), {"/r/old", "/r/sub"})
    for call in _calls(*lines, SYNC_FOLDER):
        disk.take(call)
    assert disk.wrong


def test_calls_that_overlap_are_read_from_their_beginning_to_their_end(tmp_path: Path) -> None:
    (tmp_path / "trace").write_text(
        '7 write(3</r/a>, "x", 1 <unfinished ...>\n8 fsync(4</r/b>) = 0\n7 <... write resumed>) = 1\n'
        '9 unlink("/r/c") = -1 ENOENT (No such file or directory)\n'
    )
    assert [(call.name, call.begun, call.ended) for call in calls(tmp_path / "trace")] == [
        ("fsync", 1, 1),
        ("write", 0, 2),
    ]
