"""Local files of records: which one it is, whether it is gone, what it frees, and its bytes as they were indexed."""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ... import intake
from ...errors import SourceError

if TYPE_CHECKING:
    from ...answers import Member
    from ...limits import Limits
    from ...records import Record


def path_of(record: Record) -> str | None:
    """Return the path of the local file that a record is of; None where it came in another way."""
    return record.source if record.source and os.path.isabs(record.source) else None


def has_lost_file(record: Record) -> bool:
    """Return whether a record is of a local file that is gone."""
    path = path_of(record)
    return path is not None and intake.is_gone(path)


def bytes_of(record: Record, limits: Limits | None = None) -> bytes | None:
    """Return what a record's local file holds; None where these are not the very bytes that were indexed.

    Args:
        limits: Read no more than these allow; without them a file of another size is not read.
    """
    path = path_of(record)
    if path is None or not os.path.isfile(path):
        return None
    try:
        if limits is not None:
            data, _ = intake.read_bytes(path, limits=limits)
        elif os.path.getsize(path) == record.byte_size:
            data = Path(path).read_bytes()
        else:
            return None
    except (OSError, SourceError):
        return None
    return data if hashlib.sha256(data).hexdigest() == record.content_hash else None


def freed_bytes(record: Record | Member) -> int:
    """Return what parting with a record's picture frees: nothing where its file is a link, or has other names."""
    if os.path.isabs(record.source or ""):
        with suppress(OSError):
            status = os.lstat(record.source or "")
            return 0 if stat.S_ISLNK(status.st_mode) or status.st_nlink > 1 else record.byte_size
    return record.byte_size
