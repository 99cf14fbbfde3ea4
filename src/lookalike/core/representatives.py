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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import intake
from ..errors import InputError
from ..values import Record
from .stars import Judge, Ray, ScoresOf

if TYPE_CHECKING:
    from ..values import I64

Claim = tuple[Any, ...]  # of a record to represent its group: the smaller is the better

RULES = ("resolution", "bytes", "oldest", "newest")
DEFAULT_RULE = "resolution"

_MOST_TRIED = 8  # members that may represent, beside the center
_CHANGED = frozenset({"edited", "rotated", "mirrored"})
_AT_ONCE = 128  # groups whose members are looked at side by side
_ASKED = 4  # pairs that are looked at before the others: most of those that are no copy are among them

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


class Chooser:
    """Chooses who represents a star: the best claim of those that all others are copies of.

    Args:
        claims: (n,) keys, the best claim first.
        floor: The least score of all others.
        wants_original: Whether those come last that are changed by more than size, encoding and crop as against the
            center, or show most others with a border or a page around them.
    """

    def __init__(self, judge: Judge, scores_of: ScoresOf, claims: I64, *, floor: float, wants_original: bool) -> None:
        self._judge, self._scores_of, self._floor, self._wants_original = judge, scores_of, floor, wants_original
        self._rank = {key: place for place, key in enumerate(claims.tolist())}

    def represented(self, stars: Mapping[int, list[Ray]], tell: Callable[[float], None]) -> dict[int, list[Ray]]:
        """Give all stars around their representatives."""
        found: dict[int, list[Ray]] = {}
        listed = list(stars.items())
        for start in range(0, len(listed), _AT_ONCE):
            some = listed[start : start + _AT_ONCE]
            self._judge.prepare([(center, ray.key) for center, rays in some for ray in rays])
            found.update(self._chosen(center, rays) for center, rays in some)
            tell(len(found) / len(listed))
        return found

    def _chosen(self, center: int, rays: list[Ray]) -> tuple[int, list[Ray]]:
        changed = {ray.key for ray in rays if self._wants_original and ray.relation in _CHANGED}
        members = sorted((center, *(ray.key for ray in rays)), key=lambda key: (key in changed, self._rank[key]))
        second: tuple[int, list[Ray]] | None = None
        for best in dict.fromkeys((*members[:_MOST_TRIED], center)):
            if best == center:
                others = rays
            elif len(rays) == 1:
                others = [replace(rays[0], key=center)]
            else:
                others = self._around(best, [key for key in members if key != best])
            if not others:
                continue
            if not self._wants_original or 2 * sum(self._judge.is_padded(best, ray.key) for ray in others) <= len(rays):
                return best, others
            second = second or (best, others)
        return second or (center, rays)

    def _around(self, best: int, keys: Sequence[int]) -> list[Ray]:
        """Give the others as rays of one; none when some are no copies of it."""
        scores = self._scores_of(best, keys)
        if not (scores >= self._floor).all():
            return []
        rising = np.argsort(scores, kind="stable").tolist()
        rays = []
        for some in (rising[:_ASKED], rising[_ASKED:]):
            self._judge.prepare([(best, keys[place]) for place in some])
            for place in some:
                ray = self._judge.ray(best, keys[place], float(scores[place]))
                if ray is None:
                    return []
                rays.append(ray)
        return rays
