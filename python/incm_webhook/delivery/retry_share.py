"""Limits the share of a plugin's workers that retries may use, so that new alerts get through."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from incm_webhook._core import Delivery
    from incm_webhook.hosting.attempt import Burst

LASTS_S = 0.1  # an attempt that takes longer counts as slow: others should not wait behind it
NO_LIMIT = sys.maxsize  # retries under way


class RetryShare:
    """Shares a plugin's workers by time between retries and alerts that were never attempted.

    While retries are short, the two kinds take turns. When retries are slow (LASTS_S), they get at
    most half of the workers, even while nothing else waits, so that a new alert finds a worker.
    With a single worker, alerts that were never attempted go first after a slow retry, until they
    have had as much time as that retry.
    Threads: any. When two threads note durations at once, one may be lost: a share need not be
    exact.
    Source: own choice (docs/decisions.md).
    """

    def __init__(self, workers: Callable[[], int]) -> None:
        """Start with the assumption that retries are slow.

        Args:
            workers: returns how many workers the plugin may have now.
        """
        self._workers = workers
        self._mean_s = LASTS_S  # mean duration of a retry
        self._owed_s = 0.0  # time that a single worker owes to alerts never attempted

    def ended(self, *, retry: bool, seconds: float) -> None:
        """Note the duration of an attempt, in seconds."""
        if retry:
            self._mean_s = 0.8 * self._mean_s + 0.2 * seconds
            self._owed_s = seconds if seconds >= LASTS_S else self._owed_s
        elif self._owed_s > 0.0:
            self._owed_s -= seconds

    def limit(self, under_way: Sequence[float]) -> int:
        """Return how many retries may be under way, including those that are now.

        Args:
            under_way: how long each retry under way has lasted, in seconds.

        Returns:
            At least 1.
        """
        if self._mean_s < LASTS_S and not any(seconds >= LASTS_S for seconds in under_way):
            return NO_LIMIT
        return max(1, self._workers() // 2)

    def new_first(self) -> bool:
        """Return whether an alert that was never attempted should go before any retry."""
        return self._owed_s > 0.0 and self._workers() <= 1

    def hold(self, ready: deque[Delivery], under_way: Sequence[float]) -> list[Delivery]:
        """Remove the retries that no longer fit the limit, which may have sunk since their fetch.

        Args:
            ready: the fetched deliveries that wait for an attempt.
            under_way: as for limit().

        Returns:
            The removed retries, which the caller must give back. The other deliveries stay in
            ready, in their order.
        """
        most, new_first = self.limit(under_way), self.new_first()
        if most == NO_LIMIT and not new_first:
            return []
        room = most - len(under_way)
        if new_first and any(one.attempt == 1 for one in ready):
            room = 0
        held: list[Delivery] = []
        for _ in range(len(ready)):
            one = ready.popleft()
            if one.attempt == 1:
                ready.append(one)
            elif room > 0:
                room -= 1
                ready.append(one)
            else:
                held.append(one)
        return held

    def burst(self, ready: deque[Delivery], most: int) -> Burst:
        """Remove the next deliveries from ready for one worker: at least one, at most `most`.

        A retry that may be slow is alone in its burst, so that no delivery waits behind it.
        """
        burst: Burst = deque()
        while ready and len(burst) < most:
            is_alone = ready[0].attempt > 1 and self._mean_s >= LASTS_S
            if is_alone and burst:
                break
            burst.append([ready.popleft()])
            if is_alone:
                break
        return burst
