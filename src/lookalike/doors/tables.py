"""CSV tables of metadata as records: a header, then one record a row; a row that cannot be read fails alone."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError, SourceNotFoundError

_PICTURES = ("_file", "_url", "_base64")
_DELIMITERS = ",;\t|"
_MOST_CELL_CHARS = (1 << 31) - 1  # a cell may hold a picture in base64; limits of pictures are checked where it is read


def read_table(path: Path) -> Iterator[Any]:
    """Give the records of a CSV file; a broken row is given as an error, which fails alone where it is added.

    A column `_file` (or `file`), `_url` or `_base64` says where the picture is; `_id` and `tags` (separated by `;`) are
    as in JSON lines. What reads as a JSON number, true or false becomes one, so that it can be filtered by; "007"
    stays a text. Empty cells are left out.

    Raises:
        SourceNotFoundError: when there is no such file.
        InputError: when no column says where the pictures are, or the text is not UTF-8.
    """
    try:
        stream = path.open(encoding="utf-8-sig", newline="")
    except FileNotFoundError as exc:
        raise SourceNotFoundError(f'there is no file "{path}". Check the path.', source=str(path)) from exc
    csv.field_size_limit(_MOST_CELL_CHARS)
    with stream:
        try:
            rows = csv.reader(stream, delimiter=_delimiter(stream.readline()), strict=True)
            stream.seek(0)
            names = _names(next(rows, []), path)
            for row in rows:
                if any(row):
                    yield _record(names, row, f"{path.name}:{rows.line_num}")
        except UnicodeDecodeError as exc:
            raise InputError(f'"{path}" is not UTF-8: {exc}. Save it as UTF-8.') from exc
        except csv.Error as exc:
            raise InputError(f'"{path}" is no CSV from line {rows.line_num} on: {exc}.') from exc


def _delimiter(header: str) -> str:
    """Take the one that the header holds most."""
    return max(_DELIMITERS, key=header.count)


def _names(header: Sequence[str], path: Path) -> list[str]:
    names = [name.strip() for name in header]
    if not set(names) & set(_PICTURES):
        names = ["_file" if name.lower() == "file" else name for name in names]
    if not set(names) & set(_PICTURES):
        raise InputError(
            f'"{path}" has no column "_file", "_url" or "_base64" that says where the pictures are. '
            f"Its first row is: {', '.join(names)[:200]}."
        )
    doubles = sorted({name for name in names if names.count(name) > 1})
    if doubles or "" in names:
        raise InputError(f'"{path}" has columns without a name, or twice the same: {", ".join(doubles)}. Name each.')
    return names


def _record(names: Sequence[str], row: Sequence[str], place: str) -> Any:
    if len(row) != len(names):
        return InputError(f"{place}: {len(row)} cells, but the first row names {len(names)} columns.", source=place)
    cells = {name: cell for name, cell in zip(names, row, strict=True) if cell != ""}
    record: dict[str, Any] = {name: cell if name.startswith("_") else _value(cell) for name, cell in cells.items()}
    if "tags" in cells:
        record["tags"] = [tag.strip() for tag in cells["tags"].split(";") if tag.strip()]
    return record


def _value(cell: str) -> Any:
    try:
        value = json.loads(cell, parse_constant=str)
    except (ValueError, RecursionError):
        return cell
    return value if isinstance(value, bool | int | float) else cell
