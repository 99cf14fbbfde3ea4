"""Reading and changing the records of a collection."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from .. import disk
from ..arguments import checked_rows
from ..errors import InputError, LookalikeError
from ..filters import Filter
from ..limits import check_count, check_tags
from ..query import filter_of
from ..records import Record
from ..stores import Revision
from ..texts import text_query
from .base import CollectionBase
from .ingest.items import checked_metadata, items_of
from .ingest.local_files import path_of
from .ingest.pipeline import Item
from .ingest.spellings import all_as_stored, as_stored
from .search.groups import is_held

_UPDATED_AT_ONCE = 500  # records in one transaction: other writers wait for it
MAX_REVISED = 10_000  # records that one change is made to: other writers wait for it
_EXPORTED = 500  # records that are read at once


class Contents(CollectionBase):
    """Reads and changes the records of a collection."""

    def scan(
        self, *, filter: Mapping[str, Any] | str | Filter | None = None, after: str | None = None
    ) -> Iterator[Record]:
        """Return the records that pass a filter by rising id, those behind the id `after` when given."""
        return self._store.scan(filter=filter_of(filter), after=after)

    def holds(self, field: str) -> bool:
        """Return whether any record has a metadata field, dotted for a field within a field; True without records."""
        return self._store.count() == 0 or is_held(self._store, field)

    def count(self, *, filter: Mapping[str, Any] | str | Filter | None = None) -> int:
        """Count the records that pass a filter."""
        return self._store.count(filter=filter_of(filter))

    def find_text(
        self, text: str, *, filter: Mapping[str, Any] | str | Filter | None = None, limit: int = 20
    ) -> list[Record]:
        """Find records by typed words in their ids, tags and fields, as one types.

        A word of one or two letters is found where a word begins, a longer one anywhere, in whatever case; all words
        have to be found in a record.

        Args:
            filter: Only among the records that pass it.

        Returns:
            At most `limit`: those whose id has the words first, then tags, then fields by name; each by id.

        Raises:
            InputError: for a text without a word, or of more than 1,000 characters.

        Cost: reads all records that pass, about 40 us each.
        """
        check_count("limit", limit, least=1, most=self._describer.settings.limits.max_limit)
        found = self._store.find_text(text_query(text), filter=filter_of(filter), limit=limit)
        return [match.record for match in found]

    def sample(
        self, n: int = 1, *, filter: Mapping[str, Any] | str | Filter | None = None, seed: int | None = None
    ) -> list[Record]:
        """Draw records at random, each as likely as any other: examples for those who have none.

        Args:
            n: How many; all of them when there are fewer.
            filter: Draw from the records that pass it.
            seed: The same seed draws the same from the same records.

        Cost: reads the ids up to the last that is drawn.
        """
        check_count("n", n, least=1, most=self._describer.settings.limits.max_limit)
        return self._store.sample(n, filter=filter_of(filter), seed=seed)

    def get(self, record_id: str) -> Record:
        """Return one record, by its id in either Unicode form.

        Raises:
            RecordNotFoundError: when there is none of this id.
        """
        record_id = as_stored(self._store, record_id)
        found = self._store.get([record_id])
        if record_id not in found:
            raise self._examples.no_record(record_id)
        return found[record_id]

    def records_of_file(self, record: Record) -> list[Record]:
        """Return the records that have the file of another collection's record: its path, or a link to its bytes."""
        source, file = path_of(record), disk.identity(record.source)
        if source is None:
            return []
        found = {one.id: one for one in self._store.from_sources([source]).get(source, [])}
        for one in self._store.records(self._store.keys_of_hash(record.content_hash)).values() if file else ():
            if disk.identity(one.source) == file:
                found[one.id] = one
        return [found[id] for id in sorted(found)]

    def update(
        self,
        record_id: str,
        metadata: Mapping[str, Any] | None = None,
        *,
        tags: Iterable[str] | None = None,
        unset: Iterable[str] = (),
        source: Any = None,
        replace: bool = False,
        fill: Mapping[str, Any] | None = None,
        more_tags: Iterable[str] = (),
        seen: Record | None = None,
    ) -> Record:
        """Change one record: set fields (others stay), take fields away, set tags, or give it another picture.

        Args:
            metadata: Fields to set; with `replace` these are all the fields there are.
            source: A new picture for the record; its metadata and tags stay unless given.
            fill: Fields to set where the record has none of that name.
            more_tags: Tags to add behind those it has.
            seen: The record as the caller has seen it; nothing is changed when it is another by now.

        Raises:
            RecordNotFoundError: when there is none of this id.
            ChangedMeanwhileError: when it is not as it was seen.
            SourceError: when the new picture cannot be read; nothing is changed then.
        """
        limits = self._describer.settings.limits
        given, fill = (None if one is None else checked_metadata(one, limits=limits) for one in (metadata, fill))
        named = None if tags is None else check_tags(tags)
        entry, record_id = None, as_stored(self._store, record_id)
        if source is not None:
            self._examples.check_encoder()
            self.get(record_id)  # before the work that its absence would waste
            entry = self._entry(dataclasses.replace(self._only_item(source), id=record_id))
        revised = self._store.revise(
            record_id,
            metadata=given,
            unset=frozenset(unset),
            tags=named,
            replace=replace,
            fill=fill,
            more_tags=check_tags(more_tags),
            entry=entry,
            seen=seen,
        )
        if entry is not None:
            self.decisions.follow()
        return revised

    def update_all(
        self, changes: Sequence[tuple[str, Mapping[str, Any], Iterable[str] | None]]
    ) -> list[Record | LookalikeError]:
        """Set fields of many records, and tags where given, a few hundred in a transaction.

        Args:
            changes: Id, fields to set, and tags or None.

        Returns:
            Each record as it is now, or the error that left it as it was, in the order asked.
        """
        changes = checked_rows("changes", changes, "str", "Any", "Any")
        done: list[Record | LookalikeError] = []
        for start in range(0, len(changes), _UPDATED_AT_ONCE):
            block = changes[start : start + _UPDATED_AT_ONCE]
            ids = all_as_stored(self._store, [record_id for record_id, _, _ in block])
            made = [self._revision(id, fields, tags) for id, (_, fields, tags) in zip(ids, block, strict=True)]
            revised = iter(self._store.revise_all([one for one in made if isinstance(one, Revision)]))
            done += [next(revised) if isinstance(one, Revision) else one for one in made]
        return done

    def revise(
        self,
        record_ids: Iterable[str],
        metadata: Mapping[str, Any] | None = None,
        *,
        unset: Iterable[str] = (),
        more_tags: Iterable[str] = (),
        fewer_tags: Iterable[str] = (),
    ) -> list[Record | LookalikeError]:
        """Make the same change to many records in one transaction: set fields, take fields and tags away, add tags.

        Args:
            record_ids: At most 10,000.

        Returns:
            Each record as it is now, or the error that left it as it was, in the order asked.

        Raises:
            InputError: when the fields or tags are not possible, or there are too many records; nothing is changed.

        Cost: about 50 microseconds a record; other writers wait meanwhile.
        """
        ids = list(record_ids)
        if len(ids) > MAX_REVISED:
            raise InputError(f"{len(ids)} records in one change: at most {MAX_REVISED} are changed at once.")
        fields = checked_metadata(metadata or {}, limits=self._describer.settings.limits)
        more, fewer, gone = check_tags(more_tags), check_tags(fewer_tags), tuple(unset)
        stored = all_as_stored(self._store, ids)
        made = [Revision(id, fields, unset=gone, more_tags=more, fewer_tags=fewer) for id in stored]
        return list(self._store.revise_all(made))

    def _only_item(self, source: Any) -> Item:
        items = list(islice(items_of(source, id_from="path", limits=self._describer.settings.limits), 2))
        if len(items) != 1:
            raise InputError(
                f"a record has one picture, and this source has {'more' if items else 'none'}: pass one picture."
            )
        if items[0].failure is not None:
            raise items[0].failure
        return items[0]

    def _revision(self, id: str, fields: Mapping[str, Any], tags: Iterable[str] | None) -> Revision | LookalikeError:
        try:
            fields = checked_metadata(fields, limits=self._describer.settings.limits)
            return Revision(id, fields, None if tags is None else check_tags(tags))
        except LookalikeError as error:
            return error

    def delete(self, record_ids: Iterable[str] | str, *, seen: Record | None = None) -> int:
        """Delete records for good and say how many were there. Unknown ids are skipped.

        Args:
            seen: A record as the caller has seen it; nothing is deleted when it is another by now.

        Raises:
            RecordNotFoundError, ChangedMeanwhileError: when the record that was seen is gone, or not as it was.
        """
        asked = [record_ids] if isinstance(record_ids, str) else record_ids
        return self._store.delete(all_as_stored(self._store, asked), seen=seen)

    def export(
        self, *, vectors: bool = False, filter: Mapping[str, Any] | str | Filter | None = None
    ) -> Iterator[dict[str, Any]]:
        """Return every record, or those that pass a filter, in the JSON-lines form that `add` reads, by rising id.

        A picture that came from a file or URL is named (`_file`, `_url`); one that was uploaded has neither, and
        `_source` says what it was.

        Args:
            vectors: Add `_vectors`: space name to list of numbers.

        Records that are damaged are left out; `damaged` names them.
        """
        records = self._store.scan(filter=filter_of(filter))
        while block := list(islice(records, _EXPORTED)):
            held = self._vectors_of([record.id for record in block]) if vectors else {}
            for record in block:
                line: dict[str, Any] = {"_id": record.id, **_where(record), **record.metadata}
                if record.tags:
                    line["tags"] = list(record.tags)
                if vectors:
                    if record.id not in held:
                        continue
                    line["_vectors"] = {name: vector.tolist() for name, vector in held[record.id].items()}
                yield line

    def _vectors_of(self, record_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return all vectors of some records by space; those with a damaged one are left out."""
        keys = self._store.keys(record_ids)
        columns = {space.name: self._store.vectors(space.name, list(keys.values())) for space in self._made.spaces}
        damaged = self._store.damaged()
        return {
            id: {name: column[key] for name, column in columns.items() if key in column}
            for id, key in keys.items()
            if id not in damaged or damaged[id].part != "vector"
        }

    def vector(self, record_id: str, space: str | None = None) -> Any:
        """Return the stored vector of a record, (d,) float32, in the space that ranks or in another one.

        Raises:
            RecordNotFoundError: when there is none of this id.
        """
        record_id = as_stored(self._store, record_id)
        keys = self._store.keys([record_id])
        if record_id not in keys:
            raise self._examples.no_record(record_id)
        found = self._store.vectors(space or self._ranking_space, [keys[record_id]])
        return found.get(keys[record_id])

    def original(self, record_id: str) -> bytes | None:
        """Return the bytes as they came, where the collection keeps them; None where it does not."""
        return self._store.original(as_stored(self._store, record_id))

    def attach(self, name: str, data: bytes) -> None:
        """Keep bytes under a name that are not a record, in place of what the name had; they go with the collection."""
        self._store.attach(name, data)

    def attachment(self, name: str) -> bytes | None:
        """Return the bytes that were attached under a name; None where there are none."""
        return self._store.attachment(name)


def _where(record: Record) -> dict[str, str]:
    if record.source is None:
        return {}
    if record.source.startswith(("http://", "https://")):
        return {"_url": record.source}
    return {"_file": record.source} if os.path.isabs(record.source) else {"_source": record.source}
