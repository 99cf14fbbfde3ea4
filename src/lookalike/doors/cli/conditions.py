"""The conditions of a search as options of the command line, read from where they are declared."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ...query import NEAR_DUPLICATE_SCORE, Condition, Conditions, conditions, filter_of
from .naming import FROM

if TYPE_CHECKING:
    from ...filters import Filter

where_option = click.option(
    "--where",
    "wheres",
    multiple=True,
    metavar="CONDITION",
    help="The same in short: FIELD, one of = != < <= > >=, and a value, as in 'price<10'; of several, all must hold. "
    "A record without the field passes !=.",
)


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that filter to a command that takes no other condition."""
    [one] = (one for one in conditions() if one.name == "filter")
    for option in reversed(list(_options(one, {}))):
        command = option(command)
    return command


def filter_given(given: str | None, wheres: Sequence[str]) -> Filter | None:
    """Return what --filter and --where ask for together; None without either."""
    from ...expressions import parse_expressions

    return parse_expressions(wheres, beside=filter_of(given)) if wheres else filter_of(given)


def condition_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each condition of a search to a command."""
    names = {one.name: one.option for one in conditions()}
    for one in reversed(list(conditions())):
        for option in reversed(list(_options(one, names))):
            command = option(command)
    return command


def given_conditions(values: Mapping[str, Any]) -> Conditions:
    """Return the conditions that these options gave, without those that were not given."""
    given: dict[str, Any] = {}
    for one in conditions():
        value = values.get(one.name + FROM)
        value = values[one.name] if value is None else value
        if value is not None and value != ():
            given[one.name] = value
    if values.get("wheres"):
        given["filter"] = filter_given(given.get("filter"), values["wheres"])
    return given  # type: ignore[return-value]


def _options(one: Condition, names: Mapping[str, str]) -> Iterator[Any]:
    help = re.sub(r"`(\w+)`", lambda name: names.get(name[1], name[1]), one.help)
    flags = [one.option, *([one.short] if one.short else []), one.name]
    if one.is_flag:
        yield click.option(*flags, is_flag=True, help=help)
        if float in one.kinds:
            told = f"The same, from another score.  [default: {NEAR_DUPLICATE_SCORE:g}]"
            yield click.option(f"{one.option}-from", one.name + FROM, type=float, help=told)
        return
    yield click.option(
        *flags,
        type=next((kind for kind in (int, float) if kind in one.kinds), str),
        multiple=one.is_many,
        metavar=one.metavar,
        default=one.unset,
        show_default=bool(one.unset),
        help=help,
    )
    if one.name == "filter":
        yield where_option
