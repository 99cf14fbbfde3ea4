"""A condition of a search is declared once, and every door takes it from there."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, get_type_hints

import click
import pytest

from lookalike.core.search.query_vectors import QueryVector, digest_of
from lookalike.doors.cli.conditions import condition_options, given_conditions
from lookalike.doors.http.schema import SearchQuery
from lookalike.errors import InputError
from lookalike.query import Conditions, Query, conditions, query_of

EXAMPLES: dict[str, tuple[str, Any]] = {  # as it is typed, and as Python says it
    "limit": ("7", 7),
    "threshold": ("0.5", 0.5),
    "precision": ("0.9", 0.9),
    "max_distance": ("0.25", 0.25),
    "filter": ('{"price": 3}', '{"price": 3}'),
    "group_by": ("sku", "sku"),
    "members": ("2", 2),
    "tags": ("red", ("red",)),
    "tag_weight": ("0.4", 0.4),
    "diversity": ("0.2", 0.2),
    "collapse": ("", True),
    "crop": ("1,2,3,4", "1,2,3,4"),
    "cursor": ("abc", "abc"),
    "exact": ("", True),
    "verify": ("5", 5),
    "explain": ("", True),
}
PROBE_VECTOR = bytes(8)


class Vector:
    """Something with bytes, as an array has."""

    def tobytes(self) -> bytes:
        return PROBE_VECTOR


def digest(query: Query) -> bytes:
    return digest_of(query, "shop", QueryVector(Vector()))  # type: ignore[arg-type]


def test_what_callers_pass_and_what_is_checked_have_the_same_names() -> None:
    assert [one.name for one in fields(Query)] == list(get_type_hints(Conditions)) == list(EXAMPLES)


def test_the_command_line_takes_every_condition() -> None:
    taken: dict[str, Any] = {}

    @click.command()
    @condition_options
    def command(**values: Any) -> None:
        taken.update(given_conditions(values))

    words = [word for one in conditions() for word in (one.option, EXAMPLES[one.name][0]) if word]
    command.main(words, standalone_mode=False)
    assert taken == {name: value for name, (_, value) in EXAMPLES.items()}
    command.main(["--collapse-from", "0.8"], standalone_mode=False)
    assert taken["collapse"] == 0.8
    assert all(option.help and "`" not in option.help for option in command.params if isinstance(option, click.Option))


def test_nothing_is_asked_where_no_option_is_given() -> None:
    taken: dict[str, Any] = {}

    @click.command()
    @condition_options
    def command(**values: Any) -> None:
        taken.update(given_conditions(values))

    command.main([], standalone_mode=False)
    assert query_of(taken) == Query()


def test_http_takes_every_condition_and_leaves_it_open_as_python_does() -> None:
    model = SearchQuery.model_fields
    for one in conditions():
        assert model[one.name].description == one.help
        assert model[one.name].json_schema_extra == {"x-option": one.option}
        assert query_of({one.name: model[one.name].default}) == Query()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_answer_says_what_it_was_asked_with(name: str) -> None:
    needed = {"members": {"group_by": "sku"}, "tag_weight": {"tags": ["red"]}}.get(name, {})
    told = query_of({name: EXAMPLES[name][1], **needed}).echo()
    assert (name in told) is (name not in ("cursor", "explain"))
    assert set(told) - {name} - set(needed) <= {"limit", "tag_weight"}


def test_a_cursor_is_bound_to_what_decides_the_ranking() -> None:
    plain = digest(query_of({}))
    free = {"limit", "precision", "members", "diversity", "crop", "cursor", "explain"}
    other = {"tag_weight": replace(Query(), tag_weight=0.5)}
    for name, (_, value) in EXAMPLES.items():
        query = other.get(name) or (replace(Query(), members=2) if name == "members" else query_of({name: value}))
        assert (digest(query) == plain) is (name in free), name


def test_a_name_that_is_no_condition_is_told_with_those_that_are() -> None:
    with pytest.raises(TypeError, match=r"no condition 'treshold': there are limit, threshold"):
        query_of({"treshold": 0.5})  # type: ignore[typeddict-unknown-key]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"limit": 0}, "limit=0"),
        ({"limit": True}, "limit=True"),
        ({"threshold": 70}, "pass threshold=0.7"),
        ({"precision": "high"}, "precision='high'"),
        ({"max_distance": -1}, "max_distance=-1"),
        ({"members": 2}, "group_by"),
        ({"members": 2, "group_by": "sku", "collapse": True}, "collapse"),
        ({"tags": []}, "tags"),
        ({"tag_weight": 0.0}, "without tags"),
        ({"threshold": 0.5, "precision": 0.9}, "both"),
        ({"diversity": 0.5, "cursor": "abc"}, "cursor"),
        ({"collapse": True, "limit": 20_000}, "10000"),
        ({"crop": "1,2,3"}, "x,y,width,height"),
        ({"crop": "a,b,c,d"}, "x,y,width,height"),
        ({"filter": {"$what": 1}}, r"\$what"),
    ],
)
def test_what_cannot_be_is_refused(given: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        query_of(given)
