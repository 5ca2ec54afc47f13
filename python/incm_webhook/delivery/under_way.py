"""The attempts of one plugin that have begun and are not settled yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incm_webhook.hosting.attempt import Attempt

if TYPE_CHECKING:
    from incm_webhook._core import Delivery
    from incm_webhook.hosting.attempt import Burst


class AttemptsUnderWay:
    """The set of attempts that are under way; lets each of them be settled once.

    Threads: any. Adding to the set, copying it and removing from it need no lock: attempts are
    compared by identity, which runs no Python code, so each of these steps is atomic.
    """

    def __init__(self) -> None:
        self._attempts: set[Attempt] = set()

    def begin(self, deliveries: list[Delivery], rest: Burst | None = None) -> Attempt:
        """Note that the calling thread begins an attempt, and will handle `rest` after it."""
        attempt = Attempt(deliveries, rest)
        self._attempts.add(attempt)
        return attempt

    def claim(self, attempt: Attempt) -> bool:
        """Remove an attempt from those under way, in order to settle it.

        Returns:
            True for the first caller, the worker or the watchdog, which must settle the attempt;
            False for the other.
        """
        try:
            self._attempts.remove(attempt)
        except KeyError:
            return False
        return True

    def all(self) -> set[Attempt]:
        """Return the attempts that are under way now."""
        return self._attempts.copy()

    def retry_durations(self) -> list[float]:
        """Return how long each retry that is under way has lasted, in seconds."""
        return [one.duration for one in self._attempts.copy() if one.retry]
