"""An event loop in a thread of its own, for one plugin's asynchronous functions."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Awaitable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from incm_webhook._core import PluginThread, PythonWatch

from incm_webhook.process.forked import end_in_child
from incm_webhook.text.tracebacks import trace_of_awaitable


class EventLoop:
    """Runs awaitables of one plugin, all on the same loop, which starts with the first one.

    Each plugin has its own loop, so that one that blocks it delays no other plugin.
    Threads: run() from any number of threads; stop() from one, after the last run().
    Source: own choice.
    """

    def __init__(self, name: str, watch: PythonWatch | None = None) -> None:
        """Start nothing yet.

        Args:
            name: the plugin's.
            watch: is told of the thread.
        """
        self._name = name
        self._watch = watch
        self._place: PluginThread | None = None
        self._ended = False  # set within the loop
        self._awaited: dict[int, object] = {}  # by the thread that waits; each step is one
        self._lock = threading.Lock()  # guards the two below
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, awaitable: Awaitable[object], timeout: float) -> None:
        """Wait for an awaitable.

        Args:
            awaitable: what an asynchronous function returned.
            timeout: seconds; after them it is cancelled.

        Raises:
            TimeoutError: it took too long; its traceback ends where it waits. Otherwise whatever
                the awaitable raises.
        """
        loop = self._started()
        self._awaited[threading.get_ident()] = awaitable
        self._tell()
        future: Future[object] = asyncio.run_coroutine_threadsafe(
            _wait(awaitable, os.getpid(), self._name), loop
        )
        try:
            future.result(timeout)
        except FutureTimeoutError:
            if future.done():
                raise  # the plugin's own
            where = trace_of_awaitable(awaitable)
            future.cancel()
            raise TimeoutError(f"no result within {timeout:g} s").with_traceback(where) from None
        finally:
            self._awaited.pop(threading.get_ident(), None)
            self._tell()

    def where(self, thread: int) -> TracebackType | None:
        """Where the awaitable waits that a thread runs here, as a traceback."""
        return trace_of_awaitable(self._awaited.get(thread))

    def stop(self) -> None:
        """End the loop and cancel what still runs in it; does nothing when it never started."""
        with self._lock:
            loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        loop.call_soon_threadsafe(self._end, loop)
        thread.join()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._serve, args=(self._loop,), name=f"{self._name}-loop", daemon=True
                )
                self._thread.start()
            return self._loop

    def _tell(self) -> None:
        """Let the watch know whether the plugin's code may run on the loop."""
        with self._lock:
            if self._place is not None:
                self._place.enter() if self._awaited else self._place.leave()

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        self._ended = True
        loop.stop()

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        if self._watch is not None:
            with self._lock:
                self._place = self._watch.join(self._name, "a coroutine")
            self._tell()
        while not self._ended:
            # A task that asks the process to end is told so like any other that failed; but asyncio
            # lets these two through the loop as well.
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
        return await awaitable
    finally:
        end_in_child(process, name)
