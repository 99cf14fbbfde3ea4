"""The local features of a small picture: where its distinct points are, and what is around each, as compact bytes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .opencv import opencv
from .small_version import gray

if TYPE_CHECKING:
    import numpy as np

    from ..arrays import F32, U8

MOST_POINTS = 600
_LEAST_CONTRAST = 0.02  # half of OpenCV's default: blurred and faded copies keep points
_DESCRIPTOR_SCALE = 512  # root-SIFT numbers lie below 0.5 but for a few, which are cut
_HEADER = struct.Struct("<4sHHH")  # mark, width, height, points
_MARK = b"lkf1"
_POINT_BYTES = 135
# A mirrored picture has the same points; around each, the rows of cells and the turning sense are reversed.
_MIRRORED_ORIENTATIONS = [0, 7, 6, 5, 4, 3, 2, 1]


@dataclass(frozen=True, eq=False)
class Features:
    """The local features of one small picture of n points, rounded as they are kept: bytes and back change nothing.

    Attributes:
        size_px: (width, height) of the small picture.
        places: (n, 2) uint16; x and y from the left upper corner of the picture, in 1/64 px.
        sizes: (n,) uint16; diameter of what each point looks at, in 1/64 px.
        turns: (n,) uint8; its direction clockwise from the x axis, in 1/256 of a full turn.
        descriptors: (n, 128) uint8; root-normalized SIFT.
    """

    size_px: tuple[int, int]
    places: np.ndarray[Any, np.dtype[np.uint16]]
    sizes: np.ndarray[Any, np.dtype[np.uint16]]
    turns: U8
    descriptors: U8

    def __len__(self) -> int:
        return len(self.places)

    def __bytes__(self) -> bytes:
        """Return 135 bytes for each point."""
        columns = (self.places, self.sizes, self.turns, self.descriptors)
        return _HEADER.pack(_MARK, *self.size_px, len(self)) + b"".join(column.tobytes() for column in columns)

    def points(self) -> F32:
        """Return (n, 2) float32 places in px."""
        import numpy as np

        return self.places.astype(np.float32) / np.float32(64)

    def mirrored(self) -> Features:
        """Return the features of the mirrored picture, from these alone: no second look is needed."""
        import numpy as np

        places = self.places.copy()
        places[:, 0] = self.size_px[0] * 64 - places[:, 0]
        turns = (128 - self.turns.astype(np.int16)).astype(np.uint8)
        cells = self.descriptors.reshape(-1, 4, 4, 8)[:, ::-1][..., _MIRRORED_ORIENTATIONS]
        return Features(self.size_px, places, self.sizes, turns, np.ascontiguousarray(cells).reshape(-1, 128))


def find_features(pixels: U8) -> Features:
    """Find the local features of a small picture, the strongest MOST_POINTS of them.

    Args:
        pixels: (h, w, 3) uint8, from `small_version`.

    Cost: 20 ms for 320 x 240 px on one core.

    Source: D. Lowe, "Distinctive image features from scale-invariant keypoints", IJCV 2004 (SIFT); R. Arandjelovic and
        A. Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012 (root-SIFT).
    """
    cv2 = opencv()
    import numpy as np

    finder = cv2.SIFT_create(nfeatures=MOST_POINTS, contrastThreshold=_LEAST_CONTRAST)
    found, raw = finder.detectAndCompute(gray(pixels), None)
    size_px = (pixels.shape[1], pixels.shape[0])
    if raw is None:
        return Features(size_px, *_columns(0), np.zeros((0, 128), np.uint8))
    found, raw = found[:MOST_POINTS], raw[:MOST_POINTS]  # points of equal strength come above the number asked for
    places, sizes, turns = _columns(len(found))
    # OpenCV's origin is the middle of the first pixel; ours is its corner, so that sizes scale without an offset.
    places[:] = np.rint((np.array([point.pt for point in found]) + 0.5).clip(0) * 64)
    sizes[:] = np.rint(np.array([point.size for point in found]).clip(0, 1000) * 64)
    turns[:] = np.rint(np.array([point.angle for point in found]) * (256 / 360)).astype(np.int64) % 256
    roots = np.sqrt(raw / np.maximum(raw.sum(1, keepdims=True), 1e-9))
    return Features(size_px, places, sizes, turns, np.rint(roots * _DESCRIPTOR_SCALE).clip(0, 255).astype(np.uint8))


def read_features(data: bytes) -> Features:
    """Read features from their bytes.

    Raises:
        InputError: when they are not features, or of another version.
    """
    import numpy as np

    mark, width, height, count = _HEADER.unpack_from(data) if len(data) >= _HEADER.size else (b"", 0, 0, 0)
    if mark != _MARK or len(data) != _HEADER.size + _POINT_BYTES * count:
        raise InputError(f"these {len(data):,} bytes are not local features of this version. Find them anew.")
    ends = np.cumsum([_HEADER.size, 4 * count, 2 * count, count, 128 * count])
    places, sizes, turns, descriptors = (data[a:b] for a, b in pairwise(ends))
    return Features(
        (width, height),
        np.frombuffer(places, np.uint16).reshape(-1, 2),
        np.frombuffer(sizes, np.uint16),
        np.frombuffer(turns, np.uint8),
        np.frombuffer(descriptors, np.uint8).reshape(-1, 128),
    )


def _columns(count: int) -> tuple[Any, Any, Any]:
    import numpy as np

    return np.zeros((count, 2), np.uint16), np.zeros(count, np.uint16), np.zeros(count, np.uint8)
