"""What became of a plugin's attempts, told to the inbox, the log and the circuit breaker."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from typing import TYPE_CHECKING

from incm_webhook.errors import ClosedError
from incm_webhook.log import describe, printable, said_by
from incm_webhook.plugin import Reject, Retry
from incm_webhook.retry import delay, gives_up
from incm_webhook.worker_protocol import WorkerError

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from incm_webhook._core import Delivery
    from incm_webhook.breaker import Breaker
    from incm_webhook.deliveries import Deliveries
    from incm_webhook.handler import LoadedPlugin

_LONGEST_WAIT_S = 1e9  # thirty years: no time that the inbox takes is longer

_log = logging.getLogger("incm_webhook.dispatcher")


class Settlements:
    """Settles the attempts of one plugin.

    Successes are kept until flush(), since settling several at once costs little more than one.
    What a crash loses of them is delivered again.
    Threads: any.
    """

    def __init__(
        self, receiver: Deliveries, plugin: LoadedPlugin, breaker: Breaker, rng: random.Random
    ) -> None:
        self._receiver = receiver
        self._plugin = plugin
        self._retry = plugin.settings.retry
        self._breaker = breaker
        self._rng = rng
        self._kept: deque[tuple[Sequence[Delivery], float]] = deque()  # a deque needs no lock

    def delivered(self, deliveries: Sequence[Delivery], duration: float) -> bool:
        """Keep a success for flush(); duration in seconds, of each. True: it closed the breaker."""
        self._kept.append((deliveries, duration))
        return self._note_success()

    def flush(self) -> None:
        """Tell the inbox all successes that were kept; they stay kept when that fails."""
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
        self, deliveries: Sequence[Delivery], failure: BaseException, duration: float
    ) -> None:
        """Settle an attempt that raised: again later, or as dead letters."""
        for delivery in deliveries:
            self._settle_failure(delivery, failure, duration)
        if isinstance(failure, Reject):
            self._note_success()  # it works, and says so
            return
        pause = self._breaker.failed(deliveries[0].alert_id)
        if pause:
            _log.error(
                "plugin %s: fails with every alert; its deliveries wait, one is tried in %.1f s",
                self._plugin.name,
                pause,
            )

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Return what was not attempted: it can be taken again, and no attempt counts."""
        with contextlib.suppress(ClosedError):
            self._receiver.give_back(deliveries)

    def _note_success(self) -> bool:
        closed = self._breaker.succeeded()
        if closed:
            _log.info("plugin %s: works again", self._plugin.name)
        return closed

    def _settle_failure(self, delivery: Delivery, failure: BaseException, duration: float) -> None:
        where = f"alert {delivery.alert_id} to plugin {self._plugin.name}"
        times = f"attempt {delivery.attempt}"
        text = text_of(failure)
        if isinstance(failure, Reject):
            _log.error("%s: dead letter, rejected: %s", where, text)
            self._receiver.dead(delivery, text, duration)
            return
        wait = self._wait_after(failure, delivery)
        if gives_up(self._retry, delivery.age):
            _log.error("%s: dead letter after %s: %s", where, times, text)
            self._receiver.dead(delivery, text, duration)
        else:
            _log.warning("%s: %s failed, again in %.1f s: %s", where, times, wait, text)
            self._receiver.retry(delivery, wait, text, duration)

    def _wait_after(self, failure: BaseException, delivery: Delivery) -> float:
        after = failure.after if isinstance(failure, Retry) else None
        # A subclass may have set it to anything, NaN too.
        if not isinstance(after, int | float) or not after >= 0:
            after = delay(self._retry, delivery.tries, self._rng)
        return min(after, _LONGEST_WAIT_S)


def text_of(failure: BaseException) -> str:
    """Say what there is to say about a failure, on one line that can be stored."""
    if isinstance(failure, Reject):
        return printable(said_by(failure.reason))
    return str(failure) if isinstance(failure, WorkerError) else describe(failure)
