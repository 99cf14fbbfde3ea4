"""Groups: what makes two records one group, and the other members of the groups on a page.

A group is one value of a metadata field, compared as filters compare: 1 and 1.0 are one group, 1, "1" and true three.
A list or an object is a group by its whole value. A dotted path walks into objects, not into lists. A record without
the field, or with null there, is a group of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ...filters import parse_filter

if TYPE_CHECKING:
    from ...records import Record
    from ...stores import Records
    from .ranking import Ranking

_FIELDS_SHOWN = 20
_RECORDS_LOOKED_AT = 200  # to name the fields that there are


def group_of(record: Record, field: str) -> Hashable:
    """Return what is equal for two records exactly when they are of one group."""
    value = value_at(record, field)
    return ("alone", record.id) if value is None else _plain(value)


def value_at(record: Record, field: str) -> Any:
    """Return what a record holds under a dotted path; None where it holds nothing."""
    value: Any = record.metadata
    for name in field.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def others_of(
    store: Records,
    best: Sequence[Record],
    field: str,
    wanted: int,
    rank: Callable[[Any, int], Ranking],
) -> dict[str, list[tuple[Record, int, Ranking]]]:
    """Return, for each best record, by its id, up to `wanted` next best of its group, with their rows in a ranking.

    Args:
        rank: Ranks the records that also pass a filter, as far as is asked.
    """
    groups = {group_of(record, field): record for record in best if value_at(record, field) is not None}
    found: dict[str, list[tuple[Record, int, Ranking]]] = {record.id: [] for record in best}
    if not groups:
        return found
    condition = parse_filter({field: {"$in": [value_at(record, field) for record in groups.values()]}})
    asked = len(groups) * (wanted + 1)
    while True:
        ranking = rank(condition, asked)
        records = dict(ranking.records)
        if missing := [key for key in ranking.keys.tolist() if key not in records]:
            records |= store.records(missing)
        for others in found.values():
            others.clear()
        for row, key in enumerate(ranking.keys.tolist()):
            record = records.get(key)
            leader = groups.get(group_of(record, field)) if record is not None else None
            if record is not None and leader is not None and record.id != leader.id:
                found[leader.id].append((record, row, ranking))
        if ranking.is_complete or all(len(found[record.id]) >= wanted for record in groups.values()):
            return {id: others[:wanted] for id, others in found.items()}
        asked *= 4


def is_held(store: Records, field: str) -> bool:
    """Return whether any record has a field. Cost: a look at all records where none has it and it is not declared."""
    return next(store.scan(filter=parse_filter({field: {"$exists": True}})), None) is not None


def refuse_unknown(store: Records, field: str, *, asked_as: str = "group_by", or_one_of: Sequence[str] = ()) -> None:
    """Refuse a field that is not declared and that no record holds.

    Args:
        asked_as: What the caller called it.
        or_one_of: Words that may stand in place of a field.

    Raises:
        InputError: naming the fields that there are.
    """
    declared = store.spec.fields
    if field in declared or is_held(store, field):
        return
    records = list(islice(store.scan(), _RECORDS_LOOKED_AT))
    if not records:
        return
    known = {*declared, *(name for record in records for name in record.metadata)}
    names = ", ".join(sorted(known)[:_FIELDS_SHOWN]) or "none"
    words = f"Pass {', '.join(or_one_of)}, or a field. " if or_one_of else ""
    told = f'{asked_as}="{field[:80]}" is not a field of any record.'
    raise InputError(f"{told} {words}There are: {names}. Check the spelling.")


def _plain(value: Any) -> Hashable:
    match value:
        case bool():
            return ("boolean", value)
        case int() | float():
            return ("number", value)
        case list() | tuple():
            return ("list", tuple(map(_plain, value)))
        case Mapping():
            return ("object", frozenset((name, _plain(one)) for name, one in value.items()))
    return ("text", value)
