"""Verification: the relations of stored records to a picture, or to each other, by what is kept of them.

A record is looked at by the picture itself, where it is kept or its file still holds the bytes that were indexed: thus
all doors see the same, and what is remembered by content was made from it. Else by its kept thumbnail. Without either
only its bytes and vectors speak.
The last few looks are kept in memory, as finding the local features of a picture takes longer than comparing two.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ...distances import ScoreCurve
from ...errors import ImageTooLargeError, LookalikeError, SourceError, StoreDamagedError
from ...geometry import read_features, read_traces, square_version, traces_of
from ..features.picture_features import PictureFeatures, small_picture_of
from ..features.threads import in_order
from ..ingest.local_files import bytes_of, path_of
from .originals import SMALL_QUALITY, Traits
from .rules import relate
from .verdicts import Verdict, verdict_of

if TYPE_CHECKING:
    from ...answers import Relation
    from ...arrays import U8
    from ...geometry import Features, Traces
    from ...records import Record
    from ...stores import FullRecord, Records
    from ..features.describer import Describer, Description

KINDS_KEPT = 4096  # of pairs that were looked at last
_LOOKS_KEPT = 400  # of about 0.3 MB each
_PICTURED_KEPT = 100_000  # records of which is known that there is a picture
_LEAST_SQUARES, _MOST_SQUARES = 3, 2000  # members of a group; 27 KB each
_TRACES = "traces 1"
_SMALL, _FEATURES, _KINDS = "small 3", "features 3", "kind 16"  # what is remembered; the number is that of its form

_WHOLE = 0.97  # of the area; what shows less of another's picture shows a part of it
_OTHER_COLORS = "other colors"  # a red mug is not a copy of the blue one, whatever its shape

T = TypeVar("T")
Made = TypeVar("Made")


class Kind(NamedTuple):
    """What a pair is: the relation or "other colors", who is padded or shows a part only, and how sure it is."""

    name: str
    padded: tuple[bool, bool]
    confidence: float
    is_part: tuple[bool, bool] = (False, False)

    def turned(self) -> Kind:
        """Return the same of the two in the other order."""
        return self._replace(padded=self.padded[::-1], is_part=self.is_part[::-1])


def features_of(describer: Describer, seen: Description, source: Any) -> PictureFeatures:
    """Return the features of a picture that was just described, with its small version."""
    return PictureFeatures(
        content_hash=seen.content_hash,
        format=seen.format,
        size_px=seen.size_px,
        vectors=seen.vectors,
        view=small_picture_of(seen.pixels),
        pixel_hash=lambda: _unless_too_large(lambda: describer.pixel_hash(source)),
        close_pixels=lambda side_px: _unless_too_large(lambda: describer.close_pixels(source, side_px)),
        frames=seen.facts.frames,
    )


def _unless_too_large(make: Callable[[], Made]) -> Made | None:
    """Make something of a picture in full size; None for one that is read reduced alone, as it is too large."""
    try:
        return make()
    except ImageTooLargeError:
        return None


class Verifier:
    """Relates the records of one collection. May be used from many threads.

    Args:
        thumbnail: Gives a small JPEG of a record to show, by its id, or None.
        maps: Gives what scores mean in the collection, by space.
    """

    def __init__(
        self,
        store: Records,
        describer: Describer,
        thumbnail: Callable[[str], bytes | None],
        maps: Callable[[], Mapping[str, ScoreCurve]],
    ) -> None:
        self._store, self._describer, self.thumbnail, self._maps = store, describer, thumbnail, maps
        self._looks: OrderedDict[int, PictureFeatures] = OrderedDict()
        self._pictured: OrderedDict[int, None] = OrderedDict()  # keys; one whose picture is gone is seen when looked at
        self._lock = threading.Lock()

    def look(self, key: int) -> PictureFeatures | None:
        """Return the features of a stored record; None when it is not there."""
        return self.looks([key]).get(key)

    def looks(self, keys: Sequence[int]) -> dict[int, PictureFeatures]:
        """Return the features of those stored records that are there.

        Cost: 1 ms for each; 40 ms of one core for a picture that was never looked at before.
        """
        with self._lock:
            found = {key: self._looks[key] for key in keys if key in self._looks}
        missing = [key for key in keys if key not in found]
        kept = self._store.entries(missing, remembered=(_SMALL, _FEATURES)) if missing else {}
        fresh = dict(zip(kept, self._looked_at(kept), strict=True))
        with self._lock:
            for key, look in {**fresh, **found}.items():  # those that were here are the last to go
                self._looks[key] = look
                self._looks.move_to_end(key)
            while len(self._looks) > _LOOKS_KEPT:
                self._looks.popitem(last=False)
        return {**found, **fresh}

    def verdicts(
        self, look: PictureFeatures, keys: Sequence[int], *, maps: Mapping[str, ScoreCurve] | None = None
    ) -> dict[int, Verdict]:
        """Judge stored records against a picture; those are left out that are not there, or have no vectors.

        Args:
            maps: What scores mean, where the caller knows it already.

        Cost: about 15 ms of one core for each, beside their looks. Call it outside a snapshot, which it would hold.
        """
        return self._judged(look, self.looks(keys), maps)

    def verdicts_of(
        self, key: int, others: Sequence[int], *, maps: Mapping[str, ScoreCurve] | None = None
    ) -> dict[int, Verdict]:
        """Judge stored records against a stored one, as `verdicts` does; empty when that one is not there."""
        looks = self.looks(list(dict.fromkeys([key, *others])))
        return {} if key not in looks else self._judged(looks[key], {o: looks[o] for o in others if o in looks}, maps)

    def _judged(
        self, look: PictureFeatures, looks: Mapping[int, PictureFeatures], maps: Mapping[str, ScoreCurve] | None
    ) -> dict[int, Verdict]:
        maps = self._maps() if maps is None else maps
        found = list(self._on_threads(lambda key: verdict_of(look, looks[key], maps), looks))
        return {key: verdict for key, verdict in zip(looks, found, strict=True) if verdict is not None}

    def kinds(self, pairs: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Kind | None]:
        """Return what pairs of pictured records are; None where one turns out to have no picture to look at.

        What was found once is remembered with the two pictures' bytes.
        """
        records = self._store.records(list({key for pair in pairs for key in pair}))
        hashes = {pair: [one.content_hash for key in pair if (one := records.get(key))] for pair in pairs}
        names = {pair: ":".join(sorted(both)) for pair, both in hashes.items() if len(both) == 2 and all(both)}
        held = self._store.remembered(_KINDS, list(names.values()))
        is_turned = {pair: both != sorted(both) for pair, both in hashes.items()}
        found: dict[tuple[int, int], Kind | None] = {
            pair: _read_kind(held[name], turned=is_turned[pair]) for pair, name in names.items() if name in held
        }
        seen = self._kinds_seen([pair for pair in pairs if pair not in found])
        fresh = {
            names[pair]: _written(kind, turned=is_turned[pair])
            for pair, kind in seen.items()
            if kind is not None and pair in names
        }
        if fresh:
            self._store.remember(_KINDS, fresh)
        return {**found, **seen}

    def traits(self, keys: Sequence[int]) -> dict[int, Traits]:
        """Describe stored copies of one picture what says when each was made; see `originals`.

        Where one of them cannot be had in full size, all are measured by their small versions, which compare.

        Cost: decoding in full size, and 25 ms, for a picture that was never measured before.
        """
        records = self._store.records(keys)
        hashes = [record.content_hash for record in records.values() if record.content_hash]
        held = {name: _read_traces(data) for name, data in self._store.remembered(_TRACES, hashes).items()}

        def measure(key: int) -> tuple[Traces, int | None] | None:
            record = records[key]
            return held.get(record.content_hash) or self._in_full(record, self._describer.traces)

        seen = dict(zip(records, self._on_threads(measure, records), strict=True))
        fresh = {
            records[key].content_hash: bytes(found[0]) + bytes([found[1] or 0])
            for key, found in seen.items()
            if found is not None and records[key].content_hash and records[key].content_hash not in held
        }
        if fresh:
            self._store.remember(_TRACES, fresh)
        traces: dict[int, Traces | None] = {key: found and found[0] for key, found in seen.items()}
        if not all(seen.values()):
            looks = self.looks(list(records))
            views = {key: look.view for key, look in looks.items()}
            traces = {
                key: None if view is None else traces_of(view.pixels, SMALL_QUALITY) for key, view in views.items()
            }
        squares = self._squares(list(records))
        return {
            key: Traits(
                record.size_px[0] * record.size_px[1],
                record.format,
                found[1] if (found := seen[key]) else None,
                record.facts,
                traces.get(key),
                record.byte_size,
                record.size_px,
                squares.get(key),
            )
            for key, record in records.items()
        }

    def _squares(self, keys: Sequence[int]) -> dict[int, U8]:
        """Return squares of pictures, of which all are compared with each other; none of two, or of very many."""
        if not _LEAST_SQUARES <= len(keys) <= _MOST_SQUARES:
            return {}
        found = {}
        for start in range(0, len(keys), _LOOKS_KEPT):
            looks = self.looks(keys[start : start + _LOOKS_KEPT])
            found.update({key: square_version(one.view.pixels) for key, one in looks.items() if one.view is not None})
        return found

    def pictured(self, keys: Collection[int]) -> dict[int, bool]:
        """Return of records whether there is anything to look at: a kept thumbnail, or the file that they came from."""
        records = self._store.records(list(keys))
        return {key: key in records and self._is_pictured(key, records[key]) for key in keys}

    def _kinds_seen(self, pairs: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Kind | None]:
        looks = self.looks(list(dict.fromkeys(key for pair in pairs for key in pair)))

        def kind_of(pair: tuple[int, int]) -> Kind | None:
            a, b = (looks.get(key) for key in pair)
            if a is None or b is None:
                return None
            if a.content_hash != b.content_hash and (a.view is None or b.view is None):
                return None
            found = relate(a, b)
            if found is None:
                return None
            name = _OTHER_COLORS if found.other_colors else found.kind
            return Kind(name, _padded(found, a, b), found.confidence, _parts(found, a, b))

        return dict(zip(pairs, self._on_threads(kind_of, pairs), strict=True))

    def _is_pictured(self, key: int, record: Record) -> bool:
        with self._lock:
            if key in self._pictured:
                return True
        path = path_of(record)
        is_file = path is not None and os.path.exists(path)
        if not is_file and self._store.thumbnail(record.id) is None:  # of what is kept whole, there is one, too
            return False  # not remembered: the next moment a disk may be there again
        with self._lock:
            self._pictured[key] = None
            while len(self._pictured) > _PICTURED_KEPT:
                self._pictured.popitem(last=False)
        return True

    def _on_threads(self, work: Callable[[T], Made], things: Collection[T]) -> Iterator[Made]:
        workers = min(self._describer.settings.workers, len(things))
        return in_order(work, things, workers=workers) if workers > 1 else map(work, things)

    def _looked_at(self, kept: Mapping[int, FullRecord]) -> list[PictureFeatures]:
        """Look at records by what is remembered of their pictures, and remember what was found out."""

        def features_of(key: int) -> tuple[PictureFeatures, bytes | None]:
            one = kept[key]
            record, is_kept = one.entry.record, one.has_original
            small = one.remembered.get(_SMALL) or self._small(one)
            look = PictureFeatures(
                content_hash=record.content_hash or f"no bytes: {key}",
                format=record.format,
                size_px=record.size_px,
                vectors=one.entry.vectors,
                view=small_picture_of(self._pixels(small), _read(one.remembered.get(_FEATURES))),
                pixel_hash=lambda: self._in_full(record, self._describer.pixel_hash, is_kept=is_kept),
                close_pixels=lambda side_px: self._in_full(
                    record, lambda source: self._describer.close_pixels(source, side_px), is_kept=is_kept
                ),
                frames=record.facts.frames,
            )
            if look.view is not None:
                look.view.features  # noqa: B018 - found now, on this thread
            return look, small

        seen = list(self._on_threads(features_of, kept))
        new = [
            (one.entry.record.content_hash, look.view, small)
            for one, (look, small) in zip(kept.values(), seen, strict=True)
            if one.entry.record.content_hash and look.view is not None and _FEATURES not in one.remembered
        ]
        if new:
            self._store.remember(_FEATURES, {name: bytes(view.features) for name, view, _ in new})
            self._store.remember(_SMALL, {name: small for name, _, small in new if small is not None})
        return [look for look, _ in seen]

    def _pixels(self, small: bytes | None) -> Any:
        if small is None:
            return None
        try:
            return self._describer.decoded(small)
        except SourceError:
            return None

    def _small(self, one: FullRecord) -> bytes | None:
        """Make the small version of what was indexed; else give the thumbnail that is kept of it."""
        made = self._in_full(one.entry.record, self._describer.small, is_kept=one.has_original)
        if made is not None or not one.has_thumbnail:
            return made
        return self._store.thumbnail(one.entry.record.id)

    def _in_full(self, record: Record, make: Callable[[Any], Made], *, is_kept: bool = True) -> Made | None:
        """Make something of the picture in full size, where the collection keeps it or its file still holds it.

        Args:
            is_kept: False where it is known that the collection does not keep it.
        """
        try:
            data = self._store.original(record.id) if is_kept else None
        except StoreDamagedError:
            data = None
        data = bytes_of(record, self._describer.settings.limits) if data is None else data
        try:
            return None if data is None else make(data)
        except SourceError:
            return None


def _shares(found: Relation, a: PictureFeatures, b: PictureFeatures) -> tuple[float, float] | None:
    """Measure how much of each of two pictures the other shows, as shares of their areas; None without a map."""
    if found.transform is None:
        return None
    boxes = ((found.transform.crop_a, a.size_px), (found.transform.crop_b, b.size_px))
    shown_a, shown_b = (box[2] * box[3] / (size[0] * size[1]) for box, size in boxes)
    return shown_a, shown_b


def _padded(found: Relation, a: PictureFeatures, b: PictureFeatures) -> tuple[bool, bool]:
    """Return which of two pictures has something around it: of two that have, the one with more of it."""
    shares = _shares(found, a, b)
    if shares is None or not all(found.padded):
        return found.padded
    return (shares[0] < shares[1], shares[1] < shares[0])


def _parts(found: Relation, a: PictureFeatures, b: PictureFeatures) -> tuple[bool, bool]:
    """Return of two pictures that are the same whether one shows a part of the other: which has more around it."""
    shares = _shares(found, a, b)
    if shares is None:
        return (False, False)
    more = [share < _WHOLE and not padded for share, padded in zip(shares, found.padded, strict=True)]
    return (more[1] and not more[0], more[0] and not more[1])


def _written(kind: Kind, *, turned: bool) -> bytes:
    """Write what a pair is, for the one whose bytes have the lower hash first."""
    told = kind.turned() if turned else kind
    marks = zip("abcd", (*told.padded, *told.is_part), strict=True)
    return f"{told.name}:{''.join(mark for mark, holds in marks if holds)}:{told.confidence!r}".encode()


def _read_kind(data: bytes, *, turned: bool) -> Kind:
    name, marks, confidence = data.decode().split(":")
    a, b, c, d = (mark in marks for mark in "abcd")
    kind = Kind(name, (a, b), float(confidence), (c, d))
    return kind.turned() if turned else kind


def _read_traces(data: bytes) -> tuple[Traces, int | None] | None:
    found = read_traces(data[:-1])
    return None if found is None else (found, data[-1] or None)


def _read(data: bytes | None) -> Features | None:
    """Read remembered features; None where they are damaged, or of another version."""
    if data is None:
        return None
    try:
        return read_features(data)
    except LookalikeError:
        return None
