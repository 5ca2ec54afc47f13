"""The event loop on which the requests of all plain handlers of this process run."""

import os
import threading
from collections.abc import Coroutine
from typing import Any

from incm_webhook.hosting.event_loop import EventLoop
from incm_webhook.http.answer import Answer


class _PlainLoop:
    """Makes the loop for the first request, and another one after a stop and in a forked child."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the other two
        self._loop: EventLoop | None = None
        self._process = 0

    def current(self) -> EventLoop:
        with self._lock:
            if self._loop is None or self._process != os.getpid():
                self._loop, self._process = EventLoop("http"), os.getpid()
            return self._loop

    def take(self) -> EventLoop | None:
        with self._lock:
            loop, self._loop = self._loop, None
            return loop if self._process == os.getpid() else None


_plain = _PlainLoop()


def run(sending: Coroutine[Any, Any, Answer]) -> Answer:
    """Run a request on the loop, and wait for its answer.

    Args:
        sending: the request, which ends by its own time-out.

    Returns:
        Its answer.

    Raises:
        Exception: whatever the request raises.

    Threads: any.
    """
    answer = _plain.current().run(sending, threading.TIMEOUT_MAX)
    assert isinstance(answer, Answer)  # noqa: S101 - what the coroutine returns
    return answer


def stop() -> None:
    """Cancel the requests that run, and close all connections; a later request starts anew.

    Threads: one at a time.
    """
    loop = _plain.take()
    if loop is not None:
        loop.stop()
