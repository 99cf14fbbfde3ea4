"""The damaged records of a store, as they are met: noticed, left out of answers from then on, and counted.

A row that SQLite or JSON cannot read, or that does not have its checksum, fails the whole statement. Then all records
are looked at once, such rows are noticed, and the statement is run again without them: who has no damage pays no more
than the sums of the records that an answer names.
"""

# ruff: noqa: S608 - keys are numbers
from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable
from typing import TypeVar

from ..base import Harm
from . import checksums, failures, schema

T = TypeVar("T")

_GRAVITY = {"record": 2, "vector": 1, "thumbnail": 0, "original": 0}  # without the first, nothing can be told
_TYPES = {"metadata": dict, "tags": list, "facts": dict}
_NUMBERS = ("width", "height", "byte_size")
_TEXTS = ("id", "source", "content_hash", "format", "stamp", "created_at", "updated_at")


class Damage:
    """What was noticed of one store. May be used from many threads."""

    def __init__(self) -> None:
        self._noticed: dict[int, Harm] = {}  # by key
        self._unreadable: frozenset[int] = frozenset()  # keys of rows that fail the statements that read them

    def notice(self, keys: Iterable[int], harm: Harm) -> None:
        """Notice damage of some records; of one with several the gravest is kept."""
        for key in keys:
            held = self._noticed.setdefault(key, harm)
            if _GRAVITY[harm.part] > _GRAVITY[held.part]:
                self._noticed[key] = harm

    def noticed(self, conn: sqlite3.Connection) -> dict[str, Harm]:
        """Return what was noticed of the records that are still there, by id; who was written anew has another key."""
        if not self._noticed:
            return {}
        noticed = dict(self._noticed)
        there = conn.execute(f"SELECT key FROM records WHERE key IN ({', '.join(map(str, noticed))})").fetchall()
        return {id: noticed[key] for key, id in ids_of(conn, [row[0] for row in there]).items()}

    @property
    def is_any(self) -> bool:
        """Whether any damage was noticed."""
        return bool(self._noticed)

    @property
    def unreadable(self) -> frozenset[int]:
        """Keys of the rows that were found to fail the statements that read them."""
        return self._unreadable

    def guard(self, condition: str) -> str:
        """Let a condition be asked of those records alone that can be read."""
        if not self._unreadable:
            return condition
        return f"CASE WHEN key IN ({', '.join(map(str, self._unreadable))}) THEN 0 ELSE ({condition}) END"

    def without(self, conn: sqlite3.Connection, ask: Callable[[], T]) -> T:
        """Ask the records something; where one of them cannot be read, ask again without such.

        Args:
            ask: Runs a statement whose condition is guarded, and reads its rows.
        """
        try:
            return ask()
        except (sqlite3.Error, ValueError, TypeError, AttributeError) as exc:
            if isinstance(exc, sqlite3.Error) and not failures.is_about_a_row(exc):
                raise
            if not self.look(conn):
                raise
            return ask()

    def look(self, conn: sqlite3.Connection) -> bool:
        """Look for records that cannot be read, or are not what was written; say whether there are any new ones."""
        keys = frozenset(damaged_rows(conn))
        fresh, self._unreadable = keys - self._unreadable, keys
        self.notice(fresh, Harm("record"))
        return bool(fresh)


def damaged_rows(conn: sqlite3.Connection) -> set[int]:
    """Find the records whose row cannot be read, or is not what was written."""
    found = set(unreadable(conn))
    return found | checksums.damaged_records(conn) if checksums.are_kept(conn) else found


def unreadable(conn: sqlite3.Connection) -> list[int]:
    """Find the records whose row cannot be read: no JSON, or no text."""
    names = [*_TYPES, *_TEXTS] if schema.is_current(conn) else [n for n in (*_TYPES, *_TEXTS) if n != "facts"]
    found = set()
    with checksums.raw_text(conn):
        for key, *values in conn.execute(f"SELECT key, {', '.join(names)} FROM records"):
            row = dict(zip(names, values, strict=True))
            are_json = (_is_json(row[name], _TYPES[name]) for name in _TYPES if name in row)
            if not all(are_json) or not all(row[name] is None or _is_text(row[name]) for name in _TEXTS):
                found.add(key)
        sql = "SELECT key FROM records WHERE NOT json_valid(CAST({0} AS TEXT)) OR typeof({0}) <> 'text'"
        for name in ("metadata", "tags"):  # SQLite takes less for JSON than Python does
            found.update(row[0] for row in conn.execute(sql.format(name)))
        strange = [f"typeof({name}) <> 'integer'" for name in _NUMBERS]
        strange += [f"typeof({name}) NOT IN ('text', 'null')" for name in names]
        found.update(row[0] for row in conn.execute(f"SELECT key FROM records WHERE {' OR '.join(strange)}"))
    return sorted(found)


def texts_of(metadata: bytes, tags: bytes) -> tuple[str, str] | None:
    """Return metadata and tags of a row, both as UTF-8, as text; None where they cannot be read."""
    if not _is_json(metadata, dict) or not _is_json(tags, list):
        return None
    return metadata.decode(), tags.decode()


def _is_json(raw: bytes | None, kind: type) -> bool:
    try:
        return isinstance(json.loads(str(raw, "utf-8")) if isinstance(raw, bytes) else None, kind)
    except (ValueError, RecursionError):
        return False


def _is_text(raw: object) -> bool:
    try:
        return isinstance(raw, bytes) and isinstance(raw.decode(), str)
    except UnicodeDecodeError:
        return False


def ids_of(conn: sqlite3.Connection, keys: Collection[int]) -> dict[int, str]:
    """Return the ids of records by key, as far as they can be read."""
    listed = ", ".join(map(str, keys))
    with checksums.raw_text(conn):
        held = dict(conn.execute(f"SELECT key, id FROM records WHERE key IN ({listed})"))
    return {key: bytes(held.get(key, b"of key %d" % key)).decode("utf-8", "replace") for key in keys}
