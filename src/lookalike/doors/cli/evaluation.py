"""The command that measures: evaluate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ... import disk
from ...errors import InputError
from ...rendering import counted
from . import completion
from .naming import options_called
from .terminal import (
    DONE,
    SOME_FAILED,
    collection_option,
    home_option,
    json_option,
    open_library_at,
    open_to_read,
    print_json,
)
from .terminal import progress_bar as bar

if TYPE_CHECKING:
    from ...core.collection import Collection
    from ...core.evaluation.measures import Measure
    from ...core.evaluation.results import Contrast, Evaluation

_FIT, _RESET = "fit", "reset"


@click.command()
@collection_option
@click.option("--label", metavar="FIELD", help="Metadata field: records with the same value there belong together.")
@click.option(
    "--match",
    metavar="FIELD",
    help='Metadata field in which a copy names the id of its original; "" where that is not in the collection.',
)
@click.option(
    "--pairs",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="CSV with the columns a, b (ids) and same (1 or 0).",
)
@click.option(
    "--queries", default=1000, show_default=True, help="How many records to search with; the same ones every time."
)
@click.option(
    "--space", metavar="SPACE", help="Rank by this kind of vector, semantic or copy, in place of the collection's own."
)
@click.option(
    "--verify",
    type=int,
    help="How many of the first records to score by geometry.  [default: 100 in a collection of type matching, else 0]",
)
@click.option(
    "--against",
    metavar="NAME",
    shell_complete=completion.collection_names,
    help="Another collection with the same ids, to compare with.",
)
@click.option("--against-space", metavar="SPACE", help="Another value of --space, to compare with.")
@click.option("--against-verify", type=int, help="Another value of --verify, to compare with.")
@click.option(
    "--plots", type=click.Path(file_okay=False), metavar="FOLDER", help="Folder to write the curves to, as SVG."
)
@click.option("--calibrate", type=click.Choice([_FIT, _RESET]), is_flag=False, flag_value=_FIT,
              help="Fit the scores of this collection to your labels; `reset` undoes that.")  # fmt: skip
@home_option
@json_option
def evaluate(
    collection: str,
    label: str | None,
    match: str | None,
    pairs: str | None,
    queries: int,
    space: str | None,
    verify: int | None,
    against: str | None,
    against_space: str | None,
    against_verify: int | None,
    plots: str | None,
    calibrate: str | None,
    home: str | None,
    as_json: bool,
) -> int:
    """Measure how well searches answer, judged by your own labels.

    Name what to judge by: --label, --match or --pairs. Exit code 3 when some pairs name records that are not there.

    \b
    Example:
      lookalike evaluate --label category --plots plots/
      lookalike evaluate --label category --against-space copy
      lookalike evaluate --label product_id --calibrate
      lookalike evaluate --calibrate reset
    """
    beside: dict[str, Any] = {
        "space": against_space or space,
        "verify": verify if against_verify is None else against_verify,
    }
    has_second = against is not None or against_space is not None or against_verify is not None
    if calibrate is not None and (has_second or space or verify is not None):
        raise InputError("--calibrate fits the collection's own scores: leave --space, --verify and --against out.")
    judged_by: dict[str, Any] = {"label": label, "match": match, "pairs": _pairs(pairs)}
    opened = open_to_read(home, collection) if calibrate is None else open_library_at(home)
    with opened as library:
        target = library.collection(collection)
        if calibrate == _RESET:
            return _reset(target, as_json)
        with bar("asking", "queries") as tell:
            if calibrate == _FIT:
                found = target.calibrate(**judged_by, queries=queries, on_progress=tell)
            else:
                found = target.evaluate(**judged_by, queries=queries, space=space, verify=verify, on_progress=tell)
        shown: Evaluation | Contrast = found
        if has_second:
            other = target if against is None else library.collection(against)
            again = judged_by | {"pairs": _pairs(pairs)}  # what was read once is used up
            given = {"space": against_space, "verify": against_verify}
            options = {name: f"--against-{name}" for name, value in given.items() if value is not None}
            with options_called(options), bar("asking the other", "queries") as tell:
                second = other.evaluate(**again, **beside, queries=found.asked, on_progress=tell)
            shown = found.against(second)
        _write_charts(plots, shown.charts())
        if as_json:
            print_json(evaluation_form(found) if shown is found else contrast_form(shown))  # type: ignore[arg-type]
        else:
            click.echo(str(shown))
        return SOME_FAILED if found.failed else DONE


def evaluation_form(found: Evaluation) -> dict[str, Any]:
    """Return an evaluation as JSON; null stands for what could not be measured."""
    curve = found.curve
    columns = {"threshold": curve.thresholds, "precision": curve.precision, "recall": curve.recall}
    return {
        "collection": found.collection,
        "setting": found.setting,
        "space": found.space,
        "labels": found.labels,
        "records": found.records,
        "queries": len(found.asked),
        "alone": found.alone,
        "figures": _measures(found.measures),
        "thresholds": [
            {"for": t.told, "threshold": t.score, "precision": _known(t.precision), "recall": _known(t.recall)}
            for t in found.thresholds
        ],
        "bands": [
            {"name": b.name, "from": b.low, "right": b.right, "wrong": b.wrong, "precision": _known(b.precision)}
            for b in found.bands
        ],
        "calibration_error": _known(found.calibration_error),
        "index": {"method": found.index_method, "recall": found.index_recall},
        "curve": {name: [_known(value) for value in column.tolist()] for name, column in columns.items()},
        "failed": [{"source": f.source, "code": f.code, "message": f.message} for f in found.failed],
    }


def contrast_form(found: Contrast) -> dict[str, Any]:
    """Return two evaluations side by side as JSON."""
    return {
        "first": evaluation_form(found.first),
        "second": evaluation_form(found.second),
        "differences": _measures(found.differences),
    }


def _measures(measures: tuple[Measure, ...]) -> dict[str, Any]:
    return {m.name: {"value": _known(m.value), "low": _known(m.low), "high": _known(m.high)} for m in measures}


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def _pairs(path: str | None) -> Any:
    from .tables import read_pairs

    return None if path is None else read_pairs(Path(path))


def _reset(target: Collection, as_json: bool) -> int:
    was = target.uncalibrate()
    if as_json:
        print_json({"collection": target.name, "calibration": None, "was_calibrated": was})
    else:
        click.echo(f'"{target.name}" scores as built in' + ("" if was else ", as before"))
    return DONE


def _write_charts(folder: str | None, charts: Mapping[str, str]) -> None:
    if folder is None:
        return
    disk.make_folder(Path(folder))
    for name, drawn in charts.items():
        disk.replace_text(Path(folder) / f"{name}.svg", drawn)
    click.echo(f"wrote {counted(len(charts), 'chart')} to {folder}", err=True)
