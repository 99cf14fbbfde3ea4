"""Folders of the server's machine: listed and indexed below what `serve --library` names, and nothing else."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import draw
from serving import API, Served, code_of, served, wait_for
from test_jobs import LINES, ended, lines

from lookalike.errors import InputError, NotFoundError
from lookalike.intake.folders import json_field
from lookalike.service.jobs import Job, Jobs
from lookalike.service.roots import Roots
from lookalike.settings import load_settings


def save(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(seed, (96, 72)).save(path, quality=92)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Pictures in two folders, a hidden folder, a text, and links that lead out and that stay inside."""
    root = tmp_path / "Pictures"
    for seed, name in enumerate(("2023/a.jpg", "2023/b.jpg", "2024/sea/c.jpg", "2024/d.jpg", ".hidden/e.jpg")):
        save(root / name, seed)
    (root / "2024" / "notes.txt").write_text("no picture")
    outside = save(tmp_path / "private" / "secret.jpg", 7)
    (root / "2024" / "out.jpg").symlink_to(outside)
    (root / "2024" / "out").symlink_to(outside.parent)
    (root / "2024" / "same.jpg").symlink_to(root / "2023" / "a.jpg")
    return root


def index(server: Served, name: str, folder: str, **more: Any) -> dict[str, Any]:
    made = server.post(f"{API}/collections/{name}/index", json={"folder": folder, **more})
    assert made.status_code == 202, made.text
    assert made.headers["location"] == f"{API}/jobs/{made.json()['id']}"
    return ended(server, made.json()["id"])


def ids(server: Served, name: str) -> list[str]:
    return [one["id"] for one in server.get(f"{API}/collections/{name}/records?limit=1000").json()["records"]]


def listed(server: Served, path: str = "") -> dict[str, Any]:
    told = server.get(f"{API}/library", params={"path": path}).json()
    return {one["path"]: one["pictures"] for one in told["folders"]}


def test_i_look_through_my_folders_and_index_one(tmp_path, photos):
    with served(tmp_path / "home", "--library", str(photos)) as server:
        assert listed(server) == {"Pictures": 5}  # the link that stays inside is one more
        assert listed(server, "Pictures") == {"Pictures/2023": 2, "Pictures/2024": 3}
        assert listed(server, "Pictures/2024") == {"Pictures/2024/sea": 1}
        server.create("mine")
        job = index(server, "mine", "Pictures/2024")
        assert (job["state"], job["folder"]) == ("done", "Pictures/2024")
        assert job["counts"] == {"added": 3, "skipped": 1}
        assert ids(server, "mine") == ["2024/d.jpg", "2024/same.jpg", "2024/sea/c.jpg"]
        job = index(server, "mine", "Pictures")  # the whole, afterwards: what is there stays as it is
        assert job["counts"] == {"added": 2, "unchanged": 3, "skipped": 1}
        told = server.get(f"{API}/jobs/{job['id']}/outcomes").json()["outcomes"]
        assert [one["place"] for one in told] == list(range(6))


def test_the_command_and_the_page_index_the_same_records(tmp_path, photos):
    (photos / "2024" / "out").unlink()  # the command follows links
    (photos / "2024" / "out.jpg").unlink()
    with served(tmp_path / "home", "--library", str(photos)) as server:
        server.command("index", str(photos), "--collection", "mine")
        job = index(server, "mine", str(photos))  # by its whole path
        assert job["counts"] == {"unchanged": 5, "skipped": 1}


@pytest.mark.parametrize("link", ["folder", "file"])
def test_nothing_that_a_link_leads_out_to_is_listed_or_read(tmp_path, photos, link):
    outside = tmp_path / "private"
    with served(tmp_path / "home", "--library", str(photos)) as server:
        server.create("mine")
        for name in ("Pictures/2024/out", "Pictures/../private", "Pictures/2024/..", str(outside), "/", "private", ""):
            made = server.post(f"{API}/collections/mine/index", json={"folder": name})
            assert code_of(made) == (404, "not_found"), name
            assert str(outside) not in made.text.replace(name, "")
        assert code_of(server.get(f"{API}/library?path=Pictures/2024/out")) == (404, "not_found")
        index(server, "mine", "Pictures")
        assert not any("out" in one for one in ids(server, "mine"))


def test_a_file_that_becomes_a_link_after_it_was_listed_is_not_read(library, tmp_path, photos):
    """Where it lies is asked of the open file: between a look at a path and its opening, the path may change."""
    library.create("c")
    jobs = Jobs(tmp_path, library.collection, Plain(), roots=Roots((photos,), tmp_path / "home"))
    head = json.dumps({"folder": str(photos), "prune": None})
    listing = "\n".join([head, '["2023/a.jpg", true]', '["2024/out.jpg", true]', '["2024/out/secret.jpg", true]'])
    job = submit(jobs, "Pictures", listing=listing.encode())
    jobs.start()
    wait_for(lambda: jobs.get(job.id).has_ended)
    jobs.stop()
    told = [one.failure.message for one in jobs.outcomes(job.id) if one.failure is not None]
    assert ["leads out" in one for one in told] == [True, True]
    assert [record.id for record in library.collection("c")] == ["2023/a.jpg"]


@pytest.mark.parametrize("has_proc", [True, False])
def test_where_an_open_file_lies_is_known(tmp_path, monkeypatch, has_proc):
    real = save(tmp_path / "real.jpg", 1)
    other = save(tmp_path / "other.jpg", 2)
    (tmp_path / "link.jpg").symlink_to(real)
    if not has_proc:
        read = os.readlink
        elsewhere = "/no such place"
        monkeypatch.setattr(os, "readlink", lambda path, **how: read(elsewhere if "/proc/" in path else path, **how))
    handle = os.open(tmp_path / "link.jpg", os.O_RDONLY)
    try:
        assert json_field(handle, str(tmp_path / "link.jpg")) == os.path.realpath(real)
        assert json_field(handle, str(other)) == (os.path.realpath(real) if has_proc else "")  # another file by now
    finally:
        os.close(handle)


def test_the_home_below_a_library_is_not_looked_into(tmp_path, photos):
    home = photos / "home"
    with served(home, "--library", str(photos)) as server:
        save(home / "trash" / "binned.jpg", 3)
        assert "Pictures/home" not in listed(server, "Pictures")
        server.create("mine")
        index(server, "mine", "Pictures")
        assert not any("binned" in one for one in ids(server, "mine"))


def test_several_libraries_keep_their_pictures_apart(tmp_path):
    for disk in ("one", "two"):
        save(tmp_path / disk / "photos" / "a.jpg", len(disk) if disk == "one" else 5)
    with served(
        tmp_path / "home", *(word for disk in ("one", "two") for word in ("--library", str(tmp_path / disk / "photos")))
    ) as server:
        assert listed(server) == {"one-photos": 1, "two-photos": 1}
        server.create("mine")
        for name in ("one-photos", "two-photos"):
            assert index(server, "mine", name)["counts"] == {"added": 1}
        assert ids(server, "mine") == ["one-photos/a.jpg", "two-photos/a.jpg"]


def test_libraries_have_names_of_their_own(tmp_path):
    for place in ("a-b/c", "a/b-c"):
        (tmp_path / place).mkdir(parents=True)
    roots = Roots((tmp_path / "a-b" / "c", tmp_path / "a" / "b-c"), tmp_path / "home")
    assert [one.name for one in roots.entries().folders] == ["c", "b-c"]
    for place in ("x-y/z", "x/y-z", "q/z", "q/y-z"):
        (tmp_path / place).mkdir(parents=True)
    roots = Roots([tmp_path / one for one in ("x-y/z", "x/y-z", "q/z", "q/y-z")], tmp_path / "home")
    names = [one.name for one in roots.entries().folders]
    assert len(set(names)) == 4
    assert [roots.find(name).name for name in names] == names


def test_without_a_library_nothing_is_shown(tmp_path):
    with served(tmp_path / "home") as server:
        assert server.get(f"{API}/library").json() == {"path": "", "folders": [], "left_out": 0}
        server.create("mine")
        made = server.post(f"{API}/collections/mine/index", json={"folder": str(tmp_path)})
        assert code_of(made) == (404, "not_found")
        assert "--library" in made.json()["error"]["message"]


def test_who_may_look_at_the_folders_of_the_machine(tmp_path, photos):
    with served(tmp_path / "home", "--library", str(photos)) as server:
        server.create("mine")
        keys = {
            "admin": ("--scope", "admin"),
            "write": ("--scope", "write"),
            "read": ("--scope", "read"),
            "bound": ("--scope", "admin", "--collection", "mine"),
        }
        secrets = {
            name: json.loads(server.command("keys", "create", "--name", name, *words, "--json"))["key"]
            for name, words in keys.items()
        }
        found = {}
        for name, secret in secrets.items():
            with httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {secret}"}) as client:
                asked = client.get(f"{API}/library?path=Pictures")
                sent = client.post(f"{API}/collections/mine/index", json={"folder": "Pictures/2023"})
                drawn = client.post(f"{API}/samples") if name in ("read", "bound") else sent
                found[name] = (asked.status_code, sent.status_code, drawn.status_code)
                assert name in ("admin", "write") or "2023" not in asked.text
        assert found == {
            "admin": (200, 202, 202),
            "write": (200, 202, 202),
            "read": (403, 403, 403),
            "bound": (403, 403, 403),
        }


def test_files_that_changed_places_keep_their_records(tmp_path):
    """Far more of them than are told at once: each takes the name of the one before."""
    root = tmp_path / "roll"
    for n in range(150):
        save(root / f"{n:03}.jpg", n)
    with served(tmp_path / "home", "--library", str(root)) as server:
        server.create("mine")
        index(server, "mine", "roll")
        for n in range(150):
            server.http.patch(f"{API}/collections/mine/records/{n:03}.jpg", json={"metadata": {"n": n}})
        for n in reversed(range(150)):
            (root / f"{n:03}.jpg").rename(root / f"{n + 1:03}.jpg")
        job = index(server, "mine", "roll")
        assert job["counts"] == {"moved": 150}
        records = server.get(f"{API}/collections/mine/records?limit=1000").json()["records"]
        assert {one["id"]: one["metadata"]["n"] for one in records} == {f"{n + 1:03}.jpg": n for n in range(150)}


def test_records_of_deleted_files_go_only_when_i_ask(tmp_path):
    root = tmp_path / "photos"
    for n in range(10):
        save(root / f"{n}.jpg", n)
    with served(tmp_path / "home", "--library", str(root)) as server:
        server.create("mine")
        index(server, "mine", "photos")
        (root / "3.jpg").unlink()
        assert index(server, "mine", "photos")["removed"] == 0
        job = index(server, "mine", "photos", prune=True)
        assert (job["state"], job["removed"], job["counts"]) == ("done", 1, {"unchanged": 9})
        for n in range(4, 10):
            (root / f"{n}.jpg").unlink()
        save(root / "new.jpg", 20)
        job = index(server, "mine", "photos", prune=True)
        assert (job["state"], job["error"]["code"], job["counts"]) == (
            "failed",
            "prune_refused",
            {"added": 1, "unchanged": 3},
        )
        assert index(server, "mine", "photos", prune_all=True)["removed"] == 6
        assert ids(server, "mine") == ["0.jpg", "1.jpg", "2.jpg", "new.jpg"]


def test_a_folder_goes_on_where_it_was_when_the_server_ended(library, tmp_path):
    root = tmp_path / "photos"
    for n in range(160):
        save(root / f"{n:03}.jpg", n)
    (root / "broken.jpg").write_bytes(b"broken")
    library.create("c")
    roots = Roots((root,), tmp_path / "home")
    form = Plain(most=70)
    jobs = Jobs(tmp_path, library.collection, form, roots=roots)
    jobs.start()
    job = submit(jobs, "photos")
    assert form.is_full.wait(60)
    ending = threading.Thread(target=jobs.stop)
    ending.start()
    wait_for(lambda: not jobs.is_working)
    form.may_go_on.set()
    ending.join()
    outcomes = tmp_path / "jobs" / job.id / "outcomes.jsonl"
    with open(outcomes, "ab") as stream:
        stream.write(b'{"place": 70, "id": "to')  # what a power failure may leave
    before = jobs.get(job.id)
    assert 0 < before.done < 150

    save(root / "000-before.jpg", 400)  # it would come first in a list that is made anew
    (root / "159.jpg").unlink()
    jobs = Jobs(tmp_path, library.collection, Plain(), roots=roots)
    jobs.start()
    wait_for(lambda: jobs.get(job.id).has_ended)
    jobs.stop()
    after = jobs.get(job.id)
    assert (after.state, after.total, after.counts) == ("done", 161, {"added": 159, "failed": 2})
    told = [json.loads(line) for line in outcomes.read_text().splitlines()]
    assert [one["place"] for one in told] == list(range(161))
    assert sorted(one["line"] for one in told) == list(range(161))
    assert len(library.collection("c")) == 159


def test_a_killed_server_goes_on_with_a_folder(tmp_path):
    root, home = tmp_path / "photos", tmp_path / "home"
    for n in range(100):
        save(root / f"{n:03}.jpg", n)
    with served(home, "--library", str(root)) as server:
        server.create("mine")
        job = server.post(f"{API}/collections/mine/index", json={"folder": "photos"}).json()
        server.kill()
    with served(home, "--library", str(root)) as server:
        after = ended(server, job["id"])
        assert (after["state"], after["done"]) == ("done", 100)
        assert len(ids(server, "mine")) == 100


def test_a_folder_that_is_not_shown_any_more_ends_its_job(library, tmp_path, photos):
    library.create("c")
    first = Jobs(tmp_path, library.collection, Plain(), roots=Roots((photos,), tmp_path / "home"))
    job = submit(first, "Pictures")  # never started: as if killed at once
    jobs = Jobs(tmp_path, library.collection, Plain())
    jobs.start()
    wait_for(lambda: jobs.get(job.id).has_ended)
    jobs.stop()
    assert jobs.get(job.id).failure.code == "not_found"
    assert len(library.collection("c")) == 0


def test_a_folder_is_followed_and_stopped(tmp_path):
    root = tmp_path / "photos"
    for n in range(600):  # some seconds of work, so that it is met on its way
        save(root / f"{n:03}.jpg", n)
    with served(tmp_path / "home", "--library", str(root)) as server:
        server.create("mine")
        job = server.post(f"{API}/collections/mine/index", json={"folder": "photos"}).json()
        with server.http.stream("GET", f"{API}/jobs/{job['id']}/events") as events:
            told = (json.loads(text[6:]) for text in events.iter_lines() if text.startswith("data:"))
            seen = next(one for one in told if one["done"] > 0)
        assert (seen["step"], seen["total"]) == ("adding", 600)
        assert server.http.delete(f"{API}/jobs/{job['id']}").status_code == 202
        after = ended(server, job["id"])
        assert after["state"] == "cancelled"
        assert 0 < after["done"] < 600
        assert len(ids(server, "mine")) == after["counts"]["added"]


def test_a_small_list_does_not_wait_for_a_large_folder(tmp_path):
    root = tmp_path / "photos"
    for n in range(1500):  # far more work than the small list, also where other tests take the processor
        save(root / f"{n:03}.jpg", n)
    with served(tmp_path / "home", "--library", str(root)) as server:
        path = server.create("mine")
        large = server.post(f"{API}/collections/mine/index", json={"folder": "photos"}).json()
        second = server.post(f"{API}/collections/mine/index", json={"folder": "photos"}).json()
        small = server.post(f"{path}?job=true", content=lines(range(1000, 1004)), headers=LINES).json()
        assert server.http.delete(f"{API}/jobs/{second['id']}").status_code == 202
        assert ended(server, second["id"])["state"] == "cancelled"
        assert ended(server, small["id"], 120)["state"] == "done"
        assert server.get(f"{API}/jobs/{large['id']}").json()["ended_at"] is None
        assert server.http.delete(f"{API}/jobs/{large['id']}").status_code == 202
        assert ended(server, large["id"], 120)["state"] == "cancelled"


def test_a_key_fills_no_more_than_it_may(tmp_path, photos):
    with served(tmp_path / "home", "--library", str(photos)) as server:
        made = json.loads(server.command("keys", "create", "--name", "few", "--max-images", "2", "--json"))
        server.http.headers["authorization"] = f"Bearer {made['key']}"
        server.create("mine")
        job = index(server, "mine", "Pictures")
        assert job["counts"] == {"added": 2, "failed": 3, "skipped": 1}
        told = server.get(f"{API}/jobs/{job['id']}/outcomes?outcome=failed").json()["outcomes"]
        assert {one["code"] for one in told} == {"quota_exceeded"}


def test_i_try_it_with_sample_pictures(tmp_path):
    with served(tmp_path / "home") as server:
        made = server.post(f"{API}/samples")
        assert (made.status_code, made.json()["collection"]) == (202, "demo")
        seen = wait_for(lambda: writing(server, made.json()["id"]))
        assert 0 < seen["prepared"] <= seen["total"]
        assert code_of(server.post(f"{API}/samples")) == (409, "collection_exists")
        job = ended(server, made.json()["id"], 120)
        assert (job["state"], job["counts"]) == ("done", {"added": job["total"]})
        found = server.get(f"{API}/collections/demo/records/products/mug-red.jpg").json()
        assert found["metadata"]["product_id"] == "mug"
        assert Path(found["source"]) == tmp_path / "home" / "samples" / "products" / "mug-red.jpg"


def writing(server: Served, job_id: str) -> dict[str, Any] | None:
    told: dict[str, Any] = server.get(f"{API}/jobs/{job_id}").json()
    return told if told["step"] == "writing" and told["prepared"] else None


# ---- the settings, and what is bounded


def test_a_library_is_named_by_flag_environment_and_file(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    both = (tmp_path / "a", tmp_path / "b")
    by_environment = {"LOOKALIKE_LIBRARY": os.pathsep.join(map(str, both))}
    file = tmp_path / "settings.toml"
    file.write_text(f"library = {json.dumps([str(one) for one in both])}\n")
    assert load_settings(environment={}, given={"library": tuple(map(str, both))}).serving.library == both
    assert load_settings(environment=by_environment).serving.library == both
    assert load_settings(environment={}, config=file).serving.library == both
    with pytest.raises(InputError, match="is not a folder"):
        Roots((tmp_path / "missing",), tmp_path)


def test_counting_stops_where_an_answer_would_take_too_long(tmp_path, monkeypatch):
    root = tmp_path / "many"
    for n in range(30):
        (root / "deep" / str(n)).mkdir(parents=True)
        (root / "deep" / str(n) / "a.jpg").touch()
    roots = Roots((root,), tmp_path / "home")
    [whole] = roots.entries("many").folders
    assert (whole.pictures, whole.is_all, whole.has_folders) == (30, True, True)
    monkeypatch.setattr("lookalike.service.roots._MOST_LOOKED_AT", 40)
    monkeypatch.setattr("lookalike.service.roots._MOST_LISTED", 10)
    [cut] = roots.entries("many").folders
    assert cut.pictures < 30
    assert not cut.is_all
    assert (len(roots.entries("many/deep").folders), roots.entries("many/deep").left_out) == (10, 20)


@pytest.mark.parametrize("name", ["many/.git", "many/../x", "../many", "many/\0", "many/file.jpg", "~", "x" * 5000])
def test_names_that_name_no_folder(tmp_path, name):
    root = tmp_path / "many"
    (root / ".git").mkdir(parents=True)
    (root / "file.jpg").touch()
    with pytest.raises(NotFoundError):
        Roots((root,), tmp_path / "home").find(name)


# ---- in process


class Plain:
    """A form for jobs that have no input of their own; it may let in so many pictures, and then wait."""

    def __init__(self, most: int = 10_000) -> None:
        self.left = most
        self.is_full, self.may_go_on = threading.Event(), threading.Event()

    def prepare(self, job: Job, kept: Any) -> Iterator[Any]:
        return iter(())

    def count(self, job: Job, stream: Any) -> int:
        return 0

    def sources(self, job: Job, stream: Any) -> Iterator[Any]:
        return iter(())

    def admitted(self, job: Job, block: list[Any]) -> AbstractContextManager[list[Any]]:
        return nullcontext(block)

    def room(self, job: Job) -> AbstractContextManager[None]:
        self.left -= 1
        if self.left < 0:
            self.is_full.set()
            self.may_go_on.wait(60)
        return nullcontext()


def submit(jobs: Jobs, folder: str, *, collection: str = "c", listing: bytes = b"") -> Job:
    draft = jobs.draft()
    (draft / "input").write_bytes(listing)
    return jobs.submit(draft, collection=collection, form="folder", folder=folder, key_id=None)
