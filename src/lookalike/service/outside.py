"""The sources that a remote caller may name: URL, stored record, base64; never a path."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from .. import intake
from ..errors import InputError, LookalikeError, shown
from ..pictures import Bytes, Stored, Url

_LEAST_BASE64_CHARS = 32  # no picture is shorter; a path often is, and may look like base64


def outside_source(given: Any) -> Stored | Url | Bytes:
    """Return the source that a text from outside stands for.

    Raises:
        InputError: for anything else, a path on this machine first of all.
    """
    if isinstance(given, str) and given.startswith("id:"):
        return Stored(given.removeprefix("id:"))
    return outside_picture(given, more=', or "id:" and the id of a stored picture')


def outside_picture(given: Any, *, more: str = "") -> Url | Bytes:
    """Return the source that a text from outside stands for, where it is not stored.

    Args:
        more: Ends what is told to be expected.

    Raises:
        InputError: for anything else, a path on this machine first of all.
    """
    if isinstance(given, bytes):
        return Bytes(given)
    if isinstance(given, str):
        if intake.is_url(given):
            return Url(given)
        with suppress(InputError):
            if len(given) >= _LEAST_BASE64_CHARS:
                return Bytes(intake.base64_bytes(given))
    forms = 'a URL (http:// or https://), base64 of the picture, bare or as "data:image/jpeg;base64,..."'
    raise InputError(f"{shown(given)!r} is not a picture that can be had from here: pass {forms}{more}.")


def outside_record(given: Any) -> Mapping[str, Any] | LookalikeError:
    """Return a record in the JSON-lines form, or the error that it fails with: its picture comes by URL or base64."""
    if isinstance(given, LookalikeError):
        return given
    if not isinstance(given, Mapping):
        return InputError(f'a record is an object like {{"_id": "7", "_url": "https://..."}}, not {shown(given)!r}.')
    if "_file" in given:
        name = shown(given.get("_id", given["_file"]))
        return InputError(f'record "{name}" names a file of this machine: send _url or _base64 instead.', source=name)
    return given
