"""The original among many copies, by majority.

Each edit was made of the original, and two edits differ from each other by both. So the original is the one that the
others differ from least, of whatever kinds the edits are: by a curve, a vignette or a word, too, of which one picture
alone shows nothing. Most edits also keep its shape and its size. Two pictures have no third that could decide.

A series of ever stronger edits has its middle as the one that differs least; so this is evidence beside what handling
left (`originals`), and by number: of 3 pictures it counts a quarter, of 6 and more in full.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...geometry import mean_difference

if TYPE_CHECKING:
    from ...arrays import F64, I64
    from .originals import Traits

# Learned as logarithms of odds, with the weights of the other evidence; see `originals`.
_LIKENESS = ((3.0, 0.1), (3.0, 0.3))  # by how much more alike: of the mean logarithm of differences
_SHAPE, _SIZE, _STRETCHED = 1.3, 1.8, 5.0
_SAME, _UNLIKE = 0.5, 15.0  # mean levels; below encoding alone differs, above the pictures do not lie over each other
_LAID_OVER = 6.0  # levels; squares that differ less show one frame, and one of another shape is stretched
_SAME_SHAPE = 0.012  # log of the ratio of sides
_EDITED = 2.0  # levels; one that differs less is another encoding, and exports of one size are many
_ALONE, _MANY = 2, 6  # members


def dissent(traits: Mapping[int, Traits], rivals: Sequence[int]) -> F64:
    """Weigh for each of some copies what all say for its being later than each of some rivals among them.

    Args:
        rivals: Keys; they are also those that are asked.

    Returns:
        (n, rivals) logarithms of odds; 0 where there are too few, or some cannot be looked at.

    Cost: 10 us for each of them.
    """
    keys, squares = list(traits), [one.square for one in traits.values()]
    counts = min(1.0, (len(keys) - _ALONE) / (_MANY - _ALONE))
    if counts <= 0 or any(square is None for square in squares):
        return np.zeros((len(keys), len(rivals)))
    place = {key: number for number, key in enumerate(keys)}
    asked = np.array([place[key] for key in rivals])
    is_other = asked[None] != np.arange(len(keys))[:, None]
    differences = np.array([[mean_difference(a, squares[b]) for b in asked] for a in squares])  # type: ignore[arg-type]
    sizes = np.array([one.size_px for one in traits.values()], np.float64)
    shapes = np.log(sizes[:, 0] / sizes[:, 1])
    has_shape = (np.abs(shapes[:, None] - shapes[asked][None]) < _SAME_SHAPE) & is_other
    has_size = (sizes[:, None] == sizes[asked][None]).all(2) & is_other & (differences >= _EDITED)
    lies_over = (differences < _LAID_OVER) & is_other
    stretched = (lies_over & ~has_shape).sum(1) / np.maximum(lies_over.sum(1), 1)
    frames = (_SHAPE * has_shape.sum(1) + _SIZE * has_size.sum(1)) / is_other.sum(1) - _STRETCHED * stretched
    less_like = _less_like(differences, asked)
    said = sum(weight * np.tanh(less_like / soft) for weight, soft in _LIKENESS)
    found: F64 = counts * (said + frames[asked][None] - frames[:, None])
    return np.where(is_other, found, 0.0)


def _less_like(differences: F64, asked: I64) -> F64:
    """Return how much less each picture is like the rest than each rival is: (n, rivals).

    Args:
        differences: (n, rivals), of each picture to those that are asked.
        asked: (rivals,) places of these.
    """
    logs = np.log(np.minimum(differences, _UNLIKE) + _SAME)
    column = np.full(len(logs), -1)
    column[asked] = np.arange(len(asked))
    is_asked = column >= 0
    rest = logs.sum(1) - np.where(is_asked, logs[np.arange(len(logs)), column], 0.0)
    back = np.where(is_asked[:, None], logs[asked][:, column].T, 0.0)  # what a rival is to the picture
    ours, theirs = rest[:, None] - logs, rest[asked][None] - back  # what the two are to each other does not count
    found: F64 = (ours - theirs) / np.maximum(len(asked) - 1 - is_asked, 1)[:, None]
    return found
