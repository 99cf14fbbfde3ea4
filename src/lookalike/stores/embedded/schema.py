"""The truth of a collection on disk: the tables of `records.sqlite`, how they are made and how they are opened.

    collections/<slug>-<hash>/
    ├── name.txt            the collection's name, to list a home without opening every file
    ├── records.sqlite      the database (WAL, synchronous=FULL)
    │     state             one row: the version that each write raises by one
    │     meta              the collection's spec; which index files are current
    │     records           one row a record; `key` is never used twice
    │     vector_0, _1 ...  key → the vector of the n-th space: fp16 little-endian, or the raw bytes for Hamming
    │     pictures          key → thumbnail, original
    │     checksums         key → a CRC-32 of each row that is kept for it (see checksums.py)
    │     removed           keys that are no more, in the order in which they went
    └── index/             derived; may be deleted at any time (see index_snapshot.py)

A record whose vectors change gets a new key, so that an index only ever appends, and forgets. There is a table a
space because rows of a kilobyte fit a table's pages far better than an index's.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from ... import disk
from ...errors import StoreTooNewError
from ...pictures import Facts
from ...records import Calibration, CollectionSpec, Record, Space
from ..common.clock import utc_now
from . import checksums, failures
from .json_fields import json_field

FILE = "records.sqlite"
NAME_FILE = "name.txt"
INDEX_FOLDER = "index"
APPLICATION_ID = 0x6C6F6F6B  # "look"
SCHEMA_VERSION = 2  # the first had neither facts nor checksums; see migration.py
NEEDS = "0.2"  # the first lookalike that reads this schema; a later one that changes it writes its own number here
_APART = ("recall_target", "calibration")  # members of a spec that an earlier lookalike does not know
_ENCODERS = "space_encoders"  # of each space its encoder and digest; apart, as an earlier lookalike does not know them
_FIELD_INDEXES = "SELECT name FROM sqlite_master WHERE type = 'index' AND name GLOB ?"
_FIELD_INDEX = "field 1: "  # what the name of an index begins with; the number is that of the expression
FACTS_COLUMN = "facts TEXT NOT NULL DEFAULT '{}'"  # JSON of those that are known
PAGE_BYTES = 8192  # seven vectors of 512 numbers a page; 4096 holds three and wastes a quarter

_TABLES = f"""
CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,        -- raised by every write
    gone INTEGER NOT NULL,           -- 1 when the collection was deleted while somebody had it open
    removed_floor INTEGER NOT NULL   -- rows of `removed` up to here were compacted away
);
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE records (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    source TEXT,
    content_hash TEXT NOT NULL,
    format TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    byte_size INTEGER NOT NULL,
    stamp TEXT NOT NULL,
    metadata TEXT NOT NULL,          -- JSON
    tags TEXT NOT NULL,              -- JSON
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    spaces INTEGER NOT NULL,         -- bit n: it has a vector in the n-th space
    changed INTEGER NOT NULL,        -- the version that wrote its metadata or tags last
    {FACTS_COLUMN}
);
CREATE INDEX records_by_hash ON records (content_hash);
CREATE INDEX records_by_change ON records (changed);
CREATE TABLE pictures (key INTEGER PRIMARY KEY, thumbnail BLOB, original BLOB);
CREATE TABLE removed (seq INTEGER PRIMARY KEY AUTOINCREMENT, key INTEGER NOT NULL);
"""

_RECORD_COLUMNS = f"key, {checksums.SUMMED}, (SELECT record FROM checksums WHERE checksums.key = records.key) AS sum"  # noqa: S608
_FIRST_COLUMNS = f"key, {checksums.SUMMED.removesuffix('facts')}'{{}}' AS facts, NULL AS sum"  # of the first schema
_SIZES = (4, 5, 6)  # places of the numbers in SUMMED that people see
_decoder = json.JSONDecoder()
_NO_FACTS, _FACTS = Facts(), frozenset(field.name for field in fields(Facts))


def vector_table(place: int) -> str:
    """Name the table of the n-th space."""
    return f"vector_{place}"


def vector_bytes(space: Space) -> int:
    """Count how many bytes one vector of a space takes in the store."""
    return (space.dim + 7) // 8 if space.metric == "hamming" else 2 * space.dim


def build(path: Path, spec: CollectionSpec) -> None:
    """Make the database of a new, empty collection in a file that is not there yet."""
    disk.replace_bytes(path, b"", mode=disk.PRIVATE)  # SQLite gives its log the same rights
    conn = sqlite3.connect(path, isolation_level=None)
    try:
        conn.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        conn.execute("PRAGMA journal_mode = WAL")
        conn.execute("PRAGMA synchronous = FULL")
        conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        conn.execute("BEGIN")
        for statement in _TABLES.split(";\n"):
            conn.execute(statement)
        for place in range(len(spec.spaces)):
            conn.execute(f"CREATE TABLE {vector_table(place)} (key INTEGER PRIMARY KEY, vector BLOB NOT NULL)")
        checksums.create(conn, len(spec.spaces))
        conn.execute("INSERT INTO state VALUES (1, 0, 0, 0)")
        conn.execute("INSERT INTO meta VALUES ('needs', ?)", (NEEDS,))
        write_spec(conn, replace(spec, created_at=spec.created_at or utc_now()))
        index_fields(conn)
        conn.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        conn.execute("COMMIT")
    finally:
        conn.close()


def check_version(conn: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that is not one of ours, or of a later lookalike.

    Raises:
        StoreDamagedError, StoreTooNewError
    """
    if conn.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise failures.damaged(path, "it is not a collection of lookalike")
    version = conn.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        row = conn.execute("SELECT value FROM meta WHERE name = 'needs'").fetchone()
        raise StoreTooNewError(
            f'"{path}" was written by a later lookalike (store format {version}; this one reads up to '
            f"{SCHEMA_VERSION}). Use lookalike {row[0] if row else 'of a later version'} or newer.",
            place=str(path),
            version=version,
        )


def is_current(conn: sqlite3.Connection) -> bool:
    """Whether the file is of this schema, as the transaction under way sees it; an earlier one is read all the same."""
    return checksums.are_kept(conn)  # they came with this schema


def count_places(conn: sqlite3.Connection) -> int:
    """Count the tables of vectors."""
    return int(conn.execute("SELECT count(*) FROM sqlite_master WHERE name GLOB 'vector_*'").fetchone()[0])


def record_columns(conn: sqlite3.Connection) -> str:
    """Name the columns that make a Record, as the file has them; see `record_of`."""
    return _RECORD_COLUMNS if is_current(conn) else _FIRST_COLUMNS


def write_spec(conn: sqlite3.Connection, spec: CollectionSpec) -> None:
    """Store what the collection is, in the transaction under way; its spaces stay as they are, once they are stored."""
    stored = asdict(spec)
    del stored["spaces"]
    if (held := _stored_spaces(conn)) is None:
        stored["spaces"] = _write_encoders(conn, spec.spaces)
    else:
        stored["spaces"] = held
    apart = {name: stored.pop(name) for name in _APART}
    for name, value in {"spec": stored, **apart}.items():
        conn.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, json.dumps(value)))


def read_spec(conn: sqlite3.Connection) -> CollectionSpec:
    """Read what the collection is.

    Raises:
        StoreDamagedError: when that cannot be read any more.
    """
    try:
        sql = "SELECT name, value FROM meta WHERE name IN ('spec', ?, ?, ?)"
        return _spec(dict(conn.execute(sql, (_ENCODERS, *_APART))))
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        file = conn.execute("PRAGMA database_list").fetchone()[2]
        raise failures.damaged(Path(file), "what it says of itself is not what was written") from exc


def read_places(conn: sqlite3.Connection) -> list[Space]:
    """Read the spaces by the number of their table; one that was dropped has no name."""
    try:
        return _spaces(_stored_spaces(conn) or (), _stored(conn, _ENCODERS))
    except (ValueError, TypeError, KeyError) as exc:
        file = conn.execute("PRAGMA database_list").fetchone()[2]
        raise failures.damaged(Path(file), "what it says of itself is not what was written") from exc


def write_places(conn: sqlite3.Connection, places: Sequence[Space]) -> None:
    """Store the spaces by the number of their table, and that they changed, in the transaction under way."""
    stored = json.loads(conn.execute("SELECT value FROM meta WHERE name = 'spec'").fetchone()[0])
    stored["spaces"] = _write_encoders(conn, places)
    conn.execute("UPDATE meta SET value = ? WHERE name = 'spec'", (json.dumps(stored),))
    said = f"{len(places)} {sum(not space.name for space in places)}"
    conn.execute("INSERT OR REPLACE INTO meta VALUES ('spaces', ?)", (said,))


def _write_encoders(conn: sqlite3.Connection, places: Sequence[Space]) -> list[dict[str, Any]]:
    """Store which encoder makes the vectors of each space; return what an earlier lookalike knows of the spaces."""
    stored = [asdict(space) for space in places]
    encoders = [[space.pop("encoder"), space.pop("digest")] for space in stored]
    conn.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_ENCODERS, json.dumps(encoders)))
    return stored


def _spaces(stored: Sequence[Mapping[str, Any]], encoders: Sequence[Sequence[str]] | None) -> list[Space]:
    """Make the spaces of what is stored; those of an earlier lookalike name no encoder."""
    makers = encoders or [("", "")] * len(stored)
    return [Space(**space, encoder=name, digest=digest) for space, (name, digest) in zip(stored, makers, strict=True)]


def _stored_spaces(conn: sqlite3.Connection) -> list[dict[str, Any]] | None:
    spec = _stored(conn, "spec")
    return None if spec is None else list(spec["spaces"])


def _stored(conn: sqlite3.Connection, name: str) -> Any:
    row = conn.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else json.loads(row[0])


def _spec(texts: Mapping[str, str]) -> CollectionSpec:
    stored = json.loads(texts["spec"])
    encoders = json.loads(texts[_ENCODERS]) if _ENCODERS in texts else None
    stored["spaces"] = tuple(space for space in _spaces(stored["spaces"], encoders) if space.name)
    stored["fields"] = tuple(stored["fields"])
    stored |= {name: json.loads(texts[name]) for name in _APART if name in texts}
    if stored.get("calibration") is not None:
        stored["calibration"] = _calibration(stored["calibration"])
    return CollectionSpec(**stored)


def _calibration(stored: dict[str, Any]) -> Calibration:
    curves = {name: tuple((float(x), float(y)) for x, y in stored[name]) for name in ("points", "reliability")}
    return Calibration(**{**stored, **curves})


def declared(spec: CollectionSpec) -> frozenset[str]:
    """Return the fields that have an index; `_id` always has one."""
    fields = (*spec.fields, *filter(None, [spec.product_id_field]))
    return frozenset(("_id", *(field for field in fields if _value(field))))


def index_fields(conn: sqlite3.Connection) -> None:
    """Make the indexes of the declared fields and of sources, and drop those of others, in the transaction under way.

    An earlier lookalike keeps such indexes level as well: SQLite does. Where a record is damaged there may be none:
    conditions are then answered without.
    """
    wanted = {f"{_FIELD_INDEX}{field}": value for field in declared(read_spec(conn)) if (value := _value(field))}
    held = conn.execute(_FIELD_INDEXES, (f"{_FIELD_INDEX}*",))
    for name in {row[0] for row in held} ^ set(wanted):
        if name not in wanted:
            conn.execute(f'DROP INDEX "{name}"')
            continue
        try:
            conn.execute(f'CREATE INDEX "{name}" ON records ({wanted[name]})')
        except sqlite3.OperationalError as exc:
            if not failures.is_about_a_row(exc):
                raise
    conn.execute("CREATE INDEX IF NOT EXISTS records_by_source ON records (source)")


def drop_field_indexes(conn: sqlite3.Connection) -> None:
    """Drop the indexes of fields: SQLite can take no record out of them that it cannot read."""
    for (name,) in conn.execute(_FIELD_INDEXES, (f"{_FIELD_INDEX}*",)).fetchall():
        conn.execute(f'DROP INDEX "{name}"')


def _value(field: str) -> str | None:
    """Return the expression that an index of a field holds; None where there is none, or where there is an index."""
    place = None if field in ("_id", "tags") else json_field(field.split("."))
    return place.value if place else None


def rename(folder: Path, name: str) -> None:
    """Rename the collection in a folder that nobody uses."""
    conn = sqlite3.connect(folder / FILE, isolation_level=None)
    try:
        write_spec(conn, replace(read_spec(conn), name=name))
    finally:
        conn.close()
    disk.replace_text(folder / NAME_FILE, name)


def record_of(row: tuple[Any, ...]) -> Record:
    """Make a Record of a row of `record_columns`.

    Raises:
        ValueError, TypeError: when a column holds something else than was written.
    """
    columns, sum = row[1:-1], row[-1]
    if sum is None:  # of an earlier lookalike, or lost
        _check_kinds(columns)
    elif checksums.of_texts(row[0], columns) != sum:
        raise ValueError("a row is not what was written")
    id, source, content_hash, format, width, height, byte_size, stamp, metadata, tags, created, updated, _, facts = (
        columns
    )
    return Record(
        id=id,
        source=source,
        content_hash=content_hash,
        format=format,
        size_px=(width, height),
        byte_size=byte_size,
        stamp=stamp,
        metadata=metadata_of(metadata),
        tags=() if tags == "[]" else tuple(tags_of(tags)),
        created_at=created,
        updated_at=updated,
        facts=facts_of(facts),
    )


def _check_kinds(columns: tuple[Any, ...]) -> None:
    """Refuse columns of a record that are of another kind than was written."""
    if bytes in map(type, columns):
        raise ValueError("a text is not text")
    if not all(columns[place].__class__ is int for place in _SIZES):
        raise ValueError("a size is not a number")


def metadata_of(text: str) -> dict[str, Any]:
    """Read metadata.

    Raises:
        ValueError: when it is none any more.
    """
    metadata = _decode(text)
    if metadata.__class__ is not dict:
        raise ValueError("metadata is not a JSON object")
    return metadata


def facts_of(text: str) -> Facts:
    """Read facts; those that this lookalike does not know are left out."""
    if text == "{}":
        return _NO_FACTS
    known = {name: value for name, value in json.loads(text).items() if name in _FACTS}
    return Facts(**{**known, "was_at": tuple(known.get("was_at", ()))})


def _decode(text: str) -> Any:
    """Read JSON as json.loads does, which looks for options and for space at both ends each time."""
    value, end = _decoder.raw_decode(text)
    return value if end == len(text) else _decoder.decode(text)


def tags_of(text: str) -> list[str]:
    """Read tags.

    Raises:
        ValueError: when they are none any more.
    """
    tags = _decode(text)
    if tags.__class__ is not list:
        raise ValueError("tags are no JSON list")
    return tags


def facts_text(facts: Facts) -> str:
    """Write facts as JSON: those that say something, so that one more field changes no row."""
    if facts == _NO_FACTS:
        return "{}"
    known = {name: value for name, value in asdict(facts).items() if value != getattr(_NO_FACTS, name)}
    return json.dumps(known, ensure_ascii=False)
