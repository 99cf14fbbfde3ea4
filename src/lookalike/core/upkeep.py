"""The upkeep of a collection: settings, damage checks, compaction, backups."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..limits import Limits, check_field, checked_fields
from ..records import CollectionSpec, Progress
from ..rendering import counted, size_text
from .base import CollectionBase
from .ingest.pipeline import OnProgress
from .ingest.pruning import gone_records

if TYPE_CHECKING:
    from ..stores import Findings, Harm


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


class Upkeep(CollectionBase):
    """Keeps a collection in shape."""

    def configure(
        self,
        *,
        fields: Iterable[str] | None = None,
        product_id_field: str | None = None,
        recall_target: float | None = None,
        title: str | None = None,
    ) -> None:
        """Change settings of the living collection; None leaves them.

        Args:
            fields: All fields that are to be declared: what is filtered by often is filtered faster.
            product_id_field: The field that says which records show one product; "" takes it away.
            recall_target: The share of true neighbors that an approximate index must find, over 0 up to 1; with 1
                every search is exact. A higher one holds at once: searches are exact until the index is tuned anew.
            title: What people call it, where that is not its name; "" for its name.

        Raises:
            InputError: when the recall target is out of range, the fields are too many, or the title is too long.
        """
        if title is not None:
            check_title(title, limits=self._describer.settings.limits)
        limits = self._describer.settings.limits
        check_field(product_id_field or "", limits)
        self._store.configure(
            fields=None if fields is None else checked_fields(fields, limits),
            product_id_field=product_id_field,
            recall_target=recall_target,
            title=title,
        )

    def declare(self, fields: Iterable[str] = (), drop: Iterable[str] = ()) -> None:
        """Declare more fields and drop others; the records keep what they hold.

        Raises:
            InputError: when a field to drop is not declared, and when there would be too many.
        """
        more, fewer = checked_fields(fields, self._describer.settings.limits), tuple(drop)
        if more or fewer:
            self._store.configure(more_fields=more, fewer_fields=fewer)

    def info(self) -> dict[str, Any]:
        """Return what the collection is, what it holds and how it searches, in plain values."""
        return info_of(self.spec, self._store.statistics())

    def count_gone(self) -> int:
        """Count the records of local files that are not there any more. Cost: a look at every file."""
        return sum(1 for _ in gone_records(self._store))

    def check(self) -> list[str]:
        """Look for damage, and give what was found in plain words; empty when all is well."""
        return self._store.check()

    def examine(self) -> Findings:
        """Look for damage: what `check` gives, the damaged records by id, and whether `repair` has something to do."""
        return self._store.examine()

    def repair(self) -> list[str]:
        """Mend what can be mended without losing anything, and say what was done.

        A collection of an earlier lookalike gets its checksums. A damaged vector or kept picture is made anew from the
        kept original or the source file, where that still has the very bytes that were indexed.
        """
        from .ingest.repair import repair

        return repair(self._store, self._entry)

    def damaged(self) -> Mapping[str, Harm]:
        """Return the records that answers go without because they are damaged, as far as that was met until now.

        Returns:
            Their ids, and what of them is damaged: a text for people, whose `part` is for programs.
        """
        return self._store.damaged()

    def compact(self, on_progress: OnProgress | None = None) -> Compacted:
        """Rewrite what is on disk, so that no byte of vectors, pictures and metadata of deleted records is left.

        What people decided about their pictures stays, and is named in the answer.

        Args:
            on_progress: Called with a Progress in hundredths.

        Cost: reads and writes the whole collection, and needs as much room as it takes; others may search meanwhile,
            and writers wait.
        """
        before = self._store.statistics()["bytes_on_disk"]
        tell = None if on_progress is None else (lambda share: on_progress(Progress(round(100 * share), 100)))
        self._store.compact(tell)
        after = self._store.statistics()["bytes_on_disk"]
        return Compacted(before, after, tuple(self.decisions.about_gone()))

    def backup(self, target: str | os.PathLike[str]) -> Mapping[str, Sequence[str]]:
        """Copy the collection, with a digest, to a new folder while it is in use.

        Returns:
            The damaged records that the copy holds as they are: their ids, and what of each it is.
        """
        return self._store.backup(Path(target))

    def flush(self) -> None:
        """Bring the derived index files up to date, so that the next opening is quick."""
        self._store.flush()

    def close(self) -> None:
        """Let go of files and memory."""
        self._store.close()


def info_of(spec: CollectionSpec, statistics: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a collection is, what it holds and how it searches, in plain values."""
    return {
        "name": spec.name,
        "title": spec.title,
        "type": spec.type,
        "keep": spec.keep,
        "encoder": spec.encoder,
        "encoder_digest": spec.encoder_digest,
        "fields": list(spec.fields),
        "product_id_field": spec.product_id_field,
        "created_at": spec.created_at,
        "calibration": None if spec.calibration is None else dataclasses.asdict(spec.calibration),
        **statistics,
    }


def check_new_name(name: str) -> None:
    """Refuse a name that a new collection could not be reached by over HTTP; older ones that have it stay usable.

    Raises:
        InputError: for a part between slashes that is "." or "..".
    """
    dots = next((part for part in re.split(r"[/\\]", name) if part in (".", "..")), None)
    if dots is not None:
        raise InputError(
            f'"{name[:80]}" cannot name a new collection: browsers and proxies take the part "{dots}" out of an '
            f"address, so that it leads elsewhere. Pass a name without it, such as shop or shop/2024."
        )


def check_title(title: str, *, limits: Limits) -> None:
    """Refuse a title that is not text, or too long.

    Raises:
        InputError: naming what is wrong.
    """
    if not isinstance(title, str) or len(title) > limits.max_title_chars:
        most = limits.max_title_chars
        raise InputError(f"{str(title)[:80]!r} cannot be a title: pass a text of at most {most:,} characters.")
