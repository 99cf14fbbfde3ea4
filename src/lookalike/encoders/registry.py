"""The registry: which encoders there are by name, how each is opened, and what its distances mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, TypeAlias

from lookalike.distances import ScoreCurve, reliability_curve, score_curve
from lookalike.encoders.base import Encoder
from lookalike.errors import EncoderError

Variant: TypeAlias = Literal["auto", "int8", "fp32"]


@dataclass(frozen=True)
class Registered:
    """An encoder by name.

    Attributes:
        open: Opens it; the module that computes is imported no earlier.
        summary: What it is good for, in a few words for `--help`.
        curves: Space name to the map from distance to score. A space without one has the plain line of `distances`,
            until its collection is calibrated.
        reliability: Space name to the curve (score, chance that a first match is the same picture).
    """

    open: Callable[[Variant], Encoder]
    summary: str
    curves: Mapping[str, ScoreCurve] = field(default_factory=dict)
    reliability: Mapping[str, ScoreCurve] = field(default_factory=dict)


def open_encoder(name: str = "builtin", *, variant: Variant = "auto") -> Encoder:
    """Open an encoder by name; those that come with the package need no network.

    Args:
        name: One of `ENCODERS`; "builtin-accurate" looks at two views of each picture: better for photos and clothes,
            at twice the cost.
        variant: "int8" or "fp32"; "auto" takes int8 where its numbers are right on this processor.

    Raises:
        EncoderError: if there is no encoder of that name, or its files are damaged.

    Cost: about a quarter of a second, once; keep the encoder open.
    """
    if name not in REGISTERED:
        raise EncoderError(
            f'no encoder "{name[:80]}". There are: {", ".join(REGISTERED)}. Check the spelling.', name=name
        )
    return REGISTERED[name].open(variant)


def curves_of(name: str) -> Mapping[str, ScoreCurve]:
    """Return the score curves of an encoder by space; none of an encoder that is not registered here."""
    return REGISTERED[name].curves if name in REGISTERED else {}


def reliability_of(name: str) -> Mapping[str, ScoreCurve]:
    """Return the reliability curves of an encoder by space; none of an encoder that is not registered here."""
    return REGISTERED[name].reliability if name in REGISTERED else {}


def _builtin(variant: Variant, *, accurate: bool = False) -> Encoder:
    from lookalike.encoders.builtin import open_builtin

    return open_builtin(variant=variant, accurate=accurate)


_SPACES = ("semantic", "copy")
_CURVES = {space: score_curve(space) for space in _SPACES}
_RELIABILITY = {space: curve for space in _SPACES if (curve := reliability_curve(space)) is not None}

REGISTERED: dict[str, Registered] = {
    "builtin": Registered(_builtin, "fast", _CURVES, _RELIABILITY),
    "builtin-accurate": Registered(
        partial(_builtin, accurate=True), "better for clothes, at twice the cost", _CURVES, _RELIABILITY
    ),
}
ENCODERS = tuple(REGISTERED)
