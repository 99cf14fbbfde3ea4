"""The match of two contents: laid over each other part by part, in as many pixels as the coarser picture has.

A few cells are all the evidence that there is, so all of them have to agree: a page number with one other digit is
another page. Each part is moved into place by itself, because a map that is right for a page misses a digit by a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .frames import inverse
from .opencv import opencv

if TYPE_CHECKING:
    from ..arrays import F32, F64, Bools
    from .content import Box, Content

_TURNS_DEG = (6.0, 49)  # to either side, and how many are tried; a page that lies askew in a scanner
_BINS = 48
_PAD_PX = 6
_LUMA = (0.299, 0.587, 0.114)
_TOLD_BY_LUMA = 0.2  # of all that differs from the ground; else the strongest color is looked at
_BLUR_PX = 0.8
_STRONG, _LEAST_STRONG, _GRAY = 0.7, 12, 8.0  # of the most; px; levels
_UNEVEN = 2.0  # by how much one part may be stronger than another
_STROKES, _LEAST_WINDOW_PX, _MOST_WINDOW_PX, _OF_SIDE = 3.0, 7, 20, 4
_SUBSTANTIAL = 0.25  # of what strong windows hold
_NEARLY_ALL, _UNLIKE = 0.99, 0.5
_STEPS, _PRECISION = 40, 1e-3  # of the refinement
_MOST_SHIFT, _MOST_TURN, _MOST_GROWTH = 0.02, 0.12, 0.1  # of the longer side; radians; factor: by which it may correct


@dataclass(frozen=True, eq=False)
class Match:
    """How two contents agree where a map lays them over each other.

    Attributes:
        matrix: (2, 3) from the first picture to the second, in px of those that the contents were found in.
        worst: Of nearly all windows that hold something, how much of it differs at most: 0 for the very same, 1 where
            one of the two has nothing.
        bad: Share of these windows where more differs than is alike.
        windows: How many windows that do not overlap the content takes.
        size_px: The longer side of the content, in the coarser picture.
        other_color: By how much the color of a part, against the ground, is another one: 0 for the same, light and
            contrast apart, and for a gray copy; 1 for its counterpart.
    """

    matrix: F64
    worst: float
    bad: float
    windows: float
    size_px: float
    other_color: float


def match_contents(a: Content, b: Content, matrices: list[F64]) -> Match | None:
    """Return the best match over some maps, and over one that lays content on content; None where one holds nothing.

    Cost: 10 to 50 ms on one core.
    """
    if not a.boxes or not b.boxes:
        return None
    best: Match | None = None
    for matrix in [*matrices, _laid(a, b)]:
        found = _matched(a, b, matrix)
        if found is not None and (best is None or (found.bad, found.worst) < (best.bad, best.worst)):
            best = found
    return best


def _laid(a: Content, b: Content) -> F64:
    """Return the map that lays the places of one content on those of the other, upright or turned by a few degrees."""
    import numpy as np

    goal, low, span = _spread(b.points)
    middle = np.array(a.size_px, np.float32) / 2
    best, likeness = np.eye(2, 3), -1.0
    for turn in np.radians(np.linspace(-_TURNS_DEG[0], _TURNS_DEG[0], _TURNS_DEG[1])):
        cos, sin = np.cos(turn), np.sin(turn)
        linear = np.array([[cos, -sin], [sin, cos]])
        spread, start, size = _spread(((a.points - middle) @ linear.T).astype(np.float32))
        # Gently for the smaller turn: a disc fits at each.
        alike = float(np.minimum(spread, goal).sum()) - 0.02 * abs(float(turn))
        if alike > likeness:
            grown = (span / size)[:, None] * linear
            best = np.concatenate([grown, (low - start * span / size - grown @ middle)[:, None]], 1)
            likeness = alike
    return best


def _spread(points: F32) -> tuple[F32, F32, F32]:
    """Return how places (n, 2) spread over the box around them: (bins, bins), its left upper corner, and its size."""
    cv2 = opencv()
    import numpy as np

    low = points.min(0) - 0.5
    size = np.maximum(points.max(0) + 0.5 - low, 1.0)
    bins = np.minimum((points - low) / size * _BINS, _BINS - 1).astype(np.int64) @ np.array([1, _BINS])
    counts = np.bincount(bins, minlength=_BINS * _BINS).reshape(_BINS, _BINS).astype(np.float32)
    soft: F32 = cv2.GaussianBlur(counts, (0, 0), 1.0)
    return soft / max(float(soft.sum()), 1e-6), low, size


def _matched(a: Content, b: Content, matrix: F64) -> Match | None:
    """Compare two contents by a map that is nearly right."""
    import numpy as np

    growth = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if not 0.05 < growth < 20:
        return None
    if growth < 1:  # the coarser one comes first
        back = _matched(b, a, inverse(matrix))
        return back and Match(inverse(back.matrix), back.worst, back.bad, back.windows, back.size_px, back.other_color)
    boxes = _boxes(a, b, inverse(matrix))
    if not boxes:
        return None
    axis = _axis(a, b)
    pairs, moved, turned = [], [], 0.0
    for box in boxes:
        colors = a.within(box)
        first = colors @ axis
        others, local = _brought(b, box, matrix, growth, axis, first)
        pairs.append((first, others @ axis))
        moved.append(local)
        turned = max(turned, _color_apart(colors, others))
    both = sum(float((x * y).sum()) for x, y in pairs)
    scale = both / max(sum(float((y * y).sum()) for _, y in pairs), 1e-6)
    if scale <= 0.1:
        return Match(matrix, 1.0, 1.0, 0.0, 0.0, 0.0)
    found = [_differences(x, y * _scale(x, y, scale)) for x, y in pairs]
    differing = np.concatenate([one[0] for one in found])
    if not len(differing):
        return Match(matrix, 1.0, 1.0, 0.0, 0.0, 0.0)
    worst = max(float(np.quantile(one[0], _NEARLY_ALL)) for one in found if len(one[0]))
    windows = sum(one[1] for one in found)
    size = max(max(right - left, bottom - top) for left, top, right, bottom in boxes) - 2 * _PAD_PX
    largest = int(np.argmax([one.size for one, _ in pairs]))
    bad = float((differing > _UNLIKE).mean())
    return Match(moved[largest] if len(boxes) == 1 else matrix, worst, bad, windows, float(size), turned)


def _color_apart(a: F32, b: F32) -> float:
    """Return how far the color of a part is from that of its counterpart, by how both differ from the ground, 0..1."""
    import numpy as np

    strong = np.minimum(*(np.abs(side).max(2) / max(float(np.abs(side).max()), 1.0) for side in (a, b))) > _STRONG
    if strong.sum() < _LEAST_STRONG:
        return 0.0
    ours, theirs = (side[strong].mean(0).astype(np.float64) for side in (a, b))
    lengths = float(np.hypot.reduce(ours) * np.hypot.reduce(theirs))
    apart = 1 - float(np.einsum("i,i->", ours, theirs)) / max(lengths, 1e-6)
    is_gray = min(float(np.ptp(side)) for side in (ours, theirs)) <= _GRAY
    luma = [float(np.einsum("i,i->", side, np.array(_LUMA))) for side in (ours, theirs)]
    return 0.0 if is_gray and abs(luma[0] - luma[1]) <= 2 * _GRAY else apart


def _scale(x: F32, y: F32, usual: float) -> float:
    """Return how much stronger one part is than its counterpart: on a lighter ground it may be another."""
    import numpy as np

    own = float((x * y).sum()) / max(float((y * y).sum()), 1e-6)
    return float(np.clip(own, usual / _UNEVEN, usual * _UNEVEN))


def _boxes(a: Content, b: Content, back: F64) -> list[Box]:
    """Return the boxes of all parts in the frame of `a`; those that touch are one."""
    import numpy as np

    found = [np.array(box, np.float64) for box in a.boxes]
    for x, y, to_x, to_y in b.boxes:
        corners = np.array([[x, y], [to_x, y], [to_x, to_y], [x, to_y]]) @ back[:, :2].T + back[:, 2]
        found.append(np.concatenate([corners.min(0), corners.max(0)]))
    merged: list[F64] = []
    for box in found:
        apart: list[F64] = []
        for other in merged:
            if (np.maximum(box[:2], other[:2]) < np.minimum(box[2:], other[2:])).all():
                box = np.concatenate([np.minimum(box[:2], other[:2]), np.maximum(box[2:], other[2:])])
            else:
                apart.append(other)
        merged = [*apart, box]
    pad = np.array([-_PAD_PX, -_PAD_PX, _PAD_PX, _PAD_PX])
    whole = [tuple(int(side) for side in np.rint(box + pad)) for box in merged]
    most = 2 * max(a.size_px)
    return [box for box in whole if max(box[2] - box[0], box[3] - box[1]) <= most]  # type: ignore[misc]


def _axis(a: Content, b: Content) -> F32:
    """Return the weights of the channels that tell most: brightness, or the color that differs most from the ground."""
    import numpy as np

    luma = np.array(_LUMA, np.float32)
    sums = np.zeros((3, 3))
    told = 1.0
    for content in (a, b):
        seen = np.zeros((3, 3))
        for part in content.parts:
            flat = part.reshape(-1, 3).astype(np.float32)
            seen += np.einsum("ni,nj->ij", flat, flat)
        sums += seen
        told = min(told, float(luma @ seen @ luma) / max(float(np.trace(seen)) * float(luma @ luma), 1e-6))
    if told >= _TOLD_BY_LUMA:
        return luma
    _, axes = np.linalg.eigh(sums)
    strongest: F32 = axes[:, -1].astype(np.float32)
    return strongest


def _brought(b: Content, box: Box, matrix: F64, growth: float, axis: F32, first: F32) -> tuple[F32, F64]:
    """Bring a part of `b` into a box of the coarser frame, moved to where it fits best; also the map that does it."""
    cv2 = opencv()
    import numpy as np

    left, top, right, bottom = box
    reach = _PAD_PX + _MOST_SHIFT * max(b.size_px)
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)
    put = corners @ matrix[:, :2].T + matrix[:, 2]
    low = np.floor(put.min(0) - reach).astype(np.int64)
    high = np.ceil(put.max(0) + reach).astype(np.int64)
    wide = b.within((int(low[0]), int(low[1]), int(high[0]), int(high[1])))
    if growth > 1.2:
        wide = cv2.GaussianBlur(wide, (0, 0), 0.4 * growth)
    # From px of the box to px of what was cut out; OpenCV's origin is the middle of the first pixel.
    local = np.concatenate([matrix[:, :2], (matrix[:, :2] @ np.array([left, top]) + matrix[:, 2] - low)[:, None]], 1)
    half = np.array([0.5, 0.5])
    centered = local.copy()
    centered[:, 2] += local[:, :2] @ half - half
    centered = _refined(first, wide @ axis, centered, growth, max(b.size_px))
    brought = cv2.warpAffine(
        wide, centered, (right - left, bottom - top), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    linear = centered[:, :2]
    shift = centered[:, 2] + half - linear @ half + low - linear @ np.array([left, top])
    return np.asarray(brought, np.float32), np.concatenate([linear, shift[:, None]], 1)


def _refined(first: F32, wide: F32, start: F64, growth: float, side_px: int) -> F64:
    """Move, turn and stretch a little, to where two parts correlate most; where nothing is found all stays.

    Source: G. Evangelidis and E. Psarakis, "Parametric image alignment using enhanced correlation coefficient
        maximization", IEEE TPAMI 2008.
    """
    cv2 = opencv()
    import numpy as np

    if not first.any() or not wide.any():
        return start
    best = start.astype(np.float32)
    for motion, blur in ((cv2.MOTION_AFFINE, 9), (cv2.MOTION_AFFINE, 3)):
        try:
            ends = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _STEPS, _PRECISION)
            _, best = cv2.findTransformECC(first, wide, best.copy(), motion, ends, None, blur)
        except cv2.error:
            continue
    moved = best.astype(np.float64)
    middle = np.array(first.shape[1::-1]) / 2
    shift = float(np.hypot(*((moved - start)[:, :2] @ middle + (moved - start)[:, 2])))
    change = np.linalg.inv(start[:, :2]) @ moved[:, :2]
    turn = float(np.arctan2(change[1, 0] - change[0, 1], change[0, 0] + change[1, 1]))
    sides = np.linalg.svd(change, compute_uv=False)
    is_small = shift <= max(3.0 * growth, _MOST_SHIFT * side_px) and abs(turn) <= _MOST_TURN
    return moved if is_small and np.abs(np.log(sides)).max() <= _MOST_GROWTH else start


def _differences(x: F32, y: F32) -> tuple[F32, float]:
    """Return how much of each window that holds something differs, (n,) of 0 to 1, and how many are apart."""
    cv2 = opencv()
    import numpy as np

    x, y = (cv2.GaussianBlur(side, (0, 0), _BLUR_PX) for side in (x, y))
    window = _window_px(x if np.abs(x).max() >= np.abs(y).max() else y)
    size = (window, window)
    ours, theirs = cv2.blur(x * x, size), cv2.blur(y * y, size)
    apart = cv2.blur((x - y) ** 2, size)
    held = np.maximum(ours, theirs)
    substantial: Bools = held >= _SUBSTANTIAL * np.quantile(held[held >= 0.05 * held.max()], 0.75)
    inside = substantial & (held > 0)
    left: F32 = np.minimum(apart[inside] / held[inside], 1.0)
    return left, float(inside.sum()) / window**2


def _window_px(ink: F32) -> int:
    """Choose a window that sees a few strokes, or a good part of what is small."""
    cv2 = opencv()
    import numpy as np

    drawn = (np.abs(ink) > 0.4 * np.abs(ink).max()).astype(np.uint8)
    rows, columns = np.nonzero(drawn)
    edge = int((drawn - cv2.erode(drawn, np.ones((3, 3), np.uint8))).sum())
    stroke = 2.0 * len(rows) / max(edge, 1)
    side = min(np.ptp(rows) + 1, np.ptp(columns) + 1)
    most = max(_LEAST_WINDOW_PX, min(_MOST_WINDOW_PX, side / _OF_SIDE))
    return int(np.clip(_STROKES * stroke, _LEAST_WINDOW_PX, most))
