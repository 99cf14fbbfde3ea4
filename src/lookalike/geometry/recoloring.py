"""Recoloring: the one linear change of colors between two pictures; light, contrast, tint, gray, saturation, hue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .frames import cell_colors
from .least_squares import least_squares
from .opencv import opencv

if TYPE_CHECKING:
    from ..arrays import F32, F64, U8
    from .frames import Overlay

_ROUNDS = 3  # of fitting without the colors that fit worst
_PULL = 0.02  # towards "nothing changed", which decides where a picture has too few colors to tell
_GAINS = (0.5, 2.0, 57)  # the least, the greatest, how many: 2.5 % apart
_NEARLY_ALL = 0.98  # a lamp may have another shade, and all else is the same
_FITTING, _OF_USUAL = 4.0, 2.5  # levels, and times the median: what is left of colors that follow the change


def find_recoloring(before: F32, after: F32) -> F64:
    """Find the change (4, 3) that brings most of the colors before (n, 3), of 0 to 255, nearest to those after."""
    import numpy as np

    known = _homogeneous(before)
    goals = after.astype(np.float64)
    kept = np.ones(len(before), bool)
    weight = _PULL * np.sqrt(len(before))
    nothing_changed = np.eye(4, 3) * 255
    for _ in range(_ROUNDS):
        rows = np.concatenate([known[kept], weight * np.eye(4)])
        change = least_squares(rows, np.concatenate([goals[kept], weight * nothing_changed]))
        left = np.abs(known @ change - goals).max(1)
        kept = left <= max(_FITTING, _OF_USUAL * float(np.median(left)))
    return change


def recolored(colors: F32, change: F64) -> F32:
    """Return colors (..., 3) under a change."""
    import numpy as np

    flat = _homogeneous(colors.reshape(-1, 3))
    return np.asarray(flat @ change, np.float32).reshape(colors.shape)


def recolored_pixels(pixels: U8, change: F64) -> U8:
    """Return pixels (h, w, 3) under a change."""
    cv2 = opencv()
    import numpy as np

    matrix = np.concatenate([change[:3].T / 255, change[3][:, None]], 1)  # (3, 4)
    changed: U8 = cv2.transform(pixels, matrix)
    return changed


def moved_chroma(laid: Overlay) -> float:
    """Return by how much colors of one picture are others in the other one, in CIELAB: 98 of 100 cells moved by less.

    What a white balance does is left out: a gain for each channel, cut off at white, that leads from either side to the
    other. It turns the hues of what is nearly gray, and is not another dye.

    Cost: 2 ms on one core.
    """
    import numpy as np

    *colors, whole = cell_colors(laid)
    if not whole.any():
        return 0.0
    a, b = (side[whole] for side in colors)
    ways = [np.hypot(*(chroma(_balanced(x, y)) - chroma(y)).T) for x, y in ((a, b), (b, a))]
    return float(np.quantile(min(ways, key=lambda moved: float(moved.mean())), _NEARLY_ALL))


def _balanced(colors: F32, wanted: F32) -> F32:
    """Return colors (n, 3) under the gains that bring them nearest to the wanted ones."""
    import numpy as np

    gains = np.geomspace(*_GAINS, dtype=np.float32)
    sides, goals = (np.ascontiguousarray(side.T) for side in (colors, wanted))  # (3, n)
    missed = sides[:, None] * gains[None, :, None]  # (3, gains, n)
    np.minimum(missed, 255, out=missed)
    np.subtract(missed, goals[:, None], out=missed)
    best = np.abs(missed, out=missed).mean(2).argmin(1)
    balanced: F32 = np.minimum(255, colors * gains[best])
    return balanced


def chroma(colors: F32) -> F32:
    """Return a and b of CIELAB, (n, 2), of colors (n, 3)."""
    cv2 = opencv()
    import numpy as np

    lab: F32 = cv2.cvtColor(np.clip(colors / 255, 0, 1)[None].astype(np.float32), cv2.COLOR_RGB2LAB)[0]
    return lab[:, 1:]


def _homogeneous(colors: F32) -> F64:
    import numpy as np

    return np.concatenate([colors.astype(np.float64) / 255, np.ones((len(colors), 1))], 1)
