"""Greedy groups: records around centers, made while scored pairs come in.

Records stand in an order. Each joins the first center before it that it makes a pair with; who finds none is a center.
In the order of preference that is the same as to let the most preferred record take all its neighbors, then
the best of what is left, and so on; but it needs a record's pairs with better ones alone, and no others' later.

Where a judge looks at pictures, a record that makes a pair with a member is brought before that member's center, too:
a copy of a copy may score little beside the original. It joins as a copy of the center itself, so nothing chains.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from ..relations.copy_judge import ScoredMember
from ..scores.pairs import ScoredPairs

if TYPE_CHECKING:
    from ...arrays import F64, I64

ScoresOf: TypeAlias = "Callable[[int, Sequence[int]], F64]"  # of one record with some others

_AT_ONCE = 1 << 16  # pairs that are Python's own numbers at a time
_JUDGED_AT_ONCE = 256  # pairs that a judge is told of ahead


class Judge(Protocol):
    """Decides whether a record is a copy of a center."""

    def prepare(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Take note of pairs, most of which will be asked for, so that they can be looked at side by side."""
        ...

    def member_of(self, center: int, key: int, score: float) -> ScoredMember | None:
        """Return a record that is a copy of a center as a member around it; None for what is not a copy.

        Args:
            score: Of the two, by their vectors.
        """
        ...

    def are_apart(self, key: int, others: Sequence[int]) -> bool:
        """Return whether a record must not be shown together with one of some others."""
        ...

    def is_part(self, key: int, other: int) -> bool:
        """Return whether a record shows a part of another, which it is a copy of."""
        ...

    def is_padded(self, key: int, other: int) -> bool:
        """Return whether a record shows another, which it is a copy of, with a border or a page around it."""
        ...


class GreedyGroups:
    """Stars that grow; `members` are the records that have joined each center, by key."""

    def __init__(
        self, order: I64, judge: Judge | None = None, *, scores_of: ScoresOf | None = None, floor: float = 0.0
    ) -> None:
        """Begin with centers alone.

        Args:
            order: (n,) keys, those first that shall be centers.
            scores_of: Given, records are brought before the centers of members, where they score at least `floor`.
        """
        self.order, self._judge = order, judge
        self._scores_of, self._floor = scores_of, floor
        self.members: dict[int, list[ScoredMember]] = defaultdict(list)
        self._by_key = np.argsort(order)
        self._center_of = np.arange(len(order))  # places

    def centers(self, start: int, stop: int) -> I64:
        """Return the keys of the centers among some places of the order."""
        places = np.arange(start, min(stop, len(self.order)))
        chosen: I64 = self.order[places[self._center_of[places] == places]]
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
        better, worse, scores = better[rising], worse[rising], scores[rising]
        at_once = _AT_ONCE if self._judge is None else _JUDGED_AT_ONCE
        for start in range(0, len(rising), at_once):
            some = slice(start, start + at_once)
            self._prepare(better[some], worse[some])
            asked: set[tuple[int, int]] = set()
            for center, place, score in zip(
                better[some].tolist(), worse[some].tolist(), scores[some].tolist(), strict=True
            ):
                self._bring(center, place, score, asked)
            if tell is not None:
                tell(min(1.0, (start + at_once) / len(rising)))

    def _bring(self, member: int, place: int, score: float, asked: set[tuple[int, int]]) -> None:
        """Bring a record before the center of a member, which may be the member itself."""
        center = int(self._center_of[member])
        if self._center_of[place] != place or (center, place) in asked:
            return
        best, key = int(self.order[center]), int(self.order[place])
        if center != member:
            if self._scores_of is None:
                return
            score = float(self._scores_of(best, [key])[0])
            if not score >= self._floor:
                return
        asked.add((center, place))
        copy = ScoredMember(key, score) if self._judge is None else self._judge.member_of(best, key, score)
        if copy is None:
            return
        members = self.members[best]
        if self._judge is None or not self._judge.are_apart(key, [one.key for one in members]):
            members.append(copy)
            self._center_of[place] = center

    def _prepare(self, better: I64, worse: I64) -> None:
        """Announce to the judge the first center that each record may join; most are asked for no other."""
        if self._judge is None:
            return
        centers = self._center_of[better]
        may_join = self._center_of[worse] == worse
        if self._scores_of is None:
            may_join &= centers == better
        free = np.flatnonzero(may_join)
        _, first = np.unique(worse[free], return_index=True)
        chosen = free[first]
        keys, others = self.order[centers[chosen]].tolist(), self.order[worse[chosen]].tolist()
        self._judge.prepare(list(zip(keys, others, strict=True)))

    def _places(self, keys: I64) -> I64:
        """Return the place of each key in the order; -1 for those that are not there."""
        if not len(self.order):
            return np.full(len(keys), -1)
        found = np.searchsorted(self.order, keys, sorter=self._by_key)
        places = self._by_key[np.minimum(found, len(self.order) - 1)]
        return np.where(self.order[places] == keys, places, -1)
