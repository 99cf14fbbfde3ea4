"""What decoding a picture will cost, told by its header: pixels, memory and seconds, against the limits.

`max_image_pixels` is about the pixels that are decoded: a JPEG is reduced while it is read, so that one of any size
costs its reduced pixels and one pass over its bytes. Memory may take `MEMORY_PER_PIXEL` for each pixel of the limit,
which is what the formats that need most of it take (measured below); more is refused, naming the megabytes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..errors import ImageTooLargeError, ImageUndecodableError
from ..limits import Limits

if TYPE_CHECKING:
    from PIL import Image as PILImage

# Bytes of memory for each pixel of the limit. Peaks were measured at 40 megapixels, beside the file: JPEG, PNG, BMP,
# TIFF, TGA, GIF and PPM below 5, progressive JPEG 7 to 10, still WebP 8 (by OpenCV; Pillow takes 16), AVIF 9.5 to 12.
MEMORY_PER_PIXEL = 13
# Small limits on pixels are not meant to shut out what takes little memory anyway.
_LEAST_MEMORY = 200_000_000
_WEBP, _ANIMATED_WEBP = 8, 16
# Passes over the pixels of a progressive JPEG: 1.0 to 1.9 G pixels a second were measured, empty scans included
# (12 and 48 megapixels, 10 to 60 scans); a third of it for slower and shared processors.
_SCAN_PIXELS_PER_S = 300e6
# A baseline JPEG of one color, reduced by 8, gives 600 M pixels a second, and dense ones 60 MB; again a third.
_JPEG_PIXELS_PER_S, _JPEG_BYTES_PER_S = 200e6, 20e6
# Pillow's run-length decoder for BMP is written in Python: 2.4 to 6.7 MB/s were measured over five kinds of runs.
_RLE_BYTES_PER_S = 2e6
# Deflate cannot pack tighter than 1032 to 1 (RFC 1951: 258 bytes in 2 bits); Huffman codes not tighter than 2 bits for
# the 64 pixels of a block, in a JPEG that has no runs of blocks.
_DEFLATE_RATIO, _PIXELS_OF_A_BYTE = 1032, 256


def check_pixels(
    size_px: tuple[int, int], limits: Limits, label: str, *, full_px: tuple[int, int] | None = None
) -> None:
    """Refuse a picture of more pixels than `max_image_pixels`.

    Args:
        full_px: The picture's own size, where fewer pixels than that are decoded.

    Raises:
        ImageTooLargeError: naming both numbers.
    """
    pixels = size_px[0] * size_px[1]
    if pixels > limits.max_image_pixels:
        width, height = full_px or size_px
        raise ImageTooLargeError(
            f"{label} has {mega(width * height)} megapixels ({width}x{height}); the limit is "
            f"{mega(limits.max_image_pixels)}. Resize it, or raise `max_image_pixels`.",
            pixels=width * height,
        )


def too_many_bytes(label: str, count: int, limits: Limits) -> ImageTooLargeError:
    """Return the error that says that a source has more bytes than `max_image_bytes`."""
    return ImageTooLargeError(
        f"{label} has {mega(count)} MB; the limit is {mega(limits.max_image_bytes)}. "
        "Resize it, or raise `max_image_bytes`.",
        bytes=count,
    )


def check_work(image: PILImage.Image, data: bytes, kind: str, label: str, limits: Limits) -> None:
    """Refuse what the pixel limit alone does not bound: many passes, slow decoders, claims that bytes cannot hold."""
    pixels = image.width * image.height
    if kind == "jpeg" and "progressive" in image.info:
        scans = data.count(b"\xff\xda")
        _check_seconds(scans * pixels / _SCAN_PIXELS_PER_S, label, limits)
        _check_memory(_coefficient_bytes(image), pixels, "a progressive JPEG", label, limits)
    elif kind == "jpeg":
        if pixels > _PIXELS_OF_A_BYTE * len(data):
            raise _claims_too_much(label)
        _check_seconds(pixels / _JPEG_PIXELS_PER_S + len(data) / _JPEG_BYTES_PER_S, label, limits)
    elif kind == "bmp" and image.info.get("compression") in (1, 2):
        _check_seconds(len(data) / _RLE_BYTES_PER_S, label, limits)
    elif kind == "png" and _png_bytes(data) > _DEFLATE_RATIO * len(data):
        raise _claims_too_much(label)
    elif kind == "avif":
        _check_memory(_avif_pixel_bytes(data) * pixels, pixels, "an AVIF", label, limits)


def check_webp(size_px: tuple[int, int], *, is_animated: bool, label: str, limits: Limits) -> None:
    """Refuse a WebP that takes too much memory, before its decoder is made, which takes it at once."""
    check_pixels(size_px, limits, label)
    pixels = size_px[0] * size_px[1]
    _check_memory((_ANIMATED_WEBP if is_animated else _WEBP) * pixels, pixels, "a WebP", label, limits)


def mega(count: int) -> str:
    """Return a number in millions, with one digit behind the point where it is a large one."""
    return re.sub(r"\.0$", "", f"{count / 1e6:.1f}") if count >= 100_000 else f"{count / 1e6:g}"


def _claims_too_much(label: str) -> ImageUndecodableError:
    return ImageUndecodableError(f"cannot decode {label}: its header claims more pixels than its bytes can hold.")


def _check_seconds(seconds: float, label: str, limits: Limits) -> None:
    if seconds > limits.decode_timeout_s:
        raise ImageTooLargeError(
            f"decoding {label} would take about {seconds:.0f} s; the limit is {limits.decode_timeout_s:g}. "
            "Save it again as plain JPEG or PNG, or raise `decode_timeout_s`."
        )


def _check_memory(needed: float, pixels: int, name: str, label: str, limits: Limits) -> None:
    allowed = max(MEMORY_PER_PIXEL * limits.max_image_pixels, _LEAST_MEMORY)
    if needed > allowed:
        raise ImageTooLargeError(
            f"{label} is {name} of {mega(pixels)} megapixels, which takes {mega(int(needed))} MB to decode; the "
            f"limit is {mega(allowed)} MB. Resize it, save it as baseline JPEG, or raise `max_image_pixels`.",
            pixels=pixels,
        )


def _coefficient_bytes(image: Any) -> float:
    """Count how many bytes the coefficients of a progressive JPEG take: two each, all kept until its end."""
    parts = [(part[1], part[2]) for part in image.layer]
    widest, highest = max(h for h, _ in parts), max(v for _, v in parts)
    return float(2 * image.width * image.height * sum(h * v for h, v in parts) / (widest * highest))


def _png_bytes(data: bytes) -> int:
    """Count how many bytes the rows of a PNG have when unpacked (RFC 2083; interlaced ones have a few more)."""
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(data[25], 1)
    return height * (1 + (width * channels * data[24] + 7) // 8)


def _avif_pixel_bytes(data: bytes) -> float:
    """Count the bytes of memory of a pixel of an AVIF: planes as coded, and the pixels made of them three times.

    The first `av1C` box says depth and planes; without one, the costliest are taken. Measured for 8 bits: 9.5 without
    alpha and 12.1 with it, which the sums 9.5 and 12.5 stand for.
    """
    at = data.find(b"av1C", 0, 1 << 16)
    flags = data[at + 6] if 0 <= at < len(data) - 6 else 0x40
    sample = 2 if flags & 0x40 else 1
    planes = 1 if flags & 0x10 else {0x0C: 1.5, 0x08: 2}.get(flags & 0x0C, 3)
    has_alpha = data.find(b"auxC", 0, 1 << 16) >= 0
    return sample * (planes + has_alpha) + (10 if has_alpha else 8)
