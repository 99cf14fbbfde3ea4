"""An ordered parallel map with a bounded look-ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Thing = TypeVar("Thing")
Made = TypeVar("Made")

_LOOK_AHEAD = 4  # things under way for each worker: memory does not grow with their number


def in_order(
    work: Callable[[Thing], Made],
    things: Iterable[Thing],
    *,
    workers: int,
    initializer: Callable[[], None] | None = None,
) -> Iterator[Made]:
    """Return the result of each thing; its error is raised at its place, and ends the work.

    Args:
        initializer: Called once on each thread before its first work.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="lookalike", initializer=initializer)
    waiting: deque[Future[Made]] = deque()
    try:
        for thing in things:
            waiting.append(pool.submit(work, thing))
            if len(waiting) > workers * _LOOK_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
