"""A full disk: what cannot be written is refused with a reason, nothing is lost, and questions go on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from conftest import draw, fill_disk
from serving import API, Served, jpeg, served, wait_for

import lookalike
from lookalike.core.decisions.ledger import Event, Ledger
from lookalike.errors import InputError, StoreFullError
from lookalike.service.jobs import Jobs
from lookalike.service.keys import Keys


def _home(place: Path) -> Path:
    """Make a home with two copies of a picture, both known to a decision."""
    home = place / "home"
    pictures = place.parent / "pictures"
    pictures.mkdir()
    draw(0).save(pictures / "0.jpg", quality=92)
    draw(0).save(pictures / "copy.jpg", quality=40)
    with lookalike.open(home) as library:
        collection = library.collection(create=True)
        collection.add(pictures)
        collection.decisions.decide("later", ["copy.jpg"])
    return home


def test_keys_decisions_and_jobs_say_that_the_disk_is_full_and_keep_what_they_have(small_disk: Path) -> None:
    home = small_disk / "home"
    keys, ledger = Keys(home), Ledger(home)
    key, secret = keys.create("first")
    ledger.append([Event("1", "", "later", "c", "b")])
    jobs = Jobs(home, lambda _: None, None)  # type: ignore[arg-type, return-value]
    draft = jobs.draft()
    (draft / "input").write_bytes(b"{}\n")
    filler = fill_disk(small_disk)
    many = [Event(str(number), "", "later", "c", "b" * 5000) for number in range(2, 12)]
    for write in (
        lambda: keys.create("second"),
        lambda: keys.revoke("first"),
        lambda: ledger.append(many),
        lambda: jobs.submit(draft, collection="c", form="", replace=False, key_id=None),
    ):
        with pytest.raises(StoreFullError, match="full"):
            write()
    assert [one.name for one in Keys(home).all()] == ["first"]
    assert keys.authenticate(secret) == key
    assert [one.id for one in Ledger(home).events()] == ["1"]
    assert not list(home.rglob("*.partial"))
    filler.unlink()
    keys.create("second")
    ledger.append(many)
    assert len(Ledger(home).events()) == 11
    jobs.submit(draft, collection="c", form="", replace=False, key_id=None)


def test_the_command_line_tells_a_full_disk_in_words(small_disk: Path) -> None:
    home = _home(small_disk)
    fill_disk(small_disk)

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "lookalike", *map(str, arguments), "--home", str(home)],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    for arguments in (
        ("keys", "create", "--name", "n" * 100),
        ("create", "new"),
        ("export", "--output", small_disk / "out.jsonl"),
        ("graph", "--output", small_disk / "out.csv"),
        ("backup", small_disk / "backup"),
        ("find", "id:0.jpg", "--html", small_disk / "sheet.html"),
        ("compare", "id:0.jpg", "id:copy.jpg", "--explain", small_disk / "why.png"),
    ):
        told = run(*arguments)
        assert told.returncode == 4, (arguments, told.stdout, told.stderr)
        assert "full" in told.stderr, arguments
        assert "Errno" not in told.stderr, arguments
        assert "Traceback" not in told.stderr, arguments
        as_json = run(*arguments, "--json") if arguments[0] not in ("export", "backup") else None
        assert as_json is None or json.loads(as_json.stderr)["error"]["code"] == "store_full"
    assert sorted({*os.listdir(small_disk)} - {"out.csv.partial"}) == ["filler", "home"]  # a graph goes on from it


def _refused(server: Served) -> httpx.Response:
    """Decide until the last bytes that the file of decisions has are taken."""
    decision = {"decision": "delete", "ids": ["copy.jpg"]}
    answers = (server.post(f"{API}/collections/default/decisions", json=decision) for _ in range(30))
    return next(answer for answer in answers if answer.status_code != 201)


def test_the_server_refuses_with_503_what_a_full_disk_cannot_take(small_disk: Path) -> None:
    home = _home(small_disk)
    with served(home) as server:
        wait_for(lambda: server.get("/readyz").status_code == 200)
        filler = fill_disk(small_disk)
        assert (server.get("/readyz").status_code, server.get("/readyz").json()["status"]) == (503, "full")
        assert server.get("/healthz").status_code == 200
        records = f"{API}/collections/default/records"
        lines = b'{"_id": "x", "_base64": "' + b"A" * 200_000 + b'"}\n'
        for answer in (
            server.post(f"{API}/keys", json={"name": "n" * 100}),
            _refused(server),
            server.post(f"{records}?job=true", content=lines, headers={"Content-Type": "application/x-ndjson"}),
            server.http.put("/v4.0/imaging/storage/file/a.jpg", content=jpeg(0)),
        ):
            assert answer.status_code == 503, (answer.url, answer.text)
            if "imaging" not in str(answer.url):
                assert answer.json()["error"]["code"] == "store_full"
        filler.unlink()
        assert server.get("/readyz").status_code == 200
        assert server.post(f"{API}/keys", json={"name": "later"}).status_code == 201


def test_a_backup_to_a_whole_disk_says_to_name_a_folder_on_it(small_disk: Path, tmp_path: Path) -> None:
    with lookalike.open(tmp_path / "home") as library:
        made = library.create("shoes")
        with pytest.raises(InputError, match="name a folder on it"):
            made.backup(small_disk)
        made.backup(small_disk / "shoes")
    assert os.listdir(small_disk) == ["shoes"]


@pytest.mark.parametrize("has_log", [False, True], ids=["closed", "killed"])
@pytest.mark.parametrize("left_bytes", [0, 20_000])
def test_reading_needs_no_room(small_disk: Path, tmp_path: Path, has_log: bool, left_bytes: int) -> None:
    home = _home(small_disk)
    if has_log:  # as a process leaves it that was killed, on a machine that was started anew since
        with lookalike.open(home) as library:
            library.collection().update("0.jpg", {"price": 3})
            shutil.copytree(home, small_disk / "left")
        shutil.rmtree(home)
        (small_disk / "left").rename(home)
        for file in home.rglob("*-shm"):
            file.unlink()
        assert next(home.rglob("*-wal")).stat().st_size

    def run(*arguments: object) -> str:
        command = [sys.executable, "-m", "lookalike", *map(str, arguments), "--home", str(home)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    filler = fill_disk(small_disk)
    with open(filler, "r+b") as stream:
        stream.truncate(filler.stat().st_size - left_bytes)
    lines = [json.loads(line) for line in run("export").splitlines()]
    assert [line["_id"] for line in lines] == ["0.jpg", "copy.jpg"]
    assert lines[0].get("price") == (3 if has_log else None)
    assert json.loads(run("find", "id:0.jpg", "--json"))["count"] == 2
    assert json.loads(run("find", tmp_path / "pictures" / "0.jpg", "--verify", "2", "--json"))["count"] == 2
    assert json.loads(run("duplicates", "--json"))["count"] == 1
    assert json.loads(run("info", "--json"))["records"] == 2
    run("backup", tmp_path / "elsewhere")
    with lookalike.open(home) as library:
        collection = library.collection()
        with pytest.raises(StoreFullError):
            collection.update("copy.jpg", {"note": "x" * 100_000})
        assert collection.search("id:copy.jpg")[0].id == "copy.jpg"
        filler.unlink()
        collection.update("copy.jpg", {"note": "x" * 100_000})
        assert len(collection["copy.jpg"].metadata["note"]) == 100_000
        assert collection.check() == []
    with lookalike.open(tmp_path / "other") as library:
        assert len(library.restore(tmp_path / "elsewhere")) == 2
