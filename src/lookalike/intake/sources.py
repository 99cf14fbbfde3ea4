"""Opening a source, and reading its bytes or its image."""

from __future__ import annotations

import errno
import hashlib
import os
import stat as modes
from typing import TYPE_CHECKING, Any

from ..errors import ImageTooLargeError, InputError, LookalikeError, SourceError, SourceNotFoundError
from ..limits import Limits
from ..pictures import Bytes, Fence, File, Image, Opened, Pixels, Source, Url
from .folders import json_field, printable
from .parsing import EXPECTED, LONGEST_PATH, bytes_name, cut, describe, is_pil, source_of

if TYPE_CHECKING:
    from PIL import Image as PILImage

    from .fetch import Fetcher

    Box = tuple[int, int, int, int]


def read(
    source: object,
    *,
    limits: Limits,
    min_side_px: int = 448,
    fetch: Fetcher | None = None,
    crop: tuple[int, int, int, int] | None = None,
    flat: bool = True,
) -> Image:
    """Read any source to an upright RGB image.

    Args:
        source: A path; an http or https URL; encoded bytes; base64 text, as `data:` URL or bare; an open binary
            file; a PIL image; an array (see `pixels.array_to_rgb`); or an Image, which is given back.
        min_side_px: A larger picture is reduced by whole factors while its shorter side stays at least this long.
            No picture is enlarged.
        fetch: Opens URLs; None makes one for this call that refuses private addresses.
        crop: (x, y, width, height) in pixels of the picture as shown, before any reduction. Only that part is
            given; `size_px` is its size, and the content hash covers bytes and crop.
        flat: False leaves alpha as it is stored, where encoded bytes have it: (h, w, 4) pixels, not reduced.

    Raises:
        SourceError: or one of its kinds, when the source gives no picture.
        InputError: for a source of a wrong type and a crop outside the picture.

    Example:
        >>> import numpy as np
        >>> read(np.zeros((3, 4), np.uint8), limits=Limits()).size_px
        (4, 3)
    """
    crop = _checked_crop(crop)
    source = source_of(source)
    if isinstance(source, Pixels):
        return _from_pixels(source.pixels, limits, min_side_px, crop)
    from .decode import decode

    data, name = _bytes_of(source, limits, fetch)
    suffix = os.path.splitext(name)[1].lower()
    return decode(data, label=f'"{name}"', limits=limits, min_side_px=min_side_px, crop=crop, suffix=suffix, flat=flat)


def read_bytes(source: object, *, limits: Limits, fetch: Fetcher | None = None) -> tuple[bytes, str]:
    """Return the encoded bytes of a source, as they came, and a short printable description of it.

    Raises:
        SourceError: or one of its kinds, when there are no bytes to be had.
        InputError: for arrays and PIL images, which have none, and for wrong types.
    """
    source = source_of(source)
    if isinstance(source, Pixels):
        raise InputError(f"{describe(source)} has no encoded bytes: pass the file, its bytes or its URL.")
    return _bytes_of(source, limits, fetch)


def hold(source: object, *, limits: Limits, fetch: Fetcher | None = None) -> Source:
    """Read the bytes of a source, so that nothing opens it again; pixels have none and stay.

    Raises:
        SourceError: or one of its kinds, when there are no bytes to be had.
    """
    source = source_of(source)
    if isinstance(source, Bytes | Pixels):
        return source
    return Bytes(*_bytes_of(source, limits, fetch))


def _bytes_of(source: Source, limits: Limits, fetch: Fetcher | None) -> tuple[bytes, str]:
    if isinstance(source, Bytes):
        return _within(source.data, limits), describe(source)
    if isinstance(source, Url):
        return _fetch(source.url, limits, fetch), describe(source)
    if isinstance(source, File):
        return _bytes_of_file(source, limits), describe(source)
    if isinstance(source, Opened):
        return _read_stream(source, limits)
    raise InputError(f"{describe(source)} is in a collection: ask the collection for it.")


def _bytes_of_file(file: File, limits: Limits) -> bytes:
    if len(file.path) > LONGEST_PATH or "\0" in file.path:
        raise SourceNotFoundError(
            f'no such file: "{cut(printable(file.path))}", and it is not base64 of a picture either. '
            f"A source is {EXPECTED}."
        )
    return _read_file(file.path, limits, file.fence)


def _fetch(url: str, limits: Limits, fetch: Fetcher | None) -> bytes:
    if fetch is not None:
        return fetch.fetch(url)
    from .fetch import Fetcher

    with Fetcher(limits, allow_private=False) as own:
        return own.fetch(url)


def _read_file(path: str, limits: Limits, fence: Fence | None = None) -> bytes:
    """Read a regular file at once; the size is checked before, and again by reading one byte more.

    Opened without waiting: a pipe without a writer would block for ever. Whether it lies inside of a fence is asked of
    the open file, as its path may lead elsewhere by then.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(handle, "rb", buffering=0) as file:
            status = os.fstat(handle)
            if fence is not None and not fence.encloses(json_field(handle, path)):
                raise SourceError(f'"{printable(path)}" leads out of the folder that is shown, and is not read.')
            if not modes.S_ISREG(status.st_mode):
                raise InputError(f'"{printable(path)}" is {_file_kind(status.st_mode)}, not a picture. Pass a file.')
            _check_bytes(status.st_size, f'"{printable(path)}"', limits)
            return _within(_read_up_to(file, limits.max_image_bytes + 1, status.st_size), limits)
    except OSError as exc:
        raise _file_error(path, exc) from exc


def _read_up_to(file: Any, most: int, expected: int) -> bytes:
    first: bytes = file.read(min(expected + 1, most))  # one read in nearly all cases
    if len(first) == expected:
        return first
    parts = [first]
    total = len(first)
    while total < most and (part := file.read(min(1 << 20, most - total))):
        parts.append(part)
        total += len(part)
    return b"".join(parts)


def _file_error(path: str, exc: OSError) -> LookalikeError:
    name = printable(path)
    if exc.errno in (errno.EISDIR, errno.ENXIO) or os.path.isdir(path):
        if os.path.isdir(path) and not os.access(path, os.R_OK | os.X_OK):
            return SourceError(f'cannot read folder "{name}": permission denied. Grant it, or leave the folder out.')
        kind = "a folder" if os.path.isdir(path) else "a socket or device"
        return InputError(f'"{name}" is {kind}, not a picture. Pass a file.')
    if exc.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL):
        return SourceNotFoundError(f'no such file: "{cut(name, 1024)}". Check the spelling and the folder.')
    return SourceError(f'cannot read "{name}": {exc.strerror or exc}.')


def _file_kind(mode: int) -> str:
    if modes.S_ISDIR(mode):
        return "a folder"
    return "a pipe" if modes.S_ISFIFO(mode) else "a socket or device"


def _read_stream(source: Opened, limits: Limits) -> tuple[bytes, str]:
    """Read an open binary file from where it stands to its end."""
    stream, name = source.stream, describe(source)
    parts: list[bytes] = []
    total = 0
    while True:
        try:
            part = stream.read(min(1 << 20, limits.max_image_bytes + 1 - total))
        except (OSError, ValueError) as exc:
            raise SourceError(f'cannot read "{name}": {exc}.') from exc
        if not isinstance(part, bytes | bytearray | memoryview):
            raise InputError(f'"{name}" gives {type(part).__name__}, not bytes: open it in binary mode.')
        if not part:
            data = b"".join(parts)
            return data, name if name != "<open file>" else bytes_name(data)
        parts.append(bytes(part))
        total += len(part)
        _check_bytes(total, f'"{name}"', limits)


def _within(data: bytes, limits: Limits) -> bytes:
    _check_bytes(len(data), "the source", limits)
    return data


def _check_bytes(count: int, label: str, limits: Limits) -> None:
    if count > limits.max_image_bytes:
        from .costs import too_many_bytes

        raise too_many_bytes(label, count, limits)


def _checked_crop(crop: Any) -> Box | None:
    if crop is None:
        return None
    try:
        x, y, width, height = (int(part) for part in crop if int(part) == part and not isinstance(part, bool))
    except (TypeError, ValueError) as exc:
        raise InputError(f"crop={crop!r} is not a crop: pass x,y,width,height, four whole numbers.") from exc
    if min(x, y) < 0 or min(width, height) < 1:
        raise InputError(f"crop={x},{y},{width},{height} is out of range: x and y from 0, width and height from 1.")
    return x, y, width, height


def _from_pixels(pixels: Any, limits: Limits, min_side_px: int, crop: Box | None) -> Image:
    if isinstance(pixels, Image):
        return pixels if crop is None else _crop_image(pixels, crop)
    make = _from_pil if is_pil(pixels) else _from_array
    return make(pixels, limits, min_side_px, crop)


def _from_array(array: Any, limits: Limits, min_side_px: int, crop: Box | None) -> Image:
    from PIL import Image as PILImage

    from .costs import check_pixels
    from .pixels import array_to_rgb

    if array.ndim >= 2:
        check_pixels((array.shape[1], array.shape[0]), limits, describe(array))
    return _from_rgb(PILImage.fromarray(array_to_rgb(array)), min_side_px, crop)


def _from_pil(image: PILImage.Image, limits: Limits, min_side_px: int, crop: Box | None) -> Image:
    """Read a PIL image: alpha laid over a ground, upright as its EXIF asks; the caller's image stays as it is."""
    from .costs import check_pixels
    from .decode import orientation, upright
    from .pixels import to_rgb

    label = describe(image)
    if not image.width or not image.height:
        raise InputError(f"{label} is empty: pass at least one pixel.")
    check_pixels(image.size, limits, label)
    try:
        image.load()
        rgb = upright(to_rgb(image, 1), orientation(image))
    except MemoryError as exc:
        raise ImageTooLargeError(f"cannot read {label}: memory ran out. Resize it.") from exc
    except Exception as exc:  # a lazily opened file can fail in as many ways as bytes can
        raise SourceError(f"cannot read {label}: {type(exc).__name__}. Pass the file's bytes to learn more.") from exc
    return _from_rgb(rgb, min_side_px, crop)


def _from_rgb(rgb: PILImage.Image, min_side_px: int, crop: Box | None) -> Image:
    """Hash, crop and reduce pixels; the hash covers shape and pixels before any reduction."""
    import numpy as np

    from .decode import check_crop, crop_hash, whole_factor

    size_px = rgb.size
    digest = hashlib.sha256(f"pixels:{rgb.height}x{rgb.width}x3:".encode())
    digest.update(np.ascontiguousarray(np.asarray(rgb)).data)
    if crop is not None:
        check_crop(crop, size_px)
        rgb = rgb.crop((crop[0], crop[1], crop[0] + crop[2], crop[1] + crop[3]))
    factor = whole_factor(min(rgb.size), min_side_px)
    small = rgb.reduce(factor) if factor > 1 else rgb
    return Image(np.asarray(small), crop[2:] if crop else size_px, crop_hash(digest, crop, size_px), "pixels")


def _crop_image(image: Image, crop: Box) -> Image:
    """Cut a part out of an image that may have been reduced already."""
    from .decode import check_crop

    check_crop(crop, image.size_px)
    if crop == (0, 0, *image.size_px):
        return image
    height, width = image.pixels.shape[:2]
    x, y, w, h = crop
    left, right = x * width // image.size_px[0], -(-(x + w) * width // image.size_px[0])
    top, bottom = y * height // image.size_px[1], -(-(y + h) * height // image.size_px[1])
    digest = hashlib.sha256(image.content_hash.encode() + f"crop:{x},{y},{w},{h}".encode()).hexdigest()
    return Image(image.pixels[top:bottom, left:right].copy(), (w, h), digest, image.format, image.byte_size)
