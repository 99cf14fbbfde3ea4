"""The one place where trouble of SQLite and of the file system becomes an error of ours."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...databases import code_of
from ...errors import CollectionNotFoundError, InputError, LookalikeError, StoreBusyError, StoreDamagedError, StoreError
from ...refusals import full, read_only

_FULL = (errno.ENOSPC, errno.EDQUOT)
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
_OF_FULL_DISKS = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
_ABOUT_A_ROW = ("malformed json", "could not decode to utf-8", "json cannot hold", "user-defined function raised")
_LITTLE_LEFT_BYTES = 1 << 20  # an I/O error with less than this left on the disk is a full disk


@contextmanager
def translated(place: Path) -> Iterator[None]:
    """Raise what goes wrong inside, below or at `place`, as a StoreError (or InputError for unstorable text)."""
    try:
        yield
    except sqlite3.Error as exc:
        raise of_sqlite(exc, place) from exc
    except UnicodeEncodeError as exc:
        raise InputError(f"{exc.object[:80]!a} is not a valid Unicode text: write it without lone surrogates.") from exc
    except OSError as exc:
        raise of_system(exc, place) from exc


def of_sqlite(exc: sqlite3.Error, place: Path) -> StoreError:
    """Name an error of SQLite."""
    code = code_of(exc)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return busy(place)
    if code == sqlite3.SQLITE_FULL or (code in _OF_FULL_DISKS and _is_full(place) and _is_writable(place)):
        return full(place)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return read_only(place)
    if code == sqlite3.SQLITE_CANTOPEN and not _is_writable(place):
        return read_only(place)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return damaged(place, str(exc))
    return StoreError(
        f'the store at "{place}" failed: {exc}. What it had acknowledged is still there.', place=str(place)
    )


def is_about_a_row(exc: sqlite3.Error) -> bool:
    """Whether an error is about what stands in a row, and not about the file."""
    return any(words in str(exc).lower() for words in _ABOUT_A_ROW)


def of_system(exc: OSError, place: Path) -> StoreError:
    """Name an error of the file system."""
    if exc.errno in _FULL:
        return full(place)
    if exc.errno in _READ_ONLY:
        return read_only(place, by=exc)
    return StoreError(f'the store at "{place}" failed: {exc.strerror or exc}.', place=str(place))


def busy(place: Path) -> StoreBusyError:
    """Return the error that says that another writer held the store for too long."""
    return StoreBusyError(
        f'the store at "{place}" is held by another writer. Nothing was written; try again when it has finished.',
        place=str(place),
    )


def damaged(place: Path, why: str) -> StoreDamagedError:
    """Return the error that says that the truth cannot be read, and the way on."""
    return StoreDamagedError(
        f'"{place}" cannot be read: {why}. Restore a backup of this collection, or move its folder away and index the '
        "pictures again; the other collections are not touched.",
        place=str(place),
        why=why,
    )


def lost(file: Path, name: str | None) -> StoreDamagedError:
    """Return the error that says that the folder of a collection is there without its database, and the way on."""
    folder = file.parent
    whose = "a collection" if name is None else f'the collection "{name}"'
    drop = "" if name is None else f", or drop what is left (`lookalike delete {shlex.quote(name)}`)"
    return StoreDamagedError(
        f'"{folder}" has lost its {file.name}: {whose} is gone, with all its records. Move the '
        f"folder away{drop}; then restore a backup "
        "(`lookalike restore`), or index the pictures again. The other collections are not touched.",
        place=str(folder),
        name=name,
        is_lost=True,
    )


def gone(file: Path) -> LookalikeError:
    """Return the error that says that the file was removed, or put in its place another, while it was open."""
    if file.parent.is_dir() and not file.exists():
        return lost(file, None)
    return CollectionNotFoundError(
        f'the collection in "{file.parent}" was deleted, or its {file.name} removed or replaced, while it was open. '
        "Nothing was written. Bring it back from a backup, or create it again."
    )


def damaged_record(place: Path, record_id: str, what: str) -> StoreDamagedError:
    """Return the error that says that one record cannot be read, and the way on."""
    return StoreDamagedError(
        f'record "{record_id[:200]}" in "{place}" is damaged: {what} is not what was written. The others are not '
        "touched. Restore a backup of this collection, run `lookalike doctor --repair`, or remove the record and index "
        "its picture again.",
        place=str(place),
        id=record_id,
    )


def _is_writable(place: Path) -> bool:
    return os.access(place if place.is_dir() else place.parent, os.W_OK)


def _is_full(place: Path) -> bool:
    try:
        return shutil.disk_usage(place if place.is_dir() else place.parent).free < _LITTLE_LEFT_BYTES
    except OSError:
        return False
