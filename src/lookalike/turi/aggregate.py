"""What `SFrame.groupby` computes for each group, by the names of Turi Create."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Aggregate:
    """One computation: Arrow's name for it, the column that it reads ("" for none), and its name by default."""

    function: str
    column: str
    name: str


def COUNT() -> Aggregate:
    """Count the rows."""
    return Aggregate("count_all", "", "Count")


def COUNT_DISTINCT(column: str) -> Aggregate:
    """Count the different values."""
    return Aggregate("count_distinct", column, f"Count Distinct of {column}")


def SUM(column: str) -> Aggregate:
    """Add up the values."""
    return Aggregate("sum", column, f"Sum of {column}")


def MEAN(column: str) -> Aggregate:
    """Return the mean of the values."""
    return Aggregate("mean", column, f"Avg of {column}")


AVG = MEAN


def MIN(column: str) -> Aggregate:
    """Return the smallest value."""
    return Aggregate("min", column, f"Min of {column}")


def MAX(column: str) -> Aggregate:
    """Return the largest value."""
    return Aggregate("max", column, f"Max of {column}")


def named(operations: Any) -> dict[str, Aggregate]:
    """Return computations by the name of the column that each makes.

    Raises:
        TypeError: for what is not a computation of this module.
    """
    if isinstance(operations, Mapping):
        pairs = dict(operations)
    else:
        several = operations if isinstance(operations, list | tuple) else [operations]
        pairs = {getattr(each, "name", ""): each for each in several}
    for each in pairs.values():
        if not isinstance(each, Aggregate):
            raise TypeError(f"{each!r} is not an aggregate: pass one such as aggregate.COUNT().")
    return pairs
