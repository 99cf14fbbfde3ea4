"""Files that people keep beside their collections: plain files and folders below one root, named by foreign paths."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from .. import disk
from ..errors import (
    ConflictError,
    ImageTooLargeError,
    InputError,
    NotFoundError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
)
from .file_usage import FileUsage

FOLDER = "files"  # of the home
RIGHT = "storage"  # a key that is bound to collections reaches the files when this word is one of them
_MOST_NAME_BYTES = 240  # of a part of a path; file systems take 255, and a file under way has a longer name
_CHUNK = 1 << 20
_UNDER_WAY = ".part-"  # began the name of a file under way, before `disk` named them


@dataclass(frozen=True)
class FileEntry:
    """A file or folder: its path from the root with /, and for files its size; `modified_at` is UTC, ISO 8601."""

    path: str
    is_folder: bool
    byte_size: int
    modified_at: str

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rsplit("/", 1)[-1]


Room = Callable[[int], AbstractContextManager[None]]


class Files:
    """Files below a root. Paths are relative, parted by /, and never lead out of it. May be used from many threads.

    Args:
        usage: Counts what the files take; shared by all that stand for one root.
        owner: The key whose quota counts what is written; None for nobody's.
        room: Holds room for so many bytes while they are written, or refuses them.
    """

    def __init__(
        self,
        root: Path,
        usage: FileUsage | None = None,
        *,
        owner: str | None = None,
        room: Room = lambda _: nullcontext(),
    ) -> None:
        self._root = root
        self._usage = usage or FileUsage(root, root.parent)
        self._owner = owner
        self._room = room

    def kind(self, path: str) -> Literal["file", "folder"] | None:
        """Return what is at a path."""
        place = self._place(path)
        if place.is_file():
            return "file"
        return "folder" if place.is_dir() or place == self._root else None

    def entry(self, path: str) -> FileEntry:
        """Describe what is at a path.

        Raises:
            NotFoundError: when there is nothing.
        """
        if self.kind(path) is None:
            raise _missing(path)
        return self._entry(self._place(path))

    def entries(self, folder: str) -> list[FileEntry]:
        """Describe what is directly in a folder, by name; the root is "".

        Raises:
            NotFoundError: when there is no such folder.
        """
        if self.kind(folder) != "folder":
            raise _missing(folder)
        place = self._place(folder)
        held = sorted(place.iterdir()) if place.is_dir() else []
        return [self._entry(one) for one in held if not _is_under_way(one.name)]

    def walk(self, folder: str) -> Iterator[str]:
        """Return the paths of all files in a folder and below it, in order.

        Raises:
            NotFoundError: when there is no such folder.
        """
        for entry in self.entries(folder):
            if entry.is_folder:
                yield from self.walk(entry.path)
            else:
                yield entry.path

    def read(self, path: str, *, most_bytes: int | None = None) -> bytes:
        """Return the bytes of a file.

        Raises:
            NotFoundError: when there is none.
            ImageTooLargeError: when it has more than may be read at once.
        """
        size = self._size(path)
        if size is None:
            raise _missing(path)
        if most_bytes is not None and size > most_bytes:
            raise ImageTooLargeError(f'"{path[:80]}" has {size:,} bytes; {most_bytes:,} may be read as an image.')
        return self._place(path).read_bytes()

    def place(self, path: str) -> Path:
        """Return where a file lies, for who reads it piece by piece.

        Raises:
            NotFoundError: when there is none.
        """
        if self.kind(path) != "file":
            raise _missing(path)
        return self._place(path)

    def write(self, path: str, data: bytes) -> None:
        """Write a file whole, in place of what is there; folders above it are made.

        Raises:
            QuotaError: when there is no room for it.
        """
        before = self._size_before(path)
        with self._room(max(0, len(data) - self._own(path, before))), _failing(path):
            place = self._place(path)
            disk.make_folder(place.parent, private=True)
            disk.replace_bytes(place, data, mode=disk.PRIVATE, sweeps=False)
            self._usage.changed(self._relative(place), before, len(data), self._owner)

    def make_folder(self, path: str) -> None:
        """Make a folder and those above it; one that is there stays."""
        with _failing(path):
            disk.make_folder(self._place(path), private=True)

    def remove(self, path: str, *, recursive: bool = False) -> None:
        """Remove a file, or a folder; one that holds something only with `recursive`.

        Raises:
            NotFoundError: when there is nothing.
            ConflictError: for a folder that holds something.
        """
        place = self._place(path)
        if self.kind(path) is None or place == self._root:
            raise _missing(path)
        with _failing(path):
            gone = [(path, self._size(path) or 0)] if place.is_file() else self._files_below(path)
            if place.is_file():
                disk.remove_file(place)
            else:
                disk.remove_folder(place, recursive=recursive)
            for one, size in gone:
                self._usage.changed(self._relative(self._place(one)), size, 0, None)

    def copy(self, source: str, target: str) -> None:
        """Copy a file, or a folder with all below it, piece by piece.

        Raises:
            NotFoundError: when there is nothing.
            ConflictError: for a target that is the source, or below it.
            QuotaError: when there is no room for all of it.
        """
        pairs = self._pairs(source, target)
        with self._room(sum(size for _, _, size in pairs)):
            for one, other, _ in pairs:
                self._copy_file(one, other)
        if self.kind(source) == "folder":
            self.make_folder(target)

    def move(self, source: str, target: str) -> None:
        """Move a file, or a folder with all below it; what it takes, and whom it counts for, stays."""
        pairs = self._pairs(source, target)
        for one, other, size in pairs:
            before, places = self._size_before(other), (self._place(one), self._place(other))
            owner = self._usage.owner_of(self._relative(places[0]))
            with _failing(other):
                disk.move_file(*places, private=True)
            self._usage.changed(self._relative(places[0]), size, 0, None)
            self._usage.changed(self._relative(places[1]), before, size, owner)
        if self.kind(source) == "folder":
            self.make_folder(target)
            self.remove(source, recursive=True)

    def usage(self) -> tuple[int, int]:
        """Return the bytes that the files take, and those that there is room for."""
        used = self._usage.total()
        parent = next(place for place in (self._root, *self._root.parents) if place.exists())
        return used, used + shutil.disk_usage(parent).free

    def _pairs(self, source: str, target: str) -> list[tuple[str, str, int]]:
        """Return the files of a copy, from and to, each with its size."""
        places = self._place(source), self._place(target)
        if places[0] in (places[1], *places[1].parents):
            raise ConflictError(f'"{target[:80]}" is the same, or below it. Choose another target.')
        size = self._size(source)
        if size is not None:
            return [(source, target, size)]
        above = self._relative(places[0])
        return [(path, f"{target}/{path.removeprefix(above)}", size) for path, size in self._files_below(source)]

    def _copy_file(self, source: str, target: str) -> None:
        before, place = self._size_before(target), self._place(target)
        with _failing(target):
            disk.make_folder(place.parent, private=True)
            with (
                open(self._place(source), "rb") as given,
                disk.replace_file(place, mode=disk.PRIVATE, sweeps=False) as stream,
            ):
                shutil.copyfileobj(given, stream, _CHUNK)
        self._usage.changed(self._relative(place), before, self._size(target) or 0, self._owner)

    def _files_below(self, folder: str) -> list[tuple[str, int]]:
        return [(path, self._size(path) or 0) for path in self.walk(folder)]

    def _size(self, path: str) -> int | None:
        """Return the size of a file; None where there is none."""
        place = self._place(path)
        try:
            return place.stat().st_size if place.is_file() else None
        except FileNotFoundError:
            return None

    def _size_before(self, path: str) -> int:
        """Return the size of a file that is going to be replaced; 0 where there is none.

        Raises:
            ConflictError: when a folder is there.
        """
        if self.kind(path) == "folder":
            raise ConflictError(f'"{path[:80]}" is a folder. Write the file under another path.')
        return self._size(path) or 0

    def _own(self, path: str, size: int) -> int:
        """Return the bytes that a replaced file gives back to who replaces it."""
        if self._owner is None:
            return size
        return size if self._usage.owner_of(self._relative(self._place(path))) == self._owner else 0

    def _place(self, path: str) -> Path:
        parts = [part for part in path.replace("\\", "/").split("/") if part]
        for part in parts:
            is_ours = part in (".", "..") or _is_under_way(part)
            if is_ours or not part.isprintable() or len(part.encode("utf-8", "surrogatepass")) > _MOST_NAME_BYTES:
                raise InputError(f"{path[:80]!r} names no file: its parts are printable, and none is . or .. or long.")
        return self._root.joinpath(*parts)

    def _relative(self, place: Path) -> str:
        return place.relative_to(self._root).as_posix()

    def _entry(self, place: Path) -> FileEntry:
        is_folder = not place.is_file()
        status = place.stat() if place.exists() else None
        moment = datetime.fromtimestamp(status.st_mtime if status else 0, UTC).isoformat(timespec="seconds")
        return FileEntry(self._relative(place), is_folder, status.st_size if status and not is_folder else 0, moment)


def _is_under_way(name: str) -> bool:
    return name.startswith(_UNDER_WAY) or disk.is_partial(name)


def _missing(path: str) -> NotFoundError:
    return NotFoundError(f'there is nothing at "{path[:80]}". Check the spelling, or list the folder above it.')


@contextmanager
def _failing(path: str) -> Iterator[None]:
    """Turn what a file system refuses into our errors."""
    try:
        yield
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFullError(f'cannot write "{path[:80]}": the disk is full. Make room.') from exc
        if exc.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            why = "is mounted read-only" if exc.errno == errno.EROFS else "may not be written by this user"
            raise StoreReadOnlyError(f'cannot write "{path[:80]}": the disk or folder {why}.') from exc
        if exc.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR):
            raise ConflictError(f'"{path[:80]}" cannot be: {exc.strerror}. Choose another path, or empty it.') from exc
        raise StoreError(f'cannot change "{path[:80]}": {exc.strerror}.') from exc
