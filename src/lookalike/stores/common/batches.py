"""The rules of a batch: which of its entries are written, which of its moves are carried out, what a revision makes."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace as replaced
from typing import Unpack

from ...errors import InputError
from ...pictures import Facts
from ...records import Record
from ..base import Changes, Move, Refused, Replace
from .entries import Prepared

_MOST_PATHS = 4  # that a record was at


def check_replace(replace: str) -> None:
    """Refuse a word that does not say what may be replaced."""
    if replace not in ("any", "same_source", "none"):
        raise InputError(f'replace={replace!r} is unknown: pass "any", "same_source" or "none".')


def choose_writes(
    batch: Sequence[Prepared], held: Mapping[str, str | None], replace: Replace
) -> tuple[dict[str, Prepared], list[Refused]]:
    """Go through a batch in order: return what is written at last for each id, and what may not be.

    Args:
        held: The stored ids of the batch, with the sources of their records.
    """
    chosen: dict[str, Prepared] = {}
    sources = dict(held)
    refused = []
    for each in batch:
        id, source = each.entry.record.id, each.entry.record.source
        may = id not in sources or replace == "any" or (replace == "same_source" and sources[id] == source)
        if may:
            sources[id] = source
            chosen[id] = each
        else:
            refused.append(Refused(id, source, sources[id]))
    return chosen, refused


def choose_moves(moves: Sequence[Move], held: Container[str]) -> list[Move]:
    """Choose the moves whose new ids are free, or are left by another of them; of two to one id, the first.

    A record that keeps its id comes before those that want it.

    Args:
        held: The ids that are in use.
    """
    chosen: dict[str, Move] = {}
    targets: set[str] = set()
    for one in sorted(moves, key=lambda one: one.seen.id != one.id):
        if one.seen.id not in chosen and one.id not in targets:
            chosen[one.seen.id] = one
            targets.add(one.id)
    while blocked := [one for one in chosen.values() if one.id in held and one.id not in chosen]:
        for one in blocked:
            del chosen[one.seen.id]
    return list(chosen.values())


def facts_after(move: Move, facts: Facts) -> Facts:
    """Return the facts of a record that is moved: with the source that it leaves."""
    if move.seen.source in (None, move.source):
        return facts
    return replaced(facts, was_at=(*facts.was_at, str(move.seen.source))[-_MOST_PATHS:])


def revised(held: Record, **changes: Unpack[Changes]) -> Record:
    """Return a record with the metadata and tags that changes give it; see `Records.revise`."""
    metadata, tags, fill = changes.get("metadata"), changes.get("tags"), changes.get("fill")
    unset, is_replaced = changes.get("unset", ()), metadata is not None and changes.get("replace", False)
    fields = {**({} if is_replaced else held.metadata), **(metadata or {})}
    kept = {**(fill or {}), **{name: value for name, value in fields.items() if name not in unset}}
    words = held.tags if tags is None else tuple(tags)
    if more := changes.get("more_tags"):
        words = tuple(dict.fromkeys((*words, *more)))
    return replaced(held, metadata=kept, tags=words)
