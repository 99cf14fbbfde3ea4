"""Metrics, and the one map from distance to score; only this module makes a score from a distance.

A distance is what the metric gives: cosine distance runs from 0 to 2, Hamming distance counts bits. A score runs
from 0 to 1 and means, for a pair of pictures:

    1.0          the same bytes
    0.90 - 0.999 the same picture with minor variations
    0.70 - 0.89  the same subject
    0.50 - 0.69  similar
    below 0.50   little in common

The maps are straight lines between points, fitted on labelled pairs: of the re-encoded copies among the test pictures
19 of 20 reach 0.97 (`copy`), of easy edits 19 of 20 reach 0.90, of unrelated photos 1 of 1,000 reaches 0.50. The shares
are in `docs/scores.md`. A score is not a probability; `chance_of` gives the one that a first match is the same picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from .errors import InputError

if TYPE_CHECKING:
    from .arrays import F32, F64, Bools

ScoreCurve: TypeAlias = Sequence[tuple[float, float]]  # (distance, score), distance rising, score falling

SAME_BYTES_SCORE = 1.0
COPY_SCORE = 0.90  # the band of "the same picture"
HIGHEST_SCORE = 0.999  # what a distance alone can say; 1.0 is kept for equal bytes
SAME_HASH_BITS = 8  # of 64: difference hashes within them agree; finds all re-encoded, resized, blurred copies
SAME_HASH_SCORE = 0.90  # the floor for a pair whose hashes agree ...
SAME_HASH_MOST = 0.985  # ... and for one whose hashes are equal; between, by _HASH_MAP
OTHER_COLORS_DISTANCE = 0.3  # between hue histograms; beyond it two pictures show different colors ...
OTHER_COLORS_SCORE = 0.89  # ... and are at most the same subject: a red mug is not a copy of the blue one
# Hashes alone take pears for apples: they count for pairs whose distance says at least "the same subject", and within 4
# bits for those somewhat farther. Coarse JPEGs are found there, and 2 of the 2.9 million pairs of other pictures.
_AGREEING = ((4, 0.60), (SAME_HASH_BITS, 0.70))  # differing bits, least score by the distance
AGREEING_SCORE = 0.60  # the least of them


# Cosine distance to score for each space. Of `semantic` and `copy`, as `bench/scores.py` measures the test pictures:
#   0.90  19 of 20 easy edits are nearer (copy); with agreeing hashes, 19 of 20 reach it (semantic)
#   0.70  1 of 30,000 pairs of general photos of different things is nearer
#   0.50  1 of 1,000 is nearer; of shelf photos of different products 1 of 40 (copy), 1 of 11 (semantic)
#   0     the middle of all unrelated pairs
# The palette's: half of the cropped copies are below 0.01; of random pairs 1 % are below 0.03, 5 % below 0.06, 25 %
# below 0.14.
_MAPS: dict[str, ScoreCurve] = {
    "semantic": ((0.0, 0.999), (0.10, 0.90), (0.36, 0.70), (0.54, 0.50), (1.0, 0.0)),
    "palette": ((0.0, 0.999), (0.03, 0.90), (0.06, 0.70), (0.14, 0.50), (0.60, 0.10), (1.0, 0.0)),
    "copy": ((0.0, 0.999), (0.12, 0.90), (0.36, 0.70), (0.58, 0.50), (1.0, 0.0)),
}
# Of an encoder whose distances nobody has measured: no more than their order, until a collection is calibrated.
PLAIN_LINE: ScoreCurve = ((0.0, HIGHEST_SCORE), (1.0, 0.0))

# Differing bits to the floor of the score. Within 6 bits are 98 % of the re-encoded copies, 89 % of the easy edits, and
# 40 of the 777,000 pairs of shelf photos.
_HASH_MAP: ScoreCurve = ((0, SAME_HASH_MOST), (6, 0.97), (SAME_HASH_BITS, SAME_HASH_SCORE))

# Score to the chance that a first match is the same picture, for a query that has an answer as often as none, in a
# collection in which half of what has none is a photo of a shelf: isotonic regression over 3,615 first matches of 61
# sources and 1,247 shelf photos. Printed by `bench/scores.py`, where it is off by 0.01 to 0.02 on sources kept apart.
_RELIABILITY: dict[str, ScoreCurve] = {
    "semantic": (
        (0.0, 0.067), (0.3203, 0.067), (0.4083, 0.0728), (0.4726, 0.1491), (0.5304, 0.2553), (0.5837, 0.2688),
        (0.6402, 0.275), (0.8074, 0.275), (0.8262, 0.2762), (0.8452, 0.3349), (0.9002, 0.3349), (0.9282, 0.5711),
        (0.9692, 0.9049), (0.9814, 0.9876), (0.9999, 0.9876), (1.0, 1.0),
    ),
    "copy": (
        (0.0, 0.0055), (0.3282, 0.0055), (0.4349, 0.1337), (0.5184, 0.1938), (0.5795, 0.2064), (0.6658, 0.2064),
        (0.7057, 0.2771), (0.7489, 0.2983), (0.7785, 0.3298), (0.8035, 0.3457), (0.8268, 0.3457), (0.8469, 0.3551),
        (0.8674, 0.3712), (0.8873, 0.4139), (0.9044, 0.4139), (0.9261, 0.4545), (0.9512, 0.6108), (0.976, 0.946),
        (0.9819, 0.9806), (0.9874, 0.9899), (0.9999, 0.9899), (1.0, 1.0),
    ),
}  # fmt: skip


def score_curve(space: str) -> ScoreCurve:
    """Return the score curve of a space of the built-in encoder, or of palettes."""
    return _MAPS[space]


def reliability_curve(space: str) -> ScoreCurve | None:
    """Return the curve (score, chance that a first match is the same picture) of such a space; None without one."""
    return _RELIABILITY.get(space)


def score_of(
    distance: float,
    points: ScoreCurve,
    *,
    hash_bits: int | None = None,
    hue_distance: float | None = None,
    same_bytes: bool = False,
) -> float:
    """Return the score of a pair from its distance and from what its hashes say.

    Args:
        distance: Cosine distance in the space that ranks, 0..2.
        points: The map of that space (`score_curve`).
        hash_bits: Hamming distance of the two difference hashes; None where one has no hash.
        hue_distance: Cosine distance of the two hue histograms; None where one picture is gray.
        same_bytes: Whether the two content hashes are equal.

    Returns:
        0..1, rounded to six decimals, so that a printed score used as threshold includes its own match.

    Example:
        >>> score_of(0.5, [(0.0, 0.999), (1.0, 0.0)])
        0.4995
        >>> score_of(0.2, [(0.0, 0.999), (1.0, 0.0)], hash_bits=6)
        0.97
    """
    import numpy as np

    column = scores_of(
        np.array([distance]),
        points,
        hash_bits=None if hash_bits is None else np.array([hash_bits], np.float64),
        hue_distances=None if hue_distance is None else np.array([hue_distance]),
        same_bytes=np.array([same_bytes]),
    )
    return float(column[0])


def scores_of(
    distances: F32 | F64,
    points: ScoreCurve,
    *,
    hash_bits: F64 | None = None,
    hue_distances: F64 | None = None,
    same_bytes: Bools | None = None,
) -> F64:
    """Return the scores of many pairs, each as `score_of` does.

    Args:
        distances: (n,) cosine distances in the space that ranks.
        hash_bits: (n,) Hamming distances of the difference hashes, NaN where a pair lacks one; None: all do.
        hue_distances: (n,) the same for hue histograms.
        same_bytes: (n,) whether the content hashes are equal.

    Returns:
        (n,) float64, rounded to six decimals.
    """
    import numpy as np

    far, height = zip(*points, strict=True)
    scores: F64 = np.minimum(np.interp(distances, far, height), HIGHEST_SCORE)
    other_colors = np.zeros(len(scores), bool) if hue_distances is None else hue_distances > OTHER_COLORS_DISTANCE
    if hash_bits is not None:  # hashes see no color
        near = np.logical_or.reduce([(hash_bits <= most) & (scores >= least) for most, least in _AGREEING])
        lifted = near & ~other_colors
        bits, floors = zip(*_HASH_MAP, strict=True)
        scores = np.where(lifted, np.maximum(scores, np.interp(hash_bits, bits, floors)), scores)
    scores = np.where(other_colors, np.minimum(scores, OTHER_COLORS_SCORE), scores)
    if same_bytes is not None:
        scores = np.where(same_bytes, SAME_BYTES_SCORE, scores)
    rounded: F64 = np.round(scores, 6)
    return rounded


def distance_at(score: float, points: ScoreCurve) -> float:
    """Return the largest distance whose score still reaches `score`; -1.0 when no distance does.

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


def chance_of(scores: F64, reliability: ScoreCurve) -> F64:
    """Return the chance that a first match of each score is right, (n,), by a reliability curve.

    Example:
        >>> float(chance_of(0.75, [(0.5, 0.0), (1.0, 1.0)]))
        0.5
    """
    import numpy as np

    heights, chances = zip(*reliability, strict=True)
    found: F64 = np.interp(scores, heights, chances)
    return found


def score_at(chance: float, reliability: ScoreCurve) -> float:
    """Return the lowest score whose chance reaches `chance`, rounded up to four decimals; 1.0 when only equal bytes do.

    Example:
        >>> score_at(0.5, [(0.5, 0.0), (1.0, 1.0)])
        0.75
    """
    if chance <= reliability[0][1]:
        return reliability[0][0]
    for (low, before), (high, after) in pairwise(reliability):
        if before < chance <= after:
            score = low + (high - low) * (chance - before) / (after - before)
            return math.ceil(1e4 * score - 1e-6) / 1e4
    return SAME_BYTES_SCORE


def cosine_distance(a: F32, b: F32) -> float:
    """Return 1 - cosine of two vectors (d,), clipped at 0; a zero vector is 1 from all.

    Example:
        >>> import numpy as np
        >>> cosine_distance(np.array([1, 0], np.float32), np.array([0, 2], np.float32))
        1.0
    """
    return float(cosine_distances(a, b[None, :])[0])


def cosine_distances(a: F32, b: F32) -> F32:
    """Return 1 - cosine of each row of `a` to its row of `b`, clipped at 0; a zero vector is 1 from all.

    Computed in float64 with each row summed alone, so that a pair has the same bits in any company and from either
    side, and the bits that a store gives for it.

    Args:
        a: (n, d), or (d,) for one that is compared with every row.
        b: (n, d).

    Returns:
        (n,) float32.
    """
    import numpy as np

    x, y = a.astype(np.float64), b.astype(np.float64)
    lengths = np.sqrt(np.add.reduce(y * y, axis=-1)) * np.sqrt(np.add.reduce(x * x, axis=-1))
    dots = np.add.reduce(y * x, axis=-1)
    cosines = np.divide(dots, lengths, out=np.zeros_like(dots), where=lengths > 0)
    out: F32 = np.maximum(0.0, 1.0 - cosines).astype(np.float32)
    return out
