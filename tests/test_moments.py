"""Two moments of one scene, two positions and two readings are not copies of each other; what was marked is one."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFilter
import pytest
from conftest import Compare
from conftest import saved as encoded

from lookalike.core.relations.rules import SAME_PICTURE

Picture = PIL.Image.Image
Pen = PIL.ImageDraw.ImageDraw


def saved(picture: Picture, quality: int = 88) -> bytes:
    return encoded(picture, quality=quality)


def harbor() -> Picture:
    """Draw water, quays and sheds; the same each time."""
    chance = random.Random(11)
    scene = PIL.Image.linear_gradient("L").resize((640, 420))
    sheet = PIL.Image.merge("RGB", [scene.point([round(a + b * level) for level in range(256)])
                                    for a, b in ((150, 0.1), (170, 0.1), (200, 0.15))])  # fmt: skip
    pen = PIL.ImageDraw.Draw(sheet)
    for _ in range(14):
        x, wide, high = chance.uniform(0, 640), chance.uniform(20, 90), chance.uniform(40, 130)
        tone = tuple(chance.randint(60, 190) for _ in range(3))
        pen.rectangle((x, 230 - high, x + wide, 230), fill=tone, outline="#333333")
        for step in range(4):
            pen.rectangle((x + 4, 225 - high + 18 * step, x + 12, 233 - high + 18 * step), fill="#eeeecc")
    for _ in range(90):
        x, y = chance.uniform(0, 640), chance.uniform(240, 415)
        pen.line((x, y, x + chance.uniform(8, 50), y), fill=(chance.randint(90, 220),) * 3, width=2)
    return sheet


def boat(pen: Pen, x: float, y: float) -> None:
    pen.polygon([(x - 34, y), (x + 34, y), (x + 22, y + 18), (x - 22, y + 18)], fill="#a02018")
    pen.polygon([(x - 4, y - 4), (x - 4, y - 46), (x + 26, y - 4)], fill="#f6f2e0")


def buoy(pen: Pen, x: float, y: float) -> None:
    pen.ellipse((x - 16, y - 16, x + 16, y + 16), fill="#f08010", outline="#402000", width=3)


def with_thing(draw: Callable[[Pen, float, float], None], x: float, y: float) -> Picture:
    scene = harbor()
    draw(PIL.ImageDraw.Draw(scene), x, y)
    return scene


@pytest.mark.parametrize("second", [(470, 330), (215, 300), (180, 345)], ids=["far off", "a little on", "lower"])
@pytest.mark.parametrize("draw", [boat, buoy])
def test_two_frames_between_which_something_moved_are_no_copies(
    draw: Callable[[Pen, float, float], None], second: tuple[float, float], compare: Compare
) -> None:
    frames = with_thing(draw, 180, 300), with_thing(draw, *second)
    for quality in (92, 70):
        found = compare(saved(frames[0]), saved(frames[1], quality))
        assert found.relation == "same_object"
        assert not found.related.other_colors
        assert found.score < 0.9
    small = frames[1].resize((420, 276), PIL.Image.Resampling.LANCZOS)
    assert compare(saved(frames[0]), saved(small)).relation == "same_object"


def lettered(picture: Picture) -> Picture:
    pen = PIL.ImageDraw.Draw(picture)
    pen.text((40, 360), "Regatta 2024", fill="white", font_size=40)
    pen.text((420, 20), "seen on tour", fill="#c02020", font_size=28, stroke_width=2, stroke_fill="white")
    return picture


def stamped(picture: Picture) -> Picture:
    pen = PIL.ImageDraw.Draw(picture)
    pen.ellipse((440, 40, 520, 120), fill="#f0d020")
    pen.text((480, 80), "-20%", fill="#b00000", font_size=26, anchor="mm")
    return picture


def barred(picture: Picture) -> Picture:
    PIL.ImageDraw.Draw(picture).rectangle((120, 265, 250, 330), fill="black")
    return picture


def wiped(picture: Picture) -> Picture:
    box = (130, 245, 230, 330)
    ends = picture.crop(box).resize((1, 4), PIL.Image.Resampling.BOX)
    picture.paste(ends.resize((100, 85), PIL.Image.Resampling.BICUBIC), box[:2])
    return picture


def faintly_marked(picture: Picture) -> Picture:
    layer = picture.copy()
    for step in range(3):
        PIL.ImageDraw.Draw(layer).text((60 + 180 * step, 60 + 110 * step), "(c) pier 7", fill="white", font_size=38)
    return PIL.Image.blend(picture, layer, 0.6)


@pytest.mark.parametrize("edit", [lettered, stamped, barred, wiped, faintly_marked])
def test_a_picture_to_which_something_was_added_or_taken_stays_the_same(
    edit: Callable[[Picture], Picture], compare: Compare
) -> None:
    grain = np.random.default_rng(4).normal(0, 5, (420, 640, 3))  # of a drawing marks say less; see test_templates
    scene = with_thing(boat, 180, 300)
    scene = PIL.Image.fromarray((np.asarray(scene) + grain).clip(0, 255).astype(np.uint8))
    marked = edit(scene.copy())
    for other in (saved(marked), saved(marked.resize((480, 315), PIL.Image.Resampling.LANCZOS), 80)):
        assert compare(saved(scene), other).relation == "edited"


def stones(position: dict[tuple[int, int], str]) -> Picture:
    board = PIL.Image.new("RGB", (520, 520), "#dcb871")
    pen = PIL.ImageDraw.Draw(board)
    for line in range(1, 13):
        pen.line((40, 40 * line, 480, 40 * line), fill="black", width=2)
        pen.line((40 * line, 40, 40 * line, 480), fill="black", width=2)
    for (x, y), color in position.items():
        pen.ellipse((40 * x - 17, 40 * y - 17, 40 * x + 17, 40 * y + 17), fill=color, outline="#202020")
    return board


def test_two_positions_on_one_board_are_no_copies_and_a_photo_of_each_is_found_again(compare: Compare) -> None:
    chance = random.Random(3)
    first = {(chance.randint(1, 12), chance.randint(1, 12)): chance.choice(("white", "black")) for _ in range(30)}
    places = sorted(first)
    moved = {place: color for place, color in first.items() if place != places[4]} | {(12, 12): first[places[4]]}
    white, black = (next(place for place in places if first[place] == color) for color in ("white", "black"))
    swapped = first | {white: "black", black: "white"}
    for other in (moved, swapped):
        assert compare(saved(stones(first)), saved(stones(other))).relation not in SAME_PICTURE
    assert compare(saved(stones(first)), saved(stones(first).resize((400, 400)), 70)).relation in SAME_PICTURE


def sky(seed: int, count: int, size: tuple[int, int] = (900, 700)) -> Picture:
    chance = random.Random(seed)
    sheet = PIL.Image.new("RGB", (size[0] * 2, size[1] * 2), "#04060e")
    pen = PIL.ImageDraw.Draw(sheet)
    for _ in range(count):
        x, y, r = chance.uniform(20, 2 * size[0]), chance.uniform(20, 2 * size[1]), chance.choice((2, 3, 4))
        pen.ellipse((x - r, y - r, x + r, y + r), fill=(chance.randint(170, 255),) * 3)
    return sheet.resize(size, PIL.Image.Resampling.BOX)


@pytest.mark.parametrize("count", [16, 40, 200])
def test_a_sky_of_stars_is_found_saved_anew_and_smaller_and_another_sky_is_not(count: int, compare: Compare) -> None:
    mine = sky(1, count)
    for copy in (saved(mine, 60), saved(mine.resize((540, 420), PIL.Image.Resampling.LANCZOS))):
        assert compare(saved(mine, 95), copy).relation in SAME_PICTURE
    assert compare(saved(mine), saved(sky(2, count))).relation not in SAME_PICTURE


def flow(first: tuple[int, int, int], second: tuple[int, int, int]) -> Picture:
    share = np.linspace(0, 1, 700)[None, :, None] * np.linspace(0.7, 1, 500)[:, None, None]
    return PIL.Image.fromarray((np.array(first) + share * (np.array(second) - first)).round().astype(np.uint8))


def test_a_gradient_that_is_mirrored_or_ends_in_another_color_is_another_one(compare: Compare) -> None:
    mine = flow((20, 60, 120), (230, 180, 90))
    for copy in (saved(mine, 60), saved(mine.resize((420, 300)))):
        assert compare(saved(mine, 95), copy).relation in SAME_PICTURE
    mirrored = mine.transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT)
    for other in (mirrored, flow((20, 60, 120), (230, 150, 120)), flow((60, 20, 120), (230, 180, 90))):
        assert compare(saved(mine), saved(other)).relation not in SAME_PICTURE
