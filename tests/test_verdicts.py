"""Verdicts: every door tells the same score, relation and confidence of two pictures, and a copy has 0.90 or more."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
from conftest import draw
from serving import API, Served, served

import lookalike
from lookalike.core.relations.rules import SAME_PICTURE
from lookalike.core.relations.verdicts import told_score

Told = tuple[float, str | None, float | None]


def png(picture: PIL.Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def jpeg(picture: PIL.Image.Image, quality: int) -> bytes:
    stream = io.BytesIO()
    picture.convert("RGB").save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def channels_turned(picture: PIL.Image.Image) -> PIL.Image.Image:
    return PIL.Image.fromarray(np.asarray(picture)[..., [2, 0, 1]])


MADE = {
    "scene": png(draw(3)),
    "scene small": jpeg(draw(3).resize((200, 150)), 60),
    "scene mirrored": png(PIL.ImageOps.mirror(draw(3))),
    "dots": jpeg(draw(4), 90),
    "dots cut": jpeg(draw(4).crop((30, 20, 300, 225)), 90),
    "dots again": jpeg(draw(4), 90),
    "jar": png(draw(6)),
    "jar in other colors": png(channels_turned(draw(6))),
    "black": png(PIL.Image.new("RGB", (64, 48), "black")),
    "white": png(PIL.Image.new("RGB", (64, 48), "white")),
    "dark blue": png(PIL.Image.new("RGB", (80, 80), "#000012")),
}
PAIRS = list(combinations(MADE, 2))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for name, data in MADE.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Path:
    """A home with the pictures as files, as kept originals in a matching collection, and as thumbnails."""
    home = tmp_path_factory.mktemp("verdicts") / "home"
    with lookalike.open(home) as library:
        library.create("files").add(folder)
        for name, type, keep in (("copies", "matching", "original"), ("thumbnails", "photos", "thumbnail")):
            collection = library.create(name, type=type, keep=keep)  # type: ignore[arg-type]
            for id, data in MADE.items():
                collection.add(data, id=id)
    return home


@pytest.fixture(scope="module")
def library(home: Path) -> Iterator[lookalike.Library]:
    with lookalike.open(home) as library:
        yield library


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Served]:
    with served(home) as running:
        yield running


@pytest.fixture(scope="module")
def truth(folder: Path) -> dict[tuple[str, str], Told]:
    """What a comparison of the two files tells, either way round."""
    found: dict[tuple[str, str], Told] = {}
    for a, b in PAIRS:
        one = lookalike.compare(folder / a, folder / b)
        found[a, b] = found[b, a] = (one.score, one.relation, one.confidence)
    return found


def is_a_copy(told: Told) -> bool:
    return told[1] in SAME_PICTURE


def test_a_copy_has_0_90_or_more_and_nothing_else_has(truth: dict[tuple[str, str], Told]) -> None:
    for pair, told in truth.items():
        assert (told[0] >= 0.9) == is_a_copy(told), (pair, told)
    for pair in (("scene", "scene small"), ("scene", "scene mirrored"), ("dots", "dots cut"), ("dots", "dots again")):
        assert is_a_copy(truth[pair]), pair
    for pair in (("scene", "dots"), ("black", "white"), ("black", "dark blue"), ("jar", "scene"), ("white", "dots")):
        assert not is_a_copy(truth[pair]), pair
    assert truth["dots", "dots again"] == (1.0, "identical", 1.0)


def test_python_tells_what_a_comparison_of_the_files_tells(
    library: lookalike.Library, folder: Path, truth: dict[tuple[str, str], Told]
) -> None:
    for name in ("files", "copies"):
        collection = library.collection(name)
        for a, b in PAIRS:
            for pair in ((f"id:{a}", f"id:{b}"), (folder / a, f"id:{b}")):
                one = collection.compare(*pair)
                assert (one.score, one.relation, one.confidence) == truth[a, b], (name, pair)
        for a in MADE:
            for example in (f"id:{a}", folder / a):
                found = collection.search(example, limit=20, verify=20)
                assert {match.id for match in found} == set(MADE)
                for match in found:
                    told = (match.score, match.relation, match.confidence)
                    assert match.id == a or told == truth[a, match.id], (name, a, match.id)
                assert [match.score for match in found] == sorted((match.score for match in found), reverse=True)
        groups = collection.duplicates()
        for group in groups:
            for one in group.members[1:]:
                told = (one.score, one.relation, one.confidence)
                assert told == truth[group.representative, one.id]
        assert {frozenset(one.id for one in group.members) for group in groups} == {
            frozenset({"scene", "scene small", "scene mirrored"}),
            frozenset({"dots", "dots again", "dots cut"}),
        }


def test_a_thumbnail_tells_about_the_same(library: lookalike.Library, truth: dict[tuple[str, str], Told]) -> None:
    for a, b in PAIRS:
        one = library.collection("thumbnails").compare(f"id:{a}", f"id:{b}")
        assert one.score == pytest.approx(truth[a, b][0], abs=0.03)
        assert (one.score >= 0.9) == (one.relation in SAME_PICTURE) == is_a_copy(truth[a, b]), (a, b)


def test_the_command_and_http_tell_the_same(server: Served, folder: Path, truth: dict[tuple[str, str], Told]) -> None:
    path = f"{API}/collections/files"

    def triple(form: dict) -> Told:
        return form["score"], form["relation"], form["confidence"]

    for a, b in PAIRS[::5]:
        files = {"a": ("a", MADE[a]), "b": ("b", MADE[b])}
        assert triple(server.post(f"{API}/compare", files=files).json()) == truth[a, b]
        assert triple(server.post(f"{path}/compare", json={"a": f"id:{a}", "b": f"id:{b}"}).json()) == truth[a, b]
    for a in ("scene", "black"):
        searched = server.post(f"{path}/search", json={"source": f"id:{a}", "limit": 20, "verify": 20}).json()
        found = json.loads(server.command("find", f"id:{a}", "-c", "files", "--verify", "20", "-n", "20", "--json"))
        for answer in (searched, found):
            for match in answer["matches"]:
                assert match["id"] == a or triple(match) == truth[a, match["id"]]
    compared = server.command("compare", str(folder / "scene"), str(folder / "scene mirrored"), "--json")
    assert triple(json.loads(compared)) == truth["scene", "scene mirrored"]
    told = [server.get(f"{path}/duplicates").json(), json.loads(server.command("duplicates", "-c", "files", "--json"))]
    reviewed = server.get(f"{path}/review").json()
    for answer in (*told, reviewed):
        for group in answer["groups"]:
            best, *others = group["members"]
            assert others
            assert all(triple(one) == truth[best["id"], one["id"]] for one in others)
    assert [answer.get("unseen") for answer in told] == [0, 0]


def test_the_dialects_score_as_a_comparison_does(server: Served, truth: dict[tuple[str, str], Told]) -> None:
    def b64(name: str) -> str:
        return base64.b64encode(MADE[name]).decode()

    search, aspose = "/image_matching/v2", "/v3/imaging/ai/imageSearch/copies"
    for a, b in PAIRS[::7]:
        answer = server.post("/compare", json={"image_a": b64(a), "image_b": b64(b)}).json()
        assert answer["similarity_score"] == truth[a, b][0]
        told = server.post(f"{aspose}/compare", params={"imageId1": a, "imageId2": b}).json()
        assert told["Results"][0]["Similarity"] == pytest.approx(100 * truth[a, b][0], abs=1e-4)
    similar = server.get(f"{aspose}/findSimilar", params={"imageId": "scene", "maxCount": 20}).json()["Results"]
    for one in similar:
        expected = 1.0 if one["ImageId"] == "scene" else truth["scene", one["ImageId"]][0]
        assert one["Similarity"] == pytest.approx(100 * expected, abs=1e-4)
    for least in (0, 80, 90):
        found = server.get(f"{aspose}/findDuplicates", params={"similarityThreshold": least}).json()["Duplicates"]
        for group in found:
            best, *others = group["DuplicateImages"]
            for one in others:
                assert is_a_copy(truth[best["ImageId"], one["ImageId"]]), (least, best, one)
                assert one["Similarity"] == pytest.approx(100 * truth[best["ImageId"], one["ImageId"]][0], abs=1e-4)
        assert len(found) == 2, "a threshold switched geometry off"
    collection = {"collection-id": "copies"}
    near = server.post(f"{search}/nearDuplicates", json={"query_record": {"_id": "scene"}}, headers=collection).json()
    assert {one["_id"] for one in near["answer_records"]} == {"scene", "scene small", "scene mirrored"}
    records = [{"_id": name, "_base64": b64(name)} for name in MADE]
    query = {"_base64": b64("dots")}
    ranked = server.post(f"{search}/rank_images", json={"query_record": query, "records": records}).json()
    for record, distance in zip(ranked["answer_records"], ranked["answer_distances"], strict=True):
        name = record["_id"]
        assert distance == pytest.approx(0 if name == "dots" else 100 * (1 - truth["dots", name][0]), abs=1e-3)
    kept = server.post(f"{search}/remove_duplicates", json={"records": records}).json()["answer_records"]
    names = {"scene", "dots", "jar", "jar in other colors", "black", "white", "dark blue"}
    assert {one["_id"] for one in kept} == names


def test_a_threshold_narrows_what_geometry_confirms(library: lookalike.Library) -> None:
    collection = library.collection("files")
    whole = {member.id: member.score for group in collection.duplicates() for member in group.members[1:]}
    for threshold in (0.0, 0.5, 0.8, 0.93, 0.985, 1.0):
        found = collection.duplicates(threshold=threshold)
        told = [member for group in found for member in group.members[1:]]
        assert all(member.score >= threshold and member.relation in SAME_PICTURE for member in told)
        if threshold <= 0.9:
            assert {member.id: member.score for member in told} == whole
    assert [{m.id for m in group.members} for group in collection.duplicates(threshold=1.0)] == [{"dots", "dots again"}]
    sure = [member for group in collection.duplicates(precision=0.99) for member in group.members[1:]]
    assert all(member.confidence is not None and member.confidence >= 0.99 for member in sure)
    by_score = {member.id for group in collection.duplicates(threshold=0.8, verify=False) for member in group.members}
    assert {"black", "dark blue"} <= by_score, "the descriptors alone were not asked"


def test_where_there_is_nothing_to_look_at_no_relation_is_told_and_that_is_said(
    tmp_path: Path, truth: dict[tuple[str, str], Told]
) -> None:
    with lookalike.open(tmp_path) as library:
        blind = library.create("blind", keep="none", type="matching")
        for id, data in MADE.items():
            blind.add(data, id=id)
        found = {match.id: match for match in blind.search("id:dots", limit=20)}
        assert (found["dots again"].relation, found["dots again"].confidence) == ("identical", 1.0)
        assert all(match.relation is match.confidence is None for id, match in found.items() if id[:4] != "dots")
        one = blind.compare("id:scene", "id:scene small")
        assert (one.relation, one.confidence, one.details, one.transform) == (None, None, (), None)
        assert "not known" in str(one)
        groups = blind.duplicates(threshold=0.5)
        assert groups.unseen
        assert "no picture to look at" in str(groups)
        for group in groups:
            for member in group.members[1:]:
                assert member.score >= 0.9
                assert member.relation in (None, "identical")
        [group] = blind.duplicates(threshold=1)
        assert {member.id for member in group.members} == {"dots", "dots again"}


def test_a_search_that_geometry_did_not_look_at_tells_no_relation(library: lookalike.Library) -> None:
    plain = list(library.collection("files").search("id:scene", limit=20))
    assert {match.relation for match in plain if match.id != "scene"} == {None}
    first = list(library.collection("files").search("id:scene", limit=20, verify=3))
    assert sum(match.relation is not None for match in first) == 3
    assert all(a.score >= b.score for a, b in pairwise(first))


def test_tags_leave_the_score_of_the_picture_to_be_seen(tmp_path: Path, truth: dict[tuple[str, str], Told]) -> None:
    with lookalike.open(tmp_path) as library:
        shop = library.create("shop", keep="original")
        for id, data in MADE.items():
            shop.add(data, id=id, tags=["red"] if "scene" in id else ["blue"])
        found = list(shop.search("id:scene", tags=["blue"], tag_weight=0.5, limit=20, verify=20))
        for match in found:
            assert match.parts is not None
            visual = 1.0 if match.id == "scene" else truth["scene", match.id][0]
            assert match.parts["visual"] == pytest.approx(visual)
            assert match.score == pytest.approx(0.5 * visual + 0.5 * match.parts["tags"], abs=1e-5)
        assert [match.score for match in found] == sorted((match.score for match in found), reverse=True)


@pytest.mark.parametrize("confidence", [0.0, 0.1, 0.2, 0.5, 0.79, 0.8, 0.9, 0.9999, 1.0])
def test_bands_hold_for_whatever_is_measured(confidence: float) -> None:
    for measured in (0.0, 0.3, 0.7999, 0.85, 0.95, 0.999):
        if confidence >= 0.8:
            assert 0.9 <= told_score("edited", confidence, measured) < 1
        told = told_score("similar", confidence, measured)
        assert told < 0.8 if confidence < 0.2 else 0.8 <= told < 0.9
    assert told_score("identical", 1.0, 0.2) == 1.0


def test_a_calibrated_collection_compares_by_what_its_searches_say(tmp_path: Path, data: Path) -> None:
    shelf = sorted((data / "products").glob("*/*.jpg"))[::9][:70]
    with lookalike.open(tmp_path) as library:
        shop = library.create("shop", type="products")
        shop.add([{"_id": str(n), "_file": str(path), "kind": path.parent.name} for n, path in enumerate(shelf)])
        near = shop.search("id:0", limit=3)[2].id
        before = shop.compare("id:0", f"id:{near}").score
        shop.calibrate(label="kind")
        told = {match.id: match.score for match in shop.search("id:0", limit=100)}
        for id in (near, "1", "2", "17", "63"):
            one = shop.compare("id:0", f"id:{id}")
            assert one.confidence is not None
            if one.confidence < 0.2:
                assert one.score == pytest.approx(min(told[id], 0.7999), abs=1e-6)
                assert (one.relation == "unrelated") == (one.score < 0.5) or one.relation == "same_object"
            [match] = [match for match in shop.search("id:0", limit=100, verify=100) if match.id == id]
            assert (match.score, match.relation, match.confidence) == (one.score, one.relation, one.confidence)
        assert shop.compare("id:0", f"id:{near}").score != before, "the calibration moved nothing"


def test_nothing_of_the_store_is_held_while_pictures_are_looked_at(library: lookalike.Library) -> None:
    collection = library.collection("files")
    held = []
    looks = collection._verifier.looks

    def watched(keys: list[int]) -> object:
        held.append(collection._store._database._shared.conn)  # type: ignore[attr-defined]
        return looks(keys)

    collection._verifier.looks = watched  # type: ignore[method-assign, assignment]
    try:
        collection.search("id:jar", verify=7)
        collection.search(MADE["jar"], verify=7)
    finally:
        del collection._verifier.looks
    assert held
    assert not any(held)
