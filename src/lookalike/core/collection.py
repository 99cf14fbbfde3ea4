"""A collection: records under one name and one encoder, with everything a caller may do with them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import intake
from ..distances import Map, score_map
from ..errors import EncoderMismatchError, InputError, RecordNotFoundError, SourceError
from ..filters import Filter, parse_filter
from ..limits import check_count, check_unit
from ..values import CollectionSpec, Entry, Record
from .describer import THUMBNAIL_SIDE_PX, Describer
from .duplicates import find_duplicates
from .ingest import IdFrom, Ingest, Item, OnOutcome, OnProgress, Rules
from .items import check_metadata, check_tags, count_items, described, is_single, items_of
from .results import DuplicateGroups, Matches, Report
from .search import HASH_SPACE, HUE_SPACE, Probe, Question, mix, probe_of, search

if TYPE_CHECKING:
    from ..stores import Store

_DUPLICATE_THRESHOLD = 0.90  # the band of "the same picture with minor variations"


class Collection:
    """Records under one name: add pictures, ask what looks like one, keep metadata, find duplicates.

    Made by `Library.collection`. May be used from many threads.
    """

    def __init__(self, store: Store, describer: Describer) -> None:
        self._store = store
        self._describer = describer

    @property
    def spec(self) -> CollectionSpec:
        """What the collection is: name, type, what it keeps, its encoder, its declared fields."""
        return self._store.spec

    @property
    def name(self) -> str:
        """The collection's name."""
        return self._store.spec.name

    def __len__(self) -> int:
        return self._store.count()

    def __contains__(self, record_id: object) -> bool:
        return isinstance(record_id, str) and bool(self._store.keys([record_id]))

    def __iter__(self) -> Iterator[Record]:
        return self._store.scan()

    def __getitem__(self, record_id: str) -> Record:
        return self.get(record_id)

    def __repr__(self) -> str:
        return f"<lookalike collection {self.name!r}: {len(self):,} records, type {self.spec.type}>"

    def add(
        self,
        source: Any,
        *,
        id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Iterable[str] | None = None,
        id_from: IdFrom = "path",
        replace: bool = False,
        resume: bool = False,
        prune: bool = False,
        base: str | os.PathLike[str] | None = None,
        on_progress: OnProgress | None = None,
        on_outcome: OnOutcome | None = None,
    ) -> Report:
        """Add pictures: new ones are added, changed ones updated, the rest left alone. One bad image fails alone.

        Args:
            source: A folder, path, URL, bytes, file object, base64 text, PIL image, array, a record in the
                JSON-lines form ({"_id": "7", "_file": "a.jpg", "price": 3}), or an iterable of them.
            id: The id of a single picture; else files take their path (see id_from), URLs themselves, and
                anything else its content hash.
            metadata: Fields of a single picture.
            tags: Keywords of a single picture.
            id_from: What names a file: its path below the folder, its name, or its content hash.
            replace: Overwrite records that other sources made under the same id.
            resume: Take every stored id as done, without looking whether its file changed.
            prune: After a folder, remove the records whose files below it are gone.
            base: The folder that a record's relative `_file` starts from.
            on_progress: Called with a Progress while the work goes on.
            on_outcome: Called with the Outcome of each picture once it is stored, or has failed. An error that one
                of the two raises ends the work; what was committed is there.

        Returns:
            A Report with counts and the failures, each with its source and its reason.

        Raises:
            InputError: for arguments that contradict each other.
            StoreError: when nothing more can be written; what was committed before is there.
        """
        self._check_encoder()
        if id_from not in ("path", "name", "hash"):
            raise InputError(f'id_from={id_from!r} is unknown: pass "path", "name" or "hash".')
        limits = self._describer.settings.limits
        items: Iterable[Item] = items_of(source, id_from=id_from, limits=limits, base=Path(base) if base else None)
        if id is not None or metadata is not None or tags is not None:
            items = [described(items, id=id, metadata=metadata, tags=tags, limits=limits)]
        total = count_items(source, limits=limits) if on_progress else None
        run = Ingest(
            self._store,
            self._entry,
            workers=1 if is_single(source) else self._describer.settings.workers,
            rules=Rules(replace=replace, resume=resume),
            total=total,
            on_outcome=on_outcome,
        )
        report = run.run(items, on_progress)
        if prune:
            report = _with_removed(report, self._prune(source))
        self._store.flush()
        return report

    def search(
        self,
        source: Any = None,
        *,
        like: Any = (),
        unlike: Any = (),
        limit: int = 10,
        threshold: float | None = None,
        max_distance: float | None = None,
        filter: Mapping[str, Any] | str | Filter | None = None,
        group_by: str | None = None,
        crop: tuple[int, int, int, int] | None = None,
    ) -> Matches:
        """Find what looks like a picture, or like several, best first.

        Args:
            source: What `add` reads, or "id:17" for a stored picture (which finds itself, too).
            like: More examples; the search is for what they have in common.
            unlike: Counter-examples.
            limit: How many matches (with group_by: groups) at most; there are fewer only when fewer match.
            threshold: Floor on the score, 0..1, inclusive. There is no default.
            max_distance: Ceiling on the distance, inclusive.
            filter: Mongo-style condition on metadata, `_id` and `tags`.
            group_by: Metadata field; the best match of each value is given.
            crop: (x, y, width, height) of the part of `source` to look at, in pixels as shown.

        Raises:
            SourceError: when a query picture cannot be read.
            RecordNotFoundError: for an id that is not there.
            InputError: for values out of range.
        """
        check_count("limit", limit, least=1, most=self._describer.settings.limits.max_limit)
        check_unit("threshold", threshold)
        if max_distance is not None and not max_distance >= 0:
            raise InputError(f"max_distance={max_distance} is out of range: a distance is 0 or more.")
        question = Question(limit, threshold, max_distance, _filter(filter), group_by)
        wanted = [*([] if source is None else [source]), *_listed(like)]
        unwanted = _listed(unlike)
        if not wanted:
            raise InputError("a search needs an example: pass a picture, or like=[...].")
        probe = self._probe(wanted, unwanted, crop)
        space = self._ranking_space
        matches = search(self._store, probe, question, space=space, points=self._points(space))
        query = {"like": [_shown(one) for one in wanted], "unlike": [_shown(one) for one in unwanted], "limit": limit}
        query |= {"threshold": threshold, "max_distance": max_distance, "group_by": group_by}
        query |= {"filter": question.filter.text if question.filter else None, "crop": list(crop) if crop else None}
        return Matches(
            self.name,
            {name: value for name, value in query.items() if value not in (None, [])},
            matches,
            threshold,
            picture=self.thumbnail,
            query_picture=lambda: self._query_picture(wanted[0]),
        )

    def scan(
        self, *, filter: Mapping[str, Any] | str | Filter | None = None, after: str | None = None
    ) -> Iterator[Record]:
        """Give the records that pass a filter by rising id, those behind the id `after` when given."""
        return self._store.scan(filter=_filter(filter), after=after)

    def count(self, *, filter: Mapping[str, Any] | str | Filter | None = None) -> int:
        """Count the records that pass a filter."""
        return self._store.count(filter=_filter(filter))

    def configure(self, *, fields: Iterable[str] | None = None, product_id_field: str | None = None) -> None:
        """Change the declared fields and the product-id field of the living collection; None leaves them.

        Args:
            fields: All fields that are to be declared: what is filtered by often is filtered faster.
            product_id_field: The field that says which records show one product; "" takes it away.
        """
        self._store.configure(fields=None if fields is None else tuple(fields), product_id_field=product_id_field)

    def get(self, record_id: str) -> Record:
        """Give one record.

        Raises:
            RecordNotFoundError: when there is none of this id.
        """
        found = self._store.get([record_id])
        if record_id not in found:
            raise self._no_record(record_id)
        return found[record_id]

    def update(
        self,
        record_id: str,
        metadata: Mapping[str, Any] | None = None,
        *,
        tags: Iterable[str] | None = None,
        unset: Iterable[str] = (),
        source: Any = None,
        replace: bool = False,
    ) -> Record:
        """Change one record: set fields (others stay), take fields away, set tags, or give it another picture.

        Args:
            metadata: Fields to set; with `replace` these are all the fields there are.
            source: A new picture for the record; its metadata and tags stay unless given.

        Raises:
            RecordNotFoundError: when there is none of this id.
            SourceError: when the new picture cannot be read; nothing is changed then.
        """
        held = self.get(record_id)
        given = None if metadata is None else dict(metadata)
        if given is not None:
            check_metadata(given, limits=self._describer.settings.limits)
        named = None if tags is None else check_tags(tags)
        if source is not None:
            self._check_encoder()
            [item] = items_of(source, id_from="path", limits=self._describer.settings.limits)
            if item.failure is not None:
                raise item.failure
            entry = self._entry(dataclasses.replace(item, id=held.id, metadata=held.metadata, tags=held.tags))
            self._store.upsert([entry], replace="any")
        return self._store.revise(record_id, metadata=given, unset=tuple(unset), tags=named, replace=replace)

    def delete(self, record_ids: Iterable[str] | str) -> int:
        """Delete records for good and say how many were there. Unknown ids are skipped."""
        return self._store.delete([record_ids] if isinstance(record_ids, str) else list(record_ids))

    def duplicates(self, *, threshold: float | None = None, on_progress: OnProgress | None = None) -> DuplicateGroups:
        """Find the groups of records that are the same picture, by score in the copy descriptor's space.

        Each member scores at least `threshold` against the group's representative, so that no chain of small
        steps joins far pictures. The representative has the most pixels, then bytes; then the lowest id.

        Args:
            threshold: Floor on the score; 0.90, where "the same picture with minor variations" begins.

        Cost: one search for each record.
        """
        check_unit("threshold", threshold)
        floor = _DUPLICATE_THRESHOLD if threshold is None else threshold
        space = self._copy_space
        groups = find_duplicates(self._store, floor, space=space, points=self._points(space), on_progress=on_progress)
        return DuplicateGroups(self.name, floor, groups, picture=self.thumbnail)

    def export(self, *, vectors: bool = False) -> Iterator[dict[str, Any]]:
        """Give every record in the JSON-lines form that `add` reads, by rising id.

        A picture that came from a file or URL is named (`_file`, `_url`); one that was uploaded has neither, and
        `_source` says what it was.

        Args:
            vectors: Add `_vectors`: space name to list of numbers.
        """
        for record in self._store.scan():
            line: dict[str, Any] = {"_id": record.id, **_where(record), **record.metadata}
            if record.tags:
                line["tags"] = list(record.tags)
            if vectors:
                line["_vectors"] = self._lists(record.id)
            yield line

    def vector(self, record_id: str, space: str | None = None) -> Any:
        """Give the stored vector of a record, (d,) float32, in the space that ranks or in another one.

        Raises:
            RecordNotFoundError: when there is none of this id.
        """
        keys = self._store.keys([record_id])
        if record_id not in keys:
            raise self._no_record(record_id)
        found = self._store.vectors(space or self._ranking_space, [keys[record_id]])
        return found.get(keys[record_id])

    def thumbnail(self, record_id: str, *, side_px: int = THUMBNAIL_SIDE_PX) -> bytes | None:
        """Give a small JPEG to show: the one that is kept, or one made from the source file; None without either."""
        kept = self._store.thumbnail(record_id)
        if kept is not None:
            return kept
        record = self._store.get([record_id]).get(record_id)
        if record is None or not record.source or not os.path.isabs(record.source):
            return None
        try:
            limits = self._describer.settings.limits
            return intake.thumbnail(intake.read(record.source, limits=limits, min_side_px=side_px), side_px)
        except SourceError:
            return None

    def original(self, record_id: str) -> bytes | None:
        """Give the bytes as they came, where the collection keeps them; None where it does not."""
        return self._store.original(record_id)

    def info(self) -> dict[str, Any]:
        """Give what the collection is, what it holds and how it searches, in plain values."""
        spec = self.spec
        return {
            "name": spec.name,
            "type": spec.type,
            "keep": spec.keep,
            "encoder": spec.encoder,
            "encoder_digest": spec.encoder_digest,
            "fields": list(spec.fields),
            "product_id_field": spec.product_id_field,
            "created_at": spec.created_at,
            **self._store.statistics(),
        }

    def check(self) -> list[str]:
        """Look for damage, and give what was found in plain words; empty when all is well."""
        return self._store.check()

    def backup(self, target: str | os.PathLike[str]) -> None:
        """Copy the collection to a new folder while it is in use."""
        self._store.backup(Path(target))

    def flush(self) -> None:
        """Bring the derived index files up to date, so that the next opening is quick."""
        self._store.flush()

    def close(self) -> None:
        """Let go of files and memory."""
        self._store.close()

    def _entry(self, item: Item) -> Entry:
        return self._describer.entry(item, self.spec.keep)

    def _probe(self, like: Sequence[Any], unlike: Sequence[Any], crop: tuple[int, int, int, int] | None) -> Probe:
        probes = [self._one_probe(one, crop if place == 0 else None) for place, one in enumerate(like)]
        against = [self._one_probe(one, None) for one in unlike]
        if len(probes) == 1 and not against:
            return probes[0]
        return mix([probe.vector for probe in probes], [probe.vector for probe in against])

    def _one_probe(self, source: Any, crop: tuple[int, int, int, int] | None) -> Probe:
        space = self._ranking_space
        record_id = _stored_id(source)
        if record_id is None:
            self._check_encoder()
            seen = self._describer.describe(source, crop=crop)
            return probe_of(seen.vectors, space, seen.content_hash)
        if crop is not None:
            raise InputError("crop needs the picture itself: pass its file in place of its id.")
        record = self.get(record_id)
        key = self._store.keys([record_id])[record_id]
        vectors = {name: self._store.vectors(name, [key]).get(key) for name in (space, HASH_SPACE, HUE_SPACE)}
        if vectors[space] is None:
            raise RecordNotFoundError(f'record "{record_id}" has no vector to search with.', id=record_id)
        return probe_of({n: v for n, v in vectors.items() if v is not None}, space, record.content_hash)

    def _query_picture(self, source: Any) -> bytes | None:
        record_id = _stored_id(source)
        if record_id is not None:
            return self.thumbnail(record_id)
        return intake.thumbnail(self._describer.read(source), THUMBNAIL_SIDE_PX)

    def _prune(self, source: Any) -> int:
        if not isinstance(source, str | os.PathLike) or not os.path.isdir(source):
            raise InputError("prune is for a folder: it removes the records whose files below it are gone.")
        below = os.path.join(os.path.abspath(source), "")
        gone = [
            record.id
            for record in self._store.scan()
            if record.source and record.source.startswith(below) and not os.path.exists(record.source)
        ]
        return self._store.delete(gone)

    def _check_encoder(self) -> None:
        if self.spec.encoder_digest != self._describer.digest:
            card = self._describer.card
            raise EncoderMismatchError(
                f'collection "{self.name}" holds vectors of encoder "{self.spec.encoder}" '
                f"({self.spec.encoder_digest[:8]}); here runs {card.name}-{card.variant} "
                f"({self._describer.digest[:8]}), whose vectors differ. Make a new collection and index the pictures "
                f"again, or use the lookalike version that made it."
            )

    def _lists(self, record_id: str) -> dict[str, list[float]]:
        key = self._store.keys([record_id]).get(record_id, -1)
        found = {space.name: self._store.vectors(space.name, [key]).get(key) for space in self.spec.spaces}
        return {name: vector.tolist() for name, vector in found.items() if vector is not None}

    def _no_record(self, record_id: str) -> RecordNotFoundError:
        return RecordNotFoundError(
            f'no record "{str(record_id)[:80]}" in collection "{self.name}". Check the spelling, or list the ids with '
            f"`lookalike export`.",
            id=record_id,
        )

    def _points(self, space: str) -> Map:
        return score_map(space)

    @property
    def _ranking_space(self) -> str:
        return self.spec.spaces[0].name

    @property
    def _copy_space(self) -> str:
        names = [space.name for space in self.spec.spaces]
        return "copy" if "copy" in names else names[0]


def _with_removed(report: Report, removed: int) -> Report:
    return dataclasses.replace(report, removed=removed)


def _filter(given: Mapping[str, Any] | str | Filter | None) -> Filter | None:
    return given if given is None or isinstance(given, Filter) else parse_filter(given)


def _listed(given: Any) -> list[Any]:
    """Give a list of examples; a single one may come bare."""
    if given is None:
        return []
    return list(given) if isinstance(given, list | tuple) else [given]


def _stored_id(source: Any) -> str | None:
    return source[3:] if isinstance(source, str) and source.startswith("id:") else None


def _shown(source: Any) -> str:
    return source if _stored_id(source) is not None else intake.describe(source)


def _where(record: Record) -> dict[str, str]:
    if record.source is None:
        return {}
    if record.source.startswith(("http://", "https://")):
        return {"_url": record.source}
    return {"_file": record.source} if os.path.isabs(record.source) else {"_source": record.source}
