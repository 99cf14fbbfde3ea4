"""The demo: the main job from beginning to end, on sample pictures or on the user's own folder."""

from __future__ import annotations

import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from ... import disk
from ...errors import InputError
from ...records import Progress
from ...rendering import Section, counted, html_page
from ..json_lines import read_lines
from .terminal import command_line, progress_bar, waiting

if TYPE_CHECKING:
    from ...core.collection import Collection
    from ...core.library import Library

COLLECTION = "demo"
_SAMPLE_QUERIES = ("scenes", "products", "patterns")  # a search for the first picture of each is shown


def run_demo(library: Library, photos: Path | None, say: Callable[[str], None]) -> str:
    """Index, search, compare, find duplicates; print each, and write the contact sheet.

    Returns:
        The name of the collection.
    """
    name = COLLECTION if photos is None else f"{COLLECTION}-{photos.resolve().name}"[:128]
    collection = library.collection(name, create=True)
    if photos is None:
        _add_samples(library, collection, say)
    else:
        say("$ " + command_line("index", str(photos), "--collection", name))
        with progress_bar("indexing", "pictures") as tell:
            report = collection.add(photos, on_progress=tell)
        say(str(report))
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
    from ...settings import load_settings
    from ..http.server import serve

    def tell(address: str) -> None:
        page = f"{address}/#/c/{quote(name, safe='')}"
        say(f"\nThe page is at {page} until you press Ctrl-C.")
        webbrowser.open(page)

    serve(load_settings(home=home, given={"port": 0}, serving=True), tell)


def write(folder: Path) -> Path:
    """Write the sample pictures, and give the list of them."""
    from ...samples import LISTING, count_samples, write_each_sample

    total = count_samples()
    with progress_bar("writing", "pictures", total) as tell:
        for count, _ in enumerate(write_each_sample(folder), start=1):
            tell(Progress(min(count, total), total))
    return folder / LISTING


def _add_samples(library: Library, collection: Collection, say: Callable[[str], None]) -> None:
    from ...samples import count_samples, installed_photographs

    folder = library.settings.home / "samples"
    say("writing sample pictures ...")
    records = write(folder)
    say("$ " + command_line("import", str(records), "--collection", COLLECTION))
    with progress_bar("indexing", "pictures", count_samples()) as tell:
        report = collection.add(read_lines(records), base=folder, on_progress=tell)
    say(str(report))
    photographs = installed_photographs()
    if photographs:
        say("$ " + command_line("index", *map(str, photographs), "--collection", COLLECTION))
        with progress_bar("indexing", "pictures") as tell:
            report = collection.add(photographs, on_progress=tell)
        say(str(report))


def _queries(ids: Sequence[str]) -> list[str]:
    chosen = [next((i for i in ids if i.startswith(folder + "/")), None) for folder in _SAMPLE_QUERIES]
    named = [record_id for record_id in chosen if record_id is not None]
    return named or [ids[0], ids[len(ids) // 2]]


def _ask(library: Library, collection: Collection, queries: Sequence[str], say: Callable[[str], None]) -> list[Section]:
    sections = []
    for record_id in queries:
        say("\n$ " + command_line("find", f"id:{record_id}", "--collection", collection.name, "--limit", "6"))
        with waiting("searching"):
            found = collection.search(f"id:{record_id}", limit=6)
        say(str(found))
        sections += found.sections()
    pair = [source for match in found[:2] if (source := match.source)]
    if len(pair) == 2:
        say("\n$ " + command_line("compare", *pair))
        with waiting("comparing"):
            compared = library.compare(*pair)
        say(str(compared))
        sections += compared.sections()
    say("\n$ " + command_line("duplicates", "--collection", collection.name))
    with progress_bar("comparing", "records") as tell:
        groups = collection.duplicates(on_progress=tell)
    say(str(groups))
    return sections + groups.sections()[:12]
