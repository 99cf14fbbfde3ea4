"""Reviews, decisions, and files that move because of them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from ....answers import RelationKind
from ....core.decisions.ledger import MOST_PICTURES
from .base import Answered, Asked
from .queries import ALL_KINDS, FOLDER, RELATION, THRESHOLD
from .records import Record

Choice = Literal["keep", "delete", "not_a_duplicate", "later"]
_MOST_NAMES = 10_000
_MOST_EVENTS = 100_000
_MOST_FOLDER_CHARS = 4096


class ReviewedRecord(Record):
    """A record of a group under review."""

    score: float = Field(description="Against the first of the group, its representative.")
    relation: str | None
    confidence: float | None = Field(description="Probability of the same picture; there with a relation.")
    decision: Choice | None = Field(description="What stands for it; not_a_duplicate is about the representative.")
    taken: str | None = Field(description="When it was taken, as the camera says it.")
    changed_at: str | None = Field(description="When its file was changed last, UTC; null where it is not a file.")


class ReviewGroup(Answered):
    """A duplicate group under review; its representative comes first."""

    members: list[ReviewedRecord]
    gain_bytes: int = Field(description="What keeping the representative alone frees.")


class ReviewPage(Answered):
    """A page of the review."""

    groups: list[ReviewGroup]
    open: int = Field(description="Groups that are not put off.")
    later: int = Field(description="Groups that were put off.")
    matching: int = Field(description="Groups of the kind that is shown that pass the filter.")
    decided: int = Field(description="Groups that were decided on before, and whose pictures are still there.")
    gain_bytes: int = Field(description="What keeping the representatives of the matching groups alone frees.")
    relations: dict[str, int] = Field(description="How many groups have a member of each relation.")
    folders: dict[str, int] = Field(description="How many groups have a member in each folder or below it.")
    next: str | None = Field(description="Pass it as `cursor` for the next page; null on the last.")


class ReviewProgress(Answered):
    """How far the work has come that another request waits for."""

    work: Literal["finding", "moving", "restoring"] | None = Field(description="Groups are sought, or files are moved.")
    done: int | None = Field(description="Pictures that are done; null when nothing is under way.")
    total: int | None = Field(description="Pictures in all; null while that is not known.")


class ReviewQuery(Asked):
    """Which groups are reviewed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"threshold": 0.9}]})

    threshold: float | None = Field(None, description=THRESHOLD)
    all_kinds: bool = Field(False, description=ALL_KINDS)
    relation: RelationKind | None = Field(None, description=RELATION)
    folder: str | None = Field(None, max_length=_MOST_FOLDER_CHARS, description=FOLDER)


class NewDecision(Asked):
    """A decision about records."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"decision": "delete", "ids": ["copy.jpg"], "beside": ["original.jpg"]}]}
    )

    decision: Choice = Field(description="not_a_duplicate: any two of the records are different pictures.")
    ids: list[str] = Field(max_length=MOST_PICTURES)
    beside: list[str] = Field(
        [], max_length=MOST_PICTURES, description="The other records of the group that were looked at."
    )
    batch: str | None = Field(
        None, min_length=1, max_length=64, description="Decisions of one batch are undone at once."
    )


class DecisionForm(Answered):
    """A decision."""

    id: str
    at: str
    decision: str
    collection: str
    batch: str
    ids: list[str] = Field(description="The ids that the records had then.")
    beside: list[str]
    moved_to: str | None


class DecisionList(Answered):
    """What stands, the newest first."""

    decisions: list[DecisionForm]
    count: int
    next: str | None


class Undone(Answered):
    """What was taken back."""

    undone: list[DecisionForm]


class BestOfGroup(Answered):
    """What keeping the best means for one group."""

    keep: list[str]
    delete: list[str] = Field(description="Certainly the same picture: identical, same pixels, re-encoded, resized.")
    left: list[str] = Field(
        description="What a person has to look at: cropped or edited copies, and those without a picture to check."
    )


class BestOfGroups(Answered):
    """What keeping the best means for all open groups."""

    groups: list[BestOfGroup]
    count: int
    deleted: int
    left: int
    freed_bytes: int
    batch: str | None = Field(description="What undoes it; null where nothing was decided.")


class Obstacle(Answered):
    """Why a file stays for now."""

    code: str
    message: str


class MarkedRecord(Record):
    """A picture that is marked to go."""

    taken: str | None = Field(description="When it was taken, as the camera says it.")
    changed_at: str | None = Field(description="When its file was changed last, UTC; null where it is not a file.")
    decision: str = Field(description="The decision that says so.")
    kept: str | None = Field(description="The record that it gives way to; null where it was decided on alone.")
    freed_bytes: int = Field(description="What moving its file frees.")
    obstacle: Obstacle | None = Field(description="Why its file stays for now; null when nothing is in the way.")


class Run(Answered):
    """Files that were moved to the trash together, as far as they did not come back."""

    batch: str = Field(description="Brings them back.")
    at: str
    files: int
    bytes: int
    folder: str


class Marked(Answered):
    """The pictures that are marked to go, by id, and where they may go."""

    marked: list[MarkedRecord]
    count: int = Field(description="All that are marked.")
    ready: int = Field(description="Those with nothing in the way.")
    bytes: int = Field(description="What moving these frees.")
    next: str | None
    may_move: bool = Field(description="Whether the page may move them to the trash of the home.")
    reason: str | None = Field(description="Why not.")
    folder: str | None = Field(description="The trash of the home, where they would go; null where they may not.")
    command: str = Field(description="What moves them on the machine of the files.")
    runs: list[Run] = Field(description="What lies in the trash, the newest first, for callers who may see it.")


class Unmarked(Asked):
    """Pictures whose decision is taken back."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ids": ["8"]}]})

    ids: list[str] = Field(min_length=1, max_length=MOST_PICTURES)


class Move(Asked):
    """Which marked files go to the trash."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ids": ["8"]}]})

    ids: list[str] | None = Field(None, max_length=_MOST_NAMES, description="Those of these records; all without it.")


class MoveBack(Asked):
    """Which files come back."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"batch": "4f1d0c2b9a7e"}]})

    batch: str | None = Field(None, min_length=1, max_length=64, description="Those of this run; the last without it.")


class MovedFile(Answered):
    """A file that was moved."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    source: str = Field(alias="from")
    to: str


class NotMoved(Answered):
    """A file that stays where it is."""

    source: str
    code: str
    message: str


class Moved(Answered):
    """What became of files that were to go, or to come back."""

    batch: str = Field(description="Brings back what was moved to the trash.")
    moved: list[MovedFile]
    failed: list[NotMoved]
    bytes: int
    runs: list[Run] = Field(description="What lies in the trash now, the newest first.")


class Events(Asked):
    """Events of a ledger."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"events": []}]})

    events: list[dict[str, Any]] = Field(max_length=_MOST_EVENTS, description="As GET gives them, a line each.")


class Merged(Answered):
    """What became of the events that were sent."""

    added: int = Field(description="Events that were new.")
    read: int
