"""Records that are taken along, and changes that are made to many at once: over HTTP and in Python."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import API, Served, jpeg, served

import lookalike
from lookalike.core import exports
from lookalike.doors.cli.tables import read_table
from lookalike.errors import InputError, RecordNotFoundError


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "home") as server:
        server.post(f"{API}/collections", json={"name": "shop", "keep": "original"})
        for number in range(3):
            record = json.dumps({"_id": f"shoes/{number}.jpg", "price": number, "tags": ["new"], "sizes": [36, 37]})
            files = {"file": ("a.jpg", jpeg(number, (96, 72)), "image/jpeg")}
            server.post(f"{API}/collections/shop/records", files=files, data={"record": record})
        yield server


def export(server: Served, **body: object) -> bytes:
    answer = server.post(f"{API}/collections/shop/export", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == f'attachment; filename="pictures.{body["format"]}"'
    return answer.content


def test_a_table_opens_with_a_column_for_each_field(shop: Served) -> None:
    text = export(shop, format="csv", ids=["shoes/2.jpg", "shoes/0.jpg", "no such"]).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["id"] for row in rows] == ["shoes/2.jpg", "shoes/0.jpg"]
    assert [rows[0][name] for name in ("price", "sizes", "tags", "width")] == ["2", "[36, 37]", "new", "96"]


def test_json_lines_can_be_read_again(shop: Served) -> None:
    lines = [json.loads(line) for line in export(shop, format="jsonl", filter={"price": {"$gte": 1}}).splitlines()]
    assert [(line["_id"], line["price"], line["tags"]) for line in lines] == [
        ("shoes/1.jpg", 1, ["new"]),
        ("shoes/2.jpg", 2, ["new"]),
    ]


def test_the_archive_holds_the_originals_byte_for_byte(shop: Served) -> None:
    archive = zipfile.ZipFile(io.BytesIO(export(shop, format="zip", ids=["shoes/0.jpg", "shoes/1.jpg"])))
    assert archive.testzip() is None
    assert archive.read("shoes/1.jpg") == jpeg(1, (96, 72))
    told = [json.loads(line) for line in archive.read("records.jsonl").splitlines()]
    assert [line["_file"] for line in told] == ["shoes/0.jpg", "shoes/1.jpg"]


def test_a_contact_sheet_shows_every_picture(shop: Served) -> None:
    page = export(shop, format="html", filter={}).decode()
    assert page.count("data:image/jpeg;base64,") == 3
    assert "http" not in page.split("</style>")[1]


@pytest.mark.parametrize("body", [{}, {"ids": ["1"], "filter": {}}, {"ids": ["1"], "format": "exe"}])
def test_a_wrong_export_says_what_is_expected(shop: Served, body: dict[str, object]) -> None:
    answer = shop.post(f"{API}/collections/shop/export", json={"format": "csv", **body})
    assert answer.status_code == 422


def test_names_stay_below_the_folder_and_apart(library: lookalike.Library, tmp_path: Path) -> None:
    shelf = library.collection("shelf", create=True, keep="original")
    for place, id in enumerate(("../../etc/passwd", "..\\up.jpg", "A.jpg", "a.jpg", "C:/x?.jpg", "/", "records.jsonl")):
        shelf.add(jpeg(place, (96, 72)), id=id)
    pieces = exports.exported(shelf, exports.chosen(shelf, filter={}), "zip")
    names = zipfile.ZipFile(io.BytesIO(b"".join(pieces))).namelist()
    assert len({name.casefold() for name in names}) == len(names) == 8
    for name in names:
        assert not name.startswith("/")
        assert ".." not in name.split("/")
        assert not set(name) & set('\\:*?"<>|')


def test_a_file_that_changed_is_not_given_for_the_picture_that_was_indexed(
    library: lookalike.Library, pictures: Path
) -> None:
    shelf = library.collection("shelf", create=True)
    shelf.add(str(pictures))
    record = next(iter(shelf.scan()))
    assert exports.original_of(shelf, record) == Path(str(record.source)).read_bytes()
    data = bytearray(Path(str(record.source)).read_bytes())
    data[-1] ^= 1
    Path(str(record.source)).write_bytes(data)
    assert exports.original_of(shelf, record) is None
    archive = zipfile.ZipFile(io.BytesIO(b"".join(exports.exported(shelf, [record], "zip"))))
    assert archive.namelist()[0].endswith(".thumbnail.jpg")


# ---- the same change for many


def test_many_records_get_tags_and_fields_at_once(shop: Served) -> None:
    change = {"metadata": {"shelf": "A"}, "unset": ["price"], "more_tags": ["seen", "new"], "fewer_tags": ["no such"]}
    answer = shop.http.patch(
        f"{API}/collections/shop/records", json={"ids": ["shoes/0.jpg", "gone", "shoes/2.jpg"], **change}
    )
    told = answer.json()
    assert told["changed"] == 2
    assert [(one["id"], one["code"]) for one in told["failed"]] == [("gone", "record_not_found")]
    record = shop.get(f"{API}/collections/shop/records/shoes%2F2.jpg").json()
    assert (record["metadata"], record["tags"]) == ({"sizes": [36, 37], "shelf": "A"}, ["new", "seen"])
    untouched = shop.get(f"{API}/collections/shop/records/shoes%2F1.jpg").json()
    assert untouched["metadata"] == {"sizes": [36, 37], "price": 1}


def test_a_change_that_is_not_possible_changes_none(library: lookalike.Library) -> None:
    shelf = library.collection("shelf", create=True)
    shelf.add(jpeg(1, (96, 72)), id="1", tags=["a"])
    with pytest.raises(InputError, match="tags"):
        shelf.revise(["1"], {"x": 1}, more_tags="a text")
    with pytest.raises(InputError, match="at most 10000"):
        shelf.revise(["1"] * 10_001, {"x": 1})
    assert dict(shelf.get("1").metadata) == {}
    gone, held = shelf.revise(["2", "1"], fewer_tags=["a"])
    assert isinstance(gone, RecordNotFoundError)
    assert isinstance(held, lookalike.Record)
    assert held.tags == ()


def test_a_table_is_imported_again_as_it_was(library: lookalike.Library, pictures: Path, tmp_path: Path) -> None:
    shelf = library.collection("shelf", create=True)
    shelf.add(str(pictures))
    first, second, *_ = sorted(record.id for record in shelf.scan())
    shelf.update(first, {"text": "3", "big": 2**60, "id": "own", "metadata.x": [1]}, tags=["a,b", "c", "d;e"])
    shelf.update(second, {"text": " NaN ", "word": "NaN", "share": 0.1, "no": False}, tags=["[x"])
    shelf.add(jpeg(9, (96, 72)), id="sent")
    before = {record.id: (dict(record.metadata), record.tags) for record in shelf.scan() if record.id != "sent"}
    table = tmp_path / "shelf.csv"
    table.write_bytes(b"".join(exports.exported(shelf, exports.chosen(shelf, filter={}), "csv")))
    rows = list(read_table(table))
    failed = [row for row in rows if isinstance(row, InputError)]
    assert [str(one).partition(" came from no file")[0].rpartition(" ")[2] for one in failed] == ['"sent"']
    other = library.collection("other", create=True)
    other.add([row for row in rows if not isinstance(row, InputError)])
    assert {record.id: (dict(record.metadata), record.tags) for record in other.scan()} == before
