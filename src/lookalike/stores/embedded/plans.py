"""The plan of a search: full scan, filtered scan or approximate index.

    exact demanded, a ceiling on the distance, many neighbors    exact
    no index, or one that was tuned to less than is wanted       exact
    few rows pass                                                exact, over these alone
    otherwise                                                    approximate; rows behind the index files exactly

Whatever way, the distances are those that metric.py defines, and min(k, matching) neighbors are given: where the lists
hold too few, the question is asked again exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from ...records import Metric
from . import exact
from .exact import Selection

if TYPE_CHECKING:
    from ...arrays import I64
    from ..common.metric import Queries
    from .exact import Found, Ids
    from .index import IndexView
    from .ivf import Probing

_FULL = 0.8  # as little as may be alive before index files are written anew
_WORTH = 2  # the matching rows are scanned unless they are so many times what would be looked at in the lists


@dataclass(frozen=True)
class SearchRequest:
    """What is asked of one view, beside the queries."""

    metric: Metric
    k: int
    max_distance: float | None
    filtered: bool
    exact: bool


@dataclass(frozen=True)
class SearchPlan:
    """How a search goes, and why; `probing` where it is approximate."""

    method: Literal["exact", "exact_matching", "approximate"]
    reason: str
    probing: Probing | None = None


@dataclass(frozen=True)
class PlannedSearch:
    """The neighbors of each query.

    Attributes:
        scanned: How many rows were compared with the queries, all together.
        way: How it went, which may not be as planned.
    """

    found: list[Found]
    scanned: int
    chosen: SearchPlan


def plan(view: IndexView, selections: Sequence[Selection], request: SearchRequest) -> SearchPlan:
    """Choose the way."""
    matching = sum(each.count for each in selections)
    method: Literal["exact", "exact_matching"] = "exact_matching" if request.filtered else "exact"
    rows = f"{matching:,} rows that pass the filter" if request.filtered else f"all {matching:,} rows"
    why_not, probing = _approximate(view, selections, request)
    if probing is None:
        return SearchPlan(method, f"{rows} are scanned: {why_not}")
    reason = f"the {probing.probes} nearest of {view.lists.tuning.lists:,} lists hold the nearest rows"  # type: ignore[union-attr]
    if request.filtered:
        reason = f"lists are read until enough of the {rows} were seen; recall was measured without one"
    return SearchPlan("approximate", reason, probing)


def _approximate(
    view: IndexView, selections: Sequence[Selection], request: SearchRequest
) -> tuple[str, Probing | None]:
    """Return the probing that serves; without one, the reason."""
    if request.exact:
        return "exact answers were asked for", None
    if request.metric == "hamming":
        return "bits are counted quicker than an index is read", None
    if request.max_distance is not None:
        return "a ceiling on the distance asks for all within it", None
    if view.lists is None:
        return "the collection has no approximate index", None
    if view.lists.tuning.target < view.recall_target:
        return f"the index was tuned for a recall of {view.lists.tuning.target:g}, less than is wanted", None
    probing = view.lists.tuning.probing(request.k)
    if probing is None:
        return f"the index does not find {request.k:,} neighbors with the wanted recall", None
    if selections[0].segment is not view.base:  # a copy, of which the lists know nothing
        return "so few are scanned sooner than an index is read", None
    if _is_thinned(view, selections[0], request):
        if selections[0].count <= _WORTH * view.lists.budget(probing.probes):
            return "so few are scanned sooner than an index is read", None
        if selections[0].count < probing.least_share * len(view.base.keys):
            return "of so few the index does not find the wanted share", None
    return "", probing


def _is_thinned(view: IndexView, base: Selection, request: SearchRequest) -> bool:
    """Whether so many rows of the lists are not to be answered that more lists must be looked into."""
    return request.filtered or base.count < _FULL * len(view.base.keys)


def search(
    view: IndexView,
    selections: Sequence[Selection],
    queries: Queries,
    request: SearchRequest,
    chosen: SearchPlan,
    ids: Ids,
) -> PlannedSearch:
    """Search along a way."""
    if chosen.probing is not None:
        return _search_lists(view, selections, queries, request, chosen, ids)
    k, ceiling = request.k, request.max_distance
    found = exact.rank(selections, request.metric, queries, k, max_distance=ceiling, ids=ids)
    return PlannedSearch(found, len(queries) * sum(each.count for each in selections), chosen)


def _search_lists(
    view: IndexView,
    selections: Sequence[Selection],
    queries: Queries,
    request: SearchRequest,
    chosen: SearchPlan,
    ids: Ids,
) -> PlannedSearch:
    base, *later = selections
    k, matching = request.k, sum(each.count for each in selections)
    nearest, scanned = _candidates(view, base, queries, request, chosen)
    behind = exact.rank(later, request.metric, queries, k, max_distance=None, ids=ids)
    found, scans = [], 0
    for query, rows, (keys, distances) in zip(queries, nearest, behind, strict=True):
        best = None
        if rows is not None:
            near_keys, near = exact.nearest(view.base, query, rows[rows >= 0], k)
            both = np.concatenate([near_keys, keys]), np.concatenate([near, distances])
            best = exact.cut(*both, k, np.float32(np.inf), ids)
        if best is None or len(best[0]) < min(k, matching):
            [best] = exact.rank(selections, request.metric, query[None], k, max_distance=None, ids=ids)
            scans += 1
        found.append(best)
    scanned += scans * matching + len(queries) * sum(each.count for each in later)
    return PlannedSearch(found, scanned, _scanning(chosen, matching) if scans == len(queries) else chosen)


def _scanning(chosen: SearchPlan, matching: int) -> SearchPlan:
    """Return the way of a question that lists could not answer."""
    reason = f"{matching:,} rows that pass the filter are scanned: few are in the lists nearest to the picture"
    return replace(chosen, method="exact_matching", reason=reason, probing=None)


def _candidates(
    view: IndexView, base: Selection, queries: Queries, request: SearchRequest, chosen: SearchPlan
) -> tuple[Sequence[I64 | None], int]:
    lists, unit = view.lists, exact.unit_of(queries)
    assert lists is not None  # without lists there is no probing
    assert chosen.probing is not None
    if not _is_thinned(view, base, request):
        rows = lists.candidates(unit, request.k, chosen.probing.probes, base)
        return list(rows), len(queries) * lists.looked_at(chosen.probing.probes)
    each = [lists.candidates_among(unit[n : n + 1], request.k, chosen.probing.probes, base) for n in range(len(unit))]
    return [one and one[0] for one in each], sum(one[1] for one in each if one)
