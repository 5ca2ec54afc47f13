"""Blocks a server's signals until it handles them; imported before any slow module.

By default the signals would end a process that is still starting, and PID 1 of a container would
never get them.
"""

import os
import signal
import sys

HELD = frozenset(
    {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2}
)  # the signals that a server handles


def _is_server(command: list[str]) -> bool:
    """Return whether a process with this command line is a server."""
    for place, one in enumerate(command[1:], 1):
        file = os.path.realpath(one) if os.path.islink(one) else one  # noqa: PTH114 - pathlib
        runs = os.path.basename(file) == "incm-webhook"  # noqa: PTH119 - pathlib is slow
        if runs or (one == "incm_webhook" and command[place - 1] == "-m"):
            return command[place + 1 : place + 2] == ["serve"]
    return False


serves = _is_server(sys.orig_argv)
if serves:
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
