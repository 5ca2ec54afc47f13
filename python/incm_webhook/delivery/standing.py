"""Says in the log that a plugin fails, and that it works again, once each and not in turns."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

_GOOD_IN_A_ROW = 25  # successes without a failure: at 45 % failures one row in three million
_GOOD_FOR_S = 30.0  # or no failure for so long after a success, where few alerts come

_log = logging.getLogger("incm_webhook.dispatcher")


class Standing:
    """What the log last said of a plugin's circuit breaker.

    A target that fails half of the time opens and closes the breaker all the time. So it is told
    when it opens, and then nothing until the plugin works for good.
    Threads: any.
    Source: own choice.
    """

    def __init__(self, plugin: str, clock: Callable[[], float]) -> None:
        self._plugin = plugin
        self._clock = clock  # monotonic seconds
        self._lock = threading.Lock()  # guards all below
        self._failing = False  # was told
        self._good = 0  # successes in a row since
        self._good_since = 0.0

    def opened(self, failures: int, pause: float) -> None:
        """Tell that the breaker opened, after so many failures in a row, for pause seconds."""
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

    def failed(self) -> None:
        """Note a failure."""
        self._good = 0

    def worked(self) -> None:
        """Note a success."""
        if not self._failing:  # mostly: no lock then
            return
        with self._lock:
            self._good += 1
            if self._good == 1:
                self._good_since = self._clock()
        self.look()

    def look(self) -> None:
        """Tell that it works again when that is so by now."""
        if not self._failing:
            return
        with self._lock:
            lasting = self._good > 0 and self._clock() - self._good_since >= _GOOD_FOR_S
            if not self._failing or not (lasting or self._good >= _GOOD_IN_A_ROW):
                return
            self._failing = False
        _log.info("plugin %s: works again", self._plugin)
