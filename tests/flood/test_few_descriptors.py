"""Floods of clients that ask for nothing good, against a server with few descriptors."""

import resource
from collections import deque
from contextlib import ExitStack, suppress
from socket import SHUT_WR, socket

import pytest

from .canary import Canary
from .conftest import Serve, connect

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


CASES = [*((256, flood) for flood in FLOODS), (1024, "silence")]


@pytest.mark.parametrize(("limit", "flood"), CASES)
@pytest.mark.parametrize("started", [True, False], ids=["started_with_it", "while_it_runs"])
def test_a_flood_with_few_descriptors(
    serve: Serve, many_files: int, limit: int, flood: str, started: bool
) -> None:
    """More clients than descriptors: the good one is served all the time, and loses nothing.

    `started`: the server is started under `ulimit -n`, and finds itself how many clients it may
    have; otherwise the limit falls while it runs, and opening a connection fails.
    """
    receiver = serve("", files=limit if started else None)
    places = limit
    if started:
        assert resource.prlimit(receiver.process.pid, resource.RLIMIT_NOFILE) == (limit, limit)
        places -= max(limit // 4, 64)  # these are left for the rest
    else:
        resource.prlimit(receiver.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
    request = FLOODS[flood]
    clients: deque[socket] = deque()
    with Canary(receiver) as canary, ExitStack() as opened:
        for turn in range(ROUNDS):
            for _ in range(AT_ONCE):
                clients.append(opened.enter_context(connect(receiver)))
                with suppress(ConnectionError):
                    clients[-1].sendall(request % turn if b"%" in request else request)
                if len(clients) > 2 * limit:
                    clients.popleft().close()
            canary.sing()
        assert len(clients) > limit
        canary.check(most_connections=places)
        opened.close()
        canary.wait_for_rest()
        canary.check(most_connections=places)
        assert receiver.stop() == 0
        canary.check_inbox()


def test_silent_clients_of_the_admin_listener(serve: Serve, many_files: int) -> None:
    """They take half of what is left for the rest, and nothing of what alerts may have."""
    receiver = serve("", files=256)
    with Canary(receiver) as canary, ExitStack() as opened:
        for admin, places in ((True, 32), (False, 32 + 192)):
            for number in range(300):
                opened.enter_context(connect(receiver, admin=admin))
                if number % AT_ONCE == 0:
                    canary.sing()
            canary.check(most_connections=places)
        opened.close()
        canary.wait_for_rest()
        canary.check(most_connections=32 + 192)
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
