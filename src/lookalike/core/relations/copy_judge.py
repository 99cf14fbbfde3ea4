"""The judge of duplicates: whether a record is a copy of a center, by its stored picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .rules import SAME_PICTURE
from .verdicts import told_score

if TYPE_CHECKING:
    pass
from .verification import KINDS_KEPT, Kind, Verifier


@dataclass(frozen=True)
class ScoredMember:
    """A record that has joined a center.

    Attributes:
        score: Against the center.
        relation, confidence: To the center; None where nobody looked.
    """

    key: int
    score: float
    relation: str | None = None
    confidence: float | None = None


class CopyJudge:
    """Decides which records are copies: nobody has decided on the pair, and geometry says that it is the same picture.

    Args:
        verifier: None to believe every score.
        least: The score that is believed where there are no pictures to look at.
        threshold: The least score that is told of a copy.
        is_decided: Says of two keys that nobody needs to be asked about them; such are not copies.

    Attributes:
        unseen: Keys of records that are alike, and that there was no picture of to look at.
    """

    def __init__(
        self,
        verifier: Verifier | None,
        *,
        least: float,
        threshold: float = 0.0,
        is_decided: Callable[[int, int], bool] | None = None,
    ) -> None:
        self._verifier, self._least, self._threshold, self._is_decided = verifier, least, threshold, is_decided
        self._kinds: dict[tuple[int, int], Kind | None] = {}
        self._pictured: dict[int, bool] = {}
        self.unseen: set[int] = set()

    def prepare(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Look at pairs side by side."""
        if self._verifier is not None:
            if len(self._kinds) > KINDS_KEPT:
                self._kinds.clear()  # of records that have joined by now, nobody asks again
            new = [pair for pair in pairs if pair not in self._kinds and not self._are_decided(*pair)]
            self._look_at(self._verifier, new)

    def member_of(self, center: int, key: int, score: float) -> ScoredMember | None:
        """Return a record that is a copy of a center as a member around it; None for what is not a copy."""
        if self._are_decided(center, key):
            return None
        if self._verifier is None:
            return ScoredMember(key, score)
        kind = self._kind(self._verifier, center, key)
        if kind is None:
            return ScoredMember(key, score) if score >= self._least else None
        if kind.name not in SAME_PICTURE:
            return None
        told = told_score(kind.name, kind.confidence, score)
        return ScoredMember(key, told, kind.name, kind.confidence) if told >= self._threshold else None

    def are_apart(self, key: int, others: Sequence[int]) -> bool:
        """Return whether a record must not be shown beside one of some others: people have decided on the two."""
        return self._is_decided is not None and any(self._is_decided(key, other) for other in others)

    def is_part(self, key: int, other: int) -> bool:
        """Return whether a record shows a part of another, which it is a copy of."""
        kind = None if self._verifier is None else self._kind(self._verifier, key, other)
        return kind is not None and kind.is_part[0]

    def is_padded(self, key: int, other: int) -> bool:
        """Return whether a record shows another, which it is a copy of, with a border or a page around it."""
        kind = None if self._verifier is None else self._kind(self._verifier, key, other)
        return kind is not None and kind.padded[0]

    def _kind(self, verifier: Verifier, a: int, b: int) -> Kind | None:
        if (b, a) in self._kinds:
            kind = self._kinds[b, a]
            return kind and kind.turned()
        if (a, b) not in self._kinds:
            self._look_at(verifier, [(a, b)])
        return self._kinds[a, b]

    def _look_at(self, verifier: Verifier, pairs: Sequence[tuple[int, int]]) -> None:
        keys = {key for pair in pairs for key in pair}
        self._pictured.update(verifier.pictured(keys.difference(self._pictured)))
        self.unseen.update(key for key in keys if not self._pictured[key])
        shown = [pair for pair in pairs if all(self._pictured[key] for key in pair)]
        self._kinds.update({**dict.fromkeys(pairs), **(verifier.kinds(shown) if shown else {})})

    def _are_decided(self, center: int, key: int) -> bool:
        return self._is_decided is not None and self._is_decided(center, key)
