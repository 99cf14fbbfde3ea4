"""Toning: the edits of a picture's colors that people make to the whole of it, each of a few numbers.

Light, contrast and gamma send all channels through one curve, after more or less saturation (none: gray); a white
balance is a gain for each channel; sepia and other tints send brightness to three curves, gray things included; a turn
of hue turns all hues by one angle, of which there are two at least. Someone who repaints a thing, or makes it of
another
dye, does none of that: things next to it, and the ground, keep their colors. What no such edit explains is another
color.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from .opencv import opencv
from .recoloring import chroma

if TYPE_CHECKING:
    from ..arrays import F32, I64, Bools

    Edit: TypeAlias = Callable[[F32], F32]  # colors (n, 3) to colors

_SATURATIONS = (0.0, 0.15, 0.3, 0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0, 3.0)
_POWERS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3, 1.5, 1.7, 2.0, 2.4)
_LUMA = (0.299, 0.587, 0.114)
_TELLING = (4.0, 250.0)  # levels; beyond, light was cut off
_SLOPES = (0.25, 4.0)
_MOST_GAIN = 1.45  # of one channel against another
_ROUNDS, _OF_USUAL, _FITTING = 3, 2.5, 5.0
_FEW, _LIKELY, _LIKELY_POWERS = 100, 6, 4  # colors that choose edits, and how many of those are fitted to all
_ROUGHLY = 9.0  # levels
_SEPIA = ((0.393, 0.769, 0.189), (0.349, 0.686, 0.168), (0.272, 0.534, 0.131))  # that of W3C's filter effects
_SEPIA_SHARES = (0.5, 0.75, 1.0)
_GRAY, _UNLIKE = 4.0, 10.0  # chroma in CIELAB
_HUES, _OF_HUES, _APART = 36, 0.03, 4  # bins; share of what has color; how many bins two hues are apart
_TINTED, _ONE_HUE, _ONE_TURN, _MOST_TURN = 5.0, 0.45, 0.25, 0.8  # chroma; radians, radians; share
_UNEXPLAINED = 12.0  # levels
_CUT, _GAIN = 3.0, 0.8  # levels; an edit that explains less is none
_STILL, _LEAST_STILL, _NEARLY_ALL = 3.0, 0.25, 0.85  # levels; shares
_ANCHOR = 0.05  # of the colors, for black and for white
_STRONG, _DARK, _LIGHT = 0.12, 40.0, 225.0  # saturation times value; levels
_YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))
_BIN, _MOST_OF_EACH, _MOST_COLORS, _LEAST_TELLING = 24, 6, 300, 6


def nearest_edit(a: F32, b: F32) -> tuple[F32, F32, F32]:
    """Find the edit of the whole that explains most of the change from colors (n, 3) to others.

    Either may be the edited one.

    Returns:
        The colors before that edit; those that it makes of them; and those that they were changed to.

    Cost: 15 ms on one core.
    """
    import numpy as np

    chosen = _some_of_each(a, b)
    still = np.flatnonzero(stayed(a, b)) if have_stayed(a, b) else chosen[:0]
    still = still[:: max(1, len(still) // _MOST_COLORS)]
    best: tuple[Edit, F32, F32] = (_nothing, a, b)
    least = _GAIN * _missed(_nothing, a[chosen], b[chosen])
    for before, after in ((a, b), (b, a)):
        x, y = before[chosen], after[chosen]
        for edit in _edits(x, y, (before[still], after[still])):
            missed = _missed(edit, x, y)
            if missed < least and _leaves(edit, before[still], after[still]):
                best, least = (edit, before, after), missed
    edit, before, after = best
    return before, edit(before), after


def stayed(a: F32, b: F32) -> Bools:
    """Return which colors stayed, (n,); beside a gray picture, of which the brightness did."""
    import numpy as np

    if min(float(np.quantile(np.ptp(side, axis=1), 0.98)) for side in (a, b)) <= _GRAY:
        a, b = _luma(a), _luma(b)
    found: Bools = np.abs(a - b).max(1) <= _STILL
    return found


def have_stayed(a: F32, b: F32) -> bool:
    """Return whether a good part of the colors stayed: then an edit has to be one that leaves them."""
    return bool(stayed(a, b).mean() >= _LEAST_STILL)


def _leaves(edit: Edit, before: F32, after: F32, most: float = 1.5 * _STILL) -> bool:
    """Return whether an edit does no more than happened to colors that stayed."""
    import numpy as np

    return not len(before) or bool((np.abs(edit(before) - after).max(1) <= most).mean() >= _NEARLY_ALL)


def _missed(edit: Edit, before: F32, after: F32) -> float:
    """Return, by how much an edit misses the colors after, in levels."""
    import numpy as np

    return float(np.minimum(np.abs(after - edit(before)).max(1), 2 * _UNEXPLAINED).mean())


def _nothing(colors: F32) -> F32:
    return colors


def _some_of_each(a: F32, b: F32) -> I64:
    """Choose some of each pair of colors: what there is much of tells no more."""
    import numpy as np

    steps = np.array([1, 11, 121], np.int64)
    names = (a // _BIN).astype(np.int64) @ steps + (b // _BIN).astype(np.int64) @ (1331 * steps)
    order = np.argsort(names, kind="stable")
    _, starts = np.unique(names[order], return_index=True)
    place = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    kept: I64 = order[place < _MOST_OF_EACH]
    return kept[:: max(1, len(kept) // _MOST_COLORS)]


def _edits(before: F32, after: F32, still: tuple[F32, F32]) -> Iterator[Edit]:
    """Return each edit as near as it comes to what made the colors after from those before.

    Of those that end in a curve only the likeliest are given: the nearest by some of the colors, and of those that
    stayed, which are given before and after as well.
    """
    yield from _likely_curves(before, after, still)
    yield from map(_sepia, _SEPIA_SHARES)
    if _may_be_tinted(before, after):
        curves = [_curves([_luma], before, after[:, channel : channel + 1])[0] for channel in range(3)]
        yield lambda colors: _joined([curve(colors) for curve in curves])
    yield from _turns(before, after)
    yield _saturate(0.0)  # as it is: a mark over a gray picture bends the curve


def _likely_curves(before: F32, after: F32, still: tuple[F32, F32]) -> list[Edit]:
    """Return the likeliest edits that are one of saturation, to gray or of gains, and then a curve."""
    import numpy as np

    shares = (*_SATURATIONS, _saturation(before, after))
    firsts = [*map(_saturate, shares), _mean, _lightness, _value, _gains(before, after)]
    few, few_still = (np.s_[:: max(1, len(side) // _FEW)] for side in (before, still[0]))
    rough = _curves(firsts, before[few], after[few], _POWERS[::2])
    missed = np.array([_missed(edit, before[few], after[few]) for edit in rough])
    if len(still[0]):
        x, y = (side[few_still] for side in still)
        missed[[not _leaves(edit, x, y, _ROUGHLY) for edit in rough]] += 2 * _UNEXPLAINED
    likely = np.sort(np.argsort(missed, kind="stable")[:_LIKELY])
    return _curves([firsts[number] for number in likely], before, after)


def _joined(channels: list[F32]) -> F32:
    import numpy as np

    return np.concatenate(channels, 1)


def _luma(colors: F32) -> F32:
    import numpy as np

    return (colors @ np.array(_LUMA, np.float32))[:, None]


def _mean(colors: F32) -> F32:
    found: F32 = colors.mean(1, keepdims=True).repeat(3, 1)
    return found


def _lightness(colors: F32) -> F32:
    found: F32 = ((colors.max(1, keepdims=True) + colors.min(1, keepdims=True)) / 2).repeat(3, 1)
    return found


def _value(colors: F32) -> F32:
    found: F32 = colors.max(1, keepdims=True).repeat(3, 1)
    return found


def _saturate(share: float) -> Edit:
    return lambda colors: _luma(colors) + share * (colors - _luma(colors))


def _saturation(before: F32, after: F32) -> float:
    """Return the saturation that brings colors before nearest to those after."""
    import numpy as np

    first, second = before - _luma(before), after - _luma(after)
    return float(np.clip((first * second).sum() / max(float((first * first).sum()), 1e-6), 0, 4))


def _sepia(share: float) -> Edit:
    import numpy as np

    weights = np.array(_SEPIA, np.float32).T
    return lambda colors: colors + share * (np.clip(colors @ weights, 0, 255) - colors)


def _curves(firsts: Sequence[Edit], before: F32, after: F32, tried: Sequence[float] = _POWERS) -> list[Edit]:
    """Send all channels through one curve after each of some other edits: a line on a power."""
    import numpy as np

    goal = after.reshape(-1)
    low, high = float(goal.min()), float(goal.max())  # light may have been cut off on the way
    flat = np.stack([first(before).reshape(-1) for first in firsts])  # (firsts, n)
    telling = (goal > low + _CUT) & (goal < high - _CUT) & (flat > 0) & (flat < 255)
    slopes, starts, powers = _fitted(flat, goal, telling, tried)

    def curve(number: int) -> Edit:
        first, slope, start, power = firsts[number], slopes[number], starts[number], powers[number]
        return lambda colors: np.clip(start + slope * (np.clip(first(colors), 0, 255) / 255) ** power, low, high)

    is_told = telling.sum(1) >= _LEAST_TELLING
    return [curve(number) if is_told[number] else first for number, first in enumerate(firsts)]


def _fitted(flat: F32, goal: F32, telling: Bools, tried: Sequence[float]) -> tuple[F32, F32, F32]:
    """Fit a line on a power to what tells of each row (k, n) of brightness and of its goal (n,), both of 0 to 255.

    Returns:
        The slopes, starts and powers, (k,) each.
    """
    import numpy as np

    ends = np.array([1, 255], np.float32)  # where one tone is all that there is, these decide
    x = np.concatenate([np.clip(flat, 1, 255), np.tile(ends, (len(flat), 1))], 1) / 255
    y = np.append(goal, ends)
    anchors = np.maximum(1, np.rint(_ANCHOR * telling.sum(1, keepdims=True))).repeat(2, 1)
    told = np.concatenate([telling, anchors], 1).astype(np.float32)[:, None]  # (k, 1, n): how often each counts
    untold = np.cumsum(told == 0, axis=2) % 2  # what tells nothing is put to both sides of the median
    aside = np.where(told > 0, 0, np.where(untold, np.inf, -np.inf)).astype(np.float32)
    powers = np.tile(np.array(tried, np.float32), (len(flat), 1))[..., None]  # (k, powers, 1)
    raised = np.exp(powers * np.log(x)[:, None])
    weight, rows = told, np.arange(len(flat))[:, None]
    for number in range(_ROUNDS):
        total = np.maximum(weight.sum(2, keepdims=True), 1)
        middle_x = (weight * raised).sum(2, keepdims=True) / total
        middle_y = (weight * y).sum(2, keepdims=True) / total
        off = raised - middle_x
        weighted = weight * off
        slopes = (weighted * y).sum(2, keepdims=True) / np.maximum((weighted * off).sum(2, keepdims=True), 1e-6)
        slopes = np.clip(slopes, 255 * _SLOPES[0], 255 * _SLOPES[1])
        starts = middle_y - slopes * middle_x
        left = np.abs(slopes * raised + (starts - y))
        missed = (told * np.minimum(left, _UNEXPLAINED)).sum(2)
        best = np.argsort(missed, axis=1, kind="stable")[:, : _LIKELY_POWERS if number < _ROUNDS - 1 else 1]
        powers, raised, left, slopes, starts = (side[rows, best] for side in (powers, raised, left, slopes, starts))
        half = left.shape[2] // 2
        usual = np.partition(left + aside, half, axis=2)[..., half : half + 1]
        weight = told * (left <= np.maximum(_FITTING, _OF_USUAL * usual))
    return slopes[:, 0, 0], starts[:, 0, 0], powers[:, 0, 0]


def _gains(before: F32, after: F32) -> Edit:
    """Multiply each channel by a gain, none much greater than another."""
    import numpy as np

    telling = (after < _TELLING[1]) & (before > _TELLING[0]) & (after > _TELLING[0])
    ratios = [
        float(np.median(after[rows, channel] / before[rows, channel])) if rows.sum() >= _LEAST_TELLING else 1.0
        for channel, rows in enumerate(telling.T)
    ]
    usual = float(np.median(ratios))
    gains = np.clip(ratios, usual / _MOST_GAIN**0.5, usual * _MOST_GAIN**0.5).astype(np.float32)
    return lambda colors: np.minimum(colors * gains, 255)


def _may_be_tinted(before: F32, after: F32) -> bool:
    """Return whether something tells a tint of the whole from other colors for some things.

    All has one hue after it: gray things too, or things that had several at one brightness.
    """
    import numpy as np

    luma, chromas, others = _luma(before)[:, 0], chroma(before), chroma(after)
    colored = np.hypot(*others.T)
    angles = np.arctan2(others[:, 1], others[:, 0])[colored > _TINTED]
    if len(angles) < 0.05 * len(after):
        return False
    off = (angles - _usual_angle(angles) + np.pi) % (2 * np.pi) - np.pi
    if np.quantile(np.abs(off), 0.95) > _ONE_HUE:
        return False
    gray = (np.hypot(*chromas.T) < _GRAY) & (luma > _DARK) & (luma < _LIGHT)
    if gray.sum() >= 0.02 * len(luma):
        return bool(np.median(colored[gray]) >= _TINTED)
    return _collapses(luma, chromas)


def _collapses(luma: F32, chromas: F32) -> bool:
    """Return whether there are many colors of one brightness but unlike hues, which a tint makes one."""
    import numpy as np

    bins = (luma / 12).astype(np.int64)
    counts = np.maximum(np.bincount(bins, minlength=22), 1)
    spread = np.zeros(len(counts))
    for side in chromas.T:
        means = np.bincount(bins, side, len(counts)) / counts
        spread += np.bincount(bins, (side - means[bins]) ** 2, len(counts)) / counts
    many = (counts >= 0.02 * len(luma)) & (spread >= _UNLIKE**2)
    return bool(counts[many].sum() >= 0.15 * len(luma))


def _turns(before: F32, after: F32) -> Iterator[Edit]:
    """Turn all hues by one angle, by the two usual rules; nothing where no two hues turned so."""
    cv2 = opencv()
    import numpy as np

    def parted(colors: F32) -> F32:
        found: F32 = cv2.cvtColor(np.clip(colors / 255, 0, 1)[None].astype(np.float32), cv2.COLOR_RGB2HSV)[0]
        return found

    ours, theirs = parted(before), parted(after)
    strong = np.minimum(ours[:, 1] * ours[:, 2], theirs[:, 1] * theirs[:, 2]) > _STRONG
    hues = np.radians(ours[strong, 0])
    turns = np.radians(theirs[strong, 0]) - hues
    if len(turns) >= _LEAST_TELLING and _turn_as_one(hues, turns):
        angle = np.degrees(_usual_angle(turns))

        def turned(colors: F32) -> F32:
            found = parted(colors)
            found[:, 0] = (found[:, 0] + angle) % 360
            return np.asarray(cv2.cvtColor(found[None], cv2.COLOR_HSV2RGB)[0] * 255, np.float32)

        yield turned
    yiq = np.array(_YIQ, np.float32)
    hues, others = (np.arctan2(*(side[strong] @ yiq.T)[:, :0:-1].T) for side in (before, after))
    if len(hues) >= _LEAST_TELLING and _turn_as_one(hues, others - hues):
        turn = _usual_angle(others - hues)
        cos, sin = np.cos(turn), np.sin(turn)
        rotation = np.linalg.inv(yiq) @ np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]) @ yiq
        yield lambda colors: np.clip(colors @ rotation.T.astype(np.float32), 0, 255)


def _turn_as_one(hues: F32, turns: F32) -> bool:
    """Return whether there are two distinct hues at least, and nearly all turn by one angle."""
    import numpy as np

    off = (turns - _usual_angle(turns) + np.pi) % (2 * np.pi) - np.pi
    follows = np.abs(off) <= _ONE_TURN
    if follows.mean() < _MOST_TURN:
        return False
    bins = (np.degrees(hues[follows]) % 360 / 360 * _HUES).astype(np.int64) % _HUES
    taken = np.flatnonzero(np.bincount(bins, minlength=_HUES) >= _OF_HUES * len(hues))
    apart = np.abs(taken[:, None] - taken[None])
    return len(taken) > 1 and bool(np.minimum(apart, _HUES - apart).max() >= _APART)


def _usual_angle(angles: F32) -> float:
    """Return the angle that most are near to, in radians."""
    import numpy as np

    bins = np.bincount((np.degrees(angles) % 360 / 10).astype(np.int64) % 36, minlength=36)
    around = bins + np.roll(bins, 1) + np.roll(bins, -1)
    middle = np.radians(10 * int(around.argmax()) + 5)
    off = (angles - middle + np.pi) % (2 * np.pi) - np.pi
    return float(middle + np.median(off[np.abs(off) < np.radians(20)]))
