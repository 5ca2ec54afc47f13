"""Reads how long to wait: seconds, or what an HTTP answer's Retry-After says."""

import math
import re
import time
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime

_DIGITS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?", re.ASCII)


def seconds_until(after: object, clock: Callable[[], float] = time.time) -> float:
    """Read a wait.

    Args:
        after: seconds as a number or as text ("30"), or a date of HTTP
            ("Wed, 21 Oct 2026 07:28:00 GMT"); one that is over means 0.
        clock: seconds since 1970.

    Returns:
        Seconds, 0 or more.

    Raises:
        ValueError: it is something else; the text says what is wanted.
    """
    if isinstance(after, int | float) and not isinstance(after, bool):
        try:
            seconds = float(after)
        except OverflowError:
            seconds = math.inf
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    if isinstance(after, str):
        text = after.strip()
        if _DIGITS.fullmatch(text):
            return float(text)
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            moment = None
        if moment is not None:
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return max(0.0, moment.timestamp() - clock())
    shown = f"{after!r}"
    raise ValueError(
        "Retry(after=...) wants seconds, 0 or more, or a date as in Retry-After, not "
        f"{shown if len(shown) <= 80 else shown[:80] + '...'}"
    )
