"""SQLite's and the system's errors as errors of a collection."""

from __future__ import annotations

import shlex
import sqlite3
from pathlib import Path

from ... import refusals
from ...databases import error_of
from ...errors import CollectionNotFoundError, LookalikeError, StoreDamagedError
from ..common.refusals import not_unicode

_ABOUT_A_ROW = ("malformed json", "could not decode to utf-8", "json cannot hold", "user-defined function raised")


class translated:  # entered several times in every search, where a generator takes a microsecond more
    """Raise what goes wrong inside, below or at `place`, as a StoreError (or InputError for unstorable text)."""

    __slots__ = ("_place",)

    def __init__(self, place: Path) -> None:
        self._place = place

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, exc: BaseException | None, trace: object) -> None:
        if isinstance(exc, sqlite3.Error):
            raise error_of(exc, self._place, damaged) from exc
        if isinstance(exc, UnicodeEncodeError):
            raise not_unicode(exc.object) from exc
        if isinstance(exc, OSError):
            raise refusals.error_of(exc, self._place) from exc


def is_about_a_row(exc: sqlite3.Error) -> bool:
    """Whether an error is about what stands in a row, and not about the file."""
    return any(words in str(exc).lower() for words in _ABOUT_A_ROW)


def damaged(place: Path, why: str) -> StoreDamagedError:
    """Return the error that says that the database cannot be read, and the way on."""
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
