"""Writing entries: what is checked before the transaction, and what happens inside it."""

# ruff: noqa: S608 - tables are named by schema.py alone; values are bound
from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import InputError
from ...limits import Limits
from ...records import Entry, Record, Space
from ..base import Refused, Replace, Written
from . import checksums, damage, failures, schema

_UNIT_TOLERANCE = 1e-2  # an encoder's rounding; anything farther was never normalised
_MOST_NESTED = 100  # SQLite reads no JSON that is nested deeper than 1000
_EXACT_TOLERANCE = 1e-3  # within this a vector is stored as it is, so that a stored one comes back unchanged

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Prepared:
    """An entry that has passed all checks, as it will be stored; `vectors` by the place of their space."""

    entry: Entry
    metadata: str
    tags: str
    vectors: dict[int, bytes]

    @property
    def spaces(self) -> int:
        """Bit n: it has a vector in the n-th space."""
        return sum(1 << place for place in self.vectors)


def prepare(entries: Sequence[Entry], spaces: Sequence[Space], limits: Limits) -> list[Prepared]:
    """Check entries and turn them into what is stored.

    Raises:
        InputError: naming the record and what is wrong with it.
    """
    vectors: list[dict[int, bytes]] = [{} for _ in entries]
    known = {space.name: place for place, space in enumerate(spaces)}
    for entry in entries:
        check_id(entry.record.id, limits)
        for name in entry.vectors:
            if name not in known:
                raise InputError(f'"{entry.record.id}" has a vector "{name}"; there are: {", ".join(known)}.')
    for place, space in enumerate(spaces):
        holders = [n for n, entry in enumerate(entries) if space.name in entry.vectors]
        rows = [entries[n].vectors[space.name] for n in holders]
        for n, raw in zip(holders, _encode(rows, space, [entries[n].record.id for n in holders]), strict=True):
            vectors[n][place] = raw
    return [
        Prepared(entry, metadata_text(entry.record.metadata, limits), json_text(list(entry.record.tags)), held)
        for entry, held in zip(entries, vectors, strict=True)
    ]


def check_id(record_id: str, limits: Limits) -> None:
    """Refuse an id that is no text, empty or too long."""
    if not isinstance(record_id, str) or not record_id:
        raise InputError(f"{record_id!r} is no record id: pass a text of 1 to {limits.max_id_chars} characters.")
    if len(record_id) > limits.max_id_chars or "\0" in record_id:
        raise InputError(
            f"the record id {record_id[:80]!r}... has {len(record_id)} characters; "
            f"1 to {limits.max_id_chars} are allowed, and none may be NUL."
        )


def metadata_text(metadata: Mapping[str, Any], limits: Limits) -> str:
    """Give metadata as JSON; refuse what JSON has no form for, and too much."""
    try:
        text = json_text(dict(metadata))
    except (TypeError, ValueError, RecursionError) as exc:
        raise InputError(f"metadata must be plain JSON values: {exc}.") from exc
    if (size := len(text.encode())) > limits.max_metadata_bytes:
        raise InputError(f"metadata of {size} bytes is too large; the limit is {limits.max_metadata_bytes}.")
    if _is_deeper(metadata, _MOST_NESTED):
        raise InputError(f"metadata is nested deeper than {_MOST_NESTED} lists and objects. Flatten it.")
    return text


def json_text(value: Any) -> str:
    """Give JSON without escapes wherever it can do without: SQL can judge such rows (see places.py)."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return json.dumps(value, allow_nan=False)
    return text


def _is_deeper(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit + 1):
        inner = [each.values() if isinstance(each, Mapping) else each for each in level if _is_nest(each)]
        if not inner:
            return False
        level = [each for one in inner for each in one]
    return any(map(_is_nest, level))


def _is_nest(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple)


def _encode(rows: list[Any], space: Space, ids: list[str]) -> list[bytes]:
    """Give each vector as it is stored: fp16 little-endian, or the raw bytes."""
    hamming = space.metric == "hamming"
    shape, dtype = ((space.dim + 7) // 8 if hamming else space.dim,), np.uint8 if hamming else np.float32
    for row, name in zip(rows, ids, strict=True):
        if not isinstance(row, np.ndarray) or row.shape != shape or row.dtype != dtype:
            seen = f"{row.dtype} {row.shape}" if isinstance(row, np.ndarray) else type(row).__name__
            raise InputError(
                f'the vector "{space.name}" of "{name}" is {seen}; this collection holds {np.dtype(dtype)} {shape}. '
                "Encode it with the collection's own encoder."
            )
    if not rows:
        return []
    table = np.stack(rows)  # (n, d)
    if hamming:
        return [row.tobytes() for row in table]
    lengths = np.sqrt(np.einsum("ij,ij->i", table, table, dtype=np.float64))  # NaN and infinity show here too
    for wrong in np.flatnonzero(~(np.abs(lengths - 1.0) <= _UNIT_TOLERANCE))[:1]:
        raise InputError(
            f'the vector "{space.name}" of "{ids[wrong]}" has length {lengths[wrong]:.4g}; unit length is expected. '
            "Divide it by its length; a vector of zeros or NaN says nothing and cannot be stored."
        )
    loose = np.abs(lengths - 1.0) > _EXACT_TOLERANCE
    table[loose] /= lengths[loose, None].astype(np.float32)
    return [row.tobytes() for row in table.astype("<f2")]


def write(conn: sqlite3.Connection, batch: Sequence[Prepared], *, version: int, replace: Replace) -> Written:
    """Write a batch in the transaction under way."""
    held = _held(conn, [each.entry.record.id for each in batch])
    chosen, refused = _choose(_with_kept(conn, batch), held, replace)
    same = _with_same_vectors(conn, {held[id][0]: each for id, each in chosen.items() if id in held})
    remove(conn, [held[id][0] for id in chosen if id in held and held[id][0] not in same])
    key = conn.execute("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'records'), 0)").fetchone()[0]
    now = schema.now()
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
        (metadata_text(record.metadata, limits), json_text(list(record.tags)), schema.now(), version, record.id),
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
    """Give (key, source, created_at) of the records that are there, by id."""
    sql = "SELECT id, key, source, created_at FROM records WHERE id IN (SELECT value FROM json_each(?))"
    return {row[0]: row[1:] for row in conn.execute(sql, (json.dumps(list(ids)),))}


def _with_kept(conn: sqlite3.Connection, batch: Sequence[Prepared]) -> list[Prepared]:
    """Give each entry what it keeps of the record of its id, stored or earlier in the batch."""
    ids = [each.entry.record.id for each in batch if each.entry.keeps]
    if not ids:
        return list(batch)
    sql = "SELECT id, metadata, tags FROM records WHERE id IN (SELECT value FROM json_each(?))"
    with checksums.raw_text(conn):
        rows = conn.execute(sql, (json.dumps(ids),)).fetchall()
    stored = {id.decode(): texts for id, *raw in rows if (texts := damage.texts_of(*raw)) is not None}
    found = []
    for each in batch:
        id, keeps = each.entry.record.id, each.entry.keeps
        if id in stored and keeps:
            metadata, tags = stored[id]
            each = dataclasses.replace(
                each,
                metadata=metadata if "metadata" in keeps else each.metadata,
                tags=tags if "tags" in keeps else each.tags,
            )
        stored[id] = each.metadata, each.tags
        found.append(each)
    return found


def _choose(
    batch: Sequence[Prepared], held: Mapping[str, tuple[int, str | None, str]], replace: Replace
) -> tuple[dict[str, Prepared], list[Refused]]:
    """Go through the batch in order: what is written at last for each id, and what may not be."""
    chosen: dict[str, Prepared] = {}
    sources = {id: row[1] for id, row in held.items()}
    refused = []
    for each in batch:
        id, source = each.entry.record.id, each.entry.record.source
        may = id not in sources or replace == "any" or (replace == "same_source" and sources[id] == source)
        if may:
            sources[id] = source
            chosen[id] = each
        else:
            refused.append(Refused(id, source, sources[id]))
    return chosen, refused


def _with_same_vectors(conn: sqlite3.Connection, wanted: Mapping[int, Prepared]) -> set[int]:
    """Give the keys of held records that are sound and whose vectors are, bit for bit, those to be written."""
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
        if not failures.is_about_a_row(exc) and failures.code_of(exc) != sqlite3.SQLITE_CORRUPT:
            raise
        schema.drop_field_indexes(conn)
        conn.executemany("DELETE FROM records WHERE key = ?", rows)
    for table in ("pictures", "checksums", *vectors):
        conn.executemany(f"DELETE FROM {table} WHERE key = ?", rows)
    conn.executemany("INSERT INTO removed (key) VALUES (?)", rows)
