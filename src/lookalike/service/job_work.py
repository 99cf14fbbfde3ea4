"""The work of a job: its input is prepared, and its pictures are added block by block.

Each block's outcomes are appended and forced to disk before the next is begun. A run over a folder is one addition, in
which other jobs take their turns.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from ..records import Outcome, Progress
from .folder_jobs import FolderRun, count_files, list_files, settled_lines
from .job_files import Job, JobFolder, Step, now_text, write_outcomes
from .roots import Roots

if TYPE_CHECKING:
    from ..core.collection import Collection

_BLOCK_ITEMS = 64
_BLOCK_BYTES = 64_000_000
_TOLD_S = 0.5  # between two tellings of a run over a folder, at most


class Form(Protocol):
    """What reads the input of a job; the door that took the input knows how."""

    def prepare(self, job: Job, kept: JobFolder) -> Iterator[tuple[Step, int, int | None]]:
        """Make what the input needs before it is read; each step tells what is done, how far, and of how many."""
        ...

    def count(self, job: Job, stream: BinaryIO) -> int:
        """Count the sources of an input."""
        ...

    def sources(self, job: Job, stream: BinaryIO) -> Iterator[tuple[Any, int]]:
        """Return each source, as `Collection.add` reads it, with its size in bytes."""
        ...

    def admitted(self, job: Job, block: list[Any]) -> AbstractContextManager[list[Any]]:
        """Lend a block for as long as it is being added, with an error in the place of each source that may not be."""
        ...

    def room(self, job: Job) -> AbstractContextManager[None]:
        """Lend room for one picture of a folder while it is added, or refuse it."""
        ...


@dataclass(frozen=True, eq=False)
class JobWork:
    """Does the work of jobs.

    Attributes:
        form: Reads inputs.
        roots: The folders of this machine that jobs may index.
        note: Called with each new state of a job.
        go_on: Called with the id of a job again and again; it raises where the work is to be given up.
        give_way: Called while the run over a folder goes on, so that another job adds a block.
        on_outcome: Called with each outcome, once it is on disk.
    """

    form: Form
    roots: Roots
    note: Callable[[Job], None]
    go_on: Callable[[str], None]
    give_way: Callable[[], None]
    on_outcome: Callable[[Outcome], None]

    def blocks(self, job: Job, collection: Collection, kept: JobFolder) -> Iterator[None]:
        """Do the work of a job; each step adds a block."""
        job = replace(job, started_at=job.started_at or now_text())
        for step, prepared, total in self._prepared(job, kept, collection):
            job = replace(job, state="running", step=step, prepared=prepared, total=total)
            self.note(job)  # in memory only: what was under way is found out by every start anew
            yield
        with open(kept.input, "rb") as stream:
            total = count_files(stream) if job.folder else self.form.count(job, stream)
        job = replace(job, state="running", step="adding" if job.step or job.folder else "", total=total)
        self.note(job)
        with open(kept.input, "rb") as stream, ExitStack() as opened:
            if job.folder:
                self._index(job, collection, kept, stream)
                return
            outcomes: BinaryIO | None = None
            sources = islice(self.form.sources(job, stream), job.done, None)
            while block := _block(sources):
                kept.check()
                settled = self._add(job, collection, block)
                outcomes = outcomes or opened.enter_context(kept.appending())
                write_outcomes(outcomes, settled)
                job = self._settled(job, settled)
                yield

    def _prepared(self, job: Job, kept: JobFolder, collection: Collection) -> Iterator[tuple[Step, int, int | None]]:
        if not job.folder:
            return self.form.prepare(job, kept)
        listed = list_files(job, kept, self.roots.find(job.folder), collection)
        return (("listing", count, None) for count in listed)

    def _index(self, job: Job, collection: Collection, kept: JobFolder, stream: BinaryIO) -> None:
        """Index the folder of a job by one run, while other jobs take their turns."""
        run = FolderRun(self.roots.find(job.folder), stream, settled_lines(kept), partial(self.form.room, job))
        settled: list[tuple[Outcome, int]] = []
        written_at = time.monotonic()

        def settle(outcome: Outcome) -> None:
            settled.append((outcome, run.line_of(outcome)))

        def write() -> None:
            nonlocal job, written_at
            found = [replace(outcome, place=job.done + n) for n, (outcome, _) in enumerate(settled)]
            write_outcomes(outcomes, found, [line for _, line in settled])
            settled.clear()
            job, written_at = self._settled(job, found), time.monotonic()

        def tell(_: Progress) -> None:
            self.go_on(job.id)
            if settled and (len(settled) >= _BLOCK_ITEMS or time.monotonic() - written_at >= _TOLD_S):
                kept.check()
                write()
                self.give_way()

        with kept.appending() as outcomes, closing(run):
            try:
                collection.add(run.items(), replace=job.replace, on_progress=tell, on_outcome=settle)
            finally:
                write()
        if job.prune or job.prune_all:
            self.note(replace(job, step="removing"))
            self.note(replace(job, removed=run.prune(collection)))

    def _settled(self, job: Job, settled: list[Outcome]) -> Job:
        """Count what was written of a job, and tell of it."""
        job = replace(job, counts=dict(Counter(job.counts) + Counter(one.kind for one in settled)))
        self.note(job)
        for outcome in settled:
            self.on_outcome(outcome)
        return job

    def _add(self, job: Job, collection: Collection, block: list[Any]) -> list[Outcome]:
        """Add a block, and give its outcomes in order."""
        settled: list[Outcome] = []

        def tell(_: Progress) -> None:
            self.go_on(job.id)

        with self.form.admitted(job, block) as admitted:
            collection.add(admitted, replace=job.replace, on_progress=tell, on_outcome=settled.append)
        settled.sort(key=lambda outcome: outcome.place)
        return [replace(outcome, place=job.done + outcome.place) for outcome in settled]


def _block(sources: Iterator[tuple[Any, int]]) -> list[Any]:
    """Take the next sources, so few that they fit in memory."""
    block, size = [], 0
    for source, source_bytes in sources:
        block.append(source)
        size += source_bytes
        if len(block) >= _BLOCK_ITEMS or size >= _BLOCK_BYTES:
            break
    return block
