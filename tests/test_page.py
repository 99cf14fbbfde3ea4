"""The page in a real browser: each thing that people do with it, on desktop and phone, in light and dark.

What the browser saw lies in build/page-screenshots afterwards. Without chromium these tests are skipped, unless
LOOKALIKE_NEED_BROWSER is set; `make browser` installs it where apt can.
"""

from __future__ import annotations

import base64
import csv
import functools
import gzip
import hashlib
import http.server
import importlib.resources
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import PIL.Image
import pytest
from conftest import ROOT
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect, sync_playwright

import lookalike
from lookalike.samples import write_samples

WEB = ROOT / "src" / "lookalike" / "doors" / "page"
SHOTS = ROOT / "build" / "page-screenshots"
MOST_GZIPPED_BYTES = 300_000
SIZES = {"desktop": (1440, 900), "phone": (390, 844), "zoomed": (720, 450)}  # the last: a desktop at 200 %
LOOKS = [("desktop", "light"), ("zoomed", "light"), ("desktop", "dark"), ("phone", "light"), ("phone", "dark")]
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
]
PATIENCE_MS = 30_000  # for whatever a test waits for: other tests take the processor as well
expect.set_options(timeout=PATIENCE_MS)
AURORA, OTHER, BRIGHTENED = "scenes/aurora-1.jpg", "scenes/aurora-2.jpg", "copies/aurora-1-brightened.jpg"


# ---- what all tests stand on


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = os.environ.get("LOOKALIKE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        tell = "no chromium here: install it (`make browser`, or apt-get install chromium), or set LOOKALIKE_CHROMIUM"
        pytest.fail(tell) if os.environ.get("LOOKALIKE_NEED_BROWSER") else pytest.skip(tell)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    write_samples(folder)
    return folder


class Server:
    """A server process over a home of its own."""

    def __init__(self, home: Path, *options: str) -> None:
        self.home = home
        command = [
            sys.executable,
            "-m",
            "lookalike",
            "serve",
            "--home",
            str(home),
            "--port",
            "0",
            "--no-open",
            *options,
        ]
        self.process = subprocess.Popen(
            [*command, "--allow-private-urls", *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().split(" at ")[1].split()[0]

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Iterator[Server]:
    """A server with the sample pictures in the collection `demo`."""
    home = tmp_path_factory.mktemp("home")
    lines = [json.loads(line) for line in (samples / "samples.jsonl").read_text().splitlines()]
    with lookalike.open(home) as library:
        library.collection("demo", create=True).add(lines, base=samples)
    started = Server(home)
    yield started
    started.close()


@pytest.fixture
def bare_server(tmp_path: Path) -> Iterator[Server]:
    """A server without collections."""
    started = Server(tmp_path / "bare")
    yield started
    started.close()


@pytest.fixture(scope="module")
def picture_site(samples: Path) -> Iterator[str]:
    """A web site that has the sample pictures."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(samples)))
    threading.Thread(target=site.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{site.server_port}"
    site.shutdown()
    site.server_close()


class Visit:
    """A page in the browser, and what went wrong on it."""

    def __init__(self, context: BrowserContext, look: tuple[str, str]) -> None:
        self.look = look
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.address = ""
        self.troubles: list[str] = []
        self.requests: list[str] = []
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("console", self._hear)
        self.page.on("request", lambda request: self.requests.append(request.url[:100]))

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.troubles.append(message.text)

    def go(self, server: Server, address: str = "#/") -> Page:
        self.address = server.address
        self.page.goto(f"{server.address}/{address}")
        return self.page

    def check(self, name: str) -> None:
        """Keep a picture of the view, and hold it to what each promises: accessible, and no wider than the screen."""
        page = self.page
        expect(page.locator("[aria-busy]")).to_have_count(0)
        page.evaluate(ALL_IS_SHOWN)
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SHOTS / f"{name}-{'-'.join(self.look)}.png")
        if not page.evaluate("'axe' in window"):
            page.evaluate(AXE)
        page.evaluate("scrollTo({top: 0, behavior: 'instant'})")  # the head covers what is scrolled under it
        found = page.evaluate(AXE_VIOLATIONS)
        assert not found, f"{name}: {found}"
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0

    def close(self) -> None:
        """Hold the page to what it promises: no error, nothing blocked by its policy, nothing from outside."""
        assert self.troubles == []
        assert [url for url in self.requests if not url.startswith((self.address, "blob:", "data:"))] == []


AXE = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
ALL_IS_SHOWN = """async () => {
    const isSeen = (image) => image.getBoundingClientRect().top < innerHeight && !image.complete;
    const shown = (image) => new Promise((resolve) => (image.onload = image.onerror = resolve));
    await Promise.all([...document.images].filter(isSeen).map(shown));
    const ends = (motion) => motion.effect.getComputedTiming().endTime < Infinity;
    await Promise.allSettled(document.getAnimations().filter(ends).map((motion) => motion.finished));
}"""
AXE_VIOLATIONS = """async () => {
    const rules = {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]};
    const told = {runOnly: rules, resultTypes: ["violations"], preload: false};  // no words on what is well
    const {violations} = await axe.run(document, told);
    return violations.map(({id, nodes}) => `${id}: ${nodes.map((node) => node.html.slice(0, 200)).join(" | ")}`);
}"""


@pytest.fixture(params=LOOKS[:1] + LOOKS[-1:], ids="-".join)
def visit(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A visit on a desktop in light, and one on a phone in dark."""
    yield from visiting(browser, request.param)


@pytest.fixture(params=LOOKS, ids="-".join)
def look(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A visit on each size in each scheme."""
    yield from visiting(browser, request.param)


def visiting(browser: Browser, look: tuple[str, str]) -> Iterator[Visit]:
    size, scheme = look
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        has_touch=size == "phone",
        reduced_motion="reduce",
    )
    context.grant_permissions(["clipboard-read", "clipboard-write", "camera"])
    visit = Visit(context, look)
    yield visit
    visit.close()
    context.close()


def searching(*like: str, **more: Any) -> str:
    """Give the address of a search in `demo`."""
    told = [("like", f"id:{name}") for name in like] + [(name, str(value)) for name, value in more.items()]
    return "#/c/demo?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in told)


def tiles(page: Page) -> Locator:
    return page.locator(".tile:visible")


def bring(page: Page, kind: str, target: str, *paths: Path, media: str = "image/jpeg") -> None:
    """Let files be dropped on, or pasted into, an element, as the browser tells of it."""
    page.locator(target).first.wait_for()
    page.evaluate(
        """async ([kind, target, files, type]) => {
            const transfer = new DataTransfer();
            for (const [bytes, name] of files) {
                const told = {type: name.endsWith("csv") ? "text/csv" : type};
                transfer.items.add(new File([new Uint8Array(bytes)], name, told));
            }
            const place = document.querySelector(target);
            const told = {bubbles: true, cancelable: true};
            if (kind === "paste") place.dispatchEvent(new ClipboardEvent(kind, {...told, clipboardData: transfer}));
            else place.dispatchEvent(new DragEvent(kind, {...told, dataTransfer: transfer}));
        }""",
        [kind, target, [[list(path.read_bytes()), path.name] for path in paths], media],
    )


def more_of(page: Page, button: str) -> None:
    """Choose from the menu of a collection."""
    page.get_by_label("More of this collection").click()
    page.get_by_role("button", name=button).click()


def of_card(page: Page, title: str, button: str) -> None:
    """Choose from the menu of a collection in the overview."""
    page.get_by_label(f"More of {title}").click()
    page.get_by_role("button", name=button, exact=True).click()


def open_filters(visit: Visit, menu: str | None = None) -> None:
    """Show what narrows a search: a sheet on the phone, on the desktop beside the pictures or in a menu."""
    if visit.look[0] == "phone":
        if not visit.page.get_by_role("dialog").count():  # it stays open while the address changes
            visit.page.get_by_role("button", name=re.compile("^Filter")).click()
    elif menu:
        visit.page.get_by_text(menu, exact=True).click()


def close_filters(visit: Visit) -> None:
    if visit.look[0] == "phone":
        visit.page.get_by_role("button", name="Show the pictures").click()


def choose(page: Page, button: str, files: Any) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=button, exact=True).click()
    chooser.value.set_files(files)


# ---- how every view looks


VIEWS = {
    "collections": ("#/", ".card-pictures img >> nth=3"),
    "browse": ("#/c/demo", ".tile img >> nth=4"),
    "search": (searching(AURORA), ".tile img >> nth=4"),
    "groups": (searching("products/mug-red.jpg", group_by="product_id", collapse=1), ".tile img >> nth=4"),
    "no-match": (searching(AURORA, threshold="0.999"), ".note .button"),
    "details": (searching(AURORA, show=OTHER), ".details-picture img"),
    "adding": ("#/c/demo/add", ".drop"),
    "compare-nothing": ("#/compare", ".slot >> nth=1"),
    "compare": (f"#/compare?collection=demo&a=id:{AURORA}&b=id:{OTHER}", ".big-score"),
    "compare-copy": (f"#/compare?collection=demo&a=id:{AURORA}&b=id:{BRIGHTENED}", ".why img >> nth=1"),
    "settings": ("#/settings", ".figure >> nth=9"),
    "nowhere": ("#/no-such-view", ".empty"),
    "no-collection": ("#/c/shoez", ".empty"),
}


def test_every_view_is_accessible_and_fits_the_screen(look: Visit, server: Server) -> None:
    for name, (address, sign) in VIEWS.items():
        page = look.go(server, address)
        page.locator(sign).wait_for()
        look.check(name)


def test_the_page_is_small_and_all_of_it_is_served(server: Server) -> None:
    files = [path for path in WEB.rglob("*") if path.is_file()]
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) < MOST_GZIPPED_BYTES
    for path in files:
        answer = httpx.get(f"{server.address}/web/{path.relative_to(WEB)}")
        assert answer.status_code == 200
        assert "content-encoding" in answer.headers or len(answer.content) < 512
        assert "'unsafe" not in answer.headers["content-security-policy"]


def test_what_a_collection_needs_is_loaded_ahead() -> None:
    listed = re.findall(r'rel="modulepreload" href="/web/([^"]+)"', (WEB / "index.html").read_text())
    assert sorted(listed) == sorted(needed("app.js", "collection.js") - {"app.js"} | vendored())


def needed(*modules: str) -> set[str]:
    """Return modules with all that they import."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += re.findall(r'from "\./([\w-]+\.js)"', (WEB / module).read_text())
    return found


def vendored() -> set[str]:
    return {f"vendor/{path.name}" for path in (WEB / "vendor").glob("*.mjs")}


def test_over_a_slow_network_the_frame_comes_first_and_then_the_results(browser: Browser, server: Server) -> None:
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        page = context.new_page()
        wire = context.new_cdp_session(page)
        wire.send("Network.enable")
        slow = {"offline": False, "latency": 100, "downloadThroughput": 50_000, "uploadThroughput": 50_000}
        wire.send("Network.emulateNetworkConditions", slow)  # type: ignore[arg-type]
        page.goto(f"{server.address}/{searching(AURORA)}", wait_until="commit")
        expect(page.get_by_text("Loading ...").first).to_be_visible()
        expect(page.get_by_role("link", name="Collections").first).to_be_visible()
        expect(tiles(page).first).to_be_visible()


def test_results_stand_at_the_top_of_the_screen(look: Visit, server: Server) -> None:
    page = look.go(server, searching(AURORA))
    expect(tiles(page).first).to_be_visible()
    page.evaluate(ALL_IS_SHOWN)
    top = page.evaluate("document.querySelector('.tile').getBoundingClientRect().top")
    assert top <= {"desktop": 220, "phone": 330, "zoomed": 330}[look.look[0]]


def test_vendored_libraries_are_unchanged() -> None:
    told = (WEB / "vendor" / "README.md").read_text()
    held = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (WEB / "vendor").glob("*.mjs")}
    assert held == dict(re.findall(r"^\| `([\w.]+)` .* `([0-9a-f]{64})` \|$", told, re.MULTILINE))


# ---- collections


def test_a_collection_is_made_opened_and_deleted(visit: Visit, bare_server: Server) -> None:
    page = visit.go(bare_server)
    visit.check("no-collections")
    page.get_by_role("button", name="Make a collection").click()
    page.get_by_label("Name").fill("shoes")
    page.get_by_label("Type").select_option("colors")
    expect(page.get_by_text("whatever they show")).to_contain_text("cannot be changed later")
    page.get_by_label("Type").select_option("products")
    page.get_by_text("More choices").click()
    page.get_by_label("Title").fill("Shoes of spring")
    page.get_by_label("Declared fields").fill("price, color")
    page.get_by_label("Product field").fill("sku")
    visit.check("new-collection")
    page.get_by_role("button", name="Make the collection").click()
    expect(page.get_by_text("Drop pictures or a folder here")).to_be_visible()
    visit.check("empty-collection")
    made = httpx.get(f"{bare_server.address}/api/v1/collections/shoes").json()
    assert (made["type"], made["fields"], made["product_id_field"]) == ("products", ["price", "color"], "sku")
    assert made["title"] == "Shoes of spring"

    page.get_by_role("button", name="Settings").click()
    page.get_by_label("Title").fill("Shoes of summer")
    page.get_by_label("Wanted recall").fill("1")
    page.get_by_role("button", name="Compact").click()
    expect(page.get_by_text("Compacted:")).to_be_visible()
    visit.check("collection-settings")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Shoes of summer", level=1)).to_be_visible()
    page.goto(f"{bare_server.address}/#/")
    expect(page.locator(".card")).to_contain_text("Made just now")
    of_card(page, "Shoes of summer", "Settings")
    expect(page.get_by_label("Wanted recall")).to_have_value("1")
    page.get_by_label("Declared fields").fill("price")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    changed = httpx.get(f"{bare_server.address}/api/v1/collections/shoes").json()
    assert (changed["title"], changed["fields"], changed["recall_target"]) == ("Shoes of summer", ["price"], 1)
    of_card(page, "Shoes of summer", "Delete")
    visit.check("delete-collection")
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("heading", name="Shoes of summer")).to_be_visible()
    of_card(page, "Shoes of summer", "Delete")
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("No collection yet")).to_be_visible()
    assert httpx.get(f"{bare_server.address}/api/v1/collections").json() == {"collections": []}


def test_a_name_that_is_taken_is_told_in_the_form(visit: Visit, server: Server) -> None:
    page = visit.go(server)
    page.get_by_role("button", name="New collection").click()
    page.get_by_label("Name").fill("demo")
    page.get_by_role("button", name="Make the collection").click()
    expect(page.get_by_role("alert")).to_contain_text("demo")


# ---- adding


@pytest.fixture
def shelf(server: Server) -> Iterator[Server]:
    """The server, with the empty collection `shelf`."""
    address = f"{server.address}/api/v1/collections"
    httpx.post(address, json={"name": "shelf"}).raise_for_status()
    yield server
    httpx.delete(f"{address}/shelf").raise_for_status()


def ids_of(server: Server, collection: str = "shelf") -> list[str]:
    found = httpx.get(f"{server.address}/api/v1/collections/{collection}/records", params={"limit": 1000}).json()
    return [record["id"] for record in found["records"]]


def test_files_are_added_and_a_broken_one_fails_alone(
    visit: Visit, shelf: Server, samples: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes((samples / AURORA).read_bytes()[:300])
    page = visit.go(shelf, "#/c/shelf")
    choose(page, "Choose files", [samples / AURORA, samples / OTHER, broken])
    expect(page.get_by_role("heading", name="Done", exact=True)).to_be_visible()
    expect(page.locator(".upload.is-failed")).to_contain_text("cannot decode")
    expect(page.locator(".upload.is-added")).to_have_count(2)
    visit.check("added")
    expect(page.locator('.upload.is-added .small-picture img[src^="blob:"]')).to_have_count(2)
    assert ids_of(shelf) == ["aurora-1.jpg", "aurora-2.jpg"]
    expect(page.get_by_role("button", name=re.compile("again"))).to_have_count(0)  # it would be as broken
    page.get_by_role("link", name="See the pictures").click()
    expect(tiles(page)).to_have_count(2)


def test_a_folder_is_added_with_its_records_and_other_files_are_left_out(
    visit: Visit, shelf: Server, samples: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "trip"
    (folder / "day").mkdir(parents=True)
    shutil.copy(samples / AURORA, folder / "day" / "a.jpg")
    shutil.copy(samples / OTHER, folder / "b.jpg")
    (folder / "notes.txt").write_text("no picture")
    (folder / "records.jsonl").write_text('{"_id": "first", "_file": "day/a.jpg", "price": 3, "tags": ["night"]}\n')
    page = visit.go(shelf, "#/c/shelf/add")
    choose(page, "Choose a folder", folder)
    expect(page.get_by_text("1 file left out")).to_be_visible()
    expect(page.get_by_role("heading", name="Done", exact=True)).to_be_visible()
    assert ids_of(shelf) == ["first", "trip/b.jpg"]
    record = httpx.get(f"{shelf.address}/api/v1/collections/shelf/records/first").json()
    assert (record["metadata"], record["tags"]) == ({"price": 3}, ["night"])


def test_pictures_are_dropped_and_pasted(visit: Visit, shelf: Server, samples: Path) -> None:
    page = visit.go(shelf, "#/c/shelf")
    bring(page, "drop", ".drop", samples / AURORA)
    expect(page.locator(".upload.is-added")).to_have_count(1)
    bring(page, "paste", "body", samples / OTHER)
    expect(page.locator(".upload.is-added")).to_have_count(2)
    assert ids_of(shelf) == ["aurora-1.jpg", "aurora-2.jpg"]


def test_the_first_pictures_make_their_collection(visit: Visit, bare_server: Server, samples: Path) -> None:
    page = visit.go(bare_server)
    bring(page, "drop", ".drop", samples / AURORA, samples / OTHER)
    page.wait_for_url("**/c/photos/add")
    expect(page.locator(".upload.is-added")).to_have_count(2)
    assert ids_of(bare_server, "photos") == ["aurora-1.jpg", "aurora-2.jpg"]
    page.get_by_role("link", name="Collections").click()
    bring(page, "drop", ".card", samples / "products" / "mug-red.jpg")
    expect(page.locator(".upload.is-added")).to_have_count(3)
    assert ids_of(bare_server, "photos") == ["aurora-1.jpg", "aurora-2.jpg", "mug-red.jpg"]


def test_a_newcomer_tries_it_with_sample_pictures(visit: Visit, bare_server: Server) -> None:
    page = visit.go(bare_server)
    page.get_by_role("button", name="Try it with sample pictures").click()
    expect(page.get_by_role("progressbar", name="Sample pictures that are ready")).to_be_visible()
    visit.check("samples")
    page.wait_for_url("**/c/demo", timeout=120_000)
    expect(tiles(page).first).to_be_visible()


def test_a_folder_of_the_server_is_indexed_where_it_is(visit: Visit, samples: Path, tmp_path: Path) -> None:
    folder = tmp_path / "Pictures"
    for name, path in (("2024/a.jpg", AURORA), ("2024/may/b.jpg", OTHER), ("2025/c.jpg", BRIGHTENED)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(samples / path, folder / name)
    (folder / "empty").mkdir()
    server = Server(tmp_path / "home", "--library", str(folder))
    try:
        httpx.post(f"{server.address}/api/v1/collections", json={"name": "shelf"}).raise_for_status()
        page = visit.go(server, "#/c/shelf")
        expect(page.locator(".folder")).to_contain_text(["3 pictures"])
        page.get_by_role("button", name="Pictures", exact=True).click()
        expect(page.locator(".folder")).to_contain_text(["2 pictures", "1 picture", "0 pictures"])
        expect(page.get_by_role("button", name="Index empty")).to_be_disabled()
        visit.check("folders")
        page.get_by_role("button", name="Index 2024").dblclick()
        told = page.get_by_role("region", name="Pictures/2024")
        expect(told).to_contain_text("Done · 2 added")
        assert ids_of(server) == ["2024/a.jpg", "2024/may/b.jpg"]
        assert len(httpx.get(f"{server.address}/api/v1/jobs").json()["jobs"]) == 1
        page.get_by_role("button", name="Pictures", exact=True).click()
        page.get_by_role("button", name="2024", exact=True).click()
        expect(page.locator(".folder")).to_contain_text(["may"])
        page.get_by_role("button", name="All folders").click()
        (folder / "2024" / "a.jpg").unlink()
        page.get_by_label("Remove pictures whose files are gone").check()
        page.get_by_role("button", name="Index Pictures").click()
        whole = page.get_by_role("region", name="Pictures", exact=True)
        expect(whole).to_contain_text("Done · 1 added · 1 there already · 1 removed")
        assert ids_of(server) == ["2024/may/b.jpg", "2025/c.jpg"]
    finally:
        server.close()


TABLE = """\ufefffile;price;name;tags;note
trip/aurora-1.jpg;12.50;"Aurora; ""the first\""";night;north;
aurora-2;007;Aurora;;
nowhere.jpg;3;Nothing;;
mug-red.jpg;4;One mug;;
mug-red.jpg;5;The same mug;;
""".replace("night;north;", '"night;north";')


def test_a_table_of_fields_is_matched_by_name_and_shown_before_it_is_used(
    visit: Visit, shelf: Server, samples: Path, tmp_path: Path
) -> None:
    table = tmp_path / "prices.csv"
    table.write_text(TABLE)
    page = visit.go(shelf, "#/c/shelf/add")
    bring(page, "drop", ".drop", samples / OTHER, samples / "products" / "mug-red.jpg", samples / AURORA, table)
    dialog = page.get_by_role("dialog", name="Fields from prices.csv")
    expect(dialog.get_by_label("The pictures are named by")).to_have_value("file")
    expect(dialog).to_contain_text("2 of 5 rows name a picture that came along")
    expect(dialog).to_contain_text("1 row names no picture that is here: nowhere.jpg")
    expect(dialog).to_contain_text("2 rows are left out, as several name one picture: mug-red.jpg")
    expect(dialog.get_by_role("row")).to_have_count(3)
    expect(dialog.get_by_role("row", name="aurora-1.jpg")).to_contain_text('Aurora; "the first"')
    visit.check("table")
    assert ids_of(shelf) == []
    dialog.get_by_role("button", name="Use 2 rows").click()
    expect(page.locator(".upload.is-added")).to_have_count(3)
    assert metadata_of(shelf) == {
        "aurora-1.jpg": ({"price": 12.5, "name": 'Aurora; "the first"'}, ["night", "north"]),
        "aurora-2.jpg": ({"price": "007", "name": "Aurora"}, []),
        "mug-red.jpg": ({}, []),
    }


def test_a_table_gives_fields_to_pictures_that_are_stored(
    visit: Visit, shelf: Server, samples: Path, tmp_path: Path
) -> None:
    for name, path in (("a/1.jpg", AURORA), ("b/1.jpg", OTHER), ("b/2.jpg", BRIGHTENED)):
        told = {"record": json.dumps({"_id": name, "old": True, "tags": ["kept"]})}
        files = {"file": ("picture", (samples / path).read_bytes())}
        httpx.post(f"{shelf.address}/api/v1/collections/shelf/records", data=told, files=files).raise_for_status()
    table = tmp_path / "fields.csv"
    table.write_text("rank,sku\n1,b/1.jpg\n2,2\n3,1.jpg\n")
    page = visit.go(shelf, "#/c/shelf/add")
    choose(page, "Choose files", [table])
    dialog = page.get_by_role("dialog", name="Fields from fields.csv")
    expect(dialog).to_contain_text("2 of 3 rows name a picture that is stored here")
    expect(dialog).to_contain_text("1 row names no picture that is here: 1.jpg")  # two are called so
    dialog.get_by_label("The pictures are named by").select_option("rank")
    expect(dialog).to_contain_text("1 of 3 rows name a picture that is stored here")
    dialog.get_by_label("The pictures are named by").select_option("sku")
    dialog.get_by_role("button", name="Use 2 rows").click()
    expect(page.locator(".upload.is-updated")).to_have_count(2)
    assert metadata_of(shelf) == {
        "a/1.jpg": ({"old": True}, ["kept"]),
        "b/1.jpg": ({"old": True, "rank": 1, "sku": "b/1.jpg"}, ["kept"]),
        "b/2.jpg": ({"old": True, "rank": 2, "sku": 2}, ["kept"]),
    }
    table.write_text("file,price\n")
    choose(page, "Choose files", [table])
    expect(dialog.get_by_role("alert")).to_contain_text("no rows below its first")
    visit.check("table-trouble")
    dialog.get_by_role("button", name="Cancel").click()
    table.write_bytes("file,name\na/1.jpg,Stra\u00dfe".encode("latin-1"))
    choose(page, "Choose files", [table])
    expect(dialog.get_by_role("alert")).to_contain_text("not UTF-8")
    page.keyboard.press("Escape")
    table.write_text(f"_url,price\n{shelf.address}/web/icon.svg,3\n")
    choose(page, "Choose files", [table])
    expect(dialog).to_contain_text("1 of 1 rows hold the address of a picture")
    dialog.get_by_role("button", name="Use 1 row").click()
    expect(page.get_by_role("region", name="fields.csv")).to_contain_text("1 failed")  # no picture that is known


def test_a_table_that_was_exported_changes_only_the_cell_that_was_edited(
    visit: Visit, shelf: Server, samples: Path, tmp_path: Path
) -> None:
    fields: list[dict[str, Any]] = [
        {"tags": ["a", "b c", "d,e"], "price": 3, "sku": "007", "text": "3", "sizes": [36, "37"], "sold": True},
        {"tags": ["x;y", "[z"], "id": "own", "tags2": "", "metadata.id": "two", "source": {"a": None}, "big": 2**60},
        {"tags": [], "text": " spaces ", "list": "[1]", "word": "null", "nothing": None, "lines": 'a\n"b";c'},
    ]
    for place, (path, record) in enumerate(zip((AURORA, OTHER, BRIGHTENED), fields, strict=True)):
        files = {"file": ("picture", (samples / path).read_bytes())}
        told = {"record": json.dumps({"_id": f"a/{place}.jpg", **record})}
        httpx.post(f"{shelf.address}/api/v1/collections/shelf/records", data=told, files=files).raise_for_status()
    before = metadata_of(shelf)
    answer = httpx.post(f"{shelf.address}/api/v1/collections/shelf/export", json={"format": "csv", "filter": {}})
    table = tmp_path / "shelf.csv"
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    rows[1][rows[0].index("price")] = "4"
    with table.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream, delimiter=";").writerows(rows)  # as spreadsheets of many countries save it
    page = visit.go(shelf, "#/c/shelf/add")
    choose(page, "Choose files", [table])
    dialog = page.get_by_role("dialog", name="Fields from shelf.csv")
    expect(dialog).to_contain_text("A table that was exported here")
    expect(dialog).to_contain_text("An empty cell leaves its field as it is.")
    expect(dialog).to_contain_text("3 of 3 rows name a picture that is stored here")
    visit.check("table-exported")
    dialog.get_by_role("button", name="Use 3 rows").click()
    expect(page.locator(".upload.is-updated")).to_have_count(3)
    before["a/0.jpg"][0]["price"] = 4
    assert metadata_of(shelf) == before


WITH_COMMAS = """file;$x;_note;price;grams;code
aurora-1.jpg;1;none;12,50;1,250;1,5
aurora-2.jpg;2;none;-7;2,500;007
"""


def test_a_table_tells_what_it_leaves_out_and_reads_decimal_commas(
    visit: Visit, shelf: Server, samples: Path, tmp_path: Path
) -> None:
    table = tmp_path / "prices.csv"
    table.write_text(WITH_COMMAS)
    page = visit.go(shelf, "#/c/shelf/add")
    bring(page, "drop", ".drop", samples / AURORA, samples / OTHER, table)
    dialog = page.get_by_role("dialog", name="Fields from prices.csv")
    expect(dialog).to_contain_text("Columns left out: $x, _note. The name of a field begins with neither _ nor $.")
    expect(dialog).to_contain_text("Read as numbers with a decimal comma: price.")
    visit.check("table-columns")
    dialog.get_by_role("button", name="Use 2 rows").click()
    expect(page.locator(".upload.is-added")).to_have_count(2)
    assert metadata_of(shelf) == {
        "aurora-1.jpg": ({"price": 12.5, "grams": "1,250", "code": "1,5"}, []),
        "aurora-2.jpg": ({"price": -7, "grams": "2,500", "code": "007"}, []),
    }
    table.write_text('file,price,\naurora-1.jpg,"12,50",nameless\n')
    bring(page, "drop", ".drop", table)
    expect(dialog).to_contain_text("Cells are left out that stand in a column without a name.")
    expect(dialog).not_to_contain_text("decimal comma")  # where commas separate, one within a cell may part anything


def metadata_of(server: Server) -> dict[str, tuple[dict[str, Any], list[str]]]:
    found = httpx.get(f"{server.address}/api/v1/collections/shelf/records").json()["records"]
    return {record["id"]: (record["metadata"], record["tags"]) for record in found}


def test_tables_are_read_as_python_reads_them(browser: Browser, server: Server) -> None:
    draw = random.Random(15)
    pieces = ['"', '""', ",", ";", "\n", "\r\n", "\r", "a", "b c", "\u00e4", "\t", "|"]
    texts = [f"h{draw.choice(',;|')}i\n" + "".join(draw.choices(pieces, k=draw.randrange(14))) for _ in range(2000)]
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{server.address}/#/no-such-view")
        read = page.evaluate(
            """async (texts) => {
                const {readRows} = await import("/web/csv.js");
                return texts.map((text) => { try { return readRows(text); } catch { return null; } });
            }""",
            texts,
        )
    assert read == [rows_of(text) for text in texts]


def rows_of(text: str) -> list[list[str]] | None:
    separator = max(",;\t|", key=text.split("\n", 1)[0].count)
    try:
        return [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True) if any(row)]
    except csv.Error:
        return None


def test_addresses_and_json_lines_are_one_job_of_the_server(visit: Visit, shelf: Server, picture_site: str) -> None:
    before = httpx.get(f"{shelf.address}/api/v1/jobs").json()["jobs"]
    page = visit.go(shelf, "#/c/shelf/add")
    expect(page.get_by_text("Folders of this machine")).to_be_visible()
    expect(page.get_by_text("The server shows none.")).to_be_hidden()
    page.get_by_text("Addresses or JSON lines").click()
    record = json.dumps({"_id": "7", "_url": f"{picture_site}/{OTHER}", "price": 3})
    page.get_by_label("One on each line").fill(f"{picture_site}/{AURORA}\n{record}\nno address\n")
    visit.check("addresses")
    page.get_by_role("button", name="Add these").dblclick()
    told = page.get_by_role("region", name="3 lines")
    expect(told).to_contain_text("Done · 2 added · 1 failed")
    expect(told.locator(".upload.is-failed")).to_contain_text("line 3: no JSON")
    visit.check("list-done")
    assert ids_of(shelf) == ["7", f"{picture_site}/{AURORA}"]
    job, *others = httpx.get(f"{shelf.address}/api/v1/jobs").json()["jobs"]
    assert (job["total"], job["counts"], others) == (3, {"added": 2, "failed": 1}, before)
    expect(told.get_by_role("button", name="Try the failed again")).to_have_count(0)

    page.get_by_label("One on each line").fill(f"{picture_site}/nowhere.jpg")
    page.get_by_role("button", name="Add these").click()
    lost = page.get_by_role("region", name="nowhere.jpg")
    expect(lost).to_contain_text("Done · 1 failed")
    lost.get_by_role("button", name="Try the failed again").click()
    expect(lost).to_contain_text("Done · 1 failed")

    page.get_by_label("One on each line").fill(json.dumps({"_id": "7", "_url": f"{picture_site}/{AURORA}"}))
    page.get_by_role("button", name="Add these").click()
    taken = page.get_by_role("region", name="One record")
    expect(taken).to_contain_text("1 failed")
    taken.get_by_role("button", name="Replace those that are taken").click()
    expect(taken).to_contain_text("Done · 1 updated")
    taken.get_by_role("button", name="Clear").click()
    expect(taken).to_have_count(0)


def test_a_long_list_goes_on_without_the_page_and_can_be_stopped(
    visit: Visit, shelf: Server, samples: Path, tmp_path: Path
) -> None:
    with PIL.Image.open(samples / AURORA) as picture:
        picture.resize((96, 72)).save(tmp_path / "small.jpg")
    text = base64.b64encode((tmp_path / "small.jpg").read_bytes()).decode()
    records = tmp_path / "records.jsonl"
    records.write_text("\n".join(json.dumps({"_id": str(n), "_base64": text}) for n in range(3000)))
    page = visit.go(shelf, "#/c/shelf/add")
    choose(page, "Choose files", [records])
    told = page.get_by_role("region", name="records.jsonl")
    expect(told).to_contain_text("of 3,000 done")
    page.get_by_role("link", name="Collections").click()
    expect(page.get_by_role("link", name="left")).to_be_visible()
    page.goto(f"{shelf.address}/#/c/shelf/add")
    page.reload()
    found = page.get_by_role("region", name="A list that was sent before")
    expect(found).to_contain_text("of 3,000 done")
    visit.check("list-under-way")
    found.get_by_role("button", name="Stop").click()
    expect(found).to_contain_text("Stopped")
    assert 0 < len(ids_of(shelf)) < 3000


def test_uploads_pause_and_go_on_and_an_id_that_is_taken_can_be_replaced(
    visit: Visit, shelf: Server, samples: Path, tmp_path: Path
) -> None:
    page = visit.go(shelf, "#/c/shelf/add")
    wire = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 200_000}
    wire.send("Network.emulateNetworkConditions", slow)  # type: ignore[arg-type]
    choose(page, "Choose files", sorted((samples / "scenes").glob("*.jpg"))[:12])
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".upload.is-sending")).to_have_count(0)
    sent = page.locator(".upload.is-added").count()
    assert sent < 12
    visit.check("paused")
    wire.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": -1})  # type: ignore[arg-type]
    assert page.locator(".upload.is-added").count() == sent
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Done", exact=True)).to_be_visible()
    assert len(ids_of(shelf)) == 12

    other = tmp_path / "aurora-1.jpg"
    shutil.copy(samples / "products" / "mug-red.jpg", other)
    choose(page, "Choose files", [other])
    expect(page.locator(".upload.is-failed")).to_contain_text("aurora-1.jpg")
    expect(page.locator(".upload.is-failed")).not_to_contain_text(re.compile("bytes:|--replace|replace=True"))
    page.get_by_role("button", name="Replace 1 picture").click()
    expect(page.locator(".upload.is-updated")).to_have_count(1)


def test_uploads_say_that_the_server_is_gone_and_go_on_when_it_is_back(
    visit: Visit, samples: Path, tmp_path: Path
) -> None:
    server = Server(tmp_path / "home")
    try:
        httpx.post(f"{server.address}/api/v1/collections", json={"name": "shelf"}).raise_for_status()
        page = visit.go(server, "#/c/shelf/add")
        expect(page.get_by_text("Drop pictures or a folder here")).to_be_visible()
        server.close()
        choose(page, "Choose files", [samples / AURORA, samples / OTHER])
        told = page.get_by_text("The server does not answer. What is left goes on by itself as soon as it does")
        expect(told).to_be_visible()
        expect(page.locator(".upload.is-failed")).to_have_count(0)
        visit.check("server-gone")
        server = Server(tmp_path / "home", "--port", str(urlsplit(server.address).port))
        expect(page.locator(".upload.is-added")).to_have_count(2)
        expect(told).to_have_count(0)
    finally:
        server.close()


def test_a_picture_that_is_too_large_is_refused_before_it_travels(
    visit: Visit, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = tmp_path / "large.png"
    PIL.Image.effect_noise((400, 400), 90).convert("RGB").save(large)
    monkeypatch.setenv("LOOKALIKE_MAX_IMAGE_BYTES", "100000")
    server = Server(tmp_path / "home")
    try:
        httpx.post(f"{server.address}/api/v1/collections", json={"name": "shelf"}).raise_for_status()
        page = visit.go(server, "#/c/shelf/add")
        expect(page.get_by_text("Each picture may have up to 100 kB.")).to_be_visible()
        choose(page, "Choose files", [large])
        failed = page.locator(".upload.is-failed")
        expect(failed).to_contain_text("this server takes pictures of up to 100 kB")
        expect(failed.get_by_role("button")).to_have_count(0)
        assert [url for url in visit.requests if url.endswith("/shelf/records")] == []
        choose(page, "Choose files", [samples / AURORA])
        expect(page.locator(".upload.is-added")).to_have_count(1)
        page.get_by_role("link", name="See the pictures").click()
        bring(page, "drop", ".search", large, media="image/png")
        expect(page.get_by_role("alert")).to_contain_text("large.png has")
        expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    finally:
        server.close()


def test_pictures_that_a_phone_calls_the_same_are_all_kept(
    visit: Visit, shelf: Server, samples: Path, tmp_path: Path
) -> None:
    page = visit.go(shelf, "#/c/shelf/add")
    found = sorted((samples / "scenes").glob("*.jpg"))[:6]
    shots = []
    for number, picture in enumerate(found):
        (tmp_path / str(number)).mkdir()
        shots.append(tmp_path / str(number) / "image.jpg")
        shutil.copy(picture, shots[-1])
    choose(page, "Choose files", shots[:3])  # three at once
    expect(page.locator(".upload.is-added")).to_have_count(3)
    choose(page, "Choose files", shots[3:5])  # two more, of which the first takes a name that is held
    expect(page.locator(".upload.is-failed")).to_have_count(2)
    visit.check("taken")
    page.get_by_role("button", name="Keep both").click()
    expect(page.locator(".upload.is-added")).to_have_count(5)
    assert ids_of(shelf) == sorted(["image.jpg", *(f"image ({number}).jpg" for number in range(2, 6))])
    choose(page, "Choose files", shots[:1])  # the very same once more
    expect(page.locator(".upload.is-unchanged")).to_have_count(1)
    page.goto(f"{shelf.address}/#/c/shelf")
    page.locator(".tile").first.click()
    expect(page.locator("dl.facts")).to_contain_text("image.jpg")
    expect(page.locator("dl.facts")).not_to_contain_text("bytes:")


# ---- searching


def test_a_dropped_picture_finds_its_original(visit: Visit, server: Server, samples: Path) -> None:
    page = visit.go(server, "#/c/demo")
    bring(page, "drop", ".search", samples / "copies" / "aurora-1-brightened.jpg")
    expect(tiles(page).first).to_contain_text("1.00")
    names = page.locator(".tile").evaluate_all("all => all.slice(0, 2).map(one => one.dataset.id)")
    assert set(names) == {"copies/aurora-1-brightened.jpg", AURORA}
    page.reload()
    expect(tiles(page).first).to_contain_text("1.00")


def test_a_pasted_picture_an_address_and_a_name_are_examples(
    visit: Visit, server: Server, samples: Path, picture_site: str
) -> None:
    page = visit.go(server, "#/c/demo")
    bring(page, "paste", "body", samples / AURORA)
    expect(page.locator(".chip")).to_have_count(1)
    for text in (f"{picture_site}/{OTHER}", "scenes/aurora-3.jpg"):
        page.locator(".search-text").fill(text)
        page.locator(".search-text").press("Enter")
    expect(page.locator(".chip.is-like")).to_have_count(3)
    visit.check("three-examples")
    expect(tiles(page).first).to_be_visible()
    page.locator(".search-text").fill("no such picture")
    page.locator(".search-text").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("neither an address nor the name")


def test_what_cannot_be_searched_with_is_named_and_not_offered_again(
    visit: Visit, server: Server, samples: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes((samples / AURORA).read_bytes()[:300])
    page = visit.go(server, "#/c/demo")
    bring(page, "drop", ".search", broken)
    expect(page.get_by_role("alert")).to_contain_text("your picture")
    expect(page.get_by_role("alert")).not_to_contain_text("bytes:")
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    visit.check("broken-example")
    busy = {"status": 503, "json": {"error": {"code": "busy", "message": "busy.", "request_id": "1"}}}
    page.route("**/search", lambda route: route.fulfill(**busy))
    page.goto(f"{server.address}/{searching(AURORA)}")
    page.get_by_role("button", name="Try again").wait_for()
    page.unroute("**/search")
    page.get_by_role("button", name="Try again").click()
    expect(tiles(page).first).to_be_visible()


def test_a_search_that_takes_long_says_what_goes_on(visit: Visit, server: Server) -> None:
    page = visit.go(server, "#/c/demo")
    expect(tiles(page).first).to_be_visible()
    held: list[Route] = []
    page.route("**/search", lambda route: held.append(route))
    for more, told in (({}, "Searching ..."), ({"verify": 1}, "Looking closely at the first 100 pictures for copies")):
        page.goto(f"{server.address}/{searching(AURORA, **more)}")
        expect(page.get_by_role("status").filter(has_text=told)).to_be_visible()
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SHOTS / f"looking-{len(more)}-{'-'.join(visit.look)}.png")
        for route in held:
            route.continue_()
        held.clear()
        expect(page.get_by_role("status").filter(has_text=told)).to_have_count(0)
        expect(page.locator(".verdict").first).to_be_visible()


def test_the_name_of_the_collection_and_the_folder_of_an_example_are_seen(visit: Visit, server: Server) -> None:
    page = visit.go(server, searching(AURORA))
    box = page.get_by_role("heading", name="demo", level=1).bounding_box()
    assert box is not None
    assert box["height"] > 12
    expect(page.locator(".chip-name")).to_have_text("aurora-1.jpg in scenes")
    page.goto(f"{server.address}/{VIEWS['compare'][0]}")
    expect(page.locator(".slot .chip-name").first).to_have_text("aurora-1.jpg in scenes")


def test_a_table_that_is_dropped_on_the_pictures_describes_them(visit: Visit, server: Server, tmp_path: Path) -> None:
    table = tmp_path / "prices.csv"
    table.write_text("file,price\naurora-1.jpg,3\n")
    page = visit.go(server, "#/c/demo")
    expect(tiles(page).first).to_be_visible()
    bring(page, "drop", ".collection", table, media="text/csv")
    expect(page.get_by_role("dialog")).to_contain_text("Fields from prices.csv")


def test_a_random_picture_more_like_this_and_not_this(visit: Visit, server: Server) -> None:
    page = visit.go(server, "#/c/demo")
    page.get_by_role("button", name="Search with a random picture").click()
    expect(page.locator(".chip")).to_have_count(1)
    expect(tiles(page).first).to_contain_text("0.")
    first = tiles(page).first.get_attribute("data-id")
    tiles(page).first.get_by_role("button", name="More like this").click()
    expect(page.locator(".chip.is-like")).to_have_count(2)
    expect(page.locator(f'.tile[data-id="{first}"]')).to_have_count(0)
    if visit.look[0] == "phone":  # there is room for one button on a picture
        tiles(page).nth(1).get_by_role("button", name="Details").click()
        page.get_by_role("button", name="Not this").click()
    else:
        tiles(page).nth(1).get_by_role("button", name="Not like this").click()
    expect(page.locator(".chip.is-unlike")).to_have_count(1)
    visit.check("like-and-unlike")
    page.locator(".chip.is-unlike").get_by_role("button", name="Like this").click()
    expect(page.locator(".chip.is-like")).to_have_count(3)
    page.locator(".chip").first.get_by_role("button", name="Take away").click()
    expect(page.locator(".chip")).to_have_count(2)
    page.go_back()
    expect(page.locator(".chip")).to_have_count(3)


def test_the_threshold_counts_live_and_stands_in_the_address(visit: Visit, server: Server) -> None:
    page = visit.go(server, searching(AURORA))
    slider = page.get_by_role("slider", name="Threshold")
    open_filters(visit)
    expect(page.locator(".threshold-count")).to_contain_text("113 of 113")
    page.get_by_role("spinbutton", name="Threshold").fill("0.8")
    shown = page.locator(".threshold-count")
    expect(shown).to_contain_text("score 0.80 or more")
    counted = int(shown.inner_text().split()[0])
    expect(tiles(page)).to_have_count(counted)
    asked = {"like": [f"id:{AURORA}"], "threshold": 0.8, "limit": 113}
    told = httpx.post(f"{server.address}/api/v1/collections/demo/search", json=asked).json()
    assert told["count"] == counted + 1  # the example itself
    page.wait_for_url("**threshold=0.8")
    slider.focus()
    slider.press("ArrowRight")
    page.wait_for_url("**threshold=0.81")
    page.reload()
    open_filters(visit)
    expect(slider).to_have_value("0.81")
    for bars in page.locator(".histogram span.passes").all():
        assert bars.evaluate("bar => [...bar.parentNode.children].indexOf(bar)") >= 40


def test_nothing_alike_is_told_so(visit: Visit, server: Server, tmp_path: Path) -> None:
    noise = tmp_path / "noise.png"
    PIL.Image.effect_noise((200, 200), 90).convert("RGB").save(noise)
    page = visit.go(server, "#/c/demo")
    bring(page, "drop", ".search", noise, media="image/png")
    expect(page.get_by_text("No confident match.")).to_be_visible()
    visit.check("no-confident-match")
    open_filters(visit)
    page.get_by_role("spinbutton", name="Threshold").fill("0.95")
    close_filters(visit)
    expect(page.get_by_role("heading", name="No match at 0.95")).to_be_visible()
    page.get_by_role("button", name="Show from").click()
    expect(tiles(page).first).to_be_visible()


def test_a_copied_link_shows_the_same_on_another_device(
    visit: Visit, browser: Browser, server: Server, samples: Path
) -> None:
    page = visit.go(server, searching(threshold="0.6", group_by="category"))
    bring(page, "drop", ".search", samples / "copies" / "aurora-1-brightened.jpg")
    expect(page.locator(".verdict").first).to_be_visible()
    more_of(page, "Copy link")
    expect(page.get_by_text("The link is copied")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    best = tiles(page).first.get_attribute("data-id")
    with browser.new_context() as elsewhere:
        opened = elsewhere.new_page()
        opened.goto(link)
        expect(opened.locator(".query-picture img")).to_be_visible()
        expect(opened.locator(".verdict").first).to_be_visible()
        assert len(opened.url) < 300
        assert "group_by=category" in opened.url
        assert opened.locator(".tile").first.get_attribute("data-id") in (best, AURORA)


def test_details_are_edited_and_a_record_is_deleted(visit: Visit, shelf: Server, samples: Path) -> None:
    page = visit.go(shelf, "#/c/shelf")
    choose(page, "Choose files", [samples / AURORA, samples / OTHER])
    page.get_by_role("link", name="See the pictures").click()
    tiles(page).first.get_by_role("button", name="Details").click()
    page.get_by_role("button", name="Edit").click()
    page.get_by_role("button", name="Add a field").click()
    page.get_by_label("Field", exact=True).fill("price")
    page.get_by_label("Value", exact=True).fill("12.5")
    page.get_by_label("Tags").fill("night, north")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    visit.check("edited")
    address = f"{shelf.address}/api/v1/collections/shelf/records/aurora-1.jpg"
    told = httpx.get(address).json()
    assert (told["metadata"], told["tags"]) == ({"price": 12.5}, ["night", "north"])

    httpx.patch(address, json={"metadata": {"price": 13}}).raise_for_status()
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Value of price").fill("14")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Someone else changed")
    page.get_by_role("button", name="Show it as it is now").click()
    expect(page.locator("dialog .facts")).to_contain_text("13")

    page.get_by_role("button", name="Delete this record").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(tiles(page)).to_have_count(1)
    assert ids_of(shelf) == ["aurora-2.jpg"]


def test_an_original_is_offered_only_where_there_is_one(visit: Visit, samples: Path, tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "pictures"
    folder.mkdir()
    for place, path in enumerate((AURORA, OTHER)):
        (folder / f"{place}.jpg").write_bytes((samples / path).read_bytes())
    with lookalike.open(home) as library:
        shelf = library.collection("shelf", create=True)
        shelf.add(str(folder))
        shelf.add((samples / BRIGHTENED).read_bytes(), id="sent.jpg")
    server = Server(home)
    try:
        page = visit.go(server, "#/c/shelf?show=id")
        link, told = page.get_by_role("link", name="Original"), page.get_by_text("Only a small picture is kept.")
        for id, is_there in (("0.jpg", True), ("1.jpg", True), ("sent.jpg", False)):
            page.goto(f"{server.address}/#/c/shelf?show={id}")
            expect(page.get_by_role("dialog", name=id)).to_be_visible()
            expect(link if is_there else told).to_be_visible()
            expect(told if is_there else link).to_have_count(0)
        (folder / "1.jpg").unlink()
        (folder / "0.jpg").touch()  # another time, the same picture
        for id, is_there in (("1.jpg", False), ("0.jpg", True)):
            page.goto(f"{server.address}/#/c/shelf?show={id}")
            expect(page.get_by_role("dialog", name=id)).to_be_visible()
            expect(link if is_there else told).to_be_visible()
        visit.check("details-original")
        page.goto(f"{server.address}/#/c/shelf")
        expect(page.get_by_role("dialog")).to_have_count(0)
        tiles(page).nth(0).get_by_role("checkbox").click()
        tiles(page).nth(2).get_by_role("checkbox").click(modifiers=["Shift"])
        page.get_by_role("region", name="Selected pictures").locator("summary", has_text="Export").click()
        with page.expect_download():
            page.get_by_role("button", name="Originals (ZIP)").click()
        expect(page.get_by_text("2 of 3 pictures are small ones: their originals are not kept.")).to_be_visible()
    finally:
        server.close()


def test_what_was_typed_into_details_survives_escape(visit: Visit, shelf: Server, samples: Path) -> None:
    page = visit.go(shelf, "#/c/shelf")
    choose(page, "Choose files", [samples / AURORA, samples / OTHER])
    page.get_by_role("link", name="See the pictures").click()

    def open_first() -> None:
        tiles(page).first.get_by_role("button", name="Details").click()
        page.locator("dialog .facts").wait_for()

    open_first()
    page.get_by_role("button", name="Edit").click()
    page.get_by_role("button", name="Add a field").click()
    page.get_by_label("Field", exact=True).fill("title")
    page.get_by_label("Value", exact=True).fill("two words")
    page.get_by_label("Tags").fill("night")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_text("Not saved yet")).to_have_count(1)
    open_first()
    expect(page.get_by_text("What you had not saved.")).to_be_visible()
    expect(page.get_by_label("Tags")).to_have_value("night")
    page.get_by_role("button", name="The next one").click()  # nor is it lost on the way to another record
    expect(page.locator("dialog .facts")).to_contain_text(OTHER.rsplit("/", 1)[-1])
    page.keyboard.press("Escape")
    open_first()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    address = f"{shelf.address}/api/v1/collections/shelf/records/aurora-1.jpg"
    told = httpx.get(address).json()
    assert (told["metadata"], told["tags"]) == ({"title": "two words"}, ["night"])
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Tags").fill("day")
    page.keyboard.press("Escape")
    open_first()
    page.get_by_role("button", name="Throw it away").click()
    expect(page.locator("dialog .facts")).to_contain_text("night")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    open_first()
    expect(page.get_by_text("What you had not saved.")).to_have_count(0)


def test_details_step_through_the_matches_by_keyboard(visit: Visit, server: Server) -> None:
    page = visit.go(server, searching(AURORA))
    first, second = tiles(page).nth(0), tiles(page).nth(1)
    first.get_by_role("button", name="Details").press("Enter")
    page.get_by_role("dialog").locator(".facts").wait_for()
    page.keyboard.press("ArrowRight")
    expect(page.locator("dialog .facts")).to_contain_text(str(second.get_attribute("data-id")))
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(second.get_by_role("button", name="Details")).to_be_focused()


# ---- groups that show


def test_a_stack_tells_its_product_and_opens_in_place(visit: Visit, server: Server) -> None:
    page = visit.go(server, searching("products/mug-red.jpg", group_by="product_id"))
    bottle = page.locator(".tile", has_text="bottle").first
    bottle.locator(".stack-toggle").click()
    expect(page.locator(".tile.is-member")).to_have_count(3)
    expect(bottle).to_contain_text("close")
    visit.check("stack-open")
    bottle.locator(".stack-toggle").click()
    expect(page.locator(".tile.is-member")).to_have_count(0)


def test_a_collection_with_a_product_field_groups_by_itself(visit: Visit, server: Server) -> None:
    address = f"{server.address}/api/v1/collections/demo"
    httpx.patch(address, json={"product_id_field": "product_id"}).raise_for_status()
    try:
        page = visit.go(server, searching("products/mug-red.jpg"))
        mugs = page.locator('.tile[data-id^="products/mug"]')
        expect(mugs).to_have_count(1)
        open_filters(visit)
        page.get_by_label("Group").select_option("")
        expect(mugs).not_to_have_count(1)
        page.reload()
        expect(tiles(page).first).to_be_visible()
        expect(mugs).not_to_have_count(1)
    finally:
        httpx.patch(address, json={"product_id_field": ""}).raise_for_status()


def test_the_groups_of_a_collection_are_shown_by_what_looks_alike(visit: Visit, server: Server) -> None:
    page = visit.go(server, "#/c/demo/groups")
    covers = page.locator(".stack-cover")
    expect(covers.first).to_be_visible(timeout=30_000)
    counts = [int(text) for text in page.locator(".stack-count").all_inner_texts()]
    assert counts == sorted(counts, reverse=True)
    covers.first.click()
    expect(page.locator(".stack-members .tile")).to_have_count(counts[0])
    visit.check("groups-view")
    members = page.locator(".stack-members .tile").get_by_role("checkbox")
    members.nth(0).click()
    members.nth(2).click(modifiers=["Shift"])
    bar = page.get_by_role("region", name="Selected pictures")
    expect(bar).to_contain_text("3 selected")
    visit.check("groups-picked")
    bar.get_by_role("button", name="Search with these").click()
    expect(page.locator(".chip.is-like")).to_have_count(3)


# ---- picking


def test_pictures_are_picked_tagged_and_taken_along(visit: Visit, shelf: Server, samples: Path) -> None:
    page = visit.go(shelf, "#/c/shelf")
    choose(page, "Choose files", sorted((samples / "scenes").glob("*.jpg"))[:5])
    page.get_by_role("link", name="See the pictures").click()
    expect(tiles(page)).to_have_count(5)
    tiles(page).nth(0).get_by_role("checkbox").click()
    tiles(page).nth(2).get_by_role("checkbox").click(modifiers=["Shift"])
    bar = page.get_by_role("region", name="Selected pictures")
    expect(bar).to_contain_text("3 selected")
    tiles(page).nth(3).locator(".tile-picture").focus()
    page.keyboard.press("x")
    expect(bar).to_contain_text("4 selected")
    page.keyboard.press("x")
    expect(bar).to_contain_text("3 selected")
    visit.check("picked")
    bar.get_by_role("button", name="Tag").click()
    page.get_by_label("Tags to add").fill("night, north")
    page.get_by_role("button", name="Change 3 pictures").click()
    expect(page.get_by_text("3 pictures changed.")).to_be_visible()
    bar.get_by_role("button", name="Set field").click()
    page.get_by_role("textbox", name="Field").fill("price")
    page.get_by_role("textbox", name="Value").fill("12.5")
    page.get_by_role("button", name="Change 3 pictures").click()
    found = httpx.get(f"{shelf.address}/api/v1/collections/shelf/records").json()["records"]
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert [(one["tags"], one["metadata"]) for one in found[:3]] == [(["night", "north"], {"price": 12.5})] * 3
    assert [one["tags"] for one in found[3:]] == [[], []]

    bar.locator("summary", has_text="Export").click()
    with page.expect_download() as download:
        bar.get_by_role("button", name="Table (CSV)").click()
    rows = Path(download.value.path()).read_text("utf-8-sig").splitlines()
    assert len(rows) == 4
    assert rows[0].endswith("tags,price")
    bar.get_by_role("button", name="Mark to delete").click()
    expect(page.get_by_text("3 pictures marked to be deleted")).to_be_visible()
    told = httpx.get(f"{shelf.address}/api/v1/collections/shelf/decisions").json()["decisions"]
    assert [one["decision"] for one in told] == ["delete"]
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("The marks are taken back.")).to_be_visible()
    assert httpx.get(f"{shelf.address}/api/v1/collections/shelf/decisions").json()["decisions"] == []
    bar.get_by_role("button", name="Select nothing").click()
    expect(bar).to_have_count(0)


def test_a_change_that_is_refused_stays_in_its_dialog(visit: Visit, shelf: Server, samples: Path) -> None:
    page = visit.go(shelf, "#/c/shelf")
    choose(page, "Choose files", [samples / AURORA, samples / OTHER])
    page.get_by_role("link", name="See the pictures").click()
    tiles(page).nth(0).get_by_role("checkbox").click()
    page.get_by_role("region", name="Selected pictures").get_by_role("button", name="Set field").click()
    dialog = page.get_by_role("dialog", name="Set a field")
    dialog.get_by_role("textbox", name="Field").fill("$x")
    dialog.get_by_role("textbox", name="Value").fill("two words")
    dialog.get_by_role("button", name="Change 1 picture").click()
    expect(dialog.get_by_role("alert")).to_contain_text('"$x" cannot be a metadata field')
    expect(dialog.get_by_role("textbox", name="Value")).to_have_value("two words")
    visit.check("refused")
    dialog.get_by_role("textbox", name="Field").fill("x")
    dialog.get_by_role("button", name="Change 1 picture").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert metadata_of(shelf)["aurora-1.jpg"] == ({"x": "two words"}, [])

    page.route(
        "**/records/aurora-1.jpg",
        lambda route: route.abort() if route.request.method == "DELETE" else route.continue_(),
    )
    tiles(page).nth(0).get_by_role("button", name="Details").click()
    page.get_by_role("button", name="Delete this record").click()
    asked = page.get_by_role("dialog", name="Delete aurora-1.jpg?")
    asked.get_by_role("button", name="Delete for good").click()
    expect(asked.get_by_role("alert")).to_contain_text("the server does not answer")
    page.unroute("**/records/aurora-1.jpg")
    asked.get_by_role("button", name="Delete for good").click()
    expect(tiles(page)).to_have_count(1)


def test_a_box_is_ticked_by_its_own_click_and_escape_clears(visit: Visit, server: Server) -> None:
    page = visit.go(server, "#/c/demo")
    boxes = page.locator(".tile").get_by_role("checkbox")
    boxes.nth(0).click()
    expect(boxes.nth(0)).to_be_checked()
    boxes.nth(1).click()
    expect(page.get_by_role("checkbox", checked=True).and_(boxes)).to_have_count(2)
    boxes.nth(0).click()
    expect(boxes.nth(0)).not_to_be_checked()
    page.get_by_role("button", name="More like this").nth(20).click()
    expect(page.locator(".chip")).to_have_count(1)
    expect(page.get_by_role("region", name="Selected pictures")).to_contain_text("1 selected")
    page.keyboard.press("Escape")
    expect(page.get_by_role("region", name="Selected pictures")).to_have_count(0)


def test_a_new_question_is_answered_from_the_top_and_back_returns(visit: Visit, server: Server) -> None:
    page = visit.go(server, "#/c/demo")
    expect(tiles(page)).to_have_count(60)
    tile = tiles(page).nth(30)
    tile.scroll_into_view_if_needed()
    assert page.evaluate("scrollY") > 300
    tile.get_by_role("button", name="More like this").click()
    expect(page.locator(".verdict").first).to_be_visible()
    expect(page.locator("[aria-busy]")).to_have_count(0)
    page.wait_for_function("scrollY === 0")


def test_facets_follow_what_was_tagged(visit: Visit, shelf: Server, samples: Path) -> None:
    page = visit.go(shelf, "#/c/shelf")
    choose(page, "Choose files", sorted((samples / "scenes").glob("*.jpg"))[:4])
    page.get_by_role("link", name="See the pictures").click()
    expect(tiles(page)).to_have_count(4)
    for place in (0, 1):
        tiles(page).nth(place).get_by_role("checkbox").click()
    bar = page.get_by_role("region", name="Selected pictures")
    bar.get_by_role("button", name="Set field").click()
    page.get_by_role("textbox", name="Field").fill("rating")
    page.get_by_role("textbox", name="Value").fill("5")
    page.get_by_role("button", name="Change 2 pictures").click()
    expect(page.get_by_text("2 pictures changed.")).to_be_visible()
    bar.get_by_role("button", name="Select nothing").click()
    open_filters(visit)
    expect(page.get_by_role("group", name="rating")).to_be_visible()


def test_a_lasso_picks_what_it_touches_and_a_search_takes_it(visit: Visit, server: Server) -> None:
    if visit.look[0] == "phone":
        pytest.skip("fingers scroll: a lasso is drawn with a mouse")
    page = visit.go(server, "#/c/demo")
    first, second = tiles(page).nth(0).bounding_box(), tiles(page).nth(1).bounding_box()
    assert first is not None
    assert second is not None
    page.mouse.move(first["x"] - 6, first["y"] + 20)
    page.mouse.down()
    page.mouse.move(second["x"] + 20, second["y"] + 60, steps=4)
    page.mouse.up()
    bar = page.get_by_role("region", name="Selected pictures")
    expect(bar).to_contain_text("2 selected")
    bar.get_by_role("button", name="Search with these").click()
    expect(page.locator(".chip.is-like")).to_have_count(2)
    expect(page.locator(".verdict").first).to_be_visible()


def test_arrow_keys_walk_through_the_pictures(visit: Visit, server: Server) -> None:
    page = visit.go(server, "#/c/demo")
    tiles(page).first.locator(".tile-picture").focus()
    page.keyboard.press("ArrowRight")
    expect(tiles(page).nth(1).locator(".tile-picture")).to_be_focused()
    page.keyboard.press("ArrowDown")
    below = page.evaluate("document.activeElement.closest('.tile').offsetTop")
    assert below > page.evaluate("document.querySelector('.tile').offsetTop")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.closest('.tile').offsetTop") < below


# ---- from code


@pytest.mark.parametrize(
    "asked",
    [
        {"filter": '{"category": ["scene"]}', "threshold": 0.6},
        {"unlike": f"id:{OTHER}", "crop": "0.1,0.2,0.6,0.5"},
    ],
    ids=["narrowed", "cropped"],
)
def test_the_lines_for_other_programs_find_the_same(
    visit: Visit, server: Server, tmp_path: Path, asked: dict[str, Any]
) -> None:
    page = visit.go(server, searching(AURORA, **asked))
    expect(tiles(page).first).to_be_visible()
    shown = page.locator(".tile").evaluate_all("all => all.map(one => one.dataset.id)")
    more_of(page, "Use it from code")
    visit.check("code")
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": programs}
    environment.pop("LOOKALIKE_HOME", None)

    def lines(tab: str) -> str:
        page.get_by_role("tab", name=tab).click()
        page.get_by_role("button", name="Copy").click()
        text = page.evaluate("navigator.clipboard.readText()")
        assert text == page.locator(".code pre").inner_text()
        return str(text)

    def told(*command: str) -> str:
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=tmp_path)
        return ended.stdout

    for text in (told("bash", "-c", lines("Command line")), told(sys.executable, "-c", lines("Python"))):
        assert [id for id in shown[:5] if id in text] == shown[:5]
    found = json.loads(told("bash", "-c", f"{lines('curl')} -s"))
    others = [one["id"] for one in found["matches"] if one["id"] not in (AURORA, asked.get("unlike", "")[3:])]
    assert len(others) > 3
    assert others == shown[: len(others)]
    left_out = {"unlike": "counter-examples", "crop": "the part of the picture", "filter": "the filter"}
    for tab in ("Ximilar", "Watson", "Aspose"):
        comment = next(line for line in lines(tab).splitlines() if line.startswith("# Not carried:"))
        assert {name for name, words in left_out.items() if words in comment} == set(asked) & set(left_out)
        assert ("the threshold" in comment) == ("threshold" in asked and tab != "Aspose")


# ---- cropping


def crop_in(page: Page) -> list[float]:
    return [float(number) for number in parse_qs(urlsplit(page.url).fragment.partition("?")[2])["crop"][0].split(",")]


def test_a_part_is_chosen_by_dragging(visit: Visit, server: Server) -> None:
    page = visit.go(server, searching("copies/aurora-1-bordered.jpg"))
    expect(tiles(page).first).to_be_visible()
    page.get_by_role("button", name="Look at a part").click()
    picture = page.locator(".crop-area img")
    expect(picture).to_be_visible()
    bounds = picture.bounding_box()
    assert bounds is not None
    at = [
        (bounds["x"] + x * bounds["width"], bounds["y"] + y * bounds["height"]) for x, y in ((0.02, 0.02), (0.9, 0.9))
    ]
    drag(page, *at, by_touch=visit.look[0] == "phone")
    visit.check("crop")
    page.get_by_role("button", name="Search with this part").click()
    page.wait_for_url("**crop=*")
    assert crop_in(page) == pytest.approx([0.02, 0.02, 0.88, 0.88], abs=0.02)
    expect(page.locator(".chip")).to_contain_text("a part of")
    expect(tiles(page).first).to_be_visible()


def test_a_drag_draws_a_part_until_one_is_chosen_and_every_corner_is_reached(visit: Visit, server: Server) -> None:
    page = visit.go(server, searching(AURORA))
    page.get_by_role("button", name="Look at a part").click()
    picture = page.locator(".crop-area img")
    expect(picture).to_be_visible()
    bounds = picture.bounding_box()
    assert bounds is not None

    def move(start: tuple[float, float], end: tuple[float, float]) -> None:
        at = [(bounds["x"] + x * bounds["width"], bounds["y"] + y * bounds["height"]) for x, y in (start, end)]
        drag(page, *at, by_touch=visit.look[0] == "phone")

    move((0.5, 0.5), (0.5, 0.5))  # a click draws nothing
    move((0.3, 0.4), (0.6, 0.8))  # within the frame that nobody has chosen
    expect(page.get_by_role("group", name="left 30 %, top 40 %, 30 % wide, 40 % high")).to_be_visible()
    move((0.45, 0.6), (0.1, 0.1))  # within one's own: it moves, to the edge and not further
    expect(page.get_by_role("group", name="left 0 %, top 0 %, 30 % wide, 40 % high")).to_be_visible()
    move((-0.01, -0.01), (0.2, 0.2))  # by the part of the corner that lies outside of the picture
    expect(page.get_by_role("group", name="left 20 %, top 20 %, 10 % wide, 20 % high")).to_be_visible()
    page.get_by_role("button", name="Search with this part").click()
    page.wait_for_url("**crop=*")
    assert crop_in(page) == pytest.approx([0.2, 0.2, 0.1, 0.2], abs=0.02)


def drag(page: Page, start: tuple[float, float], end: tuple[float, float], *, by_touch: bool) -> None:
    if not by_touch:
        page.mouse.move(*start)
        page.mouse.down()
        page.mouse.move(*end, steps=5)
        page.mouse.up()
        return
    wire = page.context.new_cdp_session(page)
    for kind, points in (("touchStart", [start]), ("touchMove", [end]), ("touchEnd", [])):
        touches = [{"x": x, "y": y} for x, y in points]
        wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})  # type: ignore[arg-type]


def test_a_part_is_chosen_by_keyboard_and_numbers(visit: Visit, server: Server) -> None:
    page = visit.go(server, searching(AURORA))
    page.get_by_role("button", name="Look at a part").press("Enter")
    box = page.get_by_role("group", name="Part of the picture")
    box.focus()
    for key in ("ArrowRight", "ArrowDown", "Shift+ArrowLeft", "Shift+ArrowUp"):
        box.press(key)
    page.get_by_text("In numbers").click()
    page.get_by_label("left, %").fill("10")
    page.get_by_label("left, %").press("Tab")
    page.get_by_role("button", name="Search with this part").press("Enter")
    page.wait_for_url("**crop=*")
    assert crop_in(page) == pytest.approx([0.10, 0.17, 0.68, 0.68], abs=0.005)
    page.get_by_role("button", name="Change the part").click()
    page.get_by_role("button", name="Whole picture").click()
    expect(page.locator(".chip")).not_to_contain_text("a part of")


# ---- narrowing


def test_facets_narrow_the_search(visit: Visit, server: Server) -> None:
    page = visit.go(server, "#/c/demo")
    open_filters(visit)
    page.get_by_role("checkbox", name="shoes 8").check()
    expect(tiles(page)).to_have_count(8)
    page.get_by_role("checkbox", name="bags 4").check()
    expect(tiles(page)).to_have_count(12)
    page.get_by_role("spinbutton", name="to").fill("89.9")
    page.get_by_role("spinbutton", name="to").press("Tab")
    expect(tiles(page)).to_have_count(8)
    visit.check("filtered")
    page.reload()
    expect(tiles(page)).to_have_count(8)
    open_filters(visit)
    page.get_by_role("button", name="Clear all filters").click()
    expect(tiles(page)).to_have_count(60)


def test_facets_take_clicks_and_typing_faster_than_the_counts_come(visit: Visit, server: Server) -> None:
    page = visit.go(server, "#/c/demo")
    open_filters(visit)
    page.get_by_role("checkbox", name="shoes 8").wait_for()
    held: list[Route] = []
    page.route("**/facets*", lambda route: held.append(route))
    page.get_by_role("checkbox", name="shoes 8").check()
    expect(tiles(page)).to_have_count(8)
    page.get_by_role("checkbox", name="bags 4").check()
    expect(tiles(page)).to_have_count(12)
    page.get_by_role("spinbutton", name="to").fill("89.9")
    with page.expect_response("**/facets*"):
        for route in held:
            route.continue_()
    page.unroute("**/facets*")
    page.wait_for_timeout(300)  # the counts are there, and must not take the number away
    page.get_by_role("spinbutton", name="to").press("Tab")
    expect(tiles(page)).to_have_count(8)
    expect(page.get_by_role("checkbox", name="bags")).to_be_checked()
    expect(page.get_by_role("spinbutton", name="to")).to_have_value("89.9")


def test_of_many_fields_ten_are_shown_and_those_that_are_filtered_by(
    visit: Visit, shelf: Server, samples: Path
) -> None:
    for place, path in enumerate((AURORA, OTHER)):
        fields = {f"field {field:02d}": 100 * place + field for field in range(25) if place or field != 20}
        told = {"record": json.dumps({"_id": f"{place}.jpg", **fields})}
        files = {"file": ("picture", (samples / path).read_bytes())}
        httpx.post(f"{shelf.address}/api/v1/collections/shelf/records", data=told, files=files).raise_for_status()
    page = visit.go(shelf, "#/c/shelf?filter=" + quote('{"field 20": {"$gte": 50}}'))
    expect(tiles(page)).to_have_count(1)
    open_filters(visit)
    expect(page.locator(".facet")).to_have_count(11)
    expect(page.get_by_role("group", name="field 20")).to_be_visible()
    page.evaluate("document.querySelectorAll('dialog, .side').forEach((one) => (one.scrollTop = 1e6))")  # to the button
    visit.check("many-fields")
    page.get_by_role("button", name="14 more fields").click()
    expect(page.locator(".facet")).to_have_count(25)
    expect(page.get_by_role("button", name="more field")).to_have_count(0)


def test_groups_variety_and_near_duplicates(visit: Visit, server: Server) -> None:
    page = visit.go(server, searching("products/mug-red.jpg"))
    open_filters(visit)
    page.get_by_label("Group").select_option("product_id")
    page.wait_for_url("**group_by=product_id")
    expect(page.locator('.tile[data-id^="products/mug"]')).to_have_count(1)
    page.get_by_label("Group").select_option("")
    expect(page.locator('.tile[data-id^="products/mug"]')).not_to_have_count(1)
    page.goto(f"{server.address}/{searching(AURORA)}")
    expect(page.locator('.tile[data-id="copies/aurora-1-brightened.jpg"]')).to_have_count(1)
    open_filters(visit, "More")
    page.get_by_label("Hide near-duplicates").check()
    page.wait_for_url("**collapse=1")
    expect(page.locator(".tile .relation").first).to_contain_text("+")
    page.get_by_label("Variety").press("End")
    page.wait_for_url("**diversity=1**")
    visit.check("variety")


HAS_ITS_OWN = {
    *("source", "like", "unlike", "limit", "cursor", "explain", "crop"),
    *("threshold", "filter", "group_by", "diversity", "collapse", "verify"),
}


def test_a_condition_without_a_control_of_its_own_gets_one_from_the_declaration(
    visit: Visit, server: Server, tmp_path: Path
) -> None:
    page = visit.go(server, searching(AURORA))
    expect(tiles(page).first).to_be_visible()
    unnarrowed = ids_shown(page)
    assert not [url for url in visit.requests if "openapi.json" in url]  # nothing waits for the declaration
    open_fold(visit, "More conditions")
    for name, schema in declared(server).items():
        control = page.locator(".conditions").get_by_label(spoken(name), exact=True)
        expect(control).to_have_count(1)
        is_flag = schema.get("type") == "boolean"
        assert (control.get_attribute("type") == "checkbox") == is_flag
        hint = page.locator(f"#{control.get_attribute('aria-describedby')}")
        expect(hint).to_contain_text(schema["description"].split("`")[0])
        assert "`" not in hint.inner_text()
    expect(page.locator(".conditions input")).to_have_count(len(declared(server)))
    visit.check("more-conditions")

    give(page, "Max distance", "0.3")
    page.wait_for_url("**max_distance=0.3")
    give(page, "Tags", "night, red")
    page.wait_for_url("**tags=night%2C+red")
    page.get_by_label("Exact").check()
    page.wait_for_url("**exact=1")
    asked = {"like": [f"id:{AURORA}"], "max_distance": 0.3, "tags": ["night", "red"], "exact": True, "limit": 60}
    told = httpx.post(f"{server.address}/api/v1/collections/demo/search", json=asked).json()
    wanted = [one["id"] for one in told["matches"] if one["id"] != AURORA]
    expect(page.locator(".tile")).to_have_count(len(wanted))
    assert ids_shown(page) == wanted
    assert 0 < len(wanted) < len(unnarrowed)
    expect(page.locator(".threshold-count")).to_contain_text(f"{len(wanted)} of {len(wanted)} score 0.00 or more")

    page.reload()
    expect(tiles(page)).to_have_count(len(wanted))
    assert ids_shown(page) == wanted
    open_fold(visit, "More conditions (3)")
    expect(page.get_by_label("Max distance")).to_have_value("0.3")
    expect(page.get_by_label("Tags", exact=True)).to_have_value("night, red")
    expect(page.get_by_label("Exact")).to_be_checked()
    close_filters(visit)
    found = found_by_the_command_line(page, tmp_path)
    assert found == [one["id"] for one in told["matches"]][:10]


def test_a_further_condition_is_taken_away_and_one_that_cannot_be_is_told(visit: Visit, server: Server) -> None:
    page = visit.go(server, searching(AURORA, max_distance="near", no_condition="7"))
    expect(page.get_by_role("alert")).to_contain_text("max_distance")
    open_fold(visit, "More conditions (2)")
    give(page, "Max distance", "0.3")
    expect(page.get_by_role("alert")).to_have_count(0)
    give(page, "Max distance", "")
    expect(page).not_to_have_url(re.compile("max_distance"))
    give(page, "Members", "2")
    page.wait_for_url("**members=2")
    expect(page.get_by_text("are those of a group")).to_be_visible()
    page.get_by_label("Group", exact=True).select_option("product_id")
    expect(page.get_by_text("are those of a group")).to_have_count(0)
    expect(tiles(page).first).to_be_visible()


def declared(server: Server) -> dict[str, Any]:
    """Return what the server declares of the conditions that the page has no control of its own for."""
    document = httpx.get(f"{server.address}/openapi.json").json()
    properties = document["components"]["schemas"]["SearchQuery"]["properties"]
    return {name: schema for name, schema in properties.items() if name not in HAS_ITS_OWN}


def spoken(name: str) -> str:
    return name.replace("_", " ").capitalize()


def open_fold(visit: Visit, text: str) -> None:
    """Open a fold at the end of the settings of a search."""
    open_filters(visit)
    if visit.look[0] != "phone":
        visit.page.locator(".toolbar .menu > summary").click()
    visit.page.get_by_text(text, exact=True).click()


def give(page: Page, label: str, text: str) -> None:
    control = page.locator(".conditions").get_by_label(label, exact=True)
    control.fill(text)
    control.press("Enter")


def ids_shown(page: Page) -> list[str]:
    return list(page.locator(".tile").evaluate_all("all => all.map(one => one.dataset.id)"))


def found_by_the_command_line(page: Page, folder: Path) -> list[str]:
    """Return the ids that the printed command line finds."""
    more_of(page, "Use it from code")
    page.get_by_role("tab", name="Command line").click()
    line = page.locator(".code pre").inner_text()
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment.pop("LOOKALIKE_HOME", None)
    ended = subprocess.run(
        ["bash", "-c", f"{line} --json"], env=environment, capture_output=True, text=True, check=True, cwd=folder
    )
    return [one["id"] for one in json.loads(ended.stdout)["matches"]]


def test_the_camera_takes_a_picture_to_search_with(visit: Visit, server: Server) -> None:
    page = visit.go(server, "#/c/demo")
    page.get_by_role("button", name="Take a picture with the camera").click()
    take = page.get_by_role("button", name="Take the picture")
    expect(take).to_be_enabled()
    visit.check("camera")
    take.click()
    expect(page.locator(".query-picture img")).to_be_visible()
    expect(tiles(page).first).to_be_visible()


# ---- comparing


def test_two_pictures_are_compared(visit: Visit, server: Server, samples: Path) -> None:
    page = visit.go(server, "#/compare")
    choose(page, "Choose the first picture", samples / AURORA)
    bring(page, "drop", ".slot:nth-of-type(2)", samples / BRIGHTENED)
    expect(page.locator(".big-score")).to_contain_text("0.9")
    visit.check("compared")
    page.get_by_role("button", name="Take away the second picture").click()
    expect(page.get_by_role("button", name="Choose the second picture")).to_be_visible()


def test_a_match_is_compared_with_the_example(visit: Visit, server: Server) -> None:
    page = visit.go(server, searching(AURORA, show=OTHER))
    page.get_by_role("button", name="Compare with the query", exact=True).click()
    expect(page.locator(".big-score")).to_be_visible()


@pytest.fixture
def changed_copy(samples: Path, tmp_path: Path) -> Path:
    """A part of a sample picture, with a mark over it."""
    with PIL.Image.open(samples / AURORA) as picture:
        part = picture.crop((80, 56, 600, 420))
    part.paste((255, 0, 255), (60, 80, 180, 160))
    part.save(tmp_path / "copy.png")
    return tmp_path / "copy.png"


def test_a_copy_is_explained_on_both_pictures_and_by_what_was_changed(
    look: Visit, server: Server, samples: Path, changed_copy: Path
) -> None:
    page = look.go(server, "#/compare")
    choose(page, "Choose the first picture", samples / AURORA)
    choose(page, "Choose the second picture", changed_copy)
    expect(page.get_by_role("heading", name="Edited, cropped, re-encoded")).to_be_visible()
    expect(page.locator(".comparison")).to_contain_text("The same picture.")
    outlines = page.locator(".slot .framed polygon.outline")
    expect(outlines).to_have_count(2)
    corners = [[float(value) for value in corner.split(",")] for corner in points_of(outlines.first)]
    assert [min(side) for side in zip(*corners, strict=True)] == pytest.approx([80, 56], abs=3)
    assert [max(side) for side in zip(*corners, strict=True)] == pytest.approx([600, 420], abs=3)
    expect(page.locator(".slot circle").first).to_be_attached()
    expect(page.get_by_role("img", name="What was changed, in color")).to_be_visible()
    expect(page.locator(".why")).to_contain_text("of what both show was changed")
    look.check("why-copy")
    page.locator(".why").scroll_into_view_if_needed()
    look.check("why-copy-below")


def points_of(polygon: Locator) -> list[str]:
    return (polygon.get_attribute("points") or "").split()


def test_what_makes_other_pictures_alike_is_shown_when_asked_for(look: Visit, server: Server) -> None:
    page = look.go(server, VIEWS["compare"][0])
    expect(page.get_by_role("heading", name="Similar")).to_be_visible()
    page.get_by_role("button", name="Why?").click()
    expect(page.locator(".slot .framed canvas")).to_have_count(2)  # a second of a whole core
    page.locator(".slot").first.scroll_into_view_if_needed()
    look.check("why-similar")


def test_a_picture_that_only_the_server_reads_is_explained_in_a_drawing(
    visit: Visit, server: Server, samples: Path, picture_site: str
) -> None:
    page = visit.go(server, "#/compare?a=" + quote(f"{picture_site}/{AURORA}", safe=""))
    choose(page, "Choose the second picture", samples / BRIGHTENED)
    expect(page.get_by_role("img", name="Both pictures, with what makes them alike")).to_be_visible()
    visit.check("why-address")


def test_copies_among_the_matches_are_told_when_asked_for(visit: Visit, server: Server) -> None:
    page = visit.go(server, searching(AURORA))
    copy = page.locator(f'.tile[data-id="{BRIGHTENED}"] .relation')
    expect(tiles(page).first).to_be_visible()
    expect(copy).to_have_count(0)
    open_filters(visit, "More")
    page.get_by_label("Check copies").check()
    page.wait_for_url("**verify=1")
    expect(copy).to_have_text("edited")  # sixty pictures are looked at for the first time
    visit.check("relations")


# ---- keys


def test_keys_are_made_used_and_revoked(visit: Visit, browser: Browser, bare_server: Server) -> None:
    httpx.post(f"{bare_server.address}/api/v1/collections", json={"name": "hats"}).raise_for_status()
    page = visit.go(bare_server, "#/settings")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name").fill("mine")
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_text("it is shown this once")).to_be_visible()
    visit.check("fresh-key")
    secret = page.locator(".secret").input_value()
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_text('You use the key "mine" (admin).')).to_be_visible()
    assert httpx.get(f"{bare_server.address}/api/v1/collections").status_code == 401
    [cookie] = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert secret not in json.dumps(page.evaluate("({...localStorage, ...sessionStorage})")) + page.url

    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name").fill("reader")
    page.get_by_label("Scope").select_option("read")
    page.get_by_text("End and quotas").click()
    page.get_by_label("Pictures").fill("500")
    page.get_by_role("button", name="Make the key").click()
    reader = page.locator(".secret").input_value()
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("row", name="reader")).to_contain_text("500 pictures")
    visit.check("keys")

    with browser.new_context() as elsewhere:
        other = elsewhere.new_page()
        other.goto(f"{bare_server.address}/#/")
        other.get_by_role("textbox", name="Key").fill("wrong")
        other.get_by_role("button", name="Sign in").click()
        expect(other.get_by_role("alert")).to_contain_text("does not know this key")
        other.get_by_role("textbox", name="Key").fill(reader)
        other.get_by_role("button", name="Sign in").click()
        expect(other.get_by_role("heading", name="hats")).to_be_visible()

    page.get_by_role("button", name="Revoke reader").click()
    page.get_by_role("button", name="Revoke", exact=True).click()
    expect(page.get_by_role("row", name="reader")).to_contain_text("revoked")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("textbox", name="Key")).to_be_visible()
    visit.check("sign-in")


def test_a_key_sees_only_what_it_may_do(visit: Visit, browser: Browser, bare_server: Server, samples: Path) -> None:
    api = f"{bare_server.address}/api/v1"
    for name in ("hats", "shoes"):
        httpx.post(f"{api}/collections", json={"name": name}).raise_for_status()
        files = {"file": ("a.jpg", (samples / AURORA).read_bytes())}
        httpx.post(f"{api}/collections/{name}/records", files=files).raise_for_status()
    boss = {
        "Authorization": f"Bearer {httpx.post(f'{api}/keys', json={'name': 'boss', 'scope': 'admin'}).json()['key']}"
    }

    def opened(scope: str, *bound: str) -> Page:
        wanted = {"name": f"{scope}-{len(bound)}", "scope": scope, "collections": list(bound)}
        secret = httpx.post(f"{api}/keys", json=wanted, headers=boss).json()["key"]
        page.context.clear_cookies()
        page.goto("about:blank")
        page.goto(f"{bare_server.address}/#/")
        page.get_by_role("textbox", name="Key").fill(secret)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="hats")).to_be_visible()
        return page

    page = visit.page
    visit.address = bare_server.address
    opened("write")
    expect(page.get_by_role("button", name="New collection")).to_be_visible()
    opened("write", "hats")
    expect(page.get_by_label("More of hats")).to_be_visible()
    expect(page.get_by_role("button", name="New collection")).to_have_count(0)
    visit.check("bound-key")
    opened("write", "hats", "gloves")
    expect(page.get_by_role("button", name="New collection")).to_be_visible()  # gloves
    opened("read", "hats")
    expect(page.get_by_label("More of hats")).to_have_count(0)
    page.get_by_role("link", name="hats", exact=True).click()
    expect(tiles(page)).to_have_count(1)
    expect(page.get_by_role("link", name="Add pictures")).to_have_count(0)
    tiles(page).first.get_by_role("button", name="Details").click()
    expect(page.locator("dialog .facts")).to_be_visible()
    for name in ("Edit", "Delete this record"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)


# ---- the demo


def test_the_demo_ends_in_the_page(visit: Visit, pictures: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lookalike", "demo", "--photos", str(pictures), "--home", str(tmp_path / "home")]
    demo = subprocess.Popen(
        [*command, "--serve"], env={**os.environ, "BROWSER": "true"}, stdout=subprocess.PIPE, text=True
    )
    assert demo.stdout is not None
    with demo.stdout:
        told = next(line for line in demo.stdout if line.startswith("The page is at "))
        visit.address, _, address = told.split()[4].partition("/#")
        page = visit.page
        page.goto(f"{visit.address}/#{address}")
        expect(tiles(page)).to_have_count(10)
        demo.send_signal(signal.SIGINT)
        demo.communicate()
    assert demo.returncode == 0


# ---- without a mouse


def test_the_main_work_is_done_by_keyboard_alone(visit: Visit, server: Server) -> None:
    page = visit.go(server)
    page.get_by_role("heading", name="demo").wait_for()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, "a.card-link")
    page.keyboard.press("Enter")
    expect(tiles(page).first).to_be_visible()
    tab_to(page, ".tile button[aria-label^='More like this']")
    page.keyboard.press("Enter")
    expect(page.locator(".chip")).to_have_count(1)
    expect(page.locator("#announcer")).to_contain_text("matches")


def tab_to(page: Page, target: str) -> None:
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("target => document.activeElement.matches(target)", target):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none"
            return
    raise AssertionError(f"{target} is not reached by Tab")
