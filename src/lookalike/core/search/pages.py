"""The pages of an answer: cursors, which say where a page ended, and the rankings that are kept for the next page.

A cursor is text that means nothing to its bearer. Within it:

    bytes  0 .. 12   the first bytes of SHA-256 over the question's digest and the rest
    bytes 12 .. 28   score and distance of the page's last match, as float64, big-endian
    bytes 28 ..      its id, UTF-8

So a cursor is bound to its question and collection, but to no process and no moment: a page is what ranks behind that
match when it is asked for. While nothing is written, the pages together are the full ranking, without gaps or doubles;
after a write they go on in the ranking as it is then.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass

from ...errors import InputError, shown

_SIGN = 12
_PLACE = struct.Struct(">dd")


@dataclass(frozen=True)
class Position:
    """A place in a ranking: behind the match with this score, distance and id."""

    score: float
    distance: float
    id: str


def cursor_of(position: Position, digest: bytes) -> str:
    """Return the cursor of a position in the ranking of one question."""
    place = _PLACE.pack(position.score, position.distance) + position.id.encode()
    return base64.urlsafe_b64encode(_sign(digest, place) + place).decode().rstrip("=")


def position_of(cursor: str, digest: bytes) -> Position:
    """Read a cursor.

    Raises:
        InputError: when it is none, or of another question.
    """
    if not isinstance(cursor, str):
        raise InputError(f"cursor={shown(cursor)!r} is not text: pass the `next` of the page before.")
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        sign, place = raw[:_SIGN], raw[_SIGN:]
        score, distance = _PLACE.unpack(place[: _PLACE.size])
        position = Position(score, distance, place[_PLACE.size :].decode())
    except (ValueError, binascii.Error, struct.error) as exc:
        raise InputError(f"cursor={cursor[:80]!r} is not a cursor: pass the `next` of the page before.") from exc
    if sign != _sign(digest, place):
        raise InputError(
            "the cursor belongs to another question or collection: pass it with the very examples and conditions of "
            "the page that gave it; only `limit` and `members` may change."
        )
    return position


def _sign(digest: bytes, place: bytes) -> bytes:
    return hashlib.sha256(digest + place).digest()[:_SIGN]
