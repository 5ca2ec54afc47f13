"""Makes a server's process exit in time, even if plugins have left threads that still run."""

import logging
import os
import sys
import threading
import time

_FLUSH_S = 1.0  # time to write out what handlers have printed
_EXIT_S = 1.0  # least time for the interpreter's exit, even when a stop has used up the grace

_log = logging.getLogger("incm_webhook.service")
_deadlines: list[float] = []  # for the exit, in monotonic seconds; the last one counts


def flushed() -> bool:
    """Flush the standard streams within _FLUSH_S; return whether that succeeded.

    An ordinary exit would wait until the reader of the streams takes everything.
    """
    flushing = threading.Thread(target=_flush, daemon=True)
    flushing.start()
    flushing.join(_FLUSH_S)
    return not flushing.is_alive()


def end_by(deadline: float) -> None:
    """Set the deadline (monotonic seconds) that bound_the_end() enforces."""
    _deadlines.append(deadline)


def bound_the_end(status: int) -> None:
    """Make sure that this process exits by the deadline of end_by(), by force with `status`.

    An ordinary exit waits for plugin threads that are not daemons, and for exit handlers. Does
    nothing when end_by() was not called.
    """
    if not _deadlines:
        return

    def end() -> None:
        time.sleep(max(_EXIT_S, _deadlines[-1] - time.monotonic()))
        every = (one for one in threading.enumerate() if one is not threading.main_thread())
        names = ", ".join(one.name for one in every if not one.daemon)
        _log.warning("ended by force: a plugin left something running%s", names and f": {names}")
        os._exit(status)

    threading.Thread(target=end, name="end", daemon=True).start()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
