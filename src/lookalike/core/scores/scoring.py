"""The score of a pair of pictures: the highest over all spaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...distances import ScoreCurve, cosine_distance, score_of
from ...encoders import curves_of
from ..features.spaces import HASH_SPACE, HUE_SPACE

if TYPE_CHECKING:
    from ...arrays import Vectors

# Hashes, hues and palettes are computed beside the encoder: they make no statement of their own.
BUILT_IN_MAPS: Mapping[str, ScoreCurve] = curves_of("builtin")
# Where geometry decides: 97 of 100 copies reach the first beside their original; above the second there are few others.
CANDIDATE_SCORE, LIKELY_SCORE = 0.5, 0.8


@dataclass(frozen=True)
class PairScore:
    """How alike two pictures are by their vectors.

    Attributes:
        score, distance: Of the space that makes the strongest statement.
        distances: Space name to cosine distance, for the encoder's spaces.
        hash_bits: Hamming distance of the difference hashes; None where one picture has none.
    """

    score: float
    distance: float
    distances: Mapping[str, float]
    hash_bits: int | None


def pair_score(
    a: Vectors, b: Vectors, *, same_bytes: bool, maps: Mapping[str, ScoreCurve] = BUILT_IN_MAPS
) -> PairScore | None:
    """Score two pictures in the spaces that have a map; None where they share none of them.

    Args:
        maps: Space name to its map from distance to score.
    """
    bits = hash_bits(a, b)
    hues = _distance(a, b, HUE_SPACE)
    distances = {
        space: distance
        for space in dict.fromkeys((*BUILT_IN_MAPS, *maps))
        if (distance := _distance(a, b, space)) is not None
    }

    def score(space: str) -> float:
        far, points = distances[space], maps[space]
        return score_of(far, points, hash_bits=bits, hue_distance=hues, same_bytes=same_bytes)

    scored = [(score(space), -distances[space]) for space in maps if space in distances]
    if not scored:
        return None
    highest, distance = max(scored)
    return PairScore(highest, -distance, distances, bits)


def _distance(a: Vectors, b: Vectors, space: str) -> float | None:
    ours, theirs = a.get(space), b.get(space)
    return None if ours is None or theirs is None else cosine_distance(ours, theirs)  # type: ignore[arg-type]


def hash_bits(a: Vectors, b: Vectors) -> int | None:
    """Count the differing bits of two difference hashes; None where one picture has none."""
    ours, theirs = a.get(HASH_SPACE), b.get(HASH_SPACE)
    if ours is None or theirs is None:
        return None
    return sum((int(x) ^ int(y)).bit_count() for x, y in zip(ours, theirs, strict=True))
