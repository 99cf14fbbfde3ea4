"""The report of an addition: how many sources became what, and which failed."""

from __future__ import annotations

from dataclasses import dataclass

from ...records import Failure
from ...rendering import counted


@dataclass(frozen=True)
class Report:
    """What became of the sources that were added."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    removed: int = 0
    failed: tuple[Failure, ...] = ()
    seconds: float = 0.0
    moved: int = 0

    def __str__(self) -> str:
        counts = [(self.added, "added"), (self.updated, "updated"), (self.unchanged, "unchanged")]
        counts += [(n, word) for n, word in self._rare if n]
        counts += [(len(self.failed), "failed")]
        lines = [", ".join(f"{n:,} {word}" for n, word in counts) + f" in {self.seconds:.1f} s"]
        if not (self.added or self.updated or self.unchanged or self.moved or self.failed):
            looked_at = f"{counted(self.skipped, 'file')} looked at, none of which is a picture"
            lines.append(f"  no pictures found: {looked_at}" if self.skipped else "  nothing was there to add")
        lines += [f"  {failure.code}: {failure.message}" for failure in self.failed[:20]]
        if len(self.failed) > 20:
            lines.append(f"  and {len(self.failed) - 20:,} more; all are in `failed`, which --json shows")
        return "\n".join(lines)

    @property
    def _rare(self) -> list[tuple[int, str]]:
        return [(self.moved, "moved"), (self.removed, "removed"), (self.skipped, "skipped")]
