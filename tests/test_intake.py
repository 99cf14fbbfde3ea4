"""Sources of every kind, crops, hashes and folders."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage

from lookalike.errors import (
    FetchRefusedError,
    ImageTooLargeError,
    ImageUndecodableError,
    InputError,
    LookalikeError,
    SourceError,
    SourceNotFoundError,
)
from lookalike.intake import (
    base64_bytes,
    describe,
    is_source,
    is_url,
    read,
    read_bytes,
    source_of,
    stamp,
    thumbnail,
    walk,
)
from lookalike.limits import Limits
from lookalike.pictures import Bytes, File, Opened, Pixels, Stored, Url

LIMITS = Limits()
ROOT = Path(__file__).resolve().parents[1]


def picture(width: int = 40, height: int = 30, seed: int = 1) -> PILImage.Image:
    random = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return PILImage.fromarray(random).resize((width, height), PILImage.Resampling.BILINEAR)


def encoded(image: PILImage.Image, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


@pytest.fixture
def png(tmp_path: Path) -> Path:
    path = tmp_path / "cat.png"
    path.write_bytes(encoded(picture()))
    return path


# --- one picture, every kind of source ------------------------------------------------------------------------------


def test_every_kind_of_encoded_source_gives_the_same_image(png):
    data = png.read_bytes()
    text = base64.b64encode(data).decode()
    broken = "\n".join(text[at : at + 76] for at in range(0, len(text), 76))
    sources = [png, str(png), data, bytearray(data), memoryview(data), io.BytesIO(data), text, broken]
    sources += [base64.urlsafe_b64encode(data).decode().rstrip("="), f"data:image/png;base64,{text}"]
    for source in sources:
        image = read(source, limits=LIMITS)
        assert np.array_equal(image.pixels, np.asarray(picture()))
        assert image.content_hash == hashlib.sha256(data).hexdigest()
        assert (image.size_px, image.format, image.byte_size) == ((40, 30), "png", len(data))
    with open(png, "rb") as file:
        assert read(file, limits=LIMITS).content_hash == image.content_hash
    assert read(image, limits=LIMITS) is image


def test_arrays_and_pil_images_of_equal_pixels_have_one_hash():
    image = picture()
    array = np.asarray(image)
    read_array, read_pil = read(array, limits=LIMITS), read(image, limits=LIMITS)
    assert read_array.content_hash == read_pil.content_hash
    assert np.array_equal(read_array.pixels, array)
    assert (read_array.format, read_array.byte_size) == ("pixels", 0)
    assert read(array[::-1], limits=LIMITS).content_hash != read_array.content_hash
    flat = np.zeros((2, 8), np.uint8)
    assert read(flat, limits=LIMITS).content_hash != read(flat.reshape(4, 4), limits=LIMITS).content_hash


@pytest.mark.parametrize(
    ("array", "wanted"),
    [
        (np.full((2, 3), 7, np.uint8), 7),
        (np.full((2, 3, 1), 7, np.uint8), 7),
        (np.full((2, 3), True), 255),
        (np.full((2, 3), 0x1234, np.uint16), 0x12),
        (np.full((2, 3, 3), 0.5, np.float32), 128),
        (np.full((2, 3, 3), 1.0, np.float64), 255),
        (np.full((2, 3, 4), 0, np.uint8), 255),
        (np.full((2, 3, 2), (100, 255), np.uint8), 100),
        (np.asfortranarray(np.full((2, 3, 3), 9, np.uint8)), 9),
    ],
)
def test_arrays_are_converted_and_never_changed(array, wanted):
    before = array.copy()
    array.flags.writeable = False
    image = read(array, limits=LIMITS)
    assert image.pixels.shape == (2, 3, 3)
    assert image.pixels.dtype == np.uint8
    assert (image.pixels == wanted).all()
    assert np.array_equal(array, before)
    assert not np.shares_memory(image.pixels, array)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.full((2, 3, 3), 200.0), "Divide by 255"),
        (np.full((2, 3), np.nan), "from 0 to 1"),
        (np.full((2, 3), -0.1), "from 0 to 1"),
        (np.zeros((0, 3, 3), np.uint8), "empty"),
        (np.zeros(5, np.uint8), "shape 5"),
        (np.zeros((4, 2, 3, 3), np.uint8), "one by one"),
        (np.zeros((3, 20, 20), np.uint8), "transpose"),
        (np.zeros((2, 3), np.int64), "int64"),
        (np.zeros((2, 3), complex), "complex"),
        (np.array([["a"]]), "picture"),
    ],
)
def test_arrays_that_mean_no_picture_are_refused(array, said):
    with pytest.raises(InputError, match=said):
        read(array, limits=LIMITS)


def test_pil_images_of_any_mode_are_read_and_left_alone(png):
    for mode in ("1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "F"):
        image = picture().convert("L").convert(mode) if mode == "I;16" else picture().convert(mode)
        before = image.copy()
        assert read(image, limits=LIMITS).size_px == (40, 30)
        assert image == before
    with PILImage.open(png) as lazy:
        assert np.array_equal(read(lazy, limits=LIMITS).pixels, np.asarray(picture()))
    exif = PILImage.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    picture(400, 300).save(stream, "JPEG", exif=exif)
    with PILImage.open(stream) as turned:
        assert read(turned, limits=LIMITS).size_px == (300, 400)
    with PILImage.open(io.BytesIO(stream.getvalue()[:-1500])) as cut, pytest.raises(SourceError, match="PIL image"):
        read(cut, limits=LIMITS)


@pytest.mark.parametrize("source", [None, 7, 1.5, ["a.jpg"], {"_id": 1}, object(), type])
def test_other_types_are_refused_by_name(source):
    assert not is_source(source)
    with pytest.raises(InputError, match="a source is a path") as caught:
        read(source, limits=LIMITS)
    assert type(source).__qualname__ in caught.value.message


def test_an_open_text_file_is_refused(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("x")
    with open(path) as file, pytest.raises(InputError, match="binary mode"):
        read(file, limits=LIMITS)
    with pytest.raises(SourceError):
        read(file, limits=LIMITS)


# --- text -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "cat.jpg", "no/such/cat.jpg", "a" * 300, "x" * 5000, "a\0b", "AAAABBBBCCCC" * 20])
def test_text_that_is_nothing_is_a_missing_file(text):
    with pytest.raises(SourceNotFoundError, match="no such file"):
        read(text, limits=LIMITS)


@pytest.mark.parametrize("text", ["ftp://host/a.jpg", "file:///etc/passwd", "file:/etc/passwd", "s3://bucket/key"])
def test_foreign_schemes_are_not_opened(text):
    with pytest.raises(FetchRefusedError, match="only http and https"):
        read(text, limits=LIMITS)


def test_a_file_whose_name_looks_like_base64_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = base64.b64encode(encoded(picture(8, 8)))[:100].decode().replace("/", "A")
    Path(name).write_bytes(encoded(picture(40, 30)))
    assert read(name, limits=LIMITS).size_px == (40, 30)
    Path("12:30.png").write_bytes(encoded(picture(40, 30)))
    assert read("12:30.png", limits=LIMITS).size_px == (40, 30)


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=200), st.booleans(), st.booleans())
def test_base64_comes_back(data, url_safe, padded):
    text = (base64.urlsafe_b64encode if url_safe else base64.b64encode)(data).decode()
    assert base64_bytes(text if padded else text.rstrip("=")) == data


@pytest.mark.parametrize("text", ["", "a", "äöü", "ab!d", "data:image/png,raw", "data:image/png;base64", "=", 7])
def test_what_is_no_base64_is_refused(text):
    with pytest.raises(InputError):
        base64_bytes(text)


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=200))
def test_any_text_raises_nothing_but_our_errors(text):
    assert describe(text).isprintable()
    with suppress(LookalikeError):
        source_of(text, stored=True)
    if is_url(text):
        return
    with pytest.raises(LookalikeError):
        read(text, limits=LIMITS)


def test_read_bytes_gives_bytes_and_a_name(png):
    data = png.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    assert read_bytes(png, limits=LIMITS) == (data, str(png))
    assert read_bytes(data, limits=LIMITS) == (data, f"bytes:{digest[:12]}")
    assert read_bytes(base64.b64encode(data).decode(), limits=LIMITS) == (data, f"bytes:{digest[:12]}")
    with pytest.raises(InputError, match="array 2x2"):
        read_bytes(np.zeros((2, 2), np.uint8), limits=LIMITS)


def test_descriptions_are_short_and_tell_no_password():
    assert describe("https://me:secret@host/a.jpg?x=1") == "https://host/a.jpg?x=1"
    assert len(describe("https://host/" + "a" * 500)) == 80
    assert describe(np.zeros((480, 640), np.uint8)) == "array 480x640"
    assert describe(picture()) == "<PIL image 40x30>"
    assert describe("some/cat.jpg") == "some/cat.jpg"
    assert describe("a\nb.jpg") == "a\\nb.jpg"
    assert describe({"a": "b" * 500}).endswith("...")
    long = base64.b64encode(encoded(picture())).decode()
    assert describe(long).startswith("bytes:")
    assert describe(f"data:image/png;base64,{long}") == describe(long)


# --- files ----------------------------------------------------------------------------------------------------------


def test_what_is_no_file_is_refused_without_hanging(tmp_path):
    with pytest.raises(SourceNotFoundError):
        read(tmp_path / "missing.jpg", limits=LIMITS)
    with pytest.raises(SourceNotFoundError):
        read(tmp_path / "missing" / "x.jpg", limits=LIMITS)
    with pytest.raises(InputError, match="a folder"):
        read(tmp_path, limits=LIMITS)
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(InputError, match="a pipe"):
        read(tmp_path / "pipe.jpg", limits=LIMITS)
    with pytest.raises(InputError, match="device"):
        read("/dev/zero", limits=LIMITS)
    os.symlink("nowhere", tmp_path / "link.jpg")
    with pytest.raises(SourceNotFoundError):
        read(tmp_path / "link.jpg", limits=LIMITS)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_source_error(png):
    png.chmod(0)
    with pytest.raises(SourceError, match="denied"):
        read(png, limits=LIMITS)


def test_a_file_over_the_limit_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge.jpg"
    with open(path, "wb") as file:
        file.truncate(10**12)
    with pytest.raises(ImageTooLargeError, match="max_image_bytes"):
        read(path, limits=LIMITS)
    with pytest.raises(ImageTooLargeError):
        read(io.BytesIO(bytes(2000)), limits=Limits(max_image_bytes=1000))
    with pytest.raises(ImageTooLargeError):
        read(np.zeros((20, 20), np.uint8), limits=Limits(max_image_pixels=399))


def test_names_that_are_no_text_are_read_and_printed(tmp_path):
    raw = os.fsencode(tmp_path) + b"/caf\xe9\x01.png"
    with open(raw, "wb") as file:
        file.write(encoded(picture()))
    name = os.fsdecode(raw)
    assert read(name, limits=LIMITS).size_px == (40, 30)
    assert describe(name).endswith("caf\\xe9\\x01.png")
    (found,) = walk(tmp_path, limits=LIMITS)
    assert found.relative == "caf\\xe9\\x01.png"
    assert read(found.path, limits=LIMITS).size_px == (40, 30)
    with open(raw, "wb") as file:
        file.write(b"no picture")
    with pytest.raises(ImageUndecodableError) as caught:
        read(found.path, limits=LIMITS)
    caught.value.message.encode("utf-8")


# --- crops ----------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_crop_is_the_part_of_the_whole(data):
    width, height = 90, 70
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    w, h = data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y))
    whole = picture(width, height)
    wanted = np.asarray(whole)[y : y + h, x : x + w]
    for source in (encoded(whole), whole, np.asarray(whole), read(encoded(whole), limits=LIMITS)):
        image = read(source, limits=LIMITS, crop=(x, y, w, h))
        assert np.array_equal(image.pixels, wanted)
        assert image.size_px == (w, h)
        same = read(source, limits=LIMITS).content_hash == image.content_hash
        assert same == ((x, y, w, h) == (0, 0, width, height))


def test_a_crop_of_a_large_jpeg_keeps_its_detail():
    large = picture(3200, 2400)
    data = encoded(large, "JPEG")
    image = read(data, limits=LIMITS, crop=(1600, 800, 500, 460))
    assert image.pixels.shape == (460, 500, 3)
    wide = read(data, limits=LIMITS, crop=(100, 100, 2000, 1900), min_side_px=448)
    assert wide.size_px == (2000, 1900)
    assert 448 <= min(wide.pixels.shape[:2]) < 900
    wanted = np.asarray(large.crop((100, 100, 2100, 2000)).resize((8, 8), PILImage.Resampling.BOX)).astype(int)
    got = np.asarray(PILImage.fromarray(wide.pixels).resize((8, 8), PILImage.Resampling.BOX)).astype(int)
    assert np.abs(got - wanted).mean() < 3


@pytest.mark.parametrize(
    "crop",
    [(0, 0, 0, 5), (-1, 0, 5, 5), (0, 0, 41, 5), (36, 0, 5, 5), (0, 0, 5), "abcd", (0.5, 0, 3, 3), (1, 2, None, 4)],
)
def test_a_crop_outside_the_picture_is_refused(crop):
    for source in (encoded(picture()), encoded(picture(), "JPEG"), picture(), np.asarray(picture())):
        with pytest.raises(InputError, match="crop"):
            read(source, limits=LIMITS, crop=crop)


# --- folders --------------------------------------------------------------------------------------------------------


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_a_walk_is_sorted_by_relative_path_and_skips_what_is_hidden(tmp_path):
    make(tmp_path, "b/2.jpg", "b/1.jpg", "b.jpg", "b-c.jpg", "a.png", "Z.jpg", ".hidden.jpg", ".git/x.jpg", "b/.x.jpg")
    make(tmp_path, "ü.jpg", "c/d/e.jpg")
    names = [found.relative for found in walk(tmp_path, limits=LIMITS)]
    assert names == sorted(names)
    assert set(names) == {"Z.jpg", "a.png", "b-c.jpg", "b.jpg", "b/1.jpg", "b/2.jpg", "c/d/e.jpg", "ü.jpg"}


def test_a_walk_tells_pictures_by_bytes_and_by_name(tmp_path):
    make(tmp_path, "a.heic", "b.svg", "c.CR2", "d.JPG", "notes.txt", "script.py", "empty")
    (tmp_path / "named.dat").write_bytes(encoded(picture(), "GIF"))
    (tmp_path / "drawing.txt").write_bytes(b"<svg xmlns='x'></svg>")
    (tmp_path / "layers").write_bytes(b"8BPS\0\1")
    (tmp_path / "empty").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe.jpg")
    os.symlink("nowhere", tmp_path / "broken.jpg")
    os.symlink("nowhere", tmp_path / "broken.txt")
    looks = {found.relative: found.looks_like_image for found in walk(tmp_path, limits=LIMITS)}
    yes = {"a.heic", "b.svg", "c.CR2", "d.JPG", "named.dat", "drawing.txt", "layers", "broken.jpg"}
    assert {name for name, is_image in looks.items() if is_image} == yes
    assert set(looks) == yes | {"notes.txt", "script.py", "empty"}


def test_a_walk_ends_in_spite_of_loops_and_finds_nothing_twice(tmp_path):
    make(tmp_path, "root/a/1.jpg", "root/b/2.jpg", "outside/3.jpg", "outside/deep/4.jpg")
    root = tmp_path / "root"
    os.symlink(root, root / "a" / "up")
    os.symlink(root / "b", root / "a" / "side")
    os.symlink(tmp_path / "outside", root / "x")
    os.symlink(tmp_path / "outside" / "deep", root / "y")
    os.symlink(tmp_path, root / "z")
    os.symlink("self", root / "self")
    names = [found.relative for found in walk(root, limits=LIMITS)]
    assert names == ["a/1.jpg", "b/2.jpg", "x/3.jpg", "x/deep/4.jpg"]


def test_a_walk_of_no_folder_fails_at_once(tmp_path):
    make(tmp_path, "a.jpg")
    with pytest.raises(SourceNotFoundError):
        walk(tmp_path / "missing", limits=LIMITS)
    with pytest.raises(InputError, match="not a folder"):
        walk(tmp_path / "a.jpg", limits=LIMITS)


def test_the_stamp_changes_with_the_file(png):
    (found,) = walk(png.parent, limits=LIMITS)
    assert found.stamp == stamp(png) == f"{png.stat().st_size}:{png.stat().st_mtime_ns}"
    os.utime(png, ns=(1, 2))
    assert stamp(png) != found.stamp


# --- the rest -------------------------------------------------------------------------------------------------------


def test_a_thumbnail_is_a_small_jpeg():
    image = read(picture(800, 600), limits=LIMITS)
    small = read(thumbnail(image, 200), limits=LIMITS)
    assert small.format == "jpeg"
    assert small.size_px == (200, 150)
    assert read(thumbnail(read(picture(20, 10), limits=LIMITS), 200), limits=LIMITS).size_px == (20, 10)


def test_importing_the_intake_loads_no_heavy_library():
    heavy = "{'numpy', 'PIL', 'ssl', 'http', 'socket'}"
    code = f"import sys, lookalike.intake; print(*({heavy} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == []


def test_where_a_picture_comes_from_is_told_once(png, monkeypatch):
    monkeypatch.chdir(png.parent)
    data = png.read_bytes()
    text = base64.b64encode(data).decode()
    assert source_of(png.name) == source_of(Path(png.name)) == File(png.name)
    assert source_of("nowhere.png") == File("nowhere.png")
    assert source_of("HTTPS://example.com/a.png") == Url("HTTPS://example.com/a.png")
    assert source_of("id:7") == File("id:7")
    assert source_of("id:7", stored=True) == Stored("7")
    for form in (data, bytearray(data), memoryview(data), text, f"data:image/png;base64,{text}"):
        assert source_of(form).data == data
    assert isinstance(source_of(io.BytesIO(data)), Opened)
    assert isinstance(source_of(np.zeros((2, 2), np.uint8)), Pixels)
    held = source_of(png)
    assert source_of(held) is held
    with pytest.raises(FetchRefusedError):
        source_of("ftp://example.com/a.png")
    with pytest.raises(InputError, match=r"this is builtins\.int"):
        source_of(7)


def test_a_file_whose_name_is_base64_of_a_picture_is_that_file(tmp_path, monkeypatch):
    name = base64.urlsafe_b64encode(b"GIF89a" + bytes(24)).decode()
    monkeypatch.chdir(tmp_path)
    assert isinstance(source_of(name), Bytes)
    (tmp_path / name).touch()
    assert source_of(name) == File(name)
