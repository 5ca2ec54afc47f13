"""Keeps the connections that a plugin opens by itself away from the networks of `[egress] deny`."""

import logging
import socket
import sys
import threading

from incm_webhook.http.egress import EgressError, address_of, current

_EVENTS = {"socket.connect", "socket.sendto", "socket.sendmsg"}
_MOST_SAID = 100  # refusals that are logged; the same one is logged once

_log = logging.getLogger("incm_webhook.egress")


def deny_own_connections(plugin: str) -> None:
    """Make the denied networks hold for every socket of this process that Python opens.

    A connection to one, and a datagram, fail with EgressError in the code that opens them, and the
    first of each kind is logged, because libraries often hide the reason. Sockets of C libraries,
    such as libpq's, and of other programs do not meet the rule. It does nothing when no network is
    denied; it cannot be undone, so it is for a process that ends with its plugin.

    Args:
        plugin: the name of the plugin, for the log.
    """
    if current().deny:
        sys.addaudithook(_Rule(plugin))


class _Rule:
    """The audit hook. Threads: any."""

    def __init__(self, plugin: str) -> None:
        self._plugin = plugin
        self._lock = threading.Lock()
        self._said: set[str] = set()

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        """Look at an event of the interpreter; EgressError refuses it."""
        if event not in _EVENTS:
            return
        place = arguments[1]
        if not isinstance(place, tuple) or not place or not isinstance(place[0], str):
            return  # a socket of a file, or a datagram on a connection
        denial = _denial(place[0])
        if denial:
            self._say(denial)
            raise EgressError(denial)

    def _say(self, denial: str) -> None:
        with self._lock:
            if denial in self._said or len(self._said) >= _MOST_SAID:
                return
            self._said.add(denial)
        _log.warning("plugin %s: no connection: %s", self._plugin, denial)


def _denial(host: str) -> str:
    """Describe why a host, or an address that it is resolved to, is denied; "" when it is not."""
    rules = current()
    address = address_of(host)
    if address is not None:
        return rules.denial(address)
    try:
        found = {str(one[4][0]) for one in socket.getaddrinfo(host or "0.0.0.0", None)}  # noqa: S104
    except (OSError, UnicodeError):
        return ""  # then the connection fails by itself
    addresses = [one for one in map(address_of, found) if one is not None]
    return next(filter(None, map(rules.denial, addresses)), "")
