"""What holds for every dialect: refusals in its own form, thin modules, and no word of it below the doors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from conftest import ROOT
from serving import Served, jpeg, served

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


def test_our_own_paths_keep_our_own_form(server: Served) -> None:
    for path in ("/api/v1/nothing", "/v30/collections", "/visual", "/comparison"):
        assert set(server.get(path).json()) == {"error"}


def test_no_word_of_a_dialect_stands_below_the_doors() -> None:
    rooms = [path for path in PACKAGE.rglob("*.py") if "doors" not in path.relative_to(PACKAGE).parts]
    assert [path.name for path in rooms if WORDS.search(path.read_text())] == []


def test_a_dialect_can_be_read_in_one_sitting() -> None:
    sizes = {path.name: len(path.read_text().splitlines()) for path in (PACKAGE / "doors" / "dialects").rglob("*.py")}
    assert {name: size for name, size in sizes.items() if size > 400} == {}
