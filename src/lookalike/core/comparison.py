"""The comparison of two pictures: how alike they are, and what they are to each other."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from .. import intake
from ..rendering import Card
from .explaining import explain
from .relations import relate
from .results import Comparison
from .scoring import pair_score
from .verifying import look_at

if TYPE_CHECKING:
    from .describer import Describer, Description


def compare(describer: Describer, a: Any, b: Any) -> Comparison:
    """Say how alike two pictures are, and their relation; the order matters to the direction of the transform alone.

    Raises:
        SourceError: when one of them cannot be read.
    """
    began = time.perf_counter()
    seen = [describer.describe(source, thumbnail=True, small=True) for source in (a, b)]
    looks = [look_at(describer, one, source) for one, source in zip(seen, (a, b), strict=True)]
    same = looks[0].content_hash == looks[1].content_hash
    scored = pair_score(looks[0].vectors, looks[1].vectors, same_bytes=same)
    relation = relate(*looks)
    assert scored, "descriptions share the spaces of their encoder"
    assert relation, "and so they have a relation, by their score at least"
    return Comparison(
        score=scored.score,
        distance=round(scored.distance, 6),
        distances={space: round(distance, 6) for space, distance in scored.distances.items()},
        related=relation,
        elapsed_ms=round((time.perf_counter() - began) * 1000, 1),
        explained=lambda: explain(looks[0], looks[1], relation, describer.embed),
        pictures=lambda: [_card(one, source) for one, source in zip(seen, (a, b), strict=True)],
    )


def _card(seen: Description, source: Any) -> Card:
    width, height = seen.size_px
    return Card(seen.thumbnail, intake.describe(source), f"{width} x {height} px")
