"""The upkeep of an embedded store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Unpack

from ...errors import CollectionNotFoundError, StoreError, StoreReadOnlyError
from ...records import Space
from ..base import Findings, SpecChanges
from ..common.checks import check_space
from ..common.specs import check_dropped, configured
from . import maintenance, schema, spaces
from .engine import Engine
from .statistics import figures_of


class Keeper(Engine):
    """Keeps one store sound and small; see the seam."""

    def configure(self, **changes: Unpack[SpecChanges]) -> None:
        """Change fields, product-id field, recall target, calibration and title, each where given; see the seam."""
        with self._database.writing() as (conn, _):
            spec = configured(schema.read_spec(conn), self._limits, **changes)
            schema.write_spec(conn, spec)
            schema.index_fields(conn)

    def add_space(self, space: Space) -> None:
        """Make room for vectors of one more space; see the seam."""
        check_space(space)
        with self._database.writing() as (conn, _):
            spaces.add(conn, space)

    def drop_space(self, name: str) -> None:
        """Delete a space with its vectors; see the seam."""
        self._place(name)  # learns of one that is new
        check_dropped(name, [space for space in self._spaces if space.name])
        with self._database.writing() as (conn, _):
            spaces.drop(conn, self._place(name))

    def check(self) -> list[str]:
        """Look for damage, and give what was found in plain words; empty when all is well."""
        return list(self.examine().problems)

    def examine(self) -> Findings:
        """Look for damage in truth and index; see the seam."""
        from .damage_checks import check

        with self._database.failing():
            return check(self._database, self._index_folder, self._index, self._spaces)

    def repair(self) -> None:
        """Add the missing checksums of rows, in a store of an earlier lookalike too; see the seam."""
        self._database.migrate(again=True)

    def statistics(self) -> dict[str, Any]:
        """Return sizes for people: records, bytes on disk, what the index holds and how it searches."""
        with self._database.reading() as conn:
            return figures_of(conn, self._folder)

    def flush(self) -> None:
        """Bring the derived index files up to date where that pays; never needed for truth."""
        with suppress(StoreReadOnlyError):
            damaged = self._index.met_damage
            if maintenance.write_snapshot(
                self._database, self._index_folder, self._spaces, least=self._approximate_from, damaged=damaged
            ):
                self._index.forget()

    def compact(self, on_progress: Callable[[float], None] | None = None) -> None:
        """Rewrite index and truth without what was deleted, so that no trace of it is left on disk."""
        tell = on_progress or (lambda _: None)
        maintenance.compact(self._database, self._index_folder, self._spaces, least=self._approximate_from, tell=tell)
        self._index.forget()

    def backup(self, target: Path) -> Mapping[str, Sequence[str]]:
        """Copy the collection to a new folder while it is in use; see the seam."""
        return maintenance.backup(self._database, target)

    def copy(self, fresh: Path) -> None:
        """Copy the database alone to an empty folder."""
        with self._database.failing():
            maintenance.copy(self._database, fresh)

    def close(self) -> None:
        """Let go of files and memory. Closing twice is harmless."""
        if self._database.wrote:
            self._database.wrote = False
            with suppress(StoreError, CollectionNotFoundError):  # the database is safe; the next writer tries again
                self.flush()
        self._database.close()
        if self._awake is not None:
            self._awake.forget(self)
        self.__dict__.pop("_index", None)
