"""The palette: pictures of the same colors are near, wherever the colors stand; and a collection that ranks by it."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest

import lookalike
from lookalike.encoders import PALETTE_COLORS, palette

RED, BLUE, NAVY, GREEN, GRAY = (220, 40, 30), (40, 60, 220), (10, 20, 80), (40, 160, 60), (128, 128, 128)


def stripes(*colors: tuple[int, int, int], turned: bool = False) -> PIL.Image.Image:
    picture = PIL.Image.new("RGB", (72, 64))
    for place in range(9):
        picture.paste(colors[place % len(colors)], (place * 8, 0, place * 8 + 8, 64))
    return picture.transpose(PIL.Image.Transpose.ROTATE_90).resize((72, 64)) if turned else picture


def distance(a: PIL.Image.Image, b: PIL.Image.Image) -> float:
    one, other = palette(np.asarray(a)), palette(np.asarray(b))
    assert one.shape == (PALETTE_COLORS,)
    assert float(one @ one) == pytest.approx(1, abs=1e-5)
    return 1 - float(one @ other)


def test_where_the_colors_stand_makes_no_difference() -> None:
    assert distance(stripes(RED, BLUE, GREEN), stripes(GREEN, RED, BLUE)) < 0.01
    assert distance(stripes(RED, BLUE, GREEN), stripes(RED, BLUE, GREEN, turned=True)) < 0.03


def test_other_colors_are_far_and_shades_lie_between() -> None:
    assert distance(stripes(BLUE), stripes(RED)) > 0.6
    assert 0.05 < distance(stripes(BLUE), stripes(NAVY)) < distance(stripes(BLUE), stripes(RED))
    assert distance(stripes(RED, GRAY), stripes(RED)) < distance(stripes(GRAY), stripes(RED))


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), GRAY])
def test_gray_pictures_have_a_palette(color: tuple[int, int, int]) -> None:
    assert distance(stripes(color), stripes(color)) == pytest.approx(0, abs=1e-5)


def test_a_collection_ranks_by_colors(library: lookalike.Library) -> None:
    colors = library.create("colors", type="colors")
    colors.add(stripes(RED, BLUE), id="red and blue")
    colors.add(stripes(GREEN, NAVY), id="green")
    colors.add(stripes(GRAY), id="gray")
    found = colors.search(stripes(BLUE, RED, turned=True), limit=3)
    assert found[0].id == "red and blue"
    assert found[0].score >= 0.9 > 0.5 > found[1].score
    assert [match.id for match in colors.search(stripes((140, 140, 140)), limit=1)] == ["gray"]
    assert [match.id for match in colors.search("id:green", limit=1)] == ["green"]
