"""SQLite files: opening them, also where their disk is full or may not be written, and naming their errors."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from . import refusals
from .errors import StoreBusyError, StoreDamagedError, StoreError

PATIENCE_S = 30.0  # for another writer
# What SQLite says where it cannot make or grow a file: rights, a full disk, a disk that is mounted to be read.
_UNWRITABLE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


class Connection(sqlite3.Connection):
    """A connection to an SQLite file.

    Attributes:
        is_fleeting: Whether it is for one call: it would not see what others write later, or keeps them out.
    """

    is_fleeting = False


Made = TypeVar("Made", bound=Connection)


def connect(path: Path, factory: type[Made], prepare: Callable[[Made], None]) -> Made:
    """Open the file to read and write; where its folder may not be written, or has no room, to read.

    SQLite needs a shared-memory file of 32 KB beside a WAL database. Where it cannot be made and no log is left to be
    read, SQLite is told that nobody writes (`immutable`); where there is one, that nobody else is there, for the log
    is then read without that file. Either way the connection is for one call.

    Args:
        prepare: Called with each connection that is tried; it reads something, which shows whether that is possible.

    Raises:
        sqlite3.Error
    """

    def opened(mode: str, first: str = "", *, is_fleeting: bool = False) -> Made:
        conn = sqlite3.connect(
            f"{path.absolute().as_uri()}?{mode}",
            uri=True,
            timeout=PATIENCE_S,
            isolation_level=None,
            check_same_thread=False,
            factory=factory,
        )
        try:
            conn.is_fleeting = is_fleeting
            conn.execute(first)
            conn.execute("PRAGMA synchronous = FULL")
            conn.execute("PRAGMA secure_delete = ON")
            prepare(conn)
        except BaseException:
            conn.close()
            raise
        return conn

    try:
        return opened("mode=rw")
    except sqlite3.OperationalError as exc:
        if code_of(exc) not in _UNWRITABLE or not path.exists():
            raise
    with suppress(sqlite3.OperationalError):
        return opened("mode=ro")
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        return opened("mode=rw", "PRAGMA locking_mode = EXCLUSIVE", is_fleeting=True)
    return opened("mode=ro&immutable=1", is_fleeting=True)


def code_of(exc: sqlite3.Error) -> int:
    """Return SQLite's primary result code; 0 where the error is of Python's module itself."""
    return int(getattr(exc, "sqlite_errorcode", 0)) & 0xFF


def error_of(exc: sqlite3.Error, path: Path, damaged: Callable[[Path, str], StoreDamagedError]) -> StoreError:
    """Name an error of SQLite, for people.

    SQLite calls a full disk an I/O error, too, and a folder without rights a file that cannot be opened; so does it a
    process without file handles left, which is neither.

    Args:
        path: The file, or the folder that holds it.
        damaged: Makes the error of a file that cannot be read, with the way on, from the path and what SQLite says.
    """
    code = code_of(exc)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return busy(path)
    if code == sqlite3.SQLITE_FULL or (code in _UNWRITABLE and _is_permitted(path) and refusals.is_full(path)):
        return refusals.full(path)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return refusals.read_only(path)
    if code == sqlite3.SQLITE_CANTOPEN and not _is_permitted(path):
        return refusals.read_only(path)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return damaged(path, str(exc))
    return StoreError(f'"{path}" failed: {exc}. What it had acknowledged is still there.', place=str(path))


def busy(path: Path) -> StoreBusyError:
    """Return the error that says that another writer held the file for too long."""
    return StoreBusyError(
        f'"{path}" is held by another writer. Nothing was written; try again when it has finished.', place=str(path)
    )


def _is_permitted(path: Path) -> bool:
    """Return whether this user may write to the folder of a file, and read and write the file."""
    there = refusals.existing(path)
    folder = there if there.is_dir() else there.parent
    return os.access(folder, os.W_OK) and (there == folder or os.access(there, os.R_OK | os.W_OK))
