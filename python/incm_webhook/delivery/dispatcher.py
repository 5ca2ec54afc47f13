"""Runs all plugins side by side, and enforces their time-outs."""

import logging
import random
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from incm_webhook.delivery.ending import Ending
from incm_webhook.delivery.handover import Handover
from incm_webhook.delivery.runner import PluginRunner
from incm_webhook.delivery.source import Deliveries
from incm_webhook.hosting.loaded_plugin import LoadedPlugin
from incm_webhook.http import plain_loop
from incm_webhook.log import describe

if TYPE_CHECKING:
    from incm_webhook._core import PythonWatch

__all__ = ["Dispatcher"]

_log = logging.getLogger("incm_webhook.dispatcher")


class Dispatcher:
    """Holds the runners of all plugins, and the watchdog that enforces their time-outs.

    Threads: call start(), replace() and stop() from the same thread.
    Source: docs/architecture.md, The way of a delivery.
    """

    def __init__(
        self, receiver: Deliveries, plugins: Sequence[LoadedPlugin], watch: "PythonWatch"
    ) -> None:
        self._receiver = receiver
        self._python = watch
        self._rng = random.Random()  # noqa: S311 - jitter, no secret
        self._lock = threading.Lock()  # guards all below, and is held during a round of _watch
        self._runners = {plugin.name: self._runner_of(plugin) for plugin in plugins}
        self._timeouts = {plugin.name: plugin.settings.timeout for plugin in plugins}
        self._handovers: dict[str, Handover] = {}
        self._left_behind: list[PluginRunner] = []  # of which something may still run
        self._started = False
        self._stopping = threading.Event()
        self._watchdog = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Start every plugin; no plugin waits for another."""
        with self._lock:
            self._started = True
            for runner in self._runners.values():
                runner.start()
        self._watchdog.start()

    def replace(
        self, plugins: Sequence[LoadedPlugin], removed: Sequence[str], deadline: float
    ) -> list[str]:
        """Let plugins take over from those of the same names, and end others, without waiting.

        The old one of a name begins no call any more. When its calls have ended, at `deadline` at
        the latest, it is closed, and the new one is set up and gets the deliveries.

        Args:
            plugins: loaded, not set up; one whose name is new just starts.
            removed: names of plugins without a successor. Their open deliveries stay.
            deadline: in monotonic seconds.

        Returns:
            The names of those that go on as before, because the system had no room for the thread
            that replaces them; a new one of the name is discarded.
        """
        failed = []
        following = {plugin.name: plugin for plugin in plugins}
        for name in (*following, *removed):
            try:
                with self._lock:
                    self._hand_over(name, following.get(name), deadline)
            except RuntimeError as error:
                _log.error("plugin %s: it cannot be replaced now: %s", name, describe(error))
                failed.append(name)
                if name in following:
                    following[name].discard()
        return failed

    def stop(self, deadline: float) -> bool:
        """Stop every plugin by `deadline` (monotonic seconds); False when one is still busy."""
        self._stopping.set()
        self._watchdog.join()
        with self._lock:
            runners, handovers = list(self._runners.values()), list(self._handovers.values())
        for handover in handovers:
            handover.stop()
        for runner in runners:
            runner.ask_to_stop()
        endings = [Ending(runner, deadline) for runner in runners]
        stopped = [ending.wait() for ending in endings]
        for handover in handovers:
            stopped.append(handover.join(max(0.0, deadline - time.monotonic())))
        with self._lock:
            stopped += [not runner.still_runs for runner in self._left_behind]
        if not all(stopped):
            return False
        plain_loop.stop()
        return True

    def _runner_of(self, plugin: LoadedPlugin) -> PluginRunner:
        return PluginRunner(self._receiver, plugin, self._rng, self._python)

    def _hand_over(self, name: str, following: LoadedPlugin | None, deadline: float) -> None:
        """The caller holds the lock."""
        if (under_way := self._handovers.get(name)) is not None:
            under_way.redirect(following)
            return
        old = self._runners.get(name)
        if not self._started:
            self._runners.pop(name, None)
            if old is not None:
                old.discard()
            if following is not None:
                self._add(following)
            return
        handover = Handover(name, old, following, self._receiver, self._take_over)
        handover.start(deadline)  # it needs the lock for the next step
        self._handovers[name] = handover
        self._runners.pop(name, None)

    def _add(self, plugin: LoadedPlugin) -> PluginRunner:
        runner = self._runners[plugin.name] = self._runner_of(plugin)
        self._timeouts[plugin.name] = plugin.settings.timeout
        return runner

    def _take_over(self, handover: Handover, following: LoadedPlugin | None) -> bool:
        """End a handover with the start of this plugin; False when it is not the last one named."""
        with self._lock:
            if handover.next is not following:
                return False
            stopping = self._stopping.is_set()
            if following is not None and not stopping:
                self._start(following)  # only when this succeeds has the handover ended
            del self._handovers[handover.name]
            if (left := handover.left_behind) is not None:
                self._left_behind = [one for one in self._left_behind if one.still_runs]
                self._left_behind.append(left)
            if following is None:
                self._timeouts.pop(handover.name, None)
                self._python.forget_plugin(handover.name)
            elif stopping:
                following.discard()
            return True

    def _start(self, plugin: LoadedPlugin) -> None:
        runner = self._add(plugin)
        try:
            runner.start()
        except BaseException:
            del self._runners[plugin.name]
            raise

    def _period_s(self) -> float:
        return min(1.0, min(self._timeouts.copy().values(), default=4.0) / 4)

    def _watch(self) -> None:
        while not self._stopping.wait(self._period_s()):
            with self._lock:
                for runner in self._runners.values():
                    _expire(runner)
                for handover in self._handovers.values():
                    _expire(handover)


def _expire(one: PluginRunner | Handover) -> None:
    try:
        one.expire()
    except Exception as error:  # the watchdog must go on, for this runner and others
        _log.critical("plugin %s: watching failed: %s", one.name, describe(error))
