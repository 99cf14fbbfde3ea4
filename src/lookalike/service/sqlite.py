"""The service store on one SQLite file of the home, `service.db`.

Its log is written ahead (WAL), with synchronous=FULL: a commit forces the log once, and a reader never waits for it.
Every request reads whether keys have changed, so a rollback journal, whose commit keeps readers out while it forces the
disk, would let one slow disk stop all requests. Connections are of one call; only `version` keeps one, so that asking
is cheap.

The file comes to be whole, under `service.lock`: either it is not there, or it has its tables. A lease is the lock of a
file below `leases`, which the system takes away from a process that ends; that needs neither clocks nor heartbeats.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import weakref
from collections.abc import Hashable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from .. import disk, refusals
from ..databases import Connection, connect, error_of
from ..errors import (
    ConflictError,
    StoreDamagedError,
    StoreFullError,
    StoreReadOnlyError,
    StoreTooNewError,
)
from . import migration
from .store import Kind, Row

FILE = "service.db"
_LOCK, _LEASES = "service.lock", "leases"
_FORMAT = 1  # user_version
_SCHEMA = f"""
CREATE TABLE rows (
    number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, name TEXT NOT NULL,
    value TEXT NOT NULL, version INTEGER NOT NULL, UNIQUE (kind, name)
);
CREATE TABLE kinds (kind TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA user_version = {_FORMAT};
"""


class SQLiteStore:
    """What the servers of one home keep, in its file `service.db`; see the seam."""

    def __init__(self, home: Path) -> None:
        self._home, self._file = home, home / FILE
        self._is_settled = False  # nothing of an earlier lookalike is left to be read
        self._watching = threading.Lock()
        self._watch: list[Connection] = []  # the one that is kept, or none
        self._watched: tuple[int, int] | None = None  # the file that it is open on
        weakref.finalize(self, _close_all, self._watch)

    def version(self, kind: Kind) -> Hashable:
        """Return what differs once rows of a kind were changed; see the seam."""
        if not self._settle():
            return object()  # what an earlier lookalike left cannot be taken over: nothing says when it changes
        with self._watching, self._failing():
            found = _identity(self._file)
            if found != self._watched:
                _close_all(self._watch)
            self._watched = found
            if found is None:
                return None
            conn = self._watch.pop() if self._watch else _connected(self._file)
            with ExitStack() as ending:
                ending.callback(conn.close)
                row = conn.execute("SELECT version FROM kinds WHERE kind = ?", (kind,)).fetchone()
                if not conn.is_fleeting:
                    ending.pop_all()
                    self._watch.append(conn)
            return found, row and row[0]

    @contextmanager
    def reading(self) -> Iterator[_Transaction]:
        """Lend the rows of one snapshot; see the seam."""
        is_settled = self._settle()
        with self._failing(), closing(self._opened() if is_settled else self._in_memory()) as conn:
            conn.execute("BEGIN")
            yield _Transaction(conn, self._file)

    @contextmanager
    def writing(self) -> Iterator[_Transaction]:
        """Lend a transaction; see the seam."""
        self._settle(to_write=True)
        with self._changing() as rows:
            yield rows

    @contextmanager
    def lease(self, name: str) -> Iterator[None]:
        """Hold a name alone; see the seam."""
        place = self._home / _LEASES / f"{name}.lock"
        with ExitStack() as held:
            with refusals.reporting(self._home):
                held.enter_context(disk.locked(place, wait=False))
            try:
                yield
            finally:
                with suppress(OSError):
                    place.unlink()

    @contextmanager
    def _changing(self) -> Iterator[_Transaction]:
        with self._failing(), closing(_connected(self._file)) as conn:
            conn.execute("BEGIN IMMEDIATE")
            yield _Transaction(conn, self._file)  # closing a connection undoes what is not committed
            conn.execute("COMMIT")

    def _settle(self, *, to_write: bool = False) -> bool:
        """Read what an earlier lookalike left, and make the file where something is to be written.

        Returns:
            Whether nothing is left to be read: False where it cannot be taken over, and is only to be read.
        """
        is_due = not self._is_settled and migration.due(self._home)
        if is_due or (to_write and not self._file.exists()):
            try:
                self._make()
            except (StoreFullError, StoreReadOnlyError):
                if to_write:
                    raise
                return False
        self._is_settled = True
        return True

    def _make(self) -> None:
        """Make the file and read what an earlier lookalike left into it, alone among all processes."""
        with refusals.reporting(self._home), disk.locked(self._home / _LOCK):
            files = migration.due(self._home)
            values = list(migration.values_of(files))
            if not self._file.exists():
                _create(self._file)
            if values:
                with self._changing() as rows:
                    for value in values:
                        rows.put(*value)
            migration.set_aside(files)

    def _opened(self) -> sqlite3.Connection:
        """Open the file to read; where there is none, an empty one in memory."""
        if self._file.exists():
            return _connected(self._file)
        conn = sqlite3.connect(":memory:", isolation_level=None)
        conn.executescript(_SCHEMA)
        return conn

    def _in_memory(self) -> sqlite3.Connection:
        """Read what is there into memory, with what an earlier lookalike left in a home that cannot be written."""
        with ExitStack() as ending:
            conn = ending.enter_context(closing(sqlite3.connect(":memory:", isolation_level=None)))
            with closing(self._opened()) as held:
                held.backup(conn)
            rows = _Transaction(conn, self._file)
            for value in migration.values_of(migration.due(self._home)):
                rows.put(*value)
            ending.pop_all()
            return conn

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Raise what goes wrong inside as an error of ours."""
        try:
            yield
        except sqlite3.Error as exc:
            raise error_of(exc, self._file, _damaged) from exc


class _Transaction:
    """The rows of a connection, in a transaction."""

    def __init__(self, conn: sqlite3.Connection, file: Path) -> None:
        self._conn, self._file = conn, file

    def get(self, kind: Kind, name: str) -> Row | None:
        """Return a row; see the seam."""
        asked = "SELECT value, version FROM rows WHERE kind = ? AND name = ?"
        found = self._conn.execute(asked, (kind, name)).fetchone()
        return None if found is None else Row(kind, name, self._value(name, found[0]), found[1])

    def all(self, kind: Kind) -> Iterator[Row]:
        """Iterate over the rows of a kind; see the seam."""
        asked = "SELECT name, value, version FROM rows WHERE kind = ? ORDER BY number"
        for name, value, version in self._conn.execute(asked, (kind,)):
            yield Row(kind, name, self._value(name, value), version)

    def append(self, kind: Kind, name: str, value: Mapping[str, Any]) -> Row:
        """Add a row; see the seam."""
        if self.get(kind, name) is not None:
            raise ConflictError(f'there is a {kind} "{name[:80]}" already. Choose another name.')
        return self.put(kind, name, value)

    def replace(self, row: Row, value: Mapping[str, Any]) -> Row:
        """Return a row another value while it is as it was read; see the seam."""
        held = self.get(row.kind, row.name)
        if held is None or held.version != row.version:
            raise ConflictError(f'the {row.kind} "{row.name[:80]}" was changed meanwhile. Read it again.')
        return self.put(row.kind, row.name, value)

    def put(self, kind: Kind, name: str, value: Mapping[str, Any]) -> Row:
        """Set the value of a row; see the seam."""
        version = self._raised(kind)
        self._conn.execute(
            "INSERT INTO rows (kind, name, value, version) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (kind, name) DO UPDATE SET value = excluded.value, version = excluded.version",
            (kind, name, json.dumps(value), version),
        )
        return Row(kind, name, dict(value), version)

    def remove(self, kind: Kind, name: str) -> None:
        """Remove a row; see the seam."""
        if self._conn.execute("DELETE FROM rows WHERE kind = ? AND name = ?", (kind, name)).rowcount:
            self._raised(kind)

    def _value(self, name: str, text: str) -> dict[str, Any]:
        try:
            value: dict[str, Any] = json.loads(text)
        except ValueError as exc:
            raise _damaged(self._file, f'what is kept as "{name[:80]}" is not JSON') from exc
        return value

    def _raised(self, kind: Kind) -> int:
        asked = (
            "INSERT INTO kinds VALUES (?, 1) ON CONFLICT (kind) DO UPDATE SET version = version + 1 RETURNING version"
        )
        version: int = self._conn.execute(asked, (kind,)).fetchone()[0]
        return version


def _create(path: Path) -> None:
    """Make the file with its tables, and give it its name only then."""
    with disk.partial_folder(path, private=True) as folder:
        fresh = folder / FILE
        os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, disk.PRIVATE))
        try:
            with closing(sqlite3.connect(fresh, isolation_level=None)) as conn:
                conn.execute("PRAGMA journal_mode = WAL")
                conn.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
        except sqlite3.Error as exc:
            raise error_of(exc, path, _damaged) from exc
        disk.settle(fresh, path, mode=disk.PRIVATE)


def _connected(path: Path) -> Connection:
    def prepare(conn: Connection) -> None:
        _check_format(conn.execute("PRAGMA user_version").fetchone()[0], path)
        conn.execute("SELECT count(*) FROM kinds").fetchone()  # the first read shows whether it can be read

    return connect(path, Connection, prepare)


def _close_all(held: list[Connection]) -> None:
    while held:
        held.pop().close()


def _check_format(found: int, path: Path) -> None:
    if found > _FORMAT:
        raise StoreTooNewError(f'"{path}" was written by a later lookalike (format {found}). Use that one.')
    if found < _FORMAT:
        raise _damaged(path, "it is not what a lookalike wrote")


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another one of its name; None where there is none."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _damaged(path: Path, why: str) -> StoreDamagedError:
    return StoreDamagedError(
        f'cannot read the keys and jobs in "{path}": {why}. Bring the file back from a backup.', place=str(path)
    )
