"""Drawn pictures that look alike and are not the same: pages of text, logos, patterns, plain colors, gradients."""

from __future__ import annotations

import random

import numpy as np
from PIL import Image, ImageDraw

_WORDS = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
    "was",
    "for",
    "on",
    "are",
    "with",
    "they",
    "be",
    "at",
    "one",
    "have",
    "this",
    "from",
    "had",
    "hot",
    "word",
    "but",
    "what",
    "some",
    "we",
    "can",
    "out",
]
_SIZE = (400, 520)


def drawings() -> dict[str, list[Image.Image]]:
    """Give some pictures of each kind; no two of a kind show the same."""
    return {
        "pages": [_page(seed) for seed in range(12)],
        "forms": [_form(seed) for seed in range(8)],
        "logos": [_logo(seed) for seed in range(8)],
        "stripes": [_stripes(period) for period in (9, 14, 22, 35)],
        "checks": [_checks(period) for period in (11, 17, 26, 40)],
        "dots": [_dots(period) for period in (12, 19, 28, 41)],
        "colors": [
            Image.new("RGB", _SIZE, color) for color in ("white", "#fefefe", "gray", "navy", "#10107a", "black")
        ],
        "gradients": [_gradient(seed) for seed in range(6)],
        "skies": [_sky(seed) for seed in range(6)],
    }


def _page(seed: int) -> Image.Image:
    """Draw a page of words, as a scanner or a screen shows it."""
    rng = random.Random(seed)
    page = Image.new("RGB", _SIZE, "white")
    pen = ImageDraw.Draw(page)
    for y in range(30, _SIZE[1] - 30, 17):
        line = ""
        while len(line) < 50:
            line += rng.choice(_WORDS) + " "
        pen.text((30, y), line[: rng.randint(40, 52)], fill="black", font_size=13)
    return page


def _form(seed: int) -> Image.Image:
    """Draw a form whose printed part is the same on all; what is filled in differs."""
    rng = random.Random(seed)
    page = Image.new("RGB", _SIZE, "white")
    pen = ImageDraw.Draw(page)
    pen.rectangle((20, 20, 380, 70), fill="#3366aa")
    for y in range(100, 480, 30):
        pen.rectangle((30, y, 370, y + 22), outline="black")
        pen.text((40, y + 4), "".join(rng.choice("abcdefghkmnoprstuvwxyz 0123456789") for _ in range(30)), fill="navy",
                 font_size=14)  # fmt: skip
    return page


def _logo(seed: int) -> Image.Image:
    """Draw one logo small in a corner of a plain picture with other shapes."""
    rng = random.Random(seed)
    picture = Image.new("RGB", _SIZE, rng.choice(("white", "#eeeeee", "#ddeeff")))
    pen = ImageDraw.Draw(picture)
    for _ in range(7):
        x, y, r = rng.randint(40, 360), rng.randint(150, 480), rng.randint(15, 60)
        color = f"#{rng.randint(0, 0xFFFFFF):06x}"
        rng.choice((pen.ellipse, pen.rectangle))((x - r, y - r, x + r, y + r), fill=color)
    pen.ellipse((20, 20, 80, 80), fill="crimson")
    pen.polygon([(50, 25), (75, 70), (25, 70)], fill="white")
    pen.text((90, 30), "ACME", fill="black", font_size=36)
    return picture


def _stripes(period: int) -> Image.Image:
    levels = np.where(np.arange(_SIZE[0]) % period < period // 2, 230, 40).astype(np.uint8)
    return Image.fromarray(np.repeat(np.repeat(levels[None, :, None], _SIZE[1], 0), 3, 2))


def _checks(period: int) -> Image.Image:
    y, x = np.mgrid[: _SIZE[1], : _SIZE[0]]
    levels = np.where((x // period + y // period) % 2, 220, 60).astype(np.uint8)
    return Image.fromarray(np.repeat(levels[..., None], 3, 2))


def _dots(period: int) -> Image.Image:
    y, x = np.mgrid[: _SIZE[1], : _SIZE[0]]
    inside = (x % period - period / 2) ** 2 + (y % period - period / 2) ** 2 < (period * 0.3) ** 2
    return Image.fromarray(np.repeat(np.where(inside, 30, 240).astype(np.uint8)[..., None], 3, 2))


def _gradient(seed: int) -> Image.Image:
    rng = random.Random(seed)
    ends = np.array([[rng.randint(0, 255) for _ in range(3)] for _ in range(2)], np.float64)
    share = np.linspace(0, 1, _SIZE[1])[:, None, None]
    rows = ends[0] * (1 - share) + ends[1] * share
    return Image.fromarray(np.repeat(rows, _SIZE[0], 1).astype(np.uint8))


def _sky(seed: int) -> Image.Image:
    """Draw soft clouds: hardly any texture, and none of it the same."""
    noise = np.random.default_rng(seed).normal(0, 1, (7, 6))
    soft = np.asarray(Image.fromarray(noise.astype(np.float32)).resize(_SIZE, Image.Resampling.BICUBIC))
    levels = np.clip(190 + 18 * soft, 0, 255)
    return Image.fromarray(np.stack([levels * 0.8, levels * 0.9, levels], -1).astype(np.uint8))
