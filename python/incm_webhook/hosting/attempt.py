"""One call of a plugin's handler, and what is to be done after it."""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from incm_webhook.plugin import Retry
from incm_webhook.retry_after import seconds_until
from incm_webhook.text.failures import Account, OwnCode, account_of
from incm_webhook.text.tracebacks import trace_of_thread

if TYPE_CHECKING:
    from incm_webhook._core import Delivery
    from incm_webhook.hosting.event_loop import EventLoop

Burst: TypeAlias = "deque[list[Delivery]]"  # what a worker does in one go, call by call


class Attempt:
    """One call of a handler.

    Attributes:
        deliveries: what the handler was called with.
        rest: what its worker is to do after it.
        retry: whether it failed before.
        started: when, in monotonic seconds.
        thread: the worker that calls it.
    """

    __slots__ = ("deliveries", "rest", "retry", "started", "thread")

    def __init__(self, deliveries: list[Delivery], rest: Burst) -> None:
        self.deliveries = deliveries
        self.rest = rest
        self.retry = deliveries[0].attempt > 1
        self.started = time.monotonic()
        self.thread = threading.get_ident()

    @property
    def duration(self) -> float:
        """How long it has lasted, in seconds."""
        return time.monotonic() - self.started


@dataclass(frozen=True, slots=True)
class Failure:
    """What an attempt ended with instead of a return.

    Attributes:
        error: what was raised, for its class alone: its attributes and its text are read already.
        account: what there is to say.
        after: of a Retry the seconds that it asks for, None when it leaves them to the settings.
    """

    error: BaseException
    account: Account
    after: float | None


def failure_of(error: BaseException, code: OwnCode) -> Failure:
    """Read what a handler raised; call it within the attempt, since it runs code of the plugin.

    Args:
        error: what was raised.
        code: the plugin's own files.
    """
    after = None
    if isinstance(error, Retry):
        try:
            wish = error.after  # a subclass may have set it to anything
            after = None if wish is None else seconds_until(wish)
        except BaseException:  # or compute it
            after = None
    return Failure(error, account_of(error, code), after)


def time_out(attempt: Attempt, limit: float, code: OwnCode, loop: EventLoop) -> Failure:
    """Tell that an attempt lasts longer than limit (seconds), and where in the plugin it is."""
    error = TimeoutError(f"no result within {limit:g} s")
    where = loop.where(attempt.thread) or trace_of_thread(attempt.thread)
    if any(code.name_of(frame.f_code.co_filename) for frame, _ in traceback.walk_tb(where)):
        error.__traceback__ = where  # otherwise it has just returned, or is another's code
    return failure_of(error, code)
