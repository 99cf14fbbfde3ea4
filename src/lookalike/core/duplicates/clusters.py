"""Clusters: records that chains of pairs join, found by union-find while the pairs stream by."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from ...distances import ScoreCurve
from ..scores.pairs import scored_pairs
from ..scores.unions import root

if TYPE_CHECKING:
    from ...stores import Store
    from ..ingest.pipeline import OnProgress

_READ = 1000


def find_clusters(
    store: Store, threshold: float, *, space: str, points: ScoreCurve, on_progress: OnProgress | None = None
) -> tuple[tuple[str, ...], ...]:
    """Return the ids of each cluster of two records or more, sorted; the largest first, then by their first id."""
    parents: dict[int, int] = {}
    for block in scored_pairs(store, threshold, space=space, points=points, on_progress=on_progress):
        for key, other in zip(block.ours.tolist(), block.theirs.tolist(), strict=True):
            ours, theirs = root(parents, key), root(parents, other)
            parents[max(ours, theirs)] = min(ours, theirs)
    members: dict[int, list[str]] = defaultdict(list)
    keys = list(parents)
    for start in range(0, len(keys), _READ):
        for key, record in store.records(keys[start : start + _READ]).items():  # those that are whole
            members[root(parents, key)].append(record.id)
    clusters = [tuple(sorted(ids)) for ids in members.values() if len(ids) > 1]
    return tuple(sorted(clusters, key=lambda ids: (-len(ids), ids)))
