"""A server on loopback that breaks every protocol in one way."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator

import trustme

from plugins.targets.ports import free_port

_SPEAKS_FIRST_S = 0.1  # how long a client of such a protocol is waited for, which waits for us
_DRIP_S = 0.01
_FAR_FUTURE_S = 3600.0
_RUBBISH = b"\x00\xff\x16\x03 this is no protocol \r\n\r\n\xfe" * 20


def _heard(client: socket.socket) -> None:
    """Read what the client says first, if it says anything."""
    client.settimeout(_SPEAKS_FIRST_S)
    with contextlib.suppress(TimeoutError):
        client.recv(65536)
    client.settimeout(_FAR_FUTURE_S)


def _silent(client: socket.socket, stopping: threading.Event) -> None:
    del client
    stopping.wait()


def _drips(client: socket.socket, stopping: threading.Event) -> None:
    while not stopping.wait(_DRIP_S):
        client.sendall(b"2")


def _breaks_off(client: socket.socket, stopping: threading.Event) -> None:
    del stopping
    _heard(client)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _rubbish(client: socket.socket, stopping: threading.Event) -> None:
    del stopping
    _heard(client)
    client.sendall(_RUBBISH)


def _certificate(client: socket.socket, stopping: threading.Event) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with context.wrap_socket(client, server_side=True):
        stopping.wait()


_WAYS: dict[str, Callable[[socket.socket, threading.Event], None]] = {
    "silent": _silent,
    "drips": _drips,
    "breaks off": _breaks_off,
    "rubbish": _rubbish,
    "certificate": _certificate,
}
WAYS = ["down", *_WAYS]


@contextlib.contextmanager
def broken(way: str) -> Iterator[int]:
    """Be such a server.

    Args:
        way: one of WAYS: nobody listens; connections are accepted and never answered; a byte comes
            now and then, without end; connections are reset; bytes come that mean nothing; TLS has
            a certificate that nobody trusts.

    Yields:
        The port.
    """
    if way == "down":
        yield free_port()
        return
    stopping = threading.Event()
    threads: list[threading.Thread] = []

    def serve(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            _WAYS[way](client, stopping)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=serve, args=(client,)))
            threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads.append(threading.Thread(target=accept))
        threads[0].start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            stopping.set()
            listener.shutdown(socket.SHUT_RDWR)
            for one in list(threads):
                one.join()
