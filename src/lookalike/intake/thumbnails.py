"""Small JPEGs of images, to show."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..values import Image

_QUALITY = 80  # about 10 kB at 320 px; artefacts are not seen at the size of a card


def thumbnail(image: Image, side_px: int) -> bytes:
    """Give a JPEG whose longer side is at most `side_px`; a smaller image keeps its size."""
    import PIL.Image

    small = PIL.Image.fromarray(image.pixels)
    small.thumbnail((side_px, side_px), PIL.Image.Resampling.BICUBIC, reducing_gap=2.0)
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()
