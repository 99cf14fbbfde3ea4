"""Edges in files: CSV, JSON lines and Parquet, written block by block and resumable after any crash.

    edges.csv.partial   what was written so far
    edges.csv.state     {"graph": what it is of, "format": .., "after": last source, "records": .., "edges": ..,
                        "bytes": how much of the partial file counts}

The state is replaced after each block. To resume, the partial file is cut to `bytes`, and the records behind `after`
are asked. A Parquet file cannot grow so: its partial file is an Arrow stream, which becomes row groups at the end.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import disk
from ...errors import InputError
from ...extras import require

if TYPE_CHECKING:
    from .graph import EdgeBlock, Graph

COLUMNS = ("source", "target", "score", "distance", "rank")
_ROWS_A_GROUP = 1 << 16


@dataclass(frozen=True)
class _Format:
    """How edges become bytes, and how the partial file becomes the whole one."""

    header: Callable[[], bytes]
    block: Callable[[EdgeBlock], bytes]
    finish: Callable[[Path, Path], None]


def write_edges(graph: Graph, path: Path, format: str | None, *, resume: bool) -> int:
    """Write a graph to a file and say how many edges it has; see `Graph.write`."""
    is_file = disk.is_replaceable(path)
    name = format or path.suffix.removeprefix(".").lower() or ("" if is_file else "jsonl")
    if name not in _FORMATS:
        raise InputError(f'"{name}" is not a format for edges: name the file .csv, .jsonl or .parquet.')
    if not is_file:
        return _write_through(graph, path, name)
    if name == "parquet":
        require("pyarrow", extra="graph", needed_for="a Parquet file")
    path = Path(os.path.realpath(path))
    partial, state_path = path.with_name(path.name + ".partial"), path.with_name(path.name + ".state")
    state: dict[str, Any] = {
        "graph": graph.identity,
        "format": name,
        "after": None,
        "records": 0,
        "edges": 0,
        "bytes": 0,
    }
    if resume and partial.exists() and state_path.exists():
        state = _resumed(state, state_path, partial, path)
    _append(graph, _FORMATS[name], partial, state_path, state)
    _FORMATS[name].finish(partial, path)
    disk.remove_file(state_path)
    return int(state["edges"])


def _write_through(graph: Graph, path: Path, name: str) -> int:
    """Write a graph to a device or a pipe, as it is found."""
    if name == "parquet":
        raise InputError(f'a Parquet file cannot be written to "{path}", which is not a file: name a file, or .csv.')
    count = 0
    with disk.replace_file(path) as stream:
        stream.write(_FORMATS[name].header())
        for block in graph.blocks():
            stream.write(_FORMATS[name].block(block))
            count += len(block.sources)
    return count


def edge_line(source: str, target: str, score: float, distance: float, rank: int) -> str:
    """Return an edge as a line of JSON."""
    edge = dict(zip(COLUMNS, (source, target, score, distance, rank), strict=True))
    return json.dumps(edge, ensure_ascii=False)


def _resumed(fresh: dict[str, Any], state_path: Path, partial: Path, path: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(state_path.read_text(encoding="utf-8"))
    if any(state.get(name) != fresh[name] for name in ("graph", "format")):
        raise InputError(
            f'"{path}" cannot be resumed: the collection or the rules of the graph changed since. Write it anew, '
            f"without `resume`."
        )
    return state if partial.stat().st_size >= state["bytes"] else fresh


def _append(graph: Graph, format: _Format, partial: Path, state_path: Path, state: dict[str, Any]) -> None:
    """Write what is missing of the partial file, and bring `state` to its end."""
    with partial.open("r+b" if state["bytes"] else "wb") as stream:
        stream.truncate(state["bytes"])
        stream.seek(state["bytes"])
        if not state["bytes"]:
            stream.write(format.header())
        for block in graph.blocks(after=state["after"], done=state["records"]):
            stream.write(format.block(block))
            disk.sync_stream(stream)
            state["edges"] += len(block.sources)
            state.update(after=block.last, records=block.done, bytes=stream.tell())
            disk.replace_text(state_path, json.dumps(state))
        disk.sync_stream(stream)


# ---- formats


def _csv_rows(rows: Any) -> bytes:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue().encode()


def _json_lines(block: EdgeBlock) -> bytes:
    return "".join(edge_line(*row) + "\n" for row in block.rows()).encode()


def _arrow_schema() -> Any:
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    return pa.schema(zip(COLUMNS, (text, text, number, number, pa.int64()), strict=True))


def _arrow_batch(block: EdgeBlock) -> bytes:
    import pyarrow as pa

    columns = [block.sources, block.targets, block.scores, block.distances, block.ranks]
    schema = _arrow_schema()
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return bytes(pa.record_batch(arrays, schema=schema).serialize())


def _to_parquet(partial: Path, path: Path) -> None:
    """Turn the Arrow stream into row groups of a fixed size: the same file, however often the stream was resumed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with (
        pa.OSFile(str(partial)) as source,
        disk.replace_file(path) as whole,
        pq.ParquetWriter(whole, _arrow_schema()) as writer,
    ):
        held = _arrow_schema().empty_table()
        for batch in pa.ipc.open_stream(source):
            held = pa.concat_tables([held, pa.Table.from_batches([batch])])
            while len(held) >= _ROWS_A_GROUP:
                writer.write_table(held.slice(0, _ROWS_A_GROUP))
                held = held.slice(_ROWS_A_GROUP)
        if len(held):
            writer.write_table(held.combine_chunks())
    disk.remove_file(partial)


_FORMATS: dict[str, _Format] = {
    "csv": _Format(lambda: _csv_rows([COLUMNS]), lambda block: _csv_rows(block.rows()), disk.settle),
    "jsonl": _Format(lambda: b"", _json_lines, disk.settle),
    "parquet": _Format(lambda: bytes(_arrow_schema().serialize()), _arrow_batch, _to_parquet),
}
