"""A toy store, as an example of the seam `stores/base`: a collection is one pickle file, which each write writes anew.

    pickled/<SHA-256 of the name>.pickle     a line with identity and SHA-256, then the pickle of a Shelf

All promises of the seam hold: writes are whole and last, every process sees them at its next call, and searches are
exact. Nothing is quick: a search looks at every record. Unpickling runs what a file says, so open none but your own.
"""

import hashlib
import pickle
import secrets
import threading
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace

import numpy as np

from lookalike import disk
from lookalike.errors import CollectionNotFoundError, InputError, LookalikeError, StoreDamagedError
from lookalike.neighbors import Pairs, Plan
from lookalike.records import CollectionSpec, Entry, Record
from lookalike.refusals import reporting
from lookalike.stores.base import Findings, FullRecord, Written
from lookalike.stores.common import batches, checks, refusals, search, specs, texts
from lookalike.stores.common.clock import utc_now
from lookalike.stores.common.columns import Columns
from lookalike.stores.common.draws import places_drawn
from lookalike.stores.common.entries import encode, prepare, with_kept
from lookalike.stores.common.facets import count_facets
from lookalike.stores.common.metric import distances_of, floats, rows_of
from lookalike.stores.common.remembering import contents_of, rememberable

BACKUP = "collection.pickle"


@dataclass(frozen=True)
class Row:
    """What is kept of one record; its vectors as bytes, by the name of their space."""

    record: Record
    vectors: dict[str, bytes]
    thumbnail: bytes | None
    original: bytes | None

    def shown(self) -> Record:
        """Return the record; whoever changes its metadata changes a copy."""
        return replace(self.record, metadata=deepcopy(self.record.metadata))


@dataclass
class Shelf:
    """A whole collection at one version; `rows` by rising key. One that was read is never changed."""

    spec: CollectionSpec
    version: int = 0
    last_key: int = 0
    rows: dict[int, Row] = field(default_factory=dict)
    attachments: dict[str, bytes] = field(default_factory=dict)
    remembered: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def copy(self):
        return replace(self, rows={**self.rows}, attachments={**self.attachments}, remembered={**self.remembered})

    def keys(self):
        return {row.record.id: key for key, row in self.rows.items()}

    def passing(self, filter):
        return {k: row for k, row in self.rows.items() if filter is None or filter.accepts(row.record.document())}

    def space(self, name):
        for space in self.spec.spaces:
            if space.name == name:
                return space
        raise refusals.no_space(name, self.spec.spaces)

    def held(self, record_id, seen=None):
        key = self.keys().get(record_id)
        return refusals.checked_held(None if key is None else self.rows[key].shown(), record_id, seen)

    def put(self, each):
        """Write an entry; where its vectors are others, its record gets another key."""
        keys, record, now = self.keys(), each.record(), utc_now()
        vectors = {self.spec.spaces[place].name: raw for place, raw in each.vectors.items()}
        born = self.rows[keys[record.id]].record.created_at if record.id in keys else now
        key = self.key_for(keys.get(record.id), vectors)
        record = replace(record, created_at=born, updated_at=now)
        self.rows[key] = Row(record, vectors, each.entry.thumbnail, each.entry.original)

    def key_for(self, key, vectors):
        """Return the key of a record that is to have some vectors; where these are others, its row is taken out."""
        if key is not None and self.rows[key].vectors == vectors:
            return key
        self.rows.pop(key, None)
        self.last_key += 1
        return self.last_key

    def change(self, record, limits):
        """Write metadata and tags of a record that is there."""
        key, [each] = self.keys()[record.id], prepare([Entry(record, {})], self.spec.spaces, limits)
        self.rows[key] = replace(self.rows[key], record=replace(each.record(), updated_at=utc_now()))

    def remove(self, keys):
        self.rows = {key: row for key, row in self.rows.items() if key not in keys}

    def forget(self):
        """Forget what was remembered of pictures that no record has any more."""
        held = {row.record.content_hash for row in self.rows.values()}
        self.remembered = {name: data for name, data in self.remembered.items() if contents_of(name[1:]) <= held}


class ShelfFile:
    """The file of one shelf, which is read again when it begins with another line."""

    def __init__(self, path):
        self.path, self._known = path, (b"", None)

    def read(self, identity=None):
        """Return the identity of the collection and its newest shelf; refuse another one than that of an identity."""
        gone = CollectionNotFoundError(f'the collection in "{self.path}" was deleted. Create it again, or use another.')
        with reporting(self.path):
            try:
                with open(self.path, "rb") as file:
                    head, (known, shelf) = file.readline(), self._known
                    body = file.read() if head != known else b""
            except FileNotFoundError:
                raise gone from None
        found, _, digest = head.strip().partition(b" ")
        if head != known:
            if digest != _digest(found, body):
                raise StoreDamagedError(
                    f'"{self.path}" is not what was written. Restore a backup.', place=str(self.path)
                )
            shelf = pickle.loads(body)
            self._known = head, shelf
        if identity not in (None, found):
            raise gone
        return found, shelf

    def write(self, identity, shelf):
        body = pickle.dumps(shelf)
        disk.replace_bytes(self.path, identity + b" " + _digest(identity, body) + b"\n" + body, mode=disk.PRIVATE)

    @contextmanager
    def locked(self):
        with reporting(self.path), disk.locked(self.path.with_suffix(".lock")):
            yield


def _digest(identity, body):
    return hashlib.sha256(identity + body).hexdigest().encode()


class PickledStore:
    """One collection; see the seam for what each method promises."""

    def __init__(self, file, limits):
        self._file, self._limits, self._is_closed, self._pinned = file, limits, False, threading.local()
        self._identity, _ = file.read()

    def _shelf(self):
        if self._is_closed:
            raise refusals.closed(self._file.path)
        return getattr(self._pinned, "shelf", None) or self._file.read(self._identity)[1]

    @contextmanager
    def _writing(self, *, quietly=False):
        """Lend a shelf to change, which is written at the end where nothing is raised."""
        self._shelf()
        with self._file.locked():
            shelf = self._file.read(self._identity)[1].copy()
            yield shelf
            shelf.forget()
            shelf.version += not quietly
            self._file.write(self._identity, shelf)

    # ---- records

    spec = property(lambda self: self._shelf().spec)
    version = property(lambda self: self._shelf().version)

    @contextmanager
    def snapshot(self):
        before, shelf = getattr(self._pinned, "shelf", None), self._shelf()
        self._pinned.shelf = shelf
        try:
            yield shelf.version
        finally:
            self._pinned.shelf = before

    def upsert(self, entries, *, replace="same_source"):
        batches.check_replace(replace)
        if not entries:
            return Written((), (), ())
        with self._writing() as shelf:
            held = {row.record.id: row.record for row in shelf.rows.values()}
            stored = {id: (checks.json_text(one.metadata), checks.json_text(one.tags)) for id, one in held.items()}
            batch = with_kept(prepare(entries, shelf.spec.spaces, self._limits), stored)
            sources = {id: one.source for id, one in held.items()}
            chosen, refused = batches.choose_writes(batch, sources, replace)
            for each in chosen.values():
                shelf.put(each)
        added = tuple(id for id in chosen if id not in held)
        return Written(added, tuple(id for id in chosen if id in held), tuple(refused))

    def revise(self, record_id, *, entry=None, seen=None, **changes):
        with self._writing() as shelf:
            fresh = batches.revised(shelf.held(record_id, seen), **changes)
            if entry is None:
                shelf.change(fresh, self._limits)
            else:
                record = replace(entry.record, id=record_id, metadata=fresh.metadata, tags=fresh.tags)
                shelf.put(*prepare([replace(entry, record=record)], shelf.spec.spaces, self._limits))
            return shelf.held(record_id)

    def revise_all(self, revisions):
        done = []
        with self._writing() as shelf:
            for one in revisions:
                try:
                    shelf.change(one.applied_to(shelf.held(one.id)), self._limits)
                    done.append(shelf.held(one.id))
                except LookalikeError as error:
                    done.append(error)
        return tuple(done)

    def restamp(self, records):
        stamps = {_told(one): one.stamp for one in records}
        with self._writing() as shelf:
            for key, row in shelf.rows.items():
                stamp = stamps.get(_told(row.record), row.record.stamp)
                shelf.rows[key] = replace(row, record=replace(row.record, stamp=stamp))

    def move(self, moves):
        with self._writing() as shelf:
            for one in moves:
                checks.check_id(one.id, self._limits)
                checks.check_text(one.source)
            keys, held = shelf.keys(), {row.record.id: row.record for row in shelf.rows.values()}
            as_seen = [one for one in moves if _told(held.get(one.seen.id)) == _told(one.seen)]
            chosen = batches.choose_moves(as_seen, keys)
            for one in chosen:
                key, facts = keys[one.seen.id], batches.facts_after(one, held[one.seen.id].facts)
                changes = {"id": one.id, "source": one.source, "stamp": one.stamp, "facts": facts}
                record = replace(held[one.seen.id], **changes, updated_at=utc_now())
                shelf.rows[key] = replace(shelf.rows[key], record=record)
        return tuple(chosen)

    def delete(self, record_ids=(), *, filter=None, seen=None):
        with self._writing() as shelf:
            if seen is not None:
                shelf.held(seen.id, seen)
            gone = {key for id, key in shelf.keys().items() if id in set(record_ids)}
            gone |= set() if filter is None else set(shelf.passing(filter))
            shelf.remove(gone)
        return len(gone)

    def discard(self, seen):
        with self._writing() as shelf:
            same = {key: row.record.id for key, row in shelf.rows.items() if row.record in seen}
            shelf.remove(same)
        return tuple(same.values())

    def put_vectors(self, space, keys, rows):
        now = {}
        with self._writing() as shelf:
            stored = encode(list(rows), shelf.space(space), [f"key {key}" for key in keys])
            for key, raw in zip(map(int, keys), stored, strict=True):
                if (row := shelf.rows.get(key)) is not None:
                    vectors = {**row.vectors, space: raw}
                    now[key] = shelf.key_for(key, vectors)
                    shelf.rows[now[key]] = replace(row, vectors=vectors)
        return now

    def _rows(self, keys):
        rows = self._shelf().rows
        return {int(key): rows[int(key)] for key in keys if int(key) in rows}

    def get(self, record_ids):
        with self.snapshot():
            return {record.id: record for record in self.records(list(self.keys(record_ids).values())).values()}

    def records(self, keys):
        return {key: row.shown() for key, row in self._rows(keys).items()}

    def keys(self, record_ids):
        held = self._shelf().keys()
        return {id: held[id] for id in record_ids if id in held}

    def ids(self, keys):
        return {key: row.record.id for key, row in self._rows(keys).items()}

    def entry(self, record_id):
        with self.snapshot():
            found = self.entries(list(self.keys([record_id]).values()))
        return next(((key, full.entry) for key, full in found.items()), None)

    def entries(self, keys, *, remembered=()):
        shelf, found = self._shelf(), {}
        for key, row in self._rows(keys).items():
            vectors = {name: floats(rows_of(raw, shelf.space(name)))[0] for name, raw in row.vectors.items()}
            names = {kind: (kind, row.record.content_hash) for kind in remembered}
            known = {kind: shelf.remembered[name] for kind, name in names.items() if name in shelf.remembered}
            are_kept = row.thumbnail is not None, row.original is not None
            found[key] = FullRecord(Entry(row.shown(), vectors), *are_kept, known)
        return found

    def keys_of_hash(self, content_hash):
        return [key for key, row in self._shelf().rows.items() if row.record.content_hash == content_hash]

    def from_sources(self, sources):
        found = {source: [one for one in self.scan() if one.source == source] for source in sources}
        return {source: records for source, records in found.items() if records}

    def vectors(self, space, keys):
        held, rows = self._shelf().space(space), self._rows(keys)
        return {k: floats(rows_of(row.vectors[space], held))[0] for k, row in rows.items() if space in row.vectors}

    def scan(self, *, filter=None, after=None):
        rows = sorted(self._shelf().passing(filter).values(), key=lambda row: row.record.id)
        return (row.shown() for row in rows if row.record.id > (after or ""))

    def scan_metadata(self, *, filter=None):
        return ((one.metadata, list(one.tags)) for one in self.scan(filter=filter))

    def scan_vectors(self, space, *, batch=4096):
        keys, rows = self._table(space)
        for start in range(0, len(keys), batch):
            yield keys[start : start + batch], floats(rows[start : start + batch])

    def sample(self, n, *, filter=None, seed=None):
        held = list(self.scan(filter=filter))
        return [held[place] for place in sorted(places_drawn(len(held), n, seed))]

    def facets(self, *, filter=None, limit=20, field=None, contains=None):
        return count_facets(self.scan_metadata(filter=filter), limit=limit, field=field, contains=contains)

    def find_text(self, query, *, filter=None, limit=20):
        return texts.find_text(self.scan(filter=filter), query, limit)

    def count(self, *, filter=None):
        return len(self._shelf().passing(filter))

    def thumbnail(self, record_id):
        return next((row.thumbnail for row in self._rows(self.keys([record_id]).values()).values()), None)

    def original(self, record_id):
        return next((row.original for row in self._rows(self.keys([record_id]).values()).values()), None)

    def attach(self, name, data):
        with self._writing(quietly=True) as shelf:
            shelf.attachments[name] = data

    def attachment(self, name):
        return self._shelf().attachments.get(name)

    def remembered(self, kind, hashes):
        known = self._shelf().remembered
        return {hash: known[kind, hash] for hash in hashes if (kind, hash) in known}

    def remember(self, kind, items):
        with self._writing(quietly=True) as shelf:
            kept = rememberable(items, drawable=shelf.spec.keep != "none")
            shelf.remembered |= {(kind, name): data for name, data in kept.items()}

    def damaged(self):
        return {}

    # ---- nearest

    def _table(self, space, filter=None):
        """Return the keys and the rows, as they are stored, of the vectors of one space."""
        shelf = self._shelf()
        held = shelf.space(space)
        found = {key: row.vectors[space] for key, row in shelf.passing(filter).items() if space in row.vectors}
        return np.array(list(found), np.int64), rows_of(b"".join(found.values()), held)

    def search(self, query, known=None):
        with self.snapshot():
            return search.search(self, query, known)

    def neighbors(self, space, vectors, k, *, max_distance=None, filter=None, exact=False):
        with self.snapshot():
            held = self._shelf().space(space)
            checks.check_queries(held, vectors, k, max_distance)
            keys, rows = self._table(space, filter)
            ids = np.array(list(self.ids(keys).values()), object)
        columns, most = Columns(len(vectors), k), np.float32(np.inf if max_distance is None else max_distance)
        for n, query in enumerate(vectors):
            distances = distances_of(held.metric, query, rows)
            near = [place for place in np.lexsort((ids, distances)) if distances[place] <= most][:k]
            columns.take(n, [(keys[near], distances[near])])
        method = "exact" if filter is None else "exact_matching"
        plan = Plan(method, "all rows are scanned", len(keys), len(keys) * len(vectors), 1.0, 0.0, 0.0)
        return columns.neighbors(plan)

    def pairs(self, space, max_distance, *, between=None):
        checks.check_ceiling(max_distance)
        (keys, rows), metric = self._table(space), self._shelf().space(space).metric
        return _pairs(keys, floats(rows), rows, metric, np.float32(max_distance), between)

    # ---- upkeep

    @property
    def is_there(self):
        try:
            return bool(self._file.read(self._identity))
        except LookalikeError:
            return False

    def configure(self, **changes):
        with self._writing() as shelf:
            shelf.spec = specs.configured(shelf.spec, self._limits, **changes)

    def add_space(self, space):
        checks.check_space(space)
        with self._writing() as shelf:
            specs.check_added(space, shelf.spec.spaces)
            shelf.spec = replace(shelf.spec, spaces=(*shelf.spec.spaces, space))

    def drop_space(self, name):
        with self._writing() as shelf:
            specs.check_dropped(name, shelf.spec.spaces)
            shelf.spec = replace(shelf.spec, spaces=tuple(one for one in shelf.spec.spaces if one.name != name))
            for key, row in shelf.rows.items():
                vectors = {space: raw for space, raw in row.vectors.items() if space != name}
                shelf.rows[key] = replace(row, vectors=vectors)

    def check(self):
        return list(self.examine().problems)

    def examine(self):
        self._shelf()
        try:
            ShelfFile(self._file.path).read(self._identity)
        except StoreDamagedError as error:
            return Findings((str(error),), {})
        return Findings((), {})

    def repair(self):
        self._shelf()

    def statistics(self):
        shelf = self._shelf()
        with reporting(self._file.path):
            size = self._file.path.stat().st_size
        held = [space for row in shelf.rows.values() for space in row.vectors]
        changed = max((row.record.updated_at for row in shelf.rows.values()), default=shelf.spec.created_at)
        counts = {space.name: held.count(space.name) for space in shelf.spec.spaces}
        search = {"search": "exact", "recall_target": shelf.spec.recall_target, "recall": 1.0}
        sizes = {"bytes_on_disk": size, "bytes_kept": size, "index_rows_on_disk": 0, "index_written_at": None}
        return {"records": len(shelf.rows), "changed_at": changed, "vectors": counts, **search, **sizes}

    def flush(self):
        self._shelf()

    def compact(self, on_progress=None):
        self._shelf()
        if on_progress is not None:
            on_progress(1.0)

    def backup(self, target):
        checks.check_backup_target(target)
        with reporting(target), disk.partial_folder(target) as fresh:
            ShelfFile(fresh / BACKUP).write(self._identity, self._shelf())
            disk.replace_folder(fresh, target)
        return {}

    def close(self):
        self._is_closed = True


def _told(record):
    """Return what a record is known by to those who saw it."""
    return record and (record.id, record.source, record.content_hash)


def _pairs(keys, vectors, rows, metric, most, between):
    """Yield the pairs of each row with those before it, or of each of some keys with others."""
    ours = range(len(keys)) if between is None else np.flatnonzero(np.isin(keys, between[0]))
    theirs = None if between is None else np.flatnonzero(np.isin(keys, between[1]))
    for n, place in enumerate(ours, start=1):
        others = np.arange(place) if theirs is None else theirs
        distances = distances_of(metric, vectors[place], rows[others])
        near = distances <= most
        yield Pairs(np.full(near.sum(), keys[place]), keys[others[near]], distances[near], None, n / len(ours))


class PickledStores:
    """The collections of one home; see the seam."""

    def __init__(self, home, limits, approximate_from=0):
        self._folder, self._limits = home / "pickled", limits

    def check(self):
        found = []
        for path in self._paths():
            try:
                ShelfFile(path).read()
            except LookalikeError as error:
                found.append(str(error))
        return found

    def repair(self):
        return []

    def names(self):
        return sorted(ShelfFile(path).read()[1].spec.name for path in self._paths())

    def create(self, spec):
        checks.check_name(spec.name, self._limits)
        checks.check_spaces(spec)
        return self._made(Shelf(replace(spec, created_at=spec.created_at or utc_now())))

    def open(self, name):
        return PickledStore(self._found(name), self._limits)

    def figures(self, name):
        store = self.open(name)
        return store.spec, store.statistics()

    def delete(self, name):
        file = self._found(name)
        with file.locked():
            file.path.unlink(missing_ok=True)
            file.path.with_suffix(".lock").unlink(missing_ok=True)
            disk.sync(self._folder)

    def restore(self, source, name=None, *, despite_damage=False):
        if not (source / BACKUP).is_file():
            raise InputError(f'"{source}" holds no backup. Name a folder that `lookalike backup` has made.')
        shelf = ShelfFile(source / BACKUP).read()[1].copy()
        shelf.spec = replace(shelf.spec, name=shelf.spec.name if name is None else name)
        checks.check_name(shelf.spec.name, self._limits)
        return self._made(shelf)

    def _paths(self):
        return sorted(self._folder.glob("*.pickle"))

    def _file(self, name):
        checks.check_name(name, self._limits)
        return ShelfFile(self._folder / f"{hashlib.sha256(name.encode()).hexdigest()}.pickle")

    def _found(self, name):
        file = self._file(name)
        if not file.path.exists():
            raise refusals.no_collection(name, self.names())
        return file

    def _made(self, shelf):
        file = self._file(shelf.spec.name)
        with file.locked():
            if file.path.exists():
                raise refusals.collection_exists(shelf.spec.name)
            file.write(secrets.token_hex(16).encode(), shelf)
        return PickledStore(file, self._limits)
