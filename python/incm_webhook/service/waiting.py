"""Waits for an inbox that cannot be opened now, on listeners that refuse alerts meanwhile."""

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from incm_webhook.errors import InboxInUseError, InboxUnavailableError
from incm_webhook.supervise.sd_notify import Notifier

if TYPE_CHECKING:
    from incm_webhook._core import Receiver

_PERIOD_S = 1.0

_log = logging.getLogger("incm_webhook.service")


def start_when_possible(
    receiver: "Receiver",
    notifier: Notifier,
    start: Callable[[], bool],
    wait: Callable[[Callable[[], bool]], None],
) -> bool:
    """Start a receiver; while its inbox cannot be opened, listen, and try again each second.

    Alerts are answered 503 meanwhile, and the reason is in the log, in `/readyz` and in the service
    manager's status. For that one it counts as started: it would be ended otherwise, and could not
    be reloaded.

    Args:
        receiver: what is to be started.
        notifier: is told that it waits.
        start: starts it; False when a stop came first.
        wait: does what the main thread has to do, until what it is given returns True or a stop is
            asked for.

    Returns:
        Whether it serves; False when a stop came first.

    Raises:
        InboxError: the inbox cannot be opened for a reason that does not pass.
        ListenError, ConfigError: it cannot listen.
    """
    try:
        return start()
    except InboxUnavailableError as why:
        opening = _Opening(receiver, notifier, start, why)
    wait(opening.is_over)
    return opening.started


class _Opening:
    """Tries to start a receiver that listens and refuses meanwhile.

    Attributes:
        started: whether it serves.
    """

    def __init__(
        self,
        receiver: "Receiver",
        notifier: Notifier,
        start: Callable[[], bool],
        why: InboxUnavailableError,
    ) -> None:
        """Listen."""
        self.started = False
        self._receiver = receiver
        self._notifier = notifier
        self._start = start
        self._told: set[str] = set()
        self._was_in_use = False
        self._next_try = 0.0
        self._closed(why)

    def is_over(self) -> bool:
        """Try when it is time; True once it serves, or a stop came first."""
        if time.monotonic() < self._next_try:
            return False
        try:
            self.started = self._start()
        except InboxUnavailableError as why:
            self._was_in_use = False
            self._closed(why)
            return False
        except InboxInUseError:
            if self._was_in_use:
                raise
            # Once it may be the server that comes after this one, and tries as this one does.
            self._was_in_use = True
            self._next_try = time.monotonic() + _PERIOD_S
            return False
        if self.started:
            _log.info("the inbox can be opened now: alerts are taken")
        return True

    def _closed(self, why: InboxUnavailableError) -> None:
        reason = str(why)
        is_new = reason not in self._told
        if is_new:
            self._told.add(reason)
            _log.error(
                "%s. Until then every alert is answered 503; it is tried again each second", reason
            )
        self._receiver.listen_closed(reason)
        if is_new:
            self._notifier.closed(f"not ready: {reason}")
        self._next_try = time.monotonic() + _PERIOD_S
