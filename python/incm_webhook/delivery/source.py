"""What the dispatcher needs of a receiver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from incm_webhook._core import Delivery


class Deliveries(Protocol):
    """Hands out due deliveries and keeps what became of them; `_core.Receiver` is one.

    Errors: ClosedError from fetch() after stop(), InboxError when the inbox cannot be used.
    Threads: any.
    """

    def fetch(self, plugin: str, max_items: int, timeout: float, max_retries: int) -> list[Delivery]:
        """Wait up to timeout seconds for due deliveries.

        Of those that failed before at most max_retries are under way then, with those of before.
        """

    def delivered(self, deliveries: Sequence[Delivery], durations: Sequence[float]) -> None:
        """Record successes, and how long each took, in seconds."""

    def retry(
        self, delivery: Delivery, delay: float, error: str, duration: float, traceback: str
    ) -> None:
        """Record a failure that is tried again after delay seconds; "": no traceback."""

    def dead(self, delivery: Delivery, error: str, duration: float, traceback: str) -> None:
        """Record a dead letter; "": no traceback."""

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Return what was not attempted."""

    def wake_fetchers(self) -> None:
        """Make every waiting fetch() return."""
