"""A circuit breaker: while a plugin's target is down, only probes reach it."""

import math
import random
import threading
from collections.abc import Callable

from incm_webhook.delivery.retry import RetryPolicy, delay

LONGEST_PAUSE_S = 60.0  # so that the recovery of a target is noticed within a minute
_SHOWN_FROM = 5  # failed alerts: a breaker that failures never open shows them as others would


class Breaker:
    """Decides whether one plugin's next delivery may be attempted now.

    A closed breaker lets every attempt pass. It opens when attempts at `threshold` different alerts
    have failed without a success in between, or when one attempt found the target unavailable. An
    open breaker lets nothing pass for a pause, then one probe: when the probe fails, the next pause
    is longer; when it succeeds, the breaker closes.
    A single alert that fails again and again does not open the breaker: it waits for its own retry.
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
            threshold: how many different alerts must fail in a row; 0: failures never open it.
            policy: its first and factor determine the pauses, up to 60 s.
            rng: the source of the jitter.
            clock: returns monotonic seconds.
        """
        self._threshold = threshold
        self._policy = policy
        self._rng = rng
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: set[int] = set()
        self._openings = 0  # in a row; 0 when closed
        self._probe_at = 0.0
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether deliveries are held back."""
        return self._openings > 0

    @property
    def is_failing(self) -> bool:
        """Whether five different alerts failed in a row, and failures never open the breaker."""
        return self._threshold == 0 and len(self._failed) >= _SHOWN_FROM

    def wait(self) -> float:
        """Return the seconds until an attempt may begin: 0 for now, inf while a probe runs."""
        if self._openings == 0:  # the usual case, which needs no lock
            return 0.0
        with self._lock:
            if self._openings == 0:
                return 0.0
            return math.inf if self._probing else max(0.0, self._probe_at - self._clock())

    def begin(self) -> None:
        """Note that an attempt begins; while the breaker is open, this attempt is the probe."""
        if self._openings == 0 and not self._probing:  # the usual case, which needs no lock
            return
        with self._lock:
            self._probing = self._openings > 0

    def withdrawn(self) -> None:
        """Note that an attempt ended without a result that counts for or against the plugin."""
        with self._lock:
            self._probing = False

    def succeeded(self) -> bool:
        """Note a success; return True when it closed the breaker."""
        # In most cases nothing changes, and these checks need no lock: failed() increases _openings
        # before it clears _failed, and the checks read them in the opposite order.
        if not self._failed and self._openings == 0:
            return False
        with self._lock:
            closed = self._openings > 0
            self._failed.clear()
            self._openings, self._probing = 0, False
            return closed

    def failed(self, alert_id: int) -> float:
        """Note a failed attempt at an alert.

        Returns:
            The pause in seconds when the failure opened the breaker, else 0.
        """
        with self._lock:
            if self._openings == 0:
                if len(self._failed) < (self._threshold or _SHOWN_FROM):
                    self._failed.add(alert_id)
                if self._threshold == 0 or len(self._failed) < self._threshold:
                    return 0.0
            return self._open()

    def unavailable(self) -> float:
        """Note an attempt that found the target unavailable.

        Returns:
            The pause in seconds when this opened the breaker, else 0.
        """
        with self._lock:
            return self._open()

    def _open(self) -> float:
        if self._openings > 0 and not self._probing:
            return 0.0  # the attempt began before the breaker opened
        self._openings, self._probing = self._openings + 1, False
        self._failed.clear()
        pause = min(delay(self._policy, self._openings, self._rng), LONGEST_PAUSE_S)
        self._probe_at = self._clock() + pause
        return pause
