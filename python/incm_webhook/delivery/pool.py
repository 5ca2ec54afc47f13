"""What runs the calls of one plugin's handler: threads, or the tasks of an event loop."""

from __future__ import annotations

from typing import Protocol


class Pool(Protocol):
    """Fetches deliveries and calls the handler, at most `concurrency` calls at once.

    A handler that hangs does not count for `concurrency`, until as many hang. Its place is used by
    another call.
    Threads: any may read the properties; one at a time may call the methods.
    """

    @property
    def places(self) -> int:
        """How many calls may run in addition to those that hang."""

    @property
    def active(self) -> int:
        """How many calls can run now in addition to those that hang."""

    @property
    def hanging(self) -> int:
        """How many handlers exceeded the time-out and have not returned."""

    @property
    def missing(self) -> str:
        """Why a thread could not be started; "" when all were started."""

    def fill(self) -> None:
        """Start what is missing, or as much of it as the system allows."""

    def watch(self) -> None:
        """Settle the calls that are too late, and give back what waits behind slow calls."""

    def abandon(self) -> None:
        """Settle every call that still runs as failed, after a stop; its result is ignored."""

    def join(self, deadline: float) -> bool:
        """Wait for the end of all calls until `deadline` (monotonic seconds), after a stop.

        Returns:
            False when one still runs.
        """
