"""What two pictures are to each other: kinds, transform, either order, and what must not be taken for a copy."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageEnhance
import PIL.ImageOps
import pytest
from conftest import Compare, sample, saved

import lookalike
from lookalike.core.features.picture_features import PictureFeatures
from lookalike.core.relations.explanation import hidden, likeness_map
from lookalike.core.relations.rules import SAME_PICTURE, relate
from lookalike.distances import cosine_distance
from lookalike.encoders import open_encoder
from lookalike.pictures import Image

if TYPE_CHECKING:
    from lookalike.arrays import F32, U8

Picture = PIL.Image.Image
BICUBIC = PIL.Image.Resampling.BICUBIC


@pytest.fixture(scope="module")
def photo(data: Path) -> Picture:
    return PIL.Image.open(data / "general" / "leopards" / "001.jpg").convert("RGB")


def cut(picture: Picture, left: float, top: float, right: float, bottom: float) -> Picture:
    """Cut a part out, given in shares of the sides."""
    width, height = picture.size
    return picture.crop((round(left * width), round(top * height), round(right * width), round(bottom * height)))


def captioned(picture: Picture) -> Picture:
    changed = picture.copy()
    PIL.ImageDraw.Draw(changed).text((20, 30), "HOLIDAY 2024", fill="white", font_size=picture.height // 7)
    return changed


def collage(picture: Picture, other: Picture) -> Picture:
    sheet = PIL.Image.new("RGB", (picture.width * 2, picture.height * 2), "white")
    for place, cell in enumerate((other, PIL.ImageOps.mirror(other), picture, other)):
        sheet.paste(cell.resize(picture.size), (place % 2 * picture.width, place // 2 * picture.height))
    return sheet


EDITS: dict[str, tuple[str, Callable[[Picture], bytes]]] = {
    "PNG": ("same_pixels", lambda p: saved(p, "PNG")),
    "BMP": ("same_pixels", lambda p: saved(p, "BMP")),
    "jpeg 30": ("reencoded", lambda p: saved(p, quality=30)),
    "webp": ("reencoded", lambda p: saved(p, "WEBP", quality=60)),
    "half": ("resized", lambda p: saved(p.resize((p.width // 2, p.height // 2), BICUBIC))),
    "stretched": ("resized", lambda p: saved(p.resize((round(p.width * 1.3), p.height), BICUBIC))),
    "cut": ("cropped", lambda p: saved(cut(p, 0.2, 0.1, 0.85, 0.9))),
    "cut a little": ("cropped", lambda p: saved(cut(p, 0.04, 0.05, 1, 0.97))),
    "mirrored": ("mirrored", lambda p: saved(PIL.ImageOps.mirror(p))),
    "upside down": ("mirrored", lambda p: saved(PIL.ImageOps.flip(p))),
    "turned 90": ("rotated", lambda p: saved(p.rotate(90, expand=True))),
    "turned 180": ("rotated", lambda p: saved(p.rotate(180))),
    "turned 25": ("rotated", lambda p: saved(p.rotate(25, BICUBIC, expand=True))),
    "darker": ("edited", lambda p: saved(PIL.ImageEnhance.Brightness(p).enhance(0.6))),
    "gray": ("edited", lambda p: saved(p.convert("L"))),
    "bordered": ("edited", lambda p: saved(PIL.ImageOps.expand(p, 30, "red"))),
    "captioned": ("edited", lambda p: saved(captioned(p))),
    "cut and captioned": ("edited", lambda p: saved(captioned(cut(p, 0.1, 0.1, 0.9, 0.95)))),
}


# --- kinds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_gives_its_kind_in_either_order(name: str, photo: Picture, compare: Compare) -> None:
    kind, edit = EDITS[name]
    # Pillow's own decoding of the very JPEG is the original, so that PNG and BMP can have its pixels.
    original, copy = saved(photo), edit(PIL.Image.open(io.BytesIO(saved(photo))).convert("RGB"))
    there, back = compare(original, copy), compare(copy, original)
    assert there.relation == kind
    assert there.details == back.details
    assert there.confidence == back.confidence >= 0.9


def test_equal_bytes_are_identical_and_nothing_else_is(photo: Picture, compare: Compare) -> None:
    same = compare(saved(photo), saved(photo))
    assert (same.relation, same.confidence, same.score) == ("identical", 1.0, 1.0)
    assert same.transform is not None
    assert same.transform.crop_a == same.transform.crop_b == (0, 0, *photo.size)


def test_one_changed_pixel_is_not_the_same_pixels(photo: Picture, compare: Compare) -> None:
    changed = photo.copy()
    changed.putpixel((5, 5), (255, 0, 255))
    assert compare(saved(photo, "PNG"), saved(photo, "BMP")).relation == "same_pixels"
    assert compare(saved(photo, "PNG"), saved(changed, "PNG")).relation == "reencoded"


def test_equal_pixels_are_told_of_pictures_that_are_reduced_while_decoding(photo: Picture, compare: Compare) -> None:
    large = saved(photo.resize((2400, 1800), BICUBIC))
    again = saved(PIL.Image.open(io.BytesIO(large)), "PNG")
    assert compare(large, again).relation == "same_pixels"


def test_a_collage_of_four_shows_the_picture_in_one_place(photo: Picture, data: Path, compare: Compare) -> None:
    other = PIL.Image.open(data / "general" / "airplanes" / "001.jpg").convert("RGB")
    found = compare(saved(photo), saved(collage(photo, other)))
    assert found.relation == "edited"
    assert found.transform is not None
    x, y, width, height = found.transform.crop_b
    assert np.allclose((x, y, width, height), (0, photo.height, *photo.size), atol=6)


def test_a_scan_that_lies_a_little_askew_and_has_a_stamp_is_the_same_picture(data: Path, compare: Compare) -> None:
    photo = PIL.Image.open(data / "general" / "airplanes" / "001.jpg").convert("RGB")
    askew = photo.rotate(1.2, BICUBIC, fillcolor="white")
    stamp = askew.crop((0, 0, askew.width // 3, askew.height // 3))
    askew.paste(PIL.ImageOps.invert(stamp), (askew.width // 2, askew.height // 2))
    found = compare(saved(photo), saved(askew))
    assert found.relation == "edited"
    assert found.transform is not None
    assert found.transform.angle_deg == pytest.approx(-1.2, abs=0.2)


@pytest.mark.parametrize("name", ["g022", "g033"])
def test_a_mark_over_all_of_a_picture_leaves_it_the_same(name: str, data: Path, compare: Compare) -> None:
    original, marked = data / "neardup" / "reference" / f"{name}.jpg", data / "neardup" / "query" / f"{name}_16.jpg"
    assert compare(original, marked).relation == compare(marked, original).relation == "edited"


def test_a_chain_of_edits_lists_all_that_hold(photo: Picture, compare: Compare) -> None:
    part = cut(PIL.ImageOps.mirror(photo), 0.15, 0.1, 0.9, 0.95)
    found = compare(saved(photo), saved(part.resize((part.width // 2, part.height // 2), BICUBIC)))
    assert found.details == ("mirrored", "cropped", "resized", "reencoded")


# --- the transform ----------------------------------------------------------------------------------------------


def test_the_transform_tells_crop_box_scale_and_back(photo: Picture, compare: Compare) -> None:
    left, top, width, height = 40, 20, 120, 90
    part = photo.crop((left, top, left + width, top + height)).resize((width * 2, height * 2), BICUBIC)
    there, back = (compare(*pair).transform for pair in itertools.permutations((saved(photo), saved(part))))
    assert there is not None
    assert back is not None
    assert np.allclose(there.crop_a, (left, top, width, height), atol=2)
    assert np.allclose(there.crop_b, (0, 0, *part.size), atol=4)
    assert math.isclose(there.scale, 2, rel_tol=0.01)
    assert math.isclose(there.scale * back.scale, 1, rel_tol=0.001)
    assert there.crop_a == back.crop_b
    assert np.allclose(np.array(there.matrix) @ (left + 50, top + 40, 1), (100, 80), atol=3)


@pytest.mark.parametrize("degrees", [-130, -10, 3, 45, 90, 180])
def test_the_transform_tells_the_angle(degrees: int, photo: Picture, compare: Compare) -> None:
    turned = photo.rotate(-degrees, BICUBIC, expand=True)  # Pillow turns the other way round
    found = compare(saved(photo), saved(turned)).transform
    assert found is not None
    assert abs(found.angle_deg - degrees) < 0.5
    assert not found.mirrored


# --- what is not the same picture -------------------------------------------------------------------------------


def page(seed: int) -> Picture:
    rng = np.random.default_rng(seed)
    sheet = PIL.Image.new("RGB", (400, 520), "white")
    pen = PIL.ImageDraw.Draw(sheet)
    letters = list("etaoin shrdlu cmfwyp")
    for y in range(30, 490, 17):
        pen.text((30, y), "".join(rng.choice(letters, 45)), fill="black", font_size=13)
    return sheet


def plain(color: str) -> Picture:
    return PIL.Image.new("RGB", (300, 300), color)


def gradient(low: int, high: int) -> Picture:
    levels = np.linspace(low, high, 300).astype(np.uint8)
    pixels = np.stack([np.repeat(levels[:, None], 240, 1)] * 2 + [np.full((300, 240), 90, np.uint8)], -1)
    return PIL.Image.fromarray(pixels)


def stripes(period: int) -> Picture:
    levels = np.where(np.arange(320) % period < period / 2, 230, 40).astype(np.uint8)
    return PIL.Image.fromarray(np.repeat(np.tile(levels, (240, 1))[..., None], 3, 2))


def badge(seed: int) -> Picture:
    """Draw the same logo on different pictures."""
    rng = np.random.default_rng(seed)
    sheet = PIL.Image.new("RGB", (360, 360), "#eeeeee")
    pen = PIL.ImageDraw.Draw(sheet)
    for _ in range(8):
        x, y, r = (int(n) for n in rng.integers((40, 120, 15), (320, 320, 60)))
        pen.ellipse((x - r, y - r, x + r, y + r), fill=tuple(int(n) for n in rng.integers(0, 256, 3)))
    pen.polygon([(20, 80), (60, 15), (100, 80)], fill="crimson")
    pen.text((110, 30), "ACME", fill="black", font_size=40)
    return sheet


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (page(1), page(2)),
        (plain("white"), plain("#fefefe")),
        (plain("navy"), plain("navy").resize((200, 300))),
        (gradient(40, 120), gradient(90, 220)),
        (stripes(12), stripes(17)),
        (badge(1), badge(2)),
    ],
    ids=["pages of text", "plain colors", "a plain color in two sizes", "gradients", "stripes", "one logo"],
)
def test_pictures_that_share_their_look_are_not_the_same(a: Picture, b: Picture, compare: Compare) -> None:
    found = compare(saved(a, "PNG"), saved(b, "PNG"))
    assert found.relation not in SAME_PICTURE
    assert found.confidence < 0.5


def test_a_page_is_the_same_page_when_it_is_saved_again(compare: Compare) -> None:
    assert compare(saved(page(1), "PNG"), saved(page(1), quality=50)).relation == "reencoded"
    assert compare(saved(page(1), "PNG"), saved(cut(page(1), 0, 0, 1, 0.7))).relation == "cropped"


def test_a_gradient_is_the_same_when_it_is_saved_again_or_resized(compare: Compare) -> None:
    original = gradient(40, 220)
    assert compare(saved(original, "PNG"), saved(original)).relation == "reencoded"
    assert compare(saved(original, "PNG"), saved(original.resize((120, 150)))).relation == "resized"


def test_other_photos_of_a_thing_are_no_copies(data: Path, compare: Compare) -> None:
    shelf = sorted((data / "products" / "arla_lactose_medium_fat_milk").glob("0*.jpg"))[:8]
    told = [compare(a, b).relation for a, b in itertools.pairwise(shelf)]
    assert not SAME_PICTURE.intersection(told)
    assert "same_object" in told


@pytest.mark.parametrize(
    ("thing", "colors"),
    [("sneaker", ("red", "mustard")), ("lamp", ("terracotta", "navy")), ("armchair", ("terracotta", "forest"))],
)
def test_a_thing_in_another_color_is_no_copy(thing: str, colors: tuple[str, str], compare: Compare) -> None:
    first, second = (sample(f"products/{thing}-{color}") for color in colors)
    found = compare(saved(first), saved(second))
    assert (found.relation, found.confidence, found.related.other_colors) == ("same_object", 0.1, True)
    for edit in (gray, brighter, darker):
        assert compare(saved(first), saved(edit(first))).relation == "edited", edit.__name__


def letter(name: str, amount: str) -> Picture:
    """Draw one of many letters: all words but two are those of the form."""
    rng = np.random.default_rng(7)
    sheet = PIL.Image.new("RGB", (800, 1100), "white")
    pen = PIL.ImageDraw.Draw(sheet)
    pen.rectangle((60, 40, 220, 110), fill="#225588")
    pen.text((80, 150), f"Dear {name},", fill="black", font_size=30)
    for y in range(210, 800, 30):
        pen.text((80, y), "".join(rng.choice(list("etaoin shrdlu cmfwyp"), 50)), fill="black", font_size=19)
    pen.text((80, 860), f"Amount due: {amount}", fill="black", font_size=22)
    return sheet


def month(name: str, first: int) -> Picture:
    sheet = PIL.Image.new("RGB", (560, 460), "#f4f1e8")
    pen = PIL.ImageDraw.Draw(sheet)
    pen.text((200, 15), name, fill="#b02020", font_size=32)
    for cell in range(35):
        x, y = 20 + cell % 7 * 74, 70 + cell // 7 * 74
        pen.rectangle((x, y, x + 74, y + 74), outline="#888888")
        if 0 < cell - first <= 30:
            pen.text((x + 8, y + 6), str(cell - first), fill="black", font_size=22)
    return sheet


def shares(*parts: float) -> Picture:
    sheet = PIL.Image.new("RGB", (480, 400), "white")
    pen, start = PIL.ImageDraw.Draw(sheet), 0.0
    pen.text((140, 10), "Market share", fill="black", font_size=26)
    for part, color in zip(parts, ("#e41a1c", "#377eb8", "#4daf4a", "#984ea3"), strict=True):
        pen.pieslice((110, 60, 390, 340), start, start + 360 * part, fill=color)
        start += 360 * part
    return sheet


FORMS = {
    "letters": (letter("Ms Okafor", "1,204.50 EUR"), letter("Mr Lindqvist", "87.35 EUR")),
    "months": (month("March 2026", 0), month("April 2026", 3)),
    "charts": (shares(0.4, 0.3, 0.2, 0.1), shares(0.15, 0.25, 0.2, 0.4)),
}


@pytest.mark.parametrize("name", FORMS)
def test_one_form_with_other_words_or_marks_is_no_copy_though_a_page_in_other_light_is(
    name: str, compare: Compare
) -> None:
    first, second = FORMS[name]
    for again in (saved(second, "PNG"), saved(second, quality=60), saved(second.resize((400, 400)))):
        assert compare(saved(first, "PNG"), again).relation not in SAME_PICTURE
    for edit in (brighter, gray):
        assert compare(saved(first, "PNG"), saved(edit(first))).relation == "edited", edit.__name__
    for edit in (marked, blackened):  # as somebody may have drawn another one
        assert compare(saved(first, "PNG"), saved(edit(first))).relation == "similar", edit.__name__


def test_what_differs_between_two_of_one_form_is_shown(compare: Compare) -> None:
    first, second = FORMS["letters"]
    found = compare(saved(first, "PNG"), saved(second, "PNG"))
    assert (found.relation, found.confidence) == ("same_object", 0.1)
    difference = found.explain().difference
    assert difference is not None
    rows = np.flatnonzero((difference > 60).any(1)) / len(difference)
    assert np.allclose([rows[0], rows[-1]], [160 / 1100, 875 / 1100], atol=0.02)


def test_without_its_file_a_form_is_seen_as_small_as_its_thumbnail(tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    for name, person in {"a": "Ms Okafor", "b": "Mr Lindqvist"}.items():
        letter(person, "87.35 EUR").save(pages / f"{name}.png")
    with lookalike.open(tmp_path / "home") as library:
        shelf = library.collection("pages", create=True, keep="thumbnail")
        shelf.add(pages)
        assert shelf.compare("id:a.png", "id:b.png").relation == "same_object"
        (pages / "b.png").write_bytes((pages / "a.png").read_bytes())  # no longer what was indexed
        assert shelf.compare("id:a.png", "id:b.png").relation == "similar"


def marked(picture: Picture) -> Picture:
    changed = picture.copy()
    PIL.ImageDraw.Draw(changed).text((60, picture.height // 2), "PAID", fill="crimson", font_size=60)
    return changed


def blackened(picture: Picture) -> Picture:
    changed = picture.copy()
    PIL.ImageDraw.Draw(changed).rectangle((60, 180, 260, 215), fill="black")
    return changed


def wiped(picture: Picture) -> Picture:
    changed = picture.copy()
    changed.paste(picture.getpixel((3, 3)), (150, 200, 330, 300))
    return changed


def gray(picture: Picture) -> Picture:
    return PIL.ImageOps.grayscale(picture)


def brighter(picture: Picture) -> Picture:
    return PIL.ImageEnhance.Brightness(picture).enhance(1.3)


def darker(picture: Picture) -> Picture:
    return picture.point([round(255 * (level / 255) ** 1.8) for level in range(256)] * 3)


def test_unlike_photos_are_unrelated(data: Path, compare: Compare) -> None:
    found = compare(data / "general" / "pizza" / "001.jpg", data / "general" / "airplanes" / "001.jpg")
    assert (found.relation, found.transform) == ("unrelated", None)


@pytest.mark.parametrize("size", [(1, 1), (300, 1), (300, 3), (5, 5), (400, 7), (8, 8), (4, 300), (16, 12), (500, 20)])
def test_pictures_of_a_few_pixels_are_related_too(size: tuple[int, int], compare: Compare) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
    striped = np.where(np.arange(size[0])[None, :, None] % 7 == 0, 0, 200).repeat(size[1], 0).repeat(3, 2)
    for pixels in (noise, striped.astype(np.uint8)):
        picture = PIL.Image.fromarray(pixels)
        marked = picture.copy()
        marked.paste("red", (size[0] // 2, size[1] // 2, *size))
        for other in (saved(picture, quality=60), saved(marked, "PNG"), saved(picture.rotate(90, expand=True), "PNG")):
            there, back = compare(saved(picture, "PNG"), other), compare(other, saved(picture, "PNG"))
            assert there.details == back.details
            assert 0 <= there.confidence <= 1


def test_without_pixels_only_equal_bytes_have_a_relation(photo: Picture) -> None:
    vector = np.array([1.0, 0.0], np.float32)
    known = {"format": "jpeg", "size_px": photo.size}
    a, b = (PictureFeatures(content_hash=name, vectors={"semantic": vector}, **known) for name in "ab")
    nothing = PictureFeatures(content_hash="c", vectors={}, **known)
    assert [found and found.kind for found in (relate(a, a), relate(a, b), relate(a, nothing))] == [
        "identical",
        None,
        None,
    ]


# --- why --------------------------------------------------------------------------------------------------------


def test_the_difference_of_a_copy_is_where_it_was_changed(photo: Picture, compare: Compare) -> None:
    changed = photo.copy()
    box = (40, 50, 100, 110)
    changed.paste((255, 0, 255), box)
    found = compare(saved(photo), saved(changed))
    why = found.explain()
    assert why.difference is not None
    scale = why.difference.shape[1] / photo.width
    left, top, right, bottom = (round(edge * scale) for edge in box)
    inside = why.difference[top + 3 : bottom - 3, left + 3 : right - 3]
    assert inside.mean() > 60
    assert np.median(why.difference) < 10
    assert PIL.Image.open(io.BytesIO(why.png)).width > 600


def test_the_places_that_agree_lie_where_the_transform_puts_them(photo: Picture, compare: Compare) -> None:
    found = compare(saved(photo), saved(cut(photo, 0.2, 0.1, 0.9, 0.9)))
    why = found.explain()
    assert found.transform is not None
    assert len(why.places) >= found.inliers >= 20
    put = why.places[:, :2] @ np.array(found.transform.matrix)[:, :2].T + np.array(found.transform.matrix)[:, 2]
    assert np.abs(put - why.places[:, 2:]).max() < 6


def test_hiding_what_the_map_points_to_costs_more_likeness_than_hiding_anything(data: Path) -> None:
    encoder = open_encoder()

    def embed(pixels: U8) -> F32:
        return encoder.encode(Image(pixels, (pixels.shape[1], pixels.shape[0]), "", "pixels"))["semantic"]

    def distance_without(pixels: U8, other: U8, places: list[int]) -> float:
        for place in places:
            pixels = hidden(pixels, place // 7, place % 7)
        return cosine_distance(embed(pixels), embed(other))

    rng = np.random.default_rng(3)
    by_map, by_chance = [], []
    for label in ("dolphin", "airplanes", "umbrella", "watch"):
        a, b = (np.asarray(PIL.Image.open(data / "general" / label / f"00{n}.jpg").convert("RGB")) for n in (1, 2))
        order = np.argsort(-likeness_map(a, b, embed).ravel()).tolist()
        by_map.append(distance_without(a, b, order[:8]))
        by_chance.append(np.mean([distance_without(a, b, rng.permutation(49)[:8].tolist()) for _ in range(6)]))
    assert np.mean(by_map) > np.mean(by_chance) + 0.05
