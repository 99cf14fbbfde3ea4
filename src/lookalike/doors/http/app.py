"""The FastAPI application: routes, error handlers, lifespan."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Mount

from ... import refusals
from ...core.library import Library
from ...errors import (
    CollectionNotFoundError,
    EncoderError,
    InputError,
    LookalikeError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
)
from ...service.jobs import Jobs
from ...service.keys import Keys
from ..dialects import DIALECTS
from . import (
    access,
    collections,
    decisions,
    documents,
    folders,
    health,
    jobs,
    misfits,
    overviews,
    queries,
    records,
    removal,
)
from .middleware import Middleware
from .pool import WorkerPool
from .replies import Refusal, failure_reply, unexpected
from .state import ServerState, principal_of, request_id_of, state_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from ...settings import Settings

_log = logging.getLogger("lookalike.server")
_ROUTERS = (collections, records, queries, overviews, decisions, removal, folders, jobs, access, health)
_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
_HTTP_CODES = {404: "path_not_found", 405: "method_not_allowed"}
_GONE = 499  # for the log: as web servers note it
_CORS = {
    "allow_methods": ["GET", "POST", "PATCH", "DELETE"],
    "allow_headers": ["Authorization", "Content-Type", "If-Match", "If-None-Match", "X-Request-Id"],
    "expose_headers": ["ETag", "Location", "Retry-After", "X-Request-Id"],
}


def make_state(settings: Settings) -> ServerState:
    """Make all that a server over a home needs; nothing is started yet."""
    pool = WorkerPool(settings)
    server = ServerState(settings, Library(settings, pool), pool, Keys(settings.home))
    inputs = jobs.JobInputs(server)
    server.jobs = Jobs(
        settings.home, server.library.collection, inputs, server.metrics.added, inputs.reach, server.roots
    )
    return server


def make_app(server: ServerState) -> ASGIApp:
    """Make the whole application; workers and jobs start and end with it."""
    app: ASGIApp = Middleware(bare_app(server), server)
    origins = server.settings.serving.allowed_origins
    return CORSMiddleware(app, allow_origins=origins, **_CORS) if origins else app  # type: ignore[arg-type]


def bare_app(server: ServerState | None = None) -> FastAPI:
    """Make the application without its middleware; without a state it has routes to document, and cannot answer."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, lifespan=_living, redirect_slashes=False)
    app.state.server = server
    for module in _ROUTERS:
        app.include_router(module.router)
    for dialect in DIALECTS:
        app.include_router(dialect.router, include_in_schema=False)
    documents.mount(app)
    for kind in (LookalikeError, Refusal):
        app.add_exception_handler(kind, _failed)
    app.add_exception_handler(RequestValidationError, _misfit)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RecursionError, _too_deep)
    app.add_exception_handler(OSError, _no_room)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unexpected)
    return app


@asynccontextmanager
async def _living(app: FastAPI) -> AsyncIterator[None]:
    server: ServerState = app.state.server
    await run_in_threadpool(server.pool.start)
    await run_in_threadpool(_settle_moves, server)
    await run_in_threadpool(server.jobs.start)
    server.is_ready = True
    try:
        yield
    finally:
        server.is_ending = True
        await run_in_threadpool(server.jobs.stop)
        for limiter in server.limiters.all():
            limiter.close()
        await run_in_threadpool(server.library.close)
        await run_in_threadpool(server.pool.close)


def _settle_moves(server: ServerState) -> None:
    """Finish or undo what a server before this one left half done; what is wrong with it hinders nobody else."""
    try:
        settled = server.trash.settle(server.library)
    except (LookalikeError, OSError) as error:
        _log.error("the moves of files that were under way could not be settled: %s", error, exc_info=error)
    else:
        if settled:
            _log.warning("settled %s moves of files that a server before this one had left half done", settled)


async def _failed(request: Request, error: Any) -> Response:
    if isinstance(error, CollectionNotFoundError | StoreError):
        error = await run_in_threadpool(_cause, request, error)
    if isinstance(error, StoreError | EncoderError):
        _log.error("%s", error.message, extra={"request_id": request_id_of(request)}, exc_info=error)
    return failure_reply(error, request.scope)


def _cause(request: Request, error: LookalikeError) -> LookalikeError:
    """Return what lies behind an error: a collection that was deleted, here or by another process, is open no more."""
    server = state_of(request)
    name = str(error.details.get("name") or unquote(request.path_params.get("name", "")))
    if isinstance(error, CollectionNotFoundError) and name:
        server.library.forget(name)  # it may be there anew
    elif not name or name in server.library.collections():
        return error
    return server.missing(principal_of(request), name)  # the message may name all there are


async def _misfit(request: Request, error: Any) -> Response:
    """Answer to a path or query that does not fit, in our own words."""
    return await _failed(request, InputError(misfits.sentence(error.errors())))


async def _refused(request: Request, error: Any) -> Response:
    """Answer to a path or method that there is not."""
    allowed = ", ".join(_methods_at(request)) if error.status_code == 405 else ""
    messages = {
        404: "there is nothing at this path. GET /openapi.json lists what there is.",
        405: f"this path does not take {request.method}. It takes {allowed or 'other methods'}.",
    }
    code = _HTTP_CODES.get(error.status_code, "refused")
    message = messages.get(error.status_code, str(error.detail))
    headers = {"Allow": allowed} if allowed else error.headers
    return await _failed(request, Refusal(error.status_code, code, message, headers))


def _methods_at(request: Request) -> list[str]:
    """Return all methods that a path takes; the framework names only those of the first route that fits."""
    routes = [route for route in request.app.routes if not isinstance(route, Mount)]  # these take any, and refuse later
    asked = {method: {**request.scope, "method": method} for method in _METHODS}
    return [method for method in _METHODS if any(route.matches(asked[method])[0] is Match.FULL for route in routes)]


async def _too_deep(request: Request, error: Exception) -> Response:
    return await _failed(request, InputError("the JSON is nested too deeply: a few dozen levels are read."))


async def _no_room(request: Request, error: Any) -> Response:
    """Answer where the disk is full, or may not be written; any other refusal of the system is a bug of ours."""
    known = refusals.error_of(error, state_of(request).settings.home)
    if not isinstance(known, StoreFullError | StoreReadOnlyError):
        raise error
    return await _failed(request, known)


async def _gone(request: Request, error: Exception) -> Response:
    """Note that a client left, or was given up, before all of its request had come; nobody reads the answer."""
    return failure_reply(Refusal(_GONE, "client_gone", "the client left before its request was whole."), request.scope)


async def _unexpected(request: Request, error: Exception) -> Response:
    return failure_reply(unexpected(), request.scope)
