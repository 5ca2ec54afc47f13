"""Runs one plugin's asynchronous functions on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from incm_webhook._core import PluginThread, PythonWatch

from incm_webhook.http.answer import all_awaited
from incm_webhook.process.forked import end_in_child
from incm_webhook.text.tracebacks import trace_of_awaitable


class EventLoop:
    """Runs the awaitables of one plugin on one loop, which starts with the first awaitable.

    Each plugin has its own loop, so that a plugin that blocks its loop does not delay others.
    Threads: any number may call run() and post(); the loop's own thread occupy(); one may call
    stop(), after all others.
    Source: own choice.
    """

    def __init__(self, name: str, watch: PythonWatch | None = None) -> None:
        """Prepare the loop; the first run() starts it.

        Args:
            name: the plugin's name.
            watch: gets the loop's thread registered.
        """
        self._name = name
        self._watch = watch
        self._place: PluginThread | None = None
        self._ended = False  # set by the loop's own thread
        self._awaited: dict[int, object] = {}  # by waiting thread; each access is atomic
        self._occupied = False  # whether tasks of the caller run
        self._lock = threading.Lock()  # guards _loop, _thread and _place
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, awaitable: Awaitable[object], timeout: float) -> object:
        """Run an awaitable on the loop and wait for its end.

        Args:
            awaitable: the result of an asynchronous function.
            timeout: seconds, after which the awaitable is cancelled.

        Returns:
            The result of the awaitable.

        Raises:
            RuntimeError: the awaitable left a request of `ctx.http` without an `await`.
            TimeoutError: the awaitable took too long; the traceback ends at the line where it
                waits.
            BaseException: whatever the awaitable raises.
        """
        loop = self._started()
        self._awaited[threading.get_ident()] = awaitable
        self._report()
        future: Future[object] = asyncio.run_coroutine_threadsafe(
            _wait(awaitable, os.getpid(), self._name), loop
        )
        try:
            return future.result(timeout)
        except FutureTimeoutError:
            if future.done():
                raise  # the awaitable itself raised it
            where = trace_of_awaitable(awaitable)
            future.cancel()
            raise TimeoutError(f"no result within {timeout:g} s").with_traceback(where) from None
        finally:
            self._awaited.pop(threading.get_ident(), None)
            self._report()

    @property
    def has_started(self) -> bool:
        """Whether anything has been run or posted."""
        return self._loop is not None

    def post(self, action: Callable[..., object], *arguments: Any) -> None:
        """Have a function called in the loop's thread; start the loop if it has not started.

        Raises:
            RuntimeError: the system has no room for another thread.
        """
        self._started().call_soon_threadsafe(action, *arguments)

    def occupy(self, *, occupied: bool) -> None:
        """Tell the watch whether tasks that the caller made run code of the plugin."""
        if occupied != self._occupied:
            self._occupied = occupied
            self._report()

    def where(self, thread: int) -> TracebackType | None:
        """Return the point at which the awaitable of a waiting thread is, as a traceback."""
        return trace_of_awaitable(self._awaited.get(thread))

    def stop(self) -> None:
        """End the loop and cancel its remaining tasks; does nothing when it never started."""
        with self._lock:
            loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        loop.call_soon_threadsafe(self._end, loop)
        thread.join()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                loop = asyncio.new_event_loop()
                thread = threading.Thread(
                    target=self._serve, args=(loop,), name=f"{self._name}-loop", daemon=True
                )
                try:
                    thread.start()
                except RuntimeError:
                    loop.close()
                    raise
                self._loop, self._thread = loop, thread
            return self._loop

    def _report(self) -> None:
        """Report to the watch whether the plugin's code may run on the loop."""
        with self._lock:
            if self._place is not None:
                busy = self._awaited or self._occupied
                self._place.enter() if busy else self._place.leave()

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        self._ended = True
        loop.stop()

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        if self._watch is not None:
            with self._lock:
                self._place = self._watch.join(self._name, "a coroutine")
            self._report()
        while not self._ended:
            # The waiting thread gets these two exceptions from the future, as it gets any other.
            # But asyncio also raises them out of run_forever().
            with contextlib.suppress(SystemExit, KeyboardInterrupt):
                loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _wait(awaitable: Awaitable[object], process: int, name: str) -> object:
    try:
        return await all_awaited(awaitable)
    finally:
        end_in_child(process, name)
