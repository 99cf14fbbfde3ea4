"""JSON lines, in and out: one record a line; a line that cannot be read fails alone."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..errors import InputError, SourceNotFoundError


def read_lines(path: Path) -> Iterator[Any]:
    """Give the records of a file; a broken line is given as an error, which fails alone where it is added.

    Raises:
        SourceNotFoundError: when there is no such file.
    """
    try:
        stream = path.open("rb")
    except FileNotFoundError as exc:
        raise SourceNotFoundError(f'there is no file "{path}". Check the path.', source=str(path)) from exc
    except IsADirectoryError as exc:
        raise InputError(f'"{path}" is a folder: `import` reads JSON lines, `index` reads folders.') from exc
    with stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield parse_line(line, f"{path.name}:{number}")


def write_lines(records: Iterable[dict[str, Any]], path: Path | None) -> int:
    """Write records to a file (complete or not at all) or to stdout, and say how many."""
    if path is None:
        return _write(records, sys.stdout)
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8") as stream:
            count = _write(records, stream)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return count


def _write(records: Iterable[dict[str, Any]], stream: Any) -> int:
    count = 0
    for record in records:
        stream.write(json.dumps(record, ensure_ascii=False) + "\n")
        count += 1
    return count


def parse_line(line: bytes, place: str) -> Any:
    """Give the record of a line; a broken one is given as an error, which fails alone where it is added."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as exc:
        return InputError(f"{place}: no JSON: {exc}.", source=place)
    if not isinstance(record, dict):
        return InputError(f'{place}: a line holds an object like {{"_id": "7", "_file": "a.jpg"}}.', source=place)
    return record
