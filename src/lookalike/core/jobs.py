"""Jobs: additions that outlive one call, kept on disk with their input, so that they go on after any end.

A job is a folder below `jobs/` in the home:

    job.json          what is to be done, and its state; replaced as a whole
    input             the bytes as they came; removed when the job has ended
    outcomes.jsonl    a line for each picture that is settled, in the order of the input

Pictures are added a block at a time; then their outcomes are appended and forced to disk. After a crash at most one
block is done again, which changes nothing: adding the same picture under the same id leaves a record as it is. Jobs
take turns, block by block, so that a small one does not wait for a large one.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import shutil
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol

from ..errors import CollectionNotFoundError, JobNotFoundError, LookalikeError
from ..values import Failure, Outcome, Progress

if TYPE_CHECKING:
    from .collection import Collection

State = Literal["waiting", "running", "done", "cancelled", "failed"]

_FOLDER = "jobs"
_NEW = ".new-"
_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{8}")
_BLOCK_ITEMS = 64
_BLOCK_BYTES = 64_000_000
_KEPT_DAYS = 30
_PATIENCE_S = 10.0
_log = logging.getLogger("lookalike.jobs")


@dataclass(frozen=True)
class Job:
    """One job, as it stands.

    Attributes:
        form: What the input is, in the words of the door that took it ("application/x-ndjson").
        replace: Overwrite records that other sources made under the same id.
        key_id: The key that asked for it; None for nobody in particular.
        total: Pictures in the input; None until it is known.
        counts: How many ended in which way.
        failure: Why the job as a whole failed; its `source` is the collection.
    """

    id: str
    collection: str
    form: str
    created_at: str
    replace: bool = False
    key_id: str | None = None
    state: State = "waiting"
    total: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    failure: Failure | None = None
    started_at: str | None = None
    ended_at: str | None = None

    @property
    def done(self) -> int:
        """How many pictures are settled."""
        return sum(self.counts.values())

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ("done", "cancelled", "failed")


class Form(Protocol):
    """What reads the input of a job; the door that took the input knows how."""

    def count(self, job: Job, stream: BinaryIO) -> int:
        """Count the sources of an input."""
        ...

    def sources(self, job: Job, stream: BinaryIO) -> Iterator[tuple[Any, int]]:
        """Give each source, as `Collection.add` reads it, with its size in bytes."""
        ...


class _StoppedError(Exception):
    """The work on a block was given up: the job is cancelled, or the process ends."""


class Jobs:
    """The jobs of one home, and the thread that works on them. One process at a time works on a home's jobs.

    Args:
        on_outcome: Called with each Outcome, once it is on disk.
    """

    def __init__(
        self,
        home: Path,
        open_collection: Callable[[str], Collection],
        form: Form,
        on_outcome: Callable[[Outcome], None] = lambda _: None,
    ) -> None:
        self.on_outcome = on_outcome
        self._root = home / _FOLDER
        self._open_collection = open_collection
        self._form = form
        self._lock = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._cancelled: set[str] = set()
        self._turns: deque[_Run] = deque()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Take up what is unfinished, and begin to work."""
        for job in self._stored():
            self._jobs[job.id] = job
            if not job.has_ended:
                _log.info("job %s goes on at picture %s", job.id, job.done)
                self._turns.append(_Run(self, job))
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
        folder.mkdir(parents=True)
        return folder

    def submit(self, draft: Path, *, collection: str, form: str, replace: bool, key_id: str | None) -> Job:
        """Make a job of a draft whose input is complete. When this returns, the job survives a crash."""
        now = datetime.now(UTC)
        job_id = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"
        job = Job(job_id, collection, form, _text(now), replace=replace, key_id=key_id)
        _sync(draft / "input")
        _save(draft, job)
        draft.rename(self._root / job_id)
        _sync(self._root)
        with self._lock:
            self._jobs[job.id] = job
            self._turns.append(_Run(self, job))
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
        raise JobNotFoundError(f'no job "{job_id[:80]}". Ended jobs are kept for {_KEPT_DAYS} days.')

    def cancel(self, job_id: str) -> Job:
        """Cancel a job; what it has added stays. One that has ended stays as it is."""
        job = self.get(job_id)
        with self._lock:
            if not job.has_ended:
                self._cancelled.add(job_id)
                self._lock.notify_all()
        return job

    def outcomes(self, job_id: str, *, start: int = 0) -> Iterator[Outcome]:
        """Give the outcomes of a job in the order of its input, from a place on."""
        folder = self.folder(self.get(job_id))
        for line in islice(_lines(folder / "outcomes.jsonl"), start, None):
            yield _outcome(json.loads(line))

    # ---- for the runs

    def folder(self, job: Job) -> Path:
        """Give the folder of a job."""
        return self._root / job.id

    def is_stopped(self, job: Job) -> bool:
        """Say whether work on a job is to be given up."""
        return self._stopping or job.id in self._cancelled

    def note(self, job: Job, *, save: bool = True) -> Job:
        """Take a job's new state, and keep it on disk."""
        if save:
            _save(self.folder(job), job)
        with self._lock:
            self._jobs[job.id] = job
        return job

    def open(self, job: Job) -> Collection:
        """Open the collection of a job."""
        return self._open_collection(job.collection)

    def cause(self, job: Job, error: LookalikeError) -> LookalikeError:
        """Give what lies behind an error: a collection that is deleted is closed first."""
        try:
            self.open(job)
        except CollectionNotFoundError as gone:
            return gone
        return error

    @property
    def form(self) -> Form:
        """What reads inputs."""
        return self._form

    def _work(self) -> None:
        while True:
            with self._lock:
                while not self._turns and not self._stopping:
                    self._lock.wait()
                if self._stopping:
                    return
                run = self._turns.popleft()
            if run.step() and not self._stopping:
                with self._lock:
                    self._turns.append(run)

    def _stored(self) -> Iterator[Job]:
        """Read the jobs on disk; drop drafts without a maker and what ended long ago."""
        if not self._root.is_dir():
            return
        oldest = time.time() - _KEPT_DAYS * 86400
        for folder in sorted(self._root.iterdir()):
            if folder.name.startswith(_NEW) or (_ID.fullmatch(folder.name) and _ended_before(folder, oldest)):
                shutil.rmtree(folder, ignore_errors=True)
            elif _ID.fullmatch(folder.name):
                try:
                    yield _load(folder)
                except (OSError, ValueError, TypeError, KeyError) as exc:
                    _log.error("job %s cannot be read and is left alone: %s", folder.name, exc)


class _Run:
    """The work on one job, a block at a time."""

    def __init__(self, jobs: Jobs, job: Job) -> None:
        self._jobs = jobs
        self._job = job
        self._blocks: Iterator[None] | None = None

    def step(self) -> bool:
        """Add one block, and say whether more is to be done. Whatever goes wrong ends the job and says why."""
        try:
            if self._jobs.is_stopped(self._job):
                raise _StoppedError
            if self._blocks is None:
                self._blocks = self._all_blocks()
            next(self._blocks)
            return True
        except StopIteration:
            self._end("done")
        except _StoppedError:
            if self._job.id in self._jobs._cancelled:
                self._end("cancelled")
        except LookalikeError as error:
            error = self._jobs.cause(self._job, error)
            self._end("failed", Failure(self._job.collection, error.code, error.message))
        except Exception as error:  # the outermost loop of a job: it records
            _log.exception("job %s failed", self._job.id)
            message = f"the job met an unexpected error ({type(error).__name__}); the server's log says more."
            self._end("failed", Failure(self._job.collection, "internal", message))
        return False

    def _all_blocks(self) -> Iterator[None]:
        job, folder = self._job, self._jobs.folder(self._job)
        collection = self._jobs.open(job)
        _cut_torn_line(folder / "outcomes.jsonl")
        with open(folder / "input", "rb") as stream:
            total = self._jobs.form.count(job, stream)
        self._job = job = self._jobs.note(replace(job, state="running", total=total, started_at=_text()))
        with open(folder / "input", "rb") as stream, open(folder / "outcomes.jsonl", "ab") as outcomes:
            sources = islice(self._jobs.form.sources(job, stream), job.done, None)
            while block := _block(sources):
                self._add(collection, block, outcomes)
                yield

    def _add(self, collection: Collection, block: list[Any], outcomes: BinaryIO) -> None:
        first, settled = self._job.done, list[Outcome]()

        def tell(_: Progress) -> None:
            if self._jobs.is_stopped(self._job):
                raise _StoppedError

        collection.add(block, replace=self._job.replace, on_progress=tell, on_outcome=settled.append)
        settled.sort(key=lambda outcome: outcome.place)
        for outcome in settled:
            outcomes.write(_line(replace(outcome, place=first + outcome.place)))
        outcomes.flush()
        os.fsync(outcomes.fileno())
        for outcome in settled:
            self._jobs.on_outcome(outcome)
        counts = Counter(self._job.counts) + Counter(outcome.kind for outcome in settled)
        self._job = self._jobs.note(replace(self._job, counts=dict(counts)), save=False)

    def _end(self, state: State, failure: Failure | None = None) -> None:
        self._job = self._jobs.note(replace(self._job, state=state, failure=failure, ended_at=_text()))
        (self._jobs.folder(self._job) / "input").unlink(missing_ok=True)
        _log.info("job %s %s: %s", self._job.id, state, dict(self._job.counts))


def _block(sources: Iterator[tuple[Any, int]]) -> list[Any]:
    """Take the next sources, so few that they fit in memory."""
    block, size = [], 0
    for source, source_bytes in sources:
        block.append(source)
        size += source_bytes
        if len(block) >= _BLOCK_ITEMS or size >= _BLOCK_BYTES:
            break
    return block


def _save(folder: Path, job: Job) -> None:
    held = {**asdict(job), "counts": {}}  # the outcomes are counted when the job is loaded
    partial = folder / "job.json.partial"
    with open(partial, "w", encoding="utf-8") as stream:
        json.dump(held, stream, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(partial, folder / "job.json")


def _load(folder: Path) -> Job:
    held = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    failure = held.pop("failure")
    job = Job(**{**held, "counts": _counted(folder), "failure": Failure(**failure) if failure else None})
    return job if job.has_ended or (folder / "input").exists() else _without_input(job)


def _without_input(job: Job) -> Job:
    message = "the input of this job is gone. Send it again; what it has added is there."
    return replace(job, state="failed", failure=Failure(job.collection, "job_input_missing", message))


def _counted(folder: Path) -> dict[str, int]:
    return dict(Counter(json.loads(line)["outcome"] for line in _lines(folder / "outcomes.jsonl")))


def _lines(path: Path) -> Iterator[bytes]:
    """Give the whole lines of a file; none where there is no file."""
    try:
        with open(path, "rb") as stream:
            yield from (line for line in stream if line.endswith(b"\n"))
    except FileNotFoundError:
        return


def _cut_torn_line(path: Path) -> None:
    """Take away what a crash left of a line: its picture is added again."""
    whole = sum(len(line) for line in _lines(path))
    if path.exists():
        os.truncate(path, whole)


def _line(outcome: Outcome) -> bytes:
    line: dict[str, Any] = {"place": outcome.place, "id": outcome.id, "outcome": outcome.kind}
    if outcome.failure is not None:
        line |= asdict(outcome.failure)
    return json.dumps(line, ensure_ascii=True).encode() + b"\n"


def _outcome(line: dict[str, Any]) -> Outcome:
    failure = Failure(line["source"], line["code"], line["message"]) if "code" in line else None
    return Outcome(line["place"], line["id"], line["outcome"], failure)


def _ended_before(folder: Path, moment: float) -> bool:
    try:
        return not (folder / "input").exists() and (folder / "job.json").stat().st_mtime < moment
    except OSError:
        return False


def _text(moment: datetime | None = None) -> str:
    return (moment or datetime.now(UTC)).isoformat(timespec="seconds")


def _sync(path: Path) -> None:
    """Force a file or a folder's entries to disk."""
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
