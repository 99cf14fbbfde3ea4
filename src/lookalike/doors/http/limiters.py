"""Limiters: a bounded queue before bounded threads, for each kind of work; and the memory that requests hold.

A full queue is answered at once with "busy" and a time to come back. So what waits takes bounded memory, and who is
accepted is answered in bounded time.
"""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ...errors import BusyError

T = TypeVar("T")


class Limiter:
    """Threads for one kind of work, and the requests that wait for them. Used from the event loop."""

    def __init__(self, name: str, *, threads: int, waiting: int) -> None:
        self.name = name
        self.under_way = 0
        self.refused = 0
        self.done = 0
        self._most = threads + waiting
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    @property
    def waiting(self) -> int:
        """How many requests wait for a thread."""
        return max(0, self.under_way - self._threads)

    async def run(self, work: Callable[[], T]) -> T:
        """Do work on a thread.

        Raises:
            BusyError: when too many wait already, and when there are no threads, or no more.
        """
        if self.under_way >= self._most:
            self.refused += 1
            raise BusyError(f"{self._most:,} requests are under way. Try again in a moment.", retry_after_s=1)
        try:
            done = asyncio.get_running_loop().run_in_executor(self._pool, _guarded(work))
        except RuntimeError as exc:  # the server ends, or the system gives no more threads
            raise BusyError("the server takes no more work now. Try again later.", retry_after_s=5) from exc
        self.under_way += 1
        try:
            return await done
        finally:
            del done  # else an error and this frame would hold each other, with all that the work had at hand
            self.under_way -= 1
            self.done += 1

    def close(self) -> None:
        """Let the threads end when their work is done."""
        self._pool.shutdown(wait=False)


def _guarded(work: Callable[[], T]) -> Callable[[], T]:
    """Let work raise nothing that asyncio does not pass on to its caller, or that would end the loop."""

    def guarded() -> T:
        try:
            return work()
        except BaseException as exc:
            _let_go(exc)
            if isinstance(exc, Exception) and not isinstance(exc, StopIteration):
                raise
            raise RuntimeError(f"the work ended by {type(exc).__name__}") from exc

    return guarded


def _let_go(error: BaseException) -> None:
    """Drop what an error and the frames that it went through hold: a body, say, while its refusal is under way."""
    seen: BaseException | None = error
    while seen is not None:
        traceback.clear_frames(seen.__traceback__)
        if isinstance(seen, json.JSONDecodeError):
            seen.doc = ""
        elif isinstance(seen, UnicodeDecodeError):
            seen.object = b""
        seen = seen.__cause__ or seen.__context__


class Memory:
    """The bytes that requests hold while they are under way. Used from the event loop."""

    def __init__(self, most_bytes: int) -> None:
        self.held_bytes = 0
        self._most = most_bytes

    def holding(self) -> Held:
        """Begin to count what one request holds."""
        return Held(self)

    def take(self, count: int) -> None:
        """Count bytes as held.

        Raises:
            BusyError: when all requests together hold too many.
        """
        if self.held_bytes + count > self._most:
            raise BusyError(f"requests under way hold {self.held_bytes:,} bytes. Try again soon.", retry_after_s=2)
        self.held_bytes += count


class Held:
    """What one request holds of the memory, in `bytes`, until it is released."""

    def __init__(self, memory: Memory) -> None:
        self.bytes = 0
        self._memory = memory

    def take(self, count: int) -> None:
        """Count bytes as held by this request; see Memory.take."""
        self._memory.take(count)
        self.bytes += count

    def release(self) -> None:
        """Free all that was taken."""
        self._memory.held_bytes -= self.bytes
        self.bytes = 0
