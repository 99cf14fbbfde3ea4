"""The reference figures of the built-in encoder on the test data: what `docs/models.md` quotes.

    python tools/measure_encoder.py                     every form and view, retrieval and speed
    python tools/measure_encoder.py --distances         how far apart pairs of each kind are

Retrieval is leave-one-out over a whole set: each picture but the distractors is searched among all others. R@1 is the
share whose nearest neighbor has the same label; mAP is the mean average precision over all pictures of that label.
Near-duplicates: each copy that has an original is searched among `neardup/reference`, all of `general` and `fashion`.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from train_projections import DATA, manifest, open_picture

from lookalike.encoders import Encoder
from lookalike.encoders.builtin import open_builtin, views
from lookalike.encoders.hashes import difference_hash
from lookalike.encoders.tiny import tiny_pixels
from lookalike.pictures import Image

F32 = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Rows = Sequence[Mapping[str, str]]

SETS = ("general", "products", "fashion", "neardup")
VIEWS = ("squash", "middle", "both")
SPACES = ("semantic", "copy")
SAME_HASH_BITS, SAME_HASH_COSINE = 8, 0.92  # a near hash counts like this cosine: the override of `distances`


@dataclass(frozen=True)
class Measured:
    """One set, encoded: its manifest rows, its vectors by view and space (n, d), its difference hashes (n, 8)."""

    rows: Rows
    vectors: Mapping[tuple[str, str], F32]
    hashes: npt.NDArray[np.uint8]
    hashed: Bools


# --- encoding ---------------------------------------------------------------------------------------------------


def encoded(encoder: Encoder, data: Path, name: str) -> Measured:
    """Encode both views of every picture of a set."""
    rows = manifest(data, name)
    pictures = [np.asarray(open_picture(data / row["file"])) for row in rows]
    vectors: dict[tuple[str, str], list[F32]] = {(view, space): [] for view in VIEWS for space in SPACES}
    for pixels in pictures:
        whole, middle = (encoder.encode(_image(view)) for view in views(pixels, accurate=True))
        for space in SPACES:
            vectors["squash", space].append(whole[space])
            vectors["middle", space].append(middle[space])
            vectors["both", space].append(whole[space] + middle[space])
    hashes = [difference_hash(tiny_pixels(_image(pixels))) for pixels in pictures]
    return Measured(
        rows,
        {key: _unit(np.stack(found)) for key, found in vectors.items()},
        np.stack([np.zeros(8, np.uint8) if h is None else h for h in hashes]),
        np.array([h is not None for h in hashes]),
    )


def _image(pixels: npt.NDArray[np.uint8]) -> Image:
    return Image(pixels, (pixels.shape[1], pixels.shape[0]), "", "pixels")


def _unit(rows: F32) -> F32:
    unit: F32 = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit


def ms_per_image(encoder: Encoder, data: Path, count: int = 200) -> float:
    """Give the median time of one `encode` of a decoded 0.2 MP picture, one thread, in milliseconds."""
    pixels = [np.asarray(open_picture(data / row["file"])) for row in manifest(data, "fashion")[:count]]
    times = []
    for picture in pixels:
        start = time.perf_counter()
        encoder.encode(_image(picture))
        times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1e3


# --- retrieval --------------------------------------------------------------------------------------------------


def leave_one_out(vectors: F32, labels: npt.NDArray[np.str_], asked: Bools) -> tuple[float, float]:
    """Give R@1 and mAP of searching each row that is asked among all the others."""
    similarity = vectors @ vectors.T  # (n, n)
    np.fill_diagonal(similarity, -2)
    order = np.argsort(-similarity[asked], axis=1, kind="stable")[:, :-1]
    relevant = labels[order] == labels[asked][:, None]
    precision = [(np.arange(1, row.sum() + 1) / (np.flatnonzero(row) + 1)).mean() for row in relevant if row.any()]
    return float(relevant[:, 0].mean()), float(np.mean(precision))


def by_label(measured: Measured, key: tuple[str, str], column: str) -> tuple[float, float]:
    """Give R@1 and mAP by a column of the manifest; distractors are in the gallery, and not asked."""
    labels = np.array([row[column] for row in measured.rows])
    asked = np.array([row["split"] != "distractor" for row in measured.rows])
    return leave_one_out(measured.vectors[key], labels, asked)


def copies_found(sets: Mapping[str, Measured], key: tuple[str, str], *, hashes: bool = False) -> tuple[Rows, Bools]:
    """Give the rows of the copies that have an original, and whether it came first."""
    copies = sets["neardup"]
    files = [row["file"] for row in copies.rows]
    references = [i for i, file in enumerate(files) if file.startswith("neardup/reference/")]
    queries = [i for i, row in enumerate(copies.rows) if row["match_file"]]
    others = (sets["general"], sets["fashion"])
    gallery = np.concatenate([copies.vectors[key][references], *(other.vectors[key] for other in others)])
    similarity = copies.vectors[key][queries] @ gallery.T  # (q, n)
    if hashes:
        stored = np.concatenate([copies.hashes[references], *(other.hashes for other in others)])
        hashed = np.concatenate([copies.hashed[references], *(other.hashed for other in others)])
        bits = np.bitwise_count(copies.hashes[queries][:, None] ^ stored[None]).sum(axis=2)  # (q, n)
        same = (bits <= SAME_HASH_BITS) & hashed & copies.hashed[queries][:, None]
        similarity = np.where(same, np.maximum(similarity, SAME_HASH_COSINE + similarity * 1e-3), similarity)
    wanted = [files[references[i]] for i in range(len(references))]
    expected = np.array([wanted.index(copies.rows[i]["match_file"]) for i in queries])
    return [copies.rows[i] for i in queries], similarity.argmax(axis=1) == expected


# --- reports ----------------------------------------------------------------------------------------------------


def _by_severity(rows: Rows, found: Bools) -> str:
    severity = np.array([row["severity"] for row in rows])
    shares = [found.mean(), *(found[severity == name].mean() for name in ("easy", "medium", "hard"))]
    return " / ".join(f"{100 * share:.1f}" for share in shares)


def retrieval_row(sets: Mapping[str, Measured], view: str) -> Iterator[str]:
    """Give the cells of one line: general, products by product and by kind, fashion, and the copies."""
    semantic, copy = (view, "semantic"), (view, "copy")
    for name, column in (("general", "label"), ("products", "product_id"), ("products", "label"), ("fashion", "label")):
        recall, precision = by_label(sets[name], semantic, column)
        yield f"{100 * recall:.1f} / {100 * precision:.1f}"
    yield _by_severity(*copies_found(sets, copy))
    yield _by_severity(*copies_found(sets, semantic))
    yield _by_severity(*copies_found(sets, semantic, hashes=True))


HEADER = (
    "form, view", "general", "products, product", "products, kind", "fashion",
    "copies by copy", "copies by semantic", "copies by semantic + dHash",
)  # fmt: skip


def print_retrieval(name: str, sets: Mapping[str, Measured]) -> None:
    """Print a table line for each view, then what the copy descriptor finds of each attack."""
    for view in VIEWS:
        print("| " + " | ".join([f"{name}, {view}", *retrieval_row(sets, view)]) + " |", flush=True)
    rows, found = copies_found(sets, ("squash", "copy"))
    attacks = np.array([row["attack"] for row in rows])
    shares = {attack: found[attacks == attack].mean() for attack in sorted(set(attacks))}
    print("  missed most: " + ", ".join(f"{a} {100 * s:.0f}" for a, s in shares.items() if s < 0.985))


def print_distances(sets: Mapping[str, Measured]) -> None:
    """Print the 1st to 99th percentile of the cosine distance of pairs of each kind, for the score maps."""
    for space in SPACES:
        for name, distances in _pairs(sets, ("squash", space)):
            cells = " ".join(f"{value:.3f}" for value in np.percentile(distances, [1, 5, 25, 50, 75, 95, 99]))
            print(f"{space:9} {name:28} {cells}")


def _pairs(sets: Mapping[str, Measured], key: tuple[str, str]) -> Iterator[tuple[str, F32]]:
    copies = sets["neardup"]
    place = {row["file"]: i for i, row in enumerate(copies.rows)}
    for severity in ("easy", "medium", "hard"):
        pairs = [
            (i, place[r["match_file"]])
            for i, r in enumerate(copies.rows)
            if r["match_file"] and r["severity"] == severity
        ]
        a, b = np.array(pairs).T
        yield f"copies, {severity}", 1 - (copies.vectors[key][a] * copies.vectors[key][b]).sum(axis=1)
    for name, column in (("general", "label"), ("products", "product_id"), ("products", "label"), ("fashion", "label")):
        labels = np.array([row[column] for row in sets[name].rows])
        distances = 1 - sets[name].vectors[key] @ sets[name].vectors[key].T
        upper = np.triu(np.ones(distances.shape, bool), 1)
        same = labels[:, None] == labels[None]
        yield f"{name}, same {column}", distances[upper & same]
        yield f"{name}, other {column}", distances[upper & ~same]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the forms that were asked for and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="default: $LOOKALIKE_TEST_DATA or ../shared/data")
    parser.add_argument("--models", type=Path, help="another folder of graphs and card than the package's")
    parser.add_argument("--forms", nargs="+", default=["int8", "fp32"], choices=["int8", "fp32"])
    parser.add_argument("--distances", action="store_true", help="print percentiles of distances, and no table")
    options = parser.parse_args(arguments)
    folder = {"models": options.models} if options.models else {}
    if not options.distances:
        print("| " + " | ".join(HEADER) + " |\n" + "| --- " * len(HEADER) + "|")
    for form in options.forms:
        encoder = open_builtin(variant=form, **folder)
        sets = {name: encoded(encoder, options.data, name) for name in SETS}
        if options.distances:
            print_distances(sets)
        else:
            print_retrieval(form, sets)
            spent = ms_per_image(encoder, options.data)
            print(
                f"  {form}: {spent:.2f} ms an image, {1000 / spent:.0f} a second on one core of {os.cpu_count()}",
                flush=True,
            )


if __name__ == "__main__":
    main()
