"""Who may call the server: keys, scopes, quotas, sessions, hosts and origins."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import API, Served, code_of, jpeg, picture_file, served, wait_for


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with an admin's key and two collections."""
    with served(tmp_path_factory.mktemp("access") / "home", "--log-format", "json") as running:
        for name in ("shoes", "hats"):
            path = running.create(name)
            running.post(path, files=picture_file(1, "r"))
        admin = json.loads(running.command("keys", "create", "--name", "admin", "--scope", "admin", "--json"))
        running.http.headers["authorization"] = f"Bearer {admin['key']}"
        yield running


@pytest.fixture
def make(server: Served, request: pytest.FixtureRequest) -> Any:
    """Make a key over HTTP, and give the header that carries it."""
    made: list[str] = []

    def header(**wanted: Any) -> dict[str, str]:
        name = f"{request.node.name[:60]} {len(made)}"
        answer = server.post(f"{API}/keys", json={"name": name, **wanted})
        assert answer.status_code == 201, answer.text
        made.append(answer.json()["id"])
        return {"authorization": f"Bearer {answer.json()['key']}"}

    yield header
    for key_id in made:
        server.http.delete(f"{API}/keys/{key_id}")


@pytest.fixture
def bare(server: Served) -> Iterator[httpx.Client]:
    """A client without a key."""
    with httpx.Client(base_url=server.url) as client:
        yield client


PATHS = [
    ("GET", "/collections"),
    ("POST", "/collections"),
    ("GET", "/collections/shoes"),
    ("PATCH", "/collections/shoes"),
    ("DELETE", "/collections/shoes"),
    ("GET", "/collections/shoes/records"),
    ("POST", "/collections/shoes/compact"),
    ("POST", "/collections/shoes/records"),
    ("POST", "/collections/shoes/records?job=true"),
    ("GET", "/collections/shoes/records/r"),
    ("GET", "/collections/shoes/records/r/thumbnail"),
    ("GET", "/collections/shoes/records/r/original"),
    ("PATCH", "/collections/shoes/records/r"),
    ("DELETE", "/collections/shoes/records/r"),
    ("POST", "/collections/shoes/search"),
    ("GET", "/collections/shoes/facets"),
    ("POST", "/collections/shoes/histogram"),
    ("GET", "/collections/shoes/duplicates"),
    ("POST", "/collections/shoes/compare"),
    ("POST", "/collections/shoes/duplicates"),
    ("GET", "/collections/shoes/clusters"),
    ("GET", "/collections/shoes/graph"),
    ("GET", "/collections/shoes/review"),
    ("GET", "/collections/shoes/review/progress"),
    ("GET", "/collections/shoes/review/best"),
    ("POST", "/collections/shoes/review/best"),
    ("GET", "/collections/shoes/review/marked"),
    ("GET", "/collections/shoes/review/script"),
    ("POST", "/collections/shoes/review/unmark"),
    ("POST", "/collections/shoes/review/apply"),
    ("POST", "/collections/shoes/review/undo-apply"),
    ("PATCH", "/collections/shoes/records"),
    ("POST", "/collections/shoes/export"),
    ("POST", "/collections/shoes/index"),
    ("GET", "/library"),
    ("POST", "/samples"),
    ("GET", "/collections/shoes/decisions"),
    ("POST", "/collections/shoes/decisions"),
    ("DELETE", "/collections/shoes/decisions/x"),
    ("GET", "/collections/shoes/ledger"),
    ("POST", "/collections/shoes/ledger"),
    ("POST", "/compare"),
    ("GET", "/jobs"),
    ("GET", "/jobs/x"),
    ("GET", "/jobs/x/outcomes"),
    ("GET", "/jobs/x/events"),
    ("DELETE", "/jobs/x"),
    ("GET", "/keys"),
    ("POST", "/keys"),
    ("DELETE", "/keys/x"),
    ("POST", "/keys/x/rotate"),
    ("GET", "/session"),
    ("POST", "/session"),
    ("GET", "/nowhere"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_every_call_needs_a_key(bare, method, path):
    for headers in (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "Basic eDp5"},
        {"cookie": "lookalike_session=x"},
    ):
        answer = bare.request(method, API + path, headers=headers)
        assert code_of(answer) == (401, "key_needed")
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_health_needs_no_key_and_figures_do(bare):
    assert bare.get("/healthz").json() == bare.get("/readyz").json() == {"status": "ok"}
    assert bare.get("/docs/").status_code == 200
    assert bare.get("/metrics").status_code == bare.get("/openapi.json").status_code == 401
    assert bare.post("/").status_code == 401


def test_the_paths_of_this_test_are_all_there_are(server):
    told = server.get("/openapi.json").json()["paths"]
    known = {path.split("?")[0].replace("shoes", "{name}").replace("/r", "/{record_id}", 1) for _, path in PATHS}
    documented = sum(len(methods) for path, methods in told.items() if path.startswith(API))
    assert known
    assert documented == len(PATHS) - 2 + 1  # without /nowhere and ?job=true, and with DELETE /session


@pytest.mark.parametrize(("method", "path"), [pair for pair in PATHS if pair[0] != "GET"])
def test_a_reader_changes_nothing(server, make, method, path):
    headers = make(scope="read")
    answer = server.http.request(method, API + path, headers=headers, json={"name": "x"})
    asks = ("/search", "/histogram", "/export", "/compare", "/duplicates", "/session", "/jobs/x")
    if any(path.startswith(one) or path.endswith(one) for one in asks):
        assert answer.status_code != 403
    else:
        assert code_of(answer) == (403, "scope_insufficient")
    assert server.get(f"{API}/collections/shoes").json()["records"] == 1


def test_only_admins_see_and_make_keys(server, make):
    headers = make(scope="write")
    for method, path in (
        ("GET", "/keys"),
        ("POST", "/keys"),
        ("DELETE", "/keys/admin"),
        ("POST", "/keys/admin/rotate"),
    ):
        answer = server.http.request(method, API + path, headers=headers, json={"name": "x"})
        assert code_of(answer) == (403, "scope_insufficient")


def test_a_key_sees_only_its_collections(server, make):
    headers = make(scope="write", collections=["shoes", "coats"])
    listed = server.get(f"{API}/collections", headers=headers).json()["collections"]
    assert [one["name"] for one in listed] == ["shoes"]
    for name in ("hats", "nowhere"):  # what is there and what is not look alike
        for method, path in (("GET", ""), ("GET", "/records"), ("POST", "/search"), ("DELETE", "")):
            answer = server.http.request(
                method, f"{API}/collections/{name}{path}", headers=headers, json={"source": "id:r"}
            )
            assert code_of(answer) == (403, "scope_insufficient"), (name, method, path)
    missing = server.get(f"{API}/collections/coats", headers=headers)
    assert code_of(missing) == (404, "collection_not_found")
    assert "shoes" in missing.json()["error"]["message"]
    assert "hats" not in missing.text
    assert code_of(server.post(f"{API}/collections", json={"name": "gloves"}, headers=headers))[0] == 403


def test_a_key_sees_only_the_jobs_of_its_collections(server, make):
    body, kind = json.dumps({"_id": "x", "_base64": "AAAA"}), {"content-type": "application/x-ndjson"}
    job = server.post(f"{API}/collections/hats/records?job=true", content=body, headers=kind).json()
    headers = make(scope="write", collections=["shoes"])
    assert server.get(f"{API}/jobs", headers=headers).json()["jobs"] == []
    for method, path in (("GET", ""), ("GET", "/outcomes"), ("GET", "/events"), ("DELETE", "")):
        answer = server.http.request(method, f"{API}/jobs/{job['id']}{path}", headers=headers)
        assert code_of(answer) == (404, "job_not_found")


def test_an_expired_and_a_revoked_key_are_refused(server, make):
    brief = make(scope="read", expires_days=1e-5)  # 0.9 s
    time.sleep(1)
    assert code_of(server.get(f"{API}/collections", headers=brief)) == (401, "key_needed")
    made = server.post(f"{API}/keys", json={"name": "to be revoked"}).json()
    header = {"authorization": f"Bearer {made['key']}"}
    assert server.get(f"{API}/collections", headers=header).status_code == 200
    server.command("keys", "revoke", "to be revoked")
    assert code_of(server.get(f"{API}/collections", headers=header)) == (401, "key_needed")


def test_a_rotated_key_works_with_its_new_secret_only(server, make):
    made = server.post(f"{API}/keys", json={"name": "rotating"}).json()
    rotated = server.post(f"{API}/keys/rotating/rotate").json()
    assert rotated["id"] == made["id"]
    answers = [
        server.get(f"{API}/session", headers={"authorization": f"Bearer {one['key']}"}) for one in (made, rotated)
    ]
    assert [answer.status_code for answer in answers] == [401, 200]


def test_where_the_home_lies_is_told_to_who_speaks_for_all_of_it(server, make):
    told = {
        who: server.get(f"{API}/session", headers=make(scope=scope, collections=bound)).json()["home"]
        for who, scope, bound in (("admin", "admin", []), ("bound", "admin", ["shoes"]), ("writer", "write", []))
    }
    assert str(server.home.absolute()) == told.pop("admin")
    assert set(told.values()) == {None}


# ---- quotas


def test_too_many_requests_are_told_when_to_come_back(server, make):
    headers = make(scope="read", quotas={"requests_per_s": 3})
    answers = [server.get(f"{API}/collections", headers=headers) for _ in range(8)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) >= 4
    assert code_of(refused[0]) == (429, "quota_exceeded")
    assert int(refused[0].headers["retry-after"]) >= 1
    assert server.get(f"{API}/collections").status_code == 200  # others are not slowed down


def test_a_quota_on_collections_and_images_holds(server, make):
    headers = make(scope="write", quotas={"collections": 1, "images": 2})
    made = server.post(f"{API}/collections", json={"name": "small"}, headers=headers)
    assert made.status_code == 201
    assert code_of(server.post(f"{API}/collections", json={"name": "more"}, headers=headers)) == (429, "quota_exceeded")
    path = f"{API}/collections/small/records"
    answers = [server.post(path, files=picture_file(seed), headers=headers) for seed in range(4)]
    assert [answer.status_code for answer in answers] == [201, 201, 429, 429]
    assert int(answers[2].headers["retry-after"]) > 60
    server.http.delete(f"{path}/0.jpg", headers=headers)
    wait_for(lambda: server.post(path, files=picture_file(5), headers=headers).status_code == 201)
    assert server.get(f"{API}/collections/small").json()["records"] == 2


def test_requests_of_one_moment_pass_no_quota_together(server, make):
    headers = make(scope="write", quotas={"collections": 1, "images": 3})
    with ThreadPoolExecutor(8) as many, httpx.Client(base_url=server.url, timeout=60) as client:

        def create(number: int) -> int:
            return client.post(f"{API}/collections", json={"name": f"burst {number}"}, headers=headers).status_code

        statuses = list(many.map(create, range(8)))
        assert sorted(statuses) == [201] + 7 * [429]
        name = f"burst {statuses.index(201)}"
        path = f"{API}/collections/{name}"

        def add(number: int) -> int:
            return client.post(f"{path}/records", files=picture_file(number), headers=headers).status_code

        assert set(many.map(add, range(24))) == {201, 429}
    assert server.get(path).json()["records"] <= 3
    lines = "\n".join(json.dumps({"_id": f"l{n}", "_base64": picture_text(n)}) for n in range(6))
    kind = {"content-type": "application/x-ndjson"}
    job = server.post(f"{path}/records?job=true", content=lines, headers={**headers, **kind}).json()
    wait_for(lambda: server.get(f"{API}/jobs/{job['id']}").json()["state"] == "done")
    assert server.get(path).json()["records"] == 3


def picture_text(seed: int) -> str:
    return base64.b64encode(jpeg(seed)).decode()


# ---- sessions


def test_a_key_is_exchanged_for_a_cookie_once(server, bare, make):
    opened = bare.post(f"{API}/session", headers=make(scope="read", collections=["shoes"]))
    cookie = opened.headers["set-cookie"].lower()
    assert "secure" not in cookie
    for wanted in ("httponly", "samesite=strict", "path=/", "max-age=43200"):
        assert wanted in cookie
    told = bare.get(f"{API}/session").json()
    assert (told["key"]["scope"], told["key"]["collections"], told["key_needed"]) == ("read", ["shoes"], True)
    assert "lk_" not in bare.cookies["lookalike_session"]
    assert bare.get(f"{API}/collections/shoes/records/r/thumbnail").status_code == 200
    assert bare.get(f"{API}/collections/hats").status_code == 403
    assert bare.post(f"{API}/session").status_code == 200
    by_proxy = bare.post(f"{API}/session", headers={"x-forwarded-proto": "https"})
    assert "secure" in by_proxy.headers["set-cookie"].lower()
    bare.cookies.set("lookalike_session", opened.cookies["lookalike_session"], domain="127.0.0.1")
    bare.delete(f"{API}/session")
    assert "lookalike_session" not in bare.cookies
    assert bare.get(f"{API}/session").status_code == 401


# ---- hosts and origins


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "", "x y", "[::1"]
)
def test_a_foreign_host_is_refused(server, host):
    assert code_of(server.get("/healthz", headers={"host": host})) == (403, "host_refused")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:99", "127.0.0.1:1", "[::1]:8000", "192.168.1.7"])
def test_an_address_and_localhost_are_taken(server, host):
    assert server.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost", "nonsense", ""]
)
def test_a_page_of_another_site_is_refused(server, origin):
    headers = {"origin": origin}
    for answer in (
        server.get(f"{API}/collections", headers=headers),
        server.post(f"{API}/collections", headers=headers, json={"name": "evil"}),
        server.http.request(
            "OPTIONS", f"{API}/collections", headers={**headers, "access-control-request-method": "POST"}
        ),
    ):
        assert code_of(answer) == (403, "origin_refused")
        assert "access-control-allow-origin" not in answer.headers


def test_our_own_page_is_taken(server):
    assert server.get(f"{API}/collections", headers={"origin": server.url}).status_code == 200
    image = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    assert code_of(server.get(f"{API}/collections/shoes/records/r/thumbnail", headers=image)) == (403, "origin_refused")


def test_names_and_sites_are_allowed_by_setting(tmp_path):
    options = ("--allowed-host", "Pictures.example", "--allowed-origin", "https://shop.example")
    with served(tmp_path / "home", *options) as server:
        assert server.get("/healthz", headers={"host": "pictures.EXAMPLE:443"}).status_code == 200
        allowed = {"origin": "https://shop.example"}
        answer = server.get(f"{API}/collections", headers=allowed)
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        asked = {**allowed, "access-control-request-method": "POST", "access-control-request-headers": "authorization"}
        assert server.http.request("OPTIONS", f"{API}/collections", headers=asked).status_code == 200
        assert server.get(f"{API}/collections", headers={"origin": "https://shop.example.evil"}).status_code == 403


# ---- without keys


def test_without_keys_only_this_machine_is_answered(tmp_path):
    with served(tmp_path / "home") as server:
        assert server.get(f"{API}/collections").status_code == 200
        assert server.get(f"{API}/session").json() == {
            **server.get(f"{API}/session").json(),
            "key_needed": False,
            "key": None,
        }
        for header in ("x-forwarded-for", "forwarded", "x-real-ip"):
            proxied = server.get(f"{API}/collections", headers={header: "203.0.113.9"})
            assert code_of(proxied) == (401, "key_needed")
        made = server.post(f"{API}/keys", json={"name": "first", "scope": "admin"}).json()
        assert server.get(f"{API}/collections").status_code == 401
        header = {"authorization": f"Bearer {made['key']}"}
        assert server.get(f"{API}/collections", headers=header).status_code == 200


def start(home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lookalike", "serve", "--home", str(home), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=dict(os.environ))


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_public_address_without_a_key_is_refused_with_the_way_to_go_on(tmp_path, host):
    done = start(tmp_path, "--host", host, "--port", "0")
    assert done.returncode == 2
    assert "lookalike keys create" in done.stderr


def test_a_public_address_with_a_key_is_served(tmp_path):
    home = tmp_path / "home"
    subprocess.run(
        [sys.executable, "-m", "lookalike", "keys", "create", "--name", "x", "--home", str(home)],
        check=True,
        capture_output=True,
    )
    with served(home, "--host", "0.0.0.0") as server:
        assert server.get(f"{API}/collections").status_code == 401


def test_a_second_server_on_one_home_is_refused(server):
    done = start(server.home, "--port", "0")
    assert done.returncode == 2
    assert "another server has the home" in done.stderr


def test_a_port_in_use_is_told(tmp_path, server):
    port = server.url.rsplit(":", 1)[1]
    done = start(tmp_path, "--port", port)
    assert (done.returncode, f"port {port}" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--port", "99999"], "port"),
        (["--config", "nowhere.toml"], "nowhere.toml"),
        (["--host", "no such host"], "no such host"),
    ],
)
def test_a_wrong_setting_is_told(tmp_path, options, told):
    done = start(tmp_path, *options)
    assert done.returncode == 2
    assert told in done.stderr


# ---- logs


def test_logs_are_lines_of_json_without_secrets(server, make):
    headers = make(scope="read")
    secret = headers["authorization"].split()[1]
    answer = server.get(
        f"{API}/collections?api_key={secret}", headers={**headers, "cookie": f"lookalike_session={secret}"}
    )

    def told():
        log = server.log.read_text().splitlines()  # it begins with what the command says before it serves
        lines = [json.loads(line) for line in log if line.startswith("{")]
        return [line for line in lines if line.get("request_id") == answer.headers["x-request-id"]]

    [line] = wait_for(told)  # it is written when the answer is out
    assert (line["method"], line["path"], line["status"]) == ("GET", f"{API}/collections", 200)
    assert line["milliseconds"] >= 0
    assert line["key"] == secret.split("_")[1]
    assert secret.split("_", 2)[2] not in server.log.read_text()
    assert "Bearer" not in server.log.read_text()
