"""The part of the receiver that the dispatcher uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from incm_webhook._core import Delivery
    from incm_webhook.state import Changes, StateStore


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

    def delivered(
        self, deliveries: Sequence[Delivery], durations: Sequence[float], state: Changes = ()
    ) -> None:
        """Record successes, each with its duration in seconds, and the changes of the state."""

    def settle_failed(
        self,
        deliveries: Sequence[Delivery],
        outcomes: Sequence[tuple[str, float]],
        error: str,
        duration: float,
        traceback: str,
        state: Changes = (),
    ) -> None:
        """Record the failure of one call; traceback "" means none.

        Args:
            deliveries: those of the call.
            outcomes: for each ("retry", seconds until it is tried again); ("unavailable", seconds):
                no delivery of the plugin grows older until a success or rejection; ("rejected", 0)
                for a dead letter of a plugin that works; or ("dead", 0).
            error: a sentence.
            duration: of the call, in seconds.
            traceback: of the exception.
            state: what the call changed in the state of the plugin.
        """

    def state(self, plugin: str) -> StateStore:
        """Return the state of a plugin."""

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Return deliveries that were not attempted."""

    def hurry(self, plugin: str) -> None:
        """Make every fetch() of a plugin return at once, now and until resume()."""

    def resume(self, plugin: str, by_device: bool) -> None:  # noqa: FBT001 - as in the core
        """Let fetch() of a plugin wait again; by_device: one device's deliveries in order.

        Errors: ConfigError when the order is another one and a delivery is under way.
        """
