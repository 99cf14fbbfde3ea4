"""Why two pictures are said to be related: the places that agree, what both show, and what was changed.

For pictures without a common map it is a similarity map instead: how much the likeness falls when a part is hidden.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ... import disk
from ...distances import cosine_distance
from ...geometry import inverse, overlay, register, shown_outline
from .rules import SAME_PICTURE

if TYPE_CHECKING:
    from PIL import Image as PILImage

    from ...answers import Relation
    from ...arrays import F32, F64, U8
    from ...geometry import Overlay, Registration
    from ..features.picture_features import PictureFeatures

    Embed = Callable[[U8], F32]  # pixels (h, w, 3) -> embedding (d,)

_CELLS = 7  # a side of the similarity map: 49 parts of each picture are hidden in turn
_HIDDEN_REACH = 1.5  # cells; parts overlap, so that no border between them decides
_PANEL_PX = 360
_GAP_PX = 16
_MOST_LINES = 60
_MOSTLY = 0.8  # of the blocks; second photos of one thing stay below
_PAPER, _MARK, _LINE = "#ffffff", "#e8590c", "#2f6fed"
_HEAT = (232, 89, 12)  # the color of the mark
_HEAT_GAIN, _MOST_OPAQUE = 1.5, 0.85


@dataclass(frozen=True, eq=False)
class PairEvidence:
    """What speaks for a relation, as data and as a picture; a notebook shows the picture.

    Attributes:
        size_px: The sizes of A and B as shown: what places and outlines lie in.
        places: (m, 4) float32; x, y in A and x, y in B of places that agree, in px as shown.
        outlines: What A shows of B, and B of A, as corners (n, 2) in px as shown; empty where there is no map.
        difference: (h, w) uint8, by how much the pictures differ where both are, laid over each other; None unless
            they are the same picture, or agree in most places: other words on one form, another color of one thing.
            It covers one of them: the coarser, which `frame` names.
        changed: Share of what both show that differs by far more than encoding and another light explain; None
            likewise.
        likeness: (7, 7) float32 for A and for B: by how much the likeness falls when that part is hidden; None where
            there is a map.
        png: The picture.
    """

    size_px: tuple[tuple[int, int], tuple[int, int]]
    places: F32
    outlines: tuple[F32, F32]
    difference: U8 | None
    frame: Literal["a", "b"] | None
    changed: float | None
    likeness: tuple[F32, F32] | None
    png: bytes

    def difference_png(self) -> bytes | None:
        """Return the difference as a PNG to lay over the picture that `frame` names: clear where both are the same."""
        import numpy as np
        from PIL import Image

        if self.difference is None:
            return None
        layer = np.full((*self.difference.shape, 4), (*_HEAT, 0), np.uint8)
        layer[..., 3] = np.rint(255 * _opacity(self.difference / 255)).astype(np.uint8)
        return _png(Image.fromarray(layer))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a PNG file."""
        disk.replace_bytes(Path(path), self.png)

    def _repr_png_(self) -> bytes:
        return self.png


def explain(a: PictureFeatures, b: PictureFeatures, relation: Relation, embed: Embed) -> PairEvidence:
    """Return what speaks for a relation.

    Args:
        a, b: Two looks with pixels.
        embed: What says how alike pictures are where there is no map between them.

    Cost: 60 ms with a map; without one 100 embeddings, about a second.
    """
    assert a.view, "the first picture has pixels"
    assert b.view, "and so has the second"
    pixels = (a.view.pixels, b.view.pixels)
    return _without_map(a, b, pixels, embed) if relation.transform is None else _with_map(a, b, pixels, relation)


def _with_map(a: PictureFeatures, b: PictureFeatures, pixels: tuple[U8, U8], relation: Relation) -> PairEvidence:
    import numpy as np

    grown = [np.array(look.size_px) / np.array(side.shape[1::-1]) for look, side in zip((a, b), pixels, strict=True)]
    matrix = _small_matrix(relation, *grown)
    found, places = _registered(a, b)
    shapes = pixels[0].shape, pixels[1].shape
    outlines = shown_outline(*shapes, inverse(matrix)), shown_outline(*shapes[::-1], matrix)
    laid = overlay(*pixels, matrix)
    agrees = relation.kind in SAME_PICTURE or (relation.agreement or 0.0) >= _MOSTLY
    in_a = laid.a is pixels[0]
    difference = _difference(laid) if agrees else None
    panels = [_marked(*pixels, places, outlines)]
    panels += [] if difference is None else [_heated(pixels[0 if in_a else 1], difference / 255)]
    return PairEvidence(
        size_px=(a.size_px, b.size_px),
        places=(places * np.concatenate(grown)).astype(np.float32),
        outlines=((outlines[0] * grown[0]).astype(np.float32), (outlines[1] * grown[1]).astype(np.float32)),
        difference=difference,
        frame=("a" if in_a else "b") if agrees else None,
        changed=round(found.changes.covered, 4) if agrees else None,
        likeness=None,
        png=_png(_beside(panels)),
    )


def _small_matrix(relation: Relation, a_grown: F64, b_grown: F64) -> F64:
    """Bring the transform's matrix from px as shown to px of the small versions."""
    import numpy as np

    assert relation.transform, "there is a map"
    full = np.array(relation.transform.matrix)
    return np.concatenate([full[:, :2] * a_grown, full[:, 2:]], 1) / b_grown[:, None]


def _registered(a: PictureFeatures, b: PictureFeatures) -> tuple[Registration, F32]:
    """Register two pictures, in the order that their relation was found in.

    Returns:
        The registration; and the places (m, 4) that agree, of A first, in px of the small versions: none where whole
        frames agreed at once.
    """
    import numpy as np

    assert a.view, "the first picture has pixels"
    assert b.view, "and so has the second"
    turned = a.content_hash > b.content_hash
    found = register(b.view, a.view) if turned else register(a.view, b.view)
    if found.alignment is None:
        return found, np.zeros((0, 4), np.float32)
    sides = (found.alignment.places, found.alignment.others)
    return found, np.concatenate(sides[::-1] if turned else sides, 1)


def _difference(laid: Overlay) -> U8:
    """Return, by how much two pictures differ where both are, the largest of three colors: (h, w) uint8."""
    import numpy as np

    levels = np.abs(laid.a.astype(np.int16) - laid.b).max(2)
    return np.where(laid.shared, levels, 0).astype(np.uint8)


def _without_map(a: PictureFeatures, b: PictureFeatures, pixels: tuple[U8, U8], embed: Embed) -> PairEvidence:
    import numpy as np

    likeness = likeness_map(pixels[0], pixels[1], embed), likeness_map(pixels[1], pixels[0], embed)
    panels = [_heated(side, heat) for side, heat in zip(pixels, likeness, strict=True)]
    nothing = np.zeros((0, 2), np.float32)
    return PairEvidence(
        size_px=(a.size_px, b.size_px),
        places=np.zeros((0, 4), np.float32),
        outlines=(nothing, nothing),
        difference=None,
        frame=None,
        changed=None,
        likeness=likeness,
        png=_png(_beside(panels)),
    )


# --- the similarity map -----------------------------------------------------------------------------------------


def likeness_map(pixels: U8, other: U8, embed: Embed) -> F32:
    """Return which parts of a picture make it like another: by how much the distance grows when each is hidden.

    Returns:
        (7, 7) float32 from 0 to 1, the most important part 1; all 0 where no part matters.

    Cost: 50 embeddings.

    Source: M. Zeiler and R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014 (occlusion).
    """
    import numpy as np

    target = embed(other)
    near = cosine_distance(embed(pixels), target)
    grown = np.array(
        [
            [cosine_distance(embed(hidden(pixels, row, column)), target) - near for column in range(_CELLS)]
            for row in range(_CELLS)
        ]
    )
    positive = np.maximum(grown, 0)
    shares: F32 = (positive / max(float(positive.max()), 1e-9)).astype(np.float32)
    return shares


def hidden(pixels: U8, row: int, column: int) -> U8:
    """Return a picture with one part of 7 x 7, and a little around it, painted in the picture's mean color."""
    import numpy as np

    height, width = pixels.shape[:2]
    more = (_HIDDEN_REACH - 1) / 2
    top, bottom = (round((row + step) * height / _CELLS) for step in (-more, 1 + more))
    left, right = (round((column + step) * width / _CELLS) for step in (-more, 1 + more))
    painted = pixels.copy()
    painted[max(0, top) : bottom, max(0, left) : right] = pixels.mean((0, 1)).astype(np.uint8)
    return painted


# --- the picture ------------------------------------------------------------------------------------------------


def _marked(a: U8, b: U8, places: F32, outlines: tuple[F32, F32]) -> PILImage.Image:
    """Draw both pictures side by side, what both show outlined, and lines between places that agree."""
    import numpy as np
    from PIL import ImageDraw

    first, second = _panel(a), _panel(b)
    sheet = _beside([first, second])
    pen = ImageDraw.Draw(sheet)
    scales = first.width / a.shape[1], second.width / b.shape[1]
    shift = np.array([first.width + _GAP_PX, 0])
    for x, y, u, v in places[:: max(1, len(places) // _MOST_LINES)]:
        start, end = np.array([x, y]) * scales[0] + _GAP_PX, np.array([u, v]) * scales[1] + _GAP_PX + shift
        pen.line([*start, *end], fill=_LINE, width=1)
    for outline, scale, left in zip(outlines, scales, (0, shift), strict=True):
        if len(outline):
            corners = outline * scale + _GAP_PX + left
            pen.polygon([tuple(corner) for corner in corners.tolist()], outline=_MARK, width=3)
    return sheet


def _heated(pixels: U8, heat: F32 | F64) -> PILImage.Image:
    """Show a picture in pale gray, and heat (any grid of 0 to 1) over it as color."""
    import numpy as np
    from PIL import Image

    panel = _panel(pixels)
    pale = np.asarray(panel.convert("L"), np.float32)[..., None] * 0.5 + 110
    grid = Image.fromarray(np.asarray(heat, np.float32)).resize(panel.size, Image.Resampling.BILINEAR)
    share = _opacity(np.asarray(grid))[..., None]
    return Image.fromarray((pale * (1 - share) + np.array(_HEAT, np.float32) * share).clip(0, 255).astype(np.uint8))


def _opacity(heat: F32 | F64) -> F32 | F64:
    """Return how much heat (0 to 1) hides what is below it."""
    import numpy as np

    return np.clip(heat * _HEAT_GAIN, 0, 1) * _MOST_OPAQUE


def _panel(pixels: U8) -> PILImage.Image:
    from PIL import Image

    picture = Image.fromarray(pixels)
    scale = _PANEL_PX / max(picture.size)
    return picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))


def _beside(panels: Sequence[PILImage.Image]) -> PILImage.Image:
    """Put panels in a row, on paper, with gaps between and around them."""
    from PIL import Image

    width = sum(panel.width + _GAP_PX for panel in panels) + _GAP_PX
    sheet = Image.new("RGB", (width, max(panel.height for panel in panels) + 2 * _GAP_PX), _PAPER)
    left = _GAP_PX
    for panel in panels:
        sheet.paste(panel, (left, _GAP_PX))
        left += panel.width + _GAP_PX
    return sheet


def _png(picture: PILImage.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()
