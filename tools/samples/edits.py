"""Edits that leave a picture the same picture: what copies on the web go through; choosing is left to the gallery."""

from collections.abc import Callable
from io import BytesIO

from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps


def recompressed(image: Image.Image) -> Image.Image:
    """Save as JPEG of quality 30 and read back, with all its blocks."""
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=30)
    return Image.open(buffer).convert("RGB")


def resized(image: Image.Image) -> Image.Image:
    """Shrink to half the size."""
    return image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)


def cropped_15(image: Image.Image) -> Image.Image:
    """Cut away 15 % of the width and of the height, unevenly from both ends."""
    return _cropped(image, 0.15)


def cropped_30(image: Image.Image) -> Image.Image:
    """Cut away 30 % of the width and of the height, unevenly from both ends."""
    return _cropped(image, 0.30)


def _cropped(image: Image.Image, share: float) -> Image.Image:
    across, down = image.width * share, image.height * share
    box = (across * 0.6, down * 0.4, image.width - across * 0.4, image.height - down * 0.6)
    left, top, right, bottom = (round(edge) for edge in box)
    return image.crop((left, top, right, bottom))


def mirrored(image: Image.Image) -> Image.Image:
    """Swap left and right."""
    return ImageOps.mirror(image)


def rotated_90(image: Image.Image) -> Image.Image:
    """Turn by a quarter, against the clock."""
    return image.transpose(Image.Transpose.ROTATE_90)


def brightened(image: Image.Image) -> Image.Image:
    """Make 30 % brighter."""
    return ImageEnhance.Brightness(image).enhance(1.3)


def gray(image: Image.Image) -> Image.Image:
    """Take the colors away."""
    return ImageOps.grayscale(image).convert("RGB")


def captioned(image: Image.Image) -> Image.Image:
    """Write a caption on a dark bar at the foot."""
    out = image.copy()
    bar = Image.new("L", (image.width, round(image.height * 0.13)), 165)
    out.paste((18, 20, 24), (0, image.height - bar.height), bar)
    font = ImageFont.load_default(bar.height * 0.46)
    middle = (image.width / 2, image.height - bar.height / 2)
    ImageDraw.Draw(out).text(middle, "From the archive", fill=(250, 248, 242), font=font, anchor="mm")
    return out


def watermarked(image: Image.Image) -> Image.Image:
    """Lay a pale sign across the picture, over and over."""
    layer = Image.new("L", image.size)
    pen = ImageDraw.Draw(layer)
    font = ImageFont.load_default(image.width / 17)
    for row in range(-1, 8):
        for column in range(-1, 4):
            at = (column * image.width / 2.6 + (row % 2) * image.width / 5, row * image.height / 6)
            pen.text(at, "SAMPLE", fill=105, font=font)
    out = image.copy()
    out.paste((255, 255, 255), (0, 0), layer.rotate(24, Image.Resampling.BICUBIC))
    return out


def bordered(image: Image.Image) -> Image.Image:
    """Frame with a white mat, wider at the foot, and a thin line."""
    edge = round(image.width * 0.06)
    out = ImageOps.expand(image, (edge, edge, edge, edge * 2), (252, 251, 248))
    ImageDraw.Draw(out).rectangle((0, 0, out.width - 1, out.height - 1), outline=(190, 186, 180), width=2)
    return out


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "recompressed": recompressed,
    "resized": resized,
    "cropped-15": cropped_15,
    "cropped-30": cropped_30,
    "mirrored": mirrored,
    "rotated-90": rotated_90,
    "brightened": brightened,
    "gray": gray,
    "captioned": captioned,
    "watermarked": watermarked,
    "bordered": bordered,
}
