"""The seam of the records: what keeps them, with their vectors, pictures and bytes, and gives them back."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, Unpack

from ...answers import Facet
from ...records import CollectionSpec, Entry, Record
from .values import Changes, FullRecord, Harm, Move, Replace, Revision, TextMatch, Written

if TYPE_CHECKING:
    from ...arrays import F32, I64, U8
    from ...errors import LookalikeError
    from ...filters import Filter
    from ...texts import TextQuery


class Records(Protocol):
    """The records of one collection. Every call sees all writes acknowledged before it, by any process.

    A batch is all or nothing, and when a call that writes returns, its work survives a crash. Until then another reader
    sees nothing of it where the store is one database; where it is many, it may see a part. Errors are StoreError or
    InputError. May be used from many threads. A key is a positive int64 that the store gives a record; keys rise and
    are never given again, and a record whose vectors change has a new one.
    """

    @property
    def spec(self) -> CollectionSpec:
        """What the collection is, as stored now."""
        ...

    @property
    def version(self) -> int:
        """A number that every write raises: while it stays, the answers stay."""
        ...

    def snapshot(self) -> AbstractContextManager[int]:
        """Make all that this thread reads inside be of one version, which is quicker, too, and yield its number.

        A store may go over to a later version inside, as a whole and never back, where another thread has searched
        what it cannot search at an earlier one. For a few calls in a row, none of which writes.
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
        entry: Entry | None = None,
        seen: Record | None = None,
        **changes: Unpack[Changes],
    ) -> Record:
        """Change metadata, tags and picture of one record, each where given, in one transaction, and return it.

        Args:
            entry: Another picture with its vectors; its own id, metadata and tags are not looked at.
            seen: The record as the caller has seen it; nothing is changed when it is another by now.
            changes: `metadata`, `tags` and the others; see `Changes`.

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
        """Move records to another id, source and stamp, in one transaction, and return the moves that were carried out.

        Vectors, pictures, metadata, tags and time of birth stay, also where others changed them meanwhile; the source
        that is left is added to `facts.was_at`. A move is left out when its record has another source or content than
        was seen, or when its new id is held by a record that does not move away itself; so records may change places.
        Of two moves to one id the first counts, after one that keeps its id; of two moves of one record, the first.

        Raises:
            InputError: for an id that cannot be one; nothing is moved.
        """
        ...

    def delete(
        self, record_ids: Collection[str] = (), *, filter: Filter | None = None, seen: Record | None = None
    ) -> int:
        """Delete records for good, in one transaction, and return how many. Unknown ids are skipped.

        Args:
            filter: Delete the records that pass it, beside those that are named; what cannot be read passes none.
            seen: A record as the caller has seen it; nothing is deleted when it is another by now.

        Raises:
            RecordNotFoundError, ChangedMeanwhileError: when the record that was seen is gone, or not as it was.
        """
        ...

    def put_vectors(self, space: str, keys: Sequence[int], rows: F32 | U8) -> dict[int, int]:
        """Write a vector of one space for each of some stored records, in place of what they had, in one transaction.

        All else of a record stays. An `upsert` of the record later writes all its vectors: those that it does not
        bring are gone.

        Args:
            keys: (n,), each once; keys that are not there are skipped.
            rows: (n, d) float32 of unit length, or (n, bytes) uint8 for a Hamming space.

        Returns:
            The key of each record that is there, to its key from now on: those whose vector changes get another.

        Raises:
            InputError: for an unknown space, and for rows that `upsert` refuses; nothing is written.

        Cost: rewrites the records with all their vectors and pictures; about 0.2 ms each where no original is kept.
        """
        ...

    def discard(self, seen: Sequence[Record]) -> tuple[str, ...]:
        """Delete the records that are as they were seen, in one transaction, and return their ids; others stay."""
        ...

    def get(self, record_ids: Sequence[str]) -> dict[str, Record]:
        """Return the existing ones of these records, by id."""
        ...

    def records(self, keys: Sequence[int]) -> dict[int, Record]:
        """Return the existing ones of these records, by key."""
        ...

    def keys(self, record_ids: Sequence[str]) -> dict[str, int]:
        """Return the keys of the existing ones of these records, by id."""
        ...

    def ids(self, keys: Sequence[int]) -> dict[int, str]:
        """Return the ids of the existing ones of these records, by key."""
        ...

    def entry(self, record_id: str) -> tuple[int, Entry] | None:
        """Return the key and the record with all its vectors, of one version, without its pictures; None: not there."""
        ...

    def entries(self, keys: Sequence[int], *, remembered: Sequence[str] = ()) -> dict[int, FullRecord]:
        """Return many records with all their vectors, and what is remembered of them, in one snapshot.

        Records that are not there are left out, and so is a vector that is damaged.

        Args:
            remembered: Kinds of what was found out about pictures; see `remembered`.

        Cost: about 15 us a record, and 1 to 10 us a vector.
        """
        ...

    def keys_of_hash(self, content_hash: str) -> list[int]:
        """Return the keys of all records with these very bytes, rising."""
        ...

    def from_sources(self, sources: Sequence[str]) -> dict[str, list[Record]]:
        """Return the records of each of these sources, by rising id; a source without one is left out."""
        ...

    def vectors(self, space: str, keys: Sequence[int]) -> dict[int, F32 | U8]:
        """Return the stored vectors of one space by key; records without a vector there are left out.

        Returns:
            Each (d,) float32, of unit length to 1e-3 as it is stored in half precision, or (bytes,) uint8 for Hamming.

        Raises:
            InputError: for an unknown space.
        """
        ...

    def scan(self, *, filter: Filter | None = None, after: str | None = None) -> Iterator[Record]:
        """Yield the records by rising id (as UTF-8 bytes), those behind `after` when given. Memory stays bounded."""
        ...

    def scan_metadata(self, *, filter: Filter | None = None) -> Iterator[tuple[dict[str, Any], list[str]]]:
        """Yield metadata and tags of the records, in any order; half the cost of a scan. Memory stays bounded."""
        ...

    def scan_vectors(self, space: str, *, batch: int = 4096) -> Iterator[tuple[I64, F32 | U8]]:
        """Yield (keys (n,), vectors (n, d) float32 or (n, bytes) uint8) of one space by rising key, in batches."""
        ...

    def sample(self, n: int, *, filter: Filter | None = None, seed: int | None = None) -> list[Record]:
        """Draw n of the records that pass at random, each as likely as any other, and return them by rising id.

        Args:
            n: 1 or more; all records where there are fewer.
            seed: The same seed draws the same from the same records, from any store.

        Cost: a count, the ids up to the last that is drawn, and the drawn records.
        """
        ...

    def facets(
        self, *, filter: Filter | None = None, limit: int = 20, field: str | None = None, contains: str | None = None
    ) -> list[Facet]:
        """Count the values of metadata fields and tags over the records that pass, the most frequent field first.

        Args:
            limit: Values of each field at most.
            field: Only this one; "tags" for the tags.
            contains: Only values whose text holds this, in whatever case. The other figures stay those of all.

        Cost: that of `scan_metadata`; the last few answers are kept until something is written.
        """
        ...

    def find_text(self, query: TextQuery, *, filter: Filter | None = None, limit: int = 20) -> list[TextMatch]:
        """Find records by typed words in their ids, tags and fields: what `TextQuery.find` finds, and nothing else.

        Args:
            filter: Only among the records that pass it.

        Returns:
            At most `limit`: by the field where they were found (the id, tags, then fields by name), then by id.
        """
        ...

    def count(self, *, filter: Filter | None = None) -> int:
        """Count the records that pass the filter."""
        ...

    def thumbnail(self, record_id: str) -> bytes | None:
        """Return the kept thumbnail (JPEG), or None."""
        ...

    def original(self, record_id: str) -> bytes | None:
        """Return the kept original bytes, or None.

        Raises:
            StoreDamagedError: when they are not what was written.
        """
        ...

    def attach(self, name: str, data: bytes) -> None:
        """Keep bytes that are not a record under a name, in place of what it had; they go with the store."""
        ...

    def attachment(self, name: str) -> bytes | None:
        """Return the bytes that were attached under a name, or None."""
        ...

    def remembered(self, kind: str, hashes: Sequence[str]) -> dict[str, bytes]:
        """Return what was remembered of pictures by their content hash; anything may be forgotten at any time.

        Args:
            hashes: Content hashes; of a kind that is about pairs ("kind ..."), two of them with a colon in between.
        """
        ...

    def remember(self, kind: str, items: Mapping[str, bytes]) -> None:
        """Keep what was found out about pictures, by content hash, where there is room for it.

        What is not a record's content, now or later, is not kept; in a collection that keeps no pictures, nothing is
        that one could be drawn from.

        Args:
            items: Made from that very content.
        """
        ...

    def damaged(self) -> dict[str, Harm]:
        """Return the records that answers go without, as far as damage was met: their ids, and what of them it is.

        A damaged vector is left out of searches, a record that cannot be read out of everything; what asks for that
        record alone raises StoreDamagedError.
        """
        ...
