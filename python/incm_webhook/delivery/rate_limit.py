"""A limit on how many alerts a plugin gets in a time."""

import threading
from collections.abc import Callable

from incm_webhook.config.rate import Rate


class RateLimit:
    """A token bucket: holds the count of one period, and fills evenly over it.

    After a quiet period all of the count may go at once; in the long run the rate is kept.
    Threads: wait() and give_back() from any, the others from one at a time. Source: own choice.
    """

    def __init__(self, rate: Rate | None, clock: Callable[[], float]) -> None:
        """Make a full bucket; None limits nothing. clock: monotonic seconds."""
        self._rate = rate
        self._clock = clock
        self._tokens = float(rate.count) if rate else 0.0
        self._filled_at = clock()
        self._lock = threading.Lock()  # guards what is changed: the two above

    def wait(self) -> float:
        """Seconds until one may go; 0 now."""
        if self._rate is None:
            return 0.0
        self._fill(self._rate)
        return max(0.0, (1.0 - self._tokens) * self._rate.period / self._rate.count)

    def room(self, most: int) -> int:
        """How many may go now, at most `most`."""
        if self._rate is None:
            return most
        self._fill(self._rate)
        return min(most, int(self._tokens))

    def spend(self, count: int) -> None:
        """Note that so many went."""
        with self._lock:
            self._tokens -= count

    def give_back(self, count: int) -> None:
        """Note that so many did not go after all."""
        with self._lock:
            self._tokens += count

    def _fill(self, rate: Rate) -> None:
        with self._lock:
            now = self._clock()
            gained = (now - self._filled_at) * rate.count / rate.period
            self._tokens = min(float(rate.count), self._tokens + gained)
            self._filled_at = now
