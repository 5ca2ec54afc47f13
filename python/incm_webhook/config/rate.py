"""How many alerts a plugin gets in a time: the value of `rate`."""

import re
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
