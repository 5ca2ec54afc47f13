"""Runs a plugin in a process of its own, and replaces the process when it hangs, dies or swells."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from incm_webhook import Alert
from incm_webhook.config.settings import PluginSettings
from incm_webhook.errors import PluginError
from incm_webhook.hosting.loaded_plugin import Hook, LoadedPlugin
from incm_webhook.hosting.state_channel import reply_to
from incm_webhook.hosting.worker_process import WorkerProcess
from incm_webhook.hosting.worker_protocol import (
    Description,
    WorkerDied,
    WorkerError,
    WorkerFailure,
    WorkerLost,
    WorkerTimeout,
    call_order,
)
from incm_webhook.plugin import Context

__all__ = [
    "IsolatedPlugin",
    "WorkerDied",
    "WorkerError",
    "WorkerFailure",
    "WorkerLost",
    "WorkerTimeout",
]

_START_S = 60.0  # for loading, and for the set-up when the plugin's time-out is shorter
_FIRST_PAUSE_S = 1.0  # before the second replacement in a row; the first is made at once
_LONGEST_PAUSE_S = 60.0

_log = logging.getLogger("incm_webhook.isolation")


class IsolatedPlugin(LoadedPlugin):
    """A plugin that runs in a process of its own; the receiver never runs its code.

    Shape: as LoadedPlugin, but every method blocks until it is done, and no result is awaitable.
    `config` is None: only the process has it. A process that has ended is replaced when the next
    call needs one. When several replacements in a row crash before they handle an alert, the pause
    before each grows.
    Errors: handle raises Retry, Reject and Unavailable as the handler did; otherwise it raises a
    WorkerError, whose text describes the failure. WorkerFailure, WorkerTimeout and WorkerDied are
    failed attempts. After WorkerLost the alerts were not attempted, or the attempt was cut off for
    a reason unrelated to them.
    Threads: one may call setup(); any may call handle(), ready() and close(). close() ends all
    waits.
    Source: docs/isolation.md, What keeps plugins apart.
    """

    limits_itself = True

    def __init__(
        self, spec: PluginSettings, base: Path, memory: int, folder: Path | None = None
    ) -> None:
        """Start a process and load the plugin in it, without setting it up.

        Args:
            spec: its `[[plugin]]` table.
            base: the folder that a relative file is relative to.
            memory: the bytes that the process may use beyond its use right after the set-up.
            folder: the working directory of the process and of its replacements; None for the
                current one.

        Raises:
            PluginError: as `registry.load`; also when loading ends the process or hangs it.
        """
        self._spec = spec
        self._base = base
        self._memory = memory
        self._folder = Path.cwd() if folder is None else folder
        self._changed = threading.Condition()  # guards all below
        self._latest: WorkerProcess | None = None
        self._ready: WorkerProcess | None = None  # the last one set up; it may have ended
        self._starting = False
        self._starts_in_a_row = 0  # replacements since a call last ended
        self._not_before = 0.0  # when the next replacement may be started
        self._calls = 0
        self._closed = False
        self._ends: Counter[str] = Counter()
        self._failure = ""  # why the last replacement failed; "" when it succeeded
        _, description = self._load()
        handle = "handle_batch" if description.batch else "handle"
        hooks = {handle: Hook(self._deliver, wants_context=True)}
        if description.on_dead:
            hooks["on_dead"] = Hook(self._tell_dead, wants_context=True)
        super().__init__(
            description.settings,
            None,
            hooks,
            description.origin,
            warnings=description.warnings,
        )

    def setup(self) -> None:
        """Set the plugin up, in a new process when an earlier set-up failed.

        Raises:
            PluginError: a new process cannot load the plugin.
            WorkerError: the plugin's setup raised an exception, or ended the process.
        """
        worker = self._latest
        if worker is None or not worker.alive or worker is self._ready:
            self._replace()
        else:
            self._set_up(worker)

    def ready(self) -> bool:
        """Wait until the plugin can be called; fetch no alerts for it before that.

        Returns:
            False when the plugin is closed.
        """
        try:
            self._enter()
        except WorkerLost:
            return False
        self._leave()
        return True

    def trouble(self) -> str:
        """Describe why the process ended, while there is no other; "" while one runs."""
        worker = self._ready
        if worker is None or worker.alive or self._closed:
            return ""
        again = f"; it cannot be started again: {self._failure}" if self._failure else ""
        return f"{worker.ending}{again}"

    def restarts(self) -> dict[str, int]:
        """Count the ends of the process that were not asked for: timeout, memory or died."""
        return dict(self._ends)

    def close(self, deadline: float | None = None) -> None:
        """Wait for running calls, then for the plugin's own close, and end the process.

        Args:
            deadline: when the process is killed, in monotonic seconds; None allows the plugin's
                time-out. Calls that still run then, and later calls, get a WorkerLost.

        Raises:
            WorkerError: the plugin's close failed; the process has ended nevertheless.
        """
        until = time.monotonic() + self.settings.timeout if deadline is None else deadline
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._calls == 0, max(0.0, until - time.monotonic()))
            worker = self._latest
        if worker is not None:
            worker.close(until)

    def discard(self) -> None:
        """End the process, which was never set up."""
        self.close(time.monotonic())

    def _deliver(self, work: Any, context: Context) -> None:
        self._call_worker(work if self.batch else [work], context)

    def _tell_dead(self, alert: Any, context: Context, reason: str) -> None:
        self._call_worker([alert], context, reason)

    def _call_worker(
        self, alerts: Sequence[Alert], context: Context, dead: str | None = None
    ) -> None:
        raw = [alert.raw for alert in alerts]
        order = call_order(raw, context.each or [context], dead)
        worker = self._enter()
        try:
            worker.call(
                order,
                raw,
                self.settings.timeout,
                lambda changes: context.state.adopt(changes),
            )
        except WorkerTimeout:
            self._starts_in_a_row = 0  # the call lasted longer than a pause, and others wait
            raise
        finally:
            if worker.alive:
                self._starts_in_a_row = 0
            self._leave()

    def _enter(self) -> WorkerProcess:
        """Count a call and return the process for it; WorkerLost when there will be none."""
        while not (worker := self._at_hand()):
            try:
                self._replace()
            except (PluginError, WorkerError) as error:
                self._failure = str(error)
                if not self._closed:
                    _log.error("plugin %s: cannot be started again: %s", self.name, error)
            finally:
                with self._changed:
                    self._starting = False
                    self._changed.notify_all()
        return worker

    def _leave(self) -> None:
        with self._changed:
            self._calls -= 1
            if self._closed:
                self._changed.notify_all()

    def _at_hand(self) -> WorkerProcess | None:
        """Wait for a process that can be called; None when the caller must start one."""
        with self._changed:
            while not self._closed:
                if self._ready is not None and self._ready.alive:
                    self._calls += 1
                    return self._ready
                pause = self._not_before - time.monotonic() if self._starts_in_a_row else 0.0
                if not self._starting and pause <= 0:
                    self._starting = True
                    self._starts_in_a_row += 1
                    pause = _FIRST_PAUSE_S * 2.0 ** min(self._starts_in_a_row - 1, 32)
                    self._not_before = time.monotonic() + min(pause, _LONGEST_PAUSE_S)
                    return None
                self._changed.wait(None if self._starting else pause)
        raise WorkerLost("its process was asked to end")

    def _replace(self) -> None:
        worker, description = self._load()
        if description.batch != self.batch:
            worker.kill(WorkerLost, "was killed: its code has changed")
            raise PluginError(
                "its code has changed between handle and handle_batch: restart the server"
            )
        self._set_up(worker)

    def _load(self) -> tuple[WorkerProcess, Description]:
        try:
            worker = WorkerProcess(
                self._spec, self._base, self._memory, self._note_end, self._folder
            )
        except OSError as error:
            raise PluginError(
                f'plugin "{self._spec.name}": its process cannot be started: {error.strerror}'
            ) from None
        with self._changed:
            self._latest = worker
            closed = self._closed
        if closed:
            worker.kill(WorkerLost, "was asked to end")
        try:
            return worker, worker.load(_START_S)
        except PluginError:
            worker.kill(WorkerLost, "could not load the plugin")
            raise

    def _set_up(self, worker: WorkerProcess) -> None:
        worker.reply = partial(reply_to, self.states.store)
        try:
            channels = self.settings.concurrency + self.wants_dead
            worker.setup(channels, max(_START_S, self.settings.timeout))
        except WorkerError:
            worker.kill(WorkerLost, "could not set the plugin up")
            raise
        with self._changed:
            self._failure = ""
            self._ready = worker
            self._changed.notify_all()

    def _note_end(self, worker: WorkerProcess) -> None:
        if worker is self._ready and not self._closed:
            self._ends[worker.reason] += 1
            _log.error(
                "plugin %s: %s; the next alert starts another", self._spec.name, worker.ending
            )
