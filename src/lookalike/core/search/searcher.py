"""The search of one collection: examples and conditions in, a page of matches out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ... import intake
from ...answers import Explanation, Facet
from ...errors import InputError
from ...limits import check_count
from ...pictures import Stored
from ...query import VERIFIED, Conditions, Query, filter_of, query_of
from ...recent import Recent
from ..features.spaces import copy_space_of
from ..relations.verdicts import VERIFIED_CHANCES
from ..scores.scales import floor_of
from .candidates import Candidates, rank
from .matches import Matches
from .pages import cursor_of, position_of
from .query_vectors import Examples, QueryVector, digest_of, listed, source_of
from .ranking import Ranker, score_counts
from .selection import MatchSelection, Page
from .unknown import unknown_names
from .verified import Verified

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...filters import Filter
    from ...records import CollectionSpec
    from ...stores import Store
    from ..relations.verdicts import Judge
    from ..scores.scales import Scales
    from .examples import ExampleReader

_RANKED = 10_000  # matches that a histogram counts: far more than anyone looks at


class Searcher:
    """Answers the questions to one collection. May be used from many threads.

    Args:
        made: What the collection is.
        most: Matches that may be asked for at once.
    """

    def __init__(
        self, store: Store, examples: ExampleReader, scales: Scales, *, made: CollectionSpec, most: int
    ) -> None:
        self._store, self._examples, self._scales = store, examples, scales
        self._made, self._most = made, most
        self._identity = f"{made.name} {made.created_at} {made.encoder_digest}"
        self._space = made.spaces[0].name
        self._copy_space = copy_space_of([space.name for space in made.spaces])
        self._recent: Recent[MatchSelection] = Recent()

    @property
    def verified_by_default(self) -> int:
        """How many of the first matches geometry looks at when nobody says it."""
        return VERIFIED if self._made.type == "matching" else 0

    def search(
        self, like: Examples, unlike: Examples, given: Conditions, picture: Callable[[str], bytes | None]
    ) -> Matches:
        """Find what looks like some examples; see `Collection.search`.

        Args:
            picture: Gives a small JPEG of a record, for an answer that shows itself.
        """
        began = time.perf_counter()
        query = self._query(given, examples=len(like) + len(unlike))
        if not like:
            raise InputError(
                "a search needs an example: pass a picture, or like=[...]; tags and filter work beside it. "
                "`sample` draws a stored picture at random."
            )
        with ExitStack() as snapshot:
            version = -1
            if all(isinstance(one, Stored) for one, _ in (*like, *unlike)):  # so nothing is waited for inside
                version = snapshot.enter_context(self._store.snapshot())
            query_vector, judge = self._examples.start(like, unlike, query.crop, related=query.verify > 0)
            read = time.perf_counter()
            if version < 0:
                version = snapshot.enter_context(self._store.snapshot())
            if judge is None and query.verify:
                query = replace(query, verify=0)
            page, next, explanation = self._page(query_vector, query, judge, version, release=snapshot.close)
        ended = time.perf_counter()
        is_met = not query.tags or any(query.tags & set(match.tags) for match in page.matches)
        missed = () if is_met else sorted(query.tags)
        return Matches(
            self._made.name,
            _echo(query, like, unlike),
            page.matches,
            query.threshold,
            next=next,
            explanation=replace(explanation, query_ms=_ms(began, read), total_ms=_ms(began, ended))
            if query.explain
            else None,
            left_out=len(self._store.damaged()) if page.left_out is None else page.left_out,
            unknown=unknown_names(self._store, None if page.matches else query.filter, missed),
            picture=picture,
            query_picture=lambda: self._examples.picture(like[0][0]),
        )

    def histogram(self, like: Examples, unlike: Examples, given: Conditions, *, bins: int) -> list[int]:
        """Count the records by their score; see `Collection.histogram`."""
        check_count("bins", bins, least=1, most=1000)
        if not like:
            raise InputError("a histogram of scores needs an example: pass a picture, or like=[...].")
        query = replace(query_of(given, most=self._most), limit=min(_RANKED, self._most), threshold=None)
        related = self.verified_by_default > 0
        query_vector, judge = self._examples.start(like, unlike, query.crop, related=related)
        ranker = Ranker(self._store, query_vector, query, space=self._space, points=self._scales.points(self._space))
        ranking = ranker.first(query.limit)
        if judge is not None:
            ranking = Verified(judge, VERIFIED).scored(ranking)
        return score_counts(ranking.scores[: query.limit], bins)

    def facets(
        self, *, filter: Mapping[str, Any] | str | Filter | None, limit: int, field: str | None, contains: str | None
    ) -> list[Facet]:
        """Count the values of fields and tags; see `Collection.facets`."""
        check_count("limit", limit, least=1, most=self._most)
        return self._store.facets(filter=filter_of(filter), limit=limit, field=field, contains=contains)

    def rank(self, source: Any, others: Sequence[Any]) -> Candidates:
        """Rank other pictures by their score against one; see `Collection.rank`."""

        def query_vector(one: Any) -> QueryVector:
            return self._examples.read(source_of(one))[0]

        return rank(query_vector(source), others, query_vector, self._scales.points(self._space))

    def _query(self, given: Conditions, *, examples: int) -> Query:
        """Check conditions, and settle what depends on the collection."""
        query = query_of(given, most=self._most)
        if given.get("verify") is None and self.verified_by_default:
            query = replace(query, verify=self.verified_by_default)
        if query.precision is None:
            return query
        if examples > 1 or query.tags:
            raise InputError("`precision` is known for one example and without tags: pass a `threshold` instead.")
        chances = VERIFIED_CHANCES if query.verify else self._scales.reliability(self._space)
        return replace(query, threshold=floor_of(query.precision, chances))

    def _page(
        self, query_vector: QueryVector, query: Query, judge: Judge | None, version: int, release: Callable[[], None]
    ) -> tuple[Page, str | None, Explanation]:
        digest = digest_of(query, self._identity, query_vector)
        after = None if query.cursor is None else position_of(query.cursor, digest)
        scale = self._scales.at(version)
        kept = self._recent.get(digest, version)
        selection = kept or MatchSelection(
            self._store,
            query_vector,
            query,
            space=self._space,
            copy_space=self._copy_space,
            points=scale.points(self._space),
            judge=None if judge is None else partial(judge, maps=scale.maps()),
            copy_points=scale.points(self._copy_space),
        )
        looked_at, spent_s = selection.looked_at
        page, steps, ranker = selection.page(query, after, release)
        if page.last is not None and kept is None:
            self._recent.keep(digest, version, selection)
        next = None if page.last is None else cursor_of(page.last, digest)
        verified, verify_s = selection.looked_at[0] - looked_at, selection.looked_at[1] - spent_s
        told = Explanation(
            steps=tuple(steps),
            candidates=ranker.candidates,
            by_hash=ranker.by_hash,
            reused=kept is not None,
            verified=verified,
            verify_ms=_ms(0.0, verify_s),
            query_ms=0.0,
            total_ms=0.0,
        )
        return page, next, told


def examples_of(source: Any, like: Any, unlike: Any) -> tuple[Examples, Examples]:
    """Return examples and counter-examples, each with its weight."""
    first = [] if source is None else [source]
    return [*listed(first, "source"), *listed(like, "like")], listed(unlike, "unlike")


def _echo(query: Query, like: Examples, unlike: Examples) -> dict[str, Any]:
    """Return what was asked in plain values, without what was not given."""
    weights = {"weights": [weight for _, weight in like], "unlike_weights": [weight for _, weight in unlike]}
    sources = {"like": [intake.describe(one) for one, _ in like], "unlike": [intake.describe(one) for one, _ in unlike]}
    uneven = {name: row for name, row in weights.items() if set(row) - {1.0}}
    return {name: row for name, row in sources.items() if row} | uneven | query.echo()


def _ms(began: float, ended: float) -> float:
    return round(1000 * (ended - began), 3)
