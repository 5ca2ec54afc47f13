"""The receiver's end of one worker process: starts it, calls it, watches it, kills it."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import queue
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from incm_webhook.config.quantities import format_size
from incm_webhook.config.settings import PluginSettings
from incm_webhook.errors import PluginError
from incm_webhook.hosting.channel import BrokenFrameError, Channel, GoneError, pack_settings
from incm_webhook.hosting.state_channel import CHANGES_LIMIT, reply_to
from incm_webhook.hosting.worker_protocol import (
    Description,
    Keep,
    WorkerDied,
    WorkerError,
    WorkerFailure,
    WorkerLost,
    WorkerTimeout,
    read_account,
    read_description,
    read_outcome,
)
from incm_webhook.http.egress import current
from incm_webhook.log import log_order
from incm_webhook.process.ending import ending_of
from incm_webhook.process.resident import resident_bytes
from incm_webhook.state import MemoryStore

_ANSWER_LIMIT = 192 * 1024 + CHANGES_LIMIT  # bytes: two lines and a traceback, all escaped
_DESCRIPTION_LIMIT = 1024 * 1024  # bytes: a plugin's settings
_WATCH_MS = 200
_EXIT_S = 5.0  # how long a process may still exist after its sockets closed, or after SIGKILL


class WorkerProcess:
    """One process with one plugin, from its start to its end; it is not restarted.

    Order: load(), setup(), call() any number of times, close(). Any failure of the process kills
    it, with its whole process group.
    Threads: call load() and setup() one after the other. Any number of threads may call call(), of
    which `channels` run at once. Any may call close() and kill(). An own thread starts and watches
    the process, because the kernel kills the process when the thread that started it ends.
    Source: docs/isolation.md, What keeps plugins apart.
    """

    def __init__(
        self,
        spec: PluginSettings,
        base: Path,
        memory: int,
        on_end: Callable[[WorkerProcess], None],
        folder: Path | None = None,
    ) -> None:
        """Start the process.

        Args:
            spec: the plugin's `[[plugin]]` table.
            base: the folder that relative files are relative to.
            memory: the bytes that the process may use beyond its use right after the set-up.
            on_end: called once with this object, in the watching thread, after the process ended.
            folder: the working directory of the process; None for the current one.

        Raises:
            OSError: no descriptor or thread is left for it.
        """
        self._spec = spec
        self._base = base
        self._memory = memory
        self._on_end = on_end
        self._folder = folder
        own, theirs = socket.socketpair()
        self._control = Channel(own)
        self._channels = [self._control]
        # None means that the process has ended.
        self._idle: queue.SimpleQueue[Channel | None] = queue.SimpleQueue()
        self.reply = partial(reply_to, MemoryStore({}))  # to questions about the state
        self._numbers = itertools.count(1)
        self._state = threading.Lock()  # guards _pid, _killed, _ending and _channels
        self._pid: int | None = None  # None as soon as the system may reuse the number
        self._killed: type[WorkerError] | None = None  # the error of calls in flight
        self._ending, self.reason = "", "died"  # in a word: timeout, memory or died
        self._resident_at_ready: int | None = None
        self._started = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._live, args=(theirs,), name=f"{spec.name}-process", daemon=True
        )
        try:
            self._thread.start()
        except RuntimeError:
            own.close()
            theirs.close()
            raise BlockingIOError(errno.EAGAIN, "no thread is left to watch it") from None
        self._started.wait()

    @property
    def pid(self) -> int | None:
        """The process number; None after the end of the process."""
        return self._pid

    @property
    def alive(self) -> bool:
        """Whether the process can be called."""
        return self._killed is None and not self._ended.is_set()

    @property
    def ending(self) -> str:
        """Why the process ended: "its process was killed by signal 11 (SIGSEGV)"."""
        return f"its process {self._ending}"

    def load(self, limit: float) -> Description:
        """Make the process load the plugin, without setting it up.

        Args:
            limit: the longest time for this, in seconds.

        Returns:
            The description of the plugin.

        Raises:
            PluginError: the plugin cannot be loaded, or its import ended the process.
        """
        order = {
            "settings": pack_settings(self._spec),
            "base": str(self._base),
            "path": sys.path,
            "memory": self._memory,
            "log": log_order(),
            "place": self._spec.place,
            "lines": dict(self._spec.lines),
            "egress": current().texts,
        }
        try:
            return read_description(self._ask(order, _DESCRIPTION_LIMIT, limit), self._spec)
        except BrokenFrameError:
            problem: WorkerError = self._broken()
        except WorkerFailure as failure:
            raise PluginError(str(failure)) from None
        except WorkerError as error:
            problem = error
        raise PluginError(f'plugin "{self._spec.name}": while it was loaded, {problem}')

    def setup(self, channels: int, limit: float) -> None:
        """Make the process set the plugin up; after that it can be called.

        Args:
            channels: how many calls may run at once.
            limit: the longest time for this, in seconds.

        Raises:
            WorkerFailure: the plugin's setup raised an exception.
            WorkerError: the process ended before the set-up did.
        """
        if self._ask({"channels": channels}, _ANSWER_LIMIT, limit) != {"ready": True}:
            raise self._broken()
        self._resident_at_ready = resident_bytes(self._pid)
        pairs: list[tuple[socket.socket, socket.socket]] = []
        try:
            for _ in range(channels):
                pairs.append(socket.socketpair())
        except OSError as error:
            for one in itertools.chain(*pairs):
                one.close()
            self.kill(WorkerLost, f"was killed: there is no socket to call it: {error.strerror}")
            raise WorkerLost(self.ending) from None
        opened = [Channel(own) for own, _ in pairs]
        with self._state:
            self._channels += opened
            over = self._pid is None
        for _, theirs in pairs:
            with theirs, contextlib.suppress(GoneError):
                self._control.send_socket(theirs)
        for channel in opened:
            if over:
                channel.close()
            self._idle.put(channel)

    def call(
        self, order: dict[str, Any], alerts: Sequence[bytes], limit: float, keep: Keep
    ) -> None:
        """Make the plugin process alerts, and wait for the outcome; a return means delivered.

        Args:
            order: what `call_order` made.
            alerts: the raw text of each alert.
            limit: the longest time for the call, in seconds.
            keep: called with what the handler changed in the state of the plugin, if it did.

        Raises:
            Retry, Reject, Unavailable, WorkerFailure: the handler raised them.
            WorkerTimeout, WorkerDied, WorkerLost: the process ended; see these classes.
        """
        channel = self._idle.get()
        if channel is None:
            self._idle.put(None)  # for the next thread that waits
            raise WorkerLost(self.ending)
        number = next(self._numbers)
        try:
            until = time.monotonic() + limit
            answer = channel.exchange(
                {"call": number, **order}, alerts, _ANSWER_LIMIT, until, self.reply
            )
            read_outcome(answer, number, keep)
        except TimeoutError:
            self.reason = "timeout"
            self.kill(WorkerLost, f"was killed: a call took longer than {limit:g} s")
            raise WorkerTimeout(f"TimeoutError: no result within {limit:g} s") from None
        except GoneError as gone:
            raise self._gone(sent=gone.sent) from None
        except BrokenFrameError:
            raise self._broken() from None
        except MemoryError:
            raise self._exhausted() from None
        finally:
            self._idle.put(channel)

    def close(self, deadline: float) -> None:
        """Close the plugin, and end the process by `deadline` (monotonic seconds).

        Raises:
            WorkerError: the plugin's close failed; the process has ended nevertheless.
        """
        try:
            if self._resident_at_ready and self.alive and time.monotonic() < deadline:
                self._ask({}, _ANSWER_LIMIT, deadline - time.monotonic())
                self._ended.wait(max(0.0, deadline - time.monotonic()))
        finally:
            self.kill(WorkerLost, "was asked to end")
            self._thread.join(_EXIT_S)  # on_end has been called then

    def kill(self, others: type[WorkerError], ending: str) -> None:
        """Kill the process and its process group; the reason of the first call counts.

        Args:
            others: the error that calls in flight get.
            ending: why the process ends, such as "was asked to end".
        """
        with self._state:
            if self._killed is None and not self._ended.is_set():
                self._killed, self._ending = others, ending
            self._kill_group()

    def _live(self, theirs: socket.socket) -> None:
        """Start the process, wait for its end, and wake all threads that wait for it."""
        process = None
        try:
            with theirs:
                process = self._spawn(theirs)
            self._started.set()
            self._watch(process.pid)
        except OSError as error:
            what = "watched" if process is not None else "started"
            self.kill(WorkerLost, f"cannot be {what}: {error.strerror}")
        self._started.set()
        with self._state:
            if process is not None:
                self._kill_group()  # its forks; the number stays reserved until process.wait()
                status = process.wait()
                if self._killed is None:
                    self._ending = ending_of(status)
            self._pid = None
            channels = list(self._channels)
        for channel in channels:
            channel.close()
        self._idle.put(None)
        self._ended.set()
        self._on_end(self)

    def _spawn(self, theirs: socket.socket) -> subprocess.Popen[bytes]:
        descriptor = theirs.fileno()
        # -P: a file in the working directory must not replace a module of Python
        command = [sys.executable, "-P", "-m", "incm_webhook.hosting.worker", str(descriptor)]
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [*command, str(os.getpid()), log_order()["style"]],
            stdin=subprocess.DEVNULL,
            cwd=self._folder,
            pass_fds=[descriptor],
            start_new_session=True,
        )
        self._pid = process.pid
        return process

    def _watch(self, pid: int) -> None:
        """Wait for the end of the process; kill it when it uses too much memory."""
        descriptor = os.pidfd_open(pid)
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            while not poll.poll(_WATCH_MS):
                at_ready = self._resident_at_ready
                if at_ready is not None and resident_bytes(self._pid) - at_ready > self._memory:
                    self._exhausted()
        finally:
            os.close(descriptor)

    def _kill_group(self) -> None:
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGKILL)

    def _ask(self, order: dict[str, Any], most: int, limit: float) -> dict[str, Any]:
        try:
            answer = self._control.exchange(order, (), most, time.monotonic() + limit, self.reply)
        except TimeoutError:
            self.kill(WorkerLost, f"was killed: it did not answer within {limit:.3g} s")
            raise WorkerTimeout(f"its process did not answer within {limit:.3g} s") from None
        except GoneError as gone:
            raise self._gone(sent=gone.sent) from None
        except BrokenFrameError:
            raise self._broken() from None
        if "account" in answer:
            try:
                account = read_account(answer)
            except BrokenFrameError:
                raise self._broken() from None
            raise WorkerFailure(account.line, account)
        return answer

    def _exhausted(self) -> WorkerError:
        self.reason = "memory"
        self.kill(WorkerDied, f"used more than {format_size(self._memory)} of memory")
        return WorkerDied(self.ending)

    def _broken(self) -> WorkerError:
        self.kill(WorkerDied, "was killed: it wrote nonsense where its answers are read")
        return WorkerDied(self.ending)

    def _gone(self, *, sent: bool) -> WorkerError:
        """Return the error that explains why the process does not answer."""
        if not self._ended.wait(_EXIT_S):
            self.kill(WorkerDied, "was killed: it closed the socket on which it is called")
            self._ended.wait(_EXIT_S)
        kind = (self._killed or WorkerDied) if sent else WorkerLost
        return kind(self.ending)
