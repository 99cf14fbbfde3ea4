"""The alignment of two pictures: the affine map from one to the other that most of their local features agree on.

Each pair of matching features proposes a similarity by itself, because a feature has a place, a size and a direction.
All proposals are tried against all pairs at once, the best are refined to affine maps by least squares, and the map
with the most evidence wins. Nothing is drawn at random, so the same two pictures give the same map.

Evidence is counted in distinct cells of both pictures, not in points: a hundred points on one logo are one statement.

Source: J. Philbin et al., "Object retrieval with large vocabularies and fast spatial matching", CVPR 2007.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..arrays import F32, F64, I64, Bools
    from .features import Features

_TILE = 32  # rows and columns
_RATIO = 0.8  # of the distances to the best and the second best; Lowe's
_MOST_PAIRS = 300  # the clearest ones; copies have enough of them, and the work grows with the square
_PROPOSALS = 12  # that are refined
_MOST_OF, _MANY_CELLS = 0.6, 30  # of the pairs, and of the cells: what has so many is the map
_CELL_PX = 8
_NEAR_PX, _FAR_SHARE = 4.0, 0.15  # what a proposal may miss by: its size and direction are rough, so more further away
_TOLERANCES_PX = (8.0, 5.0, 3.0, 3.0)  # of the refinements
_SIZE_FACTOR, _TURN = 2.0, 0.6  # how far a pair's own size and direction (radians) may be from the map's
_MOST_STRETCH = 2.2  # of one side against the other; a square made of a wide picture has 1.8
_LEAST_PAIRS = 4
LEAST_SCALE, MOST_SCALE = 0.04, 25.0


@dataclass(frozen=True, eq=False)
class Alignment:
    """An affine map between two small pictures, and what speaks for it.

    Attributes:
        matrix: (2, 3) float64; maps x, y of the first picture to the second's, in px from the left upper corners.
        places: (m, 2) float32; inliers in the first picture.
        others: (m, 2) float32; their counterparts in the second.
        cells: How many distinct cells of 8 px the inliers take, in the picture where they take fewer.
        error_px: Mean distance between where an inlier is and where the map puts it.
    """

    matrix: F64
    places: F32
    others: F32
    cells: int
    error_px: float


def align(a: Features, b: Features) -> Alignment | None:
    """Find the map from `a` to `b`, mirrored or not; None where nothing speaks for one.

    Cost: 10 ms for twice 600 points on one core.
    """
    import numpy as np

    states = [(_pairs(a, other), other, is_mirrored) for other, is_mirrored in ((b, False), (b.mirrored(), True))]
    states.sort(key=lambda state: -len(state[0][0]))
    best: Alignment | None = None
    mirrored = False
    for (ours, theirs), other, is_mirrored in states:
        if best is not None and best.cells > len(ours):
            break  # the other state has fewer pairs than this one has cells
        found = _align(a, other, ours, theirs)
        if found is not None and (best is None or (found.cells, mirrored) > (best.cells, is_mirrored)):
            best, mirrored = found, is_mirrored
    if best is None or not mirrored:
        return best
    width = float(b.size_px[0])
    others = best.others * np.array([-1, 1], np.float32) + np.array([width, 0], np.float32)
    matrix = np.array([[-1.0], [1.0]]) * best.matrix + np.array([[0, 0, width], [0, 0, 0]])
    return Alignment(matrix, best.places, others, best.cells, best.error_px)


def _align(a: Features, b: Features, ours: I64, theirs: I64) -> Alignment | None:
    """Find the map that most pairs of features agree on."""
    import numpy as np

    if len(ours) < _LEAST_PAIRS:
        return None
    places, others = a.points()[ours].astype(np.float64), b.points()[theirs].astype(np.float64)  # (m, 2) each
    growth = np.log(b.sizes[theirs] / np.maximum(a.sizes[ours], 1.0) + 1e-6)  # (m,)
    turn = (b.turns[theirs].astype(np.float64) - a.turns[ours]) * (2 * np.pi / 256)  # (m,)
    maps = _proposals(places, others, growth, turn)
    fits = _supports(maps, places, others, growth, turn)  # (m, m): does pair j fit proposal i
    best: Alignment | None = None
    for number in np.argsort(-fits.sum(1), kind="stable")[:_PROPOSALS]:
        found = _refined(fits[number], places, others, growth, turn)
        if found is not None and (best is None or (found.cells, -found.error_px) > (best.cells, -best.error_px)):
            best = found
            if best.cells >= _MANY_CELLS and len(best.places) > _MOST_OF * len(ours):
                break  # another map can only be nearly the same
    return best


def _pairs(a: Features, b: Features) -> tuple[I64, I64]:
    """Pair each feature of `a` with the nearest of `b` where that is much nearer than the next; each of `b` once."""
    import numpy as np

    empty = np.zeros(0, np.int64)
    if len(a) < 2 or len(b) < 2:
        return empty, empty
    cosines = _cosines(_unit(a), _unit(b))
    nearest = cosines.argmax(1)
    rows = np.arange(len(a))
    best = cosines[rows, nearest]
    cosines[rows, nearest] = -1.0
    second = cosines.max(1)
    ratio = np.sqrt(np.maximum(1 - best, 0) / np.maximum(1 - second, 1e-6))
    order = np.argsort(ratio, kind="stable")
    order = order[ratio[order] < _RATIO]
    _, first = np.unique(nearest[order], return_index=True)
    kept = order[np.sort(first)][:_MOST_PAIRS]
    return kept, nearest[kept]


def _cosines(a: F32, b: F32) -> F32:
    """Multiply unit vectors (n, d) and (m, d): (n, m).

    In tiles so small that a BLAS takes no threads, which would wait busily beside ours for long after: 1.3 ms of one
    core for 600 by 600, in place of 1.0 ms of two.
    """
    import numpy as np

    rows, columns = (-(-len(side) // _TILE) for side in (a, b))
    first = np.zeros((rows, 1, _TILE, a.shape[1]), np.float32)
    second = np.zeros((1, columns, _TILE, b.shape[1]), np.float32)
    first.reshape(-1, a.shape[1])[: len(a)] = a
    second.reshape(-1, b.shape[1])[: len(b)] = b
    tiles = np.matmul(first, second.swapaxes(2, 3))  # (rows, columns, tile, tile)
    whole: F32 = tiles.swapaxes(1, 2).reshape(rows * _TILE, columns * _TILE)[: len(a), : len(b)]
    return whole


def _unit(features: Features) -> F32:
    import numpy as np

    rows = features.descriptors.astype(np.float32)
    unit: F32 = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return unit


def _proposals(places: F64, others: F64, growth: F64, turn: F64) -> F64:
    """Return the similarity that each pair proposes: (m, 2, 3)."""
    import numpy as np

    scale = np.exp(growth)
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    linear = np.stack([np.stack([cos, -sin], 1), np.stack([sin, cos], 1)], 1)  # (m, 2, 2)
    shift = others - np.einsum("mij,mj->mi", linear, places)
    return np.concatenate([linear, shift[:, :, None]], 2)


def _supports(maps: F64, places: F64, others: F64, growth: F64, turn: F64) -> Bools:
    """Return which pairs fit which proposals, roughly: (m, m)."""
    import numpy as np

    put = np.einsum("kij,mj->kmi", maps[:, :, :2], places) + maps[:, None, :, 2]  # (k, m, 2)
    missed = np.hypot(*np.moveaxis(put - others, -1, 0))
    reach = np.hypot(*np.moveaxis(others[:, None] - others[None], -1, 0))
    turned = np.abs((turn[:, None] - turn[None] + np.pi) % (2 * np.pi) - np.pi)
    sized = np.abs(growth[:, None] - growth[None])
    fits: Bools = (missed < _NEAR_PX + _FAR_SHARE * reach) & (turned < _TURN) & (sized < np.log(_SIZE_FACTOR))
    return fits


def _refined(fits: Bools, places: F64, others: F64, growth: F64, turn: F64) -> Alignment | None:
    """Fit an affine map to the pairs of a proposal, again and again with less tolerance."""
    import numpy as np

    for tolerance in _TOLERANCES_PX:
        if _cells(places[fits], others[fits]) < _LEAST_PAIRS:
            return None
        matrix = _fitted(places[fits], others[fits])
        if not _is_sane(matrix):
            return None
        missed = np.hypot(*(places @ matrix[:, :2].T + matrix[:, 2] - others).T)
        grown = _det(matrix)
        unit = max(1.0, np.sqrt(abs(grown)))  # where the picture grows, so do slips
        angle = np.arctan2(matrix[1, 0] - matrix[0, 1], matrix[0, 0] + matrix[1, 1])
        turned = np.abs((turn - angle + np.pi) % (2 * np.pi) - np.pi)
        sized = np.abs(growth - 0.5 * np.log(grown))
        fits = (missed < tolerance * unit) & (turned < _TURN) & (sized < np.log(_SIZE_FACTOR))
    cells = _cells(places[fits], others[fits])
    if cells < _LEAST_PAIRS:
        return None
    kept, theirs = places[fits].astype(np.float32), others[fits].astype(np.float32)
    return Alignment(matrix, kept, theirs, cells, float(missed[fits].mean() / unit))


def _fitted(places: F64, others: F64) -> F64:
    """Fit the affine map by least squares; few or crowded points are held near a similarity."""
    import numpy as np

    # Two equations ask for a similarity (a = d, b = -c), with the weight of a few points at 8 px from the middle.
    middle, target = places.mean(0), others.mean(0)
    around = places - middle
    seen = around.T @ np.concatenate([around, others - target], 1)  # (2, 4): sums of products, x and y with x, y, u, v
    held = 4 * 8.0**2 * np.array([[1.0, 0, 0, -1], [0, 1, 1, 0], [0, 1, 1, 0], [-1, 0, 0, 1]])
    held[:2, :2] += seen[:, :2]
    held[2:, 2:] += seen[:, :2]
    linear = np.linalg.solve(held, seen[:, 2:].T.reshape(4)).reshape(2, 2)
    return np.concatenate([linear, (target - linear @ middle)[:, None]], 1)


def _det(matrix: F64) -> float:
    (a, b, _), (c, d, _) = matrix.tolist()
    return float(a * d - b * c)


def _is_sane(matrix: F64) -> bool:
    grown = _det(matrix)
    if grown <= 0:
        return False
    squares = float((matrix[:, :2] ** 2).sum())  # of both singular values, whose product is the determinant
    large, small = (
        (squares + 2 * grown) ** 0.5 / 2 + side * max(0.0, squares - 2 * grown) ** 0.5 / 2 for side in (1, -1)
    )
    return bool(small >= LEAST_SCALE and large <= MOST_SCALE and large / small <= _MOST_STRETCH)


def _cells(places: F64, others: F64) -> int:
    """Count the distinct cells that points take, in the picture where they take fewer."""
    import numpy as np

    rooms = ((side // _CELL_PX).astype(np.int64) @ np.array([1, 1 << 16]) for side in (places, others))
    return min(len(set(room.tolist())) for room in rooms)
