"""Tells failed attempts in the log: at once, but ten seconds of the same failure in one line."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from incm_webhook.text.failures import Account

QUIET_S = 10.0
_KINDS = 32  # that are told apart at a time
_OTHERS = "others"


@dataclass(slots=True)
class _Kind:
    quiet_until: float
    unsaid: int = 0
    last: str = ""
    traceback: str = ""


class FailureLog:
    """Tells the failures of one plugin.

    Shape: the first failure of a kind is a line. Further ones within QUIET_S are counted, and told
    together in a line when they are over, and so on while it goes on failing. Failures are of one
    kind that have the same exception at the same place, whatever its text; with `--log-level debug`
    the traceback follows.
    Threads: any.
    """

    def __init__(self, whose: str, log: logging.Logger, clock: Callable[[], float]) -> None:
        self._whose = whose
        self._log = log
        self._clock = clock  # monotonic seconds
        self._lock = threading.Lock()  # guards _kinds
        self._kinds: dict[tuple[int, str], _Kind] = {}

    def note(self, level: int, sentence: str, account: Account) -> None:
        """Tell a failure now, or with others later.

        Args:
            level: of the log.
            sentence: what became of the attempt, on one line.
            account: what the exception says.
        """
        self.tell()
        with self._lock:
            now = self._clock()
            key = (level, account.kind)
            if key not in self._kinds and len(self._kinds) >= _KINDS:
                key = (level, _OTHERS)
            kind = self._kinds.get(key)
            if kind is not None:
                kind.unsaid += 1
                kind.last, kind.traceback = sentence, account.traceback
                return
            self._kinds[key] = _Kind(now + QUIET_S)
        self._log.log(level, "%s", sentence, extra={"traceback": account.traceback})

    def tell(self, *, everything: bool = False) -> None:
        """Tell what was counted in ten seconds that are over; everything: in all."""
        if not self._kinds:
            return
        due = []
        with self._lock:
            now = self._clock()
            for key, kind in list(self._kinds.items()):
                if not everything and now < kind.quiet_until:
                    continue
                del self._kinds[key]
                if kind.unsaid:
                    due.append((key[0], kind))
                    self._kinds[key] = _Kind(now + QUIET_S)
        for level, kind in due:
            self._log.log(
                level,
                "%s: %s more like this, the last: %s",
                self._whose,
                f"{kind.unsaid:,}",
                kind.last,
                extra={"traceback": kind.traceback},
            )
