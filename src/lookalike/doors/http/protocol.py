"""uvicorn's HTTP protocol with bounds on size, time and unread output.

The parser below uvicorn keeps whatever headers come, and uvicorn closes no connection that says nothing. Here a head
(and the trailers of a body) has at most 64 KB and 100 headers; a client has a deadline for its head, for the progress
of its body and for reading the answer; and pipelined requests wait unparsed.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from ..dialects import dialect_of
from .connections import SPARE
from .replies import Refusal, failure_form, failure_reply

if TYPE_CHECKING:
    from .connections import Connections

MOST_HEAD_BYTES = 65_536
MOST_HEADERS = 100
_LARGE_HEAD_BYTES = 8192  # of these heads only so many may be under way, over all connections
_PIECE = 4096  # parsed at once: what is pipelined in it becomes requests in memory
_LEAST_PROGRESS = 1024  # bytes within a deadline; less is a client that wastes our time
_PATIENT_SHARE = 6  # of its deadline a body may stand still before it makes room for others
_LINGER_S = 2.0  # for a client that still sends to see why it was refused
_HIGH_BYTES = re.compile(rb"[\x80-\xff]")
_TOO_LARGE = Refusal(
    431, "headers_too_large", f"the head of a request has at most {MOST_HEAD_BYTES:,} bytes and {MOST_HEADERS} headers."
)
_MALFORMED = Refusal(400, "request_malformed", "this is not a request of HTTP/1.1, or its address is not one.")


class Connection(HttpToolsProtocol):
    """One connection."""

    def __init__(self, crowd: Connections, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.is_spare = False
        self.is_leaving = False
        self._is_deaf = False  # whatever still comes is dropped
        self._crowd = crowd
        self._held = bytearray()  # what came behind a request that waits its turn
        self._in_body = False
        self._at_start = True  # of a request: nothing of it has come
        self._bare = 0  # bytes that the parser took since it last gave part of a body, or a whole head
        self._head_since: float | None = None
        self._idle_since = self._progress_at = 0.0
        self._progress = 0  # bytes of the body since `_progress_at`
        self._unread: tuple[int, float] | None = None  # of an answer: bytes, and since when they were not fewer
        self._lingers_until = 0.0
        self._refusal: Refusal | None = None

    # ---- what comes from the transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        self._idle_since = self._head_since = self.loop.time()
        self.is_spare = self._crowd.enter(self)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self.is_leaving = self._is_deaf = True
        self._crowd.members.discard(self)
        self._crowd.large_heads.discard(self)
        self._held.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless earlier requests wait for their turn."""
        if not self._is_deaf:
            self._held += data
            self._parse()

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        self._unread = None
        super().resume_writing()

    def _parse(self) -> None:
        while self._held and not self.pipeline and not self._is_deaf:
            piece = bytes(self._held[:_PIECE])
            del self._held[:_PIECE]
            self._parse_piece(piece)
        if self._is_deaf:
            self._held.clear()
        elif self._held:
            self.flow.pause_reading()

    def _parse_piece(self, piece: bytes) -> None:
        if self._at_start:
            piece = _encoded(piece)
        if self._head_since is None and not self._in_body:
            self._head_since = self.loop.time()
        self._bare += len(piece)
        super().data_received(piece)
        if self._bare > _LARGE_HEAD_BYTES and not self._is_deaf:
            self._crowd.large_heads.add(self)
            if self._bare > MOST_HEAD_BYTES or self._crowd.is_full_of_heads:
                self.refuse(_TOO_LARGE)

    # ---- what comes from the parser

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._at_start = False
        if self.is_spare:
            self.scope[SPARE] = True  # type: ignore[literal-required]

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer, within the bound."""
        if len(self.headers) >= MOST_HEADERS:
            self._refusal = _TOO_LARGE
            raise ValueError("too many headers")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin with the body."""
        super().on_headers_complete()
        self._bare, self._progress, self._head_since = 0, 0, None
        self._crowd.large_heads.discard(self)
        self._in_body, self._progress_at = True, self.loop.time()
        if self.is_spare:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._bare = 0
        self._progress += len(body)
        if self._progress >= _LEAST_PROGRESS:
            self._progress, self._progress_at = 0, self.loop.time()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._in_body, self._at_start, self._bare = False, True, 0
        self._crowd.large_heads.discard(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with what was held back."""
        super().on_response_complete()
        self._idle_since = self.loop.time()
        if self._head_since is not None:
            self._head_since = self._idle_since
        if self._held:
            self.flow.pause_reading()
            self.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        if self.transport.is_closing():
            return
        self._parse()
        if not self._held:
            self.flow.resume_reading()

    # ---- deadlines

    @property
    def _is_answering(self) -> bool:
        """Whether a request has come whole, and its answer has not gone out."""
        return self.cycle is not None and not self.cycle.response_complete and not self._in_body

    @property
    def _has_to_send(self) -> bool:
        """Whether more of a body would be read if it came."""
        answers = self.cycle.response_complete or not self.cycle.waiting_for_100_continue
        return answers and not self.flow.read_paused and not self._held

    def check(self, now: float) -> None:
        """Close the connection where its client is overdue."""
        if self._lingers_until and now > self._lingers_until:
            self.transport.abort()
        elif self._is_unread(now):
            self._give_up()
            self.transport.abort()
        elif self.is_leaving or self._lingers_until or self._is_answering:
            return
        elif self._in_body:
            if not self._has_to_send:
                self._progress_at = now
            elif now - self._progress_at > self._crowd.body_s:
                self.refuse(_late("body", self._crowd.body_s))
        elif self._head_since is not None and now - self._head_since > self._crowd.header_s:
            if self._bare:
                self.refuse(_late("head", self._crowd.header_s))
            else:
                self.leave()

    def waits(self, now: float) -> tuple[int, float] | None:
        """Return since when we wait for the client, behind how much it would lose; None where it waits for us."""
        patience = self._crowd.body_s / _PATIENT_SHARE
        if self._lingers_until:
            return (0, self._lingers_until)
        if self._unread is not None or self.transport.get_write_buffer_size():
            since = now if self._unread is None else self._unread[1]
            return None if now - since < patience else (2, since)
        if self._is_answering:
            return None
        if self._in_body:
            is_patient = now - self._progress_at < patience or not self._has_to_send
            return None if is_patient else (2, self._progress_at)
        return (1, self._head_since) if self._bare and self._head_since is not None else (0, self._idle_since)

    def leave(self) -> None:
        """Close the connection to make room, or because nothing ever came."""
        self.is_leaving = self._is_deaf = True
        self._give_up()
        self.transport.abort()

    def refuse(self, refusal: Refusal) -> None:
        """Answer with a refusal and close; where earlier requests are under way, close behind their answers."""
        self._is_deaf = True
        if self._is_answering:
            self.cycle.keep_alive = False
            return
        if self.pipeline:  # the body of a request that has not had its turn
            self.leave()
            return
        if not self._in_body or not self.cycle.response_started:
            self._give_up()
            self.transport.write(self._answer(refusal))
        self._lingers_until = self.loop.time() + _LINGER_S
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()  # what still comes is dropped, so that the client reads the answer

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, in our own form or that of the dialect that was asked."""
        self.refuse(self._refusal or _MALFORMED)

    def _give_up(self) -> None:
        """Notify the request that its client is gone."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def _is_unread(self, now: float) -> bool:
        """Whether the client has read nothing of an answer for as long as a body may stand still."""
        size = self.transport.get_write_buffer_size()
        if not size:
            self._unread = None
        elif self._unread is None or size <= self._unread[0] - _LEAST_PROGRESS:
            self._unread = (size, now)
        return self._unread is not None and now - self._unread[1] > self._crowd.body_s

    @property
    def _sent_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers that came so far: some say in which form an answer is wanted."""
        return list(getattr(self, "headers", None) or ())

    def _answer(self, refusal: Refusal) -> bytes:
        path = getattr(self, "url", b"").partition(b"?")[0].decode("latin-1")
        dialect = dialect_of("GET", path)
        state = {
            "request_id": secrets.token_hex(8),
            "failure_form": failure_form if dialect is None else dialect.failure_form,
        }
        answer = failure_reply(refusal, {"type": "http", "path": path, "headers": self._sent_headers, "state": state})
        headers = [*self.server_state.default_headers, *answer.raw_headers, (b"connection", b"close")]
        lines = [b"%s: %s\r\n" % (name, value) for name, value in headers]
        lines.append(b"x-request-id: " + state["request_id"].encode() + b"\r\n\r\n")  # type: ignore[attr-defined]
        return STATUS_LINE[answer.status_code] + b"".join(lines) + bytes(answer.body)


def _encoded(piece: bytes) -> bytes:
    """Percent-encode what is not ASCII in a request line, as its client should have done."""
    line, end, rest = piece.partition(b"\n")
    return _HIGH_BYTES.sub(lambda found: b"%%%02X" % found[0][0], line) + end + rest


def _late(part: str, seconds: float) -> Refusal:
    return Refusal(
        408, "request_timeout", f"the {part} of this request made no progress for {seconds:g} s. Send it again."
    )
