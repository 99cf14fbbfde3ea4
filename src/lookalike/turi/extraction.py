"""Feature vectors in the lengths of Turi Create's networks.

There is one encoder here, lookalike's own. Its embedding has fewer numbers than the networks named below, so features
are filled up with zeros: these change no distance.
"""

from __future__ import annotations

import array
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import LookalikeError
from . import columns
from .image import Image, pictures
from .sarray import SArray
from .toolkits._main import ToolkitError

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..arrays import F32
    from .columns import F64
    from .sframe import SFrame


@dataclass(frozen=True)
class Network:
    """What Turi Create's users know of a network: how many features it gives, and its input's shape."""

    features: int
    input_image_shape: tuple[int, int, int]


NETWORKS = {
    "resnet-50": Network(2048, (3, 224, 224)),
    "squeezenet_v1.1": Network(1000, (3, 227, 227)),
    "VisionFeaturePrint_Scene": Network(2048, (3, 299, 299)),
}
_MACOS_ONLY = "VisionFeaturePrint_Scene"
_OLD_SPELLING = "VisionFeaturePrint_Screen"


class FeatureExtractor:
    """Makes features by the name of one network."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.network = NETWORKS[name]

    def holds_features(self, values: SArray) -> bool:
        """Return whether a column holds features of this network, by the type and the first row's length."""
        first = next(iter(values.head(1)), None)
        return values.dtype is array.array and first is not None and len(first) == self.network.features

    def embeddings(self, images: SArray, column_name: str, *, verbose: bool) -> F32:
        """Encode images on all processors: (n, d) float32.

        Raises:
            ToolkitError: naming the row, for a missing or an unreadable image.
        """
        _refuse_missing(images, column_name)
        rows: list[F32] = []
        progress = Progress("Encoding images", len(images), verbose=verbose)
        for place, outcome in enumerate(pictures().embeddings(image.source for image in images)):
            if isinstance(outcome, LookalikeError):
                raise ToolkitError(f'row {place} of column "{column_name}": {outcome.message}') from outcome
            rows.append(outcome)
            progress.tell(place + 1)
        return np.stack(rows)

    def given(self, features: SArray, column_name: str) -> F64:
        """Return a column of features as (n, d) float64; no image is touched.

        Raises:
            ToolkitError: for missing rows, and for other lengths and numbers than features have.
        """
        _refuse_missing(features, column_name)
        wrong = columns.lengths(features.column) - {self.network.features}
        if wrong:
            raise ToolkitError(
                f'column "{column_name}" holds arrays of {wrong.pop()} numbers; features of {self.name} have '
                f"{self.network.features}. Make them with image_analysis.get_deep_features."
            )
        rows = columns.matrix(features.column)
        if not np.isfinite(rows).all():
            raise ToolkitError(f'column "{column_name}" holds numbers that are not finite: leave those rows out.')
        return rows

    def extract_features(self, dataset: SFrame, feature: str, verbose: bool = False, batch_size: int = 64) -> SArray:
        """Return the features of a column of images as arrays."""
        check_batch_size(batch_size)
        found = self.embeddings(dataset[feature], feature, verbose=verbose)
        return SArray(columns.from_matrix(_filled(found, self.network.features)))


class Progress:
    """Prints how far long work has come: at each tenth of it, and no more often than every 64 rows."""

    def __init__(self, title: str, total: int, *, verbose: bool) -> None:
        self._total, self._step = total, max(64, -(-total // 10))
        self._verbose = verbose
        if verbose:
            print(f"{title}: {total}")

    def tell(self, done: int) -> None:
        """Print how many are done."""
        if self._verbose and (done % self._step == 0 or done == self._total):
            print(f"Completed {str(done).rjust(len(str(self._total)))}/{self._total}", flush=True)


def open_extractor(name: str, *, parameter: str = "model", platform: str = sys.platform) -> FeatureExtractor:
    """Return the extractor of a network's name; Apple's own is offered on macOS alone, as it was.

    Raises:
        ToolkitError: for another name.
    """
    offered = [each for each in NETWORKS if each != _MACOS_ONLY or platform == "darwin"]
    if name == _OLD_SPELLING and platform == "darwin":
        print(f"{_OLD_SPELLING} is now spelled {_MACOS_ONLY}.")
        name = _MACOS_ONLY
    if name not in offered:
        raise ToolkitError(f"{name} is not a valid option for {parameter}. Expected one of: {', '.join(offered)}.")
    return FeatureExtractor(name)


def check_batch_size(batch_size: int) -> None:
    """Refuse a batch size below 1; other sizes make no difference here, for images are encoded one by one.

    Raises:
        ValueError: naming the parameter.
    """
    if batch_size < 1:
        raise ValueError(f"'batch_size' must be greater than or equal to 1; this is {batch_size}.")


def is_images(values: SArray) -> bool:
    """Return whether a column holds images."""
    return values.dtype is Image


def _filled(rows: npt.NDArray[np.float32], length: int) -> npt.NDArray[np.float32]:
    return np.pad(rows, ((0, 0), (0, length - rows.shape[1])))


def _refuse_missing(values: SArray, column_name: str) -> None:
    if values.countna():
        raise ToolkitError(
            f"Missing value (None) encountered in column '{column_name}'. Leave such rows out with dropna()."
        )
