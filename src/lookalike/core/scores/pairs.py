"""Pairs of stored records: their scores, the same that a search by the one gives for the other.

Signs are read for those pairs only whose score they can change: hashes and hues from AGREEING_SCORE, content hashes
where the distance is next to nothing, as it is for equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...distances import (
    AGREEING_SCORE,
    SAME_HASH_BITS,
    SAME_HASH_MOST,
    ScoreCurve,
    cosine_distances,
    distance_at,
    scores_of,
)
from ...records import Progress
from ..features.spaces import HASH_SPACE, HUE_SPACE

if TYPE_CHECKING:
    from ...arrays import F32, F64, I64, Bools
    from ...stores import Store
    from ..ingest.pipeline import OnProgress

_MEASURED = 512  # pairs whose signs are compared at once: they stay in the cache of a core
_NEAR_SHARE = 0.85  # of the time goes into finding near vectors, the rest into finding hashes that agree
_SLACK = 1e-6  # of distance: candidates may pass it, the score decides
_SAME_PICTURE = 1e-3  # of distance: equal bytes lie below, even when two versions of a decoder made the vectors


@dataclass(frozen=True, eq=False)
class ScoredPairs:
    """Some pairs of records, as columns: keys, keys, and (n,) float64 scores."""

    ours: I64
    theirs: I64
    scores: F64


@dataclass(frozen=True, eq=False)
class ScoredSpace:
    """The vectors of one space of a store, with the curve that makes scores of their distances."""

    store: Store
    name: str
    points: ScoreCurve


def score_pairs(store: Store, points: ScoreCurve, ours: I64, theirs: I64, distances: F32 | F64) -> F64:
    """Score pairs of records, key by key.

    Args:
        points: The map of the space whose distances these are.
        ours: (n,) int64, `theirs` alike.
        distances: (n,) between them.

    Returns:
        (n,) float64.
    """
    scores = scores_of(distances, points)
    high = np.flatnonzero(scores >= AGREEING_SCORE)
    if not len(high):
        return scores
    ours, theirs, near = ours[high], theirs[high], distances[high]
    scores[high] = scores_of(
        near,
        points,
        hash_bits=_distances(store, HASH_SPACE, ours, theirs),
        hue_distances=_distances(store, HUE_SPACE, ours, theirs),
        same_bytes=_same_bytes(store, ours, theirs, near),
    )
    return scores


def scored_pairs(
    store: Store,
    threshold: float,
    *,
    space: str,
    points: ScoreCurve,
    between: tuple[I64, I64] | None = None,
    on_progress: OnProgress | None = None,
) -> Iterator[ScoredPairs]:
    """Return all pairs of two records that reach the threshold, each once, in blocks.

    Args:
        between: Two sets of keys: give the pairs of one of the first with one of the second instead.

    Cost: that of `Store.pairs`, in the space and for the hashes.
    """
    total = store.count() if on_progress else 0

    def tell(share: float) -> None:
        if on_progress is not None:
            on_progress(Progress(int(share * total), total))

    reach = max(_SAME_PICTURE, distance_at(threshold, points)) + _SLACK
    for near in store.pairs(space, reach, between=between):
        yield _scored(store, threshold, points, near.ours, near.theirs, near.distances)
        tell(_NEAR_SHARE * near.share)
    agreeing = distance_at(AGREEING_SCORE, points) + _SLACK
    if threshold <= SAME_HASH_MOST and reach < agreeing:
        for alike in store.pairs(HASH_SPACE, SAME_HASH_BITS, between=between):
            distances = _distances(store, space, alike.ours, alike.theirs)
            lifted = (distances > np.float32(reach)) & (distances <= agreeing)
            yield _scored(store, threshold, points, alike.ours[lifted], alike.theirs[lifted], distances[lifted])
            tell(_NEAR_SHARE + (1 - _NEAR_SHARE) * alike.share)
    tell(1.0)


def scores_between(store: Store, points: ScoreCurve, space: str, key: int, others: Sequence[int]) -> F64:
    """Score one record with some others, (n,); NaN for those that have no vector."""
    theirs = np.array(others, np.int64)
    ours = np.full(len(theirs), key, np.int64)
    return score_pairs(store, points, ours, theirs, _distances(store, space, ours, theirs))


def likely(pairs: ScoredPairs, least: float, nearest: int) -> ScoredPairs:
    """Keep the pairs that score at least so much, and for each record the few nearest, with all that are as near."""
    ends = np.concatenate([pairs.ours, pairs.theirs])
    scores = np.tile(pairs.scores, 2)
    order = np.lexsort((-scores, ends))
    ends, scores = ends[order], scores[order]
    starts = np.flatnonzero(np.diff(ends, prepend=ends[:1] - 1))
    counts = np.diff(np.append(starts, len(ends)))
    last = np.repeat(starts + np.minimum(nearest, counts) - 1, counts)  # the place of the last that is near enough
    kept = pairs.scores >= least
    kept[order[scores >= scores[last]] % len(kept)] = True
    return ScoredPairs(pairs.ours[kept], pairs.theirs[kept], pairs.scores[kept])


def _scored(
    store: Store, threshold: float, points: ScoreCurve, ours: I64, theirs: I64, distances: F32 | F64
) -> ScoredPairs:
    scores = score_pairs(store, points, ours, theirs, distances)
    reaching = scores >= threshold
    return ScoredPairs(ours[reaching], theirs[reaching], scores[reaching])


def _distances(store: Store, space: str, ours: I64, theirs: I64) -> F64:
    """Return for each pair the distance of their signs in a space; NaN where one has none."""
    signs = _signs(store, space, np.append(ours, theirs))
    out = np.full(len(ours), np.nan)
    if not signs:
        return out
    held = np.fromiter(signs, np.int64)
    rows = np.stack(list(signs.values()))
    order = np.argsort(held)
    places = [np.minimum(np.searchsorted(held, keys, sorter=order), len(held) - 1) for keys in (ours, theirs)]
    a, b = (order[place] for place in places)
    known = (held[a] == ours) & (held[b] == theirs)
    for chosen in np.array_split(np.flatnonzero(known), len(ours) // _MEASURED + 1):
        out[chosen] = _differences(rows[a[chosen]], rows[b[chosen]])
    return out


def _differences(a: Any, b: Any) -> Any:
    return np.unpackbits(a ^ b, axis=1).sum(axis=1) if a.dtype == np.uint8 else cosine_distances(a, b)


def _signs(store: Store, space: str, keys: I64) -> Mapping[int, Any]:
    return store.vectors(space, np.unique(keys).tolist())


def _same_bytes(store: Store, ours: I64, theirs: I64, distances: Any) -> Bools:
    same: Bools = ours == theirs
    near = np.flatnonzero((distances <= _SAME_PICTURE) & ~same)
    if len(near):
        records = store.records(np.union1d(ours[near], theirs[near]).tolist())
        hashes = {key: record.content_hash or f"no bytes: {key}" for key, record in records.items()}
        pairs = zip(ours[near].tolist(), theirs[near].tolist(), strict=True)
        same[near] = [a in hashes and hashes[a] == hashes.get(b) for a, b in pairs]
    return same
