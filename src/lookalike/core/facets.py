"""Facets: which values the metadata fields hold, and how often; what people filter by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..values import Record

Value = str | int | float | bool

MAX_FIELDS = 100  # more have no place on a screen
_MAX_VALUES = 10_000  # of one field that are told apart, so that memory stays bounded


@dataclass(frozen=True)
class Facet:
    """The values of one metadata field, or of the tags.

    Attributes:
        field: The field's name; "tags" for the tags.
        records: How many records hold it.
        values: The most frequent values with their number of records; ties by value.
        distinct: How many different values there are; those beyond 10,000 are not told apart.
        minimum: The smallest number, where a record holds one.
        maximum: The largest.
    """

    field: str
    records: int
    values: tuple[tuple[Value, int], ...]
    distinct: int
    minimum: float | None
    maximum: float | None


def count_facets(records: Iterable[Record], *, limit: int) -> list[Facet]:
    """Count the values of all top-level fields, the most frequent field first. A list counts by its elements.

    Cost: reads every record; memory for the values of the first 100 fields.
    """
    tallies: dict[str, _Tally] = {}
    for record in records:
        for name, held in _fields(record):
            if name not in tallies and len(tallies) < MAX_FIELDS:
                tallies[name] = _Tally()
            if name in tallies:
                tallies[name].add(held)
    facets = [tally.facet(name, limit) for name, tally in tallies.items() if tally.records]
    return sorted(facets, key=lambda facet: (-facet.records, facet.field))


@dataclass
class _Tally:
    records: int = 0
    counts: Counter[tuple[str, Value]] = field(default_factory=Counter)  # by type, too: 1, 1.0 and true are equal
    minimum: float | None = None
    maximum: float | None = None

    def add(self, held: list[Value]) -> None:
        self.records += bool(held)
        for value in held:
            key = (type(value).__name__, value)
            if key in self.counts or len(self.counts) < _MAX_VALUES:
                self.counts[key] += 1
            if isinstance(value, int | float) and not isinstance(value, bool):
                self.minimum = value if self.minimum is None else min(self.minimum, value)
                self.maximum = value if self.maximum is None else max(self.maximum, value)

    def facet(self, name: str, limit: int) -> Facet:
        ranked = sorted(self.counts.items(), key=lambda pair: (-pair[1], pair[0]))
        values = tuple((value, count) for (_, value), count in ranked[:limit])
        return Facet(name, self.records, values, len(self.counts), self.minimum, self.maximum)


def _fields(record: Record) -> Iterator[tuple[str, list[Value]]]:
    """Give each field of a record with its values, each once: those of a list, or the one."""
    for name, held in record.metadata.items():
        yield name, _values(held if isinstance(held, list | tuple) else [held])
    if record.tags:
        yield "tags", _values(record.tags)


def _values(held: Iterable[Any]) -> list[Value]:
    known = {(type(value), value): value for value in held if isinstance(value, str | int | float)}
    return list(known.values())
