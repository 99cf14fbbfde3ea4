"""Verification: the relations of stored records to a picture, or to each other, by what is kept of them.

A record is looked at by its kept thumbnail, else by its source file, as long as that holds the very bytes that were
indexed; without either only its bytes and vectors speak. Hence what is remembered by content was made from it.
The last few looks are kept in memory, as finding the local features of a picture takes longer than comparing two.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

import numpy as np

from .. import intake
from ..distances import Map
from ..errors import LookalikeError, SourceError, StoreDamagedError
from ..geometry import read_features
from .describer import THUMBNAIL_SIDE_PX
from .looks import Look, look_of
from .relations import SAME_PICTURE, SAME_PICTURE_CONFIDENCE, relate
from .threads import in_order

if TYPE_CHECKING:
    from ..geometry import Features
    from ..stores import Store
    from ..values import F64, Record, Relation
    from .describer import Describer, Description
    from .ranking import Ranking

Relate: TypeAlias = "Callable[[Sequence[int]], Mapping[int, Relation]]"

_DOUBTFUL = 0.2  # of confidence; below it nothing speaks for a copy
_COPY, _SURE_COPY, _MAYBE, _BELOW = 0.90, 0.99, 0.80, 1e-4  # scores in collections that are ranked by geometry
# From such a score to the chance that it is right, which is the confidence; only equal bytes are certain.
VERIFIED_CHANCES: Map = ((_COPY, SAME_PICTURE_CONFIDENCE), (_SURE_COPY, 0.9999), (1.0, 1.0))
_KINDS_KEPT = 4096  # of pairs that were looked at last
_LOOKS_KEPT = 400  # of about 0.3 MB each
_PICTURED_KEPT = 100_000  # records of which is known that there is a picture
_SMALL, _FEATURES, _KINDS = "small 2", "features 2", "kind 12"  # what is remembered; the number is that of its form

_OTHER_COLORS = "other colors"  # a red mug is no copy of the blue one, whatever its shape

T = TypeVar("T")
Made = TypeVar("Made")


class Kind(NamedTuple):
    """What a pair is: the relation or "other colors", and which of the two is padded (see `Relation`)."""

    name: str
    padded: tuple[bool, bool]


class Verified:
    """The relations of the first rows of a ranking to its picture.

    Attributes:
        relations: What is known so far, by key.
        looked_at: How many records were related, over all calls.
        spent_s: The time that it took.
    """

    def __init__(self, relate: Relate, most: int) -> None:
        self.relations: dict[int, Relation] = {}
        self.looked_at, self.spent_s = 0, 0.0
        self._relate, self._most = relate, most

    def look_at(self, ranking: Ranking, rows: Sequence[int]) -> None:
        """Relate some rows, as far as they are among the first."""
        keys = ranking.keys[[row for row in rows if row < self._most]].tolist()
        missing = [key for key in keys if key not in self.relations and key not in ranking.same]
        if missing:
            began = time.perf_counter()
            self.relations.update(self._relate(missing))
            self.looked_at += len(missing)
            self.spent_s += time.perf_counter() - began

    def scored(self, ranking: Ranking) -> Ranking:
        """Relate the first rows, score them by what was found, and put them in that order; see `verified_scores`."""
        head = np.arange(min(self._most, len(ranking.keys)))
        self.look_at(ranking, head.tolist())
        known = [self.relations.get(key) for key in ranking.keys[head].tolist()]
        scores = verified_scores(ranking.scores, known)
        rows = np.append(np.argsort(-scores[head], kind="stable"), np.arange(len(head), len(scores)))
        columns = ("keys", "distances", "visual", "overlaps")
        return replace(ranking, scores=scores[rows], **{name: getattr(ranking, name)[rows] for name in columns})


def verified_scores(scores: F64, known: Sequence[Relation | None]) -> F64:
    """Score the first rows of a ranking by what geometry found, so that bands mean what they say.

    A copy has 0.90 or more: 0.99 where it is sure, and what its descriptors say where that is more. What may be one
    (confidence 0.2 to 0.8) has 0.80 to 0.90, everything else less. A row of which nothing is known keeps its score.
    No row behind the first ones comes before them.

    Args:
        scores: (n,) falling, by the descriptors.
        known: Of the first rows.
    """
    found = scores.copy()
    for row, relation in enumerate(known):
        if relation is None:
            continue
        if relation.kind in SAME_PICTURE:
            share = (relation.confidence - SAME_PICTURE_CONFIDENCE) / (1 - SAME_PICTURE_CONFIDENCE)
            found[row] = max(found[row], _COPY + share * (_SURE_COPY - _COPY))
        elif relation.confidence >= _DOUBTFUL:
            found[row] = _MAYBE + relation.confidence / SAME_PICTURE_CONFIDENCE * (_COPY - _MAYBE - _BELOW)
        else:
            found[row] = min(found[row], _MAYBE - _BELOW)
    if len(known) and len(known) < len(found):
        found[len(known) :] = np.minimum(found[len(known) :], found[: len(known)].min())
    rounded: F64 = np.round(found, 6)
    return rounded


def look_at(describer: Describer, seen: Description, source: Any) -> Look:
    """Give the look of a picture that was just described, with its small version."""
    return look_of(
        seen.pixels,
        content_hash=seen.content_hash,
        format=seen.format,
        size_px=seen.size_px,
        vectors=seen.vectors,
        pixel_hash=lambda: describer.pixel_hash(source),
        close_pixels=lambda side_px: describer.close_pixels(source, side_px),
    )


class Verifier:
    """Relates the records of one collection. May be used from many threads.

    Args:
        thumbnail: Gives a small JPEG of a record to show, by its id, or None.
    """

    def __init__(self, store: Store, describer: Describer, thumbnail: Callable[[str], bytes | None]) -> None:
        self._store, self._describer, self.thumbnail = store, describer, thumbnail
        self._looks: OrderedDict[int, Look] = OrderedDict()
        self._pictured: OrderedDict[int, None] = OrderedDict()  # keys; one whose picture is gone is seen when looked at
        self._lock = threading.Lock()

    def look(self, key: int) -> Look | None:
        """Give the look of a stored record; None when it is not there."""
        return self.looks([key]).get(key)

    def looks(self, keys: Sequence[int]) -> dict[int, Look]:
        """Give the looks of those stored records that are there.

        Cost: 1 ms for each; 40 ms of one core for a picture that was never looked at before.
        """
        with self._lock:
            found = {key: self._looks[key] for key in keys if key in self._looks}
        records = self._store.records([key for key in keys if key not in found])
        fresh = dict(zip(records, self._looked_at(records), strict=True))
        with self._lock:
            for key, look in {**fresh, **found}.items():  # those that were here are the last to go
                self._looks[key] = look
                self._looks.move_to_end(key)
            while len(self._looks) > _LOOKS_KEPT:
                self._looks.popitem(last=False)
        return {**found, **fresh}

    def relations(self, look: Look, keys: Sequence[int]) -> dict[int, Relation]:
        """Relate stored records to a picture; those are left out that are not there or say nothing.

        Cost: about 15 ms of one core for each, beside their looks.
        """
        looks = self.looks(keys)
        with self._store.apart():
            found = list(self._on_threads(lambda key: relate(look, looks[key]), looks))
        return {key: relation for key, relation in zip(looks, found, strict=True) if relation is not None}

    def relations_of(self, key: int, others: Sequence[int]) -> dict[int, Relation]:
        """Relate stored records to a stored one, as `relations` does; empty when that one is not there."""
        look = self.look(key)
        return {} if look is None else self.relations(look, others)

    def kinds(self, pairs: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Kind | None]:
        """Say what pairs of stored records are; None where there are no pictures of both to look at.

        What was found once is remembered with the two pictures' bytes.
        """
        records = self._store.records(list({key for pair in pairs for key in pair}))
        pictured = {key for key, record in records.items() if self._is_pictured(key, record)}
        shown = [pair for pair in pairs if pictured.issuperset(pair)]
        if not shown:
            return dict.fromkeys(pairs)
        hashes = {pair: [one.content_hash for key in pair if (one := records.get(key))] for pair in shown}
        names = {pair: ":".join(sorted(both)) for pair, both in hashes.items() if len(both) == 2 and all(both)}
        held = self._store.remembered(_KINDS, list(names.values()))
        is_turned = {pair: both != sorted(both) for pair, both in hashes.items()}
        found: dict[tuple[int, int], Kind | None] = {
            pair: _read_kind(held[name], turned=is_turned[pair]) for pair, name in names.items() if name in held
        }
        seen = self._kinds_seen([pair for pair in shown if pair not in found])
        fresh = {
            names[pair]: _written(kind, turned=is_turned[pair])
            for pair, kind in seen.items()
            if kind is not None and pair in names
        }
        if fresh:
            self._store.remember(_KINDS, fresh)
        return {**dict.fromkeys(pairs), **found, **seen}

    def _kinds_seen(self, pairs: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Kind | None]:
        looks = self.looks(list(dict.fromkeys(key for pair in pairs for key in pair)))

        def kind_of(pair: tuple[int, int]) -> Kind | None:
            a, b = (looks.get(key) for key in pair)
            if a is None or b is None:
                return None
            if a.content_hash != b.content_hash and (a.view is None or b.view is None):
                return None
            found = relate(a, b)
            return None if found is None else Kind(_OTHER_COLORS if found.other_colors else found.kind, found.padded)

        with self._store.apart():
            return dict(zip(pairs, self._on_threads(kind_of, pairs), strict=True))

    def _is_pictured(self, key: int, record: Record) -> bool:
        """Whether there is anything to look at: a kept thumbnail, or the file that the record came from."""
        with self._lock:
            if key in self._pictured:
                return True
        is_file = bool(record.source) and os.path.isabs(record.source or "") and os.path.exists(record.source or "")
        if not is_file and self._store.thumbnail(record.id) is None:
            return False  # not remembered: the next moment a disk may be there again
        with self._lock:
            self._pictured[key] = None
            while len(self._pictured) > _PICTURED_KEPT:
                self._pictured.popitem(last=False)
        return True

    def _on_threads(self, work: Callable[[T], Made], things: Collection[T]) -> Iterator[Made]:
        workers = min(self._describer.settings.workers, len(things))
        return in_order(work, things, workers=workers) if workers > 1 else map(work, things)

    def _looked_at(self, records: Mapping[int, Record]) -> list[Look]:
        """Look at records by what is remembered of their pictures, and remember what was found out."""
        hashes = [record.content_hash for record in records.values() if record.content_hash]
        smalls, features = (self._store.remembered(kind, hashes) for kind in (_SMALL, _FEATURES))
        vectors = {space.name: self._store.vectors(space.name, list(records)) for space in self._store.spec.spaces}

        def look_at(key: int) -> tuple[Look, bytes | None]:
            record = records[key]
            held: dict[str, Any] = {name: column[key] for name, column in vectors.items() if key in column}
            small = smalls.get(record.content_hash) or self._small(record)
            look = look_of(
                self._pixels(small),
                content_hash=record.content_hash or f"no bytes: {key}",
                format=record.format,
                size_px=record.size_px,
                vectors=held,
                features=_read(features.get(record.content_hash)),
                pixel_hash=lambda: self._in_full(record, self._describer.pixel_hash),
                close_pixels=lambda side_px: self._in_full(
                    record, lambda source: self._describer.close_pixels(source, side_px)
                ),
            )
            if look.view is not None:
                look.view.features  # noqa: B018 - found now, on this thread
            return look, small

        with self._store.apart():
            seen = list(self._on_threads(look_at, records))
        new = [
            (record.content_hash, look.view, small)
            for record, (look, small) in zip(records.values(), seen, strict=True)
            if record.content_hash and look.view is not None and record.content_hash not in features
        ]
        if new:
            self._store.remember(_FEATURES, {name: bytes(view.features) for name, view, _ in new})
            self._store.remember(_SMALL, {name: small for name, _, small in new if small is not None})
        return [look for look, _ in seen]

    def _pixels(self, small: bytes | None) -> Any:
        if small is None:
            return None
        try:
            return intake.read(small, limits=self._describer.settings.limits).pixels
        except SourceError:
            return None

    def _small(self, record: Record) -> bytes | None:
        """Give a small JPEG of what was indexed: the one that is kept, or one made from the source file."""
        kept = self._store.thumbnail(record.id)
        if kept is not None:
            return kept
        data = self._file_bytes(record)
        try:
            return None if data is None else self._describer.thumbnail(data, THUMBNAIL_SIDE_PX)
        except SourceError:
            return None

    def _in_full(self, record: Record, make: Callable[[Any], Made]) -> Made | None:
        """Make something of the picture in full size, where the collection keeps it or the file is what it was."""
        try:
            data = self._store.original(record.id)
        except StoreDamagedError:
            data = None
        data = self._file_bytes(record) if data is None else data
        try:
            return None if data is None else make(data)
        except SourceError:
            return None

    def _file_bytes(self, record: Record) -> bytes | None:
        """Read the source file; None where it does not hold the very bytes that were indexed."""
        if not record.source or not os.path.isabs(record.source) or not os.path.isfile(record.source):
            return None
        try:
            data, _ = intake.read_bytes(record.source, limits=self._describer.settings.limits)
        except (OSError, SourceError):
            return None
        return data if hashlib.sha256(data).hexdigest() == record.content_hash else None


def _written(kind: Kind, *, turned: bool) -> bytes:
    """Write what a pair is, for the one whose bytes have the lower hash first."""
    padded = kind.padded[::-1] if turned else kind.padded
    return f"{kind.name}:{'a' * padded[0]}{'b' * padded[1]}".encode()


def _read_kind(data: bytes, *, turned: bool) -> Kind:
    name, _, padded = data.decode().partition(":")
    a, b = "a" in padded, "b" in padded
    return Kind(name, (b, a) if turned else (a, b))


def _read(data: bytes | None) -> Features | None:
    """Read remembered features; None where they are damaged, or of another version."""
    if data is None:
        return None
    try:
        return read_features(data)
    except LookalikeError:
        return None


class CopyJudge:
    """Says which records are copies: nobody has decided on the pair, and geometry says that it is the same picture.

    Args:
        verifier: None to believe every score.
        least: The score that is believed where there are no pictures to look at.
        is_decided: Says of two keys that nobody needs to be asked about them; such are no copies.
    """

    def __init__(
        self, verifier: Verifier | None, *, least: float, is_decided: Callable[[int, int], bool] | None = None
    ) -> None:
        self._verifier, self._least, self._is_decided = verifier, least, is_decided
        self._kinds: dict[tuple[int, int], Kind | None] = {}

    def prepare(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Look at pairs side by side."""
        if self._verifier is not None:
            if len(self._kinds) > _KINDS_KEPT:
                self._kinds.clear()  # of records that have joined by now, nobody asks again
            new = [pair for pair in pairs if pair not in self._kinds and not self._are_decided(*pair)]
            self._kinds.update(self._verifier.kinds(new))

    def relation(self, center: int, key: int, score: float) -> str | None:
        """Give the relation of a record to a center; "" for a copy of no known relation, None for no copy."""
        if self._are_decided(center, key):
            return None
        if self._verifier is None:
            return ""
        kind = self._kind(self._verifier, center, key)
        if kind is None:
            return "" if score >= self._least else None
        return kind.name if kind.name in SAME_PICTURE else None

    def are_apart(self, key: int, others: Sequence[int]) -> bool:
        """Say whether a record must not be shown together with one of some others: people have decided on the two."""
        return self._is_decided is not None and any(self._is_decided(key, other) for other in others)

    def is_padded(self, key: int, other: int) -> bool:
        """Say whether a record shows another, which it is a copy of, with a border or a page around it."""
        kind = None if self._verifier is None else self._kind(self._verifier, key, other)
        return kind is not None and kind.padded[0]

    def _kind(self, verifier: Verifier, a: int, b: int) -> Kind | None:
        if (b, a) in self._kinds:
            kind = self._kinds[b, a]
            return kind and kind._replace(padded=kind.padded[::-1])
        if (a, b) not in self._kinds:
            self._kinds.update(verifier.kinds([(a, b)]))
        return self._kinds[a, b]

    def _are_decided(self, center: int, key: int) -> bool:
        return self._is_decided is not None and self._is_decided(center, key)
