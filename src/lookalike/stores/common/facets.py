"""Facets: which values the metadata fields hold, and how often; what people filter by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...answers import Facet, Scalar

MAX_FIELDS = 100  # more have no place on a screen
_NUMBERS = (int, float)
_VALUES = (str, int, float, bool)
_MAX_VALUES = 10_000  # of one field that are told apart, so that memory stays bounded


def count_facets(
    rows: Iterable[tuple[Mapping[str, Any], Sequence[str]]],
    *,
    limit: int,
    field: str | None = None,
    contains: str | None = None,
) -> list[Facet]:
    """Count the values of all top-level fields, the most frequent field first. A list counts by its elements.

    Args:
        rows: Metadata and tags of each record.
        limit: Values of each field at most.
        field: Only this one; "tags" for the tags.
        contains: Only values whose text holds this, in whatever case. The other figures of a field stay those of all.

    Cost: reads every record; memory for the values of the first 100 fields.
    """
    tallies: dict[str, _Tally] = {}

    def tally_of(name: str) -> _Tally | None:
        if field is not None and name != field:
            return None
        if name not in tallies and len(tallies) < MAX_FIELDS:
            tallies[name] = _Tally()
        return tallies.get(name)

    for metadata, tags in rows:
        for name, held in metadata.items():
            tally = tally_of(name)
            if tally is not None:
                tally.add(held)
        if tags and (tally := tally_of("tags")) is not None:
            tally.add(tags)
    facets = [tally.facet(name, limit, contains) for name, tally in tallies.items() if tally.records]
    return sorted(facets, key=lambda facet: (-facet.records, facet.field))


@dataclass
class _Tally:
    records: int = 0
    counts: dict[tuple[type, Scalar], int] = field(default_factory=dict)  # by type, too: 1, 1.0 and true are equal
    minimum: float | None = None
    maximum: float | None = None

    def add(self, held: Any) -> None:
        """Count what one record holds: a value, or a list by its elements, each once."""
        kind = type(held)
        if kind in _NUMBERS:
            self.minimum = held if self.minimum is None or held < self.minimum else self.minimum
            self.maximum = held if self.maximum is None or held > self.maximum else self.maximum
        if kind in _VALUES:
            self.records += 1
            self._count(kind, held)
        elif isinstance(held, list | tuple):
            self._add_elements(held)

    def _add_elements(self, held: Sequence[Any]) -> None:
        values = {(type(value), value) for value in held if type(value) in _VALUES}
        numbers = [value for kind, value in values if kind in _NUMBERS]
        if numbers:
            self.minimum = min(numbers if self.minimum is None else [self.minimum, *numbers])
            self.maximum = max(numbers if self.maximum is None else [self.maximum, *numbers])
        self.records += bool(values)
        for kind, value in values:
            self._count(kind, value)

    def _count(self, kind: type, value: Scalar) -> None:
        key = (kind, value)
        if key in self.counts:
            self.counts[key] += 1
        elif len(self.counts) < _MAX_VALUES:
            self.counts[key] = 1

    def facet(self, name: str, limit: int, contains: str | None) -> Facet:
        ranked = sorted(self.counts.items(), key=lambda pair: (-pair[1], pair[0][0].__name__, pair[0][1]))
        if contains is not None:
            wanted = contains.casefold()
            ranked = [pair for pair in ranked if wanted in str(pair[0][1]).casefold()]
        values = tuple((value, count) for (_, value), count in ranked[:limit])
        return Facet(name, self.records, values, len(self.counts), self.minimum, self.maximum)
