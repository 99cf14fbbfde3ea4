"""The shared base of the parts of `Collection`: store, describer, verifier."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import SourceError
from ..limits import MOST, check_count
from ..records import CollectionSpec, Entry, Record
from .decisions.decisions import Decisions
from .features.describer import THUMBNAIL_SIDE_PX, Describer
from .features.spaces import copy_space_of
from .ingest.local_files import path_of
from .ingest.pipeline import Item
from .ingest.spellings import all_as_stored, as_stored
from .relations.verification import Verifier
from .scores.scales import Scales
from .search.examples import ExampleReader
from .search.searcher import Searcher

if TYPE_CHECKING:
    from ..stores import Store
    from .decisions.ledger import Ledger


class CollectionBase:
    """A collection by its store; the parts that people use build on it."""

    def __init__(self, store: Store, describer: Describer, ledger: Ledger) -> None:
        self._store = store
        self._describer = describer
        self._decisions = Decisions(store, ledger)
        self._scales = Scales(store)
        self._verifier = Verifier(store, describer, self.thumbnail, self._scales.maps)
        # As it stands when it is opened: for name, type, encoder, spaces and what it keeps, which never change.
        self._made = store.spec
        self._space_names = tuple(space.name for space in self._made.spaces)
        self._examples = ExampleReader(store, describer, self._verifier, made=self._made, space=self._ranking_space)
        most = describer.settings.limits.max_limit
        self._searcher = Searcher(store, self._examples, self._scales, made=self._made, most=most)

    @property
    def spec(self) -> CollectionSpec:
        """What the collection is: name, type, what it keeps, its encoder, its declared fields."""
        return self._store.spec

    @property
    def name(self) -> str:
        """The collection's name."""
        return self._made.name

    @property
    def is_there(self) -> bool:
        """Whether it is still on disk as it was opened."""
        return self._store.is_there

    @property
    def version(self) -> int:
        """A number that every write raises."""
        return self._store.version

    @property
    def decisions(self) -> Decisions:
        """What people decided about its records: keep, delete, no duplicate, later."""
        return self._decisions

    def get_many(self, record_ids: Sequence[str]) -> dict[str, Record]:
        """Return the records that are there, by the id that was asked for."""
        stored = all_as_stored(self._store, record_ids)
        found = self._store.get(stored)
        return {one: found[id] for one, id in zip(record_ids, stored, strict=True) if id in found}

    def thumbnail(self, record_id: str, *, side_px: int = THUMBNAIL_SIDE_PX) -> bytes | None:
        """Return a small JPEG to show: the one that is kept, or one made from the source file; None without either."""
        check_count("side_px", side_px, least=1, most=MOST)
        kept = self.kept_thumbnail(record_id)
        if kept is not None:
            return kept
        record = self.get_many([record_id]).get(record_id)
        path = None if record is None else path_of(record)
        if path is None:
            return None
        try:
            return self._describer.thumbnail(path, side_px)
        except SourceError:
            return None

    def kept_thumbnail(self, record_id: str) -> bytes | None:
        """Return the small JPEG that is kept of a record; None where none is."""
        return self._store.thumbnail(as_stored(self._store, record_id))

    def _entry(self, item: Item) -> Entry:
        entry = self._describer.entry(item, self._made.keep)
        held = {name: vector for name, vector in entry.vectors.items() if name in self._space_names}
        return dataclasses.replace(entry, vectors=held)

    @property
    def _ranking_space(self) -> str:
        return self._space_names[0]

    @property
    def _copy_space(self) -> str:
        return copy_space_of(self._space_names)
