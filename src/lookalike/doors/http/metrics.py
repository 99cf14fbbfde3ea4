"""Figures for Prometheus: requests, latencies, queues, images, collections, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

from ... import __version__
from ...errors import LookalikeError

if TYPE_CHECKING:
    from ...records import Outcome
    from .state import Principal, ServerState

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_PICTURES = (1, 2, 4, 8, 16, 32, 64, 100)
_PER_COLLECTION = (  # figure, its name among the statistics of a collection, what it is
    ("lookalike_records", "records", "Records of a collection."),
    ("lookalike_bytes_on_disk", "bytes_on_disk", "What a collection takes on disk."),
    ("lookalike_recall", "recall", "Share of true neighbors found, as measured when the index was built."),
    ("lookalike_recall_target", "recall_target", "Share of true neighbors that a search is to find."),
    (
        "lookalike_index_rows",
        "index_rows_on_disk",
        "Records that the index files hold; the rest is read from the database.",
    ),
    (
        "lookalike_index_written_timestamp_seconds",
        "index_written_at",
        "When the index files were written; without them nothing is said.",
    ),
)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The figures of one server."""

    def __init__(self, server: ServerState) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "lookalike_requests", "Requests that were answered.", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "lookalike_request_seconds", "Time to answer.", ["route"], buckets=_SECONDS, registry=self._registry
        )
        self._images = Counter(
            "lookalike_images",
            "Pictures that were added, by what became of them.",
            ["outcome"],
            registry=self._registry,
        )
        self._batches = Histogram(
            "lookalike_batch_pictures",
            "Pictures that were added together, by one transaction.",
            buckets=_PICTURES,
            registry=self._registry,
        )
        self._failures = Counter(
            "lookalike_image_failures",
            "Pictures that failed, by error code: fetch_refused and the like.",
            ["code"],
            registry=self._registry,
        )
        self._refusals = Counter(
            "lookalike_refusals", "Requests that were refused, by error code.", ["code"], registry=self._registry
        )
        self._registry.register(_Now(server))
        self._server = server

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def added(self, outcome: Outcome) -> None:
        """Count a picture that was added or was not."""
        self._images.labels(outcome.kind).inc()
        if outcome.failure is not None:
            self._failures.labels(outcome.failure.code).inc()

    def batched(self, pictures: int) -> None:
        """Count pictures that are added together."""
        self._batches.observe(pictures)

    def refused(self, code: str) -> None:
        """Count a refusal."""
        self._refusals.labels(code).inc()

    def text(self, principal: Principal) -> bytes:
        """Return all figures, as Prometheus reads them.

        A key that is bound to collections gets those of its collections and their jobs: what the server as a whole
        does would tell of others.
        """
        if not principal.reach:
            return generate_latest(self._registry)
        own = CollectorRegistry()
        own.register(_Now(self._server, principal))
        return generate_latest(own)


class _Now:
    """The figures that are looked up when they are asked for."""

    def __init__(self, server: ServerState, principal: Principal | None = None) -> None:
        self._server = server
        self._principal = principal  # a caller who sees some collections only; None for all there is

    def describe(self) -> list[Any]:
        """Name no figures in advance: they are looked up."""
        return []

    def collect(self) -> Iterator[Any]:
        yield _gauge("lookalike_info", "The version that runs.", {(("version", __version__),): 1})
        if self._principal is None:
            yield from self._of_server()
        jobs: dict[str, int] = {}
        for job in self._server.jobs.all():
            if self._sees(job.collection):
                jobs[job.state] = jobs.get(job.state, 0) + 1
        yield _gauge("lookalike_jobs", "Jobs by state.", {_at("state", name): count for name, count in jobs.items()})
        yield from self._collections()

    def _sees(self, collection: str) -> bool:
        return self._principal is None or self._principal.sees(collection)

    def _of_server(self) -> Iterator[Any]:
        """Return what the server as a whole does."""
        server = self._server
        limiters = server.limiters.all()
        yield _gauge("lookalike_under_way", "Requests under way.", {_at("lane", o.name): o.under_way for o in limiters})
        waiting = {_at("lane", one.name): one.waiting for one in limiters}
        waiting[_at("lane", "additions")] = server.additions.waiting + server.fetched_additions.waiting
        yield _gauge("lookalike_queue_depth", "Requests that wait.", waiting)
        yield _gauge("lookalike_memory_held_bytes", "Bytes of bodies in memory.", {(): server.memory.held_bytes})
        yield _gauge("lookalike_workers", "Worker processes.", {(): server.settings.workers})
        yield _gauge("lookalike_workers_idle", "Workers that wait for work.", {(): server.pool.idle})
        yield _gauge("lookalike_worker_deaths", "Workers that died at a picture.", {(): server.pool.deaths})

    def _collections(self) -> Iterator[Any]:
        values: dict[str, dict[tuple[tuple[str, str], ...], float]] = {name: {} for name, _, _ in _PER_COLLECTION}
        for name in filter(self._sees, self._server.library.collections()):
            try:
                told = self._server.library.info(name)
            except LookalikeError:  # deleted meanwhile, or damaged: `doctor` says more
                continue
            for figure, source, _ in _PER_COLLECTION:
                if told[source] is not None:
                    values[figure][_at("collection", name)] = _number(told[source])
        for figure, _, text in _PER_COLLECTION:
            yield _gauge(figure, text, values[figure])


def _number(value: float | str) -> float:
    """Return a figure, or the seconds since 1970 of a moment."""
    return datetime.fromisoformat(value).timestamp() if isinstance(value, str) else value


def _at(name: str, value: str) -> tuple[tuple[str, str], ...]:
    return ((name, value),)


def _gauge(name: str, text: str, values: dict[tuple[tuple[str, str], ...], float] | dict[Any, Any]) -> Any:
    labels = [label for label, _ in next(iter(values), ())]
    gauge = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        gauge.add_metric([text for _, text in key], value)
    return gauge
