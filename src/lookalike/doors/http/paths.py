"""What the routes share: names in paths, conditions of requests, and the forms of single answers."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote

from fastapi import Path
from pydantic import BeforeValidator

from ...errors import ChangedMeanwhileError
from ...records import Outcome
from ..serialization import record_form

if TYPE_CHECKING:
    from starlette.requests import Request

    from ...core.collection import Collection
    from ...records import Record

# The middleware leaves paths as they were sent, so that an id may hold an encoded slash.
Name = Annotated[str, BeforeValidator(unquote), Path(description="Name of a collection, percent-encoded.")]
RecordId = Annotated[str, BeforeValidator(unquote), Path(description="Id of a record, percent-encoded.")]


def etag_of(record: Record) -> str:
    """Return the entity tag of a record: it changes with anything that `GET` shows."""
    told = json.dumps(record_form(record), sort_keys=True)
    return f'"{hashlib.sha256(told.encode()).hexdigest()[:32]}"'


def seen(request: Request, collection: Collection, record_id: str) -> Record | None:
    """Return the record that the caller has seen, by the entity tag in If-Match; None where any will do.

    Raises:
        ChangedMeanwhileError: when it is another by now.
        RecordNotFoundError: when it is not there.
    """
    wanted = request.headers.get("if-match", "*")
    if wanted.strip() == "*":
        return None
    record = collection.get(record_id)
    if not names(wanted, etag_of(record)):
        raise ChangedMeanwhileError(f'record "{record_id[:80]}" is not as it was. Read it again, then change it.')
    return record


def names(condition: str, etag: str) -> bool:
    """Return whether an If-Match or If-None-Match names an entity tag."""
    tags = [tag.strip().removeprefix("W/") for tag in condition.split(",")]
    return "*" in tags or etag in tags


def outcome_form(outcome: Outcome) -> dict[str, Any]:
    """Return what became of one picture."""
    form: dict[str, Any] = {"place": outcome.place, "id": outcome.id, "outcome": outcome.kind}
    if outcome.failure is not None:
        failure = outcome.failure
        form |= {"source": failure.source, "code": failure.code, "message": failure.message}
    return form
