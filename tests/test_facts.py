"""What a file says of its picture beside the pixels, and how it reaches the record."""

from __future__ import annotations

import io
import struct
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from conftest import draw

import lookalike
from lookalike.intake import read
from lookalike.limits import Limits
from lookalike.pictures import Facts

LIMITS = Limits()


def encoded(image: PIL.Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def exif_of(
    taken: str = "2024:05:01 12:30:00", offset: str = "", make: str = "", model: str = "", place: Any = None
) -> PIL.Image.Exif:
    exif = PIL.Image.Exif()
    inner = {0x9003: taken} | ({0x9011: offset} if offset else {})
    exif[0x8769] = inner
    if make:
        exif[0x010F] = make
    if model:
        exif[0x0110] = model
    if place is not None:
        exif[0x8825] = place
    return exif


PLACE = {1: "N", 2: (Fraction(48), Fraction(8), Fraction(0)), 3: "E", 4: (Fraction(11), Fraction(34), Fraction(0))}


def facts(data: bytes) -> Facts:
    return read(data, limits=LIMITS).facts


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_date_camera_and_place_are_read_from_every_format_that_tells_them(kind: str) -> None:
    exif = exif_of(offset="+02:00", make="Canon", model="Canon EOS R6", place=PLACE)
    told = facts(encoded(draw(1, (64, 48)), kind, exif=exif.tobytes()))
    assert told == Facts(taken="2024-05-01T12:30:00+02:00", camera="Canon EOS R6", has_place=True)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, Facts(taken="2024-05-01T12:30:00")),
        ({"offset": "bad"}, Facts(taken="2024-05-01T12:30:00")),
        ({"taken": "0000:00:00 00:00:00"}, Facts()),
        ({"taken": "yesterday"}, Facts()),
        ({"taken": "2024:02:30 12:00:00", "make": "Apple", "model": "iPhone 15"}, Facts(camera="Apple iPhone 15")),
        ({"taken": "", "make": "NIKON CORPORATION\0\0  ", "model": ""}, Facts(camera="NIKON CORPORATION")),
        ({"taken": "", "model": "x" * 500}, Facts(camera="x" * 100)),
        ({"taken": "", "place": {0: b"\2\3\0\0"}}, Facts()),  # the version of the block alone, as without a fix
    ],
)
def test_what_is_broken_or_missing_is_left_out(given: dict[str, Any], told: Facts) -> None:
    assert facts(encoded(draw(1, (64, 48)), "JPEG", exif=exif_of(**given).tobytes())) == told


def test_nonsense_in_place_of_facts_refuses_no_picture() -> None:
    for block in (
        b"Exif\0\0",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x87\x69\0\4\0\0\0\1\0\0\0\x08",
    ):
        assert facts(encoded(draw(1, (64, 48)), "JPEG", exif=b"Exif\0\0" + block)) == Facts()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF", "TIFF"])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_frames_and_pages_are_counted(kind: str, count: int) -> None:
    frames = [draw(seed, (32, 24)) for seed in range(count)]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert facts(data) == Facts(frames=count)


def test_a_small_version_within_a_tiff_is_no_page() -> None:
    pages = [draw(seed, (32, 24)) for seed in range(3)]
    stream = io.BytesIO()
    pages[0].save(stream, "TIFF", save_all=True, append_images=pages[1:])
    data = bytearray(stream.getvalue())
    at = int.from_bytes(data[4:8], "little")
    (entries,) = struct.unpack_from("<H", data, at)
    (second,) = struct.unpack_from("<I", data, at + 2 + 12 * entries)
    struct.pack_into("<HHII", data, second + 2, 254, 4, 1, 1)  # in place of the width, which counting does not need
    assert facts(bytes(data)).frames == 2


def test_counting_frames_ends_for_hostile_files() -> None:
    gif = encoded(draw(1, (32, 24)), "GIF")
    began = time.process_time()
    assert facts(gif[:-1] + b"!\xfe\1x\0" + gif[-1:]).frames == 1
    assert facts(gif[:-1] + b"!\xfe" + b"\1x" * 5_000_000 + b"\0;").frames == 1
    loop = bytearray(encoded(draw(1, (32, 24)), "TIFF"))
    at = int.from_bytes(loop[4:8], "little")
    (entries,) = struct.unpack_from("<H", loop, at)
    struct.pack_into("<I", loop, at + 2 + 12 * entries, at)
    assert facts(bytes(loop)).frames == 1
    assert time.process_time() - began < 3


def test_facts_of_a_file_stand_in_its_record_and_change_with_it(library: lookalike.Library, tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    frames = [draw(seed, (32, 24)) for seed in range(3)]
    path.write_bytes(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    photos = library.collection("facts", create=True, keep="original")
    photos.add(path)
    assert photos["a.gif"].facts.frames == 3
    path.write_bytes(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:2]))
    photos.add(path)
    assert photos["a.gif"].facts.frames == 2
    photos.add(encoded(frames[1], "JPEG", exif=exif_of(make="Leica")), id="upload")
    assert (photos["upload"].facts.camera, photos["upload"].facts.taken) == ("Leica", "2024-05-01T12:30:00")
