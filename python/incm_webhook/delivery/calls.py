"""Begins and ends the calls of one plugin's handler, in whatever it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incm_webhook.hosting.worker_protocol import WorkerLost
from incm_webhook.plugin import DECLARED
from incm_webhook.state import changes_of
from incm_webhook.tracing.attempts import current

if TYPE_CHECKING:
    from collections.abc import Callable

    from incm_webhook._core import Delivery
    from incm_webhook.delivery.breaker import Breaker
    from incm_webhook.delivery.fetcher import Fetcher
    from incm_webhook.delivery.retry_share import RetryShare
    from incm_webhook.delivery.settlements import Settlements
    from incm_webhook.delivery.under_way import AttemptsUnderWay
    from incm_webhook.hosting.attempt import Attempt, Burst, Failure
    from incm_webhook.hosting.loaded_plugin import LoadedPlugin
    from incm_webhook.plugin import Context
    from incm_webhook.state import Changes


class Calls:
    """Notes the beginning of each call, and settles it once: when it ends, or when it is too late.

    Threads: any.
    """

    def __init__(
        self,
        plugin: LoadedPlugin,
        fetcher: Fetcher,
        attempts: AttemptsUnderWay,
        share: RetryShare,
        breaker: Breaker,
        settlements: Settlements,
    ) -> None:
        self._limit = plugin.settings.timeout
        self._fetcher = fetcher
        self._attempts = attempts
        self._share = share
        self._breaker = breaker
        self._settlements = settlements
        self._plugin = plugin
        self._spans = current()

    def begin(self, deliveries: list[Delivery], rest: Burst | None = None) -> Attempt:
        """Note that a call begins, and that its thread will handle `rest` after it."""
        return self._attempts.begin(deliveries, rest)

    def context(self, attempt: Attempt) -> Context:
        """Make the context of a call, and begin its spans."""
        context = self._plugin.context(attempt.deliveries)
        if self._spans is not None:
            attempt.spans = self._spans.begin(attempt.deliveries, context)
        return context

    def work_of(self, deliveries: list[Delivery]) -> object:
        """Return what the handler is called with: an alert, or a list of alerts."""
        return [one.alert for one in deliveries] if self._plugin.batch else deliveries[0].alert

    def end(self, attempt: Attempt, failure: Failure | None, context: Context | None) -> bool:
        """Settle a call that has returned or raised.

        Args:
            attempt: the call.
            failure: what it raised.
            context: of the call; None when it could not be made.

        Returns:
            False when the watchdog has settled it already.
        """
        changes = () if context is None else changes_of(context)
        if not self._attempts.claim(attempt):
            return False
        duration = attempt.duration
        self._share.ended(retry=attempt.retry, seconds=duration)
        self._fetcher.note_call(duration)
        if failure is not None:
            self._fail(attempt, failure, changes)
        else:
            if self._settlements.delivered(attempt.deliveries, duration, changes):
                self._fetcher.wake()
            self._end_spans(attempt, [], None)
        return True

    def flush(self) -> None:
        """Settle the successes that were collected."""
        self._settlements.flush()

    def under_way(self) -> set[Attempt]:
        """Return the calls that are under way."""
        return self._attempts.all()

    def is_late(self) -> bool:
        """Whether a call exceeds the plugin's time-out."""
        return any(one.duration > self._limit for one in self._attempts.all())

    def claim_late(self) -> list[Attempt]:
        """Claim the calls that exceed the plugin's time-out; the caller must give each up."""
        late = (one for one in self._attempts.all() if one.duration > self._limit)
        return [one for one in late if self._attempts.claim(one)]

    def claim_all(self) -> list[Attempt]:
        """Claim every call that is under way; the caller must give each up."""
        return [one for one in self._attempts.all() if self._attempts.claim(one)]

    def give_up(self, attempt: Attempt, describe: Callable[[Attempt], Failure]) -> None:
        """Settle a claimed call as failed, as `describe` describes it."""
        self._share.ended(retry=attempt.retry, seconds=attempt.duration)
        self._fail(attempt, describe(attempt))
        self._fetcher.give_back(attempt.rest)

    def _fail(self, attempt: Attempt, failure: Failure, changes: Changes = ()) -> None:
        if isinstance(failure.error, WorkerLost):
            self._breaker.withdrawn()
            self._settlements.give_back(attempt.deliveries)
        else:
            if not isinstance(failure.error, DECLARED):
                changes = ()
            outcomes = self._settlements.failed(
                attempt.deliveries, failure, attempt.duration, changes
            )
            self._end_spans(attempt, outcomes, failure)
        self._fetcher.wake()

    def _end_spans(self, attempt: Attempt, outcomes: list[str], failure: Failure | None) -> None:
        """End the spans of a settled call; they are sent later, by another thread."""
        if not attempt.spans or self._spans is None:
            return
        self._spans.end(
            attempt.spans,
            self._plugin.name,
            attempt.duration,
            len(attempt.deliveries),
            outcomes,
            failure,
        )
