"""Metrics, and the one map from distance to score; only this module makes a score.

A distance is what the metric gives: cosine distance runs from 0 to 2, Hamming distance counts bits. A score runs
from 0 to 1 and means, for a pair of pictures:

    1.0          the same bytes
    0.90 - 0.999 the same picture with minor variations
    0.70 - 0.89  the same subject
    0.50 - 0.69  similar
    below 0.50   little in common

The maps are straight lines between points. They are not fitted to labelled pairs yet, so a score is no probability.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from .errors import InputError

if TYPE_CHECKING:
    from .values import F32

Map: TypeAlias = Sequence[tuple[float, float]]  # (distance, score), distance rising, score falling

SAME_BYTES_SCORE = 1.0
HIGHEST_SCORE = 0.999  # what a distance alone can say; 1.0 is kept for equal bytes
SAME_HASH_SCORE = 0.90  # the floor for a pair whose difference hashes agree ...
SAME_HASH_BITS = 8  # of 64; finds all re-encoded, resized, blurred copies
OTHER_COLORS_DISTANCE = 0.3  # between hue histograms; beyond it two pictures show different colors ...
OTHER_COLORS_SCORE = 0.89  # ... and are at most the same subject: a red mug is no copy of the blue one
AGREEING_SCORE = 0.70  # ... and whose distance says at least "the same subject": hashes alone take pears for apples


# Cosine distance to score for each space of the built-in encoder; docs/models.md says what they were set on.
_MAPS: dict[str, Map] = {
    "semantic": ((0.0, 0.999), (0.10, 0.90), (0.30, 0.70), (0.55, 0.50), (1.0, 0.0)),
    "copy": ((0.0, 0.999), (0.12, 0.90), (0.30, 0.70), (0.55, 0.50), (1.0, 0.0)),
}


def score_map(space: str) -> Map:
    """Give the map of a space of the built-in encoder."""
    return _MAPS[space]


def score_of(
    distance: float,
    points: Map,
    *,
    hash_bits: int | None = None,
    hue_distance: float | None = None,
    same_bytes: bool = False,
) -> float:
    """Give the score of a pair from its distance and from what its hashes say.

    Args:
        distance: Cosine distance in the space that ranks, 0..2.
        points: The map of that space (`score_map`).
        hash_bits: Hamming distance of the two difference hashes; None where one has no hash.
        hue_distance: Cosine distance of the two hue histograms; None where one picture is gray.
        same_bytes: Whether the two content hashes are equal.

    Returns:
        0..1, rounded to six decimals, so that a printed score used as threshold includes its own match.

    Example:
        >>> score_of(0.5, [(0.0, 0.999), (1.0, 0.0)])
        0.4995
        >>> score_of(0.2, [(0.0, 0.999), (1.0, 0.0)], hash_bits=3)
        0.9
    """
    if same_bytes:
        return SAME_BYTES_SCORE
    score = min(_interpolate(distance, points), HIGHEST_SCORE)
    if hue_distance is not None and hue_distance > OTHER_COLORS_DISTANCE:
        score = min(score, OTHER_COLORS_SCORE)
    elif hash_bits is not None and hash_bits <= SAME_HASH_BITS and score >= AGREEING_SCORE:
        score = max(score, SAME_HASH_SCORE)
    return round(score, 6)


def distance_at(score: float, points: Map) -> float:
    """Give the largest distance whose score still reaches `score`; -1.0 when no distance does.

    Example:
        >>> distance_at(0.4995, [(0.0, 0.999), (1.0, 0.0)])
        0.5
    """
    if score > points[0][1]:
        return -1.0
    if score <= points[-1][1]:
        return 2.0
    for (near, high), (far, low) in pairwise(points):
        if low <= score <= high and high > low:
            return near + (far - near) * (high - score) / (high - low)
    raise InputError("a score map has to fall as the distance grows.")


def _interpolate(distance: float, points: Map) -> float:
    place = bisect_right([far for far, _ in points], distance)
    if place == 0:
        return points[0][1]
    if place == len(points):
        return points[-1][1]
    (near, high), (far, low) = points[place - 1], points[place]
    return high + (low - high) * (distance - near) / (far - near)


def cosine_distance(a: F32, b: F32) -> float:
    """Give 1 - cosine of two vectors (d,), computed in float64, clipped at 0; a zero vector is 1 from all.

    Example:
        >>> import numpy as np
        >>> cosine_distance(np.array([1, 0], np.float32), np.array([0, 2], np.float32))
        1.0
    """
    import numpy as np

    x, y = a.astype(np.float64), b.astype(np.float64)
    norm = float(np.sqrt((x @ x) * (y @ y)))
    return max(0.0, 1.0 - float(x @ y) / norm) if norm else 1.0
