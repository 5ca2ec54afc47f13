"""Floods of clients that ask for nothing good, against a server with 256 descriptors."""

import resource
from collections import deque
from contextlib import ExitStack, suppress
from socket import SHUT_WR, socket

import pytest

from .canary import Canary
from .conftest import Serve, connect

LIMIT = 256
ROUNDS = 60
AT_ONCE = 20  # clients of the flood for each turn of the good one
HEAD = b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
FLOODS = {
    "silence": b"",
    "half_a_head": HEAD,
    "half_a_body": HEAD + b"Content-Length: 1000\r\n\r\n{",
    "half_a_chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n400\r\n{",
    "chunked_garbage": HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"\xff;garbage" * 2000,
    "wrong_signatures": HEAD
    + b"X-Signature: %064x\r\nContent-Length: 15\r\n\r\n" % 7
    + b'{"_id": "%04d"}',
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
@pytest.mark.parametrize("knows", [True, False], ids=["from_the_start", "all_at_once"])
def test_a_flood_with_few_descriptors(
    serve: Serve,
    many_files: int,
    flood: bytes,
    knows: bool,
) -> None:
    """Twice as many clients as descriptors: the good one is served all the time.

    `knows`: the server has places for as many connections as it makes of a limit that it finds at
    its start; otherwise the limit falls while it runs, and opening a connection fails.
    """
    places = LIMIT - 64 if knows else many_files
    receiver = serve(f"[server]\nmax_connections = {places}\n")
    resource.prlimit(receiver.process.pid, resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
    clients: deque[socket] = deque()
    with Canary(receiver) as canary, ExitStack() as opened:
        for turn in range(ROUNDS):
            for _ in range(AT_ONCE):
                clients.append(opened.enter_context(connect(receiver)))
                with suppress(ConnectionError):
                    clients[-1].sendall(flood % turn if b"%" in flood else flood)
                if len(clients) > 2 * LIMIT:
                    clients.popleft().close()
            canary.sing()
        canary.check(most_connections=LIMIT)
        opened.close()
        canary.wait_for_rest()
        canary.check(most_connections=LIMIT)
    assert receiver.stop() == 0


def test_connections_that_come_and_go(serve: Serve) -> None:
    """Thousands of clients that connect and leave at once, some of them in the midst of a head."""
    receiver = serve("")
    with Canary(receiver) as canary:
        for _ in range(50):
            for number in range(100):
                with connect(receiver) as client:
                    if number % 3 == 1:
                        client.sendall(HEAD)
                    elif number % 3 == 2:
                        client.shutdown(SHUT_WR)
            canary.sing()
        canary.check(most_connections=200)
        canary.wait_for_rest()
    assert receiver.stop() == 0
