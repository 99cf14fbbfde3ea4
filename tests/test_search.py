"""The search against brute force: every ranking, group, page and mix is the one that scoring all records gives."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import draw, saved
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving import jpeg

import lookalike
from lookalike.answers import Match
from lookalike.distances import cosine_distance, score_curve, score_of
from lookalike.doors.json_lines import read_lines
from lookalike.errors import FilterError, InputError
from lookalike.filters import parse_filter
from lookalike.records import Entry, Record
from lookalike.samples import write_samples
from lookalike.stores import open_stores

NEAR_DUPLICATE = 0.9
ODD = [1, 1.0, "1", True, [1, 2], [1, 2], {"a": 1}, None]  # one field of mixed kinds; 1 and 1.0 are one group
GROUPS = ["category", "product_id", "odd", "deep.er"]
FILTERS: list[dict[str, Any] | None] = [
    None,
    {"category": "scene"},
    {"tags": {"$in": ["scene", "ceramic"]}},
    {"price": {"$lt": 60}},
    {"product_id": {"$exists": False}},
    {"category": "nothing of this name"},
]


@pytest.fixture(scope="module", params=["pictures", "numbers"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[lookalike.Collection]:
    """The sample pictures, two of them twice, with a field of mixed kinds; or numbers that try every rule."""
    folder = tmp_path_factory.mktemp("samples")
    with lookalike.open(folder / "home") as library:
        made = library.collection("shop", create=True, type="products", fields=["category"])
        if request.param == "pictures":
            lines = [line for place, line in enumerate(read_lines(write_samples(folder))) if place % 3 == 0]
            lines += [{**line, "_id": f"twin of {line['_id']}"} for line in lines[:2]]
            for place, line in enumerate(lines):
                line |= {"odd": ODD[place % len(ODD)], "deep": {"er": place % 7}}
            assert made.add(lines, base=folder).failed == ()
            yield made
        else:
            store = open_stores(library.settings.home).create(replace(made.spec, name="numbers"))
            store.upsert(numbers(180))
            store.close()
            yield library.collection("numbers")


def numbers(count: int) -> list[Entry]:
    """Make records whose signs contradict their distances: near ones of another color, far ones with equal hashes,
    equal vectors that only the id tells apart, equal bytes, and some without hash or hues."""
    rng = np.random.default_rng(7)
    centers = {name: rng.normal(size=(4, dim)) for name, dim in (("semantic", 512), ("copy", 256))}
    hashes = rng.integers(0, 256, (6, 8), dtype=np.uint8)
    entries: list[Entry] = []
    for place in range(count):
        spread = rng.choice([0.0, 0.1, 0.25, 0.45, 1.0])
        vectors: dict[str, Any] = {
            name: unit(rows[place % 4] + spread * rng.normal(size=rows.shape[1])) for name, rows in centers.items()
        }
        if place % 11:
            vectors["dhash"] = hashes[rng.integers(6)] ^ np.packbits(rng.random(64) < 0.05)
        if place % 7:
            vectors["hues"] = unit(np.eye(12)[rng.integers(3)] + 0.01)
        if place % 5 == 0 and entries:
            vectors = dict(entries[int(rng.integers(len(entries)))].vectors)
        metadata = {"category": ["scene", "bags"][place % 2], "price": int(rng.integers(100)), "odd": ODD[place % 8]}
        metadata |= {"deep": {"er": place % 7}} | ({"product_id": place // 3} if place % 2 else {})
        tags = tuple(
            rng.choice(["scene", "product", "copy", "ceramic", "rare"], int(rng.integers(4)), replace=False).tolist()
        )
        twin = place % 17 == 0
        record = Record(
            id=f"{'twin of ' if twin and place else ''}{(place * 37) % count:04}",
            content_hash=f"{0 if twin else place:064}",
            metadata=metadata,
            tags=("copy",) if twin else tags,
        )
        entries.append(Entry(record, entries[0].vectors if twin and entries else vectors))
    return entries


def unit(vector: Any) -> Any:
    """Give a vector at length 1, as half precision keeps it."""
    return (vector / np.linalg.norm(vector)).astype(np.float16).astype(np.float32)


class Truth:
    """All records with all their vectors, and what they score by the definition alone."""

    def __init__(self, shop: lookalike.Collection) -> None:
        self.records = {record.id: record for record in shop}
        self.vectors = {
            space.name: {id: v for id in self.records if (v := shop.vector(id, space.name)) is not None}
            for space in shop.spec.spaces
        }
        self.distances: dict[tuple[str, str, str], float] = {}

    def pair(self, a: str, b: str, space: str = "semantic") -> tuple[float, float]:
        """Give score and distance of two records."""
        distance = self._distance(space, a, b)
        hashes, hues = self.vectors["dhash"], self.vectors["hues"]
        bits = int(np.unpackbits(hashes[a] ^ hashes[b]).sum()) if {a, b} <= hashes.keys() else None
        hue = self._distance("hues", a, b) if {a, b} <= hues.keys() else None
        same = self.records[a].content_hash == self.records[b].content_hash
        score = score_of(distance, score_curve(space), hash_bits=bits, hue_distance=hue, same_bytes=same)
        return score, distance

    def ranking(self, query: str, **asked: Any) -> list[tuple[float, float, str]]:
        """Give (score, distance, id) of all that match, in order."""
        wanted, weight = set(asked.get("tags") or ()), asked.get("tag_weight", 0.3)
        rows = []
        for id, record in self.records.items():
            score, distance = self.pair(query, id)
            if wanted:
                overlap = len(wanted & set(record.tags)) / len(wanted | set(record.tags))
                score = float(np.round((1 - weight) * score + weight * overlap, 6))
            if self._passes(record, score, distance, asked):
                rows.append((-score, distance, id))
        return [(-score, distance, id) for score, distance, id in sorted(rows)]

    def _passes(self, record: Record, score: float, distance: float, asked: dict[str, Any]) -> bool:
        if asked.get("filter") is not None and not parse_filter(asked["filter"]).accepts(record.document()):
            return False
        if asked.get("threshold") is not None and score < asked["threshold"]:
            return False
        return asked.get("max_distance") is None or round(distance, 6) <= asked["max_distance"]

    def _distance(self, space: str, a: str, b: str) -> float:
        place = (space, *sorted((a, b)))
        if place not in self.distances:
            self.distances[place] = cosine_distance(self.vectors[space][a], self.vectors[space][b])
        return self.distances[place]


@pytest.fixture(scope="module")
def truth(shop: lookalike.Collection) -> Truth:
    return Truth(shop)


def group_of(record: Record, field: str) -> str:
    value: Any = record.metadata
    for name in field.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if value is None:
        return f"alone {record.id}"
    return json.dumps(1 if value == 1 and isinstance(value, float) else value)


def pages(shop: lookalike.Collection, *arguments: Any, **asked: Any) -> list[Match]:
    """Read all pages, one after the other."""
    found, cursor = [], None
    for _ in range(1000):
        page = shop.search(*arguments, cursor=cursor, **asked)
        found += page.matches
        cursor = page.next
        if cursor is None:
            return found
        assert len(page) == asked["limit"]
    raise AssertionError("the pages have no end")


def told(matches: list[Match] | lookalike.Matches) -> list[tuple[float, float, str]]:
    return [(match.score, match.distance, match.id) for match in matches]


def shown(ranking: list[tuple[float, float, str]]) -> list[tuple[float, float, str]]:
    return [(score, float(np.round(distance, 6)), id) for score, distance, id in ranking]


RELAXED = settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
floors = st.none() | st.floats(0, 1).map(lambda value: round(value, 2)) | st.sampled_from([0.9, 0.89, 0.999, 1.0])
ceilings = st.none() | st.floats(0, 1.2).map(lambda value: round(value, 2))
tag_sets = st.none() | st.sets(st.sampled_from(["scene", "product", "copy", "ceramic", "no such tag"]), min_size=1).map(
    sorted
)
weights = st.sampled_from([0.0, 0.3, 0.5, 1.0])


@RELAXED
@given(place=st.integers(0, 1000), limit=st.integers(1, 40), threshold=floors, ceiling=ceilings, tags=tag_sets,
       weight=weights, condition=st.sampled_from(FILTERS))  # fmt: skip
def test_the_pages_are_the_full_ranking_of_brute_force(
    shop: lookalike.Collection, truth: Truth, place: int, limit: int, threshold: float | None,
    ceiling: float | None, tags: list[str] | None, weight: float, condition: dict[str, Any] | None,
) -> None:  # fmt: skip
    query = sorted(truth.records)[place % len(truth.records)]
    asked: dict[str, Any] = {"threshold": threshold, "max_distance": ceiling, "filter": condition}
    if tags:
        asked |= {"tags": tags, "tag_weight": weight}
    found = pages(shop, f"id:{query}", limit=limit, **asked)
    assert told(found) == shown(truth.ranking(query, **asked))
    assert [match.rank for match in found] == list(range(1, len(found) + 1))


@RELAXED
@given(place=st.integers(0, 1000), limit=st.integers(1, 12), members=st.integers(0, 4), threshold=floors,
       condition=st.sampled_from(FILTERS), field=st.sampled_from(GROUPS))  # fmt: skip
def test_groups_are_those_of_brute_force_with_their_members(
    shop: lookalike.Collection, truth: Truth, place: int, limit: int, members: int, threshold: float | None,
    condition: dict[str, Any] | None, field: str,
) -> None:  # fmt: skip
    query = sorted(truth.records)[place % len(truth.records)]
    ranking = truth.ranking(query, threshold=threshold, filter=condition)
    groups: dict[str, list[tuple[float, float, str]]] = {}
    for row in ranking:
        groups.setdefault(group_of(truth.records[row[2]], field), []).append(row)
    found = pages(
        shop, f"id:{query}", limit=limit, threshold=threshold, filter=condition, group_by=field, members=members
    )
    assert told(found) == shown([rows[0] for rows in groups.values()])
    for match, rows in zip(found, groups.values(), strict=True):
        assert (match.members is None) is (members == 0)
        assert told(list(match.members or ())) == shown(rows[1 : members + 1])
        assert [member.rank for member in match.members or ()] == list(range(2, 2 + len(match.members or ())))


@RELAXED
@given(place=st.integers(0, 1000), limit=st.integers(1, 30), floor=st.sampled_from([True, 0.7, 0.8, 0.95, 1.0]),
       field=st.sampled_from([None, "category", "product_id"]))  # fmt: skip
def test_near_duplicates_of_a_better_match_are_left_out_and_counted(
    shop: lookalike.Collection, truth: Truth, place: int, limit: int, floor: bool | float, field: str | None
) -> None:
    query = sorted(truth.records)[place % len(truth.records)]
    kept: list[str] = []
    hidden: dict[str, int] = {}
    for _, _, id in truth.ranking(query):
        least = NEAR_DUPLICATE if floor is True else floor
        by = next((better for better in kept if truth.pair(id, better, "copy")[0] >= least), None)
        if by is None:
            kept.append(id)
        hidden[by or id] = hidden.get(by or id, 0) + (by is not None)
    groups = {group_of(truth.records[id], field) if field else id: id for id in reversed(kept)}
    expected = [id for id in kept if id in groups.values()]
    found = pages(shop, f"id:{query}", limit=limit, collapse=floor, group_by=field)
    assert [match.id for match in found] == expected
    whole = shop.search(f"id:{query}", limit=1000, collapse=floor, group_by=field)
    assert [(match.id, match.hidden) for match in whole] == [(id, hidden[id]) for id in expected]


@RELAXED
@given(place=st.integers(0, 1000), limit=st.integers(1, 15), diversity=st.sampled_from([0.1, 0.5, 0.9, 1.0]))
def test_a_diverse_selection_is_that_of_maximal_marginal_relevance(
    shop: lookalike.Collection, truth: Truth, place: int, limit: int, diversity: float
) -> None:
    query = sorted(truth.records)[place % len(truth.records)]
    pool = truth.ranking(query)[: max(60, 6 * limit)]
    found = shop.search(f"id:{query}", limit=limit, diversity=diversity)
    assert found.next is None
    assert found[0].id == pool[0][2]
    assert [match.rank for match in found] == list(range(1, len(found) + 1))
    points, scores = score_curve("semantic"), {id: score for score, _, id in pool}

    def worth(id: str, chosen: list[str]) -> float:
        vectors = truth.vectors["semantic"]
        alike = max(score_of(cosine_distance(vectors[id], vectors[other]), points) for other in chosen)
        return (1 - diversity) * scores[id] - diversity * alike

    for count in range(1, len(found)):
        chosen = [match.id for match in found[:count]]
        best = max(worth(id, chosen) for id in scores if id not in chosen)
        # the search rounds distances to 1e-6, which may be ten times as much of a score
        assert worth(found[count].id, chosen) == pytest.approx(best, abs=5e-5)


def test_a_ranking_that_is_at_hand_is_grown_no_further_than_asked(shop: lookalike.Collection) -> None:
    query = f"id:{min(record.id for record in shop)}"
    shop.search(query, limit=5)
    found = shop.search(query, limit=5, diversity=0.3, explain=True).explanation
    assert found is not None
    assert found.reused
    assert [step.k for step in found.steps if step.asked_for == "nearest"] == [61]


def test_a_store_gives_the_very_distances_of_the_definition(shop: lookalike.Collection, truth: Truth) -> None:
    query = truth.vectors["semantic"][min(truth.records)]
    found = shop._store.neighbors("semantic", query[None, :], len(truth.records))
    assert found.counts[0] == len(truth.records)
    ids = shop._store.ids(found.keys[0].tolist())
    for key, distance in zip(found.keys[0].tolist(), found.distances[0].tolist(), strict=True):
        assert distance == cosine_distance(truth.vectors["semantic"][ids[key]], query)


def test_a_record_with_equal_picture_and_equal_tags_is_first(shop: lookalike.Collection, truth: Truth) -> None:
    twin = next(id for id in truth.records if id.startswith("twin of "))
    same = [r.id for r in truth.records.values() if r.content_hash == truth.records[twin].content_hash]
    found = shop.search(f"id:{twin}", tags=truth.records[twin].tags, limit=len(same) + 1)
    assert [match.id for match in found[:-1]] == sorted(same)
    assert all((match.score, match.parts) == (1.0, {"visual": 1.0, "tags": 1.0}) for match in found[:-1])
    assert found[-1].score < 1.0
    assert shop.search(f"id:{twin}")[0].parts is None


def test_a_shown_distance_used_as_ceiling_includes_its_own_match(shop: lookalike.Collection, truth: Truth) -> None:
    every = shop.search(f"id:{min(truth.records)}", limit=1000)
    for match in every[:: len(every) // 20]:
        kept = shop.search(f"id:{min(truth.records)}", limit=1000, max_distance=match.distance)
        assert {m.id for m in kept} == {m.id for m in every if m.distance <= match.distance}


def test_weights_move_the_answer_towards_an_example(shop: lookalike.Collection, truth: Truth) -> None:
    a = min(truth.records)
    b, c = (truth.ranking(a)[place][2] for place in (-1, len(truth.records) // 2))

    def distance_to(id: str, like: list[Any]) -> float:
        return next(match.distance for match in shop.search(like=like, limit=1000) if match.id == id)

    a_like, b_like = f"id:{a}", f"id:{b}"
    assert (
        distance_to(a, [(a_like, 5), b_like]) < distance_to(a, [a_like, b_like]) < distance_to(a, [a_like, (b_like, 5)])
    )
    assert told(shop.search(like=(a_like, 2.0))) == told(shop.search(a_like)), "a single example has no rival"
    assert told(shop.search(like=[(a_like, 3), (b_like, 3)])) == told(shop.search(like=[a_like, b_like]))
    far = [
        next(m.distance for m in shop.search(a_like, unlike=[(f"id:{c}", w), b_like], limit=1000) if m.id == c)
        for w in (0.1, 1, 10)
    ]
    assert far == sorted(far)
    assert far[0] < far[2]


def test_a_sample_is_drawn_by_its_seed_and_every_record_may_come(shop: lookalike.Collection, truth: Truth) -> None:
    assert [r.id for r in shop.sample(5, seed=1)] == [r.id for r in shop.sample(5, seed=1)]
    assert [r.id for r in shop.sample(5, seed=1)] != [r.id for r in shop.sample(5, seed=2)]
    assert {r.id for r in shop.sample(100_000)} == truth.records.keys()
    drawn = {record.id for seed in range(300) for record in shop.sample(4, seed=seed)}
    assert len(drawn) > 0.95 * len(truth.records)
    with pytest.raises(InputError, match="n=0"):
        shop.sample(0)


def test_a_page_may_be_larger_than_the_one_before(shop: lookalike.Collection, truth: Truth) -> None:
    first = shop.search(f"id:{min(truth.records)}", limit=3)
    rest = shop.search(f"id:{min(truth.records)}", limit=1000, cursor=first.next)
    assert told([*first, *rest]) == shown(truth.ranking(min(truth.records)))
    assert rest.next is None
    assert rest[0].rank == 4


def test_a_cursor_goes_on_in_another_process(shop: lookalike.Collection, truth: Truth) -> None:
    """Nothing that is kept in memory is needed: a library opened anew gives the same page."""
    first = shop.search(f"id:{min(truth.records)}", limit=7, group_by="odd")
    second = shop.search(f"id:{min(truth.records)}", limit=7, group_by="odd", cursor=first.next)
    home = Path(shop._store._folder).parent.parent
    with lookalike.open(home) as library:
        again = library.collection(shop.name).search(
            f"id:{min(truth.records)}", limit=7, group_by="odd", cursor=first.next
        )
    assert told(again) == told(second)


def test_after_a_write_a_cursor_goes_on_in_the_ranking_as_it_is_then(
    library: lookalike.Library, pictures: Path
) -> None:
    photos = library.collection("written", create=True)
    photos.add(pictures)
    full = photos.search("id:a/1.jpg", limit=100)
    first = photos.search("id:a/1.jpg", limit=4)
    photos.delete([full[5].id])
    photos.add(pictures / "a" / "1.jpg", id="new and nearest")
    rest = photos.search("id:a/1.jpg", limit=100, cursor=first.next)
    assert [match.id for match in rest] == [full[4].id, *(match.id for match in full[6:])]


def test_a_cursor_of_another_question_or_collection_and_garbage_are_refused(
    shop: lookalike.Collection, truth: Truth, library: lookalike.Library, pictures: Path
) -> None:
    a, b = sorted(truth.records)[:2]
    cursor = shop.search(f"id:{a}", limit=2, threshold=0.1).next
    assert cursor is not None
    for other in ({"threshold": 0.2}, {"threshold": 0.1, "filter": {"price": 1}}, {"threshold": 0.1, "tags": ["red"]}):
        with pytest.raises(InputError, match="another question"):
            shop.search(f"id:{a}", cursor=cursor, **other)
    with pytest.raises(InputError, match="another question"):
        shop.search(f"id:{b}", threshold=0.1, cursor=cursor)
    elsewhere = library.collection("elsewhere", create=True)
    elsewhere.add(pictures)
    with pytest.raises(InputError, match="another question"):
        elsewhere.search("id:a/0.jpg", threshold=0.1, cursor=cursor)
    flipped = cursor[:20] + ("A" if cursor[20] != "A" else "B") + cursor[21:]
    for garbage in ("", "x", "next", cursor[:10], cursor + "ü", flipped, 7, b"x"):
        with pytest.raises(InputError, match="cursor"):
            shop.search(f"id:{a}", threshold=0.1, cursor=garbage)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"limit": 1_000_000}, "limit=1000000"),
        ({"threshold": 90}, "threshold=0.9"),
        ({"max_distance": "near"}, "max_distance='near'"),
        ({"max_distance": math.nan}, "max_distance"),
        ({"group_by": "no_such_field"}, "category"),
        ({"group_by": ""}, "group_by"),
        ({"group_by": ["category"]}, "group_by"),
        ({"members": 3}, "group_by"),
        ({"group_by": "category", "members": -1}, "members=-1"),
        ({"group_by": "category", "members": 2, "collapse": True}, "one of the two"),
        ({"tags": []}, "tags"),
        ({"tags": "red"}, "list of texts"),
        ({"tags": [""]}, "tag"),
        ({"tag_weight": 0.3}, "without tags"),
        ({"tags": ["red"], "tag_weight": 2}, "tag_weight=2"),
        ({"tags": ["red"], "tag_weight": math.nan}, "tag_weight"),
        ({"diversity": "high"}, "diversity='high'"),
        ({"diversity": True}, "diversity"),
        ({"diversity": -0.1}, "diversity=-0.1"),
        ({"diversity": 0.5, "cursor": "x"}, "further pages"),
        ({"diversity": 0.5, "limit": 5000}, "1000"),
        ({"collapse": 90}, "collapse=0.9"),
        ({"collapse": "yes"}, "collapse"),
        ({"like": [("id:x", 0)]}, "above 0"),
        ({"like": [("id:x", -1)]}, "above 0"),
        ({"unlike": [("id:x", math.nan)]}, "above 0"),
    ],
)
def test_what_means_nothing_is_refused_with_a_way_out(
    shop: lookalike.Collection, truth: Truth, wrong: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        shop.search(f"id:{min(truth.records)}", **wrong)


def test_a_filter_that_is_no_json_and_a_search_by_tags_alone_are_refused(shop: lookalike.Collection) -> None:
    with pytest.raises(FilterError, match="not JSON"):
        shop.search("id:x", filter="{")
    with pytest.raises(InputError, match="needs an example"):
        shop.search(tags=["red"])


def test_a_declared_field_that_no_record_holds_makes_groups_of_one(library: lookalike.Library, pictures: Path) -> None:
    photos = library.collection("declared", create=True, fields=["sku"])
    assert len(photos.search(pictures / "a" / "0.jpg", group_by="anything")) == 0, "an empty collection has no fields"
    photos.add(pictures)
    assert len(photos.search("id:a/0.jpg", group_by="sku", limit=20)) == 10
    with pytest.raises(InputError, match="There are: sku"):
        photos.search("id:a/0.jpg", group_by="skv")
    photos.declare(["price"], drop=["sku"])
    assert photos.spec.fields == ("price",)
    with pytest.raises(InputError, match="not a declared field"):
        photos.declare(drop=["sku"])


def test_an_explanation_says_what_the_store_was_asked(shop: lookalike.Collection, truth: Truth) -> None:
    query = f"id:{min(truth.records)}"
    assert shop.search(query).explanation is None
    found = shop.search(query, limit=5, filter={"category": "scene"}, tags=["copy"], explain=True)
    assert found.explanation is not None
    steps = found.explanation.steps
    assert {"nearest", "tags"} <= {step.asked_for for step in steps}
    assert all(step.plan.reason and step.plan.search_ms >= 0 for step in steps)
    assert found.explanation.candidates >= 5
    assert 0 < found.explanation.query_ms < found.explanation.total_ms
    assert "candidates scored" in str(found)
    grouped = shop.search(query, group_by="product_id", members=2, explain=True).explanation
    assert grouped is not None
    assert any(step.asked_for == "members" for step in grouped.steps)


def test_the_next_page_reuses_the_ranking_and_deep_pages_grow_it_rarely(
    shop: lookalike.Collection, truth: Truth
) -> None:
    asked, cursor, calls = {"limit": 3, "explain": True, "max_distance": 1.9}, None, []
    for number in itertools.count():
        page = shop.search(f"id:{max(truth.records)}", cursor=cursor, **asked)
        assert page.explanation is not None
        assert page.explanation.reused is (number > 0)
        calls.append(sum(step.asked_for == "nearest" for step in page.explanation.steps))
        cursor = page.next
        if cursor is None:
            break
    assert len(calls) == math.ceil(len(truth.records) / 3)
    assert sum(calls) <= 2 + math.log(len(truth.records), 4)


def test_results_show_groups_and_hidden_counts_to_people(shop: lookalike.Collection, truth: Truth) -> None:
    query = f"id:{min(truth.records)}"
    grouped = shop.search(query, limit=2, group_by="category", members=2)
    assert len(str(grouped).splitlines()) == 1 + 2 + sum(len(match.members or ()) for match in grouped)
    assert grouped._repr_html_().count("<figure") == 1 + 2 + sum(len(match.members or ()) for match in grouped)
    collapsed = shop.search(query, limit=1000, collapse=0.7)
    assert "hidden" in str(collapsed).splitlines()[0]
    assert any(match.hidden for match in collapsed)
    assert "alike" in replace(collapsed, matches=tuple(m for m in collapsed if m.hidden))._repr_html_()
    assert str(shop.search(query, tags=["red"])).splitlines()[0].split()[-2:] == ["visual", "tags"]


def test_leaving_out_copies_asks_for_no_more_than_it_can_compare(library, pictures):
    collection = library.create("collapsing")
    collection.add(pictures)
    assert len(collection.search("id:a/0.jpg", limit=10_000, collapse=True)) == 8
    with pytest.raises(InputError, match="with `collapse`"):
        collection.search("id:a/0.jpg", limit=10_001, collapse=0.9)


@pytest.mark.parametrize("floor", [0.0, 0.4, 0.6, 0.9, 0.98, 1.0])
def test_copies_that_are_left_out_are_those_that_comparing_one_by_one_leaves_out(library, floor):
    """Blocks and products of matrices find the pairs; each pair is judged by its exact distance."""
    collection = library.create("one-by-one", type="matching", keep="none")
    sizes = [(seed, side) for seed in range(24) for side in (64, 80, 97)]
    records = [{"_id": f"{seed} {side}", "_bytes": jpeg(seed, (side, side))} for seed, side in sizes]
    assert not collection.add(records).failed
    ranked = [match.id for match in collection.search("id:0 64", limit=100, verify=0)]
    assert len(ranked) == len(records)
    kept: list[str] = []
    for one in ranked:
        scores = {match.id: match.score for match in collection.search(f"id:{one}", limit=100, verify=0)}
        if not any(scores[other] >= floor for other in kept):
            kept.append(one)
    assert [match.id for match in collection.search("id:0 64", limit=100, collapse=floor, verify=0)] == kept


def test_tags_and_fields_that_no_record_has_are_told(library: lookalike.Library, tmp_path: Path) -> None:
    shelf = library.collection("shelf", create=True)
    for seed in range(4):
        draw(seed).save(tmp_path / f"{seed}.jpg")
        shelf.add(tmp_path / f"{seed}.jpg", metadata={"price": seed}, tags=["red" if seed % 2 else "blue"])

    def unknown(**asked: Any) -> tuple[str, ...]:
        return shelf.search("id:0.jpg", **asked).unknown

    assert unknown(tags=["red"]) == ()
    assert unknown(tags=["rde", "red"]) == ()  # one of them says enough
    assert unknown(tags=["rde"]) == ('tag "rde"',)
    assert unknown(filter={"prize": {"$gt": 1}}) == ('field "prize"',)
    assert unknown(filter={"$and": [{"prize": 1}, {"tags": "rde"}]}) == ('tag "rde"', 'field "prize"')
    assert unknown(filter={"price": {"$gt": 100}}) == ()
    assert unknown(filter={"prize": {"$exists": False}}) == ()
    assert unknown(filter={"_id": "nobody"}) == ()


def test_the_embedding_of_a_stored_picture_is_the_one_that_is_kept(shop: lookalike.Collection) -> None:
    id = min(record.id for record in shop)
    assert shop.embedding(f"id:{id}") == pytest.approx(shop.vector(id).tolist())


@pytest.mark.parametrize("crop", [5, (1, 2, 3), ("a", 0, 1, 1), (0.5, 0, 1, 1), [0, 0, -1, 1]])
def test_a_crop_that_is_not_a_box_is_refused_in_words(shop: lookalike.Collection, crop: object) -> None:
    with pytest.raises(InputError, match="crop="):
        shop.search(saved(draw(1)), crop=crop)  # type: ignore[arg-type]
