"""The seam of the stores: `Records` keeps, `Nearest` finds, `Upkeep` cares; a `Store` is all three at once.

Costs are those of the embedded store. What every store promises is tested by `tests/test_stores.py`, whose shortest
inhabitant is the toy `tests/pickled_store.py`.
"""

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
