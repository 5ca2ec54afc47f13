"""An HTTP server on loopback that fails on request, and keeps its requests.

with FaultServer() as server:
    server.behave(answers(503, headers={"Retry-After": "7"}))   # from now on
    server.next(hangs(), drops())                               # first these two, in order
    ...
    assert server.requests[0].json() == {...}
"""

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import trustme

PATIENCE_S = 20.0  # nothing here takes so long; a test that waits longer has failed
_DRIP_S = 0.01
_FAR_FUTURE = 3600.0


@dataclass
class Request:
    """A request that was read whole.

    Attributes:
        method: such as "POST".
        path: with the query.
        headers: by name in lower case; the last of several.
        body: without chunks.
        abandoned: set when the client ended the connection instead of waiting for an answer.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    abandoned: threading.Event = field(default_factory=threading.Event)

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Exchange:
    """One request, the connection that it came on, and an event that is set when the test ends."""

    connection: socket.socket
    request: Request | None
    stopping: threading.Event

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def wait_for_client(self) -> None:
        """Wait until the client ends the connection, or the test ends."""
        self.connection.settimeout(_DRIP_S)
        while not self.stopping.is_set():
            try:
                if not self.connection.recv(65536):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        else:
            return
        if self.request is not None:
            self.request.abandoned.set()


@dataclass(frozen=True)
class Behaviour:
    """What the server does with a request; `run` returns whether the connection stays open."""

    run: Callable[[Exchange], bool]
    reads: bool = True


def head(status: int, headers: Mapping[str, str], length: int | None) -> bytes:
    lines = [f"HTTP/1.1 {status} Because"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


def answers(
    status: int = 200, body: bytes | str = b"", headers: Mapping[str, str] | None = None
) -> Behaviour:
    """An ordinary answer; the connection is kept."""
    content = body.encode() if isinstance(body, str) else body
    length = None if status in (204, 304) else len(content)

    def run(exchange: Exchange) -> bool:
        exchange.send(head(status, headers or {}, length) + content)
        return True

    return Behaviour(run)


def answers_after(release: threading.Event, then: Behaviour) -> Behaviour:
    """Another behaviour, once the test sets an event."""

    def run(exchange: Exchange) -> bool:
        return release.wait(PATIENCE_S) and then.run(exchange)

    return Behaviour(run)


def redirects(to: str, status: int = 302) -> Behaviour:
    return answers(status, headers={"Location": to})


def hangs() -> Behaviour:
    """The request is read and never answered."""

    def run(exchange: Exchange) -> bool:
        exchange.wait_for_client()
        return False

    return Behaviour(run)


def drips(body: bool = False) -> Behaviour:
    """A byte now and then, without end: of the head, or with `body` of the body."""

    def run(exchange: Exchange) -> bool:
        whole = head(200, {}, 10**9)
        if body:
            exchange.send(whole)
        else:
            exchange.send(b"HTTP/1.1 200 OK\r\nX: ")
        with contextlib.suppress(OSError):
            while not exchange.stopping.wait(_DRIP_S):
                exchange.send(b"x")
            return False
        if exchange.request is not None:
            exchange.request.abandoned.set()
        return False

    return Behaviour(run)


def drops(reads: bool = True) -> Behaviour:
    """The connection is reset, after the request was read or before."""

    def run(exchange: Exchange) -> bool:
        exchange.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    return Behaviour(run, reads)


def stops_within_body() -> Behaviour:
    """The head announces more than comes before the connection ends."""

    def run(exchange: Exchange) -> bool:
        exchange.send(head(200, {}, 1000) + b"beginning")
        return False

    return Behaviour(run)


def sends_much(size: int = 50 * 1024**2) -> Behaviour:
    """A body of 50 MB."""

    def run(exchange: Exchange) -> bool:
        exchange.send(head(200, {}, size))
        block = b"x" * 65536
        with contextlib.suppress(OSError):
            for _ in range(0, size, len(block)):
                exchange.send(block)
            return True
        if exchange.request is not None:
            exchange.request.abandoned.set()
        return False

    return Behaviour(run)


def sends_rubbish(text: bytes = b"\x00\xff\x16\x03rubbish\r\n\r\n\r\n") -> Behaviour:
    """Bytes that are no HTTP."""

    def run(exchange: Exchange) -> bool:
        exchange.send(text)
        return False

    return Behaviour(run)


class FaultServer:
    """The server, on a free port of loopback, in threads of its own.

    Threads: any.

    Attributes:
        url: without a path: "http://127.0.0.1:34567".
        authority: what signed the certificate, with `tls`.
    """

    def __init__(self, *, tls: bool = False, names: tuple[str, ...] = ("127.0.0.1", "localhost")):
        """Start it.

        Args:
            tls: whether it talks TLS, with a certificate of an authority of its own.
            names: the hosts of the certificate.
        """
        self.authority = trustme.CA()
        self._context: ssl.SSLContext | None = None
        if tls:
            self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self.authority.issue_cert(*names).configure_cert(self._context)
        self._changed = threading.Condition()  # guards the next four
        self._requests: list[Request] = []
        self._next: deque[Behaviour] = deque()
        self._always = answers()
        self._connections: set[socket.socket] = set()
        self.accepted = 0
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def requests(self) -> list[Request]:
        with self._changed:
            return list(self._requests)

    def behave(self, behaviour: Behaviour) -> None:
        """Do this with every request, after those of `next`."""
        with self._changed:
            self._always = behaviour

    def next(self, *behaviours: Behaviour) -> None:
        """Do these with the next requests, in order."""
        with self._changed:
            self._next.extend(behaviours)

    def wait_for(self, count: int) -> list[Request]:
        """Wait until so many requests have been read, and return them."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._requests) >= count, PATIENCE_S), (
                f"{len(self._requests)} requests of {count} came"
            )
            return list(self._requests)

    def trust(self, folder: Path) -> Path:
        """Write the authority's certificate into a folder, for $SSL_CERT_FILE."""
        path = folder / "authority.pem"
        self.authority.cert_pem.write_to_path(str(path))
        return path

    def stop(self) -> None:
        """End every connection and the server; the port refuses connections then."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE_S)
        with self._changed:
            for one in self._connections:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                self.accepted += 1
                self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        connection = raw
        try:
            raw.settimeout(_FAR_FUTURE)
            if self._context is not None:
                connection = self._context.wrap_socket(raw, server_side=True)
                with self._changed:
                    self._connections.add(connection)
            while self._serve_one(connection):
                connection.settimeout(_FAR_FUTURE)
        except (OSError, ValueError):
            pass  # the client has gone, or does not trust the certificate
        finally:
            connection.close()
            with self._changed:
                self._connections -= {raw, connection}

    def _serve_one(self, connection: socket.socket) -> bool:
        begin = connection.recv(1)
        if not begin:
            return False
        with self._changed:
            behaviour = self._next.popleft() if self._next else self._always
        request = None
        if behaviour.reads:
            request = _read(connection, begin)
            with self._changed:
                self._requests.append(request)
                self._changed.notify_all()
        return behaviour.run(Exchange(connection, request, self._stopping))


def _read(connection: socket.socket, begin: bytes) -> Request:
    text = begin
    while b"\r\n\r\n" not in text:
        text += _more(connection)
    top, _, body = text.partition(b"\r\n\r\n")
    first, *lines = top.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    fields = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in fields}
    if headers.get("expect", "").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return Request(method, path, headers, _chunks(connection, body))
    length = int(headers.get("content-length", "0"))
    while len(body) < length:
        body += _more(connection)
    return Request(method, path, headers, body)


def _chunks(connection: socket.socket, text: bytes) -> bytes:
    body = b""
    while True:
        while b"\r\n" not in text:
            text += _more(connection)
        line, _, text = text.partition(b"\r\n")
        size = int(line.partition(b";")[0], 16)
        while len(text) < size + 2:
            text += _more(connection)
        if not size:
            return body
        body, text = body + text[:size], text[size + 2 :]


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionError("the client ended the connection within its request")
    return data
