"""Roots: the folders of this machine that a server may list and index (`serve --library`), and nothing outside them.

A folder is named by its root's name and the path below it, as in "Pictures/2024". A name is resolved before it is used,
and of each file it is asked, when it is open, where it lies: what a link leads out of its root to is passed over. So
are hidden names, and the home, which may lie below a root: what is in its trash was put there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .. import intake
from ..core.ingest.items import distinct_names
from ..errors import InputError, NotFoundError
from ..limits import Limits

_MOST_LISTED = 1000  # folders in one answer
_MOST_LOOKED_AT = 100_000  # entries that are counted for one answer, at 2 µs each (measured over 40,000, in memory)


@dataclass(frozen=True)
class RootFolder:
    """A folder at or below a root.

    Attributes:
        name: How it is named outside: the root's name and the path below it.
        path: Where it is, as the root was given: the sources of its records begin so.
        prefix: Begins the ids of its files: the path below the root, after the root's name where there are several.
        fence: What lies outside of the root.
        limits: Those of the server.
    """

    name: str
    path: Path
    prefix: str
    fence: intake.Fence
    limits: Limits

    def files(self) -> Iterator[intake.Found]:
        """Find the files below; see `intake.walk`."""
        return intake.walk(self.path, limits=self.limits, fence=self.fence)


@dataclass(frozen=True)
class FolderCount:
    """A folder in a list: its name, and the pictures anywhere below it, told by the names of files.

    Attributes:
        pictures: How many were counted.
        is_all: Whether these are all; counting stops where an answer would take too long.
        has_folders: Whether there are folders in it.
    """

    name: str
    pictures: int
    is_all: bool
    has_folders: bool


@dataclass(frozen=True)
class FolderList:
    """The folders directly below one; `left_out` says how many more there are."""

    name: str
    folders: Sequence[FolderCount]
    left_out: int


class Roots:
    """The folders that a server may list and index.

    Args:
        home: The folder that holds all collections, which is passed over where it lies below a root.

    Raises:
        InputError: when one is not a folder.
    """

    def __init__(self, paths: Sequence[Path], home: Path, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._roots: dict[str, RootFolder] = {}
        home_path = os.path.realpath(home)
        found = {os.path.abspath(path.expanduser()): os.path.realpath(path.expanduser()) for path in paths}
        for path, real in found.items():
            if not os.path.isdir(real):
                raise InputError(f'library: "{path}" is not a folder. Name one that is there, or leave it out.')
        names = distinct_names(found)
        plain = {path: name.replace("/", "-") for path, name in names.items()}  # of one part, as people open parts
        for path, name in (plain if len(set(plain.values())) == len(plain) else names).items():
            real = found[path]
            is_apart = intake.is_below(home_path, real) and home_path != real
            fence = intake.Fence(real, home_path if is_apart else None)
            self._roots[name] = RootFolder(name, Path(path), name if len(found) > 1 else "", fence, self._limits)

    def __bool__(self) -> bool:
        return bool(self._roots)

    def find(self, name: str) -> RootFolder:
        """Find a folder by its name, or by its whole path.

        Raises:
            NotFoundError: when there is none, or it is not inside of a root.
        """
        for root, parts in self._readings(name):
            path = root.path.joinpath(*parts)
            is_plain = not any(part.startswith(".") or "\0" in part for part in parts)
            if is_plain and path.is_dir() and root.fence.holds(path):
                below = "/".join(parts)
                return replace(root, name=_joined(root.name, below), path=path, prefix=_joined(root.prefix, below))
        known = ", ".join(self._roots) or "none: start it with --library FOLDER"
        raise NotFoundError(f'this server shows no folder "{name[:200]}". The folders that it shows: {known}.')

    def entries(self, name: str = "") -> FolderList:
        """List the folders directly in one, with their pictures; without a name, the roots.

        Raises:
            NotFoundError: as `find` does.

        Cost: bounded, however many there are.
        """
        if name:
            folder = self.find(name)
            try:
                names = intake.subfolders(folder.path, folder.fence)
            except OSError as exc:
                raise NotFoundError(f'the folder "{name[:200]}" cannot be read: {exc.strerror}.') from exc
            names = [one for one in names if intake.printable(one) == one]
            found = [(_joined(folder.name, one), folder.path / one, folder.fence) for one in names[:_MOST_LISTED]]
            name, more = folder.name, len(names) - len(found)
        else:
            found, more = [(root.name, root.path, root.fence) for root in self._roots.values()], 0
        return FolderList(name, list(_counted(found)), more)

    def _readings(self, name: str) -> Iterator[tuple[RootFolder, tuple[str, ...]]]:
        """Return the roots that a name may begin with, each with the parts of the path that are left."""
        if os.path.isabs(os.path.expanduser(name)):
            path = os.path.normpath(os.path.expanduser(name))
            for root in self._roots.values():
                if intake.is_below(path, str(root.path)):
                    yield root, Path(path).relative_to(root.path).parts
            return
        for root in self._roots.values():
            if name == root.name or name.startswith(f"{root.name}/"):
                yield root, tuple(part for part in name.removeprefix(root.name).split("/") if part)


def _counted(folders: Sequence[tuple[str, Path, intake.Fence]]) -> Iterator[FolderCount]:
    """Count the pictures of folders; what a small one leaves is for those behind it."""
    left = _MOST_LOOKED_AT
    for place, (name, path, fence) in enumerate(folders):
        counted = intake.count_by_name(path, fence, most=left // (len(folders) - place))
        left -= counted.looked_at
        yield FolderCount(name, counted.pictures, counted.is_all, counted.has_folders)


def _joined(*parts: str) -> str:
    return "/".join(filter(None, parts))
