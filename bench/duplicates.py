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

_LARGE = 100_000  # where the goals are set


def measure(plan: Plan) -> Iterator[Row]:
    """Give the time and the peak memory for each size."""
    for count in plan.sizes.duplicates:
        tell(f"{count:,} records")
        with plan.folder("duplicates") as home:
            store = synthetic.collection(home, "made-up", count)
            rows = synthetic.vectors(store.spec.spaces, "copy", count)
            store.close()
            child = children.run(children.script("duplicates", home, "made-up"))
        seconds, groups = child.json()["seconds"], child.json()["groups"]
        bare, large = _product_s(rows), count >= _LARGE
        note = f"{groups:,} groups found of the {count // 20:,} that were made, at {count:,} records."
        goal = Goal("<=", 60) if large else None
        label = "all pairs by matrix product, all cores"
        yield Row("duplicates", f"{count:,} records", seconds, "s", label, bare, goal, note)
        peak = child.peak_bytes / 1e6
        yield Row("duplicates", f"{count:,} records: peak", peak, "MB", goal=Goal("<=", 1000) if large else None)


def _product_s(rows: npt.NDArray[np.float32]) -> float:
    """Time the bare products of all rows (n, 256) with each other, which any exact way of finding pairs has to do."""
    began = time.perf_counter()
    for start in range(0, len(rows), 1024):
        (rows[start : start + 1024] @ rows.T).max()
    return time.perf_counter() - began


def main() -> None:
    with lookalike.open(sys.argv[1]) as library:
        found = library.collection(sys.argv[2])
        began = time.perf_counter()
        groups = found.duplicates()
        print(json.dumps({"seconds": time.perf_counter() - began, "groups": len(groups)}))


if __name__ == "__main__":
    main()
