"""Line charts of shares as SVG, written by hand: values in, text out, no I/O."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 560, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 150, 44, 48
_COLORS = ("#2f6fed", "#d9622b", "#2a9d6f", "#8d5bd1")
_TICKS = 5
_NAME_CHARS = 18  # of a line's name beside the chart; there is no room for more


@dataclass(frozen=True)
class Line:
    """One line of a chart: its name and its points (x, y), each from 0 to 1."""

    name: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False
    dotted: bool = False  # marks on the points, as for a few measured ones


def line_chart(title: str, x: str, y: str, lines: Sequence[Line]) -> str:
    """Draw lines over the unit square, with its axes and a legend, as an SVG that stands alone.

    Example:
        >>> line_chart("Precision", "recall", "precision", [Line("a", [(0, 1), (1, 0)])])[:4]
        '<svg'
    """
    drawn = "".join(_line(line, _COLORS[place % len(_COLORS)], place) for place, line in enumerate(lines))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="system-ui,sans-serif" font-size="12" role="img"><title>{html.escape(title)}</title>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        f'<text x="{_LEFT}" y="24" font-size="15" fill="#1d2230">{html.escape(title)}</text>'
        f"{_grid(x, y)}{drawn}</svg>\n"
    )


def _grid(x: str, y: str) -> str:
    parts = []
    for tick in range(_TICKS + 1):
        share = tick / _TICKS
        (left, top), (right, bottom) = _place(0, share), _place(1, share)
        parts.append(f'<path d="M{left} {top}H{right}" stroke="#dfe3ec"/>')
        parts.append(f'<text x="{left - 8}" y="{bottom + 4}" text-anchor="end" fill="#5a6275">{share:g}</text>')
        across, _ = _place(share, 0)
        parts.append(f'<path d="M{across} {_place(0, 1)[1]}V{_place(0, 0)[1]}" stroke="#eef0f5"/>')
        below = HEIGHT - _BOTTOM + 18
        parts.append(f'<text x="{across}" y="{below}" text-anchor="middle" fill="#5a6275">{share:g}</text>')
    middle_x, middle_y = _place(0.5, 0.5)
    parts.append(f'<text x="{middle_x}" y="{HEIGHT - 10}" text-anchor="middle">{html.escape(x)}</text>')
    turned = f'x="16" y="{middle_y}" text-anchor="middle" transform="rotate(-90 16 {middle_y})"'
    parts.append(f"<text {turned}>{html.escape(y)}</text>")
    return "".join(parts)


def _line(line: Line, color: str, number: int) -> str:
    places = [_place(x, y) for x, y in line.points]
    dashes = ' stroke-dasharray="5 4"' if line.dashed else ""
    path = " ".join(f"{x},{y}" for x, y in places)
    marks = "".join(f'<circle cx="{x}" cy="{y}" r="3" fill="{color}"/>' for x, y in places) if line.dotted else ""
    at_x, at_y = WIDTH - _RIGHT + 14, _TOP + 10 + 18 * number
    legend = (
        f'<path d="M{at_x} {at_y - 4}h18" stroke="{color}" stroke-width="2"{dashes}/>'
        f'<text x="{at_x + 24}" y="{at_y}">{html.escape(line.name[:_NAME_CHARS])}</text>'
    )
    return f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"{dashes}/>{marks}{legend}'


def _place(x: float, y: float) -> tuple[float, float]:
    """Return the pixels of a point of the unit square."""
    wide, high = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
    return round(_LEFT + x * wide, 1), round(_TOP + (1 - y) * high, 1)
