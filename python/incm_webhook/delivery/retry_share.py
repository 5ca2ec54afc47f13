"""How much of a plugin its retries may have, so that what hangs again does not hold new alerts."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from incm_webhook._core import Delivery
    from incm_webhook.hosting.attempt import Burst

LASTS_S = 0.1  # what takes longer is not done between two others that nobody misses
NO_LIMIT = sys.maxsize  # of retries under way


class RetryShare:
    """Shares a plugin's workers between retries and alerts never attempted, by time.

    While retries are brief they take turns with the others, by number. When one lasts, retries get
    half of the workers, also while nothing else waits: what comes finds a worker. With one worker,
    alerts never attempted go first after a retry that lasted, until they had as much time.
    Threads: any; what two of them note at once may be lost, as a share is no account.
    Source: own choice (docs/decisions.md).
    """

    def __init__(self, workers: Callable[[], int]) -> None:
        """Think that retries last, until one was brief.

        Args:
            workers: how many the plugin may have now.
        """
        self._workers = workers
        self._mean_s = LASTS_S  # of a retry
        self._owed_s = 0.0  # to those never attempted, by the only worker

    def ended(self, *, retry: bool, seconds: float) -> None:
        """Note how long an attempt took."""
        if retry:
            self._mean_s = 0.8 * self._mean_s + 0.2 * seconds
            self._owed_s = seconds if seconds >= LASTS_S else self._owed_s
        elif self._owed_s > 0.0:
            self._owed_s -= seconds

    def limit(self, under_way: Sequence[float]) -> int:
        """How many retries may be under way, with those that are.

        Args:
            under_way: how long those have lasted, in seconds.

        Returns:
            At least 1.
        """
        if self._mean_s < LASTS_S and not any(seconds >= LASTS_S for seconds in under_way):
            return NO_LIMIT
        return max(1, self._workers() // 2)

    def new_first(self) -> bool:
        """Whether an alert never attempted goes before a retry, if there is one."""
        return self._owed_s > 0.0 and self._workers() <= 1

    def hold(self, ready: deque[Delivery], under_way: Sequence[float]) -> list[Delivery]:
        """Take out those that were taken and have no place: others may have lasted since then.

        Args:
            ready: what is to be attempted next.
            under_way: as for limit().

        Returns:
            Retries, to be given back; the others stay in ready, in their order.
        """
        if not any(one.attempt > 1 for one in ready):
            return []
        room = self.limit(under_way) - len(under_way)
        if self.new_first() and any(one.attempt == 1 for one in ready):
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
        """Take the next ones out of ready, for one worker, at least one and at most `most`.

        A retry that may last is alone, so that nothing stands behind it.
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
