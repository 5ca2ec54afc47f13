"""Logs failed attempts: the first one at once, repeated ones as one line a minute."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from incm_webhook.text.failures import Account

QUIET_S = 60.0
_KINDS = 32  # kinds that are distinguished at a time
_OTHERS = "others"


@dataclass(slots=True)
class _Kind:
    since: float  # when the last line about it was written
    repeated: bool = False  # whether failures were counted since the first line
    unlogged: int = 0
    last: str = ""
    traceback: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


class FailureLog:
    """Logs the failures of one plugin.

    Shape: the first failure of a kind is logged at once. Further failures within QUIET_S are
    counted, and logged as one line at the end of that time; this repeats as long as failures
    continue. When QUIET_S pass without one, a line says that they have ended. Failures with the
    same exception at the same place are of one kind, whatever the text of the exception. With
    `--log-level debug` each failure is logged at once, with its traceback.
    Threads: any.
    """

    def __init__(self, whose: str, log: logging.Logger, clock: Callable[[], float]) -> None:
        self._whose = whose
        self._log = log
        self._clock = clock  # monotonic seconds
        self._lock = threading.Lock()  # guards _kinds
        self._kinds: dict[tuple[int, str], _Kind] = {}

    def note(
        self, level: int, sentence: str, account: Account, facts: Mapping[str, Any] | None = None
    ) -> None:
        """Log a failure now, or count it and log it later.

        Args:
            level: the log level.
            sentence: the outcome of the attempt, on one line.
            account: the description of the exception.
            facts: members for the line as JSON, besides `error`.
        """
        known = {**(facts or {}), "error": account.line}
        if self._log.isEnabledFor(logging.DEBUG):
            self._write(level, sentence, account.traceback, known)
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
                kind.last, kind.traceback, kind.facts = sentence, account.traceback, known
                return
            self._kinds[key] = _Kind(now)
        self._write(level, sentence, account.traceback, known)

    def log_due(self, *, everything: bool = False) -> None:
        """Log the counted failures whose minute is over; with `everything`, log them all."""
        if not self._kinds:
            return
        due = []
        with self._lock:
            now = self._clock()
            for key, kind in list(self._kinds.items()):
                if not everything and now < kind.since + QUIET_S:
                    continue
                del self._kinds[key]
                due.append((key, kind))
                if kind.unlogged:
                    self._kinds[key] = _Kind(now, repeated=True)
        for (level, name), kind in due:
            seconds = now - kind.since
            if kind.unlogged:
                times = "once more" if kind.unlogged == 1 else f"{kind.unlogged:,} more times"
                text = f"{self._whose}: failed {times} in {seconds:.0f} s, the last: {kind.last}"
                self._write(level, text, kind.traceback, {**kind.facts, "failures": kind.unlogged})
            elif kind.repeated and not everything:
                text = f"{self._whose}: has not failed for {seconds:.0f} s as before: {name}"
                self._write(logging.INFO, text, "", {})

    def _write(self, level: int, text: str, traceback: str, facts: Mapping[str, Any]) -> None:
        self._log.log(level, "%s", text, extra={"traceback": traceback, "facts": facts})
