"""The signals of a server: stop, reload, and those that must not end it."""

import logging
import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

from incm_webhook._core import restore_signal_in_children
from incm_webhook.process.early import HELD

if TYPE_CHECKING:
    from incm_webhook._core import StopGuard

_LOOK_S = 0.5  # how soon a failed disk is noticed
_STOPS = (signal.SIGTERM, signal.SIGINT)

_log = logging.getLogger("incm_webhook.service")


class Signals:
    """Turns SIGTERM and SIGINT into stop, SIGHUP into reload.

    At first a stop ends the process at once. From hand_to() on the guard acts on signals, also
    while no line of Python runs: the interpreter's own handler, in C, writes each number to it. It
    does so for signals that have a handler in Python.
    Threads: the main thread.
    """

    def __init__(self) -> None:
        self._guard: StopGuard | None = None
        self._reload = False  # asked for before there was a guard
        self._unknown: int | None = None
        for number in HELD:
            signal.signal(number, self._note)
            restore_signal_in_children(number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        if number not in (*_STOPS, signal.SIGHUP):
            self._unknown = number
        elif self._guard is not None:
            return
        elif number == signal.SIGHUP:
            self._reload = True
        else:
            os._exit(0)  # there is nothing to end with grace

    def hand_to(self, guard: "StopGuard") -> None:
        """Let the guard act on signals from now on; none is lost between."""
        signal.pthread_sigmask(signal.SIG_BLOCK, HELD)  # it has run the handlers of those before
        self._guard = guard
        self.take_back()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)

    def take_back(self) -> list[str]:
        """Take back what the import of a plugin has taken for itself: their names."""
        if self._guard is not None:
            signal.set_wakeup_fd(self._guard.wakeup_descriptor, warn_on_full_buffer=False)
        before = {one: signal.signal(one, self._note) for one in sorted(HELD)}
        return [signal.Signals(one).name for one, other in before.items() if other != self._note]

    def wait(
        self,
        guard: "StopGuard",
        on_reload: Callable[[], None],
        failed: Callable[[], bool],
        on_look: Callable[[], None],
    ) -> None:
        """Return when a stop is asked for or failed() says so; run on_reload for each reload.

        guard: that of hand_to().
        """
        while not failed():
            on_look()
            if guard.wait(_LOOK_S):
                return
            if guard.take_reload() or self._reload:
                self._reload = False
                on_reload()
            if self._unknown is not None:
                name = signal.Signals(self._unknown).name
                self._unknown = None
                _log.info("%s means nothing here: SIGHUP reloads, SIGTERM stops", name)
