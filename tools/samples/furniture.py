"""Furniture: an armchair; its colors and prices are left to the catalogue."""

import numpy as np

from .canvas import F32, Canvas, Color, Point, SmallPicture, box, clouds, curve, oval, rgb, shade
from .studio import cast_shadow, ground, table

WALNUT = rgb("#7b4f32")


def armchair(color: Color, view: SmallPicture, rng: np.random.Generator) -> Canvas:
    """Draw a padded armchair on four walnut legs, seen from the front."""
    canvas = table("#e8e3da", view=view, horizon=452)
    ground(canvas, 300, 532, 190, 16)
    nap = clouds(canvas.size_px, rng, (70, 70), 3)
    for x, lean in ((188.0, 10.0), (412.0, -10.0)):
        _leg(canvas, [(x - 8, 440), (x + 8, 440), (x + 5 + lean, 516), (x - 5 + lean, 516)], shade(WALNUT, -0.5))
    back = [
        (300, 98),
        (396, 104),
        (436, 150),
        (438, 260),
        (430, 400),
        (300, 410),
        (170, 400),
        (162, 260),
        (164, 150),
        (204, 104),
    ]
    _cushion(canvas, curve(back), color, nap, 36)
    for x, y in ((232.0, 176.0), (300.0, 176.0), (368.0, 176.0), (266.0, 246.0), (334.0, 246.0)):
        _button(canvas, x, y, color)
    _cushion(canvas, box(140, 398, 460, 470, 24), shade(color, -0.12), nap, 14)
    _cushion(
        canvas,
        curve([(176, 342), (300, 332), (424, 342), (440, 372), (428, 410), (300, 418), (172, 410), (160, 372)]),
        shade(color, 0.06),
        nap,
        20,
    )
    piping = curve([(168, 396), (300, 404), (432, 396)], closed=False)
    canvas.multiply(canvas.stroke(piping, 2.6), shade(color, -0.9), 0.45)
    for side in (-1, 1):
        arm = [
            (300 + side * x, y)
            for x, y in (
                (128, 288),
                (150, 262),
                (188, 258),
                (208, 284),
                (206, 380),
                (198, 462),
                (180, 474),
                (146, 472),
                (134, 452),
                (132, 370),
            )
        ]
        _cushion(canvas, curve(arm), shade(color, 0.03), nap, 20)
        front = [
            (300 + side * x, y)
            for x, y in (
                (142, 300),
                (158, 280),
                (184, 278),
                (197, 298),
                (194, 380),
                (187, 450),
                (176, 461),
                (152, 460),
                (146, 440),
                (145, 370),
            )
        ]
        line = curve(front)
        canvas.multiply(canvas.stroke([*line, line[0]], 2.2), shade(color, -0.9), 0.32)
    for x, lean in ((140.0, -8.0), (460.0, 8.0)):
        _leg(canvas, [(x - 11, 466), (x + 11, 466), (x + 6 + lean, 534), (x - 6 + lean, 534)], WALNUT)
    return canvas


def _cushion(canvas: Canvas, outline: list[Point], color: Color, nap: F32, radius: float) -> None:
    mask = canvas.mask(outline)
    cast_shadow(canvas, mask, 8, 0.38, (2, 6))
    canvas.paint(mask, color)
    canvas.multiply(mask * nap, shade(color, -0.6), 0.28)
    canvas.relief(mask, radius, depth=0.75)
    canvas.relief(mask, radius / 4, depth=0.3)


def _button(canvas: Canvas, x: float, y: float, color: Color) -> None:
    canvas.multiply(canvas.mask(oval(x, y, 13, 12), feather=6), (0.2, 0.19, 0.24), 0.6)
    mask = canvas.mask(oval(x, y, 6, 6))
    canvas.paint(mask, color)
    canvas.relief(mask, 3)


def _leg(canvas: Canvas, outline: list[Point], color: Color) -> None:
    mask = canvas.mask(outline)
    canvas.paint(mask, color)
    canvas.relief(mask, 5, depth=0.9, gloss=0.1)
    top = max(y for _, y in outline) - 62
    canvas.multiply(canvas.mask(box(0, top - 30, 600, top + 8), feather=6) * mask, (0.2, 0.17, 0.18), 0.6)
