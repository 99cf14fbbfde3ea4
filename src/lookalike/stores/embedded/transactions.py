"""The two ways to use the database of a store: a read transaction, and the one write transaction."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from ...databases import PATIENCE_S, busy
from ...errors import CollectionNotFoundError
from . import failures, migration, schema
from .connections import Connections

_BEGUN = "SELECT gone, version, (SELECT value FROM meta WHERE name = 'spaces') FROM state"


class Database:
    """The file `records.sqlite` of one store, for all threads of this process.

    Args:
        on_use: Called whenever a connection is borrowed.
        on_begin: Called when a transaction has begun, with what `meta` says of the spaces.
    """

    def __init__(
        self,
        file: Path,
        on_use: Callable[[], None] | None = None,
        on_begin: Callable[[sqlite3.Connection, str | None], None] = lambda conn, spaces: None,
    ) -> None:
        self.file = file
        self.on_begin = on_begin
        self.wrote = False
        self._connections = Connections(file, on_use)
        self._write_lock = threading.Lock()
        self._shared = _Shared()
        self._is_migrated = False
        with self.failing(), self._connections.connection() as conn:
            schema.check_version(conn, file)

    def failing(self) -> AbstractContextManager[None]:
        """Raise what goes wrong inside as an error of ours."""
        return failures.translated(self.file)

    @contextmanager
    def snapshot(self) -> Iterator[int]:
        """Make all that this thread reads inside share one read transaction, and yield its version."""
        if self._shared.conn is not None:
            yield self.version
            return
        with self.failing(), self._connections.connection() as conn:
            conn.execute("BEGIN")
            self._shared.version = self._begun(conn)
            self._shared.conn = conn
            try:
                yield self._shared.version
            finally:
                self._shared.conn = self._shared.version = None

    @property
    def version(self) -> int:
        """The number that every write raises; read once in a snapshot."""
        if self._shared.version is not None:
            return self._shared.version
        with self.reading() as conn:
            version: int = conn.execute("SELECT version FROM state").fetchone()[0]
        if self._shared.conn is not None:
            self._shared.version = version
        return version

    def move_on(self) -> None:
        """Let the snapshot of this thread, if it has one, be of now."""
        if self._shared.conn is not None:
            self._shared.conn.execute("COMMIT")
            self._shared.conn.execute("BEGIN")
            self._shared.version = self._begun(self._shared.conn)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection in a read transaction: all that it reads is of one snapshot."""
        if self._shared.conn is not None:
            with self.failing():
                yield self._shared.conn
            return
        with self.failing(), self._connections.connection() as conn:
            conn.execute("BEGIN")
            self._begun(conn)
            yield conn

    @contextmanager
    def writing(self, *, quietly: bool = False) -> Iterator[tuple[sqlite3.Connection, int]]:
        """Lend a connection, with the new version, in the one write transaction; commit at the end or undo all.

        Args:
            quietly: Leave the version: records and vectors stay as they are.
        """
        with self.alone() as conn:
            if not self._is_migrated:
                migration.migrate(conn)
                self._is_migrated = True
            conn.execute("BEGIN IMMEDIATE")
            self._begun(conn)
            if not quietly:
                conn.execute("UPDATE state SET version = version + 1")
                self.wrote = True
            yield conn, conn.execute("SELECT version FROM state").fetchone()[0]
            conn.execute("COMMIT")
            if not self._connections.is_there:  # what was written went with the file
                raise failures.gone(self.file)

    def _begun(self, conn: sqlite3.Connection) -> int:
        """Refuse a collection that was deleted, tell what the spaces are, and return the version."""
        gone, version, spaces = conn.execute(_BEGUN).fetchone()
        if gone:
            raise CollectionNotFoundError("this collection was deleted meanwhile. Create it again, or use another.")
        self.on_begin(conn, spaces)
        return int(version)

    def migrate(self, *, again: bool = False) -> None:
        """Bring a file of an earlier lookalike up to date.

        Args:
            again: Look for rows without checksums, too.
        """
        with self.alone() as conn:
            migration.migrate(conn, again=again)

    @contextmanager
    def alone(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection, without a transaction, while no other thread of this process writes."""
        if not self._write_lock.acquire(timeout=PATIENCE_S):
            raise busy(self.file)
        try:
            with self.failing(), self._connections.connection() as conn:
                yield conn
        finally:
            self._write_lock.release()

    @property
    def is_there(self) -> bool:
        """Whether the file is still the one that was opened."""
        return self._connections.is_there

    def rest(self) -> bool:
        """Close all connections until the next call; False when one is borrowed."""
        return self._connections.rest()

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()


class _Shared(threading.local):
    """The connection whose transaction the readings of this thread share, while it has a snapshot."""

    conn: sqlite3.Connection | None = None
    version: int | None = None
