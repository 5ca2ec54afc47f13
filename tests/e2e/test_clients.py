"""Which clients may connect, how many at once, and that silent ones delay no other."""

import select
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from conformance.corpus import BODY, GOOD, SECRET
from conformance.test_corpus import statuses_of
from incm_webhook.testing import Receiver

from .conftest import DEADLINE_S

Serve = Callable[..., Receiver]
FIELDS, _, _ = GOOD.partition(b"\r\n\r\n")


@pytest.fixture
def serve_with(serve: Serve, tmp_path: Path) -> Callable[[str], Receiver]:
    """Serve the corpus's endpoint with a configuration of the test's own."""

    def start(configuration: str) -> Receiver:
        (tmp_path / "known").write_text(SECRET)
        (tmp_path / "clients.toml").write_text(configuration)
        return serve("log", arguments=("--secret-file", "./known", "--config", "clients.toml"))

    return start


def connect(receiver: Receiver, source: str = "127.0.0.1") -> socket.socket:
    """Open a connection from an address of the loopback network."""
    place = urlsplit(receiver.url)
    client = socket.create_connection(
        (place.hostname, place.port), timeout=DEADLINE_S, source_address=(source, 0)
    )
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def answer_of(client: socket.socket) -> int:
    """Read one answer; 0 when the connection ends without one."""
    received = b""
    while b"\r\n\r\n" not in received or len(received) < length_of(received):
        part = client.recv(65536)
        if not part:
            return 0
        received += part
    return statuses_of(received)[0]


def length_of(received: bytes) -> int:
    """Return the length of the whole answer."""
    head, _, _ = received.partition(b"\r\n\r\n")
    return len(head) + 4 + int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])


def ask(client: socket.socket, request: bytes = GOOD) -> int:
    """Send a request and read its answer."""
    client.sendall(request)
    return answer_of(client)


def with_fields(fields: str) -> bytes:
    """Add header lines to the good request."""
    return FIELDS + b"\r\n" + fields.encode() + b"\r\n" + BODY


def test_a_silent_client_holds_no_worker(serve_with: Callable[[str], Receiver]) -> None:
    receiver = serve_with("[server]\nworkers = 2\n")
    silent = [connect(receiver) for _ in range(20)]
    begun = [connect(receiver) for _ in range(20)]
    for one in begun:
        one.sendall(GOOD[:40])
    kept = [connect(receiver) for _ in range(20)]
    for one in kept:
        assert ask(one) == 200
    with connect(receiver) as client:
        for _ in range(20):
            assert ask(client) == 200
    for one in begun:
        one.sendall(GOOD[40:])
        assert answer_of(one) == 200
    for one in [*kept, *silent]:
        assert ask(one) == 200
    for one in [*silent, *begun, *kept]:
        one.close()


def test_a_request_in_two_parts_is_whole(serve_with: Callable[[str], Receiver]) -> None:
    receiver = serve_with("[server]\nworkers = 1\n")
    for cut in range(1, len(GOOD)):
        with connect(receiver) as client:
            client.sendall(GOOD[:cut])
            assert ask(client, GOOD[cut:]) == 200


def test_the_client_that_never_asked_makes_room(serve_with: Callable[[str], Receiver]) -> None:
    receiver = serve_with("[server]\nmax_connections = 3\nworkers = 2\n")
    first, second, third = (connect(receiver) for _ in range(3))
    assert ask(second) == 200
    third.sendall(GOOD[:10])
    assert ask(third, GOOD[10:]) == 200
    with connect(receiver) as newcomer:
        assert ask(newcomer) == 200
        assert first.recv(1) == b""  # it has sent nothing, so that closing it costs least
        assert ask(third) == 200
    for one in (first, second, third):
        one.close()


def test_the_slowest_client_makes_room_and_is_answered_503(
    serve_with: Callable[[str], Receiver],
) -> None:
    receiver = serve_with("[server]\nmax_connections = 2\nworkers = 2\n")
    busy = [connect(receiver) for _ in range(2)]
    for one in busy:
        assert ask(one) == 200
        one.sendall(GOOD[:-1])
    with connect(receiver) as newcomer:
        assert ask(newcomer) == 200
        evicted, _, _ = select.select(busy, [], [])
        assert answer_of(evicted[0]) == 503
    (other,) = (one for one in busy if one is not evicted[0])
    assert ask(other, GOOD[-1:]) == 200
    for one in busy:
        one.close()


def test_only_allowed_addresses_are_served(serve_with: Callable[[str], Receiver]) -> None:
    receiver = serve_with('[server]\nallow = ["127.0.0.2/31"]\n')
    with connect(receiver, "127.0.0.3") as client:
        assert ask(client) == 200
    with connect(receiver, "127.0.0.4") as client:
        assert ask(client) == 403
    assert "refused a request from 127.0.0.4 with 403" in receiver.output()


def test_forwarded_for_counts_from_trusted_proxies_only(
    serve_with: Callable[[str], Receiver],
) -> None:
    receiver = serve_with(
        '[server]\nallow = ["192.0.2.7", "127.0.0.5"]\ntrusted_proxies = ["127.0.0.9"]\n'
    )
    good = with_fields("X-Forwarded-For: 198.51.100.1, 192.0.2.7\r\n")
    two_lines = with_fields("X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-For: 127.0.0.9\r\n")
    other = with_fields("X-Forwarded-For: 192.0.2.7, 198.51.100.1\r\n")
    with connect(receiver, "127.0.0.9") as proxy:
        assert [ask(proxy, one) for one in (good, other, two_lines)] == [200, 403, 200]
        assert ask(proxy) == 403  # speaks for itself, and is not allowed itself
    with connect(receiver, "127.0.0.5") as client:
        assert ask(client, other) == 200
    with connect(receiver, "127.0.0.6") as client:
        assert ask(client, good) == 403


PROXY_1 = b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 8080\r\n"
PROXY_2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\7\x7f\0\0\1\x12\x67\x1f\x90"


@pytest.mark.parametrize("header", [PROXY_1, PROXY_2], ids=["1", "2"])
def test_proxy_headers(serve_with: Callable[[str], Receiver], header: bytes) -> None:
    receiver = serve_with(
        '[server]\nallow = ["192.0.2.7"]\ntrusted_proxies = ["127.0.0.9"]\nproxy_protocol = true\n'
    )
    with connect(receiver, "127.0.0.9") as proxy:
        assert ask(proxy, header + GOOD) == 200
        assert ask(proxy) == 200
    with connect(receiver, "127.0.0.9") as proxy:
        for byte in header:
            proxy.sendall(bytes([byte]))
        assert ask(proxy) == 200
    with connect(receiver, "127.0.0.9") as proxy:
        assert ask(proxy) == 400  # every connection of a proxy has the header
    with connect(receiver, "127.0.0.1") as client:
        assert ask(client, header + GOOD) == 403  # and no other peer's header counts


def test_an_endpoint_has_a_rate(serve_with: Callable[[str], Receiver]) -> None:
    receiver = serve_with('[[endpoint]]\npath = "/webhook"\nrate = "3/h"\n')
    with connect(receiver) as client:
        assert ask(client, GOOD.replace(BODY, BODY.replace(b"1", b"2"))) == 401
        assert [ask(client) for _ in range(4)] == [200, 200, 200, 429]
