"""What a collection holds: its records and their parts, and what became of each picture that was added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from .pictures import Facts

if TYPE_CHECKING:
    from .arrays import Vectors

CollectionType = Literal["photos", "products", "matching", "colors"]
Keep = Literal["auto", "none", "thumbnail", "original"]
Kept = Literal["metadata", "tags"]
Metric = Literal["cosine", "hamming"]
OutcomeKind = Literal["added", "updated", "unchanged", "moved", "skipped", "failed"]
Metadata: TypeAlias = Mapping[str, Any]


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
        """Return what a filter sees: the metadata, with `_id` and `tags` beside it."""
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
    """One kind of vector that a collection holds.

    Attributes:
        dim: How many numbers a vector has; bits for Hamming.
        encoder: Name of the encoder that makes the vectors; "" for those that lookalike computes beside it.
        digest: What tells one maker from all others: vectors may be compared only where it is equal.
    """

    name: str
    dim: int
    metric: Metric
    encoder: str = ""
    digest: str = ""


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
