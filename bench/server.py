"""What the HTTP server costs: processor time of all its processes for each request, beside the same work in process.

Run as a program (`server.py KIND FOLDER HOME`), does the work in process and tells its processor time.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import children
import psutil
from pictures import fill, originals
from plan import Plan, tell
from rows import Goal, Row

import lookalike

_NAME = "pictures"
_KINDS = ("upload", "search by picture", "search by id", "mixed")
_LEVELS = (1, 16, 64)
_LIKE = Goal(">=", 0.8, "ratio")  # pictures for a second of processor time, of what the library alone does


def measure(plan: Plan) -> Iterator[Row]:
    """Give for each kind of request and each number of clients the rate, the latency, the cost and the errors."""
    with plan.folder("server") as scratch:
        files = fill(scratch / "files", originals(plan, "general"), plan.sizes.requests)
        alone = {kind: _alone_ms(kind, scratch / "files", scratch / f"home-{n}") for n, kind in enumerate(_KINDS[:3])}
        with _server(scratch / "home") as (process, address):
            children.run(children.script("load", address, "create", "1", str(scratch / "files")))
            for kind in _KINDS:
                for level in _LEVELS:
                    tell(f"{kind}, {level} at once")
                    yield from _rows(process, address, kind, level, scratch / "files", len(files), alone.get(kind))
            memory = sum(one.memory_info().rss for one in _family(process)) / 1e6
            yield Row("server", "memory of all its processes, shared pages counted each time", memory, "MB")


def _rows(
    process: psutil.Process, address: str, kind: str, level: int, folder: Path, count: int, alone_ms: float | None
) -> Iterator[Row]:
    before = _cpu_s(process)
    told = children.run(children.script("load", address, kind, str(level), str(folder))).json()
    cost = 1000 * (_cpu_s(process) - before) / count
    name = f"{kind}, {level} at once"
    own = f"The clients took {told['client_cpu_ms']:.2f} ms of processor time a request beside it."
    yield Row("server", f"{name}: requests", told["rate"], "1/s", note=f"{name}: {own}")
    yield Row("server", f"{name}: p50", told["p50_ms"], "ms")
    yield Row("server", f"{name}: p99", told["p99_ms"], "ms")
    if alone_ms is not None:
        goal = _LIKE if level == 16 and kind != "search by id" else None
        label = "in process, one thread"
        yield Row("server", f"{name}: for a CPU second", 1000 / cost, "1/s", label, 1000 / alone_ms, goal)
    yield Row("server", f"{name}: errors", float(told["errors"]), "", goal=Goal("<=", 0))


@contextmanager
def _server(home: Path) -> Iterator[tuple[psutil.Process, str]]:
    command = children.lookalike("serve", "--port", "0", "--no-open", "--home", home)
    with tempfile.TemporaryFile("w+") as said, subprocess.Popen(command, stdout=said, stderr=said) as started:
        try:
            for _ in range(300):
                said.seek(0)
                if found := re.search(r"http://[\d.]+:\d+", said.read()):
                    yield psutil.Process(started.pid), found[0]
                    return
                time.sleep(0.1)
            raise RuntimeError("the server did not start within 30 s")
        finally:
            started.terminate()
            started.wait(30)


def _family(process: psutil.Process) -> Sequence[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _cpu_s(process: psutil.Process) -> float:
    times = [one.cpu_times() for one in _family(process)]
    return sum(one.user + one.system for one in times)


def _alone_ms(kind: str, folder: Path, home: Path) -> float:
    return float(children.run(children.script("server", kind, folder, home)).json())


def main() -> None:
    kind, folder = sys.argv[1], Path(sys.argv[2])
    files = sorted(folder.rglob("*.jpg"))
    with lookalike.open(sys.argv[3]) as library:
        collection = library.create(_NAME, keep="thumbnail")
        if kind != "upload":
            for file in files[:200]:
                collection.add(file.read_bytes(), id=file.name)
        collection.search(files[0]) if kind != "upload" else library.compare(files[0], files[0])
        began = time.process_time()
        for number, file in enumerate(files):
            if kind == "upload":
                collection.add(file.read_bytes(), id=file.name)
            elif kind == "search by picture":
                collection.search(file.read_bytes())
            else:
                collection.search(f"id:{files[number % 200].name}")
        print(json.dumps(1000 * (time.process_time() - began) / len(files)))


if __name__ == "__main__":
    main()
