"""Small JPEGs of images, to show."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..pictures import Image

_QUALITY = 80  # about 10 kB at 320 px; artefacts are not seen at the size of a card
_FINE_QUALITY = 95  # about 40 kB: what pictures are compared by


def thumbnail(image: Image, side_px: int, *, fine: bool = False) -> bytes:
    """Make a JPEG whose longer side is at most `side_px`; a smaller image keeps its size.

    Args:
        fine: Whether every color keeps its place and hardly a level is lost, at four times the bytes.
    """
    import PIL.Image

    small = PIL.Image.fromarray(image.pixels)
    small.thumbnail((side_px, side_px), PIL.Image.Resampling.BICUBIC, reducing_gap=2.0)
    stream = io.BytesIO()
    options = {"quality": _FINE_QUALITY, "subsampling": 0} if fine else {"quality": _QUALITY}
    small.save(stream, "JPEG", **options)
    return stream.getvalue()
