"""The two ways to touch the truth of a store: a read transaction of one moment, and the one write transaction."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from ..errors import CollectionNotFoundError
from . import failures, schema
from .connections import BUSY_TIMEOUT_S, Connections


class Truth:
    """The file `records.sqlite` of one store, for all threads of this process."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.wrote = False
        self._connections = Connections(file)
        self._write_lock = threading.Lock()
        with self.failing(), self._connections.connection() as conn:
            schema.check_version(conn, file)

    def failing(self) -> AbstractContextManager[None]:
        """Raise what goes wrong inside as an error of ours."""
        return failures.translated(self.file)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection in a read transaction: all that it reads is of one moment."""
        with self.failing(), self._connections.connection() as conn:
            conn.execute("BEGIN")
            _refuse_gone(conn)
            yield conn

    @contextmanager
    def writing(self, *, quietly: bool = False) -> Iterator[tuple[sqlite3.Connection, int]]:
        """Lend a connection, with the new version, in the one write transaction; commit at the end or undo all.

        Args:
            quietly: Leave the version: records and vectors stay as they are.
        """
        with self.alone() as conn:
            conn.execute("BEGIN IMMEDIATE")
            _refuse_gone(conn)
            if not quietly:
                conn.execute("UPDATE state SET version = version + 1")
                self.wrote = True
            yield conn, conn.execute("SELECT version FROM state").fetchone()[0]
            conn.execute("COMMIT")

    @contextmanager
    def alone(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection, without a transaction, while no other thread of this process writes."""
        if not self._write_lock.acquire(timeout=BUSY_TIMEOUT_S):
            raise failures.busy(self.file)
        try:
            with self.failing(), self._connections.connection() as conn:
                yield conn
        finally:
            self._write_lock.release()

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()


def _refuse_gone(conn: sqlite3.Connection) -> None:
    if conn.execute("SELECT gone FROM state").fetchone()[0]:
        raise CollectionNotFoundError("this collection was deleted meanwhile. Create it again, or use another.")
