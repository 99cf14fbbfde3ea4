"""How much of two aligned pictures shows the same thing.

Features that agree on a map prove that both pictures show one thing; they cannot tell a copy from a second photo of
the same carton. Laid over each other the copy agrees block by block, and the second photo, with its own viewpoint,
shadows and neighbors, does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .opencv import opencv
from .small_version import gray

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..arrays import F32, Bools
    from .frames import Overlay

_BLOCK_PX = 16
_LEAST_BLOCKS = 8  # along the longer side: tiny pictures get smaller blocks
_LEAST_BLOCK_PX = 4
_LEAST_FILLED = 0.6  # share of a block that both pictures have to be in
_BLUR_PX = 1.2  # over what encoding and slips of half a pixel change
_SHARPER, _BLURS_PX = 1.4, (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # pictures that differ more are made equally sharp
_FLAT = 4.0  # gray levels of standard deviation; blocks with less in both pictures say nothing
_AGREEING, _EXACT = 0.8, 0.95  # correlation
_SHIFTS = (5, 8, 12)  # px to the sides and down, where a pattern that repeats agrees with itself again


@dataclass(frozen=True)
class Agreement:
    """How much two pictures agree where both are.

    Attributes:
        share: Of the blocks with texture in one of the two, those that correlate; 0 where no block has texture.
        exact: Those that correlate nearly fully: what nothing was done to.
        blocks: How many blocks have texture.
        correlation: Of all pixels that both show, brightness with brightness.
        difference: Mean difference of brightness, in levels of 255, after the best change of brightness and contrast.
        repeats: The share that is reached at the best of several wrong places; high for patterns and stripes.
        flat: Share of the blocks that have no texture.
    """

    share: float
    exact: float
    blocks: int
    correlation: float
    difference: float
    repeats: float
    flat: float


def measure_agreement(laid: Overlay) -> Agreement:
    """Measure how much two pictures agree.

    Cost: 3 ms on one core.
    """
    cv2 = opencv()
    import numpy as np

    rows, columns = (np.flatnonzero(laid.shared.any(axis)) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return Agreement(0.0, 0.0, 0, 0.0, 255.0, 0.0, 1.0)
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    a, b = (cv2.GaussianBlur(gray(side), (0, 0), _BLUR_PX)[box].astype(np.float32) for side in (laid.a, laid.b))
    weight = laid.shared[box]
    a, b = _evenly_sharp(a, b, weight)
    correlation, difference = _whole(a[weight], b[weight])
    shape, block = weight.shape, _block_px(weight.shape)
    a, b, inside = (_filled_up(side, block) for side in (a, b, weight.astype(np.float32)))
    framed = _box(shape[0], shape[1], block)
    share, exact, blocks, flat = _shares(a[framed], b[framed], inside[framed], block)
    repeats = max((_shares(*shifted, block)[0] for shifted in _shifted(a, b, inside, shape, block)), default=0.0)
    return Agreement(share, exact, blocks, correlation, difference, repeats, flat)


def _evenly_sharp(a: F32, b: F32, weight: Bools) -> tuple[F32, F32]:
    """Blur the sharper of two pictures to the sharpness of the other: what blur took away says nothing."""
    cv2 = opencv()

    ours, theirs = _sharpness(a, weight), _sharpness(b, weight)
    if max(ours, theirs) < _SHARPER * min(ours, theirs):
        return a, b
    sharp, soft = (a, theirs) if ours > theirs else (b, ours)
    for sigma in _BLURS_PX:
        softened = cv2.GaussianBlur(sharp, (0, 0), sigma)
        if _sharpness(softened, weight) <= soft:
            break
    return (softened, b) if ours > theirs else (a, softened)


def _sharpness(values: F32, weight: Bools) -> float:
    """Return the fine detail of a picture, as a share of its coarser detail: a bar laid over it changes both alike."""
    cv2 = opencv()
    import numpy as np

    soft, softer = (cv2.GaussianBlur(values, (0, 0), sigma) for sigma in (2.0, 6.0))
    fine, coarse = (float(np.abs(layer[weight]).mean()) for layer in (values - soft, soft - softer))
    return fine / max(coarse, 0.1)


def _block_px(shape: tuple[int, ...]) -> int:
    return int(min(_BLOCK_PX, max(_LEAST_BLOCK_PX, max(shape) // _LEAST_BLOCKS)))


def _shares(a: F32, b: F32, inside: F32, block: int) -> tuple[float, float, int, float]:
    """Return the shares of textured blocks that correlate, how many are textured, and the share of flat ones.

    Args:
        a, b, inside: (h, w) each, of whole blocks; 1 where both pictures are, 0 elsewhere.
    """
    import numpy as np

    first, second, product = a * inside, b * inside, np.empty(inside.shape, np.float32)
    squares = ((first, first), (second, second), (first, second))
    filled = _means(inside, block)
    means = [_means(plane, block) for plane in (first, second)]
    means += [_means(np.multiply(one, other, out=product), block) for one, other in squares]
    full = filled >= _LEAST_FILLED
    if not full.any():
        return 0.0, 0.0, 0, 1.0
    filled = np.maximum(filled, 1e-6)
    mean_a, mean_b, square_a, square_b, both = (mean / filled for mean in means)
    var_a, var_b = np.maximum(square_a - mean_a**2, 0), np.maximum(square_b - mean_b**2, 0)
    textured = full & (np.maximum(var_a, var_b) >= _FLAT**2)
    blocks = int(textured.sum())
    alike = ((both - mean_a * mean_b) / np.sqrt(np.maximum(var_a * var_b, 1e-3)))[textured]
    share, exact = (float((alike >= least).sum()) / max(blocks, 1) for least in (_AGREEING, _EXACT))
    return share, exact, blocks, 1 - blocks / int(full.sum())


def _means(values: F32, block: int) -> F32:
    """Return the means of blocks, (h / block, w / block) of (h, w)."""
    height, width = values.shape
    sums = values.reshape(height // block, block, width).sum(1)
    means: F32 = sums.reshape(height // block, width // block, block).sum(2) / block**2
    return means


def _filled_up(values: F32, block: int) -> F32:
    """Fill up with nothing at the right and lower ends: to whole blocks, and one more for shifts."""
    cv2 = opencv()

    bottom, right = (-side % block + max(_SHIFTS) + block for side in values.shape)
    filled: F32 = cv2.copyMakeBorder(values, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=0)
    return filled


def _shifted(a: F32, b: F32, inside: F32, shape: tuple[int, ...], block: int) -> Iterator[tuple[F32, F32, F32]]:
    """Return what lies over each other when one picture of a shape, filled up, is moved to the right, or down."""
    height, width = shape
    ways = [(0, step) for step in _SHIFTS if step < width // 2] + [(step, 0) for step in _SHIFTS if step < height // 2]
    for down, right in ways:
        kept, moved = (_box(height - down, width - right, block, *at) for at in ((0, 0), (down, right)))
        yield a[moved], b[kept], inside[moved] * inside[kept]


def _box(height: int, width: int, block: int, top: int = 0, left: int = 0) -> tuple[slice, slice]:
    """Return the part of whole blocks that holds so many rows and columns, from a place on."""
    return slice(top, top + height + -height % block), slice(left, left + width + -width % block)


def _whole(a: F32, b: F32) -> tuple[float, float]:
    """Return the correlation of all pixels, and the mean difference after the best linear change of one of them."""
    import numpy as np

    x, y = a.astype(np.float64), b.astype(np.float64)
    x -= x.mean()
    y -= y.mean()
    xx, yy, xy = (float(np.einsum("i,i->", one, other)) for one, other in ((x, x), (y, y), (x, y)))  # no BLAS: threads
    if min(xx, yy) < len(x):  # less than one level of deviation: a flat picture
        return 0.0, float(np.abs(x - y).mean())
    # The one with more contrast is brought to the other: from either side the same.
    difference = x * (xy / xx) - y if xx >= yy else y * (xy / yy) - x
    return xy / float(np.sqrt(xx * yy)), float(np.abs(difference).mean())
