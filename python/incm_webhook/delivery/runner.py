"""Runs one plugin: puts its set-up, its fetcher and its workers together."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from incm_webhook.delivery.breaker import Breaker
from incm_webhook.delivery.fetcher import Fetcher
from incm_webhook.delivery.plugin_state import PluginState
from incm_webhook.delivery.plugin_steps import PluginSteps
from incm_webhook.delivery.rate_limit import RateLimit
from incm_webhook.delivery.retry_share import RetryShare
from incm_webhook.delivery.settlements import Settlements
from incm_webhook.delivery.under_way import AttemptsUnderWay
from incm_webhook.delivery.worker_pool import WorkerPool
from incm_webhook.hosting.event_loop import EventLoop

if TYPE_CHECKING:
    import random

    from incm_webhook._core import PythonWatch
    from incm_webhook.delivery.source import Deliveries
    from incm_webhook.hosting.loaded_plugin import LoadedPlugin

_log = logging.getLogger("incm_webhook.dispatcher")


class PluginRunner:
    """Runs one plugin: its set-up, its workers, its time-outs, its pace.

    Whatever the plugin does (fail, hang, exit) stays with it: other plugins have their own runner,
    and the answers to the sender need none.

    Threads: start(), expire(), ask_to_stop() and stop() from one at a time; the workers are its
    own.
    """

    def __init__(
        self, receiver: Deliveries, plugin: LoadedPlugin, rng: random.Random, watch: PythonWatch
    ) -> None:
        settings = plugin.settings
        self._plugin = plugin
        self._loop = EventLoop(plugin.name, watch)
        self._steps = PluginSteps(plugin, self._loop, watch, rng)
        self._breaker = Breaker(settings.breaker, settings.retry, rng, time.monotonic)
        self._settlements = Settlements(receiver, plugin, self._breaker, rng)
        rate = RateLimit(settings.rate, time.monotonic)
        share = RetryShare(lambda: self._pool.threads.places)
        attempts = AttemptsUnderWay()
        self._fetcher = Fetcher(
            receiver, plugin, self._breaker, rate, share, attempts, self._settlements
        )
        self._pool = WorkerPool(
            plugin,
            self._fetcher,
            attempts,
            share,
            self._breaker,
            self._settlements,
            self._loop,
            watch,
        )
        self._state = PluginState(
            watch,
            plugin,
            self._steps,
            self._pool.threads,
            self._breaker,
            rate,
            self._settlements,
        )

    @property
    def name(self) -> str:
        """The plugin's name."""
        return self._plugin.name

    def start(self) -> None:
        """Set the plugin up and start its workers, in a thread of their own."""
        self._state.look()
        self._steps.start(self._fetcher.stopping, self._pool.threads.fill)

    def expire(self) -> None:
        """Settle what waits for it, and attempts that outlived the plugin's time-out."""
        self._state.look()
        if self._steps.done:
            self._pool.threads.fill()
        self._settlements.flush()
        self._pool.give_back_behind_slow()
        if not self._plugin.limits_itself:
            self._pool.give_up_late()

    def ask_to_stop(self) -> None:
        """Let no worker begin anything new."""
        self._fetcher.stop()

    def stop(self, deadline: float) -> bool:
        """Let running handlers finish until deadline (monotonic seconds), then close the plugin.

        Returns:
            False when a handler still runs; its delivery is made again after the next start.
        """
        self.ask_to_stop()
        if self._plugin.limits_itself:
            self._steps.close(deadline)  # what runs ends with it
        ended = self._steps.join(max(0.0, deadline - time.monotonic()))
        # Only now: the set-up may have started some meanwhile.
        if not self._pool.threads.join(deadline) or not ended:
            self._settlements.flush()  # what its worker did before
            _log.warning("plugin %s: still busy; its alert is delivered again", self._plugin.name)
            return False
        self._fetcher.give_back_ready()
        self._settlements.close()
        if not self._plugin.limits_itself:
            self._steps.close(deadline)
        self._loop.stop()
        return True
