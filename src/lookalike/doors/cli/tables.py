"""CSV tables of metadata, and of labelled pairs: a header, then one a row; a row that cannot be read fails alone."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ...core.evaluation.labels import LabelledPair
from ...core.exports import COLUMNS, PREFIX
from ...errors import InputError, SourceNotFoundError

_PICTURES = ("_file", "_url", "_base64")
_TRUTH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_DELIMITERS = ",;\t|"
_MOST_CELL_CHARS = (1 << 31) - 1  # a cell may hold a picture in base64; limits of pictures are checked where it is read


def read_table(path: Path) -> Iterator[Any]:
    """Return the records of a CSV file; a broken row is given as an error, which fails alone where it is added.

    A column `_file` (or `file`), `_url` or `_base64` says where the picture is; `_id` and `tags` (separated by `;`) are
    as in JSON lines. What reads as a JSON number, true or false becomes one, so that it can be filtered by; "007"
    stays a text. Empty cells are left out. In a table that the page exported, `id` and `source` say which record and
    picture, and cells that are JSON are read as such.

    Raises:
        SourceNotFoundError: when there is no such file.
        InputError: when no column says where the pictures are, or the text is not UTF-8.
    """
    rows = _rows(path)
    header = next(rows)[1]
    is_export = tuple(header[: len(COLUMNS)]) == COLUMNS
    names = header if is_export else _names(header, path)
    for place, row in rows:
        yield _exported(names, row, place) if is_export else _record(names, row, place)


def read_pairs(path: Path) -> Iterator[LabelledPair | InputError]:
    """Return the pairs of a CSV file with the columns `a`, `b` (ids) and, where not all are the same, `same` (1 or 0).

    A broken row is given as an error, which fails alone where the pairs are used.

    Raises:
        SourceNotFoundError: when there is no such file.
        InputError: when a column is missing, or the text is not UTF-8.
    """
    rows = _rows(path)
    names = [name.strip().lower() for name in next(rows)[1]]
    if not {"a", "b"} <= set(names):
        raise InputError(
            f'"{path}" has no columns "a" and "b" that hold the ids of two records, and "same" (1 or 0) beside them. '
            f"Its first row is: {', '.join(names)[:200]}."
        )
    for place, row in rows:
        yield _pair(dict(zip(names, map(str.strip, row), strict=False)), place)


def _rows(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Return the header, then each row that holds something, with its place for messages."""
    try:
        stream = path.open(encoding="utf-8-sig", newline="")
    except FileNotFoundError as exc:
        raise SourceNotFoundError(f'there is no file "{path}". Check the path.', source=str(path)) from exc
    csv.field_size_limit(_MOST_CELL_CHARS)
    with stream:
        try:
            rows = csv.reader(stream, delimiter=_delimiter(stream.readline()), strict=True)
            stream.seek(0)
            yield path.name, next(rows, [])
            for row in rows:
                if any(row):
                    yield f"{path.name}:{rows.line_num}", row
        except UnicodeDecodeError as exc:
            raise InputError(f'"{path}" is not UTF-8: {exc}. Save it as UTF-8.') from exc
        except csv.Error as exc:
            raise InputError(f'"{path}" is not CSV from line {rows.line_num} on: {exc}.') from exc


def _pair(cells: dict[str, str], place: str) -> LabelledPair | InputError:
    same = _TRUTH.get(cells.get("same", "1").lower())
    if same is None:
        return InputError(f'{place}: same="{cells["same"][:80]}" is neither 1 nor 0. Write one of them.', source=place)
    if not cells.get("a") or not cells.get("b"):
        return InputError(f"{place}: an id is missing. Name two records in the columns a and b.", source=place)
    return LabelledPair(cells["a"], cells["b"], same, place)


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
        record["tags"] = _tags(cells["tags"])
    return record


def _exported(names: Sequence[str], row: Sequence[str], place: str) -> Any:
    """Read a row of a table that the page exported: its picture is where the record came from."""
    if len(row) != len(names):
        return InputError(f"{place}: {len(row)} cells, but the first row names {len(names)} columns.", source=place)
    own = dict(zip(COLUMNS, row, strict=False))
    source = own["source"]
    picture = "_url" if source.lower().startswith(("http://", "https://")) else "_file"
    if picture == "_file" and not os.path.isabs(source):
        return InputError(
            f'{place}: "{own["id"][:80]}" came from no file of this machine and no address, so its picture '
            "cannot be read here. Drop the table on Add, on the page: it changes fields and tags of what is stored.",
            source=place,
        )
    fields = zip(names[len(COLUMNS) :], row[len(COLUMNS) :], strict=True)
    record = {name.removeprefix(PREFIX): _json(cell) for name, cell in fields if cell != ""}
    return {**record, "_id": own["id"], picture: source, "tags": _tags(own["tags"])}


def _tags(cell: str) -> list[str]:
    """Split tags at semicolons; a JSON list of texts is taken as it is."""
    listed = _json(cell) if cell.startswith("[") else None
    if isinstance(listed, list) and all(isinstance(tag, str) for tag in listed):
        return listed
    return [tag.strip() for tag in cell.split(";") if tag.strip()]


def _json(cell: str) -> Any:
    try:
        return json.loads(cell, parse_constant=str)
    except (ValueError, RecursionError):
        return cell


def _value(cell: str) -> Any:
    value = _json(cell)
    return value if isinstance(value, bool | int | float) else cell
