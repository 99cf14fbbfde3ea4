"""The pipeline of `add`: sources to items, items to entries on many threads, entries to the store in batches.

Each worker decodes and encodes one image at a time: measured, one-thread sessions at batch 1 beat batches for the
embedded encoder. Look-ahead is bounded, so memory does not grow with the number of images. The caller's thread
alone writes the store, and commits every `_COMMIT_ROWS` entries or `_COMMIT_S` seconds; what was committed survives any
crash, and the next run skips it.

A file whose stamp differs from its record's is hashed first, and waits until the others are through: only then is it
known where the bytes of its record went (see `moves`). What did not move is encoded then.
"""

from __future__ import annotations

import re
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from ... import intake
from ...errors import IdTakenError, InputError, LookalikeError, StoreDamagedError
from ...pictures import Source
from ...records import Entry, Failure, Outcome, Progress, Record
from ...stores import Harm, Move
from .local_files import has_lost_file
from .moves import Changed, Departures, Hash, move_to, moves_among
from .report import Report

if TYPE_CHECKING:
    from ...records import Kept, OutcomeKind
    from ...stores import Records, Refused, Replace

IdFrom = Literal["path", "name", "hash"]
OnProgress = Callable[[Progress], None]
OnOutcome = Callable[[Outcome], None]
Encode = Callable[["Item"], Entry]

_BYTES_NAME = re.compile(r"bytes:[0-9a-f]{12}(?![0-9a-f])")  # what a message calls bytes whose name it does not know
_COMMIT_ROWS = 500
_COMMIT_S = 1.0  # at most this much work is lost on kill -9
_LOOK_AHEAD = 4  # items under way for each worker
_ASK_ROWS = 200  # items that are looked up in the store at once
_MOST_CHANGED = 20_000  # changed files that wait for one another; a kilobyte each


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
        is_repeated: Whether the same file came before.
        check: Called right before it is read, where its work is done; what it raises is why it fails.
        is_named: Whether its caller chose the id; else a file that is stored under another id is that record.
        failure: Why it cannot even be tried, or None.
    """

    source: Source | None
    name: str
    id: str
    stamp: str = ""
    called: str = ""
    metadata: Mapping[str, Any] | None = None
    tags: tuple[str, ...] | None = None
    failure: LookalikeError | None = None
    check: Callable[[], None] | None = None
    skipped: bool = False
    is_named: bool = False
    is_repeated: bool = False

    @property
    def is_silent_file(self) -> bool:
        """Whether it is a local file, of which nothing but the file itself is said."""
        return bool(self.stamp) and self.metadata is None and self.tags is None and not self.is_named


@dataclass(frozen=True)
class Rules:
    """How items meet what is stored.

    Attributes:
        replace: Overwrite records of other sources that hold the same id.
        resume: Take every id that is stored as done, without looking whether its file changed.
        check_content: Hash the files, too, whose size and time are as they were.
    """

    replace: bool = False
    resume: bool = False
    check_content: bool = False


@dataclass(frozen=True, eq=False)
class _Task:
    """An item under way: its place in the input, its record or the one with its id, and the work, if it needs any.

    The work gives its entry, or the hash of its bytes where these may be those of another record.
    """

    place: int
    item: Item
    held: Record | None
    future: Future[Entry | str] | None


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
    """One run of the pipeline over one store.

    Args:
        encode: Reads and encodes an item, on any thread.
        hash: Hashes the bytes of a file, on any thread.
    """

    def __init__(
        self,
        store: Records,
        encode: Encode,
        hash: Hash,
        *,
        workers: int,
        rules: Rules,
        total: int | None = None,
        on_outcome: OnOutcome | None = None,
    ) -> None:
        self._store = store
        self._encode = encode
        self._hash = hash
        self._workers = workers
        self._rules = rules
        self._total = total
        self._on_outcome = on_outcome
        self._departures = Departures(store, hash)
        self._counts: Counter[OutcomeKind] = Counter()
        self._failed: list[tuple[int, Failure]] = []  # by place in the input
        self._batch: dict[str, tuple[int, Entry]] = {}  # by id: what waits for the next commit
        self._moves: list[tuple[int, Item, Move]] = []  # records whose file is now elsewhere; wait as well
        self._followed: list[Move] = []  # records that are written anew, too
        self._restamped: list[Record] = []
        self._changed: list[Changed] = []
        self._left_over: list[tuple[int, Item]] = []  # files that turned out to be no moves
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
        try:
            self._stream(enumerate(items), pool, on_progress)
            while self._moves or self._changed or self._left_over:
                self._settle_changed(pool, on_progress)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            self._commit()
        failed = tuple(failure for _, failure in sorted(self._failed, key=lambda pair: pair[0]))
        counts = self._counts
        return Report(
            added=counts["added"],
            updated=counts["updated"],
            unchanged=counts["unchanged"],
            moved=counts["moved"],
            skipped=counts["skipped"],
            failed=failed,
            seconds=time.monotonic() - began,
        )

    def _stream(
        self,
        items: Iterable[tuple[int, Item]],
        pool: Executor,
        on_progress: OnProgress | None,
        *,
        may_move: bool = True,
    ) -> None:
        """Work on items, given with their places in the input, a few ahead of those that are taken."""
        waiting: deque[_Task] = deque()
        for place, item, held in self._with_held(items):
            waiting.append(_Task(place, item, held, self._begin(item, held, pool, may_move=may_move)))
            if len(waiting) > self._workers * _LOOK_AHEAD:
                self._take(waiting.popleft(), on_progress)
            if len(self._changed) >= _MOST_CHANGED and may_move:
                self._settle_changed(pool, on_progress)
        while waiting:
            self._take(waiting.popleft(), on_progress)

    def _with_held(self, items: Iterable[tuple[int, Item]]) -> Iterator[tuple[int, Item, Record | None]]:
        """Return each item with its record, or the one that holds its id, as stored now; asked in blocks."""
        stream = iter(items)
        while block := list(islice(stream, _ASK_ROWS)):
            held = self._store.get([item.id for _, item in block if item.id])
            damaged = {} if self._rules.replace else self._store.damaged()
            block = [(place, _unless_damaged(_unless_unwritable(item), damaged)) for place, item in block]
            lost = [item.name for _, item in block if self._may_be_elsewhere(item, held.get(item.id))]
            stored = self._store.from_sources(lost) if lost else {}
            for place, item in block:
                yield place, item, next(iter(stored.get(item.name, ())), held.get(item.id))

    @cached_property
    def _was_empty(self) -> bool:
        """Whether there were no records when the first file came."""
        return self._store.count() == 0

    def _may_be_elsewhere(self, item: Item, held: Record | None) -> bool:
        """Return whether a file may be stored under another id than it asks for."""
        if not item.stamp or not item.id or item.is_named or (held is not None and held.source == item.name):
            return False
        return not self._was_empty

    def _begin(self, item: Item, held: Record | None, pool: Executor, *, may_move: bool) -> Future[Entry | str] | None:
        """Submit the work that an item needs: none for one that failed, was skipped, or is unchanged by its stamp."""
        if item.failure is not None or item.skipped or item.is_repeated:
            return None
        if held is not None and self._rules.resume:
            return None
        if may_move and held is not None and _is_untouched(held, item) and not self._rules.check_content:
            return None
        if may_move and item.is_silent_file and held is not None and not self._rules.replace:
            return pool.submit(self._hash, item.source)
        if may_move and item.stamp and held is None and not item.is_named and not self._was_empty:
            return pool.submit(self._hash_or_entry, item)
        return pool.submit(self._entry, item)

    def _entry(self, item: Item) -> Entry:
        if item.check is not None:
            item.check()
        return self._encode(item)

    def _hash_or_entry(self, item: Item) -> Entry | str:
        """Encode a new file, or only hash it where a record of its bytes has left its path."""
        content_hash = self._hash(item.source)
        return content_hash if self._departures.find(content_hash, item.name) else self._entry(item)

    def _take(self, task: _Task, on_progress: OnProgress | None) -> None:
        item = task.item
        if item.failure is not None:
            self._fail(task.place, item.name, item.failure, item.id)
        elif item.skipped:
            self._settle(task.place, "", "skipped")
        elif task.future is None:
            self._settle(task.place, task.held.id if task.held is not None else item.id, "unchanged")
        else:
            self._take_work(task, task.future)
        waiting = len(self._batch) + len(self._moves)
        if waiting >= _COMMIT_ROWS or time.monotonic() - self._committed_at >= _COMMIT_S:
            self._commit()
        self._tell(on_progress)

    def _take_work(self, task: _Task, future: Future[Entry | str]) -> None:
        try:
            done = future.result()
        except LookalikeError as error:
            self._fail(task.place, task.item.name, error, task.item.id, called=task.item.called)
            return
        if not isinstance(done, str):
            self._store_later(task, _keeping(done, task.item))
        elif task.held is None:
            self._move_later(task, done)
        elif task.held.source != task.item.name or task.held.content_hash != done:
            self._changed.append(Changed(task.place, task.item, task.held, done))
        else:
            if task.held.stamp != task.item.stamp:
                self._restamped.append(replace(task.held, stamp=task.item.stamp))
            self._settle(task.place, task.held.id, "unchanged")

    def _move_later(self, task: _Task, content_hash: str) -> None:
        """Take a new file for a record that has left its path, where no other file was."""
        found = self._departures.find(content_hash, task.item.name)
        if found is None:
            self._left_over.append((task.place, task.item))
            return
        self._departures.claim(found)
        self._moves.append((task.place, task.item, move_to(found, task.item)))

    def _store_later(self, task: _Task, entry: Entry) -> None:
        record, held = entry.record, task.held
        if held is not None and held.id != record.id:  # stored under another id
            record = replace(record, id=held.id)
            entry = replace(entry, record=record)
        if record.id in self._batch:
            if _is_same(self._batch[record.id][1].record, entry):
                self._settle(task.place, record.id, "unchanged")
                return
            self._commit()  # two sources claim one id: the store, which now holds the first, refuses the second
        if held is not None and _is_same(held, entry):
            if held.stamp != record.stamp:
                self._restamped.append(record)
            self._settle(task.place, record.id, "unchanged")
            return
        if held is not None and _has_moved(held, record):
            self._followed.append(Move(held, held.id, record.source or "", record.stamp))
        self._batch[record.id] = (task.place, entry)

    def _settle_changed(self, pool: Executor, on_progress: OnProgress | None) -> None:
        """Move the records whose bytes are under another path now, and encode the files that are left."""
        self._commit()
        changed, self._changed = self._changed, []
        moves = moves_among(changed, self._departures)
        self._moves += [(one.place, one.item, move) for one, move in moves]
        self._commit()
        moved = {one.place for one, _ in moves}
        left, self._left_over = self._left_over, []
        left += [(one.place, one.item) for one in changed if one.place not in moved]
        self._stream(sorted(left, key=lambda pair: pair[0]), pool, on_progress, may_move=False)

    def _commit(self) -> None:
        batch, self._batch = self._batch, {}
        moves, self._moves = self._moves, []
        restamped, self._restamped = self._restamped, []
        followed, self._followed = self._followed, []
        if followed:
            self._store.move(followed)
        if moves:
            self._move(moves)
        self._write(batch, "any" if self._rules.replace else "same_source")
        if restamped:
            self._store.restamp(restamped)
        self._committed_at = time.monotonic()

    def _move(self, moves: Sequence[tuple[int, Item, Move]]) -> None:
        done = set(map(id, self._store.move([move for _, _, move in moves])))
        for place, item, move in moves:
            if id(move) in done:
                self._settle(place, move.id, "moved")
            else:  # another process was first
                self._left_over.append((place, item))

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
            holder = self._store.get([refused.id]).get(refused.id)
            is_copy = holder is not None and holder.content_hash == entry.record.content_hash
            self._fail(place, name, _taken(refused, name, is_copy=is_copy), refused.id)

    def _fail(self, place: int, name: str, error: LookalikeError, record_id: str, *, called: str = "") -> None:
        message = _BYTES_NAME.sub(lambda _: called, error.message.replace(name, called)) if called else error.message
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
        settled = self._counts.total() + len(self._batch) + len(self._moves)
        on_progress(Progress(settled, self._total, self._counts["failed"]))


def _is_untouched(held: Record, item: Item) -> bool:
    """Return whether the stamp alone shows that nothing changed; a source that brings metadata is always read."""
    return bool(item.stamp) and held.stamp == item.stamp and held.source == item.name and item.metadata is None


def _keeping(entry: Entry, item: Item) -> Entry:
    """Let a stored record keep the metadata and tags of which its source says nothing."""
    silent: dict[Kept, bool] = {"metadata": item.metadata is None, "tags": item.tags is None}
    return replace(entry, keeps=frozenset(name for name, is_silent in silent.items() if is_silent))


def _has_moved(held: Record, new: Record) -> bool:
    """Return whether a record's file is now elsewhere: same bytes, and nothing lies at the old path."""
    if held.source == new.source or held.content_hash != new.content_hash or not (held.source and new.source):
        return False
    return has_lost_file(held)


def _is_same(held: Record, entry: Entry) -> bool:
    new = entry.record
    return (
        held.content_hash == new.content_hash
        and held.source == new.source
        and ("metadata" in entry.keeps or dict(held.metadata) == dict(new.metadata))
        and ("tags" in entry.keeps or held.tags == new.tags)
    )


def _unless_unwritable(item: Item) -> Item:
    """Return an item a failure where its name is bytes that no text stands for: no record can hold it."""
    try:
        item.name.encode()
    except UnicodeEncodeError:
        name = intake.printable(item.name)
        error = InputError(f'the name of "{name}" is not UTF-8, so that no record can hold it. Rename the file.')
        return replace(item, name=name, stamp="", failure=error)
    return item


def _unless_damaged(item: Item, damaged: Mapping[str, Harm]) -> Item:
    """Return an item a failure where the record of its id cannot be read: what people said of it would be lost."""
    if item.id not in damaged or damaged[item.id].part != "record":
        return item
    error = StoreDamagedError(
        f'record "{item.id[:200]}" is damaged and cannot be read: what you said of it would be lost. Bring a backup '
        "back, or overwrite it with `replace=True`.",
        id=item.id,
    )
    return replace(item, failure=error)


def _taken(refused: Refused, name: str, *, is_copy: bool) -> IdTakenError:
    holder = refused.held_by
    held = "" if holder is None or holder.startswith("bytes:") else f" ({holder})"
    other, copy = ("file", " It is a copy of that one, byte for byte.") if is_copy else ("picture", "")
    return IdTakenError(
        f'id "{refused.id}" belongs to another {other}{held}, so {name or "this one"} was not stored.{copy} Give it '
        f"another id, or let it replace the one that is there.",
        id=refused.id,
        source=refused.source,
        held_by=holder,
        is_copy=is_copy,
    )
