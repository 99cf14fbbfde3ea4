"""The writing half of the records of an embedded store: each call is one transaction."""

# ruff: noqa: S608 - tables and columns are named by schema.py alone; values are bound
from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace as replaced
from typing import TYPE_CHECKING, Any, Literal, Unpack

from ...errors import InputError, LookalikeError, RecordNotFoundError, StoreDamagedError
from ...records import Entry, Record, Space
from ..base import Changes, Harm, Move, Replace, Revision, Written
from ..common.batches import check_replace, revised
from ..common.entries import Prepared, encode, prepare
from ..common.refusals import checked_held
from ..common.remembering import contents_of, rememberable
from . import entry_rows, failures, feature_cache, record_moves, schema, spaces
from .engine import IN
from .reader import Reader
from .sql import where

if TYPE_CHECKING:
    from ...arrays import F32, U8
    from ...filters import Filter


class Writer(Reader):
    """Writes the records of one store; see the seam."""

    _fields_indexed = False  # a store of an earlier lookalike has no indexes of its fields

    def upsert(self, entries: Sequence[Entry], *, replace: Replace = "same_source") -> Written:
        """Write entries in one transaction; see the seam."""
        check_replace(replace)
        batch = prepare(entries, self._spaces_for(entries), self._limits)
        if not batch:
            return Written((), (), ())
        with self._database.writing() as (conn, version):
            self._refuse_dropped(batch)
            if not self._fields_indexed:
                schema.index_fields(conn)
            ids = [each.entry.record.id for each in batch]
            with self._forgetting(conn, "id", ids) as gone:
                written = entry_rows.write(conn, batch, version=version, replace=replace)
        feature_cache.drop(self._index_folder, gone)
        self._fields_indexed = True
        return written

    def revise(
        self,
        record_id: str,
        *,
        entry: Entry | None = None,
        seen: Record | None = None,
        **changes: Unpack[Changes],
    ) -> Record:
        """Change metadata, tags and picture of one record, each where given, and return it; see the seam."""
        gone: set[str] = set()
        with self._database.writing() as (conn, version):
            held = self._held(conn, record_id, seen)
            fresh = revised(held, **changes)
            if entry is None:
                entry_rows.revise(conn, fresh, version=version, limits=self._limits)
            else:
                record = replaced(entry.record, id=record_id, metadata=fresh.metadata, tags=fresh.tags)
                batch = prepare([replaced(entry, record=record)], self._spaces, self._limits)
                with self._forgetting(conn, "id", [record_id]) as gone:
                    entry_rows.write(conn, batch, version=version, replace="any")
            now = self._held(conn, record_id)
        feature_cache.drop(self._index_folder, gone)
        return now

    def revise_all(self, revisions: Sequence[Revision]) -> tuple[Record | LookalikeError, ...]:
        """Set fields and tags of many records in one transaction; see the seam."""
        done: list[Record | LookalikeError] = []
        with self._database.writing() as (conn, version):
            for one in revisions:
                try:
                    record = one.applied_to(self._held(conn, one.id))
                    entry_rows.revise(conn, record, version=version, limits=self._limits)
                    done.append(self._held(conn, one.id))
                except (InputError, RecordNotFoundError, StoreDamagedError) as error:  # nothing of it was written
                    done.append(error)
        return tuple(done)

    def restamp(self, records: Sequence[Record]) -> None:
        """Set the `stamp` of records that still have this id, source and content; see the seam."""
        with self._database.writing() as (conn, _):
            entry_rows.restamp(conn, records)

    def move(self, moves: Sequence[Move]) -> tuple[Move, ...]:
        """Return records another id, source and stamp, and return the moves that were carried out; see the seam."""
        if not moves:
            return ()
        with self._database.writing() as (conn, version):
            return record_moves.move(conn, moves, version=version, limits=self._limits)

    def delete(
        self, record_ids: Collection[str] = (), *, filter: Filter | None = None, seen: Record | None = None
    ) -> int:
        """Delete records for good, those that are named and those that pass a filter; see the seam."""
        with self._database.writing() as (conn, _):
            if seen is not None:
                self._held(conn, seen.id, seen)
            keys = list(self._keys(conn, record_ids).values())
            if filter is not None:
                keys = list(dict.fromkeys([*keys, *self._passing(conn, filter)]))
            with self._forgetting(conn, "key", keys) as gone:
                entry_rows.remove(conn, keys)
        feature_cache.drop(self._index_folder, gone)
        return len(keys)

    def put_vectors(self, space: str, keys: Sequence[int], rows: F32 | U8) -> dict[int, int]:
        """Write a vector of one space for each of some records; see the seam."""
        place = self._place(space)
        stored = encode(list(rows), self._spaces[place], [f"key {key}" for key in keys])
        vectors = {int(key): raw for key, raw in zip(keys, stored, strict=True)}
        with self._database.writing() as (conn, version):
            if self._place(space) != place:
                raise InputError(f'the space "{space}" was made anew meanwhile. Try again.')
            return spaces.put(conn, place, vectors, version=version)

    def discard(self, seen: Sequence[Record]) -> tuple[str, ...]:
        """Delete the records that are as they were seen, and return their ids; see the seam."""
        expected = {one.id: one for one in seen}
        with self._database.writing() as (conn, _):
            sql = f"SELECT {schema.record_columns(conn)} FROM records WHERE id {IN}"
            rows = conn.execute(sql, (json.dumps(list(expected)),)).fetchall()
            same = {}
            for row in rows:
                with suppress(ValueError, TypeError, AttributeError):  # a damaged record is not as it was seen
                    if schema.record_of(row) == expected[row[1]]:
                        same[row[1]] = row[0]
            entry_rows.remove(conn, list(same.values()))
            return tuple(same)

    def remember(self, kind: str, items: Mapping[str, bytes]) -> None:
        """Keep what was found out about pictures, by content hash; see the seam."""
        hashes = contents_of(items)
        gone = self._vanished(hashes)
        kept = {name: data for name, data in items.items() if gone.isdisjoint(contents_of([name]))}
        feature_cache.put(self._index_folder, kind, rememberable(kept, drawable=self._keeps_pictures))
        feature_cache.drop(self._index_folder, self._vanished(hashes - gone))  # deleted while it was written

    def _passing(self, conn: sqlite3.Connection, filter: Filter) -> list[int]:
        """Return the keys of the records that pass a filter, in the transaction under way."""
        accepted = where(filter, schema.declared(schema.read_spec(conn)))

        def ask() -> list[int]:
            sql = f"SELECT key FROM records WHERE {self._damage.guard(accepted.text)}"
            return [row[0] for row in conn.execute(sql, accepted.values)]

        return self._damage.without(conn, ask)

    def _spaces_for(self, entries: Sequence[Entry]) -> list[Space]:
        """Return the spaces; those of now where an entry names one that is not known yet."""
        if not {name for one in entries for name in one.vectors} <= {space.name for space in self._spaces}:
            with self._database.reading():
                pass
        return self._spaces

    def _refuse_dropped(self, batch: Sequence[Prepared]) -> None:
        """Refuse vectors of a space that was dropped after they were made ready."""
        if any(not self._spaces[place].name for one in batch for place in one.vectors):
            raise InputError("a space of these vectors was dropped meanwhile. Write the records without it.")

    @contextmanager
    def _forgetting(
        self, conn: sqlite3.Connection, by: Literal["id", "key"], values: Collection[Any]
    ) -> Iterator[set[str]]:
        """Find the contents that some records had before a change and that no record has afterwards.

        Yields:
            A set that holds their hashes at the end; empty where nothing is remembered.
        """
        gone: set[str] = set()
        if not feature_cache.is_there(self._index_folder):
            yield gone
            return
        sql = f"SELECT DISTINCT content_hash FROM records WHERE {by} {IN}"
        before = {row[0] for row in conn.execute(sql, (json.dumps(list(values)),))}
        yield gone
        gone |= before - _held_hashes(conn, before)

    def _vanished(self, hashes: set[str]) -> set[str]:
        """Return those of some contents that no record has."""
        with self._database.reading() as conn:
            return hashes - _held_hashes(conn, hashes)

    def _held(self, conn: sqlite3.Connection, record_id: str, seen: Record | None = None) -> Record:
        """Return a record, in the transaction under way; refuse one that cannot be read, or is not as it was seen."""
        try:
            sql = f"SELECT {schema.record_columns(conn)} FROM records WHERE id = ?"
            row = conn.execute(sql, (record_id,)).fetchone()
            held = None if row is None else schema.record_of(row)
        except UnicodeEncodeError:  # half a surrogate pair, which no id that is stored holds
            held = None
        except (sqlite3.OperationalError, ValueError, TypeError, AttributeError) as exc:
            if isinstance(exc, sqlite3.Error) and not failures.is_about_a_row(exc):
                raise
            raise failures.damaged_record(self._folder, record_id, Harm("record")) from exc
        return checked_held(held, record_id, seen)


def _held_hashes(conn: sqlite3.Connection, hashes: Collection[str]) -> set[str]:
    sql = f"SELECT DISTINCT content_hash FROM records WHERE content_hash {IN}"
    return {row[0] for row in conn.execute(sql, (json.dumps(list(hashes)),))}
