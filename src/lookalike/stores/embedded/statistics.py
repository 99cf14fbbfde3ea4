"""The figures of a store, for people: what it holds, how much that takes, and how it searches."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...records import CollectionSpec
from . import index_snapshot, schema


def figures_of(conn: sqlite3.Connection, folder: Path) -> dict[str, Any]:
    """Return the figures of a store, as a read transaction sees it, without its index.

    Args:
        folder: That of the store.
    """
    held = conn.execute("SELECT spaces, count(*) FROM records GROUP BY spaces").fetchall()
    files, spec = index_snapshot.current(conn), schema.read_spec(conn)
    return {
        "records": sum(count for _, count in held),
        "changed_at": _changed_at(conn, spec),
        "bytes_on_disk": bytes_below(folder),
        "bytes_kept": bytes_kept(conn, folder),
        **_search(spec, files),
        "vectors": {
            space.name: sum(count for bits, count in held if bits >> place & 1)
            for place, space in enumerate(schema.read_places(conn))
            if space.name
        },
        "index_rows_on_disk": max((space.count for space in files.spaces), default=0) if files else 0,
        "index_written_at": files and _written_at(folder / schema.INDEX_FOLDER / files.name),
    }


def bytes_kept(conn: sqlite3.Connection, folder: Path) -> int:
    """Return the bytes of what a store keeps: the pages of its database that are used, and its other files.

    What SQLite needs to write (its log, and pages that wait to be used again) comes and goes with the writing.
    """
    pages, unused, size = (
        conn.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    database = {schema.FILE, *(f"{schema.FILE}{ending}" for ending in ("-wal", "-shm", "-journal"))}
    return int((pages - unused) * size) + bytes_below(folder, without=database)


def bytes_below(folder: Path, *, without: Collection[str] = ()) -> int:
    """Add up the sizes of the files below a folder, without some names; what goes meanwhile counts nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            if name in without:
                continue
            try:
                total += os.stat(os.path.join(place, name)).st_size
            except OSError:
                continue
    return total


def _changed_at(conn: sqlite3.Connection, spec: CollectionSpec) -> str:
    """Return when a record was last added or changed: UTC, ISO 8601; when the collection was made, without records.

    A time that cannot be read any more counts as none.

    Cost: one step in the index over the versions that records were written at.
    """
    row = conn.execute("SELECT CAST(updated_at AS BLOB) FROM records ORDER BY changed DESC LIMIT 1").fetchone()
    if row is None:
        return spec.created_at
    try:
        text = bytes(row[0] or b"").decode()
        datetime.fromisoformat(text)
    except ValueError:
        return spec.created_at
    return text


def _search(spec: CollectionSpec, files: index_snapshot.IndexSnapshot | None) -> dict[str, Any]:
    """Return how neighbors are searched for, and with what recall as measured when the index was built."""
    lists = files.spaces[0].lists if files else None
    probing = lists.tuning.probing(1) if lists and lists.tuning.target >= spec.recall_target else None
    if lists is None or probing is None:
        return {"search": "exact", "recall_target": spec.recall_target, "recall": 1.0}
    return {
        "search": "approximate",
        "recall_target": spec.recall_target,
        "recall": probing.recall,
        "lists": lists.tuning.lists,
        "probes": probing.probes,
    }


def _written_at(folder: Path) -> str | None:
    """Return when index files were written: UTC, ISO 8601; None when they are gone."""
    try:
        return datetime.fromtimestamp(folder.stat().st_mtime, UTC).isoformat(timespec="seconds")
    except OSError:
        return None
