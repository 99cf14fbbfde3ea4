"""Events of the ledger: their types, their JSON form, and which of them are in force.

Events of others are read no larger than a decision here can be, and hold only where their bringer may speak.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

from ...errors import InputError, in_json, shown
from ...limits import Limits
from ..features.fingerprints import Fingerprint, check_fingerprint, check_text, fingerprint_form, fingerprint_from

Choice = Literal["keep", "delete", "not_a_duplicate", "later"]
Kind = Literal["keep", "delete", "not_a_duplicate", "later", "applied", "saved_anew", "undo"]

NOTES: tuple[Kind, ...] = ("undo", "saved_anew")  # what nobody decided

MOST_PICTURES = 1000  # in one event, `beside` included: more is a mistake
STEP = timedelta(microseconds=1)  # between two events that are written together

_NO_LINE = "this is not a line of `lookalike decisions export`"
_MEND = "Export the decisions anew."
_TEXT, _LIST = (str, "a text"), ((list, tuple), "a list")
_PARTS: Mapping[str, tuple[Any, str]] = {
    "id": _TEXT,
    "at": (str, "a moment as text"),
    "kind": _TEXT,
    "collection": _TEXT,
    "batch": _TEXT,
    "pictures": _LIST,
    "beside": _LIST,
    "about": _LIST,
    "record": (Mapping, "an object"),
    "moved_to": ((str, type(None)), "a text or null"),
    "within": _LIST,
}
_MOST_TEXT_CHARS = 1024  # of an id or a batch


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
        within: The collections that it holds in; empty for all of the home.
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
    within: tuple[str, ...] = ()

    def holds_in(self, collection: str | None) -> bool:
        """Return whether it means anything in a collection; None is the home as a whole."""
        return collection is None or not self.within or collection in self.within


def effective_of(events: Iterable[Event], collection: str | None = None) -> tuple[Event, ...]:
    """Return the events that no effective undo takes back, in their order; an undo of an undo brings back.

    Args:
        collection: Where they are to stand; without one, an event stands unless it is undone wherever it holds.
    """
    undone: dict[str, list[Event]] = {}
    effective = []
    held = (event for event in events if event.holds_in(collection))
    for event in sorted(held, key=order, reverse=True):  # an undo is later than what it undoes
        if any(collection is not None or _covers(undo, event) for undo in undone.get(event.id, ())):
            continue
        effective.append(event)
        if event.kind == "undo":
            for about in event.about:
                undone.setdefault(about, []).append(event)
    return tuple(reversed(effective))


def fresh_id() -> str:
    """Return an id that no machine gave before."""
    return secrets.token_hex(8)


def event_form(event: Event) -> dict[str, Any]:
    """Return an event as plain values."""
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
        **({"within": list(event.within)} if event.within else {}),
    }


def event_from(told: Mapping[str, Any]) -> Event:
    """Read what `event_form` gave.

    Raises:
        InputError: when it is none.
    """
    _check_kinds(told)
    try:
        event = Event(
            id=told["id"],
            at=text_of(datetime.fromisoformat(told["at"]).astimezone(UTC)),
            kind=told["kind"],
            collection=told["collection"],
            batch=told["batch"],
            pictures=tuple(fingerprint_from(one) for one in told["pictures"]),
            beside=tuple(fingerprint_from(one) for one in told["beside"]),
            about=tuple(told["about"]),
            record=dict(told["record"]),
            moved_to=told["moved_to"],
            within=tuple(told.get("within", ())),
        )
    except (TypeError, ValueError, OverflowError) as exc:
        if isinstance(exc, InputError):  # about one of its pictures
            raise InputError(f"{_NO_LINE}: {exc}") from exc
        moment = in_json(told["at"])
        raise InputError(
            f'{_NO_LINE}: its "at" is not a time such as 2026-01-31T12:00:00+00:00, but {moment}. {_MEND}'
        ) from exc
    texts = (event.id, event.collection, event.batch, *event.about, event.moved_to or "-", *event.within)
    if not all(isinstance(text, str) and text for text in texts):
        raise InputError("an event of a decision has an empty name where one is needed. Export the decisions anew.")
    if event.kind not in get_args(Kind):
        kinds = ", ".join(get_args(Kind))
        raise InputError(
            f"a decision of the kind {str(event.kind)[:80]!r} is unknown here. There are: {kinds}. Use the lookalike "
            f"that wrote it, or a newer one."
        )
    return event


def checked(told: Mapping[str, Any], limits: Limits) -> Event:
    """Read an event that somebody else wrote, no larger than a decision here can be.

    Raises:
        InputError: when it is none, or too large.
    """
    counted = [told.get(name) for name in ("pictures", "beside", "about", "within")]
    counts = [len(one) if isinstance(one, list | tuple) else 0 for one in counted]
    if sum(counts[:2]) > MOST_PICTURES or max(counts) > MOST_PICTURES:  # before anything is made of them
        raise InputError(f"a decision is about {MOST_PICTURES} records at most, not {max(sum(counts[:2]), *counts):,}.")
    event = replace(event_from(told), moved_to=None)
    for text in (event.id, event.batch, *event.about):
        check_text(text, "a name in a decision", most_chars=_MOST_TEXT_CHARS)
    for text in (event.collection, *event.within):
        check_text(text, "a collection in a decision", most_chars=limits.max_name_chars)
    for picture in (*event.pictures, *event.beside):
        check_fingerprint(picture, limits)
    _check_record(event, limits)
    if event.within and event.collection not in event.within:
        raise InputError(f'decision "{event.id}" does not hold in the collection that it was made in. Export it anew.')
    return event


def narrowed(events: Iterable[Event], within: tuple[str, ...], now: datetime) -> list[Event]:
    """Let the events of a caller who speaks for some collections only hold there, and be no later than now.

    What is dated later would outrank all that is decided until then; and since nothing is dated before what is known,
    it would make all others' decisions later than they are.
    """
    bound = [replace(event, within=tuple(one for one in event.within if one in within) or within) for event in events]
    ahead = sorted((event for event in bound if event.at > text_of(now)), key=order)
    dates = {event.id: text_of(now + place * STEP) for place, event in enumerate(ahead)}
    return [replace(event, at=dates.get(event.id, event.at)) for event in bound]


def order(event: Event) -> tuple[str, str]:
    """Return what events are sorted by: time, then id."""
    return event.at, event.id


def text_of(moment: datetime) -> str:
    """Return a moment as events are dated."""
    return moment.isoformat(timespec="microseconds")


def _check_kinds(told: Any) -> None:
    """Refuse what does not hold values of the kinds that `event_form` gives, in words that name the place."""
    if not isinstance(told, Mapping):
        raise InputError(f"{_NO_LINE}: it is not an object, but {shown(told)!r}. {_MEND}")
    for name, (kinds, called) in _PARTS.items():
        if name not in told and name != "within":
            raise InputError(f'{_NO_LINE}: it has no "{name}". {_MEND}')
        value = told.get(name, [])
        if not isinstance(value, kinds):
            raise InputError(f'{_NO_LINE}: its "{name}" has to be {called}, not {in_json(value)}. {_MEND}')
    for name in ("pictures", "beside"):
        wrong = next((one for one in told[name] if not isinstance(one, Mapping)), told)
        if wrong is not told:
            raise InputError(f'{_NO_LINE}: its "{name}" has to be a list of objects, not of {in_json(wrong)}. {_MEND}')
    for name in ("about", "within"):
        wrong = next((one for one in told.get(name, ()) if not isinstance(one, str)), "")
        if wrong != "":
            raise InputError(f'{_NO_LINE}: its "{name}" has to be a list of texts, not of {in_json(wrong)}. {_MEND}')


def _check_record(event: Event, limits: Limits) -> None:
    size = len(json.dumps(event.record)) if event.record else 0
    most = limits.max_metadata_bytes + 16 * limits.max_id_chars  # its metadata, its names and its tags
    if size > most:
        raise InputError(f'decision "{event.id}" brings a record of {size:,} bytes; {most:,} may be.')


def _covers(undo: Event, event: Event) -> bool:
    """Return whether an undo takes an event back wherever that holds."""
    return not undo.within or (bool(event.within) and set(event.within) <= set(undo.within))
