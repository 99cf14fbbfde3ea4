"""The seam of the stores: one collection with all three parts, and what holds many of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from ...records import CollectionSpec
from .nearest import Nearest
from .records import Records
from .upkeep import Upkeep


class Store(Records, Nearest, Upkeep, Protocol):
    """What keeps one collection. Who needs one part of it alone asks for that part."""


class Stores(Protocol):
    """What holds many stores by collection name: a home folder, or a database."""

    def check(self) -> list[str]:
        """Look for what is wrong with the home itself, and return it in plain words; empty when all is well."""
        ...

    def repair(self) -> list[str]:
        """Mend what can be mended of that without losing anything, and say what was done."""
        ...

    def names(self) -> list[str]:
        """Return the names of all collections, sorted."""
        ...

    def create(self, spec: CollectionSpec) -> Store:
        """Make a collection, durable and empty.

        Raises:
            CollectionExistsError: when the name is in use.
            StoreDamagedError: when what is left of one, without its database, has its place.
        """
        ...

    def open(self, name: str) -> Store:
        """Open a collection. A store that is not used may let go of its files until it is used again.

        Raises:
            CollectionNotFoundError: naming those that exist.
            StoreDamagedError: when it cannot be read, or only a part of it is left.
        """
        ...

    def figures(self, name: str) -> tuple[CollectionSpec, dict[str, Any]]:
        """Return what a collection is, and what `Store.statistics` gives, at little cost; nothing stays open.

        Raises:
            CollectionNotFoundError: naming those that exist.
            StoreDamagedError: as `open`.
        """
        ...

    def delete(self, name: str) -> None:
        """Delete a collection for good; of one that has lost its database, what is left.

        Raises:
            CollectionNotFoundError: naming those that exist.
        """
        ...

    def restore(self, source: Path, name: str | None = None, *, despite_damage: bool = False) -> Store:
        """Make a collection of a backup, under its own name or another; the backup stays as it is.

        Args:
            despite_damage: Bring a damaged one back, too, without records whose row is damaged; a warning names them.
                What cannot be read at all is refused all the same.

        Raises:
            InputError: when there is no backup.
            StoreDamagedError: when it is not what was written.
            CollectionExistsError: when the name is in use.
        """
        ...
