"""A bound on how many stores of a home are open; those used last stay.

A store that rests holds no file and no index; its next call wakes it. One with a call under way never rests: each call
borrows a connection, and that is its lease.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Protocol

_HANDLES_EACH = 8  # of files, for a store that one thread uses; a server has sockets, too
_LEAST = 4


class Sleeper(Protocol):
    """A store that can rest."""

    def rest(self) -> bool:
        """Let go of all files and the index; False when a call is under way."""
        ...


class OpenStores:
    """The stores that are awake. May be used from many threads.

    Args:
        most: How many may be awake and not in use; fewer where the process may have few files open.
    """

    def __init__(self, most: int) -> None:
        self.most = max(_LEAST, min(most, _most_files() // _HANDLES_EACH))
        self._stores: OrderedDict[int, Sleeper] = OrderedDict()
        self._newest: Sleeper | None = None
        self._lock = threading.Lock()

    def touch(self, store: Sleeper) -> None:
        """Note that a store is used now, and let those rest that were not used for longest."""
        if self._newest is store:
            return
        with self._lock:
            self._stores[id(store)] = self._newest = store
            self._stores.move_to_end(id(store))
            oldest = list(self._stores.values())[: -self.most] if len(self._stores) > self.most else []
        for other in oldest:
            if other.rest():
                self.forget(other)

    def forget(self, store: Sleeper) -> None:
        """Note that a store holds no files any more."""
        with self._lock:
            self._stores.pop(id(store), None)
            if self._newest is store:
                self._newest = None


def _most_files() -> int:
    """Return how many files this process may have open."""
    try:
        import resource
    except ImportError:  # not on Windows
        return 512
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 1 << 20 if soft == resource.RLIM_INFINITY else soft
