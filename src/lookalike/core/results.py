"""What the core answers: frozen values that read as tables and show their pictures in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

from ..answers import DuplicateGroup, Explanation, Match, Relation, RelationKind, Transform
from ..distances import COPY_SCORE
from ..records import Failure
from ..rendering import Card, Section, counted, html_fragment, size_text, text_table

if TYPE_CHECKING:
    from .explaining import PairEvidence

Picture = Callable[[str], bytes | None]  # record id -> JPEG bytes to show, or None


def _no_picture(_: str) -> bytes | None:
    return None


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
        """Say in words what the table does not explain by itself."""
        notes = []
        if self.query.get("diversity"):
            notes.append("chosen to be unlike each other, so the scores are not in order")
        if self.query.get("verify") and any(match.relation for match in self.matches):
            notes.append(
                "scores are those of geometry, where a relation is told; distances are those of the descriptor"
            )
        return ["", *notes] if notes else []

    def sections(self) -> list[Section]:
        """Give the query and its matches as a row of pictures; the members of a group follow its best match."""
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
    """Give an explanation for people."""
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
    """Give a value that only some searches give, as text; "" where it is not given."""
    if name == "file":
        return "gone" if match.is_gone else ""
    if name == "hidden":
        return "" if match.hidden is None else str(match.hidden)
    return "" if match.parts is None else f"{match.parts[name]:.3f}"


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
        """Give a cluster by place, from 0."""
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
        lines += [f"  {failure.code}: {failure.message}" for failure in self.failed[:20]]
        if len(self.failed) > 20:
            lines.append(f"  and {len(self.failed) - 20:,} more; all are in `failed`, which --json shows")
        return "\n".join(lines)

    @property
    def _rare(self) -> list[tuple[int, str]]:
        return [(self.moved, "moved"), (self.removed, "removed"), (self.skipped, "skipped")]


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


@dataclass(frozen=True)
class Comparison:
    """How alike two pictures are, and what they are to each other.

    Attributes:
        score: 0..1. A copy has 0.90 or more, what may be one 0.80 or more, and nothing else has; see `verdicts`.
        distance: What the descriptors say: cosine distance in the space that makes the strongest statement. A copy that
            is cropped or turned may be far by it, and flat pictures are near.
        distances: Space name to cosine distance.
        related: The relation with all that speaks for it; its parts are attributes of the comparison, too. None where
            there are no pixels of both to look at.
    """

    score: float
    distance: float
    distances: Mapping[str, float]
    related: Relation | None
    elapsed_ms: float
    explained: Callable[[], PairEvidence] = field(repr=False, compare=False)
    pictures: Callable[[], list[Card]] = field(default=list, repr=False, compare=False)

    @property
    def relation(self) -> RelationKind | None:
        """The kind of the relation, such as "cropped"; None where nobody could look."""
        return None if self.related is None else self.related.kind

    @property
    def details(self) -> tuple[RelationKind, ...]:
        """All kinds that hold, the strongest change first."""
        return () if self.related is None else self.related.details

    @property
    def transform(self) -> Transform | None:
        """How A became B; None where no part of the one was found in the other."""
        return None if self.related is None else self.related.transform

    @property
    def inliers(self) -> int:
        """Distinct places where both agree on the transform."""
        return 0 if self.related is None else self.related.inliers

    @property
    def agreement(self) -> float | None:
        """Share of what both show that is the very same; None where nothing could be laid over."""
        return None if self.related is None else self.related.agreement

    @property
    def confidence(self) -> float | None:
        """Probability that both are the same picture; None where nobody could look."""
        return None if self.related is None else self.related.confidence

    def explain(self) -> PairEvidence:
        """Show why: the places that agree and what was changed, or what makes both alike; as data and as a picture."""
        return self.explained()

    def __str__(self) -> str:
        each = ", ".join(f"{name} {distance:.3f}" for name, distance in self.distances.items())
        if self.related is None:
            said = "no pixels of both are kept: what they are to each other is not known"
            return f"score {self.score:.3f} (distance: {each})\n{said}"
        return f"score {self.score:.3f} (distance of the descriptors: {each})\n{relation_text(self.related)}"

    def sections(self) -> list[Section]:
        """Give the two pictures side by side."""
        return [Section("How alike these are", str(self), self.pictures())]

    def _repr_html_(self) -> str:
        return html_fragment(self.sections())


def relation_text(related: Relation) -> str:
    """Give a relation for people: what it is, how sure that is, and how the one picture became the other."""
    kinds = ", ".join(kind.replace("_", " ") for kind in related.details) + ", other colors" * related.other_colors
    chance = related.confidence if related.confidence == 1 else min(related.confidence, 0.99)  # 1.00 is certain
    text = f"{kinds}; the same picture with probability {chance:.2f}"
    if max(related.frames) > 1:
        text += f"; A holds {related.frames[0]} pictures, B {related.frames[1]}: the first of each was looked at"
    seen = related.transform
    if seen is None:
        return text
    steps = ["mirrored"] if seen.mirrored else []
    steps += [f"turned by {seen.angle_deg:g} degrees"] if seen.angle_deg else []
    steps += [f"scaled by {seen.scale:g}"] if seen.scale != 1 else []
    boxes = f"A {','.join(map(str, seen.crop_a))} is B {','.join(map(str, seen.crop_b))}"
    return f"{text}\nfrom A to B: {', '.join([*steps, boxes])} (x,y,w,h in px), {related.inliers} places agree"


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
        """Give each group as a row of pictures."""
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
