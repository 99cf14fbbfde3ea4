"""Adding and dropping vector spaces, and filling them for stored records.

A space has a table and a column of checksums, by a number that is never used again: a dropped one leaves its table
empty and its place in the spec nameless. Who opened the store before learns of it at the next transaction.
"""

# ruff: noqa: S608 - tables and columns are named by schema.py alone; values are bound
from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence

from ...errors import InputError
from ...records import Space
from ..common.specs import check_added
from . import checksums, index_snapshot, pair_cache, schema

_IN = "IN (SELECT value FROM json_each(?))"  # any number of values in one variable
_MOST = 60  # tables: `records.spaces` has a bit for each
_DAMAGED = -1  # a sum that nothing has


def add(conn: sqlite3.Connection, space: Space) -> None:
    """Make room for the vectors of one more space, in the transaction under way."""
    places = schema.read_places(conn)
    check_added(space, places)
    if len(places) >= _MOST:
        raise InputError(f"a collection has {_MOST} spaces at most, those that were dropped among them.")
    place = len(places)
    conn.execute(f"CREATE TABLE {schema.vector_table(place)} (key INTEGER PRIMARY KEY, vector BLOB NOT NULL)")
    conn.execute(f"ALTER TABLE checksums ADD COLUMN {checksums.column(place)} INTEGER")
    schema.write_places(conn, [*places, space])


def drop(conn: sqlite3.Connection, place: int) -> None:
    """Delete a space with its vectors, in the transaction under way."""
    places, table = schema.read_places(conn), schema.vector_table(place)
    held = [row[0] for row in conn.execute("SELECT key FROM records WHERE spaces >> ? & 1", (place,))]
    damaged = checksums.damaged_records(conn, held)  # no sum is made of what is not what was written
    conn.execute(f"DELETE FROM {table}")
    conn.execute(f"UPDATE checksums SET {checksums.column(place)} = NULL")
    conn.execute("UPDATE records SET spaces = spaces & ~(1 << ?)", (place,))
    checksums.renew_records(conn, [key for key in held if key not in damaged])
    pair_cache.forget(conn)
    places[place] = Space("", places[place].dim, places[place].metric)
    schema.write_places(conn, places)
    index_snapshot.leave_out_dropped(conn)


def put(conn: sqlite3.Connection, place: int, vectors: Mapping[int, bytes], *, version: int) -> dict[int, int]:
    """Write a vector of one space for each of some records, in the transaction under way.

    Records get new keys, as all do whose vectors change; what is damaged of one stays so.

    Args:
        vectors: By key; keys that are not there are skipped.

    Returns:
        The key of each record that is there: before, and now.
    """
    sql = f"SELECT key FROM records WHERE key {_IN}"
    held = sorted(row[0] for row in conn.execute(sql, (json.dumps(list(vectors)),)))
    rows = checksums.vectors(conn, place, _IN, (json.dumps(held),))
    same = {key for key, raw, sum in rows if raw == vectors[key] and checksums.agree(key, raw, sum)}
    last = conn.execute("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'records'), 0)").fetchone()[0]
    changed = [key for key in held if key not in same]
    now = {key: key for key in same} | {key: last + n for n, key in enumerate(changed, start=1)}
    tables = [schema.vector_table(each) for each in range(schema.count_places(conn))]
    damaged = checksums.damaged_records(conn, changed)
    for key in changed:
        _put(conn, place, tables, (key, now[key]), vectors[key], version=version, is_sound=key not in damaged)
    conn.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'records'", (last + len(changed),))
    conn.executemany("INSERT INTO removed (key) VALUES (?)", [(key,) for key in changed])
    return now


def _put(
    conn: sqlite3.Connection,
    place: int,
    tables: Sequence[str],
    keys: tuple[int, int],
    vector: bytes,
    *,
    version: int,
    is_sound: bool,
) -> None:
    before, now = keys
    sums = _sums_moved(conn, tables, before, now)
    conn.execute(
        "UPDATE records SET key = ?, spaces = spaces | (1 << ?), changed = ? WHERE key = ?",
        (now, place, version, before),
    )
    conn.execute(f"DELETE FROM {tables[place]} WHERE key = ?", (before,))
    for table in (*tables, "pictures", "checksums"):
        conn.execute(f"UPDATE {table} SET key = ? WHERE key = ?", (now, before))
    conn.execute(f"INSERT INTO {tables[place]} VALUES (?, ?)", (now, vector))
    sums[checksums.column(place)] = checksums.of_bytes(now, vector)
    columns = ", ".join(f"{name} = ?" for name in sums)
    conn.execute(f"UPDATE checksums SET {columns} WHERE key = ?", (*sums.values(), now))
    if is_sound:
        checksums.renew_records(conn, [now])
    else:
        conn.execute("UPDATE checksums SET record = ? WHERE key = ?", (_DAMAGED, now))


def _sums_moved(conn: sqlite3.Connection, tables: Sequence[str], before: int, now: int) -> dict[str, int | None]:
    """Sum up the rows of a record for another key; what was not as it was written agrees with no sum afterwards."""
    moved: dict[str, int | None] = {}
    places = [(table, table, "vector") for table in tables]
    for column, table, value in (*places, ("thumbnail", "pictures", "thumbnail"), ("original", "pictures", "original")):
        row = conn.execute(f"SELECT {value} FROM {table} WHERE key = ?", (before,)).fetchone()
        sum = conn.execute(f"SELECT {column} FROM checksums WHERE key = ?", (before,)).fetchone()
        data, held = (None if row is None else row[0]), (None if sum is None else sum[0])
        moved[column] = checksums.of_bytes(now, data) if checksums.agree(before, data, held) else _DAMAGED
    return moved
