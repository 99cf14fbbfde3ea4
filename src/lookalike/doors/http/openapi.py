"""The OpenAPI document: what FastAPI finds, and the bodies and errors that it cannot see."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from ... import __version__
from ...errors import NotFoundError
from . import schema
from .examples import ANSWERS

if TYPE_CHECKING:
    from fastapi import FastAPI

_REF = "#/components/schemas/{model}"
_ABOUT = """Find similar images. The same names and defaults as in Python and on the command line.

A key goes into the header `Authorization: Bearer KEY`; while no key exists, this machine needs none.
Ids may hold anything, slashes too; in a path they are percent-encoded.
Every answer has the header `X-Request-Id`; every failure has a body with `code`, `message` and `request_id`.
"""
_ERRORS: Mapping[int, tuple[str, str, str]] = {
    400: ("The body is broken.", "body_malformed", "the body is not JSON: expected value at line 1 column 1."),
    401: ("A key is needed.", "key_needed", 'no key was sent. Send a valid one in the header "Authorization: Bearer".'),
    403: ("The caller may not.", "scope_insufficient", 'key "shop" has the scope "read"; this needs "write".'),
    404: (
        "It is not there.",
        "collection_not_found",
        'no collection "shoez". There are: hats, shoes. Check the spelling.',
    ),
    405: ("Not with this method.", "method_not_allowed", "this path does not take this method. It takes GET, POST."),
    409: ("It contradicts what is stored.", "id_taken", 'id "7" belongs to another picture, so b.jpg was not stored.'),
    412: ("It was changed meanwhile.", "changed_meanwhile", 'record "7" is not as it was. Read it again.'),
    413: ("Too large.", "image_too_large", "the image has 212 megapixels; the limit is 100. Resize it."),
    415: ("Not read here.", "image_unsupported", "SVG pictures are not read here. Save it as PNG."),
    422: ("A value is wrong.", "input_invalid", "threshold=90 is out of range: a score runs from 0 to 1."),
    429: ("Over a quota.", "quota_exceeded", 'key "shop" may make 5 requests a second. Slow down.'),
    503: ("No room now.", "busy", "260 requests are under way. Try again in a moment."),
}
_ALWAYS = (400, 401, 403, 429, 503)  # the middleware and the limits, before anything is read


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Document the failures of a path: those that any has, and its own."""
    return {status: _error(status) for status in sorted({*_ALWAYS, *statuses})}


def body(content: Mapping[str, Any]) -> dict[str, Any]:
    """Document a request body that a route reads by itself: media type to model, or to a schema."""
    forms = {
        kind: {"schema": _ref(form) if isinstance(form, type) else form, **_examples(form)}
        for kind, form in content.items()
    }
    return {"requestBody": {"required": True, "content": forms}}


def files(*names: str, required: Sequence[str] = (), **models: type[BaseModel]) -> dict[str, Any]:
    """Describe a multipart body: its file parts, and the parts that hold JSON."""
    parts: dict[str, Any] = {name: {"type": "string", "format": "binary"} for name in names}
    parts |= {name: _ref(model) for name, model in models.items()}
    return {"type": "object", "properties": parts, "required": list(required or names)}


BINARY = {"type": "string", "format": "binary"}


def document(app: FastAPI) -> dict[str, Any]:
    """Return the whole document."""
    if not app.openapi_schema:
        told = get_openapi(
            title="lookalike", version=__version__, openapi_version="3.1.0", description=_ABOUT, routes=app.routes
        )
        known = told.setdefault("components", {}).setdefault("schemas", {})
        for model in _models():
            described = model.model_json_schema(ref_template=_REF)
            for name, one in {**described.pop("$defs", {}), model.__name__: described}.items():
                known.setdefault(name, one)
        for name, example in ANSWERS.items():
            known[name]["examples"] = [example]
        told["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        told["security"] = [{"key": []}, {}]
        app.openapi_schema = told
    return app.openapi_schema


def schema_of(name: str) -> dict[str, Any]:
    """Return the schema of one model, without making the whole document.

    Raises:
        NotFoundError
    """
    for model in _models():
        if model.__name__ == name:
            return model.model_json_schema(ref_template=_REF)
    raise NotFoundError(f'the document has no schema "{name[:80]}".')


def text(app: FastAPI) -> str:
    """Return the document as it is kept in the repository."""
    return json.dumps(document(app), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _models() -> list[type[BaseModel]]:
    found = [one for one in vars(schema).values() if isinstance(one, type) and issubclass(one, BaseModel)]
    are_bases = (BaseModel, schema.Asked, schema.Answered)
    return [one for one in found if one not in are_bases and not one.__name__.startswith("_")]


def _error(status: int) -> dict[str, Any]:
    about, code, message = _ERRORS[status]
    example = {"error": {"code": code, "message": message, "request_id": "4f1d0c2b9a7e6358"}}
    told: dict[str, Any] = {
        "description": about,
        "content": {"application/json": {"schema": _ref(schema.ErrorBody), "example": example}},
    }
    if status in (429, 503):
        told["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return told


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def _examples(form: Any) -> dict[str, Any]:
    if not isinstance(form, type) or not issubclass(form, BaseModel):
        return {}
    extra: Any = form.model_config.get("json_schema_extra", {})
    examples = extra.get("examples", [])
    return {"example": examples[0]} if examples else {}
