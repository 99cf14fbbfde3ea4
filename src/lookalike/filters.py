"""The filter language: Mongo-style conditions, parsed once, and their plain meaning on one document.

`Filter.accepts` is the referee: a store that translates a filter into its own query must agree with it.

    {"category": "shoes", "price": {"$lt": 50}, "$or": [{"color": "red"}, {"tags": "sale"}]}

A field matches when its value does, or, where the value is a list, when one element does. A dotted path walks
into objects, into each object of a list, and by number into a list. Values are compared within their kind only:
a number is never less than a text. A field that is missing equals null, differs from everything else, and is
neither less nor greater than anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .errors import FilterError

Document: TypeAlias = Mapping[str, Any]
_Test: TypeAlias = Callable[[list[Any]], bool]  # over the values that a path reaches; none when it is missing

MAX_DEPTH = 20  # nested conditions; deeper ones are a mistake or an attack
MAX_REGEX_CHARS = 500
_ORDERED = ("$gt", "$gte", "$lt", "$lte")
_JOINS = ("$and", "$or", "$nor")
_FIELD_OPERATORS = (
    "$eq", "$ne", *_ORDERED, "$in", "$nin", "$exists", "$not", "$all", "$elemMatch", "$regex", "$options", "$size",
)  # fmt: skip


@dataclass(frozen=True)
class Filter:
    """A condition on a record's metadata; equal filters compare and hash equal.

    Attributes:
        text: The filter as canonical JSON.
    """

    text: str
    _test: Callable[[Document], bool] = field(repr=False, compare=False)

    def accepts(self, document: Document) -> bool:
        """Say whether a document (`Record.document()`) meets the condition.

        Example:
            >>> parse_filter({"price": {"$gte": 10}}).accepts({"price": [3, 12]})
            True
        """
        return self._test(document)


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
        try:
            condition = json.loads(condition)
        except ValueError as exc:
            raise FilterError(f'the filter is no JSON: {exc}. Write it like {{"color": "red"}}.', place="") from exc
    if not isinstance(condition, Mapping):
        raise _wrong("", "a filter is an object", condition)
    try:
        text = json.dumps(condition, sort_keys=True, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as exc:
        raise FilterError(f"the filter holds a value that JSON has no form for: {exc}.", place="") from exc
    return Filter(text, _parse_document(json.loads(text), "", 0))


def _parse_document(condition: Any, place: str, depth: int) -> Callable[[Document], bool]:
    if not isinstance(condition, Mapping):
        raise _wrong(place, "an object of conditions", condition)
    if depth > MAX_DEPTH:
        raise FilterError(f"the filter is nested deeper than {MAX_DEPTH} at {place}. Flatten it.", place=place)
    tests = [_parse_member(name, value, _join(place, name), depth) for name, value in condition.items()]
    return lambda document: all(test(document) for test in tests)


def _parse_member(name: str, value: Any, place: str, depth: int) -> Callable[[Document], bool]:
    if name in _JOINS:
        return _parse_join(name, value, place, depth)
    if name == "$not":
        negated = _parse_document(value, place, depth + 1)
        return lambda document: not negated(document)
    if name.startswith("$"):
        known = ", ".join((*_JOINS, "$not"))
        raise FilterError(f'unknown operator "{name}" at {place}. Known here: {known}.', place=place)
    test, path = _parse_condition(value, place, depth), name.split(".")
    return lambda document: test(list(_reach(document, path)))


def _parse_join(name: str, value: Any, place: str, depth: int) -> Callable[[Document], bool]:
    if not isinstance(value, list) or not value:
        raise _wrong(place, "a list of at least one filter", value)
    parts = [_parse_document(part, f"{place}[{i}]", depth + 1) for i, part in enumerate(value)]
    if name == "$and":
        return lambda document: all(part(document) for part in parts)
    if name == "$or":
        return lambda document: any(part(document) for part in parts)
    return lambda document: not any(part(document) for part in parts)


def _parse_condition(value: Any, place: str, depth: int) -> _Test:
    """Read what stands behind a field: operators, or a plain value that it must equal."""
    if not (isinstance(value, Mapping) and any(key.startswith("$") for key in value)):
        return lambda values: _equals(values, value)
    if depth > MAX_DEPTH:
        raise FilterError(f"the filter is nested deeper than {MAX_DEPTH} at {place}. Flatten it.", place=place)
    for name in value:
        if name not in _FIELD_OPERATORS:
            known = ", ".join(_FIELD_OPERATORS)
            raise FilterError(f'unknown operator "{name}" at {place}. Known: {known}.', place=place)
    if "$options" in value and "$regex" not in value:
        raise FilterError(f'"$options" at {place} stands without "$regex".', place=place)
    tests = [
        _parse_operator(name, operand, _join(place, name), depth, value)
        for name, operand in value.items()
        if name != "$options"
    ]
    return lambda values: all(test(values) for test in tests)


def _parse_operator(name: str, operand: Any, place: str, depth: int, siblings: Mapping[str, Any]) -> _Test:
    if name == "$eq":
        return lambda values: _equals(values, operand)
    if name == "$ne":
        return lambda values: not _equals(values, operand)
    if name in _ORDERED:
        return _parse_order(name, operand, place)
    if name in ("$in", "$nin", "$all"):
        return _parse_list(name, operand, place)
    if name == "$exists":
        if not isinstance(operand, bool):
            raise _wrong(place, "true or false", operand)
        return lambda values: bool(values) is operand
    if name == "$size":
        if isinstance(operand, bool) or not isinstance(operand, int) or operand < 0:
            raise _wrong(place, "a whole number of 0 or more", operand)
        return lambda values: any(isinstance(value, list) and len(value) == operand for value in values)
    if name == "$regex":
        return _parse_regex(operand, siblings.get("$options", ""), place)
    if name == "$not":
        if not (isinstance(operand, Mapping) and operand and all(key.startswith("$") for key in operand)):
            raise _wrong(place, 'operators such as {"$gt": 5}', operand)
        negated = _parse_condition(operand, place, depth + 1)
        return lambda values: not negated(values)
    return _parse_element(operand, place, depth)


def _parse_order(name: str, operand: Any, place: str) -> _Test:
    kind = _kind(operand)
    if kind not in ("number", "text"):
        raise _wrong(place, "a number or a text", operand)
    compare: dict[str, Callable[[Any], bool]] = {
        "$gt": lambda value: value > operand,
        "$gte": lambda value: value >= operand,
        "$lt": lambda value: value < operand,
        "$lte": lambda value: value <= operand,
    }
    test = compare[name]
    return lambda values: any(_kind(value) == kind and test(value) for value in _with_elements(values))


def _parse_list(name: str, operand: Any, place: str) -> _Test:
    if not isinstance(operand, list):
        raise _wrong(place, "a list of values", operand)
    if name == "$in":
        return lambda values: any(_equals(values, one) for one in operand)
    if name == "$nin":
        return lambda values: not any(_equals(values, one) for one in operand)
    return lambda values: bool(operand) and all(_equals(values, one) for one in operand)


def _parse_regex(operand: Any, options: Any, place: str) -> _Test:
    if not isinstance(operand, str) or len(operand) > MAX_REGEX_CHARS:
        raise _wrong(place, f"a regex of at most {MAX_REGEX_CHARS} characters", operand)
    if not isinstance(options, str) or set(options) - set("ims"):
        raise _wrong(place, '"$options" of the letters i, m and s', options)
    flags = re.NOFLAG
    for letter in options:
        flags |= {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}[letter]
    try:
        pattern = re.compile(operand, flags)
    except re.error as exc:
        raise FilterError(f"the regex at {place} does not compile: {exc}.", place=place) from exc
    return lambda values: any(isinstance(v, str) and pattern.search(v) is not None for v in _with_elements(values))


def _parse_element(operand: Any, place: str, depth: int) -> _Test:
    if not isinstance(operand, Mapping) or not operand:
        raise _wrong(place, "an object of conditions", operand)
    if any(key.startswith("$") and key not in (*_JOINS, "$not") for key in operand):
        condition = _parse_condition(operand, place, depth + 1)

        def accepts(element: Any) -> bool:
            return condition([element])
    else:
        document = _parse_document(operand, place, depth + 1)

        def accepts(element: Any) -> bool:
            return isinstance(element, Mapping) and document(element)

    return lambda values: any(isinstance(v, list) and any(accepts(element) for element in v) for v in values)


def _reach(value: Any, path: list[str]) -> Iterator[Any]:
    """Give each value that a dotted path reaches; none when the field is missing."""
    if not path:
        yield value
    elif isinstance(value, Mapping):
        if path[0] in value:
            yield from _reach(value[path[0]], path[1:])
    elif isinstance(value, list):
        if path[0].isdecimal() and int(path[0]) < len(value):
            yield from _reach(value[int(path[0])], path[1:])
        for element in value:
            if isinstance(element, Mapping):
                yield from _reach(element, path)


def _with_elements(values: list[Any]) -> Iterator[Any]:
    for value in values:
        yield value
        if isinstance(value, list):
            yield from value


def _equals(values: list[Any], wanted: Any) -> bool:
    if wanted is None and not values:
        return True
    return any(_same(value, wanted) for value in _with_elements(values))


def _same(value: Any, wanted: Any) -> bool:
    """Compare within a kind: true is not 1, and 1.0 is 1."""
    if _kind(value) != _kind(wanted):
        return False
    if isinstance(value, list):
        return len(value) == len(wanted) and all(map(_same, value, wanted))
    if isinstance(value, Mapping):
        return value.keys() == wanted.keys() and all(_same(value[key], wanted[key]) for key in value)
    return bool(value == wanted)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        return "list"
    return "object" if isinstance(value, Mapping) else "null"


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _wrong(place: str, expected: str, seen: Any) -> FilterError:
    where = f" at {place}" if place else ""
    return FilterError(f"{expected} is expected{where}, not {str(seen)[:80]!r}.", place=place)
