"""Conditions as people write them in a shell, such as `price<10`: a short form of the filter language."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from .errors import FilterError, shown
from .filters import Filter, parse_filter

_OPERATORS = {"=": "$eq", "!=": "$ne", "<=": "$lte", "<": "$lt", ">=": "$gte", ">": "$gt"}
_OPERATOR = re.compile(r"!=|<=|>=|[=<>]")
_QUOTED = re.compile(r"\s*(\"(?:[^\"\\]|\\.)*\"|'[^']*')\s*", re.DOTALL)
_NUMBER = re.compile(r"-?(?:(?:0|[1-9]\d*)(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_WORDS = {"true": True, "false": False, "null": None}
_EXPECTED = "Write FIELD OPERATOR VALUE, such as price<10 or color=red; operators are = != < <= > >="


def parse_expressions(expressions: Iterable[str], *, beside: Filter | None = None) -> Filter:
    """Read conditions of the form FIELD OPERATOR VALUE as one filter, in which all of them hold.

    The operators are = != < <= > >=. A value that looks like a number, true, false or null is one; anything else, a
    date as well, is a text. "In double quotes" (with the escapes of JSON) or 'in single ones' it always is a text. The
    field may be quoted, too, and dotted for a field within a field.

    Args:
        beside: A filter that has to hold as well.

    Raises:
        FilterError: naming the condition and the place in it that is wrong.

    Example:
        >>> parse_expressions(["price<10"]).text
        '{"price": {"$lt": 10}}'
        >>> parse_expressions(["taken_at >= 2024-05-01", "size='42'"]).text
        '{"$and": [{"taken_at": {"$gte": "2024-05-01"}}, {"size": {"$eq": "42"}}]}'
    """
    parts: list[Any] = [] if beside is None else [json.loads(beside.text)]
    parts += [_parsed(expression) for expression in expressions]
    return parse_filter(parts[0] if len(parts) == 1 else {"$and": parts} if parts else {})


def _parsed(expression: str) -> dict[str, Any]:
    quoted = _QUOTED.match(expression)
    operator = _OPERATOR.search(expression, quoted.end() if quoted else 0)
    if operator is None:
        raise _wrong(expression, len(expression), "an operator is missing")
    if quoted and operator.start() != quoted.end():
        raise _wrong(expression, quoted.end(), "an operator is expected behind the quoted field")
    name = expression[: operator.start()].strip()
    field = _unquoted(expression, 0, name) if quoted else name
    if not field or field.startswith("$"):
        raise _wrong(expression, 0, "the name of a field is missing" if not field else "no field begins with $")
    condition = {field: {_OPERATORS[operator[0]]: _value(expression, operator.end())}}
    try:
        parse_filter(condition)
    except FilterError as error:
        raise _wrong(expression, operator.end(), error.message.rstrip(".")) from error
    return condition


def _value(expression: str, start: int) -> Any:
    """Read the value that begins at a position."""
    text = expression[start:].strip()
    if not text:
        raise _wrong(expression, start, "the value is missing (for an empty text pass '')")
    if text[0] in "\"'":
        if _QUOTED.fullmatch(text) is None:
            raise _wrong(expression, start, "the quotes of the value do not close at its end")
        return _unquoted(expression, start, text)
    if text[0] in "=<>!":
        raise _wrong(expression, start, "a second operator stands in place of the value (quote it if it is one)")
    if text in _WORDS:
        return _WORDS[text]
    if _NUMBER.fullmatch(text) is None:
        return text
    try:
        return json.loads(re.sub(r"^(-?)\.", r"\g<1>0.", text))
    except ValueError:
        raise _wrong(expression, start, "the number has too many digits (quote it if it is a text)") from None


def _unquoted(expression: str, start: int, text: str) -> str:
    if text[0] == "'":
        return text[1:-1]
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        raise _wrong(expression, start, "the double quotes hold an escape that JSON does not know") from None


def _wrong(expression: str, place: int, why: str) -> FilterError:
    where = f"character {place + 1} of {shown(expression)!r}"
    return FilterError(f"{why}, at {where}. {_EXPECTED}.", place=str(place))
