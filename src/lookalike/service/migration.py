"""The migration of earlier server state into `service.db`.

    keys.json            the keys, and the secret that signs sessions
    files-owners.jsonl   who wrote which stored file, a line a change
    jobs/ID/job.json     a job; beside it `cancelled`, where somebody cancelled it

A file that is there is due: it is read into the store in one transaction and then set aside, all under one lock. A
crash in between leaves it due, and reading it again changes nothing: nobody else writes before it is set aside. In the
place of the keys stays a file that an earlier server cannot read: without any it would take the home for an open one.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import disk
from ..errors import StoreDamagedError
from .store import Kind

BACKUP = ".bak"
Value = tuple[Kind, str, dict[str, Any]]

_KEYS, _OWNERS, _JOB = "keys.json", "files-owners.jsonl", "job.json"
_KEYS_FORMAT = 1
_MOVED = '{"format": 2, "moved_to": "service.db"}'
_log = logging.getLogger("lookalike.jobs")
_BROKEN = (OSError, ValueError, KeyError, TypeError)


def due(home: Path) -> list[Path]:
    """Return the files of an earlier lookalike that a home holds, in the order in which they are to be read."""
    keys, owners = home / _KEYS, home / _OWNERS
    found = [keys] if keys.exists() and keys.read_bytes() != _MOVED.encode() else []
    found += [owners] if owners.exists() else []
    return found + sorted(home.glob(f"jobs/[0-9]*/{_JOB}"))


def values_of(files: Iterable[Path]) -> Iterator[Value]:
    """Yield what files hold: kind, name and value of each row, in order.

    Raises:
        StoreDamagedError: when the keys cannot be read.
    """
    for path in files:
        yield from _READERS[path.name](path)


def set_aside(files: Iterable[Path]) -> None:
    """Rename files to `.bak`; that lasts."""
    for path in files:
        backup = path.with_name(f"{path.name}{BACKUP}")
        if path.name == _KEYS:
            disk.replace_bytes(backup, path.read_bytes(), mode=disk.PRIVATE)
            disk.replace_text(path, _MOVED, mode=disk.PRIVATE)
        else:
            disk.remove_file(path.with_name(f"{path.name}.partial"))  # of a killed writer, as 0.1.0 named it
            disk.move_file(path, backup)


def _keys(path: Path) -> Iterator[Value]:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        if held["format"] != _KEYS_FORMAT:
            raise ValueError(f"format {held['format']} is not {_KEYS_FORMAT}")
        secret = bytes.fromhex(held["cookie_secret"])
        keys = {key["id"]: key for key in held["keys"]}
    except _BROKEN as exc:
        raise StoreDamagedError(f'cannot read the keys in "{path}": {exc}. Bring the file back from a backup.') from exc
    yield "session", "cookies", {"secret": secret.hex()}
    for key_id, key in keys.items():
        yield "key", key_id, key


def _owners(path: Path) -> Iterator[Value]:
    """Yield the owner of each path; a broken line says nothing."""
    owners = dict[str, str | None]()
    for line in path.read_bytes().splitlines():
        with suppress(ValueError, TypeError, KeyError):
            told = json.loads(line)
            owners.pop(told["path"], None)
            owners[told["path"]] = told["key"]
    for name, owner in owners.items():
        if owner is not None:
            yield "file", name, {"key": owner}


def _job(path: Path) -> Iterator[Value]:
    """Yield a job, as it is when no process works on it; a broken one is logged, and left out."""
    try:
        job = json.loads(path.read_text(encoding="utf-8"))
        yield "job", path.parent.name, {**job, "is_cancelled": (path.parent / "cancelled").exists()}
    except _BROKEN as exc:
        _log.error("job %s cannot be read and is left alone: %s", path.parent.name, exc)


_READERS = {_KEYS: _keys, _OWNERS: _owners, _JOB: _job}
