"""Intake: anything that stands for a picture → an upright RGB image. Bytes of strangers end here."""

from .fetch import Fetcher
from .folders import Found, stamp, walk
from .sources import Source, base64_bytes, bytes_name, describe, read, read_bytes

__all__ = [
    "Fetcher",
    "Found",
    "Source",
    "base64_bytes",
    "bytes_name",
    "describe",
    "read",
    "read_bytes",
    "stamp",
    "walk",
]
