"""The gallery: every sample with its metadata, written below a folder; drawing is left to the other modules."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

from PIL import Image

from .edits import EDITS
from .patterns import FAMILIES, draw_pattern
from .products import PRODUCTS, draw_product
from .scenes import MOODS, SCENES, draw_scene

LISTING = "samples.jsonl"  # what the pictures are, a line for each
QUALITY = 61  # of AVIF: all pictures together are 2 MB, and gradients have no steps as those of WebP would
# What tells two colors of these from an edit, or a marked copy of it, is faint: a JPEG of this quality keeps it.
EXACT = {"products/backpack-": 88, "products/bottle-": 80, "products/sneaker-red.": 80}

# Each original with the edits its copies went through: every edit at least twice, on unlike pictures.
COPIES: dict[str, tuple[str, ...]] = {
    "scenes/mountains-1.jpg": ("recompressed", "cropped-15", "captioned"),
    "scenes/skyline-2.jpg": ("resized", "mirrored", "watermarked"),
    "scenes/aurora-1.jpg": ("brightened", "rotated-90", "bordered"),
    "scenes/fields-2.jpg": ("cropped-30", "gray", "recompressed"),
    "products/sneaker-red.jpg": ("mirrored", "cropped-15", "watermarked"),
    "products/armchair-forest.jpg": ("resized", "gray", "captioned"),
    "patterns/terrazzo-cream.png": ("cropped-30", "rotated-90", "recompressed"),
    "patterns/leaves-ivory.jpg": ("brightened", "bordered", "resized"),
}


@dataclass(frozen=True)
class Sample:
    """One picture to be written: its name below the folder, how to render it, and what is known about it."""

    name: str
    render: Callable[[], Image.Image]
    category: str
    tags: tuple[str, ...]
    product_id: str | None = None
    color: str | None = None
    price: float | None = None
    copy_of: str | None = None
    edit: str | None = None

    def line(self) -> str:
        """Give the line of `samples.jsonl`; what does not apply to this picture is left out."""
        known = {
            "category": self.category,
            "product_id": self.product_id,
            "color": self.color,
            "price": self.price,
            "tags": list(self.tags),
            "copy_of": self.copy_of,
            "edit": self.edit,
        }
        named = {"_id": self.name, "_file": self.name}
        return json.dumps(named | {field: value for field, value in known.items() if value is not None})


def draw_samples(folder: Path) -> int:
    """Draw every sample picture below a folder, list them in `samples.jsonl`, and say how many there are.

    They are the same bytes every time with the same Pillow and numpy. The list names each picture as the package
    writes it; it is kept as AVIF, under the same name but for the suffix, or as it is, where it has to be exact.

    Cost: about three minutes on one core, nearly all of it to encode; one picture is in memory at a time.
    """
    samples = list_samples(folder)
    for sample in samples:
        _save(sample, _shipped(folder, sample.name))
    (folder / LISTING).write_text("".join(sample.line() + "\n" for sample in samples), encoding="utf-8")
    return len(samples)


def list_samples(folder: Path) -> list[Sample]:
    """Give all samples in the order in which they are drawn; the copies are rendered of originals below a folder."""
    originals = list(_originals())
    return [*originals, *_copies(folder, originals)]


def _shipped(folder: Path, name: str) -> Path:
    return folder / name if _exact(name) else (folder / name).with_suffix(".avif")


def _exact(name: str) -> int | None:
    return next((quality for beginning, quality in EXACT.items() if name.startswith(beginning)), None)


def _save(sample: Sample, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if quality := _exact(sample.name):
        sample.render().save(path, "JPEG", quality=quality, subsampling=0, optimize=True, progressive=True)
    else:
        sample.render().save(path, "AVIF", quality=QUALITY, speed=3, max_threads=1)


def _originals() -> Iterator[Sample]:
    yield from _patterns()
    yield from _products()
    yield from _scenes()


def _patterns() -> Iterator[Sample]:
    for family, (_, colorways) in FAMILIES.items():
        suffix = {"terrazzo": ".png", "facets": ".webp"}.get(family, ".jpg")  # one family each, to have all formats
        for colorway in colorways:
            yield Sample(
                f"patterns/{family}-{colorway.name}{suffix}",
                partial(draw_pattern, family, colorway),
                category="pattern",
                tags=("pattern", family),
                color=colorway.name,
            )


def _products() -> Iterator[Sample]:
    for product in PRODUCTS:
        for color in product.colors:
            first = Sample(
                f"products/{product.product_id}-{color}.jpg",
                partial(draw_product, product, color),
                category=product.category,
                tags=("product", *product.tags),
                product_id=product.product_id,
                color=color,
                price=product.price,
            )
            yield first
            if product.second_view and color == product.colors[0]:
                yield replace(
                    first,
                    name=f"products/{product.product_id}-{color}-view-2.jpg",
                    render=partial(draw_product, product, color, second_view=True),
                )


def _scenes() -> Iterator[Sample]:
    for name in SCENES:
        for mood in range(MOODS):
            yield Sample(
                f"scenes/{name}-{mood + 1}.jpg",
                partial(draw_scene, name, mood),
                category="scene",
                tags=("scene", name),
            )


def _copies(folder: Path, originals: list[Sample]) -> Iterator[Sample]:
    """Give the edited copies; each is made from its original's file, which has to be written before."""
    by_name = {sample.name: sample for sample in originals}
    for original, edits in COPIES.items():
        stem = PurePosixPath(original).stem
        for edit in edits:
            yield replace(
                by_name[original],
                name=f"copies/{stem}-{edit}.jpg",
                render=partial(_edited, _shipped(folder, original), edit),
                tags=(*by_name[original].tags, "copy"),
                copy_of=original,
                edit=edit,
            )


def _edited(path: Path, edit: str) -> Image.Image:
    with Image.open(path) as image:
        return EDITS[edit](image.convert("RGB"))
