"""Connections: heads without end, silence, clients that read nothing, pipelines, and more of them than handles."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import threading
from collections.abc import Iterator

import httpx
import psutil
import pytest
from serving import API, Served, jpeg, served, wait_for

MOST_GROWTH = 64_000_000  # bytes
SHORT = {"LOOKALIKE_HEADER_TIMEOUT_S": "1", "LOOKALIKE_BODY_TIMEOUT_S": "1"}
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\n"
CHUNKED = POST % (b"/api/v1/compare", b"image/jpeg") + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("connections") / "home", LOOKALIKE_WORKERS="1", **SHORT) as running:
        running.create("c")
        yield running


def connect(server: Served) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def resident(server: Served) -> int:
    return psutil.Process(server.process.pid).memory_info().rss


def received(connection: socket.socket) -> bytes:
    """Read until the server closes, however it does."""
    got = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            got += part
    return got


def status(answer: bytes) -> bytes:
    return answer.partition(b"\r\n")[0]


ENDLESS = {
    "small headers": (HEAD, b"A:b\r\n" * 10_000),
    "headers of many names": (HEAD, b"".join(b"name-%d: value\r\n" % n for n in range(3000))),
    "one header": (HEAD + b"A: ", b"a" * 50_000),
    "the name of a header": (HEAD, b"a" * 50_000),
    "the address": (b"GET /", b"a" * 50_000),
    "the query": (b"GET /healthz?", b"a=1&" * 12_500),
    "the method": (b"", b"A" * 50_000),
    "empty lines": (b"", b"\r\n" * 25_000),
    "folded lines": (HEAD + b"A: b\r\n", b" c\r\n" * 12_500),
    "trailers": (CHUNKED + b"1\r\na\r\n0\r\n", b"A:b\r\n" * 10_000),
    "one trailer": (CHUNKED + b"1\r\na\r\n0\r\nA: ", b"a" * 50_000),
    "a chunk's extension": (CHUNKED + b"1;a=", b"a" * 50_000),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_what_has_no_end_is_refused_before_it_costs_memory(server, kind):
    begin, more = ENDLESS[kind]
    before = resident(server)
    with connect(server) as connection:
        connection.sendall(begin)
        with contextlib.suppress(ConnectionError):
            for _ in range(400):  # 20 MB
                connection.sendall(more)
            connection.shutdown(socket.SHUT_WR)
        assert resident(server) - before < MOST_GROWTH
        assert status(received(connection)).split(b" ")[1:2] in ([], [b"431"], [b"400"], [b"415"])
    assert server.get("/healthz").status_code == 200


def test_a_head_that_is_too_large_is_told_what_may_be(server):
    for head in (b"A:b\r\n" * 200, b"A: " + b"a" * 70_000 + b"\r\n"):
        with connect(server) as connection:
            connection.sendall(HEAD + head + b"\r\n")
            answer = received(connection)
        assert status(answer) == b"HTTP/1.1 431 Request Header Fields Too Large"
        assert b'"code":"headers_too_large"' in answer
    many = {f"x-{number}": "1" for number in range(80)}
    assert server.get("/healthz", headers=many, params={"a": "a" * 60_000}).status_code == 200


def test_many_large_heads_together_are_bounded(server):
    before = resident(server)
    with contextlib.ExitStack() as opened:
        connections = [opened.enter_context(connect(server)) for _ in range(300)]
        for connection in connections:
            with contextlib.suppress(ConnectionError):
                connection.sendall(HEAD + b"A: " + b"a" * 50_000)
        statuses = [status(received(connection)) for connection in connections]
        assert statuses.count(b"HTTP/1.1 431 Request Header Fields Too Large") > 30
        assert resident(server) - before < MOST_GROWTH
    assert server.get("/healthz", params={"a": "a" * 20_000}).status_code == 200


def test_a_refusal_of_the_parser_has_the_form_of_whose_path_was_asked(server):
    with connect(server) as connection:
        connection.sendall(b"GET /v3/collections HTTP/1.1\r\nHost: localhost\r\n" + b"A:b\r\n" * 200)
        answer = received(connection)
    assert (status(answer).split()[1], b'"error":"the head' in answer) == (b"431", True)


@pytest.mark.parametrize("begin", [b"", HEAD, HEAD + b"A", b"\r\n", b"POST /api"])
def test_a_client_that_does_not_finish_its_head_is_let_go(server, begin):
    with connect(server) as connection:
        connection.sendall(begin)
        answer = received(connection)
    assert status(answer) == (b"HTTP/1.1 408 Request Timeout" if begin else b"")


def test_a_head_that_trickles_in_is_let_go(server):
    """What comes drop by drop does not begin the time anew."""
    with connect(server) as connection:
        connection.settimeout(0.1)
        connection.sendall(HEAD)
        answer = b""
        for _ in range(100):  # 10 s
            with contextlib.suppress(ConnectionError, TimeoutError):
                connection.sendall(b"A:b\r\n")
                answer += connection.recv(4096)
            if answer:
                break
        assert status(answer) == b"HTTP/1.1 408 Request Timeout"


def test_stalled_bodies_give_their_memory_back(server):
    before = resident(server)
    head = b"POST /api/v1/collections/c/records HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
    stalled = [connect(server) for _ in range(24)]
    cut_off = set()  # on a machine that takes longer to send them than a body may stall
    for connection in stalled:
        try:
            connection.sendall(head + b"Content-Length: 50000000\r\n\r\n" + b"\xff" * 4_000_000)  # 96 MB together
        except (BrokenPipeError, ConnectionResetError):
            cut_off.add(connection)
    assert resident(server) - before < MOST_GROWTH
    assert server.post(f"{API}/collections/c/search", files={"file": jpeg(1)}).status_code == 200
    for connection in stalled:
        if connection not in cut_off:
            assert status(received(connection)) == b"HTTP/1.1 408 Request Timeout"
        connection.close()
    assert len(cut_off) < len(stalled) / 2
    assert "lookalike_memory_held_bytes 0.0" in server.get("/metrics").text
    assert "Traceback" not in server.log.read_text()


def test_a_body_that_comes_slowly_is_not_cut_off(server):
    """Each part takes most of the time that may pass without one."""
    data = jpeg(1)
    step = len(data) // 4 + 1
    with connect(server) as connection:
        connection.sendall(b"POST /api/v1/collections/c/search HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n")
        boundary = b'--X\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        body = boundary + data + b"\r\n--X--\r\n"
        connection.sendall(b"Content-Type: multipart/form-data; boundary=X\r\nContent-Length: %d\r\n\r\n" % len(body))
        for start in range(0, len(body), step):
            threading.Event().wait(0.6)
            connection.sendall(body[start : start + step])
        assert status(received(connection)) == b"HTTP/1.1 200 OK"


def test_a_client_that_reads_nothing_is_let_go(server):
    handles = psutil.Process(server.process.pid).num_fds
    before = handles()
    connection = connect(server)
    connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200)  # far more than buffers hold
    wait_for(lambda: handles() > before)
    wait_for(lambda: handles() <= before)
    connection.close()


# ---- pipelines


def test_pipelined_requests_are_answered_in_order(server):
    addresses = [b"/readyz", b"/healthz", b"/api/v1/collections", b"/nowhere"] * 100
    requests = b"".join(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % address for address in addresses)
    with connect(server) as connection:
        sender = threading.Thread(
            target=connection.sendall, args=(requests + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),)
        )
        sender.start()
        answers = received(connection).split(b"HTTP/1.1 ")[1:]
        sender.join()
    assert [answer[:3] for answer in answers] == [b"200", b"200", b"200", b"404"] * 100 + [b"200"]
    assert all(b"collections" in answer for answer in answers[2::4])


def test_a_pipelined_body_belongs_to_its_own_request(server):
    post = POST % (b"/api/v1/collections", b"application/json") + b"Content-Length: %d\r\n\r\n%s"
    bodies = [b'{"name": "p%d", "title": "%s"}' % (n, b"t" * 900) for n in range(12)]
    with connect(server) as connection:
        connection.sendall(b"".join(post % (len(body), body) for body in bodies) + HEAD + b"Connection: close\r\n\r\n")
        answers = received(connection).split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"201"] * 12 + [b"200"]
    assert [b'"p%d"' % n in answer for n, answer in enumerate(answers[:12])] == [True] * 12


def test_a_flood_of_pipelined_requests_costs_no_memory(server):
    before = resident(server)
    connections = [connect(server) for _ in range(8)]
    for connection in connections:
        connection.settimeout(0.2)
        with contextlib.suppress(TimeoutError, ConnectionError):
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n" * 100_000)
    assert resident(server) - before < MOST_GROWTH
    assert httpx.get(f"{server.url}/healthz", timeout=20).status_code == 200
    for connection in connections:
        connection.close()


def test_a_broken_request_behind_a_good_one_takes_nothing_from_it(server):
    for broken in (b"nonsense\r\n\r\n", HEAD + b"A:b\r\n" * 200, HEAD + b"A: " + b"a" * 70_000):
        with connect(server) as connection:
            connection.sendall(b"GET /api/v1/collections HTTP/1.1\r\nHost: localhost\r\n\r\n" + broken)
            answer = received(connection)
        assert status(answer) == b"HTTP/1.1 200 OK"
        assert b'"collections"' in answer


def test_a_connection_serves_many_requests(server):
    with connect(server) as connection:
        for _ in range(50):
            connection.sendall(GET)
            answer = b""
            while not answer.endswith(b'{"status":"ok"}'):
                answer += connection.recv(4096)
            assert status(answer) == b"HTTP/1.1 200 OK"


def test_a_name_that_is_sent_unencoded_is_understood(server):
    server.create("müller")
    with connect(server) as connection:
        connection.sendall(
            "GET /api/v1/collections/müller HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        assert '"name":"müller"'.encode() in received(connection)


def test_a_body_behind_one_that_was_refused_is_taken_as_it_is(server):
    """The rest of a refused body and the next request may come in one piece."""
    head = POST % (b"/api/v1/collections/c/records", b"image/jpeg")
    with connect(server) as connection:
        for size in (200_000_001, 5000, 9000, 13_001):
            refused = b"Content-Type: x/y\r\nContent-Length: %d\r\n\r\n" % min(size, 20_000)
            search = b"Content-Length: 5000\r\nX-Request-Id: r%d\r\n\r\n" % size
            connection.sendall(POST % (b"/api/v1/compare", b"x/y") + refused + b"\xff" * min(size, 20_000))
            connection.sendall(head + search + b"\xff" * 5000)
        connection.sendall(HEAD + b"Connection: close\r\n\r\n")
        answers = received(connection).split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"415", b"422"] * 4 + [b"200"]


# ---- more than there is room for


@contextlib.contextmanager
def few_handles(count: int) -> Iterator[None]:
    """Let what is started inside have few file handles."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_more_silent_connections_than_handles_shut_nobody_out(tmp_path):
    with contextlib.ExitStack() as opened:
        with few_handles(256):
            server = opened.enter_context(served(tmp_path / "home", LOOKALIKE_WORKERS="1"))
        before = resident(server)
        for number in range(296):
            connection = opened.enter_context(connect(server))
            connection.sendall((b"", HEAD, GET)[number % 3])
        assert httpx.get(f"{server.url}/healthz", timeout=60).status_code == 200
        assert httpx.get(f"{server.url}{API}/collections", timeout=60).status_code == 200
        assert psutil.Process(server.process.pid).num_fds() < 200
        assert resident(server) - before < MOST_GROWTH
        assert "Traceback" not in server.log.read_text()


def test_a_busy_server_tells_that_it_lives(tmp_path):
    """All connections wait for an answer: none can be closed for a new one, which may ask for health."""
    with served(tmp_path / "home", LOOKALIKE_WORKERS="1", LOOKALIKE_MAX_CONNECTIONS="4") as server:
        server.create("c")
        parent = psutil.Process(server.process.pid)
        workers = [one for one in parent.children(recursive=True) if one.ppid() != parent.pid]
        for worker in workers:
            worker.suspend()
        picture = {"file": jpeg(1)}
        asking = [
            threading.Thread(
                target=lambda: httpx.post(f"{server.url}{API}/collections/c/search", files=picture, timeout=60)
            )
            for _ in range(4)
        ]
        for thread in asking:
            thread.start()
        wait_for(lambda: len(parent.net_connections()) >= 5)
        wait_for(lambda: httpx.get(f"{server.url}{API}/collections", timeout=60).status_code == 503)
        for _ in range(40):
            assert httpx.get(f"{server.url}/healthz", timeout=60).status_code == 200
        refused = httpx.get(f"{server.url}{API}/collections", timeout=60)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "busy")
        assert refused.headers["connection"] == "close"
        for worker in workers:
            worker.resume()
        for thread in asking:
            thread.join(30)
        wait_for(lambda: httpx.get(f"{server.url}{API}/collections", timeout=60).status_code == 200)


def test_streams_of_events_leave_room_for_others(tmp_path):
    with served(tmp_path / "home", LOOKALIKE_WORKERS="1", LOOKALIKE_MAX_CONNECTIONS="8") as server:
        path = server.create("c")
        parent = psutil.Process(server.process.pid)
        workers = [one for one in parent.children(recursive=True) if one.ppid() != parent.pid]
        for worker in workers:
            worker.suspend()
        line = json.dumps({"_base64": base64.b64encode(jpeg(1)).decode()})
        job = server.post(f"{path}?job=true", content=line, headers={"content-type": "application/x-ndjson"}).json()
        with contextlib.ExitStack() as opened:
            streams = [
                opened.enter_context(server.http.stream("GET", f"{API}/jobs/{job['id']}/events")) for _ in range(3)
            ]
            assert [stream.status_code for stream in streams] == [200, 200, 503]
        for worker in workers:
            worker.resume()
        with server.http.stream("GET", f"{API}/jobs/{job['id']}/events") as events:
            assert "event: end" in list(events.iter_lines())
