"""The review in a real browser, by keyboard alone: decisions are saved at once, and many groups stay smooth."""

from __future__ import annotations

import csv
import itertools
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import PIL.Image
import pytest
from conftest import draw
from marked import contents
from playwright.sync_api import Page, expect
from test_page import LOOKS, Server, Visit, browser, samples, visiting  # noqa: F401 - fixtures

import lookalike
from lookalike.records import Entry, Record

API = "/api/v1/collections"
GROUPS = 3
MOTIFS = (0, 4, 6, 3)  # of `draw`: no patterns, of which resizing leaves something else
_SHELVES = itertools.count()
Filed = Callable[[Path], tuple[str, Path]]


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
    if visit.look[0] == "phone":
        page.get_by_label("More of this collection").press("Enter")
    page.get_by_role("link", name="Duplicates").press("Enter")
    expect(page.get_by_role("heading", name="Review duplicates")).to_be_visible()
    expect(page.get_by_text("Decided 0 of 3")).to_be_visible()
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
    expect(page.get_by_text("Decided 1 of 3")).to_be_visible()

    page.reload()  # everything was saved at once
    expect(page.get_by_text("Decided 1 of 3")).to_be_visible()
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
    page.get_by_role("button", name="Best only, in all groups").press("Enter")
    expect(page.get_by_text("3 groups: the best picture of each is kept")).to_be_visible()
    visit.check("review-best")
    page.keyboard.press("Escape")
    assert decisions(server, shelf) == []
    page.get_by_role("button", name="Best only, in all groups").press("Enter")
    page.get_by_role("button", name="Decide 3 groups").press("Enter")
    expect(page.get_by_text("Nothing is left to decide")).to_be_visible()
    visit.check("review-done")
    assert len(decisions(server, shelf)) == 6
    page.get_by_role("button", name="Undo").press("Enter")
    expect(page.get_by_text("Decided 0 of 3")).to_be_visible()


def test_what_is_refused_for_all_groups_stays_in_its_dialog(visit: Visit, server: Server, shelf: str) -> None:
    page = opened(visit, server, shelf)
    page.get_by_role("button", name="Best only, in all groups").click()
    dialog = page.get_by_role("dialog", name="Best only, in all groups")
    page.route("**/review/best", lambda route: route.abort())
    dialog.get_by_role("button", name=re.compile("^Decide")).click()
    expect(dialog.get_by_role("alert")).to_contain_text("the server does not answer")
    assert decisions(server, shelf) == []
    page.unroute("**/review/best")
    dialog.get_by_role("button", name=re.compile("^Decide")).click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert decisions(server, shelf)


def test_a_collection_without_duplicates_says_so(visit: Visit, server: Server) -> None:
    httpx.post(f"{server.address}{API}", json={"name": "bare"})
    page = opened(visit, server, "bare")
    expect(page.get_by_text("Nothing is left to decide")).to_be_visible()
    page = visit.go(server, "#/c/nowhere/review")
    expect(page.get_by_role("alert")).to_contain_text("nowhere")
    visit.check("review-nowhere")


def test_of_many_groups_only_those_that_are_seen_are_in_the_page(visit: Visit, server: Server) -> None:
    page = opened(visit, server, "many")
    expect(page.get_by_text(f"Decided 0 of {MANY}")).to_be_visible()
    rows = page.locator(".group-row")
    assert rows.count() < 40
    assert rows.first.get_attribute("aria-setsize") == str(MANY)
    page.keyboard.press("ArrowUp")  # at the first already
    expect(page.locator(".review-where")).to_have_text(f"1 of {MANY}")

    page.locator(".group-list").evaluate("(list) => (list.scrollTop = list.scrollHeight)")
    last = page.get_by_role("button", name=f"{MANY - 1:03d}-800.jpg, 2 pictures", exact=True)
    expect(last).to_be_visible()  # one more page came, larger than the first, and was asked for once
    pages = [url for url in visit.requests if f"{API}/many/review" in url and "/progress" not in url]
    assert len(pages) == 2
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


# ---- files that lie on this machine: to the end, and back


@pytest.fixture(scope="module")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder whose files the server may move, with a folder for each collection."""
    return tmp_path_factory.mktemp("shelves")


@pytest.fixture(scope="module")
def mover(tmp_path_factory: pytest.TempPathFactory, shelves: Path) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("mover") / "home", "--may-move", str(shelves))
    yield started
    started.close()


@pytest.fixture
def filed(mover: Server, shelves: Path) -> Iterator[Filed]:
    """Copy a folder to where the server may move files, and index it; the collection's name, and the copy.

    What was decided is forgotten afterwards: it would hold for the same pictures in the next collection.
    """

    def made(source: Path) -> tuple[str, Path]:
        name = f"filed-{next(_SHELVES)}"
        folder = shelves / name
        shutil.copytree(source, folder)
        with lookalike.open(mover.home) as library:
            assert not library.collection(name, create=True).add(folder).failed
        return name, folder

    yield made
    with lookalike.open(mover.home) as library:
        library.ledger.forget({event.batch for event in library.ledger.events()})


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures in folders of years with a copy each: one turned, one poorer."""
    folder = tmp_path_factory.mktemp("small")
    for seed, year in ((4, "2019"), (6, "2020")):
        (folder / year).mkdir()
        picture = draw(seed, (640, 480))
        picture.save(folder / year / f"{seed}.jpg", quality=92)
        changed = picture.transpose(PIL.Image.Transpose.ROTATE_90) if seed == 4 else picture
        changed.save(folder / year / f"{seed}-copy.jpg", quality=60)
    return folder


def neardup(data: Path, folder: Path, count: int) -> Path:
    """Make a folder of originals, each with the first of its copies that is easy to know."""
    with open(data / "neardup" / "manifest.csv", newline="") as stream:
        lines = [line for line in csv.DictReader(stream) if line["severity"] == "easy" and line["match_file"]]
    first = {line["match_file"]: line["file"] for line in reversed(lines)}
    for original in sorted(first)[:count]:
        for file in (original, first[original]):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(data / file, folder / file)
    return folder


def review_to_the_end(visit: Visit, mover: Server, name: str, folder: Path, *, least: int) -> None:
    """Keep the best of each group by keys alone, move what is marked to the trash, and bring it back."""
    before, review = contents(folder), f"{mover.address}{API}/{name}/review"
    page = visit.go(mover, f"#/c/{name}/review")
    page.locator(".review-tile").first.wait_for(timeout=240_000)
    told = re.search(r"Decided 0 of (\d+)", page.locator(".review-count").inner_text())
    assert told, page.locator(".review-count").inner_text()
    groups = int(told[1])
    assert groups >= least
    for done in range(1, groups):
        page.keyboard.press("b")
        expect(page.locator(".review-count")).to_contain_text(f"Decided {done} of {groups}")
    page.keyboard.press("b")
    expect(page.get_by_text("Nothing is left to decide")).to_be_visible()
    marked = httpx.get(f"{review}/marked?limit=1000").json()
    assert marked["count"] >= groups
    expect(page.get_by_text(f"{marked['count']} pictures marked")).to_be_visible()
    expect(page.get_by_text("Nothing has moved yet.")).to_be_visible()
    assert contents(folder) == before
    visit.check("review-end")

    page.keyboard.press("m")
    expect(page.locator(".marked-told")).to_contain_text(f"{marked['count']} pictures are in the trash", timeout=60_000)
    moved = {one["source"] for one in marked["marked"]}
    assert {str(folder / one) for one in set(before) - set(contents(folder))} == moved
    [run] = httpx.get(f"{review}/marked").json()["runs"]
    assert Path(run["folder"]).parent == mover.home / "trash"
    lying = {f"/{one}": data for one, data in contents(Path(run["folder"])).items()}
    assert lying == {str(folder / one): data for one, data in before.items() if str(folder / one) in moved}
    visit.check("review-moved")

    page.keyboard.press("r")
    expect(page.get_by_text(f"{marked['count']} pictures marked")).to_be_visible(timeout=60_000)
    assert contents(folder) == before


def test_a_review_of_the_samples_by_keys_ends_in_the_trash_and_comes_back(
    visit: Visit,
    mover: Server,
    filed: Filed,
    samples: Path,  # noqa: F811
) -> None:
    review_to_the_end(visit, mover, *filed(samples), least=8)


def test_a_review_of_forty_groups_by_keys_ends_in_the_trash_and_comes_back(
    visit: Visit, mover: Server, filed: Filed, data: Path, tmp_path: Path
) -> None:
    review_to_the_end(visit, mover, *filed(neardup(data, tmp_path / "forty", 40)), least=36)


def test_what_is_marked_is_shown_and_each_mark_comes_off(
    visit: Visit, mover: Server, filed: Filed, small: Path
) -> None:
    name, _ = filed(small)
    page = opened(visit, mover, name)
    keep_the_best(page, 2)
    expect(page.get_by_text("2 pictures marked")).to_be_visible()
    page.keyboard.press("s")
    expect(page.get_by_role("heading", name="Marked to go")).to_be_visible()
    assert page.url.endswith(f"#/c/{name}/review/marked")
    expect(page.locator(".marked-tile")).to_have_count(2)
    expect(page.locator(".marked-tile").first).to_contain_text("4-copy.jpg in 2019")
    expect(page.locator(".marked-tile").first).to_contain_text("for 4.jpg in 2019")
    visit.check("review-marked")
    page.get_by_role("button", name="Take the mark off 4-copy.jpg").press("Enter")
    expect(page.locator(".marked-tile")).to_have_count(1)
    expect(page.get_by_text("1 picture marked")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("Decided 1 of 2")).to_be_visible()


def keep_the_best(page: Page, groups: int) -> None:
    """Decide on all groups by keys; each saves two decisions and goes on by itself."""
    for done in range(1, groups + 1):
        page.keyboard.press("b")
        expect(page.locator(".review-count")).to_contain_text(f"Decided {done} of {groups}")


def test_the_command_is_copied_and_the_script_comes_down(
    visit: Visit, mover: Server, filed: Filed, small: Path
) -> None:
    name, _ = filed(small)
    page = opened(visit, mover, name)
    keep_the_best(page, 2)
    expect(page.get_by_text("2 pictures marked")).to_be_visible()
    page.keyboard.press("c")
    expect(page.get_by_text("The command is copied.")).to_be_visible()
    command = page.evaluate("navigator.clipboard.readText()")
    assert command.startswith(f"lookalike decisions apply --collection {name} --home ")
    downloads: list[Any] = []
    page.on("download", lambda one: downloads.append(one))
    with page.expect_download() as download:
        page.keyboard.press("d")  # marks during the review, and is nothing at its end
        page.keyboard.press("t")
    assert len(re.findall("^move /", download.value.path().read_text(), re.MULTILINE)) == 2
    assert len(downloads) == 1


def test_a_server_that_may_move_nothing_says_why(visit: Visit, server: Server, shelf: str) -> None:
    page = opened(visit, server, shelf, "?group=1.jpg")
    page.keyboard.press("b")
    expect(page.get_by_text("Decided 1 of 3")).to_be_visible()
    page.keyboard.press("s")
    expect(page.get_by_text("--may-move FOLDER")).to_be_visible()
    assert page.get_by_role("button", name="Move to the trash").count() == 0
    expect(page.locator(".marked-tile .trouble")).to_contain_text('"1-low.jpg" stays: it is not a file of this machine')
    expect(page.get_by_text("It stays for now: see why below.")).to_be_visible()
    visit.check("review-marked-stays")


def test_groups_are_put_in_order_and_narrowed(visit: Visit, mover: Server, filed: Filed, small: Path) -> None:
    name, _ = filed(small)
    page = opened(visit, mover, name)
    page.get_by_label("Folder").select_option("2020")
    expect(page.locator(".review-where")).to_have_text("1 of 1")
    expect(page.locator(".group-name")).to_have_text("6.jpg in 2020")
    page.reload()
    expect(page.get_by_label("Folder")).to_have_value("2020")
    page.get_by_label("Folder").select_option("")
    page.get_by_label("Relation").select_option("rotated")
    expect(page.locator(".group-name")).to_have_text("4.jpg in 2019")
    page.get_by_label("Relation").select_option("")
    page.get_by_label("Order").select_option("gain")
    expect(page.locator(".review-where")).to_have_text("1 of 2")
    expect(page.locator(".group-name").first).to_have_text("4.jpg in 2019")
    page.get_by_label("Relation").select_option("rotated")
    expect(page.locator(".group-name")).to_have_text("4.jpg in 2019")
    page.locator(".group-button").focus()
    page.keyboard.press("b")
    expect(page.get_by_text("No such group is open")).to_be_visible()
    page.get_by_role("button", name="Show all groups").press("Enter")
    expect(page.locator(".group-name")).to_have_text("6.jpg in 2020")


def brightness(page: Page) -> float:
    """Return the mean brightness of what the stage shows, 0 to 255, and of nothing else."""
    script = """(canvas) => {
        const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        let [sum, count] = [0, 0];
        for (let at = 0; at < data.length; at += 4) if (data[at + 3]) [sum, count] = [sum + data[at], count + 1];
        return sum / count;
    }"""
    page.wait_for_timeout(100)
    return float(page.locator(".panel2 canvas").first.evaluate(script))


def test_the_difference_of_a_turned_copy_is_dark_because_it_is_turned_back(
    visit: Visit, mover: Server, filed: Filed, small: Path
) -> None:
    name, _ = filed(small)
    page = opened(visit, mover, name, "?group=2019%2F4.jpg&view=difference")
    expect(page.locator(".panel-facts")).to_contain_text("turned by")
    expect(page.locator("[aria-busy]")).to_have_count(0)
    aligned = brightness(page)
    page.route("**/compare", lambda route: route.abort())  # no map is known
    page.reload()
    expect(page.locator(".panel-facts")).to_contain_text("Not laid over each other")
    assert aligned < 40
    assert brightness(page) > 2 * aligned


def test_size_bytes_and_date_stand_below_each_picture(visit: Visit, mover: Server, filed: Filed, small: Path) -> None:
    name, folder = filed(small)
    page = opened(visit, mover, name, "?group=2020%2F6.jpg")
    size = (folder / "2020" / "6.jpg").stat().st_size
    facts = page.locator(".panel-facts").first
    expect(facts).to_contain_text("640 × 480")
    expect(facts).to_contain_text(f"{size / 1000:.1f} kB" if size < 10_000 else f"{round(size / 1000)} kB")
    expect(facts).to_contain_text("file of ")
    bottom = facts.evaluate("(one) => one.getBoundingClientRect().bottom")
    assert bottom < page.viewport_size["height"]  # type: ignore[index]


def test_a_question_mark_shows_the_keys(visit: Visit, server: Server, shelf: str) -> None:
    page = opened(visit, server, shelf)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    expect(page.get_by_text("keep the best only, delete the others")).to_be_visible()
    visit.check("review-keys")
    shown = page.get_by_role("dialog").locator("kbd").all_inner_texts()
    assert len(shown) == len(set(shown)) > 20  # a key at the end is none of those that decide
    page.keyboard.press("b")  # keys decide nothing behind a dialog
    page.keyboard.press("Escape")
    assert decisions(server, shelf) == []
    hints = page.locator(".review-decide kbd:visible").count()
    assert hints == (0 if visit.look[0] == "phone" else 6)


def test_messages_do_not_lie_over_the_decisions(visit: Visit, server: Server, shelf: str) -> None:
    page = opened(visit, server, shelf)
    page.keyboard.press("u")
    expect(page.get_by_text("There is nothing to take back.")).to_be_visible()
    boxes = [place.bounding_box() for place in (page.locator(".toast"), page.locator(".review-decide"))]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"]
