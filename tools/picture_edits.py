"""Changed copies of pictures, as people and programs make them: what the copy descriptor learns to look past.

Every edit takes a picture and a random generator and gives a new picture; its strength is drawn inside, from the
ranges that occur in practice. `EDITS` names the single ones, `edited_copies` draws a set of copies of one picture.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

Picture = Image.Image
Edit = Callable[[Picture, np.random.Generator], Picture]

_WORDS = (
    "sale",
    "new",
    "photo",
    "day",
    "look",
    "at",
    "this",
    "best",
    "price",
    "summer",
    "when",
    "you",
    "see",
    "free",
    "copy",
)


def _resaved(image: Picture, format_: str, **options: int) -> Picture:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return Image.open(file).convert("RGB")


def _scaled(image: Picture, factor: float) -> Picture:
    return image.resize(
        (max(8, round(image.width * factor)), max(8, round(image.height * factor))), Image.Resampling.BICUBIC
    )


def _color(rng: np.random.Generator) -> tuple[int, int, int]:
    """Draw white or black half of the time, else any color."""
    if rng.random() < 0.5:
        return (255, 255, 255) if rng.random() < 0.6 else (0, 0, 0)
    r, g, b = rng.integers(0, 256, 3)
    return int(r), int(g), int(b)


def _phrase(rng: np.random.Generator, most: int) -> str:
    return " ".join(rng.choice(_WORDS, int(rng.integers(1, most + 1)))).upper()


def _font(size_px: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(max(7.0, size_px))


def jpeg(image: Picture, rng: np.random.Generator) -> Picture:
    """Save as JPEG of quality 5 to 80."""
    return _resaved(image, "JPEG", quality=int(5 * 16 ** rng.random()))


def reduced_colors(image: Picture, rng: np.random.Generator) -> Picture:
    """Keep 16 to 128 colors, as GIF does."""
    return image.quantize(int(rng.integers(16, 129))).convert("RGB")


def resize(image: Picture, rng: np.random.Generator) -> Picture:
    """Shrink to 10 to 80 %."""
    return _scaled(image, float(0.1 * 8 ** rng.random()))


def stretch(image: Picture, rng: np.random.Generator) -> Picture:
    """Change the width by 0.6 to 1.7."""
    wider = float(0.6 * 2.8 ** rng.random())
    return image.resize((max(8, round(image.width * wider)), image.height), Image.Resampling.BICUBIC)


def crop(image: Picture, rng: np.random.Generator) -> Picture:
    """Keep 45 to 95 % of the area, anywhere, the shape changed a little."""
    area, shape = rng.uniform(0.45, 0.95), np.exp(rng.uniform(-0.25, 0.25))
    share_w, share_h = min(1.0, np.sqrt(area) * shape), min(1.0, np.sqrt(area) / shape)
    w, h = max(8, round(image.width * share_w)), max(8, round(image.height * share_h))
    left, top = int(rng.integers(0, max(1, image.width - w + 1))), int(rng.integers(0, max(1, image.height - h + 1)))
    return image.crop((left, top, left + w, top + h))


def blur(image: Picture, rng: np.random.Generator) -> Picture:
    """Blur with a radius of 0.7 to 4.5 pixels, more on large pictures."""
    return image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.7, 4.5)) * max(1.0, min(image.size) / 350)))


def sharpen(image: Picture, rng: np.random.Generator) -> Picture:
    """Sharpen, at times too much."""
    return image.filter(ImageFilter.UnsharpMask(float(rng.uniform(1, 4)), int(rng.integers(80, 300)), 2))


def noise(image: Picture, rng: np.random.Generator) -> Picture:
    """Add noise of standard deviation 6 to 36."""
    pixels = np.asarray(image, np.float32)
    return Image.fromarray(np.clip(pixels + rng.normal(0, rng.uniform(6, 36), pixels.shape), 0, 255).astype(np.uint8))


def flip(image: Picture, rng: np.random.Generator) -> Picture:
    """Mirror, at times upside down."""
    return ImageOps.mirror(image) if rng.random() < 0.9 else ImageOps.flip(image)


def rotate(image: Picture, rng: np.random.Generator) -> Picture:
    """Turn on a larger canvas, mostly a little, at times a lot."""
    degrees = rng.uniform(-12, 12) if rng.random() < 0.6 else rng.uniform(-60, 60)
    return image.rotate(float(degrees), Image.Resampling.BICUBIC, expand=True, fillcolor=_color(rng))


def right_angle(image: Picture, rng: np.random.Generator) -> Picture:
    """Turn by 90, 180 or 270 degrees."""
    return image.rotate(int(rng.integers(1, 4)) * 90, expand=True)


def brightness(image: Picture, rng: np.random.Generator) -> Picture:
    """Darken or brighten, 0.5 to 1.65."""
    return ImageEnhance.Brightness(image).enhance(float(rng.uniform(0.5, 1.65)))


def contrast(image: Picture, rng: np.random.Generator) -> Picture:
    """Lower or raise the contrast, 0.45 to 1.75."""
    return ImageEnhance.Contrast(image).enhance(float(rng.uniform(0.45, 1.75)))


def gray(image: Picture, rng: np.random.Generator) -> Picture:
    """Take the color away."""
    return image.convert("L").convert("RGB")


def saturation(image: Picture, rng: np.random.Generator) -> Picture:
    """Weaken or strengthen the color, 0.2 to 2.4."""
    return ImageEnhance.Color(image).enhance(float(rng.uniform(0.2, 2.4)))


def hue(image: Picture, rng: np.random.Generator) -> Picture:
    """Turn the hue by up to 70 degrees."""
    hsv = np.array(image.convert("HSV"))
    hsv[..., 0] += np.uint8(rng.integers(-50, 51) % 256)
    return Image.fromarray(hsv, "HSV").convert("RGB")


def gamma(image: Picture, rng: np.random.Generator) -> Picture:
    """Bend the tone curve by 0.45 to 2.25."""
    power = float(0.45 * 5 ** rng.random())
    return image.point([round(255 * (level / 255) ** power) for level in range(256)] * 3)


def text(image: Picture, rng: np.random.Generator) -> Picture:
    """Write one to three phrases anywhere, up to a quarter of the height."""
    image = image.copy()
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 4))):
        font = _font(image.height * rng.uniform(0.05, 0.25))
        at = (rng.uniform(-0.05, 0.5) * image.width, rng.uniform(0, 0.85) * image.height)
        draw.text(
            at,
            _phrase(rng, 4),
            fill=_color(rng),
            font=font,
            stroke_width=int(rng.integers(0, 3)),
            stroke_fill=_color(rng),
        )
    return image


def watermark(image: Picture, rng: np.random.Generator) -> Picture:
    """Lay a phrase over the picture, half transparent, once or tiled, often slanted."""
    side = round(np.hypot(*image.size))
    mask = Image.new("L", (side, side), 0)
    draw, strength, word = ImageDraw.Draw(mask), int(rng.uniform(40, 190)), _phrase(rng, 2)
    size = image.width * rng.uniform(0.05, 0.2)
    steps = [side / 2] if rng.random() < 0.4 else list(np.arange(0, side, size * rng.uniform(1.5, 4)))
    for y in steps:
        draw.text((0, y), " ".join([word] * 12), fill=strength, font=_font(size))
    mask = mask.rotate(float(rng.choice([0.0, 30.0, 45.0, -30.0])))
    left, top = (side - image.width) // 2, (side - image.height) // 2
    image = image.copy()
    image.paste(_color(rng), (0, 0), mask.crop((left, top, left + image.width, top + image.height)))
    return image


def border(image: Picture, rng: np.random.Generator) -> Picture:
    """Add a frame of 3 to 25 % on each side, or bars on two sides only."""
    x, y = (round(rng.uniform(0.03, 0.25) * side) for side in image.size)
    if rng.random() < 0.3:
        x, y = (x, 0) if rng.random() < 0.5 else (0, y)
    return ImageOps.expand(image, (x, y, x, y), _color(rng))


def caption(image: Picture, rng: np.random.Generator) -> Picture:
    """Add a bar with a phrase above, below or both, as memes have."""
    top, bottom = ((1, 0), (0, 1), (1, 1))[int(rng.integers(0, 3))]
    bar = round(image.height * rng.uniform(0.1, 0.28))
    paper, ink = ((255, 255, 255), (0, 0, 0)) if rng.random() < 0.6 else ((0, 0, 0), (255, 255, 255))
    canvas = Image.new("RGB", (image.width, image.height + bar * (top + bottom)), paper)
    canvas.paste(image, (0, bar * top))
    draw = ImageDraw.Draw(canvas)
    for y in [0] * top + [bar * top + image.height] * bottom:
        draw.text(
            (image.width * rng.uniform(0.02, 0.2), y + bar * 0.15),
            _phrase(rng, 6),
            fill=ink,
            font=_font(bar * rng.uniform(0.35, 0.7)),
        )
    return canvas


def page(image: Picture, rng: np.random.Generator) -> Picture:
    """Put the picture into a page: a bar above, margins, a few lines below."""
    w = image.width
    margin, above, below = (round(w * rng.uniform(low, high)) for low, high in ((0.0, 0.12), (0.08, 0.4), (0.1, 0.6)))
    return _on_page(image, (w + 2 * margin, image.height + above + below), (margin, above), rng)


def phone(image: Picture, rng: np.random.Generator) -> Picture:
    """Show the picture on the screen of a phone, which keeps its tall shape however flat the picture is."""
    margin = round(image.width * rng.choice([0.0, rng.uniform(0.02, 0.1)]))
    width = image.width + 2 * margin
    height = max(round(width * rng.uniform(1.5, 2.2)), round(image.height * 1.15))
    top = round(min(height * rng.uniform(0.06, 0.3), height - image.height))
    return _on_page(image, (width, height), (margin, top), rng)


def _on_page(image: Picture, size_px: tuple[int, int], at: tuple[int, int], rng: np.random.Generator) -> Picture:
    """Draw a page of an app around the picture: a bar at the top, lines below, sometimes buttons at the bottom."""
    light = rng.random() < 0.6
    level = int(rng.integers(235, 256) if light else rng.integers(0, 45))
    ink = (60, 60, 60) if light else (200, 200, 200)
    canvas = Image.new("RGB", size_px, (level, level, level))
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((0, 0, canvas.width, at[1] * rng.uniform(0.2, 1.0)), fill=_color(rng))
    canvas.paste(image, at)
    end = at[1] + image.height + (canvas.height - at[1] - image.height) * rng.uniform(0.1, 1.0)
    _write_lines(draw, (canvas.width * 0.03, at[1] + image.height, canvas.width * 0.95, end), ink, rng)
    if rng.random() < 0.5:
        radius = canvas.width * rng.uniform(0.02, 0.06)
        y = canvas.height - 2 * radius
        for x in np.linspace(0.12, 0.82, 4) * canvas.width:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=ink, width=2)
    return canvas


def _write_lines(
    draw: ImageDraw.ImageDraw,
    box: tuple[float, float, float, float],
    ink: tuple[int, int, int],
    rng: np.random.Generator,
) -> None:
    """Fill the box (left, top, right, bottom) with lines: words, or the gray bars that stand for words."""
    left, top, right, bottom = box
    line, words = (right - left) * rng.uniform(0.035, 0.07), rng.random() < 0.5
    for y in np.arange(top + line, bottom - line, line * rng.uniform(1.4, 2.2)):
        if words:
            draw.text((left, y), _phrase(rng, 8).lower(), fill=ink, font=_font(line))
        else:
            draw.rectangle((left, y, left + (right - left) * rng.uniform(0.3, 1.0), y + line * 0.6), fill=ink)


EDITS: dict[str, Edit] = {
    edit.__name__: edit
    for edit in (
        jpeg, reduced_colors, resize, stretch, crop, blur, sharpen, noise, flip, rotate, right_angle, brightness,
        contrast, gray, saturation, hue, gamma, text, watermark, border, caption, page, phone,
    )
}  # fmt: skip

# Drawn more often in chains: what changes the layout is harder to look past than what changes the colors.
_HARD: Sequence[Edit] = (crop, crop, crop, flip, rotate, border, caption, page, phone, phone, text, watermark)
_SOFT: Sequence[Edit] = (jpeg, resize, blur, noise, brightness, contrast, gray, saturation, hue, gamma, stretch)


def chained(image: Picture, rng: np.random.Generator) -> Picture:
    """Apply one or two edits of the layout, one or two of color and detail, and save as JPEG."""
    edits = [
        *rng.choice(np.array(_HARD), int(rng.integers(1, 3)), replace=False),
        *rng.choice(np.array(_SOFT), int(rng.integers(1, 3)), replace=False),
    ]
    for edit in edits:
        image = edit(image, rng)
    return _resaved(image, "JPEG", quality=int(rng.integers(20, 90)))


def edited_copies(
    image: Picture, rng: np.random.Generator, *, singles: int | None = None, chains: int = 8
) -> Iterator[Picture]:
    """Give copies of `image` by `singles` different edits drawn at random (None: by every one), then by chains."""
    for name in rng.permutation(list(EDITS))[:singles]:
        yield EDITS[name](image, rng)
    for _ in range(chains):
        yield chained(image, rng)
