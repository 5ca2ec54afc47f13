"""What a load test found, counted while it runs and told at the end."""

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

_OK = 200
_STEPS = 100  # of a bucket's logarithm: neighbours are 1 % apart


class Histogram:
    """Times in buckets of 1 %, so that a long run takes no more memory than a short one.

    Threads: one.

    Attributes:
        longest_s: exact.
    """

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._buckets: Counter[int] = Counter()

    def add(self, seconds: float) -> None:
        """Count a time."""
        self.longest_s = max(self.longest_s, seconds)
        self._buckets[int(math.log1p(seconds * 1e6) * _STEPS)] += 1

    def quantile_s(self, share: float) -> float | None:
        """Find the time that so large a share did not exceed; None when there is none."""
        wanted = math.ceil(share * self._buckets.total())
        for bucket in sorted(self._buckets):
            wanted -= self._buckets[bucket]
            if wanted <= 0:
                return min(math.expm1((bucket + 0.5) / _STEPS) / 1e6, self.longest_s)
        return None


class Report:
    """Counts the answers of a load test.

    Threads: one.

    Attributes:
        accepted: alerts that were stored.
        duplicates: those that the receiver took for a repetition.
        refused: how many answers had each other status.
        errors: how often what went wrong, in words.
        times: of the answers, of any status.
        seconds: from the start to the last answer.
    """

    def __init__(self, connections: int) -> None:
        """Begin with nothing.

        Args:
            connections: how many there are; told at the end.
        """
        self.accepted = 0
        self.duplicates = 0
        self.refused: Counter[int] = Counter()
        self.errors: Counter[str] = Counter()
        self.times = Histogram()
        self.seconds = 0.0
        self._connections = connections

    def answered(self, status: int, seconds: float, *, duplicate: bool) -> None:
        """Count an answer, which took so long."""
        self.times.add(seconds)
        if status != _OK:
            self.refused[status] += 1
        elif duplicate:
            self.duplicates += 1
        else:
            self.accepted += 1

    @property
    def confirmed(self) -> int:
        """Answers of 200."""
        return self.accepted + self.duplicates

    @property
    def rate(self) -> float:
        """Answers of 200 in a second."""
        return self.confirmed / self.seconds if self.seconds else 0.0

    @property
    def ok(self) -> bool:
        """Whether every alert was answered with 200, and there was one."""
        return self.confirmed > 0 and not self.refused and not self.errors

    def as_dict(self) -> dict[str, Any]:
        """All of it for JSON; times in milliseconds, None when nothing was answered."""
        found = {name: self.times.quantile_s(share) for name, share in _QUANTILES.items()}
        found["max"] = self.times.longest_s if self.times.quantile_s(1.0) is not None else None
        return {
            "rate": round(self.rate, 1),
            "seconds": round(self.seconds, 3),
            "connections": self._connections,
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "refused": {str(status): count for status, count in sorted(self.refused.items())},
            "errors": dict(self.errors),
            **{
                f"{name}_ms": None if time is None else round(time * 1e3, 3)
                for name, time in found.items()
            },
        }

    def lines(self) -> Iterator[str]:
        """All of it for people."""
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
