"""Make the pictures on top of the README: the page over the samples, in a real browser, as small WebP files.

    python tools/make_screenshots.py [--home demo-home]

It needs playwright and chromium, as the tests of the page do. Without a home the samples are drawn and indexed first.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Page, sync_playwright

import lookalike
from lookalike.samples import write_samples

FOLDER = Path(__file__).parent.parent / "docs" / "pictures"
MOST_BYTES = 150_000
DESKTOP, PHONE = (1440, 900), (390, 844)
WIDTHS = {DESKTOP: 1200, PHONE: 560}  # of the files: the README shows them at half of it and less
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars"]
QUERY = "scenes/aurora-1.jpg"
ORIGINAL, COPY = "scenes/fields-2.jpg", "copies/fields-2-cropped-30.jpg"


def show_results(page: Page, address: str) -> None:
    """Show a search, with all pictures of the first screen there."""
    page.goto(f"{address}/#/c/demo?verify=1&like={quote('id:' + QUERY, safe='')}")
    _settle(page, ".tile")


def show_review(page: Page, address: str) -> None:
    """Show a group of the review."""
    page.goto(f"{address}/#/c/demo/review")
    _settle(page, ".review-tile img >> nth=1")


def show_comparison(page: Page, address: str) -> None:
    """Show two pictures, and what both show."""
    pair = "&".join(f"{side}={quote('id:' + id, safe='')}" for side, id in (("a", ORIGINAL), ("b", COPY)))
    page.goto(f"{address}/#/compare?collection=demo&{pair}")
    _settle(page, ".why img >> nth=1")


VIEWS: dict[str, tuple[tuple[int, int], Callable[[Page, str], None]]] = {
    "results": (DESKTOP, show_results),
    "review": (DESKTOP, show_review),
    "compare": (DESKTOP, show_comparison),
    "phone": (PHONE, show_results),
}


def main() -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, help="A home with the samples in the collection `demo`.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = given.home or _made_home(Path(scratch))
        server = subprocess.Popen(
            [sys.executable, "-m", "lookalike", "serve", "--home", str(home), "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert server.stdout is not None
            _shoot(server.stdout.readline().split(" at ")[1].split()[0])
        finally:
            server.terminate()
            server.wait(60)


def _made_home(scratch: Path) -> Path:
    listing = write_samples(scratch / "samples")
    records = [json.loads(line) for line in listing.read_text().splitlines()]
    with lookalike.open(scratch / "home") as library:
        library.collection("demo", create=True).add(records, base=listing.parent)
    return scratch / "home"


def _shoot(address: str) -> None:
    found = os.environ.get("LOOKALIKE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        for name, (size, show) in VIEWS.items():
            context = browser.new_context(
                viewport={"width": size[0], "height": size[1]},
                device_scale_factor=2 if size == PHONE else 1,
                has_touch=size == PHONE,
                color_scheme="light",
                reduced_motion="reduce",
            )
            page = context.new_page()
            show(page, address)
            data = _webp(page.screenshot(), WIDTHS[size])
            (FOLDER / f"{name}.webp").write_bytes(data)
            print(f"{name}.webp: {len(data):,} bytes")
            context.close()
        browser.close()


def _settle(page: Page, wanted: str) -> None:
    """Wait until a part is shown, nothing is loading, and every picture on the screen is there."""
    page.wait_for_selector(wanted, timeout=120_000)
    page.wait_for_function("() => !document.querySelector('[aria-busy=true]')", timeout=120_000)
    page.wait_for_load_state("networkidle", timeout=120_000)
    page.wait_for_function(
        """() => [...document.images].every((one) => {
            const box = one.getBoundingClientRect();
            return box.top > innerHeight || !box.width || (one.complete && one.naturalWidth);
        })""",
        timeout=120_000,
    )


def _webp(shot: bytes, width: int) -> bytes:
    """Give a screenshot as WebP of this width, in the best quality that is small enough."""
    with Image.open(io.BytesIO(shot)) as opened:
        image = opened.convert("RGB")
    image = image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)
    for quality in (90, 80, 70, 60, 50):
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=quality, method=6)
        if buffer.tell() <= MOST_BYTES:
            return buffer.getvalue()
    raise SystemExit(f"a picture has {buffer.tell():,} bytes at quality {quality}; {MOST_BYTES:,} are allowed.")


if __name__ == "__main__":
    main()
