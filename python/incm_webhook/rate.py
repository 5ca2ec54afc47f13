"""A limit on how many alerts a plugin gets in a time."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass

_PERIODS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_RATE = re.compile(r"([0-9]{1,9})\s*/\s*([smh])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in a period of so many seconds."""

    count: int
    period: float

    def __str__(self) -> str:
        """As `parse_rate` reads it."""
        return f"{self.count}/{next(unit for unit, s in _PERIODS.items() if s == self.period)}"


def parse_rate(value: object) -> Rate | None:
    """Read a rate.

    Args:
        value: such as "10/s", "100/m", "1000/h"; a Rate or None is taken as it is.

    Returns:
        The rate, None for none.

    Raises:
        ValueError: anything else; the text says what is wanted.
    """
    if value is None or isinstance(value, Rate):
        return value
    match = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or int(match[1]) == 0:
        raise ValueError(f'wants a rate such as "10/s", "100/m" or "1000/h", not {value!r}')
    return Rate(int(match[1]), _PERIODS[match[2]])


class RateLimit:
    """A token bucket: holds the count of one period, and fills evenly over it.

    After a quiet period all of the count may go at once; in the long run the rate is kept.
    Threads: wait() and give_back() from any, the others from one at a time. Source: own choice.
    """

    def __init__(self, rate: Rate | None, clock: Callable[[], float]) -> None:
        """Make a full bucket; None limits nothing. clock: monotonic seconds."""
        self._rate = rate
        self._clock = clock
        self._tokens = float(rate.count) if rate else 0.0
        self._filled_at = clock()
        self._lock = threading.Lock()  # guards what is changed: the two above

    def wait(self) -> float:
        """Seconds until one may go; 0 now."""
        if self._rate is None:
            return 0.0
        self._fill(self._rate)
        return max(0.0, (1.0 - self._tokens) * self._rate.period / self._rate.count)

    def room(self, most: int) -> int:
        """How many may go now, at most `most`."""
        if self._rate is None:
            return most
        self._fill(self._rate)
        return min(most, int(self._tokens))

    def spend(self, count: int) -> None:
        """Note that so many went."""
        with self._lock:
            self._tokens -= count

    def give_back(self, count: int) -> None:
        """Note that so many did not go after all."""
        with self._lock:
            self._tokens += count

    def _fill(self, rate: Rate) -> None:
        with self._lock:
            now = self._clock()
            gained = (now - self._filled_at) * rate.count / rate.period
            self._tokens = min(float(rate.count), self._tokens + gained)
            self._filled_at = now
