"""Logs that a plugin fails, and later that it works again, without alternating between the two."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

_GOOD_IN_A_ROW = 25  # successes without a failure: at 45 % failures, one run in three million
_GOOD_FOR_S = 30.0  # or no failure for so long after a success, when there are few alerts

_log = logging.getLogger("incm_webhook.dispatcher")


class Standing:
    """Remembers whether the log last reported a plugin as failing or as working.

    A target that fails half of the time opens and closes the breaker all the time. Therefore only
    the first opening is logged, and then nothing until the plugin works reliably.
    Threads: any.
    Source: own choice.
    """

    def __init__(self, plugin: str, clock: Callable[[], float]) -> None:
        self._plugin = plugin
        self._clock = clock  # monotonic seconds
        self._lock = threading.Lock()  # guards all below
        self._failing = False  # as the log last reported
        self._unavailable = False  # likewise
        self._good = 0  # successes in a row since that report
        self._good_since = 0.0

    def opened(self, failures: int, pause: float) -> None:
        """Log that the breaker opened for `pause` seconds, after `failures` failures in a row."""
        with self._lock:
            if self._failing:
                return
            self._failing, self._good = True, 0
        _log.error(
            "plugin %s: %d alerts in a row failed; its deliveries wait, one is tried in %.1f s",
            self._plugin,
            failures,
            pause,
        )

    def unavailable(self, reason: str, pause: float) -> None:
        """Note that the target is unavailable, and log it if the last report was that it works.

        Args:
            reason: what is wrong with it.
            pause: the seconds until one alert is tried; 0 when that was decided before.
        """
        with self._lock:
            self._good = 0
            if self._unavailable:
                return
            self._failing = self._unavailable = True
        _log.error(
            "plugin %s: its target is unavailable: %s; its alerts are kept, and one is tried %s",
            self._plugin,
            reason,
            f"in {pause:.1f} s" if pause else "from time to time",
        )

    def failed(self) -> None:
        """Note a failure."""
        self._good = 0

    def worked(self) -> None:
        """Note a success."""
        if not self._failing:  # the usual case, which needs no lock
            return
        with self._lock:
            self._good += 1
            if self._good == 1:
                self._good_since = self._clock()
        self.look()

    def look(self) -> None:
        """Log that the plugin works again, if it has worked long enough."""
        if not self._failing:
            return
        with self._lock:
            lasting = self._good > 0 and self._clock() - self._good_since >= _GOOD_FOR_S
            if not self._failing or not (lasting or self._good >= _GOOD_IN_A_ROW):
                return
            self._failing = self._unavailable = False
        _log.info("plugin %s: works again", self._plugin)
