"""How much memory indexing takes, and whether it grows with the number of files."""

from __future__ import annotations

from collections.abc import Iterator

import children
from pictures import fill, originals
from plan import Plan, tell
from rows import Goal, Row

import lookalike


def measure(plan: Plan) -> Iterator[Row]:
    """Give the peaks of two folders of the same pictures, and their difference."""
    pictures = originals(plan, "general")
    peaks = []
    for count in plan.sizes.memory:
        tell(f"indexing {count:,} files")
        with plan.folder("memory") as scratch:
            fill(scratch / "pictures", pictures, count)
            peaks.append(children.run(children.lookalike("index", scratch / "pictures", "--home", scratch / "home")))
    (few, many), (small, large) = plan.sizes.memory, [child.peak_bytes / 1e6 for child in peaks]
    yield Row("memory", f"peak, index of {few:,} files", small, "MB")
    yield Row("memory", f"peak, index of {many:,} files", large, "MB", f"of {few:,} files", small)
    row_bytes = _row_bytes(plan)
    grown, allowed = large - small, (many - few) * row_bytes / 1e6
    note = f"The index holds {row_bytes:,} bytes a record."
    goal = Goal("<=", 1.0, "ratio")
    yield Row("memory", f"growth for {many - few:,} more files", grown, "MB", "their index", allowed, goal, note)


def _row_bytes(plan: Plan) -> int:
    """Give what the index holds for a record: half-precision numbers or bits, and a key, in each space."""
    with plan.folder("empty") as home, lookalike.open(home) as library:
        spaces = library.create("empty").spec.spaces
    return sum(8 + (space.dim // 8 if space.metric == "hamming" else 2 * space.dim) for space in spaces)
