"""The difference hash of an image: 64 bits that survive re-encoding, resizing and slight changes of light."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..values import U8, Image

HASH_BITS = 64
_WIDTH, _HEIGHT = 9, 8  # one column more than bits a row: each bit compares two neighbors
_DECISIVE_LEVELS = 3  # grey levels; a smaller step between cells is noise of the encoding
_DECISIVE_CELLS = 20  # of 64; a picture with fewer is too flat for its hash to say anything


def difference_hash(image: Image) -> U8 | None:
    """Give the difference hash, or None for a picture that is too flat to have one.

    Flat pictures (blank pages, skies, plain backgrounds) would all share one hash.

    Returns:
        (8,) uint8; bit i of row r says whether cell i is darker than its right neighbor.

    Source: N. Krawetz, "Kind of like that", 2013 (dHash); the guard against flat pictures is ours.
    """
    import numpy as np
    import PIL.Image

    grey = PIL.Image.fromarray(image.pixels).convert("L")
    small = grey.resize((_WIDTH, _HEIGHT), PIL.Image.Resampling.BOX, reducing_gap=2.0)
    steps = np.diff(np.asarray(small, dtype=np.int16), axis=1)  # (8, 8)
    if int((np.abs(steps) >= _DECISIVE_LEVELS).sum()) < _DECISIVE_CELLS:
        return None
    return np.packbits(steps > 0)
