"""The ledger: what people decided about pictures, as events that are only ever appended.

    HOME/decisions.jsonl    an event a line; an undo is an event as well
    HOME/decisions.lock     held by who appends

The ledger belongs to the home and not to a collection, so it outlives them. Two ledgers merge to the union of their
events; what they say follows from the events in the order of time, then id, wherever they were written. `standing`
says what that is for the records of a collection.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

from .. import disk
from ..errors import ConflictError, InputError, NotFoundError, StoreDamagedError
from .fingerprints import Fingerprint, fingerprint_form, fingerprint_from

Choice = Literal["keep", "delete", "not_a_duplicate", "later"]
Kind = Literal["keep", "delete", "not_a_duplicate", "later", "applied", "saved_anew", "undo"]

NOTES: tuple[Kind, ...] = ("undo", "saved_anew")  # what nobody decided

_FILE, _LOCK = "decisions.jsonl", "decisions.lock"
_STEP = timedelta(microseconds=1)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCKS_DIFFER = timedelta(days=1)  # more than that ahead of ours is a wrong clock, whose events would outrank all


@dataclass(frozen=True)
class Event:
    """One thing that people decided, or that was done because of it.

    Attributes:
        at: UTC, ISO 8601 with microseconds; later than every event that its writer knew.
        kind: "keep" and "delete" settle what becomes of each of `pictures`, "later" puts them off, "not_a_duplicate"
            says that any two of them are different; "applied" tells that a deletion was carried out, "saved_anew" that
            a picture which was decided on has other bytes now, and "undo" takes back.
        collection: Where it was decided.
        batch: What was decided by one command has one batch, and is undone at once by it.
        beside: The pictures that were looked at together with `pictures`.
        about: The ids of the events that are undone or applied.
        record: What was applied to, in the form that `Collection.add` reads.
        moved_to: Where its file lies since; None where it cannot be had back from.
    """

    id: str
    at: str
    kind: Kind
    collection: str
    batch: str
    pictures: tuple[Fingerprint, ...] = ()
    beside: tuple[Fingerprint, ...] = ()
    about: tuple[str, ...] = ()
    record: Mapping[str, Any] = field(default_factory=dict)
    moved_to: str | None = None


class Ledger:
    """The decisions of one home. May be used from many threads and processes."""

    def __init__(self, home: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._home = home
        self._file = home / _FILE
        self._clock = clock
        self._lock = threading.Lock()
        self._read_to = 0  # bytes
        self._inode = 0
        self._events: dict[str, Event] = {}
        self._sorted: tuple[Event, ...] = ()

    def events(self) -> tuple[Event, ...]:
        """Give all events in their order.

        Raises:
            StoreDamagedError: when the file cannot be read.
        """
        with self._lock:
            self._refresh()
            return self._sorted

    @property
    def version(self) -> int:
        """A number that every new event raises."""
        return len(self.events())

    def standing(self) -> tuple[Event, ...]:
        """Give the events that are not undone, in their order."""
        return standing_of(self.events())

    def append(self, events: Sequence[Event]) -> tuple[Event, ...]:
        """Write events, dated now, and give them as written; they survive a crash once this returns."""
        with self._writing() as last:
            moment = max(self._clock(), last + _STEP)
            dated = tuple(replace(event, at=_text(moment + place * _STEP)) for place, event in enumerate(events))
            self._write(dated)
        return dated

    def undo(self, ids: Iterable[str]) -> tuple[Event, ...]:
        """Take decisions back, by event or by batch, and give those that stood until now.

        Raises:
            NotFoundError: for an id that is neither.
            ConflictError: for a deletion that was carried out: `applying.restore` brings its file back first.
        """
        chosen = self.find(ids)
        carried_out = {about for event in self.standing() if event.kind == "applied" for about in event.about}
        moved = next((event for event in chosen if event.kind == "applied" or event.id in carried_out), None)
        if moved is not None:
            raise ConflictError(
                f'decision "{moved.id}" was carried out: its file is not where it was. `lookalike decisions undo '
                f"{moved.batch}` on the machine of the files brings it back.",
                id=moved.id,
            )
        return self.take_back(chosen)

    def find(self, ids: Iterable[str]) -> tuple[Event, ...]:
        """Give the standing events that are named by their own id or by their batch, but no undo.

        Raises:
            NotFoundError: for an id that never was.
        """
        wanted, events = set(ids), self.events()
        unknown = wanted - {event.id for event in events} - {event.batch for event in events}
        if unknown:
            raise NotFoundError(
                f'no decision "{min(unknown)[:80]}". `lookalike decisions list` shows their ids.', id=min(unknown)
            )
        return tuple(
            event for event in standing_of(events) if event.kind != "undo" and wanted & {event.id, event.batch}
        )

    def take_back(self, events: Iterable[Event]) -> tuple[Event, ...]:
        """Write that these events no longer stand, and give them."""
        batch, undone = fresh_id(), tuple(events)
        if undone:
            self.append([Event(fresh_id(), "", "undo", one.collection, batch, about=(one.id,)) for one in undone])
        return undone

    def lines(self, collection: str | None = None) -> Iterator[dict[str, Any]]:
        """Give the events, of one collection or all, as plain values that `merge` reads."""
        return (event_form(event) for event in self.events() if collection in (None, event.collection))

    def merge(self, lines: Iterable[Mapping[str, Any]]) -> int:
        """Add the events of another ledger, and say how many were new. All of them or none.

        Where another machine moved a file to is not taken over: nothing here may be moved by what stands in a file.

        Raises:
            InputError: when a line is no event, or dated later than clocks can differ.
        """
        events = [replace(event_from(line), moved_to=None) for line in lines]
        latest = _text(self._clock() + _CLOCKS_DIFFER)
        wrong = next((event for event in events if event.at > latest), None)
        if wrong is not None:
            raise InputError(
                f'decision "{wrong.id}" is dated {wrong.at}, more than a day ahead: it would outrank all that is '
                f"decided until then. Set the clock of its machine, and correct the date in the file."
            )
        with self._writing():
            fresh = {event.id: event for event in events if event.id not in self._events}
            self._write(list(fresh.values()))
        return len(fresh)

    def _refresh(self) -> None:
        """Read what was appended since the last time, and all of it when the file is another one."""
        try:
            status = os.stat(self._file)
        except FileNotFoundError:
            self._read_to, self._events, self._sorted = 0, {}, ()
            return
        if status.st_ino != self._inode or status.st_size < self._read_to:
            self._read_to, self._inode, self._events = 0, status.st_ino, {}
        if status.st_size == self._read_to:
            return
        with open(self._file, "rb") as stream:
            stream.seek(self._read_to)
            for line in stream:
                if line.endswith(b"\n"):  # a crash may leave a part of a line, which nobody was told was written
                    self._take(line)
                    self._read_to += len(line)
        self._sorted = tuple(sorted(self._events.values(), key=_order))

    def _take(self, line: bytes) -> None:
        try:
            event = event_from(json.loads(line))
        except ValueError as exc:  # ours are of that kind, too
            raise StoreDamagedError(
                f'cannot read the decisions in "{self._file}" at byte {self._read_to:,}: {exc} Bring the file back '
                f"from a backup, or take that line out.",
                place=str(self._file),
            ) from exc
        self._events.setdefault(event.id, event)

    @contextmanager
    def _writing(self) -> Iterator[datetime]:
        """Hold the right to append, alone among all threads and processes; gives the moment of the last event."""
        with disk.locked(self._home / _LOCK), self._lock:
            self._refresh()
            yield datetime.fromisoformat(self._sorted[-1].at) if self._sorted else _BEGINNING

    def _write(self, events: Sequence[Event]) -> None:
        """Append the events that are new behind the last whole line, and force them to disk."""
        is_first = not self._file.exists()
        with open(os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as stream:
            stream.truncate(self._read_to)
            stream.seek(self._read_to)
            for event in events:
                stream.write(json.dumps(event_form(event), ensure_ascii=True).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        if is_first:
            disk.sync(self._home)
        self._refresh()


def standing_of(events: Iterable[Event]) -> tuple[Event, ...]:
    """Give the events that no standing undo takes back, in their order; an undo of an undo brings back."""
    undone: set[str] = set()
    standing = []
    for event in sorted(events, key=_order, reverse=True):  # an undo is later than what it undoes
        if event.id in undone:
            continue
        standing.append(event)
        if event.kind == "undo":
            undone.update(event.about)
    return tuple(reversed(standing))


def fresh_id() -> str:
    """Give an id that no machine gave before."""
    return secrets.token_hex(8)


def event_form(event: Event) -> dict[str, Any]:
    """Give an event as plain values."""
    return {
        "id": event.id,
        "at": event.at,
        "kind": event.kind,
        "collection": event.collection,
        "batch": event.batch,
        "pictures": [fingerprint_form(one) for one in event.pictures],
        "beside": [fingerprint_form(one) for one in event.beside],
        "about": list(event.about),
        "record": dict(event.record),
        "moved_to": event.moved_to,
    }


def event_from(told: Mapping[str, Any]) -> Event:
    """Read what `event_form` gave.

    Raises:
        InputError: when it is none.
    """
    try:
        event = Event(
            id=told["id"],
            at=_text(datetime.fromisoformat(told["at"]).astimezone(UTC)),
            kind=told["kind"],
            collection=told["collection"],
            batch=told["batch"],
            pictures=tuple(fingerprint_from(one) for one in told["pictures"]),
            beside=tuple(fingerprint_from(one) for one in told["beside"]),
            about=tuple(told["about"]),
            record=dict(told["record"]),
            moved_to=told["moved_to"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        why = f"it has no {exc}" if isinstance(exc, KeyError) else str(exc)[:200]
        raise InputError(f"this is no line of `lookalike decisions export`: {why}") from exc
    texts = (event.id, event.collection, event.batch, *event.about, event.moved_to or "-")
    if not all(isinstance(text, str) and text for text in texts):
        raise InputError("an event of a decision has an empty name where one is needed. Export the decisions anew.")
    if event.kind not in get_args(Kind):
        kinds = ", ".join(get_args(Kind))
        raise InputError(
            f"a decision of the kind {str(event.kind)[:80]!r} is unknown here. There are: {kinds}. Use the lookalike "
            f"that wrote it, or a newer one."
        )
    return event


def _order(event: Event) -> tuple[str, str]:
    return event.at, event.id


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
