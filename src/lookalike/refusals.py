"""What the system refuses to do with files, as errors of ours; `disk` is the way to it."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import StoreError, StoreFullError, StoreReadOnlyError

LITTLE_LEFT_BYTES = 1 << 20  # less than this left on a disk is a full disk
_FULL = (errno.ENOSPC, errno.EDQUOT)
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


def is_full(path: Path) -> bool:
    """Return whether the disk of a path, or of the first folder above it that is there, has next to no room."""
    place = next((one for one in (path, *path.parents) if one.exists()), Path("/"))
    try:
        return shutil.disk_usage(place).free < LITTLE_LEFT_BYTES
    except OSError:
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
        return read_only(place)
    return StoreError(f'"{place}" cannot be read or written: {exc.strerror or exc}.', place=str(place))


def full(place: str | os.PathLike[str]) -> StoreFullError:
    """Make the error that tells that the disk is full."""
    return StoreFullError(
        f'the disk that holds "{place}" is full. Nothing was lost and nothing was written; make room and try again.',
        place=str(place),
    )


def read_only(place: str | os.PathLike[str]) -> StoreReadOnlyError:
    """Make the error that tells that the place may not be written."""
    return StoreReadOnlyError(
        f'this user may not write to "{place}", or not even read it. Change its permissions, or choose another place.',
        place=str(place),
    )
