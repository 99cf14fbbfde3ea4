"""What lies outside the shared part of two pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .opencv import opencv

if TYPE_CHECKING:
    from ..arrays import F32, F64, U8

_STEP_PX = 2.5  # to each side of the line: beyond the blur of an edge in the small version
_NEXT_PX = 7.5  # where the ground to compare with is taken
_LEAST_PX = 4.0  # of surroundings on a side, for a seam to be seen there
_SAMPLES = 48  # along a side
_SAME_LEVELS = 14  # around the most frequent color


@dataclass(frozen=True)
class Surroundings:
    """What lies around the shared part.

    Attributes:
        share: Of the picture's area.
        seam: How much more the picture changes across the shared part's outline than beside it, in the middle of all
            places on the outline that have surroundings; about 1 in a photograph, more where something was pasted.
        uniform: Share of the surroundings that have their most frequent color.
        boxed: Whether the picture is no larger than the upright box around the other one: what turning adds.
    """

    share: float
    seam: float
    uniform: float
    boxed: bool


def measure_surroundings(pixels: U8, other: tuple[int, ...], matrix: F64) -> Surroundings:
    """Measure what is around the part of a picture that another one of shape `other` shows.

    Args:
        pixels: (h, w, 3) uint8.
        matrix: (2, 3) from the other to this picture.
    """
    cv2 = opencv()
    import numpy as np

    height, width = pixels.shape[:2]
    frame = np.array([[0, 0], [other[1], 0], [other[1], other[0]], [0, other[0]]], np.float64)
    outline = frame @ matrix[:, :2].T + matrix[:, 2]  # (4, 2) in this picture
    mask = np.ones((height, width), np.uint8)
    cv2.fillConvexPoly(mask, np.rint((outline - 0.5) * 16).astype(np.int32), 0, shift=4)
    mask = cv2.erode(mask, np.ones((3, 3), np.uint8), borderValue=1)
    outside = pixels[mask.astype(bool)]
    (left, top), (right, bottom) = outline.min(0), outline.max(0)
    reach = max(_LEAST_PX, 0.02 * max(width, height))
    boxed = bool(max(left, top, width - right, height - bottom) <= reach)
    return Surroundings(len(outside) / mask.size, _seam(pixels, outline), _uniform(outside), boxed)


def _uniform(outside: U8) -> float:
    """Return which share of some pixels (n, 3) has the most frequent color of them."""
    import numpy as np

    if not len(outside):
        return 1.0
    coarse = (outside >> 4).astype(np.int32) @ np.array([256, 16, 1])
    names, counts = np.unique(coarse, return_counts=True)
    usual = np.median(outside[coarse == names[counts.argmax()]].astype(np.float32), axis=0)
    return float((np.abs(outside - usual).max(1) <= _SAME_LEVELS).mean())


def _seam(pixels: U8, outline: F64) -> float:
    """Return the ratio of the step across the outline to the steps beside it, where there are surroundings."""
    cv2 = opencv()
    import numpy as np

    middle = outline.mean(0)
    along = np.linspace(0.04, 0.96, _SAMPLES)[:, None]
    places, normals = [], []
    for start, end in zip(outline, np.roll(outline, -1, 0), strict=True):
        normal = np.array([end[1] - start[1], start[0] - end[0]])
        normal = normal / max(float(np.hypot(*normal)), 1e-9)
        if normal @ (start - middle) < 0:
            normal = -normal
        places.append(start + along * (end - start))
        normals.append(np.repeat(normal[None], _SAMPLES, 0))
    place, normal = np.concatenate(places), np.concatenate(normals)
    far = place + normal * _LEAST_PX
    seen = (far >= 0).all(1) & (far[:, 0] <= pixels.shape[1]) & (far[:, 1] <= pixels.shape[0])
    place, normal = place[seen], normal[seen]
    if len(place) < _SAMPLES // 2:
        return 1.0

    def colors(offset: float) -> F32:
        at = (place + normal * offset - 0.5).astype(np.float32)[:, None]
        found: F32 = cv2.remap(pixels, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return found[:, 0].astype(np.float32)

    inner, near, beyond, outer = (colors(offset) for offset in (-_NEXT_PX, -_STEP_PX, _STEP_PX, _NEXT_PX))
    across, within, without = (np.abs(x - y).max(1) for x, y in ((near, beyond), (inner, near), (beyond, outer)))
    return float((across.mean() + 2) / (0.5 * (within.mean() + without.mean()) + 2))
