"""Transforms between pictures in px as shown, made from the maps between their small versions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...answers import Transform
from ...geometry import inverse, shown_outline

if TYPE_CHECKING:
    from ...arrays import F64

    Size = tuple[int, int]
    Box = tuple[int, int, int, int]


def identity(size_px: Size) -> Transform:
    """Return the transform of a picture to itself."""
    box = (0, 0, *size_px)
    return Transform(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)), 1.0, 0.0, False, box, box)


def transform_of(matrix: F64, a_small: Size, b_small: Size, a_size: Size, b_size: Size) -> Transform:
    """Return the transform in px as shown.

    Args:
        matrix: (2, 3) from the small version of A to that of B.
        a_small, b_small: Sizes of the small versions, as (width, height); the other two as shown.
    """
    import numpy as np

    grown = np.array(b_size, np.float64) / np.array(b_small, np.float64)
    shrunk = np.array(a_small, np.float64) / np.array(a_size, np.float64)
    full = np.concatenate([grown[:, None] * matrix[:, :2] * shrunk, (grown * matrix[:, 2])[:, None]], 1)
    return _transform(full, a_size, b_size)


def turned_round(transform: Transform, a_size: Size, b_size: Size) -> Transform:
    """Invert a transform from A to B, for one between pictures of these sizes."""
    import numpy as np

    return _transform(inverse(np.array(transform.matrix)), b_size, a_size)


def _transform(matrix: F64, a_size: Size, b_size: Size) -> Transform:
    (a, b, _), (c, d, _) = matrix.tolist()
    mirrored = a * d - b * c < 0
    if mirrored:  # as turned after left and right changed places
        a, c = -a, -c
    angle = round(math.degrees(math.atan2(c - b, a + d)), 2)
    rows = [tuple(round(value, 6) + 0.0 for value in row) for row in matrix.tolist()]
    return Transform(
        matrix=(rows[0], rows[1]),
        scale=round(math.sqrt(abs(a * d - b * c)), 5),
        angle_deg=180.0 if angle == -180 else angle + 0.0,
        mirrored=mirrored,
        crop_a=_box(a_size, b_size, inverse(matrix)),
        crop_b=_box(b_size, a_size, matrix),
    )


def _box(size: Size, other: Size, matrix: F64) -> Box:
    """Return the box around what a picture shows of the other, by the map from the other to it."""
    outline = shown_outline(size[::-1], other[::-1], matrix)
    if not len(outline):
        return (0, 0, 0, 0)
    (left, top), (right, bottom) = outline.min(0), outline.max(0)
    x, y = round(float(left)), round(float(top))
    return (x, y, max(1, round(float(right)) - x), max(1, round(float(bottom)) - y))
