"""Pictures of which most is plain ground: what little they hold decides whether they are the same."""

from __future__ import annotations

import functools
import io
import itertools
from pathlib import Path

import conftest
import numpy as np
import PIL.Image
import PIL.ImageChops
import PIL.ImageDraw
import pytest
from conftest import Compare

import lookalike
from lookalike import intake
from lookalike.core.relations.rules import SAME_PICTURE
from lookalike.limits import Limits

Picture = PIL.Image.Image
saved = functools.partial(conftest.saved, quality=85)
BICUBIC = PIL.Image.Resampling.BICUBIC


def page(text: str, *, ground: str = "white", ink: str = "black", size: int = 22) -> Picture:
    sheet = PIL.Image.new("RGB", (850, 1100), ground)
    PIL.ImageDraw.Draw(sheet).text((425, 1040), text, fill=ink, font_size=size, anchor="mm")
    return sheet


def canvas(*shapes: str, ground: Picture | None = None, ink: str = "black") -> Picture:
    """Draw marks of 60 px on a large canvas."""
    sheet = PIL.Image.new("RGB", (1280, 720), "white") if ground is None else ground.copy()
    pen = PIL.ImageDraw.Draw(sheet)
    for (x, y), shape in zip(((300, 260), (900, 500)), shapes, strict=False):
        outlines = {
            "house": [(-20, 30), (-20, 0), (-30, 0), (0, -30), (30, 0), (20, 0), (20, 30)],
            "arrow": [(-30, -8), (5, -8), (5, -25), (30, 0), (5, 25), (5, 8), (-30, 8)],
            "cross": [(-9, -30), (9, -30), (9, -9), (30, -9), (30, 9), (9, 9), (9, 30), (-9, 30), (-9, 9), (-30, 9),
                      (-30, -9), (-9, -9)],
        }  # fmt: skip
        pen.polygon([(x + px, y + py) for px, py in outlines[shape]], fill=ink)
    return sheet


def sloping(first: tuple[int, int, int], second: tuple[int, int, int]) -> Picture:
    share = np.linspace(0, 1, 1280)[None, :, None] * np.linspace(0.5, 1, 720)[:, None, None]
    return PIL.Image.fromarray((np.array(first) + share * (np.array(second) - first)).round().astype(np.uint8))


def cut_out(path: Path, ground: str) -> Picture:
    thing = PIL.Image.open(path).convert("RGB")
    mask = PIL.Image.fromarray((np.asarray(thing).min(2) < 240).astype(np.uint8) * 255)
    size = (100, round(100 * thing.height / thing.width))
    sheet = PIL.Image.new("RGB", (1200, 900), ground)
    sheet.paste(thing.resize(size, BICUBIC), (560, 380), mask.resize(size, BICUBIC))
    return sheet


def noisy(picture: Picture) -> Picture:
    noise = np.random.default_rng(5).normal(0, 5, (picture.height, picture.width, 1))
    return PIL.Image.fromarray((np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))


def smaller(picture: Picture) -> Picture:
    return picture.resize((round(picture.width * 0.7), round(picture.height * 0.7)), BICUBIC)


def askew(picture: Picture) -> Picture:
    corner = picture.getpixel((0, 0))
    assert isinstance(corner, tuple)
    return picture.rotate(1.6, BICUBIC, fillcolor=corner)


def unchanged(picture: Picture) -> Picture:
    return picture


BLUE_GRAY = sloping((30, 60, 140), (150, 150, 150))
OTHERS = {
    "page numbers": (page("17"), page("18")),
    "page numbers of many": (page("Page 113 of 250"), page("Page 118 of 250")),
    "words": (page("invoice", size=30), page("amber", size=30)),
    "words on black": (page("north", ground="black", ink="white"), page("seven", ground="black", ink="white")),
    "dates": (page("12.03.2024"), page("17.03.2024")),
    "one of two marks": (canvas("house", "arrow"), canvas("house", "cross")),
    "marks on blue": (
        canvas("arrow", ground=PIL.Image.new("RGB", (1280, 720), "#1f4fa0"), ink="white"),
        canvas("house", ground=PIL.Image.new("RGB", (1280, 720), "#1f4fa0"), ink="white"),
    ),
    "marks on a gradient": (canvas("cross", ground=BLUE_GRAY), canvas("house", ground=BLUE_GRAY)),
    "a mark in another place": (canvas("house"), PIL.ImageChops.offset(canvas("house"), 180, -90)),
    "a 6 and a 9": (page("66", size=40), page("99", size=40)),
    "a mark and none": (canvas("house"), canvas()),
    "one more mark": (canvas("house"), canvas("house", "cross")),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_another_number_word_or_mark_on_a_plain_page_is_another_picture(name: str, compare: Compare) -> None:
    first, second = OTHERS[name]
    for again in (unchanged, noisy, smaller):
        found = compare(saved(first), saved(again(second)))
        assert found.relation in ("similar", "unrelated"), again.__name__
        assert found.confidence < 0.2


@pytest.mark.parametrize("name", OTHERS)
def test_a_page_that_holds_little_is_found_again_saved_anew_resized_askew_or_scanned(
    name: str, compare: Compare
) -> None:
    first, _ = OTHERS[name]
    for edit in (unchanged, smaller, askew, noisy):
        assert compare(saved(first, "PNG"), saved(edit(first), quality=70)).relation in SAME_PICTURE, edit.__name__


@pytest.mark.parametrize("ground", ["white", "black", "#1f4fa0"])
def test_small_cut_outs_of_other_things_on_one_ground_are_other_pictures(
    ground: str, data: Path, compare: Compare
) -> None:
    sheets = [cut_out(data / "products" / name / "iconic.jpg", ground) for name in ("banana", "kiwi", "leek")]
    for a, b in itertools.combinations(sheets, 2):
        assert compare(saved(a), saved(noisy(b))).relation not in SAME_PICTURE
    for sheet in sheets:
        assert compare(saved(sheet), saved(smaller(sheet))).relation in SAME_PICTURE


def test_empty_sheets_are_no_copies_of_each_other_though_light_falls_on_both_alike(compare: Compare) -> None:
    sheet = sloping((244, 243, 240), (228, 227, 224))
    for a, b in ((sheet, noisy(sheet)), (page(""), noisy(page("")))):
        assert compare(saved(a), saved(b)).relation not in SAME_PICTURE


def test_numbered_pages_are_no_duplicates_and_each_scan_of_one_is(tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    for number in (3, 4, 5):
        page(f"- {number} -", size=26).save(pages / f"{number}.png")
    noisy(page("- 4 -", size=26)).save(pages / "scan of 4.png")
    with lookalike.open(tmp_path / "home") as library:
        shelf = library.create("pages")
        shelf.add(pages)
        groups = [{member.id for member in group.members} for group in shelf.duplicates()]
    assert groups == [{"4.png", "scan of 4.png"}]


def test_where_only_thumbnails_are_left_a_page_number_says_nothing(tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    for name, number in {"a": 17, "b": 18}.items():
        page(str(number)).save(pages / f"{name}.png")
    with lookalike.open(tmp_path / "home") as library:
        shelf = library.collection("pages", create=True, keep="thumbnail")
        shelf.add(pages)
        for name in "ab":
            (pages / f"{name}.png").unlink()
        assert shelf.compare("id:a.png", "id:b.png").relation in ("similar", "unrelated")


# --- alpha ------------------------------------------------------------------------------------------------------


SYMBOLS = {
    "star": [(0, -10), (3, -3), (10, -3), (4, 2), (6, 10), (0, 5), (-6, 10), (-4, 2), (-10, -3), (-3, -3)],
    "house": [(-7, 10), (-7, -1), (-10, -1), (0, -10), (10, -1), (7, -1), (7, 10)],
    "bolt": [(2, -10), (-6, 2), (-1, 2), (-3, 10), (6, -2), (1, -2)],
    "bar": [(-9, -3), (9, -3), (9, 3), (-9, 3)],
}


def icon(name: str, color: tuple[int, ...], side: int = 96) -> Picture:
    """Draw an icon on nothing; the color of what is not seen is that of what is."""
    alpha = PIL.Image.new("L", (side * 4, side * 4), 0)
    points = [(side * (2 + x * 0.18), side * (2 + y * 0.18)) for x, y in SYMBOLS[name]]
    PIL.ImageDraw.Draw(alpha).polygon(points, fill=255 if len(color) == 3 else color[3])
    drawn = PIL.Image.new("RGBA", (side, side), (*color[:3], 0))
    drawn.putalpha(alpha.resize((side, side), PIL.Image.Resampling.BOX))
    return drawn


INKS = {"white": (255, 255, 255), "black": (0, 0, 0), "half white": (255, 255, 255, 120), "pale": (225, 225, 230, 90)}


@pytest.mark.parametrize("ink", INKS)
def test_icons_on_nothing_are_told_apart_and_found_in_another_size(ink: str, compare: Compare) -> None:
    icons = {name: icon(name, INKS[ink]) for name in SYMBOLS}
    for a, b in itertools.combinations(icons.values(), 2):
        assert compare(saved(a, "PNG"), saved(b, "PNG")).relation not in SAME_PICTURE
    for name, drawn in icons.items():
        assert compare(saved(drawn, "PNG"), saved(icon(name, INKS[ink], 48), "PNG")).relation in SAME_PICTURE


def test_a_white_icon_finds_its_own_small_copy_first(tmp_path: Path) -> None:
    with lookalike.open(tmp_path / "home") as library:
        shelf = library.create("icons")
        small = ({"_id": name, "_bytes": saved(icon(name, INKS["white"], 40), "PNG")} for name in SYMBOLS)
        assert not shelf.add(small).failed
        for name in SYMBOLS:
            assert shelf.search(saved(icon(name, INKS["white"]), "PNG"))[0].id == name


def test_the_same_pixels_are_those_stored_alpha_included(compare: Compare) -> None:
    whole, faint = icon("star", INKS["black"]), icon("star", (0, 0, 0, 250))
    assert compare(saved(whole, "PNG"), saved(whole, "TIFF")).relation == "same_pixels"
    assert compare(saved(whole, "PNG"), saved(faint, "PNG")).relation == "reencoded"
    opaque = canvas("house")
    assert compare(saved(opaque, "PNG"), saved(opaque.convert("RGBA"), "PNG")).relation == "same_pixels"


def test_a_light_thing_that_was_cut_out_stays_on_white() -> None:
    shirt = PIL.Image.new("RGBA", (200, 200), (0, 0, 0, 0))
    shirt.paste((228, 226, 222, 255), (40, 30, 160, 190))
    pixels = intake.read(saved(shirt, "PNG"), limits=Limits()).pixels
    assert pixels[5, 5].tolist() == [255, 255, 255]
    dark = intake.read(saved(icon("star", INKS["white"]), "PNG"), limits=Limits()).pixels
    assert dark[2, 2].tolist() == [0, 0, 0]
    assert dark[48, 48].tolist() == [255, 255, 255]


# --- frames and pages -------------------------------------------------------------------------------------------


def several(form: str, *pictures: Picture) -> bytes:
    stream = io.BytesIO()
    pictures[0].save(stream, form, save_all=True, append_images=pictures[1:])
    return stream.getvalue()


@pytest.mark.parametrize("form", ["GIF", "TIFF", "WEBP", "PNG"])
def test_files_that_begin_with_one_picture_are_not_the_same_for_that(form: str, data: Path, compare: Compare) -> None:
    names = ("pizza", "lotus", "watch")
    cover, *pages = (PIL.Image.open(data / "general" / name / "001.jpg").convert("RGB") for name in names)
    pages = [picture.resize(cover.size) for picture in pages]
    first, second = several(form, cover, pages[0]), several(form, cover, pages[1], pages[0])
    for a, b, frames in ((first, second, (2, 3)), (second, first, (3, 2)), (saved(cover, "PNG"), first, (1, 2))):
        found = compare(a, b)
        assert found.relation not in SAME_PICTURE
        assert found.score < 0.9
        assert found.related.frames == frames
        assert "the first of each was looked at" in str(found)
    assert compare(first, first).relation == "identical"


def test_animations_with_one_first_frame_are_no_duplicates(data: Path, tmp_path: Path) -> None:
    names = ("pizza", "lotus", "watch")
    cover, *others = (PIL.Image.open(data / "general" / name / "001.jpg").convert("RGB") for name in names)
    with lookalike.open(tmp_path / "home") as library:
        shelf = library.create("animations")
        shelf.add({"_id": str(n), "_bytes": several("GIF", cover, other)} for n, other in enumerate(others))
        assert not list(shelf.duplicates())
