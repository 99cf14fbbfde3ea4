"""Verdicts: what every door tells of two pictures that were looked at: a score, a relation and a confidence.

The descriptors make a score, geometry finds a relation. The score that is told keeps to the bands: a copy has 0.90 or
more and nothing else has. It depends on the two pictures and on what scores mean in their collection, not on the door
that asks, nor on the space that ranks there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from ...distances import COPY_SCORE, HIGHEST_SCORE, SAME_BYTES_SCORE, ScoreCurve
from ..scores.scoring import PairScore, pair_score
from .rules import SAME_PICTURE, SAME_PICTURE_CONFIDENCE, SIMILAR_SCORE, relate

if TYPE_CHECKING:
    from ...answers import Relation, RelationKind
    from ..features.picture_features import PictureFeatures

_DOUBTFUL = 0.2  # of confidence; below it nothing speaks for a copy
_SURE_COPY, _MAYBE, _BELOW = 0.99, 0.80, 1e-4
# From such a score to the chance that it is right, which is the confidence; only equal bytes are certain.
VERIFIED_CHANCES: ScoreCurve = ((COPY_SCORE, SAME_PICTURE_CONFIDENCE), (_SURE_COPY, 0.9999), (1.0, 1.0))


@dataclass(frozen=True)
class Verdict:
    """What is told of two pictures.

    Attributes:
        score: What counts: the descriptors' score, held in the band that the relation says.
        measured: What the descriptors say, with the distances.
        relation: None where there were no two pictures to look at; the score is that of the descriptors then.
    """

    score: float
    measured: PairScore
    relation: Relation | None


class Judge(Protocol):
    """Judges stored records against one picture; `maps` say what scores mean, where the caller knows it already."""

    def __call__(
        self, keys: Sequence[int], /, *, maps: Mapping[str, ScoreCurve] | None = None
    ) -> Mapping[int, Verdict]:
        """Return the verdicts by key; without those that are not there, or have no vectors."""
        ...


def verdict_of(a: PictureFeatures, b: PictureFeatures, maps: Mapping[str, ScoreCurve]) -> Verdict | None:
    """Look at two pictures; None where they have no vectors in one space.

    Args:
        maps: Those of the spaces that may speak; see `Scales.maps`.

    Cost: that of `relate`.
    """
    measured = pair_score(a.vectors, b.vectors, maps=maps, same_bytes=a.content_hash == b.content_hash)
    if measured is None:
        return None
    relation = relate(a, b)
    if relation is None:
        return Verdict(measured.score, measured, None)
    score = told_score(relation.kind, relation.confidence, measured.score)
    return Verdict(score, measured, _worded(relation, score))


def told_score(kind: str, confidence: float, measured: float) -> float:
    """Return the score that is told beside a relation.

    A copy has 0.90 to 0.99, by the confidence, and equal bytes 1.0, whatever the descriptors say. What may be a copy
    (confidence 0.2 to 0.8) has 0.80 to 0.90. Everything else keeps the descriptors' score, as far as it is below 0.80.
    """
    if kind == "identical":
        return SAME_BYTES_SCORE
    if kind in SAME_PICTURE:
        share = (confidence - SAME_PICTURE_CONFIDENCE) / (1 - SAME_PICTURE_CONFIDENCE)
        return round(min(COPY_SCORE + max(0.0, share) * (_SURE_COPY - COPY_SCORE), HIGHEST_SCORE), 6)
    if confidence >= _DOUBTFUL:
        share = min(1.0, confidence / SAME_PICTURE_CONFIDENCE)
        return round(_MAYBE + share * (COPY_SCORE - _MAYBE - _BELOW), 6)
    return round(min(measured, _MAYBE - _BELOW), 6)


def _worded(relation: Relation, score: float) -> Relation:
    """Let "similar" and "unrelated" say what the score says."""
    if relation.kind not in ("similar", "unrelated"):
        return relation
    kind: RelationKind = "similar" if score >= SIMILAR_SCORE else "unrelated"
    return replace(relation, kind=kind, details=(kind,))
