"""Where a picture comes from, the picture when it is decoded, and what its file says of it beside the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from .arrays import U8


@dataclass(frozen=True)
class Facts:
    """What a file says of its picture beside the pixels; all that is not known is as it stands here.

    Attributes:
        frames: How many pictures the file holds: those of an animation, the pages of a TIFF.
        taken: When it was taken, ISO 8601, as the camera says it: with an offset only where it has one.
        camera: Make and model of the camera.
        has_place: Whether it says where it was taken; the place itself is kept nowhere.
        name: What its sender called the file, where it came as bytes.
        was_at: Where its file lay before it was moved, the last few paths; the store keeps them.
    """

    frames: int = 1
    taken: str | None = None
    camera: str | None = None
    has_place: bool = False
    name: str | None = None
    was_at: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Image:
    """A decoded picture: RGB, 8 bit, upright, and reduced when it was much larger than an encoder needs.

    Attributes:
        pixels: (h, w, 3) uint8.
        size_px: (width, height) as shown, before any reduction.
        content_hash: SHA-256 of the bytes, in hex; of shape and pixels where there were no bytes.
        format: What the bytes were ("jpeg", "png", ...), or "pixels".
        byte_size: How many bytes the source had; 0 where there were none.
        facts: What else the source says of it.
    """

    pixels: U8
    size_px: tuple[int, int]
    content_hash: str
    format: str
    byte_size: int = 0
    facts: Facts = Facts()


class Fence(Protocol):
    """How far a path may lead."""

    def encloses(self, real: str) -> bool:
        """Return whether a path without links is inside."""
        ...


@dataclass(frozen=True)
class Stored:
    """A picture that a collection holds, by the id of its record."""

    id: str


@dataclass(frozen=True)
class File:
    """A file of this machine.

    Attributes:
        fence: It is read only while it lies inside, whatever its path leads to by then; None for anywhere.
    """

    path: str
    fence: Fence | None = None


@dataclass(frozen=True)
class Url:
    """A picture of the web: http or https."""

    url: str


@dataclass(frozen=True, eq=False)
class Bytes:
    """An encoded picture.

    Attributes:
        name: What people are told it is; "" for a name that is made of its content.
    """

    data: bytes
    name: str = ""


@dataclass(frozen=True, eq=False)
class Opened:
    """An open binary file, read from where it stands to its end."""

    stream: Any


@dataclass(frozen=True, eq=False)
class Pixels:
    """Pixels that are decoded already: an array, a PIL image, or an `Image`."""

    pixels: Any


Source: TypeAlias = Stored | File | Url | Bytes | Opened | Pixels
