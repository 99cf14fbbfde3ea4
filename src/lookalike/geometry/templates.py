"""Two graphics made from one template that differ in one small part.

In a photo texture agrees everywhere, so what differs in one place was edited there. In a chart, a window, a plan or a
letter most is flat, and what agrees is the template, of which there are many pictures: there nothing crisp may differ.
What happens to all of a picture is told apart from it: colors follow one table from the one to the other, whatever the
edit is, and the sharper of the two is made as soft as the other. A color that one part alone has says nothing by such a
table; it has to follow the edit of the whole (`toning`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .opencv import opencv
from .rewriting import excess
from .small_version import gray
from .toning import have_stayed, nearest_edit

if TYPE_CHECKING:
    from ..arrays import F32, F64, I64, U8, Bools
    from .frames import Overlay

# Shares of the pixels. Of 36 graphics of nine kinds and 144 copies and pairs all have 0.19 of the first; of 442 photos
# of clothes 4 have 0.15, of the products on white nearly all: their texture is what tells, in more pixels.
_WINDOW_PX, _EXACT, _NEARLY = 5, 1, 8  # levels by which what is flat varies: at 320 px, and beside noise
_EXACT_SHARE, _NEARLY_SHARE = 0.15, 0.2
_SOFT, _CRISP, _BESIDE_PX = 3, 20, 6  # levels; px around crisp edges, in which encoding leaves traces
_MOST_SOFT = 0.22  # of what is not beside an edge
_TEXTURE, _DEEP_PX, _MOST_DEEP = 12, 6, 0.25  # levels; px to what is flat; share of what is not flat

_RIM_PX = 3
_ROUNDS, _PRECISION, _FOUND_PX = 15, 1e-5, 500  # of fitting a map that features found; in pictures of so many px
_BLURS_PX, _GAIN = (0.6, 0.9, 1.3, 1.8), 0.97  # tried one after another, as long as less differs
_SHIFT, _TONES = 4, 32  # a color is one of 16 levels of each channel; a tone one of 32
_NEAR_TONES = 2
_SLACK_PX, _ALIGNED_SLACK_PX = 1, 2  # by how much a map may miss
# Levels that a pixel lies beyond all around it in the other, and their sum over a place: 37 pairs have 265 and more,
# of 106 copies one has more than 124.
_APART, _LEAST_SUM, _LEAST_ONE_WAY = 48, 200, 3000
_GRAY = 6.0  # levels between the channels, of nearly all pixels
_EVEN, _LEAST_PX, _MOST_OF_EACH = 16, 60, 6  # levels of a window; px of a color; how often one color counts
# Levels, and times the median, by which a color misses, of pairs 77 and more: where some stayed (copies 22), and where
# all moved, as more saturation cuts colors off at an end (67).
_OTHER, _OTHER_AFTER_ALL, _OF_USUAL = 40.0, 75.0, 4.0


def may_be_graphics(laid: Overlay) -> bool:
    """Return whether one picture is flat for a good part, and the other as far as noise lets it; 0.3 ms."""
    import numpy as np

    spans = [_span(gray(side)) for side in (laid.a, laid.b)]

    def counts(levels: int) -> list[int]:
        return [int(np.count_nonzero((span <= levels) & laid.shared)) for span in spans]

    size = max(1, int(np.count_nonzero(laid.shared)))
    return max(counts(_EXACT)) >= _EXACT_SHARE * size and min(counts(_NEARLY)) >= _NEARLY_SHARE * size


def are_graphics(laid: Overlay) -> bool:
    """Return whether one of two pictures has no texture: all of it is flat, or an edge, or near to what is flat.

    Args:
        laid: In as many pixels as can be had.
    """
    textures = [_texture(side, laid.shared) for side in (laid.a, laid.b)]
    return all(
        min(found) <= most for found, most in zip(zip(*textures, strict=True), (_MOST_SOFT, _MOST_DEEP), strict=True)
    )


def refined(laid: Overlay) -> Overlay:
    """Lay the second picture over the first more exactly than features of the small versions do."""
    cv2 = opencv()
    import numpy as np

    height, width = laid.shared.shape
    shrink = max(1, round(max(height, width) / _FOUND_PX))
    size = (width // shrink, height // shrink)
    a, b = (cv2.resize(gray(side), size, interpolation=cv2.INTER_AREA) for side in (laid.a, laid.b))
    shared = cv2.resize(laid.shared.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    ends = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, _ROUNDS, _PRECISION)
    try:
        _, matrix = cv2.findTransformECC(a, b, np.eye(2, 3, dtype=np.float32), cv2.MOTION_AFFINE, ends, shared, 3)
    except cv2.error:  # it found none: the one at hand stays
        return laid
    matrix[:, 2] *= shrink
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(laid.b, matrix, (width, height), flags=how, borderMode=cv2.BORDER_REPLICATE)
    return type(laid)(laid.a, moved, laid.shared, laid.covered)


def has_other_part(laid: Overlay, *, aligned: bool) -> bool:
    """Return whether something crisp is in one of two graphics and not in the other.

    Args:
        aligned: Whether features found the map, which is less exact than one of whole frames.

    Cost: 0.3 s of one core at 960 px.
    """
    cv2 = opencv()

    shared = _inner(laid.shared)
    if not shared.any():
        return False
    slack_px = _ALIGNED_SLACK_PX if aligned else _SLACK_PX
    a, b = _equally_sharp(laid.a, laid.b, shared)
    sums = []
    for first, second in ((a, b), (b, a)):
        goal = gray(second)
        told = _as_told(first, goal, shared)
        apart = cv2.max(excess(told, goal, slack_px), excess(goal, told, slack_px))
        sums.append(_largest_sum(apart, shared))
    if min(sums) >= _LEAST_SUM:
        return True
    # What has a color of its own differs one way alone; so does a gray picture, which follows from a colored one.
    return max(sums) >= _LEAST_ONE_WAY and _is_gray(a, shared) == _is_gray(b, shared)


def has_other_color(laid: Overlay) -> bool:
    """Return whether one color of two graphics does not follow the edit that all others follow.

    Cost: 20 ms of one core at 960 px.
    """
    import numpy as np

    even = _inner(laid.shared)
    for side in (laid.a, laid.b):
        even &= _span(side).max(2) <= _EVEN
    ours, theirs = laid.a[even], laid.b[even]
    if len(ours) < _LEAST_PX:
        return False
    both, places, counts = np.unique(_names(ours) << 12 | _names(theirs), return_inverse=True, return_counts=True)
    many = counts >= _LEAST_PX
    for side in (both >> 12, both & 4095):  # what became another color in one place alone is another part
        many &= 2 * counts >= np.bincount(side, counts)[side]
    if many.sum() < 2:
        return False
    each = np.clip(counts[many] // _LEAST_PX, 1, _MOST_OF_EACH)
    a, b = (_means(side, places, counts)[many].repeat(each, 0) for side in (ours, theirs))
    _, wanted, after = nearest_edit(a, b)
    missed = np.abs(wanted - after).max(1)
    least = _OTHER if have_stayed(a, b) else _OTHER_AFTER_ALL
    return bool(missed.max() >= max(least, _OF_USUAL * float(np.median(missed))))


def _span(pixels: U8) -> U8:
    """Return, by how much the levels around each pixel vary, of (h, w) or (h, w, 3)."""
    cv2 = opencv()
    import numpy as np

    around = np.ones((_WINDOW_PX, _WINDOW_PX), np.uint8)
    span: U8 = cv2.subtract(cv2.dilate(pixels, around), cv2.erode(pixels, around))
    return span


def _texture(pixels: U8, shared: Bools) -> tuple[float, float]:
    """Return the share of what varies softly away from edges, and that of what varies far from all that is flat."""
    cv2 = opencv()
    import numpy as np

    span = _span(gray(pixels))
    beside = cv2.dilate((span > _CRISP).astype(np.uint8), _square(_BESIDE_PX)).astype(bool)
    away = shared & ~beside
    soft = float(((span > _SOFT) & away).sum()) / max(1, int(away.sum()))
    varied = ((span > _TEXTURE) & shared).astype(np.uint8)
    deep = cv2.erode(varied, _square(_DEEP_PX), borderValue=1)
    return soft, float(deep.sum()) / max(1, int(varied.sum()))


def _equally_sharp(a: U8, b: U8, shared: Bools) -> tuple[U8, U8]:
    """Blur one of two pictures as long as less differs."""
    cv2 = opencv()
    import numpy as np

    def missed(x: U8, y: U8) -> float:
        goal = gray(y)
        return float(cv2.absdiff(_as_told(x, goal, shared), goal)[shared].mean(dtype=np.float64))

    best, found = missed(a, b), (a, b)
    for is_first in (True, False):
        for blur_px in _BLURS_PX:
            soft = cv2.GaussianBlur(a if is_first else b, (0, 0), blur_px)
            pair = (soft, b) if is_first else (a, soft)
            left = missed(*pair)
            if left >= _GAIN * best:
                break
            best, found = left, pair
    return found


def _as_told(pixels: U8, goal: U8, shared: Bools) -> U8:
    """Return each pixel (h, w, 3) the tone that most of its color have in the other picture (h, w)."""
    import numpy as np

    names = _names(pixels)
    kept, goals = names[shared], goal[shared].astype(np.int64)
    colors = 16**3
    tones = goals * _TONES // 256
    counts = np.bincount(kept * _TONES + tones, minlength=colors * _TONES).reshape(colors, _TONES).cumsum(1)
    middle = (2 * counts >= np.maximum(counts[:, -1:], 1)).argmax(1)
    near = np.abs(tones - middle[kept]) <= _NEAR_TONES
    sizes = np.bincount(kept[near], minlength=colors)
    means = np.bincount(kept[near], goals[near], colors) / np.maximum(sizes, 1)
    table: U8 = np.rint(means).astype(np.uint8)
    return table[names]


def _largest_sum(apart: U8, shared: Bools) -> float:
    """Return the sum of the levels of the place where most differs."""
    cv2 = opencv()
    import numpy as np

    differs = ((apart > _APART) & shared).astype(np.uint8)
    if not differs.any():
        return 0.0
    _, names = cv2.connectedComponents(cv2.dilate(differs, _square(1)))
    sums = np.bincount((names * differs).ravel(), apart.ravel())
    return float(sums[1:].max(initial=0))


def _is_gray(pixels: U8, shared: Bools) -> bool:
    import numpy as np

    told = pixels[shared]
    return float(np.quantile(told.max(1) - told.min(1), 0.98)) <= _GRAY


def _inner(shared: Bools) -> Bools:
    cv2 = opencv()
    import numpy as np

    inner: Bools = cv2.erode(shared.astype(np.uint8), _square(_RIM_PX), borderValue=0).astype(bool)
    return inner


def _names(pixels: U8) -> I64:
    """Return the number of the coarse color of each pixel (..., 3)."""
    import numpy as np

    steps = (pixels >> _SHIFT).astype(np.int64)
    names: I64 = steps[..., 0] << 8 | steps[..., 1] << 4 | steps[..., 2]
    return names


def _means(pixels: U8, places: I64, counts: I64) -> F32:
    import numpy as np

    sums: list[F64] = [np.bincount(places, channel) / counts for channel in pixels.T]
    return np.stack(sums, 1).astype(np.float32)


def _square(reach_px: int) -> U8:
    import numpy as np

    return np.ones((2 * reach_px + 1, 2 * reach_px + 1), np.uint8)
