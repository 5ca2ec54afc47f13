"""The listening sockets: handed over by a service manager, kept by one, or bound here."""

import errno
import os
import socket
import time
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from incm_webhook.config.server import ServerSettings
from incm_webhook.errors import ListenError
from incm_webhook.process.forked import keep_from_children
from incm_webhook.supervise.sd_listen_fds import KEPT, take_passed
from incm_webhook.supervise.sd_notify import Notifier

_BACKLOG = 1024
_GIVEN_UP_S = 5.0  # in which a service manager should have closed what is given up
_LOOK_S = 0.01
_WAYS_OUT = {
    errno.EADDRINUSE: "stop the program that has it (`ss -ltnp` names it), or choose another port",
    errno.EADDRNOTAVAIL: "no address of this machine (`ip address` lists them); 0.0.0.0 takes all",
    errno.EACCES: "ports below 1024 want CAP_NET_BIND_SERVICE: choose a higher one, or let systemd "
    "open it by a socket unit",
    errno.EAFNOSUPPORT: "this machine has no such kind of addresses",
}

Place = tuple[socket.AddressFamily, tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket and the HOST:PORT that it is called by."""

    address: str
    socket: socket.socket

    @property
    def descriptor(self) -> int:
        """For the core, which duplicates it."""
        return self.socket.fileno()


def take_over(environ: MutableMapping[str, str]) -> dict[str, socket.socket]:
    """Take what the service manager passed, as `take_passed` does.

    Raises:
        ListenError: one of the sockets is no listening TCP socket.
    """
    try:
        passed = take_passed(environ)
    except ValueError as error:
        raise ListenError(str(error)) from None
    keep_from_children(*passed.values())
    return passed


@dataclass(frozen=True, slots=True)
class Listeners:
    """What a server listens on; None where the settings want no such listener."""

    alerts: Listener
    admin: Listener | None
    metrics: Listener | None

    def for_core(self) -> dict[str, Any]:
        """Give the arguments of `_core.Receiver` that tell of them."""
        return {
            "listen": self.alerts.address,
            "listen_fd": self.alerts.descriptor,
            "admin": self.admin.address if self.admin else None,
            "admin_fd": self.admin.descriptor if self.admin else None,
            "metrics": self.metrics.address if self.metrics else None,
            "metrics_fd": self.metrics.descriptor if self.metrics else None,
        }


def open_listeners(
    passed: Mapping[str, socket.socket], server: ServerSettings, notifier: Notifier
) -> Listeners:
    """Choose or bind the sockets, and have those bound here kept.

    Args:
        passed: what take_over() found. A unit's socket counts more than the settings; a kept one
            is used while it fits them, and given up otherwise, as well as when none is wanted.
        server: their addresses.
        notifier: whose store keeps the sockets over restarts.

    Raises:
        ListenError: an address cannot be bound.
    """
    return Listeners(
        alerts=_open("alerts", server.listen, passed, notifier),
        admin=_open_if_wanted("admin", server.admin, passed, notifier),
        metrics=_open_if_wanted("metrics", server.metrics, passed, notifier),
    )


def _open_if_wanted(
    role: str, wanted: str | None, passed: Mapping[str, socket.socket], notifier: Notifier
) -> Listener | None:
    if wanted is None:
        _give_up(role, passed, notifier)
        return None
    try:
        return _open(role, wanted, passed, notifier)
    except ListenError as error:
        raise ListenError(
            f"{error} (the {role} listener: --{role} names another address, --{role} off leaves it "
            "out)"
        ) from None


def _open(
    role: str, wanted: str, passed: Mapping[str, socket.socket], notifier: Notifier
) -> Listener:
    if role in passed:
        host, port = passed[role].getsockname()[:2]
        return Listener(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", passed[role])
    kept = passed.get(KEPT + role)
    if kept is not None and _fits(kept, wanted):
        return Listener(wanted, kept)
    try:
        bound = _bind(wanted)
        _give_up(role, passed, notifier)
    except OSError as error:
        if kept is None or not _is_in_the_way(kept, wanted, error):
            raise ListenError(cannot_listen(wanted, error)) from None
        _give_up(role, passed, notifier)
        bound = _bind_soon(wanted)
    keep_from_children(bound)
    notifier.say("FDSTORE=1", f"FDNAME={KEPT}{role}", descriptor=bound.fileno())
    return Listener(wanted, bound)


def _give_up(role: str, passed: Mapping[str, socket.socket], notifier: Notifier) -> None:
    kept = passed.get(KEPT + role)
    if kept is not None:
        notifier.say("FDSTOREREMOVE=1", f"FDNAME={KEPT}{role}")
        kept.close()


def _is_in_the_way(kept: socket.socket, wanted: str, error: OSError) -> bool:
    """Whether it may be the kept socket: 0.0.0.0 is in use while one of its addresses is."""
    same_port = wanted.rpartition(":")[2] == str(kept.getsockname()[1])
    return same_port and error.errno == errno.EADDRINUSE


def _bind_soon(address: str) -> socket.socket:
    """Bind when the service manager has closed its copy of what is given up."""
    until = time.monotonic() + _GIVEN_UP_S
    while True:
        try:
            return _bind(address)
        except OSError as error:
            if time.monotonic() >= until:
                hint = " (perhaps by the server of before, at another address: stop it first)"
                raise ListenError(f"{cannot_listen(address, error)}{hint}") from None
            time.sleep(_LOOK_S)


def cannot_listen(address: str, error: OSError) -> str:
    """Say why an address cannot be listened on, and what to do."""
    if isinstance(error, socket.gaierror):
        host = address.rpartition(":")[0]
        return (
            f"cannot listen on {address}: the name {host} cannot be resolved ({error.strerror}): "
            "write an address of this machine, or 0.0.0.0 for all of them"
        )
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    way_out = _WAYS_OUT.get(error.errno or 0)
    return f"cannot listen on {address}: {reason}" + (f": {way_out}" if way_out else "")


def places_of(address: str) -> list[Place]:
    """Resolve HOST:PORT: what could be bound, the first of them is.

    Raises:
        OSError: the host cannot be resolved.
    """
    host, _, port = address.rpartition(":")
    found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    places = [(family, (str(place[0]), int(place[1]))) for family, _, _, _, place in found]
    return sorted(places, key=lambda place: place[0] != socket.AF_INET)


def _fits(kept: socket.socket, wanted: str) -> bool:
    host, port = kept.getsockname()[:2]
    try:
        return any(place[0] == host and place[1] in (0, port) for _, place in places_of(wanted))
    except OSError:
        return False


def _bind(address: str) -> socket.socket:
    family, place = places_of(address)[0]
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(place)
        bound.listen(_BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound
