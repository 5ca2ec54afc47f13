"""How a server's process ends within its time, whatever plugins have left that runs."""

import logging
import os
import sys
import threading
import time

_FLUSH_S = 1.0  # for what handlers have printed
_EXIT_S = 1.0  # at least, for the interpreter's end when a stop has used up the grace

_log = logging.getLogger("incm_webhook.service")
_deadlines: list[float] = []  # of this process's end, in monotonic seconds; the last one counts


def flushed() -> bool:
    """Write what was printed, if somebody takes it: an ordinary exit would wait for that."""
    flushing = threading.Thread(target=_flush, daemon=True)
    flushing.start()
    flushing.join(_FLUSH_S)
    return not flushing.is_alive()


def end_by(deadline: float) -> None:
    """Say by when this process has to end, in monotonic seconds, if it ends with its command."""
    _deadlines.append(deadline)


def bound_the_end(status: int) -> None:
    """Let this process end when end_by() said; else with that status, whatever plugins left.

    An ordinary exit waits for their threads that are no daemons, and for their exit handlers.
    Nothing happens when end_by() was not called.
    """
    if not _deadlines:
        return

    def end() -> None:
        time.sleep(max(_EXIT_S, _deadlines[-1] - time.monotonic()))
        every = (one for one in threading.enumerate() if one is not threading.main_thread())
        names = ", ".join(one.name for one in every if not one.daemon)
        _log.warning("ended by force: a plugin left something that runs%s", names and f": {names}")
        os._exit(status)

    threading.Thread(target=end, name="end", daemon=True).start()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
