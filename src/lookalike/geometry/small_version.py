"""The small version of a picture, on which everything in this room is measured, and its gray."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .opencv import opencv

if TYPE_CHECKING:
    from ..arrays import F32, U8

SIDE_PX = 320  # enough for 600 points; the side of a kept thumbnail, which therefore serves as it is
CLOSE_SIDE_PX = 960  # where the words of a page can be told apart
SQUARE_PX = 96
_BLUR_PX, _SCHARR = 1.2, 32.0  # the sum of the weights of one side of that filter


def small_version(pixels: U8) -> U8:
    """Reduce a picture so that its longer side is at most SIDE_PX; a smaller one stays as it is.

    Args:
        pixels: (h, w, 3) uint8, upright.
    """
    import numpy as np
    import PIL.Image

    if max(pixels.shape[:2]) <= SIDE_PX:
        return pixels
    picture = PIL.Image.fromarray(pixels)
    picture.thumbnail((SIDE_PX, SIDE_PX), PIL.Image.Resampling.BICUBIC, reducing_gap=2.0)
    return np.asarray(picture)


def gray(pixels: U8) -> U8:
    """Return the brightness of (h, w, 3) RGB as (h, w) uint8."""
    cv2 = opencv()
    import numpy as np

    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def cell_means(values: F32, side_px: int) -> F32:
    """Return the means of square cells, (h / side, w / side, ...) of (h, w, ...); what is left over is left out."""
    cv2 = opencv()
    import numpy as np

    height, width = (side // side_px for side in values.shape[:2])
    if not height or not width:
        return np.zeros((height, width, *values.shape[2:]), np.float32)
    whole = values[: height * side_px, : width * side_px]
    means: F32 = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    return means


def steepness(pixels: U8) -> F32:
    """Return, for each pixel how steeply the steepest channel changes, in levels a px."""
    cv2 = opencv()
    import numpy as np

    soft = cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), _BLUR_PX)
    steps = np.hypot(cv2.Scharr(soft, cv2.CV_32F, 1, 0), cv2.Scharr(soft, cv2.CV_32F, 0, 1))
    steepest: F32 = steps.max(2) / _SCHARR
    return steepest


def square_version(pixels: U8) -> U8:
    """Bring a picture to a square of SQUARE_PX, whatever its shape: blur and encoding hardly show in it."""
    cv2 = opencv()
    import numpy as np

    how = cv2.INTER_AREA if min(pixels.shape[:2]) >= SQUARE_PX else cv2.INTER_LINEAR
    square: U8 = cv2.resize(np.ascontiguousarray(pixels), (SQUARE_PX, SQUARE_PX), interpolation=how)
    return square


def mean_difference(a: U8, b: U8) -> float:
    """Measure how much two pictures of one size differ, in levels; 10 us for two squares."""
    cv2 = opencv()
    return float(cv2.norm(a, b, cv2.NORM_L1)) / a.size
