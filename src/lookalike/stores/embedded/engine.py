"""What the parts of an embedded store share: its folder, its database, its index in memory, and what is damaged."""

# ruff: noqa: S608 - tables and columns are named by schema.py alone; values are bound
from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ...limits import Limits
from ...records import CollectionSpec
from . import maintenance, remembered, schema
from .awake import Awake
from .damage import Damage
from .sql import Where
from .transactions import Truth

if TYPE_CHECKING:
    from .index import Index

ALL = Where("1")
IN = "IN (SELECT value FROM json_each(?))"  # any number of values in one variable


class Engine:
    """The state of one store in a folder.

    Args:
        awake: Is told when it is used, and lets it rest.
    """

    def __init__(self, folder: Path, limits: Limits, approximate_from: int, awake: Awake | None = None) -> None:
        self._folder, self._index_folder, self._limits = folder, folder / schema.INDEX_FOLDER, limits
        self._approximate_from = approximate_from
        self._awake = awake
        self._truth = Truth(folder / schema.FILE, on_use=None if awake is None else lambda: awake.touch(self))
        self._damage = Damage()
        self._fields_indexed = False  # a store of an earlier lookalike has no indexes of its fields
        with self._truth.reading() as conn:
            spec = schema.read_spec(conn)
        self._spaces, self._keeps_pictures = list(spec.spaces), spec.keep != "none"
        maintenance.sweep(self._truth, self._index_folder)
        if not self._keeps_pictures:
            remembered.forget_drawable(self._index_folder)

    @property
    def spec(self) -> CollectionSpec:
        """What the collection is, as stored now."""
        with self._truth.reading() as conn:
            return schema.read_spec(conn)

    @property
    def version(self) -> int:
        """A number that every write raises: while it stays, the answers stay."""
        return self._truth.version

    @property
    def is_there(self) -> bool:
        """Whether it is still on disk; see the seam."""
        return self._truth.is_there

    def snapshot(self) -> AbstractContextManager[int]:
        """Make all that this thread reads inside be of one version, and yield it; see the seam."""
        return self._truth.snapshot()

    def rest(self) -> bool:
        """Let go of files and index until the next call; False when a call is under way."""
        if not self._truth.rest():
            return False
        if "_index" in self.__dict__:
            self._index.forget()
        return True

    @cached_property
    def _index(self) -> Index:
        from .index import Index

        return Index(self._index_folder, self._spaces, self._damage)

    @contextmanager
    def _viewing(self, place: int) -> Iterator[tuple[sqlite3.Connection, Any]]:
        """Lend a connection in a read transaction with the view of a space at that very moment."""
        while True:
            with self._truth.reading() as conn:
                view = self._index.view(conn, place)
                if view is not None:
                    yield conn, view
                    return
            self._truth.move_on()

    def _place(self, space: str) -> int:
        for place, held in enumerate(self._spaces):
            if held.name == space:
                return place
        raise InputError(f'no space "{space}". There are: {", ".join(held.name for held in self._spaces)}.')

    def _keys(self, conn: sqlite3.Connection, record_ids: Collection[str]) -> dict[str, int]:
        return dict(conn.execute(f"SELECT id, key FROM records WHERE id {IN}", (json.dumps(list(record_ids)),)))
