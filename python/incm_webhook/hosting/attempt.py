"""One call of a plugin's handler, and the description of its failure."""

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
from incm_webhook.text.tracebacks import trace_of_awaitable, trace_of_thread

if TYPE_CHECKING:
    import asyncio
    from types import TracebackType

    from incm_webhook._core import Delivery
    from incm_webhook.hosting.event_loop import EventLoop
    from incm_webhook.tracing.attempts import OpenSpan

Burst: TypeAlias = "deque[list[Delivery]]"  # the calls that a worker makes before it fetches again


class Attempt:
    """One call of a handler.

    Attributes:
        deliveries: the deliveries that the handler is called with.
        rest: the calls that the worker will make after this one.
        retry: whether the delivery failed before.
        started: the start of the call, in monotonic seconds.
        thread: the identifier of the thread that began it.
        task: the task of the thread's event loop in which it runs; None when the thread waits.
        awaitable: what that task waits for; None before it has called the handler.
        ended: whether that task has handled the end of the call.
        spans: the spans of its deliveries, of those whose trace is recorded.
    """

    __slots__ = (
        "awaitable",
        "deliveries",
        "ended",
        "rest",
        "retry",
        "spans",
        "started",
        "task",
        "thread",
    )

    def __init__(self, deliveries: list[Delivery], rest: Burst | None = None) -> None:
        self.deliveries = deliveries
        self.rest: Burst = deque() if rest is None else rest
        self.retry = deliveries[0].attempt > 1
        self.started = time.monotonic()
        self.thread = threading.get_ident()
        self.task: asyncio.Task[None] | None = None
        self.awaitable: object = None
        self.ended = False
        self.spans: tuple[OpenSpan, ...] = ()

    @property
    def duration(self) -> float:
        """How long the call has lasted, in seconds."""
        return time.monotonic() - self.started


@dataclass(frozen=True, slots=True)
class Failure:
    """The failure of an attempt.

    Attributes:
        error: the exception. Use only its class: its attributes and its text have been read.
        account: the description of the exception.
        after: the pause of a Retry, in seconds; None when the retry settings apply.
    """

    error: BaseException
    account: Account
    after: float | None


def failure_of(error: BaseException, code: OwnCode) -> Failure:
    """Describe an exception of a handler.

    Call this within the attempt, so that the time-out covers it: it runs code of the plugin.

    Args:
        error: the exception.
        code: the plugin's own files.
    """
    after = None
    if isinstance(error, Retry):
        try:
            wanted = error.after  # a subclass may have set it to anything
            after = None if wanted is None else seconds_until(wanted)
        except BaseException:  # a subclass may also compute it, and fail
            after = None
    return Failure(error, account_of(error, code), after)


def time_out(attempt: Attempt, limit: float, code: OwnCode, loop: EventLoop) -> Failure:
    """Describe an attempt that exceeds `limit` (seconds), with the plugin's line that it is at."""
    return _cut_off(attempt, f"no result within {limit:g} s", code, loop)


def left_behind(attempt: Attempt, code: OwnCode, loop: EventLoop) -> Failure:
    """Describe an attempt that still runs when its plugin has been replaced, as `time_out` does."""
    seconds = f"{attempt.duration:.1f}"
    text = f"no result after {seconds} s, and a reload has replaced the plugin"
    return _cut_off(attempt, text, code, loop)


def _cut_off(attempt: Attempt, text: str, code: OwnCode, loop: EventLoop) -> Failure:
    error = TimeoutError(text)
    where = _where_it_waits(attempt, loop) or trace_of_thread(attempt.thread)
    if any(code.name_of(frame.f_code.co_filename) for frame, _ in traceback.walk_tb(where)):
        error.__traceback__ = where  # else the thread has just left the plugin's code
    return failure_of(error, code)


def _where_it_waits(attempt: Attempt, loop: EventLoop) -> TracebackType | None:
    """Return where a coroutine waits; None when there is none, or when it is running."""
    if attempt.awaitable is None:
        return loop.where(attempt.thread)
    if getattr(attempt.awaitable, "cr_running", False):
        return None  # it blocks its loop: only the stack of the thread has its inner calls
    return trace_of_awaitable(attempt.awaitable)
