"""The comparison of two pictures, stored or not: how alike they are, and what they are to each other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import intake
from ..distances import Map
from ..errors import InputError
from ..rendering import Card
from .explaining import explain
from .results import Comparison
from .scoring import BUILT_IN_MAPS
from .verdicts import verdict_of
from .verifying import look_at

if TYPE_CHECKING:
    from .describer import Describer
    from .explaining import PairEvidence
    from .looks import Look


@dataclass(frozen=True, eq=False)
class Side:
    """One of two pictures: its look, how people call it, and what makes a small JPEG of it."""

    look: Look
    name: str
    thumbnail: Callable[[], bytes | None]


def side_of(describer: Describer, source: Any) -> Side:
    """Give the side of a picture that is not stored.

    Raises:
        SourceError: when it cannot be read.
    """
    source = describer.hold(source)
    seen = describer.describe(source, thumbnail=True, small=True)
    return Side(look_at(describer, seen, source), intake.describe(source), lambda: seen.thumbnail)


def compare(
    describer: Describer,
    read: Callable[[Any], Side],
    a: Any,
    b: Any,
    *,
    maps: Mapping[str, Map] = BUILT_IN_MAPS,
) -> Comparison:
    """Say how alike two pictures are, and their relation; the order matters to the direction of the transform alone.

    Args:
        read: Gives the side of a source.
        maps: What scores mean, by space.

    Raises:
        InputError: for a stored picture of which neither vectors nor pixels were kept.
    """
    began = time.perf_counter()
    sides = read(a), read(b)
    looks = sides[0].look, sides[1].look
    verdict = verdict_of(*looks, maps)
    if verdict is None:
        raise InputError(f"{sides[0].name} and {sides[1].name} have no vectors that could be compared.")
    relation, measured = verdict.relation, verdict.measured

    def explained() -> PairEvidence:
        missing = [side.name for side in sides if side.look.view is None]
        if missing or relation is None:
            raise InputError(f"nothing can be shown: the collection keeps no pixels of {' and '.join(missing)}.")
        return explain(*looks, relation, describer.embed)

    return Comparison(
        score=verdict.score,
        distance=round(measured.distance, 6),
        distances={space: round(distance, 6) for space, distance in measured.distances.items()},
        related=relation,
        elapsed_ms=round((time.perf_counter() - began) * 1000, 1),
        explained=explained,
        pictures=lambda: [_card(side) for side in sides],
    )


def _card(side: Side) -> Card:
    width, height = side.look.size_px
    return Card(side.thumbnail(), side.name, f"{width} x {height} px")
