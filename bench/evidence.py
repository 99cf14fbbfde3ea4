"""How often pictures in which little differs are called the same, and how often copies of such pictures are found.

python bench/evidence.py [--kinds tune|check|all] [--count 12] prints a row for each kind.
"""

from __future__ import annotations

import argparse
import io
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import graphics
import moments
import numpy as np
import sparse
from pictures import manifest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps
from plan import FULL, Plan, planned
from rows import Goal, Row, table

from lookalike.answers import Relation
from lookalike.core.features.describer import Describer
from lookalike.core.relations.rules import SAME_PICTURE, relate
from lookalike.core.relations.verification import features_of
from lookalike.encoders import open_encoder
from lookalike.settings import load_settings

Picture = Image.Image
Edit = Callable[[Picture, random.Random], bytes]
Make = Callable[[random.Random], sparse.Two]


def _saved(picture: Picture, form: str = "PNG", **options: int) -> bytes:
    stream = io.BytesIO()
    (picture.convert("RGB") if form == "JPEG" else picture).save(stream, form, **options)
    return stream.getvalue()


def _ground(picture: Picture) -> tuple[int, ...]:
    corner = picture.getpixel((1, 1))
    assert isinstance(corner, tuple)
    return corner


def _noisy(picture: Picture, rng: random.Random) -> Picture:
    chance = np.random.default_rng(rng.randrange(1 << 30))
    pixels = np.asarray(picture.convert("RGB"), np.float32)
    noise = chance.normal(0, rng.choice((3, 6)), (*pixels.shape[:2], 1)) + chance.normal(0, 2, pixels.shape)
    return Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))


def _scaled(picture: Picture, share: float) -> Picture:
    size = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
    return picture.resize(size, Image.Resampling.LANCZOS)


def _turned(picture: Picture, rng: random.Random, *, expand: bool = False) -> Picture:
    degrees = rng.choice((-1, 1)) * rng.uniform(0.7, 3)
    return picture.rotate(degrees, Image.Resampling.BICUBIC, expand=expand, fillcolor=_ground(picture))


def _sepia(picture: Picture) -> Picture:
    weights = (0.393, 0.769, 0.189, 0, 0.349, 0.686, 0.168, 0, 0.272, 0.534, 0.131, 0)
    return picture.convert("RGB").convert("RGB", weights)


def _gamma(picture: Picture, power: float) -> Picture:
    return picture.point([round(255 * (level / 255) ** power) for level in range(256)] * 3)


def _balanced(picture: Picture, rng: random.Random) -> Picture:
    gains = rng.choice(((1.12, 1.0, 0.85), (0.88, 1.0, 1.1), (1.08, 1.0, 0.93)))
    levels = [min(255, round(level * gain)) for gain in gains for level in range(256)]
    return picture.point(levels)


_COPIES: dict[str, Edit] = {
    "saved anew": lambda p, r: _saved(p, "JPEG", quality=r.choice((60, 75, 90))),
    "smaller": lambda p, r: _saved(_scaled(p, r.uniform(0.5, 0.8)), "JPEG", quality=88),
    "larger": lambda p, r: _saved(_scaled(p, 1.5)),
    "turned": lambda p, r: _saved(_turned(p, r), "JPEG", quality=88),
    "turned, wider": lambda p, r: _saved(_turned(p, r, expand=True), "JPEG", quality=88),
    "noisy": lambda p, r: _saved(_noisy(p, r), "JPEG", quality=85),
    "noisy, turned, smaller": lambda p, r: _saved(_noisy(_turned(_scaled(p, 0.75), r), r), "JPEG", quality=85),
}
_ICON_COPIES: dict[str, Edit] = {
    "smaller": lambda p, r: _saved(_scaled(p, r.uniform(0.5, 0.8))),
    "larger": lambda p, r: _saved(_scaled(p, 2)),
    "webp": lambda p, r: _saved(p, "WEBP", quality=80),
    "turned": lambda p, r: _saved(p.rotate(r.uniform(-3, 3), Image.Resampling.BICUBIC)),
}
_COLOR_COPIES: dict[str, Edit] = {
    "saved anew": lambda p, r: _saved(p, "JPEG", quality=r.choice((60, 85))),
    "gray": lambda p, r: _saved(p.convert("L").convert("RGB"), "JPEG", quality=88),
    "less color": lambda p, r: _saved(ImageEnhance.Color(p).enhance(0.5), "JPEG", quality=88),
    "more color": lambda p, r: _saved(ImageEnhance.Color(p).enhance(1.5), "JPEG", quality=88),
    "brightness": lambda p, r: _saved(ImageEnhance.Brightness(p).enhance(r.choice((0.7, 1.25))), "JPEG", quality=88),
    "contrast": lambda p, r: _saved(ImageEnhance.Contrast(p).enhance(r.choice((0.65, 1.3))), "JPEG", quality=88),
    "gamma": lambda p, r: _saved(_gamma(p, r.choice((0.6, 1.7))), "JPEG", quality=88),
    "sepia": lambda p, r: _saved(_sepia(p), "JPEG", quality=88),
    "white balance": lambda p, r: _saved(_balanced(p, r), "JPEG", quality=88),
}


def _captioned(picture: Picture, rng: random.Random) -> Picture:
    changed = picture.copy()
    at = rng.uniform(0.05, 0.4) * picture.width, rng.uniform(0.05, 0.85) * picture.height
    ink, size = rng.choice(("white", "black", "#e02020")), round(rng.uniform(0.05, 0.1) * picture.height)
    ImageDraw.Draw(changed).text(at, "summer 2024", fill=ink, font_size=size, stroke_width=rng.choice((0, 2)),
                                 stroke_fill="black")  # fmt: skip
    return changed


def _watermarked(picture: Picture, rng: random.Random) -> Picture:
    layer = picture.copy()
    for _ in range(rng.randint(1, 4)):
        at = rng.uniform(0, 0.7) * picture.width, rng.uniform(0, 0.9) * picture.height
        ImageDraw.Draw(layer).text(at, "(c) studio", fill="white", font_size=round(0.07 * picture.height))
    return Image.blend(picture, layer, rng.uniform(0.4, 0.8))


def _stuck_over(picture: Picture, rng: random.Random) -> Picture:
    """Lay a disc with a mark, or a bar, over a part."""
    changed = picture.copy()
    pen = ImageDraw.Draw(changed)
    x, y, r = rng.uniform(0.1, 0.9) * picture.width, rng.uniform(0.1, 0.9) * picture.height, 0.06 * picture.width
    if rng.random() < 0.5:
        pen.ellipse((x - r, y - r, x + r, y + r), fill=rng.choice(("red", "#ffd800", "white")))
        sparse.draw_shape(pen, rng.choice(sorted(sparse.SHAPES)), x, y, 0.5 * r, "#203080")
    else:
        pen.rectangle((x - 1.5 * r, y - 0.4 * r, x + 1.5 * r, y + 0.4 * r), fill=rng.choice(("black", "white")))
    return changed


def _wiped(picture: Picture, rng: random.Random) -> Picture:
    """Fill a part with the colors around it."""
    changed = picture.copy()
    w, h = round(0.12 * picture.width), round(0.12 * picture.height)
    x, y = rng.randint(0, picture.width - w), rng.randint(0, picture.height - h)
    ends = changed.crop((x, y, x + w, y + h)).resize((2, 2), Image.Resampling.BOX)
    changed.paste(ends.resize((w, h), Image.Resampling.BICUBIC), (x, y))
    return changed


_MARKED_COPIES: dict[str, Edit] = {
    **_COPIES,
    "caption": lambda p, r: _saved(_captioned(p, r), "JPEG", quality=85),
    "watermark": lambda p, r: _saved(_watermarked(p, r), "JPEG", quality=85),
    "sticker or bar": lambda p, r: _saved(_stuck_over(p, r), "JPEG", quality=85),
    "wiped": lambda p, r: _saved(_wiped(p, r), "JPEG", quality=85),
    "caption, smaller": lambda p, r: _saved(_captioned(_scaled(p, 0.6), r), "JPEG", quality=75),
    "cropped": lambda p, r: _saved(p.crop((p.width // 9, p.height // 12, p.width, p.height)), "JPEG", quality=85),
}


def _trimmed(picture: Picture, rng: random.Random) -> Picture:
    (w, h), (left, top, right, bottom) = picture.size, (rng.uniform(0.005, 0.05) for _ in range(4))
    return picture.crop((round(left * w), round(top * h), round((1 - right) * w), round((1 - bottom) * h)))


_WHOLE: dict[str, Callable[[Picture, random.Random], Picture]] = {
    "larger or smaller": lambda p, r: _scaled(p, r.choice((0.4, 0.55, 0.75, 1.3, 1.6))),
    "gray": lambda p, r: p.convert("L").convert("RGB"),
    "gamma": lambda p, r: _gamma(p, r.choice((0.6, 0.8, 1.3, 1.7))),
    "white balance": _balanced,
    "less or more color": lambda p, r: ImageEnhance.Color(p).enhance(r.choice((0.4, 0.7, 1.5))),
    "soft": lambda p, r: p.filter(ImageFilter.GaussianBlur(r.uniform(0.5, 1.2))),
    "trimmed": _trimmed,
    "mirrored": lambda p, r: ImageOps.mirror(p),
    "turned by right angles": lambda p, r: p.rotate(r.choice((90, 180, 270)), expand=True),
}


def _coarse(picture: Picture, rng: random.Random) -> bytes:
    if rng.random() < 0.25:
        return _saved(picture, "WEBP", quality=rng.choice((50, 80)))
    return _saved(picture, "JPEG", quality=rng.choice((40, 60, 75, 85, 95)))


def _whole_twice(picture: Picture, rng: random.Random) -> bytes:
    first, second = rng.sample(list(_WHOLE.values()), 2)
    return _coarse(second(first(picture, rng), rng), rng)


_GRAPHIC_COPIES: dict[str, Edit] = {
    "saved anew": _coarse,
    **{name: lambda p, r, edit=edit: _coarse(edit(p, r), r) for name, edit in _WHOLE.items()},  # type: ignore[misc]
    "two of these": _whole_twice,
}


@dataclass(frozen=True)
class Kind:
    """How two pictures of a kind are made, by which edits their copies are, and whether bounds were set with them."""

    make: Make
    edits: dict[str, Edit]
    tuned: bool


def kinds(data: Path) -> dict[str, Kind]:
    """Give all kinds by name."""
    cut = [data / row["file"] for row in manifest(Plan(data, Path(), FULL), "products") if row["split"] == "iconic"]
    scenes = [data / row["file"] for row in manifest(Plan(data, Path(), FULL), "general")]
    grounds = ("black", "#1f4fa0", "#808080")
    white, black = ((255, 255, 255), (250, 252, 255)), ((0, 0, 0), (40, 40, 40))
    glass = ((255, 255, 255, 128), (0, 0, 0, 110), (200, 200, 200, 60))
    return {
        "page numbers": Kind(sparse.page_numbers, _COPIES, True),
        "one word": Kind(sparse.one_word, _COPIES, False),
        "two marks": Kind(sparse.two_marks, _COPIES, True),
        "marks on colors": Kind(sparse.marks_on_colors, _COPIES, False),
        "marks on gradients": Kind(sparse.marks_on_gradients, _COPIES, True),
        "cut-outs": Kind(partial(sparse.cut_outs, paths=cut), _COPIES, True),
        "cut-outs on colors": Kind(partial(sparse.cut_outs, paths=cut, grounds=grounds), _COPIES, False),
        "signatures": Kind(sparse.signatures, _COPIES, False),
        "dates": Kind(sparse.dates, _COPIES, True),
        "titles": Kind(sparse.titles, _COPIES, False),
        "codes": Kind(sparse.codes, _COPIES, True),
        "clocks": Kind(sparse.clocks, _COPIES, False),
        "dots": Kind(sparse.dots, _COPIES, False),
        "a mark and nothing": Kind(sparse.a_mark, _COPIES, True),
        "white icons": Kind(partial(sparse.icons, colors=white), _ICON_COPIES, True),
        "black icons": Kind(partial(sparse.icons, colors=black), _ICON_COPIES, False),
        "half transparent icons": Kind(partial(sparse.icons, colors=glass), _ICON_COPIES, False),
        "small on alpha": Kind(sparse.small_on_alpha, _ICON_COPIES, True),
        "flat designs": Kind(sparse.flat_designs, _COLOR_COPIES, True),
        "one drawing": Kind(sparse.one_drawing, _COLOR_COPIES, False),
        "products": Kind(sparse.products, _COLOR_COPIES, True),
        "recolored photos": Kind(partial(sparse.recolored_photos, paths=cut), _COLOR_COPIES, False),
        "gradients": Kind(sparse.gradients, _COLOR_COPIES, False),
        "two tones": Kind(sparse.two_tones, _COLOR_COPIES, True),
        "icons in colors": Kind(sparse.icons_in_colors, _ICON_COPIES, False),
        "plain colors": Kind(sparse.plain_colors, {}, True),
        "moved in scenes": Kind(moments.moved_in_scenes, _MARKED_COPIES, True),
        "moved in photos": Kind(partial(moments.moved_in_photos, scenes=scenes, things=cut), _MARKED_COPIES, False),
        "star fields": Kind(moments.star_fields, _COPIES, True),
        "deep skies": Kind(moments.deep_skies, _COPIES, False),
        "smooth gradients": Kind(moments.smooth_gradients, _COPIES, True),
        "round gradients": Kind(moments.round_gradients, _COPIES, False),
        "chess boards": Kind(moments.chess_boards, _COPIES, True),
        "stone boards": Kind(moments.stone_boards, _COPIES, False),
        "square codes": Kind(moments.square_codes, _COPIES, True),
        "bar codes": Kind(moments.bar_codes, _COPIES, False),
        "wall clocks": Kind(moments.wall_clocks, _COPIES, True),
        "gauges": Kind(moments.gauges, _COPIES, False),
        "charts": Kind(graphics.charts, _GRAPHIC_COPIES, True),
        "dialogs": Kind(graphics.dialogs, _GRAPHIC_COPIES, True),
        "seat plans": Kind(graphics.seat_plans, _GRAPHIC_COPIES, True),
        "floor plans": Kind(graphics.floor_plans, _GRAPHIC_COPIES, True),
        "letters": Kind(graphics.letters, _GRAPHIC_COPIES, True),
        "tables": Kind(graphics.tables, _GRAPHIC_COPIES, True),
        "slides": Kind(graphics.slides, _GRAPHIC_COPIES, True),
        "swatch cards": Kind(graphics.swatch_cards, _GRAPHIC_COPIES, True),
        "drawn products": Kind(graphics.drawn_products, _GRAPHIC_COPIES, True),
    }  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """Two pictures of a kind, or one and a copy that an edit made."""

    kind: str
    edit: str
    seed: int
    a: bytes
    b: bytes


class _NoEncoder:
    """Stands where an encoder does: relations need hashes and hues, and embeddings take most of the time."""

    card = open_encoder("builtin").card

    def encode(self, image: object) -> dict[str, object]:
        return {}


def pairs(kind: Kind, name: str, count: int) -> Iterator[Pair]:
    """Make the pairs and the copies of a kind."""
    for seed in range(count):
        rng = random.Random(f"{name} {seed}")
        a, b = kind.make(rng)
        yield Pair(name, "", seed, _saved(a), _saved(b))
        if a.mode == "RGB":
            other = rng.choice((_noisy(b, rng), _scaled(b, 0.7), b))
            yield Pair(name, "", seed, _saved(a, "JPEG", quality=85), _saved(other, "JPEG", quality=80))
        edits = list(kind.edits.items())
        for edit, make in rng.sample(edits, min(4, len(edits))):
            yield Pair(name, edit, seed, _saved(a), make(a, rng))


@cache
def _describer() -> Describer:
    return Describer(load_settings(), "builtin", encoder=_NoEncoder())  # type: ignore[arg-type]


def related(pair: Pair) -> Relation:
    """Relate two pictures; what only their embeddings would tell is "unrelated"."""
    looks = [features_of(_describer(), _describer().describe(one, small=True), one) for one in (pair.a, pair.b)]
    return relate(*looks) or Relation("unrelated", ("unrelated",), None, 0, None, 0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description="Relate pictures in which little differs.")
    parser.add_argument("--data", help="Folder of labelled pictures; else LOOKALIKE_TEST_DATA.")
    parser.add_argument("--kinds", default="all", help="tune, check, all, or names with commas.")
    parser.add_argument("--count", type=int, default=12, help="Pictures of each kind.")
    parser.add_argument("--verbose", action="store_true", help="Name each mistake.")
    options = parser.parse_args()
    with planned(options.data, FULL) as plan:
        assert plan.data is not None, "pass the folder of labelled pictures"
        data = plan.data
    known = kinds(data)
    groups = {
        "all": list(known),
        **{name: [k for k in known if known[k].tuned == (name == "tune")] for name in ("tune", "check")},
    }
    names = groups.get(options.kinds) or options.kinds.split(",")
    began, rows, total = time.perf_counter(), [], defaultdict(list)
    for name in names:
        others, copies, missed = [], [], defaultdict(list)
        for pair in pairs(known[name], name, options.count):
            relation = related(pair)
            same = relation.kind in SAME_PICTURE
            if pair.edit:
                copies.append(same)
                missed[pair.edit].append(not same)
            else:
                others.append(same)
            if options.verbose and same != bool(pair.edit):
                print(f"  {name} {pair.seed} {pair.edit or 'PAIR'}: {relation.kind} {relation.confidence}")
        total["pairs"] += others
        total["copies"] += copies
        note = ", ".join(f"{edit} {sum(lost)}/{len(lost)}" for edit, lost in missed.items() if any(lost))
        rows.append(Row("evidence", f"{name}: called the same", sum(others) / len(others), f"of {len(others)}"))
        if copies:
            rows.append(
                Row("evidence", f"{name}: copies found", sum(copies) / len(copies), f"of {len(copies)}", note=note)
            )
    for what, goal in (("pairs", Goal("<=", 0.01)), ("copies", Goal(">=", 0.95))):
        found = total[what]
        rows.append(
            Row(
                "evidence",
                f"all {what}: called the same",
                sum(found) / max(1, len(found)),
                f"of {len(found)}",
                goal=goal,
            )
        )
    print(table(rows))
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
