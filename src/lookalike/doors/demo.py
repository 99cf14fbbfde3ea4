"""The demo: the main job from beginning to end, on rendered samples or on the user's own folder."""

from __future__ import annotations

import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from .. import disk
from ..errors import InputError
from ..rendering import Section, counted, html_page
from .lines import read_lines
from .terminal import command_line

if TYPE_CHECKING:
    from ..core.collection import Collection
    from ..core.ingest import OnProgress
    from ..core.library import Library

COLLECTION = "demo"
_SAMPLE_QUERIES = ("scenes", "products", "patterns")  # the first picture of each is asked for


def run_demo(library: Library, photos: Path | None, say: Callable[[str], None], tell: OnProgress | None) -> str:
    """Index, search, compare, find duplicates; print each, and write the contact sheet.

    Returns:
        The name of the collection.
    """
    name = COLLECTION if photos is None else f"{COLLECTION}-{photos.resolve().name}"[:128]
    collection = library.collection(name, create=True)
    if photos is None:
        _add_samples(library, collection, say, tell)
    else:
        say("$ " + command_line("index", str(photos), "--collection", name))
        say(str(collection.add(photos, on_progress=tell)))
    ids = [record.id for record in collection]
    if len(ids) < 2:
        raise InputError(f"{photos} holds {counted(len(ids), 'picture')} that can be read; the demo needs 2.")
    sections = _ask(library, collection, _queries(ids), say)
    sheet = library.settings.home / "sheet.html"
    disk.replace_text(sheet, html_page(f"lookalike: {name}", counted(len(ids), "picture"), sections))
    say(f"\nThe same with pictures, for your browser: {sheet.resolve().as_uri()}")
    return name


def open_page(home: str, name: str, say: Callable[[str], None]) -> None:
    """Serve until Ctrl-C, with the collection open in a browser."""
    from ..settings import load_settings
    from .server.running import serve

    def tell(address: str) -> None:
        page = f"{address}/#/c/{quote(name, safe='')}"
        say(f"\nThe page is at {page} until you press Ctrl-C.")
        webbrowser.open(page)

    serve(load_settings(home=home, given={"port": 0}, serving=True), tell)


def _add_samples(library: Library, collection: Collection, say: Callable[[str], None], tell: OnProgress | None) -> None:
    from ..samples import installed_photographs, write_samples

    folder = library.settings.home / "samples"
    say("rendering sample pictures ...")
    records = write_samples(folder)
    say("$ " + command_line("import", str(records), "--collection", COLLECTION))
    say(str(collection.add(read_lines(records), base=folder, on_progress=tell)))
    photographs = installed_photographs()
    if photographs:
        say("$ " + command_line("index", *map(str, photographs), "--collection", COLLECTION))
        say(str(collection.add(photographs, on_progress=tell)))


def _queries(ids: Sequence[str]) -> list[str]:
    chosen = [next((i for i in ids if i.startswith(folder + "/")), None) for folder in _SAMPLE_QUERIES]
    named = [record_id for record_id in chosen if record_id is not None]
    return named or [ids[0], ids[len(ids) // 2]]


def _ask(library: Library, collection: Collection, queries: Sequence[str], say: Callable[[str], None]) -> list[Section]:
    sections = []
    for record_id in queries:
        say("\n$ " + command_line("find", f"id:{record_id}", "--collection", collection.name, "--limit", "6"))
        found = collection.search(f"id:{record_id}", limit=6)
        say(str(found))
        sections += found.sections()
    pair = [source for match in found[:2] if (source := match.source)]
    if len(pair) == 2:
        say("\n$ " + command_line("compare", *pair))
        compared = library.compare(*pair)
        say(str(compared))
        sections += compared.sections()
    say("\n$ " + command_line("duplicates", "--collection", collection.name))
    groups = collection.duplicates()
    say(str(groups))
    return sections + groups.sections()[:12]
