"""The registry: which stores there are by name, and what opens a home of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from ..errors import InputError
from ..limits import Limits
from .base import Stores

STORES: Mapping[str, str] = {  # module of this room : what makes `Stores` of (home, limits, approximate_from)
    "embedded": "embedded.home:EmbeddedStores",
}
DEFAULT = "embedded"
APPROXIMATE_FROM = 50_000  # vectors; fewer are all scanned in under 3 ms (512 numbers, one core)


def open_stores(
    home: Path, *, store: str = DEFAULT, limits: Limits | None = None, approximate_from: int = APPROXIMATE_FROM
) -> Stores:
    """Open the stores of a home folder. Nothing is made there before the first `create`.

    Args:
        store: One of `STORES`. Each sees its own collections of a home alone.
        approximate_from: How many vectors a collection holds when it may get an approximate index.

    Raises:
        InputError: when there is no store of that name.
    """
    if store not in STORES:
        raise InputError(
            f'no store "{store[:80]}". There are: {", ".join(STORES)}. Set `store` to one of them, or leave it out.'
        )
    module, name = STORES[store].split(":")  # imported no earlier: SQLite and faiss are not for every command
    opener: Callable[[Path, Limits, int], Stores] = getattr(import_module(f".{module}", __package__), name)
    return opener(home, limits or Limits(), approximate_from)
