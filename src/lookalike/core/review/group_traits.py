"""What duplicate groups are sorted and filtered by: bytes to gain, likeness, relations, folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal, get_args

from ...answers import RelationKind
from ...errors import InputError
from ..ingest.local_files import freed_bytes

if TYPE_CHECKING:
    from ...answers import DuplicateGroup, Member

Sort = Literal["size", "gain", "likeness"]

_MOST_FOLDERS = 200  # that are counted: those with the most groups
_MOST_FOLDER_CHARS = 4096


@dataclass(frozen=True)
class GroupTraits:
    """A duplicate group with what people sort and filter by.

    Attributes:
        gain_bytes: What keeping the representative alone frees.
        relations: What its other members are to the representative, as far as that is known.
        folders: The folders that its members lie in, and all those above, as their ids tell them.
    """

    group: DuplicateGroup
    gain_bytes: int
    relations: frozenset[str]
    folders: frozenset[str]

    def rank(self, sort: Sort) -> tuple[float, str]:
        """Return what groups are sorted by: the greater the first number, the earlier; ties by representative."""
        value = {"size": len(self.group.members), "gain": self.gain_bytes, "likeness": self.group.min_score}[sort]
        return -value, self.group.representative


@dataclass(frozen=True)
class GroupFilter:
    """Which groups to take; None takes all.

    Attributes:
        relation: One of their members is this to the representative.
        folder: One of their members lies in it, or below; as ids tell folders, or as a path of this machine.
    """

    relation: str | None = None
    folder: str | None = None

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: for a relation that is unknown, and a folder that is none.
        """
        if self.relation is not None and self.relation not in get_args(RelationKind):
            kinds = ", ".join(get_args(RelationKind))
            raise InputError(f"relation={self.relation[:80]!r} is unknown: pass one of {kinds}.")
        if self.folder is not None and not 0 < len(self.folder.rstrip("/")) <= _MOST_FOLDER_CHARS:
            raise InputError(f"folder={self.folder[:80]!r} names no folder: pass one that ids begin with, or a path.")

    def takes(self, one: GroupTraits) -> bool:
        """Return whether a group passes."""
        if self.relation is not None and self.relation not in one.relations:
            return False
        if self.folder is None:
            return True
        folder = self.folder.rstrip("/")
        return folder in one.folders or any(_lies_in(member, folder) for member in one.group.members)


def traits_of(groups: Iterable[DuplicateGroup]) -> list[GroupTraits]:
    """Look at groups once, so that they can be sorted and filtered often."""
    return [
        GroupTraits(
            group,
            sum(freed_bytes(member) for member in group.members[1:]),
            frozenset(member.relation for member in group.members[1:] if member.relation is not None),
            frozenset(folder for member in group.members for folder in folders_of(member.id)),
        )
        for group in groups
    ]


def folders_of(record_id: str) -> list[str]:
    """Return the folder that an id tells, and all those above it; none for an address of the web."""
    parts = [] if "://" in record_id else [part for part in record_id.split("/")[:-1] if part]
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def counted_relations(all_traits: Sequence[GroupTraits]) -> dict[str, int]:
    """Count the groups of each relation, the most frequent first."""
    counts = Counter(relation for one in all_traits for relation in one.relations)
    return dict(sorted(counts.items(), key=lambda found: (-found[1], found[0])))


def counted_folders(all_traits: Sequence[GroupTraits]) -> dict[str, int]:
    """Count the groups of each folder, by its name; of more than 200 those with the most groups."""
    counts = Counter(folder for one in all_traits for folder in one.folders)
    most = sorted(counts, key=lambda folder: (-counts[folder], folder))[:_MOST_FOLDERS]
    return {folder: counts[folder] for folder in sorted(most)}


def _lies_in(member: Member, folder: str) -> bool:
    return PurePath(folder).is_absolute() and PurePath(member.source or "").is_relative_to(folder)
