"""The jobs of a home as rows of the service store: written when a job is submitted, cancelled and ended.

How far a job is stands in its outcomes, which are counted when it is read; what it is doing is in the memory of the
server that has its lease.
"""

from __future__ import annotations

import logging
import re
import shutil
from collections import deque
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

from ..errors import StoreError
from ..records import Failure
from .job_files import ENDED, Job, JobFolder
from .store import Row, open_store

ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{8}")
_UNREADABLE = (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError)
_log = logging.getLogger("lookalike.jobs")


class JobRows:
    """The jobs of a home, each with the folder of its streams. May be used from many threads and processes.

    Args:
        root: Holds the folders.
    """

    def __init__(self, home: Path, root: Path) -> None:
        self._store, self._root = open_store(home), root

    def folder(self, job_id: str) -> JobFolder:
        """Return the folder of a job."""
        return JobFolder(self._root / job_id)

    def lease(self, job_id: str) -> AbstractContextManager[None]:
        """Hold the right to work on a job, alone among all servers.

        Raises:
            ConflictError: when another one has it.
        """
        return self._store.lease(job_id)

    def add(self, job: Job) -> None:
        """Keep a new job."""
        with self._store.writing() as rows:
            rows.append("job", job.id, asdict(job))

    def get(self, job_id: str) -> Job | None:
        """Return a job, with its outcomes counted; None where there is none, or a broken one."""
        with self._store.reading() as rows:
            row = rows.get("job", job_id)
        return None if row is None else self._job(row)

    def last(self, most_ended: int) -> list[Job]:
        """Return the jobs that have not ended, and the last that have, the oldest first; broken ones are logged."""
        ended, unfinished = deque[Row](maxlen=most_ended), list[Row]()
        with self._store.reading() as rows:
            for row in rows.all("job"):
                (ended if row.value.get("state") in ENDED else unfinished).append(row)
        held = sorted((*ended, *unfinished), key=lambda row: row.name)
        return [job for job in map(self._job, held) if job is not None]

    def cancel(self, job_id: str) -> None:
        """Note that a job is to end, so that the process that takes it up after a crash ends it as well."""
        with self._store.writing() as rows:
            row = rows.get("job", job_id)
            if row is not None:
                rows.replace(row, {**row.value, "is_cancelled": True})

    def end(self, job: Job) -> None:
        """Keep the end of a job, with its counts."""
        with self._store.writing() as rows:
            rows.put("job", job.id, {**asdict(job), "counts": dict(job.counts)})

    def sweep(self, before: datetime) -> None:
        """Remove the jobs that ended before a moment, with their folders, and older folders that belong to no job."""
        names, old = set[str](), list[str]()
        with self._store.reading() as rows:
            for row in rows.all("job"):
                names.add(row.name)
                if (row.value.get("ended_at") or row.value.get("created_at") or "9") < _text(before):
                    old.append(row.name)
        gone = [name for name in old if not self.folder(name).input.exists()]
        lost = [path for path in self._folders() if path.name not in names and _is_older(path, before)]
        for path in (*(self._root / name for name in gone), *lost):
            shutil.rmtree(path, ignore_errors=True)
        with suppress(StoreError):  # a disk without room keeps them until there is some
            self._forget(gone)

    def _forget(self, gone: list[str]) -> None:
        if gone:
            with self._store.writing() as rows:
                for name in gone:
                    rows.remove("job", name)

    def _job(self, row: Row) -> Job | None:
        folder = self.folder(row.name)
        try:
            failure = row.value["failure"]
            job = Job(**{**row.value, "failure": Failure(**failure) if failure else None})
            if not (job.has_ended and job.counts):
                job = replace(job, counts=folder.counts())
        except _UNREADABLE as exc:
            _log.error("job %s cannot be read and is left alone: %s", row.name, exc)
            return None
        if job.has_ended or folder.input.exists():
            return job
        message = "the input of this job is gone. Send it again; what it has added is there."
        return replace(job, state="failed", failure=Failure(job.collection, "job_input_missing", message))

    def _folders(self) -> list[Path]:
        return [path for path in self._root.iterdir() if ID.fullmatch(path.name)] if self._root.is_dir() else []


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _is_older(path: Path, moment: datetime) -> bool:
    try:
        return path.stat().st_mtime < moment.timestamp()
    except OSError:
        return False
