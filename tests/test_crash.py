"""kill -9 and company: nothing acknowledged is lost, nothing is torn, and the next run completes."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Mounts, draw

import lookalike

ADD_FOR_EVER = """
import io, sys
from conftest import draw
import lookalike
photos = lookalike.open(sys.argv[1]).collection("photos", create=True)
for number in range(int(sys.argv[2]), 10**9):
    stream = io.BytesIO()
    draw(number, (96, 72)).save(stream, "PNG")
    report = photos.add(stream.getvalue(), id=f"r{number}", metadata={"n": number})
    assert report.failed == () and report.added == 1, report
    print(number, flush=True)
"""


def start(*arguments: object) -> subprocess.Popen[str]:
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def kill_single_adds(home: Path, rounds: int) -> None:
    """Add one by one in a child, kill it, and look for everything that it had acknowledged."""
    chance = random.Random(7)
    acknowledged: set[int] = set()
    begin = 0
    for _ in range(rounds):
        child = start("-c", ADD_FOR_EVER, home, begin)
        assert child.stdout is not None
        acknowledged.add(int(child.stdout.readline()))
        time.sleep(chance.uniform(0, 0.15))
        child.send_signal(signal.SIGKILL)
        acknowledged |= {int(line) for line in child.communicate()[0].split()}
        begin = max(acknowledged) + 2  # the one behind the last may have been stored without an answer
    with lookalike.open(home) as library:
        photos = library.collection("photos")
        assert photos.check() == []
        stored = {record.metadata["n"]: record.id for record in photos}
        assert acknowledged <= set(stored)
        for number in chance.sample(sorted(acknowledged), min(50, len(acknowledged))):
            stream = io.BytesIO()
            draw(number, (96, 72)).save(stream, "PNG")
            found = photos.search(stream.getvalue(), limit=3)
            assert f"r{number}" in {match.id for match in found if match.score == 1.0}


def kill_index(home: Path, folder: Path, rounds: int) -> None:
    """Kill `lookalike index` at random moments; what is stored is whole, and the last run completes the folder."""
    chance = random.Random(11)
    files = sorted(path.name for path in folder.iterdir())
    before = 0
    for _ in range(rounds):
        child = start("-m", "lookalike", "index", folder, "--home", home, "--json")
        time.sleep(chance.uniform(0.1, 1.2))
        child.send_signal(signal.SIGKILL)
        child.communicate()
        with lookalike.open(home) as library:
            if "default" not in library.collections():
                continue
            photos = library.collection()
            assert photos.check() == []
            assert len(photos) >= before
            before = len(photos)
        if before == len(files):
            shutil.rmtree(home)
            before = 0
    last = start("-m", "lookalike", "index", folder, "--home", home, "--json")
    out, told = last.communicate(timeout=120)
    assert last.returncode == 0, told
    report = json.loads(out)
    assert report["added"] + report["unchanged"] == len(files)
    with lookalike.open(home) as library:
        assert [record.id for record in library.collection()] == files


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 pictures: enough that a run takes longer than the moments at which it is killed."""
    made = tmp_path_factory.mktemp("many")
    for number in range(600):
        draw(number, (160, 120)).save(made / f"{number:03}.jpg")
    return made


def test_kill_9_during_single_adds_loses_nothing_acknowledged(tmp_path: Path) -> None:
    kill_single_adds(tmp_path / "home", 4)


def test_kill_9_during_index_tears_nothing(tmp_path: Path, folder: Path) -> None:
    kill_index(tmp_path / "home", folder, 4)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_200_kills_lose_nothing(tmp_path: Path, folder: Path) -> None:
    kill_single_adds(tmp_path / "one", 100)
    kill_index(tmp_path / "two", folder, 100)


def test_two_processes_add_at_once_while_a_reader_searches(tmp_path: Path) -> None:
    home = tmp_path / "home"
    folders = []
    for name in ("left", "right"):
        made = tmp_path / name
        made.mkdir()
        for number in range(60):
            draw(number + (1000 if name == "left" else 5000), (120, 90)).save(made / f"{name}-{number}.jpg")
        folders.append(made)
    with lookalike.open(home) as library:
        photos = library.collection(create=True)
        children = [start("-m", "lookalike", "index", made, "--home", home, "--json") for made in folders]
        seen = 0
        while any(child.poll() is None for child in children):
            seen_now = len(photos.search(draw(1), limit=200))
            assert seen_now >= seen
            seen = seen_now
        for child in children:
            out, told = child.communicate()
            assert child.returncode == 0, told
            assert json.loads(out)["added"] == 60
        assert len(photos.search(draw(1), limit=200)) == 120
        assert photos.check() == []


def test_files_that_vanish_while_indexing_fail_alone(tmp_path: Path) -> None:
    folder = tmp_path / "vanishing"
    folder.mkdir()
    for number in range(40):
        draw(number).save(folder / f"{number:02}.jpg")
    with lookalike.open(tmp_path / "home") as library:
        photos = library.collection(create=True)

        def vanish(progress: object) -> None:
            for number in range(30, 40):
                (folder / f"{number}.jpg").unlink(missing_ok=True)

        report = photos.add(folder, on_progress=vanish)
    assert report.added == 30
    assert {failure.code for failure in report.failed} <= {"source_not_found"}
    assert report.added + len(report.failed) + report.skipped <= 40


def test_a_full_disk_is_a_clear_error_and_loses_nothing(tmp_path: Path, folder: Path, mounts: Mounts) -> None:
    home = mounts.disk(tmp_path / "small", "1200k")
    done = start("-m", "lookalike", "index", folder, "--home", home, "--json")
    _, told = done.communicate(timeout=120)
    assert done.returncode == 4, told
    assert json.loads(told.strip().splitlines()[-1])["error"]["code"] == "store_full"
    with lookalike.open(home) as library:
        photos = library.collection()
        kept = len(photos)
        assert photos.check() == []
        assert len(photos.search(draw(1), limit=10)) == min(10, kept)
    assert kept < 600
    mounts.change(home, "size=60m")
    with lookalike.open(home) as library:
        report = library.collection().add(folder)
        assert (report.added, report.unchanged) == (600 - kept, kept)


def test_a_read_only_home_can_be_searched_and_refuses_to_be_written(
    tmp_path: Path, pictures: Path, mounts: Mounts
) -> None:
    home = mounts.disk(tmp_path / "locked", "50m")
    with lookalike.open(home) as library:
        library.collection(create=True).add(pictures)
    mounts.change(home, "ro")
    found = start("-m", "lookalike", "find", "id:a/0.jpg", "--home", home, "--json")
    out, told = found.communicate(timeout=60)
    assert found.returncode == 0, told
    assert json.loads(out)["count"] == 10
    for command in (["index", pictures, "--replace"], ["create", "other"], ["remove", "a/0.jpg"]):
        refused = start("-m", "lookalike", *command, "--home", home, "--json")
        _, told = refused.communicate(timeout=60)
        if command[0] == "index":  # nothing changed, so nothing had to be written
            assert refused.returncode == 0, told
        else:
            assert refused.returncode == 4, told
            error = json.loads(told.strip().splitlines()[-1])["error"]
            assert error["code"] == "store_read_only"
            assert "mounted read-only" in error["message"]
