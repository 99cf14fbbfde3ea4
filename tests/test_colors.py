"""Other colors: a change of all of a picture is an edit of it, a part in another color is another thing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import conftest
import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageEnhance
import PIL.ImageOps
import pytest
from conftest import Compare, sample

from lookalike.core.relations.rules import SAME_PICTURE

Picture = PIL.Image.Image
saved = functools.partial(conftest.saved, quality=88)


def poster(*colors: str, ground: str = "white") -> Picture:
    """Draw one composition of shapes in some colors."""
    sheet = PIL.Image.new("RGB", (640, 480), ground)
    pen = PIL.ImageDraw.Draw(sheet)
    rng = np.random.default_rng(11)
    for number in range(10):
        x, y, r = (int(part) for part in rng.integers((60, 60, 40), (580, 420, 85)))
        box, fill = (x - r, y - r, x + r, y + r), colors[number % len(colors)]
        (pen.ellipse, pen.rectangle)[number % 2](box, fill=fill)
    return sheet


def dotted(ground: str, color: str) -> Picture:
    sheet = PIL.Image.new("RGB", (480, 480), ground)
    pen = PIL.ImageDraw.Draw(sheet)
    for y in range(0, 480, 60):
        for x in range(0, 480, 60):
            pen.ellipse((x + 10, y + 10, x + 50, y + 50), fill=color)
    return sheet


def turned(picture: Picture, share: float) -> Picture:
    hue, *others = picture.convert("HSV").split()
    step = round(255 * share)
    return PIL.Image.merge("HSV", (hue.point([(level + step) % 256 for level in range(256)]), *others)).convert("RGB")


def painted(picture: Picture, share: float) -> Picture:
    """Turn the hues of what is no white ground, in the upper half alone."""
    mask = PIL.Image.fromarray((np.asarray(picture).min(2) < 235).astype(np.uint8) * 255)
    mask.paste(0, (0, mask.height // 2, mask.width, mask.height))
    return PIL.Image.composite(turned(picture, share), picture, mask)


def sepia(picture: Picture) -> Picture:
    weights = (0.393, 0.769, 0.189, 0, 0.349, 0.686, 0.168, 0, 0.272, 0.534, 0.131, 0)
    return picture.convert("RGB", weights)


def balanced(picture: Picture) -> Picture:
    return picture.point([min(255, round(level * gain)) for gain in (1.1, 1.0, 0.86) for level in range(256)])


EDITS: dict[str, Callable[[Picture], Picture]] = {
    "gray": lambda picture: PIL.ImageOps.grayscale(picture).convert("RGB"),
    "less color": lambda picture: PIL.ImageEnhance.Color(picture).enhance(0.4),
    "more color": lambda picture: PIL.ImageEnhance.Color(picture).enhance(1.6),
    "brighter": lambda picture: PIL.ImageEnhance.Brightness(picture).enhance(1.3),
    "less contrast": lambda picture: PIL.ImageEnhance.Contrast(picture).enhance(0.6),
    "gamma": lambda picture: picture.point([round(255 * (level / 255) ** 1.7) for level in range(256)] * 3),
    "white balance": balanced,
    "sepia": sepia,
}
OTHERS = {
    "a poster with one color changed": (poster("#c03030", "#205090", "tan"), poster("#c03030", "#208040", "tan")),
    "a poster of one color": (poster("#c03030"), poster("#7030a0")),
    "a poster on gray": (poster("#3070b0", ground="#d8d8d8"), poster("#b07030", ground="#d8d8d8")),
    "dots": (dotted("white", "#204060"), dotted("white", "#206030")),
    "dots on another ground": (dotted("#f4e8d0", "#204060"), dotted("#d0e8f4", "#204060")),
    "shirts of nearly one hue": (sample("products/t-shirt-sage"), sample("products/t-shirt-charcoal")),
    "bottles": (sample("products/bottle-teal"), sample("products/bottle-charcoal")),
    "lamps": (sample("products/lamp-navy"), sample("products/lamp-forest")),
    "sneakers of one tone": (sample("products/sneaker-navy"), sample("products/sneaker-forest")),
    "terrazzo": (sample("patterns/terrazzo-cream"), sample("patterns/terrazzo-pink")),
    "chevrons": (sample("patterns/chevron-coral"), sample("patterns/chevron-forest")),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_a_thing_or_a_drawing_in_other_colors_is_no_copy_and_told_so(name: str, compare: Compare) -> None:
    for pair in (OTHERS[name], OTHERS[name][::-1]):
        found = compare(*map(saved, pair))
        assert (found.relation, found.related.other_colors, found.confidence) == ("same_object", True, 0.1)


def test_a_small_mark_in_another_color_is_another_picture(compare: Compare) -> None:
    def mark(color: str) -> Picture:
        sheet = PIL.Image.new("RGB", (1280, 720), "white")
        PIL.ImageDraw.Draw(sheet).polygon([(600, 400), (640, 330), (680, 400), (660, 440), (620, 440)], fill=color)
        return sheet

    for first, second in (("#c03030", "#3040c0"), ("black", "#c03030"), ("#208040", "#c08020")):
        found = compare(saved(mark(first)), saved(mark(second)))
        assert (found.relation, found.related.other_colors) == ("same_object", True)
    for edit in (EDITS["gray"], EDITS["brighter"], EDITS["white balance"]):
        assert compare(saved(mark("#c03030")), saved(edit(mark("#c03030")))).relation in SAME_PICTURE


@pytest.mark.parametrize("share", [0.3, 0.55])
def test_a_photo_of_which_a_part_was_dyed_is_no_copy(share: float, data: Path, compare: Compare) -> None:
    photo = PIL.Image.open(data / "products" / "vine_tomato" / "iconic.jpg").convert("RGB")
    found = compare(saved(photo), saved(painted(photo, share)))
    assert (found.relation, found.related.other_colors) == ("same_object", True)


@pytest.mark.parametrize("edit", EDITS)
def test_a_change_of_all_colors_by_one_rule_leaves_it_the_same_picture(edit: str, data: Path, compare: Compare) -> None:
    photo = PIL.Image.open(data / "general" / "lotus" / "001.jpg").convert("RGB")
    for picture in (photo, poster("#c03030", "#205090", "#e0b020"), sample("products/armchair-forest")):
        found = compare(saved(picture), saved(EDITS[edit](picture)))
        assert found.relation in SAME_PICTURE
        assert not found.related.other_colors


def test_turned_hues_are_an_edit_only_where_two_hues_turned(compare: Compare) -> None:
    colors = [f"hsv({hue}, 80%, 75%)" for hue in (0, 72, 216)]
    many, one = poster(*colors), poster(colors[0])
    assert compare(saved(many), saved(turned(many, 0.25))).relation == "edited"
    assert compare(saved(one), saved(turned(one, 0.25))).related.other_colors


def test_coarse_encoding_gives_a_thing_no_other_color(compare: Compare) -> None:
    for picture in (sample("products/mug-sage"), poster("#c03030", "#205090"), sample("patterns/terrazzo-cream")):
        assert compare(saved(picture), saved(picture, quality=12)).relation in SAME_PICTURE
