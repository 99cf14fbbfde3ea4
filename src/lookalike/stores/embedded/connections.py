"""A pool of SQLite connections to one file: one for each call that is under way, kept for the next.

SQLite forgets its locks over a fork, and a child that goes on with its parent's connections (or merely opens the
same file beside them) can damage the file. So every pool lets its connections go before the process forks: calls
under way are waited for, idle connections are closed, and both sides open fresh ones afterwards.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ... import databases
from ..common.refusals import closed
from . import failures, sql

_FORK_PATIENCE_S = 5.0  # then the fork goes on regardless: better than a process that hangs for ever


class Connections:
    """The connections of one store file.

    Args:
        on_use: Called whenever one is borrowed.
    """

    def __init__(self, path: Path, on_use: Callable[[], None] | None = None) -> None:
        self._path, self._absolute, self._on_use = path, os.path.abspath(path), on_use
        self._identity: tuple[int, int] | None = (
            None  # of the file, until it rests: some give another number to what nobody has open
        )
        self._idle: list[Link] = []
        self._busy = 0
        self._closed = False
        self._gate = threading.Condition()
        weakref.finalize(self, _close_all, self._idle)
        with _pools_lock:
            _pools.add(self)

    @contextmanager
    def connection(self) -> Iterator[Link]:
        """Lend a connection; one that met an error of SQLite is not used again."""
        conn = self._take()
        try:
            yield conn
            keep = True
        except BaseException as exc:
            keep = not isinstance(exc, sqlite3.Error)
            raise
        finally:
            _roll_back(conn)
            self._give(conn, keep=keep)

    @property
    def is_there(self) -> bool:
        """Whether the file is still the one that is open, or there at all where none is."""
        try:
            return self._identity in (None, _identity(self._absolute))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:  # it may not be looked at: opening it says why
            return True

    def rest(self) -> bool:
        """Close what is idle until the next call; False when a connection is borrowed."""
        with self._gate:
            if self._busy:
                return False
            _close_all(self._idle)
            self._identity = None
            return True

    def close(self) -> None:
        """Close what is idle, and what is under way as soon as it ends."""
        with self._gate:
            self._closed = True
        _close_all(self._idle)

    def _take(self) -> Link:
        with self._gate:
            if self._closed:
                raise closed(self._path.parent)
            self._busy += 1
            idle = self._idle.pop() if self._idle else None
        if self._on_use is not None:
            self._on_use()
        try:
            if not self.is_there:
                raise failures.gone(self._path)
            if idle is not None:
                return idle
            with failures.translated(self._path):
                conn = connect(self._path)
                if self._identity is None:
                    self._identity = _identity(self._absolute)
                return conn
        except BaseException:
            if idle is not None:
                idle.close()
            with self._gate:
                self._busy -= 1
                self._gate.notify_all()
            raise

    def _give(self, conn: Link, *, keep: bool) -> None:
        with self._gate:
            if keep and not self._closed and not conn.is_fleeting:
                self._idle.append(conn)
            else:
                with suppress(sqlite3.Error):
                    conn.close()
            self._busy -= 1
            self._gate.notify_all()

    def _before_fork(self) -> None:
        self._gate.acquire()
        self._gate.wait_for(lambda: self._busy == 0, _FORK_PATIENCE_S)
        _close_all(self._idle)

    def _after_fork(self, *, in_child: bool) -> None:
        if in_child:
            self._busy = 0  # a thread that was still busy lives in the parent
        self._gate.release()


def _identity(path: str) -> tuple[int, int]:
    """Return what tells a file from another one of its name; asked at every call."""
    status = os.stat(path)
    return status.st_dev, status.st_ino


class Link(databases.Connection):
    """A connection to a store.

    Attributes:
        is_current: Whether the file was seen to be of this lookalike's schema, which it then stays.
    """

    is_current = False


def connect(path: Path) -> Link:
    """Open the file to read and write, or as far as that is possible; see `databases`."""
    return databases.connect(path, Link, _prepare)


def _prepare(conn: Link) -> None:
    conn.execute("PRAGMA foreign_keys = OFF")
    conn.execute("PRAGMA temp_store = MEMORY")  # sorting needs no room on any disk
    sql.register(conn)
    conn.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the first read shows whether it can be read


def _close_all(idle: list[Link]) -> None:
    while idle:
        with suppress(sqlite3.Error):
            idle.pop().close()


def _roll_back(conn: sqlite3.Connection) -> None:
    if conn.in_transaction:
        with suppress(sqlite3.Error):
            conn.execute("ROLLBACK")


_pools: weakref.WeakSet[Connections] = weakref.WeakSet()
_pools_lock = threading.Lock()  # also held over a fork
_forking: list[Connections] = []


def _before_fork() -> None:
    _pools_lock.acquire()
    _forking.extend(_pools)
    for pool in _forking:
        pool._before_fork()


def _after_fork(*, in_child: bool) -> None:
    for pool in _forking:
        pool._after_fork(in_child=in_child)
    _forking.clear()
    _pools_lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=lambda: _after_fork(in_child=False),
        after_in_child=lambda: _after_fork(in_child=True),
    )
