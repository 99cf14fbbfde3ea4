"""Routes of jobs, and how their inputs are read."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace as replace_in
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import StreamingResponse

from ... import disk, refusals
from ...errors import BusyError, CollectionNotFoundError, InputError, LookalikeError
from ...records import OutcomeKind
from ...samples import LISTING, count_samples, write_each_sample
from ...service.jobs import no_job
from ..json_lines import write_lines
from . import openapi, schema
from .bodies import (
    JSON_LINES,
    MULTIPART,
    bounded_lines,
    chunks_of,
    is_file,
    media_type,
    records_in,
    records_of,
    unsupported,
)
from .json_budget import JsonBudget
from .multipart import boundary_of, parts_of
from .paths import outcome_form
from .replies import Refusal, reply
from .state import ServerState, light, principal_of, request_id_of, state_of

if TYPE_CHECKING:
    from pathlib import Path

    from ...service.job_files import JobFolder, Step
    from ...service.jobs import Job
    from ...service.keys import Key

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])

SAMPLES = "samples"  # the form of a job that adds them, and their folder in the home
_PAGE, _LONGEST_PAGE = 1000, 10_000
_LAST_PLACE = 1_000_000_000
_CHUNK = 1 << 20
_POLL_S = 0.2
_HEARTBEAT_S = 15.0


@router.get("", responses={200: {"model": schema.JobList}, **openapi.errors()})
async def list_jobs(request: Request) -> Response:
    """List the jobs that the caller may see, newest first: all that have not ended, and the last 1,000 that have."""
    principal = principal_of(request)
    principal.check("read")
    jobs = state_of(request).jobs

    def work() -> list[dict[str, Any]]:
        return [job_form(job) for job in jobs.all() if principal.sees(job.collection)]

    return reply({"jobs": await light(request, work)})


@router.get("/{job_id}", responses={200: {"model": schema.JobForm}, **openapi.errors(404, 422)})
async def get_job(request: Request, job_id: str) -> Response:
    """Return how far a job is."""
    return reply(job_form(await _job(request, job_id)))


@router.get("/{job_id}/outcomes", responses={200: {"model": schema.OutcomeList}, **openapi.errors(404, 422)})
async def get_outcomes(
    request: Request,
    job_id: str,
    start: Annotated[int, Query(description="Place of the first that is wanted.", ge=0, le=_LAST_PLACE)] = 0,
    limit: Annotated[int, Query(description="Outcomes on a page.", ge=1, le=_LONGEST_PAGE)] = _PAGE,
    outcome: Annotated[OutcomeKind | None, Query(description="Only pictures that ended so.")] = None,
) -> Response:
    """Return what became of each picture of a job, in the order of its input."""
    job = await _job(request, job_id)

    def work() -> list[dict[str, Any]]:
        found = state_of(request).jobs.outcomes(job.id, start=start)
        wanted = (one for one in found if outcome in (None, one.kind))
        return [outcome_form(one) for one in islice(wanted, limit)]

    page = await state_of(request).limiters.scan.run(work)
    return reply({"outcomes": page, "next": page[-1]["place"] + 1 if len(page) == limit else None})


@router.get(
    "/{job_id}/events",
    responses={200: {"content": {"text/event-stream": {}}}, **openapi.errors(404, 422)},
)
async def follow_job(request: Request, job_id: str) -> Response:
    """Follow a job as server-sent events: `progress` with the job whenever it moves, and `end` when it has ended."""
    await _job(request, job_id)
    server = state_of(request)
    if server.streams >= server.connections.most_streams:
        raise BusyError(f"{server.streams:,} streams of events are open. Ask for the job itself, or try again later.")
    return StreamingResponse(_events(server, job_id), media_type="text/event-stream")


@router.delete("/{job_id}", status_code=202, responses={202: {"model": schema.JobForm}, **openapi.errors(404, 422)})
async def cancel_job(request: Request, job_id: str) -> Response:
    """Cancel a job; what it has added stays."""
    job = await _job(request, job_id)
    principal_of(request).check("write", job.collection)
    return reply(job_form(state_of(request).jobs.cancel(job.id)), 202)


async def accept_job(request: Request, name: str, *, replace: bool) -> Response:
    """Write the input to disk as it comes, and make a job of it."""
    server, kind = state_of(request), media_type(request)
    if kind == MULTIPART:
        boundary_of(request.headers["content-type"])
    elif kind not in JSON_LINES:
        raise unsupported(kind, f"{MULTIPART} or {JSON_LINES[0]} for a job")
    key = principal_of(request).key
    await light(request, lambda: server.collection(request, name, "write"))
    draft = await light(request, server.jobs.draft)
    try:
        async with _growing_room(server, key) as take:
            await _receive(request, draft, take)
            job = await light(
                request,
                lambda: server.jobs.submit(
                    draft,
                    collection=name,
                    form=request.headers["content-type"],
                    replace=replace,
                    key_id=key.id if key else None,
                    request_id=request_id_of(request),
                ),
            )
    except BaseException:
        await asyncio.to_thread(shutil.rmtree, draft, ignore_errors=True)
        raise
    return reply(job_form(job), 202, {"Location": f"/api/v1/jobs/{job.id}"})


class JobInputs:
    """`core.jobs.Form` for what HTTP brings: JSON lines, and multipart bodies."""

    def __init__(self, server: ServerState) -> None:
        self._server = server

    def prepare(self, job: Job, kept: JobFolder) -> Iterator[tuple[Step, int, int | None]]:
        """Write the sample pictures of a job that adds them, and list them as its input."""
        if job.form != SAMPLES or kept.input.stat().st_size:
            return
        folder, total = self._server.settings.home / SAMPLES, count_samples()
        for count, path in enumerate(write_each_sample(folder), start=1):
            disk.sync(path)
            yield "writing", min(count, total), total
        for inside in (folder.parent, folder, *(path for path in folder.iterdir() if path.is_dir())):
            disk.sync(inside)
        with open(folder / LISTING, "rb") as stream:
            records = [{**record, "_file": str(folder / record["_file"])} for record in map(json.loads, stream)]
        with disk.replace_file(kept.input, mode=disk.PRIVATE) as written:
            write_lines(records, written)

    def count(self, job: Job, stream: BinaryIO) -> int:
        """Count the pictures of an input."""
        if _is_multipart(job):
            return sum(1 for part in self._parts(job, stream, keep=False) if is_file(part))
        return sum(1 for line in bounded_lines(stream, self._server.settings.limits) if line is None or line.strip())

    def sources(self, job: Job, stream: BinaryIO) -> Iterator[tuple[Any, int]]:
        """Return each picture with its size."""
        limits = self._server.settings.limits
        records: Iterator[Any]
        if job.form == SAMPLES:  # ours: they may name files
            records = map(json.loads, stream)
        elif _is_multipart(job):
            records = self._described(self._parts(job, stream, keep=True))
        else:
            records = records_in(bounded_lines(stream, limits), limits)
        for record in records:
            yield record, _size(record)

    def _described(self, parts: Iterator[Any]) -> Iterator[Any]:
        """Return a record for each file; one whose fields are too much fails alone."""
        fields: list[Any] = []
        for part in parts:
            fields = [*fields[-1:], part] if part.name == "record" or is_file(part) else fields
            if is_file(part):
                try:
                    yield from records_of(fields, JsonBudget(self._server.settings.limits))
                except Refusal as exc:
                    yield InputError(f'the part "record": {exc.message}', source='the part "record"')
                fields = []

    def reach(self, job: Job) -> tuple[str, ...]:
        """Return the collections that the key of a job is bound to; empty for all."""
        key = self._server.keys.get(job.key_id) if job.key_id else None
        return () if key is None else key.collections

    @contextmanager
    def admitted(self, job: Job, block: list[Any]) -> Iterator[list[Any]]:
        """Lend a block while it is added; what is over the quota of the job's key is an error in its place."""
        key = self._server.keys.get(job.key_id) if job.key_id else None
        with ExitStack() as rooms:
            yield [self._let_in(rooms, key, record) for record in block]

    @contextmanager
    def room(self, job: Job) -> Iterator[None]:
        """Lend room for one picture of a folder under the quota of the job's key."""
        key = self._server.keys.get(job.key_id) if job.key_id else None
        with self._server.meter.room_for(key, 1):
            yield

    def _parts(self, job: Job, stream: BinaryIO, *, keep: bool) -> Iterator[Any]:
        chunks = iter(lambda: stream.read(_CHUNK), b"")
        most = self._server.settings.limits.max_image_bytes
        try:
            yield from parts_of(chunks, boundary_of(job.form), most_part_bytes=most, keep=keep)
        except Refusal as exc:
            raise InputError(exc.message) from exc

    def _let_in(self, rooms: ExitStack, key: Key | None, record: Any) -> Any:
        if isinstance(record, LookalikeError):
            return record
        try:
            rooms.enter_context(self._server.meter.room_for(key, 1, sent_bytes=_size(record)))
        except LookalikeError as error:
            return error
        return record


def job_form(job: Job) -> dict[str, Any]:
    """Return a job."""
    failure = job.failure
    if failure is not None and failure.code == CollectionNotFoundError.code:  # its words name all that there were
        failure = replace_in(failure, message=f'no collection "{job.collection[:80]}" any more.')
    return {
        "id": job.id,
        "collection": job.collection,
        "folder": job.folder or None,
        "state": job.state,
        "step": job.step or None,
        "prepared": job.prepared,
        "total": job.total,
        "done": job.done,
        "counts": dict(job.counts),
        "removed": job.removed,
        "error": None
        if failure is None
        else {"source": failure.source, "code": failure.code, "message": failure.message},
        "created_at": job.created_at,
        "started_at": job.started_at,
        "ended_at": job.ended_at,
    }


async def _job(request: Request, job_id: str) -> Job:
    """Return a job that the caller may see."""
    principal = principal_of(request)
    principal.check("read")
    job = await light(request, lambda: state_of(request).jobs.get(job_id))
    if not principal.sees(job.collection):
        raise no_job(job_id)
    return job


@asynccontextmanager
async def _growing_room(server: ServerState, key: Key | None) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Hold room under a key's quota for a body as it comes, on threads: what a key has may be counted for it."""
    if key is None or key.quotas.bytes is None:
        yield lambda _: asyncio.sleep(0)
        return
    room = server.meter.growing_room(key)
    take = await asyncio.to_thread(room.__enter__)

    async def more(count: int) -> None:
        await asyncio.to_thread(take, count)

    try:
        yield more
    finally:
        await asyncio.to_thread(room.__exit__, None, None, None)


async def _receive(request: Request, draft: Path, take: Callable[[int], Awaitable[None]]) -> None:
    """Write a body to disk as it comes; `take` holds room for it under the quota of its sender."""
    most = state_of(request).settings.limits.max_job_bytes
    size = taken = 0
    with (
        refusals.reporting(draft.parent),
        open(draft / "input", "wb", buffering=_CHUNK, opener=disk.open_private) as stream,
    ):
        async for chunk in chunks_of(request, most):
            size += len(chunk)
            stream.write(chunk)
            if not taken or size - taken >= _CHUNK:
                await take(size - taken)
                taken = size
    if size > taken:
        await take(size - taken)
    if not size:
        raise InputError("the body of this job is empty: send JSON lines, or files as multipart.")


def _size(record: Any) -> int:
    """Return about how many bytes a record takes."""
    values = record.values() if isinstance(record, Mapping) else ()
    return sum(len(value) for value in values if isinstance(value, str | bytes))


def _is_multipart(job: Job) -> bool:
    return job.form.lower().startswith(MULTIPART)


async def _events(server: ServerState, job_id: str) -> AsyncIterator[bytes]:
    server.streams += 1
    try:
        async for event in _told(server, job_id):
            yield event
    finally:
        server.streams -= 1


async def _told(server: ServerState, job_id: str) -> AsyncIterator[bytes]:
    seen, quiet_s = None, 0.0
    while not server.is_ending:
        job = server.jobs.get(job_id)
        if job != seen:
            seen, quiet_s = job, 0.0
            yield _event("end" if job.has_ended else "progress", job)
            if job.has_ended:
                return
        elif quiet_s >= _HEARTBEAT_S:
            quiet_s = 0.0
            yield b": still here\n\n"
        await asyncio.sleep(_POLL_S)
        quiet_s += _POLL_S


def _event(name: str, job: Job) -> bytes:
    return f"event: {name}\ndata: {json.dumps(job_form(job))}\n\n".encode()
