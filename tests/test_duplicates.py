"""Duplicate groups and clusters over made-up records: whatever came in whatever order, the groups are the same."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike.core.duplicates.clusters import find_clusters
from lookalike.core.duplicates.groups import find_duplicates
from lookalike.core.duplicates.representatives import sort_key_by
from lookalike.core.relations.copy_judge import ScoredMember
from lookalike.core.scores.pairs import ScoredSpace
from lookalike.distances import cosine_distance, score_curve, score_of
from lookalike.errors import InputError
from lookalike.records import CollectionSpec, Entry, Progress, Record, Space
from lookalike.stores import Store, open_stores

SPACES = (Space("copy", 3, "cosine"), Space("dhash", 64, "hamming"), Space("hues", 2, "cosine"))
POINTS = score_curve("copy")
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # spares thousands of waits for a disk
plenty = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@contextmanager
def shelf() -> Iterator[Store]:
    """A fresh store of pictures with copy vectors, hashes and hues."""
    home = Path(tempfile.mkdtemp(dir=MEMORY))
    store = open_stores(home).create(CollectionSpec(name="shelf", spaces=SPACES))
    try:
        yield store
    finally:
        store.close()
        shutil.rmtree(home)


def entry(id: str, angle: float, flips: int, hue: int | None, pixels: int) -> Entry:
    """Make a record whose vector has an angle in degrees, whose hash has some bits flipped, and maybe a hue."""
    turn = np.deg2rad(angle)
    bits = np.packbits(np.arange(64) < flips)
    vectors = {"copy": np.array([np.cos(turn), np.sin(turn), 0], np.float32), "dhash": bits}
    if hue is not None:
        vectors["hues"] = np.array([1 - hue, hue], np.float32)
    seen = f"{angle} {flips} {hue} {pixels}"
    return Entry(Record(id, content_hash=seen, format="png", size_px=(pixels, 1), byte_size=pixels), vectors)


# angles at which the score is just over 0.9, between 0.7 and 0.9, below; many alike
entries = st.lists(
    st.builds(
        entry,
        st.text("abcdef", min_size=1, max_size=3),
        st.sampled_from([0, 0, 1, 20, 28.3, 29, 40, 55, 90, 180]),
        st.sampled_from([0, 0, 3, 8, 9, 40]),
        st.sampled_from([None, 0, 1]),
        st.integers(1, 3),
    ),
    max_size=16,
    unique_by=lambda entry: entry.record.id,
)
thresholds = st.sampled_from([0.5, 0.7, 0.85, 0.9, 0.95, 0.999, 1.0])


def groups_of(store: Store, threshold: float, **given: object) -> list[tuple[str, dict[str, float]]]:
    found = find_duplicates(ScoredSpace(store, "copy", POINTS), threshold, **given)  # type: ignore[arg-type]
    assert list(found) == sorted(found, key=lambda group: (-len(group.members), group.representative))
    assert all(group.min_score == min(member.score for member in group.members) for group in found)
    return [(group.representative, {member.id: member.score for member in group.members}) for group in found]


# ---- the referee


def scores_of_pairs(store: Store) -> dict[frozenset[str], float]:
    """Score every pair as a comparison of two pictures does, from what is stored."""
    held = [store.entry(record.id) for record in store.scan()]
    found = {}
    for a, b in combinations([each[1] for each in held if each is not None], 2):
        bits = np.unpackbits(a.vectors["dhash"] ^ b.vectors["dhash"]).sum()
        both_hued = "hues" in a.vectors and "hues" in b.vectors
        found[frozenset((a.record.id, b.record.id))] = score_of(
            cosine_distance(a.vectors["copy"], b.vectors["copy"]),
            POINTS,
            hash_bits=int(bits),
            hue_distance=cosine_distance(a.vectors["hues"], b.vectors["hues"]) if both_hued else None,
            same_bytes=a.record.content_hash == b.record.content_hash,
        )
    return found


def stars(store: Store, threshold: float, best: str = "resolution") -> list[tuple[str, dict[str, float]]]:
    """Give the groups by their definition: who has the best claim takes all that are free and near."""
    scores = scores_of_pairs(store)
    waiting = [record.id for record in sorted(store.scan(), key=sort_key_by(best))]
    found = []
    while waiting:
        first, *others = waiting
        near = {id: scores[frozenset((first, id))] for id in others}
        members = {id: score for id, score in near.items() if score >= threshold}
        waiting = [id for id in others if id not in members]
        if members:
            found.append((first, {first: 1.0, **members}))
    return sorted(found, key=lambda group: (-len(group[1]), group[0]))


@plenty
@given(rows=entries, threshold=thresholds)
def test_groups_are_stars_around_the_best_claims(rows: list[Entry], threshold: float) -> None:
    with shelf() as store:
        store.upsert(rows)
        assert groups_of(store, threshold) == groups_of(store, threshold, most_pairs=-1) == stars(store, threshold)


@plenty
@given(rows=entries, threshold=thresholds, seed=st.randoms(use_true_random=False))
def test_the_order_of_insertion_does_not_show(rows: list[Entry], threshold: float, seed: object) -> None:
    with shelf() as one, shelf() as other:
        one.upsert(rows)
        seed.shuffle(rows)  # type: ignore[attr-defined]
        for row in rows:
            other.upsert([row])
        assert groups_of(one, threshold) == groups_of(other, threshold)


@plenty
@given(rows=entries, more=entries, gone=st.sets(st.text("abcdef", min_size=1, max_size=3)), threshold=thresholds)
def test_groups_after_changes_are_those_of_a_first_look(
    rows: list[Entry], more: list[Entry], gone: set[str], threshold: float
) -> None:
    with shelf() as store, shelf() as fresh:
        store.upsert(rows)
        groups_of(store, threshold)
        store.upsert(more, replace="any")
        groups_of(store, 0.7)
        store.delete(gone)
        for record in store.scan():
            held = store.entry(record.id)
            assert held is not None
            fresh.upsert([held[1]])
        assert groups_of(store, threshold) == groups_of(fresh, threshold) == stars(store, threshold)


@plenty
@given(rows=entries, threshold=thresholds)
def test_clusters_are_chains_of_pairs(rows: list[Entry], threshold: float) -> None:
    with shelf() as store:
        store.upsert(rows)
        clusters = [{record.id} for record in store.scan()]
        for pair, score in scores_of_pairs(store).items():
            if score >= threshold:
                joined = set().union(*(cluster for cluster in clusters if cluster & pair))
                clusters = [joined, *(cluster for cluster in clusters if not cluster & pair)]
        expected = sorted((tuple(sorted(c)) for c in clusters if len(c) > 1), key=lambda ids: (-len(ids), ids))
        assert list(find_clusters(store, threshold, space="copy", points=POINTS)) == expected


# ---- who represents


def picture(
    id: str, size_px: tuple[int, int] = (9, 9), format: str = "jpeg", byte_size: int = 5, **given: object
) -> Record:
    return Record(id, format=format, size_px=size_px, byte_size=byte_size, **given)  # type: ignore[arg-type]


def order(best: str, *records: Record) -> list[str]:
    backwards = records[::-1]
    return [record.id for record in sorted(backwards, key=sort_key_by(best))]


def test_resolution_then_format_then_bytes_then_age_then_id() -> None:
    records = [
        picture("large", (10, 10), byte_size=1),
        picture("lossless", format="png", byte_size=1),
        picture("heavy", byte_size=7),
        picture("old", stamp="5:100"),
        picture("new", stamp="5:2000"),
        picture("a"),
        picture("b"),
    ]
    assert order("resolution", *records) == ["large", "lossless", "heavy", "old", "new", "a", "b"]
    assert order("bytes", *records)[:3] == ["heavy", "old", "new"]
    added = {"created_at": "2020-01-02T03:04:05.000006+00:00"}
    at = picture("added", **added)
    before, after = (picture(name, stamp=f"5:{ns}") for name, ns in (("before", 10**15), ("after", 2 * 10**18)))
    assert order("oldest", before, at, after) == ["before", "added", "after"]
    assert order("newest", before, at, after) == ["after", "added", "before"]


def test_a_field_decides_by_its_greatest_value() -> None:
    values = [9, 2.5, -1, "b", "ab", "a", None, [1], True]
    records = [picture(str(place), metadata={"stars": value}) for place, value in enumerate(values)]
    assert order("stars", *records) == [str(place) for place in range(len(values))]
    with pytest.raises(InputError, match="names no rule"):
        sort_key_by("")


@pytest.mark.parametrize("best", ["resolution", "bytes", "newest", "shade"])
def test_the_representative_follows_the_rule(best: str) -> None:
    rows = [entry(name, 0, 0, None, pixels) for name, pixels in (("a", 3), ("b", 1), ("c", 2))]
    with shelf() as store:
        store.upsert(rows)
        store.revise("b", metadata={"shade": 1})
        expected = {"resolution": "a", "bytes": "a", "shade": "b", "newest": "a"}[best]
        assert groups_of(store, 0.9, best=best) == stars(store, 0.9, best)
        assert groups_of(store, 0.9, best=best)[0][0] == expected


# ---- what a judge of pairs says


def test_a_pair_that_is_refused_stays_apart_and_free_for_others() -> None:
    rows = [entry("a", 0, 0, None, 3), entry("b", 1, 0, None, 2), entry("c", 1, 0, None, 1)]
    with shelf() as store:
        store.upsert(rows)
        names = store.ids(list(store.keys(["a", "b", "c"]).values()))
        asked = []

        class Strict:
            def prepare(self, pairs: Sequence[tuple[int, int]]) -> None:
                assert all(pair in {("a", "b"), ("a", "c")} for pair in told(pairs)), "not the first center of each"

            def member_of(self, center: int, key: int, score: float) -> ScoredMember | None:
                asked.extend(told([(center, key)]))
                return None if names[center] == "a" else ScoredMember(key, score, "resized", 1.0)

            def are_apart(self, key: int, others: Sequence[int]) -> bool:
                return False

            def is_padded(self, key: int, other: int) -> bool:
                return False

        def told(pairs: Sequence[tuple[int, int]]) -> list[tuple[str, str]]:
            return [(names[center], names[key]) for center, key in pairs]

        for most_pairs in (10, 0):
            asked.clear()
            [group] = find_duplicates(ScoredSpace(store, "copy", POINTS), 0.9, judge=Strict(), most_pairs=most_pairs)
            assert [(member.id, member.relation) for member in group.members] == [("b", None), ("c", "resized")]
            assert asked == [("a", "b"), ("a", "c"), ("b", "c")]


# ---- where a judge looks at pictures

NAMED = {1: "edited", 2: "resized", 5: "rotated"}


class Eye:
    """A judge that takes two records for one picture when the numbers of their pixels differ by 1, 2 or 5, or not."""

    def __init__(self, store: Store, *, padded: str = "", apart: str = "") -> None:
        held = store.records([key for keys, _ in store.scan_vectors("copy") for key in keys.tolist()])
        self.pixels = {key: record.size_px[0] for key, record in held.items()}
        self.ids = {key: record.id for key, record in held.items()}
        self.padded, self.apart = padded, apart

    def prepare(self, pairs: Sequence[tuple[int, int]]) -> None:
        assert len(set(pairs)) == len(pairs)

    def member_of(self, center: int, key: int, score: float) -> ScoredMember | None:
        gap = abs(self.pixels[center] - self.pixels[key])
        kind = NAMED.get(gap, "reencoded" if not gap else None)
        return None if kind is None else ScoredMember(key, score, kind, 1.0)

    def are_apart(self, key: int, others: Sequence[int]) -> bool:
        return self.ids[key] in self.apart and any(self.ids[other] in self.apart for other in others)

    def is_padded(self, key: int, other: int) -> bool:
        return self.ids[key] in self.padded


def seen(store: Store, *, least: float = 0.5, best: str = "resolution", **given: str) -> list[list[str]]:
    """Give the groups that a judge makes, the representative first."""
    found = find_duplicates(
        ScoredSpace(store, "copy", POINTS), least, best=best, likely_from=0.8, judge=Eye(store, **given)
    )
    return [[member.id for member in group.members] for group in found]


@plenty
@given(rows=entries, more=entries, seed=st.randoms(use_true_random=False))
def test_judged_groups_are_copies_of_the_representative_in_whatever_order_they_came(
    rows: list[Entry], more: list[Entry], seed: object
) -> None:
    with shelf() as store, shelf() as other:
        store.upsert(rows)
        seen(store)
        store.upsert(more, replace="any")
        found = seen(store)
        held = [entry[1] for record in store.scan() if (entry := store.entry(record.id)) is not None]
        seed.shuffle(held)  # type: ignore[attr-defined]
        for each in held:
            other.upsert([each])
        assert found == seen(other)
        scores, pixels = scores_of_pairs(store), {one.record.id: one.record.size_px[0] for one in held}
        for best, *others in found:
            assert all(scores[frozenset((best, id))] >= 0.5 for id in others)
            assert all(abs(pixels[best] - pixels[id]) in (0, *NAMED) for id in others)
        assert len({id for group in found for id in group}) == sum(map(len, found))


def test_a_copy_of_a_copy_joins_the_original_and_never_chains() -> None:
    angles = {"a": 0, "b": 36, "c": 60, "d": 72}  # "c" and "d" are candidates of "b", and not of "a"
    rows = [entry(id, angle, angle // 2, None, 10) for id, angle in angles.items()]
    rows += [entry(f"near a {n}", -8 - n, 60, None, 10) for n in range(6)]
    with shelf() as store:
        store.upsert(rows)
        scores = scores_of_pairs(store)
        b, c, d = (scores[frozenset(("a", id))] for id in "bcd")
        assert b > 0.8 > c > 0.5 > d
        [group] = seen(store)
        assert group[0] == "a"
        assert set(group) == {row.record.id for row in rows} - {"d"}
        store.upsert([entry("c", 60, 30, None, 13)], replace="any")  # a copy of none
        assert [set(group) for group in seen(store)] == [{row.record.id for row in rows} - {"c", "d"}]


@pytest.mark.parametrize(
    ("best", "padded", "expected"),
    [("resolution", "", "b"), ("resolution", "b", "a"), ("bytes", "bac", "b"), ("id_number", "b", "c")],
)
def test_the_best_is_no_edited_or_padded_one_where_pixels_count(best: str, padded: str, expected: str) -> None:
    rows = [entry(id, angle, 40, None, pixels) for id, angle, pixels in (("a", 0, 8), ("b", 1, 10), ("c", 2, 9))]
    with shelf() as store:  # "a" and "b" are resized versions of each other, "c" is an edited one of both
        store.upsert(rows)
        store.revise("c", metadata={"id_number": 3})
        [group] = seen(store, best=best, padded=padded)
        assert group[0] == expected


def test_among_many_records_or_pairs_only_likely_pairs_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    angles = {"a": 0, "near": 10, "far": 60}  # "far" is one of the two nearest of all
    with shelf() as store:
        store.upsert([entry(id, angle, angle, None, 10) for id, angle in angles.items()])
        assert [set(group) for group in seen(store)] == [{"a", "near", "far"}]
        given = {"likely_from": 0.8, "judge": Eye(store)}
        for most_pairs in (0, 1):  # none can be held; the likely one can
            told: list[float] = []
            [group] = find_duplicates(
                ScoredSpace(store, "copy", POINTS),
                0.5,
                most_pairs=most_pairs,
                on_progress=lambda progress: told.append(progress.done),  # noqa: B023
                **given,  # type: ignore[arg-type]
            )
            assert {member.id for member in group.members} == {"a", "near"}
            assert told == sorted(told)
            assert told[-1] == 3
        monkeypatch.setattr("lookalike.core.duplicates.groups._MOST_WITH_NEAREST", 2)
        assert [set(group) for group in seen(store)] == [{"a", "near"}]


def test_two_that_people_decided_on_are_in_no_group_together() -> None:
    with shelf() as store:
        store.upsert([entry(id, angle, 40, None, 9) for id, angle in (("a", 0), ("b", 1), ("c", 2))])
        [group] = seen(store, apart="ac")
        assert set(group) in ({"a", "b"}, {"b", "c"})


def test_progress_rises_to_the_number_of_records() -> None:
    told: list[Progress] = []
    with shelf() as store:
        store.upsert([entry(f"{n}", 7 * n, n, None, 1) for n in range(20)])
        for _ in range(2):
            told.clear()
            groups_of(store, 0.9, on_progress=told.append)
            assert [each.done for each in told] == sorted(each.done for each in told)
            assert (told[-1].done, told[-1].total) == (20, 20)
