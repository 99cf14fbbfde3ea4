"""Filters as SQL; rows that SQL is unsure of go to the reference evaluator.

A condition on a field becomes a few plain comparisons of the *value* at its path, an expression that an index can
hold (see json_fields.py). The value of a row is one of

    NULL                 the path reaches nothing
    an integer, a text   as they are; a real that is written as a whole number (5.0) is an integer
    a real               as SQLite reads it, which may be off by a rounding, but is not a whole number
    x'00' x'01' x'02'    false, true, null
    x'03' x'04'          a list, an object
    x'ff'                unsure: SQLite might read this row otherwise than JSON means it

so that SQL compares within kinds, as filters do: numbers sort before texts, and texts before blobs. Three things are
asked of the reference evaluator (`asked`, a function that judges one condition on one row by `Condition.accepts`): rows
that are unsure, reals that are within a rounding of the operand, and tests that have no form in SQL. Hence the answer
is that of the reference evaluator, always; what SQL can say decides only how fast.
"""

# ruff: noqa: S608 - the expressions are those of json_fields.py; values are bound
from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from ...conditions import Among, And, Condition, Equal, Exists, Field, Not, Order, Regex, Size, Test, kind_of
from ...filters import Filter, parse_filter
from .json_fields import ARRAY, FALSE, NULL, OBJECT, TRUE, UNSURE, JsonField, json_field

_MOST_FIELDS = 50  # above this the whole filter is asked: SQLite bounds the length and the depth of a statement
_MOST_BOUNDS = 8  # numbers of `$in` that are looked at one by one
_INTEGERS = range(-(2**63), 2**63)
_ROUNDING = 1e-14  # relative; SQLite promises 15 digits when it reads a real


@dataclass(frozen=True)
class Where:
    """An SQL condition on `records`, with the values of its question marks.

    Attributes:
        alternatives: The conditions of which one must hold, where it is made of such. Asked one by one, each is
            answered by an index alone; joined by OR, SQLite looks up the row of every hit.
    """

    text: str
    values: tuple[Any, ...] = ()
    alternatives: tuple[Where, ...] = ()


_NEVER, _ALWAYS = Where("0"), Where("1")


@lru_cache(maxsize=256)
def where(filter: Filter, indexed: frozenset[str] = frozenset()) -> Where:
    """Translate a filter; a connection that runs the outcome must have been given to `register`.

    Args:
        indexed: Fields that have an index. Conditions on them are said so that it serves; those on others so that
            the value is read once for each row, which takes half the time.
    """
    return where_part(filter, filter.condition, indexed)


def can_be_parted(filter: Filter) -> bool:
    """Whether the conditions of which a filter is made can be translated one by one."""
    return sum(1 for _ in fields_of(filter.condition)) <= _MOST_FIELDS


def where_part(filter: Filter, part: Condition, indexed: frozenset[str]) -> Where:
    """Translate one of the conditions of which a filter is made; the whole, where it cannot be parted."""
    if not can_be_parted(filter):
        return _asked(filter, -1)
    numbers = {id(field): number for number, field in enumerate(fields_of(filter.condition))}
    return _translate(part, lambda field: _field(field, _asked(filter, numbers[id(field)]), indexed))


def where_between(filter: Filter, lower: Field, upper: Field, indexed: frozenset[str]) -> Where:
    """Translate two bounds of one field together, so that an index reads what lies between them and no more.

    The first alternative of a bound is what is clear of it; the others are its edge, lists, and rows that are unsure.
    """
    low, high = (where_part(filter, bound, indexed) for bound in (lower, upper))
    place = json_field(lower.path)
    if place is None or not (low.alternatives and high.alternatives):
        return _all(low, high)
    edges = [*(_all(each, high) for each in low.alternatives[1:]), *(_all(each, low) for each in high.alternatives[1:])]
    return _any(_between(place.value, lower.test, upper.test), *edges)  # type: ignore[arg-type]  # both are an Order


def _between(value: str, lower: Order, upper: Order) -> Where:
    """Translate: the value is clear of both bounds."""
    if isinstance(lower.operand, str) or isinstance(upper.operand, str):
        return Where(f"{value} {lower.operator} ? AND {value} {upper.operator} ?", (lower.operand, upper.operand))
    return Where(f"{value} > ? AND {value} < ?", (_around(lower.operand)[1], _around(upper.operand)[0]))


def bounds_in(condition: And) -> tuple[list[tuple[Field, Field]], list[Condition]]:
    """Split a conjunction into pairs that bound a field from both sides, within one kind, and all other parts."""
    bounds: dict[tuple[Any, ...], dict[str, Field]] = {}
    others: list[Condition] = []
    for part in condition.parts:
        if isinstance(part, Field) and isinstance(part.test, Order):
            sides = bounds.setdefault((part.path, kind_of(part.test.operand)), {})
            side = part.test.operator[0]
            if side not in sides:
                sides[side] = part
                continue
        others.append(part)
    pairs = [(sides[">"], sides["<"]) for sides in bounds.values() if len(sides) == 2]
    return pairs, [*others, *(field for sides in bounds.values() if len(sides) == 1 for field in sides.values())]


def is_indexed(condition: Condition, indexed: frozenset[str]) -> bool:
    """Whether all that a condition asks for is in an index."""
    return all(".".join(field.path) in indexed for field in fields_of(condition))


def register(conn: sqlite3.Connection) -> None:
    """Register the functions that conditions call on a connection."""
    conn.create_function("lookalike_accepts", 5, _accepts, deterministic=True)
    conn.create_function("lookalike_finds", 3, _finds, deterministic=True)


def document_of(metadata: str, tags: str, id: str) -> dict[str, Any]:
    """Return what `Record.document` gives, from the columns of a row."""
    return {**json.loads(metadata), "_id": id, "tags": json.loads(tags)}


def _accepts(text: bytes, number: int, metadata: str, tags: str, id: str) -> bool:
    return _conditions(text)[number].accepts(document_of(metadata, tags, id))


def _finds(pattern: str, options: str, value: Any) -> bool:
    return isinstance(value, str) and Regex(pattern, options).finds(value)


@lru_cache(maxsize=256)
def _conditions(text: bytes) -> tuple[Condition, ...]:
    """Return the conditions on fields of a filter, and the whole filter as the last."""
    condition = parse_filter(text.decode("utf-8", "surrogatepass")).condition
    return (*fields_of(condition), condition)


def fields_of(condition: Condition) -> Iterator[Field]:
    """Return the conditions on fields in the order in which they stand; not those within `$elemMatch`."""
    if isinstance(condition, Field):
        yield condition
    else:
        for part in (condition.part,) if isinstance(condition, Not) else condition.parts:
            yield from fields_of(part)


def _translate(condition: Condition, field: Callable[[Field], Where]) -> Where:
    if isinstance(condition, Field):
        return field(condition)
    if isinstance(condition, Not):
        part = _translate(condition.part, field)
        # CASE takes NULL, a comparison with what is not there, for false, and unlike NOT it stops at the first
        # part that decides: what is asked stays rare
        return Where(f"CASE WHEN {part.text} THEN 0 ELSE 1 END", part.values)
    parts = [_translate(part, field) for part in condition.parts]
    return _all(*parts) if isinstance(condition, And) else _any(*parts)


def _field(field: Field, asked: Where, indexed: frozenset[str]) -> Where:
    """Translate the condition on one field; `asked` asks the reference evaluator for it."""
    place = json_field(field.path)
    if place is None or not _is_sayable(field.test):
        return asked
    if place.column == "id" and isinstance(field.test, Order) and not isinstance(field.test.operand, str):
        return _NEVER  # SQLite would take the number for a text
    if place.column != "metadata" or ".".join(field.path) in indexed:
        return _any(_test(field.test, place, asked), _all(Where(f"{place.value} = {UNSURE}"), asked))
    once = replace(place, value="v")
    told = _any(_test(field.test, once, asked), _all(Where(f"v = {UNSURE}"), asked))
    return Where(f"EXISTS (SELECT 1 FROM (SELECT {place.value} AS v) WHERE {told.text})", told.values)


def _is_sayable(test: Test) -> bool:
    """Whether the operands can be bound: SQLite knows no integers over 64 bits, and no halves of surrogate pairs."""
    operands: Sequence[Any] = ()
    if isinstance(test, Equal):
        operands = (test.value,)
    elif isinstance(test, Among):
        operands = test.values
    elif isinstance(test, Order):
        operands = (test.operand,)
    elif isinstance(test, Size):
        operands = (test.count,)
    return all(map(_is_bindable, operands))


def _is_bindable(operand: Any) -> bool:
    if isinstance(operand, int):
        return operand in _INTEGERS
    return not isinstance(operand, str) or operand == operand.encode("utf-8", "replace").decode()


def _test(test: Test, place: JsonField, asked: Where) -> Where:
    """Translate a test of the value at a place, for rows that are not unsure."""
    value = place.value
    if isinstance(test, Exists):
        return Where(f"{value} < {UNSURE}")  # the greatest of all: an index serves, as it would not for IS NOT NULL
    if isinstance(test, Size):
        return _all(Where(f"{value} = {ARRAY}"), Where(f"{place.length} = ?", (test.count,)))
    if isinstance(test, Equal | Among | Order | Regex):
        element = _any(
            _scalar(test, place.element, asked), Where(f"{place.element} = {UNSURE} AND {asked.text}", asked.values)
        )
        some = Where(f"EXISTS (SELECT 1 FROM {place.elements} AS e WHERE {element.text})", element.values)
        missing = Where(f"{value} IS NULL") if _accepts_null(test) else _NEVER
        return _any(_scalar(test, value, asked), missing, _all(Where(f"{value} = {ARRAY}"), some))
    return _all(Where(f"{value} = {ARRAY}"), asked)


def _accepts_null(test: Test) -> bool:
    return (isinstance(test, Equal) and test.value is None) or (isinstance(test, Among) and None in test.values)


def _scalar(test: Equal | Among | Order | Regex, value: str, asked: Where) -> Where:
    """Translate a test of one value that is there."""
    if isinstance(test, Equal):
        return _among((test.value,), value, asked)
    if isinstance(test, Among):
        return _among(test.values, value, asked)
    if isinstance(test, Regex):
        return Where(f"lookalike_finds(?, ?, {value})", (test.pattern, test.options))
    if isinstance(test.operand, str):
        bounds = f"{value} >= ''" if test.operator.startswith("<") else f"{value} < x''"
        return Where(f"{value} {test.operator} ? AND {bounds}", (test.operand,))
    return _order(test, value, asked)


def _order(test: Order, value: str, asked: Where) -> Where:
    """Translate a comparison with a number."""
    number: Any = test.operand
    low, high = _around(number)
    clear = (
        Where(f"{value} < ?", (low,))
        if test.operator.startswith("<")
        else Where(f"{value} > ? AND {value} < ''", (high,))
    )
    integer = Where(f"typeof({value}) = 'integer' AND {value} {test.operator} ?", (number,))
    equal = _is_one_of(value, [int(number)]) if test.operator.endswith("=") and _is_integral(number) else _NEVER
    return _any(clear, equal, _near(number, value, _any(integer, _real(value, asked))))


def _among(wanted: Sequence[Any], value: str, asked: Where) -> Where:
    """Translate: the value is one of the wanted. Lists and objects are asked."""
    kinds = {kind: [one for one in wanted if kind_of(one) == kind] for kind in set(map(kind_of, wanted))}
    parts = [Where(f"{value} = {TRUE if one else FALSE}") for one in kinds.get("boolean", ())]
    if "null" in kinds:
        parts.append(Where(f"{value} = {NULL}"))
    if "text" in kinds:
        parts.append(_is_one_of(value, kinds["text"]))
    if "number" in kinds:
        parts.append(_among_numbers(kinds["number"], value, asked))
    if "list" in kinds:
        parts.append(_all(Where(f"{value} = {ARRAY}"), asked))
    if "object" in kinds:
        parts.append(_all(Where(f"{value} = {OBJECT}"), asked))
    return _any(*parts)


def _among_numbers(wanted: Sequence[Any], value: str, asked: Where) -> Where:
    integers = [int(one) for one in wanted if _is_integral(one)]
    equal = _is_one_of(value, integers) if integers else _NEVER
    if len(wanted) <= _MOST_BOUNDS:
        return _any(equal, *(_near(one, value, _real(value, asked)) for one in wanted))
    bounds = (_around(min(wanted))[0], _around(max(wanted))[1])
    return _any(equal, _all(Where(f"{value} BETWEEN ? AND ?", bounds), _real(value, asked)))


def _is_integral(number: float) -> bool:
    return number == int(number) and int(number) in _INTEGERS


def _near(number: float, value: str, meets: Where) -> Where:
    """Translate: the value is within a rounding of a number, not the very integer, and meets a condition."""
    near = Where(f"{value} BETWEEN ? AND ?", _around(number))
    if _is_integral(number):
        near = _all(near, Where(f"{value} <> ?", (int(number),)))
    return _all(near, meets)


def _real(value: str, asked: Where) -> Where:
    return _all(Where(f"typeof({value}) = 'real'"), asked)


def _is_one_of(value: str, wanted: Sequence[Any]) -> Where:
    if len(wanted) == 1:
        return Where(f"{value} = ?", (wanted[0],))
    text = json.dumps([one for one in wanted if isinstance(one, int) or _is_plain(one)], ensure_ascii=False)
    return Where(f"{value} IN (SELECT value FROM json_each(?))", (text,))


def _is_plain(text: str) -> bool:
    """Whether JSON holds a text without an escape; other texts stand only in rows that are unsure."""
    return "\\" not in json.dumps(text, ensure_ascii=False)


def _around(number: float) -> tuple[float, float]:
    """Return the bounds within which SQLite may read a real that is this number."""
    margin = abs(float(number)) * _ROUNDING + 1e-300
    return float(number) - margin, float(number) + margin


def _asked(filter: Filter, number: int) -> Where:
    return Where("lookalike_accepts(?, ?, metadata, tags, id)", (filter.text.encode("utf-8", "surrogatepass"), number))


def _all(*parts: Where) -> Where:
    return _join(" AND ", [part for part in parts if part != _ALWAYS], _ALWAYS, _NEVER)


def _any(*parts: Where) -> Where:
    told = [part for part in parts if part != _NEVER]
    joined = _join(" OR ", told, _NEVER, _ALWAYS)
    if len(told) < 2 or joined == _ALWAYS:
        return joined
    return replace(joined, alternatives=tuple(each for part in told for each in part.alternatives or (part,)))


def _join(word: str, parts: Sequence[Where], empty: Where, ends: Where) -> Where:
    if not parts:
        return empty
    if ends in parts:
        return ends
    if len(parts) == 1:
        return parts[0]
    return Where(f"({word.join(part.text for part in parts)})", tuple(v for part in parts for v in part.values))
