"""The stores: what is kept, and what is near. `Store` and `Stores` are the seam; `open_stores` opens a home folder."""

from __future__ import annotations

from pathlib import Path

from ..limits import Limits
from .base import Refused, Replace, Store, Stores, Written

__all__ = ["Refused", "Replace", "Store", "Stores", "Written", "open_stores"]


def open_stores(home: Path, *, limits: Limits | None = None) -> Stores:
    """Open the embedded stores of a home folder. Nothing is made there before the first `create`."""
    from .home import EmbeddedStores

    return EmbeddedStores(home, limits or Limits())
