"""Graphics of one template that differ in one small part: charts, windows, plans, letters, tables, drawn products.

Each kind gives a picture and another one, which is not the same picture though most of it agrees, as those of `sparse`.
"""

from __future__ import annotations

import colorsys
import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

Picture = Image.Image
Pen = ImageDraw.ImageDraw
Color = tuple[int, int, int]
Two = tuple[Picture, Picture]

_WORDS = (
    *("north", "south", "total", "amount", "customer", "invoice", "delivery"),
    *("region", "summer", "winter", "growth", "people", "market", "order"),
)
_SIZES = ((1000, 700), (1280, 800), (960, 960), (800, 1000), (1400, 900))


def _color(rng: random.Random, saturation: tuple[float, float], value: tuple[float, float]) -> Color:
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), rng.uniform(*saturation), rng.uniform(*value))
    return round(255 * red), round(255 * green), round(255 * blue)


def _drawn(size: tuple[int, int], ground: Color | str, draw: Callable[[Pen, int], None]) -> Picture:
    """Draw in twice the size, so that lines are smooth; `draw` is given the pen and the factor."""
    sheet = Image.new("RGB", (2 * size[0], 2 * size[1]), ground)
    draw(ImageDraw.Draw(sheet), 2)
    return sheet.resize(size, Image.Resampling.BOX)


def _two(rng: random.Random, template: Callable[[random.Random, bool], Picture]) -> Two:
    """Draw a template twice; what it draws with numbers of its own is the same, but for what the change asks for."""
    seed = rng.random()
    return template(random.Random(seed), False), template(random.Random(seed), True)


def charts(rng: random.Random) -> Two:
    """Draw bars, lines or a pie; one value, or two of them, is another one."""
    return _two(rng, rng.choice((_bars, _lines, _pie)))


def _bars(rng: random.Random, other: bool) -> Picture:
    (w, h), count = rng.choice(_SIZES), rng.randint(5, 14)
    values = [rng.uniform(0.15, 0.9) for _ in range(count)]
    paints = [_color(rng, (0.4, 0.9), (0.4, 0.9))] * count
    if rng.random() < 0.4:
        paints = [_color(rng, (0.4, 0.9), (0.4, 0.9)) for _ in range(count)]
    title, labels, ground = rng.choice(_WORDS), rng.sample(_WORDS, min(count, 14)), rng.choice(("white", "#f6f6f2"))
    one, two = rng.sample(range(count), 2)
    step = rng.choice((-1, 1)) * rng.uniform(0.04, 0.12)
    if other:
        values[one] += step
        if rng.random() < 0.5:
            values[two] -= step

    def draw(pen: Pen, f: int) -> None:
        pen.text((f * w * 0.1, f * h * 0.03), f"{title} by month", fill="#222222", font_size=f * h * 0.05)
        for line in range(6):
            y = f * h * (0.88 - 0.15 * line)
            pen.line((f * w * 0.1, y, f * w * 0.95, y), fill="#cccccc", width=f)
            pen.text((f * w * 0.05, y), str(20 * line), fill="#444444", font_size=f * h * 0.03, anchor="mm")
        wide = 0.85 * w / count
        for number, value in enumerate(values):
            x = 0.1 * w + (number + 0.2) * wide
            pen.rectangle((f * x, f * h * (0.88 - 0.75 * value), f * (x + 0.6 * wide), f * h * 0.88),
                          fill=paints[number])  # fmt: skip
            pen.text((f * (x + 0.3 * wide), f * h * 0.92), labels[number][:6], fill="#444444",
                     font_size=f * h * 0.022, anchor="mm")  # fmt: skip

    return _drawn((w, h), ground, draw)


def _lines(rng: random.Random, other: bool) -> Picture:
    (w, h), count = rng.choice(_SIZES), rng.randint(8, 16)
    series = [[rng.uniform(0.1, 0.9) for _ in range(count)] for _ in range(rng.randint(1, 3))]
    paints = [_color(rng, (0.6, 1), (0.4, 0.8)) for _ in series]
    number, step = rng.randrange(1, count - 1), rng.choice((-1, 1)) * rng.uniform(0.06, 0.15)
    if other:
        series[0][number] += step

    def draw(pen: Pen, f: int) -> None:
        for line in range(6):
            y = f * h * (0.9 - 0.16 * line)
            pen.line((f * w * 0.08, y, f * w * 0.96, y), fill="#dddddd", width=f)
            pen.text((f * w * 0.04, y), str(10 * line), fill="#333333", font_size=f * h * 0.028, anchor="mm")
        for values, paint in zip(series, paints, strict=True):
            places = [(f * w * (0.08 + 0.88 * x / (count - 1)), f * h * (0.9 - 0.8 * v)) for x, v in enumerate(values)]
            pen.line(places, fill=paint, width=4 * f, joint="curve")

    return _drawn((w, h), "white", draw)


def _pie(rng: random.Random, other: bool) -> Picture:
    w, h = rng.choice(_SIZES)
    shares = [rng.uniform(0.5, 2) for _ in range(rng.randint(4, 7))]
    ends = np.cumsum([0, *shares]) / sum(shares) * 360
    paints = [_color(rng, (0.4, 0.9), (0.5, 0.9)) for _ in shares]
    number, step = rng.randrange(1, len(shares)), rng.choice((-1, 1)) * rng.uniform(5, 14)
    if other:
        ends[number] += step

    def draw(pen: Pen, f: int) -> None:
        x, y, r = f * w * 0.4, f * h * 0.52, f * min(w, h) * 0.36
        for start, end, paint in zip(ends, ends[1:], paints, strict=False):
            pen.pieslice((x - r, y - r, x + r, y + r), start - 90, end - 90, fill=paint, outline="white", width=2 * f)
        for row, paint in enumerate(paints):
            top = f * h * (0.2 + 0.07 * row)
            pen.rectangle((f * w * 0.8, top, f * (w * 0.8 + 20), top + 20 * f), fill=paint)
            pen.text((f * (w * 0.8 + 30), top), _WORDS[row], fill="#333333", font_size=f * 18)

    return _drawn((w, h), "white", draw)


def dialogs(rng: random.Random) -> Two:
    """Draw the window of a program, with another dialog, another message, or another box ticked."""
    return _two(rng, _window)


def _window(rng: random.Random, other: bool) -> Picture:
    w, h = rng.choice(((1280, 800), (1366, 768), (1024, 768), (1440, 900)))
    dark = rng.random() < 0.4
    ground, panel, ink = ("#1e1e24", "#2a2a33", "#d8d8d8") if dark else ("#f4f4f6", "#ffffff", "#222222")
    accent = _color(rng, (0.5, 0.9), (0.4, 0.8))
    rows = [" ".join(rng.choices(_WORDS, k=rng.randint(3, 7))) for _ in range(18)]
    what = rng.choice(("message", "ticks", "field", "selected"))
    names = rng.sample(_WORDS, 8)
    ticked = [rng.random() < 0.5 for _ in range(4)]
    field, at, chosen = str(rng.randint(100, 999)), rng.randrange(4), rng.randrange(14)
    if other:
        match what:
            case "message":
                names = names[4:] + names[:4]
            case "ticks":
                ticked[at] = not ticked[at]
            case "field":
                field = str((int(field) + 137) % 900 + 100)
            case _:
                chosen = (chosen + 3) % 14

    def draw(pen: Pen, f: int) -> None:
        pen.rectangle((0, 0, f * w, f * 36), fill=accent)
        pen.text((f * 14, f * 10), "Workbench", fill="white", font_size=f * 15)
        pen.rectangle((0, f * 36, f * 200, f * h), fill=panel)
        for row, words in enumerate(rows[:14]):
            if row == chosen:
                pen.rectangle((0, f * (50 + 30 * row), f * 200, f * (76 + 30 * row)), fill=accent)
            pen.text((f * 14, f * (55 + 30 * row)), words.split()[0], fill=ink, font_size=f * 14)
        for row, words in enumerate(rows):
            pen.text((f * 220, f * (60 + 36 * row)), words, fill=ink, font_size=f * 14)
            pen.line((f * 210, f * (85 + 36 * row), f * (w - 20), f * (85 + 36 * row)), fill="#8888887f", width=f)
        x, y = w / 2 - 190, h / 2 - 120
        pen.rounded_rectangle((f * x, f * y, f * (x + 380), f * (y + 240)), f * 8, fill=panel, outline="#777777")
        pen.text((f * (x + 20), f * (y + 16)), f"{names[0]} {names[1]}?", fill=ink, font_size=f * 17)
        for row, tick in enumerate(ticked):
            top = y + 60 + 28 * row
            pen.rectangle((f * (x + 20), f * top, f * (x + 34), f * (top + 14)), outline=ink, width=f)
            if tick:
                pen.line([(f * (x + 22), f * (top + 7)), (f * (x + 26), f * (top + 12)), (f * (x + 33), f * (top + 2))],
                         fill=ink, width=2 * f)  # fmt: skip
            pen.text((f * (x + 44), f * top), names[2 + row], fill=ink, font_size=f * 13)
        pen.rectangle((f * (x + 220), f * (y + 60), f * (x + 350), f * (y + 88)), outline=ink, width=f)
        pen.text((f * (x + 230), f * (y + 66)), field, fill=ink, font_size=f * 15)
        for left, label in ((180, "Cancel"), (280, "OK")):
            pen.rounded_rectangle(
                (f * (x + left), f * (y + 195), f * (x + left + 84), f * (y + 225)), f * 5, fill=accent
            )
            pen.text((f * (x + left + 42), f * (y + 210)), label, fill="white", font_size=f * 14, anchor="mm")

    return _drawn((w, h), ground, draw)


def seat_plans(rng: random.Random) -> Two:
    """Draw the seats of a hall; two to five others are sold."""
    return _two(rng, _seats)


def _seats(rng: random.Random, other: bool) -> Picture:
    w, h = rng.choice(_SIZES)
    rows, columns, share = rng.randint(7, 14), rng.randint(12, 22), rng.uniform(0.2, 0.6)
    free, taken = rng.choice((("#4caf50", "#c0392b"), ("#d5d8dc", "#34495e"), ("#ffffff", "#2e86c1")))
    sold = {(r, c) for r in range(rows) for c in range(columns) if rng.random() < share}
    changed = [(rng.randrange(rows), rng.randrange(columns)) for _ in range(rng.randint(2, 5))]
    if other:
        sold ^= set(changed)
    is_round = rng.random() < 0.4

    def draw(pen: Pen, f: int) -> None:
        pen.rectangle((f * w * 0.25, f * h * 0.04, f * w * 0.75, f * h * 0.1), fill="#555555")
        pen.text((f * w / 2, f * h * 0.07), "STAGE", fill="white", font_size=f * h * 0.035, anchor="mm")
        wide, high = 0.86 * w / columns, 0.78 * h / rows
        for r in range(rows):
            pen.text((f * w * 0.035, f * h * (0.16) + f * high * (r + 0.4)), chr(65 + r), fill="#333333",
                     font_size=f * 16, anchor="mm")  # fmt: skip
            for c in range(columns):
                x, y = 0.07 * w + wide * c, 0.16 * h + high * r
                box = (f * x, f * y, f * (x + 0.75 * wide), f * (y + 0.75 * high))
                fill = taken if (r, c) in sold else free
                (pen.ellipse if is_round else pen.rectangle)(box, fill=fill, outline="#666666")

    return _drawn((w, h), "#fafafa", draw)


def floor_plans(rng: random.Random) -> Two:
    """Draw rooms with doors and furniture; a door, a wall or a table is elsewhere."""
    return _two(rng, _floor)


def _floor(rng: random.Random, other: bool) -> Picture:
    w, h = rng.choice(_SIZES)
    columns, rows = rng.randint(2, 4), rng.randint(2, 3)
    named = rng.choices(("bath", "kitchen", "hall", "office", "store", "bedroom"), k=columns * rows)
    fills = [rng.choice(("#ffffff", "#f3ead8", "#e3eef6")) for _ in named]
    doors = [rng.uniform(0.15, 0.4) for _ in named]
    tables = [(rng.uniform(0.2, 0.6), rng.uniform(0.3, 0.6), rng.random() < 0.6) for _ in named]
    at, what = rng.randrange(len(named)), rng.choice(("door", "table"))
    if other and what == "door":
        doors[at] += 0.25
    if other and what == "table":
        x, y, there = tables[at]
        tables[at] = (x, y, not there)

    def draw(pen: Pen, f: int) -> None:
        wide, high = 0.9 * w / columns, 0.9 * h / rows
        for number, fill in enumerate(fills):
            x, y = 0.05 * w + number % columns * wide, 0.05 * h + number // columns * high
            pen.rectangle((f * x, f * y, f * (x + wide), f * (y + high)), fill=fill, outline="black",
                          width=6 * f)  # fmt: skip
        for number, name in enumerate(named):
            x, y = 0.05 * w + number % columns * wide, 0.05 * h + number // columns * high
            door = x + doors[number] * wide
            pen.rectangle(
                (f * door, f * (y + high) - 6 * f, f * (door + 0.2 * wide), f * (y + high) + 6 * f), fill="white"
            )
            pen.arc((f * (door - 0.2 * wide), f * (y + high - 0.2 * wide), f * (door + 0.2 * wide),
                     f * (y + high + 0.2 * wide)), 270, 360, fill="#666666", width=2 * f)  # fmt: skip
            pen.text((f * (x + wide / 2), f * (y + 0.15 * high)), name, fill="#333333", font_size=f * 18, anchor="mm")
            left, top, there = tables[number]
            if there:
                pen.rectangle((f * (x + left * wide), f * (y + top * high), f * (x + (left + 0.2) * wide),
                               f * (y + (top + 0.15) * high)), outline="#444444", width=2 * f)  # fmt: skip

    return _drawn((w, h), "white", draw)


def letters(rng: random.Random) -> Two:
    """Draw a letter; a number in it is another one."""
    return _two(rng, _letter)


def _letter(rng: random.Random, other: bool) -> Picture:
    w, h = rng.choice(((960, 1280), (1000, 1414), (1240, 1754)))
    size = round(h * rng.uniform(0.014, 0.02))
    lines = [" ".join(rng.choices(_WORDS, k=rng.randint(5, 8))) for _ in range(rng.randint(14, 26))]
    number, at = rng.randint(1000, 9999), rng.randrange(3, len(lines))
    second = number + rng.choice((1000, 2000, 3111, 240, 37))
    logo = _color(rng, (0.5, 1), (0.3, 0.8))

    def draw(pen: Pen, f: int) -> None:
        pen.rectangle((f * w * 0.1, f * h * 0.05, f * w * 0.16, f * h * 0.09), fill=logo)
        pen.text((f * w * 0.18, f * h * 0.06), "Hartmann & Sons", fill="#222222", font_size=f * 26)
        for row, words in enumerate(lines):
            if row == at:
                words = f"amount due: {second if other else number} EUR"
            pen.text((f * w * 0.1, f * (h * 0.16 + 1.7 * size * row)), words, fill="black", font_size=f * size)

    return _drawn((w, h), "white", draw)


def tables(rng: random.Random) -> Two:
    """Draw a table of numbers; one to three of them are others."""
    return _two(rng, _table)


def _table(rng: random.Random, other: bool) -> Picture:
    w, h = rng.choice(_SIZES)
    rows, columns = rng.randint(9, 18), rng.randint(4, 8)
    cells = [[str(rng.randint(10, 9999)) for _ in range(columns)] for _ in range(rows)]
    head = _color(rng, (0.3, 0.9), (0.3, 0.7))
    places = [(rng.randrange(rows), rng.randrange(columns)) for _ in range(rng.randint(1, 3))]
    if other:
        for r, c in places:
            cells[r][c] = str((int(cells[r][c]) * 7 + 1313) % 9000 + 1000)[: len(cells[r][c])]

    def draw(pen: Pen, f: int) -> None:
        wide, high = 0.92 * w / columns, 0.9 * h / (rows + 1)
        pen.rectangle((f * 0.04 * w, f * 0.05 * h, f * 0.96 * w, f * (0.05 * h + high)), fill=head)
        for c in range(columns):
            pen.text((f * (0.04 * w + (c + 0.5) * wide), f * (0.05 * h + high / 2)), _WORDS[c], fill="white",
                     font_size=f * 17, anchor="mm")  # fmt: skip
        for r, row in enumerate(cells, 1):
            y = 0.05 * h + r * high
            if r % 2:
                pen.rectangle((f * 0.04 * w, f * y, f * 0.96 * w, f * (y + high)), fill="#eef1f5")
            for c, text in enumerate(row):
                pen.text((f * (0.04 * w + (c + 0.85) * wide), f * (y + high / 2)), text, fill="#222222",
                         font_size=f * 17, anchor="rm")  # fmt: skip

    return _drawn((w, h), "white", draw)


def slides(rng: random.Random) -> Two:
    """Draw a slide of a talk; one word of a line, or one of its shapes, is another one."""
    return _two(rng, _slide)


def _slide(rng: random.Random, other: bool) -> Picture:
    w, h = rng.choice(((1280, 720), (1600, 900), (1024, 768)))
    first, second = _color(rng, (0.4, 0.9), (0.2, 0.6)), _color(rng, (0.4, 0.9), (0.5, 0.9))
    lines = [rng.sample(_WORDS, rng.randint(3, 5)) for _ in range(rng.randint(3, 6))]
    at, word = rng.randrange(len(lines)), rng.choice(("fresh", "later", "cost", "river"))
    shape, what = rng.choice(("round", "square")), rng.choice(("word", "word", "shape"))
    x, y = rng.uniform(0.6, 0.8), rng.uniform(0.35, 0.6)
    if other and what == "word":
        lines[at][rng.randrange(len(lines[at]))] = word
    if other and what == "shape":
        shape = "square" if shape == "round" else "round"

    def draw(pen: Pen, f: int) -> None:
        pen.rectangle((0, 0, f * w, f * h * 0.16), fill=first)
        pen.text((f * w * 0.06, f * h * 0.045), "Results of the quarter", fill="white", font_size=f * h * 0.06)
        for row, words in enumerate(lines):
            top = f * h * (0.27 + 0.11 * row)
            pen.ellipse((f * w * 0.06, top + f * 8, f * (w * 0.06 + 12), top + f * 20), fill=second)
            pen.text((f * w * 0.09, top), " ".join(words), fill="#222222", font_size=f * h * 0.042)
        box = (f * w * x, f * h * y, f * (w * x + h * 0.2), f * h * (y + 0.2))
        (pen.ellipse if shape == "round" else pen.rectangle)(box, fill=second)

    return _drawn((w, h), "white", draw)


def swatch_cards(rng: random.Random) -> Two:
    """Draw a card of colors with their names; one of the colors is another one."""
    return _two(rng, _swatches)


def _swatches(rng: random.Random, other: bool) -> Picture:
    w, h = rng.choice(_SIZES)
    columns, rows = rng.randint(4, 8), rng.randint(3, 5)
    paints = [_color(rng, (0.2, 0.9), (0.4, 0.95)) for _ in range(rows * columns)]
    names = rng.choices(_WORDS, k=rows * columns)
    at, paint = rng.randrange(len(paints)), _color(rng, (0.2, 0.9), (0.4, 0.95))
    while sum(abs(p - q) for p, q in zip(paint, paints[at], strict=True)) < 120:
        paint = _color(rng, (0.2, 0.9), (0.4, 0.95))
    if other:
        paints[at] = paint

    def draw(pen: Pen, f: int) -> None:
        wide, high = 0.92 * w / columns, 0.92 * h / rows
        for number, paint in enumerate(paints):
            x, y = 0.04 * w + number % columns * wide, 0.04 * h + number // columns * high
            pen.rectangle((f * x, f * y, f * (x + 0.9 * wide), f * (y + 0.72 * high)), fill=paint)
            pen.text((f * x, f * (y + 0.76 * high)), names[number], fill="#333333", font_size=f * 16)

    return _drawn((w, h), "white", draw)


def drawn_products(rng: random.Random) -> Two:
    """Draw a shoe, a mug or a bag; one small part has another color."""
    return _two(rng, rng.choice((_shoe, _mug, _bag)))


def _paints(rng: random.Random, count: int, other: bool) -> list[Color]:
    """Choose colors; one of them is another one."""
    paints = [_color(rng, (0.3, 0.9), (0.3, 0.9)) for _ in range(count)]
    at, paint = rng.randrange(count), _color(rng, (0.3, 0.9), (0.3, 0.9))
    while sum(abs(p - q) for p, q in zip(paint, paints[at], strict=True)) < 150:
        paint = _color(rng, (0.3, 0.9), (0.3, 0.9))
    if other:
        paints[at] = paint
    return paints


def _shoe(rng: random.Random, other: bool) -> Picture:
    w, h = rng.choice(_SIZES)
    body, sole, ground = (_color(rng, (0.1, 0.8), (0.3, 0.9)) for _ in range(3))
    stripe, lace, tag = _paints(rng, 3, other)
    ground = tuple(230 + level // 12 for level in ground)  # type: ignore[assignment]

    def draw(pen: Pen, f: int) -> None:
        s = f * min(w, 1.3 * h) / 10
        x, y = f * w / 2 - 4 * s, f * h / 2 - 2 * s
        at = [(0, 0.4), (1.6, 0), (3, 1.2), (5.5, 2.2), (7.6, 2.6), (8, 3.4), (0, 3.4)]
        pen.polygon([(x + s * px, y + s * py) for px, py in at], fill=body, outline="black", width=3 * f)
        pen.rounded_rectangle((x - 0.1 * s, y + 3.3 * s, x + 8.2 * s, y + 3.9 * s), 0.2 * s, fill=sole)
        for step in range(3):
            left = x + (3.4 + 0.5 * step) * s
            pen.polygon([(left, y + 3.2 * s), (left + 0.2 * s, y + 3.2 * s), (left + 0.5 * s, y + 2.5 * s),
                         (left + 0.3 * s, y + 2.5 * s)], fill=stripe)  # fmt: skip
        for step in range(4):
            top = y + (0.9 + 0.32 * step) * s
            pen.line((x + (2.4 + 0.6 * step) * s, top, x + (3 + 0.6 * step) * s, top + 0.4 * s), fill=lace, width=5 * f)
        pen.ellipse((x + 0.6 * s, y + 1.2 * s, x + 1.1 * s, y + 1.7 * s), fill=tag)

    return _drawn((w, h), ground, draw)


def _mug(rng: random.Random, other: bool) -> Picture:
    w, h = rng.choice(_SIZES)
    body, band, dot = _color(rng, (0.2, 0.8), (0.4, 0.9)), *_paints(rng, 2, other)

    def draw(pen: Pen, f: int) -> None:
        s = f * min(w, h) / 10
        x, y = f * w / 2 - 3 * s, f * h / 2 - 3.2 * s
        pen.arc((x + 4 * s, y + 1.4 * s, x + 7.2 * s, y + 4.8 * s), 270, 450, fill=body, width=round(0.6 * s))
        pen.rounded_rectangle((x, y, x + 5.5 * s, y + 6.4 * s), 0.6 * s, fill=body, outline="#222222", width=2 * f)
        pen.rectangle((x + 2 * f, y + 5.2 * s, x + 5.5 * s - 2 * f, y + 5.45 * s), fill=band)
        for step in range(5):
            at = x + (0.7 + step) * s
            pen.ellipse((at, y + 2.6 * s, at + 0.35 * s, y + 2.95 * s), fill=dot)

    return _drawn((w, h), "white", draw)


def _bag(rng: random.Random, other: bool) -> Picture:
    w, h = rng.choice(_SIZES)
    body, flap = _color(rng, (0.2, 0.8), (0.3, 0.8)), _color(rng, (0.2, 0.8), (0.3, 0.8))
    buckle, seam = _paints(rng, 2, other)

    def draw(pen: Pen, f: int) -> None:
        s = f * min(w, h) / 10
        x, y = f * w / 2 - 3.5 * s, f * h / 2 - 2.5 * s
        pen.arc((x + 1.5 * s, y - 2 * s, x + 5.5 * s, y + 2 * s), 180, 360, fill=flap, width=round(0.3 * s))
        pen.rounded_rectangle((x, y, x + 7 * s, y + 5.4 * s), 0.4 * s, fill=body)
        pen.polygon([(x, y), (x + 7 * s, y), (x + 6.2 * s, y + 2.4 * s), (x + 0.8 * s, y + 2.4 * s)], fill=flap)
        pen.rectangle((x + 3.2 * s, y + 2.1 * s, x + 3.8 * s, y + 2.7 * s), fill=buckle)
        for step in range(14):
            left = x + (0.3 + 0.47 * step) * s
            pen.line((left, y + 5 * s, left + 0.28 * s, y + 5 * s), fill=seam, width=4 * f)

    return _drawn((w, h), "#f3f3f3", draw)
