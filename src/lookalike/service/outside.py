"""What a caller from outside this machine may name as a picture: a URL, a stored record, base64; never a path."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from .. import intake
from ..errors import InputError, LookalikeError, shown

_LEAST_BASE64_CHARS = 32  # no picture is shorter; a path often is, and may look like base64


def outside_source(given: Any, *, stored: bool = True) -> bytes | str:
    """Give the source that a text from outside stands for: bytes, a URL, or "id:...".

    Args:
        stored: Whether "id:17" may name a stored picture.

    Raises:
        InputError: for anything else, a path on this machine first of all.
    """
    if isinstance(given, bytes):
        return given
    if isinstance(given, str):
        if intake.is_url(given) or (stored and given.startswith("id:")):
            return given
        with suppress(InputError):
            if len(given) >= _LEAST_BASE64_CHARS:
                return intake.base64_bytes(given)
    forms = 'a URL (http:// or https://), base64 of the picture, bare or as "data:image/jpeg;base64,..."'
    forms += ', or "id:" and the id of a stored picture' if stored else ""
    raise InputError(f"{shown(given)!r} is no picture that can be had from here: pass {forms}.")


def outside_record(given: Any) -> Mapping[str, Any] | LookalikeError:
    """Give a record in the JSON-lines form, or the error that it fails with: its picture comes by URL or base64."""
    if isinstance(given, LookalikeError):
        return given
    if not isinstance(given, Mapping):
        return InputError(f'a record is an object like {{"_id": "7", "_url": "https://..."}}, not {shown(given)!r}.')
    if "_file" in given:
        name = shown(given.get("_id", given["_file"]))
        return InputError(f'record "{name}" names a file of this machine: send _url or _base64 instead.', source=name)
    return given
