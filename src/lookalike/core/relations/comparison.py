"""The comparison of two pictures, stored or not: how alike they are, and what they are to each other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ... import intake
from ...answers import Relation, RelationKind, Transform
from ...distances import ScoreCurve
from ...errors import InputError
from ...rendering import Card, Section, html_fragment
from ..scores.scoring import BUILT_IN_MAPS
from .explanation import explain
from .verdicts import verdict_of
from .verification import features_of

if TYPE_CHECKING:
    from ..features.describer import Describer
    from ..features.picture_features import PictureFeatures
    from .explanation import PairEvidence


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
        """Return the two pictures side by side."""
        return [Section("How alike these are", str(self), self.pictures())]

    def _repr_html_(self) -> str:
        return html_fragment(self.sections())


def relation_text(related: Relation) -> str:
    """Return a relation for people: what it is, how sure that is, and how the one picture became the other."""
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


@dataclass(frozen=True, eq=False)
class ComparedPicture:
    """One of two pictures: its features, how people call it, and what makes a small JPEG of it."""

    look: PictureFeatures
    name: str
    thumbnail: Callable[[], bytes | None]


def compared_picture(describer: Describer, source: Any) -> ComparedPicture:
    """Return the side of a picture that is not stored.

    Raises:
        SourceError: when it cannot be read.
    """
    source = describer.hold(source)
    seen = describer.describe(source, thumbnail=True, small=True)
    return ComparedPicture(features_of(describer, seen, source), intake.describe(source), lambda: seen.thumbnail)


def compare(
    describer: Describer,
    read: Callable[[Any], ComparedPicture],
    a: Any,
    b: Any,
    *,
    maps: Mapping[str, ScoreCurve] = BUILT_IN_MAPS,
) -> Comparison:
    """Compute how alike two pictures are, and their relation; the order matters to the transform alone.

    Args:
        read: Gives the side of a source.
        maps: What scores mean, by space.

    Raises:
        InputError: for a stored picture of which neither vectors nor pixels were kept.
    """
    began = time.perf_counter()
    sides = read(a), read(b)
    looks = sides[0].look, sides[1].look
    verdict = verdict_of(*looks, maps)
    if verdict is None:
        raise InputError(f"{sides[0].name} and {sides[1].name} have no vectors that could be compared.")
    relation, measured = verdict.relation, verdict.measured

    def explained() -> PairEvidence:
        missing = [side.name for side in sides if side.look.view is None]
        if missing or relation is None:
            raise InputError(f"nothing can be shown: the collection keeps no pixels of {' and '.join(missing)}.")
        return explain(*looks, relation, describer.embed)

    return Comparison(
        score=verdict.score,
        distance=round(measured.distance, 6),
        distances={space: round(distance, 6) for space, distance in measured.distances.items()},
        related=relation,
        elapsed_ms=round((time.perf_counter() - began) * 1000, 1),
        explained=explained,
        pictures=lambda: [_card(side) for side in sides],
    )


def _card(side: ComparedPicture) -> Card:
    width, height = side.look.size_px
    return Card(side.thumbnail(), side.name, f"{width} x {height} px")
