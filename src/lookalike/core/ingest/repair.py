"""Repair of damaged records: what of them can be made anew from the very bytes that were indexed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import LookalikeError, StoreDamagedError
from ...pictures import Bytes
from .local_files import path_of
from .pipeline import Item

if TYPE_CHECKING:
    from ...records import Entry, Record
    from ...stores import Store


def repair(store: Store, encode: Callable[[Item], Entry]) -> list[str]:
    """Bring a store up to date, make anew what can be made anew, and say what was done."""
    found = store.examine()
    done, made = [], []
    if found.is_old or found.unsummed:
        store.repair()
    if found.is_old:
        done.append("every row has its checksum now")
    for id in found.unsummed:
        if id not in found.damaged:
            done.append(
                f'record "{id}" had lost its checksum and has one of what stands there now: see that it is right'
            )
    for id, harms in found.damaged.items():
        record = store.get([id]).get(id)
        if record is None or any(harm.part == "record" for harm in harms):
            continue
        try:
            entry = _encoded(store, record, encode)
        except (LookalikeError, OSError):
            continue
        if entry is not None:
            store.revise(id, entry=entry, seen=record)
            made.append(id)
    left = store.examine().damaged if made else {}
    return [*done, *(f'record "{id}" was made anew from its picture' for id in made if id not in left)]


def _encoded(store: Store, record: Record, encode: Callable[[Item], Entry]) -> Entry | None:
    """Encode a record's picture again; None where its very bytes are not to be had."""
    data = _bytes(store, record)
    if data is None or hashlib.sha256(data).hexdigest() != record.content_hash:
        return None
    entry = encode(Item(Bytes(data), record.source or "", record.id, stamp=record.stamp))
    return replace(entry, record=replace(entry.record, source=record.source, stamp=record.stamp))


def _bytes(store: Store, record: Record) -> bytes | None:
    try:
        original = store.original(record.id)
    except StoreDamagedError:
        original = None
    path = path_of(record)
    return original if original is not None or path is None else Path(path).read_bytes()
