"""Stars: groups of records around those with the best claims, made while scored pairs come in.

Records stand in the order of their claims. Each joins the first before it that it makes a pair with and that has joined
none itself; who finds none is a center. That is the same as to let the best claim take all its neighbors, then the best
of what is left, and so on; but it needs a record's pairs with better ones alone, and no others' later.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from .pairs import ScoredPairs

if TYPE_CHECKING:
    from ..values import I64

_AT_ONCE = 1 << 16  # pairs that are Python's own numbers at a time
_JUDGED_AT_ONCE = 256  # pairs that a judge is told of ahead


class Judge(Protocol):
    """Says whether a record is a copy of a center."""

    def prepare(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Take note of pairs, most of which will be asked for, so that they can be looked at side by side."""
        ...

    def relation(self, center: int, key: int, score: float) -> str | None:
        """Give the relation of a record to a center; "" for a copy of no known relation, None for no copy."""
        ...


@dataclass(frozen=True)
class Ray:
    """A record that has joined a center: its key, and its score and relation to the center, "" where not known."""

    key: int
    score: float
    relation: str


class Stars:
    """Stars that grow; `rays` are the records that have joined each center, by key."""

    def __init__(self, order: I64, judge: Judge | None = None) -> None:
        """Begin with centers alone.

        Args:
            order: (n,) keys, the best claim first.
        """
        self.order, self._judge = order, judge
        self.rays: dict[int, list[Ray]] = defaultdict(list)
        self._by_key = np.argsort(order)
        self._is_center = bytearray(b"\1" * len(order))

    def centers(self, start: int, stop: int) -> I64:
        """Give the keys of the centers among some places of the order."""
        chosen: I64 = self.order[start:stop][np.frombuffer(self._is_center, bool)[start:stop]]
        return chosen

    def take(self, pairs: ScoredPairs, tell: Callable[[float], None] | None = None) -> None:
        """Let records join centers.

        Args:
            pairs: In any order, either way round, also twice. Over several calls, a record's pairs come by rising
                place of the better one, and after all pairs of that one with its own betters. Pairs of keys that are
                not in the order are passed over.
            tell: Called with the share that is done, while it goes on.
        """
        a, b = self._places(pairs.ours), self._places(pairs.theirs)
        known = np.flatnonzero((a >= 0) & (b >= 0) & (a != b))
        better, worse, scores = np.minimum(a, b)[known], np.maximum(a, b)[known], pairs.scores[known]
        rising = np.lexsort((better, worse))
        is_new = (np.diff(better[rising], prepend=-1) != 0) | (np.diff(worse[rising], prepend=-1) != 0)
        rising = rising[is_new]
        at_once = _AT_ONCE if self._judge is None else _JUDGED_AT_ONCE
        for start in range(0, len(rising), at_once):
            some = rising[start : start + at_once]
            self._prepare(better[some], worse[some])
            for center, place, score in zip(
                better[some].tolist(), worse[some].tolist(), scores[some].tolist(), strict=True
            ):
                if self._is_center[center] and self._is_center[place]:
                    self._join(center, place, score)
            if tell is not None:
                tell(min(1.0, (start + at_once) / len(rising)))

    def _join(self, center: int, place: int, score: float) -> None:
        best, key = int(self.order[center]), int(self.order[place])
        relation = "" if self._judge is None else self._judge.relation(best, key, score)
        if relation is None:
            return
        self.rays[best].append(Ray(key, score, relation))
        self._is_center[place] = False

    def _prepare(self, better: I64, worse: I64) -> None:
        """Tell the judge the first center that each record may join; most are asked for no other."""
        if self._judge is None:
            return
        are_centers = np.frombuffer(self._is_center, bool)
        free = np.flatnonzero(are_centers[better] & are_centers[worse])
        _, first = np.unique(worse[free], return_index=True)
        chosen = free[first]
        centers, others = self.order[better[chosen]].tolist(), self.order[worse[chosen]].tolist()
        self._judge.prepare(list(zip(centers, others, strict=True)))

    def _places(self, keys: I64) -> I64:
        """Give the place of each key in the order; -1 for those that are not there."""
        if not len(self.order):
            return np.full(len(keys), -1)
        found = np.searchsorted(self.order, keys, sorter=self._by_key)
        places = self._by_key[np.minimum(found, len(self.order) - 1)]
        return np.where(self.order[places] == keys, places, -1)
