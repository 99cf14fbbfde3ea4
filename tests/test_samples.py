"""The sample pictures: complete, described, the same every time, and those that the tool draws."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lookalike
from lookalike.samples import count_samples, installed_photographs, write_samples
from tools.samples.gallery import COPIES, list_samples

SHIPPED = Path(lookalike.__file__).parent / "samples" / "pictures"
MOST_SHIPPED_BYTES = 2 << 20
MOST_LEVELS = 5.0  # of 255; the same mug in another color is twice as far, another scene five times


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with all samples; tests leave it as it is."""
    path = tmp_path_factory.mktemp("samples")
    write_samples(path)
    return path


@pytest.fixture(scope="module")
def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]


def test_there_are_enough_samples_in_every_subfolder(lines: list[dict[str, Any]]) -> None:
    assert len(lines) == count_samples() == 114
    for part in ("patterns", "products", "scenes", "copies"):
        assert sum(line["_file"].startswith(part + "/") for line in lines) >= 12


def test_every_line_has_a_picture_that_opens(folder: Path, lines: list[dict[str, Any]]) -> None:
    for line in lines:
        with Image.open(folder / line["_file"]) as image:
            image.load()
            assert min(image.size) >= 200
            assert image.format == {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP"}[Path(line["_file"]).suffix]
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*.*") if path.suffix != ".jsonl"}
    assert written == {line["_file"] for line in lines}


def test_names_are_plain_and_unique(lines: list[dict[str, Any]]) -> None:
    names = [line["_id"] for line in lines]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+/[a-z0-9-]+\.(jpg|png|webp)", name) for name in names)


def test_copies_name_an_original_and_their_edit(lines: list[dict[str, Any]]) -> None:
    originals = {line["_id"] for line in lines if "copy_of" not in line}
    copies = [line for line in lines if "copy_of" in line]
    assert all(line["copy_of"] in originals and line["edit"] for line in copies)
    assert [(line["copy_of"], line["edit"]) for line in copies] == [
        (original, edit) for original, edits in COPIES.items() for edit in edits
    ]


def test_products_are_described(lines: list[dict[str, Any]]) -> None:
    products = [line for line in lines if line["_file"].startswith("products/")]
    for line in products:
        assert all(line[field] for field in ("product_id", "category", "color", "price", "tags"))
    assert len({line["product_id"] for line in products}) >= 8
    assert len(products) > 3 * len({line["product_id"] for line in products})


def test_a_second_run_writes_nothing(folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    write_samples(folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_picture_that_was_lost_or_changed_is_written_again(folder: Path, tmp_path: Path) -> None:
    write_samples(tmp_path)
    lost, changed, own = (tmp_path / name for name in ("scenes/sea-1.jpg", "products/mug-red.jpg", "scenes/mine.jpg"))
    lost.unlink()
    for path in (changed, own):
        path.write_bytes(b"something else")
    write_samples(tmp_path)
    assert [path.read_bytes() for path in (lost, changed)] == [
        (folder / path.relative_to(tmp_path)).read_bytes() for path in (lost, changed)
    ]
    assert own.read_bytes() == b"something else"


def test_the_package_ships_what_the_tool_draws() -> None:
    """Every line, and of the pictures one of each kind: encoding moves their pixels by little."""
    drawn = list_samples(SHIPPED)
    assert "".join(sample.line() + "\n" for sample in drawn) == (SHIPPED / "samples.jsonl").read_text()
    assert len(list(SHIPPED.glob("*/*"))) == len(drawn)
    names = {sample.name.rpartition(".")[0]: sample for sample in drawn}
    assert {path.relative_to(SHIPPED).with_suffix("").as_posix() for path in SHIPPED.glob("*/*")} == set(names)
    for name in ("patterns/mosaic-garden", "products/mug-red", "scenes/forest-2", "copies/aurora-1-bordered"):
        with Image.open(SHIPPED / f"{name}.avif") as shipped:
            distance = np.abs(np.asarray(names[name].render(), np.int16) - np.asarray(shipped, np.int16)).mean()
        assert distance < MOST_LEVELS, name


def test_the_shipped_pictures_stay_small() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()) < MOST_SHIPPED_BYTES


def test_installed_photographs_are_files_that_exist() -> None:
    assert all(path.is_file() for path in installed_photographs())


def test_no_group_of_duplicates_holds_two_colors_or_two_views_of_one_thing(
    folder: Path, lines: list[dict[str, Any]], tmp_path: Path
) -> None:
    made_of = {line["_id"]: line.get("copy_of", line["_id"]) for line in lines}
    with lookalike.open(tmp_path / "home") as library:
        shelf = library.create("samples")
        shelf.add(folder)
        groups = [[member.id for member in group.members] for group in shelf.duplicates()]
    assert all(len({made_of[name] for name in members}) == 1 for members in groups)
    assert {made_of[members[0]] for members in groups} == set(COPIES)
    found = sum(len(members) - 1 for members in groups)
    assert found >= 0.9 * sum(map(len, COPIES.values()))
