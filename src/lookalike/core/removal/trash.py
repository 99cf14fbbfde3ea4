"""The server's trash folder: marked files are moved in and restored.

    HOME/trash/2026-01-31T09.35.00Z/home/me/Pictures/copy.jpg

It is moved by `applying`, as `lookalike decisions apply --trash` does it. What is asked beside that: that a file lies
below an allowed folder once all links are followed, both its entry and what that leads to; and, for an undo, that it
lies in this trash.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ... import disk
from ...errors import MoveRefusedError, NotFoundError
from ...records import Failure
from .applying import Applied, Way, apply, restore, settle, to_folder
from .plan import Removal, removals

if TYPE_CHECKING:
    from ..collection import Collection
    from ..decisions.ledger import Event
    from ..ingest.pipeline import OnProgress
    from ..library import Library

FOLDER = "trash"  # of the home


@dataclass(frozen=True)
class Run:
    """Files that were moved together, as far as they did not come back.

    Attributes:
        batch: Brings them back.
        at: When the first was moved; UTC, ISO 8601.
        folder: The folder of the trash that they lie in.
    """

    batch: str
    at: str
    files: int
    bytes: int
    folder: Path


class Trash:
    """The trash of one home, for files below some folders; without a folder none may be moved."""

    def __init__(self, home: Path, folders: Iterable[str | os.PathLike[str]] = ()) -> None:
        self.folder = Path(os.path.abspath(home)) / FOLDER
        self.folders = tuple(Path(os.path.realpath(folder)) for folder in folders)

    def removals(
        self, collection: Collection, ids: Sequence[str] | None = None, others: Iterable[Collection] = ()
    ) -> list[Removal]:
        """Return the files of a collection that are to go, as `plan.removals` does; outside the folders they stay.

        Args:
            ids: Only those of these records.
            others: More collections of the home, which may have the files, too.
        """
        found = removals(collection, others)
        if ids is not None:
            wanted = set(ids)
            found = [one for one in found if one.record.id in wanted]
        return [
            one if one.obstacle is not None else replace(one, obstacle=self._failure(one.record.source or ""))
            for one in found
        ]

    def apply(
        self, collection: Collection, chosen: Sequence[Removal], at: datetime, *, on_progress: OnProgress | None = None
    ) -> Applied:
        """Move files into a folder of the trash that is named by the time, and their records out of the collection."""
        plain = to_folder(self.folder / at.strftime("%Y-%m-%dT%H.%M.%SZ"))

        def target(source: Path) -> Path | None:
            self._check(source)
            return plain.target(source)

        return apply(collection, chosen, Way(target, plain.move), on_progress=on_progress)

    def runs(self, collection: Collection) -> list[Run]:
        """Return what was moved here and did not come back, the newest first."""
        found: dict[str, list[Event]] = {}
        for event in collection.decisions.events():
            if event.kind == "applied" and self._holds(event):
                found.setdefault(event.batch, []).append(event)
        return [self._run(batch, found[batch]) for batch in reversed(found)]

    def restore(
        self, collection: Collection, batch: str | None = None, *, on_progress: OnProgress | None = None
    ) -> Applied:
        """Bring back the files of a run, the last one when not told; one whose place is taken stays in the trash.

        Raises:
            NotFoundError: when nothing of it lies here.
        """
        runs = self.runs(collection)
        wanted = batch if batch is not None else runs[0].batch if runs else None
        events = [
            one
            for one in collection.decisions.events()
            if one.kind == "applied" and one.batch == wanted and self._holds(one)
        ]
        if not events:
            named = "nothing" if batch is None else f'nothing of "{batch[:80]}"'
            raise NotFoundError(f"{named} lies in the trash. `lookalike decisions list` shows what was moved.")
        refused = {one.id: failure for one in events if (failure := self._failure(_source_of(one))) is not None}
        allowed = [one for one in events if one.id not in refused]
        done = restore(lambda _: collection, allowed, on_progress=on_progress)
        self._sweep(events)
        return replace(done, failed=(*done.failed, *refused.values()))

    def settle(self, library: Library) -> int:
        """Finish or undo what a server that was killed left half done; return how many moves these were."""
        if not self.folder.is_dir():
            return 0
        events = library.ledger.effective()
        names = {one.collection for one in events if one.kind == "applied" and self._holds(one)}
        return sum(settle(library.collection(name)) for name in sorted(names.intersection(library.collections())))

    def _check(self, source: Path) -> None:
        """Refuse a file that does not lie below one of the folders, links followed.

        Raises:
            MoveRefusedError: naming the folders.
        """
        entry = Path(os.path.realpath(source.parent)) / source.name
        places = (entry, Path(os.path.realpath(source)))
        if all(any(folder in place.parents for folder in self.folders) for place in places):
            return
        named = ", ".join(f'"{folder}"' for folder in self.folders) or "none"
        raise MoveRefusedError(
            f'"{source}" stays: once links are followed it is not below a folder whose files this server may move '
            f"({named}). Move it by `lookalike decisions apply`, or name its folder: lookalike serve --may-move FOLDER."
        )

    def _failure(self, source: str) -> Failure | None:
        try:
            self._check(Path(source))
        except MoveRefusedError as error:
            return Failure(source, error.code, error.message)
        return None

    def _holds(self, event: Event) -> bool:
        return event.moved_to is not None and self.folder in Path(os.path.normpath(event.moved_to)).parents

    def _run(self, batch: str, events: Sequence[Event]) -> Run:
        places = {one.moved_to: Path(one.moved_to or "") for one in events}
        size = sum(place.lstat().st_size for place in places.values() if os.path.lexists(place))
        first = next(iter(places.values()))
        return Run(batch, events[0].at, len(places), size, self.folder / first.relative_to(self.folder).parts[0])

    def _sweep(self, events: Iterable[Event]) -> None:
        """Remove the folders of a run that nothing lies in any more."""
        for event in events:
            place = Path(event.moved_to or "").parent
            while place != self.folder and self.folder in place.parents:
                try:
                    disk.remove_folder(place, recursive=False)
                except OSError:  # it is gone, or holds what did not come back
                    if place.exists():
                        break
                place = place.parent


def _source_of(event: Event) -> str:
    return str(event.record.get("_file", ""))
