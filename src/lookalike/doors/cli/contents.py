"""Commands that look after collections and records: make, show, change, remove, copy."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from ...errors import InputError, LookalikeError, NotFoundError, StoreError
from ...rendering import counted
from . import completion
from .terminal import (
    ANSWER_IS_NO,
    DONE,
    SOME_FAILED,
    STDOUT,
    collection_option,
    command_line,
    encoder_option,
    home_option,
    is_wanted,
    json_option,
    keep_option,
    open_library_at,
    open_to_read,
    print_json,
    print_pairs,
    progress_bar,
    type_option,
    waiting,
    yes_option,
)

if TYPE_CHECKING:
    from ...core.collection import Collection
    from ...core.library import Library
    from ...records import CollectionType, Keep

_BRIEF = ("name", "type", "keep", "records", "fields", "product_id_field")  # what the commands tell of a collection


@click.command()
@home_option
@json_option
def collections(home: str | None, as_json: bool) -> int:
    """List the collections.

    \b
    Example:
      lookalike collections
    """
    from ...rendering import text_table

    with open_to_read(home) as library:
        found = [library.info(name) for name in library.collections()]
        for problem in library.check():
            click.echo(f"{problem}.", err=True)
        if as_json:
            print_json({"collections": [{name: one[name] for name in _BRIEF} for one in found]})
        elif not found:
            make, try_it = command_line("index", "FOLDER"), command_line("samples", "photos/")
            click.echo(f"no collections in {library.settings.home}. Make one: {make}", err=True)
            click.echo(f"or get some pictures to try it with: {try_it}", err=True)
        else:
            rows = [[one["name"], one["type"], f"{one['records']:,}", one["keep"]] for one in found]
            click.echo(text_table(["name", "type", "records", "keep"], rows, right=[2]))
        return DONE


@click.command()
@click.argument("name", metavar="NAME", shell_complete=completion.collection_names)
@type_option
@keep_option
@encoder_option
@click.option(
    "--field", "fields", multiple=True, metavar="FIELD", help="Metadata field to declare: filtering by it gets faster."
)
@click.option("--product-id", metavar="FIELD", help="Metadata field that says which records show one product.")
@click.option("--title", default="", metavar="TITLE", help="Title that the page shows in place of the name.")
@home_option
@json_option
def create(
    name: str,
    kind: CollectionType | None,
    keep: Keep | None,
    encoder: str | None,
    fields: tuple[str, ...],
    product_id: str | None,
    title: str,
    home: str | None,
    as_json: bool,
) -> int:
    """Create a collection.

    \b
    Example:
      lookalike create shoes --type products --field price --product-id sku
    """
    with open_library_at(home) as library:
        made = library.create(
            name,
            type=kind or "photos",
            keep=keep or "auto",
            encoder=encoder or "builtin",
            fields=fields,
            product_id_field=product_id,
            title=title,
        )
        if as_json:
            print_json(_brief(made))
        else:
            click.echo(f'created "{made.name}" ({made.spec.type})')
        return DONE


@click.command()
@click.argument("name", metavar="NAME", shell_complete=completion.collection_names)
@click.option(
    "--field", "added", multiple=True, metavar="FIELD", help="Metadata field to declare: filtering by it gets faster."
)
@click.option(
    "--drop-field", "dropped", multiple=True, metavar="FIELD", help="Declared field to drop; the records keep it."
)
@click.option("--product-id", metavar="FIELD", help='Field that says which records show one product; "" takes it away.')
@click.option(
    "--recall-target",
    type=float,
    help="Share of the true neighbors that a search of a large collection has to find, up to 1.",
)
@click.option("--title", metavar="TITLE", help='Title that the page shows in place of the name; "" for none.')
@home_option
@json_option
def configure(
    name: str,
    added: tuple[str, ...],
    dropped: tuple[str, ...],
    product_id: str | None,
    recall_target: float | None,
    title: str | None,
    home: str | None,
    as_json: bool,
) -> int:
    """Change the settings of a collection, while it is in use.

    \b
    Example:
      lookalike configure shoes --field price --drop-field color
      lookalike configure shoes --recall-target 1
    """
    if not added and not dropped and product_id is None and recall_target is None and title is None:
        raise InputError("nothing to change: give --field, --drop-field, --product-id, --recall-target or --title.")
    with open_library_at(home) as library:
        target = library.collection(name)
        target.declare(added, dropped)
        target.configure(product_id_field=product_id, recall_target=recall_target, title=title)
        if unknown := [name for name in dict.fromkeys([*added, product_id or ""]) if name and not target.holds(name)]:
            click.echo(f"no record has the field {_quoted(unknown)} by now. Check the spelling.", err=True)
        if as_json:
            print_json(_brief(target))
        else:
            click.echo(f'"{name}" declares: {", ".join(target.spec.fields) or "no fields"}')
        return DONE


@click.command()
@click.argument("name", metavar="NAME", shell_complete=completion.collection_names)
@yes_option
@home_option
@json_option
def delete(name: str, is_sure: bool, home: str | None, as_json: bool) -> int:
    """Delete a collection for good, after asking on a terminal. Your picture files are not touched.

    \b
    Example:
      lookalike delete shoes
    """
    with open_library_at(home) as library:
        if _is_there(library, name) and not is_wanted(lambda: _farewell(library, name), is_sure=is_sure):
            return ANSWER_IS_NO
        library.delete_collection(name)
        if as_json:
            print_json({"deleted": name})
        else:
            click.echo(f'deleted "{name}"')
        return DONE


@click.command()
@click.argument("name", metavar="NAME", default="default", shell_complete=completion.collection_names)
@home_option
@json_option
def info(name: str, home: str | None, as_json: bool) -> int:
    """Show what a collection is and holds.

    \b
    Example:
      lookalike info default
    """
    with open_to_read(home, name) as library:
        target = library.collection(name)
        told = target.info() | {"files_gone": target.count_gone()}
        if as_json:
            print_json(told)
        else:
            fitted = told["calibration"]
            brief = fitted and f"{fitted['space']} scores, fitted by {fitted['labels']} on {fitted['queries']} queries"
            print_pairs(told | {"calibration": brief})
        return DONE


@click.command()
@click.argument("record_id", metavar="ID", shell_complete=completion.record_ids)
@collection_option
@home_option
@json_option
def get(record_id: str, collection: str, home: str | None, as_json: bool) -> int:
    """Show one record.

    \b
    Example:
      lookalike get holiday/beach.jpg
    """
    from ..serialization import record_form

    with open_to_read(home, collection) as library:
        told = record_form(library.collection(collection).get(record_id))
        if as_json:
            print_json(told)
        else:
            print_pairs(told)
        return DONE


@click.command()
@click.argument("record_ids", metavar="ID...", nargs=-1, required=True, shell_complete=completion.record_ids)
@yes_option
@collection_option
@home_option
@json_option
def remove(record_ids: tuple[str, ...], is_sure: bool, collection: str, home: str | None, as_json: bool) -> int:
    """Remove records. Your picture files are not touched. For more than one record, a terminal asks first.

    Exit code 1 when none of them was there.

    \b
    Example:
      lookalike remove holiday/beach.jpg
    """
    with open_library_at(home) as library:
        question = f'Remove {counted(len(record_ids), "record")} of "{collection}" with their metadata, for good?'
        if len(record_ids) > 1 and not is_wanted(lambda: question, is_sure=is_sure):
            return ANSWER_IS_NO
        target = library.collection(collection)
        missing = [one for one in record_ids if one not in target]
        removed = target.delete(record_ids)
        if as_json:
            print_json({"removed": removed})
        else:
            click.echo(f"removed {removed} of {len(record_ids)}")
        if missing:
            click.echo(f'"{collection}" has no record {_quoted(missing)}. Check the spelling.', err=True)
        return DONE if removed else ANSWER_IS_NO


@click.command()
@click.argument("record_id", metavar="ID", shell_complete=completion.record_ids)
@click.option("--set", "fields", metavar="JSON", help="""Fields to set, as JSON: '{"price": 3}'. Others stay.""")
@click.option("--unset", multiple=True, metavar="FIELD", help="Field to take away.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="The record's tags; replaces those it has.")
@click.option("--picture", metavar="IMAGE", help="Another picture for the record: file or URL.")
@collection_option
@home_option
@json_option
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
    from ..serialization import record_form

    if fields is None and not unset and not tags and picture is None:
        raise InputError("nothing to update: give --set, --unset, --tag or --picture.")
    with open_library_at(home) as library:
        target = library.collection(collection)
        missing = [name for name in unset if name not in target.get(record_id).metadata]
        record = target.update(record_id, _fields(fields), unset=unset, tags=tags or None, source=picture)
        if as_json:
            print_json(record_form(record))
        else:
            print_pairs(record_form(record))
        if missing:
            click.echo(f"there was no field {_quoted(missing)} to take away. Check the spelling.", err=True)
        return DONE


@click.command(short_help="Rewrite a collection, without any trace of what was deleted.")
@click.argument("name", metavar="NAME", default="default", shell_complete=completion.collection_names)
@home_option
@json_option
def compact(name: str, home: str | None, as_json: bool) -> int:
    """Rewrite a collection, so that no trace of deleted records is left on disk.

    What you decided about their pictures stays, and is named. The collection may be in use; it needs as much room
    again while it is rewritten.

    \b
    Example:
      lookalike compact default
    """
    from ..serialization import compacted_form

    with open_library_at(home) as library:
        target = library.collection(name)
        with progress_bar("compacting", "%", 100) as tell:
            compacted = target.compact(tell)
        if as_json:
            print_json(compacted_form(compacted))
        else:
            click.echo(f'compacted "{name}": {compacted}')
        return DONE


@click.command()
@click.argument("folder", type=click.Path(), metavar="FOLDER")
@collection_option
@home_option
def backup(folder: str, collection: str, home: str | None) -> int:
    """Copy a collection to a new folder, while it is in use. Exit code 3 when the copy holds damaged records.

    \b
    Example:
      lookalike backup backups/monday
    """
    if folder == STDOUT:
        raise InputError("a backup is a folder, and cannot go to stdout: name one. `export` writes lines to stdout.")
    with open_to_read(home, collection) as library:
        with waiting("copying"):
            damaged = library.collection(collection).backup(folder)
        click.echo(f'copied "{collection}" to {folder}', err=True)
        for id, what in damaged.items():
            click.echo(f'record "{id}" is damaged, and was copied as it is: {" and ".join(what)}', err=True)
        return SOME_FAILED if damaged else DONE


@click.command()
@click.argument("folder", type=click.Path(), metavar="FOLDER")
@click.option("--name", metavar="NAME", help="Name of the new collection.  [default: the name that was backed up]")
@click.option(
    "--despite-damage",
    is_flag=True,
    help="Restore a damaged backup, without the records whose rows are damaged; they are named.",
)
@home_option
def restore(folder: str, name: str | None, despite_damage: bool, home: str | None) -> int:
    """Restore a backup as a collection. A damaged one is refused, and its damaged records are named.

    \b
    Example:
      lookalike restore backups/monday --name monday
    """
    with open_library_at(home) as library:
        with waiting("restoring"):
            made = library.restore(folder, name, despite_damage=despite_damage)
        click.echo(f'restored "{made.name}": {counted(len(made), "record")}', err=True)
        return DONE


def _is_there(library: Library, name: str) -> bool:
    """Return whether there is a collection, or what is left of a damaged one."""
    try:
        library.info(name)
    except NotFoundError:
        return False
    except StoreError:
        pass
    return True


def _farewell(library: Library, name: str) -> str:
    """Ask whether a collection is to go, and say how much goes with it, where it can be opened."""
    try:
        held = counted(len(library.collection(name)), "record")
    except LookalikeError:
        held = "all its records"
    return f'Delete "{name}" with {held}, metadata and kept pictures, for good?'


def _brief(collection: Collection) -> dict[str, Any]:
    told = collection.info()
    return {name: told[name] for name in _BRIEF}


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name[:80]}"' for name in names)


def _fields(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        fields = json.loads(text)
    except ValueError as exc:
        raise InputError(f"""--set is not JSON: {exc}. Write it like '{{"price": 3}}'.""") from exc
    if not isinstance(fields, dict):
        raise InputError(f"""--set takes an object like '{{"price": 3}}', not {text[:80]}.""")
    return fields
