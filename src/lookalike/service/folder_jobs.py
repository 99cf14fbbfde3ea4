"""Jobs that index a folder of this machine: the list of its files that one keeps as its input, and the run over them.

The files are listed first, so that a job that is taken up again knows which of them are settled; the list is complete
or not there. It is a line for each file, as `[path below the folder, whether it is meant as a picture]`, after one
that says which folder it is of, and how many records lay where before (`core/ingest/pruning` weighs it).

All files are one run of the pipeline and not blocks of it: of files that changed places, the records follow the bytes
only where both are looked at together. So they are settled in another order than that of the list: outcomes are
numbered as they come, and each says which line of the list it is about.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from .. import disk, intake
from ..core.ingest.pipeline import Item
from ..core.ingest.pruning import Pruning
from ..errors import NotFoundError
from ..pictures import File
from ..records import Outcome

if TYPE_CHECKING:
    from ..core.collection import Collection
    from .job_files import Job, JobFolder
    from .roots import RootFolder

FORM = "folder"  # of a job
Room = Callable[[], AbstractContextManager[None]]

_TOLD_EVERY = 1000  # files, while they are listed


def list_files(job: Job, kept: JobFolder, folder: RootFolder, collection: Collection) -> Iterator[int]:
    """Write the list of a job's files, unless it is there; yield now and then how many there are so far."""
    if kept.input.stat().st_size:
        return
    pruning = collection.plan_prune(folder.path, removes_all=job.prune_all) if job.prune or job.prune_all else None
    head = {"folder": str(folder.path), "prune": pruning and pruning.form()}
    with disk.replace_file(kept.input, mode=disk.PRIVATE) as stream:
        stream.write(json.dumps(head).encode() + b"\n")
        for count, found in enumerate(folder.files(), start=1):
            line = [os.path.relpath(found.path, folder.path), found.looks_like_image]
            stream.write(json.dumps(line).encode() + b"\n")
            if count % _TOLD_EVERY == 0:
                yield count


def count_files(stream: BinaryIO) -> int:
    """Count the files of a list."""
    return max(0, sum(1 for _ in stream) - 1)


class FolderRun:
    """One run over the files of a list.

    Args:
        settled: The lines that are settled already, from 0.
        room: Lends room for one picture, or refuses it.
    """

    def __init__(self, folder: RootFolder, stream: BinaryIO, settled: frozenset[int], room: Room) -> None:
        self._folder = folder
        self._stream = stream
        self._settled = settled
        self._room = room
        head = json.loads(stream.readline())
        if head["folder"] != str(folder.path):
            raise NotFoundError(f'"{folder.name}" is another folder now. Index it again.')
        self._pruning = head["prune"]
        self._lines: dict[int, int] = {}  # by place in the run, of those under way
        self._rooms: dict[int, AbstractContextManager[None]] = {}

    def items(self) -> Iterator[Item]:
        """Return the files that are left; each is read only while it lies inside of its root."""
        place = 0
        for number, line in enumerate(self._stream):
            if number in self._settled:
                continue
            self._lines[place] = number
            yield self._item(place, *json.loads(line))
            place += 1

    def line_of(self, outcome: Outcome) -> int:
        """Return the line that an outcome is about; its room is given back."""
        room = self._rooms.pop(outcome.place, None)
        if room is not None:
            room.__exit__(None, None, None)
        return self._lines.pop(outcome.place)

    def close(self) -> None:
        """Free all room."""
        while self._rooms:
            self._rooms.popitem()[1].__exit__(None, None, None)

    def prune(self, collection: Collection) -> int:
        """Remove the records whose files are gone, where the job is to, and return how many.

        Raises:
            PruneRefusedError: when so many are gone that the disk may be.
        """
        return collection.prune(Pruning.read(self._pruning)) if self._pruning else 0

    def _item(self, place: int, relative: str, is_meant: bool) -> Item:
        path = self._folder.path / relative
        record_id = "/".join(filter(None, (self._folder.prefix, intake.printable(relative.replace(os.sep, "/")))))
        source = File(str(path), self._folder.fence)
        try:
            stamp = intake.stamp(path)
        except OSError:  # reading it will say what is wrong
            stamp = ""
        check = partial(self._take_room, place)
        return Item(source, str(path), record_id, stamp=stamp, check=check, skipped=not is_meant)

    def _take_room(self, place: int) -> None:
        """Take room for a picture that is going to be stored, and keep it until it is."""
        if place not in self._rooms:
            room = self._room()
            room.__enter__()
            self._rooms[place] = room


def settled_lines(kept: JobFolder) -> frozenset[int]:
    """Return the lines of a job's list that are settled, by what it wrote before."""
    return frozenset(line["line"] for line in kept.told() if "line" in line)
