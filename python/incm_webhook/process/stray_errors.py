"""Logs errors that no code catches, such as those of a thread that a plugin started.

By default Python would print a traceback of any length, with the unredacted text of the exception.
"""

import logging
import sys
import threading
import time

from incm_webhook.text.failure_log import FailureLog
from incm_webhook.text.failures import Account, account_of, code_of_all, fit

_log = logging.getLogger("incm_webhook.stray")


def catch_stray_errors() -> None:
    """Log exceptions that end a thread, and those that are raised where nothing can catch them.

    Threads: call it in the main thread, before others start.
    """
    failures = FailureLog("code outside of any call", _log, time.monotonic)

    def of_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is None or isinstance(args.exc_value, SystemExit):
            return
        name = args.thread.name if args.thread is not None else "a thread"
        account = account_of(args.exc_value, code_of_all())
        failures.note(logging.ERROR, f"thread {fit(name)} ended: {account.line}", account)

    def unraisable(args: "sys.UnraisableHookArgs") -> None:
        account = Account("", "")
        if args.exc_value is not None:
            account = account_of(args.exc_value, code_of_all())
        what = args.err_msg or "ignored an exception"
        failures.note(logging.ERROR, f"{fit(what)}: {account.line}", account)

    threading.excepthook = of_thread
    sys.unraisablehook = unraisable
