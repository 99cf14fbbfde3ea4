"""Fetching from real local servers: what is opened, what is refused, and that everything ends in time."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.errors import FetchError, FetchRefusedError, ImageTooLargeError, ImageUndecodableError, LookalikeError
from lookalike.intake import Fetcher, read
from lookalike.intake.addresses import is_private
from lookalike.limits import Limits

LIMITS = Limits(fetch_timeout_s=5.0)
PICTURE = b"P5 3 2 255\n" + bytes(range(6))
PUBLIC = "93.184.216.34"


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A real server on a free port of the loopback; gives its address and the headers of what it was asked."""
    asked: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append({"path": self.path, **self.headers})
            with suppress(OSError):  # the client went away, as some tests want
                answer(self)

        def log_message(self, *args: object) -> None: ...

    ThreadingHTTPServer.request_queue_size = 64  # many clients at once
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def reply(
    handler: BaseHTTPRequestHandler, body: bytes = PICTURE, status: int = 200, length: int | None = None, **headers: str
) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def fetcher(limits: Limits = LIMITS, **options) -> Fetcher:
    return Fetcher(limits, **{"allow_private": True, **options})


def test_a_picture_is_fetched_and_read():
    with serving(reply) as (address, asked), fetcher() as fetch:
        image = read(f"{address}/a b.pgm?x=1#part".replace(" ", "%20"), limits=LIMITS, fetch=fetch)
    assert (image.size_px, image.format) == ((3, 2), "ppm")
    (headers,) = asked
    assert headers["path"] == "/a%20b.pgm?x=1"
    assert headers["Host"] == address.removeprefix("http://")
    assert headers["Accept-Encoding"] == "identity"
    assert not {"Cookie", "Authorization", "Referer"} & set(headers)


def test_a_chunked_answer_is_read():
    def chunks(handler: BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for byte in PICTURE:
            handler.wfile.write(b"1\r\n%c\r\n" % byte)
        handler.wfile.write(b"0\r\n\r\n")

    with serving(chunks) as (address, _):
        assert fetcher().fetch(address) == PICTURE


def test_a_web_page_is_told_from_a_picture():
    with (
        serving(lambda handler: reply(handler, b"<!doctype html><p>hello")) as (address, _),
        pytest.raises(ImageUndecodableError, match="web page"),
    ):
        read(address, limits=LIMITS, fetch=fetcher())


@pytest.mark.parametrize("status", [201, 204, 206, 304, 401, 404, 429, 500, 503])
def test_any_status_but_200_is_an_error_that_names_it(status):
    with (
        serving(lambda handler: reply(handler, b"", status)) as (address, _),
        pytest.raises(FetchError, match=str(status)),
    ):
        fetcher().fetch(address)


# --- addresses ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0.0.0.0", "[::1]", "[::]"),
        *("[::ffff:127.0.0.1]", "[::127.0.0.1]", "169.254.169.254", "10.0.0.1", "192.168.1.1", "172.16.0.1"),
    ],
)
def test_a_private_host_is_refused_in_every_spelling(host):
    with serving(reply) as (address, asked):
        port = address.rsplit(":", 1)[1]
        with pytest.raises(FetchRefusedError) as caught:
            fetcher(allow_private=False).fetch(f"http://{host}:{port}/")
    assert not asked
    assert "private" in caught.value.message


NOT_PUBLIC = """
127.0.0.1 127.255.0.9 10.1.2.3 172.31.0.1 192.168.0.1 169.254.169.254 100.64.0.1 100.127.255.255 0.0.0.0 0.1.2.3
224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 192.0.0.1 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 ::1 ::
fe80::1 fe80::1%eth0 fc00::1 fd12::1 fec0::1 ff02::1 ::ffff:10.0.0.1 ::10.0.0.1 64:ff9b::10.0.0.1 64:ff9b:1::1
2002:0a00:0001:: 2001:0:4136:e378:8000:63bf:f5ff:fffe 2001:db8::1 100::1 nonsense
"""


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_addresses_that_are_not_on_the_open_internet(address):
    assert is_private(address)


CLOUDS = """
192.0.0.192 168.63.129.16 100.100.100.200 169.254.170.2 169.254.42.42 192.80.8.124 161.26.0.10 166.9.48.1
fd00:ec2::254 fd20:ce::254 fd00:42::42
"""
SPECIAL = """
192.0.0.0 192.0.0.9 192.0.0.255 192.88.99.1 192.31.196.7 192.52.193.7 192.175.48.7 198.19.255.255 255.0.0.1 233.252.0.1
3fff::1 3fff:fff:ffff::1 5f00::1 100:0:0:1::1 2001:2::1 2001:10::1 2001:20::1 2001:1::3 2620:4f:8000::1 4000::1 8000::1
"""
CARRYING = """
64:ff9b:1::8.8.8.8 64:ff9b:1:ffff::1 64:ff9b::168.63.129.16 64:ff9b::192.0.0.192 ::ffff:192.88.99.1 ::ffff:a00:1
::ffff:0:127.0.0.1 ::ffff:0:8.8.8.8 ::8.8.8.8
::127.0.0.1 2002:a9fe:a9fe:: 2002:0808:0808::1 2001:0:808:808::1 2a00::5efe:10.0.0.1
2a00::200:5efe:a00:1
"""


@pytest.mark.parametrize("address", [*CLOUDS.split(), *SPECIAL.split(), *CARRYING.split()])
def test_a_name_that_leads_into_a_cloud_or_a_network_of_its_own_is_not_connected_to(address, monkeypatch):
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("a connection was opened"))
    fetch = fetcher(allow_private=False, resolve=lambda host, port: [address])
    for url in ("http://pictures.example/a.jpg", "https://pictures.example:8443/"):
        with pytest.raises(FetchRefusedError, match="private or reserved"):
            fetch.fetch(url)


@pytest.mark.parametrize("address", [*CLOUDS.split()[:3], "3fff::1", "64:ff9b:1::1", "::ffff:168.63.129.16"])
def test_an_address_in_a_url_is_refused_like_a_name_of_it(address, monkeypatch):
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("a connection was opened"))
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(FetchRefusedError):
        fetcher(allow_private=False).fetch(f"http://{host}/a.jpg")


AT_THE_EDGES = """
9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 168.63.129.15 168.63.129.17 172.15.255.255 172.32.0.0 191.255.255.255
192.0.1.0 192.0.3.0 192.88.98.255 192.88.100.0 192.167.255.255 198.17.255.255 198.20.0.0 223.255.255.255 166.12.0.0
2001:200::1 2001:db7::1 2001:db9::1 2003::1 2606:4700:4700::1111 2a00::5efe:8.8.8.8 3ffe::1 2620:4f:7fff::1
64:ff9b::8.8.8.8 ::ffff:8.8.8.8
"""


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", *AT_THE_EDGES.split()])
def test_addresses_that_are(address):
    assert not is_private(address)


@pytest.mark.parametrize(
    ("status", "told"),
    [(401, "log in"), (403, "send the picture itself"), (404, "Check the address"), (410, "Check the address"),
     (429, "wait"), (451, "send the picture itself"), (500, "later"), (503, "later"), (418, "later")],
)  # fmt: skip
def test_a_picture_that_a_site_does_not_give_is_told_with_the_way_to_go_on(status, told):
    with serving(lambda handler: handler.send_error(status)) as (address, _), pytest.raises(FetchError) as caught:
        fetcher().fetch(f"{address}/a.jpg")
    assert str(status) in caught.value.message
    assert told.lower() in caught.value.message.lower()
    assert ("check the address" in caught.value.message.lower()) == (status in (404, 410))


def test_one_private_address_among_good_ones_refuses_the_host():
    fetch = fetcher(allow_private=False, resolve=lambda host, port: [PUBLIC, "10.0.0.1"])
    with pytest.raises(FetchRefusedError) as caught:
        fetch.fetch("http://pictures.example/a.jpg")
    assert "10.0.0.1" not in caught.value.message


def test_a_name_that_changes_its_address_is_asked_once_and_pinned(monkeypatch):
    """A rebinding name: good when checked, the loopback afterwards. The connection goes to what was checked."""
    answers = [[PUBLIC], ["127.0.0.1"]]
    connected: list[str] = []

    def connect(address, timeout):
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(FetchError, match="refused"):
        fetcher(allow_private=False, resolve=lambda host, port: answers.pop(0)).fetch("http://rebind.example/")
    assert connected == [PUBLIC]
    assert len(answers) == 1


def test_the_host_header_is_the_name_and_the_connection_the_address():
    with serving(reply) as (address, asked):
        port = address.rsplit(":", 1)[1]
        fetch = fetcher(resolve=lambda host, port: ["127.0.0.1"])
        assert fetch.fetch(f"http://pictures.example:{port}/") == PICTURE
    assert asked[0]["Host"] == f"pictures.example:{port}"


def test_the_second_address_is_tried_when_the_first_is_dead():
    with serving(reply) as (address, _):
        fetch = fetcher(resolve=lambda host, port: ["::1", "127.0.0.1"])
        assert fetch.fetch(address.replace("127.0.0.1", "pictures.example")) == PICTURE


def test_proxies_of_the_environment_are_not_used(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with serving(reply) as (address, _):
        assert fetcher().fetch(address) == PICTURE


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://host/", "file:///etc/passwd", "http://user:hush@host/", "http://user@host/", "http://", "http:///a"),
        *("http://host:99999/", "http://host:0/", "http://ho st/", "http://host/a\r\nX: y", "//host/", "http://[::1/"),
        *("gopher://host/", "http://ho\0st/", "javascript:alert(1)", "http://¨/", "http://a{b/"),
    ],
)
def test_urls_that_are_not_opened(url):
    def resolve(host: str, port: int) -> list[str]:
        raise AssertionError("a name was looked up")

    with pytest.raises(FetchRefusedError) as caught:
        fetcher(resolve=resolve).fetch(url)
    assert "hush" not in caught.value.message
    assert caught.value.message.isprintable()


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=60))
def test_no_url_raises_anything_but_our_errors(tail):
    def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror

    for url in (tail, "http://" + tail, "https://host/" + tail):
        with pytest.raises(LookalikeError):
            fetcher(resolve=resolve).fetch(url)


# --- redirects ------------------------------------------------------------------------------------------------------


def test_redirects_are_followed_relative_ones_too():
    def hop(handler: BaseHTTPRequestHandler) -> None:
        steps = {"/1": "/2", "/2": "3?x=y", "/3?x=y": "//" + handler.headers["Host"] + "/4"}
        if handler.path in steps:
            reply(handler, b"", 302, Location=steps[handler.path])
        else:
            reply(handler)

    with serving(hop) as (address, asked):
        assert fetcher().fetch(address + "/1") == PICTURE
    assert [one["path"] for one in asked] == ["/1", "/2", "/3?x=y", "/4"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_loop_ends(status):
    with (
        serving(lambda handler: reply(handler, b"", status, Location="/again")) as (address, asked),
        pytest.raises(FetchError, match="more than 5 times"),
    ):
        fetcher().fetch(address)
    assert len(asked) == 6


def test_a_redirect_to_a_private_address_is_refused():
    with (
        serving(reply) as (secret, asked),
        serving(lambda handler: reply(handler, b"", 302, Location=secret + "/secret")) as (address, _),
    ):
        port = int(address.rsplit(":", 1)[1])
        fetch = Middleware(LIMITS, port)
        with pytest.raises(FetchRefusedError, match="private"):
            fetch.fetch(address)
    assert not asked


class Middleware(Fetcher):
    """A fetcher that takes one port of the loopback for a public address, and nothing else."""

    def __init__(self, limits: Limits, port: int) -> None:
        super().__init__(limits, allow_private=False)
        self.port = port

    def _addresses(self, target, deadline):
        return ["127.0.0.1"] if target.port == self.port else super()._addresses(target, deadline)


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://host/", "http://a:b@host/", "gopher://x", ""])
def test_a_redirect_to_what_is_no_http_url_is_refused(place):
    with (
        serving(lambda handler: reply(handler, b"", 302, Location=place)) as (address, _),
        pytest.raises((FetchRefusedError, FetchError)),
    ):
        fetcher().fetch(address)


# --- sizes and times ------------------------------------------------------------------------------------------------


def test_a_body_over_the_limit_is_refused_by_its_header_and_by_its_count():
    limits = Limits(max_image_bytes=1000)
    with (
        serving(lambda handler: reply(handler, b"x", length=10**9)) as (address, _),
        pytest.raises(ImageTooLargeError, match="max_image_bytes"),
    ):
        fetcher(limits).fetch(address)

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(bytes(65536))

    with serving(endless) as (address, _), pytest.raises(ImageTooLargeError):
        fetcher(limits).fetch(address)
    with serving(lambda handler: reply(handler, bytes(1000))) as (address, _):
        assert len(fetcher(limits).fetch(address)) == 1000


def test_a_compressed_answer_is_refused():
    with (
        serving(lambda handler: reply(handler, Content_Encoding="gzip")) as (address, _),
        pytest.raises(FetchError, match="gzip"),
    ):
        fetcher().fetch(address)


def test_an_answer_that_breaks_off_is_an_error():
    with (
        serving(lambda handler: reply(handler, length=100)) as (address, _),
        pytest.raises(FetchError, match="broke off"),
    ):
        fetcher().fetch(address)


@pytest.mark.parametrize("part", ["headers", "body", "redirects", "silence"])
def test_a_slow_server_ends_with_the_deadline(part):
    """Something comes every 50 ms, so that no single read is slow; only the sum is."""
    stop = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        if part == "redirects":
            stop.wait(0.2)
            reply(handler, b"", 302, Location="/next")
            return
        if part == "body":
            reply(handler, b"", length=10**6)
        elif part == "headers":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not stop.wait(0.05):
            if part != "silence":
                handler.wfile.write(b"x")

    limits = Limits(fetch_timeout_s=0.5, fetch_max_redirects=100)
    with serving(drip) as (address, _):
        start = time.monotonic()
        with pytest.raises(FetchError, match=r"within 0\.5 s"):
            fetcher(limits).fetch(address)
        seconds = time.monotonic() - start
        stop.set()
    assert 0.4 < seconds < 1.5


def test_a_name_server_that_hangs_ends_with_the_deadline():
    stop = threading.Event()

    def hang(host: str, port: int) -> list[str]:
        stop.wait(10)
        return []

    start = time.monotonic()
    with pytest.raises(FetchError, match="did not answer"):
        fetcher(Limits(fetch_timeout_s=0.3), resolve=hang).fetch("http://slow.example/")
    assert time.monotonic() - start < 1.5
    stop.set()


def test_failures_of_the_network_are_told_in_plain_words():
    with serving(reply) as (address, _):
        pass
    with pytest.raises(FetchError, match="refused"):
        fetcher().fetch(address)

    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(FetchError, match="host is not known"):
        fetcher(resolve=unknown).fetch("http://nowhere.example/")
    with (
        serving(lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH\r\n")) as (address, _),
        pytest.raises(FetchError, match="not proper HTTP"),
    ):
        fetcher().fetch(address)
    with serving(reply) as (address, _), pytest.raises(FetchError, match="secure"):
        fetcher().fetch(address.replace("http:", "https:"))


def test_tls_is_verified_for_the_name():
    """The handshake names the host, not the address, and the default context checks the certificate."""
    seen: list[str] = []

    class Context:
        def wrap_socket(self, plain: socket.socket, server_hostname: str) -> socket.socket:
            seen.append(server_hostname)
            return plain

    with serving(reply) as (address, _):
        port = address.rsplit(":", 1)[1]
        fetch = fetcher(resolve=lambda host, port: ["127.0.0.1"], context=Context())
        assert fetch.fetch(f"https://pictures.example:{port}/") == PICTURE
        down = serving(lambda handler: reply(handler, b"", 302, Location=address))
        with down as (other, _), pytest.raises(FetchRefusedError, match="from https to http"):
            fetch.fetch(other.replace("http://127.0.0.1", "https://pictures.example"))
    assert seen == ["pictures.example", "pictures.example"]
    default = ssl.create_default_context()
    assert default.check_hostname
    assert default.verify_mode is ssl.CERT_REQUIRED


def test_many_threads_use_one_fetcher():
    with serving(lambda handler: reply(handler, handler.path.encode())) as (address, _), fetcher() as fetch:
        answers: dict[int, bytes] = {}

        def work(number: int) -> None:
            answers[number] = fetch.fetch(f"{address}/{number}")

        threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == {number: f"/{number}".encode() for number in range(16)}
    with pytest.raises(FetchError, match="closed"):
        fetch.fetch(address)


def test_without_a_fetcher_private_addresses_are_refused():
    with serving(reply) as (address, asked), pytest.raises(FetchRefusedError):
        read(address, limits=LIMITS)
    assert not asked
