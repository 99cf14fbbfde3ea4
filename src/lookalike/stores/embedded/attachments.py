"""Attachments: named bytes that belong to a collection beside its records. They lie in its folder and go with it.

A name is any text, and becomes a file name that says no more than which one it is.
"""

from __future__ import annotations

import hashlib
import shutil
from contextlib import suppress
from pathlib import Path

from ... import disk

FOLDER = "attachments"


def put(folder: Path, name: str, data: bytes) -> None:
    """Keep bytes under a name, in place of what it had; they survive a crash once this returns.

    Raises:
        FileNotFoundError: when the collection's folder is gone.
    """
    place = _place(folder, name)
    with suppress(FileExistsError):
        place.parent.mkdir(
            mode=disk.PRIVATE_FOLDER
        )  # and never those above: a collection that was deleted stays deleted
        disk.sync(folder)
    disk.replace_bytes(place, data, mode=disk.PRIVATE)


def get(folder: Path, name: str) -> bytes | None:
    """Return the bytes of a name; None where it has none."""
    try:
        return _place(folder, name).read_bytes()
    except FileNotFoundError:
        return None


def names(folder: Path) -> list[str]:
    """Return the paths of all attachments, from the collection's folder on."""
    found = (folder / FOLDER).iterdir() if (folder / FOLDER).is_dir() else ()
    return sorted(f"{FOLDER}/{place.name}" for place in found if not disk.is_partial(place.name))


def copy(source: Path, target: Path) -> None:
    """Copy all attachments of one collection's folder to another."""
    for name in names(source):
        (target / FOLDER).mkdir(mode=disk.PRIVATE_FOLDER, exist_ok=True)
        shutil.copyfile(source / name, target / name)


def _place(folder: Path, name: str) -> Path:
    return folder / FOLDER / hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
