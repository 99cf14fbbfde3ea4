"""The kind of a caller's value: path, URL, bytes, base64 or array. Opens nothing."""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING, Any

from ..arguments import is_path, is_text
from ..errors import FetchRefusedError, InputError
from ..pictures import Bytes, File, Image, Opened, Pixels, Source, Stored, Url
from . import signatures
from .folders import printable

if TYPE_CHECKING:
    from typing import TypeGuard

    import numpy.typing as npt
    from PIL import Image as PILImage

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):")
_FOREIGN = frozenset(
    {"file", "ftp", "ftps", "sftp", "s3", "gs", "gopher", "ldap", "jar", "blob", "javascript", "about"}
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_\-\s]+={0,2}\s*")
LONGEST_PATH = 4096  # PATH_MAX of Linux; other systems allow less
_SHOWN = 80
_STORED = "id:"  # begins what names a stored picture
EXPECTED = "a path, URL, bytes, base64 text, an open binary file, a PIL image or an array"


def source_of(given: object, *, stored: bool = False) -> Source:
    """Return where a picture comes from, as a caller names it: the one place that tells a path from base64.

    Args:
        stored: Whether "id:17" names a stored picture.

    Raises:
        InputError: for a thing of a wrong type, and a text that nothing can be called.
        FetchRefusedError: for an address that is neither http nor https.
    """
    if isinstance(given, Stored | File | Url | Bytes | Opened | Pixels):
        return given
    if isinstance(given, str):
        return _source_of_text(given, stored=stored)
    if isinstance(given, os.PathLike):
        return _source_of_path(os.fsdecode(given))
    if isinstance(given, bytes | bytearray | memoryview):
        return Bytes(bytes(given))
    if isinstance(given, Image) or is_pil(given) or is_array(given):
        return Pixels(given)
    if hasattr(given, "read"):
        return Opened(given)
    raise InputError(f"a source is {EXPECTED}; this is {type(given).__module__}.{type(given).__qualname__}.")


def _source_of_text(text: str, *, stored: bool) -> Source:
    scheme = _scheme(text)
    is_stored = stored and text.startswith(_STORED)
    if not is_text(text) and (is_stored or scheme in ("http", "https", "data")):
        raise _half(text)
    if is_stored:
        return Stored(text[len(_STORED) :])
    if scheme in ("http", "https"):
        return Url(text)
    if scheme == "data":
        return Bytes(base64_bytes(text))
    if scheme and (text.startswith("//", len(scheme) + 1) or (scheme in _FOREIGN and not os.path.lexists(text))):
        raise FetchRefusedError(f"{describe_text(text)} is not opened: only http and https are. Pass a path instead.")
    if len(text) > LONGEST_PATH or "\0" in text or not os.path.lexists(text):
        found = _hidden_base64(text)
        if found is not None:
            return Bytes(found)
    return _source_of_path(text)


def _source_of_path(path: str) -> File:
    """Return a file by its path, which need not be Unicode, but has to have a form as bytes."""
    if not is_text(path) and not is_path(path):
        raise _half(path)
    return File(path)


def _half(text: str) -> InputError:
    return InputError(
        f"a source is not called {text[:_SHOWN]!r}: it holds half of a character (a lone surrogate). Take it out."
    )


def describe(given: object) -> str:
    """Name what stands for a picture in one line of printable text, for failures and records; opens nothing."""
    if isinstance(given, Stored):
        return _STORED + given.id
    if isinstance(given, File):
        return printable(given.path) if len(given.path) <= LONGEST_PATH else cut(printable(given.path[:LONGEST_PATH]))
    if isinstance(given, Url):
        return describe_text(given.url)
    if isinstance(given, Bytes):
        return given.name or bytes_name(given.data)
    if isinstance(given, Opened):
        name = getattr(given.stream, "name", None)
        return printable(name) if isinstance(name, str) else "<open file>"
    if isinstance(given, Pixels):
        return _describe_pixels(given.pixels)
    try:
        return describe_text(given) if isinstance(given, str) else describe(source_of(given))
    except InputError:
        return cut(printable(repr(given)))


def _describe_pixels(pixels: Any) -> str:
    if isinstance(pixels, Image):
        return f"image:{pixels.content_hash[:12]}"
    if is_pil(pixels):
        return f"<PIL image {pixels.width}x{pixels.height}>"
    return "array " + "x".join(map(str, pixels.shape))


def describe_text(text: str) -> str:
    """Name what a text stands for; of an address without the name and password in it."""
    scheme = _scheme(text)
    if scheme == "data" or (len(text) > 255 and "/" not in text[:32] and _hidden_base64(text) is not None):
        try:
            return bytes_name(base64_bytes(text))
        except InputError:
            return cut(printable(text))
    if scheme in ("http", "https") or text.startswith("://", len(scheme)):
        # Names and passwords in a URL are nobody's business who reads a report.
        return cut(printable(re.sub(r"(?<=://)[^/?#]*@", "", text)))
    return printable(text) if len(text) <= LONGEST_PATH else cut(printable(text[:LONGEST_PATH]))


def is_source(source: object) -> bool:
    """Return whether `read` takes things of this type; nothing is opened."""
    if isinstance(source, str | os.PathLike | bytes | bytearray | memoryview | Image):
        return True
    if isinstance(source, Stored | File | Url | Bytes | Opened | Pixels):
        return True
    return is_pil(source) or is_array(source) or hasattr(source, "read")


def is_url(source: object) -> bool:
    """Return whether a source is an http or https URL."""
    return isinstance(source, str) and _scheme(source) in ("http", "https")


def base64_bytes(text: str) -> bytes:
    """Decode base64, plain or URL-safe, with or without padding and line breaks; a `data:` URL too.

    Raises:
        InputError: when the text is not base64.
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
        shown = cut(printable(text))
        raise InputError(f'"{shown}" is not base64: {exc}. Encode the picture\'s bytes with base64.') from exc


def bytes_name(data: bytes | bytearray | memoryview) -> str:
    """Name bytes by their content: "bytes:" and 12 characters of their SHA-256."""
    return f"bytes:{hashlib.sha256(data).hexdigest()[:12]}"


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
        raise InputError(
            f'"{cut(printable(text))}" is not a data URL of a picture: it needs ";base64," before its data.'
        )
    return unquote(body) if "%" in body[:200] or body.endswith(("%3D", "%3d")) else body


def cut(text: str, most: int = _SHOWN) -> str:
    """Cut a text for a message."""
    return text if len(text) <= most else text[: most - 3] + "..."


def is_array(source: object) -> TypeGuard[npt.NDArray[Any]]:
    """Return whether a thing is an array."""
    return hasattr(source, "__array_interface__") and hasattr(source, "dtype") and hasattr(source, "shape")


def is_pil(source: object) -> TypeGuard[PILImage.Image]:
    """Return whether a source is a PIL image, without importing PIL for those that are not."""
    import sys

    pil = sys.modules.get("PIL.Image")
    kind = getattr(pil, "Image", None)  # None as well while another thread is importing it
    return kind is not None and isinstance(source, kind)
