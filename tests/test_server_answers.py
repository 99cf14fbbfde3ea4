"""Every request that is accepted is answered: with full lanes, workers that die or hang, and at the end."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import PIL.Image
import psutil
import pytest
from serving import API, Served, jpeg, picture_file, served, wait_for

from lookalike.doors.http.additions import Added, Additions
from lookalike.doors.http.limiters import Limiter
from lookalike.errors import BusyError, LookalikeError, RecordNotFoundError

SEARCH, RECORDS = f"{API}/collections/c/search", f"{API}/collections/c/records"


def workers_of(server: Served) -> list[psutil.Process]:
    parent = psutil.Process(server.process.pid)
    found = parent.children(recursive=True)
    return [one for one in found if one.ppid() != parent.pid and one.status() != psutil.STATUS_ZOMBIE]


def asked(server: Served, path: str, **options: Any) -> httpx.Response:
    return httpx.post(f"{server.url}{path}", timeout=60, **options)


def test_additions_that_meet_a_lane_full_of_searches_are_answered(tmp_path):
    with served(tmp_path / "home", LOOKALIKE_WORKERS="1", LOOKALIKE_MAX_WAITING="2") as server:
        server.create("c")
        [worker] = workers_of(server)
        worker.suspend()
        with ThreadPoolExecutor(16) as many:
            searches = [many.submit(asked, server, SEARCH, files={"file": jpeg(n)}) for n in range(4)]
            wait_for(lambda: 'lookalike_under_way{lane="pictures"} 4.0' in server.get("/metrics").text)
            additions = [many.submit(asked, server, RECORDS, files=picture_file(n, f"{n}")) for n in range(4)]
            assert {one.result(20).status_code for one in additions} == {503}
            worker.resume()
            assert {one.result(40).status_code for one in searches} == {200}
        assert asked(server, RECORDS, files=picture_file(1, "after")).status_code == 201


def test_a_flood_of_searches_and_additions_is_answered_to_the_last(tmp_path):
    with served(tmp_path / "home", LOOKALIKE_WORKERS="1", LOOKALIKE_MAX_WAITING="3") as server:
        server.create("c")
        with ThreadPoolExecutor(24) as many:

            def ask(number: int) -> int:
                if number % 2:
                    return asked(server, SEARCH, files={"file": jpeg(number % 8, (64, 48))}).status_code
                return asked(server, RECORDS, files=picture_file(number % 8, f"{number}")).status_code

            statuses = Counter(many.map(ask, range(120)))
        assert set(statuses) == {200, 201, 503}
        assert server.get(f"{API}/collections/c").json()["records"] == statuses[201]


def test_requests_are_answered_while_workers_are_killed(tmp_path):
    with served(tmp_path / "home", LOOKALIKE_WORKERS="2") as server:
        server.create("c")
        ending = threading.Event()

        def hunt() -> None:
            while not ending.wait(0.05):
                for worker in workers_of(server):
                    with suppress(psutil.NoSuchProcess):
                        worker.kill()

        hunter = threading.Thread(target=hunt)
        hunter.start()
        with ThreadPoolExecutor(8) as many:
            answers = list(many.map(lambda n: asked(server, RECORDS, files=picture_file(n % 8, f"{n}")), range(24)))
        ending.set()
        hunter.join()
        assert {answer.status_code for answer in answers} <= {201, 422, 503}
        assert asked(server, RECORDS, files=picture_file(1, "after")).status_code == 201


def noise(side: int) -> bytes:
    """Give a picture of more bytes than a pipe holds."""
    import io

    stream = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
    PIL.Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def test_a_worker_that_hangs_at_a_large_picture_is_replaced(tmp_path):
    """It takes no more of what it is sent, which nobody waits for without an end."""
    with served(tmp_path / "home", LOOKALIKE_WORKERS="1", LOOKALIKE_DECODE_TIMEOUT_S="0.2") as server:
        server.create("c")
        [worker] = workers_of(server)
        worker.suspend()
        assert asked(server, SEARCH, files={"file": noise(1000)}).status_code == 413
        assert asked(server, SEARCH, files={"file": jpeg(1)}).status_code == 200


def test_the_process_that_makes_workers_may_die(tmp_path):
    with served(tmp_path / "home", LOOKALIKE_WORKERS="1") as server:
        server.create("c")
        for process in psutil.Process(server.process.pid).children(recursive=True):
            process.kill()
        answers = [asked(server, SEARCH, files={"file": jpeg(1)}).status_code for _ in range(3)]
        assert set(answers) <= {200, 503}
        assert answers[-1] == 200


def test_a_server_that_must_end_answers_what_it_cannot_finish(tmp_path):
    with served(tmp_path / "home", LOOKALIKE_WORKERS="1", LOOKALIKE_SHUTDOWN_TIMEOUT_S="1") as server:
        server.create("c")
        [worker] = workers_of(server)
        worker.suspend()
        with ThreadPoolExecutor(4) as many:
            waiting = [many.submit(asked, server, SEARCH, files={"file": jpeg(n)}) for n in range(2)]
            waiting += [many.submit(asked, server, RECORDS, files=picture_file(n, f"{n}")) for n in range(2)]
            # Two additions may go together.
            wait_for(lambda: any(f'under_way{{lane="pictures"}} {n}.0' in server.get("/metrics").text for n in (3, 4)))
            os.kill(server.process.pid, signal.SIGTERM)
            answers = [one.result(40) for one in waiting]
        assert {answer.status_code for answer in answers} == {503}
        assert {answer.json()["error"]["code"] for answer in answers} == {"busy"}
        worker.resume()


# ---- additions, in process


@pytest.fixture
def lane() -> Iterator[Limiter]:
    made = Limiter("test", threads=1, waiting=0)
    yield made
    made.close()


def run(additions: Additions, count: int = 1) -> list[Any]:
    """Ask for several additions at once, and give what each was answered."""

    async def ask() -> list[Any]:
        asking = [additions.add("c", [{"_id": str(n)}], replace=False, room=nullcontext()) for n in range(count)]
        return await asyncio.wait_for(asyncio.gather(*asking, return_exceptions=True), 20)

    return asyncio.run(ask())


class Broken:
    """A collection where something goes wrong that nobody thought of."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def within(self, _: Any) -> Broken:
        return self

    def add(self, *_: Any, **__: Any) -> None:
        raise self._error


ERRORS = [
    ValueError(),
    StopIteration(),
    MemoryError(),
    SystemExit(),
    asyncio.CancelledError(),
    RecordNotFoundError("x"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_whatever_an_addition_meets_each_who_asked_is_answered(lane, error):
    answers = run(Additions(lane, lambda _: Broken(error), most_waiting=9), 5)  # type: ignore[arg-type, return-value]
    assert len(answers) == 5
    assert all(isinstance(answer, BaseException) for answer in answers)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_whatever_work_raises_who_waits_for_it_is_told(lane, error):
    def work() -> None:
        raise error

    async def ask() -> Any:
        [told] = await asyncio.wait_for(asyncio.gather(lane.run(work), return_exceptions=True), 20)
        return told

    assert isinstance(asyncio.run(ask()), (type(error), RuntimeError))
    assert lane.under_way == 0


def test_additions_to_a_lane_that_is_full_or_closed_are_busy(lane, library):
    library.create("c")
    additions = Additions(lane, library.collection, most_waiting=9)

    async def with_a_full_lane() -> list[Any]:
        ends = threading.Event()
        full = asyncio.ensure_future(lane.run(lambda: ends.wait(20)))
        await asyncio.sleep(0)
        asking = [additions.add("c", [{"_id": "1"}], replace=False, room=nullcontext()) for _ in range(5)]
        answers = await asyncio.wait_for(asyncio.gather(*asking, return_exceptions=True), 20)
        ends.set()
        await full
        return answers

    assert {type(answer) for answer in asyncio.run(with_a_full_lane())} == {BusyError}
    assert additions.waiting == 0
    lane.close()
    assert {type(answer) for answer in run(additions, 5)} == {BusyError}


def test_one_request_of_a_batch_that_fails_takes_nothing_from_the_others(lane, library, tmp_path):
    """Its record is deleted by someone else before it is told."""
    collection = library.create("c")
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(1, (48, 36)))

    class Deleting:
        def within(self, _: Any) -> Deleting:
            return self

        def add(self, *arguments: Any, **options: Any) -> Any:
            done = collection.add(*arguments, **options)
            collection.delete("1")
            return done

        def get(self, record_id: str) -> Any:
            return collection.get(record_id)

    additions = Additions(lane, lambda _: Deleting(), most_waiting=9, turns=1)  # type: ignore[arg-type, return-value]

    async def ask() -> list[Any]:
        records = [{"_id": str(n), "_file": str(path)} for n in range(3)]
        asking = [additions.add("c", [record], replace=False, room=nullcontext()) for record in records]
        return await asyncio.gather(*asking, return_exceptions=True)

    answers = asyncio.run(ask())
    told = [isinstance(answer, LookalikeError) for answer in answers]
    assert told == [False, True, False]
    assert [answer.record.id for answer in answers if isinstance(answer, Added)] == ["0", "2"]


def test_the_pool_tells_who_waits_when_it_ends(tmp_path):
    from lookalike.doors.http.pool import WorkerPool
    from lookalike.settings import load_settings

    pool = WorkerPool(load_settings(home=Path(tmp_path), environment={"LOOKALIKE_WORKERS": "1"}))
    place = pool._idle.get()  # lent to somebody
    with ThreadPoolExecutor(3) as many:
        waiting = [many.submit(pool.thumbnail, b"x", side_px=16) for _ in range(3)]
        wait_for(lambda: all(one.running() for one in waiting))
        pool.close()
        pool._idle.put(place)
        for one in waiting:
            with pytest.raises(BusyError):
                one.result(20)
