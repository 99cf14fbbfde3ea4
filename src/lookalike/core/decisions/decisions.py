"""The decisions of one collection: made about its records, kept in the ledger of the home."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from ...arguments import checked_methods, checked_rows
from ...errors import ConflictError, InputError, RecordNotFoundError
from ..features.fingerprints import Fingerprint
from ..ingest.spellings import all_as_stored
from .effective import EffectiveDecisions, Verdicts, effective_in, verdicts_of
from .ledger import MOST_PICTURES, Choice, Event, fresh_id

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from ...records import Record
    from ...stores import Store
    from .ledger import Ledger


def _hashes(event: Event) -> set[str]:
    pictures = (*event.pictures, *event.beside)
    return {content_hash for one in pictures for content_hash in (one.content_hash, *one.before)}


class _Kept:
    """What is kept of the last look, until something is decided or written."""

    verdicts: tuple[int, Verdicts] | None = None  # with the version of the ledger
    effective: tuple[tuple[int, int], EffectiveDecisions] | None = None  # with that of the store, too


@checked_methods
class Decisions:
    """What people decided about the records of one collection. Made by `Collection.decisions`.

    Attributes:
        reach: The collections in which holds what is decided through this object; empty for all of the home.
    """

    def __init__(self, store: Store, ledger: Ledger, reach: tuple[str, ...] = (), kept: _Kept | None = None) -> None:
        self._store = store
        self._ledger = ledger
        self.reach = reach
        self._kept = kept or _Kept()

    def within(self, collections: Iterable[str]) -> Decisions:
        """Return these decisions for a caller who speaks for some collections only; none of them means all."""
        return Decisions(self._store, self._ledger, tuple(collections), self._kept)

    def about_gone(self, events: Iterable[Event] | None = None) -> list[str]:
        """Return the ids of the decisions about pictures of which no record here shows any.

        Args:
            events: Those to look among; all that were made here when not given.
        """
        if events is None:
            name = self._store.spec.name
            events = [one for one in self._ledger.events() if one.collection == name]
        told = {event.id: _hashes(event) for event in events if event.pictures}
        looked_for = {content_hash for hashes in told.values() for content_hash in hashes}
        held = {content_hash for content_hash in looked_for if self._store.keys_of_hash(content_hash)}
        return [id for id, hashes in told.items() if held.isdisjoint(hashes)]

    @property
    def version(self) -> int:
        """A number that every decision raises that holds here."""
        return self._ledger.version(self._store.spec.name)

    def decide(
        self, choice: Choice, record_ids: Sequence[str], *, beside: Iterable[str] = (), batch: str | None = None
    ) -> Event:
        """Keep a decision about records; it holds for their pictures, wherever these are found again.

        Args:
            choice: "keep" or "delete" says what becomes of each record; "later" puts it off; "not_a_duplicate" says
                that any two of them are different pictures. No file is touched.
            beside: The other records that were looked at: two that were both kept, and seen together, are not a
            question
                any more; what is deleted gives way to one of them.
            batch: Decisions with one batch are undone at once.

        Raises:
            RecordNotFoundError: when a record is not there; nothing is kept then.
            InputError: for a choice that is unknown, for fewer than two records that are not duplicates, and where
                `beside` names only the records themselves.
        """
        return self.decide_all([(choice, record_ids, beside)], batch=batch)[0]

    def decide_all(
        self, choices: Iterable[tuple[Choice, Sequence[str], Iterable[str]]], *, batch: str | None = None
    ) -> tuple[Event, ...]:
        """Keep many decisions, each (choice, records, beside), all of them or none; undone at once by their batch."""
        batch = batch or fresh_id()
        choices = checked_rows("choices", choices, "Any", "Sequence[str]", "Iterable[str]")
        wanted = [
            (choice, *_checked(choice, *(all_as_stored(self._store, some) for some in (ids, beside))))
            for choice, ids, beside in choices
        ]
        every = dict.fromkeys(one for _, ids, others in wanted for one in (*ids, *others))
        keys = self._store.keys(list(every))
        missing = next((record_id for record_id in every if record_id not in keys), None)
        if missing is not None:
            raise RecordNotFoundError(
                f'no record "{missing[:80]}" in collection "{self._store.spec.name}". Check the id.',
                id=missing,
            )
        known = self._before().fingerprints(self._store, list(keys.values()))
        name = self._store.spec.name
        return self._ledger.append(
            [
                Event(
                    id=fresh_id(),
                    at="",
                    kind=choice,
                    collection=name,
                    batch=batch,
                    pictures=tuple(known[keys[one]] for one in ids),
                    beside=tuple(known[keys[one]] for one in others),
                    within=self.reach,
                )
                for choice, ids, others in wanted
            ]
        )

    def follow(self) -> None:
        """Note the new bytes of pictures that were saved anew, so that the next change is measured from there."""
        if not self.version:
            return
        effective, name, batch = self.effective(), self._store.spec.name, fresh_id()
        known = effective.fingerprints(self._store, effective.saved_anew)
        if known:
            self._ledger.append(
                [Event(fresh_id(), "", "saved_anew", name, batch, (one,), within=self.reach) for one in known.values()]
            )

    def effective(self) -> EffectiveDecisions:
        """Return what stands for the records as they are now; quick while nothing is decided or written."""
        version, kept = self.version, self._kept
        if kept.verdicts is None or kept.verdicts[0] != version:
            kept.verdicts = version, verdicts_of(self._ledger.effective(self._store.spec.name))
        moment = version, self._store.version
        if kept.effective is None or kept.effective[0] != moment:
            kept.effective = moment, effective_in(self._store, kept.verdicts[1])
        return kept.effective[1]

    def _before(self) -> EffectiveDecisions:
        """Return what stood at the last write of the store: what a picture was before, no later decision can change."""
        kept = self._kept.effective
        if kept is None or kept[0][1] != self._store.version:
            return self.effective()
        return kept[1]

    def kinds(self, record_ids: Sequence[str]) -> dict[str, Choice]:
        """Return, for each record, that is to be kept, deleted or looked at later, which of these."""
        effective = self.effective()
        found = {one: effective.kind(key) for one, key in self._store.keys(record_ids).items()}
        return {one: kind for one, kind in found.items() if kind is not None}

    def ids_of(self, kind: Choice) -> set[str]:
        """Return the ids of the records that are to be kept, deleted or looked at later."""
        effective = self.effective()
        return set(self._store.ids([key for key in effective.last if effective.kind(key) == kind]).values())

    def different_from(self, record_id: str, others: Sequence[str]) -> set[str]:
        """Return those of some records that people said to be no duplicate of a record."""
        return self.all_different_from([(record_id, others)])[0]

    def all_different_from(self, asked: Sequence[tuple[str, Sequence[str]]]) -> list[set[str]]:
        """Return what `different_from` gives, for many records at once, each with its others."""
        effective = self.effective()
        keys = self._store.keys([one for record_id, others in asked for one in (record_id, *others)])
        return [
            {one for one in others if one in keys and effective.are_different(keys.get(record_id, -1), keys[one])}
            for record_id, others in asked
        ]

    def settled_groups(self) -> list[frozenset[str]]:
        """Return the ids of the records, by groups that were looked at together, of which nothing is left to decide."""
        settled = self.effective().settled
        ids = self._store.ids([key for keys in settled for key in keys])
        return [frozenset(ids[key] for key in keys if key in ids) for keys in settled]

    def records_of(self, kind: Choice) -> list[tuple[Record, Event]]:
        """Return the records that are to be kept, deleted or looked at later, each with the event that says so."""
        effective = self.effective()
        events = {key: event for key, event in effective.last.items() if event is not None and event.kind == kind}
        return [(record, events[key]) for key, record in self._store.records(sorted(events)).items()]

    def records_that_are(self, pictures: Iterable[Fingerprint]) -> list[Record]:
        """Return the records that are pictures of a decision, wherever they are now."""
        return list(self._store.records(self.effective().keys_of(pictures)).values())

    def note_applied(self, event: Event, record: Record, moved_to: Path | None, batch: str) -> Event:
        """Write that a deletion is carried out on a record, with all that brings the record back."""
        pictures = [one for one in event.pictures if one.content_hash == record.content_hash]
        at = (
            [one for one in pictures if one.is_at(record)]
            or [one for one in pictures if one.was_at(record)]
            or pictures
        )
        [written] = self._ledger.append(
            [
                Event(
                    id=fresh_id(),
                    at="",
                    kind="applied",
                    collection=self._store.spec.name,
                    batch=batch,
                    pictures=tuple(at[:1]),
                    about=(event.id,),
                    record={**record.metadata, "_id": record.id, "_file": record.source, "tags": list(record.tags)},
                    moved_to=None if moved_to is None else str(moved_to),
                    within=self.reach,
                )
            ]
        )
        return written

    def applied_to(self, record: Record) -> Event | None:
        """Return the last event that a deletion was carried out on a record, from the file where it lies."""
        events = (one for one in self.events() if one.kind == "applied" and one.record.get("_file") == record.source)
        return max(events, key=lambda one: one.at, default=None)

    def moving(self) -> AbstractContextManager[None]:
        """Hold the right to move files because of decisions, alone among all threads and processes."""
        return self._ledger.moving()

    def reopen(self, record_ids: Sequence[str]) -> tuple[Event, ...]:
        """Take back what was said of some records alone, and give the events that stood for them until now.

        What the same events say of other records stands on, by new events of the same batch.

        Raises:
            ConflictError: for a deletion that was carried out.
        """
        wanted = set(all_as_stored(self._store, record_ids))
        effective = self.effective()
        keys = self._store.keys(sorted(wanted))
        found = {event.id: event for key in keys.values() if (event := effective.last.get(key)) is not None}
        names = {effective.names[key] for key in keys.values() if key in effective.names}
        done = {about for event in self.events() if event.kind == "applied" for about in event.about}
        carried_out = next((one for one in found if one in done), None)
        if carried_out is not None:
            raise ConflictError(
                f'decision "{carried_out}" was carried out. Bring its file back first: `lookalike decisions undo '
                f"{carried_out}`.",
                id=carried_out,
            )
        left = [
            replace(event, id=fresh_id(), at="", pictures=pictures)
            for event in found.values()
            if (pictures := tuple(one for one in event.pictures if not self._is_of(one, names, wanted)))
        ]
        batch = fresh_id()
        undone = [
            Event(fresh_id(), "", "undo", one.collection, batch, about=(one.id,), within=self.reach)
            for one in found.values()
        ]
        if undone:
            self._ledger.append([*undone, *left])
        return tuple(found.values())

    def _is_of(self, picture: Fingerprint, names: set[str], ids: set[str]) -> bool:
        """Return whether a picture is one of some records; of two files with the same bytes, the id tells which."""
        if self.effective().verdicts.names.get(picture.content_hash) not in names:
            return False
        return picture.id in ids or len(self._store.keys_of_hash(picture.content_hash)) < 2

    def take_back(self, events: Iterable[Event]) -> tuple[Event, ...]:
        """Write that these events no longer stand; `undo` is for people, this for what has set the rest right."""
        return self._ledger.take_back(events, within=self.reach)

    def events(self) -> tuple[Event, ...]:
        """Return what was decided in this collection and stands, in its order."""
        name = self._store.spec.name
        return tuple(one for one in self._ledger.effective(name) if one.collection == name)

    def undo(self, ids: Iterable[str]) -> tuple[Event, ...]:
        """Take decisions of this collection back, by event or by batch, and give those that stood until now.

        Raises:
            NotFoundError: for an id that is neither, or of another collection.
            ConflictError: for a deletion that was carried out.
        """
        return self._ledger.undo(ids, collection=self._store.spec.name, within=self.reach)


def _checked(choice: str, record_ids: Sequence[str], beside: Iterable[str]) -> tuple[list[str], list[str]]:
    if choice not in get_args(Choice):
        raise InputError(f"{choice!r} is not a decision: pass {', '.join(get_args(Choice))}.")
    ids, asked = list(dict.fromkeys(record_ids)), list(dict.fromkeys(beside))
    named = set(ids)
    others = [one for one in asked if one not in named]
    if asked and not others:  # else a deletion that was to give way to a picture would give way to none
        raise InputError(
            f'"{asked[0][:80]}" cannot stand beside itself: it is what is decided on. Name another record of its group '
            f"that was looked at with it, or none."
        )
    least = 2 if choice == "not_a_duplicate" else 1
    if len(ids) < least:
        raise InputError(f'"{choice}" is said of {least} or more records, not of {len(ids)}.')
    if len(ids) + len(others) > MOST_PICTURES:
        raise InputError(f"a decision is about {MOST_PICTURES} records at most, not {len(ids) + len(others):,}.")
    return ids, others
