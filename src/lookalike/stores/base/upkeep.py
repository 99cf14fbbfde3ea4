"""The seam of the upkeep: what a collection is set to, and what keeps it sound, small and on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Unpack

from ...records import Space
from .values import Findings, SpecChanges


class Upkeep(Protocol):
    """The care for one collection."""

    @property
    def is_there(self) -> bool:
        """Whether the collection that was opened is still there, and not another one of its name.

        Where it is not, every call raises CollectionNotFoundError (StoreDamagedError where a part of it is left), and
        no write is acknowledged.
        """
        ...

    def configure(self, **changes: Unpack[SpecChanges]) -> None:
        """Change declared fields, product-id field, recall target, calibration and title, each where given.

        Raises:
            InputError: when the recall target is out of range, or a field to drop is not declared.
        """
        ...

    def add_space(self, space: Space) -> None:
        """Make room for vectors of one more space, in one transaction; `spec.spaces` has it behind the others.

        Records have no vector there until one is put, and no place in its searches. All who have the collection open
        know it at their next call, but for those within a snapshot.

        Raises:
            InputError: when the name is in use, or the space is none.
        """
        ...

    def drop_space(self, name: str) -> None:
        """Delete a space with all its vectors, in one transaction; `compact` leaves no trace of them.

        Raises:
            InputError: when there is no such space, or it is the first, which ranks.

        Cost: about 20 us for each record that had a vector there.
        """
        ...

    def check(self) -> list[str]:
        """Look for damage in truth and index, and give what was found in plain words; empty when all is well."""
        ...

    def examine(self) -> Findings:
        """Look for damage as `check` does, and name the records that have it."""
        ...

    def repair(self) -> None:
        """Bring a store of an earlier lookalike up to date, and complete what it needs to notice damage.

        Cost: reads all of the store; nothing where all is there already.
        """
        ...

    def statistics(self) -> dict[str, Any]:
        """Return sizes for people, in plain values.

        Returns:
            `records` and, by space, `vectors`: how many there are. `changed_at`: when a record was last added or
            changed; when the collection was made, without records. `bytes_on_disk`, and `bytes_kept`: those without
            what is needed only to write. `search` ("exact" or "approximate"), `recall_target` and `recall` as
            measured. `index_rows_on_disk` and `index_written_at`: of the derived index; 0 and None without one. A
            store may add others.
        """
        ...

    def flush(self) -> None:
        """Bring the derived index files up to date, so that the next opening is quick. Never needed for truth.

        Cost: little, until a tenth of the records is new. A large collection then gets its approximate index anew;
            others read and write meanwhile.
        """
        ...

    def compact(self, on_progress: Callable[[float], None] | None = None) -> None:
        """Rewrite what is kept without what was deleted: no trace of it is left, as far as the store owns the disk.

        Args:
            on_progress: Called with the share that is done, rising to 1.

        Cost: reads and writes the whole collection; others may search meanwhile, and writers wait.
        """
        ...

    def backup(self, target: Path) -> Mapping[str, Sequence[str]]:
        """Copy the collection, with a digest, to a new folder while it is in use; `Stores.restore` brings it back.

        Returns:
            The damaged records that the copy holds as they are: their ids, and what of each it is.

        Raises:
            InputError: when the folder holds something already.
        """
        ...

    def close(self) -> None:
        """Let go of files and memory. Closing twice is harmless."""
        ...
