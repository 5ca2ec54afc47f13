"""Waits for an inbox that cannot be opened yet, with listeners that refuse alerts until then."""

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
    """Start a receiver; while its inbox cannot be opened, listen and try again each second.

    Until the inbox can be opened, alerts are answered 503, and the reason is in the log, in
    `/readyz` and in the service manager's status. The service manager counts the server as started:
    otherwise it would end the server, and could not reload it.

    Args:
        receiver: the receiver to start.
        notifier: the service manager, which gets the reason for the wait.
        start: starts the receiver; False when a stop was requested first.
        wait: does the work of the main thread until its argument returns True or a stop is
            requested.

    Returns:
        Whether the receiver serves; False when a stop was requested first.

    Raises:
        InboxError: the inbox cannot be opened, for a permanent reason.
        ListenError, ConfigError: the receiver cannot listen.
    """
    try:
        return start()
    except InboxUnavailableError as why:
        opening = _Opening(receiver, notifier, start, why)
    wait(opening.is_over)
    return opening.started


class _Opening:
    """Tries to start a receiver that already listens, and refuses alerts until it has started.

    Attributes:
        started: whether the receiver serves.
    """

    def __init__(
        self,
        receiver: "Receiver",
        notifier: Notifier,
        start: Callable[[], bool],
        why: InboxUnavailableError,
    ) -> None:
        """Begin to listen."""
        self.started = False
        self._receiver = receiver
        self._notifier = notifier
        self._start = start
        self._logged: set[str] = set()
        self._was_in_use = False
        self._next_try = 0.0
        self._closed(why)

    def is_over(self) -> bool:
        """Try to start when it is time; True once the receiver serves or a stop was requested."""
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
            # The first time, it may be the next server, which tries to open the inbox as this does.
            self._was_in_use = True
            self._next_try = time.monotonic() + _PERIOD_S
            return False
        if self.started:
            _log.info("the inbox can be opened now: alerts are accepted")
        return True

    def _closed(self, why: InboxUnavailableError) -> None:
        reason = str(why)
        is_new = reason not in self._logged
        if is_new:
            self._logged.add(reason)
            _log.error(
                "%s. Until then every alert is answered 503, and the inbox is tried again each "
                "second",
                reason,
            )
        self._receiver.listen_closed(reason)
        if is_new:
            self._notifier.closed(f"not ready: {reason}")
        self._next_try = time.monotonic() + _PERIOD_S
