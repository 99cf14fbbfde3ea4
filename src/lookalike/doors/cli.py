"""The command line: each command parses, calls one thing of the core, and prints.

Results go to stdout and talk to stderr. Exit codes: 0 done; 1 the answer is no (no match at an explicit
threshold); 2 wrong use; 3 some images failed; 4 the operation failed; 130 interrupted.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from .. import __version__, refusals
from ..errors import ConflictError, InputError, LookalikeError, NotFoundError, SourceError, SourceNotFoundError
from . import asking, deciding, evaluating, filling, keeping, serving
from .terminal import (
    DONE,
    INTERRUPTED,
    OPERATION_FAILED,
    SOME_FAILED,
    WRONG_USE,
    command_line,
    home_option,
    json_option,
    open_library_at,
    print_json,
    progress_bar,
)


class _Group(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        """List commands in the order of this file: the order in which a newcomer needs them."""
        return list(self.commands)


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


@click.command()
@click.option("--repair", is_flag=True, help="First mend what can be mended without losing anything, and say what.")
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
        findings = examine(library, repair=repair)
        if as_json:
            print_json(findings)
        else:
            click.echo(show(findings))
        return OPERATION_FAILED if findings["problems"] else DONE


@click.command()
@click.option("--photos", type=click.Path(), help="Your own folder; without it, the rendered samples.")
@click.option("--home", default="demo-home", show_default=True, type=click.Path(file_okay=False),
              help="Folder for the samples, the collection and the contact sheet.")  # fmt: skip
@click.option("--serve/--no-serve", "serves", default=None,
              help="Open the page with the collection at the end.  [default: on a terminal]")  # fmt: skip
def demo(photos: str | None, home: str, serves: bool | None) -> int:
    """Show the main job on sample pictures, or on your own.

    An index, searches, a comparison, the duplicates, a contact sheet to look at, and the page to go on with.

    \b
    Example:
      lookalike demo --photos ~/Pictures
    """
    from .demo import open_page, run_demo

    with open_library_at(home) as library, progress_bar("indexing", "pictures") as tell:
        name = run_demo(library, Path(photos) if photos else None, click.echo, tell)
    if serves if serves is not None else sys.stdout.isatty():
        open_page(home, name, click.echo)
    else:
        click.echo(f"The page, to go on with: {command_line('serve', '--open')}")
    return DONE


@click.command()
@click.argument("folder", type=click.Path(file_okay=False))
def samples(folder: str) -> int:
    """Draw sample pictures into a folder, to try everything with.

    Scenes, products in several colors and views, patterns, and changed copies: 8 MB. Other files there are left alone.

    \b
    Example:
      lookalike samples photos/
    """
    from ..samples import write_samples

    write_samples(Path(folder))
    click.echo(f"drew sample pictures. Now: {command_line('index', folder)}", err=True)
    return DONE


for _command in (
    filling.index,
    filling.import_,
    asking.find,
    asking.compare,
    asking.duplicates,
    deciding.decide,
    deciding.decisions,
    asking.graph,
    asking.clusters,
    evaluating.evaluate,
    keeping.collections,
    keeping.create,
    keeping.configure,
    keeping.delete,
    keeping.info,
    keeping.get,
    keeping.remove,
    keeping.update,
    keeping.compact,
    filling.export,
    keeping.backup,
    keeping.restore,
    serving.serve,
    serving.keys,
    serving.openapi,
    doctor,
    demo,
    samples,
):
    cli.add_command(_command)


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and give its exit code; errors are told on stderr, as JSON with --json."""
    try:
        return cli.main(arguments, prog_name="lookalike", standalone_mode=False) or DONE
    except click.ClickException as error:
        error.show()
        return WRONG_USE
    except LookalikeError as error:
        _tell_error(error, as_json="--json" in arguments)
        return exit_code(error)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; what was committed is kept. The same command goes on from there.", err=True)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        sys.stderr.close()
        return DONE
    except OSError as error:
        _tell_error(refusals.error_of(error, error.filename or "this output"), as_json="--json" in arguments)
        _drop_output()
        return OPERATION_FAILED


def _drop_output() -> None:
    """Let go of what stdout did not take: Python would try, and complain, once more at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def exit_code(error: LookalikeError) -> int:
    """Give the exit code of an error."""
    if isinstance(error, InputError | NotFoundError | ConflictError | SourceNotFoundError):
        return WRONG_USE
    return SOME_FAILED if isinstance(error, SourceError) else OPERATION_FAILED


def _tell_error(error: LookalikeError, *, as_json: bool) -> None:
    if as_json:
        from .forms import error_form

        click.echo(json.dumps(error_form(error), ensure_ascii=False), err=True)
    else:
        click.echo(f"error: {error.message}", err=True)
