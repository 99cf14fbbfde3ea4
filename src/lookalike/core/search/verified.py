"""The first rows of a ranking in the order of their verdicts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..relations.verdicts import Verdict
from .ranking import mixed_scores

if TYPE_CHECKING:
    from ...arrays import F64
    from .ranking import Ranking


class Verified:
    """The verdicts on the first rows of a ranking.

    Attributes:
        verdicts: What is known so far, by key.
        looked_at: How many records were looked at, over all calls.
        spent_s: The time that it took.
    """

    def __init__(self, judge: Callable[[Sequence[int]], Mapping[int, Verdict]], most: int) -> None:
        self.verdicts: dict[int, Verdict] = {}
        self.looked_at, self.spent_s = 0, 0.0
        self._judge, self._most = judge, most

    def scored(self, ranking: Ranking, *, tag_weight: float = 0.0) -> Ranking:
        """Look at the first rows, score them by what was found, and put them in that order.

        No row behind the first ones comes before them: it scores as the last of them at most.

        Args:
            tag_weight: The share of the tags in the score, where there are tags.
        """
        count = min(self._most, len(ranking.keys))
        self._look_at([key for key in ranking.keys[:count].tolist() if key not in ranking.same])
        known = [self.verdicts.get(key) for key in ranking.keys[:count].tolist()]
        visual = verified_scores(ranking.visual, known)
        scores = mixed_scores(visual, ranking.overlaps, tag_weight)
        if count < len(scores) and count:
            scores[count:] = np.minimum(scores[count:], scores[:count].min())
        first = np.lexsort((np.arange(count), ranking.distances[:count], -scores[:count]))
        rows = np.append(first, np.arange(count, len(scores)))
        columns = {name: getattr(ranking, name)[rows] for name in ("keys", "distances", "overlaps")}
        return replace(ranking, scores=scores[rows], visual=visual[rows], **columns)

    def _look_at(self, keys: Sequence[int]) -> None:
        missing = [key for key in keys if key not in self.verdicts]
        if missing:
            began = time.perf_counter()
            self.verdicts.update(self._judge(missing))
            self.looked_at += len(missing)
            self.spent_s += time.perf_counter() - began


def verified_scores(scores: F64, known: Sequence[Verdict | None]) -> F64:
    """Put the scores of verdicts on the first rows, (n,); what nobody could look at keeps that of the descriptors."""
    found = scores.copy()
    for row, verdict in enumerate(known):
        if verdict is not None and verdict.relation is not None:
            found[row] = verdict.score
    return found
