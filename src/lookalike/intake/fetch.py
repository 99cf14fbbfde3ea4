"""Fetch a URL that a stranger gave: the only place that opens one, and the only one that may.

The danger is a URL that makes this machine ask its own network. So the host is resolved once, all its addresses are
checked, and the connection goes to an address that was checked, never to a name that could answer differently the
second time. TLS still verifies the name. Redirects are followed by hand, each checked like the first URL; from https
to http none is followed, because what was asked for privately must not be fetched in the open. A host with one
forbidden address among good ones is refused as a whole.

One deadline covers name, connection, redirects and body, counted down at every single read, so that a server that
gives a byte a second ends there too. Proxies of the environment, cookies, credentials and compression are not used.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from ..errors import FetchError, FetchRefusedError, ImageTooLargeError, LookalikeError
from ..limits import Limits
from .addresses import is_private

if TYPE_CHECKING:
    import http.client
    import socket
    import ssl

    Resolve = Callable[[str, int], Sequence[str]]

_HOST = re.compile(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK = 1 << 16
_SHOWN = 80
_HEADERS = {
    "User-Agent": "lookalike",
    "Accept": "image/*, */*;q=0.1",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


class Fetcher:
    """Fetches pictures from the web, safely; any number of threads may use one.

    Args:
        limits: `fetch_timeout_s`, `fetch_max_redirects` and `max_image_bytes` count here.
        allow_private: Whether private, loopback and other addresses that are not on the open internet may be asked.
        resolve: Name and port to addresses as text; the system's by default.
        context: TLS settings; the system's certificates by default.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        allow_private: bool,
        resolve: Resolve | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._limits = limits
        self._allow_private = allow_private
        self._resolve = resolve or _system_resolve
        self._context = context
        self._closed = False

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        """Refuse further calls. Nothing is kept open between calls; those under way end by their deadline."""
        self._closed = True

    def fetch(self, url: str) -> bytes:
        """Fetch the bytes behind a URL.

        Raises:
            FetchRefusedError: for a scheme, host, address or redirect that is not opened.
            FetchError: when no answer of status 200 comes in time.
            ImageTooLargeError: for a body over `max_image_bytes`.
        """
        if self._closed:
            raise FetchError("this fetcher is closed. Make a new one.")
        deadline = _Deadline(self._limits.fetch_timeout_s)
        target = _Target(url)
        for _ in range(self._limits.fetch_max_redirects + 1):
            answer = self._ask(target, deadline)
            if isinstance(answer, bytes):
                return answer
            target = target.follow(answer)
        raise FetchError(f"{_shown(url)} redirects more than {self._limits.fetch_max_redirects} times.")

    def _ask(self, target: _Target, deadline: _Deadline) -> bytes | str:
        """Ask one URL: the body, or where it redirects to."""
        import http.client

        connection = http.client.HTTPConnection(target.host, target.port)
        sock: _TimedSocket | None = None
        try:
            sock = self._connect(target, deadline)
            connection.sock = cast("socket.socket", sock)
            connection.request("GET", target.path, headers={"Host": target.authority, **_HEADERS})
            with connection.getresponse() as response:
                if response.status in _REDIRECTS:
                    return _location(response, target)
                return self._body(response, target)
        except LookalikeError:
            raise
        except TimeoutError as exc:
            seconds = self._limits.fetch_timeout_s
            raise FetchError(f"{target.shown} did not answer in full within {seconds:g} s. Try again later.") from exc
        except (OSError, http.client.HTTPException, ValueError) as exc:
            raise FetchError(f"cannot fetch {target.shown}: {_reason(exc)}. Check the address.") from exc
        finally:
            connection.close()
            if sock is not None:
                sock.end()

    def _connect(self, target: _Target, deadline: _Deadline) -> _TimedSocket:
        import socket

        failure: OSError | None = None
        for address in self._addresses(target, deadline):
            try:
                plain = socket.create_connection((address, target.port), timeout=deadline.left())
            except TimeoutError:
                raise
            except OSError as exc:
                failure = exc
                continue
            try:
                return _TimedSocket(self._secured(plain, target, deadline), deadline)
            except BaseException:
                plain.close()
                raise
        raise failure or OSError("no address")

    def _secured(self, plain: socket.socket, target: _Target, deadline: _Deadline) -> socket.socket:
        if target.scheme == "http":
            return plain
        if self._context is None:
            import ssl

            self._context = ssl.create_default_context()
        plain.settimeout(deadline.left())
        return self._context.wrap_socket(plain, server_hostname=target.host)

    def _addresses(self, target: _Target, deadline: _Deadline) -> Sequence[str]:
        addresses = _in_time(lambda: self._resolve(target.host, target.port), deadline)
        if not addresses:
            raise OSError("the host has no address")
        if not self._allow_private and any(is_private(address) for address in addresses):
            # The address itself is not told: it may be a secret of this network.
            raise FetchRefusedError(
                f"{target.shown} is not opened: its host has a private or reserved address. "
                "Use a public address, or set `allow_private_urls`."
            )
        return addresses

    def _body(self, response: http.client.HTTPResponse, target: _Target) -> bytes:
        if response.status != 200:
            raise FetchError(
                f"{target.shown} answered with status {response.status}, not 200. {_advice(response.status)}"
            )
        encoding = (response.getheader("Content-Encoding") or "identity").strip().lower()
        if encoding != "identity":
            raise FetchError(f"{target.shown} answered in the encoding {encoding[:20]!r}, which was not asked for.")
        expected = response.length  # http.client's reading of Content-Length; None for chunks
        most = self._limits.max_image_bytes
        if expected is not None and expected > most:
            raise _too_large(target, most)
        parts: list[bytes] = []
        total = 0
        while part := response.read(_CHUNK):
            parts.append(part)
            total += len(part)
            if total > most:
                raise _too_large(target, most)
        if expected is not None and total < expected:
            raise FetchError(f"{target.shown} broke off after {total} of {expected} bytes. Try again.")
        return b"".join(parts)


class _Target:
    """A URL taken apart and found to be one that may be asked."""

    def __init__(self, url: str) -> None:
        from urllib.parse import quote, urlsplit

        self.shown = _shown(url)
        if any(c <= " " or c == "\x7f" for c in url.strip()):
            raise FetchRefusedError(f"{self.shown} is not a URL: it holds spaces or control characters. Encode them.")
        try:
            url.encode()  # half a surrogate pair is in no address
            parts = urlsplit(url.strip())
            port = parts.port
            host = _ascii_host(parts.hostname or "")
        except ValueError as exc:
            raise FetchRefusedError(f"{self.shown} is not a URL: {exc}.") from exc
        if parts.scheme not in ("http", "https"):
            raise FetchRefusedError(f"{self.shown} is not opened: only http and https are.")
        if "@" in parts.netloc:
            raise FetchRefusedError(f"{self.shown} is not opened: it holds a user name or password. Leave it out.")
        if not _HOST.fullmatch(host) or port == 0:
            raise FetchRefusedError(f"{self.shown} is not a URL: its host or port is missing or wrong.")
        self.url, self.scheme, self.host = url.strip(), parts.scheme, host
        self.port = port or (443 if parts.scheme == "https" else 80)
        name = f"[{host}]" if ":" in host else host
        self.authority = name if port is None else f"{name}:{port}"
        path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
        query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?[]|^")
        self.path = f"{path}?{query}" if parts.query else path

    def follow(self, location: str) -> _Target:
        from urllib.parse import urljoin

        try:
            following = _Target(urljoin(self.url, location.strip()))
        except ValueError as exc:
            raise FetchRefusedError(f"{self.shown} redirects to what is not a URL.") from exc
        if self.scheme == "https" and following.scheme == "http":
            raise FetchRefusedError(f"{self.shown} redirects from https to http, which is not followed.")
        return following


class _Deadline:
    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left; TimeoutError when there are none."""
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


class _TimedSocket:
    """A socket whose every read and write has only the time that is left; as much of one as http.client uses."""

    def __init__(self, inner: socket.socket, deadline: _Deadline) -> None:
        self._inner, self._deadline = inner, deadline

    def sendall(self, data: Any) -> None:
        self._inner.settimeout(self._deadline.left())
        self._inner.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._inner, self._deadline), _CHUNK)

    def close(self) -> None:
        """Do nothing: http.client closes when the headers are read, and the body is still to come."""

    def end(self) -> None:
        self._inner.close()


class _TimedReader(io.RawIOBase):
    def __init__(self, inner: socket.socket, deadline: _Deadline) -> None:
        self._inner, self._deadline = inner, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._inner.settimeout(self._deadline.left())
        return self._inner.recv_into(buffer)


def _system_resolve(host: str, port: int) -> Sequence[str]:
    import socket

    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _in_time(call: Callable[[], Sequence[str]], deadline: _Deadline) -> Sequence[str]:
    """Call in a thread of its own: the system's resolver knows no time limit. One that hangs is left behind."""
    from threading import Thread

    result: list[Sequence[str]] = []
    failure: list[Exception] = []

    def work() -> None:
        try:
            result.append(call())
        except Exception as exc:  # handed to the caller below
            failure.append(exc)

    thread = Thread(target=work, daemon=True, name="lookalike-resolve")
    thread.start()
    thread.join(deadline.left())
    if failure:
        raise failure[0] if isinstance(failure[0], OSError | ValueError | LookalikeError) else OSError(str(failure[0]))
    if not result:
        raise TimeoutError
    return result[0]


def _ascii_host(host: str) -> str:
    if host.isascii():
        return host
    return host.encode("idna").decode("ascii")


def _location(response: http.client.HTTPResponse, target: _Target) -> str:
    location = response.getheader("Location")
    if not location:
        raise FetchError(f"{target.shown} redirects (status {response.status}) without saying where to.")
    return location


def _advice(status: int) -> str:
    """Return the way to go on after an answer that is not the picture."""
    if status in (404, 410):
        return "Check the address."
    if status == 429:
        return "It was asked too often: wait a while, or send the picture itself."
    if status in (401, 407):
        return "One has to log in there: send the picture itself."
    if status in (403, 451):
        return "Programs may not have it: send the picture itself."
    return "Try again later, or send the picture itself."


def _too_large(target: _Target, most: int) -> ImageTooLargeError:
    return ImageTooLargeError(
        f"{target.shown} is larger than {most / 1e6:g} MB, the limit. Resize it, or raise `max_image_bytes`."
    )


def _reason(exc: Exception) -> str:
    """Return in plain words what broke, without addresses or paths of this machine."""
    import socket

    if isinstance(exc, socket.gaierror):
        return "its host is not known"
    if isinstance(exc, ConnectionRefusedError):
        return "the connection was refused"
    name = type(exc).__name__
    if name == "SSLCertVerificationError":
        return "its certificate is not valid for it"
    if name.startswith("SSL"):
        return "no secure connection could be made"
    return "the connection broke" if isinstance(exc, OSError) else "its answer is not proper HTTP"


def _shown(url: str) -> str:
    text = re.sub(r"(?<=://)[^/?#]*@", "", url)
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
