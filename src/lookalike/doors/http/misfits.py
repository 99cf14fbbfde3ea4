"""What does not fit a request, in sentences: the field as JSON names it, what is there, and what is expected."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel

from ...errors import in_json

_BODY = "the body"
# What the validator misses, by its type of error. Where a value may be of several kinds, there is one for each.
_EXPECTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "an object",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of at most 4,300 digits",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_attributes_type": "an object",
    "model_type": "an object",
    "string_type": "a text",
    "string_unicode": "a text that is valid Unicode",
}
_QUOTED = re.compile("'([^']*)'")


def sentence(errors: Sequence[Mapping[str, Any]], model: type[BaseModel] | None = None) -> str:
    """Describe the first thing that is wrong.

    Args:
        errors: As pydantic gives them, with their context and their input.
        model: What was read; without it a place is the name of a parameter.
    """
    wrong = [(_place(model, one), one) for one in errors]
    first = wrong[0][0]
    within = [(place, one) for place, one in wrong if _is_within(place, first)]
    # Of several kinds that do not fit, the one that came farthest counts: for an object, the one that names a field.
    place = max((place for place, _ in within), key=len) if isinstance(_input_of(within, first), dict) else first
    here = [one for found, one in within if found == place]
    return _told(place or _BODY, here, model)


def _told(place: str, errors: Sequence[Mapping[str, Any]], model: type[BaseModel] | None) -> str:
    error = errors[0]
    context = error.get("ctx") or {}
    match error["type"]:
        case "missing":
            return f"{place} is missing: {_mend_of_missing(model)}"
        case "extra_forbidden":
            names = f" There are: {', '.join(_fields_of(model))}." if model and "." not in place else ""
            return f"{place} is not a field that is known here.{names} Check the spelling, or leave it out."
        case "too_long":
            return f"{place} has more than {context['max_length']:,} elements, which may be at most. Send fewer."
        case "too_short":
            return f"{place} has fewer elements than the {context['min_length']:,} that are needed. Send more."
        case "string_too_long":
            return f"{place} has more than {context['max_length']:,} characters, which may be at most. Shorten it."
        case "string_too_short":
            return f"{place} is an empty text: {context['min_length']:,} or more characters are expected."
    expected = dict.fromkeys(_expected(one) for one in errors)
    return f"{place} is {in_json(error.get('input'))}: {_joined([*expected])} is expected."


def _expected(error: Mapping[str, Any]) -> str:
    context = error.get("ctx") or {}
    if error["type"] in ("literal_error", "enum"):
        return _joined([f'"{word}"' for word in _QUOTED.findall(context["expected"])])
    if error["type"] in _RANGES:
        words, bound = _RANGES[error["type"]]
        return f"a number {words} {context[bound]:,}"
    return _EXPECTED.get(error["type"], "another value")


_RANGES = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("from", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("up to", "le"),
}


def _mend_of_missing(model: type[BaseModel] | None) -> str:
    return "send it in the body." if model else "send it."


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _is_within(place: str, outer: str) -> bool:
    return not outer or place == outer or place.startswith((f"{outer}.", f"{outer}["))


def _input_of(wrong: Sequence[tuple[str, Mapping[str, Any]]], place: str) -> Any:
    return next((one.get("input") for found, one in wrong if found == place), None)


# ---- the place of an error


def _place(model: type[BaseModel] | None, error: Mapping[str, Any]) -> str:
    """Write a place as JSON names it: `like[0].weight`; the validator's names of kinds are left out."""
    where = error["loc"]
    if model is None:
        return str(where[-1])
    place, fields = "", _fields_of(model)
    is_extra = error["type"] == "extra_forbidden"
    for number, piece in enumerate(where, start=1):
        if isinstance(piece, int):
            place += f"[{piece}]"
        elif piece in fields or (is_extra and number == len(where)):
            place += f".{piece[:80]}" if place else piece[:80]
            fields = {name: kind for one in _models_in(fields.get(piece)) for name, kind in _fields_of(one).items()}
    return place[:200]


def _fields_of(model: type[BaseModel] | None) -> dict[str, Any]:
    """Return the fields of a model, as JSON names them, with what each takes."""
    return {one.alias or name: one.annotation for name, one in model.model_fields.items()} if model else {}


def _models_in(kind: Any) -> Iterator[type[BaseModel]]:
    """Return the models among what a field takes."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for part in get_args(kind):
        yield from _models_in(part)
