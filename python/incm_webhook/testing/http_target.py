"""An HTTP server that records what a plugin sends, and fails on request."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from incm_webhook.testing.http_answers import Answers
from incm_webhook.testing.http_connection import Connection, RecordedRequest, Response

__all__ = ["HttpTarget", "RecordedRequest"]

WAIT_S = 30.0


class HttpTarget:
    """An HTTP/1.1 server on a free port of loopback, for plugins that call one.

    Shape: use it in a `with` statement, or call `close`. It answers every request 200 with an empty
    body until `respond` says otherwise.
    Threads: any.

    Attributes:
        url: the address, such as "http://127.0.0.1:40123", without a slash at the end.
        port: its port.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        """Start it.

        Args:
            tls: talk TLS with this context, which has the certificate; `url` begins with "https"
                then. None talks plain HTTP.
        """
        self._tls = tls
        self._answers = Answers()
        self._closing = threading.Event()
        self._changed = threading.Condition()  # guards the next two
        self._connections = 0
        self._open: set[socket.socket] = set()
        self._server = _Server(self._serve)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.port = self._server.server_port
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests so far, in the order in which they were complete."""
        return self._answers.requests

    @property
    def connections(self) -> int:
        """How many connections were opened so far."""
        with self._changed:
            return self._connections

    def respond(
        self,
        status: int = 200,
        body: bytes | str = b"",
        *,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        retry_after: str | int | None = None,
        delay: float | threading.Event = 0.0,
        drip: float = 0.0,
        drip_body: float = 0.0,
        hang: bool = False,
        drop: bool = False,
        drop_unread: bool = False,
        rubbish: bool = False,
        path: str = "",
        times: int | None = None,
    ) -> None:
        """Set how to answer.

        Args:
            status: the status.
            body: the body of the answer. A Content-Length among the headers that is larger makes
                an answer that ends too early, together with `"Connection": "close"`.
            json: a value that is sent as JSON, with its content type, in place of body.
            headers: further headers.
            retry_after: the value of Retry-After, such as 30 or an HTTP date.
            delay: seconds before the first byte of the answer, or an event to wait for.
            drip: seconds before each byte of the answer.
            drip_body: the head comes at once; seconds before each byte of the body.
            hang: never answer; the connection ends when the client or the target ends it.
            drop: reset the connection in place of an answer; the request is recorded.
            drop_unread: reset the connection before the request is read; it is not recorded.
            rubbish: send bytes that are not HTTP in place of an answer.
            path: only for requests whose path begins with this, such as "/alerts/".
            times: for how many requests. Calls with `times` are used up in their order; the last
                call without it, of those with the longest path that fits, says how the requests
                after those are answered.

        Raises:
            ValueError: times is less than 1; or drop_unread has a path, which is not read.
        """
        sent = dict(headers or {})
        if json is not None:
            body = _json_of(json)
            sent.setdefault("Content-Type", "application/json")
        if retry_after is not None:
            sent["Retry-After"] = str(retry_after)
        raw = body.encode() if isinstance(body, str) else body
        response = Response(
            status, raw, sent, delay, drip, drip_body, hang, drop, drop_unread, rubbish
        )
        if times is not None and times < 1:
            raise ValueError(f"times counts from 1, not {times}")
        if drop_unread and path:
            raise ValueError("drop_unread is for every path, because the request is not read")
        self._answers.add(response, path, times)

    def wait(self, count: int = 1, timeout: float = WAIT_S) -> list[RecordedRequest]:
        """Wait until there were `count` requests; return all requests so far.

        Raises:
            TimeoutError: there were fewer within `timeout` seconds.
        """
        requests = self._answers.wait(count, timeout)
        if len(requests) < count:
            raise TimeoutError(f"{len(requests)} of {count} requests after {timeout:g} s")
        return requests

    def close(self) -> None:
        """Stop, also in the middle of an answer. May be called again."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        with self._changed:
            for connection in self._open:
                with contextlib.suppress(OSError):  # the client has gone
                    # Not the method of a TLS socket, which other threads may be using.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
            self._changed.wait_for(lambda: not self._open, WAIT_S)

    def _serve(self, connection: socket.socket) -> None:
        """Serve one connection to its end."""
        with self._changed:
            self._connections += 1
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(
                    connection, server_side=True, do_handshake_on_connect=False
                )
            with self._changed:
                self._open.add(connection)
            if self._closing.is_set():
                return  # close() has not seen it
            if isinstance(connection, ssl.SSLSocket):
                connection.do_handshake()
            Connection(connection, self._answers, self._closing)
        except (OSError, ValueError):
            pass  # the client has gone, sent no HTTP, or does not trust the certificate
        finally:
            connection.close()
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
