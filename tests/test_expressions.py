"""Conditions as people write them in a shell, against the filter language that they are short for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click.testing
import pytest
from conftest import draw
from hypothesis import given
from hypothesis import strategies as st

import lookalike
from lookalike.doors.cli import program
from lookalike.errors import FilterError
from lookalike.expressions import parse_expressions
from lookalike.filters import parse_filter

OPERATORS: Mapping[str, str] = {"=": "$eq", "!=": "$ne", "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}


@pytest.mark.parametrize(
    ("expression", "meant"),
    [
        ("price<10", {"price": {"$lt": 10}}),
        ("price <= 10.5", {"price": {"$lte": 10.5}}),
        ("price>-.5", {"price": {"$gt": -0.5}}),
        ("price>=1e3", {"price": {"$gte": 1000.0}}),
        ("sold=true", {"sold": {"$eq": True}}),
        ("note != null", {"note": {"$ne": None}}),
        ("sold='true'", {"sold": {"$eq": "true"}}),
        ('size="42"', {"size": {"$eq": "42"}}),
        ("number=007", {"number": {"$eq": "007"}}),
        ("taken_at>=2024-05-01", {"taken_at": {"$gte": "2024-05-01"}}),
        ("taken_at<2024-05-01T12:00:00Z", {"taken_at": {"$lt": "2024-05-01T12:00:00Z"}}),
        ("maker.name=Anna Bell", {"maker.name": {"$eq": "Anna Bell"}}),
        ("shoe size>40", {"shoe size": {"$gt": 40}}),
        ("'a<b'=1", {"a<b": {"$eq": 1}}),
        ('"a\\"=b" = x', {'a"=b': {"$eq": "x"}}),
        ("url=https://a.example/?q=1&r<2", {"url": {"$eq": "https://a.example/?q=1&r<2"}}),
        ("color=''", {"color": {"$eq": ""}}),
        ("color='it is \"red\"'", {"color": {"$eq": 'it is "red"'}}),
        ("color=Größe\u00a0S", {"color": {"$eq": "Größe\u00a0S"}}),
        ("n=٣", {"n": {"$eq": "٣"}}),  # a digit, and none of JSON
    ],
)
def test_what_a_condition_means(expression: str, meant: dict[str, Any]) -> None:
    assert parse_expressions([expression]) == parse_filter(meant)


@pytest.mark.parametrize(
    ("expression", "character", "why"),
    [
        ("", 1, "an operator is missing"),
        ("price", 6, "an operator is missing"),
        ("price 10", 9, "an operator is missing"),
        ("=10", 1, "the name of a field is missing"),
        (" ''=10", 1, "the name of a field is missing"),
        ("price<", 7, "the value is missing"),
        ("price< ", 7, "the value is missing"),
        ("price==10", 7, "a second operator"),
        ("price=<10", 7, "a second operator"),
        ("price<>10", 7, "a second operator"),
        ("color='red", 7, "do not close"),
        ("color='red' or", 7, "do not close"),
        ('color="\\q"', 7, "an escape that JSON does not know"),
        ("'a' b=3", 5, "behind the quoted field"),
        ("$or=3", 1, "no field begins with \\$"),
        ("price<true", 7, "a number or a text is expected"),
        ("price<1e999", 7, "no form"),
        ("price<" + "9" * 5000, 7, "too many digits"),
    ],
)
def test_a_wrong_condition_is_told_with_its_place(expression: str, character: int, why: str) -> None:
    with pytest.raises(FilterError, match=rf"{why}.*at character {character} of .*Write FIELD OPERATOR VALUE"):
        parse_expressions(["a=1", expression])


values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
fields = st.text(min_size=1).filter(lambda name: name[0] != "$")


@given(
    field=fields,
    operator=st.sampled_from(sorted(OPERATORS)),
    value=values,
    spaces=st.sampled_from(["", " "]),
    held=values,
)
def test_what_is_written_in_quotes_is_read_as_it_was(
    field: str, operator: str, value: Any, spaces: str, held: Any
) -> None:
    expression = spaces.join([json.dumps(field), operator, json.dumps(value)])
    try:
        expected = parse_filter({field: {OPERATORS[operator]: value}})
    except FilterError:
        with pytest.raises(FilterError):
            parse_expressions([expression])
        return
    read = parse_expressions([expression])
    assert read == expected
    for document in ({}, {field: held}, {field: value}, {field: [held, value]}):
        assert read.accepts(document) == expected.accepts(document)


@given(st.text())
def test_any_text_is_read_or_refused_in_our_words(text: str) -> None:
    try:
        parse_expressions([text])
    except FilterError as error:
        str(error).encode()


numbers = st.integers(-3, 3)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(sorted(OPERATORS)), numbers), min_size=1),
       st.fixed_dictionaries({"a": numbers, "b": numbers}))  # fmt: skip
def test_of_several_all_must_hold(conditions: list[tuple[str, str, int]], document: dict[str, int]) -> None:
    means = {"=": int.__eq__, "!=": int.__ne__, "<": int.__lt__, "<=": int.__le__, ">": int.__gt__, ">=": int.__ge__}
    wanted = all(means[operator](document[field], value) for field, operator, value in conditions)
    read = parse_expressions([f"{field}{operator}{value}" for field, operator, value in conditions])
    assert read.accepts(document) is wanted
    beside = parse_filter({"a": 1})
    assert parse_expressions(["b>0"], beside=beside).accepts(document) == (document["a"] == 1 and document["b"] > 0)


def test_commands_take_it_beside_a_filter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOOKALIKE_HOME", str(tmp_path / "home"))
    with lookalike.open() as library:
        made = library.collection(create=True)
        for seed in range(4):
            draw(seed).save(tmp_path / f"{seed}.jpg")
            made.add(tmp_path / f"{seed}.jpg", metadata={"price": seed, "kind": "odd" if seed % 2 else "even"})

    def run(*words: str, code: int = 0) -> str:
        assert program.run([*words]) == code
        told = capsys.readouterr()
        return told.err if code else told.out

    def found(*words: str) -> list[str]:
        return sorted(one["id"] for one in json.loads(run("find", "id:0.jpg", "--json", *words))["matches"])

    assert found("--where", "price<2") == ["0.jpg", "1.jpg"]
    assert found("--where", "price>0", "--where", "kind=odd") == ["1.jpg", "3.jpg"]
    assert found("--filter", '{"kind": "odd"}', "--where", "price >= 2") == ["3.jpg"]
    exported = [json.loads(line)["_id"] for line in run("export", "--where", "kind=even").splitlines()]
    assert exported == ["0.jpg", "2.jpg"]
    assert len(run("export", "--filter", '{"price": 3}', "--where", "price=1").splitlines()) == 0
    assert "character 6 of 'price'" in run("find", "id:0.jpg", "--where", "price", code=2)
    assert click.testing.CliRunner().invoke(program.cli, ["export", "--help"]).output.count("--where") >= 2
