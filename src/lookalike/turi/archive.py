"""Saved tables and models: a folder with Arrow files and one description, replaced by one rename.

    model/
      archive.json               kind, version, fields, and the file of each table
      references-5f1c....arrow   a table; a new one is written beside it before the description changes

Nothing in it is executed when it is read: numbers, text and bytes only.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from .. import disk
from .toolkits._main import ToolkitError

VERSION = 1

_DESCRIPTION = "archive.json"


@dataclass(frozen=True)
class Archive:
    """What a folder holds: its kind ("sframe", "image_similarity"), fields of plain JSON, and tables by name."""

    kind: str
    fields: Mapping[str, Any]
    tables: Mapping[str, pa.Table]


def write(location: str | os.PathLike[str], archive: Archive) -> None:
    """Save to a folder, made or replaced as a whole; interrupted, it holds what it held before.

    Raises:
        OSError: when it cannot be written, or holds something that is not an archive.
    """
    folder = Path(location).expanduser()
    _check_free(folder)
    disk.make_folder(folder)
    files = {name: f"{name}-{uuid.uuid4().hex}.arrow" for name in archive.tables}
    for name, table in archive.tables.items():
        with open(folder / files[name], "xb") as file:
            with pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table, max_chunksize=4096)
            disk.sync_stream(file)
    described = {"kind": archive.kind, "version": VERSION, "fields": archive.fields, "tables": files}
    disk.replace_text(folder / _DESCRIPTION, json.dumps(described, indent=2))
    for old in folder.glob("*.arrow"):
        if old.name not in files.values():
            disk.remove_file(old)


def read(location: str | os.PathLike[str], kind: str) -> Archive:
    """Read what `write` saved; tables stay on disk until their rows are asked for.

    Raises:
        OSError: when there is no archive.
        ToolkitError: when it is of another kind, of a later version, or damaged.
    """
    folder = Path(location).expanduser()
    if not (folder / _DESCRIPTION).is_file():
        raise OSError(f'"{location}" holds nothing saved by lookalike.turi. Check the spelling, or save it again.')
    try:
        described = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
        found, version = described["kind"], int(described["version"])
        if version > VERSION:
            raise ToolkitError(f'"{location}" was saved by a later lookalike (version {version}). Update lookalike.')
        if found != kind:
            raise ToolkitError(f'"{location}" holds a saved {found}, not a {kind}: load it as what it is.')
        tables = {name: _read_table(folder / Path(file).name) for name, file in described["tables"].items()}
        return Archive(kind, described["fields"], tables)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as exc:
        raise ToolkitError(f'"{location}" is damaged ({exc}). Save it again.') from exc


def _check_free(folder: Path) -> None:
    """Refuse to write into a folder that may be somebody's: only archives and empty folders are replaced."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _DESCRIPTION).is_file():
        raise FileExistsError(f'"{folder}" holds other files, which saving would mix with. Name a new folder.')
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f'"{folder}" is a file. Name a new folder.')


def _read_table(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as file:
        table = pa.ipc.open_file(file).read_all()
    table.validate(full=True)
    return table
