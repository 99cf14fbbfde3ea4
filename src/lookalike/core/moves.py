"""Moves of files: which record a file belongs to that lies under another path than before.

A record follows its bytes. It has left its path when nothing lies there any more, or other bytes do; the file that has
its bytes now, and no record of its own with them, is where it went. So a picture keeps its title when its folder is
renamed, and when another picture takes its old name. A record whose bytes lie nowhere keeps its path.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .. import intake
from ..errors import LookalikeError
from ..stores import Move

if TYPE_CHECKING:
    from ..stores import Store
    from ..values import Record
    from .ingest import Item

Hash = Callable[[str], str]


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
class Departures:
    """The records of one store that have left their paths, each given to one file at most.

    Attributes:
        hash: Hashes the bytes of a file, as records do.
    """

    store: Store
    hash: Hash
    _claimed: set[str] = field(default_factory=set)

    def of(self, content_hash: str, path: str, seen: Mapping[str, str] | None = None) -> list[Record]:
        """Return the records of some bytes that a file of these bytes may be, the likeliest first.

        Args:
            path: Where the file lies.
            seen: Hashes of files that were read already, by path.
        """
        records = self.store.records(self.store.keys_of_hash(content_hash)).values()
        left = [one for one in records if one.id not in self._claimed and self._has_left(one, path, seen or {})]
        return sorted(left, key=lambda one: (os.path.basename(one.source or "") != os.path.basename(path), one.id))

    def claim(self, record: Record) -> None:
        """Give a record to a file."""
        self._claimed.add(record.id)

    def is_claimed(self, record: Record) -> bool:
        """Return whether a record was given to a file."""
        return record.id in self._claimed

    def _has_left(self, record: Record, path: str, seen: Mapping[str, str]) -> bool:
        source = record.source or ""
        if not os.path.isabs(source) or source == path:
            return False
        if intake.is_gone(source) or is_respelled(source, path):
            return True
        if source in seen:
            return seen[source] != record.content_hash
        try:
            return intake.stamp(source) != record.stamp and self.hash(source) != record.content_hash
        except (LookalikeError, OSError):  # nobody can tell
            return False


def moves_among(changed: Sequence[Changed], departures: Departures) -> list[tuple[Changed, Move]]:
    """Find the changed files that hold the bytes of another record, where the record of their path moves away, too."""
    seen = {one.item.name: one.content_hash for one in changed}
    wanted: dict[str, tuple[Changed, Record]] = {}
    for one in changed:
        found = (record for record in departures.of(one.content_hash, one.item.name, seen) if record.id not in wanted)
        record = next(found, None)
        if record is not None:
            wanted[record.id] = one, record
    while blocked := [id for id, (one, _) in wanted.items() if _is_blocked(one, wanted, departures)]:
        for id in blocked:
            del wanted[id]
    return [(one, move_to(record, one.item, keeps_id=_is_elsewhere(one))) for one, record in wanted.values()]


def move_to(record: Record, item: Item, *, keeps_id: bool = False) -> Move:
    """Return the move of a record to a file; its id follows where it was made from the old path."""
    follows = bool(item.id) and not keeps_id and _is_of_path(record) and not _is_same_text(record.id, item.id)
    return Move(record, item.id if follows else record.id, item.name, item.stamp)


def is_respelled(old: str, new: str) -> bool:
    """Return whether a path is another spelling of the one that its file has now, where a disk takes both for one."""
    if old == new or not _is_same_text(old.casefold(), new.casefold()):
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


def _is_blocked(one: Changed, wanted: Iterable[str], departures: Departures) -> bool:
    return not (_is_elsewhere(one) or one.held.id in wanted or departures.is_claimed(one.held))


def _is_elsewhere(one: Changed) -> bool:
    """Return whether the record that was found for a file only has its id, and lies elsewhere."""
    return one.held.source != one.item.name


def _is_of_path(record: Record) -> bool:
    """Return whether an id was made from the path of its file."""
    return record.id.rsplit("/", 1)[-1] == intake.printable(os.path.basename(record.source or ""))


def _is_same_text(a: str, b: str) -> bool:
    return unicodedata.normalize("NFC", a) == unicodedata.normalize("NFC", b)
