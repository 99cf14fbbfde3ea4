"""Routes for those who run the server: health, readiness, figures."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from . import openapi, schema
from .desk import desk_of, light, principal_of
from .metrics import CONTENT_TYPE
from .replies import reply

router = APIRouter(tags=["operations"])


@router.get("/healthz", responses={200: {"model": schema.Health}, **openapi.errors()})
async def healthz(request: Request) -> Response:
    """Tell that the server answers. Needs no key."""
    return reply({"status": "ok"})


@router.get(
    "/readyz",
    responses={200: {"model": schema.Health}, **openapi.errors(), 503: {"model": schema.Health}},
)
async def readyz(request: Request) -> Response:
    """Tell whether the server takes work: its workers have started, and it is not ending. Needs no key."""
    desk = desk_of(request)
    if desk.is_ready and not desk.is_ending:
        return reply({"status": "ok"})
    return reply({"status": "ending" if desk.is_ending else "starting"}, 503, {"Retry-After": "1"})


@router.get("/metrics", responses={200: {"content": {"text/plain": {}}}, **openapi.errors()})
async def metrics(request: Request) -> Response:
    """Give figures for Prometheus; to a key that is bound to collections those of its own alone."""
    principal = principal_of(request)
    principal.check("read")
    text = await light(request, lambda: desk_of(request).metrics.text(principal))
    return Response(text, headers={"Content-Type": CONTENT_TYPE})
