"""Jobs: additions that outlive one call, kept on disk with their input, so that they go on after any end.

Pictures are added a block at a time; then their outcomes are appended and forced to disk. After a crash at most one
block is done again, which changes nothing: adding the same picture under the same id leaves a record as it is. Jobs
take turns, block by block, so that a small one does not wait for a large one. `job_rows` keeps them, with what is long
in `job_files`. Who works on a job has its lease, from its first turn until its end is saved.

Nothing that happens to one job ends the thread that works on all of them. Where the end of a job cannot be saved, it is
kept in memory and saved as soon as it can be; until then a new start of the process takes the job up again, rightly.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from .. import disk, refusals
from ..errors import (
    BusyError,
    CollectionNotFoundError,
    ConflictError,
    JobNotFoundError,
    LookalikeError,
    StoreDamagedError,
    StoreError,
    StoreFullError,
)
from ..records import Failure, Outcome
from .job_files import Job, JobFolder, JobRequest, State, now_text
from .job_rows import ID, JobRows
from .job_work import Form, JobWork
from .roots import Roots

if TYPE_CHECKING:
    from ..core.collection import Collection

__all__ = ["Form", "Job", "Jobs"]

_FOLDER = "jobs"
_NEW = ".new-"
_KEPT = timedelta(days=30)
_PATIENCE_S = 10.0
_AT_ONCE = 8  # jobs that take turns: each holds two file handles
_MOST_WAITING = 1000
_REMEMBERED = 1000
_RETRY_S = 2.0  # until what could not be saved is tried again
_SWEEP_S = 3600.0
_log = logging.getLogger("lookalike.jobs")


class _StoppedError(Exception):
    """The work on a block was given up: the job is cancelled, or the process ends."""


class Jobs:
    """The jobs of one home, and the thread that works on those that no other process works on.

    Args:
        on_outcome: Called with each Outcome, once it is on disk.
        reach: The collections that the caller of a job speaks for; empty for all of the home.
        roots: The folders of this machine that jobs may index.
        most_waiting: Jobs that have not ended; more are refused.
        remembered: Jobs that have ended and stay in memory; older ones are read from disk.
    """

    def __init__(
        self,
        home: Path,
        open_collection: Callable[[str], Collection],
        form: Form,
        on_outcome: Callable[[Outcome], None] = lambda _: None,
        reach: Callable[[Job], tuple[str, ...]] = lambda _: (),
        roots: Roots | None = None,
        *,
        most_waiting: int = _MOST_WAITING,
        remembered: int = _REMEMBERED,
    ) -> None:
        self._root = home / _FOLDER
        self._rows = JobRows(home, self._root)
        self._open_collection = open_collection
        self._reach = reach
        self._job_work = JobWork(form, roots or Roots((), home), self._note, self._go_on, self._give_way, on_outcome)
        self._most_waiting, self._remembered = most_waiting, remembered
        self._lock = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._ended: deque[str] = deque()  # of `_jobs`, the oldest first
        self._unsaved: dict[str, Job] = {}  # ends that could not be written
        self._cancelled: set[str] = set()
        self._leases: dict[str, ExitStack] = {}  # of the jobs that this process works on
        self._elsewhere: list[str] = []  # jobs that another process works on
        self._looked_at = float("-inf")  # whether it still does
        self._waiting: deque[str] = deque()
        self._turns: deque[tuple[str, Iterator[None]]] = deque()  # job id, and its blocks
        self._swept_at = float("-inf")
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Take up what is unfinished, and begin to work."""
        if disk.is_loose(self._root):
            disk.tighten(self._root)
        for draft in list(self._root.glob(f"{_NEW}*")):
            shutil.rmtree(draft, ignore_errors=True)
        self._sweep()
        for job in self._rows.last(self._remembered):
            self._remember(job)
            if not job.has_ended:
                self._rows.folder(job.id).sweep()
                if job.is_cancelled:
                    self._cancelled.add(job.id)
                _log.info("job %s goes on at picture %s", job.id, job.done, extra=_marks(job))
                self._waiting.append(job.id)
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)
        self._thread.start()

    @property
    def is_working(self) -> bool:
        """Whether the thread lives, and jobs that are submitted will be worked on."""
        return self._thread is not None and self._thread.is_alive() and not self._stopping

    def stop(self) -> None:
        """Leave the work for the next start. The block under way is given up, and done again then."""
        with self._lock:
            self._stopping = True
            self._lock.notify_all()
        if self._thread is not None:
            self._thread.join(_PATIENCE_S)

    def draft(self) -> Path:
        """Make the folder of a job that is being received; its input is to be written to the file `input`.

        Raises:
            BusyError: when too many jobs wait already.
        """
        with self._lock:
            unfinished = len(self._jobs) - len(self._ended)
        if unfinished >= self._most_waiting:
            raise BusyError(f"{unfinished:,} jobs wait. Send this one when some have ended.", retry_after_s=60)
        folder = self._root / f"{_NEW}{secrets.token_hex(8)}"
        with refusals.reporting(self._root):
            disk.make_folder(self._root, private=True)
            folder.mkdir(mode=disk.PRIVATE_FOLDER)  # not forced: nothing of it is promised yet
        return folder

    def submit(self, draft: Path, **asked: Unpack[JobRequest]) -> Job:
        """Make a job of a draft whose input is complete. When this returns, the job survives a crash.

        Args:
            asked: What is asked of it. With a `folder` of this machine, as `Roots` names it, the input is empty.
        """
        id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"
        job = Job(id, created_at=now_text(), **asked)
        folder_of_job = self._root / job.id
        with refusals.reporting(self._root):
            disk.replace_folder(draft, folder_of_job)
            try:
                self._rows.add(job)
            except BaseException:
                disk.replace_folder(folder_of_job, draft)
                raise
        with self._lock:
            self._jobs[job.id] = job
            self._waiting.append(job.id)
            self._lock.notify_all()
        return job

    def all(self) -> list[Job]:
        """Return all jobs that have not ended, and the last that have, newest first."""
        with self._lock:
            return sorted(self._jobs.values(), key=lambda job: job.id, reverse=True)

    def get(self, job_id: str) -> Job:
        """Return one job.

        Raises:
            JobNotFoundError: when there is none of this id.
        """
        with self._lock:
            if job_id in self._jobs:
                return self._jobs[job_id]
        job = self._rows.get(job_id) if ID.fullmatch(job_id) else None  # it may have ended long ago
        if job is None:
            raise no_job(job_id)
        return job

    def byte_size(self, key_id: str) -> int:
        """Return what the jobs of a key take on disk: their inputs until they have ended, and their outcomes."""
        return sum(self._folder(job).byte_size() for job in self.all() if job.key_id == key_id)

    def cancel(self, job_id: str) -> Job:
        """Cancel a job; what it has added stays. One that has ended stays as it is."""
        job = self.get(job_id)
        if not job.has_ended:
            self._rows.cancel(job_id)
        with self._lock:
            if not job.has_ended:
                self._cancelled.add(job_id)
                self._lock.notify_all()
        return job

    def outcomes(self, job_id: str, *, start: int = 0) -> Iterator[Outcome]:
        """Return the outcomes of a job in the order of its input, from a place on."""
        return self._folder(self.get(job_id)).outcomes(start)

    # ---- the work

    def _work(self) -> None:
        while not self._stopping:
            try:
                self._turn()
            except Exception:  # the outermost loop of all jobs: it records, and goes on
                _log.exception("jobs go on after an unexpected error")
                self._pause(_RETRY_S)
        self._save_ends()
        for job_id in list(self._leases):
            self._end_lease(job_id)

    def _turn(self) -> None:
        """Add one block of the job whose turn it is; without any, wait for one."""
        self._save_ends()
        self._sweep()
        self._look_again()
        turn = self._next()
        if turn is not None and self._step(*turn):
            self._turns.append(turn)

    def _give_way(self) -> None:
        """Add one block of another job while the run over a folder goes on."""
        turn = self._next(beside_folder=True)
        if turn is not None and self._step(*turn):
            self._turns.append(turn)

    def _next(self, *, beside_folder: bool = False) -> tuple[str, Iterator[None]] | None:
        """Take the job whose turn it is; waiting ones come in as others end, and those that are cancelled at once.

        Args:
            beside_folder: Take none that indexes a folder, and wait for none.
        """

        def may(job_id: str) -> bool:
            return not beside_folder or job_id in self._cancelled or not self._jobs[job_id].folder

        with self._lock:
            waiting = sorted(filter(may, self._waiting), key=lambda job_id: job_id not in self._cancelled)
            if waiting and (waiting[0] in self._cancelled or len(self._turns) < _AT_ONCE):
                self._waiting.remove(waiting[0])
                return waiting[0], self._blocks(waiting[0])
            for turn in self._turns:
                if may(turn[0]):
                    self._turns.remove(turn)
                    return turn
            if not self._stopping and not beside_folder:
                self._lock.wait(_RETRY_S if self._unsaved or self._elsewhere else _SWEEP_S)
            return None

    def _pause(self, seconds: float) -> None:
        with self._lock:
            if not self._stopping:
                self._lock.wait(seconds)

    def _step(self, job_id: str, blocks: Iterator[None]) -> bool:
        """Add one block, and say whether more is to be done. Whatever goes wrong ends the job and says why."""
        job = self.get(job_id)
        try:
            if not self._leased(job_id):
                return False
            self._go_on(job_id)
            next(blocks)
            return True
        except StopIteration:
            self._end(job_id, "done")
        except _StoppedError:
            if job_id in self._cancelled:
                self._end(job_id, "cancelled")
        except OSError as error:
            self._fail(job, refusals.error_of(error, self._root))
        except LookalikeError as error:
            self._fail(job, self._cause(job.collection, error))
        except Exception as error:
            _log.exception("job %s failed", job_id, extra=_marks(job))
            message = f"the job met an unexpected error ({type(error).__name__}); the server's log says more."
            self._end(job_id, "failed", Failure(job.collection, "internal", message))
        return False

    def _leased(self, job_id: str) -> bool:
        """Take the lease of a job whose first turn it is, with what it has become elsewhere; say whether it is ours."""
        if job_id in self._leases:
            return True
        lease = ExitStack()
        try:
            lease.enter_context(self._rows.lease(job_id))
        except ConflictError:
            self._elsewhere.append(job_id)
            return False
        self._leases[job_id] = lease
        job = self._rows.get(job_id)
        if job is not None and job.ended_at:
            self._end_lease(job_id)
            with self._lock:
                self._cancelled.discard(job_id)
                self._remember(job)
            return False
        if job is not None and not job.has_ended:
            self._note(job)
        return True

    def _end_lease(self, job_id: str) -> None:
        lease = self._leases.pop(job_id, None)
        if lease is not None:
            lease.close()

    def _look_again(self) -> None:
        """Let jobs that another process worked on wait for a turn again, now and then."""
        if self._elsewhere and time.monotonic() - self._looked_at >= _RETRY_S:
            self._looked_at = time.monotonic()
            with self._lock:
                self._waiting.extend(self._elsewhere)
            self._elsewhere.clear()

    def _fail(self, job: Job, error: LookalikeError) -> None:
        """End a job for an error, in words for people elsewhere: what a store says names folders of this machine."""
        code, message = error.code, error.message
        if isinstance(error, StoreFullError):
            message = "the disk of the server is full. Make room there, and send again what has not been added."
        elif isinstance(error, StoreError) and not self._folder(job).exists():
            code = "job_input_missing"
            message = "the folder of this job is gone. Send it again; what it has added is there."
        elif isinstance(error, StoreError):
            _log.error("job %s: %s", job.id, error.message, extra=_marks(job))
            message = "the server could not read or write what this job needs; its log says more."
        self._end(job.id, "failed", Failure(job.collection, code, message))

    def _blocks(self, job_id: str) -> Iterator[None]:
        """Do the work of a job; each step adds a block."""
        job = self.get(job_id)
        collection = self._open_collection(job.collection).within(self._reach(job))
        yield from self._job_work.blocks(job, collection, self._folder(job))

    def _go_on(self, job_id: str) -> None:
        if self._stopping or job_id in self._cancelled:
            raise _StoppedError

    def _end(self, job_id: str, state: State, failure: Failure | None = None) -> None:
        job = replace(self.get(job_id), state=state, step="", failure=failure, ended_at=now_text())
        _log.info("job %s %s: %s", job.id, state, dict(job.counts), extra=_marks(job))
        with self._lock:
            self._unsaved[job.id] = job
        self._save_ends()
        with self._lock:  # only now is it told
            self._cancelled.discard(job.id)
            self._remember(job)
        if job.id in self._unsaved:
            _log.error("the end of job %s cannot be saved yet; it will be tried again", job.id, extra=_marks(job))

    def _save_ends(self) -> None:
        """Write the ends of jobs to disk, those also that could not be written before."""
        for job in list(self._unsaved.values()):
            folder = self._folder(job)
            try:
                self._rows.end(job)
                if folder.exists():
                    folder.drop_input()
            except (OSError, LookalikeError):
                continue
            with self._lock:
                del self._unsaved[job.id]
            self._end_lease(job.id)

    def _remember(self, job: Job) -> None:
        """Keep a job in memory; of those that have ended the last ones only."""
        self._jobs[job.id] = job
        if job.has_ended:
            self._ended.append(job.id)
            if len(self._ended) > self._remembered:
                del self._jobs[self._ended.popleft()]

    def _sweep(self) -> None:
        """Remove now and then what ended long ago."""
        if time.monotonic() - self._swept_at < _SWEEP_S:
            return
        self._swept_at = time.monotonic()
        self._rows.sweep(datetime.now(UTC) - _KEPT)

    def _cause(self, collection: str, error: LookalikeError) -> LookalikeError:
        """Return what lies behind an error: a collection that is deleted is closed first."""
        try:
            self._open_collection(collection)
        except (CollectionNotFoundError, StoreDamagedError) as gone:
            return gone
        return error

    def _note(self, job: Job) -> None:
        """Take a job's new state."""
        with self._lock:
            self._jobs[job.id] = job

    def _folder(self, job: Job) -> JobFolder:
        return self._rows.folder(job.id)


def no_job(job_id: str) -> JobNotFoundError:
    """Return the error of a job that is not there, or not for the caller: the two must look alike."""
    return JobNotFoundError(f'no job "{job_id[:80]}". Ended jobs are kept for {_KEPT.days} days.')


def _marks(job: Job) -> dict[str, str]:
    """Return what a log line about a job says besides its text."""
    return {"request_id": job.request_id} if job.request_id else {}
