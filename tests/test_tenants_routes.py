"""Every route there is, asked by a key that is bound to one collection for what belongs to another.

The routes are read from the application, so a new one is crossed as well. What must hold for each: nothing of the
other's is in the answer, nothing of the other's changes, and what is there looks like what is not.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from serving import API, Served, jpeg, served, wait_for

from lookalike.doors.http.app import bare_app

SECRET = "s3cr3t"
PICTURE = jpeg(3, (96, 72))
SHOWN = f"{SECRET}-shown"  # a folder of the server's machine
STORAGE = "/v3/imaging/storage"
_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")
_CHANGING = re.compile(r"[0-9a-f]{8,}|\d{4}-\d\d-\d\dT[\d:]+Z?|\d+ms")


def routes(router: Any, above: str = "") -> Iterator[tuple[str, str]]:
    """Give all (method, path) of a router and of those in it."""
    for route in router.routes:
        if hasattr(route, "original_router"):
            yield from routes(route.original_router, above + route.include_context.prefix)
        else:
            yield from ((method, above + route.path) for method in sorted(getattr(route, "methods", None) or ()))


ROUTES = sorted(set(routes(bare_app().router)), key=lambda one: (one[0] == "DELETE", one))
GROUPS = sorted({(method, path.split("/imaging")[-1].split("/")[1:3][-1]) for method, path in ROUTES})


def group_of(method: str, path: str) -> tuple[str, str]:
    return method, path.rsplit("/imaging", maxsplit=1)[-1].split("/")[1:3][-1]


class Crossing:
    """A victim with something of every kind, and an attacker who is the admin of another collection."""

    def __init__(self, server: Served) -> None:
        self.server = server
        for name in ("theirs", f"{SECRET}-hats", "theirs.tags"):
            self.fill(name, {"note": SECRET, "tags": [SECRET]})
        server.http.patch(f"{API}/collections/theirs", json={"title": SECRET})
        server.http.put(f"{STORAGE}/file/0.jpg", content=SECRET.encode())
        server.http.put(f"{STORAGE}/file/{SECRET}/1.jpg", content=PICTURE)
        server.post("/v3/imaging/ai/imageSearch/theirs/addTag?tagName=t", content=PICTURE)
        made = {"decision": "keep", "ids": ["0.jpg"], "beside": [f"{SECRET}.jpg"], "batch": SECRET}
        self.decision = server.post(f"{API}/collections/theirs/decisions", json=made).json()["id"]
        line = json.dumps({"_id": SECRET, "_base64": "AAAA"})
        headers = {"content-type": "application/x-ndjson"}
        self.job = server.post(f"{API}/collections/theirs/records?job=true", content=line, headers=headers).json()["id"]
        wait_for(lambda: server.get(f"{API}/jobs/{self.job}").json()["state"] == "done")
        keys = [
            ("chief", "--scope", "admin"),
            (f"{SECRET} key", "--collection", "theirs"),
            ("mine", "--scope", "admin", "--collection", "mine"),
        ]
        made = [json.loads(server.command("keys", "create", "--name", *one, "--json")) for one in keys]
        server.http.headers["authorization"] = f"Bearer {made[0]['key']}"
        self.key = made[1]["id"]
        self.attacker = httpx.Client(base_url=server.url, timeout=60)
        self.attacker.headers["authorization"] = f"Bearer {made[2]['key']}"
        reader = json.loads(server.command("keys", "create", "--name", "reader", "--scope", "read", "--json"))
        self.reader = httpx.Client(
            base_url=server.url, timeout=60, headers={"authorization": f"Bearer {reader['key']}"}
        )
        self.stranger = httpx.Client(base_url=server.url, timeout=60)
        self.token = {"client_id": made[1]["id"], "client_secret": made[2]["key"]}
        self.fill("mine", {"note": "ours"})

    def fill(self, name: str, fields: dict[str, Any]) -> None:
        """Make a collection, with two pictures; that of the attacker has others."""
        made = self.server.post(f"{API}/collections", json={"name": name, "keep": "original"})
        if made.status_code != 201:
            return
        for seed, record_id in enumerate(("own.jpg", "second.jpg") if name == "mine" else ("0.jpg", f"{SECRET}.jpg")):
            files = {"file": (record_id, jpeg(seed, (96, 72)), "image/jpeg")}
            sent = self.server.post(
                f"{API}/collections/{name}/records", files=files, data={"record": json.dumps(fields)}
            )
            assert sent.status_code == 201, sent.text

    def state(self) -> dict[str, Any]:
        """Give all that belongs to the victim."""
        get = self.server.get
        told = {path: get(f"{API}/collections/theirs{path}").text for path in ("/records", "/decisions", "/ledger")}
        info = get(f"{API}/collections/theirs").json()
        told["info"] = {name: info[name] for name in ("title", "records", "fields", "product_id_field")}
        told["effective"] = get(f"{API}/collections/theirs/review").text
        told["names"] = [
            one["name"] for one in get(f"{API}/collections").json()["collections"] if one["name"] != "mine"
        ]
        told["keys"] = [one for one in get(f"{API}/keys").json()["keys"] if one["collections"] != ["mine"]]
        told["jobs"] = [one for one in get(f"{API}/jobs").json()["jobs"] if one["collection"] != "mine"]
        told["files"] = [get(f"{STORAGE}/folder{path}").text for path in ("", f"/{SECRET}")]
        told["tags"] = get(f"{API}/collections/theirs.tags/records").text
        return told

    def ask(self, method: str, path: str, target: str, who: httpx.Client | None = None, **more: Any) -> httpx.Response:
        """Ask for what belongs to a target, by the names that the victim's things have; as the attacker, or another."""
        values = {
            "name": target, "context_id": target, "collection_id": target, "record_id": "0.jpg", "image_id": "0.jpg",
            "job_id": self.job, "key": self.key, "decision": self.decision, "version": "v3.0", "path": "0.jpg",
            "rest": "x",
        }  # fmt: skip
        where = _PARAMETER.sub(lambda found: values[found[1]], path)
        params = {"imageId": "0.jpg", "imageId1": "0.jpg", "imageId2": "0.jpg", "tagName": "t", "destPath": "stolen",
                  "similarityThreshold": "0", "maxCount": "9", "imagesSource": f"{self.server.url}/x"}  # fmt: skip
        headers = {"collection-id": target}
        sent: dict[str, Any] = {}
        if path.startswith("/api/"):
            sent = {"json": _native_body(path, target)}
        elif "token" in path:
            sent = {"data": self.token}
        elif "/v2/" in path or path in ("/", "/compare"):
            picture = base64.b64encode(PICTURE).decode()
            query = {"_id": "0.jpg"}
            sent = {"json": {"records": [{**query, "stolen": 1}], "query_record": query, "radius": 100, "k": 9,
                             "image_a": picture, "image_b": picture}}  # fmt: skip
        elif method in ("POST", "PUT"):
            names = ("image_file", "imageData", "file")
            parts = [(name, ("0.jpg", PICTURE, "image/jpeg")) for name in names]
            texts = {"metadata": '{"stolen": 1}', "name": target, "tags": '["t"]'}
            sent = {"files": [*parts, *((name, (None, text)) for name, text in texts.items())]}
        if method in ("GET", "DELETE"):
            sent = {}
        return (who or self.attacker).request(method, where, params={**params, **more}, headers=headers, **sent)


def _native_body(path: str, target: str) -> Any:
    picture = base64.b64encode(PICTURE).decode()
    late = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    event = {"id": f"of {target}", "at": late, "kind": "delete", "collection": target, "batch": "x", "beside": []}
    known = {
        "content_hash": "x",
        "id": "0.jpg",
        "source": None,
        "size_px": [9, 9],
        "hash": "",
        "hues": "",
        "before": [],
    }
    event |= {"pictures": [known], "about": [], "record": {}, "moved_to": None}
    bodies: dict[str, Any] = {
        "/collections": {"name": target},
        "{name}": {"title": "stolen"},
        "/records": {"_id": "0.jpg", "_base64": picture},
        "{record_id:path}": {"metadata": {"stolen": 1}},
        "/search": {"source": "id:0.jpg", "like": ["id:0.jpg"]},
        "/histogram": {"source": "id:0.jpg"},
        "/compare": {"a": "id:0.jpg", "b": "id:0.jpg"},
        "/decisions": {"decision": "delete", "ids": ["0.jpg"], "batch": "stolen"},
        "/ledger": {"events": [event]},
        "/index": {"folder": SHOWN},
        "/keys": {"name": f"stolen {target}", "scope": "admin", "collections": [target]},
    }
    return next((body for end, body in bodies.items() if path.endswith(end)), {})


@pytest.fixture(scope="module")
def crossing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crossing]:
    root = tmp_path_factory.mktemp("routes")
    (root / SHOWN / SECRET).mkdir(parents=True)
    with served(root / "home", "--library", str(root / SHOWN), LOOKALIKE_WORKERS="1") as server:
        made = Crossing(server)
        yield made
        for client in (made.attacker, made.reader, made.stranger):
            client.close()


def test_the_routes_are_read_from_the_application() -> None:
    assert len(ROUTES) > 300
    assert {"name", "context_id", "collection_id", "job_id", "key", "decision"} <= {
        found for _, path in ROUTES for found in _PARAMETER.findall(path)
    }


@pytest.mark.parametrize("group", GROUPS, ids=" ".join)
def test_no_route_tells_or_changes_anything_of_another_tenant(crossing: Crossing, group: tuple[str, str]) -> None:
    before = crossing.state()
    assert SECRET in json.dumps(before)
    asked = [one for one in ROUTES if group_of(*one) == group]
    for method, path in asked:
        names_it = any(word in path for word in ("{name}", "{context_id}", "{collection_id}", "/v2/"))
        more = (
            ({}, {"job": "true"}) if path.endswith("/records") else ({}, {"imagesFolder": SECRET, "recursive": "true"})
        )
        for extra in more:
            theirs = crossing.ask(method, path, "theirs", **extra)
            assert SECRET not in f"{theirs.text} {theirs.headers}", (method, path, theirs.text)
            if names_it:
                nothing = crossing.ask(method, path, "nowhere", **extra)
                assert told(theirs, "theirs") == told(nothing, "nowhere"), (method, path)
            own = crossing.ask(method, path, "mine", **extra)
            sent = (own.request.url.params.get("imagesFolder") or "") if "imagesFolder" in extra else ""
            assert SECRET not in own.text.replace(sent or "nothing", ""), (method, path, own.text)
            if method == "DELETE":
                crossing.fill("mine", {"note": "ours"})
    assert crossing.state() == before, asked


def test_a_key_that_reads_changes_nothing_by_any_route(crossing: Crossing) -> None:
    before = crossing.state()
    statuses = {
        (method, path): crossing.ask(method, path, "theirs", crossing.reader).status_code for method, path in ROUTES
    }
    assert crossing.state() == before
    assert {
        status for one, status in statuses.items() if one[0] in ("PATCH", "DELETE") and "/api/v1/coll" in one[1]
    } == {403}


PUBLIC = {"/", "/healthz", "/readyz", "/favicon.ico", "/docs/", "/docs/start.js"}


def test_no_route_tells_anything_without_a_key(crossing: Crossing) -> None:
    for method, path in ROUTES:
        answer = crossing.ask(method, path, "theirs", crossing.stranger)
        if method == "GET" and path in PUBLIC:
            assert answer.status_code in (200, 404), (method, path)
        else:
            assert answer.status_code == (400 if "token" in path else 401), (method, path, answer.text)
        assert SECRET not in answer.text


def told(answer: httpx.Response, name: str) -> tuple[int, str]:
    """Give an answer without what is never twice the same."""
    return answer.status_code, _CHANGING.sub("", answer.text.replace(name, "NAME"))
