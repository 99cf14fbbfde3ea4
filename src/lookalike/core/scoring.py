"""The score of two pictures by all their vectors: each space makes a statement, and the strongest one stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..distances import cosine_distance, score_map, score_of
from .spaces import HASH_SPACE, HUE_SPACE, PALETTE_SPACE

if TYPE_CHECKING:
    from ..values import Vectors

_BESIDE = (HASH_SPACE, HUE_SPACE, PALETTE_SPACE)  # computed beside the encoder: they make no statement of their own


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


def pair_score(a: Vectors, b: Vectors, *, same_bytes: bool) -> PairScore | None:
    """Score two pictures in the spaces of their encoder; None where they share none of them."""
    bits = hash_bits(a, b)
    hues = _distance(a, b, HUE_SPACE)
    distances = {
        space: distance for space in a if space not in _BESIDE and (distance := _distance(a, b, space)) is not None
    }
    if not distances:
        return None
    score, distance = max(
        (score_of(distance, score_map(space), hash_bits=bits, hue_distance=hues, same_bytes=same_bytes), -distance)
        for space, distance in distances.items()
    )
    return PairScore(score, -distance, distances, bits)


def _distance(a: Vectors, b: Vectors, space: str) -> float | None:
    ours, theirs = a.get(space), b.get(space)
    return None if ours is None or theirs is None else cosine_distance(ours, theirs)  # type: ignore[arg-type]


def hash_bits(a: Vectors, b: Vectors) -> int | None:
    """Count the differing bits of two difference hashes; None where one picture has none."""
    ours, theirs = a.get(HASH_SPACE), b.get(HASH_SPACE)
    if ours is None or theirs is None:
        return None
    return sum((int(x) ^ int(y)).bit_count() for x, y in zip(ours, theirs, strict=True))
