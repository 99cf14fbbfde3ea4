"""What the dialects share: what a dialect is, reading what foreign clients send, and adding pictures for a caller."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ...core.ingest.items import UPLOAD
from ...errors import shown
from ..http.bodies import MULTIPART, apart, budget_of, media_type, read_as
from ..http.bodies import read_parts as read_native_parts
from ..http.multipart import Part
from ..http.replies import Refusal, error_of
from ..http.state import held_of, principal_of, state_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import APIRouter
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Scope

    from ...core.collection import Collection
    from ...records import Outcome, Record
    from ..http.json_budget import JsonBudget

    Headers = Mapping[str, str]

T = TypeVar("T")


_DIGITS = 4


@dataclass(frozen=True)
class Dialect:
    """Another service's API, spoken by us.

    Attributes:
        covers: Says whether a method and path are its own; whatever is refused there, is refused in its form.
        router: Its routes.
        secret_of: Finds the secret of a key in a request; "" where there is none. Then our own header is looked at.
        failure_form: Writes a refusal as the service did, for the request of a scope.
        open_paths: Paths that are answered without a key, as those that give tokens.
    """

    name: str
    covers: Callable[[str, str], bool]
    router: APIRouter
    secret_of: Callable[[Scope, Headers], str]
    failure_form: Callable[[Refusal, Scope], Response]
    open_paths: tuple[str, ...] = ()


def below(*prefixes: str) -> Callable[[str, str], bool]:
    """Cover these paths and all below them, whatever the method."""
    return lambda method, path: any(path == prefix or path.startswith(f"{prefix}/") for prefix in prefixes)


def basic_of(headers: Headers) -> str:
    """Return the secret in an Authorization of the kind Basic: its password, or its user where that is empty."""
    kind, _, encoded = headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return ""
    try:
        user, _, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return ""
    return password or user


def refused(message: str, status: int = 400, code: str = "input_invalid") -> Refusal:
    """Refuse a request in words of the dialect."""
    return Refusal(status, code, message)


def holds_vendor_limits(request: Request) -> bool:
    """Return whether the limits of the service that a dialect speaks for are to be held."""
    return state_of(request).settings.serving.vendor_limits


async def read_parts(request: Request) -> list[Part]:
    """Read the parts of a multipart body.

    Raises:
        Refusal: when the body is none, or broken.
    """
    if media_type(request) != MULTIPART:
        raise refused(f"the body is not {MULTIPART}.", code="media_type_unsupported")
    return await read_native_parts(request, lambda parts: parts)


def part_named(parts: Sequence[Part], name: str) -> Part | None:
    """Return the first part of a name, or None."""
    return next((part for part in parts if part.name == name), None)


async def read_object(request: Request, data: bytes, name: str, then: Callable[[dict[str, Any]], T]) -> T:
    """Parse JSON that has to be an object, whatever its sender called its type, on a thread where it is large.

    Args:
        then: What is made of it, there.

    Raises:
        Refusal: when it is none, or too much; the message names it.
    """
    budget = budget_of(request)
    return await apart(request, lambda: then(_parse_object(data, name, budget)), len(data), budget)


async def read_object_body(
    request: Request,
    then: Callable[[dict[str, Any]], T],
    *,
    mended: Callable[[bytes], bytes] = lambda body: body,
    most_bytes: int | None = None,
) -> T:
    """Read a body that has to be a JSON object; see `read_object`.

    Args:
        mended: Turns what the clients of the service send into JSON.
    """
    budget = budget_of(request)

    def parse(body: bytes) -> T:
        return then(_parse_object(mended(body), "the body", budget))

    return await read_as(request, parse, budget=budget, most_bytes=most_bytes)


def _parse_object(data: bytes, name: str, budget: JsonBudget) -> dict[str, Any]:
    budget.spend(data)
    try:
        parsed = json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError) as exc:
        raise refused(f"{name} is not JSON: {exc}.") from exc
    if not isinstance(parsed, dict):
        raise refused(f"{name} must be a JSON object, not {shown(parsed)!r}.")
    return parsed


def store_all(request: Request, collection: Collection, records: Sequence[Any], **options: Any) -> list[Outcome]:
    """Add pictures for the caller, on a thread, and say what became of each, in order; options are those of `add`.

    Raises:
        QuotaError: when the caller may not have so many; nothing is added then.
    """
    server, key = state_of(request), principal_of(request).key
    outcomes: list[Outcome] = []
    with server.meter.room_for(key, len(records), sent_bytes=held_of(request).bytes):
        collection.add(list(records), on_outcome=outcomes.append, **options)
    for outcome in outcomes:
        server.metrics.added(outcome)
    return sorted(outcomes, key=lambda outcome: outcome.place)


def store(request: Request, collection: Collection, record: Mapping[str, Any], **options: Any) -> Record:
    """Add one picture for the caller, on a thread, and give its record; raises what it failed with."""
    [outcome] = store_all(request, collection, [record], **options)
    if outcome.failure is not None:
        raise error_of(outcome.failure)
    return collection.get(outcome.id)


def in_hundredths(score: float) -> float:
    """Return a score on a scale of 0 to 100, to four digits."""
    return round(100 * score, _DIGITS)


def score_reaching(hundredths: float) -> float:
    """Return the lowest score that is shown as a number of hundredths, so that what was shown finds its own match."""
    return max(0.0, (hundredths - 0.5 * 0.1**_DIGITS) / 100)


def file_name_of(source: str | None, record_id: str) -> str:
    """Name the file that a picture came from, as its sender did; of a path on this machine only its last part."""
    if source is None or source.startswith("bytes:"):
        return record_id
    if source.startswith(UPLOAD):
        return source.removeprefix(UPLOAD)
    return source if "://" in source else source.replace("\\", "/").rsplit("/", 1)[-1]


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is not a JSON number")
