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
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ...charts import Line, line_chart
from ...distances import Map, chance_of, cosine_distances
from ...errors import InputError
from ...query import Query
from ...records import Failure, Progress
from ...rendering import counted as nouned
from ...rendering import table_fragment, text_table
from ..relations.verdicts import Verdict
from ..scores.pairs import score_pairs
from ..search.probes import probe_of
from ..search.ranking import Ranker
from ..search.verified import Verified, verified_scores
from . import measures
from .measures import STEPS, Curve, Measure

if TYPE_CHECKING:
    from ...arrays import F64, Bools
    from ...stores import Store
    from ..ingest.pipeline import OnProgress
    from .labels import Labels

JudgeOf: TypeAlias = "Callable[[int, Sequence[int]], Mapping[int, Verdict]]"  # of stored records and one of them

QUERIES = 1000  # asked unless told otherwise: R@1 is then known to about 2 of 100
MOST_QUERIES = 10_000
BANDS = (
    ("identical", 1.0),
    ("same picture", 0.90),
    ("same subject", 0.70),
    ("similar", 0.50),
    ("little in common", 0.0),
)
_SURE = (0.95, 0.99)  # precisions whose thresholds are told
_AT = (1, 5, 10)
_MICRO = "µAP"
_NEIGHBORS = 10  # whose recall is measured, where an index is approximate
_INDEX_QUERIES = 200
_PARTS = 10  # of a reliability diagram


@dataclass(frozen=True)
class Band:
    """A band of scores, from `low` up to the next.

    Attributes:
        right: Share of all pairs that belong together whose score lies in it; `wrong` of all others.
        precision: Share of the pairs in it that belong together; NaN where there are none.
    """

    name: str
    low: float
    right: float
    wrong: float
    precision: float


@dataclass(frozen=True)
class Threshold:
    """A threshold with the precision and recall of what reaches it; None where no threshold is as precise."""

    told: str
    score: float | None
    precision: float | None = None
    recall: float | None = None


@dataclass(frozen=True, eq=False)
class Trials:
    """Answers of which each is right or wrong, to hold told chances against.

    Of a search these are the first matches: of each query as it is, and once more as if nothing belonged to it, so that
    about half of them are to be refused. Of judged pairs it is the pairs themselves.
    """

    scores: F64
    right: Bools


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How well a collection answers.

    Attributes:
        space: The descriptor that ranked.
        labels: What was judged by.
        asked: The ids of the queries; each row of `figures`, `right` and `wrong` is one of them.
        alone: Labelled records that were not asked, as nothing belongs to them.
        figures: Name to (q,) float64; NaN for a query to which nothing belongs. None for judged pairs.
        right: (q, 1001) counts of the scores of what belongs to the query, by thousandths; `wrong` of the others.
        distances: (2, 2001) counts of all distances by thousandths, wrong ones first.
        reliability: (score, chance) that trials are held against; None where no chance is told.
        index_recall: Share of the true ten nearest that the index finds, by `index_method`.
    """

    collection: str
    space: str
    labels: str
    records: int
    asked: tuple[str, ...]
    alone: int
    figures: Mapping[str, F64]
    right: F64
    wrong: F64
    distances: F64
    trials: Trials
    reliability: Map | None
    index_method: str
    index_recall: float
    failed: tuple[Failure, ...] = ()
    setting: str = field(default="", compare=False)

    @cached_property
    def measures(self) -> tuple[Measure, ...]:
        """The figures with their intervals."""
        samples = self.sampled(measures.resamples(len(self.asked)))
        whole = self.sampled(np.ones((1, len(self.asked))))
        return tuple(Measure(name, float(whole[name][0]), *measures.interval(samples[name])) for name in whole)

    def sampled(self, weights: F64) -> dict[str, F64]:
        """Give each figure in samples of the queries: (n,) for weights (n, q)."""
        found = {name: measures.mean_in(values, weights) for name, values in self.figures.items()}
        return found | {_MICRO: measures.micro_average_precision(weights @ self.right, weights @ self.wrong)}

    @cached_property
    def curve(self) -> Curve:
        """Precision and recall by threshold, over all pairs of all queries."""
        return measures.curve_of(self.right.sum(axis=0), self.wrong.sum(axis=0))

    @property
    def thresholds(self) -> tuple[Threshold, ...]:
        """The threshold of the best F1, and the lowest of high precision."""
        places = [("best F1", self.curve.best())]
        return tuple(
            self._threshold(told, place)
            for told, place in [*places, *((f"precision {p:g}", self.curve.at_precision(p)) for p in _SURE)]
        )

    @property
    def bands(self) -> tuple[Band, ...]:
        """What lies in the documented bands of the score."""
        right, wrong = self.right.sum(axis=0), self.wrong.sum(axis=0)
        found, end = [], STEPS + 1
        for name, low in BANDS:
            start = int(measures.columns_of(np.array([low]))[0])
            hits, misses = float(right[start:end].sum()), float(wrong[start:end].sum())
            shares = hits / max(right.sum(), 1), misses / max(wrong.sum(), 1)
            found.append(Band(name, low, *shares, hits / (hits + misses) if hits + misses else float("nan")))
            end = start
        return tuple(found)

    @cached_property
    def calibration_error(self) -> float | None:
        """How far told chances are from what came true, on average; None where no chance is told."""
        if self.reliability is None or not len(self.trials.scores):
            return None
        return measures.calibration_error(chance_of(self.trials.scores, self.reliability), self.trials.right)

    def against(self, other: Evaluation) -> Contrast:
        """Set this evaluation beside another one of the same queries.

        Raises:
            InputError: when the two did not ask the same.
        """
        return Contrast(self, other)

    def charts(self) -> dict[str, str]:
        """Draw the curves as SVG, by name."""
        curve = self.curve
        known = ~np.isnan(curve.precision)
        precise = list(zip(curve.thresholds[known].tolist(), curve.precision[known].tolist(), strict=True))
        recalled = list(zip(curve.thresholds.tolist(), curve.recall.tolist(), strict=True))
        both = list(zip(curve.recall[known].tolist(), curve.precision[known].tolist(), strict=True))
        drawn = {
            "precision-recall": line_chart("Precision and recall", "recall", "precision", [Line(self.space, both)]),
            "thresholds": line_chart(
                "What a threshold keeps", "threshold", "share", [Line("precision", precise), Line("recall", recalled)]
            ),
        }
        return drawn | {"reliability": self._reliability_chart()}

    def __str__(self) -> str:
        parts = [self._head(), self._figures_text(), self._thresholds_text(), self._bands_text(), self._foot()]
        return "\n\n".join(part for part in parts if part)

    def _repr_html_(self) -> str:
        return table_fragment(str(self), self.charts().values())

    def _threshold(self, told: str, place: int | None) -> Threshold:
        if place is None:
            return Threshold(told, None)
        curve = self.curve
        columns = (curve.thresholds, curve.precision, curve.recall)
        return Threshold(told, *(float(column[place]) for column in columns))

    def _head(self) -> str:
        alone = f"; without a partner and not asked: {nouned(self.alone, 'labelled record')}" if self.alone else ""
        setting = f" ({self.setting})" if self.setting else ""
        return (
            f'"{self.collection}"{setting}: {len(self.asked):,} of {nouned(self.records, "record")} asked, judged by '
            f"{self.labels}, ranked by {self.space}{alone}"
        )

    def _figures_text(self) -> str:
        rows = [[m.name, _number(m.value), f"{_number(m.low)} to {_number(m.high)}"] for m in self.measures]
        return text_table(["figure", "value", "95 of 100 samples"], rows, right=[1])

    def _thresholds_text(self) -> str:
        rows = [[t.told, *(_number(value) for value in (t.score, t.precision, t.recall))] for t in self.thresholds]
        return text_table(["threshold for", "score", "precision", "recall"], rows, right=[1, 2, 3])

    def _bands_text(self) -> str:
        rows = [
            [f"{band.low:.2f}", band.name, *(_number(value) for value in (band.right, band.wrong, band.precision))]
            for band in self.bands
        ]
        return text_table(["from", "band", "of the right", "of the wrong", "right in it"], rows, right=[0, 2, 3, 4])

    def _foot(self) -> str:
        lines = [f"index: {self.index_method}, recall@{_NEIGHBORS} {self.index_recall:.3f}"]
        if self.calibration_error is not None:
            lines.append(f"expected calibration error of told chances: {self.calibration_error:.3f}")
        lines += [f"{failure.code}: {failure.message}" for failure in self.failed]
        return "\n".join(lines)

    def _reliability_chart(self) -> str:
        known = self.reliability is not None
        told = chance_of(self.trials.scores, self.reliability) if self.reliability is not None else self.trials.scores
        places = np.minimum((told * _PARTS).astype(np.int64), _PARTS - 1)
        points = [
            (float(told[places == part].mean()), float(self.trials.right[places == part].mean()))
            for part in np.unique(places).tolist()
        ]
        lines = [Line("right", points, dotted=True)]
        if known:
            lines.append(Line("as told", [(0, 0), (1, 1)], dashed=True))
        return line_chart("How often it is right", "chance that is told" if known else "score", "share right", lines)


@dataclass(frozen=True, eq=False)
class Contrast:
    """Two evaluations of the same queries side by side.

    Raises:
        InputError: when the two did not ask the same.
    """

    first: Evaluation
    second: Evaluation

    def __post_init__(self) -> None:
        if self.first.asked != self.second.asked:
            raise InputError(
                "the two evaluations asked different queries, so that they cannot be set side by side: evaluate the "
                "second with queries=first.asked."
            )

    @cached_property
    def differences(self) -> tuple[Measure, ...]:
        """Second less first, of each figure that both have; an interval without 0 in it is no chance."""
        weights = measures.resamples(len(self.first.asked))
        ours, theirs = self.first.sampled(weights), self.second.sampled(weights)
        whole = {m.name: m.value for m in self.second.measures}
        return tuple(
            Measure(m.name, whole[m.name] - m.value, *measures.interval(theirs[m.name] - ours[m.name]))
            for m in self.first.measures
            if m.name in whole
        )

    def charts(self) -> dict[str, str]:
        """Draw the curves of both as SVG, by name."""
        lines = []
        for one in (self.first, self.second):
            known = ~np.isnan(one.curve.precision)
            points = zip(one.curve.recall[known].tolist(), one.curve.precision[known].tolist(), strict=True)
            lines.append(Line(_short(one), list(points)))
        return {"precision-recall": line_chart("Precision and recall", "recall", "precision", lines)}

    def __str__(self) -> str:
        values = {m.name: m.value for m in self.second.measures}
        rows = []
        for m, d in zip(self.first.measures, self.differences, strict=True):
            gap, span = f"{d.value:+.3f}", f"{d.low:+.3f} to {d.high:+.3f}"
            rows.append([m.name, _number(m.value), _number(values[m.name]), gap, span, _sure(d)])
        header = ["figure", "first", "second", "difference", "95 of 100 samples", ""]
        heads = [f"first:  {self.first._head()}", f"second: {self.second._head()}"]
        return "\n".join([*heads, "", text_table(header, rows, right=[1, 2, 3])])

    def _repr_html_(self) -> str:
        return table_fragment(str(self), self.charts().values())


def evaluate(
    store: Store,
    labels: Labels,
    *,
    space: str,
    points: Map,
    reliability: Map | None = None,
    queries: int | Sequence[str] | None = None,
    setting: str = "",
    verify: int = 0,
    judge: JudgeOf | None = None,
    on_progress: OnProgress | None = None,
) -> Evaluation:
    """Ask the labelled records for what belongs to them, and measure the answers.

    Args:
        points: The map of the space.
        reliability: (score, chance that a first match is right), to be held against what came true.
        queries: How many to ask, drawn with a fixed seed (None: 1,000), or the ids of those to ask.
        verify: How many of the first records `judge` looks at, by which they are scored and ordered.

    Raises:
        InputError: when no query is left, or one is not labelled.

    Cost: one exact ranking of all records for each query, and its relations; 16 kB for each.
    """
    ids = store.ids(list(labels.right))
    keys = _chosen({id: key for key, id in ids.items()}, queries)
    is_searched = labels.wrong is None
    seen = _Seeing(store, labels, space, points, verify, judge if verify else None)
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
    """Give the ids and keys of the queries to ask, by rising id."""
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
    points: Map
    verify: int
    judge: JudgeOf | None

    def searched(self, keys: Mapping[str, int]) -> Iterator[_Seen]:
        """Rank all records for each query, as an exact search does."""
        query = Query(limit=self.store.count(), exact=True)
        for id, key in keys.items():
            found = self.store.entry(id)
            if found is None or self.space not in found[1].vectors:  # deleted meanwhile, or without such a vector
                continue
            probe = probe_of(found[1].vectors, self.space, found[1].record.content_hash)
            with self.store.moment():
                ranker = Ranker(self.store, probe, query, space=self.space, points=self.points)
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
    taken = store.neighbors(space, asked, _NEIGHBORS)
    if taken.plan.method != "approximate":
        return taken.plan.method, 1.0
    truth = store.neighbors(space, asked, _NEIGHBORS, exact=True)
    found = [len(np.intersect1d(a[a >= 0], b[b >= 0])) for a, b in zip(taken.keys, truth.keys, strict=True)]
    return "approximate", float(sum(found) / max(int(truth.counts.sum()), 1))


def _number(value: float | None) -> str:
    return "" if value is None or value != value else f"{value:.3f}"


def _short(one: Evaluation) -> str:
    return one.setting or one.collection


def _sure(difference: Measure) -> str:
    if not (difference.low > 0 or difference.high < 0):
        return ""
    return "second is better" if difference.value > 0 else "first is better"
