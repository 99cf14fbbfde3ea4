"""Dialects: other services' APIs, spoken by us on the same port, each a module over the same core."""

from __future__ import annotations

from . import aspose, imagecompare, watson, ximilar
from .wire import Dialect

DIALECTS: tuple[Dialect, ...] = (aspose.DIALECT, watson.DIALECT, ximilar.DIALECT, imagecompare.DIALECT)


def dialect_of(method: str, path: str) -> Dialect | None:
    """Return the dialect that a request is for; None for our own interface."""
    return next((dialect for dialect in DIALECTS if dialect.covers(method, path)), None)
