"""What a store answers: the nearest vectors, near pairs, and how it found them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .arrays import F32, I64


@dataclass(frozen=True)
class Plan:
    """How a store went about a search, for those who ask why it answered so, or so slowly.

    Attributes:
        method: "exact" scans all rows; "exact_matching" scores only those that pass the filter; "approximate"
            looks into the nearest clusters and scores the best of them exactly.
        reason: Why this one, in plain words.
        matching: Rows that pass the filter; None where nobody had to count them.
        scanned: Rows that were compared with the query; None where it is not known.
        recall: Share of the true neighbors that this method finds, as measured on the collection; 1.0 for exact.
        filter_ms: Time for the filter.
        search_ms: Time for finding and ranking.
    """

    method: Literal["exact", "exact_matching", "approximate"]
    reason: str
    matching: int | None
    scanned: int | None
    recall: float
    filter_ms: float
    search_ms: float


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The answer of a store: columns, a row for each query, nearest first, ties by record id.

    Attributes:
        keys: (q, k) int64; -1 behind the end of a row.
        distances: (q, k) float32; +inf behind the end of a row.
        counts: (q,) int64; how many neighbors each row holds.
        plan: How they were found.
    """

    keys: I64
    distances: F32
    counts: I64
    plan: Plan


@dataclass(frozen=True, eq=False)
class Pairs:
    """Some of all pairs of records within a distance: columns, each pair once, the greater key in `ours`.

    Attributes:
        ours, theirs: (n,) int64.
        distances: (n,) float32.
        covered: With these, all pairs among the keys up to this one were given; None where a block is not complete.
        share: How far the work has come, 0..1.
    """

    ours: I64
    theirs: I64
    distances: F32
    covered: int | None
    share: float

    def __len__(self) -> int:
        return len(self.ours)
