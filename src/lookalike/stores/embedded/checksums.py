"""The checksums of what a store holds: a CRC-32 of each row, in a table of their own, so that damage shows.

    checksums    key → record, thumbnail, original, vector_0, vector_1 ...; NULL where there is no such row

A sum begins with the key, so that two rows that changed places show as well. That of a record covers all columns that
people see. They lie apart from what they speak for: a store of an earlier lookalike gets them without being rewritten,
and a page that is damaged rarely takes both.
"""

# ruff: noqa: S608 - tables and columns are named here and in schema.py alone; values are bound
from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..base import Harm

SUMMED = (
    "id, source, content_hash, format, width, height, byte_size, stamp, metadata, tags, created_at, updated_at, "
    "spaces, facts"
)
_LAYOUT = "\0".join(["%s"] * len(SUMMED.split(",")))
_OF_NO_BYTES = -1  # a CRC is none
_KEY_BITS = 0xFFFFFFFF
_SINCE = 2  # version of the schema


def are_kept(conn: sqlite3.Connection) -> bool:
    """Whether the file has checksums at all, as the transaction under way sees it: those of the first schema have none.

    What was seen once is noted on the connection, where it is one of a store.
    """
    if getattr(conn, "is_current", False):
        return True
    are_kept = bool(conn.execute("PRAGMA user_version").fetchone()[0] >= _SINCE)
    if are_kept and hasattr(conn, "is_current"):
        conn.is_current = True
    return are_kept


def create(conn: sqlite3.Connection, places: int) -> None:
    """Make the table, in the write transaction under way.

    Args:
        places: How many spaces there are.
    """
    vectors = "".join(f", {column(place)} INTEGER" for place in range(places))
    conn.execute(
        "CREATE TABLE checksums (key INTEGER PRIMARY KEY, record INTEGER NOT NULL, "
        f"thumbnail INTEGER, original INTEGER{vectors})"
    )


def column(place: int) -> str:
    """Name the column with the sums of the n-th space, which is named as its table is."""
    return f"vector_{place}"


def of_bytes(key: int, data: bytes | None) -> int | None:
    """Sum up a vector or a picture of a record; None for none, and no sum of bytes for what is not bytes any more."""
    if isinstance(data, str | int | float):  # SQLite stores any type in any column
        return _OF_NO_BYTES
    return None if data is None else zlib.crc32(data, key & _KEY_BITS)


def agree(key: int, data: bytes | None, sum: int | None) -> bool:
    """Whether a vector or a picture is what its sum was made of."""
    found = of_bytes(key, data)
    return found == sum and found != _OF_NO_BYTES


def of_record(key: int, columns: Iterable[Any]) -> int:
    """Sum up the row of a record.

    Args:
        columns: Those of SUMMED, texts as UTF-8.
    """
    return zlib.crc32(b"\0".join(map(_bytes_of, columns)), key & _KEY_BITS)


def of_texts(key: int, columns: tuple[Any, ...]) -> int:
    """Sum up the row of a record whose texts are text: quicker than `of_record`, and the same.

    Args:
        columns: Those of SUMMED; of them the source alone may be None.
    """
    if columns[1] is None:
        columns = (columns[0], "", *columns[2:])
    return zlib.crc32((_LAYOUT % columns).encode(), key & _KEY_BITS)


def insert(conn: sqlite3.Connection, places: int, rows: Sequence[tuple[Any, ...]]) -> None:
    """Keep the sums of some records.

    Args:
        rows: The columns of the table, in their order.
    """
    marks = ", ".join("?" * (4 + places))
    conn.executemany(f"INSERT OR REPLACE INTO checksums VALUES ({marks})", rows)


def renew_records(conn: sqlite3.Connection, keys: Iterable[int]) -> None:
    """Sum up the rows of some records anew, after these alone were written."""
    with raw_text(conn):
        for key in keys:
            row = conn.execute(f"SELECT {SUMMED} FROM records WHERE key = ?", (key,)).fetchone()
            conn.execute("UPDATE checksums SET record = ? WHERE key = ?", (of_record(key, row), key))


def fill(conn: sqlite3.Connection, places: int, keys: Sequence[int]) -> None:
    """Keep the sums of records that have none, as what is stored of them stands now. Memory stays bounded.

    Args:
        keys: Those of records that are there.
    """
    with raw_text(conn):
        rows = []
        for key in keys:
            sums: list[Any] = [key]
            sums.append(of_record(key, _row(conn, SUMMED, "records", key)))
            sums.extend(of_bytes(key, data) for data in _row(conn, "thumbnail, original", "pictures", key))
            sums.extend(of_bytes(key, _row(conn, "vector", column(place), key)[0]) for place in range(places))
            rows.append(tuple(sums))
    insert(conn, places, rows)


def vectors(conn: sqlite3.Connection, place: int, rest: str, values: Sequence[Any]) -> sqlite3.Cursor:
    """Ask for (key, vector, sum) of a space; the sum is None where there is none.

    Args:
        rest: What follows `WHERE v.key`.
    """
    table = column(place)
    if not are_kept(conn):
        return conn.execute(f"SELECT v.key, v.vector, NULL FROM {table} v WHERE v.key {rest}", values)
    sql = f"SELECT v.key, v.vector, s.{table} FROM {table} v LEFT JOIN checksums s ON s.key = v.key WHERE v.key {rest}"
    return conn.execute(sql, values)


def are_sound(rows: Sequence[tuple[int, bytes, int | None]], size: int) -> list[bool]:
    """Return, for each row of `vectors`, whether it is what was written.

    Args:
        size: How many bytes a vector of the space has.
    """
    crc = zlib.crc32
    return [
        isinstance(raw, bytes) and len(raw) == size and (sum is None or crc(raw, key & _KEY_BITS) == sum)
        for key, raw, sum in rows
    ]


def damaged_records(conn: sqlite3.Connection, keys: Collection[int] | None = None) -> set[int]:
    """Find the records whose row is not what was written.

    Args:
        keys: Look at these alone.
    """
    among = "" if keys is None else f"WHERE s.key IN ({', '.join(map(str, keys))})"
    sql = f"SELECT s.record, s.key, {SUMMED} FROM checksums s JOIN records r ON r.key = s.key {among}"
    with raw_text(conn):
        return {key for sum, key, *columns in conn.execute(sql) if of_record(key, columns) != sum}


def damaged(conn: sqlite3.Connection, names: Sequence[str]) -> Iterator[tuple[int, Harm]]:
    """Find the rows that are not what was written, or gone: the key of their record, and what it is of it.

    Args:
        names: Those of the spaces.
    """
    sums = {"thumbnail": Harm("thumbnail"), "original": Harm("original")}
    yield from ((key, Harm("record")) for key in damaged_records(conn))
    for place, name in enumerate(names):
        sums[column(place)] = Harm("vector", name)
    for kind, harm in sums.items():
        table, value = (kind, "vector") if kind.startswith("vector") else ("pictures", kind)
        held = conn.execute(
            f"SELECT s.{kind}, s.key, t.{value} FROM checksums s LEFT JOIN {table} t ON t.key = s.key "
            f"WHERE s.{kind} IS NOT NULL OR t.{value} IS NOT NULL"
        )
        for sum, key, data in held:
            if not agree(key, data, sum):
                yield key, harm


@contextmanager
def raw_text(conn: sqlite3.Connection) -> Iterator[None]:
    """Let a connection give texts as UTF-8, also where they are none any more."""
    before, conn.text_factory = conn.text_factory, bytes
    try:
        yield
    finally:
        conn.text_factory = before


def _row(conn: sqlite3.Connection, columns: str, table: str, key: int) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = conn.execute(f"SELECT {columns} FROM {table} WHERE key = ?", (key,)).fetchone()
    return (None,) * (columns.count(",") + 1) if row is None else row


def _bytes_of(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return b"" if value is None else str(value).encode()
