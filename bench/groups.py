"""How well duplicate groups are the true ones: changed copies and their originals among thousands of other pictures.

Two pictures of one group are a pair; precision, recall and F1 are those of all pairs. Beside it stand the score alone,
and the pairs within so many bits of perceptual hashes, with the bound that suits each hash best on these very pictures.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
from hashers import HASHERS, bits_between, hashes_of
from pictures import manifest
from plan import Plan, tell
from rows import Row

import lookalike

_MOST_BITS = 16


def measure(plan: Plan) -> Iterator[Row]:
    """Give the rows of lookalike, by geometry and by score, then those of the hashes."""
    if plan.data is None:
        yield Row("groups", "not measured", None, note="Groups need labelled pictures: pass --data.")
        return
    rows, every = list(manifest(plan, "neardup")), plan.sizes.relations
    sources = set(sorted({row["product_id"] for row in rows})[::every])
    rows = [row for row in rows if row["product_id"] in sources]
    originals = {row["file"] for row in rows if row["split"] == "reference"}
    truth = {row["file"]: row["product_id"] for row in rows}
    truth |= {row["file"]: "" for name in ("general", "fashion") for row in list(manifest(plan, name))[::every]}
    files, folder = list(truth), Path(str(plan.data))
    names = np.array([truth[file] for file in files])
    same = (names[:, None] == names) & (names != "")[:, None]
    total = int(np.triu(same, 1).sum())
    told = f"{len(files):,} pictures, {total:,} pairs"
    with plan.folder("groups") as home, lookalike.open(home) as library:
        photos = library.create("photos")
        photos.add(({"_id": file, "_file": file} for file in files), base=folder)
        for what, verify in (("geometry decides", True), ("the score alone, 0.90", False)):
            tell(f"groups: {what}")
            began = time.process_time()
            groups = list(photos.duplicates(verify=verify))
            spent = time.process_time() - began
            pairs = (pair for group in groups for pair in combinations([one.id for one in group.members], 2))
            found = [(truth[a] == truth[b] != "") for a, b in pairs]
            yield from _rows(f"groups: {what}", sum(found), len(found), total, told)
            if verify:
                note = "Nothing was compared or looked at before."
                yield Row("groups", f"groups: {what}, time of processor", spent, "s", note=note)
                with_one = [group for group in groups if originals & {one.id for one in group.members}]
                best = sum(group.representative in originals for group in with_one)
                yield Row("groups", "groups: the original is the best", best / len(with_one), f"of {len(with_one)}")
    for name in HASHERS:
        tell(f"groups: {name}")
        hashes = hashes_of(name, folder, files)
        if hashes is None:
            yield Row("groups", f"groups: {name}", None, note=f"{name} is not installed: `make bench` does it.")
            continue
        bits = bits_between(hashes, hashes)
        bounds = [np.triu(bits <= most, 1) for most in range(_MOST_BITS + 1)]
        scores = [_f1(int(near[same].sum()), int(near.sum()), total) for near in bounds]
        most = int(np.argmax(scores))
        near = bounds[most]
        yield from _rows(f"pairs: {name}, {most} bits", int(near[same].sum()), int(near.sum()), total, told)


def _rows(what: str, right: int, told: int, total: int, unit: str) -> Iterable[Row]:
    yield Row("groups", f"{what}: precision of pairs", right / max(1, told), unit)
    yield Row("groups", f"{what}: recall of pairs", right / total, unit)
    yield Row("groups", f"{what}: F1 of pairs", _f1(right, told, total), unit)


def _f1(right: int, told: int, total: int) -> float:
    return 2 * right / (told + total)
