"""The state shared by the parts of an embedded store: folder, database, index, damage."""

# ruff: noqa: S608 - tables and columns are named by schema.py alone; values are bound
from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...limits import Limits
from ...records import CollectionSpec, Space
from ..common.refusals import no_space
from . import feature_cache, maintenance, schema
from .damage import Damage
from .open_stores import OpenStores
from .sql import Where
from .transactions import Database

if TYPE_CHECKING:
    from .index import Index

ALL = Where("1")
IN = "IN (SELECT value FROM json_each(?))"  # any number of values in one variable


class _Seen(threading.local):
    """How many tables of vectors the last transaction of this thread saw."""

    count: int | None = None


class Engine:
    """The state of one store in a folder.

    Args:
        awake: Is told when it is used, and lets it rest.
    """

    def __init__(self, folder: Path, limits: Limits, approximate_from: int, awake: OpenStores | None = None) -> None:
        self._folder, self._index_folder, self._limits = folder, folder / schema.INDEX_FOLDER, limits
        self._approximate_from = approximate_from
        self._awake = awake
        self._places: list[Space] = []  # by the number of their table: grows, and is shared with the index
        self._seen = _Seen()
        self._made_with = 0
        self._changes = (-1, -1)  # how many tables there were, and dropped spaces, when they were learned last
        on_use = None if awake is None else lambda: awake.touch(self)
        self._database = Database(folder / schema.FILE, on_use, self._on_begin)
        self._damage = Damage()
        self._fields_indexed = False  # a store of an earlier lookalike has no indexes of its fields
        with self._database.reading() as conn:
            spec = schema.read_spec(conn)
        self._keeps_pictures = spec.keep != "none"
        maintenance.sweep(self._database, self._index_folder)
        if not self._keeps_pictures:
            feature_cache.forget_drawable(self._index_folder)

    @property
    def spec(self) -> CollectionSpec:
        """What the collection is, as stored now."""
        with self._database.reading() as conn:
            return schema.read_spec(conn)

    @property
    def version(self) -> int:
        """A number that every write raises: while it stays, the answers stay."""
        return self._database.version

    @property
    def is_there(self) -> bool:
        """Whether it is still on disk; see the seam."""
        return self._database.is_there

    def snapshot(self) -> AbstractContextManager[int]:
        """Make all that this thread reads inside be of one version, and yield it; see the seam."""
        return self._database.snapshot()

    def rest(self) -> bool:
        """Let go of files and index until the next call; False when a call is under way."""
        if not self._database.rest():
            return False
        if "_index" in self.__dict__:
            self._index.forget()
        return True

    @cached_property
    def _index(self) -> Index:
        from .index import Index

        return Index(self._index_folder, self._places, self._damage)

    @property
    def _spaces(self) -> list[Space]:
        """The spaces by the number of their table, as the last transaction of this thread saw them."""
        return self._places[: self._seen.count]

    def _on_begin(self, conn: sqlite3.Connection, said: str | None) -> None:
        """Learn the spaces where another call, of any process, has changed them; an older snapshot teaches nothing."""
        count, dropped = (self._made_with, 0) if said is None else map(int, said.split())
        if (count, dropped) > self._changes:
            self._places[:] = schema.read_places(conn)
            is_fewer, self._changes = dropped > self._changes[1] >= 0, (count, dropped)
            if said is None:
                count = self._made_with = len(self._places)
                self._changes = (count, 0)
            if is_fewer and "_index" in self.__dict__:
                self._index.forget()
        self._seen.count = count

    @contextmanager
    def _viewing(self, place: int) -> Iterator[tuple[sqlite3.Connection, Any]]:
        """Lend a connection in a read transaction with the view of a space at that very moment."""
        while True:
            with self._database.reading() as conn:
                view = self._index.view(conn, place)
                if view is not None:
                    yield conn, view
                    return
            self._database.move_on()

    def _place(self, space: str) -> int:
        for attempt in range(2):
            for place, held in enumerate(self._spaces):
                if held.name == space and space:
                    return place
            if attempt == 0:  # it may be a new one
                with self._database.reading():
                    pass
        raise no_space(space, [held for held in self._spaces if held.name])

    def _keys(self, conn: sqlite3.Connection, record_ids: Collection[str]) -> dict[str, int]:
        return dict(conn.execute(f"SELECT id, key FROM records WHERE id {IN}", (json.dumps(list(record_ids)),)))
