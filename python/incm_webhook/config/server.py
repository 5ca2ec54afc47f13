"""The model of `[server]`: the addresses of the server, and the limits for its clients."""

import ipaddress
import itertools
import re
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, model_validator

from incm_webhook.config.types import Duration, PositiveDuration, Size, Table, as_list, url_path
from incm_webhook.config.written import Written, key, one_or_list

_EVERYBODY = ipaddress.IPv4Address("255.255.255.255")


def split_address(text: str) -> tuple[str, int]:
    """Split HOST:PORT.

    Args:
        text: "127.0.0.1:8080", "localhost:0" or "[::1]:8080".

    Returns:
        The host without brackets, and the port, 0 to 65535 (0: any free one).

    Raises:
        ValueError: the text is anything else; the message describes a valid one.
    """
    if "://" in text:
        raise ValueError(f'wants HOST:PORT alone, such as "127.0.0.1:8080", not {text!r}')
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(
            f'wants HOST:PORT, an IPv6 address in brackets: "[::1]:8080", not {text!r}'
        )
    whole = colon and re.fullmatch(r"[0-9]{1,5}", port, re.ASCII)
    if not whole or int(port) > 65535 or not is_host(host):
        raise ValueError(f'wants HOST:PORT such as "127.0.0.1:8080", not {text!r}')
    return host, int(port)


def is_host(text: str) -> bool:
    """Return whether a text can be the name or address of a host (IPv6 without brackets).

    The resolver would refuse any other text with an unclear error, or cut it off at a zero byte.
    """
    if not text or not text.isprintable() or re.search(r"[\s/\[\]]", text):
        return False
    try:
        if ":" in text:
            ipaddress.IPv6Address(text)
        text.encode("idna")
    except ValueError:
        return False
    return True


def is_loopback(address: str) -> bool:
    """Return whether only this machine can reach HOST:PORT; the only such name is localhost."""
    host, _ = split_address(address)
    one = _ip(host)
    return host.lower() == "localhost" if one is None else one.is_loopback


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Parse an IP address; an IPv4-mapped IPv6 address becomes IPv4. None for a host name."""
    try:
        one = ipaddress.ip_address(host)
    except ValueError:
        return None
    return (one.ipv4_mapped or one) if isinstance(one, ipaddress.IPv6Address) else one


def share_a_port(first: str, second: str) -> bool:
    """Return whether only one of two listeners can be opened.

    Args:
        first: HOST:PORT. Names are compared as texts. 0.0.0.0 and [::] include every address, and
            port 0 never equals another port.
        second: HOST:PORT of the other listener.
    """
    (host, port), (other, other_port) = split_address(first), split_address(second)
    if port != other_port or port == 0:
        return False
    one, two = _ip(host) or host.lower(), _ip(other) or other.lower()
    return one == two or _holds_all(one, two) or _holds_all(two, one)


def _holds_all(wildcard: object, place: object) -> bool:
    if isinstance(wildcard, ipaddress.IPv6Address):  # its socket accepts IPv4 as well
        return wildcard.is_unspecified
    return (
        isinstance(wildcard, ipaddress.IPv4Address)
        and wildcard.is_unspecified
        and not isinstance(place, ipaddress.IPv6Address)
    )


def _address(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError('wants a text such as "127.0.0.1:8080"')  # noqa: TRY004 - pydantic's way
    one = _ip(split_address(value)[0])
    if one is not None and (one.is_multicast or one == _EVERYBODY):
        raise ValueError(
            f"{one} is a multicast or broadcast address, to which no client can connect: write an "
            "address of this machine, or 0.0.0.0 for all of them"
        )
    return value


def _optional_address(value: object) -> str | None:
    return None if value is None or value in ("", "off") else _address(value)


def _host(value: object) -> str:
    if not isinstance(value, str) or not is_host(value) or ":" in value:
        raise ValueError(
            f'wants names of hosts, without a port, such as "metrics.example.com", not {value!r}'
        )
    return value


def _optional_path(value: object) -> str | None:
    return None if value is None or value in ("", "off") else url_path(value)


def _network(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError('wants texts such as "192.0.2.0/24"')  # noqa: TRY004 - pydantic's way
    wrong = ValueError(
        f'wants addresses and networks such as "192.0.2.7" or "2001:db8::/32", not {value!r}'
    )
    if "%" in value:  # a zone is valid on one machine only
        raise wrong
    try:
        return str(ipaddress.ip_network(value))  # a netmask becomes the prefix's length
    except ValueError:
        raise wrong from None


Networks = Annotated[
    tuple[Annotated[str, BeforeValidator(_network)], ...],
    BeforeValidator(as_list),
    Written("network or list of them", one_or_list({"type": "string"}), list),
]
_ADDRESS = {"type": "string", "pattern": "^.+:[0-9]{1,5}$"}
_OPTIONAL_ADDRESS = {"anyOf": [_ADDRESS, {"enum": ["off", ""]}]}
OptionalAddress = Annotated[
    str | None,
    BeforeValidator(_optional_address),
    Written('HOST:PORT or "off"', _OPTIONAL_ADDRESS, lambda value: value or "off"),
]


class TlsSettings(Table):
    """`tls`: PEM files. After `load_settings` the paths are absolute."""

    certificate_file: Path = key(..., "The certificate, with its chain", example="certificate.pem")
    private_key_file: Path = key(..., "Its private key, without a password", example="key.pem")
    client_ca_file: Path | None = key(
        None,
        "Clients must show a certificate that one of these authorities has signed",
        example="clients.pem",
        without="no certificate of clients",
    )


class ServerSettings(Table):
    """`[server]`: addresses and limits. Units: bytes, connections, seconds."""

    listen: Annotated[str, BeforeValidator(_address), Written("HOST:PORT", _ADDRESS)] = key(
        "127.0.0.1:8080", "Where alerts come in; port 0 takes a free one"
    )
    health: Annotated[
        str | None,
        BeforeValidator(_optional_path),
        Written('path or "off"', {"type": "string"}, lambda value: value or "off"),
    ] = key(
        "/healthz",
        "Path of the health check for a load balancer, where alerts come in: 200 while they can be "
        "stored, else 503",
    )
    admin: OptionalAddress = key(
        "127.0.0.1:9464",
        "Where health, metrics and the API of the commands are; see `[[admin_token]]`",
    )
    metrics: OptionalAddress = key(
        None,
        "One more address for health and metrics, without the API",
        example="0.0.0.0:9465",
        without="none",
    )
    admin_hosts: Annotated[
        tuple[Annotated[str, BeforeValidator(_host)], ...],
        BeforeValidator(as_list),
        Written("host name or list of them", one_or_list({"type": "string"}), list),
    ] = key(
        (),
        "Names in the field Host that both accept, besides IP addresses, localhost and their own",
        example=["incm-webhook"],
        without="none",
    )
    ready_file: Path | None = key(
        None,
        "File that is written when it serves: its addresses, and the process to signal",
        example="ready.json",
        without="none",
    )
    tls: TlsSettings | None = key(
        None,
        "Serve HTTPS with this certificate",
        example={"certificate_file": "c.pem", "private_key_file": "k.pem"},
        without="HTTP",
    )
    allow: Networks = key((), "Who may send", example=["192.0.2.0/24"], without="everybody")
    trusted_proxies: Networks = key(
        (), "Peers whose X-Forwarded-For is used", example=["10.0.0.0/8"], without="none"
    )
    proxy_protocol: StrictBool = key(
        default=False,
        meaning="Connections of trusted_proxies begin with a PROXY header, version 1 or 2",
    )
    workers: Annotated[StrictInt, Field(ge=1, le=4096)] = key(
        256, "Most threads at once; only answers that wait for plugins need many", unit="threads"
    )
    max_connections: Annotated[StrictInt, Field(ge=1, le=1_000_000)] = key(
        16384,
        "Most open connections in total, and always below the descriptor limit",
        unit="connections",
    )
    max_connections_per_address: Annotated[StrictInt, Field(ge=0, le=1_000_000)] = key(
        1000,
        "Most open connections of one address, except for loopback and trusted proxies; 0: any "
        "number",
        unit="connections",
    )
    max_body: Annotated[Size, Field(ge=1024, le=64 * 1024**2)] = key(
        1024**2, 'Larger bodies are refused; "1KiB" to "64MiB"'
    )
    header_timeout: Annotated[PositiveDuration, Field(le=300)] = key(
        10.0, "For a TLS handshake, and for a whole head from its first byte; at most 5 min"
    )
    body_timeout: Annotated[PositiveDuration, Field(le=3600)] = key(
        30.0, "For a whole body, which must also bring 1 KiB/s after 10 s; at most 1 h"
    )
    send_timeout: Annotated[PositiveDuration, Field(le=3600)] = key(
        10.0, "For a client that does not read its answer; at most 1 h"
    )
    keep_alive: Annotated[PositiveDuration, Field(le=3600)] = key(
        620.0,
        "Longest silence between two alerts on one connection: longer than your proxy keeps it; at "
        "most 1 h",
    )
    grace: Annotated[Duration, Field(le=3600)] = key(
        10.0, "How long a stop waits for handlers that run; at most 1 h"
    )

    @model_validator(mode="after")
    def _listeners_are_apart(self) -> "ServerSettings":
        named = [("listen", self.listen), ("admin", self.admin), ("metrics", self.metrics)]
        for (one, first), (other, second) in itertools.combinations(named, 2):
            if first is not None and second is not None and share_a_port(first, second):
                raise ValueError(
                    f"{one} ({first}) and {other} ({second}) want the same port: give each its own"
                )
        return self

    @model_validator(mode="after")
    def _proxy_protocol_names_proxies(self) -> "ServerSettings":
        if self.proxy_protocol and not self.trusted_proxies:
            raise ValueError(
                "sets proxy_protocol without trusted_proxies: list the proxies whose PROXY headers "
                'are trusted, such as trusted_proxies = ["10.0.0.0/8"]'
            )
        return self
