"""Encoding parameters of a JPEG, and signs that it was compressed twice."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..arrays import U8

_SIGNATURE = b"\xff\xd8\xff"
_SIDE_PX = 1024  # of the middle that is encoded again
_LARGEST_BLOCK_PX = 16  # with colors at half the size


def jpeg_table(data: bytes) -> list[int] | None:
    """Read the 64 steps by which a JPEG's brightness is encoded, row by row; None for anything else."""
    if not data.startswith(_SIGNATURE):
        return None
    import PIL.Image

    try:
        with PIL.Image.open(io.BytesIO(data), formats=("JPEG",)) as picture:
            table = getattr(picture, "quantization", {}).get(0)
    except (OSError, SyntaxError, ValueError):
        return None
    return list(table) if table is not None and len(table) == 64 else None


def unsettled_share(data: bytes, pixels: U8) -> float:
    """Measure the share of the blocks of a JPEG that change when it is encoded again in the very same way.

    Each time it is, fewer do: of two equal encodings the first one has more. 0 for what is not such a JPEG.

    Args:
        pixels: (h, w, 3) uint8, of all of it.

    Source: F. Huang, J. Huang and Y. Shi, "Detecting double JPEG compression with the same quantization matrix", IEEE
        Trans. Information Forensics and Security, 2010.
    """
    import numpy as np
    import PIL.Image
    import PIL.JpegImagePlugin

    with PIL.Image.open(io.BytesIO(data), formats=("JPEG",)) as picture:
        tables, sampling = picture.quantization, PIL.JpegImagePlugin.get_sampling(picture)  # type: ignore[attr-defined]
        if (
            picture.mode not in ("L", "RGB")
            or picture.size != pixels.shape[1::-1]
            or (sampling < 0 and len(tables) > 1)
        ):
            return 0.0
        turned = picture.getexif().get(0x0112, 1) != 1
        mode = picture.mode
    if turned:
        return 0.0
    top, left = (max(0, side - _SIDE_PX) // 2 // _LARGEST_BLOCK_PX * _LARGEST_BLOCK_PX for side in pixels.shape[:2])
    part = pixels[top : top + _SIDE_PX, left : left + _SIDE_PX]
    stream = io.BytesIO()
    again = PIL.Image.fromarray(part).convert(mode)
    again.save(stream, "JPEG", qtables=tables, **({"subsampling": sampling} if mode == "RGB" else {}))
    with PIL.Image.open(stream) as picture:
        back = np.asarray(picture.convert("RGB"))
    height, width = (side // 8 for side in part.shape[:2])
    if not height or not width:
        return 0.0
    same = (back == part).all(2)[: 8 * height, : 8 * width].reshape(height, 8, width, 8).all((1, 3))
    return float(1 - same.mean())
