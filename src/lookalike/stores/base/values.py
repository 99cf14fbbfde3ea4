"""The values that stores take and give beside records and neighbors: batches, moves, revisions, damage."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypedDict

from ...records import Calibration, Entry, Record

Replace = Literal["any", "same_source", "none"]


@dataclass(frozen=True)
class Refused:
    """An entry that was not written because its id is held already; `held_by` is the holder's source."""

    id: str
    source: str | None
    held_by: str | None


@dataclass(frozen=True)
class Written:
    """What became of a batch: ids that are new, ids that replaced a record, and entries that were refused."""

    added: tuple[str, ...]
    updated: tuple[str, ...]
    refused: tuple[Refused, ...]


@dataclass(frozen=True)
class Move:
    """A record that is to have another id, source and stamp; `seen` is the record as it was read."""

    seen: Record
    id: str
    source: str
    stamp: str


@dataclass(frozen=True, eq=False)
class FullRecord:
    """A record with all that is at hand of it.

    Attributes:
        entry: With all its vectors, without its pictures.
        has_thumbnail, has_original: Which pictures are kept of it.
        remembered: Kind to bytes, of what was asked for and is remembered of its content.
    """

    entry: Entry
    has_thumbnail: bool
    has_original: bool
    remembered: Mapping[str, bytes]


@dataclass(frozen=True)
class TextMatch:
    """A record that a text query found; see `texts.Found` for `field` and `is_whole`."""

    record: Record
    field: str
    is_whole: bool


Part = Literal["record", "vector", "thumbnail", "original"]


class Harm(str):
    """What of a record is damaged: words for people, with `part` (and `space` of a vector) for programs."""

    part: Part
    space: str | None

    def __new__(cls, part: Part, space: str | None = None) -> Harm:
        """Name a part of a record; a vector by its space."""
        made = super().__new__(cls, f"its {part}" if space is None else f'its {part} "{space}"')
        made.part, made.space = part, space
        return made

    def __getnewargs__(self) -> tuple[str, str | None]:  # type: ignore[override]
        """Return what copies and pickles are made of."""
        return self.part, self.space


@dataclass(frozen=True)
class Findings:
    """What a look for damage found.

    Attributes:
        problems: In plain words; none when all is well.
        damaged: Of each damaged record its id, or its key where that cannot be read, and what is damaged.
        is_old: Whether an earlier lookalike made it, and some of its rows have no checksums yet.
        unsummed: The ids of records that have lost their checksums; none of a store that is old.
    """

    problems: tuple[str, ...]
    damaged: Mapping[str, tuple[Harm, ...]]
    is_old: bool = False
    unsummed: tuple[str, ...] = ()


class Changes(TypedDict, total=False):
    """What to change of one record, each where given.

    Attributes:
        metadata: Fields to set, the others stay; with `replace` these are all the fields there are.
        unset: Fields to take away.
        tags: All its tags.
        fill: Fields to set where the record has none of that name.
        more_tags: Tags to add behind those it has.
    """

    metadata: Mapping[str, Any] | None
    unset: Collection[str]
    tags: Sequence[str] | None
    replace: bool
    fill: Mapping[str, Any] | None
    more_tags: Sequence[str]


class SpecChanges(TypedDict, total=False):
    """What to change of a collection itself, each where given.

    Attributes:
        fields: All declared fields.
        more_fields, fewer_fields: Fields to declare beside those that are declared now, and to drop of them.
        product_id_field: "" takes it away.
        recall_target: The share of true neighbors that an approximate index must find, over 0 up to 1; 1 means that
            every search is exact. A higher one holds at once, by exact search until the next `flush`.
        calibration: One without points takes it away.
    """

    fields: Sequence[str] | None
    more_fields: Sequence[str]
    fewer_fields: Collection[str]
    product_id_field: str | None
    recall_target: float | None
    calibration: Calibration | None
    title: str | None


@dataclass(frozen=True)
class Revision:
    """What to change of a record: fields to set and to take away, the others stay; and its tags.

    Attributes:
        tags: All its tags; None leaves them.
        more_tags: Tags to add behind those it has.
        fewer_tags: Tags to take away.
    """

    id: str
    metadata: Mapping[str, Any]
    tags: Sequence[str] | None = None
    unset: Sequence[str] = ()
    more_tags: Sequence[str] = ()
    fewer_tags: Sequence[str] = ()

    def applied_to(self, held: Record) -> Record:
        """Return a record as this makes it."""
        fields = {name: value for name, value in held.metadata.items() if name not in self.unset}
        words = held.tags if self.tags is None else self.tags
        kept = [word for word in dict.fromkeys([*words, *self.more_tags]) if word not in self.fewer_tags]
        return replace(held, metadata={**fields, **self.metadata}, tags=tuple(kept))
