"""Answers and failures of the Aspose dialect, in the two forms that its clients and its documents know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from ...http.replies import Refusal, reply
from ..wire import in_hundredths

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Scope

    from ....service.files import FileEntry

TOKEN_PATHS = ("/connect/token", "/oauth2/token")
_CLIENT = "x-aspose-client"  # every call of a client has it; people with curl have not
_STATUSES = {409: 400, 415: 400, 422: 400}
_CODES = {
    400: "errorInvalidArgument",
    401: "errorUnauthorized",
    403: "errorForbidden",
    404: "errorItemNotFound",
    405: "errorMethodNotAllowed",
    413: "errorTooLarge",
    429: "errorTooManyRequests",
}


def answer(request: Request, content: Mapping[str, Any] | None = None) -> Response:
    """Return an answer: bare and in camel case to clients, else capitalized and with Code and Status."""
    if _CLIENT in request.headers:
        return Response() if content is None else reply(content)
    return reply({**_capitalized(content or {}), "Code": 200, "Status": "OK"})


def failure_form(refusal: Refusal, scope: Scope) -> Response:
    """Write a failure in the form of the client's interface, and that of a token in the form of OAuth."""
    status = _STATUSES.get(refusal.status, refusal.status)
    if scope["path"] in TOKEN_PATHS:
        return reply({"error": "invalid_request" if refusal.code != "invalid_client" else refusal.code}, status)
    if not any(name == _CLIENT.encode() for name, _ in scope["headers"]):
        body = {"Message": refusal.message, "Code": status, "Status": HTTPStatus(status).phrase}
        return reply(body, status, refusal.headers)
    inner = {"requestId": scope["state"]["request_id"], "date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    error = {
        "code": _CODES.get(status, "error"),
        "message": refusal.message,
        "description": refusal.message,
        "innerError": inner,
    }
    return reply({"error": error}, status, refusal.headers)


def results(found: Iterable[tuple[str, float]]) -> dict[str, Any]:
    """Return ids of images with their scores."""
    return {"results": [_result(image_id, score) for image_id, score in found]}


def duplicates(groups: Iterable[Iterable[tuple[str, float]]]) -> dict[str, Any]:
    """Return groups of ids of images, each with its score against the first of its group."""
    listed = [{"duplicateImages": [_result(image_id, score) for image_id, score in group]} for group in groups]
    return {"duplicates": listed}


def file_form(entry: FileEntry) -> dict[str, Any]:
    """Describe a file or folder of the storage."""
    return {
        "name": entry.name,
        "isFolder": entry.is_folder,
        "modifiedDate": entry.modified_at,
        "size": entry.byte_size,
        "path": f"/{entry.path}",
    }


def _result(image_id: str, score: float) -> dict[str, Any]:
    return {"imageId": image_id, "similarity": in_hundredths(score)}


def _capitalized(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name[:1].upper() + name[1:]: _capitalized(one) for name, one in value.items()}
    return [_capitalized(one) for one in value] if isinstance(value, list) else value
