"""The review in a real browser, by keyboard alone: decisions are saved at once, and many groups stay smooth."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import PIL.Image
import pytest
from conftest import draw
from playwright.sync_api import Page, expect
from test_page import LOOKS, Server, Visit, browser, visiting  # noqa: F401 - browser is a fixture

import lookalike
from lookalike.values import Entry, Record

API = "/api/v1/collections"
GROUPS = 3
MOTIFS = (0, 4, 6, 3)  # of `draw`: no patterns, of which resizing leaves something else
_SHELVES = itertools.count()


MANY = 450  # groups of the collection `many`: more than two pages


def fill_many(home: Path) -> None:
    """Make the collection `many`, of groups of two without pictures, straight into its store."""
    rng = np.random.default_rng(7)
    with lookalike.open(home) as library:
        made = library.create("many", keep="none")
        entries = []
        for group in range(MANY):
            vectors: dict[str, Any] = {}
            for space in made.spec.spaces:
                numbers = rng.standard_normal(space.dim)
                vectors[space.name] = (numbers / np.linalg.norm(numbers)).astype(np.float32)
            vectors["dhash"] = rng.integers(0, 256, 8, dtype=np.uint8)
            for side in (800, 400):
                name = f"{group:03d}-{side}.jpg"
                record = Record(id=name, content_hash=name, format="jpeg", size_px=(side, side), byte_size=100 * side)
                entries.append(Entry(record, vectors))
        made._store.upsert(entries)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("review") / "home"
    fill_many(home)
    started = Server(home)
    yield started
    started.close()


@pytest.fixture(params=LOOKS[:1] + LOOKS[-1:], ids="-".join)
def visit(browser: Any, request: pytest.FixtureRequest) -> Iterator[Visit]:  # noqa: F811
    yield from visiting(browser, request.param)


@pytest.fixture
def shelf(server: Server, tmp_path: Path) -> str:
    """A fresh collection: a group of four, two groups of two, one picture alone; its name."""
    number = next(_SHELVES)
    name = f"shelf-{number}"
    httpx.post(f"{server.address}{API}", json={"name": name}).raise_for_status()
    for seed in range(GROUPS + 1):
        picture = draw(64 * number + MOTIFS[seed], (640, 480))
        save(server, name, tmp_path, f"{seed}.jpg", picture, quality=92)
        if seed < GROUPS:
            save(server, name, tmp_path, f"{seed}-low.jpg", picture.resize((400, 300)), quality=40)
    first = draw(64 * number, (640, 480))
    save(server, name, tmp_path, "0-png.png", first.resize((500, 375)))
    save(server, name, tmp_path, "0-tiny.jpg", first.resize((200, 150)), quality=70)
    return name


def save(server: Server, name: str, folder: Path, file: str, picture: PIL.Image.Image, **options: Any) -> None:
    picture.save(folder / file, **options)
    sent = {"file": (file, (folder / file).read_bytes(), "image/png" if file.endswith("png") else "image/jpeg")}
    httpx.post(f"{server.address}{API}/{name}/records", files=sent, timeout=60).raise_for_status()


def opened(visit: Visit, server: Server, name: str, parameters: str = "") -> Page:
    page = visit.go(server, f"#/c/{name}/review{parameters}")
    expect(page.locator("[aria-busy]")).to_have_count(0)
    return page


def decisions(server: Server, name: str) -> list[tuple[str, list[str], list[str]]]:
    found = httpx.get(f"{server.address}{API}/{name}/decisions").json()["decisions"]
    return [(one["decision"], one["ids"], one["beside"]) for one in reversed(found)]


def chosen(page: Page) -> str:
    return page.locator(".review-tile[aria-pressed=true]").get_attribute("aria-label") or ""


def press(page: Page, *keys: str) -> None:
    for key in keys:
        with page.expect_response(lambda answer: "/decisions" in answer.url):
            page.keyboard.press(key)


def is_painted(page: Page, place: int = 0) -> bool:
    """Say whether a canvas shows more than one color."""
    script = """(canvas) => {
        const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return new Set(new Uint32Array(data.buffer)).size > 1;
    }"""
    return bool(page.locator(".panel2 canvas").nth(place).evaluate(script))


def test_a_review_by_keys_alone(visit: Visit, server: Server, shelf: str) -> None:
    page = visit.go(server, f"#/c/{shelf}")
    page.get_by_role("link", name="Duplicates").press("Enter")
    expect(page.get_by_role("heading", name="Review duplicates")).to_be_visible()
    expect(page.get_by_text("3 groups to decide")).to_be_visible()
    visit.check("review")
    assert is_painted(page, 0)
    assert is_painted(page, 1)

    assert chosen(page).startswith("0-")
    first = chosen(page).split(",")[0]
    press(page, "d")
    assert decisions(server, shelf)[0][:2] == ("delete", [first])
    assert "0.jpg" in decisions(server, shelf)[0][2]
    expect(page.get_by_role("button", name=f"{first}, ", exact=False).first).to_be_visible()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    visit.check("review-in-work")

    page.keyboard.press("ArrowDown")
    expect(page.locator(".review-where")).to_have_text("2 of 3")
    press(page, "n")
    assert decisions(server, shelf)[1][:2] == ("not_a_duplicate", ["1.jpg", "1-low.jpg"])
    expect(page.locator(".review-where")).to_have_text("3 of 3")  # it goes on by itself
    press(page, "l")
    assert decisions(server, shelf)[2][:2] == ("later", ["2.jpg", "2-low.jpg"])
    expect(page.locator(".review-where")).to_have_text("1 of 3")
    expect(page.get_by_text("1 group to decide")).to_be_visible()

    page.reload()  # everything was saved at once
    expect(page.get_by_text("1 group to decide")).to_be_visible()
    page.get_by_role("button", name="Put off: 1").press("Enter")
    expect(page.get_by_role("heading", name="Put off")).to_be_visible()
    expect(page.locator(".review-where")).to_have_text("1 of 1")
    visit.check("review-later")
    press(page, "a")
    expect(page.get_by_text("Nothing is put off")).to_be_visible()
    assert decisions(server, shelf)[-1][:2] == ("keep", ["2.jpg", "2-low.jpg"])


def test_undo_brings_the_group_back(visit: Visit, server: Server, shelf: str) -> None:
    page = opened(visit, server, shelf, "?group=1.jpg")
    expect(page.locator(".review-where")).to_have_text("2 of 3")
    press(page, "b")
    assert [one[:2] for one in decisions(server, shelf)] == [("keep", ["1.jpg"]), ("delete", ["1-low.jpg"])]
    expect(page.locator(".review-where")).to_have_text("3 of 3")
    with page.expect_response(lambda answer: answer.request.method == "DELETE"):
        page.keyboard.press("u")
    expect(page.get_by_text("Taken back: 2 decisions.")).to_be_visible()
    expect(page.locator(".review-where")).to_have_text("2 of 3")
    assert decisions(server, shelf) == []
    expect(page.locator(".review-strip .badge")).to_have_count(0)
    page.keyboard.press("u")
    expect(page.get_by_text("There is nothing to take back.")).to_be_visible()


def test_the_last_picture_of_a_group_is_not_deleted(visit: Visit, server: Server, shelf: str) -> None:
    page = opened(visit, server, shelf, "?group=1.jpg&member=1-low.jpg")
    press(page, "d")
    page.evaluate("location.hash = location.hash.replace(/\\?.*/, '?group=1.jpg&member=1.jpg')")
    expect(page.locator(".review-where")).to_have_text("2 of 3")
    page.keyboard.press("d")
    expect(page.get_by_role("alert")).to_contain_text("has to stay")
    assert len(decisions(server, shelf)) == 1


def test_pictures_blink_show_their_difference_and_zoom_together(visit: Visit, server: Server, shelf: str) -> None:
    page = opened(visit, server, shelf, "?group=1.jpg")
    page.keyboard.press("+")
    page.keyboard.press("+")
    expect(page.locator(".review-zoom")).to_have_text("225 %")
    page.keyboard.press("0")
    page.keyboard.press("2")
    expect(page.locator(".panel2")).to_have_count(1)
    assert "view=blink" in page.url
    expect(page.locator(".panel-caption")).to_have_text("1.jpg")
    page.keyboard.press("f")
    expect(page.locator(".panel-caption")).to_have_text("1-low.jpg")
    visit.check("review-blink")
    page.keyboard.press("3")
    expect(page.get_by_text("The brighter, the more they differ")).to_be_visible()
    page.wait_for_timeout(100)
    assert is_painted(page)
    visit.check("review-difference")
    page.reload()
    expect(page.get_by_role("button", name="Difference")).to_have_attribute("aria-pressed", "true")


def test_the_better_values_are_marked(visit: Visit, server: Server, shelf: str) -> None:
    page = opened(visit, server, shelf, "?group=1.jpg")
    better = page.locator(".facts-table tr", has_text="Size").locator("td.is-better")
    expect(better).to_contain_text("640 × 480")
    sharpness = page.locator(".facts-table tr", has_text="Sharpness").locator("td")
    expect(sharpness).to_have_text([re.compile(r"\d+"), re.compile(r"\d+")])
    expect(page.locator(".facts-table tr", has_text="File").locator("td.is-better")).to_have_count(1)
    assert page.locator(".facts-table tr", has_text="Format").locator("td.is-better").count() == 0


def test_the_best_of_all_groups_is_shown_decided_and_taken_back(visit: Visit, server: Server, shelf: str) -> None:
    page = opened(visit, server, shelf)
    page.get_by_role("button", name="Keep the best of each").press("Enter")
    expect(page.get_by_text("3 groups: the best picture of each is kept")).to_be_visible()
    visit.check("review-best")
    page.keyboard.press("Escape")
    assert decisions(server, shelf) == []
    page.get_by_role("button", name="Keep the best of each").press("Enter")
    page.get_by_role("button", name="Decide 3 groups").press("Enter")
    expect(page.get_by_text("Nothing is left to decide")).to_be_visible()
    visit.check("review-done")
    assert len(decisions(server, shelf)) == 6
    page.get_by_role("button", name="Undo").press("Enter")
    expect(page.get_by_text("3 groups to decide")).to_be_visible()


def test_a_collection_without_duplicates_says_so(visit: Visit, server: Server) -> None:
    httpx.post(f"{server.address}{API}", json={"name": "bare"})
    page = opened(visit, server, "bare")
    expect(page.get_by_text("Nothing is left to decide")).to_be_visible()
    page = visit.go(server, "#/c/nowhere/review")
    expect(page.get_by_role("alert")).to_contain_text("nowhere")
    visit.check("review-nowhere")


def test_of_many_groups_only_those_that_are_seen_are_in_the_page(visit: Visit, server: Server) -> None:
    page = opened(visit, server, "many")
    expect(page.get_by_text(f"{MANY} groups to decide")).to_be_visible()
    rows = page.locator(".group-row")
    assert rows.count() < 40
    assert rows.first.get_attribute("aria-setsize") == str(MANY)
    page.keyboard.press("ArrowUp")  # at the first already
    expect(page.locator(".review-where")).to_have_text(f"1 of {MANY}")

    page.locator(".group-list").evaluate("(list) => (list.scrollTop = list.scrollHeight)")
    last = page.get_by_role("button", name=f"{MANY - 1:03d}-800.jpg, 2 pictures", exact=True)
    expect(last).to_be_visible()  # two more pages came, and each was asked for once
    pages = [url for url in visit.requests if f"{API}/many/review" in url and "/progress" not in url]
    assert len(pages) == 3
    assert rows.count() < 40
    last.press("Enter")
    expect(page.locator(".review-where")).to_have_text(f"{MANY} of {MANY}")
    expect(page.locator(".group-button[aria-current]")).to_have_attribute(
        "aria-label", f"{MANY - 1:03d}-800.jpg, 2 pictures"
    )
    page.keyboard.press("ArrowUp")
    expect(page.locator(".review-where")).to_have_text(f"{MANY - 1} of {MANY}")

    address = page.url
    page.reload()  # the place is in the address, wherever in the list it is
    expect(page.locator(".review-where")).to_have_text(f"{MANY - 1} of {MANY}")
    assert page.url == address
    visit.check("review-many")
