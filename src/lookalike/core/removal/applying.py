"""Applying decisions: files that are to go are moved to a trash folder, to the system's trash, or told to a script.

Nothing here deletes a file. A file is moved only while it has the very bytes that were decided on, and while one of
the pictures that it gives way to is still there. Each move is an event of the ledger with all that brings it back,
written before it happens. Who moves is alone (`Decisions.moving`), so what is half done was left by a process that is
dead: `settle` finishes or undoes it before anything else is moved. An undo restores file and record.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ... import disk, refusals
from ...errors import (
    ChangedMeanwhileError,
    ConflictError,
    InputError,
    LookalikeError,
    RecordNotFoundError,
    SourceNotFoundError,
    StoreFullError,
    StoreReadOnlyError,
)
from ...records import Failure, Progress
from ..decisions.ledger import Event, fresh_id
from .entries import are_the_same, content_hash, entry_of, names_of, numbered
from .plan import Removal, gained_by, links_first, obstacle_of

if TYPE_CHECKING:
    from ...records import Record
    from ..collection import Collection
    from ..decisions.ledger import Ledger
    from ..ingest.pipeline import OnProgress


@dataclass(frozen=True)
class Way:
    """A way to take files away.

    Attributes:
        target: Says where a file will lie; None where it cannot be had back from.
        move: Moves a file to there.
    """

    target: Callable[[Path], Path | None]
    move: Callable[[Path, Path | None], None]


@dataclass(frozen=True)
class Applied:
    """What became of the files that were to go, or to come back.

    Attributes:
        batch: Undoes all that was moved.
        moved: (from, to) of each file; `to` is None in the system's trash.
    """

    batch: str
    moved: tuple[tuple[str, str | None], ...]
    failed: tuple[Failure, ...]
    bytes: int


def apply(
    collection: Collection,
    chosen: Sequence[Removal],
    way: Way,
    *,
    merge_metadata: bool = False,
    on_progress: OnProgress | None = None,
) -> Applied:
    """Take files away, and their records out of the collection. One that fails stays, and fails alone.

    Links go before what they lead to, so that each is whole when it is looked at.

    Args:
        way: `to_folder(..)` or `to_system_trash()`.
        merge_metadata: First give each kept record what `Removal.gained` says.
    """
    batch, size = fresh_id(), 0
    moved: list[tuple[str, str | None]] = []
    failed: list[Failure] = []
    gone: dict[str, Path | None] = {}  # by the entry of a folder: one file may be there by two paths
    with collection.decisions.moving():
        _settle(collection)
        for done, removal in enumerate(links_first(chosen), start=1):
            try:
                entry = entry_of(removal.record.source or "")
                freed = 0 if entry in gone else removal.freed_bytes
                moved.append(_take_away(collection, removal, way, batch, gone, merge_metadata=merge_metadata))
                gone[entry] = None if moved[-1][1] is None else Path(moved[-1][1])
                size += freed
            except (LookalikeError, OSError) as error:
                failed.append(_failed(removal.record.source or removal.record.id, error))
            if on_progress is not None:
                on_progress(Progress(done, len(chosen), len(failed)))
    return Applied(batch, tuple(moved), tuple(failed), size)


def restore(
    open_collection: Callable[[str], Collection], events: Iterable[Event], *, on_progress: OnProgress | None = None
) -> Applied:
    """Bring back the files that "applied" events took away, and their records. One that fails fails alone.

    What went last comes first: links went before what they lead to.
    """
    size = 0
    moved: list[tuple[str, str | None]] = []
    failed: list[Failure] = []
    chosen = list(reversed([*events]))
    for done, event in enumerate(chosen, start=1):
        source = Path(str(event.record.get("_file", "")))
        try:
            collection = open_collection(event.collection)
            with collection.decisions.moving():
                target = _bring_back(source, event)
                failures = _come_back(collection, event)
            size += 0 if target in {one for one, _ in moved} else source.stat().st_size
            moved.append((target, str(source)))
            failed += failures
        except (LookalikeError, OSError) as error:
            failed.append(_failed(str(source), error))
        if on_progress is not None:
            on_progress(Progress(done, len(chosen), len(failed)))
    return Applied(fresh_id(), tuple(moved), tuple(failed), size)


def settle(collection: Collection) -> int:
    """Finish or undo the moves that a process which was killed left half done, and return how many these were.

    A file that was not moved yet stays, and so does one whose copy on another disk was whole before it was gone here;
    the record of one that was moved goes; the record of one that came back comes back.
    """
    with collection.decisions.moving():
        return _settle(collection)


def _settle(collection: Collection) -> int:
    effective = collection.decisions.events()
    notes = [event for event in effective if event.kind == "applied" and event.moved_to is not None]
    records = collection.get_many([str(event.record.get("_id", "")) for event in notes]) if notes else {}
    decided = {event.id: event for event in effective}
    return sum(
        _settled(collection, note, records.get(str(note.record.get("_id", ""))), decided.get(note.about[0]))
        for note in notes
        if note.about
    )


def _settled(collection: Collection, note: Event, record: Record | None, decided: Event | None) -> bool:
    """Settle one move, and return whether there was anything to do."""
    source, target = Path(str(note.record.get("_file", ""))), Path(note.moved_to or "")
    is_here, is_away = os.path.lexists(source), os.path.lexists(target)
    is_left = record is not None and record.source == str(source) and _is_before(record.created_at, note.at)
    if is_left and record is not None and is_away and not is_here:
        _drop(collection, record, decided or note, note)
        return True
    if is_left and is_here:
        if is_away and entry_of(str(source)) != entry_of(str(target)):
            if not are_the_same(target, source):  # somebody else's file has taken its place
                return False
            disk.remove_file(target)
        collection.decisions.take_back([note])
        return True
    if record is None and is_here and not is_away and _has_bytes(source, note):
        _come_back(collection, note)
        return True
    return False


def _come_back(collection: Collection, note: Event) -> tuple[Failure, ...]:
    """Bring the record of a file back that is where it was."""
    failures = collection.add([dict(note.record)]).failed
    collection.decisions.take_back([note])
    return tuple(failures)


def _is_before(created_at: str, noted_at: str) -> bool:
    return datetime.fromisoformat(created_at) <= datetime.fromisoformat(noted_at)


def _has_bytes(source: Path, note: Event) -> bool:
    try:
        return content_hash(source) in {picture.content_hash for picture in note.pictures}
    except OSError:
        return False


def undo(
    ledger: Ledger, open_collection: Callable[[str], Collection], ids: Iterable[str]
) -> tuple[tuple[Event, ...], Applied]:
    """Take decisions back, by event or by batch; what was carried out because of them is restored first.

    Returns:
        The decisions that were taken back, and what became of the files. A deletion whose file cannot come back stands.

    Raises:
        NotFoundError: for an id that is neither.
    """
    chosen = ledger.find(ids)
    wanted = {event.id for event in chosen}
    done = [one for one in ledger.effective() if one.kind == "applied" and wanted & {one.id, *one.about}]
    restored = restore(open_collection, done)
    stands = {about for one in ledger.effective() if one.kind == "applied" for about in one.about}
    plain = [event for event in chosen if event.kind != "applied" and event.id not in stands]
    return ledger.take_back(plain), restored


def to_folder(folder: str | os.PathLike[str]) -> Way:
    """Move files into a folder, under the path that they had; nothing that lies there is overwritten.

    Raises:
        InputError: for the root of a disk, where each file would stay where it is under another name, and where no
            folder can be: in a device, in a file, below one of these.
        StoreReadOnlyError: where the folder, or the one that it would be made in, may not be written.
    """
    root = Path(os.path.abspath(folder))
    _check_folder(root)
    if os.path.realpath(root) == root.anchor:
        raise InputError(f'"{folder}" is the root of a disk: name a folder of its own to move the pictures to.')

    def target(source: Path) -> Path:
        return next(place for place in numbered(root.joinpath(*names_of(source))) if not os.path.lexists(place))

    def move(source: Path, target: Path | None) -> None:
        if target is not None:
            disk.move_file(source, target, private=True)

    return Way(target, move)


def _check_folder(root: Path) -> None:
    """Refuse, once for all files, a folder that can hold none: there is something else, or it may not be written."""
    there = next(place for place in (root, *root.parents) if os.path.lexists(place))
    if not there.is_dir():
        what = "it is there, and" if there == root else f'"{there}" is there, and'
        raise InputError(f'"{root}" cannot be a folder to move pictures to: {what} is not a folder. Name another one.')
    if not os.access(there, os.W_OK | os.X_OK):
        raise StoreReadOnlyError(
            f'"{there}" may not be written, so no picture can move to "{root}". Name another folder.'
        )


def to_system_trash() -> Way:
    """Move files to the trash of the system, from where people restore them as they are used to."""
    from send2trash import send2trash

    def move(source: Path, target: Path | None) -> None:
        send2trash(str(source))
        disk.sync(source.parent)

    return Way(lambda source: None, move)


def _take_away(
    collection: Collection,
    removal: Removal,
    way: Way,
    batch: str,
    gone: Mapping[str, Path | None],
    *,
    merge_metadata: bool,
) -> tuple[str, str | None]:
    """Move one file, and drop its record. What is going to happen is written down first, so no move is ever lost.

    Args:
        gone: Where the files of this batch went, by `_entry`.
    """
    record, kept = removal.record, removal.kept
    entry = entry_of(record.source or "")
    if entry in gone:  # another path of what was moved just now
        target = gone[entry]
        collection.decisions.note_applied(removal.event, record, target, batch)
        collection.delete(record.id)
        return str(record.source), None if target is None else str(target)
    obstacle = obstacle_of(removal)  # again: the plan may be hours old
    done = collection.decisions.applied_to(record) if obstacle is not None else None
    if obstacle is not None and obstacle.code == "file_missing" and done is not None:  # a run before came that far
        collection.delete(record.id)
        return str(record.source), done.moved_to
    if obstacle is not None:
        raise ConflictError(obstacle.message)
    source, record = Path(record.source or ""), collection.get(record.id)  # edited, maybe, since it was planned
    if record.source != str(source):
        raise ConflictError(f'"{record.id}" is another file by now: "{record.source}". Look at its group anew.')
    _check_bytes(record)
    if kept is not None and os.path.isabs(kept.source or ""):
        _check_bytes(kept)
    if merge_metadata and kept is not None and gained_by(record, kept):
        collection.update(kept.id, fill=record.metadata, more_tags=record.tags)
    target = way.target(source)
    written = collection.decisions.note_applied(removal.event, record, target, batch)
    try:
        way.move(source, target)
    except OSError:
        collection.decisions.take_back([written])
        raise
    _drop(collection, record, removal.event, written)
    return str(source), None if target is None else str(target)


def _drop(collection: Collection, record: Record, event: Event, written: Event) -> None:
    """Delete the record of a moved file; what was edited meanwhile is noted first, so that it comes back with it."""
    while True:
        try:
            collection.delete(record.id, seen=record)
            return
        except RecordNotFoundError:
            return
        except ChangedMeanwhileError:
            now = collection.get(record.id)
            if now.source != record.source:  # it is another file's by now
                return
            moved_to = None if written.moved_to is None else Path(written.moved_to)
            again = collection.decisions.note_applied(event, now, moved_to, written.batch)
            collection.decisions.take_back([written])
            record, written = now, again


def _check_bytes(record: Record) -> None:
    if content_hash(Path(record.source or "")) != record.content_hash:
        raise ConflictError(
            f'"{record.source}" has other bytes than when it was indexed. Index it again, and look at its group anew.'
        )


def _failed(source: str, error: LookalikeError | OSError) -> Failure:
    if isinstance(error, LookalikeError):
        return Failure(source, error.code, error.message)
    known = refusals.error_of(error, error.filename2 or error.filename or source)
    return Failure(source, known.code if isinstance(known, StoreFullError) else "move_failed", known.message)


def _bring_back(source: Path, event: Event) -> str:
    """Move a file back to where it was, unless that is done, and say from where."""
    if event.moved_to is None:
        raise ConflictError(
            f'where "{source}" lies is not known here: it is in the trash of the system, or another machine moved it. '
            f"Bring it back from there, and index it again."
        )
    target = Path(event.moved_to)
    if not os.path.lexists(target):
        if os.path.lexists(source):  # an undo before this one came that far
            return event.moved_to
        raise SourceNotFoundError(f'"{target}" is gone: it cannot be brought back to "{source}".', source=str(source))
    if os.path.lexists(source):
        if entry_of(str(source)) == entry_of(str(target)) or not are_the_same(target, source):
            raise ConflictError(f'"{source}" is taken by another file: move that away, then "{target}" can come back.')
        disk.remove_file(target)  # it was copied from another disk, by a process that ended before this
        return event.moved_to
    disk.move_file(target, source)
    return event.moved_to
