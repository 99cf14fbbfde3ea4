"""Directory entries: the same file, its content hash, a free name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...records import Record

_MOST_HOPS = 40  # links in a row; systems refuse more
_BLOCK_BYTES = 1 << 20


def are_the_same(one: Path, other: Path) -> bool:
    """Return whether two entries of folders are equal files, or links to one place."""
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and os.readlink(one) == os.readlink(other)
    return one.is_file() and other.is_file() and content_hash(one) == content_hash(other)


def is_there(record: Record) -> bool:
    """Return whether a kept record has its file; what never was a file is there as a record."""
    return not record.source or not os.path.isabs(record.source) or os.path.exists(record.source)


def entry_of(source: str) -> str:
    """Return the one path of an entry of a folder; two names of one file (links, hard links) are two."""
    return os.path.join(os.path.realpath(os.path.dirname(source)), os.path.basename(source))


def hops_of(path: str) -> int:
    """Count the links that a path's last part leads through."""
    hops = 0
    while hops < _MOST_HOPS and os.path.islink(path):
        path = os.path.join(os.path.dirname(path), os.readlink(path))
        hops += 1
    return hops


def content_hash(path: Path) -> str:
    """Hash the bytes of a file: SHA-256 in hex."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def names_of(source: Path) -> list[str]:
    """Return the names along a path, the drive as one of them."""
    drive = source.drive.replace(":", "").strip("\\/")
    return [*([drive] if drive else []), *source.parts[1:]]


def numbered(path: Path) -> Iterator[Path]:
    """Yield a path, and then the same with a number in its name."""
    yield path
    number = 2
    while True:
        yield path.with_name(f"{path.stem} ({number}){path.suffix}")
        number += 1
