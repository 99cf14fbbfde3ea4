"""A collection: records under one name and one encoder, with everything a caller may do with them."""

from __future__ import annotations

import copy
import dataclasses
import os
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from .. import disk
from ..distances import Map, score_map
from ..errors import InputError, LookalikeError, PruneRefusedError, SourceError
from ..filters import Filter
from ..limits import Limits, check_count, check_field, check_tags, check_unit, checked_fields
from ..query import MAX_VERIFIED, NEAR_DUPLICATE_SCORE, Conditions, check_precision, filter_of
from ..records import CollectionSpec, Entry, Progress, Record
from ..rendering import counted
from ..stores import Revision
from .decisions.decisions import Decisions
from .duplicates.clusters import find_clusters
from .duplicates.groups import find_duplicates
from .duplicates.representatives import DEFAULT_RULE, check_rule
from .duplicates.results import Clusters, DuplicateGroups
from .features.describer import THUMBNAIL_SIDE_PX, Describer
from .features.spaces import HUE_SPACE
from .graph.graph import Graph, edge_rules
from .ingest.items import check_metadata, check_prefix, count_items, described, is_single, items_of
from .ingest.local_files import path_of
from .ingest.pipeline import IdFrom, Ingest, Item, OnOutcome, OnProgress, Rules
from .ingest.pruning import gone_records, plan_pruning
from .ingest.report import Report
from .ingest.spellings import all_as_stored, as_stored
from .relations.comparison import Comparison, compare
from .relations.verdicts import VERIFIED_CHANCES
from .relations.verifying import CopyJudge, Verifier
from .review.review import Review
from .scores.scales import Scales, floor_of
from .scores.scoring import CANDIDATE_SCORE, LIKELY_SCORE
from .search.candidates import Candidates
from .search.examples import ExampleReader
from .search.facets import Facet
from .search.groups import is_held
from .search.matches import Matches
from .search.probes import source_of
from .search.searching import Searcher, examples_of
from .upkeep import Compacted

if TYPE_CHECKING:
    from ..stores import Findings, Harm, Store
    from .decisions.ledger import Ledger
    from .evaluation.evaluation import Evaluation
    from .evaluation.labels import Labels
    from .ingest.pruning import Pruning

_UPDATED_AT_ONCE = 500  # records in one transaction: other writers wait for it
MAX_REVISED = 10_000  # records that one change is made to: other writers wait for it
_EXPORTED = 500  # records that are read at once
_RANKED = 10_000  # matches that a histogram counts: far more than anyone looks at


class Collection:
    """Records under one name: add pictures, ask what looks like one, keep metadata, find duplicates.

    Made by `Library.collection`. May be used from many threads.
    """

    def __init__(self, store: Store, describer: Describer, ledger: Ledger) -> None:
        self._store = store
        self._describer = describer
        self._decisions = Decisions(store, ledger)
        self._review = Review(self)
        self._scales = Scales(store)
        self._verifier = Verifier(store, describer, self.thumbnail, self._scales.maps)
        # As it stands when it is opened: for name, type, encoder, spaces and what it keeps, which never change.
        self._made = store.spec
        self._space_names = tuple(space.name for space in self._made.spaces)
        self._examples = ExampleReader(store, describer, self._verifier, made=self._made, space=self._ranking_space)
        most = describer.settings.limits.max_limit
        self._searcher = Searcher(store, self._examples, self._scales, made=self._made, most=most)

    @property
    def spec(self) -> CollectionSpec:
        """What the collection is: name, type, what it keeps, its encoder, its declared fields."""
        return self._store.spec

    @property
    def name(self) -> str:
        """The collection's name."""
        return self._made.name

    @property
    def is_there(self) -> bool:
        """Whether it is still on disk as it was opened."""
        return self._store.is_there

    @property
    def decisions(self) -> Decisions:
        """What people decided about its records: keep, delete, no duplicate, later."""
        return self._decisions

    def within(self, collections: Sequence[str]) -> Collection:
        """Return this collection for a caller who speaks for some collections only; none of them means all.

        What is decided or noted through it holds in these collections, and changes nothing in any other.
        """
        bound = copy.copy(self)
        bound._decisions = self._decisions.within(collections)
        return bound

    @property
    def review(self) -> Review:
        """Its duplicate groups, as people go through them."""
        return self._review

    @property
    def version(self) -> int:
        """A number that every write raises."""
        return self._store.version

    def __len__(self) -> int:
        return self._store.count()

    def __contains__(self, record_id: object) -> bool:
        return isinstance(record_id, str) and bool(self._store.keys([as_stored(self._store, record_id)]))

    def __iter__(self) -> Iterator[Record]:
        return self._store.scan()

    def __getitem__(self, record_id: str) -> Record:
        return self.get(record_id)

    def __repr__(self) -> str:
        return f"<lookalike collection {self.name!r}: {counted(len(self), 'record')}, type {self._made.type}>"

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
        prune_all: bool = False,
        check_content: bool = False,
        prefix: str = "",
        base: str | os.PathLike[str] | None = None,
        on_progress: OnProgress | None = None,
        on_outcome: OnOutcome | None = None,
    ) -> Report:
        """Add pictures: new ones are added, changed ones updated, the rest left alone. One bad image fails alone.

        The record of a file that was moved or renamed follows it, with all that is known of it; so does its id, where
        it was made from the path.

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
            prune: After a folder, remove the records whose files below it are gone; refused when all are, or at least
                half and more than 3, or all of a folder below that is still there: empty (2 records or more), or a
                mount point or link without its files (see `core/ingest/pruning`).
            prune_all: Remove them however many they are.
            check_content: Find files, too, whose content changed while size and time stayed. Cost: reads every file.
            prefix: Begins the ids of files, as in "disk1/2019/a.jpg", for two disks whose paths are alike. A file that
                is stored keeps its id. Folders and files of one list that would share an id get the names of their
                folders by themselves.
            base: The folder that a record's relative `_file` starts from.
            on_progress: Called with a Progress while the work goes on.
            on_outcome: Called with the Outcome of each picture once it is stored, or has failed. An error that one
                of the two raises ends the work; what was committed is there.

        Returns:
            A Report with counts and the failures, each with its source and its reason.

        Raises:
            InputError: for arguments that contradict each other.
            PruneRefusedError: when so many files are gone that their disk may be; what was added is there.
            StoreError: when nothing more can be written; what was committed before is there.
        """
        self._examples.check_encoder()
        if id_from not in ("path", "name", "hash"):
            raise InputError(f'id_from={id_from!r} is unknown: pass "path", "name" or "hash".')
        limits = self._describer.settings.limits
        pruning = plan_pruning(self._store, source, removes_all=prune_all) if prune or prune_all else None
        items: Iterable[Item] = items_of(
            source,
            id_from=id_from,
            limits=limits,
            base=Path(base) if base else None,
            prefix=check_prefix(prefix, limits=limits),
        )
        if id is not None or metadata is not None or tags is not None:
            items = [described(items, id=id, metadata=metadata, tags=tags, limits=limits)]
        total = count_items(source, limits=limits) if on_progress else None
        run = Ingest(
            self._store,
            self._entry,
            self._describer.content_hash,
            workers=1 if is_single(source) else self._describer.settings.workers,
            rules=Rules(replace=replace, resume=resume, check_content=check_content),
            total=total,
            on_outcome=on_outcome,
        )
        report = run.run(items, on_progress)
        if report.updated:
            self.decisions.follow()
        if pruning is not None:
            report = _pruned(report, pruning, self._store)
        self._store.flush()
        return report

    def plan_prune(self, folder: str | os.PathLike[str], *, removes_all: bool = False) -> Pruning:
        """Look at what is stored of a folder before it is indexed, for `prune`.

        Args:
            removes_all: Let `prune` remove the records however many they are.
        """
        return plan_pruning(self._store, folder, removes_all=removes_all)

    def prune(self, pruning: Pruning) -> int:
        """Remove the records whose files are gone, after all others were added, and return how many these were.

        Raises:
            PruneRefusedError: when so many are gone that the disk may be; nothing is removed then.
        """
        return pruning.of(self._store)

    def search(
        self, source: Any = None, *, like: Any = (), unlike: Any = (), **conditions: Unpack[Conditions]
    ) -> Matches:
        """Find what looks like a picture, or like several, best first: by score, then distance, then id.

        Args:
            source: What `add` reads, or "id:17" for a stored picture (which finds itself, too).
            like: More examples; the search is for what they have in common. One may come with a weight, as in
                [("a.jpg", 2.0), "id:17"]; without, it counts 1.
            unlike: Counter-examples, in the same form.
            conditions: `limit`, `threshold`, `filter` and the others; `lookalike.query` says what each does, how they
                work together, and which contradict each other.

        Returns:
            The matches. With `group_by`, a record without the field is its own group; a list counts as a whole; 1, "1"
            and true are three groups. With `tags`, score = (1 - tag_weight) * visual + tag_weight * overlap, where
            overlap is the Jaccard index of the two sets, and `Match.parts` shows both. With `members`,
            `Match.members` holds the others of a group; with `collapse`, `Match.hidden` counts what is left out.

        Raises:
            SourceError: when a query picture cannot be read.
            RecordNotFoundError: for an id that is not there.
            InputError: for values out of range, conditions that contradict each other, a field that no record
                holds in group_by, and a cursor of another question.

        Cost: one search of the store; with group_by, collapse or tags, one for each growth until the page is full.
        """
        examples, against = examples_of(source, like, unlike)
        return self._searcher.search(examples, against, conditions, self.thumbnail)

    def compare(self, a: Any, b: Any) -> Comparison:
        """Say how alike two pictures are, and what they are to each other; "id:17" names a stored one.

        Raises:
            SourceError: when a picture cannot be read.
            RecordNotFoundError: for an id that is not there.
        """
        return compare(self._describer, self._examples.side, source_of(a), source_of(b), maps=self._scales.maps())

    def histogram(
        self,
        source: Any = None,
        *,
        like: Any = (),
        unlike: Any = (),
        filter: Mapping[str, Any] | str | Filter | None = None,
        crop: tuple[int, int, int, int] | None = None,
        bins: int = 50,
    ) -> list[int]:
        """Count the records by their score in a search without a threshold, so that one can be chosen.

        Args:
            bins: How many equal parts the scores 0 to 1 are cut into; the last includes 1.

        Returns:
            The counts from the lowest scores to the highest, of the best 10,000 matches at most.
        """
        examples, against = examples_of(source, like, unlike)
        return self._searcher.histogram(examples, against, {"filter": filter, "crop": crop}, bins=bins)

    def facets(
        self,
        *,
        filter: Mapping[str, Any] | str | Filter | None = None,
        limit: int = 20,
        field: str | None = None,
        contains: str | None = None,
    ) -> list[Facet]:
        """Count the values of the metadata fields and of the tags, over the records that pass a filter.

        Args:
            limit: Values of each field at most, the most frequent first.
            field: Count this field alone; "tags" for the tags.
            contains: List only values whose text holds this, in whatever case.

        Cost: reads every record that passes; the last few answers are kept until something is written.
        """
        return self._searcher.facets(filter=filter, limit=limit, field=field, contains=contains)

    def rank(self, source: Any, others: Sequence[Any]) -> Candidates:
        """Rank other pictures by their score against one; each is what `search` reads, "id:17" for a stored one.

        Raises:
            SourceError: when the first cannot be read. Of the others each fails alone.
            RecordNotFoundError: when the first is an id that is not there.
        """
        return self._searcher.rank(source, others)

    def embedding(self, source: Any) -> list[float]:
        """Give the embedding that ranks, of what `search` reads; of unit length."""
        found: list[float] = self._examples.read(source)[0].vector.tolist()
        return found

    def scan(
        self, *, filter: Mapping[str, Any] | str | Filter | None = None, after: str | None = None
    ) -> Iterator[Record]:
        """Give the records that pass a filter by rising id, those behind the id `after` when given."""
        return self._store.scan(filter=filter_of(filter), after=after)

    def holds(self, field: str) -> bool:
        """Return whether any record has a metadata field, dotted for a field within a field; True without records."""
        return self._store.count() == 0 or is_held(self._store, field)

    def count(self, *, filter: Mapping[str, Any] | str | Filter | None = None) -> int:
        """Count the records that pass a filter."""
        return self._store.count(filter=filter_of(filter))

    def sample(
        self, n: int = 1, *, filter: Mapping[str, Any] | str | Filter | None = None, seed: int | None = None
    ) -> list[Record]:
        """Draw records at random, each as likely as any other: examples for those who have none.

        Args:
            n: How many; all of them when there are fewer.
            filter: Draw from the records that pass it.
            seed: The same seed draws the same from the same records.

        Cost: reads the records up to the last that is drawn.
        """
        check_count("n", n, least=1, most=self._describer.settings.limits.max_limit)
        condition = filter_of(filter)
        count = self._store.count(filter=condition)
        places = set(random.Random(seed).sample(range(count), min(n, count)))  # noqa: S311 - no secret
        last = max(places, default=-1)
        records = zip(range(last + 1), self._store.scan(filter=condition), strict=False)
        return [record for place, record in records if place in places]

    def graph(
        self,
        *,
        k: int | None = 10,
        radius: float | None = None,
        threshold: float | None = None,
        include_self: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Graph:
        """Give the similarity graph: edges from each record to its nearest others, by rising id of the source.

        Args:
            k: Neighbors of each record at most; None for all within `radius`.
            radius: Ceiling on an edge's distance, inclusive.
            threshold: Floor on an edge's score, inclusive: of the neighbors, those below it get no edge.
            include_self: Whether a record is a neighbor of itself.
            on_progress: Called with a Progress while the graph is read.

        Returns:
            A Graph: nothing is computed until it is read, by iteration, `arrays`, `to_csv`, `to_jsonl`, `to_parquet`
            or `to_networkx`.

        Raises:
            InputError: when both k and radius are None, or one is out of range.
        """
        rules = edge_rules(
            k=k,
            radius=radius,
            threshold=threshold,
            include_self=include_self,
            most=self._describer.settings.limits.max_limit,
        )
        space = self._ranking_space
        return Graph(self._store, rules, space=space, points=self._scales.points(space), on_progress=on_progress)

    def clusters(self, *, threshold: float = 0.9, on_progress: OnProgress | None = None) -> Clusters:
        """Find the connected clusters: records that a chain of pairs joins, each scoring at least `threshold`.

        The ends of a chain may be far apart; `duplicates` gives groups whose members are all near one representative.

        Cost: that of `duplicates`; memory for the keys that have a partner.
        """
        check_unit("threshold", threshold)
        space = self._ranking_space
        found = find_clusters(
            self._store, threshold, space=space, points=self._scales.points(space), on_progress=on_progress
        )
        return Clusters(self.name, threshold, found)

    def configure(
        self,
        *,
        fields: Iterable[str] | None = None,
        product_id_field: str | None = None,
        recall_target: float | None = None,
        title: str | None = None,
    ) -> None:
        """Change settings of the living collection; None leaves them.

        Args:
            fields: All fields that are to be declared: what is filtered by often is filtered faster.
            product_id_field: The field that says which records show one product; "" takes it away.
            recall_target: The share of true neighbors that an approximate index must find, over 0 up to 1; with 1
                every search is exact. A higher one holds at once: searches are exact until the index is tuned anew.
            title: What people call it, where that is not its name; "" for its name.

        Raises:
            InputError: when the recall target is out of range, the fields are too many, or the title is too long.
        """
        if title is not None:
            check_title(title, limits=self._describer.settings.limits)
        limits = self._describer.settings.limits
        check_field(product_id_field or "", limits)
        self._store.configure(
            fields=None if fields is None else checked_fields(fields, limits),
            product_id_field=product_id_field,
            recall_target=recall_target,
            title=title,
        )

    def declare(self, fields: Iterable[str] = (), drop: Iterable[str] = ()) -> None:
        """Declare more fields and drop others; the records keep what they hold.

        Raises:
            InputError: when a field to drop is not declared, and when there would be too many.
        """
        more, fewer = checked_fields(fields, self._describer.settings.limits), tuple(drop)
        if more or fewer:
            self._store.configure(more_fields=more, fewer_fields=fewer)

    def get(self, record_id: str) -> Record:
        """Give one record, by its id in either Unicode form.

        Raises:
            RecordNotFoundError: when there is none of this id.
        """
        record_id = as_stored(self._store, record_id)
        found = self._store.get([record_id])
        if record_id not in found:
            raise self._examples.no_record(record_id)
        return found[record_id]

    def get_many(self, record_ids: Sequence[str]) -> dict[str, Record]:
        """Give the records that are there, by the id that was asked for."""
        stored = all_as_stored(self._store, record_ids)
        found = self._store.get(stored)
        return {one: found[id] for one, id in zip(record_ids, stored, strict=True) if id in found}

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
        given = None if metadata is None else dict(metadata)
        for fields in (given, fill):
            if fields is not None:
                check_metadata(fields, limits=self._describer.settings.limits)
        named = None if tags is None else check_tags(tags)
        entry, record_id = None, as_stored(self._store, record_id)
        if source is not None:
            self._examples.check_encoder()
            self.get(record_id)  # before the work that its absence would waste
            [item] = items_of(source, id_from="path", limits=self._describer.settings.limits)
            if item.failure is not None:
                raise item.failure
            entry = self._entry(dataclasses.replace(item, id=record_id))
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
        fields = {} if metadata is None else dict(metadata)
        check_metadata(fields, limits=self._describer.settings.limits)
        more, fewer, gone = check_tags(more_tags), check_tags(fewer_tags), tuple(unset)
        stored = all_as_stored(self._store, ids)
        made = [Revision(id, fields, unset=gone, more_tags=more, fewer_tags=fewer) for id in stored]
        return list(self._store.revise_all(made))

    def _revision(self, id: str, fields: Mapping[str, Any], tags: Iterable[str] | None) -> Revision | LookalikeError:
        try:
            check_metadata(fields, limits=self._describer.settings.limits)
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

    def duplicates(
        self,
        *,
        threshold: float | None = None,
        precision: float | None = None,
        best: str = DEFAULT_RULE,
        verify: bool | None = None,
        include_decided: bool = False,
        on_progress: OnProgress | None = None,
    ) -> DuplicateGroups:
        """Find the groups of records that are the same picture.

        Each member is a copy of the group's representative itself, so that no chain of small steps joins far pictures.

        Args:
            threshold: Floor on the score of a copy, which narrows what geometry confirms; a copy has 0.90 or more.
                Where there is no picture to look at, and without `verify`, the descriptor's score has to reach it
                (0.90 when not given).
            precision: In place of a threshold: the chance, 0..1, with which a member has to be right.
            best: What makes the representative: "original" (the one that the others were made of, as pictures, cameras
                and dates tell it; see `docs/duplicates.md`), "resolution" (most pixels; then lossless before lossy,
                most bytes, the oldest file, the lowest id), "bytes", "oldest" or "newest" by the time of the file's
                last change, or a metadata field, dotted for a field within a field, whose greatest value wins. Ties
                fall to the others, in that order.
            verify: Whether geometry decides on every member, where pictures can be had, so that photos of the same
                shelf are no copies and cropped or turned ones are; relation and confidence are told then. Candidates
                are the pairs that score 0.80 or more, and the two nearest of each record from 0.50 (among 20,000
                records at most). False: the scores of the descriptors alone.
            include_decided: Show the pairs, too, that people have decided on (see `decisions`).

        Raises:
            InputError: for values out of range, and for a field in `best` that no record holds.

        Cost: all pairs of records are compared once (100,000 in half a minute); what was found is kept, so that later
            calls compare new records alone.
        """
        check_unit("threshold", threshold)
        check_rule(self._store, best)
        space = self._copy_space
        verifies = True if verify is None else verify
        least = NEAR_DUPLICATE_SCORE if threshold is None else threshold  # of what nobody looks at
        if precision is not None:
            check_precision(threshold, precision)
            least = floor_of(precision, self._scales.reliability(space))
            threshold = floor_of(precision, VERIFIED_CHANCES) if verifies else least
        standing = self.decisions.standing()
        judge = CopyJudge(
            self._verifier if verifies else None,
            least=max(least, NEAR_DUPLICATE_SCORE),
            threshold=threshold or 0.0,
            is_decided=None if include_decided or not standing.names else standing.is_decided,
        )
        groups = find_duplicates(
            self._store,
            CANDIDATE_SCORE if verifies else least,
            space=space,
            points=self._scales.points(space),
            best=best,
            judge=judge,
            likely_from=LIKELY_SCORE if verifies else None,
            traits_of=self._verifier.traits,
            on_progress=on_progress,
        )
        floor = NEAR_DUPLICATE_SCORE if threshold is None else threshold
        floor = max(floor, NEAR_DUPLICATE_SCORE) if verifies else floor  # a copy has no less
        return DuplicateGroups(self.name, floor, groups, unseen=len(judge.unseen), picture=self.thumbnail)

    def evaluate(
        self,
        *,
        label: str | None = None,
        match: str | None = None,
        pairs: Iterable[Any] | None = None,
        space: str | None = None,
        queries: int | Sequence[str] | None = None,
        verify: int | None = None,
        on_progress: OnProgress | None = None,
    ) -> Evaluation:
        """Measure how well searches answer, judged by what you say belongs together; name one of the first three.

        Args:
            label: Metadata field: records with one value in it belong together.
            match: Metadata field in which a copy names the id of its original; "" where that is not here.
            pairs: (a, b) or (a, b, same) of ids. With both kinds only these pairs are judged.
            space: The descriptor that ranks, "semantic" or "copy"; the collection's own when not given.
            queries: How many records to ask, drawn with a fixed seed (1,000), or the ids of those to ask.
            verify: How many of the first records are scored by geometry, and all judged pairs if any; 100 in
                collections of type `matching` when not given, elsewhere 0.
            on_progress: Called with a Progress after each query.

        Raises:
            InputError: for a field that no record holds, one with a single value, and when no query is left.

        Cost: one exact ranking of all records for each query, and 20 ms of a core for each record that is verified.
        """
        from .evaluation.labels import read_labels

        labels = read_labels(self._store, label=label, match=match, pairs=pairs)
        name = self._scored_space(space)
        verify = self._searcher.verified_by_default if verify is None else verify
        calibrated = self._scales.calibration(name) is not None
        settings = {f"by {name}": space, "calibrated": calibrated and not space, f"first {verify} verified": verify}
        chances = None
        if verify:
            chances = VERIFIED_CHANCES if labels.is_copies else None
        elif labels.is_copies or calibrated:
            chances = self._scales.reliability(name)
        return self._evaluated(
            labels,
            name,
            self._scales.points(name),
            queries,
            on_progress,
            told=chances,
            setting=", ".join(told for told, holds in settings.items() if holds),
            verify=verify,
        )

    def calibrate(
        self,
        *,
        label: str | None = None,
        match: str | None = None,
        pairs: Iterable[Any] | None = None,
        queries: int | Sequence[str] | None = None,
        on_progress: OnProgress | None = None,
    ) -> Evaluation:
        """Fit what scores mean to this collection, and keep it: the arguments are those of `evaluate`.

        Fewer than 1 of 100 pairs that do not belong together then score 0.50 or more, and `precision` is the chance
        that a match belongs to its query by these labels. `uncalibrate` undoes it.

        Returns:
            The evaluation that it was fitted on, with the new scores.

        Raises:
            InputError: as `evaluate`, and for fewer than 100 answers or 2,000 pairs that do not belong together.
        """
        from .evaluation.calibration import calibrate
        from .evaluation.labels import read_labels

        labels, space = read_labels(self._store, label=label, match=match, pairs=pairs), self._ranking_space
        found, evaluation = calibrate(
            lambda points: self._evaluated(labels, space, points, queries, on_progress), score_map(space)
        )
        self._store.configure(calibration=found)
        return evaluation

    def uncalibrate(self) -> bool:
        """Go back to the scores that are built in; say whether there was a calibration."""
        was = self.spec.calibration
        if was is not None:
            self._store.configure(calibration=dataclasses.replace(was, points=()))
        return was is not None

    def export(self, *, vectors: bool = False) -> Iterator[dict[str, Any]]:
        """Give every record in the JSON-lines form that `add` reads, by rising id.

        A picture that came from a file or URL is named (`_file`, `_url`); one that was uploaded has neither, and
        `_source` says what it was.

        Args:
            vectors: Add `_vectors`: space name to list of numbers.

        Records that are damaged are left out; `damaged` names them.
        """
        records = self._store.scan()
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

    def vector(self, record_id: str, space: str | None = None) -> Any:
        """Give the stored vector of a record, (d,) float32, in the space that ranks or in another one.

        Raises:
            RecordNotFoundError: when there is none of this id.
        """
        record_id = as_stored(self._store, record_id)
        keys = self._store.keys([record_id])
        if record_id not in keys:
            raise self._examples.no_record(record_id)
        found = self._store.vectors(space or self._ranking_space, [keys[record_id]])
        return found.get(keys[record_id])

    def thumbnail(self, record_id: str, *, side_px: int = THUMBNAIL_SIDE_PX) -> bytes | None:
        """Give a small JPEG to show: the one that is kept, or one made from the source file; None without either."""
        kept = self.kept_thumbnail(record_id)
        if kept is not None:
            return kept
        record = self.get_many([record_id]).get(record_id)
        path = None if record is None else path_of(record)
        if path is None:
            return None
        try:
            return self._describer.thumbnail(path, side_px)
        except SourceError:
            return None

    def kept_thumbnail(self, record_id: str) -> bytes | None:
        """Give the small JPEG that is kept of a record; None where none is."""
        return self._store.thumbnail(as_stored(self._store, record_id))

    def original(self, record_id: str) -> bytes | None:
        """Give the bytes as they came, where the collection keeps them; None where it does not."""
        return self._store.original(as_stored(self._store, record_id))

    def attach(self, name: str, data: bytes) -> None:
        """Keep bytes under a name that are no record, in place of what the name had; they go with the collection."""
        self._store.attach(name, data)

    def attachment(self, name: str) -> bytes | None:
        """Return the bytes that were attached under a name; None where there are none."""
        return self._store.attachment(name)

    def info(self) -> dict[str, Any]:
        """Give what the collection is, what it holds and how it searches, in plain values."""
        return info_of(self.spec, self._store.statistics())

    def count_gone(self) -> int:
        """Count the records of local files that are not there any more. Cost: a look at every file."""
        return sum(1 for _ in gone_records(self._store))

    def check(self) -> list[str]:
        """Look for damage, and give what was found in plain words; empty when all is well."""
        return self._store.check()

    def examine(self) -> Findings:
        """Look for damage: what `check` gives, the damaged records by id, and whether `repair` has something to do."""
        return self._store.examine()

    def repair(self) -> list[str]:
        """Mend what can be mended without losing anything, and say what was done.

        A collection of an earlier lookalike gets its checksums. A damaged vector or kept picture is made anew from the
        kept original or the source file, where that still has the very bytes that were indexed.
        """
        from .ingest.repair import repair

        return repair(self._store, self._entry)

    def damaged(self) -> Mapping[str, Harm]:
        """Give the records that answers go without because they are damaged, as far as that was met until now.

        Returns:
            Their ids, and what of them is damaged: a text for people, whose `part` is for programs.
        """
        return self._store.damaged()

    def compact(self, on_progress: OnProgress | None = None) -> Compacted:
        """Rewrite what is on disk, so that no byte of vectors, pictures and metadata of deleted records is left.

        What people decided about their pictures stays, and is named in the answer.

        Args:
            on_progress: Called with a Progress in hundredths.

        Cost: reads and writes the whole collection, and needs as much room as it takes; others may search meanwhile,
            and writers wait.
        """
        before = self._store.statistics()["bytes_on_disk"]
        tell = None if on_progress is None else (lambda share: on_progress(Progress(round(100 * share), 100)))
        self._store.compact(tell)
        after = self._store.statistics()["bytes_on_disk"]
        return Compacted(before, after, tuple(self.decisions.about_gone()))

    def backup(self, target: str | os.PathLike[str]) -> Mapping[str, Sequence[str]]:
        """Copy the collection, with a digest, to a new folder while it is in use.

        Returns:
            The damaged records that the copy holds as they are: their ids, and what of each it is.
        """
        return self._store.backup(Path(target))

    def flush(self) -> None:
        """Bring the derived index files up to date, so that the next opening is quick."""
        self._store.flush()

    def close(self) -> None:
        """Let go of files and memory."""
        self._store.close()

    def _entry(self, item: Item) -> Entry:
        entry = self._describer.entry(item, self._made.keep)
        held = {name: vector for name, vector in entry.vectors.items() if name in self._space_names}
        return dataclasses.replace(entry, vectors=held)

    def _vectors_of(self, record_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Give all vectors of some records by space; those with a damaged one are left out."""
        keys = self._store.keys(record_ids)
        columns = {space.name: self._store.vectors(space.name, list(keys.values())) for space in self._made.spaces}
        damaged = self._store.damaged()
        return {
            id: {name: column[key] for name, column in columns.items() if key in column}
            for id, key in keys.items()
            if id not in damaged or damaged[id].part != "vector"
        }

    def _scored_space(self, space: str | None) -> str:
        known = [one.name for one in self._made.spaces if one.metric == "cosine" and one.name != HUE_SPACE]
        if space is not None and space not in known:
            raise InputError(f'space="{space[:80]}" ranks nothing here. There are: {", ".join(known)}.')
        return space or self._ranking_space

    def _evaluated(
        self,
        labels: Labels,
        space: str,
        points: Map,
        queries: int | Sequence[str] | None,
        on_progress: OnProgress | None,
        *,
        told: Map | None = None,
        setting: str = "",
        verify: int = 0,
    ) -> Evaluation:
        from .evaluation.evaluation import MOST_QUERIES, evaluate

        check_count("verify", verify, least=0, most=MAX_VERIFIED)
        if isinstance(queries, int):
            check_count("queries", queries, least=1, most=MOST_QUERIES)
        return evaluate(
            self._store,
            labels,
            space=space,
            points=points,
            reliability=told,
            queries=queries,
            setting=setting,
            verify=verify,
            judge=self._verifier.verdicts_of,
            on_progress=on_progress,
        )

    @property
    def _ranking_space(self) -> str:
        return self._space_names[0]

    @property
    def _copy_space(self) -> str:
        return "copy" if "copy" in self._space_names else self._space_names[0]


def info_of(spec: CollectionSpec, statistics: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a collection is, what it holds and how it searches, in plain values."""
    return {
        "name": spec.name,
        "title": spec.title,
        "type": spec.type,
        "keep": spec.keep,
        "encoder": spec.encoder,
        "encoder_digest": spec.encoder_digest,
        "fields": list(spec.fields),
        "product_id_field": spec.product_id_field,
        "created_at": spec.created_at,
        "calibration": None if spec.calibration is None else dataclasses.asdict(spec.calibration),
        **statistics,
    }


def check_title(title: str, *, limits: Limits) -> None:
    """Refuse a title that is no text, or too long.

    Raises:
        InputError: naming what is wrong.
    """
    if not isinstance(title, str) or len(title) > limits.max_title_chars:
        most = limits.max_title_chars
        raise InputError(f"{str(title)[:80]!r} cannot be a title: pass a text of at most {most:,} characters.")


def _pruned(report: Report, pruning: Pruning, store: Store) -> Report:
    """Remove the records of deleted files, and report them; a refusal says that the rest is done."""
    try:
        return dataclasses.replace(report, removed=pruning.of(store))
    except PruneRefusedError as refusal:
        done = str(report).splitlines()[0]
        raise PruneRefusedError(f"{refusal.message} What was indexed is there: {done}.", **refusal.details) from None


def _where(record: Record) -> dict[str, str]:
    if record.source is None:
        return {}
    if record.source.startswith(("http://", "https://")):
        return {"_url": record.source}
    return {"_file": record.source} if os.path.isabs(record.source) else {"_source": record.source}
