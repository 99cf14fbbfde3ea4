"""How long a command takes that starts from nothing: a new process, with the disk's cache warm."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from statistics import median

import children
import synthetic
from pictures import originals
from plan import Plan, tell
from rows import Goal, Row


def measure(plan: Plan) -> Iterator[Row]:
    """Give the wall time of `--help` and of `find`, beside that of Python alone."""
    bare = _median_s(plan, [sys.executable, "-c", "pass"])
    tell("--help")
    seconds = _median_s(plan, children.lookalike("--help"))
    yield Row("cold", "lookalike --help", seconds, "s", "python -c pass", bare, Goal("<=", 0.3))
    with plan.folder("cold") as home:
        count = plan.sizes.cold_records
        tell(f"find in {count:,} records")
        synthetic.collection(home, "default", count).close()
        picture = originals(plan, "general")[0]
        seconds = _median_s(plan, children.lookalike("find", picture, "--home", home))
        what = f"lookalike find IMAGE, {count:,} records"
        yield Row("cold", what, seconds, "s", "python -c pass", bare, Goal("<=", 1.0))
        seconds = _median_s(plan, children.lookalike("find", "id:" + synthetic.record_id(5), "--home", home))
        yield Row("cold", f"lookalike find id:ID, {count:,} records", seconds, "s", "python -c pass", bare)


def _median_s(plan: Plan, command: Sequence[str]) -> float:
    children.run(command)  # the first run compiles and fills the disk's cache
    return median(children.run(command).seconds for _ in range(plan.sizes.cold))
