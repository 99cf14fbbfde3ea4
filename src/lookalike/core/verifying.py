"""Verification: the relations of stored records to a picture, or to each other, by what is kept of them.

A record is looked at by its kept thumbnail, else by its source file; without either only its bytes and vectors speak.
The last few looks are kept in memory, as finding the local features of a picture takes longer than comparing two.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .. import intake
from ..errors import SourceError
from .relations import SAME_PICTURE, Look, look_of, relate
from .threads import in_order

if TYPE_CHECKING:
    from ..stores import Store
    from ..values import Record, Relation
    from .describer import Describer, Description
    from .ranking import Ranking

Relate: TypeAlias = "Callable[[Sequence[int]], Mapping[int, Relation]]"

_LOOKS_KEPT = 400  # of about 0.3 MB each


class Verified:
    """The relations of the first rows of a ranking to its picture.

    Attributes:
        relations: What is known so far, by key.
    """

    def __init__(self, relate: Relate, most: int) -> None:
        self.relations: dict[int, Relation] = {}
        self._relate, self._most = relate, most

    def look_at(self, ranking: Ranking, rows: Sequence[int]) -> None:
        """Relate some rows, as far as they are among the first."""
        keys = ranking.keys[[row for row in rows if row < self._most]].tolist()
        missing = [key for key in keys if key not in self.relations and key not in ranking.same]
        if missing:
            self.relations.update(self._relate(missing))

    def copies_first(self, ranking: Ranking) -> Ranking:
        """Put the copies among the first rows before all others, the surest first; scores stay as they are."""
        head = range(min(self._most, len(ranking.keys)))
        self.look_at(ranking, head)
        order = sorted(head, key=lambda row: -self._sureness(ranking, int(ranking.keys[row])))
        rows = np.append(np.array(order, np.int64), np.arange(len(order), len(ranking.keys)))
        columns = ("keys", "scores", "distances", "visual", "overlaps")
        return replace(ranking, **{name: getattr(ranking, name)[rows] for name in columns})

    def _sureness(self, ranking: Ranking, key: int) -> float:
        if key in ranking.same:
            return 1.0
        found = self.relations.get(key)
        return round(found.confidence, 2) if found is not None and found.kind in SAME_PICTURE else 0.0


class Verifier:
    """Relates the records of one collection. May be used from many threads.

    Args:
        thumbnail: Gives the small JPEG of a record by its id, or None.
    """

    def __init__(self, store: Store, describer: Describer, thumbnail: Callable[[str], bytes | None]) -> None:
        self._store, self._describer, self._thumbnail = store, describer, thumbnail
        self._looks: OrderedDict[tuple[int, str], Look] = OrderedDict()
        self._lock = threading.Lock()

    def look(self, key: int) -> Look | None:
        """Give the look of a stored record; None when it is not there."""
        record = self._store.records([key]).get(key)
        if record is None:
            return None
        name = (key, record.content_hash)  # a record with another picture has another key; the hash is for safety
        with self._lock:
            if name in self._looks:
                self._looks.move_to_end(name)
                return self._looks[name]
        look = self._looked_at(key, record)
        with self._lock:
            self._looks[name] = look
            while len(self._looks) > _LOOKS_KEPT:
                self._looks.popitem(last=False)
        return look

    def look_at(self, seen: Description, source: Any) -> Look:
        """Give the look of a picture that was just described, with its small version."""
        return look_of(
            seen.pixels,
            content_hash=seen.content_hash,
            format=seen.format,
            size_px=seen.size_px,
            vectors=seen.vectors,
            pixel_hash=lambda: self._describer.pixel_hash(source),
        )

    def relations(self, look: Look, keys: Sequence[int]) -> dict[int, Relation]:
        """Relate stored records to a picture; those are left out that are not there or say nothing.

        Cost: about 20 ms of one core for each, and 20 ms for each that was not looked at lately.
        """

        def of_key(key: int) -> tuple[int, Relation | None]:
            other = self.look(key)
            return key, None if other is None else relate(look, other)

        workers = min(self._describer.settings.workers, max(1, len(keys)))
        return {key: found for key, found in in_order(of_key, keys, workers=workers) if found is not None}

    def relate(self, ours: int, theirs: int) -> Relation | None:
        """Relate two stored records; None when one is not there, or there is nothing to go by."""
        a, b = self.look(ours), self.look(theirs)
        return None if a is None or b is None else relate(a, b)

    def _looked_at(self, key: int, record: Record) -> Look:
        return look_of(
            self._pixels(record),
            content_hash=record.content_hash or f"no bytes: {key}",
            format=record.format,
            size_px=record.size_px,
            vectors=dict(self._vectors(key)),
            pixel_hash=lambda: self._pixel_hash(record),
        )

    def _vectors(self, key: int) -> Iterator[tuple[str, Any]]:
        for space in self._store.spec.spaces:
            found = self._store.vectors(space.name, [key])
            if key in found:
                yield space.name, found[key]

    def _pixels(self, record: Record) -> Any:
        small = self._thumbnail(record.id)
        if small is None:
            return None
        return intake.read(small, limits=self._describer.settings.limits).pixels

    def _pixel_hash(self, record: Record) -> str | None:
        """Hash the pixels in full size, where the collection keeps them or the file is still what it was."""
        source: Any = self._store.original(record.id)
        if source is None:
            source = record.source if record.stamp else None
        if source is None:
            return None
        try:
            return self._describer.pixel_hash(source)
        except SourceError:
            return None
