"""Anything that stands for a picture (path, URL, bytes, base64, array, PIL image) → an image, or its bytes."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat as modes
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ..errors import FetchRefusedError, ImageTooLargeError, InputError, LookalikeError, SourceError, SourceNotFoundError
from ..limits import Limits
from ..pictures import Image
from . import signatures
from .folders import Fence, Fenced, place_of, printable

if TYPE_CHECKING:
    from typing import TypeAlias, TypeGuard

    import numpy.typing as npt
    from PIL import Image as PILImage

    from .fetch import Fetcher

    Source: TypeAlias = (
        str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | PILImage.Image | npt.NDArray[Any] | Image
    )
    Box = tuple[int, int, int, int]
else:
    Source = Any

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):")
_FOREIGN = frozenset(
    {"file", "ftp", "ftps", "sftp", "s3", "gs", "gopher", "ldap", "jar", "blob", "javascript", "about"}
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_\-\s]+={0,2}\s*")
_LONGEST_PATH = 4096  # PATH_MAX of Linux; other systems allow less
_SHOWN = 80
_EXPECTED = "a path, URL, bytes, base64 text, an open binary file, a PIL image or an array"


def read(
    source: Source,
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
    if isinstance(source, Image):
        return source if crop is None else _crop_image(source, crop)
    if _is_pil(source):
        return _from_pil(source, limits, min_side_px, crop)
    if _is_array(source):
        return _from_array(source, limits, min_side_px, crop)
    from .decode import decode

    data, name = _bytes_of(source, limits, fetch)
    suffix = os.path.splitext(name)[1].lower()
    return decode(data, label=f'"{name}"', limits=limits, min_side_px=min_side_px, crop=crop, suffix=suffix, flat=flat)


def read_bytes(source: Source, *, limits: Limits, fetch: Fetcher | None = None) -> tuple[bytes, str]:
    """Give the encoded bytes of a source, as they came, and a short printable description of it.

    Raises:
        SourceError: or one of its kinds, when there are no bytes to be had.
        InputError: for arrays and PIL images, which have none, and for wrong types.
    """
    if isinstance(source, Image) or _is_pil(source) or _is_array(source):
        raise InputError(f"{describe(source)} has no encoded bytes: pass the file, its bytes or its URL.")
    return _bytes_of(source, limits, fetch)


class Held(bytes):
    """The bytes of a source that was read once, under its name: what is done with them is done with the same ones."""

    name: str


def hold(source: Source, *, limits: Limits, fetch: Fetcher | None = None) -> Source:
    """Read the bytes of a source, so that nothing opens it again; arrays and PIL images have none and stay.

    Raises:
        SourceError: or one of its kinds, when there are no bytes to be had.
    """
    if isinstance(source, Image | Held) or _is_pil(source) or _is_array(source):
        return source
    data, name = _bytes_of(source, limits, fetch)
    held = Held(data)
    held.name = name
    return held


def describe(source: object) -> str:
    """Name a source in one line of printable text, for failures and records; opens nothing."""
    if isinstance(source, Held):
        return source.name
    if isinstance(source, Image):
        return f"image:{source.content_hash[:12]}"
    if _is_pil(source):
        return f"<PIL image {source.width}x{source.height}>"
    if _is_array(source):
        return "array " + "x".join(map(str, source.shape))
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes_name(source)
    if isinstance(source, str):
        return _describe_text(source)
    if isinstance(source, os.PathLike):
        return printable(os.fsdecode(source))
    name = getattr(source, "name", None)
    if hasattr(source, "read"):
        return printable(name) if isinstance(name, str) else "<open file>"
    return _cut(printable(repr(source)))


def is_source(source: object) -> bool:
    """Say whether `read` takes things of this type; nothing is opened."""
    if isinstance(source, str | os.PathLike | bytes | bytearray | memoryview | Image):
        return True
    return _is_pil(source) or _is_array(source) or hasattr(source, "read")


def is_url(source: object) -> bool:
    """Say whether a source is an http or https URL."""
    return isinstance(source, str) and _scheme(source) in ("http", "https")


def as_path(source: object) -> Path | None:
    """Give the path that a source stands for, whether or not a file is there; None for anything else."""
    if isinstance(source, os.PathLike):
        return Path(os.fsdecode(source))
    if not isinstance(source, str) or len(source) > _LONGEST_PATH or "\0" in source:
        return None
    if os.path.lexists(source):
        return Path(source)
    return None if _scheme(source) in (*_FOREIGN, "http", "https", "data") or _hidden_base64(source) else Path(source)


def base64_bytes(text: str) -> bytes:
    """Decode base64, plain or URL-safe, with or without padding and line breaks; a `data:` URL too.

    Raises:
        InputError: when the text is no base64.
    """
    import base64
    import binascii

    if not isinstance(text, str):
        raise InputError(f"base64 is text; this is {type(text).__name__}.")
    body = _data_url_body(text) if text[:5].lower() == "data:" else text
    compact = "".join(body.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        if not compact or len(compact) % 4 == 1:
            raise binascii.Error("impossible length")
        return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError) as exc:
        shown = _cut(printable(text))
        raise InputError(f'"{shown}" is not base64: {exc}. Encode the picture\'s bytes with base64.') from exc


def bytes_name(data: bytes | bytearray | memoryview) -> str:
    """Name bytes by their content: "bytes:" and 12 characters of their SHA-256."""
    return f"bytes:{hashlib.sha256(data).hexdigest()[:12]}"


def _bytes_of(source: object, limits: Limits, fetch: Fetcher | None) -> tuple[bytes, str]:
    if isinstance(source, Held):
        return bytes(source), source.name
    if isinstance(source, str):
        return _bytes_of_text(source, limits, fetch)
    if isinstance(source, os.PathLike):
        path = os.fsdecode(source)
        fence = source.fence if isinstance(source, Fenced) else None
        return _read_file(path, limits, fence), printable(path)
    if isinstance(source, bytes | bytearray | memoryview):
        return _within(bytes(source), limits), bytes_name(source)
    if hasattr(source, "read"):
        return _read_stream(source, limits)
    raise InputError(f"a source is {_EXPECTED}; this is {type(source).__module__}.{type(source).__qualname__}.")


def _bytes_of_text(text: str, limits: Limits, fetch: Fetcher | None) -> tuple[bytes, str]:
    scheme = _scheme(text)
    if scheme in ("http", "https"):
        return _fetch(text, limits, fetch), _describe_text(text)
    if scheme == "data":
        data = _within(base64_bytes(text), limits)
        return data, bytes_name(data)
    if scheme and (text.startswith("//", len(scheme) + 1) or (scheme in _FOREIGN and not os.path.lexists(text))):
        raise FetchRefusedError(f"{_describe_text(text)} is not opened: only http and https are. Pass a path instead.")
    try:
        if len(text) <= _LONGEST_PATH and "\0" not in text:
            return _read_file(text, limits), printable(text)
    except SourceNotFoundError:
        found = _hidden_base64(text)
        if found is None:
            raise
    else:
        found = _hidden_base64(text)
    if found is None:
        raise SourceNotFoundError(
            f'no such file: "{_cut(printable(text))}", and it is no base64 of a picture either. '
            f"A source is {_EXPECTED}."
        )
    return _within(found, limits), bytes_name(found)


def _scheme(text: str) -> str:
    match = _SCHEME.match(text[:32])
    return match.group(1).lower() if match else ""


def _hidden_base64(text: str) -> bytes | None:
    """Decode text that is plausibly base64 of a picture; None for what is rather a mistyped name."""
    if len(text) < 32 or not _BASE64.fullmatch(text):
        return None
    try:
        head = base64_bytes("".join(text[:1024].split())[: 64 * 4] if len(text) > 1024 else text)
        kind = signatures.kind(head[: signatures.SNIFF_BYTES])
        return base64_bytes(text) if kind in signatures.READABLE or kind in signatures.UNSUPPORTED else None
    except InputError:
        return None


def _data_url_body(text: str) -> str:
    from urllib.parse import unquote

    head, comma, body = text.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise InputError(f'"{_cut(printable(text))}" is no data URL of a picture: it needs ";base64," before its data.')
    return unquote(body) if "%" in body[:200] or body.endswith(("%3D", "%3d")) else body


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
            if fence is not None and not fence.encloses(place_of(handle, path)):
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
        return SourceNotFoundError(f'no such file: "{_cut(name, 1024)}". Check the spelling and the folder.')
    return SourceError(f'cannot read "{name}": {exc.strerror or exc}.')


def _file_kind(mode: int) -> str:
    if modes.S_ISDIR(mode):
        return "a folder"
    return "a pipe" if modes.S_ISFIFO(mode) else "a socket or device"


def _read_stream(stream: Any, limits: Limits) -> tuple[bytes, str]:
    """Read an open binary file from where it stands to its end."""
    name = describe(stream)
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


def _describe_text(text: str) -> str:
    scheme = _scheme(text)
    if scheme == "data" or (len(text) > 255 and "/" not in text[:32] and _hidden_base64(text) is not None):
        try:
            return bytes_name(base64_bytes(text))
        except InputError:
            return _cut(printable(text))
    if scheme in ("http", "https") or text.startswith("://", len(scheme)):
        # Names and passwords in a URL are nobody's business who reads a report.
        return _cut(printable(re.sub(r"(?<=://)[^/?#]*@", "", text)))
    return printable(text) if len(text) <= _LONGEST_PATH else _cut(printable(text[:_LONGEST_PATH]))


def _cut(text: str, most: int = _SHOWN) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


def _is_array(source: object) -> TypeGuard[npt.NDArray[Any]]:
    return hasattr(source, "__array_interface__") and hasattr(source, "dtype") and hasattr(source, "shape")


def _is_pil(source: object) -> TypeGuard[PILImage.Image]:
    """Say whether a source is a PIL image, without importing PIL for those that are not."""
    import sys

    pil = sys.modules.get("PIL.Image")
    kind = getattr(pil, "Image", None)  # None as well while another thread is importing it
    return kind is not None and isinstance(source, kind)


def _checked_crop(crop: Any) -> Box | None:
    if crop is None:
        return None
    try:
        x, y, width, height = (int(part) for part in crop if int(part) == part and not isinstance(part, bool))
    except (TypeError, ValueError) as exc:
        raise InputError(f"crop={crop!r} is no crop: pass x,y,width,height, four whole numbers.") from exc
    if min(x, y) < 0 or min(width, height) < 1:
        raise InputError(f"crop={x},{y},{width},{height} is out of range: x and y from 0, width and height from 1.")
    return x, y, width, height


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
