"""The command line: each command parses, calls one thing of the core, and prints.

Results go to stdout and talk to stderr. Exit codes: 0 done; 1 the answer is no (no match at an explicit
threshold); 2 wrong use; 3 some images failed; 4 the operation failed; 130 interrupted.
"""

from __future__ import annotations

import json
import os
import sys
from itertools import pairwise
from pathlib import Path

import click

from ... import __version__, refusals
from ...errors import (
    CollectionNotFoundError,
    ConflictError,
    InputError,
    LookalikeError,
    NotFoundError,
    SourceError,
    SourceNotFoundError,
)
from . import completion, contents, decisions, evaluation, ledger, queries, server, transfer
from .naming import command_of, error_in_options, options_of
from .terminal import (
    DEMO_HOME,
    DONE,
    INTERRUPTED,
    OPERATION_FAILED,
    SOME_FAILED,
    WRONG_USE,
    command_line,
    demo_hint,
    has_any,
    home_option,
    json_option,
    open_library_at,
    print_json,
    waiting,
)


class _Group(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        """List commands in the order of this file: the order in which a newcomer needs them."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List them by what people want to do."""
        width = max(map(len, self.commands))
        for title, commands in _GROUPS.items():
            with formatter.section(title):
                told = formatter.width - formatter.current_indent - width - 2
                formatter.write_dl([(str(one.name).ljust(width), one.get_short_help_str(told)) for one in commands])


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="lookalike")
def cli() -> None:
    """Find similar images, offline, on a CPU.

    \b
    Example:
      lookalike index ~/Pictures
      lookalike find ~/Pictures/holiday/beach.jpg
      lookalike duplicates
    """


@click.command(short_help="Check versions, encoder, speed and every stored row.")
@click.option("--repair", is_flag=True, help="First mend what can be mended without loss, and report it.")
@home_option
@json_option
def doctor(repair: bool, home: str | None, as_json: bool) -> int:
    """Check versions, encoder, speed and the stored collections, row by row, and name the records that are damaged.

    Exit code 4 when something is wrong.

    \b
    Example:
      lookalike doctor
      lookalike doctor --repair
    """
    from .doctor import examine, show

    with open_library_at(home, tells_damage=False) as library:
        with waiting("looking at every row"):
            findings = examine(library, repair=repair)
        if as_json:
            print_json(findings)
        else:
            click.echo(show(findings))
        return OPERATION_FAILED if findings["problems"] else DONE


@click.command()
@click.option("--photos", type=click.Path(), metavar="FOLDER", help="Your own folder; without it, the sample pictures.")
@click.option("--home", default=DEMO_HOME, show_default=True, type=click.Path(file_okay=False), metavar="FOLDER",
              help="Folder for the samples, the collection and the contact sheet.")  # fmt: skip
@click.option("--serve/--no-serve", "serves", default=None,
              help="Open the page with the collection at the end.  [default: on a terminal]")  # fmt: skip
def demo(photos: str | None, home: str, serves: bool | None) -> int:
    """Show what lookalike does, on sample pictures or on your own.

    Index, search, compare, find duplicates, write a contact sheet, and open the page.

    \b
    Example:
      lookalike demo --photos ~/Pictures
    """
    from .demo import open_page, run_demo

    with open_library_at(home) as library:
        name = run_demo(library, Path(photos) if photos else None, click.echo)
    if serves if serves is not None else sys.stdout.isatty():
        open_page(home, name, click.echo)
    else:
        click.echo(f"The page, to go on with: {command_line('serve', '--open')}")
    return DONE


@click.command()
@click.argument("folder", type=click.Path(file_okay=False), metavar="FOLDER")
def samples(folder: str) -> int:
    """Write sample pictures into a folder, to try everything with.

    Scenes, products in several colors and views, patterns, and changed copies: 7 MB. Other files there are left alone.

    \b
    Example:
      lookalike samples photos/
    """
    from .demo import write

    write(Path(folder))
    click.echo(f"wrote sample pictures. Now: {command_line('index', folder)}", err=True)
    return DONE


@click.command("completion", short_help="Let a shell complete commands, options, collections and ids.")
@click.argument("shell", type=click.Choice(completion.SHELLS), metavar="bash|zsh|fish")
def complete(shell: str) -> int:
    """Print what lets a shell complete commands, options, names of collections and ids.

    \b
    Example:
      lookalike completion bash >> ~/.bashrc
      lookalike completion zsh >> ~/.zshrc
      lookalike completion fish > ~/.config/fish/completions/lookalike.fish
    """
    click.echo(completion.script(cli, shell), nl=False)
    return DONE


_GROUPS: dict[str, tuple[click.Command, ...]] = {
    "Find": (queries.find, queries.compare, queries.graph, queries.clusters, evaluation.evaluate),
    "Fill": (transfer.index, transfer.import_, contents.create, contents.configure, contents.update, demo, samples),
    "Tidy": (queries.duplicates, decisions.decide, ledger.decisions, contents.remove, contents.delete),
    "Serve": (server.serve, server.keys, server.openapi),
    "Look after": (
        *(contents.collections, contents.info, contents.get, transfer.export, contents.backup, contents.restore),
        *(contents.compact, doctor, complete),
    ),
}
for _command in (one for group in _GROUPS.values() for one in group):
    cli.add_command(_command)


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; print errors to stderr, as JSON with --json."""
    if completion.VARIABLE in os.environ:
        completion.prepare()
    try:
        return cli.main(arguments, prog_name="lookalike", standalone_mode=False) or DONE
    except click.ClickException as error:
        error.show()
        return WRONG_USE
    except LookalikeError as error:
        _tell_error(error_in_options(error, options_of(command_of(cli, arguments))), arguments)
        return exit_code(error)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; what was committed is kept. The same command goes on from there.", err=True)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        sys.stderr.close()
        return DONE
    except OSError as error:
        _tell_error(refusals.error_of(error, error.filename or "this output"), arguments)
        _drop_output()
        return OPERATION_FAILED


def _drop_output() -> None:
    """Let go of what stdout did not take: Python would try, and complain, once more at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def exit_code(error: LookalikeError) -> int:
    """Return the exit code of an error."""
    if isinstance(error, InputError | NotFoundError | ConflictError | SourceNotFoundError):
        return WRONG_USE
    return SOME_FAILED if isinstance(error, SourceError) else OPERATION_FAILED


def _tell_error(error: LookalikeError, arguments: list[str]) -> None:
    if "--json" in arguments:
        from ..serialization import error_form

        click.echo(json.dumps(error_form(error), ensure_ascii=False), err=True)
    else:
        click.echo(f"error: {error.message}", err=True)
        if isinstance(error, CollectionNotFoundError):
            _tell_what_there_is(arguments, str(error.details.get("name", "")))


def _tell_what_there_is(arguments: list[str], name: str) -> None:
    """Print where else a missing collection is, or how to have pictures to try with."""
    home = next((word for before, word in pairwise(arguments) if before == "--home"), None)
    hint = demo_hint(home, name)
    if not hint and not has_any(home):
        there = ["--home", home] if home else []
        hint = f"To try it: {command_line('samples', 'photos/')}, then: {command_line('index', 'photos/', *there)}"
    if hint:
        click.echo(hint, err=True)
