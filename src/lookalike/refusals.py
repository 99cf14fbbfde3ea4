"""OSErrors as errors of ours: a full disk, missing rights, a read-only mount."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import StoreError, StoreFullError, StoreReadOnlyError

LITTLE_LEFT_BYTES = 1 << 20  # less than this left on a disk is a full disk
_FULL = (errno.ENOSPC, errno.EDQUOT)
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


def is_full(path: Path) -> bool:
    """Return whether the disk of a path, or of the first folder above it that is there, has next to no room."""
    try:
        return shutil.disk_usage(existing(path)).free < LITTLE_LEFT_BYTES
    except OSError:
        return False


def existing(path: Path) -> Path:
    """Return a path, or the first folder above it that is there."""
    return next((one for one in (path, *path.parents) if os.path.exists(one)), Path("/"))


def is_mounted_read_only(path: Path) -> bool:
    """Return whether the file system of a path, or of the first folder above it that is there, may only be read."""
    if not hasattr(os, "statvfs"):
        return False
    with suppress(OSError):
        return bool(os.statvfs(existing(path)).f_flag & os.ST_RDONLY)
    return False


@contextmanager
def reporting(place: Path) -> Iterator[None]:
    """Raise what the system refuses inside, below or at `place`, as a StoreError."""
    try:
        yield
    except OSError as exc:
        raise error_of(exc, place) from exc


def error_of(exc: OSError, place: str | os.PathLike[str]) -> StoreError:
    """Name what the system refused, for people."""
    if exc.errno in _FULL:
        return full(place)
    if exc.errno in _READ_ONLY:
        return read_only(place, by=exc)
    return StoreError(f'"{place}" cannot be read or written: {exc.strerror or exc}.', place=str(place))


def full(place: str | os.PathLike[str]) -> StoreFullError:
    """Make the error that tells that the disk is full."""
    return StoreFullError(
        f'the disk that holds "{place}" is full. Nothing was lost and nothing was written; make room and try again.',
        place=str(place),
    )


def read_only(place: str | os.PathLike[str], *, by: OSError | None = None) -> StoreReadOnlyError:
    """Make the error that tells that the place may not be written: for its disk's mount, or for its rights.

    Args:
        by: What the system said, where it said something.
    """
    if (by is not None and by.errno == errno.EROFS) or is_mounted_read_only(Path(place)):
        return StoreReadOnlyError(
            f'nothing can be written to "{place}": its file system is mounted read-only. Mount it for writing, or '
            "choose another place.",
            place=str(place),
        )
    return StoreReadOnlyError(
        f'this user may not write to "{place}", or not even read it. Change its permissions, or choose another place.',
        place=str(place),
    )
