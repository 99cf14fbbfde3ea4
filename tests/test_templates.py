"""Two graphics of one template are not copies of each other; what was done to all of one is one."""

from __future__ import annotations

from collections.abc import Callable

import PIL.Image
import PIL.ImageDraw
import PIL.ImageEnhance
import PIL.ImageFilter
import PIL.ImageOps
import pytest
from conftest import Compare
from conftest import saved as encoded

from lookalike.core.relations.rules import SAME_PICTURE

Picture = PIL.Image.Image


def saved(picture: Picture, quality: int = 80) -> bytes:
    return encoded(picture, quality=quality)


def drawn(draw: Callable[[PIL.ImageDraw.ImageDraw], None], ground: str = "white") -> Picture:
    sheet = PIL.Image.new("RGB", (2000, 1400), ground)
    draw(PIL.ImageDraw.Draw(sheet))
    return sheet.resize((1000, 700), PIL.Image.Resampling.BOX)


def chart(*values: float) -> Picture:
    def draw(pen: PIL.ImageDraw.ImageDraw) -> None:
        pen.text((200, 60), "Visitors by month", fill="#222222", font_size=70)
        for step in range(6):
            pen.line((200, 1240 - 200 * step, 1900, 1240 - 200 * step), fill="#cccccc", width=3)
            pen.text((110, 1240 - 200 * step), str(20 * step), fill="#444444", font_size=44, anchor="mm")
        for number, value in enumerate(values):
            pen.rectangle((240 + 200 * number, 1240 - 10 * value, 360 + 200 * number, 1240), fill="#3366aa")

    return drawn(draw)


def window(question: str, answer: str) -> Picture:
    def draw(pen: PIL.ImageDraw.ImageDraw) -> None:
        pen.rectangle((0, 0, 2000, 80), fill="#7a3e9d")
        for row in range(20):
            pen.text((440, 120 + 62 * row), f"folder {row} of the project, changed", fill="#222222", font_size=30)
            pen.text((40, 120 + 62 * row), f"item {row}", fill="#222222", font_size=30)
        pen.rectangle((600, 450, 1400, 950), fill="#ffffff", outline="#555555", width=4)
        pen.text((650, 500), question, fill="#222222", font_size=40)
        pen.rectangle((1100, 820, 1350, 900), fill="#7a3e9d")
        pen.text((1225, 860), answer, fill="white", font_size=36, anchor="mm")

    return drawn(draw, "#f4f4f6")


def hall(*sold: int) -> Picture:
    def draw(pen: PIL.ImageDraw.ImageDraw) -> None:
        pen.rectangle((500, 40, 1500, 130), fill="#555555")
        for seat in range(140):
            x, y = 150 + 125 * (seat % 14), 220 + 112 * (seat // 14)
            is_sold = seat in sold or seat % 5 == 0
            pen.ellipse((x, y, x + 84, y + 84), fill="#c0392b" if is_sold else "#4caf50")

    return drawn(draw)


def letter(amount: str) -> Picture:
    def draw(pen: PIL.ImageDraw.ImageDraw) -> None:
        pen.rectangle((200, 60, 320, 180), fill="#1f4fa0")
        for row in range(17):
            line = f"the amount due is {amount} EUR" if row == 9 else f"line {row}: delivery of the order as agreed"
            pen.text((200, 260 + 64 * row), line, fill="black", font_size=36)

    return drawn(draw)


def shoe(tag: str) -> Picture:
    def draw(pen: PIL.ImageDraw.ImageDraw) -> None:
        outline = [(400, 480), (720, 400), (1000, 640), (1500, 840), (1620, 1000), (400, 1000)]
        pen.polygon(outline, fill="#dd8833", outline="black", width=6)
        pen.rounded_rectangle((380, 990, 1640, 1110), 40, fill="#333344")
        pen.ellipse((520, 640, 620, 740), fill=tag)

    return drawn(draw, "#f0f0f4")


BARS = (42, 77, 61, 90, 35, 52, 68)
OTHERS = {
    "two bars of a chart": (chart(*BARS), chart(42, 83, 61, 90, 35, 46, 68)),
    "one bar of a chart": (chart(*BARS), chart(42, 77, 61, 84, 35, 52, 68)),
    "a dialog": (window("Delete all pictures?", "Delete"), window("Save all pictures?", "Save")),
    "the seats that are sold": (hall(17, 31), hall(17, 32, 88)),
    "an amount in a letter": (letter("4,311.20"), letter("4,377.20")),
    "a part of a drawn shoe": (shoe("#2255cc"), shoe("#22aa55")),
}
ONES = {
    "chart": chart(*BARS),
    "window": window("Delete all?", "Delete"),
    "hall": hall(17, 31),
    "letter": letter("43.20"),
}
COPIES: dict[str, Callable[[Picture], Picture]] = {
    "saved anew": lambda picture: picture,
    "smaller": lambda picture: picture.resize((550, 385), PIL.Image.Resampling.LANCZOS),
    "gray": lambda picture: picture.convert("L").convert("RGB"),
    "gamma": lambda picture: picture.point([round(255 * (level / 255) ** 1.6) for level in range(256)] * 3),
    "less color": lambda picture: PIL.ImageEnhance.Color(picture).enhance(0.5),
    "soft": lambda picture: picture.filter(PIL.ImageFilter.GaussianBlur(0.9)),
    "trimmed": lambda picture: picture.crop((25, 12, 985, 690)),
    "mirrored": PIL.ImageOps.mirror,
    "turned": lambda picture: picture.rotate(90, expand=True),
}


@pytest.mark.parametrize("name", OTHERS)
def test_graphics_of_one_template_that_differ_in_a_part_are_no_copies(name: str, compare: Compare) -> None:
    a, b = OTHERS[name]
    for other in (saved(b), saved(b.resize((800, 560), PIL.Image.Resampling.LANCZOS))):
        assert compare(saved(a, 90), other).relation in ("similar", "same_object")


def test_a_drawing_with_a_part_in_another_color_is_told_as_other_colors(compare: Compare) -> None:
    found = compare(saved(shoe("#2255cc")), saved(shoe("#cc2255")))
    assert found.relation == "same_object"


@pytest.mark.parametrize("edit", COPIES)
@pytest.mark.parametrize("name", ONES)
def test_a_graphic_of_which_all_was_edited_stays_the_same(name: str, edit: str, compare: Compare) -> None:
    assert compare(saved(ONES[name], 90), saved(COPIES[edit](ONES[name]), 50)).relation in SAME_PICTURE


def test_a_captioned_chart_may_be_another_chart(compare: Compare) -> None:
    captioned = chart(*BARS)
    PIL.ImageDraw.Draw(captioned).text((600, 120), "draft, do not share", fill="#b02020", font_size=34)
    found = compare(saved(chart(*BARS)), saved(captioned))
    assert found.relation == "similar"
    assert 0.8 <= found.score < 0.9
