"""The usage of the storage: how many bytes its files take, in all and by the key that wrote them.

The files are counted once; from then on what is written and removed is added up, and counted anew now and then, since
people may move files by hand. Who wrote a file is kept only for keys that have a quota to hold, a line a change, in
`HOME/files-owners.jsonl`: without it nothing is lost but whose quota a file counts against.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from .. import disk

NOTES = "files-owners.jsonl"

_RECOUNT_S = 3600.0
_LINES_KEPT = 1000  # more than this, and twice those that count, are worth writing anew


class FileUsage:
    """The bytes of the files below a root. May be used from many threads; one process at a time changes the files."""

    def __init__(self, root: Path, notes: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._root, self._notes, self._clock = root, notes, clock
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
        self._counted_at = self._clock()
        sizes = dict(_sizes(self._root))
        self._total = sum(sizes.values())
        owners, lines = self._noted()
        self._files = {path: (owner, sizes[path]) for path, owner in owners.items() if path in sizes}
        self._owned = Counter()
        for owner, size in self._files.values():
            self._owned[owner] += size
        if lines > _LINES_KEPT + 2 * len(self._files):
            kept = [json.dumps({"path": path, "key": owner}) for path, (owner, _) in sorted(self._files.items())]
            disk.replace_text(self._notes, "".join(f"{line}\n" for line in kept), mode=disk.PRIVATE)
        return True

    def _noted(self) -> tuple[dict[str, str], int]:
        """Read the notes: the owner of each path, and how many lines there are. A broken line says nothing."""
        owners: dict[str, str] = {}
        lines: list[bytes] = []
        with suppress(FileNotFoundError):
            lines = self._notes.read_bytes().splitlines()
        for line in lines:
            with suppress(ValueError, TypeError, KeyError):
                told = json.loads(line)
                owners.pop(told["path"], None)
                if told["key"] is not None:
                    owners[told["path"]] = told["key"]
        return owners, len(lines)

    def _note(self, path: str, owner: str | None) -> None:
        disk.make_folder(self._notes.parent, private=True)
        is_first = not self._notes.exists()
        with open(self._notes, "ab", opener=disk.open_private) as stream:
            stream.write(json.dumps({"path": path, "key": owner}).encode() + b"\n")
            disk.sync_stream(stream)
        if is_first:
            disk.sync(self._notes.parent)


def _sizes(folder: Path, above: str = "") -> Iterator[tuple[str, int]]:
    """Give path and size of all files below a folder."""
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
