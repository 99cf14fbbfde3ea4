"""What does not fit a request is told in sentences: the field as JSON names it, what is there, what is expected."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from serving import API, Served, served

from lookalike.doors.http import misfits, schema
from lookalike.doors.http.app import bare_app
from lookalike.doors.http.bodies import as_model
from lookalike.doors.http.json_budget import JsonBudget
from lookalike.doors.http.openapi import text
from lookalike.errors import FilterError, InputError
from lookalike.filters import parse_filter
from lookalike.limits import Limits

OPENAPI = json.loads(text(bare_app()))
# A value of every type of JSON, and lists and objects that hold what does not fit.
VALUES: list[Any] = [None, True, -3, 2.5, 10**30, "none of these", "", [], [None], ["a", 3], {}, {"none": []}]
VALIDATOR = re.compile(
    r"\b(NoneType|None|True|False|dict|type=|Input|Field|Extra|should be|valid (string|list|dictionary)|int\b|str\b)|"
    r"\w+\[\w+,|function-|constrained|" + "|".join(rf"\b{name}\b" for name in vars(schema) if name[0].isupper())
)


def request_models() -> Iterator[type[BaseModel]]:
    for operations in OPENAPI["paths"].values():
        for operation in operations.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                for name in re.findall(r"#/components/schemas/(\w+)", json.dumps(content)):
                    yield getattr(schema, name)


def refusal_of(model: type[BaseModel], body: Any) -> str | None:
    try:
        as_model(json.dumps(body).encode(), model, JsonBudget(Limits()))
    except InputError as error:
        return error.message
    return None


MODELS = sorted({*request_models(), schema.QuotasForm, schema.RecordChange}, key=lambda model: model.__name__)


def test_the_document_names_the_bodies_of_requests() -> None:
    assert len(MODELS) > 12
    assert {"SearchQuery", "NewKey", "NewCollection", "NewDecision"} <= {model.__name__ for model in MODELS}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_wrong_value_of_every_field_is_told_in_a_sentence(model: type[BaseModel]) -> None:
    example = (model.model_config.get("json_schema_extra") or {"examples": [{}]})["examples"][0]
    fields = [one.alias or name for name, one in model.model_fields.items()]
    refused = 0
    for field in fields:
        for value in VALUES:
            message = refusal_of(model, {**example, field: value})
            if message is not None:
                refused += 1
                assert message.startswith(field), message
                assert not VALIDATOR.search(message.replace(json.dumps(value), "")), message
                assert re.search(r"(is expected|are expected|Send \w+|Shorten it|leave it out|in the body)\.$", message)
    assert refused >= len(fields)
    for value in (None, True, 3, "a", [{}]):
        assert refusal_of(model, value).startswith("the body is ")
    unknown = refusal_of(model, {**example, "nothing": 1})
    assert unknown is None or unknown.startswith(f"nothing is not a field that is known here. There are: {fields[0]}")


@pytest.mark.parametrize(
    ("model", "body", "told"),
    [
        ("SearchQuery", {"filter": [1]}, "filter is a list: an object or a text is expected."),
        ("SearchQuery", {"filter": 3}, "filter is 3: an object or a text is expected."),
        ("SearchQuery", {"limit": None}, "limit is null: a whole number is expected."),
        ("SearchQuery", {"limit": "ten"}, 'limit is "ten": a whole number is expected.'),
        ("SearchQuery", {"limit": 2.5}, "limit is 2.5: a whole number is expected."),
        ("SearchQuery", {"like": [None]}, "like[0] is null: a text or an object is expected."),
        ("SearchQuery", {"like": ["a", {"source": "b", "weight": ""}]}, 'like[1].weight is "": a number is expected.'),
        ("SearchQuery", {"like": [{"weight": 1}]}, "like[0].source is missing: send it in the body."),
        ("SearchQuery", {"unlike": [{"source": "a", "wieght": 1}]}, "unlike[0].wieght is not a field that is known"),
        ("SearchQuery", {"collapse": []}, "collapse is a list: true or false or a number is expected."),
        ("SearchQuery", {"crop": [1, 2, 3]}, "crop has fewer elements than the 4 that are needed. Send more."),
        ("SearchQuery", {"crop": [1, 2, 3, 4, 5]}, "crop has more than 4 elements, which may be at most. Send fewer."),
        ("NewCollection", {}, "name is missing: send it in the body."),
        ("NewCollection", {"name": "a", "type": "shoes"}, 'type is "shoes": "photos", "products", "matching" or'),
        ("NewKey", {"name": "a", "quotas": {"bytes": "5"}}, 'quotas.bytes is "5": a whole number is expected.'),
        ("NewKey", {"name": "a", "quotas": {"byte": 5}}, "quotas.byte is not a field that is known here."),
        ("NewDecision", {"decision": "keep", "ids": ["a"], "batch": ""}, "batch is an empty text: 1 or more"),
        ("FolderToIndex", {"folder": "a" * 4097}, "folder has more than 4,096 characters, which may be at most."),
        ("RecordChange", {"_url": 3}, "_url is 3: a text is expected."),
    ],
)
def test_a_misfit_says_the_place_what_is_there_and_what_is_expected(model: str, body: Any, told: str) -> None:
    message = refusal_of(getattr(schema, model), body)
    assert message is not None
    assert message.startswith(told)


@pytest.mark.parametrize(
    ("kind", "value"),
    [(kind, value) for kind in (int, float, bool, str, list[int], dict[str, int]) for value in (None, "", [None], {})],
)
def test_every_kind_of_parameter_is_told_by_its_name(kind: Any, value: Any) -> None:
    try:
        TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError as error:
        found = [{**one, "loc": ("query", "limit")} for one in error.errors()]
        assert re.fullmatch(r"limit is [^:]+: [a-z ]+ is expected\.", misfits.sentence(found))


@pytest.mark.parametrize("value", [None, 3, True, [1], ["a"]])
def test_a_filter_that_is_not_one_says_what_it_is(value: Any) -> None:
    with pytest.raises(FilterError, match=r"^the filter is .*: an object such as \{.*\} is expected\.$"):
        parse_filter(json.dumps(value))
    with pytest.raises(FilterError, match=r"^price\.\$exists is .*: true or false is expected\.$"):
        parse_filter({"price": {"$exists": value if value is not True else 1.5}})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("misfits") / "home") as client:
        client.create("a")
        yield client


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("records?limit=ten", 'limit is "ten": a whole number is expected.'),
        ("records?limit=-1", 'limit is "-1": a number from 1 is expected.'),
        ("records?filter=3", "the filter is 3: an object such as"),
        ("facets?limit=", 'limit is "": a whole number is expected.'),
    ],
)
def test_a_parameter_that_does_not_fit_is_told_in_a_sentence(server: Served, path: str, told: str) -> None:
    reply = server.get(f"{API}/collections/a/{path}")
    assert reply.status_code == 422
    assert reply.json()["error"]["message"].startswith(told)
