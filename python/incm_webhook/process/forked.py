"""What a child that a plugin forks must not have of this process, and must not go on to do."""

import logging
import os
import socket
import sys
from collections.abc import Callable
from typing import TypeVar

from incm_webhook._core import KeptFromChildren
from incm_webhook.process.shutdown import flushed
from incm_webhook.text.failures import describe
from incm_webhook.text.printable import printable

__all__ = ["KeptFromChildren", "end_in_child", "keep_from_children", "run_here"]

_Result = TypeVar("_Result")
_kept: list[KeptFromChildren] = []

_log = logging.getLogger("incm_webhook.plugin")


def keep_from_children(*sockets: socket.socket) -> None:
    """Keep sockets from forked children for good: they live as long as this process."""
    _kept.extend(KeptFromChildren(one.fileno()) for one in sockets)


def run_here(action: Callable[[], _Result], label: str) -> _Result:
    """Run what belongs to a plugin; a forked child that comes back from it ends.

    Args:
        action: what to run.
        label: what a message calls it.

    Returns:
        What the action returns. It may raise anything.
    """
    process = os.getpid()
    try:
        return action()
    finally:
        end_in_child(process, label)


def end_in_child(process: int, label: str) -> None:
    """End this process if it is a child of the one that called a plugin.

    It would go on as that one: take alerts, handle them again, and load further plugins. What the
    plugin raised, while that is handled, says with which status.

    Args:
        process: the number of the one that called it.
        label: what a message calls what was called.
    """
    if os.getpid() == process:
        return
    error = sys.exception()
    status = 0 if error is None else 1
    if isinstance(error, SystemExit):
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    else:
        why = f"failed: {describe(error)}" if error else "returned"
        _log.warning(
            "%s forked a process, which %s: it was ended; end it with os._exit()",
            printable(label),
            why,
        )
    flushed()
    os._exit(status & 0xFF)
