"""Watches the state that all plugins in threads share and each of them can change."""

from __future__ import annotations

import errno
import logging
import os
import sys
import time
from pathlib import Path

_PERIOD_S = 5.0
_STANDARD_ERROR = 2

_log = logging.getLogger("incm_webhook.service")


class SharedState:
    """Watches the working directory, umask, switch interval and standard error of this process.

    A change of the directory or the umask, which only plugins use, is logged. A change of the
    others, which the server needs, is also undone.
    Threads: one at a time may call look().
    """

    def __init__(self) -> None:
        """Remember the current state."""
        self._folder = _folder()
        self._umask = _umask()
        self._interval_s = sys.getswitchinterval()
        self._standard_error = _duplicate(_STANDARD_ERROR)
        self._next_look = 0.0

    def look(self) -> None:
        """Compare with the last look, at most once per period; may be called as often as wanted."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _PERIOD_S
        self._look_at_standard_error()
        self._look_at_interval()
        folder, umask = _folder(), _umask()
        if folder != self._folder:
            _log.warning(
                "a plugin changed the working directory of all plugins from %s to %s: relative "
                'paths lead elsewhere now; isolation = "process" gives a plugin its own',
                self._folder,
                folder,
            )
        if umask != self._umask:
            _log.warning(
                "a plugin changed the umask of all plugins from %s to %s: new files get other "
                'rights; isolation = "process" gives a plugin its own',
                self._umask,
                umask,
            )
        self._folder, self._umask = folder, umask

    def _look_at_interval(self) -> None:
        interval_s = sys.getswitchinterval()
        if interval_s != self._interval_s:
            sys.setswitchinterval(self._interval_s)
            _log.warning(
                "a plugin set the switch interval to %g s, for which every other plugin had to "
                "wait: set back to %g s",
                interval_s,
                self._interval_s,
            )

    def _look_at_standard_error(self) -> None:
        """Open it again when it is closed; else the next opened file would receive the log."""
        if self._standard_error is None:
            return
        try:
            os.fstat(_STANDARD_ERROR)
        except OSError as error:
            if error.errno == errno.EBADF:
                os.dup2(self._standard_error, _STANDARD_ERROR)
                _log.warning("a plugin closed standard error, where the log goes: opened again")


def _folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - as text, in one call
    except OSError:
        return "a folder that is gone"


def _umask() -> str:
    """Read the umask without changing it, as os.umask() would; "" when it is not available."""
    try:
        status = Path("/proc/self/status").read_text("ascii", "replace")
    except OSError:
        return ""
    lines = (line.split() for line in status.splitlines() if line.startswith("Umask:"))
    return next((line[1] for line in lines), "")


def _duplicate(descriptor: int) -> int | None:
    try:
        return os.dup(descriptor)
    except OSError:
        return None
