"""Candidates: pictures that a caller brings along, scored against one picture or against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ...distances import ScoreCurve, cosine_distance, score_of
from ...errors import LookalikeError
from ..relations.verdicts import verdict_of
from ..scores.scoring import BUILT_IN_MAPS, CANDIDATE_SCORE, LIKELY_SCORE, pair_score

if TYPE_CHECKING:
    from ..features.picture_features import PictureFeatures
    from .query_vectors import QueryVector

    ReadQueryVector = Callable[[Any], QueryVector]
    ReadFeatures = Callable[[Any], PictureFeatures]

T = TypeVar("T")


@dataclass(frozen=True)
class Candidate:
    """A picture among those that were brought, by its place from 0, with its score and distance to the query."""

    place: int
    score: float
    distance: float


@dataclass(frozen=True)
class Candidates:
    """What became of pictures that were brought along.

    Attributes:
        ranked: Those that could be read, best first, ties by place.
        failures: Why others could not, by place.
    """

    ranked: tuple[Candidate, ...]
    failures: dict[int, LookalikeError]


def rank(query: QueryVector, sources: Sequence[Any], query_vector: ReadQueryVector, points: ScoreCurve) -> Candidates:
    """Rank sources by their score against a query; one that cannot be read fails alone."""
    found, failures = _read(sources, query_vector)
    ranked = [Candidate(place, *_score(query, other, points)) for place, other in found.items()]
    return _ranked(ranked, failures)


def rank_copies(query: Any, sources: Sequence[Any], look: ReadFeatures) -> Candidates:
    """Rank sources by how much each is a copy of a query, as `compare` tells it; one that cannot be read fails alone.

    Cost: 15 ms for each pair.
    """
    one = look(query)
    found, failures = _read(sources, look)
    verdicts = {place: verdict_of(one, other, BUILT_IN_MAPS) for place, other in found.items()}
    ranked = [
        Candidate(place, verdict.score, verdict.measured.distance)
        for place, verdict in verdicts.items()
        if verdict is not None
    ]
    return _ranked(ranked, failures)


def distinct(sources: Sequence[Any], look: ReadFeatures, *, threshold: float) -> Candidates:
    """Keep the sources that are not a copy of one that was kept before them, in their order.

    Args:
        threshold: The score that a copy has at least.

    Returns:
        Candidates, each with its best score against those before it.

    Cost: 15 ms for each pair whose vectors score 0.80 or more, and for the nearest one from 0.50.
    """
    found, failures = _read(sources, look)
    kept: list[PictureFeatures] = []
    candidates = []
    for place, one in found.items():
        score, distance = _nearest(one, kept)
        if score < threshold:
            kept.append(one)
            candidates.append(Candidate(place, score, distance))
    return Candidates(tuple(candidates), failures)


def _ranked(candidates: Sequence[Candidate], failures: dict[int, LookalikeError]) -> Candidates:
    return Candidates(tuple(sorted(candidates, key=lambda one: (-one.score, one.distance, one.place))), failures)


def _nearest(look: PictureFeatures, others: Sequence[PictureFeatures]) -> tuple[float, float]:
    """Find the best score of a picture among some others, and the distance; only likely ones are looked at."""
    measured = [
        (one.score, -one.distance, other)
        for other in others
        if (one := pair_score(look.vectors, other.vectors, same_bytes=look.content_hash == other.content_hash))
    ]
    measured.sort(key=lambda one: one[:2], reverse=True)
    likely = [
        other for at, (score, _, other) in enumerate(measured) if score >= (LIKELY_SCORE if at else CANDIDATE_SCORE)
    ]
    verdicts = [verdict_of(look, other, BUILT_IN_MAPS) for other in likely]
    told = [(one.score, -one.measured.distance) for one in verdicts if one is not None]
    score, distance = max(told or [one[:2] for one in measured[:1]], default=(0.0, -1.0))
    return score, -distance


def _read(sources: Sequence[Any], read: Callable[[Any], T]) -> tuple[dict[int, T], dict[int, LookalikeError]]:
    """Read each source; a source may be the error that it fails with."""
    found: dict[int, T] = {}
    failures: dict[int, LookalikeError] = {}
    for place, source in enumerate(sources):
        try:
            if isinstance(source, LookalikeError):
                raise source
            found[place] = read(source)
        except LookalikeError as error:
            failures[place] = error
    return found, failures


def _score(a: QueryVector, b: QueryVector, points: ScoreCurve) -> tuple[float, float]:
    """Return score and distance of two query vectors of single pictures."""
    bits = None
    if a.hash is not None and b.hash is not None:
        bits = sum((int(x) ^ int(y)).bit_count() for x, y in zip(a.hash, b.hash, strict=True))
    hues = None if a.hues is None or b.hues is None else cosine_distance(a.hues, b.hues)
    distance = cosine_distance(a.vector, b.vector)
    same = a.content_hash == b.content_hash != ""
    return score_of(distance, points, hash_bits=bits, hue_distance=hues, same_bytes=same), distance
