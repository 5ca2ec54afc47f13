"""The attempts of one plugin that have begun and are not settled yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incm_webhook.hosting.attempt import Attempt

if TYPE_CHECKING:
    from incm_webhook._core import Delivery
    from incm_webhook.hosting.attempt import Burst


class AttemptsUnderWay:
    """Knows which attempts are under way, and lets each be settled once.

    Threads: any. Adding to a set, copying it and removing from it need no lock: what is compared by
    identity runs no code of Python, so each is one step.
    """

    def __init__(self) -> None:
        self._attempts: set[Attempt] = set()

    def begin(self, deliveries: list[Delivery], rest: Burst) -> Attempt:
        """Note that the calling worker begins one, and is to handle rest after it."""
        attempt = Attempt(deliveries, rest)
        self._attempts.add(attempt)
        return attempt

    def claim(self, attempt: Attempt) -> bool:
        """Take an attempt off those under way.

        Whoever gets True, its worker or the watchdog, settles it; the other one gets False.
        """
        try:
            self._attempts.remove(attempt)
        except KeyError:
            return False
        return True

    def all(self) -> set[Attempt]:
        """Return those under way now."""
        return self._attempts.copy()

    def retry_durations(self) -> list[float]:
        """Return how long each retry that is under way has lasted, in seconds."""
        return [one.duration for one in self._attempts.copy() if one.retry]
