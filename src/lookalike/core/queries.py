"""The questions that a collection answers: search, compare, duplicates, graph, evaluation."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from ..answers import Facet
from ..distances import ScoreCurve
from ..errors import InputError
from ..filters import Filter
from ..limits import check_count, check_unit
from ..query import MAX_VERIFIED, NEAR_DUPLICATE_SCORE, Conditions, check_precision
from .base import CollectionBase
from .duplicates.clusters import find_clusters
from .duplicates.groups import find_duplicates
from .duplicates.representatives import DEFAULT_RULE, check_rule
from .duplicates.results import Clusters, DuplicateGroups
from .features.spaces import HUE_SPACE
from .graph.graph import Graph, edge_rules
from .ingest.pipeline import OnProgress
from .relations.comparison import Comparison, compare
from .relations.copy_judge import CopyJudge
from .relations.verdicts import VERIFIED_CHANCES
from .scores.pairs import ScoredSpace
from .scores.scales import floor_of
from .scores.scoring import CANDIDATE_SCORE, LIKELY_SCORE
from .search.candidates import Candidates
from .search.matches import Matches
from .search.query_vectors import source_of
from .search.searcher import examples_of

if TYPE_CHECKING:
    from .evaluation.labels import Labels
    from .evaluation.results import Evaluation


class Queries(CollectionBase):
    """Answers questions to a collection."""

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
        """Compute how alike two pictures are, and what they are to each other; "id:17" names a stored one.

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
        bins: int = 50,
        **conditions: Unpack[Conditions],
    ) -> list[int]:
        """Count the records by their score in a search without a threshold, so that one can be chosen.

        Args:
            bins: How many equal parts the scores 0 to 1 are cut into; the last includes 1.
            conditions: Those of `search` that decide which records match and how they score: `filter`,
                `max_distance`, `tags`, `tag_weight`, `crop`, `exact`. The others change nothing here.

        Returns:
            The counts from the lowest scores to the highest, of the best 10,000 matches at most.
        """
        examples, against = examples_of(source, like, unlike)
        return self._searcher.histogram(examples, against, conditions, bins=bins)

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
        """Return the embedding that ranks, of what `search` reads; of unit length."""
        found: list[float] = self._examples.read(source_of(source))[0].vector.tolist()
        return found

    def graph(
        self,
        *,
        k: int | None = 10,
        radius: float | None = None,
        threshold: float | None = None,
        include_self: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Graph:
        """Return the similarity graph: edges from each record to its nearest others, by rising id of the source.

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
                shelf are not copies and cropped or turned ones are; relation and confidence are told then. Candidates
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
        effective = self.decisions.effective()
        judge = CopyJudge(
            self._verifier if verifies else None,
            least=max(least, NEAR_DUPLICATE_SCORE),
            threshold=threshold or 0.0,
            is_decided=None if include_decided or not effective.names else effective.is_decided,
        )
        groups = find_duplicates(
            ScoredSpace(self._store, space, self._scales.points(space)),
            CANDIDATE_SCORE if verifies else least,
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
            lambda points: self._evaluated(labels, space, points, queries, on_progress),
            self._scales.at(self._store.version).curve_before_calibration(space),
        )
        self._store.configure(calibration=found)
        return evaluation

    def uncalibrate(self) -> bool:
        """Go back to the scores that are built in; say whether there was a calibration."""
        was = self.spec.calibration
        if was is not None:
            self._store.configure(calibration=dataclasses.replace(was, points=()))
        return was is not None

    def _scored_space(self, space: str | None) -> str:
        known = [one.name for one in self._made.spaces if one.metric == "cosine" and one.name != HUE_SPACE]
        if space is not None and space not in known:
            raise InputError(f'space="{space[:80]}" ranks nothing here. There are: {", ".join(known)}.')
        return space or self._ranking_space

    def _evaluated(
        self,
        labels: Labels,
        space: str,
        points: ScoreCurve,
        queries: int | Sequence[str] | None,
        on_progress: OnProgress | None,
        *,
        told: ScoreCurve | None = None,
        setting: str = "",
        verify: int = 0,
    ) -> Evaluation:
        from .evaluation.evaluation import MOST_QUERIES, evaluate

        check_count("verify", verify, least=0, most=MAX_VERIFIED)
        if isinstance(queries, int):
            check_count("queries", queries, least=1, most=MOST_QUERIES)
        return evaluate(
            ScoredSpace(self._store, space, points),
            labels,
            reliability=told,
            queries=queries,
            setting=setting,
            verify=verify,
            judge=self._verifier.verdicts_of,
            on_progress=on_progress,
        )
