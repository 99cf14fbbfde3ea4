"""Relations: whether two pictures are the same one, what was changed, or how else they belong together.

The question is asked in steps, and the first sure answer stands: equal bytes; equal pixels; then the best map between
the two pictures, and how much agrees once they lie over each other by it. That last step tells a copy from a second
photo of the same thing. `geometry` measures, this module decides. Without pixels only equal bytes say anything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from ...answers import Relation
from ...distances import SAME_HASH_BITS
from ...geometry import (
    CLOSE_SIDE_PX,
    SIDE_PX,
    are_drawn,
    are_graphics,
    closer_overlay,
    has_other_color,
    has_other_part,
    may_be_drawn,
    may_be_graphics,
    refined,
    register,
    rewritten_share,
)
from ..scores.scoring import hash_bits, pair_score
from .plain_ground import judge
from .transforms import identity, transform_of, turned_round

if TYPE_CHECKING:
    from ...answers import RelationKind, Transform
    from ...arrays import F32
    from ...geometry import Changes, Registration, SmallPicture, Surroundings
    from ..features.picture_features import PictureFeatures
    from .plain_ground import Verdict

# Kinds by the strength of the change. The first six are "the same picture" ...
_STRENGTH: tuple[RelationKind, ...] = ("edited", "rotated", "mirrored", "cropped", "resized", "reencoded")
SAME_PICTURE: frozenset[RelationKind] = frozenset({*_STRENGTH, "same_pixels", "identical"})
SAME_PICTURE_CONFIDENCE = 0.8  # ... and are said from this confidence on; docs/relations.md says what it is right for
SIMILAR_SCORE = 0.50  # the documented band
_SAME_OBJECT_CELLS, _SAME_OBJECT_SPREAD = 10, 0.1  # that agree on a map, and the share of the pictures they lie in

# The logistic: 1, share, share above that of wrong places, correlation, exact share, log of the inliers' error in px.
_WEIGHTS = (-8.61, 3.77, 5.70, 2.03, 3.13, -1.50)
_LEAST_ERROR_PX = 0.1
_TELLING_CELLS = 10  # a few features always fit some map well
_FRAMED_ERROR_PX, _UNKNOWN_ERROR_PX = 0.2, 1.5  # where whole frames agreed at once; where no features did
# Of 137 pairs so framed and within 8 bits that the logistic doubts, 100 true ones and no false one were above these.
_FRAMED_CORRELATION, _FRAMED_SHARE, _FRAMED_CONFIDENCE = 0.97, 0.5, 0.95
_FLAT_CORRELATION, _FLAT_LEVELS = 0.98, 2.0
_UPRIGHT = 0.05  # of the scale
_PLAIN = 8.0  # levels of standard deviation; an empty sheet under uneven light has less
# Of 1,456 pairs that the logistic doubts, these hold for 19 of 154 copies and for none of 1,302 others; where it doubts
# more, they hold for 4 of 2,047 pairs of shelf photos.
_DOUBTED, _MARKED_ERROR_PX, _MARKED_EXACT, _MARKED_ONE_WAY = 0.3, 0.7, 0.8, 0.8
_MARKED_CONFIDENCE = 0.85
_LIKE_PIXELS = 3.0  # levels; small versions that differ by more have no equal pixels

# What counts as a change; measured on the edits of the near-duplicate set.
_LOSSY = frozenset({"jpeg", "webp", "gif", "avif"})
_WHOLE = 0.985  # of both pictures is shared: no crop, no border
_LEAST_CROP = 1 - _WHOLE  # of the area
_LEAST_RESIZE = 0.03  # of a side
_LEAST_TURN_DEG = 1.2
_SEAM, _UNIFORM = 1.8, 0.9
_REWRITTEN = 0.0005  # share of the picture, for each px that the map may miss by
_FIRST_CONFIDENCE = 0.5  # of animations and files of pages that begin with the same picture
_TEMPLATE_CONFIDENCE = 0.5  # a marked copy, or another picture of one template
_VARIANT_CONFIDENCE = 0.1  # shops and offices have variants of one drawing, few people repaint or rewrite a part
_OTHER_COLORS = 19.0  # of chroma in CIELAB: 900 copies without an edit move 16 at most (JPEG 5, 64 colors)
_EVERYWHERE, _SOFT = 0.98, 0.8  # shares of the blocks, and of the strength of the edges
# A part of a picture lies in its own light. Of 427 copies 3 are less sure; second views have 6 levels and more.
_SURE, _SAME_LIGHT = 0.95, 4.5
_SAME_VIEW = 0.995  # correlation; contrast and a border move the light of a copy as well
_FRAMED_SLACK_PX, _ALIGNED_SLACK_PX = 1, 2  # by how much a map may miss
_CLOSER_FROM_PX = 1.25 * SIDE_PX  # of the longer side; below it a closer look sees no more
_RECOLORED, _RECOLORED_SHARE = 3.0, 0.9  # levels, and levels for each that remains: coarse encoding moves colors, too
_MOST_REMAINING = 15.0  # levels; of 314 re-encoded pictures all have less than 11


@dataclass(frozen=True)
class _Bounds:
    """What changes of encoding stay within; see `Changes`."""

    covered: float
    edges: float
    grain: float


_BY_PIXEL = _Bounds(covered=0.006, edges=0.88, grain=3.0)
_COMPUTED = _Bounds(covered=0.016, edges=0.8, grain=6.0)


def relate(a: PictureFeatures, b: PictureFeatures) -> Relation | None:
    """Return what two pictures are to each other; in the other order the kinds are the same.

    Returns:
        The relation, with the transform from `a` to `b`; None where there are no pixels to look at.

    Cost: 20 ms on one core, with local features at hand.
    """
    if a.content_hash == b.content_hash:
        return Relation("identical", ("identical",), identity(a.size_px), 0, 1.0, 1.0)
    if a.content_hash > b.content_hash:  # the last digits of what is measured depend on the order: there is one
        back = relate(b, a)
        if back is None:
            return None
        transform = back.transform and turned_round(back.transform, b.size_px, a.size_px)
        return replace(back, transform=transform, padded=back.padded[::-1], frames=back.frames[::-1])
    if a.view is None or b.view is None:
        return None
    related = _related(a, b, a.view, b.view)
    if related is not None and max(a.frames, b.frames) > 1:
        return _of_first_frames(related, a, b)
    return related


def _of_first_frames(related: Relation, a: PictureFeatures, b: PictureFeatures) -> Relation:
    """Return of files with several pictures no more than their first ones prove: that is nothing about the whole."""
    frames = (a.frames, b.frames)
    if related.kind not in SAME_PICTURE:
        return replace(related, frames=frames)
    return Relation("similar", ("similar",), None, related.inliers, related.agreement, _FIRST_CONFIDENCE, frames=frames)


def _related(a: PictureFeatures, b: PictureFeatures, ours: SmallPicture, theirs: SmallPicture) -> Relation | None:
    """Relate two pictures by what is seen of them."""
    found = register(ours, theirs)
    transform = _transform(found, a, b)
    confidence = max(_confidence(found), _FRAMED_CONFIDENCE if _is_framed(found, transform, a, b) else 0.0)
    if _DOUBTED <= confidence < SAME_PICTURE_CONFIDENCE and _is_marked(found):
        confidence = _MARKED_CONFIDENCE
    if _has_equal_pixels(found, transform, a, b):
        return Relation("same_pixels", ("same_pixels",), identity(a.size_px), _inliers(found), 1.0, 1.0)
    verdict = _by_content(found, a, b)
    if verdict is not None:
        confidence, found, _ = verdict
        transform = _transform(found, a, b)
    if SAME_PICTURE_CONFIDENCE <= confidence < _SURE and _is_second_view(found):
        confidence = _VARIANT_CONFIDENCE
    other_colors = confidence >= SAME_PICTURE_CONFIDENCE and found.changes.repainted > 0
    other_colors = other_colors or (verdict is not None and verdict.other_colors)
    is_variant = other_colors or (
        confidence >= SAME_PICTURE_CONFIDENCE
        and verdict is None
        and (found.changes.displaced or _is_rewritten(found, a, b))
    )
    if confidence >= SAME_PICTURE_CONFIDENCE and not is_variant and verdict is None:
        match _other_of_template(found, a, b):
            case "color":
                is_variant = other_colors = True
            case "part":
                share = round(found.agreement.share, 4)
                return Relation("similar", ("similar",), None, _inliers(found), share, _TEMPLATE_CONFIDENCE)
    if is_variant:
        confidence = _VARIANT_CONFIDENCE
    if confidence >= SAME_PICTURE_CONFIDENCE:
        details = copy_details(found, transform, a, b)
        return Relation(
            kind=details[0],
            details=details,
            transform=transform,
            inliers=_inliers(found),
            agreement=round(found.agreement.share, 4),
            confidence=confidence,
            padded=(_is_padding(found.around[0], transform), _is_padding(found.around[1], transform)),
        )
    if is_variant or (verdict is None and _shows_one_thing(found)):
        kinds: tuple[RelationKind, ...] = ("same_object",)
        share = round(found.agreement.share, 4)
        return Relation(kinds[0], kinds, transform, _inliers(found), share, confidence, other_colors)
    related = _by_score(a, b)
    return related and replace(related, confidence=confidence)


# --- is it the same picture? ------------------------------------------------------------------------------------


def _inliers(registration: Registration) -> int:
    """Count distinct places that agree: of features, or of whole blocks where no features were needed."""
    if registration.alignment is None:
        return round(registration.agreement.share * registration.agreement.blocks)
    return registration.alignment.cells


def _confidence(registration: Registration) -> float:
    """Return the probability that both are the same picture: a logistic of what was measured (docs/relations.md)."""
    seen, found = registration.agreement, registration.alignment
    if not seen.blocks:
        return _flat_confidence(registration)
    if found is not None and found.cells >= _TELLING_CELLS:
        error_px = max(found.error_px, _LEAST_ERROR_PX)
    else:
        error_px = _FRAMED_ERROR_PX if registration.is_sure else _UNKNOWN_ERROR_PX
    measured = (1.0, seen.share, max(0.0, seen.share - seen.repeats), max(0.0, seen.correlation), seen.exact)
    evidence = sum(weight * value for weight, value in zip(_WEIGHTS, (*measured, math.log(error_px)), strict=True))
    return round(1 / (1 + math.exp(-evidence)), 4)


def _is_framed(registration: Registration, transform: Transform, a: PictureFeatures, b: PictureFeatures) -> bool:
    """Return whether whole frame lies on whole frame, all of it much alike, and the difference hashes agree.

    That is what coarse encoding leaves: details differ block by block. Other pictures of one frame correlate less.
    """
    bits = hash_bits(a.vectors, b.vectors)
    return (
        bits is not None
        and bits <= SAME_HASH_BITS
        and registration.agreement.correlation >= _FRAMED_CORRELATION
        and registration.agreement.share >= _FRAMED_SHARE
        and not (transform.mirrored or _is_turned(transform) or _is_rotated(transform))
        and _is_whole(registration)
    )


def _is_marked(registration: Registration) -> bool:
    """Return whether one is the other under a mark that covers much of it: all differences are lighter, or all darker.

    What does not differ is the very same, and the features there fit the map closely.
    """
    seen, found = registration.agreement, registration.alignment
    return (
        found is not None
        and found.error_px < _MARKED_ERROR_PX
        and seen.exact >= _MARKED_EXACT * seen.share
        and registration.changes.one_way >= _MARKED_ONE_WAY
        and not are_drawn(registration.laid)
    )


def _by_content(registration: Registration, a: PictureFeatures, b: PictureFeatures) -> Verdict | None:
    """Judge two pictures by the little that they hold; None where one holds much, or both hold nothing."""
    assert a.view is not None
    assert b.view is not None
    if a.view.content is None or b.view.content is None or a.content is None or b.content is None:
        return None
    if not a.content.boxes and not b.content.boxes:
        return None
    in_full = all(_is_seen_well(side) for side in (a, b))
    return judge(registration, a.content, b.content, in_full=in_full)


def _is_seen_well(look: PictureFeatures) -> bool:
    """Return whether a picture could be looked at with more than its small version has."""
    assert look.content is not None
    return max(look.content.size_px) >= min(max(look.size_px), _CLOSER_FROM_PX)


def _is_second_view(registration: Registration) -> bool:
    """Return whether a part lies in another light, and does not correlate as closely as a copy does under an edit."""
    return (
        not _is_whole(registration)
        and registration.agreement.correlation < _SAME_VIEW
        and registration.unlike_light > _SAME_LIGHT
    )


def _is_rewritten(registration: Registration, a: PictureFeatures, b: PictureFeatures) -> bool:
    """Return whether two pictures that lie over each other are two of one drawing, with other words or lines."""
    if registration.agreement.share >= _EVERYWHERE and registration.changes.edges < _SOFT:
        return False  # what agrees everywhere and is only softer has no other words
    slack_px = _FRAMED_SLACK_PX if _is_whole(registration) else _ALIGNED_SLACK_PX
    bound = _REWRITTEN * slack_px
    if rewritten_share(registration.laid, slack_px) >= bound:
        return True
    if not may_be_drawn(registration.laid) or min(max(side.size_px) for side in (a, b)) < _CLOSER_FROM_PX:
        return False
    ours, theirs = (side.close_pixels(CLOSE_SIDE_PX) for side in (a, b))
    if ours is None or theirs is None:
        return False
    return rewritten_share(closer_overlay(registration, ours, theirs), slack_px) >= bound


def _other_of_template(
    registration: Registration, a: PictureFeatures, b: PictureFeatures
) -> Literal["color", "part"] | None:
    """Return in what two graphics of one template differ; None for photos, and where nothing crisp does.

    None for what is smaller than 400 px, too: there a photo on an even ground has as little texture as a drawing.
    """
    if min(max(side.size_px) for side in (a, b)) < _CLOSER_FROM_PX or not may_be_graphics(registration.laid):
        return None
    laid = registration.laid
    ours, theirs = (side.close_pixels(CLOSE_SIDE_PX) for side in (a, b))
    if ours is not None and theirs is not None:
        laid = closer_overlay(registration, ours, theirs)
    if not are_graphics(laid):
        return None
    aligned = not _is_whole(registration)
    if aligned:
        laid = refined(laid)
    if has_other_color(laid):
        return "color"
    return "part" if has_other_part(laid, aligned=aligned) else None


def _flat_confidence(registration: Registration) -> float:
    """Speak of pictures without texture: they are the same where their slow changes of color are, level by level.

    Mirrored or turned, one gradient is another one.
    """
    (across, skew, _), (lean, down, _) = registration.matrix.tolist()
    if min(across, down) <= 0 or max(abs(skew), abs(lean)) > _UPRIGHT * min(across, down):
        return 0.0
    seen, changes = registration.agreement, registration.changes
    if min(float(side[registration.laid.shared].std()) for side in (registration.laid.a, registration.laid.b)) < _PLAIN:
        return 0.0
    is_same = seen.correlation > _FLAT_CORRELATION and max(changes.recolored, changes.remaining) < _FLAT_LEVELS
    return SAME_PICTURE_CONFIDENCE if is_same else 0.0


def _shows_one_thing(registration: Registration) -> bool:
    """Return whether features agree over a good part of both pictures: a logo alone is not a common thing."""
    found = registration.alignment
    if found is None or found.cells < _SAME_OBJECT_CELLS:
        return False
    spread = (_spread(side, view) for side, view in zip((found.places, found.others), registration.views, strict=True))
    return min(spread) >= _SAME_OBJECT_SPREAD


def _spread(places: F32, view: SmallPicture) -> float:
    """Return the area of the box around places, as a share of the picture."""
    width, height = places.max(0) - places.min(0)
    return float(width) * float(height) / float(view.pixels.shape[0] * view.pixels.shape[1])


def _transform(registration: Registration, a: PictureFeatures, b: PictureFeatures) -> Transform:
    small = [(view.pixels.shape[1], view.pixels.shape[0]) for view in registration.views]
    return transform_of(registration.matrix, small[0], small[1], a.size_px, b.size_px)


def _has_equal_pixels(registration: Registration, transform: Transform, a: PictureFeatures, b: PictureFeatures) -> bool:
    """Compare the pixels in full size, where the small versions let it seem possible."""
    if a.size_px != b.size_px or registration.agreement.difference > _LIKE_PIXELS:
        return False
    if transform.mirrored or transform.angle_deg or not _is_whole(registration):
        return False
    ours = a.pixel_hash()
    return ours is not None and ours == b.pixel_hash()


def _is_whole(registration: Registration) -> bool:
    return min(registration.laid.covered) > _WHOLE


# --- what was changed? ------------------------------------------------------------------------------------------


def copy_details(
    registration: Registration, transform: Transform, a: PictureFeatures, b: PictureFeatures
) -> tuple[RelationKind, ...]:
    """Return in which ways one of two pictures, which are the same, was changed; the strongest way first."""
    added = [_is_added(one, transform) for one in registration.around]
    left_out = [one.share > _LEAST_CROP and not new for one, new in zip(registration.around, added, strict=True)]
    holds: dict[RelationKind, bool] = {
        "edited": any(added)
        or _is_edited(registration.changes, by_pixel=_has_same_grid(registration, transform))
        or registration.moved_chroma > _OTHER_COLORS,
        "rotated": _is_rotated(transform),
        "mirrored": transform.mirrored,
        "cropped": any(left_out),
        "resized": _is_resized(registration, transform, a, b),
        "reencoded": bool({a.format, b.format} & _LOSSY),
    }
    return tuple(kind for kind in _STRENGTH if holds[kind]) or ("reencoded",)


def _is_added(around: Surroundings, transform: Transform) -> bool:
    """Return whether what is around the shared part was added to the picture: a border, a page, other pictures."""
    return around.share >= _LEAST_CROP and not _is_turning(around, transform) and around.seam > _SEAM


def _is_turning(around: Surroundings, transform: Transform) -> bool:
    """Return whether what is around the shared part is the corners that turning leaves."""
    return around.boxed and _is_turned(transform) and around.uniform > _UNIFORM


def _is_padding(around: Surroundings, transform: Transform) -> bool:
    """Return whether what is around the shared part is not part of the scene."""
    return _is_added(around, transform) or (around.share >= _LEAST_CROP and _is_turning(around, transform))


def _is_edited(changes: Changes, *, by_pixel: bool) -> bool:
    """Return whether more was changed than encoding does.

    Args:
        by_pixel: Whether each pixel of the one has its pixel of the other. Where they had to be computed anew, by
            resizing or turning, they are softer, and less is sure.
    """
    bounds = _BY_PIXEL if by_pixel else _COMPUTED
    return (
        changes.remaining > _MOST_REMAINING
        or changes.recolored > _RECOLORED + _RECOLORED_SHARE * changes.remaining
        or changes.covered > bounds.covered
        or changes.edges < bounds.edges
        or changes.grain > bounds.grain
    )


def _has_same_grid(registration: Registration, transform: Transform) -> bool:
    return _is_whole(registration) and all(abs(math.log(side)) < 0.005 for side in _sides(transform))


def _sides(transform: Transform) -> tuple[float, float]:
    """Return the factors by which the two sides grow."""
    (m, n, _), (o, p, _) = transform.matrix
    return math.hypot(m, o), math.hypot(n, p)


def _is_turned(transform: Transform) -> bool:
    """Return whether the angle is not a right one."""
    return abs((transform.angle_deg + 45) % 90 - 45) > _LEAST_TURN_DEG


def _is_rotated(transform: Transform) -> bool:
    upside_down = transform.mirrored and abs(transform.angle_deg) > 180 - _LEAST_TURN_DEG  # mirrored top to bottom
    return abs(transform.angle_deg) > _LEAST_TURN_DEG and not upside_down


def _is_resized(registration: Registration, transform: Transform, a: PictureFeatures, b: PictureFeatures) -> bool:
    if _is_whole(registration):
        return sorted(a.size_px) != sorted(b.size_px)
    return any(abs(math.log(side)) > _LEAST_RESIZE for side in _sides(transform))


# --- without a map ----------------------------------------------------------------------------------------------


def _by_score(a: PictureFeatures, b: PictureFeatures) -> Relation | None:
    """Compute how alike two pictures are by their vectors; never that they are the same picture."""
    scored = pair_score(a.vectors, b.vectors, same_bytes=False)
    if scored is None:
        return None
    kind: RelationKind = "similar" if scored.score >= SIMILAR_SCORE else "unrelated"
    return Relation(kind, (kind,), None, 0, None, 0.0)
