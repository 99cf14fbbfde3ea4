"""The review: duplicate groups as people go through them, with what they decided so far, a page at a time.

The groups are found once, with what was decided before left out, and stand while people decide, so that nothing moves
below their hands; asking for the first page finds them anew when something changed.
"""

from __future__ import annotations

import base64
import binascii
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Literal, Protocol, get_args

from ... import intake
from ...arguments import checked_methods
from ...errors import InputError
from ...limits import check_count
from ..decisions.ledger import Choice, Event
from ..ingest.local_files import freed_bytes
from .group_traits import GroupFilter, GroupTraits, Sort, counted_folders, counted_relations, traits_of

if TYPE_CHECKING:
    from ...answers import DuplicateGroup
    from ...records import Progress, Record
    from ..decisions.decisions import Decisions
    from ..duplicates.results import DuplicateGroups
    from ..ingest.pipeline import OnProgress

Show = Literal["open", "later"]
Work = Literal["finding", "moving", "restoring"]

CERTAIN = frozenset({"identical", "same_pixels", "reencoded", "resized"})  # relations that nobody has to look at

_MOST_GROUPS = 1000  # on a page
_REVIEWS_KEPT = 4  # thresholds


class Reviewable(Protocol):
    """What a review asks of a collection."""

    @property
    def version(self) -> int:
        """Rises with every write."""
        ...

    @property
    def decisions(self) -> Decisions:
        """What was decided about its pictures."""
        ...

    def get_many(self, record_ids: Sequence[str]) -> dict[str, Record]:
        """Return the records of some ids, as far as they are there."""
        ...

    def duplicates(self, *, threshold: float | None, on_progress: OnProgress | None) -> DuplicateGroups:
        """Return the groups that are to be reviewed."""
        ...


@dataclass(frozen=True)
class Reviewed:
    """A record of a group under review.

    Attributes:
        score: Against the group's representative.
        decision: What stands for it: of its own, or "not_a_duplicate" of the representative.
    """

    record: Record
    score: float
    relation: str | None
    confidence: float | None
    decision: Choice | None

    @property
    def changed_at(self) -> str | None:
        """When its file was changed last; UTC, ISO 8601; None where it is not a file."""
        return changed_at(self.record)


@dataclass(frozen=True)
class ReviewedGroup:
    """A group under review; its members begin with the representative.

    Attributes:
        gain_bytes: What keeping the representative alone frees.
    """

    members: tuple[Reviewed, ...]
    gain_bytes: int


@dataclass(frozen=True)
class ReviewPage:
    """A page of groups, in the order that was asked for.

    Attributes:
        open_count: Groups that nobody put off.
        later_count: Groups all of whose members were put off.
        matching_count: Groups of the kind that is shown that pass the filter; pages end with the last of them.
        decided_count: Groups that were decided on before these were found, and whose pictures are still there.
        gain_bytes: What keeping the representatives alone frees, of the groups that are counted as matching.
        relations: How many groups, open or put off, have a member of each relation.
        folders: How many have a member in each folder or below it.
        next: The cursor of the page behind this one; None when nothing follows.
    """

    groups: tuple[ReviewedGroup, ...]
    open_count: int
    later_count: int
    matching_count: int
    decided_count: int
    gain_bytes: int
    relations: Mapping[str, int]
    folders: Mapping[str, int]
    next: str | None


@dataclass(frozen=True)
class BestOf:
    """What the rule "keep the best" says about one group, by record id.

    Attributes:
        deleted: Those that are certainly the kept picture once more.
        freed_bytes: What these have.
        left: Those that a person has to look at: they are cropped, edited or the like, or nobody could look.
    """

    kept: tuple[str, ...]
    deleted: tuple[str, ...]
    freed_bytes: int
    left: tuple[str, ...] = ()


class _Found:
    """The groups of one look, with what they are sorted and filtered by."""

    def __init__(self, moment: tuple[int, int], groups: Sequence[DuplicateGroup]) -> None:
        self.moment = moment
        self.groups = groups

    @cached_property
    def traits(self) -> list[GroupTraits]:
        return traits_of(self.groups)

    @cached_property
    def members(self) -> frozenset[str]:
        """The ids of all members."""
        return frozenset(member.id for group in self.groups for member in group.members)

    @cached_property
    def relations(self) -> Mapping[str, int]:
        return counted_relations(self.traits)

    @cached_property
    def folders(self) -> Mapping[str, int]:
        return counted_folders(self.traits)


@checked_methods
class Review:
    """The reviews of one collection, by threshold. May be used from many threads."""

    def __init__(self, collection: Reviewable) -> None:
        self._collection = collection
        self._found: dict[float | None, _Found] = {}
        self._finding = threading.Lock()
        self._progress: tuple[Work, Progress] | None = None

    @property
    def progress(self) -> Progress | None:
        """How far the work has come that is under way; None when none is."""
        return None if self._progress is None else self._progress[1]

    @property
    def work(self) -> Work | None:
        """What is under way, as far as it tells its progress: the finding of groups, or the moving of files."""
        return None if self._progress is None else self._progress[0]

    @contextmanager
    def telling(self, work: Work) -> Iterator[OnProgress]:
        """Lend what tells the progress of a work, until it ends."""

        def tell(progress: Progress) -> None:
            self._progress = work, progress

        try:
            yield tell
        finally:
            self._progress = None

    def page(
        self,
        *,
        threshold: float | None = None,
        show: Show = "open",
        sort: Sort = "size",
        relation: str | None = None,
        folder: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> ReviewPage:
        """Return groups that are still to be decided on.

        Args:
            threshold: Floor on the score, as for `duplicates`.
            show: "open", or "later" for those that were put off.
            sort: "size" puts those with the most pictures first, "gain" those that free the most bytes, and "likeness"
                those whose least alike member scores highest. Ties by the id of the representative.
            relation: Only groups with a member of this relation to the representative, such as "resized".
            folder: Only groups with a member in this folder or below it: one that ids begin with, or a path.
            limit: Groups at most.
            cursor: `next` of the page before, of the same order.

        Raises:
            InputError: for values out of range, and a cursor that is none.
        """
        check_count("limit", limit, least=1, most=_MOST_GROUPS)
        for name, value, known in (("show", show, Show), ("sort", sort, Sort)):
            if value not in get_args(known):
                raise InputError(f"{name}={value!r} is unknown: pass {' or '.join(get_args(known))}.")
        after = None if cursor is None else _place_of(cursor, sort)
        wanted = GroupFilter(relation, folder)
        found = self._groups(threshold, anew=cursor is None)
        put_off = self._put_off()
        later = [all(member.id in put_off for member in one.group.members) for one in found.traits]
        matching = [
            one
            for one, is_later in zip(found.traits, later, strict=True)
            if is_later == (show == "later") and wanted.takes(one)
        ]
        matching.sort(key=lambda one: one.rank(sort))
        behind = matching if after is None else (one for one in matching if one.rank(sort) > after)
        chosen = list(islice(behind, limit + 1))
        return ReviewPage(
            groups=tuple(self._reviewed(chosen[:limit])),
            open_count=later.count(False),
            later_count=later.count(True),
            matching_count=len(matching),
            decided_count=sum(
                1 for ids in self._collection.decisions.settled_groups() if found.members.isdisjoint(ids)
            ),
            gain_bytes=sum(one.gain_bytes for one in matching),
            relations=found.relations,
            folders=found.folders,
            next=_cursor(chosen[limit - 1], sort) if len(chosen) > limit else None,
        )

    def best_of_each(
        self,
        *,
        threshold: float | None = None,
        all_kinds: bool = False,
        relation: str | None = None,
        folder: str | None = None,
    ) -> tuple[BestOf, ...]:
        """Return, for each open group, what keeping the best would mean; nothing is decided by that.

        The representative is kept, and what people said to keep. Of the others those are deleted that are certainly
        the same picture: identical, of the same pixels, re-encoded or resized. Groups that were put off are left alone.

        Args:
            all_kinds: Whether all others are deleted, cropped and edited ones, too.
            relation, folder: Only the groups that `page` shows for these.
        """
        wanted = GroupFilter(relation, folder)
        put_off, traits = self._put_off(), self._groups(threshold, anew=True).traits
        chosen = [
            one for one in traits if not all(member.id in put_off for member in one.group.members) and wanted.takes(one)
        ]
        found = []
        for best, *others in (one.members for one in self._reviewed(chosen) if one.members):
            kept = [best, *(one for one in others if one.decision == "keep")]
            open_ones = [one for one in others if one.decision != "keep"]
            deleted = [one for one in open_ones if all_kinds or one.relation in CERTAIN]
            left = [one for one in open_ones if one not in deleted]
            if open_ones:
                freed = sum(freed_bytes(one.record) for one in deleted)
                found.append(BestOf(_ids(kept), _ids(deleted), freed, _ids(left)))
        return tuple(found)

    def keep_best(
        self,
        *,
        threshold: float | None = None,
        all_kinds: bool = False,
        relation: str | None = None,
        folder: str | None = None,
        within: Sequence[str] = (),
    ) -> tuple[tuple[BestOf, ...], tuple[Event, ...]]:
        """Decide what `best_of_each` says, in one batch, and give that with the events.

        Args:
            within: The collections in which that holds; empty for all of the home.
        """
        found = self.best_of_each(threshold=threshold, all_kinds=all_kinds, relation=relation, folder=folder)
        choices: list[tuple[Choice, Sequence[str], Sequence[str]]] = []
        for one in found:
            if one.deleted:
                choices += [("keep", one.kept, one.deleted), ("delete", one.deleted, one.kept)]
        decisions = self._collection.decisions.within(within)
        return found, decisions.decide_all(choices) if choices else ()

    def _groups(self, threshold: float | None, *, anew: bool) -> _Found:
        with self._finding:
            kept = self._found.get(threshold)
            moment = self._collection.version, self._collection.decisions.version
            if kept is not None and (kept.moment == moment or not anew):
                return kept
            with self.telling("finding") as tell:
                groups = self._collection.duplicates(threshold=threshold, on_progress=tell).groups
            found = self._found[threshold] = _Found(moment, groups)
            while len(self._found) > _REVIEWS_KEPT:
                del self._found[next(iter(self._found))]
            return found

    def _put_off(self) -> set[str]:
        return self._collection.decisions.ids_of("later")

    def _reviewed(self, chosen: Sequence[GroupTraits]) -> Iterator[ReviewedGroup]:
        """Return groups with their records; members that were removed meanwhile are left out."""
        decisions = self._collection.decisions
        ids = [member.id for one in chosen for member in one.group.members]
        records, kinds = self._collection.get_many(ids), decisions.kinds(ids)
        groups = [one.group for one in chosen]
        sides = [(group.representative, [member.id for member in group.members[1:]]) for group in groups]
        for one, different in zip(chosen, decisions.all_different_from(sides), strict=True):
            group = one.group
            members = tuple(
                Reviewed(
                    records[member.id],
                    member.score,
                    member.relation,
                    member.confidence,
                    kinds.get(member.id) or ("not_a_duplicate" if member.id in different else None),
                )
                for member in group.members
                if member.id in records
            )
            yield ReviewedGroup(members, one.gain_bytes)


def changed_at(record: Record) -> str | None:
    """Return when the file of a record was changed last; UTC, ISO 8601; None where it is not a file."""
    changed = intake.changed_ns(record.stamp)
    return None if changed is None else datetime.fromtimestamp(changed // 10**9, UTC).isoformat()


def _ids(members: Sequence[Reviewed]) -> tuple[str, ...]:
    return tuple(member.record.id for member in members)


def _cursor(one: GroupTraits, sort: Sort) -> str:
    return base64.urlsafe_b64encode(json.dumps([sort, *one.rank(sort)]).encode()).decode()


def _place_of(cursor: str, sort: Sort) -> tuple[float, str]:
    try:
        order, value, representative = json.loads(base64.urlsafe_b64decode(cursor))
        place = float(value), str(representative)
    except (binascii.Error, ValueError, TypeError) as exc:
        raise InputError(f"cursor={cursor[:80]!r} is not a cursor: pass the `next` of the page before.") from exc
    if order != sort:
        raise InputError(f"the cursor is of another order than sort={sort!r}. Begin with the first page.")
    return place
