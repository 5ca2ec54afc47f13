"""The threads of one plugin's workers: as many as it may have at once, beside those that hang."""

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

    A thread cannot be killed: one whose handler hangs stays until that returns. At most
    `concurrency` of them are replaced at a time.
    Threads: any.
    """

    def __init__(self, plugin: str, concurrency: int, work: Callable[[], None]) -> None:
        """Start none yet.

        Args:
            plugin: its name.
            concurrency: how many may work at once.
            work: what each runs, until it is not needed any more.
        """
        self._plugin = plugin
        self._concurrency = concurrency
        self._work = work
        self._lock = threading.Lock()  # guards all below
        self._threads: set[threading.Thread] = set()
        self._active = 0  # those that do not hang
        self._hanging = 0
        self._missing = ""  # why some could not be started

    @property
    def active(self) -> int:
        """How many do not hang."""
        return self._active

    @property
    def hanging(self) -> int:
        """How many hang."""
        return self._hanging

    @property
    def places(self) -> int:
        """How many may work beside those that hang."""
        return min(self._concurrency, 2 * self._concurrency - self._hanging)

    @property
    def missing(self) -> str:
        """Why some could not be started; "" when all were."""
        return self._missing

    def fill(self) -> None:
        """Start those that are missing, or as many as the system allows."""
        with self._lock:
            self._fill()

    def give_up(self, claim: Callable[[], list[_Late]]) -> list[_Late]:
        """Count the workers of late attempts as hanging, and replace them.

        Args:
            claim: takes the late attempts off those under way; run while no worker can come back.

        Returns:
            What claim returned.
        """
        with self._lock:
            late = claim()
            self._hanging += len(late)
            self._active -= len(late)
            if late:
                self._fill()
        return late

    def release_slot(self) -> bool:
        """Count a handler that hung as returned; whether its worker is needed again."""
        with self._lock:
            self._hanging -= 1
            needed = self._active < self._concurrency
            self._active += needed
            return needed

    def join(self, deadline: float) -> bool:
        """Wait for all until deadline, in monotonic seconds; False when one still runs."""
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
            except RuntimeError as error:  # it has no room for a further thread
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
