"""A client that sends too slowly is answered 408, and its connection ends."""

import itertools
import select
import socket
from collections.abc import Iterator

import pytest

from incm_webhook.testing import Receiver

from .corpus import GOOD, SECRET
from .test_corpus import DEADLINE_S, ask, port_of, statuses_of

PROMPT = '[server]\nheader_timeout = "300ms"\nbody_timeout = "300ms"\n'


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a receiver that is in a hurry."""
    folder = tmp_path_factory.mktemp("deadlines")
    (folder / "known").write_text(SECRET)
    (folder / "prompt.toml").write_text(PROMPT)
    arguments = ("--secret-file", "./known", "--config", "prompt.toml")
    with Receiver(folder, arguments=arguments) as receiver:
        yield port_of(receiver)


def connect(port: int) -> socket.socket:
    """Open a connection that sends each byte at once."""
    client = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def read_to_the_end(client: socket.socket) -> list[int]:
    """Read answers until the server closes."""
    received = b""
    while part := client.recv(65536):
        received += part
    return statuses_of(received)


def test_a_request_that_stops_anywhere(port: int) -> None:
    clients = [connect(port) for _ in range(len(GOOD))]
    try:
        for end, client in enumerate(clients):
            client.sendall(GOOD[:end])
        answers = [read_to_the_end(client) for client in clients]
    finally:
        for client in clients:
            client.close()
    assert answers == [[]] + [[408]] * (len(GOOD) - 1)
    assert ask(port, GOOD, len(GOOD)) == [200]


@pytest.mark.parametrize(
    ("head", "drops"),
    [
        (b"GET /", b"a"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", b"A: b\r\n"),
        (b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n", b" "),
        (b"POST /webhook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
    ids=["target", "header", "body", "chunks"],
)
def test_a_byte_now_and_then(port: int, head: bytes, drops: bytes) -> None:
    with connect(port) as client:
        client.sendall(head)
        for drop in itertools.cycle(drops):
            client.sendall(bytes([drop]))
            if select.select([client], [], [], 0.02)[0]:
                break
        client.shutdown(socket.SHUT_WR)
        assert read_to_the_end(client) == [408]
    assert ask(port, GOOD, len(GOOD)) == [200]
