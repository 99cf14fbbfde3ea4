"""What the core answers: frozen values that read as tables and show their pictures in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from ..rendering import Card, Section, html_fragment, text_table
from ..values import DuplicateGroup, Failure, Match

Picture = Callable[[str], bytes | None]  # record id -> JPEG bytes to show, or None


def _no_picture(_: str) -> bytes | None:
    return None


@dataclass(frozen=True)
class Matches(Sequence[Match]):
    """The matches of one search, best first.

    Attributes:
        query: What was asked, in plain values.
        threshold: The floor on the score that was asked for; None when there was none.
    """

    collection: str
    query: Mapping[str, Any]
    matches: tuple[Match, ...]
    threshold: float | None = None
    picture: Picture = field(default=_no_picture, repr=False, compare=False)
    query_picture: Callable[[], bytes | None] = field(default=lambda: None, repr=False, compare=False)

    @overload
    def __getitem__(self, place: int) -> Match: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Match]: ...
    def __getitem__(self, place: int | slice) -> Match | Sequence[Match]:
        """Give a match by place, from 0."""
        return self.matches[place]

    def __len__(self) -> int:
        return len(self.matches)

    def __str__(self) -> str:
        if not self.matches:
            wanted = "" if self.threshold is None else f" with a score of {self.threshold:g} or more"
            return f'no match in "{self.collection}"{wanted}'
        rows = [[str(m.rank), f"{m.score:.3f}", f"{m.distance:.3f}", m.id, m.relation or ""] for m in self.matches]
        return text_table(["rank", "score", "distance", "id", "relation"], rows, right=[0, 1, 2])

    def sections(self) -> list[Section]:
        """Give the query and its matches as a row of pictures."""
        asked = ", ".join(str(source) for source in self.query.get("like", []))
        cards = [Card(self.query_picture(), "query", asked, is_query=True)]
        for match in self.matches:
            line = f"{match.score:.3f}" + (f" · {match.relation}" if match.relation else "")
            cards.append(Card(self.picture(match.id), line, match.id))
        text = f'{len(self.matches)} of "{self.collection}"' if self.matches else str(self)
        return [Section("What looks like this", text, cards)]

    def _repr_html_(self) -> str:
        return html_fragment(self.sections())


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

    def __str__(self) -> str:
        counts = [(self.added, "added"), (self.updated, "updated"), (self.unchanged, "unchanged")]
        counts += [(n, word) for n, word in ((self.removed, "removed"), (self.skipped, "skipped")) if n]
        counts += [(len(self.failed), "failed")]
        lines = [", ".join(f"{n:,} {word}" for n, word in counts) + f" in {self.seconds:.1f} s"]
        lines += [f"  {failure.code}: {failure.message}" for failure in self.failed[:20]]
        if len(self.failed) > 20:
            lines.append(f"  and {len(self.failed) - 20:,} more")
        return "\n".join(lines)


@dataclass(frozen=True)
class Comparison:
    """How alike two pictures are.

    Attributes:
        score: 0..1, by the stronger of the statements that `distances` and hashes make.
        distance: Cosine distance in the space that made that statement.
        distances: Space name to cosine distance.
        relation: "identical" for equal bytes; None where nothing is said yet.
    """

    score: float
    distance: float
    distances: Mapping[str, float]
    relation: str | None
    elapsed_ms: float
    pictures: Callable[[], list[Card]] = field(default=list, repr=False, compare=False)

    def __str__(self) -> str:
        each = ", ".join(f"{name} {distance:.3f}" for name, distance in self.distances.items())
        relation = f", {self.relation}" if self.relation else ""
        return f"score {self.score:.3f}{relation} (distance: {each})"

    def sections(self) -> list[Section]:
        """Give the two pictures side by side."""
        return [Section("How alike these are", str(self), self.pictures())]

    def _repr_html_(self) -> str:
        return html_fragment(self.sections())


@dataclass(frozen=True)
class DuplicateGroups(Sequence[DuplicateGroup]):
    """The duplicate groups of a collection, largest first."""

    collection: str
    threshold: float
    groups: tuple[DuplicateGroup, ...]
    picture: Picture = field(default=_no_picture, repr=False, compare=False)

    @overload
    def __getitem__(self, place: int) -> DuplicateGroup: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[DuplicateGroup]: ...
    def __getitem__(self, place: int | slice) -> DuplicateGroup | Sequence[DuplicateGroup]:
        """Give a group by place, from 0."""
        return self.groups[place]

    def __len__(self) -> int:
        return len(self.groups)

    def __str__(self) -> str:
        if not self.groups:
            return f'no duplicates in "{self.collection}" with a score of {self.threshold:g} or more'
        return text_table(["group", "score", "id", "relation"], list(self._rows()), right=[0, 1])

    def _rows(self) -> Iterator[list[str]]:
        for number, group in enumerate(self.groups, start=1):
            for place, member in enumerate(group.members):
                label = str(number) if place == 0 else ""
                score = "keep" if place == 0 else f"{member.score:.3f}"
                yield [label, score, member.id, "" if place == 0 else member.relation or ""]

    def sections(self) -> list[Section]:
        """Give each group as a row of pictures."""
        return [
            Section(
                f"Group {number}",
                f"{len(group.members)} pictures, lowest score {group.min_score:.3f}",
                [
                    Card(self.picture(member.id), f"{member.score:.3f}" if place else "representative", member.id)
                    for place, member in enumerate(group.members)
                ],
            )
            for number, group in enumerate(self.groups, start=1)
        ]

    def _repr_html_(self) -> str:
        return html_fragment(self.sections()[:50])
