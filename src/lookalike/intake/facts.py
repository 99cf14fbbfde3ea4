"""Metadata of a file: frames, date, camera, whether a place is named.

All is read from headers that decoding has in memory anyway; no frame is decoded for it. Whatever is broken or hostile
there is left out: counting ends after so many steps, and a date that is none is not a date.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..pictures import Facts
from .folders import printable

if TYPE_CHECKING:
    from PIL import Image as PILImage

_MOST_STEPS = 500_000  # blocks, chunks or pages that are looked at: a quarter of a second
_MOST_CHARS = 100
_EXIF, _GPS = 0x8769, 0x8825
_MAKE, _MODEL, _TAKEN, _OFFSET = 0x010F, 0x0110, 0x9003, 0x9011
_LATITUDE, _LONGITUDE = 2, 4
_INFO = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")


def facts_of(image: PILImage.Image, data: bytes, kind: str) -> Facts:
    """Return what a loaded picture's file says of it.

    Args:
        data: The whole file.
        kind: Its format, as in `signatures.READABLE`.
    """
    frames = _quietly(lambda: _count_frames(image, data, kind), 1)
    if kind != "tiff" and image.info.keys().isdisjoint(_INFO):
        return Facts(frames=frames)
    taken, camera, has_place = _quietly(lambda: _exif(image), (None, None, False))
    return Facts(frames=frames, taken=taken, camera=camera, has_place=has_place)


def _quietly(read: Any, otherwise: Any) -> Any:
    try:
        return read()
    except Exception:  # broken metadata is not a reason to refuse good pixels
        return otherwise


def _exif(image: PILImage.Image) -> tuple[str | None, str | None, bool]:
    exif = image.getexif()
    inner = _quietly(lambda: exif.get_ifd(_EXIF), {})
    place = _quietly(lambda: exif.get_ifd(_GPS), {})
    has_place = bool(place.get(_LATITUDE)) and bool(place.get(_LONGITUDE))
    return _taken(inner.get(_TAKEN), inner.get(_OFFSET)), _camera(exif.get(_MAKE), exif.get(_MODEL)), has_place


def _taken(told: Any, offset: Any) -> str | None:
    """Write a date as ISO 8601: "2024:05:01 12:30:00" with "+02:00" is 2024-05-01T12:30:00+02:00."""
    try:
        moment = datetime.strptime(_text(told)[:19], "%Y:%m:%d %H:%M:%S").isoformat()
    except ValueError:
        return None
    zone = _text(offset)
    return moment + zone if re.fullmatch(r"[+-](0\d|1[0-4]):[0-5]\d", zone) else moment


def _camera(make: Any, model: Any) -> str | None:
    """Name a camera by make and model, the make once."""
    maker, name = _text(make), _text(model)
    told = name if maker and name.casefold().startswith(maker.casefold()) else f"{maker} {name}".strip()
    return told[:_MOST_CHARS] or None


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return printable(value.split("\0")[0].strip()) if isinstance(value, str) else ""


def _count_frames(image: PILImage.Image, data: bytes, kind: str) -> int:
    if kind == "gif":
        return max(1, _count_gif(data))
    if kind == "png":
        return max(1, _count_png(data))
    if kind == "tiff":
        return max(1, sum(not reduced for reduced in _tiff_pages(data)))
    if kind in ("webp", "avif"):
        return max(1, int(getattr(image, "n_frames", 1)))
    return 1


def _count_gif(data: bytes) -> int:
    """Count the image descriptors of a GIF (GIF89a, section 20), blocks passed over by their lengths."""
    frames, at, steps = 0, 13 + _colors(data[10]), 0
    while steps < _MOST_STEPS:
        mark = data[at : at + 1]
        if mark == b",":
            frames, at = frames + 1, at + 11 + _colors(data[at + 9])
        elif mark == b"!":
            at += 2
        else:
            break
        while at < len(data) and data[at] and steps < _MOST_STEPS:
            at, steps = at + data[at] + 1, steps + 1
        at, steps = at + 1, steps + 1
    return frames


def _colors(packed: int) -> int:
    return 3 << (packed & 7) + 1 if packed & 0x80 else 0


def _count_png(data: bytes) -> int:
    """Count the frames of an animated PNG; what stands before the first of them is shown by others only."""
    if data.find(b"acTL", 0, 1 << 20) < 0:
        return 1
    frames, at = 0, 8
    for _ in range(_MOST_STEPS):
        if at + 8 > len(data):
            break
        frames += data[at + 4 : at + 8] == b"fcTL"
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return frames


def _tiff_pages(data: bytes) -> Iterator[bool]:
    """Return the pages of a TIFF, each with whether it is a small version of another (tag 254, bit 0)."""
    order = "<" if data[:2] == b"II" else ">"
    is_big = struct.unpack_from(order + "H", data, 2)[0] == 43
    offset, count, entry = ("Q", "Q", 20) if is_big else ("I", "H", 12)
    (at,) = struct.unpack_from(order + offset, data, 8 if is_big else 4)
    seen = set[int]()
    while at and at not in seen and len(seen) < _MOST_STEPS:
        seen.add(at)
        (entries,) = struct.unpack_from(order + count, data, at)
        first = at + struct.calcsize(count)
        if first + entries * entry > len(data):
            return
        tag, kind = struct.unpack_from(order + "HH", data, first) if entries else (0, 0)
        value = struct.unpack_from(order + ("H" if kind == 3 else "I"), data, first + entry - struct.calcsize(offset))
        yield tag == 254 and bool(value[0] & 1)
        (at,) = struct.unpack_from(order + offset, data, first + entries * entry)
