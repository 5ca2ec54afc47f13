"""Logs failed attempts: the first one at once, repeated ones as one line every ten seconds."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from incm_webhook.text.failures import Account

QUIET_S = 10.0
_KINDS = 32  # kinds that are distinguished at a time
_OTHERS = "others"


@dataclass(slots=True)
class _Kind:
    quiet_until: float
    unlogged: int = 0
    last: str = ""
    traceback: str = ""


class FailureLog:
    """Logs the failures of one plugin.

    Shape: the first failure of a kind is logged at once. Further failures within QUIET_S are
    counted, and logged as one line at the end of that time; this repeats as long as failures
    continue. Failures with the same exception at the same place are of one kind, whatever the text
    of the exception. With `--log-level debug` each failure is logged at once, with its traceback.
    Threads: any.
    """

    def __init__(self, whose: str, log: logging.Logger, clock: Callable[[], float]) -> None:
        self._whose = whose
        self._log = log
        self._clock = clock  # monotonic seconds
        self._lock = threading.Lock()  # guards _kinds
        self._kinds: dict[tuple[int, str], _Kind] = {}

    def note(self, level: int, sentence: str, account: Account) -> None:
        """Log a failure now, or count it and log it later.

        Args:
            level: the log level.
            sentence: the outcome of the attempt, on one line.
            account: the description of the exception.
        """
        if self._log.isEnabledFor(logging.DEBUG):
            self._log.log(level, "%s", sentence, extra={"traceback": account.traceback})
            return
        self.log_due()
        with self._lock:
            now = self._clock()
            key = (level, account.kind)
            if key not in self._kinds and len(self._kinds) >= _KINDS:
                key = (level, _OTHERS)
            kind = self._kinds.get(key)
            if kind is not None:
                kind.unlogged += 1
                kind.last, kind.traceback = sentence, account.traceback
                return
            self._kinds[key] = _Kind(now + QUIET_S)
        self._log.log(level, "%s", sentence, extra={"traceback": account.traceback})

    def log_due(self, *, everything: bool = False) -> None:
        """Log the counted failures whose ten seconds are over; with `everything`, log them all."""
        if not self._kinds:
            return
        due = []
        with self._lock:
            now = self._clock()
            for key, kind in list(self._kinds.items()):
                if not everything and now < kind.quiet_until:
                    continue
                del self._kinds[key]
                if kind.unlogged:
                    due.append((key[0], kind))
                    self._kinds[key] = _Kind(now + QUIET_S)
        for level, kind in due:
            self._log.log(
                level,
                "%s: %s more like this, the last: %s",
                self._whose,
                f"{kind.unlogged:,}",
                kind.last,
                extra={"traceback": kind.traceback},
            )
