"""Reads and writes times as people do: "2h" ago, "10:00", in the time zone of the machine."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo

from incm_webhook.config.quantities import parse_duration

# An offset with 60 minutes or more, which Python accepts and adds to the hours.
_ODD_OFFSET = re.compile(r":[0-9]{2}.*[+-][0-9]{2}:?[6-9][0-9]")


def parse_moment(text: str, now: datetime, *, past: bool, zone: tzinfo | None = None) -> datetime:
    """Read a time that a person wrote.

    Args:
        text: "2h" (two hours ago), "2026-11-24T10:00", "2026-11-24" or "10:00"; ISO 8601 as far as
            `datetime.fromisoformat` reads it.
        now: the current time, aware.
        past: whether a time of day that is later than now means yesterday.
        zone: the time zone of a text without one; None: the machine's, with its summer time.

    Returns:
        The time in UTC.

    Raises:
        ValueError: the text is anything else; the message names what is expected.
    """
    text = text.strip()
    try:
        return now.astimezone(UTC) - timedelta(seconds=parse_duration(text))
    except ValueError:
        pass
    wanted = 'wants a time such as "2h" (ago), "10:00" or "2026-11-24T10:00"'
    wrong = ValueError(f"{wanted}, not {text!r}")
    if _ODD_OFFSET.search(text):
        raise wrong
    try:
        if ":" not in text[:3]:
            return _in(zone, datetime.fromisoformat(text)).astimezone(UTC)
        of_day, day = time.fromisoformat(text), now.astimezone(zone).date()
        moment = _in(zone, datetime.combine(day, of_day))
        if past and moment > now:
            moment = _in(zone, datetime.combine(day - timedelta(days=1), of_day))
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):  # the latter: at the ends of the calendar
        raise wrong from None


def _in(zone: tzinfo | None, moment: datetime) -> datetime:
    if moment.tzinfo is not None:
        return moment
    return moment.astimezone() if zone is None else moment.replace(tzinfo=zone)


def local_time(rfc3339: str, beside: str | None = None) -> str:
    """Format a time of the API in the machine's time zone.

    Args:
        rfc3339: the time.
        beside: another time that is shown before this one. The date is left out when both are on
            the same day, and the zone when both have the same.

    Returns:
        A text such as "2026-11-24 10:00:03 UTC+01:00" or "10:00:03".
    """
    moment = datetime.fromisoformat(rfc3339).astimezone()
    other = None if beside is None else datetime.fromisoformat(beside).astimezone()
    same_day = other is not None and other.date() == moment.date()
    text = moment.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M:%S")
    same_zone = other is not None and other.utcoffset() == moment.utcoffset()
    return text if same_zone else f"{text} {_zone_of(moment)}"


def time_column(head: str, moments: Sequence[str | None]) -> tuple[str, list[str]]:
    """Format a column of times of the API in the machine's time zone.

    Args:
        head: the column's name.
        moments: the times by RFC 3339; None for an empty cell.

    Returns:
        The head with the zone, such as "RECEIVED (UTC+01:00)", and the cells. When the clocks
        changed between two of the times, each cell contains its own zone instead.
    """
    times = [None if one is None else datetime.fromisoformat(one).astimezone() for one in moments]
    zones = {_zone_of(one) for one in times if one}
    cells = [f"{one:%Y-%m-%d %H:%M:%S}" if one else "-" for one in times]
    if len(zones) > 1:
        cells = [
            f"{cell} {_zone_of(one)}" if one else cell
            for cell, one in zip(cells, times, strict=True)
        ]
    return (f"{head} ({zones.pop()})" if len(zones) == 1 else head), cells


def zone_now() -> str:
    """Return the time zone of the machine, as `local_time` writes it."""
    return _zone_of(datetime.now(UTC).astimezone())


def _zone_of(moment: datetime) -> str:
    """Format the offset of an aware time from UTC: "UTC", "UTC+01:00"."""
    text = moment.isoformat()[-6:]
    return "UTC" if text == "+00:00" else f"UTC{text}"


def roughly(seconds: float) -> str:
    """Format a duration in one or two units: "8 ms", "40 s", "2 h 5 min", "3 d 4 h"."""
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 ", " ")
    whole = round(seconds)
    for unit, name, small_unit, small_name in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= unit:
            rest = whole % unit // small_unit
            return f"{whole // unit} {name}" + (f" {rest} {small_name}" if rest else "")
    return f"{whole} s"
