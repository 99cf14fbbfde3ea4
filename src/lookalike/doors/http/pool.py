"""The pool of worker processes: lends one to each request, and replaces those that die or take too long."""

from __future__ import annotations

import logging
import multiprocessing
import os
import queue
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ...errors import BusyError, DecoderCrashedError, EncoderError, ImageTooLargeError
from . import worker

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from ...arrays import F32, U8
    from ...core.features.describer import Crop, Description, Traced
    from ...settings import Settings

_GRACE_S = 5.0  # beyond the decoder's own time limit, for encoding and for a worker that loads its model first
_FIRST_S = 60.0  # for a first answer, on a machine that has other things to do
_PATIENCE_S = 120.0  # waiting for an idle worker; the queues before the pool are bounded, so this is a last resort
_ENDING_S = 2.0

_ANY_ENCODER = "builtin"  # what encodes nothing asks for the one that is loaded
_log = logging.getLogger("lookalike.server")


class WorkerPool:
    """`core.describer.Workers` over processes. May be used from many threads; each call waits for an idle worker."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._context: Any = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
        self._cards: dict[str, Any] = {}
        self._starting = threading.Lock()
        self._idle: queue.LifoQueue[_Worker | None] = queue.LifoQueue()  # None: a place whose worker is yet to start
        self._closed = False
        self.deaths = 0
        for _ in range(settings.workers):
            self._idle.put(None)

    @property
    def idle(self) -> int:
        """How many workers wait for work."""
        return self._idle.qsize()

    def process_ids(self) -> list[int]:
        """Return the process ids of the workers that wait for work."""
        return [one.process.pid for one in list(self._idle.queue) if one is not None]

    def start(self) -> None:
        """Start all workers, so that the first requests do not wait for them."""
        places = [self._idle.get() for _ in range(self._settings.workers)]
        try:
            places = [place or self._started() for place in places]
        finally:
            for place in places:
                self._idle.put(place)

    def card(self, encoder_name: str) -> Any:
        """Return the card of the encoder that runs in the workers."""
        if encoder_name not in self._cards:
            self._cards[encoder_name] = self._ask(("card", encoder_name, {}, b""), _FIRST_S)
        return self._cards[encoder_name]

    def describe(
        self, encoder_name: str, data: bytes, *, crop: Crop | None, thumbnail: bool, small: bool
    ) -> Description:
        """Describe a picture in a worker.

        Raises:
            SourceError: when the bytes give no picture, take too long, or end two workers.
        """
        options = {"crop": crop, "thumbnail": thumbnail, "small": small}
        found: Description = self._ask(("describe", encoder_name, options, data), self._patience_s)
        return found

    def pixel_hash(self, encoder_name: str, data: bytes) -> str:
        """Hash the pixels of a picture in a worker; raises as `describe`."""
        found: str = self._ask(("pixel_hash", encoder_name, {}, data), self._patience_s)
        return found

    def traces(self, encoder_name: str, data: bytes) -> Traced:
        """Measure a picture in a worker; raises as `describe`."""
        found: Traced = self._ask(("traces", encoder_name, {}, data), self._patience_s)
        return found

    def embed(self, encoder_name: str, pixels: U8) -> F32:
        """Encode pixels in a worker."""
        found: F32 = self._ask(("embed", encoder_name, {"pixels": pixels}, b""), self._patience_s)
        return found

    def thumbnail(self, data: bytes, *, side_px: int, fine: bool = False) -> bytes:
        """Make a small JPEG in a worker; raises as `describe`."""
        options = {"side_px": side_px}
        made: bytes = self._ask(("small" if fine else "thumbnail", _ANY_ENCODER, options, data), self._patience_s)
        return made

    @property
    def _patience_s(self) -> float:
        return self._settings.limits.decode_timeout_s + _GRACE_S

    def close(self) -> None:
        """End all workers; those at work end when they are given back. Callers that wait for one get an error."""
        self._closed = True
        with suppress(queue.Empty):
            while True:
                idle = self._idle.get_nowait()
                if idle is not None:
                    idle.end()
        self._idle.put(None)  # for the first caller that waits, and each of them passes it on

    def _ask(self, request: worker.Request, seconds: float) -> Any:
        """Ask a worker, and a second one where the first died: it may have been another's fault."""
        data = request[-1]
        for _ in range(2):
            with self._lent() as lent:
                try:
                    is_answer, reply = lent.ask(request, seconds)
                except TimeoutError as exc:
                    raise ImageTooLargeError(
                        f"cannot decode these {len(data):,} bytes: {seconds:g} s were not enough. "
                        f"Resize the picture, or raise `decode_timeout_s`."
                    ) from exc
                except (EOFError, OSError):
                    self.deaths += 1
                    continue
                if is_answer:
                    return reply
                raise reply
        if not data:  # there was nothing to decode
            raise EncoderError("no worker process can be started. The log says why.")
        raise DecoderCrashedError(
            f"cannot decode these {len(data):,} bytes: they ended the process that tried. Save the picture anew, "
            f"as JPEG or PNG."
        )

    @contextmanager
    def _lent(self) -> Iterator[_Worker]:
        try:
            place = self._idle.get(timeout=_PATIENCE_S)
        except queue.Empty as exc:
            raise BusyError("no worker became free in time. Try again later.", retry_after_s=5) from exc
        if self._closed and place is None:
            self._idle.put(None)
            raise BusyError("the server ends. Try again later.", retry_after_s=5)
        try:
            place = place or self._started()
            yield place
        finally:
            if self._closed and place is not None:
                place.end()
            self._idle.put(None if place is None or place.is_broken else place)

    def _started(self) -> _Worker:
        with self._starting, _environment({worker.PRELOAD: "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}):
            self._context.set_forkserver_preload([worker.__name__])
            try:
                ours, theirs = self._context.Pipe()
            except OSError as exc:
                raise _not_started(exc) from exc
            with closing(theirs):
                process = self._context.Process(target=worker.work, args=(theirs, self._settings), daemon=True)
                try:
                    process.start()
                except (OSError, EOFError) as exc:
                    ours.close()
                    raise _not_started(exc) from exc
            return _Worker(process, ours, self._patience_s)


class _Worker:
    """One process and the pipe to it."""

    def __init__(self, process: Any, connection: Connection, seconds: float) -> None:
        self.process = process
        self.is_broken = False
        self._connection = connection
        if sys.platform != "win32":
            _bound(connection, seconds)

    def ask(self, request: worker.Request, seconds: float) -> tuple[bool, Any]:
        """Send a request and wait for the reply. A worker that fails at it is ended.

        Raises:
            TimeoutError: when no reply came in time.
            EOFError, OSError: when the worker died.
        """
        try:
            self._connection.send(request)
            if not self._connection.poll(seconds):
                raise TimeoutError
            reply: tuple[bool, Any] = self._connection.recv()
            return reply
        except BlockingIOError as exc:
            self._break()
            raise TimeoutError from exc
        except BaseException:
            self._break()
            raise

    def _break(self) -> None:
        self.is_broken = True
        self.process.kill()
        self._connection.close()

    def end(self) -> None:
        """End it: it sees that this side of the pipe is gone."""
        self.is_broken = True
        self._connection.close()
        self.process.join(_ENDING_S)
        if self.process.is_alive():
            self.process.kill()


def _bound(connection: Connection, seconds: float) -> None:
    """Let each write to a pipe, and each read, end in time: one that hangs takes no more, and gives no more."""
    time = struct.pack("@ll", int(seconds), int(seconds % 1 * 1e6))
    with socket.socket(fileno=os.dup(connection.fileno())) as end:
        for way in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
            end.setsockopt(socket.SOL_SOCKET, way, time)


def _not_started(error: Exception) -> BusyError:
    _log.error("no worker process can be started: %s", error)
    return BusyError("no worker process can be started now. Try again later.", retry_after_s=5)


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set variables for a process that is started inside; the threads of this one have read theirs long ago."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
