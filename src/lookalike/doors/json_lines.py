"""JSON lines, in and out: one record a line; a line that cannot be read fails alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ..core.ingest.items import is_picture
from ..errors import InputError, SourceNotFoundError

_WIDE_TEXT = (b"\xff\xfe", b"\xfe\xff")
_PICTURES = ("_base64", "_file", "_url")  # the nearest at hand first


def read_lines(path: Path) -> Iterator[Any]:
    """Return the records of a file; a broken line is given as an error, which fails alone where it is added.

    A comma may end a line, as in lists that were taken apart.

    Raises:
        SourceNotFoundError: when there is no such file.
    """
    refuse_pictures(path)
    try:
        stream = path.open("rb")
    except FileNotFoundError as exc:
        raise SourceNotFoundError(f'there is no file "{path}". Check the path.', source=str(path)) from exc
    except IsADirectoryError as exc:
        raise InputError(f'"{path}" is a folder: `import` reads JSON lines, `index` reads folders.') from exc
    with stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield parse_line(line.rstrip(b", \t\r\n"), f"{path.name}:{number}")


def refuse_pictures(path: Path) -> None:
    """Refuse a file that is not text at all, such as a picture, before each of its lines is told to be broken.

    Raises:
        InputError: naming what the file is.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(512)
    except OSError:  # the reader reports it
        return
    if is_picture(head):
        raise InputError(f'"{path}" is a picture, and `import` reads lists of records. Add it: lookalike index {path}')
    if b"\0" in head and not head.startswith(_WIDE_TEXT):
        raise InputError(f'"{path}" is not text, and `import` reads JSON lines or CSV. Check the path.')


def without_hints(record: Any, left_out: set[str]) -> Any:
    """Return a record of another program as `add` reads it: with one picture, and no names with _ but ours.

    Args:
        left_out: Is told the names that were left out.
    """
    if not isinstance(record, dict):
        return record
    picture = next((name for name in _PICTURES if record.get(name) is not None), None)
    hints = {name for name in record if name.startswith("_") and name not in ("_id", picture)}
    left_out |= hints
    return {name: value for name, value in record.items() if name not in hints}


def write_lines(records: Iterable[dict[str, Any]], stream: BinaryIO) -> int:
    """Write records to a stream, and return how many."""
    count = 0
    for record in records:
        stream.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
        count += 1
    return count


def parse_line(line: bytes, place: str) -> Any:
    """Return the record of a line; a broken one is given as an error, which fails alone where it is added."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as exc:
        return InputError(f"{place}: no JSON: {exc}.", source=place)
    if not isinstance(record, dict):
        return InputError(f'{place}: a line holds an object like {{"_id": "7", "_file": "a.jpg"}}.', source=place)
    return record
