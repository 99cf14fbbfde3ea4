"""The embedded store: one collection in one folder, SQLite as the truth and an exact index derived from it."""

# ruff: noqa: S608 - tables and columns are named by schema.py alone; values are bound
from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace as replaced
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...errors import (
    ChangedMeanwhileError,
    CollectionNotFoundError,
    InputError,
    LookalikeError,
    RecordNotFoundError,
    StoreDamagedError,
    StoreError,
    StoreReadOnlyError,
)
from ...limits import Limits
from ...neighbors import Neighbors, Pairs, Plan
from ...records import Calibration, CollectionSpec, Entry, Record
from ..base import Findings, Harm, Move, Replace, Revision, Written
from . import attachments, checksums, failures, generation, maintenance, moving, remembered, schema, writing
from .awake import Awake
from .damage import Damage, ids_of
from .figures import figures_of
from .sql import Where, where
from .transactions import Truth

if TYPE_CHECKING:
    from ...arrays import F32, I64, U8
    from ...filters import Filter
    from .index import Index

_PAGE = 1000  # records read at once by a scan: between pages no lock is held and no log is kept from shrinking
_QUERIES = 1024  # queries answered at once; bounds memory
_ALL = Where("1")
_IN = "IN (SELECT value FROM json_each(?))"  # any number of values in one variable


class EmbeddedStore:
    """A Store in a folder. Made by EmbeddedStores, or over a backup's folder.

    Args:
        awake: Is told when it is used, and lets it rest.
    """

    def __init__(self, folder: Path, limits: Limits, approximate_from: int, awake: Awake | None = None) -> None:
        self._folder, self._index_folder, self._limits = folder, folder / schema.INDEX_FOLDER, limits
        self._approximate_from = approximate_from
        self._awake = awake
        self._truth = Truth(folder / schema.FILE, on_use=None if awake is None else lambda: awake.touch(self))
        self._damage = Damage()
        self._fields_indexed = False  # a store of an earlier lookalike has no indexes of its fields
        with self._truth.reading() as conn:
            spec = schema.read_spec(conn)
        self._spaces, self._keeps_pictures = list(spec.spaces), spec.keep != "none"
        maintenance.sweep(self._truth, self._index_folder)
        if not self._keeps_pictures:
            remembered.forget_drawable(self._index_folder)

    # ---- what it is

    @property
    def spec(self) -> CollectionSpec:
        """What the collection is, as stored now."""
        with self._truth.reading() as conn:
            return schema.read_spec(conn)

    @property
    def version(self) -> int:
        """A number that every write raises: while it stays, the answers stay."""
        return self._truth.version

    def configure(
        self,
        *,
        fields: Sequence[str] | None = None,
        more_fields: Sequence[str] = (),
        fewer_fields: Collection[str] = (),
        product_id_field: str | None = None,
        recall_target: float | None = None,
        calibration: Calibration | None = None,
        title: str | None = None,
    ) -> None:
        """Change fields, product-id field, recall target, calibration and title, each where given; see the seam."""
        with self._truth.writing() as (conn, _):
            spec = schema.read_spec(conn)
            if fields is not None:
                spec = replaced(spec, fields=tuple(fields))
            if more_fields or fewer_fields:
                spec = replaced(
                    spec, fields=schema.changed_fields(spec.fields, more_fields, fewer_fields, self._limits)
                )
            if product_id_field is not None:
                spec = replaced(spec, product_id_field=product_id_field or None)
            if recall_target is not None:
                spec = replaced(spec, recall_target=schema.checked_recall(recall_target))
            if calibration is not None:
                spec = replaced(spec, calibration=calibration if calibration.points else None)
            if title is not None:
                spec = replaced(spec, title=title)
            schema.write_spec(conn, spec)
            schema.index_fields(conn)

    # ---- writing

    def upsert(self, entries: Sequence[Entry], *, replace: Replace = "same_source") -> Written:
        """Write entries in one transaction; see the seam."""
        if replace not in ("any", "same_source", "none"):
            raise InputError(f'replace={replace!r} is unknown: pass "any", "same_source" or "none".')
        batch = writing.prepare(entries, self._spaces, self._limits)
        if not batch:
            return Written((), (), ())
        with self._truth.writing() as (conn, version):
            if not self._fields_indexed:
                schema.index_fields(conn)
            ids = [each.entry.record.id for each in batch]
            with self._forgetting(conn, ids) as gone:
                written = writing.write(conn, batch, version=version, replace=replace)
        remembered.drop(self._index_folder, gone)
        self._fields_indexed = True
        return written

    def revise(
        self,
        record_id: str,
        *,
        metadata: Mapping[str, Any] | None = None,
        unset: Collection[str] = (),
        tags: Sequence[str] | None = None,
        replace: bool = False,
        fill: Mapping[str, Any] | None = None,
        more_tags: Sequence[str] = (),
        entry: Entry | None = None,
        seen: Record | None = None,
    ) -> Record:
        """Change metadata, tags and picture of one record, each where given, and return it; see the seam."""
        gone: set[str] = set()
        with self._truth.writing() as (conn, version):
            held = self._held(conn, record_id, seen)
            fields = {**({} if replace and metadata is not None else held.metadata), **(metadata or {})}
            kept = {name: value for name, value in fields.items() if name not in unset}
            kept = {**(fill or {}), **kept} if fill else kept
            words = held.tags if tags is None else tuple(tags)
            words = tuple(dict.fromkeys((*words, *more_tags))) if more_tags else words
            if entry is None:
                writing.revise(conn, replaced(held, metadata=kept, tags=words), version=version, limits=self._limits)
            else:
                record = replaced(entry.record, id=record_id, metadata=kept, tags=words)
                batch = writing.prepare([replaced(entry, record=record)], self._spaces, self._limits)
                with self._forgetting(conn, [record_id]) as gone:
                    writing.write(conn, batch, version=version, replace="any")
            revised = self._held(conn, record_id)
        remembered.drop(self._index_folder, gone)
        return revised

    def revise_all(self, revisions: Sequence[Revision]) -> tuple[Record | LookalikeError, ...]:
        """Set fields and tags of many records in one transaction; see the seam."""
        done: list[Record | LookalikeError] = []
        with self._truth.writing() as (conn, version):
            for one in revisions:
                try:
                    record = one.applied_to(self._held(conn, one.id))
                    writing.revise(conn, record, version=version, limits=self._limits)
                    done.append(self._held(conn, one.id))
                except (InputError, RecordNotFoundError, StoreDamagedError) as error:  # nothing of it was written
                    done.append(error)
        return tuple(done)

    def restamp(self, records: Sequence[Record]) -> None:
        """Set the `stamp` of records that still have this id, source and content; see the seam."""
        with self._truth.writing() as (conn, _):
            writing.restamp(conn, records)

    def move(self, moves: Sequence[Move]) -> tuple[Move, ...]:
        """Give records another id, source and stamp, and return the moves that were carried out; see the seam."""
        if not moves:
            return ()
        with self._truth.writing() as (conn, version):
            return moving.move(conn, moves, version=version, limits=self._limits)

    def delete(self, record_ids: Collection[str], *, seen: Record | None = None) -> int:
        """Delete records for good and say how many were there. Unknown ids are skipped; see the seam."""
        with self._truth.writing() as (conn, _):
            if seen is not None:
                self._held(conn, seen.id, seen)
            keys = list(self._keys(conn, record_ids).values())
            with self._forgetting(conn, record_ids) as gone:
                writing.remove(conn, keys)
        remembered.drop(self._index_folder, gone)
        return len(keys)

    def discard(self, seen: Sequence[Record]) -> tuple[str, ...]:
        """Delete the records that are as they were seen, and return their ids; see the seam."""
        expected = {one.id: one for one in seen}
        with self._truth.writing() as (conn, _):
            sql = f"SELECT {schema.record_columns(conn)} FROM records WHERE id {_IN}"
            rows = conn.execute(sql, (json.dumps(list(expected)),)).fetchall()
            same = {}
            for row in rows:
                with suppress(ValueError, TypeError, AttributeError):  # a damaged record is not as it was seen
                    if schema.record_of(row) == expected[row[1]]:
                        same[row[1]] = row[0]
            writing.remove(conn, list(same.values()))
            return tuple(same)

    # ---- reading

    def get(self, record_ids: Sequence[str]) -> dict[str, Record]:
        """Give the records that are there, by id."""
        return {record.id: record for _, record in self._records("id", record_ids)}

    def records(self, keys: Sequence[int]) -> dict[int, Record]:
        """Give the records that are there, by key."""
        return dict(self._records("key", [int(key) for key in keys]))

    def keys(self, record_ids: Sequence[str]) -> dict[str, int]:
        """Give the keys of the records that are there, by id."""
        with self._truth.reading() as conn:
            return self._keys(conn, record_ids)

    def ids(self, keys: Sequence[int]) -> dict[int, str]:
        """Give the ids of the records that are there, by key."""

        def ask() -> dict[int, str]:
            sql = f"SELECT key, id FROM records WHERE {self._damage.guard(f'key {_IN}')}"
            return dict(conn.execute(sql, (json.dumps([int(key) for key in keys]),)))

        with self._truth.reading() as conn:
            return self._damage.without(conn, ask)

    def entry(self, record_id: str) -> tuple[int, Entry] | None:
        """Give the key and the record with all its vectors, of one moment; see the seam."""

        def ask() -> tuple[Any, ...] | None:
            columns = f"{schema.record_columns(conn)}, {self._vector_columns}"
            if checksums.are_kept(conn):
                sql = f"SELECT {columns}, {self._sum_columns} FROM records NATURAL LEFT JOIN checksums"
            else:
                sql = f"SELECT {columns}, {', '.join(['NULL'] * places)} FROM records"
            row = conn.execute(f"{sql} WHERE {self._damage.guard('id = ?')}", (record_id,)).fetchone()
            return None if row is None else (schema.record_of(row[: -2 * places]), row)

        places = len(self._spaces)
        with self._truth.reading() as conn:
            found = self._damage.without(conn, ask)
            if found is None and self._damage.unreadable and self._keys(conn, [record_id]):
                raise failures.damaged_record(self._folder, record_id, Harm("record"))
        if found is None:
            return None
        record, row = found
        vectors = {}
        for place, (space, raw, sum) in enumerate(
            zip(self._spaces, row[-2 * places : -places], row[-places:], strict=True)
        ):
            if raw is not None:
                if not self._sound(place, [(row[0], raw, sum)]):
                    raise failures.damaged_record(self._folder, record_id, Harm("vector", space.name))
                vectors[space.name] = self._values(place, raw)[0]
        return row[0], Entry(record, vectors)

    def moment(self) -> AbstractContextManager[None]:
        """Make all that this thread reads inside be of one moment; see the seam."""
        return self._truth.moment()

    def apart(self) -> AbstractContextManager[None]:
        """Let the moment of this thread rest; see the seam."""
        return self._truth.apart()

    def keys_of_hash(self, content_hash: str) -> list[int]:
        """Give the keys of all records with these very bytes, rising."""
        sql = "SELECT key FROM records WHERE content_hash = ? ORDER BY key"
        with self._truth.reading() as conn:
            return [row[0] for row in conn.execute(sql, (content_hash,))]

    def from_sources(self, sources: Sequence[str]) -> dict[str, list[Record]]:
        """Return the records of each of these sources, by rising id; see the seam."""
        found: dict[str, list[Record]] = {}
        for record in sorted((one for _, one in self._records("source", sources)), key=lambda one: one.id):
            found.setdefault(str(record.source), []).append(record)
        return found

    def vectors(self, space: str, keys: Sequence[int]) -> dict[int, F32 | U8]:
        """Give the stored vectors of one space by key; records without a vector there are left out."""
        place = self._place(space)
        if "_index" in self.__dict__ and self._index.holds(place):  # its rows are the same, and near at hand
            with self._viewing(place) as (_, view):
                found, rows = view.rows_of(np.array(keys, np.int64))
            return dict(zip(found.tolist(), _floats(rows), strict=True))
        with self._truth.reading() as conn:
            rows = checksums.vectors(conn, place, _IN, (json.dumps([int(key) for key in keys]),)).fetchall()
        return {key: self._values(place, raw)[0] for key, raw, _ in self._sound(place, rows)}

    def thumbnail(self, record_id: str) -> bytes | None:
        """Give the kept thumbnail (JPEG), or None."""
        found, is_sound = self._picture("thumbnail", record_id)
        return found if is_sound else None

    def original(self, record_id: str) -> bytes | None:
        """Give the kept original bytes, or None."""
        found, is_sound = self._picture("original", record_id)
        if not is_sound:
            raise failures.damaged_record(self._folder, record_id, Harm("original"))
        return found

    def attach(self, name: str, data: bytes) -> None:
        """Keep bytes under a name that are no record of it, in place of what the name had."""
        with self._truth.reading(), self._truth.failing():  # one that was deleted meanwhile says so
            attachments.put(self._folder, name, data)

    def attachment(self, name: str) -> bytes | None:
        """Return the bytes that were attached under a name, or None."""
        with self._truth.reading(), self._truth.failing():
            return attachments.get(self._folder, name)

    def scan(self, *, filter: Filter | None = None, after: str | None = None) -> Iterator[Record]:
        """Give the records by rising id, those behind `after` when given. Memory stays bounded."""
        accepted = _ALL if filter is None else where(filter)  # in the order of ids: no index of a field could serve
        last = after or ""  # no id is empty

        def ask() -> list[Record]:
            where = f"id > ? AND {self._damage.guard(f'({accepted.text})')} ORDER BY id LIMIT {_PAGE}"
            rows = conn.execute(
                f"SELECT {schema.record_columns(conn)} FROM records WHERE {where}", (last, *accepted.values)
            )
            return [schema.record_of(row) for row in rows]

        while True:
            with self._truth.reading() as conn:
                page = self._damage.without(conn, ask)
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1].id

    def scan_metadata(self, *, filter: Filter | None = None) -> Iterator[tuple[dict[str, Any], list[str]]]:
        """Give metadata and tags of the records, by rising key; see the seam."""
        accepted = _ALL if filter is None else where(filter)
        last = 0

        def ask() -> list[tuple[int, dict[str, Any], list[str]]]:
            where = f"key > ? AND {self._damage.guard(f'({accepted.text})')} ORDER BY key LIMIT {_PAGE}"
            rows = conn.execute(f"SELECT key, metadata, tags FROM records WHERE {where}", (last, *accepted.values))
            return [(key, schema.metadata_of(metadata), schema.tags_of(tags)) for key, metadata, tags in rows]

        while True:
            with self._truth.reading() as conn:
                page = self._damage.without(conn, ask)
            yield from ((metadata, tags) for _, metadata, tags in page)
            if len(page) < _PAGE:
                return
            last = page[-1][0]

    def scan_vectors(self, space: str, *, batch: int = 4096) -> Iterator[tuple[I64, F32 | U8]]:
        """Give (keys (n,), vectors (n, d)) of one space by rising key, in batches."""
        place, last = self._place(space), 0
        while True:
            with self._truth.reading() as conn:
                rows = checksums.vectors(conn, place, "> ? ORDER BY v.key LIMIT ?", (last, batch)).fetchall()
            if rows:
                last = rows[-1][0]
                held = self._sound(place, rows)
                yield np.array([row[0] for row in held], np.int64), self._values(place, b"".join(r[1] for r in held))
            if len(rows) < batch:
                return

    def count(self, *, filter: Filter | None = None) -> int:
        """Count the records that pass the filter."""
        with self._truth.reading() as conn:
            accepted = _ALL if filter is None else where(filter, schema.declared(schema.read_spec(conn)))

            def ask() -> int:
                sql = f"SELECT count(*) FROM records WHERE {self._damage.guard(accepted.text)}"
                return int(conn.execute(sql, accepted.values).fetchone()[0])

            return ask() if filter is None else self._damage.without(conn, ask)

    # ---- searching

    def neighbors(
        self,
        space: str,
        vectors: F32 | U8,
        k: int,
        *,
        max_distance: float | None = None,
        filter: Filter | None = None,
        exact: bool = False,
    ) -> Neighbors:
        """Find the k nearest records that pass the filter: exactly min(k, matching), nearest first, ties by id."""
        from . import planning

        began = time.perf_counter()
        place = self._place(space)
        self._check_queries(place, vectors, k, max_distance)
        answer = planning.Answer(len(vectors), k)
        asked = planning.Question(self._spaces[place].metric, k, max_distance, filter is not None, exact)
        scanned, went = 0, set[planning.Way]()
        with self._viewing(place) as (conn, view):
            selections = self._index.selections(conn, view, filter)
            way = planning.plan(view, selections, asked)
            filtered = time.perf_counter()
            for start in range(0, len(vectors), _QUERIES):
                queries = vectors[start : start + _QUERIES]
                outcome = planning.search(view, selections, queries, asked, way, lambda tied: _ids(conn, tied))
                answer.take(start, outcome.found)
                scanned += outcome.scanned
                went.add(outcome.way)
        ended = time.perf_counter()
        way = went.pop() if len(went) == 1 else way  # where queries went different ways, what was planned
        plan = Plan(
            method=way.method,
            reason=way.reason,
            matching=sum(each.count for each in selections),
            scanned=scanned,
            recall=1.0 if way.probing is None else way.probing.recall,
            filter_ms=1000 * (filtered - began),
            search_ms=1000 * (ended - filtered),
        )
        return Neighbors(answer.keys, answer.distances, answer.counts, plan)

    def pairs(self, space: str, max_distance: float, *, between: tuple[I64, I64] | None = None) -> Iterator[Pairs]:
        """Give all pairs of records within a distance, each once, or those between two sets; see the seam."""
        from . import joining, pairing

        place = self._place(space)
        _check_ceiling(max_distance)
        with self._viewing(place) as (conn, view):
            table = joining.Table(self._index.selections(conn, view, None))
        metric = self._spaces[place].metric
        if between is not None:
            return joining.join_two(table, metric, max_distance, *between)
        return pairing.find(self._truth, self._index_folder, place, table, metric, max_distance)

    def _check_queries(self, place: int, vectors: F32 | U8, k: int, max_distance: float | None) -> None:
        space = self._spaces[place]
        hamming = space.metric == "hamming"
        width, dtype = (space.dim + 7) // 8 if hamming else space.dim, np.uint8 if hamming else np.float32
        if vectors.ndim != 2 or vectors.shape[1] != width or vectors.dtype != dtype:
            raise InputError(
                f'queries for "{space.name}" are {np.dtype(dtype)} (q, {width}); these are '
                f"{vectors.dtype} {vectors.shape}. Encode them with the collection's own encoder."
            )
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise InputError(f"k={k!r} is out of range: pass a whole number of 1 or more.")
        if max_distance is not None:
            _check_ceiling(max_distance)
        if not hamming:
            lengths = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
            if not (np.isfinite(lengths) & (lengths > 0)).all():
                raise InputError("a query holds NaN, infinity or only zeros: it has no direction to search in.")

    # ---- keeping house

    def remembered(self, kind: str, hashes: Sequence[str]) -> dict[str, bytes]:
        """Give what was remembered of pictures by their content hash."""
        return remembered.get(self._index_folder, kind, hashes)

    def remember(self, kind: str, items: Mapping[str, bytes]) -> None:
        """Keep what was found out about pictures, by content hash; see the seam."""
        hashes = {name for names in items for name in names.split(":")}
        gone = self._vanished(hashes)
        kept = {name: data for name, data in items.items() if gone.isdisjoint(name.split(":"))}
        remembered.put(self._index_folder, kind, kept, drawable=self._keeps_pictures)
        remembered.drop(self._index_folder, self._vanished(hashes - gone))  # deleted while it was written

    def damaged(self) -> dict[str, Harm]:
        """Give the records that answers go without, as far as damage was met: id to what of them; see the seam."""
        if not self._damage.is_any:
            return {}
        with self._truth.reading() as conn:
            return self._damage.noticed(conn)

    def check(self) -> list[str]:
        """Look for damage, and give what was found in plain words; empty when all is well."""
        return list(self.examine().problems)

    def examine(self) -> Findings:
        """Look for damage in truth and index; see the seam."""
        from .checking import check

        with self._truth.failing():
            return check(self._truth, self._index_folder, self._index, self._spaces)

    def repair(self) -> None:
        """Give every row its checksum, in a store of an earlier lookalike too; see the seam."""
        self._truth.migrate(again=True)

    def statistics(self) -> dict[str, Any]:
        """Give sizes for people: records, bytes on disk, what the index holds and how it searches."""
        with self._truth.reading() as conn:
            return figures_of(conn, self._folder)

    def flush(self) -> None:
        """Bring the derived index files up to date where that pays; never needed for truth."""
        with suppress(StoreReadOnlyError):
            damaged = self._index.met_damage
            if maintenance.write_generation(
                self._truth, self._index_folder, self._spaces, least=self._approximate_from, damaged=damaged
            ):
                self._index.forget()

    def compact(self, on_progress: Callable[[float], None] | None = None) -> None:
        """Rewrite index and truth without what was deleted, so that no trace of it is left on disk."""
        tell = on_progress or (lambda _: None)
        maintenance.compact(self._truth, self._index_folder, self._spaces, least=self._approximate_from, tell=tell)
        self._index.forget()

    def backup(self, target: Path) -> Mapping[str, Sequence[str]]:
        """Copy the collection to a new folder while it is in use; see the seam."""
        return maintenance.backup(self._truth, target)

    def copy(self, fresh: Path) -> None:
        """Copy the truth alone to an empty folder."""
        with self._truth.failing():
            maintenance.copy(self._truth, fresh)

    def close(self) -> None:
        """Let go of files and memory. Closing twice is harmless."""
        if self._truth.wrote:
            self._truth.wrote = False
            with suppress(StoreError, CollectionNotFoundError):  # the truth is safe; the next writer tries again
                self.flush()
        self._truth.close()
        if self._awake is not None:
            self._awake.forget(self)
        self.__dict__.pop("_index", None)

    @property
    def is_there(self) -> bool:
        """Whether it is still on disk; see the seam."""
        return self._truth.is_there

    def rest(self) -> bool:
        """Let go of files and index until the next call; False when a call is under way."""
        if not self._truth.rest():
            return False
        if "_index" in self.__dict__:
            self._index.forget()
        return True

    # ---- within

    @contextmanager
    def _forgetting(self, conn: sqlite3.Connection, ids: Collection[str]) -> Iterator[set[str]]:
        """Find the contents that some records had before a change and that no record has afterwards.

        Yields:
            A set that holds their hashes at the end; empty where nothing is remembered.
        """
        gone: set[str] = set()
        if not remembered.is_there(self._index_folder):
            yield gone
            return
        sql = f"SELECT DISTINCT content_hash FROM records WHERE id {_IN}"
        before = {row[0] for row in conn.execute(sql, (json.dumps(list(ids)),))}
        yield gone
        gone |= before - _held_hashes(conn, before)

    def _vanished(self, hashes: set[str]) -> set[str]:
        """Give those of some contents that no record has."""
        with self._truth.reading() as conn:
            return hashes - _held_hashes(conn, hashes)

    @cached_property
    def _vector_columns(self) -> str:
        tables = [schema.vector_table(place) for place in range(len(self._spaces))]
        return ", ".join(f"(SELECT vector FROM {table} WHERE {table}.key = records.key)" for table in tables)

    @cached_property
    def _sum_columns(self) -> str:
        return ", ".join(f"checksums.{checksums.column(place)}" for place in range(len(self._spaces)))

    @cached_property
    def _index(self) -> Index:
        from .index import Index

        return Index(self._index_folder, self._spaces, self._damage)

    @contextmanager
    def _viewing(self, place: int) -> Iterator[tuple[sqlite3.Connection, Any]]:
        """Lend a connection in a read transaction with the view of a space at that very moment."""
        while True:
            with self._truth.reading() as conn:
                view = self._index.view(conn, place)
                if view is not None:
                    yield conn, view
                    return
            self._truth.move_on()

    def _place(self, space: str) -> int:
        for place, held in enumerate(self._spaces):
            if held.name == space:
                return place
        raise InputError(f'no space "{space}". There are: {", ".join(held.name for held in self._spaces)}.')

    def _records(self, by: str, values: Sequence[Any]) -> list[tuple[int, Record]]:
        """Give the records that are there and can be read, with their keys."""

        def ask() -> list[tuple[int, Record]]:
            condition = self._damage.guard(f"{by} {_IN}")
            sql = f"SELECT {schema.record_columns(conn)} FROM records WHERE {condition}"
            return [(row[0], schema.record_of(row)) for row in conn.execute(sql, (json.dumps(list(values)),))]

        with self._truth.reading() as conn:
            return self._damage.without(conn, ask)

    def _held(self, conn: sqlite3.Connection, record_id: str, seen: Record | None = None) -> Record:
        """Give a record, in the transaction under way; refuse one that cannot be read, or is not as it was seen."""
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
        if held is None:
            raise RecordNotFoundError(f'no record "{record_id[:80]}". Add it first, or check the spelling.')
        if seen is not None and held != seen:
            raise ChangedMeanwhileError(f'record "{record_id[:80]}" is not as it was. Read it again, then change it.')
        return held

    def _keys(self, conn: sqlite3.Connection, record_ids: Collection[str]) -> dict[str, int]:
        return dict(conn.execute(f"SELECT id, key FROM records WHERE id {_IN}", (json.dumps(list(record_ids)),)))

    def _picture(self, column: Literal["thumbnail", "original"], record_id: str) -> tuple[bytes | None, bool]:
        """Give a kept picture, and whether it is what was written."""
        with self._truth.reading() as conn:
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

    def _sound(self, place: int, rows: list[tuple[int, bytes, int | None]]) -> list[tuple[int, bytes, int | None]]:
        """Give the rows of vectors that are what was written."""
        are_sound = checksums.are_sound(rows, schema.vector_bytes(self._spaces[place]))
        if all(are_sound):
            return rows
        damaged = [row[0] for row, is_sound in zip(rows, are_sound, strict=True) if not is_sound]
        self._damage.notice(damaged, Harm("vector", self._spaces[place].name))
        return [row for row, is_sound in zip(rows, are_sound, strict=True) if is_sound]

    def _values(self, place: int, raw: bytes) -> Any:
        """Turn stored bytes of vectors into (n, d) float32, or (n, bytes) uint8."""
        return _floats(generation.shaped(np.frombuffer(raw, np.uint8), self._spaces[place]))


def _floats(rows: Any) -> Any:
    """Give rows as they are told: (n, d) float32, or a copy of (n, bytes) uint8."""
    return rows.copy() if rows.dtype == np.uint8 else rows.astype(np.float32)


def _check_ceiling(max_distance: float) -> None:
    if not max_distance >= 0:
        raise InputError(f"max_distance={max_distance!r} is out of range: pass a distance of 0 or more.")


def _held_hashes(conn: sqlite3.Connection, hashes: Collection[str]) -> set[str]:
    sql = f"SELECT DISTINCT content_hash FROM records WHERE content_hash {_IN}"
    return {row[0] for row in conn.execute(sql, (json.dumps(list(hashes)),))}


def _ids(conn: sqlite3.Connection, keys: Sequence[int]) -> dict[int, str]:
    """Give the ids of records, also of those whose id is no text any more."""
    try:
        return dict(conn.execute(f"SELECT key, id FROM records WHERE key {_IN}", (json.dumps(list(keys)),)))
    except sqlite3.OperationalError as exc:
        if not failures.is_about_a_row(exc):
            raise
        return ids_of(conn, keys)
