"""Checks whether `serve` could listen on its addresses, and finds what else holds them."""

import errno
import itertools
import socket
from collections.abc import Iterator

from incm_webhook.check.findings import Report
from incm_webhook.check.port_holder import Holder, command_of, holders_of, parent_of
from incm_webhook.config.server import share_a_port
from incm_webhook.config.settings import Settings
from incm_webhook.errors import EXIT_CANNOT_START, EXIT_USAGE
from incm_webhook.service import listeners

_SYSTEMD = 1  # process 1 of a machine or container passes the sockets on that it holds
_KEYS = ("listen", "admin", "metrics")


def check_listeners(settings: Settings, server: int | None, report: Report) -> None:
    """Try to bind each address.

    Args:
        settings: what would be served.
        server: the process that has the inbox open, which may hold the ports; None for none.
        report: gets the findings.
    """
    resolved = {}
    for key, address in _addresses(settings):
        try:
            resolved[key] = listeners.places_of(address)[0]
        except OSError as error:
            sentence = listeners.cannot_listen(address, error)
            report.error(f"{settings.place_of('server', key)}: {sentence}", EXIT_CANNOT_START)
    for one, other in itertools.combinations(resolved, 2):
        if share_a_port(_text(resolved[one][1]), _text(resolved[other][1])):
            report.error(
                f"{settings.place_of('server', other)}: is the place of {one}, too: give each a "
                "port of its own",
                EXIT_USAGE,
            )
    for key, address in _addresses(settings):
        if key in resolved:
            _try(settings, key, address, resolved[key], server, report)


def _addresses(settings: Settings) -> Iterator[tuple[str, str]]:
    for key in _KEYS:
        address = getattr(settings.server, key)
        if address is not None:
            yield key, address


def _text(place: tuple[str, int]) -> str:
    host, port = place
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _try(
    settings: Settings,
    key: str,
    address: str,
    resolved: listeners.Place,
    server: int | None,
    report: Report,
) -> None:
    """Bind without listening, so that no client can connect to a check."""
    family, place = resolved
    with socket.socket(family, socket.SOCK_STREAM) as one:
        try:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(place)
        except OSError as error:
            sentence = listeners.cannot_listen(address, error)
            if error.errno == errno.EADDRINUSE:
                holders = holders_of(place[1])
                friend = _friend(holders, server)
                if friend:
                    report.info(f"{key} {address}: {friend}")
                    return
                sentence = _occupied(address, holders)
            report.error(f"{settings.place_of('server', key)}: {sentence}", EXIT_CANNOT_START)


def _friend(holders: list[Holder], server: int | None) -> str | None:
    """Describe a process that may hold the port; None when the holder is another program."""
    numbers = {one.pid for one in holders}
    if server is not None:
        family = {server, parent_of(server)}
        if numbers & family or (not holders and command_of(server)):
            return f"is held by the server that has this inbox open (process {server})"
    if _SYSTEMD in numbers:
        return "is held by systemd, for a socket unit that hands it to the server"
    return None


def _occupied(address: str, holders: list[Holder]) -> str:
    if not holders:
        return (
            f"cannot listen on {address}: a program of another user has the port; `ss -ltnp` as "
            "root names it: stop it, or choose another port"
        )
    one = holders[0]
    command = one.command if len(one.command) <= 300 else f"{one.command[:300]}..."
    return (
        f"cannot listen on {address}: process {one.pid} has the port ({command}): stop it, or "
        "choose another port"
    )
