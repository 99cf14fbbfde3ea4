"""The end of a review over HTTP: what is marked, who may move files from the page, and that all of them come back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import draw
from marked import COPIES, contents, mark_copies, pictures_with_copies
from serving import API, Served, code_of, served, wait_for

import lookalike

SHELF = f"{API}/collections/photos"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures with a marked copy each, indexed as `photos` of the home beside the folder."""
    made = pictures_with_copies(tmp_path / "photos")
    with lookalike.open(tmp_path / "home") as library:
        mark_copies(library, made)
    return made


@pytest.fixture
def home(tmp_path: Path, folder: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def server(home: Path, folder: Path) -> Iterator[Served]:
    with served(home, "--may-move", str(folder), LOOKALIKE_WORKERS="1") as started:
        started.http.headers["origin"] = started.url
        yield started


def marked(server: Served, **query: Any) -> dict[str, Any]:
    answer = server.get(f"{SHELF}/review/marked", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refusal(answer: httpx.Response) -> str:
    assert code_of(answer) == (403, "move_refused")
    return answer.json()["error"]["message"]


def test_marked_files_move_to_the_trash_and_come_back(server: Served, folder: Path, home: Path) -> None:
    before = contents(folder)
    told = marked(server)
    assert [one["id"] for one in told["marked"]] == COPIES
    assert [one["kept"] for one in told["marked"]] == ["0.jpg", "4.jpg"]
    assert (told["count"], told["ready"], told["may_move"], told["reason"], told["runs"]) == (2, 2, True, None, [])
    assert told["bytes"] == sum(len(before[name]) for name in COPIES)
    assert told["folder"] == str(home / "trash")

    moved = server.post(f"{SHELF}/review/apply", json={}).json()
    assert (len(moved["moved"]), moved["failed"], moved["bytes"]) == (2, [], told["bytes"])
    assert set(contents(folder)) == {"0.jpg", "4.jpg"}
    assert server.get(f"{SHELF}").json()["records"] == 2
    [run] = marked(server)["runs"]
    assert (run["batch"], run["files"], run["bytes"]) == (moved["batch"], 2, told["bytes"])
    assert sorted(contents(Path(run["folder"])).values()) == sorted(before[name] for name in COPIES)
    assert marked(server)["count"] == 0

    back = server.post(f"{SHELF}/review/undo-apply", json={"batch": moved["batch"]}).json()
    assert (len(back["moved"]), back["failed"], back["runs"]) == (2, [], [])
    assert contents(folder) == before
    assert server.get(f"{SHELF}").json()["records"] == 4
    assert marked(server)["count"] == 2
    assert code_of(server.post(f"{SHELF}/review/undo-apply", json={})) == (404, "not_found")


def test_marked_pictures_come_in_pages(server: Served) -> None:
    first = marked(server, limit=1)
    assert ([one["id"] for one in first["marked"]], first["count"]) == (COPIES[:1], 2)
    second = marked(server, limit=1, cursor=first["next"])
    assert ([one["id"] for one in second["marked"]], second["next"]) == (COPIES[1:], None)


def test_a_mark_is_taken_off_one_picture(server: Served) -> None:
    undone = server.post(f"{SHELF}/review/unmark", json={"ids": COPIES[:1]}).json()["undone"]
    assert [one["ids"] for one in undone] == [COPIES[:1]]
    assert [one["id"] for one in marked(server)["marked"]] == COPIES[1:]
    assert code_of(server.post(f"{SHELF}/review/unmark", json={"ids": []}))[0] == 422


def test_the_script_that_is_offered_moves_the_files(server: Served, folder: Path, tmp_path: Path) -> None:
    answer = server.get(f"{SHELF}/review/script")
    assert "attachment" in answer.headers["content-disposition"]
    (tmp_path / "go.sh").write_bytes(answer.content)
    subprocess.run(["sh", tmp_path / "go.sh", tmp_path / "gone"], check=True, capture_output=True)
    assert set(contents(folder)) == {"0.jpg", "4.jpg"}


def test_the_command_that_is_offered_runs_as_it_stands(server: Served, folder: Path, tmp_path: Path) -> None:
    command = marked(server)["command"]
    words = command.replace("~", str(tmp_path)).split()
    assert words[:3] == ["lookalike", "decisions", "apply"]
    server.command(*words[1:])
    assert set(contents(folder)) == {"0.jpg", "4.jpg"}


def test_without_a_folder_no_file_is_moved(home: Path, folder: Path) -> None:
    before = contents(folder)
    with served(home, LOOKALIKE_WORKERS="1") as server:
        server.http.headers["origin"] = server.url
        told = marked(server)
        assert (told["may_move"], told["folder"], told["ready"]) == (False, None, 2)
        assert "--may-move FOLDER" in told["reason"]
        words = refusal(server.post(f"{SHELF}/review/apply", json={}))
        assert "--may-move FOLDER" in words
        assert told["command"] in words
        refusal(server.post(f"{SHELF}/review/undo-apply", json={}))
    assert contents(folder) == before


NO_OWN_PAGE: tuple[tuple[dict[str, str], str], ...] = (
    ({"origin": "http://evil.example"}, "origin_refused"),
    ({"origin": "null"}, "origin_refused"),
    ({"sec-fetch-site": "cross-site"}, "origin_refused"),
    ({"sec-fetch-site": "same-site"}, "move_refused"),
    ({}, "move_refused"),  # no page at all
    ({"origin": "OWN", "x-forwarded-for": "10.0.0.1"}, "key_needed"),
)


def test_only_the_own_page_moves_files(server: Served, folder: Path) -> None:
    del server.http.headers["origin"]
    for headers, code in NO_OWN_PAGE:
        told = {name: server.url if value == "OWN" else value for name, value in headers.items()}
        for path in ("apply", "undo-apply"):
            answer = server.post(f"{SHELF}/review/{path}", json={}, headers=told)
            assert answer.json()["error"]["code"] == code, headers
    assert len(contents(folder)) == 4


def test_a_browser_that_says_only_that_its_page_is_ours_moves_files(server: Served, folder: Path) -> None:
    del server.http.headers["origin"]
    server.post(f"{SHELF}/review/apply", json={}, headers={"sec-fetch-site": "same-origin"}).raise_for_status()
    assert len(contents(folder)) == 2


def test_an_allowed_foreign_page_moves_no_file(home: Path, folder: Path) -> None:
    other = "https://shop.example"
    options = ("--may-move", str(folder), "--allowed-origin", other)
    with served(home, *options, LOOKALIKE_WORKERS="1") as server:
        assert "page of this server" in refusal(
            server.post(f"{SHELF}/review/apply", json={}, headers={"origin": other})
        )
    assert len(contents(folder)) == 4


KEYS: tuple[tuple[tuple[str, ...], str | None], ...] = (
    (("--scope", "read"), "scope_insufficient"),
    (("--scope", "write"), "move_refused"),
    (("--scope", "admin", "--collection", "photos"), "move_refused"),
    (("--scope", "admin"), None),
)


def test_of_keys_only_an_admin_of_the_whole_home_moves_files(server: Served, folder: Path, home: Path) -> None:
    for place, (options, code) in enumerate(KEYS):
        key = json.loads(server.command("keys", "create", "--name", f"key {place}", *options, "--json"))["key"]
        server.http.headers["authorization"] = f"Bearer {key}"
        told = marked(server)
        assert told["may_move"] == (code is None)
        assert (str(home) in json.dumps({**told, "marked": []})) == (code is None)  # where the home lies is not for all
        answer = server.post(f"{SHELF}/review/apply", json={})
        if code is not None:
            assert code_of(answer) == (403, code)
            assert len(contents(folder)) == 4
    assert answer.status_code == 200
    assert len(contents(folder)) == 2


def test_a_server_that_other_machines_reach_moves_no_file(home: Path, folder: Path) -> None:
    options = ("--host", "0.0.0.0", "--without-key", "--may-move", str(folder))
    with served(home, *options, LOOKALIKE_WORKERS="1") as server:
        words = refusal(server.post(f"{SHELF}/review/apply", json={}, headers={"origin": server.url}))
        assert "open to other machines" in words
    assert len(contents(folder)) == 4


def test_a_folder_that_is_not_there_is_refused_at_the_start(home: Path, tmp_path: Path) -> None:
    command = ["lookalike", "serve", "--home", str(home), "--port", "0", "--may-move", str(tmp_path / "nowhere")]
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, timeout=60)
    assert (done.returncode, "there is no folder" in done.stderr) == (2, True)


def many_marked(home: Path, folder: Path) -> dict[str, bytes]:
    """Put more pictures into the folder, all marked to go; what it holds."""
    with lookalike.open(home) as library:
        photos = library.collection("photos")
        for seed in range(8, 40):
            draw(seed, (96, 72)).save(folder / f"{seed}.png")
        photos.add(folder)
        photos.decisions.decide("delete", [f"{seed}.png" for seed in range(8, 40)], beside=["0.jpg"])
    return contents(folder)


def kill_while_moving(home: Path, folder: Path, path: str, *, files: int) -> None:
    """Let a server move files, and kill it as soon as so many of them have gone, or come."""
    server = Served(home, "--may-move", str(folder), LOOKALIKE_WORKERS="1")
    client = httpx.Client(base_url=server.url, headers={"origin": server.url}, timeout=60)
    before = len(contents(folder))
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.post, f"{SHELF}/review/{path}", json={})
        wait_for(lambda: abs(len(contents(folder)) - before) >= files or asked.done())
        server.kill()
        with suppress(httpx.HTTPError):
            asked.result()
    client.close()


def records_of(server: Served) -> set[str]:
    records = server.get(f"{SHELF}/records", params={"limit": 100}).json()["records"]
    return {one["id"] for one in records}


def test_a_server_that_was_killed_while_it_moved_files_loses_none(home: Path, folder: Path) -> None:
    """It is killed as soon as the first file has gone; the next start settles what was under way."""
    before = many_marked(home, folder)
    kill_while_moving(home, folder, "apply", files=1)
    assert sorted([*contents(folder).values(), *contents(home / "trash").values()]) == sorted(before.values())
    with served(home, "--may-move", str(folder), LOOKALIKE_WORKERS="1") as server:
        server.http.headers["origin"] = server.url
        assert records_of(server) == set(contents(folder))
        server.post(f"{SHELF}/review/apply", json={}).raise_for_status()
        assert set(contents(folder)) == {"0.jpg", "4.jpg"}
        for run in marked(server)["runs"]:
            assert server.post(f"{SHELF}/review/undo-apply", json={"batch": run["batch"]}).json()["failed"] == []
        assert contents(folder) == before


@pytest.mark.slow
def test_a_server_that_is_killed_again_and_again_while_it_moves_files_loses_none(home: Path, folder: Path) -> None:
    before = many_marked(home, folder)
    for turn in range(12):
        kill_while_moving(home, folder, ("apply", "undo-apply")[turn % 2], files=1 + 5 * turn % 17)
        held = sorted([*contents(folder).values(), *contents(home / "trash").values()])
        assert held == sorted(before.values()), turn
        with served(home, "--may-move", str(folder), LOOKALIKE_WORKERS="1") as server:
            assert records_of(server) == set(contents(folder)), turn
    with served(home, "--may-move", str(folder), LOOKALIKE_WORKERS="1") as server:
        server.http.headers["origin"] = server.url
        for run in marked(server)["runs"]:
            assert server.post(f"{SHELF}/review/undo-apply", json={"batch": run["batch"]}).json()["failed"] == []
        assert contents(folder) == before
        assert records_of(server) == set(before)


def test_groups_are_sorted_filtered_and_counted(server: Served) -> None:
    server.http.request("POST", f"{SHELF}/review/unmark", json={"ids": COPIES}).raise_for_status()
    page = server.get(f"{SHELF}/review", params={"sort": "gain", "folder": "sub"}).json()
    assert (page["matching"], page["open"], page["decided"]) == (1, 2, 0)
    [group] = page["groups"]
    assert group["gain_bytes"] == group["members"][1]["byte_size"] == page["gain_bytes"]
    assert page["folders"] == {"sub": 1}
    assert set(page["relations"]) == {
        one["members"][1]["relation"] for one in server.get(f"{SHELF}/review").json()["groups"]
    }
    member = group["members"][0]
    assert (member["taken"], member["changed_at"][:4].isdigit()) == (None, True)
    for wrong in ({"sort": "age"}, {"relation": "alike"}, {"folder": "/"}):
        assert code_of(server.get(f"{SHELF}/review", params=wrong)) == (422, "input_invalid")
    best = server.post(f"{SHELF}/review/best", json={"folder": "sub", "all_kinds": True}).json()
    assert best["groups"] == [{"keep": ["4.jpg"], "delete": ["sub/4 low.jpg"], "left": []}]
    assert server.get(f"{SHELF}/review").json()["decided"] == 1


def test_a_file_that_a_record_of_another_collection_keeps_is_not_moved_by_the_page(home: Path, folder: Path) -> None:
    """A decision of a key that is bound to one collection is none in any other."""
    with lookalike.open(home) as library:
        library.create("album").add(folder / COPIES[0], id="b")
        photos = library.collection("photos")
        photos.decisions.undo([event.id for event in photos.decisions.events()])
        photos.within(["photos"]).decisions.decide("delete", [COPIES[0]], beside=["0.jpg"])
        photos.decisions.decide("delete", [COPIES[1]], beside=["4.jpg"])
    before = contents(folder)
    with served(home, "--may-move", str(folder), LOOKALIKE_WORKERS="1") as server:
        server.http.headers["origin"] = server.url
        assert marked(server)["ready"] == 1
        script = server.get(f"{SHELF}/review/script").text
        assert (COPIES[0] in script, COPIES[1] in script) == (False, True)
        moved = server.post(f"{SHELF}/review/apply", json={}).json()
        assert (len(moved["moved"]), [one["code"] for one in moved["failed"]]) == (1, ["conflict"])
        assert 'record "b" of collection "album"' in moved["failed"][0]["message"]
    assert set(before) - set(contents(folder)) == {COPIES[1]}
