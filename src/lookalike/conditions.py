"""The syntax tree of a parsed filter; each node can evaluate itself.

    Condition   of a document     And · Or · Not · Field(path, Test)
    Test        of the values     Equal · Among · Order · Exists · Size · Regex · Element
                that a path reaches

Only conditions are joined and negated: `{"a": {"$not": {"$gt": 3}}}` is the same as Not(Field(a, Order)), and `$nin`
as Not(Field(a, Among)). Hence each test is a plain statement, and a store has few of them to translate.

A path walks into objects, into each object of a list, and by number into a list. Where an object (or a value that is
no list) lacks the next name, it reaches MISSING, which equals null. Elements of a list that are not objects have no
names to lack and are passed over, as in MongoDB: `{"a.b": null}` accepts `{"a": [{"b": 1}, {}]}` and `{"a": 5}`, but
neither `{"a": []}` nor `{"a": [5]}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

MISSING: Final = object()

Kind = Literal["boolean", "number", "text", "list", "object", "null", "missing"]


@dataclass(frozen=True)
class And:
    """All parts accept the document; without parts it is accepted."""

    parts: tuple[Condition, ...]

    def accepts(self, document: Any) -> bool:
        """Return whether a document meets the condition."""
        return all(part.accepts(document) for part in self.parts)


@dataclass(frozen=True)
class Or:
    """At least one part accepts the document; without parts it is not accepted."""

    parts: tuple[Condition, ...]

    def accepts(self, document: Any) -> bool:
        """Return whether a document meets the condition."""
        return any(part.accepts(document) for part in self.parts)


@dataclass(frozen=True)
class Not:
    """The part does not accept the document."""

    part: Condition

    def accepts(self, document: Any) -> bool:
        """Return whether a document meets the condition."""
        return not self.part.accepts(document)


@dataclass(frozen=True)
class Field:
    """The values that the path reaches pass the test; an empty path reaches the document itself."""

    path: tuple[str, ...]
    test: Test

    def accepts(self, document: Any) -> bool:
        """Return whether a document meets the condition."""
        return self.test.passes(list(_reach(document, self.path)))


Condition: TypeAlias = And | Or | Not | Field


@dataclass(frozen=True)
class Equal:
    """One value, or one element of a list, equals the wanted one within its kind; null equals what is missing."""

    value: Any

    def passes(self, values: list[Any]) -> bool:
        """Return whether the values that a path reaches pass."""
        return any(_same(value, self.value) for value in _with_elements(values))


@dataclass(frozen=True)
class Among:
    """One value, or one element of a list, equals one of the wanted."""

    values: tuple[Any, ...]

    def passes(self, values: list[Any]) -> bool:
        """Return whether the values that a path reaches pass."""
        return any(_same(value, wanted) for value in _with_elements(values) for wanted in self.values)


@dataclass(frozen=True)
class Order:
    """One value, or one element of a list, is of the operand's kind (number or text) and stands so to it."""

    operator: Literal["<", "<=", ">", ">="]
    operand: float | str

    def passes(self, values: list[Any]) -> bool:
        """Return whether the values that a path reaches pass."""
        kind, stands = kind_of(self.operand), _ORDERS[self.operator]
        return any(kind_of(value) == kind and stands(value, self.operand) for value in _with_elements(values))


@dataclass(frozen=True)
class Exists:
    """The path reaches a value, be it null."""

    def passes(self, values: list[Any]) -> bool:
        """Return whether the values that a path reaches pass."""
        return any(value is not MISSING for value in values)


@dataclass(frozen=True)
class Size:
    """The path reaches a list of so many elements."""

    count: int

    def passes(self, values: list[Any]) -> bool:
        """Return whether the values that a path reaches pass."""
        return any(isinstance(value, list) and len(value) == self.count for value in values)


@dataclass(frozen=True)
class Regex:
    """A regex of RE2 is found in a text, or in one element of a list; its time is linear in the text."""

    pattern: str
    options: str = ""

    def passes(self, values: list[Any]) -> bool:
        """Return whether the values that a path reaches pass."""
        return any(isinstance(value, str) and self.finds(value) for value in _with_elements(values))

    def finds(self, text: str) -> bool:
        """Return whether the regex is found in a text."""
        return compiled(self.pattern, self.options).search(well_formed(text)) is not None


@dataclass(frozen=True)
class Element:
    """The path reaches a list with one element that alone meets the whole condition."""

    condition: Condition
    of_objects: bool  # only elements that are objects are looked at

    def passes(self, values: list[Any]) -> bool:
        """Return whether the values that a path reaches pass."""
        return any(isinstance(value, list) and any(map(self._accepts, value)) for value in values)

    def _accepts(self, element: Any) -> bool:
        return (isinstance(element, Mapping) or not self.of_objects) and self.condition.accepts(element)


Test: TypeAlias = Equal | Among | Order | Exists | Size | Regex | Element

_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": lambda value, operand: value < operand,
    "<=": lambda value, operand: value <= operand,
    ">": lambda value, operand: value > operand,
    ">=": lambda value, operand: value >= operand,
}


def kind_of(value: Any) -> Kind:
    """Name the kind of a JSON value; values are compared within their kind only."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        return "list"
    if value is MISSING:
        return "missing"
    return "object" if isinstance(value, Mapping) else "null"


@lru_cache(maxsize=256)
def compiled(pattern: str, options: str) -> Any:
    """Compile a regex of RE2 with options of the letters i, m and s.

    Raises:
        re2.error: when RE2 does not take it.
    """
    import re2

    quiet = re2.Options()
    quiet.log_errors = False
    return re2.compile(f"(?{options}){pattern}" if options else pattern, quiet)


def well_formed(text: str) -> str:
    """Return a text that UTF-8 can say: halves of surrogate pairs, which JSON allows, become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _reach(value: Any, path: Sequence[str]) -> Iterator[Any]:
    if not path:
        yield value
    elif isinstance(value, list):
        yield from _reach_into(value, path)
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _reach(value[path[0]], path[1:])
    else:
        yield MISSING


def _reach_into(elements: list[Any], path: Sequence[str]) -> Iterator[Any]:
    place = _place(path[0])
    if place is not None and place < len(elements):
        yield from _reach(elements[place], path[1:])
    for element in elements:
        if isinstance(element, Mapping) and (place is None or path[0] in element):
            yield from _reach(element, path)


def _place(name: str) -> int | None:
    """Read a part of a path as a place in a list; ten digits are more than any list has."""
    return int(name) if name.isascii() and name.isdecimal() and len(name) < 10 else None


def _with_elements(values: list[Any]) -> Iterator[Any]:
    for value in values:
        yield value
        if isinstance(value, list):
            yield from value


def _same(value: Any, wanted: Any) -> bool:
    """Compare within a kind: true is not 1, and 1.0 is 1."""
    if value is MISSING:
        return wanted is None
    if kind_of(value) != kind_of(wanted):
        return False
    if isinstance(value, list):
        return len(value) == len(wanted) and all(map(_same, value, wanted))
    if isinstance(value, Mapping):
        return value.keys() == wanted.keys() and all(_same(value[key], wanted[key]) for key in value)
    return bool(value == wanted)
