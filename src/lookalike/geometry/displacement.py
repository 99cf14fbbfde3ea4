"""Displacement: a thing is at one place in one picture and at another place in the other, and all else stayed.

So do two frames of a film, two photos from a tripod and two positions on a board, which are not copies of each other.
Who marks, covers or wipes a part changes one of the two pictures: there the edges around what differs are all that
picture's, as the other one goes on beneath. What was moved has its edges in one picture where it was, and in the other
where it is; and it took its colors along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .opencv import opencv
from .rewriting import beyond
from .small_version import steepness

if TYPE_CHECKING:
    from ..arrays import F32, F64, U8, Bools

_APART, _SLACK_PX = 32, 2  # levels that a pixel lies beyond all that the other picture has around it
_LEAST_PX = 60  # of a place, at 320 px; blocks of coarse encoding differ in less
_NEARBY, _EDGES, _CORE, _PAD_PX = 5, 7, 3, 8  # px: what belongs together; how wide the edges around a place are
# Share of the edges around a place that are those of one picture. Of 16 pairs of frames all have places of both, whose
# colors agree by 0.74 or more; of 620 copies four have, and there it is 0.08 at most.
_THEIRS, _OURS = 0.4, 0.6
_SAME_COLORS, _SAME_SIZE, _SAME_COLORS_EACH, _SAME_SIZE_EACH = 0.45, 0.3, 0.6, 0.5  # of all, and of two of them
# Where both places overlap, the colors of both are there in both: 0.93, and 0.53 in a copy.
_LEAST_OF_BOTH, _EXCHANGED = 0.25, 0.6
_LEAST_OF_ALL = 0.3
_OTHER_COLORS = 0.3  # where a thing came or went
_MOST_PLACES = 24
_STEPS = 6  # of each channel: a coarse color


class _Place(NamedTuple):
    """Where something differs: how much, whose edges, and the shares of the colors in either picture."""

    size: int
    ours: float
    a: F32
    b: F32


def is_displaced(a: U8, b: U8, shared: Bools) -> bool:
    """Return whether something small was moved between two pictures that lie over each other.

    Args:
        a, b: (h, w, 3) uint8, the one in the colors of the other.
        shared: (h, w) bool; where both are.

    Cost: 1 ms of one core where little differs, else 3 ms.
    """
    cv2 = opencv()
    import numpy as np

    differs = beyond(a, b, _SLACK_PX, _APART) | beyond(b, a, _SLACK_PX, _APART)
    places = (differs & shared).astype(np.uint8)
    if places.sum() < _LEAST_PX:
        return False
    count, names = cv2.connectedComponents(cv2.dilate(places, _square(_NEARBY)))
    names *= places
    sizes = np.bincount(names.ravel(), minlength=count)
    sizes[0] = 0
    large = sizes >= _LEAST_PX
    if not large.any():
        return False
    ours = _edges_of_first(a, b, places, names.astype(np.uint16), shared, count)
    order = np.argsort(-sizes, kind="stable")[:_MOST_PLACES]
    found = [_place(a, b, names == one, float(ours[one])) for one in order.tolist() if large[one]]
    return _went_elsewhere(found) or _one_went_elsewhere(found) or any(_overlaps(place) for place in found)


def _went_elsewhere(places: list[_Place]) -> bool:
    """Return whether what only the first picture has at some places is what only the second one has at others."""
    import numpy as np

    left, taken = ([one for one in places if chosen(one.ours)] for chosen in (_OURS.__le__, _THEIRS.__ge__))
    if not left or not taken:
        return False
    sizes = [float(sum(one.size for one in side)) for side in (left, taken)]
    here: F32 = np.stack([one.size / sizes[0] * one.a for one in left]).sum(0)
    there: F32 = np.stack([one.size / sizes[1] * one.b for one in taken]).sum(0)
    return _alike(here, there) >= _SAME_COLORS and _of_one_size(sizes[0], sizes[1], _SAME_SIZE)


def _one_went_elsewhere(places: list[_Place]) -> bool:
    """Return whether a thing of one place in the first picture is at another one in the second; two may change places.

    What is behind it there may have edges, too; but not nearly all of them are those of one picture.
    """
    ours = sum(one.size * one.ours for one in places) / sum(one.size for one in places)
    if min(ours, 1 - ours) < _LEAST_OF_ALL:
        return False
    other = [one for one in places if _alike(one.a, one.b) <= _OTHER_COLORS]
    return any(
        _alike(here.a, there.b) >= _SAME_COLORS_EACH and _of_one_size(here.size, there.size, _SAME_SIZE_EACH)
        for here in other
        for there in other
        if here.ours >= _LEAST_OF_BOTH and there.ours <= 1 - _LEAST_OF_BOTH
    )


def _overlaps(place: _Place) -> bool:
    """Return whether one place has the edges of both pictures, and both have its colors: a thing moved by little."""
    return min(place.ours, 1 - place.ours) >= _LEAST_OF_BOTH and _alike(place.a, place.b) >= _EXCHANGED


def _of_one_size(ours: float, theirs: float, least: float) -> bool:
    return min(ours, theirs) >= least * max(ours, theirs)


def _edges_of_first(a: U8, b: U8, places: U8, names: U8, shared: Bools, count: int) -> F64:
    """Return, for each place the share of the edges around it that are those of the first picture, (count,)."""
    cv2 = opencv()
    import numpy as np

    x, y, width, height = cv2.boundingRect(places)
    box = np.s_[max(0, y - _PAD_PX) : y + height + _PAD_PX, max(0, x - _PAD_PX) : x + width + _PAD_PX]
    places, names = places[box], cv2.dilate(names[box], _square(_EDGES))
    core = cv2.erode(places, _square(_CORE), borderValue=0)
    around = (cv2.dilate(places, _square(_EDGES)) > core) & shared[box]
    steps = (steepness(a[box]) - steepness(b[box]))[around]
    ours, theirs = (np.bincount(names[around], np.maximum(side, 0), count) for side in (steps, -steps))
    share: F64 = ours / np.maximum(ours + theirs, 1e-6)
    return share


def _place(a: U8, b: U8, where: Bools, ours: float) -> _Place:
    cv2 = opencv()
    import numpy as np

    mask = where.astype(np.uint8)
    size = int(mask.sum())
    x, y, width, height = cv2.boundingRect(mask)
    box = np.s_[y : y + height, x : x + width]
    bins, ends = [_STEPS] * 3, [0, 256] * 3
    counts = (cv2.calcHist([np.ascontiguousarray(side[box])], [0, 1, 2], mask[box], bins, ends) for side in (a, b))
    return _Place(size, ours, *(count / size for count in counts))


def _alike(ours: F32, theirs: F32) -> float:
    import numpy as np

    return float(np.minimum(ours, theirs).sum())


def _square(side: int) -> U8:
    import numpy as np

    return np.ones((side, side), np.uint8)
