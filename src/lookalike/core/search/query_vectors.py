"""Examples converted into query vectors."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ... import intake
from ...arguments import plain
from ...errors import InputError
from ..features.spaces import HASH_SPACE, HUE_SPACE

if TYPE_CHECKING:
    from ...arrays import F32, U8, Vectors
    from ...pictures import Source
    from ...query import Query

_UNLIKE_WEIGHT = 0.5  # how far a counter-example pushes away, of what an example pulls (Rocchio's usual 1 : 0.5)

Examples: TypeAlias = "Sequence[tuple[Source, float]]"  # with their weights


@dataclass(frozen=True, eq=False)
class QueryVector:
    """What the store is asked: a vector in the space that ranks, and the signs of the very same picture.

    Attributes:
        vector: (d,) float32 of unit length.
        hash: (8,) uint8, or None for several examples or a flat picture.
        hues: (12,) float32 of unit length, or None for several examples or a gray picture.
    """

    vector: F32
    hash: U8 | None = None
    hues: F32 | None = None
    content_hash: str = ""


def query_vector_of(vectors: Vectors, space: str, content_hash: str) -> QueryVector:
    """Make the query vector of one example from its vectors."""
    found: Mapping[str, Any] = vectors
    return QueryVector(found[space], found.get(HASH_SPACE), found.get(HUE_SPACE), content_hash)


def mix(like: Sequence[tuple[F32, float]], unlike: Sequence[tuple[F32, float]]) -> QueryVector:
    """Make the query vector of several examples: their mean, pushed away from the mean of the counter-examples.

    Args:
        like: One or more (d,) float32 of unit length, each with its weight above 0.
        unlike: Any number of the same.

    Raises:
        InputError: when the examples cancel each other out.

    Source: J. Rocchio, "Relevance feedback in information retrieval", 1971.
    """
    import numpy as np

    vector = _mean(like)
    if unlike:
        vector = vector - _UNLIKE_WEIGHT * _mean(unlike)
    norm = float(np.linalg.norm(vector))
    if norm < 1e-6:
        raise InputError("the examples cancel each other out: no direction is left to search in. Take one away.")
    return QueryVector((vector / norm).astype(np.float32))


def source_of(given: Any) -> Source:
    """Return the source that an example is: a picture, or a stored one as "id:17" names it."""
    return intake.source_of(given, stored=True)


def listed(given: Any, name: str) -> list[tuple[Source, float]]:
    """Return examples with their weights: a single one may come bare, and without a weight counts 1.

    Raises:
        InputError: for a weight that is not above 0.
    """
    if given is None:
        return []
    is_single = not isinstance(given, list | tuple) or _has_weight(given)
    return [_weighted(one, name) for one in ([given] if is_single else given)]


def _weighted(given: Any, name: str) -> tuple[Source, float]:
    if not _has_weight(given):
        return source_of(given), 1.0
    source, weight = given
    if not (math.isfinite(weight) and weight > 0):
        raise InputError(f"a weight of {weight:g} in `{name}` is out of range: pass a number above 0.")
    return source_of(source), float(weight)


def _has_weight(given: Any) -> bool:
    if not (isinstance(given, tuple) and len(given) == 2):
        return False
    weight = plain(given[1])
    return isinstance(weight, int | float) and not isinstance(weight, bool)


def _mean(weighted: Sequence[tuple[F32, float]]) -> Any:
    import numpy as np

    vectors = np.stack([vector for vector, _ in weighted])
    weights = np.array([weight for _, weight in weighted], np.float64)
    weights /= weights.max()  # so that their sum is finite
    return (vectors * weights[:, None]).sum(axis=0) / weights.sum()  # np.average takes five times as long


def digest_of(query: Query, collection: str, query_vector: QueryVector) -> bytes:
    """Return 12 bytes that tell the ranking of a query from all others; page size and members are free."""
    told = hashlib.sha256(
        repr((collection, query_vector.content_hash, *query.ranking)).encode("utf-8", "surrogatepass")
    )
    for part in (query_vector.vector, query_vector.hash, query_vector.hues):
        told.update(b"none" if part is None else part.tobytes())
    return told.digest()[:12]
