"""A home folder that holds many collections, each an embedded store in its own folder."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import disk
from ...errors import CollectionExistsError, CollectionNotFoundError, StoreDamagedError
from ...limits import Limits
from ...records import CollectionSpec
from ..common.checks import check_name, check_spaces
from ..common.refusals import collection_exists, no_collection
from . import failures, schema
from .connections import connect
from .open_stores import OpenStores
from .statistics import figures_of

if TYPE_CHECKING:
    from .store import EmbeddedStore

FOLDER = "collections"
_NEW, _GONE = ".new-", ".gone-"
_TRASH = "trash"  # what lies there keeps the rights that it had: it may go back
_OURS = {
    FOLDER,
    _TRASH,
    "decisions.jsonl",
    "decisions.lock",
    "files",
    "files-owners.jsonl",
    "files-owners.jsonl.bak",
    "jobs",
    "keys.json",
    "keys.json.bak",
    "keys.lock",
    "leases",
    "moves.lock",
    "server.lock",
    "service.db",
    "service.db-shm",
    "service.db-wal",
    "service.lock",
}
_LITTER_AGE_S = 3600.0  # a folder of this age that is still not in place has lost its maker


class EmbeddedStores:
    """The stores of one home folder."""

    def __init__(self, home: Path, limits: Limits, approximate_from: int) -> None:
        self._home, self._root, self._limits = home, home / FOLDER, limits
        self._approximate_from = approximate_from
        self._awake = OpenStores(limits.max_open_collections)

    def names(self) -> list[str]:
        """Return the names of all collections, sorted."""
        with failures.translated(self._root):
            try:
                folders = [e for e in os.scandir(self._root) if not e.name.startswith(".") and e.is_dir()]
            except FileNotFoundError:
                return []
            held = [Path(entry.path) for entry in folders if os.path.exists(os.path.join(entry.path, schema.FILE))]
        return sorted(_name_of(folder) for folder in held)

    def check(self) -> list[str]:
        """Look for folders that have lost their database or do not tell their name; see the seam."""
        return [problem for _, problem in self._wrong()]

    def repair(self) -> list[str]:
        """Write the names anew that the databases tell; see the seam."""
        done = []
        for folder, _ in self._wrong():
            if (folder / schema.FILE).exists() and (name := _told_by_database(folder)) is not None:
                with failures.translated(folder):
                    disk.replace_text(folder / schema.NAME_FILE, name, mode=disk.PRIVATE)
                done.append(f'wrote the name "{name}" of {folder} anew')
        return done

    def _wrong(self) -> Iterator[tuple[Path, str]]:
        """Return the folders with something wrong, and what that is."""
        with failures.translated(self._root):
            try:
                folders = sorted(entry for entry in self._root.iterdir() if not entry.name.startswith("."))
            except FileNotFoundError:
                return
        for folder in folders:
            name = _told(folder)
            if not folder.is_dir():
                yield folder, f"{folder} is not a collection: move it elsewhere"
            elif not (folder / schema.FILE).exists():
                yield folder, failures.lost(folder / schema.FILE, name).message.removesuffix(".")
            elif name is None or folder_name(name) != folder.name:
                told = "no name" if name is None else f'the name "{name}"'
                yield (
                    folder,
                    f"{folder / schema.NAME_FILE} holds {told}, which is not its own: run `lookalike doctor --repair`",
                )

    def create(self, spec: CollectionSpec) -> EmbeddedStore:
        """Make a collection, durable and empty."""
        check_name(spec.name, self._limits)
        check_spaces(spec)
        folder = self._folder(spec.name)
        if folder.exists():
            raise _taken(folder, spec.name)
        with failures.translated(self._root), self._fresh(folder) as fresh:
            schema.build(fresh / schema.FILE, spec)
            disk.replace_text(fresh / schema.NAME_FILE, spec.name, mode=disk.PRIVATE)
            self._settle(fresh, folder, spec.name)
        return self.open(spec.name)

    def open(self, name: str) -> EmbeddedStore:
        """Open a collection."""
        from .store import EmbeddedStore

        folder = self._find(name)
        _tighten(folder)
        return EmbeddedStore(folder, self._limits, self._approximate_from, self._awake)

    def figures(self, name: str) -> tuple[CollectionSpec, dict[str, Any]]:
        """Return what a collection is, and its figures, without opening it for more; see the seam."""
        folder = self._find(name)
        file = folder / schema.FILE
        with failures.translated(file), closing(connect(file)) as conn:
            schema.check_version(conn, file)
            conn.execute("BEGIN")
            return schema.read_spec(conn), figures_of(conn, folder)

    def delete(self, name: str) -> None:
        """Delete a collection for good, or what is left of one; who has it open is told at the next call."""
        check_name(name, self._limits)
        folder = self._folder(name)
        with failures.translated(folder):
            if not folder.is_dir():
                raise self._not_found(name)
        gone = self._root / f"{_GONE}{secrets.token_hex(8)}"
        with failures.translated(folder):
            disk.move_file(folder, gone)
            with suppress(sqlite3.Error), closing(sqlite3.connect(gone / schema.FILE, isolation_level=None)) as conn:
                conn.execute("UPDATE state SET gone = 1")
            self._sweep()

    def restore(self, source: Path, name: str | None = None, *, despite_damage: bool = False) -> EmbeddedStore:
        """Make a collection of a backup, under its own name or another; see the seam."""
        from . import backups
        from .store import EmbeddedStore

        with failures.translated(source):
            backups.check_place(source)
            wrong = backups.check_digest(source)
        with backups.reading(source):
            kept = EmbeddedStore(source, self._limits, self._approximate_from)
            try:
                name = kept.spec.name if name is None else name
                check_name(name, self._limits)
                with failures.translated(self._root), self._fresh(self._folder(name)) as fresh:
                    copied = fresh / "copy"
                    copied.mkdir(mode=disk.PRIVATE_FOLDER)
                    kept.copy(copied)
                    damaged = backups.damaged_in(copied, source)
                    refusal = backups.refusal(source, wrong, damaged)
                    if refusal is not None and not despite_damage:
                        raise refusal
                    if damaged:
                        backups.leave_out(copied, name, damaged)
                    schema.rename(copied, name)
                    disk.tighten(fresh)
                    self._settle(copied, self._folder(name), name)
            finally:
                kept.close()
        return self.open(name)

    def _folder(self, name: str) -> Path:
        return self._root / folder_name(name)

    def _find(self, name: str) -> Path:
        check_name(name, self._limits)
        folder = self._folder(name)
        with failures.translated(folder):
            if (folder / schema.FILE).exists():
                return folder
            if folder.is_dir() and not (folder / schema.FILE).exists():  # nor was it made just now
                raise failures.lost(folder / schema.FILE, name)
        raise self._not_found(name)

    def _not_found(self, name: str) -> CollectionNotFoundError:
        return no_collection(name, self.names())

    def _fresh(self, folder: Path) -> AbstractContextManager[Path]:
        """Make a folder to fill, which will take the place of another or none."""
        disk.make_folder(self._root, private=True)
        self._sweep()
        return disk.partial_folder(folder, private=True)

    def _settle(self, fresh: Path, folder: Path, name: str) -> None:
        """Move a finished folder into its place: by one rename, so that of two makers one wins."""
        try:
            disk.replace_folder(fresh, folder)
        except OSError as exc:
            if folder.exists():
                raise _taken(folder, name) from exc
            raise

    def _sweep(self) -> None:
        """Remove what deletions left, and what makers left that died long ago."""
        for entry in os.scandir(self._root):
            with suppress(OSError):
                stale = entry.name.startswith(_NEW) and time.time() - entry.stat().st_mtime > _LITTER_AGE_S
                if stale or entry.name.startswith(_GONE):
                    shutil.rmtree(entry.path, ignore_errors=True)
        disk.sweep_all(self._root)
        disk.sync(self._root)


def _tighten(folder: Path) -> None:
    """Take from others what they may do with a collection of an earlier lookalike, and with a home that is all ours."""
    root, home = folder.parent, folder.parent.parent
    if not disk.is_loose(folder) and not disk.is_loose(root):
        return
    disk.tighten(folder)
    disk.tighten_one(root)
    for name in _OURS - {FOLDER, _TRASH}:
        disk.tighten(home / name)
    with suppress(OSError):
        if set(os.listdir(home)) <= _OURS:
            disk.tighten_one(home)


def folder_name(name: str) -> str:
    """Name a collection's folder: readable, safe on every file system, and another one for every name."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "collection"
    return f"{slug}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _name_of(folder: Path) -> str:
    """Return the name of a collection: by its file where that fits the folder, else by its database."""
    name = _told(folder)
    if name is not None and folder_name(name) == folder.name:
        return name
    return _told_by_database(folder) or name or folder.name


def _told(folder: Path) -> str | None:
    with suppress(OSError, UnicodeDecodeError):
        return (folder / schema.NAME_FILE).read_text(encoding="utf-8")
    return None


def _told_by_database(folder: Path) -> str | None:
    with suppress(sqlite3.Error, ValueError, TypeError), closing(connect(folder / schema.FILE)) as conn:
        name = schema.read_spec(conn).name
        return name if folder_name(name) == folder.name else None
    return None


def _taken(folder: Path, name: str) -> CollectionExistsError | StoreDamagedError:
    """Return what stands where a collection is to be made: another one, or what is left of one."""
    if folder.is_dir() and not (folder / schema.FILE).exists():
        return failures.lost(folder / schema.FILE, name)
    return collection_exists(name)
