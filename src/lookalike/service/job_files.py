"""What a job is, and the folder of what is long about it; the job itself is a row of the service store (`job_rows`):

input             the bytes as they came; removed when the job has ended
outcomes.jsonl    a line for each picture that is settled, in the order of the input
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, BinaryIO, Literal, Required, TypedDict

from .. import disk
from ..records import Failure, Outcome

State = Literal["waiting", "running", "done", "cancelled", "failed"]

ENDED: tuple[State, ...] = ("done", "cancelled", "failed")

Step = Literal["", "listing", "writing", "adding", "removing"]

_MOST_LINE_BYTES = 1 << 20  # an outcome has less; what has more is damaged
_INPUT, _OUTCOMES = "input", "outcomes.jsonl"


class JobRequest(TypedDict, total=False):
    """What is asked of a job; `Job` says what each means."""

    collection: Required[str]
    form: Required[str]
    replace: bool
    folder: str
    prune: bool
    prune_all: bool
    key_id: Required[str | None]
    request_id: str


@dataclass(frozen=True)
class Job:
    """One job, as it stands.

    Attributes:
        form: What the input is, in the words of the door that took it ("application/x-ndjson").
        replace: Overwrite records that other sources made under the same id.
        folder: The folder of this machine that it indexes, as the server names it; "" for what was sent.
        prune, prune_all: Whether it removes the records of files that are gone, and however many these are.
        key_id: The key that asked for it; None for nobody in particular.
        request_id: The request that brought it; log lines about the job name it.
        step: What it does now, for those that do more than add; "" else.
        prepared: Pictures that are listed, or written, before the first is added.
        total: Pictures in the input; None until it is known.
        counts: How many ended in which way.
        removed: Records that were removed, as their files are gone.
        failure: Why the job as a whole failed; its `source` is the collection.
        is_cancelled: Whether it is to end, or has ended, because somebody cancelled it.
    """

    id: str
    collection: str
    form: str
    created_at: str
    replace: bool = False
    folder: str = ""
    prune: bool = False
    prune_all: bool = False
    key_id: str | None = None
    request_id: str = ""
    state: State = "waiting"
    step: Step = ""
    prepared: int = 0
    total: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    removed: int = 0
    failure: Failure | None = None
    started_at: str | None = None
    ended_at: str | None = None
    is_cancelled: bool = False

    @property
    def done(self) -> int:
        """How many pictures are settled."""
        return sum(self.counts.values())

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ENDED


class JobFolder:
    """The folder of one job."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def input(self) -> Path:
        """Where the input is, or is to be written."""
        return self.path / _INPUT

    def exists(self) -> bool:
        """Whether the folder is there."""
        return self.path.is_dir()

    def check(self) -> None:
        """Refuse to go on in a folder that was removed: what is written to its open files is lost.

        Raises:
            FileNotFoundError: when it is gone.
        """
        self.path.stat()

    def sweep(self) -> None:
        """Remove what a dead process left; only for who works on the job."""
        disk.sweep_all(self.path)

    def counts(self) -> dict[str, int]:
        """Count the outcomes by what became of the picture.

        Raises:
            ValueError, TypeError, KeyError: when a line is broken.
        """
        return dict(Counter(json.loads(line)["outcome"] for line in self._lines()))

    def appending(self) -> BinaryIO:
        """Open the outcomes to append. What a crash left of a line is taken away: its picture is added again."""
        whole = sum(len(line) for line in self._lines())
        path = self.path / _OUTCOMES
        is_new = not path.exists()
        stream = open(path, "ab", opener=disk.open_private)  # noqa: SIM115 - the caller closes it
        stream.truncate(whole)
        if is_new:
            disk.sync(self.path)
        return stream

    def told(self, start: int = 0) -> Iterator[dict[str, Any]]:
        """Return what was written of the outcomes, from a place on."""
        return map(json.loads, islice(self._lines(), start, None))

    def outcomes(self, start: int) -> Iterator[Outcome]:
        """Return the outcomes from a place on."""
        for told in self.told(start):
            failure = Failure(told["source"], told["code"], told["message"]) if "code" in told else None
            yield Outcome(told["place"], told["id"], told["outcome"], failure)

    def byte_size(self) -> int:
        """Return the bytes of the input, as long as it is there, and of the outcomes."""
        size = 0
        for name in (_INPUT, _OUTCOMES):
            with suppress(OSError):
                size += (self.path / name).stat().st_size
        return size

    def drop_input(self) -> None:
        """Remove the input, which nobody needs any more."""
        disk.remove_file(self.input)

    def _lines(self) -> Iterator[bytes]:
        """Return the whole lines of the outcomes; none where there are none yet."""
        try:
            with open(self.path / _OUTCOMES, "rb") as stream:
                while (line := stream.readline(_MOST_LINE_BYTES)).endswith(b"\n"):
                    yield line
        except FileNotFoundError:
            return


def write_outcomes(stream: BinaryIO, outcomes: Sequence[Outcome], lines: Sequence[int] = ()) -> None:
    """Append outcomes, and force them to disk.

    Args:
        lines: The line of the input that each is about, where these come in another order.
    """
    for outcome, number in zip_longest(outcomes, lines):
        line: dict[str, Any] = {"place": outcome.place, "id": outcome.id, "outcome": outcome.kind}
        line |= {} if number is None else {"line": number}
        line |= asdict(outcome.failure) if outcome.failure is not None else {}
        stream.write(json.dumps(line, ensure_ascii=True).encode() + b"\n")
    disk.sync_stream(stream)


def now_text() -> str:
    """Return the time, as jobs tell it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
