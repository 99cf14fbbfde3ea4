"""Files beside collections: what they take is known without a walk, and copies take no memory."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lookalike.errors import ConflictError, ImageTooLargeError, NotFoundError, QuotaError
from lookalike.service.file_usage import FileUsage
from lookalike.service.files import Files


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def usage(tmp_path: Path, clock: Clock) -> FileUsage:
    return FileUsage(tmp_path / "files", tmp_path, clock)


def walked(root: Path) -> int:
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


def test_the_size_of_all_files_is_kept_through_every_change(tmp_path: Path, usage: FileUsage) -> None:
    files, root = Files(tmp_path / "files", usage), tmp_path / "files"
    changes = [
        lambda: files.write("a/1", bytes(100)),
        lambda: files.write("a/1", bytes(30)),
        lambda: files.write("a\\b/2", bytes(50)),
        lambda: files.copy("a", "c"),
        lambda: files.copy("a/1", "c/b/2"),
        lambda: files.move("c/1", "a/1"),
        lambda: files.move("c", "d/e"),
        lambda: files.move("a", "d"),  # into one that is there
        lambda: files.remove("d/b/2"),
        lambda: files.remove("d", recursive=True),
    ]
    for change in changes:
        change()
        assert files.usage()[0] == usage.total() == walked(root)
    assert walked(root) == 0


def test_the_files_are_counted_once_and_not_at_each_call(
    tmp_path: Path, usage: FileUsage, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = Files(tmp_path / "files", usage)
    for number in range(20):
        files.write(f"{number}/x", bytes(10))
    calls: list[object] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda *args: calls.append(args) or scandir(*args))
    for _ in range(5):
        assert files.usage()[0] == 200
    assert not calls
    (tmp_path / "files" / "by hand").write_bytes(bytes(7))
    clock.now += 4000
    assert files.usage()[0] == 207  # what people do by hand is seen, later


def test_a_large_file_is_copied_without_being_held_in_memory(tmp_path: Path) -> None:
    files = Files(tmp_path / "files")
    files.write("large", bytes(48_000_000))
    tracemalloc.start()
    files.copy("large", "copy/large")
    files.move("copy", "moved")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000
    assert (tmp_path / "files" / "moved" / "large").stat().st_size == 48_000_000


def test_a_file_counts_for_who_wrote_it_wherever_it_goes(tmp_path: Path, usage: FileUsage) -> None:
    root = tmp_path / "files"
    ours, theirs = (Files(root, usage, owner=name) for name in ("ours", "theirs"))
    ours.write("a/1", bytes(100))
    theirs.write("a/2", bytes(10))
    theirs.move("a", "b")
    assert (usage.of("ours"), usage.of("theirs")) == (100, 10)
    theirs.copy("b/1", "c")
    assert (usage.of("ours"), usage.of("theirs")) == (100, 110)
    theirs.write("b/1", bytes(5))  # over it
    assert (usage.of("ours"), usage.of("theirs")) == (0, 115)
    Files(root, usage).write("b/1", bytes(6))  # whose quota counts nothing
    again = FileUsage(root, tmp_path)
    assert (again.of("ours"), again.of("theirs"), again.total()) == (0, 110, 116)
    Files(root, usage).remove("c")
    assert FileUsage(root, tmp_path).of("theirs") == 10


def test_a_file_that_was_removed_by_hand_counts_for_nobody(tmp_path: Path, usage: FileUsage, clock: Clock) -> None:
    root = tmp_path / "files"
    Files(root, usage, owner="ours").write("a", bytes(100))
    (root / "a").unlink()
    clock.now += 4000
    assert (usage.of("ours"), usage.total()) == (0, 0)
    Files(root, usage).write("a", bytes(100))  # whose quota counts nothing
    assert (usage.of("ours"), FileUsage(root, tmp_path).of("ours")) == (0, 0)


def test_a_copy_without_room_copies_nothing(tmp_path: Path, usage: FileUsage) -> None:
    @contextmanager
    def room(size: int) -> Iterator[None]:
        if size > 100:
            raise QuotaError("no room")
        yield

    files = Files(tmp_path / "files", usage, room=room)
    for number in range(3):
        files.write(f"a/{number}", bytes(60))
    for change in (lambda: files.copy("a", "b"), lambda: files.write("c", bytes(101))):
        with pytest.raises(QuotaError):
            change()
    assert sorted(os.listdir(tmp_path / "files")) == ["a"]
    files.write("a/0", bytes(160))  # takes 100 more than it did


def test_what_is_too_large_for_an_image_is_not_read(tmp_path: Path) -> None:
    files = Files(tmp_path / "files")
    files.write("a", bytes(100))
    assert len(files.read("a", most_bytes=100)) == 100
    with pytest.raises(ImageTooLargeError):
        files.read("a", most_bytes=99)
    with pytest.raises(NotFoundError):
        files.read("b", most_bytes=99)


def test_a_file_does_not_take_the_place_of_a_folder(tmp_path: Path) -> None:
    files = Files(tmp_path / "files")
    files.write("a/b", b"x")
    files.write("c", b"y")
    for change in (files.copy, files.move):
        with pytest.raises(ConflictError):
            change("c", "a")
    assert (files.read("a/b"), files.read("c")) == (b"x", b"y")
