"""The worker threads of one plugin: as many as may work at once, plus those that hang."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

_Late = TypeVar("_Late")

_log = logging.getLogger("incm_webhook.dispatcher")


class WorkerThreads:
    """Keeps as many workers as the plugin's concurrency, and replaces those that hang.

    A thread cannot be killed: when its handler hangs, it stays until the handler returns. At most
    `concurrency` hanging threads are replaced at a time.
    Threads: any.
    """

    def __init__(self, plugin: str, concurrency: int, work: Callable[[], None]) -> None:
        """Prepare the threads; fill() starts them.

        Args:
            plugin: the plugin's name.
            concurrency: how many threads may work at once.
            work: the function that each thread runs; it returns when the thread should end.
        """
        self._plugin = plugin
        self._concurrency = concurrency
        self._work = work
        self._lock = threading.Lock()  # guards all below
        self._threads: set[threading.Thread] = set()
        self._active = 0  # threads that do not hang
        self._hanging = 0
        self._missing = ""  # why a thread could not be started

    @property
    def active(self) -> int:
        """The number of threads that do not hang."""
        return self._active

    @property
    def hanging(self) -> int:
        """The number of threads that hang."""
        return self._hanging

    @property
    def places(self) -> int:
        """The number of threads that may work in addition to those that hang."""
        return min(self._concurrency, 2 * self._concurrency - self._hanging)

    @property
    def missing(self) -> str:
        """Why a thread could not be started; "" when all were started."""
        return self._missing

    def fill(self) -> None:
        """Start the missing threads, or as many of them as the system allows."""
        with self._lock:
            self._fill()

    def give_up(self, claim: Callable[[], list[_Late]]) -> list[_Late]:
        """Count the workers of late attempts as hanging, and replace them.

        Args:
            claim: removes the late attempts from those under way and returns them; called while no
                worker can return from a late handler.

        Returns:
            The result of claim.
        """
        with self._lock:
            late = claim()
            self._hanging += len(late)
            self._active -= len(late)
            if late:
                self._fill()
        return late

    def release_slot(self) -> bool:
        """Count a hanging handler as returned; return whether its worker is needed again."""
        with self._lock:
            self._hanging -= 1
            needed = self._active < self._concurrency
            self._active += needed
            return needed

    def join(self, deadline: float) -> bool:
        """Wait for all threads until `deadline` (monotonic seconds); False when one still runs."""
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def _fill(self) -> None:
        most = 2 * self._concurrency
        while self._active < self._concurrency and self._active + self._hanging < most:
            thread = threading.Thread(target=self._run, name=self._plugin, daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # the system has no room for another thread
                if not self._missing:
                    _log.error("plugin %s: a worker is missing: %s", self._plugin, error)
                self._missing = str(error)
                return
            self._missing = ""
            self._threads.add(thread)
            self._active += 1

    def _run(self) -> None:
        try:
            self._work()
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())
