"""Runs all plugins side by side, and enforces their time-outs."""

import logging
import random
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from incm_webhook.delivery.runner import PluginRunner
from incm_webhook.delivery.source import Deliveries
from incm_webhook.hosting.loaded_plugin import LoadedPlugin
from incm_webhook.http import plain_loop
from incm_webhook.log import describe

if TYPE_CHECKING:
    from incm_webhook._core import PythonWatch

__all__ = ["Dispatcher"]

_LAST_WORD_S = 0.3  # time for a runner to log at its deadline what still runs

_log = logging.getLogger("incm_webhook.dispatcher")


class Dispatcher:
    """Holds the runners of all plugins, and the watchdog that enforces their time-outs.

    Threads: call start() and stop() from the same thread.
    Source: docs/architecture.md, The way of a delivery.
    """

    def __init__(
        self, receiver: Deliveries, plugins: Sequence[LoadedPlugin], watch: "PythonWatch"
    ) -> None:
        rng = random.Random()  # noqa: S311 - jitter, no secret
        self._runners = [PluginRunner(receiver, plugin, rng, watch) for plugin in plugins]
        self._period_s = min((plugin.settings.timeout for plugin in plugins), default=1.0) / 4
        self._stopping = threading.Event()
        self._watchdog = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Start every plugin; no plugin waits for another."""
        for runner in self._runners:
            runner.start()
        self._watchdog.start()

    def stop(self, deadline: float) -> bool:
        """Stop every plugin by `deadline` (monotonic seconds); False when one is still busy."""
        self._stopping.set()
        self._watchdog.join()
        for runner in self._runners:
            runner.ask_to_stop()
        stops = [_Stop(runner, deadline) for runner in self._runners]
        stopped = [stop.wait(deadline + _LAST_WORD_S) for stop in stops]
        if not all(stopped):
            return False
        plain_loop.stop()
        return True

    def _watch(self) -> None:
        while not self._stopping.wait(min(1.0, self._period_s)):
            for runner in self._runners:
                try:
                    runner.expire()
                except Exception as error:  # the watchdog must go on, for this runner and others
                    _log.critical("plugin %s: watching failed: %s", runner.name, describe(error))


class _Stop:
    """Stops one runner in a thread of its own, because a plugin's close may hang as well."""

    def __init__(self, runner: PluginRunner, deadline: float) -> None:
        self._runner = runner
        self._stopped = False
        self._thread = threading.Thread(target=self._run, args=(deadline,), daemon=True)
        self._thread.start()

    def wait(self, deadline: float) -> bool:
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive():
            _log.warning("plugin %s: its close hangs; it is left behind", self._runner.name)
        return self._stopped

    def _run(self, deadline: float) -> None:
        self._stopped = self._runner.stop(deadline)
