"""The middleware: what every request passes, before anything of it is read and after it is answered.

It gives the request an id, refuses foreign hosts and web pages, finds out who is asking, counts, logs, and sets the
headers that keep browsers from doing harm. Without keys anyone on this machine may call, and so could any web site in
a browser on it: by its own name that resolves to 127.0.0.1 (so Host is checked) or across origins (so Origin is).
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import re
import secrets
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...errors import BusyError, KeyNeededError, LookalikeError
from ...service.keys import Key
from ..dialects import dialect_of
from .connections import SPARE
from .replies import Refusal, failure_form, failure_reply, unexpected
from .state import Principal, ServerState, principal_of, state_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    Headers = dict[str, str]

COOKIE = "lookalike_session"
_HEALTH = ("/healthz", "/readyz")
_PUBLIC = ("/", *_HEALTH, "/favicon.ico")
_PUBLIC_FOLDERS = ("/web/", "/docs/")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
_SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "cache-control": "no-store",
}
_log = logging.getLogger("lookalike.requests")


class Middleware:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, server: ServerState) -> None:
        self._app = app
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        headers = _headers(scope)
        request_id = _request_id(headers)
        held = self._server.memory.holding()
        dialect = dialect_of(scope["method"], scope["path"])
        state: dict[str, Any] = {
            "request_id": request_id,
            "held": held,
            "principal": Principal(),
            "code": "",
            "dialect": dialect,
            "failure_form": failure_form if dialect is None else dialect.failure_form,
        }
        scope["state"] = state
        answer = _Answer(send, request_id)
        try:
            self._admit(scope, headers, state)
            _keep_encoded(scope)
            await self._app(scope, receive, answer)
        except (LookalikeError, Refusal) as error:
            await failure_reply(error, scope)(scope, receive, answer)
        except asyncio.CancelledError:  # the server ends, and has waited long enough
            if not answer.status:
                await failure_reply(BusyError("the server ends. Try again later."), scope)(scope, receive, answer)
            raise
        except Exception:
            _log.exception("unexpected error", extra={"request_id": request_id})
            if not answer.status:
                await failure_reply(unexpected(), scope)(scope, receive, answer)
        finally:
            held.release()
            self._tell(scope, answer.status, time.perf_counter() - began)

    def _admit(self, scope: Scope, headers: Headers, state: dict[str, Any]) -> None:
        if scope.get(SPARE) and scope["path"] not in _HEALTH:
            raise BusyError("all connections are in use. Try again in a moment.", retry_after_s=1)
        serving = self._server.settings.serving
        _check_host(headers.get("host", ""), serving.allowed_hosts)
        _check_origin(headers, serving.allowed_origins, is_public=_is_public(scope))
        key = self._key(scope, headers)
        if key is not None:
            state["principal"] = Principal(key)
            self._server.meter.count_request(key)

    def _key(self, scope: Scope, headers: Headers) -> Key | None:
        """Find out who is asking; None where nobody needs to say.

        Raises:
            KeyNeededError: when a key is needed, and there is none that is valid.
        """
        keys = self._server.keys
        if _is_public(scope):
            return None
        if not keys.is_needed():
            if self._server.settings.serving.without_key or _is_near(scope, headers):
                return None
            raise KeyNeededError("this server answers only this machine until it has a key: `lookalike keys create`.")
        dialect = scope["state"]["dialect"]
        if dialect is not None and scope["path"] in dialect.open_paths:
            return None
        secret, ticket = credentials(headers)
        if dialect is not None:
            secret = ticket = dialect.secret_of(scope, headers) or secret
        key = keys.authenticate(secret) or keys.redeem(ticket)
        if key is None:
            given = "the key is unknown, revoked or expired" if secret or ticket else "no key was sent"
            raise KeyNeededError(f'{given}. Send a valid one in the header "Authorization: Bearer KEY".')
        return key

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        state = scope["state"]
        route = getattr(scope.get("route"), "path", "") or "(none)"
        self._server.metrics.answered(scope["method"], route, status, seconds)
        if state["code"]:
            self._server.metrics.refused(state["code"])
        key = state["principal"].key
        _log.info(
            "%s %s %s",
            scope["method"],
            scope["path"],
            status,
            extra={
                "request_id": state["request_id"],
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "milliseconds": round(seconds * 1000, 1),
                "key": key.id if key else None,
                "client": scope["client"][0] if scope.get("client") else None,
                "code": state["code"] or None,
            },
        )


def credentials(headers: Headers) -> tuple[str, str]:
    """Return the secret and the ticket that a request carries; "" for what it does not."""
    kind, _, secret = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return secret.strip(), ""
    for pair in headers.get("cookie", "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE:
            return "", value
    return "", ""


class _Answer:
    """`send`, with the headers that every answer has; remembers the status."""

    def __init__(self, send: Send, request_id: str) -> None:
        self.status = 0
        self._send = send
        self._request_id = request_id

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", []))
            there = {name.lower() for name, _ in headers}
            headers += [(n.encode(), v.encode()) for n, v in _SECURITY.items() if n.encode() not in there]
            headers.append((b"x-request-id", self._request_id.encode()))
            message = {**message, "headers": headers}
        await self._send(message)


def _headers(scope: Scope) -> Headers:
    """Return the headers by lower-case name; of two with one name the first."""
    headers: Headers = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
    return headers


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _keep_encoded(scope: Scope) -> None:
    """Let routes match the path as it was sent: an id may hold an encoded slash."""
    raw = scope.get("raw_path")
    if raw:
        scope["path"] = raw.decode("latin-1")


def _is_public(scope: Scope) -> bool:
    """Return whether a path holds no data of anybody: health, and the files of the page and the docs."""
    path = scope["path"]
    return scope["method"] in ("GET", "HEAD") and (path in _PUBLIC or path.startswith(_PUBLIC_FOLDERS))


def is_near(scope: Scope) -> bool:
    """Return whether a request comes from this machine, and not through a proxy on it."""
    return _is_near(scope, _headers(scope))


def speaks_for_all(request: Request) -> bool:
    """Return whether a caller may know where files lie on this machine."""
    key = principal_of(request).key
    return is_near(request.scope) if key is None else key.may("admin") and not key.collections


def home_for(request: Request) -> str | None:
    """Return the folder of all collections, for a caller who may know it; else None."""
    return os.path.abspath(state_of(request).settings.home) if speaks_for_all(request) else None


def is_of_own_page(scope: Scope) -> bool:
    """Return whether a browser says that a page of this very server sends a request."""
    headers = _headers(scope)
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site") == "same-origin"
    return origin.partition("://")[2].lower() == headers.get("host", "").lower()


def _is_near(scope: Scope, headers: Headers) -> bool:
    client = scope.get("client")
    return client is not None and is_loopback(client[0]) and not any(name in headers for name in _FORWARDED)


def is_loopback(address: str) -> bool:
    """Return whether an address, or localhost, is reached from this machine alone."""
    if address == "localhost":
        return True
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return ip.is_loopback or bool(getattr(ip, "ipv4_mapped", None) and ip.ipv4_mapped.is_loopback)  # type: ignore[union-attr]


def _check_host(host: str, allowed: tuple[str, ...]) -> None:
    """Refuse names that are not ours. An address cannot be made to mean another machine, so all are allowed."""
    name = _host_name(host)
    if name in ("localhost", *(word.lower() for word in allowed)):
        return
    try:
        ipaddress.ip_address(name)
    except ValueError as exc:
        raise Refusal(
            403,
            "host_refused",
            f'this server is not called "{name[:80]}". If it should be: lookalike serve --allowed-host {name[:80]}',
        ) from exc


def _host_name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower().rstrip(".")
    except ValueError:
        return ""


def _check_origin(headers: Headers, allowed: tuple[str, ...], *, is_public: bool) -> None:
    """Refuse web pages of other sites."""
    origin = headers.get("origin")
    if origin is None:
        is_foreign = headers.get("sec-fetch-site") == "cross-site" and not is_public
    else:
        is_foreign = origin not in allowed and origin.partition("://")[2].lower() != headers.get("host", "").lower()
    if is_foreign:
        raise Refusal(
            403,
            "origin_refused",
            f"a page of {(origin or 'another site')[:80]} may not call this server. "
            f"If it should: lookalike serve --allowed-origin ORIGIN",
        )
