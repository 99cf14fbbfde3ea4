"""Candidates: pictures that a caller brings along, scored against one picture or against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..distances import Map, cosine_distance, score_of
from ..errors import LookalikeError

if TYPE_CHECKING:
    from .question import Probe

    ReadProbe = Callable[[Any], Probe]


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


def rank(query: Probe, sources: Sequence[Any], probe: ReadProbe, points: Map) -> Candidates:
    """Rank sources by their score against a query; one that cannot be read fails alone."""
    found, failures = _probes(sources, probe)
    ranked = [Candidate(place, *_score(query, other, points)) for place, other in found.items()]
    return Candidates(tuple(sorted(ranked, key=lambda one: (-one.score, one.distance, one.place))), failures)


def distinct(sources: Sequence[Any], probe: ReadProbe, points: Map, *, threshold: float) -> Candidates:
    """Keep the sources that score below the threshold against all that were kept before them, in their order.

    Returns:
        Candidates, each with its best score against those before it.
    """
    found, failures = _probes(sources, probe)
    kept: dict[int, Probe] = {}
    candidates = []
    for place, one in found.items():
        score, distance = max((_score(one, other, points) for other in kept.values()), default=(0.0, 1.0))
        if score < threshold:
            kept[place] = one
            candidates.append(Candidate(place, score, distance))
    return Candidates(tuple(candidates), failures)


def _probes(sources: Sequence[Any], probe: ReadProbe) -> tuple[dict[int, Probe], dict[int, LookalikeError]]:
    """Read each source to a probe; a source may be the error that it fails with."""
    found: dict[int, Probe] = {}
    failures: dict[int, LookalikeError] = {}
    for place, source in enumerate(sources):
        try:
            if isinstance(source, LookalikeError):
                raise source
            found[place] = probe(source)
        except LookalikeError as error:
            failures[place] = error
    return found, failures


def _score(a: Probe, b: Probe, points: Map) -> tuple[float, float]:
    """Give score and distance of two probes of single pictures."""
    bits = None
    if a.hash is not None and b.hash is not None:
        bits = sum((int(x) ^ int(y)).bit_count() for x, y in zip(a.hash, b.hash, strict=True))
    hues = None if a.hues is None or b.hues is None else cosine_distance(a.hues, b.hues)
    distance = cosine_distance(a.vector, b.vector)
    same = a.content_hash == b.content_hash != ""
    return score_of(distance, points, hash_bits=bits, hue_distance=hues, same_bytes=same), distance
