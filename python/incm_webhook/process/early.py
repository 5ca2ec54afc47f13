"""Holds a server's signals back until it handles them: imported before all that takes time.

By default they would end a process that only starts, and PID 1 of a container would never get them.
"""

import os
import signal
import sys

HELD = frozenset(
    {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2}
)  # those that a server handles


def _is_server(command: list[str]) -> bool:
    """Whether a process with this command line is a server."""
    for place, one in enumerate(command[1:], 1):
        file = os.path.realpath(one) if os.path.islink(one) else one  # noqa: PTH114 - pathlib
        runs = os.path.basename(file) == "incm-webhook"  # noqa: PTH119 - takes its time
        if runs or (one == "incm_webhook" and command[place - 1] == "-m"):
            return command[place + 1 : place + 2] == ["serve"]
    return False


serves = _is_server(sys.orig_argv)
if serves:
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
