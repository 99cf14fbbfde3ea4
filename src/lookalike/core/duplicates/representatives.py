"""Which record represents a duplicate group: rules by which the better of two copies comes first.

    original     the one that the others were made of, as far as pictures and cameras tell; then as resolution
    resolution   most pixels, then lossless before lossy, most bytes, the oldest file
    bytes        most bytes, then as above
    oldest       the file that was changed longest ago, then as resolution
    newest       the file that was changed last, then as resolution
    FIELD        the greatest value of that metadata field: numbers before texts, texts before none; then as resolution

The id decides last. So the order depends on the records alone. A file's time is that of its last change when it was
indexed; a picture that came without a file has the time at which it was added.

Where geometry looks at the pictures, `originals` weighs for the first rule who was made of whom. A border, a page and
the corners of a turned picture make it the later one, and so does what few of a group have: a mirrored or turned frame,
an edit. Of resolution and bytes, those come last that are edited, turned or mirrored as against the one that is most
like all, and those that show the others with something around them: noise and a caption bring bytes, and nothing of the
picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import intake
from ...errors import InputError
from ...geometry import mean_difference
from ...records import Record
from ..relations.copy_judge import ScoredMember
from ..relations.originals import evidence, lateness
from ..search.groups import refuse_unknown, value_at
from .greedy_groups import Judge, ScoresOf

if TYPE_CHECKING:
    from ...arrays import I64
    from ...stores import Records
    from ..relations.originals import Traits

    TraitsOf = Callable[[Sequence[int]], Mapping[int, Traits]]

Claim = tuple[Any, ...]  # of a record to represent its group: the smaller is the better

RULES = ("original", "resolution", "bytes", "oldest", "newest")
DEFAULT_RULE = "original"

_MOST_TRIED = 8  # members that may represent, beside the center
_CHANGED = frozenset({"edited", "rotated", "mirrored"})
# What speaks for a later picture beside `originals`, as a share of the others: a border around another, a part of
# another, a change that few of a group have; and against it: to be the most like all.
_PADDED, _PART, _RARE, _CENTRAL = 2.0, 1.0, 0.3, 0.1
_NEARLY_ALL = 0.8  # of a group: so many are changed as against the center, and it is the center that was
_UNKNOWN = 100.0  # of whom nothing is known
_RIVALS, _LEAST_EVIDENCE, _SAME_LEVELS = 5, 0.5, 0.7
_FEW = 4  # one of so many members may be no copy of the original itself
_LEAST_VOTERS = 3  # members, below which nothing is rare
_AT_ONCE = 128  # groups whose members are looked at side by side
_ASKED = 4  # pairs that are looked at before the others: most of those that are not a copy are among them

# What keeps every pixel. GIF is left out for its 256 colors; WebP and AVIF nearly always lose some.
_LOSSLESS = frozenset({"png", "bmp", "tiff", "tga", "ppm", "pixels"})


def sort_key_by(best: str) -> Callable[[Record], Claim]:
    """Return the sort key of a record by a rule, or by the metadata field of that name.

    Raises:
        InputError: when it is not a name at all.
    """
    if not isinstance(best, str) or not best:
        raise InputError(f"best={best!r} names no rule: pass {', '.join(RULES)}, or a metadata field.")
    if best == "original":
        return _original
    first = _FIRST.get(best) or partial(_by_field, best)
    return lambda record: (first(record), *_resolution(record))


def check_rule(store: Records, best: str) -> None:
    """Refuse what is not a rule and no field of any record.

    Raises:
        InputError: naming the rules, and the fields that there are.
    """
    sort_key_by(best)
    if best not in RULES:
        refuse_unknown(store, best, asked_as="best", or_one_of=RULES)


def weighs_pixels(best: str) -> bool:
    """Whether a rule counts pixels or bytes, of which an edit may bring some."""
    return best in ("original", "resolution", "bytes")


def weighs_evidence(best: str) -> bool:
    """Whether a rule asks which picture the others were made of."""
    return best == "original"


def _original(record: Record) -> Claim:
    """By what the record says alone: what a camera wrote, then pixels, then the oldest; never bytes."""
    facts = record.facts
    width, height = record.size_px
    taken = (facts.taken is None, facts.taken or "")
    is_lossy = record.format not in _LOSSLESS
    changed = intake.changed_ns(record.stamp)
    age = (changed is None, changed or 0)
    return (not facts.camera, not facts.has_place, -width * height, taken, age, is_lossy, record.id)


def _resolution(record: Record) -> Claim:
    width, height = record.size_px
    changed = intake.changed_ns(record.stamp)
    file_age = (changed is None, changed or 0)
    return (-width * height, record.format not in _LOSSLESS, -record.byte_size, file_age, record.id)


def _moment_ns(record: Record) -> int:
    changed = intake.changed_ns(record.stamp)
    if changed is not None:
        return changed
    added = datetime.fromisoformat(record.created_at)
    return int(added.timestamp()) * 10**9 + added.microsecond * 1000


def _by_field(field: str, record: Record) -> Claim:
    value = value_at(record, field)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (0, -value)
    if isinstance(value, str):
        return (1, [-ord(character) for character in value] + [1])  # the greater text first, a prefix behind its texts
    return (2,)


_FIRST: dict[str, Callable[[Record], Any]] = {
    "resolution": lambda record: (),
    "bytes": lambda record: -record.byte_size,
    "oldest": _moment_ns,
    "newest": lambda record: -_moment_ns(record),
}


def _are_alike(a: Traits | None, b: Traits | None) -> bool:
    """Whether two are of one size and quality, and show the same in the same colors."""
    if a is None or b is None or (a.pixel_count, a.quality) != (b.pixel_count, b.quality):
        return False
    return a.square is None or b.square is None or mean_difference(a.square, b.square) < _SAME_LEVELS


class Chooser:
    """Chooses who represents a group: the most preferred of those that all others are copies of.

    Args:
        preference: (n,) keys, the most preferred first.
        floor: The least score of all others.
        wants_original: Whether those come last that are changed by more than size, encoding and crop as against the
            center, or show most others with a border or a page around them.
        traits_of: Given, the least late of a group represents it, by what these say; see `originals`.
    """

    def __init__(
        self,
        judge: Judge,
        scores_of: ScoresOf,
        preference: I64,
        *,
        floor: float,
        wants_original: bool,
        traits_of: TraitsOf | None = None,
    ) -> None:
        self._judge, self._scores_of, self._floor, self._wants_original = judge, scores_of, floor, wants_original
        self._traits_of = traits_of
        self._rank = {key: place for place, key in enumerate(preference.tolist())}

    def represented(
        self, greedy: Mapping[int, list[ScoredMember]], tell: Callable[[float], None]
    ) -> dict[int, list[ScoredMember]]:
        """Return all groups around their representatives."""
        found: dict[int, list[ScoredMember]] = {}
        listed = list(greedy.items())
        for start in range(0, len(listed), _AT_ONCE):
            some = listed[start : start + _AT_ONCE]
            self._judge.prepare([(center, copy.key) for center, copies in some for copy in copies])
            found.update(self._chosen(center, copies) for center, copies in some)
            tell(len(found) / len(listed))
        return found

    def _chosen(self, center: int, copies: list[ScoredMember]) -> tuple[int, list[ScoredMember]]:
        if self._traits_of is not None:
            return self._least_late(self._traits_of, center, copies)
        changed = {copy.key for copy in copies if self._wants_original and copy.relation in _CHANGED}
        members = sorted((center, *(copy.key for copy in copies)), key=lambda key: (key in changed, self._rank[key]))
        second: tuple[int, list[ScoredMember]] | None = None
        for best in dict.fromkeys((*members[:_MOST_TRIED], center)):
            others = self._copies(best, center, copies, members)
            if not others:
                continue
            if not self._wants_original or 2 * sum(self._judge.is_padded(best, copy.key) for copy in others) <= len(
                copies
            ):
                return best, others
            second = second or (best, others)
        return second or (center, copies)

    def _least_late(
        self, traits_of: TraitsOf, center: int, copies: list[ScoredMember]
    ) -> tuple[int, list[ScoredMember]]:
        """Choose who was made of the others least, of those that all others are copies of and that show no border."""
        traits = traits_of([center, *(copy.key for copy in copies)])
        laid = self._laid_around(center, copies)
        weighed = lateness(traits, laid)
        late = {key: round(weighed.get(key, _UNKNOWN), 6) for key in laid}
        members = sorted(laid, key=lambda key: (late[key], self._rank[key]))
        first = members[0]
        for rival in members[1:_RIVALS]:  # of equal encodings the first one is told by these two alone
            if laid[rival] <= laid[first] + _CENTRAL and _are_alike(traits.get(first), traits.get(rival)):
                first = rival if evidence(traits[rival], traits[first]) > _LEAST_EVIDENCE else first
        members.sort(key=lambda key: key != first)
        second: tuple[int, list[ScoredMember]] | None = None
        for best in dict.fromkeys((*members[:_MOST_TRIED], center)):
            missing = len(copies) // _FEW if best == first else 0  # copies of a copy alone: they are left to themselves
            others = self._copies(best, center, copies, members, missing=missing)
            if not others:
                continue
            if 2 * sum(self._judge.is_padded(best, copy.key) for copy in others) <= len(copies):
                return best, others
            second = second or (best, others)
        return second or (center, copies)

    def _laid_around(self, center: int, copies: list[ScoredMember]) -> dict[int, float]:
        """Weigh what geometry says of who is later: borders, and what few of a group have, as against its center."""
        late = {copy.key: self._changed_frame(copy.key, center) for copy in copies}
        late[center] = max(
            _PADDED * (2 * sum(self._judge.is_padded(center, copy.key) for copy in copies) > len(copies)),
            _PART * min(1.0, 2 * sum(self._judge.is_part(center, copy.key) for copy in copies) / len(copies)),
        )
        if len(copies) + 1 < _LEAST_VOTERS:
            return late
        late[center] -= _CENTRAL
        for change in _CHANGED:
            having = [copy.key for copy in copies if copy.relation == change]
            if 2 * len(having) < len(copies):
                late.update({key: late[key] + _RARE for key in having})
            elif len(having) > _NEARLY_ALL * len(copies):
                late[center] += _RARE + _CENTRAL
        return late

    def _changed_frame(self, key: int, center: int) -> float:
        if self._judge.is_padded(key, center):
            return _PADDED
        return _PART if self._judge.is_part(key, center) else 0.0

    def _copies(
        self, best: int, center: int, copies: list[ScoredMember], members: Sequence[int], *, missing: int = 0
    ) -> list[ScoredMember]:
        """Return the others as copies of one; none when more than so many are not copies of it."""
        if best == center:
            return copies
        if len(copies) == 1:
            return [replace(copies[0], key=center)]
        return self._around(best, [key for key in members if key != best], missing)

    def _around(self, best: int, keys: Sequence[int], missing: int) -> list[ScoredMember]:
        """Return the others as copies of one; none when more than so many are not copies of it."""
        scores = self._scores_of(best, keys)
        near = scores >= self._floor
        missing -= int((~near).sum())
        rising = [place for place in np.argsort(scores, kind="stable").tolist() if near[place]]
        copies: list[ScoredMember] = []
        for some in (rising[:_ASKED], rising[_ASKED:]):
            if missing < 0:
                return []
            self._judge.prepare([(best, keys[place]) for place in some])
            for place in some:
                copy = self._judge.member_of(best, keys[place], float(scores[place]))
                if copy is not None:
                    copies.append(copy)
                    continue
                missing -= 1
                if missing < 0:
                    return []
        return copies
