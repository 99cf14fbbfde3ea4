"""Intake: anything that stands for a picture → an upright RGB image. Bytes of strangers end here."""

from .encodings import jpeg_table, unsettled_share
from .fetch import Fetcher
from .folders import Found, changed_ns, is_gone, printable, stamp, walk
from .signatures import looks_like_image
from .sources import Source, as_path, base64_bytes, bytes_name, describe, hold, is_source, is_url, read, read_bytes
from .thumbnails import thumbnail

__all__ = [
    "Fetcher",
    "Found",
    "Source",
    "as_path",
    "base64_bytes",
    "bytes_name",
    "changed_ns",
    "describe",
    "hold",
    "is_gone",
    "is_source",
    "is_url",
    "jpeg_table",
    "looks_like_image",
    "printable",
    "read",
    "read_bytes",
    "stamp",
    "thumbnail",
    "unsettled_share",
    "walk",
]
