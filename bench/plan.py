"""The plan of a run: where pictures come from, where scratch files go, and how large everything is."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        rounds: Repetitions of what is measured in turns; the median counts.
        files: Least number of files in a folder to index, so that the start of the process does not count.
        searches: Records of the collections to search.
        queries: Queries for each of them.
        questions: Records of the collections that are asked with filters, groups and diversity.
        graph: Records of the collection whose similarity graph is made.
        requests: Requests of each kind to the server.
        memory: Files of the small and of the large folder whose indexing is watched.
        cold: Repetitions of a cold command.
        cold_records: Records of the collection that a cold command searches.
        duplicates: Records of the collections whose duplicates are found.
        relations: Every so many-th of the labelled pairs is related, and of the labelled pictures grouped.
    """

    rounds: int = 3
    files: int = 4000
    searches: tuple[int, ...] = (1_000, 10_000, 100_000)
    queries: int = 200
    questions: tuple[int, ...] = (10_000, 100_000)
    graph: int = 100_000
    requests: int = 600
    memory: tuple[int, int] = (1_000, 20_000)
    cold: int = 7
    cold_records: int = 10_000
    duplicates: tuple[int, ...] = (20_000, 100_000)
    relations: int = 1


FULL = Sizes()
LONG = Sizes(questions=(10_000, 100_000, 1_000_000))
QUICK = Sizes(
    1, 60, (1_000,), 20, (2_000,), 2_000, 210, (50, 200), 2, 1_000, (1_000,), 60
)  # to see that everything runs


@dataclass(frozen=True)
class Plan:
    """What each benchmark is given.

    Attributes:
        data: The folder of labelled pictures, or None.
        scratch: An empty folder that goes away after the run.
    """

    data: Path | None
    scratch: Path
    sizes: Sizes

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        """Give an empty folder that goes away after the block."""
        folder = self.scratch / name
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def planned(data: str | None, sizes: Sizes) -> Iterator[Plan]:
    """Make a plan with a scratch folder of its own.

    Args:
        data: The folder of labelled pictures; else LOOKALIKE_TEST_DATA, else ../shared/data where it is there.
    """
    named = data or os.environ.get("LOOKALIKE_TEST_DATA")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    if named and not folder.is_dir():
        raise SystemExit(f'there is no folder "{folder}": pass --data, or set LOOKALIKE_TEST_DATA.')
    scratch = Path(mkdtemp(prefix="lookalike-bench-"))
    try:
        yield Plan(folder if folder.is_dir() else None, scratch, sizes)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def tell(text: str) -> None:
    """Say on stderr what is going on."""
    print(f"  {text}", file=sys.stderr, flush=True)
