"""What an evaluation found: figures with their intervals, as text, and side by side with another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ...charts import Line, line_chart
from ...distances import ScoreCurve, chance_of
from ...errors import InputError
from ...records import Failure
from ...rendering import counted as nouned
from ...rendering import table_fragment, text_table
from . import measures
from .measures import STEPS, Curve, Measure

if TYPE_CHECKING:
    from ...arrays import F64, Bools

BANDS = (
    ("identical", 1.0),
    ("same picture", 0.90),
    ("same subject", 0.70),
    ("similar", 0.50),
    ("little in common", 0.0),
)
_SURE = (0.95, 0.99)  # precisions whose thresholds are told
_MICRO = "µAP"
NEIGHBORS = 10  # whose recall is measured, where an index is approximate
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
    reliability: ScoreCurve | None
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
        """Return each figure in samples of the queries: (n,) for weights (n, q)."""
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
        lines = [f"index: {self.index_method}, recall@{NEIGHBORS} {self.index_recall:.3f}"]
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
        """Second less first, of each figure that both have; an interval without 0 in it is not chance."""
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


def _number(value: float | None) -> str:
    return "" if value is None or value != value else f"{value:.3f}"


def _short(one: Evaluation) -> str:
    return one.setting or one.collection


def _sure(difference: Measure) -> str:
    if not (difference.low > 0 or difference.high < 0):
        return ""
    return "second is better" if difference.value > 0 else "first is better"
