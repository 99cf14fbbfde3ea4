"""All attacks at once: heads without end, heavy bodies and silent connections of many clients, while others ask."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import threading
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import API, Served, at_once, jpeg, served, wait_for
from test_server_bodies import HEAVY, SEARCH, Watched
from test_server_connections import ENDLESS, HEAD, SHORT, connect

from lookalike.doors.http.bodies import as_model
from lookalike.doors.http.json_budget import JsonBudget
from lookalike.doors.http.limiters import Limiter
from lookalike.doors.http.replies import malformed
from lookalike.doors.http.schema import SearchQuery
from lookalike.limits import Limits

CLIENTS = 24
MOST_GROWTH = 48_000_000  # bytes
STALLED = b"POST /api/v1/collections/c/records HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    """A server that has answered as much as is needed to be warm."""
    with served(tmp_path / "home", LOOKALIKE_WORKERS="1", **SHORT) as running:
        path = running.create("c")
        running.post(f"{path}?id=1", content=jpeg(1), headers={"content-type": "image/jpeg"})
        for seed in range(3):
            assert running.post(SEARCH, files={"file": jpeg(seed)}).status_code == 200
        yield running


def heads(server: Served, number: int) -> None:
    begin, more = [*ENDLESS.values()][number % len(ENDLESS)]
    with contextlib.suppress(OSError), connect(server) as connection:
        connection.sendall(begin)
        for _ in range(200):  # 10 MB
            connection.sendall(more)


def bodies(server: Served, number: int) -> None:
    kinds = [*HEAVY.values()]
    for path, body, headers in (kinds[place % len(kinds)] for place in (2 * number, 2 * number + 1)):
        with contextlib.suppress(httpx.HTTPError):
            httpx.post(f"{server.url}{path}", content=body, headers=headers, timeout=60)


def silence(server: Served, _: int) -> None:
    with contextlib.ExitStack() as opened:
        for begun in (b"", HEAD, b"POST /api", STALLED + b"Content-Length: 50000000\r\n\r\n" + b"\xff" * 2_000_000):
            with contextlib.suppress(OSError):
                connection = opened.enter_context(connect(server))
                connection.settimeout(3)
                connection.sendall(begun)
        threading.Event().wait(2)


def test_all_attacks_at_once_cost_little_memory_from_the_first_round_on(server: Served) -> None:
    attacks: list[Callable[[Served, int], None]] = [heads, bodies, silence]
    for _ in range(2):
        with Watched(server) as watched:
            at_once(partial(attack, server, number) for number in range(CLIENTS) for attack in attacks)
        assert watched.growth < MOST_GROWTH
        assert set(watched.answers) == {200}
    assert server.get("/healthz").status_code == 200
    assert server.post(f"{API}/collections/c/search", files={"file": jpeg(1)}).status_code == 200
    assert "Traceback" not in server.log.read_text()


class Body(bytearray):
    """A body that can be watched."""


def refused_json(body: bytes) -> Any:
    return JsonBudget(Limits()).parse(body)


def refused_model(body: bytes) -> Any:
    return as_model(body, SearchQuery, JsonBudget(Limits()))


def refused_text(body: bytes) -> Any:
    try:
        return json.loads(body.decode())
    except ValueError as exc:
        raise malformed("this is not JSON") from exc


@pytest.mark.parametrize(
    ("parse", "body"),
    [
        (refused_json, b'{"a": "' + b"x" * 9000),
        (refused_model, b'{"like": {"a": "' + b"x" * 9000 + b'"}}'),
        (refused_text, b'["' + b"x" * 9000),
        (refused_text, b"x" * 9000 + b"\xff"),
    ],
)
def test_a_body_that_is_refused_is_let_go_while_its_refusal_is_under_way(
    parse: Callable[[bytes], Any], body: bytes
) -> None:
    """The errors are held until the answer is out, and longer where a cycle waits for the collector."""
    held: list[weakref.ref[Body]] = []

    def work() -> Any:
        mine = Body(body)
        held.append(weakref.ref(mine))
        return parse(mine)

    async def asked() -> BaseException:
        lane = Limiter("bodies", threads=1, waiting=1)
        try:
            await lane.run(work)
        except Exception as exc:
            return exc
        finally:
            lane.close()
        raise AssertionError("it was not refused")

    gc.collect()
    gc.disable()
    try:
        error = asyncio.run(asked())
        wait_for(lambda: held[0]() is None)
        seen: BaseException | None = error
        while seen is not None:
            assert len(repr(vars(seen))) < 1000
            assert len(getattr(seen, "doc", "")) + len(getattr(seen, "object", b"")) == 0
            seen = seen.__cause__ or seen.__context__
        gone = weakref.ref(error)
        del error, seen
        wait_for(lambda: gone() is None, 5)  # the thread may be about to let it go
    finally:
        gc.enable()
