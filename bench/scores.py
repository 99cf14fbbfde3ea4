"""What scores mean: fits the maps and curves of `lookalike.distances`, and holds them against pictures kept apart.

    python bench/scores.py --home /tmp/scores-home              distances, bands, chances, calibrated shelves
    python bench/scores.py --home /tmp/scores-home --charts docs

The pictures are encoded once and stay in --home. Sources: `neardup`, copies of 47 originals that are in none of the
other sets, and as wrong answers all of `general`, `fashion` and `products`. A chance is that of a first match: of every
copy asked among the originals, `general` and `fashion`, once with its original there and once without, and of every
shelf photo asked among the others of the shelves, where nothing is the same picture. Queries with and without an answer
count the same, and of those without the shelves make the half. Chances of held-out pictures are learned without their
sources.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import lookalike
from lookalike.charts import Line, line_chart
from lookalike.core.evaluation.calibration import fit_reliability
from lookalike.core.evaluation.measures import calibration_error
from lookalike.distances import ScoreCurve, chance_of, reliability_curve, score_curve, scores_of

SETS = ("general", "fashion", "products", "neardup")
SPACES = ("semantic", "copy")
RE_ENCODED = ("jpeg", "format")
BANDS = (1.0, 0.97, 0.90, 0.70, 0.50, 0.0)
_FOLDS = 10
_SPLITS = 10  # ways to cut the sources into folds; the error depends on it by 0.01
_SHARES = (1, 5, 25, 50, 75, 95, 99)

Rows = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Pictures:
    """All pictures of the test data: their rows, and their vectors by space, NaN or zeros where one has none."""

    rows: Rows
    vectors: Mapping[str, Any]
    hashed: Any
    colored: Any

    def places(self, accepts: Callable[[Mapping[str, str]], bool]) -> Any:
        """Give the places of the rows that are accepted."""
        return np.array([place for place, row in enumerate(self.rows) if accepts(row)], np.int64)

    def distances(self, space: str, ours: Any, theirs: Any) -> Any:
        """Give the cosine distances of all pairs: (n, m)."""
        return np.maximum(0, 1 - self.vectors[space][ours] @ self.vectors[space][theirs].T)

    def scores(self, space: str, ours: Any, theirs: Any) -> Any:
        """Give the scores of all pairs, as a search gives them: (n, m)."""
        bits = np.bitwise_count(self.vectors["dhash"][ours][:, None] ^ self.vectors["dhash"][theirs][None]).sum(axis=2)
        hashed = self.hashed[ours][:, None] & self.hashed[theirs][None]
        colored = self.colored[ours][:, None] & self.colored[theirs][None]
        found = scores_of(
            self.distances(space, ours, theirs).ravel(),
            score_curve(space),
            hash_bits=np.where(hashed, bits, np.nan).ravel(),
            hue_distances=np.where(colored, self.distances("hues", ours, theirs), np.nan).ravel(),
        )
        return found.reshape(len(ours), len(theirs))


@dataclass(frozen=True)
class Trials:
    """First matches: their scores, whether each is right, what each counts, and the source that it hangs on."""

    scores: Any
    right: Any
    weights: Any
    sources: Any


# --- reading ----------------------------------------------------------------------------------------------------


def encoded(library: lookalike.Library, data: Path) -> Pictures:
    """Encode every picture that is not there yet, and read all vectors."""
    held = library.collection("scores", create=True, type="matching", keep="none")
    rows = [row for name in SETS for row in manifest(data, name)]
    report = held.add(({"_id": row["file"], "_file": row["file"]} for row in rows), base=data, resume=True)
    if report.failed:
        raise SystemExit(f"{len(report.failed)} pictures could not be added: {report.failed[0].message}")
    found = {space: [held.vector(row["file"], space) for row in rows] for space in (*SPACES, "dhash", "hues")}
    hashed, colored = (np.array([one is not None for one in found[space]]) for space in ("dhash", "hues"))
    empty = {"dhash": np.zeros(8, np.uint8), "hues": np.zeros(12, np.float32)}
    vectors = {space: np.stack([empty.get(space) if v is None else v for v in rows_]) for space, rows_ in found.items()}
    return Pictures(rows, vectors, hashed, colored)


def manifest(data: Path, name: str) -> Iterator[dict[str, str]]:
    """Give the rows of a set."""
    with open(data / name / "manifest.csv", newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


# --- the four questions -----------------------------------------------------------------------------------------


def copies(pictures: Pictures, accepts: Callable[[Mapping[str, str]], bool]) -> tuple[Any, Any]:
    """Give the places of copies and of their originals."""
    place = {row["file"]: number for number, row in enumerate(pictures.rows)}
    ours = pictures.places(lambda row: bool(row.get("match_file")) and accepts(row))
    return ours, np.array([place[pictures.rows[number]["match_file"]] for number in ours.tolist()], np.int64)


def paired(table: Any) -> Any:
    """Give the pairs on the diagonal of a table of all."""
    return np.diagonal(table)


def kinds_of_copies() -> dict[str, Callable[[Mapping[str, str]], bool]]:
    return {
        "re-encoded": lambda row: row["attack"] in RE_ENCODED,
        "easy edits": lambda row: row["severity"] == "easy",
        "medium edits": lambda row: row["severity"] == "medium",
        "hard edits": lambda row: row["severity"] == "hard",
    }


def values_of_kinds(pictures: Pictures, table: Callable[[str, Any, Any], Any], space: str) -> Iterator[tuple[str, Any]]:
    """Give for each kind of pair the values of a table, (n,)."""
    for name, accepts in kinds_of_copies().items():
        ours, theirs = copies(pictures, accepts)
        yield name, np.array([table(space, ours[[i]], theirs[[i]])[0, 0] for i in range(len(ours))])
    for name, field in (("general", "label"), ("products", "product_id"), ("fashion", "label")):
        places = pictures.places(lambda row, name=name: row["set"] == name and row["split"] != "distractor")
        labels = np.array([pictures.rows[place][field] for place in places.tolist()])
        upper = np.triu(np.ones((len(places),) * 2, bool), 1)
        same = labels[:, None] == labels[None]
        values = np.concatenate([table(space, part, places) for part in np.array_split(places, 16)])
        yield f"{name}, same {field}", values[upper & same]
        yield f"{name}, other {field}", values[upper & ~same]


def print_distances(pictures: Pictures) -> None:
    """Print what the knots of the maps are set on."""
    for space in SPACES:
        print(f"\n{space}: distance at these percentiles")
        for name, values in values_of_kinds(pictures, pictures.distances, space):
            shares = (0.001, 0.01, 0.1, *_SHARES) if "other" in name else _SHARES
            found = zip(shares, np.percentile(values, shares), strict=True)
            cells = " ".join(f"{share:g}%:{value:.3f}" for share, value in found)
            print(f"  {name:28} {cells}")


def print_bands(pictures: Pictures) -> None:
    """Print what lies in the bands of the score, in percent."""
    for space in SPACES:
        print(f"\n{space}: percent of the pairs that score at least this")
        print(f"  {'':28} " + " ".join(f"{low:>7.2f}" for low in BANDS[1:-1]))
        for name, values in values_of_kinds(pictures, pictures.scores, space):
            print(f"  {name:28} " + " ".join(f"{100 * float((values >= low).mean()):7.2f}" for low in BANDS[1:-1]))


def trials_of(pictures: Pictures, space: str) -> Trials:
    """Ask for first matches, right ones and wrong ones; the three parts count 2 : 1 : 1."""
    place = {row["file"]: number for number, row in enumerate(pictures.rows)}
    queries = pictures.places(lambda row: row["set"] != "" and row.get("role", "").startswith("query"))
    held = pictures.places(
        lambda row: row.get("role") == "reference" or row["file"].split("/")[0] in ("general", "fashion")
    )
    table = pictures.scores(space, queries, held)
    original = np.array([place.get(pictures.rows[q].get("match_file", ""), -1) for q in queries.tolist()])
    is_there = held[None] == original[:, None]
    source = np.array([pictures.rows[q]["product_id"] for q in queries.tolist()])
    best, other = table.max(axis=1), np.where(is_there, -1, table).max(axis=1)
    asked = original >= 0
    shelf = pictures.places(lambda row: row["file"].startswith("products/"))
    among = np.concatenate([pictures.scores(space, part, shelf) for part in np.array_split(shelf, 16)])
    among[np.arange(len(shelf)), np.arange(len(shelf))] = -1
    scores = [best[asked], other, among.max(axis=1)]
    found = np.where(is_there, table, -1).max(axis=1) >= best
    right = [found[asked], *(np.zeros(len(part), bool) for part in scores[1:])]
    weights = [np.full(len(s), part / len(s)) for s, part in zip(scores, (0.5, 0.25, 0.25), strict=True)]
    shelves = np.array([pictures.rows[q]["product_id"] for q in shelf.tolist()])
    return Trials(*map(np.concatenate, (scores, right, weights, [source[asked], source, shelves])))


def print_chances(pictures: Pictures, charts: Path | None) -> None:
    """Fit the curves of reliability, and say how far they are off on sources that they were not learned on."""
    lines = []
    for space in SPACES:
        trials = trials_of(pictures, space)
        whole = fit_reliability(trials.scores, trials.right, trials.weights)
        splits = [held_out(trials, seed) for seed in range(_SPLITS)]
        errors = [calibration_error(told, trials.right, trials.weights) for told in splits]
        told = splits[0]
        print(f"\n{space}: score, chance that a first match is the same picture")
        print("  " + ", ".join(f"({score:g}, {chance:g})" for score, chance in whole))
        spread = f"{min(errors):.3f} to {max(errors):.3f}"
        print(f"  expected calibration error, sources held out: {np.mean(errors):.3f} ({spread} by the split)")
        shipped = reliability_curve(space)
        if shipped is not None:
            error = calibration_error(chance_of(trials.scores, shipped), trials.right, trials.weights)
            print(f"  of the curve that is built in, on all: {error:.3f}")
        for precision in (0.5, 0.9, 0.95, 0.99):
            print(f"  {precision_text(trials, told, precision)}")
        lines.append(Line(space, diagram(told, trials), dotted=True))
    if charts is not None:
        drawn = line_chart(
            "How often a first match is right", "chance that is told", "share right",
            [*lines, Line("as told", [(0, 0), (1, 1)], dashed=True)],
        )  # fmt: skip
        (charts / "reliability.svg").write_text(drawn, encoding="utf-8")


def held_out(trials: Trials, seed: int) -> Any:
    """Tell for each first match the chance as learned from the other sources alone."""
    names = np.unique(trials.sources)
    fold = dict(zip(names.tolist(), np.random.default_rng(seed).permutation(len(names)) % _FOLDS, strict=True))
    folds = np.array([fold[source] for source in trials.sources.tolist()])
    told = np.empty(len(trials.scores))
    for number in range(_FOLDS):
        learned = folds != number
        curve: ScoreCurve = fit_reliability(trials.scores[learned], trials.right[learned], trials.weights[learned])
        told[~learned] = chance_of(trials.scores[~learned], curve)
    return told


def precision_text(trials: Trials, told: Any, precision: float) -> str:
    """Say what asking for a precision gives: how many are found, and how many of those are right."""
    kept = told >= precision
    weight, right = trials.weights, trials.right
    found = float((weight * right * kept).sum() / (weight * right).sum())
    wrong = float((weight * ~right * kept).sum())
    share = float((weight * right * kept).sum() / max((weight * kept).sum(), 1e-12))
    return f"asked for {precision:g}: {share:.4f} right, {found:.3f} of the copies, {1000 * wrong:.2f} wrong of 1,000"


def diagram(told: Any, trials: Trials, *, bins: int = 10) -> list[tuple[float, float]]:
    """Give the points of a reliability diagram."""
    places = np.minimum((told * bins).astype(int), bins - 1)
    weight = trials.weights
    return [
        (float(np.average(told[places == p], weights=weight[places == p])),
         float(np.average(trials.right[places == p], weights=weight[places == p])))
        for p in np.unique(places).tolist()
    ]  # fmt: skip


def print_shelves(library: lookalike.Library, data: Path) -> None:
    """Calibrate shelves on every other label, and measure the rest; both ways round."""
    for name, kind, field in (("products", "products", "product_id"), ("fashion", "photos", "label")):
        rows = [row for row in manifest(data, name) if row["split"] != "iconic"]
        labels = sorted({row[field] for row in rows})
        before, after = [], []  # percent of wrong and of right pairs at 0.50 or more
        for half in (0, 1):
            known = set(labels[half::2])
            collection = library.collection(f"{name}-{half}", create=True, type=kind, keep="none")  # type: ignore[arg-type]
            fields = ({"known" if row[field] in known else "kept": row[field]} for row in rows)
            items = ({"_id": row["file"], "_file": row["file"], **own} for row, own in zip(rows, fields, strict=True))
            collection.add(items, base=data, resume=True)
            collection.uncalibrate()
            before.append(_similar(collection.evaluate(label="kept")))
            collection.calibrate(label="known")
            after.append(_similar(collection.evaluate(label="kept")))
            collection.uncalibrate()
        print(f"\n{name}: percent of the pairs at 0.50 or more, of labels that the fit did not see")
        for what, shares in (("as built in", before), ("calibrated", after)):
            wrong, right = np.mean(shares, axis=0)
            print(f"  {what:12} another {field} {wrong:.2f}, the same {right:.2f}")


def _similar(evaluation: Any) -> tuple[float, float]:
    bands = [band for band in evaluation.bands if band.low >= 0.5]
    return 100 * sum(band.wrong for band in bands), 100 * sum(band.right for band in bands)


def main() -> None:
    default = os.environ.get("LOOKALIKE_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(default), help="Folder of labelled pictures.")
    parser.add_argument("--home", type=Path, required=True, help="Where the encoded pictures stay.")
    parser.add_argument("--charts", type=Path, help="Folder to write the reliability diagram to.")
    options = parser.parse_args()
    with lookalike.open(options.home) as library:
        pictures = encoded(library, options.data)
        print_distances(pictures)
        print_bands(pictures)
        print_chances(pictures, options.charts)
        print_shelves(library, options.data)


if __name__ == "__main__":
    main()
