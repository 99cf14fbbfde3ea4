"""Pruning: taking out the records whose files are gone, unless so many are gone that the disk may be.

An empty mount point looks like a folder whose files were all deleted, so a run refuses to remove anything when

- all records of the folder have lost their files, however few they are; or
- at least half of them have, and these are more than three: of two or three files one may well be deleted; or
- a folder below it is there and empty, and all records of it, more than three, have lost their files.

What counts is what was stored before the run: files that came meanwhile say nothing of those that are gone.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import intake
from ..errors import InputError, PruneRefusedError

if TYPE_CHECKING:
    from ..stores import Store
    from ..values import Record

_FEW = 3  # so many files may be gone at once, as long as others are there


@dataclass(frozen=True)
class Pruning:
    """What a run may remove: the folders it is for, with the number of records that each had before.

    Attributes:
        removes_all: Whether to remove them however many they are.
    """

    folders: tuple[tuple[str, int], ...]
    removes_all: bool

    def of(self, store: Store) -> int:
        """Remove the records whose files are gone, and return how many these were.

        Raises:
            PruneRefusedError: when so many are gone that the disk may be; nothing is removed then.
        """
        gone: dict[str, Record] = {}
        for folder, known in self.folders:
            here = [record for record in _records_below(store, folder) if intake.is_gone(record.source or "")]
            if not self.removes_all:
                _check(folder, here, known)
            gone.update((record.id, record) for record in here)
        return len(store.discard(list(gone.values()))) if gone else 0


def plan_pruning(store: Store, source: Any, *, removes_all: bool) -> Pruning:
    """Look at what is stored of the folders that are going to be indexed.

    Raises:
        InputError: when the source is not a folder, or a list of folders.
    """
    sources = list(source) if isinstance(source, list | tuple) else [source]
    if not sources or not all(isinstance(one, str | os.PathLike) and os.path.isdir(one) for one in sources):
        raise InputError("prune is for folders: it removes the records whose files below them are gone.")
    folders = dict.fromkeys(os.path.abspath(one) for one in sources)
    return Pruning(tuple((folder, sum(1 for _ in _records_below(store, folder))) for folder in folders), removes_all)


def gone_records(store: Store) -> Iterator[Record]:
    """Give the records whose files are gone, by rising id. Cost: a look at every file."""
    return (record for record in store.scan() if has_lost_file(record))


def has_lost_file(record: Record) -> bool:
    """Return whether a record is of a local file that is gone."""
    source = record.source or ""
    return os.path.isabs(source) and intake.is_gone(source)


def _records_below(store: Store, folder: str) -> Iterator[Record]:
    below = os.path.join(folder, "")
    return (record for record in store.scan() if record.source and record.source.startswith(below))


def _check(folder: str, gone: Sequence[Record], known: int) -> None:
    count = len(gone)
    if count and (count >= known or (count > _FEW and 2 * count >= known)):
        raise _refusal(folder, count, known)
    for inner, lost in _lost_in(folder, gone).items():
        if lost > _FEW and _is_empty(inner):
            raise _refusal(inner, lost, lost)


def _lost_in(folder: str, gone: Iterable[Record]) -> Counter[str]:
    """Count the records that are gone in each folder below a folder."""
    lost: Counter[str] = Counter()
    for record in gone:
        parent = os.path.dirname(record.source or "")
        while len(parent) > len(folder):
            lost[parent] += 1
            parent = os.path.dirname(parent)
    return lost


def _is_empty(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:  # it is gone itself, as people delete folders
        return False


def _refusal(folder: str, gone: int, known: int) -> PruneRefusedError:
    shown = intake.printable(folder)
    all_of = "the file of its only record" if known == 1 else f"the files of {gone:,} of its {known:,} records"
    return PruneRefusedError(
        f'"{shown}" lacks {all_of}: is the disk there? Nothing was removed. Mount it and index again, or remove the '
        f"records with --prune-all (prune_all=True).",
        folder=shown,
        gone=gone,
        records=known,
    )
