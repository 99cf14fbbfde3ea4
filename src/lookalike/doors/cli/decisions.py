"""Commands that decide on duplicates, and carry out what was decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ...distances import COPY_SCORE
from ...rendering import counted
from . import completion
from .terminal import (
    ANSWER_IS_NO,
    DONE,
    collection_option,
    command_line,
    home_option,
    json_option,
    open_library_at,
    print_json,
    tell_floor,
    waiting,
)

if TYPE_CHECKING:
    from ...core.decisions.ledger import Choice, Event
    from ...core.review.review import BestOf

SHOWN = 20  # groups or files of a preview; --json tells all

beside_option = click.option(
    "--beside",
    multiple=True,
    metavar="ID",
    shell_complete=completion.record_ids,
    help="Another record of the group; may be given again.",
)


@click.group()
def decide() -> None:
    """Decide what becomes of duplicates.

    A decision is about the picture, not the record: it holds after indexing again, moving and saving anew, and under
    another encoder. What is decided is no longer shown by `duplicates`. No file is touched before `decisions apply`.

    \b
    Example:
      lookalike decide delete copy.jpg --beside original.jpg
      lookalike decide not-a-duplicate monday.jpg tuesday.jpg
    """


@decide.command()
@click.argument("record_ids", metavar="ID...", nargs=-1, required=True, shell_complete=completion.record_ids)
@beside_option
@collection_option
@home_option
@json_option
def keep(record_ids: tuple[str, ...], **told: Any) -> int:
    """Keep records. Two that are kept together are not shown as duplicates again.

    \b
    Example:
      lookalike decide keep holiday/beach.jpg prints/beach-small.jpg
    """
    return _decide("keep", record_ids, **told)


@decide.command()
@click.argument("record_ids", metavar="ID...", nargs=-1, required=True, shell_complete=completion.record_ids)
@beside_option
@collection_option
@home_option
@json_option
def delete(record_ids: tuple[str, ...], **told: Any) -> int:
    """Mark records for deletion: `decisions apply` moves their files. With --beside only while one of those is there.

    \b
    Example:
      lookalike decide delete copy.jpg --beside original.jpg
    """
    return _decide("delete", record_ids, **told)


@decide.command("not-a-duplicate")
@click.argument("record_ids", metavar="ID ID...", nargs=-1, required=True, shell_complete=completion.record_ids)
@collection_option
@home_option
@json_option
def not_a_duplicate(record_ids: tuple[str, ...], **told: Any) -> int:
    """Record that any two of these records are different pictures.

    \b
    Example:
      lookalike decide not-a-duplicate monday.jpg tuesday.jpg
    """
    return _decide("not_a_duplicate", record_ids, beside=(), **told)


@decide.command()
@click.argument("record_ids", metavar="ID...", nargs=-1, required=True, shell_complete=completion.record_ids)
@collection_option
@home_option
@json_option
def later(record_ids: tuple[str, ...], **told: Any) -> int:
    """Put records off: a group of them waits behind the open ones of the review.

    \b
    Example:
      lookalike decide later scan-1.jpg scan-2.jpg
    """
    return _decide("later", record_ids, beside=(), **told)


@decide.command("best-in-each-group")
@click.option("--threshold", "-t", type=float, help="Lowest score of a copy, 0.9 to 1.")
@click.option("--all-kinds", is_flag=True, help="Delete cropped, edited, turned and mirrored copies, too.")
@click.option(
    "--relation", metavar="RELATION", help="Only groups with a member of this relation to the best, such as resized."
)
@click.option(
    "--folder",
    metavar="FOLDER",
    help="Only groups with a member in this folder or below: a path, or what ids begin with.",
)
@click.option("--save", is_flag=True, help="Save these decisions; without it they are only shown.")
@collection_option
@home_option
@json_option
def best_in_each_group(save: bool, collection: str, home: str | None, as_json: bool, **wanted: Any) -> int:
    """Keep the best picture of each duplicate group, and delete those that are certainly the same.

    Those are identical, of the same pixels, re-encoded or resized; the others are shown as left, and stay open:
    --all-kinds deletes them, too. Shows what that means; --save decides it, in one batch. What was kept before stays,
    and groups that were put off are left alone.

    \b
    Example:
      lookalike decide best-in-each-group --threshold 0.95
      lookalike decide best-in-each-group --threshold 0.95 --save
    """
    from ..serialization import best_form

    with open_library_at(home) as library:
        review = library.collection(collection).review
        with waiting("comparing"):
            if save:
                found, events = review.keep_best(**wanted)
                batch = events[0].batch if events else None
            else:
                found, batch = review.best_of_each(**wanted), None
        if as_json:
            print_json({**best_form(found), "batch": batch})
        else:
            _show_best(found, batch)
        tell_floor(wanted["threshold"], COPY_SCORE)
        return DONE if found else ANSWER_IS_NO


def _decide(
    choice: Choice,
    record_ids: Sequence[str],
    *,
    beside: Sequence[str],
    collection: str,
    home: str | None,
    as_json: bool,
) -> int:
    from ..serialization import decision_form

    with open_library_at(home) as library:
        event = library.collection(collection).decisions.decide(choice, record_ids, beside=beside)
        if as_json:
            print_json(decision_form(event))
        else:
            undo = command_line("decisions", "undo", event.id)
            click.echo(f"{choice.replace('_', ' ')}: {ids_text(event)}  (take back: {undo})")
    return DONE


def _show_best(found: Sequence[BestOf], batch: str | None) -> None:
    from ...rendering import size_text

    for one in found[:SHOWN]:
        told = (("keep    ", one.kept), ("delete  ", one.deleted), ("left    ", one.left))
        click.echo("\n".join([*(f"{word}{id}" for word, ids in told for id in ids), ""]))
    tell_more(len(found))
    deleted, freed = sum(len(one.deleted) for one in found), sum(one.freed_bytes for one in found)
    click.echo(f"{counted(len(found), 'group')}: {counted(deleted, 'record')} to delete ({size_text(freed)})")
    if left := sum(len(one.left) for one in found):
        click.echo(f"{counted(left, 'record')} left for you to look at (--all-kinds deletes them, too)", err=True)
    if batch is not None:
        click.echo(f"Take back: {command_line('decisions', 'undo', batch)}", err=True)
    elif deleted:
        click.echo("nothing was decided. To decide it, pass --save.", err=True)


def tell_more(count: int) -> None:
    """Print how many more there are than are shown."""
    if count > SHOWN:
        click.echo(f"and {count - SHOWN:,} more (--json tells all)")


def ids_text(event: Event) -> str:
    """Name the pictures of a decision."""
    return ", ".join(picture.id for picture in event.pictures)
