"""What makes files last: the one way to write, replace, move and lock them outside SQLite.

Whoever acknowledges something has forced it to disk first: the bytes of a file, then the entry of its folder that names
it. A file that is being written lies beside its target as `.NAME-RANDOM.partial`, locked by its writer; one that nobody
holds has lost its writer, and the next writer of the same name sweeps it.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .errors import ConflictError, InputError

PRIVATE = 0o600  # only its owner reads it
_PARTIAL = ".partial"
_STREAM = re.compile(r"/dev/(stdin|stdout|stderr)|(?:/dev/fd|/proc/self/fd)/(\d+)")
_STREAMS = {"stdin": 0, "stdout": 1, "stderr": 2}


def sync(path: Path) -> None:
    """Force a file or a folder's entries to disk."""
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(path: Path, *, private: bool = False) -> None:
    """Make a folder and those above it, each forced into the one that names it; what is there stays as it is.

    Args:
        private: Nobody but the owner may enter the folders that are made.

    Raises:
        FileExistsError: when something on the way is no folder.
    """
    missing = []
    for folder in (path, *path.parents):
        if folder.is_dir():
            break
        missing.append(folder)
    for folder in reversed(missing):
        try:
            folder.mkdir(mode=0o700 if private else 0o777)
        except FileExistsError:
            if not folder.is_dir():
                raise
        sync(folder.parent)


@contextmanager
def replace_file(path: Path, *, mode: int | None = None) -> Iterator[BinaryIO]:
    """Write a file that is the old one or the whole new one, and is forced to disk when this returns.

    Links are followed first. A regular file is replaced under its mode and owner; a device, a pipe or a socket is
    opened and written to; an open stream (/dev/stdout, /dev/fd/3) is written to where it stands.

    Args:
        mode: Rights of the file, also where one is there; without it those that it has, or the usual ones.

    Yields:
        The stream to write to. What was written is dropped when the block raises.

    Raises:
        InputError: when the path is a folder.
        OSError: as writing raises it.
    """
    if not is_replaceable(path):
        with _opened(path) as stream:
            yield stream
        return
    target = Path(os.path.realpath(path))
    sweep(target)
    partial = partial_of(target)
    with open(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else mode), "w+b") as stream:
        try:
            _hold(stream.fileno())
            yield stream
            stream.flush()
            settle(partial, target, mode=mode)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def replace_bytes(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Replace a file by these bytes; see `replace_file`."""
    with replace_file(path, mode=mode) as stream:
        stream.write(data)


def replace_text(path: Path, text: str, *, mode: int | None = None) -> None:
    """Replace a file by this text in UTF-8, line ends as they are; see `replace_file`."""
    replace_bytes(path, text.encode(), mode=mode)


def settle(partial: Path, path: Path, *, mode: int | None = None) -> None:
    """Put a finished file, written by any means, in the place of another one of its folder or none, forced to disk.

    Links of `path` are followed; mode and owner of what is there are kept, but where `mode` is given.
    """
    target = Path(os.path.realpath(path))
    if mode is not None:
        os.chmod(partial, mode)
    else:
        _take_over(partial, target)
    sync(partial)
    os.replace(partial, target)
    sync(target.parent)


def replace_folder(fresh: Path, path: Path) -> None:
    """Give a finished folder its name, by one rename: all that it holds, and the name, are forced to disk.

    Raises:
        OSError: when there is a folder of this name that holds something; of two makers one wins.
    """
    for folder, _, files in os.walk(fresh):
        for name in files:
            sync(Path(folder, name))
        sync(Path(folder))
    os.rename(fresh, path)
    sync(path.parent)


def move_file(source: Path, target: Path) -> None:
    """Move a file, also to another disk: there it is whole, forced to disk, before it is gone here.

    The folder of the target is made. What is at the target is replaced: look before.
    """
    make_folder(target.parent)
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        partial = partial_of(target)
        try:
            shutil.copy2(source, partial, follow_symlinks=False)
            if not partial.is_symlink():
                sync(partial)
            os.rename(partial, target)
        finally:
            partial.unlink(missing_ok=True)
        sync(target.parent)
        os.unlink(source)
    sync(target.parent)
    sync(source.parent)


def remove_file(path: Path) -> None:
    """Remove a file so that it stays removed after a loss of power; one that is not there is no error."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    sync(path.parent)


def is_replaceable(path: Path) -> bool:
    """Say whether a path is a regular file or nothing yet, links followed; anything else is written to in place.

    Raises:
        InputError: when it is a folder.
    """
    if _STREAM.fullmatch(os.path.abspath(path)):
        return False
    try:
        found = os.stat(path).st_mode
    except FileNotFoundError:
        return True
    if stat.S_ISDIR(found):
        raise InputError(f'"{path}" is a folder: name a file to write to.')
    return stat.S_ISREG(found)


def partial_of(path: Path) -> Path:
    """Name a file, or a folder, that is being written and will take the place of `path`."""
    return path.with_name(f".{path.name[:100]}-{secrets.token_hex(8)}{_PARTIAL}")


@contextmanager
def partial_folder(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Make a folder beside `path` to fill and hand to `replace_folder`; what is left of it is removed afterwards."""
    make_folder(path.parent, private=private)
    sweep(path)
    fresh = partial_of(path)
    fresh.mkdir(mode=0o700 if private else 0o777)
    handle = os.open(fresh, os.O_RDONLY) if os.name == "posix" else None
    try:
        if handle is not None:
            _hold(handle)
        yield fresh
    finally:
        if handle is not None:
            os.close(handle)
        shutil.rmtree(fresh, ignore_errors=True)


def sweep(path: Path) -> None:
    """Remove what writers of `path` left that are dead: their partial files and folders."""
    litter = re.compile(re.escape(f".{path.name[:100]}-") + r"[0-9a-f]{16}" + re.escape(_PARTIAL))
    with suppress(OSError):
        for entry in [one for one in os.scandir(path.parent) if litter.fullmatch(one.name)]:
            with suppress(OSError, ConflictError):
                _remove_unheld(Path(entry.path))


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock among the threads and processes of one machine; it ends with the process, however that ends.

    Raises:
        ConflictError: when somebody else holds it, and we are not to wait.
    """
    make_folder(path.parent)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE)
    try:
        try:
            _lock(handle, wait=wait)
        except OSError as exc:
            raise ConflictError(f'"{path}" is held by another process. End it first, or use another home.') from exc
        yield
    finally:
        os.close(handle)


def _opened(path: Path) -> BinaryIO:
    stream = _STREAM.fullmatch(os.path.abspath(path))
    if stream:
        return os.fdopen(os.dup(_STREAMS[stream[1]] if stream[1] else int(stream[2])), "wb")
    return open(path, "wb", buffering=0) if os.name == "nt" else os.fdopen(os.open(path, os.O_WRONLY), "wb")


def _take_over(partial: Path, target: Path) -> None:
    """Give a file mode and owner of the one that it will replace, as far as we may."""
    try:
        held = os.stat(target)
    except FileNotFoundError:
        return
    ours = os.stat(partial)
    if os.name == "posix" and (held.st_uid, held.st_gid) != (ours.st_uid, ours.st_gid):
        with suppress(PermissionError):
            os.chown(partial, held.st_uid, held.st_gid)
    os.chmod(partial, stat.S_IMODE(held.st_mode))


def _hold(handle: int) -> None:
    """Mark an open file as held, where the system can; its end lets it go."""
    if sys.platform != "win32":
        with suppress(OSError):  # a file system without locks: nobody can tell that we live, so nobody sweeps
            _lock(handle, wait=False)


def _remove_unheld(path: Path) -> None:
    if sys.platform == "win32":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        _lock(handle, wait=False)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
    finally:
        os.close(handle)


def _lock(handle: int, *, wait: bool) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
