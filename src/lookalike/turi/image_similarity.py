"""Similar images of a table: `turicreate.image_similarity`, with lookalike's encoder and exact neighbors."""

from __future__ import annotations

import array
import os
import time
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pyarrow as pa

from . import archive, columns, extraction
from .image import Image, pictures
from .neighbors import QUERY, REFERENCE, NearestNeighborsModel, check_bounds, row_labels
from .sarray import SArray
from .sframe import SFrame
from .sgraph import SGraph
from .toolkits._main import ToolkitError

if TYPE_CHECKING:
    import numpy.typing as npt

    from .extraction import FeatureExtractor

KIND = "image_similarity"

_SCHEMA = [
    ("Number of examples", "num_examples"),
    ("Number of feature columns", "num_features"),
    ("Input image shape", "input_image_shape"),
]
_TRAINING = [("Training time (sec)", "training_time")]
_SECTIONS = {"Schema": _SCHEMA, "Training summary": _TRAINING}
_TITLE_CHARS = 40
_KEPT_FIELDS = ("feature", "label", "model", "training_time")  # the others follow from these and the references


def create(
    dataset: SFrame,
    label: str | None = None,
    feature: str | None = None,
    model: str = "resnet-50",
    verbose: bool = True,
    batch_size: int = 64,
) -> ImageSimilarityModel:
    """Make a model that finds images of a table that are similar to others.

    Args:
        dataset: A table with a column of images, or of features as `image_analysis.get_deep_features` gives them.
        label: The column of int or str by which answers name the rows; by default their numbers from 0.
        feature: The column of images or features; by default the only column of features, else of images.
        model: "resnet-50" or "squeezenet_v1.1". Both mean lookalike's encoder; they differ in the length of features.
        verbose: Print progress.
        batch_size: Makes no difference.

    Raises:
        TypeError: when `dataset` is no SFrame, or the labels are neither int nor str.
        ToolkitError: when there is nothing to learn from, or a column is missing or of another type.
        ValueError: for a batch size below 1.
    """
    began = time.monotonic()
    if not isinstance(dataset, SFrame):
        raise TypeError(f"'dataset' must be of type SFrame. This is {type(dataset).__name__}.")
    extractor = extraction.open_extractor(model)
    if not len(dataset):
        raise ToolkitError("Unable to train on empty dataset: pass at least one row.")
    for kind, name in (("Row label", label), ("Image feature", feature)):
        if name is not None and name not in dataset:
            raise ToolkitError(f"{kind} column '{name}' does not exist. There are: {_listed(dataset)}.")
    extraction.check_batch_size(batch_size)
    feature = _only_feature_column(dataset, extractor) if feature is None else feature
    labels = row_labels(dataset, label)
    vectors, digest = _vectors_of(dataset[feature], feature, extractor, verbose=verbose)
    kept = {"feature": feature, "label": label, "model": extractor.name, "training_time": time.monotonic() - began}
    return ImageSimilarityModel(kept, NearestNeighborsModel(vectors, labels), digest)


class ImageSimilarityModel:
    """A model made by `create` or loaded by `load_model`; its fields are attributes and items.

    Fields: feature, feature_extractor, input_image_shape, label, model, num_examples, num_features, similarity_model,
    training_time.
    """

    def __init__(self, kept: Mapping[str, Any], neighbors: NearestNeighborsModel, digest: str | None) -> None:
        extractor = extraction.open_extractor(kept["model"])
        self._digest = digest
        self._fields: dict[str, Any] = {
            **kept,
            "feature_extractor": extractor,
            "input_image_shape": extractor.network.input_image_shape,
            "num_examples": neighbors.num_examples,
            "num_features": 1,
            "similarity_model": neighbors,
        }

    # --- asking ---------------------------------------------------------------------------------------------------

    def query(
        self,
        dataset: Any,
        label: str | None = None,
        k: int | None = 5,
        radius: float | None = None,
        verbose: bool = True,
        batch_size: int = 64,
    ) -> SFrame:
        """Find the images of the model that are nearest to others.

        Args:
            dataset: A table with the model's feature column, a column of images or features, one image, or the
                features of one.
            label: The column of `dataset` that `query_label` shall hold; by default row numbers from 0.
            k: How many neighbors at most; None for all.
            radius: The largest distance, which still counts; None for any.

        Returns:
            query_label, reference_label, distance, rank; by query, then by rank from 1, ties by reference row.

        Raises:
            TypeError: for another kind of `dataset`.
            ValueError: for a k, radius or batch size out of range.
            RuntimeError: when a column is missing (ToolkitError when it cannot be used).
        """
        table = self._query_table(dataset)
        check_bounds(k, radius)
        extraction.check_batch_size(batch_size)
        images = table[self.feature]
        labels = row_labels(table, label)
        if not len(table):
            raise ToolkitError("Input dataset either has no rows or no columns: pass at least one image.")
        vectors, digest = _vectors_of(images, self.feature, self.feature_extractor, verbose=verbose)
        self._check_encoder(digest)
        found: SFrame = self.similarity_model.query(vectors, labels, k, radius, verbose)
        return found

    def similarity_graph(
        self,
        k: int | None = 5,
        radius: float | None = None,
        include_self_edges: bool = False,
        output_type: str = "SGraph",
        verbose: bool = True,
    ) -> SGraph | SFrame:
        """Find the neighbors of each image among the others of the model.

        Args:
            k, radius: As for `query`.
            include_self_edges: Count each image as its own neighbor.
            output_type: "SFrame" for the columns of `query`; anything else for a graph.

        Raises:
            ValueError: for a k or radius out of range.
        """
        check_bounds(k, radius)
        found: SFrame = self.similarity_model.similarity_graph(k, radius, include_self_edges, verbose)
        return found if output_type == "SFrame" else SGraph(edges=found, src_field=QUERY, dst_field=REFERENCE)

    # --- keeping --------------------------------------------------------------------------------------------------

    def save(self, location: str | os.PathLike[str]) -> None:
        """Save to a folder for `load_model`; one that holds a saved model is replaced as a whole.

        Raises:
            OSError: when it cannot be written, or holds other files.
        """
        vectors = self.similarity_model.references.vectors
        flat = pa.array(np.ascontiguousarray(vectors).ravel())
        rows = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
        table = pa.table({"label": self.similarity_model.labels.column, "vector": rows})
        fields = {**{name: self[name] for name in _KEPT_FIELDS}, "encoder_digest": self._digest}
        archive.write(location, archive.Archive(KIND, fields, {"references": table}))

    def export_coreml(self, filename: str | os.PathLike[str]) -> NoReturn:
        """Refuse: Core ML files are not offered yet.

        Raises:
            ToolkitError: always.
        """
        raise ToolkitError(
            f'cannot write "{filename}": export to Core ML is not offered yet (it needs coremltools and a conversion '
            "of the encoder). Use save() and load_model()."
        )

    # --- fields ---------------------------------------------------------------------------------------------------

    def summary(self, output: str | None = None) -> str | dict[str, Any] | None:
        """Print a summary (None, "stdout"), or give it as text ("str") or as a dict ("dict").

        Raises:
            ToolkitError: for another output.
        """
        if output in (None, "stdout"):
            print(self)
            return None
        if output == "str":
            return repr(self)
        if output != "dict":
            raise ToolkitError(
                f'Unsupported argument {output} for "summary" parameter. Pass None, "stdout", "str" or "dict".'
            )
        sections = [[(text, _rounded(self[name])) for text, name in section] for section in _SECTIONS.values()]
        return {"sections": sections, "section_titles": list(_SECTIONS)}

    def name(self) -> str:
        """Return the name of the class; deprecated."""
        warnings.warn("name() is deprecated: use type(model).__name__.", DeprecationWarning, stacklevel=2)
        return type(self).__name__

    def _list_fields(self) -> list[str]:
        return sorted(self._fields)

    def __getitem__(self, name: str) -> Any:
        if name not in self._fields:
            raise ValueError(f"There is no model field called {name}. There are: {', '.join(self._list_fields())}.")
        return self._fields[name]

    def __getattr__(self, name: str) -> Any:
        fields: Mapping[str, Any] = self.__dict__.get("_fields", {})
        if name not in fields:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}. Fields: {', '.join(fields)}.")
        return fields[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._fields]

    def __repr__(self) -> str:
        lines = [_line("Class", type(self).__name__), ""]
        for title, section in _SECTIONS.items():
            lines += [title, "-" * len(title)]
            lines += [_line(text, _rounded(self[name])) for text, name in section]
            lines.append("")
        return "\n".join(lines)

    # --- helpers --------------------------------------------------------------------------------------------------

    def _query_table(self, dataset: Any) -> SFrame:
        if isinstance(dataset, SFrame):
            return dataset
        if isinstance(dataset, SArray):
            return SFrame({self.feature: dataset})
        if isinstance(dataset, Image | array.array) or (isinstance(dataset, np.ndarray) and dataset.ndim == 1):
            return SFrame({self.feature: SArray([dataset])})
        raise TypeError("dataset must be either an SFrame, SArray or turicreate.Image, or the features of one image.")

    def _check_encoder(self, digest: str | None) -> None:
        """Refuse to compare embeddings of two encoders; features from outside are the caller's own business."""
        if None not in (digest, self._digest) and digest != self._digest:
            raise ToolkitError(
                "the model was made with another version of the encoder, whose embeddings cannot be compared with "
                "those of new images. Create the model again from its images."
            )


def load_model(location: str | os.PathLike[str]) -> ImageSimilarityModel:
    """Load a model that `save` saved; its answers are the same.

    Raises:
        OSError: when there is none.
        ToolkitError: when it is of a later version, or damaged.
    """
    saved = archive.read(location, KIND)
    try:
        kept = {name: saved.fields[name] for name in _KEPT_FIELDS}
        references = saved.tables["references"]
        vectors = columns.matrix(references.column("vector"))
        neighbors = NearestNeighborsModel(vectors, SArray(references.column("label")))
        return ImageSimilarityModel(kept, neighbors, saved.fields["encoder_digest"])
    except (KeyError, ValueError, TypeError, pa.ArrowException) as exc:
        raise ToolkitError(f'"{location}" is damaged ({exc}). Save the model again.') from exc


def _vectors_of(
    values: SArray, name: str, extractor: FeatureExtractor, *, verbose: bool
) -> tuple[npt.NDArray[Any], str | None]:
    """Return the vectors of images, with the digest of what encoded them, or the features of a column as they are.

    Raises:
        ToolkitError: when the column holds neither.
    """
    if extraction.is_images(values):
        return extractor.embeddings(values, name, verbose=verbose), pictures().digest
    if values.dtype is not array.array:
        raise ToolkitError(
            f'The "{name}" column of the sFrame neither has images nor features of {extractor.name} in it: it holds '
            f"{values.dtype.__name__}. Name another column."
        )
    return extractor.given(values, name), None


def _only_feature_column(dataset: SFrame, extractor: FeatureExtractor) -> str:
    """Return the only column of features, else the only column of images."""
    names = dataset.column_names()
    for fits in (extractor.holds_features, extraction.is_images):
        found = [name for name in names if fits(dataset[name])]
        if len(found) == 1:
            return found[0]
    several = f"Images are in: {', '.join(found)}" if found else f"There are: {_listed(dataset)}"
    raise ToolkitError(
        f"No feature column specified and no column with expected type image or features is the only one. {several}. "
        "Name one as `feature`."
    )


def _listed(dataset: SFrame) -> str:
    return ", ".join(dataset.column_names()) or "no columns"


def _rounded(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def _line(text: str, value: Any) -> str:
    return f"{text.ljust(_TITLE_CHARS)} : {value}"
