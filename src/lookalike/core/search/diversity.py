"""Diversity: from a pool of matches, those that are near the question and unlike each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...distances import ScoreCurve, scores_of

if TYPE_CHECKING:
    from ...arrays import F32, F64

_LEAST_POOL = 60
_POOL_SHARE = 6


def pool_size(limit: int) -> int:
    """Return how many matches to choose from: six times what is wanted, and at least 60."""
    return max(_LEAST_POOL, _POOL_SHARE * limit)


def diverse(scores: F64, vectors: F32, points: ScoreCurve, *, limit: int, diversity: float) -> list[int]:
    """Choose from a pool by maximal marginal relevance, and give the places in the order of choice.

    Each choice maximizes (1 - diversity) * score - diversity * (score against the most alike of those chosen); of two
    that tie, the better match is taken. The first choice is the best match.

    Args:
        scores: (n,) float64 of the pool, best first.
        vectors: (n, d) float32 of unit length.
        points: The map of the space of the vectors: both terms are scores.

    Cost: O(n limit d).

    Source: J. Carbonell and J. Goldstein, "The use of MMR, diversity-based reranking for reordering documents and
        producing summaries", SIGIR 1998, with lambda = 1 - diversity.
    """
    chosen: list[int] = []
    alike = np.zeros(len(scores))  # to the most alike of those chosen
    for _ in range(min(limit, len(scores))):
        worth = (1 - diversity) * scores - (diversity * alike if chosen else 0)
        worth[chosen] = -np.inf
        place = int(np.argmax(worth))
        chosen.append(place)
        # rounded, so that the last bits of a product, which depend on the machine, decide nothing
        distances = np.round(np.maximum(0.0, 1.0 - vectors @ vectors[place]), 6)
        alike = np.maximum(alike, scores_of(distances, points))
    return chosen
