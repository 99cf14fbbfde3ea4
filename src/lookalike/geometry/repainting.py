"""Repainting: a part has another color while all shapes, and the colors of the rest, stayed.

So do the red and the blue mug of one shop, which are no copies of each other. Edits of a whole picture are told apart
by what they do: light, contrast and gamma send all channels through one curve; gray, saturation and hue keep one of the
usual tones of each color and are a linear change of colors for all of the picture; blur, vignettes and the like change
light alone. What is laid over a picture brings shapes of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .fitting import least_squares
from .opencv import opencv
from .recoloring import chroma
from .small import cell_means

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..values import F32, U8, Bools
    from .frames import Overlay

# Of 299 edits none and of 10 pairs of variants all 10 meet these; levels are of 255.
_MOVED, _STILL = 24.0, 5.0  # levels
_LEAST_STILL = 0.25  # share of the cells
_LEAST_KEPT = 0.7  # of the cells that changed and those around them: where the shapes stayed
_SHAPE_PX, _ALIKE, _FLAT = 24, 0.7, 1.5  # window, correlation, levels a px of standard deviation
_BLUR_PX, _SCHARR = 1.2, 32.0  # the sum of the weights of one side of that filter
_GRAY, _MOSTLY, _OTHER_CHROMA = 8.0, 0.98, 15.0  # chroma in CIELAB; of so many cells a gray picture has less
_EXPLAINED, _LINEAR = 6.0, 8.0  # levels
_TELLING = (4.0, 250.0)  # levels; beyond, light was cut off
_SLOPES = (0.3, 3.0)


def repainted_share(laid: Overlay, colors: Sequence[F32], whole: Bools, cell_px: int) -> float:
    """Give the share of the cells that are repainted; 0 where an edit of the whole picture explains the change.

    Args:
        colors: Of the cells, (h, w, 3) of both pictures.
        whole: (h, w) which cells both pictures are in.

    Cost: 2 ms on one core.
    """
    cv2 = opencv()
    import numpy as np

    apart = cv2.medianBlur(np.abs(colors[0] - colors[1]).max(2), 3)
    moved = (apart >= _MOVED) & whole
    still = (apart <= _STILL) & whole
    if not moved.any() or still.sum() < _LEAST_STILL * whole.sum():
        return 0.0
    around = cv2.dilate(moved.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & whole
    if _kept_shapes(laid, cell_px)[around].mean() < _LEAST_KEPT:
        return 0.0
    before, after = (side[moved] for side in colors)
    hues = [chroma(side[whole]) for side in colors]  # (n, 2) each
    if min(float(np.quantile(np.hypot(*side.T), _MOSTLY)) for side in hues) < _GRAY:
        return 0.0
    if np.median(np.hypot(*(hues[0] - hues[1])[moved[whole]].T)) < _OTHER_CHROMA:
        return 0.0
    if _is_toned(before, after):
        return 0.0
    if _keeps_tone(before, after):
        stayed = colors[0][still], colors[1][still]
        if _is_linear((before, stayed[0]), (after, stayed[1])) or _is_linear((after, stayed[1]), (before, stayed[0])):
            return 0.0
    return float(moved.sum() / whole.sum())


def _kept_shapes(laid: Overlay, cell_px: int) -> Bools:
    """Say of each cell whether the colors around it change at the same places in both, or in neither.

    Red text on a green ground of its own brightness is seen by its colors alone.
    """
    cv2 = opencv()
    import numpy as np

    def mean(values: F32) -> F32:
        around: F32 = cv2.blur(values, (_SHAPE_PX, _SHAPE_PX))
        return around

    a, b = (_slopes(side) for side in (laid.a, laid.b))
    var_a, var_b, both = mean(a * a) - mean(a) ** 2, mean(b * b) - mean(b) ** 2, mean(a * b) - mean(a) * mean(b)
    alike = both > _ALIKE * np.sqrt(np.maximum(var_a * var_b, 1e-6))
    flat = np.maximum(var_a, var_b) < _FLAT**2
    kept: Bools = cell_means((alike | flat).astype(np.float32), cell_px) > 0.5
    return kept


def _slopes(pixels: U8) -> F32:
    """Give for each pixel how steeply the steepest channel changes, in levels a px."""
    cv2 = opencv()
    import numpy as np

    soft = cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), _BLUR_PX)
    steps = np.hypot(cv2.Scharr(soft, cv2.CV_32F, 1, 0), cv2.Scharr(soft, cv2.CV_32F, 0, 1))
    steepest: F32 = steps.max(2) / _SCHARR
    return steepest


def _is_toned(before: F32, after: F32) -> bool:
    """Say whether one curve for all channels, a line or a power, makes the colors (n, 3) of the others."""
    import numpy as np

    low, high = _TELLING
    inside = (np.minimum(before, after) > low) & (np.maximum(before, after) < high)
    x, y = before[inside].astype(np.float64), after[inside].astype(np.float64)
    if len(x) < 6 or np.ptp(x) < 1:
        return False
    steps = x - x.mean()
    slope = float(np.clip((steps * y).sum() / (steps * steps).sum(), *_SLOPES))
    line = slope * x + np.median(y - slope * x)
    power = 255 * (x / 255) ** np.median(np.log(y / 255) / np.log(x / 255))
    return bool(min(np.median(np.abs(line - y)), np.median(np.abs(power - y))) <= _EXPLAINED)


def _keeps_tone(before: F32, after: F32) -> bool:
    """Say whether the colors kept what gray, saturation and hue keep: luma, mean, lightness or value."""
    import numpy as np

    changes = [
        [side @ np.array([0.299, 0.587, 0.114]), side.mean(1), (side.max(1) + side.min(1)) / 2, side.max(1)]
        for side in (before, after)
    ]
    return any(float(np.median(np.abs(a - b))) <= _EXPLAINED for a, b in zip(*changes, strict=True))


def _is_linear(before: tuple[F32, F32], after: tuple[F32, F32]) -> bool:
    """Say whether one linear change of colors makes the colors after, those that moved and those that stayed.

    Args:
        before, after: The colors (n, 3) that moved, and those (m, 3) that stayed. Both count the same, however many.
    """
    import numpy as np

    counts = np.repeat([len(side) for side in before], [len(side) for side in before])
    weight = (1 / np.sqrt(counts))[:, None]
    known, goal = (np.concatenate(side) / 255 for side in (before, after))
    known = np.concatenate([known, np.ones((len(known), 1))], 1)  # (n + m, 4)
    change = least_squares(weight * known, weight * goal)
    left = 255 * np.abs(known @ change - goal).max(1)
    return bool(np.median(left[: len(before[0])]) <= _LINEAR)
