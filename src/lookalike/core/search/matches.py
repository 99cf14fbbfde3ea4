"""The page of matches that a search answers with: it reads as a table and shows its pictures in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from ...answers import Explanation, Match
from ...rendering import Card, PictureOf, Section, html_fragment, no_picture, text_table


@dataclass(frozen=True)
class Matches(Sequence[Match]):
    """A page of the matches of one search, best first.

    Attributes:
        query: What was asked, in plain values.
        threshold: The floor on the score that was asked for; None when there was none.
        next: The cursor of the page behind this one; None when nothing follows.
        explanation: How the answer was found, where that was asked for.
        left_out: Records of the collection that could not take part because they are damaged, as far as that was met.
        unknown: The tags that were asked for, and the fields of a filter that left nothing, which no record has.
    """

    collection: str
    query: Mapping[str, Any]
    matches: tuple[Match, ...]
    threshold: float | None = None
    next: str | None = None
    explanation: Explanation | None = None
    left_out: int = 0
    unknown: tuple[str, ...] = ()
    picture: PictureOf = field(default=no_picture, repr=False, compare=False)
    query_picture: Callable[[], bytes | None] = field(default=lambda: None, repr=False, compare=False)

    @overload
    def __getitem__(self, place: int) -> Match: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Match]: ...
    def __getitem__(self, place: int | slice) -> Match | Sequence[Match]:
        """Return a match by place, from 0."""
        return self.matches[place]

    def __len__(self) -> int:
        return len(self.matches)

    def __str__(self) -> str:
        lines = [self._table()]
        if self.explanation is not None:
            lines += ["", explanation_text(self.explanation, is_filtered="filter" in self.query)]
        return "\n".join(lines)

    def _table(self) -> str:
        if not self.matches:
            wanted = "" if self.threshold is None else f" with a score of {self.threshold:g} or more"
            return f'no match in "{self.collection}"{wanted}'
        every = [one for match in self.matches for one in (match, *(match.members or ()))]
        has_relation = any(one.relation for one in every)
        header = ["rank", "score", "distance", "id", *(["relation"] if has_relation else [])]
        more = [name for name in ("visual", "tags", "hidden") if _told(self.matches[0], name)]
        more += ["file"] if any(one.is_gone for one in every) else []
        rows = []
        for match in self.matches:
            for one, rank in ((match, str(match.rank)), *((member, "") for member in match.members or ())):
                rows.append([*_cells(one, rank)[: len(header)], *(_told(one, name) for name in more)])
        numbers = [0, 1, 2, *range(len(header), len(header) + len(more))]
        return "\n".join([text_table([*header, *more], rows, right=numbers), *self._notes()])

    def _notes(self) -> list[str]:
        """Explain in words what the table does not explain by itself."""
        notes = []
        if self.query.get("diversity"):
            notes.append("chosen to be unlike each other, so the scores are not in order")
        if self.query.get("verify") and any(match.relation for match in self.matches):
            notes.append(
                "scores are those of geometry, where a relation is told; distances are those of the descriptor"
            )
        return ["", *notes] if notes else []

    def sections(self) -> list[Section]:
        """Return the query and its matches as a row of pictures; the members of a group follow its best match."""
        shown = ", ".join(str(source) for source in self.query.get("like", []))
        cards = [Card(self.query_picture(), "query", shown, is_query=True)]
        for match in self.matches:
            cards.append(self._card(match, match.id))
            cards += [self._card(member, f"{member.id} (as {match.id})") for member in match.members or ()]
        text = f'{len(self.matches)} of "{self.collection}"' if self.matches else str(self)
        return [Section("What looks like this", text, cards)]

    def _card(self, match: Match, line: str) -> Card:
        notes = [match.relation or "", f"+ {match.hidden} alike" if match.hidden else ""]
        title = " · ".join([f"{match.score:.3f}", *filter(None, notes)])
        return Card(self.picture(match.id), title, line)

    def _repr_html_(self) -> str:
        return html_fragment(self.sections())


def explanation_text(told: Explanation, *, is_filtered: bool) -> str:
    """Return an explanation for people."""
    passing = " that pass the filter" if is_filtered else ""
    lines = [f"{told.total_ms:.1f} ms, of which {told.query_ms:.1f} ms for reading the query"]
    for step in told.steps:
        plan = step.plan
        of_how_many = "" if plan.matching is None else f" of {plan.matching:,}{passing}"
        lines.append(
            f"{step.asked_for} in {step.space}: {step.found:,} found for k={step.k:,}{of_how_many}; "
            f"{plan.method}: {plan.reason} (filter {plan.filter_ms:.1f} ms, search {plan.search_ms:.1f} ms)"
        )
    if told.reused:
        lines.append("the ranking was at hand from an earlier page")
    lines.append(f"{told.candidates:,} candidates scored, {told.by_hash:,} of them by hash or equal bytes alone")
    if told.verified:
        lines.append(f"{told.verified:,} related by geometry in {told.verify_ms:.1f} ms")
    return "\n".join(lines)


def _cells(match: Match, rank: str) -> list[str]:
    return [rank, f"{match.score:.3f}", f"{match.distance:.3f}", match.id, match.relation or ""]


def _told(match: Match, name: str) -> str:
    """Return a value that only some searches give, as text; "" where it is not given."""
    if name == "file":
        return "gone" if match.is_gone else ""
    if name == "hidden":
        return "" if match.hidden is None else str(match.hidden)
    return "" if match.parts is None else f"{match.parts[name]:.3f}"
