"""The comparison of two pictures: both descriptors and the hashes, scored by the stronger statement."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from .. import intake
from ..distances import cosine_distance, score_map, score_of
from ..rendering import Card
from .results import Comparison
from .spaces import HASH_SPACE, HUE_SPACE

if TYPE_CHECKING:
    from .describer import Describer, Description


def compare(describer: Describer, a: Any, b: Any) -> Comparison:
    """Say how alike two pictures are; the order does not matter.

    Raises:
        SourceError: when one of them cannot be read.
    """
    began = time.perf_counter()
    seen = (describer.describe(a, thumbnail=True), describer.describe(b, thumbnail=True))
    ours, theirs = (description.vectors for description in seen)
    same = seen[0].content_hash == seen[1].content_hash
    bits = _bits(ours.get(HASH_SPACE), theirs.get(HASH_SPACE))
    hues = [vectors.get(HUE_SPACE) for vectors in (ours, theirs)]
    hue_distance = None if hues[0] is None or hues[1] is None else cosine_distance(*hues)  # type: ignore[arg-type]
    distances: dict[str, float] = {}
    best = (-1.0, 0.0)
    for space in describer.card.spaces:
        distance = cosine_distance(ours[space], theirs[space])  # type: ignore[arg-type]
        distances[space] = round(distance, 6)
        score = score_of(distance, score_map(space), hash_bits=bits, hue_distance=hue_distance, same_bytes=same)
        best = max(best, (score, -distance))
    return Comparison(
        score=best[0],
        distance=round(-best[1], 6),
        distances=distances,
        relation="identical" if same else None,
        elapsed_ms=round((time.perf_counter() - began) * 1000, 1),
        pictures=lambda: [_card(one, source) for one, source in zip(seen, (a, b), strict=True)],
    )


def _bits(ours: Any, theirs: Any) -> int | None:
    if ours is None or theirs is None:
        return None
    return sum((int(x) ^ int(y)).bit_count() for x, y in zip(ours, theirs, strict=True))


def _card(seen: Description, source: Any) -> Card:
    width, height = seen.size_px
    return Card(seen.thumbnail, intake.describe(source), f"{width} x {height} px")
