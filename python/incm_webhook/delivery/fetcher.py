"""Fetches one plugin's due deliveries, at its pace, and hands them out for calls of its handler."""

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
    """Keeps the deliveries that are fetched and not attempted yet, and hands them out.

    Shape: worker threads call next(), which waits. One of them fetches at a time: it waits for
    deliveries, or for the plugin's pace, which the breaker and the rate set. The other workers wait
    for their turn, or handle their burst.
    For the tasks of an event loop, one thread calls fetch_ahead(), and the loop calls take(), which
    never waits, and ask_if_low().
    Threads: any.
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
        self._rate = rate  # only the holder of _fetching, or the loop, spends it
        self._share = share
        self._attempts = attempts
        self._settlements = settlements
        self._stopping = threading.Event()
        self._woken = threading.Event()  # the pace may have changed, or a stop is requested
        self._asked = threading.Event()  # the loop needs more deliveries, or a stop is requested
        self._asked.set()
        self._fetching = threading.Lock()
        self._handing_out = threading.Lock()  # guards _ready, and is never held during a wait
        self._ready: deque[Delivery] = deque()  # fetched, not attempted
        self._mean_s = 0.0  # duration of a call; workers may overwrite each other's update

    @property
    def stopping(self) -> threading.Event:
        """An event that is set as soon as no new attempt may begin."""
        return self._stopping

    @property
    def ready(self) -> int:
        """How many deliveries are fetched and not attempted."""
        return len(self._ready)

    def stop(self) -> None:
        """Let no attempt begin, and make next() and fetch_ahead() return at once, now and later."""
        self._stopping.set()
        self._woken.set()
        self._asked.set()
        self._receiver.hurry(self._plugin.name)

    def wake(self) -> None:
        """Make the thread that waits for the pace check it again, because an attempt ended."""
        self._woken.set()

    def must_pause(self) -> bool:
        """Whether no attempt may begin before the pace has been waited for."""
        return self._stopping.is_set() or self._breaker.is_open

    def note_call(self, seconds: float) -> None:
        """Note how long a call of the handler took."""
        self._mean_s = 0.8 * self._mean_s + 0.2 * max(seconds, 1e-6)

    def next(self) -> Burst:
        """Wait for deliveries and return the next burst; empty when the worker should end.

        Raises:
            ClosedError: the inbox is closed.
        """
        with self._fetching:
            while self._wait_for_pace():
                self._hold()
                if self._ready:
                    return self._pop_burst(self._burst_size())
                self._fetch()
        return deque()

    def fetch_ahead(self) -> bool:
        """Wait until the loop asks, then for deliveries; False when the thread should end.

        Raises:
            ClosedError: the inbox is closed.
        """
        while not self._stopping.is_set():
            self._asked.wait()
            if self._wait_for_pace() and self._fetch():
                self._asked.clear()  # only now: while it waited, the loop asked again and again
                return True
        return False

    def take(self) -> list[Delivery]:
        """Return the deliveries of one call that must begin now; none when none may begin."""
        if self._stopping.is_set() or max(self._breaker.wait(), self._rate.wait()) > 0:
            self.give_back_ready()
            return []
        with self._handing_out:
            begins_with_retry = bool(self._ready) and self._ready[0].attempt > 1
        if begins_with_retry:
            self._hold()
        with self._handing_out:
            if not self._ready:
                return []
            if self._plugin.batch:
                call = self._pop_batch(self._rate.room(_MAX_BATCH))
            else:
                call = [self._ready.popleft()]
        self._rate.spend(len(call))
        self._breaker.begin()
        return call

    def ask_if_low(self, free: int, ready: int) -> None:
        """Have more deliveries fetched, if fewer are ready than the loop will soon need.

        Args:
            free: how many further calls may begin now.
            ready: how many deliveries are ready for them.
        """
        low = 0 if free > 0 else -1
        if 0.0 < self._mean_s < LASTS_S:
            low = self._wanted() // 2  # brief calls: they come before they are needed
        if ready <= low:
            self._asked.set()

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
        with self._handing_out:
            ready = list(self._ready)
            self._ready.clear()
        if ready:
            self._settlements.give_back(ready)

    def _wait_for_pace(self) -> bool:
        """Wait until an attempt may begin; False when none will."""
        while not self._stopping.is_set():
            pause = max(self._breaker.wait(), self._rate.wait())
            if pause <= 0:
                return self._plugin.ready()
            self.give_back_ready()
            self._woken.wait(min(pause, _FETCH_WAIT_S))
            self._woken.clear()
        return False

    def _fetch(self) -> bool:
        """Wait for deliveries; False when there are none yet."""
        try:
            fetched = self._fetched()
        except InboxError as error:
            _log.error("plugin %s: %s", self._plugin.name, describe(error))
            self._stopping.wait(PAUSE_S)
            return False
        attempted = self._settlements.without_expired(fetched)
        with self._handing_out:
            self._ready.extend(attempted)
        if self._stopping.is_set():  # perhaps nobody looks any more at what is ready
            self.give_back_ready()
            return False
        return bool(attempted)

    def _fetched(self) -> list[Delivery]:
        name, most = self._plugin.name, self._max_to_fetch()
        if self._share.new_first() and (fetched := self._receiver.fetch(name, most, 0.0, 0)):
            return fetched
        retries = self._share.limit(self._attempts.retry_durations())
        return self._receiver.fetch(name, most, _FETCH_WAIT_S, retries)

    def _max_to_fetch(self) -> int:
        if self._breaker.is_open:
            return 1  # the probe
        return max(1, self._rate.room(self._wanted()) - len(self._ready))

    def _wanted(self) -> int:
        """Return how many deliveries should be ready, as far as the rate allows."""
        wanted = self._plugin.settings.concurrency
        if self._plugin.batch:
            return _MAX_BATCH
        if self._mean_s > 0.0:
            wanted = max(wanted, min(_MAX_FETCHED, int(wanted * _AHEAD_S / self._mean_s)))
        return wanted

    def _burst_size(self) -> int:
        known = self._mean_s > 0.0 and not self._breaker.is_open
        return max(1, int(_BURST_S / self._mean_s)) if known else 1

    def _hold(self) -> None:
        """Give back the fetched retries for which there is no room any more."""
        with self._handing_out:
            held = self._share.hold(self._ready, self._attempts.retry_durations())
        if held:
            self._settlements.give_back(held)

    def _pop_burst(self, size: int) -> Burst:
        """Remove the next calls from those that are ready, at most `size`; they begin now."""
        with self._handing_out:
            if not self._ready:
                return deque()
            most = self._rate.room(_MAX_BATCH if self._plugin.batch else _MAX_FETCHED)
            if self._plugin.batch:
                burst = deque([self._pop_batch(most)])
            else:
                burst = self._share.burst(self._ready, min(size, most))
        self._rate.spend(sum(map(len, burst)))
        self._breaker.begin()
        return burst

    def _pop_batch(self, most: int) -> list[Delivery]:
        batch = [self._ready.popleft()]
        # An alert that failed before is tried alone, so that others do not fail with it.
        while batch[0].attempt == 1 and len(batch) < most and self._ready:
            if self._ready[0].attempt > 1:
                break
            batch.append(self._ready.popleft())
        return batch
