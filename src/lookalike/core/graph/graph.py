"""The similarity graph: edges from each record to its nearest others, read block by block and never held as a whole.

A record's edges go to its nearest by distance, ties by id, and their rank counts in that order. Each score is the one
that a search by the source's id shows for the target: raised for equal bytes and agreeing hashes, lowered for another
color. So of two edges of one record the farther may score higher.

Blocks come by rising id of the source, which no order of insertion changes. Each shows the collection as it is when it
is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...answers import Edge
from ...distances import ScoreCurve
from ...errors import InputError
from ...extras import import_optional
from ...limits import check_count, check_unit
from ...records import Progress
from ..scores.pairs import score_pairs
from ..search.ranking import HALF_DIGIT, shown

if TYPE_CHECKING:
    import os

    from ...arrays import F32, F64, I64
    from ...stores import Store
    from ..ingest.pipeline import OnProgress

_BLOCK = 512  # sources that are asked for at once: enough for matrix products, and little memory
_FIRST_K = 64  # neighbors asked for at first where only a radius ends them


@dataclass(frozen=True)
class EdgeRules:
    """Which neighbors get an edge; made by `edge_rules`."""

    k: int | None
    radius: float | None
    threshold: float | None
    include_self: bool


@dataclass(frozen=True, eq=False)
class EdgeBlock:
    """The edges of some records, as columns of equal length, by rising id of the source, then rank.

    Attributes:
        scores, distances: float64, rounded to six decimals.
        ranks: int64, from 1.
        last: Id of the last record of the block, which may have no edge.
        done: Records until here.
    """

    sources: list[str]
    targets: list[str]
    scores: F64
    distances: F64
    ranks: I64
    last: str
    done: int

    def rows(self) -> Iterator[tuple[str, str, float, float, int]]:
        """Return (source, target, score, distance, rank) of each edge."""
        columns = (self.scores.tolist(), self.distances.tolist(), self.ranks.tolist())
        return zip(self.sources, self.targets, *columns, strict=True)


@dataclass(frozen=True, eq=False)
class EdgeArrays:
    """A whole graph as columns: `sources` and `targets` are places in `ids`, which holds every record.

    Attributes:
        ids: Sorted.
        sources, targets: (e,) int64.
        scores: (e,) float64; `distances` alike.
        ranks: (e,) int64.
    """

    ids: tuple[str, ...]
    sources: I64
    targets: I64
    scores: F64
    distances: F64
    ranks: I64


class Graph:
    """The similarity graph of a collection. Each reading computes it anew, in bounded memory but for `arrays`."""

    def __init__(
        self, store: Store, rules: EdgeRules, *, space: str, points: ScoreCurve, on_progress: OnProgress | None = None
    ) -> None:
        self._store, self.rules, self._space, self._points = store, rules, space, points
        self._on_progress = on_progress

    def __iter__(self) -> Iterator[Edge]:
        for block in self.blocks():
            for row in block.rows():
                yield Edge(*row)

    def __repr__(self) -> str:
        return f"<similarity graph of {self._store.spec.name!r}: {self.rules}>"

    def lines(self) -> Iterator[str]:
        """Return each edge as a line of JSON, as `to_jsonl` writes it."""
        from .files import edge_line

        return (edge_line(*row) for block in self.blocks() for row in block.rows())

    def blocks(self, *, after: str | None = None, done: int = 0) -> Iterator[EdgeBlock]:
        """Return the edges in blocks of columns.

        Args:
            after: Begin with the record behind this id; `done` records were before.
        """
        total = self._store.count() if self._on_progress else None
        records = self._store.scan(after=after)
        while ids := [record.id for record in islice(records, _BLOCK)]:
            done += len(ids)
            yield self._block(ids, done)
            if self._on_progress is not None:
                self._on_progress(Progress(done, total))

    def arrays(self) -> EdgeArrays:
        """Return the whole graph as columns.

        Cost: 40 bytes an edge, and the ids.
        """
        ids = tuple(record.id for record in self._store.scan())
        places = {id: place for place, id in enumerate(ids)}
        blocks = list(self.blocks())
        sources, targets = (
            np.array([places[id] for block in blocks for id in getattr(block, name)], np.int64)
            for name in ("sources", "targets")
        )
        scores, distances, ranks = (
            np.concatenate([np.empty(0, kind), *(getattr(block, name) for block in blocks)])
            for name, kind in (("scores", np.float64), ("distances", np.float64), ("ranks", np.int64))
        )
        return EdgeArrays(ids, sources, targets, scores, distances, ranks)

    def to_networkx(self) -> Any:
        """Return a networkx.DiGraph: every record a node, edges with `score`, `distance` and `rank`.

        Raises:
            ExtraMissingError: if networkx is not installed.
        """
        networkx = import_optional("networkx", extra="graph", needed_for="to_networkx")
        graph = networkx.DiGraph(name=self._store.spec.name)
        graph.add_nodes_from(record.id for record in self._store.scan())
        for block in self.blocks():
            for source, target, score, distance, rank in block.rows():
                graph.add_edge(source, target, score=score, distance=distance, rank=rank)
        return graph

    def to_csv(self, path: str | os.PathLike[str], *, resume: bool = False) -> int:
        """Write the edges as CSV with a header, and say how many there are. See `write`."""
        return self.write(path, "csv", resume=resume)

    def to_jsonl(self, path: str | os.PathLike[str], *, resume: bool = False) -> int:
        """Write the edges as JSON lines, and say how many there are. See `write`."""
        return self.write(path, "jsonl", resume=resume)

    def to_parquet(self, path: str | os.PathLike[str], *, resume: bool = False) -> int:
        """Write the edges as a Parquet file, and say how many there are. See `write`."""
        return self.write(path, "parquet", resume=resume)

    def write(self, path: str | os.PathLike[str], format: str | None = None, *, resume: bool = False) -> int:
        """Write the edges to a file that appears when it is complete, and say how many there are.

        Until then they are in PATH.partial; PATH.state says how far it goes.

        Args:
            format: "csv", "jsonl" or "parquet"; None to take it from the file's name.
            resume: Go on where a call that was interrupted, even killed, stopped. The file is then the same as that
                of one call. Without a partial file, start from the beginning.

        Raises:
            InputError: for an unknown format, and when the collection or the graph's rules changed since the
                interrupted call.
        """
        from .files import write_edges

        return write_edges(self, Path(path), format, resume=resume)

    @property
    def identity(self) -> list[Any]:
        """What makes two graphs equal, in plain values: collection, version and rules."""
        spec, rules = self._store.spec, self.rules
        return [
            *(spec.name, spec.created_at, self._store.version),
            *(rules.k, rules.radius, rules.threshold, rules.include_self),
        ]

    def _block(self, ids: list[str], done: int) -> EdgeBlock:
        keys_of = self._store.keys(ids)
        found: Any = self._store.vectors(self._space, list(keys_of.values()))
        sources = [(id, keys_of[id]) for id in ids if keys_of.get(id) in found]
        if not sources:
            return EdgeBlock([], [], np.empty(0), np.empty(0), np.empty(0, np.int64), ids[-1], done)
        ours = np.array([key for _, key in sources], np.int64)
        rows, theirs, near = self._neighbors(ours, np.stack([found[key] for key in ours.tolist()]))
        scores = score_pairs(self._store, self._points, ours[rows], theirs, near)
        ranks = np.arange(len(rows)) - np.searchsorted(rows, rows) + 1
        names = self._store.ids(np.unique(theirs).tolist())
        told = shown(near)
        chosen = np.isin(theirs, np.fromiter(names, np.int64))  # a target may be deleted meanwhile
        if self.rules.threshold is not None:
            chosen &= scores >= self.rules.threshold
        if self.rules.radius is not None:
            chosen &= told <= self.rules.radius
        return EdgeBlock(
            [sources[row][0] for row in rows[chosen].tolist()],
            [names[key] for key in theirs[chosen].tolist()],
            scores[chosen],
            told[chosen],
            ranks[chosen],
            ids[-1],
            done,
        )

    def _neighbors(self, ours: I64, vectors: F32) -> tuple[I64, I64, F32]:
        """Return (row, key, distance) of each neighbor, by row, nearest first."""
        rules = self.rules
        reach = None if rules.radius is None else rules.radius + HALF_DIGIT
        k = _FIRST_K if rules.k is None else rules.k + (not rules.include_self)
        found = self._store.neighbors(self._space, vectors, k, max_distance=reach)
        columns = []
        for row, count in enumerate(found.counts.tolist()):
            keys, distances, asked = found.keys[row], found.distances[row], k
            while rules.k is None and count == asked:
                asked *= 8
                more = self._store.neighbors(self._space, vectors[row : row + 1], asked, max_distance=reach)
                keys, distances, count = more.keys[0], more.distances[0], int(more.counts[0])
            kept = np.flatnonzero((keys[:count] != ours[row]) | rules.include_self)[: rules.k]
            columns.append((np.full(len(kept), row), keys[kept], distances[kept]))
        rows, theirs, far = (np.concatenate(parts) for parts in zip(*columns, strict=True))
        return rows, theirs, far


def edge_rules(
    *, k: int | None, radius: float | None, threshold: float | None, include_self: bool, most: int
) -> EdgeRules:
    """Check which neighbors get an edge.

    Raises:
        InputError: when both k and radius are None, or one is out of range.
    """
    if k is None and radius is None:
        raise InputError("a graph of all pairs has no end: pass `k`, `radius`, or both.")
    if k is not None:
        check_count("k", k, least=1, most=most)
    if radius is not None and (isinstance(radius, bool) or not isinstance(radius, int | float) or not radius >= 0):
        raise InputError(f"radius={radius!r} is out of range: a distance is a number of 0 or more.")
    check_unit("threshold", threshold)
    return EdgeRules(k, radius, threshold, bool(include_self))
