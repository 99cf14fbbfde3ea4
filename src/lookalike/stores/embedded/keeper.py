"""The upkeep of an embedded store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any

from ...errors import CollectionNotFoundError, InputError, StoreError, StoreReadOnlyError
from ...records import Calibration, Space
from ..base import Findings
from ..common.checks import changed_fields, check_space, checked_recall
from . import maintenance, schema, spaces
from .engine import Engine
from .statistics import figures_of


class Keeper(Engine):
    """Keeps one store sound and small; see the seam."""

    def configure(
        self,
        *,
        fields: Sequence[str] | None = None,
        more_fields: Sequence[str] = (),
        fewer_fields: Collection[str] = (),
        product_id_field: str | None = None,
        recall_target: float | None = None,
        calibration: Calibration | None = None,
        title: str | None = None,
    ) -> None:
        """Change fields, product-id field, recall target, calibration and title, each where given; see the seam."""
        with self._database.writing() as (conn, _):
            spec = schema.read_spec(conn)
            if fields is not None:
                spec = replaced(spec, fields=tuple(fields))
            if more_fields or fewer_fields:
                spec = replaced(spec, fields=changed_fields(spec.fields, more_fields, fewer_fields, self._limits))
            if product_id_field is not None:
                spec = replaced(spec, product_id_field=product_id_field or None)
            if recall_target is not None:
                spec = replaced(spec, recall_target=checked_recall(recall_target))
            if calibration is not None:
                spec = replaced(spec, calibration=calibration if calibration.points else None)
            if title is not None:
                spec = replaced(spec, title=title)
            schema.write_spec(conn, spec)
            schema.index_fields(conn)

    def add_space(self, space: Space) -> None:
        """Make room for vectors of one more space; see the seam."""
        check_space(space)
        with self._database.writing() as (conn, _):
            spaces.add(conn, space)

    def drop_space(self, name: str) -> None:
        """Delete a space with its vectors; see the seam."""
        if self._place(name) == 0:
            raise InputError(f'"{name}" is the space that ranks; it cannot be dropped.')
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
