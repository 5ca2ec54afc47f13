"""Takes due deliveries out of the inbox, runs the plugins, and settles what became of each."""

from __future__ import annotations

import contextlib
import inspect
import logging
import random
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from incm_webhook.errors import ClosedError, InboxError
from incm_webhook.event_loop import EventLoop
from incm_webhook.handler import LoadedPlugin
from incm_webhook.log import describe
from incm_webhook.plugin import Reject, Retry
from incm_webhook.retry import delay, gives_up

if TYPE_CHECKING:
    from incm_webhook._core import Delivery

_TAKE_WAIT_S = 30.0  # how long an idle worker sleeps in the core; a stop wakes it at once
_MAX_TAKEN = 64  # deliveries taken at once: enough to make the lease's commit cheap
_AHEAD_S = 0.1  # take about as many as are handled in this time, so that few wait behind a slow one
_INBOX_PAUSE_S = 1.0  # after the inbox failed: it is full or broken, and hammering does not help

_log = logging.getLogger("incm_webhook.dispatcher")


class Deliveries(Protocol):
    """What the dispatcher needs of a receiver; `incm_webhook._core.Receiver` is one."""

    def take(self, plugin: str, max_items: int, timeout: float) -> list[Delivery]:
        """Wait up to timeout seconds for due deliveries."""

    def delivered(self, delivery: Delivery, duration: float) -> None:
        """Record a success."""

    def retry(self, delivery: Delivery, delay: float, error: str, duration: float) -> None:
        """Record a failure that is tried again after delay seconds."""

    def dead(self, delivery: Delivery, error: str, duration: float) -> None:
        """Record a dead letter."""

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Return what was not attempted."""

    def wake_takers(self) -> None:
        """Make every waiting take() return."""


class _Attempt:
    """One call of a handler; whoever claims it first, the worker or the watchdog, settles it."""

    def __init__(self, deliveries: list[Delivery]) -> None:
        self.deliveries = deliveries
        self.started = time.monotonic()
        self._unclaimed = threading.Lock()

    def claim(self) -> bool:
        return self._unclaimed.acquire(blocking=False)

    @property
    def duration(self) -> float:
        return time.monotonic() - self.started


class PluginRunner:
    """Runs one plugin: its set-up, its workers, its time-outs.

    Whatever the plugin does (fail, hang, exit) stays with it: other plugins have their own runner,
    and the answers to the sender need none.

    Threads: start(), expire() and stop() from one thread; the workers are its own.
    """

    def __init__(self, receiver: Deliveries, plugin: LoadedPlugin, rng: random.Random) -> None:
        self._receiver = receiver
        self._plugin = plugin
        self._settings = plugin.settings
        self._rng = rng
        self._loop = EventLoop(plugin.name)
        self._stopping = threading.Event()
        self._fetching = threading.Lock()  # its holder alone waits in take()
        self._ready: deque[Delivery] = deque()  # taken, not attempted; guarded by _fetching
        self._state = threading.Lock()  # guards the four below
        self._attempts: set[_Attempt] = set()
        self._workers: set[threading.Thread] = set()
        self._hanging = 0
        self._mean_s = 0.0
        self._launcher = threading.Thread(
            target=self._launch, name=f"{plugin.name}-setup", daemon=True
        )

    def start(self) -> None:
        """Set the plugin up and start its workers, in a thread of their own."""
        self._launcher.start()

    def expire(self) -> None:
        """Settle attempts that outlived the plugin's time-out, and replace their workers.

        A thread cannot be killed: the hanging handler keeps its thread until it returns, and its
        result is ignored then. At most `concurrency` threads are replaced at a time; when they all
        hang, the plugin waits for one to come back, and its deliveries wait in the inbox.
        """
        limit = self._settings.timeout
        with self._state:
            late = [a for a in self._attempts if a.duration > limit and a.claim()]
            for attempt in late:
                self._attempts.discard(attempt)
            self._hanging += len(late)
            replace = self._hanging <= self._settings.concurrency
        for attempt in late:
            self._settle_failure(attempt, TimeoutError(f"no result within {limit:g} s"))
            if replace:
                self._spawn()
            else:
                _log.error(
                    "plugin %s: %d handlers hang; it gets no more alerts until one returns",
                    self._plugin.name,
                    self._hanging,
                )

    def stop(self, deadline: float) -> bool:
        """Let running handlers finish until deadline (monotonic seconds), then close the plugin.

        Returns:
            False when a handler still runs; its delivery is made again after the next start.
        """
        self._stopping.set()
        self._receiver.wake_takers()
        for thread in [self._launcher, *self._threads()]:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))
        if self._launcher.is_alive() or any(thread.is_alive() for thread in self._threads()):
            _log.warning("plugin %s: still busy; its alert is delivered again", self._plugin.name)
            return False
        with contextlib.suppress(ClosedError):
            self._receiver.give_back(list(self._ready))
        self._guarded("close", lambda: self._finish(self._plugin.close()))
        self._loop.stop()
        return True

    def _threads(self) -> list[threading.Thread]:
        with self._state:
            return list(self._workers)

    def _launch(self) -> None:
        attempt = 1
        while not self._guarded("setup", lambda: self._finish(self._plugin.setup())):
            if self._stopping.wait(delay(self._settings.retry, attempt, self._rng)):
                return
            attempt += 1
        for _ in range(self._settings.concurrency):
            self._spawn()

    def _guarded(self, step: str, action: Callable[[], object]) -> bool:
        try:
            action()
        except BaseException as error:  # whatever a plugin raises stays with it
            _log.error("plugin %s: %s failed: %s", self._plugin.name, step, describe(error))
            return False
        return True

    def _spawn(self) -> None:
        with self._state:
            thread = threading.Thread(target=self._work, name=self._plugin.name, daemon=True)
            self._workers.add(thread)
            thread.start()

    def _work(self) -> None:
        try:
            while deliveries := self._next():
                if not self._run(deliveries):
                    return
        except ClosedError:
            _log.debug("plugin %s: the inbox is closed", self._plugin.name)
        except Exception as error:  # a defect of ours must not end in silence
            _log.critical("plugin %s: a worker failed: %s", self._plugin.name, describe(error))
        finally:
            with self._state:
                self._workers.discard(threading.current_thread())

    def _next(self) -> list[Delivery]:
        """Wait for deliveries: one, or for a batch plugin several fresh ones. Empty: stop."""
        with self._fetching:
            while not self._stopping.is_set():
                if self._ready:
                    return self._pop()
                try:
                    taken = self._receiver.take(self._plugin.name, self._appetite(), _TAKE_WAIT_S)
                except InboxError as error:
                    _log.error("plugin %s: %s", self._plugin.name, describe(error))
                    self._stopping.wait(_INBOX_PAUSE_S)
                    continue
                self._ready.extend(taken)
        return []

    def _pop(self) -> list[Delivery]:
        batch = [self._ready.popleft()]
        if not self._plugin.batch or batch[0].attempt > 1:
            return batch  # what failed before is tried alone, so that it cannot spoil others
        while self._ready and len(batch) < _MAX_TAKEN and self._ready[0].attempt == 1:
            batch.append(self._ready.popleft())
        return batch

    def _appetite(self) -> int:
        if self._plugin.batch or self._mean_s == 0.0:
            return _MAX_TAKEN if self._plugin.batch else self._settings.concurrency
        wanted = int(self._settings.concurrency * _AHEAD_S / self._mean_s)
        return max(self._settings.concurrency, min(_MAX_TAKEN, wanted))

    def _run(self, deliveries: list[Delivery]) -> bool:
        """Handle and settle; False when the watchdog has given this worker up."""
        attempt = _Attempt(deliveries)
        with self._state:
            self._attempts.add(attempt)
        failure: BaseException | None = None
        try:
            self._handle(deliveries)
        except BaseException as error:  # whatever a plugin raises stays with it
            failure = error
        if not attempt.claim():
            with self._state:
                self._hanging -= 1
            return False
        with self._state:
            self._attempts.discard(attempt)
            self._mean_s = 0.8 * self._mean_s + 0.2 * max(attempt.duration, 1e-6)
        if failure is not None:
            self._settle_failure(attempt, failure)
        else:
            for delivery in deliveries:
                self._receiver.delivered(delivery, attempt.duration)
        return True

    def _handle(self, deliveries: list[Delivery]) -> None:
        alerts = [delivery.alert for delivery in deliveries]
        self._finish(
            self._plugin.handle(
                alerts if self._plugin.batch else alerts[0], self._plugin.context(deliveries)
            )
        )

    def _finish(self, result: Awaitable[None] | None) -> None:
        """Let an asynchronous function run to its end, on the plugin's own loop."""
        if result is not None and inspect.isawaitable(result):
            self._loop.run(result, self._settings.timeout)

    def _settle_failure(self, attempt: _Attempt, failure: BaseException) -> None:
        text = failure.reason if isinstance(failure, Reject) else describe(failure)
        for delivery in attempt.deliveries:
            where = f"alert {delivery.alert_id} to plugin {self._plugin.name}"
            times = f"attempt {delivery.attempt}"
            if isinstance(failure, Reject):
                _log.warning("%s: dead letter, rejected: %s", where, text)
                self._receiver.dead(delivery, text, attempt.duration)
                continue
            wait = delay(self._settings.retry, delivery.attempt, self._rng)
            if isinstance(failure, Retry) and failure.after is not None:
                wait = failure.after
            if gives_up(self._settings.retry, delivery.age):
                _log.error("%s: dead letter after %s: %s", where, times, text)
                self._receiver.dead(delivery, text, attempt.duration)
            else:
                _log.warning("%s: %s failed, again in %.1f s: %s", where, times, wait, text)
                self._receiver.retry(delivery, wait, text, attempt.duration)


class Dispatcher:
    """All plugins' runners, and the watchdog over them.

    Threads: start() and stop() from one thread.
    Source: architecture section 1.
    """

    def __init__(self, receiver: Deliveries, plugins: Sequence[LoadedPlugin]) -> None:
        rng = random.Random()  # noqa: S311 - jitter, no secret
        self._runners = [PluginRunner(receiver, plugin, rng) for plugin in plugins]
        self._period_s = min((plugin.settings.timeout for plugin in plugins), default=1.0) / 4
        self._stopping = threading.Event()
        self._watchdog = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Start every plugin; none waits for another."""
        for runner in self._runners:
            runner.start()
        self._watchdog.start()

    def stop(self, deadline: float) -> bool:
        """Stop every plugin until deadline (monotonic seconds); False when one is still busy."""
        self._stopping.set()
        self._watchdog.join()
        stopped = [runner.stop(deadline) for runner in self._runners]
        return all(stopped)

    def _watch(self) -> None:
        while not self._stopping.wait(min(1.0, self._period_s)):
            for runner in self._runners:
                runner.expire()
