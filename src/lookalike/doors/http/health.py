"""Routes for those who run the server: health, readiness, figures."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from ...refusals import is_full
from . import openapi, schema
from .metrics import CONTENT_TYPE
from .replies import reply
from .state import light, principal_of, state_of

router = APIRouter(tags=["operations"])


@router.get("/healthz", responses={200: {"model": schema.Health}, **openapi.errors()})
async def healthz(request: Request) -> Response:
    """Confirm that the server answers. Needs no key."""
    return reply({"status": "ok"})


@router.get(
    "/readyz",
    responses={200: {"model": schema.Health}, **openapi.errors(), 503: {"model": schema.Health}},
)
async def readyz(request: Request) -> Response:
    """Return whether the server takes work: its workers have started, it is not ending, its disk has room,
    and jobs are worked on.

    Needs no key. With a full disk it goes on to answer questions, and refuses what would be written.
    """
    server = state_of(request)
    status = "ending" if server.is_ending else "ok" if server.is_ready else "starting"
    if status == "ok" and is_full(server.settings.home):
        status = "full"
    elif status == "ok" and not server.jobs.is_working:
        status = "jobs_stopped"
    return reply({"status": status}) if status == "ok" else reply({"status": status}, 503, {"Retry-After": "1"})


@router.get("/metrics", responses={200: {"content": {"text/plain": {}}}, **openapi.errors()})
async def metrics(request: Request) -> Response:
    """Return figures for Prometheus; to a key that is bound to collections those of its own alone."""
    principal = principal_of(request)
    principal.check("read")
    text = await light(request, lambda: state_of(request).metrics.text(principal))
    return Response(text, headers={"Content-Type": CONTENT_TYPE})
