"""The tiny form of an image that hash and hues are computed from: squashed once for both."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..arrays import U8
    from ..pictures import Image

TINY_WIDTH, TINY_HEIGHT = 72, 64  # whole 8 x 8 blocks for the 9 x 8 cells of the difference hash


def tiny_pixels(image: Image) -> U8:
    """Squash an image to (64, 72, 3) uint8, each pixel the mean of what it covers."""
    import numpy as np
    import PIL.Image

    picture = PIL.Image.fromarray(image.pixels)
    return np.asarray(picture.resize((TINY_WIDTH, TINY_HEIGHT), PIL.Image.Resampling.BOX, reducing_gap=2.0))
