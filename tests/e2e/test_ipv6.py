"""Clients over IPv6: which address counts as the client's, and that it is the one that is shown."""

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from conformance.corpus import BODY, GOOD, SECRET
from incm_webhook.testing import Receiver

from .conftest import Command, admin
from .test_clients import ask, connect, with_fields
from .test_quarantine import kept

Serve = Callable[..., Receiver]
Serve6 = Callable[..., Receiver]
PEER = "::1"  # the only loopback address that IPv6 has
PROXIES = 'trusted_proxies = ["::1", "fd00::/8"]\n'
ALLOW = 'allow = ["2001:db8:7::/48", "192.0.2.7"]\n'
FRIEND = "2001:db8:7:ffff::1"
STRANGER = "2001:db8:8::1"
SERVERS = {4: "192.0.2.1", 6: "2001:db8::1"}  # to which the proxy's clients connected
WRONGLY_SIGNED = GOOD.replace(BODY, BODY.replace(b"1", b"2"))


@pytest.fixture
def serve6(serve: Serve, tmp_path: Path) -> Serve6:
    """Serve the corpus's endpoint with settings of the test's own, by default on ::1 alone."""

    def start(settings: str, listen: str = f"[{PEER}]:0") -> Receiver:
        (tmp_path / "known").write_text(SECRET)
        (tmp_path / "six.toml").write_text(f"[server]\n{settings}")
        arguments = ("--secret-file", "./known", "--config", "six.toml", "--listen", listen)
        return serve("log", arguments=arguments)

    return start


def proxy_1(client: str) -> bytes:
    """The PROXY header, version 1, of a client that connected to an address of its own family."""
    version = ip_address(client).version
    return f"PROXY TCP{version} {client} {SERVERS[version]} 4711 8080\r\n".encode()


def proxy_2(client: str) -> bytes:
    """The same in version 2."""
    address = ip_address(client)
    kind = b"\x11" if address.version == 4 else b"\x21"
    server = ip_address(SERVERS[address.version])
    rest = address.packed + server.packed + b"\x12\x67\x1f\x90"
    return b"\r\n\r\n\0\r\nQUIT\n\x21" + kind + len(rest).to_bytes(2, "big") + rest


def peers(command: Command, receiver: Receiver, count: int) -> set[str]:
    """Return the addresses of the requests in the quarantine, from the list and one by one."""
    entries: list[dict[str, Any]] = kept(command, count, *admin(receiver))
    assert len(entries) == count
    for entry in entries:
        _, shown, _ = command("quarantine", "show", str(entry["id"]), *admin(receiver))
        assert f" from {entry['peer']}\n" in shown
    return {entry["peer"] for entry in entries}


HEADERS = pytest.mark.parametrize("header", [proxy_1, proxy_2], ids=["1", "2"])


@HEADERS
@pytest.mark.parametrize("client", [FRIEND, "192.0.2.7"])
def test_a_proxy_header_names_the_client(
    serve6: Serve6, command: Command, header: Callable[[str], bytes], client: str
) -> None:
    receiver = serve6(ALLOW + PROXIES + "proxy_protocol = true\n")
    assert receiver.url.startswith("http://[::1]:")
    with connect(receiver, PEER) as proxy:
        assert ask(proxy, header(client) + GOOD) == 200
        assert ask(proxy) == 200
    with connect(receiver, PEER) as proxy:
        for byte in header(client):
            proxy.sendall(bytes([byte]))
        assert ask(proxy) == 200
        assert ask(proxy, WRONGLY_SIGNED) == 401
    assert f"refused a request from {client} with 401" in receiver.output()
    assert peers(command, receiver, 1) == {client}
    with connect(receiver, PEER) as proxy:
        assert ask(proxy) == 400  # every connection of a proxy has the header


@HEADERS
@pytest.mark.parametrize("client", [STRANGER, PEER, "192.0.2.8"])
def test_a_proxy_header_of_others_is_refused(
    serve6: Serve6, header: Callable[[str], bytes], client: str
) -> None:
    receiver = serve6(ALLOW + PROXIES + "proxy_protocol = true\n")
    with connect(receiver, PEER) as proxy:
        assert ask(proxy, header(client) + GOOD) == 403
    assert f"refused a request from {client} with 403" in receiver.output()


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (FRIEND, FRIEND),
        (f"[{FRIEND}]", FRIEND),
        (f"[{FRIEND}]:4711", FRIEND),
        ("2001:DB8:7:ffff:0:0:0:1", FRIEND),
        (f"{STRANGER}, {FRIEND}", FRIEND),
        (f"{FRIEND}, fd00::3,[fd00::4]:4711", FRIEND),
        ("192.0.2.7:4711, fd00::3", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
    ],
)
def test_forwarded_for_counts_from_a_trusted_proxy(
    serve6: Serve6, command: Command, forwarded: str, client: str
) -> None:
    receiver = serve6(ALLOW + PROXIES)
    fields = f"X-Forwarded-For: {forwarded}\r\n"
    with connect(receiver, PEER) as proxy:
        assert ask(proxy, with_fields(fields)) == 200
        assert ask(proxy, with_fields(fields).replace(BODY, BODY.replace(b"1", b"2"))) == 401
    assert f"refused a request from {client} with 401" in receiver.output()
    assert peers(command, receiver, 1) == {client}


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (STRANGER, STRANGER),
        (f"[{STRANGER}]:4711", STRANGER),
        (f"{FRIEND}, {STRANGER}", STRANGER),
        (f"{FRIEND}, [{STRANGER}]:4711, fd00::3", STRANGER),
        (f"{FRIEND}, [{FRIEND}", PEER),  # what is no address ends the list
        ("fd00::3", "fd00::3"),
        ("", PEER),
    ],
)
def test_forwarded_for_of_others_is_refused(serve6: Serve6, forwarded: str, client: str) -> None:
    receiver = serve6(ALLOW + PROXIES)
    with connect(receiver, PEER) as proxy:
        assert ask(proxy, with_fields(f"X-Forwarded-For: {forwarded}\r\n")) == 403
    assert f"refused a request from {client} with 403" in receiver.output()


@pytest.mark.parametrize(
    ("allow", "status"),
    [("::/0", 200), ("::1", 200), ("::/127", 200), ("::2/127", 403), ("0.0.0.0/0", 403)],
)
def test_forwarded_for_from_other_peers_is_ignored(serve6: Serve6, allow: str, status: int) -> None:
    """A direct peer is allowed or not by its own address, whatever its header claims."""
    receiver = serve6(f'allow = ["{allow}"]\ntrusted_proxies = ["fd00::/8"]\n')
    with connect(receiver, PEER) as client:
        assert ask(client, with_fields("X-Forwarded-For: ::2\r\n")) == status
    assert (f"from {PEER} with 403" in receiver.output()) == (status == 403)


def test_an_ipv4_client_of_both_families_listener(serve6: Serve6, command: Command) -> None:
    """The kernel shows it as ::ffff:127.0.0.1; it is the IPv4 address all the same."""
    receiver = serve6('allow = ["127.0.0.0/8"]\n', listen="[::]:0")
    receiver.url = receiver.url.replace("[::]", "127.0.0.1")
    with connect(receiver) as client:
        assert ask(client) == 200
        assert ask(client, WRONGLY_SIGNED) == 401
    receiver.url = receiver.url.replace("127.0.0.1", f"[{PEER}]")
    with connect(receiver, PEER) as client:
        assert ask(client) == 403
    assert peers(command, receiver, 1) == {"127.0.0.1"}
