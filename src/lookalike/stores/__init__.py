"""The stores: what is kept, and what is near. `base` is the seam; `open_stores` opens a home folder."""

from __future__ import annotations

from pathlib import Path

from ..limits import Limits
from .base import (
    Findings,
    FullRecord,
    Harm,
    Move,
    Nearest,
    Records,
    Refused,
    Replace,
    Revision,
    Store,
    Stores,
    Upkeep,
    Written,
)

__all__ = [
    "Findings",
    "FullRecord",
    "Harm",
    "Move",
    "Nearest",
    "Records",
    "Refused",
    "Replace",
    "Revision",
    "Store",
    "Stores",
    "Upkeep",
    "Written",
    "open_stores",
]


APPROXIMATE_FROM = 50_000  # vectors; fewer are all scanned in under 3 ms (512 numbers, one core)


def open_stores(home: Path, *, limits: Limits | None = None, approximate_from: int = APPROXIMATE_FROM) -> Stores:
    """Open the embedded stores of a home folder. Nothing is made there before the first `create`.

    Args:
        approximate_from: How many vectors a collection holds when it gets an approximate index.
    """
    from .embedded.home import EmbeddedStores

    return EmbeddedStores(home, limits or Limits(), approximate_from)
