"""What the HTTP server costs: processor time of all its processes for each request, beside the same work in process.

Run as a program (`server.py KIND FOLDER HOME`), does the work in process and tells its processor time.
"""

from __future__ import annotations

import json
import math
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
from pictures import enlarge, fill, originals
from plan import Plan, tell
from rows import Goal, Row

import lookalike

_NAME = "pictures"
_KINDS = ("search by picture", "search by photo", "search by id", "upload", "mixed")
_PHOTO_PX = 1600  # longer side of a photo; the pictures have about 300
_LEVELS = (1, 16, 64)
_ROUNDS = 5  # of further load, under which memory has to stay
_LIKE = Goal(">=", 0.8, "ratio")  # pictures for a second of processor time, of what the library alone does


def measure(plan: Plan) -> Iterator[Row]:
    """Give for each kind of request and each number of clients the rate, the latency, the cost and the errors."""
    with plan.folder("server") as scratch:
        pictures, photos = scratch / "files", scratch / "photos"
        files = fill(pictures, originals(plan, "general"), plan.sizes.requests)
        enlarge(photos, files, _PHOTO_PX)
        with _server(scratch / "home") as (process, address):
            children.run(children.script("load", address, "create", "1", str(pictures)))
            for kind in _KINDS:  # searches first: over as many records as in process
                folder = photos if kind == "search by photo" else pictures
                before = _alone_ms(kind, folder, scratch)
                for level in _LEVELS:
                    told, cpu_s = _load(process, address, kind, level, folder)
                    after = _alone_ms(kind, folder, scratch)
                    yield from _rows(kind, level, told, 1000 * cpu_s / len(files), (before + after) / 2)
                    before = after
            first = _memory_mb(process)
            for _ in range(_ROUNDS):
                for kind in ("search by picture", "search by id"):
                    _load(process, address, kind, 64, pictures)
            label = f"before {2 * _ROUNDS * len(files):,} more searches"
            text = "memory of all its processes, shared pages counted each time"
            yield Row("server", text, _memory_mb(process), "MB", label, first, Goal("<=", 1.05, "ratio"))


def _load(process: psutil.Process, address: str, kind: str, level: int, folder: Path) -> tuple[dict[str, float], float]:
    """Let so many clients ask, and give what they tell and the seconds of processor time that it took the server."""
    tell(f"{kind}, {level} at once")
    before = _cpu_s(process)
    told = children.run(children.script("load", address, kind, str(level), str(folder))).json()
    return told, _cpu_s(process) - before


def _rows(kind: str, level: int, told: dict[str, float], cost_ms: float, alone_ms: float) -> Iterator[Row]:
    name = f"{kind}, {level} at once"
    own = f"The clients took {told['client_cpu_ms']:.2f} ms of processor time a request beside it."
    yield Row("server", f"{name}: requests", told["rate"], "1/s", note=f"{name}: {own}")
    yield Row("server", f"{name}: p50", told["p50_ms"], "ms")
    yield Row("server", f"{name}: p99", told["p99_ms"], "ms")
    if kind != "mixed":
        goal = _LIKE if level == 16 and kind != "search by id" else None
        label = "in process, one thread"
        yield Row("server", f"{name}: for a CPU second", 1000 / cost_ms, "1/s", label, 1000 / alone_ms, goal)
    yield Row("server", f"{name}: errors", told["errors"], "", goal=Goal("<=", 0))


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


def _memory_mb(process: psutil.Process) -> float:
    return sum(one.memory_info().rss for one in _family(process)) / 1e6


def _alone_ms(kind: str, folder: Path, scratch: Path) -> float:
    """Measure the same work in process; before and after, as the clock of a machine changes while it works."""
    if kind == "mixed":
        return math.nan
    home = tempfile.mkdtemp(prefix="home-", dir=scratch)
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
            elif kind == "search by id":
                collection.search(f"id:{files[number % 200].name}")
            else:
                collection.search(file.read_bytes())
        print(json.dumps(1000 * (time.process_time() - began) / len(files)))


if __name__ == "__main__":
    main()
