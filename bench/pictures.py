"""The folders of pictures: real JPEGs copied as often as needed, each copy with bytes, and so a hash, of its own."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from plan import Plan


def originals(plan: Plan, *sets: str) -> list[Path]:
    """Give the JPEG files of some sets, or of the project's own rendered samples where there is no data."""
    if plan.data is not None:
        return [path for name in sets for path in sorted((plan.data / name).rglob("*.jpg"))]
    return _samples(plan.scratch / "samples")


def fill(folder: Path, pictures: Sequence[Path], count: int) -> list[Path]:
    """Write `count` files, taking the pictures in turn; from the second turn on some bytes follow the end of the JPEG.

    Decoders stop at the end of the picture, so the work stays the same, while the content hash differs.
    """
    written = []
    for number, picture in zip(range(count), itertools.cycle(pictures), strict=False):
        turn = number // len(pictures)
        path = folder / f"{turn:03d}" / f"{number:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture.read_bytes() + (b"" if turn == 0 else turn.to_bytes(4, "big")))
        written.append(path)
    return written


def enlarge(folder: Path, pictures: Sequence[Path], side_px: int) -> None:
    """Write pictures of a camera's size: the same ones, enlarged until the longer side has so many pixels."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for path in pictures:
        with Image.open(path) as picture:
            rate = side_px / max(picture.size)
            size = (round(picture.width * rate), round(picture.height * rate))
            picture.convert("RGB").resize(size, Image.Resampling.BICUBIC).save(folder / path.name, quality=85)


def at_most(pictures: Sequence[Path], most: int) -> Sequence[Path]:
    """Give every so many-th picture, where there are more than `most`."""
    return pictures[:: -(-len(pictures) // most)]


def turns(pictures: Sequence[Path], least: int) -> int:
    """Give the number of files that is a whole number of turns and at least `least`."""
    return -(-least // len(pictures)) * len(pictures)


def megapixels(pictures: Sequence[Path]) -> float:
    """Give the mean size of some pictures."""
    from PIL import Image

    total = 0
    for path in pictures:
        with Image.open(path) as picture:
            total += picture.width * picture.height
    return total / len(pictures) / 1e6


def manifest(plan: Plan, name: str) -> Iterator[dict[str, str]]:
    """Give the rows of a set's manifest."""
    assert plan.data is not None, "the accuracy is measured on labelled pictures"
    with open(plan.data / name / "manifest.csv", newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


@cache
def _samples(folder: Path) -> list[Path]:
    from lookalike.samples import write_samples

    write_samples(folder)
    return sorted(folder.rglob("*.jpg"))
