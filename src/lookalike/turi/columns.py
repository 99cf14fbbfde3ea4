"""Columns: Python values of Turi Create's types to Arrow arrays and back; tables and their calls are elsewhere.

Python           Arrow                                           Python           Arrow
int              int64                                           list             large_list
float            double                                          dict             struct
str              string                                          datetime         timestamp
array.array      large_list<double>                              Image            struct IMAGES
"""

from __future__ import annotations

import array
import datetime
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .image import Image

F64: TypeAlias = npt.NDArray[np.float64]

VECTORS = pa.large_list(pa.float64())
IMAGES = pa.struct(
    [
        ("data", pa.large_binary()),
        ("format", pa.string()),
        ("height", pa.int64()),
        ("width", pa.int64()),
        ("channels", pa.int64()),
    ]
)

_PLAIN = {int: pa.int64(), float: pa.float64(), str: pa.string(), datetime.datetime: pa.timestamp("us")}
_BATCH = 256  # rows that are turned into Python values at once


def dtype_of(kind: pa.DataType) -> type:
    """Return the Python type of a column; a column of nothing but None counts as float, as in Turi Create."""
    if kind == IMAGES:
        return Image
    if kind == VECTORS:
        return array.array
    for dtype, plain in _PLAIN.items():
        if kind == plain:
            return dtype
    if pa.types.is_struct(kind) or pa.types.is_map(kind):
        return dict
    return list if pa.types.is_nested(kind) else float


def column(values: Any, dtype: type | None = None) -> pa.ChunkedArray:
    """Turn values into a column.

    Args:
        values: A column, a numpy array, a pandas Series, or anything that gives Python values; None is missing.
        dtype: The type to convert them to; by default the one that they share (int and float share float).

    Raises:
        TypeError: when they are not of one type.
    """
    if isinstance(values, pa.ChunkedArray | pa.Array):
        return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    if dtype is None and getattr(getattr(values, "dtype", None), "kind", "O") in "biufM" and np.ndim(values) == 1:
        return normal(pa.chunked_array([pa.array(values, from_pandas=not isinstance(values, np.ndarray))]))
    if isinstance(values, str | bytes | dict) or not isinstance(values, Iterable):
        raise TypeError(f"a column is made of a list of values, not of {type(values).__name__}.")
    if hasattr(values, "isna"):  # a pandas Series, where a missing value may be NaN
        values = [None if missing else value for value, missing in zip(values, values.isna(), strict=True)]
    plain = [_plain(value) for value in values]
    dtype = dtype or _common_type(plain)
    try:
        return pa.chunked_array([_array(plain, dtype)])
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as exc:
        raise TypeError(f"these values make no column of {dtype.__name__}: {exc}") from exc


def normal(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Bring the number, text and time types of files and of pandas to those of the table above."""
    kind = values.type
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return values.cast(pa.int64())
    if pa.types.is_floating(kind) or pa.types.is_null(kind):
        return values.cast(pa.float64())
    if pa.types.is_large_string(kind) or pa.types.is_dictionary(kind):
        return values.cast(pa.string())
    if pa.types.is_temporal(kind):
        return values.cast(pa.timestamp("us"))
    return values


def python_values(values: pa.ChunkedArray) -> Iterator[Any]:
    """Return the values of a column one by one, made in small batches."""
    dtype = dtype_of(values.type)
    for start in range(0, len(values), _BATCH):
        batch = values.slice(start, _BATCH).to_pylist()
        if dtype is Image:
            yield from (None if parts is None else Image.from_parts(**parts) for parts in batch)
        elif dtype is array.array:
            yield from (None if numbers is None else array.array("d", numbers) for numbers in batch)
        elif dtype is dict:
            yield from (None if pairs is None else _present(pairs) for pairs in batch)
        else:
            yield from batch


def matrix(values: pa.ChunkedArray) -> F64:
    """Return a column of equally long arrays without missing values as (n, d) float64."""
    rows = pa.concat_arrays(values.chunks)
    flat: F64 = rows.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(len(rows), -1)


def from_matrix(rows: npt.NDArray[Any]) -> pa.ChunkedArray:
    """Return the rows of (n, d) as a column of arrays."""
    n, d = rows.shape
    ends = np.arange(0, n * d + 1, d, dtype=np.int64)
    flat = pa.array(np.ascontiguousarray(rows, np.float64).ravel())
    return pa.chunked_array([pa.LargeListArray.from_arrays(ends, flat)])


def lengths(values: pa.ChunkedArray) -> set[int | None]:
    """Return the different lengths of the arrays of a column, and None where one is missing."""
    return set(pc.unique(pc.list_value_length(values)).to_pylist())


def take(values: pa.ChunkedArray, rows: Sequence[int] | npt.NDArray[np.int64]) -> pa.ChunkedArray:
    """Return the values of some rows, in the order of the rows."""
    return values.take(pa.array(rows, pa.int64()))


def _plain(value: Any) -> Any:
    """Return numpy's scalars and truth values as Python's numbers."""
    if isinstance(value, np.generic):
        value = value.item()
    return int(value) if isinstance(value, bool) else value


def _common_type(values: Sequence[Any]) -> type:
    kinds = {_kind(value) for value in values if value is not None}
    if not kinds or kinds == {int, float}:
        return float
    if kinds == {array.array, list}:
        return list
    if len(kinds) > 1:
        names = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise TypeError(f"a column holds values of one type; these are {names}. Convert them to one of the two.")
    return kinds.pop()


def _kind(value: Any) -> type:
    if isinstance(value, np.ndarray | list | tuple):
        is_vector = len(value) > 0 and all(isinstance(_plain(number), int | float) for number in value)
        return array.array if is_vector else list
    for dtype in (int, float, str, Image, array.array, dict, datetime.datetime):
        if isinstance(value, dtype):
            return dtype
    raise TypeError(
        f"a column cannot hold {type(value).__name__}: it holds int, float, str, list, dict, array.array, datetime "
        "or Image."
    )


def _array(values: Sequence[Any], dtype: type) -> pa.Array:
    if dtype in _PLAIN:
        fit = [value if value is None or isinstance(value, dtype) else dtype(value) for value in values]
        return pa.array(fit, _PLAIN[dtype])
    if dtype is Image:
        return _images(values)
    if dtype is array.array:
        return _vectors(values)
    return pa.array(values)


def _vectors(values: Sequence[Any]) -> pa.Array:
    rows = [np.asarray([] if value is None else value, np.float64) for value in values]
    ends = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    flat = pa.array(np.concatenate([*rows, np.empty(0)]))
    missing = pa.array([value is None for value in values], pa.bool_())
    return pa.LargeListArray.from_arrays(ends, flat, mask=missing)


def _images(values: Sequence[Image | None]) -> pa.Array:
    images = [Image() if image is None else image for image in values]
    parts = [
        [image.data for image in images],
        [image.format for image in images],
        [image.height for image in images],
        [image.width for image in images],
        [image.channels for image in images],
    ]
    arrays = [pa.array(part, field.type) for part, field in zip(parts, IMAGES, strict=True)]
    missing = pa.array([image is None for image in values], pa.bool_())
    return pa.StructArray.from_arrays(arrays, fields=list(IMAGES), mask=missing)


def _present(pairs: Any) -> dict[Any, Any]:
    return {key: value for key, value in dict(pairs).items() if value is not None}
