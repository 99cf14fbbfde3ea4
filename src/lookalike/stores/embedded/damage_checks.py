"""The search for damage: in the database, in the index, and between the two."""

# ruff: noqa: S608 - tables are named by schema.py alone
from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...records import Space
from ...rendering import counted
from ..base import Findings, Harm
from . import checksums, damage, failures, index_snapshot, migration, schema
from .index import Index, IndexView
from .transactions import Database

if TYPE_CHECKING:
    from ...arrays import I64

_SHOWN = 20  # ids in a message


def check(database: Database, folder: Path, index: Index, spaces: Sequence[Space]) -> Findings:
    """Look for damage in the database, in the index, and between the two."""
    problems: list[str] = []
    with database.reading() as conn:
        damaged = damaged_records(conn, spaces)
        answers = integrity(conn)
        if answers:
            told = [f"{schema.FILE}: {answer}" for answer in answers]
            return Findings((*told, *_told(damaged)), damaged)
        for place, space in enumerate(spaces):
            problems += _check_vectors(conn, place, space)
        orphans = conn.execute("SELECT count(*) FROM pictures WHERE key NOT IN (SELECT key FROM records)").fetchone()[0]
        if orphans:
            problems.append(f"of no record: {counted(orphans, 'picture')}")
        is_old, unsummed = migration.is_pending(conn), tuple[str, ...]()
        if not is_old:
            keys = conn.execute("SELECT key FROM records WHERE key NOT IN (SELECT key FROM checksums)").fetchall()
            unsummed = tuple(damage.ids_of(conn, [row[0] for row in keys]).values())
            if unsummed:
                named = ", ".join(f'"{id}"' for id in unsummed[:_SHOWN])
                more = f" and {len(unsummed) - _SHOWN:,} more" if len(unsummed) > _SHOWN else ""
                problems.append(f"no checksums of {counted(len(unsummed), 'record')}: {named}{more}")
    for place, space in enumerate(spaces):
        problems += _check_index(database, index, place, space)
    problems += [*_told(damaged), *_check_files(database, folder, spaces)]
    return Findings(tuple(problems), damaged, is_old, unsummed)


def damaged_records(conn: sqlite3.Connection, spaces: Sequence[Space]) -> dict[str, tuple[Harm, ...]]:
    """Find the records of which a row is not what was written, or cannot be read: id to what it is of each."""
    found = {key: [Harm("record")] for key in damage.unreadable(conn)}
    if checksums.are_kept(conn):
        for key, harm in checksums.damaged(conn, [space.name for space in spaces]):
            if harm not in found.setdefault(key, []):
                found[key].append(harm)
    ids = damage.ids_of(conn, found)
    return {ids[key]: tuple(found[key]) for key in sorted(found, key=lambda key: ids[key])}


def _told(damaged: Mapping[str, Sequence[str]]) -> list[str]:
    return [f'record "{id}" is damaged: {" and ".join(what)}' for id, what in damaged.items()]


def integrity(conn: sqlite3.Connection) -> list[str]:
    """Let SQLite look at its own pages; what it cannot read in a row is told as that."""
    try:
        answers = [row[0] for row in conn.execute("PRAGMA integrity_check(10)")]
    except sqlite3.OperationalError as exc:
        if not failures.is_about_a_row(exc):
            raise
        return []
    return [] if answers == ["ok"] else answers


def _check_vectors(conn: sqlite3.Connection, place: int, space: Space) -> list[str]:
    table, found = schema.vector_table(place), []
    for question, what in (
        (f"SELECT count(*) FROM {table} WHERE key NOT IN (SELECT key FROM records)", "of no record"),
        (f"SELECT count(*) FROM {table} WHERE length(vector) <> {schema.vector_bytes(space)}", "of a wrong length"),
        (
            f"SELECT count(*) FROM records WHERE (spaces >> {place} & 1) <> (key IN (SELECT key FROM {table}))",
            "missing or too many",
        ),
    ):
        if count := conn.execute(question).fetchone()[0]:
            found.append(f'{what}: {counted(count, "vector")} of "{space.name}"')
    return found


def _check_index(database: Database, index: Index, place: int, space: Space) -> list[str]:
    """Compare the view that searches use, row by row, with the database of the same snapshot."""
    while True:
        with database.reading() as conn:
            view = index.view(conn, place)
            if view is None:
                continue
            wrong = _count_differences(conn, place, space, view)
            return [f'{wrong} vectors of "{space.name}" differ between index and truth'] if wrong else []


def _count_differences(conn: sqlite3.Connection, place: int, space: Space, view: IndexView) -> int:
    """Count the batches (or keys) in which the living rows of a view are not those of the database."""
    damaged: list[int] = []
    for _ in index_snapshot.vectors_after(conn, place, space, 0, damaged):
        pass
    keys = np.concatenate([segment.living() for segment in (view.base, view.tail)])
    keys = keys[~np.isin(keys, np.array(damaged, np.int64))]  # the database is wrong there, and known to be
    seen = wrong = 0
    for truth_keys, raw in index_snapshot.vectors_after(conn, place, space, 0, damaged):
        held = keys[seen : seen + len(truth_keys)]
        if not np.array_equal(held, truth_keys):
            return wrong + 1
        wrong += _rows_of(view, held) != raw
        seen += len(held)
    return wrong + len(keys) - seen


def _rows_of(view: IndexView, keys: I64) -> bytes:
    raw = b""
    for segment in (view.base, view.tail):
        raw += segment.rows[np.isin(segment.keys, keys, assume_unique=True)].tobytes()
    return raw


def _check_files(database: Database, folder: Path, spaces: Sequence[Space]) -> list[str]:
    with database.reading() as conn:
        held = index_snapshot.current(conn)
    found = []
    for place, space in enumerate(spaces):
        if held is None or place >= len(held.spaces):  # none yet, or none of a space that is newer
            continue
        lists_damaged = (
            held.spaces[place].lists is not None and index_snapshot.load_lists(folder, held, place, space) is None
        )
        if lists_damaged or index_snapshot.load(folder, held, place, space) is None:
            found.append(f'the index files of "{space.name}" are missing or damaged; searches do without them')
    return found + [f"index/{name} was left by a writer that died" for name in _litter(folder, held)]


def _litter(folder: Path, held: index_snapshot.IndexSnapshot | None) -> list[str]:
    with suppress(OSError), index_snapshot.locked(folder) as mine:  # a folder that may not be written has no writers
        if mine:
            return index_snapshot.litter(folder, held.name if held else None)
    return []
