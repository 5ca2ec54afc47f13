"""Reports the state of this process to a service manager: systemd, or our own supervisor."""

import contextlib
import os
import socket
import struct
import time
from collections.abc import MutableMapping

# Extensions for our own supervisor.
PREPARED = "X_INCM_PREPARED"  # everything is loaded, and the process waits for the inbox
CLOSED = "X_INCM_CLOSED"  # sent with READY: the process listens, and refuses alerts without inbox


class Notifier:
    """Sends messages to the service manager; without one, every call does nothing.

    Errors: none, because serving does not depend on the service manager.
    Threads: one at a time.
    Source: sd_notify(3), sd_watchdog_enabled(3).
    """

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        """Remove the variables from environ, so that no child of a plugin can send messages."""
        path = environ.pop("NOTIFY_SOCKET", "")
        usec = environ.pop("WATCHDOG_USEC", "")
        pid = environ.pop("WATCHDOG_PID", "") or str(os.getpid())
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self._socket = None
        if path:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        watched = self._socket is not None and usec.isdecimal() and pid == str(os.getpid())
        self._period_s = int(usec) / 2e6 if watched else None
        self._next_beat = 0.0
        self._state: tuple[str, ...] = ()  # the last message about the start

    @property
    def channel(self) -> socket.socket | None:
        """The socket to the service manager; None without one."""
        return self._socket

    @property
    def is_connected(self) -> bool:
        """Whether there is a service manager."""
        return self._socket is not None

    def send(self, *lines: str, descriptor: int | None = None) -> None:
        """Send lines such as `READY=1`, and optionally a descriptor to keep (`FDSTORE=1`)."""
        if self._socket is None:
            return
        data = "\n".join(lines).encode()
        with contextlib.suppress(OSError):
            rights = [] if descriptor is None else [struct.pack("i", descriptor)]
            self._socket.sendmsg(  # socket.send_fds() drops the address in Python 3.11
                [data],
                [(socket.SOL_SOCKET, socket.SCM_RIGHTS, one) for one in rights],
                0,
                self._address,
            )

    def ready(self, status: str) -> None:
        """Report that the process serves."""
        self._state = ("READY=1", f"STATUS={status}")
        self.send(*self._state)

    def closed(self, status: str) -> None:
        """Report that the process has started and can be reloaded, but has no inbox yet."""
        self._state = ("READY=1", f"{CLOSED}=1", f"STATUS={status}")
        self.send(*self._state)

    def starting(self, longest_s: float) -> None:
        """Report that the start may take up to `longest_s` seconds more."""
        self.send(f"EXTEND_TIMEOUT_USEC={int(longest_s * 1e6)}")

    def reloading(self) -> None:
        """Report that the process reads its configuration, until reloaded() is called."""
        self.send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def reloaded(self) -> None:
        """Report the end of a reload, with the state before it."""
        self.send(*self._state)

    def stopping(self, longest_s: float) -> None:
        """Report that the process stops, which may take up to `longest_s` seconds."""
        self.send("STOPPING=1", f"EXTEND_TIMEOUT_USEC={int(longest_s * 1e6)}")

    def beat(self) -> None:
        """Report that the process works, at most as often as the watchdog needs it."""
        if self._period_s is not None and time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + self._period_s
            self.send("WATCHDOG=1")
