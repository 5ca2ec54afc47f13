"""Counts the results of the alerts while they are sent, and formats them at the end."""

import math
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from incm_webhook.simulator.inbox_check import Acknowledgement, InboxCheck

SHOWN = 5


class Tally:
    """Counts the result of each alert.

    Threads: any.

    Attributes:
        sent_ids: the `_id` of each alert that was sent, in the order of sending.
        acknowledgements: the answers of 200, in the order in which they came.
    """

    def __init__(self) -> None:
        self.sent_ids: list[str] = []
        self.acknowledgements: list[Acknowledgement] = []
        self._lock = threading.Lock()  # guards all members
        self._counts: Counter[str] = Counter()
        self._statuses: Counter[int] = Counter()
        self._times_s: list[float] = []
        self._first_s = self._last_s = 0.0
        self._late_s = self._latest_s = 0.0
        self._errors: Counter[str] = Counter()

    def sends(self, alert_id: str, now_s: float, late_s: float) -> None:
        """Count an alert that is sent for the first time, `late_s` after it was due."""
        with self._lock:
            if not self.sent_ids:
                self._first_s = now_s
            self.sent_ids.append(alert_id)
            self._last_s = now_s
            self._late_s = late_s
            self._latest_s = max(self._latest_s, late_s)

    def timed(self, seconds: float) -> None:
        """Count how long an answer of any status took."""
        with self._lock:
            self._times_s.append(seconds)

    def acknowledged(self, acknowledgement: Acknowledgement) -> None:
        """Count an alert that was answered with 200."""
        with self._lock:
            self.acknowledgements.append(acknowledgement)
            self._counts[acknowledgement.status] += 1

    def answered_otherwise(self, status: int) -> None:
        """Count an alert that was answered with another status, and is not sent again."""
        with self._lock:
            self._statuses[status] += 1

    def failed(self, error: Exception) -> None:
        """Count an attempt that ended with a network error or a time-out."""
        with self._lock:
            self._errors[str(error)] += 1

    def retries(self) -> None:
        """Count an alert that will be sent again."""
        with self._lock:
            self._counts["retried"] += 1

    def gives_up(self) -> None:
        """Count an alert that was never answered, and is not sent again."""
        with self._lock:
            self._counts["given_up"] += 1

    def refused(self, error: Exception) -> None:
        """Count an alert that could not be sent because nothing listened; it is not sent again."""
        with self._lock:
            self._counts["refused"] += 1
            self._errors[str(error)] += 1

    def verdict(self) -> "Verdict":
        """Return the results so far."""
        with self._lock:
            counts = self._counts
            sent, acknowledged = len(self.sent_ids), len(self.acknowledgements)
            ended = acknowledged + sum(self._statuses.values())
            ended += counts["given_up"] + counts["refused"]
            span_s = self._last_s - self._first_s
            return Verdict(
                sent=sent,
                acknowledged=acknowledged,
                accepted=counts["accepted"],
                duplicate=counts["duplicate"],
                other_statuses={str(key): n for key, n in sorted(self._statuses.items())},
                refused=counts["refused"],
                given_up=counts["given_up"],
                unfinished=sent - ended,
                retried=counts["retried"],
                rate=(sent - 1) / span_s if span_s else None,
                behind_s=self._late_s,
                most_behind_s=self._latest_s,
                times_s=self._times_s.copy(),
                errors=[f"{n} x {text}" for text, n in self._errors.most_common(SHOWN)],
            )


@dataclass(slots=True, kw_only=True)
class Verdict:
    """The results of a run.

    Shape: sent = acknowledged + other_statuses + refused + given_up + unfinished.

    Attributes:
        sent: alerts that were sent at least once.
        acknowledged: alerts that were answered with 200.
        accepted: acknowledged alerts whose answer has the status "accepted".
        duplicate: acknowledged alerts whose answer has the status "duplicate".
        other_statuses: alerts whose last answer had another status, by status.
        refused: alerts that could not be sent because nothing listened; they are not sent again.
        given_up: alerts that were never answered, not even after all retries.
        unfinished: alerts without a result, because the run was ended early.
        retried: how often an alert was sent again, or was about to be.
        rate: alerts a second, from the first to the last that was sent; None for fewer than two.
        behind_s: how late the last alert was sent, in seconds: the backlog.
        most_behind_s: the greatest delay of any alert, in seconds.
        times_s: how long each answer took, of any status, in seconds.
        errors: the most frequent errors, each "N x sentence".
        inbox: the result of the check of the inbox; None when it was not checked.
    """

    sent: int
    acknowledged: int
    accepted: int
    duplicate: int
    other_statuses: dict[str, int]
    refused: int
    given_up: int
    unfinished: int
    retried: int
    rate: float | None
    behind_s: float
    most_behind_s: float
    times_s: list[float]
    errors: list[str]
    inbox: InboxCheck | None = None

    @property
    def ok(self) -> bool:
        """Whether some alert was acknowledged, none is gone, and the inbox, if checked, agrees.

        A run that was ended before any alert had a result is no failure.
        """
        gone = self.refused + self.given_up
        none_taken = not self.acknowledged and self.unfinished < self.sent
        return not gone and not none_taken and (self.inbox is None or self.inbox.ok)

    def quantile_ms(self, share: float) -> float | None:
        """Return the shortest time that this share of the answers did not exceed.

        Args:
            share: above 0 and at most 1.

        Returns:
            Milliseconds; None when there were no answers.
        """
        if not self.times_s:
            return None
        return sorted(self.times_s)[math.ceil(share * len(self.times_s)) - 1] * 1e3

    def as_dict(self) -> dict[str, Any]:
        """Return the results as a JSON object, with `ok`, and with two quantiles of the times."""
        facts = {name: getattr(self, name) for name in self.__dataclass_fields__}
        del facts["times_s"]
        facts |= {"p50_ms": self.quantile_ms(0.5), "p99_ms": self.quantile_ms(0.99)}
        facts["inbox"] = None if self.inbox is None else self.inbox.as_dict()
        for name in ("rate", "behind_s", "most_behind_s", "p50_ms", "p99_ms"):
            facts[name] = None if facts[name] is None else round(facts[name], 3)
        return {"ok": self.ok, **facts}

    def lines(self) -> Iterator[str]:
        """Yield the results as lines for people."""
        rate = "" if self.rate is None else f", {self.rate:,.1f} a second"
        late = f", at most {self.most_behind_s:.1f} s late" if self.most_behind_s >= 0.1 else ""
        yield f"sent {self.sent:,}{rate}{late}"
        words = f"accepted {self.accepted:,}, duplicate {self.duplicate:,}"
        yield f"  answered 200  {self.acknowledged:>9,}  {words}"
        for status, number in self.other_statuses.items():
            yield f"  answered {status}  {number:>9,}  not acknowledged, not sent again"
        if self.refused:
            yield f"  refused       {self.refused:>9,}  nothing was there: gone for good"
        if self.given_up:
            yield f"  given up      {self.given_up:>9,}  no answer, with all retries: gone for good"
        if self.unfinished:
            yield f"  unfinished    {self.unfinished:>9,}  the run was ended before their end"
        if self.retried:
            yield f"  retries       {self.retried:>9,}"
        middle, tail = self.quantile_ms(0.5), self.quantile_ms(0.99)
        if middle is not None and tail is not None:
            yield f"  answers       p50 {middle:.1f} ms, p99 {tail:.1f} ms"
        for text in self.errors:
            yield f"  error: {text}"
        if self.inbox is not None:
            yield from self.inbox.lines()
