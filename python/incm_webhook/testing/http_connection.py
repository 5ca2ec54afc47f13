"""Reads the requests of one connection to an `HttpTarget`, and answers them."""

import json
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol

_RUBBISH = b"\x00\xff this is no HTTP \r\n\r\n\xfe"
_WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
_FRAMING = {"content-length", "transfer-encoding"}
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_LOOK_S = 0.02  # how often a wait for an event of the test looks whether the target closes


@dataclass(frozen=True)
class RecordedRequest:
    """A request as the target received it.

    Attributes:
        method: such as "POST".
        path: the path with its query, such as "/alerts?team=noc".
        headers: by lower-case name; the last value of a name that occurs twice.
        body: the whole body.
        abandoned: an event that is set when the client has ended the connection in place of
            reading the whole answer. Only an answer that hangs, drips or is large notices that.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    abandoned: threading.Event = field(default_factory=threading.Event, compare=False, repr=False)

    @property
    def text(self) -> str:
        """The body as UTF-8; bytes that are not UTF-8 become U+FFFD."""
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        """Parse the body; ValueError when it is not JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Response:
    """How to answer a request; the attributes are the arguments of `HttpTarget.respond`."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float | threading.Event = 0.0
    drip: float = 0.0
    drip_body: float = 0.0
    hang: bool = False
    drop: bool = False
    drop_unread: bool = False
    rubbish: bool = False


class Chooser(Protocol):
    """Chooses the answers. Threads: any."""

    def drops_unread(self) -> bool:
        """Return whether to reset the connection before its next request is read."""

    def record(self, request: RecordedRequest) -> Response:
        """Record a request, and choose its answer."""


class Connection(BaseHTTPRequestHandler):
    """Serves one connection; the constructor returns when it ends.

    Errors: OSError when the client has gone.
    """

    protocol_version = "HTTP/1.1"

    def __init__(
        self, connection: socket.socket, chooser: Chooser, closing: threading.Event
    ) -> None:
        """Serve it.

        Args:
            connection: where requests come from; the caller closes it.
            chooser: chooses the answers.
            closing: set when the connection should end, also in the middle of an answer.
        """
        self._chooser = chooser
        self._closing = closing
        super().__init__(connection, connection.getpeername(), None)  # type: ignore[arg-type]

    def handle_one_request(self) -> None:
        """Wait for a request and answer it, unless the connection is to be reset before."""
        if self.rfile.peek(1) and self._chooser.drops_unread():  # type: ignore[attr-defined]
            self._reset()
        else:
            super().handle_one_request()

    def __getattr__(self, name: str) -> Any:
        """Return the function for a method: all are answered alike."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = RecordedRequest(self.command, self.path, headers, self._body())
        response = self._chooser.record(request)
        if self._waits(response.delay) or response.drop:
            self._reset()
        elif response.hang:
            self._hang(request)
        elif response.rubbish:
            self.wfile.write(_RUBBISH)
            self.close_connection = True
        else:
            try:
                self._send(response)
            except OSError:
                request.abandoned.set()
                raise

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return body

    def _waits(self, delay: float | threading.Event) -> bool:
        """Wait before the answer; return whether the target closes meanwhile."""
        if not isinstance(delay, threading.Event):
            return self._closing.wait(delay)
        while not delay.wait(_LOOK_S):
            if self._closing.is_set():
                return True
        return self._closing.is_set()

    def _hang(self, request: RecordedRequest) -> None:
        """Wait until the client ends the connection, or the target closes it."""
        self.close_connection = True
        try:
            while self.rfile.read1(65536):
                pass
        finally:
            if not self._closing.is_set():
                request.abandoned.set()

    def _send(self, response: Response) -> None:
        sent = {name.lower(): value for name, value in response.headers.items()}
        self.close_connection |= sent.get("connection", "").lower() == "close"
        has_body = response.status >= HTTPStatus.OK and response.status not in _WITHOUT_BODY
        body = response.body if has_body else b""
        headers = dict(response.headers)
        if has_body and not sent.keys() & _FRAMING:
            headers["Content-Length"] = str(len(body))
        reason, _ = self.responses.get(response.status, ("", ""))
        lines = [f"HTTP/1.1 {response.status} {reason}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        body = body if self.command != "HEAD" else b""
        if response.drip:
            self._drip(head + body, response.drip)
        elif response.drip_body:
            self.wfile.write(head)
            self._drip(body, response.drip_body)
        else:
            self.wfile.write(head + body)

    def _drip(self, data: bytes, pause: float) -> None:
        for at in range(len(data)):
            if self._closing.wait(pause):
                self._reset()
                return
            self.wfile.write(data[at : at + 1])

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - inherited
        """Write no log."""
