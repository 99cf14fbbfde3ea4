"""Pictures in which a small thing decides: another moment of one scene, another position, another reading, another sky.

Each kind gives a picture and another one, which is not the same picture though most of it agrees, as those of `sparse`.
"""

from __future__ import annotations

import colorsys
import random
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from sparse import SHAPES, Two, cut_out, draw_shape

Picture = Image.Image
Color = tuple[int, int, int]
Pen = ImageDraw.ImageDraw


def _color(rng: random.Random, saturation: tuple[float, float], value: tuple[float, float]) -> Color:
    parts = colorsys.hsv_to_rgb(rng.random(), rng.uniform(*saturation), rng.uniform(*value))
    return tuple(round(255 * part) for part in parts)  # type: ignore[return-value]


def _grainy(picture: Picture, rng: random.Random, levels: float) -> Picture:
    """Give a picture the noise of a camera, another one for each frame."""
    chance = np.random.default_rng(rng.randrange(1 << 30))
    pixels = np.asarray(picture, np.float32)
    noise = chance.normal(0, levels, pixels.shape)
    return Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))


def _places(rng: random.Random, size: tuple[int, int], side: float) -> list[tuple[float, float]]:
    """Choose two places for a thing, apart or overlapping."""
    x, y = rng.uniform(side, size[0] - side), rng.uniform(0.4 * size[1], size[1] - side)
    if rng.random() < 0.5:
        step = rng.choice((-1, 1)) * rng.uniform(0.5, 1.3) * side
        return [(x, y), (min(max(x + step, side), size[0] - side), y + rng.uniform(-0.2, 0.2) * side)]
    return [(x, y), ((x + rng.uniform(0.25, 0.75) * size[0]) % (size[0] - 2 * side) + side, y)]


# --- another moment ---------------------------------------------------------------------------------------------


def moved_in_scenes(rng: random.Random) -> Two:
    """Draw a street with hills, houses and trees; a vehicle, a ball or a bird is at one place or at another."""
    size = rng.choice(((640, 480), (960, 540), (1280, 720)))
    seed, levels = rng.random(), rng.uniform(0, 4)
    side = rng.uniform(0.06, 0.13) * size[0]
    paint, name = _color(rng, (0.3, 0.95), (0.2, 0.95)), rng.choice(("car", "ball", "bird"))

    def frame(place: tuple[float, float]) -> Picture:
        chance = random.Random(seed)
        width, height = size
        top, low = (np.array(_color(chance, (0.1, 0.5), (0.6, 1)), np.float32) for _ in range(2))
        rows = np.linspace(0, 1, height)[:, None, None]
        sheet = Image.fromarray(np.broadcast_to(top + rows * (low - top), (height, width, 3)).astype(np.uint8))
        pen = ImageDraw.Draw(sheet)
        for level in (0.45, 0.55, 0.65):
            steps = np.linspace(0, width, 40)
            ridge = level * height + 0.08 * height * np.sin(
                steps / width * chance.uniform(5, 14) + chance.uniform(0, 6)
            )
            line = [(0, height), *zip(steps.tolist(), ridge.tolist(), strict=True), (width, height)]
            pen.polygon(line, fill=_color(chance, (0.2, 0.6), (0.2, 0.7)))
        for _ in range(chance.randint(3, 8)):
            x, w, h = chance.uniform(0, width), chance.uniform(0.05, 0.15) * width, chance.uniform(0.1, 0.3) * height
            pen.rectangle((x, 0.75 * height - h, x + w, 0.75 * height), fill=_color(chance, (0, 0.5), (0.3, 0.9)))
            for step in range(3):
                at = x + w * (0.15 + 0.3 * step), 0.75 * height - 0.8 * h
                pen.rectangle((*at, at[0] + 0.15 * w, at[1] + 0.2 * h), fill=_color(chance, (0, 0.3), (0.2, 1)))
        pen.rectangle((0, 0.75 * height, width, height), fill=_color(chance, (0, 0.3), (0.25, 0.6)))
        for _ in range(60):
            x, y = chance.uniform(0, width), chance.uniform(0.76, 1) * height
            pen.line((x, y, x + chance.uniform(4, 30), y), fill=_color(chance, (0, 0.3), (0.2, 0.7)))
        _thing(pen, name, place, side, paint)
        return _grainy(sheet, rng, levels)

    first, second = _places(rng, size, side)
    return frame(first), frame(second)


def _thing(pen: Pen, name: str, place: tuple[float, float], side: float, paint: Color) -> None:
    x, y = place
    half = side / 2
    if name == "ball":
        pen.ellipse((x - half * 0.7, y - half * 0.7, x + half * 0.7, y + half * 0.7), fill=paint)
        pen.arc((x - half * 0.7, y - half * 0.7, x + half * 0.2, y + half * 0.7), 270, 90, fill="white", width=3)
    elif name == "bird":
        wings = [(x - half, y - half / 3), (x - half / 4, y), (x, y + half / 3), (x + half / 4, y)]
        pen.polygon([*wings, (x + half, y - half / 3), (x + half / 4, y + half / 3), (x, y + half / 2)], fill=paint)
    else:
        pen.rectangle((x - half, y - half / 3, x + half, y + half / 4), fill=paint)
        pen.polygon([(x - half / 2, y - half / 3), (x - half / 3, y - half * 0.7), (x + half / 3, y - half * 0.7),
                     (x + half / 2, y - half / 3)], fill="#c8d8e8")  # fmt: skip
        for shift in (-0.6, 0.6):
            middle = x + shift * half
            pen.ellipse((middle - half / 4, y, middle + half / 4, y + half / 2), fill="#202020")


def moved_in_photos(rng: random.Random, scenes: list[Path], things: list[Path]) -> Two:
    """Put a thing into a photo, at one place or at another."""
    scene = Image.open(rng.choice(scenes)).convert("RGB")
    thing, mask = cut_out(rng.choice(things))
    side = rng.uniform(0.08, 0.18) * scene.width
    grown = side / max(thing.size)
    size = (max(4, round(thing.width * grown)), max(4, round(thing.height * grown)))
    thing, mask = (one.resize(size, Image.Resampling.LANCZOS) for one in (thing, mask))
    levels = rng.uniform(0, 3)

    def frame(place: tuple[float, float]) -> Picture:
        page = scene.copy()
        page.paste(thing, (round(place[0] - size[0] / 2), round(place[1] - size[1] / 2)), mask)
        return _grainy(page, rng, levels)

    first, second = _places(rng, scene.size, side)
    return frame(first), frame(second)


# --- skies and smooth fields ------------------------------------------------------------------------------------


def star_fields(rng: random.Random) -> Two:
    """Draw small discs of light on a dark ground."""
    size, count = rng.choice(((800, 600), (1200, 800), (1024, 1024))), rng.choice((25, 60, 150, 400))
    ground = _color(rng, (0.2, 0.8), (0.0, 0.14))

    def sky() -> Picture:
        sheet = Image.new("RGB", (size[0] * 2, size[1] * 2), ground)
        pen = ImageDraw.Draw(sheet)
        for _ in range(count):
            x, y, r = rng.uniform(0, 2 * size[0]), rng.uniform(0, 2 * size[1]), rng.choice((1.5, 2, 2, 3, 4.5))
            level = rng.randint(140, 255)
            pen.ellipse((x - r, y - r, x + r, y + r), fill=(level, level, min(255, level + 15)))
        return sheet.resize(size, Image.Resampling.BOX)

    return sky(), sky()


def deep_skies(rng: random.Random) -> Two:
    """Let points of unlike strength spread as through a telescope, over a faint glow."""
    width, height = rng.choice(((900, 900), (1400, 900), (640, 480)))
    count, spread = rng.choice((40, 120, 500)), rng.uniform(0.8, 1.6)

    def sky() -> Picture:
        chance = np.random.default_rng(rng.randrange(1 << 30))
        field = np.zeros((height, width), np.float32)
        field[chance.integers(0, height, count), chance.integers(0, width, count)] = (
            255 * chance.pareto(1.2, count) + 90
        )
        kernel = np.exp(-0.5 * (np.arange(-5, 6) / spread) ** 2)
        for axis in (0, 1):
            field = np.apply_along_axis(np.convolve, axis, field, kernel, "same").astype(np.float32)
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        glow = 18 * np.exp(-3 * ((x - chance.uniform(-1, 1)) ** 2 + (y - chance.uniform(-1, 1)) ** 2))
        tint = np.array([0.9, 0.95, 1.0])
        pixels = (field + glow + 6)[..., None] * tint + chance.normal(0, 1.5, (height, width, 3))
        return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))

    return sky(), sky()


def smooth_gradients(rng: random.Random) -> Two:
    """Let one color become another along a line; the other one has another end, or another way."""
    size = rng.choice(((800, 600), (1200, 800), (600, 600), (1080, 1920)))
    ends = [np.array(_color(rng, (0.2, 1), (0.1, 1)), np.float32) for _ in range(3)]
    turn = rng.choice((0, 0.5, 0.25, rng.uniform(0, 1))) * np.pi

    def along(turn: float, low: np.ndarray, high: np.ndarray) -> Picture:
        x, y = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
        place = x * np.cos(turn) + y * np.sin(turn)
        place = (place - place.min()) / np.ptp(place)
        return Image.fromarray((low + place[..., None] * (high - low)).round().astype(np.uint8))

    way = rng.random()
    other = along(turn, ends[0], ends[2]) if way < 0.5 else along(turn + rng.uniform(0.3, 1) * np.pi, *ends[:2])
    return along(turn, *ends[:2]), other


def round_gradients(rng: random.Random) -> Two:
    """Let colors flow from a place, or between four corners; the other one has another place or other corners."""
    width, height = rng.choice(((900, 600), (700, 700), (1280, 720)))
    colors = [np.array(_color(rng, (0.1, 1), (0.1, 1)), np.float32) for _ in range(5)]
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    is_round = rng.random() < 0.5

    def flown(first: int) -> Picture:
        if is_round:
            cx, cy = rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8)
            far = np.hypot(x - cx, y - cy)[..., None]
            share = (far / far.max()) ** rng.choice((1, 1.5))
            pixels = colors[0] + share * (colors[1 + first] - colors[0])
        else:
            a, b, c, d = (colors[place] for place in (first, 2, 3, 4))
            across, down = x[..., None], y[..., None]
            pixels = (1 - down) * ((1 - across) * a + across * b) + down * ((1 - across) * c + across * d)
        return Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8))

    return flown(0), flown(1)


# --- positions, codes and readings ------------------------------------------------------------------------------


def chess_boards(rng: random.Random) -> Two:
    """Draw a position; in the other one some men stand elsewhere."""
    cell = rng.choice((60, 80, 100))
    light, dark = rng.choice((("#f0d9b5", "#b58863"), ("#eeeed2", "#769656"), ("white", "#8899aa")))
    men: dict[tuple[int, int], tuple[str, str]] = {}
    for _ in range(rng.randint(8, 24)):
        place = rng.randrange(8), rng.randrange(8)
        men[place] = rng.choice(sorted(SHAPES)), rng.choice(("black", "white"))

    def drawn(position: dict[tuple[int, int], tuple[str, str]]) -> Picture:
        sheet = Image.new("RGB", (8 * cell * 2, 8 * cell * 2), light)
        pen = ImageDraw.Draw(sheet)
        for x in range(8):
            for y in range(8):
                box = (x * cell * 2, y * cell * 2, (x + 1) * cell * 2 - 1, (y + 1) * cell * 2 - 1)
                pen.rectangle(box, fill=dark if (x + y) % 2 else light)
        for (x, y), (name, paint) in position.items():
            at = (2 * x + 1) * cell, (2 * y + 1) * cell
            draw_shape(pen, name, *at, 0.72 * cell, "#404040")
            draw_shape(pen, name, *at, 0.64 * cell, paint)
        return sheet.resize((8 * cell, 8 * cell), Image.Resampling.BOX)

    other = dict(men)
    for place in rng.sample(sorted(men), rng.randint(1, 3)):
        free = [(x, y) for x in range(8) for y in range(8) if (x, y) not in other]
        other[rng.choice(free)] = other.pop(place)
    return drawn(men), drawn(other)


def stone_boards(rng: random.Random) -> Two:
    """Draw stones on the crossings of lines, on wood with a border; one or a few stones more, or elsewhere."""
    count, step = rng.choice((9, 13, 19)), rng.choice((36, 48))
    side = (count + 1) * step
    wood = np.array(rng.choice(((222, 184, 115), (200, 160, 100), (235, 205, 150))), np.float32)
    chance = np.random.default_rng(rng.randrange(1 << 30))
    grain = chance.normal(0, 6, (side, 1, 1)) + chance.normal(0, 2, (side, side, 1))
    ground = Image.fromarray((wood + grain).clip(0, 255).astype(np.uint8))
    stones = {(rng.randrange(count), rng.randrange(count)): rng.random() < 0.5 for _ in range(count * 3)}

    def drawn(position: dict[tuple[int, int], bool]) -> Picture:
        sheet = ground.copy()
        pen = ImageDraw.Draw(sheet)
        for line in range(1, count + 1):
            pen.line((step, line * step, count * step, line * step), fill="black", width=2)
            pen.line((line * step, step, line * step, count * step), fill="black", width=2)
        for (x, y), is_black in position.items():
            at, r = ((x + 1) * step, (y + 1) * step), 0.46 * step
            box = (at[0] - r, at[1] - r, at[0] + r, at[1] + r)
            pen.ellipse(box, fill="#181818" if is_black else "#f2f2ee", outline="#303030")
        return sheet

    other = dict(stones)
    for place in rng.sample(sorted(stones), rng.randint(1, 4)):
        free = [(x, y) for x in range(count) for y in range(count) if (x, y) not in other]
        other[rng.choice(free)] = other.pop(place)
    return drawn(stones), drawn(other)


def square_codes(rng: random.Random) -> Two:
    """Draw a code of squares that fills the picture; the other one holds other data."""
    cells, module = rng.choice((21, 25, 29, 37)), rng.choice((8, 12, 16))
    changed = rng.choice((0.15, 1.0))
    ink = rng.choice(("black", "#102a54"))
    bits = np.array([[rng.random() < 0.5 for _ in range(cells)] for _ in range(cells)])

    def coded(data: np.ndarray) -> Picture:
        data = data.copy()
        for y, x in ((0, 0), (0, cells - 7), (cells - 7, 0)):
            data[max(0, y - 1) : y + 8, max(0, x - 1) : x + 8] = False
            data[y : y + 7, x : x + 7] = True
            data[y + 1 : y + 6, x + 1 : x + 6] = False
            data[y + 2 : y + 5, x + 2 : x + 5] = True
        sheet = Image.new("L", (cells + 8, cells + 8), 0)
        sheet.paste(Image.fromarray(data.astype(np.uint8) * 255), (4, 4))
        mask = sheet.resize(((cells + 8) * module,) * 2, Image.Resampling.NEAREST)
        page = Image.new("RGB", mask.size, "white")
        page.paste(ink, (0, 0), mask)
        return page

    other = bits ^ np.array([[rng.random() < changed / 2 for _ in range(cells)] for _ in range(cells)])
    return coded(bits), coded(other)


def bar_codes(rng: random.Random) -> Two:
    """Draw bars with their digits below; the other one has another number."""
    module, height = rng.choice((3, 4, 6)), rng.randint(120, 300)
    digits = [rng.randrange(10) for _ in range(12)]
    other = list(digits)
    for place in rng.sample(range(12), rng.choice((2, 5, 12))):
        other[place] = (other[place] + rng.randint(1, 9)) % 10
    forms = [
        "0001101",
        "0011001",
        "0010011",
        "0111101",
        "0100011",
        "0110001",
        "0101111",
        "0111011",
        "0110111",
        "0001011",
    ]

    def coded(number: list[int]) -> Picture:
        bits = "101" + "".join(forms[one] for one in number[:6]) + "01010"
        bits += "".join(forms[one].translate(str.maketrans("01", "10")) for one in number[6:]) + "101"
        page = Image.new("RGB", ((len(bits) + 22) * module, height + 24 * module), "white")
        pen = ImageDraw.Draw(page)
        for place, bit in enumerate(bits):
            if bit == "1":
                x = (11 + place) * module
                pen.rectangle((x, 6 * module, x + module - 1, 6 * module + height), fill="black")
        text = "".join(map(str, number))
        pen.text((page.width / 2, height + 14 * module), text, fill="black", font_size=9 * module, anchor="mm")
        return page

    return coded(digits), coded(other)


def _dial(size: tuple[int, int], needles: list[tuple[float, float, float]], *, seed: float) -> Picture:
    """Draw a face with marks and needles (turn, length, width), in a case on a wall."""
    chance = random.Random(seed)
    face, wall, ink = chance.choice(("white", "#f7f3e6", "#202428")), _color(chance, (0, 0.5), (0.3, 0.9)), "black"
    if face == "#202428":
        ink = "#f0f0f0"
    sheet = Image.new("RGB", (size[0] * 2, size[1] * 2), wall)
    pen = ImageDraw.Draw(sheet)
    x, y, r = size[0], size[1], min(size) * chance.uniform(0.6, 0.9)
    pen.ellipse((x - r * 1.06, y - r * 1.06, x + r * 1.06, y + r * 1.06), fill="#555555")
    pen.ellipse((x - r, y - r, x + r, y + r), fill=face)
    for mark in range(60):
        turn, inner = 2 * np.pi * mark / 60, 0.84 if mark % 5 == 0 else 0.91
        line = [(x + q * r * np.sin(turn), y - q * r * np.cos(turn)) for q in (inner, 0.96)]
        pen.line(line, fill=ink, width=max(2, round(r * (0.02 if mark % 5 == 0 else 0.008))))
        if mark % 5 == 0:
            at = x + 0.74 * r * np.sin(turn), y - 0.74 * r * np.cos(turn)
            pen.text(at, str(mark // 5 or 12), fill=ink, font_size=r * 0.13, anchor="mm")
    for turn, length, width in needles:
        end = x + length * r * np.sin(2 * np.pi * turn), y - length * r * np.cos(2 * np.pi * turn)
        pen.line((x, y, *end), fill=chance.choice((ink, ink, "#c02020")), width=max(3, round(width * r)))
    pen.ellipse((x - r * 0.05, y - r * 0.05, x + r * 0.05, y + r * 0.05), fill=ink)
    return sheet.resize(size, Image.Resampling.BOX)


def wall_clocks(rng: random.Random) -> Two:
    """Draw a clock that fills much of the picture, at two times."""
    size, seed = rng.choice(((600, 600), (800, 600), (400, 500))), rng.random()
    hour, minute = rng.randrange(12), rng.randrange(0, 60, 5)
    later = minute + rng.choice((10, 15, 25, 180, 320))

    def at(minutes: int) -> Picture:
        turn = hour / 12 + minutes / 720
        return _dial(size, [(turn, 0.5, 0.06), (minutes / 60, 0.78, 0.035)], seed=seed)

    return at(minute), at(later)


def gauges(rng: random.Random) -> Two:
    """Draw an instrument with one thin needle and a colored scale, at two readings."""
    size, level = rng.choice(((640, 420), (500, 500))), rng.uniform(0.1, 0.9)
    other = (level + rng.uniform(0.08, 0.6)) % 1
    ground, paint = _color(rng, (0, 0.4), (0.1, 0.35)), _color(rng, (0.6, 1), (0.7, 1))

    def reading(level: float) -> Picture:
        sheet = Image.new("RGB", (size[0] * 2, size[1] * 2), ground)
        pen = ImageDraw.Draw(sheet)
        x, y, r = size[0], 1.25 * size[1], 0.75 * size[1]
        pen.arc((x - r, y - r, x + r, y + r), 150, 330, fill="#dddddd", width=round(0.06 * r))
        pen.arc((x - r, y - r, x + r, y + r), 330, 390, fill=paint, width=round(0.06 * r))
        for mark in range(13):
            turn = np.radians(150 + 20 * mark)
            line = [(x + q * r * np.cos(turn), y + q * r * np.sin(turn)) for q in (0.82, 0.92)]
            pen.line(line, fill="white", width=6)
            at = x + 0.7 * r * np.cos(turn), y + 0.7 * r * np.sin(turn)
            pen.text(at, str(10 * mark), fill="white", font_size=0.09 * r, anchor="mm")
        turn = np.radians(150 + 240 * level)
        pen.line((x, y, x + 0.85 * r * np.cos(turn), y + 0.85 * r * np.sin(turn)), fill=paint, width=round(0.025 * r))
        pen.ellipse((x - 0.08 * r, y - 0.08 * r, x + 0.08 * r, y + 0.08 * r), fill="#888888")
        pen.text((x, y + 0.35 * r), "km/h", fill="white", font_size=0.12 * r, anchor="mm")
        return sheet.resize(size, Image.Resampling.BOX)

    return reading(level), reading(other)
