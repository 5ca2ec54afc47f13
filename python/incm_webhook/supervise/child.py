"""Starts a child of the supervisor with the kept sockets, and tracks the state of the child."""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from incm_webhook.log import write_failure
from incm_webhook.process.early import HELD

WATCHDOG_S = 30.0  # a child that is silent for this long is aborted
STOP_S = 30.0  # time to stop, unless the child announces how long it needs
ABORT_S = 5.0  # time to write a core file after SIGABRT
PREPARE_S = 60.0  # time to load all plugins
SIGNALS = (*HELD, signal.SIGCHLD)  # the signals that the parent handles
_FIRST = 3  # SD_LISTEN_FDS_START


@dataclass(slots=True)
class Child:
    """A child process. Units: monotonic seconds.

    Attributes:
        before: the process that it takes over from; None for none.
        prepared: whether it waits for the inbox.
        ready: whether it serves, or at least listens.
        seen_at: when it last sent a beat, or became prepared or ready.
        ready_at: when it became ready.
        kill_at: when it is killed; None for never.
        changes: the changes to the kept descriptors, by name and in order, which are applied once
            it is ready; None removes the descriptor of that name.
    """

    pid: int
    before: int | None
    prepared: bool = False
    ready: bool = False
    stopping: bool = False
    started: float = field(default_factory=time.monotonic)
    seen_at: float = 0.0
    ready_at: float = 0.0
    kill_at: float | None = None
    changes: list[tuple[str, int | None]] = field(default_factory=list)

    def stop(self) -> None:
        """Ask the child to stop."""
        if not self.stopping:
            self.stopping = True
            self.kill_at = time.monotonic() + STOP_S
            os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Kill the child."""
        self.stopping = True
        os.kill(self.pid, signal.SIGKILL)

    def exclude_pause(self, pause: float) -> None:
        """Extend the deadlines by `pause` seconds, in which the whole machine stood still."""
        self.started += pause
        self.seen_at += pause
        if self.kill_at is not None:
            self.kill_at += pause

    def check(self, now: float) -> str | None:
        """End the child when it is silent or late; return what was wrong, for the log."""
        if self.kill_at is not None and now >= self.kill_at:
            self.kill_at = now + STOP_S
            os.kill(self.pid, signal.SIGKILL)
            return "did not end in time: killed"
        if (self.prepared or self.ready) and not self.stopping and now - self.seen_at > WATCHDOG_S:
            self.stopping = True
            self.kill_at = now + ABORT_S
            os.kill(self.pid, signal.SIGABRT)
            return f"has been silent for {WATCHDOG_S:g} s: aborted"
        if not (self.prepared or self.stopping) and now - self.started > PREPARE_S:
            self.stopping = True
            os.kill(self.pid, signal.SIGKILL)
            return f"did not load its plugins within {PREPARE_S:g} s: killed"
        return None


def ending_of(status: int) -> str:
    """Describe how a process ended; a negative status is a signal, as in subprocess."""
    if status >= 0:
        return f"ended with status {status}"
    with contextlib.suppress(ValueError):
        return f"was killed by signal {-status} ({signal.Signals(-status).name})"
    return f"was killed by signal {-status}"


def start(
    command: Sequence[str], notify: str, kept: Mapping[str, int], before: int | None
) -> Child:
    """Start a child.

    Args:
        command: the command line of the child.
        notify: the address of the notify socket.
        kept: the descriptors by name, in the order in which the child gets them.
        before: the process that the child takes over from; None for none.

    Raises:
        OSError: the system cannot create another process.

    Threads: no other thread may run, because this forks.
    """
    parent = os.getpid()
    # A signal before the exec would run the parent's handler in the child, and be lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        pid = os.fork()
    except OSError:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        raise
    if pid:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        return Child(pid, before)
    try:
        os.setpgid(0, 0)  # Ctrl-C goes to the parent alone, which then stops this child once
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        environ = dict(os.environ)
        environ["INCM_WEBHOOK_SUPERVISOR"] = str(parent)
        environ["NOTIFY_SOCKET"] = notify
        environ["WATCHDOG_USEC"] = str(int(WATCHDOG_S * 1e6))
        environ["WATCHDOG_PID"] = str(os.getpid())
        if before:
            environ["INCM_WEBHOOK_TAKEOVER"] = str(before)
        if kept:
            environ["LISTEN_PID"] = str(os.getpid())
            environ["LISTEN_FDS"] = str(len(kept))
            environ["LISTEN_FDNAMES"] = ":".join(kept)
        beyond = _FIRST + len(kept)
        far = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, beyond) for one in kept.values()]
        for index, one in enumerate(far):
            os.dup2(one, _FIRST + index, inheritable=True)
        os.execve(command[0], list(command), environ)  # noqa: S606 - our own command line
    except BaseException as error:  # a fork must never return
        reason = error.strerror if isinstance(error, OSError) else error
        write_failure(f"cannot run {command[0]}: {reason}")
    finally:
        os._exit(3)
