"""Bytes of a stranger → an upright RGB image, reduced while decoding; fetching and reading is done elsewhere.

What is promised for any bytes, hostile or not:

- The format is told by content, and only the decoders of an allow-list run (`signatures.READABLE`).
- The size is read from the header, and what decoding will cost is held against the limits before a pixel is decoded
  (`costs`): the pixels, at most 13 bytes of memory for each that the limit allows beside the bytes themselves, and the
  seconds, as a decoder in C cannot be stopped from outside.
- Whatever the decoder raises becomes one of our errors. Half a picture is refused; a JPEG that lost its last bytes and
  none of its rows is not (`jpeg.completed`).

Pillow's plugins are called directly, not through `Image.open`: its global limit on pixels is another than ours and
cannot be changed for one thread, it would try further formats, and it costs time for each file.
"""

from __future__ import annotations

import hashlib
import threading
import warnings
from io import BytesIO
from typing import TYPE_CHECKING, Any

from ..errors import ImageTooLargeError, ImageUndecodableError, ImageUnsupportedError, InputError, LookalikeError
from ..limits import Limits
from ..pictures import Facts, Image
from . import jpeg, signatures, webp
from .costs import check_pixels, check_webp, check_work, too_many_bytes
from .facts import facts_of

if TYPE_CHECKING:
    from PIL import Image as PILImage

    Box = tuple[int, int, int, int]

# Pillow warns about odd metadata of pictures that it reads well; nobody can do anything about it here.
warnings.filterwarnings("ignore", module=r"PIL\.")
_QUIET = threading.Lock()


def decode(
    data: bytes,
    *,
    label: str,
    limits: Limits,
    min_side_px: int = 448,
    crop: Box | None = None,
    suffix: str = "",
    flat: bool = True,
) -> Image:
    """Decode bytes to an upright RGB image.

    Args:
        label: How messages call the source, quotation marks included where wanted.
        min_side_px: The shorter side is reduced by whole factors and stays at least this long.
        crop: (x, y, width, height) in pixels as shown; only this part is given, and `size_px` is its size.
        suffix: The name's suffix, lower case with its dot; only TGA needs it.
        flat: Whether alpha is laid over a ground. Else a picture that is not opaque has (h, w, 4) pixels, as stored.

    Raises:
        ImageTooLargeError, ImageUndecodableError, ImageUnsupportedError: for bytes that give no picture.
        InputError: for a crop outside the picture.
    """
    if len(data) > limits.max_image_bytes:
        raise too_many_bytes(label, len(data), limits)
    kind = signatures.kind(data, suffix)
    if kind not in signatures.READABLE:
        raise _refusal(kind, label)
    digest = hashlib.sha256(data)
    try:
        pixels, size_px, facts = _guarded(data, kind, label, limits, min_side_px, crop, flat)
    except LookalikeError:
        raise
    except MemoryError as exc:
        raise ImageTooLargeError(f"cannot decode {label}: memory ran out. Resize it, or use a larger machine.") from exc
    except Exception as exc:  # whatever a decoder makes of hostile bytes: OSError, struct.error, IndexError, ...
        raise _undecodable(data, kind, label, exc) from exc
    shown_px = crop[2:] if crop else size_px
    return Image(pixels, shown_px, crop_hash(digest, crop, size_px), kind, len(data), facts)


def crop_hash(digest: Any, crop: Box | None, size_px: tuple[int, int]) -> str:
    """Return the hash of a picture or of a part of it; a part that is the whole has the hash of the whole."""
    if crop is not None and tuple(crop) != (0, 0, *size_px):
        digest.update(f"crop:{crop[0]},{crop[1]},{crop[2]},{crop[3]}".encode())
    return str(digest.hexdigest())


def check_crop(crop: Box, size_px: tuple[int, int]) -> None:
    """Refuse a crop that is not wholly inside the picture.

    Raises:
        InputError: naming the crop and the size of the picture.
    """
    x, y, width, height = crop
    if x < 0 or y < 0 or width < 1 or height < 1 or x + width > size_px[0] or y + height > size_px[1]:
        raise InputError(
            f"crop={x},{y},{width},{height} is outside the picture of {size_px[0]}x{size_px[1]} pixels: "
            "pass x,y,width,height in pixels of the picture as shown."
        )


def whole_factor(short_px: int, min_side_px: int) -> int:
    """Return the largest whole factor that leaves the shorter side at least `min_side_px` long; 1 for small ones."""
    return max(1, short_px // max(1, min_side_px))


def orientation(image: PILImage.Image) -> int:
    """Return the EXIF orientation of a loaded picture, 1 to 8; 1 where it is missing or broken."""
    if image.info.keys().isdisjoint(("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")):
        return 1
    try:
        turn = image.getexif().get(0x0112, 1)
    except Exception:  # broken metadata is not a reason to refuse good pixels
        return 1
    return turn if isinstance(turn, int) and 1 <= turn <= 8 else 1


def upright(image: PILImage.Image, turn: int) -> PILImage.Image:
    """Turn and mirror a picture the way its EXIF orientation asks for."""
    from PIL.Image import Transpose

    steps = (
        Transpose.FLIP_LEFT_RIGHT,
        Transpose.ROTATE_180,
        Transpose.FLIP_TOP_BOTTOM,
        Transpose.TRANSPOSE,
        Transpose.ROTATE_270,
        Transpose.TRANSVERSE,
        Transpose.ROTATE_90,
    )
    return image if turn == 1 else image.transpose(steps[turn - 2])


def stored_box(crop: Box, size_px: tuple[int, int], turn: int) -> Box:
    """Find a crop of the upright picture in the picture as stored: left, top, right, bottom.

    Args:
        size_px: The upright picture's size.
        turn: The EXIF orientation.
    """
    x, y, width, height = crop
    left, top, right, bottom = x, y, x + width, y + height
    full_width, full_height = size_px
    if turn in (2, 3, 6, 7):  # the shown x axis runs against the stored axis that it lies on
        left, right = full_width - right, full_width - left
    if turn in (3, 4, 7, 8):
        top, bottom = full_height - bottom, full_height - top
    return (top, left, bottom, right) if turn >= 5 else (left, top, right, bottom)


def _guarded(
    data: bytes, kind: str, label: str, limits: Limits, min_side_px: int, crop: Box | None, flat: bool
) -> tuple[Any, tuple[int, int], Facts]:
    """Decode; where the process turns warnings into errors, decode once more with warnings off.

    `catch_warnings` changes the whole process, so it is used in that case only, one thread at a time.
    """
    try:
        return _whole(data, kind, label, limits, min_side_px, crop, flat)
    except Warning:
        with _QUIET, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _whole(data, kind, label, limits, min_side_px, crop, flat)


def _whole(
    data: bytes, kind: str, label: str, limits: Limits, min_side_px: int, crop: Box | None, flat: bool
) -> tuple[Any, tuple[int, int], Facts]:
    """Decode; a JPEG that was cut short only where all of it can be shown nevertheless."""
    try:
        return _decode(data, kind, label, limits, min_side_px, crop, flat)
    except OSError as exc:
        if kind != "jpeg" or "truncated" not in str(exc):
            raise
        frame = jpeg.frame_of(data)
        check_pixels(frame.size_px if frame else (1, 1), limits, label)  # it is tried in full size
        completed = jpeg.completed(data)
        if completed is None:
            raise
        return _decode(completed, kind, label, limits, min_side_px, crop, flat)


def _decode(
    data: bytes, kind: str, label: str, limits: Limits, min_side_px: int, crop: Box | None, flat: bool
) -> tuple[Any, tuple[int, int], Facts]:
    import numpy as np

    from .pixels import to_rgb, with_alpha

    image = _open(data, kind, label, limits)
    stored = image.size
    short = min(crop[2:]) if crop else min(stored)
    check_work(image, data, kind, label, limits)
    if kind == "jpeg":
        _draft(image, whole_factor(short, min_side_px))
    if kind == "tiff":
        _refuse_raw(image, label)
    check_pixels(image.size, limits, label, full_px=stored)
    image.load()
    facts = facts_of(image, data, kind)
    turn = orientation(image) if kind != "tiff" else 1  # Pillow turns TIFF upright by itself
    shown = (stored[1], stored[0]) if turn >= 5 else stored
    if crop is not None:
        check_crop(crop, shown)
        image = _cut(image, stored_box(crop, shown, turn), stored)
    if not flat and image.has_transparency_data:
        layers = np.asarray(upright(with_alpha(image), turn))
        if layers[..., 3].min() < 255:
            return layers, shown, facts
    rgb = to_rgb(image, whole_factor(min(image.size), min_side_px), **_gray_scale(image, kind))
    rgb = upright(_to_srgb(rgb, image), turn)
    return np.asarray(rgb), shown, facts


def _draft(image: PILImage.Image, factor: int) -> None:
    """Let libjpeg reduce by 2, 4 or 8 while decoding, never by more than `factor`."""
    power = 8 if factor >= 8 else 4 if factor >= 4 else 2 if factor >= 2 else 1
    if power > 1:
        image.draft(None, (max(1, image.width // power), max(1, image.height // power)))


def _cut(image: PILImage.Image, box: Box, stored: tuple[int, int]) -> PILImage.Image:
    """Cut a box, given in pixels as stored, out of a picture that may have been reduced; rounded outwards."""
    left, top, right, bottom = box
    (width, height), (full_width, full_height) = image.size, stored
    return image.crop(
        (
            left * width // full_width,
            top * height // full_height,
            -(-right * width // full_width),
            -(-bottom * height // full_height),
        )
    )


def _open(data: bytes, kind: str, label: str, limits: Limits) -> PILImage.Image:
    """Read the header with the one plugin that fits; pixels come later."""
    stream = BytesIO(data)
    if kind == "jpeg":
        from PIL.JpegImagePlugin import JpegImageFile

        return JpegImageFile(stream)
    if kind == "ppm":
        from .netpbm import read_netpbm

        return read_netpbm(data, lambda size: check_pixels(size, limits, label))
    if kind == "ico":
        return _open_icon(stream, label, limits)
    if kind == "tga":
        return _open_tga(stream, data)
    if kind == "webp":
        size = webp.size_of(data)
        check_webp(size, is_animated=webp.is_animated(data), label=label, limits=limits)
        if size[0] * size[1] > webp.LARGE_PX and not webp.is_animated(data):
            return webp.read_still(data)
    plugin = _plugin(kind)
    if kind == "tiff":
        from .libtiff import silence

        silence()
    image: PILImage.Image = plugin(stream)
    return image


def _plugin(kind: str) -> Any:
    from importlib import import_module

    module, name = {
        "png": ("PngImagePlugin", "PngImageFile"),
        "webp": ("WebPImagePlugin", "WebPImageFile"),
        "avif": ("AvifImagePlugin", "AvifImageFile"),
        "gif": ("GifImagePlugin", "GifImageFile"),
        "bmp": ("BmpImagePlugin", "BmpImageFile"),
        "tiff": ("TiffImagePlugin", "TiffImageFile"),
        "tga": ("TgaImagePlugin", "TgaImageFile"),
    }[kind]
    return getattr(import_module(f"PIL.{module}"), name)


def _open_icon(stream: BytesIO, label: str, limits: Limits) -> PILImage.Image:
    """Open the largest picture of an icon; its own size counts, whatever the directory says."""
    from PIL.IcoImagePlugin import IcoFile

    icon = IcoFile(stream)
    header = icon.entry[0]
    stream.seek(header.offset)
    head = stream.read(24)
    if head.startswith(b"\x89PNG"):
        size = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    else:
        size = int.from_bytes(head[4:8], "little"), int.from_bytes(head[8:12], "little") // 2
    check_pixels(size, limits, label)
    return icon.frame(0)


def _open_tga(stream: BytesIO, data: bytes) -> PILImage.Image:
    image: PILImage.Image = _plugin("tga")(stream)
    if image.mode == "RGBA" and not data[17] & 0x0F:  # the header says: no alpha bits
        image.load()
        return image.convert("RGB")
    return image


def _refuse_raw(image: Any, label: str) -> None:
    """Refuse a camera's raw file: a TIFF whose first picture is only a thumbnail (DNG version, or reduced)."""
    if 50706 in image.tag_v2 or image.tag_v2.get(254, 0) == 1:
        raise _refusal("raw", label)


def _gray_scale(image: Any, kind: str) -> dict[str, Any]:
    """Count how many bits of a 16-bit gray TIFF are used, and whether 0 is white in it."""
    if kind != "tiff" or not image.mode.startswith("I;16") or not hasattr(image, "tag_v2"):
        return {}
    bits = image.tag_v2.get(258, (16,))[0]
    return {"bits": bits if 8 < bits <= 16 else 16, "inverted": image.tag_v2.get(262) == 0}


def _to_srgb(rgb: PILImage.Image, image: PILImage.Image) -> PILImage.Image:
    """Convert a wide-gamut picture (Adobe RGB, Display P3) to sRGB; profiles that fail are ignored.

    Costs 1.2 ms for a new profile and 2 ms for 500x375; sRGB itself, by far the most frequent, is told by its name.
    """
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or image.mode not in ("RGB", "RGBA", "P") or not 128 < len(profile) < 100_000:
        return rgb
    if profile[16:20] != b"RGB " or b"sRGB" in profile or b"s\0R\0G\0B" in profile:
        return rgb
    from .colors import srgb_transform

    transform = srgb_transform(profile)
    return rgb if transform is None else transform(rgb)


def _refusal(kind: str, label: str) -> LookalikeError:
    if kind in signatures.UNSUPPORTED:
        name = signatures.UNSUPPORTED[kind]
        return ImageUnsupportedError(
            f"cannot decode {label}: it is {name}, which is not read here. Convert it to JPEG or PNG first.", kind=kind
        )
    what, mend = signatures.NOT_IMAGES.get(
        kind, ("its bytes are not a known image format", "Pass a JPEG, PNG or WebP.")
    )
    return ImageUndecodableError(f"cannot decode {label}: {what}. {mend}", kind=kind)


def _undecodable(data: bytes, kind: str, label: str, cause: Exception) -> LookalikeError:
    if type(cause).__name__ == "DecompressionBombError":
        return ImageTooLargeError(f"{label} has too many pixels. Resize it.")
    odd = jpeg.refusal(data) if kind == "jpeg" else ""
    if odd:
        return ImageUnsupportedError(
            f"cannot decode {label}: it is {odd}, which is not read here. Convert it to 8 bits, or to PNG, first.",
            kind=kind,
        )
    said = str(cause).lower()
    short = "truncated" in said or isinstance(cause, EOFError)
    what = "it ends too early" if short else "its data is damaged"
    return ImageUndecodableError(
        f"cannot decode {label}: it begins as {kind.upper()}, but {what}. Copy or save it again.", kind=kind
    )
