"""Reads the value of `rate`: the highest number of alerts in a period."""

import re
from dataclasses import dataclass

_PERIODS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_RATE = re.compile(r"([0-9]{1,9})\s*/\s*([smh])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` alerts in a period of `period` seconds."""

    count: int
    period: float

    def __str__(self) -> str:
        """Format the rate for `parse_rate`."""
        return f"{self.count}/{next(unit for unit, s in _PERIODS.items() if s == self.period)}"


def parse_rate(value: object) -> Rate | None:
    """Read a rate.

    Args:
        value: a text such as "10/s", "100/m", "1000/h"; a Rate or None is returned unchanged.

    Returns:
        The rate; None when there is no limit.

    Raises:
        ValueError: the value is anything else; the text describes a valid one.
    """
    if value is None or isinstance(value, Rate):
        return value
    match = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or int(match[1]) == 0:
        raise ValueError(f'wants a rate such as "10/s", "100/m" or "1000/h", not {value!r}')
    return Rate(int(match[1]), _PERIODS[match[2]])
