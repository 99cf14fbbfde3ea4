"""Patterns for cloth, tile and paper, each in some colorways; the list of samples is left to the gallery."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from .canvas import (
    F32,
    SUPERSAMPLE,
    Canvas,
    Color,
    clouds,
    curve,
    grid,
    mix,
    resize,
    rgb,
    shade,
    smoothstep,
)

SIZE_PX = (560, 560)
Palette = tuple[Color, ...]


@dataclass(frozen=True)
class Colorway:
    """A named set of colors: the ground first, then the inks."""

    name: str
    palette: Palette


def _way(name: str, *colors: str) -> Colorway:
    return Colorway(name, tuple(rgb(color) for color in colors))


def stripes(palette: Palette, rng: np.random.Generator) -> Image.Image:
    """Draw upright stripes in a rhythm of broad and narrow."""
    canvas = _cloth(palette[0])
    x, _ = grid(SIZE_PX)
    period, start = 140.0, 10.0
    for color, offset, breadth in zip(
        (*palette[1:], palette[1]), (0.0, 50.0, 84.0, 112.0), (40.0, 18.0, 18.0, 6.0), strict=True
    ):
        away = np.abs((x - start - offset - breadth / 2 + period / 2) % period - period / 2)
        canvas.paint(np.broadcast_to(_inside(away - breadth / 2), SIZE_PX[::-1]), color)
    return _woven(canvas, rng)


def tartan(palette: Palette, rng: np.random.Generator) -> Image.Image:
    """Draw a tartan: one sett of threads both ways, crossed in a twill."""
    order = ((0, 46), (1, 8), (0, 8), (1, 34), (2, 6), (1, 34), (0, 8), (1, 8), (0, 46), (3, 5))
    threads = np.concatenate([np.full(width, index) for index, width in order])
    sett = np.array(palette, dtype=np.float32)[threads]  # (period, 3)
    at = np.arange(SIZE_PX[0] // 2 * 2) % len(sett)
    over = (at[None, :] // 2 + at[:, None] // 2) % 4 < 2  # (h, w): the slant of a twill
    canvas = Canvas(SIZE_PX)
    warp, weft = sett[at][None, :, :], sett[at][:, None, :]
    canvas.pixels = np.where(over[..., None], warp * np.float32(1.04), weft * np.float32(0.95)) * 0.72 + 0.14 * (
        warp + weft
    )
    return _woven(canvas, rng, thread=0.012)


def dots(palette: Palette, rng: np.random.Generator) -> Image.Image:
    """Draw staggered polka dots in two sizes."""
    canvas = _cloth(palette[0])
    x, y = grid(SIZE_PX)
    for color, pitch, radius, shift in ((palette[1], 80.0, 17.0, 0.0), (palette[2], 80.0, 5.5, 40.0)):
        for row in (0.0, 0.5):
            across = (x + shift + row * pitch) % pitch - pitch / 2
            down = (y + row * pitch) % pitch - pitch / 2
            canvas.paint(_inside(np.hypot(across, down) - radius), color)
    return _woven(canvas, rng)


def terrazzo(palette: Palette, rng: np.random.Generator) -> Image.Image:
    """Draw stone chips of many sizes in a pale binder, none touching another."""
    sheet, pen = _sheet(palette[0])
    placed: list[tuple[float, float, float]] = []
    for reach in (*[34.0] * 60, *[20.0] * 160, *[10.0] * 420, *[4.5] * 500):
        x, y = rng.uniform(-20, SIZE_PX[0] + 20, 2)
        size = reach * rng.uniform(0.75, 1.2)
        if any((x - a) ** 2 + (y - b) ** 2 < (size + r + 3) ** 2 for a, b, r in placed):
            continue
        placed.append((x, y, size))
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(5, 8))))
        radii = size * rng.uniform(0.72, 1.0, len(angles))
        chip = [(x + r * np.cos(a), y + r * np.sin(a)) for a, r in zip(angles, radii, strict=True)]
        color = shade(palette[1 + int(rng.integers(len(palette) - 1))], float(rng.uniform(-0.1, 0.12)))
        pen.polygon(_large(chip), fill=_ink(color))
    return _stone(_reduced(sheet), rng)


def chevron(palette: Palette, rng: np.random.Generator) -> Image.Image:
    """Draw a zigzag of bands, one color after another."""
    canvas = _cloth(palette[0])
    x, y = grid(SIZE_PX)
    zigzag = y + np.abs(x % 112.0 - 56.0) * 0.9
    period = 38.0 * len(palette)
    for number, color in enumerate(palette[1:], start=1):
        away = np.abs((zigzag - number * 38.0 + period / 2) % period - period / 2)
        canvas.paint(_inside((away - 15.0) * 0.74), color)
    return _woven(canvas, rng)


def waves(palette: Palette, rng: np.random.Generator) -> Image.Image:
    """Draw overlapping fans of rings, as on Japanese cloth."""
    sheet, pen = _sheet(palette[0])
    radius = 56.0
    rings = ((56.0, 0), (52.0, 1), (42.0, 0), (38.0, 2), (28.0, 0), (24.0, 3), (14.0, 0), (9.0, 1))
    for row in range(int(2 * SIZE_PX[1] / radius) + 4):
        for column in range(-1, 6):
            x, y = (2 * column + 1 + row % 2) * radius, row * radius / 2
            for ring, number in rings:
                pen.ellipse(_large([(x - ring, y - ring), (x + ring, y + ring)]), fill=_ink(palette[number]))
    canvas = _cloth(palette[0])
    canvas.pixels = np.asarray(_reduced(sheet), dtype=np.float32) / np.float32(255)
    return _woven(canvas, rng, thread=0.008)


def mosaic(palette: Palette, rng: np.random.Generator) -> Image.Image:
    """Draw irregular tiles with a joint between them, colors drifting over the wall."""
    cells, pitch = 17, SIZE_PX[0] / 15
    jitter = rng.uniform(0.18, 0.82, (cells, cells, 2)).astype(np.float32)
    drift = clouds((cells, cells), rng, (2.0, 2.0), 3) * (len(palette) - 1.001) + rng.uniform(-0.5, 0.5, (cells, cells))
    pick = 1 + np.clip(drift, 0, len(palette) - 1.001).astype(int) % (len(palette) - 1)
    tiles = np.array(palette, dtype=np.float32)[pick] * rng.uniform(0.88, 1.1, (cells, cells, 1)).astype(np.float32)
    nearest, second, owner = _nearest_two(jitter, pitch)
    canvas = Canvas(SIZE_PX)
    canvas.pixels = np.empty_like(canvas.pixels)
    canvas.pixels[:] = palette[0]
    inside = smoothstep(2.2, 3.8, second - nearest)
    canvas.paint(inside, tiles.reshape(-1, 3)[owner])
    bevel = smoothstep(3.0, 9.0, second - nearest)
    canvas.relief(inside * bevel, 2.5, depth=0.5)
    return _stone(canvas.image(), rng)


def _nearest_two(jitter: F32, pitch: float) -> tuple[F32, F32, np.ndarray[tuple[int, ...], np.dtype[np.intp]]]:
    """Give for every pixel the distance to the nearest and second nearest tile center, and the nearest's number."""
    x, y = grid(SIZE_PX)
    column, row = (x / pitch).astype(int) + 1, (y / pitch).astype(int) + 1
    cells = jitter.shape[0]
    nearest = np.full(SIZE_PX[::-1], 1e9, dtype=np.float32)
    second = nearest.copy()
    owner = np.zeros(SIZE_PX[::-1], dtype=np.intp)
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            i, j = np.clip(row + down, 0, cells - 1), np.clip(column + across, 0, cells - 1)
            cx = (j - 1 + jitter[i, j, 0]) * pitch
            cy = (i - 1 + jitter[i, j, 1]) * pitch
            away = np.hypot(x - cx, y - cy).astype(np.float32)
            closer = away < nearest
            second = np.where(closer, nearest, np.minimum(second, away))
            nearest = np.where(closer, away, nearest)
            owner = np.where(closer, i * cells + j, owner)
    return nearest, second, owner


def facets(palette: Palette, rng: np.random.Generator) -> Image.Image:
    """Draw a wall of triangles whose colors run from corner to corner."""
    sheet, pen = _sheet(palette[0])
    side = 70.0
    rise = side * 0.866
    for row in range(-1, int(SIZE_PX[1] / rise) + 2):
        for column in range(-2, int(2 * SIZE_PX[0] / side) + 3):
            left = column * side / 2 + (row % 2) * side / 2
            top, bottom = row * rise, (row + 1) * rise
            up = column % 2 == 0
            tip, base = (top, bottom) if up else (bottom, top)
            along = (left + top * 0.9) / (SIZE_PX[0] * 1.9) + float(rng.normal(0, 0.07))
            place = float(np.clip(along, 0, 0.999)) * (len(palette) - 1)
            color = mix(palette[int(place)], palette[int(place) + 1], place % 1)
            color = shade(color, float(rng.uniform(-0.12, 0.1)))
            pen.polygon(_large([(left, base), (left + side, base), (left + side / 2, tip)]), fill=_ink(color))
    return _stone(_reduced(sheet), rng)


def gingham(palette: Palette, rng: np.random.Generator) -> Image.Image:
    """Draw checks of two see-through bands with a fine line through the open squares."""
    canvas = _cloth(palette[0])
    x, y = grid(SIZE_PX)
    for along in (x, y):
        for color, breadth, shift, strength in ((palette[1], 17.0, 0.0, 0.58), (palette[2], 2.2, 35.0, 0.8)):
            away = np.abs((along + shift) % 70 - 35)
            canvas.paint(np.broadcast_to(_inside(away - breadth), SIZE_PX[::-1]), color, strength)
    return _woven(canvas, rng)


def leaves(palette: Palette, rng: np.random.Generator) -> Image.Image:
    """Draw sprigs of leaves, scattered evenly and turned at random, with berries between."""
    sheet, pen = _sheet(palette[0])
    pitch = 112.0
    for row in range(-1, 7):
        for column in range(-1, 7):
            x = (column + 0.5 * (row % 2)) * pitch + float(rng.uniform(-9, 9))
            y = row * pitch * 0.88 + float(rng.uniform(-9, 9))
            turn = float(rng.uniform(0, 2 * np.pi))
            _sprig(pen, (x, y), turn, palette[1 + (row + 2 * column) % 2])
            berry = _turned([(30.0, 46.0), (41.0, 38.0), (43.0, 52.0)], turn, (x, y))
            for bx, by in berry:
                pen.ellipse(
                    [
                        (bx - 4.2) * SUPERSAMPLE,
                        (by - 4.2) * SUPERSAMPLE,
                        (bx + 4.2) * SUPERSAMPLE,
                        (by + 4.2) * SUPERSAMPLE,
                    ],
                    fill=_ink(palette[3]),
                )
    return _stone(_reduced(sheet), rng)


def _sprig(pen: ImageDraw.ImageDraw, at: tuple[float, float], turn: float, color: Color) -> None:
    stem = curve([(-48.0, 6.0), (-16.0, 0.0), (18.0, 2.0), (46.0, -4.0)], closed=False)
    pen.line(_large(_turned(stem, turn, at)), fill=_ink(shade(color, -0.25)), width=round(2.2 * SUPERSAMPLE))
    for along, side, length in ((-34, 1, 25), (-30, -1, 25), (-10, 1, 30), (-4, -1, 30), (16, 1, 26), (20, -1, 26)):
        lean = 0.75 * side
        leaf = curve([(0.0, 0.0), (length * 0.5, -6.5), (float(length), 0.0), (length * 0.5, 6.5)])
        rooted = [(x + along, y) for x, y in _turned(leaf, lean, (0.0, 0.0))]
        tone = color if side > 0 else shade(color, 0.16)
        pen.polygon(_large(_turned(rooted, turn, at)), fill=_ink(tone))
    tip = curve([(40.0, -4.0), (54.0, -11.0), (70.0, -7.0), (54.0, 1.0)])
    pen.polygon(_large(_turned(tip, turn, at)), fill=_ink(color))


def _turned(points: list[tuple[float, float]], angle: float, at: tuple[float, float]) -> list[tuple[float, float]]:
    sin, cos = float(np.sin(angle)), float(np.cos(angle))
    return [(x * cos - y * sin + at[0], x * sin + y * cos + at[1]) for x, y in points]


def _sheet(ground: Color) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    sheet = Image.new("RGB", (SIZE_PX[0] * SUPERSAMPLE, SIZE_PX[1] * SUPERSAMPLE), _ink(ground))
    return sheet, ImageDraw.Draw(sheet)


def _reduced(sheet: Image.Image) -> Image.Image:
    return sheet.reduce(SUPERSAMPLE)


def _large(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(float(x) * SUPERSAMPLE, float(y) * SUPERSAMPLE) for x, y in points]


def _ink(color: Color) -> tuple[int, int, int]:
    red, green, blue = (round(255 * min(1.0, max(0.0, channel))) for channel in color)
    return red, green, blue


def _inside(distance: F32) -> F32:
    """Give the covered share of a pixel whose center lies so far (px) outside an edge."""
    out: F32 = np.clip(0.5 - distance, 0, 1)
    return out


def _cloth(ground: Color) -> Canvas:
    canvas = Canvas(SIZE_PX)
    canvas.pixels[:] = ground
    return canvas


def _woven(canvas: Canvas, rng: np.random.Generator, thread: float = 0.02) -> Image.Image:
    """Finish as cloth: threads both ways and a slow fall of light."""
    width, height = SIZE_PX
    threads = rng.normal(0, thread, (1, width)) + rng.normal(0, thread, (height, 1))
    canvas.pixels *= (1 + threads[..., None]).astype(np.float32)
    return _lit(canvas, rng)


def _stone(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Finish as a hard matt surface: fine mottling and a slow fall of light."""
    canvas = Canvas(SIZE_PX)
    canvas.pixels = np.asarray(image, dtype=np.float32) / np.float32(255)
    mottle = resize(rng.normal(0, 0.018, (280, 280)).astype(np.float32), SIZE_PX)
    canvas.pixels *= 1 + mottle[..., None]
    return _lit(canvas, rng)


def _lit(canvas: Canvas, rng: np.random.Generator) -> Image.Image:
    x, y = grid(SIZE_PX)
    light = 1.03 - 0.07 * (x / SIZE_PX[0] + y / SIZE_PX[1]) / 2
    canvas.pixels *= light[..., None]
    canvas.grain(rng, 0.006)
    return canvas.image()


Drawing = Callable[[Palette, np.random.Generator], Image.Image]

FAMILIES: dict[str, tuple[Drawing, tuple[Colorway, ...]]] = {
    "stripes": (
        stripes,
        (
            _way("navy", "#f4efe4", "#22385c", "#c8553d", "#7d9bb5"),
            _way("sage", "#f6f1e7", "#7c9076", "#d9a441", "#b9c7ae"),
            _way("rose", "#fbf0ea", "#b5495b", "#e6a28f", "#5b3a4a"),
        ),
    ),
    "tartan": (
        tartan,
        (
            _way("red", "#a62b2f", "#1f2f3f", "#f0e2c0", "#e0b04a"),
            _way("green", "#2d5a45", "#1b2a41", "#e8d9a8", "#b8473f"),
            _way("camel", "#c7a177", "#3a2f2b", "#f3e9da", "#a13d33"),
        ),
    ),
    "dots": (
        dots,
        (
            _way("mustard", "#e3b23c", "#fdf6e6", "#7a4b2a"),
            _way("teal", "#1f6f78", "#f3ede0", "#f0a26b"),
            _way("blush", "#f3cfc6", "#a63d57", "#fdf3ee"),
        ),
    ),
    "terrazzo": (
        terrazzo,
        (
            _way("cream", "#f3ede4", "#d98c6a", "#3d5a6c", "#c9b79c", "#8a9b8e"),
            _way("pink", "#f5dcd5", "#b04a5a", "#f7f1ea", "#e0a458", "#6d4c5b"),
            _way("graphite", "#3b3f46", "#e8e2d8", "#9fb3b5", "#d0885f", "#6b717a"),
        ),
    ),
    "chevron": (
        chevron,
        (
            _way("coral", "#fbf3ea", "#e4674f", "#f3b391", "#2f4858"),
            _way("forest", "#f1eee2", "#2f5d50", "#9bb58d", "#d7a64a"),
            _way("blue", "#eef2f5", "#274c77", "#6096ba", "#a3cef1"),
        ),
    ),
    "waves": (
        waves,
        (
            _way("indigo", "#f2efe6", "#26406b", "#3f6291", "#7e9cc0"),
            _way("jade", "#f4f1e4", "#1f6a5c", "#4f9a84", "#e0b04a"),
            _way("sunset", "#fff3e4", "#c8443f", "#ea8654", "#f3bf6b"),
        ),
    ),
    "mosaic": (
        mosaic,
        (
            _way("ocean", "#e9e6dc", "#123f5c", "#1e6f8c", "#46a3b0", "#a4d4ce"),
            _way("terracotta", "#efe6da", "#8c3b2a", "#c66a3f", "#e3a869", "#f0d3a4"),
            _way("garden", "#ece9dd", "#2e5339", "#6a8f4e", "#b7c26c", "#e8b4b0"),
        ),
    ),
    "facets": (
        facets,
        (
            _way("dawn", "#2b3a67", "#6c5b8c", "#c9748c", "#f2a97c", "#fbe0b3"),
            _way("lagoon", "#0f3b4c", "#1c7a82", "#5cbdb0", "#bfe3c8", "#f5f3d7"),
            _way("ember", "#3a1f2b", "#7d2e3a", "#c4503a", "#eb9445", "#f9d98c"),
        ),
    ),
    "gingham": (
        gingham,
        (
            _way("red", "#fbf6ee", "#c23b36", "#c23b36"),
            _way("blue", "#f8f6f0", "#3b6ea5", "#27496d"),
            _way("olive", "#f8f4e6", "#7d8440", "#c98a3b"),
        ),
    ),
    "leaves": (
        leaves,
        (
            _way("ivory", "#f6f1e4", "#3f6b4f", "#8aa377", "#c8553d"),
            _way("midnight", "#1c2b3a", "#86a98c", "#d8c99b", "#e08e6d"),
            _way("peach", "#f8dccb", "#a84c3f", "#5b7a6a", "#7a2e3a"),
        ),
    ),
}


def draw_pattern(family: str, colorway: Colorway) -> Image.Image:
    """Render one family in one colorway; the same family always has the same layout."""
    drawing, _ = FAMILIES[family]
    seed = 1000 + list(FAMILIES).index(family)
    return drawing(colorway.palette, np.random.default_rng(seed))
