"""Runs a plugin's set-up, repeated until it succeeds, and its close."""

from __future__ import annotations

import contextlib
import inspect
import logging
import threading
import time
from typing import TYPE_CHECKING

from incm_webhook.delivery.retry import delay
from incm_webhook.log import describe

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable, Iterator

    from incm_webhook._core import PythonWatch
    from incm_webhook.hosting.event_loop import EventLoop
    from incm_webhook.hosting.loaded_plugin import LoadedPlugin

_log = logging.getLogger("incm_webhook.dispatcher")


class PluginSteps:
    """Sets one plugin up in a thread of its own, and closes it.

    Threads: one thread at a time may call start() and join(); any may call close() once the set-up
    has ended.
    """

    def __init__(
        self, plugin: LoadedPlugin, loop: EventLoop, watch: PythonWatch, rng: random.Random
    ) -> None:
        self._plugin = plugin
        self._loop = loop
        self._watch = watch
        self._rng = rng
        self._thread: threading.Thread | None = None
        self.failure = ""  # why the last set-up failed; "" when none has failed
        self.done = False  # whether the plugin is set up
        self._lock = threading.Lock()  # guards _abandoned, and `done` until then
        self._abandoned = False

    def start(self, stopping: threading.Event, then: Callable[[], None]) -> None:
        """Begin to set the plugin up.

        Args:
            stopping: when this is set, a failed set-up is not repeated.
            then: called once the plugin is set up.
        """
        self._thread = threading.Thread(
            target=self._set_up,
            args=(stopping, then),
            name=f"{self._plugin.name}-setup",
            daemon=True,
        )
        self._thread.start()

    def join(self, limit: float) -> bool:
        """Wait up to `limit` seconds for the end of the set-up; False when it still runs."""
        if self._thread is not None:
            self._thread.join(limit)
        return self._thread is None or not self._thread.is_alive()

    def close(self, deadline: float) -> None:
        """Close the plugin, by `deadline` (monotonic seconds) if a deadline can be enforced."""
        self._guarded("close", lambda: self._plugin.close(deadline))

    def abandon(self) -> None:
        """Have the plugin closed as soon as its set-up ends, if that still runs, and not used."""
        with self._lock:
            self._abandoned = True

    def _set_up(self, stopping: threading.Event, then: Callable[[], None]) -> None:
        attempt = 1
        while failure := self._guarded("setup", self._plugin.setup):
            self.failure = failure
            if stopping.wait(delay(self._plugin.settings.retry, attempt, self._rng)):
                return
            attempt += 1
        with self._lock:
            self.done = not self._abandoned
        if self.done:
            then()
            return
        _log.warning(
            "plugin %s: the set-up that was left behind has ended: closing it", self._plugin.name
        )
        self.close(time.monotonic() + self._plugin.settings.timeout)

    def _guarded(self, step: str, action: Callable[[], Awaitable[None] | None]) -> str:
        """Run a step; return a description of its failure, "" when it succeeded."""
        try:
            with self._watched(step):
                result = action()
            if inspect.isawaitable(result):
                self._loop.run(result, self._plugin.settings.timeout)
        except BaseException as error:  # no exception of a plugin may leave its runner
            text = describe(error, self._plugin.code)
            _log.error("plugin %s: %s failed: %s", self._plugin.name, step, text)
            return text
        return ""

    @contextlib.contextmanager
    def _watched(self, step: str) -> Iterator[None]:
        if self._plugin.limits_itself:  # its code runs in another process
            yield
            return
        thread = self._watch.join(self._plugin.name, step)
        thread.enter()
        try:
            yield
        finally:
            thread.leave()
