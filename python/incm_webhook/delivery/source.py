"""The part of the receiver that the dispatcher uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from incm_webhook._core import Delivery


class Deliveries(Protocol):
    """Hands out due deliveries and records their outcomes; `_core.Receiver` implements it.

    Errors: ClosedError from fetch() after stop(); InboxError when the inbox cannot be used.
    Threads: any.
    """

    def fetch(
        self, plugin: str, max_items: int, timeout: float, max_retries: int
    ) -> list[Delivery]:
        """Wait up to `timeout` seconds for due deliveries of a plugin, at most `max_items`.

        At most `max_retries` retries of the plugin are leased at a time, over all calls.
        """

    def delivered(self, deliveries: Sequence[Delivery], durations: Sequence[float]) -> None:
        """Record successes, each with its duration in seconds."""

    def retry(
        self, delivery: Delivery, delay: float, error: str, duration: float, traceback: str
    ) -> None:
        """Record a failure, and try again after `delay` seconds; traceback "" means none."""

    def dead(self, delivery: Delivery, error: str, duration: float, traceback: str) -> None:
        """Record a dead letter; traceback "" means none."""

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Return deliveries that were not attempted."""

    def wake_fetchers(self) -> None:
        """Make every waiting fetch() return."""
