"""What a store returns: nearest vectors, near pairs, figures of a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .arrays import F32, F64, I64, U8
    from .filters import Filter
    from .records import Record


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
class NearestQuery:
    """One query of a store: a vector with its conditions, and the signs of the very same picture.

    Attributes:
        space: The space of the vector.
        vector: (d,) float32 of unit length.
        k: How many nearest are wanted, not counting those within `hue_reach` whose hues are too far apart; 0 asks for
            those alone that come by a sign.
        filter: What all candidates pass.
        max_distance: A ceiling on the distance of the nearest that includes its own value; cosine distance 0..2.
        exact: Take no approximate index, where there is one.
        content_hash: Records with these very bytes are candidates, however far they are; "" for none.
        hash_space: A Hamming space; its `hash` is (bytes,) uint8, None for none.
        hash_bits: Records whose hash differs in so many bits at most agree.
        hash_reach: Distance up to which an agreeing hash counts; farther ones may be left out.
        hue_space: A cosine space; its `hues` is (b,) float32 of unit length, None for none.
        hue_reach: Distance up to which the distance of the hues is wanted; it is for agreeing hashes, too.
        hue_most: Hues farther apart are of other colors.
        records: Of so many of the nearest the records come along, and of so many that a sign speaks for; what has
            other colors counts as if it were as far as `hue_reach`.
    """

    space: str
    vector: F32
    k: int
    filter: Filter | None = None
    max_distance: float | None = None
    exact: bool = False
    content_hash: str = ""
    hash_space: str = ""
    hash: U8 | None = None
    hash_bits: int = 0
    hash_reach: float = 0.0
    hue_space: str = ""
    hues: F32 | None = None
    hue_reach: float = 0.0
    hue_most: float = 2.0
    records: int = 0


@dataclass(frozen=True)
class Asked:
    """One look at an index: for the "nearest" vectors, or for "hashes" that agree; `found` of k came."""

    asked_for: Literal["nearest", "hashes"]
    space: str
    k: int
    found: int
    plan: Plan


@dataclass(frozen=True, eq=False)
class NearestAnswer:
    """The candidates of one query with their signs: columns, the nearest first, then those that came by a sign alone.

    Attributes:
        keys: (n,) int64, each once.
        distances: (n,) float32.
        nearest: How many rows are the nearest, by rising distance, ties by record id.
        reach: Within this distance every record that passes is among the nearest.
        is_complete: Whether no other record passes within the ceiling.
        bits: Key to differing bits, for every record at least whose hash agrees within `hash_reach`.
        is_whole: Whether all hashes were looked at: `bits` are those of every record that agrees, however far.
        same: Keys of the records with the very bytes of the query.
        hue_distances: (n,) float64, NaN where none was wanted or there are no hues; None without hues to compare.
        records: Those that came along, by key.
        asked: What the indexes were asked.
        left_out: How many damaged records of the collection are known, which no answer can name.
    """

    keys: I64
    distances: F32
    nearest: int
    reach: float
    is_complete: bool
    bits: Mapping[int, int]
    is_whole: bool
    same: frozenset[int]
    hue_distances: F64 | None
    records: Mapping[int, Record]
    asked: tuple[Asked, ...]
    left_out: int


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
