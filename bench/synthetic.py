"""Collections of made-up records: clustered unit vectors of the encoder's own spaces, written by the store itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import lookalike
from lookalike.records import Entry, Record, Space
from lookalike.stores import Store, open_stores

if TYPE_CHECKING:
    import numpy.typing as npt

    F32 = npt.NDArray[np.float32]
    U8 = npt.NDArray[np.uint8]

_BLOCK = 1000  # rows made and written at once
_SPREAD = 0.7  # length of what is added to a cluster's centre: two of a cluster have a cosine of about 0.67
_NEAR = 0.15  # the same for a near-duplicate: a cosine of about 0.99
_EVERY = 20  # one record in so many is a near-duplicate of the one before it


@dataclass(frozen=True, eq=False)
class Block:
    """Some rows of a collection: for each space (n, d) float32, or (n, bytes) uint8; the first is record `first`."""

    first: int
    vectors: dict[str, F32 | U8]


def blocks(spaces: Sequence[Space], count: int, seed: int = 7) -> Iterator[Block]:
    """Give `count` rows in blocks; a collection has a cluster for every hundred of them."""
    rng = np.random.default_rng(seed)
    clusters = max(10, count // 100)
    centres = {s.name: _unit(rng.standard_normal((clusters, s.dim), np.float32)) for s in spaces}
    for first in range(0, count, _BLOCK):
        n = min(_BLOCK, count - first)
        chosen = rng.integers(clusters, size=n)
        twins = np.arange(_EVERY - 1, n, _EVERY)
        rows = {s.name: _hashes(rng, n, s, twins) for s in spaces if s.metric == "hamming"}
        cosine = {s.name: _scattered(rng, centres[s.name][chosen], twins) for s in spaces if s.metric == "cosine"}
        yield Block(first, {**rows, **cosine})


def vectors(spaces: Sequence[Space], name: str, count: int) -> F32:
    """Give all rows (count, d) of one space whose metric is the cosine."""
    return np.concatenate([block.vectors[name].astype(np.float32, copy=False) for block in blocks(spaces, count)])


def collection(home: Path, name: str, count: int) -> Store:
    """Make a collection of `count` made-up records, and give its store, to be closed."""
    with lookalike.open(home) as library:
        library.create(name, fields=["n", "serial", "product"])
    store = open_stores(home).open(name)
    for block in blocks(store.spec.spaces, count):
        store.upsert(_entries(block))
    store.flush()
    return store


def grow(home: Path, name: str, count: int, more: int) -> None:
    """Add made-up records to a collection that has `count`."""
    store = open_stores(home).open(name)
    for block in blocks(store.spec.spaces, more, seed=8):
        store.upsert(_entries(Block(count + block.first, block.vectors)))
    store.close()


def record_id(number: int) -> str:
    """Give the id of a record by its number."""
    return f"record-{number:07d}"


def _entries(block: Block) -> list[Entry]:
    count = len(next(iter(block.vectors.values())))
    return [
        Entry(_record(block.first + row), {name: rows[row] for name, rows in block.vectors.items()})
        for row in range(count)
    ]


def _record(number: int) -> Record:
    return Record(
        record_id(number),
        source=f"/made-up/{number:07d}.jpg",
        content_hash=f"{number:064x}",
        format="jpeg",
        size_px=(640, 480),
        byte_size=50_000 + number,
        stamp=f"{number}",
        metadata={"n": number % 1000, "m": number % 1000, "serial": number, "product": number // 4},
    )


def _hashes(rng: np.random.Generator, count: int, space: Space, twins: npt.NDArray[np.int64]) -> U8:
    hashes = rng.integers(256, size=(count, space.dim // 8), dtype=np.uint8)
    hashes[twins] = hashes[twins - 1]
    hashes[twins, :2] ^= np.uint8(1)  # 2 bits
    return hashes


def _scattered(rng: np.random.Generator, centres: F32, twins: npt.NDArray[np.int64]) -> F32:
    noise = _unit(rng.standard_normal(centres.shape, np.float32))
    rows = _unit(centres + np.float32(_SPREAD) * noise)
    rows[twins] = _unit(rows[twins - 1] + np.float32(_NEAR) * noise[twins])
    return rows


def _unit(rows: F32) -> F32:
    unit: F32 = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit
