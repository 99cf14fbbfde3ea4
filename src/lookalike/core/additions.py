"""Adding pictures to a collection, and removing the records of deleted files."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, PruneRefusedError
from .base import CollectionBase
from .ingest.items import check_prefix, count_items, described, is_single, items_of
from .ingest.pipeline import IdFrom, Ingest, Item, OnOutcome, OnProgress, Rules
from .ingest.pruning import plan_pruning
from .ingest.report import Report

if TYPE_CHECKING:
    from ..stores import Store
    from .ingest.pruning import Pruning


class Additions(CollectionBase):
    """Adds pictures to a collection."""

    def add(
        self,
        source: Any,
        *,
        id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Iterable[str] | None = None,
        id_from: IdFrom = "path",
        replace: bool = False,
        resume: bool = False,
        prune: bool = False,
        prune_all: bool = False,
        check_content: bool = False,
        prefix: str = "",
        base: str | os.PathLike[str] | None = None,
        on_progress: OnProgress | None = None,
        on_outcome: OnOutcome | None = None,
    ) -> Report:
        """Add pictures: new ones are added, changed ones updated, the rest left alone. One bad image fails alone.

        The record of a file that was moved or renamed follows it, with all that is known of it; so does its id, where
        it was made from the path.

        Args:
            source: A folder, path, URL, bytes, file object, base64 text, PIL image, array, a record in the
                JSON-lines form ({"_id": "7", "_file": "a.jpg", "price": 3}), or an iterable of them.
            id: The id of a single picture; else files take their path (see id_from), URLs themselves, and
                anything else its content hash.
            metadata: Fields of a single picture.
            tags: Keywords of a single picture.
            id_from: What names a file: its path below the folder, its name, or its content hash.
            replace: Overwrite records that other sources made under the same id.
            resume: Take every stored id as done, without looking whether its file changed.
            prune: After a folder, remove the records whose files below it are gone; refused when all are, or at least
                half and more than 3, or all of a folder below that is still there: empty (2 records or more), or a
                mount point or link without its files (see `core/ingest/pruning`).
            prune_all: Remove them however many they are.
            check_content: Find files, too, whose content changed while size and time stayed. Cost: reads every file.
            prefix: Begins the ids of files, as in "disk1/2019/a.jpg", for two disks whose paths are alike. A file that
                is stored keeps its id. Folders and files of one list that would share an id get the names of their
                folders by themselves.
            base: The folder that a record's relative `_file` starts from.
            on_progress: Called with a Progress while the work goes on.
            on_outcome: Called with the Outcome of each picture once it is stored, or has failed. An error that one
                of the two raises ends the work; what was committed is there.

        Returns:
            A Report with counts and the failures, each with its source and its reason.

        Raises:
            InputError: for arguments that contradict each other.
            PruneRefusedError: when so many files are gone that their disk may be; what was added is there.
            StoreError: when nothing more can be written; what was committed before is there.
        """
        self._examples.check_encoder()
        if id_from not in ("path", "name", "hash"):
            raise InputError(f'id_from={id_from!r} is unknown: pass "path", "name" or "hash".')
        limits = self._describer.settings.limits
        pruning = plan_pruning(self._store, source, removes_all=prune_all) if prune or prune_all else None
        items: Iterable[Item] = items_of(
            source,
            id_from=id_from,
            limits=limits,
            base=Path(base) if base else None,
            prefix=check_prefix(prefix, limits=limits),
        )
        if id is not None or metadata is not None or tags is not None:
            items = [described(items, id=id, metadata=metadata, tags=tags, limits=limits)]
        total = count_items(source, limits=limits) if on_progress else None
        run = Ingest(
            self._store,
            self._entry,
            self._describer.content_hash,
            workers=1 if is_single(source) else self._describer.settings.workers,
            rules=Rules(replace=replace, resume=resume, check_content=check_content),
            total=total,
            on_outcome=on_outcome,
        )
        report = run.run(items, on_progress)
        if report.updated:
            self.decisions.follow()
        if pruning is not None:
            report = _pruned(report, pruning, self._store)
        self._store.flush()
        return report

    def plan_prune(self, folder: str | os.PathLike[str], *, removes_all: bool = False) -> Pruning:
        """Look at what is stored of a folder before it is indexed, for `prune`.

        Args:
            removes_all: Let `prune` remove the records however many they are.
        """
        return plan_pruning(self._store, folder, removes_all=removes_all)

    def prune(self, pruning: Pruning) -> int:
        """Remove the records whose files are gone, after all others were added, and return how many these were.

        Raises:
            PruneRefusedError: when so many are gone that the disk may be; nothing is removed then.
        """
        return pruning.of(self._store)


def _pruned(report: Report, pruning: Pruning, store: Store) -> Report:
    """Remove the records of deleted files, and report them; a refusal says that the rest is done."""
    try:
        return dataclasses.replace(report, removed=pruning.of(store))
    except PruneRefusedError as refusal:
        done = str(report).splitlines()[0]
        raise PruneRefusedError(f"{refusal.message} What was indexed is there: {done}.", **refusal.details) from None
