"""What two pictures are to each other: the kinds, the transform, either order, and what must not be taken for a copy."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageEnhance
import PIL.ImageFilter
import PIL.ImageOps
import pytest

import lookalike
from lookalike.core.relations import SAME_PICTURE, Look, look_of, relate
from lookalike.core.results import Comparison
from lookalike.values import Relation

Picture = PIL.Image.Image
Compare = Callable[[object, object], Comparison]


@pytest.fixture(scope="module")
def photo(data: Path) -> Picture:
    return PIL.Image.open(data / "general" / "leopards" / "001.jpg").convert("RGB")


@pytest.fixture(scope="module")
def compare(tmp_path_factory: pytest.TempPathFactory) -> Compare:
    library = lookalike.open(tmp_path_factory.mktemp("relations"))
    return library.compare


def saved(picture: Picture, form: str = "JPEG", **options: int) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **({"quality": 90} if form == "JPEG" else {}) | options)
    return stream.getvalue()
