"""Walk a folder: which files are meant as pictures, in an order that is the same everywhere."""

from __future__ import annotations

import os
import stat as modes
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, SourceError, SourceNotFoundError
from ..limits import Limits
from . import signatures


@dataclass(frozen=True)
class Found:
    """A file of a folder.

    Attributes:
        path: Where it is.
        relative: Its path below the folder, with forward slashes; bytes that are not text are written as `\\xNN`.
        stamp: Size and modification time; "" where the file could not be looked at.
        looks_like_image: Whether it is meant as a picture, by its first bytes or its name, readable here or not.
    """

    path: Path
    relative: str
    stamp: str
    looks_like_image: bool


@dataclass(frozen=True)
class Fence:
    """How far a walk may go.

    Attributes:
        within: The folder, resolved, that links must not lead out of.
        apart_from: A folder, resolved, that is passed over with all below it; None for none.
    """

    within: str
    apart_from: str | None = None

    def admits(self, entry: os.DirEntry[str]) -> bool:
        """Return whether an entry of a folder that is inside is shown and inside, too."""
        if entry.name.startswith("."):
            return False
        may_leave = entry.is_symlink() or (self.apart_from and entry.name == os.path.basename(self.apart_from))
        return not may_leave or self.holds(entry.path)

    def holds(self, path: str | os.PathLike[str]) -> bool:
        """Return whether a path is inside, once all links on the way are followed."""
        return self.encloses(os.path.realpath(path))

    def encloses(self, real: str) -> bool:
        """Return whether a path without links is inside."""
        return is_below(real, self.within) and not (self.apart_from and is_below(real, self.apart_from))


@dataclass(frozen=True)
class Counted:
    """The pictures below a folder, by their names.

    Attributes:
        pictures: How many were found.
        is_all: Whether all entries were looked at.
        has_folders: Whether there are folders in it, as far as one knows.
        looked_at: The entries that were looked at.
    """

    pictures: int
    is_all: bool
    has_folders: bool
    looked_at: int


def json_field(handle: int, path: str) -> str:
    """Return where an open file lies, all links followed; "" where that cannot be told.

    What the path leads to now may be another file than the one that was opened: Linux knows the open one itself;
    elsewhere both are compared.
    """
    try:
        return os.readlink(f"/proc/self/fd/{handle}")
    except OSError:
        real = os.path.realpath(path)
        return real if os.path.samestat(os.fstat(handle), os.lstat(real)) else ""


def walk(folder: str | os.PathLike[str], *, limits: Limits, fence: Fence | None = None) -> Iterator[Found]:
    """Find the regular files below a folder, sorted by relative path.

    Hidden names (leading dot) and what is neither file nor folder are passed over. Links to files count as files.
    A linked folder is entered when it lies outside `folder` and was not entered before, so that nothing is found
    twice and a loop ends. A folder that cannot be read, and a link to nothing under a picture's name, are given as
    found: reading them says what is wrong.

    Args:
        limits: Part of every call into intake; a walk opens files for their first 512 bytes only, and has none.
        fence: Pass over what lies outside, as a link may lead there.

    Raises:
        SourceNotFoundError, InputError, SourceError: at once, when `folder` is missing, no folder, or not readable.
    """
    del limits
    root = Path(folder)
    name = printable(str(root))
    try:
        if not modes.S_ISDIR(os.stat(root).st_mode):
            raise InputError(f'"{name}" is not a folder: pass a folder, or read the file itself.')
        entries = _sorted_entries(str(root), fence)
    except FileNotFoundError as exc:
        raise SourceNotFoundError(f'no such folder: "{name}". Check the spelling.') from exc
    except OSError as exc:
        raise SourceError(f'cannot read folder "{name}": {exc.strerror or exc}.') from exc
    return _walk(entries, "", os.path.realpath(root), set(), fence)


def subfolders(folder: str | os.PathLike[str], fence: Fence) -> list[str]:
    """Return the names of the folders directly in a folder, sorted; hidden ones and those outside are left out.

    Raises:
        OSError: when the folder cannot be listed.
    """
    return [entry.name for entry in _sorted_entries(str(folder), fence) if _is_folder(entry)]


def count_by_name(folder: str | os.PathLike[str], fence: Fence, *, most: int) -> Counted:
    """Count the files below a folder whose names are those of pictures.

    Args:
        most: Entries to look at, in no particular order.

    Cost: no file is opened, and linked folders are not entered.
    """
    pictures = looked_at = 0
    has_folders = False
    waiting = [str(folder)]
    while waiting:
        inside = waiting.pop()
        with suppress(OSError), os.scandir(inside) as entries:
            for entry in entries:
                if looked_at >= most:
                    return Counted(pictures, False, True, looked_at)
                looked_at += 1
                if not fence.admits(entry):
                    continue
                if not _is_folder(entry):
                    pictures += os.path.splitext(entry.name)[1].lower() in signatures.IMAGE_SUFFIXES
                else:
                    has_folders = has_folders or inside == str(folder)
                    waiting += [] if entry.is_symlink() else [entry.path]
    return Counted(pictures, True, has_folders, looked_at)


def is_below(path: str, folder: str) -> bool:
    """Return whether a path is a folder or lies below it, by the letters of the two."""
    return path == folder or path.startswith(os.path.join(folder, ""))


def stamp(path: str | os.PathLike[str]) -> str:
    """Return size and modification time of a file as text, to tell whether it changed.

    Raises:
        OSError: as `os.stat` does.
    """
    return _stamp(os.stat(path))


def is_gone(path: str | os.PathLike[str]) -> bool:
    """Return whether nothing lies at a path, or a link to nothing; what cannot be looked at counts as there."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def changed_ns(stamp: str) -> int | None:
    """Return the modification time that a stamp tells, in nanoseconds since 1970; None when it tells none."""
    _, _, time = stamp.partition(":")
    return int(time) if time.removeprefix("-").isdecimal() else None


def printable(text: str) -> str:
    """Return text that any output takes: undecodable bytes of a file name and control characters as escapes."""
    if text.isprintable():
        return text
    raw = os.fsencode(text) if any("\udc80" <= c <= "\udcff" for c in text) else text.encode("utf-8", "replace")
    clean = raw.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in clean)


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_size}:{status.st_mtime_ns}"


def _sorted_entries(folder: str, fence: Fence | None) -> list[os.DirEntry[str]]:
    """List a folder so that a walk through it comes out sorted by whole relative path: "a.b" before "a/b"."""
    with os.scandir(folder) as entries:
        shown = [entry for entry in entries if not entry.name.startswith(".")]
    if fence is not None:
        shown = [entry for entry in shown if fence.admits(entry)]
    return sorted(shown, key=lambda entry: entry.name + "/" if _is_folder(entry) else entry.name)


def _walk(
    entries: list[os.DirEntry[str]], prefix: str, root: str, entered: set[str], fence: Fence | None
) -> Iterator[Found]:
    for entry in entries:
        relative = prefix + entry.name
        if not _is_folder(entry):
            found = _file(entry, relative)
            if found is not None:
                yield found
            continue
        if entry.is_symlink() and not _is_new(os.path.realpath(entry.path), root, entered):
            continue
        try:
            below = _sorted_entries(entry.path, fence)
        except OSError:
            yield Found(Path(entry.path), printable(relative), "", True)
            continue
        yield from _walk(below, relative + "/", root, entered, fence)


def _is_new(target: str, root: str, entered: set[str]) -> bool:
    """Return whether a linked folder lies outside all that was or will be entered, and remember it."""
    for base in (root, *entered):
        if os.path.commonpath((base, target)) in (base, target):
            return False
    entered.add(target)
    return True


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _file(entry: os.DirEntry[str], relative: str) -> Found | None:
    suffix = os.path.splitext(entry.name)[1].lower()
    path = Path(entry.path)
    try:
        status = entry.stat()
    except OSError:
        wanted = suffix in signatures.IMAGE_SUFFIXES
        return Found(path, printable(relative), "", True) if wanted else None
    if not modes.S_ISREG(status.st_mode):
        return None
    looks = suffix in signatures.IMAGE_SUFFIXES or signatures.looks_like_image(_head(entry.path))
    return Found(path, printable(relative), _stamp(status), looks)


def _head(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(signatures.SNIFF_BYTES)
    except OSError:
        return b""
