"""Takes the sockets that a service manager passed to this process; does not need the core."""

import contextlib
import os
import socket
from collections.abc import MutableMapping

KEPT = "kept-"  # prefix in the store for a socket that the server bound, not a unit

_FIRST = 3  # SD_LISTEN_FDS_START
_UNNAMED = ("alerts", "admin")
_ROLES = (*_UNNAMED, "metrics")


def take_passed(environ: MutableMapping[str, str]) -> dict[str, socket.socket]:
    """Take the sockets that a service manager passed, and remove its variables from environ.

    Returns:
        The sockets by role: "alerts", "admin" and "metrics" from a .socket unit, "kept-alerts" and
        so on from the descriptor store. The first socket without a name is "alerts", the second
        "admin".

    Raises:
        ValueError: a descriptor is not a listening TCP socket; the text is a sentence.

    Source: sd_listen_fds_with_names(3).
    """
    pid, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    found: dict[str, socket.socket] = {}
    if pid != str(os.getpid()) or not count.isdecimal():
        return found
    known = {*_ROLES, *(KEPT + role for role in _ROLES)}
    for index in range(int(count)):
        name = names[index] if index < len(names) else ""
        if name not in known:
            name = next((role for role in _UNNAMED if role not in found), "")
        if name and name not in found:
            found[name] = _checked(_FIRST + index, name)
        else:
            with contextlib.suppress(OSError):
                os.close(_FIRST + index)
    return found


def _checked(descriptor: int, name: str) -> socket.socket:
    try:
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - the only way to say it
        one = socket.socket(fileno=descriptor)
        if (
            one.family in (socket.AF_INET, socket.AF_INET6)
            and one.type == socket.SOCK_STREAM
            and one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        ):
            return one
    except OSError:
        pass
    raise ValueError(
        f"descriptor {descriptor} ({name}) that the service manager passed is not a listening TCP "
        "socket: see ListenStream= of the .socket unit"
    )
