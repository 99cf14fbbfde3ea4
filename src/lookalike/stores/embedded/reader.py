"""The reading half of the records of an embedded store."""

# ruff: noqa: S608 - tables and columns are named by schema.py alone; values are bound
from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...answers import Facet
from ...recent import Recent
from ...records import Entry, Record
from ..base import FullRecord, Harm, TextMatch
from ..common.draws import places_drawn
from ..common.facets import count_facets
from ..common.metric import floats, rows_of
from ..common.texts import find_text
from . import attachments, checksums, failures, feature_cache, schema
from .engine import ALL, IN, Engine
from .sql import where

if TYPE_CHECKING:
    from ...arrays import F32, I64, U8
    from ...filters import Filter
    from ...texts import TextQuery

_PAGE = 1000  # records read at once by a scan: between pages no lock is held and no log is kept from shrinking


class Reader(Engine):
    """Reads the records of one store; see the seam."""

    @cached_property
    def _facets(self) -> Recent[list[Facet]]:
        return Recent()

    def get(self, record_ids: Sequence[str]) -> dict[str, Record]:
        """Return the records that are there, by id."""
        return {record.id: record for _, record in self._records("id", record_ids)}

    def records(self, keys: Sequence[int]) -> dict[int, Record]:
        """Return the records that are there, by key."""
        return dict(self._records("key", [int(key) for key in keys]))

    def keys(self, record_ids: Sequence[str]) -> dict[str, int]:
        """Return the keys of the records that are there, by id."""
        with self._database.reading() as conn:
            return self._keys(conn, record_ids)

    def ids(self, keys: Sequence[int]) -> dict[int, str]:
        """Return the ids of the records that are there, by key."""

        def ask() -> dict[int, str]:
            sql = f"SELECT key, id FROM records WHERE {self._damage.guard(f'key {IN}')}"
            return dict(conn.execute(sql, (json.dumps([int(key) for key in keys]),)))

        with self._database.reading() as conn:
            return self._damage.without(conn, ask)

    def entry(self, record_id: str) -> tuple[int, Entry] | None:
        """Return the key and the record with all its vectors, of one version; see the seam."""

        def ask() -> tuple[Any, ...] | None:
            columns = f"{schema.record_columns(conn)}, {_vector_columns(places)}"
            if checksums.are_kept(conn):
                sql = f"SELECT {columns}, {_sum_columns(places)} FROM records NATURAL LEFT JOIN checksums"
            else:
                sql = f"SELECT {columns}, {', '.join(['NULL'] * places)} FROM records"
            row = conn.execute(f"{sql} WHERE {self._damage.guard('id = ?')}", (record_id,)).fetchone()
            return None if row is None else (schema.record_of(row[: -2 * places]), row)

        with self._database.reading() as conn:
            spaces = self._spaces
            places = len(spaces)
            found = self._damage.without(conn, ask)
            if found is None and self._damage.unreadable and self._keys(conn, [record_id]):
                raise failures.damaged_record(self._folder, record_id, Harm("record"))
        if found is None:
            return None
        record, row = found
        vectors = {}
        for place, (space, raw, sum) in enumerate(zip(spaces, row[-2 * places : -places], row[-places:], strict=True)):
            if raw is not None:
                if not self._sound(place, [(row[0], raw, sum)]):
                    raise failures.damaged_record(self._folder, record_id, Harm("vector", space.name))
                vectors[space.name] = self._values(place, raw)[0]
        return row[0], Entry(record, vectors)

    def entries(self, keys: Sequence[int], *, remembered: Sequence[str] = ()) -> dict[int, FullRecord]:
        """Return many records with all their vectors, and what is remembered of them; see the seam."""
        with self.snapshot():
            records = self.records(keys)
            vectors = {space.name: self.vectors(space.name, list(records)) for space in self._spaces if space.name}
            pictures = self._pictures(list(records))
        hashes = [record.content_hash for record in records.values() if record.content_hash]
        known = {kind: self.remembered(kind, hashes) for kind in remembered}
        return {
            key: FullRecord(
                Entry(record, {name: column[key] for name, column in vectors.items() if key in column}),
                *pictures.get(key, (False, False)),
                {kind: held[record.content_hash] for kind, held in known.items() if record.content_hash in held},
            )
            for key, record in records.items()
        }

    def damaged(self) -> dict[str, Harm]:
        """Return the records that answers go without, as far as damage was met: id to what of them; see the seam."""
        if not self._damage.is_any:
            return {}
        with self._database.reading() as conn:
            return self._damage.noticed(conn)

    def keys_of_hash(self, content_hash: str) -> list[int]:
        """Return the keys of all records with these very bytes, rising."""
        sql = "SELECT key FROM records WHERE content_hash = ? ORDER BY key"
        with self._database.reading() as conn:
            return [row[0] for row in conn.execute(sql, (content_hash,))]

    def from_sources(self, sources: Sequence[str]) -> dict[str, list[Record]]:
        """Return the records of each of these sources, by rising id; see the seam."""
        found: dict[str, list[Record]] = {}
        for record in sorted((one for _, one in self._records("source", sources)), key=lambda one: one.id):
            found.setdefault(str(record.source), []).append(record)
        return found

    def vectors(self, space: str, keys: Sequence[int]) -> dict[int, F32 | U8]:
        """Return the stored vectors of one space by key; records without a vector there are left out."""
        place = self._place(space)
        if "_index" in self.__dict__ and self._index.holds(place):  # its rows are the same, and near at hand
            with self._viewing(place) as (_, view):
                found, rows = view.rows_of(np.array(keys, np.int64))
            return dict(zip(found.tolist(), floats(rows), strict=True))
        with self._database.reading() as conn:
            rows = checksums.vectors(conn, place, IN, (json.dumps([int(key) for key in keys]),)).fetchall()
        return {key: self._values(place, raw)[0] for key, raw, _ in self._sound(place, rows)}

    def thumbnail(self, record_id: str) -> bytes | None:
        """Return the kept thumbnail (JPEG), or None."""
        found, is_sound = self._picture("thumbnail", record_id)
        return found if is_sound else None

    def original(self, record_id: str) -> bytes | None:
        """Return the kept original bytes, or None."""
        found, is_sound = self._picture("original", record_id)
        if not is_sound:
            raise failures.damaged_record(self._folder, record_id, Harm("original"))
        return found

    def attach(self, name: str, data: bytes) -> None:
        """Keep bytes under a name that are not a record of it, in place of what the name had."""
        with self._database.reading(), self._database.failing():  # one that was deleted meanwhile says so
            attachments.put(self._folder, name, data)

    def attachment(self, name: str) -> bytes | None:
        """Return the bytes that were attached under a name, or None."""
        with self._database.reading(), self._database.failing():
            return attachments.get(self._folder, name)

    def remembered(self, kind: str, hashes: Sequence[str]) -> dict[str, bytes]:
        """Return what was remembered of pictures by their content hash."""
        return feature_cache.get(self._index_folder, kind, hashes)

    def scan(self, *, filter: Filter | None = None, after: str | None = None) -> Iterator[Record]:
        """Return the records by rising id, those behind `after` when given. Memory stays bounded."""
        accepted = ALL if filter is None else where(filter)  # in the order of ids: no index of a field could serve
        last = after or ""  # no id is empty

        def ask() -> list[Record]:
            where = f"id > ? AND {self._damage.guard(f'({accepted.text})')} ORDER BY id LIMIT {_PAGE}"
            rows = conn.execute(
                f"SELECT {schema.record_columns(conn)} FROM records WHERE {where}", (last, *accepted.values)
            )
            return [schema.record_of(row) for row in rows]

        while True:
            with self._database.reading() as conn:
                page = self._damage.without(conn, ask)
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1].id

    def scan_metadata(self, *, filter: Filter | None = None) -> Iterator[tuple[dict[str, Any], list[str]]]:
        """Return metadata and tags of the records, by rising key; see the seam."""
        accepted = ALL if filter is None else where(filter)
        last = 0

        def ask() -> list[tuple[int, dict[str, Any], list[str]]]:
            where = f"key > ? AND {self._damage.guard(f'({accepted.text})')} ORDER BY key LIMIT {_PAGE}"
            rows = conn.execute(f"SELECT key, metadata, tags FROM records WHERE {where}", (last, *accepted.values))
            return [(key, schema.metadata_of(metadata), schema.tags_of(tags)) for key, metadata, tags in rows]

        while True:
            with self._database.reading() as conn:
                page = self._damage.without(conn, ask)
            yield from ((metadata, tags) for _, metadata, tags in page)
            if len(page) < _PAGE:
                return
            last = page[-1][0]

    def scan_vectors(self, space: str, *, batch: int = 4096) -> Iterator[tuple[I64, F32 | U8]]:
        """Return (keys (n,), vectors (n, d)) of one space by rising key, in batches."""
        place, last = self._place(space), 0
        while True:
            with self._database.reading() as conn:
                rows = checksums.vectors(conn, place, "> ? ORDER BY v.key LIMIT ?", (last, batch)).fetchall()
            if rows:
                last = rows[-1][0]
                held = self._sound(place, rows)
                yield np.array([row[0] for row in held], np.int64), self._values(place, b"".join(r[1] for r in held))
            if len(rows) < batch:
                return

    def sample(self, n: int, *, filter: Filter | None = None, seed: int | None = None) -> list[Record]:
        """Draw n of the records that pass at random; see the seam."""
        accepted = ALL if filter is None else where(filter)

        def ask() -> list[int]:
            sql = f"SELECT key FROM records WHERE {self._damage.guard(f'({accepted.text})')} ORDER BY id LIMIT ?"
            rows = conn.execute(sql, (*accepted.values, max(places, default=-1) + 1))
            return [key for place, (key,) in enumerate(rows) if place in places]

        with self.snapshot(), self._database.reading() as conn:
            places = places_drawn(self.count(filter=filter), n, seed)
            keys = self._damage.without(conn, ask)
            records = self.records(keys)
        return [records[key] for key in keys if key in records]

    def facets(
        self, *, filter: Filter | None = None, limit: int = 20, field: str | None = None, contains: str | None = None
    ) -> list[Facet]:
        """Count the values of metadata fields and tags over the records that pass; see the seam."""
        version = self.version
        digest = repr((limit, field, contains, filter and filter.text)).encode("utf-8", "surrogatepass")
        kept = self._facets.get(digest, version)
        if kept is None:
            kept = count_facets(self.scan_metadata(filter=filter), limit=limit, field=field, contains=contains)
            self._facets.keep(digest, version, kept)
        return kept

    def find_text(self, query: TextQuery, *, filter: Filter | None = None, limit: int = 20) -> list[TextMatch]:
        """Find records by typed words in their ids, tags and fields; see the seam."""
        return find_text(self.scan(filter=filter), query, limit)

    def count(self, *, filter: Filter | None = None) -> int:
        """Count the records that pass the filter."""
        with self._database.reading() as conn:
            accepted = ALL if filter is None else where(filter, schema.declared(schema.read_spec(conn)))

            def ask() -> int:
                sql = f"SELECT count(*) FROM records WHERE {self._damage.guard(accepted.text)}"
                return int(conn.execute(sql, accepted.values).fetchone()[0])

            return ask() if filter is None else self._damage.without(conn, ask)

    def _records(self, by: str, values: Sequence[Any]) -> list[tuple[int, Record]]:
        """Return the records that are there and can be read, with their keys."""

        def ask() -> list[tuple[int, Record]]:
            condition = self._damage.guard(f"{by} {IN}")
            sql = f"SELECT {schema.record_columns(conn)} FROM records WHERE {condition}"
            return [(row[0], schema.record_of(row)) for row in conn.execute(sql, (json.dumps(list(values)),))]

        with self._database.reading() as conn:
            return self._damage.without(conn, ask)

    def _picture(self, column: Literal["thumbnail", "original"], record_id: str) -> tuple[bytes | None, bool]:
        """Return a kept picture, and whether it is what was written."""
        with self._database.reading() as conn:
            if not checksums.are_kept(conn):
                sql = f"SELECT {column}, NULL, 0 FROM pictures WHERE key = (SELECT key FROM records WHERE id = ?)"
            else:
                sql = (
                    f"SELECT p.{column}, s.{column}, r.key FROM records r LEFT JOIN pictures p ON p.key = r.key "
                    "LEFT JOIN checksums s ON s.key = r.key WHERE r.id = ?"
                )
            row = conn.execute(sql, (record_id,)).fetchone()
        if row is None:
            return None, True
        data, sum, key = row
        is_sound = checksums.agree(key, data, sum) if sum is not None else not isinstance(data, str | int | float)
        if not is_sound:
            self._damage.notice([key], Harm(column))
        return data, is_sound

    def _pictures(self, keys: Sequence[int]) -> dict[int, tuple[bool, bool]]:
        """Return of some records whether a thumbnail and an original were kept."""
        with self._database.reading() as conn:
            if checksums.are_kept(conn):  # a picture that is lost has its sum still
                sql = (
                    "SELECT s.key, p.thumbnail IS NOT NULL OR s.thumbnail IS NOT NULL, "
                    "p.original IS NOT NULL OR s.original IS NOT NULL "
                    f"FROM checksums s LEFT JOIN pictures p ON p.key = s.key WHERE s.key {IN}"
                )
            else:
                sql = f"SELECT key, thumbnail IS NOT NULL, original IS NOT NULL FROM pictures WHERE key {IN}"
            rows = conn.execute(sql, (json.dumps([int(key) for key in keys]),))
            return {key: (bool(thumbnail), bool(original)) for key, thumbnail, original in rows}

    def _sound(self, place: int, rows: list[tuple[int, bytes, int | None]]) -> list[tuple[int, bytes, int | None]]:
        """Return the rows of vectors that are what was written."""
        are_sound = checksums.are_sound(rows, schema.vector_bytes(self._places[place]))
        if all(are_sound):
            return rows
        damaged = [row[0] for row, is_sound in zip(rows, are_sound, strict=True) if not is_sound]
        self._damage.notice(damaged, Harm("vector", self._places[place].name))
        return [row for row, is_sound in zip(rows, are_sound, strict=True) if is_sound]

    def _values(self, place: int, raw: bytes) -> Any:
        """Turn stored bytes of vectors into (n, d) float32, or (n, bytes) uint8."""
        return floats(rows_of(raw, self._places[place]))


@cache
def _vector_columns(places: int) -> str:
    tables = [schema.vector_table(place) for place in range(places)]
    return ", ".join(f"(SELECT vector FROM {table} WHERE {table}.key = records.key)" for table in tables)


@cache
def _sum_columns(places: int) -> str:
    return ", ".join(f"checksums.{checksums.column(place)}" for place in range(places))
