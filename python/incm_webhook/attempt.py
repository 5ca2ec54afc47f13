"""One call of a plugin's handler, and what is to be done after it."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from incm_webhook._core import Delivery

Burst: TypeAlias = "deque[list[Delivery]]"  # what a worker does in one go, call by call


class Attempt:
    """One call of a handler.

    Attributes:
        deliveries: what the handler was called with.
        rest: what its worker is to do after it.
        started: when, in monotonic seconds.
    """

    __slots__ = ("deliveries", "rest", "started")

    def __init__(self, deliveries: list[Delivery], rest: Burst) -> None:
        self.deliveries = deliveries
        self.rest = rest
        self.started = time.monotonic()

    @property
    def duration(self) -> float:
        """How long it has lasted, in seconds."""
        return time.monotonic() - self.started
