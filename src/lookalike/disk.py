"""Writing, replacing, moving and locking files so that they last.

A call that acknowledges something has forced it to disk first: the bytes of a file, then the entry of its folder that
names it. A file that is being written lies beside its target as `.NAME-RANDOM.partial`, locked by its writer; one that
nobody holds has lost its writer, and the next writer in its folder sweeps it.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from .errors import ConflictError, InputError

PRIVATE, PRIVATE_FOLDER = 0o600, 0o700  # only its owner reads it
_OTHERS = 0o077
_UNFORCEABLE = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EACCES)  # folders of some file systems, and of others
_MOST_NAME_BYTES = 150  # of a name in that of its partial file; file systems take 255
_PARTIAL = ".partial"
_A_PARTIAL = re.compile(r"\..*-[0-9a-f]{16}\.partial", re.DOTALL)
_STREAM = re.compile(r"/dev/(stdin|stdout|stderr)|(?:/dev/fd|/proc/self/fd)/(\d+)")
_BLOCK_BYTES = 1 << 20
T = TypeVar("T")
_STREAMS = {"stdin": 0, "stdout": 1, "stderr": 2}


def sync(path: Path) -> None:
    """Force a file or a folder's entries to disk."""
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    try:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as exc:
        if exc.errno not in _UNFORCEABLE or not path.is_dir():
            raise


def sync_stream(stream: BinaryIO) -> None:
    """Force what was written to an open file to disk."""
    stream.flush()
    os.fsync(stream.fileno())


def make_folder(path: Path, *, private: bool = False) -> None:
    """Make a folder and those above it, each forced into the one that names it; what is there stays as it is.

    Args:
        private: Nobody but the owner may enter the folders that are made.

    Raises:
        FileExistsError: when something on the way is not a folder.
    """
    missing = []
    for folder in (path, *path.parents):
        if folder.is_dir():
            break
        missing.append(folder)
    for folder in reversed(missing):
        try:
            folder.mkdir(mode=PRIVATE_FOLDER if private else 0o777)
        except FileExistsError:
            if not folder.is_dir():
                raise
        sync(folder.parent)


@contextmanager
def replace_file(path: Path, *, mode: int | None = None, sweeps: bool = True) -> Iterator[BinaryIO]:
    """Write a file that is the old one or the whole new one, and is forced to disk when this returns.

    Links are followed first. A regular file is replaced under its mode and owner; a device, a pipe or a socket is
    opened and written to, and so is a file that nothing can take the place of, since it is mounted or its folder may
    not be written; an open stream (/dev/stdout, /dev/fd/3) is written to where it stands.

    Args:
        mode: Rights of the file, also where one is there; without it those that it has, or the usual ones.
        sweeps: Look for what dead writers left in its folder; that reads all names there.

    Yields:
        The stream to write to. What was written is dropped when the block raises.

    Raises:
        InputError: when the path is a folder, or in one that is not there.
        OSError: as writing raises it.
    """
    if not is_replaceable(path):
        try:
            with _opened(path) as stream:
                yield stream
                if _is_regular(path):
                    sync_stream(stream)
        except OSError as exc:
            exc.filename = exc.filename or str(path)
            raise
        return
    target = Path(os.path.realpath(path))
    first = mode if mode is not None else PRIVATE if target.exists() else 0o666
    if sweeps:
        sweep_all(target.parent)
    fresh, handle = _begun(target, lambda path: os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, first))
    with open(handle, "w+b") as stream:
        try:
            yield stream
            stream.flush()
            settle(fresh, target, mode=mode)
        except BaseException as exc:
            fresh.unlink(missing_ok=True)
            if isinstance(exc, OSError):
                exc.filename = exc.filename or str(target)  # what ran out while writing does not say where
            raise


def replace_bytes(path: Path, data: bytes, *, mode: int | None = None, sweeps: bool = True) -> None:
    """Replace a file by these bytes; see `replace_file`."""
    with replace_file(path, mode=mode, sweeps=sweeps) as stream:
        stream.write(data)


def replace_text(path: Path, text: str, *, mode: int | None = None) -> None:
    """Replace a file by this text in UTF-8, line ends as they are; see `replace_file`."""
    replace_bytes(path, text.encode(), mode=mode)


def settle(fresh: Path, path: Path, *, mode: int | None = None) -> None:
    """Put a finished file, written by any means, in the place of another one of its folder or none, forced to disk.

    Links of `path` are followed; mode and owner of what is there are kept, but where `mode` is given.
    """
    target = Path(os.path.realpath(path))
    sync(fresh)
    if mode is not None:
        if stat.S_IMODE(os.stat(fresh).st_mode) != mode:
            with suppress(PermissionError):  # a file system that knows no rights
                os.chmod(fresh, mode)
    else:
        _take_over(fresh, target)
    try:
        os.replace(fresh, target)
    except OSError as exc:
        if exc.errno != errno.EBUSY or mode is not None:  # a mounted file
            raise
        with open(fresh, "rb") as held, _opened(target) as stream:
            shutil.copyfileobj(held, stream, _BLOCK_BYTES)
            sync_stream(stream)
        os.unlink(fresh)
    sync(target.parent)


def replace_folder(fresh: Path, path: Path) -> None:
    """Name a finished folder, by one rename: all that it holds, and the name, are forced to disk.

    Links of `path` are followed.

    Raises:
        OSError: when there is a folder of this name that holds something; of two makers one wins.
    """
    path = Path(os.path.realpath(path))
    for folder, _, files in os.walk(fresh):
        for name in files:
            sync(Path(folder, name))
        sync(Path(folder))
    os.rename(fresh, path)
    sync(path.parent)


def move_file(source: Path, target: Path, *, private: bool = False) -> None:
    """Move a file, also to another disk: there it is whole, forced to disk, before it is gone here.

    A folder is moved on its disk only. The target's folder is made. What is at the target is replaced: look before.

    Args:
        private: Nobody but the owner may enter the folders that are made.
    """
    make_folder(target.parent, private=private)
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_whole(source, target)
        os.unlink(source)
    sync(target.parent)
    if source.parent != target.parent:
        sync(source.parent)


def remove_file(path: Path) -> None:
    """Remove a file so that it stays removed after a loss of power; one that is not there is no error."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    sync(path.parent)


def remove_folder(path: Path, *, recursive: bool = True) -> None:
    """Remove a folder, with all that it holds or only an empty one, so that it stays removed."""
    if recursive:
        shutil.rmtree(path)
    else:
        path.rmdir()
    sync(path.parent)


def open_private(path: str | os.PathLike[str], flags: int) -> int:
    """Open a file as `open(.., opener=open_private)` wants it: a new one is its owner's alone, whatever the umask."""
    return os.open(path, flags, PRIVATE)


def tighten(path: Path) -> None:
    """Take away what others may do with a folder and all that it holds, as far as we may."""
    tighten_one(path)
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            tighten_one(Path(folder, name))


def tighten_one(path: Path) -> None:
    """Take away what others may do with a file or folder, as far as we may; a link is left alone."""
    with suppress(OSError):
        if is_loose(path):
            os.chmod(path, stat.S_IMODE(os.lstat(path).st_mode) & ~_OTHERS)


def is_loose(path: Path) -> bool:
    """Return whether others may do anything with a file or folder."""
    try:
        held = os.lstat(path).st_mode
    except OSError:
        return False
    return os.name == "posix" and not stat.S_ISLNK(held) and bool(held & _OTHERS)


def identity(path: str | os.PathLike[str] | None) -> tuple[int, int] | None:
    """Return what two paths of one file share, links and hard links alike; None where there is no file."""
    if not path or not os.path.isabs(path):
        return None
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def is_replaceable(path: Path) -> bool:
    """Return whether a path is a regular file or nothing yet, links followed; anything else is written to in place.

    Raises:
        InputError: when it is a folder, or in one that is not there.
    """
    if _STREAM.fullmatch(os.path.abspath(path)):
        return False
    try:
        found = os.stat(path).st_mode
    except FileNotFoundError as exc:
        target = Path(os.path.realpath(path))
        if not target.parent.is_dir():
            raise InputError(
                f'there is no folder "{target.parent}" for "{target.name}". Make it first, or check the path.'
            ) from exc
        return True
    if stat.S_ISDIR(found):
        raise InputError(f'"{path}" is a folder: name a file to write to.')
    place = os.path.realpath(path)
    is_pinned = os.access(place, os.W_OK) and not os.access(os.path.dirname(place), os.W_OK | os.X_OK)
    return stat.S_ISREG(found) and not is_pinned


def partial_of(path: Path) -> Path:
    """Name a file, or a folder, that is being written and will take the place of `path`."""
    return path.with_name(f"{_stem(path)}{secrets.token_hex(8)}{_PARTIAL}")


def is_partial(name: str) -> bool:
    """Return whether a name is that of a file or folder that is being written."""
    return _A_PARTIAL.fullmatch(name) is not None


@contextmanager
def partial_folder(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Make a folder beside `path` to fill and hand to `replace_folder`; what is left of it is removed afterwards."""
    path = Path(os.path.realpath(path))
    make_folder(path.parent, private=private)
    sweep_all(path.parent)
    fresh, handle = _begun(path, partial(_made_folder, mode=PRIVATE_FOLDER if private else 0o777))
    try:
        yield fresh
    finally:
        if handle is not None:
            os.close(handle)
        shutil.rmtree(fresh, ignore_errors=True)


def sweep_all(folder: Path, *, below: bool = False) -> None:
    """Remove what dead writers left in a folder, or also in all below it: what was being written, and nobody holds."""
    for place in [Path(place) for place, _, _ in os.walk(folder)] if below else [folder]:
        with suppress(OSError):
            for entry in [one for one in os.scandir(place) if is_partial(one.name)]:
                with suppress(OSError, ConflictError):
                    _remove_unheld(Path(entry.path))


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock among the threads and processes of one machine; it ends with the process, however that ends.

    Raises:
        ConflictError: when somebody else holds it, and we are not to wait.
    """
    make_folder(path.parent, private=True)
    while True:
        is_new = not path.exists()
        handle = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE)
        try:
            if is_new:
                sync(path.parent)
            try:
                _lock(handle, wait=wait)
            except OSError as exc:
                raise ConflictError(f'"{path}" is held by another process. End it first, or use another home.') from exc
            if not _is_at(handle, path):  # its holder removed it
                continue
            yield
            return
        finally:
            os.close(handle)


def _is_at(handle: int, path: Path) -> bool:
    """Return whether an open file is the one of this name."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _opened(path: Path) -> BinaryIO:
    stream = _STREAM.fullmatch(os.path.abspath(path))
    if stream:
        return os.fdopen(os.dup(_STREAMS[stream[1]] if stream[1] else int(stream[2])), "wb")
    if stat.S_ISSOCK(os.stat(path).st_mode):
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(path))
            return link.makefile("wb")
    flags = os.O_WRONLY | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags), "wb")


def _is_regular(path: Path) -> bool:
    return not _STREAM.fullmatch(os.path.abspath(path)) and path.is_file()


def _take_over(fresh: Path, target: Path) -> None:
    """Set mode and owner of a file to those of the one that it will replace, as far as we may."""
    try:
        held = os.stat(target)
    except FileNotFoundError:
        return
    ours = os.stat(fresh)
    if os.name == "posix" and (held.st_uid, held.st_gid) != (ours.st_uid, ours.st_gid):
        with suppress(PermissionError):
            os.chown(fresh, held.st_uid, held.st_gid)
    with suppress(PermissionError):
        os.chmod(fresh, stat.S_IMODE(held.st_mode))


def _begun(path: Path, make: Callable[[Path], T]) -> tuple[Path, T]:
    """Make a partial file or folder of `path`, held until its handle is closed."""
    while True:
        fresh = partial_of(path)
        handle = make(fresh)
        if isinstance(handle, int) and sys.platform != "win32":
            with suppress(OSError, ConflictError):  # a file system without locks: nobody can tell us from the dead
                _lock(handle, wait=True)
            if not fresh.exists():  # swept between its making and its lock
                os.close(handle)
                continue
        return fresh, handle


def _made_folder(path: Path, *, mode: int) -> int | None:
    while True:
        path.mkdir(mode=mode)
        if os.name != "posix":
            return None
        with suppress(FileNotFoundError):  # swept before it could be opened; without its parent, mkdir raises
            return os.open(path, os.O_RDONLY)


def _copy_whole(source: Path, target: Path) -> None:
    """Copy a file with its rights and times, or a link as a link, to a place of another disk, and force it there."""
    if source.is_symlink():
        fresh = partial_of(target)
        os.symlink(os.readlink(source), fresh)
        os.replace(fresh, target)
    else:
        with open(source, "rb") as held, replace_file(target, mode=PRIVATE) as stream:
            shutil.copyfileobj(held, stream, _BLOCK_BYTES)
        with suppress(PermissionError):
            shutil.copystat(source, target)
        if os.name == "posix":
            status = os.stat(source)
            with suppress(PermissionError):
                os.chown(target, status.st_uid, status.st_gid)
    sync(target.parent)


def _stem(path: Path) -> str:
    """Begin the name of a partial file."""
    return f".{os.fsencode(path.name)[:_MOST_NAME_BYTES].decode(errors='ignore')}-"


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
