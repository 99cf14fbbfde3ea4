"""Commands that ask: find, compare, duplicates."""

from __future__ import annotations

import click

from ..errors import InputError
from .terminal import (
    ANSWER_IS_NO,
    DONE,
    collection_option,
    home_option,
    json_option,
    open_library_at,
    progress_bar,
    sheet_option,
    show,
    write_sheet,
)


@click.command()
@click.argument("sources", nargs=-1, required=True)
@click.option("--not", "unlike", multiple=True, help="Counter-example: an image, or id:ID.")
@collection_option
@click.option("--limit", "-n", default=10, show_default=True, help="How many matches at most.")
@click.option("--threshold", "-t", type=float, help="Floor on the score, 0 to 1.")
@click.option("--filter", "condition", help="""Condition on metadata, as JSON: '{"price": {"$lt": 50}}'.""")
@click.option("--group-by", help="Metadata field: the best match of each value is given.")
@click.option("--crop", help="Part of the first image to look at: x,y,w,h in pixels.")
@sheet_option
@home_option
@json_option
def find(
    sources: tuple[str, ...],
    unlike: tuple[str, ...],
    collection: str,
    limit: int,
    threshold: float | None,
    condition: str | None,
    group_by: str | None,
    crop: str | None,
    sheet: str | None,
    home: str | None,
    as_json: bool,
) -> int:
    """Find what looks like an image.

    An image is a file, a URL, or id:ID of a stored one. Several ask for what they have in common.
    Exit code 1 when nothing reaches an explicit --threshold.

    \b
    Example:
      lookalike find photo.jpg --limit 5 --html matches.html
    """
    with open_library_at(home) as library:
        found = library.collection(collection).search(
            like=list(sources),
            unlike=list(unlike),
            limit=limit,
            threshold=threshold,
            filter=condition,
            group_by=group_by,
            crop=_crop(crop),
        )
        write_sheet(sheet, found)
        show(found, as_json)
        return ANSWER_IS_NO if threshold is not None and not found else DONE


@click.command()
@click.argument("a")
@click.argument("b")
@click.option("--threshold", "-t", type=float, help="Exit with 1 when the score is below.")
@sheet_option
@home_option
@json_option
def compare(a: str, b: str, threshold: float | None, sheet: str | None, home: str | None, as_json: bool) -> int:
    """Compare two images and say how alike they are.

    \b
    Example:
      lookalike compare a.jpg b.jpg --threshold 0.9
    """
    from ..limits import check_unit

    check_unit("threshold", threshold)
    with open_library_at(home) as library:
        compared = library.compare(a, b)
        write_sheet(sheet, compared)
        show(compared, as_json)
        return ANSWER_IS_NO if threshold is not None and compared.score < threshold else DONE


@click.command()
@collection_option
@click.option("--threshold", "-t", type=float, help="Floor on the score of a copy.  [default: 0.9]")
@sheet_option
@home_option
@json_option
def duplicates(collection: str, threshold: float | None, sheet: str | None, home: str | None, as_json: bool) -> int:
    """Find groups of records that are the same picture.

    \b
    Example:
      lookalike duplicates --html duplicates.html
    """
    with open_library_at(home) as library:
        target = library.collection(collection)
        with progress_bar("comparing", "records") as tell:
            found = target.duplicates(threshold=threshold, on_progress=tell)
        write_sheet(sheet, found)
        show(found, as_json)
        return ANSWER_IS_NO if threshold is not None and not found else DONE


def _crop(text: str | None) -> tuple[int, int, int, int] | None:
    if text is None:
        return None
    try:
        x, y, width, height = (int(part) for part in text.split(","))
    except ValueError as exc:
        raise InputError(
            f"--crop={text[:80]} is no rectangle: write x,y,w,h in pixels, such as 10,20,200,100."
        ) from exc
    return (x, y, width, height)
