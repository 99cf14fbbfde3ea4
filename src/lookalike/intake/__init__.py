"""Intake: anything that stands for a picture → an upright RGB image. Bytes of strangers end here."""

from .encodings import jpeg_table, unsettled_share
from .fetch import Fetcher
from .folders import (
    Fence,
    Found,
    changed_ns,
    count_by_name,
    is_below,
    is_gone,
    printable,
    stamp,
    subfolders,
    walk,
)
from .parsing import base64_bytes, bytes_name, describe, is_source, is_url, source_of
from .signatures import looks_like_image
from .sources import hold, read, read_bytes
from .thumbnails import thumbnail

__all__ = [
    "Fence",
    "Fetcher",
    "Found",
    "base64_bytes",
    "bytes_name",
    "changed_ns",
    "count_by_name",
    "describe",
    "hold",
    "is_below",
    "is_gone",
    "is_source",
    "is_url",
    "jpeg_table",
    "looks_like_image",
    "printable",
    "read",
    "read_bytes",
    "source_of",
    "stamp",
    "subfolders",
    "thumbnail",
    "unsettled_share",
    "walk",
]
