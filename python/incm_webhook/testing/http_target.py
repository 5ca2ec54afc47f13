"""An HTTP server that records what a plugin sends, and fails on request."""

import contextlib
import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

WAIT_S = 30.0
_RUBBISH = b"\x00\xff this is no HTTP \r\n\r\n\xfe"
_WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
_FRAMING = {"content-length", "transfer-encoding"}
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class RecordedRequest:
    """A request as the target received it.

    Attributes:
        method: such as "POST".
        path: the path with its query, such as "/alerts?team=noc".
        headers: by lower-case name; the last value of a name that occurs twice.
        body: the whole body.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8; bytes that are not UTF-8 become U+FFFD."""
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        """Parse the body; ValueError when it is not JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class _Response:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drip: float = 0.0
    drop: bool = False
    rubbish: bool = False


class HttpTarget:
    """An HTTP/1.1 server on a free port of loopback, for plugins that call one.

    Shape: use it in a `with` statement, or call `close`. It answers every request 200 with an empty
    body until `respond` says otherwise.
    Threads: any.

    Attributes:
        url: the address, such as "http://127.0.0.1:40123", without a slash at the end.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()  # guards what follows
        self._requests: list[RecordedRequest] = []
        self._connections = 0
        self._open: set[socket.socket] = set()
        self._next: deque[_Response] = deque()
        self._usual = _Response()
        self._closing = threading.Event()
        self._server = _Server(self._serve)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests so far, in the order in which they were complete."""
        with self._changed:
            return list(self._requests)

    @property
    def connections(self) -> int:
        """How many connections were opened so far."""
        with self._changed:
            return self._connections

    def respond(
        self,
        status: int = 200,
        *,
        body: bytes | str = b"",
        json: object = None,
        headers: Mapping[str, str] | None = None,
        retry_after: str | int | None = None,
        delay: float = 0.0,
        drip: float = 0.0,
        drop: bool = False,
        rubbish: bool = False,
        times: int | None = None,
    ) -> None:
        """Set how to answer.

        Args:
            status: the status.
            body: the body of the answer.
            json: a value that is sent as JSON, with its content type, in place of body.
            headers: further headers.
            retry_after: the value of Retry-After, such as 30 or an HTTP date.
            delay: seconds before the first byte of the answer.
            drip: seconds before each further byte of the answer.
            drop: reset the connection in place of an answer; the request is recorded.
            rubbish: send bytes that are not HTTP in place of an answer.
            times: for how many requests. Calls with `times` are used up in their order; the last
                call without it says how the requests after those are answered.

        Raises:
            ValueError: times is less than 1.
        """
        sent = dict(headers or {})
        if json is not None:
            body = _json_of(json)
            sent.setdefault("Content-Type", "application/json")
        if retry_after is not None:
            sent["Retry-After"] = str(retry_after)
        raw = body.encode() if isinstance(body, str) else body
        response = _Response(status, raw, sent, delay, drip, drop, rubbish)
        if times is not None and times < 1:
            raise ValueError(f"times counts from 1, not {times}")
        with self._changed:
            if times is None:
                self._usual = response
            else:
                self._next.extend([response] * times)

    def wait(self, count: int = 1, timeout: float = WAIT_S) -> list[RecordedRequest]:
        """Wait until there were `count` requests; return all requests so far.

        Raises:
            TimeoutError: there were fewer within `timeout` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._requests) >= count, timeout):
                raise TimeoutError(f"{len(self._requests)} of {count} requests after {timeout:g} s")
            return list(self._requests)

    def close(self) -> None:
        """Stop, also in the middle of an answer. May be called again."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        with self._changed:
            for connection in self._open:
                with contextlib.suppress(OSError):  # the client has gone
                    connection.shutdown(socket.SHUT_RDWR)
            self._changed.wait_for(lambda: not self._open, WAIT_S)

    def _record(self, request: RecordedRequest) -> _Response:
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()
            return self._next.popleft() if self._next else self._usual

    def _serve(self, connection: socket.socket) -> None:
        """Serve one connection to its end."""
        with self._changed:
            self._connections += 1
            self._open.add(connection)
        try:
            _Handler(connection, self._record, self._closing)
        except OSError:
            pass  # the client has gone
        finally:
            with self._changed:
                self._open.discard(connection)
                self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _json_of(value: object) -> bytes:
    return json.dumps(value).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        super().__init__(("127.0.0.1", 0), BaseHTTPRequestHandler)

    def finish_request(self, request: Any, client_address: object) -> None:
        """Serve one connection."""
        del client_address
        self._serve(request)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection without ending it first, which a reset must not do."""
        self.close_request(request)


class _Handler(BaseHTTPRequestHandler):
    """Reads the requests of one connection, and answers them."""

    protocol_version = "HTTP/1.1"

    def __init__(
        self,
        connection: socket.socket,
        record: Callable[[RecordedRequest], _Response],
        closing: threading.Event,
    ) -> None:
        self._record = record
        self._closing = closing
        super().__init__(connection, connection.getpeername(), None)  # type: ignore[arg-type]

    def _answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = RecordedRequest(self.command, self.path, headers, self._body())
        response = self._record(request)
        if self._closing.wait(response.delay) or response.drop:
            self._reset()
        elif response.rubbish:
            self.wfile.write(_RUBBISH)
            self.close_connection = True
        else:
            self._send(response)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer  # noqa: N815

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

    def _send(self, response: _Response) -> None:
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
        answer = "\r\n".join([*lines, "", ""]).encode("latin-1")
        answer += body if self.command != "HEAD" else b""
        if not response.drip:
            self.wfile.write(answer)
            return
        for at in range(len(answer)):
            if self._closing.wait(response.drip):
                self._reset()
                return
            self.wfile.write(answer[at : at + 1])

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - inherited
        """Write no log."""
