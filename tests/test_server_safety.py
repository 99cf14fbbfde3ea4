"""What strangers may try: private addresses, broken pictures, floods, and processes that end at a bad moment."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import PIL.Image
import psutil
import pytest
from serving import API, Served, code_of, jpeg, picture_file, served, wait_for
from test_fetch import NOT_PUBLIC, reply, serving

import lookalike
from lookalike.settings import load_settings


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("safety") / "home") as running:
        running.create("c")
        yield running


RECORDS = f"{API}/collections/c/records"
SEARCH = f"{API}/collections/c/search"


# ---- URLs

HOSTS = [
    *(f"[{address}]" if ":" in address else address for address in NOT_PUBLIC.split() if address != "nonsense"),
    *("localhost", "LOCALHOST.", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "127.0.0.1.", "①②⑦.0.0.1"),
    *(
        "[::ffff:127.0.0.1]",
        "[0:0:0:0:0:ffff:7f00:1]",
        "[::ffff:a9fe:a9fe]",
        "metadata.google.internal",
        "localhost.localdomain",
    ),
]
URLS = [
    *(f"http://{host}:PORT/a.jpg" for host in HOSTS),
    *("http://user:secret@127.0.0.1:PORT/a.jpg", "http://example.com@127.0.0.1:PORT/", "http://127.0.0.1:22/a.jpg"),
    *("http://127.0.0.1:PORT\\@example.com/", "http://127.0.0.1:PORT#@example.com/", "https://[::1]:PORT/"),
    *("http:///a.jpg", "http://", "HTTP://127.0.0.1:PORT/", "http://0x7f.1:PORT/", "http://[::1%25lo]:PORT/"),
]
NO_URLS = [
    "file:///etc/passwd",
    "ftp://127.0.0.1/a.jpg",
    "gopher://127.0.0.1/",
    "/etc/passwd",
    "jar:http://x!/",
    " http://x/",
]


def test_no_private_address_is_opened(server):
    """Over adds, bulk adds, searches and comparisons; a server that listens there hears nothing."""
    with serving(reply) as (address, asked):
        urls = [url.replace("PORT", address.rsplit(":", 1)[1]) for url in URLS]
        body = "\n".join(json.dumps({"_id": f"u{place}", "_url": url}) for place, url in enumerate(urls))
        report = server.post(RECORDS, content=body, headers={"content-type": "application/x-ndjson"}).json()
        codes = Counter(one["code"] for one in report["outcomes"])
        assert set(codes) <= {"fetch_refused", "fetch_failed"}  # failed: names that nobody knows here
        assert codes["fetch_refused"] >= 50
        assert codes.total() == len(urls) >= 60
        for url in urls[:3]:
            assert code_of(server.post(SEARCH, json={"source": url})) == (422, "fetch_refused")
            assert code_of(server.post(f"{API}/compare", json={"a": url, "b": url})) == (422, "fetch_refused")
            assert code_of(server.post(RECORDS, json={"_id": "x", "_url": url})) == (422, "fetch_refused")
    assert not asked


@pytest.mark.parametrize("text", NO_URLS)
def test_nothing_but_web_addresses_is_opened(server, text):
    assert code_of(server.post(RECORDS, json={"_id": "x", "_url": text}))[0] == 422
    assert code_of(server.post(SEARCH, json={"source": text})) == (422, "input_invalid")


def test_a_redirect_to_a_private_address_is_refused_and_allowed_by_setting(tmp_path, server):
    def to_picture(handler: Any) -> None:
        if handler.path == "/picture":
            reply(handler, jpeg(1))
        else:
            reply(handler, b"", 302, Location="/picture")

    with serving(to_picture) as (address, asked):
        assert code_of(server.post(RECORDS, json={"_id": "r", "_url": f"{address}/"})) == (422, "fetch_refused")
        assert not asked
        with served(tmp_path / "home", "--allow-private-urls") as open_server:
            path = open_server.create("c")
            added = open_server.post(path, json={"_id": "r", "_url": f"{address}/", "n": 1})
            assert (added.status_code, added.json()["source"]) == (201, f"{address}/")
            found = open_server.post(f"{API}/collections/c/search", json={"source": f"{address}/picture"}).json()
            assert found["matches"][0]["id"] == "r"


# ---- pictures


def broken_pictures(count: int) -> Iterator[bytes]:
    """Give real pictures with bytes changed, cut off, doubled and inserted."""
    chance = random.Random(5)
    for number in range(count):
        data = bytearray(jpeg(number % 8, (64, 48)))
        match number % 4:
            case 0:
                for _ in range(20):
                    data[chance.randrange(len(data))] = chance.randrange(256)
            case 1:
                del data[chance.randrange(len(data)) :]
            case 2:
                data = data * 2
            case _:
                data[chance.randrange(len(data)) : 0] = chance.randbytes(50)
        yield bytes(data)


def test_broken_pictures_are_refused_one_by_one(server):
    statuses = Counter()
    before = held_bytes(server)
    for data in broken_pictures(80):
        answer = server.post(SEARCH, files={"file": data})
        statuses[answer.status_code] += 1
        if answer.status_code != 200:
            assert code_of(answer) in {(422, "image_undecodable"), (413, "image_too_large"), (415, "image_unsupported")}
    assert set(statuses) <= {200, 413, 415, 422}
    assert statuses[422] > 10
    assert held_bytes(server) - before < 60_000_000
    assert "lookalike_worker_deaths 0.0" in server.get("/metrics").text


def held_bytes(server: Served) -> int:
    """Give the memory of the server with all its processes."""
    processes = [psutil.Process(pid) for pid in (server.process.pid, *server.worker_ids())]
    return sum(process.memory_info().rss for process in processes)


def test_a_picture_over_the_limits_is_refused(tmp_path):
    options = {
        "LOOKALIKE_MAX_IMAGE_PIXELS": "10000",
        "LOOKALIKE_MAX_IMAGE_BYTES": "20000",
        "LOOKALIKE_MAX_BODY_BYTES": "100000",
    }
    with served(tmp_path / "home", LOOKALIKE_MAX_IMAGES_PER_REQUEST="3", **options) as server:
        path = server.create("c")
        assert server.post(path, files={"file": jpeg(1, (100, 100))}).status_code == 201
        assert code_of(server.post(path, files={"file": jpeg(1, (101, 100))})) == (413, "image_too_large")
        raw = {"content-type": "image/jpeg"}
        assert code_of(server.post(path, content=b"\xff" * 20_001, headers=raw)) == (413, "image_too_large")
        assert code_of(server.post(path, files={"file": b"\xff" * 20_001})) == (413, "body_too_large")
        assert code_of(server.post(path, content=b"\xff" * 100_001, headers=raw)) == (413, "body_too_large")
        chunks = (b"\xff" * 1000 for _ in range(200))
        assert code_of(server.post(path, content=chunks, headers=raw)) == (413, "body_too_large")
        files = [("file", (f"{seed}.jpg", jpeg(seed, (60, 60)))) for seed in range(4)]
        assert code_of(server.post(path, files=files)) == (413, "too_many_images")
        assert server.post(path, files=files[:3]).json()["added"] == 3


def test_the_limit_on_pixels_is_about_those_that_are_decoded(tmp_path):
    """A phone's JPEG is reduced while it is read; a PNG of its size is not."""
    with served(tmp_path / "home", LOOKALIKE_WORKERS="1", LOOKALIKE_MAX_IMAGE_PIXELS="1000000") as server:
        path = server.create("c")
        large = PIL.Image.new("RGB", (3000, 2400), "teal")  # 7.2 megapixels
        sent: dict[str, httpx.Response] = {}
        for kind in ("JPEG", "PNG"):
            stream = io.BytesIO()
            large.save(stream, kind)
            sent[kind] = server.post(
                f"{path}?id={kind}", content=stream.getvalue(), headers={"content-type": "image/x"}
            )
        assert (sent["JPEG"].status_code, sent["JPEG"].json()["size_px"]) == (201, [3000, 2400])
        assert code_of(sent["PNG"]) == (413, "image_too_large")


def test_a_worker_that_dies_is_replaced_and_its_picture_tried_again(server):
    before = server.worker_ids()
    for worker in workers(server):
        worker.kill()
    assert server.post(SEARCH, files={"file": jpeg(1)}).status_code == 200
    assert "lookalike_worker_deaths 1.0" in server.get("/metrics").text
    for _ in range(4):
        assert server.post(SEARCH, files={"file": jpeg(2)}).status_code == 200
    assert set(server.worker_ids()) - set(before)


def test_a_picture_that_ends_its_workers_fails_alone(tmp_path):
    """Whatever ends the process that decodes (here a hunter that kills it at once) leaves the server well."""
    with served(tmp_path / "home", LOOKALIKE_WORKERS="1") as server:
        server.create("c")
        hunting = threading.Event()
        hunting.set()

        def hunt() -> None:
            while hunting.is_set():
                for worker in workers(server):
                    with contextlib.suppress(psutil.NoSuchProcess):  # the pool was quicker
                        worker.kill()
                time.sleep(0.001)

        hunter = threading.Thread(target=hunt)
        hunter.start()
        answers = [server.post(SEARCH, files={"file": jpeg(1)}) for _ in range(5)]
        hunting.clear()
        hunter.join()
        assert {code_of(answer) for answer in answers if answer.status_code != 200} == {(422, "decoder_crashed")}
        assert server.post(SEARCH, files={"file": jpeg(1)}).status_code == 200


def test_a_worker_that_hangs_is_replaced(tmp_path):
    with served(tmp_path / "home", LOOKALIKE_WORKERS="1", LOOKALIKE_DECODE_TIMEOUT_S="0.5") as server:
        server.create("c")
        [worker] = workers(server)
        worker.suspend()
        assert code_of(server.post(SEARCH, files={"file": jpeg(1)})) == (413, "image_too_large")
        assert server.post(SEARCH, files={"file": jpeg(1)}).status_code == 200


@pytest.mark.skipif(not hasattr(psutil.Process, "rlimit"), reason="limits of other processes are read on Linux only")
def test_workers_write_no_files_and_have_little_memory(server):
    limits = load_settings(serving=True, home=server.home).limits
    for worker in workers(server):
        assert worker.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
        allowed, _ = worker.rlimit(psutil.RLIMIT_DATA)
        assert 5 * limits.max_image_pixels < allowed < 2_000_000_000


def workers(server: Served) -> list[psutil.Process]:
    """Give the worker processes: the leaves below the server that hold the model, without the one that forks them."""
    found = []
    for pid in server.worker_ids():
        try:
            process = psutil.Process(pid)
            if process.ppid() != server.process.pid and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


# ---- headers and floods


def raw_answer(server: Served, request: bytes) -> bytes:
    """Send bytes as they are, and give what comes back."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET /%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /api/v1/collections/%ff%fe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /api/v1/compare HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST /api/v1/compare HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\nshort",
        b"POST /api/v1/compare HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"POST /api/v1/compare HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=\xff\r\n"
        b"Content-Length: 3\r\n\r\nabc",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET " + b"/a" * 60_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_broken_requests_leave_the_server_well(server, request_bytes):
    answer = raw_answer(server, request_bytes)
    assert b" 500 " not in answer.split(b"\r\n")[0]
    assert server.get("/healthz").status_code == 200


def upload(server: Served, name: str, seed: int) -> httpx.Response:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        return client.post(RECORDS, files={"file": (name, jpeg(seed % 8), "image/jpeg")})


def test_more_than_fits_is_answered_busy_and_nothing_is_lost(tmp_path):
    with served(tmp_path / "home", LOOKALIKE_MAX_WAITING="3", LOOKALIKE_WORKERS="1") as server:
        server.create("c")
        with ThreadPoolExecutor(40) as many:
            answers = list(many.map(lambda n: upload(server, f"{n}.jpg", n), range(120)))
        statuses = Counter(answer.status_code for answer in answers)
        assert set(statuses) == {201, 503}
        busy = next(answer for answer in answers if answer.status_code == 503)
        assert code_of(busy) == (503, "busy")
        assert int(busy.headers["retry-after"]) >= 1
        assert server.get(f"{API}/collections/c").json()["records"] == statuses[201]


def test_bodies_under_way_take_bounded_memory(tmp_path):
    with served(tmp_path / "home", LOOKALIKE_MAX_BYTES_UNDER_WAY="300000") as server:
        server.create("c")
        body = {"files": {"file": b"\xff" * 200_000}}
        with ThreadPoolExecutor(16) as many:
            answers = list(many.map(lambda _: server.post(SEARCH, **body), range(48)))
        codes = Counter(code_of(answer) for answer in answers)
        assert set(codes) == {(503, "busy"), (422, "image_undecodable")}
        assert code_of(server.post(SEARCH, **body)) == (422, "image_undecodable")
        assert "lookalike_memory_held_bytes 0.0" in server.get("/metrics").text


def test_sixty_four_at_once_lose_nothing(server):
    path = server.create("load")
    with ThreadPoolExecutor(64) as many, httpx.Client(base_url=server.url, timeout=60) as client:

        def ask(number: int) -> int:
            if number % 4 == 3:
                return client.post(SEARCH, files={"file": jpeg(number % 8)}).status_code
            return client.post(path, files=picture_file(number % 8, f"{number}")).status_code

        statuses = Counter(many.map(ask, range(200)))
    assert statuses == {201: 150, 200: 50}
    assert server.get(f"{API}/collections/load").json()["records"] == 150


# ---- the end


def flood(server: Served, acknowledged: list[str], stopping: threading.Event) -> None:
    """Upload for ever, and note what is acknowledged; the end of the server ends it."""
    number, mine = 0, uuid.uuid4().hex
    with httpx.Client(base_url=server.url, timeout=30) as client:
        while not stopping.is_set():
            name = f"{mine}-{number}"
            try:
                if client.post(RECORDS, files=picture_file(number % 8, name)).status_code == 201:
                    acknowledged.append(name)
            except httpx.HTTPError:
                return
            number += 1


def flooded(server: Served, end: Callable[[], Any]) -> list[str]:
    """End a server under a flood, and give what it had acknowledged."""
    acknowledged: list[str] = []
    stopping = threading.Event()
    threads = [threading.Thread(target=flood, args=(server, acknowledged, stopping)) for _ in range(8)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(acknowledged) > 40)
    end()
    stopping.set()
    for thread in threads:
        thread.join()
    return acknowledged


def kill_under_load(home: Path, rounds: int) -> None:
    acknowledged: set[str] = set()
    for _ in range(rounds):
        with served(home) as server:
            if not acknowledged:
                server.create("c")
            children = server.worker_ids()
            acknowledged |= set(flooded(server, server.kill))
            wait_for(lambda children=children: not any(is_running(pid) for pid in children))
    with lookalike.open(home) as library:
        collection = library.collection("c")
        assert collection.check() == []
        assert acknowledged <= {record.id for record in collection}
        some = random.Random(3).sample(sorted(acknowledged), 5)
        assert all(collection.search(f"id:{name}", limit=1)[0].score == 1.0 for name in some)


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_killed_server_loses_nothing_acknowledged_and_its_workers_end(tmp_path):
    kill_under_load(tmp_path / "home", 1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_server_killed_many_times_loses_nothing(tmp_path):
    kill_under_load(tmp_path / "home", 25)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_server_finishes_what_it_accepted(tmp_path, number):
    with served(tmp_path / "home") as server:
        server.create("c")
        children = server.worker_ids()

        def end() -> None:
            os.kill(server.process.pid, number)
            assert server.process.wait(30) == 0

        acknowledged = flooded(server, end)
        wait_for(lambda: not any(is_running(pid) for pid in children))
    with lookalike.open(server.home) as library:
        assert set(acknowledged) <= {record.id for record in library.collection("c")}
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_stopped_as_soon_as_it_tells_its_address_ends(tmp_path, number):
    code = f"""
import os
from lookalike.doors.http.server import serve
from lookalike.settings import load_settings
serve(load_settings(), lambda address: os.kill(os.getpid(), {int(number)}))
"""
    environment = {**os.environ, "LOOKALIKE_HOME": str(tmp_path), "LOOKALIKE_PORT": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_request_under_way_is_answered_before_the_end(tmp_path):
    with served(tmp_path / "home", LOOKALIKE_WORKERS="1") as server:
        path = server.create("c")
        lines = "\n".join(
            json.dumps({"_id": str(n), "_base64": base64.b64encode(jpeg(n % 8)).decode()}) for n in range(100)
        )
        answers: list[httpx.Response] = []

        def ask() -> None:
            answers.append(server.post(path, content=lines, headers={"content-type": "application/x-ndjson"}))

        asking = threading.Thread(target=ask)
        asking.start()
        wait_for(lambda: 'lookalike_under_way{lane="pictures"} 1.0' in httpx.get(f"{server.url}/metrics").text)
        server.process.send_signal(signal.SIGTERM)
        asking.join(30)
        assert answers[0].json()["added"] == 100
        assert server.process.wait(30) == 0
