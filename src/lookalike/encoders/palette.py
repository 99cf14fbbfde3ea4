"""The palette of an image: how much of it is near each of 41 reference colors, to find pictures of the same colors."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..arrays import F32, U8

_GRAYS = (0.0, 64.0, 128.0, 192.0, 255.0)
_LIGHTNESSES = (60.0, 128.0, 196.0)
_SECTORS = 12
_CHROMA = 60.0  # of 128: where most vivid colors of photographs lie
_WIDTH = 25.0  # about half the way between two references: a color between them belongs to both
PALETTE_COLORS = len(_GRAYS) + len(_LIGHTNESSES) * _SECTORS


def palette(tiny: U8) -> F32:
    """Return the palette of a picture as a unit vector; where the colors are makes no difference.

    Args:
        tiny: (64, 72, 3) uint8, from `tiny_pixels`.

    Returns:
        (41,) float32 of unit length: square roots of shares, so that the cosine is the Bhattacharyya coefficient.
    """
    import numpy as np
    import PIL.Image

    cells = np.asarray(PIL.Image.fromarray(tiny[4::8, 4::8]).convert("YCbCr"), np.float32).reshape(-1, 3)  # (72, 3)
    references = _references()
    near = 2 * cells @ references.T - (references**2).sum(1)  # (72, 41): |cell|² less the squared distance
    near = np.exp((near - near.max(1, keepdims=True)) / (2 * _WIDTH**2))
    roots = np.sqrt((near / near.sum(1, keepdims=True)).mean(0))  # (41,)
    colors: F32 = (roots / np.linalg.norm(roots)).astype(np.float32)
    return colors


@cache
def _references() -> F32:
    """Return the reference colors, (41, 3) in YCbCr: grays, and the color circle at three lightnesses."""
    import numpy as np

    angles = np.arange(_SECTORS) * (2 * np.pi / _SECTORS)
    circle = [(y, 128 + _CHROMA * np.cos(a), 128 + _CHROMA * np.sin(a)) for y in _LIGHTNESSES for a in angles]
    return np.array([*((y, 128.0, 128.0) for y in _GRAYS), *circle], np.float32)
