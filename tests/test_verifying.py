"""Verification: geometry puts copies first in matching collections, and says which duplicates are none."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageOps
import pytest

import lookalike
from lookalike.core.relations.rules import SAME_PICTURE
from lookalike.samples import write_samples

MUGS = ("mug-red", "mug-navy", "mug-sage")
SHELF = ("alpro_blueberry_soyghurt", "arla_standard_milk", "cabbage", "nectarine")


def jpeg(picture: PIL.Image.Image, quality: int = 60) -> bytes:
    stream = io.BytesIO()
    picture.convert("RGB").save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def page_of_a_phone(photo: PIL.Image.Image) -> PIL.Image.Image:
    """Show a photo, turned and cut, small in a page of text."""
    page = PIL.Image.new("RGB", (420, 600), "white")
    for y in range(420, 580, 14):
        page.paste((60, 60, 60), (20, y, 380 - y % 90, y + 5))
    cut = photo.rotate(12, expand=True, resample=PIL.Image.Resampling.BICUBIC).crop((60, 60, 330, 360))
    page.paste(cut.resize((324, 360)), (48, 40))
    return page


@pytest.fixture(scope="module")
def shelves(data: Path) -> list[Path]:
    return sorted(path for name in SHELF for path in (data / "products" / name).glob("*.jpg"))


@pytest.fixture(scope="module")
def matching(tmp_path_factory: pytest.TempPathFactory, shelves: list[Path]) -> Iterator[lookalike.Collection]:
    with lookalike.open(tmp_path_factory.mktemp("verifying")) as library:
        collection = library.collection("matching", create=True, type="matching")
        collection.add([{"_id": f"{path.parent.name}/{path.name}", "_file": str(path)} for path in shelves])
        yield collection


def test_a_hard_copy_comes_before_photos_of_the_same_shelf(matching: lookalike.Collection, shelves: list[Path]) -> None:
    for path in shelves[3::17]:
        query = jpeg(page_of_a_phone(PIL.ImageOps.contain(PIL.Image.open(path).convert("RGB"), (400, 400))))
        first = matching.search(query, limit=2)[0]
        assert first.id == f"{path.parent.name}/{path.name}"
        assert first.relation in {*SAME_PICTURE, "same_object"}


def test_scores_say_what_geometry_found_and_pages_are_the_full_ranking(
    matching: lookalike.Collection, shelves: list[Path]
) -> None:
    query = jpeg(PIL.ImageOps.mirror(PIL.Image.open(shelves[5])))
    plain = {match.id: match.score for match in matching.search(query, limit=1000, verify=0)}
    whole = list(matching.search(query, limit=1000, verify=20))
    assert {match.id for match in whole} == set(plain)
    assert [match.score for match in whole] == sorted((match.score for match in whole), reverse=True)
    assert (whole[0].relation, whole[0].id) == ("mirrored", f"{shelves[5].parent.name}/{shelves[5].name}")
    assert whole[0].score >= 0.98
    for match in whole[:20]:
        assert match.confidence is not None
        if match.relation not in SAME_PICTURE:
            assert match.score < (0.9 if match.confidence >= 0.2 else 0.8)
    assert all(match.relation is None and match.score <= plain[match.id] for match in whole[20:])
    copies = matching.search(query, limit=1000, verify=20, threshold=0.9)
    assert [match.id for match in copies] == [match.id for match in whole if match.relation in SAME_PICTURE]
    assert copies.next is None
    assert [match.id for match in matching.search(query, precision=0.95)] == [whole[0].id]
    assert not matching.search(query, precision=1)
    pages, cursor = [], None
    while True:
        page = matching.search(query, limit=7, verify=20, cursor=cursor)
        pages += [match.id for match in page]
        cursor = page.next
        if cursor is None:
            break
    assert pages == [match.id for match in whole]
    assert [match.rank for match in whole] == list(range(1, len(whole) + 1))


def test_in_a_collection_of_photos_the_first_are_put_in_order_anew_when_that_is_asked(
    tmp_path: Path, shelves: list[Path]
) -> None:
    with lookalike.open(tmp_path) as library:
        photos = library.collection("photos", create=True)
        photos.add([{"_id": str(n), "_file": str(path)} for n, path in enumerate(shelves[:30])])
        query = jpeg(PIL.Image.open(shelves[3]).rotate(30, expand=True))
        plain, verified = photos.search(query, limit=30), photos.search(query, limit=30, verify=30)
        assert {match.id for match in plain} == {match.id for match in verified}
        assert {match.relation for match in plain} == {None}
        assert verified[0].id == "3"
        told = {match.id: match.relation for match in verified}
        assert told["3"] == "rotated"
        assert not SAME_PICTURE & {relation for id, relation in told.items() if id != "3"}
        assert photos.search(like=[query, "id:5"], verify=30)[0].relation is None, "two examples have no relation"


def test_what_is_remembered_may_be_damaged_or_gone(tmp_path: Path, shelves: list[Path]) -> None:
    query = jpeg(PIL.Image.open(shelves[3]))
    answers = []
    for damage in (None, lambda file: file.write_bytes(b"no database" * 500), lambda file: file.unlink()):
        with lookalike.open(tmp_path) as library:
            collection = library.collection("copies", create=True, type="matching")
            collection.add([{"_id": str(n), "_file": str(path)} for n, path in enumerate(shelves[:8])])
            [file] = list(tmp_path.rglob("remembered.sqlite")) or [None]
            if damage and file:
                damage(file)
            answers.append([(match.id, match.relation) for match in collection.search(query)])
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == ("3", "reencoded")
    with lookalike.open(tmp_path) as library:
        library.collection("copies")._store.compact()
        assert not list(tmp_path.rglob("remembered.sqlite")), "a trace of deleted pictures is left"


def test_without_pictures_only_equal_bytes_have_a_relation(tmp_path: Path, shelves: list[Path]) -> None:
    with lookalike.open(tmp_path) as library:
        collection = library.collection("copies", create=True, type="matching", keep="none")
        collection.add({"_id": "a", "_base64": _base64(shelves[0])})
        collection.add({"_id": "b", "_base64": _base64(shelves[1])})
        found = collection.search(shelves[0].read_bytes())
        assert found[0].relation == "identical"
        assert found[1].relation is found[1].confidence is None
        assert list(collection.duplicates()) == []


def test_photos_of_one_shelf_are_no_duplicates_and_copies_are(tmp_path: Path, shelves: list[Path]) -> None:
    photo = PIL.Image.open(shelves[2]).convert("RGB")
    width, height = photo.size
    copies = {
        "cut": photo.crop((0, 0, round(width * 0.8), round(height * 0.8))),
        "mirror": PIL.ImageOps.mirror(photo),
    }
    with lookalike.open(tmp_path) as library:
        collection = library.collection("photos", create=True)
        collection.add([{"_id": str(n), "_file": str(path)} for n, path in enumerate(shelves[:40])])
        by_score = {member.id for group in collection.duplicates(verify=False) for member in group.members}
        for name, picture in copies.items():
            collection.add(jpeg(picture, 90), id=name)
        told: list[float] = []
        groups = list(collection.duplicates(on_progress=lambda progress: told.append(progress.done)))
        relations = {member.id: member.relation for group in groups for member in group.members[1:]}
        [copied] = [group for group in groups if "cut" in {member.id for member in group.members}]
        assert {member.id for member in copied.members} == {"2", "cut", "mirror"}
        assert {"mirrored", "cropped"} >= {member.relation for member in copied.members[1:]}
        assert len(relations) <= 3, "photos taken one after another were called copies"
        assert told == sorted(told)
        assert told[-1] == len(collection)
        assert len(by_score) > 2, "scores alone would have told nothing apart"
        assert groups == list(collection.duplicates()), "what was remembered says something else"


def test_the_original_represents_its_copies_and_holds_those_that_score_little(tmp_path: Path, data: Path) -> None:
    photo = PIL.Image.open(data / "general" / "ceiling_fan" / "020.jpg").convert("RGB")
    noise = np.random.default_rng(0).normal(0, 12, (*photo.size[::-1], 3))
    captioned = photo.copy()
    PIL.ImageDraw.Draw(captioned).text((20, 20), "on sale", fill="yellow", font_size=40)
    copies = {
        "bordered": PIL.ImageOps.expand(photo, 20, "navy"),
        "captioned": captioned,
        "gray": photo.convert("L"),
        "mirrored": PIL.ImageOps.mirror(photo),
        "noise": PIL.Image.fromarray(np.clip(np.asarray(photo) + noise, 0, 255).astype(np.uint8)),
        "page": page_of_a_phone(photo),
        "small": photo.resize((photo.width // 2, photo.height // 2)),
        "turned": photo.rotate(17, expand=True, resample=PIL.Image.Resampling.BICUBIC),
    }
    others = sorted((data / "general" / "ceiling_fan").glob("*.jpg"))[:12]
    with lookalike.open(tmp_path) as library:
        collection = library.collection("photos", create=True)
        collection.add([{"_id": f"other {path.name}", "_file": str(path)} for path in others])
        collection.add(jpeg(photo, 90), id="original")
        for name, picture in copies.items():
            collection.add(jpeg(picture, 90), id=name)
        [group] = collection.duplicates()
        assert group.representative == "original"
        assert {member.id for member in group.members} == {"original", *copies}
        assert min(member.score for member in group.members) >= 0.9
        told = {match.id: match.score for match in collection.search("id:original", limit=100)}
        assert min(told[name] for name in copies) < 0.7, "nothing hard was among them"
        for name in ("bordered", "page"):
            collection = library.collection(name, create=True)
            for id, picture in (("original", photo), (name, copies[name])):
                collection.add(jpeg(picture, 90), id=id)
            [pair] = collection.duplicates()
            assert [member.id for member in pair.members] == ["original", name], "the larger one is the best of two"


def test_another_color_is_no_copy(tmp_path: Path) -> None:
    pictures = write_samples(tmp_path / "photos").parent
    with lookalike.open(tmp_path / "home") as library:
        collection = library.collection("shop", create=True)
        collection.add([{"_id": name, "_file": str(pictures / "products" / f"{name}.jpg")} for name in MUGS])
        collection.add((pictures / "products" / "mug-red.jpg").read_bytes() + b" ", id="copy")
        [group] = collection.duplicates()
        assert {member.id for member in group.members} == {"mug-red", "copy"}


def test_a_tint_a_border_and_two_tones_change_hues_and_are_copies(tmp_path: Path, data: Path) -> None:
    photo = PIL.Image.open(data / "general" / "ceiling_fan" / "020.jpg").convert("RGB")
    levels = np.asarray(photo, np.float32)
    edits = {
        "warmer": PIL.Image.fromarray(np.clip(levels * (1.2, 1.0, 0.75), 0, 255).astype(np.uint8)),
        "bordered": PIL.ImageOps.expand(photo, 12, "#c0ffee"),
        "two tones": PIL.ImageOps.colorize(photo.convert("L"), "indigo", "hotpink"),
    }
    with lookalike.open(tmp_path) as library:
        for name, picture in edits.items():
            collection = library.collection(name, create=True)
            collection.add(jpeg(photo, 95), id="original")
            collection.add(jpeg(picture, 90), id="copy")
            assert collection.compare("id:original", "id:copy").relation == "edited"
            assert len(list(collection.duplicates())) == 1, name


def _base64(path: Path) -> str:
    import base64

    return base64.b64encode(path.read_bytes()).decode()
