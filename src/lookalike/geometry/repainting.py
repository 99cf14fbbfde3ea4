"""Repainting: a part has another color while its shapes stayed, and no edit of the whole picture explains it.

So do the red and the blue mug of one shop, which are not copies of each other. What an edit of all colors would make of
the one picture is compared with the other, color by color (`toning`): where a good part of it stayed as it was the edit
has to be exact. What is laid over a picture brings shapes of its own, and repaints nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .opencv import opencv
from .recoloring import chroma
from .small_version import cell_means, steepness
from .toning import have_stayed, nearest_edit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..arrays import F32, F64, Bools
    from .frames import Overlay

_MOVED = 17.0  # levels of 255; coarse encoding moves colors by less
_MISSED, _OF_MOVED, _MOST_EXACT = (
    5.0,
    0.25,
    10.0,
)  # levels, and share of the move that an edit misses, where something stayed ...
_MISSED_BY_ALL, _OF_ALL_MOVED = 14.0, 0.4  # ... and where all moved: edits one after another leave so much ...
_STRONG, _STRONG_AFTER_ALL = 40.0, 70.0  # ... but hardly this
_OF_SPREAD, _OF_USUAL, _DYED = 3.0, 2.0, 6.0  # times the deviation, times what is usual; chroma in CIELAB
_SHADED, _SHADED_KEPT = 0.12, 0.8  # shares: of what is only lighter or darker
_LEAST_CELLS, _LEAST_SHARE, _LEAST_OF_ALL = 4, 0.02, 0.15  # shares of the cells
_STRONG_SHARE, _STRONG_OF_ALL = 0.008, 0.012
_FAR, _FAR_SHARE = 18.0, 0.04  # chroma in CIELAB; share of the cells
_SMALL_CELL_PX, _LEAST_EVEN = 4, 40
_EVEN, _NOISY, _NOISES, _LEAST_SEEN = 18.0, 0.2, 4.0, 0.3  # levels of deviation; quantile, times; share
_WHOLE = 0.999
_BIN, _LEAST_ALIKE = 24, 5  # levels; cells of one color
_MARKED, _LIKE_MARK, _MOST_MARKED = (0.1, 0.9), 12.0, 0.35  # shares of ink; levels; share of the cells of its colors
_LEAST_KEPT = 0.4  # of the cells that changed and those around them: where the shapes stayed
_SHAPE_PX, _ALIKE, _FLAT = 24, 0.7, 1.5  # window, correlation, levels a px of standard deviation


def repainted_share(laid: Overlay, colors: Sequence[F32], whole: Bools) -> float:
    """Return the share of the cells that have another color, with the shapes of their own; see `toning`.

    Args:
        colors: Of the cells, (h, w, 3) of both pictures.
        whole: (h, w) which cells both pictures are in.

    Cost: 1 ms where no color moved, 10 ms of one core elsewhere.
    """
    cv2 = opencv()
    import numpy as np

    apart = np.abs(colors[0] - colors[1]).max(2)
    if ((apart >= _MOVED) & whole).sum() < max(_LEAST_CELLS, 0.5 * _STRONG_SHARE * whole.sum()):
        return 0.0
    means, even = _even_cells(laid)
    if even.sum() < _LEAST_EVEN:
        return 0.0
    before, wanted, after = nearest_edit(*(side[even] for side in means))
    has_still = have_stayed(before, after)
    kept = _kept_shapes(laid, _SMALL_CELL_PX)
    strong = np.abs(after - wanted).max(1) >= (_STRONG if has_still else _STRONG_AFTER_ALL)
    far = np.hypot(*(chroma(after) - chroma(wanted)).T) >= _FAR
    for names in (before, after):
        dyed, shaded = _have_other_colors(names, before, wanted, after, has_still=has_still)
        tries = [(dyed & strong, _STRONG_SHARE if has_still else _STRONG_OF_ALL, _LEAST_KEPT)]
        if not has_still:  # the ground of a pattern was dyed as well
            tries.append((dyed & far, _FAR_SHARE, _SHADED_KEPT))
        if names is before:  # by those after, what was sharpened or marked is of one color, too
            tries.append((dyed, _LEAST_SHARE if has_still else _LEAST_OF_ALL, _LEAST_KEPT))
            tries.append((dyed | shaded, _SHADED if has_still else 1.0, _SHADED_KEPT))
        for is_other, least_share, least_kept in tries:
            moved = np.zeros(even.shape, np.uint8)
            moved[even] = is_other
            around = cv2.dilate(moved, np.ones((3, 3), np.uint8)).astype(bool)
            if is_other.mean() < least_share or kept[around].mean() < least_kept:
                continue
            if not _is_marked(before, after, is_other):
                return float(is_other.mean())
    return 0.0


def _is_marked(before: F32, after: F32, is_other: Bools) -> bool:
    """Return whether the cells of another color are those under a mark that lets the picture through, white or black.

    It covers a part of what is of one color; a dye colors a thing.
    """
    import numpy as np

    for plain, marked in ((before, after), (after, before)):
        for ink in (0.0, 255.0):
            step, whole = (marked - plain)[is_other], (ink - plain)[is_other]
            share = float((step * whole).sum() / max(float((whole * whole).sum()), 1.0))
            if not _MARKED[0] < share < _MARKED[1] or np.abs(step - share * whole).mean() > _LIKE_MARK:
                continue
            names = (plain // _BIN).astype(np.int64) @ np.array([256, 16, 1])
            if is_other[np.isin(names, names[is_other])].mean() < _MOST_MARKED:
                return True
    return False


def unlike_light(laid: Overlay) -> float:
    """Return by how much even parts differ after the edit of the whole that explains most, in levels.

    A part that was cut out of a picture takes light and shadow with it; a thing that was pictured again, or moved on
    its table, does not.
    """
    import numpy as np

    means, even = _even_cells(laid)
    if even.sum() < _LEAST_EVEN:
        return 0.0
    _, wanted, after = nearest_edit(*(side[even] for side in means))
    return float(np.quantile(np.abs(after - wanted).max(1), 0.75))


def _even_cells(laid: Overlay) -> tuple[list[F32], Bools]:
    """Return the colors of small cells of both, (h, w, 3), and which of them have one color in both.

    Where colors mix, what an edit makes of their mean is not the mean of what it makes of them; such cells count only
    where there are hardly others.
    """
    import numpy as np

    inside = cell_means(laid.shared.astype(np.float32), _SMALL_CELL_PX) > _WHOLE
    means, spread = [], np.zeros(inside.shape, np.float32)
    for side in (laid.a, laid.b):
        values = side.astype(np.float32)
        mean, square = cell_means(values, _SMALL_CELL_PX), cell_means(values * values, _SMALL_CELL_PX)
        spread = np.maximum(spread, (square - mean * mean).max(2))
        means.append(mean)
    if not inside.any():
        return means, inside
    noise = float(np.quantile(spread[inside], _NOISY))
    even: Bools = inside & (spread <= max(_EVEN**2, _NOISES * noise))
    moved = inside & (np.abs(means[0] - means[1]).max(2) >= _MOVED)
    is_seen = (moved & even).sum() >= _LEAST_SEEN * moved.sum()
    return means, even if is_seen else inside


def _have_other_colors(names: F32, before: F32, wanted: F32, after: F32, *, has_still: bool) -> tuple[Bools, Bools]:
    """Return which cells have become another color than an edit makes of theirs, as most cells of that color have.

    What coarse encoding does to a color goes all ways. Where a part of the picture stayed as it was, edits have to be
    exact; where all of it moved, several may have been made one after another.

    Args:
        names: The colors by which cells are alike: those before, or those after.
        before, wanted, after: See `nearest_edit`.
        has_still: Whether a part stayed as it was.

    Returns:
        Those of another dye, and those that are only lighter or darker: blur does that as well.
    """
    import numpy as np

    bins = (names // _BIN).astype(np.int64) @ np.array([256, 16, 1])
    _, places = np.unique(bins, return_inverse=True)
    counts = np.bincount(places)

    def mean(values: F32) -> F64:
        found: F64 = np.stack([np.bincount(places, side) for side in values.T], 1) / counts[:, None]
        return found

    least, share = (_MISSED, _OF_MOVED) if has_still else (_MISSED_BY_ALL, _OF_ALL_MOVED)
    usual = float(np.median(np.abs(after - wanted).max(1)))
    least = max(least, min(_OF_USUAL * usual, _MISSED_BY_ALL))
    missed = mean(after - wanted)
    spread = np.sqrt(np.maximum(mean((after - wanted) ** 2) - missed**2, 0)).max(1)
    moved = np.maximum(np.abs(mean(after - before)).max(1), np.abs(mean(wanted - before)).max(1))
    apart = np.abs(missed).max(1)
    is_other = (
        (counts >= _LEAST_ALIKE)
        & (moved >= _MOVED)
        & (apart >= np.maximum(least, np.minimum(share * moved, _MOST_EXACT if has_still else 255)))
        & (apart >= _OF_SPREAD * spread)
    )
    turned = np.hypot(*(chroma(mean(after).astype(np.float32)) - chroma(mean(wanted).astype(np.float32))).T)
    has_dye = turned >= _DYED
    dyed, shaded = is_other & has_dye, is_other & ~has_dye
    return dyed[places], shaded[places]


def _kept_shapes(laid: Overlay, cell_px: int) -> Bools:
    """Return, for each cell, whether the colors around it change at the same places in both, or in neither.

    Red text on a green ground of its own brightness is seen by its colors alone.
    """
    cv2 = opencv()
    import numpy as np

    def mean(values: F32) -> F32:
        around: F32 = cv2.blur(values, (_SHAPE_PX, _SHAPE_PX))
        return around

    a, b = (steepness(side) for side in (laid.a, laid.b))
    var_a, var_b, both = mean(a * a) - mean(a) ** 2, mean(b * b) - mean(b) ** 2, mean(a * b) - mean(a) * mean(b)
    alike = both > _ALIKE * np.sqrt(np.maximum(var_a * var_b, 1e-6))
    flat = np.maximum(var_a, var_b) < _FLAT**2
    kept: Bools = cell_means((alike | flat).astype(np.float32), cell_px) > 0.5
    return kept
