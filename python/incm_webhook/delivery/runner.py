"""Runs one plugin: connects its set-up, its fetcher and its workers."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from incm_webhook.delivery.breaker import Breaker
from incm_webhook.delivery.calls import Calls
from incm_webhook.delivery.dead_letter_calls import DeadLetterCalls
from incm_webhook.delivery.fetcher import Fetcher
from incm_webhook.delivery.plugin_state import PluginState
from incm_webhook.delivery.plugin_steps import PluginSteps
from incm_webhook.delivery.rate_limit import RateLimit
from incm_webhook.delivery.retry_share import RetryShare
from incm_webhook.delivery.settlements import Settlements
from incm_webhook.delivery.task_pool import TaskPool
from incm_webhook.delivery.under_way import AttemptsUnderWay
from incm_webhook.delivery.worker_pool import WorkerPool
from incm_webhook.hosting.event_loop import EventLoop
from incm_webhook.log import describe
from incm_webhook.state import StateKeeper

if TYPE_CHECKING:
    import random

    from incm_webhook._core import PythonWatch
    from incm_webhook.delivery.pool import Pool
    from incm_webhook.delivery.source import Deliveries
    from incm_webhook.hosting.loaded_plugin import LoadedPlugin

_log = logging.getLogger("incm_webhook.dispatcher")


class PluginRunner:
    """Runs one plugin: its set-up, its workers, its time-outs, its pace.

    A plugin that fails, hangs or exits affects only its own runner: every other plugin has its own,
    and the answers to the sender do not depend on runners.

    Threads: one thread at a time may call start(), expire(), ask_to_stop() and stop(). The runner
    starts its own worker threads.
    """

    def __init__(
        self, receiver: Deliveries, plugin: LoadedPlugin, rng: random.Random, watch: PythonWatch
    ) -> None:
        settings = plugin.settings
        plugin.states = StateKeeper(receiver.state(plugin.name))
        self._plugin = plugin
        self._is_closing = False  # whether no call runs any more, and the last steps do
        self._has_ended = False
        self._loop = EventLoop(plugin.name, watch)
        self._steps = PluginSteps(plugin, self._loop, watch, rng)
        self._breaker = Breaker(settings.breaker, settings.retry, rng, time.monotonic)
        self._dead_letters = DeadLetterCalls(plugin, self._loop, watch)
        self._settlements = Settlements(
            receiver, plugin, self._breaker, rng, self._dead_letters.add
        )
        rate = RateLimit(settings.rate, time.monotonic)
        share = RetryShare(lambda: self._pool.places)
        attempts = AttemptsUnderWay()
        self._fetcher = Fetcher(
            receiver, plugin, self._breaker, rate, share, attempts, self._settlements
        )
        calls = Calls(plugin, self._fetcher, attempts, share, self._breaker, self._settlements)
        self._pool = _pool_of(plugin, self._fetcher, calls, self._loop, watch)
        self._state = PluginState(
            watch,
            plugin,
            self._steps,
            self._pool,
            self._breaker,
            rate,
            self._settlements,
        )

    @property
    def name(self) -> str:
        """The plugin's name."""
        return self._plugin.name

    def start(self) -> None:
        """Set the plugin up in a thread of its own, which then starts the workers."""
        self._state.look()
        self._steps.start(self._fetcher.stopping, self._pool.fill)

    def expire(self) -> None:
        """Write the collected settlements, and settle attempts that exceed the time-out."""
        self._state.look()
        if self._steps.done:
            self._pool.fill()
        self._settlements.flush()
        self._dead_letters.look()
        self._pool.watch()

    def ask_to_stop(self) -> None:
        """Make the workers begin no new attempt."""
        self._fetcher.stop()

    def stop(self, deadline: float) -> bool:
        """Wait for running handlers until `deadline` (monotonic seconds), then close the plugin.

        Returns:
            False when a handler still runs; its delivery is made again after the next start.
        """
        self.ask_to_stop()
        if self._plugin.limits_itself:
            self._steps.close(deadline)  # this also ends the calls that run
        ended = self._steps.join(max(0.0, deadline - time.monotonic()))
        # Join the workers only now: until its end, the set-up may have started more of them.
        if not self._pool.join(deadline) or not ended:
            self._settlements.flush()  # the successes that the busy worker had before
            _log.warning("plugin %s: still busy; its alert is delivered again", self._plugin.name)
            return False
        self._is_closing = True
        self._fetcher.give_back_ready()
        self._settlements.flush()
        self._settlements.close()
        self._dead_letters.stop(deadline)
        if not self._plugin.limits_itself:
            self._steps.close(deadline)
        self._loop.stop()
        self._has_ended = True
        return True

    def expire_calls(self) -> None:
        """Settle attempts that exceed the time-out, while stop() waits for them in its thread."""
        if not self._is_closing:  # then no attempt is under way
            self._settlements.flush()
            self._pool.watch()

    @property
    def still_runs(self) -> bool:
        """Whether code of the plugin still runs after leave_behind()."""
        if self._is_closing:
            return not self._has_ended
        return not (self._steps.join(0.0) and self._pool.join(time.monotonic()))

    def forget(self) -> None:
        """Let go of the plugin's code, after a stop() that returned True."""
        self._plugin.forget()

    def leave_behind(self, deadline: float) -> None:
        """Give up what still runs after stop(), so that another runner can take over.

        Calls that still run are settled as failed, so that they are tried again. Afterwards this
        runner settles no delivery any more, whatever fails here; stop() may still wait for a close.

        Args:
            deadline: that of the stop, in monotonic seconds.
        """
        _log.warning(
            "plugin %s: what still runs of the one before the reload is left behind%s",
            self.name,
            "" if self._is_closing else ", without a call of its close",
        )
        for step in (
            self._steps.abandon,
            self._pool.abandon,
            self._fetcher.give_back_ready,
            self._settlements.flush,
            self._settlements.close,
            lambda: self._dead_letters.stop(deadline),
        ):
            try:
                step()
            except Exception as error:  # the other steps do not depend on this one
                _log.critical("plugin %s: ending it failed: %s", self.name, describe(error))

    def discard(self) -> None:
        """Give the plugin up before start()."""
        self._plugin.discard()


def _pool_of(
    plugin: LoadedPlugin, fetcher: Fetcher, calls: Calls, loop: EventLoop, watch: PythonWatch
) -> Pool:
    if plugin.is_async and not plugin.limits_itself:
        return TaskPool(plugin, fetcher, calls, loop)
    return WorkerPool(plugin, fetcher, calls, loop, watch)
