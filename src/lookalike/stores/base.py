"""The seam of the stores: what keeps the records of one collection and finds what is near."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ..neighbors import Neighbors, Pairs
from ..records import Calibration, CollectionSpec, Entry, Record

if TYPE_CHECKING:
    from pathlib import Path

    from ..arrays import F32, I64, U8
    from ..errors import LookalikeError
    from ..filters import Filter

Replace = Literal["any", "same_source", "none"]


@dataclass(frozen=True)
class Refused:
    """An entry that was not written because its id is held already; `held_by` is the holder's source."""

    id: str
    source: str | None
    held_by: str | None


@dataclass(frozen=True)
class Written:
    """What became of a batch: ids that are new, ids that replaced a record, and entries that were refused."""

    added: tuple[str, ...]
    updated: tuple[str, ...]
    refused: tuple[Refused, ...]


@dataclass(frozen=True)
class Move:
    """A record that is to have another id, source and stamp; `seen` is the record as it was read."""

    seen: Record
    id: str
    source: str
    stamp: str


Part = Literal["record", "vector", "thumbnail", "original"]


class Harm(str):
    """What of a record is damaged: words for people, with `part` (and `space` of a vector) for programs."""

    part: Part
    space: str | None

    def __new__(cls, part: Part, space: str | None = None) -> Harm:
        """Name a part of a record; a vector by its space."""
        made = super().__new__(cls, f"its {part}" if space is None else f'its {part} "{space}"')
        made.part, made.space = part, space
        return made

    def __getnewargs__(self) -> tuple[str, str | None]:  # type: ignore[override]
        """Return what copies and pickles are made of."""
        return self.part, self.space


@dataclass(frozen=True)
class Findings:
    """What a look for damage found.

    Attributes:
        problems: In plain words; none when all is well.
        damaged: Of each damaged record its id, or its key where that cannot be read, and what is damaged.
        is_old: Whether an earlier lookalike made it, and some of its rows have no checksums yet.
        unsummed: The ids of records that have lost their checksums; none of a store that is old.
    """

    problems: tuple[str, ...]
    damaged: Mapping[str, tuple[Harm, ...]]
    is_old: bool = False
    unsummed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Revision:
    """What to change of a record: fields to set and to take away, the others stay; and its tags.

    Attributes:
        tags: All its tags; None leaves them.
        more_tags: Tags to add behind those it has.
        fewer_tags: Tags to take away.
    """

    id: str
    metadata: Mapping[str, Any]
    tags: Sequence[str] | None = None
    unset: Sequence[str] = ()
    more_tags: Sequence[str] = ()
    fewer_tags: Sequence[str] = ()

    def applied_to(self, held: Record) -> Record:
        """Return a record as this makes it."""
        fields = {name: value for name, value in held.metadata.items() if name not in self.unset}
        words = held.tags if self.tags is None else self.tags
        kept = [word for word in dict.fromkeys([*words, *self.more_tags]) if word not in self.fewer_tags]
        return replace(held, metadata={**fields, **self.metadata}, tags=tuple(kept))


class Store(Protocol):
    """What keeps one collection. Every call sees all writes acknowledged before it, by any process.

    A batch is all or nothing; when a call that writes returns, its work survives a crash. Errors are StoreError
    or InputError. A store may be used from many threads.
    """

    @property
    def spec(self) -> CollectionSpec:
        """What the collection is, as stored now."""
        ...

    @property
    def version(self) -> int:
        """A number that every write raises: while it stays, the answers stay."""
        ...

    @property
    def is_there(self) -> bool:
        """Whether the collection that was opened is still on disk; where it is not, every call raises
        CollectionNotFoundError (StoreDamagedError where its database alone is gone), and no write is acknowledged.
        """
        ...

    def upsert(self, entries: Sequence[Entry], *, replace: Replace = "same_source") -> Written:
        """Write entries in one transaction; of two with one id in a batch, the second is a rewrite of the first.

        Args:
            entries: What an entry `keeps` is taken from the stored record, in the transaction.
            replace: What may be replaced: "any" record of the same id, only one whose `source` is the same, or
                none. An entry that may not replace is refused and the others are written.

        Raises:
            InputError: when a vector has a wrong shape or dtype, or holds NaN or infinity; nothing is written.
        """
        ...

    def revise(
        self,
        record_id: str,
        *,
        metadata: Mapping[str, Any] | None = None,
        unset: Collection[str] = (),
        tags: Sequence[str] | None = None,
        replace: bool = False,
        fill: Mapping[str, Any] | None = None,
        more_tags: Sequence[str] = (),
        entry: Entry | None = None,
        seen: Record | None = None,
    ) -> Record:
        """Change metadata, tags and picture of one record, each where given, in one transaction, and return it.

        Args:
            metadata: Fields to set, the others stay; with `replace` these are all the fields there are.
            unset: Fields to take away.
            fill: Fields to set where the record has none of that name.
            more_tags: Tags to add behind those it has.
            entry: Another picture with its vectors; its own id, metadata and tags are not looked at.
            seen: The record as the caller has seen it; nothing is changed when it is another by now.

        Raises:
            RecordNotFoundError: when there is no such record.
            ChangedMeanwhileError: when it is not as it was seen.
        """
        ...

    def revise_all(self, revisions: Sequence[Revision]) -> tuple[Record | LookalikeError, ...]:
        """Set fields and tags of many records in one transaction; return each record, or why it stays as it was."""
        ...

    def restamp(self, records: Sequence[Record]) -> None:
        """Set the `stamp` of records that still have this id, source and content, in one transaction."""
        ...

    def move(self, moves: Sequence[Move]) -> tuple[Move, ...]:
        """Give records another id, source and stamp, in one transaction, and return the moves that were carried out.

        Vectors, pictures, metadata, tags and time of birth stay, whoever changed them meanwhile; the source that is
        left is added to `facts.was_at`. A move is left out when its record has another source or content than was seen,
        or when its new id is held by a record that does not move away itself; so records may change places. Of two
        moves to one id the first counts, after one that keeps its id; of two moves of one record, the first.

        Raises:
            InputError: for an id that cannot be one; nothing is moved.
        """
        ...

    def delete(self, record_ids: Collection[str], *, seen: Record | None = None) -> int:
        """Delete records for good and say how many were there. Unknown ids are skipped.

        Args:
            seen: A record as the caller has seen it; nothing is deleted when it is another by now.

        Raises:
            RecordNotFoundError, ChangedMeanwhileError: when the record that was seen is gone, or not as it was.
        """
        ...

    def discard(self, seen: Sequence[Record]) -> tuple[str, ...]:
        """Delete the records that are as they were seen, in one transaction, and return their ids; others stay."""
        ...

    def get(self, record_ids: Sequence[str]) -> dict[str, Record]:
        """Give the records that are there, by id."""
        ...

    def records(self, keys: Sequence[int]) -> dict[int, Record]:
        """Give the records that are there, by key."""
        ...

    def keys(self, record_ids: Sequence[str]) -> dict[str, int]:
        """Give the keys of the records that are there, by id."""
        ...

    def ids(self, keys: Sequence[int]) -> dict[int, str]:
        """Give the ids of the records that are there, by key."""
        ...

    def entry(self, record_id: str) -> tuple[int, Entry] | None:
        """Give the key and the record with all its vectors, of one moment; without its pictures. None: not there."""
        ...

    def moment(self) -> AbstractContextManager[None]:
        """Make all that this thread reads inside be of one moment, which is quicker, too; a later one when another
        thread has moved the index on. For a few calls in a row, none of which writes.
        """
        ...

    def apart(self) -> AbstractContextManager[None]:
        """Let the moment of this thread, if it has one, rest while work is done that takes long and reads nothing of
        the store; what it reads afterwards is of a later moment. So no old state is held on disk meanwhile.
        """
        ...

    def keys_of_hash(self, content_hash: str) -> list[int]:
        """Give the keys of all records with these very bytes, rising."""
        ...

    def from_sources(self, sources: Sequence[str]) -> dict[str, list[Record]]:
        """Return the records of each of these sources, by rising id; a source without one is left out."""
        ...

    def vectors(self, space: str, keys: Sequence[int]) -> dict[int, F32 | U8]:
        """Give the stored vectors of one space by key; records without a vector there are left out."""
        ...

    def thumbnail(self, record_id: str) -> bytes | None:
        """Give the kept thumbnail (JPEG), or None."""
        ...

    def original(self, record_id: str) -> bytes | None:
        """Give the kept original bytes, or None."""
        ...

    def attach(self, name: str, data: bytes) -> None:
        """Keep bytes under a name that are no record of it, in place of what the name had; they go with the store."""
        ...

    def attachment(self, name: str) -> bytes | None:
        """Return the bytes that were attached under a name, or None."""
        ...

    def neighbors(
        self,
        space: str,
        vectors: F32 | U8,
        k: int,
        *,
        max_distance: float | None = None,
        filter: Filter | None = None,
        exact: bool = False,
    ) -> Neighbors:
        """Find the k nearest records that pass the filter: exactly min(k, matching), nearest first, ties by id.

        Args:
            vectors: (q, d) float32 of unit length, or (q, bytes) uint8 for a Hamming space.
            max_distance: A ceiling that includes its own value; cosine distance 0..2, or bits.
            exact: Take no approximate index, where there is one.
        """
        ...

    def pairs(self, space: str, max_distance: float, *, between: tuple[I64, I64] | None = None) -> Iterator[Pairs]:
        """Give all pairs of records within a distance, each once and the greater key first, as they are now.

        What was found is kept as a derived file: a later call for this distance or less joins new records alone, and
        a call that was interrupted, even killed, is gone on with.

        Args:
            max_distance: A ceiling that includes its own value; cosine distance 0..2, or bits.
            between: Two sets of keys: give the pairs of one of the first with one of the second instead, in that
                order, a key with itself among them. Keys that are not there are skipped, and nothing is kept.

        Cost: n^2 d / 2 multiplications for n records, spread over all cores; memory for a few million pairs, however
            many there are.
        """
        ...

    def scan(self, *, filter: Filter | None = None, after: str | None = None) -> Iterator[Record]:
        """Give the records by rising id, those behind `after` when given. Memory stays bounded."""
        ...

    def scan_metadata(self, *, filter: Filter | None = None) -> Iterator[tuple[dict[str, Any], list[str]]]:
        """Give metadata and tags of the records, in any order; half the cost of a scan. Memory stays bounded."""
        ...

    def scan_vectors(self, space: str, *, batch: int = 4096) -> Iterator[tuple[I64, F32 | U8]]:
        """Give (keys (n,), vectors (n, d)) of one space by rising key, in batches."""
        ...

    def count(self, *, filter: Filter | None = None) -> int:
        """Count the records that pass the filter."""
        ...

    def configure(
        self,
        *,
        fields: Sequence[str] | None = None,
        more_fields: Sequence[str] = (),
        fewer_fields: Collection[str] = (),
        product_id_field: str | None = None,
        recall_target: float | None = None,
        calibration: Calibration | None = None,
        title: str | None = None,
    ) -> None:
        """Change declared fields, product-id field, recall target, calibration and title, each where given.

        Args:
            more_fields, fewer_fields: Fields to declare beside those that are declared now, and to drop of them.
            product_id_field: "" takes it away.
            calibration: One without points takes it away.
            recall_target: The share of true neighbors that an approximate index must find, over 0 up to 1; 1 means
                that every search is exact. A higher one holds at once, by exact search until the next `flush`.

        Raises:
            InputError: when the recall target is out of range, or a field to drop is not declared.
        """
        ...

    def remembered(self, kind: str, hashes: Sequence[str]) -> dict[str, bytes]:
        """Give what was remembered of pictures by their content hash; anything may be forgotten at any time.

        Args:
            hashes: Content hashes; of a kind that is about pairs ("kind ..."), two of them with a colon in between.
        """
        ...

    def remember(self, kind: str, items: Mapping[str, bytes]) -> None:
        """Keep what was found out about pictures, by content hash, where there is room for it.

        What is no record's content, now or later, is not kept; in a collection that keeps no pictures, nothing is that
        one could be drawn from.

        Args:
            items: Made from that very content.
        """
        ...

    def damaged(self) -> dict[str, Harm]:
        """Give the records that answers go without, as far as damage was met: their ids, and what of them it is.

        A damaged vector is left out of searches, a record that cannot be read out of everything; what asks for that
        record alone raises StoreDamagedError.
        """
        ...

    def check(self) -> list[str]:
        """Look for damage in truth and index, and give what was found in plain words; empty when all is well."""
        ...

    def examine(self) -> Findings:
        """Look for damage as `check` does, and name the records that have it."""
        ...

    def repair(self) -> None:
        """Give a store of an earlier lookalike what this one keeps beside it, and every row that has none its checksum.

        Cost: reads all of the store; nothing where all is there already.
        """
        ...

    def statistics(self) -> dict[str, Any]:
        """Give sizes for people: records, bytes on disk, what the index holds and how it searches."""
        ...

    def flush(self) -> None:
        """Bring the derived index files up to date, so that the next opening is quick. Never needed for truth.

        Cost: little, until a tenth of the records is new. A large collection then gets its approximate index anew;
            others read and write meanwhile.
        """
        ...

    def compact(self, on_progress: Callable[[float], None] | None = None) -> None:
        """Rewrite what is on disk without what was deleted, so that no trace of it is left.

        Args:
            on_progress: Called with the share that is done, 0..1.

        Cost: reads and writes the whole collection; others may search meanwhile, and writers wait.
        """
        ...

    def backup(self, target: Path) -> Mapping[str, Sequence[str]]:
        """Copy the collection, with a digest, to a new folder while it is in use; `Stores.restore` brings it back.

        Returns:
            The damaged records that the copy holds as they are: their ids, and what of each it is.

        Raises:
            InputError: when the folder holds something already.
        """
        ...

    def close(self) -> None:
        """Let go of files and memory. Closing twice is harmless."""
        ...


class Stores(Protocol):
    """What holds many stores by collection name: a home folder, or a database."""

    def check(self) -> list[str]:
        """Look for what is wrong with the home itself, and give it in plain words; empty when all is well."""
        ...

    def repair(self) -> list[str]:
        """Mend what can be mended of that without losing anything, and say what was done."""
        ...

    def names(self) -> list[str]:
        """Give the names of all collections, sorted."""
        ...

    def create(self, spec: CollectionSpec) -> Store:
        """Make a collection, durable and empty.

        Raises:
            CollectionExistsError: when the name is in use.
            StoreDamagedError: when what is left of one, without its database, has its place.
        """
        ...

    def open(self, name: str) -> Store:
        """Open a collection. Those that were not used for longest hold no files until they are used again.

        Raises:
            CollectionNotFoundError: naming those that exist.
            StoreDamagedError: when its folder is there without its database.
        """
        ...

    def figures(self, name: str) -> tuple[CollectionSpec, dict[str, Any]]:
        """Give what a collection is, and what `Store.statistics` gives, at little cost; nothing stays open.

        Raises:
            CollectionNotFoundError: naming those that exist.
            StoreDamagedError: when its folder is there without its database.
        """
        ...

    def delete(self, name: str) -> None:
        """Delete a collection for good; of one that has lost its database, what is left.

        Raises:
            CollectionNotFoundError: naming those that exist.
        """
        ...

    def restore(self, source: Path, name: str | None = None, *, despite_damage: bool = False) -> Store:
        """Make a collection of a backup, under its own name or another; the backup stays as it is.

        Args:
            despite_damage: Bring a damaged one back, too, without records whose row is damaged; a warning names them.

        Raises:
            InputError: when there is no backup.
            StoreDamagedError: when it is not what its digest says, or one of its rows not what its checksum says.
            CollectionExistsError: when the name is in use.
        """
        ...


OpenStores = Callable[["Path"], Stores]
