"""Takes care of orphans where a server gets them: as PID 1 of a container.

A plugin may start programs whose own children outlive them. They become children of PID 1, and
stay as zombies until it asks for their status. A server must not ask for any child: the status of
one that a plugin started is the plugin's.
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
    """Let a child go on with the command, and stay in front of it, if this process gets orphans.

    The parent passes signals on, asks for every status, and ends as the child does.

    Threads: none but the caller's may run, since it forks.
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
    os.setpgid(0, 0)  # Ctrl-C is for the parent, which passes it on once
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
    """Pass signals on to the child until it ends; return its exit status, as a shell has it."""
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
