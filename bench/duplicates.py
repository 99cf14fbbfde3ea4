"""How long all groups of duplicates take; run as a program (`duplicates.py HOME NAME`), finds those of a collection."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator

import children
import numpy as np
import numpy.typing as npt
import synthetic
from plan import Plan, tell
from rows import Goal, Row

import lookalike

_NAME = "made-up"
_LARGE = 100_000  # where the goals are set
_MORE = 20  # records added to a collection whose duplicates are known; one is a near-duplicate of another


def measure(plan: Plan) -> Iterator[Row]:
    """Give the time and the peak memory for each size, at first and after a few more came."""
    for count in plan.sizes.duplicates:
        tell(f"{count:,} records")
        with plan.folder("duplicates") as home:
            store = synthetic.collection(home, _NAME, count)
            rows = synthetic.vectors(store.spec.spaces, "copy", count)
            store.close()
            child = children.run(children.script("duplicates", home, _NAME))
            synthetic.grow(home, _NAME, count, _MORE)
            again = children.run(children.script("duplicates", home, _NAME))
        seconds, groups = child.json()["seconds"], child.json()["groups"]
        bare, large = _product_s(rows), count >= _LARGE
        what = f"{count:,} records"
        note = f"{groups:,} groups found of the {count // 20:,} that were made, at {what}."
        goal = Goal("<=", 60) if large else None
        label = "all pairs by matrix product, all cores"
        yield Row("duplicates", what, seconds, "s", label, bare, goal, note)
        peak = child.peak_bytes / 1e6
        yield Row("duplicates", f"{what}: peak", peak, "MB", goal=Goal("<=", 1000) if large else None)
        yield Row("duplicates", f"{what}, {_MORE} more added", again.json()["seconds"], "s", "all anew", seconds)


def _product_s(rows: npt.NDArray[np.float32]) -> float:
    """Time the bare products of each row (n, 256) with all before it, which an exact way of finding pairs has to do."""
    began = time.perf_counter()
    for start in range(0, len(rows), 2048):
        for left in range(0, start + 2048, 4096):
            (rows[start : start + 2048] @ rows[left : min(left + 4096, start + 2048)].T).max()
    return time.perf_counter() - began


def main() -> None:
    with lookalike.open(sys.argv[1]) as library:
        found = library.collection(sys.argv[2])
        began = time.perf_counter()
        groups = found.duplicates()
        print(json.dumps({"seconds": time.perf_counter() - began, "groups": len(groups)}))


if __name__ == "__main__":
    main()
