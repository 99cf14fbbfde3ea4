"""Tables in files: the folder that `save` writes, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa

from .. import disk
from . import archive, columns
from .image import Image
from .toolkits._main import ToolkitError

KIND = "sframe"

_FORMATS = ("binary", "csv", "json")


def save(table: pa.Table, filename: str | os.PathLike[str], format: str | None) -> None:
    """Save a table; without a format the suffix decides, and any other name is a folder.

    Raises:
        ValueError: for an unknown format.
        ToolkitError: for images in CSV or JSON.
        OSError: when it cannot be written.
    """
    chosen = format or _format_of(filename)
    if chosen not in _FORMATS:
        raise ValueError(f"format={format!r} is unknown: pass {', '.join(_FORMATS)}.")
    if chosen == "binary":
        archive.write(filename, archive.Archive(KIND, {}, {"columns": table}))
        return
    _refuse_images(table, chosen)
    text = _csv_text(table) if chosen == "csv" else _json_text(table)
    disk.replace_text(Path(filename).expanduser(), text)


def load(filename: str | os.PathLike[str]) -> pa.Table:
    """Load a table, whichever of the formats it is in.

    Raises:
        OSError: when there is none.
        ToolkitError: when it is damaged.
    """
    chosen = _format_of(filename)
    if chosen == "csv":
        return read_csv(filename)
    return read_json(filename) if chosen == "json" else archive.read(filename, KIND).tables["columns"]


def read_csv(filename: str | os.PathLike[str]) -> pa.Table:
    """Read a CSV file with a header; empty fields are missing values.

    Raises:
        OSError, ToolkitError: when it is not there, or no table.
    """
    from pyarrow import csv as arrow_csv

    try:
        table = arrow_csv.read_csv(
            Path(filename).expanduser(),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False),
        )
    except pa.ArrowInvalid as exc:
        raise ToolkitError(f'"{filename}" is not a CSV table: {exc}') from exc
    return pa.table({name: columns.normal(table.column(name)) for name in table.column_names})


def read_json(filename: str | os.PathLike[str]) -> pa.Table:
    """Read a JSON list of objects; what an object does not name is a missing value.

    Raises:
        OSError, ToolkitError: when it is not there, or no table.
    """
    try:
        rows = json.loads(Path(filename).expanduser().read_text(encoding="utf-8"))
        names = list(dict.fromkeys(name for row in rows for name in row))
        return pa.table({name: columns.column([row.get(name) for row in rows]) for name in names})
    except (ValueError, TypeError, AttributeError) as exc:
        raise ToolkitError(f'"{filename}" is not a JSON list of objects: {exc}') from exc


def _format_of(filename: str | os.PathLike[str]) -> str:
    suffix = Path(filename).suffix.lower()
    return suffix[1:] if suffix in (".csv", ".json") else "binary"


def _refuse_images(table: pa.Table, format: str) -> None:
    for field in table.schema:
        if columns.dtype_of(field.type) is Image:
            raise ToolkitError(
                f'column "{field.name}" holds images, which {format.upper()} cannot: leave it out with '
                f'remove_column("{field.name}"), or save with format="binary".'
            )


def _rows(table: pa.Table) -> Any:
    return zip(*(columns.python_values(values) for values in table.columns), strict=True)


def _csv_text(table: pa.Table) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    writer.writerow(table.column_names)
    for row in _rows(table):
        writer.writerow(["" if value is None else value if isinstance(value, str) else _json(value) for value in row])
    return buffer.getvalue()


def _json_text(table: pa.Table) -> str:
    rows = (_json(dict(zip(table.column_names, row, strict=True))) for row in _rows(table))
    return "[" + ",\n".join(rows) + "]\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    return list(value) if hasattr(value, "typecode") else str(value)
