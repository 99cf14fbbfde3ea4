"""Additions: pictures that wait for one collection at the same time are added together, each answered for itself.

One transaction and one forced write then serve several requests, which takes a tenth off the cost of each. Nobody waits
for company: a request that finds a turn free is added at once. One that waits is answered, whatever becomes of the
turn: with what became of the pictures, with an error, or with "busy".
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ...errors import BusyError, LookalikeError
from ...records import Outcome, Record

if TYPE_CHECKING:
    from ...core.collection import Collection
    from .limiters import Limiter

_TURNS = 2  # at a time: one decodes while the other writes
_MOST_PICTURES = 8  # in one turn: the first waits for the last


_NEITHER = LookalikeError("the pictures were neither stored nor refused.")


@dataclass(frozen=True)
class Added:
    """What became of the pictures of one request, and the record of one that was stored alone."""

    outcomes: Sequence[Outcome]
    record: Record | None


@dataclass(frozen=True, eq=False)
class _Request:
    name: str
    records: Sequence[Any]
    replace: bool
    reach: tuple[str, ...]
    room: AbstractContextManager[None]
    answer: asyncio.Future[Added]


class Additions:
    """The pictures that wait to be added. Used from the event loop."""

    def __init__(
        self,
        limiter: Limiter,
        open_collection: Callable[[str], Collection],
        *,
        most_waiting: int,
        turns: int = _TURNS,
        on_batch: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._lane = limiter
        self._open_collection = open_collection
        self._most_waiting = most_waiting
        self._most_turns = turns
        self._on_batch = on_batch
        self._waiting: deque[_Request] = deque()
        self._turns: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """How many requests wait for a turn."""
        return len(self._waiting)

    async def add(
        self,
        name: str,
        records: Sequence[Any],
        *,
        replace: bool,
        room: AbstractContextManager[None],
        reach: tuple[str, ...] = (),
    ) -> Added:
        """Add records to a collection, and say what became of each.

        Args:
            room: Held, on a thread, while the records are added; what it raises before is this request's answer.
            reach: The collections that the caller speaks for; empty for all of the home.

        Raises:
            BusyError: when too many wait already.
        """
        if len(self._waiting) >= self._most_waiting:
            self._lane.refused += 1
            raise BusyError(f"{len(self._waiting):,} requests wait. Try again in a moment.", retry_after_s=1)
        answer: asyncio.Future[Added] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Request(name, records, replace, reach, room, answer))
        if len(self._turns) < self._most_turns:
            turn = asyncio.create_task(self._work())
            self._turns.add(turn)
            turn.add_done_callback(self._turns.discard)
        return await answer

    async def _work(self) -> None:
        while self._waiting:
            batch = self._next()
            try:
                answers = await self._lane.run(partial(self._add, batch))
            except Exception as error:  # the limiter is full, or something broke that nobody thought of
                answers = [error] * len(batch)
            except BaseException:  # the server ends
                ends = BusyError("the server ends. Try again later.", retry_after_s=5)
                _answer([*batch, *self._waiting], [ends] * (len(batch) + len(self._waiting)))
                self._waiting.clear()
                raise
            _answer(batch, answers)

    def _next(self) -> list[_Request]:
        """Take the request that waits longest, and others that want the same."""
        first = self._waiting.popleft()
        batch, left = [first], deque[_Request]()
        count = len(first.records)
        for request in self._waiting:
            wanted = (request.name, request.replace, request.reach)
            is_alike = wanted == (first.name, first.replace, first.reach)
            if request.answer.done():  # the caller has gone away
                continue
            if is_alike and count + len(request.records) <= _MOST_PICTURES:
                batch.append(request)
                count += len(request.records)
            else:
                left.append(request)
        self._waiting = left
        return batch

    def _add(self, batch: Sequence[_Request]) -> list[Added | Exception]:
        """Add a batch, on a thread. Never raises: each request gets its answer."""
        with ExitStack() as rooms:
            refused = {n: error for n, request in enumerate(batch) if (error := _refusal(rooms, request)) is not None}
            admitted = [request for n, request in enumerate(batch) if n not in refused]
            try:
                added = iter(self._add_all(admitted) if admitted else [])
            except Exception as error:
                return [refused.get(n, error) for n in range(len(batch))]
            return [refused[n] if n in refused else next(added) for n in range(len(batch))]

    def _add_all(self, batch: Sequence[_Request]) -> list[Added | Exception]:
        collection = self._open_collection(batch[0].name).within(batch[0].reach)
        outcomes: list[Outcome] = []
        records = [record for request in batch for record in request.records]
        self._on_batch(len(records))
        collection.add(records, replace=batch[0].replace, on_outcome=outcomes.append)
        outcomes.sort(key=lambda outcome: outcome.place)
        added: list[Added | Exception] = []
        start = 0
        for request in batch:
            own = outcomes[start : start + len(request.records)]
            start += len(request.records)
            added.append(_added(collection, own))
        return added


def _answer(batch: Sequence[_Request], answers: Sequence[Added | Exception]) -> None:
    """Answer the requests whose clients are still there."""
    for place, request in enumerate(batch):
        answer = answers[place] if place < len(answers) else _NEITHER
        if request.answer.done():
            continue
        if isinstance(answer, Added):
            request.answer.set_result(answer)
        else:
            request.answer.set_exception(_NEITHER if isinstance(answer, StopIteration) else answer)


def _added(collection: Collection, outcomes: Sequence[Outcome]) -> Added | Exception:
    """Return what became of a request; one that is deleted again meanwhile spoils no other."""
    if len(outcomes) != 1 or outcomes[0].failure is not None:
        return Added(outcomes, None)
    try:
        return Added(outcomes, collection.get(outcomes[0].id))
    except LookalikeError as error:
        return error


def _refusal(rooms: ExitStack, request: _Request) -> LookalikeError | None:
    """Take the room that a request needs; give the error where there is none."""
    try:
        rooms.enter_context(request.room)
    except LookalikeError as error:
        return error
    return None
