"""Originals: of copies of one picture the one that the others were made of is kept, whatever bytes and pixels say."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageEnhance
import PIL.ImageFilter
import PIL.ImageOps
import pytest

import lookalike
from lookalike.core.features.describer import Describer
from lookalike.core.relations.consensus import dissent
from lookalike.core.relations.originals import Traits, evidence, lateness
from lookalike.core.review.review import CERTAIN
from lookalike.geometry import read_traces, square_version
from lookalike.pictures import Facts
from lookalike.settings import load_settings

Picture = PIL.Image.Image
PHOTOS = ("ceiling_fan/020.jpg", "menorah/003.jpg", "accordion/004.jpg", "bass/002.jpg")


def jpeg(picture: Picture, quality: int, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.convert("RGB").save(stream, "JPEG", quality=quality, **options)
    return stream.getvalue()


def decoded(data: bytes) -> Picture:
    with PIL.Image.open(io.BytesIO(data)) as opened:
        return opened.convert("RGB")


def png(picture: Picture) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def noisy(picture: Picture) -> Picture:
    levels = np.asarray(picture, np.float32) + np.random.default_rng(0).normal(0, 11, (*picture.size[::-1], 3))
    return PIL.Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


def captioned(picture: Picture) -> Picture:
    out = picture.copy()
    pen = PIL.ImageDraw.Draw(out)
    pen.rectangle((0, out.height - 40, out.width, out.height), "black")
    pen.text((10, out.height - 36), "for sale", "white", font_size=26)
    return out


def scaled(by: float) -> Callable[[Picture], Picture]:
    return lambda one: one.resize((round(one.width * by), round(one.height * by)), PIL.Image.Resampling.BICUBIC)


# Each with more bytes than the original has, most with as many pixels or more.
LATER: dict[str, Callable[[Picture], bytes]] = {
    "saved finer": lambda one: jpeg(one, 97),
    "made a PNG": png,
    "saved alike": lambda one: jpeg(one, 84),
    "brighter": lambda one: jpeg(PIL.ImageEnhance.Brightness(one).enhance(1.3), 95),
    "darker": lambda one: jpeg(PIL.ImageEnhance.Brightness(one).enhance(0.6), 95),
    "more contrast": lambda one: jpeg(PIL.ImageOps.autocontrast(one, cutoff=4), 95),
    "gray": lambda one: jpeg(one.convert("L"), 97),
    "noise": lambda one: jpeg(noisy(one), 95),
    "blurred": lambda one: jpeg(one.filter(PIL.ImageFilter.BoxBlur(2)), 97),
    "enlarged": lambda one: jpeg(scaled(1.7)(one), 95),
    "reduced": lambda one: png(scaled(0.6)(one)),
    "caption": lambda one: jpeg(captioned(one), 95),
    "posterized": lambda one: jpeg(PIL.ImageOps.posterize(one, 3), 95),
}


def curved(bend: float) -> Callable[[Picture], Picture]:
    levels = np.arange(256) / 255
    table = np.rint(255 * (levels - bend * np.sin(2 * np.pi * levels) / (2 * np.pi))).astype(np.uint8)
    return lambda one: PIL.Image.fromarray(table[np.asarray(one)])


def vignetted(picture: Picture) -> Picture:
    y, x = np.mgrid[-1 : 1 : picture.height * 1j, -1 : 1 : picture.width * 1j]
    return PIL.Image.fromarray((np.asarray(picture) * (1 - 0.25 * (x * x + y * y))[..., None]).astype(np.uint8))


def warmer(picture: Picture) -> Picture:
    return PIL.Image.fromarray(np.clip(np.asarray(picture) * np.array([1.06, 1, 0.86]), 0, 255).astype(np.uint8))


# What is lost by none of these shows in one picture alone: they clip nothing, and keep size and quality.
SMOOTH: dict[str, Callable[[Picture], Picture]] = {
    "steeper": curved(0.5),
    "flatter": curved(-0.5),
    "vignette": vignetted,
    "warmer": warmer,
    "captioned": captioned,
}


@pytest.fixture(scope="module")
def describer(tmp_path_factory: pytest.TempPathFactory) -> Describer:
    return Describer(load_settings(home=str(tmp_path_factory.mktemp("originals"))), "builtin")


def traits(describer: Describer, data: bytes, facts: Facts | None = None) -> Traits:
    traces, quality = describer.traces(data)
    with PIL.Image.open(io.BytesIO(data)) as picture:
        size, format = picture.size, str(picture.format).lower()
        square = square_version(np.asarray(picture.convert("RGB")))
    return Traits(size[0] * size[1], format, quality, facts or Facts(), traces, len(data), size_px=size, square=square)


@pytest.fixture(scope="module")
def originals(data: Path) -> list[bytes]:
    found = [path for name in PHOTOS if (path := data / "general" / name).exists()]
    return [jpeg(PIL.Image.open(path).convert("RGB").resize((330, 240)), 84) for path in found]


@pytest.mark.parametrize("kind", LATER)
def test_what_was_made_of_a_photo_is_told_from_it(kind: str, describer: Describer, originals: list[bytes]) -> None:
    said = []
    for data in originals:
        picture = decoded(data)
        a, b = traits(describer, data), traits(describer, LATER[kind](picture))
        assert evidence(a, b) == pytest.approx(-evidence(b, a)), "the other way round it is the opposite"
        said.append(evidence(a, b))
    assert sum(one > 0 for one in said) >= len(said) - 1, said
    assert sum(said) > 0


def test_the_original_of_many_copies_is_the_least_late(describer: Describer, originals: list[bytes]) -> None:
    for data in originals:
        picture = decoded(data)
        pictures = [LATER["enlarged"](picture), LATER["saved finer"](picture), data, LATER["noise"](picture)]
        late = lateness({key: traits(describer, one) for key, one in enumerate(pictures)})
        assert min(late, key=lambda key: late[key]) == 2


def test_many_copies_tell_the_original_of_edits_that_leave_no_traces(
    describer: Describer, originals: list[bytes]
) -> None:
    told = []
    for data in originals:
        picture = decoded(data)
        pictures = {name: traits(describer, jpeg(edit(picture), 84)) for name, edit in SMOOTH.items()}
        alone = {name: replace(one, traces=None) for name, one in pictures.items()}
        late = lateness({1: replace(traits(describer, data), traces=None), **dict(enumerate(alone.values(), 2))})
        told.append(min(late, key=lambda key: late[key]))
        both = lateness({1: replace(traits(describer, data), traces=None), 2: alone["vignette"]})
        assert both[1] == both[2], "two have no third that could decide"
    assert sum(one == 1 for one in told) >= len(originals) - 1, told


def test_a_picture_of_another_shape_than_most_that_show_the_same_is_stretched(
    describer: Describer, originals: list[bytes]
) -> None:
    told = []
    for data in originals:
        picture = decoded(data)
        wide = picture.resize((2 * picture.width, round(1.4 * picture.height)), PIL.Image.Resampling.BICUBIC)
        copies = [jpeg(wide, 97), jpeg(picture, 60), jpeg(warmer(picture), 80), data, jpeg(scaled(0.6)(picture), 90)]
        late = lateness({key: traits(describer, one) for key, one in enumerate(copies)})
        told.append(min(late, key=lambda key: late[key]))
        assert late[0] > late[3], "it has most pixels, and is nobody's original"
    assert sum(one == 3 for one in told) >= len(originals) - 1, told


def test_exports_of_one_size_do_not_outvote_the_camera_s_own(describer: Describer, originals: list[bytes]) -> None:
    camera = Facts(taken="2019-05-01T10:00:00", camera="Canon EOS")
    for data in originals:
        picture = decoded(data)
        small = scaled(0.5)(picture)
        exports = [jpeg(edit(small), 85) for edit in (lambda one: one, warmer, vignetted, captioned, curved(0.4))]
        late = lateness(
            {0: traits(describer, data, camera), **{k: traits(describer, e) for k, e in enumerate(exports, 1)}}
        )
        assert min(late, key=lambda key: late[key]) == 0


def test_pictures_without_squares_have_no_consensus(describer: Describer, originals: list[bytes]) -> None:
    some = {key: replace(traits(describer, data), square=None) for key, data in enumerate(originals)}
    assert not dissent(some, list(some)).any()
    assert dissent({}, []).shape == (0, 0)


@pytest.mark.parametrize("count", [3, 7, 70])
def test_consensus_asks_some_of_many_and_says_the_opposite_the_other_way_round(
    count: int, describer: Describer, originals: list[bytes]
) -> None:
    one = traits(describer, originals[0])
    rng, square = np.random.default_rng(count), one.square
    assert square is not None
    noise = rng.integers(-20, 21, (count, *square.shape))
    some = {
        key: replace(one, square=np.clip(square + (key > 0) * part, 0, 255).astype(np.uint8))
        for key, part in enumerate(noise)
    }
    said = dissent(some, list(some))
    assert np.allclose(said, -said.T)
    assert (said[1:, 0] > 0).all(), "each other one is later than the middle of all"
    assert (dissent(some, list(some)[::2])[1:, 0] >= 0).all(), "and where every other one is asked"


def test_a_camera_s_own_picture_beats_its_export_and_then_the_older_date(
    describer: Describer, originals: list[bytes]
) -> None:
    same = traits(describer, originals[0])
    camera = Facts(taken="2019-05-01T10:00:00", camera="Canon EOS", has_place=True)
    assert evidence(replace(same, facts=camera), same) > 5
    later = replace(camera, taken="2020-01-01T00:00:00")
    assert evidence(replace(same, facts=camera), replace(same, facts=later)) > 0
    finer = replace(traits(describer, originals[0]), pixel_count=same.pixel_count + 1, quality=99)
    assert evidence(replace(same, facts=camera), finer) > 0


def test_what_is_remembered_of_traces_is_read_back(describer: Describer, originals: list[bytes]) -> None:
    traces, _ = describer.traces(originals[0])
    again = read_traces(bytes(traces))
    assert again is not None
    assert bytes(again) == bytes(traces)
    assert len(bytes(traces)) < 64, "a collection that keeps no pictures may not remember it"
    assert read_traces(b"something else") is None


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (31, 31), (64, 40)])
def test_tiny_and_flat_pictures_have_traces_too(describer: Describer, size: tuple[int, int]) -> None:
    for color in ("black", "white", "gray"):
        for data in (png(PIL.Image.new("RGB", size, color)), jpeg(PIL.Image.new("RGB", size, color), 80)):
            traces, _ = describer.traces(data)
            assert np.isfinite(np.frombuffer(bytes(traces), np.float32)).all()
            assert evidence(traits(describer, data), traits(describer, data)) == 0


def test_the_original_is_kept_and_only_what_is_certain_is_marked(tmp_path: Path, originals: list[bytes]) -> None:
    data = originals[1]
    with PIL.Image.open(io.BytesIO(data)) as opened:
        picture = opened.convert("RGB")
    copies = {name: LATER[name](picture) for name in ("saved finer", "brighter", "enlarged", "caption")}
    copies["mirrored"] = jpeg(PIL.ImageOps.mirror(picture), 95)
    for keep in ("original", "thumbnail"):
        with lookalike.open(tmp_path / keep) as library:
            photos = library.create("photos", keep=keep)  # type: ignore[arg-type]
            for name, one in {**copies, "the original": data}.items():
                photos.add(one, id=name)
            [group] = photos.duplicates()
            assert {member.id for member in group.members} == {*copies, "the original"}, keep
            if keep == "thumbnail":  # of which the finest detail is gone: an enlarged one is not told there
                assert group.representative in ("the original", "enlarged")
                continue
            assert group.representative == "the original"
            [best] = photos.review.best_of_each()
            relations = {member.id: member.relation for member in group.members[1:]}
            assert set(best.deleted) == {id for id, relation in relations.items() if relation in CERTAIN}
            assert {"mirrored", "brighter", "caption"} <= set(best.left)
            assert best.freed_bytes == sum(photos.get(id).byte_size for id in best.deleted)
            [whole] = photos.review.best_of_each(all_kinds=True)
            assert (set(whole.deleted), whole.left) == (set(relations), ())
            photos.review.keep_best()
            assert photos.decisions.ids_of("delete") == set(best.deleted)
            [left] = photos.review.best_of_each()
            assert set(left.left) == set(best.left)
            assert left.deleted == ()
            photos.review.keep_best(all_kinds=True)
            assert photos.decisions.ids_of("delete") == set(relations)
            assert photos.review.best_of_each() == ()
