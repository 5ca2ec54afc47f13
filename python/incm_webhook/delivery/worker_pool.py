"""Runs the workers of one plugin: they call its handler and settle the outcomes."""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING

from incm_webhook.delivery.fetcher import PAUSE_S
from incm_webhook.delivery.retry_share import LASTS_S
from incm_webhook.delivery.worker_threads import WorkerThreads
from incm_webhook.errors import ClosedError
from incm_webhook.hosting.attempt import Failure, failure_of, time_out
from incm_webhook.hosting.worker_protocol import WorkerLost
from incm_webhook.log import describe
from incm_webhook.plugin import DECLARED
from incm_webhook.state import changes_of

if TYPE_CHECKING:
    from incm_webhook._core import Delivery, PluginThread, PythonWatch
    from incm_webhook.delivery.breaker import Breaker
    from incm_webhook.delivery.fetcher import Fetcher
    from incm_webhook.delivery.retry_share import RetryShare
    from incm_webhook.delivery.settlements import Settlements
    from incm_webhook.delivery.under_way import AttemptsUnderWay
    from incm_webhook.hosting.attempt import Attempt, Burst
    from incm_webhook.hosting.event_loop import EventLoop
    from incm_webhook.hosting.loaded_plugin import LoadedPlugin
    from incm_webhook.plugin import Context
    from incm_webhook.state import Changes

_log = logging.getLogger("incm_webhook.dispatcher")


class WorkerPool:
    """Runs a plugin's handler in threads, and replaces those in which it hangs.

    A handler that fails, hangs or exits affects only its own worker.
    Threads: one thread at a time may call give_up_late() and give_back_behind_slow(). The pool
    starts its own worker threads.
    """

    def __init__(
        self,
        plugin: LoadedPlugin,
        fetcher: Fetcher,
        attempts: AttemptsUnderWay,
        share: RetryShare,
        breaker: Breaker,
        settlements: Settlements,
        loop: EventLoop,
        watch: PythonWatch,
    ) -> None:
        self._plugin = plugin
        self._fetcher = fetcher
        self._attempts = attempts
        self._share = share
        self._breaker = breaker
        self._settlements = settlements
        self._loop = loop
        self._watch = watch
        self.threads = WorkerThreads(plugin.name, plugin.settings.concurrency, self._work)

    def give_back_behind_slow(self) -> None:
        """Give back the deliveries that wait behind slow calls, so that other workers get them."""
        for attempt in self._attempts.all():
            if attempt.duration > LASTS_S:
                self._fetcher.give_back(attempt.rest)

    def give_up_late(self) -> None:
        """Settle attempts that exceed the plugin's time-out as failed.

        A handler that hangs keeps its thread, and its result is ignored when it returns. When too
        many handlers hang, the plugin gets no alerts until one returns; its deliveries stay in the
        inbox.
        """
        limit = self._plugin.settings.timeout
        under_way = self._attempts.all()
        if not any(one.duration > limit for one in under_way):
            return
        late = self.threads.give_up(
            lambda: [one for one in under_way if one.duration > limit and self._attempts.claim(one)]
        )
        for attempt in late:
            self._share.ended(retry=attempt.retry, seconds=attempt.duration)
            self._fail(attempt, time_out(attempt, limit, self._plugin.code, self._loop))
            self._fetcher.give_back(attempt.rest)
        if late and self.threads.active == 0:
            _log.error(
                "plugin %s: %d handlers hang; it gets no more alerts until one returns",
                self._plugin.name,
                self.threads.hanging,
            )

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
                    return self.threads.release_slot()
                if self._fetcher.stopping.is_set() or self._breaker.is_open:
                    self._fetcher.give_back(burst)
        finally:
            if place is not None:
                place.leave()
            self._settlements.flush()
        return True

    def run_call(
        self, deliveries: list[Delivery], rest: Burst, place: PluginThread | None = None
    ) -> bool:
        """Make one call of the handler and settle it; False when the watchdog has settled it."""
        attempt = self._attempts.begin(deliveries, rest)
        failure: Failure | None = None
        context: Context | None = None
        try:
            context = self._plugin.context(deliveries)
            self._handle(deliveries, context, place)
        except BaseException as error:  # no exception of a plugin may end its worker
            failure = failure_of(error, self._plugin.code)
        changes = () if context is None else changes_of(context)
        if not self._attempts.claim(attempt):
            return False
        duration = attempt.duration
        self._share.ended(retry=attempt.retry, seconds=duration)
        self._fetcher.note_call(duration)
        if duration > LASTS_S:
            self._fetcher.give_back(rest)  # the next calls of this worker may be as slow
        if failure is not None:
            self._fail(attempt, failure, changes)
        elif self._settlements.delivered(deliveries, duration, changes):
            self._fetcher.wake()
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
        work = [one.alert for one in deliveries] if plugin.batch else deliveries[0].alert
        result = plugin.handle(work, context)
        if result is not None and inspect.isawaitable(result):
            if place is not None:
                place.leave()  # the coroutine runs on the event loop, which has its own place
            self._loop.run(result, plugin.settings.timeout)

    def _fail(self, attempt: Attempt, failure: Failure, changes: Changes = ()) -> None:
        if isinstance(failure.error, WorkerLost):
            self._breaker.withdrawn()
            self._settlements.give_back(attempt.deliveries)
        else:
            if not isinstance(failure.error, DECLARED):
                changes = ()
            self._settlements.failed(attempt.deliveries, failure, attempt.duration, changes)
        self._fetcher.wake()
