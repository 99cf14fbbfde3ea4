"""The worker of jobs: full disks, folders that go, inputs of any length, and many jobs; nothing ends it."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any, BinaryIO

import anyio
import httpx
import psutil
import pytest
from conftest import fill_disk
from serving import API, jpeg, served, wait_for

import lookalike
from lookalike.doors.http.app import bare_app, make_state
from lookalike.doors.http.middleware import Middleware
from lookalike.errors import BusyError, JobNotFoundError
from lookalike.service.job_rows import JobRows
from lookalike.service.jobs import Job, Jobs
from lookalike.service.store import open_store
from lookalike.settings import load_settings

LINES = {"content-type": "application/x-ndjson"}


class Pictures:
    """A form whose input holds how many pictures are wanted; something may happen at one of them.

    Attributes:
        happens: By the text behind the number: called with the place of each picture.
    """

    def __init__(self, **happens: Callable[[int], None]) -> None:
        self.happens = happens

    def count(self, job: Job, stream: BinaryIO) -> int:
        return int(stream.read().split()[0])

    def sources(self, job: Job, stream: BinaryIO) -> Iterator[tuple[Any, int]]:
        count, _, what = stream.read().decode().partition(" ")
        for place in range(int(count)):
            self.happens.get(what, lambda _: None)(place)
            yield {"_id": f"r{place}", "_bytes": jpeg(place % 8, (48, 36))}, 100

    def prepare(self, job: Job, kept: Any) -> Iterator[Any]:
        return iter(())

    def room(self, job: Job) -> AbstractContextManager[None]:
        return nullcontext()

    def admitted(self, job: Job, block: list[Any]) -> AbstractContextManager[list[Any]]:
        return nullcontext(block)


def submit(jobs: Jobs, text: str) -> Job:
    draft = jobs.draft()
    (draft / "input").write_text(text)
    return jobs.submit(draft, collection="c", form="pictures", replace=False, key_id=None)


def test_a_job_that_meets_a_full_disk_fails_and_later_jobs_run(small_disk):
    home = small_disk / "home"
    with lookalike.open(home) as library:
        library.create("c")
        jobs = Jobs(
            home, library.collection, Pictures(full=lambda place: fill_disk(small_disk) if place == 64 else None)
        )
        jobs.start()
        met, waiting = submit(jobs, "100 full"), submit(jobs, "2")
        failed = wait_for(lambda: jobs.get(met.id) if jobs.get(met.id).has_ended else None)
        assert (failed.state, failed.failure.code, failed.done) == ("failed", "store_full", 64)
        assert str(home) not in failed.failure.message
        wait_for(lambda: jobs.get(waiting.id).has_ended)
        assert jobs.is_working
        (small_disk / "filler").unlink()
        after = submit(jobs, "2")
        wait_for(lambda: jobs.get(after.id).state == "done")
        kept = JobRows(home, home / "jobs")
        wait_for(lambda: kept.get(met.id).state == "failed")  # what could not be saved then
        assert len(list(jobs.outcomes(met.id))) == 64
        jobs.stop()
        again = Jobs(home, library.collection, Pictures())
        again.start()
        assert [again.get(job.id).state for job in (met, after)] == ["failed", "done"]
        again.stop()


def gone(jobs: Path, job: Path) -> None:
    shutil.rmtree(job)


def all_gone(jobs: Path, job: Path) -> None:
    shutil.rmtree(jobs)


def without_row(jobs: Path, job: Path) -> None:
    with open_store(jobs.parent).writing() as rows:
        rows.remove("job", job.name)


def a_file(jobs: Path, job: Path) -> None:
    shutil.rmtree(job)
    job.write_text("not a folder")


def without_input(jobs: Path, job: Path) -> None:
    (job / "input").unlink()


@pytest.mark.parametrize("moment", ["before", "under way"])
@pytest.mark.parametrize("harm", [gone, all_gone, without_row, a_file, without_input])
def test_a_job_whose_files_are_harmed_ends_and_later_jobs_run(library, tmp_path, harm, moment):
    library.create("c")
    ids: list[str] = []

    def happen(place: int) -> None:
        if place == 64:
            harm(tmp_path / "jobs", tmp_path / "jobs" / ids[0])

    jobs = Jobs(tmp_path, library.collection, Pictures(harm=happen))
    ids.append(submit(jobs, "130 harm" if moment == "under way" else "3").id)
    if moment == "before":
        jobs.start()
        wait_for(lambda: jobs.get(ids[0]).state == "done")
        jobs.stop()
        jobs = Jobs(tmp_path, library.collection, Pictures())
        ids[0] = submit(jobs, "3").id
        harm(tmp_path / "jobs", tmp_path / "jobs" / ids[0])
        with suppress(JobNotFoundError):
            jobs.get(ids[0])
    jobs.start()
    with suppress(JobNotFoundError):
        wait_for(lambda: jobs.get(ids[0]).has_ended)
    after = submit(jobs, "2")
    wait_for(lambda: jobs.get(after.id).state == "done")
    assert jobs.is_working
    jobs.stop()


@pytest.mark.parametrize("error", [MemoryError, RecursionError, ValueError, KeyError, OSError, StopIteration])
def test_no_error_of_a_job_ends_the_worker(library, tmp_path, error):
    library.create("c")

    def happen(place: int) -> None:
        raise error("at once")

    jobs = Jobs(tmp_path, library.collection, Pictures(error=happen))
    jobs.start()
    bad, good = submit(jobs, "3 error"), submit(jobs, "1")
    wait_for(lambda: jobs.get(good.id).state == "done")
    assert jobs.get(bad.id).state == "failed"
    jobs.stop()


def test_an_end_that_cannot_be_told_of_ends_no_other_job(library, tmp_path):
    """What is told of outcomes may fail, too."""
    library.create("c")
    told: list[str] = []

    def tell(outcome: Any) -> None:
        told.append(outcome.id)
        if len(told) == 1:
            raise RuntimeError("nobody listens")

    jobs = Jobs(tmp_path, library.collection, Pictures(), tell)
    jobs.start()
    first, second = submit(jobs, "1"), submit(jobs, "1")
    wait_for(lambda: jobs.get(second.id).state == "done")
    assert jobs.get(first.id).has_ended
    jobs.stop()


def test_ended_jobs_do_not_stay_in_memory_and_are_found_on_disk(library, tmp_path):
    library.create("c")
    jobs = Jobs(tmp_path, library.collection, Pictures(), remembered=3)
    jobs.start()
    ids = [submit(jobs, "1").id for _ in range(7)]
    wait_for(lambda: all(jobs.get(job_id).state == "done" for job_id in ids))
    assert len(jobs.all()) == 3
    for job_id in ids:
        assert sum(jobs.get(job_id).counts.values()) == 1
        assert [outcome.id for outcome in jobs.outcomes(job_id)] == ["r0"]
    jobs.stop()
    again = Jobs(tmp_path, library.collection, Pictures(), remembered=3)
    again.start()
    assert len(again.all()) == 3
    assert {again.get(job_id).state for job_id in ids} == {"done"}
    again.stop()
    for nowhere in ("..", "../c", "20260101-000000-00000000"):
        with pytest.raises(JobNotFoundError):
            again.get(nowhere)


def test_many_jobs_hold_few_file_handles(library, tmp_path):
    library.create("c")
    held: list[int] = []
    jobs = Jobs(tmp_path, library.collection, Pictures(look=lambda _: held.append(psutil.Process().num_fds())))
    ids = [submit(jobs, "66 look").id for _ in range(30)]
    before = psutil.Process().num_fds()
    jobs.start()
    wait_for(lambda: len(held) > 66 * 12)
    jobs.stop()
    assert max(held) - before < 40
    assert len(ids) == len(jobs.all())


def test_more_jobs_than_may_wait_are_refused(library, tmp_path):
    jobs = Jobs(tmp_path, library.collection, Pictures(), most_waiting=3)  # never started
    for _ in range(3):
        submit(jobs, "1")
    with pytest.raises(BusyError, match="3 jobs wait"):
        jobs.draft()


def test_a_job_that_waits_behind_others_is_cancelled_at_once(library, tmp_path):
    library.create("c")
    jobs = Jobs(tmp_path, library.collection, Pictures())
    ids = [submit(jobs, "3000").id for _ in range(9)]
    jobs.cancel(ids[-1])
    jobs.start()
    wait_for(lambda: jobs.get(ids[-1]).state == "cancelled")
    assert not any(jobs.get(job_id).has_ended for job_id in ids[:-1])
    jobs.stop()


def test_lines_of_any_length_fail_alone_and_every_start_is_fine(tmp_path):
    home = tmp_path / "home"
    small = {"LOOKALIKE_MAX_IMAGE_BYTES": "100000", "LOOKALIKE_MAX_METADATA_BYTES": "1000", "LOOKALIKE_WORKERS": "1"}
    good = json.dumps({"_id": "good", "_base64": base64.b64encode(jpeg(1, (48, 36))).decode()}).encode()
    long = b'{"_id": "' + b"a" * 20_000_000
    values = b'{"_id": "v", "a": [' + b"0," * 60_000 + b"0]}"
    deep = b"[" * 100_000
    with served(home, LOOKALIKE_MAX_JSON_VALUES="50000", **small) as server:
        path = server.create("c")
        before = psutil.Process(server.process.pid).memory_info().rss
        body = b"\n".join([long, values, deep, good, long])
        job = server.post(f"{path}?job=true", content=body, headers=LINES).json()
        told = wait_for(
            lambda: one if (one := server.get(f"{API}/jobs/{job['id']}").json())["state"] == "done" else None
        )
        assert (told["total"], told["counts"]) == (5, {"failed": 4, "added": 1})
        outcomes = server.get(f"{API}/jobs/{job['id']}/outcomes").json()["outcomes"]
        reasons = [one.get("message", "")[:26] for one in outcomes]
        assert reasons[0].startswith("line 1 has more than")
        assert [one.get("code") for one in outcomes] == [*["input_invalid"] * 3, None, "input_invalid"]
        assert psutil.Process(server.process.pid).memory_info().rss - before < 64_000_000
        late = server.post(f"{path}?job=true", content=long, headers=LINES).json()
        server.kill()
    with served(home, **small) as server:
        wait_for(lambda: server.get(f"{API}/jobs/{late['id']}").json()["state"] == "done")
        assert server.get(f"{API}/jobs/{late['id']}").json()["counts"] == {"failed": 1}


def test_readiness_tells_when_jobs_are_not_worked_on(tmp_path):
    server = make_state(load_settings(home=tmp_path / "home", environment={}, serving=True))
    server.is_ready = True
    transport = httpx.ASGITransport(Middleware(bare_app(server), server), client=("127.0.0.1", 1))

    async def ask() -> tuple[int, str]:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answer = await client.get("/readyz")
        return answer.status_code, answer.json()["status"]

    assert anyio.run(ask) == (503, "jobs_stopped")
    server.jobs.start()
    assert anyio.run(ask) == (200, "ok")
    server.jobs.stop()
    assert anyio.run(ask) == (503, "jobs_stopped")
    server.library.close()
