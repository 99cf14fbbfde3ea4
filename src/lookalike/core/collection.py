"""A collection: records under one name and one encoder, with everything a caller may do with them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..arguments import checked_methods, is_text
from ..records import Record
from ..rendering import counted
from .additions import Additions
from .contents import Contents
from .features.describer import Describer
from .ingest.spellings import as_stored
from .queries import Queries
from .review.review import Review
from .upkeep import Upkeep

if TYPE_CHECKING:
    from ..stores import Store
    from .decisions.ledger import Ledger


@checked_methods
class Collection(Additions, Queries, Contents, Upkeep):
    """Records under one name: add pictures, ask what looks like one, keep metadata, find duplicates.

    Made by `Library.collection`. May be used from many threads.
    """

    def __init__(self, store: Store, describer: Describer, ledger: Ledger) -> None:
        super().__init__(store, describer, ledger)
        self._review = Review(self)

    def within(self, collections: Sequence[str]) -> Collection:
        """Return this collection for a caller who speaks for some collections only; none of them means all.

        What is decided or noted through it holds in these collections, and changes nothing in any other.
        """
        bound = copy.copy(self)
        bound._decisions = self._decisions.within(collections)
        return bound

    @property
    def review(self) -> Review:
        """Its duplicate groups, as people go through them."""
        return self._review

    def __len__(self) -> int:
        return self._store.count()

    def __contains__(self, record_id: object) -> bool:
        return is_text(record_id) and bool(self._store.keys([as_stored(self._store, record_id)]))

    def __iter__(self) -> Iterator[Record]:
        return self._store.scan()

    def __getitem__(self, record_id: str) -> Record:
        return self.get(record_id)

    def __repr__(self) -> str:
        return f"<lookalike collection {self.name!r}: {counted(len(self), 'record')}, type {self._made.type}>"
