"""Names of arguments in messages, as the command line calls them: `group_by` is --group-by, `limit=0` is --limit 0.

The core knows its arguments by their Python names. A command calls its own parameters the same, so that click knows the
option of each; what has another name stands in `_OTHERS`. A setting without an option there is an environment
variable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from ...errors import LookalikeError
from ...settings import VARIABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

FROM = "_from"  # ends the parameter for the value of a condition that is a flag as well

# Arguments of the core whose option is not that of the parameter with their name.
_OTHERS = {
    "fields": "--field",
    "like": "--weight",  # the only messages about these two are of weights
    "unlike": "--not-weight",
    "product_id_field": "--product-id",
    "type": "--type",
}
# What is quoted is not ours. Then `name` and `name=value`; name=value; and a name that holds an underscore.
_NAMED = re.compile(
    r"""(?<!\w)"[^"]*"|(?<!\w)'[^']*'"""
    r"""|`(?P<ticked>\w+)(?P<value>=[^`\s]+)?`|(?<![^\s(])(?P<set>\w+)=(?=\S)|(?<![^\s(])(?P<bare>\w+_\w+)\b"""
)


def command_of(cli: click.Group, arguments: Sequence[str]) -> click.Command:
    """Return the command that a line names; the last group of it where there is none."""
    command: click.Command = cli
    for word in arguments:
        if not isinstance(command, click.Group) or word not in command.commands:
            break
        command = command.commands[word]
    return command


def options_of(command: click.Command) -> dict[str, str]:
    """Return the option of each argument that a command passes on, by the argument's name."""
    options = {str(one.name): max(one.opts, key=len) for one in command.params if isinstance(one, click.Option)}
    return options | {name: option for name, option in _OTHERS.items() if option in options.values()}


def in_options(message: str, options: Mapping[str, str]) -> str:
    """Translate the arguments that a message names to options; a value follows its option behind a space.

    Example:
        >>> in_options("`members` are those of a group: pass group_by.", {"members": "--members", "group_by": "-g"})
        '--members are those of a group: pass -g.'
    """

    def translated(found: re.Match[str]) -> str:
        name = found["ticked"] or found["set"] or found["bare"]
        value = "=" if found["set"] else found["value"] or ""
        option = options.get(f"{name}{FROM}" if value and f"{name}{FROM}" in options else name or "")
        if option is None:
            return VARIABLES.get(found["ticked"] or "", found[0])
        return option if value in ("", "=True") else f"{option} {value[1:]}"

    return _NAMED.sub(translated, message)


def error_in_options(error: LookalikeError, options: Mapping[str, str]) -> LookalikeError:
    """Return an error with its message in options."""
    return type(error)(in_options(error.message, options), **error.details)


def in_options_here(message: str) -> str:
    """Translate what a message names to the options of the command that runs."""
    return in_options(message, options_of(click.get_current_context().command))


@contextmanager
def options_called(options: Mapping[str, str]) -> Iterator[None]:
    """Name arguments by these options in what is refused meanwhile: for a second value of an argument."""
    try:
        yield
    except LookalikeError as error:
        raise error_in_options(error, options) from error
