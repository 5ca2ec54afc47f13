"""The addresses to which requests of plugins may go."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LOOPBACK = ("127.0.0.0/8", "::1/128")
_REFUSED = {
    "a loopback": LOOPBACK,
    "a link-local": ("169.254.0.0/16", "fe80::/10"),
    "an unspecified": ("0.0.0.0/8", "::/128"),
    "a multicast": ("224.0.0.0/4", "ff00::/8"),
    "the broadcast": ("255.255.255.255/32",),
}
_KINDS = [
    (kind, ip_network(text), text) for kind, networks in _REFUSED.items() for text in networks
]
_NAT64 = ip_network("64:ff9b::/96")
# Hosts that the resolver reads as an IPv4 address, in one to four decimal, octal or hexadecimal
# parts: 2130706433, 0177.0.0.1, 0x7f.1, and also 127.0.0.1 itself.
_PART = r"(?:0x[0-9a-f]*|[0-9]+)"
_NUMERIC = re.compile(rf"{_PART}(?:\.{_PART})*\.?", re.IGNORECASE | re.ASCII)


class EgressError(OSError):
    """A connection that the egress rules refuse; the text says which rule, and how to change it."""


@dataclass(frozen=True, slots=True)
class Egress:
    """The rules: which addresses requests may go to.

    Shape: `deny` refuses first. `allow` permits loopback, link-local, unspecified, multicast and
    broadcast addresses, which are refused otherwise. Every other address is permitted.
    Threads: immutable.
    Source: docs/configuration.md, Egress.

    Attributes:
        allow: networks.
        deny: networks.
    """

    allow: tuple[Network, ...] = ()
    deny: tuple[Network, ...] = ()

    @classmethod
    def of(cls, allow: Sequence[str] = (), deny: Sequence[str] = ()) -> "Egress":
        """Make the rules of networks such as "192.0.2.0/24"; ValueError when one is no network."""
        return cls(tuple(map(ip_network, allow)), tuple(map(ip_network, deny)))

    @property
    def texts(self) -> tuple[list[str], list[str]]:
        """The networks of allow and of deny, as `of` reads them."""
        return [str(one) for one in self.allow], [str(one) for one in self.deny]

    def refusal(self, address: Address) -> str:
        """Describe why no connection may go to an address; "" when one may.

        An IPv4 address within an IPv6 address (mapped, or behind NAT64) must be permitted as well.
        """
        return next(filter(None, map(self._refusal, _meant_by(address))), "")

    def denial(self, address: Address) -> str:
        """Describe which network of `deny` has an address; "" when none has."""
        return next(filter(None, map(self._denial, _meant_by(address))), "")

    def _denial(self, address: Address) -> str:
        for network in self.deny:
            if address in network:
                return f'{address} is denied by [egress] deny = ["{network}"]'
        return ""

    def _refusal(self, address: Address) -> str:
        if denial := self._denial(address):
            return denial
        if any(address in network for network in self.allow):
            return ""
        for kind, network, text in _KINDS:
            if address in network:
                return (
                    f"{address} is {kind} address, which is refused unless the configuration has "
                    f'[egress] allow = ["{text}"]'
                )
        return ""


@lru_cache
def spelling_fault(host: str) -> str:
    """Describe why a host is an address in a spelling that programs read differently; else "".

    Addresses in the usual spelling, and names, are checked when a connection is made.
    """
    if not _NUMERIC.fullmatch(host) or address_of(host) is not None:
        return ""
    return (
        f"{host} is no usual spelling of an address: write four decimal numbers, such as 192.0.2.7"
    )


def address_of(host: str) -> Address | None:
    """Parse an IP address, also with an IPv6 zone; None for anything else."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _meant_by(address: Address) -> list[Address]:
    """List the addresses that a packet to this address may reach."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in _NAT64:
        return [address, IPv4Address(int(address) & 0xFFFFFFFF)]
    return [address]


class _Current:
    """The rules of this process. Threads: any; assigning a name is one step."""

    def __init__(self) -> None:
        self.rules = Egress()


_current = _Current()


def current() -> Egress:
    """Return the rules of this process, which apply to every new connection."""
    return _current.rules


def apply(rules: Egress) -> None:
    """Set the rules of this process."""
    _current.rules = rules


@contextmanager
def applied(rules: Egress) -> Iterator[None]:
    """Set the rules of this process for the time of a `with` statement."""
    earlier = current()
    apply(rules)
    try:
        yield
    finally:
        apply(earlier)
