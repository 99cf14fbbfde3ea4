"""Moves of files: which record a file belongs to that lies under another path than before.

A record follows its bytes. It has left its path when nothing lies there any more, or other bytes do; the file that has
its bytes now, and no record of its own with them, is where it went. So a picture keeps its title when its folder is
renamed, and when another picture takes its old name. A record whose bytes lie nowhere keeps its path.
"""

from __future__ import annotations

import os
import threading
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from ... import intake
from ...errors import LookalikeError
from ...stores import Move

if TYPE_CHECKING:
    from ...records import Record
    from ...stores import Records
    from .pipeline import Item

Hash = Callable[[Any], str]
_MOST_NEIGHBORS = 64
_MANY = 8  # records of the same bytes: their files are looked at once a run, not once for each new file


@dataclass(frozen=True, eq=False)
class Changed:
    """A file that does not hold the bytes of the record at its path, or under its id.

    Attributes:
        place: Its place in the input.
        held: The record at its path or, where that is elsewhere, under its id.
        content_hash: SHA-256 of its bytes.
    """

    place: int
    item: Item
    held: Record
    content_hash: str


@dataclass(eq=False)
class _Group:
    """The records of some bytes that have left their paths, by id: all of them, and those of each file name."""

    left: dict[str, Record] = field(default_factory=dict)
    named: dict[str, dict[str, Record]] = field(default_factory=dict)
    there: dict[str, Record] = field(default_factory=dict)  # those that have not, by their paths without case and form

    def take(self, record: Record) -> None:
        """Count a record among those that have left."""
        self.left[record.id] = self.named.setdefault(_name_of(record), {})[record.id] = record

    def drop(self, record: Record) -> None:
        """Count a record no more."""
        self.left.pop(record.id, None)
        self.named.get(_name_of(record), {}).pop(record.id, None)


class Departures:
    """The records of one store that have left their paths, each given to one file at most. For many threads.

    Args:
        hash: Hashes the bytes of a file, as records do.
    """

    def __init__(self, store: Records, hash: Hash) -> None:
        self._store = store
        self._hash = hash
        self._lock = threading.Lock()
        self._claimed: set[str] = set()
        self._groups: dict[str, _Group] = {}  # by content hash, those of many records
        self._seen: Mapping[str, str] = {}

    def look_again(self, seen: Mapping[str, str]) -> None:
        """Forget what was looked at, and take from now on what files hold from their hashes, by path, where given."""
        with self._lock:
            self._groups, self._seen = {}, seen

    def find(self, content_hash: str, path: str) -> Record | None:
        """Return the record that a file of some bytes is likely to be: one of its name, else one whose name is free."""
        with self._lock:
            group = self._group(content_hash)
            respelled = group.there.get(_folded(path))
            if respelled is not None and is_respelled(respelled.source or "", path):
                return None if respelled.id in self._claimed else respelled
            named = group.named.get(os.path.basename(path))
            return next(iter(named.values())) if named else _unlike_its_neighbors(group.left, os.path.dirname(path))

    def claim(self, record: Record) -> None:
        """Assign a record to a file."""
        with self._lock:
            self._claimed.add(record.id)
            if record.content_hash in self._groups:
                self._groups[record.content_hash].drop(record)

    def release(self, record: Record) -> None:
        """Take a record back that was given to a file."""
        with self._lock:
            self._claimed.discard(record.id)
            if record.content_hash in self._groups:
                self._groups[record.content_hash].take(record)

    def is_claimed(self, record: Record) -> bool:
        """Return whether a record was given to a file."""
        return record.id in self._claimed

    def _group(self, content_hash: str) -> _Group:
        group = self._groups.get(content_hash)
        if group is None:
            records = self._store.records(self._store.keys_of_hash(content_hash)).values()
            group = _Group()
            for record in sorted(records, key=lambda one: one.id):
                if record.id in self._claimed:
                    continue
                if self._has_left(record):
                    group.take(record)
                else:
                    group.there[_folded(record.source or "")] = record
            if len(records) >= _MANY:
                self._groups[content_hash] = group
        return group

    def _has_left(self, record: Record) -> bool:
        source = record.source or ""
        if not os.path.isabs(source):
            return False
        if intake.is_gone(source):
            return True
        if source in self._seen:
            return self._seen[source] != record.content_hash
        try:
            return intake.stamp(source) != record.stamp and self._hash(source) != record.content_hash
        except (LookalikeError, OSError):  # nobody can tell
            return False


def moves_among(changed: Sequence[Changed], departures: Departures) -> list[tuple[Changed, Move]]:
    """Find the changed files that hold the bytes of another record, where the record of their path moves away, too.

    The records are claimed.
    """
    departures.look_again({one.item.name: one.content_hash for one in changed})
    wanted: dict[str, tuple[Changed, Record]] = {}
    for one in changed:
        record = departures.find(one.content_hash, one.item.name)
        if record is not None:
            departures.claim(record)
            wanted[record.id] = one, record
    while blocked := [id for id, (one, _) in wanted.items() if _stays(one, departures)]:
        for id in blocked:
            departures.release(wanted.pop(id)[1])
    return [(one, move_to(record, one.item, keeps_id=_is_elsewhere(one))) for one, record in wanted.values()]


def move_to(record: Record, item: Item, *, keeps_id: bool = False) -> Move:
    """Return the move of a record to a file; its id follows where it was made from the old path."""
    follows = bool(item.id) and not keeps_id and _is_of_path(record) and not _is_same_text(record.id, item.id)
    return Move(record, item.id if follows else record.id, item.name, item.stamp)


def is_respelled(old: str, new: str) -> bool:
    """Return whether a path is another spelling of the one that its file has now, where a disk takes both for one."""
    if old == new or _folded(old) != _folded(new):
        return False
    try:
        return os.path.samefile(old, new) and not _is_listed(old, new)
    except OSError:
        return False


def _is_listed(old: str, new: str) -> bool:
    """Return whether each part of a path that differs from the other path's is listed in its folder."""
    ours, others = old.split(os.sep), new.split(os.sep)
    differing = [place for place, (a, b) in enumerate(zip(ours, others, strict=False)) if a != b]
    return all(ours[place] in os.listdir(os.sep.join(ours[:place]) or os.sep) for place in differing)


def _unlike_its_neighbors(left: Mapping[str, Record], folder: str) -> Record | None:
    """Return the first record whose file name no other file of a folder has, which then is rather that one's."""
    some = list(islice(left.values(), _MOST_NEIGHBORS))
    free = (record for record in some if intake.is_gone(os.path.join(folder, _name_of(record))))
    return next(free, some[-1] if some else None)


def _stays(one: Changed, departures: Departures) -> bool:
    """Return whether the record at a file's path keeps it."""
    return not _is_elsewhere(one) and not departures.is_claimed(one.held)


def _is_elsewhere(one: Changed) -> bool:
    """Return whether the record that was found for a file only has its id, and lies elsewhere."""
    return one.held.source != one.item.name


def _is_of_path(record: Record) -> bool:
    """Return whether an id was made from the path of its file."""
    return record.id.rsplit("/", 1)[-1] == intake.printable(os.path.basename(record.source or ""))


def _name_of(record: Record) -> str:
    return os.path.basename(record.source or "")


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path.casefold())


def _is_same_text(a: str, b: str) -> bool:
    return unicodedata.normalize("NFC", a) == unicodedata.normalize("NFC", b)
