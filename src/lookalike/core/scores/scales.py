"""The score curve and reliability of each space of a collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ...distances import PLAIN_LINE, ScoreCurve, score_at, score_curve
from ...encoders import curves_of, reliability_of
from ...errors import InputError
from ...recent import Recent
from ..features.spaces import spaces_of

if TYPE_CHECKING:
    from ...records import Calibration, CollectionSpec, Space
    from ...stores import Records


@dataclass(frozen=True)
class Scale:
    """The score curves of one collection at one version of it; `spec` is the collection as it is then."""

    spec: CollectionSpec

    @property
    def held(self) -> Calibration | None:
        """What was fitted to this collection; None where its scores are those of its encoders."""
        return self.spec.calibration

    @cached_property
    def _encoded(self) -> Mapping[str, Space]:
        return {space.name: space for space in spaces_of(self.spec) if space.encoder}

    @cached_property
    def _curves(self) -> Mapping[str, ScoreCurve]:
        return {name: curves_of(space.encoder).get(name, PLAIN_LINE) for name, space in self._encoded.items()}

    def curve_before_calibration(self, space: str) -> ScoreCurve:
        """Return the curve that a space has by its encoder; the palette's is built in."""
        return self._curves[space] if space in self._curves else score_curve(space)

    def points(self, space: str) -> ScoreCurve:
        """Return the curve from distance to score."""
        calibration = self.calibration(space)
        return calibration.points if calibration else self.curve_before_calibration(space)

    def maps(self) -> Mapping[str, ScoreCurve]:
        """Return the curves of the spaces that speak for a pair: the calibrated one alone, else those of encoders."""
        return self._curves if self.held is None else {self.held.space: self.held.points}

    def reliability(self, space: str) -> ScoreCurve | None:
        """Return the curve from score to the chance that a first match is right; None where none is known."""
        calibration = self.calibration(space)
        if calibration:
            return calibration.reliability
        return reliability_of(self._encoded[space].encoder).get(space) if space in self._encoded else None

    def calibration(self, space: str) -> Calibration | None:
        """Return what was fitted to this collection; None where its scores are those that are built in."""
        return self.held if self.held is not None and self.held.space == space else None


class Scales:
    """The scales of one store's spaces as they stand now: any process may calibrate them. For many threads."""

    def __init__(self, store: Records) -> None:
        self._store = store
        self._recent: Recent[Scale] = Recent()

    def at(self, version: int) -> Scale:
        """Return the scale at a version, which is the present one.

        Cost: reads the spec where the version is a new one.
        """
        kept = self._recent.get(b"", version)
        if kept is None:
            kept = Scale(self._store.spec)
            self._recent.keep(b"", version, kept)
        return kept

    def points(self, space: str) -> ScoreCurve:
        """Return the map from distance to score; see `Scale`."""
        return self.at(self._store.version).points(space)

    def maps(self) -> Mapping[str, ScoreCurve]:
        """Return the maps of the spaces that speak for a pair; see `Scale`."""
        return self.at(self._store.version).maps()

    def reliability(self, space: str) -> ScoreCurve | None:
        """Return the curve from score to the chance that a first match is right; see `Scale`."""
        return self.at(self._store.version).reliability(space)

    def calibration(self, space: str) -> Calibration | None:
        """Return what was fitted to this collection, if anything was; see `Scale`."""
        return self.at(self._store.version).calibration(space)


def floor_of(precision: float, reliability: ScoreCurve | None) -> float:
    """Return the floor on the score from which a match is right with a wanted chance.

    Args:
        reliability: The curve of the space that ranks; None where none is known.

    Raises:
        InputError: where its threshold is not known.
    """
    if reliability is None:
        raise InputError(
            "`precision` is not known for the scores of this collection: pass a `threshold`, or calibrate it by labels "
            "(`lookalike evaluate --label FIELD --calibrate`)."
        )
    return score_at(precision, reliability)
