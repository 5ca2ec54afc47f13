"""Reads and writes durations ("500ms", "10s", "90d") and sizes ("64KiB", "10MB")."""

import math
import re

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_BYTES = {
    "": 1,
    "B": 1,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KIB": 1024,
    "MIB": 1024**2,
    "GIB": 1024**3,
}
MAX_SECONDS = 1e9  # the longest time that the core accepts
MAX_BYTES = 2**60  # sums of such sizes still fit 64 bits
_QUANTITY = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([A-Za-z]*)", re.ASCII)


def parse_duration(value: object) -> float:
    """Read a duration.

    Args:
        value: a number of seconds, or a text of one number and one unit: ms, s, m, h, d, w.

    Returns:
        Seconds, not negative, at most 1e9.

    Raises:
        ValueError: the value is anything else; the text describes a valid one.

    Source: docs/configuration.md, Units; the unit w: own choice.
    """
    wanted = 'wants a duration such as "500ms", "10s", "5m", "2h" or "90d"'
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"{wanted}, or a number of seconds")  # noqa: TRY004 - pydantic
    if isinstance(value, str):
        match = _QUANTITY.fullmatch(value.strip())
        if match is None or match[2] not in _SECONDS:
            raise ValueError(f"{wanted}, not {value!r}")
        value = float(match[1]) * _SECONDS[match[2]]
    if value > MAX_SECONDS:
        raise ValueError(f"{wanted}, of {MAX_SECONDS // 86400:.0f}d at most")
    if value < 0 or math.isnan(value):
        raise ValueError(f"{wanted}, not {value!r}")
    return float(value)


def parse_size(value: object) -> int:
    """Read a size.

    Args:
        value: a whole number of bytes, or a text of one number and one unit: B, KB, MB, GB (powers
            of 1000), KiB, MiB, GiB (powers of 1024); the unit's case does not matter.

    Returns:
        Bytes, a whole number, not negative, at most 2**60.

    Raises:
        ValueError: the value is anything else, or has a fraction of a byte; the text describes a
            valid one.

    Source: docs/configuration.md, Units.
    """
    wanted = 'wants a size such as "64KiB", "1MiB" or "10MB"'
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(f"{wanted}, or a whole number of bytes")  # noqa: TRY004 - pydantic
    if isinstance(value, int):
        return _bounded(value, wanted)
    match = _QUANTITY.fullmatch(value.strip())
    unit = _BYTES.get(match[2].upper()) if match else None
    if match is None or unit is None:
        raise ValueError(f"{wanted}, not {value!r}")
    size = float(match[1]) * unit
    if not size.is_integer():
        raise ValueError(f"{wanted}, not {value!r}, which is not a whole number of bytes")
    return _bounded(int(size), wanted)


def _bounded(size: int, wanted: str) -> int:
    if not 0 <= size <= MAX_BYTES:
        raise ValueError(f"{wanted}, from 0 to {format_size(MAX_BYTES)}")
    return size


def format_duration(seconds: float) -> str:
    """Format a duration for `parse_duration`, in its largest whole unit.

    Args:
        seconds: finite, not negative.

    Returns:
        A text such as "90d", "5m" or "1.5s", exact to the millisecond.
    """
    for unit in ("d", "h", "m", "s"):
        count = seconds / _SECONDS[unit]
        if count >= 1 and count.is_integer():
            return f"{int(count)}{unit}"
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"


def format_size(size: int) -> str:
    """Format a size for `parse_size`, in its largest whole unit of 1024.

    Args:
        size: bytes, not negative.

    Returns:
        A text such as "1MiB" or "1500B".
    """
    for unit in ("GiB", "MiB", "KiB"):
        count, rest = divmod(size, _BYTES[unit.upper()])
        if count and not rest:
            return f"{count}{unit}"
    return f"{size}B"


def rough_size(size: int) -> str:
    """Format a size for people, with three digits.

    Args:
        size: bytes, not negative.

    Returns:
        A text such as "532 B", "140 KiB" or "1.25 GiB".
    """
    if size < 1000:
        return f"{size} B"
    number = float(size)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        number /= 1024
        if number < 999.5:  # above this, three digits would print as 1e+03
            return f"{number:.3g} {unit}"
    return f"{number:,.0f} TiB"
