"""What servers kept before the service store: small files of the home, read once and set aside under names in `.bak`.

    keys.json    the keys, and the secret that signs sessions

A file that is there is due: it is read into the store in one transaction and then set aside, all under one lock. A
crash in between leaves it due, and reading it again changes nothing: nobody else writes before it is set aside.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import disk
from ..errors import StoreDamagedError
from .store import Kind

BACKUP = ".bak"
Value = tuple[Kind, str, dict[str, Any]]

_KEYS = "keys.json"
_KEYS_FORMAT = 1
_BROKEN = (OSError, ValueError, KeyError, TypeError)


def is_due(home: Path) -> bool:
    """Return whether a home holds files of an earlier lookalike."""
    return (home / _KEYS).exists()


def values_of(home: Path) -> Iterator[Value]:
    """Yield what the files hold: kind, name and value of each row, in order.

    Raises:
        StoreDamagedError: when the keys cannot be read.
    """
    if (home / _KEYS).exists():
        yield from _keys(home / _KEYS)


def set_aside(home: Path) -> None:
    """Give the files their names in `.bak`; that lasts."""
    if (home / _KEYS).exists():
        disk.move_file(home / _KEYS, home / f"{_KEYS}{BACKUP}")


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
