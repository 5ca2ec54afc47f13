"""Fetches one plugin's due deliveries, at its pace, and hands them to its workers."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from typing import TYPE_CHECKING

from incm_webhook.delivery.retry_share import LASTS_S
from incm_webhook.errors import InboxError
from incm_webhook.log import describe

if TYPE_CHECKING:
    from incm_webhook._core import Delivery
    from incm_webhook.delivery.breaker import Breaker
    from incm_webhook.delivery.rate_limit import RateLimit
    from incm_webhook.delivery.retry_share import RetryShare
    from incm_webhook.delivery.settlements import Settlements
    from incm_webhook.delivery.source import Deliveries
    from incm_webhook.delivery.under_way import AttemptsUnderWay
    from incm_webhook.hosting.attempt import Burst
    from incm_webhook.hosting.loaded_plugin import LoadedPlugin

PAUSE_S = 1.0  # after a failure of the inbox or of a worker, before the next try
_FETCH_WAIT_S = 30.0  # how long an idle worker sleeps in the core; a stop wakes it at once
_MAX_FETCHED = 128  # deliveries in one fetch; no other fetch runs while their lease is committed
_MAX_BATCH = 64  # alerts that a handler gets in one batch
_AHEAD_S = LASTS_S  # fetch about as many as are handled in this time: few wait behind a slow one
_BURST_S = 0.004  # a worker gets as many as it handles in this time, and settles them together

_log = logging.getLogger("incm_webhook.dispatcher")


class Fetcher:
    """Keeps the deliveries that are fetched and not attempted yet, and hands them out in bursts.

    One worker fetches at a time. It waits for deliveries, or for the plugin's pace, which the
    breaker and the rate set. The other workers wait for their turn, or handle their burst.
    Threads: any. Call give_back_ready() only when no worker is in next() any more.
    """

    def __init__(
        self,
        receiver: Deliveries,
        plugin: LoadedPlugin,
        breaker: Breaker,
        rate: RateLimit,
        share: RetryShare,
        attempts: AttemptsUnderWay,
        settlements: Settlements,
    ) -> None:
        self._receiver = receiver
        self._plugin = plugin
        self._breaker = breaker
        self._rate = rate  # only the holder of _fetching spends it
        self._share = share
        self._attempts = attempts
        self._settlements = settlements
        self._stopping = threading.Event()
        self._woken = threading.Event()  # the pace may have changed, or a stop is requested
        self._fetching = threading.Lock()
        self._ready: deque[Delivery] = deque()  # fetched, not attempted; guarded by _fetching
        self._mean_s = 0.0  # duration of a call; workers may overwrite each other's update

    @property
    def stopping(self) -> threading.Event:
        """An event that is set as soon as no new attempt may begin."""
        return self._stopping

    def stop(self) -> None:
        """Make every next() return an empty burst, those that wait now and all later calls."""
        self._stopping.set()
        self._woken.set()
        self._receiver.wake_fetchers()

    def wake(self) -> None:
        """Make the worker that waits for the pace check it again, because an attempt ended."""
        self._woken.set()

    def note_call(self, seconds: float) -> None:
        """Note how long a call of the handler took."""
        self._mean_s = 0.8 * self._mean_s + 0.2 * max(seconds, 1e-6)

    def next(self) -> Burst:
        """Wait for deliveries and return the next burst; empty when the worker should end.

        Raises:
            ClosedError: the inbox is closed.
        """
        with self._fetching:
            while not self._stopping.is_set():
                pause = max(self._breaker.wait(), self._rate.wait())
                if pause > 0:
                    self.give_back_ready()
                    self._woken.wait(min(pause, _FETCH_WAIT_S))
                    self._woken.clear()
                    continue
                if not self._plugin.ready():
                    break
                retries = self._attempts.retry_durations()
                if held := self._share.hold(self._ready, retries):
                    self._settlements.give_back(held)
                if self._ready:
                    return self._pop_burst()
                try:
                    fetched = self._fetch()
                except InboxError as error:
                    _log.error("plugin %s: %s", self._plugin.name, describe(error))
                    self._stopping.wait(PAUSE_S)
                    continue
                self._ready.extend(self._settlements.without_expired(fetched))
        return deque()

    def give_back(self, burst: Burst) -> None:
        """Give back the calls of a burst that have not begun.

        The worker of the burst and the watchdog may do this at the same time.
        """
        deliveries: list[Delivery] = []
        with contextlib.suppress(IndexError):
            while True:
                deliveries += burst.popleft()
        if deliveries:
            self._settlements.give_back(deliveries)
            self._rate.give_back(len(deliveries))
            self.wake()

    def give_back_ready(self) -> None:
        """Give back the fetched deliveries, because a crash would count each as an attempt."""
        if self._ready:
            self._settlements.give_back(list(self._ready))
            self._ready.clear()

    def _fetch(self) -> list[Delivery]:
        name, most = self._plugin.name, self._max_to_fetch()
        if self._share.new_first() and (fetched := self._receiver.fetch(name, most, 0.0, 0)):
            return fetched
        retries = self._share.limit(self._attempts.retry_durations())
        return self._receiver.fetch(name, most, _FETCH_WAIT_S, retries)

    def _max_to_fetch(self) -> int:
        if self._breaker.is_open:
            return 1  # the probe
        wanted = self._plugin.settings.concurrency
        if self._plugin.batch:
            wanted = _MAX_BATCH
        elif self._mean_s > 0.0:
            wanted = max(wanted, min(_MAX_FETCHED, int(wanted * _AHEAD_S / self._mean_s)))
        return max(1, self._rate.room(wanted))

    def _pop_burst(self) -> Burst:
        most = self._rate.room(_MAX_BATCH if self._plugin.batch else _MAX_FETCHED)
        if self._plugin.batch:
            batch = [self._ready.popleft()]
            # An alert that failed before is tried alone, so that others do not fail with it.
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
