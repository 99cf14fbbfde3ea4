"""Any Pillow mode or array as 8-bit RGB, reduced."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .colors import lab_to_rgb

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image as PILImage

    from ..arrays import U8

    Convert = Callable[[PILImage.Image], PILImage.Image]

# Large pictures are converted in strips of about this many pixels, so that no second full-size picture is made.
_STRIP_PIXELS = 1_000_000
_SEEN_PX = 256  # a side of what the ground is chosen by
_WHITE, _GRAY = 255, 128
_SHOWN = 16.0  # levels of contrast; a white shirt on white has 20 to 40


def to_rgb(image: PILImage.Image, factor: int, *, bits: int = 16, inverted: bool = False) -> PILImage.Image:
    """Convert a loaded picture to RGB and make both sides `factor` times smaller (rounded up).

    Transparent pictures are laid over a ground (see `shown_on`) before anything is averaged, so that hidden colors
    never leak.

    Args:
        factor: 1 or more; each output pixel is the mean of factor x factor pixels.
        bits: How many bits of a 16-bit gray pixel are used; scanners write 12.
        inverted: 16-bit gray where 0 is white.

    Cost: the result and one strip, beside the picture itself.
    """
    if image.mode in ("RGB", "L") and "transparency" not in image.info:
        small = image.reduce(factor) if factor > 1 else image
        return small if small.mode == "RGB" else small.convert("RGB")
    convert = _conversion(image, bits, inverted)
    if image.width * image.height <= _STRIP_PIXELS:
        rgb = convert(image)
        return rgb.reduce(factor) if factor > 1 else rgb
    return _in_strips(image, factor, convert)


def _in_strips(image: PILImage.Image, factor: int, convert: Convert) -> PILImage.Image:
    from PIL import Image

    width, height = image.size
    rows = factor * max(1, _STRIP_PIXELS // (width * factor))
    result = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    for top in range(0, height, rows):
        strip = convert(image.crop((0, top, width, min(top + rows, height))))
        result.paste(strip.reduce(factor) if factor > 1 else strip, (0, top // factor))
    return result


def _conversion(image: PILImage.Image, bits: int, inverted: bool) -> Convert:
    if image.mode.startswith("I;16"):
        return _deep_gray(0.0, float(2**bits - 1), inverted)
    if image.mode == "LAB":
        return lab_to_rgb
    if image.mode in ("I", "F"):
        low, high = gray_range(*image.getextrema())
        return _deep_gray(low, high, False)
    if image.has_transparency_data:
        ground = shown_on(image)
        return lambda part: over(part, ground)
    return lambda part: part.convert("RGB")


def gray_range(lowest: float, highest: float) -> tuple[float, float]:
    """Choose what is black and what is white in a gray picture of unknown scale (32-bit integers or floats).

    Within 0 to 1 the scale is 0 to 1, then 0 to 255, then 0 to 65535; anything else runs from its lowest to its
    highest value. A picture without finite extremes is black.
    """
    if not (-3.5e38 < lowest <= highest < 3.5e38):
        return 0.0, 1.0
    if lowest >= 0:
        for scale in (1.0, 255.0, 65535.0):
            if highest <= scale:
                return 0.0, scale
    return float(lowest), float(highest)


def _deep_gray(low: float, high: float, inverted: bool) -> Convert:
    def convert(part: PILImage.Image) -> PILImage.Image:
        import numpy as np
        from PIL import Image

        values = np.asarray(part)
        full = values.dtype.itemsize == 2 and high == 65535
        levels = (values >> 8).astype(np.uint8) if full else scale_levels(values, low, high)
        return Image.fromarray(255 - levels if inverted else levels).convert("RGB")

    return convert


def scale_levels(values: npt.NDArray[Any], low: float, high: float) -> U8:
    """Map `low`..`high` to 0..255, rounded; values outside and NaN go to the nearer end and to 0."""
    import numpy as np

    scaled = (values.astype(np.float32) - np.float32(low)) * np.float32(255.0 / ((high - low) or 1.0))
    levels: U8 = np.rint(np.clip(np.nan_to_num(scaled, nan=0.0, posinf=255.0), 0, 255)).astype(np.uint8)
    return levels


def shown_on(image: PILImage.Image) -> int:
    """Choose the gray level that a picture with alpha is laid over: white, unless what it shows would vanish on it."""
    import numpy as np

    box = image.getchannel("A").getbbox() if "A" in image.getbands() else None
    seen = image.crop(box) if box else image
    seen = seen.resize((min(seen.width, _SEEN_PX), min(seen.height, _SEEN_PX)), 0)
    return _ground_of(np.asarray(with_alpha(seen)))


def _ground_of(pixels: U8) -> int:
    """Return the ground for pixels (h, w, 4): where they contrast most with, if they hardly do with white."""
    import numpy as np

    alpha = pixels[..., 3].astype(np.float64) / 255
    color = pixels[..., :3].astype(np.float64)
    if not alpha.any():
        return _WHITE

    def contrast(ground: int) -> float:  # in levels, the mean of all that is not wholly transparent
        apart = np.abs(color - ground).max(2)
        return float((alpha * alpha * apart).sum() / alpha.sum())

    on_white = contrast(_WHITE)
    if on_white >= _SHOWN:
        return _WHITE
    best, ground = max((contrast(ground), -ground) for ground in (0, _GRAY))
    return -ground if best >= 2 * on_white else _WHITE


def with_alpha(image: PILImage.Image) -> PILImage.Image:
    """Convert a picture with alpha, a color key or a transparent palette to RGBA."""
    if image.mode == "La":
        image = image.convert("LA")
    return image if image.mode == "RGBA" else image.convert("RGBA")


def over(image: PILImage.Image, ground: int) -> PILImage.Image:
    """Lay a picture with alpha, a color key or a transparent palette over a gray level."""
    from PIL import Image

    rgba = with_alpha(image)
    result = Image.new("RGB", image.size, (ground,) * 3)
    result.paste(rgba.convert("RGB"), mask=rgba.getchannel("A"))
    return result


def array_to_rgb(array: npt.NDArray[Any]) -> U8:
    """Turn an array of pixels into (h, w, 3) uint8, a new array.

    Args:
        array: (h, w) or (h, w, 1) gray, (h, w, 2) gray and alpha, (h, w, 3) RGB, (h, w, 4) RGB and alpha; bool,
            uint8, uint16 (the full range), or floats from 0 to 1.

    Raises:
        InputError: for other shapes and types, and for floats outside 0 to 1; nothing is guessed.
    """
    import numpy as np

    shape = "x".join(map(str, array.shape))
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 2, 3, 4)):
        hint = " Pass the images one by one." if array.ndim == 4 else ""
        if array.ndim == 3 and array.shape[0] in (1, 3, 4):
            hint = " Move the colors to the end: array.transpose(1, 2, 0)."
        raise InputError(f"an array of shape {shape} is not a picture: pass (h, w), (h, w, 3) or (h, w, 4).{hint}")
    if array.size == 0:
        raise InputError(f"an array of shape {shape} is empty: pass at least one pixel.")
    levels = _eight_bit(array)
    planes = levels[:, :, None] if levels.ndim == 2 else levels
    color = planes[:, :, : 1 if planes.shape[2] < 3 else 3]
    if planes.shape[2] in (2, 4):
        alpha = planes[:, :, -1:].astype(np.uint16)
        ground = _ground_of(np.concatenate([np.broadcast_to(color, (*color.shape[:2], 3)), planes[:, :, -1:]], 2))
        color = ((color * alpha + ground * (255 - alpha) + 127) // 255).astype(np.uint8)
    return np.array(np.broadcast_to(color, (*color.shape[:2], 3)), dtype=np.uint8, order="C")


def _eight_bit(array: npt.NDArray[Any]) -> U8:
    import numpy as np

    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype == np.uint16:
        return (array >> 8).astype(np.uint8)
    if array.dtype.kind == "f":
        low, high = float(array.min()), float(array.max())
        if not (low >= 0 and high <= 1):  # also true for NaN
            hint = " Divide by 255, or pass uint8." if 1 < high <= 255 and low >= 0 else ""
            raise InputError(f"floats of a picture run from 0 to 1; these run from {low:g} to {high:g}.{hint}")
        return scale_levels(array, 0.0, 1.0)
    raise InputError(f"an array of {array.dtype} is not a picture: pass uint8, uint16, bool, or floats from 0 to 1.")
