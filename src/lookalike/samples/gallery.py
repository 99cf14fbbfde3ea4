"""The gallery: every sample with its metadata, written below a folder; drawing is left to the other modules."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path, PurePosixPath

from PIL import Image

from lookalike.samples.edits import EDITS
from lookalike.samples.patterns import FAMILIES, draw_pattern
from lookalike.samples.products import PRODUCTS, draw_product
from lookalike.samples.scenes import MOODS, SCENES, draw_scene

LISTING = "samples.jsonl"  # what the pictures are, a line for each

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


def write_samples(folder: Path) -> Path:
    """Write every sample picture below `folder`, and say what they are in `samples.jsonl`, whose path is returned.

    The pictures are rendered here and now, and are the same bytes every time with the same Pillow and numpy. A file
    that already holds these bytes is left untouched; other files in the folder are left alone.

    Cost: about 6 s on one core and 8 MB of disk; one picture is in memory at a time.
    """
    for _ in draw_samples(folder):
        pass
    return folder / LISTING


def draw_samples(folder: Path) -> Iterator[Path]:
    """Do what `write_samples` does step by step: give the path of each picture as it is there, and the list last."""
    originals = list(_originals())
    samples = [*originals, *_copies(folder, originals)]
    for sample in samples:
        yield _write(folder / sample.name, _encoded(sample.render(), PurePosixPath(sample.name).suffix))
    yield _write(folder / LISTING, "".join(sample.line() + "\n" for sample in samples).encode())


def count_samples() -> int:
    """Count the pictures that are going to be drawn."""
    return sum(1 for _ in _originals()) + sum(map(len, COPIES.values()))


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
                render=partial(_edited, folder / original, edit),
                tags=(*by_name[original].tags, "copy"),
                copy_of=original,
                edit=edit,
            )


def _edited(path: Path, edit: str) -> Image.Image:
    with Image.open(path) as image:
        return EDITS[edit](image.convert("RGB"))


def _encoded(image: Image.Image, suffix: str) -> bytes:
    buffer = BytesIO()
    if suffix == ".png":
        image.quantize(128, dither=Image.Dither.NONE).save(buffer, "PNG")
    elif suffix == ".webp":
        image.save(buffer, "WEBP", quality=86, method=2)
    else:
        image.save(buffer, "JPEG", quality=88, subsampling=0)
    return buffer.getvalue()


def _write(path: Path, content: bytes) -> Path:
    if not (path.is_file() and path.read_bytes() == content):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return path
