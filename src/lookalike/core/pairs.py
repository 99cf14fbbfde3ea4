"""Pairs of stored records: their scores, the same that a search by the one gives for the other.

Signs are read for those pairs only whose score they can change: hashes and hues from AGREEING_SCORE, content hashes
where the distance is next to nothing, as it is for equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..distances import (
    AGREEING_SCORE,
    SAME_HASH_BITS,
    SAME_HASH_MOST,
    Map,
    cosine_distances,
    distance_at,
    scores_of,
)
from ..values import Progress
from .spaces import HASH_SPACE, HUE_SPACE

if TYPE_CHECKING:
    from ..stores import Store
    from ..values import F32, F64, I64, Bools
    from .ingest import OnProgress

_BLOCK = 256  # records whose neighbors are asked for at once
_FIRST_K = 32  # neighbors asked for at first; a record with more is asked again
_SLACK = 1e-6  # of distance: candidates may pass it, the score decides
_SAME_PICTURE = 1e-3  # of distance: equal bytes lie below, even when two versions of a decoder made the vectors


def score_pairs(store: Store, points: Map, ours: I64, theirs: I64, distances: F32 | F64) -> F64:
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
        hash_bits=_between(store, HASH_SPACE, ours, theirs),
        hue_distances=_between(store, HUE_SPACE, ours, theirs),
        same_bytes=_same_bytes(store, ours, theirs, near),
    )
    return scores


def scored_pairs(
    store: Store, threshold: float, *, space: str, points: Map, on_progress: OnProgress | None = None
) -> Iterator[tuple[int, int, float]]:
    """Give (key, key, score) of all pairs of two records that reach the threshold; most of them both ways round.

    Cost: one search for each record; memory for one block of records and their pairs.
    """
    total, done = store.count(), 0
    reach = max(0.0, distance_at(threshold, points)) + _SLACK  # equal bytes lie at 0, and score 1.0 all the same
    for keys, vectors in store.scan_vectors(space, batch=_BLOCK):
        floats: Any = vectors
        near = _near(store, space, keys, floats, reach)
        alike = _alike(store, space, keys, floats, threshold)
        ours, theirs = np.append(near[0], alike[0]), np.append(near[1], alike[1])
        distances = np.append(near[2], alike[2])
        scores = score_pairs(store, points, ours, theirs, distances)
        chosen = (scores >= threshold) & (ours != theirs)
        yield from zip(ours[chosen].tolist(), theirs[chosen].tolist(), scores[chosen].tolist(), strict=True)
        done += len(keys)
        if on_progress is not None:
            on_progress(Progress(done, total))


def _near(store: Store, space: str, keys: I64, vectors: Any, reach: float) -> tuple[I64, I64, F32]:
    """Give all pairs of these records within a distance: (keys, keys, distances).

    Few neighbors are asked for first, and more for the rows that have more: most records have no duplicates.
    """
    found = store.neighbors(space, vectors, _FIRST_K, max_distance=reach)
    ours, theirs, distances = [], [], []
    for row, count in enumerate(found.counts.tolist()):
        others, far, k = found.keys[row], found.distances[row], _FIRST_K
        while count == k:
            k *= 8
            more = store.neighbors(space, vectors[row : row + 1], k, max_distance=reach)
            others, far, count = more.keys[0], more.distances[0], int(more.counts[0])
        ours.append(np.full(count, keys[row]))
        theirs.append(others[:count])
        distances.append(far[:count])
    return np.concatenate(ours), np.concatenate(theirs), np.concatenate(distances)


def _alike(store: Store, space: str, keys: I64, vectors: Any, threshold: float) -> tuple[I64, I64, F32]:
    """Give the pairs whose hashes agree, where that alone reaches the threshold."""
    none = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
    if threshold > SAME_HASH_MOST:
        return none
    hashes: Mapping[int, Any] = store.vectors(HASH_SPACE, keys.tolist())
    if not hashes:
        return none
    held = np.fromiter(hashes, np.int64)
    ours, theirs, _ = _near(store, HASH_SPACE, held, np.stack(list(hashes.values())), SAME_HASH_BITS)
    ours, theirs = ours[ours != theirs], theirs[ours != theirs]
    columns = _signs(store, space, theirs)
    distances = np.full(len(ours), np.nan, np.float32)
    for key, vector in zip(keys.tolist(), vectors, strict=True):
        places = [place for place in np.flatnonzero(ours == key).tolist() if int(theirs[place]) in columns]
        if places:
            distances[places] = cosine_distances(vector, np.stack([columns[int(theirs[place])] for place in places]))
    known = ~np.isnan(distances)
    return ours[known], theirs[known], distances[known]


def _between(store: Store, space: str, ours: I64, theirs: I64) -> F64:
    """Give for each pair the distance of their signs in a space; NaN where one has none."""
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
    a, b = a[known], b[known]
    if rows.dtype == np.uint8:
        out[known] = np.unpackbits(rows[a] ^ rows[b], axis=1).sum(axis=1)
    else:
        out[known] = cosine_distances(rows[a], rows[b])
    return out


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
