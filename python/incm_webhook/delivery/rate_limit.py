"""Limits the rate at which a plugin gets alerts."""

import threading
from collections.abc import Callable

from incm_webhook.config.rate import Rate


class RateLimit:
    """A token bucket that holds the count of one period, and fills evenly over the period.

    After a quiet period the whole count may go at once; over a longer time the rate is kept.
    Threads: any may call wait() and give_back(); one at a time may call the others.
    Source: own choice.
    """

    def __init__(self, rate: Rate | None, clock: Callable[[], float]) -> None:
        """Make a full bucket. A rate of None limits nothing; clock returns monotonic seconds."""
        self._rate = rate
        self._clock = clock
        self._tokens = float(rate.count) if rate else 0.0
        self._filled_at = clock()
        self._lock = threading.Lock()  # guards _tokens and _filled_at

    def wait(self) -> float:
        """Return the seconds until one alert may go; 0 when it may go now."""
        if self._rate is None:
            return 0.0
        self._fill(self._rate)
        return max(0.0, (1.0 - self._tokens) * self._rate.period / self._rate.count)

    def room(self, most: int) -> int:
        """Return how many alerts may go now, up to `most`."""
        if self._rate is None:
            return most
        self._fill(self._rate)
        return min(most, int(self._tokens))

    def spend(self, count: int) -> None:
        """Note that `count` alerts went."""
        if self._rate is None:
            return
        with self._lock:
            self._tokens -= count

    def give_back(self, count: int) -> None:
        """Note that `count` alerts of those that were spent did not go."""
        with self._lock:
            self._tokens += count

    def _fill(self, rate: Rate) -> None:
        with self._lock:
            now = self._clock()
            gained = (now - self._filled_at) * rate.count / rate.period
            self._tokens = min(float(rate.count), self._tokens + gained)
            self._filled_at = now
