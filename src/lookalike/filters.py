"""The filter language: Mongo-style conditions, parsed once, and their plain meaning on one document.

`Filter.accepts` is the reference evaluator: a store that translates a filter into its own query must agree with it.

    {"category": "shoes", "price": {"$lt": 50}, "$or": [{"color": "red"}, {"tags": "sale"}]}

A field matches when its value does, or, where the value is a list, when one element does. A dotted path walks
into objects, into each object of a list, and by number into a list. Values are compared within their kind only:
a number is never less than a text. A field that is missing equals null, differs from everything else, and is
neither less nor greater than anything. Regexes are those of RE2: they take time linear in the text, whatever they say.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .arguments import plain_json
from .conditions import (
    Among,
    And,
    Condition,
    Element,
    Equal,
    Exists,
    Field,
    Not,
    Or,
    Order,
    Regex,
    Size,
    Test,
    compiled,
    kind_of,
)
from .errors import FilterError, in_json

MAX_DEPTH = 20  # nested conditions; deeper ones are a mistake or an attack
MAX_REGEX_CHARS = 500
MAX_VALUES = 10_000  # of all lists and objects together: each is looked at for each record
MAX_CHARS = 1_000_000  # of the whole filter as JSON
MAX_REGEXES = 100  # each is compiled, and takes some 10 KB
_ORDERS: Mapping[str, Literal["<", "<=", ">", ">="]] = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_END = object()
_JOINS = ("$and", "$or", "$nor")
_FIELD_OPERATORS = (
    "$eq", "$ne", *_ORDERS, "$in", "$nin", "$exists", "$not", "$all", "$elemMatch", "$regex", "$options", "$size",
)  # fmt: skip


@dataclass(frozen=True)
class Filter:
    """A condition on a record's metadata; equal filters compare and hash equal.

    Attributes:
        text: The filter as canonical JSON.
        condition: Its meaning, for stores to translate.
    """

    text: str
    condition: Condition = field(repr=False, compare=False)

    def accepts(self, document: Mapping[str, Any]) -> bool:
        """Return whether a document (`Record.document()`) meets the condition.

        Example:
            >>> parse_filter({"price": {"$gte": 10}}).accepts({"price": [3, 12]})
            True
        """
        return self.condition.accepts(document)


def parse_filter(condition: Mapping[str, Any] | str) -> Filter:
    """Read a filter from a mapping or from JSON text.

    Raises:
        FilterError: for an unknown operator, a wrong type or a bad regex; the message names the place.

    Example:
        >>> parse_filter({"a": {"$gtt": 1}})
        Traceback (most recent call last):
        ...
        lookalike.errors.FilterError: unknown operator "$gtt" at a. Known: $eq, $ne, $gt, $gte, $lt, $lte, $in, \
$nin, $exists, $not, $all, $elemMatch, $regex, $options, $size.
    """
    if isinstance(condition, str):
        if len(condition) > MAX_CHARS:
            raise _too_large()
        try:
            condition = json.loads(condition)
        except ValueError as exc:
            raise FilterError(f'the filter is not JSON: {exc}. Write it like {{"color": "red"}}.', place="") from exc
        except RecursionError as exc:
            raise _too_deep("") from exc
    if not isinstance(condition, Mapping):
        raise _wrong("", 'an object such as {"color": "red"}', condition)
    _check_size(condition)
    try:
        condition, text = plain_json(condition, sort_keys=True)
    except (TypeError, ValueError) as exc:
        raise FilterError(f"the filter holds a value that JSON has no form for: {exc}.", place="") from exc
    except RecursionError as exc:
        raise _too_deep("") from exc
    if len(text) > MAX_CHARS:
        raise _too_large()
    return Filter(text, _parse_document(json.loads(text), "", 0))


def _parse_document(condition: Any, place: str, depth: int) -> Condition:
    if not isinstance(condition, Mapping):
        raise _wrong(place, "an object of conditions", condition)
    if depth > MAX_DEPTH:
        raise _too_deep(place)
    return _all(_parse_member(name, value, _join(place, name), depth) for name, value in condition.items())


def _parse_member(name: str, value: Any, place: str, depth: int) -> Condition:
    if name in _JOINS:
        return _parse_join(name, value, place, depth)
    if name == "$not":
        return Not(_parse_document(value, place, depth + 1))
    if name.startswith("$"):
        known = ", ".join((*_JOINS, "$not"))
        raise FilterError(f'unknown operator "{name}" at {place}. Known here: {known}.', place=place)
    return _parse_field(tuple(name.split(".")), value, place, depth)


def _parse_join(name: str, value: Any, place: str, depth: int) -> Condition:
    if not isinstance(value, list) or not value:
        raise _wrong(place, "a list of at least one filter", value)
    parts = tuple(_parse_document(part, f"{place}[{i}]", depth + 1) for i, part in enumerate(value))
    if name == "$and":
        return _all(parts)
    return Or(parts) if name == "$or" else Not(Or(parts))


def _parse_field(path: tuple[str, ...], value: Any, place: str, depth: int) -> Condition:
    """Read what stands behind a field: operators, or a plain value that it must equal."""
    if not (isinstance(value, Mapping) and any(key.startswith("$") for key in value)):
        return Field(path, Equal(value))
    if depth > MAX_DEPTH:
        raise _too_deep(place)
    for name in value:
        if name not in _FIELD_OPERATORS:
            known = ", ".join(_FIELD_OPERATORS)
            raise FilterError(f'unknown operator "{name}" at {place}. Known: {known}.', place=place)
    if "$options" in value and "$regex" not in value:
        raise FilterError(f'"$options" at {place} stands without "$regex".', place=place)
    return _all(
        _parse_operator(path, name, operand, _join(place, name), depth, value)
        for name, operand in value.items()
        if name != "$options"
    )


def _parse_operator(
    path: tuple[str, ...], name: str, operand: Any, place: str, depth: int, siblings: Mapping[str, Any]
) -> Condition:
    if name == "$ne":
        return Not(Field(path, Equal(operand)))
    if name == "$nin":
        return Not(Field(path, Among(_parse_list(operand, place))))
    if name == "$all":
        values = _parse_list(operand, place)
        return _all(Field(path, Equal(value)) for value in values) if values else Or(())
    if name == "$exists":
        if not isinstance(operand, bool):
            raise _wrong(place, "true or false", operand)
        return Field(path, Exists()) if operand else Not(Field(path, Exists()))
    if name == "$not":
        if not (isinstance(operand, Mapping) and operand and all(key.startswith("$") for key in operand)):
            raise _wrong(place, 'operators such as {"$gt": 5}', operand)
        return Not(_parse_field(path, operand, place, depth + 1))
    return Field(path, _parse_test(name, operand, place, depth, siblings))


def _parse_test(name: str, operand: Any, place: str, depth: int, siblings: Mapping[str, Any]) -> Test:
    if name == "$eq":
        return Equal(operand)
    if name == "$in":
        return Among(_parse_list(operand, place))
    if name in _ORDERS:
        if kind_of(operand) not in ("number", "text"):
            raise _wrong(place, "a number or a text", operand)
        return Order(_ORDERS[name], operand)
    if name == "$size":
        if isinstance(operand, bool) or not isinstance(operand, int) or operand < 0:
            raise _wrong(place, "a whole number of 0 or more", operand)
        return Size(operand)
    if name == "$regex":
        return _parse_regex(operand, siblings.get("$options", ""), place)
    return _parse_element(operand, place, depth)


def _parse_list(operand: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(operand, list):
        raise _wrong(place, "a list of values", operand)
    return tuple(operand)


def _parse_regex(operand: Any, options: Any, place: str) -> Regex:
    if not isinstance(operand, str) or len(operand) > MAX_REGEX_CHARS:
        raise _wrong(place, f"a regex of at most {MAX_REGEX_CHARS} characters", operand)
    if not isinstance(options, str) or set(options) - set("ims"):
        raise _wrong(place, '"$options" of the letters i, m and s', options)
    import re2

    try:
        compiled(operand, options)
    except (re2.error, UnicodeEncodeError) as exc:
        reason = exc.args[0].decode() if isinstance(exc, re2.error) else "it holds half a surrogate pair"
        raise FilterError(
            f"the regex at {place} does not compile: {reason}. Regexes are those of RE2: they cannot hang, and know "
            "neither look-arounds nor backreferences.",
            place=place,
        ) from exc
    return Regex(operand, options)


def _parse_element(operand: Any, place: str, depth: int) -> Element:
    if not isinstance(operand, Mapping) or not operand:
        raise _wrong(place, "an object of conditions", operand)
    if _tests_elements(operand):
        return Element(_parse_field((), operand, place, depth + 1), of_objects=False)
    return Element(_parse_document(operand, place, depth + 1), of_objects=True)


def _tests_elements(operand: Any) -> bool:
    """Whether the condition of `$elemMatch` is on the elements themselves, and not on fields of theirs."""
    return isinstance(operand, Mapping) and any(
        _tests_elements(value) if key == "$not" else key.startswith("$") and key not in _JOINS
        for key, value in operand.items()
    )


def _all(conditions: Iterable[Condition]) -> Condition:
    parts = tuple(conditions)
    return parts[0] if len(parts) == 1 else And(parts)


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _wrong(place: str, expected: str, seen: Any) -> FilterError:
    return FilterError(f"{place or 'the filter'} is {in_json(seen)}: {expected} is expected.", place=place)


def _check_size(condition: Mapping[str, Any]) -> None:
    """Refuse a filter of too many values, looking at no more of them than there may be."""
    left: list[Iterator[Any]] = [iter((condition,))]
    values = regexes = 0
    while left:
        value = next(left[-1], _END)
        if value is _END:
            left.pop()
            continue
        values += 1
        if values > MAX_VALUES or len(left) > MAX_VALUES:
            raise _too_large()
        if isinstance(value, Mapping):
            regexes += "$regex" in value
            left.append(iter(value.values()))
        elif isinstance(value, list | tuple):
            left.append(iter(value))
    if regexes > MAX_REGEXES:
        raise FilterError(f"the filter has {regexes:,} regexes; {MAX_REGEXES} may be. Join them with |.", place="")


def _too_large() -> FilterError:
    most = f"{MAX_VALUES:,} values and {MAX_CHARS:,} characters"
    return FilterError(f"the filter is too large: it has at most {most}. Ask in several searches.", place="")


def _too_deep(place: str) -> FilterError:
    where = f" at {place}" if place else ""
    return FilterError(f"the filter is nested deeper than {MAX_DEPTH}{where}. Flatten it.", place=place)
