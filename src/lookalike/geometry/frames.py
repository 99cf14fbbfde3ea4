"""Two pictures warped onto a common frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .opencv import opencv
from .small_version import cell_means

if TYPE_CHECKING:
    from ..arrays import F32, F64, U8, Bools

CELL_PX = 8  # a color is the mean of a cell: the finest thing that encoding keeps
_RIM_PX = 1.5
_WHOLE = 0.999  # of a cell that both pictures have to be in
_STATE_CELLS = 24  # a side of the squashed pictures that tell how one is turned against the other


@dataclass(frozen=True, eq=False)
class Overlay:
    """Two pictures in one frame.

    Attributes:
        a, b: (h, w, 3) uint8 each; what is outside one of them is black there.
        shared: (h, w) bool; where both are, but for their very edges.
        covered: Share of each picture's area that the other shows too.
    """

    a: U8
    b: U8
    shared: Bools
    covered: tuple[float, float]


def cell_colors(laid: Overlay) -> tuple[F32, F32, Bools]:
    """Return the colors of the cells of both, (h, w, 3) each, and which cells lie wholly in both, (h, w)."""
    import numpy as np

    a, b, shared = (cell_means(side.astype(np.float32), CELL_PX) for side in (laid.a, laid.b, laid.shared))
    return a, b, shared > _WHOLE


def overlay(a: U8, b: U8, matrix: F64) -> Overlay:
    """Lay two small pictures over each other by the map (2, 3) from `a` to `b`."""
    import numpy as np

    back = inverse(matrix)
    growth = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if growth >= 1:  # b is the finer one: bring it to a
        brought, mask = _warped(b, matrix, a.shape, growth)
        first, second = a, brought
    else:
        brought, mask = _warped(a, back, b.shape, 1 / growth)
        first, second = brought, b
    covered = (covered_share(a.shape, b.shape, matrix), covered_share(b.shape, a.shape, back))
    return Overlay(first, second, mask, covered)


def inverse(matrix: F64) -> F64:
    """Return the map back."""
    import numpy as np

    linear = np.linalg.inv(matrix[:, :2])
    return np.concatenate([linear, -(linear @ matrix[:, 2])[:, None]], 1)


def covered_share(shape: tuple[int, ...], other: tuple[int, ...], matrix: F64) -> float:
    """Return which share of a picture of `shape` lies inside one of shape `other`, by the map to it."""
    cv2 = opencv()
    import numpy as np

    corners = np.array([[0, 0], [shape[1], 0], [shape[1], shape[0]], [0, shape[0]]], np.float64)
    put = (corners @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    frame = np.array([[0, 0], [other[1], 0], [other[1], other[0]], [0, other[0]]], np.float32)
    shared, _ = cv2.intersectConvexConvex(put, frame)
    whole = abs(float(np.linalg.det(matrix[:, :2]))) * shape[0] * shape[1]
    return min(1.0, float(shared) / max(whole, 1e-9))


def frame_map(a: U8, b: U8) -> F64:
    """Find the map that lays whole frame on whole frame, turned by right angles or mirrored as fits best: (2, 3).

    It needs no features, so it serves flat, tiny and blurred pictures too.
    """
    import numpy as np

    first = _squashed(a)
    seconds = _states(_squashed(b))
    likeness = [float((first * state).sum()) for state in seconds]
    turned, mirrored = divmod(int(np.argmax(likeness)), 2)
    return _state_map(a.shape, b.shape, turned, bool(mirrored))


def _squashed(pixels: U8) -> F32:
    """Squash to a few cells of mean 0 and length 1; a flat picture is all 0."""
    cv2 = opencv()
    import numpy as np

    cells = cv2.resize(pixels, (_STATE_CELLS, _STATE_CELLS), interpolation=cv2.INTER_AREA).astype(np.float32)
    cells -= cells.mean((0, 1))
    unit: F32 = cells / max(float(np.linalg.norm(cells)), 1e-6)
    return unit


def _states(cells: F32) -> list[F32]:
    """Return a square in its eight states: turned by 0 to 3 right angles, each plain and mirrored."""
    import numpy as np

    turned = [np.rot90(cells, turn) for turn in range(4)]
    return [state for one in turned for state in (one, one[:, ::-1])]


def _state_map(shape: tuple[int, ...], other: tuple[int, ...], turned: int, mirrored: bool) -> F64:
    """Return the map from a frame to the one that has to be turned, then mirrored, to be like it."""
    import numpy as np

    # In unit squares: undo the mirror, then the turns (each of them takes x, y of the result to y', x' of the origin).
    linear, shift = np.eye(2), np.zeros(2)
    if mirrored:
        linear, shift = np.diag([-1.0, 1.0]), np.array([1.0, 0.0])
    for _ in range(turned):  # np.rot90: result[y, x] = origin[x, 1 - y]
        step = np.array([[0.0, -1.0], [1.0, 0.0]])
        linear, shift = step @ linear, step @ shift + np.array([1.0, 0.0])
    scale = np.diag([float(other[1]), float(other[0])])
    linear = scale @ linear @ np.diag([1.0 / shape[1], 1.0 / shape[0]])
    return np.concatenate([linear, (scale @ shift)[:, None]], 1)


def _warped(pixels: U8, matrix: F64, shape: tuple[int, ...], shrink: float) -> tuple[U8, Bools]:
    """Bring a picture into a frame of `shape`, by the map from that frame to it; also where the picture is in it."""
    cv2 = opencv()
    import numpy as np

    if shrink > 1.2:  # without it fine detail would turn into noise
        pixels = cv2.GaussianBlur(pixels, (0, 0), 0.4 * shrink)
    half = np.array([0.5, 0.5])  # OpenCV's origin is the middle of the first pixel
    centered = np.concatenate([matrix[:, :2], (matrix[:, :2] @ half + matrix[:, 2] - half)[:, None]], 1)
    size = (shape[1], shape[0])
    brought = cv2.warpAffine(
        pixels, centered, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    # At its very edge a picture is mixed with what is beside it, and the map may miss by a pixel.
    rim = min(_RIM_PX * max(1.0, shrink), 0.1 * min(pixels.shape[:2]))
    x, y = np.arange(size[0]) + 0.5, np.arange(size[1])[:, None] + 0.5
    put_x = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]
    put_y = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]
    width, height = pixels.shape[1] - rim, pixels.shape[0] - rim
    inside = (put_x >= rim) & (put_y >= rim) & (put_x <= width) & (put_y <= height)
    return np.asarray(brought, np.uint8), inside
