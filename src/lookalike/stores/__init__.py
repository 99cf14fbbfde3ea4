"""The stores: what is kept, and what is near. `base` is the seam; `registry` names the stores and opens a home."""

from __future__ import annotations

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
    TextMatch,
    Upkeep,
    Written,
)
from .registry import open_stores

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
    "TextMatch",
    "Upkeep",
    "Written",
    "open_stores",
]
