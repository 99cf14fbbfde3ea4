"""The column of Turi Create: values of one type, never changed in place, on an Arrow array."""

from __future__ import annotations

import array
import builtins
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from . import columns
from .image import Image
from .printing import cell_text

_SHOWN = 100  # values that `print` writes
_SHOWN_CHARS = 80  # of each value


class SArray:
    """A column.

    Args:
        data: Values: a list, a numpy array, a pandas Series, another SArray. None is a missing value.
        dtype: int, float, str, list, dict, array.array, datetime.datetime or Image; found out by default.

    Raises:
        TypeError: when the values are not of one type.
    """

    def __init__(self, data: Any = (), dtype: type | None = None) -> None:
        fits = isinstance(data, SArray) and dtype in (None, data.dtype)
        self.column: pa.ChunkedArray = data.column if fits else columns.column(data, dtype)

    # --- values ---------------------------------------------------------------------------------------------------

    @property
    def dtype(self) -> type:
        """The Python type of the values."""
        return columns.dtype_of(self.column.type)

    @property
    def shape(self) -> tuple[int]:
        """The number of values, as a tuple."""
        return (len(self),)

    def __len__(self) -> int:
        return len(self.column)

    def __iter__(self) -> Iterator[Any]:
        return columns.python_values(self.column)

    def __getitem__(self, key: Any) -> Any:
        """Return one value by number (negative: from the end), some by a slice, or those where an SArray is not 0."""
        if isinstance(key, SArray):
            return SArray(self.column.filter(key.mask(len(self))))
        if isinstance(key, slice):
            return SArray(self.column[key])
        place = row_number(key, len(self))
        return next(columns.python_values(self.column.slice(place, 1)))

    def to_numpy(self) -> npt.NDArray[Any]:
        """Return the values as a numpy array; arrays of one length become its rows, images stay objects."""
        if self.dtype in (int, float) and not self.column.null_count:
            values: npt.NDArray[Any] = self.column.to_numpy()
            return values
        if self.dtype is array.array and len(columns.lengths(self.column) - {None}) == 1 and not self.column.null_count:
            return columns.matrix(self.column)
        if self.dtype is str and not self.column.null_count:
            return np.array(list(self), dtype=str)
        objects = np.empty(len(self), object)
        objects[:] = list(self)
        return objects

    def unique(self) -> SArray:
        """Return the different values, in the order of their first places."""
        try:
            return SArray(pc.unique(self.column))
        except pa.ArrowNotImplementedError as exc:
            raise TypeError(f"values of type {self.dtype.__name__} have no `unique`: use numbers or text.") from exc

    def mask(self, length: int) -> pa.ChunkedArray:
        """Return the column as a filter of rows: true where it is neither 0, empty nor missing.

        Raises:
            IndexError: when it is not `length` long.
        """
        if len(self) != length:
            raise IndexError(f"a filter of {len(self)} values cannot choose among {length} rows: they must be as many.")
        if self.dtype in (int, float):
            return pc.fill_null(pc.not_equal(self.column, 0), False)
        return pa.chunked_array([pa.array(map(bool, self), pa.bool_())])

    # --- operators ------------------------------------------------------------------------------------------------

    def __eq__(self, other: object) -> SArray:  # type: ignore[override]
        return self._where_missing(1) if other is None else self._compared(pc.equal, other, unlike=0)

    def __ne__(self, other: object) -> SArray:  # type: ignore[override]
        return self._where_missing(0) if other is None else self._compared(pc.not_equal, other, unlike=1)

    __hash__ = None  # type: ignore[assignment]  # `==` answers row by row

    def __lt__(self, other: Any) -> SArray:
        return self._compared(pc.less, other)

    def __le__(self, other: Any) -> SArray:
        return self._compared(pc.less_equal, other)

    def __gt__(self, other: Any) -> SArray:
        return self._compared(pc.greater, other)

    def __ge__(self, other: Any) -> SArray:
        return self._compared(pc.greater_equal, other)

    def __and__(self, other: SArray) -> SArray:
        return _flags(pc.and_(self.mask(len(self)), other.mask(len(self))))

    def __or__(self, other: SArray) -> SArray:
        return _flags(pc.or_(self.mask(len(self)), other.mask(len(self))))

    def __add__(self, other: Any) -> SArray:
        if self.dtype is str:
            return SArray(pc.binary_join_element_wise(self.column, self._operand(other), ""))
        return self._computed(pc.add, other)

    def __sub__(self, other: Any) -> SArray:
        return self._computed(pc.subtract, other)

    def __mul__(self, other: Any) -> SArray:
        return self._computed(pc.multiply, other)

    def __truediv__(self, other: Any) -> SArray:
        return self.astype(float)._computed(pc.divide, other)

    def _where_missing(self, flag: int) -> SArray:
        return _flags(pc.is_null(self.column) if flag else pc.is_valid(self.column))

    def _compared(self, compare: Callable[..., Any], other: Any, *, unlike: int | None = None) -> SArray:
        """Compare row by row; `unlike` is what values of types that do not compare give, None to refuse them."""
        try:
            return _flags(compare(self.column, self._operand(other)))
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid, pa.ArrowTypeError) as exc:
            if unlike is not None and not isinstance(other, SArray):
                return SArray(np.full(len(self), unlike))
            raise self._unfit(other) from exc

    def _computed(self, compute: Callable[..., Any], other: Any) -> SArray:
        try:
            return SArray(columns.normal(compute(self.column, self._operand(other))))
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid, pa.ArrowTypeError) as exc:
            raise self._unfit(other) from exc

    def _operand(self, other: Any) -> Any:
        if not isinstance(other, SArray):
            return pa.scalar(other.item() if isinstance(other, np.generic) else other)
        if len(other) != len(self):
            raise IndexError(f"columns of {len(self)} and {len(other)} values do not go together row by row.")
        return other.column

    def _unfit(self, other: Any) -> TypeError:
        kind = other.dtype if isinstance(other, SArray) else type(other)
        return TypeError(f"values of type {self.dtype.__name__} and {kind.__name__} do not go together here.")

    # --- everyday calls -------------------------------------------------------------------------------------------

    def apply(self, fn: Callable[[Any], Any], dtype: type | None = None, skip_na: bool = True) -> SArray:
        """Return what a function makes of each value; missing ones stay missing unless `skip_na` is False."""
        return SArray([None if skip_na and value is None else fn(value) for value in self], dtype)

    def astype(self, dtype: type) -> SArray:
        """Convert the values to another type.

        Raises:
            ValueError: when one cannot be converted.
        """
        return self if dtype is self.dtype else self.apply(dtype, dtype)

    def append(self, other: SArray) -> SArray:
        """Return these values followed by those of another column of the same type."""
        if len(self) and len(other) and self.dtype is not other.dtype:
            raise self._unfit(other)
        kept = [part.column for part in (self, other) if len(part)] or [self.column]
        return SArray(pa.chunked_array([chunk for part in kept for chunk in part.chunks], kept[0].type))

    def head(self, n: int = 10) -> SArray:
        """Return the first n values."""
        return SArray(self.column.slice(0, n))

    def tail(self, n: int = 10) -> SArray:
        """Return the last n values."""
        return SArray(self.column.slice(max(0, len(self) - n)))

    def sort(self, ascending: bool = True) -> SArray:
        """Return the values in order, missing ones counting as the smallest."""
        from .sframe import SFrame

        sorted_values: SArray = SFrame({"X1": self}).sort("X1", ascending)["X1"]
        return sorted_values

    def dropna(self) -> SArray:
        """Return the values that are not missing."""
        return SArray(self.column.drop_null())

    def fillna(self, value: Any) -> SArray:
        """Put a value where one is missing."""
        return SArray([value if each is None else each for each in self], self.dtype)

    def is_in(self, other: Iterable[Any]) -> SArray:
        """Return, for each value, whether another column or list holds it."""
        values = other if isinstance(other, SArray) else SArray(list(other))
        if not len(values):
            return SArray(np.zeros(len(self), np.int64))
        if values.dtype is not self.dtype:
            raise self._unfit(values)
        return _flags(pc.is_in(self.column, value_set=values.column))

    def countna(self) -> int:
        """Count the missing values."""
        return int(self.column.null_count)

    def nnz(self) -> int:
        """Count the values that are neither 0 nor missing."""
        return int(pc.sum(self.mask(len(self))).as_py() or 0)

    def sum(self) -> Any:
        """Add up the values."""
        return pc.sum(self.column).as_py()

    def mean(self) -> Any:
        """Return the mean of the values."""
        return pc.mean(self.column).as_py()

    def min(self) -> Any:
        """Return the smallest value."""
        return pc.min(self.column).as_py()

    def max(self) -> Any:
        """Return the largest value."""
        return pc.max(self.column).as_py()

    def std(self) -> Any:
        """Return the standard deviation of the values, dividing by their number."""
        return pc.stddev(self.column).as_py()

    # --- showing --------------------------------------------------------------------------------------------------

    def show(self, title: str | None = None) -> None:
        """Show the first values, images as pictures; see `visualization`."""
        from . import visualization
        from .sframe import SFrame

        visualization.show_table(title or "SArray", SFrame({"X1": self}))

    explore = show

    def __str__(self) -> str:
        shown = [cell_text(value, _SHOWN_CHARS) if _is_long(value) else repr(value) for value in self.head(_SHOWN)]
        more = ", ... " if len(self) > _SHOWN else ""
        return f"[{', '.join(shown)}{more}]"

    def __repr__(self) -> str:
        return f"dtype: {self.dtype.__name__}\nRows: {len(self)}\n{self}"


def row_number(key: Any, length: int) -> int:
    """Return a row's place from 0, for a number that may count from the end.

    Raises:
        TypeError: for what is not a number.
        IndexError: for a number outside.
    """
    if builtins.type(key) is bool or not isinstance(key, int | np.integer):
        raise TypeError(f"{key!r} names no row: pass a number, a slice or an SArray of 0 and 1.")
    if not -length <= key < length:
        raise IndexError(f"row {key} is out of range: there are {length}.")
    return int(key) % length


def _is_long(value: Any) -> bool:
    return isinstance(value, Image | array.array)


def _flags(truth: pa.ChunkedArray) -> SArray:
    return SArray(truth.cast(pa.int64()))
