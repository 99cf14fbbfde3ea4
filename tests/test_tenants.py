"""What one key may see and do of what belongs to others: decisions, keys, figures, and every route there is."""

from __future__ import annotations

import base64
import io
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from serving import API, Served, code_of, jpeg, served

from lookalike.doors.http.jobs import job_form
from lookalike.records import Failure
from lookalike.service.jobs import Job

LINES = {"content-type": "application/x-ndjson"}


class Tenants:
    """A server whose two tenants hold the same pictures: `mine` and `theirs`, each with a key that is bound to it."""

    def __init__(self, server: Served) -> None:
        self.server = server
        for name in ("mine", "theirs"):
            records = server.create(name, keep="original")
            for seed in range(2):
                files = {"file": (f"{seed}.jpg", jpeg(seed), "image/jpeg")}
                server.post(records, files=files, data={"record": json.dumps({"owner": name, "tags": [name]})})
        admin = json.loads(server.command("keys", "create", "--name", "admin", "--scope", "admin", "--json"))
        self.admin = {"authorization": f"Bearer {admin['key']}"}
        server.http.headers.update(self.admin)
        self.mine = self.key("mine", scope="write", collections=["mine"])
        self.theirs = self.key("theirs", scope="write", collections=["theirs"])

    def key(self, name: str, *, by: dict[str, str] | None = None, **wanted: Any) -> dict[str, str]:
        made = self.server.post(f"{API}/keys", json={"name": name, **wanted}, headers=by or self.admin)
        assert made.status_code == 201, made.text
        return {"authorization": f"Bearer {made.json()['key']}"}

    def decide(self, who: dict[str, str], collection: str, decision: str, *ids: str) -> dict[str, Any]:
        body = {"decision": decision, "ids": list(ids)}
        made = self.server.post(f"{API}/collections/{collection}/decisions", json=body, headers=who)
        assert made.status_code == 201, made.text
        return made.json()

    def listed(self, who: dict[str, str], collection: str) -> list[tuple[str, list[str]]]:
        told = self.server.get(f"{API}/collections/{collection}/decisions", headers=who).json()["decisions"]
        return [(one["decision"], one["ids"]) for one in told]

    def marked(self, collection: str) -> list[str]:
        """Give the ids of the records whose files would go."""
        found = json.loads(self.server.command("decisions", "apply", "-c", collection, "--json", may_fail=True))
        return [one["id"] for one in found["removals"]]


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenants]:
    with served(tmp_path_factory.mktemp("tenants") / "home", LOOKALIKE_WORKERS="1") as server:
        yield Tenants(server)


@pytest.fixture(autouse=True)
def undecided(tenants: Tenants) -> Iterator[None]:
    yield
    (tenants.server.home / "decisions.jsonl").unlink(missing_ok=True)


# ---- decisions


def test_a_picture_of_another_tenant_is_not_marked_through_the_ledger_of_ones_own(tenants: Tenants) -> None:
    server = tenants.server
    tenants.decide(tenants.admin, "mine", "delete", "0.jpg")  # what a tenant may read, as a pattern for its own
    event = json.loads(server.get(f"{API}/collections/mine/ledger", headers=tenants.mine).text)
    (server.home / "decisions.jsonl").unlink()
    assert tenants.marked("theirs") == []
    late = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    forged = {**event, "id": "forged", "at": late, "within": ["theirs", "mine"]}
    merged = server.post(
        f"{API}/collections/mine/ledger", content=json.dumps(forged), headers={**tenants.mine, **LINES}
    )
    assert merged.json() == {"added": 1, "read": 1}
    assert tenants.marked("mine") == ["0.jpg"]
    assert tenants.marked("theirs") == []
    by_admin = server.post(f"{API}/collections/mine/ledger", json={"events": [{**forged, "id": "x", "within": []}]})
    assert by_admin.json() == {"added": 1, "read": 1}
    assert tenants.marked("theirs") == ["0.jpg"]


def test_what_a_bound_key_decides_and_takes_back_stays_with_it(tenants: Tenants) -> None:
    server = tenants.server
    tenants.decide(tenants.mine, "mine", "delete", "0.jpg")
    assert (tenants.marked("mine"), tenants.marked("theirs")) == (["0.jpg"], [])
    everywhere = tenants.decide(tenants.admin, "theirs", "delete", "1.jpg")
    assert (tenants.marked("mine"), tenants.marked("theirs")) == (["0.jpg", "1.jpg"], ["1.jpg"])
    unknown = server.http.delete(f"{API}/collections/mine/decisions/{everywhere['id']}", headers=tenants.mine)
    nothing = server.http.delete(f"{API}/collections/mine/decisions/0123456789abcdef", headers=tenants.mine)
    assert code_of(unknown) == code_of(nothing) == (404, "not_found")
    hidden = (unknown.json()["error"]["message"], nothing.json()["error"]["message"])
    assert hidden[0].replace(everywhere["id"], "") == hidden[1].replace("0123456789abcdef", "")
    about = {"id": "u", "kind": "undo", "about": [everywhere["id"]], "collection": "mine", "batch": "u", "record": {}}
    about |= {"at": datetime.now(UTC).isoformat(), "pictures": [], "beside": [], "moved_to": None}
    assert server.post(f"{API}/collections/mine/ledger", json={"events": [about]}, headers=tenants.mine).is_success
    assert (tenants.marked("mine"), tenants.marked("theirs")) == (["0.jpg"], ["1.jpg"])


def test_a_bound_key_reads_only_what_was_decided_in_its_own_collections(tenants: Tenants) -> None:
    tenants.decide(tenants.admin, "theirs", "keep", "0.jpg")
    tenants.decide(tenants.theirs, "theirs", "delete", "1.jpg")
    tenants.decide(tenants.mine, "mine", "later", "1.jpg")
    assert tenants.listed(tenants.mine, "mine") == [("later", ["1.jpg"])]
    lines = tenants.server.get(f"{API}/collections/mine/ledger", headers=tenants.mine).text
    assert [json.loads(line)["collection"] for line in lines.splitlines()] == ["mine"]
    assert tenants.listed(tenants.theirs, "theirs") == [("delete", ["1.jpg"]), ("keep", ["0.jpg"])]


def test_an_event_larger_than_a_decision_can_be_is_refused_at_every_door(tenants: Tenants, tmp_path: Path) -> None:
    tenants.decide(tenants.admin, "mine", "keep", "0.jpg")
    event = json.loads(tenants.server.get(f"{API}/collections/mine/ledger").text)
    large = {**event, "id": "large", "kind": "not_a_duplicate", "pictures": event["pictures"] * 1001}
    for sent in ({"json": {"events": [large]}}, {"content": json.dumps(large), "headers": LINES}):
        refused = tenants.server.post(f"{API}/collections/mine/ledger", **sent)
        assert code_of(refused) == (422, "input_invalid")
        assert "1000" in refused.json()["error"]["message"]
    (tmp_path / "large.jsonl").write_text(json.dumps(large))
    assert "1000" in tenants.server.command("decisions", "merge", str(tmp_path / "large.jsonl"), may_fail=True)
    assert len(tenants.listed(tenants.admin, "mine")) == 1


# ---- keys


def test_a_bound_admin_makes_sees_and_ends_only_keys_within_its_collections(tenants: Tenants) -> None:
    server = tenants.server
    boss = tenants.key("boss", scope="admin", collections=["mine", "other"])
    for wanted in (
        {},
        {"scope": "admin"},
        {"collections": []},
        {"collections": ["theirs"]},
        {"collections": ["mine", "x"]},
    ):
        refused = server.post(f"{API}/keys", json={"name": "evil", **wanted}, headers=boss)
        assert code_of(refused) == (403, "scope_insufficient")
        assert "theirs" not in refused.json()["error"]["message"]
    inner = tenants.key("inner", by=boss, scope="read", collections=["mine"])
    assert server.get(f"{API}/collections/mine", headers=inner).status_code == 200
    listed = server.get(f"{API}/keys", headers=boss).json()["keys"]
    assert {one["name"] for one in listed} == {"boss", "inner", "mine"}
    for path in ("/keys/admin", "/keys/theirs"):
        answers = server.http.delete(API + path, headers=boss), server.post(f"{API}{path}/rotate", headers=boss)
        assert [code_of(answer) for answer in answers] == [(404, "key_not_found")] * 2
    assert server.get(f"{API}/collections/theirs", headers=tenants.theirs).status_code == 200
    assert server.http.delete(f"{API}/keys/inner", headers=boss).status_code == 200
    assert server.get(f"{API}/collections/mine", headers=inner).status_code == 401
    assert "theirs" in {one["name"] for one in server.get(f"{API}/keys").json()["keys"]}


# ---- figures, jobs and names in errors


def test_figures_tell_a_bound_key_of_its_own_collections_alone(tenants: Tenants) -> None:
    server = tenants.server
    line = json.dumps({"_id": "x", "_base64": "AAAA"})
    server.post(f"{API}/collections/theirs/records?job=true", content=line, headers={**tenants.theirs, **LINES})
    own = server.get("/metrics", headers=tenants.mine).text
    assert 'lookalike_records{collection="mine"} 2.0' in own
    for other in ("theirs", "lookalike_requests_total", "lookalike_refusals", "lookalike_images", "lookalike_jobs{"):
        assert other not in own
    every = server.get("/metrics").text
    assert 'lookalike_records{collection="theirs"}' in every
    assert "lookalike_requests_total{" in every
    assert "lookalike_jobs{" in every


def test_no_answer_names_the_collections_of_others(tenants: Tenants) -> None:
    server = tenants.server
    brief = tenants.key("brief", scope="write", collections=["brief"])
    server.create("brief")
    assert server.http.delete(f"{API}/collections/brief", headers=brief).status_code == 204
    paths = ("/collections", "/collections/brief", "/collections/brief/records", "/collections/brief/graph", "/jobs")
    shown = [
        server.get(path, headers=brief).text for path in (*(API + path for path in paths), "/v3/collections/brief")
    ]
    shown += [server.post(path, json={"records": [{"_id": "1"}]}, headers={**brief, "collection-id": "brief"}).text
              for path in (f"{API}/collections/brief/search", "/similarity/photos/v2/get")]  # fmt: skip
    assert not [text for text in shown if "theirs" in text or "mine" in text]


def test_a_job_that_lost_its_collection_names_no_other() -> None:
    failure = Failure("gone", "collection_not_found", 'no collection "gone". There are: mine, theirs. Create it first.')
    told = job_form(Job("1", "gone", "x", "now", state="failed", failure=failure))
    assert told["error"]["message"] == 'no collection "gone" any more.'


def test_a_job_of_another_tenant_looks_like_none(tenants: Tenants) -> None:
    server, line = tenants.server, json.dumps({"_id": "y", "_base64": "AAAA"})
    headers = {**tenants.theirs, **LINES}
    job = server.post(f"{API}/collections/theirs/records?job=true", content=line, headers=headers).json()["id"]
    none = "20260101-000000-00000000"
    for method, path in (("GET", ""), ("GET", "/outcomes"), ("GET", "/events"), ("DELETE", "")):
        told = [server.http.request(method, f"{API}/jobs/{one}{path}", headers=tenants.mine) for one in (job, none)]
        assert [code_of(one) for one in told] == [(404, "job_not_found")] * 2
        words = [one.json()["error"]["message"] for one in told]
        assert words[0].replace(job, none) == words[1]


# ---- quotas on bytes: every way to store some

STORAGE = "/v3/imaging/storage"
_MOST = 400_000  # more than an empty collection takes, less than what is sent
_MUCH = bytes(range(256)) * 2400  # 614,400 bytes


@pytest.fixture
def small(tenants: Tenants, request: pytest.FixtureRequest) -> dict[str, str]:
    """A key for all collections that may keep few bytes, and has one collection of its own name."""
    name = request.node.name[:60]
    made = tenants.key(name, quotas={"bytes": _MOST})
    assert tenants.server.post(f"{API}/collections", json={"name": name, "type": "matching"}, headers=made).is_success
    return made


def refused(answer: Any) -> bool:
    assert answer.status_code in (200, 201, 202, 429), answer.text
    return bool(answer.status_code == 429)


def put_file(tenants: Tenants, key: dict[str, str], path: str, data: bytes) -> Any:
    return tenants.server.http.put(f"{STORAGE}/file/{path}", content=data, headers=key)


def test_files_in_the_storage_count_and_give_room_back(tenants: Tenants, small: dict[str, str]) -> None:
    http, half = tenants.server.http, _MUCH[:100_000]
    assert refused(put_file(tenants, small, "q/a", _MUCH))
    assert not refused(put_file(tenants, small, "q/a", half))
    assert not refused(put_file(tenants, small, "q/a", half))  # in its own place
    answers = [http.put(f"{STORAGE}/file/copy/q/a", params={"destPath": f"q/{n}"}, headers=small) for n in range(4)]
    assert [refused(one) for one in answers][-1]
    kept = tenants.server.get(f"{STORAGE}/folder/q", headers=small).json()["Value"]
    whole = http.put(f"{STORAGE}/folder/copy/q", params={"destPath": "r"}, headers=small)
    assert refused(whole)
    assert not tenants.server.get(f"{STORAGE}/exist/r").json()["Exists"]
    moved = http.put(f"{STORAGE}/folder/move/q", params={"destPath": "r"}, headers=small)
    assert moved.status_code == 200  # takes no more than before
    assert len(tenants.server.get(f"{STORAGE}/folder/r").json()["Value"]) == len(kept)
    assert http.delete(f"{STORAGE}/folder/r?recursive=true", headers=small).status_code == 200
    assert not refused(put_file(tenants, small, "q/b", half))
    assert not refused(put_file(tenants, tenants.admin, "q/c", _MUCH))  # others have no such quota
    assert not refused(put_file(tenants, small, "q/d", half))  # and do not count against it
    http.delete(f"{STORAGE}/folder/q?recursive=true")


def test_whose_files_they_are_outlasts_the_server(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with served(home, LOOKALIKE_WORKERS="1") as server:
        made = json.loads(server.command("keys", "create", "--name", "k", "--max-bytes", "1000", "--json"))["key"]
        key = {"authorization": f"Bearer {made}"}
        assert server.http.put(f"{STORAGE}/file/a", content=bytes(900), headers=key).status_code == 200
        assert server.http.put(f"{STORAGE}/file/b", content=bytes(900), headers=key).status_code == 429
    with served(home, LOOKALIKE_WORKERS="1") as server:
        assert server.http.put(f"{STORAGE}/file/b", content=bytes(900), headers=key).status_code == 429
        assert server.http.put(f"{STORAGE}/file/b", content=bytes(90), headers=key).status_code == 200
        assert server.http.delete(f"{STORAGE}/file/a", headers=key).status_code == 200
        assert server.http.put(f"{STORAGE}/file/c", content=bytes(900), headers=key).status_code == 200


def test_a_key_that_is_bound_to_the_storage_counts_all_of_it(tenants: Tenants) -> None:
    bound = tenants.key("bound to files", scope="write", collections=["x", "storage"], quotas={"bytes": 200_000})
    assert not refused(put_file(tenants, bound, "s/a", _MUCH[:150_000]))
    assert refused(put_file(tenants, bound, "s/b", _MUCH[:100_000]))
    assert not refused(put_file(tenants, bound, "s/a", _MUCH[:190_000]))  # in place of the other
    tenants.server.http.delete(f"{STORAGE}/folder/s?recursive=true")


def test_tags_metadata_decisions_events_and_jobs_count(tenants: Tenants, small: dict[str, str], request: Any) -> None:
    server, name = tenants.server, request.node.name[:60]
    path = f"{API}/collections/{name}"
    assert not refused(server.post(f"{path}/records", files={"file": ("0.jpg", jpeg(0), "image/jpeg")}, headers=small))
    tag = f"/v3/imaging/ai/imageSearch/{name}/addTag"
    noisy = io.BytesIO()
    PIL.Image.frombytes("RGB", (400, 500), random.Random(1).randbytes(600_000)).save(noisy, "PNG")
    assert refused(server.post(tag, params={"tagName": "t"}, content=noisy.getvalue(), headers=small))
    event = {"id": "e", "at": datetime.now(UTC).isoformat(), "kind": "keep", "collection": name, "batch": "b"}
    event |= {"pictures": [], "beside": [], "about": [], "moved_to": None, "record": {"text": "x" * 500_000}}
    assert refused(server.post(f"{path}/ledger", content=json.dumps(event), headers={**small, **LINES}))
    lines = b'{"_id": "1", "_base64": "%s"}' % base64.b64encode(_MUCH)
    job = f"{path}/records?job=true"
    assert refused(server.post(job, content=lines, headers={**small, **LINES}))
    assert not list((server.home / "jobs").glob(".new-*"))  # what came of it is gone
    texts = [{"metadata": {"text": f"{n}" + "x" * 300_000}} for n in range(3)]
    sent = [server.http.patch(f"{path}/records/0.jpg", json=one, headers=small) for one in texts]
    assert [refused(one) for one in sent][-1]
    body = {"decision": "keep", "ids": ["0.jpg"]}
    assert refused(server.post(f"{path}/decisions", json=body, headers=small))
    assert server.http.delete(f"{path}/records/0.jpg", headers=small).status_code == 204  # what frees room may be done


def test_collections_themselves_take_room(tenants: Tenants) -> None:
    key = tenants.key("many", quotas={"bytes": 1000})
    made = [tenants.server.post(f"{API}/collections", json={"name": f"many {n}"}, headers=key) for n in range(3)]
    assert [one.status_code for one in made] == [201, 429, 429]
    assert tenants.server.post("/v3/imaging/ai/imageSearch/create", headers=key).status_code == 429
    asked = {"records": [{"_id": "1", "_base64": base64.b64encode(jpeg(0)).decode()}]}
    headers = {**key, "collection-id": "many more"}
    assert tenants.server.post("/similarity/photos/v2/insert", json=asked, headers=headers).status_code == 429
