"""Labels: which records belong together, as their owner says it by a metadata field or by pairs of ids.

Three ways to say it:

    field     records with one value in it belong together, each asked for the others
    match     the field of a copy names the record that it was made of; an empty text: of none that is here
    pairs     (a, b, same). With pairs of both kinds only those pairs are judged, since nothing is known of the rest.
              With pairs that are the same alone, `a` is asked for its `b`s, and all the rest is taken for different.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError, LookalikeError
from ...records import Failure
from ...rendering import counted
from ..search.groups import group_of, refuse_unknown, value_at

if TYPE_CHECKING:
    from ...arrays import I64
    from ...stores import Records

_SHOWN = 5  # wrong pairs that an error names


@dataclass(frozen=True)
class LabelledPair:
    """What somebody says of two records; `place` is where it stands, for those who have to mend it."""

    a: str
    b: str
    same: bool = True
    place: str = ""


@dataclass(frozen=True, eq=False)
class Labels:
    """What belongs together, by key.

    Attributes:
        told: How it was said, for people.
        is_copies: Whether "belongs together" means to be the same picture.
        right: Key of each query to the keys (rising) of what belongs to it; its own may be among them.
        wrong: Key of each query to the keys that do not; None: all that is not right.
        alone: Labelled records that nothing else belongs to, and that nobody says to be alone: not asked.
        failed: Pairs that say nothing, as their ids are not there.
    """

    told: str
    is_copies: bool
    right: Mapping[int, I64]
    wrong: Mapping[int, I64] | None = None
    alone: int = 0
    failed: tuple[Failure, ...] = ()


def read_labels(
    store: Records,
    *,
    label: str | None = None,
    match: str | None = None,
    pairs: Iterable[LabelledPair | LookalikeError | Sequence[Any]] | None = None,
) -> Labels:
    """Read the labels that are named in one of the three ways.

    Raises:
        InputError: when not exactly one is named, or it says nothing.
    """
    if sum(given is not None for given in (label, match, pairs)) != 1:
        raise InputError(
            "name one thing to judge by: `label` (a field that says what belongs together), `match` (a field that "
            "names the original of a copy) or `pairs` (two ids, and whether they are the same)."
        )
    if label is not None:
        return labels_of_field(store, label)
    return labels_of_match(store, match) if match is not None else labels_of_pairs(store, pairs or ())


def labels_of_field(store: Records, field: str) -> Labels:
    """Read the labels of a metadata field; a record without it is asked nothing, and belongs to nothing.

    Raises:
        InputError: when no record holds the field, when all hold the same, and when no two do.
    """
    groups: dict[Hashable, list[str]] = defaultdict(list)
    for record in store.scan():
        if value_at(record, field) is not None:
            groups[group_of(record, field)].append(record.id)
    if not groups:
        raise _no_value(store, field, "label")
    if len(groups) == 1:
        raise InputError(
            f'all records with the field "{field}" hold the same there: nothing tells right from wrong. Name a field '
            "with two values or more."
        )
    return _grouped(store, groups.values(), f'field "{field}"')


def labels_of_match(store: Records, field: str) -> Labels:
    """Read the labels of a field in which copies name their original; they are asked, the originals are not.

    Raises:
        InputError: when no record holds the field, or none names a record that is there.
    """
    copies = {record.id: value_at(record, field) for record in store.scan()}
    copies = {id: original for id, original in copies.items() if original is not None}
    if not copies:
        raise _no_value(store, field, "match")
    keys = store.keys([*copies, *map(str, copies.values())])
    if not any(str(original) in keys for original in copies.values()):
        raise InputError(f'no value of the field "{field}" is the id of a record: it has to name a copy\'s original.')
    families: dict[str, list[int]] = defaultdict(list)
    for id, original in copies.items():
        families[str(original)].append(keys[id])
    whole = {name: _rising([*members, *([keys[name]] if name in keys else [])]) for name, members in families.items()}
    nothing = np.empty(0, np.int64)
    right = {keys[id]: whole[str(original)] if original != "" else nothing for id, original in copies.items()}
    failed = tuple(
        Failure(id, "record_not_found", f'"{id}": no record "{str(name)[:80]}". Leave the field empty.')
        for id, name in copies.items()
        if name != "" and str(name) not in keys
    )
    if not any(len(members) > 1 for members in right.values()):
        raise InputError(
            f'no value of the field "{field}" is the id of a record: it has to name the original of a copy.'
        )
    missing = {keys[failure.source] for failure in failed}
    return Labels(f'originals in "{field}"', True, {k: v for k, v in right.items() if k not in missing}, failed=failed)


def labels_of_pairs(store: Records, pairs: Iterable[LabelledPair | LookalikeError | Sequence[Any]]) -> Labels:
    """Read pairs of ids; one that names an unknown record fails alone, as does one that is an error already.

    Raises:
        InputError: when no pair is left, or all that are left are different.
    """
    read, failures = _read(pairs)
    keys = store.keys(sorted({id for pair in read for id in (pair.a, pair.b)}))
    said: dict[tuple[int, int], bool] = {}
    for pair in read:
        if (wrong_with := _wrong_with(pair, keys, said)) is not None:
            failures.append(wrong_with)
        else:
            said[keys[pair.a], keys[pair.b]] = pair.same
    if not any(said.values()):
        shown = " ".join(failure.message for failure in failures[:_SHOWN])
        raise InputError(f"no pair that is the same is left of {len(said) + len(failures)} pairs. {shown}")
    right, wrong = (_by_first(said, same) for same in (True, False))
    judged = wrong if any(map(len, wrong.values())) else None
    return Labels(counted(len(said), "pair"), True, right, judged, failed=tuple(failures))


def _grouped(store: Records, groups: Iterable[Sequence[str]], told: str) -> Labels:
    right: dict[int, I64] = {}
    alone = 0
    for ids in groups:
        if len(ids) == 1:
            alone += 1
            continue
        members = _rising(store.keys(ids).values())
        right |= dict.fromkeys(members.tolist(), members)
    if not right:
        raise InputError(
            f"no two records hold the same by {told}: nothing can be found. Name a field that groups them."
        )
    return Labels(told, False, right, alone=alone)


def _no_value(store: Records, field: str, asked_as: str) -> InputError:
    refuse_unknown(store, field, asked_as=asked_as)
    return InputError(f'no record holds a value in the field "{field}": there is nothing to judge by. Add it first.')


def _read(pairs: Iterable[Any]) -> tuple[list[LabelledPair], list[Failure]]:
    read: list[LabelledPair] = []
    failures: list[Failure] = []
    for number, pair in enumerate(pairs, start=1):
        if isinstance(pair, LookalikeError):
            failures.append(Failure(str(pair.details.get("source", f"pair {number}")), pair.code, pair.message))
        else:
            read.append(pair if isinstance(pair, LabelledPair) else _pair(pair, number))
    return read, failures


def _pair(given: Any, number: int) -> LabelledPair:
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) not in (2, 3):
        raise InputError(
            f"pair {number} is not a pair: pass (a, b) or (a, b, same), two ids and whether they are the same."
        )
    return LabelledPair(str(given[0]), str(given[1]), bool(given[2]) if len(given) == 3 else True, f"pair {number}")


def _wrong_with(pair: LabelledPair, keys: Mapping[str, int], said: Mapping[tuple[int, int], bool]) -> Failure | None:
    """Return why a pair is left out; None when it is not."""
    unknown = [id for id in dict.fromkeys((pair.a, pair.b)) if id not in keys]
    if unknown:
        named = " and ".join(f'"{id[:80]}"' for id in unknown)
        return Failure(pair.place, "record_not_found", f"{pair.place}: no record {named}. Check the spelling.")
    if pair.a == pair.b:
        return Failure(pair.place, "input_invalid", f'{pair.place}: "{pair.a[:80]}" is paired with itself. Name two.')
    if said.get((keys[pair.a], keys[pair.b]), pair.same) != pair.same:
        return Failure(pair.place, "input_invalid", f"{pair.place}: it says the opposite of a pair before. Keep one.")
    return None


def _by_first(said: Mapping[tuple[int, int], bool], same: bool) -> dict[int, I64]:
    """Return, for the first of each pair, rising, the second ones of those that are `same`."""
    found: dict[int, list[int]] = {first: [] for first, _ in sorted(said)}
    for (first, second), is_same in said.items():
        if is_same == same:
            found[first].append(second)
    return {first: _rising(seconds) for first, seconds in found.items()}


def _rising(keys: Iterable[int]) -> I64:
    return np.unique(np.fromiter(keys, np.int64))
