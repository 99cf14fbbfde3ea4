"""A count of JSON values before they are parsed, to bound memory.

Nothing is copied and no object is made. Most texts are settled by counting three letters in all of their bytes; only
one with too many of them, in or outside of its texts, is gone through mark by mark, up to the first that is too much.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from .replies import Refusal, malformed

if TYPE_CHECKING:
    from ...limits import Limits

MOST_DEPTH = 128  # of metadata a store takes 100
_BLOCK = 1 << 20
_LIST = re.compile(rb"\s*\[")
_MARK = re.compile(rb'["\[\]{},]')
_QUOTE, _COMMA, _BACKSLASH = b'",\\'
_OPENING, _CLOSING = b"[{", b"]}"
_MARKS_PER_VALUE = 10  # quotes, with escaped ones, and closing brackets among them


class JsonBudget:
    """How many values the JSON of one request may still have, over all of its parts.

    Attributes:
        spent: The values so far, or more.
    """

    def __init__(self, limits: Limits) -> None:
        self.spent = 0
        self._most = limits.max_json_values

    def spend(self, data: bytes, *, most_elements: int | None = None) -> None:
        """Count the values of a text against the budget.

        Args:
            most_elements: Elements of the list that the text is, if it is one.

        Raises:
            Refusal: when there are too many values or elements, or they are nested too deeply.
        """
        if not json.detect_encoding(data[:4]).startswith("utf-8"):
            raise malformed("JSON comes in UTF-8")
        most = self._most - self.spent
        if most_elements is not None and not _LIST.match(data):
            most_elements = None
        bound = _bound(data, most)
        if bound is None or (most_elements is not None and data.count(b",") >= most_elements):
            bound = _Count(data, most, most_elements).values()
            if bound > most:
                raise Refusal(
                    413,
                    "json_too_large",
                    f"the JSON of one request has at most {self._most:,} values. Send less at once.",
                )
        self.spent += bound

    def parse(self, data: bytes, *, most_elements: int | None = None) -> Any:
        """Parse a text whose values are within the budget.

        Raises:
            Refusal: as `spend`, and for what is not JSON.
        """
        self.spend(data, most_elements=most_elements)
        try:
            return json.loads(data)
        except ValueError as exc:
            raise malformed(f"the body is not JSON: {exc}") from exc


def too_deep() -> Refusal:
    """Refuse JSON for its depth."""
    return malformed(f"the JSON is nested too deeply: {MOST_DEPTH} levels are read")


def too_many_elements(most: int) -> Refusal:
    """Refuse a request for the number of pictures, or records, in it."""
    message = f"more than {most:,} pictures in one request. Send fewer at once, or add ?job=true."
    return Refusal(413, "too_many_images", message)


def _bound(data: bytes, most: int) -> int | None:
    """Return a number that the values do not pass; None where only going through them tells."""
    values = depth = 1
    for start in range(0, len(data), _BLOCK):
        opened = data.count(b"[", start, start + _BLOCK) + data.count(b"{", start, start + _BLOCK)
        values += opened + data.count(b",", start, start + _BLOCK)
        depth += opened
        if values > most or depth > MOST_DEPTH:
            return None
    return values


class _Count:
    """One way through the marks of a text."""

    def __init__(self, data: bytes, most_values: int, most_elements: int | None) -> None:
        self._data = data
        self._most_values = most_values
        self._most_elements = most_elements
        self._marks = 0
        self._most_marks = _MARKS_PER_VALUE * (most_values + 100)

    def values(self) -> int:
        """Count the values, up to the first that is too much."""
        values, elements, depth, position = 1, 1, 0, 0
        while (found := _MARK.search(self._data, position)) and self._goes_on():
            mark, position = self._data[found.start()], found.end()
            if mark == _QUOTE:
                position = self._end_of_text(position)
                continue
            if mark in _CLOSING:
                depth -= 1
                continue
            values += 1
            depth += mark in _OPENING
            elements += mark == _COMMA and depth == 1
            if depth > MOST_DEPTH:
                raise too_deep()
            if self._most_elements is not None and elements > self._most_elements:
                raise too_many_elements(self._most_elements)
            if values > self._most_values:
                break
        return values if self._marks <= self._most_marks else self._most_values + 1

    def _goes_on(self) -> bool:
        self._marks += 1
        return self._marks <= self._most_marks

    def _end_of_text(self, start: int) -> int:
        """Find the end of a text that begins before a place."""
        data = self._data
        while (end := data.find(b'"', start)) >= 0 and self._goes_on():
            if data[end - 1] != _BACKSLASH or end == start:
                return end + 1
            escapes = end - start - len(data[start:end].rstrip(b"\\"))
            if escapes % 2 == 0:
                return end + 1
            start = end + 1
        return len(data)
