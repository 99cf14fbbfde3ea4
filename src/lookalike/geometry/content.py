"""The content of a picture that is mostly plain ground: where little is drawn, written or pasted, and how it differs.

Blank pages with a number, a word, a mark or a small thing on a canvas: at 320 px nearly all of two such pictures
agrees, because nearly all of them is ground. What they hold is found here, apart from the ground, in as many pixels as
there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .least_squares import least_squares
from .opencv import opencv

if TYPE_CHECKING:
    from ..arrays import F32, I16, U8

    Box = tuple[int, int, int, int]

DETAIL_SIDE_PX = 2560  # of a picture whose content is looked at
_GROUND_SIDE_PX, _GROUND_WINDOW = 96, 0.45  # of the longer side: what fills less than half of it is not a ground
_LEAST_SIDE_PX = 16
_APART, _NOISES = 12.0, 5.0  # levels, and times the usual distance from the ground: beyond both there is something
_MOST_NOISE, _SURELY = 8.0, 1.25  # levels, beyond which the ground is not plain; times, where it is seen small
_TERMS = ((0, 0), (0, 1), (1, 0), (0, 2), (1, 1), (2, 0))  # powers of y and x: a surface of the second degree
_ROUNDS, _FITTING = 4, 3.0  # of fitting a surface without what is far from it; levels
_REACH = 0.012  # of the longer side: what is nearer belongs together
_MOST_SHARE, _MOST_PARTS = 0.15, 60
_MOST_POINTS = 4000
_MOST_AREA_PX = 300_000  # of the parts; where they take more, they are seen well in fewer pixels


@dataclass(frozen=True, eq=False)
class Content:
    """What a picture holds beside its ground.

    Attributes:
        size_px: (width, height) of the picture that it was found in.
        boxes: Left, top, right, bottom of each part.
        parts: For each of them how it differs from the ground, (h, w, 3) int16, in levels.
        points: (n, 2) float32; places of pixels that differ.
    """

    size_px: tuple[int, int]
    boxes: tuple[Box, ...]
    parts: tuple[I16, ...]
    points: F32

    def within(self, box: Box) -> F32:
        """Return how a part of the frame differs from the ground, (h, w, 3); 0 where there is nothing."""
        import numpy as np

        left, top, right, bottom = box
        canvas = np.zeros((bottom - top, right - left, 3), np.float32)
        for (x, y, to_x, to_y), part in zip(self.boxes, self.parts, strict=True):
            x0, y0, x1, y1 = max(x, left), max(y, top), min(to_x, right), min(to_y, bottom)
            if x0 < x1 and y0 < y1:
                canvas[y0 - top : y1 - top, x0 - left : x1 - left] = part[y0 - y : y1 - y, x0 - x : x1 - x]
        return canvas


def find_content(pixels: U8) -> Content | None:
    """Find what is not ground; None where that is much, or where the ground is not plain.

    The ground may be of any color and change slowly.

    Args:
        pixels: (h, w, 3) uint8 of any size.

    Cost: 1 ms of one core at 320 px, 100 at 2560.
    """
    cv2 = opencv()
    import numpy as np

    height, width = pixels.shape[:2]
    if min(height, width) < _LEAST_SIDE_PX:
        return None
    seen, smooth, unlike = _ground(pixels)
    if unlike > _SURELY * _MOST_NOISE:
        return None
    wide = cv2.resize(seen, (width, height), interpolation=cv2.INTER_LINEAR)
    ground: U8 = np.asarray(np.clip(np.rint(wide), 0, 255), np.uint8)
    apart = cv2.absdiff(cv2.GaussianBlur(pixels, (0, 0), 1.0), ground)
    apart = cv2.max(cv2.max(apart[..., 0], apart[..., 1]), apart[..., 2])
    step = max(1, max(height, width) // 320)
    noise = float(np.median(apart[::step, ::step]))
    if noise > _MOST_NOISE:
        return None
    differs = (apart > max(_APART, _NOISES * noise)).astype(np.uint8)
    reach = reach_px(max(height, width))
    near = cv2.dilate(differs, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    if near.mean() > 2 * _MOST_SHARE:
        return None
    _, names, stats, _ = cv2.connectedComponentsWithStats(near)
    left, top, right, bottom = stats[:, 0], stats[:, 1], stats[:, 0] + stats[:, 2], stats[:, 1] + stats[:, 3]
    kept = np.arange(len(stats)) > 0
    if _is_turned(pixels, smooth):
        kept &= (left > 0) & (top > 0) & (right < width) & (bottom < height)
        differs[~kept[names]] = 0
    if kept.sum() > _MOST_PARTS or stats[kept, 4].sum() > _MOST_SHARE * near.size:
        return None
    boxes = tuple(map(tuple, np.stack([left, top, right, bottom], 1)[kept].tolist()))
    area = sum((right - left) * (bottom - top) for left, top, right, bottom in boxes)
    if area > _MOST_AREA_PX:
        rate = 0.95 * (_MOST_AREA_PX / area) ** 0.5
        size = (max(1, round(width * rate)), max(1, round(height * rate)))
        return find_content(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    parts = tuple(pixels[y:v, x:u].astype(np.int16) - ground[y:v, x:u] for x, y, u, v in boxes)
    rows, columns = np.nonzero(differs)
    chosen = np.linspace(0, len(rows) - 1, min(len(rows), _MOST_POINTS)).astype(np.int64)
    points = np.stack([columns[chosen], rows[chosen]], 1).astype(np.float32) + 0.5
    return Content((width, height), boxes, parts, points)


def reach_px(longer_px: int) -> int:
    """Return how far the box of a part reaches beyond it: what is nearer belongs together."""
    return max(3, round(_REACH * longer_px))


def _ground(pixels: U8) -> tuple[F32, F32, float]:
    """Return the color of the ground in fewer pixels, the surface that it follows, and how far half of all is from it.

    The ground is a smooth surface, and the median of a large window on what is left.
    """
    cv2 = opencv()
    import numpy as np

    height, width = pixels.shape[:2]
    rate = _GROUND_SIDE_PX / max(height, width)
    size = (max(1, round(width * rate)), max(1, round(height * rate)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    smooth = _surface(small)
    over = np.clip(np.rint(small - smooth) + 128, 0, 255).astype(np.uint8)
    median = cv2.medianBlur(over, round(_GROUND_WINDOW * _GROUND_SIDE_PX) | 1)
    apart = cv2.absdiff(over, median)
    unlike = float(np.median(cv2.max(cv2.max(apart[..., 0], apart[..., 1]), apart[..., 2])))
    return smooth + cv2.blur(median.astype(np.float32) - 128, (3, 3)), smooth, unlike


def _surface(small: F32) -> F32:
    """Fit a surface of the second degree to most of a picture (h, w, 3), so that gradients are ground to their ends."""
    import numpy as np

    y, x = (np.linspace(-1, 1, side) for side in small.shape[:2])
    known_y, known_x = (np.stack([np.ones_like(side), side, side * side]) for side in (y, x))  # (3, h), (3, w)
    terms = [known_y[j, ::2, None] * known_x[i, None, ::2] for j, i in _TERMS]
    rows = np.stack([one.reshape(-1) for one in terms])  # (6, n)
    goals = np.ascontiguousarray(small[::2, ::2].reshape(-1, 3).T, np.float64)  # (3, n)
    kept = np.ones(rows.shape[1], bool)
    for _ in range(_ROUNDS):
        found = least_squares(rows[:, kept].T, goals[:, kept].T)
        left = np.abs(found.T @ rows - goals).max(0)
        usual = float(np.partition(left, len(left) // 2)[len(left) // 2])
        fitting = left <= max(_FITTING, 1.5 * usual)
        if (fitting == kept).all():
            break
        kept = fitting
    shares = np.zeros((3, 3, 3))  # channel, power of y, power of x
    for (j, i), share in zip(_TERMS, found, strict=True):
        shares[:, j, i] = share
    return np.ascontiguousarray((known_y.T @ (shares @ known_x)).transpose(1, 2, 0), np.float32)


def _is_turned(pixels: U8, smooth: F32) -> bool:
    """Return whether the corners are those that turning leaves: of one color, where the ground has others."""
    import numpy as np

    ends = [pixels[rows, columns] for rows in (np.s_[:5], np.s_[-5:]) for columns in (np.s_[:5], np.s_[-5:])]
    colors = np.array([end.mean((0, 1)) for end in ends])
    wanted = np.array([smooth[y, x] for y in (0, -1) for x in (0, -1)])
    apart = np.abs(colors - wanted).max(1)
    return bool(np.ptp(colors, 0).max() <= _APART and (apart > 2 * _APART).any())
