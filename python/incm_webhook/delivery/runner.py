"""Runs one plugin: takes its due deliveries, calls it, and settles what became of each."""

from __future__ import annotations

import contextlib
import inspect
import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from incm_webhook.delivery.breaker import Breaker
from incm_webhook.delivery.plugin_state import PluginState
from incm_webhook.delivery.plugin_steps import PluginSteps
from incm_webhook.delivery.rate_limit import RateLimit
from incm_webhook.delivery.retry_share import LASTS_S, RetryShare
from incm_webhook.delivery.settlements import Settlements
from incm_webhook.delivery.worker_threads import WorkerThreads
from incm_webhook.errors import ClosedError, InboxError
from incm_webhook.hosting.attempt import Attempt, Burst, Failure, failure_of, time_out
from incm_webhook.hosting.event_loop import EventLoop
from incm_webhook.hosting.worker_protocol import WorkerLost
from incm_webhook.log import describe

if TYPE_CHECKING:
    import random

    from incm_webhook._core import Delivery, PluginThread, PythonWatch
    from incm_webhook.delivery.source import Deliveries
    from incm_webhook.hosting.loaded_plugin import LoadedPlugin

_TAKE_WAIT_S = 30.0  # how long an idle worker sleeps in the core; a stop wakes it at once
_MAX_TAKEN = 128  # deliveries taken at once: while their lease is committed, no more are taken
_MAX_BATCH = 64  # those that a handler gets at once
_AHEAD_S = LASTS_S  # take about as many as are handled in this, so that few wait behind a slow one
_BURST_S = 0.004  # a worker gets as many as it handles in this time, and settles them together
_PAUSE_S = 1.0  # after the inbox or a worker failed: what is full or broken needs no hammering

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
        self._receiver = receiver
        self._plugin = plugin
        self._settings = plugin.settings
        self._watch = watch
        self._loop = EventLoop(plugin.name, watch)
        self._steps = PluginSteps(plugin, self._loop, watch, rng)
        self._stopping = threading.Event()
        self._fetching = threading.Lock()  # its holder alone waits, for deliveries or for the pace
        self._ready: deque[Delivery] = deque()  # taken, not attempted; guarded by _fetching
        self._rate = RateLimit(self._settings.rate, time.monotonic)  # spent by _fetching's holder
        self._breaker = Breaker(self._settings.breaker, self._settings.retry, rng, time.monotonic)
        self._settlements = Settlements(receiver, plugin, self._breaker, rng)
        self._nudge = threading.Event()  # an attempt ended, or a stop is asked for
        self._attempts: set[Attempt] = set()  # under way; see _claim
        self._mean_s = 0.0  # how long a call takes; a worker may overwrite what another one noted
        self._threads = WorkerThreads(plugin.name, self._settings.concurrency, self._work)
        self._share = RetryShare(lambda: self._threads.places)
        self._state = PluginState(
            watch,
            plugin,
            self._steps,
            self._threads,
            self._breaker,
            self._rate,
            self._settlements,
        )

    @property
    def name(self) -> str:
        """The plugin's name."""
        return self._plugin.name

    def start(self) -> None:
        """Set the plugin up and start its workers, in a thread of their own."""
        self._state.look()
        self._steps.start(self._stopping, self._threads.fill)

    def expire(self) -> None:
        """Settle what waits for it, and attempts that outlived the plugin's time-out.

        What stands behind a call that lasts is given back, for another worker to do. A handler that
        hangs keeps its thread, and its result is ignored when it returns. When too many hang, the
        plugin waits for one to come back, and its deliveries wait in the inbox.
        """
        self._state.look()
        if self._steps.done:
            self._threads.fill()
        self._settlements.flush()
        for attempt in self._attempts.copy():
            if attempt.duration > _AHEAD_S:
                self._return(attempt.rest)
        limit = self._settings.timeout
        if self._plugin.limits_itself:
            return
        under_way = self._attempts.copy()
        if not any(one.duration > limit for one in under_way):
            return
        late = self._threads.give_up(
            lambda: [one for one in under_way if one.duration > limit and self._claim(one)]
        )
        for attempt in late:
            self._share.ended(retry=attempt.retry, seconds=attempt.duration)
            self._fail(attempt, time_out(attempt, limit, self._plugin.code, self._loop))
            self._return(attempt.rest)
        if late and self._threads.active == 0:
            _log.error(
                "plugin %s: %d handlers hang; it gets no more alerts until one returns",
                self._plugin.name,
                self._threads.hanging,
            )

    def ask_to_stop(self) -> None:
        """Let no worker begin anything new."""
        self._stopping.set()
        self._nudge.set()
        self._receiver.wake_takers()

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
        if not self._threads.join(deadline) or not ended:
            self._settlements.flush()  # what its worker did before
            _log.warning("plugin %s: still busy; its alert is delivered again", self._plugin.name)
            return False
        self._return_ready()
        self._settlements.close()
        if not self._plugin.limits_itself:
            self._steps.close(deadline)
        self._loop.stop()
        return True

    def _work(self) -> None:
        place = None  # of a plugin in a process of its own no code runs here
        if not self._plugin.limits_itself:
            place = self._watch.join(self._plugin.name, self._plugin.step)
        while self._goes_on(place):
            pass

    def _goes_on(self, place: PluginThread | None) -> bool:
        """Wait for deliveries and handle them; False when this worker is to end."""
        try:
            burst = self._next()
            return bool(burst) and self._run_all(burst, place)
        except ClosedError:
            _log.debug("plugin %s: the inbox is closed", self._plugin.name)
            return False
        except Exception as error:  # no memory or a defect: not in silence, not for good
            _log.critical("plugin %s: a worker failed: %s", self._plugin.name, describe(error))
            self._stopping.wait(_PAUSE_S)
            return True

    def _next(self) -> Burst:
        """Wait for deliveries. Empty: stop."""
        with self._fetching:
            while not self._stopping.is_set():
                pause = max(self._breaker.wait(), self._rate.wait())
                if pause > 0:
                    self._return_ready()
                    self._nudge.wait(min(pause, _TAKE_WAIT_S))
                    self._nudge.clear()
                    continue
                if not self._plugin.ready():
                    break
                if held := self._share.hold(self._ready, self._retries()):
                    self._settlements.give_back(held)
                if self._ready:
                    return self._pop()
                try:
                    taken = self._take()
                except InboxError as error:
                    _log.error("plugin %s: %s", self._plugin.name, describe(error))
                    self._stopping.wait(_PAUSE_S)
                    continue
                self._ready.extend(taken)
        return deque()

    def _take(self) -> list[Delivery]:
        name, wanted = self._plugin.name, self._appetite()
        if self._share.new_first() and (taken := self._receiver.take(name, wanted, 0.0, 0)):
            return taken
        return self._receiver.take(name, wanted, _TAKE_WAIT_S, self._share.limit(self._retries()))

    def _retries(self) -> list[float]:
        """How long each retry that is under way has lasted."""
        return [one.duration for one in self._attempts.copy() if one.retry]

    def _return_ready(self) -> None:
        """Give back what is not attempted soon: taken, it would count as an attempt in a crash."""
        if self._ready:
            self._settlements.give_back(list(self._ready))
            self._ready.clear()

    def _return(self, burst: Burst) -> None:
        """Give back what its worker has not begun; it and the watchdog may both be at it."""
        deliveries: list[Delivery] = []
        with contextlib.suppress(IndexError):
            while True:
                deliveries += burst.popleft()
        if deliveries:
            self._settlements.give_back(deliveries)
            self._rate.give_back(len(deliveries))
            self._nudge.set()  # who waits for the pace may wait for nothing now

    def _pop(self) -> Burst:
        most = self._rate.room(_MAX_BATCH if self._plugin.batch else _MAX_TAKEN)
        if self._plugin.batch:
            batch = [self._ready.popleft()]
            # What failed before is tried alone, so that it cannot spoil others.
            while batch[0].attempt == 1 and len(batch) < most and self._ready:
                if self._ready[0].attempt > 1:
                    break
                batch.append(self._ready.popleft())
            burst = deque([batch])
        else:
            known = self._mean_s > 0.0 and not self._breaker.is_open
            size = max(1, int(_BURST_S / self._mean_s)) if known else 1
            burst = self._share.burst(self._ready, min(size, most))
        self._rate.spend(sum(map(len, burst)))
        self._breaker.begin()
        return burst

    def _appetite(self) -> int:
        if self._breaker.is_open:
            return 1  # the probe
        wanted = self._settings.concurrency
        if self._plugin.batch:
            wanted = _MAX_BATCH
        elif self._mean_s > 0.0:
            wanted = max(wanted, min(_MAX_TAKEN, int(wanted * _AHEAD_S / self._mean_s)))
        return max(1, self._rate.room(wanted))

    def _run_all(self, burst: Burst, place: PluginThread | None = None) -> bool:
        """Handle and settle; False when this worker was given up and is not needed any more."""
        try:
            while burst:
                try:
                    call = burst.popleft()
                except IndexError:  # the watchdog was faster
                    break
                if not self._run(call, burst, place):
                    return self._threads.come_back()
                if self._stopping.is_set() or self._breaker.is_open:
                    self._return(burst)
        finally:
            if place is not None:
                place.leave()
            self._settlements.flush()
        return True

    def _run(
        self, deliveries: list[Delivery], rest: Burst, place: PluginThread | None = None
    ) -> bool:
        """Handle and settle one call; False when the watchdog has settled it."""
        attempt = Attempt(deliveries, rest)
        self._attempts.add(attempt)
        failure: Failure | None = None
        try:
            self._handle(deliveries, place)
        except BaseException as error:  # whatever a plugin raises stays with it
            failure = failure_of(error, self._plugin.code)
        if not self._claim(attempt):
            return False
        duration = attempt.duration
        self._share.ended(retry=attempt.retry, seconds=duration)
        self._mean_s = 0.8 * self._mean_s + 0.2 * max(duration, 1e-6)
        if duration > _AHEAD_S:
            self._return(rest)  # it would wait behind others like this
        if failure is not None:
            self._fail(attempt, failure)
        elif self._settlements.delivered(deliveries, duration):
            self._nudge.set()
        return True

    def _claim(self, attempt: Attempt) -> bool:
        """Take an attempt off those under way.

        Whoever gets True, its worker or the watchdog, settles it; the other one gets False. Adding
        to a set, copying it and removing from it need no lock: what is compared by identity runs no
        code of Python, so each is one step.
        """
        try:
            self._attempts.remove(attempt)
        except KeyError:
            return False
        return True

    def _fail(self, attempt: Attempt, failure: Failure) -> None:
        if isinstance(failure.error, WorkerLost):
            self._breaker.withdrawn()
            self._settlements.give_back(attempt.deliveries)
        else:
            self._settlements.failed(attempt.deliveries, failure, attempt.duration)
        self._nudge.set()

    def _handle(self, deliveries: list[Delivery], place: PluginThread | None) -> None:
        plugin = self._plugin
        if place is not None:
            place.enter(deliveries[0].alert_id)
        work = [one.alert for one in deliveries] if plugin.batch else deliveries[0].alert
        result = plugin.handle(work, plugin.context(deliveries))
        if result is not None and inspect.isawaitable(result):
            if place is not None:
                place.leave()  # the loop, on which it goes on, has a place of its own
            self._loop.run(result, self._settings.timeout)
