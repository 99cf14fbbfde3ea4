"""A full disk: what cannot be written is refused with a reason, nothing is lost, and questions go on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import draw
from serving import API, jpeg, served, wait_for

import lookalike
from lookalike.core.jobs import Jobs
from lookalike.core.keys import Keys
from lookalike.core.ledger import Event, Ledger
from lookalike.errors import StoreFullError


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    if not shutil.which("mount") or subprocess.run(mounted, capture_output=True, check=False).returncode:
        pytest.skip("needs root that may mount a small tmpfs")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def _fill(place: Path) -> Path:
    """Take all room of a disk, to the last byte and the last name."""
    filler = place / "filler"
    with open(filler, "wb", buffering=0) as stream:
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while stream.write(b"x" * size):
                    pass
    return filler


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
    filler = _fill(small_disk)
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
    _fill(small_disk)

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "lookalike", *map(str, arguments), "--home", str(home)],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    for arguments in (
        ("keys", "create", "--name", "n" * 100),
        ("decide", "delete", "copy.jpg", "--beside", "0.jpg"),
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
    assert sorted(os.listdir(small_disk)) == ["filler", "home"]


def test_the_server_refuses_with_503_what_a_full_disk_cannot_take(small_disk: Path) -> None:
    home = _home(small_disk)
    with served(home) as server:
        wait_for(lambda: server.get("/readyz").status_code == 200)
        filler = _fill(small_disk)
        assert (server.get("/readyz").status_code, server.get("/readyz").json()["status"]) == (503, "full")
        assert server.get("/healthz").status_code == 200
        records = f"{API}/collections/default/records"
        lines = b'{"_id": "x", "_base64": "' + b"A" * 200_000 + b'"}\n'
        for answer in (
            server.post(f"{API}/keys", json={"name": "n" * 100}),
            server.post(f"{API}/collections/default/decisions", json={"decision": "delete", "ids": ["copy.jpg"] * 1}),
            server.post(f"{records}?job=true", content=lines, headers={"Content-Type": "application/x-ndjson"}),
            server.http.put("/v4.0/imaging/storage/file/a.jpg", content=jpeg(0)),
        ):
            assert answer.status_code == 503, (answer.url, answer.text)
            if "imaging" not in str(answer.url):
                assert answer.json()["error"]["code"] == "store_full"
        filler.unlink()
        assert server.get("/readyz").status_code == 200
        assert server.post(f"{API}/keys", json={"name": "later"}).status_code == 201
