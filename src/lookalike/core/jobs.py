"""Jobs: additions that outlive one call, kept on disk with their input, so that they go on after any end.

Pictures are added a block at a time; then their outcomes are appended and forced to disk. After a crash at most one
block is done again, which changes nothing: adding the same picture under the same id leaves a record as it is. Jobs
take turns, block by block, so that a small one does not wait for a large one. `core/job_files` keeps them.
"""

from __future__ import annotations

import logging
import re
import secrets
import shutil
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from .. import disk
from ..errors import CollectionNotFoundError, JobNotFoundError, LookalikeError
from ..values import Failure, Outcome, Progress
from .job_files import Job, JobFolder, State, now_text, write_outcomes

if TYPE_CHECKING:
    from .collection import Collection

__all__ = ["Form", "Job", "Jobs"]

_FOLDER = "jobs"
_NEW = ".new-"
_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{8}")
_BLOCK_ITEMS = 64
_BLOCK_BYTES = 64_000_000
_KEPT_DAYS = 30
_PATIENCE_S = 10.0
_log = logging.getLogger("lookalike.jobs")


class Form(Protocol):
    """What reads the input of a job; the door that took the input knows how."""

    def count(self, job: Job, stream: BinaryIO) -> int:
        """Count the sources of an input."""
        ...

    def sources(self, job: Job, stream: BinaryIO) -> Iterator[tuple[Any, int]]:
        """Give each source, as `Collection.add` reads it, with its size in bytes."""
        ...

    def admitted(self, job: Job, block: list[Any]) -> AbstractContextManager[list[Any]]:
        """Lend a block for as long as it is being added, with an error in the place of each source that may not be."""
        ...


class _StoppedError(Exception):
    """The work on a block was given up: the job is cancelled, or the process ends."""


class Jobs:
    """The jobs of one home, and the thread that works on them. One process at a time works on a home's jobs.

    Args:
        on_outcome: Called with each Outcome, once it is on disk.
        reach: The collections that whoever asked for a job speaks for; empty for all of the home.
    """

    def __init__(
        self,
        home: Path,
        open_collection: Callable[[str], Collection],
        form: Form,
        on_outcome: Callable[[Outcome], None] = lambda _: None,
        reach: Callable[[Job], tuple[str, ...]] = lambda _: (),
    ) -> None:
        self._root = home / _FOLDER
        self._open_collection = open_collection
        self._form = form
        self._on_outcome = on_outcome
        self._reach = reach
        self._lock = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._cancelled: set[str] = set()
        self._turns: deque[tuple[str, Iterator[None]]] = deque()  # job id, and its blocks
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Take up what is unfinished, and begin to work."""
        if disk.is_loose(self._root):
            disk.tighten(self._root)
        for job in self._stored():
            self._jobs[job.id] = job
            if not job.has_ended:
                if self._folder(job).is_cancelled:
                    self._cancelled.add(job.id)
                _log.info("job %s goes on at picture %s", job.id, job.done, extra=_marks(job))
                self._turns.append((job.id, self._blocks(job)))
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Leave the work for the next start. The block under way is given up, and done again then."""
        with self._lock:
            self._stopping = True
            self._lock.notify_all()
        if self._thread is not None:
            self._thread.join(_PATIENCE_S)

    def draft(self) -> Path:
        """Make the folder of a job that is being received; its input is to be written to the file `input`."""
        folder = self._root / f"{_NEW}{secrets.token_hex(8)}"
        with disk.reporting(self._root):
            disk.make_folder(folder, private=True)
        return folder

    def submit(
        self, draft: Path, *, collection: str, form: str, replace: bool, key_id: str | None, request_id: str = ""
    ) -> Job:
        """Make a job of a draft whose input is complete. When this returns, the job survives a crash."""
        job_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"
        job = Job(job_id, collection, form, now_text(), replace=replace, key_id=key_id, request_id=request_id)
        with disk.reporting(self._root):
            JobFolder(draft).save(job)
            disk.replace_folder(draft, self._root / job_id)
        with self._lock:
            self._jobs[job.id] = job
            self._turns.append((job.id, self._blocks(job)))
            self._lock.notify_all()
        return job

    def all(self) -> list[Job]:
        """Give all jobs, newest first."""
        with self._lock:
            return sorted(self._jobs.values(), key=lambda job: job.id, reverse=True)

    def get(self, job_id: str) -> Job:
        """Give one job.

        Raises:
            JobNotFoundError: when there is none of this id.
        """
        with self._lock:
            if job_id in self._jobs:
                return self._jobs[job_id]
        raise no_job(job_id)

    def byte_size(self, key_id: str) -> int:
        """Return what the jobs of a key take on disk: their inputs until they have ended, and their outcomes."""
        return sum(self._folder(job).byte_size() for job in self.all() if job.key_id == key_id)

    def cancel(self, job_id: str) -> Job:
        """Cancel a job; what it has added stays. One that has ended stays as it is."""
        job = self.get(job_id)
        if not job.has_ended:
            with disk.reporting(self._root):
                self._folder(job).note_cancelled()
        with self._lock:
            if not job.has_ended:
                self._cancelled.add(job_id)
        return job

    def outcomes(self, job_id: str, *, start: int = 0) -> Iterator[Outcome]:
        """Give the outcomes of a job in the order of its input, from a place on."""
        return self._folder(self.get(job_id)).outcomes(start)

    # ---- the work

    def _work(self) -> None:
        while True:
            with self._lock:
                while not self._turns and not self._stopping:
                    self._lock.wait()
                if self._stopping:
                    return
                job_id, blocks = self._turns.popleft()
            if self._step(job_id, blocks):
                with self._lock:
                    self._turns.append((job_id, blocks))

    def _step(self, job_id: str, blocks: Iterator[None]) -> bool:
        """Add one block, and say whether more is to be done. Whatever goes wrong ends the job and says why."""
        collection = self.get(job_id).collection
        try:
            self._go_on(job_id)
            next(blocks)
            return True
        except StopIteration:
            self._end(job_id, "done")
        except _StoppedError:
            if job_id in self._cancelled:
                self._end(job_id, "cancelled")
        except LookalikeError as error:
            cause = self._cause(collection, error)
            self._end(job_id, "failed", Failure(collection, cause.code, cause.message))
        except Exception as error:  # the outermost loop of a job: it records
            _log.exception("job %s failed", job_id, extra=_marks(self.get(job_id)))
            message = f"the job met an unexpected error ({type(error).__name__}); the server's log says more."
            self._end(job_id, "failed", Failure(collection, "internal", message))
        return False

    def _blocks(self, job: Job) -> Iterator[None]:
        """Do the work of a job; each step adds a block."""
        collection = self._open_collection(job.collection).within(self._reach(job))
        folder = self._folder(job)
        with open(folder.input, "rb") as stream:
            total = self._form.count(job, stream)
        job = replace(job, state="running", total=total, started_at=job.started_at or now_text())
        self._note(job, save=True)
        with open(folder.input, "rb") as stream, folder.appending() as outcomes:
            sources = islice(self._form.sources(job, stream), job.done, None)
            while block := _block(sources):
                settled = self._add(job, collection, block)
                write_outcomes(outcomes, settled)
                job = replace(job, counts=dict(Counter(job.counts) + Counter(one.kind for one in settled)))
                self._note(job)
                for outcome in settled:
                    self._on_outcome(outcome)
                yield

    def _add(self, job: Job, collection: Collection, block: list[Any]) -> list[Outcome]:
        """Add a block, and give its outcomes in order."""
        settled: list[Outcome] = []

        def tell(_: Progress) -> None:
            self._go_on(job.id)

        with self._form.admitted(job, block) as admitted:
            collection.add(admitted, replace=job.replace, on_progress=tell, on_outcome=settled.append)
        settled.sort(key=lambda outcome: outcome.place)
        return [replace(outcome, place=job.done + outcome.place) for outcome in settled]

    def _go_on(self, job_id: str) -> None:
        if self._stopping or job_id in self._cancelled:
            raise _StoppedError

    def _end(self, job_id: str, state: State, failure: Failure | None = None) -> None:
        job = replace(self.get(job_id), state=state, failure=failure, ended_at=now_text())
        self._folder(job).save(job)
        self._folder(job).drop_input()
        self._note(job)
        _log.info("job %s %s: %s", job.id, state, dict(job.counts), extra=_marks(job))

    def _cause(self, collection: str, error: LookalikeError) -> LookalikeError:
        """Give what lies behind an error: a collection that is deleted is closed first."""
        try:
            self._open_collection(collection)
        except CollectionNotFoundError as gone:
            return gone
        return error

    def _note(self, job: Job, *, save: bool = False) -> None:
        """Take a job's new state."""
        if save:
            self._folder(job).save(job)
        with self._lock:
            self._jobs[job.id] = job

    def _folder(self, job: Job) -> JobFolder:
        return JobFolder(self._root / job.id)

    def _stored(self) -> Iterator[Job]:
        """Read the jobs on disk; drop drafts without a maker and what ended long ago."""
        oldest = time.time() - _KEPT_DAYS * 86400
        for path in sorted(self._root.iterdir()) if self._root.is_dir() else ():
            is_job = _ID.fullmatch(path.name) is not None
            if path.name.startswith(_NEW) or (is_job and JobFolder(path).ended_before(oldest)):
                shutil.rmtree(path, ignore_errors=True)
            elif is_job:
                try:
                    JobFolder(path).sweep()
                    yield JobFolder(path).load()
                except (OSError, ValueError, TypeError, KeyError) as exc:
                    _log.error("job %s cannot be read and is left alone: %s", path.name, exc)


def no_job(job_id: str) -> JobNotFoundError:
    """Return the error of a job that is not there, or not for the caller: the two must look alike."""
    return JobNotFoundError(f'no job "{job_id[:80]}". Ended jobs are kept for {_KEPT_DAYS} days.')


def _marks(job: Job) -> dict[str, str]:
    """Give what a log line about a job says besides its text."""
    return {"request_id": job.request_id} if job.request_id else {}


def _block(sources: Iterator[tuple[Any, int]]) -> list[Any]:
    """Take the next sources, so few that they fit in memory."""
    block, size = [], 0
    for source, source_bytes in sources:
        block.append(source)
        size += source_bytes
        if len(block) >= _BLOCK_ITEMS or size >= _BLOCK_BYTES:
            break
    return block
