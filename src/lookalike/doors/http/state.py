"""The state of a server: all that it has at hand, and what requests ask of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ...core.removal.trash import Trash
from ...errors import CollectionNotFoundError, ConflictError, LookalikeError, ScopeError, StoreDamagedError
from ...pictures import Stored, Url
from ...service.file_usage import FileUsage
from ...service.files import FOLDER as FILES
from ...service.files import RIGHT, Files
from ...service.keys import Key, Keys, Scope
from ...service.quotas import Meter
from ...service.roots import Roots
from .additions import Additions
from .connections import Connections
from .limiters import Limiter, Memory
from .metrics import Metrics
from .reception import Reception

if TYPE_CHECKING:
    from starlette.requests import Request

    from ...core.collection import Collection
    from ...core.library import Library
    from ...service.jobs import Jobs
    from ...settings import Settings
    from .limiters import Held
    from .pool import WorkerPool

T = TypeVar("T")

_log = logging.getLogger("lookalike.server")

_BODY_THREADS = 2
_LIGHT_THREADS = 2
_FETCH_THREADS = 16  # they wait for other machines most of the time
_SCAN_THREADS = 2  # facets of a whole collection: a second for 100,000 records
_LONG_THREADS = 2  # duplicates of a whole collection: minutes each
_LONG_WAITING = 8


@dataclass(frozen=True)
class Limiters:
    """One limiter for each kind of work, so that none waits for a slower kind.

    Attributes:
        bodies: Taking a body apart that is too large for the event loop.
        pictures: Work that needs a worker process; twice as many threads, so that one writes while another decodes.
        light: Records, collections, and searches by id.
        fetch: Work that begins with fetching a URL.
        scan: Reading all records of a collection once.
        long: Work over all pairs of a collection.
    """

    bodies: Limiter
    pictures: Limiter
    light: Limiter
    fetch: Limiter
    scan: Limiter
    long: Limiter

    def all(self) -> tuple[Limiter, ...]:
        """Return all limiters."""
        return (self.bodies, self.pictures, self.light, self.fetch, self.scan, self.long)


@dataclass(frozen=True)
class Principal:
    """Who is asking: a key, or nobody in particular where no key is needed."""

    key: Key | None = None

    def check(self, scope: Scope, collection: str | None = None) -> None:
        """Refuse what the key is not for. Says nothing of whether the collection exists.

        Raises:
            ScopeError: naming what is missing.
        """
        key = self.key
        if key is None:
            return
        if not key.may(scope):
            raise ScopeError(f'key "{key.name}" has the scope "{key.scope}"; this needs "{scope}".')
        if collection is not None and not key.sees(collection):
            raise ScopeError(f'key "{key.name}" is not for collection "{collection[:80]}".')

    def check_unbound(self) -> None:
        """Refuse a key that is bound to collections, for what belongs to none of them.

        Raises:
            ScopeError: saying so.
        """
        if self.reach:
            name = "" if self.key is None else self.key.name
            raise ScopeError(f'key "{name}" is for some collections only; this needs one for all.')

    def sees(self, collection: str) -> bool:
        """Return whether a collection is for this caller."""
        return self.key is None or self.key.sees(collection)

    @property
    def reach(self) -> tuple[str, ...]:
        """The collections that the caller speaks for; empty for all of the home."""
        return () if self.key is None else self.key.collections


class ServerState:
    """All that a running server has at hand."""

    def __init__(self, settings: Settings, library: Library, pool: WorkerPool, keys: Keys) -> None:
        waiting = settings.limits.max_waiting
        self.settings = settings
        self.library = library
        self.pool = pool
        self.keys = keys
        self.roots = Roots(settings.serving.library, settings.home, settings.limits)
        self.meter = Meter(library, elsewhere=self._elsewhere)
        self._file_usage = FileUsage(settings.home / FILES, settings.home)
        self.trash = Trash(settings.home, settings.serving.may_move)
        self._creating = threading.Lock()
        self.connections = Connections(settings.serving)
        self.reception = Reception(max(8, self.connections.most // 2))
        self.memory = Memory(settings.limits.max_bytes_under_way)
        self.limiters = Limiters(
            bodies=Limiter("bodies", threads=_BODY_THREADS, waiting=waiting),
            pictures=Limiter("pictures", threads=2 * settings.workers, waiting=waiting),
            light=Limiter("light", threads=_LIGHT_THREADS, waiting=waiting),
            fetch=Limiter("fetch", threads=_FETCH_THREADS, waiting=waiting),
            scan=Limiter("scan", threads=_SCAN_THREADS, waiting=waiting),
            long=Limiter("long", threads=_LONG_THREADS, waiting=_LONG_WAITING),
        )
        self.metrics = Metrics(self)
        add = partial(
            Additions, open_collection=library.collection, most_waiting=waiting, on_batch=self.metrics.batched
        )
        self.additions = add(self.limiters.pictures)
        self.fetched_additions = add(self.limiters.fetch, turns=_FETCH_THREADS)
        self.streams = 0  # of events, that are open
        self.is_ready = False
        self.is_ending = False
        self.jobs: Jobs  # set by the app, which knows how their inputs are read

    def collection(self, request: Request, name: str, scope: Scope) -> Collection:
        """Open a collection for a caller.

        Raises:
            ScopeError: when the caller may not; whether it exists is not said.
            CollectionNotFoundError: naming those that the caller may see.
        """
        principal = principal_of(request)
        principal.check(scope, name)
        try:
            return self.library.collection(name).within(principal.reach)
        except CollectionNotFoundError as error:
            raise self.no_collection(principal, name) from error

    def create_collection(self, principal: Principal, name: str, **wanted: Any) -> Collection:
        """Make a collection for a caller, whose quota it counts against; `wanted` is as for `Library.create`.

        Raises:
            QuotaError: when the caller has as many as it may have, or no room for one more.
            ConflictError: for the name that keys have for the files.
        """
        if name == RIGHT and (self.settings.home / FILES).exists():
            raise ConflictError(f'"{name}" stands in keys for files that are here already. Choose another name.')
        if principal.key is None:
            return self.library.create(name, **wanted)
        with self._creating:  # one after the other: two of the same moment cannot pass a quota together
            key = self.keys.get(principal.key.id) or principal.key
            self.meter.check_collections(key)
            with self.meter.room_for(key, 0):  # an empty one takes room, too
                made = self.library.create(name, **wanted)
            self.meter.count_anew(key)
            self.keys.note_made(principal.key, made.name, self.library.collections())
        return made

    def files_for(self, principal: Principal) -> Files:
        """Return the files that are kept beside collections, for a caller, whose quota counts what is written."""
        key = principal.key
        is_counted = key is not None and key.quotas.bytes is not None and not key.collections
        return Files(
            self.settings.home / FILES,
            self._file_usage,
            owner=key.id if key is not None and is_counted else None,
            room=lambda size: self.meter.room_for(key, 0, stored_bytes=size),
        )

    def _elsewhere(self, key: Key) -> int:
        """Return what a key has on disk outside of collections: files, and the inputs and outcomes of its jobs."""
        files = self._file_usage.of(key.id)
        if RIGHT in key.collections:  # it is bound to the files as to a collection, whichever key wrote them
            files = self._file_usage.total()
        return files + self.jobs.byte_size(key.id)

    def others(self, request: Request, name: str) -> Iterator[Collection]:
        """Return the other collections that a caller may see; one that cannot be opened is passed over, and logged."""
        principal = principal_of(request)
        for other in self.library.collections():
            if other != name and principal.sees(other):
                try:
                    yield self.library.collection(other)
                except LookalikeError as error:
                    _log.warning("%s was not asked for its files: %s", other, error.message)

    def missing(self, principal: Principal, name: str) -> LookalikeError:
        """Return the error for a collection that is not there, or (if the caller may see it) has lost its database."""
        if principal.sees(name):
            try:
                self.library.info(name)
            except StoreDamagedError as lost:
                return lost
            except LookalikeError:
                pass
        return self.no_collection(principal, name)

    def no_collection(self, principal: Principal, name: str) -> CollectionNotFoundError:
        """Return the error that says that a collection is not there, naming only those that the caller may see."""
        seen = [other for other in self.library.collections() if principal.sees(other)]
        there = f"There are: {', '.join(seen)[:500]}. Check the spelling." if seen else "There are none yet."
        return CollectionNotFoundError(f'no collection "{name[:80]}". {there}', name=name)


def state_of(request: Request) -> ServerState:
    """Return the state of the server that a request came to."""
    return cast("ServerState", request.app.state.server)


def principal_of(request: Request) -> Principal:
    """Return the principal of a request, which the middleware has found."""
    return cast("Principal", request.scope["state"]["principal"])


def request_id_of(request: Request) -> str:
    """Return the id of a request."""
    return cast("str", request.scope["state"]["request_id"])


def held_of(request: Request) -> Held:
    """Return what a request holds of the memory."""
    return cast("Held", request.scope["state"]["held"])


def room(request: Request, *, images: int = 0, stored_bytes: int = 0) -> AbstractContextManager[None]:
    """Hold room under the quotas of a caller, on a thread, while what the request brought is stored.

    Args:
        stored_bytes: What it takes on disk, where that is known; else what came is taken for it.
    """
    key, sent = principal_of(request).key, 0 if stored_bytes else held_of(request).bytes
    return state_of(request).meter.room_for(key, images, sent_bytes=sent, stored_bytes=stored_bytes)


async def light(request: Request, work: Callable[[], T]) -> T:
    """Do work that needs no picture, on a thread."""
    return await state_of(request).limiters.light.run(work)


async def on_pictures(request: Request, sources: list[Any], work: Callable[[], T]) -> T:
    """Do work on pictures, on a thread of the limiter for what its sources are."""
    limiters = state_of(request).limiters
    if any(isinstance(source, Url) for source in sources):
        return await limiters.fetch.run(work)
    if all(isinstance(source, Stored) for source in sources):
        return await limiters.light.run(work)
    return await limiters.pictures.run(work)
