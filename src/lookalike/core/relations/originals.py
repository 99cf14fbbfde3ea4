"""Originals: which of some copies of one picture the others were made of, by what handling leaves and cameras say.

For each two of them the evidence that the one is later is added up: what each trace says was learned by logistic
regression on 890 pairs of originals and copies of 19 kinds of edits, and held against 19 other kinds
(`docs/duplicates.md`). Bytes are not evidence: noise and needless quality bring some.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .consensus import dissent

if TYPE_CHECKING:
    from ...arrays import U8
    from ...geometry import Traces
    from ...pictures import Facts

# What each trace says, as the logarithm of odds: the weight of a difference, and from where to where it counts.
_PIXELS = ((20.0, 0.0, 0.08), (3.0, 0.08, 1.5))  # log of the count
_EXTREMES = ((10.0, 0.0, 0.15), (20.0, 0.15, 0.5))
_PLAIN = 0.2  # of extremes: what has so many more is a page or a frame, and its pixels are not detail
_LEVELS = ((12.0, 0.1, 0.5),)  # log
_CHROMA = ((4.5, 1.1, 3.0),)  # log
_GAPS = ((24.0, 0.0, 0.1),)
_GRAIN = ((1.7, 0.0, 0.8), (8.4, 0.8, 3.0))  # log
_SOFT = ((11.0, 0.4, 2.0),)  # log
_ENLARGED = (
    (25.0, 0.25, 2.0),
)  # the same, of other sizes: 0.65 or more when enlarged by half, 0.05 at most when reduced
_DETAIL = ((6.4, 0.0, 0.1), (0.25, 0.1, 0.6))  # log
_COARSE = ((1.0, 0.0, 0.6), (2.0, 0.6, 1.6))
_BYTES = ((1.5, 0.2, 1.5),)  # log
_UNSETTLED = ((2.1, 0.0, 1.5),)  # log; of two encodings that are the same
_RESAVED = _ELSEWHERE = 5.0
_COARSER = 3.0
_EXPORTED = 3.0  # for a form that no camera writes, where the other has one that some do
_DRAWN = 0.15  # of grain
_EXACT = 1.5  # for what is kept exactly, where the other is not
_SCALED, _MUCH_SCALED = 0.08, 1.6  # log of the count of pixels; beyond the latter everything is sharper when reduced
_SAME_QUALITY, _SAME_STEPS, _SAME_STEPS_ELSEWHERE = 1, 5, 8  # of quality
_CAMERA, _TAKEN, _PLACE, _DATE = 6.0, 3.0, 2.0, 1.5  # not learned; the last: of two dates the older one
_MOST = 8.0  # of one pair in a mean
_COMPARED = 64  # members that each is held against
_TRACES, _LAID = 0.7, 2.0  # beside the consensus of all

SMALL_QUALITY = 1  # told of the small version, where no encoding before its own can be seen
_LOSSY_COARSENESS, _WEBP_COARSENESS = 25.0, 60.0  # of encodings whose quality is not known, as 100 - quality
_NO_CAMERA = frozenset({"webp", "gif", "avif"})
_LOSSY = frozenset({"jpeg", "webp", "gif", "avif", "heif", "jpeg2000", "jxl"})


@dataclass(frozen=True)
class Traits:
    """What of a picture tells when it was made.

    Attributes:
        pixel_count: Of the picture as shown.
        format: As in Record.
        quality: That of its encoding, 1..100, where it is known.
        facts: What its file says.
        traces: What handling left in its pixels; None where they cannot be had.
        byte_size: Stands for the quality where that is not known, of pictures in one format and size.
        size_px: Of the picture as shown.
        square: What others are compared with; None where there are two only, very many, or no pixels.
    """

    pixel_count: int
    format: str
    quality: int | None
    facts: Facts
    traces: Traces | None
    byte_size: int = 0
    size_px: tuple[int, int] = (1, 1)
    square: U8 | None = field(default=None, compare=False, repr=False)


def lateness(traits: Mapping[int, Traits], laid: Mapping[int, float] | None = None) -> dict[int, float]:
    """Weigh for each of some copies of one picture what speaks for its being made of the others.

    Args:
        laid: What geometry says of each one's being later.

    Returns:
        Key to the mean over the others of the logarithm of odds: what handling left, what cameras wrote, how all lie
        over each other, and the consensus of all.
    """
    rivals = list(traits)[:: -(-len(traits) // _COMPARED)] if traits else []
    by_all, laid = dissent(traits, rivals), laid or {}
    found = {}
    for (key, mine), by_each in zip(traits.items(), by_all.tolist(), strict=True):
        said = [
            _TRACES * evidence(traits[rival], mine) + told + _LAID * (laid.get(key, 0.0) - laid.get(rival, 0.0))
            for rival, told in zip(rivals, by_each, strict=True)
            if rival != key
        ]
        facts = [_of_facts(traits[rival].facts, mine.facts) for rival in rivals if rival != key]
        found[key] = float(np.mean(np.clip(said or [0.0], -_MOST, _MOST)) + np.mean(facts or [0.0]))
    return found


def evidence(a: Traits, b: Traits) -> float:
    """Weigh what speaks for `b` being made of `a`, as the logarithm of odds; the other way round it is the opposite."""
    found = _of_facts(a.facts, b.facts)
    if not _has_plain_ground(a, b):
        found += _said(_PIXELS, _log(a.pixel_count, b.pixel_count))
    if not _is_known(a) and not _is_known(b) and (a.format, a.pixel_count) == (b.format, b.pixel_count):
        found += _said(_BYTES, _log(a.byte_size, b.byte_size))
    found += _EXPORTED * ((b.format in _NO_CAMERA) - (a.format in _NO_CAMERA))
    found += _said(_COARSE, (_coarseness(b) - _coarseness(a)) / _LOSSY_COARSENESS)
    old, new = a.traces, b.traces
    if old is None or new is None:
        return found
    if max(old.grain, new.grain) < _DRAWN:  # of few colors: encoding widens their range and closes the gaps
        return found + _of_detail(a, b)
    found += _said(_EXTREMES, new.extremes - old.extremes)
    found += _said(_LEVELS, _log(old.levels, new.levels))
    found += _said(_CHROMA, _log(old.chroma + 4, new.chroma + 4))
    if not (
        _is_exact(a if old.gaps > new.gaps else b) and a.format != b.format
    ):  # encoding closes the gaps of a drawing
        found += _said(_GAPS, new.gaps - old.gaps)
    if a.pixel_count == b.pixel_count and _is_exact(a) != _is_exact(b) and not old.resaved and not new.resaved:
        found += _EXACT if _is_exact(a) else -_EXACT
    found += _said(_GRAIN, _log(new.grain + 0.7, old.grain + 0.7))
    scaled = abs(_log(a.pixel_count, b.pixel_count))
    if scaled < _MUCH_SCALED:
        found += _said(_SOFT if scaled <= _SCALED else _ENLARGED, _log(old.sharp + 0.01, new.sharp + 0.01))
    found += _of_detail(a, b)
    if _encoded_alike(a, b, old, new) and old.unsettled and new.unsettled:
        found += _said(_UNSETTLED, _log(old.unsettled + 0.005, new.unsettled + 0.005))
    found += _RESAVED * (_shows(new.resaved, a, _SAME_STEPS) - _shows(old.resaved, b, _SAME_STEPS))
    found += _COARSER * (_was_coarser(a, b, old, new) - _was_coarser(b, a, new, old))
    found += _ELSEWHERE * (
        _shows(new.elsewhere, a, _SAME_STEPS_ELSEWHERE) - _shows(old.elsewhere, b, _SAME_STEPS_ELSEWHERE)
    )
    return found


def _encoded_alike(a: Traits, b: Traits, old: Traces, new: Traces) -> bool:
    """Whether two are encoded in the same way, and nothing else is different."""
    if a.quality is None or b.quality is None or abs(a.quality - b.quality) > _SAME_QUALITY:
        return False
    is_frame = a.pixel_count == b.pixel_count
    return is_frame and abs(_log(old.detail, new.detail)) < 0.03 and abs(old.extremes - new.extremes) < 0.01


def _was_coarser(a: Traits, b: Traits, old: Traces, new: Traces) -> bool:
    """Return whether one went through an encoding that is coarser than the other's ever was; crops do not show it."""
    finest = a.quality if a.quality is not None else 100
    is_frame = a.pixel_count == b.pixel_count
    return is_frame and bool(new.resaved) and not old.resaved and new.resaved < finest - _SAME_STEPS


def _shows(quality: float, other: Traits, within: float) -> bool:
    """Return whether an earlier encoding that shows is that of another picture."""
    return bool(quality) and other.quality is not None and abs(quality - other.quality) <= within


def _of_facts(a: Facts, b: Facts) -> float:
    found = _CAMERA * (bool(a.camera) - bool(b.camera)) + _PLACE * (a.has_place - b.has_place)
    if a.taken and b.taken:
        return found + _DATE * ((b.taken > a.taken) - (b.taken < a.taken))
    return found + _TAKEN * (bool(a.taken) - bool(b.taken))


def _said(bands: Sequence[tuple[float, float, float]], difference: float) -> float:
    amount = abs(difference)
    said = sum(weight * max(0.0, min(amount, most) - least) for weight, least, most in bands)
    return math.copysign(said, difference)


def _log(above: float, below: float) -> float:
    return math.log(max(above, 1e-6) / max(below, 1e-6))


def _of_detail(a: Traits, b: Traits) -> float:
    """Weigh added detail, such as a caption's; unless it is not known how coarse the encodings are, which take some."""
    if a.traces is None or b.traces is None or not (_is_known(a) and _is_known(b)):
        return 0.0
    return _said(_DETAIL, _log(b.traces.detail + 1e-4, a.traces.detail + 1e-4))


def _is_known(one: Traits) -> bool:
    return one.quality is not None or one.format not in _LOSSY


def _has_plain_ground(a: Traits, b: Traits) -> bool:
    """Whether the larger of two has a good deal of plain ground that the other has not."""
    if a.traces is None or b.traces is None:
        return False
    more = a.traces.extremes - b.traces.extremes
    return more > _PLAIN if a.pixel_count > b.pixel_count else -more > _PLAIN


def _is_exact(one: Traits) -> bool:
    return one.quality is None and one.format not in _LOSSY


def _coarseness(one: Traits) -> float:
    if one.quality is not None:
        return 100.0 - one.quality
    if one.format == "webp":
        return _WEBP_COARSENESS
    return _LOSSY_COARSENESS if one.format in _LOSSY else 0.0
