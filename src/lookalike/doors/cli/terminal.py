"""Shared parts of the commands: options, library, progress, output."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from . import completion

if TYPE_CHECKING:
    from ...core.duplicates.results import Clusters, DuplicateGroups
    from ...core.ingest.pipeline import OnProgress
    from ...core.library import Library
    from ...core.relations.comparison import Comparison
    from ...core.search.matches import Matches

# Exit codes.
DONE, ANSWER_IS_NO, WRONG_USE, SOME_FAILED, OPERATION_FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 130

STDOUT = "-"  # as the name of an output

DEMO_HOME = "demo-home"  # that `demo` makes, and that commands which only read look at without a home
_QUIET_S = 1.0  # one waits so long without a word, on a terminal
_FIRST_LINE_S, _NEXT_LINE_S = 3.0, 10.0  # until a line tells how far it is, elsewhere

home_option = click.option(
    "--home", type=click.Path(file_okay=False), metavar="FOLDER", help="Folder that holds all collections."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
collection_option = click.option(
    "--collection",
    "-c",
    default="default",
    show_default=True,
    metavar="NAME",
    shell_complete=completion.collection_names,
    help="Name of the collection.",
)
type_option = click.option(
    "--type",
    "kind",
    type=click.Choice(["photos", "products", "matching", "colors"]),
    help="What a search in a new collection ranks by: what is shown (photos, products), being a copy (matching), or "
    "having the same colors, whatever is shown (colors).  [default: photos]",
)
encoder_option = click.option(
    "--encoder",
    metavar="NAME",
    shell_complete=completion.encoder_names,
    help="Encoder of a new collection; builtin-accurate is better for clothes, at twice the time.  [default: builtin]",
)
keep_option = click.option(
    "--keep",
    type=click.Choice(["auto", "none", "thumbnail", "original"]),
    help="Which pictures a new collection stores; auto: a thumbnail of each that is not a file.  [default: auto]",
)
yes_option = click.option("--yes", "-y", "is_sure", is_flag=True, help="Do not ask, also on a terminal.")
sheet_option = click.option(
    "--html",
    "sheet",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write a contact sheet with pictures; - is stdout.",
)


def command_line(*words: str) -> str:
    """Write a command of ours so that it runs when it is pasted here: program, quotes and home as they are now."""
    context = click.get_current_context(silent=True)
    home = context.params.get("home") if context else None
    return " ".join([_program(), *(shlex.quote(word) for word in (*words, *(["--home", str(home)] if home else [])))])


def _program() -> str:
    """Name this program as a shell finds it: by its name where the path leads to it, else by where it lies."""
    started = sys.argv[0]
    if os.path.basename(started) == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m lookalike"
    found = shutil.which("lookalike")
    is_on_path = found is not None and os.path.exists(started) and os.path.samefile(found, started)
    return "lookalike" if is_on_path or not started.endswith("lookalike") else shlex.quote(started)


@contextmanager
def open_library_at(home: str | None, *, tells_damage: bool = True) -> Iterator[Library]:
    """Open the library for one command, and close it whatever happens.

    Args:
        tells_damage: Say at the end how many damaged records were left out.
    """
    from ...core.library import open_library

    with open_library(home) as library:
        yield library
        for name, damaged in library.damaged().items() if tells_damage else ():
            told = "1 damaged record was" if len(damaged) == 1 else f"{len(damaged):,} damaged records were"
            click.echo(f'{told} left out of "{name}", as far as was met: `lookalike doctor` looks at all.', err=True)


@contextmanager
def open_to_read(home: str | None, name: str | None = None, *, is_silent: bool = False) -> Iterator[Library]:
    """Open the library for a command that only reads a collection; without a name it reads whatever there is.

    Who names no home, and has nothing of the kind in the own, is shown what `demo` made in this folder, and told so.
    """
    looks_at_demo = _lacks(home, name) and _holds(DEMO_HOME, name)
    if looks_at_demo and not is_silent:
        click.echo(f"from ./{DEMO_HOME}, as your own home has no such collection (--home {DEMO_HOME})", err=True)
    with open_library_at(DEMO_HOME if looks_at_demo else home, tells_damage=not is_silent) as library:
        yield library


def demo_hint(home: str | None, name: str) -> str:
    """Return how to reach a collection that is not in the own home but in that of the demo; "" without one."""
    if not (_lacks(home, name) and _holds(DEMO_HOME, None)):
        return ""
    with open_library_at(DEMO_HOME, tells_damage=False) as library:
        names = library.collections()
    chosen = name if name in names else names[0]
    return f"The home of the demo is here: --home {DEMO_HOME} --collection {shlex.quote(chosen)}"


def has_any(home: str | None) -> bool:
    """Return whether a home holds any collection."""
    from ...settings import load_settings

    return _holds(load_settings(home=home).home, None)


def _lacks(home: str | None, name: str | None) -> bool:
    """Return whether no home is named, and the user's own has no such collection, or none at all."""
    from ...settings import default_home, load_settings

    own = load_settings(home=home).home
    return home is None and own == Path(default_home()) and not _holds(own, name)


def _holds(home: str | Path, name: str | None) -> bool:
    if not os.path.isdir(home):
        return False
    with open_library_at(str(home), tells_damage=False) as library:
        names = library.collections()
    return name in names if name is not None else bool(names)


def is_wanted(question: Callable[[], str], *, is_sure: bool) -> bool:
    """Ask on a terminal before something is done that cannot be undone; in a script, or when sure, it is wanted."""
    if is_sure or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    if click.confirm(question(), err=True):
        return True
    click.echo("nothing was done.", err=True)
    return False


@contextmanager
def progress_bar(verb: str, unit: str, total: int | None = None) -> Iterator[OnProgress]:
    """Show a bar with rate and remaining time on a terminal; elsewhere a line now and then, once it takes long."""
    if not sys.stderr.isatty():
        yield _told_by_lines(verb, unit)
        return
    from tqdm import tqdm

    with tqdm(desc=verb, unit=f" {unit}", total=total, leave=False, dynamic_ncols=True, smoothing=0.1) as bar:

        def tell(progress: Any) -> None:
            if progress.total is not None and bar.total != progress.total:
                bar.total = progress.total
            if progress.failed:
                bar.set_postfix(failed=progress.failed, refresh=False)
            bar.update(progress.done - bar.n)

        yield tell


def _told_by_lines(verb: str, unit: str) -> OnProgress:
    next_at = time.monotonic() + _FIRST_LINE_S

    def tell(progress: Any) -> None:
        nonlocal next_at
        if time.monotonic() >= next_at:
            of = f" of {progress.total:,}" if progress.total is not None else ""
            click.echo(f"{verb}: {progress.done:,}{of} {unit}", err=True)
            next_at = time.monotonic() + _NEXT_LINE_S

    return tell


@contextmanager
def waiting(verb: str) -> Iterator[None]:
    """Show what the command waits for, where the time is not known; clear it at the end."""
    is_done = threading.Event()
    is_shown = sys.stderr.isatty()
    began = time.monotonic()

    def tell() -> None:
        while not is_done.wait(_QUIET_S if is_shown else _NEXT_LINE_S):
            text = f"{verb}, {time.monotonic() - began:.0f} s so far"
            click.echo(f"\r{text}" if is_shown else text, err=True, nl=not is_shown)

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        is_done.set()
        teller.join()
        if is_shown and time.monotonic() - began >= _QUIET_S:
            click.echo("\r\x1b[K", err=True, nl=False)


def show(found: Matches | DuplicateGroups | Clusters, as_json: bool) -> None:
    """Print an answer, as text or as JSON."""
    from ...core.duplicates.results import DuplicateGroups
    from ...core.search.matches import Matches
    from .. import serialization

    if isinstance(found, Matches) and found.unknown:
        click.echo(f"no record has the {', '.join(found.unknown)}. Check the spelling.", err=True)
    if not as_json:
        click.echo(str(found))
    elif isinstance(found, Matches):
        print_json(serialization.matches_form(found))
    elif isinstance(found, DuplicateGroups):
        _print_groups(found)
    else:
        print_json(serialization.clusters_form(found))


def tell_floor(asked: float | None, held: float) -> None:
    """Print that a --threshold below the floor, which held anyhow, changed nothing."""
    if asked is not None and asked < held:
        click.echo(f"--threshold {asked:g} changes nothing: a copy has a score of {held:g} or more.", err=True)


def write_sheet(sheet: str | None, found: Matches | Comparison | DuplicateGroups) -> bool:
    """Write an answer with its pictures as an HTML page, where a file was named; say whether stdout was."""
    if sheet is None:
        return False
    from ...rendering import html_page

    write_output(sheet, html_page("lookalike", "", found.sections()).encode())
    return sheet == STDOUT


@contextmanager
def open_output(name: str) -> Iterator[BinaryIO]:
    """Open what the caller named to write to: - is stdout, and a file is there when it is complete."""
    from ... import disk

    if name == STDOUT:
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with disk.replace_file(Path(name)) as stream:
        yield stream


def write_output(name: str, content: bytes) -> None:
    """Write what the caller named, and tell so where that is not stdout."""
    with open_output(name) as stream:
        stream.write(content)
    if name != STDOUT:
        click.echo(f"wrote {name}", err=True)


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _print_groups(found: DuplicateGroups) -> None:
    """Print the reply of `duplicates` as JSON, a group a line: however many there are, one is in memory as text."""
    from ..serialization import group_form

    click.echo('{"groups": [')
    for number, group in enumerate(found, start=1):
        comma = "," if number < len(found) else ""
        click.echo(f"  {json.dumps(group_form(group), ensure_ascii=False)}{comma}")
    click.echo(f'], "count": {len(found)}, "unseen": {found.unseen}}}')


def print_pairs(values: dict[str, Any]) -> None:
    """Print names and values, one pair a line."""
    width = max(len(name) for name in values)
    for name, value in values.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        click.echo(f"{name.ljust(width)}  {text}")
