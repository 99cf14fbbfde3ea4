"""Work on a whole store: new index files, compaction, backup."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ... import disk
from ...databases import PATIENCE_S, busy
from ...records import Space
from ..common.checks import check_backup_target
from . import attachments, backups, failures, feature_cache, index_snapshot, ivf, migration, pair_cache, schema
from .index_snapshot import TAIL_LEAST, TAIL_SHARE
from .transactions import Database

GONE_SHARE = 0.2  # above this share of deleted rows a scan wastes time on them


def write_snapshot(database: Database, folder: Path, spaces: Sequence[Space], *, least: int, damaged: bool) -> bool:
    """Write new index files where that pays and nobody else is at it; say whether it was done.

    Args:
        least: From how many rows on an approximate index is built.
    """
    with database.reading() as conn:
        if not damaged and not _is_worth_writing(conn, folder, spaces, least):
            return False
    with database.failing(), index_snapshot.locked(folder) as mine:
        if mine:
            _write(database, folder, spaces, least)
        return mine


def sweep(database: Database, folder: Path) -> None:
    """Remove index files that a dead writer left, where they are there and nobody else is at it."""
    with suppress(OSError):
        with database.reading() as conn:
            held = index_snapshot.current(conn)
        if not index_snapshot.litter(folder, held.name if held else None):
            return
        with index_snapshot.locked(folder) as mine:
            if mine:
                with database.reading() as conn:  # again: only now nobody can make another one current
                    held = index_snapshot.current(conn)
                index_snapshot.sweep(folder, held.name if held else None)


def compact(
    database: Database,
    folder: Path,
    spaces: Sequence[Space],
    *,
    least: int,
    tell: Callable[[float], None] = lambda _: None,
) -> None:
    """Rewrite index and truth without what was deleted.

    Raises:
        StoreBusyError: when another process writes index files, or reads an old state, for too long.
    """
    with database.reading():
        tell(0.0)
    with database.failing(), index_snapshot.locked(folder, patience_s=PATIENCE_S) as mine:
        if not mine:
            raise busy(database.file)
        _write(database, folder, spaces, least, anew=True)
    tell(0.5)
    with database.writing(quietly=True) as (conn, _):
        held = index_snapshot.current(conn)
        if held is not None:  # who knows fewer removals than the floor loads anew
            conn.execute("UPDATE state SET removed_floor = max(removed_floor, ?)", (held.last_removed,))
            conn.execute("DELETE FROM removed WHERE seq <= ?", (held.last_removed,))
        pair_cache.forget(conn)
    with database.failing():
        pair_cache.sweep(folder)
        disk.sweep_all(database.file.parent)
    feature_cache.forget(folder)
    tell(0.6)
    with database.alone() as conn:
        try:
            conn.execute("VACUUM")
        except sqlite3.OperationalError as exc:  # it makes the indexes anew, also of what cannot be read
            if not failures.is_about_a_row(exc):
                raise
            schema.drop_field_indexes(conn)
            conn.execute("VACUUM")
        tell(0.9)
        if conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            raise busy(database.file)
    with database.failing():  # what went stays gone after a loss of power
        for place in (database.file.with_name(f"{database.file.name}-wal"), folder):
            if place.exists():
                disk.sync(place)
    tell(1.0)


def backup(database: Database, target: Path) -> Mapping[str, Sequence[str]]:
    """Copy the database with a digest to a new folder, in one snapshot; the index is derived and stays behind.

    Returns:
        The damaged records that the copy holds as they are: their ids, and what of each it is.
    """
    check_backup_target(target)
    with failures.translated(target), disk.partial_folder(target) as fresh:
        copy(database, fresh)
        damaged = backups.damaged_in(fresh, database.file.parent)
        backups.write_digest(fresh)
        disk.replace_folder(fresh, target)
    return damaged


def copy(database: Database, fresh: Path) -> None:
    """Copy the database to an existing folder, in one snapshot; every row has its checksum there. And attachments."""
    copied = sqlite3.connect(fresh / schema.FILE, isolation_level=None)
    try:
        with database.reading() as conn:
            conn.backup(copied)  # in one step: a writer meanwhile cannot make it begin again
        copied.execute("PRAGMA journal_mode = WAL")
        copied.execute("DELETE FROM meta WHERE name = 'generation'")
        pair_cache.forget(copied)
        migration.migrate(copied)
        name = schema.read_spec(copied).name
    finally:
        copied.close()
    disk.replace_text(fresh / schema.NAME_FILE, name)
    attachments.copy(database.file.parent, fresh)


def _write(database: Database, folder: Path, spaces: Sequence[Space], least: int, *, anew: bool = False) -> None:
    """Write an index snapshot and make it current. Only for the holder of the lock.

    Args:
        anew: Take nothing over from the one before.
    """
    with database.reading() as conn:
        held, wanted = index_snapshot.current(conn), _wanted(conn, spaces, least)
    index_snapshot.sweep(folder, held.name if held else None)
    fresh = index_snapshot.write(folder, database.reading, wanted, anew=anew)
    with database.writing(quietly=True) as (conn, _):
        index_snapshot.publish(conn, fresh)
    index_snapshot.sweep(folder, fresh.name)


def _wanted(conn: sqlite3.Connection, spaces: Sequence[Space], least: int) -> index_snapshot.Wanted | None:
    """Return which approximate index is wanted, if any."""
    target = schema.read_spec(conn).recall_target
    if spaces[0].metric != "cosine" or target >= 1 or not ivf.is_mappable():
        return None
    return index_snapshot.Wanted(least, target)


def _is_worth_writing(conn: sqlite3.Connection, folder: Path, spaces: Sequence[Space], least: int) -> bool:
    """Whether the tail is long, many rows are deleted, files are missing, or the lists are not those wanted."""
    _, last_key, last_removed = index_snapshot.position(conn)
    held = index_snapshot.current(conn)
    if held is not None and not all(index_snapshot.are_there(folder, held, n, space) for n, space in enumerate(spaces)):
        return True
    if held is not None and _lists_differ(held, _wanted(conn, spaces, least)):
        return True
    base = max((space.count for space in held.spaces), default=0) if held else 0
    fresh, gone = last_key - (held.last_key if held else 0), last_removed - (held.last_removed if held else 0)
    return fresh > max(TAIL_LEAST, TAIL_SHARE * base) or gone > max(TAIL_LEAST, GONE_SHARE * base)


def _lists_differ(held: index_snapshot.IndexSnapshot, wanted: index_snapshot.Wanted | None) -> bool:
    """Whether a snapshot has lists that are not wanted, lacks wanted ones, or has them tuned to another recall."""
    files = held.spaces[0]
    if wanted is None or files.count < wanted.least:
        return files.lists is not None
    return files.lists is None or files.lists.tuning.target != wanted.recall
