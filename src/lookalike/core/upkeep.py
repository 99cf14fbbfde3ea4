"""What keeping a collection in shape comes to."""

from __future__ import annotations

from dataclasses import dataclass

from ..rendering import counted, size_text


@dataclass(frozen=True)
class Compacted:
    """What became of a collection that was compacted.

    Attributes:
        bytes_before, bytes_after: What it took on disk.
        decisions: The ids of decisions about pictures that no record of it shows any more; they stay until
            `Ledger.forget`.
    """

    bytes_before: int
    bytes_after: int
    decisions: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"{size_text(self.bytes_before)} before, {size_text(self.bytes_after)} now"
        if not self.decisions:
            return text
        told, stay = counted(len(self.decisions), "decision"), "stays" if len(self.decisions) == 1 else "stay"
        return (
            f"{text}\n{told} about pictures that are gone {stay}, with names, places and hashes: "
            "`lookalike decisions forget --gone` drops them"
        )
