"""The graph of Turi Create: a table of edges and a table of vertices."""

from __future__ import annotations

from typing import Any

from .sarray import SArray
from .sframe import SFrame

VERTEX, SOURCE, TARGET = "__id", "__src_id", "__dst_id"


class SGraph:
    """Directed edges between vertices.

    Args:
        vertices: A table with a column of ids; by default the ends of the edges.
        edges: A table with a column of ids for each end; other columns are what is known of an edge.
        vid_field, src_field, dst_field: The names of those columns; they become `__id`, `__src_id`, `__dst_id`.
    """

    def __init__(
        self,
        vertices: SFrame | None = None,
        edges: SFrame | None = None,
        vid_field: str = VERTEX,
        src_field: str = SOURCE,
        dst_field: str = TARGET,
    ) -> None:
        named = (
            SFrame({SOURCE: [], TARGET: []}) if edges is None else edges.rename({src_field: SOURCE, dst_field: TARGET})
        )
        self._edges = named
        self._vertices = _ends(named) if vertices is None else vertices.rename({vid_field: VERTEX})

    @property
    def edges(self) -> SFrame:
        """The edges: `__src_id`, `__dst_id`, and what is known of each."""
        return self.get_edges()

    @property
    def vertices(self) -> SFrame:
        """The vertices: `__id`, and what is known of each."""
        return self.get_vertices()

    def get_edges(self, src_ids: Any = None, dst_ids: Any = None) -> SFrame:
        """Return the edges, or those from and to some vertices (one id, or a list)."""
        edges = self._edges.copy() if src_ids is None else self._edges.filter_by(src_ids, SOURCE)
        return edges if dst_ids is None else edges.filter_by(dst_ids, TARGET)

    def get_vertices(self, ids: Any = None) -> SFrame:
        """Return the vertices, or some of them (one id, or a list)."""
        return self._vertices.copy() if ids is None else self._vertices.filter_by(ids, VERTEX)

    def summary(self) -> dict[str, int]:
        """Count vertices and edges."""
        return {"num_vertices": len(self._vertices), "num_edges": len(self._edges)}

    def __repr__(self) -> str:
        return (
            f"SGraph({self.summary()})\nVertex Fields:{self._vertices.column_names()}\n"
            f"Edge Fields:{self._edges.column_names()}"
        )


def _ends(edges: SFrame) -> SFrame:
    ends: SArray = edges[SOURCE].append(edges[TARGET])
    return SFrame({VERTEX: ends.unique()})
