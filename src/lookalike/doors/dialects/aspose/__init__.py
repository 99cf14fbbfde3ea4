"""The dialect of Aspose.Imaging Cloud's reverse image search and storage; docs/aspose.md says how ours differs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from starlette.convertors import Convertor, register_url_convertor

from ...http.bodies import read_as
from ...http.replies import reply
from ...http.state import state_of
from ..wire import Dialect, refused
from . import contexts, replies, searches, storage

if TYPE_CHECKING:
    from starlette.types import Scope

_VERSION = r"v[0-9]+(\.[0-9]+)?"
_OURS = re.compile(rf"/({_VERSION}/)?imaging(/.*)?")
_TOKEN_LASTS = timedelta(days=1)  # clients fetch one token and never another
_MOST_TOKEN_BYTES = 10_000
_ANYONE = "anyone"  # the token while no key exists


class _Version(Convertor[str]):
    """A version in a path, whatever its number."""

    regex = _VERSION.replace("(", "(?:")

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


tokens = APIRouter()


@tokens.post(replies.TOKEN_PATHS[0])
@tokens.post(replies.TOKEN_PATHS[1])
async def create_token(request: Request) -> Response:
    """Exchange a key's id and secret for a token; while no key exists, anything."""
    sent = await read_as(request, _form_in, most_bytes=_MOST_TOKEN_BYTES)
    keys = state_of(request).keys
    token = _ANYONE
    if keys.is_needed():
        key = keys.authenticate(sent.get("client_secret", [""])[0])
        if key is None or sent.get("client_id", [""])[0] != key.id:
            raise refused("the client id or secret is wrong.", code="invalid_client")
        token = keys.ticket(key, lasts=_TOKEN_LASTS)
    seconds = int(_TOKEN_LASTS.total_seconds())
    return reply({"access_token": token, "expires_in": seconds, "token_type": "Bearer"})


def _form_in(body: bytes) -> dict[str, list[str]]:
    return parse_qs(body.decode("utf-8", "replace"))


def _covers(method: str, path: str) -> bool:
    return path in replies.TOKEN_PATHS or _OURS.fullmatch(path) is not None


def _secret(scope: Scope, headers: Mapping[str, str]) -> str:
    return ""  # the token stands where our own header has the key


def _router() -> APIRouter:
    register_url_convertor("aspose_version", _Version())
    router = APIRouter()
    router.include_router(tokens)
    # A client whose token was refused goes on without the version.
    for prefix in ("/{version:aspose_version}/imaging", "/imaging"):
        for module in (contexts, searches, storage):
            router.include_router(module.router, prefix=prefix)
    return router


DIALECT: Dialect = Dialect("aspose", _covers, _router(), _secret, replies.failure_form, open_paths=replies.TOKEN_PATHS)
