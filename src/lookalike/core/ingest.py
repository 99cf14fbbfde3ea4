"""The pipeline of `add`: sources to items, items to entries on many threads, entries to the store in batches.

Each worker decodes and encodes one image at a time: measured, one-thread sessions at batch 1 beat batches for the
embedded encoder. Look-ahead is bounded, so memory does not grow with the number of images. The caller's thread
alone asks and writes the store, and commits every `_COMMIT_ROWS` entries or `_COMMIT_S` seconds; what was
committed survives any crash, and the next run skips it.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from ..errors import IdTakenError, LookalikeError
from ..values import Entry, Failure, Progress, Record
from .results import Report

if TYPE_CHECKING:
    from ..stores import Store, Written

IdFrom = Literal["path", "name", "hash"]
OnProgress = Callable[[Progress], None]
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
        metadata, tags: None where the source says nothing of them: a record that is there keeps its own.
        failure: Why it cannot even be tried, or None.
    """

    source: Any
    name: str
    id: str
    stamp: str = ""
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


class Ingest:
    """One run of the pipeline over one store."""

    def __init__(self, store: Store, encode: Encode, *, workers: int, rules: Rules, total: int | None = None) -> None:
        self._store = store
        self._encode = encode
        self._workers = workers
        self._rules = rules
        self._total = total
        self._report = Report()
        self._failed: list[Failure] = []
        self._batch: dict[str, Entry] = {}  # by id: what waits for the next commit
        self._moved: list[Entry] = []  # records whose file is now elsewhere
        self._stamps: dict[str, str] = {}
        self._committed_at = time.monotonic()

    def run(self, items: Iterable[Item], on_progress: OnProgress | None = None) -> Report:
        """Bring all items in. Interrupted (by Ctrl-C, or by an error of the store), what is encoded is kept.

        Raises:
            StoreError: when the store can no longer write; everything acknowledged before is there.
        """
        began = self._committed_at = time.monotonic()
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="lookalike")
        waiting: deque[tuple[Item, Record | None, Future[Entry]]] = deque()
        try:
            for item, held in self._with_held(items):
                if self._settled(item, held):
                    self._tell(on_progress)
                    continue
                waiting.append((item, held, pool.submit(self._encode, item)))
                if len(waiting) >= self._workers * _LOOK_AHEAD:
                    self._take(*waiting.popleft())
                    self._tell(on_progress)
            while waiting:
                self._take(*waiting.popleft())
                self._tell(on_progress)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            self._commit()
        return replace(self._report, failed=tuple(self._failed), seconds=time.monotonic() - began)

    def _with_held(self, items: Iterable[Item]) -> Iterator[tuple[Item, Record | None]]:
        """Give each item with the record that holds its id now; asked in blocks."""
        stream = iter(items)
        while block := list(islice(stream, _ASK_ROWS)):
            held = self._store.get([item.id for item in block if item.id])
            for item in block:
                yield item, held.get(item.id)

    def _settled(self, item: Item, held: Record | None) -> bool:
        """Count items that need no reading: failed, skipped, or unchanged by their stamp."""
        if item.failure is not None:
            self._fail(item.name, item.failure)
        elif item.skipped:
            self._count(skipped=1)
        elif held is not None and (self._rules.resume or _is_untouched(held, item)):
            self._count(unchanged=1)
        else:
            return False
        return True

    def _take(self, item: Item, held: Record | None, future: Future[Entry]) -> None:
        try:
            entry = _keeping(future.result(), item, held)
        except LookalikeError as error:
            self._fail(item.name, error)
            return
        waiting = self._batch.get(entry.record.id)
        if waiting is not None and not _is_same(waiting.record, entry.record):
            self._commit()  # two sources claim one id: the store, which now holds the first, refuses the second
        if held is not None and _has_moved(held, entry.record):
            self._moved.append(entry)
        elif (held is not None and _is_same(held, entry.record)) or waiting is not None:
            if held is not None and held.stamp != entry.record.stamp:
                self._stamps[held.id] = entry.record.stamp
            self._count(unchanged=1)
        else:
            self._batch[entry.record.id] = entry
        if len(self._batch) + len(self._moved) >= _COMMIT_ROWS or time.monotonic() - self._committed_at >= _COMMIT_S:
            self._commit()

    def _commit(self) -> None:
        batch, self._batch = list(self._batch.values()), {}
        moved, self._moved = self._moved, []
        stamps, self._stamps = self._stamps, {}
        for entries, replaced in ((batch, "any" if self._rules.replace else "same_source"), (moved, "any")):
            if entries:
                self._note(self._store.upsert(entries, replace=replaced))  # type: ignore[arg-type]
        if stamps:
            self._store.restamp(stamps)
        self._committed_at = time.monotonic()

    def _note(self, written: Written) -> None:
        self._count(added=len(written.added), updated=len(written.updated))
        for refused in written.refused:
            self._fail(refused.source or "", _taken(refused.id, refused.source, refused.held_by))

    def _fail(self, name: str, error: LookalikeError) -> None:
        self._failed.append(Failure(name, error.code, error.message))

    def _count(self, **counts: int) -> None:
        old = self._report
        self._report = replace(old, **{name: getattr(old, name) + n for name, n in counts.items()})  # type: ignore[arg-type]

    def _tell(self, on_progress: OnProgress | None) -> None:
        if on_progress is None:
            return
        r = self._report
        done = r.added + r.updated + r.unchanged + r.skipped + len(self._failed) + len(self._batch) + len(self._moved)
        on_progress(Progress(done, self._total, len(self._failed)))


def _is_untouched(held: Record, item: Item) -> bool:
    """Say whether the stamp alone shows that nothing changed; a source that brings metadata is always read."""
    return bool(item.stamp) and held.stamp == item.stamp and held.source == item.name and item.metadata is None


def _keeping(entry: Entry, item: Item, held: Record | None) -> Entry:
    """Let a record keep the metadata and tags of which its source says nothing."""
    if held is None:
        return entry
    metadata = held.metadata if item.metadata is None else item.metadata
    tags = held.tags if item.tags is None else item.tags
    return replace(entry, record=replace(entry.record, metadata=metadata, tags=tags))


def _has_moved(held: Record, new: Record) -> bool:
    """Say whether a record's file is now elsewhere: same bytes, and nothing lies at the old path."""
    if held.source == new.source or held.content_hash != new.content_hash or not held.source:
        return False
    return os.path.isabs(held.source) and not os.path.exists(held.source)


def _is_same(held: Record, new: Record) -> bool:
    return (
        held.content_hash == new.content_hash
        and held.source == new.source
        and dict(held.metadata) == dict(new.metadata)
        and held.tags == new.tags
    )


def _taken(record_id: str, source: str | None, held_by: str | None) -> IdTakenError:
    return IdTakenError(
        f'id "{record_id}" is held by {held_by or "an unnamed source"}; {source or "an unnamed source"} was not '
        f"stored. Give it another id, remove the first, or replace it (replace=True, --replace).",
        id=record_id,
        source=source,
        held_by=held_by,
    )
