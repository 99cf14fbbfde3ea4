"""A cache of the last few results, valid for one version of the store."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

_KEPT = 8

T = TypeVar("T")


class Recent(Generic[T]):
    """The last few rankings, by question and version of the store. May be used from many threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[bytes, int], T] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, digest: bytes, version: int) -> T | None:
        """Return what was kept for a question, when nothing was written since."""
        with self._lock:
            if (digest, version) not in self._kept:
                return None
            self._kept.move_to_end((digest, version))
            return self._kept[digest, version]

    def keep(self, digest: bytes, version: int, ranking: T) -> None:
        """Keep a ranking in place of the one that was asked for longest ago."""
        with self._lock:
            self._kept[digest, version] = ranking
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
