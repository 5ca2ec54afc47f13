"""Reports the outcomes of a plugin's attempts to the inbox, the log and the circuit breaker."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from incm_webhook.delivery.breaker import LONGEST_PAUSE_S
from incm_webhook.delivery.retry import delay, gives_up
from incm_webhook.delivery.standing import Standing
from incm_webhook.errors import ClosedError
from incm_webhook.plugin import Reject, Unavailable
from incm_webhook.text.failure_log import FailureLog

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from incm_webhook._core import Delivery
    from incm_webhook.delivery.breaker import Breaker
    from incm_webhook.delivery.source import Deliveries
    from incm_webhook.hosting.attempt import Failure
    from incm_webhook.hosting.loaded_plugin import LoadedPlugin
    from incm_webhook.state import Changes

INTERRUPTED = "the receiver ended before the plugin was done with the alert"  # as in the ledger
_LONGEST_WAIT_S = 1e9  # thirty years: the longest time that the inbox accepts

_log = logging.getLogger("incm_webhook.dispatcher")


class Settlements:
    """Settles the attempts of one plugin.

    Successes are collected until flush(), because settling several at once costs little more than
    settling one. A crash loses the collected ones, and their alerts are delivered again.
    Threads: any.
    """

    def __init__(
        self,
        receiver: Deliveries,
        plugin: LoadedPlugin,
        breaker: Breaker,
        rng: random.Random,
        on_dead: Callable[..., None],
    ) -> None:
        """Prepare to settle.

        Args:
            receiver: records the outcomes.
            plugin: whose attempts they are.
            breaker: learns of successes and failures.
            rng: the source of the jitter.
            on_dead: called for each delivery that has become a dead letter, with the reason; for
                one that is not settled yet also with a function that settles it.
        """
        self._receiver = receiver
        self._on_dead = on_dead
        self._plugin = plugin
        self._retry = plugin.settings.retry
        self._breaker = breaker
        self._rng = rng
        self._failures = FailureLog(f"plugin {plugin.name}", _log, time.monotonic)
        self._standing = Standing(plugin.name, time.monotonic)
        self._kept: deque[tuple[Sequence[Delivery], float]] = deque()  # a deque needs no lock
        self.last_failure = ""  # the line that describes it
        self.why_unavailable = ""  # what is wrong with the target; "" when nothing is known

    def delivered(
        self, deliveries: Sequence[Delivery], duration: float, changes: Changes = ()
    ) -> bool:
        """Collect a success for flush(); settle it at once when it changes the state.

        Args:
            deliveries: those of one call.
            duration: of the call, in seconds.
            changes: what the call changed in the state of the plugin. The next call reads it from
                the inbox, so it cannot wait here.

        Returns:
            Whether the success closed the breaker.
        """
        if _log.isEnabledFor(logging.DEBUG):
            for one in deliveries:
                _log.debug(
                    "alert %d to plugin %s: delivered in %.1f ms",
                    one.alert_id,
                    self._plugin.name,
                    duration * 1000,
                    extra={"facts": self._facts(one, duration)},
                )
        if changes:
            self._receiver.delivered(deliveries, [duration] * len(deliveries), changes)
        else:
            self._kept.append((deliveries, duration))
        return self._note_success()

    def flush(self) -> None:
        """Settle all collected successes in the inbox; they stay collected when that fails.

        Also writes the failure summaries that are due to the log.
        """
        self._failures.log_due()
        self._standing.look()
        kept: list[tuple[Sequence[Delivery], float]] = []
        with contextlib.suppress(IndexError):
            while True:
                kept.append(self._kept.popleft())
        if not kept:
            return
        delivered = [one for deliveries, _ in kept for one in deliveries]
        durations = [duration for deliveries, duration in kept for _ in deliveries]
        try:
            self._receiver.delivered(delivered, durations)
        except Exception:
            self._kept.extend(kept)
            raise

    def failed(
        self,
        deliveries: Sequence[Delivery],
        failure: Failure,
        duration: float,
        changes: Changes = (),
    ) -> list[str]:
        """Settle an attempt that raised: again later, or as dead letters.

        Returns:
            The name of the outcome of each delivery.
        """
        pause = 0.0
        if unavailable := isinstance(failure.error, Unavailable):
            # Before they are settled, so that the breaker is open when they are due again.
            self.why_unavailable = failure.account.line
            pause = self._breaker.unavailable()
        account = failure.account
        outcomes = [self._outcome_of(delivery, failure) for delivery in deliveries]
        names = [name for name, _ in outcomes]
        self._receiver.settle_failed(
            deliveries, outcomes, account.line, duration, account.traceback, changes
        )
        if unavailable:
            self._standing.unavailable(account.line, pause)
            return names
        for delivery, (outcome, wait) in zip(deliveries, outcomes, strict=True):
            self._note_failure(delivery, failure, outcome, wait, duration)
            if outcome in ("rejected", "dead"):
                self._on_dead(delivery, account.line)
        if isinstance(failure.error, Reject):
            self._note_success()  # a plugin that rejects an alert works
            return names
        self._standing.failed()
        self.last_failure = failure.account.line
        pause = self._breaker.failed(deliveries[0].alert_id)
        if pause:
            self._standing.opened(self._plugin.settings.breaker, pause)
        return names

    def without_expired(self, deliveries: list[Delivery]) -> list[Delivery]:
        """Make dead letters of those that the last process was interrupted in after `give_up`.

        They are settled after on_dead was called: a crash before that leads to another call.

        Returns:
            The others, which are to be attempted.
        """
        expired = [one for one in deliveries if one.tries < 1]
        if not expired:
            return deliveries
        for one in expired:
            self._on_dead(one, INTERRUPTED, partial(self._end_expired, one))
        return [one for one in deliveries if one.tries >= 1]

    def _end_expired(self, delivery: Delivery) -> None:
        with contextlib.suppress(ClosedError):
            self._receiver.settle_failed([delivery], [("dead", 0.0)], INTERRUPTED, 0.0, "")
        _log.error(
            "alert %d to plugin %s: dead letter after attempt %d: %s",
            delivery.alert_id,
            self._plugin.name,
            delivery.attempt,
            INTERRUPTED,
        )

    def close(self) -> None:
        """Log the failures that were counted and not logged yet."""
        self._failures.log_due(everything=True)

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Return deliveries that were not attempted: they are due again, and no attempt counts."""
        with contextlib.suppress(ClosedError):
            self._receiver.give_back(deliveries)

    def _note_success(self) -> bool:
        self.why_unavailable = ""
        self._standing.worked()
        return self._breaker.succeeded()

    def _outcome_of(self, delivery: Delivery, failure: Failure) -> tuple[str, float]:
        """Return the name of the outcome, and the seconds until the next attempt."""
        if isinstance(failure.error, Unavailable):
            # The wait grows with the attempts for an alert that finds the target unavailable while
            # others do not.
            wait = delay(self._retry, delivery.attempt, self._rng)
            return "unavailable", min(wait, LONGEST_PAUSE_S)
        if isinstance(failure.error, Reject):
            return "rejected", 0.0
        if gives_up(self._retry, delivery.age):
            return "dead", 0.0
        return "retry", self._wait_after(failure, delivery)

    def _note_failure(
        self, delivery: Delivery, failure: Failure, outcome: str, wait: float, duration: float
    ) -> None:
        where = f"alert {delivery.alert_id} to plugin {self._plugin.name}"
        times = f"attempt {delivery.attempt}"
        text = failure.account.line
        level = logging.ERROR
        if outcome == "retry":
            level = logging.WARNING
            sentence = f"{where}: {times} failed, again in {wait:.1f} s: {text}"
        elif outcome == "rejected":
            sentence = f"{where}: dead letter, rejected: {text}"
        else:
            sentence = f"{where}: dead letter after {times}: {text}"
        self._failures.note(level, sentence, failure.account, self._facts(delivery, duration))

    def _facts(self, delivery: Delivery, duration: float) -> dict[str, Any]:
        """Return what a line as JSON tells about an attempt."""
        return {
            "plugin": self._plugin.name,
            "alert_id": delivery.alert_id,
            "alert_type": delivery.alert.type,
            "attempt": delivery.attempt,
            "duration_s": duration,
        }

    def _wait_after(self, failure: Failure, delivery: Delivery) -> float:
        after = failure.after
        if after is None:
            after = delay(self._retry, delivery.tries, self._rng)
        return min(after, _LONGEST_WAIT_S)
