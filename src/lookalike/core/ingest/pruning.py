"""Pruning: taking out the records whose files are gone, unless so many are gone that the disk may be.

An empty mount point looks like a folder whose files were all deleted, so a run refuses to remove anything when

- all records of the folder have lost their files, however few they are; or
- at least half of them have, and these are more than three: of two or three files one may well be deleted; or
- all records of a folder below it have, while something is still at its path: an empty folder, where these are at
  least two; a mount point, or a link or a file in its place that leads to nothing, where it is but one. A folder that
  was deleted or renamed has nothing at its path, and only the two rules above hold.

What counts is what was stored before the run: files that came meanwhile say nothing of those that are gone.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ... import intake
from ...errors import InputError, PruneRefusedError
from .local_files import has_lost_file

if TYPE_CHECKING:
    from ...records import Record
    from ...stores import Records

_FEW = 3  # so many files may be gone at once, as long as others are there


@dataclass(frozen=True)
class Pruning:
    """What a run may remove.

    Attributes:
        folders: The folders it is for, each with the number of records that lay before in it and in each folder below.
        removes_all: Whether to remove them however many they are.
    """

    folders: Mapping[str, Counter[str]]
    removes_all: bool

    def form(self) -> dict[str, Any]:
        """Return it as JSON keeps it."""
        return {"folders": self.folders, "removes_all": self.removes_all}

    @classmethod
    def read(cls, form: Mapping[str, Any]) -> Pruning:
        """Return what `form` gave."""
        folders = {folder: Counter(counts) for folder, counts in form["folders"].items()}
        return cls(folders, form["removes_all"])

    def of(self, store: Records) -> int:
        """Remove the records whose files are gone, and return how many these were.

        Raises:
            PruneRefusedError: when so many are gone that the disk may be; nothing is removed then.
        """
        gone: dict[str, Record] = {}
        for folder, known in self.folders.items():
            here = [record for record in _records_below(store, folder) if intake.is_gone(record.source or "")]
            if not self.removes_all:
                _check(folder, here, known)
            gone.update((record.id, record) for record in here)
        return len(store.discard(list(gone.values()))) if gone else 0


def plan_pruning(store: Records, source: Any, *, removes_all: bool) -> Pruning:
    """Look at what is stored of the folders that are going to be indexed.

    Raises:
        InputError: when the source is not a folder, or a list of folders.
    """
    sources = list(source) if isinstance(source, list | tuple) else [source]
    if not sources or not all(isinstance(one, str | os.PathLike) and os.path.isdir(one) for one in sources):
        raise InputError("`prune` is for folders: it removes the records whose files below them are gone.")
    folders = dict.fromkeys(os.path.abspath(one) for one in sources)
    known = {folder: Counter(_folder_of(record) for record in _records_below(store, folder)) for folder in folders}
    return Pruning(known, removes_all)


def gone_records(store: Records) -> Iterator[Record]:
    """Return the records whose files are gone, by rising id. Cost: a look at every file."""
    return (record for record in store.scan() if has_lost_file(record))


def _records_below(store: Records, folder: str) -> Iterator[Record]:
    below = os.path.join(folder, "")
    return (record for record in store.scan() if record.source and record.source.startswith(below))


def _folder_of(record: Record) -> str:
    return os.path.dirname(record.source or "")


def _check(folder: str, gone: Sequence[Record], known: Mapping[str, int]) -> None:
    count, before = len(gone), sum(known.values())
    if count and (count >= before or (count > _FEW and 2 * count >= before)):
        raise _refusal(folder, count, before)
    lost = _up_to(folder, Counter(map(_folder_of, gone)))
    had = _up_to(folder, known) if lost else lost
    for inner in sorted(lost, key=len, reverse=True):  # the deepest tells best which disk it is
        if _may_come_back(inner, lost[inner], had[inner]):
            also = " If its pictures were deleted, delete the folder, too."
            raise _refusal(inner, lost[inner], max(lost[inner], had[inner]), also)


def _up_to(folder: str, counts: Mapping[str, int]) -> Counter[str]:
    """Count what lies anywhere in each folder below a folder, of counts of what lies in each directly."""
    below: Counter[str] = Counter()
    for parent, count in counts.items():
        while len(parent) > len(folder):
            below[parent] += count
            parent = os.path.dirname(parent)
    return below


def _may_come_back(folder: str, lost: int, had: int) -> bool:
    """Return whether something stands where a folder was, with nothing of what was stored of it."""
    if not os.path.lexists(folder):  # people delete and rename folders
        return False
    if os.path.ismount(os.path.realpath(folder)):  # another disk may be mounted there
        return lost >= had or _holds_nothing(folder)
    if os.path.islink(folder) or not os.path.isdir(folder):
        return _holds_nothing(folder)
    return lost > 1 and _holds_nothing(folder)


def _holds_nothing(folder: str) -> bool:
    """Return whether a folder holds no file, as far as one can see.

    It is empty, is not a folder, cannot be listed, or holds only such folders and links that lead nowhere.
    """
    try:
        with os.scandir(folder) as entries:
            return all(
                _holds_nothing(entry.path) if entry.is_dir(follow_symlinks=False) else intake.is_gone(entry.path)
                for entry in entries
            )
    except OSError:
        return True


def _refusal(folder: str, gone: int, known: int, also: str = "") -> PruneRefusedError:
    shown = intake.printable(folder)
    all_of = "the file of its only record" if known == 1 else f"the files of {gone:,} of its {known:,} records"
    return PruneRefusedError(
        f'"{shown}" lacks {all_of}: is the disk there? Nothing was removed. Mount it and index again, or remove the '
        f"records with `prune_all=True`.{also}",
        folder=shown,
        gone=gone,
        records=known,
    )
