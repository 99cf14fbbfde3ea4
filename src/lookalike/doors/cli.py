"""The command line: each command parses, calls one thing of the core, and prints.

Results go to stdout and talk to stderr. Exit codes: 0 done; 1 the answer is no (no match at an explicit
threshold); 2 wrong use; 3 some images failed; 4 the operation failed; 130 interrupted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import __version__
from ..errors import ConflictError, InputError, LookalikeError, NotFoundError, SourceError, SourceNotFoundError

if TYPE_CHECKING:
    from ..core.collection import Collection
    from ..core.ingest import IdFrom, OnProgress
    from ..core.library import Library
    from ..core.results import Comparison, DuplicateGroups, Matches, Report
    from ..values import CollectionType, Keep

DONE, ANSWER_IS_NO, WRONG_USE, SOME_FAILED, OPERATION_FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 130

_home = click.option("--home", type=click.Path(file_okay=False), help="Folder that holds all collections.")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
_collection = click.option("--collection", "-c", default="default", show_default=True, help="Name of the collection.")
_type = click.option(
    "--type",
    "kind",
    type=click.Choice(["photos", "products", "matching"]),
    default="photos",
    show_default=True,
    help="What ranks: what is shown (photos, products), or being a copy (matching). For a new collection.",
)
_encoder = click.option(
    "--encoder",
    type=click.Choice(["builtin", "builtin-accurate"]),
    default="builtin",
    show_default=True,
    help="What encodes the pictures of a new collection; accurate is better for clothes, at twice the cost.",
)
_keep = click.option(
    "--keep",
    type=click.Choice(["auto", "none", "thumbnail", "original"]),
    default="auto",
    show_default=True,
    help="Which pictures a new collection keeps; auto: a thumbnail of what is no file on disk.",
)
_sheet = click.option("--html", "sheet", type=click.Path(dir_okay=False), help="Write a contact sheet with pictures.")


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


@cli.command()
@click.argument("sources", nargs=-1, required=True)
@_collection
@_type
@_keep
@_encoder
@click.option("--id-from", type=click.Choice(["path", "name", "hash"]), default="path", show_default=True,
              help="What names a file.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Take every stored id as done, without looking whether its file changed.")
@click.option("--prune", is_flag=True, help="Remove the records whose files below FOLDER are gone.")
@click.option("--replace", is_flag=True, help="Overwrite records that other sources made under the same id.")
@_home
@_json
def index(
    sources: tuple[str, ...],
    collection: str,
    kind: CollectionType,
    keep: Keep,
    encoder: str,
    id_from: IdFrom,
    resume: bool,
    prune: bool,
    replace: bool,
    home: str | None,
    as_json: bool,
) -> int:
    """Index a folder, files or URLs. Indexing again adds what is new and updates what changed.

    \b
    Example:
      lookalike index photos/ --collection holiday
    """
    with _library(home) as library:
        _check_sources(sources)
        target = library.collection(collection, create=True, type=kind, keep=keep, encoder=encoder)
        source: Any = sources[0] if len(sources) == 1 else list(sources)
        with _progress("indexing", "pictures") as tell:
            report = target.add(
                source,
                id_from=id_from,
                resume=resume,
                prune=prune,
                replace=replace,
                on_progress=tell,
            )
        return _show_report(report, target, as_json)


@cli.command("import")
@click.argument("records", type=click.Path())
@_collection
@_type
@click.option("--replace", is_flag=True, help="Overwrite records that other sources made under the same id.")
@_home
@_json
def import_(records: str, collection: str, kind: CollectionType, replace: bool, home: str | None, as_json: bool) -> int:
    """Import records from JSON lines.

    A line holds {"_id", one of "_file", "_url" and "_base64", any fields, "tags"}.

    \b
    Example:
      echo '{"_id": "7", "_file": "a.jpg", "price": 3, "tags": ["red"]}' > records.jsonl
      lookalike import records.jsonl
    """
    from .lines import count_lines, read_lines

    path = Path(records)
    with _library(home) as library:
        total = count_lines(path)
        target = library.collection(collection, create=True, type=kind)
        with _progress("importing", "records", total) as tell:
            report = target.add(read_lines(path), base=path.parent, replace=replace, on_progress=tell)
        return _show_report(report, target, as_json)


@cli.command()
@click.argument("sources", nargs=-1, required=True)
@click.option("--not", "unlike", multiple=True, help="Counter-example: an image, or id:ID.")
@_collection
@click.option("--limit", "-n", default=10, show_default=True, help="How many matches at most.")
@click.option("--threshold", "-t", type=float, help="Floor on the score, 0 to 1.")
@click.option("--filter", "condition", help="""Condition on metadata, as JSON: '{"price": {"$lt": 50}}'.""")
@click.option("--group-by", help="Metadata field: the best match of each value is given.")
@click.option("--crop", help="Part of the first image to look at: x,y,w,h in pixels.")
@_sheet
@_home
@_json
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
    with _library(home) as library:
        found = library.collection(collection).search(
            like=list(sources),
            unlike=list(unlike),
            limit=limit,
            threshold=threshold,
            filter=condition,
            group_by=group_by,
            crop=_crop(crop),
        )
        _write_sheet(sheet, found)
        _show(found, as_json)
        return ANSWER_IS_NO if threshold is not None and not found else DONE


@cli.command()
@click.argument("a")
@click.argument("b")
@click.option("--threshold", "-t", type=float, help="Exit with 1 when the score is below.")
@_sheet
@_home
@_json
def compare(a: str, b: str, threshold: float | None, sheet: str | None, home: str | None, as_json: bool) -> int:
    """Compare two images and say how alike they are.

    \b
    Example:
      lookalike compare a.jpg b.jpg --threshold 0.9
    """
    from ..limits import check_unit

    check_unit("threshold", threshold)
    with _library(home) as library:
        compared = library.compare(a, b)
        _write_sheet(sheet, compared)
        _show(compared, as_json)
        return ANSWER_IS_NO if threshold is not None and compared.score < threshold else DONE


@cli.command()
@_collection
@click.option("--threshold", "-t", type=float, help="Floor on the score of a copy.  [default: 0.9]")
@_sheet
@_home
@_json
def duplicates(collection: str, threshold: float | None, sheet: str | None, home: str | None, as_json: bool) -> int:
    """Find groups of records that are the same picture.

    \b
    Example:
      lookalike duplicates --html duplicates.html
    """
    with _library(home) as library:
        target = library.collection(collection)
        with _progress("comparing", "records") as tell:
            found = target.duplicates(threshold=threshold, on_progress=tell)
        _write_sheet(sheet, found)
        _show(found, as_json)
        return ANSWER_IS_NO if threshold is not None and not found else DONE


@cli.command()
@_home
@_json
def collections(home: str | None, as_json: bool) -> int:
    """List the collections.

    \b
    Example:
      lookalike collections
    """
    from ..rendering import text_table

    with _library(home) as library:
        opened = [library.collection(name) for name in library.collections()]
        if as_json:
            _print_json({"collections": [_brief(one) for one in opened]})
        elif not opened:
            click.echo(f"no collections in {library.settings.home}. Make one: lookalike index FOLDER", err=True)
        else:
            rows = [[one.name, one.spec.type, f"{len(one):,}", one.spec.keep] for one in opened]
            click.echo(text_table(["name", "type", "records", "keep"], rows, right=[2]))
        return DONE


@cli.command()
@click.argument("name")
@_type
@_keep
@_encoder
@click.option("--field", "fields", multiple=True, help="Metadata field that is often filtered by.")
@click.option("--product-id", help="Metadata field that says which records show one product.")
@_home
@_json
def create(
    name: str,
    kind: CollectionType,
    keep: Keep,
    encoder: str,
    fields: tuple[str, ...],
    product_id: str | None,
    home: str | None,
    as_json: bool,
) -> int:
    """Create a collection.

    \b
    Example:
      lookalike create shoes --type products --field price --product-id sku
    """
    with _library(home) as library:
        made = library.create(
            name,
            type=kind,
            keep=keep,
            encoder=encoder,
            fields=fields,
            product_id_field=product_id,
        )
        if as_json:
            _print_json(_brief(made))
        else:
            click.echo(f'created "{made.name}" ({made.spec.type})')
        return DONE


@cli.command()
@click.argument("name")
@_home
@_json
def delete(name: str, home: str | None, as_json: bool) -> int:
    """Delete a collection for good. Your picture files are not touched.

    \b
    Example:
      lookalike delete shoes
    """
    with _library(home) as library:
        library.delete_collection(name)
        if as_json:
            _print_json({"deleted": name})
        else:
            click.echo(f'deleted "{name}"')
        return DONE


@cli.command()
@click.argument("name", default="default")
@_home
@_json
def info(name: str, home: str | None, as_json: bool) -> int:
    """Tell what a collection is and holds.

    \b
    Example:
      lookalike info default
    """
    with _library(home) as library:
        told = library.collection(name).info()
        if as_json:
            _print_json(told)
        else:
            _print_pairs(told)
        return DONE


@cli.command()
@click.argument("record_id", metavar="ID")
@_collection
@_home
@_json
def get(record_id: str, collection: str, home: str | None, as_json: bool) -> int:
    """Show one record.

    \b
    Example:
      lookalike get holiday/beach.jpg
    """
    from .forms import record_form

    with _library(home) as library:
        told = record_form(library.collection(collection).get(record_id))
        if as_json:
            _print_json(told)
        else:
            _print_pairs(told)
        return DONE


@cli.command()
@click.argument("record_ids", metavar="ID...", nargs=-1, required=True)
@_collection
@_home
@_json
def remove(record_ids: tuple[str, ...], collection: str, home: str | None, as_json: bool) -> int:
    """Remove records. Your picture files are not touched. Exit code 1 when none of them was there.

    \b
    Example:
      lookalike remove holiday/beach.jpg
    """
    with _library(home) as library:
        removed = library.collection(collection).delete(record_ids)
        if as_json:
            _print_json({"removed": removed})
        else:
            click.echo(f"removed {removed} of {len(record_ids)}")
        return DONE if removed else ANSWER_IS_NO


@cli.command()
@click.argument("record_id", metavar="ID")
@click.option("--set", "fields", help="""Fields to set, as JSON: '{"price": 3}'. Others stay.""")
@click.option("--unset", multiple=True, help="Field to take away.")
@click.option("--tag", "tags", multiple=True, help="The record's tags; replaces those it has.")
@click.option("--picture", help="Another picture for the record: file or URL.")
@_collection
@_home
@_json
def update(
    record_id: str,
    fields: str | None,
    unset: tuple[str, ...],
    tags: tuple[str, ...],
    picture: str | None,
    collection: str,
    home: str | None,
    as_json: bool,
) -> int:
    """Update the fields, tags or picture of a record.

    \b
    Example:
      lookalike update holiday/beach.jpg --set '{"year": 2024}' --tag sea --tag sun
    """
    from .forms import record_form

    if fields is None and not unset and not tags and picture is None:
        raise InputError("nothing to update: give --set, --unset, --tag or --picture.")
    with _library(home) as library:
        target = library.collection(collection)
        record = target.update(record_id, _fields(fields), unset=unset, tags=tags or None, source=picture)
        if as_json:
            _print_json(record_form(record))
        else:
            _print_pairs(record_form(record))
        return DONE


@cli.command()
@_collection
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="File to write; without it, stdout.")
@click.option("--vectors", is_flag=True, help="Add the stored vectors.")
@_home
def export(collection: str, output: str | None, vectors: bool, home: str | None) -> int:
    """Export all records as JSON lines, as `import` reads them.

    \b
    Example:
      lookalike export --output records.jsonl
    """
    from .lines import write_lines

    with _library(home) as library:
        lines = library.collection(collection).export(vectors=vectors)
        count = write_lines(lines, Path(output) if output else None)
        if output:
            click.echo(f"wrote {count:,} records to {output}", err=True)
        return DONE


@cli.command()
@click.argument("folder", type=click.Path())
@_collection
@_home
def backup(folder: str, collection: str, home: str | None) -> int:
    """Copy a collection to a new folder, while it is in use.

    \b
    Example:
      lookalike backup backups/monday
    """
    with _library(home) as library:
        library.collection(collection).backup(folder)
        click.echo(f'copied "{collection}" to {folder}', err=True)
        return DONE


@cli.command()
@click.argument("folder", type=click.Path())
@click.option("--name", help="Name of the collection to make; its own without it.")
@_home
def restore(folder: str, name: str | None, home: str | None) -> int:
    """Bring a backup back as a collection.

    \b
    Example:
      lookalike restore backups/monday --name monday
    """
    with _library(home) as library:
        made = library.restore(folder, name)
        click.echo(f'restored "{made.name}": {len(made):,} records', err=True)
        return DONE


@cli.command()
@_home
@_json
def doctor(home: str | None, as_json: bool) -> int:
    """Check versions, encoder, speed and the stored collections.

    Exit code 4 when something is wrong.

    \b
    Example:
      lookalike doctor
    """
    from .doctor import examine, show

    with _library(home) as library:
        findings = examine(library)
        if as_json:
            _print_json(findings)
        else:
            click.echo(show(findings))
        return OPERATION_FAILED if findings["problems"] else DONE


@cli.command()
@click.option("--photos", type=click.Path(), help="Your own folder; without it, the rendered samples.")
@click.option("--home", default="demo-home", show_default=True, type=click.Path(file_okay=False),
              help="Folder for the samples, the collection and the contact sheet.")  # fmt: skip
def demo(photos: str | None, home: str) -> int:
    """Show the main job on sample pictures, or on your own.

    An index, searches, a comparison, the duplicates, and a contact sheet to look at.

    \b
    Example:
      lookalike demo --photos ~/Pictures
    """
    from .demo import run_demo

    with _library(home) as library, _progress("indexing", "pictures") as tell:
        run_demo(library, Path(photos) if photos else None, click.echo, tell)
        return DONE


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
        click.echo(f"error: {error}", err=True)
        return OPERATION_FAILED


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


@contextmanager
def _library(home: str | None) -> Iterator[Library]:
    from ..core.library import open_library

    with open_library(home) as library:
        yield library


@contextmanager
def _progress(verb: str, unit: str, total: int | None = None) -> Iterator[OnProgress | None]:
    """Show a bar with rate and remaining time on a terminal; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield None
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


def _check_sources(sources: tuple[str, ...]) -> None:
    """Refuse a missing path before a collection is made for it."""
    for source in sources:
        if "://" not in source and not source.startswith("data:") and not Path(source).exists():
            raise SourceNotFoundError(f'there is no file or folder "{source[:300]}". Check the path.', source=source)


def _show_report(report: Report, target: Collection, as_json: bool) -> int:
    from .forms import report_form

    if as_json:
        _print_json(report_form(report))
    else:
        click.echo(f"{target.name}: {report}")
        if report.added:
            click.echo(f"{len(target):,} records. Now: lookalike find IMAGE{_named(target.name)}", err=True)
    return SOME_FAILED if report.failed else DONE


def _named(name: str) -> str:
    return "" if name == "default" else f" --collection {name}"


def _show(found: Matches | Comparison | DuplicateGroups, as_json: bool) -> None:
    from ..core import results
    from . import forms

    if not as_json:
        click.echo(str(found))
    elif isinstance(found, results.Matches):
        _print_json(forms.matches_form(found))
    elif isinstance(found, results.DuplicateGroups):
        _print_json(forms.duplicates_form(found))
    else:
        _print_json(forms.comparison_form(found))


def _write_sheet(sheet: str | None, found: Matches | Comparison | DuplicateGroups) -> None:
    if sheet is None:
        return
    from ..rendering import html_page

    Path(sheet).write_text(html_page("lookalike", "", found.sections()), encoding="utf-8")
    click.echo(f"wrote {sheet}", err=True)


def _brief(collection: Collection) -> dict[str, Any]:
    spec = collection.spec
    return {
        "name": spec.name,
        "type": spec.type,
        "keep": spec.keep,
        "records": len(collection),
        "fields": list(spec.fields),
        "product_id_field": spec.product_id_field,
    }


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _print_pairs(values: dict[str, Any]) -> None:
    width = max(len(name) for name in values)
    for name, value in values.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        click.echo(f"{name.ljust(width)}  {text}")


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


def _fields(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        fields = json.loads(text)
    except ValueError as exc:
        raise InputError(f"""--set is no JSON: {exc}. Write it like '{{"price": 3}}'.""") from exc
    if not isinstance(fields, dict):
        raise InputError(f"""--set takes an object like '{{"price": 3}}', not {text[:80]}.""")
    return fields
