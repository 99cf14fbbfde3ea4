"""Jobs: progress, outcomes, cancelling, and going on after the process is killed."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from serving import API, Served, code_of, jpeg, picture_file, served, wait_for

import lookalike
from lookalike.errors import JobNotFoundError
from lookalike.service.jobs import Job, Jobs
from lookalike.service.store import open_store

LINES = {"content-type": "application/x-ndjson"}


def line(seed: int, **fields: Any) -> str:
    return json.dumps({"_id": f"r{seed}", "_base64": base64.b64encode(jpeg(seed, (96, 72))).decode(), **fields})


def lines(seeds: range) -> str:
    return "\n".join(line(seed, n=seed) for seed in seeds)


def ended(server: Served, job_id: str, seconds: float = 60) -> dict[str, Any]:
    def job() -> Any:
        told = server.get(f"{API}/jobs/{job_id}").json()
        return told if told["state"] in ("done", "cancelled", "failed") else None

    return wait_for(job, seconds)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("jobs") / "home") as running:
        yield running


def test_json_lines_become_records_with_an_outcome_each(server):
    path = server.create("lines")
    body = "\n".join([line(1, n=1), "broken", line(2), "", line(1, n=1), '{"_id": "x", "_file": "/etc/passwd"}'])
    made = server.post(f"{path}?job=true", content=body, headers=LINES)
    assert made.status_code == 202
    assert made.headers["location"] == f"{API}/jobs/{made.json()['id']}"
    job = ended(server, made.json()["id"])
    assert (job["state"], job["total"], job["done"]) == ("done", 5, 5)
    assert job["counts"] == {"added": 2, "unchanged": 1, "failed": 2}
    told = server.get(f"{API}/jobs/{job['id']}/outcomes").json()
    assert [(one["place"], one["outcome"]) for one in told["outcomes"]] == [
        *((0, "added"), (1, "failed"), (2, "added"), (3, "unchanged"), (4, "failed"))
    ]
    assert [one.get("code") for one in told["outcomes"]] == [None, "input_invalid", None, None, "input_invalid"]
    failed = server.get(f"{API}/jobs/{job['id']}/outcomes?outcome=failed&limit=1").json()
    assert ([one["place"] for one in failed["outcomes"]], failed["next"]) == ([1], 2)
    assert server.get(f"{path}/r1").json()["metadata"] == {"n": 1}
    assert not (server.home / "jobs" / job["id"] / "input").exists()
    lines = [line for line in server.log.read_text().splitlines() if f"job {job['id']} done" in line]
    assert [made.headers["x-request-id"] in line for line in lines] == [True]


def test_many_files_become_records(server):
    path = server.create("files")
    parts = []
    for seed in range(5):
        parts.append(("record", (None, json.dumps({"_id": f"f{seed}", "n": seed}))))
        parts.append(("file", (f"{seed}.jpg", jpeg(seed), "image/jpeg")))
    parts.append(("file", ("plain.jpg", jpeg(6), "image/jpeg")))
    parts.append(("file", ("bad.jpg", b"bad", "image/jpeg")))
    job = ended(server, server.post(f"{path}?job=true", files=parts).json()["id"])
    assert (job["total"], job["counts"]) == (7, {"added": 6, "failed": 1})
    listed = server.get(path).json()["records"]
    assert [record["id"] for record in listed] == ["f0", "f1", "f2", "f3", "f4", "plain.jpg"]
    assert [record["metadata"].get("n") for record in listed] == [0, 1, 2, 3, 4, None]


def test_outcomes_come_by_pages(server):
    path = server.create("pages")
    job = ended(server, server.post(f"{path}?job=true", content=lines(range(7)), headers=LINES).json()["id"])
    places, start = [], 0
    while start is not None:
        page = server.get(f"{API}/jobs/{job['id']}/outcomes", params={"start": start, "limit": 3}).json()
        places += [one["place"] for one in page["outcomes"]]
        start = page["next"]
    assert places == list(range(7))


def test_a_job_is_followed_to_its_end(server):
    path = server.create("followed")
    job = server.post(f"{path}?job=true", content=lines(range(200)), headers=LINES).json()
    with server.http.stream("GET", f"{API}/jobs/{job['id']}/events") as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        told = [text for text in events.iter_lines() if text]
    names = [text.removeprefix("event: ") for text in told[::2]]
    jobs = [json.loads(text.removeprefix("data: ")) for text in told[1::2]]
    assert names[-1] == "end"
    assert set(names[:-1]) <= {"progress"}
    assert [one["done"] for one in jobs] == sorted(one["done"] for one in jobs)
    assert jobs[-1]["counts"] == {"added": 200}


def test_a_cancelled_job_keeps_what_it_added(server):
    path = server.create("cancelled")
    job = server.post(f"{path}?job=true", content=lines(range(600)), headers=LINES).json()
    wait_for(lambda: server.get(f"{API}/jobs/{job['id']}").json()["done"] > 0)
    assert server.http.delete(f"{API}/jobs/{job['id']}").status_code == 202
    job = ended(server, job["id"])
    assert job["state"] == "cancelled"
    assert 0 < job["done"] < 600
    assert server.get(f"{API}/collections/cancelled").json()["records"] >= job["counts"]["added"]
    assert server.http.delete(f"{API}/jobs/{job['id']}").json()["state"] == "cancelled"


def test_a_small_job_does_not_wait_for_a_large_one(server):
    path = server.create("turns")
    large = server.post(f"{path}?job=true", content=lines(range(700)), headers=LINES).json()
    small = server.post(f"{path}?job=true", content=lines(range(1000, 1004)), headers=LINES).json()
    assert ended(server, small["id"])["state"] == "done"
    assert server.get(f"{API}/jobs/{large['id']}").json()["state"] == "running"
    server.http.delete(f"{API}/jobs/{large['id']}")
    ended(server, large["id"])


def test_a_job_whose_collection_goes_says_so(server):
    path = server.create("going")
    job = server.post(f"{path}?job=true", content=lines(range(500)), headers=LINES).json()
    server.http.delete(f"{API}/collections/going")
    job = ended(server, job["id"])
    assert (job["state"], job["error"]["code"]) == ("failed", "collection_not_found")


def test_a_cut_off_body_fails_the_job_and_keeps_what_came_before(server):
    path = server.create("cut")
    body = b'--X\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n' + jpeg(1) + b"\r\n--X\r\n"
    made = server.post(f"{path}?job=true", content=body, headers={"content-type": "multipart/form-data; boundary=X"})
    job = ended(server, made.json()["id"])
    assert (job["state"], job["error"]["code"]) == ("failed", "input_invalid")
    assert "cut off" in job["error"]["message"]


@pytest.mark.parametrize(
    ("body", "kind", "wanted"),
    [
        (b"", "application/x-ndjson", (422, "input_invalid")),
        (b"x", "image/jpeg", (415, "media_type_unsupported")),
        (b"x", "multipart/form-data", (400, "body_malformed")),
    ],
)
def test_a_wrong_job_is_refused(server, body, kind, wanted):
    path = f"{API}/collections/lines/records?job=true"
    assert code_of(server.post(path, content=body, headers={"content-type": kind})) == wanted
    assert not list((server.home / "jobs").glob(".new-*"))


@pytest.mark.parametrize("job_id", ["nobody", "..", "%2e%2e%2fkeys.json", "20260101-000000-00000000"])
def test_a_job_that_is_not_there(server, job_id):
    assert server.get(f"{API}/jobs/{job_id}/outcomes").status_code == 404
    missing = server.http.delete(f"{API}/collections/nowhere/records?job=true")
    assert missing.status_code in (404, 405)


# ---- after the end of a process


def test_a_killed_server_goes_on_with_its_jobs(tmp_path):
    home = tmp_path / "home"
    with served(home) as server:
        path = server.create("resumed")
        job = server.post(f"{path}?job=true", content=lines(range(400)), headers=LINES).json()
        wait_for(lambda: server.get(f"{API}/jobs/{job['id']}").json()["done"] >= 64)
        server.kill()
    with open(home / "jobs" / job["id"] / "outcomes.jsonl", "ab") as outcomes:
        outcomes.write(b'{"place": 64, "id": "to')  # what a power failure may leave
    with served(home) as server:
        after = ended(server, job["id"])
        assert (after["state"], after["done"]) == ("done", 400)
        assert set(after["counts"]) <= {"added", "unchanged"}
        told = server.get(f"{API}/jobs/{job['id']}/outcomes").json()["outcomes"]
        assert [one["place"] for one in told] == list(range(400))
        assert server.get(f"{API}/collections/resumed").json()["records"] == 400


def test_a_stopped_server_leaves_its_jobs_for_the_next(tmp_path):
    home = tmp_path / "home"
    with served(home) as server:
        path = server.create("later")
        job = server.post(f"{path}?job=true", content=lines(range(400)), headers=LINES).json()
        assert server.stop() == 0
    with served(home) as server:
        assert ended(server, job["id"])["done"] == 400
        assert server.get(f"{API}/collections/later").json()["records"] == 400


def test_a_stream_of_events_does_not_keep_the_server_from_ending(tmp_path):
    with served(tmp_path / "home") as server:
        path = server.create("long")
        job = server.post(f"{path}?job=true", content=lines(range(3000)), headers=LINES).json()
        with server.http.stream("GET", f"{API}/jobs/{job['id']}/events") as events:
            told = events.iter_lines()
            assert next(told).startswith("event: progress")
            server.process.terminate()
            for _ in told:
                pass
        assert server.process.wait(20) == 0  # seconds; the patience of the server is 30


def test_jobs_that_cannot_go_on_say_why(tmp_path):
    home = tmp_path / "home"
    with served(home) as server:
        path = server.create("lost")
        jobs = [server.post(f"{path}?job=true", content=lines(range(300)), headers=LINES).json() for _ in range(3)]
        server.kill()
    (home / "jobs" / jobs[1]["id"] / "input").unlink()
    with open_store(home).writing() as rows:
        rows.put("job", jobs[2]["id"], {"id": jobs[2]["id"], "state": "running"})
    with served(home) as server:
        assert ended(server, jobs[0]["id"])["state"] == "done"
        lost = ended(server, jobs[1]["id"])
        assert (lost["state"], lost["error"]["code"]) == ("failed", "job_input_missing")
        assert server.get(f"{API}/jobs/{jobs[2]['id']}").status_code == 404
        assert jobs[2]["id"] in server.log.read_text()


# ---- in process


class Numbers:
    """A form whose input holds how many pictures are wanted."""

    def prepare(self, job: Job, kept: Any) -> Iterator[Any]:
        return iter(())

    def count(self, job: Job, stream: BinaryIO) -> int:
        return int(stream.read())

    def sources(self, job: Job, stream: BinaryIO) -> Iterator[tuple[Any, int]]:
        for seed in range(int(stream.read())):
            yield {"_id": f"r{seed}", "_bytes": jpeg(seed, (96, 72))}, 100

    def admitted(self, job: Job, block: list[Any]) -> AbstractContextManager[list[Any]]:
        return nullcontext(block)

    def room(self, job: Job) -> AbstractContextManager[None]:
        return nullcontext()


def make_jobs(library: lookalike.Library, home: Path, form: Any) -> Jobs:
    jobs = Jobs(home, library.collection, form)
    jobs.start()
    return jobs


def submit(jobs: Jobs, text: str) -> Job:
    draft = jobs.draft()
    (draft / "input").write_text(text)
    return jobs.submit(draft, collection="c", form="numbers", replace=False, key_id=None)


def test_a_job_survives_as_soon_as_it_is_submitted(library, tmp_path):
    library.create("c")
    first = Jobs(tmp_path, library.collection, Numbers())  # never started: as if killed at once
    job = submit(first, "3")
    jobs = make_jobs(library, tmp_path, Numbers())
    wait_for(lambda: jobs.get(job.id).state == "done")
    assert [outcome.id for outcome in jobs.outcomes(job.id)] == ["r0", "r1", "r2"]
    jobs.stop()


def test_a_cancelled_job_stays_cancelled_when_the_server_is_killed(library, tmp_path):
    library.create("c")
    killed = Jobs(tmp_path, library.collection, Numbers())
    job = submit(killed, "3")
    killed.cancel(job.id)
    jobs = make_jobs(library, tmp_path, Numbers())
    wait_for(lambda: jobs.get(job.id).has_ended)
    assert jobs.get(job.id).state == "cancelled"
    assert len(library.collection("c")) == 0
    jobs.stop()


def test_a_form_that_fails_fails_its_job_and_not_the_others(library, tmp_path):
    library.create("c")
    jobs = make_jobs(library, tmp_path, Numbers())
    bad, good = submit(jobs, "no number"), submit(jobs, "2")
    wait_for(lambda: jobs.get(good.id).state == "done")
    failed = jobs.get(bad.id)
    assert (failed.state, failed.failure.code) == ("failed", "internal")
    jobs.stop()


def test_drafts_without_a_maker_are_removed(library, tmp_path):
    jobs = Jobs(tmp_path, library.collection, Numbers())
    draft = jobs.draft()
    make_jobs(library, tmp_path, Numbers()).stop()
    assert not draft.exists()


def test_stopping_does_not_wait_for_the_end(library, tmp_path):
    library.create("c")
    jobs = make_jobs(library, tmp_path, Numbers())
    job = submit(jobs, "5000")
    wait_for(lambda: jobs.get(job.id).done > 0)
    jobs.stop()
    assert not any(thread.name == "jobs" for thread in threading.enumerate())
    assert jobs.get(job.id).state == "running"


def test_pictures_and_jobs_go_together(server):
    """Single uploads are answered while a job runs."""
    path = server.create("together")
    job = server.post(f"{path}?job=true", content=lines(range(400)), headers=LINES).json()
    for seed in range(5):
        assert server.post(path, files=picture_file(seed, f"single {seed}")).status_code == 201
    assert ended(server, job["id"])["done"] == 400
    assert server.get(f"{API}/collections/together").json()["records"] == 405


def test_two_servers_never_run_one_job_and_both_tell_its_end(library, tmp_path):
    """One of them works on it, whatever both have seen of it before."""
    library.create("c")
    ids = [submit(Jobs(tmp_path, library.collection, Numbers()), "150").id for _ in range(4)]
    added: list[str] = []
    servers = [Jobs(tmp_path, library.collection, Numbers(), lambda outcome: added.append(outcome.id)) for _ in "ab"]
    for server in servers:
        server.start()
    for server in servers:
        wait_for(lambda server=server: all(server.get(job_id).state == "done" for job_id in ids))
        for job_id in ids:
            assert server.get(job_id).done == 150
            assert [outcome.place for outcome in server.outcomes(job_id)] == list(range(150))
        server.stop()
    assert len(added) == 4 * 150


def test_a_job_of_a_server_that_dies_is_taken_up_by_another_that_runs(library, tmp_path):
    library.create("c")
    job = submit(Jobs(tmp_path, library.collection, Numbers()), "3")
    jobs = Jobs(tmp_path, library.collection, Numbers())
    with open_store(tmp_path).lease(job.id):  # as a server holds it that works on the job
        jobs.start()
        after = submit(jobs, "3")
        wait_for(lambda: jobs.get(after.id).state == "done")
        assert jobs.get(job.id).state == "waiting"
    wait_for(lambda: jobs.get(job.id).state == "done")
    jobs.stop()


def test_jobs_that_ended_long_ago_are_forgotten_with_their_folders(library, tmp_path):
    library.create("c")
    jobs = make_jobs(library, tmp_path, Numbers())
    old, young = submit(jobs, "1"), submit(jobs, "1")
    wait_for(lambda: jobs.get(young.id).has_ended)
    jobs.stop()
    lost = tmp_path / "jobs" / "20200101-000000-00000000"  # a crash between folder and row
    lost.mkdir()
    os.utime(lost, (0, 0))
    with open_store(tmp_path).writing() as rows:
        row = rows.get("job", old.id)
        rows.replace(row, {**row.value, "ended_at": "2020-01-01T00:00:00+00:00"})
    jobs = make_jobs(library, tmp_path, Numbers())
    with pytest.raises(JobNotFoundError):
        jobs.get(old.id)
    assert jobs.get(young.id).state == "done"
    jobs.stop()
    assert [path.name for path in (tmp_path / "jobs").iterdir()] == [young.id]


def test_jobs_of_an_earlier_release_are_taken_over_with_their_state(library, tmp_path):
    library.create("c")
    jobs = Jobs(tmp_path, library.collection, Numbers())
    ids = [submit(jobs, "2").id for _ in range(3)]
    form = {
        "collection": "c",
        "form": "numbers",
        "created_at": ids[0],
        "failure": None,
        "counts": {},
        "state": "waiting",
    }
    for job_id in ids:
        (tmp_path / "jobs" / job_id / "job.json").write_text(json.dumps({"id": job_id, **form}))
    (tmp_path / "jobs" / ids[1] / "cancelled").touch()
    (tmp_path / "jobs" / ids[2] / "job.json").write_text("{")
    for path in tmp_path.glob("service.db*"):
        path.unlink()
    jobs = make_jobs(library, tmp_path, Numbers())
    wait_for(lambda: all(jobs.get(job_id).has_ended for job_id in ids[:2]))
    assert [jobs.get(job_id).state for job_id in ids[:2]] == ["done", "cancelled"]
    with pytest.raises(JobNotFoundError):
        jobs.get(ids[2])
    jobs.stop()
    assert {path.name for path in (tmp_path / "jobs").rglob("job.json*")} == {"job.json.bak"}
