"""The dialect of the "Image Similarity API": two images in, one score out; docs/compare.md says how ours differs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from ...errors import InputError
from ...pictures import Bytes, Url
from ...service.outside import outside_picture
from ..http.replies import Refusal, reply
from ..http.state import on_pictures, principal_of, state_of
from .wire import Dialect, below, holds_vendor_limits, read_object_body, refused

if TYPE_CHECKING:
    from starlette.types import Scope

_PATHS = ("/", "/compare")  # the service's document names no path
_MOST_BYTES = 10 * 1024 * 1024  # of a request, and of an image behind an address
_FETCH_TIMEOUT_S = 2.0
_REQUESTS_PER_S = 1.0  # with --limits vendor
_STATUSES = {409: 400, 415: 400, 422: 400}
_TAIL_BYTES = 1000  # of a body, in which that comma is looked for
_LAST_COMMA = re.compile(rb",\s*}\s*\Z")  # the document's own example ends so

router = APIRouter()


@router.post(_PATHS[0])
@router.post(_PATHS[1])
async def compare(request: Request) -> Response:
    """Compare two images, each an address or base64."""
    principal = principal_of(request)
    principal.check("read")
    if holds_vendor_limits(request):
        who = principal.key.id if principal.key else "anyone"
        state_of(request).meter.keep_pace(f"compare {who}", _REQUESTS_PER_S)
    pair = await read_object_body(request, _pair_in, mended=_without_last_comma, most_bytes=_MOST_BYTES)
    library = state_of(request).library

    def work() -> float:
        return library.compare(*(_bytes(request, source) for source in pair)).score

    return reply({"similarity_score": await on_pictures(request, pair, work)})


def _pair_in(asked: Mapping[str, Any]) -> list[Url | Bytes]:
    return [_source(asked, name) for name in ("image_a", "image_b")]


def _without_last_comma(body: bytes) -> bytes:
    found = _LAST_COMMA.search(body, max(0, len(body) - _TAIL_BYTES))
    return body if found is None else body[: found.start()] + b"}"


def _source(asked: Mapping[str, Any], name: str) -> Url | Bytes:
    given = asked.get(name)
    if not isinstance(given, str):
        raise refused(f'"{name}" is missing or no text: send the address of an image, or the image as base64.')
    try:
        return outside_picture(given.strip())
    except InputError as error:
        raise refused(f'"{name}" is neither an http(s) address nor base64 of an image.') from error


def _bytes(request: Request, source: Url | Bytes) -> bytes:
    if isinstance(source, Bytes):
        return source.data
    return state_of(request).library.fetch(source.url, most_bytes=_MOST_BYTES, timeout_s=_FETCH_TIMEOUT_S)


def _covers(method: str, path: str) -> bool:
    """Cover the named path with all below it, and the root, except for browsers that ask for the page."""
    return below(_PATHS[1])(method, path) or (path == _PATHS[0] and method not in ("GET", "HEAD", "OPTIONS"))


def _secret(scope: Scope, headers: Mapping[str, str]) -> str:
    return headers.get("x-rapidapi-key", "")


def _failure_form(refusal: Refusal, scope: Scope) -> Response:
    status = 400 if refusal.code == "image_too_large" else _STATUSES.get(refusal.status, refusal.status)
    return reply({"message": refusal.message}, status, refusal.headers)


DIALECT: Dialect = Dialect("imagecompare", _covers, router, _secret, _failure_form)
