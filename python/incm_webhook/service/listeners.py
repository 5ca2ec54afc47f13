"""Opens the listening sockets: passed by a service manager, kept by one, or bound here."""

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
_GIVEN_UP_S = 5.0  # time for a service manager to close a socket that the server gives up
_LOOK_S = 0.01
_WAYS_OUT = {
    errno.EADDRINUSE: "stop the program that has it (`ss -ltnp` names it), or choose another port",
    errno.EADDRNOTAVAIL: "not an address of this machine (`ip address` lists them); 0.0.0.0 stands "
    "for all of them",
    errno.EACCES: "ports below 1024 need CAP_NET_BIND_SERVICE: choose a higher one, or let systemd "
    "open it with a socket unit",
    errno.EAFNOSUPPORT: "this machine does not support this kind of address",
}

Place = tuple[socket.AddressFamily, tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket, with its HOST:PORT for messages."""

    address: str
    socket: socket.socket

    @property
    def descriptor(self) -> int:
        """The descriptor, which the core duplicates."""
        return self.socket.fileno()


def take_over(environ: MutableMapping[str, str]) -> dict[str, socket.socket]:
    """Take the sockets that the service manager passed, as `take_passed` does.

    Raises:
        ListenError: a passed descriptor is not a listening TCP socket.
    """
    try:
        passed = take_passed(environ)
    except ValueError as error:
        raise ListenError(str(error)) from None
    keep_from_children(*passed.values())
    return passed


@dataclass(frozen=True, slots=True)
class Listeners:
    """The listeners of a server; None for a listener that the settings turn off."""

    alerts: Listener
    admin: Listener | None
    metrics: Listener | None

    def for_core(self) -> dict[str, Any]:
        """Return the arguments of `_core.Receiver` that describe the listeners."""
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
    """Choose or bind the sockets, and let the service manager keep those that are bound here.

    Args:
        passed: the result of take_over(). A socket of a unit has precedence over the settings. A
            kept socket is used while it fits the settings; otherwise, and when the settings turn
            the listener off, it is given up.
        server: the settings with the addresses.
        notifier: the service manager, whose store keeps the sockets over restarts.

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
            f"{error} (the {role} listener: choose another address with --{role}, or turn it off "
            f"with --{role} off)"
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
    notifier.send("FDSTORE=1", f"FDNAME={KEPT}{role}", descriptor=bound.fileno())
    return Listener(wanted, bound)


def _give_up(role: str, passed: Mapping[str, socket.socket], notifier: Notifier) -> None:
    kept = passed.get(KEPT + role)
    if kept is not None:
        notifier.send("FDSTOREREMOVE=1", f"FDNAME={KEPT}{role}")
        kept.close()


def _is_in_the_way(kept: socket.socket, wanted: str, error: OSError) -> bool:
    """Return whether the kept socket may block the bind, as any address blocks 0.0.0.0."""
    same_port = wanted.rpartition(":")[2] == str(kept.getsockname()[1])
    return same_port and error.errno == errno.EADDRINUSE


def _bind_soon(address: str) -> socket.socket:
    """Bind as soon as the service manager has closed its copy of the given-up socket."""
    until = time.monotonic() + _GIVEN_UP_S
    while True:
        try:
            return _bind(address)
        except OSError as error:
            if time.monotonic() >= until:
                hint = " (perhaps by the previous server, at another address: stop it first)"
                raise ListenError(f"{cannot_listen(address, error)}{hint}") from None
            time.sleep(_LOOK_S)


def cannot_listen(address: str, error: OSError) -> str:
    """Describe why the server cannot listen on an address, and what to do."""
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
    """Resolve HOST:PORT to the places that could be bound; the server binds the first of them.

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
