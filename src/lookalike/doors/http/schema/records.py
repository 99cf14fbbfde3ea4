"""Records: what is added, changed, taken along, and what became of it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ....core.contents import MAX_REVISED
from ....core.exports import MAX_EXPORTED
from ....limits import MOST_TAGS
from ....records import OutcomeKind
from .base import Answered, Asked

_MOST_NAMES = 10_000


class NewRecord(BaseModel):
    """A picture with its fields: every name that does not begin with _ is metadata, but for `tags`."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"examples": [{"_id": "7", "_url": "https://shop.example/7.jpg", "price": 3}]},
    )

    id: str | int | None = Field(None, alias="_id")
    url: str | None = Field(None, alias="_url")
    base64: str | None = Field(None, alias="_base64")
    tags: list[str] = Field([], max_length=MOST_TAGS)


class RecordChange(Asked):
    """What to change of a record; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"metadata": {"price": 4}, "tags": ["red", "new"]}]})

    metadata: dict[str, Any] | None = Field(None, description="Fields to set; others stay, unless `replace`.")
    unset: list[str] = Field([], max_length=_MOST_NAMES, description="Fields to take away.")
    tags: list[str] | None = Field(None, max_length=MOST_TAGS)
    replace: bool = Field(False, description="Take `metadata` for all the fields there are.")
    url: str | None = Field(None, alias="_url", description="Another picture for the record.")
    base64: str | None = Field(None, alias="_base64", description="The same, as base64.")


class RecordsChange(Asked):
    """The same change for many records; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ids": ["1", "2"], "more_tags": ["checked"]}]})

    ids: list[str] = Field(max_length=MAX_REVISED)
    metadata: dict[str, Any] = Field({}, description="Fields to set; others stay.")
    unset: list[str] = Field([], max_length=_MOST_NAMES, description="Fields to take away.")
    more_tags: list[str] = Field([], max_length=MOST_TAGS, description="Tags to add.")
    fewer_tags: list[str] = Field([], max_length=MOST_TAGS, description="Tags to take away.")


class RecordFailure(Answered):
    """A record that stayed as it was."""

    id: str
    code: str
    message: str


class RecordsChanged(Answered):
    """What became of many records."""

    changed: int
    failed: list[RecordFailure]


class ExportQuery(Asked):
    """Which records to take along, and how."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"format": "csv", "ids": ["1", "2"]}]})

    format: Literal["csv", "jsonl", "html", "zip"] = Field(
        description="A table, JSON lines, a contact sheet, or the originals in an archive (else their thumbnails)."
    )
    ids: list[str] | None = Field(None, max_length=MAX_EXPORTED)
    filter: dict[str, Any] | None = Field(None, description="In place of ids: a condition on metadata.")


class Record(Answered):
    """A record."""

    id: str
    source: str | None
    name: str | None = Field(None, description="What its sender called the file.")
    metadata: dict[str, Any]
    tags: list[str]
    content_hash: str
    format: str
    size_px: list[int]
    byte_size: int
    created_at: str
    updated_at: str


class FoundRecord(Record):
    """A record that was asked for by its id."""

    has_original: bool = Field(description="Whether its picture can be had as it came.")


class AddedRecord(Record):
    """A record, and what became of the picture that was sent."""

    outcome: OutcomeKind


class RecordList(Answered):
    """A page of records, by rising id."""

    records: list[Record]
    next: str | None = Field(description="Pass it as `cursor` for the next page; null on the last.")
    left_out: int | None = Field(None, description="Damaged records of the collection; only where there are any.")


class OutcomeForm(Answered):
    """What became of one picture."""

    place: int = Field(description="Its place in what was sent, from 0.")
    id: str = Field(description="The id of its record; empty where it got none.")
    outcome: OutcomeKind
    source: str | None = None
    code: str | None = Field(None, description="Why it failed; so does `message`.")
    message: str | None = None


class FailureForm(Answered):
    """A picture that failed."""

    source: str
    code: str
    message: str


class Report(Answered):
    """What became of many pictures."""

    added: int
    updated: int
    unchanged: int
    moved: int = Field(description="Records that follow a file to its new path; never of what is sent.")
    skipped: int
    removed: int
    failed: list[FailureForm]
    seconds: float
    outcomes: list[OutcomeForm]
