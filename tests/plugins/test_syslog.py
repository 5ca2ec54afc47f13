import contextlib
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from incm_webhook import Alert, Unavailable
from incm_webhook.errors import PluginError
from incm_webhook.testing import make_alert, run_plugin
from plugins.hostile import HOSTILE
from plugins.targets.rsyslog import Rsyslog

PAIR = (
    make_alert("disconnected", serial_number="EF1", entityName="pump-7"),
    make_alert("connected", serial_number="EF1", entityName="pump-7"),
)


def send(port: int, *alerts: Alert, **config: Any) -> list[Any]:
    config = {"host": "127.0.0.1", "port": port, "hostname": "noc1", **config}
    return run_plugin("syslog", *alerts, config=config)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


class Certificate:
    """A certificate for 127.0.0.1 with its key, and its authority, as files."""

    def __init__(self, folder: Path, authority: trustme.CA) -> None:
        issued = authority.issue_cert("127.0.0.1")
        self.file = folder / "certificate.pem"
        self.file.write_bytes(issued.private_key_and_cert_chain_pem.bytes())
        self.authority = folder / "authority.pem"
        self.authority.write_bytes(authority.cert_pem.bytes())


@pytest.fixture
def certificate(tmp_path: Path, authority: trustme.CA) -> Certificate:
    return Certificate(tmp_path, authority)


def test_rsyslog_reads_what_was_sent_over_tcp(tmp_path: Path) -> None:
    with Rsyslog(tmp_path / "rsyslog") as server:
        assert send(server.port, *PAIR) == ["delivered"] * 2
        down, up = server.stop()
    assert down["pri"] == str(16 * 8 + 2)
    assert up["pri"] == str(16 * 8 + 5)
    assert (down["host"], down["app"]) == ("noc1", "incm-webhook")
    assert (down["msgid"], up["msgid"]) == ("disconnected", "connected")
    assert down["msg"].startswith("Disconnect from Platform: pump-7 (EF1)")
    assert 'serial="EF1"' in down["sd"]
    assert 'deliveryKey="test-1"' in down["sd"]
    assert 'clears="true"' not in down["sd"]
    assert 'clears="true"' in up["sd"]
    assert down["time"] == f"{PAIR[0].timestamp:%Y-%m-%dT%H:%M:%S}.000Z"


def test_rsyslog_reads_what_was_sent_over_tls(tmp_path: Path, certificate: Certificate) -> None:
    authority = str(certificate.authority)
    with Rsyslog(tmp_path / "rsyslog", certificate.file, authority) as server:
        assert send(server.port, *PAIR, transport="tls", ca_file=authority) == ["delivered"] * 2
        assert [one["msgid"] for one in server.stop()] == ["disconnected", "connected"]


def test_a_certificate_that_is_not_trusted_makes_the_target_unavailable(
    tmp_path: Path, certificate: Certificate
) -> None:
    with Rsyslog(tmp_path / "rsyslog", certificate.file, str(certificate.authority)) as server:
        outcomes = send(server.port, *PAIR, transport="tls")
    assert [type(one) for one in outcomes] == [Unavailable] * 2
    assert "certificate of 127.0.0.1 is not valid" in str(outcomes[0])


def test_a_batch_goes_on_after_a_restart_of_the_server(tmp_path: Path) -> None:
    with Rsyslog(tmp_path / "rsyslog") as server:
        send(server.port, PAIR[0])
        server.stop()
        (refused,) = send(server.port, PAIR[1])
        assert isinstance(refused, ConnectionRefusedError)
    with Rsyslog(tmp_path / "rsyslog") as server:
        assert send(server.port, PAIR[1]) == ["delivered"]
        assert [one["msgid"] for one in server.stop()] == ["disconnected", "connected"]


@contextlib.contextmanager
def listener(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server on loopback that handles one connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    serve(connection)

        thread = threading.Thread(target=run)
        thread.start()
        yield server.getsockname()[1]
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)  # ends an accept() that still waits
        thread.join()


def test_an_address_that_does_not_answer_leaves_time_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def take(connection: socket.socket) -> None:
        while connection.recv(4096):
            pass

    with contextlib.ExitStack() as opened:
        full = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):  # nobody accepts them, and the kernel answers no further one
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        answers = opened.enter_context(listener(take))
        kind = (socket.AF_INET, socket.SOCK_STREAM, 0, "")
        places = [(*kind, full.getsockname()), (*kind, ("127.0.0.1", answers))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: places)
        assert send(1, PAIR[0], host="logs", time_limit="4s") == ["delivered"]


def reset(connection: socket.socket) -> None:
    """Close with a reset, as a server that is killed with unread bytes does."""
    connection.recv(10)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_a_server_that_breaks_off_gets_the_batch_again() -> None:
    with listener(reset) as port:
        outcomes = send(port, *PAIR)
    assert [isinstance(one, OSError) for one in outcomes] == [True] * 2


def test_a_server_that_never_closes_gets_the_batch_again() -> None:
    done = threading.Event()
    with listener(lambda _: (done.wait(), None)[1]) as port:
        outcomes = send(port, *PAIR, time_limit="300ms")
        done.set()
    assert [isinstance(one, TimeoutError) for one in outcomes] == [True] * 2


def drip_after_end(server: ssl.SSLSocket, stopping: threading.Event) -> None:
    """Read to the client's end of TLS, and then send a record of 16 KiB byte by byte."""
    while server.recv(65536):
        pass
    with socket.socket(fileno=server.detach()) as below:
        below.sendall(b"\x17\x03\x03\x40\x00")
        while not stopping.wait(0.01):
            below.sendall(b"x")


def late_at_each_step(server: ssl.SSLSocket, stopping: threading.Event) -> None:
    """Take two thirds of the limit after the handshake, which took as long."""
    while server.recv(65536):
        pass
    stopping.wait(_STEP_S)
    server.unwrap()


_LIMIT_S = 0.6
_STEP_S = 0.4  # each step is within the limit, and two of them are not


@pytest.mark.parametrize(("before", "then"), [(0.0, drip_after_end), (_STEP_S, late_at_each_step)])
def test_the_limit_is_one_of_the_whole_batch_over_tls(
    certificate: Certificate,
    before: float,
    then: Callable[[ssl.SSLSocket, threading.Event], None],
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.file)
    stopping = threading.Event()

    def serve(connection: socket.socket) -> None:
        stopping.wait(before)
        with context.wrap_socket(connection, server_side=True) as server:
            then(server, stopping)

    with listener(serve) as port:
        outcomes = send(
            port, *PAIR, transport="tls", ca_file=str(certificate.authority), time_limit=_LIMIT_S
        )
        stopping.set()
    assert [type(one) for one in outcomes] == [TimeoutError] * 2


def test_a_server_that_speaks_no_tls_gets_the_batch_again() -> None:
    def rubbish(connection: socket.socket) -> None:
        connection.recv(10)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with listener(rubbish) as port:
        outcomes = send(port, *PAIR, transport="tls")
    assert [isinstance(one, (ssl.SSLError, ConnectionError)) for one in outcomes] == [True] * 2


def received(*alerts: Alert, **config: Any) -> list[bytes]:
    """Send over UDP; return the datagrams."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        port = server.getsockname()[1]
        assert send(port, *alerts, transport="udp", **config) == ["delivered"] * len(alerts)
        return [server.recv(65536) for _ in alerts]


def test_a_datagram_is_one_message_without_a_length() -> None:
    (got,) = received(PAIR[0])
    assert got.startswith(b"<130>1 ")
    assert b" noc1 incm-webhook - disconnected [incm@32473 type=" in got


def test_a_long_text_is_cut_and_the_structured_data_is_kept() -> None:
    (got,) = received(make_alert(content="ä" * 900, title="t", serial_number="EF1"))
    assert len(got) <= 2048
    (got,) = received(make_alert(entityName="ü" * 5000, content="ä" * 900))
    assert len(got) <= 2048
    assert b'deliveryKey="test-1"] ' in got
    got.decode()


@pytest.mark.parametrize(("name", "body"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_a_hostile_alert_is_one_message(name: str, body: bytes) -> None:
    (got,) = received(Alert.from_json(body))
    text = got.decode()
    assert len(got) <= 2048
    assert text.replace("\u200d", "").isprintable()  # the joiner of an emoji
    head, values, _ = re.split(r" \[incm@32473 (.*?)(?<!\\)\] ", text, maxsplit=1)
    assert re.fullmatch(r"<\d+>1 \S+ noc1 incm-webhook - \S{1,32}", head)
    assert re.fullmatch(r'(\w+="(?:[^"\\\]]|\\["\\\]])*"(?: |$))+', values)


def test_facility_enterprise_and_names_can_be_chosen() -> None:
    names = {"facility": "daemon", "enterprise": 12345, "app_name": "alerts"}
    (got,) = received(make_alert("reboot"), **names)
    assert got.startswith(b"<28>1 ")
    assert b" noc1 alerts - reboot [incm@12345 " in got


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"transport": "http"}, "transport"),
        ({"facility": "local9"}, "facility"),
        ({"port": 0}, "port"),
        ({"hostname": "two words"}, "hostname"),
        ({"largest": "100B"}, "largest"),
        ({"hots": "x"}, "hots"),
    ],
)
def test_a_wrong_configuration_is_described(config: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PluginError, match=sentence):
        run_plugin("syslog", make_alert(), config={"host": "127.0.0.1", **config})


def test_a_missing_certificate_is_named() -> None:
    with pytest.raises(PluginError, match="No such file"):
        send(1, make_alert(), transport="tls", ca_file="/nowhere/ca.pem")
