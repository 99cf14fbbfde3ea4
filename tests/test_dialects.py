"""What holds for every dialect: refusals in its own form, thin modules, and no word of it below the doors."""

from __future__ import annotations

import json
import re
import socket
import urllib.parse
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from conftest import ROOT
from fastapi import APIRouter, FastAPI
from serving import Served, jpeg, served

from lookalike.doors.dialects import DIALECTS

PACKAGE = ROOT / "src" / "lookalike"
WORDS = re.compile(r"watson|ximilar|aspose|rapidapi|similarity_score", re.IGNORECASE)


def is_watson(answer: httpx.Response) -> bool:
    if answer.status_code == 401:
        return bool(answer.json() == {"status": "ERROR", "statusInfo": "invalid-api-key"})
    body = answer.json()
    return set(body) == {"code", "error"} and body["code"] == answer.status_code and bool(body["error"])


def is_compare(answer: httpx.Response) -> bool:
    return set(answer.json()) == {"message"} and bool(answer.json()["message"])


def is_ximilar(answer: httpx.Response) -> bool:
    if answer.status_code == 401:
        return bool(answer.json() == {"detail": "Invalid token."})
    body = answer.json()
    status = body["status"]
    return set(body) == {"status"} and status["code"] == answer.status_code and bool(status["text"])


def is_aspose(answer: httpx.Response) -> bool:
    """For those who ask with curl."""
    body = answer.json()
    return set(body) == {"Message", "Code", "Status"} and body["Code"] == answer.status_code and bool(body["Message"])


PICTURE = {"image_file": ("a.jpg", jpeg(0), "image/jpeg")}
ONE_BROKEN = b"--b\r\nContent-Disposition: form-data; name=x\r\n\r\ncut"
REFUSALS: list[tuple[Any, str, str, int, dict[str, Any]]] = [
    (is_watson, "GET", "/v3/nothing", 404, {}),
    (is_watson, "GET", "/visual-recognition/api/v3/classify", 404, {}),
    (is_watson, "POST", "/visual-recognition", 404, {}),
    (is_watson, "PUT", "/v3/collections", 405, {}),
    (is_watson, "PATCH", "/v3/collections/none/images/1", 405, {}),
    (is_watson, "GET", "/v3/collections/none", 404, {}),
    (is_watson, "DELETE", "/v3/collections/none", 404, {}),
    (is_watson, "POST", "/v3/collections/none/images", 404, {"files": PICTURE}),
    (is_watson, "POST", "/v3/collections/none/find_similar", 404, {"files": PICTURE}),
    (is_watson, "POST", "/v3/collections/none/images", 400, {"files": {"other": b"x"}}),
    (is_watson, "POST", "/v3/collections", 400, {"json": {"name": "a"}}),
    (is_watson, "POST", "/v3/collections", 400, {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}),
    (is_watson, "POST", "/v3/collections", 400,
     {"content": ONE_BROKEN, "headers": {"Content-Type": "multipart/form-data; boundary=b"}}),
    (is_watson, "POST", "/v3/collections/none/images", 413, {"files": {"image_file": ("a.jpg", bytes(3_000_000))}}),
    (is_watson, "GET", "/v3/collections", 403, {"headers": {"Origin": "https://elsewhere.example"}}),
    (is_watson, "GET", "/v3/collections", 403, {"headers": {"Host": "rebound.example"}}),
    (is_ximilar, "POST", "/similarity/photos/v2/nothing", 404, {}),
    (is_ximilar, "POST", "/similarity/none/v2/insert", 404, {}),
    (is_ximilar, "GET", "/similarity/photos/v2/ping", 405, {}),
    (is_ximilar, "PUT", "/image_matching/v2/rank_images", 405, {}),
    (is_ximilar, "POST", "/photo/search/v2/allIDs", 404, {"headers": {"collection-id": "none"}}),
    (is_ximilar, "POST", "/photo/search/v2/allIDs", 400, {}),
    (is_ximilar, "POST", "/similarity/photos/v2/insert", 400, {"content": b"{", "headers": {"collection-id": "a"}}),
    (is_ximilar, "POST", "/similarity/photos/v2/insert", 413, {"content": bytes(3_000_000)}),
    (is_ximilar, "POST", "/image_matching/v2/rank_images", 400, {"json": {"records": [{"_base64": "x"}]}}),
    (is_ximilar, "POST", "/similarity/training/v2/task/", 400, {}),
    (is_ximilar, "GET", "/account/v2/nothing", 404, {}),
    (is_ximilar, "POST", "/image_matching/v2/ping", 403, {"headers": {"Origin": "https://elsewhere.example"}}),
    (is_aspose, "GET", "/v3/imaging/nothing", 404, {}),
    (is_aspose, "GET", "/v3.0/imaging", 404, {}),
    (is_aspose, "GET", "/imaging/ai/imageSearch/none/status", 404, {}),
    (is_aspose, "PUT", "/v2/imaging/ai/imageSearch/create", 405, {}),
    (is_aspose, "POST", "/v3/imaging/ai/imageSearch/none/features", 404, {"content": jpeg(0)}),
    (is_aspose, "POST", "/v3/imaging/ai/imageSearch/none/image", 400, {"content": jpeg(0)}),
    (is_aspose, "POST", "/v3/imaging/ai/imageSearch/none/features", 413, {"content": bytes(3_000_000)}),
    (is_aspose, "POST", "/v3/imaging/ai/imageSearch/none/features", 400,
     {"content": ONE_BROKEN, "headers": {"Content-Type": "multipart/form-data; boundary=b"}}),
    (is_aspose, "GET", "/v3/imaging/storage/file/none", 404, {}),
    (is_aspose, "PUT", "/v3/imaging/storage/file/a", 413, {"content": bytes(3_000_000)}),
    (is_aspose, "GET", "/v3/imaging/storage/disc", 403, {"headers": {"Origin": "https://elsewhere.example"}}),
    (is_compare, "POST", "/", 400, {"content": b"x"}),
    (is_compare, "DELETE", "/", 405, {}),
    (is_compare, "GET", "/compare", 405, {}),
    (is_compare, "POST", "/compare/nothing", 404, {}),
    (is_compare, "POST", "/compare", 413, {"content": bytes(3_000_000)}),
    (is_compare, "POST", "/", 403, {"headers": {"Origin": "https://elsewhere.example"}}),
]  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("dialects") / "home", LOOKALIKE_MAX_BODY_BYTES="2000000") as running:
        yield running


@pytest.mark.parametrize(("is_own", "method", "path", "status", "request_"), REFUSALS)
def test_a_refusal_has_the_form_of_its_dialect(
    server: Served, is_own: Any, method: str, path: str, status: int, request_: dict[str, Any]
) -> None:
    answer = server.http.request(method, path, **request_)
    assert answer.status_code == status, answer.text
    assert is_own(answer), answer.text
    assert answer.headers["x-request-id"]


def test_without_a_key_each_dialect_says_so_in_its_form(tmp_path_factory: pytest.TempPathFactory) -> None:
    with served(tmp_path_factory.mktemp("keys") / "home") as server:
        key = json.loads(server.command("keys", "create", "--name", "a", "--requests-per-s", "1", "--json"))["key"]
        for is_own, method, path in {(one[0], one[1], one[2]) for one in REFUSALS}:
            answer = server.http.request(method, path)
            assert answer.status_code == 401, path
            assert is_own(answer), answer.text
        headers = {"Authorization": f"Bearer {key}"}
        for is_own, path in (
            (is_watson, "/v3/collections/none"),
            (is_compare, "/compare"),
            (is_aspose, "/v3/imaging/x"),
            (is_ximilar, "/photo/x"),
        ):
            answers = [server.get(path, headers=headers) for _ in range(4)]
            assert 429 in [answer.status_code for answer in answers]
            assert all(is_own(answer) for answer in answers)
            assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 429)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v3/collections", "GET, POST"),
        ("PATCH", "/v3/collections/a", "DELETE, GET, POST"),
        ("POST", "/visual-recognition/api/v3/collections/a/images/b/metadata", "DELETE, GET, PUT"),
        ("PATCH", "/v3/imaging/ai/imageSearch/a/image", "DELETE, GET, POST, PUT"),
        ("PATCH", "/v3/imaging/storage/file/a", "DELETE, GET, POST, PUT"),
        ("GET", "/similarity/photos/v2/visualKNN", "POST"),
        ("PUT", "/compare", "POST"),
        ("PUT", "/api/v1/collections", "GET, POST"),
    ],
)
def test_a_path_names_all_methods_that_it_takes(server: Served, method: str, path: str, allowed: str) -> None:
    answer = server.http.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


ODD_BODIES = [
    (b"", ""),
    (b"garbage", "multipart/form-data"),
    (b"garbage", "multipart/form-data; boundary=b"),
    (b"--b\r\n\r\n\r\n--b--", "multipart/form-data; boundary=b"),
    (b"garbage", f"multipart/form-data; boundary={'b' * 300}"),  # longer than a boundary may be
    (
        b'--b\r\nContent-Disposition: form-data; name="image_file"\r\n\r\n\xff\r\n--b--',
        "multipart/form-data; boundary=b",
    ),
    (b"\xff\xfe\x00", "application/octet-stream"),
    (b"[" * 50_000, "application/json"),
    (b'{"records": [[], null, {"_id": {}}], "query_record": []}', "application/json"),
    (b'{"records": [{"_id": "\\ud800"}], "query_record": {"_id": "\\u0000"}, "k": 1e400}', "application/json"),
    (b'{"image_a": "\\ud800", "image_b": {}}', "text/plain"),
]


@pytest.mark.filterwarnings("ignore:Duplicate Operation ID")  # one route takes many methods
def test_no_body_is_too_odd_for_any_operation(server: Served) -> None:
    """Whatever is sent to any path of any dialect is answered in its own form, and never a failure of ours."""
    cid = server.post("/v3/collections", files={"name": (None, "odd")}).json()["collection_id"]
    headers = {"collection-id": cid}
    for dialect, is_own in zip(DIALECTS, (is_aspose, is_watson, is_ximilar, is_compare), strict=True):
        for method, path in operations(dialect.router, cid):
            for body, kind in ODD_BODIES:
                answer = server.http.request(method, path, content=body, headers={**headers, "Content-Type": kind})
                assert answer.status_code < 500, (method, path, body, answer.text)
                is_token = path in dialect.open_paths
                assert answer.status_code == 200 or is_token or is_own(answer), (method, path, body, answer.text)


def operations(router: APIRouter, cid: str) -> set[tuple[str, str]]:
    """Give a method and path for each operation but those that delete, with parameters filled in."""
    app = FastAPI()
    app.include_router(router)
    values = {"context_id": cid, "collection_id": cid, "version": "v3.0"}
    found = {}
    for path, methods in app.openapi()["paths"].items():
        filled = re.sub(r"{([^}]*)}", lambda name: values.get(name[1], "odd"), path)
        found = {(method, told["summary"]): (method.upper(), filled) for method, told in methods.items()} | found
    return {(method, path) for method, path in found.values() if method != "DELETE"}


def is_aspose_client(answer: httpx.Response) -> bool:
    return set(answer.json()) == {"error"} and bool(answer.json()["error"]["message"])


@pytest.mark.parametrize(
    ("is_right", "path", "header"),
    [
        (is_watson, "/v3/collections", {}),
        (is_ximilar, "/similarity/photos/v2/get", {}),
        (is_compare, "/compare", {}),
        (is_aspose, "/v3/imaging/storage/folder", {}),
        (is_aspose_client, "/v3/imaging/storage/folder", {"x-aspose-client": "python sdk"}),
    ],
)
def test_too_many_headers_are_refused_in_the_form_of_the_dialect(server: Served, is_right, path, header) -> None:
    refused = server.post(path, headers=header | {f"x-{place}": "1" for place in range(150)})
    assert refused.status_code == 431
    assert is_right(refused), refused.text


@pytest.mark.parametrize("name", ["Müller.jpg", "写真.jpg", "fotos/ä.jpg"])
def test_a_name_outside_ascii_is_taken_as_it_is_sent(server: Served, name: str) -> None:
    body = jpeg(0)
    with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1]))) as raw:
        head = f"PUT /v3/imaging/storage/file/{name} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        raw.sendall(head.encode() + body)
        assert raw.recv(100).startswith(b"HTTP/1.1 200")
    assert server.get(f"/v3/imaging/storage/file/{urllib.parse.quote(name)}").content == body


def test_our_own_paths_keep_our_own_form(server: Served) -> None:
    for path in ("/api/v1/nothing", "/v30/collections", "/visual", "/comparison"):
        assert set(server.get(path).json()) == {"error"}


def test_no_word_of_a_dialect_stands_below_the_doors() -> None:
    rooms = [path for path in PACKAGE.rglob("*.py") if "doors" not in path.relative_to(PACKAGE).parts]
    assert [path.name for path in rooms if WORDS.search(path.read_text())] == []


def test_a_dialect_can_be_read_in_one_sitting() -> None:
    sizes = {path.name: len(path.read_text().splitlines()) for path in (PACKAGE / "doors" / "dialects").rglob("*.py")}
    assert {name: size for name, size in sizes.items() if size > 400} == {}
