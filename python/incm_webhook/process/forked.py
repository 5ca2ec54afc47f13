"""Restricts children that plugins fork: they get no sockets, and never go on as the receiver."""

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
    """Keep sockets out of forked children, for as long as this process lives."""
    _kept.extend(KeptFromChildren(one.fileno()) for one in sockets)


def run_here(action: Callable[[], _Result], label: str) -> _Result:
    """Run code of a plugin; a forked child that returns from it is ended.

    Args:
        action: the code to run; it may raise anything.
        label: the name of the action in messages.

    Returns:
        The result of the action.
    """
    process = os.getpid()
    try:
        return action()
    finally:
        end_in_child(process, label)


def end_in_child(process: int, label: str) -> None:
    """End this process if it is a forked child of the process that called a plugin.

    Such a child would go on like its parent: accept alerts, handle them again, and load further
    plugins. The exception that is being handled, if any, determines the exit status.

    Args:
        process: the number of the process that called the plugin.
        label: the name of the called code in messages.
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
