"""Traces of processing in one picture: compression, resampling.

A picture that was made of another has lost something: lights and shadows that are clipped, levels that no pixel has any
more, fine detail, color; or it has gained what no camera makes: noise, and the steps of an encoding that its file does
not name. Each trace is a number for one picture; only its difference between copies of one picture means anything.

Source: the steps of an earlier encoding show in the DCT coefficients, which lie near multiples of the quantization
    table (Z. Fan and R. de Queiroz, "Identification of bitmap compression history", IEEE Trans. Image Processing,
    2003).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

from .opencv import opencv

if TYPE_CHECKING:
    from ..arrays import F32, U8

_SIDE_PX = 1024  # of the middle of the picture, which is measured
_LEAST_PX = 32  # of a side; less has no blocks to speak of
_EXTREME, _ENDS = 0.03, 0.06  # of the range of levels
_FORM = struct.Struct("<10f")
# The luminance table of the JPEG standard (ITU-T T.81, annex K), which most programs scale by a quality.
_STANDARD = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55), (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62), (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip
_POSITIONS = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (0, 3), (3, 0), (2, 2), (1, 3), (3, 1))
_LEAST_STEP = 3  # of a coefficient; finer ones are hidden by rounding to whole levels
_BEYOND = 0.6  # of a step; coefficients nearer to 0 say nothing
_LEAST_COEFFICIENTS = 60
_COARSER_BY = 6  # of quality: an earlier encoding that is about as fine as the last one is not seen
_RESAVED, _SECOND_GRID = 0.22, 0.30  # of 16 photos encoded once all are below 0.18, encoded twice above 0.40
_BLOCKS, _FEW_BLOCKS = 2048, 384


@dataclass(frozen=True)
class Traces:
    """What handling left in a picture.

    Attributes:
        extremes: Share of the pixels at the ends of the range of levels; what is clipped adds to it.
        levels: How many levels lie between these ends, 1..256.
        gaps: Share of the levels in between that hardly a pixel has.
        chroma: Mean distance between the strongest and the weakest of three colors, in levels.
        grain: Of the smoothest blocks, in levels.
        sharp: Share of the finest detail in all that is finer than 12 px.
        detail: Strength of the detail, as a share of the range of levels.
        resaved: The quality of a coarser encoding than the file itself has, as it shows in its blocks; 0 for none.
        elsewhere: That of any encoding that shows in blocks which lie elsewhere; 0 for none.
        unsettled: Share of the blocks that change when it is encoded again in the same way; 0 where that is not known.
    """

    extremes: float
    levels: float
    gaps: float
    chroma: float
    grain: float
    sharp: float
    detail: float
    resaved: float
    elsewhere: float
    unsettled: float = 0.0

    def __bytes__(self) -> bytes:
        return _FORM.pack(*astuple(self))


def read_traces(data: bytes) -> Traces | None:
    """Read what `bytes` wrote; None for anything else."""
    return Traces(*_FORM.unpack(data)) if len(data) == _FORM.size else None


def traces_of(pixels: U8, quality: int | None) -> Traces:
    """Measure a picture.

    Args:
        pixels: (h, w, 3) uint8 in full size.
        quality: That of its own encoding, 1..100, as JPEG has it; None for any other.

    Cost: 25 ms for a picture of a megapixel or more.
    """
    cv2 = opencv()
    import numpy as np

    part = _middle(pixels)
    gray = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY)
    values = gray.astype(np.float32)
    low, high = _range_of(np.bincount(gray.ravel(), minlength=256), 1e-4)
    levels = float(high - low + 1)
    extremes, gaps = _levels_of(part)
    finest, detail, all_detail = (_finer_than(values, px) for px in (1.5, 4, 12))
    resaved, elsewhere = _encodings(gray, values, quality)
    return Traces(
        extremes=extremes,
        levels=levels,
        gaps=gaps,
        chroma=float((part.max(2).astype(np.float32) - part.min(2)).mean()),
        grain=_grain(values, low, high),
        sharp=finest / (all_detail + 0.5),
        detail=detail / max(8.0, levels),
        resaved=float(resaved),
        elsewhere=float(elsewhere),
    )


def table_quality(table: Sequence[int]) -> int:
    """Find the quality of the standard table that is nearest to one of 64 steps, row by row."""
    import numpy as np

    steps = np.array(table, np.float32).reshape(8, 8)
    return min(range(1, 101), key=lambda quality: float(np.abs(_table(quality) - steps).sum()))


def _middle(pixels: U8) -> U8:
    """Cut out the middle, along blocks of 8 px."""
    top, left = (max(0, side - _SIDE_PX) // 2 // 8 * 8 for side in pixels.shape[:2])
    return pixels[top : top + _SIDE_PX, left : left + _SIDE_PX]


def _levels_of(pixels: U8) -> tuple[float, float]:
    """Measure extremes and gaps: a mean over the three colors, and the most of them."""
    import numpy as np

    extremes, gaps = [], [0.0]
    for color in range(3):
        counts = np.bincount(pixels[..., color].ravel(), minlength=256).astype(np.float64)
        low, high = _range_of(counts, 1e-4)
        end = max(1, round(_EXTREME * (high - low)))
        extremes.append((counts[max(0, high - end) :].sum() + counts[: low + end + 1].sum()) / counts.sum())
        low, high = _range_of(counts, 0.01)
        middle = counts[low : high + 1]
        if len(middle) >= 16:
            gaps.append(float((middle < 0.15 * np.convolve(middle, np.full(5, 0.2), "same")).mean()))
    return float(np.mean(extremes)), max(gaps)


def _range_of(counts: Any, beyond: float) -> tuple[int, int]:
    """Find the levels that all but a share of the pixels at both ends lie between."""
    import numpy as np

    reached = np.cumsum(counts) / counts.sum()
    return int(np.searchsorted(reached, beyond)), int(np.searchsorted(reached, 1 - beyond))


def _finer_than(values: F32, px: float) -> float:
    """Measure the detail that is lost when a picture is made smaller by a factor, in levels."""
    cv2 = opencv()
    import numpy as np

    height, width = values.shape
    size = (max(4, round(width / px)), max(4, round(height / px)))
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    back = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return float(np.sqrt(((values - back) ** 2).mean()))


def _grain(values: F32, low: int, high: int) -> float:
    """Measure the smoothest blocks, but for those at the ends of the range: nothing is left of noise there."""
    cv2 = opencv()
    import numpy as np

    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
    height, width = (side // 8 for side in values.shape)
    if not height or not width:
        return 0.0

    def means(of: F32) -> Any:
        return of[: 8 * height, : 8 * width].reshape(height, 8, width, 8).mean((1, 3)).ravel()

    rough, level = means(np.abs(cv2.filter2D(values, -1, kernel))), means(values)
    end = _ENDS * (high - low)
    telling = (level > low + end) & (level < high - end)
    return float(np.percentile(rough[telling] if telling.mean() > 0.1 else rough, 15))


# --- encodings before the last one --------------------------------------------------------------------------------


def _encodings(gray: U8, values: F32, quality: int | None) -> tuple[int, int]:
    """Find the quality of a coarser encoding than the file's own in its blocks, and of any in others; 0 for none."""
    import numpy as np

    if min(gray.shape) < _LEAST_PX:
        return 0, 0
    coarser = range(30, min(96, 100 if quality is None else quality - _COARSER_BY), 2)
    sure, resaved = _periodic(_coefficients(gray, 0, 0, _BLOCKS), coarser)
    across = _likely_phases(np.abs(np.diff(values, axis=1)))
    down = _likely_phases(np.abs(np.diff(values, axis=0)).T)
    places = [(y, x) for y in dict.fromkeys((0, *down)) for x in dict.fromkeys((0, *across)) if x or y]
    few = (40, 50, 60, 70, 75, 80, 85, 90)
    found = max(_periodic(_coefficients(gray, *place, _FEW_BLOCKS), few) for place in places)
    return resaved if sure > _RESAVED else 0, found[1] if found[0] > _SECOND_GRID else 0


def _likely_phases(steps: F32) -> list[int]:
    """Find where blocks may begin: at the three of eight columns with the largest steps to the one before."""
    import numpy as np

    means = [float(np.minimum(steps[:, column::8], 25).mean()) for column in range(8)]
    return [int((column + 1) % 8) for column in np.argsort(-np.array(means), kind="stable")[:3]]


def _coefficients(gray: U8, top: int, left: int, most: int) -> F32:
    """Transform blocks of 8 x 8 px, and give a few low coefficients: (12, blocks)."""
    import numpy as np

    height, width = ((side - start) // 8 for side, start in zip(gray.shape, (top, left), strict=True))
    area = gray[top : top + 8 * height, left : left + 8 * width].astype(np.float32) - 128
    blocks = area.reshape(height, 8, width, 8).transpose(0, 2, 1, 3).reshape(-1, 8, 8)
    blocks = blocks[:: -(-len(blocks) // most)] if len(blocks) > most else blocks
    basis = _basis()
    found = [np.einsum("bij,i,j->b", blocks, basis[row], basis[column]) for row, column in _POSITIONS]
    return np.stack(found).astype(np.float32)


def _basis() -> Any:
    import numpy as np

    places = np.arange(8)
    basis = 0.5 * np.cos((2 * places[None] + 1) * places[:, None] * np.pi / 16)
    basis[0] /= np.sqrt(2)
    return basis.astype(np.float32)


def _periodic(coefficients: F32, qualities: Sequence[int]) -> tuple[float, int]:
    """Find the quality to multiples of whose steps coefficients lie nearest: 1 for all on them, 0 for anywhere."""
    import numpy as np

    best = (0.0, 0)
    for quality in qualities:
        table, total, count = _table(quality), 0.0, 0
        for values, (row, column) in zip(coefficients, _POSITIONS, strict=True):
            step = float(table[row, column])
            if step < _LEAST_STEP:
                continue
            telling = values[np.abs(values) > _BEYOND * step]
            total += float(np.cos(2 * np.pi / step * telling).sum())
            count += len(telling)
        if count > _LEAST_COEFFICIENTS:
            best = max(best, (total / count, quality))
    return best


def _table(quality: int) -> Any:
    import numpy as np

    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    return np.clip(np.floor((np.array(_STANDARD, np.float32) * scale + 50) / 100), 1, 255)
