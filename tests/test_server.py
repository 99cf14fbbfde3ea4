"""The native interface over HTTP: a real process, real pictures, every path."""

from __future__ import annotations

import base64
import io
import json
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import httpx
import PIL.Image
import psutil
import pytest
from conftest import sample
from serving import API, Served, code_of, jpeg, picture_file, served

import lookalike
from lookalike.errors import ChangedMeanwhileError


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("served") / "home") as running:
        yield running


@pytest.fixture(scope="module")
def gallery(server: Served) -> str:
    """Eight pictures with a number each, in the collection `gallery`; gives the path of its records."""
    path = server.create("gallery", fields=["n"])
    for seed in range(8):
        record = {"_id": f"motif/{seed}.jpg", "n": seed, "tags": ["even" if seed % 2 == 0 else "odd"]}
        made = server.post(path, files=picture_file(seed), data={"record": json.dumps(record)})
        assert made.status_code == 201, made.text
    return path


# ---- collections


def test_a_collection_is_made_shown_changed_and_deleted(server):
    server.create("cycle", type="products", keep="none", fields=["price"], product_id_field="sku")
    shown = server.get(f"{API}/collections/cycle").json()
    assert (shown["type"], shown["keep"], shown["fields"]) == ("products", "none", ["price"])
    assert (shown["product_id_field"], shown["records"], shown["encoder"]) == ("sku", 0, "builtin")
    assert (shown["title"], shown["search"], shown["recall"], shown["recall_target"]) == ("", "exact", 1.0, 0.99)
    wanted = {"fields": ["price", "color"], "product_id_field": "", "recall_target": 1, "title": "Round trips"}
    changed = server.http.patch(f"{API}/collections/cycle", json=wanted).json()
    assert {name: changed[name] for name in wanted} == {**wanted, "product_id_field": None}
    assert server.http.patch(f"{API}/collections/cycle", json={"title": ""}).json()["title"] == ""
    for wrong in ({"recall_target": 0}, {"recall_target": 1.1}, {"title": "x" * 1025}):
        assert code_of(server.http.patch(f"{API}/collections/cycle", json=wrong)) == (422, "input_invalid")
    assert "cycle" in [one["name"] for one in server.get(f"{API}/collections").json()["collections"]]
    assert server.http.delete(f"{API}/collections/cycle").status_code == 204
    assert code_of(server.get(f"{API}/collections/cycle")) == (404, "collection_not_found")


def test_a_name_is_used_once(server, gallery):
    assert code_of(server.post(f"{API}/collections", json={"name": "gallery"})) == (409, "collection_exists")


@pytest.mark.parametrize("name", ["größe & co", "a/b", "...", "%2F"])
def test_a_collection_may_have_any_name(server, name):
    assert server.post(f"{API}/collections", json={"name": name}).status_code == 201
    path = f"{API}/collections/{quote(name, safe='').replace('.', '%2E')}"
    assert server.get(path).json()["name"] == name
    assert server.http.delete(path).status_code == 204


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "x", "type": "dogs"}, "input_invalid"),
        ({"name": "x", "colour": "red"}, "input_invalid"),
        ({"name": ""}, "input_invalid"),
        ({"name": ".."}, "input_invalid"),
        ({"name": "a/../b"}, "input_invalid"),
        ({"name": 7}, "input_invalid"),
        ({}, "input_invalid"),
        ({"name": "x", "encoder": "nobody"}, "input_invalid"),
    ],
)
def test_a_wrong_collection_is_refused(server, body, code):
    assert code_of(server.post(f"{API}/collections", json=body)) == (422, code)


def test_a_collection_that_another_process_replaced_is_found_again(server):
    path = server.create("replaced")
    server.post(path, files=picture_file(1))
    server.command("delete", "replaced")
    server.command("create", "replaced")
    answers = [server.get(f"{API}/collections/replaced") for _ in range(2)]
    assert answers[-1].json()["records"] == 0


# ---- records


def test_a_picture_comes_as_multipart_raw_or_json(server):
    path = server.create("forms")
    sent = [
        server.post(path, files=picture_file(1), data={"record": '{"_id": "multi", "price": 3, "tags": ["red"]}'}),
        server.post(path, content=jpeg(2), headers={"content-type": "image/jpeg"}, params={"id": "raw"}),
        server.post(path, json={"_id": "base64", "_base64": base64.b64encode(jpeg(3)).decode(), "price": 4}),
        server.post(path, json={"_id": 7, "_base64": "data:image/jpeg;base64," + base64.b64encode(jpeg(4)).decode()}),
        server.post(path, files=picture_file(5, "folder\\named.jpg")),
    ]
    assert [answer.status_code for answer in sent] == [201] * 5, [answer.text for answer in sent]
    assert [answer.json()["id"] for answer in sent] == ["multi", "raw", "base64", "7", "named.jpg"]
    first = sent[0].json()
    assert (first["metadata"], first["tags"], first["outcome"]) == ({"price": 3}, ["red"], "added")
    assert (first["format"], first["size_px"], first["byte_size"]) == ("jpeg", [320, 240], len(jpeg(1)))


def test_adding_again_changes_nothing_and_another_picture_is_refused(server):
    path = server.create("again")
    server.post(path, files=picture_file(1, "a.jpg"), data={"record": '{"price": 3}'})
    again = server.post(path, files=picture_file(1, "a.jpg"))
    assert (again.status_code, again.json()["outcome"], again.json()["metadata"]) == (200, "unchanged", {"price": 3})
    assert code_of(server.post(path, files=picture_file(2, "a.jpg"))) == (409, "id_taken")
    replaced = server.post(path, files=picture_file(2, "a.jpg"), params={"replace": "true"})
    assert (replaced.status_code, replaced.json()["outcome"]) == (200, "updated")
    assert replaced.json()["metadata"] == {"price": 3}


def test_of_many_pictures_one_fails_alone(server):
    path = server.create("many")
    lines = [
        {"_id": "good", "_base64": base64.b64encode(jpeg(1)).decode(), "n": 1},
        {"_id": "bad", "_base64": base64.b64encode(b"no picture at all").decode()},
        {"_id": "local", "_file": "/etc/hostname"},
    ]
    body = "\n".join([*map(json.dumps, lines), "no json", ""])
    report = server.post(path, content=body, headers={"content-type": "application/x-ndjson"}).json()
    assert [one["outcome"] for one in report["outcomes"]] == ["added", "failed", "failed", "failed"]
    assert [one.get("code") for one in report["outcomes"]] == [
        None,
        "image_undecodable",
        "input_invalid",
        "input_invalid",
    ]
    assert (report["added"], len(report["failed"])) == (1, 3)
    files = [("file", (f"{seed}.jpg", jpeg(seed), "image/jpeg")) for seed in (2, 3)]
    report = server.post(path, files=[*files, ("file", ("bad.jpg", b"GIF89a"))]).json()
    assert (report["added"], report["failed"][0]["code"]) == (2, "image_undecodable")
    listed = server.post(path, json=[{"_id": "l", "_base64": base64.b64encode(jpeg(5)).decode()}]).json()
    assert listed["outcomes"] == [{"place": 0, "id": "l", "outcome": "added"}]


@pytest.mark.parametrize(
    ("content", "kind", "wanted"),
    [
        (b"no picture", "image/jpeg", (422, "image_undecodable")),
        (b"", "image/jpeg", (422, "image_undecodable")),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", (415, "image_unsupported")),
        (b"{", "application/json", (400, "body_malformed")),
        (b"[]", "application/json", (422, "input_invalid")),
        (b"7", "application/json", (422, "input_invalid")),
        (b"hello", "text/plain", (415, "media_type_unsupported")),
        (b"--X\r\nbroken", "multipart/form-data; boundary=X", (400, "body_malformed")),
        (b"--X--\r\n", "multipart/form-data", (400, "body_malformed")),
        (b"--X--\r\n", "multipart/form-data; boundary=X", (422, "input_invalid")),
        (b'{"_id": "x"}', "application/json", (422, "input_invalid")),
        (b'{"_id": "x", "_file": "/etc/passwd"}', "application/json", (422, "input_invalid")),
        (b'{"_id": "x", "_url": "file:///etc/passwd"}', "application/json", (422, "input_invalid")),
        (b'{"_id": "\\ud800", "_base64": "AAAA"}', "application/json", (422, "input_invalid")),
        (b"[" * 100_000, "application/json", (400, "body_malformed")),
    ],
)
def test_a_wrong_body_is_refused(server, gallery, content, kind, wanted):
    assert code_of(server.post(gallery, content=content, headers={"content-type": kind})) == wanted


def test_records_are_listed_by_pages_and_filter(server, gallery):
    seen, cursor = [], None
    while True:
        page = server.get(gallery, params={"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
        assert len(page["records"]) <= 3
        seen += [record["id"] for record in page["records"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [f"motif/{seed}.jpg" for seed in range(8)]
    found = server.get(gallery, params={"filter": '{"n": {"$gte": 6}}'}).json()["records"]
    assert [record["metadata"]["n"] for record in found] == [6, 7]
    assert code_of(server.get(gallery, params={"filter": "{"})) == (422, "filter_invalid")
    ids = [one["id"] for one in server.get(gallery, params={"limit": 100}).json()["records"]]
    typed = server.get(gallery, params={"q": ids[0].upper(), "limit": 100}).json()
    assert typed["next"] is None
    assert [one["id"] for one in typed["records"]] == [one for one in ids if ids[0] in one]
    for wrong in ({"q": " "}, {"q": "x" * 1001}, {"q": ids[0], "cursor": "x"}, {"q": ids[0], "sample": 1}):
        assert code_of(server.get(gallery, params=wrong)) == (422, "input_invalid"), wrong
    assert code_of(server.get(gallery, params={"filter": '{"$not":' * 995 + "{}" + "}" * 995}))[0] == 422
    assert code_of(server.get(gallery, params={"cursor": "nonsense"})) == (422, "input_invalid")
    assert code_of(server.get(gallery, params={"limit": 0})) == (422, "input_invalid")


def test_an_id_with_slashes_is_found_plain_and_encoded(server, gallery):
    for path in ("motif/3.jpg", "motif%2F3.jpg"):
        shown = server.get(f"{gallery}/{path}")
        assert shown.json()["metadata"] == {"n": 3}
        assert server.get(f"{gallery}/{path}/thumbnail").headers["content-type"] == "image/jpeg"
    assert code_of(server.get(f"{gallery}/motif/99.jpg")) == (404, "record_not_found")


def test_an_id_that_ends_like_a_path_of_ours_is_found_encoded(server):
    path = server.create("tricky")
    server.post(path, files=picture_file(1), data={"record": '{"_id": "a/thumbnail"}'})
    assert server.get(f"{path}/a%2Fthumbnail").json()["id"] == "a/thumbnail"
    assert code_of(server.get(f"{path}/a/thumbnail")) == (404, "record_not_found")


def test_a_record_changes_only_as_it_was_seen(server):
    path = server.create("changes")
    made = server.post(path, files=picture_file(1, "r"), data={"record": '{"price": 3, "color": "red"}'})
    etag = made.headers["etag"]
    assert server.get(f"{path}/r", headers={"if-none-match": etag}).status_code == 304
    patch = {"metadata": {"price": 4}, "unset": ["color"], "tags": ["new"]}
    changed = server.http.patch(f"{path}/r", json=patch, headers={"if-match": etag})
    assert (changed.json()["metadata"], changed.json()["tags"]) == ({"price": 4}, ["new"])
    assert changed.headers["etag"] != etag
    late = server.http.patch(f"{path}/r", json={"metadata": {"price": 5}}, headers={"if-match": etag})
    assert code_of(late) == (412, "changed_meanwhile")
    assert code_of(server.http.delete(f"{path}/r", headers={"if-match": etag})) == (412, "changed_meanwhile")
    replaced = server.http.patch(f"{path}/r", json={"metadata": {"size": 1}, "replace": True}).json()
    assert (replaced["metadata"], replaced["tags"]) == ({"size": 1}, ["new"])
    assert server.http.delete(f"{path}/r", headers={"if-match": "*"}).status_code == 204
    assert code_of(server.http.delete(f"{path}/r")) == (404, "record_not_found")


def test_a_change_by_the_command_line_is_seen_by_a_condition(server):
    path = server.create("between")
    etag = server.post(path, files=picture_file(1, "r")).headers["etag"]
    server.command("update", "r", "--collection", "between", "--set", '{"price": 3}')
    late = server.http.patch(f"{path}/r", json={"metadata": {"price": 5}}, headers={"if-match": etag})
    assert code_of(late) == (412, "changed_meanwhile")
    assert code_of(server.http.delete(f"{path}/r", headers={"if-match": etag})) == (412, "changed_meanwhile")
    assert server.get(f"{path}/r").json()["metadata"] == {"price": 3}


def test_of_many_conditional_changes_at_once_one_wins(server):
    """Ten changes with one entity tag, half through the server and half by another process's library."""
    path = server.create("race")
    etag = server.post(path, files=picture_file(1, "r")).headers["etag"]
    with lookalike.open(server.home) as library, httpx.Client(base_url=server.url, timeout=60) as client:
        collection = library.collection("race")
        seen = collection.get("r")

        def change(number: int) -> bool:
            if number % 2:
                patch = {"metadata": {"winner": number}}
                return client.patch(f"{path}/r", json=patch, headers={"if-match": etag}).status_code == 200
            try:
                collection.update("r", {"winner": number}, seen=seen)
            except ChangedMeanwhileError:
                return False
            return True

        with ThreadPoolExecutor(10) as many:
            won = list(many.map(change, range(10)))
    assert sum(won) == 1
    assert server.get(f"{path}/r").json()["metadata"] == {"winner": won.index(True)}


def test_a_record_gets_another_picture_and_keeps_its_fields(server):
    path = server.create("pictures")
    server.post(path, files=picture_file(1, "r"), data={"record": '{"price": 3}'})
    before = server.get(f"{path}/r").json()
    by_file = server.http.patch(f"{path}/r", files=picture_file(2)).json()
    by_text = server.http.patch(f"{path}/r", json={"_base64": base64.b64encode(jpeg(3)).decode(), "tags": ["x"]}).json()
    assert len({before["content_hash"], by_file["content_hash"], by_text["content_hash"]}) == 3
    assert (by_text["metadata"], by_text["tags"]) == ({"price": 3}, ["x"])
    assert code_of(server.http.patch(f"{path}/r", json={"_url": "/etc/passwd"})) == (422, "input_invalid")


def test_pictures_are_given_as_they_are_kept(server):
    path = server.create("kept", keep="original")
    server.post(path, files=picture_file(1, "r"))
    original = server.get(f"{path}/r/original")
    assert (original.content, original.headers["content-type"]) == (jpeg(1), "image/jpeg")
    small = server.get(f"{path}/r/thumbnail")
    assert small.content[:3] == b"\xff\xd8\xff"
    assert server.get(f"{path}/r/thumbnail", headers={"if-none-match": small.headers["etag"]}).status_code == 304
    nothing = server.create("nothing", keep="none")
    server.post(nothing, files=picture_file(1, "r"))
    assert code_of(server.get(f"{nothing}/r/thumbnail")) == (404, "not_found")
    assert code_of(server.get(f"{nothing}/r/original")) == (404, "not_found")


def test_a_thumbnail_of_a_file_on_disk_is_made_by_a_worker(tmp_path, pictures: Path):
    """A worker that died is missed only by what needs one."""
    home = tmp_path / "home"
    with lookalike.open(home) as library:
        library.collection("c", create=True).add(pictures / "a")
    with served(home, LOOKALIKE_WORKERS="1") as server:
        path = f"{API}/collections/c/records"
        made = server.get(f"{path}/1.jpg/thumbnail?side_px=64")
        assert max(PIL.Image.open(io.BytesIO(made.content)).size) == 64
        worker = next(p for p in map(psutil.Process, server.worker_ids()) if p.ppid() != server.process.pid)
        worker.kill()
        assert server.get(f"{path}/2.jpg/thumbnail").status_code == 200
        assert "lookalike_worker_deaths 1.0" in server.get("/metrics").text


# ---- questions


def test_a_search_answers_as_the_library_does(server, gallery):
    question = {"limit": 4, "threshold": 0.1, "filter": {"n": {"$lt": 7}}}
    search = f"{API}/collections/gallery/search"
    answers = {
        "id": server.post(search, json={"source": "id:motif/2.jpg", **question}),
        "file": server.post(search, files=picture_file(2), data={"query": json.dumps(question)}),
        "base64": server.post(search, json={"source": base64.b64encode(jpeg(2)).decode(), **question}),
    }
    with lookalike.open(server.home) as library:
        expected = library.collection("gallery").search(jpeg(2), **question)
    for form, answer in answers.items():
        told = answer.json()
        assert answer.status_code == 200, told
        ranking = [(match["id"], match["score"], match["distance"], match["rank"]) for match in told["matches"]]
        assert ranking == [(match.id, match.score, match.distance, match.rank) for match in expected], form
        assert (told["collection"], told["count"]) == ("gallery", len(expected))
    assert set(answers["id"].json()["matches"][0]) == {
        *("id", "score", "distance", "rank", "relation", "source", "metadata", "tags", "confidence"),
        "size_px",
    }


def test_a_search_takes_examples_groups_and_a_crop(server, gallery):
    search = f"{API}/collections/gallery/search"
    several = server.post(search, json={"like": ["id:motif/1.jpg", "id:motif/2.jpg"], "unlike": ["id:motif/3.jpg"]})
    assert several.json()["count"] == 8
    grouped = server.post(search, json={"source": "id:motif/1.jpg", "group_by": "n", "limit": 3}).json()
    assert len({match["metadata"]["n"] for match in grouped["matches"]}) == 3
    cropped = server.post(search, files=picture_file(1), data={"query": '{"crop": [0, 0, 100, 100]}'}).json()
    assert cropped["query"]["crop"] == [0, 0, 100, 100]


def test_every_condition_of_the_library_works_over_http(server, gallery):
    question = {
        "like": [{"source": "id:motif/1.jpg", "weight": 2.0}, "id:motif/2.jpg"],
        "unlike": [{"source": "id:motif/3.jpg"}],
        "tags": ["odd"],
        "tag_weight": 0.5,
        "exact": True,
        "limit": 3,
    }
    told = server.post(f"{API}/collections/gallery/search", json={**question, "explain": True}).json()
    with lookalike.open(server.home) as library:
        expected = library.collection("gallery").search(
            **{**question, "like": [("id:motif/1.jpg", 2.0), "id:motif/2.jpg"], "unlike": ["id:motif/3.jpg"]}
        )
    assert [(match["id"], match["score"]) for match in told["matches"]] == [(m.id, m.score) for m in expected]
    assert told["matches"][0]["parts"]
    assert told["explanation"]
    grouped = {"source": "id:motif/1.jpg", "group_by": "n", "members": 1, "collapse": 0.95}
    assert server.post(f"{API}/collections/gallery/search", json=grouped).status_code in (200, 422)
    diverse = {"source": "id:motif/1.jpg", "diversity": 0.5}
    assert server.post(f"{API}/collections/gallery/search", json=diverse).json()["count"] == 8


def test_a_precision_stands_in_place_of_a_threshold(server, gallery):
    asked = {"source": "id:motif/1.jpg", "precision": 0.95}
    told = server.post(f"{API}/collections/gallery/search", json=asked).json()
    assert told["query"]["precision"] == 0.95
    assert all(match["score"] >= told["query"]["threshold"] > 0.9 for match in told["matches"])
    both = server.post(f"{API}/collections/gallery/search", json={**asked, "threshold": 0.9})
    assert code_of(both) == (422, "input_invalid")
    assert server.get(f"{API}/collections/gallery/duplicates?precision=0.95").json()["count"] == 0
    assert code_of(server.post(f"{API}/collections/gallery/duplicates", json={"precision": 95})) == (
        422,
        "input_invalid",
    )


def test_pages_of_a_search_are_the_whole_ranking(server, gallery):
    search = f"{API}/collections/gallery/search"
    seen, cursor = [], None
    while cursor is not None or not seen:
        page = server.post(search, json={"source": "id:motif/1.jpg", "limit": 3, "cursor": cursor}).json()
        seen += [match["id"] for match in page["matches"]]
        cursor = page["next"]
    whole = server.post(search, json={"source": "id:motif/1.jpg", "limit": 8}).json()
    assert seen == [match["id"] for match in whole["matches"]]
    foreign = server.post(search, json={"source": "id:motif/2.jpg", "cursor": "x"})
    assert code_of(foreign) == (422, "input_invalid")


def test_the_graph_comes_as_lines_and_clusters_as_groups(server, gallery):
    graph = server.get(f"{API}/collections/gallery/graph", params={"k": 2})
    assert graph.headers["content-type"].startswith("application/x-ndjson")
    edges = [json.loads(line) for line in graph.text.splitlines()]
    with lookalike.open(server.home) as library:
        collection = library.collection("gallery")
        expected = [(edge.source, edge.target, edge.rank) for edge in collection.graph(k=2)]
        clusters = [list(ids) for ids in collection.clusters(threshold=0.3)]
    assert [(edge["source"], edge["target"], edge["rank"]) for edge in edges] == expected
    assert code_of(server.get(f"{API}/collections/gallery/graph?k=0")) == (422, "input_invalid")
    told = server.get(f"{API}/collections/gallery/clusters?threshold=0.3").json()
    assert (told["clusters"], told["count"]) == (clusters, len(clusters))


def test_records_are_drawn_at_random(server, gallery):
    drawn = [server.get(gallery, params={"sample": 3, "seed": 5}).json()["records"] for _ in range(2)]
    assert len(drawn[0]) == 3
    assert drawn[0] == drawn[1]
    assert code_of(server.get(gallery, params={"sample": 0})) == (422, "input_invalid")
    assert code_of(server.get(gallery, params={"sample": 1, "filter": "{}"})) == (422, "input_invalid")


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ({"source": "/etc/passwd"}, "input_invalid"),
        ({"source": "photos/a.jpg"}, "input_invalid"),
        ({}, "input_invalid"),
        ({"source": "id:motif/1.jpg", "threshold": 90}, "input_invalid"),
        ({"source": "id:motif/1.jpg", "limit": 0}, "input_invalid"),
        ({"source": "id:motif/1.jpg", "limit": "10"}, "input_invalid"),
        ({"source": "id:motif/1.jpg", "filter": {"n": {"$near": 1}}}, "filter_invalid"),
        ({"source": "id:motif/1.jpg", "colour": "red"}, "input_invalid"),
        ({"source": "id:motif/1.jpg", "crop": [1, 2]}, "input_invalid"),
        ({"like": ["id:motif/1.jpg", "../x"]}, "input_invalid"),
    ],
)
def test_a_wrong_question_is_refused(server, gallery, question, code):
    assert code_of(server.post(f"{API}/collections/gallery/search", json=question)) == (422, code)


def test_a_search_for_what_is_not_there(server, gallery):
    search = f"{API}/collections/gallery/search"
    assert code_of(server.post(search, json={"source": "id:nobody"})) == (404, "record_not_found")
    missing = server.post(f"{API}/collections/nowhere/search", json={"source": "id:x"})
    assert code_of(missing) == (404, "collection_not_found")


def test_two_pictures_are_compared(server):
    same = server.post(f"{API}/compare", files={"a": jpeg(1), "b": jpeg(1)}).json()
    assert (same["score"], same["relation"]) == (1.0, "identical")
    texts = {name: base64.b64encode(jpeg(seed)).decode() for name, seed in (("a", 1), ("b", 2))}
    other = server.post(f"{API}/compare", json=texts).json()
    assert 0 <= other["score"] < 0.9
    with lookalike.open(server.home) as library:
        assert other["score"] == library.compare(jpeg(1), jpeg(2)).score
    assert code_of(server.post(f"{API}/compare", files={"a": jpeg(1)})) == (422, "input_invalid")
    assert code_of(server.post(f"{API}/compare", json={"a": "id:1", "b": "id:2"})) == (422, "input_invalid")


def test_stored_pictures_are_compared_by_their_ids_and_with_others(server):
    records = server.create("pairs", keep="thumbnail")
    whole = sample("scenes/aurora-1")
    small = saved(whole.resize((320, 224)))
    for name, data in (("whole", saved(whole)), ("small", small)):
        server.post(f"{records}?id={name}", content=data, headers={"Content-Type": "image/jpeg"})
    told = server.post(f"{API}/collections/pairs/compare", json={"a": "id:whole", "b": "id:small"}).json()
    assert (told["relation"], round(told["transform"]["scale"], 2)) == ("resized", 0.5)
    file = base64.b64encode(small).decode()
    mixed = server.post(f"{API}/collections/pairs/compare?explain=true", json={"a": "id:whole", "b": file}).json()
    assert mixed["score"] == told["score"]
    assert mixed["explanation"]["a"]["size_px"] == [640, 448]
    missing = server.post(f"{API}/collections/pairs/compare", json={"a": "id:whole", "b": "id:nowhere"})
    assert code_of(missing) == (404, "record_not_found")


def opened(text: str) -> PIL.Image.Image:
    return PIL.Image.open(io.BytesIO(base64.b64decode(text)))


def saved(picture: PIL.Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=92)
    return stream.getvalue()


def test_a_copy_is_explained_by_what_both_show_and_what_was_changed(server):
    whole = sample("scenes/aurora-1")  # 640 x 448
    part = whole.crop((60, 40, 580, 420))
    part.paste((255, 0, 255), (100, 100, 230, 200))  # 7 % of it
    files = {"a": saved(whole), "b": saved(part)}
    assert "explanation" not in server.post(f"{API}/compare", files=files).json()
    told = server.post(f"{API}/compare?explain=true", files=files).json()
    assert {"edited", "cropped"} <= set(told["details"])
    why = told["explanation"]
    assert (why["a"]["size_px"], why["b"]["size_px"]) == ([640, 448], [520, 380])
    assert why["a"]["likeness"] is why["b"]["likeness"] is None
    corners = {tuple(round(value / 10) * 10 for value in corner) for corner in why["a"]["outline"]}
    assert corners == {(60, 40), (580, 40), (580, 420), (60, 420)}
    assert 0.03 < why["changed"] < 0.12
    assert all(abs(u - x + 60) < 6 and abs(v - y + 40) < 6 for x, y, u, v in why["places"])
    assert len(why["places"]) >= told["inliers"] >= 10
    layer = opened(why["difference"]["picture"])
    left, top = (60, 40) if why["difference"]["of"] == "a" else (0, 0)
    scale = layer.width / why[why["difference"]["of"]]["size_px"][0]
    inside, outside = ((round((left + x) * scale), round((top + y) * scale)) for x, y in ((165, 150), (400, 250)))
    assert (layer.mode, layer.getpixel(inside)[3] > 100, layer.getpixel(outside)[3] < 60) == ("RGBA", True, True)
    assert opened(why["picture"]).format == "PNG"


def test_pictures_without_a_map_are_explained_by_their_parts_and_no_encoder_comes_into_the_server(server):
    texts = {name: base64.b64encode(jpeg(seed)).decode() for name, seed in (("a", 1), ("b", 2))}
    told = server.post(f"{API}/compare?explain=true", json=texts).json()
    why = told["explanation"]
    assert told["transform"] is None
    assert (why["places"], why["changed"], why["difference"], why["a"]["outline"]) == ([], None, None, [])
    for side in ("a", "b"):
        rows = why[side]["likeness"]
        assert [len(row) for row in rows] == [7] * 7
        assert max(max(row) for row in rows) == 1
    assert opened(why["picture"]).width > 600
    libraries = Path(f"/proc/{server.process.pid}/maps")
    assert not libraries.exists() or "onnxruntime" not in libraries.read_text()


def test_duplicates_are_found(server):
    path = server.create("twins")
    for name in ("a", "b"):
        server.post(path, files=picture_file(1, name))
    server.post(path, files=picture_file(2, "c"))
    found = server.get(f"{API}/collections/twins/duplicates").json()
    assert [[member["id"] for member in group["members"]] for group in found["groups"]] == [["a", "b"]]
    assert server.post(f"{API}/collections/twins/duplicates", json={"threshold": 0.95}).json() == found
    assert code_of(server.get(f"{API}/collections/twins/duplicates?threshold=7")) == (422, "input_invalid")


# ---- everywhere


def test_every_answer_has_an_id_and_safe_headers(server):
    for answer in (server.get("/healthz"), server.get("/nowhere"), server.get("/docs/"), server.get("/openapi.json")):
        assert answer.headers["x-request-id"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "server" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers
    named = server.get("/nowhere", headers={"x-request-id": "mine-1"})
    assert named.json()["error"]["request_id"] == named.headers["x-request-id"] == "mine-1"
    strange = server.get("/nowhere", headers={"x-request-id": "a b" * 99})
    assert strange.headers["x-request-id"] != "a b" * 99


def test_one_schema_of_the_document_is_given_alone(server):
    whole = server.get("/openapi.json").json()["components"]["schemas"]["SearchQuery"]
    assert server.get("/openapi.json?schema=SearchQuery").json() | {"$defs": {}} == whole | {"$defs": {}}
    assert whole["properties"]["tags"]["x-option"] == "--tag"
    assert code_of(server.get("/openapi.json?schema=Nonsense")) == (404, "not_found")


def test_paths_and_methods_that_are_not_there(server):
    assert code_of(server.get("/api/v1/nowhere")) == (404, "path_not_found")
    wrong = server.http.put("/healthz")
    assert code_of(wrong) == (405, "method_not_allowed")
    assert wrong.headers["allow"] == "GET"


def test_the_documentation_needs_nothing_from_outside(server):
    page = server.get("/docs/").text
    for asset in ("/docs/files/swagger-ui.css", "/docs/files/swagger-ui-bundle.js", "/docs/start.js"):
        assert asset in page
        assert server.get(asset).status_code == 200
    assert "http" not in page.replace("lookalike: the HTTP interface", "")
    assert server.get("/", follow_redirects=True).status_code == 200


@pytest.mark.parametrize(
    "path", ["/docs/files/../../../../etc/passwd", "/docs/files/..%2f..%2f..%2fetc%2fpasswd", "/web/%2e%2e/cli.py"]
)
def test_no_path_leads_out_of_the_files(server, path):
    answer = server.http.send(server.http.build_request("GET", server.url + path))
    assert answer.status_code == 404


def test_figures_for_prometheus(server, gallery):
    server.post(f"{API}/collections/gallery/search", json={"source": "/etc/passwd"})
    told = server.get("/metrics").text
    for line in (
        'lookalike_records{collection="gallery"} 8.0',
        'lookalike_refusals_total{code="input_invalid"}',
        'lookalike_queue_depth{lane="pictures"} 0.0',
        'lookalike_images_total{outcome="added"}',
        'lookalike_request_seconds_count{route="/api/v1/collections/{name}/search"}',
        "lookalike_worker_deaths 0.0",
        'lookalike_recall{collection="gallery"} 1.0',
        'lookalike_recall_target{collection="gallery"} 0.99',
        'lookalike_index_rows{collection="gallery"}',
        'lookalike_batch_pictures_bucket{le="1.0"}',
    ):
        assert line in told, line


def test_what_the_command_line_adds_is_served_at_once(server, pictures: Path):
    server.command("index", str(pictures), "--collection", "folder")
    found = server.get(f"{API}/collections/folder/records").json()["records"]
    assert len(found) == 10
    server.command("remove", found[0]["id"], "--collection", "folder")
    assert server.get(f"{API}/collections/folder").json()["records"] == 9


# ---- ids in two Unicode forms


def test_a_record_is_reached_by_either_unicode_form_of_its_id(server):
    path = server.create("forms of ids", keep="thumbnail")
    composed, parts = (unicodedata.normalize(form, "Bücher/Müller.jpg") for form in ("NFC", "NFD"))
    assert server.post(path, files=picture_file(1), params={"id": composed}).status_code == 201
    address = f"{path}/{quote(parts)}"
    assert server.get(address).json()["id"] == composed
    assert server.get(f"{address}/thumbnail").status_code == 200
    changed = server.http.patch(address, json={"metadata": {"title": "Müller"}})
    assert (changed.json()["id"], changed.json()["metadata"]) == (composed, {"title": "Müller"})
    found = server.post(f"{API}/collections/forms%20of%20ids/search", json={"like": [f"id:{parts}"]})
    assert [match["id"] for match in found.json()["matches"]] == [composed]
    decided = server.post(f"{API}/collections/forms%20of%20ids/decisions", json={"decision": "keep", "ids": [parts]})
    assert decided.status_code == 201, decided.text
    assert server.http.delete(address).status_code == 204
    assert server.get(f"{path}/{quote(composed)}").status_code == 404
