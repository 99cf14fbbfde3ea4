"""Exports: chosen records as CSV, JSON lines, a contact sheet or a ZIP archive, a piece at a time."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .. import intake
from ..errors import InputError
from ..records import Record
from ..rendering import Card, Section, counted, html_page
from .ingest.local_files import bytes_of, path_of

if TYPE_CHECKING:
    from ..filters import Filter
    from .collection import Collection

Format = Literal["csv", "jsonl", "html", "zip"]
MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "html": "text/html; charset=utf-8",
    "zip": "application/zip",
}
MAX_EXPORTED = 10_000
MAX_ZIPPED_BYTES = 4_000_000_000
COLUMNS = ("id", "source", "format", "width", "height", "bytes", "created_at", "updated_at", "tags")  # of a table
PREFIX = "metadata."  # before a field that is called as one of these, or begins so itself
_UNSAFE = re.compile(r'[\x00-\x1f<>:"|?*\\]')
_MOST_NAME = 200  # characters of a name in an archive


def chosen(
    collection: Collection,
    *,
    ids: Sequence[str] | None = None,
    filter: Mapping[str, Any] | str | Filter | None = None,
) -> list[Record]:
    """Return the records of these ids, in this order, or those that pass a filter; ids that are gone are left out.

    Raises:
        InputError: when both or neither are given, or more than 10,000 records are chosen.
    """
    if (ids is None) == (filter is None):
        raise InputError("an export takes either ids or a filter.")
    if ids is not None:
        found = collection.get_many(ids)
        records = [found[id] for id in dict.fromkeys(ids) if id in found]
    else:
        records = list(islice(collection.scan(filter=filter), MAX_EXPORTED + 1))
    if len(records) > MAX_EXPORTED:
        raise InputError(
            f"more than {MAX_EXPORTED:,} records in one export. Narrow the filter, or use: lookalike export"
        )
    return records


def exported(
    collection: Collection, records: Sequence[Record], format: Format, on_thumbnail: Callable[[str], None] | None = None
) -> Iterator[bytes]:
    """Write records in a format, a piece at a time; `on_thumbnail` hears the id of each that a ZIP holds in small.

    Cost: one picture in memory at a time, and for a contact sheet all thumbnails.
    """
    if format == "csv":
        return _csv(records)
    if format == "jsonl":
        return (_json(line) + b"\n" for line in _lines(records))
    if format == "html":
        return iter([_sheet(collection, records)])
    return _zip(collection, records, on_thumbnail)


def original_of(collection: Collection, record: Record) -> bytes | None:
    """Return a picture as it came: as it is kept, or its file where that still holds the very same; else None."""
    kept = collection.original(record.id)
    return bytes_of(record) if kept is None else kept


def has_original(collection: Collection, record: Record) -> bool:
    """Return whether there is a picture as it came. Cost: a look at the file; it is read where its time changed."""
    if collection.spec.keep == "original":
        return True
    path = path_of(record)
    if path is None:
        return False
    try:
        is_untouched = bool(record.stamp) and intake.stamp(Path(path)) == record.stamp
    except OSError:
        return False
    return is_untouched or original_of(collection, record) is not None


def _json(line: Mapping[str, Any]) -> bytes:
    return json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _lines(records: Iterable[Record]) -> Iterator[dict[str, Any]]:
    for record in records:
        yield {"_id": record.id, "_source": record.source, **record.metadata, "tags": list(record.tags)}


def _csv(records: Sequence[Record]) -> Iterator[bytes]:
    """Write a row for each record, so that a reader gets back what was stored. Excel needs the mark in front."""
    fields = list(dict.fromkeys(name for record in records for name in record.metadata))
    names = [f"{PREFIX}{name}" if name in COLUMNS or name.startswith(PREFIX) else name for name in fields]
    yield "\ufeff".encode() + _row([*COLUMNS, *names])
    for record in records:
        width, height = record.size_px
        facts = (record.id, record.source, record.format, width, height, record.byte_size, record.created_at)
        values = [_cell(record.metadata.get(name)) for name in fields]
        yield _row([*facts, record.updated_at, _tags(record.tags), *values])


def _row(values: Iterable[Any]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerow(values)
    return written.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> Any:
    """Write a value as JSON; a text as it is, unless it reads as JSON itself or a reader would trim it."""
    return value if value is None or (isinstance(value, str) and _is_bare(value)) else _text(value)


def _tags(tags: Sequence[str]) -> str:
    """Join tags as the readers of tables split them; as a JSON list where they would be split otherwise."""
    joined = ";".join(tags)
    is_clear = joined.split(";") == list(tags) and all(tag and tag == _trimmed(tag) for tag in tags)
    return joined if is_clear and not joined.startswith("[") else _text(list(tags)) if tags else ""


def _is_bare(text: str) -> bool:
    if text != _trimmed(text):
        return False
    try:
        json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError):
        return True
    return False


def _refused(word: str) -> None:
    raise ValueError(word)  # NaN and its like are no JSON


def _trimmed(text: str) -> str:
    return text.strip().strip("\ufeff")


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _sheet(collection: Collection, records: Sequence[Record]) -> bytes:
    cards = [Card(collection.thumbnail(record.id), _name(record.id), ", ".join(record.tags)) for record in records]
    page = html_page(
        collection.spec.title or collection.name, counted(len(records), "picture"), [Section("", "", cards)]
    )
    return page.encode("utf-8", "replace")


def _zip(
    collection: Collection, records: Sequence[Record], on_thumbnail: Callable[[str], None] | None
) -> Iterator[bytes]:
    """Store the originals as they are; where one is not kept its thumbnail, and `records.jsonl` tells of all.

    Raises:
        InputError: when the pictures are more than 4 GB together.
    """
    if sum(record.byte_size for record in records) > MAX_ZIPPED_BYTES:
        raise InputError("these pictures are more than 4 GB together. Take fewer.")
    out = _Pieces()
    taken: set[str] = set()
    lines = []
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for record, line in zip(records, _lines(records), strict=True):
            data, name = original_of(collection, record), _name(record.id)
            if data is None:
                data, name = collection.thumbnail(record.id), f"{name}.thumbnail.jpg"
                if on_thumbnail is not None:
                    on_thumbnail(record.id)
            if data is not None:
                line["_file"] = _free(name, taken)
                archive.writestr(line["_file"], data)
            lines.append(_json(line))
            yield out.taken()
        archive.writestr(_free("records.jsonl", taken), b"\n".join([*lines, b""]))
    yield out.taken()


def _name(id: str) -> str:
    """Return the name of a record as a path below a folder: no way up, nothing that a file system refuses."""
    parts = [_UNSAFE.sub("_", part).strip(" .") for part in id.rsplit("://", maxsplit=1)[-1].split("/")]
    return "/".join(part for part in parts if part)[-_MOST_NAME:].lstrip("/") or "picture"


def _free(name: str, taken: set[str]) -> str:
    stem, suffix = os.path.splitext(name)
    free, count = name, 1
    while free.casefold() in taken:
        count += 1
        free = f"{stem} ({count}){suffix}"
    taken.add(free.casefold())
    return free


class _Pieces(io.RawIOBase):
    """What a ZIP is written to: it is taken away piece by piece, so that the whole never is in memory."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()

    def writable(self) -> bool:
        """Return True: it is only written to."""
        return True

    def write(self, data: Any) -> int:
        """Keep some bytes until they are taken."""
        self._held += data
        return len(data)

    def taken(self) -> bytes:
        """Take away what was written since."""
        held = bytes(self._held)
        self._held.clear()
        return held
