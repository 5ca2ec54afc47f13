"""Handles the signals of a server: stop, reload, and signals that must not end it."""

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
    """Turns SIGTERM and SIGINT into a stop, and SIGHUP into a reload.

    Until hand_to() is called, a stop ends the process at once. After that the guard acts on
    signals, even while no Python code can run: for every signal that has a handler in Python, the
    interpreter's own handler, in C, writes the signal's number to the guard.
    Threads: use it in the main thread.
    """

    def __init__(self) -> None:
        self._guard: StopGuard | None = None
        self._reload = False  # a reload was requested before there was a guard
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
            os._exit(0)  # nothing has started that needs a graceful stop

    def hand_to(self, guard: "StopGuard") -> None:
        """Pass all later signals to the guard; none is lost in between."""
        signal.pthread_sigmask(signal.SIG_BLOCK, HELD)  # runs the handlers of earlier signals first
        self._guard = guard
        self.take_back()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)

    def take_back(self) -> list[str]:
        """Restore the handlers that a plugin's import has replaced; return the signals' names."""
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
        """Wait until a stop is requested or failed() returns True.

        Args:
            guard: the one passed to hand_to().
            on_reload: called for each reload.
            failed: ends the wait when it returns True.
            on_look: called about twice a second.
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
