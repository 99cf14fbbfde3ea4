"""A photographer's table: backdrops, soft shadows, turned bodies; what stands on it is left to the drawings."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from .canvas import (
    BLACK,
    F32,
    LIGHT,
    WHITE,
    Canvas,
    Color,
    Extent,
    Point,
    SmallPicture,
    blur,
    extent,
    grid,
    mix,
    oval,
    rgb,
)

SIDE_PX = 600


def table(tint: str, *, view: SmallPicture, horizon: float = 400.0) -> Canvas:
    """Set up an empty canvas: a wall that runs softly into a floor, brightest behind the thing to be shown."""
    canvas = Canvas((SIDE_PX, SIDE_PX), view)
    canvas.pixels = _backdrop(tint, horizon).copy()
    return canvas


@lru_cache(maxsize=2)  # all colors of a product stand before the same one
def _backdrop(tint: str, horizon: float) -> F32:
    canvas = Canvas((SIDE_PX, SIDE_PX))
    x, y = grid(canvas.size_px)
    color = rgb(tint)
    canvas.pixels[:] = color
    floor = np.clip((y - horizon) / 70.0 + 0.5, 0, 1) * np.ones_like(x)
    canvas.paint(floor * floor * (3 - 2 * floor), mix(color, WHITE, 0.42), 0.8)
    bright = np.exp(-(((x - 250) / 270.0) ** 2 + ((y - 250) / 250.0) ** 2))
    canvas.glow(bright, WHITE, 0.5)
    edge = np.clip(np.hypot((x - 300) / 300.0, (y - 300) / 300.0) - 0.75, 0, 1)
    canvas.multiply(edge, mix(color, BLACK, 0.35), 0.5)
    return canvas.pixels


def ground(canvas: Canvas, x: float, y: float, across: float, down: float = 16.0) -> None:
    """Lay the shadow of something that stands at (x, y): a dark line of contact and a wide fall to the right."""
    dusk = (0.27, 0.25, 0.3)
    canvas.multiply(canvas.mask(oval(x + across * 0.32, y + 4, across * 1.3, down * 1.15), feather=22), dusk, 0.42)
    canvas.multiply(canvas.mask(oval(x + across * 0.06, y, across * 1.02, down * 0.6), feather=8), dusk, 0.5)
    canvas.multiply(canvas.mask(oval(x, y - 1, across * 0.97, down * 0.3), feather=3), dusk, 0.55)


def turned(canvas: Canvas, profile: Sequence[Point], x: float, color: Color | F32, *, gloss: float = 0.5) -> F32:
    """Paint a body turned on a lathe and give its mask.

    Args:
        canvas: Painted in place.
        profile: (y, radius) from the top down, in px.
        x: The axis of the body, in px.
        color: One color, or a (h, w, 3) picture to wrap around.
        gloss: How clearly a window is mirrored, from 0 to 1.
    """
    ys = np.array([y for y, _ in profile])
    radii = np.array([radius for _, radius in profile])
    right = [(x + radius, y) for y, radius in profile]
    foot = [(x + radii[-1] * np.cos(a), ys[-1] + radii[-1] * 0.13 * np.sin(a)) for a in np.linspace(0, np.pi, 40)]
    left = [(x - radius, y) for y, radius in reversed(profile)]
    mask = canvas.mask([*right, *foot, *left])
    canvas.paint(mask, color)
    round_shading(canvas, mask, x, ys, radii, gloss=gloss)
    return mask


def round_shading(
    canvas: Canvas,
    mask: F32,
    x: float,
    ys: np.ndarray[tuple[int], np.dtype[np.float64]],
    radii: np.ndarray[tuple[int], np.dtype[np.float64]],
    *,
    gloss: float,
) -> None:
    """Light a painted body of revolution: a soft terminator at the right, a mirrored window at the left."""
    if canvas.view.mirrored:
        x = canvas.size_px[0] - x
    part = extent(mask)
    columns, rows = grid(canvas.size_px)
    columns, rows = columns[:, part[1]], rows[part[0]]
    radius = np.interp(rows, ys, radii).astype(np.float32)  # (h, 1)
    slope = np.interp(rows, ys, np.gradient(radii, ys)).astype(np.float32)
    u = np.clip((columns - x) / np.maximum(radius, 1), -1, 1)  # (h, w): -1 at the left rim, 1 at the right
    front = np.sqrt(1 - u * u)
    facing = (u * LIGHT[0] - slope * LIGHT[1] + front * 0.8) / np.sqrt(1 + slope * slope)
    canvas.multiply(_within(mask, part, np.clip(0.84 - facing, 0, 1)), (0.15, 0.13, 0.18), 0.8)
    canvas.glow(_within(mask, part, np.clip(facing - 0.72, 0, 1)), WHITE, 0.5)
    if gloss:
        window = np.exp(-(((u + 0.56) / 0.085) ** 4)) + 0.22 * np.exp(-(((u + 0.3) / 0.05) ** 4))
        rim = 0.42 * np.exp(-(((u - 0.88) / 0.07) ** 2))
        canvas.glow(_within(mask, part, (window + rim).astype(np.float32)), WHITE, gloss)


def _within(mask: F32, part: Extent, values: F32) -> F32:
    out = np.zeros_like(mask)
    out[part] = mask[part] * values
    return out


def inner_shadow(canvas: Canvas, mask: F32, reach: float, strength: float, shift: Point = (0.0, 0.0)) -> None:
    """Darken a painted shape from its rim inwards, as a hollow or a tucked seam does."""
    part = extent(mask, round(3 * reach + max(map(abs, shift))) + 2)
    moved = np.roll(blur(mask[part], reach), (round(shift[1]), round(shift[0])), axis=(0, 1))
    canvas.multiply(_within(mask, part, np.clip(1 - moved, 0, 1)), (0.1, 0.09, 0.13), strength)


def cast_shadow(canvas: Canvas, mask: F32, reach: float, strength: float, shift: Point = (4.0, 5.0)) -> None:
    """Darken what lies under a shape that is about to be painted."""
    part = extent(mask, round(3 * reach + max(map(abs, shift))) + 2)
    moved = np.roll(blur(mask[part], reach), (round(shift[1]), round(shift[0])), axis=(0, 1))
    fallen = np.zeros_like(mask)
    fallen[part] = np.clip(moved, 0, 1)
    canvas.multiply(fallen, (0.2, 0.19, 0.24), strength)
