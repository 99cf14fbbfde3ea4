"""Result types: matches, relations, groups, edges, and the explanation of a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .neighbors import Plan
from .records import Metadata, Record

Scalar = str | int | float | bool
RelationKind = Literal[
    "identical",
    "same_pixels",
    "reencoded",
    "resized",
    "cropped",
    "mirrored",
    "rotated",
    "edited",
    "same_object",
    "similar",
    "unrelated",
]


@dataclass(frozen=True)
class Transform:
    """How the picture A was laid out anew to become B, in px as shown, counted from the left upper corners.

    Attributes:
        matrix: Two rows of three; maps x, y, 1 of A to x and y of B.
        scale: How much larger things are in B.
        angle_deg: By how much they are turned, clockwise, -180 to 180; after mirroring, where they are mirrored.
        mirrored: Whether left and right changed places.
        crop_a: The part of A that B shows too: x, y, width, height of the box around it.
        crop_b: The part of B that A shows too.
    """

    matrix: tuple[tuple[float, float, float], tuple[float, float, float]]
    scale: float
    angle_deg: float
    mirrored: bool
    crop_a: tuple[int, int, int, int]
    crop_b: tuple[int, int, int, int]


@dataclass(frozen=True)
class Relation:
    """What two pictures are to each other, and what speaks for it.

    Attributes:
        kind: The strongest of `details`.
        details: All that hold, the strongest change first, such as ("cropped", "resized", "reencoded").
        transform: From A to B; None where no part of the one was found in the other.
        inliers: Distinct places of 8 px where both agree on the transform.
        agreement: Share of what both show that is the very same, 0..1; None where nothing could be laid over.
        confidence: Probability that both are the same picture, given what was measured.
        other_colors: Whether one is the other with a part, or all of it, in other colors: a red and a blue mug.
        padded: Whether A, and whether B, shows the other with something added around it: a border, a page, other
            pictures, the corners that turning leaves.
        frames: How many pictures the file of A, and that of B, holds. Of several only the first is looked at, which
            says nothing of the whole: then nothing but equal bytes is the same picture.
    """

    kind: RelationKind
    details: tuple[RelationKind, ...]
    transform: Transform | None
    inliers: int
    agreement: float | None
    confidence: float
    other_colors: bool = False
    padded: tuple[bool, bool] = (False, False)
    frames: tuple[int, int] = (1, 1)


@dataclass(frozen=True)
class Match:
    """An answer to a person: a record with its score, distance and rank (from 1).

    Attributes:
        relation: What it is to the example; None where no pictures were laid over each other, and not the same bytes.
        confidence: The probability that both are the same picture, as far as `relation` is known. Across searches, this
            is what tells a copy from what merely looks like one.
        parts: What a score with tags is mixed of, {"visual": .., "tags": ..}; None without tags.
        members: The next best of its group, ranked within it (the match itself is 1); None when not asked for.
        hidden: Near-duplicates of it that were left out, as far as the page reaches; None when none were to be.
        is_gone: Whether it is of a local file that is not there any more.
    """

    record: Record
    score: float
    distance: float
    rank: int
    relation: str | None = None
    confidence: float | None = None
    parts: Mapping[str, float] | None = None
    members: tuple[Match, ...] | None = None
    hidden: int | None = None
    is_gone: bool = False

    @property
    def id(self) -> str:
        """The id of its record."""
        return self.record.id

    @property
    def source(self) -> str | None:
        """Where its picture came from."""
        return self.record.source

    @property
    def metadata(self) -> Metadata:
        """The metadata of its record."""
        return self.record.metadata

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of its record."""
        return self.record.tags

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of its picture; (0, 0) where that is not known."""
        return self.record.size_px


@dataclass(frozen=True)
class Step:
    """One question that a search asked its store.

    Attributes:
        asked_for: "nearest" vectors; "hashes" that agree, over all records; "tags": the nearest that share one;
            "members": the nearest of the groups on the page.
        k: Neighbors that were asked for; `found` came.
    """

    asked_for: Literal["nearest", "hashes", "tags", "members"]
    space: str
    k: int
    found: int
    plan: Plan


@dataclass(frozen=True)
class Explanation:
    """How a search came to its answer.

    Attributes:
        steps: What the store was asked, in order; none when a ranking was still at hand.
        candidates: Records that were scored.
        by_hash: Those of them that came by hash or equal bytes alone, and not among the nearest.
        reused: Whether the ranking was at hand from an earlier page.
        verified: Records whose pictures were laid over the example now; what is known from an earlier page is not.
        verify_ms: Time for that.
        query_ms: Time for reading and encoding the examples.
        total_ms: Time for the whole search.
    """

    steps: tuple[Step, ...]
    candidates: int
    by_hash: int
    reused: bool
    verified: int
    verify_ms: float
    query_ms: float
    total_ms: float


@dataclass(frozen=True)
class Edge:
    """An edge of the similarity graph: from a record to one of its neighbors, whose rank counts from 1."""

    source: str
    target: str
    score: float
    distance: float
    rank: int


@dataclass(frozen=True)
class Member:
    """A record of a duplicate group, and what tells it apart.

    Attributes:
        score, relation, confidence: Against the group's representative, as `compare` tells them; relation and
            confidence are None where nobody looked.
    """

    id: str
    score: float
    relation: str | None = None
    source: str | None = None
    size_px: tuple[int, int] = (0, 0)
    byte_size: int = 0
    format: str = ""
    confidence: float | None = None


@dataclass(frozen=True)
class DuplicateGroup:
    """Records that are the same picture; the representative comes first among `members`."""

    representative: str
    min_score: float
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Facet:
    """The values of one metadata field, or of the tags.

    Attributes:
        field: The field's name; "tags" for the tags.
        records: How many records hold it.
        values: The most frequent values with their number of records; ties by value.
        distinct: How many different values there are; those beyond 10,000 are not told apart.
        minimum: The smallest number, where a record holds one.
        maximum: The largest.
    """

    field: str
    records: int
    values: tuple[tuple[Scalar, int], ...]
    distinct: int
    minimum: float | None
    maximum: float | None
