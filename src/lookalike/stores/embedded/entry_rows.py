"""Writing entries, in the transaction under way."""

# ruff: noqa: S608 - tables are named by schema.py alone; values are bound
from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from ...databases import code_of
from ...limits import Limits
from ...records import Record
from ..base import Replace, Written
from ..common.batches import choose_writes
from ..common.checks import json_text, metadata_text
from ..common.clock import utc_now
from ..common.entries import Prepared, with_kept
from . import checksums, damage, failures, schema

Row = tuple[Any, ...]


def write(conn: sqlite3.Connection, batch: Sequence[Prepared], *, version: int, replace: Replace) -> Written:
    """Write a batch in the transaction under way."""
    held = _held(conn, [each.entry.record.id for each in batch])
    sources = {id: row[1] for id, row in held.items()}
    chosen, refused = choose_writes(_with_kept(conn, batch), sources, replace)
    same = _with_same_vectors(conn, {held[id][0]: each for id, each in chosen.items() if id in held})
    remove(conn, [held[id][0] for id in chosen if id in held and held[id][0] not in same])
    key = conn.execute("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'records'), 0)").fetchone()[0]
    now = utc_now()
    new: list[tuple[int, Prepared, str]] = []
    for id, each in chosen.items():
        if id in held and held[id][0] in same:
            _rewrite(conn, held[id][0], each, now, version)
        else:
            key += 1
            new.append((key, each, held[id][2] if id in held else now))
    _insert(conn, new, now, version)
    updated = tuple(id for id in chosen if id in held)
    return Written(tuple(id for id in chosen if id not in held), updated, tuple(refused))


def revise(conn: sqlite3.Connection, record: Record, *, version: int, limits: Limits) -> None:
    """Write metadata and tags of a record that is there, in the transaction under way."""
    conn.execute(
        "UPDATE records SET metadata = ?, tags = ?, updated_at = ?, changed = ? WHERE id = ?",
        (metadata_text(record.metadata, limits), json_text(list(record.tags)), utc_now(), version, record.id),
    )
    checksums.renew_records(
        conn, [row[0] for row in conn.execute("SELECT key FROM records WHERE id = ?", (record.id,))]
    )


def restamp(conn: sqlite3.Connection, records: Sequence[Record]) -> None:
    """Write the stamps of records that still have this id, source and content, in the transaction under way."""
    wanted = {one.id: one for one in records}
    sql = "SELECT key, id, source, content_hash FROM records WHERE id IN (SELECT value FROM json_each(?))"
    held = [
        (key, wanted[id].stamp)
        for key, id, *seen in conn.execute(sql, (json.dumps(list(wanted)),))
        if seen == [wanted[id].source, wanted[id].content_hash]
    ]
    damaged = checksums.damaged_records(
        conn, [key for key, _ in held]
    )  # no sum is made of what is not what was written
    held = [(key, stamp) for key, stamp in held if key not in damaged]
    conn.executemany("UPDATE records SET stamp = ? WHERE key = ?", [(stamp, key) for key, stamp in held])
    checksums.renew_records(conn, [key for key, _ in held])


def _held(conn: sqlite3.Connection, ids: Sequence[str]) -> dict[str, tuple[int, str | None, str]]:
    """Return (key, source, created_at) of the records that are there, by id."""
    sql = "SELECT id, key, source, created_at FROM records WHERE id IN (SELECT value FROM json_each(?))"
    return {row[0]: row[1:] for row in conn.execute(sql, (json.dumps(list(ids)),))}


def _with_kept(conn: sqlite3.Connection, batch: Sequence[Prepared]) -> list[Prepared]:
    """Return each entry what it keeps of the record of its id, stored or earlier in the batch."""
    ids = [each.entry.record.id for each in batch if each.entry.keeps]
    if not ids:
        return list(batch)
    sql = "SELECT id, metadata, tags FROM records WHERE id IN (SELECT value FROM json_each(?))"
    with checksums.raw_text(conn):
        rows = conn.execute(sql, (json.dumps(ids),)).fetchall()
    stored = {id.decode(): texts for id, *raw in rows if (texts := damage.texts_of(*raw)) is not None}
    return with_kept(batch, stored)


def _with_same_vectors(conn: sqlite3.Connection, wanted: Mapping[int, Prepared]) -> set[int]:
    """Return the keys of held records that are sound and whose vectors are, bit for bit, those to be written."""
    keys = json.dumps(list(wanted))
    same = {
        key
        for key, spaces in conn.execute(
            "SELECT key, spaces FROM records WHERE key IN (SELECT value FROM json_each(?))", (keys,)
        )
        if spaces == wanted[key].spaces
    }
    among = "IN (SELECT value FROM json_each(?))"
    for place in range(schema.count_places(conn)):
        rows = {key: (raw, sum) for key, raw, sum in checksums.vectors(conn, place, among, (keys,))}
        for key in list(same):
            raw, sum = rows.get(key, (None, None))
            if raw != wanted[key].vectors.get(place) or (sum is not None and checksums.of_bytes(key, raw) != sum):
                same.discard(key)
    return same - checksums.damaged_records(conn, same)


def _rewrite(conn: sqlite3.Connection, key: int, each: Prepared, now: str, version: int) -> None:
    conn.execute(
        "UPDATE records SET source = ?, content_hash = ?, format = ?, width = ?, height = ?, byte_size = ?, stamp = ?, "
        "metadata = ?, tags = ?, facts = ?, updated_at = ?, changed = ? WHERE key = ?",
        (*_columns(each), schema.facts_text(each.entry.record.facts), now, version, key),
    )
    conn.execute("DELETE FROM pictures WHERE key = ?", (key,))
    _insert_pictures(conn, [(key, each)])
    sums = (checksums.of_bytes(key, each.entry.thumbnail), checksums.of_bytes(key, each.entry.original), key)
    conn.execute("UPDATE checksums SET thumbnail = ?, original = ? WHERE key = ?", sums)
    checksums.renew_records(conn, [key])


def _columns(each: Prepared) -> Row:
    record = each.entry.record
    return (
        record.source,
        record.content_hash,
        record.format,
        *record.size_px,
        record.byte_size,
        record.stamp,
        each.metadata,
        each.tags,
    )


def _insert(conn: sqlite3.Connection, new: Sequence[tuple[int, Prepared, str]], now: str, version: int) -> None:
    rows = [
        (
            key,
            each.entry.record.id,
            *_columns(each),
            created,
            now,
            each.spaces,
            schema.facts_text(each.entry.record.facts),
        )
        for key, each, created in new
    ]
    conn.executemany(
        f"INSERT INTO records (key, {checksums.SUMMED}, changed) VALUES ({', '.join('?' * 16)})",
        [(*row, version) for row in rows],
    )
    for place in {place for _, each, _ in new for place in each.vectors}:
        conn.executemany(
            f"INSERT INTO {schema.vector_table(place)} VALUES (?, ?)",
            [(key, each.vectors[place]) for key, each, _ in new if place in each.vectors],
        )
    _insert_pictures(conn, [(key, each) for key, each, _ in new])
    places = schema.count_places(conn)
    checksums.insert(
        conn,
        places,
        [
            (
                key,
                checksums.of_texts(key, row[1:]),
                checksums.of_bytes(key, each.entry.thumbnail),
                checksums.of_bytes(key, each.entry.original),
                *(checksums.of_bytes(key, each.vectors.get(place)) for place in range(places)),
            )
            for (key, each, _), row in zip(new, rows, strict=True)
        ],
    )


def _insert_pictures(conn: sqlite3.Connection, new: Sequence[tuple[int, Prepared]]) -> None:
    conn.executemany(
        "INSERT INTO pictures VALUES (?, ?, ?)",
        [
            (key, each.entry.thumbnail, each.entry.original)
            for key, each in new
            if each.entry.thumbnail is not None or each.entry.original is not None
        ],
    )


def remove(conn: sqlite3.Connection, keys: Sequence[int]) -> None:
    """Remove records by key, with all that is kept for them, in the transaction under way."""
    rows = [(key,) for key in keys]
    vectors = (schema.vector_table(place) for place in range(schema.count_places(conn)))
    try:
        conn.executemany("DELETE FROM records WHERE key = ?", rows)
    except sqlite3.DatabaseError as exc:  # such an index holds another value of a damaged record, or none
        if not failures.is_about_a_row(exc) and code_of(exc) != sqlite3.SQLITE_CORRUPT:
            raise
        schema.drop_field_indexes(conn)
        conn.executemany("DELETE FROM records WHERE key = ?", rows)
    for table in ("pictures", "checksums", *vectors):
        conn.executemany(f"DELETE FROM {table} WHERE key = ?", rows)
    conn.executemany("INSERT INTO removed (key) VALUES (?)", rows)
