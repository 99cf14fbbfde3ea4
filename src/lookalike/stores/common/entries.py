"""Entries as they are stored: checked, with their metadata and tags as JSON and their vectors as bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...errors import InputError
from ...limits import Limits
from ...records import Entry, Record, Space
from .checks import check_id, check_texts, checked_vectors, json_text, metadata_text


@dataclass(frozen=True)
class Prepared:
    """An entry that has passed all checks, as it will be stored; `vectors` by the place of their space."""

    entry: Entry
    metadata: str
    tags: str
    vectors: dict[int, bytes]

    def record(self) -> Record:
        """Return the record with metadata and tags as they are stored."""
        return replace(self.entry.record, metadata=json.loads(self.metadata), tags=tuple(json.loads(self.tags)))

    @property
    def spaces(self) -> int:
        """Bit n: it has a vector in the n-th space."""
        return sum(1 << place for place in self.vectors)


def prepare(entries: Sequence[Entry], spaces: Sequence[Space], limits: Limits) -> list[Prepared]:
    """Check entries and turn them into what is stored.

    Args:
        spaces: By place; one without a name was dropped.

    Raises:
        InputError: naming the record and what is wrong with it.
    """
    vectors: list[dict[int, bytes]] = [{} for _ in entries]
    known = {space.name: place for place, space in enumerate(spaces) if space.name}
    for entry in entries:
        check_id(entry.record.id, limits)
        check_texts(entry.record)
        for name in entry.vectors:
            if name not in known:
                raise InputError(f'"{entry.record.id}" has a vector "{name}"; there are: {", ".join(known)}.')
    for place, space in enumerate(spaces):
        holders = [n for n, entry in enumerate(entries) if space.name in entry.vectors]
        rows = [entries[n].vectors[space.name] for n in holders]
        for n, raw in zip(holders, encode(rows, space, [entries[n].record.id for n in holders]), strict=True):
            vectors[n][place] = raw
    return [
        Prepared(entry, metadata_text(entry.record.metadata, limits), json_text(list(entry.record.tags)), held)
        for entry, held in zip(entries, vectors, strict=True)
    ]


def encode(rows: Sequence[Any], space: Space, names: Sequence[str]) -> list[bytes]:
    """Check vectors, and return each as it is stored: fp16 little-endian, or the raw bytes.

    Args:
        names: What each vector is of, for the message.

    Raises:
        InputError: for vectors that cannot be stored in the space.
    """
    checked = checked_vectors(rows, space, names)
    return [row.tobytes() for row in (checked if space.metric == "hamming" else checked.astype("<f2"))]


def with_kept(batch: Sequence[Prepared], stored: Mapping[str, tuple[str, str]]) -> list[Prepared]:
    """Return entries with what each `keeps` of the record of its id, stored or earlier in the batch.

    Args:
        stored: Metadata and tags, as JSON, of the stored records by id.
    """
    held = dict(stored)
    found = []
    for each in batch:
        id, keeps = each.entry.record.id, each.entry.keeps
        if id in held and keeps:
            metadata, tags = held[id]
            each = replace(
                each,
                metadata=metadata if "metadata" in keeps else each.metadata,
                tags=tags if "tags" in keeps else each.tags,
            )
        held[id] = each.metadata, each.tags
        found.append(each)
    return found
