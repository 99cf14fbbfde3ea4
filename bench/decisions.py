"""Whether decisions find their pictures again: copies that were saved anew are known, other pictures are not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
from pictures import manifest
from plan import Plan, tell
from rows import Goal, Row

from lookalike import intake
from lookalike.core.features.fingerprints import ANYWHERE, AT_PLACE, Agreement, Fingerprint, agree
from lookalike.encoders import difference_hash, hue_histogram, tiny_pixels
from lookalike.limits import Limits

_RULES = {"at its place": AT_PLACE, "anywhere": ANYWHERE}
_SAVED_ANEW = ("jpeg", "resize")
_SETS = ("general", "products", "fashion")
_NOTE = "Different files of general, products, fashion and the originals of neardup; general holds copies of its own."


def measure(plan: Plan) -> Iterator[Row]:
    """Give the share of copies that are known, then how many other pictures would be taken for one another."""
    if plan.data is None:
        yield Row("decisions", "not measured", None, note="Decisions need labelled pictures: pass --data.")
        return
    tell("the signs of all pictures")
    copies = list(manifest(plan, "neardup"))
    others = [row for name in _SETS for row in manifest(plan, name)]
    known = {row["file"]: _fingerprint(plan.data, row["file"]) for row in [*copies, *others]}
    yield from _known_rows(copies, known)
    files = [row["file"] for row in others]
    alike = _alike([*files, *(row["file"] for row in copies if row["role"] == "reference")], known)
    falsely = sum(agree(known[a], known[b], ANYWHERE) for a, b in alike)
    yield Row("decisions", "pairs taken for one another, anywhere", falsely, goal=Goal("<=", 30), note=_NOTE)
    neighbors = [(a, b) for a, b in pairwise(sorted(files)) if Path(a).parent == Path(b).parent]
    falsely = sum(agree(known[a], known[b], AT_PLACE) for a, b in neighbors)
    share = falsely / len(neighbors)
    yield Row("decisions", "photos taken for the next of their folder, at its place", share, goal=Goal("<=", 0.005))


def _known_rows(copies: Iterable[dict[str, str]], known: dict[str, Fingerprint]) -> Iterator[Row]:
    pairs: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for row in copies:
        if row["attack"] in _SAVED_ANEW and row["match_file"]:
            pairs[row["attack"], row["strength"]].append((row["match_file"], row["file"]))
    for (attack, strength), found in sorted(pairs.items()):
        for name, rule in _RULES.items():
            share = float(np.mean([agree(known[a], known[b], rule) for a, b in found]))
            yield Row("decisions", f"{attack} {strength}: known {name}", share)


def _alike(files: list[str], known: dict[str, Fingerprint], rule: Agreement = ANYWHERE) -> list[tuple[str, str]]:
    """Give the pairs whose hashes agree, and those of pictures without one."""
    hashed = [file for file in files if known[file].hash]
    bits = np.unpackbits(np.frombuffer(b"".join(known[file].hash for file in hashed), np.uint8).reshape(-1, 8), axis=1)
    signs = bits.astype(np.float32) * 2 - 1  # (n, 64)
    differing = (64 - signs @ signs.T) / 2  # (n, n)
    near = np.argwhere(np.triu(differing <= rule.hash_bits, 1))
    flat = [file for file in files if not known[file].hash]
    return [*((hashed[a], hashed[b]) for a, b in near.tolist()), *combinations(flat, 2)]


def _fingerprint(data: Path, file: str) -> Fingerprint:
    image = intake.read(data / file, limits=Limits(), min_side_px=288)
    tiny = tiny_pixels(image)
    hashed, hues = difference_hash(tiny), hue_histogram(tiny)
    return Fingerprint(
        content_hash=image.content_hash,
        id=file,
        source=None,
        size_px=image.size_px,
        hash=b"" if hashed is None else hashed.tobytes(),
        hues=b"" if hues is None else hues.astype("<f2").tobytes(),
    )
