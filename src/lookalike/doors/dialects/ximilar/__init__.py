"""The dialect of Ximilar's image similarity and image matching; docs/ximilar.md says how ours differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from ...http.replies import reply
from ...http.state import principal_of
from ..wire import Dialect, below, refused
from . import records, replies, searches
from .requests import TYPES

if TYPE_CHECKING:
    from starlette.types import Scope

_MATCHING = "/image_matching/v2"

elsewhere = APIRouter()


@elsewhere.post("/authorization/v2/authorize")
@elsewhere.get("/account/v2/user/")
@elsewhere.get("/account/v2/user")  # so the client's own joining of addresses makes it
async def authorize(request: Request) -> Response:
    """Confirm that a token is good; a bad one does not come as far as this."""
    key = principal_of(request).key
    user = "anyone" if key is None else key.id
    return reply({"user_id": user, "id": user, "name": "anyone" if key is None else key.name})


@elsewhere.api_route("/similarity/training/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
async def training(request: Request, rest: str) -> Response:
    """Refuse to train a model."""
    raise refused("training of custom similarity is not offered by this server.", code="not_offered")


@elsewhere.post("/similarity/text/{rest:path}")
@elsewhere.post("/photo/text/{rest:path}")
async def text_search(request: Request, rest: str) -> Response:
    """Refuse to search by text."""
    raise refused("search by text is not offered by the encoder of this server.", code="not_offered")


def _secret(scope: Scope, headers: Mapping[str, str]) -> str:
    kind, _, secret = headers.get("authorization", "").partition(" ")
    return secret.strip() if kind.lower() in ("token", "jwt") else ""


def _router() -> APIRouter:
    router = APIRouter()
    for prefix in TYPES:
        router.include_router(records.router, prefix=prefix)
        router.include_router(searches.router, prefix=prefix)
    router.include_router(searches.stateless, prefix=_MATCHING)
    router.include_router(elsewhere)
    return router


_PREFIXES = ("/similarity", "/photo", "/image_matching", "/authorization", "/account")
DIALECT: Dialect = Dialect("ximilar", below(*_PREFIXES), _router(), _secret, replies.failure_form)
