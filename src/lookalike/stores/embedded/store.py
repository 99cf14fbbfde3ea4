"""The embedded store of one collection: a SQLite database, and an index derived from it."""

from __future__ import annotations

from .keeper import Keeper
from .searcher import Searcher
from .writer import Writer


class EmbeddedStore(Writer, Searcher, Keeper):
    """A Store in a folder. Made by EmbeddedStores, or over a backup's folder."""
