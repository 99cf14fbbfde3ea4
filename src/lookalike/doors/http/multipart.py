"""Multipart bodies, split into their parts a chunk at a time."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from .replies import Refusal, malformed

_MOST_HEADERS = 16
_MOST_HEADER_BYTES = 8192
_PIECE = 1 << 20  # parsed at once: what is in memory of a body of many parts is bounded by it


@dataclass(frozen=True)
class Part:
    """One part of a multipart body; `filename` is None where it is not a file."""

    name: str
    filename: str | None
    data: bytes


def boundary_of(content_type: str) -> str:
    """Return the boundary that a Content-Type names.

    Raises:
        Refusal: when it names none.
    """
    _, options = parse_options_header(content_type.encode("latin-1"))
    boundary = options.get(b"boundary", b"").decode("latin-1")
    if not boundary:
        raise malformed('the Content-Type of a multipart body needs a "boundary"; an HTTP library sets it by itself')
    return boundary


def parts_of(
    chunks: Iterable[bytes],
    boundary: str,
    *,
    most_part_bytes: int,
    most_parts: int | None = None,
    keep: bool = True,
) -> Iterator[Part]:
    """Return the parts of a body, in order.

    Args:
        most_part_bytes: Bytes that one part may have.
        most_parts: Parts that the body may have; None for any number.
        keep: Whether the parts' bytes are wanted; False for who only counts.

    Raises:
        Refusal: for a body that is broken or cut off, for a part that is too large, and for too many parts.
    """
    splitter = _Splitter(most_part_bytes, most_parts, keep=keep)
    try:
        parser = MultipartParser(
            boundary.encode("latin-1"),
            splitter.callbacks(),
            max_header_count=_MOST_HEADERS,
            max_header_size=_MOST_HEADER_BYTES,
        )
        for chunk in chunks:
            for start in range(0, len(chunk), _PIECE):
                parser.write(chunk[start : start + _PIECE])
                yield from splitter.taken()
        parser.finalize()
    except FormParserError as exc:
        raise malformed(f"the multipart body is broken: {exc}") from exc
    yield from splitter.taken()
    if not splitter.has_ended:
        raise malformed("the multipart body is cut off: its last boundary is missing")


class _Splitter:
    """What the parser calls while it goes along."""

    def __init__(self, most_part_bytes: int, most_parts: int | None, *, keep: bool) -> None:
        self.has_ended = False
        self._most = most_part_bytes
        self._most_parts = most_parts
        self._parts = 0
        self._keep = keep
        self._done: list[Part] = []
        self._data = io.BytesIO()  # what comes in a million pieces takes no more memory than in one
        self._size = 0
        self._headers: dict[bytes, bytes] = {}
        self._name, self._value = b"", b""

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._field,
            "on_header_value": self._add_value,
            "on_header_end": self._end_header,
            "on_part_data": self._add,
            "on_part_end": self._end,
            "on_end": self._end_all,
        }

    def taken(self) -> list[Part]:
        done, self._done = self._done, []
        return done

    def _begin(self) -> None:
        self._data, self._size, self._headers = io.BytesIO(), 0, {}
        self._parts += 1
        if self._most_parts is not None and self._parts > self._most_parts:
            raise Refusal(413, "too_many_images", f"more than {self._most_parts:,} parts in one request. Send fewer.")

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name, self._value = b"", b""

    def _add(self, data: bytes, start: int, end: int) -> None:
        self._size += end - start
        if self._size > self._most:
            raise Refusal(413, "body_too_large", f"a part of the body has more than {self._most:,} bytes.")
        if self._keep:
            self._data.write(memoryview(data)[start:end])

    def _end(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        filename = options.get(b"filename")
        name = options.get(b"name", b"").decode("utf-8", "replace")
        shown = None if filename is None else filename.decode("utf-8", "replace")
        self._done.append(Part(name, shown, self._data.getvalue()))

    def _end_all(self) -> None:
        self.has_ended = True
