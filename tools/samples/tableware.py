"""A mug, a bottle, a vase and a lamp, each drawn in any color; their colors and prices are left to the catalogue."""

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
    grid,
    mix,
    oval,
    rgb,
    shade,
)
from .studio import ground, inner_shadow, round_shading, table, turned

STEEL = rgb("#b9bdc2")
LINEN = rgb("#efe6d4")


def mug(color: Color, view: SmallPicture, rng: np.random.Generator) -> Canvas:
    """Draw a stoneware mug: glaze above, bare clay at the foot, coffee inside."""
    canvas = table("#ece4da", view=view)
    ground(canvas, 275, 452, 122)
    arc = curve([(368, 236), (440, 232), (470, 290), (450, 356), (372, 392)], closed=False)
    handle = canvas.stroke(arc, 27)
    canvas.paint(handle, shade(color, -0.12))
    canvas.relief(handle, 7, depth=0.9, gloss=0.35)
    profile = [
        (176.0, 119.0),
        (186.0, 120.0),
        (300.0, 121.0),
        (400.0, 119.0),
        (430.0, 113.0),
        (448.0, 101.0),
        (454.0, 96.0),
    ]
    body = turned(canvas, profile, 275, _glazed(canvas, color, rng, bare_from=412), gloss=0.5)
    inner_shadow(canvas, body, 10, 0.18)
    rim = canvas.mask(oval(275, 176, 119, 22))
    canvas.paint(rim, shade(color, 0.3))
    hollow = canvas.mask(oval(275, 177, 111, 18))
    canvas.paint(hollow, mix(LINEN, color, 0.15))
    inner_shadow(canvas, hollow, 12, 0.5, (6, 6))
    coffee = canvas.mask(oval(275, 184, 103, 14)) * hollow
    canvas.paint(coffee, rgb("#4a2c1d"))
    canvas.paint(coffee * canvas.mask(oval(275, 188, 96, 10), feather=3), rgb("#6f452c"), 0.8)
    canvas.glow(hollow * canvas.mask(oval(238, 184, 34, 4), feather=2), WHITE, 0.35)
    return canvas


def _glazed(canvas: Canvas, color: Color, rng: np.random.Generator, bare_from: float) -> F32:
    """Give a glaze with iron specks that ends in an uneven line over bare clay."""
    x, y = grid(canvas.size_px)
    glaze = Canvas(canvas.size_px)
    glaze.pixels[:] = color
    pooled = clouds(canvas.size_px, rng, (5, 4), 3)
    glaze.multiply(pooled, shade(color, -0.5), 0.35)
    specks = (blur((rng.random(pooled.shape) > 0.9965).astype(np.float32), 1) * 5).clip(0, 1)
    glaze.multiply(specks, (0.3, 0.22, 0.18), 0.55)
    edge = bare_from + 3 * np.sin(x / 31) + 2 * np.sin(x / 12 + 1)
    glaze.paint(np.clip(y - edge, 0, 1), rgb("#c9a988"))
    glaze.multiply(np.exp(-(((y - edge) / 4) ** 2)), shade(color, -0.4), 0.5)
    return glaze.pixels


def bottle(color: Color, view: SmallPicture, rng: np.random.Generator) -> Canvas:
    """Draw a powder-coated drinking bottle with a steel neck and a looped cap."""
    canvas = table("#e3e8ea", view=view, horizon=430)
    ground(canvas, 300, 512, 84, 13)
    loop = canvas.stroke(curve([(268, 92), (272, 52), (300, 40), (328, 52), (332, 92)], closed=False), 13)
    canvas.paint(loop, rgb("#33373c"))
    canvas.relief(loop, 4, gloss=0.3)
    neck = [(118.0, 44.0), (150.0, 44.0), (158.0, 46.0)]
    turned(canvas, neck, 300, STEEL, gloss=0.8)
    body = [
        (152.0, 46.0),
        (162.0, 52.0),
        (176.0, 63.0),
        (196.0, 76.0),
        (220.0, 82.0),
        (260.0, 83.0),
        (490.0, 83.0),
        (506.0, 80.0),
        (512.0, 76.0),
    ]
    coat = turned(canvas, body, 300, color, gloss=0.26)
    powder = rng.normal(0, 0.014, coat.shape).astype(np.float32)
    canvas.pixels *= 1 + (powder * coat)[..., None]
    cap = [(80.0, 46.0), (86.0, 50.0), (120.0, 50.0), (126.0, 48.0)]
    turned(canvas, cap, 300, rgb("#33373c"), gloss=0.22)
    canvas.paint(canvas.mask(oval(300, 80, 46, 6)), rgb("#4b5057"))
    ring = canvas.mask(box(216, 494, 384, 500)) * coat
    canvas.multiply(ring, shade(color, -0.6), 0.5)
    _drop_emblem(canvas, mix(color, WHITE, 0.75))
    return canvas


def _drop_emblem(canvas: Canvas, ink: Color) -> None:
    peaks = [(278.0, 350.0), (296.0, 318.0), (305.0, 332.0), (312.0, 322.0), (328.0, 350.0)]
    canvas.paint(canvas.stroke([*peaks, peaks[0]], 3.2), ink, 0.9)
    canvas.paint(canvas.mask(oval(318, 309, 5, 5)), ink, 0.9)


def vase(color: Color, view: SmallPicture, rng: np.random.Generator) -> Canvas:
    """Draw a ribbed vase with three branches of eucalyptus."""
    canvas = table("#eee9e1", view=view, horizon=440)
    ground(canvas, 300, 520, 86, 15)
    for tip, bend, lean in (
        ((188.0, 70.0), (262.0, 190.0), -1.0),
        ((420.0, 96.0), (346.0, 190.0), 1.0),
        ((296.0, 36.0), (316.0, 160.0), 0.3),
    ):
        _branch(canvas, [(300.0, 306.0), bend, ((bend[0] + tip[0]) / 2 + 10 * lean, (bend[1] + tip[1]) / 2), tip], rng)
    heights = np.linspace(262, 520, 60)
    t = (heights - 262) / 258
    radii = 34 + 74 * np.sin(np.pi * np.clip((t - 0.08) / 1.02, 0, 1)) ** 1.5 + 34 * np.clip(t - 0.7, 0, 1)
    radii[:6] += np.linspace(7, 0, 6) ** 1.1
    x, y = grid(canvas.size_px)
    radius = np.interp(y, heights, radii).astype(np.float32)
    angle = np.arcsin(np.clip((x - 300) / radius, -1, 1))
    ribs = Canvas(canvas.size_px)
    ribs.pixels[:] = color
    ribs.multiply(0.5 + 0.5 * np.cos(angle * 22), shade(color, -0.7), 0.34)
    turned(canvas, list(zip(heights.tolist(), radii.tolist(), strict=True)), 300, ribs.pixels, gloss=0.2)
    mouth = canvas.mask(oval(300, 262, 41, 8))
    canvas.paint(mouth, shade(color, 0.18))
    hollow = canvas.mask(oval(300, 263, 35, 6))
    canvas.paint(hollow, shade(color, -0.9))
    canvas.paint(
        canvas.stroke([(296, 268), (294, 240)], 4) + canvas.stroke([(304, 268), (308, 240)], 4), rgb("#6d6a4b")
    )
    return canvas


def _branch(canvas: Canvas, path: list[tuple[float, float]], rng: np.random.Generator) -> None:
    line = curve(path, closed=False, steps=14)
    canvas.paint(canvas.stroke(line, 3.4), rgb("#74704f"))
    backs: list[list[Point]] = []
    fronts: list[list[Point]] = []
    for number, at in enumerate(range(12, len(line) - 1, 4)):
        (x, y), (ahead_x, ahead_y) = line[at], line[at + 1]
        along = float(np.arctan2(ahead_y - y, ahead_x - x))
        size = 25 - 13 * at / len(line) + float(rng.uniform(-2, 2))
        for side in (-1, 1):
            turn = along + side * float(rng.uniform(0.75, 1.15))
            leaf = [
                (
                    x + size * (0.95 * (1 + np.cos(a)) * np.cos(turn) - 0.62 * np.sin(a) * np.sin(turn)),
                    y + size * (0.95 * (1 + np.cos(a)) * np.sin(turn) + 0.62 * np.sin(a) * np.cos(turn)),
                )
                for a in np.linspace(0, 2 * np.pi, 26)
            ]
            (fronts if (number + side) % 3 else backs).append(leaf)
    for leaves, tone in ((backs, "#6f8a78"), (fronts, "#94aa92")):
        mask = canvas.mask(*leaves)
        canvas.multiply(np.roll(blur(mask, 4), (4, 3), axis=(0, 1)), (0.3, 0.36, 0.32), 0.3)
        canvas.paint(mask, rgb(tone))
        canvas.relief(mask, 4, depth=0.5)


def lamp(color: Color, view: SmallPicture, rng: np.random.Generator) -> Canvas:
    """Draw a lit table lamp: a ceramic foot of two balls under a linen shade."""
    canvas = table("#e9e1d6", view=view, horizon=448)
    x, y = grid(canvas.size_px)
    canvas.glow(np.exp(-(((x - 300) / 210) ** 2 + ((y - 170) / 170) ** 2)), rgb("#ffdf9e"), 0.75)
    ground(canvas, 300, 530, 74, 13)
    heights = np.linspace(300, 520, 90)
    upper = np.sqrt(np.clip(1 - ((heights - 358) / 46) ** 2, 0, 1)) * 46
    lower = np.sqrt(np.clip(1 - ((heights - 452) / 66) ** 2, 0, 1)) * 70
    radii = np.maximum(np.maximum(upper, lower), 15)
    turned(canvas, [(250.0, 7.0), (312.0, 7.0)], 300, rgb("#b08d57"), gloss=0.6)
    foot = turned(canvas, list(zip(heights.tolist(), radii.tolist(), strict=True)), 300, color, gloss=0.55)
    canvas.glow(foot * np.clip(1 - (y - 300) / 90, 0, 1), rgb("#ffd892"), 0.45)
    turned(canvas, [(514.0, 66.0), (528.0, 68.0), (532.0, 68.0)], 300, rgb("#b08d57"), gloss=0.5)
    cone = [(206.0, 64.0), (394.0, 64.0), (456.0, 268.0), (144.0, 268.0)]
    rim = canvas.mask(oval(300, 268, 156, 15))
    canvas.paint(rim, rgb("#fff1cc"))
    mask = canvas.mask([*cone[:2], *[(300 + 156 * np.cos(a), 268 + 15 * np.sin(a)) for a in np.linspace(0, np.pi, 40)]])
    canvas.paint(mask, rgb("#f4e3c1"))
    round_shading(canvas, mask, 300, np.array([64.0, 283.0]), np.array([94.0, 158.0]), gloss=0.0)
    weave = rng.normal(0, 0.02, (1, 600)) + rng.normal(0, 0.03, (600, 1))
    canvas.pixels *= (1 + weave * mask)[..., None].astype(np.float32)
    canvas.glow(mask * np.exp(-(((x - 300) / 105) ** 2 + ((y - 190) / 95) ** 2)), rgb("#ffe9a8"), 0.85)
    for level, half in ((66, 94), (266, 156)):
        band = canvas.stroke(
            curve([(300 - half, level), (300, level + half * 0.095), (300 + half, level)], closed=False), 4
        )
        canvas.paint(band, mix(color, rgb("#d8b98a"), 0.35), 0.9)
    return canvas
