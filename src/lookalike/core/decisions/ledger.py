"""The ledger: what people decided about pictures, as events that are appended; only `forget` takes some out.

    HOME/decisions.jsonl    an event a line; an undo is an event as well
    HOME/decisions.lock     held by who appends
    HOME/moves.lock         held by who moves files because of what was decided

The ledger belongs to the home and not to a collection, so it outlives them. Two ledgers merge to the union of their
events; what they say follows from the events in the order of time, then id, wherever they were written. `effective`
says what that is for the records of a collection. What a caller says who may not speak for the whole home holds in
some collections only (`Event.within`): in every other one it is as if it had never been said.
"""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ... import disk, refusals
from ...errors import ConflictError, InputError, NotFoundError, StoreDamagedError
from ...limits import Limits
from .events import (
    MOST_PICTURES,
    NOTES,
    STEP,
    Choice,
    Event,
    Kind,
    checked,
    effective_of,
    event_form,
    event_from,
    fresh_id,
    narrowed,
    order,
    text_of,
)

__all__ = [
    "MOST_PICTURES",
    "NOTES",
    "Choice",
    "Event",
    "Kind",
    "Ledger",
    "effective_of",
    "event_form",
    "event_from",
    "fresh_id",
]

_FILE, _LOCK, _MOVES_LOCK = "decisions.jsonl", "decisions.lock", "moves.lock"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCKS_DIFFER = timedelta(days=1)  # more than that ahead of ours is a wrong clock, whose events would outrank all


class Ledger:
    """The decisions of one home. May be used from many threads and processes."""

    def __init__(self, home: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._home = home
        self._file = home / _FILE
        self._clock = clock
        self._lock = threading.Lock()
        self._read_to = 0  # bytes
        self._last = b""  # line that was read
        self._inode = 0
        self._events: dict[tuple[str, tuple[str, ...]], Event] = {}  # by id and `within`: nobody takes another's id
        self._sorted: tuple[Event, ...] = ()
        self._counts: Counter[tuple[str, ...]] = Counter()  # events by `within`
        self._bytes: Counter[str] = Counter()  # of their lines, by collection
        self._dropped = 0  # events that were forgotten since: a version never comes back

    def moving(self) -> AbstractContextManager[None]:
        """Hold the right to move files, alone among all threads and processes: what is half done then, nobody is at."""
        return disk.locked(self._home / _MOVES_LOCK)

    def events(self) -> tuple[Event, ...]:
        """Return all events in their order.

        Raises:
            StoreDamagedError: when the file cannot be read.
        """
        with self._lock:
            self._refresh()
            return self._sorted

    def version(self, collection: str | None = None) -> int:
        """Return a number that every new event raises which holds in a collection, or in any; 0 before the first."""
        with self._lock:
            self._refresh()
            counts = self._counts.items()
            held = sum(count for within, count in counts if collection is None or not within or collection in within)
            return held + self._dropped

    def byte_size(self, collections: Iterable[str]) -> int:
        """Return the bytes that the events of some collections take on disk."""
        with self._lock:
            self._refresh()
            return sum(self._bytes[name] for name in collections)

    def effective(self, collection: str | None = None) -> tuple[Event, ...]:
        """Return the events that are not undone, in their order: those that hold in a collection, or in any."""
        return effective_of(self.events(), collection)

    def append(self, events: Sequence[Event]) -> tuple[Event, ...]:
        """Write events, dated now, and give them as written; they survive a crash once this returns."""
        with self._writing() as last:
            moment = max(self._clock(), last + STEP)
            dated = tuple(replace(event, at=text_of(moment + place * STEP)) for place, event in enumerate(events))
            self._write(dated)
        return dated

    def undo(
        self, ids: Iterable[str], *, collection: str | None = None, within: tuple[str, ...] = ()
    ) -> tuple[Event, ...]:
        """Take decisions back, by event or by batch, and give those that stood until now.

        Args:
            collection: Look only among the decisions of this collection.
            within: The collections in which they are taken back; empty for all of the home.

        Raises:
            NotFoundError: for an id that is neither.
            ConflictError: for a deletion that was carried out: `applying.restore` brings its file back first.
        """
        chosen = self.find(ids, collection)
        effective = self.effective(collection)
        carried_out = {about for event in effective if event.kind == "applied" for about in event.about}
        moved = next((event for event in chosen if event.kind == "applied" or event.id in carried_out), None)
        if moved is not None:
            raise ConflictError(
                f'decision "{moved.id}" was carried out: its file is not where it was. `lookalike decisions undo '
                f"{moved.batch}` on the machine of the files brings it back.",
                id=moved.id,
            )
        return self.take_back(chosen, within=within)

    def find(self, ids: Iterable[str], collection: str | None = None) -> tuple[Event, ...]:
        """Return the effective events that are named by their own id or by their batch, but no undo.

        Args:
            collection: Look only among the decisions of this collection; those of others look like none at all.

        Raises:
            NotFoundError: for an id that never was.
        """
        wanted = set(ids)
        events = [one for one in self.events() if _is_of(one, collection)]
        unknown = wanted - {event.id for event in events} - {event.batch for event in events}
        if unknown:
            where = "" if collection is None else f' in collection "{collection[:80]}"'
            raise NotFoundError(
                f'no decision "{min(unknown)[:80]}"{where}. `lookalike decisions list` shows their ids.',
                id=min(unknown),
            )
        return tuple(
            event
            for event in self.effective(collection)
            if event.kind != "undo" and wanted & {event.id, event.batch} and _is_of(event, collection)
        )

    def take_back(self, events: Iterable[Event], *, within: tuple[str, ...] = ()) -> tuple[Event, ...]:
        """Write that these events no longer stand, and give them."""
        batch, undone = fresh_id(), tuple(events)
        if undone:
            self.append(
                [Event(fresh_id(), "", "undo", one.collection, batch, about=(one.id,), within=within) for one in undone]
            )
        return undone

    def forget(self, ids: Iterable[str]) -> int:
        """Drop events for good, named by their own id or their batch, with what was undone or applied of them.

        Unlike `undo` it leaves no trace; `merge` of a ledger that still holds them brings them back.

        Returns:
            How many events went.

        Raises:
            NotFoundError: for an id that never was.
        """
        wanted = set(ids)
        with self._writing():
            unknown = wanted - {name for event in self._sorted for name in (event.id, event.batch)}
            if unknown:
                raise NotFoundError(
                    f'no decision "{min(unknown)[:80]}". `lookalike decisions list` shows their ids.', id=min(unknown)
                )
            gone = {event.id for event in self._sorted if wanted & {event.id, event.batch}}
            while more := {one.id for one in self._sorted if one.about and gone.issuperset(one.about)} - gone:
                gone |= more
            kept = [event for event in self._sorted if event.id not in gone]
            count = len(self._sorted) - len(kept)
            disk.replace_bytes(self._file, b"".join(map(_line, kept)), mode=disk.PRIVATE)
            self._forget()
            self._refresh()
        return count

    def lines(self, collection: str | None = None) -> Iterator[dict[str, Any]]:
        """Return the events, of one collection or all, as plain values that `merge` reads."""
        return (event_form(event) for event in self.events() if collection in (None, event.collection))

    def merge(
        self, lines: Iterable[Mapping[str, Any]], *, within: tuple[str, ...] = (), limits: Limits | None = None
    ) -> int:
        """Add the events of another ledger, and say how many were new. All of them or none.

        Where another machine moved a file to is not taken over: nothing here may be moved by what stands in a file.

        Args:
            within: The collections that the caller may speak for; empty for all of the home. What such a caller brings
                is dated now at the latest.

        Raises:
            InputError: when a line is not an event, is larger than a decision can be, or is dated later than clocks can
                differ.
        """
        events = [checked(line, limits or Limits()) for line in lines]
        latest = text_of(self._clock() + _CLOCKS_DIFFER)
        wrong = next((event for event in events if event.at > latest), None)
        if wrong is not None:
            raise InputError(
                f'decision "{wrong.id}" is dated {wrong.at}, more than a day ahead: it would outrank all that is '
                f"decided until then. Set the clock of its machine, and correct the date in the file."
            )
        if within:
            events = narrowed(events, within, self._clock())
        with self._writing():
            fresh = {_name(event): event for event in events if not self._has(event)}
            self._write(list(fresh.values()))
        return len(fresh)

    def _has(self, event: Event) -> bool:
        """Return whether an event is known, or one that says the same of the whole home."""
        everywhere = self._events.get((event.id, ()))
        return _name(event) in self._events or (
            everywhere is not None and replace(everywhere, moved_to=None) == replace(event, within=())
        )

    def _refresh(self) -> None:
        """Read what was appended since the last time, and all of it when the file is another one."""
        try:
            status = os.stat(self._file)
        except FileNotFoundError:
            self._forget()
            return
        if status.st_ino != self._inode or status.st_size < self._read_to:
            self._forget()
            self._inode = status.st_ino
        if status.st_size == self._read_to:
            return
        with open(self._file, "rb") as stream:
            stream.seek(self._read_to - len(self._last))
            if stream.read(len(self._last)) != self._last:  # another file of the same number: some were forgotten
                self._forget()
                self._inode = status.st_ino
                stream.seek(0)
            for line in stream:
                if line.endswith(b"\n"):  # a crash may leave a part of a line, which nobody was told was written
                    self._take(line)
                    self._read_to += len(line)
                    self._last = line
        self._sorted = tuple(sorted(self._events.values(), key=order))

    def _forget(self) -> None:
        self._read_to, self._last, self._events, self._sorted = 0, b"", {}, ()
        self._dropped += sum(self._counts.values()) + bool(self._counts)
        self._counts.clear()
        self._bytes.clear()

    def _take(self, line: bytes) -> None:
        try:
            event = event_from(json.loads(line))
        except ValueError as exc:  # ours are of that kind, too
            raise StoreDamagedError(
                f'cannot read the decisions in "{self._file}" at byte {self._read_to:,}: {exc} Bring the file back '
                f"from a backup, or take that line out.",
                place=str(self._file),
            ) from exc
        self._bytes[event.collection] += len(line)
        if _name(event) not in self._events:
            self._events[_name(event)] = event
            self._counts[event.within] += 1

    @contextmanager
    def _writing(self) -> Iterator[datetime]:
        """Hold the right to append, alone among all threads and processes; gives the moment of the last event."""
        with refusals.reporting(self._home), disk.locked(self._home / _LOCK), self._lock:
            self._refresh()
            yield datetime.fromisoformat(self._sorted[-1].at) if self._sorted else _BEGINNING

    def _write(self, events: Sequence[Event]) -> None:
        """Append the events that are new behind the last whole line, and force them to disk."""
        is_first = not self._file.exists()
        with open(os.open(self._file, os.O_RDWR | os.O_CREAT, disk.PRIVATE), "r+b") as stream:
            stream.truncate(self._read_to)
            stream.seek(self._read_to)
            for event in events:
                stream.write(_line(event))
            disk.sync_stream(stream)
        if is_first:
            disk.sync(self._home)
        self._refresh()


def _line(event: Event) -> bytes:
    return json.dumps(event_form(event), ensure_ascii=True).encode() + b"\n"


def _is_of(event: Event, collection: str | None) -> bool:
    return collection is None or (event.collection == collection and event.holds_in(collection))


def _name(event: Event) -> tuple[str, tuple[str, ...]]:
    return event.id, event.within
