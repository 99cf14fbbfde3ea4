"""Commands that fill a collection and empty it into a file: index, import, export."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...errors import LookalikeError, SourceNotFoundError
from ...rendering import counted
from .conditions import filter_given, filter_options
from .naming import in_options_here
from .terminal import (
    DONE,
    SOME_FAILED,
    STDOUT,
    collection_option,
    command_line,
    encoder_option,
    home_option,
    json_option,
    keep_option,
    open_library_at,
    open_output,
    open_to_read,
    print_json,
    progress_bar,
    type_option,
    waiting,
)

if TYPE_CHECKING:
    from ...core.collection import Collection
    from ...core.ingest.pipeline import IdFrom
    from ...core.ingest.report import Report
    from ...core.library import Library
    from ...records import CollectionType, Keep


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="FOLDER|FILE|URL...")
@collection_option
@type_option
@keep_option
@encoder_option
@click.option("--id-from", type=click.Choice(["path", "name", "hash"]), default="path", show_default=True,
              help="What the id of a file is made of.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Skip every id that is stored, without a check whether its file changed.")
@click.option("--check-content", is_flag=True, help="Also check files whose size and time did not change.")
@click.option("--prune", is_flag=True,
              help="Remove the records whose files below FOLDER are gone; refused when all are, or at least half and "
                   "more than 3, or all of a folder below that is still there: empty (2 records or more), or a mount "
                   "point or link without its files.")  # fmt: skip
@click.option("--prune-all", is_flag=True, help="As --prune, however many files are gone.")
@click.option(
    "--prefix",
    default="",
    metavar="PREFIX",
    help="Beginning of the ids of files, such as disk1 for disk1/2019/a.jpg: for disks with equal paths.",
)
@click.option("--replace", is_flag=True, help="Overwrite records that other sources made under the same id.")
@home_option
@json_option
def index(
    sources: tuple[str, ...],
    collection: str,
    kind: CollectionType | None,
    keep: Keep | None,
    encoder: str | None,
    id_from: IdFrom,
    resume: bool,
    check_content: bool,
    prune: bool,
    prune_all: bool,
    prefix: str,
    replace: bool,
    home: str | None,
    as_json: bool,
) -> int:
    """Index a folder, files or URLs. Indexing again adds what is new and updates what changed.

    The record of a file that was moved or renamed follows it, with its fields, tags and decisions. Files of several
    folders that would share an id get the names of their folders before it.

    \b
    Example:
      lookalike index photos/ --collection holiday
    """
    with open_library_at(home) as library:
        _check_sources(sources)
        source: Any = sources[0] if len(sources) == 1 else list(sources)

        def add(target: Collection) -> Report:
            with progress_bar("indexing", "pictures") as tell:
                return target.add(
                    source,
                    id_from=id_from,
                    resume=resume,
                    check_content=check_content,
                    prune=prune,
                    prune_all=prune_all,
                    prefix=prefix,
                    replace=replace,
                    on_progress=tell,
                )

        target, report = _filled(library, collection, add, type=kind, keep=keep, encoder=encoder)
        return _show_report(report, target, as_json)


@click.command("import")
@click.argument("records", type=click.Path(), metavar="FILE")
@collection_option
@type_option
@click.option("--replace", is_flag=True, help="Overwrite records that other sources made under the same id.")
@home_option
@json_option
def import_(
    records: str, collection: str, kind: CollectionType | None, replace: bool, home: str | None, as_json: bool
) -> int:
    """Import records from JSON lines, or from a CSV file.

    A line holds {"_id", one of "_file", "_url" and "_base64", any fields, "tags"}. Of a CSV file the first row holds
    these names; tags are separated by ";". Paths of pictures start from the folder of FILE. Of several pictures of a
    record the first of "_base64", "_file" and "_url" is taken; other names with _ are left out.

    \b
    Example:
      echo '{"_id": "7", "_file": "a.jpg", "price": 3, "tags": ["red"]}' > records.jsonl
      lookalike import records.jsonl
      lookalike import photos/metadata.csv --collection shop
    """
    from ..json_lines import read_lines, without_hints
    from .tables import read_table

    path = Path(records)
    read_records = read_table if path.suffix.lower() in (".csv", ".tsv") else read_lines
    with open_library_at(home) as library:
        total = sum(1 for _ in read_records(path))
        left_out: set[str] = set()
        given = (without_hints(record, left_out) for record in read_records(path))

        def add(target: Collection) -> Report:
            with progress_bar("importing", "records", total) as tell:
                return target.add(given, base=path.parent, replace=replace, on_progress=tell)

        target, report = _filled(library, collection, add, type=kind)
        if left_out:
            click.echo(f"left out: {', '.join(sorted(left_out))[:300]}", err=True)
        return _show_report(report, target, as_json)


@click.command(short_help="Export records as JSON lines, as `import` reads them.")
@collection_option
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False), metavar="FILE", help="File to write; without it, stdout."
)
@click.option("--vectors", is_flag=True, help="Add the stored vectors.")
@filter_options
@home_option
def export(
    collection: str, output: str | None, vectors: bool, filter: str | None, wheres: tuple[str, ...], home: str | None
) -> int:
    """Export all records as JSON lines, as `import` reads them.

    With --filter or --where only the records that pass.

    \b
    Example:
      lookalike export --output records.jsonl
      lookalike export --where 'price<10' --where color=red
    """
    from ..json_lines import write_lines

    chosen = filter_given(filter, wheres)
    with open_to_read(home, collection) as library:
        lines = library.collection(collection).export(vectors=vectors, filter=chosen)
        with open_output(output or STDOUT) as stream, waiting("writing") if output else nullcontext():
            count = write_lines(lines, stream)
        if output not in (None, STDOUT):
            click.echo(f"wrote {counted(count, 'record')} to {output}", err=True)
        return DONE


def _filled(
    library: Library, name: str, add: Callable[[Collection], Report], **wanted: Any
) -> tuple[Collection, Report]:
    """Fill a collection, made when it is not there; when that fails and it is empty, it goes again."""
    is_made = name not in library.collections()
    target = library.collection(name, create=True, **wanted)
    report = None
    try:
        report = add(target)
        return target, report
    finally:
        has_failed = report is None or bool(report.failed)
        if is_made and has_failed and target.is_there and not len(target):
            with suppress(LookalikeError):
                library.delete_collection(name)
            if report is not None:
                click.echo(f'nothing was added, so no collection "{name}" was made', err=True)


def _check_sources(sources: tuple[str, ...]) -> None:
    """Refuse a missing path before a collection is made for it."""
    for source in sources:
        if "://" not in source and not source.startswith("data:") and not Path(source).exists():
            raise SourceNotFoundError(f'there is no file or folder "{source[:300]}". Check the path.', source=source)


def _show_report(report: Report, target: Collection, as_json: bool) -> int:
    from ..serialization import report_form

    if as_json:
        print_json(report_form(report))
    else:
        click.echo(in_options_here(f"{target.name}: {report}"))
        if report.added:
            find = command_line("find", "IMAGE", *_named(target.name))
            click.echo(f"{counted(len(target), 'record')}. Now: {find}", err=True)
    if not as_json and any(failure.code == "id_taken" for failure in report.failed):
        click.echo("To keep pictures of equal names side by side: --prefix NAME; to overwrite: --replace.", err=True)
    return SOME_FAILED if report.failed else DONE


def _named(name: str) -> list[str]:
    return [] if name == "default" else ["--collection", name]
