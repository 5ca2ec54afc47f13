"""Stops a runner within a limit, whatever its plugin does."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from incm_webhook.log import describe

if TYPE_CHECKING:
    from incm_webhook.delivery.runner import PluginRunner

_LAST_WORD_S = 0.3  # time for a runner to log at its deadline what still runs

_log = logging.getLogger("incm_webhook.dispatcher")


class Ending:
    """Stops one runner in a thread of its own, because a plugin's close may hang as well.

    Threads: one.
    """

    def __init__(self, runner: PluginRunner, deadline: float) -> None:
        """Begin to stop the runner.

        Args:
            runner: it is asked to stop already, or will be by this.
            deadline: of `PluginRunner.stop`, in monotonic seconds.

        Raises:
            RuntimeError: the system has no room for another thread.
        """
        self._runner = runner
        self._deadline = deadline
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=f"{runner.name}-stop", daemon=True)
        self._thread.start()

    def wait(self) -> bool:
        """Wait for the end, until just after the deadline; False when something still runs."""
        self._thread.join(max(0.0, self._deadline + _LAST_WORD_S - time.monotonic()))
        if self._thread.is_alive():
            _log.warning("plugin %s: its close hangs; it is left behind", self._runner.name)
            return False
        return self._stopped

    def _run(self) -> None:
        try:
            self._stopped = self._runner.stop(self._deadline)
        except Exception as error:  # a defect: it counts as one that still runs
            _log.critical("plugin %s: ending it failed: %s", self._runner.name, describe(error))
