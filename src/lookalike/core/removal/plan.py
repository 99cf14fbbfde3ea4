"""The files that are to be removed, each with what is in the way.

A file stays that was saved anew since it was decided on, one that gives way to nothing which is left, and one that a
record has which is not to go, be it by a link or in another collection.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ... import disk
from ...records import Failure
from ..decisions.ledger import Event
from ..ingest.local_files import freed_bytes
from .entries import entry_of, hops_of, is_there

if TYPE_CHECKING:
    from ...records import Record
    from ..collection import Collection


@dataclass(frozen=True)
class Removal:
    """A file that is to go.

    Attributes:
        event: The decision.
        kept: The record that it gives way to; None where it was decided on alone.
        gained: Fields and tags of the deleted record that the kept one lacks, as {"metadata": .., "tags": ..}.
        obstacle: Why it stays for now; None when nothing is in the way.
        shared: A record that stays and has this very file, by a link or another path; None where there is none.
        shared_in: The other collection that `shared` is of; None for the own one.
        elsewhere: The other collections with a record of this very file, which loses it.
    """

    record: Record
    event: Event
    kept: Record | None
    gained: Mapping[str, Any]
    obstacle: Failure | None
    shared: Record | None = None
    shared_in: str | None = None
    elsewhere: tuple[str, ...] = ()

    @property
    def freed_bytes(self) -> int:
        """What moving it frees; see `freed_bytes`."""
        return freed_bytes(self.record)


def freed_by(chosen: Iterable[Removal]) -> int:
    """Return what moving all of these frees; a file that is there by two paths counts once."""
    files = {entry_of(one.record.source or one.record.id): one.freed_bytes for one in chosen}
    return sum(files.values())


def removals(collection: Collection, others: Iterable[Collection] = ()) -> list[Removal]:
    """Return the files of a collection that are to go, by record id, each with what is in its way.

    Args:
        others: More collections of the home: a file stays while one of their records that is not to go has it, too.
    """
    doomed = {record.id: (record, event) for record, event in collection.decisions.records_of("delete")}
    staying = _files_of(record for record in collection.scan() if record.id not in doomed) if doomed else {}
    found = []
    for record_id in sorted(doomed):
        record, event = doomed[record_id]
        beside = [one for one in collection.decisions.records_that_are(event.beside) if one.id not in doomed]
        kept = next((one for one in beside if is_there(one)), None)
        shared = staying.get(disk.identity(record.source))
        found.append(Removal(record, event, kept, gained_by(record, kept), None, shared))
    for other in others if found else ():
        found = _asked_of(other, found)
    return [replace(one, obstacle=obstacle_of(one)) for one in found]


def _asked_of(other: Collection, found: Sequence[Removal]) -> list[Removal]:
    """Note with each removal what another collection has of its file."""
    held = [other.records_of_file(one.record) for one in found]
    doomed = {record.id for record, _ in other.decisions.records_of("delete")} if any(held) else set()
    noted = []
    for removal, records in zip(found, held, strict=True):
        if records:
            removal = replace(removal, elsewhere=(*removal.elsewhere, other.name))
        stays = next((record for record in records if record.id not in doomed), None)
        if stays is not None and removal.shared is None:
            removal = replace(removal, shared=stays, shared_in=other.name)
        noted.append(removal)
    return noted


def links_first(chosen: Iterable[Removal]) -> list[Removal]:
    """Return removals in the order in which no link loses its file before it goes itself."""
    return sorted(chosen, key=lambda removal: -hops_of(removal.record.source or ""))


def obstacle_of(removal: Removal) -> Failure | None:
    """Return what is in the way of a removal."""
    record, event = removal.record, removal.event
    source = record.source or ""
    if not os.path.isabs(source):
        return _stays(record, "no_file", "it is not a file of this machine. `lookalike remove` takes the record away.")
    if record.content_hash not in {picture.content_hash for picture in event.pictures}:
        return _stays(record, "changed_since", "it was saved anew since it was decided on. Decide on it again.")
    if not os.path.lexists(source):
        return _stays(record, "file_missing", "it is not there. `lookalike index --prune` takes the record away.")
    if event.beside and removal.kept is None:
        return _stays(record, "nothing_kept", "none of the pictures that it gives way to is left. Decide on it again.")
    for other in (removal.kept, removal.shared):
        if other is not None and disk.identity(source) in _files_of([other]):
            where = f' of collection "{removal.shared_in}"' if other is removal.shared and removal.shared_in else ""
            why = f'record "{other.id}"{where}, which is not to go, is this very file. To part with it, decide on both.'
            return _stays(record, "same_file", why)
    return None


def _stays(record: Record, code: str, why: str) -> Failure:
    source = record.source or record.id
    shown = (record.facts.name or record.id) if source.startswith("bytes:") else source
    return Failure(source, code, f'"{shown}" stays: {why}')


def gained_by(record: Record, kept: Record | None) -> dict[str, Any]:
    """Return fields and tags of a record that is to go, which the kept one lacks."""
    if kept is None:
        return {}
    fields = {name: value for name, value in record.metadata.items() if name not in kept.metadata}
    tags = [tag for tag in record.tags if tag not in kept.tags]
    return {name: value for name, value in (("metadata", fields), ("tags", tags)) if value}


def _files_of(records: Iterable[Record]) -> dict[tuple[int, int] | None, Record]:
    """Return records by the file that each has, however its path leads there."""
    found: dict[tuple[int, int] | None, Record] = {}
    for record in records:
        file = disk.identity(record.source)
        if file is not None:
            found.setdefault(file, record)
    return found
