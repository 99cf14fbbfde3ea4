"""Things to wear: a sneaker, a shirt and a backpack; their colors and prices are left to the catalogue."""

from collections.abc import Sequence

import numpy as np

from .canvas import (
    F32,
    WHITE,
    Canvas,
    Color,
    Point,
    SmallPicture,
    blur,
    box,
    clouds,
    curve,
    mix,
    oval,
    resize,
    rgb,
    shade,
)
from .studio import cast_shadow, ground, inner_shadow, table

CHALK = rgb("#f6f2ea")
LINEN = rgb("#e3d8c3")
INK = rgb("#2b2d33")
GUM = rgb("#b97a48")


def sneaker(color: Color, view: SmallPicture, rng: np.random.Generator) -> Canvas:
    """Draw a low court shoe from its side: suede panels, cotton laces, gum sole."""
    canvas = table("#dcd9d2", view=view, horizon=390)
    ground(canvas, 300, 446, 236, 17)
    collar = canvas.mask(
        curve([(70, 236), (92, 205), (140, 208), (196, 216), (236, 196), (262, 210), (236, 262), (150, 280), (84, 268)])
    )
    canvas.paint(collar, shade(color, -0.75))
    canvas.relief(collar, 8, depth=0.5)
    tongue = canvas.mask(curve([(196, 236), (212, 176), (244, 158), (266, 170), (300, 236), (262, 262)]))
    cast_shadow(canvas, tongue, 6, 0.3, (2, 3))
    canvas.paint(tongue, mix(LINEN, color, 0.3))
    canvas.relief(tongue, 9, depth=0.8)
    upper = canvas.mask(
        curve(
            [
                (66, 404),
                (60, 340),
                (66, 280),
                (62, 236),
                (74, 206),
                (92, 208),
                (118, 228),
                (162, 240),
                (208, 232),
                (234, 204),
                (256, 208),
                (300, 246),
                (352, 282),
                (420, 302),
                (488, 318),
                (530, 346),
                (544, 384),
                (538, 408),
                (300, 416),
            ],
            steps=12,
        )
    )
    suede = clouds(canvas.size_px, rng, (60, 60), 3)
    cast_shadow(canvas, upper, 7, 0.3, (3, 4))
    _leather(canvas, upper, mix(LINEN, color, 0.08), 20)
    toe = (
        canvas.mask(curve([(392, 410), (398, 360), (420, 326), (470, 318), (516, 336), (546, 372), (544, 412)])) * upper
    )
    _panel(canvas, toe, shade(color, 0.05), suede)
    heel = (
        canvas.mask(curve([(52, 412), (54, 320), (58, 250), (70, 244), (98, 262), (118, 322), (150, 372), (168, 414)]))
        * upper
    )
    _panel(canvas, heel, color, suede)
    tab = canvas.mask(curve([(56, 262), (60, 222), (74, 200), (94, 208), (106, 236), (96, 264)])) * upper
    _panel(canvas, tab, shade(color, -0.25), suede)
    eyestay = (
        canvas.mask(
            curve(
                [
                    (214, 272),
                    (222, 226),
                    (238, 198),
                    (262, 208),
                    (312, 250),
                    (372, 286),
                    (398, 306),
                    (372, 330),
                    (310, 310),
                    (252, 290),
                ]
            )
        )
        * upper
    )
    _panel(canvas, eyestay, color, suede)
    band = curve([(150, 400), (196, 372), (250, 332), (300, 318)], closed=False)
    band += curve([(322, 330), (284, 356), (244, 386), (222, 410)], closed=False)
    stripe = canvas.mask(band) * upper
    _panel(canvas, stripe, shade(color, -0.2), suede)
    _stitches(canvas, [(402, 404), (408, 362), (428, 334), (472, 326), (514, 344)])
    _stitches(canvas, [(222, 276), (256, 283), (312, 302), (370, 322), (388, 308)])
    _stitches(canvas, [(98, 272), (110, 322), (142, 374), (158, 404)])
    _laces(canvas)
    _sole(canvas)
    return canvas


def _leather(canvas: Canvas, mask: F32, color: Color, radius: float) -> None:
    canvas.paint(mask, color)
    canvas.relief(mask, radius, depth=0.8, gloss=0.05)


def _panel(canvas: Canvas, mask: F32, color: Color, nap: F32) -> None:
    """Lay a suede panel over the shoe: a thin shadow, the nap, a raised edge and the roundness below it."""
    cast_shadow(canvas, mask, 3, 0.4, (1, 2))
    canvas.paint(mask, color)
    canvas.multiply(mask * nap, shade(color, -0.6), 0.35)
    canvas.relief(mask, 16, depth=0.42)
    canvas.relief(mask, 2, depth=0.35)


def _stitches(canvas: Canvas, points: list[Point]) -> None:
    line = curve(points, closed=False, steps=14)
    canvas.paint(canvas.stroke(line, 1.7, dash=2), CHALK, 0.75)


def _laces(canvas: Canvas) -> None:
    for row in range(5):
        x, y = 262 + row * 25.0, 218 + row * 18.0
        lace = canvas.stroke(
            curve([(x - 22, y + 30), (x - 6, y + 10), (x + 14, y - 5), (x + 24, y - 3)], closed=False), 10
        )
        cast_shadow(canvas, lace, 3, 0.5, (2, 4))
        canvas.paint(lace, CHALK)
        canvas.relief(lace, 3, depth=0.7)
        canvas.paint(canvas.mask(oval(x - 22, y + 31, 4.2, 4.2)), rgb("#8d8f92"))
        canvas.paint(canvas.mask(oval(x - 22, y + 31, 2.2, 2.2)), INK)


def _sole(canvas: Canvas) -> None:
    midsole = canvas.mask(
        curve(
            [
                (58, 396),
                (160, 404),
                (300, 408),
                (440, 402),
                (544, 390),
                (560, 404),
                (552, 430),
                (520, 440),
                (300, 446),
                (90, 442),
                (58, 432),
                (52, 410),
            ]
        )
    )
    cast_shadow(canvas, midsole, 5, 0.4, (0, -4))
    canvas.paint(midsole, CHALK)
    canvas.relief(midsole, 10, depth=0.6)
    _stitches(canvas, [(66, 408), (160, 414), (300, 418), (440, 412), (544, 401)])
    tread = canvas.mask(
        curve(
            [
                (60, 431),
                (90, 438),
                (300, 441),
                (520, 435),
                (554, 424),
                (550, 440),
                (520, 448),
                (300, 452),
                (90, 449),
                (64, 444),
            ]
        )
    )
    canvas.paint(tread, GUM)
    canvas.relief(tread, 4, depth=0.6)


def shirt(color: Color, view: SmallPicture, rng: np.random.Generator) -> Canvas:
    """Draw a folded-flat cotton T-shirt from above, with a ribbed neck and a small chest print."""
    canvas = table("#e9e7e3", view=view, horizon=700)
    half = [
        (300, 118),
        (352, 112),
        (384, 98),
        (440, 118),
        (482, 152),
        (538, 258),
        (532, 268),
        (452, 300),
        (440, 284),
        (434, 262),
        (440, 380),
        (446, 528),
        (438, 538),
        (300, 544),
    ]
    outline = _sharp(half)
    body = canvas.mask(outline)
    cast_shadow(canvas, body, 14, 0.42, (9, 14))
    cast_shadow(canvas, body, 4, 0.35, (2, 3))
    canvas.paint(body, color)
    _folds(canvas, body, rng)
    canvas.relief(body, 12, depth=0.34)
    for side in (-1, 1):
        seam = curve(
            [(300 + side * 138, 270), (300 + side * 128, 215), (300 + side * 134, 160), (300 + side * 142, 124)],
            closed=False,
        )
        canvas.multiply(canvas.stroke(seam, 3.2), shade(color, -0.9), 0.32)
        cuff = [(300 + side * 148, 291), (300 + side * 231, 258)]
        _seam(canvas, body, cuff, color)
    _seam(canvas, body, [(156, 528), (300, 533), (444, 528)], color)
    neck_hole = canvas.mask(curve([(240, 106), (300, 114), (360, 106), (346, 142), (300, 162), (254, 142)]))
    canvas.paint(neck_hole, shade(color, -0.45))
    inner_shadow(canvas, neck_hole, 10, 0.4, (3, 7))
    canvas.paint(canvas.mask(box(284, 126, 316, 140, 2)) * neck_hole, CHALK, 0.9)
    rib = canvas.stroke(curve([(234, 101), (252, 143), (300, 167), (348, 143), (366, 101)], closed=False), 15)
    canvas.paint(rib, shade(color, -0.06))
    canvas.relief(rib, 5, depth=0.55)
    back = canvas.stroke(curve([(236, 102), (300, 113), (364, 102)], closed=False), 10)
    canvas.paint(back * (1 - rib), shade(color, -0.15))
    _print(canvas, color, body)
    knit = resize(rng.normal(0, 1, (300, 300)).astype(np.float32), canvas.size_px)
    canvas.pixels *= 1 + (knit * body * np.float32(0.014))[..., None]
    return canvas


def _sharp(half: Sequence[Point]) -> list[Point]:
    """Mirror the right half of an outline and soften it a little."""
    whole = [*half, *[(600 - x, y) for x, y in reversed(half[1:-1])]]
    return curve(whole, steps=8)


def _seam(canvas: Canvas, body: F32, points: Sequence[Point], color: Color) -> None:
    line = curve(points, closed=False, steps=40)
    canvas.multiply(canvas.stroke(line, 2.2) * body, shade(color, -0.9), 0.3)
    below = [(x, y - 5) for x, y in line]
    canvas.multiply(canvas.stroke(below, 1.4, dash=1) * body, shade(color, -0.9), 0.3)


def _folds(canvas: Canvas, body: F32, rng: np.random.Generator) -> None:
    """Lay slack cloth: long bumps that run down, lit from the upper left."""
    bumps = clouds(canvas.size_px, rng, (5.0, 2.2), 2) + 0.35 * clouds(canvas.size_px, rng, (9, 3), 2)
    down, across = np.gradient(blur(bumps, 9))
    tilt = (across * 0.7 + down * 0.7) * 55
    canvas.multiply(body * np.clip(tilt, 0, 1), (0.25, 0.24, 0.3), 0.55)
    canvas.glow(body * np.clip(-tilt, 0, 1), WHITE, 0.24)


def _print(canvas: Canvas, color: Color, body: F32) -> None:
    ink = mix(color, CHALK, 0.85) if sum(color) < 1.9 else mix(color, INK, 0.8)
    sun = canvas.mask(oval(300, 268, 42, 42))
    for number in range(4):
        top = 274 + number * 9.5
        sun = sun * (1 - canvas.mask(box(250, top, 350, top + 2.5 + number * 0.9)))
    canvas.paint(sun * body, ink, 0.88)
    for level, reach in ((322, 46), (331, 34), (340, 20)):
        canvas.paint(canvas.stroke([(300 - reach, level), (300 + reach, level)], 2.6), ink, 0.8)


def backpack(color: Color, view: SmallPicture, rng: np.random.Generator) -> Canvas:
    """Draw a day pack from the front: canvas cloth, leather straps and two brass buckles."""
    canvas = table("#e5e6e2", view=view, horizon=440)
    ground(canvas, 300, 526, 162, 18)
    leather = rgb("#8a5a3a")
    for side in (-1, 1):
        strap = canvas.stroke(
            curve(
                [(300 + side * 92, 120), (300 + side * 172, 190), (300 + side * 188, 330), (300 + side * 160, 470)],
                closed=False,
            ),
            24,
        )
        canvas.paint(strap, shade(color, -0.6))
        canvas.relief(strap, 6, depth=0.7)
    handle = canvas.stroke(curve([(262, 104), (266, 62), (300, 50), (334, 62), (338, 104)], closed=False), 15)
    canvas.paint(handle, leather)
    canvas.relief(handle, 4, gloss=0.1)
    weave = clouds(canvas.size_px, rng, (100, 100), 2)
    for side in (-1, 1):
        pocket = canvas.mask(
            curve(
                [
                    (300 + side * 130, 372),
                    (300 + side * 172, 380),
                    (300 + side * 184, 450),
                    (300 + side * 172, 508),
                    (300 + side * 130, 512),
                ]
            )
        )
        _canvas_part(canvas, pocket, shade(color, -0.25), weave, 14)
    body = canvas.mask(
        curve(
            [
                (300, 90),
                (384, 100),
                (432, 150),
                (448, 260),
                (454, 400),
                (446, 500),
                (410, 526),
                (300, 530),
                (190, 526),
                (154, 500),
                (146, 400),
                (152, 260),
                (168, 150),
                (216, 100),
            ]
        )
    )
    _canvas_part(canvas, body, color, weave, 34)
    pocket = canvas.mask(box(188, 356, 412, 508, 26))
    cast_shadow(canvas, pocket, 7, 0.4, (2, 4))
    _canvas_part(canvas, pocket, shade(color, 0.03), weave, 15)
    zipper = canvas.stroke(curve([(200, 386), (300, 381), (400, 386)], closed=False, steps=30), 7)
    canvas.paint(zipper, shade(color, -0.85))
    canvas.paint(
        canvas.stroke(curve([(200, 386), (300, 381), (400, 386)], closed=False, steps=50), 2.4, dash=1), rgb("#c9a35a")
    )
    flap = canvas.mask(
        curve(
            [
                (300, 86),
                (392, 96),
                (438, 150),
                (444, 236),
                (438, 300),
                (410, 322),
                (300, 330),
                (190, 322),
                (162, 300),
                (156, 236),
                (162, 150),
                (208, 96),
            ]
        )
    )
    cast_shadow(canvas, flap, 9, 0.5, (2, 7))
    _canvas_part(canvas, flap, shade(color, 0.06), weave, 30)
    _stitches(canvas, [(172, 240), (176, 296), (200, 312), (300, 319), (400, 312), (424, 296), (428, 240)])
    for x in (232.0, 368.0):
        _buckle(canvas, x, leather)
    label = canvas.mask(box(268, 210, 332, 250, 5))
    cast_shadow(canvas, label, 2, 0.4, (1, 2))
    canvas.paint(label, leather)
    canvas.relief(label, 3, depth=0.5)
    canvas.paint(
        canvas.stroke([(280, 239), (293, 221), (300, 230), (306, 223), (320, 239), (280, 239)], 1.8),
        rgb("#e8cf9f"),
        0.9,
    )
    return canvas


def _canvas_part(canvas: Canvas, mask: F32, color: Color, weave: F32, radius: float) -> None:
    canvas.paint(mask, color)
    canvas.multiply(mask * weave, shade(color, -0.6), 0.3)
    canvas.relief(mask, radius, depth=0.62)
    canvas.relief(mask, 3, depth=0.3)


def _buckle(canvas: Canvas, x: float, leather: Color) -> None:
    strap = canvas.mask(box(x - 13, 268, x + 13, 404, 11))
    cast_shadow(canvas, strap, 4, 0.5, (2, 4))
    canvas.paint(strap, leather)
    canvas.relief(strap, 4, depth=0.7, gloss=0.06)
    frame = canvas.mask(box(x - 20, 334, x + 20, 368, 6)) * (1 - canvas.mask(box(x - 13, 341, x + 13, 361, 3)))
    cast_shadow(canvas, frame, 2, 0.5, (1, 3))
    canvas.paint(frame, rgb("#cda75c"))
    canvas.relief(frame, 3, gloss=0.35)
    pin = canvas.stroke([(x, 338), (x, 360)], 4)
    canvas.paint(pin, rgb("#e0c07a"))
    for y in (380.0, 391.0):
        canvas.paint(canvas.mask(oval(x, y, 1.9, 1.9)), shade(leather, -0.9))
