"""A circuit breaker: a plugin whose target is down is probed, not hammered."""

import math
import random
import threading
from collections.abc import Callable

from incm_webhook.delivery.retry import RetryPolicy, delay

LONGEST_PAUSE_S = 60.0  # so that a target that came back is noticed within a minute


class Breaker:
    """Decides whether one plugin's next delivery may be attempted now.

    Closed, it lets everything pass. When the attempts of `threshold` different alerts failed with
    no success between them, it opens: nothing passes for a pause, then one probe; a probe that
    fails doubles the pause, a success closes it. One alert that fails again and again opens
    nothing: it waits for its own retry.
    Threads: any.
    Source: own choice.
    """

    def __init__(
        self,
        threshold: int,
        policy: RetryPolicy,
        rng: random.Random,
        clock: Callable[[], float],
    ) -> None:
        """Make a closed breaker.

        Args:
            threshold: how many different alerts must fail in a row; 0 never opens.
            policy: its first and factor make the pauses, up to 60 s.
            rng: where the jitter comes from.
            clock: monotonic seconds.
        """
        self._threshold = threshold
        self._policy = policy
        self._rng = rng
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: set[int] = set()
        self._openings = 0  # in a row; 0: closed
        self._probe_at = 0.0
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether deliveries are held back."""
        return self._openings > 0

    def wait(self) -> float:
        """Seconds until an attempt may begin: 0 now, inf while a probe is under way."""
        with self._lock:
            if self._openings == 0:
                return 0.0
            return math.inf if self._probing else max(0.0, self._probe_at - self._clock())

    def begin(self) -> None:
        """Note that an attempt begins; when open, it is the probe."""
        with self._lock:
            self._probing = self._openings > 0

    def withdrawn(self) -> None:
        """Note that an attempt ended and says nothing about the plugin."""
        with self._lock:
            self._probing = False

    def succeeded(self) -> bool:
        """Note a success; True when that closed it."""
        # Mostly there is nothing to change, which is seen without the lock: failed() opens before
        # it forgets, and here what it forgets is looked at first.
        if not self._failed and self._openings == 0:
            return False
        with self._lock:
            closed = self._openings > 0
            self._failed.clear()
            self._openings, self._probing = 0, False
            return closed

    def failed(self, alert_id: int) -> float:
        """Note a failed attempt at this alert; the pause in seconds when that opened it, else 0."""
        if self._threshold == 0:
            return 0.0
        with self._lock:
            if self._openings == 0:
                self._failed.add(alert_id)
                if len(self._failed) < self._threshold:
                    return 0.0
            elif not self._probing:
                return 0.0  # it began before the breaker opened
            self._openings, self._probing = self._openings + 1, False
            self._failed.clear()
            pause = min(delay(self._policy, self._openings, self._rng), LONGEST_PAUSE_S)
            self._probe_at = self._clock() + pause
            return pause
