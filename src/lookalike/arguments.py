"""Checks of the arguments of the public Python API against their annotations, before anything is done with them.

The annotations are the declaration; `_KINDS` says of each, as it is written, what may be passed and how that is called.
What is not in the table is left to who reads it: sources, filters, choices of a few words, ranges.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, ParamSpec, TypeGuard, TypeVar, cast

from .errors import InputError, shown
from .records import Record

P = ParamSpec("P")
T = TypeVar("T")
Made = TypeVar("Made")


@dataclass(frozen=True)
class _Kind:
    """What an annotation takes.

    Attributes:
        holds: Whether a value is of this kind.
        told: As people call it.
        holds_texts: Whether what is in it has to be texts.
    """

    holds: Callable[[Any], bool]
    told: str
    holds_texts: bool = False


def plain(value: Any) -> Any:
    """Return a number of numpy or another library as one of Python; all else as it is."""
    return value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value


def plain_values(value: Any) -> Any:
    """Return nested values with all numbers and arrays of other libraries as those of Python."""
    if isinstance(value, Mapping):
        return {name: plain_values(held) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [plain_values(held) for held in value]
    return value.tolist() if hasattr(value, "tolist") and hasattr(value, "shape") else value


def plain_json(value: Any, *, sort_keys: bool = False) -> tuple[Any, str]:
    """Return a value as JSON can hold it, and its text; it is copied only where numbers of other libraries are in it.

    Raises:
        TypeError, ValueError: for what JSON has no form for.
    """
    write = partial(json.dumps, sort_keys=sort_keys, ensure_ascii=False, allow_nan=False)
    try:
        return value, write(value)
    except TypeError:
        value = plain_values(value)
        return value, write(value)


def is_text(value: object) -> TypeGuard[str]:
    """Return whether a value is a text that can be written: without halves of characters (lone surrogates)."""
    if not isinstance(value, str):
        return False
    if value.isascii():  # known without a look, however long a picture in base64 is
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_path(value: object) -> bool:
    """Return whether a value may be a path on this system, whose names need not be Unicode."""
    try:
        return isinstance(value, str | os.PathLike) and b"\0" not in os.fsencode(value)
    except (TypeError, UnicodeEncodeError):
        return False


def _is_list(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | bytearray | memoryview | Mapping)


def _is_sized_list(value: Any) -> bool:
    return _is_list(value) and isinstance(value, Sized)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


_KINDS: Mapping[str, _Kind] = {
    "None": _Kind(lambda value: value is None, "None"),
    "bool": _Kind(lambda value: isinstance(value, bool), "True or False"),
    "int": _Kind(lambda value: isinstance(value, int) and not isinstance(value, bool), "a whole number"),
    "float": _Kind(_is_number, "a number"),
    "str": _Kind(is_text, "a text"),
    "bytes": _Kind(lambda value: isinstance(value, bytes | bytearray | memoryview), "bytes"),
    "os.PathLike[str]": _Kind(is_path, "a path"),
    "Mapping[str, Any]": _Kind(lambda value: isinstance(value, Mapping), "an object, such as {'price': 3}"),
    "Iterable[str]": _Kind(_is_list, "a list of texts", holds_texts=True),
    "Sequence[str]": _Kind(_is_sized_list, "a list of texts", holds_texts=True),
    "Iterable[Any]": _Kind(_is_list, "a list"),
    "Sequence[Any]": _Kind(_is_sized_list, "a list"),
    "OnProgress": _Kind(callable, "a function"),
    "OnOutcome": _Kind(callable, "a function"),
    "Record": _Kind(lambda value: isinstance(value, Record), "a Record"),
}


def checked_methods(face: type[Made]) -> type[Made]:
    """Let all public methods of a class, inherited ones too, refuse what is not as annotated; see `checked`."""
    for base in reversed(face.__mro__):
        for name, method in list(vars(base).items()):
            if callable(method) and not name.startswith("_") and not hasattr(method, "__wrapped__"):
                setattr(face, name, checked(method))
    return face


def checked(function: Callable[P, T]) -> Callable[P, T]:
    """Let a function refuse arguments that are not what they are annotated as, by an InputError that names them.

    Texts in an iterator are looked at while it is read.
    """
    annotated: Any = function
    names = annotated.__code__.co_varnames[: annotated.__code__.co_argcount]
    reads = {name: read for name, one in function.__annotations__.items() if (read := _reader(name, one)) is not None}
    if not reads:
        return function

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> T:
        given = [reads[name](value) if name in reads else value for name, value in zip(names, args, strict=False)]
        named = {name: reads[name](value) if name in reads else value for name, value in kwargs.items()}
        return annotated(*given, *args[len(given) :], **named)  # type: ignore[no-any-return]

    return cast("Callable[P, T]", call)


def checked_rows(name: str, rows: Any, *annotations: str) -> list[tuple[Any, ...]]:
    """Return rows as tuples, each value of which is what the annotation at its position says.

    Raises:
        InputError: for rows of another length, too.
    """
    if not _is_list(rows):
        raise _refusal(name, rows, f"a list of {len(annotations)} values each")
    reads = [_reader(f"a value of {name}", annotation) for annotation in annotations]
    found = []
    for row in rows:
        if not isinstance(row, tuple | list) or len(row) != len(annotations):
            raise InputError(f"{name} holds {shown(row)!r}: pass {len(annotations)} values in each tuple.")
        found.append(tuple(one if read is None else read(one) for read, one in zip(reads, row, strict=True)))
    return found


def _reader(name: str, annotation: str) -> Callable[[Any], Any] | None:
    """Return what checks an argument; None where its annotation names what the table does not."""
    parts = annotation.split(" | ")
    if name == "return" or not all(part in _KINDS for part in parts):
        return None
    if "os.PathLike[str]" in parts:
        parts.remove("str")  # a path is a text as well, and need not be Unicode
    return partial(_read, name, [_KINDS[part] for part in parts])


def _read(name: str, kinds: Sequence[_Kind], value: Any) -> Any:
    value = plain(value)
    kind = next((kind for kind in kinds if kind.holds(value)), None)
    if kind is None:
        raise _refusal(name, value, " or ".join(kind.told for kind in kinds if kind.told != "None"))
    return _texts(name, value) if kind.holds_texts else value


def _texts(name: str, values: Iterable[Any]) -> Iterable[Any]:
    """Return a list back when it holds texts alone; an iterator is looked at while it is read."""
    if not isinstance(values, Sized):
        return map(partial(_text, name), values)
    for one in values:
        _text(name, one)
    return values


def _text(name: str, value: Any) -> Any:
    if not is_text(value):
        raise _refusal(f"a value of {name}", value, "a text")
    return value


def _refusal(name: str, value: Any, wanted: str) -> InputError:
    if isinstance(value, str) and not is_text(value):
        return InputError(f"{name}={value[:80]!r} holds half of a character (a lone surrogate): take it out.")
    seen = repr(value[:80]) if isinstance(value, str) else shown(value)
    return InputError(f"{name}={seen} is of type {type(value).__name__}: pass {wanted}.")
