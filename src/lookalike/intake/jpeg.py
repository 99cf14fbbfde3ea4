"""What the markers of a JPEG say: its kind, and whether one that is cut short still holds all of its rows.

A file that lost its last bytes is whole when nothing that is shown depends on them. That is tried: whatever comes
behind the cut, the pixels must be the same. A progressive one holds its rows several times over, each time finer, and
one that lacks its end is refused, as it shows all rows wherever it was cut, only coarser.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from io import BytesIO
from typing import NamedTuple

_END = b"\xff\xd9"
_TAILS = (_END, b"\x55" * 64 + _END, b"\xaa" * 64 + _END)
_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")  # not what is stuffed or restarts within coded data
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_SEQUENTIAL, _PROGRESSIVE, _SCAN = (0xC0, 0xC1, 0xC9), (0xC2, 0xCA), 0xDA


class Frame(NamedTuple):
    """The header of a frame: its marker, bits of a sample, (width, height), and the ids of its components."""

    marker: int
    bits: int
    size_px: tuple[int, int]
    components: bytes


def frame_of(data: bytes) -> Frame | None:
    """Return the first frame's header; None where there is none."""
    for marker, body in _segments(data):
        if marker in _FRAMES and len(body) >= 6:
            size_px = int.from_bytes(body[3:5], "big"), int.from_bytes(body[1:3], "big")
            return Frame(marker, body[0], size_px, body[6 : 6 + 3 * body[5] : 3])
    return None


def refusal(data: bytes) -> str:
    """Name what is not read of a JPEG that is not an ordinary one; "" for one that is."""
    frame = frame_of(data)
    if frame is None:
        return ""
    if frame.bits != 8:
        return f"a JPEG of {frame.bits} bits a sample"
    return "" if frame.marker in _SEQUENTIAL + _PROGRESSIVE else "a lossless or hierarchical JPEG"


def completed(data: bytes) -> bytes | None:
    """Return a cut JPEG with an end, where all that is shown is there; None where it is not.

    Raises:
        Exception: whatever the decoder makes of the bytes.

    Cost: two more decodings in full size, of cut files alone.
    """
    frame = frame_of(data)
    if frame is None or frame.marker not in _SEQUENTIAL:
        return None
    data = data[:-1] if data.endswith(b"\xff") else data
    shown = {
        component for marker, body in _segments(data) if marker == _SCAN for component in body[1 : 2 * body[0] : 2]
    }
    if not shown.issuperset(frame.components):
        return None
    return data + _END if len({_pixel_hash(data + tail) for tail in _TAILS}) == 1 else None


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Return each marker with its body, coded data passed over; ends where a segment is cut."""
    at = 2
    while found := _MARKER.search(data, at):
        marker, at = found.group(1)[0], found.end()
        if marker in (0xD8, 0xD9, 0x01):
            continue
        size = int.from_bytes(data[at : at + 2], "big")
        if size < 2 or at + size > len(data):
            return
        yield marker, data[at + 2 : at + size]
        at += size


def _pixel_hash(data: bytes) -> str:
    from PIL.JpegImagePlugin import JpegImageFile

    image = JpegImageFile(BytesIO(data))
    image.load()
    digest = hashlib.sha256()
    rows = max(1, 1_000_000 // image.width)
    for top in range(0, image.height, rows):
        digest.update(image.crop((0, top, image.width, min(top + rows, image.height))).tobytes())
    return digest.hexdigest()
