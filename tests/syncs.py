"""What a trace of system calls says of a loss of power: which bytes and which names were forced to disk, and when.

A file lasts when its bytes are forced (fsync of the file) and when its name is (fsync of the folder that holds it,
after the name came to be); a removal or a rename lasts when the folders are forced. `Disk` follows that, call by call,
for all below some folders. It knows no file by name; what counts for nothing is said here, once:

- **Derived** (`/index/` of a collection): it may be deleted at any time, and costs only the time to make it again.
- **Begun** (`disk.is_partial`): a file that is still being written, has a name that says so: nothing reads
  it, and what was acknowledged is in none of them.
- **Leases** (`/leases/` of a home): locks of processes that are at work; after a loss of power nobody holds any.
- **SQLite's own** `-shm` is memory, and an empty `-wal` says nothing. That `-wal` and `-journal` go is not forced, and
  need not be: what was in them is in the database by then, and reading them again writes the same pages. Their
  bytes and names do count, and so do the bytes of the database: with journal_mode=WAL and synchronous=FULL a commit has
  forced the log, and a checkpoint forces the log before it writes the database, and the database before it forgets the
  log.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lookalike.disk import is_partial

CALLS = (
    "open,openat,creat,write,pwrite64,writev,pwritev,pwritev2,copy_file_range,sendfile,ftruncate,truncate,fallocate,"
    "fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,link,linkat,symlink,symlinkat,"
    "sendto,sendmsg"
)
_WRITES = {
    "write",
    "pwrite64",
    "writev",
    "pwritev",
    "pwritev2",
    "copy_file_range",
    "sendfile",
    "ftruncate",
    "fallocate",
}
_LINE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+|\?)")
_BEGUN = re.compile(r"(\d+) +(\w+)\((.*) <unfinished \.\.\.>$")
_ENDED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>(.*)$")
_HANDLE = re.compile(r"(\d+|AT_FDCWD)<([^>]*)>")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Call:
    """A system call that ended well: when it began and when it ended, by line of the trace."""

    name: str
    arguments: str
    begun: int
    ended: int

    @property
    def handle(self) -> tuple[str, str]:
        """The first file handle, and what it is open on."""
        found = _HANDLE.match(self.arguments)
        return (found[1], found[2]) if found else ("", "")

    @property
    def text(self) -> str:
        """The first text among the arguments, or "" where there is none."""
        found = _TEXT.search(self.arguments)
        return found[1] if found else ""

    def paths(self) -> list[str]:
        """Return the absolute paths that it names, in order."""
        found, folder = [], ""
        for part in re.finditer(f"{_HANDLE.pattern}|{_TEXT.pattern}", self.arguments):
            if part[3] is None:
                folder = part[2]
            else:
                found.append(os.path.normpath(os.path.join(folder, part[3])))
                folder = ""
        return found


def calls(trace: Path) -> Iterator[Call]:
    """Read what strace -f -y wrote, in the order in which calls ended; those that failed are left out."""
    begun: dict[str, tuple[int, str, str]] = {}
    with trace.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines):
            line = line.rstrip("\n")
            if found := _BEGUN.match(line):
                begun[found[1]] = number, found[2], found[3]
            elif found := _ENDED.match(line):
                if found[1] in begun:
                    start, name, head = begun.pop(found[1])
                    whole = _LINE.match(f"{found[1]} {name}({head}{found[3]}")
                    if whole and not whole[4].startswith("-"):
                        yield Call(name, whole[3], start, number)
            elif (found := _LINE.match(line)) and not found[4].startswith("-"):
                yield Call(found[2], found[3], number, number)


@dataclass
class _File:
    """What is known of a file or folder that was made or written since the trace began."""

    written: int = -1  # when its bytes last changed
    forced: int = -1  # from when on they are forced
    named: int = -1  # when it got the name that it has
    is_old: bool = False  # it was there when the operation began

    def is_empty_log(self, path: str) -> bool:
        """Say whether it is a log of SQLite that nothing was written to."""
        return path.endswith("-wal") and self.written < 0


@dataclass
class Disk:
    """The state of what lies below some folders, between memory and disk."""

    roots: tuple[str, ...]
    there: set[str]  # what is there when the trace begins
    files: dict[str, _File] = field(default_factory=dict)
    folders: dict[str, int] = field(default_factory=dict)  # from when on the names in them are forced
    gone: dict[str, int] = field(default_factory=dict)  # names of old files that went, and when
    wrong: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """Begin an operation: what is there is old, and taken for forced."""
        self.there |= set(self.files)
        self.files, self.folders, self.gone, self.wrong = {}, {}, {}, []

    def pending(self) -> list[str]:
        """Say what would be lost or come back if the power went now."""
        found = []
        for path, file in self.files.items():
            if is_partial(os.path.basename(path)):
                continue
            if file.written > file.forced:
                found.append(f"the bytes of {path}")
            if file.named > self._forced_names(path) and not file.is_empty_log(path):
                found.append(f"the name of {path}")
        for path, moment in self.gone.items():
            folder = os.path.dirname(path)
            is_held = folder in self.roots or self._is_there(folder)
            if moment > self._forced_names(path) and is_held and path not in self.files:
                found.append(f"the removal of {path}")
        return found

    def take(self, call: Call) -> None:
        """Follow one call."""
        if call.name in ("fsync", "fdatasync"):
            self._force(call)
        elif call.name in _WRITES:
            self._write(call.handle[1], call.ended)
        elif call.name == "truncate":
            self._write(call.paths()[0], call.ended)
        elif call.name in ("open", "openat", "creat"):
            path = call.paths()[0]
            if ("O_CREAT" in call.arguments or call.name == "creat") and not self._is_there(path):
                self._name(path, call.ended)
            elif "O_TRUNC" in call.arguments:
                self._write(path, call.ended)
        elif call.name in ("mkdir", "mkdirat", "link", "linkat", "symlink", "symlinkat"):
            self._name(call.paths()[-1], call.ended)
        elif call.name in ("rename", "renameat", "renameat2"):
            self._rename(*call.paths(), call)
        elif call.name in ("unlink", "unlinkat", "rmdir"):
            self._remove(call.paths()[-1], call)

    def _counts(self, path: str) -> bool:
        is_ours = any(path == root or path.startswith(f"{root}/") for root in self.roots)
        is_fleeting = any(f"/{folder}/" in f"{path}/" for folder in ("index", "leases"))
        return is_ours and not is_fleeting and not path.endswith(("-shm", " (deleted)"))

    def _is_there(self, path: str) -> bool:
        return path in self.files or path in self.there

    def _forced_names(self, path: str) -> int:
        return self.folders.get(os.path.dirname(path), -1)

    def _write(self, path: str, moment: int) -> None:
        if self._counts(path):
            self.files.setdefault(path, _File(is_old=path in self.there)).written = moment

    def _name(self, path: str, moment: int) -> None:
        if self._counts(path):
            self.files[path] = _File(named=moment)

    def _force(self, call: Call) -> None:
        path = call.handle[1]
        if path in self.files:
            self.files[path].forced = max(self.files[path].forced, call.begun)
        self.folders[path] = max(self.folders.get(path, -1), call.begun)
        for name, moment in self.gone.items():  # the removal lasts now: what takes its place has to as well
            if os.path.dirname(name) == path and moment < call.begun:
                self._check(f"the removal of {name} was forced", moved=True)

    def _rename(self, source: str, target: str, call: Call) -> None:
        if not self._counts(target) and not self._counts(source):
            return
        file = self.files.get(source)
        if file is not None and file.written > file.forced and self._counts(target):
            self.wrong.append(f"{target} was given its name before its bytes were forced")
        for held in [one for one in (*self.files, *self.there) if one == source or one.startswith(f"{source}/")]:
            fresh = target + held[len(source) :]
            moved = self.files.pop(held, None) or _File(is_old=held in self.there)
            if held in self.there:
                self.there.discard(held)
                if held == source:
                    self.gone[held] = call.ended
            self.files[fresh] = moved
            if held in self.folders:
                self.folders[fresh] = self.folders.pop(held)
        if target in self.files:
            self.files[target].named = call.ended

    def _remove(self, path: str, call: Call) -> None:
        if not self._counts(path):
            return
        file = self.files.pop(path, None)
        is_old = path in self.there or (file is not None and file.is_old)
        self.there.discard(path)
        if is_old and not path.endswith(("-wal", "-journal")):
            self._check(f"{path} was removed")
            self.gone[path] = call.ended

    def _check(self, what: str, *, moved: bool = False) -> None:
        """Note what was not forced when something old went, be it replaced, moved or removed."""
        for path, file in self.files.items():
            if moved and not file.is_old:
                continue
            is_unnamed = file.named > self._forced_names(path) and not file.is_empty_log(path)
            if file.written > file.forced or is_unnamed:
                self.wrong.append(f"{what} before {path} was forced")
