"""The nouns that travel between the rooms: frozen, without I/O, and not serialisable on purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    F32: TypeAlias = npt.NDArray[np.float32]
    F64: TypeAlias = npt.NDArray[np.float64]
    U8: TypeAlias = npt.NDArray[np.uint8]
    I16: TypeAlias = npt.NDArray[np.int16]
    I64: TypeAlias = npt.NDArray[np.int64]
    Bools: TypeAlias = npt.NDArray[np.bool_]
    Vectors: TypeAlias = Mapping[str, F32 | U8]

CollectionType = Literal["photos", "products", "matching", "colors"]
Keep = Literal["auto", "none", "thumbnail", "original"]
Kept = Literal["metadata", "tags"]
Metric = Literal["cosine", "hamming"]
OutcomeKind = Literal["added", "updated", "unchanged", "moved", "skipped", "failed"]
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
Metadata: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Facts:
    """What a file says of its picture beside the pixels; all that is not known is as it stands here.

    Attributes:
        frames: How many pictures the file holds: those of an animation, the pages of a TIFF.
        taken: When it was taken, ISO 8601, as the camera says it: with an offset only where it has one.
        camera: Make and model of the camera.
        has_place: Whether it says where it was taken; the place itself is kept nowhere.
        name: What its sender called the file, where it came as bytes.
        was_at: Where its file lay before it was moved, the last few paths; the store keeps them.
    """

    frames: int = 1
    taken: str | None = None
    camera: str | None = None
    has_place: bool = False
    name: str | None = None
    was_at: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Image:
    """A decoded picture: RGB, 8 bit, upright, and reduced when it was much larger than an encoder needs.

    Attributes:
        pixels: (h, w, 3) uint8.
        size_px: (width, height) as shown, before any reduction.
        content_hash: SHA-256 of the bytes, in hex; of shape and pixels where there were no bytes.
        format: What the bytes were ("jpeg", "png", ...), or "pixels".
        byte_size: How many bytes the source had; 0 where there were none.
        facts: What else the source says of it.
    """

    pixels: U8
    size_px: tuple[int, int]
    content_hash: str
    format: str
    byte_size: int = 0
    facts: Facts = Facts()


@dataclass(frozen=True)
class Record:
    """One entry of a collection, without its vectors.

    Attributes:
        id: The caller's name for it; unique in its collection.
        source: Where the picture came from (path, URL, or "bytes:HASH"); None when nobody said.
        stamp: Size and modification time of the source file, to skip unchanged files; "" where there is none.
        created_at: UTC, ISO 8601; the store sets it and `updated_at`.
        facts: What else the source says of its picture; not yet shown by any door.
    """

    id: str
    source: str | None = None
    content_hash: str = ""
    format: str = ""
    size_px: tuple[int, int] = (0, 0)
    byte_size: int = 0
    stamp: str = ""
    metadata: Metadata = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    created_at: str = ""
    updated_at: str = ""
    facts: Facts = Facts()

    def document(self) -> dict[str, Any]:
        """Give what a filter sees: the metadata, with `_id` and `tags` beside it."""
        return {**self.metadata, "_id": self.id, "tags": list(self.tags)}


@dataclass(frozen=True, eq=False)
class Entry:
    """A record with all that is stored for it: one vector a space, and the pictures that are kept.

    Attributes:
        vectors: Space name to (d,) float32 of unit length, or (bytes,) uint8 for a Hamming space. A space
            may be missing: that record has no place there.
        thumbnail: JPEG bytes to show, or None.
        original: The bytes as they came, or None.
        keeps: What stays as it is stored, where there is a record of this id: a copy read earlier may be out of date.
    """

    record: Record
    vectors: Vectors
    thumbnail: bytes | None = None
    original: bytes | None = None
    keeps: frozenset[Kept] = frozenset()


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


@dataclass(frozen=True)
class Match:
    """An answer to a person: a record with its score, distance and rank (from 1).

    Attributes:
        relation: What it is to the example; None where no pictures were laid over each other, and not the same bytes.
        confidence: The probability that both are the same picture, as far as `relation` is known. Across searches, this
            is what tells a copy from what merely looks like one.
        size_px: Width and height of its picture; None where that is not known.
        parts: What a score with tags is mixed of, {"visual": .., "tags": ..}; None without tags.
        members: The next best of its group, ranked within it (the match itself is 1); None when not asked for.
        hidden: Near-duplicates of it that were left out, as far as the page reaches; None when none were to be.
        is_gone: Whether it is of a local file that is not there any more.
    """

    id: str
    score: float
    distance: float
    rank: int
    relation: str | None = None
    confidence: float | None = None
    source: str | None = None
    metadata: Metadata = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    size_px: tuple[int, int] | None = None
    parts: Mapping[str, float] | None = None
    members: tuple[Match, ...] | None = None
    hidden: int | None = None
    is_gone: bool = False


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
class Failure:
    """One item that failed alone: its source, the error's code, and the message."""

    source: str
    code: str
    message: str


@dataclass(frozen=True)
class Outcome:
    """What became of one item that was added.

    Attributes:
        place: Its place among the items, from 0.
        id: The id of its record; "" where it got none.
        failure: Why it failed, for that kind.
    """

    place: int
    id: str
    kind: OutcomeKind
    failure: Failure | None = None


@dataclass(frozen=True)
class Progress:
    """How far long work has come; `total` is None while it is not known."""

    done: int
    total: int | None
    failed: int = 0


@dataclass(frozen=True)
class Space:
    """One kind of vector that a collection holds: name, numbers (bits for Hamming) and metric."""

    name: str
    dim: int
    metric: Metric


@dataclass(frozen=True)
class Calibration:
    """What a collection's scores mean, fitted on labels of its own.

    Attributes:
        space: The space whose distances it is about.
        points: (distance, score), distance rising, score falling. None at all: it stands for no calibration.
        reliability: (score, chance that a first match of that score is right), both rising.
        labels: What it was fitted on, for people.
        queries: How many records were asked for that.
    """

    space: str
    points: tuple[tuple[float, float], ...]
    reliability: tuple[tuple[float, float], ...]
    labels: str
    queries: int


@dataclass(frozen=True)
class CollectionSpec:
    """What a collection is: fixed when it is made, but for what `configure` changes and its calibration.

    Attributes:
        encoder: Name of the encoder whose vectors it holds.
        encoder_digest: SHA-256 that binds the collection to that very encoder.
        spaces: The vectors it holds, the ranking one first.
        fields: Metadata fields that are often filtered by; conditions on them are quick.
        recall_target: The share of true neighbors that an approximate index must find; 1.0 means exact search.
        title: What people call it, where that is not its name; "" otherwise.
        calibration: What its scores mean, where that was fitted on its own labels.
    """

    name: str
    type: CollectionType = "photos"
    keep: Keep = "auto"
    encoder: str = ""
    encoder_digest: str = ""
    spaces: Sequence[Space] = ()
    fields: tuple[str, ...] = ()
    product_id_field: str | None = None
    created_at: str = ""
    recall_target: float = 0.99
    title: str = ""
    calibration: Calibration | None = None
