"""The review over HTTP: groups in pages, decisions, undo, the rule, and ledgers that travel."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import draw
from serving import API, Served, code_of, served

GROUPS = 5
_SHELVES = itertools.count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("review") / "home", LOOKALIKE_WORKERS="1") as started:
        yield started


@pytest.fixture
def shelf(server: Served, request: pytest.FixtureRequest) -> str:
    """A fresh collection with five groups of two, of pictures that no other test decides on; its path."""
    records = server.create(request.node.name[:100])
    fresh = next(_SHELVES)
    for seed in range(GROUPS):
        for quality in (92, 50):
            stream = io.BytesIO()
            draw(8 * fresh + seed).save(stream, "JPEG", quality=quality)
            server.post(records, files={"file": (f"{seed}-{quality}.jpg", stream.getvalue(), "image/jpeg")})
    return records.removesuffix("/records")


def review(server: Served, shelf: str, **query: Any) -> dict[str, Any]:
    answer = server.get(f"{shelf}/review", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def decide(server: Served, shelf: str, decision: str, *ids: str, beside: tuple[str, ...] = ()) -> dict[str, Any]:
    body = {"decision": decision, "ids": list(ids), "beside": list(beside)}
    answer = server.post(f"{shelf}/decisions", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def names(page: dict[str, Any]) -> list[list[str]]:
    return [[member["id"] for member in group["members"]] for group in page["groups"]]


ALL = [[f"{seed}-92.jpg", f"{seed}-50.jpg"] for seed in range(GROUPS)]


def test_groups_come_in_pages_and_stand_while_people_decide(server: Served, shelf: str) -> None:
    first = review(server, shelf, limit=2)
    assert (names(first), first["open"], first["later"]) == (ALL[:2], GROUPS, 0)
    member = first["groups"][0]["members"][1]
    assert (member["format"], member["size_px"], member["decision"]) == ("jpeg", [320, 240], None)
    assert 0.9 <= member["score"] < 1
    decide(server, shelf, "delete", "0-50.jpg", beside=("0-92.jpg",))
    second = review(server, shelf, limit=2, cursor=first["next"])
    third = review(server, shelf, limit=2, cursor=second["next"])
    assert names(second) + names(third) == ALL[2:]
    assert third["next"] is None
    assert names(review(server, shelf)) == ALL[1:]


def test_who_waits_for_the_groups_is_told_how_far_they_are(server: Served, shelf: str) -> None:
    path, seen = f"{shelf}/review/progress", []
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(httpx.get, f"{server.url}{shelf}/review", timeout=60)
        while not waiting.done():
            seen.append(server.get(path).json())
    told = [one["done"] for one in seen if one["done"] is not None]
    assert told == sorted(told)
    assert {one["total"] for one in seen} - {None} == {2 * GROUPS}
    assert server.get(path).json() == {"work": None, "done": None, "total": None}


def test_each_decision_is_told_and_taken_back(server: Served, shelf: str) -> None:
    made = decide(server, shelf, "not_a_duplicate", "0-92.jpg", "0-50.jpg")
    decide(server, shelf, "keep", "1-92.jpg", beside=("1-50.jpg",))
    assert names(review(server, shelf)) == ALL[1:]
    told = review(server, shelf)["groups"][0]["members"]
    assert [one["decision"] for one in told] == ["keep", None]
    listed = server.get(f"{shelf}/decisions", params={"limit": 1}).json()
    assert (listed["count"], listed["decisions"][0]["decision"]) == (2, "keep")
    rest = server.get(f"{shelf}/decisions", params={"cursor": listed["next"]}).json()
    assert [one["id"] for one in rest["decisions"]] == [made["id"]]

    undone = server.http.delete(f"{shelf}/decisions/{made['id']}").json()["undone"]
    assert [one["id"] for one in undone] == [made["id"]]
    assert names(review(server, shelf)) == ALL
    assert code_of(server.http.delete(f"{shelf}/decisions/{made['id']}")) == (404, "not_found")
    assert code_of(server.http.delete(f"{shelf}/decisions/nothing")) == (404, "not_found")


def test_a_group_that_was_put_off_waits_apart(server: Served, shelf: str) -> None:
    decide(server, shelf, "later", *ALL[3])
    page = review(server, shelf)
    assert (names(page), page["open"], page["later"]) == ([*ALL[:3], ALL[4]], 4, 1)
    assert names(review(server, shelf, show="later")) == [ALL[3]]
    decide(server, shelf, "keep", *ALL[3])
    assert review(server, shelf, show="later")["groups"] == []


def test_the_best_of_each_group_is_shown_decided_and_taken_back_at_once(server: Served, shelf: str) -> None:
    shown = server.get(f"{shelf}/review/best", params={"limit": 2}).json()
    assert (shown["count"], shown["batch"], len(shown["groups"])) == (5, None, 2)
    assert shown["deleted"] + shown["left"] == 5
    assert shown["groups"][0] == {"keep": ["0-92.jpg"], "delete": ["0-50.jpg"], "left": []}
    assert names(review(server, shelf)) == ALL
    certain = server.post(f"{shelf}/review/best", json={}).json()
    assert (certain["deleted"], certain["freed_bytes"]) == (shown["deleted"], shown["freed_bytes"])
    assert len(names(review(server, shelf))) == shown["left"]
    assert server.http.delete(f"{shelf}/decisions/{certain['batch']}").status_code == 200
    saved = server.post(f"{shelf}/review/best", json={"all_kinds": True}).json()
    assert (saved["count"], saved["deleted"], saved["left"]) == (5, 5, 0)
    assert names(review(server, shelf)) == []
    assert server.get(f"{shelf}/duplicates").json()["count"] == 0
    assert len(server.http.delete(f"{shelf}/decisions/{saved['batch']}").json()["undone"]) == 10
    assert names(review(server, shelf)) == ALL


def test_a_ledger_travels_to_another_server(server: Served, shelf: str, tmp_path: Path) -> None:
    decide(server, shelf, "delete", "2-50.jpg", beside=("2-92.jpg",))
    lines = server.get(f"{shelf}/ledger").text
    assert [json.loads(line)["kind"] for line in lines.splitlines()] == ["delete"]
    headers = {"Content-Type": "application/x-ndjson"}
    with served(tmp_path / "home", LOOKALIKE_WORKERS="1") as other:
        other.create(shelf.rsplit("/", 1)[1])
        for added in (1, 0):
            merged = other.post(f"{shelf}/ledger", content=lines, headers=headers)
            assert merged.json() == {"added": added, "read": 1}
        other.create("elsewhere")
        wrong = other.post(f"{API}/collections/elsewhere/ledger", content=lines, headers=headers)
        assert code_of(wrong) == (422, "input_invalid")
        broken = other.post(f"{shelf}/ledger", content="{", headers=headers)
        assert code_of(broken) == (422, "input_invalid")
        as_json = {"events": [json.loads(line) for line in lines.splitlines()]}
        assert other.post(f"{shelf}/ledger", json=as_json).json() == {"added": 0, "read": 1}
        assert code_of(other.post(f"{shelf}/ledger", files={"file": b""}))[0] == 415


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"decision": "burn", "ids": ["0-92.jpg"]}, 422),
        ({"decision": "keep", "ids": []}, 422),
        ({"decision": "not_a_duplicate", "ids": ["0-92.jpg"]}, 422),
        ({"decision": "keep", "ids": ["nowhere.jpg"]}, 404),
        ({"decision": "keep", "ids": ["0-92.jpg"], "force": True}, 422),
    ],
)
def test_a_decision_that_cannot_be_is_refused(server: Served, shelf: str, body: dict[str, Any], status: int) -> None:
    assert code_of(server.post(f"{shelf}/decisions", json=body))[0] == status
    assert server.get(f"{shelf}/decisions").json()["count"] == 0


def test_wrong_questions_are_refused(server: Served, shelf: str) -> None:
    for query in ({"cursor": "x"}, {"limit": "0"}, {"show": "done"}, {"threshold": "7"}):
        assert code_of(server.get(f"{shelf}/review", params=query)) == (422, "input_invalid")
    assert code_of(server.get(f"{shelf}/decisions", params={"cursor": "x"})) == (422, "input_invalid")
    assert code_of(server.get(f"{API}/collections/nowhere/review")) == (404, "collection_not_found")


def test_a_key_that_only_reads_looks_and_decides_nothing(tmp_path: Path) -> None:
    with served(tmp_path / "home", LOOKALIKE_WORKERS="1") as started:
        records = started.create("shelf")
        shelf = records.removesuffix("/records")
        key = json.loads(started.command("keys", "create", "--name", "r", "--scope", "read", "--json"))["key"]
        started.http.headers["Authorization"] = f"Bearer {key}"
        assert started.get(f"{shelf}/review").status_code == 200
        assert started.get(f"{shelf}/ledger").status_code == 200
        assert started.get(f"{shelf}/review/best").status_code == 200
        refused = [
            started.post(f"{shelf}/decisions", json={"decision": "keep", "ids": ["x"]}),
            started.post(f"{shelf}/review/best", json={}),
            started.post(f"{shelf}/ledger", content="", headers={"Content-Type": "application/x-ndjson"}),
            started.http.delete(f"{shelf}/decisions/x"),
        ]
        assert [code_of(one) for one in refused] == [(403, "scope_insufficient")] * 4
