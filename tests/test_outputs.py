"""What commands write where people ask them to: files, devices, pipes, links, stdout; and who may read a home."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Mounts, draw
from serving import served

import lookalike
from lookalike import disk
from lookalike.doors.cli import program as cli
from lookalike.errors import InputError
from lookalike.service.files import Files
from lookalike.service.keys import Keys

OUTPUTS: dict[str, tuple[str, ...]] = {
    "export": ("export", "--output"),
    "graph": ("graph", "--k", "2", "--output"),
    "decisions export": ("decisions", "export"),
    "sheet of find": ("find", "id:0.jpg", "--html"),
    "sheet of duplicates": ("duplicates", "--html"),
    "sheet of compare": ("compare", "id:0.jpg", "id:copy.jpg", "--html"),
    "explanation": ("compare", "id:0.jpg", "id:copy.jpg", "--explain"),
    "script": ("decisions", "apply", "--script"),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with three pictures, two of them copies, and a decision."""
    folder = tmp_path_factory.mktemp("outputs")
    for seed in (0, 3):
        draw(seed).save(folder / f"{seed}.jpg", quality=92)
    draw(0).save(folder / "copy.jpg", quality=40)
    with lookalike.open(folder / "home") as library:
        collection = library.collection(create=True)
        collection.add(folder)
        collection.decisions.decide("delete", ["copy.jpg"], beside=["0.jpg"])
    return folder / "home"


@pytest.fixture
def command(home: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "lookalike", *map(str, arguments)],
            env={**os.environ, "LOOKALIKE_HOME": str(home)},
            timeout=60,
            check=False,
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=subprocess.PIPE,
            **options,
        )

    return run


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.setenv("LOOKALIKE_HOME", str(home))
    return lambda *arguments: cli.run([str(one) for one in arguments])


def _device(path: Path) -> Path:
    """Make a device like /dev/null under another name, so that a fault here costs nobody theirs."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        path.write_bytes(b"")
    except OSError:
        pytest.skip("needs root that may make devices")
    return path


@pytest.mark.parametrize("arguments", OUTPUTS.values(), ids=OUTPUTS)
def test_an_output_may_be_a_device_a_pipe_or_a_link_and_stays_one(
    arguments: tuple[str, ...], run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = tmp_path / "plain.jsonl"
    assert run(*arguments, plain) == 0
    expected = plain.read_bytes()

    pipe, got = tmp_path / "pipe.jsonl", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    assert run(*arguments, pipe) == 0
    reader.join(20)
    assert stat.S_ISFIFO(os.lstat(pipe).st_mode)
    assert len(got[0]) == len(expected)

    target = tmp_path / "elsewhere" / "target.jsonl"
    target.parent.mkdir()
    target.write_bytes(b"old")
    target.chmod(0o640)
    link = tmp_path / "link.jsonl"
    link.symlink_to("elsewhere/target.jsonl")
    assert run(*arguments, link) == 0
    assert link.is_symlink()
    assert len(target.read_bytes()) == len(expected)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert sorted(os.listdir(tmp_path)) == ["elsewhere", "link.jsonl", "pipe.jsonl", "plain.jsonl"]
    assert os.listdir(target.parent) == ["target.jsonl"]

    device = _device(tmp_path / "device.jsonl")
    assert run(*arguments, device) == 0
    assert stat.S_ISCHR(os.lstat(device).st_mode)
    capsys.readouterr()


@pytest.mark.parametrize("arguments", OUTPUTS.values(), ids=OUTPUTS)
def test_an_output_named_by_a_dash_or_dev_stdout_is_stdout_and_that_alone(
    arguments: tuple[str, ...], command: Callable[..., subprocess.CompletedProcess[bytes]], tmp_path: Path
) -> None:
    assert command(*arguments, tmp_path / "plain.jsonl").returncode == 0
    told = command(*arguments, "-")
    assert told.returncode == 0, told.stderr
    assert told.stdout == (tmp_path / "plain.jsonl").read_bytes()
    if arguments[0] in ("export", "graph"):
        assert command(*arguments, "/dev/stdout").stdout == told.stdout
        with open(tmp_path / "appended", "wb") as stream:
            stream.write(b"before\n")
            stream.flush()
            assert command(*arguments, "/dev/fd/1", stdout=stream).returncode == 0
        assert (tmp_path / "appended").read_bytes() == b"before\n" + told.stdout


@pytest.mark.parametrize("arguments", OUTPUTS.values(), ids=OUTPUTS)
def test_a_folder_as_output_and_a_missing_one_are_told(
    arguments: tuple[str, ...], run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments, tmp_path) == 2
    assert run(*arguments, tmp_path / "nowhere" / "out.jsonl") == 2
    told = capsys.readouterr().err
    assert "is a folder" in told or "is a directory" in told
    assert "nowhere" in told
    assert "Errno" not in told


@pytest.mark.parametrize("arguments", OUTPUTS.values(), ids=OUTPUTS)
def test_a_full_output_is_told_in_words_and_the_old_file_stays(
    arguments: tuple[str, ...], command: Callable[..., subprocess.CompletedProcess[bytes]], tmp_path: Path
) -> None:
    with open("/dev/full", "wb") as full:
        for told in (command(*arguments, "-", stdout=full), command(*arguments, "/dev/full")):
            assert told.returncode == 4, told.stderr
            assert b"full" in told.stderr
            assert b"Errno" not in told.stderr
            assert b"Traceback" not in told.stderr


def test_a_mounted_file_is_written_in_place(tmp_path: Path, run: Callable[..., int], mounts: Mounts) -> None:
    for name in ("below", "mounted"):
        (tmp_path / name).write_text("old and longer than what comes" * 1000)
    mounts.bind(tmp_path / "below", tmp_path / "mounted")
    assert run("export", "--output", tmp_path / "mounted") == 0
    assert len((tmp_path / "below").read_text().splitlines()) == 3
    assert sorted(os.listdir(tmp_path)) == ["below", "mounted"]


def test_a_file_in_a_folder_that_may_not_be_written_is_written_in_place(tmp_path: Path) -> None:
    """As a user of a system writes to a file that an administrator made for them."""
    place = tmp_path / "given"
    place.mkdir()
    (place / "out").write_text("old and longer")
    place.chmod(0o555)
    code = (
        "import os, pathlib, sys\n"
        "from lookalike import disk\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "disk.replace_text(pathlib.Path(sys.argv[1]), 'new')\n"
    )
    if os.geteuid() == 0:
        os.chown(place / "out", 65534, 65534)
        for folder in (tmp_path, *tmp_path.parents):
            if folder != Path("/"):
                folder.chmod(folder.stat().st_mode | 0o55)
    done = subprocess.run([sys.executable, "-c", code, str(place / "out")], capture_output=True, text=True, check=False)
    place.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert (place / "out").read_text() == "new"


def test_a_socket_is_written_to(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        disk.replace_bytes(tmp_path / "s", b"all of it")
        with server.accept()[0] as link, link.makefile("rb") as stream:
            assert stream.read() == b"all of it"


def test_a_replaced_file_keeps_its_rights_and_owner(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o604)
    if os.geteuid() == 0:
        os.chown(path, 1234, 1234)
    disk.replace_text(path, "new")
    status = path.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o604, 1234 if os.geteuid() == 0 else os.geteuid())
    with pytest.raises(TypeError), disk.replace_file(path) as stream:
        stream.writelines([b"half", "no bytes"])  # type: ignore[list-item]
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["file"]


def test_names_as_long_as_a_file_system_takes_them_are_written(tmp_path: Path) -> None:
    for name in ("a" * 255, "写" * 85, "é" * 127):
        disk.replace_text(tmp_path / name, name)
        assert (tmp_path / name).read_text() == name
    with pytest.raises(InputError, match="folder"):
        disk.replace_text(tmp_path, "")


# ---- who may read


def _loose(folder: Path) -> list[str]:
    return [str(path) for path in (folder, *folder.rglob("*")) if os.lstat(path).st_mode & 0o077]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o027])
def test_a_home_is_its_owners_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    draw(0).save(tmp_path / "0.jpg")
    draw(0).save(tmp_path / "1.jpg", quality=30)
    home, trash = tmp_path / "made" / "home", tmp_path / "made" / "trash"
    before = os.umask(umask)
    try:
        with lookalike.open(home) as library:
            collection = library.collection(create=True, keep="original")
            collection.add(tmp_path)
            assert len(collection.duplicates()) == 1
            collection.flush()
            collection.decisions.decide("delete", ["1.jpg"], beside=["0.jpg"])
            Keys(home).create("somebody")
            Files(home / "files").write("a/b.jpg", b"x")
            collection.backup(tmp_path / "backup")
            library.restore(tmp_path / "backup", "again").flush()
            assert cli.run(["decisions", "apply", "--trash", str(trash), "--home", str(home)]) == 0
            assert cli.run(["export", "--output", str(tmp_path / "out.jsonl"), "--home", str(home)]) == 0
            assert _loose(tmp_path / "made") == [str(next(trash.rglob("1.jpg")))]  # a user's file keeps its rights
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.jsonl").stat().st_mode) == 0o666 & ~umask
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o777 & ~umask


def test_a_home_that_others_may_read_is_tightened_when_it_is_opened(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with lookalike.open(home) as library:
        library.create("shoes")
        Keys(home).create("somebody")
    Files(home / "files").write("a/b.jpg", b"x")
    for path in (home, *home.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    with lookalike.open(home) as library:
        assert len(library.collection("shoes")) == 0
        assert _loose(home) == []
    (home / "notes.txt").write_text("mine")
    home.chmod(0o755)
    with lookalike.open(home) as library:
        library.collection("shoes")
    assert stat.S_IMODE(home.stat().st_mode) == 0o755, "a folder with files of the user's own is the user's"


def test_a_key_in_a_path_is_not_logged(tmp_path: Path) -> None:
    key, secret = Keys(tmp_path / "home").create("somebody")
    for form in ("text", "json"):
        with served(tmp_path / "home", "--log-format", form) as server:
            assert server.get(f"/api/v1/{secret}").status_code == 401
            assert server.get(f"/{secret}/x", headers={"Authorization": f"Bearer {secret}"}).status_code == 404
    told = (tmp_path / "home.log").read_text()
    assert secret not in told
    assert key.id in told


# ---- what a killed command leaves


def _killed_while_writing(arguments: list[str], home: Path, folder: Path, *, stdin: int | None = None) -> None:
    """Start a command that stops in the midst of writing, and kill it there."""
    code = (
        "import os, sys, time\n"
        "from lookalike import disk\n"
        "def stop(*_, **__):\n"
        "    print('here', flush=True)\n"
        "    time.sleep(60)\n"
        "disk.settle = disk.replace_folder = stop\n"
        "from lookalike.doors.cli import program as cli\n"
        "cli.run(sys.argv[1:])\n"
    )
    environment = {**os.environ, "LOOKALIKE_HOME": str(home)}
    with subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == b"here":
                break
        process.send_signal(signal.SIGKILL)


KILLED: dict[str, tuple[str, ...]] = {
    **{name: (*arguments, "OUT/file.jsonl") for name, arguments in OUTPUTS.items()},
    "keys create": ("keys", "create", "--name", "k"),
    "backup": ("backup", "OUT/backup"),
    "restore": ("restore", "KEPT", "--name", "again"),
    "create": ("create", "new"),
    "charts": ("evaluate", "--match", "of", "--plots", "OUT/charts"),
}


@pytest.mark.parametrize("named", KILLED.values(), ids=KILLED)
def test_a_killed_command_leaves_nothing_once_it_ran_again(named: tuple[str, ...], tmp_path: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    out.mkdir()
    for name, quality in (("0.jpg", 92), ("copy.jpg", 40)):
        draw(0).save(tmp_path / name, quality=quality)
    with lookalike.open(home) as library:
        collection = library.collection(create=True)
        collection.add([{"_id": name, "_file": str(tmp_path / name), "of": "0.jpg"} for name in ("0.jpg", "copy.jpg")])
        collection.decisions.decide("delete", ["copy.jpg"], beside=["0.jpg"])
        collection.backup(tmp_path / "kept")
    arguments = [one.replace("OUT", str(out)).replace("KEPT", str(tmp_path / "kept")) for one in named]

    def there() -> set[str]:
        held = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
        return {path for path in held if "/index" not in path and not path.endswith(("-wal", "-shm"))}

    _killed_while_writing(arguments, home, out)
    cut = there()
    assert any(".partial" in path for path in cut), "it was killed before it wrote"
    assert cli.run([*arguments, "--home", str(home)]) == 0
    assert [path for path in there() if ".partial" in path or ".state" in path] == []


def test_a_killed_backup_is_swept_by_one_under_another_name(tmp_path: Path) -> None:
    with lookalike.open(tmp_path / "home") as library:
        library.create("default")
    (tmp_path / "out").mkdir()
    _killed_while_writing(["backup", str(tmp_path / "out" / "monday")], tmp_path / "home", tmp_path)
    assert len(os.listdir(tmp_path / "out")) == 1
    assert cli.run(["backup", str(tmp_path / "out" / "tuesday"), "--home", str(tmp_path / "home")]) == 0
    assert os.listdir(tmp_path / "out") == ["tuesday"]


def test_an_upload_that_a_killed_server_cut_is_swept_at_the_next_start(tmp_path: Path) -> None:
    files = tmp_path / "home" / "files"
    Files(files).write("a/b.jpg", b"whole")
    cut = files / "a" / f".c.jpg-{'0' * 16}.partial"
    cut.write_bytes(b"ha")
    with served(tmp_path / "home"):
        assert os.listdir(files / "a") == ["b.jpg"]


def test_a_writer_that_lives_keeps_what_it_writes(tmp_path: Path) -> None:
    """Two exports to one file: the second one does not sweep what the first is writing."""
    with disk.replace_file(tmp_path / "out") as first:
        first.write(b"first")
        disk.replace_bytes(tmp_path / "out", b"second")
        with disk.partial_folder(tmp_path / "folder") as fresh:
            disk.sweep_all(tmp_path)
            assert fresh.is_dir()
    assert (tmp_path / "out").read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["out"]
