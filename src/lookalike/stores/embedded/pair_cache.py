"""A cache of near pairs, so that only new records are joined.

    index/<place>-<random>.pairs     two keys (int64, the greater first) and a distance (float32), little-endian; only
                                     ever grows
    meta["pairs <place>"]            in the database: file, ceiling, how far it covers the keys, how many pairs count,
    and
                                     their CRC-32

A key names the same vector for ever, so pairs stay true; those of deleted keys are passed over. Each block of rows that
was joined is appended and then stated in the database, so a join that was killed goes on behind its last block. The
file may be deleted at any time. Without a place to write, or while another process is at it, pairs are found all the
same.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import disk
from ...errors import StoreError
from ...neighbors import Pairs
from ...records import Metric
from . import index_snapshot
from .joins import Table, join

if TYPE_CHECKING:
    import numpy.typing as npt

    from .transactions import Database

FORMAT = 1
_PAIR = np.dtype([("ours", "<i8"), ("theirs", "<i8"), ("distance", "<f4")])
_MOST_KEPT = 3_000_000  # pairs, 60 MB; thousands of pictures that are all alike have more
_GIVEN = 1 << 16  # pairs given at once
_LEAST_DEAD = 10_000  # pairs of deleted keys that are worth a new file, once they are half of it


@dataclass(frozen=True)
class CachedPairs:
    """What the database says of a file of pairs."""

    file: str
    max_distance: float
    covered: int = 0
    count: int = 0
    crc: int = 0


def find(
    database: Database, folder: Path, place: int, table: Table, metric: Metric, max_distance: float
) -> Iterator[Pairs]:
    """Return all pairs of a table within a distance: those that were kept, then those of the rows behind them."""
    with ExitStack() as stack:
        mine = False
        with suppress(OSError):
            mine = stack.enter_context(index_snapshot.locked(folder, name=f"{place}.pairs.lock"))
        kept, pairs = _read(database, folder, place)
        if kept is None or kept.max_distance < max_distance:
            kept, pairs = _fresh(place, max_distance), np.empty(0, _PAIR)
        alive = pairs[table.holds(pairs["ours"]) & table.holds(pairs["theirs"])]
        keeper = _Keeper(database, folder, place, kept) if mine else None
        if keeper and len(pairs) - len(alive) > max(_LEAST_DEAD, len(alive)):
            keeper.restart(alive)
        near = alive[alive["distance"] <= np.float32(max_distance)]
        for start in range(0, len(near), _GIVEN):
            chunk = near[start : start + _GIVEN]
            yield Pairs(chunk["ours"].copy(), chunk["theirs"].copy(), chunk["distance"].copy(), None, 0.0)
        for tile in join(table, metric, kept.max_distance, after=kept.covered):
            if keeper:
                keeper.take(tile)
            yield _within(tile, max_distance)


def forget(conn: sqlite3.Connection) -> None:
    """Let the database name no files of pairs, in the write transaction under way."""
    conn.execute("DELETE FROM meta WHERE name GLOB 'pairs *'")


def sweep(folder: Path, place: int | None = None, *, but: str = "") -> None:
    """Remove the files of pairs of a space, or of all."""
    for path in folder.glob("*.pairs" if place is None else f"{place}-*.pairs"):
        if path.name != but:
            path.unlink(missing_ok=True)


class _Keeper:
    """Appends to the file of one space; stops for good when that fails or the pairs are too many."""

    def __init__(self, database: Database, folder: Path, place: int, kept: CachedPairs) -> None:
        self._database, self._folder, self._place, self._kept = database, folder, place, kept
        self._stopped = False
        self._waiting: list[npt.NDArray[Any]] = []

    def take(self, tile: Pairs) -> None:
        """Take the pairs of a tile; they are written when their block is complete."""
        if self._stopped:
            return
        if len(tile):
            self._waiting.append(_packed(tile))
        if self._kept.count + sum(map(len, self._waiting)) > _MOST_KEPT:
            self._stop()
        elif tile.covered is not None:
            self._write(tile.covered)

    def restart(self, pairs: npt.NDArray[Any]) -> None:
        """Keep these pairs alone, in a new file, as covering what the old one did."""
        covered = self._kept.covered
        self._kept = _fresh(self._place, self._kept.max_distance)
        self._waiting = [pairs]
        self._write(covered)

    def _write(self, covered: int) -> None:
        pairs = np.concatenate([np.empty(0, _PAIR), *self._waiting])
        self._waiting = []
        raw = pairs.tobytes()
        kept, path = self._kept, self._folder / self._kept.file
        try:
            if not kept.count:
                sweep(self._folder, self._place, but=kept.file)
            with open(path, "r+b" if path.exists() else "wb", opener=disk.open_private) as file:
                file.truncate(_PAIR.itemsize * kept.count)
                file.seek(0, 2)
                file.write(raw)
            self._state(replace(kept, covered=covered, count=kept.count + len(pairs), crc=zlib.crc32(raw, kept.crc)))
        except (OSError, StoreError):  # full, read-only or busy: what is derived can be found again
            self._stopped = True

    def _state(self, kept: CachedPairs) -> None:
        with self._database.writing(quietly=True) as (conn, _):
            text = json.dumps({"format": FORMAT, **asdict(kept)})
            conn.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_name(self._place), text))
        self._kept = kept

    def _stop(self) -> None:
        self._stopped, self._waiting = True, []
        with suppress(OSError, StoreError):
            with self._database.writing(quietly=True) as (conn, _):
                conn.execute("DELETE FROM meta WHERE name = ?", (_name(self._place),))
            sweep(self._folder, self._place)


def _read(database: Database, folder: Path, place: int) -> tuple[CachedPairs | None, npt.NDArray[Any]]:
    """Return what is kept, with its pairs; None when there is nothing, or it is not what was written."""
    none = None, np.empty(0, _PAIR)
    with database.reading() as conn:
        row = conn.execute("SELECT value FROM meta WHERE name = ?", (_name(place),)).fetchone()
    try:
        stored: dict[str, Any] = json.loads(row[0]) if row else {}
        if stored.pop("format", 0) != FORMAT:
            return none
        kept = CachedPairs(**stored)
    except (ValueError, TypeError, AttributeError):  # damaged: pairs can be found again
        return none
    try:
        pairs = np.fromfile(folder / kept.file, _PAIR, kept.count)
    except OSError:
        return none
    if len(pairs) < kept.count or zlib.crc32(pairs.tobytes()) != kept.crc:
        return none
    return kept, pairs


def _fresh(place: int, max_distance: float) -> CachedPairs:
    return CachedPairs(f"{place}-{secrets.token_hex(8)}.pairs", float(max_distance))


def _name(place: int) -> str:
    return f"pairs {place}"


def _packed(pairs: Pairs) -> npt.NDArray[Any]:
    packed = np.empty(len(pairs), _PAIR)
    packed["ours"], packed["theirs"], packed["distance"] = pairs.ours, pairs.theirs, pairs.distances
    return packed


def _within(pairs: Pairs, max_distance: float) -> Pairs:
    near = pairs.distances <= np.float32(max_distance)
    return replace(pairs, ours=pairs.ours[near], theirs=pairs.theirs[near], distances=pairs.distances[near])
