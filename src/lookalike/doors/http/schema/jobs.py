"""Jobs, and the folders of the server."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from .base import Answered, Asked
from .records import FailureForm, OutcomeForm


class JobForm(Answered):
    """A job."""

    id: str
    collection: str
    folder: str | None = Field(description="The folder of the server's machine that it indexes.")
    state: Literal["waiting", "running", "done", "cancelled", "failed"]
    step: Literal["listing", "writing", "adding", "removing"] | None = Field(
        description="What a job does now that indexes a folder or writes samples; null for others."
    )
    prepared: int = Field(description="Files that are listed, or samples that are written, before the first is added.")
    total: int | None = Field(description="Pictures in its input; null until it is known.")
    done: int
    counts: dict[str, int]
    removed: int = Field(description="Records that were removed, as their files are gone.")
    error: FailureForm | None = Field(description="Why the job as a whole failed.")
    created_at: str
    started_at: str | None
    ended_at: str | None


class FolderToIndex(Asked):
    """A folder of the server's machine to index."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"folder": "Pictures/2024"}]})

    folder: str = Field(description='As `GET /library` names it: "Pictures/2024"; or its whole path.', max_length=4096)
    prune: bool = Field(
        False, description="Remove records whose files are gone, unless so many are that the disk may be."
    )
    prune_all: bool = Field(False, description="Remove them however many they are.")


class FolderCount(Answered):
    """A folder, and the pictures anywhere below it, by the names of the files."""

    path: str = Field(description="Ask with it for what is below, and index by it.")
    name: str = Field(description="Its last part.")
    pictures: int
    is_all: bool = Field(description="Whether these are all: counting stops where an answer would take too long.")
    has_folders: bool


class FolderList(Answered):
    """The folders directly below one, or the roots that the server was given."""

    path: str
    folders: list[FolderCount]
    left_out: int = Field(description="Folders that are not listed, since there are too many.")


class JobList(Answered):
    """The jobs that the caller may see, newest first."""

    jobs: list[JobForm]


class OutcomeList(Answered):
    """A page of a job's outcomes."""

    outcomes: list[OutcomeForm]
    next: int | None = Field(description="Pass it as `start` for the next page; null when there are no more yet.")
