"""Runs a plugin's asynchronous handler as tasks of its event loop."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import threading
import time
from typing import TYPE_CHECKING

from incm_webhook.delivery.fetcher import PAUSE_S
from incm_webhook.delivery.worker_threads import WorkerThreads
from incm_webhook.errors import ClosedError
from incm_webhook.hosting.attempt import Failure, failure_of, left_behind, time_out
from incm_webhook.http.answer import all_awaited
from incm_webhook.log import describe
from incm_webhook.process.forked import end_in_child

if TYPE_CHECKING:
    from incm_webhook._core import Delivery
    from incm_webhook.delivery.calls import Calls
    from incm_webhook.delivery.fetcher import Fetcher
    from incm_webhook.hosting.attempt import Attempt
    from incm_webhook.hosting.event_loop import EventLoop
    from incm_webhook.hosting.loaded_plugin import LoadedPlugin
    from incm_webhook.plugin import Context

_COLLECT_S = 0.02  # successes are settled together, as long as there is more to do
_WATCH_S = 0.1  # how often a stop looks for calls that are too late

_log = logging.getLogger("incm_webhook.dispatcher")


class _Slot:
    """A task of the pool, and whether it has begun."""

    __slots__ = ("begun", "task")

    task: asyncio.Task[None]

    def __init__(self) -> None:
        self.begun = False


class TaskPool:
    """Runs each call of an asynchronous handler as a task, and cancels those that are too late.

    Shape: as Pool. One thread fetches deliveries; everything else happens on the plugin's event
    loop, without a switch of threads for a call. A task that goes on after it was cancelled hangs.
    While the loop itself is blocked, no call begins, and no delivery is kept.
    Threads: as Pool. The methods named `_on_loop_...` run in the loop's thread.
    """

    def __init__(
        self, plugin: LoadedPlugin, fetcher: Fetcher, calls: Calls, loop: EventLoop
    ) -> None:
        self._plugin = plugin
        self._fetcher = fetcher
        self._calls = calls
        self._loop = loop
        self._concurrency = plugin.settings.concurrency
        self._process = os.getpid()
        self._thread = WorkerThreads(plugin.name, 1, self._fetch)
        self._slots: set[_Slot] = set()  # of the loop's thread, like the next three
        self._waiting = 0  # slots whose task has not begun, and will take deliveries
        self._flush_timer: asyncio.TimerHandle | None = None
        self._flush_soon = False
        self._lock = threading.Lock()  # guards _hanging, and is held while late calls are claimed
        self._hanging = 0
        self._asked_at = 0.0  # when the loop was asked whether it runs; 0 when it has answered
        self._blocked = False  # whether it did not answer in time
        self._ended = threading.Event()  # whether a stop is requested, and no task runs

    @property
    def places(self) -> int:
        """How many tasks may run in addition to those that hang."""
        return min(self._concurrency, 2 * self._concurrency - self._hanging)

    @property
    def active(self) -> int:
        """How many tasks can run now in addition to those that hang."""
        return 0 if self._blocked or not self._thread.active else self.places

    @property
    def hanging(self) -> int:
        """How many tasks exceeded the time-out and have not ended; 1 at least when one blocks."""
        return max(self._hanging, int(self._blocked))

    @property
    def missing(self) -> str:
        """Why the fetching thread could not be started; "" when it was."""
        return self._thread.missing

    def fill(self) -> None:
        """Start the thread that fetches, if it does not run."""
        self._thread.fill()

    def join(self, deadline: float) -> bool:
        """Wait for all tasks until `deadline` (monotonic seconds); False when one still runs."""
        if not self._thread.join(deadline):
            return False
        if not self._loop.has_started:
            return True
        self._loop.post(self._on_loop_answer)  # it notices when no task runs
        while not self._ended.wait(max(0.0, min(_WATCH_S, deadline - time.monotonic()))):
            if time.monotonic() >= deadline:
                return False
            self.watch()  # the watchdog has ended
        return True

    def abandon(self) -> None:
        """Cancel every call that still runs, after a stop, and settle it as failed."""
        with self._lock:
            running = self._calls.claim_all()
            self._hanging += len(running)
        for attempt in running:
            self._calls.give_up(attempt, self._left_behind)
            self._loop.post(self._on_loop_cancel, attempt)

    def watch(self) -> None:
        """Cancel the calls that exceed the plugin's time-out, and settle them as failed.

        A call that hangs keeps its task, and its result is ignored when it returns. When too many
        hang, or one blocks the loop, the plugin gets no alerts until it returns; its deliveries
        stay in the inbox.
        """
        if self._calls.is_late():
            with self._lock:
                late = self._calls.claim_late()
                self._hanging += len(late)
            for attempt in late:
                self._calls.give_up(attempt, self._time_out)
                self._loop.post(self._on_loop_cancel, attempt)
        self._look_whether_it_runs()
        if self.active == 0:
            self._fetcher.give_back_ready()

    def _look_whether_it_runs(self) -> None:
        if not self._asked_at and (self._blocked or self._slots or self._fetcher.ready):
            self._asked_at = time.monotonic()
            try:
                self._loop.post(self._on_loop_answer)
            except RuntimeError:  # no room for the loop's thread: nothing will answer
                self._asked_at = 0.0
                raise
        asked_at = self._asked_at
        late = asked_at > 0 and time.monotonic() - asked_at > self._plugin.settings.timeout
        if late and not self._blocked:
            self._blocked = True
            _log.error(
                "plugin %s: a handler blocks its event loop; it gets no more alerts until that "
                "returns",
                self._plugin.name,
            )

    def _on_loop_answer(self) -> None:
        self._asked_at, self._blocked = 0.0, False
        for slot in [one for one in self._slots if one.task.done()]:
            self._on_loop_end(slot)  # the plugin cancelled a task that had not begun
        self._on_loop_begin()

    def _fetch(self) -> None:
        while self._goes_on():
            pass

    def _goes_on(self) -> bool:
        """Fetch deliveries for the loop once; False when the thread should end."""
        try:
            if not self._fetcher.fetch_ahead():
                return False
            self._loop.post(self._on_loop_begin)
        except ClosedError:
            _log.debug("plugin %s: the inbox is closed", self._plugin.name)
            return False
        except Exception as error:  # no memory, or a defect: log it, and go on after a pause
            self._note_defect(error)
            self._fetcher.give_back_ready()
            self._fetcher.stopping.wait(PAUSE_S)
            self._fetcher.ask_if_low(1, 0)
        return True

    def _on_loop_begin(self) -> None:
        """Make a task for each call that can begin, and see what else the pool needs."""
        if self._fetcher.stopping.is_set():
            if not self._slots:
                self._on_loop_flush()
                self._ended.set()
            return
        free = self.places - (len(self._slots) - self._hanging)
        made = max(0, min(free, self._fetcher.ready - self._waiting))
        for _ in range(made):
            self._slots.add(self._new_task())
            self._waiting += 1
            self._loop.occupy(occupied=True)
        if self.places > 0:
            self._fetcher.ask_if_low(free - made, self._fetcher.ready - self._waiting)

    def _new_task(self) -> _Slot:
        slot = _Slot()
        # Not by create_task(): a plugin's task factory may begin a task before there is its slot,
        # and the context would be that of the call that has just ended.
        slot.task = asyncio.Task(
            self._run(slot), loop=asyncio.get_running_loop(), context=contextvars.Context()
        )
        return slot

    def _on_loop_cancel(self, attempt: Attempt) -> None:
        """Cancel a call that was given up; one that has ended without its result hangs no more."""
        if attempt.ended or attempt.task is None:
            return
        if attempt.task.done():
            with self._lock:
                self._hanging -= 1
        else:
            attempt.task.cancel()

    def _on_loop_end(self, slot: _Slot) -> None:
        self._slots.remove(slot)
        if not slot.begun:
            self._waiting -= 1
        if not self._slots:
            self._loop.occupy(occupied=False)

    async def _run(self, slot: _Slot) -> None:
        """Handle one call; nothing that it raises may leave the task."""
        slot.begun = True
        self._waiting -= 1
        try:
            if deliveries := self._fetcher.take():
                await self._handle(deliveries, slot.task)
        except Exception as error:  # no memory, or a defect: log it, and go on
            self._note_defect(error)
        self._on_loop_end(slot)
        self._on_loop_begin()
        self._on_loop_flush_later()

    async def _handle(self, deliveries: list[Delivery], task: asyncio.Task[None]) -> None:
        attempt = self._calls.begin(deliveries)
        attempt.task = task
        failure: Failure | None = None
        context: Context | None = None
        try:
            context = self._calls.context(attempt)
            try:
                handling = self._plugin.handle(self._calls.work_of(deliveries), context)
                attempt.awaitable = handling
                await all_awaited(handling)
            finally:
                end_in_child(self._process, self._plugin.name)
        except BaseException as error:  # no exception of a plugin may end its loop
            if isinstance(error, GeneratorExit) and not _loop_runs():
                raise  # the loop was abandoned with its tasks
            failure = failure_of(error, self._plugin.code)
        if not self._calls.end(attempt, failure, context):
            with self._lock:  # the watchdog counts it before it lets go of the lock
                self._hanging -= 1
        attempt.ended = True

    def _on_loop_flush_later(self) -> None:
        """Settle what is collected: when nothing else is ready at once, else a moment later."""
        if not self._fetcher.ready:
            if not self._flush_soon:
                self._flush_soon = True
                asyncio.get_running_loop().call_soon(self._on_loop_flush)
        elif self._flush_timer is None:
            loop = asyncio.get_running_loop()
            self._flush_timer = loop.call_later(_COLLECT_S, self._on_loop_flush)

    def _on_loop_flush(self) -> None:
        if self._flush_timer is not None:
            self._flush_timer.cancel()
        self._flush_timer, self._flush_soon = None, False
        try:
            self._calls.flush()
        except Exception as error:  # they stay collected; the watchdog settles them
            self._note_defect(error)

    def _note_defect(self, error: Exception) -> None:
        _log.critical("plugin %s: a worker failed: %s", self._plugin.name, describe(error))

    def _left_behind(self, attempt: Attempt) -> Failure:
        return left_behind(attempt, self._plugin.code, self._loop)

    def _time_out(self, attempt: Attempt) -> Failure:
        return time_out(attempt, self._plugin.settings.timeout, self._plugin.code, self._loop)


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
