"""Commands that ask: find, compare, duplicates, graph, clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from ...errors import InputError
from ...rendering import counted
from . import completion
from .conditions import condition_options, given_conditions
from .terminal import (
    ANSWER_IS_NO,
    DONE,
    STDOUT,
    collection_option,
    command_line,
    home_option,
    json_option,
    open_library_at,
    open_to_read,
    print_json,
    progress_bar,
    sheet_option,
    show,
    tell_floor,
    waiting,
    write_output,
    write_sheet,
)


@click.command()
@click.argument("sources", nargs=-1, metavar="IMAGE...", shell_complete=completion.examples)
@click.option(
    "--not",
    "unlike",
    multiple=True,
    metavar="IMAGE",
    shell_complete=completion.examples,
    help="Counter-example: an image, or id:ID.",
)
@click.option("--weight", "weights", multiple=True, type=float, help="Weight of each image, in order.  [default: 1]")
@click.option("--not-weight", "unlike_weights", multiple=True, type=float, help="Weight of each --not, in order.")
@click.option("--random", "at_random", is_flag=True, help="Take a stored image at random as the example.")
@click.option("--seed", type=int, help="With --random: the same number always picks the same image.")
@collection_option
@condition_options
@sheet_option
@home_option
@json_option
def find(
    sources: tuple[str, ...],
    unlike: tuple[str, ...],
    weights: tuple[float, ...],
    unlike_weights: tuple[float, ...],
    at_random: bool,
    seed: int | None,
    collection: str,
    sheet: str | None,
    home: str | None,
    as_json: bool,
    **conditions: Any,
) -> int:
    """Find what looks like an image.

    An image is a file, a URL, or id:ID of a stored one. Several ask for what they have in common.
    Exit code 1 when nothing reaches an explicit --threshold or --precision.

    \b
    Example:
      lookalike find photo.jpg --limit 5 --html matches.html
      lookalike find photo.jpg --where 'price<10' --where color=red
      lookalike find id:shoes/7.jpg --group-by product_id --members 2
      lookalike find photo.jpg --tag red --tag leather --tag-weight 0.5
      lookalike find photo.jpg --verify 20
      lookalike find --random --collapse
    """
    if seed is not None and not at_random:
        raise InputError("--seed is for --random.")
    if not sources and not at_random:
        raise click.UsageError("an example is missing: name an image, a URL or id:ID, or pass --random.")
    with open_to_read(home, collection) as library:
        target = library.collection(collection)
        drawn = [f"id:{record.id}" for record in target.sample(seed=seed)] if at_random else []
        if at_random and not drawn:
            raise InputError(_is_empty(collection))
        with waiting("searching"):
            found = target.search(
                like=_weighted([*sources, *drawn], weights, "--weight"),
                unlike=_weighted(unlike, unlike_weights, "--not-weight"),
                **given_conditions(conditions),
            )
        for example in drawn:
            click.echo(f"drawn at random: {example}", err=True)
        if not write_sheet(sheet, found):
            show(found, as_json)
        if not found and not len(target):
            click.echo(_is_empty(collection), err=True)
        return ANSWER_IS_NO if found.threshold is not None and not found else DONE


@click.command(short_help="Compare two images: how alike, and the same picture or not.")
@click.argument("a", metavar="IMAGE", shell_complete=completion.examples)
@click.argument("b", metavar="IMAGE", shell_complete=completion.examples)
@collection_option
@click.option("--threshold", "-t", type=float, help="Exit with code 1 when the score is lower.")
@click.option(
    "--explain",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write a PNG that shows what agrees and what was changed; - is stdout.",
)
@sheet_option
@home_option
@json_option
def compare(
    a: str,
    b: str,
    collection: str,
    threshold: float | None,
    explain: str | None,
    sheet: str | None,
    home: str | None,
    as_json: bool,
) -> int:
    """Compare two images: how alike they are, and whether they are the same picture. Each is an image, or id:ID.

    The relation is one of identical, same_pixels, reencoded, resized, cropped, mirrored, rotated, edited (all of them
    the same picture), same_object (another photo of the thing, or one drawing or form with other colors
    or words), similar and unrelated.

    \b
    Example:
      lookalike compare a.jpg b.jpg --threshold 0.9
      lookalike compare a.jpg b.jpg --explain why.png
      lookalike compare id:shoes/1.jpg id:shoes/2.jpg --collection shop
    """
    from ...limits import check_unit
    from ..serialization import comparison_form

    check_unit("threshold", threshold)
    is_stored = a.startswith("id:") or b.startswith("id:")
    with open_to_read(home, collection) if is_stored else open_library_at(home) as library:
        with waiting("comparing"):
            compared = library.collection(collection).compare(a, b) if is_stored else library.compare(a, b)
            evidence = None if explain is None else compared.explain()
        is_shown = write_sheet(sheet, compared)
        if explain is not None and evidence is not None:
            write_output(explain, evidence.png)
        if is_shown or explain == STDOUT:
            pass
        elif as_json:
            print_json(comparison_form(compared, evidence))
        else:
            click.echo(str(compared))
        return ANSWER_IS_NO if threshold is not None and compared.score < threshold else DONE


@click.command(short_help="Find groups of records that are the same picture.")
@collection_option
@click.option("--threshold", "-t", type=float, help="Lowest score of a copy, 0.9 to 1; with --no-verify 0 to 1.")
@click.option("--precision", type=float, help="In place of --threshold: how likely a copy has to be one, 0 to 1.")
@click.option(
    "--best", default="original", show_default=True, metavar="RULE",
    help="The best picture of a group: original, resolution, bytes, oldest, newest, or the greatest value of a "
    "FIELD.",
)  # fmt: skip
@click.option(
    "--verify/--no-verify", default=None,
    help="Whether geometry checks every member, or the score alone decides.  [default: --verify]",
)  # fmt: skip
@click.option("--include-decided", is_flag=True, help="Also show what is decided on already (see `decide`).")
@sheet_option
@home_option
@json_option
def duplicates(
    collection: str,
    threshold: float | None,
    precision: float | None,
    best: str,
    verify: bool | None,
    include_decided: bool,
    sheet: str | None,
    home: str | None,
    as_json: bool,
) -> int:
    """Find groups of records that are the same picture, without those that are decided on already.

    Each group has a best picture; for every other, geometry says how it was made of that one. A threshold narrows what
    geometry confirms. Where there is no picture to check, the score decides, and the answer says so. The pairs that
    were found are kept: after you add pictures, only the new ones are compared.

    \b
    Example:
      lookalike duplicates --html duplicates.html
      lookalike duplicates --threshold 0.95 --best oldest
    """
    with open_to_read(home, collection) as library:
        target = library.collection(collection)
        with progress_bar("comparing", "records") as tell:
            found = target.duplicates(
                threshold=threshold,
                precision=precision,
                best=best,
                verify=verify,
                include_decided=include_decided,
                on_progress=tell,
            )
        if not write_sheet(sheet, found):
            show(found, as_json)
        tell_floor(threshold, found.threshold)
        if gone := target.count_gone():
            click.echo(f"in no group, as their files are gone: {counted(gone, 'record')}", err=True)
        return ANSWER_IS_NO if (threshold, precision) != (None, None) and not found else DONE


@click.command(short_help="Write the similarity graph: the nearest records of each record.")
@collection_option
@click.option("--k", type=int, help="Neighbors of each record.  [default: 10, or all when --radius is given]")
@click.option("--radius", type=float, help="Largest distance of an edge.")
@click.option("--threshold", "-t", type=float, help="Lowest score of an edge, 0 to 1.")
@click.option("--self", "include_self", is_flag=True, help="Let a record be a neighbor of itself.")
@click.option("--output", "-o", type=click.Path(dir_okay=False), metavar="FILE",
              help="File to write: .csv, .jsonl or .parquet (extra: graph); else JSON lines to stdout.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on where an interrupted run stopped writing --output.")
@home_option
@json_option
def graph(
    collection: str,
    k: int | None,
    radius: float | None,
    threshold: float | None,
    include_self: bool,
    output: str | None,
    resume: bool,
    home: str | None,
    as_json: bool,
) -> int:
    """Write the similarity graph: edges from each record to its nearest others.

    \b
    Example:
      lookalike graph --k 10 --output edges.csv
    """
    if resume and output in (None, STDOUT):
        raise InputError("--resume is for --output: what went to stdout is not known here.")
    rules: dict[str, Any] = {"k": 10 if k is None and radius is None else k, "radius": radius}
    rules |= {"threshold": threshold, "include_self": include_self}
    with open_to_read(home, collection) as library:
        target = library.collection(collection)
        if output in (None, STDOUT):
            for line in target.graph(**rules).lines():
                click.echo(line)
            return DONE
        with progress_bar("asking", "records") as tell:
            count = target.graph(**rules, on_progress=tell).write(output, resume=resume)
    if as_json:
        print_json({"edges": count, "output": output})
    else:
        click.echo(f"wrote {counted(count, 'edge')} to {output}", err=True)
    return DONE


@click.command()
@collection_option
@click.option("--threshold", "-t", default=0.9, show_default=True, help="Lowest score of two records that are joined.")
@home_option
@json_option
def clusters(collection: str, threshold: float, home: str | None, as_json: bool) -> int:
    """Find clusters: records that a chain of similar pairs joins.

    The ends of a chain may differ; `duplicates` gives groups around one picture.

    \b
    Example:
      lookalike clusters --threshold 0.8
    """
    with open_to_read(home, collection) as library:
        target = library.collection(collection)
        with progress_bar("comparing", "records") as tell:
            found = target.clusters(threshold=threshold, on_progress=tell)
        show(found, as_json)
        return DONE


def _is_empty(name: str) -> str:
    fill = command_line("index", "FOLDER", *([] if name == "default" else ["--collection", name]))
    return f'"{name}" holds no pictures yet. Fill it: {fill}, or get some to try: {command_line("samples", "photos/")}'


def _weighted(images: Sequence[str], weights: Sequence[float], option: str) -> list[str | tuple[str, float]]:
    if not weights:
        return [*images]
    if len(weights) != len(images):
        raise InputError(f"{option} is given {len(weights)} times for {len(images)} images: give one for each.")
    return [*zip(images, weights, strict=True)]
