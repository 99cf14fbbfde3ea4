"""Groups of records as they are answered: duplicates, and clusters of what looks alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

from ...answers import DuplicateGroup
from ...distances import COPY_SCORE
from ...rendering import Card, PictureOf, Section, counted, html_fragment, no_picture, size_text, text_table


@dataclass(frozen=True)
class DuplicateGroups(Sequence[DuplicateGroup]):
    """The duplicate groups of a collection, largest first.

    Attributes:
        threshold: The floor on the score of a copy: the one that was asked for, or 0.90 where that is lower and
            geometry decided.
        unseen: Records that are alike and that there was no picture of to look at: of these the score alone decided.
    """

    collection: str
    threshold: float
    groups: tuple[DuplicateGroup, ...]
    unseen: int = 0
    picture: PictureOf = field(default=no_picture, repr=False, compare=False)

    @overload
    def __getitem__(self, place: int) -> DuplicateGroup: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[DuplicateGroup]: ...
    def __getitem__(self, place: int | slice) -> DuplicateGroup | Sequence[DuplicateGroup]:
        """Return a group by place, from 0."""
        return self.groups[place]

    def __len__(self) -> int:
        return len(self.groups)

    def __str__(self) -> str:
        if not self.groups:
            narrowed = f" with a score of {self.threshold:g} or more" if self.threshold > COPY_SCORE else ""
            return "\n".join(filter(None, [f'no duplicates in "{self.collection}"{narrowed}', self._unseen_text()]))
        header = ["group", "score", "id", "size", "format", "bytes", "relation"]
        table = text_table(header, list(self._rows()), right=[0, 1, 3, 5])
        return "\n".join(filter(None, [table, "", self.summary(), self._unseen_text()]))

    def _unseen_text(self) -> str:
        if not self.unseen:
            return ""
        return f"no picture to look at, so that the score alone decided: {counted(self.unseen, 'record')}"

    def summary(self) -> str:
        """Count the groups and their pictures in a line, and what those hold that are not the best."""
        others = [member for group in self.groups for member in group.members[1:]]
        spare = size_text(sum(member.byte_size for member in others))
        groups = counted(len(self.groups), "group")
        return f"{groups} of {len(self.groups) + len(others):,} pictures; all but the best of each hold {spare}"

    def _rows(self) -> Iterator[list[str]]:
        for number, group in enumerate(self.groups, start=1):
            for place, member in enumerate(group.members):
                width, height = member.size_px
                yield [
                    str(number) if place == 0 else "",
                    "best" if place == 0 else f"{member.score:.3f}",
                    member.id,
                    f"{width} x {height}",
                    member.format,
                    size_text(member.byte_size),
                    member.relation or "",
                ]

    def sections(self) -> list[Section]:
        """Return each group as a row of pictures."""
        return [
            Section(
                f"Group {number}",
                f"{counted(len(group.members), 'picture')}, lowest score {group.min_score:.3f}",
                [
                    Card(self.picture(member.id), f"{member.score:.3f}" if place else "representative", member.id)
                    for place, member in enumerate(group.members)
                ],
            )
            for number, group in enumerate(self.groups, start=1)
        ]

    def _repr_html_(self) -> str:
        return html_fragment(self.sections()[:50])


@dataclass(frozen=True)
class Clusters(Sequence[tuple[str, ...]]):
    """The connected clusters of a collection at a threshold, as ids: the largest first."""

    collection: str
    threshold: float
    clusters: tuple[tuple[str, ...], ...]

    @overload
    def __getitem__(self, place: int) -> tuple[str, ...]: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[tuple[str, ...]]: ...
    def __getitem__(self, place: int | slice) -> tuple[str, ...] | Sequence[tuple[str, ...]]:
        """Return a cluster by place, from 0."""
        return self.clusters[place]

    def __len__(self) -> int:
        return len(self.clusters)

    def __str__(self) -> str:
        if not self.clusters:
            return f'no clusters in "{self.collection}" at a score of {self.threshold:g}'
        rows = [
            [str(number) if place == 0 else "", str(len(ids)) if place == 0 else "", id]
            for number, ids in enumerate(self.clusters, start=1)
            for place, id in enumerate(ids)
        ]
        return text_table(["cluster", "records", "id"], rows, right=[0, 1])
