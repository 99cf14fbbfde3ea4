"""The difference hash of an image: 64 bits that survive re-encoding, resizing and slight changes of light."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..arrays import U8

HASH_BITS = 64
_CELL_PX = 8  # of the tiny form, which gives 9 x 8 cells: one column more than bits a row
_DECISIVE_LEVELS = 3  # grey levels; a smaller step between cells is noise of the encoding
_DECISIVE_CELLS = 20  # of 64; a picture with fewer is too flat for its hash to say anything


def difference_hash(tiny: U8) -> U8 | None:
    """Return the difference hash, or None for a picture that is too flat to have one.

    Flat pictures (blank pages, skies, plain backgrounds) would all share one hash.

    Args:
        tiny: (64, 72, 3) uint8, from `tiny_pixels`.

    Returns:
        (8,) uint8; bit i of row r says whether cell i is darker than its right neighbor.

    Source: N. Krawetz, "Kind of like that", 2013 (dHash); the guard against flat pictures is ours.
    """
    import numpy as np
    import PIL.Image

    cells = PIL.Image.fromarray(tiny).convert("L").reduce(_CELL_PX)
    steps = np.diff(np.asarray(cells, dtype=np.int16), axis=1)  # (8, 8)
    if int((np.abs(steps) >= _DECISIVE_LEVELS).sum()) < _DECISIVE_CELLS:
        return None
    return np.packbits(steps > 0)
