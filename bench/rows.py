"""A row of the benchmark table: a figure, what it stands against, and the goal it has to meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Sign = Literal[">=", "<="]
_HEADS = ("benchmark", "what", "figure", "unit", "against", "its figure", "ratio", "goal", "met")


@dataclass(frozen=True)
class Goal:
    """A bound on a row's figure, on its ratio to what it stands against, or on what it costs more than that."""

    sign: Sign
    bound: float
    of: Literal["figure", "ratio", "excess"] = "figure"

    def __str__(self) -> str:
        name = {"figure": "", "ratio": "ratio ", "excess": "excess "}[self.of]
        return f"{name}{self.sign} {self.bound:g}"

    def is_met(self, figure: float, against: float | None) -> bool | None:
        """Say whether a figure reaches the goal; None when what it stands against was not measured."""
        if self.of == "figure":
            value = figure
        elif against is None:
            return None
        else:
            value = figure / against if self.of == "ratio" else figure - against
        return value >= self.bound if self.sign == ">=" else value <= self.bound


@dataclass(frozen=True)
class Row:
    """One line of the table; `figure` is None for what could not be measured, and `note` says why."""

    benchmark: str
    what: str
    figure: float | None
    unit: str = ""
    against: str = ""
    against_figure: float | None = None
    goal: Goal | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The figure in units of what it stands against."""
        if self.figure is None or not self.against_figure:
            return None
        return self.figure / self.against_figure

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without a goal or a figure."""
        if self.goal is None or self.figure is None:
            return None
        return self.goal.is_met(self.figure, self.against_figure)

    def form(self) -> dict[str, Any]:
        """Give the row for JSON."""
        goal = None if self.goal is None else str(self.goal)
        return asdict(self) | {"ratio": self.ratio, "goal": goal, "met": self.met}


def table(rows: Sequence[Row]) -> str:
    """Give the rows as aligned text, with the notes below."""
    notes: list[str] = []
    cells = [_cells(row, notes) for row in rows]
    widths = [max(len(line[i]) for line in [_HEADS, *cells]) for i in range(len(_HEADS))]
    lines = [_line(line, widths) for line in [_HEADS, tuple("-" * width for width in widths), *cells]]
    return "\n".join([*lines, "", *(f"[{i}] {note}" for i, note in enumerate(notes, start=1))])


def _cells(row: Row, notes: list[str]) -> tuple[str, ...]:
    if row.note and row.note not in notes:
        notes.append(row.note)
    mark = f" [{notes.index(row.note) + 1}]" if row.note else ""
    return (
        row.benchmark,
        row.what + mark,
        _number(row.figure),
        row.unit,
        row.against,
        _number(row.against_figure),
        "" if row.ratio is None else f"{row.ratio:.2f}",
        "" if row.goal is None else str(row.goal),
        {True: "yes", False: "NO", None: ""}[row.met],
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    right = {2, 5, 6}
    parts = [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))]
    return "  ".join(parts).rstrip()


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
