"""Commands of `decisions`: list, undo, forget, export, merge, apply."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...errors import InputError, LookalikeError
from ...limits import MOST, check_count
from ...rendering import counted
from . import completion
from .terminal import (
    ANSWER_IS_NO,
    DONE,
    SOME_FAILED,
    STDOUT,
    collection_option,
    command_line,
    home_option,
    is_wanted,
    json_option,
    open_library_at,
    open_output,
    open_to_read,
    print_json,
    progress_bar,
    waiting,
    yes_option,
)

if TYPE_CHECKING:
    from ...core.collection import Collection
    from ...core.decisions.ledger import Event
    from ...core.library import Library
    from ...core.removal.applying import Applied, Way
    from ...core.removal.plan import Removal
from .decisions import SHOWN, ids_text, tell_more


@click.group()
def decisions() -> None:
    """List, undo, exchange and carry out decisions.

    \b
    Example:
      lookalike decisions list
      lookalike decisions apply --trash ~/lookalike-trash
    """


@decisions.command("list")
@click.option(
    "--collection",
    "-c",
    metavar="NAME",
    shell_complete=completion.collection_names,
    help="Only those of this collection.",
)
@click.option("--limit", "-n", default=50, show_default=True, help="How many at most, the newest first.")
@home_option
@json_option
def list_(collection: str | None, limit: int, home: str | None, as_json: bool) -> int:
    """List the decisions, the newest first.

    \b
    Example:
      lookalike decisions list --limit 10
    """
    from ...core.decisions.ledger import NOTES
    from ...rendering import text_table
    from ..serialization import decision_form

    check_count("limit", limit, least=1, most=MOST)
    with open_to_read(home, collection) as library:
        effective = library.ledger.effective(collection)
        is_known = collection is None or collection in library.collections()
    events = [one for one in effective if one.kind not in NOTES and collection in (None, one.collection)]
    newest = events[: -limit - 1 : -1]
    if as_json:
        print_json({"decisions": [decision_form(event) for event in newest], "count": len(events)})
    elif not events:
        click.echo("there are no decisions yet", err=True)
        if not is_known:
            click.echo(f'there is no collection "{collection}". Check the spelling.', err=True)
    else:
        rows = [[one.id, one.at[:16].replace("T", " "), one.kind, one.collection, ids_text(one)] for one in newest]
        click.echo(text_table(["decision", "at (UTC)", "what", "collection", "records"], rows))
    return DONE


@decisions.command()
@click.argument("ids", metavar="DECISION...", nargs=-1)
@click.option("--last", is_flag=True, help="Take back what was decided last, a whole batch at once.")
@home_option
@json_option
def undo(ids: tuple[str, ...], last: bool, home: str | None, as_json: bool) -> int:
    """Take decisions back, by their own id or by that of their batch.

    Files that were moved because of them come back to where they were, and their records into the collection.
    Exit code 1 when there was nothing to take back, 3 when a file could not come back.

    \b
    Example:
      lookalike decisions undo --last
    """
    from ...core.decisions.ledger import NOTES
    from ...core.removal.applying import undo as take_back
    from ..serialization import applied_form, decision_form

    if bool(ids) == last:
        raise InputError(
            "name the decisions to undo by their ids, or pass --last. `lookalike decisions list` shows the ids."
        )
    with open_library_at(home) as library:
        if last:
            ids = tuple(event.batch for event in library.ledger.effective() if event.kind not in NOTES)[-1:]
        undone, restored = take_back(library.ledger, library.collection, ids)
    if as_json:
        print_json({"undone": [decision_form(event) for event in undone], "restored": applied_form(restored)})
    else:
        click.echo(_undone_text(undone, restored, ids))
        _tell_failures(restored)
    if restored.failed:
        return SOME_FAILED
    return DONE if undone or restored.moved else ANSWER_IS_NO


def _undone_text(undone: Sequence[Event], restored: Applied, ids: Sequence[str]) -> str:
    """Describe what was taken back and restored; where that is nothing, say why."""
    if not ids:
        return "nothing to take back: there are no decisions"
    done = [f"took back {counted(len(undone), 'decision')}"] if undone else []
    done += [f"restored {counted(len(restored.moved), 'file')}"] if restored.moved else []
    if done or restored.failed:
        return ", ".join(done) or "took back nothing"
    return f"nothing to take back: {', '.join(ids)} {'was' if len(ids) == 1 else 'were'} taken back before"


@decisions.command()
@click.argument("ids", metavar="DECISION...", nargs=-1)
@click.option("--gone", is_flag=True, help="All decisions about pictures that are in no collection any more.")
@yes_option
@home_option
@json_option
def forget(ids: tuple[str, ...], gone: bool, is_sure: bool, home: str | None, as_json: bool) -> int:
    """Forget decisions for good, by their own id or by that of their batch, after asking on a terminal.

    Nothing of them stays in the home.

    To change your mind, undo them: that can be undone. Other machines keep what they merged from here. Exit code 1
    when there was nothing to forget.

    \b
    Example:
      lookalike decisions forget --gone
    """
    if bool(ids) == gone:
        raise InputError(
            "name the decisions to forget by their ids, or pass --gone. `lookalike decisions list` shows the ids."
        )
    with open_library_at(home) as library:
        if gone:
            ids = tuple(library.decisions_about_gone())
        if ids and not is_wanted(lambda: f"Forget {counted(len(ids), 'decision')} for good?", is_sure=is_sure):
            return ANSWER_IS_NO
        count = library.ledger.forget(ids) if ids else 0
    if as_json:
        print_json({"forgotten": count})
    else:
        click.echo(f"forgot {counted(count, 'event')}" if count else "nothing to forget")
    return DONE if count else ANSWER_IS_NO


@decisions.command()
@click.argument("file", type=click.Path(dir_okay=False), metavar="FILE")
@home_option
def export(file: str, home: str | None) -> int:
    """Write all decisions to a file, as JSON lines that `merge` reads.

    They hold names, places and hashes of pictures, and no picture.

    \b
    Example:
      lookalike decisions export decisions.jsonl
    """
    from ..json_lines import write_lines

    with open_library_at(home) as library, open_output(file) as stream:
        count = write_lines(library.ledger.lines(), stream)
    click.echo(f"wrote {counted(count, 'event')}{'' if file == STDOUT else f' to {file}'}", err=True)
    return DONE


@decisions.command()
@click.argument("file", type=click.Path(dir_okay=False), metavar="FILE")
@home_option
@json_option
def merge(file: str, home: str | None, as_json: bool) -> int:
    """Add the decisions that another machine exported. Where both decided on a picture, the later decision counts.

    \b
    Example:
      lookalike decisions merge decisions.jsonl
    """
    from ...errors import LookalikeError
    from ..json_lines import read_lines

    lines = list(read_lines(Path(file)))
    broken = next((line for line in lines if isinstance(line, LookalikeError)), None)
    if broken is not None:
        raise broken
    with open_library_at(home) as library:
        added = library.ledger.merge(lines, limits=library.settings.limits)
    if as_json:
        print_json({"added": added, "read": len(lines)})
    else:
        click.echo(f"added {added:,} of {counted(len(lines), 'event')}")
    return DONE


@decisions.command()
@click.option(
    "--trash",
    type=click.Path(file_okay=False),
    metavar="FOLDER",
    help="Move the files into this folder; undo restores them.",
)
@click.option("--system-trash", is_flag=True, help="Move the files to the trash of the system.")
@click.option(
    "--script",
    "script_file",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write a shell script that moves them; - is stdout.",
)
@click.option("--merge-metadata", is_flag=True, help="First give kept records the fields and tags that they lack.")
@collection_option
@home_option
@json_option
def apply(
    trash: str | None,
    system_trash: bool,
    script_file: str | None,
    merge_metadata: bool,
    collection: str,
    home: str | None,
    as_json: bool,
) -> int:
    """Carry out the deletions that were decided; without an option only show what would be done.

    A file is moved only while it has the bytes that were decided on, what is kept in its place is there, and no record
    that is not to go has it, too, in any collection. Its record leaves the collection; those of other collections stay
    without their file, and are named. Exit code 3 when some files had to stay; the same command goes on with them.

    \b
    Example:
      lookalike decisions apply
      lookalike decisions apply --trash ~/lookalike-trash --merge-metadata
    """
    from ...core.removal import applying, plan

    if sum(map(bool, (trash, system_trash, script_file))) > 1:
        raise InputError("pass one of --trash, --system-trash and --script.")
    if merge_metadata and not (trash or system_trash):
        raise InputError("--merge-metadata goes with --trash or --system-trash: it is done when a file is moved.")
    way: Way | None = applying.to_folder(trash) if trash else applying.to_system_trash() if system_trash else None
    with open_library_at(home) as library:
        target = library.collection(collection)
        with waiting("looking at the files"):
            found = plan.removals(target, _others(library, target.name))
        if way is None:
            return _preview(found, script_file, as_json)
        with progress_bar("moving", "files", len(found)) as tell:
            applied = applying.apply(target, found, way, merge_metadata=merge_metadata, on_progress=tell)
    gone = {source for source, _ in applied.moved}
    _tell_elsewhere([one for one in found if one.record.source in gone])
    return _show_applied(applied, as_json)


def _others(library: Library, name: str) -> Iterator[Collection]:
    """Return the other collections of the home; report one that cannot be opened."""
    for other in library.collections():
        if other != name:
            try:
                yield library.collection(other)
            except LookalikeError as error:
                click.echo(f'"{other}" was not asked whether it has one of the files: {error.message}', err=True)


def _tell_elsewhere(removals: Sequence[Removal]) -> None:
    """Print how many of some files other collections have, too."""
    shared = [one for one in removals if one.elsewhere]
    if shared:
        names = ", ".join(f'"{name}"' for name in sorted({name for one in shared for name in one.elsewhere}))
        are = "is" if len(shared) == 1 else "are"
        click.echo(f"{counted(len(shared), 'file')} of these {are} in other collections, too: {names}", err=True)


def _preview(found: Sequence[Removal], script_file: str | None, as_json: bool) -> int:
    from ...core.removal.plan import freed_by
    from ...core.removal.script import script
    from ...rendering import size_text
    from ..serialization import removal_form

    ready = [one for one in found if one.obstacle is None]
    size = freed_by(ready)
    if script_file is not None:
        with open_output(script_file) as stream:
            stream.write(script(ready).encode(errors="surrogateescape"))
    if script_file == STDOUT:
        pass
    elif as_json:
        told = [removal_form(one) for one in found]
        print_json({"removals": told, "count": len(ready), "bytes": size, "script": script_file})
    else:
        for one in ready[:SHOWN]:
            click.echo(_removal_text(one))
        tell_more(len(ready))
        for one in found:
            if one.obstacle is not None:
                click.echo(f"  {one.obstacle.code}: {one.obstacle.message}", err=True)
        click.echo(f"{counted(len(ready), 'file')} to go ({size_text(size)}), {len(found) - len(ready):,} stay")
        _tell_elsewhere(ready)
        if script_file is not None:
            click.echo(f"wrote {script_file}. Read it, then run: sh {script_file} FOLDER", err=True)
        elif ready:
            click.echo("nothing was done. To do it, pass --trash FOLDER, --system-trash or --script FILE.", err=True)
    return SOME_FAILED if len(ready) < len(found) else DONE


def _removal_text(removal: Removal) -> str:
    lines = [f"go    {removal.record.source}"]
    if removal.kept is not None:
        lines.append(f"keep  {removal.kept.source or removal.kept.id}")
    if removal.elsewhere:
        lines.append(f"also  in {', '.join(removal.elsewhere)}, whose records lose their file")
    if removal.gained:
        lines.append(f"      which lacks {json.dumps(removal.gained, ensure_ascii=False)} (--merge-metadata)")
    return "\n".join(lines)


def _show_applied(applied: Applied, as_json: bool) -> int:
    from ...rendering import size_text
    from ..serialization import applied_form

    if as_json:
        print_json(applied_form(applied))
    else:
        moved = counted(len(applied.moved), "file")
        click.echo(f"moved {moved} ({size_text(applied.bytes)}), {len(applied.failed):,} stay")
        if any(target is not None for _, target in applied.moved):
            click.echo(f"Take back: {command_line('decisions', 'undo', applied.batch)}", err=True)
        _tell_failures(applied)
    return SOME_FAILED if applied.failed else DONE


def _tell_failures(applied: Applied) -> None:
    for failure in applied.failed:
        click.echo(f"  {failure.code}: {failure.message}", err=True)
