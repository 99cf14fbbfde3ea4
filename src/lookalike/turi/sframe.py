"""The table of Turi Create: named columns of equal length, on an Arrow table."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import aggregate, columns, files, printing
from .sarray import SArray, row_number

if TYPE_CHECKING:
    import pandas as pd


class SFrame:
    """A table.

    Args:
        data: A dict of columns (lists, numpy arrays, SArrays), a pandas DataFrame, another SFrame, or the path of a
            saved one or of a CSV or JSON file.

    Raises:
        TypeError: when a column's values are not of one type.
        RuntimeError: when columns are not equally long.
    """

    def __init__(self, data: Any = None) -> None:
        self.table: pa.Table = _table_of({} if data is None else data)

    # --- shape and columns ----------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and of columns."""
        return self.num_rows(), self.num_columns()

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __contains__(self, name: object) -> bool:
        return name in self.column_names()

    def num_rows(self) -> int:
        """Count the rows."""
        return len(self)

    def num_columns(self) -> int:
        """Count the columns."""
        return len(self.column_names())

    def column_names(self) -> list[str]:
        """Return the names of the columns, in order."""
        return list(self.table.column_names)

    def column_types(self) -> list[type]:
        """Return the Python types of the columns, in order."""
        return [columns.dtype_of(kind) for kind in self.table.schema.types]

    # --- reading --------------------------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        """Return a column by name, columns by a list of names, a row (as a dict) by number, or rows.

        Rows are chosen by a slice, or by an SArray that is not 0 for those that are wanted.

        Raises:
            RuntimeError: for a column that is not there.
            IndexError: for a row that is not there.
        """
        if isinstance(key, str):
            return self.select_column(key)
        if isinstance(key, SArray):
            return self._with(self.table.filter(key.mask(len(self))))
        if isinstance(key, slice):
            return self._with(self.table[key])
        if isinstance(key, list | tuple):
            return self.select_columns(key)
        return next(iter(self._with(self.table.slice(row_number(key, len(self)), 1))))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        names = self.column_names()
        values = [columns.python_values(self.table.column(name)) for name in names]
        return (dict(zip(names, row, strict=True)) for row in zip(*values, strict=True))

    def select_column(self, column_name: str) -> SArray:
        """Return one column.

        Raises:
            RuntimeError: when it is not there.
        """
        self._check_there([column_name])
        return SArray(self.table.column(column_name))

    def select_columns(self, column_names: Iterable[str]) -> SFrame:
        """Return a table of some columns, in the order asked for."""
        names = list(column_names)
        self._check_there(names)
        return self._with(self.table.select(names))

    def head(self, n: int = 10) -> SFrame:
        """Return the first n rows."""
        return self._with(self.table.slice(0, n))

    def tail(self, n: int = 10) -> SFrame:
        """Return the last n rows."""
        return self._with(self.table.slice(max(0, len(self) - n)))

    def copy(self) -> SFrame:
        """Return a table of the same values, to be changed on its own."""
        return self._with(self.table)

    def to_dataframe(self) -> pd.DataFrame:
        """Return the table as a pandas DataFrame; arrays and images are objects in it."""
        import pandas as pd

        plain = (int, float, str)
        return pd.DataFrame(
            {
                name: self.table.column(name).to_pandas()
                if kind in plain
                else pd.Series(list(self[name]), dtype=object)
                for name, kind in zip(self.column_names(), self.column_types(), strict=True)
            }
        )

    # --- changing columns -----------------------------------------------------------------------------------------

    def __setitem__(self, name: str, values: Any) -> None:
        """Set a column to values, or to one value in every row.

        Raises:
            RuntimeError: when the values are not as many as the rows.
        """
        if not isinstance(name, str):
            raise TypeError(f"a column's name is text, not {type(name).__name__}.")
        is_many = isinstance(values, Iterable) and not isinstance(values, str | bytes | dict)
        filled = values if is_many else [values] * len(self)
        kept = dict(zip(self.column_names(), self.table.columns, strict=True))
        self.table = _from_columns({**kept, name: SArray(filled).column})

    def __delitem__(self, name: str) -> None:
        self.remove_column(name, inplace=True)

    def add_column(self, data: Any, column_name: str, inplace: bool = False) -> SFrame:
        """Add a column at the end."""
        changed = self if inplace else self.copy()
        changed[column_name] = data
        return changed

    def remove_column(self, column_name: str, inplace: bool = False) -> SFrame:
        """Leave one column out."""
        return self.remove_columns([column_name], inplace)

    def remove_columns(self, column_names: Sequence[str], inplace: bool = False) -> SFrame:
        """Leave columns out."""
        self._check_there(column_names)
        return self._changed(self.table.drop_columns(list(column_names)), inplace)

    def rename(self, names: Mapping[str, str], inplace: bool = False) -> SFrame:
        """Rename columns, from old name to new."""
        self._check_there(names)
        return self._changed(self.table.rename_columns([names.get(n, n) for n in self.column_names()]), inplace)

    def add_row_number(self, column_name: str = "id", start: int = 0, inplace: bool = False) -> SFrame:
        """Put a column of row numbers first.

        Raises:
            RuntimeError: when there is a column of that name.
        """
        if column_name in self:
            raise RuntimeError(f'there is a column "{column_name}" already: pass another column_name.')
        numbers = SArray(np.arange(start, start + len(self))).column
        return self._changed(self.table.add_column(0, column_name, numbers), inplace)

    # --- choosing and ordering rows -------------------------------------------------------------------------------

    def filter_by(self, values: Any, column_name: str, exclude: bool = False) -> SFrame:
        """Keep the rows whose value is among some values, or with `exclude` those whose value is not.

        Raises:
            RuntimeError: when the column is not there.
            TypeError: when the values are of another type than the column.
        """
        is_many = isinstance(values, Iterable) and not isinstance(values, str)
        found = self[column_name].is_in(values if is_many else [values])
        return self[found == 0] if exclude else self[found]  # type: ignore[no-any-return]

    def sort(self, key_column_names: str | Sequence[Any], ascending: bool = True) -> SFrame:
        """Order the rows; equal ones keep their order, and missing values count as the smallest.

        Args:
            key_column_names: A name, several, or pairs of a name and whether it rises.
        """
        names = [key_column_names] if isinstance(key_column_names, str) else list(key_column_names)
        keys = [(name, ascending) if isinstance(name, str) else tuple(name) for name in names]
        self._check_there([name for name, _ in keys])
        order = np.arange(len(self))
        for name, rises in reversed(keys):  # one stable pass for each key, the last one first
            values = columns.take(self.table.column(name), order)
            passed = pc.sort_indices(values, sort_keys=[("", "ascending" if rises else "descending")]).to_numpy()
            order = order[np.roll(passed, values.null_count if rises else 0)]  # Arrow puts missing values last
        return self._with(self.table.take(pa.array(order)))

    def topk(self, column_name: str, k: int = 10, reverse: bool = False) -> SFrame:
        """Return the k rows of the largest values of a column, or with `reverse` of the smallest."""
        return self.sort(column_name, ascending=reverse).head(k)

    def dropna(self, columns: str | Sequence[str] | None = None, how: str = "any") -> SFrame:
        """Leave out rows where any (or with how="all" every) value of some columns is missing."""
        names = self.column_names() if columns is None else [columns] if isinstance(columns, str) else list(columns)
        self._check_there(names)
        if how not in ("any", "all"):
            raise ValueError(f'how={how!r} is unknown: pass "any" or "all".')
        missing = sum((self.table.column(name).is_null().to_numpy().astype(int) for name in names), np.zeros(len(self)))
        dropped = missing >= (1 if how == "any" else max(1, len(names)))
        return self._with(self.table.filter(pa.array(~dropped)))

    def unique(self) -> SFrame:
        """Return the different rows, in the order of their first places."""
        return self._with(self.table.group_by(self.column_names(), use_threads=False).aggregate([]))

    def append(self, other: SFrame) -> SFrame:
        """Return these rows followed by those of a table with the same columns.

        Raises:
            RuntimeError: when names or types of the columns differ.
        """
        if not self.num_columns() or not other.num_columns():
            return self.copy() if self.num_columns() else other.copy()
        if sorted(self.column_names()) != sorted(other.column_names()):
            raise RuntimeError(f"columns {self.column_names()} and {other.column_names()} differ: make them the same.")
        return SFrame({name: self[name].append(other[name]) for name in self.column_names()})

    def random_split(self, fraction: float, seed: int | None = None) -> tuple[SFrame, SFrame]:
        """Cut the rows in two at random: about `fraction` of them, and the rest."""
        chosen = np.random.default_rng(seed).random(len(self)) < fraction
        return self._with(self.table.filter(pa.array(chosen))), self._with(self.table.filter(pa.array(~chosen)))

    # --- computing ------------------------------------------------------------------------------------------------

    def apply(self, fn: Callable[[dict[str, Any]], Any], dtype: type | None = None) -> SArray:
        """Return what a function makes of each row, which it gets as a dict."""
        return SArray([fn(row) for row in self], dtype)

    def join(self, right: SFrame, on: Any = None, how: str = "inner") -> SFrame:
        """Put the columns of another table beside these, where keys agree; ordered by the rows of this table.

        Args:
            on: The name of the keys, several, or a dict from names here to names there; by default all shared names.
            how: "inner", "left", "right" or "outer".
        """
        if how not in ("inner", "left", "right", "outer"):
            raise ValueError(f'how={how!r} is unknown: pass "inner", "left", "right" or "outer".')
        keys = _join_keys(self, right, on)
        left_rows, right_rows = _join_rows(self, right, keys, how)
        joined = {name: self.table.column(name).take(left_rows) for name in self.column_names()}
        for here, there in keys.items():
            joined[here] = pc.coalesce(joined[here], right.table.column(there).take(right_rows))
        for name in right.column_names():
            if name not in keys.values():
                joined[f"{name}.1" if name in joined else name] = right.table.column(name).take(right_rows)
        return SFrame(joined)

    def groupby(self, key_column_names: str | Sequence[str], operations: Any) -> SFrame:
        """Return one row for each different key, with sums, means, counts and the like; see `aggregate`.

        Args:
            operations: One of `aggregate`, a list of them, or a dict of them by the name of the new column.
        """
        keys = [key_column_names] if isinstance(key_column_names, str) else list(key_column_names)
        named = aggregate.named(operations)
        self._check_there([*keys, *(each.column for each in named.values() if each.column)])
        asked: list[Any] = [(each.column or [], each.function) for each in named.values()]
        grouped: pa.Table = self.table.group_by(keys, use_threads=False).aggregate(asked)
        names = [*keys, *named]  # Arrow gives the keys first
        return SFrame({name: columns.normal(grouped.column(place)) for place, name in enumerate(names)})

    # --- keeping and showing --------------------------------------------------------------------------------------

    def save(self, filename: str | os.PathLike[str], format: str | None = None) -> None:
        """Save the table for `load_sframe`: as a folder, or as CSV or JSON where `format` or the suffix says so.

        Raises:
            OSError: when it cannot be written.
            ToolkitError: for images, which CSV and JSON cannot hold.
            ValueError: for another format than "binary", "csv" and "json".
        """
        files.save(self.table, filename, format)

    @classmethod
    def read_csv(cls, url: str | os.PathLike[str]) -> SFrame:
        """Read a CSV file with a header."""
        return cls(files.read_csv(url))

    @classmethod
    def read_json(cls, url: str | os.PathLike[str]) -> SFrame:
        """Read a JSON list of objects."""
        return cls(files.read_json(url))

    def explore(self, title: str | None = None) -> None:
        """Show the first rows, with pictures, in a notebook or as a page; see `visualization`."""
        from . import visualization

        visualization.show_table(title or "SFrame", self)

    def show(self) -> None:
        """Show a summary of each column: type, missing and different values, smallest, mean and largest."""
        from . import visualization

        visualization.show_table("Summary of the SFrame", SFrame(_summary(self)))

    def print_rows(
        self, num_rows: int = 10, num_columns: int = 40, max_column_width: int = 30, max_row_width: int = 80
    ) -> None:
        """Print the first rows and columns."""
        print(self._text(num_rows, num_columns, max_column_width, max_row_width))

    def __str__(self) -> str:
        return self._text(printing.HEAD_ROWS, self.num_columns(), 30, 80)

    def __repr__(self) -> str:
        described = [
            f"\t{n}\t{kind.__name__}\n" for n, kind in zip(self.column_names(), self.column_types(), strict=True)
        ]
        return f"Columns:\n{''.join(described) or chr(9) + 'None' + chr(10)}\nRows: {len(self)}\n\nData:\n{self}"

    def _repr_html_(self) -> str:
        from . import visualization

        return visualization.table_html(self, most=printing.HEAD_ROWS)

    def _text(self, num_rows: int, num_columns: int, column_width: int, row_width: int) -> str:
        if not self.num_columns():
            return "[]"
        head = self.head(num_rows)
        names = self.column_names()[:num_columns]
        cells = [[printing.cell_text(value, column_width) for value in head[name]] for name in names]
        below = printing.footer(len(self), self.num_columns(), printed=len(head))
        return f"{printing.tables(names, cells, row_width=row_width)}\n{below}"

    # --- helpers --------------------------------------------------------------------------------------------------

    @staticmethod
    def _with(table: pa.Table) -> SFrame:
        frame = SFrame()
        frame.table = table
        return frame

    def _changed(self, table: pa.Table, inplace: bool) -> SFrame:
        if not inplace:
            return self._with(table)
        self.table = table
        return self

    def _check_there(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self:
                there = ", ".join(self.column_names()) or "none"
                raise RuntimeError(f"Column name {name} does not exist. There are: {there}.")


def load_sframe(filename: str | os.PathLike[str]) -> SFrame:
    """Load a table that `SFrame.save` saved, or a CSV or JSON file.

    Raises:
        OSError: when it is not there.
        ToolkitError: when it is damaged.
    """
    return SFrame(files.load(filename))


def _table_of(data: Any) -> pa.Table:
    if isinstance(data, pa.Table):
        return data
    if isinstance(data, SFrame):
        return data.table
    if isinstance(data, SArray):
        return _from_columns({"X1": data.column})
    if isinstance(data, str | os.PathLike):
        return files.load(data)
    if isinstance(data, Mapping) or hasattr(data, "columns"):
        return _from_columns({str(name): SArray(data[name]).column for name in data})
    return _from_columns({"X1": SArray(data).column})


def _from_columns(given: Mapping[str, pa.ChunkedArray]) -> pa.Table:
    sizes = {name: len(values) for name, values in given.items()}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f'"{name}" has {size}' for name, size in sizes.items())
        raise RuntimeError(f"columns of a table are equally long; {told}.")
    return pa.table(dict(given))


def _join_keys(left: SFrame, right: SFrame, on: Any) -> dict[str, str]:
    """Return the key columns, from their names in the left table to those in the right one."""
    if on is None:
        on = [name for name in left.column_names() if name in right]
    if isinstance(on, str):
        on = [on]
    keys = dict(on) if isinstance(on, Mapping) else {name: name for name in on}
    if not keys:
        raise RuntimeError("the tables share no column to join on: pass `on`.")
    left._check_there(keys)
    right._check_there(keys.values())
    return keys


def _join_rows(left: SFrame, right: SFrame, keys: Mapping[str, str], how: str) -> tuple[pa.Array, pa.Array]:
    """Return the row numbers that go together, missing where a row has no partner; Arrow joins no images itself."""
    mine = left.select_columns(keys).add_row_number("__left")
    others = right.select_columns(keys.values()).add_row_number("__right")
    kind = {"inner": "inner", "left": "left outer", "right": "right outer", "outer": "full outer"}[how]
    joined = mine.table.join(others.table, list(keys), list(keys.values()), kind, use_threads=False)
    rows = joined.select(["__left", "__right"]).sort_by([("__left", "ascending"), ("__right", "ascending")])
    return rows.column("__left"), rows.column("__right")


def _summary(frame: SFrame) -> dict[str, list[Any]]:
    summary: dict[str, list[Any]] = {n: [] for n in ("column", "type", "missing", "different", "min", "mean", "max")}
    for name, kind in zip(frame.column_names(), frame.column_types(), strict=True):
        values = frame[name]
        is_number = kind in (int, float)
        row = (
            name,
            kind.__name__,
            values.countna(),
            len(values.unique()) if is_number or kind is str else None,
            values.astype(float).min() if is_number else None,
            values.mean() if is_number else None,
            values.astype(float).max() if is_number else None,
        )
        for key, value in zip(summary, row, strict=True):
            summary[key].append(value)
    return summary
