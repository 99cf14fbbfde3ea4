"""Wrong values in the Python face: each parameter of each public method is called with all of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import draw

import lookalike
from lookalike.core.collection import Collection
from lookalike.core.decisions.decisions import Decisions
from lookalike.core.library import Library
from lookalike.core.review.review import Review
from lookalike.errors import InputError, LookalikeError
from lookalike.query import Conditions

WRONG: dict[str, Any] = {
    "int": 5,
    "negative": -1,
    "text": "x",
    "empty list": [],
    "list": [5],
    "object": {},
    "full object": {"a": 1},
    "thing": object(),
    "bytes": b"",
    "nan": float("nan"),
    "surrogate": "\ud800",
    "surrogates": ["\ud800"],
    "zero": "a\0b",
    "true": True,
    "none": None,
}
ID = "0.jpg"


@dataclass
class World:
    """A library with one collection of a few pictures."""

    folder: Path
    library: Library
    collection: Collection

    @property
    def module(self) -> Any:
        return lookalike

    @property
    def review(self) -> Review:
        return self.collection.review

    @property
    def decisions(self) -> Decisions:
        return self.collection.decisions


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("arguments")
    (folder / "photos").mkdir()
    with pytest.MonkeyPatch.context() as patch, lookalike.open(folder / "home") as library:
        patch.chdir(folder)  # what is written under a wrong name lands here
        patch.setenv("LOOKALIKE_HOME", str(folder / "default"))
        collection = library.collection("photos", create=True)
        for seed in range(4):
            draw(seed).save(folder / "photos" / f"{seed}.jpg")
        collection.add(folder / "photos")
        collection.update_all([(f"{seed}.jpg", {"shape": seed % 2}, None) for seed in range(4)])
        yield World(folder, library, collection)


def picture(world: World) -> str:
    return str(world.folder / "photos" / ID)


# What a method needs beside the parameter that is wrong, where it needs anything.
NEEDED: dict[str, Callable[[World], dict[str, Any]]] = {
    "collection.add": lambda world: {"source": picture(world)},
    "collection.search": lambda world: {"source": f"id:{ID}"},
    "collection.histogram": lambda world: {"source": f"id:{ID}"},
    "collection.evaluate": lambda world: {"label": "shape"},
    "collection.calibrate": lambda world: {"label": "shape"},
    "collection.compare": lambda world: {"a": f"id:{ID}", "b": picture(world)},
    "collection.rank": lambda world: {"source": f"id:{ID}", "others": [picture(world)]},
    "collection.within": lambda world: {"collections": ["photos"]},
    "collection.plan_prune": lambda world: {"folder": world.folder / "photos"},
    "collection.attach": lambda world: {"name": "note", "data": b"kept"},
    "collection.attachment": lambda world: {"name": "note"},
    "collection.update_all": lambda world: {"changes": [(ID, {"price": 3}, ["red"])]},
    "collection.revise": lambda world: {"record_ids": [ID]},
    "collection.get_many": lambda world: {"record_ids": [ID]},
    "collection.find_text": lambda world: {"text": "red"},
    "collection.delete": lambda world: {"record_ids": ["nobody"]},
    "collection.holds": lambda world: {"field": "shape"},
    "collection.embedding": lambda world: {"source": f"id:{ID}"},
    "collection.backup": lambda world: {"target": world.folder / "backup"},
    "collection.records_of_file": lambda world: {"record": world.collection.get(ID)},
    **dict.fromkeys(
        [f"collection.{name}" for name in ("get", "update", "thumbnail", "kept_thumbnail", "vector", "original")],
        lambda world: {"record_id": ID},
    ),
    **dict.fromkeys(
        [f"library.{name}" for name in ("info", "create", "delete_collection", "forget")],
        lambda world: {"name": "other"},
    ),
    "library.restore": lambda world: {"source": world.folder / "nowhere"},
    "library.compare": lambda world: {"a": picture(world), "b": picture(world)},
    "library.rank": lambda world: {"source": picture(world), "others": [picture(world)]},
    "library.distinct": lambda world: {"sources": [picture(world)]},
    "library.difference_hash": lambda world: {"source": picture(world)},
    "library.fetch": lambda world: {"url": "http://127.0.0.1:9/a.jpg", "most_bytes": 1000, "timeout_s": 1.0},
    "module.compare": lambda world: {"a": picture(world), "b": picture(world)},
    "decisions.within": lambda world: {"collections": ["photos"]},
    "decisions.decide": lambda world: {"choice": "later", "record_ids": [ID]},
    "decisions.decide_all": lambda world: {"choices": [("later", [ID], [])]},
    "decisions.kinds": lambda world: {"record_ids": [ID]},
    "decisions.ids_of": lambda world: {"kind": "later"},
    "decisions.records_of": lambda world: {"kind": "later"},
    "decisions.different_from": lambda world: {"record_id": ID, "others": [ID]},
    "decisions.reopen": lambda world: {"record_ids": [ID]},
    "decisions.undo": lambda world: {"ids": []},
}  # fmt: skip
INSIDE = {  # not for callers of the library: they take what only our own code has
    "collection.prune", "collection.close", "library.close", "review.telling", "decisions.all_different_from",
    "decisions.records_that_are", "decisions.note_applied", "decisions.applied_to", "decisions.take_back",
    "decisions.about_gone",
}  # fmt: skip


def methods() -> dict[str, Callable[..., Any]]:
    faces = {"collection": Collection, "library": Library, "review": Review, "decisions": Decisions}
    found = {
        f"{face}.{name}": method
        for face, kind in faces.items()
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }
    return found | {f"module.{name}": getattr(lookalike, name) for name in ("open", "compare")}


def parameters(method: Callable[..., Any]) -> list[str]:
    names = [one for one in inspect.signature(method).parameters if one != "self"]
    return [name for one in names for name in (Conditions.__annotations__ if one == "conditions" else [one])]


def called(world: World, method: str, arguments: dict[str, Any]) -> None:
    face, name = method.split(".")
    answer = getattr(getattr(world, face), name)(**arguments)
    if inspect.isgenerator(answer):
        list(answer)


def test_what_is_left_out_is_there() -> None:
    assert INSIDE | set(NEEDED) <= set(methods())


@pytest.mark.parametrize("method", sorted(set(methods()) - INSIDE))
def test_a_wrong_value_works_or_is_refused_in_our_words(world: World, method: str) -> None:
    failed, needed = [], NEEDED.get(method, lambda world: {})
    for parameter in parameters(methods()[method]):
        for kind, value in WRONG.items():
            try:
                called(world, method, {**needed(world), parameter: value})
            except LookalikeError as error:
                str(error).encode()  # people can be told
            except Exception as error:
                failed.append(f"{parameter}={kind}: {type(error).__name__}: {error}")
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda one: one.collection.get(5), "record_id=5 is of type int: pass a text"),
        (lambda one: one.collection["\ud800"], r"record_id='\\ud800' holds half of a character"),
        (lambda one: one.collection.update(ID, 5), "metadata=5 is of type int: pass an object"),
        (lambda one: one.collection.update(ID, unset=5), "unset=5 .* pass a list of texts"),
        (lambda one: one.collection.update(ID, unset="price"), "unset='price' is of type str: pass a list of texts"),
        (lambda one: one.collection.update(ID, tags={"a": 1}), "tags"),
        (lambda one: one.collection.update(ID, source=[]), "one picture"),
        (lambda one: one.collection.search(f"id:{ID}", tags={"a": 1}), "tags are a list of texts"),
        (lambda one: one.collection.search(f"id:{ID}", exact="no"), "exact='no' is neither True nor False"),
        (lambda one: one.collection.search("id:\ud800"), "half of a character"),
        (lambda one: one.collection.add(picture(one), on_progress=5), "on_progress=5 .* pass a function"),
        (lambda one: one.collection.add(picture(one), replace="no"), "replace='no' .* pass True or False"),
        (lambda one: one.collection.facets(contains=5), "contains=5"),
        (lambda one: one.collection.configure(fields=5), "fields=5"),
        (lambda one: one.collection.evaluate(label=5), "label=5"),
        (lambda one: one.collection.thumbnail(ID, side_px=-1), "side_px=-1 is out of range"),
        (lambda one: one.collection.delete(iter(["nobody", 5])), "a value of record_ids=5 .* pass a text"),
        (lambda one: one.collection.update_all([(ID, {})]), "pass 3 values in each tuple"),
        (lambda one: one.collection.scan(filter=5), "filter"),
        (lambda one: one.library.collection([]), r"name=\[\] is of type list: pass a text"),
        (lambda one: one.review.page(folder=5), "folder=5"),
        (lambda one: one.decisions.decide("later", ID), "record_ids='0.jpg' is of type str: pass a list of texts"),
        (lambda one: lookalike.open(b""), "home=b'' is of type bytes: pass a text or a path|pass a path"),
        (lambda one: lookalike.open("a\0b"), "home"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_what_to_pass(world: World, call: Callable[[World], Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        call(world)


def test_what_is_no_id_is_in_no_collection(world: World) -> None:
    assert ID in world.collection
    assert not [one for one in (5, None, "\ud800", b"0.jpg") if one in world.collection]


def test_lists_of_any_kind_are_taken(world: World) -> None:
    for some in ([ID], (ID,), {ID}, iter([ID]), {ID: 1}.keys(), (one for one in [ID])):
        assert [one.id for one in world.collection.revise(some, {"seen": True})] == [ID]  # type: ignore[union-attr]
    assert inspect.signature(Collection.get).parameters.keys() == {"self", "record_id"}


def test_numbers_of_numpy_are_numbers(tmp_path):
    picture = draw(1)
    with lookalike.open(tmp_path / "home") as library:
        shelf = library.collection("shelf", create=True)
        shelf.add(picture, id="a", metadata={"n": np.int64(3), "deep": [{"x": np.float32(0.5)}, np.arange(2)]})
        assert shelf["a"].metadata == {"n": 3, "deep": [{"x": 0.5}, [0, 1]]}
        assert shelf.update("a", {"sold": np.bool_(True)}).metadata["sold"] is True
        assert shelf.count(filter={"n": np.int64(3)}) == shelf.count(filter={"n": {"$in": [np.int8(3)]}}) == 1
        found = shelf.search("id:a", limit=np.int64(2), threshold=np.float32(0.1), exact=np.bool_(True))
        assert [type(value) for value in (found.query["limit"], found.query["threshold"])] == [int, float]
        assert len(shelf.sample(np.int16(1))) == 1
        assert shelf.duplicates(threshold=np.float32(0.95), verify=np.False_).threshold == pytest.approx(0.95)
        assert shelf.search(picture, crop=np.array([0, 0, 9, 9])).query["crop"] == [0, 0, 9, 9]
        assert len(shelf.search(like=[("id:a", np.float32(2)), ("id:a", 1e308)])) == 1
        assert "max_distance" not in shelf.search("id:a", max_distance=np.inf).query
        for wrong in (np.array([1, 2]), np.float32("nan"), np.datetime64("2026-01-01")):
            with pytest.raises(InputError):
                shelf.sample(wrong)


DOTS = ["..", ".", "a/..", "../a", "a/./b", "a\\..\\b"]


@pytest.mark.parametrize("name", DOTS)
def test_no_new_collection_is_called_as_addresses_lose_it(world: World, tmp_path: Path, name: str) -> None:
    before = world.library.collections()
    world.collection.backup(tmp_path / "kept")
    for make in (
        lambda: world.library.create(name),
        lambda: world.library.collection(name, create=True),
        lambda: world.library.restore(tmp_path / "kept", name),
    ):
        with pytest.raises(InputError, match=r"cannot name a new collection.*Pass a name without it"):
            make()
    assert world.library.collections() == before


@pytest.mark.parametrize("name", [*DOTS[:3], "a/b", "...", "a..b", ".hidden"])
def test_a_collection_that_is_called_so_opens_and_goes(world: World, tmp_path: Path, name: str) -> None:
    spec = replace(world.collection.spec, name=name)
    world.library._stores.create(spec).close()  # as an earlier lookalike did
    made = world.library.collection(name, create=True)
    assert made.add(picture(world)).added == 1
    made.backup(tmp_path / "kept")
    assert name in world.library.collections()
    world.library.delete_collection(name)
    assert name not in world.library.collections()
    assert len(world.library.restore(tmp_path / "kept")) == 1  # under its own name
    world.library.delete_collection(name)
