"""WebP read from its chunks: size and kind, and large still pictures by the decoder that takes half the memory.

Pillow reads every WebP as an animation, whose canvas it keeps four times: 16 bytes a pixel. OpenCV takes 8.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image as PILImage

LARGE_PX = 8_000_000  # from here on the memory matters more than loading OpenCV
_MOST_CHUNKS = 1000
_ANIMATION = 0x02


def size_of(data: bytes) -> tuple[int, int]:
    """Read the canvas size from the first chunk; (1, 1) where that chunk is unknown to us."""
    chunk, body = data[12:16], data[20:30]
    if chunk == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if chunk == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    return 1, 1


def is_animated(data: bytes) -> bool:
    """Return whether the file says that it is an animation."""
    return data[12:16] == b"VP8X" and bool(data[20] & _ANIMATION)


def read_still(data: bytes) -> PILImage.Image:
    """Read a still picture as mode "RGB" or "RGBA", with its EXIF data and color profile.

    Raises:
        ValueError: for bytes that are not a whole picture.
    """
    import cv2
    import numpy as np
    from PIL import Image

    cv2.setNumThreads(1)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim != 3 or pixels.shape[1::-1] != size_of(data):
        raise ValueError("truncated")
    has_alpha = pixels.shape[2] == 4
    cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA if has_alpha else cv2.COLOR_BGR2RGB, dst=pixels)
    image: PILImage.Image = Image.fromarray(pixels)
    for name, body in _chunks(data):
        if name in (b"EXIF", b"ICCP"):
            image.info["exif" if name == b"EXIF" else "icc_profile"] = body
    return image


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    for _ in range(_MOST_CHUNKS):
        if at + 8 > len(data):
            return
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
