"""Plain values as text tables and as HTML contact sheets: strings in, strings out, no I/O."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

_STYLE = """
.lookalike{font:14px/1.4 system-ui,sans-serif;color:#1d2230;max-width:1200px;margin:0 auto;padding:16px}
.lookalike h1{font-size:22px;margin:8px 0 2px}.lookalike h2{font-size:17px;margin:28px 0 2px}
.lookalike p{margin:2px 0 12px;color:#5a6275}
.lookalike .row{display:flex;flex-wrap:wrap;gap:12px}
.lookalike figure{margin:0;width:154px;background:#fff;border:1px solid #dfe3ec;border-radius:10px;overflow:hidden}
.lookalike figure.query{border:2px solid #2f6fed}
.lookalike .frame{width:100%;height:144px;background:#f3f5f9;display:flex;align-items:center;justify-content:center}
.lookalike img{max-width:100%;max-height:144px;object-fit:contain;display:block}
.lookalike figcaption{padding:8px 10px;font-size:12.5px;overflow-wrap:anywhere}
.lookalike b{display:block}.lookalike small{color:#5a6275}
.lookalike i{color:#8a91a3;font-size:12px}
@media (prefers-color-scheme:dark){
body.sheet{background:#14161c}.lookalike{color:#e8eaf0}.lookalike p,.lookalike small{color:#a3aabb}
.lookalike figure{background:#1d2029;border-color:#333846}.lookalike .frame{background:#262a35}}
"""


PictureOf = Callable[[str], bytes | None]  # record id -> JPEG bytes to show, or None


def no_picture(_: str) -> bytes | None:
    """Show nothing, where no picture is at hand."""
    return None


@dataclass(frozen=True)
class Card:
    """One picture of a sheet: JPEG bytes (None: nothing to show), a bold title and a line below."""

    picture: bytes | None
    title: str
    line: str = ""
    is_query: bool = False


@dataclass(frozen=True)
class Section:
    """A row of cards under a heading."""

    heading: str
    text: str
    cards: Sequence[Card]


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun, in the plural where it is not one: "1 file", "2,000 files", "0 files"."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def text_table(header: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Lay out a table in fixed-width text; columns named in `right` are set flush right.

    Example:
        >>> print(text_table(["rank", "id"], [["1", "a.jpg"]], right=[0]))
        rank  id
           1  a.jpg
    """
    table = [list(header), *[list(row) for row in rows]]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    lines = []
    for row in table:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def html_fragment(sections: Iterable[Section]) -> str:
    """Lay out sections as a piece of HTML with its own style, for a notebook or a page."""
    return f'<style>{_STYLE}</style><div class="lookalike">{"".join(map(_section, sections))}</div>'


def html_page(title: str, text: str, sections: Iterable[Section]) -> str:
    """Lay out a whole page that needs nothing from outside: pictures are inside it."""
    body = "".join(map(_section, sections))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>body{{margin:0;background:#fafbfd}}{_STYLE}</style></head>"
        f'<body class="sheet"><main class="lookalike"><h1>{html.escape(title)}</h1><p>{html.escape(text)}</p>'
        f"{body}</main></body></html>\n"
    )


def table_fragment(text: str, charts: Iterable[str]) -> str:
    """Lay out text tables and drawn charts as a piece of HTML, for a notebook."""
    return f'<style>{_STYLE}</style><div class="lookalike"><pre>{html.escape(text)}</pre>{"".join(charts)}</div>'


def size_text(count: float) -> str:
    """Write a number of bytes for people.

    Example:
        >>> size_text(2_300_000)
        '2.3 MB'
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError("the loop always returns")


def _section(section: Section) -> str:
    heading = f"<h2>{html.escape(section.heading)}</h2>" if section.heading else ""
    text = f"<p>{html.escape(section.text)}</p>" if section.text else ""
    return f'<section>{heading}{text}<div class="row">{"".join(map(_card, section.cards))}</div></section>'


def _card(card: Card) -> str:
    picture = "<i>no picture kept</i>"
    if card.picture is not None:
        encoded = base64.b64encode(card.picture).decode("ascii")
        picture = f'<img alt="{html.escape(card.title)}" src="data:image/jpeg;base64,{encoded}">'
    kind = ' class="query"' if card.is_query else ""
    return (
        f'<figure{kind}><div class="frame">{picture}</div><figcaption><b>{html.escape(card.title)}</b>'
        f"<small>{html.escape(card.line)}</small></figcaption></figure>"
    )
