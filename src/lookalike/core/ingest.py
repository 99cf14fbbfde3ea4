"""The pipeline of `add`: sources to items, items to entries on many threads, entries to the store in batches.

Each worker decodes and encodes one image at a time: measured, one-thread sessions at batch 1 beat batches for the
embedded encoder. Look-ahead is bounded, so memory does not grow with the number of images. The caller's thread
alone asks and writes the store, and commits every `_COMMIT_ROWS` entries or `_COMMIT_S` seconds; what was
committed survives any crash, and the next run skips it.
"""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from ..errors import IdTakenError, LookalikeError
from ..values import Entry, Failure, Outcome, Progress, Record
from .results import Report

if TYPE_CHECKING:
    from ..stores import Replace, Store
    from ..values import Kept, OutcomeKind

IdFrom = Literal["path", "name", "hash"]
OnProgress = Callable[[Progress], None]
OnOutcome = Callable[[Outcome], None]
Encode = Callable[["Item"], Entry]

_COMMIT_ROWS = 500
_COMMIT_S = 1.0  # at most this much work is lost on kill -9
_LOOK_AHEAD = 4  # items under way for each worker
_ASK_ROWS = 200  # items that are looked up in the store at once


@dataclass(frozen=True, eq=False)
class Item:
    """One source on its way in.

    Attributes:
        source: What the intake reads.
        name: The source for people, and the `source` of the record.
        id: The id it asks for; "" to take the content hash.
        stamp: See Record; "" where the source has none.
        called: What its sender called the file, where the source is bytes; "" where nobody said.
        metadata, tags: None where the source says nothing of them: a record that is there keeps its own.
        failure: Why it cannot even be tried, or None.
    """

    source: Any
    name: str
    id: str
    stamp: str = ""
    called: str = ""
    metadata: Mapping[str, Any] | None = None
    tags: tuple[str, ...] | None = None
    failure: LookalikeError | None = None
    skipped: bool = False


@dataclass(frozen=True)
class Rules:
    """How items meet what is stored.

    Attributes:
        replace: Overwrite records of other sources that hold the same id.
        resume: Take every id that is stored as done, without looking whether its file changed.
    """

    replace: bool = False
    resume: bool = False


@dataclass(frozen=True, eq=False)
class _Task:
    """An item under way: its place in the input, the record that holds its id, and the work, if it needs any."""

    place: int
    item: Item
    held: Record | None
    future: Future[Entry] | None


class _Here(Executor):
    """An executor without threads: what is submitted is done at once. Threads cost more than they give for one."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Do work, and give what came of it."""
        future: Future[Any] = Future()
        try:
            future.set_result(work(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class Ingest:
    """One run of the pipeline over one store."""

    def __init__(
        self,
        store: Store,
        encode: Encode,
        *,
        workers: int,
        rules: Rules,
        total: int | None = None,
        on_outcome: OnOutcome | None = None,
    ) -> None:
        self._store = store
        self._encode = encode
        self._workers = workers
        self._rules = rules
        self._total = total
        self._on_outcome = on_outcome
        self._counts: Counter[OutcomeKind] = Counter()
        self._failed: list[tuple[int, Failure]] = []  # by place in the input
        self._batch: dict[str, tuple[int, Entry]] = {}  # by id: what waits for the next commit
        self._moved: dict[str, tuple[int, Entry]] = {}  # records whose file is now elsewhere
        self._restamped: list[Record] = []
        self._committed_at = time.monotonic()

    def run(self, items: Iterable[Item], on_progress: OnProgress | None = None) -> Report:
        """Bring all items in. Interrupted (by Ctrl-C, or by an error of the store), what is encoded is kept.

        Raises:
            StoreError: when the store can no longer write; everything acknowledged before is there.
        """
        began = self._committed_at = time.monotonic()
        pool: Executor = (
            _Here() if self._workers == 1 else ThreadPoolExecutor(self._workers, thread_name_prefix="lookalike")
        )
        waiting: deque[_Task] = deque()
        try:
            for place, (item, held) in enumerate(self._with_held(items)):
                future = None if self._is_settled(item, held) else pool.submit(self._encode, item)
                waiting.append(_Task(place, item, held, future))
                if len(waiting) > self._workers * _LOOK_AHEAD:
                    self._take(waiting.popleft(), on_progress)
            while waiting:
                self._take(waiting.popleft(), on_progress)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            self._commit()
        failed = tuple(failure for _, failure in sorted(self._failed, key=lambda pair: pair[0]))
        counts = self._counts
        return Report(
            added=counts["added"],
            updated=counts["updated"],
            unchanged=counts["unchanged"],
            skipped=counts["skipped"],
            failed=failed,
            seconds=time.monotonic() - began,
        )

    def _with_held(self, items: Iterable[Item]) -> Iterator[tuple[Item, Record | None]]:
        """Give each item with the record that holds its id now; asked in blocks."""
        stream = iter(items)
        while block := list(islice(stream, _ASK_ROWS)):
            held = self._store.get([item.id for item in block if item.id])
            for item in block:
                yield item, held.get(item.id)

    def _is_settled(self, item: Item, held: Record | None) -> bool:
        """Say whether an item needs no reading: failed, skipped, or unchanged as far as its stamp tells."""
        if item.failure is not None or item.skipped:
            return True
        return held is not None and (self._rules.resume or _is_untouched(held, item))

    def _take(self, task: _Task, on_progress: OnProgress | None) -> None:
        item = task.item
        if item.failure is not None:
            self._fail(task.place, item.name, item.failure, item.id)
        elif item.skipped:
            self._settle(task.place, "", "skipped")
        elif task.future is None:
            self._settle(task.place, item.id, "unchanged")
        else:
            self._store_later(task, task.future)
        if len(self._batch) + len(self._moved) >= _COMMIT_ROWS or time.monotonic() - self._committed_at >= _COMMIT_S:
            self._commit()
        self._tell(on_progress)

    def _store_later(self, task: _Task, future: Future[Entry]) -> None:
        try:
            entry = _keeping(future.result(), task.item)
        except LookalikeError as error:
            self._fail(task.place, task.item.name, error, task.item.id, called=task.item.called)
            return
        record, held = entry.record, task.held
        if record.id in self._batch:
            if _is_same(self._batch[record.id][1].record, entry):
                self._settle(task.place, record.id, "unchanged")
                return
            self._commit()  # two sources claim one id: the store, which now holds the first, refuses the second
        if held is not None and _is_same(held, entry):
            if held.stamp != record.stamp:
                self._restamped.append(record)
            self._settle(task.place, record.id, "unchanged")
        elif held is not None and _has_moved(held, record):
            self._moved[record.id] = (task.place, entry)
        else:
            self._batch[record.id] = (task.place, entry)

    def _commit(self) -> None:
        batch, self._batch = self._batch, {}
        moved, self._moved = self._moved, {}
        restamped, self._restamped = self._restamped, []
        self._write(batch, "any" if self._rules.replace else "same_source")
        self._write(moved, "any")
        if restamped:
            self._store.restamp(restamped)
        self._committed_at = time.monotonic()

    def _write(self, batch: Mapping[str, tuple[int, Entry]], replaced: Replace) -> None:
        if not batch:
            return
        written = self._store.upsert([entry for _, entry in batch.values()], replace=replaced)
        for record_id in written.added:
            self._settle(batch[record_id][0], record_id, "added")
        for record_id in written.updated:
            self._settle(batch[record_id][0], record_id, "updated")
        for refused in written.refused:
            place, entry = batch[refused.id]
            name = entry.record.facts.name or refused.source or ""
            self._fail(place, name, _taken(refused.id, name, refused.source, refused.held_by), refused.id)

    def _fail(self, place: int, name: str, error: LookalikeError, record_id: str, *, called: str = "") -> None:
        message = error.message.replace(name, called) if called else error.message
        failure = Failure(called or name, error.code, message)
        self._failed.append((place, failure))
        self._settle(place, record_id, "failed", failure)

    def _settle(self, place: int, record_id: str, kind: OutcomeKind, failure: Failure | None = None) -> None:
        self._counts[kind] += 1
        if self._on_outcome is not None:
            self._on_outcome(Outcome(place, record_id, kind, failure))

    def _tell(self, on_progress: OnProgress | None) -> None:
        if on_progress is None:
            return
        settled = self._counts.total() + len(self._batch) + len(self._moved)
        on_progress(Progress(settled, self._total, self._counts["failed"]))


def _is_untouched(held: Record, item: Item) -> bool:
    """Say whether the stamp alone shows that nothing changed; a source that brings metadata is always read."""
    return bool(item.stamp) and held.stamp == item.stamp and held.source == item.name and item.metadata is None


def _keeping(entry: Entry, item: Item) -> Entry:
    """Let a stored record keep the metadata and tags of which its source says nothing."""
    silent: dict[Kept, bool] = {"metadata": item.metadata is None, "tags": item.tags is None}
    return replace(entry, keeps=frozenset(name for name, is_silent in silent.items() if is_silent))


def _has_moved(held: Record, new: Record) -> bool:
    """Say whether a record's file is now elsewhere: same bytes, and nothing lies at the old path."""
    if held.source == new.source or held.content_hash != new.content_hash or not held.source:
        return False
    return os.path.isabs(held.source) and not os.path.exists(held.source)


def _is_same(held: Record, entry: Entry) -> bool:
    new = entry.record
    return (
        held.content_hash == new.content_hash
        and held.source == new.source
        and ("metadata" in entry.keeps or dict(held.metadata) == dict(new.metadata))
        and ("tags" in entry.keeps or held.tags == new.tags)
    )


def _taken(record_id: str, name: str, source: str | None, held_by: str | None) -> IdTakenError:
    held = "" if held_by is None or held_by.startswith("bytes:") else f" ({held_by})"
    return IdTakenError(
        f'id "{record_id}" belongs to another picture{held}, so {name or "this one"} was not stored. Give it another '
        f"id, or let it replace the one that is there.",
        id=record_id,
        source=source,
        held_by=held_by,
    )
