"""The review: duplicate groups as people go through them, with what they decided so far, a page at a time.

The groups are found once, with what was decided before left out, and stand while people decide, so that nothing moves
below their hands; asking for the first page finds them anew when something changed.
"""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Literal, get_args

from ..errors import InputError
from ..limits import check_count
from .applying import freed_bytes
from .ledger import Choice, Event

if TYPE_CHECKING:
    from ..values import DuplicateGroup, Progress, Record
    from .collection import Collection

Show = Literal["open", "later"]

CERTAIN = frozenset({"identical", "same_pixels", "reencoded", "resized"})  # relations that nobody has to look at

_MOST_GROUPS = 1000  # on a page
_REVIEWS_KEPT = 4  # thresholds


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


@dataclass(frozen=True)
class ReviewPage:
    """A page of groups, largest first; each begins with its representative.

    Attributes:
        open_count: Groups that nobody put off.
        later_count: Groups all of whose members were put off.
        next: The cursor of the page behind this one; None when nothing follows.
    """

    groups: tuple[tuple[Reviewed, ...], ...]
    open_count: int
    later_count: int
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


class Review:
    """The reviews of one collection, by threshold. May be used from many threads."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._kept: dict[float | None, tuple[tuple[int, int], Sequence[DuplicateGroup]]] = {}
        self._finding = threading.Lock()
        self._progress: Progress | None = None

    @property
    def progress(self) -> Progress | None:
        """How far the finding of groups has come that is under way; None when none is."""
        return self._progress

    def page(
        self, *, threshold: float | None = None, show: Show = "open", limit: int = 100, cursor: str | None = None
    ) -> ReviewPage:
        """Give groups that are still to be decided on.

        Args:
            threshold: Floor on the score, as for `duplicates`.
            show: "open", or "later" for those that were put off.
            limit: Groups at most.
            cursor: `next` of the page before.

        Raises:
            InputError: for values out of range, and a cursor that is none.
        """
        check_count("limit", limit, least=1, most=_MOST_GROUPS)
        if show not in get_args(Show):
            raise InputError(f"show={show!r} is unknown: pass {' or '.join(get_args(Show))}.")
        after = None if cursor is None else _place_of(cursor)
        groups = self._groups(threshold, anew=cursor is None)
        put_off = self._put_off()
        states = [all(member.id in put_off for member in group.members) for group in groups]
        wanted = (
            group
            for group, is_later in zip(groups, states, strict=True)
            if is_later == (show == "later") and (after is None or _order(group) > after)
        )
        found = list(islice(wanted, limit + 1))
        next = _cursor(found[limit - 1]) if len(found) > limit else None
        return ReviewPage(tuple(self._reviewed(found[:limit])), states.count(False), states.count(True), next)

    def best_of_each(self, *, threshold: float | None = None, all_kinds: bool = False) -> tuple[BestOf, ...]:
        """Tell for each open group what keeping the best would mean; nothing is decided by that.

        The representative is kept, and what people said to keep. Of the others those are deleted that are certainly
        the same picture: identical, of the same pixels, re-encoded or resized. Groups that were put off are left alone.

        Args:
            all_kinds: Whether all others are deleted, cropped and edited ones, too.
        """
        put_off, groups = self._put_off(), self._groups(threshold, anew=True)
        chosen = [group for group in groups if not all(member.id in put_off for member in group.members)]
        found = []
        for best, *others in filter(None, self._reviewed(chosen)):
            kept = [best, *(one for one in others if one.decision == "keep")]
            open_ones = [one for one in others if one.decision != "keep"]
            deleted = [one for one in open_ones if all_kinds or one.relation in CERTAIN]
            left = [one for one in open_ones if one not in deleted]
            if open_ones:
                freed = sum(freed_bytes(one.record) for one in deleted)
                found.append(BestOf(_ids(kept), _ids(deleted), freed, _ids(left)))
        return tuple(found)

    def keep_best(
        self, *, threshold: float | None = None, all_kinds: bool = False, within: Sequence[str] = ()
    ) -> tuple[tuple[BestOf, ...], tuple[Event, ...]]:
        """Decide what `best_of_each` says, in one batch, and give that with the events.

        Args:
            within: The collections in which that holds; empty for all of the home.
        """
        found = self.best_of_each(threshold=threshold, all_kinds=all_kinds)
        choices: list[tuple[Choice, Sequence[str], Sequence[str]]] = []
        for one in found:
            if one.deleted:
                choices += [("keep", one.kept, one.deleted), ("delete", one.deleted, one.kept)]
        decisions = self._collection.decisions.within(within)
        return found, decisions.decide_all(choices) if choices else ()

    def _groups(self, threshold: float | None, *, anew: bool) -> Sequence[DuplicateGroup]:
        with self._finding:
            kept = self._kept.get(threshold)
            moment = self._collection.version, self._collection.decisions.version
            if kept is not None and (kept[0] == moment or not anew):
                return kept[1]
            try:
                groups = self._collection.duplicates(threshold=threshold, on_progress=self._tell).groups
            finally:
                self._progress = None
            self._kept[threshold] = moment, groups
            while len(self._kept) > _REVIEWS_KEPT:
                del self._kept[next(iter(self._kept))]
            return groups

    def _tell(self, progress: Progress) -> None:
        self._progress = progress

    def _put_off(self) -> set[str]:
        return self._collection.decisions.ids_of("later")

    def _reviewed(self, groups: Sequence[DuplicateGroup]) -> Iterator[tuple[Reviewed, ...]]:
        """Give groups with their records; members that were removed meanwhile are left out."""
        decisions = self._collection.decisions
        ids = [member.id for group in groups for member in group.members]
        records, kinds = self._collection.get_many(ids), decisions.kinds(ids)
        for group in groups:
            different = decisions.different_from(group.representative, [member.id for member in group.members[1:]])
            yield tuple(
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


def _ids(members: Sequence[Reviewed]) -> tuple[str, ...]:
    return tuple(member.record.id for member in members)


def _order(group: DuplicateGroup) -> tuple[int, str]:
    return -len(group.members), group.representative


def _cursor(group: DuplicateGroup) -> str:
    return base64.urlsafe_b64encode(f"{len(group.members)} {group.representative}".encode()).decode()


def _place_of(cursor: str) -> tuple[int, str]:
    try:
        size, _, representative = base64.urlsafe_b64decode(cursor).decode().partition(" ")
        return -int(size), representative
    except (binascii.Error, ValueError) as exc:
        raise InputError(f"cursor={cursor[:80]!r} is no cursor: pass the `next` of the page before.") from exc
