"""No request of the corpus gets a second answer, hangs, or harms the next client."""

import re
import socket
from collections.abc import Iterator

import pytest

from incm_webhook.testing import Receiver

from .corpus import BODY, CASES, GOOD, SECRET, Case

SHORT = 300  # bytes; behind them no request is cut between two equal ones
DEADLINE_S = 15.0  # only a test that fails waits so long


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a receiver that knows the corpus's secret."""
    folder = tmp_path_factory.mktemp("conformance")
    (folder / "known").write_text(SECRET)
    with Receiver(folder, arguments=("--secret-file", "./known")) as receiver:
        yield port_of(receiver)


def port_of(receiver: Receiver) -> int:
    """Take the port out of the URL."""
    return int(receiver.url.rpartition(":")[2].partition("/")[0])


def statuses_of(received: bytes) -> list[int]:
    """Read all answers but `100 Continue`; anything between or after them is an error."""
    found = []
    while received:
        head, end, received = received.partition(b"\r\n\r\n")
        line = re.fullmatch(rb"HTTP/1\.[01] ([0-9]{3}) [A-Za-z -]+", head.split(b"\r\n")[0])
        assert line, head
        assert end
        if line[1] == b"100":
            continue
        length = re.search(rb"\r\nContent-Length: ([0-9]+)", head)
        assert length, head
        assert len(received) >= int(length[1])
        received = received[int(length[1]) :]
        found.append(int(line[1]))
    return found


def ask(port: int, request: bytes, step: int, *, may_be_reset: bool = False) -> list[int]:
    """Send in pieces of `step` bytes, end the sending side, and read until the server closes.

    A client that goes on sending after a request that it called the last may find the connection
    reset after its answer.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        received = b""
        try:
            for begin in range(0, len(request), step):
                client.sendall(request[begin : begin + step])
            client.shutdown(socket.SHUT_WR)
        except OSError:
            assert may_be_reset
        try:
            while part := client.recv(65536):
                received += part
        except ConnectionResetError:
            assert may_be_reset
        return statuses_of(received)


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 200
    assert len({(case.section, case.request) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_whole_and_byte_by_byte(port: int, case: Case) -> None:
    assert ask(port, case.request, len(case.request)) == list(case.statuses)
    ends_early = set(case.statuses) == {200} and case.request.count(BODY) > len(case.statuses)
    assert ask(port, case.request, 1, may_be_reset=ends_early) == list(case.statuses)
    assert ask(port, GOOD, len(GOOD)) == [200]


def test_cut_at_every_position(port: int) -> None:
    """An unfinished request is refused or ignored; only whole requests are accepted."""
    seen = set()
    for case in CASES:
        for end in range(len(case.request)):
            if end > SHORT and case.request[end - 1] == case.request[end]:
                continue
            begun = case.request[:end]
            if begun in seen:
                continue
            seen.add(begun)
            *before, last = ask(port, begun, max(end, 1)) or [400]
            assert tuple(before) == case.statuses[: len(before)], begun
            assert last in (400, case.statuses[len(before)]), begun
            assert [*before, last].count(200) <= begun.count(BODY), begun
    assert ask(port, GOOD, len(GOOD)) == [200]
