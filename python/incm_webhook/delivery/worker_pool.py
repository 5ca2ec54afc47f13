"""Runs a plugin's handler in threads: they call it and settle the outcomes."""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING

from incm_webhook.delivery.fetcher import PAUSE_S
from incm_webhook.delivery.retry_share import LASTS_S
from incm_webhook.delivery.worker_threads import WorkerThreads
from incm_webhook.errors import ClosedError
from incm_webhook.hosting.attempt import Failure, failure_of, left_behind, time_out
from incm_webhook.log import describe

if TYPE_CHECKING:
    from incm_webhook._core import Delivery, PluginThread, PythonWatch
    from incm_webhook.delivery.calls import Calls
    from incm_webhook.delivery.fetcher import Fetcher
    from incm_webhook.hosting.attempt import Attempt, Burst
    from incm_webhook.hosting.event_loop import EventLoop
    from incm_webhook.hosting.loaded_plugin import LoadedPlugin
    from incm_webhook.plugin import Context

_log = logging.getLogger("incm_webhook.dispatcher")


class WorkerPool:
    """Runs a plugin's handler in threads, and replaces those in which it hangs.

    Shape: as Pool. A handler that fails, hangs or exits affects only its own worker.
    Threads: as Pool. The pool starts its own worker threads.
    """

    def __init__(
        self,
        plugin: LoadedPlugin,
        fetcher: Fetcher,
        calls: Calls,
        loop: EventLoop,
        watch: PythonWatch,
    ) -> None:
        self._plugin = plugin
        self._fetcher = fetcher
        self._calls = calls
        self._loop = loop
        self._watch = watch
        self._threads = WorkerThreads(plugin.name, plugin.settings.concurrency, self._work)

    @property
    def places(self) -> int:
        """How many threads may work in addition to those that hang."""
        return self._threads.places

    @property
    def active(self) -> int:
        """The number of threads that do not hang."""
        return self._threads.active

    @property
    def hanging(self) -> int:
        """The number of threads that hang."""
        return self._threads.hanging

    @property
    def missing(self) -> str:
        """Why a thread could not be started; "" when all were started."""
        return self._threads.missing

    def fill(self) -> None:
        """Start the missing threads, or as many of them as the system allows."""
        self._threads.fill()

    def join(self, deadline: float) -> bool:
        """Wait for all threads until `deadline` (monotonic seconds); False when one still runs."""
        return self._threads.join(deadline)

    def watch(self) -> None:
        """Settle attempts that exceed the plugin's time-out as failed; free what waits behind them.

        A handler that hangs keeps its thread, and its result is ignored when it returns. When too
        many handlers hang, the plugin gets no alerts until one returns; its deliveries stay in the
        inbox.
        """
        for attempt in self._calls.under_way():
            if attempt.duration > LASTS_S:
                self._fetcher.give_back(attempt.rest)  # so that other workers get them
        if self._plugin.limits_itself or not self._calls.is_late():
            return
        late = self._threads.give_up(self._calls.claim_late)
        for attempt in late:
            self._calls.give_up(attempt, self._time_out)
        if late and self.active == 0:
            _log.error(
                "plugin %s: %d handlers hang; it gets no more alerts until one returns",
                self._plugin.name,
                self.hanging,
            )

    def abandon(self) -> None:
        """Settle every attempt that still runs as failed, after a stop; its result is ignored."""
        for attempt in self._threads.give_up(self._calls.claim_all):
            self._calls.give_up(attempt, self._left_behind)

    def run_burst(self, burst: Burst, place: PluginThread | None = None) -> bool:
        """Handle a burst and settle it.

        Returns:
            False when the watchdog gave this worker up and it is not needed any more.
        """
        try:
            while burst:
                try:
                    call = burst.popleft()
                except IndexError:  # the watchdog has given the rest back
                    break
                if not self.run_call(call, burst, place):
                    return self._threads.release_slot()
                if self._fetcher.must_pause():
                    self._fetcher.give_back(burst)
        finally:
            if place is not None:
                place.leave()
            self._calls.flush()
        return True

    def run_call(
        self, deliveries: list[Delivery], rest: Burst, place: PluginThread | None = None
    ) -> bool:
        """Make one call of the handler and settle it; False when the watchdog has settled it."""
        attempt = self._calls.begin(deliveries, rest)
        failure: Failure | None = None
        context: Context | None = None
        try:
            context = self._calls.context(attempt)
            self._handle(deliveries, context, place)
        except BaseException as error:  # no exception of a plugin may end its worker
            failure = failure_of(error, self._plugin.code)
        if not self._calls.end(attempt, failure, context):
            return False
        if attempt.duration > LASTS_S:
            self._fetcher.give_back(rest)  # the next calls of this worker may be as slow
        return True

    def _work(self) -> None:
        place = None  # the code of a plugin in a process of its own does not run here
        if not self._plugin.limits_itself:
            place = self._watch.join(self._plugin.name, self._plugin.step)
        while self._goes_on(place):
            pass

    def _goes_on(self, place: PluginThread | None) -> bool:
        """Wait for deliveries and handle them; False when this worker should end."""
        try:
            burst = self._fetcher.next()
            return bool(burst) and self.run_burst(burst, place)
        except ClosedError:
            _log.debug("plugin %s: the inbox is closed", self._plugin.name)
            return False
        except Exception as error:  # no memory, or a defect: log it, and go on after a pause
            _log.critical("plugin %s: a worker failed: %s", self._plugin.name, describe(error))
            self._fetcher.stopping.wait(PAUSE_S)
            return True

    def _handle(
        self, deliveries: list[Delivery], context: Context, place: PluginThread | None
    ) -> None:
        plugin = self._plugin
        if place is not None:
            place.enter(deliveries[0].alert_id)
        result = plugin.handle(self._calls.work_of(deliveries), context)
        if result is not None and inspect.isawaitable(result):
            if place is not None:
                place.leave()  # the coroutine runs on the event loop, which has its own place
            self._loop.run(result, plugin.settings.timeout)

    def _left_behind(self, attempt: Attempt) -> Failure:
        return left_behind(attempt, self._plugin.code, self._loop)

    def _time_out(self, attempt: Attempt) -> Failure:
        return time_out(attempt, self._plugin.settings.timeout, self._plugin.code, self._loop)
