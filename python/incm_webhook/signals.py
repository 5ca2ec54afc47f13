"""The signals of a server: stop, reload, and those that must not end it."""

import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable
from types import FrameType

from incm_webhook._core import restore_signal_in_children
from incm_webhook.early import HELD
from incm_webhook.forked import keep_from_children

_LOOK_S = 0.5  # how soon a failed disk is noticed

_log = logging.getLogger("incm_webhook.service")


class Signals:
    """Turns SIGTERM and SIGINT into stop, SIGHUP into reload. Threads: the main thread."""

    def __init__(self) -> None:
        # The interpreter's own handler writes into it: neither a lock nor a race, as an Event has.
        self._read, self._written = socket.socketpair()
        self._written.setblocking(False)  # noqa: FBT003 - the only way to say it
        signal.set_wakeup_fd(self._written.fileno(), warn_on_full_buffer=False)
        self._reload = False
        self._unknown: int | None = None
        self._loading = True
        self._stops = 0
        keep_from_children(self._read, self._written)
        for number in HELD:
            signal.signal(number, self._note)
            restore_signal_in_children(number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        if number == signal.SIGHUP:
            self._reload = True
        elif number in (signal.SIGTERM, signal.SIGINT):
            self._stops += 1
            if self._loading:
                os._exit(0)  # there is nothing to end with grace, and what is loaded may hang
            if self._stops > 1:
                os._exit(1)  # asked twice: at once, without grace
        else:
            self._unknown = number

    def loaded(self) -> None:
        """From now on a stop has its grace; before, the process ends at once."""
        self._loading = False

    @property
    def stop_is_asked(self) -> bool:
        """Whether it was told to stop."""
        return self._stops > 0

    @property
    def reload_is_asked(self) -> bool:
        """Whether it was told to reload, and wait() has not done it."""
        return self._reload

    def pause(self, longest_s: float = _LOOK_S) -> None:
        """Return when a signal has come, or after so many seconds."""
        self._read.settimeout(longest_s)
        with contextlib.suppress(TimeoutError):
            self._read.recv(64)
        if self._unknown is not None:
            name = signal.Signals(self._unknown).name
            self._unknown = None
            _log.info("%s means nothing here: SIGHUP reloads, SIGTERM stops", name)

    def wait(
        self,
        on_reload: Callable[[], None],
        failed: Callable[[], bool],
        on_look: Callable[[], None],
    ) -> None:
        """Return when a stop is asked for or failed() says so; run on_reload for each reload."""
        while not self._stops and not failed():
            on_look()
            self.pause()
            if self._reload:
                self._reload = False
                on_reload()
