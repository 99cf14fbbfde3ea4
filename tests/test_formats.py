"""Every format and every hostile file of the shared set, and bytes of our own making."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage

import lookalike
from lookalike.errors import ImageTooLargeError, ImageUndecodableError, ImageUnsupportedError, LookalikeError
from lookalike.intake import read, webp
from lookalike.limits import Limits

LIMITS = Limits()
ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("LOOKALIKE_TEST_DATA", ROOT / "../shared/data"))
needs_data = pytest.mark.skipif(
    not (DATA / "formats" / "manifest.csv").exists(), reason="LOOKALIKE_TEST_DATA names no folder with formats/"
)

# Reads each path of its input in a process that may take so many bytes beyond what Python and its libraries take.
READER = """
import json, resource, sys, time
import numpy, PIL.Image
from lookalike.errors import LookalikeError
from lookalike.intake import read, webp
from lookalike.limits import Limits
read(numpy.zeros((2, 2), numpy.uint8), limits=Limits())
base = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (base + int(sys.argv[1]),) * 2)
for line in sys.stdin:
    start = time.perf_counter()
    answer = {}
    try:
        image = read(line.rstrip("\\n"), limits=Limits())
        small = PIL.Image.fromarray(image.pixels).resize((32, 32), PIL.Image.Resampling.BOX)
        answer = {"size": image.size_px, "format": image.format, "mean": image.pixels.mean((0, 1)).tolist(),
                  "small": numpy.asarray(small).tolist(), "side": min(image.pixels.shape[:2])}
    except LookalikeError as error:
        answer = {"code": error.code, "message": error.message}
    answer["seconds"] = time.perf_counter() - start
    print(json.dumps(answer), flush=True)
"""


def manifest() -> list[dict[str, str]]:
    with open(DATA / "formats" / "manifest.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def answers() -> dict[str, dict]:
    """One process reads the whole set; if it died, the files behind the fatal one have no answer."""
    rows = manifest()
    lines = read_apart([DATA / row["file"] for row in rows], memory=500_000_000)
    return {row["file"]: line for row, line in zip(rows, lines, strict=True)}


def read_apart(paths: list[Path], memory: int) -> list[dict]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-W", "error", "-c", READER, str(memory)]
    text = "".join(f"{path}\n" for path in paths)
    done = subprocess.run(command, input=text, capture_output=True, text=True, env=environment)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == len(paths), f"died at {paths[len(lines)]}: {done.stderr[-2000:]}"
    return lines


@needs_data
def test_every_good_file_is_read_with_its_size_and_colors(answers):
    for row in manifest():
        answer = answers[row["file"]]
        if row["expect"] != "ok":
            continue
        assert "size" in answer, (row["file"], answer)
        assert answer["size"] == [int(row["width"]), int(row["height"])], row["file"]
        assert answer["format"] == row["format"], row["file"]
        if row["mean_r"]:
            wanted = [float(row[f"mean_{c}"]) for c in "rgb"]
            assert np.abs(np.subtract(answer["mean"], wanted)).max() <= 4, (row["file"], answer["mean"], wanted)


@needs_data
def test_every_bad_file_is_refused_with_a_message(answers):
    for row in manifest():
        answer = answers[row["file"]]
        if row["expect"] == "refuse":
            assert answer.get("code", "").startswith("image_"), (row["file"], answer)
            assert answer["message"].endswith("."), answer


@needs_data
def test_no_file_takes_long(answers):
    slow = {name: answer["seconds"] for name, answer in answers.items() if answer["seconds"] > 5}
    assert not slow


@needs_data
def test_files_that_show_the_same_picture_agree(answers):
    groups = defaultdict(list)
    for row in manifest():
        if row["same_as"] and "small" in answers[row["file"]]:
            groups[row["same_as"]].append(row)
    assert len(groups) >= 4
    for rows in groups.values():
        first = np.array(answers[rows[0]["file"]]["small"], dtype=float)
        for row in rows[1:]:
            difference = np.abs(np.array(answers[row["file"]]["small"]) - first).mean()
            assert difference < 4, (row["file"], difference)


# --- pictures of our own making -------------------------------------------------------------------------------------


def photo(width: int = 60, height: int = 40) -> PILImage.Image:
    """A smooth picture with a red left top, so that every turn of it is another picture."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    pixels = np.stack([255 - 200 * x / width - 50 * y / height, 200 * y / height + 20, 180 * x / width + 40], axis=2)
    return PILImage.fromarray(pixels.clip(0, 255).astype(np.uint8))


def encoded(image: PILImage.Image, kind: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def pixels_of(data: bytes) -> np.ndarray:
    return read(data, limits=LIMITS).pixels.astype(int)


def difference(data: bytes, wanted: PILImage.Image) -> float:
    pixels = pixels_of(data)
    assert pixels.shape == (wanted.height, wanted.width, 3)
    return float(np.abs(pixels - np.asarray(wanted.convert("RGB")).astype(int)).mean())


@pytest.mark.parametrize(
    ("kind", "options", "name"),
    [
        ("JPEG", {"quality": 95}, "jpeg"),
        ("JPEG", {"quality": 95, "progressive": True}, "jpeg"),
        ("PNG", {}, "png"),
        ("WEBP", {"quality": 95}, "webp"),
        ("WEBP", {"lossless": True}, "webp"),
        ("AVIF", {"quality": 95}, "avif"),
        ("BMP", {}, "bmp"),
        ("TIFF", {}, "tiff"),
        ("TIFF", {"compression": "tiff_lzw"}, "tiff"),
        ("TIFF", {"compression": "tiff_adobe_deflate"}, "tiff"),
        ("TGA", {}, "tga"),
        ("TGA", {"compression": "tga_rle"}, "tga"),
        ("PPM", {}, "ppm"),
        ("GIF", {}, "gif"),
        ("ICO", {"sizes": [(60, 40)]}, "ico"),
        ("ICO", {"sizes": [(60, 40)], "bitmap_format": "bmp"}, "ico"),
    ],
)
def test_a_format_shows_its_picture(kind, options, name):
    data = encoded(photo(), kind, **options)
    assert difference(data, photo()) < 6
    image = read(data, limits=LIMITS)
    assert (image.format, image.byte_size, image.size_px) == (name, len(data), (60, 40))


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_a_mode_without_alpha_shows_its_picture(mode):
    image = photo().convert(mode)
    kind = {"CMYK": "TIFF", "YCbCr": "JPEG"}.get(mode, "PNG")
    assert difference(encoded(image, kind), image.convert("RGB")) < 6


def test_an_adobe_cmyk_jpeg_is_not_a_negative():
    assert difference(encoded(photo().convert("CMYK"), "JPEG", quality=95), photo()) < 8


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_turned_picture_is_shown_upright(turn, kind):
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transposition that undoes each orientation
    stored = photo() if turn == 1 else photo().transpose(PILImage.Transpose(back[turn]))
    exif = PILImage.Exif()
    exif[0x0112] = turn
    data = encoded(stored, kind, exif=exif, **({} if kind in ("PNG", "TIFF") else {"quality": 95}))
    image = read(data, limits=LIMITS)
    assert image.size_px == (60, 40)
    assert difference(data, photo()) < 6
    part = read(data, limits=LIMITS, crop=(5, 3, 20, 30))
    wanted = np.asarray(photo().crop((5, 3, 25, 33))).astype(int)
    assert part.size_px == (20, 30)
    assert np.abs(part.pixels - wanted).mean() < 6


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"junk", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"]
)
def test_broken_exif_does_not_refuse_a_good_picture(exif):
    assert difference(encoded(photo(), "JPEG", quality=95, exif=exif), photo()) < 6
    assert difference(encoded(photo(), "PNG", exif=exif), photo()) < 1


def test_deep_gray_is_scaled_not_clipped():
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(4, 0)
    wanted = np.arange(256)[None, :, None]
    assert np.abs(pixels_of(encoded(PILImage.fromarray(ramp), "PNG")) - wanted).max() <= 1
    assert np.abs(pixels_of(encoded(PILImage.fromarray(ramp), "TIFF")) - wanted).max() <= 1
    floats = PILImage.fromarray((ramp / 65535).astype(np.float32))
    assert np.abs(pixels_of(encoded(floats, "TIFF")) - wanted).max() <= 1
    whole = PILImage.fromarray(ramp.astype(np.int32))
    assert np.abs(pixels_of(encoded(whole, "TIFF")) - wanted).max() <= 1


@pytest.mark.parametrize("form", ["P1", "P2", "P3", "P4", "P5", "P6", "P5 deep", "P6 deep"])
def test_netpbm_in_all_its_forms(form):
    gray = np.array([[0, 100, 200], [255, 50, 25]])
    top = 65535 if "deep" in form else 255
    channels = 3 if form[:2] in ("P3", "P6") else 1
    values = (gray * (top // 255))[:, :, None].repeat(channels, 2)
    head = f"{form[:2]} # a remark\n3 2\n".encode() + (b"" if form in ("P1", "P4") else f"{top}\n".encode())
    if form in ("P1", "P4"):
        bits = gray < 128
        body = b"1 1 0\n011" if form == "P1" else np.packbits(bits, axis=1).tobytes()
        wanted = np.where(bits, 0, 255)
    else:
        wanted = gray
        body = values.astype(">u2" if top > 255 else "u1").tobytes()
        if form in ("P2", "P3"):
            body = b"# more\n" + " ".join(map(str, values.reshape(-1))).encode()
    assert np.array_equal(pixels_of(head + body), wanted[:, :, None].repeat(3, 2))
    with pytest.raises(ImageUndecodableError, match="too early"):
        read(head + body[: len(body) // 2], limits=LIMITS)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("size", [(20, 10), (1500, 1200)])
def test_hidden_color_never_leaks(kind, size):
    """Magenta below full transparency must not show, also where the picture is reduced."""
    rgba = np.zeros((size[1], size[0], 4), np.uint8)
    rgba[:] = (255, 0, 255, 0)
    rgba[: size[1] // 2, :, :] = (0, 0, 200, 255)
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {"quality": 95} if kind == "AVIF" else {}
    pixels = read(encoded(PILImage.fromarray(rgba), kind, **options), limits=LIMITS).pixels.astype(int)
    below = pixels[pixels.shape[0] * 3 // 4 :]
    assert np.abs(below - 255).max() <= 3
    assert np.abs(pixels[: pixels.shape[0] // 4] - (0, 0, 200)).max() <= 6


def test_transparency_of_palettes_and_color_keys_is_white():
    image = PILImage.new("P", (8, 8), 1)
    image.putpalette([255, 0, 255, 0, 128, 0])
    image.paste(0, (0, 0, 4, 8))
    for transparency in (0, b"\0\xff"):
        pixels = pixels_of(encoded(image, "PNG", transparency=transparency))
        assert (pixels[:, :4] == 255).all()
        assert (pixels[:, 4:] == (0, 128, 0)).all()
    keyed = encoded(image.convert("RGB"), "PNG", transparency=(255, 0, 255))
    assert (pixels_of(keyed)[:, :4] == 255).all()
    gray = encoded(PILImage.new("L", (4, 4), 7), "PNG", transparency=7)
    assert (pixels_of(gray) == 255).all()
    half = encoded(PILImage.new("LA", (4, 4), (0, 128)), "PNG")
    assert np.abs(pixels_of(half) - 127).max() <= 1


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_of_an_animation_counts(kind):
    frames = [PILImage.new("RGB", (16, 16), color) for color in ("red", "lime", "blue")]
    pixels = pixels_of(encoded(frames[0], kind, save_all=True, append_images=frames[1:]))
    assert np.abs(pixels - (255, 0, 0)).max() <= 4


def test_a_wide_gamut_is_brought_to_srgb_and_a_broken_profile_is_ignored():
    path = next((DATA / "products").rglob("*.jpg"), None) if DATA.exists() else None
    assert difference(encoded(photo(), "PNG", icc_profile=b"\0" * 16 + b"RGB " + b"\1" * 300), photo()) == 0
    if path is None:
        return
    for file in sorted((DATA / "products").rglob("*.jpg")):
        with PILImage.open(file) as image:
            profile = image.info.get("icc_profile")
        if profile and b"Adobe RGB" in profile:
            green = PILImage.new("RGB", (8, 8), (60, 200, 60))
            pixel = pixels_of(encoded(green, "PNG", icc_profile=profile))[0, 0]
            assert pixel[1] > 200 > 60 > pixel[0]  # the same numbers mean a stronger green in Adobe RGB
            return


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "BMP"])
def test_a_large_picture_is_reduced_to_no_less_than_asked(kind):
    large = photo(1500, 1000)
    image = read(encoded(large, kind), limits=LIMITS, min_side_px=300)
    assert image.size_px == (1500, 1000)
    assert 300 <= min(image.pixels.shape[:2]) < 600
    assert abs(image.pixels.shape[1] / image.pixels.shape[0] - 1.5) < 0.02
    wanted = np.asarray(large.resize((15, 10), PILImage.Resampling.BOX)).astype(int)
    small = np.asarray(PILImage.fromarray(image.pixels).resize((15, 10), PILImage.Resampling.BOX)).astype(int)
    assert np.abs(small - wanted).mean() < 6


@pytest.mark.parametrize("size", [(1, 1), (3000, 2), (2, 3000), (449, 447), (896, 896), (897, 5000)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_no_picture_is_enlarged_or_bent(size, kind):
    image = read(encoded(photo(*size), kind), limits=LIMITS)
    height, width = image.pixels.shape[:2]
    assert image.size_px == size
    assert min(width, height) >= min(448, *size)
    assert width <= size[0]
    assert height <= size[1]
    assert abs(width / size[0] - height / size[1]) < 0.01


# --- hostile bytes --------------------------------------------------------------------------------------------------


def png_claiming(width: int, height: int, rows: int = 1) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 + width // 8)) for _ in range(rows)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def test_a_bomb_is_refused_before_memory_is_taken(tmp_path):
    bomb = png_claiming(30_000, 30_000, rows=30_000)
    assert len(bomb) < 300_000
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb)
    (answer,) = read_apart([path], memory=20_000_000)
    assert answer["code"] == "image_too_large"
    assert "900 megapixels" in answer["message"]
    assert answer["seconds"] < 0.5


def test_a_header_that_claims_more_than_its_bytes_can_hold_is_refused():
    with pytest.raises(ImageUndecodableError, match="claims more pixels"):
        read(png_claiming(14_000, 14_000), limits=LIMITS)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "BMP", "TGA", "PPM", "ICO"])
def test_the_pixel_limit_holds_for_every_format(kind):
    options = {"sizes": [(60, 40)]} if kind == "ICO" else {}
    data = encoded(photo(), kind, **options)
    assert read(data, limits=Limits(max_image_pixels=2400)).size_px == (60, 40)
    with pytest.raises(ImageTooLargeError, match="max_image_pixels"):
        read(data, limits=Limits(max_image_pixels=2399))
    with pytest.raises(ImageTooLargeError, match="max_image_bytes"):
        read(data, limits=Limits(max_image_bytes=len(data) - 1))


def test_a_progressive_jpeg_of_many_scans_is_refused_before_it_is_decoded():
    data = encoded(photo(2000, 1500), "JPEG", progressive=True)
    scans = data[:-2] + b"\xff\xda\0\x08\1\1\0\1\x3f\0\0" * 3000 + data[-2:]
    with pytest.raises(ImageTooLargeError, match="decode_timeout_s"):
        read(scans, limits=LIMITS)


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_formats_that_take_more_memory_are_read_up_to_the_pixel_limit(kind, mode):
    options = {"speed": 10} if kind == "AVIF" else {"method": 0}
    data = encoded(PILImage.new(mode, (5000, 4200)), kind, **options)
    assert read(data, limits=Limits(max_image_pixels=21_000_000)).size_px == (5000, 4200)
    with pytest.raises(ImageTooLargeError, match="max_image_pixels"):
        read(data, limits=Limits(max_image_pixels=20_999_999))


def test_what_takes_too_much_memory_is_refused_and_says_how_much():
    frames = [PILImage.new("RGB", (5000, 4200), color) for color in ("red", "blue")]
    animation = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], method=0, quality=0)
    with pytest.raises(ImageTooLargeError, match="336 MB to decode; the limit is 273 MB"):
        read(animation, limits=Limits(max_image_pixels=21_000_000))


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("lossless", [False, True])
def test_a_large_webp_shows_what_a_small_one_shows(alpha, lossless, monkeypatch):
    image = photo(300, 200)
    if alpha:
        image.putalpha(PILImage.linear_gradient("L").resize(image.size))
    exif = PILImage.Exif()
    exif[0x0112] = 6
    data = encoded(image, "WEBP", lossless=lossless, exif=exif)
    small = read(data, limits=LIMITS)
    monkeypatch.setattr(webp, "LARGE_PX", 1)
    large = read(data, limits=LIMITS)
    assert large.size_px == small.size_px == (200, 300)
    assert np.abs(large.pixels.astype(int) - small.pixels).max() <= 1
    with pytest.raises(ImageUndecodableError, match="too early"):
        read(data[: len(data) // 2], limits=LIMITS)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_of_more_pixels_than_the_limit_is_read_where_it_is_reduced(progressive):
    data = encoded(photo(2000, 1500), "JPEG", progressive=progressive)
    image = read(data, limits=Limits(max_image_pixels=1_000_000))
    assert (image.size_px, image.pixels.shape) == ((2000, 1500), (750, 1000, 3))
    with pytest.raises(ImageTooLargeError, match=r"3 megapixels \(2000x1500\); the limit is 0.7"):
        read(data, limits=Limits(max_image_pixels=700_000))
    with pytest.raises(ImageTooLargeError, match="max_image_pixels"):  # a part of it is read in full size
        read(data, limits=Limits(max_image_pixels=1_000_000), crop=(0, 0, 300, 300))


def test_a_jpeg_that_claims_more_than_its_bytes_can_hold_is_refused():
    data = bytearray(encoded(photo(60, 40), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", 65500, 65500)
    with pytest.raises(ImageUndecodableError, match="claims more pixels"):
        read(bytes(data), limits=LIMITS)


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        (b"", ImageUndecodableError, "empty"),
        (b"<!DOCTYPE html><p>Not found", ImageUndecodableError, "web page"),
        (b"\n\n  <html lang=en>", ImageUndecodableError, "web page"),
        (b'{"error": "no"}', ImageUndecodableError, "JSON"),
        (b"%PDF-1.7\n%\xe2\xe3", ImageUndecodableError, "PDF"),
        (b"PK\3\4\x14\0", ImageUndecodableError, "ZIP"),
        (b"just words, nothing else", ImageUndecodableError, "plain text"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", ImageUndecodableError, "video"),
        (bytes(range(200, 255)) * 3, ImageUndecodableError, "not a known image"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", ImageUnsupportedError, "HEIC"),
        (b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14", ImageUnsupportedError, "JPEG 2000"),
        (b"8BPS\0\1", ImageUnsupportedError, "Photoshop"),
        (b'<?xml version="1.0"?><svg xmlns="x"/>', ImageUnsupportedError, "SVG"),
        (b"II*\0\x10\0\0\0CR\2\0", ImageUnsupportedError, "raw"),
        (b"II\x1a\0\0\0HEAPCCDR\2\0\1\0", ImageUnsupportedError, "raw"),
        (b"\0MRM\0\0\x86\x20\0PRD", ImageUnsupportedError, "raw"),
        (gzip.compress(b'<?xml version="1.0"?><svg xmlns="x"/>', mtime=0), ImageUnsupportedError, "SVG"),
        (gzip.compress(b"<svg >" + bytes(100_000), mtime=0), ImageUnsupportedError, "SVG"),
        (gzip.compress(b"a letter", mtime=0), ImageUndecodableError, "archive"),
    ],
)
def test_a_refusal_says_what_the_bytes_are(data, kind, said, tmp_path):
    path = tmp_path / "cat.jpg"
    path.write_bytes(data)
    with pytest.raises(kind, match=said) as caught:
        read(path, limits=LIMITS)
    assert 'cat.jpg"' in caught.value.message


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
def test_half_a_picture_is_refused(kind, share):
    data = encoded(photo(300, 200), kind)
    with pytest.raises(ImageUndecodableError):
        read(data[: int(len(data) * share)], limits=LIMITS)


@pytest.mark.parametrize(
    "options", [{}, {"subsampling": 0, "quality": 95}, {"optimize": True}, {"restart_marker_rows": 1}]
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_cut_jpeg_is_read_where_all_its_rows_are_there(options, mode):
    data = encoded(photo(300, 200).convert(mode), "JPEG", **options)
    whole = read(data, limits=LIMITS, min_side_px=100)
    for lost in (1, 2):
        cut = read(data[:-lost], limits=LIMITS, min_side_px=100)
        assert (cut.pixels == whole.pixels).all()
        assert cut.content_hash != whole.content_hash
        assert cut.byte_size == len(data) - lost
    for lost in (4, 8, 20, 100):  # not much, and yet the last row depends on it
        with pytest.raises(ImageUndecodableError, match="too early"):
            read(data[:-lost], limits=LIMITS, min_side_px=100)


def test_a_cut_jpeg_without_all_its_colors_or_passes_is_refused():
    data = encoded(photo(300, 200), "JPEG", progressive=True)
    scans = [found.start() for found in re.finditer(rb"\xff\xda", data)]
    for end in (*scans[1:], len(data) - 100, len(data) - 2):
        with pytest.raises(ImageUndecodableError):
            read(data[:end], limits=LIMITS)


def twelve_bits(data: bytes) -> bytes:
    """Make a JPEG of 12 bits a sample of one of 8: with steps 16 times as large its numbers mean the same picture."""
    out, at = bytearray(data[:2]), 2
    while data[at + 1] != 0xDA:
        marker, size = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : at + 2 + size]
        if marker == 0xDB:
            tables = [body[place : place + 65] for place in range(0, len(body), 65)]
            body = b"".join(bytes([0x10 | t[0]]) + struct.pack(">64H", *(16 * step for step in t[1:])) for t in tables)
        elif marker == 0xC0:
            marker, body = 0xC1, bytes([12]) + body[1:]
        out += bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body
        at += 2 + size
    return bytes(out) + data[at:]


def test_what_is_whole_and_not_read_here_is_not_called_damaged():
    with pytest.raises(ImageUnsupportedError, match="12 bits a sample"):
        read(twelve_bits(encoded(photo(60, 40), "JPEG")), limits=LIMITS)
    lossless = encoded(photo(60, 40), "JPEG").replace(b"\xff\xc0", b"\xff\xc3", 1)
    with pytest.raises(ImageUnsupportedError, match="lossless"):
        read(lossless, limits=LIMITS)


def test_a_tiff_of_lab_colors_shows_its_picture():
    from PIL import ImageCms

    rgb = photo(60, 40)
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    data = encoded(ImageCms.applyTransform(rgb, to_lab), "TIFF")
    assert np.abs(pixels_of(data).astype(int) - np.asarray(rgb)).mean() < 2


SEEDS = [
    encoded(photo(24, 16), "JPEG"),
    encoded(photo(24, 16), "JPEG", progressive=True),
    encoded(photo(24, 16), "PNG"),
    encoded(photo(24, 16).convert("P"), "PNG", transparency=b"\0\x80"),
    encoded(photo(24, 16), "WEBP"),
    encoded(photo(24, 16), "WEBP", lossless=True),
    encoded(photo(24, 16), "GIF"),
    encoded(photo(24, 16), "BMP"),
    encoded(photo(24, 16), "TIFF"),
    encoded(photo(24, 16), "TIFF", compression="tiff_lzw"),
    encoded(photo(24, 16), "TGA", compression="tga_rle"),
    encoded(photo(24, 16), "ICO", sizes=[(24, 16)]),
    encoded(photo(24, 16), "ICO", sizes=[(24, 16)], bitmap_format="bmp"),
    encoded(photo(24, 16), "AVIF"),
    encoded(photo(24, 16), "PPM"),
    b"P3 2 2 9 1 2 3 4 5 6 7 8 9 1 2 3",
]
SMALL = Limits(max_image_pixels=1_000_000)


def nothing_but_ours(data: bytes) -> None:
    try:
        image = read(data, limits=SMALL)
    except LookalikeError:
        return
    assert image.pixels.ndim == 3
    assert image.pixels.dtype == np.uint8


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.sampled_from(SEEDS), changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=6))
def test_changed_bytes_raise_nothing_but_our_errors(seed, changes):
    data = bytearray(seed)
    for place, value in changes:
        data[place % len(data)] = value
    nothing_but_ours(bytes(data))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.sampled_from(SEEDS), end=st.integers(0, 10**6), tail=st.binary(max_size=40))
def test_cut_bytes_raise_nothing_but_our_errors(seed, end, tail):
    nothing_but_ours(seed[: end % len(seed)] + tail)


@settings(max_examples=150, deadline=None)
@given(head=st.sampled_from([b"", *(seed[:12] for seed in SEEDS)]), body=st.binary(max_size=300))
def test_random_bytes_raise_nothing_but_our_errors(head, body):
    nothing_but_ours(head + body)


def test_warnings_as_errors_refuse_no_good_picture():
    """Pillow warns about an animation chunk of no frames; the picture is good."""
    data = encoded(photo(), "PNG")
    body = b"acTL" + bytes(8)
    odd = data[:33] + struct.pack(">I", 8) + body + struct.pack(">I", zlib.crc32(body)) + data[33:]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert difference(odd, photo()) == 0


def test_threads_give_what_one_thread_gives():
    data = [encoded(photo(200 + n, 150), kind) for n in range(4) for kind in ("JPEG", "PNG", "WEBP", "TIFF")]
    wanted = [read(one, limits=LIMITS).pixels.tobytes() for one in data]
    wrong: list[int] = []

    def work() -> None:
        wrong.extend(n for n, one in enumerate(data) if read(one, limits=LIMITS).pixels.tobytes() != wanted[n])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_pictures_that_are_only_read_reduced_are_compared(tmp_path, monkeypatch):
    monkeypatch.setenv("LOOKALIKE_MAX_IMAGE_PIXELS", "1000000")
    data = encoded(photo(2000, 1500), "JPEG")
    other = data[:2] + b"\xff\xfe\0\6seen" + data[2:]  # the same pixels, which nobody may unpack
    with lookalike.open(tmp_path / "home") as library:
        found = library.compare(data, other)
        assert (found.relation, found.score >= 0.9) == ("reencoded", True)
        shelf = library.collection("large", create=True, keep="original")
        assert shelf.add([data, other]).added == 2
        [group] = shelf.duplicates()
        assert len(group.members) == 2
