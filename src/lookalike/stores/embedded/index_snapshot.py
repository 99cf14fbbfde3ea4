"""The files of the derived index: how an index snapshot is written, found, checked, and swept away.

    index/
    ├── 0.pairs.lock, *.pairs   near pairs that were found (see pair_cache.py)
    ├── remembered.sqlite       what was found out about pictures (see feature_cache.py)
    ├── lock                    held (flock) by who writes or sweeps; the others leave the index alone meanwhile
    ├── new-<random>/           an index snapshot being written; without its writer it is litter
    └── <version>-<random>/     an index snapshot
          0.keys                n_0 int64, little-endian, rising
          0.rows                n_0 rows of fp16 little-endian (or raw bytes), in the order of the keys
          1.keys ...            one pair a space
          0.centroids ...       the approximate index of the space that ranks, where it pays (see ivf.py)

Which one is current stands in the database itself (`meta.generation`: name, sizes, CRC-32 of each file, and how far it
goes), so the swap is one commit, a reader sees one snapshot of database and index, and files from elsewhere (an older
copy, another collection) are never taken for ours. An index snapshot is written from the database alone, in one read
transaction: a damaged one heals by being written again.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import disk
from ...records import Space
from ..common.metric import rows_of
from . import checksums, index_build, ivf, schema
from .exact import Segment, slack
from .ivf import Lists, Probing, Tuning

if TYPE_CHECKING:
    Reading = Callable[[], AbstractContextManager[sqlite3.Connection]]

TAIL_LEAST, TAIL_SHARE = 1000, 0.1  # a tail above both is worth new files: below, it loads in milliseconds
FORMAT, _READABLE = 2, (1, 2)  # raised when what is stored changes; the first had no approximate index
_BATCH = 4096
_READ_BYTES = 1 << 22  # fewer are read and not mapped: a thousand collections have no thousand files open
_NEW = "new-"


@dataclass(frozen=True)
class Wanted:
    """The approximate index that is wanted: from how many rows on, and the share of true neighbors it should find."""

    least: int
    recall: float


@dataclass(frozen=True)
class ListFiles:
    """The files of an approximate index: what they were tuned to, and their checksums."""

    tuning: Tuning
    crcs: dict[str, int]


@dataclass(frozen=True)
class SpaceFiles:
    """The files of one space, and how far its rows are from unit length.

    Attributes:
        damaged: Keys whose vector is not what was written to the database; they were left out.
    """

    count: int
    rows_crc: int
    keys_crc: int
    slack: float
    lists: ListFiles | None = None
    damaged: tuple[int, ...] = ()


_EMPTY = SpaceFiles(0, 0, 0, 0.0)


@dataclass(frozen=True)
class IndexSnapshot:
    """A state of the database that is on disk as index files.

    Attributes:
        version: The truth's version that it shows.
        last_key: The greatest key that had been given until then.
        last_removed: The last row of `removed` until then.
    """

    name: str
    version: int
    last_key: int
    last_removed: int
    spaces: tuple[SpaceFiles, ...]


def current(conn: sqlite3.Connection) -> IndexSnapshot | None:
    """Read from the database which index snapshot is current; None when there is none that this version reads."""
    row = conn.execute("SELECT value FROM meta WHERE name = 'generation'").fetchone()
    try:
        stored: dict[str, Any] = json.loads(row[0]) if row else {}
        if stored.pop("format", 0) not in _READABLE:
            return None
        stored["spaces"] = tuple(_space_files(**files) for files in stored["spaces"])
        return IndexSnapshot(**stored)
    except (ValueError, TypeError, KeyError, AttributeError):  # damaged: what is derived can be written again
        return None


def _space_files(lists: dict[str, Any] | None = None, **files: Any) -> SpaceFiles:
    files["damaged"] = tuple(files.get("damaged", ()))
    if lists is None:
        return SpaceFiles(**files)
    tuning = lists["tuning"]
    probings = tuple(Probing(**probing) for probing in tuning.pop("probings"))
    return SpaceFiles(**files, lists=ListFiles(Tuning(**tuning, probings=probings), lists["crcs"]))


def are_there(folder: Path, index_snapshot: IndexSnapshot, place: int, space: Space) -> bool:
    """Whether the files of one space are there, with the size that they were given."""
    if place >= len(index_snapshot.spaces):  # a space that is newer
        return False
    files = index_snapshot.spaces[place]
    if files.count == 0:
        return True
    sizes = {"keys": 8 * files.count, "rows": schema.vector_bytes(space) * files.count}
    if files.lists is not None:
        sizes |= ivf.sizes(files.count, space.dim, files.lists.tuning)
    try:
        return all((folder / index_snapshot.name / f"{place}.{kind}").stat().st_size == n for kind, n in sizes.items())
    except OSError:
        return False


def load(folder: Path, index_snapshot: IndexSnapshot, place: int, space: Space) -> Segment | None:
    """Map the files of one space; None when they are missing or not what was written."""
    files = index_snapshot.spaces[place]
    if not are_there(folder, index_snapshot, place, space):
        return None
    if files.count == 0:
        return Segment(rows_of(b"", space), np.empty(0, np.int64), None, 0.0)
    try:
        segment = _mapped(folder / index_snapshot.name, files, place, space)
    except (OSError, ValueError):
        return None
    if zlib.crc32(segment.keys.data) != files.keys_crc or zlib.crc32(segment.rows.data) != files.rows_crc:
        return None
    return segment


def _mapped(folder: Path, files: SpaceFiles, place: int, space: Space) -> Segment:
    """Map the rows, which holds a file; few are read instead."""
    keys = np.fromfile(folder / f"{place}.keys", np.uint8)
    path = folder / f"{place}.rows"
    rows = np.memmap(path, np.uint8, "r") if path.stat().st_size > _READ_BYTES else np.fromfile(path, np.uint8)
    return Segment(rows_of(rows, space), np.array(keys.view("<i8"), np.int64), None, files.slack)


def load_lists(folder: Path, index_snapshot: IndexSnapshot, place: int, space: Space) -> Lists | None:
    """Map the approximate index of one space; None when there is none, or it is not what was written."""
    files = index_snapshot.spaces[place].lists
    if files is None or not ivf.is_mappable():
        return None
    paths = ivf.paths(folder / index_snapshot.name, place)
    try:
        raw = {kind: np.memmap(path, np.uint8, "r") for kind, path in paths.items()}
    except (OSError, ValueError):
        return None
    if any(zlib.crc32(raw[kind].data) != crc for kind, crc in files.crcs.items()):
        return None
    centroids = np.array(raw["centroids"].view("<f4"), np.float32).reshape(-1, space.dim)
    return Lists(files.tuning, centroids, np.array(raw["assigned"].view("<i4"), np.int32), paths["lists"])


def write(folder: Path, reading: Reading, wanted: Wanted | None, *, anew: bool = False) -> IndexSnapshot:
    """Write the state that a read transaction sees as a new index snapshot, and return it. Not yet current.

    Args:
        reading: Opens a read transaction; it ends before lists are built, which may take minutes.
        wanted: Which approximate index is to be built, if any.
        anew: Build it without a look at the one before, whose centers may tell of rows that are gone.
    """
    fresh = folder / f"{_NEW}{secrets.token_hex(8)}"
    folder.mkdir(mode=disk.PRIVATE_FOLDER, exist_ok=True)
    fresh.mkdir(mode=disk.PRIVATE_FOLDER)
    try:
        with reading() as conn:
            version, last_key, last_removed = position(conn)
            spaces = schema.read_places(conn)
            files = [_write_space(fresh, conn, place, space) for place, space in enumerate(spaces)]
            before = None if anew else current(conn)
        if wanted is not None and files[0].count >= wanted.least:
            files[0] = _with_lists(folder, fresh, files[0], spaces[0], before, wanted.recall)
        name = f"{version}-{secrets.token_hex(8)}"
        disk.replace_folder(fresh, folder / name)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return IndexSnapshot(name, version, last_key, last_removed, tuple(files))


def _with_lists(
    folder: Path, fresh: Path, files: SpaceFiles, space: Space, before: IndexSnapshot | None, recall: float
) -> SpaceFiles:
    """Build the approximate index of the space that ranks, beside its rows."""
    base = _mapped(fresh, files, 0, space)
    held = None
    if before is not None and (old := load(folder, before, 0, space)) is not None:
        lists = load_lists(folder, before, 0, space)
        held = None if lists is None else (old.keys, lists)
    tuning = index_build.build(fresh, 0, base, target=recall, before=held)
    crcs = {}
    for kind, path in ivf.paths(fresh, 0).items():
        crcs[kind] = zlib.crc32(np.memmap(path, np.uint8, "r").data)
    return replace(files, lists=ListFiles(tuning, crcs))


def _write_space(fresh: Path, conn: sqlite3.Connection, place: int, space: Space) -> SpaceFiles:
    count, rows_crc, keys_crc, most = 0, 0, 0, 0.0
    damaged: list[int] = []
    with (
        open(fresh / f"{place}.keys", "wb", opener=disk.open_private) as keys_file,
        open(fresh / f"{place}.rows", "wb", opener=disk.open_private) as rows_file,
    ):
        for keys, raw in vectors_after(conn, place, space, 0, damaged):
            rows_file.write(raw)
            keys_file.write(keys.tobytes())
            rows_crc, keys_crc = zlib.crc32(raw, rows_crc), zlib.crc32(keys.tobytes(), keys_crc)
            most = max(most, slack(rows_of(raw, space)))
            count += len(keys)
    return SpaceFiles(count, rows_crc, keys_crc, most, damaged=tuple(damaged))


def publish(conn: sqlite3.Connection, index_snapshot: IndexSnapshot) -> None:
    """Make an index snapshot current, in the write transaction under way; a newer one stays."""
    held = current(conn)
    if held is None or held.version <= index_snapshot.version:
        _store(conn, index_snapshot)


def leave_out_dropped(conn: sqlite3.Connection) -> None:
    """Take the files of dropped spaces out of the current index snapshot, in the write transaction under way."""
    held = current(conn)
    if held is not None:
        _store(conn, held)


def _store(conn: sqlite3.Connection, index_snapshot: IndexSnapshot) -> None:
    places = schema.read_places(conn)
    kept = [files if place.name else _EMPTY for files, place in zip(index_snapshot.spaces, places, strict=False)]
    text = json.dumps({"format": FORMAT, **asdict(replace(index_snapshot, spaces=tuple(kept)))})
    conn.execute("INSERT OR REPLACE INTO meta VALUES ('generation', ?)", (text,))


def position(conn: sqlite3.Connection) -> tuple[int, int, int]:
    """Read how far the database goes: version, greatest key ever given, last row of `removed`."""
    row = conn.execute(
        "SELECT version, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'records'), 0), "
        "coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'removed'), 0) FROM state"
    ).fetchone()
    return row[0], row[1], row[2]


def vectors_after(
    conn: sqlite3.Connection, place: int, space: Space, key: int, damaged: list[int]
) -> Iterator[tuple[Any, bytes]]:
    """Return (keys (n,) int64, their vectors' bytes) behind a key, rising, in batches; without those that are damaged.

    Args:
        damaged: The keys of those are added here.
    """
    size = schema.vector_bytes(space)
    cursor = checksums.vectors(conn, place, "> ? ORDER BY v.key", (key,))
    while rows := cursor.fetchmany(_BATCH):
        sound = checksums.are_sound(rows, size)
        if not all(sound):
            damaged += [row[0] for row, is_sound in zip(rows, sound, strict=True) if not is_sound]
            rows = [row for row, is_sound in zip(rows, sound, strict=True) if is_sound]
        yield np.array([row[0] for row in rows], "<i8"), b"".join([row[1] for row in rows])


def sweep(folder: Path, keep: str | None) -> None:
    """Remove every index snapshot but one, and what dead writers left. Only for the holder of the lock."""
    for name in litter(folder, keep):
        shutil.rmtree(folder / name, ignore_errors=True)


def litter(folder: Path, keep: str | None) -> list[str]:
    """Name what lies in the index folder and is neither current nor the lock."""
    try:
        return sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and entry.name != keep)
    except FileNotFoundError:
        return []


@contextmanager
def locked(folder: Path, *, name: str = "lock", patience_s: float = 0.0) -> Iterator[bool]:
    """Hold a lock of an index folder; give False when another process has it for longer than `patience_s`."""
    try:
        import fcntl
    except ImportError:  # no flock on this platform: writers are told apart by their random names alone
        yield True
        return
    folder.mkdir(mode=disk.PRIVATE_FOLDER, exist_ok=True)
    with open(folder / name, "ab", opener=disk.open_private) as file:
        until = time.monotonic() + patience_s
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    yield False
                    return
                time.sleep(0.01)
        yield True  # closing the file lets go of the lock
