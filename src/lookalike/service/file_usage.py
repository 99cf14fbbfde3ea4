"""The usage of the storage: how many bytes its files take, in all and by the key that wrote them.

The files are counted once; from then on what is written and removed is added up, and counted anew now and then, since
people may move files by hand. Who wrote a file is kept only for keys that have a quota to hold, a row a file, in the
service store: without it nothing is lost but whose quota a file counts against.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from .. import disk
from .store import open_store

_RECOUNT_S = 3600.0


class FileUsage:
    """The bytes of the files below a root of a home.

    May be used from many threads; one process at a time changes the files.
    """

    def __init__(self, root: Path, home: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._root, self._store, self._clock = root, open_store(home), clock
        self._lock = threading.RLock()
        self._counted_at = float("-inf")
        self._total = 0
        self._files: dict[str, tuple[str, int]] = {}  # path -> owner and size, of files that have an owner
        self._owned: Counter[str] = Counter()  # bytes by owner

    def total(self) -> int:
        """Return the bytes of all files."""
        with self._lock:
            self._refresh()
            return self._total

    def of(self, owner: str) -> int:
        """Return the bytes of the files that an owner wrote."""
        with self._lock:
            self._refresh()
            return self._owned[owner]

    def owner_of(self, path: str) -> str | None:
        """Return who wrote a file; None for nobody whose quota counts."""
        with self._lock:
            self._refresh()
            return self._files.get(path, (None, 0))[0]

    def changed(self, path: str, before: int, after: int, owner: str | None) -> None:
        """Count a file that was written (`after` bytes in place of `before`) or removed (`after` 0, without owner)."""
        with self._lock:
            if not self._refresh():  # else the change is among what was counted just now
                self._total = max(0, self._total + after - before)
            held, size = self._files.pop(path, (None, 0))
            if held is not None:
                self._owned[held] -= size
            if owner is not None:
                self._files[path] = owner, after
                self._owned[owner] += after
            if held != owner:
                self._note(path, owner)

    def _refresh(self) -> bool:
        """Count all files where that was never done, or long ago; say whether it was done."""
        if self._clock() - self._counted_at < _RECOUNT_S:
            return False
        counted_at, sizes = self._clock(), dict(_sizes(self._root))
        self._total = sum(sizes.values())
        with self._store.reading() as rows:
            owners = {row.name: row.value["key"] for row in rows.all("file")}
        self._files = {path: (owner, sizes.get(path, 0)) for path, owner in owners.items()}  # some moved by hand
        self._owned = Counter()
        for owner, size in self._files.values():
            self._owned[owner] += size
        self._counted_at = counted_at
        return True

    def _note(self, path: str, owner: str | None) -> None:
        with self._store.writing() as rows:
            if owner is None:
                rows.remove("file", path)
            else:
                rows.put("file", path, {"key": owner})


def _sizes(folder: Path, above: str = "") -> Iterator[tuple[str, int]]:
    """Return path and size of all files below a folder."""
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_dir():
            yield from _sizes(Path(entry.path), f"{above}{entry.name}/")
        elif not disk.is_partial(entry.name):
            with suppress(FileNotFoundError):
                yield f"{above}{entry.name}", entry.stat().st_size
