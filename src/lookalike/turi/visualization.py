"""Showing tables and images: in a notebook, or as a page that the browser opens; without a display nothing breaks."""

from __future__ import annotations

import base64
import html
import os
import sys
import tempfile
import webbrowser
from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING, Any

from .image import Image
from .printing import cell_text

if TYPE_CHECKING:
    from .sframe import SFrame

MAX_ROWS = 500  # of a page: with thumbnails about 3 MB

_TARGETS = ("auto", "browser", "gui", "none")
_SIDE_PX = 128
_CELL_CHARS = 200
_STYLE = (
    "<style>.sframe{border-collapse:collapse;font:13px/1.4 system-ui,sans-serif}"
    ".sframe th,.sframe td{border:1px solid #dfe3ec;padding:4px 10px;text-align:center;overflow-wrap:anywhere}</style>"
)

_target = "auto"


def set_target(target: str = "auto") -> None:
    """Choose where `show` and `explore` show: "auto" (a notebook, else the browser), "browser", or "none".

    "gui" is taken as "browser": there is no window of its own here.

    Raises:
        ValueError: for anything else.
    """
    global _target
    if target not in _TARGETS:
        raise ValueError(f"target={target!r} is unknown: pass {', '.join(_TARGETS)}.")
    _target = target


def show_table(title: str, frame: SFrame) -> None:
    """Show the first rows of a table, pictures as thumbnails."""
    if _target != "none":
        _show(title, table_html(frame, most=MAX_ROWS))


def show_images(title: str, images: Iterable[Image]) -> None:
    """Show images in full size."""
    if _target != "none":
        _show(title, "".join(_picture(image, None) for image in images))


def table_html(frame: SFrame, *, most: int) -> str:
    """Return the first rows of a table as HTML with its own style."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in frame.column_names())
    rows = "".join(
        "<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row.values()) + "</tr>" for row in frame.head(most)
    )
    more = "" if len(frame) <= most else f" The first {most} are shown."
    size = f"{len(frame)} rows x {len(frame.column_names())} columns.{more}"
    return f'{_STYLE}<table class="sframe"><tr>{head}</tr>{rows}</table><p>{size}</p>'


def _cell(value: Any) -> str:
    if isinstance(value, Image):
        return _picture(value, _SIDE_PX)
    return html.escape(cell_text(value, _CELL_CHARS))


def _picture(image: Image, side_px: int | None) -> str:
    if image.channels == 0:
        return "no picture"
    picture = image.to_pillow()
    if side_px is not None:
        picture.thumbnail((side_px, side_px))
    buffer = BytesIO()
    picture.save(buffer, format="PNG" if picture.mode == "RGBA" else "JPEG")
    kind = "png" if picture.mode == "RGBA" else "jpeg"
    return f'<img alt="" src="data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode("ascii")}">'


def _show(title: str, fragment: str) -> None:
    if _target == "auto" and _in_notebook():
        from IPython.display import HTML, display

        display(HTML(fragment))
        return
    page = f"<!doctype html><meta charset=utf-8><title>{html.escape(title)}</title>{fragment}\n"
    with tempfile.NamedTemporaryFile("w", suffix=".html", prefix="lookalike-", encoding="utf-8", delete=False) as file:
        file.write(page)
    print(f"{title}: see {file.name}")
    if _has_display():
        webbrowser.open(f"file://{file.name}")


def _in_notebook() -> bool:
    """Return whether a Jupyter kernel runs this; IPython is never imported for it."""
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and type(shell).__name__ in ("ZMQInteractiveShell", "Shell")


def _has_display() -> bool:
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
