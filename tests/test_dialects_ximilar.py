"""Ximilar's similarity and image matching: its own Python client, golden exchanges, and what others see of it."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from clients import Client, client, environment
from exchanges import play
from serving import API, Served, jpeg, served, small_copy
from websites import website

PHOTOS = "/similarity/photos/v2"


@pytest.fixture(scope="module")
def python() -> Path:
    return environment("ximilar", ["ximilar-client==1.39.0", "opencv-python-headless==4.12.0.88"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("ximilar") / "home") as running:
        yield running


@contextmanager
def ximilar(
    python: Path, server: Served, kind: str, prefix: str, collection: str, token: str = "T"
) -> Iterator[Client]:
    url = f"{server.url}{prefix}/"
    options: dict[str, Any] = {"token": token, "collection_id": collection, "endpoint": url, "resource_name": None}
    with client(python, f"ximilar.client.search:{kind}", **options) as made:
        yield made


@pytest.fixture
def photo_client(python: Path, server: Served, request: pytest.FixtureRequest) -> Iterator[Client]:
    with ximilar(python, server, "SimilarityPhotosClient", PHOTOS, request.node.name) as made:
        yield made


def ids(answer: dict[str, Any]) -> list[str]:
    assert answer["status"]["code"] == 200, answer
    assert answer["answer_count"] == len(answer["answer_records"])
    return [record["_id"] for record in answer["answer_records"]]


def reasons(answer: dict[str, Any]) -> list[tuple[str, int]]:
    return [(one["_id"], one["_reason"]["status"]["code"]) for one in answer.get("skipped_records", [])]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def ask(server: Served, method: str, body: Any = None, *, collection: str = "c", prefix: str = PHOTOS) -> Any:
    answer = server.post(f"{prefix}/{method}", json=body, headers={"collection-id": collection})
    return answer.json() if answer.status_code == 200 else (answer.status_code, answer.json()["status"]["code"])


def records(*seeds: int, **fields: Any) -> list[dict[str, Any]]:
    return [{"_id": str(seed), "_base64": b64(jpeg(seed)), **fields} for seed in seeds]


def test_the_client_does_every_operation_on_records(photo_client: Client, photos: list[Path]) -> None:
    files = [{"_id": f"p{n}", "_file": str(photo), "place": n, "even": n % 2 == 0} for n, photo in enumerate(photos)]
    names = [one["_id"] for one in files]
    assert photo_client.ping()["_service_info"]["_name"]
    assert ids(photo_client.insert(files)) == names
    again = photo_client.insert([files[0]])
    assert (ids(again), reasons(again)) == ([], [("p0", 211)])

    [shown] = photo_client.get_records([{"_id": "p1"}], fields_to_return=["*"])["answer_records"]
    assert shown == {"_id": "p1", "place": 1, "even": False}  # neither the picture nor the client's path
    changed = photo_client.update([{"_id": "p1", "place": 10, "note": {"a": [1]}}, {"_id": "none", "place": 1}])
    assert changed["answer_records"] == [{"_id": "p1", "place": 10, "even": False, "note": {"a": [1]}}]
    assert reasons(changed) == [("none", 404)]

    assert sorted(ids(photo_client.get_all_ids())) == names
    assert sorted(ids(photo_client.get_all_ids(filterf={"even": True}))) == names[::2]
    pages = [photo_client.allRecords(size=3, page=page) for page in (1, 2, 3)]
    assert sorted(id for page in pages for id in ids(page)) == names
    assert ["next" in page for page in pages] == [True, True, False]
    drawn = photo_client.random(count=3, filter={"even": True}, fields_to_return=["even"])
    assert len(set(ids(drawn))) == 3
    assert all(record["even"] for record in drawn["answer_records"])

    for n, photo in enumerate(photos):
        for query in ({"_id": f"p{n}"}, {"_file": str(photo)}):
            found = photo_client.search(query, k=4, fields_to_return=["_id", "place"])
            distances = found["answer_distances"]
            assert ids(found)[0] == f"p{n}"
            assert distances == sorted(distances)
            assert len(distances) == 4
            assert distances[0] == 0 or "_file" in query  # the client sends large files anew
            assert distances[0] < 10 < distances[1] <= 100
    filtered = photo_client.search({"_id": "p0"}, k=8, filter={"place": {"$in": [2, 3]}})
    assert sorted(ids(filtered)) == ["p2", "p3"]

    ranked = photo_client.search_and_rank({"_id": "p0"}, [{"_id": "p2"}, {"_id": "p0"}, {"_file": str(photos[3])}])
    assert ranked["answer_records"][0] == {"_id": "p0"}
    assert ranked["answer_distances"][0] == 0
    assert ranked["answer_distances"] == sorted(ranked["answer_distances"])

    gone = photo_client.remove([{"_id": "p0"}, {"_id": "none"}])
    assert (ids(gone), reasons(gone)) == (["p0"], [("none", 404)])
    assert "p0" not in ids(photo_client.search({"_file": str(photos[0])}, k=100))
    assert photo_client.search({"_id": "p0"}, k=1)["status"]["code"] == 404


def test_the_client_searches_fashion_by_picture_and_tags(python: Path, server: Served) -> None:
    with ximilar(python, server, "SimilarityFashionClient", "/similarity/fashion-new/v2", "fashion") as fashion:
        tags = {1: ["red", "dress"], 2: ["blue"], 3: ["red", "dress"]}
        sent = [{"_id": str(n), "_base64": b64(jpeg(n)), "tags": words} for n, words in tags.items()]
        assert len(ids(fashion.insert(sent, extract_colors=True))) == 3
        found = fashion.search({"_id": "1"}, k=3, fields_to_return=["_id", "tags"])
        assert ids(found)[:2] == ["1", "3"]  # its own tags
        assert found["answer_distances"][0] == 0
        assert found["answer_records"][0]["tags"] == ["red", "dress"]
        assert ids(fashion.search({"_id": "1", "tags": ["blue"]}, k=3))[0] in ("1", "2")
        assert len(ids(fashion.search({"_base64": b64(jpeg(2))}, k=2))) == 2  # no tags: by picture alone


def test_the_client_matches_images(python: Path, server: Served) -> None:
    with ximilar(python, server, "ImageMatchingSearchClient", "/image_matching/v2", "copies") as matching:
        copy = {"_id": "copy", "_base64": b64(small_copy(0))}
        assert len(ids(matching.insert([copy, *records(1, 2, 3)]))) == 4
        found = matching.post("nearDuplicates", data={"query_record": {"_base64": b64(jpeg(0))}})
        assert ids(found) == ["copy"]
        assert found["answer_distances"][0] <= 10
        brought = {"records": [*records(1), copy], "query_record": {"_base64": b64(jpeg(0))}}
        ranked = matching.post("rank_images", data=brought)
        assert ids(ranked) == ["copy", "1"]
        assert ranked["answer_distances"] == sorted(ranked["answer_distances"])
        kept = matching.post("remove_duplicates", data={"records": [*records(0), copy, *records(1)]})
        assert ids(kept) == ["0", "1"]
        hashes = matching.post("visual_hash", data={"records": [copy, *records(0)]})["answer_records"]
        assert all(len(one["_visual_hash"]) == 16 for one in hashes)


@pytest.mark.parametrize(
    ("prefix", "kind", "type"),
    [
        ("/photo/search/v2", "SimilarityPhotosOldClient", "photos"),
        ("/similarity/custom/v2", "SimilarityCustomClient", "photos"),
        ("/similarity/products/v2", "SimilarityProductsOldClient", "products"),
        ("/similarity/products-new/v2", "SimilarityProductsClient", "products"),
        ("/similarity/fashion/v2", "SimilarityFashionClient", "products"),
        ("/similarity/homedecor/v2", "SimilarityHomeDecorClient", "products"),
        ("/similarity/homedecor-new/v2", "SimilarityHomeDecorClient", "products"),
        ("/similarity/colors/v2", "SimilarityColorsClient", "colors"),
    ],
)
def test_the_first_insert_makes_a_collection_of_the_type_of_its_prefix(
    python: Path, server: Served, prefix: str, kind: str, type: str
) -> None:
    name = prefix.strip("/").replace("/", "-")
    with ximilar(python, server, kind, prefix, name) as any_client:
        assert any_client.ping()["status"]["code"] == 200
        assert server.get(f"{API}/collections/{name}").status_code == 404  # ping makes none
        assert any_client.search({"_id": "1"}, k=1)["status"]["code"] == 404
        assert ids(any_client.insert(records(1))) == ["1"]
        info = server.get(f"{API}/collections/{name}").json()
        assert (info["type"], info["keep"]) == (type, "none")
        for method in ("ping", "allIDs"):
            assert ask(server, method, collection=name, prefix="/image_matching/v2") == (400, 400)


@pytest.mark.parametrize("sent", ["größe".encode(), "größe".encode("latin-1"), "größe 日本".encode()])
def test_a_collection_id_comes_as_utf8_or_as_latin1(server: Served, sent: bytes) -> None:
    for method, body in (("insert", {"records": records(1)}), ("allIDs", {})):
        answer = server.post(f"{PHOTOS}/{method}", json=body, headers=[(b"collection-id", sent)])
        assert answer.status_code == 200, answer.text
    wanted = "größe" if b" " not in sent else "größe 日本"
    assert wanted in [one["name"] for one in server.get(f"{API}/collections").json()["collections"]]


def test_addresses_are_fetched_kept_and_given_back(tmp_path: Path) -> None:
    with website(lambda path: jpeg(1) if path == "/1.jpg" else b"") as address:
        sent = [{"_id": "a", "_url": f"{address}/1.jpg"}, {"_id": "b", "_url": f"{address}/2.jpg"}]
        both = {"_id": "c", "_url": f"{address}/2.jpg", "_base64": b64(jpeg(2))}  # the image that is sent counts
        with served(tmp_path / "open", "--allow-private-urls") as server:
            inserted = ask(server, "insert", {"records": [*sent, both], "fields_to_return": ["_url"]})
            assert inserted["answer_records"] == [
                {"_id": "a", "_url": f"{address}/1.jpg"},
                {"_id": "c", "_url": f"{address}/2.jpg"},
            ]
            assert reasons(inserted) == [("b", 400)]
            for query, best in (({"_url": f"{address}/1.jpg"}, "a"), ({"_base64": b64(jpeg(2))}, "c")):
                found = ask(server, "visualKNN", {"query_record": query, "k": 1})
                assert (ids(found), found["answer_distances"]) == ([best], [0])
        with served(tmp_path / "closed") as server:  # private addresses are not opened by default
            assert reasons(ask(server, "insert", {"records": sent})) == [("a", 400), ("b", 400)]


def test_colors_rank_by_dominant_colors(server: Served) -> None:
    colors = "/similarity/colors/v2"
    mirrored = io.BytesIO()
    with PIL.Image.open(io.BytesIO(jpeg(3))) as picture:
        picture.transpose(PIL.Image.Transpose.ROTATE_180).save(mirrored, "PNG")
    ask(server, "insert", {"records": records(1, 2, 3, 4)}, collection="colored", prefix=colors)
    query = {"query_record": {"_base64": b64(mirrored.getvalue())}, "k": 2}
    found = ask(server, "visualKNN", query, collection="colored", prefix=colors)
    assert ids(found)[0] == "3"
    assert found["answer_distances"][0] < 10 < found["answer_distances"][1]


def test_golden_exchanges_of_curl(tmp_path: Path, photos: list[Path]) -> None:
    one = {"_base64": f"data:image/jpeg;base64,{b64(photos[0].read_bytes())}", "_file": "imgs/a.jpg", "noresize": True}
    two = {"_id": 2, "_base64": b64(photos[1].read_bytes()), "price": 3}
    (tmp_path / "insert.json").write_text(
        json.dumps(
            {"records": [{"_id": "a", "category": "x", **one}, two, {"_id": "bad", "_base64": b64(b"text" * 9)}]}
        )
    )
    (tmp_path / "query.json").write_text(json.dumps({"query_record": {**one, "_id": "not stored"}, "k": 1}))
    with served(tmp_path / "home") as server:
        assert play("ximilar.json", url=server.url, folder=str(tmp_path)) == 22


def test_products_are_shown_once(server: Served) -> None:
    server.create("grouped", type="products", product_id_field="product")
    products = "/similarity/products-new/v2"
    sent = [*records(1, product="a"), {"_id": "1b", "_base64": b64(small_copy(1)), "product": "a"}]
    assert len(ids(ask(server, "insert", {"records": records(5)}, collection="grouped", prefix=products))) == 1
    assert ids(ask(server, "visualKNN", {"query_record": {"_id": "5"}}, collection="grouped", prefix=products)) == ["5"]
    ask(server, "insert", {"records": [*sent, *records(2, product="b")]}, collection="grouped", prefix=products)
    query = {"query_record": {"_id": "1"}, "k": 2}
    assert "1b" not in ids(ask(server, "visualKNN", query, collection="grouped", prefix=products))
    every = ask(server, "visualKNN", {**query, "k": 10}, collection="grouped", prefix=products)
    assert sorted(ids(every)) == ["1", "2", "5"]  # what has no product stands for itself
    alike = ask(server, "nearDuplicates", {"query_record": {"_id": "1"}}, collection="grouped", prefix=products)
    assert ids(alike) == ["1", "1b"]  # photos of one product too


def test_pages_of_a_search_follow_each_other(server: Served) -> None:
    ask(server, "insert", {"records": records(*range(6))}, collection="paged")
    query = {"query_record": {"_id": "1"}}
    whole = ids(ask(server, "visualKNN", {**query, "k": 6}, collection="paged"))
    parts = [ids(ask(server, "visualKNN", {**query, "k": 2, "from": n}, collection="paged")) for n in (0, 2, 4, 6)]
    assert [id for part in parts for id in part] == whole
    assert len(whole) == 6
    assert whole[0] == "1"
    assert set(ids(ask(server, "visualKNN", query, collection="paged"))) == set(whole)  # k is 10


def test_ranges_and_descriptors(server: Served) -> None:
    ask(server, "insert", {"records": [*records(0, 1, 2), {"_id": "0b", "_base64": b64(small_copy(0))}]})
    wide = ask(server, "visualRange", {"query_record": {"_id": "0"}, "radius": 100})
    near = ask(server, "visualRange", {"query_record": {"_id": "0"}, "radius": 10})
    assert len(ids(wide)) == 4
    assert set(ids(near)) == {"0", "0b"}
    assert all(distance <= 10 for distance in near["answer_distances"])
    for place, distance in enumerate(wide["answer_distances"]):  # what was shown finds its own match
        query = {"query_record": {"_id": "0"}, "radius": distance}
        assert ids(ask(server, "visualRange", query)) == ids(wide)[: place + 1]
    assert ask(server, "visualRange", {"query_record": {"_id": "0"}}) == (400, 400)
    found = ask(server, "descriptor", {"records": [{"_id": "0"}, *records(0), {"_id": "none"}]})
    stored, sent = (one["_descriptor"] for one in found["answer_records"])
    assert stored == pytest.approx(sent, abs=1e-6)
    assert reasons(found) == [("none", 404)]


def test_what_is_stored_here_is_seen_natively_and_the_other_way_round(server: Served) -> None:
    ask(server, "insert", {"records": records(1, 2, price=3, tags=["new"])}, collection="shared")
    native = f"{API}/collections/shared"
    record = server.get(f"{native}/records/1").json()
    assert (record["metadata"], record["tags"]) == ({"price": 3}, ["new"])
    assert server.get(f"{native}/records/1/thumbnail").status_code == 404  # pictures are not stored
    found = server.post(f"{native}/search", json={"source": "id:1", "filter": {"price": 3}}).json()
    assert [match["id"] for match in found["matches"]] == ["1", "2"]
    server.post(f"{native}/records?id=added", files={"file": ("n.jpg", jpeg(4))})
    assert ids(ask(server, "visualKNN", {"query_record": {"_base64": b64(jpeg(4))}, "k": 1}, collection="shared")) == [
        "added"
    ]


def test_json_lines_of_the_vendors_tools_are_imported(server: Served, tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(jpeg(1))
    lines = [
        {"_id": 1, "_file": "1.jpg", "price": 3, "tags": ["new"]},
        {"_id": "2", "_file": "/elsewhere/2.jpg", "_base64": f"data:image/jpeg;base64,{b64(jpeg(2))}", "_width": 320},
    ]
    (tmp_path / "records.jsonl").write_text(",\n".join(map(json.dumps, lines)))  # their reader takes the commas too
    command = ("import", str(tmp_path / "records.jsonl"), "--collection", "imported", "--type", "photos", "--json")
    assert json.loads(server.command(*command))["added"] == 2
    stored = ask(server, "allRecords", {"fields_to_return": ["*"]}, collection="imported")["answer_records"]
    assert stored == [{"_id": "1", "price": 3, "tags": ["new"]}, {"_id": "2"}]
    assert ids(ask(server, "visualKNN", {"query_record": {"_base64": b64(jpeg(2))}}, collection="imported"))[0] == "2"


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("insert", {}),
        ("insert", {"records": []}),
        ("insert", {"records": "x"}),
        ("insert", {"records": [{"_id": str(n)} for n in range(101)]}),
        ("get", {"records": [{"_id": "1"}], "fields_to_return": "*"}),
        ("visualKNN", {}),
        ("visualKNN", {"query_record": {}}),
        ("visualKNN", {"query_record": 7}),
        ("visualKNN", {"query_record": {"_url": "file:///etc/passwd"}}),
        ("visualKNN", {"query_record": {"_base64": "no picture"}}),
        ("visualKNN", {"query_record": {"_base64": "dGV4dA=="}}),
        ("visualKNN", {"query_record": {"_id": "1"}, "k": 0}),
        ("visualKNN", {"query_record": {"_id": "1"}, "k": "many"}),
        ("visualKNN", {"query_record": {"_id": "1"}, "from": -1}),
        ("visualKNN", {"query_record": {"_id": "1"}, "filter": {"a": {"$near": 1}}}),
        ("visualTagsKNN", {"query_record": {"_id": "1", "tags": "red"}}),
        ("random", {"count": 0}),
        ("allRecords?size=0", {}),
        ("allRecords?size=1&page=0", {}),
        (f"allRecords?size={10**20}&page=2", {}),
        ("allRecords", {"filter": 3}),
        ("allRecords", {"filter": []}),
    ],
)
def test_requests_that_mean_nothing(server: Served, method: str, body: Any) -> None:
    ask(server, "insert", {"records": records(1)}, collection="wrong")
    assert ask(server, method, body, collection="wrong") == (400, 400)


def test_records_fail_alone(server: Served) -> None:
    broken = [{"_id": "a"}, {"_id": "b", "_base64": "x"}, "c", {"_id": ["d"], "_base64": b64(jpeg(1))}]
    broken += [{"_id": "e", "_base64": b64(jpeg(1)), "tags": "red"}, {"_id": "f", "_url": "http://127.0.0.1:9/a.jpg"}]
    found = ask(server, "insert", {"records": [*broken, *records(7, 7)]}, collection="alone")
    assert ids(found) == ["7"]
    assert [code for _, code in reasons(found)] == [400] * 6 + [211]
    for method in ("get", "update", "delete"):
        assert ask(server, method, {"records": [{}, 3, None, {"_id": "7"}]}, collection="alone")["answer_count"] == 1


def test_tokens(tmp_path: Path, python: Path) -> None:
    with served(tmp_path / "home", "--only-known-collections", "--limits", "vendor") as server:
        assert ask(server, "insert", {"records": records(1)}) == (404, 404)
        server.create("c", type="photos")
        assert ids(ask(server, "insert", {"records": records(1)})) == ["1"]
        assert ask(server, "insert", {"records": [{"_id": str(n)} for n in range(11)]}) == (400, 400)
        key = json.loads(server.command("keys", "create", "--name", "a", "--scope", "read", "--json"))["key"]
        refused = server.post(f"{PHOTOS}/ping", headers={"collection-id": "c", "Authorization": "Token wrong"})
        assert (refused.status_code, refused.json()) == (401, {"detail": "Invalid token."})
        with ximilar(python, server, "SimilarityPhotosClient", PHOTOS, "c", key) as reader:
            assert ids(reader.search({"_id": "1"}, k=1)) == ["1"]
            assert reader.remove([{"_id": "1"}])["status"]["code"] == 403
        jwt = server.post(f"{PHOTOS}/allIDs", headers={"collection": "c", "authorization": f"JWT {key}"})
        assert ids(jwt.json()) == ["1"]
        path, body = "/authorization/v2/authorize", {"service": "photo-similarity", "call_type": "authenticate"}
        assert "user_id" in server.post(path, json=body, headers={"Authorization": f"Token {key}"}).json()
        assert server.post(path, json=body).json() == {"detail": "Invalid token."}


def test_many_records_are_changed_and_deleted_together(server):
    """A transaction for all of them; what is not there, named twice or no record is skipped alone."""
    ask(server, "insert", {"records": records(1, 2, 3)}, collection="together")
    named = [{"_id": str(n), "n": n} for n in (1, 2, 9)] + [{"n": 3}, 7, {"_id": "1", "m": 4}]
    changed = ask(server, "update", {"records": named, "fields_to_return": ["n", "m"]}, collection="together")
    assert ids(changed) == ["1", "2", "1"]
    assert changed["answer_records"][2] == {"_id": "1", "n": 1, "m": 4}
    assert reasons(changed) == [("9", 404), (None, 400), (None, 400)]
    got = ask(server, "get", {"records": named[:3]}, collection="together")
    assert (ids(got), reasons(got)) == (["1", "2"], [("9", 404)])
    gone = ask(server, "delete", {"records": [*named[:3], named[0]]}, collection="together")
    assert (ids(gone), reasons(gone)) == (["1", "2"], [("9", 404), ("1", 404)])
    assert ids(ask(server, "allIDs", collection="together")) == ["3"]
    many = [{"_id": str(n)} for n in range(10_001)]
    assert ask(server, "get", {"records": many}, collection="together") == (400, 400)


def test_all_records_come_by_pages_or_as_one_answer(server):
    ask(server, "insert", {"records": records(1, 2, 3, n=1)}, collection="pages")
    whole = ask(server, "allRecords", {"fields_to_return": ["n"]}, collection="pages")
    assert whole["answer_records"] == [{"_id": str(n), "n": 1} for n in (1, 2, 3)]
    assert (whole["answer_count"], whole["status"]["code"]) == (3, 200)
    first = ask(server, "allRecords?size=2", collection="pages")
    assert (ids(first), first["next"]) == (["1", "2"], "allRecords?size=2&page=2")
    last = ask(server, "allRecords?size=2&page=2", collection="pages")
    assert (ids(last), "next" in last) == (["3"], False)
    assert ids(ask(server, "allRecords?size=2&page=9", collection="pages")) == []
