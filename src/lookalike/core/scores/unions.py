"""Union-find: what is joined, directly or by a chain of others.

Source: path halving, R. Tarjan and J. van Leeuwen, "Worst-case analysis of set union algorithms", J. ACM 1984.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


def root(parents: dict[T, T], one: T) -> T:
    """Return what stands for all that one thing is joined to; a thing that is new stands for itself."""
    parents.setdefault(one, one)
    while parents[one] != one:
        parents[one] = parents[parents[one]]
        one = parents[one]
    return one
