"""The index of one store in memory: loaded at first use, kept level with the database, and shared by all threads.

A view is what one read transaction sees: base, tail, deletions and the rows that a filter lets pass (a selection), all
of one version. Views do not change; a thread that finds the database ahead makes the next one under the lock, reading
only what is new (`key > last_key`, `removed.seq > last_removed`).
"""

# ruff: noqa: S608 - conditions are those of sql.py; values are bound
from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...conditions import And, Condition, Not, Or
from ...records import Space
from ..base import Harm
from ..common.metric import rows_of
from . import index_snapshot as files
from . import schema
from .damage import Damage
from .exact import Segment, Selection, slack
from .sql import Where, bounds_in, can_be_parted, is_indexed, where, where_between, where_part

if TYPE_CHECKING:
    from ...arrays import I64
    from ...filters import Filter
    from ..common.metric import Rows
    from .exact import Mask
    from .ivf import Lists

_FILTERS_KEPT, _COPIES = 32, 1 << 28  # filters, and bytes of the rows that were copied for them


@dataclass(eq=False)
class IndexView:
    """The vectors of one space at one version of the database."""

    version: int
    last_key: int
    last_removed: int
    index_snapshot: str
    base: Segment
    tail: Segment
    lists: Lists | None = None  # the approximate index of the base
    recall_target: float = 1.0
    selections: dict[Filter | None, list[Selection]] = field(default_factory=dict)

    def rows_of(self, keys: I64) -> tuple[I64, Rows]:
        """Return those of some keys that are here, rising, with their rows."""
        held = [(segment, segment.places_of(keys)) for segment in (self.base, self.tail)]
        found = [segment.keys[places] for segment, places in held]
        return np.concatenate(found), np.concatenate([segment.rows[places] for segment, places in held])


class Index:
    """The views of all spaces of one store; `met_damage` when index files were not usable."""

    def __init__(self, folder: Path, spaces: list[Space], damage: Damage) -> None:
        self._folder, self._spaces, self._damage = folder, spaces, damage
        self._views: dict[int, IndexView] = {}
        self._tails: dict[int, _Tail] = {}
        self._matching = _Matching(damage)
        self._lock, self._filter_lock = threading.Lock(), threading.Lock()
        self.met_damage = False

    def view(self, conn: sqlite3.Connection, place: int) -> IndexView | None:
        """Return the view of a space that the read transaction of `conn` sees; None when a newer one is out already.

        A caller that gets None begins a new transaction and asks again.
        """
        version, last_key, last_removed = files.position(conn)
        view = self._views.get(place)
        if view is not None and view.version == version:
            return view
        with self._lock:
            view = self._views.get(place)
            if view is not None and view.version > version:
                return None
            if view is None or view.version < version:
                self._views.pop(place, None)  # should this fail halfway, the next call loads from the start
                view = self._views[place] = self._next(conn, place, view, (version, last_key, last_removed))
            return view

    def selections(self, conn: sqlite3.Connection, view: IndexView, filter: Filter | None) -> list[Selection]:
        """Return the rows of base and tail of a view that pass the filter."""
        segments, held = (view.base, view.tail), view.selections.get(filter)
        if held is not None:
            return held
        if filter is None:
            return view.selections.setdefault(None, [Selection(each) for each in segments])
        with self._filter_lock:
            if filter not in view.selections:
                copied = sum(each.copied_bytes for held in view.selections.values() for each in held)
                if len(view.selections) > _FILTERS_KEPT or copied > _COPIES:
                    view.selections.clear()
                passing = self._matching.table(conn, filter, view.version, view.last_key)
                view.selections[filter] = [Selection(each, _of_keys(passing, each.keys)) for each in segments]
            return view.selections[filter]

    def holds(self, place: int) -> bool:
        """Whether the vectors of a space were loaded already."""
        return place in self._views

    def forget(self) -> None:
        """Let go of all views; the next use loads them again."""
        with self._lock:
            self._views, self._tails, self.met_damage = {}, {}, False
            self._matching = _Matching(self._damage)

    def _next(
        self, conn: sqlite3.Connection, place: int, view: IndexView | None, at: tuple[int, int, int]
    ) -> IndexView:
        version, last_key, last_removed = at
        newest = files.current(conn)
        floor = conn.execute("SELECT removed_floor FROM state").fetchone()[0]
        if view is None or view.last_removed < floor or _outgrown(view, newest):
            view = self._load(conn, place, newest, floor)
        base, tail = view.base, view.tail
        damaged: list[int] = []
        for keys, raw in files.vectors_after(conn, place, self._spaces[place], view.last_key, damaged):
            rows = rows_of(raw, self._spaces[place])
            tail = self._tails[place].append(tail, keys, rows, expected=last_key - view.last_key)
        self._damage.notice(damaged, Harm("vector", self._spaces[place].name))
        gone = conn.execute("SELECT key FROM removed WHERE seq > ?", (view.last_removed,)).fetchall()
        if gone:
            keys = np.unique(np.array([row[0] for row in gone], np.int64))
            base, tail = base.without(keys), tail.without(keys)
        target = schema.read_spec(conn).recall_target
        return IndexView(version, last_key, last_removed, view.index_snapshot, base, tail, view.lists, target)

    def _load(self, conn: sqlite3.Connection, place: int, newest: files.IndexSnapshot | None, floor: int) -> IndexView:
        space = self._spaces[place]
        base = lists = None
        if newest is not None and newest.last_removed >= floor and place < len(newest.spaces):
            base = files.load(self._folder, newest, place, space)
            lists = files.load_lists(self._folder, newest, place, space)
            self.met_damage |= base is None or (lists is None) != (newest.spaces[place].lists is None)
            self._damage.notice(newest.spaces[place].damaged if base is not None else (), Harm("vector", space.name))
        self._tails[place] = _Tail()
        empty = Segment(rows_of(b"", space), np.empty(0, np.int64), None, 0.0)
        if base is None or newest is None:  # all from the database; damaged files are not tried again
            return IndexView(0, 0, files.position(conn)[2], newest.name if newest else "", empty, empty)
        return IndexView(newest.version, newest.last_key, newest.last_removed, newest.name, base, empty, lists)


def _of_keys(table: Mask, keys: I64) -> Mask:
    """Return the entries of a table at some rising keys; without copying where none of them is missing in between."""
    if len(keys) and keys[-1] - keys[0] + 1 == len(keys):
        return table[keys[0] : keys[-1] + 1]
    return table[keys]


class _Tail:
    """Rows in memory with room to grow. Older views keep seeing the part that was theirs."""

    def __init__(self) -> None:
        self._rows: Rows | None = None
        self._keys: I64 = np.empty(0, np.int64)

    def append(self, held: Segment, keys: I64, rows: Rows, *, expected: int) -> Segment:
        """Return the segment that follows `held`, which must be the last one given.

        Args:
            expected: A guess at how many rows are coming; room that is never touched costs no memory.
        """
        n, end = len(held.keys), len(held.keys) + len(keys)
        if self._rows is None or end > len(self._keys):
            room = max(end + end // 2, n + expected, 64)
            fresh = np.empty((room, rows.shape[1]), rows.dtype), np.empty(room, np.int64)
            fresh[0][:n], fresh[1][:n] = held.rows, held.keys
            self._rows, self._keys = fresh
        self._rows[n:end], self._keys[n:end] = rows, keys
        alive = None if held.alive is None else np.concatenate([held.alive, np.ones(len(keys), bool)])
        return Segment(self._rows[:end], self._keys[:end], alive, max(held.slack, slack(rows)))


class _Matching:
    """For each filter a table that says of every key whether its record passes, kept level with the database.

    Only records that have changed are judged again. A table has a byte a key ever given, up to the last.
    """

    def __init__(self, damage: Damage) -> None:
        self._damage = damage
        self._kept: OrderedDict[Filter, tuple[int, Mask]] = OrderedDict()

    def table(self, conn: sqlite3.Connection, filter: Filter, version: int, last_key: int) -> Mask:
        """Return the table of a filter; keys of deleted records may be in it. It holds until the next call."""
        seen, table = self._kept.get(filter, (-1, np.empty(0, bool)))
        if seen > version:  # a thread with an older transaction: answer it, keep the newer
            return self._damage.without(conn, lambda: _judge_all(conn, filter, last_key, self._damage))
        if seen < 0:
            table = self._damage.without(conn, lambda: _judge_all(conn, filter, last_key, self._damage))
        elif seen < version:
            held = np.pad(table, (0, last_key + 1 - len(table)))
            table = self._damage.without(conn, lambda: _judge_again(conn, filter, held, self._damage, after=seen))
        self._kept[filter] = (version, table)
        self._kept.move_to_end(filter)
        if len(self._kept) > _FILTERS_KEPT:
            self._kept.popitem(last=False)
        return table


def _judge_again(conn: sqlite3.Connection, filter: Filter, table: Mask, damage: Damage, *, after: int) -> Mask:
    """Bring a table up to date with the records that changed after a version."""
    accepted = where(filter)
    table[_keys(conn, "changed > ?", (after,))] = False
    table[_keys(conn, f"changed > ? AND {damage.guard(accepted.text)}", (after, *accepted.values))] = True
    return table


def _judge_all(conn: sqlite3.Connection, filter: Filter, last_key: int, damage: Damage) -> Mask:
    indexed = schema.declared(schema.read_spec(conn)) if can_be_parted(filter) else frozenset()

    def judge(condition: Condition) -> Mask:
        """Answer a part by indexes alone, where they can; a part that they cannot answer takes one reading of all."""
        if not is_indexed(condition, indexed):
            return rows([where_part(filter, condition, indexed)])
        if isinstance(condition, Not):
            return ~judge(condition.part) & readable
        if isinstance(condition, And) and condition.parts:
            pairs, others = bounds_in(condition)
            ranges = [rows_of(where_between(filter, *pair, indexed)) for pair in pairs]
            return np.logical_and.reduce([*ranges, *map(judge, others)])  # type: ignore[no-any-return]
        if isinstance(condition, Or) and condition.parts:
            return np.logical_or.reduce([judge(part) for part in condition.parts])  # type: ignore[no-any-return]
        return rows_of(where_part(filter, condition, indexed))

    def rows_of(accepted: Where) -> Mask:
        return rows(accepted.alternatives or (accepted,))

    def rows(accepted: Sequence[Where]) -> Mask:
        table = np.zeros(last_key + 1, bool)
        for each in accepted:
            table[_keys(conn, damage.guard(each.text), each.values)] = True
        return table

    readable = np.ones(last_key + 1, bool)
    if damage.unreadable:
        readable[[key for key in damage.unreadable if key <= last_key]] = False
    return judge(filter.condition)


def _keys(conn: sqlite3.Connection, condition: str, values: Sequence[Any]) -> I64:
    cursor = conn.execute(f"SELECT key FROM records WHERE {condition}", values)
    keys: I64 = np.fromiter(chain.from_iterable(cursor), np.int64)
    return keys


def _outgrown(view: IndexView, newest: files.IndexSnapshot | None) -> bool:
    """Whether another process has written files that would spare us a long tail."""
    return (
        newest is not None
        and newest.name != view.index_snapshot
        and len(view.tail.keys) > max(files.TAIL_LEAST, files.TAIL_SHARE * len(view.base.keys))
    )
