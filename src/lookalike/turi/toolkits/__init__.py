"""Where Turi Create keeps its error; nothing else is here."""

from __future__ import annotations

from . import _main

__all__ = ["_main"]
