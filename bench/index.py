"""How fast a folder is indexed: by the command line on all cores, against the bare recipe and against the peers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import children
import peers
from pictures import at_most, fill, megapixels, originals, turns
from plan import Plan, tell
from rows import Goal, Row

_LARGER = "0.2 MP"
_FOLDERS = {_LARGER: ("fashion",), "general + products": ("general", "products")}
_PEER_GOALS = {"imagededup-cnn": 2.0, "imagededup-phash": 1.0}  # set for pictures of 0.2 MP
_PEER_NAMES = {
    "imagededup-cnn": "imagededup CNN, random weights",
    "imagededup-phash": "imagededup pHash",
    "imagehash-phash": "imagehash pHash, one process",
}


def measure(plan: Plan) -> Iterator[Row]:
    """Give the rows of each folder; without labelled pictures, of one folder of rendered ones."""
    folders = _FOLDERS if plan.data is not None else {"rendered samples": ()}
    for name, sets in folders.items():
        pictures = at_most(originals(plan, *sets), plan.sizes.files)
        with plan.folder("index") as scratch:
            files = fill(scratch / "pictures", pictures, turns(pictures, plan.sizes.files))
            note = (
                f"{name}: {len(pictures):,} JPEGs of {megapixels(pictures):.2f} MP in the mean, written "
                f"{len(files) // len(pictures)} times ({len(files):,} files), repeats with other trailing bytes."
            )
            yield from _folder_rows(plan, name, scratch, files, note)


def _folder_rows(plan: Plan, name: str, scratch: Path, files: Sequence[Path], note: str) -> Iterator[Row]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    ones, togethers, indexed, starts, read_ms = [], [], [], [], []
    for number in range(plan.sizes.rounds):
        tell(f"{name}: round {number + 1}")
        starts.append(_index_s(scratch, files[:1]))
        rate, read = _recipe(scratch, files[::3], 1)
        ones.append(rate)
        read_ms.append(read)
        togethers.append(_recipe(scratch, files[::3], cores)[0])
        indexed.append(len(files) / _index_s(scratch, [scratch / "pictures"]))
    one, together, rate = median(ones), median(togethers), median(indexed)
    recipe = f"read {median(read_ms):.2f} ms and encode {1000 / one - median(read_ms):.2f} ms a file in one thread."
    label = f"{cores} x the recipe in one thread"
    yield Row("index", f"{name}: whole command", rate, "files/s", label, cores * one, Goal(">=", 0.85, "ratio"), note)
    yield Row("index", f"{name}: whole command", rate, "files/s", f"the recipe in {cores} processes", together)
    yield Row("index", f"{name}: the recipe", one, "files/s", note=f"{name}: {recipe}")
    yield Row("index", f"{name}: command over one file", median(starts), "s", note="Start-up, part of the above.")
    yield from _peer_rows(name, scratch / "pictures", rate, cores)


def _index_s(scratch: Path, sources: Sequence[Path]) -> float:
    """Index with the command line into a fresh home, and give the seconds."""
    import shutil

    home = scratch / "home"
    shutil.rmtree(home, ignore_errors=True)
    return children.run(children.lookalike("index", *sources, "--home", home)).seconds


def _recipe(scratch: Path, files: Sequence[Path], processes: int) -> tuple[float, float]:
    """Give files/s of the bare recipe in some processes at once, each in one thread, and the ms of a reading."""
    lists = []
    for number in range(processes):
        lists.append(scratch / f"list-{number}.txt")
        lists[-1].write_text("\n".join(map(str, files[number::processes])))
    found = [child.json() for child in children.run_together([children.script("recipe", one) for one in lists])]
    return sum(one["files"] / one["seconds"] for one in found), found[0]["read_ms"]


def _peer_rows(name: str, folder: Path, rate: float, cores: int) -> Iterator[Row]:
    for peer, label in _PEER_NAMES.items():
        goal = Goal(">=", _PEER_GOALS[peer], "ratio") if name == _LARGER and peer in _PEER_GOALS else None
        if not peers.is_installed(peer):
            yield Row("index", f"{name}: whole command", rate, "files/s", label, None, goal, "Run by `make bench`.")
            continue
        tell(f"{name}: {label}")
        ways = {"imagededup-cnn": (0, cores), "imagededup-phash": (cores,)}.get(peer, (1,))
        found = [children.run(children.script("peers", peer, folder, str(way))).json() for way in ways]
        best = max(one["files"] / one["seconds"] for one in found)
        note = "imagededup's own code, the faster of its two ways to load." if len(ways) > 1 else ""
        yield Row("index", f"{name}: whole command", rate, "files/s", label, best, goal, note)
