"""Counts the results of a load test while it runs, and formats them at the end."""

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

_OK = 200
_STEPS = 100  # of a bucket's logarithm: neighbours are 1 % apart


class Histogram:
    """Counts times in buckets of 1 %, so that a long run needs no more memory than a short one.

    Threads: one.

    Attributes:
        longest_s: the longest time, exactly.
    """

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._buckets: Counter[int] = Counter()

    def add(self, seconds: float) -> None:
        """Count a time."""
        self.longest_s = max(self.longest_s, seconds)
        self._buckets[int(math.log1p(seconds * 1e6) * _STEPS)] += 1

    def quantile_s(self, share: float) -> float | None:
        """Return the time that this share of the times did not exceed; None without any time."""
        wanted = math.ceil(share * self._buckets.total())
        for bucket in sorted(self._buckets):
            wanted -= self._buckets[bucket]
            if wanted <= 0:
                return min(math.expm1((bucket + 0.5) / _STEPS) / 1e6, self.longest_s)
        return None

    def as_dict(self) -> dict[str, float | None]:
        """Return p50, p90, p99 and the longest time in milliseconds; None without any time."""
        found = {name: self.quantile_s(share) for name, share in _QUANTILES.items()}
        found["max"] = self.longest_s if self._buckets else None
        return {
            f"{name}_ms": None if time is None else round(time * 1e3, 3)
            for name, time in found.items()
        }


class Report:
    """Counts the answers of a load test.

    Threads: one.

    Attributes:
        accepted: how many alerts were stored.
        duplicates: how many alerts the receiver had already.
        refused: how many answers had each other status.
        errors: how often each error occurred, by its sentence.
        times: how long the answers took, of any status.
        seconds: the time from the start to the last answer.
    """

    def __init__(self, connections: int) -> None:
        """Begin with empty counters.

        Args:
            connections: how many connections are used; it is printed at the end.
        """
        self.accepted = 0
        self.duplicates = 0
        self.refused: Counter[int] = Counter()
        self.errors: Counter[str] = Counter()
        self.times = Histogram()
        self.seconds = 0.0
        self._connections = connections

    def answered(self, status: int, seconds: float, *, duplicate: bool) -> None:
        """Count an answer and the time that it took."""
        self.times.add(seconds)
        if status != _OK:
            self.refused[status] += 1
        elif duplicate:
            self.duplicates += 1
        else:
            self.accepted += 1

    @property
    def confirmed(self) -> int:
        """How many answers were 200."""
        return self.accepted + self.duplicates

    @property
    def rate(self) -> float:
        """How many answers of 200 came in a second."""
        return self.confirmed / self.seconds if self.seconds else 0.0

    @property
    def ok(self) -> bool:
        """Whether every alert was answered with 200, and there was one."""
        return self.confirmed > 0 and not self.refused and not self.errors

    def as_dict(self) -> dict[str, Any]:
        """Return the results as a JSON object; times in milliseconds, None without an answer."""
        return {
            "rate": round(self.rate, 1),
            "seconds": round(self.seconds, 3),
            "connections": self._connections,
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "refused": {str(status): count for status, count in sorted(self.refused.items())},
            "errors": dict(self.errors),
            **self.times.as_dict(),
        }

    def lines(self) -> Iterator[str]:
        """Yield the results as lines for people."""
        facts = self.as_dict()
        yield (
            f"rate        {self.rate:,.0f} alerts/s: {self.confirmed:,} answers of 200 in"
            f" {self.seconds:.1f} s over {self._connections} connections"
        )
        if facts["max_ms"] is not None:
            names = [*_QUANTILES, "max"]
            yield "answers     " + ", ".join(f"{one} {facts[f'{one}_ms']:.3g} ms" for one in names)
        if self.duplicates:
            yield f"duplicates  {self.duplicates:,}"
        for status, count in sorted(self.refused.items()):
            yield f"refused     {count:,} x {status}"
        for error, count in self.errors.most_common():
            yield f"errors      {count:,} x {error}"


_QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
