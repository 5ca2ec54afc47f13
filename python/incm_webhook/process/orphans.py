"""Collects orphaned processes when this process gets them, as PID 1 of a container does.

A plugin may start programs whose own children outlive them. Such orphans become children of PID 1,
and stay as zombies until it collects their status. A server must not collect every child: the
status of a child that a plugin started belongs to the plugin.
"""

import contextlib
import ctypes
import os
import signal
import sys

from incm_webhook.process.early import HELD

_PR_SET_PDEATHSIG = 1
_PR_GET_CHILD_SUBREAPER = 37
_PASSED_ON = HELD | {signal.SIGQUIT}
_NAMING_A_PROCESS = ("LISTEN_PID", "WATCHDOG_PID")


def stand_in_front() -> None:
    """Fork if this process gets orphans: the child runs the command, the parent collects them.

    The parent forwards signals, collects every status, and exits with the status of the child.

    Threads: no other thread may run, because this forks.
    """
    if not _gets_orphans():
        return
    sys.stdout.flush()
    sys.stderr.flush()
    front = os.getpid()
    waited_for = _PASSED_ON | {signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, waited_for)
    child = os.fork()
    if child:
        os._exit(_end_of(child, waited_for))
    os.setpgid(0, 0)  # Ctrl-C goes to the parent alone, which forwards it once
    _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != front:
        os._exit(1)
    for name in _NAMING_A_PROCESS:
        if os.environ.get(name) == str(front):
            os.environ[name] = str(os.getpid())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, waited_for - HELD)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def _gets_orphans() -> bool:
    is_subreaper = ctypes.c_int(0)
    _libc().prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(is_subreaper), 0, 0, 0)
    return os.getpid() == 1 or bool(is_subreaper.value)


def _end_of(child: int, waited_for: frozenset[signal.Signals]) -> int:
    """Forward signals to the child until it ends; return its exit status as a shell would."""
    while True:
        number = signal.sigwait(waited_for)
        if number != signal.SIGCHLD:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)
            continue
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == child:
                    status = os.waitstatus_to_exitcode(ended[1])
                    return status if status >= 0 else 128 - status
