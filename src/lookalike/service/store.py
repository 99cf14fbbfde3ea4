"""The seam of what servers keep: small values by name, changed in transactions, and leases.

A **row** is a small JSON object with a name, which is unique among the rows of its kind. Rows of a kind have an order:
that in which they were appended. A **transaction** is all or nothing, alone among all writers, and forced to disk when
its block has ended. A **lease** is held by one at a time, and ends with its holder's process, however that ends.

Streams do not belong here: inputs and outcomes of jobs are files. tests/test_service_store.py holds every inhabitant to
what this page says; `sqlite` is the first.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

Kind = Literal["key", "session", "file", "job"]


@dataclass(frozen=True)
class Row:
    """A row as it was read.

    Attributes:
        version: Raised by every change of the row, and never the same for two rows of one kind and name.
    """

    kind: Kind
    name: str
    value: dict[str, Any]
    version: int


class Rows(Protocol):
    """The rows of one snapshot."""

    def get(self, kind: Kind, name: str) -> Row | None:
        """Return a row, or None where there is none."""
        ...

    def all(self, kind: Kind) -> Iterator[Row]:
        """Iterate over the rows of a kind, in the order in which they were appended."""
        ...


class Transaction(Rows, Protocol):
    """The rows as one writer sees and changes them, alone."""

    def append(self, kind: Kind, name: str, value: Mapping[str, Any]) -> Row:
        """Add a row behind all others of its kind.

        Raises:
            ConflictError: when the kind has a row of this name.
        """
        ...

    def replace(self, row: Row, value: Mapping[str, Any]) -> Row:
        """Return a row another value, in its place, while it is as it was read: compare and set.

        Raises:
            ConflictError: when it was changed or removed since.
        """
        ...

    def put(self, kind: Kind, name: str, value: Mapping[str, Any]) -> Row:
        """Return a row a value, whatever it had; one that is not there is appended."""
        ...

    def remove(self, kind: Kind, name: str) -> None:
        """Remove a row; one that is not there is no error."""
        ...


class ServiceStore(Protocol):
    """What the servers of one home keep. May be used from many threads and processes."""

    def version(self, kind: Kind) -> Hashable:
        """Return what differs once rows of a kind were changed, by anybody; cheap enough for every request."""
        ...

    def reading(self) -> AbstractContextManager[Rows]:
        """Lend the rows of one snapshot. Nothing is written for it, also where nothing can be.

        Raises:
            StoreDamagedError: when they cannot be read.
        """
        ...

    def writing(self) -> AbstractContextManager[Transaction]:
        """Lend a transaction: at the end of the block it lasts; nothing of it does when the block raises.

        Raises:
            StoreFullError, StoreReadOnlyError: when it cannot be written.
            StoreBusyError: when others write for too long.
            StoreDamagedError: when it cannot be read.
        """
        ...

    def lease(self, name: str) -> AbstractContextManager[None]:
        """Hold a name alone among all threads and processes; a name is letters, digits and hyphens.

        Raises:
            ConflictError: when somebody holds it.
        """
        ...


def open_store(home: Path) -> ServiceStore:
    """Return the store of a home. Nothing is read or made before its first use."""
    from .sqlite import SQLiteStore

    return SQLiteStore(home)
