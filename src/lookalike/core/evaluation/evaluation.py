"""The evaluation: how well a collection answers, judged by what its owner says belongs together.

Each labelled record is asked for the others, which are ranked as a search ranks them, exactly and down to the last; it
is not among its own answers, and geometry looks at the first ones where a search would. Of every ranking some figures
of its own are kept (`R@1`, `mAP` ...), and the counts of its scores, right and wrong. So any figure can be had of any
choice of queries, which is what intervals are made of: the queries are drawn again and again with replacement, and a
difference of two settings is that of the same draws of both.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ...distances import ScoreCurve, cosine_distances
from ...errors import InputError
from ...query import Query
from ...records import Progress
from ..relations.verdicts import Verdict
from ..scores.pairs import ScoredSpace, score_pairs
from ..search.query_vectors import query_vector_of
from ..search.ranking import Ranker
from ..search.verified import Verified, verified_scores
from . import measures
from .measures import STEPS
from .results import NEIGHBORS, Evaluation, Trials

if TYPE_CHECKING:
    from ...arrays import F64, Bools
    from ...stores import Store
    from ..ingest.pipeline import OnProgress
    from .labels import Labels

JudgeOf: TypeAlias = "Callable[[int, Sequence[int]], Mapping[int, Verdict]]"  # of stored records and one of them

QUERIES = 1000  # asked unless told otherwise: R@1 is then known to about 2 of 100
MOST_QUERIES = 10_000
_AT = (1, 5, 10)
_INDEX_QUERIES = 200


def evaluate(
    scored: ScoredSpace,
    labels: Labels,
    *,
    reliability: ScoreCurve | None = None,
    queries: int | Sequence[str] | None = None,
    setting: str = "",
    verify: int = 0,
    judge: JudgeOf | None = None,
    on_progress: OnProgress | None = None,
) -> Evaluation:
    """Ask the labelled records for what belongs to them, and measure the answers.

    Args:
        reliability: (score, chance that a first match is right), to be held against what came true.
        queries: How many to ask, drawn with a fixed seed (None: 1,000), or the ids of those to ask.
        verify: How many of the first records `judge` looks at, by which they are scored and ordered.

    Raises:
        InputError: when no query is left, or one is not labelled.

    Cost: one exact ranking of all records for each query, and its relations; 16 kB for each.
    """
    store, space = scored.store, scored.name
    ids = store.ids(list(labels.right))
    keys = _chosen({id: key for key, id in ids.items()}, queries)
    is_searched = labels.wrong is None
    seen = _Seeing(store, labels, space, scored.points, verify, judge if verify else None)
    answers = seen.searched(keys) if is_searched else seen.judged(keys)
    tally = _Tally(has_figures=is_searched)
    for done, (id, relevant, scores, distances) in enumerate(answers, start=1):
        tally.take(id, relevant, scores, distances)
        if on_progress is not None:
            on_progress(Progress(done, len(keys)))
    if not tally.asked:
        raise InputError(f'no query has a vector in the space "{space}": there is nothing to measure.')
    method, recall = _index_recall(store, space, list(keys.values())[:_INDEX_QUERIES])
    return Evaluation(
        collection=store.spec.name,
        space=space,
        labels=labels.told,
        records=store.count(),
        asked=tuple(tally.asked),
        alone=labels.alone,
        figures={name: np.array(values) for name, values in tally.figures.items()},
        right=np.stack(tally.right),
        wrong=np.stack(tally.wrong),
        distances=tally.distances,
        trials=Trials(np.array(tally.trial_scores), np.array(tally.trial_right, bool)),
        reliability=reliability,
        index_method=method,
        index_recall=recall,
        failed=labels.failed,
        setting=setting,
    )


_Seen = tuple[str, "Bools", "F64", "F64"]  # a query's id; of its answers in order: relevance, scores, distances


class _Tally:
    """What is kept of the rankings while they go by."""

    def __init__(self, *, has_figures: bool) -> None:
        names = [*(f"R@{k}" for k in _AT), *(f"P@{k}" for k in _AT[1:]), "mAP"] if has_figures else []
        self.figures: dict[str, list[float]] = {name: [] for name in names}
        self.asked: list[str] = []
        self.right: list[F64] = []
        self.wrong: list[F64] = []
        self.distances: F64 = np.zeros((2, 2 * STEPS + 1))
        self.trial_scores: list[float] = []
        self.trial_right: list[bool] = []

    def take(self, id: str, relevant: Bools, scores: F64, distances: F64) -> None:
        """Take in the ranking of one query."""
        self.asked.append(id)
        self.right.append(measures.counted(scores[relevant]))
        self.wrong.append(measures.counted(scores[~relevant]))
        rows = np.minimum((distances * STEPS).astype(np.int64), 2 * STEPS)
        np.add.at(self.distances, (relevant.astype(np.int64), rows), 1)
        if not self.figures:
            self._try(scores, relevant)
            return
        self._measure(relevant)
        if relevant.any():
            self._try(scores[:1], relevant[:1])
        self._try(scores[~relevant][:1], np.zeros(min(1, int((~relevant).sum())), bool))

    def _try(self, scores: F64, right: Bools) -> None:
        self.trial_scores += scores.tolist()
        self.trial_right += right.tolist()

    def _measure(self, relevant: Bools) -> None:
        found = bool(relevant.any())
        for name, values in self.figures.items():
            if not found:
                values.append(float("nan"))
            elif name == "mAP":
                values.append(measures.average_precision(relevant))
            else:
                first = relevant[: int(name[2:])]
                values.append(float(first.any()) if name[0] == "R" else float(first.sum()) / int(name[2:]))


def _chosen(labelled: Mapping[str, int], queries: int | Sequence[str] | None) -> dict[str, int]:
    """Return the ids and keys of the queries to ask, by rising id."""
    if queries is not None and not isinstance(queries, int):
        missing = [id for id in queries if id not in labelled]
        if missing:
            raise InputError(f'"{missing[0][:80]}" is asked for, but has no label here: {len(missing)} have none.')
        return {id: labelled[id] for id in queries}
    wanted = QUERIES if queries is None else queries
    ids = sorted(labelled)
    drawn = ids if wanted >= len(ids) else sorted(random.Random(0).sample(ids, wanted))  # noqa: S311 - no secret
    return {id: labelled[id] for id in drawn}


@dataclass(frozen=True, eq=False)
class _Seeing:
    """What answers the queries: the records as they are ranked and scored."""

    store: Store
    labels: Labels
    space: str
    points: ScoreCurve
    verify: int
    judge: JudgeOf | None

    def searched(self, keys: Mapping[str, int]) -> Iterator[_Seen]:
        """Rank all records for each query, as an exact search does."""
        query = Query(limit=self.store.count(), exact=True)
        for id, key in keys.items():
            found = self.store.entry(id)
            if found is None or self.space not in found[1].vectors:  # deleted meanwhile, or without such a vector
                continue
            query_vector = query_vector_of(found[1].vectors, self.space, found[1].record.content_hash)
            with self.store.snapshot():
                ranker = Ranker(self.store, query_vector, query, space=self.space, points=self.points)
                ranking = ranker.first(query.limit + 1)
            if self.judge is not None:
                ranking = Verified(partial(self.judge, key), self.verify).scored(ranking)
            others = ranking.keys != key
            relevant = np.isin(ranking.keys[others], self.labels.right[key], assume_unique=True)
            yield id, relevant, ranking.scores[others], ranking.distances[others].astype(np.float64)

    def judged(self, keys: Mapping[str, int]) -> Iterator[_Seen]:
        """Score the judged pairs alone."""
        assert self.labels.wrong is not None
        for id, key in keys.items():
            theirs = np.concatenate([self.labels.right[key], self.labels.wrong[key]])
            vectors: Any = self.store.vectors(self.space, [key, *theirs.tolist()])
            if key not in vectors:
                continue
            known = np.array([other in vectors for other in theirs.tolist()], bool)
            theirs, relevant = theirs[known], (np.arange(len(theirs)) < len(self.labels.right[key]))[known]
            if not len(theirs):
                continue
            distances = cosine_distances(vectors[key], np.stack([vectors[other] for other in theirs.tolist()]))
            scores = score_pairs(self.store, self.points, np.full(len(theirs), key, np.int64), theirs, distances)
            if self.judge is not None:
                verdicts = self.judge(key, theirs.tolist())
                scores = verified_scores(scores, [verdicts.get(other) for other in theirs.tolist()])
            yield id, relevant, scores, distances.astype(np.float64)


def _index_recall(store: Store, space: str, keys: Sequence[int]) -> tuple[str, float]:
    """Hold the index that searches take against an exact scan; say which it is, and the share that it finds."""
    vectors: Any = store.vectors(space, keys)
    if not vectors:
        return "exact", 1.0
    asked = np.stack(list(vectors.values()))
    taken = store.neighbors(space, asked, NEIGHBORS)
    if taken.plan.method != "approximate":
        return taken.plan.method, 1.0
    truth = store.neighbors(space, asked, NEIGHBORS, exact=True)
    found = [len(np.intersect1d(a[a >= 0], b[b >= 0])) for a, b in zip(taken.keys, truth.keys, strict=True)]
    return "approximate", float(sum(found) / max(int(truth.counts.sum()), 1))
