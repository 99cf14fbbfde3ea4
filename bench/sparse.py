"""Pictures in which little differs: two of each kind, which are not the same picture though nearly all of them agrees.

Small things on plain grounds, icons on alpha, and one drawing in other colors. Each kind gives a picture, another one,
and by which edits copies of the first are made.
"""

from __future__ import annotations

import colorsys
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tools.samples.canvas import rgb
from tools.samples.products import PRODUCTS

Picture = Image.Image
Two = tuple[Picture, Picture]
Color = tuple[int, int, int]

_WORDS = [
    "invoice",
    "garden",
    "seven",
    "market",
    "August",
    "ticket",
    "amber",
    "north",
    "velvet",
    "copper",
    "window",
    "harbor",
    "lemon",
    "sketch",
    "planet",
]
_PLAIN = ("white", "black", "#1f4fa0", "#808080", "#f4f1e8")


def _color(rng: random.Random, hue: float | None = None, value: tuple[float, float] = (0.4, 0.9)) -> Color:
    hue = rng.random() if hue is None else hue % 1
    return tuple(round(255 * part) for part in colorsys.hsv_to_rgb(hue, rng.uniform(0.5, 0.95), rng.uniform(*value)))  # type: ignore[return-value]


def _ink(ground: Picture, rng: random.Random) -> Color | str:
    light = np.asarray(ground.resize((8, 8)).convert("L")).mean()
    return rng.choice(("black", "#222255", "#aa1111") if light > 110 else ("white", "#ffee88", "#ddeeff"))


def _gradient(size: tuple[int, int], rng: random.Random, colors: list[Color] | None = None) -> Picture:
    ends = np.array(colors or [_color(rng), _color(rng)], np.float32)
    x, y = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    turn = rng.uniform(0, 2 * np.pi)
    place = x * np.cos(turn) + y * np.sin(turn)
    place = (place - place.min()) / np.ptp(place)
    pixels = ends[0] + place[..., None] * (ends[1] - ends[0])
    return Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8))


# --- small things on plain grounds ------------------------------------------------------------------------------


def _page(rng: random.Random) -> Picture:
    return Image.new("RGB", rng.choice(((1240, 1754), (850, 1100), (1654, 2339), (620, 877))), "white")


def page_numbers(rng: random.Random) -> Two:
    sheet, size = _page(rng), rng.uniform(0.012, 0.02)
    first = rng.randint(2, 300)
    form = rng.choice(("{}", "- {} -", "Page {} of 412", "{} / 412"))
    at = rng.choice(((0.5, 0.94), (0.9, 0.95), (0.88, 0.04)))

    def numbered(number: int) -> Picture:
        page = sheet.copy()
        place = (at[0] * page.width, at[1] * page.height)
        text = form.format(number)
        ImageDraw.Draw(page).text(place, text, fill="black", font_size=round(size * page.height), anchor="mm")
        return page

    return numbered(first), numbered(rng.choice((first + 1, first + 10, rng.randint(301, 400))))


def one_word(rng: random.Random) -> Two:
    sheet = _page(rng)
    at = rng.uniform(0.25, 0.75), rng.uniform(0.1, 0.9)
    size = round(sheet.height * rng.uniform(0.015, 0.035))

    def written(word: str) -> Picture:
        page = sheet.copy()
        ImageDraw.Draw(page).text(
            (at[0] * page.width, at[1] * page.height), word, fill="black", font_size=size, anchor="mm"
        )
        return page

    a, b = rng.sample(_WORDS, 2)
    return written(a), written(b)


def _polygon(corners: int, inner: float, start: float = -np.pi / 2) -> list[tuple[float, float]]:
    radii = [1.0 if step % 2 == 0 else inner for step in range(2 * corners)]
    return [
        (radius * float(np.cos(start + np.pi * step / corners)), radius * float(np.sin(start + np.pi * step / corners)))
        for step, radius in enumerate(radii)
    ]


def _outlines(text: str) -> list[list[tuple[float, float]]]:
    """Read outlines, parted by bars, from x and y in hundredths."""
    numbers = [[int(word) / 100 for word in part.split()] for part in text.split("|")]
    return [list(zip(part[::2], part[1::2], strict=True)) for part in numbers]


SHAPES = {
    "house": _outlines("-70 100 -70 -10 -100 -10 0 -100 100 -10 70 -10 70 100"),
    "star": [_polygon(5, 0.42)],
    "cross": _outlines("-30 -100 30 -100 30 -30 100 -30 100 30 30 30 30 100 -30 100 -30 30 -100 30 -100 -30 -30 -30"),
    "arrow": _outlines("-100 -30 10 -30 10 -80 100 0 10 80 10 30 -100 30"),
    "diamond": [_polygon(2, 0.5)],
    "triangle": _outlines("-100 90 0 -90 100 90"),
    "square": _outlines("-85 -85 85 -85 85 85 -85 85"),
    "disc": [_polygon(24, 1.0)],
    "hexagon": [_polygon(6, 0.87)],
    "flower": [_polygon(8, 0.6)],
    "bars": _outlines("-100 100 -100 0 -60 0 -60 100|-20 100 -20 -50 20 -50 20 100|60 100 60 -100 100 -100 100 100"),
    "flag": _outlines("-80 -100 -60 -100 90 -50 -60 0 -60 100 -80 100"),
    "bolt": _outlines("20 -100 -60 15 -5 15 -30 100 60 -25 5 -25"),
    "moon": _outlines("30 -100 -40 -80 -80 0 -40 80 30 100 -10 50 -25 0 -10 -50"),
}


def draw_shape(pen: ImageDraw.ImageDraw, name: str, x: float, y: float, radius: float, fill: object) -> None:
    """Draw a shape around a place."""
    for part in SHAPES[name]:
        pen.polygon([(x + radius * px, y + radius * py) for px, py in part], fill=fill)  # type: ignore[arg-type]


def _smooth(draw: Callable[[ImageDraw.ImageDraw, int], None], sheet: Picture) -> Picture:
    """Draw four times as large, and reduce."""
    large = sheet.resize((sheet.width * 3, sheet.height * 3), Image.Resampling.NEAREST)
    draw(ImageDraw.Draw(large), 3)
    return large.resize(sheet.size, Image.Resampling.BOX)


def _marks(rng: random.Random, sheet: Picture, count: int, least: float, most: float) -> Two:
    ink = _ink(sheet, rng)
    places = [(rng.uniform(0.1, 0.9) * sheet.width, rng.uniform(0.12, 0.88) * sheet.height) for _ in range(count)]
    radius = rng.uniform(least, most) / 2
    names = rng.sample(sorted(SHAPES), 2 * count)

    def marked(chosen: list[str]) -> Picture:
        def draw(pen: ImageDraw.ImageDraw, scale: int) -> None:
            for name, (x, y) in zip(chosen, places, strict=True):
                draw_shape(pen, name, x * scale, y * scale, radius * scale, ink)

        return _smooth(draw, sheet)

    return marked(names[:count]), marked([*names[: count - 1], names[count]] if rng.random() < 0.5 else names[count:])


def two_marks(rng: random.Random) -> Two:
    return _marks(rng, Image.new("RGB", rng.choice(((1920, 1080), (1280, 720))), "white"), 2, 45, 90)


def marks_on_colors(rng: random.Random) -> Two:
    return _marks(rng, Image.new("RGB", (1280, 800), rng.choice(_PLAIN[1:])), rng.randint(1, 2), 50, 90)


def marks_on_gradients(rng: random.Random) -> Two:
    return _marks(rng, _gradient((1280, 800), rng), rng.randint(1, 2), 50, 100)


def cut_out(path: Path) -> tuple[Picture, Picture]:
    """Cut a thing out of its white ground, as picture and mask."""
    picture = Image.open(path).convert("RGB")
    far = (np.asarray(picture).min(2) < 240).astype(np.uint8) * 255
    mask = Image.fromarray(far).filter(ImageFilter.MaxFilter(5)).filter(ImageFilter.MinFilter(5))
    box = mask.getbbox() or (0, 0, *picture.size)
    return picture.crop(box), mask.crop(box)


def cut_outs(rng: random.Random, paths: list[Path], grounds: tuple[str, ...] = ("white",)) -> Two:
    sheet = Image.new("RGB", rng.choice(((1200, 900), (1000, 1000), (1600, 900))), rng.choice(grounds))
    at = rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.7)
    width = rng.uniform(0.06, 0.12) * sheet.width

    def pasted(path: Path) -> Picture:
        thing, mask = cut_out(path)
        size = (round(width), max(8, round(width * thing.height / thing.width)))
        page = sheet.copy()
        corner = (round(at[0] * page.width - size[0] / 2), round(at[1] * page.height - size[1] / 2))
        page.paste(thing.resize(size, Image.Resampling.LANCZOS), corner, mask.resize(size, Image.Resampling.LANCZOS))
        return page

    a, b = rng.sample(paths, 2)
    return pasted(a), pasted(b)


def signatures(rng: random.Random) -> Two:
    sheet = _page(rng)
    x0, y0, width = rng.uniform(0.1, 0.6) * sheet.width, rng.uniform(0.6, 0.9) * sheet.height, sheet.width * 0.2

    def signed() -> Picture:
        page, x, y = sheet.copy(), np.linspace(0, width, 60), np.zeros(60)
        for _ in range(5):
            y += rng.uniform(0.02, 0.12) * width * np.sin(x / width * rng.uniform(5, 40) + rng.uniform(0, 6))
            x = x + rng.uniform(0.0, 0.06) * width * np.sin(x / width * rng.uniform(10, 40))
        line = list(zip((x + x0).tolist(), (y + y0).tolist(), strict=True))
        ImageDraw.Draw(page).line(line, fill="#1a1a66", width=max(2, sheet.width // 400), joint="curve")
        return page

    return signed(), signed()


def dates(rng: random.Random) -> Two:
    sheet = _page(rng)
    size, name = round(sheet.height * 0.016), rng.choice(_WORDS)

    def dated(day: int) -> Picture:
        page = sheet.copy()
        pen = ImageDraw.Draw(page)
        draw_shape(pen, "flower", page.width * 0.15, page.height * 0.08, page.height * 0.03, "#226644")
        pen.text((page.width * 0.25, page.height * 0.07), f"{name} & sons", fill="black", font_size=2 * size)
        pen.text((page.width * 0.7, page.height * 0.15), f"{day:02d}.03.2024", fill="black", font_size=size)
        return page

    day = rng.randint(1, 29)
    return dated(day), dated(rng.choice([one for one in range(1, 32) if one != day]))


def titles(rng: random.Random) -> Two:
    sheet = Image.new("RGB", (1280, 720), rng.choice(("white", "#14213d", "#f4f1e8")))
    ink, words = _ink(sheet, rng), rng.sample(_WORDS, 3)

    def titled(word: str) -> Picture:
        page = sheet.copy()
        ImageDraw.Draw(page).text((640, 340), f"{words[0].title()} {word}", fill=ink, font_size=56, anchor="mm")
        return page

    return titled(words[1]), titled(words[2])


def codes(rng: random.Random) -> Two:
    sheet, cells = Image.new("RGB", (1000, 1000), "white"), rng.choice((15, 21, 25))
    side, at = cells * rng.randint(4, 5), (rng.randint(100, 800), rng.randint(100, 800))

    def coded() -> Picture:
        page = sheet.copy()
        bits = np.array([[rng.random() < 0.5 for _ in range(cells)] for _ in range(cells)])
        for y, x in ((0, 0), (0, cells - 5), (cells - 5, 0)):
            bits[y : y + 5, x : x + 5] = True
            bits[y + 1 : y + 4, x + 1 : x + 4] = False
            bits[y + 2, x + 2] = True
        page.paste(Image.fromarray(np.where(bits, 0, 255).astype(np.uint8)).resize((side, side), 0), at)
        return page

    return coded(), coded()


def clocks(rng: random.Random) -> Two:
    sheet = Image.new("RGB", (1400, 1000), rng.choice(("white", "#f0f0f0")))
    at, radius = (rng.randint(200, 1200), rng.randint(200, 800)), rng.uniform(45, 80)

    def clock(hour: int, minute: int) -> Picture:
        def draw(pen: ImageDraw.ImageDraw, scale: int) -> None:
            (x, y), r = (side * scale for side in at), radius * scale
            pen.ellipse((x - r, y - r, x + r, y + r), outline="black", width=round(r * 0.1))
            for share, turn, width in ((0.5, hour / 12, 0.1), (0.75, minute / 60, 0.06)):
                end = x + share * r * np.sin(2 * np.pi * turn), y - share * r * np.cos(2 * np.pi * turn)
                pen.line((x, y, *end), fill="black", width=round(r * width))

        return _smooth(draw, sheet)

    hour, minute = rng.randint(0, 11), rng.choice((0, 15, 30, 45))
    return clock(hour, minute), clock((hour + rng.randint(2, 10)) % 12, rng.choice((5, 20, 40, 55)))


def dots(rng: random.Random) -> Two:
    sheet = Image.new("RGB", (1200, 900), "white")
    radius = rng.uniform(8, 20)

    def dotted() -> Picture:
        places = [(rng.uniform(80, 1120), rng.uniform(80, 820)) for _ in range(rng.randint(1, 4))]

        def draw(pen: ImageDraw.ImageDraw, scale: int) -> None:
            for x, y in places:
                draw_shape(pen, "disc", x * scale, y * scale, radius * scale, "black")

        return _smooth(draw, sheet)

    return dotted(), dotted()


def a_mark(rng: random.Random) -> Two:
    sheet = Image.new("RGB", (1000, 1400), rng.choice(("white", "#f6f4ee")))
    other = sheet.copy()
    x, y = rng.randint(100, 900), rng.randint(100, 1300)
    draw_shape(ImageDraw.Draw(other), rng.choice(sorted(SHAPES)), x, y, rng.randint(8, 30), "black")
    return other, sheet


# --- icons on alpha ---------------------------------------------------------------------------------------------


def _icon(rng: random.Random, name: str, color: tuple[int, ...], side: int, badge: str | None) -> Picture:
    def mask(parts: list[tuple[str, float, float, float, int]]) -> Picture:
        drawn = Image.new("L", (side * 4, side * 4), 0)
        pen = ImageDraw.Draw(drawn)
        for shape, x, y, radius, level in parts:
            draw_shape(pen, shape, x * side * 4, y * side * 4, radius * side * 4, level)
        return drawn.resize((side, side), Image.Resampling.BOX)

    parts = [(name, 0.5, 0.5, 0.42, 255)]
    if badge is not None:
        parts += [("disc", 0.72, 0.72, 0.25, 0), (badge, 0.72, 0.72, 0.18, 255)]
    alpha = mask(parts)
    if len(color) == 4:
        alpha = alpha.point([round(level * color[3] / 255) for level in range(256)])
    icon = Image.new("RGBA", (side, side), (*color[:3], 0))
    icon.putalpha(alpha)
    return icon


def icons(rng: random.Random, colors: tuple[tuple[int, ...], ...]) -> Two:
    side, color = rng.choice((32, 48, 64, 128, 256, 512)), rng.choice(colors)
    a, b = rng.sample(sorted(SHAPES), 2)
    badges = rng.sample(sorted(SHAPES), 2)
    if rng.random() < 0.3 and side >= 64:
        return _icon(rng, a, color, side, badges[0]), _icon(rng, a, color, side, badges[1])
    return _icon(rng, a, color, side, None), _icon(rng, b, color, side, None)


def small_on_alpha(rng: random.Random) -> Two:
    """Draw a white or a black mark on a large empty layer."""
    color = rng.choice(((255, 255, 255), (0, 0, 0), (250, 250, 250, 160)))
    side, at = rng.randint(60, 110), (rng.randint(50, 1000), rng.randint(50, 700))

    def laid(name: str) -> Picture:
        layer = Image.new("RGBA", (1200, 900), (0, 0, 0, 0))
        layer.paste(_icon(rng, name, color, side, None), at)
        return layer

    a, b = rng.sample(sorted(SHAPES), 2)
    return laid(a), laid(b)


# --- other colors -----------------------------------------------------------------------------------------------


def flat_designs(rng: random.Random) -> Two:
    """Draw some shapes; in the other one, one or more of the colors are others."""
    ground = rng.choice(("white", "#eeeeee", "#f4e8d0", _color(rng)))
    seed, palette = rng.random(), [_color(rng) for _ in range(rng.randint(2, 4))]
    other = list(palette)
    for place in rng.sample(range(len(palette)), rng.randint(1, len(palette) - 1)):
        hue = colorsys.rgb_to_hsv(*(part / 255 for part in palette[place]))[0]
        other[place] = _color(rng, hue + rng.uniform(0.15, 0.85))

    def drawn(colors: list[Color]) -> Picture:
        chance = random.Random(seed)
        page = Image.new("RGB", (700, 560), ground)
        pen = ImageDraw.Draw(page)
        for number in range(12):
            name, x, y, r = (
                chance.choice(sorted(SHAPES)),
                chance.uniform(60, 640),
                chance.uniform(60, 500),
                chance.uniform(30, 90),
            )
            draw_shape(pen, name, x, y, r, colors[number % len(colors)])
        return page

    return drawn(palette), drawn(other)


def one_drawing(rng: random.Random) -> Two:
    """Draw one thing of one hue on a neutral ground, in two colors."""
    ground, seed = rng.choice(("white", "#dddddd", "#f2f0ee", "#303030")), rng.random()
    first = _color(rng)
    hue = colorsys.rgb_to_hsv(*(part / 255 for part in first))[0]
    second = _color(rng, hue + rng.uniform(0.12, 0.88))

    def drawn(color: Color) -> Picture:
        chance = random.Random(seed)
        shades = [tuple(min(255, round(part * share)) for part in color) for share in (1, 0.75, 1.2)]

        def draw(pen: ImageDraw.ImageDraw, scale: int) -> None:
            draw_shape(pen, chance.choice(sorted(SHAPES)), 300 * scale, 250 * scale, 170 * scale, shades[0])
            for shade in shades[1:]:
                at = chance.uniform(220, 380) * scale, chance.uniform(180, 320) * scale
                draw_shape(pen, chance.choice(sorted(SHAPES)), *at, 45 * scale, shade)

        return _smooth(draw, Image.new("RGB", (600, 500), ground))

    return drawn(first), drawn(second)


def products(rng: random.Random) -> Two:
    """Draw a product of the samples in two colors of its own."""
    number = rng.randrange(len(PRODUCTS))
    product = PRODUCTS[number]
    first = _color(rng, value=(0.25, 0.85))
    hue = colorsys.rgb_to_hsv(*(part / 255 for part in first))[0]
    others = [_color(rng, hue + rng.uniform(0.12, 0.88), (0.25, 0.85)), (70, 72, 78), (226, 220, 205)]
    pictures = []
    for color in (first, rng.choice(others)):
        chance = np.random.default_rng(3000 + number)
        canvas = product.drawing(rgb("#" + bytes(color).hex()), product.view, chance)
        canvas.grain(chance, 0.006)
        pictures.append(canvas.image())
    return pictures[0], pictures[1]


def recolored_photos(rng: random.Random, paths: list[Path]) -> Two:
    """Take a photo of a thing on a white ground; in the other one the thing has other hues, or none."""
    picture = Image.open(rng.choice(paths)).convert("RGB")
    hue, saturation, value = (np.asarray(band).astype(np.int64) for band in picture.convert("HSV").split())
    way = rng.choice(("turned", "turned", "one hue", "gray"))
    if way == "turned":
        hue = (hue + rng.randint(40, 215)) % 256
    elif way == "one hue":
        hue, saturation = np.full_like(hue, rng.randrange(256)), np.maximum(saturation, 90)
    else:
        saturation, value = saturation // 8, value * 3 // 4
    bands = [Image.fromarray(band.astype(np.uint8)) for band in (hue, saturation, value)]
    other = Image.merge("HSV", bands).convert("RGB")
    width, height = picture.size
    part = Image.new("L", picture.size, 0)
    mask = Image.fromarray((np.asarray(picture).min(2) < 235).astype(np.uint8) * 255)
    half = (
        (0, 0, width, height) if way in ("gray", "one hue") else (0, 0, width, round(height * rng.uniform(0.45, 0.8)))
    )
    part.paste(mask.crop(half), half)
    return picture, Image.composite(other, picture, part)


def gradients(rng: random.Random) -> Two:
    seed, count = rng.random(), rng.randint(4, 9)
    colors = [_color(rng), _color(rng)]
    hue = colorsys.rgb_to_hsv(*(part / 255 for part in colors[0]))[0]
    others = [_color(rng, hue + rng.uniform(0.2, 0.8)), colors[1] if rng.random() < 0.5 else _color(rng)]

    def drawn(ends: list[Color]) -> Picture:
        chance = random.Random(seed)
        page = _gradient((600, 480), chance, ends)
        pen = ImageDraw.Draw(page)
        for _ in range(count):
            place = chance.uniform(50, 550), chance.uniform(50, 430), chance.uniform(20, 60)
            draw_shape(pen, chance.choice(sorted(SHAPES)), *place, "white" if chance.random() < 0.6 else "black")
        return page

    return drawn(colors), drawn(others)


def two_tones(rng: random.Random) -> Two:
    seed = rng.random()
    light = rng.choice(("white", "#f4e8d0", "#e8e8e8"))
    first = _color(rng, value=(0.3, 0.7))
    hue = colorsys.rgb_to_hsv(*(part / 255 for part in first))[0]
    second = _color(rng, hue + rng.uniform(0.12, 0.88), (0.3, 0.7))
    lights = (light, light if rng.random() < 0.6 else "#d8ecf4")

    def drawn(ground: str, color: Color) -> Picture:
        chance = random.Random(seed)
        page, period = Image.new("RGB", (640, 640), ground), chance.choice((40, 64, 90))
        pen, name = ImageDraw.Draw(page), chance.choice(sorted(SHAPES))
        for y in range(0, 640 + period, period):
            for x in range(0, 640 + period, period):
                draw_shape(pen, name, x + (y // period % 2) * period / 2, y, period * 0.38, color)
        return page

    return drawn(lights[0], first), drawn(lights[1], second)


def icons_in_colors(rng: random.Random) -> Two:
    side, name = rng.choice((48, 64, 128, 256)), rng.choice(sorted(SHAPES))
    first = _color(rng)
    hue = colorsys.rgb_to_hsv(*(part / 255 for part in first))[0]
    second = _color(rng, hue + rng.uniform(0.15, 0.85))
    return _icon(rng, name, first, side, None), _icon(rng, name, second, side, None)


def plain_colors(rng: random.Random) -> Two:
    a, b = rng.sample(("white", "black", "gray", "#fefefe", "navy", "#c02020", "#20c020", "#f0f0f0"), 2)
    size = rng.choice(((600, 400), (300, 300)))
    return Image.new("RGB", size, a), Image.new("RGB", size, b)
