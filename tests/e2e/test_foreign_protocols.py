"""A protocol or coding that is not accepted is named, for the operator and for the client."""

import gzip
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from conformance.corpus import BODY, GOOD, HOST, LINE, SECRET, SIGNED
from e2e.conftest import DEADLINE_S, Command, admin
from incm_webhook import sign
from incm_webhook.testing import Receiver

from .test_quarantine import kept

Serve = Callable[..., Receiver]
CODED = b"Content-Encoding: gzip\r\n"


@pytest.fixture
def serve_with(serve: Serve, tmp_path: Path) -> Callable[[str], Receiver]:
    """Serve the corpus's endpoint with settings of the test's own."""

    def start(settings: str = "") -> Receiver:
        (tmp_path / "known").write_text(SECRET)
        (tmp_path / "words.toml").write_text(f"[server]\n{settings}")
        return serve("log", arguments=("--secret-file", "./known", "--config", "words.toml"))

    return start


def exchange(receiver: Receiver, words: bytes) -> bytes:
    """Send, and read until the connection ends."""
    place = urlsplit(receiver.url)
    address = (place.hostname, place.port)
    with socket.create_connection(address, timeout=DEADLINE_S) as client:
        client.sendall(words)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


def coded(body: bytes, signature: str) -> bytes:
    head = LINE + HOST + CODED + b"X-Signature: " + signature.encode() + b"\r\n"
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def test_a_compressed_body_is_refused_with_what_is_taken_and_kept(
    serve_with: Callable[[str], Receiver], command: Command
) -> None:
    receiver = serve_with("")
    packed = gzip.compress(BODY)
    for signature in (sign(BODY, SECRET), sign(packed, SECRET)):
        answer = exchange(receiver, coded(packed, signature))
        assert answer.startswith(b"HTTP/1.1 415 ")
        assert b"\r\nAccept-Encoding: identity\r\n" in answer
        assert b"the body is compressed (Content-Encoding): send it uncompressed" in answer
    found = kept(command, 2, *admin(receiver))
    assert {one["kind"] for one in found} == {"wrong-signature", "not-json"}
    for one in found:
        _, out, _ = command(
            "quarantine", "show", str(one["id"]), "--secret-file", "known", *admin(receiver)
        )
        assert "compressed (gzip)" in out
    assert "with 415: the body is compressed (Content-Encoding)" in receiver.output()


def test_an_alert_that_only_says_that_it_is_compressed_is_taken(
    serve_with: Callable[[str], Receiver],
) -> None:
    receiver = serve_with("")
    assert exchange(receiver, coded(BODY, sign(BODY, SECRET))).startswith(b"HTTP/1.1 200 ")
    identity = LINE + HOST + SIGNED + b"Content-Encoding: Identity\r\nContent-Length: 12\r\n\r\n"
    assert exchange(receiver, identity + BODY).startswith(b"HTTP/1.1 200 ")


def test_tls_spoken_to_a_plain_port_is_named(serve_with: Callable[[str], Receiver]) -> None:
    receiver = serve_with("")
    place = urlsplit(receiver.url)
    context = ssl._create_unverified_context()
    address = (place.hostname, place.port)
    with (
        socket.create_connection(address, timeout=DEADLINE_S) as client,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        context.wrap_socket(client)
    assert (
        "the client speaks TLS, but this port does not: use http:// instead of" in receiver.output()
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + GOOD,
            "the connection begins with a PROXY header: set proxy_protocol",
        ),
        (
            b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + b"\x01" * 12,
            "the connection begins with a PROXY header: set proxy_protocol",
        ),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "the client speaks HTTP/2: let the proxy speak"),
    ],
)
def test_other_protocols_are_named(
    serve_with: Callable[[str], Receiver], words: bytes, message: str
) -> None:
    receiver = serve_with("")
    exchange(receiver, words)
    assert message in receiver.output()


def test_an_unknown_version_is_a_strangers_fault(serve_with: Callable[[str], Receiver]) -> None:
    receiver = serve_with("")
    assert exchange(receiver, b"GET / HTTP/9.9\r\n\r\n").startswith(b"HTTP/1.1 505 ")
    (line,) = [line for line in receiver.output().splitlines() if " with 505" in line]
    assert " WARN " in line


@pytest.fixture
def encrypted(serve_with: Callable[[str], Receiver], tmp_path: Path) -> Receiver:
    """A receiver that speaks TLS."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", "k.pem", "-out", "c.pem", "-days", "2", "-subj", "/CN=localhost"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    return serve_with('tls = { certificate_file = "c.pem", private_key_file = "k.pem" }\n')


def test_plain_http_spoken_to_a_tls_port_is_named(encrypted: Receiver) -> None:
    assert b"use https:// instead of http" in exchange(encrypted, GOOD)
    assert "TLS: the client speaks plain HTTP to this port: use https://" in encrypted.output()


def test_without_a_common_protocol_the_handshake_ends_with_its_alert(encrypted: Receiver) -> None:
    place = urlsplit(encrypted.url)
    for offered in (["h2"], ["http/1.0", "h2"], ["acme-tls/1"]):
        context = ssl._create_unverified_context()
        context.set_alpn_protocols(offered)
        with (
            socket.create_connection((place.hostname, place.port), timeout=DEADLINE_S) as client,
            pytest.raises(ssl.SSLError, match="no application protocol"),
        ):
            context.wrap_socket(client)
    assert "TLS: no application protocol" in encrypted.output()
