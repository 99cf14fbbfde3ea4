"""The registration of two pictures: the best map between them, with all that is measured once they lie over each other.

Two maps are tried: whole frame on whole frame, which needs no features, and the one that local features agree on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from .agreement import Agreement, measure_agreement
from .alignment import align
from .changes import Changes, measure_changes
from .content import find_content
from .features import Features, find_features
from .frames import frame_map, inverse, overlay
from .opencv import opencv
from .recoloring import moved_chroma
from .repainting import unlike_light
from .surroundings import Surroundings, measure_surroundings

if TYPE_CHECKING:
    from ..arrays import F32, F64, U8
    from .alignment import Alignment
    from .content import Content
    from .frames import Overlay

_SURE_SHARE, _SURE_DIFFERENCE = 0.98, 4.0  # whole frames that agree so well need no second look by features
_SHIFTED_SHARE = 0.95  # of the blocks: photos taken one after another reach 0.7 where they lie best
_MOVED_GAIN = 0.15  # of the blocks; 12 scans with a stamp gain 0.18 and more, one photo after another gained 0.12
_NEAR_FRAME_SHARE = 0.012  # of the longer side: corners that miss the frame's by less are the frame's


class SmallPicture:
    """A small picture with its local features, which are found when they are asked for the first time.

    Args:
        pixels: (h, w, 3) uint8, from `small_version`.
        features: Those of the same pixels, where they are known already.
    """

    def __init__(self, pixels: U8, features: Features | None = None) -> None:
        self.pixels = pixels
        self._known = features

    @cached_property
    def features(self) -> Features:
        """The local features; about 20 ms for the first time."""
        return find_features(self.pixels) if self._known is None else self._known

    @cached_property
    def content(self) -> Content | None:
        """What is there beside the ground, as far as it is seen here; None where that is much. About 1 ms."""
        return find_content(self.pixels)


@dataclass(frozen=True, eq=False)
class Registration:
    """The best map between two small pictures, and what is measured on it; some of it only when it is asked for.

    Attributes:
        views: The two pictures.
        matrix: (2, 3) float64 from the first picture to the second, in px of the small versions.
        laid: The two laid over each other by it.
        alignment: The features that agree on it; None where none were needed or found.
    """

    views: tuple[SmallPicture, SmallPicture]
    matrix: F64
    laid: Overlay
    agreement: Agreement
    alignment: Alignment | None

    @property
    def is_sure(self) -> bool:
        """Whether so much agrees that nothing else needs to be looked at."""
        return self.agreement.share >= _SURE_SHARE and self.agreement.difference <= _SURE_DIFFERENCE

    @cached_property
    def changes(self) -> Changes:
        """What changed where both are."""
        return measure_changes(self.laid)

    @cached_property
    def moved_chroma(self) -> float:
        """By how much colors are others; see `recoloring`."""
        return moved_chroma(self.laid)

    @cached_property
    def unlike_light(self) -> float:
        """By how much even parts differ, in levels; see `repainting`."""
        return unlike_light(self.laid)

    @cached_property
    def around(self) -> tuple[Surroundings, Surroundings]:
        """What each picture shows beside the shared part."""
        a, b = (view.pixels for view in self.views)
        first = measure_surroundings(a, b.shape, inverse(self.matrix))
        return first, measure_surroundings(b, a.shape, self.matrix)


def register(a: SmallPicture, b: SmallPicture) -> Registration:
    """Lay `b` over `a` as well as can be.

    Cost: 10 ms where whole frames agree, else about 25 ms on one core; features that are not known come on top.
    """
    framed = _registration(a, b, frame_map(a.pixels, b.pixels), None)
    if framed.is_sure:
        return framed
    alignment = align(a.features, b.features)
    if alignment is None:
        return framed
    is_near = _is_near(alignment.matrix, framed.matrix, a.pixels.shape, b.pixels.shape)
    if is_near and framed.agreement.share >= _SHIFTED_SHARE:
        return replace(framed, alignment=alignment)
    aligned = _registration(a, b, alignment.matrix, alignment)
    if is_near:
        # The frame's map is the truer one, unless all was moved by a few pixels: a border, a trim, a scan.
        share = min(_SHIFTED_SHARE, framed.agreement.share + _MOVED_GAIN)
        return aligned if aligned.agreement.share >= share else replace(framed, alignment=alignment)
    return aligned if _weight(aligned.agreement) > _weight(framed.agreement) else framed


def laid_by(registration: Registration, matrix: F64) -> Registration:
    """Lay the same two pictures over each other by another map."""
    return _registration(*registration.views, matrix, None)


def closer_overlay(registration: Registration, a: U8, b: U8) -> Overlay:
    """Lay larger versions of the two pictures over each other by the map that was found on the small ones."""
    import numpy as np

    grown = [
        np.array(side.shape[1::-1]) / view.pixels.shape[1::-1]
        for side, view in zip((a, b), registration.views, strict=True)
    ]
    return overlay(a, b, registration.matrix * grown[1][:, None] / np.append(grown[0], 1.0))


def _registration(a: SmallPicture, b: SmallPicture, matrix: F64, alignment: Alignment | None) -> Registration:
    laid = overlay(a.pixels, b.pixels, matrix)
    return Registration((a, b), matrix, laid, measure_agreement(laid), alignment)


def _weight(agreement: Agreement) -> float:
    """Return how much an agreement tells: many blocks, and more than wrong places would."""
    return float((agreement.share - 0.5 * agreement.repeats) * min(agreement.blocks, 40) ** 0.5)


def _is_near(matrix: F64, framed: F64, shape: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Return whether a map puts the corners of the frame where the whole-frame map puts them."""
    import numpy as np

    corners = np.array([[0, 0], [shape[1], 0], [shape[1], shape[0]], [0, shape[0]]], np.float64)
    put, wanted = (corners @ one[:, :2].T + one[:, 2] for one in (matrix, framed))
    return bool(np.abs(put - wanted).max() <= max(1.0, _NEAR_FRAME_SHARE * max(other[:2])))


def shown_outline(shape: tuple[int, ...], other: tuple[int, ...], matrix: F64) -> F32:
    """Return the corners (n, 2) of what a picture of `shape` shows of the other, by the map from the other to it."""
    cv2 = opencv()
    import numpy as np

    frame = np.array([[0, 0], [other[1], 0], [other[1], other[0]], [0, other[0]]], np.float64)
    put = (frame @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    own = np.array([[0, 0], [shape[1], 0], [shape[1], shape[0]], [0, shape[0]]], np.float32)
    _, shared = cv2.intersectConvexConvex(put, own)
    found: F32 = np.zeros((0, 2), np.float32) if shared is None else np.asarray(shared, np.float32).reshape(-1, 2)
    return found
