"""Answers: JSON, and errors with their status."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from ... import errors
from ...errors import LookalikeError

if TYPE_CHECKING:
    from starlette.types import Scope

    from ...records import Failure

# The first class that fits decides, so the special ones come first.
STATUSES: tuple[tuple[type[LookalikeError], int], ...] = (
    (errors.KeyNeededError, 401),
    (errors.AccessError, 403),
    (errors.NotFoundError, 404),
    (errors.ChangedMeanwhileError, 412),
    (errors.ConflictError, 409),
    (errors.EncoderMismatchError, 409),
    (errors.ImageTooLargeError, 413),
    (errors.ImageUnsupportedError, 415),
    (errors.SourceError, 422),
    (errors.InputError, 422),
    (errors.QuotaError, 429),
    (errors.BusyError, 503),
    (errors.StoreBusyError, 503),
    (errors.StoreFullError, 503),
    (errors.StoreReadOnlyError, 503),
)
# Errors on our side are written to our log; the words may name folders of this machine.
_OURS = (errors.StoreError, errors.EncoderError, errors.ExtraMissingError)
_MOST_MESSAGE_CHARS = 1000


class Refusal(Exception):
    """A request that is refused for how it was sent, not for what it asks."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})


def status_of(error: LookalikeError) -> int:
    """Return the HTTP status of an error."""
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 500)


def refusal_of(error: LookalikeError | Refusal) -> Refusal:
    """Return status, code, message and headers that tell a caller of an error."""
    if isinstance(error, Refusal):
        return error
    status = status_of(error)
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="lookalike"'
    if status in (429, 503):
        headers["Retry-After"] = str(max(1, math.ceil(error.details.get("retry_after_s", 1))))
    return Refusal(status, error.code, message_of(error), headers)


def malformed(message: str) -> Refusal:
    """Return the error that says that a body is not what it should be."""
    return Refusal(400, "body_malformed", f"{message[:300]}.")


def unexpected() -> Refusal:
    """Return the error for a bug of ours."""
    return Refusal(500, "internal", "something unexpected went wrong; the server's log says more.")


def failure_reply(error: LookalikeError | Refusal, scope: Scope) -> Response:
    """Return the answer to a request that failed, in the form of whose path was asked."""
    state = scope["state"]
    state["code"] = error.code
    answer: Response = state["failure_form"](refusal_of(error), scope)
    return answer


def failure_form(refusal: Refusal, scope: Scope) -> Response:
    """Return a failure in the form of our own interface."""
    body = {"error": {"code": refusal.code, "message": refusal.message, "request_id": scope["state"]["request_id"]}}
    return reply(body, refusal.status, refusal.headers)


def message_of(error: LookalikeError) -> str:
    """Return the message of an error for people elsewhere."""
    if isinstance(error, errors.StoreFullError):  # without the folder that it names
        return "the disk of the server is full. Nothing was lost and nothing was written; try again when it has room."
    if isinstance(error, errors.StoreReadOnlyError):
        return "the server may only read its disk. Nothing was written; what is stored can still be asked for."
    if isinstance(error, errors.StoreDamagedError) and error.details.get("is_lost"):
        name = error.details["name"]
        whose = "a collection" if name is None else f'the collection "{name[:80]}"'
        return f"{whose} has lost its database on the server. Its log says how to bring a backup back."
    if isinstance(error, _OURS) and not isinstance(error, errors.EncoderMismatchError):
        return "the server could not do this; its log says why, under the id of this request."
    return error.message[:_MOST_MESSAGE_CHARS]


def reply(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON answer."""
    return Response(json_bytes(content), status, dict(headers or {}), "application/json")


def json_bytes(content: Any) -> bytes:
    """Return JSON as answers have it."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can say and UTF-8 cannot
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


def error_of(failure: Failure | None) -> LookalikeError:
    """Return the error of a failure, for a request of one picture only."""
    if failure is None:
        return LookalikeError("a picture was neither stored nor refused.")
    return _KINDS.get(failure.code, LookalikeError)(failure.message)


def _family(kind: type[LookalikeError]) -> list[type[LookalikeError]]:
    return [kind, *(one for child in kind.__subclasses__() for one in _family(child))]


_KINDS = {kind.code: kind for kind in _family(LookalikeError)}
