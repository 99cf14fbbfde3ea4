"""The seam of the stores: `Records` keeps, `Nearest` finds, `Upkeep` cares; a `Store` is all three at once."""

from .nearest import Nearest
from .records import Records
from .store import Store, Stores
from .upkeep import Upkeep
from .values import (
    Changes,
    Findings,
    FullRecord,
    Harm,
    Move,
    Part,
    Refused,
    Replace,
    Revision,
    SpecChanges,
    TextMatch,
    Written,
)

__all__ = [
    "Changes",
    "Findings",
    "FullRecord",
    "Harm",
    "Move",
    "Nearest",
    "Part",
    "Records",
    "Refused",
    "Replace",
    "Revision",
    "SpecChanges",
    "Store",
    "Stores",
    "TextMatch",
    "Upkeep",
    "Written",
]
