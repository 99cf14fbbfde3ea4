"""A cache of computed picture features in one SQLite file; it may be deleted.

    index/remembered.sqlite     kind and content hash of a picture → bytes

It is named by content, or by that of a pair ("hash:hash"), so it stays true; it goes with the last record that has it.
It may be deleted at any time, and is when a collection is compacted. Where it cannot be read
or written, nothing is remembered. A collection that keeps no pictures remembers nothing that one could be drawn from.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from ... import disk
from ..common.remembering import TOO_LITTLE_BYTES, contents_of

_FILE = "remembered.sqlite"
_PAIRS = "kind *"  # what is remembered of pairs
_MOST_BYTES = 2_000_000_000  # about 25,000 pictures; what comes later is found out again each time
_AT_ONCE = 500  # names in one statement
_PATIENCE_S = 1.0


def get(folder: Path, kind: str, hashes: Sequence[str]) -> dict[str, bytes]:
    """Return what is remembered of some pictures."""
    found: dict[str, bytes] = {}
    if not is_there(folder):
        return found
    with suppress(sqlite3.Error), _opened(folder) as conn:
        for start in range(0, len(hashes), _AT_ONCE):
            some = hashes[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(some))
            sql = f"SELECT hash, data FROM remembered WHERE kind = ? AND hash IN ({marks})"  # noqa: S608 - marks alone
            found.update(conn.execute(sql, (kind, *some)))
    return found


def put(folder: Path, kind: str, items: Mapping[str, bytes]) -> None:
    """Remember something of some pictures."""
    if not items:
        return
    with suppress(OSError, sqlite3.Error):
        folder.mkdir(mode=disk.PRIVATE_FOLDER, exist_ok=True)
        file = folder / _FILE
        with open(file, "ab", opener=disk.open_private):
            pass  # SQLite gives its journal the same rights
        if file.exists() and file.stat().st_size > _MOST_BYTES:
            return
        with _opened(folder) as conn, conn:
            conn.execute(
                "CREATE TABLE IF NOT EXISTS remembered "
                "(kind TEXT, hash TEXT, data BLOB NOT NULL, PRIMARY KEY (kind, hash)) WITHOUT ROWID"
            )
            rows = [(kind, name, data) for name, data in items.items()]
            conn.executemany("INSERT OR REPLACE INTO remembered VALUES (?, ?, ?)", rows)


def is_there(folder: Path) -> bool:
    """Whether anything is remembered."""
    return (folder / _FILE).exists()


def drop(folder: Path, hashes: Collection[str]) -> None:
    """Forget what there is of some pictures, and of pairs with one of them."""
    if not hashes or not is_there(folder):
        return
    with suppress(sqlite3.Error), _opened(folder) as conn, conn:
        gone = list(hashes)
        conn.executemany("DELETE FROM remembered WHERE kind NOT GLOB ? AND hash = ?", [(_PAIRS, one) for one in gone])
        names = conn.execute("SELECT kind, hash FROM remembered WHERE kind GLOB ?", (_PAIRS,)).fetchall()
        of_pairs = [(kind, name) for kind, name in names if not contents_of([name]).isdisjoint(hashes)]
        conn.executemany("DELETE FROM remembered WHERE kind = ? AND hash = ?", of_pairs)


def forget_drawable(folder: Path) -> None:
    """Forget everything where there is something that a picture could be drawn from."""
    if is_there(folder):
        sql = "SELECT 1 FROM remembered WHERE length(data) > ? LIMIT 1"
        with suppress(sqlite3.Error), _opened(folder) as conn:
            found = conn.execute(sql, (TOO_LITTLE_BYTES,)).fetchone()
            conn.close()
            if found is not None:
                forget(folder)


def forget(folder: Path) -> None:
    """Forget everything."""
    for name in (_FILE, f"{_FILE}-journal"):
        with suppress(OSError):
            disk.remove_file(folder / name)


@contextmanager
def _opened(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open the file for one call: nothing stays open over a fork. A damaged file goes."""
    try:
        with closing(sqlite3.connect(folder / _FILE, timeout=_PATIENCE_S)) as conn:
            conn.execute("PRAGMA secure_delete = ON")
            conn.execute("PRAGMA synchronous = OFF")  # what a crash takes is found out again
            yield conn
    except sqlite3.DatabaseError as exc:
        if not isinstance(exc, sqlite3.OperationalError):
            forget(folder)
        raise
