"""How often the best match is a right one, on labelled pictures and through the public names alone.

Beside it stand what others take for "the same picture" on the very same queries and gallery: perceptual hashes, and the
cosine of the encoder's average features (in the 512 leading directions, which lose nothing of it: docs/models.md).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from hashers import HASHERS, bits_between, hashes_of
from pictures import manifest
from plan import Plan, tell
from rows import Goal, Row

import lookalike
from lookalike.records import CollectionType

Hits = dict[str, bool]  # query -> whether its best match is right

_SURE = 0.90  # the score from which two pictures are said to be the same
_BY_CLASS = {"general": ("label",), "products": ("product_id", "label"), "fashion": ("label",)}
_PREDICTIONS = 10  # of each query, ranked together with those of all others
_SEVERITIES = {"easy": 0.99, "medium": None, "hard": None}


def measure(plan: Plan) -> Iterator[Row]:
    """Give the rows of retrieval by class, then those of finding changed copies."""
    if plan.data is None:
        yield Row("accuracy", "not measured", None, note="The accuracy needs labelled pictures: pass --data.")
        return
    with plan.folder("accuracy") as home, lookalike.open(home) as library:
        for name, fields in _BY_CLASS.items():
            tell(f"{name}: leave one out")
            yield from _class_rows(plan, library, name, fields)
        yield from _copy_rows(plan, library)


# --- what is shown ----------------------------------------------------------------------------------------------


def _class_rows(plan: Plan, library: lookalike.Library, name: str, fields: Iterable[str]) -> Iterator[Row]:
    held = list(manifest(plan, name))
    kind: CollectionType = "products" if name == "products" else "photos"
    photos = library.create(name, type=kind)
    _add(plan, photos, held)
    asked = [row for row in held if row["split"] != "distractor"]
    best = {row["file"]: _best_other(photos, row["file"]) for row in asked}
    truth = {row["file"]: row for row in held}
    for field in fields:
        hits = {file: match is not None and truth[match][field] == truth[file][field] for file, match in best.items()}
        yield _share(f"{name}: R@1 by {field}, leave one out", hits, note=f"{name}: {kind} collection.")


def _best_other(photos: lookalike.Collection, record_id: str) -> str | None:
    found = photos.search(f"id:{record_id}", limit=2)
    return next((match.id for match in found if match.id != record_id), None)


# --- copies -----------------------------------------------------------------------------------------------------


def _copy_rows(plan: Plan, library: lookalike.Library) -> Iterator[Row]:
    """Ask for changed copies among the originals and thousands of other pictures, in two types of collection."""
    rows, folder = list(manifest(plan, "neardup")), Path(str(plan.data))
    held = [row for row in rows if row["split"] == "reference"]
    held += [row for name in ("general", "fashion") for row in manifest(plan, name)]
    queries = {row["file"]: row for row in rows if row["split"] == "query"}
    answers = {}
    kinds: tuple[CollectionType, ...] = ("matching", "photos")
    for kind in kinds:
        tell(f"neardup: {kind} collection")
        collection = library.create(f"copies-{kind}", type=kind)
        _add(plan, collection, held)
        if kind == "matching":
            plain = {file: collection.search(folder / file, limit=_PREDICTIONS, verify=0) for file in queries}
            yield _micro("its descriptors alone", _told(plain, queries), queries)
        found = {file: collection.search(folder / file, limit=_PREDICTIONS) for file in queries}
        answers[kind] = {file: matches[0] for file, matches in found.items()}
        yield _micro(f"{kind} collection", _told(found, queries), queries)
    yield from _peer_rows(folder, held, queries, collection)
    matching, photos = (_hits(queries, answers[kind]) for kind in ("matching", "photos"))
    yield _share("copies: R@1, photos collection", photos, goal=0.85)
    yield _share("copies: R@1, matching collection", matching, photos, goal=0.95)
    for severity, goal in _SEVERITIES.items():
        chosen = {file for file in matching if queries[file]["severity"] == severity}
        yield _share(f"copies: R@1, {severity}", _only(matching, chosen), _only(photos, chosen), goal=goal)
    yield from _score_rows(queries, answers["matching"])
    for attack, files in sorted(_by_attack(queries).items()):
        chosen = files & matching.keys()
        if chosen:
            yield _share(f"copies: R@1, {attack}", _only(matching, chosen), _only(photos, chosen))


def _peer_rows(
    folder: Path,
    held: Iterable[Mapping[str, str]],
    queries: Mapping[str, Mapping[str, str]],
    photos: lookalike.Collection,
) -> Iterator[Row]:
    """Ask the peers the same: R@1, of ties the share that is right, and micro-average precision."""
    files = [row["file"] for row in held]
    tables: dict[str, Any] = {}
    stored, asked = (np.stack([photos.vector(file) for file in files]), [photos.embedding(folder / f) for f in queries])
    tables["the encoder's average alone"] = 1 - np.array(asked) @ stored.T
    for name in HASHERS:
        tell(f"neardup: {name}")
        ours, theirs = (hashes_of(name, folder, some) for some in (queries, files))
        if ours is None or theirs is None:
            yield Row("accuracy", f"copies: R@1, {name}", None, note=f"{name} is not installed: `make bench` does it.")
        else:
            tables[name] = bits_between(ours, theirs)
    wanted = np.array([files.index(row["match_file"]) if row["match_file"] else -1 for row in queries.values()])
    for name, table in tables.items():
        nearest = table == table.min(axis=1, keepdims=True)
        first = [nearest[place, right] / nearest[place].sum() for place, right in enumerate(wanted) if right >= 0]
        yield Row("accuracy", f"copies: R@1, {name}", float(np.mean(first)), f"of {len(first):,}")
        best = np.argsort(table, axis=1, kind="stable")[:, :_PREDICTIONS]
        told = [(-table[q, place], place == wanted[q]) for q, row in enumerate(best) for place in row.tolist()]
        yield _micro(name, told, queries)


def _told(found: Mapping[str, lookalike.Matches], queries: Mapping[str, Mapping[str, str]]) -> list[tuple[float, bool]]:
    """Give the score of each match, and whether it is right."""
    return [(match.score, match.id == queries[file]["match_file"]) for file in found for match in found[file]]


def _micro(what: str, told: Iterable[tuple[float, bool]], queries: Mapping[str, Mapping[str, str]]) -> Row:
    """Rank the predictions of all queries together; those that tie count with their last."""
    scores, right = (np.array(column, np.float64) for column in zip(*told, strict=True))
    order = np.argsort(-scores, kind="stable")
    scores, hits = scores[order], np.cumsum(right[order])
    last = np.searchsorted(-scores, -scores, side="right") - 1
    total = sum(1 for row in queries.values() if row["match_file"])
    average = float((right[order] * hits[last] / (last + 1)).sum() / total)
    goal = Goal(">=", 0.97) if what.startswith("matching") else None
    return Row("accuracy", f"copies: micro-average precision, {what}", average, f"of {len(queries):,}", goal=goal)


def _hits(queries: Mapping[str, Mapping[str, str]], best: Mapping[str, lookalike.Match]) -> Hits:
    """Say for the queries whose original is there whether it came first."""
    return {file: best[file].id == row["match_file"] for file, row in queries.items() if row["match_file"]}


def _score_rows(queries: Mapping[str, Mapping[str, str]], best: Mapping[str, lookalike.Match]) -> Iterator[Row]:
    """Say what a threshold of 0.90 keeps of the copies, and of the queries whose original is not there."""
    sure = {file: match.score >= _SURE for file, match in best.items()}
    right = {file: hit and sure[file] for file, hit in _hits(queries, best).items()}
    wrong = {file: sure[file] for file, row in queries.items() if not row["match_file"]}
    yield _share(f"copies: found at a score of {_SURE}", right, note="matching collection")
    yield _share(f"copies of nothing: matched at {_SURE}", wrong, note="matching collection")


def _by_attack(queries: Mapping[str, Mapping[str, str]]) -> dict[str, set[str]]:
    files: dict[str, set[str]] = defaultdict(set)
    for file, row in queries.items():
        files["by others" if row["family"] == "third_party" else row["attack"]].add(file)
    return files


# --- both -------------------------------------------------------------------------------------------------------


def _add(plan: Plan, collection: lookalike.Collection, rows: Iterable[Mapping[str, str]]) -> None:
    report = collection.add(({"_id": row["file"], "_file": row["file"]} for row in rows), base=Path(str(plan.data)))
    if report.failed:
        raise RuntimeError(f"{len(report.failed)} labelled pictures could not be added: {report.failed[0].message}")


def _only(hits: Hits, files: set[str]) -> Hits:
    return {file: hit for file, hit in hits.items() if file in files}


def _share(what: str, hits: Hits, other: Hits | None = None, *, goal: float | None = None, note: str = "") -> Row:
    """Give the share of right ones, beside that of a collection of photos."""
    share = sum(hits.values()) / len(hits)
    beside = None if other is None else sum(other.values()) / len(other)
    against = "" if other is None else "photos collection"
    bound = None if goal is None else Goal(">=", goal)
    return Row("accuracy", what, share, f"of {len(hits):,}", against, beside, bound, note)
