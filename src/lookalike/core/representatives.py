"""Which record represents a duplicate group: rules by which the better of two copies comes first.

    resolution   most pixels, then lossless before lossy, most bytes, the oldest file
    bytes        most bytes, then as above
    oldest       the file that was changed longest ago, then as above
    newest       the file that was changed last, then as above
    FIELD        the greatest value of that metadata field: numbers before texts, texts before none; then as above

The id decides last. So the order depends on the records alone. A file's time is that of its last change when it was
indexed; a picture that came without a file has the time at which it was added. Sharpness has no part in it: it is not
stored, and of two copies the enlarged one would win or lose by the filter that made it.

Where geometry looks at the pictures, the first two rules pass over those that are edited, turned or mirrored as against
the one that is most like all, and those that show the others with something around them: noise, a caption, a border
and the page of a screenshot bring bytes or pixels, and nothing of the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from .. import intake
from ..errors import InputError
from ..values import Record

Claim = tuple[Any, ...]  # of a record to represent its group: the smaller is the better

RULES = ("resolution", "bytes", "oldest", "newest")
DEFAULT_RULE = "resolution"

# What keeps every pixel. GIF is left out for its 256 colors; WebP and AVIF nearly always lose some.
_LOSSLESS = frozenset({"png", "bmp", "tiff", "tga", "ppm", "pixels"})


def claim_by(best: str) -> Callable[[Record], Claim]:
    """Give the claim of a record by a rule, or by the metadata field of that name.

    Raises:
        InputError: when it is no name at all.
    """
    if not isinstance(best, str) or not best:
        raise InputError(f"best={best!r} names no rule: pass {', '.join(RULES)}, or a metadata field.")
    first = _FIRST.get(best) or partial(_by_field, best)
    return lambda record: (first(record), *_resolution(record))


def weighs_pixels(best: str) -> bool:
    """Say whether a rule counts pixels or bytes, of which an edit may bring some."""
    return best in ("resolution", "bytes")


def _resolution(record: Record) -> Claim:
    width, height = record.size_px
    changed = intake.changed_ns(record.stamp)
    file_age = (changed is None, changed or 0)
    return (-width * height, record.format not in _LOSSLESS, -record.byte_size, file_age, record.id)


def _moment_ns(record: Record) -> int:
    changed = intake.changed_ns(record.stamp)
    if changed is not None:
        return changed
    added = datetime.fromisoformat(record.created_at)
    return int(added.timestamp()) * 10**9 + added.microsecond * 1000


def _by_field(field: str, record: Record) -> Claim:
    value = record.metadata.get(field)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (0, -value)
    if isinstance(value, str):
        return (1, [-ord(character) for character in value] + [1])  # the greater text first, a prefix behind its texts
    return (2,)


_FIRST: dict[str, Callable[[Record], Any]] = {
    "resolution": lambda record: (),
    "bytes": lambda record: -record.byte_size,
    "oldest": _moment_ns,
    "newest": lambda record: -_moment_ns(record),
}
