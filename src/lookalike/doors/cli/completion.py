"""Completion in the shell: the scripts that `completion` prints, and what they complete beside commands and options.

Names of collections and ids of records are read from the home that the line names. What cannot be read completes
nothing: a shell has no place for our errors.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from ...errors import LookalikeError

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_LOOKALIKE_COMPLETE"  # set while a shell asks
_MOST = 500  # ids that are offered at once
_LAST_CHAR = "\U0010ffff"
_PLAIN = re.compile(r"[^\w@%+=:,./-]")

# As click's own, but that it sends the line as it is: bash parts words at ":" and "=", and an id holds both.
_BASH = r"""%(complete_func)s() {
    local IFS=$'\n'
    local response type value
    response=$(COMP_TEXT="${COMP_LINE:0:COMP_POINT}" COMP_WORDBREAKS="$COMP_WORDBREAKS" \
        %(complete_var)s=bash_complete "$1")
    for completion in $response; do
        IFS=',' read -r type value <<< "$completion"
        case $type in
            dir) COMPREPLY=(); compopt -o dirnames ;;
            file) COMPREPLY=(); compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done
    return 0
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class Bash(BashComplete):
    """Completion in bash, for words that hold what bash parts words at."""

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is completed, and that one."""
        text = os.environ["COMP_TEXT"]
        words = split_arg_string(text)[1:]
        return (words, "") if not words or text[-1:].isspace() else (words[:-1], words[-1])

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Leave out what bash takes for words before: it replaces the last of them only."""
        breaks = {mark for mark in os.environ.get("COMP_WORDBREAKS", "") if not mark.isspace()} - set("\"'")
        _, typed = self.get_completion_args()
        kept = max((typed.rfind(mark) for mark in breaks), default=-1) + 1
        value = item.value[kept:] if item.type == "plain" and item.value.startswith(typed[:kept]) else item.value
        return f"{item.type},{_PLAIN.sub(lambda found: chr(92) + found[0], value)}"


def prepare() -> None:
    """Take part in the asking of a shell; done only when one asks."""
    add_completion_class(Bash)


def script(cli: click.Command, shell: str) -> str:
    """Return the script that lets a shell complete our command."""
    prepare()
    kind = get_completion_class(shell)
    if kind is None:
        raise ValueError(shell)
    return kind(cli, {}, "lookalike", VARIABLE).source()


def collection_names(context: click.Context, _: click.Parameter, typed: str) -> list[CompletionItem[str]]:
    """Complete the name of a collection."""
    return [CompletionItem(name) for name in _names(context) if name.startswith(typed)]


def encoder_names(context: click.Context, _: click.Parameter, typed: str) -> list[CompletionItem[str]]:
    """Complete the name of an encoder."""
    from ...core.library import encoder_names as names

    return [CompletionItem(name) for name in names() if name.startswith(typed)]


def record_ids(context: click.Context, _: click.Parameter, typed: str) -> list[CompletionItem[str]]:
    """Complete the id of a record."""
    return [CompletionItem(id) for id in _ids(context, typed)]


def examples(context: click.Context, _: click.Parameter, typed: str) -> list[CompletionItem[str]]:
    """Complete what a search starts from: a file, or id:ID of a stored picture."""
    if not typed.startswith("id:"):
        return [CompletionItem(typed, type="file")]
    return [CompletionItem(f"id:{id}") for id in _ids(context, typed.removeprefix("id:"))]


def _names(context: click.Context) -> list[str]:
    from .terminal import open_to_read

    with suppress(LookalikeError, OSError), open_to_read(context.params.get("home"), is_silent=True) as library:
        return library.collections()
    return []


def _ids(context: click.Context, typed: str) -> list[str]:
    from .terminal import open_to_read

    name = context.params.get("collection") or "default"
    found: list[str] = []
    with suppress(LookalikeError, OSError), open_to_read(context.params.get("home"), name, is_silent=True) as library:
        for record in library.collection(name).scan(after=_before(typed)):
            if not record.id.startswith(typed) or len(found) >= _MOST:
                break
            found.append(record.id)
    return found


def _before(typed: str) -> str | None:
    """Return a text that comes right before all that begin with another, by code points."""
    if not typed:
        return None
    last = ord(typed[-1]) - 1
    if last < 0:
        return typed[:-1]
    return typed[:-1] + chr(min(last, 0xD7FF) if last < 0xE000 else last) + _LAST_CHAR
