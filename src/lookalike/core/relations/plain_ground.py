"""Whether two pictures that are mostly blank ground have the same content.

Each part that the two hold has to agree, in as many pixels as the originals have. How much has to be there depends on
what is claimed: that a whole frame is another one, turned by a few degrees at most, or that one shows a part of the
other, or is mirrored: an arrow to the left is one to the right then, and a 6 is a 9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ...geometry import covered_share, inverse, laid_by, match_contents, reach_px

if TYPE_CHECKING:
    from ...arrays import F64
    from ...geometry import Content, Match, Registration

    Size = tuple[int, int]

# Of 312 copies (saved anew, resized, turned, noisy) all differ by 0.06 at most; of 156 others all by 0.12 or more.
_ALIKE, _SEEN_SMALL_ALIKE = 0.09, 0.06
# Many points, as of a sky, say by their places what the few pixels of each cannot: 12 copies that are not turned differ
# by 0.13 at most, others by 1.
_POINTS, _MOSTLY, _POINT, _POINTS_ALIKE = 8, 0.75, 0.018, 0.3  # how many; share of all; of the longer side
_WINDOWS, _SEEN_SMALL_WINDOWS, _MOVED_WINDOWS, _TURNED_WINDOWS = 2.5, 8.0, 20.0, 60.0
_AROUND = 0.035  # of the longer side, by which the middle of the frame may be off
_STRETCH = 0.08  # by which the sides of the frames may grow otherwise than what they show ...
_WIDER = 0.2  # ... and by which a frame may be wider: a page that was turned needs more room
_MOST_TURN_DEG = 8.0
_INSIDE = 0.97  # of a frame that the other has to show
_OTHER_COLOR = 0.04  # 1 - cosine: 16 degrees; a white balance turns by less than 8
_SURE, _THIN = 0.95, 0.1


class Verdict(NamedTuple):
    """Whether both are the same picture, and how they lie over each other where they are."""

    confidence: float
    registration: Registration
    other_colors: bool = False


def judge(found: Registration, a: Content, b: Content, *, in_full: bool) -> Verdict:
    """Return whether two pictures that hold little hold the same.

    Args:
        found: How whole pictures lie over each other best.
        in_full: Whether the contents were found in as many pixels as there are.
    """
    import numpy as np

    small = [(view.pixels.shape[1], view.pixels.shape[0]) for view in found.views]
    framed = _between((1, 1), (1, 1), a.size_px, b.size_px, np.eye(2, 3))
    grown = _between(small[0], small[1], a.size_px, b.size_px, found.matrix)
    match = match_contents(a, b, [framed, grown])
    alike = _ALIKE if in_full else _SEEN_SMALL_ALIKE
    if _are_points(a) and _are_points(b):
        alike = _POINTS_ALIKE
    if match is None or match.bad > 0 or match.worst > alike:
        return Verdict(_THIN, found)
    if match.windows < (max(_needed(match, a.size_px, b.size_px), 0 if in_full else _SEEN_SMALL_WINDOWS)):
        return Verdict(_THIN, found)
    if match.other_color > _OTHER_COLOR:
        return Verdict(_THIN, found, other_colors=True)
    return Verdict(_SURE, laid_by(found, _between(a.size_px, b.size_px, small[0], small[1], match.matrix)))


def _are_points(content: Content) -> bool:
    """Return whether there are many parts, and most are so small that they have no form; two may touch."""
    longer = max(content.size_px)
    most = longer * _POINT + 2 * reach_px(longer)
    small = sum(max(right - left, bottom - top) <= most for left, top, right, bottom in content.boxes)
    return small >= max(_POINTS, _MOSTLY * len(content.boxes))


def _between(a: Size, b: Size, new_a: Size, new_b: Size, matrix: F64) -> F64:
    """Return the map between two pictures of new sizes, from that between them in others."""
    import numpy as np

    shrunk, grown = np.array(a, np.float64) / new_a, np.array(new_b, np.float64) / b
    return np.concatenate([grown[:, None] * matrix[:, :2] * shrunk, (grown * matrix[:, 2])[:, None]], 1)


def _needed(match: Match, a: Size, b: Size) -> float:
    """Count how many windows have to agree, for what the map claims."""
    import numpy as np

    matrix = match.matrix
    linear = matrix[:, :2]
    if np.linalg.det(linear) < 0:
        return _inside(match, a, b, _TURNED_WINDOWS)
    turn = abs(float(np.degrees(np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1]))))
    if turn > _MOST_TURN_DEG:
        return _inside(match, a, b, _TURNED_WINDOWS)
    middle = linear @ np.array(a) / 2 + matrix[:, 2]
    off = float(np.abs(middle - np.array(b) / 2).max()) / max(b)
    growth = float(np.sqrt(np.linalg.det(linear)))
    wider = np.log(np.array(b) / (growth * np.array(a)))  # of both sides
    is_framed = off <= _AROUND and float(np.ptp(wider)) <= 2 * _STRETCH and float(np.abs(wider).max()) <= _WIDER
    return _WINDOWS if is_framed else _inside(match, a, b, _MOVED_WINDOWS)


def _inside(match: Match, a: Size, b: Size, needed: float) -> float:
    """Require that one frame lies in the other: what was moved on its ground is another picture."""
    back = inverse(match.matrix)
    shown = max(covered_share(a[::-1], b[::-1], match.matrix), covered_share(b[::-1], a[::-1], back))
    return needed if shown >= _INSIDE else float("inf")
