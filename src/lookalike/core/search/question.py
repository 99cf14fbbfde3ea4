"""The question: examples made into a probe, and the conditions of a search, checked.

How the conditions work together, in this order:

1. `filter`, `max_distance` and `threshold` say which records match. With `tags` the score is mixed, and the
   threshold is a floor on that; `max_distance` is always about the picture alone.
2. All that match are ranked by score, then distance, then id.
3. `collapse` walks down the ranking and leaves out near-duplicates of a better match.
4. `group_by` leaves the best match of each group; of a group, near-duplicates are gone already.
5. `diversity` takes the first of what is left as its pool and picks from it.
6. `limit` counts what is shown; `cursor` goes on behind it.

What contradicts itself is refused: `members` without groups, or with `collapse`, which would leave them out; a
`tag_weight` without tags; a `cursor` with `diversity`, whose answer is one selection and has no second page.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ... import intake
from ...distances import COPY_SCORE, Map, score_at
from ...errors import InputError
from ...filters import Filter, parse_filter
from ...limits import check_count, check_unit
from ..features.spaces import HASH_SPACE, HUE_SPACE
from ..ingest.items import check_tags

if TYPE_CHECKING:
    from ...arrays import F32, U8, Vectors

NEAR_DUPLICATE_SCORE = COPY_SCORE
# Where geometry decides: 97 of 100 copies reach the first beside their original; above the second there are few others.
CANDIDATE_SCORE, LIKELY_SCORE = 0.5, 0.8
MAX_MEMBERS = 1000
MAX_VERIFIED = 1000  # each takes about 20 ms
VERIFIED = 100  # in a matching collection, when nobody says how many
MAX_COLLAPSED = 10_000  # matches on a page without near-duplicates: each is compared with all before it
MAX_DIVERSE = 1000  # matches of a diverse selection: its time grows with their square
_TAG_WEIGHT = 0.3  # the picture leads; tags decide between pictures that are about as near
_UNLIKE_WEIGHT = 0.5  # how far a counter-example pushes away, of what an example pulls (Rocchio's usual 1 : 0.5)


Examples = Sequence[tuple[Any, float]]  # sources with their weights


@dataclass(frozen=True, eq=False)
class Probe:
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


@dataclass(frozen=True)
class Question:
    """The conditions of a search, checked; made by `ask`.

    Attributes:
        limit: Matches (or groups) that are wanted.
        threshold: Floor on the score, inclusive.
        max_distance: Ceiling on the distance, inclusive.
        group_by: Metadata field whose values make the groups.
        members: How many others of each group are wanted.
        tags: Tags that a record is compared with; empty when the picture alone counts.
        tag_weight: What their overlap counts in the score, 0..1; the picture counts the rest.
        diversity: 0 for the ranking as it is, 1 for the least alike.
        collapse: Score from which a record is a near-duplicate of a better match and left out; None to keep all.
        exact: Whether the store may take no approximate index.
        verify: How many of the first matches geometry looks at, scores, and puts in order anew.
    """

    limit: int
    threshold: float | None = None
    max_distance: float | None = None
    filter: Filter | None = None
    group_by: str | None = None
    members: int = 0
    tags: frozenset[str] = frozenset()
    tag_weight: float = 0.0
    diversity: float = 0.0
    collapse: float | None = None
    exact: bool = False
    verify: int = 0

    def digest(self, collection: str, probe: Probe) -> bytes:
        """Give 12 bytes that tell the ranking of this question from all others; page size and members are free."""
        conditions = (
            *(collection, probe.content_hash, self.threshold, self.max_distance),
            *(self.filter and self.filter.text, self.group_by, self.collapse, sorted(self.tags), self.tag_weight),
            *(self.exact, self.verify),
        )
        told = hashlib.sha256(repr(conditions).encode())
        for part in (probe.vector, probe.hash, probe.hues):
            told.update(b"none" if part is None else part.tobytes())
        return told.digest()[:12]


def filter_of(given: Mapping[str, Any] | str | Filter | None) -> Filter | None:
    """Give a filter of what a caller may pass for one.

    Raises:
        FilterError: naming the place that is wrong.
    """
    return given if given is None or isinstance(given, Filter) else parse_filter(given)


def ask(
    *,
    limit: int,
    max_limit: int,
    threshold: float | None = None,
    max_distance: float | None = None,
    filter: Mapping[str, Any] | str | Filter | None = None,
    group_by: str | None = None,
    members: int = 0,
    tags: Iterable[str] | None = None,
    tag_weight: float | None = None,
    diversity: float = 0.0,
    collapse: bool | float = False,
    exact: bool = False,
    verify: int = 0,
    has_cursor: bool = False,
) -> Question:
    """Check the conditions of a search.

    Raises:
        InputError: for a value out of range, and for conditions that contradict each other.
    """
    check_count("limit", limit, least=1, most=max_limit)
    check_unit("threshold", threshold)
    _check_distance(max_distance)
    _check_groups(group_by, members, collapse)
    if tags is None and tag_weight is not None:
        raise InputError("tag_weight stands without tags: pass the tags=[...] that it weighs.")
    named = frozenset() if tags is None else frozenset(check_tags(tags))
    if tags is not None and not named:
        raise InputError("tags=[] holds no tag to compare with: name at least one, or leave tags out.")
    _check_share("tag_weight", tag_weight)
    _check_share("diversity", diversity)
    if diversity and limit > MAX_DIVERSE:
        raise InputError(f"limit={limit} is out of range: a diverse selection holds at most {MAX_DIVERSE} matches.")
    check_count("verify", verify, least=0, most=MAX_VERIFIED)
    if diversity and has_cursor:
        raise InputError("diversity gives one selection without further pages: leave the cursor out, or ask for more.")
    if not isinstance(collapse, bool):
        check_unit("collapse", collapse)
    if collapse is not False and limit > MAX_COLLAPSED:
        raise InputError(
            f"limit={limit} is out of range: with collapse a page holds at most {MAX_COLLAPSED} matches, since each is "
            f"compared with all before it. A cursor goes on behind them."
        )
    return Question(
        limit=limit,
        threshold=threshold,
        max_distance=max_distance,
        filter=filter_of(filter),
        group_by=group_by,
        members=members,
        tags=named,
        tag_weight=0.0 if not named else _TAG_WEIGHT if tag_weight is None else float(tag_weight),
        diversity=float(diversity),
        collapse=(NEAR_DUPLICATE_SCORE if collapse else None) if isinstance(collapse, bool) else float(collapse),
        exact=bool(exact),
        verify=verify,
    )


def floor_of(threshold: float | None, precision: float, reliability: Map | None) -> float:
    """Give the floor on the score from which a match is right with a wanted chance.

    Args:
        threshold: What was given beside it, which has to be nothing.
        reliability: The curve of the space that ranks; None where none is known.

    Raises:
        InputError: when both are given, or the precision is out of range or its threshold not known.
    """
    if threshold is not None:
        raise InputError("threshold and precision are both given: pass one; the precision is turned into a threshold.")
    _check_share("precision", precision)
    if reliability is None:
        raise InputError(
            "precision is not known for scores by colors: pass a threshold, or calibrate the collection by labels "
            "(`lookalike evaluate --label FIELD --calibrate`)."
        )
    return score_at(precision, reliability)


def probe_of(vectors: Vectors, space: str, content_hash: str) -> Probe:
    """Make the probe of one example from its vectors."""
    found: Mapping[str, Any] = vectors
    return Probe(found[space], found.get(HASH_SPACE), found.get(HUE_SPACE), content_hash)


def mix(like: Sequence[tuple[F32, float]], unlike: Sequence[tuple[F32, float]]) -> Probe:
    """Make the probe of several examples: their mean, pushed away from the mean of the counter-examples.

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
    return Probe((vector / norm).astype(np.float32))


def listed(given: Any, name: str) -> list[tuple[Any, float]]:
    """Give examples with their weights: a single one may come bare, and without a weight counts 1.

    Raises:
        InputError: for a weight that is not above 0.
    """
    if given is None:
        return []
    is_single = not isinstance(given, list | tuple) or _has_weight(given)
    return [_weighted(one, name) for one in ([given] if is_single else given)]


def stored_id(source: Any) -> str | None:
    """Give the id that an example names, as "id:17" does; None when it is a picture itself."""
    return source[3:] if isinstance(source, str) and source.startswith("id:") else None


def asked(
    question: Question, like: Examples, unlike: Examples, crop: tuple[int, int, int, int] | None
) -> dict[str, Any]:
    """Give what was asked in plain values, without what was not given."""
    weights = {"weights": [weight for _, weight in like], "unlike_weights": [weight for _, weight in unlike]}
    told = {
        "like": [_shown(source) for source, _ in like],
        "unlike": [_shown(source) for source, _ in unlike],
        **{name: row for name, row in weights.items() if set(row) - {1.0}},
        "limit": question.limit,
        "threshold": question.threshold,
        "max_distance": question.max_distance,
        "group_by": question.group_by,
        "members": question.members or None,
        "tags": sorted(question.tags),
        "tag_weight": question.tag_weight if question.tags else None,
        "diversity": question.diversity or None,
        "collapse": question.collapse,
        "filter": question.filter.text if question.filter else None,
        "crop": list(crop) if crop else None,
        "exact": question.exact or None,
        "verify": question.verify or None,
    }
    return {name: value for name, value in told.items() if value is not None and value != []}


def _shown(source: Any) -> str:
    return source if isinstance(source, str) and stored_id(source) is not None else intake.describe(source)


def _weighted(given: Any, name: str) -> tuple[Any, float]:
    if not _has_weight(given):
        return given, 1.0
    source, weight = given
    if not (math.isfinite(weight) and weight > 0):
        raise InputError(f"a weight of {weight} in {name} is out of range: pass a number above 0.")
    return source, float(weight)


def _has_weight(given: Any) -> bool:
    if not (isinstance(given, tuple) and len(given) == 2):
        return False
    return isinstance(given[1], int | float) and not isinstance(given[1], bool)


def _mean(weighted: Sequence[tuple[F32, float]]) -> Any:
    import numpy as np

    vectors, weights = zip(*weighted, strict=True)
    return np.average(np.stack(vectors), axis=0, weights=weights)


def _check_distance(value: float | None) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"max_distance={value!r} is no number: pass a distance of 0 or more.")
    if not value >= 0:
        raise InputError(f"max_distance={value} is out of range: a distance is 0 or more.")


def _check_groups(group_by: str | None, members: int, collapse: bool | float) -> None:
    if group_by is not None and not (isinstance(group_by, str) and group_by):
        raise InputError(f"group_by={group_by!r} names no field: pass a metadata field, such as product_id.")
    check_count("members", members, least=0, most=MAX_MEMBERS)
    if members and group_by is None:
        raise InputError("members are those of a group: pass group_by, too.")
    if members and collapse is not False:
        raise InputError("members would show what collapse leaves out: pass one of the two.")


def _check_share(name: str, value: float | None) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise InputError(f"{name}={value!r} is no number: pass a share from 0 to 1, such as 0.3.")
    if not 0 <= value <= 1:
        raise InputError(f"{name}={value:g} is out of range: it is a share from 0 to 1.")
