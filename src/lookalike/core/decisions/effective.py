"""The decisions that are in force, for the records of one collection.

Decisions are about pictures, and a collection holds records; which record is which picture is found in this order:

1. **The same bytes.** Every record of them is meant; the last decision counts. Only where two files with the same bytes
   lay side by side, the place tells them apart, or the place that a record moved from; one of which that is not known
   takes the decision that is left over.
2. **Saved anew.** A picture whose bytes no record has any more may be a record whose bytes nobody decided on: the one
   at its place if their signs agree, else one whose signs agree closely. Each picture is one record at most, and each
   record one picture. So while a picture is there itself, a third copy of it is never taken for it. The ledger notes
   what was found so (`Decisions.follow`), and from then on the new bytes tell it.

A deletion holds only where one of the pictures is that it gives way to. Pairs follow: two records are decided on when
one is to go, when both were kept side by side, or when they were said to be different.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, cast

from ..features.fingerprints import ANYWHERE, AT_PLACE, Fingerprint, agree, fingerprints_of, hash_bits, hue_distance
from ..features.spaces import HASH_SPACE
from ..scores.unions import root

if TYPE_CHECKING:
    from ...stores import Store
    from .ledger import Choice, Event

_LIKELY = 16  # records that are looked at for a picture whose bytes are gone
_RECORDS_READ = 1000

Pair = frozenset[str]  # of names of pictures; one for two files with the same bytes


class Pairs:
    """Pairs of pictures, kept as the groups that they come from: room for each picture, and not for each pair."""

    def __init__(self) -> None:
        self._groups: dict[str, dict[int, tuple[int, int]]] = defaultdict(dict)  # name -> group -> times in it
        self._count = 0

    def add(self, ours: Iterable[str], others: Iterable[str] = ()) -> None:
        """Add the pairs among `ours`, and those of one of `ours` and one of `others`; by names, which may repeat."""
        self._count += 1
        for place, names in enumerate((ours, others)):
            for name in names:
                times = list(self._groups[name].get(self._count, (0, 0)))
                times[place] += 1
                self._groups[name][self._count] = times[0], times[1]

    def joined(self) -> dict[str, str]:
        """Return for each name the one that stands for all names which are joined to it by groups."""
        above: dict[str | int, str | int] = {}
        for name in sorted(self._groups):
            for group in self._groups[name]:
                first, second = root(above, name), root(above, group)
                if first != second:
                    above[second] = first
        return {name: str(root(above, name)) for name in self._groups}

    def __contains__(self, pair: object) -> bool:
        names = sorted(pair) if isinstance(pair, frozenset) else []
        groups = [self._groups.get(name, {}) for name in names]
        if len(names) == 1:  # two files with one name
            return any(ours and ours + others > 1 for ours, others in groups[0].values())
        few, many = sorted(groups, key=len) if len(names) == 2 else ({}, {})
        return any(group in many and (few[group][0] or many[group][0]) for group in few)


@dataclass(frozen=True)
class Verdicts:
    """What the effective events say about pictures; a picture's name is the first content hash that it had.

    Attributes:
        names: The name of each content hash.
        last: The last event on each picture that keeps it, deletes it or puts it off; None where it was only looked at.
        together: Pairs that were looked at side by side.
        different: Pairs that are not duplicates.
        carried_out: The deletions that were carried out, each with its picture.
    """

    names: Mapping[str, str]
    last: Mapping[Fingerprint, Event | None]
    together: Pairs
    different: Pairs
    carried_out: frozenset[tuple[str, Fingerprint]]

    def kind(self, picture: Fingerprint) -> str | None:
        """Return what becomes of a picture."""
        event = self.last[picture]
        return None if event is None else event.kind

    def is_carried_out(self, picture: Fingerprint) -> bool:
        """Return whether it was deleted because of its last event."""
        event = self.last[picture]
        return event is not None and (event.id, picture) in self.carried_out

    @cached_property
    def hashes(self) -> Mapping[str, tuple[str, ...]]:
        """All content hashes of each picture, by its name."""
        found: dict[str, list[str]] = defaultdict(list)
        for content_hash, name in self.names.items():
            found[name].append(content_hash)
        return {name: tuple(ones) for name, ones in found.items()}


@dataclass(frozen=True)
class EffectiveDecisions:
    """What stands for the records of one collection, by key.

    Attributes:
        last: The last event on a record that keeps it, deletes it or puts it off; None where it was only looked at.
        names: The name of the picture that a record is.
        saved_anew: The records that are known by their signs alone.
    """

    verdicts: Verdicts
    last: Mapping[int, Event | None]
    names: Mapping[int, str]
    saved_anew: tuple[int, ...]

    def kind(self, key: int) -> Choice | None:
        """Return what becomes of a record: "keep", "delete" or "later"; None where nobody said."""
        event = self.last.get(key)
        return None if event is None else cast("Choice", event.kind)

    def is_decided(self, key: int, other: int) -> bool:
        """Return whether nobody needs to be asked about this pair again."""
        kinds = self.kind(key), self.kind(other)
        if "delete" in kinds or self.are_different(key, other):
            return True
        return kinds == ("keep", "keep") and self._pair(key, other) in self.verdicts.together

    def are_different(self, key: int, other: int) -> bool:
        """Return whether people said that two records are not duplicates."""
        return self._pair(key, other) in self.verdicts.different

    def keys_of(self, pictures: Iterable[Fingerprint]) -> list[int]:
        """Return the keys of the records that are these pictures, rising."""
        names = {self.verdicts.names[picture.content_hash] for picture in pictures}
        return sorted(key for name in names for key in self._keys.get(name, ()))

    def fingerprints(self, store: Store, keys: Sequence[int]) -> dict[int, Fingerprint]:
        """Return the fingerprints to decide with: one that was saved anew says what it was before."""
        found = fingerprints_of(store, keys)
        for key, known in found.items():
            every = self.verdicts.hashes.get(self.names.get(key, ""), ())
            found[key] = replace(known, before=tuple(one for one in every if one != known.content_hash))
        return found

    def _pair(self, key: int, other: int) -> Pair | None:
        if key not in self.names or other not in self.names:
            return None
        return frozenset((self.names[key], self.names[other]))

    @cached_property
    def settled(self) -> tuple[tuple[int, ...], ...]:
        """The keys of the records, by groups that were looked at together, of which nothing is left to decide."""
        joined = self.verdicts.together.joined()
        groups: dict[str, list[int]] = defaultdict(list)
        for key, name in self.names.items():
            if name in joined:
                groups[joined[name]].append(key)
        return tuple(tuple(sorted(keys)) for keys in groups.values() if len(keys) > 1 and self._is_settled(keys))

    def _is_settled(self, keys: Sequence[int]) -> bool:
        first, *others = sorted(keys, key=lambda key: (self.kind(key) == "delete", key))
        return all(self.is_decided(first, other) for other in others)

    @cached_property
    def _keys(self) -> Mapping[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        for key, name in self.names.items():
            found[name].append(key)
        return found


def verdicts_of(events: Sequence[Event]) -> Verdicts:
    """Read effective events, given in their order."""
    names = _names(picture for event in events for picture in (*event.pictures, *event.beside))
    last: dict[Fingerprint, Event | None] = {}
    together, different = Pairs(), Pairs()
    carried_out: set[tuple[str, Fingerprint]] = set()
    for event in events:
        if event.kind == "applied":
            carried_out.update((about, picture) for about in event.about for picture in event.pictures)
            continue
        if event.kind == "saved_anew":  # its names say it all
            continue
        ours, others = ([names[one.content_hash] for one in seen] for seen in (event.pictures, event.beside))
        if event.kind == "not_a_duplicate":
            different.add(ours)
        together.add(ours, others)
        for picture in (*event.pictures, *event.beside):
            last.setdefault(picture, None)
        if event.kind in ("keep", "delete", "later"):
            last.update(dict.fromkeys(event.pictures, event))
    return Verdicts(names, last, together, different, frozenset(carried_out))


def effective_in(store: Store, verdicts: Verdicts) -> EffectiveDecisions:
    """Find the records of a store that the verdicts are about.

    Cost: two look-ups for each picture that was decided on, and a search by hash for each that is gone.
    """
    pictures: dict[str, list[Fingerprint]] = defaultdict(list)
    for picture in verdicts.last:
        pictures[verdicts.names[picture.content_hash]].append(picture)
    last: dict[int, Event | None] = {}
    names: dict[int, str] = {}
    gone: list[Fingerprint] = []
    for name, ours in pictures.items():
        keys = sorted(key for content_hash in verdicts.hashes[name] for key in store.keys_of_hash(content_hash))
        names.update(dict.fromkeys(keys, name))
        if not keys:
            gone += (picture for picture in ours if not verdicts.is_carried_out(picture))
        elif frozenset((name,)) in verdicts.together:  # two files with the same bytes lay side by side
            here, left_over = _by_place(store, verdicts, keys, ours)
            last.update(here)
            gone += left_over
        else:
            last.update(dict.fromkeys(keys, _latest(verdicts, ours)))
    saved_anew = _saved_anew(store, verdicts, gone)
    for key, picture in saved_anew.items():
        last[key], names[key] = verdicts.last[picture], verdicts.names[picture.content_hash]
    return EffectiveDecisions(verdicts, last | _void(verdicts, last, names), names, tuple(sorted(saved_anew)))


def _void(verdicts: Verdicts, last: Mapping[int, Event | None], names: Mapping[int, str]) -> dict[int, Event | None]:
    """Return the records whose deletion means nothing here: none of the pictures that they give way to is there."""
    there = Counter(names.values())
    found: dict[int, Event | None] = {}
    for key, event in last.items():
        if event is not None and event.kind == "delete" and event.beside:
            kept = {verdicts.names[one.content_hash] for one in event.beside}
            if not any(there[name] > (name == names[key]) for name in kept):
                found[key] = None
    return found


def _names(pictures: Iterable[Fingerprint]) -> dict[str, str]:
    """Name each content hash by the first that its picture had."""
    names: dict[str, str] = {}
    for picture in pictures:
        hashes = (*picture.before, picture.content_hash)
        held = {names[one] for one in hashes if one in names}
        name = next((names[one] for one in hashes if one in names), hashes[0])
        if len(held) > 1:  # two machines knew it by different names
            names = {one: name if other in held else other for one, other in names.items()}
        names.update(dict.fromkeys(hashes, name))
    return names


def _by_place(
    store: Store, verdicts: Verdicts, keys: list[int], pictures: list[Fingerprint]
) -> tuple[dict[int, Event | None], list[Fingerprint]]:
    """Return the verdict on each record of the same bytes, and the pictures that are none of these records."""
    records = store.records(keys)
    found: dict[int, Event | None] = {}
    left = [picture for picture in pictures if not verdicts.is_carried_out(picture)]
    for key, record in records.items():
        at = [picture for picture in pictures if picture.is_at(record)]
        if at:
            found[key] = _latest(verdicts, at)
            left = [picture for picture in left if picture not in at]
    for key, record in records.items():
        came = [picture for picture in left if picture.was_at(record)] if key not in found else []
        if came:
            found[key] = _latest(verdicts, came)
            left = [picture for picture in left if picture not in came]
    moved = sorted((key for key in records if key not in found), key=lambda key: records[key].id)
    left.sort(key=lambda picture: verdicts.kind(picture) == "delete")  # when only one is left, it is the kept one
    found |= {key: verdicts.last[picture] for key, picture in zip(moved, left, strict=False)}
    return found, left[len(moved) :]


def _latest(verdicts: Verdicts, pictures: Iterable[Fingerprint]) -> Event | None:
    events = [event for event in (verdicts.last[picture] for picture in pictures) if event is not None]
    return max(events, key=lambda event: (event.at, event.id), default=None)


def _saved_anew(store: Store, verdicts: Verdicts, gone: list[Fingerprint]) -> dict[int, Fingerprint]:
    """Find which records are pictures whose bytes are gone: the surest links first, each side once."""
    if not gone:
        return {}
    candidates = _candidates(store, gone)
    now: dict[int, Fingerprint] = {}
    keys = sorted({key for _, key in candidates})
    for start in range(0, len(keys), _RECORDS_READ):
        now |= fingerprints_of(store, keys[start : start + _RECORDS_READ])
    free = {key: one for key, one in now.items() if one.content_hash not in verdicts.names}
    links = []
    for place, key in candidates:
        if key in free and (closeness := _closeness(gone[place], free[key])) is not None:
            links.append((closeness, place, key))
    linked: dict[int, Fingerprint] = {}
    taken: set[int] = set()
    for _, place, key in sorted(links):
        if key not in linked and place not in taken:
            linked[key] = gone[place]
            taken.add(place)
    return linked


def _candidates(store: Store, gone: list[Fingerprint]) -> set[tuple[int, int]]:
    """Return the records that may be pictures whose bytes are gone, as (place in `gone`, key)."""
    import numpy as np

    at_place = store.keys([picture.id for picture in gone])
    found = {(place, at_place[picture.id]) for place, picture in enumerate(gone) if picture.id in at_place}
    hashed = [place for place, picture in enumerate(gone) if picture.hash]
    if not hashed or HASH_SPACE not in {space.name for space in store.spec.spaces}:
        return found
    hashes = np.stack([np.frombuffer(gone[place].hash, np.uint8) for place in hashed])  # (q, 8)
    near = store.neighbors(HASH_SPACE, hashes, _LIKELY, max_distance=ANYWHERE.hash_bits)
    for place, keys, count in zip(hashed, near.keys.tolist(), near.counts.tolist(), strict=True):
        found.update((place, key) for key in keys[:count])
    return found


def _closeness(before: Fingerprint, now: Fingerprint) -> tuple[bool, int, float, int] | None:
    """Return how sure it is that one picture is the other, saved anew: the less, the surer; None where it is not."""
    is_elsewhere = not before.is_at(now)
    if not agree(before, now, ANYWHERE if is_elsewhere else AT_PLACE):
        return None
    growth = abs(before.size_px[0] - now.size_px[0]) + abs(before.size_px[1] - now.size_px[1])
    return is_elsewhere, hash_bits(before, now), round(hue_distance(before, now), 6), growth
