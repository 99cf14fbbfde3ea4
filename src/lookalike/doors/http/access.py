"""Routes of keys and of the session that a browser holds in place of a key."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from ... import __version__
from ...service.keys import Quotas
from . import openapi, schema
from .bodies import JSON, read_model
from .middleware import COOKIE, home_for
from .replies import reply
from .state import light, principal_of, state_of

if TYPE_CHECKING:
    from ...service.keys import Key

router = APIRouter(prefix="/api/v1", tags=["access"])

_SESSION = timedelta(hours=12)


@router.get("/keys", responses={200: {"model": schema.KeyList}, **openapi.errors()})
async def list_keys(request: Request) -> Response:
    """List all keys there ever were; for a key that is bound to collections, those that are bound within these."""
    by = _admin(request)
    return reply({"keys": [key_form(key) for key in state_of(request).keys.all() if key.is_seen_by(by)]})


@router.post(
    "/keys",
    status_code=201,
    responses={201: {"model": schema.FreshKey}, **openapi.errors(409, 413, 415, 422)},
    openapi_extra=openapi.body({JSON: schema.NewKey}),
)
async def create_key(request: Request) -> Response:
    """Make a key. From the first on, every call needs one.

    A key that is bound to collections makes only keys that are bound within these, with no more rights, time or quota.
    """
    by = _admin(request)
    wanted = await read_model(request, schema.NewKey)
    key, secret = await light(
        request,
        lambda: state_of(request).keys.create(
            wanted.name,
            scope=wanted.scope,
            collections=wanted.collections,
            expires_days=wanted.expires_days,
            quotas=Quotas(**wanted.quotas.model_dump()),
            by=by,
        ),
    )
    return reply({**key_form(key), "key": secret}, 201)


@router.delete("/keys/{key}", responses={200: {"model": schema.KeyInfo}, **openapi.errors(404, 409, 422)})
async def revoke_key(request: Request, key: str) -> Response:
    """Revoke a key, by name or id, for good."""
    by = _admin(request)
    return reply(key_form(await light(request, lambda: state_of(request).keys.revoke(key, by=by))))


@router.post("/keys/{key}/rotate", responses={200: {"model": schema.FreshKey}, **openapi.errors(404, 409, 422)})
async def rotate_key(request: Request, key: str) -> Response:
    """Replace the secret of a key; the old one is void at once."""
    by = _admin(request)
    rotated, secret = await light(request, lambda: state_of(request).keys.rotate(key, by=by))
    return reply({**key_form(rotated), "key": secret})


@router.get("/session", responses={200: {"model": schema.Session}, **openapi.errors()})
async def get_session(request: Request) -> Response:
    """Return who is asking."""
    return reply(_session(request))


@router.post("/session", responses={200: {"model": schema.Session}, **openapi.errors()})
async def open_session(request: Request) -> Response:
    """Exchange the key of the Authorization header for a cookie that scripts cannot read and other sites cannot use."""
    answer = reply(_session(request))
    key = principal_of(request).key
    if key is not None:
        ticket = state_of(request).keys.ticket(key, lasts=_SESSION)
        seconds = int(_SESSION.total_seconds())
        is_secure = (
            request.headers.get("x-forwarded-proto", request.url.scheme) == "https"
        )  # a lie harms only its teller
        answer.set_cookie(COOKIE, ticket, max_age=seconds, httponly=True, samesite="strict", secure=is_secure)
    return answer


@router.delete("/session", status_code=204, responses={**openapi.errors()})
async def close_session(request: Request) -> Response:
    """Forget the cookie."""
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


def key_form(key: Key) -> dict[str, Any]:
    """Return a key, without its secret."""
    return {
        "id": key.id,
        "name": key.name,
        "scope": key.scope,
        "collections": list(key.collections),
        "quotas": asdict(key.quotas),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    }


def _admin(request: Request) -> Key | None:
    """Return the key of a caller who may make keys; None where no key is needed."""
    principal = principal_of(request)
    principal.check("admin")
    return principal.key


def _session(request: Request) -> dict[str, Any]:
    key = principal_of(request).key
    limits = state_of(request).settings.limits
    return {
        "key_needed": state_of(request).keys.is_needed(),
        "key": None if key is None else key_form(key),
        "version": __version__,
        "home": home_for(request),
        "max_image_bytes": min(limits.max_image_bytes, limits.max_body_bytes),
    }
