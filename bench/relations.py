"""How often the relation of two pictures is the right one, and how many pairs a second are related.

The pairs: the near-duplicate set with the kind that each attack makes; edits of other pictures that are made here;
and pairs that are not the same picture: photos taken one after another of one shelf, other photos of the same
product, kind or class, the copies of pictures that are not there, and pages, logos, patterns and plain colors.

python bench/relations.py prints the confusion matrix, too.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from drawings import drawings
from pictures import manifest
from PIL import Image, ImageDraw, ImageEnhance, ImageOps
from plan import FULL, Plan, planned, tell
from rows import Goal, Row, table

from lookalike.answers import Relation
from lookalike.core.features.describer import Describer
from lookalike.core.features.picture_features import PictureFeatures
from lookalike.core.relations.rules import SAME_PICTURE, relate
from lookalike.core.relations.verification import features_of
from lookalike.settings import load_settings

OTHER = "other"  # not the same picture: same_object, similar and unrelated, which no data set tells apart
_KINDS = ("identical", "same_pixels", "reencoded", "resized", "cropped", "mirrored", "rotated", "edited", OTHER)
_ATTACKS = {
    "jpeg": "reencoded",
    "format": "reencoded",
    "resize": "resized",
    "crop": "cropped",
    "flip": "mirrored",
    "rotate": "rotated",
    "rotate_right_angle": "rotated",
}
_BY_OTHERS = {"shrink": "resized", "square": "resized", "rotate": "rotated", "flipx": "mirrored", "flipy": "mirrored"}
_GRAY_CHROMA = 2.0  # mean; taking the color from a picture with less changes nothing
_TIMED_PAIRS = 300

Picture = Image.Image
Source = Path | bytes


@dataclass(frozen=True)
class Pair:
    """Two pictures, what they are to each other, and where the pair is from."""

    a: Source
    b: Source
    truth: str
    origin: str


def measure(plan: Plan) -> Iterator[Row]:
    """Give the rows of all pairs, then those of the speed."""
    if plan.data is None:
        yield Row("relations", "not measured", None, note="Relations need labelled pictures: pass --data.")
        return
    pairs = list(labelled_pairs(plan.data))[:: plan.sizes.relations]
    tell(f"{len(pairs):,} pairs")
    told = relations(pairs)
    yield from _accuracy_rows(pairs, told)
    yield from _speed_rows(pairs)


# --- the pairs --------------------------------------------------------------------------------------------------


def labelled_pairs(data: Path) -> Iterator[Pair]:
    """Give all pairs, in an order and with directions that are the same each time."""
    rng = random.Random(1)
    for pair in (*_neardup_pairs(data), *_edited_pairs(data, rng), *_other_pairs(data, rng), *_drawn_pairs()):
        yield pair if rng.random() < 0.5 else Pair(pair.b, pair.a, pair.truth, pair.origin)


def _neardup_pairs(data: Path) -> Iterator[Pair]:
    for row in _manifest(data, "neardup"):
        if row["split"] == "query" and row["match_file"]:
            a, b = data / row["match_file"], data / row["file"]
            yield Pair(a, b, _truth(row, a, b), f"neardup {row['attack']}".strip())


def _truth(row: Mapping[str, str], a: Path, b: Path) -> str:
    attack = row["attack"]
    if row["family"] == "third_party":
        if attack in ("flip_plus_1", "flip_minus_1"):
            return "rotated"  # mirrored at a diagonal, which is mirrored and turned
        if attack == "shrink_a_little":
            return "reencoded"  # it has the size of the original
        return next((kind for name, kind in _BY_OTHERS.items() if attack.startswith(name)), "edited")
    if attack == "format" and Image.open(a).size != Image.open(b).size:
        return "resized"  # some were made from a larger original
    if row["strength"] == "png" and _pixels(a) == _pixels(b):
        return "same_pixels"
    if attack in ("grayscale", "saturation", "hue_shift") and _is_gray(a):
        return "reencoded"
    return _ATTACKS.get(attack, "edited")


def _pixels(path: Path) -> bytes:
    return Image.open(path).convert("RGB").tobytes()


def _is_gray(path: Path) -> bool:
    chroma = np.asarray(Image.open(path).convert("YCbCr"), np.float32)[..., 1:] - 128
    return bool(np.abs(chroma).mean() < _GRAY_CHROMA)


def _edited_pairs(data: Path, rng: random.Random) -> Iterator[Pair]:
    files = [data / row["file"] for name in ("general", "fashion") for row in _manifest(data, name)]
    for path in rng.sample(files, 110):
        other = rng.choice(files)
        picture = Image.open(path).convert("RGB")
        for name, truth, edit in _EDITS:
            if rng.random() < 0.5:
                yield Pair(path, edit(picture, _Draw(path, Image.open(other).convert("RGB"), rng)), truth, name)


def _other_pairs(data: Path, rng: random.Random) -> Iterator[Pair]:
    """Give pairs of different pictures, the likeliest to be mistaken first."""
    photos, kinds = defaultdict(list), defaultdict(list)
    for row in _manifest(data, "products"):
        photos[row["product_id"]].append(row)
        kinds[row["label"]].append(row)
    for rows in photos.values():
        shelf = [data / row["file"] for row in rows if row["split"] != "iconic"]
        yield from (Pair(a, b, OTHER, "shelf, next photo") for a, b in pairwise(shelf))
        yield from (Pair(a, b, OTHER, "shelf, same product") for a, b in zip(shelf, shelf[2:], strict=False))
        iconic = [data / row["file"] for row in rows if row["split"] == "iconic"]
        yield from (Pair(a, b, OTHER, "catalogue and shelf") for a in iconic for b in shelf[:4])
    for rows in kinds.values():
        drawn = [rng.sample(rows, 2) for _ in range(12)]
        yield from (
            Pair(data / a["file"], data / b["file"], OTHER, "same kind, other product")
            for a, b in drawn
            if a["product_id"] != b["product_id"]
        )
    for name, count in (("general", 12), ("fashion", 40)):
        classes = defaultdict(list)
        for row in _manifest(data, name):
            classes[row["label"]].append(data / row["file"])
        for files in classes.values():
            yield from (Pair(*rng.sample(files, 2), OTHER, f"{name}, same class") for _ in range(count))
    rows = _manifest(data, "neardup")
    references = [data / row["file"] for row in rows if row["split"] == "reference"]
    for row in rows:
        if row["split"] == "query" and not row["match_file"]:
            yield Pair(rng.choice(references), data / row["file"], OTHER, "copies of something else")


def _drawn_pairs() -> Iterator[Pair]:
    """Give pairs of drawn pictures that share their look but not their content: pages, logos, patterns, colors."""
    for name, pictures in drawings().items():
        encoded = [_png(picture) for picture in pictures]
        yield from (Pair(a, b, OTHER, f"drawn {name}") for i, a in enumerate(encoded) for b in encoded[:i])


@cache
def _manifest(data: Path, name: str) -> list[dict[str, str]]:
    return list(manifest(Plan(data, Path(), FULL), name))


# --- edits ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Draw:
    """What edits may use beside the picture: its file, another picture, and chance."""

    path: Path
    other: Picture
    rng: random.Random


def _saved(picture: Picture, form: str, **options: int) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def _png(picture: Picture) -> bytes:
    return _saved(picture, "PNG")


def _jpeg(picture: Picture, quality: int = 88) -> bytes:
    return _saved(picture, "JPEG", quality=quality)


def _cropped(picture: Picture, rng: random.Random, *, least: float = 0.65, most: float = 0.9) -> Picture:
    width, height = (round(side * rng.uniform(least, most)) for side in picture.size)
    left, top = rng.randint(0, picture.width - width), rng.randint(0, picture.height - height)
    return picture.crop((left, top, left + width, top + height))


def _scaled(picture: Picture, wide: float, high: float) -> Picture:
    return picture.resize((round(picture.width * wide), round(picture.height * high)), Image.Resampling.LANCZOS)


def _straightened(picture: Picture, rng: random.Random) -> Picture:
    """Turn by a few degrees, and cut the empty corners off."""
    turned = picture.rotate(rng.choice((-6, -3.5, 3.5, 6)), Image.Resampling.BICUBIC)
    x, y = picture.width * 0.13, picture.height * 0.13
    return turned.crop((round(x), round(y), round(picture.width - x), round(picture.height - y)))


def _collage(picture: Picture, other: Picture, rng: random.Random) -> Picture:
    size = (240, 200)
    cells = [other, ImageOps.mirror(other), _cropped(other, rng)]
    cells.insert(rng.randint(0, 3), picture)
    sheet = Image.new("RGB", (size[0] * 2, size[1] * 2), "white")
    for place, cell in enumerate(cells):
        sheet.paste(ImageOps.fit(cell, size) if cell is not picture else ImageOps.pad(cell, size, color="white"),
                    (place % 2 * size[0], place // 2 * size[1]))  # fmt: skip
    return sheet


def _sticker(picture: Picture, rng: random.Random, share: float) -> Picture:
    """Cover a part with a disc and a word."""
    changed = picture.copy()
    radius = (share * picture.width * picture.height / np.pi) ** 0.5
    x, y = rng.uniform(0.3, 0.7) * picture.width, rng.uniform(0.3, 0.7) * picture.height
    pen = ImageDraw.Draw(changed)
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=rng.choice(("red", "yellow", "black", "white")))
    pen.text((x - radius * 0.6, y), "SALE", fill="blue", font_size=max(8, radius * 0.5))
    return changed


def _captioned(picture: Picture, rng: random.Random) -> Picture:
    changed = picture.copy()
    size = max(10, picture.height // 9)
    at = (picture.width * 0.05, picture.height * rng.uniform(0.1, 0.8))
    ImageDraw.Draw(changed).text(at, "summer holiday", fill=rng.choice(("white", "black", "red")), font_size=size)
    return changed


def _page(picture: Picture, rng: random.Random) -> Picture:
    """Show the picture in a page, as a screenshot does."""
    width, height = picture.width * 1.3, picture.height * rng.uniform(1.5, 2.2)
    page = Image.new("RGB", (round(width), round(height)), rng.choice(("white", "#101014", "#f0f2f5")))
    pen = ImageDraw.Draw(page)
    pen.rectangle((0, 0, width, height * 0.07), fill=rng.choice(("#3b5998", "#222222", "#e33d3d")))
    page.paste(picture, (round(width * 0.1), round(height * 0.12)))
    for line in range(4):
        y = height * 0.12 + picture.height + (line + 1) * height * 0.05
        pen.rectangle((width * 0.1, y, width * rng.uniform(0.5, 0.9), y + height * 0.02), fill="gray")
    return page


def _toned(picture: Picture, rng: random.Random) -> Picture:
    brighter = ImageEnhance.Brightness(picture).enhance(rng.choice((0.65, 0.75, 1.35, 1.5)))
    return ImageEnhance.Contrast(brighter).enhance(rng.choice((0.7, 1.3)))


def _turned(picture: Picture, degrees: float, color: str) -> Picture:
    return picture.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=color)


_EDITS: Sequence[tuple[str, str, Callable[[Picture, _Draw], Source]]] = (
    ("equal bytes", "identical", lambda p, d: d.path.read_bytes()),
    ("as PNG", "same_pixels", lambda p, d: _png(p)),
    ("as BMP", "same_pixels", lambda p, d: _saved(p, "BMP")),
    ("webp", "reencoded", lambda p, d: _saved(p, "WEBP", quality=60)),
    ("jpeg 40", "reencoded", lambda p, d: _jpeg(p, 40)),
    ("jpeg 15", "reencoded", lambda p, d: _jpeg(p, 15)),
    ("resized 0.6", "resized", lambda p, d: _jpeg(_scaled(p, 0.6, 0.6))),
    ("enlarged 1.5", "resized", lambda p, d: _jpeg(_scaled(p, 1.5, 1.5))),
    ("stretched", "resized", lambda p, d: _jpeg(_scaled(p, 1.3, 0.9))),
    ("cropped", "cropped", lambda p, d: _jpeg(_cropped(p, d.rng))),
    ("cropped a little", "cropped", lambda p, d: _jpeg(_cropped(p, d.rng, least=0.92, most=0.96))),
    ("cropped, resized", "cropped", lambda p, d: _jpeg(_scaled(_cropped(p, d.rng), 0.6, 0.6), 60)),
    ("mirrored", "mirrored", lambda p, d: _jpeg(ImageOps.mirror(p))),
    ("upside down", "mirrored", lambda p, d: _jpeg(ImageOps.flip(p))),
    ("mirrored, cropped", "mirrored", lambda p, d: _jpeg(ImageOps.mirror(_cropped(p, d.rng)))),
    ("turned 17", "rotated", lambda p, d: _jpeg(_turned(p, 17, d.rng.choice(("black", "white"))))),
    ("turned 130", "rotated", lambda p, d: _jpeg(_turned(p, 130, "black"))),
    ("straightened", "rotated", lambda p, d: _jpeg(_straightened(p, d.rng))),
    ("turned 90, mirrored", "rotated", lambda p, d: _jpeg(ImageOps.mirror(p).rotate(90, expand=True), 50)),
    ("toned", "edited", lambda p, d: _jpeg(_toned(p, d.rng))),
    ("bordered", "edited", lambda p, d: _jpeg(ImageOps.expand(p, p.width // 10, d.rng.choice(("red", "navy"))))),
    ("captioned", "edited", lambda p, d: _jpeg(_captioned(p, d.rng))),
    ("sticker 5 %", "edited", lambda p, d: _jpeg(_sticker(p, d.rng, 0.05))),
    ("sticker 20 %", "edited", lambda p, d: _jpeg(_sticker(p, d.rng, 0.2))),
    ("collage", "edited", lambda p, d: _jpeg(_collage(p, d.other, d.rng))),
    ("in a page", "edited", lambda p, d: _jpeg(_page(p, d.rng))),
    ("cropped, captioned", "edited", lambda p, d: _jpeg(_captioned(_cropped(p, d.rng), d.rng), 60)),
    ("mirrored, sticker", "edited", lambda p, d: _jpeg(_sticker(ImageOps.mirror(p), d.rng, 0.1))),
)


# --- the relations ----------------------------------------------------------------------------------------------


def relations(pairs: Sequence[Pair]) -> list[Relation]:
    """Relate all pairs, on all cores."""
    with ProcessPoolExecutor(os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count()) as pool:
        return list(pool.map(_relation, pairs, chunksize=50))


def _relation(pair: Pair) -> Relation:
    found = relate(_look(pair.a), _look(pair.b))
    assert found is not None, "pictures with pixels and vectors have a relation"
    return found


def _look(source: Source) -> PictureFeatures:
    return _file_look(source) if isinstance(source, Path) else _made_look(source)


@cache
def _file_look(path: Path) -> PictureFeatures:
    return _made_look(path)


def _made_look(source: Source) -> PictureFeatures:
    seen = _describer().describe(source, small=True)
    return features_of(_describer(), seen, source)


@cache
def _describer() -> Describer:
    return Describer(load_settings(), "builtin")


# --- what is shown ----------------------------------------------------------------------------------------------


def confusion(pairs: Sequence[Pair], told: Sequence[Relation]) -> Counter[tuple[str, str]]:
    """Count pairs by truth and by what was told."""
    return Counter((pair.truth, _plain(relation)) for pair, relation in zip(pairs, told, strict=True))


def _plain(relation: Relation) -> str:
    return relation.kind if relation.kind in SAME_PICTURE else OTHER


def _f1(counts: Counter[tuple[str, str]], kind: str) -> float:
    right = counts[kind, kind]
    wrong = sum(count for (truth, told), count in counts.items() if (truth == kind) != (told == kind))
    return 2 * right / max(2 * right + wrong, 1)


def _accuracy_rows(pairs: Sequence[Pair], told: Sequence[Relation]) -> Iterator[Row]:
    counts = confusion(pairs, told)
    scores = {kind: _f1(counts, kind) for kind in _KINDS}
    size = f"of {len(pairs):,}"
    yield Row("relations", "macro-F1 of kinds", sum(scores.values()) / len(scores), size, goal=Goal(">=", 0.90))
    yield from (Row("relations", f"F1 of {kind}", score) for kind, score in scores.items())
    said = {truth: sum(n for (t, k), n in counts.items() if t == truth and k != OTHER) for truth, _ in counts}
    copies = sum(count for (truth, _), count in counts.items() if truth != OTHER)
    found = sum(count for truth, count in said.items() if truth != OTHER)
    precision = found / max(found + said.get(OTHER, 0), 1)
    yield Row("relations", "the same picture: precision", precision, goal=Goal(">=", 0.99))
    yield Row("relations", "the same picture: recall", found / copies, f"of {copies:,}")
    yield from _by_origin_rows(pairs, told)


def _by_origin_rows(pairs: Sequence[Pair], told: Sequence[Relation]) -> Iterator[Row]:
    """Give the share that is called the same picture, for each origin of pairs that are not."""
    mistaken: dict[str, list[bool]] = defaultdict(list)
    for pair, relation in zip(pairs, told, strict=True):
        if pair.truth == OTHER:
            mistaken[pair.origin].append(relation.kind in SAME_PICTURE)
    for origin, wrong in mistaken.items():
        yield Row("relations", f"{origin}: called the same", sum(wrong) / len(wrong), f"of {len(wrong):,}")


def _speed_rows(pairs: Sequence[Pair]) -> Iterator[Row]:
    """Relate pairs again, with the features at hand; processor time, so that a busy machine does not show."""
    chosen = pairs[:: max(1, len(pairs) // _TIMED_PAIRS)]
    looks = [(_look(pair.a), _look(pair.b)) for pair in chosen]
    began = time.process_time()
    for views in looks:
        for look in views:
            assert look.view is not None
            look.view.features  # noqa: B018, found here for the first time
    found_s = time.process_time() - began
    began = time.process_time()
    for a, b in looks:
        relate(a, b)
    related_s = time.process_time() - began
    yield Row("relations", "features of a picture", found_s / len(looks) / 2 * 1000, "ms of processor")
    yield Row(
        "relations", "a pair, features at hand", related_s / len(looks) * 1000, "ms of processor", goal=Goal("<=", 30)
    )


def _matrix_text(counts: Counter[tuple[str, str]]) -> str:
    """Give the confusion matrix as a table of Markdown: a row for each truth."""
    lines = [f"| truth | {' | '.join(_KINDS)} |", "|---" * (len(_KINDS) + 1) + "|"]
    lines += [f"| {truth} | {' | '.join(str(counts[truth, told] or '·') for told in _KINDS)} |" for truth in _KINDS]
    return "\n".join(lines)


def main() -> None:
    """Print the rows, the confusion matrix, and what was told by origin."""
    parser = argparse.ArgumentParser(description="Relate the labelled pairs.")
    parser.add_argument("--data", help="Folder of labelled pictures; else LOOKALIKE_TEST_DATA.")
    parser.add_argument("--every", type=int, default=1, help="Take every so many-th pair.")
    options = parser.parse_args()
    with planned(options.data, FULL) as plan:
        assert plan.data is not None, "pass the folder of labelled pictures"
        pairs = list(labelled_pairs(plan.data))[:: options.every]
    told = relations(pairs)
    print(table([*_accuracy_rows(pairs, told), *_speed_rows(pairs)]))
    print(_matrix_text(confusion(pairs, told)))
    origins: dict[str, Counter[str]] = defaultdict(Counter)
    for pair, relation in zip(pairs, told, strict=True):
        origins[f"{pair.origin} ({pair.truth})"][_plain(relation)] += 1
    for origin, kinds in sorted(origins.items()):
        print(f"{origin:42}", ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()))


if __name__ == "__main__":
    main()
