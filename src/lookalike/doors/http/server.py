"""Running the server: the socket, uvicorn, and the end that finishes what was accepted."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import uvicorn

from ... import disk
from ...errors import ConflictError, InputError
from ...service.files import FOLDER as FILES
from ...service.keys import Keys
from . import logs
from .app import make_app, make_state
from .middleware import is_loopback
from .protocol import Connection

if TYPE_CHECKING:
    from ...settings import Settings
    from .state import ServerState

_LOCK = "server.lock"  # one server for each home: two would work on the same jobs
_BACKLOG = 2048  # connections that the system holds for us
_ACCEPTED_AT_ONCE = 16  # of them, so that none is taken before others are closed for it
_KEEP_ALIVE_S = 15
_MALLOC = {  # variable: parameter of mallopt(3), value
    "MALLOC_MMAP_THRESHOLD_": (-3, 1 << 20),
    "MALLOC_TRIM_THRESHOLD_": (-1, 1 << 20),
    "MALLOC_ARENA_MAX": (-8, 2),
}


def serve(settings: Settings, tell: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; then finish what was accepted, and return.

    Args:
        tell: Called with the address, once requests are taken.

    Raises:
        InputError: when the address cannot be had, and for a public one while there is no key.
        ConflictError: when another server serves this home.
    """
    serving = settings.serving
    _check_public(settings)
    _check_folders(settings)
    _give_back_memory()
    logs.set_up(serving.log_format)
    with _alone(settings.home), _listen(serving.host, serving.port) as listening:
        if disk.is_loose(settings.home / FILES):  # of an earlier lookalike
            disk.tighten(settings.home / FILES)
        disk.sweep_all(settings.home / FILES, below=True)
        _run(settings, listening, tell)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold a home as its only server."""
    with ExitStack() as held:
        try:
            held.enter_context(disk.locked(home / _LOCK, wait=False))
        except ConflictError as exc:
            raise ConflictError(
                f'another server has the home "{home}" already. End that one, or serve another home by --home.'
            ) from exc
        yield


def _give_back_memory() -> None:
    """Let glibc give what large requests held back to the system; it keeps it by default, and more for each thread.

    It learns from the first large piece that is freed to take the next ones from heaps that never shrink. Variables of
    glibc's own come first. Workers are processes apart, and keep the defaults.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    for variable, (parameter, value) in _MALLOC.items():
        if mallopt is not None and variable not in os.environ:
            mallopt(parameter, value)


def _run(settings: Settings, listening: socket.socket, tell: Callable[[str], None]) -> None:
    serving = settings.serving
    server = make_state(settings)
    config = uvicorn.Config(
        make_app(server),
        http=cast("type[asyncio.Protocol]", partial(Connection, server.connections)),
        backlog=_ACCEPTED_AT_ONCE,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="on",
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=int(serving.shutdown_timeout_s),
    )
    started = _Server(config, server)
    for number in (signal.SIGINT, signal.SIGTERM):  # uvicorn hears them later, and raises them once more
        signal.signal(number, started.handle_exit)
    tell(_address(listening))
    started.run(sockets=[listening])


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it begins to end: event streams have to end first."""

    def __init__(self, config: uvicorn.Config, server: ServerState) -> None:
        super().__init__(config)
        self._server = server
        self._watching: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, and to watch the deadlines of connections."""
        await super().startup(sockets)
        for listening in sockets or []:
            listening.listen(_BACKLOG)  # uvicorn has set it to what is accepted at once
        self._watching = asyncio.create_task(self._server.connections.watch())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what was accepted."""
        self._server.is_ending = True
        await super().shutdown(sockets)
        if self._watching is not None:
            self._watching.cancel()


def _check_public(settings: Settings) -> None:
    serving = settings.serving
    if is_loopback(serving.host) or serving.without_key or Keys(settings.home).is_needed():
        return
    raise InputError(
        f"host={serving.host} is open to other machines, and no key exists: anyone could read and delete. Make one "
        f"first: lookalike keys create --name NAME. Or pass --without-key, if something else keeps strangers out."
    )


def _check_folders(settings: Settings) -> None:
    missing = next((folder for folder in settings.serving.may_move if not os.path.isdir(folder)), None)
    if missing is not None:
        raise InputError(f'may_move: there is no folder "{missing}". Check its path: files below it could be moved.')


def _listen(host: str, port: int) -> socket.socket:
    """Take the address now, so that what is in the way is said before anything starts."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as exc:
        raise InputError(
            f"cannot listen on {host}, port {port}: {exc.strerror}. Pass another --port; 0 takes any free one."
        ) from exc
    return listening


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"
