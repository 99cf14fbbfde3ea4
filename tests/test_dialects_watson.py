"""Watson's similarity search: its own Python client, curl, keys, limits, and what others see of it."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clients import Client, ClientError, client, environment, opened
from exchanges import play
from serving import API, Served, jpeg, served

BASE = "/visual-recognition/api/v3/collections"


@pytest.fixture(scope="module")
def python() -> Path:
    build_tools = ["setuptools==57.5.0", "wheel==0.45.1", "requests==2.32.5"]
    return environment("watson", build_tools, ["--no-build-isolation", "watson-developer-cloud==0.26.1"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("watson") / "home") as running:
        yield running


@pytest.fixture
def watson(python: Path, server: Served) -> Iterator[Client]:
    url = f"{server.url}/visual-recognition/api"
    with client(python, "watson_developer_cloud:VisualRecognitionV3", "2016-05-20", url=url, api_key="KEY") as made:
        yield made


def image(seed: int) -> dict[str, tuple[str, bytes, str]]:
    return {"image_file": (f"{seed}.jpg", jpeg(seed), "application/octet-stream")}


def test_the_python_client_does_all_thirteen_operations(watson: Client, photos: list[Path]) -> None:
    made = watson.create_collection("coats")
    cid = made["collection_id"]
    assert re.fullmatch(r"coats_[0-9a-f]{6}", cid)
    assert (made["name"], made["status"], int(made["images"])) == ("coats", "available", 0)

    added = {}
    for place, photo in enumerate(photos):
        answer = watson.add_image(cid, opened(photo), metadata={"place": place, "even": place % 2 == 0})
        [one] = answer["images"]
        assert answer["images_processed"] == one["images_processed"] == 1
        assert one["image_file"] == str(photo)  # as the client sends it
        assert one["metadata"] == {"place": place, "even": place % 2 == 0}
        added[photo] = one["image_id"]
    assert watson.get_collection(cid)["images"] == len(photos)
    assert cid in [one["collection_id"] for one in watson.list_collections()["collections"]]
    assert {one["image_id"] for one in watson.list_images(cid)["images"]} == set(added.values())
    assert watson.get_image(cid, added[photos[0]])["metadata"] == {"place": 0, "even": True}

    for photo in photos:
        similar = watson.find_similar(cid, opened(photo), limit=4)["similar_images"]
        scores = [one["score"] for one in similar]
        assert similar[0]["image_id"] == added[photo]
        assert scores[0] == 1
        assert scores == sorted(scores, reverse=True)
        assert 0 <= scores[-1] < scores[1] < 1
        assert len(similar) == 4

    first = added[photos[0]]
    assert watson.set_image_metadata(cid, first, {"a": {"b": [1, None]}}) == {"a": {"b": [1, None]}}
    assert watson.get_image_metadata(cid, first) == {"a": {"b": [1, None]}}
    assert not watson.delete_image_metadata(cid, first)
    assert watson.get_image_metadata(cid, first) == {}

    assert not watson.delete_image(cid, first)
    left = watson.find_similar(cid, opened(photos[0]), limit=100)["similar_images"]
    assert first not in [one["image_id"] for one in left]
    assert len(left) == len(photos) - 1
    with pytest.raises(ClientError, match="Code: 404"):
        watson.get_image(cid, first)

    assert not watson.delete_collection(cid)
    with pytest.raises(ClientError, match="Code: 404"):
        watson.get_collection(cid)


@pytest.mark.parametrize(
    ("data", "told"),
    [(b"<html>not found</html>", "a web page"), (b"%PDF-1.7", "PDF"), (jpeg(0)[:300], "x.jpg"), (b"", "x.jpg")],
)
def test_a_bad_image_is_told_with_the_reason(server: Served, data: bytes, told: str) -> None:
    sent = server.post(f"{BASE}/{_collection(server)}/images", files={"image_file": ("x.jpg", data, "image/jpeg")})
    assert (sent.status_code, sent.json()["code"]) == (400, 400)
    assert sent.json()["error"].startswith("Invalid input image: ")
    assert told in sent.json()["error"]
    assert "bytes:" not in sent.json()["error"]


def test_the_python_client_tells_of_a_bad_image(watson: Client, tmp_path: Path) -> None:
    cid = watson.create_collection("bad")["collection_id"]
    (tmp_path / "a.jpg").write_text("<html>not found</html>")
    with pytest.raises(ClientError, match=r'Error: Invalid input image: .*a.jpg".* web page.*, Code: 400'):
        watson.add_image(cid, opened(tmp_path / "a.jpg"))
    with pytest.raises(ClientError, match="Error: Invalid image file, Code: 400"):
        watson.find_similar(cid, opened(tmp_path / "a.jpg"))
    assert watson.find_similar(cid, opened(_photo(tmp_path)))["similar_images"] == []
    assert watson.add_image(cid, opened(_photo(tmp_path)))["images"][0]["metadata"] == {}  # the client sends {}
    watson.delete_collection(cid)


def test_golden_exchanges_of_curl(tmp_path: Path, photos: list[Path]) -> None:
    shutil.copy(photos[0], tmp_path / "red.jpg")
    shutil.copy(photos[1], tmp_path / "blue.jpg")
    (tmp_path / "metadata.json").write_text('{"colour": "red", "price": 3}')
    files = {"red": "red.jpg", "blue": "blue.jpg", "metadata": "metadata.json"}
    with served(tmp_path / "home") as server:
        values = {name: str(tmp_path / file) for name, file in files.items()}
        assert play("watson.json", url=server.url, **values) == 18


def test_names(server: Served) -> None:
    longest = "ü" * 128
    made = server.post(BASE, files={"name": (None, longest.encode(), "application/json")})  # as the C# client labels it
    assert made.json()["name"] == longest
    assert server.get(f"{BASE}/{made.json()['collection_id']}").json() == made.json()
    assert server.post(f"{BASE}?name=java", files={"disregard": ("a", b"x")}).json()["name"] == "java"
    for name in ("", "two words", "x" * 129, "tab\there"):
        refused = server.post(BASE, files={"name": (None, name)})
        assert refused.status_code == refused.json()["code"] == 400
        assert refused.json()["error"]
    again = [server.post(BASE, files={"name": (None, "same")}).json()["collection_id"] for _ in range(2)]
    assert again[0] != again[1]


@pytest.mark.parametrize("metadata", [b"[1]", b"no json", b'{"a": NaN}', b'{"a": 1e999}', b"null"])
def test_metadata_that_is_refused(server: Served, metadata: bytes) -> None:
    cid = _collection(server)
    refused = server.post(f"{BASE}/{cid}/images", files={**image(0), "metadata": ("metadata.json", metadata)})
    assert (refused.status_code, refused.json()["code"]) == (400, 400)
    assert server.get(f"{BASE}/{cid}").json()["images"] == 0


def test_tags_in_metadata_are_the_tags_of_a_record(server: Served) -> None:
    cid = _collection(server)
    metadata = {"price": 3, "tags": ["new", "red"]}
    files = {**image(0), "metadata": ("metadata.json", json.dumps(metadata))}
    [added] = server.post(f"{BASE}/{cid}/images", files=files).json()["images"]
    record = server.get(f"{API}/collections/{cid}/records/{added['image_id']}").json()
    assert (record["metadata"], record["tags"]) == ({"price": 3}, ["new", "red"])
    path = f"{BASE}/{cid}/images/{added['image_id']}/metadata"
    assert server.get(path).json() == metadata
    assert server.http.put(path, files={"metadata": (None, '{"price": 4}')}).json() == {"price": 4}
    assert server.get(path).json() == {"price": 4}


@pytest.mark.parametrize(
    "metadata",
    [{"_id": "7", "$set": {"_file": "/etc"}}, {"tags": "a, b"}, {"tags": []}, {"tags": [1]}, {"metadata:a": 1}],
)
def test_metadata_may_have_the_names_of_our_own_fields(server: Served, metadata: dict[str, Any]) -> None:
    cid = _collection(server)
    sent = {**image(0), "metadata": ("metadata.json", json.dumps(metadata))}
    [added] = server.post(f"{BASE}/{cid}/images", files=sent).json()["images"]
    assert added["metadata"] == metadata
    path = f"{BASE}/{cid}/images/{added['image_id']}/metadata"
    assert server.http.put(path, files={"metadata": (None, json.dumps({**metadata, "b": 1}))}).status_code == 200
    assert server.get(path).json() == {**metadata, "b": 1}


def test_a_path_as_file_name_is_never_opened(server: Served, tmp_path: Path) -> None:
    cid = _collection(server)
    secret = _photo(tmp_path)
    sent = {"image_file": (str(secret), jpeg(5), "image/jpeg")}
    [added] = server.post(f"{BASE}/{cid}/images", files=sent).json()["images"]
    assert added["image_file"] == str(secret)
    records = f"{API}/collections/{cid}/records"
    assert server.get(f"{records}/{added['image_id']}").json()["source"] == f"upload:{secret}"


def test_what_is_stored_natively_is_seen_and_the_other_way_round(server: Served, photos: list[Path]) -> None:
    cid = _collection(server)
    for place, photo in enumerate(photos[:4]):
        files = {"image_file": (photo.name, photo.read_bytes()), "metadata": (None, json.dumps({"place": place}))}
        assert server.post(f"{BASE}/{cid}/images", files=files).status_code == 200
    native = f"{API}/collections/{cid}"
    assert (server.get(native).json()["title"], server.get(native).json()["keep"]) == ("seen", "thumbnail")
    found = server.post(
        f"{native}/search",
        json={"source": base64.b64encode(photos[1].read_bytes()).decode(), "filter": {"place": {"$gte": 2}}},
    ).json()
    assert [match["metadata"]["place"] >= 2 for match in found["matches"]] == [True, True]
    thumbnail = server.get(f"{native}/records/{found['matches'][0]['id']}/thumbnail")
    assert thumbnail.headers["content-type"] == "image/jpeg"

    server.post(f"{native}/records?id=added%2Fhere", files={"file": ("n.jpg", photos[4].read_bytes())})
    assert server.get(f"{BASE}/{cid}/images/added%2Fhere").json()["image_id"] == "added/here"
    files = {"image_file": ("q.jpg", photos[4].read_bytes())}
    best = server.post(f"{BASE}/{cid}/find_similar?limit=1", files=files).json()["similar_images"][0]
    assert (best["image_id"], best["score"]) == ("added/here", 1)

    server.create("made-natively")
    assert "made-natively" in [one["name"] for one in server.get(BASE).json()["collections"]]


def test_keys(tmp_path: Path) -> None:
    with served(tmp_path / "home") as server:
        cid = _collection(server)
        key = json.loads(server.command("keys", "create", "--name", "a", "--json"))["key"]
        reader = json.loads(server.command("keys", "create", "--name", "b", "--scope", "read", "--json"))["key"]
        bad = {"status": "ERROR", "statusInfo": "invalid-api-key"}
        for answer in (server.get(BASE), server.get(BASE, params={"api_key": "wrong"}), server.get("/v3/nothing")):
            assert (answer.status_code, answer.json()) == (401, bad)
        assert server.get(BASE, params={"api_key": key}).json()["collections"][0]["collection_id"] == cid
        assert server.get(BASE, auth=("apikey", key)).status_code == 200
        assert server.get(BASE, auth=("apikey", "wrong")).json() == bad
        assert server.get(BASE, headers={"Authorization": f"Bearer {key}"}).status_code == 200
        refused = server.post(f"{BASE}/{cid}/images", files=image(0), params={"api_key": reader})
        assert (refused.status_code, refused.json()["code"]) == (403, 403)
        assert key not in server.log.read_text()


def test_the_python_client_tells_of_a_bad_key(tmp_path: Path, python: Path) -> None:
    with served(tmp_path / "home") as server:
        server.command("keys", "create", "--name", "a")
        url = f"{server.url}/visual-recognition/api"
        with (
            client(python, "watson_developer_cloud:VisualRecognitionV3", "2016-05-20", url=url, api_key="no") as watson,
            pytest.raises(ClientError, match="Unauthorized: Access is denied due to invalid credentials"),
        ):
            watson.list_collections()


def test_the_limits_of_the_vendor_are_held_only_when_wanted(tmp_path: Path, server: Served) -> None:
    large = {"image_file": ("large.jpg", jpeg(7) + bytes(2 * 1024 * 1024), "image/jpeg")}
    much = {**image(1), "metadata": (None, json.dumps({"a": "x" * 2100}))}
    gif = {"image_file": ("a.gif", b"GIF89a", "image/gif")}
    with served(tmp_path / "home", "--limits", "vendor") as strict:
        made = [server.post(BASE, files={"name": (None, "n")}).status_code for _ in range(6)]
        held = [strict.post(BASE, files={"name": (None, "n")}) for _ in range(6)]
        assert made == [200] * 6
        assert [one.status_code for one in held] == [200] * 5 + [400]
        assert "maximum" in held[-1].json()["error"]
        path = f"{BASE}/{held[0].json()['collection_id']}"
        assert strict.post(f"{path}/images", files=large).status_code == 413
        assert strict.post(f"{path}/images", files=much).status_code == 400
        assert strict.post(f"{path}/images", files=gif).json() == {"code": 400, "error": "Invalid input image"}
        assert strict.post(f"{path}/find_similar?limit=101", files=image(0)).status_code == 400
        assert strict.post(f"{path}/images", files=image(0)).status_code == 200
        free = f"{BASE}/{_collection(server)}"
        assert server.post(f"{free}/images", files=large).status_code == 200
        assert server.post(f"{free}/images", files=much).status_code == 200
        assert server.post(f"{free}/find_similar?limit=101", files=image(0)).status_code == 200


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1.5", "²", "9" * 30])
def test_limits_that_mean_nothing(server: Served, limit: str) -> None:
    answer = server.post(f"{BASE}/{_collection(server)}/find_similar", params={"limit": limit}, files=image(0))
    assert (answer.status_code, answer.json()["code"]) == (400, 400)


def _collection(server: Served) -> str:
    return str(server.post(BASE, files={"name": (None, "seen")}).json()["collection_id"])


def _photo(folder: Path) -> Path:
    path = folder / "photo.jpg"
    path.write_bytes(jpeg(3))
    return path
