"""Moves of records: another id, source and stamp, in one transaction, while all else of them stays where it is."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from ...limits import Limits
from ..base import Move
from ..common.batches import choose_moves, facts_after
from ..common.checks import check_id
from ..common.clock import utc_now
from . import checksums, schema

_IN = "IN (SELECT value FROM json_each(?))"  # any number of values in one variable


def move(conn: sqlite3.Connection, moves: Sequence[Move], *, version: int, limits: Limits) -> tuple[Move, ...]:
    """Carry out the moves that can be, in the transaction under way, and return them; see `Store.move`."""
    for one in moves:
        check_id(one.id, limits)
    names = [name for one in moves for name in (one.seen.id, one.id)]
    sql = f"SELECT id, key, source, content_hash, facts FROM records WHERE id {_IN}"  # noqa: S608 - nothing of a caller
    held = {id: tuple(rest) for id, *rest in conn.execute(sql, (json.dumps(names),))}
    damaged = checksums.damaged_records(conn, [row[0] for row in held.values()])
    sound = {id: row for id, row in held.items() if row[0] not in damaged}
    chosen = choose_moves([one for one in moves if _is_as_seen(one, sound)], held)
    keys = [held[one.seen.id][0] for one in chosen]
    conn.executemany("UPDATE records SET id = ? WHERE key = ?", [(f"\0{key}", key) for key in keys])
    now = utc_now()
    conn.executemany(
        "UPDATE records SET id = ?, source = ?, stamp = ?, facts = ?, updated_at = ?, changed = ? WHERE key = ?",
        [
            (one.id, one.source, one.stamp, _facts_text_after(one, held[one.seen.id][3]), now, version, key)
            for one, key in zip(chosen, keys, strict=True)
        ],
    )
    checksums.renew_records(conn, keys)
    return tuple(chosen)


def _facts_text_after(one: Move, text: str) -> str:
    facts = schema.facts_of(text)
    after = facts_after(one, facts)
    return text if after is facts else schema.facts_text(after)


def _is_as_seen(one: Move, held: Mapping[str, tuple[Any, ...]]) -> bool:
    return one.seen.id in held and held[one.seen.id][1:3] == (one.seen.source, one.seen.content_hash)
