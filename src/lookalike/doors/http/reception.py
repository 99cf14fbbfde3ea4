"""An incoming body, buffered in memory or on disk."""

from __future__ import annotations

import tempfile
from typing import IO, TYPE_CHECKING

from ...errors import BusyError

if TYPE_CHECKING:
    from types import TracebackType

_SMALL_BYTES = 32_768  # a body of which is always held in memory
_IN_MEMORY_BYTES = 8_000_000  # of all bodies together, beside the small ones


class Reception:
    """What the bodies that are being received hold, all together. Used from the event loop.

    Args:
        most_files: Bodies that may be on disk.
    """

    def __init__(self, most_files: int) -> None:
        self.most_files = most_files
        self.held_bytes = 0
        self.files = 0

    def begin(self) -> Received:
        """Begin to receive a body; use it in a `with` block."""
        return Received(self)


class Received:
    """One body, as far as it has come. Clients that stop in the middle then hold a file, and not our memory."""

    def __init__(self, reception: Reception) -> None:
        self.size = 0
        self._reception = reception
        self._chunks: list[bytes] = []
        self._held = 0
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Received:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._let_go()
        if self._file is not None:
            self._file.close()
            self._reception.files -= 1

    def add(self, chunk: bytes) -> None:
        """Take what came.

        Raises:
            BusyError: when too many large bodies are being received.
        """
        self.size += len(chunk)
        if self._file is None and not self._has_room(len(chunk)):
            self._file = self._opened()
        if self._file is not None:
            _write(self._file, chunk)
            return
        self._chunks.append(chunk)
        self._held += len(chunk)
        self._reception.held_bytes += len(chunk)

    def whole(self) -> bytes:
        """Return all that came; once, since nothing of it is kept. May be called on another thread."""
        if self._file is None:
            chunks, self._chunks = self._chunks, []
            return b"".join(chunks)
        self._file.seek(0)
        return self._file.read()

    def _has_room(self, count: int) -> bool:
        return self.size <= _SMALL_BYTES or self._reception.held_bytes + count <= _IN_MEMORY_BYTES

    def _opened(self) -> IO[bytes]:
        """Go on in a file without a name, which nothing leaves behind."""
        if self._reception.files >= self._reception.most_files:
            raise BusyError("too many large bodies are being received. Try again soon.", retry_after_s=2)
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the body is done
        for chunk in self._chunks:
            _write(file, chunk)
        self._reception.files += 1
        self._let_go()
        return file

    def _let_go(self) -> None:
        self._reception.held_bytes -= self._held
        self._held = 0
        self._chunks.clear()


def _write(file: IO[bytes], chunk: bytes) -> None:
    try:
        file.write(chunk)
        file.flush()
    except OSError as exc:
        raise BusyError("there is no room for more large bodies. Try again soon.", retry_after_s=5) from exc
