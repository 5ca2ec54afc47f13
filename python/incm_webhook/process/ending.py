"""Puts the end of a child process into words."""

import contextlib
import signal


def ending_of(status: int) -> str:
    """Describe the status that `wait` returned: "was killed by signal 9 (SIGKILL)"."""
    if status >= 0:
        return f"ended with exit status {status}"
    with contextlib.suppress(ValueError):
        return f"was killed by signal {-status} ({signal.Signals(-status).name})"
    return f"was killed by signal {-status}"
