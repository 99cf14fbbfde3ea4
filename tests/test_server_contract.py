"""The OpenAPI document: it is the one in the repository, and the running server keeps it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from serving import picture_file, served

from lookalike.doors.http import schema
from lookalike.doors.http.app import bare_app
from lookalike.doors.http.examples import ANSWERS
from lookalike.doors.http.openapi import text

DOCUMENT = ROOT / "docs" / "openapi.json"
LISTS_BOUNDED_ELSEWHERE: set[str] = set()  # each with the reason why it needs no maxItems
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def test_the_document_in_the_repository_is_the_one_of_the_code():
    assert DOCUMENT.read_text() == text(bare_app()), "renew it: lookalike openapi > docs/openapi.json"


def test_every_path_documents_its_errors_and_bodies():
    told = json.loads(DOCUMENT.read_text())
    assert told["openapi"] == "3.1.0"
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            place = f"{method} {path}"
            assert operation["summary"], place
            assert {"401", "403", "429", "503"} <= set(operation["responses"]), place
            for status, answer in operation["responses"].items():
                if status >= "400" and path != "/readyz":
                    content = answer["content"]["application/json"]
                    assert content["schema"]["$ref"].endswith("ErrorBody"), (place, status)
                    assert content["example"]["error"]["code"], (place, status)
            for kind, form in operation.get("requestBody", {}).get("content", {}).items():
                assert form["schema"], (place, kind)
                if "$ref" in form["schema"]:
                    assert form["example"], (place, kind)


def test_every_json_answer_has_an_example_that_fits():
    told = json.loads(DOCUMENT.read_text())
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            for status, answer in operation["responses"].items():
                form = answer.get("content", {}).get("application/json", {}).get("schema", {})
                for one in form.get("anyOf", [form]) if status < "300" and form else []:
                    assert one["$ref"].rsplit("/", 1)[1] in ANSWERS, (method, path, status)
    for name, example in ANSWERS.items():
        getattr(schema, name).model_validate_json(json.dumps(example), strict=True)
        assert told["components"]["schemas"][name]["examples"] == [example]


def test_every_reference_in_the_document_resolves():
    document = DOCUMENT.read_text()
    known = json.loads(document)["components"]["schemas"]
    for name in re.findall(r"#/components/schemas/(\w+)", document):
        assert name in known


def run_schemathesis(tmp_path: Path, phases: str, examples: int, patience_s: float = 280) -> None:
    with served(tmp_path / "home", LOOKALIKE_WORKERS="1") as server:
        server.post(server.create("0"), files=picture_file(1, "0"))
        admin = json.loads(
            server.command("keys", "create", "--name", "admin of this test", "--scope", "admin", "--json")
        )
        done = subprocess.run(
            [
                *(str(Path(sys.executable).parent / "schemathesis"), "run", f"{server.url}/openapi.json"),
                *("--phases", phases, "--checks", CHECKS, "--max-examples", str(examples)),
                *("--header", f"Authorization: Bearer {admin['key']}", "--no-color", "--generation-database", "none"),
                *("--seed", "7", "--request-timeout", "30"),
            ],
            capture_output=True,
            text=True,
            timeout=patience_s,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        assert server.get("/healthz").status_code == 200
        assert "Traceback" not in server.log.read_text()


def test_generated_requests_find_nothing_undocumented(tmp_path):
    run_schemathesis(tmp_path, "examples,fuzzing", 3)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_many_generated_requests_find_nothing_undocumented(tmp_path):
    run_schemathesis(tmp_path, "examples,coverage,fuzzing", 150, patience_s=1700)


def lists_below(form: Any, place: str, models: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every list that a schema lets in, with its place."""
    if isinstance(form, list):
        for one in form:
            yield from lists_below(one, place, models)
    elif isinstance(form, dict):
        if "$ref" in form:
            name = form["$ref"].rsplit("/", 1)[1]
            yield from lists_below(models[name], name, models)
        if form.get("type") == "array":
            yield place, form
        for name, one in form.items():
            if name == "properties":
                for field, inner in one.items():
                    yield from lists_below(inner, f"{place}.{field}", models)
            elif name in ("anyOf", "items", "allOf", "oneOf", "schema"):
                yield from lists_below(one, place, models)


def test_every_list_that_may_be_sent_has_a_greatest_length():
    told = json.loads(DOCUMENT.read_text())
    found: dict[str, dict[str, Any]] = {}
    for methods in told["paths"].values():
        for operation in methods.values():
            sent = [*operation.get("requestBody", {}).get("content", {}).values(), *operation.get("parameters", [])]
            found |= dict(lists_below(sent, operation["operationId"], told["components"]["schemas"]))
    assert {"NewCollection.fields", "CollectionChange.fields", "SearchQuery.like", "NewRecord.tags"} <= set(found)
    without = {place for place, form in found.items() if "maxItems" not in form}
    assert without <= LISTS_BOUNDED_ELSEWHERE
