"""The sample pictures: complete, described, and the same every time."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import lookalike
from lookalike.samples import installed_photographs, write_samples
from lookalike.samples.gallery import COPIES
from lookalike.samples.patterns import FAMILIES, draw_pattern
from lookalike.samples.products import PRODUCTS, draw_product
from lookalike.samples.scenes import draw_scene


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
    assert len(lines) >= 60
    for part in ("patterns", "products", "scenes", "copies"):
        assert sum(line["_file"].startswith(part + "/") for line in lines) >= 12


def test_every_line_has_a_picture_that_opens(folder: Path, lines: list[dict[str, Any]]) -> None:
    for line in lines:
        with Image.open(folder / line["_file"]) as image:
            image.load()
            assert min(image.size) >= 200
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
    assert {line["copy_of"] for line in copies} == set(COPIES)


def test_products_are_described(lines: list[dict[str, Any]]) -> None:
    products = [line for line in lines if line["_file"].startswith("products/")]
    for line in products:
        assert all(line[field] for field in ("product_id", "category", "color", "price", "tags"))
    assert {line["product_id"] for line in products} == {product.product_id for product in PRODUCTS}


def test_a_second_run_writes_nothing(folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    write_samples(folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_drawing_is_the_same_every_time() -> None:
    for family in ("stripes", "mosaic", "terrazzo"):
        colorway = FAMILIES[family][1][0]
        assert draw_pattern(family, colorway).tobytes() == draw_pattern(family, colorway).tobytes()
    assert draw_product(PRODUCTS[0], "red").tobytes() == draw_product(PRODUCTS[0], "red").tobytes()
    assert draw_scene("forest", 1).tobytes() == draw_scene("forest", 1).tobytes()


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
