"""Tables as Turi Create prints them: centred cells between lines of dashes; strings in, strings out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .image import Image

HEAD_ROWS = 10
_NOTE = (
    "Note: Only the head of the SFrame is printed.\n"
    "You can use print_rows(num_rows=m, num_columns=n) to print more rows and columns."
)


def cell_text(value: Any, width: int) -> str:
    """Write a value on one line of at most `width` characters."""
    if isinstance(value, Image):
        return f"Height: {value.height} Width: {value.width}"[:width]
    text = str(list(value) if hasattr(value, "typecode") else value)
    text = " ".join(text.split()) if "\n" in text else text
    return text if len(text) <= width else f"{text[: max(0, width - 4)]} ..."


def tables(names: Sequence[str], columns: Sequence[Sequence[str]], *, row_width: int = 80) -> str:
    """Lay out columns as tables no wider than `row_width`, one below the other.

    Example:
        >>> print(tables(["rank", "name"], [["1", "2"], ["oak", "elm"]]))
        +------+------+
        | rank | name |
        +------+------+
        |  1   | oak  |
        |  2   | elm  |
        +------+------+
    """
    widths = [max(map(len, [name, *column])) + 2 for name, column in zip(names, columns, strict=True)]
    return "\n".join(
        _table(names[first:last], columns[first:last], widths[first:last]) for first, last in _spans(widths, row_width)
    )


def footer(rows: int, columns: int, *, printed: int) -> str:
    """Return the lines below a table: its size, and how to see more of it."""
    size = f"[{rows} rows x {columns} columns]"
    return f"{size}\n{_NOTE}" if printed < rows else size


def _spans(widths: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    """Cut columns into runs that fit; a column that is too wide alone is a run of its own."""
    first = used = 0
    for place, width in enumerate(widths):
        if place > first and used + width + 2 > most:
            yield first, place
            first, used = place, 0
        used += width + 1
    yield first, len(widths)


def _table(names: Sequence[str], columns: Sequence[Sequence[str]], widths: Sequence[int]) -> str:
    edge = "+" + "+".join("-" * width for width in widths) + "+"
    rows = [names, *zip(*columns, strict=True)]
    lines = [
        "|" + "|".join(f" {cell.center(width - 2)} " for cell, width in zip(row, widths, strict=True)) + "|"
        for row in rows
    ]
    return "\n".join([edge, lines[0], edge, *lines[1:], edge])
