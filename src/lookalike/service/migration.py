"""What servers kept before the service store: small files of the home, read once and set aside under names in `.bak`.

    keys.json            the keys, and the secret that signs sessions
    files-owners.jsonl   who wrote which stored file, a line a change

A file that is there is due: it is read into the store in one transaction and then set aside, all under one lock. A
crash in between leaves it due, and reading it again changes nothing: nobody else writes before it is set aside.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import disk
from ..errors import StoreDamagedError
from .store import Kind

BACKUP = ".bak"
Value = tuple[Kind, str, dict[str, Any]]

_KEYS, _OWNERS = "keys.json", "files-owners.jsonl"
_KEYS_FORMAT = 1
_BROKEN = (OSError, ValueError, KeyError, TypeError)


def is_due(home: Path) -> bool:
    """Return whether a home holds files of an earlier lookalike."""
    return any(_files(home))


def values_of(home: Path) -> Iterator[Value]:
    """Yield what the files hold: kind, name and value of each row, in order.

    Raises:
        StoreDamagedError: when the keys cannot be read.
    """
    for path in _files(home):
        yield from _READERS[path.name](path)


def set_aside(home: Path) -> None:
    """Give the files their names in `.bak`; that lasts."""
    for path in list(_files(home)):
        disk.move_file(path, path.with_name(f"{path.name}{BACKUP}"))


def _files(home: Path) -> Iterator[Path]:
    return (home / name for name in (_KEYS, _OWNERS) if (home / name).exists())


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


_READERS = {_KEYS: _keys, _OWNERS: _owners}
