"""Aspose's reverse image search and storage: its own Python client, curl, tokens, and both forms of answers."""

from __future__ import annotations

import json
import re
import urllib.parse
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from clients import Client, ClientError, client, environment
from exchanges import play
from serving import API, Served, jpeg, served, small_copy
from websites import website

import lookalike

BASE = "/v3.0/imaging/ai/imageSearch"
STORAGE = "/v3.0/imaging/storage"
SDK = {"x-aspose-client": "python sdk"}


class Aspose:
    """The client; each operation is a method, with the fields of its request."""

    def __init__(self, made: Client) -> None:
        self._client = made

    def __getattr__(self, operation: str) -> Any:
        kind = "".join(word.capitalize() for word in operation.split("_")) + "Request"
        request = f"asposeimagingcloud.models.requests:{kind}"
        return lambda **fields: getattr(self._client, operation)({"make": request, "kwargs": fields})


@pytest.fixture(scope="module")
def python() -> Path:
    return environment("aspose", ["aspose-imaging-cloud==22.4.0"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("aspose") / "home", "--allow-private-urls") as running:
        yield running


@contextmanager
def connected(python: Path, server: Served, **credentials: str) -> Iterator[Aspose]:
    given = {"client_secret": "secret", "client_id": "id", **credentials}
    with client(python, "asposeimagingcloud:ImagingApi", base_url=server.url, **given) as made:
        yield Aspose(made)


@pytest.fixture
def aspose(python: Path, server: Served) -> Iterator[Aspose]:
    with connected(python, server) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files to send: 0.jpg to 5.jpg differ; copy.jpg is a small copy of 0.jpg."""
    for seed in range(6):
        (tmp_path / f"{seed}.jpg").write_bytes(jpeg(seed))
    (tmp_path / "copy.jpg").write_bytes(small_copy(0))
    return tmp_path


def ids(results: dict[str, Any]) -> list[str]:
    similarities = [one["similarity"] for one in results["results"]]
    assert similarities == sorted(similarities, reverse=True)
    assert all(0 <= similarity <= 100 for similarity in similarities)
    return [one["image_id"] for one in results["results"]]


def test_the_client_does_every_operation_of_the_search(aspose: Aspose, folder: Path) -> None:
    context = aspose.create_image_search(detector="akaze", matching_algorithm="randomBinaryTree")
    cid = {"search_context_id": context["id"]}
    assert re.fullmatch(r"[0-9a-f-]{36}", context["id"])
    assert context["search_status"] == aspose.get_image_search_status(**cid)["search_status"] == "Idle"

    for seed in range(3):
        aspose.create_image_features(**cid, image_data=str(folder / f"{seed}.jpg"), image_id=f"{seed}.jpg")
    aspose.upload_file(path="Pics/3.jpg", file=str(folder / "3.jpg"))
    aspose.upload_file(path="Pics/deep/4.jpg", file=str(folder / "4.jpg"))
    aspose.upload_file(path="Pics/notes.txt", file=__file__)
    aspose.create_image_features(**cid, images_folder="Pics")
    every = ids(aspose.find_similar_images(**cid, similarity_threshold=0, max_count=100, image_id="0.jpg"))
    assert sorted(every) == ["0.jpg", "1.jpg", "2.jpg", "Pics/3.jpg", "Pics/deep/4.jpg"]

    features = aspose.get_image_features(**cid, image_id="0.jpg")
    assert features["image_id"] == "0.jpg"
    assert features["features_count"] > 0
    assert features["features"]
    sent = aspose.extract_image_features(**cid, image_id="Pics/3.jpg")
    assert sent["features"] == aspose.get_image_features(**cid, image_id="Pics/3.jpg")["features"]
    with pytest.raises(ClientError):  # the client drops content on GET
        aspose.find_similar_images(**cid, similarity_threshold=1, max_count=1, image_data=str(folder / "0.jpg"))

    aspose.add_search_image(**cid, image_id="x/copy.jpg", image_data=str(folder / "copy.jpg"))
    assert aspose.object_exists(path="x/copy.jpg")["exists"] is True
    near = aspose.find_similar_images(**cid, similarity_threshold=90, max_count=10, image_id="0.jpg")
    assert ids(near) == ["0.jpg", "x/copy.jpg"]
    assert near["results"][0]["similarity"] == 100
    aspose.upload_file(path="query.jpg", file=str(folder / "copy.jpg"))  # in the storage only
    best = aspose.find_similar_images(**cid, similarity_threshold=90, max_count=1, image_id="query.jpg")
    assert ids(best) == ["x/copy.jpg"]

    [group] = aspose.find_image_duplicates(**cid, similarity_threshold=90)["duplicates"]
    assert {one["image_id"] for one in group["duplicate_images"]} == {"0.jpg", "x/copy.jpg"}
    assert group["duplicate_images"][0]["similarity"] == 100

    def compared(**second: str) -> float:
        [one] = aspose.compare_images(**cid, image_id1="0.jpg", **second)["results"]
        return float(one["similarity"])

    assert compared(image_id2="x/copy.jpg") >= 70
    assert compared(image_data=str(folder / "copy.jpg")) >= 70
    assert compared(image_data=str(folder / "0.jpg")) == 100
    assert compared(image_id2="2.jpg") < 50

    aspose.create_image_tag(**cid, image_data=str(folder / "copy.jpg"), tag_name="Zero")
    aspose.create_image_tag(**cid, image_data=str(folder / "2.jpg"), tag_name="Two")
    tagged = aspose.find_images_by_tags(**cid, tags='["Zero"]', similarity_threshold=90, max_count=5)
    assert set(ids(tagged)) == {"0.jpg", "x/copy.jpg"}
    both = aspose.find_images_by_tags(**cid, tags='["Zero", "Two"]', similarity_threshold=90, max_count=5)
    assert set(ids(both)) == {"0.jpg", "x/copy.jpg", "2.jpg"}

    aspose.update_image_features(**cid, image_id="1.jpg", image_data=str(folder / "5.jpg"))
    aspose.update_search_image(**cid, image_id="x/copy.jpg", image_data=str(folder / "1.jpg"))
    assert aspose.find_image_duplicates(**cid, similarity_threshold=90)["duplicates"] == []
    aspose.delete_image_features(**cid, image_id="2.jpg")
    left = aspose.find_similar_images(**cid, similarity_threshold=0, max_count=100, image_id="0.jpg")
    assert "2.jpg" not in ids(left)
    aspose.delete_search_image(**cid, image_id="x/copy.jpg")
    aspose.delete_search_image(**cid, image_id="x/copy.jpg")  # gone already
    for operation in (aspose.get_search_image, aspose.get_image_features):
        with pytest.raises(ClientError, match="404"):
            operation(**cid, image_id="x/copy.jpg")
    aspose.delete_image_search(**cid)
    with pytest.raises(ClientError, match="404"):
        aspose.get_image_search_status(**cid)


def test_the_client_does_every_operation_of_the_storage(aspose: Aspose, folder: Path) -> None:
    assert aspose.upload_file(path="S/a b.jpg", file=str(folder / "0.jpg"))["uploaded"] == ["a b.jpg"]
    [entry] = aspose.get_files_list(path="S")["value"]
    assert (entry["name"], entry["is_folder"], entry["size"]) == ("a b.jpg", False, len(jpeg(0)))
    assert Path(aspose.download_file(path="S/a b.jpg")).read_bytes() == jpeg(0)
    aspose.copy_file(src_path="S/a b.jpg", dest_path="S/deep/b.jpg")
    aspose.move_file(src_path="S/deep/b.jpg", dest_path="S/c.jpg")
    assert aspose.object_exists(path="S/deep/b.jpg")["exists"] is False
    assert aspose.object_exists(path="S/deep") == {"exists": True, "is_folder": True}
    aspose.copy_folder(src_path="S", dest_path="T")
    aspose.move_folder(src_path="T", dest_path="U/V")
    assert sorted(one["name"] for one in aspose.get_files_list(path="U/V")["value"]) == ["a b.jpg", "c.jpg"]
    aspose.create_folder(path="empty")
    assert aspose.get_files_list(path="empty")["value"] == []
    aspose.delete_folder(path="empty")
    with pytest.raises(ClientError, match="400"):
        aspose.delete_folder(path="U")  # it holds something
    aspose.delete_folder(path="U", recursive=True)
    aspose.delete_file(path="S/c.jpg")
    with pytest.raises(ClientError, match="404"):
        aspose.download_file(path="S/c.jpg")
    usage = aspose.get_disc_usage()
    assert usage["total_size"] > usage["used_size"] >= len(jpeg(0))
    [version] = aspose.get_file_versions(path="S/a b.jpg")["value"]
    assert version["is_latest"] is True
    assert aspose.storage_exists(storage_name="nowhere")["exists"] is False
    with pytest.raises(ClientError, match="404"):
        aspose.get_files_list(path="S", storage_name="nowhere")


@pytest.mark.parametrize("path", ["../keys.json", "a/../../keys.json", "%2e%2e/keys.json", "..%2Fkeys.json", "a%00b"])
def test_no_path_leads_out_of_the_storage(server: Served, path: str) -> None:
    quoted = urllib.parse.quote(urllib.parse.unquote(path), safe="")
    for answer in (server.get(f"{STORAGE}/file/{quoted}"), server.http.put(f"{STORAGE}/file/{quoted}", content=b"x")):
        assert answer.status_code == 400, answer.text
    assert not (server.home / "keys.json").exists()


def test_moving_onto_itself_or_below_loses_nothing(server: Served) -> None:
    server.http.put(f"{STORAGE}/file/self/a.jpg", content=b"x")
    for kind, source, target in (("file", "self/a.jpg", "self/a.jpg"), ("folder", "self", "self/below")):
        answer = server.http.put(f"{STORAGE}/{kind}/move/{source}", params={"destPath": target})
        assert answer.status_code == 400
    assert server.get(f"{STORAGE}/file/self/a.jpg").content == b"x"


def test_image_content_comes_in_many_forms(server: Served) -> None:
    cid = server.post("/v3/imaging/ai/imageSearch/create").json()["Id"]
    base, as_json = f"{BASE}/{cid}", {"Content-Type": "application/json"}
    assert server.post(f"{base}/features?imageId=raw", content=jpeg(0), headers=as_json).status_code == 200
    part = {"anything": ("imageData", jpeg(1), "application/octet-stream")}
    assert server.post(f"{base}/features?imageId=part", files=part).status_code == 200
    assert server.post(f"{base}/features", content=jpeg(2)).status_code == 200  # an id is made up

    def found(method: str, **sent: Any) -> list[str]:
        query = {"similarityThreshold": 50, "maxCount": 3}
        answer = server.http.request(method, f"{base}/findSimilar", params=query, **sent)
        assert answer.status_code == 200, answer.text
        return [one["ImageId"] for one in answer.json()["Results"]]

    assert found("GET", files={"imageData": ("imageData", jpeg(0))})[0] == "raw"
    assert found("POST", content=jpeg(1), headers=as_json)[0] == "part"
    nothing = {"Content-Type": "multipart/form-data"}  # without boundary and body, as one client sends it
    by_id = server.get(f"{base}/findSimilar?similarityThreshold=99&maxCount=3&imageId=raw", headers=nothing).json()
    assert [one["ImageId"] for one in by_id["Results"]] == ["raw"]
    assert server.get(f"{base}/findSimilar?similarityThreshold=1&maxCount=3", headers=nothing).status_code == 400
    twice = urllib.parse.quote(urllib.parse.quote("http://a.example/1.jpg", safe=""), safe="")
    assert server.post(f"{base}/features?imageId={twice}", content=jpeg(4)).status_code == 200
    record = server.get(f"{API}/collections/{cid}/records/{urllib.parse.quote('http://a.example/1.jpg', safe='')}")
    assert record.status_code == 200
    tag = server.post(f"{base}/addTag?tagName=t", content=jpeg(0), headers=as_json)
    assert tag.json() == {"Code": 200, "Status": "OK"}
    by_tag = server.post(f"{base}/findByTags?similarityThreshold=90&maxCount=5", content=b'["t"]', headers=as_json)
    assert [one["ImageId"] for one in by_tag.json()["Results"]] == ["raw"]


def test_the_images_of_a_web_page_are_indexed(server: Served) -> None:
    page = b'<base href="/shop/"><img src="1.jpg"><img src="/2.jpg"><img src="1.jpg"><img src="data:x"><img>'
    with website(lambda path: page if path.endswith(".html") else jpeg(int(path[-5]))) as address:
        base = f"{BASE}/{server.post(f'{BASE}/create', headers=SDK).json()['id']}"
        source = urllib.parse.quote(f"{address}/a/page.html", safe="")
        answer = server.post(f"{base}/features/web", params={"imagesSource": source}, headers=SDK)
        assert (answer.status_code, answer.content) == (200, b"")
    query = {"similarityThreshold": 0, "maxCount": 9}
    found = server.post(f"{base}/findSimilar", params=query, content=jpeg(2), headers=SDK).json()["results"]
    assert [one["imageId"] for one in found] == [f"{address}/2.jpg", f"{address}/shop/1.jpg"]


def test_failures_have_the_form_of_who_asks(server: Served) -> None:
    error = server.get(f"{BASE}/none/status", headers=SDK)
    assert error.status_code == 404
    assert set(error.json()) == {"error"}
    assert error.json()["error"]["code"] == "errorItemNotFound"
    assert set(error.json()["error"]) == {"code", "message", "description", "innerError"}
    plain = server.get(f"{BASE}/none/status")
    assert plain.json() == {"Message": plain.json()["Message"], "Code": 404, "Status": "Not Found"}
    cid = server.post(f"{BASE}/create", headers=SDK).json()["id"]
    for method, path, status in (
        ("POST", f"{cid}/features", 400),
        ("POST", f"{cid}/features?imageId=none", 404),
        ("POST", f"{cid}/features?imagesFolder=none", 404),
        ("GET", f"{cid}/features", 400),
        ("GET", f"{cid}/image?imageId=none", 404),
        ("PUT", f"{cid}/image?imageId=none", 404),
        ("POST", f"{cid}/compare?imageId1=none&imageId2=none", 404),
        ("POST", f"{cid}/findByTags?similarityThreshold=1&maxCount=1", 400),
        ("GET", f"{cid}/findDuplicates?similarityThreshold=101", 400),
        ("GET", f"{cid}/findSimilar?similarityThreshold=x&maxCount=1&imageId=a", 400),
        ("GET", f"{cid}/status?storage=nowhere", 404),
    ):
        answer = server.http.request(method, f"{BASE}/{path}", headers=SDK)
        assert answer.status_code == status, (path, answer.text)
        assert set(answer.json()) == {"error"}
    broken = server.post(f"{BASE}/{cid}/features?imageId=a", content=b"no picture", headers=SDK)
    assert (broken.status_code, set(broken.json())) == (400, {"error"})


def test_tokens(python: Path, tmp_path: Path) -> None:
    with served(tmp_path / "home") as server:
        form = {"grant_type": "client_credentials", "client_id": "", "client_secret": ""}
        assert set(server.post("/connect/token", data=form).json()) == {"access_token", "expires_in", "token_type"}
        made = json.loads(server.command("keys", "create", "--name", "a", "--json"))
        good = {**form, "client_id": made["id"], "client_secret": made["key"]}
        for path in ("/connect/token", "/oauth2/token"):
            for wrong in (form, {**good, "client_secret": "x"}, {**good, "client_id": "x"}):
                refused = server.post(path, data=wrong)
                assert (refused.status_code, refused.json()) == (400, {"error": "invalid_client"})
            token = server.post(path, data=good).json()
            bearer = {"Authorization": f"Bearer {token['access_token']}"}
            assert (token["token_type"], token["expires_in"]) == ("Bearer", 86400)
            assert server.post(f"{BASE}/create", headers=bearer).status_code == 200
        assert server.post(f"{BASE}/create").status_code == 401
        assert server.post(f"{BASE}/create", headers={"Authorization": "Bearer x"}).status_code == 401
        assert made["key"] not in token["access_token"]
        with connected(python, server, client_secret=made["key"], client_id=made["id"]) as aspose:
            assert aspose.create_image_search()["search_status"] == "Idle"
        with connected(python, server) as stranger, pytest.raises(ClientError):
            stranger.create_image_search()
        server.command("keys", "rotate", "a")
        assert server.post(f"{BASE}/create", headers=bearer).status_code == 401


def test_what_is_stored_here_is_seen_natively(server: Served) -> None:
    cid = server.post(f"{BASE}/create", headers=SDK).json()["id"]
    server.http.put(f"{STORAGE}/file/native%2F1.jpg", files={"file": ("1.jpg", jpeg(1))})
    assert server.get(f"{STORAGE}/exist/native/1.jpg", headers=SDK).json() == {"exists": True, "isFolder": False}
    server.post(f"{BASE}/{cid}/features?imageId=native%2F1.jpg")
    info = server.get(f"{API}/collections/{cid}").json()
    assert (info["records"], info["keep"], info["type"]) == (1, "original", "matching")
    original = server.get(f"{API}/collections/{cid}/records/native%2F1.jpg/original")
    assert original.content == jpeg(1)
    server.post(f"{API}/collections/{cid}/records?id=added", files={"file": ("n.jpg", jpeg(2))})
    assert server.get(f"{BASE}/{cid}/image?imageId=added").content == jpeg(2)


def test_golden_exchanges_of_curl(server: Served, folder: Path) -> None:
    assert play("aspose.json", url=server.url, folder=str(folder)) == 34


def test_an_image_that_was_never_added_is_stored_by_an_update(aspose: Aspose, folder: Path) -> None:
    cid = {"search_context_id": aspose.create_image_search()["id"]}
    aspose.update_search_image(**cid, image_id="new/1.jpg", image_data=str(folder / "1.jpg"))
    assert Path(aspose.get_search_image(**cid, image_id="new/1.jpg")).read_bytes() == jpeg(1)
    assert aspose.object_exists(path="new/1.jpg")["exists"] is True
    found = aspose.find_similar_images(**cid, similarity_threshold=90, max_count=3, image_id="new/1.jpg")
    assert ids(found) == ["new/1.jpg"]
    aspose.delete_search_image(**cid, image_id="never there.jpg")
    with pytest.raises(ClientError, match="404"):
        aspose.update_search_image(**cid, image_id="nowhere.jpg")  # neither content nor a file


@pytest.mark.parametrize("written", ["back\\slash\\1.jpg", "back/slash/1.jpg", "back\\slash/1.jpg"])
def test_a_backslash_parts_a_path_in_the_storage_and_in_ids(server: Served, written: str) -> None:
    base = f"{BASE}/{server.post(f'{BASE}/create', headers=SDK).json()['id']}"
    quoted = urllib.parse.quote(written, safe="")
    uploaded = server.http.put(f"{STORAGE}/file/{quoted}", content=jpeg(1), headers=SDK)
    assert uploaded.json() == {"uploaded": ["1.jpg"], "errors": []}
    for path in (quoted, "back%2Fslash%2F1.jpg", "back/slash/1.jpg", "back%5Cslash%5C1.jpg"):
        assert server.get(f"{STORAGE}/file/{path}").content == jpeg(1)
    assert server.post(f"{base}/features", params={"imageId": written}, headers=SDK).status_code == 200
    for name in ("back\\slash\\1.jpg", "back/slash/1.jpg"):
        assert server.get(f"{base}/image", params={"imageId": name}).content == jpeg(1)
        found = server.get(f"{base}/findSimilar", params={"imageId": name, "similarityThreshold": 90}, headers=SDK)
        assert [one["imageId"] for one in found.json()["results"]] == ["back/slash/1.jpg"]
        assert server.get(f"{base}/features", params={"imageId": name}).status_code == 200
    assert server.http.put(f"{base}/image", params={"imageId": written}, content=jpeg(2)).status_code == 200
    assert server.http.delete(f"{base}/features", params={"imageId": written}).status_code == 200
    assert server.get(f"{base}/features", params={"imageId": "back/slash/1.jpg"}).status_code == 404


def test_an_image_that_is_called_by_a_backslash_since_before_is_still_found(server: Served) -> None:
    context = server.post(f"{BASE}/create", headers=SDK).json()["id"]
    record = {"file": ("1.jpg", jpeg(1), "image/jpeg")}
    named = {"record": json.dumps({"_id": "old\\1.jpg"})}
    assert server.post(f"{API}/collections/{context}/records", files=record, data=named).status_code == 201
    params = {"imageId": "old\\1.jpg"}
    assert server.get(f"{BASE}/{context}/image", params=params).content == jpeg(1)
    assert server.http.put(f"{BASE}/{context}/features", params=params, content=jpeg(2)).status_code == 200
    assert server.get(f"{API}/collections/{context}").json()["records"] == 1
    assert server.http.delete(f"{BASE}/{context}/features", params=params).status_code == 200
    assert server.get(f"{API}/collections/{context}").json()["records"] == 0


# ---- tags, and what has the names that they once had


def tag_up(server: Served, context: str, tag: str, seed: int, **sent: Any) -> int:
    path = f"{BASE}/{context}/addTag"
    return server.post(path, params={"tagName": tag}, content=jpeg(seed), **sent).status_code


def by_tag(server: Served, context: str, tag: str, **sent: Any) -> tuple[int, list[str]]:
    path = f"{BASE}/{context}/findByTags"
    found = server.post(path, params={"similarityThreshold": 90}, content=json.dumps([tag]), **sent)
    return found.status_code, [one["ImageId"] for one in found.json().get("Results", [])]


def test_tags_leave_the_collection_of_another_with_their_old_name_alone(tmp_path: Path) -> None:
    with served(tmp_path / "home", LOOKALIKE_WORKERS="1") as server:
        for name in ("shop", "shop.tags"):
            made = server.create(name, type="matching", keep="original")
            for seed in range(2):
                server.post(made, files={"file": (f"{seed}.jpg", jpeg(seed), "image/jpeg")})
        key = server.command("keys", "create", "--name", "k", "--collection", "shop", "--json")
        shop = {"headers": {"authorization": f"Bearer {json.loads(key)['key']}"}}
        assert by_tag(server, "shop", "0.jpg", **shop)[0] == 404  # not read
        assert tag_up(server, "shop", "0.jpg", 1, **shop) == 200
        assert by_tag(server, "shop", "0.jpg", **shop) == (200, ["1.jpg"])
        every = json.loads(server.command("keys", "create", "--name", "a", "--json"))["key"]
        server.http.headers["authorization"] = f"Bearer {every}"
        records = f"{API}/collections/shop.tags/records"
        assert server.get(f"{records}/0.jpg/original").content == jpeg(0)  # not overwritten
        assert tag_up(server, "shop", "1.jpg", 0) == 200
        assert server.http.delete(f"{BASE}/shop", **shop).status_code == 200
        assert server.get(f"{API}/collections/shop.tags").json()["records"] == 2  # not deleted
        server.create("shop", type="matching")
        assert by_tag(server, "shop", "other") == (404, [])
        assert by_tag(server, "shop", "0.jpg", **shop)[0] == 404  # tags went with their collection


def test_tags_of_an_earlier_lookalike_are_found_replaced_and_deleted_with_their_context(tmp_path: Path) -> None:
    context = str(uuid.uuid4())
    with lookalike.open(tmp_path / "home") as library:
        for name in (context, f"{context}.tags"):
            made = library.create(name, type="matching", keep="original")
            made.add([{"_id": "boat", "_bytes": jpeg(0), "_name": "boat"}])
    with served(tmp_path / "home", LOOKALIKE_WORKERS="1") as server:
        made = json.loads(server.command("keys", "create", "--name", "k", "--collection", context, "--json"))
        own = {"headers": {"authorization": f"Bearer {made['key']}"}}
        assert by_tag(server, context, "boat", **own) == (200, ["boat"])
        assert tag_up(server, context, "boat", 1, **own) == 200
        assert by_tag(server, context, "boat", **own) == (200, [])
        assert server.http.delete(f"{BASE}/{context}", **own).status_code == 200
        listed = json.loads(server.command("collections", "--json"))
        assert listed["collections"] == []


def test_tags_of_an_earlier_lookalike_beside_any_name_are_still_searched_by(tmp_path: Path) -> None:
    with lookalike.open(tmp_path / "home") as library:
        for name in ("shop", "shop.tags"):
            made = library.create(name, type="matching", keep="original")
            made.add([{"_id": "boat", "_bytes": jpeg(0), "_name": "boat"}])
    with served(tmp_path / "home", LOOKALIKE_WORKERS="1") as server:
        key = json.loads(server.command("keys", "create", "--name", "k", "--collection", "shop", "--json"))["key"]
        own = {"headers": {"authorization": f"Bearer {key}"}}
        assert by_tag(server, "shop", "boat", **own) == (200, ["boat"])
        assert server.http.delete(f"{BASE}/shop", **own).status_code == 200
        assert [one["name"] for one in json.loads(server.command("collections", "--json"))["collections"]] == [
            "shop.tags"
        ]


def test_tags_come_back_with_a_backup(server: Served, tmp_path: Path) -> None:
    context = server.post(f"{BASE}/create", headers=SDK).json()["id"]
    server.post(f"{BASE}/{context}/features", params={"imageId": "a"}, content=jpeg(0))
    assert tag_up(server, context, "boat/ü\n", 0) == 200
    server.command("backup", "-c", context, str(tmp_path / "kept"))
    server.command("restore", str(tmp_path / "kept"), "--name", "again")
    assert by_tag(server, "again", "boat/ü\n") == (200, ["a"])
    assert tag_up(server, context, "x", 0, headers={}) == 200
    assert server.post(f"{BASE}/{context}/addTag?tagName=x", content=b"no picture").status_code == 400


def test_a_tag_that_is_named_many_times_is_looked_up_once(server: Served) -> None:
    context = server.post(f"{BASE}/create", headers=SDK).json()["id"]
    tag_up(server, context, "boat", 0)
    many = server.post(f"{BASE}/{context}/findByTags", content=json.dumps(["boat"] * 1000))
    assert many.status_code == 200
    different = server.post(f"{BASE}/{context}/findByTags", content=json.dumps([str(n) for n in range(101)]))
    assert different.status_code == 400


def test_a_key_for_a_collection_that_is_called_storage_does_not_reach_the_storage(tmp_path: Path) -> None:
    with served(tmp_path / "home", LOOKALIKE_WORKERS="1") as server:
        server.create("storage")
        keys = [json.loads(server.command("keys", "create", "--name", str(n), *options, "--json"))["key"]
                for n, options in enumerate((("--collection", "storage"), ()))]  # fmt: skip
        bound, every = ({"headers": {"authorization": f"Bearer {key}"}} for key in keys)
        assert server.http.put(f"{STORAGE}/file/secret.jpg", content=jpeg(0), **every).status_code == 200
        for method, path in (("GET", "file/secret.jpg"), ("PUT", "file/x.jpg"), ("GET", "folder"), ("GET", "disc")):
            assert server.http.request(method, f"{STORAGE}/{path}", content=jpeg(1), **bound).status_code == 403
        assert server.http.delete(f"{API}/collections/storage", **bound).status_code == 204
        assert server.get(f"{STORAGE}/file/secret.jpg", **bound).content == jpeg(0)  # now the word means the files
        again = server.post(f"{API}/collections", json={"name": "storage"}, **every)
        assert again.status_code == 409
