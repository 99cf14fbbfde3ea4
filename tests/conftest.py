"""What tests share: a small folder of pictures, an open library, and the data folder where it is present."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

import lookalike

ROOT = Path(__file__).parent.parent
COLORS = {"red": (200, 40, 40), "green": (40, 160, 60), "blue": (40, 70, 200), "gray": (120, 120, 120)}


def draw(seed: int, size: tuple[int, int] = (320, 240)) -> PIL.Image.Image:
    """Draw a picture of random shapes; other seeds give clearly other pictures."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    picture = PIL.Image.fromarray(noise).resize(size, PIL.Image.Resampling.BICUBIC)
    pen = PIL.ImageDraw.Draw(picture)
    for _ in range(12):
        x, y = int(rng.integers(0, size[0])), int(rng.integers(0, size[1]))
        w, h = int(rng.integers(10, 120)), int(rng.integers(10, 120))
        color = tuple(int(level) for level in rng.integers(0, 256, 3))
        (pen.ellipse if rng.random() < 0.5 else pen.rectangle)((x, y, x + w, y + h), fill=color)
    return picture


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: eight different pictures in two folders, and two changed copies of the first."""
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(8):
        path = folder / ("a" if seed < 4 else "b") / f"{seed}.jpg"
        path.parent.mkdir(exist_ok=True)
        draw(seed).save(path, quality=92)
    draw(0).save(folder / "a" / "0-again.png")
    draw(0).resize((200, 150)).save(folder / "b" / "0-small.jpg", quality=60)
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Iterator[lookalike.Library]:
    with lookalike.open(tmp_path / "home") as opened:
        yield opened


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of labelled pictures; what needs it is skipped where it is absent."""
    folder = Path(os.environ.get("LOOKALIKE_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "general" / "manifest.csv").exists():
        pytest.skip(f"no test pictures at {folder}: set LOOKALIKE_TEST_DATA to their folder")
    return folder
