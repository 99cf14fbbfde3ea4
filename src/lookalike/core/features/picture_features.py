"""Picture features: all data that relates one picture to others, part of it loaded when first asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from ...geometry import DETAIL_SIDE_PX, SmallPicture, find_content, small_version

if TYPE_CHECKING:
    from ...arrays import U8, Vectors
    from ...geometry import Content, Features


@dataclass(frozen=True, eq=False)
class PictureFeatures:
    """All that is needed to relate a picture to others.

    Attributes:
        content_hash, format, size_px: As in Image.
        vectors: One in each space where the picture has one.
        view: The small version with its local features; None where no pixels were kept.
        pixel_hash: Gives the hash of the pixels in full size, or None where they cannot be had; called only for
            pictures that may have equal pixels.
        close_pixels: Gives the picture with a longer side of so many px at most, or None where it cannot be had; called
            only for drawn pages that seem the same, and for pictures that hold little.
        frames: How many pictures the file holds; all the rest is about the first of them.
    """

    content_hash: str
    format: str
    size_px: tuple[int, int]
    vectors: Vectors = field(default_factory=dict)
    view: SmallPicture | None = None
    pixel_hash: Callable[[], str | None] = lambda: None
    close_pixels: Callable[[int], U8 | None] = lambda side_px: None
    frames: int = 1

    @cached_property
    def content(self) -> Content | None:
        """What is there beside the ground, in all detail that can be had; None where that is much."""
        if self.view is None:
            return None
        if self.view.content is None or max(self.size_px) <= max(self.view.pixels.shape):
            return self.view.content
        pixels = self.close_pixels(DETAIL_SIDE_PX)
        return self.view.content if pixels is None else find_content(pixels)


def small_picture_of(pixels: U8 | None, features: Features | None = None) -> SmallPicture | None:
    """Return what is seen of a picture; None where no pixels were kept.

    Args:
        pixels: (h, w, 3) uint8 upright, of any size.
        features: Those of the small version, where they were kept; else found at first need, in about 20 ms.

    Cost: 1 ms for the small version; nothing where the pixels are as small already.
    """
    return None if pixels is None else SmallPicture(small_version(pixels), features)
