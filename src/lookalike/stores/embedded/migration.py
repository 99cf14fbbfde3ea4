"""Bringing a store of an earlier lookalike up to this one's schema: at its first write, never when it is read.

    1 → 2    records get `facts`; every row gets its checksum (see checksums.py)

What is quick is one transaction. The sums follow in transactions of some records each, and `meta.unsummed` says up to
which key they are there; a process that is killed meanwhile has lost nothing, and the next write goes on.
"""

from __future__ import annotations

import logging
import sqlite3

from . import checksums, schema

_AT_ONCE = 1000  # records in one transaction
_UNSUMMED = "unsummed"

log = logging.getLogger(__name__)


def is_pending(conn: sqlite3.Connection) -> bool:
    """Whether a store is not, or not all, of this schema."""
    return not schema.is_current(conn) or _summed_up_to(conn) is not None


def migrate(conn: sqlite3.Connection, *, again: bool = False) -> None:
    """Bring a store up to date where it is not; outside of a transaction, by who may write.

    Args:
        again: Look for rows without checksums also where all should have them.
    """
    is_old = is_pending(conn)
    if not is_old and not (again and _lack_sums(conn)):
        return
    conn.execute("BEGIN IMMEDIATE")
    if not schema.is_current(conn):
        _to_second(conn)
    conn.execute("INSERT OR IGNORE INTO meta VALUES (?, '0')", (_UNSUMMED,))
    count, places = conn.execute("SELECT count(*) FROM records").fetchone()[0], schema.count_places(conn)
    conn.execute("COMMIT")
    if count and is_old:  # else a row has lost its sum
        name = schema.read_spec(conn).name
        log.warning(
            '"%s" was made by an earlier lookalike: its %s records get checksums now, once.', name, f"{count:,}"
        )
    while _sum_some(conn, places):
        pass


def _to_second(conn: sqlite3.Connection) -> None:
    conn.execute(f"ALTER TABLE records ADD COLUMN {schema.FACTS_COLUMN}")
    checksums.create(conn, schema.count_places(conn))
    conn.execute("INSERT OR REPLACE INTO meta VALUES ('needs', ?)", (schema.NEEDS,))
    conn.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION}")


def _lack_sums(conn: sqlite3.Connection) -> bool:
    sql = "SELECT 1 FROM records WHERE key NOT IN (SELECT key FROM checksums) LIMIT 1"
    return conn.execute(sql).fetchone() is not None


def _sum_some(conn: sqlite3.Connection, places: int) -> bool:
    """Sum up the next records; say whether there may be more."""
    conn.execute("BEGIN IMMEDIATE")
    after = _summed_up_to(conn)
    if after is not None:
        sql = "SELECT key FROM records WHERE key > ? AND key NOT IN (SELECT key FROM checksums) ORDER BY key LIMIT ?"
        keys = [row[0] for row in conn.execute(sql, (after, _AT_ONCE))]
        if keys:
            checksums.fill(conn, places, keys)
            conn.execute("UPDATE meta SET value = ? WHERE name = ?", (str(keys[-1]), _UNSUMMED))
        else:
            conn.execute("DELETE FROM meta WHERE name = ?", (_UNSUMMED,))
            after = None
    conn.execute("COMMIT")
    return after is not None


def _summed_up_to(conn: sqlite3.Connection) -> int | None:
    """Return the key up to which all records have sums; None where all have them."""
    row = conn.execute("SELECT value FROM meta WHERE name = ?", (_UNSUMMED,)).fetchone()
    return None if row is None else int(row[0])
